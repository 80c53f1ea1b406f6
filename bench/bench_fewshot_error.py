"""Measured few-shot errors of all pairs of classes, against NumPy; see README.md for how to run."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key

from bench.peers_fewshot import by_added_tiles, by_tiles, classes, loop_over_episodes

C, K, N, M, T = 12, 200, 1000, 5, 200
POINTS = classes(C, K, N)


def shots(n_classes):
    key = draw_key(as_generator(0))
    return np.stack([core.draw_shots(key, c, K, M, T) for c in range(n_classes)]).astype(np.intp)


def ours(points, **options):
    return ng.fewshot_error(points, M, n_episodes=T, rng=0, n_threads=1, **options).error


@pytest.mark.parametrize("rule", ["prototype", "nn", "exemplar"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_fewshot_error(benchmark, rule, precision):
    found = benchmark.pedantic(ours, (POINTS,), {"rule": rule, "precision": precision}, rounds=3)
    if precision == "float32":
        np.testing.assert_array_equal(found[:3, :3], ours(POINTS[:3], rule=rule, precision="float64"))


@pytest.mark.parametrize("peer", [by_tiles, by_added_tiles])
def test_tiles_of_numpy(benchmark, peer):
    found = benchmark.pedantic(peer, (POINTS, shots(C)), rounds=3)
    np.testing.assert_allclose(ours(POINTS), found, rtol=1e-13)


def test_loop_of_numpy(benchmark):
    """Two classes, 1/66 of the pairs."""
    found = benchmark.pedantic(loop_over_episodes, (POINTS[:2], shots(2)), rounds=2)
    np.testing.assert_allclose(ours(POINTS[:2]), found, rtol=1e-13)
