"""Simulated capacity: its answers against counting, linear programming, closed forms and sampled points.

Random checks state a standard error and allow four of them; seeds are fixed.
"""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from helpers import cones
from helpers.clouds import gaussian_clouds
from helpers.same_bits import assert_same_bits
from neurogeom._base.isa import core
from neurogeom.capacity.simulated import critical_dimension
from scipy.optimize import linprog
from scipy.special import comb


def decide(points, signs, *, intercept=False):
    """1, 0 or -1 (undecided) for labelled points."""
    labels = np.array([signs], dtype=np.int8)
    first = list(range(len(points) + 1))
    return core.decide_separability(np.ascontiguousarray(points), first, 0, intercept, labels, 1)[0]


def largest_margin(points, signs, *, intercept=False):
    """Largest m with s.w >= m for all directions s of the signed points, |w_i| <= 1."""
    lifted = np.column_stack([points, np.ones(len(points))]) if intercept else points
    rows = cones.unit_rows(np.asarray(signs)[:, np.newaxis] * lifted)
    n = rows.shape[1]
    return -linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * n + [(None, 1)],
    ).fun


def cover_fraction(n_points, n_dims):
    """Share of labelings of points in general position that a plane through zero separates (Cover 1965)."""
    return float(sum(comb(n_points - 1, k, exact=True) for k in range(n_dims)) / 2 ** (n_points - 1))


def spheres(seed, n_manifolds, n_axes, n_features, radius):
    rng = np.random.default_rng(seed)
    centers = cones.unit_rows(rng.standard_normal((n_manifolds, n_features)))
    axes = [np.linalg.qr(rng.standard_normal((n_features, n_axes)))[0].T for _ in range(n_manifolds)]
    return centers, radius * np.array(axes)


# One decision


@pytest.mark.parametrize("seed", range(300))
def test_decisions_agree_with_linear_programming(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    m = int(rng.integers(2, 4 * n + 3))
    points = rng.standard_normal((m, n)) + rng.choice([0, 1]) * rng.standard_normal(n)
    if seed % 3 == 0:
        points = np.round(2 * points)  # ties, zero points, points in special position
    if seed % 5 == 0:
        points[-1] = points[0]
    signs = rng.choice([-1, 1], size=m)
    for intercept in (False, True):
        expected = largest_margin(points, signs, intercept=intercept) > 1e-9
        assert decide(points, signs, intercept=intercept) == int(expected)


@pytest.mark.parametrize("seed", range(40))
def test_decisions_near_the_threshold(seed):
    """As many points as make separable and inseparable labelings equally frequent."""
    rng = np.random.default_rng(seed)
    n = 25
    points, signs = rng.standard_normal((2 * n, n)), rng.choice([-1, 1], size=2 * n)
    margin = largest_margin(points, signs)
    assert decide(points, signs) == int(margin > 1e-9)


@pytest.mark.parametrize("margin", [1e-2, 1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("seed", range(5))
def test_small_margins_are_seen(margin, seed):
    rng = np.random.default_rng(seed)
    flat = rng.standard_normal((30, 6))
    flat -= flat.mean(axis=0)
    turn = np.linalg.qr(rng.standard_normal((7, 7)))[0]
    signs = rng.choice([-1, 1], size=30)
    for height, expected in ((margin, 1), (0.0, 0)):
        points = signs[:, np.newaxis] * np.column_stack([flat, np.full(30, height)])
        assert decide(points @ turn, signs) == expected


def test_what_cannot_be_told_is_not_guessed():
    """Whatever the overlap, no answer is wrong."""
    rng = np.random.default_rng(0)
    for overlap in 10.0 ** -np.arange(1, 16):
        flat = rng.standard_normal((30, 6))
        flat -= flat.mean(axis=0)
        height = np.full(30, overlap)
        height[0] *= -29  # the mean is zero: inseparable, as nearly as it may be
        points = np.column_stack([flat, height])
        assert decide(points, np.ones(30)) in (0, -1)


# Capacity


def test_points_follow_covers_count():
    P, n_trials = 30, 2000
    points = np.random.default_rng(0).standard_normal((P, 1, 50))
    result = ng.simulated_capacity(points, dichotomies="iid", center=False, n_trials=n_trials, rng=1)
    expected = np.array([cover_fraction(P, n) for n in result.dimensions])
    se = np.sqrt(expected * (1 - expected) / n_trials) + 1e-9
    assert (np.abs(result.fraction_separable - expected) <= 4 * se).all()
    assert len(result.dimensions) == P  # as many as the points span
    assert result.status == result.n_undecided == 0
    assert abs(result.critical_dimension - P / 2) <= 4 * result.critical_dimension_se
    assert abs(result.capacity - 2) <= 4 * result.capacity_se


def test_points_with_an_intercept_follow_covers_count():
    """An offset is one more dimension: P points in n dimensions lie in n + 1."""
    P, n_trials = 30, 2000
    points = np.random.default_rng(0).standard_normal((P, 1, 50))
    result = ng.simulated_capacity(points, dichotomies="iid", fit_intercept=True, n_trials=n_trials, rng=1)
    assert result.fit_intercept
    expected = np.array([cover_fraction(P, n + 1) for n in result.dimensions])
    se = np.sqrt(expected * (1 - expected) / n_trials) + 1e-9
    assert (np.abs(result.fraction_separable - expected) <= 4 * se).all()


def test_fields_fit_each_other():
    result = ng.simulated_capacity(gaussian_clouds(12, 6, 60), n_trials=40, rng=0)
    n = np.arange(1, 61)
    np.testing.assert_array_equal(result.dimensions, n)
    np.testing.assert_array_equal(
        result.fraction_separable, [(result.thresholds <= k).mean() for k in result.dimensions]
    )
    above = int(np.argmax(result.fraction_separable >= 0.5))
    low, high = result.fraction_separable[above - 1 : above + 1]
    assert result.critical_dimension == pytest.approx(n[above - 1] + (0.5 - low) / (high - low))
    assert result.capacity == pytest.approx(12 / result.critical_dimension)
    assert result.capacity_se == pytest.approx(
        12 / result.critical_dimension**2 * result.critical_dimension_se
    )
    assert (result.n_trials, result.n_manifolds, result.n_features) == (40, 12, 60)
    assert (result.dichotomies.sum(axis=1) == 0).all()
    assert repr(result).startswith("SimulatedCapacity(n_manifolds=12, capacity=")


def test_standard_error_covers():
    """Thresholds from a known law: the interval of two standard errors holds the truth 95 % of the time.

    Of 2000 repetitions with coverage 0.95 the standard error is 0.005; discreteness may add two percent.
    """
    rng = np.random.default_rng(0)
    n = np.arange(1, 61)
    for width in (1.0, 3.0, 8.0):
        truth = 1 / (1 + np.exp(-(n - 30.3) / width))
        exact, _ = critical_dimension(truth, 100)
        covered, errors, estimates = 0, [], []
        for _ in range(2000):
            draws = np.searchsorted(truth, rng.random(100)) + 1
            fraction = (draws[:, np.newaxis] <= n).mean(axis=0)
            estimate, se = critical_dimension(fraction, 100)
            covered += abs(estimate - exact) <= 1.96 * se
            errors.append(se)
            estimates.append(estimate)
        assert 0.91 <= covered / 2000 <= 0.985
        assert np.std(estimates) == pytest.approx(np.mean(errors), rel=0.15)


def test_standard_error_of_a_real_run():
    """Over 60 seeds the spread of estimates is the stated error (the spread is known to 9 %; 4 of them)."""
    clouds = gaussian_clouds(16, 2, 60)
    runs = [ng.simulated_capacity(clouds, n_trials=50, rng=seed) for seed in range(60)]
    spread = np.std([r.capacity for r in runs], ddof=1)
    assert spread == pytest.approx(np.mean([r.capacity_se for r in runs]), rel=0.36)


def test_spheres_have_their_closed_form():
    """Independent spheres, with the finite-size difference of order 1/P allowed on top of four errors."""
    P, K, radius = 40, 3, 0.8
    centers, axes = spheres(0, P, K, 400, radius)
    result = ng.simulated_ellipsoid_capacity(centers, axes, dichotomies="iid", center=False, rng=0)
    assert result.n_undecided == 0
    theory = ng.ball_capacity(radius, K)
    assert abs(result.capacity - theory) <= 4 * result.capacity_se + theory / P


def test_dense_samples_approach_the_ellipsoids():
    """Sampled points are easier; on circles 200 of them are as good as all (0.01 % of the radius)."""
    P, radius = 16, 1.0
    centers, axes = spheres(1, P, 2, 60, radius)
    angle = 2 * np.pi * np.arange(200) / 200
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    clouds = centers[:, np.newaxis] + circle @ axes
    options = {"n_trials": 200, "center": False}
    labels = ng.simulated_capacity(centers[:, np.newaxis], rng=5, **options).dichotomies
    exact = ng.simulated_ellipsoid_capacity(centers, axes, dichotomies=labels, rng=3, **options)
    sampled = ng.simulated_capacity(clouds, dichotomies=labels, rng=4, **options)
    assert abs(exact.capacity - sampled.capacity) <= 4 * math.hypot(exact.capacity_se, sampled.capacity_se)
    few = ng.simulated_capacity(clouds[:, ::100], dichotomies=labels, rng=4, **options)
    assert few.capacity > exact.capacity + 4 * exact.capacity_se


def test_ellipsoids_in_one_trial_are_harder_than_their_points():
    """Same key, same space: each trial of points on the ellipsoids needs at most as many dimensions."""
    rng = np.random.default_rng(2)
    centers, axes = rng.standard_normal((10, 20)), 0.5 * rng.standard_normal((10, 3, 20))
    labels = np.where(rng.random((30, 10)) < 0.5, -1, 1).astype(np.int8)
    u = cones.unit_rows(rng.standard_normal((40, 3)))
    clouds = (centers[:, np.newaxis] + u @ axes).reshape(400, 20)
    vectors = np.concatenate([centers, axes.reshape(30, 20)])
    whole, _ = core.separability_thresholds(vectors, list(range(11)), 3, False, labels, 9, 1, None)
    points, _ = core.separability_thresholds(clouds, list(range(0, 401, 40)), 0, False, labels, 9, 1, None)
    assert (points <= whole).all()
    assert (points < whole).any()


# Invariances


def test_same_bits_for_any_number_of_threads():
    clouds = gaussian_clouds(12, 6, 60)
    first = ng.simulated_capacity(clouds, n_trials=30, rng=0, n_threads=1)
    for n_threads in (2, 3, 8):
        again = ng.simulated_capacity(clouds, n_trials=30, rng=0, n_threads=n_threads)
        assert_same_bits(first.to_dict(), again.to_dict())
    centers, axes = spheres(0, 8, 2, 30, 0.7)
    one, two = (
        ng.simulated_ellipsoid_capacity(centers, axes, n_trials=20, rng=0, n_threads=n) for n in (1, 2)
    )
    assert_same_bits(one.to_dict(), two.to_dict())


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_rotation_scale_and_translation(fit_intercept):
    """The same trials, since coordinates are those of the inner products, not of the axes given."""
    clouds = gaussian_clouds(12, 6, 100)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((100, 100)))[0]
    options = {"n_trials": 30, "rng": 0, "fit_intercept": fit_intercept}
    first = ng.simulated_capacity(clouds, **options)
    for other in (clouds @ turn, 1e-100 * clouds, 3.7e90 * clouds, clouds + 10):
        np.testing.assert_array_equal(first.thresholds, ng.simulated_capacity(other, **options).thresholds)


def test_translation_matters_without_centring():
    clouds = gaussian_clouds(12, 6, 60)
    options = {"n_trials": 30, "rng": 0, "center": False}
    near, far = (ng.simulated_capacity(x, **options) for x in (clouds, clouds + 5))
    assert (near.thresholds != far.thresholds).any()


def test_duplicates_and_inner_points_change_nothing():
    clouds = gaussian_clouds(12, 6, 30)
    options = {"n_trials": 30, "rng": 0, "center": False}
    first = ng.simulated_capacity(clouds, **options)
    weights = np.random.default_rng(0).dirichlet(np.ones(6), size=4)
    more = np.concatenate([clouds, clouds[:, :2], weights @ clouds], axis=1)
    again = ng.simulated_capacity(more, **options)
    assert abs(first.capacity - again.capacity) <= 4 * math.hypot(first.capacity_se, again.capacity_se)
    # in the same random directions no trial changes
    labels = first.dichotomies
    rows = [np.ascontiguousarray(x.reshape(-1, 30)) for x in (clouds, more)]
    found = [
        core.separability_thresholds(
            r, list(range(0, len(r) + 1, len(r) // 12)), 0, False, labels, 3, 1, None
        )[0]
        for r in rows
    ]
    np.testing.assert_array_equal(*found)


def test_more_features_than_points_are_reduced_in_blocks():
    """Feature blocks of any width give one answer; memory maps and labels too."""
    clouds = gaussian_clouds(6, 3, 5000)
    options = {"n_trials": 20, "rng": 0}
    first = ng.simulated_capacity(clouds, **options)
    assert len(first.dimensions) == 17
    assert first.n_features == 5000
    grouped = ng.manifolds(clouds.reshape(18, 5000), np.repeat(np.arange(6), 3))
    assert_same_bits(first.to_dict(), ng.simulated_capacity(grouped, **options).to_dict())
    small = np.linalg.qr(clouds.reshape(18, 5000).T, mode="r").T.reshape(6, 3, 18)
    again = ng.simulated_capacity(small, **options)
    np.testing.assert_array_equal(first.thresholds, again.thresholds)


def test_labels_and_projections_have_streams_of_their_own():
    clouds = gaussian_clouds(12, 6, 60)
    drawn = ng.simulated_capacity(clouds, n_trials=20, rng=0)
    given = ng.simulated_capacity(clouds, n_trials=20, rng=0, dichotomies=drawn.dichotomies)
    assert_same_bits(drawn.to_dict(), given.to_dict())
    flipped = ng.simulated_capacity(clouds, n_trials=20, rng=0, dichotomies=-drawn.dichotomies)
    np.testing.assert_array_equal(drawn.thresholds, flipped.thresholds)
