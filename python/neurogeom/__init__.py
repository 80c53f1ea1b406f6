"""neurogeom: the geometry of neural representations, measured fast."""

from importlib.metadata import version as _version

__version__ = _version("neurogeom")
