"""Simulated capacity: how many random dimensions it takes to separate manifolds, by trial."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, explain_keywords, user_level
from .._base.coordinates import NO_EXTENT, power_of_two_above, span_coordinates
from .._base.isa import core
from .._base.progress import Progress, as_progress
from .._base.results import (
    Column,
    ConvergenceWarning,
    Result,
    columns_of_kind,
    columns_with_errors,
    warn_of_one,
)
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.dichotomies import Dichotomies, draw_dichotomies
from ..clouds.manifolds import ManifoldsLike, as_manifolds, mean_point

# With a larger share of undecided trials, there is no estimate.
_MOST_UNDECIDED = 0.05


class NoExtentError(ValueError):
    """Says that all points are the same, as in a dead layer."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SimulatedCapacity(Result):
    """Capacity by simulation; see :func:`simulated_capacity`."""

    _headline: ClassVar[tuple[str, ...]] = ("n_manifolds", "capacity", "critical_dimension", "n_trials")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_manifolds", "n_features", "n_trials"),
        *columns_of_kind("setting", "fit_intercept"),
        *columns_with_errors("capacity", "critical_dimension"),
        *columns_of_kind("diagnostic", "n_undecided", "status"),
    )

    capacity: float
    capacity_se: float
    critical_dimension: float
    critical_dimension_se: float
    dimensions: NDArray[np.intp]
    fraction_separable: FloatArray
    thresholds: FloatArray
    dichotomies: NDArray[np.int8]
    n_features: int
    fit_intercept: bool
    n_undecided: int
    status: int

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return len(self.thresholds)

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return int(self.dichotomies.shape[1])


@explain_keywords
def simulated_capacity(
    manifolds: ManifoldsLike,
    *,
    n_trials: int = 100,
    dichotomies: Dichotomies = "balanced",
    fit_intercept: bool = False,
    center: bool = True,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> SimulatedCapacity:
    r"""Capacity of manifolds by simulation.

    In each trial the manifolds get labels and their points are projected on n random directions. The critical
    dimension is the n at which half of the trials are linearly separable, and capacity is the number of
    manifolds divided by it.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first; numbers of points may differ. At least two.
    n_trials : int, default 100
        Trials, each with its own labels and random directions.
    dichotomies : str, array_like (n_trials, P) or callable, default "balanced"
        Labels +1 and -1 of the manifolds: "balanced" (half of them +1), "iid" (independent fair signs),
        "one_vs_rest", "first_vs_rest", an array, or a function (generator, n_trials, n_manifolds) -> array.
    fit_intercept : bool, default False
        Whether the separating hyperplane may miss the origin.
    center : bool, default True
        Subtract the mean of all points first. With an intercept this changes nothing.
    rng : None, int, SeedSequence or Generator
        Source of randomness; labels and directions have their own streams. Results are the same bits for
        any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (trials done, trials in all).

    Returns
    -------
    SimulatedCapacity
        ``capacity`` = P / ``critical_dimension``, each with its standard error ``..._se`` over trials;
        ``dimensions`` (n_max,) = 1 .. n_max and ``fraction_separable`` (n_max,), the fraction of trials that
        are separable in n dimensions (n_max is the largest dimension that the points can span);
        ``thresholds`` (n_trials,), the smallest number of dimensions in which a trial is separable (inf: in
        none, nan: undecided); the ``dichotomies`` (n_trials, P) that were used; ``n_undecided``; ``status``:
        0 fine, 1 more than 5 % of the trials undecided, 2 half of the trials or more not separable in any
        dimension (capacity is below P / n_max), 3 half of them or more separable in one dimension. Estimates
        are NaN where status is not 0.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, there are fewer than two manifolds, they differ in width, all points are
        the same, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If status is not 0, if some trials are undecided and left out, or if `n_trials` is 1, which leaves no
        standard error.

    Notes
    -----
    From n to n + 1 a trial gets one more direction and keeps the others, so that separability is monotone in
    n and a search finds the threshold of each trial. Separability is decided exactly, by the projection on a
    cone: either a hyperplane is found and verified, or a convex combination of the signed points that is zero
    up to 1e-12 of their lengths; otherwise the trial counts as undecided. The critical dimension interpolates
    linearly between the last n with a fraction below one half and the next. Its standard error is half the
    distance between the dimensions at which the same line reaches :math:`1/2 \pm 1/(2\sqrt{n_{trials}})`
    (Woodruff, J. Am. Stat. Assoc. 47, 635, 1952). Data with more features than points are first reduced to
    the space that they span; random projections of either have the same law. The points of a manifold stand
    only for themselves, so that more points per manifold mean less capacity. References: Chung, Lee and
    Sompolinsky, Phys. Rev. X 8, 031003 (2018); Cohen, Chung, Lee and Sompolinsky, Nat. Commun. 11, 746
    (2020), whose software fits an intercept; :mod:`neurogeom.compat.mftma` has its function.

    Examples
    --------
    Single points have capacity 2:

    >>> import numpy as np
    >>> import neurogeom as ng
    >>> points = np.random.default_rng(0).normal(size=(40, 1, 100))
    >>> result = ng.simulated_capacity(points, dichotomies="iid", center=False, rng=0)
    >>> bool(abs(result.capacity - 2) < 4 * result.capacity_se)
    True
    """
    clouds = as_manifolds(manifolds)
    _require_several(len(clouds), "manifolds")
    trials = _Trials(n_trials, dichotomies, len(clouds), rng, n_threads, progress)
    n_points = clouds.n_points
    size, mean = mean_point(clouds)
    centered = center or fit_intercept
    shift = mean if centered else np.zeros_like(mean)

    def columns(start: int, stop: int) -> FloatArray:
        block = np.concatenate([np.asarray(c[:, start:stop], dtype=np.float64) for c in clouds])
        return (block - shift[start:stop]) / power_of_two_above(size)

    with single_threaded_blas():
        rows = span_coordinates(columns, clouds.n_features, int(n_points.sum()))
        extent = float(np.abs(rows).max())
        _require_extent(extent if extent > NO_EXTENT else 0.0, "manifolds")
        if centered and rows.shape[1] == len(rows):  # centred points span one dimension less
            rows = rows[:, :-1]
        if not fit_intercept:  # the length of a point does not matter
            rows /= np.array([[power_of_two_above(float(largest))] for largest in np.abs(rows).max(axis=1)])
        first = np.cumsum([0, *n_points])
        return trials.run(rows, first, 0, fit_intercept, clouds.n_features)


@explain_keywords
def simulated_ellipsoid_capacity(
    centers: ArrayLike,
    axes: ArrayLike,
    *,
    n_trials: int = 100,
    dichotomies: Dichotomies = "balanced",
    fit_intercept: bool = False,
    center: bool = True,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> SimulatedCapacity:
    r"""Capacity by simulation of ellipsoids given by their axes, with all of their points.

    Parameters
    ----------
    centers : array_like of shape (P, N)
        Centre of each ellipsoid. At least two.
    axes : array_like of shape (P, K, N)
        Half-axes of each: the ellipsoid is :math:`\{c + \sum_k u_k a_k : |u| \le 1\}`. Orthogonal axes of one
        length make a sphere (or a ball, which the same hyperplanes separate); any other axes will do too.
    n_trials, dichotomies, fit_intercept :
        As in :func:`simulated_capacity`.
    center : bool, default True
        Subtract the mean of the centres first.
    rng, n_threads, progress :
        As in :func:`simulated_capacity`.

    Returns
    -------
    SimulatedCapacity
        As from :func:`simulated_capacity`.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other, all points are the same, or an option is out
        of range.

    Warns
    -----
    ConvergenceWarning
        If status is not 0; if some trials are undecided in some dimension (their margin, if any, is within
        rounding): they count as inseparable there, unlike in :func:`simulated_capacity`; or if `n_trials` is
        1, which leaves no standard error.

    Notes
    -----
    Cutting planes: find the largest-margin hyperplane of a few points, add the point of each ellipsoid that
    is farthest on its wrong side, :math:`c - y A^T A w / |A w|`, and repeat until no ellipsoid reaches the
    wrong side (separable, verified by :math:`y\, w \cdot c > |A w|`) or the points themselves are inseparable
    (Chung, Cohen, Sompolinsky and Lee, Neural Computation 30, 2593, 2018).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> centers = data.normal(size=(30, 200)) / np.sqrt(200)
    >>> axes = 0.5 * data.normal(size=(30, 5, 200)) / np.sqrt(200)
    >>> result = ng.simulated_ellipsoid_capacity(centers, axes, rng=0)
    >>> bool(0.4 < result.capacity < 0.8)  # ng.ball_capacity(0.5, 5) is 0.58
    True
    """
    middle = _validate.as_float_matrix(centers, "centers")
    _require_several(len(middle), "centers")
    arms = _as_axes(axes, "axes", middle)
    trials = _Trials(n_trials, dichotomies, len(middle), rng, n_threads, progress)
    size = max(float(np.abs(middle).max()), float(np.abs(arms).max()))
    _validate.require_magnitude(size, "centers and axes")
    unit = power_of_two_above(size)
    middle = middle / unit
    centered = center or fit_intercept
    if centered:
        middle = middle - middle.mean(axis=0)
    # Centred centres are dependent: the last centre comes last, where its coordinate is rounding.
    vectors = np.concatenate([arms.reshape(-1, arms.shape[2]) / unit, middle])
    _require_extent(float(np.abs(vectors).max()), "centers and axes")
    with single_threaded_blas():
        rows = span_coordinates(lambda start, stop: vectors[:, start:stop], vectors.shape[1], len(vectors))
        if centered and rows.shape[1] == len(rows):
            rows = rows[:, :-1]
        rows = np.roll(rows, len(middle), axis=0)
        first = np.arange(len(middle) + 1)
        return trials.run(rows, first, arms.shape[1], fit_intercept, vectors.shape[1])


class _Trials:
    """Checked labels and options of a simulation, and the estimates from its thresholds."""

    def __init__(
        self,
        n_trials: int,
        dichotomies: Dichotomies,
        n_manifolds: int,
        rng: RandomSource,
        n_threads: int | None,
        progress: Progress,
    ) -> None:
        self.n_trials = _validate.as_count(n_trials, "n_trials")
        self.n_manifolds = n_manifolds
        self.n_threads = resolve_threads(n_threads)
        self.report = as_progress(progress, "simulation")
        generator = as_generator(rng)
        self.key = draw_key(generator)
        labels = np.random.default_rng(draw_key(generator))
        self.signs = draw_dichotomies(dichotomies, self.n_trials, n_manifolds, labels)

    def run(
        self,
        rows: FloatArray,
        first: NDArray[np.intp],
        n_axes: int,
        fit_intercept: bool,
        n_features: int,
    ) -> SimulatedCapacity:
        thresholds, undecided = core.separability_thresholds(
            np.ascontiguousarray(rows),
            first.tolist(),
            n_axes,
            bool(fit_intercept),
            np.ascontiguousarray(self.signs),
            self.key,
            self.n_threads,
            self.report,
        )
        if self.report is not None:
            self.report(self.n_trials, self.n_trials)
        decided = thresholds[~np.isnan(thresholds)]
        n_undecided = int(np.count_nonzero(undecided))
        dimensions = np.arange(1, rows.shape[1] + 1)
        fraction = np.searchsorted(np.sort(decided), dimensions, side="right") / max(1, len(decided))
        status = 0
        if n_undecided > _MOST_UNDECIDED * len(thresholds):
            status = 1
        elif fraction[-1] < 0.5:
            status = 2
        elif fraction[0] >= 0.5:
            status = 3
        critical, error = critical_dimension(fraction, len(decided)) if status == 0 else (math.nan, math.nan)
        _warn(
            status,
            n_undecided,
            len(thresholds) - len(decided),
            len(thresholds),
            self.n_manifolds,
            rows.shape[1],
        )
        warn_of_one(self.n_trials, "n_trials")
        return SimulatedCapacity(
            capacity=self.n_manifolds / critical,
            capacity_se=self.n_manifolds / critical**2 * error,
            critical_dimension=critical,
            critical_dimension_se=error,
            dimensions=dimensions,
            fraction_separable=fraction,
            thresholds=thresholds,
            dichotomies=self.signs,
            n_features=n_features,
            fit_intercept=bool(fit_intercept),
            n_undecided=n_undecided,
            status=status,
        )


def critical_dimension(fraction: FloatArray, n_trials: int) -> tuple[float, float]:
    """Interpolate the dimension of one half, with standard error, from the fractions in 1, 2, .. dimensions.

    The curve rises from below one half to at least one half; nothing is separable in 0 dimensions.
    """
    curve = np.concatenate([[0.0], fraction])

    def crossing(level: float) -> float:
        if level > curve[-1]:
            return math.nan
        above = max(1, int(np.argmax(curve >= level)))
        low, high = curve[above - 1], curve[above]
        return above - 1 + float((level - low) / (high - low))

    middle = crossing(0.5)
    if n_trials < 2:
        return middle, math.nan
    step = 0.5 / math.sqrt(n_trials)
    lower, upper = crossing(0.5 - step), crossing(0.5 + step)
    if math.isnan(upper):  # the curve ends first; its near half stands for both
        upper = 2 * middle - lower
    return middle, (upper - lower) / 2


def _warn(status: int, n_undecided: int, n_left_out: int, n_trials: int, n_manifolds: int, most: int) -> None:
    reason = {
        0: ("they are left out" if n_left_out else "they count as inseparable where they are")
        * bool(n_undecided),
        1: "too many for an estimate; capacity is NaN (status 1)",
        2: f"at least half of the trials are not separable in any dimension up to {most}; capacity, which is "
        f"below {n_manifolds / most:.4g}, is NaN (status 2)",
        3: f"at least half of the trials are separable in one dimension; capacity, which is at least "
        f"{n_manifolds}, is NaN (status 3)",
    }[status]
    if n_undecided:
        reason = f"{n_undecided} of {n_trials} trials could not be decided; {reason}"
    if reason:
        warnings.warn(reason, ConvergenceWarning, stacklevel=user_level())


def _as_axes(value: Any, name: str, centers: FloatArray) -> FloatArray:
    """Check (n_manifolds, n_axes, n_features) axes against their (n_manifolds, n_features) centres."""
    array = np.ascontiguousarray(_validate.as_array(value, name), dtype=np.float64)
    if array.ndim != 3 or (array.shape[0], array.shape[2]) != centers.shape or array.size == 0:
        n_manifolds, n_features = centers.shape
        raise ValueError(
            f"{name} must have shape (n_manifolds, n_axes, n_features) = ({n_manifolds}, >= 1, {n_features})"
            f", not {array.shape}"
        )
    _validate.require_finite(array, name)
    return array


def _require_several(count: int, name: str) -> None:
    """Refuse a single manifold: a dichotomy divides two or more."""
    if count < 2:
        raise ValueError(f"{name} must hold at least two manifolds for a dichotomy to divide, not {count}")


def _require_extent(extent: float, name: str) -> None:
    """Refuse points that all lie in one place."""
    if extent == 0:
        raise NoExtentError(f"{name} has no extent: all points are the same (or zero, without centring)")
