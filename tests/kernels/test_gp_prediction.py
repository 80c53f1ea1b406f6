"""Gaussian processes against the formula, by other solvers, and where there is no answer."""

from __future__ import annotations

import dataclasses

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest
from scipy import stats

KERNEL = ng.kernels.NNGP(2, weight_variance=2.0, bias_variance=0.1)


def data(seed=0, n=15, n_new=6, n_units=4):
    """Inputs, responses of two targets, and new inputs."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_units)), rng.normal(size=(n, 2)), rng.normal(size=(n_new, n_units))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("kernel", [KERNEL, ng.kernels.NTK(1, "erf", bias_variance=0.2)])
def test_formula(kernel, ridge):
    X, Y, new = data()
    found = ng.kernels.gp_predict(kernel, X, Y, new, ridge=ridge, return_covariance=True)
    gram, cross = kernel.gram(X) + ridge * np.eye(15), kernel.cross(X, new)
    weights = np.linalg.lstsq(gram, np.column_stack([Y, cross]), rcond=None)[0]
    covariance = kernel.gram(new) - cross.T @ weights[:, 2:]
    np.testing.assert_allclose(found.mean, cross.T @ weights[:, :2], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-11)
    np.testing.assert_allclose(found.variance, np.diagonal(covariance), atol=1e-11)
    wanted = sum(stats.multivariate_normal(cov=gram).logpdf(y) for y in Y.T)
    assert found.log_likelihood == pytest.approx(wanted, rel=1e-10)
    assert found.condition == pytest.approx(np.linalg.cond(gram, 1), rel=0.5)


def test_it_is_the_conditional_of_a_joint_gaussian():
    # By regression on draws of the process: an oracle that knows no formula.
    X, _, new = data(3, n=3, n_new=1)
    gram = KERNEL.gram(np.concatenate([X, new]))
    draws = np.random.default_rng(0).normal(size=(100_000, 4)) @ np.linalg.cholesky(gram).T
    slopes, residual, *_ = np.linalg.lstsq(draws[:, :3], draws[:, 3], rcond=None)
    found = ng.kernels.gp_predict(KERNEL, X, np.eye(3), new)
    variance = residual[0] / len(draws)
    error = np.sqrt(variance * np.diagonal(np.linalg.inv(draws[:, :3].T @ draws[:, :3])))
    assert (np.abs(slopes - found.mean[0]) < 4 * error).all()
    assert abs(variance - found.variance[0]) < 4 * variance * np.sqrt(2 / len(draws))


def test_training_points_are_interpolated():
    X, Y, _ = data()
    found = ng.kernels.gp_predict(KERNEL, X, Y[:, 0], X)
    np.testing.assert_allclose(found.mean, Y[:, 0], atol=1e-9)
    np.testing.assert_allclose(found.variance, 0, atol=1e-11)
    assert (found.variance >= 0).all()
    assert found.mean.shape == (15,)
    assert found.n_targets == 1


def test_targets_do_not_touch_each_other_and_threads_change_nothing():
    X, Y, new = data()
    both = ng.kernels.gp_predict(KERNEL, X, Y, new, ridge=0.1, n_threads=2)
    for other in (
        ng.kernels.gp_predict(KERNEL, X, Y, new, ridge=0.1, n_threads=1),
        ng.kernels.gp_predict(KERNEL, X, Y.astype(np.float64, order="F"), new, ridge=0.1),
    ):
        np.testing.assert_array_equal(both.mean, other.mean)
    one = ng.kernels.gp_predict(KERNEL, X, Y[:, 1], new, ridge=0.1)
    np.testing.assert_allclose(one.mean, both.mean[:, 1], rtol=1e-12)
    np.testing.assert_array_equal(one.variance, both.variance)


def test_a_kernel_of_ones_own():
    @dataclasses.dataclass(frozen=True)
    class Product:
        def gram(self, X, *, n_threads):
            return self.cross(X, X, n_threads=n_threads)

        def cross(self, X, Z, *, n_threads):
            return X @ Z.T

        def diagonal(self, X):
            return (X * X).sum(axis=1)

    X, Y, new = data()
    found = ng.kernels.gp_predict(Product(), X, Y, new, ridge=0.5)
    weights = np.linalg.solve(X.T @ X + 0.5 * np.eye(4), X.T @ Y)
    np.testing.assert_allclose(found.mean, new @ weights, rtol=1e-11)

    class Transposed(Product):
        def cross(self, X, Z, *, n_threads):
            return Z @ X.T

    with pytest.raises(
        ValueError, match=r"kernel.cross\(X, X_new\) must have shape \(15, 6\), not \(6, 15\)"
    ):
        ng.kernels.gp_predict(Transposed(), X, Y, new, ridge=0.5)


@pytest.mark.parametrize("n", [1, 2])
def test_few_points(n):
    found = ng.kernels.gp_predict(KERNEL, np.eye(3)[:n], np.ones(n), np.eye(3))
    np.testing.assert_allclose(found.mean[:n], 1, rtol=1e-12)


def test_refusals():
    X, Y, new = data()
    predict = ng.kernels.gp_predict
    for singular in (np.concatenate([X, X[:1]]), np.concatenate([X, X[:1] + 1e-17])):
        with pytest.raises(ValueError, match=r"singular to rounding.*16 stimuli.*takes a positive ridge"):
            predict(KERNEL, singular, np.ones(16), new)
        assert np.isfinite(predict(KERNEL, singular, np.ones(16), new, ridge=1e-3).mean).all()
    with pytest.raises(ValueError, match="singular to rounding"):
        predict(ng.kernels.NNGP(1), np.concatenate([X, 3 * X[:1]]), np.ones(16), new)
    with pytest.raises(ValueError, match="singular to rounding"):
        predict(ng.kernels.NNGP(0), X, Y, new)
    with pytest.raises(ValueError, match="singular to rounding"):
        predict(KERNEL, np.zeros((3, 4)), np.ones(3), new)
    with pytest.raises(ValueError, match="ridge must not be negative, not -1"):
        predict(KERNEL, X, Y, new, ridge=-1)
    with pytest.raises(ValueError, match=r"Y must have shape \(15,\) or \(15, n_targets\).*not \(14, 2\)"):
        predict(KERNEL, X, Y[1:], new)
    with pytest.raises(ValueError, match=r"Y\[2, 1\] is inf"):
        predict(KERNEL, X, np.where(np.arange(30).reshape(15, 2) == 5, np.inf, Y), new)
    with pytest.raises(ValueError, match="X has 4 units and X_new has 3"):
        predict(KERNEL, X, Y, new[:, 1:])
    for kernel in ("rbf", ng.kernels.NNGP, abs):
        with pytest.raises(TypeError, match="kernel must be an object with gram, cross and diagonal"):
            predict(kernel, X, Y, new)


def test_results_are_kept(tmp_path):
    X, Y, new = data()
    found = ng.kernels.gp_predict(KERNEL, X, Y, new)
    found.save(tmp_path / "found.npz")
    read = ng.load(tmp_path / "found.npz")
    np.testing.assert_array_equal(read.mean, found.mean)
    assert read.covariance is None
    assert repr(read) == repr(found)
    assert repr(found).startswith("GPPrediction(n_train=15, n_new=6, log_likelihood=")


def test_rows_in_another_order_are_refused():
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((5, 3)), index=list("abcde"))
    y = pd.Series(np.arange(5.0), index=X.index)
    with pytest.raises(ValueError, match="order"):
        ng.kernels.gp_predict(ng.kernels.NNGP(), X, y.iloc[::-1], X, ridge=0.1)
