"""The stochastic metrics of the stand-in for netrep; its own tests pass with their imports pointed here."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.compat.netrep.metrics import (
    EnergyStochasticMetric,
    GaussianStochasticMetric,
    GPStochasticMetric,
    stochastic,
    stochastic_process,
)


def trials_of(seed, n_stimuli=5, n_repeats=8, n_units=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_stimuli, n_repeats, n_units)) + rng.normal(size=(n_stimuli, 1, n_units))


def moments(trials):
    return trials.mean(axis=1), np.array([np.cov(one.T) for one in trials])


X, Y = trials_of(0), trials_of(1)


def test_where_they_are():
    assert stochastic.GaussianStochasticMetric is GaussianStochasticMetric
    assert stochastic_process.GPStochasticMetric is GPStochasticMetric


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("group", ["orth", "perm", "identity"])
def test_gaussian(alpha, group):
    """Of moments of trials it is what the trials give; only starts differ."""
    n = 40 if group == "perm" else 8
    metric = GaussianStochasticMetric(alpha, group, init="rand", n_restarts=n, random_state=0)
    value = metric.fit_score(moments(X), moments(Y))
    known = ng.GaussianStochastic(alpha, group, n_restarts=n).distance(ng.Repeats(X), ng.Repeats(Y))
    assert value == pytest.approx(known, rel=1e-6)
    assert metric.loss_hist[-1] ** 2 / len(X) == pytest.approx(value**2, rel=1e-6)
    assert (np.diff(metric.loss_hist) <= 1e-9).all()
    (_, given), (means, covs) = metric.transform(moments(X), moments(Y))
    np.testing.assert_array_equal(given, moments(X)[1])
    np.testing.assert_allclose(means, moments(Y @ metric.T)[0], atol=1e-12)
    np.testing.assert_allclose(covs, moments(Y @ metric.T)[1], atol=1e-12)


def test_energy():
    metric = EnergyStochasticMetric(niter=1000, tol=1e-10).fit(X, Y)
    value = metric.score(X, Y)
    assert value == pytest.approx(
        ng.EnergyStochastic(n_restarts=0).distance(ng.Repeats(X), ng.Repeats(Y)), abs=1e-3
    )
    _, aligned = metric.transform(X, Y)
    apart = np.linalg.norm(X[:, :, None] - aligned[:, None], axis=-1)
    assert metric.loss_hist[-1] == pytest.approx(apart.mean(), rel=1e-9)
    np.testing.assert_allclose(metric.w, 1 / np.sqrt(apart.ravel()), rtol=1e-9)
    assert EnergyStochasticMetric(group="identity").fit_score(X, X) == 0


def test_processes():
    """Of one time point they are Gaussians of one image."""
    mean, cov = (part[0] for part in moments(trials_of(0, n_units=4)))
    other = tuple(part[0] for part in moments(trials_of(1, n_units=4)))
    one = GPStochasticMetric(4).fit_score((mean, cov), other)
    lifted = [(a[None], b[None]) for a, b in ((mean, cov), other)]
    assert one == pytest.approx(GaussianStochasticMetric().fit_score(*lifted), rel=1e-9)
    metric = GPStochasticMetric(2)
    assert metric.fit_score((mean, cov), other) >= one - 1e-9
    _, (turned, _) = metric.transform(None, other)
    np.testing.assert_allclose(turned, np.kron(np.eye(2), metric.T).T @ other[0], atol=1e-12)


@pytest.mark.parametrize(
    ("metric", "read"),
    [
        (GaussianStochasticMetric(init="rand", n_restarts=2, random_state=1), moments),
        (EnergyStochasticMetric(), np.asarray),
    ],
)
def test_sweeps(metric, read):
    train, test = ([read(trials_of(10 * s + k)) for k in range(3)] for s in (0, 1))
    D_train, D_test = metric.pairwise_distances(train, verbose=False, processes=1)
    assert np.isinf(D_test[np.triu_indices(3, 1)]).all()
    np.testing.assert_array_equal(D_train, D_train.T)
    if isinstance(metric, EnergyStochasticMetric):
        both, D_test = metric.pairwise_distances(train, test, verbose=False, processes=2)
        np.testing.assert_array_equal(both, D_train)
        metric.fit(train[0], train[2])
        assert D_train[0, 2] == metric.score(train[0], train[2])
        assert D_test[0, 2] == metric.score(test[0], test[2])
        assert np.isfinite(D_test).all()


def test_what_numpy_was_seeded_with_decides_on_starts():
    values = []
    for _ in range(2):
        np.random.seed(3)
        metric = GaussianStochasticMetric(0.0, init="rand", niter=1)
        values.append(metric.fit_score(moments(X), moments(Y)))
    assert values[0] == values[1] != metric.fit_score(moments(X), moments(Y))


def test_what_is_refused():
    metric, x = GaussianStochasticMetric(), moments(X)
    with pytest.raises(ValueError, match="has not been fitted"):
        GaussianStochasticMetric().score(x, x)
    with pytest.raises(TypeError, match=r"^X must be \(means, covariances\)"):
        metric.fit(X, x)
    with pytest.raises(ValueError, match=r"^the covariances of Y must have shape \(5, 3, 3\), not"):
        metric.fit(x, (x[0], x[1][:, :2]))
    with pytest.raises(ValueError, match="must be symmetric"):
        metric.fit(x, (x[0], x[1] + np.triu(np.ones((3, 3)), 1)))
    with pytest.raises(ValueError, match="covariance 0 of Y has the negative eigenvalue"):
        metric.fit(x, (x[0], -x[1]))
    with pytest.raises(ValueError, match=r"train_data\[1\] has shape .* but train_data\[0\]"):
        metric.pairwise_distances([x, moments(X[:4])], verbose=False)
    with pytest.raises(ValueError, match="Y has shape"):
        EnergyStochasticMetric().fit(X, X[:, :5])
    with pytest.raises(ValueError, match="no multiple of n_dims=2"):
        GPStochasticMetric(2).fit((x[0][0], x[1][0]), (x[0][0], x[1][0]))
    with pytest.raises(ValueError, match="alpha must be between 0 and 2"):
        GaussianStochasticMetric(alpha=3)
