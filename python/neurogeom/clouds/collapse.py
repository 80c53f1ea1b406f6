"""Neural collapse: how small classes are relative to the spread of their means, and how regular these are."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import ZERO_LENGTH, power_of_two_above
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind, columns_with_errors
from .._base.threads import single_threaded_blas
from .manifolds import Manifolds, ManifoldsLike, as_manifolds, mean_point

_MEASURES = ("nc1", "equinorm", "equiangularity", "max_angle")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NeuralCollapse(Result):
    """Measures of neural collapse, each 0 where it is complete; see :func:`neural_collapse`.

    Attributes
    ----------
    nc1, nc1_se : float
        tr(S_W S_B^+) / C: the variance within classes relative to that between their means.
    equinorm, equinorm_se : float
        Standard deviation of the lengths of the class means (less their mean), over their mean.
    equiangularity, equiangularity_se : float
        Standard deviation of the cosines between class means.
    max_angle, max_angle_se : float
        Mean absolute difference of these cosines from -1/(C - 1), which is the largest angle that all of C
        vectors can have with each other.
    n_directions : int
        Directions of S_B that are kept.
    threshold : float
        As requested.
    names, n_points : ndarray, shape (C,)
        Names and numbers of points of the classes.
    center_norm, radius : ndarray, shape (C,)
        Length of each class mean, less the mean of all class means, and root mean square distance of the
        points from it; in units of the data.
    n_features : int
        Number of features.
    status : int
        0 fine; 2 a class mean is zero (measures that need its direction are NaN).
    """

    _headline: ClassVar[tuple[str, ...]] = _MEASURES
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_directions"),
        *columns_of_kind("setting", "threshold"),
        *columns_with_errors(*_MEASURES),
        *columns_of_kind("count", "n_points", of_items=True),
        Column(name="center_norm", unit="data", of_items=True),
        Column(name="radius", unit="data", of_items=True),
    )

    nc1: float
    nc1_se: float
    equinorm: float
    equinorm_se: float
    equiangularity: float
    equiangularity_se: float
    max_angle: float
    max_angle_se: float
    n_directions: int
    threshold: float
    names: NDArray[Any]
    n_points: NDArray[np.intp]
    center_norm: FloatArray
    radius: FloatArray
    n_features: int
    status: int

    @property
    def n_manifolds(self) -> int:
        """Number of classes."""
        return len(self.n_points)


@_validate.explain_keywords
def neural_collapse(manifolds: ManifoldsLike, *, threshold: float = 1e-3) -> NeuralCollapse:
    r"""How far classes have collapsed to their means, and these to a regular simplex.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per class, points first; numbers of points may differ. At least two.
    threshold : float
        Eigenvalues of the covariance between classes below this share of the largest count as zero in
        ``nc1``; between 0 and 1. The mean over the directions that are kept is dominated by the smallest.

    Returns
    -------
    NeuralCollapse
        ``nc1``, ``equinorm``, ``equiangularity`` and ``max_angle``, each with its standard error ``..._se``
        (infinitesimal jackknife over the points of each class; NaN if a class has one point), and the
        lengths and radii of the classes.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, there are fewer than two manifolds, they differ in width, or `threshold`
        is out of range.

    Warns
    -----
    ConvergenceWarning
        If a class mean equals the mean of all: the cosines with it are not defined (NaN); if all do, nothing
        is.

    Notes
    -----
    With :math:`m_c` the mean of class c less the mean of all class means, and :math:`S_c` its covariance
    (divisor: its number of points),

    .. math:: S_W = \frac1C \sum_c S_c, \qquad S_B = \frac1C \sum_c m_c m_c^T, \qquad
              \mathrm{NC1} = \frac1C \operatorname{tr} S_W S_B^+.

    All classes have the same weight, whatever their numbers of points. Means of few points are noisy, which
    makes ``S_B`` too large: compare data of equal numbers of points. Of Gaussian classes of 20 to 200
    points, nominal intervals of 95 % cover the mean over samples in 90 to 97 %. They do not near zero (an
    exact simplex), where these measures have an edge.

    Papyan, Han and Donoho, PNAS 117, 24652 (2020).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> simplex = np.eye(4)[:, None]
    >>> ng.neural_collapse(simplex + 0.5 * data.normal(size=(4, 100, 4)))
    NeuralCollapse(nc1=0.71..., equinorm=..., equiangularity=..., max_angle=...)
    >>> ng.neural_collapse(simplex + 0.1 * data.normal(size=(4, 100, 4)))
    NeuralCollapse(nc1=0.03..., equinorm=..., equiangularity=..., max_angle=...)
    """
    clouds = as_manifolds(manifolds)
    if len(clouds) < 2:
        raise ValueError(
            "manifolds holds one manifold; its mean is the mean of all, from which neural collapse measures: "
            "give at least two"
        )
    share = _validate.as_fraction(threshold, "threshold")
    with single_threaded_blas():
        classes = _Classes(clouds)
        lengths = np.sqrt(np.diagonal(classes.gram))
        zero = lengths <= classes.zero
        _warn_of_zero(clouds, zero)
        if zero.all():
            found, n_directions = {f"{name}{end}": math.nan for name in _MEASURES for end in ("", "_se")}, 0
        else:
            found, n_directions = _measure(classes, np.where(zero, math.nan, lengths), share)
    return NeuralCollapse(
        **found,
        n_directions=n_directions,
        threshold=share,
        names=clouds.names,
        n_points=clouds.n_points,
        center_norm=lengths * classes.scale,
        radius=np.sqrt(classes.variances) * classes.scale,
        n_features=clouds.n_features,
        status=2 * int(zero.any()),
    )


class _Classes:
    """Means of the classes, their products, and what is needed of the points; points are read twice."""

    def __init__(self, clouds: Manifolds) -> None:
        size, _ = mean_point(clouds)
        self._clouds, self._origin = clouds, np.array(clouds[0][0], dtype=np.float64)
        self.scale = power_of_two_above(size)
        self.zero = ZERO_LENGTH * size / self.scale
        means = np.stack([self._shifted(c).mean(axis=0) for c in range(len(clouds))])
        self._means = means
        self.centers = means - means.mean(axis=0)
        self.gram = self.centers @ self.centers.T
        self.variances = np.empty(len(clouds))
        self.covariance_times_centers = np.zeros_like(means)  # rows S_W m_c
        for c in range(len(clouds)):
            points = self.deviations(c)
            self.variances[c] = np.einsum("ij,ij->", points, points) / len(points)
            self.covariance_times_centers += (self.centers @ points.T) @ points / (len(points) * len(clouds))

    def _shifted(self, c: int) -> FloatArray:
        points = np.ascontiguousarray(self._clouds[c], dtype=np.float64)
        return np.asarray((points - self._origin) / self.scale)

    def deviations(self, c: int) -> FloatArray:
        """Points of a class less their mean."""
        points: FloatArray = self._shifted(c) - self._means[c]
        return points


def _measure(classes: _Classes, lengths: FloatArray, share: float) -> tuple[dict[str, float], int]:
    """All measures and their errors: `gradients` are the derivatives by the means of the classes."""
    n = len(lengths)
    nc1, power, gradient, n_directions = _within_between(classes, share)
    cosines = classes.gram / np.outer(lengths, lengths)
    cosines = cosines[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    least = cosines + 1 / (n - 1)
    spread, mean = float(lengths.std()), float(lengths.mean())
    values = [nc1, spread / mean, float(cosines.std()), float(np.abs(least).mean())]
    with np.errstate(divide="ignore", invalid="ignore"):  # no derivative where the value is zero
        by_length = (lengths - mean) / (n * spread * mean) - spread / (n * mean**2)
        by_cosine = (cosines - cosines.mean()) / (cosines.size * values[2])
    gradients = [
        gradient,
        (by_length / lengths)[:, None] * classes.centers,
        _by_means(by_cosine, cosines, lengths, classes.centers),
        _by_means(np.sign(least) / least.size, cosines, lengths, classes.centers),
    ]
    gradients[1:] = [one - one.mean(axis=0) for one in gradients[1:]]
    variance = np.zeros(len(_MEASURES))
    for c in range(n):
        points = classes.deviations(c)
        influence = np.stack([one[c] @ points.T for one in gradients])
        along = classes.centers @ points.T
        within = np.einsum("ci,cd,di->i", along, power, along, optimize=True)
        influence[0] += within - within.mean()
        count = len(points)
        squares = np.einsum("ki,ki->k", influence, influence)
        variance += squares / (count * (count - 1)) if count > 1 else math.nan
    errors = [math.sqrt(one) for one in variance]
    found = dict(zip(_MEASURES, values, strict=True))
    return found | {f"{name}_se": one for name, one in zip(_MEASURES, errors, strict=True)}, n_directions


def _within_between(classes: _Classes, share: float) -> tuple[float, FloatArray, FloatArray, int]:
    """NC1, its derivatives (by products of deviations with the centres, and by the means), and the rank.

    With K = M M'/C of the centres M it is tr(M S_W M' K^-2) / C, on the eigenvectors of K that are kept.
    """
    n = len(classes.gram)
    eigenvalues, vectors = np.linalg.eigh(classes.gram / n)
    kept = eigenvalues > share * eigenvalues[-1]
    powers = np.where(kept, 1 / np.where(kept, eigenvalues, 1.0) ** 2, 0.0)
    power = (vectors * powers) @ vectors.T / n**2
    within = classes.covariance_times_centers @ classes.centers.T
    one, other = eigenvalues[:, None], eigenvalues[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(kept[:, None], -(one + other) * np.outer(powers, powers), powers / (other - one))
    slopes = np.where(kept[:, None] & ~kept, slopes.T, slopes)
    slopes = np.where(~kept[:, None] & ~kept, 0.0, slopes)
    by_gram = vectors @ (slopes * (vectors.T @ within @ vectors)) @ vectors.T / n**3
    gradient = 2 * (power @ classes.covariance_times_centers + by_gram @ classes.centers)
    return float(np.sum(power * within)), power / n, gradient, int(np.count_nonzero(kept))


def _by_means(
    by_cosine: FloatArray, cosines: FloatArray, lengths: FloatArray, centers: FloatArray
) -> FloatArray:
    """Derivative by the centres of a function of the cosines, whose entry (a, b) skips the diagonal."""
    n = len(lengths)
    full = np.zeros((n, n))
    full[~np.eye(n, dtype=bool)] = by_cosine.ravel()
    full /= np.outer(lengths, lengths)
    own = (by_cosine * cosines).sum(axis=1) / lengths**2
    gradient: FloatArray = 2 * (full @ centers - own[:, None] * centers)
    return gradient


def _warn_of_zero(clouds: Manifolds, zero: NDArray[np.bool_]) -> None:
    if zero.any():
        shown = ", ".join(str(clouds.names[c]) for c in np.flatnonzero(zero)[:5])
        more = f" and {zero.sum() - 5} more" if zero.sum() > 5 else ""
        warnings.warn(
            f"manifold {shown}{more}: the class mean is zero relative to the data (it is the mean of all); "
            "measures that need its direction are NaN",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
