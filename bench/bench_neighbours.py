"""Mutual neighbours and distance correlation of many items, against a loop over pairs; see README.md."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

from bench.cases_pairwise import PairCase, representations

CASE, N_ITEMS, K = PairCase(500, 128, decay=1), 30, 10


def mutual(x, y):
    """Of two items, by scikit-learn's neighbours and sets, as packages of the field do it."""
    neighbors = pytest.importorskip("sklearn.neighbors")
    sides = []
    for item in (x, y):
        search = neighbors.NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute").fit(item)
        sides.append(search.kneighbors(return_distance=False))
    return np.mean([len({*a} & {*b}) / K for a, b in zip(*sides, strict=True)])


def mutual_by_numpy(x, y):
    """The same by masks."""
    masks = []
    for item in (x, y):
        rows = item / np.linalg.norm(item, axis=1, keepdims=True)
        cosines = rows @ rows.T
        np.fill_diagonal(cosines, -np.inf)
        mask = np.zeros(cosines.shape, dtype=bool)
        np.put_along_axis(mask, np.argsort(-cosines, axis=1)[:, :K], True, axis=1)
        masks.append(mask)
    return (masks[0] & masks[1]).sum(axis=1).mean() / K


def distance_correlation(x, y):
    """Of two items, by NumPy."""
    sides = []
    for item in (x, y):
        squares = np.square(item).sum(axis=1)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * item @ item.T, 0))
        distances -= distances.mean(axis=0)
        sides.append(distances - distances.mean(axis=1, keepdims=True))
    return np.sqrt(np.vdot(*sides) / (np.linalg.norm(sides[0]) * np.linalg.norm(sides[1])))


PEERS = {
    "mutual_knn-sklearn": ("mutual_knn", mutual),
    "mutual_knn-numpy": ("mutual_knn", mutual_by_numpy),
    "distance_correlation-numpy": ("distance_correlation", distance_correlation),
}


@pytest.mark.parametrize("metric", ["mutual_knn", "knn_rank", "cknna", "distance_correlation", "ensd"])
def test_all_pairs(benchmark, metric):
    items = representations(CASE, N_ITEMS)
    found = benchmark.pedantic(ng.pairwise, (items, metric), {"n_threads": 1}, rounds=3)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("peer", PEERS)
def test_loop_over_pairs(benchmark, peer):
    """Of five items: ten pairs, to be multiplied by 43.5 for the same number of pairs."""
    metric, function = PEERS[peer]
    items = representations(CASE, 5)
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    found = benchmark.pedantic(lambda: [function(items[i], items[j]) for i, j in pairs], rounds=3)
    np.testing.assert_allclose(found, ng.pairwise(items, metric).condensed, rtol=1e-8)
