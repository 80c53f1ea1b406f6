"""RSA: comparisons of dissimilarities against references, SciPy and definitions; items, bits, input."""

from __future__ import annotations

import itertools
import math

import neurogeom as ng
import numpy as np
import pytest
import scipy.stats
from helpers.rdms import ANGULAR, COMPARISONS, compare, vectors
from helpers.references import VALUES, reference_data
from hypothesis import given, settings
from hypothesis import strategies as st

X, Y = reference_data("XY")


# ---- references


ENTRIES = [
    key
    for key in VALUES
    if key.startswith("rsa ") and "bures" not in key  # those are measures of other modules
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_reference_values(entry):
    rdm, how = entry.removeprefix("rsa ").removesuffix(" (X,Y)").split("/")
    how = {"corr": "pearson"}.get(how, how)
    value = VALUES[entry]
    assert ng.rsa(X, Y, rdm=rdm, compare=how) == pytest.approx(value, rel=1e-10, abs=0)


def test_all_reference_values_are_tested():
    assert len(ENTRIES) == 14


@pytest.mark.parametrize(("m", "n"), [(5, 3), (12, 40), (60, 7)])
def test_whitened_cosine_of_squared_distances_is_linear_cka(m, n):
    rng = np.random.default_rng(m)
    A, B = rng.standard_normal((m, n)) + 3, rng.standard_normal((m, 2 * n))
    Ac, Bc = A - A.mean(axis=0), B - B.mean(axis=0)
    cka = np.sum((Bc.T @ Ac) ** 2) / np.linalg.norm(Ac.T @ Ac) / np.linalg.norm(Bc.T @ Bc)
    assert ng.rsa(A, B, rdm="sqeuclidean", compare="cosine_cov") == pytest.approx(cka, rel=1e-12, abs=0)
    assert ng.rsa(A, B, rdm="mahalanobis", noise_covariance=lambda d: np.ones(d.shape[1]),
                  compare="cosine_cov") == pytest.approx(cka, rel=1e-12, abs=0)  # fmt: skip


# ---- definitions


@given(st.integers(0, 10_000), st.integers(3, 30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_correlations_are_those_of_scipy(seed, m, tied):
    x, y = vectors(seed, m, tied)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    expected = {
        "pearson": scipy.stats.pearsonr(x, y).statistic,
        "cosine": x @ y / np.linalg.norm(x) / np.linalg.norm(y),
        "spearman": scipy.stats.spearmanr(x, y).statistic,
        "kendall": scipy.stats.kendalltau(x, y).statistic,
    }
    signs = [np.sign(np.subtract.outer(v, v)) for v in (x, y)]
    expected["tau-a"] = np.sum(signs[0] * signs[1]) / (x.size * (x.size - 1))
    for how, value in expected.items():
        assert compare(x, y, how) == pytest.approx(value, rel=1e-11, abs=1e-14), how
        assert compare(y, x, how) == compare(x, y, how)


def test_many_entries():
    x, y = vectors(3, 300)
    y[:20_000] = np.round(y[:20_000], 1)
    assert compare(x, y, "kendall") == pytest.approx(scipy.stats.kendalltau(x, y).statistic, rel=1e-13, abs=0)
    assert compare(x, y, "spearman") == pytest.approx(scipy.stats.spearmanr(x, y).statistic, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("x", "y"), [([1, 1, 2], [3, 1, 1]), ([1, 2, 2, 2, 0, 4], [0, 0, 1, 1, 3, 3]), ([0, 0, 1], [2, 5, 7])]
)
def test_rho_a_is_expected_over_random_orders_of_ties(x, y):
    def orders(values):
        """Ranks for every way to break the ties."""
        found = []
        for order in itertools.permutations(range(len(values))):
            if all(values[i] <= values[j] for i, j in itertools.pairwise(order)):
                found.append(np.argsort(order))
        return found

    expected = np.mean([scipy.stats.spearmanr(a, b).statistic for a in orders(x) for b in orders(y)])
    assert compare(x, y, "rho-a") == pytest.approx(expected, rel=1e-12, abs=1e-15)


def random_covariance(rng, m):
    root = rng.standard_normal((m, m + 2))
    return root @ root.T / m


@pytest.mark.parametrize("m", [3, 4, 9])
@pytest.mark.parametrize("shape", ["none", "vector", "matrix"])
def test_whitened_comparisons_by_the_explicit_covariance(m, shape):
    rng = np.random.default_rng(m)
    x, y = vectors(m, m)
    full = random_covariance(rng, m)
    given, sigma = {
        "none": (None, np.eye(m)),
        "vector": (np.diag(full).copy(), np.diag(np.diag(full))),
        "matrix": (full, full),
    }[shape]
    contrasts = np.array([np.eye(m)[i] - np.eye(m)[j] for i, j in itertools.combinations(range(m), 2)])
    V = (contrasts @ sigma @ contrasts.T) ** 2
    for how in ("cosine_cov", "corr_cov"):
        a, b = (v - (v.mean() if how == "corr_cov" else 0) for v in (x, y))
        products = [u @ np.linalg.solve(V, v) for u, v in ((a, b), (a, a), (b, b))]
        expected = products[0] / math.sqrt(products[1] * products[2])
        assert compare(x, y, how, stimulus_covariance=given) == pytest.approx(expected, rel=1e-9, abs=0)


def test_crossnobis_between_two_systems():
    rng = np.random.default_rng(8)
    folds, stimuli = np.tile([0, 1, 2], 10), np.repeat(np.arange(10), 3)
    A, B = (rng.standard_normal((10, 6))[stimuli] + rng.standard_normal((30, 6)) for _ in range(2))
    options = {"folds": folds, "stimuli": stimuli, "noise_covariance": random_covariance(rng, 6)}
    for how in COMPARISONS:
        a, b = (ng.rdm(data, "crossnobis", **options) for data in (A, B))
        expected = ng.RSA(compare=how).similarity(a, b)
        assert ng.rsa(A, B, rdm="crossnobis", compare=how, **options) == expected
    assert min(a.condensed) < 0


# ---- ties


def test_dissimilarities_that_are_equal_by_construction_are_ties():
    rng = np.random.default_rng(5)
    # Two-valued by construction, whatever rounding does to scaled, offset and rotated features.
    category = np.repeat(np.arange(5), 4)
    model = np.equal.outer(category, np.arange(5)).astype(float)
    exact = (category[:, None] != category).astype(float)[np.triu_indices(20, 1)]
    data = rng.standard_normal((20, 30)) + 2 * rng.standard_normal((5, 30))[category]
    for features in (model, 0.1 * model + 0.7, model @ np.linalg.qr(rng.standard_normal((5, 5)))[0]):
        for kind in ("sqeuclidean", "euclidean"):
            for how in ("spearman", "rho-a", "kendall", "tau-a"):
                got = ng.RSA(kind, how).similarity(data, features)
                expected = ng.RSA(kind, how).similarity(data, ng.RDM(exact))
                assert got == pytest.approx(expected, rel=1e-12, abs=0), (kind, how)


def test_items_with_ties_and_themselves():
    x, _ = vectors(2, 9, tied=True)
    items = [ng.RDM(x), ng.RDM(2 * x + 1)]
    for how, expected in (("spearman", 1), ("kendall", 1), ("pearson", 1)):
        found = ng.pairwise(items, ng.RSA(compare=how)).values
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    sizes = np.unique(x, return_counts=True)[1].astype(float)
    n = float(x.size)
    for how, expected in (
        ("tau-a", 1 - np.sum(sizes**2 - sizes) / (n**2 - n)),
        ("rho-a", 1 - np.sum(sizes**3 - sizes) / (n**3 - n)),
    ):
        found = ng.pairwise(items, ng.RSA(compare=how)).values
        assert expected < 0.99
        np.testing.assert_allclose(found, expected, rtol=1e-13)


# ---- properties


@pytest.mark.parametrize("how", ANGULAR)
def test_angles_are_a_metric(how):
    rng = np.random.default_rng(1)
    items = [rng.standard_normal((5, n)) for n in rng.integers(2, 9, 25)]
    items += [items[0] + 1e-3 * rng.standard_normal(items[0].shape)]
    D = ng.pairwise(items, ng.RSA("sqeuclidean", how, score="angular"))
    S = ng.pairwise(items, ng.RSA("sqeuclidean", how))
    assert (D.is_similarity, S.is_similarity) == (False, True)
    assert D.metric == S.metric + "-angular"
    np.testing.assert_allclose(np.cos(D.values), S.values, atol=1e-12)
    assert (np.diag(D.values) == 0).all()
    assert (np.diag(S.values) == 1).all()
    excess = D.values[:, None, :] - D.values[:, :, None] - D.values[None, :, :]
    assert excess.max() < 1e-9


@pytest.mark.parametrize("change", [1e-2, 1e-5, 1e-9])
def test_small_angles_are_not_rounding(change):
    x, y = vectors(4, 20)
    y -= x * (x @ y) / (x @ x)
    moved = x + change * y
    angle = math.atan(change * np.linalg.norm(y) / np.linalg.norm(x))
    metric = ng.RSA(compare="cosine")
    assert metric.distance(ng.RDM(x), ng.RDM(moved)) == pytest.approx(angle, rel=1e-6, abs=0)
    assert metric.distance(ng.RDM(x), ng.RDM(-moved)) == pytest.approx(math.pi - angle, rel=1e-14, abs=0)
    assert metric.distance(ng.RDM(x), ng.RDM(x)) == 0


def test_angle_of_one_exchange():
    """The smallest angle of Kendall's tau-b without ties: one of n pairs of entries is discordant."""
    n = 4950
    x = np.arange(n, dtype=float)
    y = x.copy()
    y[[70, 71]] = y[[71, 70]]
    pairs = n * (n - 1) // 2
    exact = 2 * math.asin(math.sqrt(1 / pairs))  # 1 - tau = 2 / pairs = 2 sin^2(angle / 2)
    assert ng.RSA(compare="kendall").distance(ng.RDM(x), ng.RDM(y)) == pytest.approx(exact, rel=1e-14, abs=0)
    assert ng.RSA(compare="kendall").distance(ng.RDM(x), ng.RDM(-x)) == math.pi
