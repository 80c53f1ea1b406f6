"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import datasets, io, kernels, logits
from ._base.isa import build_info
from ._base.lazy import lazily as _lazily
from ._base.results import ConvergenceWarning, load
from .capacity.closed_forms import (
    EllipsoidCapacity,
    ball_capacity,
    correlated_sphere_capacity,
    ellipsoid_capacity,
    point_capacity,
)
from .capacity.cone import ConeProjection, project_cone
from .capacity.correlated import correlated_capacity
from .capacity.joint import effective_geometry
from .capacity.mean_field import manifold_capacity
from .capacity.overlap import Overlap, overlap
from .capacity.results import (
    CorrelatedCapacity,
    EffectiveGeometry,
    ManifoldCapacity,
    NullCapacity,
    NullGeometry,
)
from .capacity.simulated import SimulatedCapacity, simulated_capacity, simulated_ellipsoid_capacity
from .clouds.alignment import Alignment, NullAlignment, alignment
from .clouds.building import downsample, exemplar_manifolds, random_projection, translation_manifolds
from .clouds.collapse import NeuralCollapse, neural_collapse
from .clouds.dichotomies import sparse_dichotomies, tilted_dichotomies
from .clouds.dimensionality import Dimensionality, dimensionality
from .clouds.intrinsic import IntrinsicDimension, intrinsic_dimension
from .clouds.manifolds import Manifolds, manifolds
from .generalization.fewshot import FewshotGeometry, fewshot_geometry
from .generalization.fewshot_error import FewshotError, fewshot_error
from .generalization.fewshot_prediction import FewshotPrediction, fewshot_prediction
from .generalization.kway import KwayError, kway_error
from .generalization.neurons import (
    NeuronsNeeded,
    SubsampledDimension,
    n_neurons_needed,
    subsampled_dimension,
)
from .generalization.prediction_curve import PredictionCurve, prediction_curve
from .generalization.spectral import SpectralPrediction, spectral_prediction
from .generalization.zero_shot import ZeroShotError, zero_shot_error
from .inference import Null
from .io.rsatoolbox import from_rsatoolbox, to_rsatoolbox
from .metrics import (
    CCA,
    CKA,
    GULP,
    NBS,
    PWCCA,
    RSA,
    SVCCA,
    Bures,
    EigenspaceOverlap,
    EnergyStochastic,
    GaussianStochastic,
    LinearR2,
    MeanCCA,
    Metric,
    Permutation,
    ProcessStochastic,
    Procrustes,
    Ridge,
    ShapeMetric,
    SubspaceDistance,
    cca,
    cka,
    procrustes,
    rdm,
    rsa,
    subspace_angles,
)
from .pairs.driver import pairwise
from .pairs.result import Pairwise
from .pairs.streaming import StreamingCKA
from .profiles import RepresentationProfile, representation_profile
from .representations.rdm import RDM
from .representations.repeats import Repeats
from .representations.representation import Representation

if _TYPE_CHECKING:
    from . import compat, plot, report, sweep

__version__ = _version("neurogeom")
__getattr__, __dir__ = _lazily(__name__, ["compat", "plot", "report", "sweep"])

__all__ = [
    "CCA",
    "CKA",
    "GULP",
    "NBS",
    "PWCCA",
    "RDM",
    "RSA",
    "SVCCA",
    "Alignment",
    "Bures",
    "ConeProjection",
    "ConvergenceWarning",
    "CorrelatedCapacity",
    "Dimensionality",
    "EffectiveGeometry",
    "EigenspaceOverlap",
    "EllipsoidCapacity",
    "EnergyStochastic",
    "FewshotError",
    "FewshotGeometry",
    "FewshotPrediction",
    "GaussianStochastic",
    "IntrinsicDimension",
    "KwayError",
    "LinearR2",
    "ManifoldCapacity",
    "Manifolds",
    "MeanCCA",
    "Metric",
    "NeuralCollapse",
    "NeuronsNeeded",
    "Null",
    "NullAlignment",
    "NullCapacity",
    "NullGeometry",
    "Overlap",
    "Pairwise",
    "Permutation",
    "PredictionCurve",
    "ProcessStochastic",
    "Procrustes",
    "Repeats",
    "Representation",
    "RepresentationProfile",
    "Ridge",
    "ShapeMetric",
    "SimulatedCapacity",
    "SpectralPrediction",
    "StreamingCKA",
    "SubsampledDimension",
    "SubspaceDistance",
    "ZeroShotError",
    "alignment",
    "ball_capacity",
    "build_info",
    "cca",
    "cka",
    "compat",
    "correlated_capacity",
    "correlated_sphere_capacity",
    "datasets",
    "dimensionality",
    "downsample",
    "effective_geometry",
    "ellipsoid_capacity",
    "exemplar_manifolds",
    "fewshot_error",
    "fewshot_geometry",
    "fewshot_prediction",
    "from_rsatoolbox",
    "intrinsic_dimension",
    "io",
    "kernels",
    "kway_error",
    "load",
    "logits",
    "manifold_capacity",
    "manifolds",
    "n_neurons_needed",
    "neural_collapse",
    "overlap",
    "pairwise",
    "plot",
    "point_capacity",
    "prediction_curve",
    "procrustes",
    "project_cone",
    "random_projection",
    "rdm",
    "report",
    "representation_profile",
    "rsa",
    "simulated_capacity",
    "simulated_ellipsoid_capacity",
    "sparse_dichotomies",
    "spectral_prediction",
    "subsampled_dimension",
    "subspace_angles",
    "sweep",
    "tilted_dichotomies",
    "to_rsatoolbox",
    "translation_manifolds",
    "zero_shot_error",
]
