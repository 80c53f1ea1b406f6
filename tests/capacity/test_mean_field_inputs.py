"""manifold_capacity: what it accepts, what it refuses and how it says so, and what it returns."""

from __future__ import annotations

import copy

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds

ESTIMATES = ("capacity", "radius", "dimension", "dimension_prx", "radius_uncentered")


def analyse(clouds, **options):
    return ng.manifold_capacity(clouds, **{"n_samples": 60, "rng": 0, **options})


def assert_same(first, second, rtol=1e-12):
    for name in (*ESTIMATES, "capacity_se", "center_correlation", "center_norm"):
        expected, got = getattr(first, name), getattr(second, name)
        np.testing.assert_allclose(got, expected, rtol=rtol, err_msg=name)


# What it accepts


def test_draws_as_nested_lists():
    clouds, draws = gaussian_clouds(), np.random.default_rng(0).standard_normal((5, 60, 21))
    assert_same(analyse(clouds, gaussians=draws), analyse(clouds, gaussians=draws.tolist()))
    assert_same(analyse(clouds, gaussians=draws[0]), analyse(clouds, gaussians=draws[0].tolist()))


def test_inputs_are_never_written_to():
    clouds, draws = gaussian_clouds(), np.random.default_rng(0).standard_normal((5, 60, 21))
    kept, kept_draws = clouds.copy(), draws.copy()
    generator = np.random.default_rng(3)
    state = copy.deepcopy(generator.bit_generator.state)
    analyse(clouds, gaussians=draws, null=2, keep_anchors=True, margin=0.2, rng=generator)
    np.testing.assert_array_equal(clouds, kept)
    np.testing.assert_array_equal(draws, kept_draws)
    assert generator.bit_generator.state != state


def test_few_points_features_and_manifolds():
    clouds = gaussian_clouds()
    points = analyse(clouds[:, :1], n_samples=4000)
    assert (np.abs(points.capacity - 2) < 4 * points.capacity_se).all()
    np.testing.assert_array_equal(points.radius, 0)
    np.testing.assert_array_equal(points.dimension, 0)
    draws = np.random.default_rng(0).standard_normal((60, 2))
    line = analyse(clouds[:, :, :1], gaussians=draws)
    np.testing.assert_array_equal(line.reduced_dimension, 1)
    np.testing.assert_allclose(line.dimension, 1, rtol=1e-12)
    # Only the ends matter, as long as the mean of all points, the centre, stays where it is.
    ends = np.sort(clouds[:, :, 0], axis=1)
    ends[:, 1:-1] = ends[:, 1:-1].mean(axis=1, keepdims=True)
    assert_same(line, analyse(ends[:, :, None], gaussians=draws), rtol=1e-9)
    for n_manifolds in (2, 3):
        few = analyse(clouds[:n_manifolds])
        assert np.isfinite(few.capacity).all()
        assert few.rank_removed in (0, 1)
    mixed = analyse([clouds[0][:1], clouds[1], clouds[2][:2]])
    assert mixed.n_points.tolist() == [1, 8, 2]
    assert mixed.reduced_dimension.tolist() == [0, 7, 1]
    assert mixed.radius[0] == 0 < mixed.radius[1]


def test_one_sample_has_no_error():
    with pytest.warns(ng.ConvergenceWarning, match="n_samples is 1, which leaves neither radii nor"):
        result = analyse(gaussian_clouds(), n_samples=1, keep_anchors=True, rng=3)
    assert (result.interior_fraction == 0).all()
    np.testing.assert_allclose(result.capacity * result.squared_projections[:, 0], 1)
    assert np.isfinite(result.dimension).all()
    for name in (*ESTIMATES, "mean_capacity", "mean_radius", "mean_dimension"):
        assert np.isnan(getattr(result, f"{name}_se")).all(), name


# Data without a unit or without centres


def assert_no_result(result, which):
    for name in (*ESTIMATES, *(f"{name}_se" for name in ESTIMATES), "kkt_residual"):
        values = getattr(result, name)
        assert np.isnan(values[which]).all(), name
        others = np.delete(values, np.arange(len(values))[which])
        assert np.isfinite(others).all(), name
    assert (result.status[which] == 2).all()
    assert (np.delete(result.status, np.arange(len(result.status))[which]) == 0).all()


def with_zero_center(n_features=20, size=1.0):
    """Five manifolds; the mean of the fourth is that of all."""
    clouds = gaussian_clouds(n_features=n_features)
    rest = np.delete(clouds, 3, axis=0).mean(axis=(0, 1))
    clouds[3] = rest + size * (clouds[3] - clouds[3].mean(axis=0))
    return clouds


@pytest.mark.parametrize("remove", [True, False])
@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_a_zero_center_is_named_and_gives_nan(size, remove):
    # The larger the cloud, the further its computed mean from the true one.
    clouds = with_zero_center(size=size)
    with pytest.warns(ng.ConvergenceWarning, match="manifold 3: .*centre.*zero") as caught:
        result = analyse(clouds, remove_center_correlations=remove)
    assert caught[0].filename == __file__
    assert len(caught) == 1
    assert_no_result(result, [3])
    assert np.isnan(result.mean_capacity)
    names = np.repeat(["ant", "bee", "cat", "dog", "emu"], 8)
    with pytest.warns(ng.ConvergenceWarning, match="manifold dog: .*zero"):
        analyse(ng.manifolds(clouds.reshape(-1, 20), names), remove_center_correlations=remove)


def test_center_correlation_beside_a_zero_center_is_no_rounding_noise():
    clouds = with_zero_center()
    rng = np.random.default_rng(0)
    rotations = [np.linalg.qr(rng.standard_normal((20, 20)))[0] for _ in range(3)]
    with pytest.warns(ng.ConvergenceWarning, match="manifold 3"):
        values = [analyse(clouds @ rotation).center_correlation for rotation in rotations]
    np.testing.assert_allclose(values, values[0], rtol=1e-9)  # NaN would do as well


@pytest.mark.parametrize("remove", [True, False])
@pytest.mark.parametrize("n_manifolds", [2, 3, 7])
def test_identical_manifolds_give_nan(n_manifolds, remove):
    clouds = [3.3 + gaussian_clouds()[0]] * n_manifolds
    with pytest.warns(ng.ConvergenceWarning, match="manifold 0, 1"):
        result = analyse(clouds, remove_center_correlations=remove)
    assert_no_result(result, slice(None))
    assert np.isnan(result.mean_capacity)
    assert np.isnan(result.center_correlation)
    assert result.rank_removed == 0


@pytest.mark.parametrize("remove", [True, False])
def test_manifolds_centred_one_by_one_give_nan(remove):
    # As after z-scoring within each class: all centres are zero up to rounding, the points are not.
    clouds = gaussian_clouds()
    clouds -= clouds.mean(axis=1, keepdims=True)
    assert np.abs(clouds.mean(axis=1)).max() < 1e-15
    with pytest.warns(ng.ConvergenceWarning, match="manifold 0, 1, 2, 3, 4: "):
        result = analyse(clouds, remove_center_correlations=remove)
    assert_no_result(result, slice(None))


@pytest.mark.parametrize("scale", [1e200, 1e300])
def test_values_whose_squares_are_out_of_range_around_a_small_mean(scale):
    clouds = list(gaussian_clouds())
    clouds[2] = np.concatenate([clouds[2], -clouds[2]]) * scale
    with pytest.raises(ValueError, match=r"manifolds.*rescale"):
        analyse(clouds)


# What it refuses


def test_bad_restarts_and_draws():
    with pytest.raises(ValueError, match="n_restarts must be at least 1, not 0"):
        analyse(gaussian_clouds(), n_restarts=0)
    with pytest.raises(ValueError, match="gaussians holds 4 arrays for 5 manifolds"):
        analyse(gaussian_clouds(), gaussians=[np.zeros((60, 21))] * 4)
    with pytest.raises(ValueError, match=r"gaussians\[0, 0\] is nan"):
        analyse(gaussian_clouds(), gaussians=np.full((60, 21), np.nan))
