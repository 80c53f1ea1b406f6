"""Simulated capacity: what it accepts, what it refuses and how it says so, and when it has no answer."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from helpers.same_bits import assert_same_bits


def simulate(clouds, **options):
    return ng.simulated_capacity(clouds, **{"n_trials": 12, "rng": 0, **options})


def simulate_ellipsoids(centers, axes, **options):
    return ng.simulated_ellipsoid_capacity(centers, axes, **{"n_trials": 12, "rng": 0, **options})


def ellipsoids(n_manifolds=6, n_axes=2, n_features=20, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n_manifolds, n_axes, n_features)
    return rng.standard_normal(shape[::2]), 0.5 * rng.standard_normal(shape)


# What it accepts


def test_layouts_of_ellipsoids():
    centers, axes = ellipsoids()
    first = simulate_ellipsoids(centers, axes)
    axes.flags.writeable = False
    assert_same_bits(simulate_ellipsoids(np.asfortranarray(centers), np.asfortranarray(axes)), first)
    assert_same_bits(simulate_ellipsoids(centers.tolist(), axes.tolist()), first)


def test_labels_in_every_form():
    clouds = gaussian_clouds(6, 4, spread=0.5)
    for rule in ("iid", "balanced", "one_vs_rest", "first_vs_rest", ng.sparse_dichotomies(2)):
        assert simulate(clouds, dichotomies=rule).dichotomies.shape == (12, 6)
    given = np.tile([1, -1, 1, -1, 1, -1], (12, 1))
    result = simulate(clouds, dichotomies=given.astype(float))
    np.testing.assert_array_equal(result.dichotomies, given)
    given[:] = 0
    assert (result.dichotomies != 0).all()


def test_points_of_very_different_lengths():
    """Without an intercept the length of a point plays no part, and any range of them works."""
    clouds = gaussian_clouds(6, 1, 8)
    scaled = clouds * 2.0 ** np.array([-400, 0, 300, -30, 55, 7]).reshape(6, 1, 1)
    first, second = (simulate(x, center=False) for x in (clouds, scaled))
    np.testing.assert_array_equal(first.thresholds, second.thresholds)


@pytest.mark.parametrize("scale", [1e-130, 1e130])
def test_extreme_scales(scale):
    clouds = gaussian_clouds(6, 4, spread=0.5)
    np.testing.assert_array_equal(simulate(clouds).thresholds, simulate(scale * clouds).thresholds)
    centers, axes = ellipsoids()
    first, second = (simulate_ellipsoids(s * centers, s * axes) for s in (1.0, scale))
    np.testing.assert_array_equal(first.thresholds, second.thresholds)


def test_exceptions_of_progress_come_through():
    class EnoughError(Exception):
        pass

    def stop(done, total):
        raise EnoughError

    with pytest.raises(EnoughError):
        simulate(gaussian_clouds(40, 60, 300), n_trials=200, progress=stop)


# What it refuses


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    centers, axes = ellipsoids()
    axes[1, 0, 4] = value
    with pytest.raises(ValueError, match=r"axes\[1, 0, 4\] is (nan|-?inf)"):
        simulate_ellipsoids(centers, axes)
    with pytest.raises(ValueError, match=r"centers\[1, 0\] is (nan|-?inf)"):
        simulate_ellipsoids([[0.0], [value]], np.ones((2, 1, 1)))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_trials": 0}, ValueError, "n_trials must be at least 1"),
        ({"dichotomies": np.ones((12, 5))}, ValueError, r"shape \(n_samples, n_manifolds\) = \(12, 6\)"),
        ({"rng": "seed"}, TypeError, "rng"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"progress": 1}, TypeError, "progress"),
    ],
)
def test_bad_options_of_ellipsoids(options, error, text):
    with pytest.raises(error, match=text):
        simulate_ellipsoids(*ellipsoids(), **options)


ELLIPSOIDS = [
    ([1.0, 2.0], np.ones((2, 1, 1)), ValueError, "centers must be two-dimensional"),
    (np.ones((2, 3)), np.ones((2, 3)), ValueError, r"axes must have shape .* = \(2, >= 1, 3\)"),
    (np.ones((2, 3)), np.ones((3, 1, 3)), ValueError, "axes must have shape"),
    (np.ones((2, 3)), np.ones((2, 1, 4)), ValueError, "axes must have shape"),
    (np.ones((2, 3)), np.ones((2, 0, 3)), ValueError, "axes must have shape"),
    (np.ones((1, 3)), np.ones((1, 1, 3)), ValueError, "at least two manifolds"),
    (np.ones((2, 3)), np.zeros((2, 1, 3)), ValueError, "no extent"),
    (np.ones((2, 3)), np.ones((2, 1, 3), dtype=complex), TypeError, "axes must hold real numbers"),
    (np.ones((2, 3)), np.ones((2, 1, 3), dtype=object), TypeError, "axes must hold real numbers"),
    (np.ones((2, 3)), np.full((2, 1, 3), 1e180), ValueError, "rescale the data"),
]


@pytest.mark.parametrize(("centers", "axes", "error", "text"), ELLIPSOIDS)
def test_bad_ellipsoids(centers, axes, error, text):
    with pytest.raises(error, match=text):
        simulate_ellipsoids(centers, axes)


# When there is no answer


def assert_nothing(result, status):
    assert result.status == status
    for name in ("capacity", "capacity_se", "critical_dimension", "critical_dimension_se"):
        assert np.isnan(getattr(result, name))


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_points_with_both_labels_are_never_separable(fit_intercept):
    clouds = gaussian_clouds(6, 4, spread=0.5)
    clouds[:, 0] = clouds[0, 0]  # all manifolds meet
    with pytest.warns(
        ng.ConvergenceWarning, match=r"not separable in any dimension up to 20; .* \(status 2\)"
    ):
        result = simulate(clouds, fit_intercept=fit_intercept)
    assert_nothing(result, 2)
    assert np.isinf(result.thresholds).all()
    assert not result.fraction_separable.any()


def test_a_zero_point_needs_an_intercept():
    clouds = gaussian_clouds(6, 4, spread=0.5)
    clouds[0, 0] = 0
    with pytest.warns(ng.ConvergenceWarning, match="status 2"):
        assert_nothing(simulate(clouds, center=False), 2)
    assert simulate(clouds, center=False, fit_intercept=True).status == 0


def test_one_unit():
    """In one dimension about zero two manifolds are separable or not; there is nothing to interpolate."""
    apart = np.array([[[-1.0], [-1.1]], [[1.2], [1.0]]])
    with pytest.warns(ng.ConvergenceWarning, match=r"in one dimension; .* at least 2, is NaN \(status 3\)"):
        assert_nothing(simulate(apart), 3)
    with pytest.warns(ng.ConvergenceWarning, match="up to 1"):
        assert_nothing(simulate(-apart * [[[1], [-1]]], dichotomies=np.ones((12, 2))), 2)


def test_two_single_points():
    with pytest.warns(ng.ConvergenceWarning, match="status 3"):
        result = simulate(gaussian_clouds(2, 1, 5))
    np.testing.assert_array_equal(result.dimensions, [1])


def test_undecided_trials_are_left_out_or_leave_no_answer(monkeypatch):
    from neurogeom.capacity import simulated

    class Core:
        def __init__(self, n_failed):
            self.n_failed = n_failed

        def separability_thresholds(self, *arguments):
            found = np.repeat([3.0, 4.0, 5.0, 6.0], 10)
            found[: self.n_failed] = np.nan
            return found, np.isnan(found)

    monkeypatch.setattr(simulated, "core", Core(2))
    with pytest.warns(ng.ConvergenceWarning, match="2 of 40 trials could not be decided; they are left out"):
        result = simulate(gaussian_clouds(6, 4, spread=0.5), n_trials=40)
    assert (result.status, result.n_undecided) == (0, 2)
    assert result.fraction_separable[2] == 8 / 38
    monkeypatch.setattr(simulated, "core", Core(3))
    with pytest.warns(ng.ConvergenceWarning, match=r"too many for an estimate; capacity is NaN \(status 1\)"):
        assert_nothing(simulate(gaussian_clouds(6, 4, spread=0.5), n_trials=40), 1)


def test_undecided_trials_of_ellipsoids_are_inseparable(monkeypatch):
    """They keep the threshold of the search that took them so."""
    from neurogeom.capacity import simulated

    class Core:
        def separability_thresholds(self, *arguments):
            return np.repeat([3.0, 4.0, 5.0, 6.0], 10), np.arange(40) < 2

    monkeypatch.setattr(simulated, "core", Core())
    rng = np.random.default_rng(0)
    with pytest.warns(
        ng.ConvergenceWarning, match="2 of 40 trials could not be decided; they count as insep"
    ):
        result = ng.simulated_ellipsoid_capacity(
            rng.normal(size=(6, 8)), rng.normal(size=(6, 2, 8)), n_trials=40, center=False
        )
    assert (result.status, result.n_undecided) == (0, 2)
    assert result.fraction_separable[2] == 10 / 40


def test_no_warning_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(gaussian_clouds(6, 4, spread=0.5))
        simulate_ellipsoids(*ellipsoids())
