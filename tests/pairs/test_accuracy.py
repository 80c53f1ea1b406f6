"""Nuclear norms without singular values: accuracy against LAPACK's SVD, and the estimate that guards it."""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.isa import core
from neurogeom.metrics._factors import BasisPart, FactorPart
from neurogeom.representations.blocks import UnitBlocks

EPS = np.finfo(float).eps


def gaussian(m, n, rng):
    return rng.normal(size=(m, n))


def deficient(m, n, rng):
    rank = max(1, n // 2)
    return rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n))


def nearly_deficient(m, n, rng):
    return deficient(m, n, rng) + 1e-7 * rng.normal(size=(m, n))


def power_law(m, n, rng):
    return rng.normal(size=(m, n)) * np.arange(1, n + 1) ** -1.5


def rectified(m, n, rng):
    latent = rng.normal(size=(m, 20)) / np.sqrt(np.arange(1, 21))
    return np.maximum(latent @ rng.normal(size=(20, n)), 0) + 1e-3 * rng.normal(size=(m, n))


KINDS = (gaussian, deficient, nearly_deficient, power_law, rectified)


def measured(items, part):
    """Nuclear norms, their error estimates, singular values by LAPACK and orders, of all pairs."""
    factors = [part.prepare(UnitBlocks(item, "item")).matrix for item in items]
    where = np.triu(np.ones((len(items), len(items)), dtype=bool), 1)
    ones = [np.zeros(0)] * len(items)
    (values,) = core.core_quantities(factors, factors, True, True, where, [(True, ones, ones)], 2, None)
    singular = [np.linalg.svd(factors[i].T @ factors[j], compute_uv=False) for i, j in np.argwhere(where)]
    return values[0][where], values[2][where], singular


def by_singular_values(estimates, singular):
    """Which norms were computed by an SVD: then the estimate is that of one."""
    of_svd = [8 * EPS * len(s) * s[0] + 4 * EPS * math.sqrt(len(s)) for s in singular]
    return np.isclose(estimates, of_svd, rtol=1e-9, atol=0)


def test_error_estimate_on_ten_thousand_random_pairs():
    rng = np.random.default_rng(0)
    found = [
        measured([gaussian(m, n, rng) for _ in range(count)], FactorPart())
        for m, n, count in ((40, 12, 90), (60, 37, 74), (60, 59, 64), (30, 100, 52), (300, 20, 30))
    ]
    values, estimates = (np.concatenate([f[k] for f in found]) for k in (0, 1))
    singular = [s for f in found for s in f[2]]
    assert len(values) > 10_000
    errors = np.abs(values - [s.sum() for s in singular])
    assert (errors <= estimates).all()
    assert by_singular_values(estimates, singular).mean() < 0.01
    assert (errors <= 1e-10 * values).all()


@pytest.mark.parametrize("part", [FactorPart(), BasisPart()], ids=["procrustes", "cca"])
def test_error_estimate_is_sharp_where_the_problem_is_well_conditioned(part):
    rng = np.random.default_rng(1)
    for n in (16, 50, 131):
        common = gaussian(4 * n, n, rng)
        items = [common + 0.5 * gaussian(4 * n, n, rng) for _ in range(4)]
        values, estimates, singular = measured(items, part)
        assert max(s[0] / s[-1] for s in singular) < 30
        assert (estimates < 64 * n * EPS * values).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [FactorPart(), BasisPart()], ids=["procrustes", "cca"])
def test_accuracy_of_sweeps(kind, part):
    """Full rank, rank-deficient, nearly so, graded, and more units than stimuli."""
    rng = np.random.default_rng(2)
    for m, n in ((60, 5), (100, 37), (60, 59), (60, 131), (260, 131)):
        values, estimates, singular = measured([kind(m, n, rng) for _ in range(6)], part)
        true = np.array([s.sum() for s in singular])
        assert (np.abs(values - true) <= 1e-10 * true).all()
        assert (np.abs(values - true) <= estimates).all()


def test_large_cores():
    """Beyond the order up to which matrices are interleaved, and one of each kind of remainder."""
    rng = np.random.default_rng(3)
    items = [gaussian(700, n, rng) for n in (520, 530, 500, 500, 37, 1)]
    values, _, singular = measured(items, FactorPart())
    np.testing.assert_allclose(values, [s.sum() for s in singular], rtol=1e-10)


def test_distances_from_unequal_and_large_cores():
    rng = np.random.default_rng(4)
    items = [gaussian(90, n, rng) for n in (3, 80, 89, 200, 7)]
    for metric, alpha in ((ng.Procrustes(), 1.0), (ng.ShapeMetric(0.3), 0.3)):
        result = ng.pairwise(items, metric)
        for i, j in ((0, 1), (1, 2), (2, 3), (3, 4)):
            left, right = (whitened(items[k], alpha) for k in (i, j))
            similarity = np.linalg.svd(left.T @ right, compute_uv=False).sum()
            similarity /= np.linalg.norm(left) * np.linalg.norm(right)
            assert result.values[i, j] == pytest.approx(math.acos(similarity), rel=1e-10, abs=0)


def whitened(item, alpha):
    """By the definition: X Z with Z = alpha I + (1 - alpha) (X'X)^(-1/2), on the space X spans."""
    u, s, _ = np.linalg.svd(item - item.mean(axis=0), full_matrices=False)
    rank = (s > 1e-12 * s[0]).sum()
    return u[:, :rank] * (alpha * s[:rank] + (1 - alpha))
