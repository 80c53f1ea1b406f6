"""Ridge predictivity against the loop over folds that defines it."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear
from helpers.references import reference_data
from neurogeom.representations.blocks import UnitBlocks

X, Y = reference_data("XY")


@pytest.mark.parametrize("n_units", [1, 3, 12, 40])
@pytest.mark.parametrize("penalty", [0, 0.01, 1.0, 100.0])
@pytest.mark.parametrize("folds", [2, 5, 23])
def test_ridge_is_the_loop_over_folds(n_units, penalty, folds):
    rng = np.random.default_rng(n_units)
    x, y = rng.normal(size=(23, n_units)) + 3, rng.normal(size=(23, 6)) - 1
    y[:, :1] += x[:, :1]
    y_wide = np.hstack([y] * 5) + 0.1 * rng.normal(size=(23, 30))
    for target in (y, y_wide):
        found = ng.Ridge(penalty, folds=folds).similarity(x, target)
        assert found == pytest.approx(linear.ridge_r2(x, target, penalty, folds), rel=1e-9, abs=1e-11)
        found = ng.Ridge(penalty, folds=folds, score="pearson").similarity(x, target)
        assert found == pytest.approx(linear.ridge_pearson(x, target, penalty, folds), rel=1e-9, abs=1e-11)


def test_ridge_of_dependent_units_has_minimal_norm():
    doubled = np.hstack([X, X[:, :4]])
    for penalty in (0, 0.5):
        found = ng.Ridge(penalty).similarity(doubled, Y)
        assert found == pytest.approx(linear.ridge_r2(doubled, Y, penalty), rel=1e-10)
    # Of ordinary regression only the column space matters.
    assert ng.Ridge(0).similarity(doubled, Y) == pytest.approx(linear.ridge_r2(X, Y, 0), rel=1e-10)


@pytest.mark.parametrize("penalty", [0, 1.0])
def test_ridge_with_training_data_that_vary_by_rounding(penalty):
    """Without the first fold nothing is left to learn from: its predictions are the mean of the others."""
    x, y = np.full((20, 3), 0.1), Y[:20]
    x[:4] = np.random.default_rng(0).normal(size=(4, 3))
    x[5::3, 0] = np.nextafter(0.1, 1)
    predicted = np.empty_like(y)
    for fold in np.array_split(np.arange(20), 5):
        train = np.setdiff1d(np.arange(20), fold)
        means = x[train].mean(axis=0), y[train].mean(axis=0)
        predicted[fold] = means[1]
        if fold[0] > 0:
            inputs = x[train] - means[0]
            moments = inputs.T @ inputs + penalty * np.eye(3), inputs.T @ (y[train] - means[1])
            predicted[fold] += (x[fold] - means[0]) @ np.linalg.solve(*moments)
    known = 1 - np.square(y - predicted).sum() / np.square(linear.centered(y)).sum()
    assert ng.Ridge(penalty).similarity(x, y) == pytest.approx(known, rel=1e-10)


@pytest.mark.parametrize(("n_units", "together"), [(4, False), (200, True)])
def test_ridge_keeps_little_of_an_item(n_units, together):
    """Two thin matrices a fold or one of (test stimuli, stimuli), whichever is less work; no units."""
    data = np.random.default_rng(0).normal(size=(50, n_units))
    (part,) = ng.Ridge().parts()
    record = part.prepare(UnitBlocks(data, ""))
    assert all((right is None) == together for _, right in record.folds)
    size = sum(left.size + (0 if right is None else right.size) for left, right in record.folds)
    assert size == (50 * 50 if together else 5 * (4 + 1) * (10 + 50))
    assert record.targets.shape == (50, min(n_units, 50))


def test_ridge_leaves_out_units_that_do_not_vary():
    silent = np.insert(Y, [0, 4], 0.1, axis=1)
    metric = ng.Ridge(score="pearson")
    with pytest.warns(UserWarning, match=r"ridge\(pearson\): 2 units of Y do not vary over stimuli"):
        found = metric.similarity(X, silent)
    assert found == pytest.approx(linear.ridge_pearson(X, Y), rel=1e-12)
    assert ng.Ridge().similarity(X, silent) == pytest.approx(linear.ridge_r2(X, Y), rel=1e-12)


def test_a_prediction_that_does_not_vary_counts_as_zero():
    x = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])[:, None]  # uncorrelated with y in each half
    x = x[[0, 4, 1, 5, 2, 6, 3, 7]]
    y = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0])[:, None]
    assert ng.Ridge(folds=2, score="pearson").similarity(x, y) == 0
    assert ng.Ridge(folds=2).similarity(x, y) == pytest.approx(0, abs=1e-14)


def test_ridge_of_noise_does_not_generalise_where_r2_is_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 60)), rng.normal(size=(40, 20))
    with pytest.warns(UserWarning, match="r2: X has as many independent units as stimuli"):
        assert ng.LinearR2().similarity(x, y) == pytest.approx(1)
    assert ng.Ridge().similarity(x, y) < 0
