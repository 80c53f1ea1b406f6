"""Clusters of representations around means in their shape space."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords, user_level
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, Result
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from .embedding import principal_axes
from .shapes import Group, Score, Shape, Space, as_shapes, padded

_EQUAL = 1e-9  # inertias of two starts that differ by less than this share are equal


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ShapeClusters(Result):
    """Clusters of representations; made by :func:`shape_kmeans`.

    Attributes
    ----------
    labels : ndarray of int, shape (n_items,)
        Cluster of each item, from 0, numbered in the order in which the items come to them.
    centroids : ndarray of shape (n_clusters, n_stimuli, n_columns)
        Mean of each cluster: see ``FrechetMean.mean``.
    distances : ndarray of shape (n_clusters, n_items)
        Distance of each item to each centroid.
    inertia : float
        Sum of squared distances of the items to the centroids of their clusters.
    start_inertias : ndarray of shape (n_starts,)
        The same for each start. Their spread tells how far the best may be from the global minimum.
    history : ndarray
        Inertia of the best start after each round; it never rises.
    names : ndarray of str
        Names of the items.
    status : int
        0: the best start converged; 1: it reached `max_iter`.
    """

    _headline: ClassVar[tuple[str, ...]] = ("inertia", "labels")

    labels: NDArray[np.int64]
    centroids: FloatArray
    distances: FloatArray
    inertia: float
    start_inertias: FloatArray
    history: FloatArray
    names: AnyArray
    status: int

    def _table(self) -> dict[str, Any]:
        own = self.distances[self.labels, np.arange(len(self.labels))]
        return {"name": self.names, "label": self.labels, "distance": own}


class _Found(NamedTuple):
    labels: NDArray[np.int64]
    centroids: list[FloatArray]
    squares: FloatArray
    history: list[float]
    is_converged: bool


@explain_keywords
def shape_kmeans(
    representations: Any,
    n_clusters: int,
    *,
    group: Group = "orth",
    alpha: float = 1.0,
    score: Score = "euclidean",
    center: bool = True,
    n_starts: int = 10,
    max_iter: int = 100,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
) -> ShapeClusters:
    """Cluster representations around means in their shape space (k-means).

    Seeds are drawn by k-means++ from the distances of all pairs. Then items go to the nearest centroid, and
    centroids to the mean of their items, until no item moves. For clustering by distances alone see
    ``scipy.cluster.hierarchy.linkage``, which takes ``result.condensed`` of :func:`pairwise`.

    Parameters
    ----------
    representations : sequence or mapping of items
        As for :func:`frechet_mean`.
    n_clusters : int
        Number of clusters, at most that of items.
    group : {"orth", "perm"}, default "orth"
        Align by rotations and reflections, or by permutations of units.
    alpha : float, default 1.0
        Whitening before rotations: see :class:`ShapeMetric`.
    score : {"euclidean", "angular"}, default "euclidean"
        Which distance: see :func:`frechet_mean`.
    center : bool, default True
        Subtract the mean over stimuli.
    n_starts : int, default 10
        Draws of seeds.
    max_iter : int, default 100
        Rounds for each start; one that needs more is kept with a warning.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the seeds.
    n_threads : int, optional
        Threads; results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    ShapeClusters
        Labels, centroids, and the inertia of each start.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be used, or there are more clusters than items.

    Notes
    -----
    Arthur & Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007. A cluster that loses all
    its items gets the one that is farthest from its centroid.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> A, B = np.random.default_rng(0).normal(size=(2, 10, 3))
    >>> ng.shape_kmeans([A, B, A[:, ::-1], -B, A + 0.01 * B], 2, n_starts=3).labels.tolist()
    [0, 1, 0, 1, 0]
    """
    space = Space(group, alpha, score, center)
    clusters = _validate.as_count(n_clusters, "n_clusters")
    starts = _validate.as_count(n_starts, "n_starts")
    rounds = _validate.as_count(max_iter, "max_iter")
    threads, key = resolve_threads(n_threads), draw_key(as_generator(rng))
    with single_threaded_blas():
        items, shapes = as_shapes(representations, space, threads)
        if clusters > len(items):
            raise ValueError(f"n_clusters must be at most the number of items, {len(items)}, not {clusters}")
        squares = np.zeros((1, 1))
        if len(items) > 1:
            squares = space.squared_distances(items, shapes, threads)
        width = space.width_of(items)
        report, done = as_progress(progress, "starts"), 0

        def search(k: int) -> _Found:
            nonlocal done
            generator = np.random.default_rng(np.random.SeedSequence([key, k]))
            seeds = _seeds(squares, clusters, generator)
            centroids = [padded(shapes[i].points, width) for i in seeds]
            found = _search(space, shapes, squares[seeds], centroids, rounds)
            done += 1
            if report is not None:
                report(done, starts)
            return found

        found = map_threads(search, range(starts), threads)
    inertias = np.array([one.history[-1] for one in found])
    best = found[int(np.argmax(inertias <= inertias.min() * (1 + _EQUAL) + 1e-26 * squares.max()))]
    if not best.is_converged:
        warnings.warn(
            f"shape_kmeans did not converge within max_iter={rounds} rounds",
            ConvergenceWarning,
            stacklevel=user_level(),
        )
    order = np.argsort([int(np.argmax(best.labels == k)) for k in range(clusters)])
    centroids = [best.centroids[k] for k in order]
    if space.group == "orth":
        centroids = [principal_axes(centroid) for centroid in centroids]
    return ShapeClusters(
        labels=np.argsort(order)[best.labels],
        centroids=np.array(centroids),
        distances=np.sqrt(best.squares[order]),
        inertia=best.history[-1],
        start_inertias=inertias,
        history=np.array(best.history),
        names=np.array([item.name for item in items]),
        status=int(not best.is_converged),
    )


def _seeds(squares: FloatArray, clusters: int, generator: np.random.Generator) -> list[int]:
    """Draw items to start from, each in proportion to its squared distance from those before."""
    seeds = [int(generator.integers(len(squares)))]
    while len(seeds) < clusters:
        nearest = squares[seeds].min(axis=0)
        nearest[seeds] = 0.0
        if nearest.sum() == 0:  # only equal items are left
            left = np.setdiff1d(np.arange(len(squares)), seeds)
            seeds.append(int(generator.choice(left)))
        else:
            seeds.append(int(generator.choice(len(squares), p=nearest / nearest.sum())))
    return seeds


def _search(
    space: Space, shapes: Sequence[Shape], squares: FloatArray, centroids: list[FloatArray], rounds: int
) -> _Found:
    """Move items and centroids in turn."""
    labels, history = _filled(squares.argmin(axis=0), squares), []
    for _ in range(rounds):
        centroids = [
            space.search([shapes[i] for i in np.flatnonzero(labels == k).tolist()], centroid, 50).point
            for k, centroid in enumerate(centroids)
        ]
        squares = np.array([[_square(space, shape, centroid) for shape in shapes] for centroid in centroids])
        history.append(float(squares[labels, np.arange(len(labels))].sum()))
        # An item that is equally near stays.
        own = squares[labels, np.arange(len(labels))]
        moved = np.where(squares.min(axis=0) < own * (1 - 1e-12), squares.argmin(axis=0), labels)
        moved = _filled(moved, squares)
        if np.array_equal(moved, labels):
            return _Found(labels, centroids, squares, history, True)
        labels = moved
    return _Found(labels, centroids, squares, history, False)


def _square(space: Space, shape: Shape, centroid: FloatArray) -> float:
    return space.squared_distance(shape.points @ space.align(shape.points, centroid), centroid)


def _filled(labels: NDArray[np.int64], squares: FloatArray) -> NDArray[np.int64]:
    """Give each empty cluster the item farthest from its centroid, of those that are not alone."""
    labels = labels.copy()
    for k in range(len(squares)):
        if not (labels == k).any():
            own = squares[labels, np.arange(len(labels))]
            alone = np.bincount(labels, minlength=len(squares))[labels] == 1
            labels[int(np.where(alone, -np.inf, own).argmax())] = k
    return labels
