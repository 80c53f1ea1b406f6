"""Measures of how alike two representations are; each is a :class:`~neurogeom.metrics.base.Metric`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..representations import checks as check
from .base import Distance, Metric, Part, Product, Similarity
from .bures import NBS, Bures
from .canonical import PWCCA, SVCCA, MeanCCA
from .cka import CKA, cka
from .gulp import GULP
from .matching import Permutation
from .predictivity import LinearR2, Ridge
from .rsa import RSA, rdm, rsa
from .shape import CCA, Procrustes, ShapeMetric, cca, procrustes
from .subspace import EigenspaceOverlap, SubspaceDistance, subspace_angles

__all__ = [
    "CCA",
    "CKA",
    "GULP",
    "METRICS",
    "NBS",
    "PWCCA",
    "RSA",
    "SVCCA",
    "Bures",
    "Distance",
    "EigenspaceOverlap",
    "LinearR2",
    "MeanCCA",
    "Metric",
    "Part",
    "Permutation",
    "Procrustes",
    "Product",
    "Ridge",
    "ShapeMetric",
    "Similarity",
    "SubspaceDistance",
    "as_metric",
    "as_metrics",
    "cca",
    "cka",
    "procrustes",
    "rdm",
    "rsa",
    "subspace_angles",
]

# What `metric="..."` may be, with default options.
METRICS: dict[str, Callable[[], Metric]] = {
    "bures": Bures,
    "cca": CCA,
    "chordal": functools.partial(SubspaceDistance, "chordal"),
    "cka": CKA,
    "eigenspace_overlap": EigenspaceOverlap,
    "grassmann": SubspaceDistance,
    "gulp": GULP,
    "mean_cca": MeanCCA,
    "nbs": NBS,
    "permutation": Permutation,
    "procrustes": Procrustes,
    "projection": functools.partial(SubspaceDistance, "projection"),
    "pwcca": PWCCA,
    "r2": LinearR2,
    "ridge": Ridge,
    "rsa": RSA,
    "svcca": SVCCA,
}


def as_metric(value: Any) -> Metric:
    """Take a metric by name or as an object."""
    if isinstance(value, Metric):
        return value
    check.refuse_metric_lookalike(value, Metric)
    check.require_known_metric(value, METRICS)
    return METRICS[value]()


def as_metrics(value: Any) -> list[Metric]:
    """Take one metric or a list of them."""
    if isinstance(value, (list, tuple)):
        check.refuse_metric_lookalike(value, Metric)
        return [as_metric(item) for item in value]
    return [as_metric(value)]
