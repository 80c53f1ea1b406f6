"""Capacities known in closed form: a point, an L2 ball, an ellipsoid, equally correlated spheres.

Everything here is E ||projection on a cone||^2 (a statistical dimension shifted by the margin); the
cone of a ball needs one integral over a chi distribution, that of an ellipsoid a Monte-Carlo mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from .._base import checks as _validate
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from .._base.rng import RandomSource, as_generator

FloatArray = NDArray[np.float64]

_SQRT_2PI = float(np.sqrt(2 * np.pi))
_EXPONENT = 40.0  # the radial density is cut where it has fallen by exp(-40) = 4e-18
_PANELS = 24  # equal panels of the log-radial axis
# Panels that follow the margin's turning point, where the spacing has to be one standard deviation.
_TURN = np.linspace(-9.0, 9.0, 10)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_BALL_BLOCK = 256  # balls per pass: bounds the memory of the quadrature
_DRAW_BLOCK = 1 << 18  # normals per pass of the Monte Carlo, likewise
# A shorter radius counts as 0: it could not change a digit, and its square would underflow.
_SHORTEST = 1e-100
_CLOSE = 1e-10  # of the secular equation; one more Newton step then doubles the digits
_MAX_STEPS = 200


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EllipsoidCapacity(Result):
    """Capacity of an ellipsoid by Monte Carlo.

    Attributes
    ----------
    capacity, capacity_se : float
        Capacity (manifolds per dimension) and its standard error.
    margin : float
        The margin kappa.
    n_samples : int
        Number of independent draws.
    radii : ndarray, shape (n_axes,)
        The radii, in units of the centre norm.
    """

    _headline: ClassVar[tuple[str, ...]] = ("capacity",)
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("setting", "margin"),
        *columns_of_kind("count", "n_samples"),
        *columns_with_errors("capacity"),
    )

    capacity: float
    capacity_se: float
    margin: float
    n_samples: int
    radii: FloatArray


def point_capacity(margin: ArrayLike = 0.0) -> Any:
    r"""Capacity of points (perceptron capacity).

    .. math:: 1/\alpha_0(\kappa) = \int_{-\infty}^{\kappa} Dt\,(\kappa - t)^2
              = (1 + \kappa^2)\,\Phi(\kappa) + \kappa\,\phi(\kappa)

    Parameters
    ----------
    margin : float or array_like
        Margin kappa >= 0.

    Returns
    -------
    float or ndarray
        Points per dimension that can be separated, in the shape of `margin`.

    Raises
    ------
    TypeError, ValueError
        If `margin` is not made of finite numbers >= 0.

    References
    ----------
    E. Gardner, "The space of interactions in neural network models", J. Phys. A 21, 257 (1988).

    Examples
    --------
    >>> point_capacity()
    2.0
    >>> point_capacity([0.0, 1.0]).round(4)
    array([2.    , 0.5196])
    """
    margins = _as_margins(margin)
    with np.errstate(over="ignore"):  # the square of a margin above 1e154; its capacity is 0
        return _plain(1 / _half_line(margins))


def ball_capacity(radius: ArrayLike, dimension: ArrayLike, margin: ArrayLike = 0.0) -> Any:
    r"""Capacity of L2 balls (equally, of spheres).

    With t ~ chi(D), s = R/sqrt(1+R^2), c = 1/sqrt(1+R^2), z ~ N(kappa, 1), the squared norm of the
    projection of (t, z) on the circular cone is (st + cz)_+^2 + (sz - ct)_+^2, so that

    .. math:: 1/\alpha_B = E_t\left[c^2\,h(\kappa + Rt) + s^2\,h(\kappa - t/R)\right],
              \qquad h(x) = (1 + x^2)\,\Phi(x) + x\,\phi(x).

    This equals the double integral of the paper, without differences of large terms. The integral
    over t is done numerically to a relative accuracy better than 1e-12.

    Parameters
    ----------
    radius : float or array_like
        Radius R >= 0 in units of the centre norm; 0 gives a point, ``inf`` is the limit
        1/alpha = D + h(kappa).
    dimension : float or array_like
        Dimension D > 0, any real number; ``inf`` gives 0 unless the radius is 0.
    margin : float or array_like
        Margin kappa >= 0.

    Returns
    -------
    float or ndarray
        Balls per dimension that can be separated, in the broadcast shape of the arguments.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or the shapes do not broadcast.

    References
    ----------
    S. Chung, D. D. Lee and H. Sompolinsky, "Classification and geometry of general perceptual
    manifolds", Phys. Rev. X 8, 031003 (2018). The form above and its quadrature are our own.

    Examples
    --------
    >>> round(ball_capacity(1.0, 3), 12)  # at margin 0 a ball of radius 1 has 2 / (D + 1)
    0.5
    >>> ball_capacity([0.0, 0.5, 2.0], 5).round(4)
    array([2.    , 0.5765, 0.2344])
    """
    radii, dimensions, margins = _broadcast(
        radius=_as_nonnegative(radius, "radius", infinite=True),
        dimension=_as_nonnegative(dimension, "dimension", zero=False, infinite=True),
        margin=_as_margins(margin),
    )
    flat = [array.reshape(-1) for array in (radii, dimensions, margins)]
    inverse = np.empty(radii.size)
    for start in range(0, radii.size, _BALL_BLOCK):
        block = slice(start, start + _BALL_BLOCK)
        inverse[block] = _ball_inverse(*(array[block] for array in flat))
    return _plain(1 / inverse.reshape(radii.shape))


@_validate.explain_keywords
def ellipsoid_capacity(
    radii: ArrayLike,
    margin: float = 0.0,
    *,
    n_samples: int = 10_000,
    rng: RandomSource = None,
) -> EllipsoidCapacity:
    """Capacity of ellipsoids, by Monte Carlo over the Gaussian field.

    Each draw of the field is used with both signs of its centre component (antithetic pairs); the
    standard error is that of the pair means.

    Parameters
    ----------
    radii : array_like, shape (n_axes,)
        Radii >= 0 in units of the centre norm; axes of radius 0 do not matter.
    margin : float
        Margin kappa >= 0.
    n_samples : int
        Number of independent draws, at least 2.
    rng : None, int, SeedSequence or Generator
        Source of the draws.

    Returns
    -------
    EllipsoidCapacity
        Ellipsoids per dimension that can be separated, and the standard error.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    References
    ----------
    S. Chung, D. D. Lee and H. Sompolinsky, "Classification and geometry of general perceptual
    manifolds", Phys. Rev. X 8, 031003 (2018).

    Examples
    --------
    >>> result = ellipsoid_capacity([1.0, 1.0, 1.0], rng=0)  # a ball: 2 / (3 + 1)
    >>> abs(result.capacity - 0.5) < 4 * result.capacity_se
    True
    """
    axes = _as_nonnegative(_validate.as_float_vector(radii, "radii"), "radii")
    margin = _validate.as_margin(margin)
    n_samples = _validate.as_count(n_samples, "n_samples", minimum=2)
    generator = as_generator(rng)
    long_axes = axes[axes > _SHORTEST]
    rows = max(1, _DRAW_BLOCK // (len(long_axes) + 1))
    values = np.empty(n_samples)
    for start in range(0, n_samples, rows):
        stop = min(start + rows, n_samples)
        t = generator.standard_normal((stop - start, len(long_axes) + 1))
        above = _ellipsoid_norm2(t[:, :-1], margin + t[:, -1], long_axes)
        below = _ellipsoid_norm2(t[:, :-1], margin - t[:, -1], long_axes)
        values[start:stop] = 0.5 * (above + below)
    capacity = 1 / float(values.mean())
    error = float(values.std(ddof=1)) / n_samples**0.5
    return EllipsoidCapacity(
        capacity=capacity,
        capacity_se=error * capacity**2,
        margin=margin,
        n_samples=n_samples,
        radii=axes.copy(),
    )


def _plain(array: FloatArray) -> Any:
    """Return a float for scalar input."""
    return array if array.ndim else float(array)


def _half_line(margin: FloatArray) -> FloatArray:
    """Return h(x) = E max(x + g, 0)^2 with g ~ N(0, 1)."""
    return _scaled_half_line(np.ones_like(margin), margin, margin)


def _scaled_half_line(scale: FloatArray, scaled: FloatArray, x: FloatArray) -> FloatArray:
    """Return scale^2 h(x) from scale and scale * x: x may be infinite even if scale * x is finite."""
    density = np.exp(-0.5 * x * x) / _SQRT_2PI
    return (scale * scale + scaled * scaled) * ndtr(x) + scale * scaled * density


def _ball_inverse(radius: FloatArray, dimension: FloatArray, margin: FloatArray) -> FloatArray:
    """Return 1 / capacity of each ball.

    The projection's mean f(t) at a radial length t obeys h(kappa) <= f(t) <= h(kappa) + t^2, hence
    f = h(kappa) + t^2 q with 0 <= q <= 1. As t^2 times the chi(D) density is D times that of
    chi(D + 2), 1/alpha = h(kappa) + D E_{chi(D + 2)} q: a sum of positive terms, without the pole
    of the chi density at t = 0 for D < 1, and exact in every limit.
    """
    endless = np.isinf(dimension)
    n = np.where(endless, 1.0, dimension) + 2
    with np.errstate(over="ignore"):
        base = _half_line(margin)
    v, weights = _radial_rule(radius, n, margin)
    t = np.sqrt(n)[:, None] * np.exp(v)
    r, k = radius[:, None], margin[:, None]
    # Infinite radii and overflowing squares are allowed: they end in the limits below.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        c, s = 1 / np.hypot(1, r), 1 / np.hypot(1, 1 / r)
        towards = _scaled_half_line(c, c * k + s * t, k + r * t)
        inside = _scaled_half_line(s, s * k - c * t, k - t / r)
        q = (towards + inside - base[:, None]) / (t * t)
        inverse = base + (n - 2) * (weights * q).sum(axis=1) / weights.sum(axis=1)
    return np.where((endless & (radius > 0)) | np.isinf(base), np.inf, inverse)


def _radial_rule(radius: FloatArray, n: FloatArray, margin: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return nodes v = log(t / sqrt(n)) and weights that include the chi(n) density up to a factor.

    Gauss-Legendre panels on the logarithmic axis, where the scales 1/R, R and sqrt(n) of the
    integrand all become of order one. The density is normalised by the sum of the weights, which
    is more accurate than a log-gamma function for large n.
    """
    # Where n (v - (exp(2v) - 1) / 2) = -_EXPONENT, or a little beyond: the first bound on the left
    # uses w - (1 - exp(-2w)) / 2 >= w^2 / (1 + w), that on the right is one fixed-point step.
    cut = _EXPONENT / n
    low = -0.5 * (cut + np.sqrt(cut * (cut + 4)))
    high = np.minimum(np.sqrt(cut), 0.5 * np.log1p(2 * cut + 2 * np.sqrt(cut)))
    even = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _PANELS + 1)
    # For a large margin the term h(kappa - t/R) turns within a few units around t = kappa R.
    with np.errstate(divide="ignore"):
        turn = np.log(radius)[:, None] + np.log(np.maximum(margin[:, None] + _TURN, 1e-3))
    turn = np.clip(turn - 0.5 * np.log(n)[:, None], low[:, None], high[:, None])
    edges = np.sort(np.concatenate([even, turn], axis=1), axis=1)
    half = 0.5 * np.diff(edges)[:, :, None]
    v = (edges[:, :-1, None] + half * (1 + _NODES)).reshape(len(n), -1)
    weights = (half * _WEIGHTS).reshape(len(n), -1)
    # (exp(2v) - 1) / 2 - v; the series replaces a difference that loses its digits for large n
    series = v * v * (1 + v * (2 / 3 + v * (1 / 3 + v * (2 / 15))))
    fall = np.where(np.abs(v) < 1e-3, series, 0.5 * np.expm1(2 * v) - v)
    return v, weights * np.exp(-n[:, None] * fall)


def _ellipsoid_norm2(t: FloatArray, z: FloatArray, radii: FloatArray) -> FloatArray:
    """Return the squared norm of the projection of each (t, z) on the cone over the ellipsoid.

    With Z = w - z the projection is w (x, 1), x_i = R_i^2 t_i / (Z + w R_i^2), where w > 0 solves
    sum_i (R_i t_i / (Z + w R_i^2))^2 = 1. The root is sought as u = w - max(z, 0) >= 0: then every
    denominator is a sum of positive terms. Numerator and denominator are divided by
    sqrt(1 + R_i^2), so that large radii do not overflow.
    """
    with np.errstate(over="ignore"):  # inf is a right answer to "longer than z?"
        in_cone = (z > 0) & (((t / radii) ** 2).sum(axis=1) <= z * z)
        in_polar = (z <= 0) & (((t * radii) ** 2).sum(axis=1) <= z * z)
    norm2 = np.where(in_cone, (t * t).sum(axis=1) + z * z, 0.0)
    rest = ~(in_cone | in_polar)
    t, z = t[rest], z[rest]
    slope = np.hypot(1, radii)
    numerator = np.abs(t) * (radii / slope)
    up = z[:, None] > 0
    offset = np.abs(z)[:, None] * np.where(up, radii * (radii / slope), 1 / slope)
    u = _secular_root(numerator, slope, offset)
    w = np.maximum(z, 0) + u
    x = radii * (numerator / (slope * u[:, None] + offset))
    norm2[rest] = w * w + ((w[:, None] * x) ** 2).sum(axis=1)
    return norm2


def _secular_root(numerator: FloatArray, slope: FloatArray, offset: FloatArray) -> FloatArray:
    """Solve sum_i (numerator_i / (slope_i u + offset_i))^2 = 1 for u >= 0, in each row.

    The sum to the power -1/2 increases and is concave in u, so Newton's method on it climbs to the
    root from any start below; a bracket with bisection guards against rounding.
    """
    low = (np.linalg.norm(numerator, axis=1) - offset.max(axis=1, initial=0)) / slope.max(initial=1)
    low = np.maximum(low, 0)
    high: FloatArray = np.linalg.norm(numerator / slope, axis=1)
    root: FloatArray = low.copy()
    todo = np.arange(len(root))
    for _ in range(_MAX_STEPS):  # about 10 for radii over 16 decades, 54 over 290
        u = root[todo]
        denominator = slope * u[:, None] + offset[todo]
        with np.errstate(over="ignore", invalid="ignore"):  # then newton is NaN and we bisect
            squares = (numerator[todo] / denominator) ** 2
            total = squares.sum(axis=1)
            excess = np.sqrt(total) - 1
            newton = u + total * excess / (squares * slope / denominator).sum(axis=1)
        low[todo[excess > 0]] = u[excess > 0]
        high[todo[excess < 0]] = u[excess < 0]
        middle = 0.5 * (low[todo] + high[todo])
        done = np.abs(excess) < _CLOSE
        inside = done | ((low[todo] < newton) & (newton < high[todo]))
        root[todo] = np.where(inside, np.maximum(newton, 0), middle)
        todo = todo[~done]
        if not len(todo):
            break
    return root


def correlated_sphere_capacity(
    radius: float,
    dimension: float,
    center_correlation: float,
    axis_correlation: float,
    margin: float = 0.0,
    *,
    form: str = "ball",
) -> float:
    r"""Capacity of many equal spheres whose centres and axes are equally correlated.

    Correlations of the centres shrink the useful part of their norm, and correlations of the axes shrink the
    useful part of the radius, so that everything depends on
    :math:`R' = R \sqrt{1-\lambda} / \sqrt{1-\psi}` and on :math:`\kappa' = \kappa / \sqrt{1-\psi}`.

    Parameters
    ----------
    radius : float
        Radius R >= 0, in units of the centres' norm.
    dimension : float
        Dimension K > 0 of each sphere.
    center_correlation : float
        Cosine psi between any two centres, 0 <= psi < 1.
    axis_correlation : float
        Cosine lambda between corresponding axes of any two spheres, 0 <= lambda <= 1.
    margin : float, default 0
        Margin kappa >= 0, in units of the centres' norm.
    form : {"ball", "saddle"}, default "ball"
        ``"ball"``: the integral of :func:`neurogeom.ball_capacity` at R' and kappa'; ``"saddle"``: its
        saddle point for large K, as published.

    Returns
    -------
    float
        Spheres per dimension that random dichotomies can separate, in the limit of many spheres.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or with ``form="saddle"`` where the theory has no saddle point:
        where :math:`R' (\phi(\kappa') + \kappa' \Phi(\kappa'))` exceeds :math:`\sqrt K`, that is
        :math:`R' > \sqrt{2\pi K}` without a margin. There its formulas would rise with the radius.

    Notes
    -----
    Saddle point: with :math:`c = R' \sqrt{K q} + \kappa'` and
    :math:`\sqrt q = 1 - (R'/\sqrt K) (\phi(c) + c\,\Phi(c))`,
    :math:`1/\alpha = K (\sqrt q - 1)^2 + (1 + c^2) \Phi(c) + c\,\phi(c)`.
    Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).

    Examples
    --------
    >>> import neurogeom as ng
    >>> round(ng.correlated_sphere_capacity(0.5, 5, 0.0, 0.0), 6)  # no correlations: a ball
    0.576511
    >>> round(ng.correlated_sphere_capacity(0.252, 7, 0.0, 0.0, form="saddle"), 3)
    0.799
    """
    length = float(_as_nonnegative(_validate.as_number(radius, "radius"), "radius"))
    size = float(_as_nonnegative(_validate.as_number(dimension, "dimension"), "dimension", zero=False))
    psi = _as_correlation(center_correlation, "center_correlation", one=False)
    overlap = _as_correlation(axis_correlation, "axis_correlation")
    kappa = _validate.as_margin(margin) / math.sqrt(1 - psi)
    length *= math.sqrt((1 - overlap) / (1 - psi))
    if _validate.as_choice(form, "form", ("ball", "saddle")) == "ball":
        return float(ball_capacity(length, size, kappa))

    def reach(c: float) -> float:
        return math.exp(-c * c / 2) / math.sqrt(2 * math.pi) + c * float(ndtr(c))

    def gap(root: float) -> float:
        return root - 1 + length / math.sqrt(size) * reach(length * math.sqrt(size) * root + kappa)

    if length * reach(kappa) > math.sqrt(size):
        raise ValueError(
            f"form='saddle' has no solution for radius R' = {length:g}, margin kappa' = {kappa:g}, dimension "
            f"{size:g}: R' (phi(kappa') + kappa' Phi(kappa')) exceeds sqrt(dimension); form='ball' has one"
        )
    # gap rises with its argument and is not negative at 1, where reach is at its largest.
    lowest = 1 - length / math.sqrt(size) * reach(length * math.sqrt(size) + kappa)
    root = scipy.optimize.brentq(gap, lowest, 1.0, xtol=1e-14, rtol=1e-14) if length > 0 else 1.0
    c = length * math.sqrt(size) * root + kappa
    inverse = size * (root - 1) ** 2 + float(ndtr(c)) + c * reach(c)
    return 1 / inverse


def _as_margins(value: Any, name: str = "margin") -> FloatArray:
    """Check a margin kappa >= 0 or an array of them."""
    array = np.asarray(_validate.as_array(value, name), dtype=np.float64)
    bad = ~((array >= 0) & (array < np.inf))
    if bad.any():
        position, shown = _validate.first_of(bad, name)
        _validate.as_margin(array[position], shown)
    return array


def _as_nonnegative(value: Any, name: str, *, zero: bool = True, infinite: bool = False) -> FloatArray:
    """Check a number or an array of numbers >= 0 (> 0 without `zero`; infinity only with `infinite`)."""
    array = np.asarray(_validate.as_array(value, name), dtype=np.float64)
    good = (array >= 0 if zero else array > 0) & (infinite | (array < np.inf))
    if not good.all():
        position, shown = _validate.first_of(~good, name)
        need = ("not negative" if zero else "positive") + (" (it may be inf)" if infinite else "")
        finite = "" if infinite else " and finite"
        raise ValueError(f"{shown} must be {need}{finite}, not {array[position]}")
    return array


def _broadcast(**arrays: FloatArray) -> list[FloatArray]:
    """Broadcast arrays against each other."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"the shapes do not broadcast against each other: {shapes}") from None


def _as_correlation(value: Any, name: str, *, one: bool = True) -> float:
    """Check a correlation from 0 to 1 (below 1 unless `one`)."""
    number = _validate.as_number(value, name)
    if not (0 <= number < 1 or (one and number == 1)):
        raise ValueError(f"{name} must lie between 0 and 1{'' if one else ' (below 1)'}, not {number}")
    return number
