"""Items as points of a shape space: their mean, and the flat space that touches it there."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, as_float_matrix, explain_keywords, user_level
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, Result
from .._base.rng import RandomSource, as_generator
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from ..metrics.base import inner_products
from ..metrics.fitting import angles_of
from ..metrics.shape import ShapeMetric, as_alpha
from ..representations import checks as check
from ..representations.checks import as_flag
from ..representations.items import Item, as_items, require_comparable
from .driver import pairwise
from .embedding import principal_axes
from .majorization import Minimum, Step, minimise

Group: TypeAlias = Literal["orth", "perm"]
Score: TypeAlias = Literal["euclidean", "angular"]

_TOLERANCE = 1e-12  # share of the objective that a step has to gain
_FLOOR = 1e-26  # of the mean squared norm of items: objectives below are rounding
_EQUAL = 1e-9  # objectives of two starts that differ by less than this share are equal


class Shape(NamedTuple):
    """One item: ``(X - mean) @ map`` is `points`, which only a rotation or permutation brings to others."""

    label: str
    mean: FloatArray
    map: FloatArray
    points: FloatArray


class Space:
    """How items are aligned and compared, and the number of columns that all are brought to.

    Attributes
    ----------
    group, alpha, score, center
        As in :func:`frechet_mean`.
    """

    def __init__(self, group: Any, alpha: Any, score: Any, center: Any) -> None:
        self.group = _validate.as_choice(group, "group", ("orth", "perm"))
        self.alpha = as_alpha(alpha)
        self.score = _validate.as_choice(score, "score", ("euclidean", "angular"))
        self.center = as_flag(center, "center")
        if self.group == "perm" and self.alpha != 1:
            raise ValueError(
                f"alpha must be 1 for group='perm', not {alpha}: whitening mixes the units that it matches"
            )
        score_: Any = self.score
        self.metric = ShapeMetric(self.alpha, score=score_, center=self.center)
        # Of points, which are centred and whitened.
        self._among = ShapeMetric(1.0, score=score_, center=False)

    def shape_of(self, item: Item) -> Shape:
        """Read an item and bring it to its coordinates."""
        item.require_kind(("responses",), "a mean of shapes")
        opened: Any = item.open()
        data: FloatArray = opened.whole()
        if self.group == "orth":
            mean, map_ = self.metric.coordinates(opened.undivided())
        else:
            # Subtract the first row first: constant units become zero.
            mean = data[0] + (data - data[0]).mean(axis=0) if self.center else np.zeros(data.shape[1])
            map_ = np.eye(data.shape[1])
        points = (data - mean) @ map_
        size = float(np.linalg.norm(points))
        if size == 0:
            raise check.TooLittleDataError(f"{item.label} does not vary over stimuli: it has no shape")
        if self.score == "angular":
            map_, points = map_ / size, points / size
        return Shape(item.label, mean, map_, points)

    def width_of(self, items: Sequence[Item]) -> int:
        """Return the number of columns that hold the mean of some items, whatever their rotations."""
        widest = max(item.n_units for item in items)
        if self.group == "perm":
            return widest
        return min(widest, items[0].n_stimuli - self.center)

    def align(self, points: FloatArray, mean: FloatArray) -> FloatArray:
        """Return the rotation (or permutation) that brings points nearest to a mean of no fewer columns."""
        core = inner_products(points, mean)
        if self.group == "orth":
            left, _, right = np.linalg.svd(core, full_matrices=False)
            return np.asarray(left @ right)
        found = np.zeros(core.shape)
        if core.shape[0] < core.shape[1]:  # silent units take the partners that nobody wants
            core = np.vstack([core, np.zeros((core.shape[1] - core.shape[0], core.shape[1]))])
        rows, columns = linear_sum_assignment(core, maximize=True)
        real = rows < len(found)
        found[rows[real], columns[real]] = 1.0
        return found

    def squared_distance(self, aligned: FloatArray, mean: FloatArray) -> float:
        """Squared distance of an aligned item from a mean."""
        gap = aligned - mean
        square = float(np.vdot(gap, gap))
        return square if self.score == "euclidean" else float(angles_of(np.array(square / 2))) ** 2

    def step(self, shapes: Sequence[Shape], mean: FloatArray) -> Step:
        """Mean squared distance to a point, and the mean of the items aligned to it."""
        if self.score == "angular":
            mean = mean / np.linalg.norm(mean)
        total, value = np.zeros(mean.shape), 0.0
        for shape in shapes:
            aligned = shape.points @ self.align(shape.points, mean)
            value += self.squared_distance(aligned, mean)
            total += self.log(aligned, mean)
        move = total / len(shapes)
        image = self.exp(move, mean)
        return Step(mean, value / len(shapes), image, float(np.vdot(move, move)))

    def log(self, aligned: FloatArray, mean: FloatArray) -> FloatArray:
        """Return the vector from the mean to an aligned item: its length is their distance."""
        gap = aligned - mean
        if self.score == "euclidean":
            return gap
        angle = float(angles_of(np.array(float(np.vdot(gap, gap)) / 2)))
        # The part of the gap that is tangent to the sphere; the rest is (cos(angle) - 1) mean.
        tangent = gap + (1 - math.cos(angle)) * mean
        length = math.sin(angle)
        return np.asarray(tangent * (angle / length if length > 1e-8 else 1.0))

    def exp(self, vector: FloatArray, mean: FloatArray) -> FloatArray:
        """Return where a vector from the mean leads."""
        if self.score == "euclidean":
            return mean + vector
        angle = float(np.linalg.norm(vector))
        return np.asarray(math.cos(angle) * mean + (math.sin(angle) / angle if angle > 0 else 1.0) * vector)

    def search(self, shapes: Sequence[Shape], start: FloatArray, max_iter: int) -> Minimum:
        """Go downhill from a start."""
        scale = np.mean([float(np.vdot(shape.points, shape.points)) for shape in shapes])
        return minimise(
            lambda mean: self.step(shapes, mean),
            start,
            tolerance=_TOLERANCE,
            floor=_FLOOR * float(scale),
            max_steps=max_iter,
        )

    def squared_distances(self, items: Sequence[Item], shapes: Sequence[Shape], n_threads: int) -> FloatArray:
        """Squared distances of all pairs."""
        if self.group == "orth":
            # Rotations and whitening were taken care of.
            found = pairwise([shape.points for shape in shapes], self._among, n_threads=n_threads)
            return np.asarray(found.values**2)
        width = self.width_of(items)
        whole = [padded(shape.points, width) for shape in shapes]

        def row(k: int) -> list[float]:
            aligned = [points @ self.align(points, whole[k]) for points in whole[:k]]
            return [self.squared_distance(each, whole[k]) for each in aligned]

        found = np.zeros((len(items), len(items)))
        for k, values in enumerate(map_threads(row, range(len(items)), n_threads)):
            found[k, :k] = found[:k, k] = values
        return found


def padded(points: FloatArray, width: int) -> FloatArray:
    """Add columns of zeros."""
    return np.pad(points, ((0, 0), (0, width - points.shape[1])))


def as_shapes(
    representations: Any, space: Space, n_threads: int, least: int = 1
) -> tuple[list[Item], list[Shape]]:
    """Read the items."""
    items = as_items(representations, "representations")
    check.require_items(len(items), "representations", least)
    require_comparable(items)
    return items, map_threads(space.shape_of, items, n_threads)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FrechetMean(Result):
    """The mean of some items in their shape space; made by :func:`frechet_mean`.

    Attributes
    ----------
    mean : ndarray of shape (n_stimuli, n_columns)
        The mean, centred. For rotations, along its principal axes, the widest first, the entry that is
        largest in size positive in each; there are as many columns as the widest item has units, but not more
        than the stimuli can fill. For permutations, a column for each unit of the widest item.
    objective : float
        Mean squared distance of the items to it.
    start_objectives : ndarray of shape (n_starts,)
        The same for each start, the medoid first. Their spread tells how far the best may be from the global
        minimum.
    item_objectives : ndarray of shape (n_items,)
        Mean squared distance of all items to each of them: `objective` is not above any of these.
    distances : ndarray of shape (n_items,)
        Distance of each item to the mean.
    aligned : ndarray of shape (n_items, n_stimuli, n_columns)
        The items, whitened and aligned to the mean; of norm 1 for score="angular".
    offsets : tuple of ndarray (n_units,)
        Mean response of the units of each item; zero without centring.
    maps : tuple of ndarray (n_units, n_columns)
        ``(X[k] - offsets[k]) @ maps[k]`` is ``aligned[k]``, and other stimuli are aligned in the same way. A
        rotation of the directions that the stimuli fill (or a permutation), after whitening.
    names : ndarray of str
        Names of the items.
    group, alpha, score, center
        The arguments.
    status : int
        0: the best start converged; 1: it reached `max_iter`.
    """

    _headline: ClassVar[tuple[str, ...]] = ("group", "score", "objective", "status")

    mean: FloatArray
    objective: float
    start_objectives: FloatArray
    item_objectives: FloatArray
    distances: FloatArray
    aligned: FloatArray
    offsets: tuple[FloatArray, ...]
    maps: tuple[FloatArray, ...]
    names: AnyArray
    group: str
    alpha: float
    score: str
    center: bool
    status: int

    def _table(self) -> dict[str, Any]:
        return {"name": self.names, "distance": self.distances, "item_objective": self.item_objectives}


@explain_keywords
def frechet_mean(
    representations: Any,
    *,
    group: Group = "orth",
    alpha: float = 1.0,
    score: Score = "euclidean",
    center: bool = True,
    n_starts: int | None = None,
    max_iter: int = 1000,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
) -> FrechetMean:
    """Average representations in their shape space: the point whose mean squared distance to them is least.

    Generalised Procrustes analysis: align all items to the mean, average them, and so on. From several
    starts, as there are local minima. The objective never rises.

    Parameters
    ----------
    representations : sequence or mapping of items
        Matrices (n_stimuli, n_units) whose rows are the same stimuli, as for :func:`pairwise`; items with
        fewer units are padded by silent ones. None is written to.
    group : {"orth", "perm"}, default "orth"
        Align by rotations and reflections, or by permutations of units.
    alpha : float, default 1.0
        Whitening before rotations, from 0 (full, as in CCA) to 1 (none): see :class:`ShapeMetric`.
    score : {"euclidean", "angular"}, default "euclidean"
        Which distance: the norm of the difference, or the angle, for which items are brought to norm 1.
    center : bool, default True
        Subtract the mean over stimuli.
    n_starts : int, optional
        Items to start from: the medoid, then random ones; by default all, but at most 10.
    max_iter : int, default 1000
        Steps for each start; one that needs more is kept with a warning.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the random choice of starts.
    n_threads : int, optional
        Threads; results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    FrechetMean
        The mean, its objective for each start, and the aligned items with their maps.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be read, holds NaN or infinity, does not vary, or has other stimuli than the others.

    Notes
    -----
    Gower, Generalized Procrustes analysis, Psychometrika 1975; Williams, Kunz, Kornblith & Linderman,
    Generalized shape metrics on neural representations, NeurIPS 2021. The angular mean is that of angles
    along the sphere, not of chords.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[3.0, 0.0], [0.0, 2.0], [-3.0, -2.0], [0.0, 0.0]])
    >>> result = ng.frechet_mean([X, X @ [[0.0, 1.0], [-1.0, 0.0]], 3 * X[:, ::-1]])
    >>> round(ng.procrustes(result.mean, X), 6), bool(result.objective <= result.item_objectives.min())
    (0.0, True)
    """
    space = Space(group, alpha, score, center)
    steps = _validate.as_count(max_iter, "max_iter", minimum=2)
    threads, generator = resolve_threads(n_threads), as_generator(rng)
    with single_threaded_blas():
        items, shapes = as_shapes(representations, space, threads)
        count = len(items)
        starts = min(count, 10) if n_starts is None else _validate.as_count(n_starts, "n_starts")
        if starts > count:
            raise ValueError(f"n_starts must be at most the number of items, {count}, not {starts}")
        width = space.width_of(items)
        squares = space.squared_distances(items, shapes, threads) if count > 1 else np.zeros((1, 1))
        of_items = squares.mean(axis=1)
        medoid = int(np.argmax(of_items <= of_items.min() * (1 + _EQUAL)))
        others = generator.permutation(np.delete(np.arange(count), medoid))[: starts - 1]
        report, done = as_progress(progress, "starts"), 0

        def search(k: int) -> Minimum:
            nonlocal done
            found = space.search(shapes, padded(shapes[k].points, width), steps)
            done += 1
            if report is not None:
                report(done, starts)
            return found

        found = map_threads(search, [medoid, *others.tolist()], threads)
        objectives = np.array([one.values[-1] for one in found])
        floor = _FLOOR * float(np.mean([np.vdot(shape.points, shape.points) for shape in shapes]))
        best = found[int(np.argmax(objectives <= objectives.min() * (1 + _EQUAL) + floor))]
        mean = principal_axes(best.point) if space.group == "orth" else best.point
        turns = [space.align(shape.points, mean) for shape in shapes]
        aligned = np.array([shape.points @ turn for shape, turn in zip(shapes, turns, strict=True)])
    if not best.is_converged:
        warnings.warn(
            f"frechet_mean did not converge within max_iter={steps} steps",
            ConvergenceWarning,
            stacklevel=user_level(),
        )
    return FrechetMean(
        mean=mean,
        objective=float(best.values[-1]),
        start_objectives=objectives,
        item_objectives=of_items,
        distances=np.sqrt([space.squared_distance(each, mean) for each in aligned]),
        aligned=aligned,
        offsets=tuple(shape.mean for shape in shapes),
        maps=tuple(shape.map @ turn for shape, turn in zip(shapes, turns, strict=True)),
        names=np.array([item.name for item in items]),
        group=space.group,
        alpha=space.alpha,
        score=space.score,
        center=space.center,
        status=int(not best.is_converged),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TangentSpace(Result):
    """Items as vectors from a mean, in the flat space that touches the shape space there.

    Made by :func:`tangent_space`.

    Attributes
    ----------
    vectors : ndarray of shape (n_items, n_stimuli * n_columns)
        From the mean to each aligned item, row by row: their lengths are the distances to the mean.
    mean : ndarray of shape (n_stimuli, n_columns)
        The point that they start from.
    coordinates : ndarray of shape (n_items, n_axes)
        Their principal components (about the mean of the vectors), the widest first, the entry that is
        largest in size positive in each.
    explained : ndarray of shape (n_axes,)
        Share of the variance along each.
    names : ndarray of str
        Names of the items.
    """

    _headline: ClassVar[tuple[str, ...]] = ("names",)

    vectors: FloatArray
    mean: FloatArray
    coordinates: FloatArray
    explained: FloatArray
    names: AnyArray

    def _table(self) -> dict[str, Any]:
        axes = {f"axis {k + 1}": self.coordinates[:, k] for k in range(self.coordinates.shape[1])}
        return {"name": self.names, **axes}


def tangent_space(
    representations: Any,
    mean: Any,
    *,
    group: Group | None = None,
    alpha: float | None = None,
    score: Score | None = None,
    center: bool | None = None,
    n_threads: int | None = None,
) -> TangentSpace:
    """Represent items by vectors from a mean (the logarithmic map), for methods that need a flat space.

    Parameters
    ----------
    representations : sequence or mapping of items
        As for :func:`frechet_mean`; not necessarily those that were averaged.
    mean : FrechetMean, or array-like of shape (n_stimuli, n_columns)
        Where the space touches.
    group, alpha, score, center : optional
        See :func:`frechet_mean`: those of `mean`, or its defaults if `mean` is an array.
    n_threads : int, optional
        Threads; results do not depend on it.

    Returns
    -------
    TangentSpace
        The vectors and their principal components.

    Raises
    ------
    TypeError, ValueError
        If items and mean do not have the same number of stimuli, or an item cannot be used.

    Notes
    -----
    The vector of X is X aligned to the mean, less the mean: it points from the mean to the item. (netrep's
    ``euclidean_tangent_space`` has the opposite sign.) Distances between items are about those between their
    vectors, the better the nearer they are to the mean.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> layers = {name: X[:, :24] for name, X in ng.datasets.load_minilm_clinc().layers.items()}
    >>> mean = ng.frechet_mean(layers, score="angular", n_starts=1)
    >>> space = ng.tangent_space(layers, mean)
    >>> np.allclose(np.linalg.norm(space.vectors, axis=1), mean.distances)
    True
    >>> space.coordinates.shape
    (4, 3)
    """
    own = mean if isinstance(mean, FrechetMean) else None
    given = {"group": group, "alpha": alpha, "score": score, "center": center}
    defaults = {"group": "orth", "alpha": 1.0, "score": "euclidean", "center": True}
    if own is not None:
        defaults = {name: getattr(own, name) for name in defaults}
    for name, value in given.items():
        if own is not None and value is not None and value != defaults[name]:
            raise ValueError(f"{name} is that of the mean, {defaults[name]!r}, not {value!r}")
    space = Space(**{name: defaults[name] if value is None else value for name, value in given.items()})
    threads = resolve_threads(n_threads)
    with single_threaded_blas():
        items, shapes = as_shapes(representations, space, threads)
        point = as_float_matrix(mean if own is None else own.mean, "mean")
        if len(point) != items[0].n_stimuli:
            raise ValueError(
                f"mean must have {items[0].n_stimuli} stimuli as the items have, not {len(point)}"
            )
        if own is None and space.center:
            point = point - point.mean(axis=0)
        if space.score == "angular":
            point = point / np.linalg.norm(point)
        width = max(point.shape[1], *(shape.points.shape[1] for shape in shapes))
        point = padded(point, width)
        vectors = [space.log(shape.points @ space.align(shape.points, point), point) for shape in shapes]
        flat = np.array(vectors).reshape(len(vectors), -1)
        axes = principal_axes(flat - flat.mean(axis=0))[:, : len(flat) - 1]
    variance = np.square(axes).sum(axis=0)
    with np.errstate(invalid="ignore"):
        explained = variance / variance.sum()
    return TangentSpace(
        vectors=flat,
        mean=point,
        coordinates=axes,
        explained=explained,
        names=np.array([item.name for item in items]),
    )
