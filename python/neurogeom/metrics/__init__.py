"""Measures of how alike two representations are; each is a :class:`~neurogeom.metrics.base.Metric`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._base.codec import import_from
from ..representations.checks import did_you_mean
from .base import Distance, Metric, Part, Product, Similarity
from .bures import NBS, Bures
from .canonical import PWCCA, SVCCA, MeanCCA
from .cka import CKA, cka
from .gulp import GULP
from .matching import Permutation
from .predictivity import LinearR2, Ridge
from .rsa import RSA, rdm, rsa
from .shape import CCA, Procrustes, ShapeMetric, cca, procrustes
from .stochastic import GaussianStochastic, ProcessStochastic
from .stochastic_energy import EnergyStochastic
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
    "EnergyStochastic",
    "GaussianStochastic",
    "LinearR2",
    "MeanCCA",
    "Metric",
    "Part",
    "Permutation",
    "ProcessStochastic",
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
    """Find a metric given by name, as an object, or as "package.module:Class" of one's own."""
    if isinstance(value, Metric):
        return value
    _refuse_lookalike(value)
    if not isinstance(value, str):
        raise TypeError(f"metric must be a name or a metric object, not {type(value).__name__}")
    if ":" in value:
        return _imported(value)
    if value not in METRICS:
        known = ", ".join(map(repr, METRICS))
        raise ValueError(
            f"metric must be one of {known} or an object, not {value!r}{did_you_mean(value, METRICS)}"
        )
    return METRICS[value]()


def _imported(path: str) -> Metric:
    try:
        found = import_from(path)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"metric {path!r} cannot be imported: {error}") from error
    if callable(found):
        found = found()
    if not isinstance(found, Metric):
        raise TypeError(f"metric must be a neurogeom.Metric, not {type(found).__name__}")
    return found


def as_metrics(value: Any) -> list[Metric]:
    """Take one metric or a list of them."""
    if isinstance(value, (list, tuple)):
        _refuse_lookalike(value)
        return [as_metric(item) for item in value]
    return [as_metric(value)]


def _refuse_lookalike(value: Any) -> None:
    """Refuse a class or a function in place of a metric object, or a second representation in its place."""
    if isinstance(value, type) and issubclass(value, Metric):
        ours = "ng." * value.__module__.startswith("neurogeom.")
        raise TypeError(
            f"metric is the class {value.__name__}: pass an object of it, {ours}{value.__name__}()"
        )
    if callable(value) and hasattr(value, "__name__"):
        what = "class" if isinstance(value, type) else "function"
        raise TypeError(
            f"metric is the {what} {value.__name__}: pass a name, such as 'cka', or an object, ng.CKA()"
        )
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if not isinstance(value, str) and (
        hasattr(value, "shape") or hasattr(value, "n_stimuli") or hasattr(value, "ids")
    ):
        raise TypeError(
            "metric is an array or a representation: to compare X with Y use ng.cka(X, Y) for one pair, "
            "ng.pairwise([X, Y], metric) for a list, or ng.pairwise(Xs, metric, others=Ys) for two lists"
        )
