"""Pairwise distances end to end, and what they are measured against; see README.md for how to run."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

from bench.cases_pairwise import LARGE, MATCHED, RESPONSES, SMALL, WIDE, distances, representations
from bench.peers_pairwise import available_pair_peers, available_rsatoolbox
from bench.tables.pairwise import AGREEMENT

PEERS = available_pair_peers()
TOOLBOX = available_rsatoolbox()


def cosines_by_svd(metric, x, y):
    """Similarity of one pair by NumPy's singular values."""
    sides = [item - item.mean(axis=0) for item in (x, y)]
    if metric == "cca":
        bases = [np.linalg.svd(side, full_matrices=False)[0] for side in sides]
        return np.linalg.norm(bases[0].T @ bases[1], "nuc") / x.shape[1]
    sides = [side / np.linalg.norm(side) for side in sides]
    # Of few stimuli their inner products have the same nuclear norm, and are smaller.
    if x.shape[1] > x.shape[0]:
        sides = [np.linalg.qr(side.T, mode="r").T for side in sides]
    return np.linalg.norm(sides[0].T @ sides[1], "nuc")


@pytest.mark.parametrize("metric", ["procrustes", "cca"])
@pytest.mark.parametrize("case", [*SMALL, LARGE, WIDE], ids=str)
def test_linear_measures(benchmark, case, metric):
    if case.is_wide and metric == "cca":
        pytest.skip("both span all stimuli: the distance is 0")
    items = representations(case, 20 if case in SMALL else 6)
    found = benchmark.pedantic(distances, (metric, items), rounds=2)
    for i, j in ((0, 1), (2, len(items) - 1)):
        similarity = cosines_by_svd(metric, items[i], items[j])
        np.testing.assert_allclose(np.cos(found[i, j]), similarity, rtol=1e-10)


@pytest.mark.parametrize(
    ("peer", "metric", "case"),
    [
        pytest.param(name, metric, case, id=f"{name}-{metric}-{case}")
        for name, peer in PEERS.items()
        for metric in peer.metrics
        for case in ([LARGE] if metric == "cka" else [MATCHED] if metric == "permutation" else SMALL)
    ],
)
def test_peer(benchmark, peer, metric, case):
    items = representations(case, 4)
    found = benchmark.pedantic(PEERS[peer].distances, (metric, items), rounds=2)
    np.testing.assert_allclose(distances(metric, items), found, rtol=0, atol=AGREEMENT)


def test_cka(benchmark):
    items = representations(LARGE, 12)
    found = benchmark.pedantic(distances, ("cka", items), rounds=2)
    x, y = (item - item.mean(axis=0) for item in items[3:5])
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    np.testing.assert_allclose(np.cos(found[3, 4]), np.linalg.norm(x.T @ y) ** 2 / norms, rtol=1e-10)


def test_permutation(benchmark):
    items = representations(MATCHED, 10)
    items[1] = items[0][:, ::-1]
    found = benchmark.pedantic(distances, ("permutation", items), rounds=2)
    assert found[0, 1] < 1e-12
    assert (found[np.triu_indices(10, 1)][1:] > 0.1).all()


@pytest.mark.parametrize("finished", [False, True], ids=["responses", "rdms"])
@pytest.mark.parametrize("metric", ["rsa-spearman", "rsa-pearson", "rsa-cosine"])
def test_rsa(benchmark, metric, finished):
    items = representations(RESPONSES, 12)
    vectors = np.array([1 - np.corrcoef(item)[np.triu_indices(len(item), 1)] for item in items])
    given = [ng.RDM(vector) for vector in vectors] if finished else items
    found = benchmark.pedantic(distances, (metric, given), rounds=2)
    if metric == "rsa-spearman":
        vectors = vectors.argsort(axis=1).argsort(axis=1).astype(float)
    if metric != "rsa-cosine":
        vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found, vectors @ vectors.T, rtol=0, atol=1e-10)


@pytest.mark.skipif(TOOLBOX is None, reason="rsatoolbox is not installed")
@pytest.mark.parametrize("metric", ["rsa-spearman", "rsa-pearson", "rsa-cosine"])
def test_rsatoolbox(benchmark, metric):
    items = representations(RESPONSES, 6)

    def theirs():
        return TOOLBOX.compare(TOOLBOX.rdms(TOOLBOX.datasets(items)), TOOLBOX.methods[metric])

    found = benchmark.pedantic(theirs, rounds=2)
    np.testing.assert_allclose(distances(metric, items), found, rtol=0, atol=AGREEMENT)
