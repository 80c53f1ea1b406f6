"""Whether two models agree: on which samples are sure, and on the order of wrong classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.estimates import mean_and_error
from .._base.isa import core
from .._base.results import Result
from .._base.threads import resolve_threads
from .checks import Indices, as_logits, require_same_classes, require_same_rows, without
from .samples import confidence, energy, entropy, logit_gaps, max_logit

_MEASURES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "confidence": confidence,
    "max_logit": max_logit,
    "gap": lambda logits: logit_gaps(logits)[:, 0],
    "entropy": entropy,
    "energy": lambda logits: energy(logits, center=True),
}
_BLOCK = 256  # samples whose orders are compared at a time


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ConfidenceAgreement(Result):
    """Whether two models are sure of the same samples; see :func:`confidence_agreement`.

    Attributes
    ----------
    spearman, spearman_se : float
        Rank correlation, and its standard error over samples.
    differences : ndarray, shape (n_top,)
        The largest differences, first minus second model, by falling size.
    samples : ndarray of int, shape (n_top,)
        The samples in which they occur.
    n_samples : int
        Number of samples.
    by : str
        The measure of confidence.
    """

    _headline: ClassVar[tuple[str, ...]] = ("spearman", "n_samples", "by")

    spearman: float
    spearman_se: float
    differences: FloatArray
    samples: Indices
    n_samples: int
    by: str


def confidence_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    by: Literal["confidence", "max_logit", "gap", "entropy", "energy"] = "confidence",
    n_top: int = 10,
) -> ConfidenceAgreement:
    """Rank correlation over samples of how sure two models are, and the samples in which they differ most.

    Parameters
    ----------
    first, second : array_like, shape (n_samples, n_classes)
        Logits of two models for the same samples; the classes may differ.
    by : {"confidence", "max_logit", "gap", "entropy", "energy"}
        What is compared. The largest logit and the energy are of rows without their mean.
    n_top : int
        Number of samples to list.

    Returns
    -------
    ConfidenceAgreement

    Raises
    ------
    TypeError, ValueError
        If the logits are not finite matrices of equally many samples, at least 3, or if one model's measure
        is the same for all samples.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom import logits
    >>> Z = np.random.default_rng(0).standard_normal((50, 4))
    >>> found = logits.confidence_agreement(Z, 2 * Z, by="max_logit", n_top=1)
    >>> round(found.spearman, 6), bool(found.samples[0] == logits.max_logit(Z).argmax())
    (1.0, True)
    """
    one, other = as_logits(first, "first"), as_logits(second, "second")
    _require_same_samples(one, other)
    require_same_rows({"first": first, "second": second})
    by = _validate.as_choice(by, "by", tuple(_MEASURES))  # type: ignore[assignment]
    count = _validate.as_count(n_top, "n_top", minimum=0)
    n = _validate.as_count(len(one), "the number of samples", minimum=3)
    left, right = _MEASURES[by](one), _MEASURES[by](other)
    for values, name in ((left, "first"), (right, "second")):
        if (values == values[0]).all():
            raise ValueError(f"{by} of {name} is the same for all samples, so that it has no ranks")
    difference = left - right
    top = np.argsort(-np.abs(difference), kind="stable")[:count]
    rho, error = _spearman(left, right)
    return ConfidenceAgreement(
        spearman=rho,
        spearman_se=error,
        differences=difference[top],
        samples=top,
        n_samples=n,
        by=by,
    )


def _spearman(left: FloatArray, right: FloatArray) -> tuple[float, float]:
    """Rank correlation, and its error from the influence of each sample on it.

    Spearman's rho of distinct values is 12 E[(F - 1/2)(G - 1/2)] in the distribution functions F and G; a
    sample moves it by its own product and by what it adds to F and G of all others.
    """
    from scipy.stats import rankdata  # slow to import

    n = len(left)
    x, y = (rankdata(values) - (n + 1) / 2 for values in (left, right))
    sizes = math.sqrt(float(x @ x) * float(y @ y))
    rho = float(x @ y) / sizes
    # Sum over samples i of [left_i >= left_k] y_i (ties half), for each k.
    influence = x * y + _sums_above(left, y) + _sums_above(right, x)
    # Of the normalised ranks x / |x|: x'x is fixed but for ties, so that only the product moves.
    influence -= influence.mean()
    return rho, math.sqrt(float(influence @ influence) / (n * (n - 1))) * n / sizes


def _sums_above(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return for each k the sum of weights of samples with larger values, and half of those with the same."""
    order = np.argsort(values, kind="stable")
    totals = np.concatenate([[0.0], np.cumsum(weights[order])])
    rising = values[order]
    below, up_to = np.searchsorted(rising, values), np.searchsorted(rising, values, "right")
    sums: FloatArray = totals[-1] - (totals[below] + totals[up_to]) / 2
    return sums


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OrderAgreement(Result):
    """Whether two models put wrong classes in the same order; see :func:`order_agreement`.

    Attributes
    ----------
    agreement, agreement_se : float
        Mean of Kendall's tau-b over the samples that are used, and its standard error over samples.
    tau : ndarray, shape (n_samples,)
        Of each sample; NaN where the models predict different classes, or all wrong classes of a model have
        the same logit.
    n_samples, n_used : int
        Number of samples, and of those that are used.
    """

    _headline: ClassVar[tuple[str, ...]] = ("agreement", "n_used", "n_samples")

    agreement: float
    agreement_se: float
    tau: FloatArray
    n_samples: int
    n_used: int


def order_agreement(first: ArrayLike, second: ArrayLike, *, n_threads: int | None = None) -> OrderAgreement:
    """Kendall's tau-b between two models' orders of the classes that they do not predict, mean over samples.

    Only samples for which both predict the same class are used: otherwise the classes that are not predicted
    are not the same ones.

    Parameters
    ----------
    first, second : array_like, shape (n_samples, n_classes)
        Logits of two models for the same samples and classes, of which there must be three.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use.

    Returns
    -------
    OrderAgreement
        1 for the same order, -1 for the opposite one, 0 on average for unrelated ones.

    Raises
    ------
    TypeError, ValueError
        If the logits are not finite matrices of one shape, or there are fewer than three classes.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom import logits
    >>> Z = np.random.default_rng(0).standard_normal((50, 4))
    >>> logits.order_agreement(Z, np.exp(Z))
    OrderAgreement(agreement=1±0, n_used=50, n_samples=50)
    """
    one, other = as_logits(first, "first"), as_logits(second, "second")
    _require_same_samples(one, other)
    require_same_rows({"first": first, "second": second})
    require_same_classes(one, other, "first", "second")
    n, n_classes = one.shape
    if n_classes < 3:
        raise ValueError(f"first and second must have at least 3 classes (an order of 2), not {n_classes}")
    threads = resolve_threads(n_threads)
    predicted = one.argmax(axis=1)
    same = np.flatnonzero(predicted == other.argmax(axis=1))
    tau = np.full(n, np.nan)
    for start in range(0, len(same), _BLOCK):
        chosen = same[start : start + _BLOCK]
        sides = [_rankings(without(x[chosen], predicted[chosen])) for x in (one, other)]
        (ranks, orders, runs, untied), (ranks_2, orders_2, runs_2, untied_2) = sides
        wanted = np.eye(len(chosen), dtype=bool)
        balances = core.kendall_balances(ranks, orders, runs, ranks_2, orders_2, runs_2, wanted, threads)
        with np.errstate(invalid="ignore", divide="ignore"):
            tau[chosen] = np.diag(balances) / np.sqrt(np.multiply(untied, untied_2, dtype=np.float64))
    mean, error = mean_and_error(tau)
    return OrderAgreement(
        agreement=mean, agreement_se=error, tau=tau, n_samples=n, n_used=int((~np.isnan(tau)).sum())
    )


def _rankings(rows: FloatArray) -> tuple[list[Any], list[Any], list[Any], list[int]]:
    """For each row what the core counts from: ranks, order, runs of ties, and the number of untied pairs."""
    n = rows.shape[1]
    order = np.argsort(rows, axis=1, kind="stable").astype(np.int32)
    steps = np.diff(np.take_along_axis(rows, order, axis=1), axis=1) > 0
    numbers = np.concatenate([np.zeros((len(rows), 1), np.int32), np.cumsum(steps, axis=1)], axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, numbers.astype(np.int32), axis=1)
    runs, untied = [], []
    for own in ranks:
        lengths = np.bincount(own)
        starts = np.cumsum(lengths) - lengths
        tied = lengths > 1
        runs.append(np.column_stack([starts[tied], lengths[tied]]).astype(np.int32))
        untied.append(n * (n - 1) // 2 - int((lengths * (lengths - 1) // 2).sum()))
    return list(ranks), list(order), runs, untied


def _require_same_samples(first: FloatArray, second: FloatArray) -> None:
    if len(first) != len(second):
        raise ValueError(f"first and second must be of the same samples, not {len(first)} and {len(second)}")
