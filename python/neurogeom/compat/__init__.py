"""Drop-ins: the module names, arguments and return order of packages that people already use."""

from .._base.lazy import lazily as _lazily

__getattr__, __dir__ = _lazily(__name__)
