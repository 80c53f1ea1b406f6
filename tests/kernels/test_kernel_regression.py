"""Kernel objects as kernels of spectral prediction and of measured learning curves."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest


def data():
    """Responses of three targets to 60 stimuli that seven units explain in part."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 7))
    return X, np.tanh(X @ rng.normal(size=(7, 3))) + 0.3 * rng.normal(size=(60, 3))


def test_depth_0_is_ridge_regression():
    X, Y = data()
    options = {"n_train": [5, 20, 40], "ridge": [0.01, 0.5]}
    wanted = ng.spectral_prediction(X, Y, **options)
    # The kernel divides by the number of units, and so must the penalty.
    found = ng.spectral_prediction(
        X, Y, n_train=[5, 20, 40], ridge=[0.01 / 7, 0.5 / 7], kernel=ng.kernels.NNGP(0)
    )
    for name in ("error", "error_heldout", "radius"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-10)
    measured = [
        ng.prediction_curve(X, Y, 20, n_splits=3, ridge=ridge, rng=0, kernel=kernel).error
        for ridge, kernel in ((0.5, None), (0.5 / 7, ng.kernels.NNGP(0)))
    ]
    np.testing.assert_allclose(*measured, rtol=1e-10)


@pytest.mark.parametrize("kernel", [ng.kernels.NNGP(3), ng.kernels.NTK(2, "erf", bias_variance=0.1)])
def test_a_measured_curve_is_that_of_the_gaussian_process(kernel):
    X, Y = data()
    Y -= Y.mean(axis=0)
    everything = ng.kernels.gp_predict(kernel, X, Y, X, ridge=60 * 0.02).mean
    found = ng.prediction_curve(X, Y, 60, n_splits=2, ridge=0.02, rng=0, kernel=kernel, center=False)
    assert found.error == pytest.approx(((Y - everything) ** 2).sum() / (Y**2).sum(), rel=1e-9)
