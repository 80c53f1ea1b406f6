"""Coordinates whose distances are those of a matrix: metric multidimensional scaling by SMACOF."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
import scipy.spatial.distance
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords, user_level
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, Result
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from . import distances as check
from .majorization import Minimum, Step, minimise
from .result import Pairwise

# Levels of the quantiles of distortions.
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_TOLERANCE = 1e-9  # share of the stress that a step has to gain
_ROWS = 128  # of distances at a time, so that they stay in the cache; a constant, as bits depend on it
_EQUAL = 1e-7  # stresses of two starts that differ by less than this share of them are equal


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Embedding(Result):
    """Items as points whose distances are near given ones; made by :func:`mds`.

    Attributes
    ----------
    coordinates : ndarray of shape (n_items, n_dims)
        The points, centred, along their principal axes, the widest first. In each column the entry that is
        largest in size is positive.
    names : ndarray of str
        Names of the items.
    n_dims : int
        Number of dimensions.
    stress : float
        Root of the sum of squared differences between distances of points and given ones, relative to the
        root of the sum of squares of the given ones ("stress-1"): 0 is perfect.
    start_stress : ndarray of shape (n_starts,)
        The same for each start, the classical solution first. Their spread tells how far the best may be
        from the global minimum.
    distortion_mean, distortion_median, distortion_max : float
        Of the factor by which a pair is too far apart or too near, max(d / D, D / d) >= 1, over pairs of
        nonzero distance.
    distortion_quantiles : ndarray of shape (5,)
        Its quantiles 0.05, 0.25, 0.5, 0.75 and 0.95.
    negative_mass : float
        Share of negative eigenvalues in classical scaling (their absolute sum over that of all): 0 if the
        distances are those of points in some Euclidean space. NaN if distances are missing or weighted.
    n_pairs : int
        Pairs of known distance.
    status : int
        0: the best start converged; 1: it reached `max_iter`.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_dims", "stress", "distortion_median")

    coordinates: FloatArray
    names: AnyArray
    n_dims: int
    stress: float
    start_stress: FloatArray
    distortion_mean: float
    distortion_median: float
    distortion_max: float
    distortion_quantiles: FloatArray
    negative_mass: float
    n_pairs: int
    status: int

    def _table(self) -> dict[str, Any]:
        axes = {f"axis {k + 1}": self.coordinates[:, k] for k in range(self.n_dims)}
        return {"name": self.names, **axes}

    def place(self, distances: Any) -> Placement:
        """Place other items by their distances to those that were embedded, which stay where they are.

        Parameters
        ----------
        distances : array-like of shape (n_new, n_items) or (n_items,), or Pairwise
            Distances of each new item to the embedded ones, such as ``ng.pairwise(new, others=old)``; NaN
            where one is not known.

        Returns
        -------
        Placement
            Where the stress of each is smallest; searched from the projection of classical scaling and from
            its three nearest items.

        Raises
        ------
        TypeError, ValueError
            If the distances do not fit the embedded items, are negative, or are similarities.
        """
        check.refuse_similarity(distances, "distances")
        if isinstance(distances, Pairwise) and distances.column_names.tolist() != self.names.tolist():
            raise ValueError(
                "the columns of distances must be the embedded items in their order "
                f"({', '.join(map(repr, self.names[:3].tolist()))}, ...), not "
                f"{', '.join(map(repr, distances.column_names[:3].tolist()))}, ..."
            )
        array = np.array(_validate.as_array(distances, "distances"), dtype=np.float64)
        table = array[None] if array.ndim == 1 else array
        count = len(self.coordinates)
        if table.ndim != 2 or table.shape[1] != count or not len(table):
            raise ValueError(
                f"distances must have a column for each of the {count} embedded items, not {array.shape}"
            )
        if (table < 0).any() or np.isinf(table).any() or np.isnan(table).all(axis=1).any():
            raise ValueError("distances must not be negative or infinite, and each row needs a known one")
        with single_threaded_blas():
            found = [_place(self.coordinates, row) for row in table]
        names = distances.names if isinstance(distances, Pairwise) else np.arange(len(table)).astype(str)
        return Placement(
            coordinates=np.array([point for point, _ in found]),
            stress=np.array([stress for _, stress in found]),
            names=names,
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Placement(Result):
    """Items placed among embedded ones; made by :meth:`Embedding.place`.

    Attributes
    ----------
    coordinates : ndarray of shape (n_new, n_dims)
        Where they are, along the axes of the embedding.
    stress : ndarray of shape (n_new,)
        Stress of each: as that of the embedding, over its own distances. Infinite for an item at distance 0
        from all.
    names : ndarray of str
        Names of the items.
    """

    _headline: ClassVar[tuple[str, ...]] = ("names",)

    coordinates: FloatArray
    stress: FloatArray
    names: AnyArray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Embeddings(Result):
    """Embeddings of the same items in several numbers of dimensions; made by :func:`mds`.

    Attributes
    ----------
    embeddings : tuple of Embedding
        One for each number of dimensions.
    n_dims : ndarray of int
        The numbers of dimensions.
    stress, distortion_mean, distortion_median, distortion_max : ndarray
        Of each embedding.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_dims", "stress")

    embeddings: tuple[Embedding, ...]

    def _of_each(self, name: str) -> AnyArray:
        return np.array([getattr(one, name) for one in self.embeddings])

    @property
    def n_dims(self) -> NDArray[np.int64]:
        """Numbers of dimensions."""
        return self._of_each("n_dims")

    @property
    def stress(self) -> FloatArray:
        """Stress of each."""
        return self._of_each("stress")

    @property
    def distortion_mean(self) -> FloatArray:
        """Mean distortion of each."""
        return self._of_each("distortion_mean")

    @property
    def distortion_median(self) -> FloatArray:
        """Median distortion of each."""
        return self._of_each("distortion_median")

    @property
    def distortion_max(self) -> FloatArray:
        """Largest distortion of each."""
        return self._of_each("distortion_max")

    def at(self, n_dims: int) -> Embedding:
        """Return the embedding in this number of dimensions."""
        for one in self.embeddings:
            if one.n_dims == n_dims:
                return one
        known = ", ".join(str(one.n_dims) for one in self.embeddings)
        raise ValueError(f"there is no embedding in {n_dims} dimensions, but in {known}")

    def _table(self) -> dict[str, Any]:
        return {
            name: self._of_each(name)
            for name in (
                "n_dims",
                "stress",
                "distortion_mean",
                "distortion_median",
                "distortion_max",
                "status",
            )
        }


@explain_keywords
def mds(
    distances: Any,
    n_dims: int | Iterable[int] = 2,
    *,
    weights: Any = None,
    n_starts: int = 5,
    max_iter: int = 2000,
    names: Sequence[str] | None = None,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
) -> Any:
    """Embed items as points whose distances are near given ones: metric multidimensional scaling.

    Minimises the sum over pairs of (distance of points - given distance)^2, from the classical solution and
    from random ones.

    Parameters
    ----------
    distances : Pairwise, or array-like of shape (n_items, n_items) or (n_pairs,)
        Distances, square and symmetric, or condensed in SciPy's order; NaN where one is not known.
    n_dims : int or iterable of int, default 2
        Number of dimensions, or several, such as ``range(1, 11)``: each is embedded by itself.
    weights : array-like, optional
        Weight of each pair, square or condensed, 0 or more; by default 1. A pair of weight 0 does not count.
    n_starts : int, default 5
        Starts: the classical solution, then random ones.
    max_iter : int, default 2000
        Steps for each start; one that needs more is kept with a warning.
    names : sequence of str, optional
        Names of the items; by default those of `distances`, or else their numbers.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the random starts.
    n_threads : int, optional
        Threads; by default OMP_NUM_THREADS as it stood at import, else the cores this process may use.
        Results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    Embedding or Embeddings
        The points, how well they fit, and the spread over starts; for several `n_dims`, one for each.

    Raises
    ------
    TypeError, ValueError
        If `distances` are not symmetric distances of at least two items (similarities are refused), are all
        zero, or if the known ones do not connect all items.

    Notes
    -----
    SMACOF (de Leeuw 1977; Borg & Groenen, Modern multidimensional scaling, 2005): each step goes to the
    minimum of a quadratic that lies above the stress (the Guttman transform), or further where that is
    better still. The stress never rises. Distances that violate the triangle inequality, or cosines turned
    into distances by 1 - x, cannot be embedded well: see :func:`check_metric`. The position of an item
    depends on all others: before predicting something from coordinates across a train-test split, embed the
    training items and :meth:`Embedding.place` the test items.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [0.0, 1.0]])
    >>> D = np.linalg.norm(square[:, None] - square, axis=2)
    >>> result = ng.mds(D, 2)
    >>> np.abs(result.coordinates).round(6).tolist()
    [[2.0, 0.5], [2.0, 0.5], [2.0, 0.5], [2.0, 0.5]]
    >>> bool(result.stress < 1e-9)
    True
    >>> ng.mds(D, range(1, 3)).stress.round(3)
    array([0.122, 0.   ])
    """
    square = check.as_distances(distances, "distances", gaps=True)
    count = len(square)
    dims = _as_dims(n_dims, count)
    starts = _validate.as_count(n_starts, "n_starts")
    steps = _validate.as_count(max_iter, "max_iter", minimum=2)
    shown = check.names_of(distances, names, count, "distances")
    threads, key = resolve_threads(n_threads), draw_key(as_generator(rng))
    with single_threaded_blas():
        problem = _Problem(square, None if weights is None else _as_weights(weights, count))
        tasks = [(d, k) for d in dims for k in range(starts)]
        report, done = as_progress(progress, "starts"), 0

        def solve(task: tuple[int, int]) -> Minimum:
            nonlocal done
            d, k = task
            generator = np.random.default_rng(np.random.SeedSequence([key, d, k]))
            start = problem.random_start(d, generator) if k else problem.classical_start(d, generator)
            found = problem.solve(start, steps)
            done += 1
            if report is not None:
                report(done, len(tasks))
            return found

        found = dict(zip(tasks, map_threads(solve, tasks, threads), strict=True))
        results = [problem.result([found[d, k] for k in range(starts)], shown) for d in dims]
    failed = [one.n_dims for one in results if one.status]
    if failed:
        warnings.warn(
            f"mds in {', '.join(map(str, failed))} dimensions did not converge within max_iter={steps} steps",
            ConvergenceWarning,
            stacklevel=user_level(),
        )
    return results[0] if not isinstance(n_dims, Iterable) else Embeddings(embeddings=tuple(results))


def _as_dims(value: Any, count: int) -> list[int]:
    several = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else [value]
    dims = [_validate.as_count(one, "n_dims") for one in several]
    if not dims or len(set(dims)) < len(dims):
        raise ValueError(f"n_dims must be one or several distinct numbers, not {dims}")
    if max(dims) >= count:
        raise ValueError(f"n_dims must be below the number of items, {count}, not {max(dims)}")
    return dims


def _as_weights(value: Any, count: int) -> FloatArray:
    square, dtype = check.as_square(value, "weights")
    if len(square) != count:
        raise ValueError(f"weights must be for {count} items, not {len(square)}")
    _validate.require_finite(square, "weights")
    if (square < 0).any():
        raise ValueError(f"weights must not be negative, not {square.min():.6g}")
    _validate.require_symmetric_values(square, dtype, "weights")
    return square


class _Problem:
    """Distances to be embedded, scaled to a root mean square of 1."""

    def __init__(self, square: FloatArray, weights: FloatArray | None) -> None:
        known = ~np.isnan(square)
        self.count = len(square)
        self.is_complete = bool(known.all())
        self.weights = None if self.is_complete else known.astype(np.float64)
        if weights is not None:
            self.weights = weights * known
        if self.weights is not None:
            np.fill_diagonal(self.weights, 0.0)
            _require_connected(self.weights)
            self.weights /= self.weights.max()
            laplacian = np.diag(self.weights.sum(axis=1)) - self.weights
            ones = np.full((self.count, self.count), 1 / self.count)
            self.laplacian = laplacian
            self.inverse = scipy.linalg.inv(laplacian + ones) - ones
        counted = self._pairs(square)
        largest = float(counted.max())
        if largest == 0:
            raise ValueError("distances are all zero: there is nothing to embed")
        self.scale = largest * math.sqrt(float(np.mean((counted / largest) ** 2)))
        self.D = np.nan_to_num(square) / self.scale
        self.filled = self.D if self.is_complete else _shortest_paths(np.where(known, self.D, np.nan))
        self.total = self._sum_of_squares(self.D) / self.count
        self._classical()

    def _pairs(self, square: FloatArray) -> FloatArray:
        """Entries above the diagonal of pairs that count."""
        above = np.triu_indices(self.count, 1)
        values: FloatArray = square[above]
        return values if self.weights is None else values[self.weights[above] > 0]

    def _sum_of_squares(self, square: FloatArray) -> float:
        weighted = square if self.weights is None else square * self.weights
        return float(np.vdot(weighted, square)) / 2

    def _classical(self) -> None:
        """Eigenvalues and vectors of classical scaling, the largest first."""
        products = -0.5 * self.filled**2
        products -= products.mean(axis=0)
        products -= products.mean(axis=1)[:, None]
        values, vectors = np.linalg.eigh((products + products.T) / 2)
        self.eigenvalues, self.vectors = values[::-1], vectors[:, ::-1]
        absolute = np.abs(values)
        # Zero is an eigenvalue, and rounding may put it on either side.
        real = values < -8 * np.finfo(float).eps * self.count * absolute.max()
        self.negative_mass = float(absolute[real].sum() / absolute.sum()) if self.weights is None else np.nan

    def classical_start(self, n_dims: int, generator: np.random.Generator) -> FloatArray:
        """Return classical scaling; a little noise along axes that it leaves empty, which are stationary."""
        values = self.eigenvalues[:n_dims]
        start = self.vectors[:, :n_dims] * np.sqrt(np.maximum(values, 0.0))
        empty = values <= 1e-12 * self.eigenvalues[0]
        misfit = self.step(start).value / self.total
        noise = generator.normal(size=(self.count, n_dims)) * 0.1 * min(1.0, math.sqrt(misfit))
        start[:, empty] = noise[:, empty]
        return np.asarray(start)

    def random_start(self, n_dims: int, generator: np.random.Generator) -> FloatArray:
        """Return Gaussian points whose distances are about as large as those given."""
        return generator.normal(size=(self.count, n_dims)) / math.sqrt(2 * n_dims)

    def step(self, X: FloatArray) -> Step:
        """Stress over the number of items, and the Guttman transform."""
        X = X - X.mean(axis=0)
        squares, ones = np.einsum("ij,ij->i", X, X), np.ones(self.count)
        # A row of `left` times a column of `right` is a squared distance.
        left = np.column_stack([-2 * X, squares, ones])
        right = np.ascontiguousarray(np.column_stack([X, ones, squares]).T)
        # Below this, squared distances are rounding.
        least = max(1e-14 * float(squares.mean()), 1e-300)
        image, value = np.empty_like(X), 0.0
        for start in range(0, self.count, _ROWS):
            rows = slice(start, start + _ROWS)
            D = self.D[rows]
            d = left[rows] @ right
            np.maximum(d, least, out=d)
            np.sqrt(d, out=d)
            np.fill_diagonal(d[:, rows], math.sqrt(least))
            gap = d - D
            np.divide(D, d, out=d)
            if self.weights is None:
                value += float(np.vdot(gap, gap))
            else:
                value += float(np.vdot(gap * self.weights[rows], gap))
                d *= self.weights[rows]
            image[rows] = d.sum(axis=1)[:, None] * X[rows] - d @ X
        image = image / self.count if self.weights is None else self.inverse @ image
        return Step(X, value / 2 / self.count, image, self.inner(image - X, image - X))

    def inner(self, a: FloatArray, b: FloatArray) -> float:
        """Inner product in which the quadratics of the Guttman transform are round."""
        weighted = b if self.weights is None else self.laplacian @ b / self.count
        return float(np.vdot(a, weighted))

    def solve(self, start: FloatArray, max_steps: int) -> Minimum:
        """Follow the Guttman transform from a start."""
        return minimise(
            self.step,
            start,
            tolerance=_TOLERANCE,
            floor=1e-20 * self.total,
            max_steps=max_steps,
            inner=self.inner,
        )

    def result(self, found: Sequence[Minimum], names: AnyArray) -> Embedding:
        """Wrap the best of the searches, the first of those that are equally good."""
        stress = np.array([self._stress(one.point) for one in found])
        best = int(np.argmax(stress <= stress.min() * (1 + _EQUAL) + 1e-9))
        points = principal_axes(found[best].point)
        apart = self._pairs(scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(points)))
        given = self._pairs(self.D)
        with np.errstate(divide="ignore"):
            ratio = apart[given > 0] / given[given > 0]
            ratio = np.maximum(ratio, 1 / ratio)
        quantiles = np.quantile(ratio, _LEVELS, method="higher" if np.isinf(ratio).any() else "linear")
        return Embedding(
            coordinates=points * self.scale,
            names=names,
            n_dims=points.shape[1],
            stress=float(stress[best]),
            start_stress=stress,
            distortion_mean=float(ratio.mean()),
            distortion_median=float(quantiles[2]),
            distortion_max=float(ratio.max()),
            distortion_quantiles=quantiles,
            negative_mass=float(self.negative_mass),
            n_pairs=len(given),
            status=int(not found[best].is_converged),
        )

    def _stress(self, points: FloatArray) -> float:
        apart = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(points))
        return math.sqrt(self._sum_of_squares(apart - self.D) / self.count / self.total)


def principal_axes(points: FloatArray) -> FloatArray:
    """Rotate centred points (or the rows of a matrix) to their principal axes, signs by the largest entry.

    Of entries that are equally large up to rounding, the first one is made positive.
    """
    left, singular, _ = np.linalg.svd(points, full_matrices=False)
    turned = left * singular
    size = np.abs(turned)
    first = np.argmax(size >= (1 - 1e-6) * size.max(axis=0), axis=0)
    signs = np.where(turned[first, np.arange(turned.shape[1])] < 0, -1.0, 1.0)
    return np.asarray(turned * signs)


def _require_connected(weights: FloatArray) -> None:
    from scipy.sparse.csgraph import connected_components

    count, labels = connected_components(weights > 0, directed=False)
    if count > 1:
        apart = int(np.argmax(labels != labels[0]))
        raise ValueError(
            f"the known distances do not connect all items: none leads from item 0 to item {apart}, so that "
            "their places do not depend on each other"
        )


def _shortest_paths(square: FloatArray) -> FloatArray:
    """Fill in unknown distances, for a start."""
    from scipy.sparse.csgraph import shortest_path

    # Zero means no connection to SciPy.
    edges = np.nan_to_num(np.where(square == 0, 1e-9, square))
    return np.asarray(shortest_path(edges, directed=False))


def _place(points: FloatArray, given: FloatArray) -> tuple[FloatArray, float]:
    """Find where the stress of one more point is smallest; return it and its stress."""
    known = ~np.isnan(given)
    points, given = points[known], given[known]
    size = max(float(given.max()), float(np.abs(points).max()))
    if not given.any():
        point = points.mean(axis=0)
        return point, 0.0 if (points == point).all() else math.inf
    points, given = points / size, given / size
    mean = points.mean(axis=0)
    centred = points - mean
    # Classical scaling: |y|^2 - 2 y'x_j + |x_j|^2 = D_j^2, less its mean over j, for y.
    target = np.einsum("ij,ij->i", centred, centred) - given**2
    projected = mean + np.linalg.lstsq(2 * centred, target - target.mean(), rcond=1e-12)[0]

    def step(y: FloatArray) -> Step:
        away = y - points
        d = np.maximum(np.sqrt(np.einsum("ij,ij->i", away, away)), 1e-12)
        gap = d - given
        image = (points + (given / d)[:, None] * away).mean(axis=0)
        return Step(y, float(np.vdot(gap, gap)) / len(given), image, float(np.vdot(image - y, image - y)))

    nearest = points[np.argsort(given, kind="stable")[:3]]
    middle = mean if len(points) > 1 else mean + 1.0
    starts = [projected, *(x + 0.5 * (middle - x) for x in nearest)]
    searches = [minimise(step, start, tolerance=_TOLERANCE, floor=1e-24, max_steps=1000) for start in starts]
    values = np.array([search.values[-1] for search in searches])
    best = searches[int(np.argmax(values <= values.min() * (1 + _EQUAL) + 1e-20))]
    return best.point * size, math.sqrt(best.values[-1] / float(np.mean(given**2)))
