"""The geometry that decides how well new classes are learned from a few examples each."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.progress import Progress, as_progress
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind, columns_with_errors
from .._base.threads import resolve_threads
from ..clouds.dimensionality import unbiased_traces
from ..clouds.manifolds import ManifoldsLike
from .checks import as_classes, as_shots
from .class_pairs import CentredClass, Direction, over_pairs, prepare_classes

LEVELS = ("main", "overlap", "gaussian", "exact")
# Numbers of an ordered pair that do not depend on the number of shots.
OF_PAIRS = ("signal", "bias", "signal_noise_overlap", "signal_noise_overlap_other", "noise_noise_overlap")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FewshotGeometry(Result):
    """Geometry of classes for few-shot learning; see :func:`fewshot_geometry`.

    Matrices have an entry (a, b) for points of class a that could be taken for class b, and NaN on the
    diagonal. Errors are standard errors over points; of means over pairs they count that pairs share points.

    Attributes
    ----------
    names : ndarray, shape (C,)
        The classes.
    n_points : ndarray of int, shape (C,)
        Number of points of each.
    n_features : int
        Number of features.
    n_shots : int or tuple of int
        Number m of examples; several give `snr`, `error` and their means a leading axis.
    level : str
        Which terms of the theory were kept.
    correct_dimension : bool
        Whether moments are corrected for the number of points.
    radius, radius_se : ndarray, shape (C,)
        Root of the total variance of a class, in the units of the data.
    dimension, dimension_se : ndarray, shape (C,)
        Participation ratio of its covariance.
    signal, signal_se : ndarray, shape (C, C)
        Squared distance of the centres over the squared radius of a.
    bias, bias_se : ndarray, shape (C, C)
        Squared radius of b over that of a, less 1.
    signal_noise_overlap, signal_noise_overlap_se : ndarray, shape (C, C)
        Variance of a along the line between the centres, times their squared distance, over its radius to the
        fourth.
    signal_noise_overlap_other, signal_noise_overlap_other_se : ndarray, shape (C, C)
        The same of the variance of b, over the radius of a to the fourth.
    noise_noise_overlap, noise_noise_overlap_se : ndarray, shape (C, C)
        Trace of the product of both covariances, over the radius of a to the fourth.
    snr, snr_se : ndarray, shape (C, C) or (n_shots, C, C)
        Signal-to-noise ratio.
    error, error_se : ndarray, shape (C, C) or (n_shots, C, C)
        Share of the points of a that are nearer to the prototype of b.
    mean_error, mean_error_se : float or ndarray of shape (n_shots,)
        Mean of the error over all entries.
    mean_signal, ..., mean_noise_noise_overlap and their errors : float
        Means of the matrices over all entries.
    mean_radius, mean_dimension and their errors : float
        Means over classes.
    status : ndarray of int8, shape (C,)
        0 fine, 1 the points of the class do not vary: what is relative to its radius is NaN.
    """

    _headline: ClassVar[tuple[str, ...]] = (
        "n_classes",
        "n_shots",
        "mean_error",
        "mean_signal",
        "mean_radius",
        "mean_dimension",
    )
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_classes", "n_features"),
        *columns_of_kind("setting", "n_shots", "level"),
        *columns_with_errors("mean_error"),
        *columns_with_errors("mean_radius", unit="data"),
        *columns_with_errors("mean_dimension", *(f"mean_{name}" for name in OF_PAIRS)),
        *columns_of_kind("count", "n_points", of_items=True),
        *columns_with_errors("radius", unit="data", of_items=True),
        *columns_with_errors("dimension", of_items=True),
        *columns_of_kind("diagnostic", "status", of_items=True),
    )

    names: NDArray[Any]
    n_points: NDArray[np.intp]
    n_features: int
    n_shots: int | tuple[int, ...]
    level: str
    correct_dimension: bool
    radius: FloatArray
    radius_se: FloatArray
    dimension: FloatArray
    dimension_se: FloatArray
    signal: FloatArray
    signal_se: FloatArray
    bias: FloatArray
    bias_se: FloatArray
    signal_noise_overlap: FloatArray
    signal_noise_overlap_se: FloatArray
    signal_noise_overlap_other: FloatArray
    signal_noise_overlap_other_se: FloatArray
    noise_noise_overlap: FloatArray
    noise_noise_overlap_se: FloatArray
    snr: FloatArray
    snr_se: FloatArray
    error: FloatArray
    error_se: FloatArray
    mean_error: float | FloatArray
    mean_error_se: float | FloatArray
    mean_radius: float
    mean_radius_se: float
    mean_dimension: float
    mean_dimension_se: float
    mean_signal: float
    mean_signal_se: float
    mean_bias: float
    mean_bias_se: float
    mean_signal_noise_overlap: float
    mean_signal_noise_overlap_se: float
    mean_signal_noise_overlap_other: float
    mean_signal_noise_overlap_other_se: float
    mean_noise_noise_overlap: float
    mean_noise_noise_overlap_se: float
    status: NDArray[np.int8]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.n_points)


@_validate.explain_keywords
def fewshot_geometry(
    manifolds: ManifoldsLike,
    n_shots: int | Sequence[int],
    *,
    level: str = "gaussian",
    correct_dimension: bool = False,
    n_threads: int | None = None,
    progress: Progress = False,
) -> FewshotGeometry:
    r"""Geometry of classes that decides how well they are told apart after a few examples of each.

    The examples of a class are averaged to a prototype; a point belongs to the class whose prototype is
    nearer. The error on points of class a against class b is :math:`H(\mathrm{SNR})`, the tail of a Gaussian,
    and the signal-to-noise ratio follows from radii, dimensions, the distance of the centres, and overlaps.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        The classes, points first; numbers of points may differ. At least two, of at least two points.
    n_shots : int or sequence of int
        Number m of examples of each class.
    level : {"gaussian", "main", "overlap", "exact"}
        Which terms of the variance are kept: see Notes.
    correct_dimension : bool, default False
        Moments of K points are too small or too large by about their share 1/K: a dimension cannot exceed
        K - 1, and centres seem further apart than they are. With this they are estimated without bias:
        radius, dimension (the ratio of two unbiased estimates), signal, and the overlaps up to order 1/K. A
        class then needs 4 points. Leave it off for the moments of the points themselves, as published code
        does.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use. It does not change the result.
    progress : bool or callable, default False
        Show a bar, or call this with (classes done, classes).

    Returns
    -------
    FewshotGeometry

    Raises
    ------
    TypeError, ValueError
        If the data are not finite real matrices with the same features, there are fewer than two classes, a
        class has too few points, or all points are the same.

    Warns
    -----
    ConvergenceWarning
        If the points of a class do not vary, or a corrected variance is not positive: what depends on it is
        NaN.

    See Also
    --------
    fewshot_error : the error measured in episodes.
    fewshot_prediction : the error predicted more exactly, without the geometry.

    Notes
    -----
    Let :math:`\Sigma` be a covariance (divisor K), :math:`\Delta = \mu_a - \mu_b`,
    :math:`R^2 = \operatorname{tr}\Sigma` and :math:`D = R^4/\operatorname{tr}\Sigma^2`. With `signal`
    :math:`= |\Delta|^2/R_a^2`, `bias` :math:`= R_b^2/R_a^2 - 1`, and overlaps
    :math:`s_a = \Delta'\Sigma_a\Delta/R_a^4`, :math:`s_b = \Delta'\Sigma_b\Delta/R_a^4`,
    :math:`n = \operatorname{tr}\Sigma_a\Sigma_b/R_a^4`,

    .. math:: \mathrm{SNR} = \frac{\tfrac12(\mathrm{signal} + \mathrm{bias}/m)}
        {\sqrt{\frac{1}{mD_a} + s_a + \frac{s_b}{m} + \Big[\frac nm\Big]
        + \Big[\frac{1}{2m^2D_a} + \frac{R_b^4/R_a^4}{2m^2D_b}\Big]}}.

    ``"main"`` leaves both brackets out: the equation of the paper's main text, for many dimensions and
    centres that are far apart. ``"overlap"`` has the first: subspaces of the two classes may overlap.
    ``"gaussian"`` has both: mean and variance of the score are exact if the points of each class are
    Gaussian. ``"exact"`` has the empirical fourth and third moments instead of the second bracket: mean and
    variance are exact for any points, test points and examples being drawn with replacement. All four then
    take the score to be Gaussian, which many dimensions make it, and few do not: expect errors that are some
    ten per cent off where D is about 5, and at small errors, where the tails count.

    Standard errors are infinitesimal jackknives over points.

    References
    ----------
    Sorscher, Ganguli, Sompolinsky, "Neural representational geometry underlies few-shot concept learning",
    PNAS 2022.

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> found = ng.fewshot_geometry(ng.manifolds(text.layers["layer6"], text.labels), [1, 5])
    >>> found.mean_error.round(4), found.mean_error_se.round(4)
    (array(...), array(...))
    >>> round(found.mean_dimension, 1)
    9.9
    """
    clouds = as_classes(manifolds)
    shots, several = as_shots(n_shots)
    level = _validate.as_choice(level, "level", LEVELS)
    fewest = 4 if correct_dimension else 2
    for k in np.flatnonzero(clouds.n_points < fewest)[:1]:
        raise ValueError(
            f"manifolds[{k}] ({clouds.names[k]!s}) has {clouds.n_points[k]} points; "
            f"{'the correction' if correct_dimension else 'a covariance'} needs at least {fewest}"
        )
    threads, report = resolve_threads(n_threads), as_progress(progress, "few-shot geometry")
    classes, unit = prepare_classes(clouds, partial(prepare_class, corrected=correct_dimension), threads)
    rule = partial(pair_of_classes, weights=score_weights(shots, level))
    found = over_pairs(classes, rule, len(OF_PAIRS) + 2 * len(shots), threads, report)
    status = np.array([0 if one.square_radius > 0 else 1 for one in classes], dtype=np.int8)
    _warn_of(clouds.names, status, found.values)
    radius, radius_se = np.transpose([_radius(one) for one in classes]) * unit
    dimension, dimension_se = np.transpose([_dimension(one) for one in classes])
    at = len(OF_PAIRS) + len(shots)

    def of_shots(numbers: FloatArray) -> Any:
        return numbers if several else numbers[0]

    of_pairs: dict[str, Any] = {}
    for k, name in enumerate(OF_PAIRS):
        of_pairs |= {name: found.values[k], f"{name}_se": found.errors[k]}
        of_pairs |= {f"mean_{name}": float(found.means[k]), f"mean_{name}_se": float(found.mean_errors[k])}
    means = of_shots(found.means[at:]), of_shots(found.mean_errors[at:])
    return FewshotGeometry(
        names=clouds.names,
        n_points=clouds.n_points,
        n_features=clouds.n_features,
        n_shots=shots if several else shots[0],
        level=level,
        correct_dimension=bool(correct_dimension),
        radius=radius,
        radius_se=radius_se,
        dimension=dimension,
        dimension_se=dimension_se,
        **of_pairs,
        snr=of_shots(found.values[len(OF_PAIRS) : at]),
        snr_se=of_shots(found.errors[len(OF_PAIRS) : at]),
        error=of_shots(found.values[at:]),
        error_se=of_shots(found.errors[at:]),
        mean_error=means[0] if several else float(means[0]),
        mean_error_se=means[1] if several else float(means[1]),
        **_mean_of_classes("radius", radius, radius_se),
        **_mean_of_classes("dimension", dimension, dimension_se),
        status=status,
    )


def _mean_of_classes(name: str, values: FloatArray, errors: FloatArray) -> dict[str, Any]:
    known = ~np.isnan(values)
    count = int(known.sum())
    if count == 0:
        return {f"mean_{name}": math.nan, f"mean_{name}_se": math.nan}
    total = math.sqrt(float((errors[known] ** 2).sum()))
    return {f"mean_{name}": float(values[known].mean()), f"mean_{name}_se": total / count}


def _warn_of(names: NDArray[Any], status: NDArray[np.int8], values: FloatArray) -> None:
    texts = []
    if status.any():
        shown = ", ".join(str(name) for name in names[status > 0][:5])
        texts.append(
            f"the points of {int(status.sum())} classes do not vary ({shown}): what is relative to their "
            "radius is NaN"
        )
    undefined = int(np.isnan(values[-1]).sum()) - len(names)
    if undefined:
        texts.append(f"{undefined} pairs have no signal-to-noise ratio: their variance is not positive")
    for text in texts:
        warnings.warn(text, ConvergenceWarning, stacklevel=_validate.user_level())


@registered
class PreparedClass(NamedTuple):
    """What pairs need of a class: its points, moments, and their influences."""

    points: CentredClass
    square_radius: float  # tr Sigma
    square_trace: float  # tr Sigma^2
    dimension: float
    length_variance: float  # Var |e|^2
    of_square_radius: FloatArray
    of_square_trace: FloatArray
    of_length_variance: FloatArray
    corrected: bool


def prepare_class(points: CentredClass, *, corrected: bool) -> PreparedClass:
    """Compute what pairs need of a class."""
    gram, lengths, count = points.gram, points.lengths, len(points.lengths)
    plain, variances = lengths.mean(), (gram**2).mean(axis=1)
    square_radius, square_trace = float(plain), float(variances.mean())
    squared = square_radius**2
    if corrected:
        # The squared singular values of the points enter by their sum and the sum of their squares only.
        squared, square_trace = unbiased_traces(float(lengths.sum()), square_trace * count**2, lengths)
        square_radius *= count / (count - 1)
    fourth = float((lengths**2).mean())
    towards = gram @ lengths / count  # e_i . E[e |e|^2]
    return PreparedClass(
        points=points,
        square_radius=square_radius,
        square_trace=square_trace,
        dimension=squared / square_trace if square_trace > 0 else math.nan,
        length_variance=fourth - float(plain) ** 2,
        of_square_radius=lengths - plain,
        of_square_trace=_of_square_trace(lengths, variances),
        of_length_variance=lengths**2 - fourth - 4 * towards - 2 * plain * (lengths - plain),
        corrected=corrected,
    )


def _of_square_trace(lengths: FloatArray, variances: FloatArray) -> FloatArray:
    """Influences on tr Sigma^2, by leaving points out since it is quadratic, from |e|^2 and e' Sigma e."""
    less = len(lengths) - 1
    change = 2 * variances - lengths**2 / less
    return np.asarray(change - change.mean())


def _radius(one: PreparedClass) -> tuple[float, float]:
    """Radius and its standard error."""
    radius = math.sqrt(one.square_radius)
    if radius == 0:
        return 0.0, 0.0
    return radius, _root_sum_square(one.of_square_radius) / len(one.of_square_radius) / (2 * radius)


def _dimension(one: PreparedClass) -> tuple[float, float]:
    """Dimension and its standard error: a jackknife, as it curves where dimensions are few."""
    if not one.dimension > 0:
        return math.nan, math.nan
    count = len(one.of_square_trace)
    traces = one.square_radius - one.of_square_radius / (count - 1)
    squares = one.square_trace - one.of_square_trace / (count - 1)
    without = traces**2 / squares
    return one.dimension, math.sqrt((count - 1) / count) * _root_sum_square(without - without.mean())


def _root_sum_square(moves: FloatArray) -> float:
    return math.sqrt(float(moves @ moves))


# Moments of a pair, in this order, those of b after those of a. Delta is the difference of their means.
(
    _DISTANCE,  # |Delta|^2
    _SHARED,  # tr Sigma_a Sigma_b
    _ALONG,  # Delta' Sigma_a Delta
    _ALONG_OTHER,
    _SKEW,  # Delta . E[e_a |e_a|^2]
    _SKEW_OTHER,
    _SQUARE,  # tr Sigma_a
    _SQUARE_OTHER,
    _TRACE,  # tr Sigma_a^2
    _TRACE_OTHER,
    _LENGTHS,  # Var |e_a|^2
    _LENGTHS_OTHER,
) = range(12)
_TURNED = [_DISTANCE, _SHARED, *(k + 1 - 2 * (k % 2) for k in range(_ALONG, _LENGTHS_OTHER + 1))]


def _moments(a: PreparedClass, b: PreparedClass, between: FloatArray, tile: FloatArray) -> Direction:
    """Compute the moments, with how much they move by weight on a point of either class."""
    (n_a, n_b), lengths_a, lengths_b = tile.shape, a.points.lengths, b.points.lengths
    x, y = a.points.centred @ between, b.points.centred @ between
    squares = tile**2
    of_a, of_b = squares.mean(axis=1), squares.mean(axis=0)  # e_i' Sigma_b e_i, e_j' Sigma_a e_j
    # (Sigma_a Delta) . e, (Sigma_b Delta) . e, t_a . e and t_b . e for the points of both; t = E[e |e|^2].
    weights_a, weights_b = np.stack([x, lengths_a]) / n_a, np.stack([y, lengths_b]) / n_b
    (a_on_a, third_a_on_a), (a_on_b, third_a_on_b) = weights_a @ a.points.gram, weights_a @ tile
    (b_on_a, third_b_on_a), (b_on_b, third_b_on_b) = weights_b @ tile.T, weights_b @ b.points.gram
    values, own, others = np.zeros(12), np.zeros((12, n_a)), np.zeros((12, n_b))
    values[_DISTANCE], own[_DISTANCE], others[_DISTANCE] = between @ between, 2 * x, -2 * y
    values[_SHARED] = of_a.mean()
    own[_SHARED], others[_SHARED] = of_a - values[_SHARED], of_b - values[_SHARED]
    values[_ALONG], values[_ALONG_OTHER] = (x**2).mean(), (y**2).mean()
    own[_ALONG], others[_ALONG] = x**2 - values[_ALONG] + 2 * a_on_a, -2 * a_on_b
    own[_ALONG_OTHER], others[_ALONG_OTHER] = 2 * b_on_a, y**2 - values[_ALONG_OTHER] - 2 * b_on_b
    values[_SKEW], values[_SKEW_OTHER] = (x * lengths_a).mean(), (y * lengths_b).mean()
    own[_SKEW] = x * (lengths_a - lengths_a.mean()) - values[_SKEW] - 2 * a_on_a + third_a_on_a
    others[_SKEW], own[_SKEW_OTHER] = -third_a_on_b, third_b_on_a
    others[_SKEW_OTHER] = y * (lengths_b - lengths_b.mean()) - values[_SKEW_OTHER] - 2 * b_on_b - third_b_on_b
    for one, moves, side in ((a, own, 0), (b, others, 1)):
        values[[_SQUARE + side, _TRACE + side]] = one.square_radius, one.square_trace
        values[_LENGTHS + side] = one.length_variance
        moves[_SQUARE + side], moves[_TRACE + side] = one.of_square_radius, one.of_square_trace
        moves[_LENGTHS + side] = one.of_length_variance
    if a.corrected:
        # Out with the bias of order 1/K; influences stay, to that order.
        more_a, more_b = n_a / (n_a - 1), n_b / (n_b - 1)
        values[_SHARED] *= more_a * more_b
        values[_DISTANCE] -= a.square_radius / n_a + b.square_radius / n_b
        values[_ALONG] *= more_a
        values[_ALONG] -= (a.square_trace + 2 * values[_SKEW]) / n_a + values[_SHARED] / n_b
        values[_ALONG_OTHER] *= more_b
        values[_ALONG_OTHER] -= (b.square_trace - 2 * values[_SKEW_OTHER]) / n_b + values[_SHARED] / n_a
    return Direction(values, own, others)


def _turned(moments: Direction) -> Direction:
    """The same moments for the points of b against a."""
    values, own, others = (array[_TURNED].copy() for array in moments)
    for array in (values, own, others):
        array[[_SKEW, _SKEW_OTHER]] *= -1
    return Direction(values, others, own)


def score_weights(shots: Sequence[int], level: str) -> tuple[FloatArray, FloatArray]:
    """Weights of the moments in the mean and the variance of the score, one row for each number of shots."""
    mean, variance = np.zeros((len(shots), 12)), np.zeros((len(shots), 12))
    m = np.array(shots, dtype=np.float64)
    mean[:, _DISTANCE], mean[:, _SQUARE], mean[:, _SQUARE_OTHER] = 0.5, -0.5 / m, 0.5 / m
    variance[:, _ALONG], variance[:, _ALONG_OTHER], variance[:, _TRACE] = 1.0, 1 / m, 1 / m
    if level != "main":
        variance[:, _SHARED] = 1 / m
    if level == "gaussian":
        variance[:, _TRACE] += 0.5 / m**2
        variance[:, _TRACE_OTHER] = 0.5 / m**2
    if level == "exact":
        variance[:, _TRACE] += (m - 1) / (2 * m**3)
        variance[:, _TRACE_OTHER] = (m - 1) / (2 * m**3)
        variance[:, _LENGTHS] = variance[:, _LENGTHS_OTHER] = 0.25 / m**3
        variance[:, _SKEW_OTHER] = -1 / m**2
    return mean, variance


def pair_of_classes(
    a: PreparedClass,
    b: PreparedClass,
    between: FloatArray,
    tile: FloatArray,
    *,
    weights: tuple[FloatArray, FloatArray],
) -> tuple[Direction, Direction]:
    """All numbers of both directions of a pair: those of `OF_PAIRS`, then SNR and error for all shots."""
    moments = _moments(a, b, between, tile)
    return _numbers(moments, *weights), _numbers(_turned(moments), *weights)


# What the numbers of OF_PAIRS are made of: a moment, over this power of the squared radius of a.
_RATIOS = [_DISTANCE, _SQUARE_OTHER, _ALONG, _ALONG_OTHER, _SHARED]
_POWERS = np.array([1.0, 1.0, 2.0, 2.0, 2.0])


def _numbers(moments: Direction, mean_weights: FloatArray, variance_weights: FloatArray) -> Direction:
    values = moments.values
    square = values[_SQUARE]
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.where(square > 0, square, np.nan) ** _POWERS
        ratios = values[_RATIOS] / sizes
        mean, variance = ((weights * values).sum(axis=1) for weights in (mean_weights, variance_weights))
        sd = np.sqrt(np.where(variance > 0, variance, np.nan))
        snr = mean / sd
        of_snr = mean_weights / sd[:, None] - variance_weights * (snr / (2 * variance))[:, None]
    slope = -np.exp(-(np.minimum(np.abs(snr), 38.0) ** 2) / 2) / np.sqrt(2 * np.pi)
    moved = []
    for moves in (moments.own, moments.others):
        of_ratios = moves[_RATIOS] / sizes[:, None] - np.outer(ratios * _POWERS / sizes[0], moves[_SQUARE])
        of_snrs = (of_snr[:, :, None] * moves).sum(axis=1)  # in an order that other shots do not change
        moved.append(np.concatenate([of_ratios, of_snrs, slope[:, None] * of_snrs]) / moves.shape[1])
    ratios[1] -= 1
    return Direction(np.concatenate([ratios, snr, ndtr(-snr)]), *moved)
