"""Intrinsic dimension of one data matrix, from the distances of points to their nearest neighbours."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import power_of_two_above
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind, columns_with_errors
from .._base.threads import map_threads, resolve_threads, single_threaded_blas

# A tree is faster in few dimensions, products of matrices in many.
_TREE_FEATURES = 10
_ROWS = 256
# Candidates for neighbours beyond those that are needed.
_SPARE = 8


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IntrinsicDimension(Result):
    """Intrinsic dimension of one data matrix.

    Attributes
    ----------
    dimension, dimension_se : float
        The estimate and its standard error (over samples; see :func:`intrinsic_dimension`).
    misfit : float
        Largest difference between the distribution function of the ratios of the distances to the second and
        to the first neighbour, and the one that a locally uniform density of this dimension implies. With n
        points, up to about 1.4 / sqrt(n) is chance.
    n_neighbors, dimension_by_neighbors : ndarray
        Numbers of neighbours, and the estimate from each.
    n_samples, n_features : int
        Shape of the data.
    n_repeated : int
        Samples that repeat another one, and are left out.
    method, fit : str
        As requested; `fit` is "likelihood" for the method "mle".
    """

    _headline: ClassVar[tuple[str, ...]] = ("dimension", "method", "n_samples")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_samples", "n_features", "n_repeated"),
        *columns_of_kind("setting", "method", "fit"),
        *columns_with_errors("dimension"),
        *columns_of_kind("diagnostic", "misfit"),
    )

    dimension: float
    dimension_se: float
    misfit: float
    n_neighbors: NDArray[np.intp]
    dimension_by_neighbors: FloatArray
    n_samples: int
    n_features: int
    n_repeated: int
    method: str
    fit: str


@_validate.explain_keywords
def intrinsic_dimension(
    X: ArrayLike,
    *,
    method: str = "twonn",
    fit: str = "likelihood",
    discard: float = 0.1,
    n_neighbors: int | tuple[int, int] = (10, 20),
    n_threads: int | None = None,
) -> IntrinsicDimension:
    r"""Dimension of the surface near which points lie, however it is curved.

    Unlike a participation ratio (:func:`neurogeom.dimensionality`), which counts the linear directions that
    the data fill as a whole, this looks at single points and their nearest neighbours.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        The data, samples first.
    method : {"twonn", "mle"}
        ``"twonn"``: from the ratio of the distances to the second and to the first neighbour. It looks at the
        smallest scale that the data resolve. ``"mle"``: from the distances to more neighbours, `n_neighbors`:
        a smaller standard error, and more bias where the density changes or an edge is near.
    fit : {"likelihood", "linear"}
        How ``"twonn"`` finds the dimension of the ratios: by maximum likelihood, or by a line through the
        origin, without the largest ratios, for data with outliers or with points that nearly repeat others.
    discard : float
        The share of the ratios, the largest, that the linear fit leaves out; between 0 and 1.
    n_neighbors : int or (int, int)
        Numbers of neighbours for ``"mle"``, at least 2: the estimate is the mean over all from the first to
        the last.
    n_threads : int, optional
        Threads to use; see the README for the default. Results are the same bits for any number.

    Returns
    -------
    IntrinsicDimension
        ``dimension`` with its standard error ``dimension_se``, and what else is known of it.

    Raises
    ------
    TypeError, ValueError
        If `X` is not a matrix of real, finite numbers, has no variance or too few different rows for the
        number of neighbours, or if another argument is out of its range.

    Warns
    -----
    UserWarning
        If rows of `X` repeat others, whose distance to their neighbour is 0. Each is used once.
    ConvergenceWarning
        If all neighbours of each point are equally far: the dimension is then NaN.

    Notes
    -----
    With :math:`T_j` the distance to the j-th neighbour, :math:`\log(T_k/T_j)` has, in a locally uniform
    density of dimension d, a distribution that depends on d alone, and

    .. math:: 1/d_k = \Big\langle \frac1{k-1} \sum_{j<k} \log\frac{T_k}{T_j} \Big\rangle

    with the mean over points: maximum likelihood, with the inverses averaged as MacKay and Ghahramani
    proposed. ``"twonn"`` is k = 2. The linear fit regresses :math:`-\log(1 - i/n)` on the i-th smallest
    :math:`\log(T_2/T_1)`.

    Standard errors add the covariances of points that are neighbours of each other. Of Gaussian samples of
    200 to 1,000 points in 2 to 20 dimensions, nominal intervals of 95 % cover the mean of the estimator in 91
    to 97 % (the linear fit: 88 to 95 %). They know nothing of bias: in many dimensions points near the edge
    have neighbours on one side only, and estimates are too small: 200 points of a Gaussian in 20 dimensions
    give 15.5 on average (``"mle"``: 12.9). Compare data of equal numbers of points.

    Facco, d'Errico, Rodriguez and Laio, Sci. Rep. 7, 12140 (2017); Levina and Bickel, NIPS 17 (2005); MacKay
    and Ghahramani, Comments on "Maximum likelihood estimation of intrinsic dimension" (2005).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> angle = np.random.default_rng(0).uniform(0, 3, 500)
    >>> X = np.cos(np.outer(angle, np.arange(1, 30)))  # a curve that fills many linear directions
    >>> ng.dimensionality(X)
    Dimensionality(participation_ratio=26..., explained_variance=24)
    >>> ng.intrinsic_dimension(X)
    IntrinsicDimension(dimension=0.99..., method=twonn, n_samples=500)
    """
    data = _validate.as_float_matrix(X, "X")
    method = _validate.as_choice(method, "method", ("twonn", "mle"))
    fit = _validate.as_choice(fit, "fit", ("likelihood", "linear"))
    if method == "mle" and fit == "linear":
        raise ValueError("fit is 'linear', which belongs to method='twonn', but method is 'mle'")
    share = _validate.as_fraction(discard, "discard")
    counts = _as_counts(n_neighbors) if method == "mle" else np.array([2])
    threads = resolve_threads(n_threads)
    points = _different(data)
    if len(points) == 1:
        raise ValueError(f"X has no variance: all of its {len(data)} rows are the same")
    if len(points) <= counts[-1]:
        raise ValueError(
            f"X has {len(points)} different rows, which is too few for {counts[-1]} neighbours of each"
        )
    with single_threaded_blas():
        logs, neighbours = _neighbours(points, int(counts[-1]), threads)
    ratios = logs[:, 1] - logs[:, 0]
    if fit == "linear":
        dimension, influence = _line(ratios, share)
        found = np.array([dimension])
    else:
        found, influence = _likelihood(logs, counts)
        dimension = float(found.mean())
    if len(points) < len(data):
        warnings.warn(
            f"{len(data) - len(points)} of the {len(data)} rows of X repeat others: they are left out",
            UserWarning,
            stacklevel=_validate.user_level(),
        )
    if not math.isfinite(dimension):
        warnings.warn(
            "all neighbours of each row of X are equally far, as of data without a dimension: it is NaN",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
        dimension = math.nan
    defined = math.isfinite(dimension)
    return IntrinsicDimension(
        dimension=dimension,
        dimension_se=_error(influence, neighbours) if defined else math.nan,
        misfit=_misfit(ratios, dimension) if defined else math.nan,
        n_neighbors=counts,
        dimension_by_neighbors=np.where(np.isfinite(found), found, math.nan),
        n_samples=len(data),
        n_features=data.shape[1],
        n_repeated=len(data) - len(points),
        method=method,
        fit=fit,
    )


def _as_counts(value: Any) -> NDArray[np.intp]:
    """Take a number of neighbours, or the first and the last."""
    ends = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(ends) != 2:
        raise ValueError(f"n_neighbors must be an integer or (first, last), not {value!r}")
    first, last = (_validate.as_count(one, "n_neighbors", minimum=2) for one in ends)
    if first > last:
        raise ValueError(f"n_neighbors must be (first, last) with first <= last, not {value!r}")
    return np.arange(first, last + 1)


def _different(data: FloatArray) -> FloatArray:
    """Rows that do not repeat others, in units of a power of two above the largest magnitude."""
    seen = {row.tobytes(): i for i, row in reversed([*enumerate(data + 0.0)])}  # + 0.0: no negative zeros
    size = max(float(data.max()), -float(data.min()))
    _validate.require_magnitude(size, "X")
    points: FloatArray = data[sorted(seen.values())] / power_of_two_above(size)
    return points


def _neighbours(points: FloatArray, k: int, n_threads: int) -> tuple[FloatArray, NDArray[np.intp]]:
    """Logarithms of the distances to the k nearest other points, and which these are."""
    if points.shape[1] <= _TREE_FEATURES:
        found: tuple[Any, Any] = cKDTree(points).query(points, k + 1, workers=n_threads)
        distances, which = (array[:, 1:] for array in found)  # the first is the point itself
    else:
        search = _Search(points, k)
        pieces = map_threads(search.block, range(0, len(points), _ROWS), n_threads)
        distances, which = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    if not distances.all():
        raise ValueError(
            "X has different rows whose distance is 0 up to rounding: round it, so that these repeat"
        )
    return np.log(distances), which


class _Search:
    """Finds neighbours in many dimensions: candidates by products, then by differences, which do not cancel.

    Squared distances from products are off by rounding of the squared lengths. Rows where this might have
    hidden a neighbour among the points that are no candidates are done by differences alone.
    """

    def __init__(self, points: FloatArray, k: int) -> None:
        self._points, self._k = points, k
        self._centred = points - points.mean(axis=0)
        self._squares = np.einsum("ij,ij->i", self._centred, self._centred)
        n_features, eps = points.shape[1], float(np.finfo(np.float64).eps)
        self._rounding = 4 * (n_features + 4) * eps * float(self._squares.max())
        self._shift = 2 * math.sqrt(n_features) * eps * float(np.abs(points).max())  # from centring

    def block(self, start: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """Distances to the neighbours of the points from `start` on, and which these are."""
        rows = slice(start, start + _ROWS)
        block = self._points[rows]
        rough = self._squares - 2 * (self._centred[rows] @ self._centred.T)
        rough += self._squares[rows, None]
        own = np.arange(len(block))
        rough[own, start + own] = np.inf
        count = min(self._k + _SPARE, len(self._points) - 1)
        candidates = np.sort(np.argpartition(rough, count - 1, axis=1)[:, :count], axis=1)
        exact = np.stack([self._from(block, self._points[one]) for one in candidates.T], axis=1)
        order = np.argsort(exact, axis=1, kind="stable")[:, : self._k]
        squares = np.take_along_axis(exact, order, axis=1)
        which = np.take_along_axis(candidates, order, axis=1)
        if count < len(self._points) - 1:
            border = np.take_along_axis(rough, candidates, axis=1).max(axis=1) - self._rounding
            border = np.maximum(np.sqrt(np.maximum(border, 0)) - self._shift, 0) ** 2
            for i in np.flatnonzero(squares[:, -1] >= border):
                alone = self._from(block[i], self._points)
                alone[start + i] = np.inf
                which[i] = np.argsort(alone, kind="stable")[: self._k]
                squares[i] = alone[which[i]]
        return np.sqrt(squares), which

    @staticmethod
    def _from(one: FloatArray, others: FloatArray) -> FloatArray:
        """Squared lengths of the differences of rows."""
        gap = others - one
        squares: FloatArray = np.einsum("ij,ij->i", gap, gap)
        return squares


def _likelihood(logs: FloatArray, counts: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Estimate from each number of neighbours, and the influence of each point on their mean."""
    sums = np.cumsum(logs, axis=1)
    inverses = logs[:, counts - 1] - sums[:, counts - 2] / (counts - 1)
    means = inverses.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 / means, ((means - inverses) / means**2).mean(axis=1)


def _line(ratios: FloatArray, discard: float) -> tuple[float, FloatArray]:
    """Slope of the line through the origin, and the influence of each point on it.

    The slope is the ratio of two integrals over the quantile function of the ratios, up to the last that is
    kept; the influence of a point is that of these L-statistics.
    """
    n = len(ratios)
    kept = np.sort(ratios)[: max(1, min(int(n * (1 - discard)), n - 1))]
    levels = -np.log1p(-np.arange(1, len(kept) + 1) / n)
    squared = float(kept @ kept)
    if squared == 0:
        return math.inf, np.zeros(n)
    slope = float(kept @ levels) / squared
    below = np.minimum(ratios, kept[-1])
    integral = np.cumsum(levels * np.diff(kept, prepend=0.0))
    levels_below = np.interp(below, np.insert(kept, 0, 0.0), np.insert(integral, 0, 0.0))
    influence = (levels_below - slope * below**2) * (n / squared)
    return slope, influence - influence.mean()


def _error(influence: FloatArray, neighbours: NDArray[np.intp]) -> float:
    """Root of the summed covariances of the points that are neighbours, of each other or one of the other.

    Never less than if all points were independent.
    """
    n = len(influence)
    one, other = np.arange(n)[:, None], neighbours
    pairs = np.unique(np.minimum(one, other) * n + np.maximum(one, other))
    own = float(influence @ influence)
    shared = 2 * float(influence[pairs // n] @ influence[pairs % n])
    return math.sqrt(own + max(shared, 0.0)) / n


def _misfit(ratios: FloatArray, dimension: float) -> float:
    """Kolmogorov's distance between the ratios and the exponential distribution of this rate."""
    n, expected = len(ratios), -np.expm1(-dimension * np.sort(ratios))
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))
