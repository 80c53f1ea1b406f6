"""Graphs whose nodes are items and whose edges join those that are alike."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.results import Result
from ..inference import TIE

KINDS = ("knn", "threshold", "similarity", "mst")
_WEIGHTS = ("auto", "binary", "distance")
_SYMMETRIZE = ("mean", "min", "max")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Graph(Result):
    """An undirected weighted graph of items; made by :func:`graph`.

    Attributes
    ----------
    names : ndarray of str, shape (n_nodes,)
        The items.
    weights : ndarray, shape (n_nodes, n_nodes)
        Symmetric; 0 where there is no edge and on the diagonal. What bctpy takes.
    edges : ndarray of int, shape (n_edges, 2)
        The joined items, i < j, in the order of rows. What igraph takes.
    values : ndarray, shape (n_edges,)
        The measure between the two ends of each edge, as it was before it became a weight.
    kind : str
        Which edges were kept.
    metric : str
        The measure that the edges rest on.
    density : float
        Number of edges over the number of pairs.
    n_components : int
        Number of connected parts; items without edges count as one each.
    """

    _headline: ClassVar[tuple[str, ...]] = ("metric", "kind", "n_nodes", "n_edges", "density", "n_components")

    names: AnyArray
    weights: FloatArray
    edges: NDArray[np.int64]
    values: FloatArray
    kind: str
    metric: str
    density: float
    n_components: int

    @property
    def n_nodes(self) -> int:
        """Number of items."""
        return len(self.names)

    @property
    def n_edges(self) -> int:
        """Number of joined pairs."""
        return len(self.edges)

    @property
    def edge_weights(self) -> FloatArray:
        """The weight of each edge, in the order of `edges`."""
        return self.weights[self.edges[:, 0], self.edges[:, 1]]

    @property
    def adjacency(self) -> NDArray[np.bool_]:
        """Which pairs are joined."""
        joined = np.zeros(self.weights.shape, dtype=bool)
        joined[self.edges[:, 0], self.edges[:, 1]] = True
        return joined | joined.T

    def _table(self) -> dict[str, Any]:
        """One row per edge."""
        first, second = self.edges.T
        return {
            "row": self.names[first],
            "column": self.names[second],
            self.metric: self.values,
            "weight": self.edge_weights,
        }

    def to_networkx(self) -> Any:
        """Return a ``networkx.Graph`` with the names as nodes; edges have `weight` and `value`."""
        networkx = require_extra("networkx", "networkx", "to_networkx")
        found = networkx.Graph(metric=self.metric, kind=self.kind)
        found.add_nodes_from(self.names.tolist())
        for (i, j), weight, value in zip(self.edges, self.edge_weights, self.values, strict=True):
            found.add_edge(
                self.names[i].item(), self.names[j].item(), weight=float(weight), value=float(value)
            )
        return found


def graph(
    matrix: Any,
    kind: str = "knn",
    *,
    density: float | None = None,
    threshold: float | None = None,
    n_neighbors: int | None = None,
    mutual: bool = False,
    weights: str = "auto",
    symmetrize: str | None = None,
    is_similarity: bool | None = None,
    names: Any = None,
    metric: str | None = None,
) -> Graph:
    """Join the items that are alike.

    Parameters
    ----------
    matrix : array-like, shape (n_items, n_items)
        Distances or similarities of items among themselves, such as correlations of regions. Pairs that are
        NaN are not joined. For a result of :func:`pairwise`, use its method ``to_graph``.
    kind : {"knn", "threshold", "similarity", "mst"}, default "knn"
        Which pairs are joined: an item with its nearest neighbours ("knn"); the most similar pairs of all
        ("threshold"); all pairs ("similarity"); those of the minimum spanning tree ("mst"), the fewest that
        connect all items, to which `density` adds the most similar others.
    density : float, optional
        Share of all pairs to join. For "knn" the number of neighbours is the smallest that reaches it.
    threshold : float, optional
        For "threshold", instead of `density`: the largest distance or the smallest similarity that is joined.
    n_neighbors : int, optional
        For "knn": neighbours of each item; by default 5, or all if there are fewer others.
    mutual : bool, default False
        For "knn": join only pairs of which each is among the neighbours of the other. By default one is
        enough.
    weights : {"auto", "binary", "distance"}, default "auto"
        Weights of the edges: similarities as they are, and distances d as exp(-d^2 / (2 s^2)), where s is the
        median over all pairs ("auto"); 1 ("binary"); or distances as they are, as lengths of paths
        ("distance", for measures that are distances).
    symmetrize : {"mean", "min", "max"}, optional
        What to do with the two values of a pair if the measure is not symmetric, which is an error otherwise.
    is_similarity : bool
        Whether larger values mean more alike.
    names : sequence of str, optional
        Names of the items; by default those of a pandas index, or else their numbers.
    metric : str, optional
        What the values are; by default "similarity" or "distance".

    Returns
    -------
    Graph
        Weights and edges.

    Raises
    ------
    TypeError, ValueError
        If the matrix does not compare items among themselves, is not symmetric, or options do not fit `kind`;
        for "mst", if undefined pairs leave items that cannot be connected.

    Notes
    -----
    Pairs whose values agree with the last one that is kept, up to rounding, are kept too, so that the graph
    does not depend on the order of the items; `density` of the result says what came out. Only in a spanning
    tree do ties go by position. Weights between items without an edge are 0, as network science has it; that
    two items are joined by an edge of weight 0 is seen in `edges`.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> ng.pairwise(layers, "cka").to_graph("mst")
    Graph(metric=cka, kind=mst, n_nodes=4, n_edges=3, density=0.5, n_components=1)
    """
    values = _as_square(matrix)
    if is_similarity is None:
        raise ValueError("say whether larger values mean more alike: is_similarity=True or False")
    larger_is_closer = bool(is_similarity)
    metric = metric or ("similarity" if larger_is_closer else "distance")
    named = _as_names(names, matrix, len(values))
    kind = _validate.as_choice(kind, "kind", KINDS)
    weights = _validate.as_choice(weights, "weights", _WEIGHTS)
    if weights == "distance" and larger_is_closer:
        raise ValueError(f"weights='distance' needs distances, but {metric} is a similarity")
    _require_options(kind, density=density, threshold=threshold, n_neighbors=n_neighbors, mutual=mutual)
    values = _symmetric(values, symmetrize)
    count = len(values)
    cost = -values if larger_is_closer else values.copy()
    cost[np.isnan(cost)] = np.inf
    np.fill_diagonal(cost, np.inf)
    wanted = 0
    if density is not None:
        share = _validate.as_number(density, "density")
        if not 0 < share <= 1:
            raise ValueError(f"density must be above 0 and at most 1, not {share}")
        wanted = math.ceil(round(share * count * (count - 1) / 2, 6))
    if kind == "knn":
        joined = _nearest(cost, n_neighbors, mutual, wanted)
    elif kind == "mst":
        joined = _spanning_tree(cost, named)
        if joined.sum() // 2 < wanted:
            joined |= cost <= _cut(cost, wanted, fixed=joined)
    elif kind == "threshold":
        limit = _cut(cost, wanted) if threshold is None else _limit(threshold, larger_is_closer)
        joined = cost <= limit
    else:
        joined = np.isfinite(cost)
    joined &= np.isfinite(cost)
    edges = np.argwhere(np.triu(joined, 1))
    kept = values[edges[:, 0], edges[:, 1]]
    table = np.zeros_like(values)
    table[joined] = _weights(values, weights, larger_is_closer)[joined]
    return Graph(
        names=named,
        weights=table,
        edges=edges,
        values=kept,
        kind=kind,
        metric=metric,
        density=len(edges) / max(1, count * (count - 1) // 2),
        n_components=_components(joined),
    )


def _as_square(matrix: Any) -> FloatArray:
    values = _validate.as_matrix(matrix, "matrix").astype(np.float64)
    if values.shape[0] != values.shape[1]:
        raise ValueError(f"matrix must be square, not {values.shape}")
    if np.isinf(values).any():
        raise ValueError("matrix holds an infinite value")
    return values


def _as_names(names: Any, matrix: Any, count: int) -> AnyArray:
    if names is None:
        index = _validate.row_index(matrix, "matrix")
        names = None if index is None else index.names
    found = np.array([str(k) for k in (range(count) if names is None else names)])
    if len(found) != count:
        raise ValueError(f"names must name the {count} items, not {len(found)}")
    return found


def _require_options(kind: str, **given: Any) -> None:
    """Refuse options that the kind would not look at, and a threshold graph without a cut."""
    known = {
        "knn": {"density", "n_neighbors", "mutual"},
        "threshold": {"density", "threshold"},
        "mst": {"density"},
    }
    for name, value in given.items():
        if value not in (None, False) and name not in known.get(kind, ()):
            raise ValueError(f"{name} does not go with kind={kind!r}")
    cuts = [name for name in ("density", "threshold", "n_neighbors") if given[name] is not None]
    if len(cuts) > 1:
        raise ValueError(f"give {cuts[0]} or {cuts[1]}, not both")
    if kind == "threshold" and not cuts:
        raise ValueError("kind='threshold' needs density=, a share of all pairs, or threshold=, a value")


def _symmetric(values: FloatArray, how: str | None) -> FloatArray:
    both = np.stack([values, values.T])
    if how is not None:
        how = _validate.as_choice(how, "symmetrize", _SYMMETRIZE)
        return np.asarray(getattr(np, how)(both, axis=0))
    size = np.nanmax(np.abs(values), initial=0.0)
    off = ~np.eye(len(values), dtype=bool) & ~np.isnan(values).all()
    differ = (np.abs(values - values.T) > TIE * size) | (np.isnan(values) != np.isnan(values.T))
    if (differ & off).any():
        i, j = np.argwhere(differ & off)[0]
        raise ValueError(
            f"the matrix is not symmetric: {values[i, j]:.6g} and {values[j, i]:.6g} between items {i} and "
            f"{j}; say symmetrize='mean', 'min' or 'max'"
        )
    return np.asarray(np.mean(both, axis=0))


def _nearest(cost: FloatArray, n_neighbors: int | None, mutual: bool, wanted: int) -> NDArray[np.bool_]:
    """Which pairs are neighbours; items as near as the last neighbour are neighbours too."""
    others = len(cost) - 1
    order = np.sort(cost, axis=1)

    def joined(count: int) -> NDArray[np.bool_]:
        last = order[:, [count - 1]] if count else np.full((len(cost), 1), -np.inf)
        near = cost <= _raised(last)
        return near & near.T if mutual else near | near.T

    if wanted:
        count = next((k for k in range(others) if joined(k).sum() // 2 >= wanted), others)
        return joined(count)
    count = min(5, others) if n_neighbors is None else _validate.as_count(n_neighbors, "n_neighbors")
    if count > others:
        raise ValueError(f"n_neighbors is {count}, but an item has only {others} others")
    return joined(count)


def _cut(cost: FloatArray, wanted: int, fixed: NDArray[np.bool_] | None = None) -> FloatArray:
    """Return the largest cost to keep so that `wanted` pairs are joined, those that are `fixed` included."""
    upper = np.triu(np.ones(cost.shape, dtype=bool), 1)
    if fixed is not None:
        upper &= ~fixed
        wanted -= int(fixed.sum() // 2)
    costs = np.sort(cost[upper])
    return _raised(costs[min(wanted, len(costs)) - 1] if len(costs) and wanted > 0 else np.array(-np.inf))


def _limit(threshold: float, larger_is_closer: bool) -> FloatArray:
    value = _validate.as_number(threshold, "threshold")
    return np.array(-value if larger_is_closer else value)


def _raised(limit: Any) -> FloatArray:
    """Let in what differs from the limit by rounding alone."""
    limit = np.asarray(limit, dtype=np.float64)
    return np.asarray(limit + TIE * np.where(np.isfinite(limit), np.abs(limit), 0.0))


def _spanning_tree(cost: FloatArray, names: AnyArray) -> NDArray[np.bool_]:
    """Return the minimum spanning tree. SciPy sees ranks, since a cost of 0 would mean no edge."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    # SciPy 1.11 takes indices of 32 bits only.
    rows, columns = (side.astype(np.int32) for side in np.nonzero(np.triu(np.isfinite(cost), 1)))
    ranks = np.empty(len(rows))
    ranks[np.argsort(cost[rows, columns], kind="stable")] = np.arange(1, len(rows) + 1)
    tree = minimum_spanning_tree(coo_array((ranks, (rows, columns)), shape=cost.shape).tocsr())
    joined = tree.toarray() > 0
    joined |= joined.T
    parts = _components(joined)
    if parts > 1:
        alone = [str(name) for name, row in zip(names, joined, strict=True) if not row.any()]
        which = f", such as {alone[0]!r}" if alone else ""
        raise ValueError(f"undefined pairs leave {parts} groups of items that no tree connects{which}")
    return joined


def _components(joined: NDArray[np.bool_]) -> int:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, _ = connected_components(csr_array(joined.astype(np.int8)), directed=False)
    return int(count)


def _weights(values: FloatArray, weights: str, larger_is_closer: bool) -> FloatArray:
    if weights == "binary":
        return np.ones_like(values)
    if weights == "distance" or larger_is_closer:
        return values
    apart = values[np.triu_indices(len(values), 1)]
    scale = np.nanmedian(apart) if apart.size and not np.isnan(apart).all() else 1.0
    if not scale > 0:  # most pairs are equal
        scale = np.nanmax(apart, initial=0.0) or 1.0
    return np.asarray(np.exp(-((values / scale) ** 2) / 2))
