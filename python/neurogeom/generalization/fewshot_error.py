"""How well new classes are told apart after a few examples of each, measured by trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords
from .._base.estimates import mean_and_error
from .._base.isa import core
from .._base.progress import Progress, ProgressFunction, as_progress
from .._base.results import Column, Result, columns_of_kind, columns_with_errors, warn_of_one
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.manifolds import Manifolds, ManifoldsLike
from .checks import as_classes, require_points_to_test

RULES = ("prototype", "nn", "exemplar")
_PRECISIONS = ("float32", "float64")
# Votes that hardly differ are sums that hardly differ.
_LEAST_BETA = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FewshotError(Result):
    """Measured few-shot errors of all pairs of classes; see :func:`fewshot_error`.

    Attributes
    ----------
    names : ndarray, shape (C,)
        Names of the classes.
    n_points : ndarray of int, shape (C,)
        Their numbers of points.
    error : ndarray, shape (C, C)
        Row a, column b: share of the test points of a that go to b, after `n_shots` examples of each. NaN on
        the diagonal.
    error_se : ndarray, shape (C, C)
        Standard error over draws of episodes: how far `error` may be from the mean over all episodes that
        these points allow.
    error_se_points : ndarray, shape (C, C)
        Standard error over draws of points and of episodes: how far `error` may be from that of the
        distributions that the points were drawn from. NaN where a class has one point, or none that was a
        shot twice.
    mean_error : float
        Mean over all ordered pairs.
    mean_error_se, mean_error_se_points : float
        Its standard errors. Both count that pairs share classes and episodes; the classes are taken as given.
    n_shots, n_episodes : int
        Examples of each class in an episode, and episodes.
    rule : str
        The rule that tells classes apart.
    disjoint : bool
        Whether test points are those that are not shots.
    n_features : int
        Number of features.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_classes", "mean_error", "n_shots", "rule")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_classes", "n_features"),
        *columns_of_kind("setting", "n_shots", "rule"),
        *columns_of_kind("count", "n_episodes"),
        *columns_with_errors("mean_error", over=("", "_points")),
    )

    names: AnyArray
    n_points: NDArray[np.intp]
    error: FloatArray
    error_se: FloatArray
    error_se_points: FloatArray
    mean_error: float
    mean_error_se: float
    mean_error_se_points: float
    n_shots: int
    n_episodes: int
    rule: str
    disjoint: bool
    n_features: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.n_points)


@explain_keywords
def fewshot_error(
    manifolds: ManifoldsLike,
    n_shots: int,
    *,
    rule: str = "prototype",
    n_episodes: int = 200,
    disjoint: bool = True,
    beta: float = 1.0,
    correct_radius: bool = False,
    precision: str = "float32",
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> FewshotError:
    r"""Error of telling two classes apart after a few examples of each, for all pairs of classes.

    In each episode some points of either class are its shots, and test points go to the class whose shots are
    nearer.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (C, K, N)
        One point cloud per class, points first; numbers of points may differ. At least two classes.
    n_shots : int
        Shots of each class in an episode, m.
    rule : {"prototype", "nn", "exemplar"}
        What is nearer: the mean of the shots; the nearest shot; or the larger sum of votes
        :math:`\exp(-\beta d^2/R^2)` over the shots, where d is the distance to a shot and
        :math:`R^2 = (R_a^2 + R_b^2)/2` the mean squared distance of the points of the two classes from their
        class means, so that the unit of the data does not matter.
    n_episodes : int, default 200
        Episodes.
    disjoint : bool, default True
        True: shots are drawn without replacement, and all other points of the class are tested; this is
        unbiased. False: shots are drawn with replacement and all points are tested, shots too, which are then
        nearer to their own class than new points would be.
    beta : float, default 1
        Sharpness of the votes of the exemplar rule, 1e-6 or more. Large values make it the rule "nn".
    correct_radius : bool, default False
        (prototype) The mean of m shots of a wide class is farther from all points than that of a narrow one,
        by :math:`R^2/m` in squared distance. Subtract this part, with :math:`R^2` as estimated without bias
        from the same m shots (so m must be 2 or more).
    precision : {"float32", "float64"}
        Precision of the products between points. With "float32", each decision that its rounding could change
        is made again in float64 from the points: both give the same results, "float32" in about 60 % of the
        time and with half as much memory more. Where very many decisions are that close, as in data with many
        equal points, a pair is computed in float64.
    rng : None, int, SeedSequence or Generator
        Source of randomness. Results are the same bits for any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (pairs done, pairs in all).

    Returns
    -------
    FewshotError
        ``error`` (C, C), row a for test points of class a, and ``mean_error``, each with two standard errors:
        ``..._se`` over episodes, for these points, and ``..._se_points`` for new points too.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, there are fewer than two classes, they differ in width, a class has no
        more points than `n_shots` (unless `disjoint` is False), or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If `n_episodes` is 1, which leaves no standard errors.

    Notes
    -----
    A tie, a difference of squared distances that is zero up to rounding, is half an error.

    Shots belong to the class, by its place among the manifolds, and to the episode. All pairs of a class
    share them, so that errors of different pairs are correlated, and with one seed all rules do. The first
    episodes are the same for any `n_episodes`, and in each, the first shots for any `n_shots`.

    All distances follow from the inner products of the points of a class with those of another one, less the
    means of their classes: one matrix product for a pair of classes, whatever the number of episodes.

    ``error_se_points`` adds to the variance over episodes that of the first-order terms of Hoeffding's
    decomposition (Ann. Math. Stat. 19, 293, 1948): an error depends on each point as a test point and,
    through the episodes that draw it, as a shot. Points are taken to be independent draws of their class,
    each of them drawn in several episodes.

    The prototype rule and its theory, :func:`fewshot_geometry`: Sorscher, Ganguli and Sompolinsky, PNAS 119,
    e2200800119 (2022).

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> for layer in ("layer0", "layer6"):
    ...     clouds = ng.manifolds(text.layers[layer], text.labels)
    ...     found = ng.fewshot_error(clouds, n_shots=1, rng=0)
    ...     print(layer, round(found.mean_error, 3))
    layer0 0.113
    layer6 0.045
    """
    clouds = as_classes(manifolds)
    n_shots = _validate.as_count(n_shots, "n_shots")
    rule = _validate.as_choice(rule, "rule", RULES)
    n_episodes = _validate.as_count(n_episodes, "n_episodes")
    beta = _validate.as_number(beta, "beta")
    if beta < _LEAST_BETA:
        raise ValueError(f"beta must be at least {_LEAST_BETA:g}, not {beta:g}")
    if correct_radius and rule != "prototype":
        raise ValueError(f"correct_radius is for the rule 'prototype', not {rule!r}")
    if correct_radius and n_shots == 1:
        raise ValueError("correct_radius takes the radius from the shots: n_shots must be at least 2, not 1")
    precision = _validate.as_choice(precision, "precision", _PRECISIONS)
    n_threads = resolve_threads(n_threads)
    report = as_progress(progress, "few-shot error")
    key = draw_key(as_generator(rng))
    if disjoint:
        require_points_to_test(clouds, n_shots)
    points = as_points(clouds)
    warn_of_one(n_episodes, "n_episodes")
    (error, variance, point_variance), means, mean_point_variance = errors_of_pairs(
        points,
        range(len(points)),
        len(points),
        key,
        rule=rule,
        n_shots=n_shots,
        n_episodes=n_episodes,
        disjoint=bool(disjoint),
        correct_radius=bool(correct_radius),
        single=precision == "float32",
        beta=beta,
        n_threads=n_threads,
        report=report,
    )
    if report is not None:
        n_pairs = len(points) * (len(points) - 1) // 2
        report(n_pairs, n_pairs)
    mean, mean_se = mean_and_error(means)
    return FewshotError(
        names=clouds.names,
        n_points=clouds.n_points,
        error=error,
        error_se=np.sqrt(variance),
        error_se_points=_over_points(variance, point_variance),
        mean_error=mean,
        mean_error_se=mean_se,
        mean_error_se_points=float(_over_points(np.array(mean_se**2), np.array(mean_point_variance))),
        n_shots=n_shots,
        n_episodes=n_episodes,
        rule=rule,
        disjoint=bool(disjoint),
        n_features=clouds.n_features,
    )


def errors_of_pairs(
    points: Sequence[FloatArray],
    numbers: Sequence[int],
    n_rows: int,
    key: int,
    *,
    n_shots: int,
    n_episodes: int,
    rule: str = "prototype",
    disjoint: bool = True,
    correct_radius: bool = False,
    single: bool = False,
    beta: float = 1.0,
    n_threads: int = 1,
    report: ProgressFunction | None = None,
) -> tuple[FloatArray, FloatArray, float]:
    """Measure all pairs of classes or, with fewer rows than classes, of the first `n_rows` with the others.

    The shots of a class belong to its number. Returns errors and their variances over episodes and over
    points (3, C, C), NaN where there is no pair; means of each episode; and the variance of their mean over
    points.
    """
    with single_threaded_blas():
        return core.fewshot_errors(
            points,
            numbers,
            n_rows,
            rule,
            n_shots,
            n_episodes,
            disjoint,
            correct_radius,
            single,
            beta,
            key,
            n_threads,
            report,
        )


def as_points(clouds: Manifolds) -> list[FloatArray]:
    """Take the points of classes as contiguous float64, finite and of a size that can be squared."""
    clouds.require_finite()
    points = [np.ascontiguousarray(cloud, dtype=np.float64) for cloud in clouds]
    _validate.require_magnitude(max(max(float(x.max()), -float(x.min())) for x in points), "manifolds")
    return points


def _over_points(over_episodes: FloatArray, over_points: FloatArray) -> FloatArray:
    """Standard error over points and episodes; the estimate over points alone may be below zero."""
    error: FloatArray = np.sqrt(over_episodes + np.maximum(over_points, 0))
    return error
