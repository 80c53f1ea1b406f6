"""Measured learning curves: the same splits by brute force, and what does not depend on the way."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.rng import as_generator, draw_key
from neurogeom.generalization.prediction_curve import _order


def data(P=30, N=12, C=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((P, N)) + 0.5
    return X, X @ rng.standard_normal((N, C)) + 0.4 * rng.standard_normal((P, C)) + 1


def by_brute_force(X, Y, p, ridge, center, n_splits, seed):
    """Errors of one number and one penalty: all, held-out, training."""
    key = draw_key(as_generator(seed))
    power = ((Y - Y.mean(axis=0)) ** 2 if center != "no" else Y**2).sum() / len(Y)
    found = []
    for split in range(n_splits):
        order = _order(key, split, len(X))
        train, test = order[:p], order[p:]
        x, y = {
            "train": (X - X[train].mean(axis=0), Y[train].mean(axis=0)),
            "all": (X - X.mean(axis=0), Y.mean(axis=0)),
            "no": (X, 0.0),
        }[center]
        rows = np.vstack([x[train], np.sqrt(ridge) * np.eye(X.shape[1])])
        targets = np.vstack([Y[train] - y, np.zeros((X.shape[1], Y.shape[1]))])
        weights = np.linalg.lstsq(rows, targets, rcond=None)[0]
        squares = ((Y - y - x @ weights) ** 2).sum(axis=1)
        found.append([squares.mean(), squares[test].mean(), squares[train].mean()])
    return np.array(found) / power


@pytest.mark.parametrize("center", ["train", "all", "no"])
@pytest.mark.parametrize(("N", "p"), [(12, 20), (12, 8), (18, 20), (18, 8), (45, 20)])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_errors_are_those_of_least_squares(center, N, p, ridge):
    X, Y = data(N=N)
    expected = by_brute_force(X, Y, p, ridge * p, center, 5, seed=3)
    found = ng.prediction_curve(
        X, Y, p, n_splits=5, ridge=ridge, center=False if center == "no" else center, rng=3
    )
    for k, name in enumerate(("error", "error_heldout", "training_error")):
        assert getattr(found, name) == pytest.approx(expected[:, k].mean(), rel=1e-7, abs=1e-12), name
        error = expected[:, k].std(ddof=1) / np.sqrt(5)
        assert getattr(found, f"{name}_se") == pytest.approx(error, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("N", [12, 18])
def test_axes_are_those_of_single_calls(N):
    X, Y = data(N=N)
    found = ng.prediction_curve(X, Y, [5, 20], ridge=[0.0, 0.1, 1.0], n_splits=4, rng=1)
    assert found.error.shape == (2, 3)
    assert found.error_per_target.shape == (2, 3, 3)
    for i, p in enumerate((5, 20)):
        for j, ridge in enumerate((0.0, 0.1, 1.0)):
            one = ng.prediction_curve(X, Y, p, ridge=ridge, n_splits=4, rng=1)
            assert one.error_heldout == found.error_heldout[i, j]
            np.testing.assert_array_equal(one.error_per_target, found.error_per_target[i, j])


def test_same_bits_for_threads_and_more_splits_keep_the_first():
    for N in (12, 50):
        X, Y = data(N=N)
        one = ng.prediction_curve(X, Y, [5, 20], n_splits=7, rng=1, n_threads=1)
        other = ng.prediction_curve(X, Y, [5, 20], n_splits=7, rng=1, n_threads=3)
        np.testing.assert_array_equal(one.error, other.error)
        np.testing.assert_array_equal(one.error_se, other.error_se)
    key = draw_key(as_generator(1))
    assert not np.array_equal(_order(key, 0, 30), _order(key, 1, 30))
    with pytest.warns(ng.ConvergenceWarning, match="n_splits is 1"):
        assert np.isnan(ng.prediction_curve(X, Y, 5, n_splits=1).error_se)


def test_a_rotation_of_units_changes_nothing():
    for N in (12, 45):
        X, Y = data(N=N)
        turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((N, N)))
        one, other = (ng.prediction_curve(x, Y, 15, ridge=0.1, n_splits=4, rng=1) for x in (X, X @ turn))
        assert other.error_heldout == pytest.approx(one.error_heldout, rel=1e-9)


def test_a_kernel_of_inner_products_is_none():
    class Linear:
        def gram(self, X):
            return X @ X.T

    X, Y = data(N=45)
    one, other = (
        ng.prediction_curve(X, Y, 15, ridge=0.1, n_splits=4, rng=1, kernel=k) for k in (None, Linear())
    )
    assert other.error_heldout == pytest.approx(one.error_heldout, rel=1e-9)
    theory = [ng.spectral_prediction(X, Y, n_train=15, ridge=0.1, kernel=k) for k in (None, Linear())]
    assert theory[1].error == pytest.approx(theory[0].error, rel=1e-9)
    np.testing.assert_allclose(theory[1].eigenvalues, theory[0].eigenvalues, rtol=1e-8)


def test_all_stimuli_learned_leave_none():
    X, Y = data()
    found = ng.prediction_curve(X, Y, 30, n_splits=3, rng=0)
    assert np.isnan(found.error_heldout)
    assert found.error == pytest.approx(found.training_error)


@pytest.mark.parametrize("N", [80, 12])
def test_a_ridge_below_rounding_is_its_limit(N):
    # Repeated stimuli with other responses: what their differences ask for must not come back as noise.
    rng = np.random.default_rng(0)
    X = np.repeat(rng.standard_normal((25, N)), 2, axis=0)
    Y = rng.standard_normal((50, 2))
    found = ng.prediction_curve(X, Y, 40, ridge=[0.0, 1e-16, 1e-15, 1e-14, 1e-12], n_splits=5, rng=0)
    for name in ("error", "error_heldout", "training_error"):
        values = getattr(found, name)
        np.testing.assert_allclose(values, values[0], rtol=1e-9)
