"""Partial least squares against Krylov spaces and regression; kernel ridge against a direct solve."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.metrics.pls import predict_by_pls

RNG = np.random.default_rng(6)
X = RNG.standard_normal((40, 7)) @ np.diag(np.geomspace(1, 0.1, 7)) + 2
Y = np.tanh(X[:, :3]) + 0.3 * RNG.standard_normal((40, 3)) - 1


def score_of(predicted, y):
    return 1 - np.square(y - predicted).sum() / np.square(y - y.mean(axis=0)).sum()


def over_folds(predict, x, y, folds=5):
    predicted = np.empty_like(y)
    for test in np.array_split(np.arange(len(x)), folds):
        train = np.setdiff1d(np.arange(len(x)), test)
        predicted[test] = predict(x[train], y[train], x[test])
    return predicted


@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_pls_of_one_target_is_least_squares_in_a_krylov_space(n_components):
    """The coefficients of PLS1 minimise the residual over span(s, S s, S^2 s, ...), S = X'X and s = X'y."""
    x, y = X[:30] - X[:30].mean(axis=0), Y[:30, :1] - Y[:30, :1].mean()
    S, s = x.T @ x, x.T @ y
    space = np.hstack([np.linalg.matrix_power(S, k) @ s for k in range(n_components)])
    basis = np.linalg.qr(space)[0]
    slopes = basis @ np.linalg.lstsq(x @ basis, y, rcond=None)[0]
    expected = (X[30:] - X[:30].mean(axis=0)) @ slopes + Y[:30, :1].mean()
    np.testing.assert_allclose(predict_by_pls(X[:30], Y[:30, :1], X[30:], n_components), expected, rtol=1e-9)


def test_first_component_has_the_largest_covariance():
    """Any other direction has less covariance with Y; its scores predict as regression on them does."""
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    w = np.linalg.eigh(x.T @ y @ y.T @ x)[1][:, -1:]
    scores = x @ w
    expected = scores @ (scores.T @ y) / (scores.T @ scores) + Y.mean(axis=0)
    np.testing.assert_allclose(predict_by_pls(X, Y, X, 1), expected, rtol=1e-10)


def test_all_components_are_regression():
    for wide in (X, np.hstack([X, X[:, :3]])):
        found = ng.PLS(wide.shape[1]).similarity(wide, Y)
        assert found == pytest.approx(ng.Ridge(0).similarity(X, Y), rel=1e-8)
    predicted = over_folds(lambda x, y, new: predict_by_pls(x, y, new, 2), X, Y)
    assert ng.PLS(2).similarity(X, Y) == pytest.approx(score_of(predicted, Y), rel=1e-10)
    correlations = [np.corrcoef(predicted[:, k], Y[:, k])[0, 1] for k in range(3)]
    assert ng.PLS(2, score="pearson").similarity(X, Y) == pytest.approx(np.mean(correlations), rel=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 0.1, 3.0])
def test_linear_kernel_is_ridge(penalty):
    for score in ("r2", "pearson"):
        found = ng.KernelRidge("linear", penalty, folds=4, score=score).similarity(X, Y)
        assert found == pytest.approx(ng.Ridge(penalty, folds=4, score=score).similarity(X, Y), rel=1e-8)


@pytest.mark.parametrize("kernel", ["rbf", ng.kernels.RBF(1.5)])
def test_kernel_ridge_is_a_direct_solve(kernel):
    """The constant is not penalised: a bordered system of the kernel as it is."""
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    sigma = 1.5 if kernel != "rbf" else np.median(distances[np.triu_indices(40, 1)])
    gram = np.exp(-(distances**2) / (2 * sigma**2))
    predicted = np.empty_like(Y)
    for test in np.array_split(np.arange(40), 5):
        train = np.setdiff1d(np.arange(40), test)
        border = np.ones((len(train) + 1, len(train) + 1))
        border[:-1, :-1] = gram[np.ix_(train, train)] + 0.5 * np.eye(len(train))
        border[-1, -1] = 0
        solved = np.linalg.solve(border, np.vstack([Y[train], np.zeros(3)]))
        predicted[test] = gram[np.ix_(test, train)] @ solved[:-1] + solved[-1]
    assert ng.KernelRidge(kernel, 0.5).similarity(X, Y) == pytest.approx(score_of(predicted, Y), rel=1e-9)


def test_what_is_refused():
    with pytest.raises(ValueError, match="kernel must be one of 'linear', 'rbf'"):
        ng.KernelRidge("poly")
    with pytest.raises(TypeError, match="kernel must be an object, not a class"):
        ng.KernelRidge(ng.kernels.RBF)
    with pytest.raises(ValueError, match="bandwidth must be positive, not 0"):
        ng.KernelRidge(bandwidth=0)
    with pytest.raises(ValueError, match="folds is 5, but X has only 4 stimuli"):
        ng.PLS().similarity(X[:4], Y[:4])
    with pytest.raises(ValueError, match="does not vary"):
        ng.KernelRidge().similarity(np.ones((9, 2)), Y[:9])
