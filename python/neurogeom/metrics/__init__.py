"""Measures of how alike two representations are; each is a :class:`~neurogeom.metrics.base.Metric`."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._base.codec import import_from
from ..representations.checks import did_you_mean
from .base import Distance, Metric, Part, Product, Similarity
from .bures import NBS, Bures
from .canonical import PWCCA, SVCCA, MeanCCA
from .cka import CKA, cka
from .convolutional import Convolutional, ShiftMap
from .distance_correlation import DistanceCorrelation
from .geometric import GeometricDifference
from .gulp import GULP
from .kernel_ridge import KernelRidge
from .matched_correlation import MatchedCorrelation
from .matching import Permutation
from .multiscale import IMD
from .neighbours import Neighbours
from .pls import PLS
from .predictivity import LinearR2, Ridge
from .riemannian import AffineInvariant
from .rsa import RSA, rdm, rsa
from .rsm_norm import RSMNormDifference
from .shape import CCA, Procrustes, ShapeMetric, cca, procrustes
from .shared_dimensions import ENSD
from .soft_matching import SoftMatching
from .stochastic import GaussianStochastic, ProcessStochastic
from .stochastic_energy import EnergyStochastic
from .subspace import EigenspaceOverlap, SubspaceDistance, subspace_angles

__all__ = [
    "CCA",
    "CKA",
    "ENSD",
    "GULP",
    "IMD",
    "METRICS",
    "NBS",
    "PLS",
    "PWCCA",
    "RSA",
    "SVCCA",
    "AffineInvariant",
    "Bures",
    "Convolutional",
    "Distance",
    "DistanceCorrelation",
    "EigenspaceOverlap",
    "EnergyStochastic",
    "GaussianStochastic",
    "GeometricDifference",
    "KernelRidge",
    "LinearR2",
    "MatchedCorrelation",
    "MeanCCA",
    "Metric",
    "Neighbours",
    "Part",
    "Permutation",
    "ProcessStochastic",
    "Procrustes",
    "Product",
    "RSMNormDifference",
    "Ridge",
    "ShapeMetric",
    "ShiftMap",
    "Similarity",
    "SoftMatching",
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
    "affine_invariant": AffineInvariant,
    "bures": Bures,
    "cca": CCA,
    "chordal": functools.partial(SubspaceDistance, "chordal"),
    "cka": CKA,
    "cknna": functools.partial(Neighbours, "cknna"),
    "concentricity_difference": functools.partial(GeometricDifference, "concentricity"),
    "cycle_knn": functools.partial(Neighbours, "cycle"),
    "distance_correlation": DistanceCorrelation,
    "eigenspace_overlap": EigenspaceOverlap,
    "ensd": ENSD,
    "grassmann": SubspaceDistance,
    "gulp": GULP,
    "imd": IMD,
    "kernel_ridge": KernelRidge,
    "knn_jaccard": functools.partial(Neighbours, "jaccard"),
    "knn_rank": functools.partial(Neighbours, "rank"),
    "magnitude_difference": GeometricDifference,
    "matched_correlation": MatchedCorrelation,
    "mean_cca": MeanCCA,
    "mutual_knn": Neighbours,
    "nbs": NBS,
    "permutation": Permutation,
    "pls": PLS,
    "procrustes": Procrustes,
    "projection": functools.partial(SubspaceDistance, "projection"),
    "pwcca": PWCCA,
    "r2": LinearR2,
    "ridge": Ridge,
    "rsa": RSA,
    "rsm_norm_difference": RSMNormDifference,
    "second_order_cosine": functools.partial(Neighbours, "second_order_cosine"),
    "soft_matching": SoftMatching,
    "svcca": SVCCA,
}


# Names that may also stand before options, as in `metric="shape(alpha=0.5)"`.
_WITH_OPTIONS: dict[str, Callable[..., Metric]] = {"shape": ShapeMetric, **METRICS}


def as_metric(value: Any) -> Metric:
    """Find a metric given by name, as an object, or as "package.module:Class" of one's own.

    A name may be followed by options, which are literals: "shape(alpha=0.5)".
    """
    if isinstance(value, Metric):
        return value
    _refuse_lookalike(value)
    if not isinstance(value, str):
        raise TypeError(f"metric must be a name or a metric object, not {type(value).__name__}")
    head, bracket, _ = value.partition("(")
    if ":" in head:
        return _imported(value)
    if bracket:
        return _with_options(value, head.strip())
    if value not in METRICS:
        known = ", ".join(map(repr, METRICS))
        raise ValueError(
            f"metric must be one of {known} or an object, not {value!r}{did_you_mean(value, METRICS)}"
        )
    return METRICS[value]()


def _with_options(text: str, name: str) -> Metric:
    """Make a metric from "name(options)"."""
    if name not in _WITH_OPTIONS:
        known = ", ".join(map(repr, _WITH_OPTIONS))
        hint = did_you_mean(name, _WITH_OPTIONS)
        raise ValueError(f"metric {text!r}: the name must be one of {known}, not {name!r}{hint}")
    return _called(_WITH_OPTIONS[name], text)


def _called(make: Callable[..., Metric], text: str) -> Metric:
    """Call a class with the options of "name(options)", which are literals."""
    arguments, keywords = _literals(text)
    try:
        return make(*arguments, **keywords)
    except TypeError as error:
        known = list(inspect.signature(make).parameters)
        for keyword in keywords:
            if keyword not in known:
                raise ValueError(
                    f"metric {text!r}: there is no option {keyword!r}, but {', '.join(known) or 'none'}"
                    f"{did_you_mean(keyword, known)}"
                ) from None
        raise ValueError(f"metric {text!r}: {error}") from None
    except ValueError as error:
        raise ValueError(f"metric {text!r}: {error}") from None


def _literals(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Read the options of "name(options)" without running anything."""
    _, bracket, rest = text.partition("(")
    try:
        call = ast.parse(f"f{bracket}{rest}".strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("more than one bracket")
        if any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("two stars")
        arguments = [ast.literal_eval(argument) for argument in call.args]
        return arguments, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise ValueError(
            f"metric {text!r}: options must be literals in one pair of brackets, as in "
            "shape(alpha=0.5, score='euclidean')"
        ) from None


def _imported(text: str) -> Metric:
    path, bracket, _ = text.partition("(")
    try:
        found = import_from(path)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"metric {path!r} cannot be imported: {error}") from error
    if callable(found):
        found = _called(found, text) if bracket else found()
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
