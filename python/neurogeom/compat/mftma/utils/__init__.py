"""Stands in for ``mftma.utils``: sampling classes, reading activations, the analysis of a model."""

from ...._base.lazy import lazily as _lazily

__getattr__, __dir__ = _lazily(__name__)
