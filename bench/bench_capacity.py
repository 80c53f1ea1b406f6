"""Manifold capacity end to end, and the loops of other solvers; see README.md for how to run."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

from bench.cases import RADII, SIZES, capacity, clouds, coordinates, estimates_for, readme_example
from bench.peers import available_peers

PEERS = available_peers()


@pytest.mark.parametrize("n_samples", [300, 2000])
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_manifold_capacity(benchmark, size, radius, n_samples):
    manifolds = clouds(*size, radius, 4)
    result = benchmark.pedantic(capacity, (manifolds, n_samples), rounds=3)
    assert result.kkt_residual.max() < 1e-12
    assert list(result.reduced_dimension) == [size[1]] * 4
    # Equal in law, but for the cloud.
    np.testing.assert_allclose(result.capacity, result.mean_capacity, rtol=0.25)
    other = capacity(manifolds, n_samples, rng=1)
    errors = np.hypot(result.capacity_se, other.capacity_se)
    assert (abs(result.capacity - other.capacity) < 5 * errors).all()


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_loop_of_a_peer(benchmark, peer, size, radius):
    points = coordinates(clouds(*size, radius, 2))[0]
    draws = np.random.default_rng(3).normal(size=(10, size[1] + 1))
    found = benchmark.pedantic(PEERS[peer], (points, draws), rounds=2)
    np.testing.assert_allclose(found, estimates_for(points, draws), rtol=1e-6)


@pytest.mark.parametrize("peer", PEERS)
def test_peers_agree_with_margin(peer):
    points = coordinates(clouds(20, 19, 1.0, 2))[0]
    draws = np.random.default_rng(4).normal(size=(50, 20))
    np.testing.assert_allclose(PEERS[peer](points, draws, 0.5), estimates_for(points, draws, 0.5), rtol=1e-6)


def test_example_of_the_mftma_package(benchmark):
    manifolds = [features.T for features in readme_example()]
    result = benchmark.pedantic(
        ng.manifold_capacity,
        (manifolds,),
        {"n_samples": 200, "n_restarts": 1, "rng": 0, "n_threads": 1},
        rounds=2,
    )
    # What that package prints; it removes one direction here, which changes little.
    np.testing.assert_allclose(
        [result.mean_capacity, result.mean_radius, result.mean_dimension],
        [0.0397, 1.476, 36.15],
        rtol=0.03,
    )
    assert abs(result.center_correlation - 0.01405) < 1e-4
