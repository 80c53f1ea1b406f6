"""The result of manifold_capacity: shapes, errors, population values, anchors and null."""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds

ESTIMATES = ("capacity", "radius", "dimension", "dimension_prx", "radius_uncentered")


def ragged_clouds():
    return [cloud[: 4 + 6 * m] for m, cloud in enumerate(gaussian_clouds(5, 30, 20, seed=3))]


def plain(clouds, **options):
    """Capacity with centre correlations left in, few samples."""
    options = {"n_samples": 100, "rng": 0, "remove_center_correlations": False, **options}
    return ng.manifold_capacity(clouds, **options)


def test_shapes_and_types_of_the_result():
    result = ng.manifold_capacity(ragged_clouds(), n_samples=50, rng=0, margin=0.2)
    assert result.n_manifolds == 5
    for name in (*ESTIMATES, *(f"{name}_se" for name in ESTIMATES)):
        values = getattr(result, name)
        assert values.shape == (5,), name
        assert values.dtype == np.float64, name
    for name in ("mean_capacity", "mean_radius", "mean_dimension"):
        for ending in ("", "_se", "_se_manifolds"):
            assert type(getattr(result, name + ending)) is float, name
    assert result.n_points.tolist() == [4, 10, 16, 22, 28]
    assert result.reduced_dimension.tolist() == [3, 9, 15, 20, 20]
    assert result.n_features == 20
    assert (result.margin, result.n_samples, type(result.rank_removed)) == (0.2, 50, int)
    assert result.null is result.squared_projections is result.anchor_weights is None
    assert (result.kkt_residual < 1e-10).all()
    assert ((result.interior_fraction >= 0) & (result.interior_fraction < 1)).all()


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_anchors_carry_all_estimates_and_their_errors(margin):
    clouds, n = ragged_clouds(), 300
    result = ng.manifold_capacity(
        clouds, n_samples=n, rng=0, margin=margin, keep_anchors=True, remove_center_correlations=False
    )
    assert result.squared_projections.shape == (5, n)
    overall = np.concatenate(clouds).mean(axis=0)
    for m, (cloud, weights) in enumerate(zip(clouds, result.anchor_weights, strict=True)):
        assert weights.shape == (n, len(cloud))
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
        center = cloud.mean(axis=0)
        norm = np.linalg.norm(center - overall)
        assert result.center_norm[m] == pytest.approx(norm, rel=1e-12)
        anchors = weights @ cloud
        expected = {
            "capacity": (result.squared_projections[m], lambda mean: 1 / mean, lambda mean: mean**-2),
            "radius": (
                (((anchors - anchors.mean(axis=0)) / norm) ** 2).sum(axis=1) * n / (n - 1),
                np.sqrt,
                half_inverse_root,
            ),
            "radius_uncentered": ((((anchors - center) / norm) ** 2).sum(axis=1), np.sqrt, half_inverse_root),
        }
        for name, (samples, function, slope) in expected.items():
            mean, error = samples.mean(), samples.std(ddof=1) / math.sqrt(n)
            assert getattr(result, name)[m] == pytest.approx(function(mean), rel=1e-9), name
            assert getattr(result, f"{name}_se")[m] == pytest.approx(slope(mean) * error, rel=1e-9), name


def half_inverse_root(mean):
    return 0.5 / math.sqrt(mean)


def test_population_values():
    result = plain(ragged_clouds())
    inverse, inverse_se = 1 / result.capacity, result.capacity_se / result.capacity**2
    assert result.mean_capacity == pytest.approx(1 / inverse.mean(), rel=1e-13)
    over_draws = math.sqrt((inverse_se**2).sum()) / 5 * result.mean_capacity**2
    assert result.mean_capacity_se == pytest.approx(over_draws, rel=1e-12)
    over_manifolds = inverse.std(ddof=1) / math.sqrt(5) * result.mean_capacity**2
    assert result.mean_capacity_se_manifolds == pytest.approx(over_manifolds, rel=1e-12)
    for name in ("radius", "dimension"):
        values, errors = getattr(result, name), getattr(result, f"{name}_se")
        assert getattr(result, f"mean_{name}") == pytest.approx(values.mean(), rel=1e-13)
        over_draws = math.sqrt((errors**2).sum()) / 5
        assert getattr(result, f"mean_{name}_se") == pytest.approx(over_draws, rel=1e-12)
        over_manifolds = values.std(ddof=1) / math.sqrt(5)
        assert getattr(result, f"mean_{name}_se_manifolds") == pytest.approx(over_manifolds, rel=1e-12)


def test_center_correlation_is_the_mean_absolute_cosine():
    clouds = ragged_clouds()
    centers = np.array([cloud.mean(axis=0) for cloud in clouds])
    centers -= centers.mean(axis=0)  # every manifold counts once, whatever its number of points
    cosines = [
        abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b) for i, a in enumerate(centers) for b in centers[:i]
    ]
    assert plain(clouds).center_correlation == pytest.approx(np.mean(cosines), rel=1e-12)


def test_null_of_clustered_data_has_less_capacity():
    clouds = [cloud[: 10 + m] for m, cloud in enumerate(gaussian_clouds(8, 20, 40))]
    options = {"n_samples": 100, "n_restarts": 2, "rng": 4}
    result = ng.manifold_capacity(clouds, null=5, **options)
    assert result.null.n_shuffles == 5
    for name in ("mean_capacity", "mean_radius", "mean_dimension", "center_correlation"):
        assert getattr(result.null, name).shape == (5,)
    assert (result.null.mean_capacity < 0.5 * result.mean_capacity).all()
    assert (result.null.mean_radius > 2 * result.mean_radius).all()
    assert len(set(result.null.mean_capacity)) == 5
    # The same for the same seed; the analysis proper does not depend on whether there is a null.
    for threads in (1, 2, 3):
        again = ng.manifold_capacity(clouds, null=5, n_threads=threads, **options)
        np.testing.assert_array_equal(again.null.mean_capacity, result.null.mean_capacity)
    np.testing.assert_array_equal(ng.manifold_capacity(clouds, **options).capacity, result.capacity)
    flat = np.concatenate(clouds)
    labelled = ng.manifolds(flat, np.repeat(np.arange(8), [len(cloud) for cloud in clouds]))
    np.testing.assert_allclose(
        ng.manifold_capacity(labelled, null=5, **options).null.mean_capacity,
        result.null.mean_capacity,
        rtol=1e-9,
    )


def test_progress_counts_manifolds_and_ends():
    calls = []
    clouds = gaussian_clouds(6, 5, 20)
    result = plain(clouds, null=2, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (18, 18)
    assert {total for _, total in calls} == {18}
    done = [count for count, _ in calls]
    assert done == sorted(done)
    np.testing.assert_array_equal(result.capacity, plain(clouds, null=2).capacity)
