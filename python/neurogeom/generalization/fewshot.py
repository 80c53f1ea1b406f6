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
from .checks import as_classes, as_shots, require_moments
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
        0 fine, 1 the points of the class do not vary: what is relative to its radius is NaN, 2 the corrected
        estimate of the trace of its squared covariance is not positive: its dimension is NaN.
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
        K - 1, and centres seem further apart than they are. With this every moment that mean and variance
        of the score are made of is estimated without bias, for independent points of any distribution;
        squared radius, signal, overlaps and dimension are these or their ratios. A class then needs 4 points.
        This is the form to compare with errors measured on points that are not among the examples; leave it
        off for the moments of the points themselves, as published code does.
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

    Standard errors are jackknives that leave out one point after the other, of the means over pairs too. They
    need three points of each class (that of a dimension four), with the correction five, and are NaN where
    one point less leaves a number undefined. In simulations of Gaussian classes, with the correction,
    intervals of 1.96 standard errors hold the truth in 93 to 97 % of cases from 60 points a class on (those
    of dimension in up to 98 %); without it they miss the dimension, and at few points the signal.

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
    (array([0.0598, 0.0032]), array([0.0042, 0.0005]))
    >>> round(found.mean_dimension, 1)
    9.9
    """
    clouds = as_classes(manifolds)
    shots, several = as_shots(n_shots)
    level = _validate.as_choice(level, "level", LEVELS)
    require_moments(clouds, correct_dimension)
    threads, report = resolve_threads(n_threads), as_progress(progress, "few-shot geometry")
    classes, unit = prepare_classes(clouds, partial(prepare_class, corrected=correct_dimension), threads)
    rule = partial(pair_of_classes, weights=score_weights(shots, level))
    found = over_pairs(classes, rule, len(OF_PAIRS) + 2 * len(shots), threads, report)
    status = np.array([_status(one) for one in classes], dtype=np.int8)
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
    for code, text in (
        (1, "the points of {} classes do not vary ({}): what is relative to their radius is NaN"),
        (2, "{} classes have no corrected dimension ({}): their points are too few, or vary too unevenly"),
    ):
        if (status == code).any():
            shown = ", ".join(str(name) for name in names[status == code][:5])
            texts.append(text.format(int((status == code).sum()), shown))
    undefined = int(np.isnan(values[-1]).sum()) - len(names)
    if undefined:
        texts.append(f"{undefined} pairs have no signal-to-noise ratio: their variance is not positive")
    for text in texts:
        warnings.warn(text, ConvergenceWarning, stacklevel=_validate.user_level())


@registered
class PreparedClass(NamedTuple):
    """What pairs need of a class: its points and moments, with all points and without each of them."""

    points: CentredClass
    square_radius: float  # tr Sigma
    dimension: float
    variances: FloatArray  # e_i' Sigma e_i
    towards: FloatArray  # e_i . E[e |e|^2]
    plain: FloatArray  # mean |e|^2, of all points and then without each
    moments: FloatArray  # rows of _OF_CLASS, columns as in `plain`
    corrected: bool


# Moments of one class.
(
    _OWN_SQUARE,  # tr Sigma
    _OWN_SQUARED,  # (tr Sigma)^2
    _OWN_TRACE,  # tr Sigma^2
    _OWN_LENGTHS,  # Var |e|^2
    _OWN_CUMULANT,  # E|e|^4 - (tr Sigma)^2 - 2 tr Sigma^2: zero for Gaussian points
    _OWN_ALONG,  # E[x' S x] of the error x of the mean and the covariance S
) = range(6)
# What is left of a trace by leaving a point out, below which it is rounding.
_ROUNDING = 1e-13


def prepare_class(points: CentredClass, *, corrected: bool) -> PreparedClass:
    """Compute what pairs need of a class."""
    gram, lengths, count = points.gram, points.lengths, len(points.lengths)
    plain, variances = float(lengths.mean()), (gram**2).mean(axis=1)
    fourth, towards = float((lengths**2).mean()), gram @ lengths / count
    # Without point i the mean moves by -s e_i: |e_j|^2 becomes |e_j|^2 + 2 s e_i . e_j + s^2 |e_i|^2.
    s = 1 / (count - 1)
    square, trace = (np.full(count + 1, value) for value in (plain, float(variances.mean())))
    fourths = np.full(count + 1, fourth)
    square[1:] = count * s * (plain - s * lengths)
    trace[1:] = (count * s) ** 2 * (trace[0] - 2 * s * variances + (s * lengths) ** 2)
    fourths[1:] = s * (
        count * (fourth + 4 * s * (towards + s * variances) + 2 * s**2 * lengths * plain)
        - lengths**2 * (1 + s * (4 + s * (6 + 3 * s)))
    )
    square[1:][square[1:] <= _ROUNDING * plain] = 0.0
    trace[1:][trace[1:] <= _ROUNDING * trace[0]] = 0.0
    if count < (5 if corrected else 3):
        square[1:] = np.nan  # one point less has no moments
    moments = _moments_of_class(np.array([count, *[count - 1] * count]), square, trace, fourths, corrected)
    squared, of_trace = float(moments[_OWN_SQUARED, 0]), float(moments[_OWN_TRACE, 0])
    return PreparedClass(
        points=points,
        square_radius=float(moments[_OWN_SQUARE, 0]),
        dimension=squared / of_trace if of_trace > 0 else math.nan,
        variances=variances,
        towards=towards,
        plain=square,
        moments=moments,
        corrected=corrected,
    )


def _moments_of_class(
    n: NDArray[Any], square: FloatArray, trace: FloatArray, fourth: FloatArray, corrected: bool
) -> FloatArray:
    """Moments of n points from the plain tr Sigma, tr Sigma^2 and mean |e|^4."""
    zeros = np.zeros_like(square)
    if not corrected:
        return np.stack([square, square**2, trace, fourth - square**2, zeros, zeros])
    with np.errstate(divide="ignore", invalid="ignore"):
        # The mean over four different points of ((e_i - e_j) . e_k) ((e_i - e_j) . e_l) / 2, less x' S x for
        # the mean, has this closed form.
        along = trace * n * (n - 1) + n * square**2 - 2 * n * fourth
        along /= (n - 1) * (n - 2) * (n - 3)
        squared, of_trace = unbiased_traces(n, square * n, trace * n**2, fourth * n)
        # As of h-statistics: E of the plain moment has (2n - 3) ((tr Sigma)^2 + 2 tr Sigma^2) beside E|e|^4.
        pairs = squared + 2 * of_trace
        unbiased = (n**3 / (n - 1) * fourth - (2 * n - 3) * pairs) / (n**2 - 3 * n + 3)
        return np.stack(
            [square * (n / (n - 1)), squared, of_trace, unbiased - squared, unbiased - pairs, along]
        )


def _status(one: PreparedClass) -> int:
    if not one.square_radius > 0:
        return 1
    return 2 if math.isnan(one.dimension) else 0


def _jackknife(without: FloatArray) -> FloatArray:
    """Moves whose sum of squares is the variance of a number, from its values without each point."""
    n = without.shape[-1]
    moves: FloatArray = (without.mean(axis=-1, keepdims=True) - without) * math.sqrt((n - 1) / n)
    return moves


def _radius(one: PreparedClass) -> tuple[float, float]:
    """Radius and its standard error."""
    radius = np.sqrt(one.moments[_OWN_SQUARE])
    return float(radius[0]), _root_sum_square(_jackknife(radius[1:]))


def _dimension(one: PreparedClass) -> tuple[float, float]:
    """Dimension and its standard error."""
    squared, trace = one.moments[[_OWN_SQUARED, _OWN_TRACE], 1:]
    # Two points always have dimension 1, from which no error follows.
    without = squared / np.where((trace > 0) & (len(trace) > 3), trace, np.nan)
    return one.dimension, _root_sum_square(_jackknife(without)) + 0 * one.dimension


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


def _moments(a: PreparedClass, b: PreparedClass, between: FloatArray, tile: FloatArray) -> FloatArray:
    """Compute the moments: of all points, without each point of a, without each point of b."""
    n_a, n_b = tile.shape
    x, y = a.points.centred @ between, b.points.centred @ between
    squares = tile**2
    of_a, of_b = squares.mean(axis=1), squares.mean(axis=0)  # e_i' Sigma_b e_i, e_j' Sigma_a e_j
    # (Sigma_a Delta) . e, (Sigma_b Delta) . e, t_a . e and t_b . e for the points of both; t = E[e |e|^2].
    weights_a, weights_b = np.stack([x, a.points.lengths]) / n_a, np.stack([y, b.points.lengths]) / n_b
    a_on_a, b_on_b = a.points.gram @ weights_a[0], b.points.gram @ weights_b[0]
    (a_on_b, third_a_on_b), (b_on_a, third_b_on_a) = weights_a @ tile, weights_b @ tile.T
    full = np.zeros(12)
    full[_DISTANCE], full[_SHARED] = between @ between, of_a.mean()
    full[_ALONG], full[_ALONG_OTHER] = (x**2).mean(), (y**2).mean()
    full[_SKEW], full[_SKEW_OTHER] = (x * a.points.lengths).mean(), (y * b.points.lengths).mean()
    values = np.repeat(full[:, None], 1 + n_a + n_b, axis=1)
    columns_a, columns_b = slice(1, 1 + n_a), slice(1 + n_a, None)
    _leave_out(values[:, columns_a], a, x, a_on_a, of_a, b_on_a, third_b_on_a, 0)
    _leave_out(values[:, columns_b], b, y, b_on_b, of_b, a_on_b, third_a_on_b, 1)
    for one, columns, side in ((a, columns_a, 0), (b, columns_b, 1)):
        for moment, own in ((_SQUARE, _OWN_SQUARE), (_TRACE, _OWN_TRACE), (_LENGTHS, _OWN_LENGTHS)):
            values[moment + side] = one.moments[own, 0]
            values[moment + side, columns] = one.moments[own, 1:]
    if a.corrected:
        _correct(values, a, b)
    return values


def _leave_out(
    values: FloatArray,
    one: PreparedClass,
    x: FloatArray,
    own: FloatArray,
    others: FloatArray,
    along_others: FloatArray,
    third: FloatArray,
    side: int,
) -> None:
    """Change the plain moments of all points to those without each point of one class, in place.

    Of each point: x = Delta . e, own = Delta' Sigma e, others = e' Sigma_o e, along_others = Delta' Sigma_o e
    and third = t_o . e, with o for the other class. Without a point the mean moves by -s e, and the
    covariance is K s (Sigma - s e e').
    """
    count, lengths = len(x), one.points.lengths
    s, sign = 1 / (count - 1), 1 - 2 * side  # Delta moves with the mean of a, and against that of b
    more = count * s
    values[_DISTANCE] += s * (s * lengths - 2 * sign * x)
    values[_SHARED] = more * (values[_SHARED] - s * others)
    values[_ALONG + side] += s * (s * one.variances - 2 * sign * own)
    values[_ALONG + side] = more * (values[_ALONG + side] - s * (x - sign * s * lengths) ** 2)
    values[_ALONG + 1 - side] += s * (s * others - 2 * sign * along_others)

    def third_moment(of_all: FloatArray, on_e: FloatArray, through: FloatArray) -> FloatArray:
        """v . t without the point, from v . t, v . e and v' Sigma e."""
        moved = 2 * s * (count * through - lengths * on_e) - (1 + s**2) * lengths * on_e
        found: FloatArray = more * of_all + s * (moved + one.plain[1:] * on_e)
        return found

    values[_SKEW + side] = third_moment(values[_SKEW + side], x, own)
    values[_SKEW + side] -= sign * s * third_moment(one.towards, lengths, one.variances)
    values[_SKEW + 1 - side] -= sign * s * third


def _correct(values: FloatArray, a: PreparedClass, b: PreparedClass) -> None:
    """Take the bias out of the moments of a pair, in place."""
    counts = np.empty((2, values.shape[1]))
    counts[0], counts[1] = len(a.points.lengths), len(b.points.lengths)
    columns = slice(1, 1 + len(a.points.lengths)), slice(1 + len(a.points.lengths), None)
    for n, own in zip(counts, columns, strict=True):
        n[own] -= 1
    values[_DISTANCE] -= values[_SQUARE] / counts[0] + values[_SQUARE_OTHER] / counts[1]
    values[_SHARED] *= (counts / (counts - 1)).prod(axis=0)
    for side, one in enumerate((a, b)):
        sign, n = 1 - 2 * side, counts[side]
        along, cumulant = (np.full_like(n, one.moments[own, 0]) for own in (_OWN_ALONG, _OWN_CUMULANT))
        along[columns[side]], cumulant[columns[side]] = one.moments[[_OWN_ALONG, _OWN_CUMULANT], 1:]
        values[_SKEW + side] *= n**2 / ((n - 1) * (n - 2))
        values[_ALONG + side] *= n / (n - 1)
        values[_ALONG + side] -= along + sign * 2 * values[_SKEW + side] / n
        values[_ALONG + side] -= values[_SHARED] / counts[1 - side]
        values[_SKEW + side] -= sign * cumulant / n


def _turned(moments: FloatArray) -> FloatArray:
    """The same moments for the points of b against a."""
    turned: FloatArray = moments[_TURNED]
    turned[[_SKEW, _SKEW_OTHER]] *= -1
    return turned


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
    forth, back = (_numbers(one, *weights) for one in (moments, _turned(moments)))
    end = 1 + len(tile)
    return (
        Direction(forth[:, 0], _jackknife(forth[:, 1:end]), _jackknife(forth[:, end:])),
        Direction(back[:, 0], _jackknife(back[:, end:]), _jackknife(back[:, 1:end])),
    )


# What the numbers of OF_PAIRS are made of: a moment, over this power of the squared radius of a.
_RATIOS = [_DISTANCE, _SQUARE_OTHER, _ALONG, _ALONG_OTHER, _SHARED]
_POWERS = (1, 1, 2, 2, 2)


def _numbers(moments: FloatArray, mean_weights: FloatArray, variance_weights: FloatArray) -> FloatArray:
    """All numbers, one row each, of moments in columns."""
    square = moments[_SQUARE]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.where(square > 0, square, np.nan)
        ratios = [moments[k] * inverse**power for k, power in zip(_RATIOS, _POWERS, strict=True)]
        ratios[1] -= 1
        # Summed in an order that other shots and points do not change.
        mean, variance = (
            sum(row[:, None] * moment for row, moment in zip(weights.T, moments, strict=True))
            for weights in (mean_weights, variance_weights)
        )
        snr = mean / np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.concatenate([ratios, snr, ndtr(-snr)])
