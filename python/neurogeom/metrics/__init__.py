"""Measures of how alike two representations are; each is a :class:`~neurogeom.metrics.base.Metric`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _validate_pairwise as check
from ._streaming_cka import StreamingCKA
from .base import Distance, Metric, Part, Product, Similarity
from .cka import CKA, cka
from .matching import Permutation
from .rsa import RSA, rdm, rsa
from .rsatoolbox import from_rsatoolbox, to_rsatoolbox
from .shape import CCA, Procrustes, ShapeMetric

__all__ = [
    "CCA",
    "CKA",
    "METRICS",
    "RSA",
    "Distance",
    "Metric",
    "Part",
    "Permutation",
    "Procrustes",
    "Product",
    "ShapeMetric",
    "Similarity",
    "StreamingCKA",
    "as_metric",
    "cka",
    "from_rsatoolbox",
    "rdm",
    "rsa",
    "to_rsatoolbox",
]

# What `metric="..."` may be, with default options.
METRICS: dict[str, Callable[[], Metric]] = {
    "cca": CCA,
    "cka": CKA,
    "permutation": Permutation,
    "procrustes": Procrustes,
    "rsa": RSA,
}


def as_metric(value: Any) -> Metric:
    """Take a metric by name or as an object."""
    if isinstance(value, Metric):
        return value
    check.require_known_metric(value, METRICS)
    return METRICS[value]()
