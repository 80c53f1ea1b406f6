"""Projections on a cone: shared generators, many targets; see README.md for how to run."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.optimize

from bench.cases import RADII, SIZES, clouds

N_TARGETS = 256


def problem(size, radius):
    """Lifted points of one cloud, and Gaussian targets."""
    n_points, n_dims = size
    points = clouds(n_points, n_dims, radius, 2)[0][:, :n_dims]
    lifted = np.hstack([points, np.ones((n_points, 1))])
    return lifted, np.random.default_rng(1).normal(size=(N_TARGETS, n_dims + 1))


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_project_cone(benchmark, size, radius):
    points, targets = problem(size, radius)
    cone = benchmark(ng.project_cone, points, targets, n_threads=1)
    assert cone.n_failed == 0
    assert cone.residual.max() < 1e-12
    for k in range(5):
        weights, _ = scipy.optimize.nnls(points.T, targets[k], maxiter=100 * len(points))
        np.testing.assert_allclose(cone.projection[k], weights @ points, atol=1e-10)


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_margin(benchmark, margin):
    points, targets = problem((200, 100), 1.0)
    cone = benchmark(ng.project_cone, points, targets, margin, n_threads=1)
    assert cone.n_failed == 0
    assert cone.residual.max() < 1e-12
    # The margin is a shift of the targets along the last coordinate, which is 1 for all points.
    moved = targets + margin * np.eye(101)[100]
    np.testing.assert_allclose(cone.projection, ng.project_cone(points, moved).projection, atol=1e-10)


def test_more_points_than_a_gram_matrix_is_kept_for(benchmark):
    rng = np.random.default_rng(2)
    points, targets = rng.normal(size=(5000, 20)) + 1, rng.normal(size=(20, 20))
    cone = benchmark.pedantic(ng.project_cone, (points, targets), {"n_threads": 1}, rounds=3)
    assert cone.n_failed == 0
    assert cone.residual.max() < 1e-12
