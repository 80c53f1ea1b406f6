"""Graphs of items: which pairs are joined, against plain loops; ties, gaps and orders; other packages."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest

RNG = np.random.default_rng(5)
POINTS = RNG.standard_normal((9, 3))
DISTANCES = np.linalg.norm(POINTS[:, None] - POINTS, axis=2)


def edges_of(found):
    return {tuple(edge) for edge in found.edges.tolist()}


def graph(matrix=DISTANCES, kind="knn", **options):
    return ng.graph(matrix, kind, is_similarity=False, **options)


@pytest.mark.parametrize("mutual", [False, True])
def test_nearest_neighbours(mutual):
    near = [set(np.argsort(row)[1:4].tolist()) for row in DISTANCES]
    join = all if mutual else any
    pairs = itertools.combinations(range(9), 2)
    expected = {(i, j) for i, j in pairs if join([j in near[i], i in near[j]])}
    assert edges_of(graph(n_neighbors=3, mutual=mutual)) == expected


def test_spanning_tree_is_the_lightest():
    small = DISTANCES[:6, :6]
    pairs = list(itertools.combinations(range(6), 2))

    def connects(edges):
        reached = {0}
        for _ in edges:
            reached |= {end for edge in edges if reached & set(edge) for end in edge}
        return len(reached) == 6

    trees = [edges for edges in itertools.combinations(pairs, 5) if connects(edges)]
    assert len(trees) == 6**4  # Cayley
    best = min(trees, key=lambda edges: sum(small[edge] for edge in edges))
    found = graph(small, "mst")
    assert edges_of(found) == set(best)
    assert found.n_components == 1


@pytest.mark.parametrize("density", [0.1, 0.25, 0.5, 1.0])
def test_density(density):
    wanted = int(np.ceil(36 * density - 1e-9))
    strongest = graph(kind="threshold", density=density)
    upper = np.sort(DISTANCES[np.triu_indices(9, 1)])
    assert strongest.n_edges == wanted
    assert np.sort(strongest.values).tolist() == upper[:wanted].tolist()
    assert edges_of(graph(kind="threshold", threshold=upper[wanted - 1])) == edges_of(strongest)
    tree = graph(kind="mst")
    both = graph(kind="mst", density=density)
    assert both.n_edges == max(8, wanted)
    assert edges_of(both) >= edges_of(tree)
    near = graph(density=density)
    fewer = [graph(n_neighbors=k).n_edges for k in range(1, 9)]
    assert near.n_edges == next(count for count in fewer if count >= wanted)


def test_weights():
    found = graph(kind="similarity")
    scale = np.median(DISTANCES[np.triu_indices(9, 1)])
    expected = np.exp(-(DISTANCES**2) / (2 * scale**2)) - np.eye(9)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-13)
    assert found.density == 1
    lengths = graph(n_neighbors=2, weights="distance")
    assert lengths.edge_weights.tolist() == lengths.values.tolist()
    assert set(np.unique(graph(weights="binary").weights)) == {0.0, 1.0}
    assert (graph(weights="binary").weights > 0).tolist() == graph().adjacency.tolist()
    correlations = np.corrcoef(POINTS)
    correlations = (correlations + correlations.T) / 2
    alike = ng.graph(correlations, "threshold", threshold=0.2, is_similarity=True)
    joined = (correlations >= 0.2) & ~np.eye(9, dtype=bool)
    np.testing.assert_array_equal(alike.weights, np.where(joined, correlations, 0.0))


def test_ties_are_kept_together_and_the_order_of_items_does_not_matter():
    grid = np.array(list(itertools.product(range(3), range(3))), dtype=float)
    apart = np.linalg.norm(grid[:, None] - grid, axis=2)
    assert graph(apart, "threshold", density=1 / 36).n_edges == 12  # all sides of unit squares
    assert graph(apart, n_neighbors=1).n_edges == 12
    order = RNG.permutation(9)
    for kind, options in (("knn", {"n_neighbors": 2}), ("threshold", {"density": 0.2})):
        one = graph(DISTANCES, kind, **options).adjacency
        two = graph(DISTANCES[np.ix_(order, order)], kind, **options).adjacency
        np.testing.assert_array_equal(one[np.ix_(order, order)], two)


def test_equal_items_are_joined():
    same = np.zeros((4, 4))
    for kind, options in (("mst", {}), ("knn", {"n_neighbors": 1}), ("threshold", {"threshold": 0.0})):
        found = graph(same, kind, **options)
        assert found.n_components == 1
        assert (found.edge_weights == 1).all()


def test_undefined_pairs_are_not_joined():
    gaps = DISTANCES.copy()
    gaps[0, 1:5] = gaps[1:5, 0] = np.nan
    assert not {(0, k) for k in range(1, 5)} & edges_of(graph(gaps, n_neighbors=8))
    assert graph(gaps, "mst").n_components == 1
    gaps[0, 1:] = gaps[1:, 0] = np.nan
    assert graph(gaps, "threshold", density=1.0).n_components == 2
    with pytest.raises(ValueError, match=r"leave 2 groups of items that no tree connects, such as '0'"):
        graph(gaps, "mst")


def test_of_pairs(tmp_path):
    layers = ng.datasets.load_minilm_clinc().layers
    result = ng.pairwise(layers, ["cka", "pwcca"])
    tree = result["cka"].to_graph("mst")
    assert tree.names.tolist() == list(layers)
    assert tree.metric == "cka"
    table = tree.to_dataframe()
    assert table.columns.tolist() == ["row", "column", "cka", "weight"]
    assert table["cka"].tolist() == [
        result["cka"].values[list(layers).index(one), list(layers).index(two)]
        for one, two in zip(table["row"], table["column"], strict=True)
    ]
    tree.save(tmp_path / "tree.npz")
    np.testing.assert_array_equal(ng.load(tmp_path / "tree.npz").weights, tree.weights)
    with pytest.raises(ValueError, match=r"not symmetric: .* say symmetrize='mean'"):
        result["pwcca"].to_graph()
    mean = result["pwcca"].to_graph("similarity", symmetrize="mean").weights
    values = result["pwcca"].values
    np.testing.assert_allclose(mean + np.eye(4), (values + values.T) / 2, rtol=1e-15)
    frame = pd.DataFrame(DISTANCES, index=list("abcdefghi"), columns=list("abcdefghi"))
    assert graph(frame).names.tolist() == list("abcdefghi")


def test_networkx_has_the_same_graph():
    networkx = pytest.importorskip("networkx")
    found = graph(kind="mst", weights="distance")
    other = found.to_networkx()
    np.testing.assert_array_equal(networkx.to_numpy_array(other), found.weights)
    whole = graph(kind="similarity", weights="distance").to_networkx()
    lightest = networkx.minimum_spanning_tree(whole)
    assert {frozenset(edge) for edge in lightest.edges} == {frozenset(edge) for edge in other.edges}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "knn", "threshold": 1.0}, "threshold does not go with kind='knn'"),
        ({"kind": "similarity", "density": 0.5}, "density does not go with kind='similarity'"),
        ({"kind": "threshold"}, "kind='threshold' needs density="),
        ({"kind": "threshold", "density": 0.5, "threshold": 1.0}, "give density or threshold, not both"),
        ({"kind": "threshold", "density": 1.5}, "density must be"),
        ({"kind": "knn", "n_neighbors": 9}, "n_neighbors is 9, but an item has only 8 others"),
        ({"kind": "tree"}, "kind must be one of 'knn'"),
        ({"weights": "none"}, "weights must be one of"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        graph(**options)


def test_matrices_that_do_not_fit():
    with pytest.raises(ValueError, match="say whether larger values mean more alike"):
        ng.graph(DISTANCES)
    with pytest.raises(ValueError, match=r"matrix must be square, not \(9, 3\)"):
        graph(POINTS)
    with pytest.raises(ValueError, match="infinite"):
        graph(np.where(DISTANCES > 2, np.inf, DISTANCES))
    with pytest.raises(ValueError, match="rows and columns are different items"):
        ng.pairwise([POINTS], others=[POINTS]).to_graph()
    with pytest.raises(ValueError, match="weights='distance' needs distances"):
        ng.graph(np.corrcoef(POINTS), is_similarity=True, weights="distance")
