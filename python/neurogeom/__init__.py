"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

from . import datasets, io, sweep
from ._base.isa import build_info
from ._base.results import ConvergenceWarning, load
from .capacity.closed_forms import EllipsoidCapacity, ball_capacity, ellipsoid_capacity, point_capacity
from .capacity.cone import ConeProjection, project_cone
from .capacity.correlated import CorrelatedCapacity, correlated_capacity, correlated_sphere_capacity
from .capacity.joint import EffectiveGeometry, effective_geometry
from .capacity.mean_field import ManifoldCapacity, NullCapacity, manifold_capacity
from .capacity.overlap import Overlap, overlap
from .capacity.simulated import SimulatedCapacity, simulated_capacity, simulated_ellipsoid_capacity
from .clouds.alignment import Alignment, NullAlignment, alignment
from .clouds.building import downsample, exemplar_manifolds, random_projection, translation_manifolds
from .clouds.dichotomies import sparse_dichotomies, tilted_dichotomies
from .clouds.dimensionality import Dimensionality, dimensionality
from .clouds.manifolds import Manifolds, manifolds
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
    LinearR2,
    MeanCCA,
    Metric,
    Permutation,
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
from .representations.representation import RDM, Representation

__version__ = _version("neurogeom")

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
    "LinearR2",
    "ManifoldCapacity",
    "Manifolds",
    "MeanCCA",
    "Metric",
    "NullAlignment",
    "NullCapacity",
    "Overlap",
    "Pairwise",
    "Permutation",
    "Procrustes",
    "Representation",
    "Ridge",
    "ShapeMetric",
    "SimulatedCapacity",
    "StreamingCKA",
    "SubspaceDistance",
    "alignment",
    "ball_capacity",
    "build_info",
    "cca",
    "cka",
    "correlated_capacity",
    "correlated_sphere_capacity",
    "datasets",
    "dimensionality",
    "downsample",
    "effective_geometry",
    "ellipsoid_capacity",
    "exemplar_manifolds",
    "from_rsatoolbox",
    "io",
    "load",
    "manifold_capacity",
    "manifolds",
    "overlap",
    "pairwise",
    "point_capacity",
    "procrustes",
    "project_cone",
    "random_projection",
    "rdm",
    "rsa",
    "simulated_capacity",
    "simulated_ellipsoid_capacity",
    "sparse_dichotomies",
    "subspace_angles",
    "sweep",
    "tilted_dichotomies",
    "to_rsatoolbox",
    "translation_manifolds",
]
