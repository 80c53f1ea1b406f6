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
from .joint import EffectiveGeometry, effective_geometry
from .manifolds import Manifolds, manifolds

__version__ = _version("neurogeom")

__all__ = [
    "ConeProjection",
    "ConvergenceWarning",
    "Dimensionality",
    "EffectiveGeometry",
    "EllipsoidCapacity",
    "ManifoldCapacity",
    "Manifolds",
    "NullCapacity",
    "ball_capacity",
    "build_info",
    "datasets",
    "dimensionality",
    "effective_geometry",
    "ellipsoid_capacity",
    "load",
    "manifold_capacity",
    "manifolds",
    "point_capacity",
    "project_cone",
    "sparse_dichotomies",
    "tilted_dichotomies",
]
