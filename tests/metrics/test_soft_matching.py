"""Soft matching against linear programs, closed forms, other measures, and the reference values."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
import scipy.optimize
from helpers.references import VALUES, reference_data
from neurogeom.metrics import soft_matching

X, Y, W = reference_data("XYW")


def centred(x):
    return x - x.mean(axis=0)


def costs_of(x, y):
    return np.square(centred(x)[:, :, None] - centred(y)[:, None]).sum(axis=0)


def correlations_of(x, y):
    return np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]


def least_cost(costs):
    """By SciPy's HiGHS; marginals 1 / n on both sides."""
    n, m = costs.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    marginals = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    found = scipy.optimize.linprog(costs.ravel(), A_eq=np.vstack([rows, columns])[1:], b_eq=marginals[1:])
    return found.fun


def problems():
    """200: noise, a common signal, ties, equal units, degenerate ones, one unit."""
    rng = np.random.default_rng(0)
    for k in range(200):
        n, m = (int(size) for size in rng.integers(1, 9, 2))
        kind = k % 4
        x, y = rng.normal(size=(6, n)), rng.normal(size=(6, m))
        if kind == 1:
            x, y = np.round(x), np.round(y)
            x[0], y[0] = 5, 5
            x[1] = y[1] = -5
        elif kind == 2:
            y = np.repeat(x, 2, axis=1)[:, :m] if m > 1 else x[:, :1].copy()
        elif kind == 3:
            y[:, : min(n, m)] += 3 * x[:, : min(n, m)]
        yield x, y


def test_linear_programs():
    for x, y in problems():
        found = ng.SoftMatching().distance(x, y) ** 2
        assert found == pytest.approx(least_cost(costs_of(x, y)), rel=1e-10, abs=1e-10)
        found = ng.SoftMatching().similarity(x, y)
        assert found == pytest.approx(-least_cost(-correlations_of(x, y)), rel=1e-10, abs=1e-10)


def test_reference_values():
    distance = ng.SoftMatching().distance
    for name, value in (
        ("soft_matching_distance(X,Y) centred", distance(X, Y)),
        ("soft_matching_distance(X,W) centred", distance(X, W)),
        ("soft_matching_correlation_score(X,Y)", ng.SoftMatching(score="correlation").compare(X, Y)),
    ):
        assert value == pytest.approx(VALUES[name], rel=1e-12)


def test_equal_numbers_of_units_are_permuted():
    expected = ng.Permutation(score="euclidean").distance(X, W) / np.sqrt(12)
    assert ng.SoftMatching().distance(X, W) == pytest.approx(expected, rel=1e-13)
    hard = ng.MatchedCorrelation().similarity(X, W)
    assert ng.SoftMatching().similarity(X, W) == pytest.approx(hard, rel=1e-13)


def test_no_coupling_is_better():
    d = ng.SoftMatching().distance(X, Y)
    independent = costs_of(X, Y).mean() ** 0.5
    assert d < independent
    assert ng.SoftMatching().distance(X[:, :1], Y) == pytest.approx(costs_of(X[:, :1], Y).mean() ** 0.5)


@pytest.mark.parametrize("metric", [ng.SoftMatching(), ng.SoftMatching(score="correlation")])
def test_plans(metric):
    for x, y in itertools.permutations([X, Y, W], 2):
        plan = metric.plan(x, y)
        n, m = plan.shape
        assert (n, m) == (x.shape[1], y.shape[1])
        assert (plan >= 0).all()
        np.testing.assert_allclose(plan.sum(axis=1), 1 / n, rtol=1e-13)
        np.testing.assert_allclose(plan.sum(axis=0), 1 / m, rtol=1e-13)
        if metric.is_similarity:
            assert (plan * correlations_of(x, y)).sum() == pytest.approx(metric.similarity(x, y), rel=1e-12)
        else:
            assert (plan * costs_of(x, y)).sum() == pytest.approx(metric.distance(x, y) ** 2, rel=1e-12)


def test_units_without_variation():
    silent = np.insert(X, 3, 2.0, axis=1)
    correlation = ng.SoftMatching(score="correlation")
    with pytest.warns(UserWarning, match="1 units of Y do not vary"):
        assert correlation.similarity(Y, silent) == pytest.approx(correlation.similarity(Y, X), rel=1e-12)
    plan = correlation.plan(Y, silent)
    assert (plan[:, 3] == 0).all()
    np.testing.assert_array_equal(np.delete(plan, 3, axis=1), correlation.plan(Y, X))
    padded = centred(silent)
    assert ng.SoftMatching().distance(Y, silent) ** 2 == pytest.approx(least_cost(costs_of(Y, padded)))


def test_copies_of_all_units_change_nothing():
    d = ng.SoftMatching().distance(X, Y)
    assert ng.SoftMatching().distance(np.hstack([X] * 3), np.hstack([Y] * 2)) == pytest.approx(d, rel=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1e-7, 1e-12])
def test_small_distances(size):
    rng = np.random.default_rng(0)
    change = centred(rng.normal(size=X.shape))
    other = (centred(X) + size * change)[:, rng.permutation(12)]
    for copies in (1, 2):
        found = ng.SoftMatching().distance(X, np.hstack([other] * copies))
        expected = size * np.linalg.norm(change) / np.sqrt(12)
        assert found == pytest.approx(expected, rel=1e-9 + 1e-14 / size)


@pytest.mark.parametrize("copies", [1, 2])
def test_units_that_are_nearly_equal_are_not_confused(copies):
    # Inner products cannot tell which of two such units is which: they differ by 1e-17.
    rng = np.random.default_rng(1)
    x = centred(np.repeat(rng.normal(size=(30, 3)), 4, axis=1) + 1e-7 * rng.normal(size=(30, 12)))
    change = centred(1e-10 * rng.normal(size=x.shape))
    other = np.hstack([(x + change)[:, rng.permutation(12)]] * copies)
    expected = np.linalg.norm(change) / np.sqrt(12)
    assert ng.SoftMatching().distance(x, other) == pytest.approx(expected, rel=1e-4)


def test_items_of_very_different_scales():
    expected = np.linalg.norm(centred(X)) / np.sqrt(12)
    assert ng.SoftMatching().distance(X, 1e-60 * Y) == pytest.approx(expected, rel=1e-13)
    assert ng.SoftMatching().similarity(1e60 * X, 1e-60 * Y) == pytest.approx(
        ng.SoftMatching().similarity(X, Y), rel=1e-12
    )


def test_held_out_values_are_those_of_the_plan():
    train, test = slice(0, 30), slice(30, 40)
    for metric in (ng.SoftMatching(), ng.SoftMatching(score="correlation")):
        found = ng.pairwise([X[train], Y[train]], metric, test=[X[test], Y[test]]).held_out[0, 1]
        plan = metric.plan(X[train], Y[train])
        if metric.is_similarity:
            expected = (plan * correlations_of(X[test], Y[test])).sum()
        else:
            x, y = X[test] - X[train].mean(axis=0), Y[test] - Y[train].mean(axis=0)
            expected = (plan * np.square(x[:, :, None] - y[:, None]).sum(axis=0)).sum() ** 0.5
        assert found == pytest.approx(expected, rel=1e-12)


def test_a_plan_without_certificate_is_nan(monkeypatch):
    monkeypatch.setattr(soft_matching, "_MOST_GAP", -1.0)
    with pytest.warns(ng.ConvergenceWarning, match="1 plans are not certified"):
        found = ng.pairwise([X, Y], "soft_matching")
    assert np.isnan(found.values[0, 1])
    assert found.flags.tolist() == [[0, 1], [1, 0]]
    assert np.isnan(ng.SoftMatching().plan(X, Y)).all()


def test_bad_options():
    with pytest.raises(ValueError, match="score must be"):
        ng.SoftMatching(score="angular")
    with pytest.raises(ValueError, match="center=False is for score='distance' only"):
        ng.SoftMatching(score="correlation", center=False)
    with pytest.raises(ValueError, match="kind must be"):
        ng.MatchedCorrelation("one")


# ---- partners


def test_partners_by_definition():
    correlations = correlations_of(X, Y)
    forth, back = correlations.max(axis=0).mean(), correlations.max(axis=1).mean()
    assert ng.MatchedCorrelation("best").similarity(X, Y) == pytest.approx(forth, rel=1e-12)
    assert ng.MatchedCorrelation("best").similarity(Y, X) == pytest.approx(back, rel=1e-12)
    assert ng.MatchedCorrelation("soft").similarity(X, Y) == pytest.approx((forth + back) / 2, rel=1e-12)
    few = correlations[:4, :5]
    best = max(few[range(4), order].mean() for order in map(list, itertools.permutations(range(5), 4)))
    assert ng.MatchedCorrelation().similarity(X[:, :4], Y[:, :5]) == pytest.approx(best, rel=1e-12)


def test_partners_on_held_out_stimuli():
    train, test = slice(0, 30), slice(30, 40)
    y = Y.copy()
    y[test, 2] = 1.0  # counts as 0
    metric = ng.MatchedCorrelation("best")
    found = ng.pairwise([X[train]], metric, others=[y[train]], test=([X[test]], [y[test]])).held_out[0, 0]
    partners = correlations_of(X[train], y[train]).argmax(axis=0)
    alone = [np.corrcoef(X[test, i], y[test, j])[0, 1] for j, i in enumerate(partners) if j != 2]
    assert found == pytest.approx(np.sum(alone) / 9, rel=1e-12)
