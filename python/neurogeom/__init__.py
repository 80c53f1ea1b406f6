"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

from ._isa import build_info
from ._results import ConvergenceWarning, load
from .cone import ConeProjection, project_cone

__version__ = _version("neurogeom")

__all__ = ["ConeProjection", "ConvergenceWarning", "build_info", "load", "project_cone"]
