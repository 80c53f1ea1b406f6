"""Joint capacity end to end, and the loops of other solvers; see README.md for how to run."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest

from bench.cases_joint import ABOVE, BELOW, geometry, joint_clouds, near_capacity
from bench.peers import available_peers
from bench.peers_joint import estimates, project
from bench.tables.joint import AGREEMENT, labels_and_draws

PEERS = available_peers()


@pytest.mark.parametrize("n_samples", [200, 1000])
@pytest.mark.parametrize("case", BELOW, ids=str)
def test_below_capacity(benchmark, case, n_samples):
    clouds = joint_clouds(case)
    result = benchmark.pedantic(geometry, (clouds, n_samples), rounds=2)
    assert result.kkt_residual < 1e-12
    assert result.n_failed == 0
    assert result.inseparable_fraction == 0
    parts = result.utility * (1 + 1 / result.effective_radius**2) / result.effective_dimension
    assert abs(parts / result.capacity - 1) < 1e-9
    other = geometry(clouds, n_samples, rng=1)
    assert abs(result.capacity - other.capacity) < 5 * np.hypot(result.capacity_se, other.capacity_se)


@pytest.mark.parametrize("n_samples", [200, 1000])
@pytest.mark.parametrize("case", ABOVE, ids=str)
def test_above_capacity(benchmark, case, n_samples):
    clouds = joint_clouds(case)
    result = benchmark.pedantic(geometry, (clouds, n_samples), rounds=2)
    assert result.kkt_residual < 1e-11
    assert result.n_failed == 0
    assert result.inseparable_fraction > 0.9
    # Of all projections that are the draw itself the mean squared length is the number of dimensions.
    bound = case.n_manifolds / case.n_features
    assert abs(result.capacity - bound) < 0.01 * bound + 4 * result.capacity_se


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("case", [*BELOW, *ABOVE], ids=str)
def test_loop_of_a_peer(benchmark, peer, case):
    clouds = joint_clouds(case)
    labels, draws = labels_and_draws(case, 3, seed=5)

    def loop():
        return [project(PEERS[peer], clouds, t, y) for t, y in zip(draws, labels, strict=True)]

    found = benchmark.pedantic(loop, rounds=1)
    solved = np.array([projection is not None for projection in found])
    assert solved.all() or (peer == "cvxopt" and case in ABOVE)
    if not solved.any():
        pytest.skip("the solver breaks down on all of these inseparable samples")
    kept = [projection for projection in found if projection is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ng.ConvergenceWarning)
        ours = ng.effective_geometry(
            clouds, dichotomies=labels[solved], gaussians=draws[solved], n_samples=len(kept), center=False
        )
    squared = [projection.squared for projection in kept]
    np.testing.assert_allclose(ours.squared_projections, squared, rtol=AGREEMENT)
    if case in BELOW:
        numbers = [ours.capacity, ours.effective_radius, ours.effective_dimension]
        np.testing.assert_allclose(numbers, estimates(kept, draws[solved]), rtol=AGREEMENT)


def test_near_capacity_in_bounded_memory(benchmark):
    found = benchmark.pedantic(near_capacity, (20,), rounds=1)
    assert found["n_failed"] == 0
    assert found["kkt_residual"] < 1e-11
    assert found["peak"] < 1000
    assert 0.2 < found["capacity"] < 0.22  # P / N would be 0.2
