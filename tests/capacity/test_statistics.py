"""Reported standard errors: over many seeds, value +- 1.96 errors covers the truth 93-97 % of the time.

A share of 95 % over 1000 seeds has a standard error of 0.7 %. The true values are closed forms, or come from
2,000,000 draws, whose error is 1/80 of that of the 300 draws under test.
"""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.isa import core

N_SAMPLES, N_SEEDS = 300, 1000
# Columns of AnchorSummary (anchors.hpp): each value is followed by its error.
ESTIMATES = ("capacity", "radius", "radius_uncentered", "dimension", "dimension_prx")


def coverage(values, errors, truth):
    assert np.isfinite(values).all()
    assert np.shape(values) == np.shape(errors)
    return (np.abs(np.asarray(values) - truth) <= 1.96 * np.asarray(errors)).mean(axis=0)


def assert_nominal(share):
    assert (share > 0.93).all(), share
    assert (share < 0.97).all(), share


def runs(points, *, key, n_runs=N_SEEDS, n_samples=N_SAMPLES):
    """Estimates (n_runs, 5) and errors of independent analyses of one manifold: one stream a run."""
    points = np.ascontiguousarray(points, dtype=float)
    rows, _, _ = core.anchor_statistics(
        [points] * n_runs, range(n_runs), None, 0.0, n_samples, key, False, 2, None
    )
    return rows[:, 0:10:2], rows[:, 1:10:2]


def long_run(points):
    """Truth of the five estimates to the error of 2,000,000 draws (with another key than the runs)."""
    values, _ = runs(points, key=99, n_runs=8, n_samples=250_000)
    return values.mean(axis=0)


def two_points(radius):
    """Points +-R and the true values of the five estimates.

    With phi = atan R, an anchor lies at tan(theta) where the draw's angle theta to the centre's axis is
    below phi, and at +-R elsewhere; its mean is zero and its direction that of the draw.
    """
    phi = math.atan(radius)
    length = math.sqrt((radius - phi + radius**2 * (math.pi - phi)) / math.pi)
    return [[radius], [-radius]], np.array([1 / (0.5 + 2 / math.pi * phi), length, length, 1.0, 1.0])


def clouds_around_axes(shapes, length=2.0):
    """One manifold for each set of relative points (mean zero), its centre on an axis of its own."""
    n, n_points = len(shapes), len(shapes[0])
    norm = length * math.sqrt(1 - 1 / n)  # what the subtraction of the global mean leaves
    clouds = np.zeros((n, n_points, n + np.shape(shapes[0])[1]))
    for m, shape in enumerate(shapes):
        clouds[m, :, m] = length
        clouds[m, :, n:] = norm * np.asarray(shape)
    return clouds


def test_the_closed_forms_of_two_points_agree_with_a_long_run():
    for radius in (0.5, 2.0):
        points, truth = two_points(radius)
        values, errors = runs(points, key=98, n_runs=1, n_samples=1_000_000)
        dimension = ESTIMATES.index("dimension")
        assert values[0, dimension] == pytest.approx(1, rel=1e-12)
        assert errors[0, dimension] < 1e-12
        errors[0, dimension] = 1e-12
        assert (np.abs(values - truth)[0] <= 4 * errors[0]).all()


# One manifold


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_errors_of_two_points(radius):
    points, truth = two_points(radius)
    share = coverage(*runs(points, key=1), truth)
    assert_nominal(np.delete(share, ESTIMATES.index("dimension")))


def test_error_of_the_capacity_of_a_point():
    values, errors = runs(np.zeros((1, 0)), key=1)
    assert_nominal(coverage(values[:, 0], errors[:, 0], 2.0))
    np.testing.assert_array_equal(values[:, 1:], 0)
    np.testing.assert_array_equal(errors[:, 1:], 0)


def random_points(n_points, n_dims, size):
    points = np.random.default_rng(0).standard_normal((n_points, n_dims))
    return size * (points - points.mean(axis=0))


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(random_points(12, 5, 0.5), id="12 points in 5 dimensions"),
        pytest.param(random_points(12, 5, 4.0), id="large"),
        pytest.param(random_points(30, 20, 0.1), id="30 points in 20 dimensions"),
        pytest.param(random_points(5, 20, 0.1), id="5 points in 20 dimensions"),
    ],
)
def test_errors_of_all_estimates(points):
    share = coverage(*runs(points, key=2), long_run(points))
    assert_nominal(share)


def test_errors_shrink_with_the_root_of_the_number_of_samples():
    points = random_points(12, 5, 0.5)
    ratios = [
        runs(points, key=3, n_runs=200, n_samples=n)[1].mean(axis=0)
        / runs(points, key=4, n_runs=200, n_samples=4 * n)[1].mean(axis=0)
        for n in (300, 1000)
    ]
    np.testing.assert_allclose(ratios, 2, rtol=0.03)


# The public function, seed by seed; one thread, since the calls are short


def capacity(clouds, **options):
    options = {"n_samples": N_SAMPLES, "remove_center_correlations": False, "n_threads": 1, **options}
    return ng.manifold_capacity(clouds, **options)


def test_errors_of_a_call_over_seeds():
    points, truth = two_points(1.0)
    far = np.zeros_like(points)
    clouds = clouds_around_axes([points, far, points])
    results = [capacity(clouds, rng=seed) for seed in range(N_SEEDS)]
    share = coverage(
        [result.capacity for result in results],
        [result.capacity_se for result in results],
        [truth[0], 2.0, truth[0]],
    )
    assert_nominal(share)
    for name in ("radius", "dimension_prx"):
        share = coverage(
            [getattr(result, name)[::2] for result in results],
            [getattr(result, f"{name}_se")[::2] for result in results],
            truth[ESTIMATES.index(name)],
        )
        assert_nominal(share)
    harmonic = 3 / (2 / truth[0] + 0.5)
    share = coverage(
        [result.mean_capacity for result in results],
        [result.mean_capacity_se for result in results],
        harmonic,
    )
    assert_nominal(share)
    share = coverage(
        [result.mean_radius for result in results],
        [result.mean_radius_se for result in results],
        2 / 3 * truth[1],
    )
    assert_nominal(share)


def test_radius_is_not_biased_by_few_draws():
    # With the number of draws as divisor the mean square is low by 1/n: here 2 %, or 20 standard errors.
    points, truth = two_points(1.0)
    clouds = clouds_around_axes([points] * 80)
    squares = np.array([capacity(clouds, n_samples=50, rng=seed).radius ** 2 for seed in range(60)])
    error = squares.std(ddof=1) / math.sqrt(squares.size)
    assert error < 0.002 * truth[1] ** 2
    assert abs(squares.mean() - truth[1] ** 2) < 4 * error


@pytest.mark.parametrize("shared", [False, True])
def test_population_errors_with_draws_of_ones_own(shared):
    # One set of draws for all manifolds makes their estimates dependent; the error must know that.
    points, truth = two_points(1.0)
    clouds = clouds_around_axes([points] * 6)
    shape = (N_SAMPLES, clouds.shape[2] + 1)
    rng = np.random.default_rng(0)
    results = [
        capacity(clouds, gaussians=rng.standard_normal(shape if shared else (6, *shape)))
        for _ in range(N_SEEDS)
    ]
    share = coverage(
        [result.mean_capacity for result in results],
        [result.mean_capacity_se for result in results],
        truth[0],
    )
    assert_nominal(share)


def test_error_over_manifolds_covers_the_mean_of_their_law():
    # Radii drawn at random; with 40 manifolds the error's own spread widens the interval to t(39).
    rng = np.random.default_rng(5)
    radii = rng.uniform(0.2, 3.0, (300, 40))
    grid = np.linspace(0.2, 3.0, 20_001)
    truth = 1 / np.mean(0.5 + 2 / np.pi * np.arctan(grid))
    results = [
        capacity(clouds_around_axes([[[r], [-r]] for r in row]), n_samples=20, rng=seed)
        for seed, row in enumerate(radii)
    ]
    share = coverage(
        [result.mean_capacity for result in results],
        [result.mean_capacity_se_manifolds for result in results],
        truth,
    )
    assert abs(share - 0.94) < 4 * math.sqrt(0.95 * 0.05 / 300)


# Our own draws


def test_interior_fractions_and_capacities_are_independent_across_manifolds_and_seeds():
    # Correlations of 1000 runs have a standard error of 1/sqrt(1000).
    points, _ = two_points(1.0)
    values, _ = runs(points, key=5)
    same_key_next_stream = np.corrcoef(values[:-1, 0], values[1:, 0])[0, 1]
    other_key, _ = runs(points, key=6)
    same_stream_next_key = np.corrcoef(values[:, 0], other_key[:, 0])[0, 1]
    bound = 4 / math.sqrt(N_SEEDS)
    assert abs(same_key_next_stream) < bound
    assert abs(same_stream_next_key) < bound
