"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

from ._isa import build_info
from ._results import ConvergenceWarning, load
from .capacity import ManifoldCapacity, NullCapacity, manifold_capacity
from .cone import ConeProjection, project_cone
from .manifolds import Manifolds, manifolds

__version__ = _version("neurogeom")

__all__ = [
    "ConeProjection",
    "ConvergenceWarning",
    "ManifoldCapacity",
    "Manifolds",
    "NullCapacity",
    "build_info",
    "load",
    "manifold_capacity",
    "manifolds",
    "project_cone",
]
