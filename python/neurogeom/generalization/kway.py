"""Telling several classes apart after a few examples of each: by theory, and in random episodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import ndtr, ndtri

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.estimates import mean_and_error
from .._base.isa import core
from .._base.progress import Progress, as_progress
from .._base.results import Column, Result, columns_of_kind, columns_with_errors, warn_of_one
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from ..clouds.dimensionality import unbiased_traces
from ..clouds.manifolds import ManifoldsLike
from .checks import as_classes, require_moments, require_points_to_test
from .class_pairs import CentredClass, prepare_classes

_LATTICES = 16  # independent shifts of a lattice, whose spread is the error of the integral
_SAMPLES = 512  # of the Gaussian in each, and as many mirrored
_WAYS = 0xFFFFFFFF  # the stream of the draws of ways; no class has this number


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class KwayError(Result):
    """Errors of telling k classes apart; see :func:`kway_error`.

    Attributes
    ----------
    names : ndarray, shape (C,)
        The classes.
    n_points : ndarray of int, shape (C,)
        Number of points of each.
    error, error_se : ndarray, shape (C,)
        Share of the points of a class that are nearer to another prototype than to their own, and its
        standard error over episodes; NaN for a class that was never drawn.
    mean_error, mean_error_se : float
        Mean over the classes of an episode, and its standard error over episodes.
    predicted, predicted_se : ndarray, shape (C,)
        What theory says, and the error of its integral.
    mean_predicted, mean_predicted_se : float
        The same, averaged over classes.
    confusion : ndarray, shape (C, C)
        Share of the points of a that are nearest to the prototype of b, among episodes that have a; ties
        count for the first class.
    n_shots, n_ways, n_episodes : int
        Examples of each class, classes in an episode, and episodes.
    n_features : int
        Number of features.
    disjoint : bool
        Whether test points are others than the examples.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_ways", "n_shots", "mean_error", "mean_predicted")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_episodes"),
        *columns_of_kind("setting", "n_ways", "n_shots"),
        *columns_with_errors("mean_error", "mean_predicted"),
        *columns_of_kind("count", "n_points", of_items=True),
        *columns_with_errors("error", "predicted", of_items=True),
    )

    names: NDArray[Any]
    n_points: NDArray[np.intp]
    error: FloatArray
    error_se: FloatArray
    mean_error: float
    mean_error_se: float
    predicted: FloatArray
    predicted_se: FloatArray
    mean_predicted: float
    mean_predicted_se: float
    confusion: FloatArray
    n_shots: int
    n_ways: int
    n_episodes: int
    n_features: int
    disjoint: bool


@_validate.explain_keywords
def kway_error(
    manifolds: ManifoldsLike,
    n_shots: int,
    *,
    n_ways: int | None = None,
    n_episodes: int = 200,
    disjoint: bool = True,
    correct_dimension: bool = False,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> KwayError:
    r"""Error of telling several classes apart by prototypes of a few examples, measured and by theory.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        The classes, points first; numbers of points may differ. At least two.
    n_shots : int
        Number m of examples of each class.
    n_ways : int, optional
        Number of classes in an episode, drawn at random; by default all.
    n_episodes : int
        Number of episodes. With one seed, more episodes keep the first ones.
    disjoint : bool, default True
        Test the points that are not examples. Otherwise examples are drawn with replacement, and all points
        tested.
    correct_dimension : bool, default False
        Take out of the theory what few points bring into it, up to the skewness of classes. A class then
        needs 4 points.
    rng : None, int, SeedSequence or Generator
        Source of randomness. The examples of a class are those of :func:`fewshot_error` with the same seed.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use. It does not change the result.
    progress : bool or callable, default False
        Show a bar, or call this with (classes done, classes).

    Returns
    -------
    KwayError

    Raises
    ------
    TypeError, ValueError
        If the data are not finite real matrices with the same features, there are fewer than two classes or
        fewer than `n_ways`, a class has too few points, or all points are the same.

    Notes
    -----
    A point of class a is right if it is nearer to its own prototype than to all others: if all scores
    :math:`h_{ab}` of :func:`fewshot_geometry` are positive. In theory they are jointly Gaussian with the mean
    and variance of its level "gaussian", and

    .. math:: \operatorname{Cov}(h_{ab}, h_{ac}) = \Delta_{ab}'\Sigma_a\Delta_{ac}
              + \Big(\tfrac1m + \tfrac1{2m^2}\Big) \operatorname{tr}\Sigma_a^2 ,

    which is what the test point and its own prototype bring into all of them. Given these, scores are
    independent, so that the probability is a mean of products over the common part: over 16 randomly shifted
    lattices, whose spread is ``predicted_se``. With fewer ways than classes the products are averaged over
    all choices of rivals. Scores that differ by rounding are ties: the nearest classes share them.

    Without `correct_dimension` covariances divide by the number of points: of few points in many dimensions
    :math:`\operatorname{tr}\Sigma_a^2` is then too large, and so is `predicted`, by far where errors are
    small.

    References
    ----------
    Sorscher, Ganguli, Sompolinsky, "Neural representational geometry underlies few-shot concept learning",
    PNAS 2022.

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> found = ng.kway_error(ng.manifolds(text.layers["layer6"], text.labels), 5, rng=0)
    >>> round(found.mean_error, 2), round(found.mean_predicted, 2)
    (0.04, 0.03)
    """
    clouds = as_classes(manifolds)
    n_shots = _validate.as_count(n_shots, "n_shots")
    n_episodes = _validate.as_count(n_episodes, "n_episodes")
    if not isinstance(disjoint, (bool, np.bool_)):
        raise TypeError(f"disjoint must be a bool, not {_validate.shown(disjoint)}")
    n = len(clouds)
    ways = n if n_ways is None else _validate.as_count(n_ways, "n_ways", minimum=2)
    if ways > n:
        raise ValueError(f"n_ways must be at most the number of classes ({n}), not {ways}")
    if disjoint:
        require_points_to_test(clouds, n_shots)
    corrected = bool(correct_dimension)
    if corrected:
        require_moments(clouds, corrected)
    warn_of_one(n_episodes, "n_episodes")
    threads, report = resolve_threads(n_threads), as_progress(progress, "k-way error")
    generator = as_generator(rng)
    key = draw_key(generator)
    classes, _ = prepare_classes(clouds, _Way, threads)
    with single_threaded_blas():
        wrong, confusion = _measured(classes, key, n_shots, ways, n_episodes, bool(disjoint), threads, report)
        rows = map_threads(
            lambda a: _predicted(
                classes, a, n_shots, corrected, ways, np.random.default_rng([key & 0xFFFFFFFF, a])
            ),
            range(n),
            threads,
        )
    estimates = np.array([mean_and_error(row) for row in wrong])
    with np.errstate(invalid="ignore"):
        of_episodes = np.nansum(wrong, axis=0) / (~np.isnan(wrong)).sum(axis=0)
    mean, mean_se = mean_and_error(of_episodes)
    predicted, predicted_se = np.array(rows).T
    return KwayError(
        names=clouds.names,
        n_points=clouds.n_points,
        error=estimates[:, 0],
        error_se=estimates[:, 1],
        mean_error=mean,
        mean_error_se=mean_se,
        predicted=predicted,
        predicted_se=predicted_se,
        mean_predicted=float(predicted.mean()),
        mean_predicted_se=math.sqrt(float((predicted_se**2).sum())) / n,
        confusion=confusion,
        n_shots=n_shots,
        n_ways=ways,
        n_episodes=n_episodes,
        n_features=clouds.n_features,
        disjoint=bool(disjoint),
    )


class _Way(NamedTuple):
    points: CentredClass


def _measured(
    classes: list[_Way],
    key: int,
    n_shots: int,
    ways: int,
    n_episodes: int,
    disjoint: bool,
    threads: int,
    report: Any,
) -> tuple[FloatArray, FloatArray]:
    """Share of wrong points of each class and episode (NaN if it is not in it); the confusion matrix."""
    n = len(classes)
    counts = [len(one.points.lengths) for one in classes]
    shots = [core.draw_shots(key, c, counts[c], n_shots, n_episodes, not disjoint) for c in range(n)]
    present = np.ones((n, n_episodes), dtype=bool)
    if ways < n:
        present[:] = False
        drawn = core.draw_shots(key, _WAYS, n, ways, n_episodes, False)
        present[drawn.T, np.arange(n_episodes)] = True
    chosen = [_shares(shot, count) for shot, count in zip(shots, counts, strict=True)]

    def tested(a: int) -> tuple[FloatArray, FloatArray]:
        """Errors of the points of one class against all prototypes."""
        one = classes[a].points
        tie = _rounding(one, [item.points for item in classes])
        best = np.full((n_episodes, counts[a]), np.inf)
        first = np.full(best.shape, -1)
        ties, own_is_best = np.zeros(best.shape), np.zeros(best.shape, dtype=bool)
        for c, other in enumerate(item.points for item in classes):
            # Half the squared distance of a point to a prototype, less half its own length, with eta what a
            # prototype has beyond the mean of its class: |b|^2/2 + b.eta + |eta|^2/2 - e.b - e.eta.
            between, weights = other.mean - one.mean, chosen[c]
            tile = other.centred @ one.centred.T if c != a else one.gram
            length = float(between @ between) / 2 + weights @ (other.centred @ between)
            length += np.einsum("tj,tj->t", weights @ other.gram, weights) / 2
            score = length[:, None] - weights @ tile - one.centred @ between
            score[~present[c]] = np.inf
            nearer = score < best - tie
            same = ~nearer & (score <= best + tie) & present[c][:, None]
            first[nearer] = c
            ties = np.where(nearer, 1.0, ties + same)
            own_is_best = np.where(nearer, c == a, own_is_best | (same & (c == a)))
            best = np.minimum(best, score)
        wrong = np.where(own_is_best, 1 - 1 / ties, 1.0)
        is_test = np.ones(best.shape, dtype=bool)
        if disjoint:
            np.put_along_axis(is_test, shots[a].astype(np.intp), False, axis=1)
        is_test &= present[a][:, None]
        with np.errstate(invalid="ignore"):
            share = np.where(is_test, wrong, 0).sum(axis=1) / is_test.sum(axis=1)
            row = np.bincount(first[is_test], minlength=n) / is_test.sum()
        return share, row

    found: list[tuple[FloatArray, FloatArray]] = []
    for start in range(0, n, threads):
        block = range(start, min(start + threads, n))
        found += map_threads(tested, block, threads)
        if report is not None:
            report(block.stop, n)
    return np.array([share for share, _ in found]), np.array([row for _, row in found])


def _rounding(one: CentredClass, others: list[CentredClass]) -> float:
    """Differences of scores of the points of a class that are rounding, as in pairs of classes."""
    most = 0.0
    for other in others:
        extent = math.sqrt(one.lengths.max()) + math.sqrt(other.lengths.max())
        extent += float(np.linalg.norm(other.mean - one.mean))
        offset = float(np.linalg.norm(one.mean) + np.linalg.norm(other.mean))
        most = max(most, extent * (offset + math.sqrt(len(one.mean)) * extent))
    return 8 * float(np.finfo(np.float64).eps) * most


def _shares(shots: NDArray[np.int32], n_points: int) -> FloatArray:
    """Weights of the points of a class in the prototype of each episode."""
    weights = np.zeros((len(shots), n_points))
    np.add.at(weights, (np.arange(len(shots))[:, None], shots), 1 / shots.shape[1])
    return weights


def score_moments(
    classes: list[_Way], a: int, n_shots: int, corrected: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean of the scores of class a against others, their common covariance, and variances of their own."""
    one, m = classes[a].points, n_shots
    others = [item.points for b, item in enumerate(classes) if b != a]
    n, less = len(one.lengths), int(corrected)
    radius, square = _traces(one, corrected)
    between = np.stack([one.mean - other.mean for other in others])
    along = between @ one.centred.T  # (C - 1, K)
    # With the correction, without what the errors of the means bring into each term.
    common = along @ along.T.copy() / (n - less) - less * square / n + square * (1 / m + 1 / (2 * m**2))
    mean, own = np.empty(len(others)), np.empty(len(others))
    for k, (other, delta) in enumerate(zip(others, between, strict=True)):
        n_other = len(other.lengths)
        other_radius, other_square = _traces(other, corrected)
        shared = float(((one.centred @ other.centred.T) ** 2).sum()) / ((n - less) * (n_other - less))
        distance = float(delta @ delta) - less * (radius / n + other_radius / n_other)
        mean[k] = distance / 2 + (other_radius - radius) / (2 * m)
        variance = float(((other.centred @ delta) ** 2).sum()) / (n_other - less)
        variance -= less * (other_square / n_other + shared / n)
        own[k] = (max(variance, 0.0) + shared) / m + other_square / (2 * m**2)
        common[k, k] -= less * shared / n_other
    return mean, common, own


def _traces(points: CentredClass, corrected: bool) -> tuple[float, float]:
    """tr Sigma and tr Sigma^2."""
    lengths, square = points.lengths, float((points.gram**2).sum())
    n, total = len(lengths), float(lengths.sum())
    if not corrected:
        return total / n, square / n**2
    return total / (n - 1), float(unbiased_traces(n, total, square, float(lengths @ lengths))[1])


def _predicted(
    classes: list[_Way], a: int, n_shots: int, corrected: bool, ways: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Chance that some score is not positive, and the error of its estimate."""
    mean, common, own = score_moments(classes, a, n_shots, corrected)
    values, vectors = linalg.eigh(common)
    # The symmetric root does not depend on the vectors that a solver returns.
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    chances = [_chance(mean, root, own, ways - 1, generator.random(len(mean))) for _ in range(_LATTICES)]
    right, error = mean_and_error(np.array(chances))
    return 1 - right, error


def _chance(mean: FloatArray, root: FloatArray, own: FloatArray, rivals: int, shift: FloatArray) -> float:
    """Chance that scores against so many rivals are all positive, over a shifted lattice."""
    # Richtmyer's lattice, folded to be periodic (Genz and Bretz, Computation of Multivariate Normal and t
    # Probabilities, 2009).
    steps = np.sqrt(_primes(len(mean)))
    places = np.abs(2 * ((np.arange(1, _SAMPLES + 1)[:, None] * steps + shift) % 1) - 1)
    half = ndtri(np.clip(places, 1e-16, 1 - 1e-16)) @ root
    chance = 0.0
    for sign in (1, -1):  # a sample and its mirror image
        reach = mean + sign * half
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(
                own > 0, reach / np.sqrt(own), np.where(reach == 0, 0.0, np.sign(reach) * np.inf)
            )
        chance += float(_mean_product(ndtr(score), rivals).mean()) / 2
    return chance


def _mean_product(factors: FloatArray, n_chosen: int) -> FloatArray:
    """Mean of the products over all choices of so many columns."""
    if n_chosen == factors.shape[1]:
        product: FloatArray = factors.prod(axis=1)
        return product
    means = np.zeros((n_chosen + 1, len(factors)))
    means[0] = 1.0
    for seen, factor in enumerate(factors.T, start=1):  # the last one seen is chosen or not
        share = np.arange(1, n_chosen + 1)[:, None] / seen
        means[1:] = np.maximum(1 - share, 0.0) * means[1:] + share * factor * means[:-1]
    last: FloatArray = means[n_chosen]
    return last


def _primes(count: int) -> NDArray[np.intp]:
    """The first prime numbers."""
    bound = max(12, math.ceil(count * (math.log(count + 1) + math.log(math.log(count + 2) + 1) + 1)))
    is_prime = np.ones(bound + 1, dtype=bool)
    is_prime[:2] = False
    for k in range(2, math.isqrt(bound) + 1):
        is_prime[k * k :: k] &= not is_prime[k]
    return np.flatnonzero(is_prime)[:count]
