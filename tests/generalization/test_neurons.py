"""Subsets of neurons: the law of random projections, and what happens where it does not hold."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds


def mixed_classes(n_classes=3, n_points=150, n=240, seed=0):
    """Classes whose neurons are random mixtures of the same dimensions: subsets are random projections."""
    rng = np.random.default_rng(seed)
    spectrum = np.exp(-np.arange(n) / 12) ** 0.5
    mixing, _ = np.linalg.qr(rng.standard_normal((n, n)))
    centres = 0.35 * rng.standard_normal((n_classes, 1, n)) * spectrum
    return (centres + rng.standard_normal((n_classes, n_points, n)) * spectrum) @ mixing


def test_mixtures_follow_the_law():
    X = mixed_classes()
    found = ng.subsampled_dimension(X, [30, 60, 120], n_draws=12, rng=0)
    full = ng.fewshot_geometry(X, 1)
    # The dimension with all neurons, of which the law says what fewer leave.
    inverse = 1 / full.mean_dimension - 1 / 240
    np.testing.assert_allclose(1 / found.dimension, inverse + 1 / found.n_neurons, rtol=0.03)
    assert abs(found.slope - 1) < 4 * found.slope_se + 0.02
    assert abs(1 / found.dimension_limit - inverse) < 0.05 * inverse
    for k, m in enumerate((30, 60)):  # beyond, the error hardly changes
        target = found.error[k]
        needed = ng.n_neurons_needed(full, target)
        assert needed.n_neurons == pytest.approx(m, rel=0.15)


def test_all_neurons_are_the_data_themselves():
    X = gaussian_clouds(3, 12, 20, spread=0.8)
    found = ng.subsampled_dimension(X, [10, 20], n_shots=2, n_draws=3, rng=1)
    full = ng.fewshot_geometry(X, 2)
    assert found.dimension[1] == pytest.approx(full.mean_dimension, rel=1e-12)
    assert found.error[1] == pytest.approx(full.mean_error, rel=1e-12)
    assert found.error_se[1] == pytest.approx(0, abs=1e-15)


def test_more_draws_keep_the_first():
    X = gaussian_clouds(3, 12, 20, spread=0.8)
    first = [ng.subsampled_dimension(X, [5, 10], n_draws=n, rng=7, n_threads=1) for n in (2, 4)]
    again = ng.subsampled_dimension(X, [5, 10], n_draws=2, rng=7, n_threads=2)
    np.testing.assert_array_equal(first[0].dimension, again.dimension)
    assert (first[0].dimension != first[1].dimension).all()
    with pytest.warns(ng.ConvergenceWarning, match="n_draws is 1"):
        ng.subsampled_dimension(X, [5, 10], n_draws=1, rng=7)


def test_the_recorded_neurons_reach_their_own_error():
    geometry = ng.fewshot_geometry(mixed_classes(), 2)
    needed = ng.n_neurons_needed(geometry, geometry.mean_error)
    assert needed.n_neurons == pytest.approx(240, rel=1e-6)
    # A small change of the error, and of the number that has it.
    moved = ng.n_neurons_needed(geometry, geometry.mean_error * (1 + 1e-6))
    slope = (needed.n_neurons - moved.n_neurons) / (1e-6 * geometry.mean_error)
    assert needed.n_neurons_se == pytest.approx(slope * geometry.mean_error_se, rel=0.01)
    assert needed.error_limit < geometry.mean_error


def test_a_target_out_of_reach_is_flagged():
    geometry = ng.fewshot_geometry(mixed_classes(), 1)
    with pytest.warns(ng.ConvergenceWarning, match="no number of neurons like these") as caught:
        needed = ng.n_neurons_needed(geometry, 1e-9)
    assert caught[0].filename == __file__
    assert needed.status == 1
    assert np.isnan(needed.n_neurons)


def test_what_is_refused():
    X = gaussian_clouds(3, 12, 20, spread=0.8)
    for sizes in ([5], [5, 21], [5, 5]):
        with pytest.raises(ValueError, match="two or more different numbers up to 20"):
            ng.subsampled_dimension(X, sizes)
    with pytest.raises(TypeError, match="must be a FewshotGeometry, not list"):
        ng.n_neurons_needed([1], 0.1)
    with pytest.raises(ValueError, match="one number of shots"):
        ng.n_neurons_needed(ng.fewshot_geometry(X, [1, 2]), 0.1)
    with pytest.raises(ValueError, match=r"between 0 and 0\.5"):
        ng.n_neurons_needed(ng.fewshot_geometry(X, 1), 0.5)
