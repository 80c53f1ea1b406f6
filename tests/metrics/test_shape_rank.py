"""CCA finds one rank: also where units have means, and in fits and on held-out stimuli."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear, shapes
from neurogeom.metrics import _factors

approx = pytest.approx


def one_dimension(n_stimuli=40, n_units=41):
    """Units that all follow one signal, some of them weakly, and have means of order 1."""
    rng = np.random.default_rng(0)
    gains = np.logspace(-4, 0, n_units) * rng.choice([-1.0, 1.0], n_units)
    signal = rng.normal(size=(n_stimuli, 1))
    return signal * gains + rng.normal(size=n_units), signal


def test_rounding_of_means_is_no_dimension():
    """A weak unit's rounding errors are eps * mean; as a share of its own spread they are large."""
    x, signal = one_dimension()
    assert np.linalg.matrix_rank(linear.centered(x)) == 1
    assert ng.cca(x, signal) < 1e-8
    y = signal + np.random.default_rng(1).normal(size=signal.shape)
    assert ng.cca(x, y) == approx(ng.cca(signal, y), rel=1e-8)
    assert ng.CCA().align(x, y)[0].shape == (40, 1)


def test_rank_tolerance_is_that_of_singular_values():
    """Directions of relative size 1e-6 count by default, and not with a tolerance above it."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    noisy = np.column_stack(
        [linear.spanning(linear.centered(x)), 1e-6 * linear.spanning(rng.normal(size=(30, 2)))]
    )
    for tolerance, kept in ((None, 5), (1e-8, 5), (1e-4, 3)):
        metric = ng.CCA(rank_tolerance=tolerance)
        expected = approx(shapes.distance(noisy[:, :kept], y, 0.0), rel=1e-9 if kept == 5 else 1e-5)
        assert ng.ShapeMetric(1e-12, rank_tolerance=tolerance).distance(noisy, y) == expected
        result = ng.pairwise([noisy, y], metric, test=[noisy, y])
        assert result.held_out[0, 1] == expected
        assert result.values[0, 1] == expected


@pytest.mark.filterwarnings("ignore:.*as many independent units")
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 0, 2, 1]])
def test_weak_units_count_in_fits_and_held_out_too(order):
    """Training distances brought units to one scale; fits and held-out data lost those weak by 1e-14."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 6))
    y[:, :3] += x[:, 1:]
    weak = x * np.logspace(-8, 8, 4)[order]
    metric = ng.CCA(score="angular")
    known = ng.pairwise([x[:30], y[:30]], metric, test=[x[30:], y[30:]])
    found = ng.pairwise([weak[:30], y[:30]], metric, test=[weak[30:], y[30:]])
    assert found.values[0, 1] == approx(shapes.distance(x[:30], y[:30], 0.0), rel=1e-10)
    assert found.held_out[0, 1] == approx(known.held_out[0, 1], rel=1e-10)
    a, b = metric.transform(metric.fit(weak[:30], y[:30]), weak[30:], y[30:])
    assert np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) == approx(
        np.cos(known.held_out[0, 1]), rel=1e-10
    )
    # The shortest map where there are more units than stimuli, some of them weak: as in exact arithmetic.
    wide = rng.normal(size=(50, 40)) * np.logspace(-3, 3, 40)
    whole = ng.pairwise([wide[:30], y[:30]], metric, test=[wide[30:], y[30:]])
    centered = linear.centered(wide[:30])
    basis, other = linear.spanning(centered), linear.spanning(linear.centered(y[:30]))
    new = [wide[30:] - wide[:30].mean(axis=0), y[30:] - y[:30].mean(axis=0)]
    maps = [np.linalg.pinv(centered, rcond=1e-13) @ basis, np.linalg.pinv(linear.centered(y[:30])) @ other]
    u, _, vt = np.linalg.svd(basis.T @ other, full_matrices=False)
    inner = np.vdot(new[0] @ maps[0] @ u, new[1] @ maps[1] @ vt.T)
    norms = [np.linalg.norm(side @ white) for side, white in zip(new, maps, strict=True)]
    assert whole.held_out[0, 1] == approx(np.arccos(inner / norms[0] / norms[1]), rel=1e-8)


@pytest.mark.parametrize("decades", [0, 6, 14])
def test_condition_of_a_triangle(decades):
    """LAPACK's estimate is never below 1 / (|U| |U^-1|) in the 1-norm, and rarely three times as large."""
    rng = np.random.default_rng(decades)
    upper = np.triu(rng.normal(size=(30, 30)), 1) / 30 + np.diag(np.logspace(0, -decades, 30))
    exact = 1 / np.linalg.cond(upper, 1)
    for triangle in (upper, np.asfortranarray(upper)):
        assert exact * (1 - 1e-2) <= _factors._reciprocal_condition(triangle) <= 3 * exact
    assert _factors._reciprocal_condition(np.diag([1.0, 0.0])) == 0
