"""Measures of how alike two representations are; each is a :class:`~neurogeom.metrics.base.Metric`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _validate_pairwise as check
from .base import Distance, Metric, Part, Product, Similarity
from .rsa import RSA

__all__ = ["METRICS", "Distance", "Metric", "Part", "Product", "Similarity", "as_metric"]

# What `metric="..."` may be, with default options.
METRICS: dict[str, Callable[[], Metric]] = {
    "rsa": RSA,
}


def as_metric(value: Any) -> Metric:
    """Take a metric by name or as an object."""
    if isinstance(value, Metric):
        return value
    check.require_known_metric(value, METRICS)
    return METRICS[value]()
