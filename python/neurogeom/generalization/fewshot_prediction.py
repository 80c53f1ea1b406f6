"""The error of few-shot learning, predicted from all points at once instead of measured in random episodes.

An episode draws m points of each of two classes, averages them to prototypes, and asks of each other point
which prototype is nearer. The theory of few-shot geometry takes the score to be Gaussian over test points and
prototypes together. Here test points stay what they are: given one, only the prototypes are random, and these
are means, hence nearly Gaussian. The error is the mean over the points of the probability that their score is
negative. For one shot all triples of points are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import ZERO_SQUARE
from .._base.progress import Progress, as_progress
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from .._base.threads import resolve_threads
from ..clouds.manifolds import ManifoldsLike
from .checks import as_classes, as_shots, require_points_to_test
from .class_pairs import CentredClass, Direction, over_pairs, prepare_classes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FewshotPrediction(Result):
    """Predicted error of few-shot learning of all pairs of classes; see :func:`fewshot_prediction`.

    Attributes
    ----------
    names : ndarray, shape (C,)
        The classes.
    n_points : ndarray of int, shape (C,)
        Number of points of each.
    n_features : int
        Number of features.
    n_shots : int or tuple of int
        Number of shots; several give arrays below a leading axis.
    error, error_se : ndarray, shape (C, C)
        Entry (a, b) is the error on points of class a against class b, and its standard error over points;
        NaN on the diagonal.
    mean_error, mean_error_se : float or ndarray
        Mean over all entries, and its standard error, which counts that entries share points.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_classes", "n_shots", "mean_error")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_classes", "n_features"),
        *columns_of_kind("setting", "n_shots"),
        *columns_with_errors("mean_error"),
        *columns_of_kind("count", "n_points", of_items=True),
    )

    names: NDArray[Any]
    n_points: NDArray[np.intp]
    n_features: int
    n_shots: int | tuple[int, ...]
    error: FloatArray
    error_se: FloatArray
    mean_error: float | FloatArray
    mean_error_se: float | FloatArray

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.n_points)


@_validate.explain_keywords
def fewshot_prediction(
    manifolds: ManifoldsLike,
    n_shots: int | Sequence[int],
    *,
    n_threads: int | None = None,
    progress: Progress = False,
) -> FewshotPrediction:
    r"""Predict the error of few-shot learning with prototypes, between all pairs of classes.

    It is what :func:`fewshot_error` measures in the limit of many episodes with disjoint training and test
    points, without drawing any, up to one approximation: given the test point, the score is taken to be
    Gaussian over the draws of prototypes. (:func:`fewshot_geometry` says why an error is what it is.)

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        The classes, points first; numbers of points may differ. At least two.
    n_shots : int or sequence of int
        Number m of training points of each class; less than the points of the smallest class.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use. It does not change the result.
    progress : bool or callable, default False
        Show a bar, or call this with (classes done, classes).

    Returns
    -------
    FewshotPrediction

    Raises
    ------
    TypeError, ValueError
        If the data are not finite real matrices with the same features, there are fewer than two classes, a
        class has no more than `n_shots` points, or all points are the same.

    Notes
    -----
    A point :math:`\xi` of class a is wrong if :math:`h = \tfrac12|\xi-\bar x_b|^2 - \tfrac12|\xi-\bar x_a|^2`
    is negative, with prototypes :math:`\bar x = \mu + \eta` of m points drawn without replacement, not from
    :math:`\xi` itself. Let :math:`\mu_a, S_a` be the mean and covariance (divisor K - 2) of the other K - 1
    points of its class, :math:`\mu_b, S_b` those (divisor L - 1) of the L points of the other class, and
    :math:`f_a = 1/m - 1/(K-1)`, :math:`f_b = 1/m - 1/L`: the covariance of :math:`\eta` is :math:`f S`. Given
    :math:`\xi`,

    .. math:: E\,h = \tfrac12|\xi-\mu_b|^2 - \tfrac12|\xi-\mu_a|^2
              + \tfrac12 f_b \operatorname{tr} S_b - \tfrac12 f_a \operatorname{tr} S_a

    and Var h is the sum over both classes of

    .. math:: f\,(\xi-\mu)'S(\xi-\mu) + \tfrac14 \operatorname{Var}|\eta|^2
              - \operatorname{Cov}\big((\xi-\mu)\cdot\eta,\,|\eta|^2\big),

    whose last two terms have closed forms for draws from finitely many points. These moments are exact; that
    h is Gaussian with them is the approximation. The derivation is ours. For m = 1 the share of wrong triples
    (test point, other point of its class, point of the other class) is counted; ties count one half. Standard
    errors are infinitesimal jackknives over the points of both classes.

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> ng.fewshot_prediction(ng.manifolds(text.layers["layer6"], text.labels), 5)
    FewshotPrediction(n_classes=20, n_shots=5, mean_error=0.0037...±0.0006...)
    """
    clouds = as_classes(manifolds)
    shots, several = as_shots(n_shots)
    require_points_to_test(clouds, max(shots))
    threads, report = resolve_threads(n_threads), as_progress(progress, "few-shot prediction")
    classes, _ = prepare_classes(clouds, _prepared, threads)
    found = over_pairs(classes, partial(_pair, shots=shots), len(shots), threads, report)
    return FewshotPrediction(
        names=clouds.names,
        n_points=clouds.n_points,
        n_features=clouds.n_features,
        n_shots=shots if several else shots[0],
        error=found.values if several else found.values[0],
        error_se=found.errors if several else found.errors[0],
        mean_error=found.means if several else float(found.means[0]),
        mean_error_se=found.mean_errors if several else float(found.mean_errors[0]),
    )


class _Class(NamedTuple):
    """What pairs need of a class of K points; e_i are the points less their mean."""

    points: CentredClass
    square: float  # sum of all squares of the Gram matrix
    # Given test point i, of the other points: |xi - mu|^2, (xi - mu) . (xi_j - mu), sums of the squares of
    # these and of their products with |xi_j - mu|^2; sums of |xi_j - mu|^2, of their squares, and of all
    # squares of the Gram matrix.
    distance: FloatArray
    towards: FloatArray
    along: FloatArray
    skew: FloatArray
    trace_without: FloatArray
    fourth_without: FloatArray
    square_without: FloatArray


def _prepared(points: CentredClass) -> _Class:
    gram, lengths = points.gram, points.lengths
    count = len(lengths)
    square = float((gram**2).sum())
    grown = count / (count - 1)  # xi - mu without xi is e_i times this, and others are e_j + e_i / (K - 1)
    moved = lengths[:, None] / (count - 1)
    towards = grown * (gram + moved)
    lengths_without = lengths + (2 * gram + moved) / (count - 1)
    for matrix in (towards, lengths_without):
        np.fill_diagonal(matrix, 0.0)
    return _Class(
        points=points,
        square=square,
        distance=grown**2 * lengths,
        towards=towards,
        along=(towards**2).sum(axis=1),
        skew=(towards * lengths_without).sum(axis=1),
        trace_without=lengths.sum() - grown * lengths,
        fourth_without=(lengths_without**2).sum(axis=1),
        square_without=square - 2 * grown * (gram**2).sum(axis=1) + (grown * lengths) ** 2,
    )


class _Draws:
    """Moments of eta, a mean of m out of n centred points, whose Gram matrix is known by a few sums."""

    def __init__(self, m: int, n: int) -> None:
        self.m = m
        # Chances that 1, 2, 3, 4 given points are all among the m.
        self._chances = np.cumprod([max(m - k, 0) / max(n - k, 1) for k in range(4)])
        self.share = 1 / m - 1 / n  # times the covariance with divisor n - 1 is the covariance of eta
        self.per_trace = self.share / max(n - 1, 1)  # times the trace is E |eta|^2

    def variance_of_square(self, trace: Any, fourth: Any, square: Any) -> Any:
        """Var |eta|^2 from the trace of the Gram matrix and sums of its diagonal's and of all its squares.

        |eta|^2 is a sum over pairs of points of the Gram matrix; its square, over pairs of pairs, which
        coincide in 0, 1 or 2 points. Rows of the Gram matrix add up to zero, which leaves these sums.
        """
        one, two, three, four = self._chances
        apart = square - fourth  # squares off the diagonal
        found = (one - two) * fourth + two * trace**2  # both pairs are of one point with itself
        found += 2 * (-2 * two * fourth + three * (2 * fourth - trace**2))  # one of them is
        found += 2 * two * apart + 4 * three * (fourth - apart) + four * (trace**2 + 2 * apart - 4 * fourth)
        found -= ((one - two) * trace) ** 2
        return np.maximum(found / self.m**4, 0.0)

    def covariance_with_square(self, skew: Any) -> Any:
        """Cov(y . eta, |eta|^2) from the sum over points of (y . e) |e|^2."""
        one, two, three, _ = self._chances
        return (one - 3 * two + 2 * three) * skew / self.m**3


def _pair(
    a: _Class, b: _Class, between: FloatArray, tile: FloatArray, shots: Sequence[int]
) -> tuple[Direction, Direction]:
    """Both directions, from one product."""
    return _direction(a, b, between, tile, shots), _direction(b, a, -between, tile.T, shots)


def _direction(
    a: _Class, b: _Class, between: FloatArray, tile: FloatArray, shots: Sequence[int]
) -> Direction:
    n_own, n_others = tile.shape
    error, own, others = np.empty(len(shots)), np.empty((len(shots), n_own)), np.empty((len(shots), n_others))
    distance = float(between @ between) + 2 * (a.points.centred @ between) + a.points.lengths  # |xi - mu_b|^2
    towards = b.points.centred @ between + tile  # (xi - mu_b) . (x_j - mu_b)
    for k, m in enumerate(shots):
        rule = _of_shots if m > 1 else _of_one_shot
        error[k], own[k], others[k] = rule(a, b, distance, towards, m)
    return Direction(error, own, others)


def _of_shots(
    a: _Class, b: _Class, distance: FloatArray, towards: FloatArray, m: int
) -> tuple[float, FloatArray, FloatArray]:
    """The error with m shots, and how much each point of either class moves it."""
    n_own, n_others = towards.shape
    draws_own, draws_others = _Draws(m, n_own - 1), _Draws(m, n_others)
    per_own, per_others = draws_own.per_trace, draws_others.per_trace
    along, lengths = (towards**2).sum(axis=1), b.points.lengths
    trace, fourth = float(lengths.sum()), float(lengths @ lengths)
    mean = (distance - a.distance + per_others * trace - per_own * a.trace_without) / 2
    variance = per_others * along + per_own * a.along
    variance += draws_others.variance_of_square(trace, fourth, b.square) / 4
    variance += draws_own.variance_of_square(a.trace_without, a.fourth_without, a.square_without) / 4
    variance -= draws_others.covariance_with_square(towards @ lengths)
    variance -= draws_own.covariance_with_square(a.skew)
    scale = float(distance.max())
    fixed = variance <= (ZERO_SQUARE * scale) ** 2  # prototypes do not vary
    sign = np.where(np.abs(mean) <= ZERO_SQUARE * scale, 0.0, np.copysign(np.inf, mean))
    sd = np.sqrt(np.where(fixed, 1.0, variance))
    score = np.where(fixed, sign, mean / sd)
    wrong = ndtr(-score)
    error = float(wrong.mean())
    # d wrong = -density (d mean / sd - score d variance / (2 variance)), summed over test points; the last
    # two terms of the variance, which are small, are left out.
    score = np.clip(np.where(fixed, 0.0, score), -30, 30)  # beyond, the density is nothing
    density = np.where(fixed, 0.0, np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi)) / n_own
    of_mean, of_variance = -density / sd, density * score / (2 * sd**2)
    own = (wrong - error) / n_own
    own += of_mean @ a.towards / (n_own - 1) + per_own * (of_variance @ a.towards**2)
    own -= of_mean.sum() * per_own * a.points.lengths / 2
    own -= own.mean()
    others = of_mean.sum() * per_others * lengths / 2 - of_mean @ towards / n_others
    others += per_others * (of_variance @ towards**2)
    return error, own, others - others.mean()


def _of_one_shot(
    a: _Class, b: _Class, distance: FloatArray, towards: FloatArray, m: int
) -> tuple[float, FloatArray, FloatArray]:
    """Count over all triples; how much each point moves it is the mean over the triples that it is in."""
    del m
    n_own, n_others = towards.shape
    to_others = distance[:, None] - 2 * towards + b.points.lengths
    to_own = a.points.lengths[:, None] - 2 * a.points.gram + a.points.lengths
    is_other = ~np.eye(n_own, dtype=bool)
    to_own = to_own[is_other].reshape(n_own, n_own - 1)
    slack = max(ZERO_SQUARE * max(float(to_others.max()), float(to_own.max())), np.finfo(np.float64).tiny)
    # Wrong if the other class is nearer by more than rounding; half if it is nearer or farther by less.
    nearer = [_counts(to_own, to_others + shift) for shift in (slack, -slack)]
    of_others = 1 - (nearer[0][0] + nearer[1][0]) / (2 * (n_own - 1))
    of_own = (nearer[0][1] + nearer[1][1]) / (2 * n_others)
    error = float(of_others.mean())
    full = np.zeros((n_own, n_own))
    full[is_other] = of_own.ravel()
    own = (of_others.mean(axis=1) - error) / n_own
    own += (full.sum(axis=0) / (n_own - 1) - error) / n_own
    return error, own, (of_others.mean(axis=0) - error) / n_others


def _counts(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each row: how many of the first are at most one of the second, and of the second below the first."""
    n = first.shape[1]
    order = np.argsort(np.concatenate([first, second], axis=1), axis=1, kind="stable")
    from_first = order < n
    before = np.empty(order.shape)
    seen = np.cumsum(from_first, axis=1)
    np.put_along_axis(
        before, order, np.where(from_first, np.arange(1, order.shape[1] + 1) - seen, seen), axis=1
    )
    return before[:, n:], before[:, :n]
