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
from .comparisons.groups import GroupComparison, compare_groups
from .comparisons.mantel import MantelTest, mantel
from .comparisons.models import ModelComparison, compare_models
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
    ENSD,
    GULP,
    IMD,
    NBS,
    PLS,
    PWCCA,
    RSA,
    SVCCA,
    AffineInvariant,
    Bures,
    Convolutional,
    DistanceCorrelation,
    EigenspaceOverlap,
    EnergyStochastic,
    GaussianStochastic,
    GeometricDifference,
    KernelRidge,
    LinearR2,
    MatchedCorrelation,
    MeanCCA,
    Metric,
    Neighbours,
    Permutation,
    ProcessStochastic,
    Procrustes,
    Ridge,
    RSMNormDifference,
    ShapeMetric,
    ShiftMap,
    SoftMatching,
    SubspaceDistance,
    cca,
    cka,
    procrustes,
    rdm,
    rsa,
    subspace_angles,
)
from .pairs.axioms import MetricCheck, check_metric
from .pairs.clustering import ShapeClusters, shape_kmeans
from .pairs.correlation_nulls import correlation_null
from .pairs.driver import pairwise
from .pairs.embedding import Embedding, Embeddings, Placement, mds
from .pairs.graph_measures import average_controllability, communicability
from .pairs.graphs import Graph, graph
from .pairs.result import Pairwise
from .pairs.shapes import FrechetMean, TangentSpace, frechet_mean, tangent_space
from .pairs.split_half import SplitHalf, split_half
from .pairs.streaming import StreamingCKA
from .profiles import RepresentationProfile, representation_profile
from .representations.feature_maps import FeatureMaps
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
    "ENSD",
    "GULP",
    "IMD",
    "NBS",
    "PLS",
    "PWCCA",
    "RDM",
    "RSA",
    "SVCCA",
    "AffineInvariant",
    "Alignment",
    "Bures",
    "ConeProjection",
    "ConvergenceWarning",
    "Convolutional",
    "CorrelatedCapacity",
    "Dimensionality",
    "DistanceCorrelation",
    "EffectiveGeometry",
    "EigenspaceOverlap",
    "EllipsoidCapacity",
    "Embedding",
    "Embeddings",
    "EnergyStochastic",
    "FeatureMaps",
    "FewshotError",
    "FewshotGeometry",
    "FewshotPrediction",
    "FrechetMean",
    "GaussianStochastic",
    "GeometricDifference",
    "Graph",
    "GroupComparison",
    "IntrinsicDimension",
    "KernelRidge",
    "KwayError",
    "LinearR2",
    "ManifoldCapacity",
    "Manifolds",
    "MantelTest",
    "MatchedCorrelation",
    "MeanCCA",
    "Metric",
    "MetricCheck",
    "ModelComparison",
    "Neighbours",
    "NeuralCollapse",
    "NeuronsNeeded",
    "Null",
    "NullAlignment",
    "NullCapacity",
    "NullGeometry",
    "Overlap",
    "Pairwise",
    "Permutation",
    "Placement",
    "PredictionCurve",
    "ProcessStochastic",
    "Procrustes",
    "RSMNormDifference",
    "Repeats",
    "Representation",
    "RepresentationProfile",
    "Ridge",
    "ShapeClusters",
    "ShapeMetric",
    "ShiftMap",
    "SimulatedCapacity",
    "SoftMatching",
    "SpectralPrediction",
    "SplitHalf",
    "StreamingCKA",
    "SubsampledDimension",
    "SubspaceDistance",
    "TangentSpace",
    "ZeroShotError",
    "alignment",
    "average_controllability",
    "ball_capacity",
    "build_info",
    "cca",
    "check_metric",
    "cka",
    "communicability",
    "compare_groups",
    "compare_models",
    "compat",
    "correlated_capacity",
    "correlated_sphere_capacity",
    "correlation_null",
    "datasets",
    "dimensionality",
    "downsample",
    "effective_geometry",
    "ellipsoid_capacity",
    "exemplar_manifolds",
    "fewshot_error",
    "fewshot_geometry",
    "fewshot_prediction",
    "frechet_mean",
    "from_rsatoolbox",
    "graph",
    "intrinsic_dimension",
    "io",
    "kernels",
    "kway_error",
    "load",
    "logits",
    "manifold_capacity",
    "manifolds",
    "mantel",
    "mds",
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
    "shape_kmeans",
    "simulated_capacity",
    "simulated_ellipsoid_capacity",
    "sparse_dichotomies",
    "spectral_prediction",
    "split_half",
    "subsampled_dimension",
    "subspace_angles",
    "sweep",
    "tangent_space",
    "tilted_dichotomies",
    "to_rsatoolbox",
    "translation_manifolds",
    "zero_shot_error",
]
