"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

from . import datasets
from ._isa import build_info
from ._results import ConvergenceWarning, load
from .capacity import ManifoldCapacity, NullCapacity, manifold_capacity
from .closed_forms import EllipsoidCapacity, ball_capacity, ellipsoid_capacity, point_capacity
from .cone import ConeProjection, project_cone
from .dichotomies import sparse_dichotomies, tilted_dichotomies
from .dimensionality import Dimensionality, dimensionality
from .manifolds import Manifolds, manifolds
from .simulated import SimulatedCapacity, simulated_capacity, simulated_ellipsoid_capacity

__version__ = _version("neurogeom")

__all__ = [
    "ConeProjection",
    "ConvergenceWarning",
    "Dimensionality",
    "EllipsoidCapacity",
    "ManifoldCapacity",
    "Manifolds",
    "NullCapacity",
    "SimulatedCapacity",
    "ball_capacity",
    "build_info",
    "datasets",
    "dimensionality",
    "ellipsoid_capacity",
    "load",
    "manifold_capacity",
    "manifolds",
    "point_capacity",
    "project_cone",
    "simulated_capacity",
    "simulated_ellipsoid_capacity",
    "sparse_dichotomies",
    "tilted_dichotomies",
]
