"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

from . import datasets, io, sweep
from ._isa import build_info
from ._pairwise_result import Pairwise
from ._results import ConvergenceWarning, load
from .alignment import Alignment, NullAlignment, alignment
from .capacity import ManifoldCapacity, NullCapacity, manifold_capacity
from .closed_forms import EllipsoidCapacity, ball_capacity, ellipsoid_capacity, point_capacity
from .cone import ConeProjection, project_cone
from .correlated import CorrelatedCapacity, correlated_capacity, correlated_sphere_capacity
from .dichotomies import sparse_dichotomies, tilted_dichotomies
from .dimensionality import Dimensionality, dimensionality
from .exemplars import downsample, exemplar_manifolds, random_projection, translation_manifolds
from .joint import EffectiveGeometry, effective_geometry
from .manifolds import Manifolds, manifolds
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
    StreamingCKA,
    SubspaceDistance,
    cca,
    cka,
    from_rsatoolbox,
    procrustes,
    rdm,
    rsa,
    subspace_angles,
    to_rsatoolbox,
)
from .overlap import Overlap, overlap
from .pairwise import pairwise
from .representation import RDM, Representation
from .simulated import SimulatedCapacity, simulated_capacity, simulated_ellipsoid_capacity

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
