"""Dimensionality against exact spectra, other routes to the same number, and exact expectations."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom.clouds.dimensionality import unbiased_traces


def with_spectrum(eigenvalues, n_samples, n_features, seed=0):
    """Data with exactly these covariance eigenvalues."""
    rng = np.random.default_rng(seed)
    count = len(eigenvalues)
    left = rng.standard_normal((n_samples, count))
    left, _ = np.linalg.qr(left - left.mean(axis=0))
    right, _ = np.linalg.qr(rng.standard_normal((n_features, count)))
    return (left * np.sqrt(np.asarray(eigenvalues) * (n_samples - 1))) @ right.T


@pytest.mark.parametrize(("n_samples", "n_features"), [(50, 8), (8, 50)])
def test_exact_spectrum(n_samples, n_features):
    spectrum = np.array([4.0, 3.0, 2.0, 1.0, 1e-10])
    X = with_spectrum(spectrum, n_samples, n_features)
    result = ng.dimensionality(X, variance=0.8)
    assert result.participation_ratio == pytest.approx(100 / 30, rel=1e-9)
    assert result.explained_variance == 3  # the shares are 40, 70, 90, 100 %
    assert result.eigenvalues.shape == (min(n_samples - 1, n_features),)
    np.testing.assert_allclose(result.eigenvalues[:5], spectrum, rtol=1e-5)  # 1e-10 as well
    assert result.eigenvalues[5:].max() < 1e-28
    counts = [ng.dimensionality(X, variance=v).explained_variance for v in (0.01, 0.39, 0.41, 0.9999)]
    assert counts == [1, 1, 2, 4]
    assert (result.n_samples, result.n_features, result.form) == (
        n_samples,
        n_features,
        "corrected",
    )


@pytest.mark.parametrize("n_features", [3, 10, 22])
def test_isotropic_data(n_features):
    X = with_spectrum(np.ones(n_features), 40, n_features)
    assert ng.dimensionality(X).participation_ratio == pytest.approx(n_features, rel=1e-13)
    for count in range(1, n_features):  # a tie counts as reached
        assert ng.dimensionality(X, variance=count / n_features).explained_variance == count


def test_traces_of_the_covariance_give_the_same_ratio():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 12)) @ rng.standard_normal((12, 12)) + 5
    S = np.cov(X.T)
    result = ng.dimensionality(X)
    assert result.participation_ratio == pytest.approx(np.trace(S) ** 2 / np.sum(S * S), rel=1e-12)
    np.testing.assert_allclose(result.eigenvalues, np.linalg.eigvalsh(S)[::-1], rtol=1e-9)


def test_a_large_mean_does_no_harm():
    rng = np.random.default_rng(2)
    X = np.round(rng.standard_normal((200, 5)) * 2**10) / 2**10
    shifted = ng.dimensionality(X + 2.0**30)  # exact in float64
    assert shifted.participation_ratio == pytest.approx(ng.dimensionality(X).participation_ratio, rel=1e-12)
    # a large constant feature, whose mean cannot be had without rounding
    constant = np.full((1001, 1), 0.1 * 2**62)
    X = rng.standard_normal((1001, 3))
    assert ng.dimensionality(np.hstack([X, constant])).participation_ratio == pytest.approx(
        ng.dimensionality(X).participation_ratio, rel=1e-12
    )


# The value the MFTMA package gave for these data (numpy 1.x, scikit-learn), from the specification;
# the tall case has 80 samples of 200 features, the wide one 150 of 12.
@pytest.mark.parametrize(
    ("shape", "peer_ratio", "peer_count", "true_ratio", "true_count"),
    [
        ((200, 10, 8), 6.864468370358716, 6, 6.864468370358716, 7),
        ((12, 30, 5), 4.06407242622978, 4, 4.070327408703178, 5),
    ],
)
def test_compat_gives_the_values_of_mftma(shape, peer_ratio, peer_count, true_ratio, true_count):
    n_features, per_manifold, n_manifolds = shape
    rs = np.random.RandomState(13)
    decay = np.diag(1 / np.arange(1, n_features + 1))
    manifolds = [
        rs.randn(n_features, 1) + decay @ rs.randn(n_features, per_manifold) for _ in range(n_manifolds)
    ]
    X = np.concatenate(manifolds, axis=1).T
    compat, corrected = ng.dimensionality(X, form="compat"), ng.dimensionality(X)
    assert compat.participation_ratio == pytest.approx(peer_ratio, rel=1e-12)
    assert compat.explained_variance == peer_count
    assert corrected.participation_ratio == pytest.approx(true_ratio, rel=1e-12)
    assert corrected.explained_variance == true_count
    assert np.array_equal(compat.eigenvalues, corrected.eigenvalues)


def test_compat_count_of_unlike_features():
    # Features of very different mean: the mean over features of each sample goes too. Two features
    # then lie on one line, whose single share of 1 is above any variance.
    X = np.random.default_rng(3).standard_normal((20, 2))
    assert ng.dimensionality(X, form="compat").explained_variance == 0
    assert ng.dimensionality(np.outer([1, 2, 4], [1, 1]), form="compat").explained_variance == 0


# The unbiased form


@pytest.mark.parametrize("shape", [(4, 3), (6, 2), (7, 9)])
def test_unbiased_is_the_mean_over_quadruples(shape):
    X = np.random.default_rng(4).standard_normal(shape) ** 3 + 5
    lengths = traces = 0.0
    for i, j, k, m in itertools.permutations(range(len(X)), 4):
        one, two = X[i] - X[j], X[k] - X[m]
        lengths += (one @ one) * (two @ two)
        traces += (one @ two) ** 2
    ratio = ng.dimensionality(X, form="unbiased").participation_ratio
    assert ratio == pytest.approx(lengths / traces, rel=1e-11)


def u_statistics(X):
    centred = X - X.mean(axis=0)
    squares = np.linalg.svd(centred, compute_uv=False) ** 2
    return unbiased_traces(squares.sum(), squares @ squares, (centred**2).sum(axis=1))


@pytest.mark.parametrize("n_samples", [4, 5])
def test_unbiased_expectations_are_exact(n_samples):
    # All samples from a skewed distribution on four points, each with its probability.
    support = np.array([[0.0, 0.0, 1.0], [2.0, -1.0, 0.0], [0.0, 3.0, 0.5], [-4.0, 0.0, 1.0]])
    chance = np.array([0.1, 0.2, 0.3, 0.4])
    expected = np.zeros(2)
    for draw in itertools.product(range(4), repeat=n_samples):
        expected += chance[list(draw)].prod() * np.array(u_statistics(support[list(draw)]))
    centred = support - chance @ support
    covariance = (centred * chance[:, None]).T @ centred
    truth = [np.trace(covariance) ** 2, np.sum(covariance**2)]
    np.testing.assert_allclose(expected, truth, rtol=1e-12)


def test_unbiased_in_gaussian_samples():
    # 15 samples of 40 features: the mean of 2000 estimates lies within 4 of its standard errors,
    # where the plain ratio is too small by more than half.
    rng = np.random.default_rng(5)
    eigenvalues = 1 / np.arange(1, 41) ** 0.5
    truth = np.array([eigenvalues.sum() ** 2, (eigenvalues**2).sum()])
    draws = rng.standard_normal((2000, 15, 40)) * np.sqrt(eigenvalues)
    estimates = np.array([u_statistics(X) for X in draws])
    errors = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    assert (np.abs(estimates.mean(axis=0) - truth) < 4 * errors).all()
    assert (errors < 0.02 * truth).all()
    plain = np.mean([ng.dimensionality(X).participation_ratio for X in draws[:200]])
    unbiased = estimates.mean(axis=0)
    assert plain < 0.5 * truth[0] / truth[1] < unbiased[0] / unbiased[1]


def test_unbiased_without_evidence():
    # Orthonormal samples: no two disjoint differences overlap, so the estimate of tr Sigma^2 is 0.
    assert ng.dimensionality(np.eye(6), form="unbiased").participation_ratio == np.inf
    # One sample unlike three equal ones: both estimates are 0.
    alone = ng.dimensionality([[1, 0], [1, 0], [1, 0], [3, 2]], form="unbiased")
    assert np.isnan(alone.participation_ratio)


# Properties


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.integers(5, 12),
    n_features=st.integers(2, 12),
    seed=st.integers(0, 2**32),
    log_scale=st.floats(-50, 50),
    variance=st.floats(0.05, 0.95),
    form=st.sampled_from(["corrected", "unbiased"]),
)
def test_rotation_translation_and_scale(n_samples, n_features, seed, log_scale, variance, form):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) * rng.uniform(0.1, 1, n_features)
    rotation, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    moved = 10**log_scale * (X[rng.permutation(n_samples)] @ rotation + rng.standard_normal())
    one = ng.dimensionality(X, variance=variance, form=form)
    two = ng.dimensionality(moved, variance=variance, form=form)
    assert two.participation_ratio == pytest.approx(one.participation_ratio, rel=1e-8)
    assert two.explained_variance == one.explained_variance
    rank = min(n_samples - 1, n_features)
    assert 1 <= one.explained_variance <= rank
    assert (np.diff(one.eigenvalues) <= 0).all()
    np.testing.assert_allclose(one.eigenvalues.sum(), X.var(axis=0, ddof=1).sum(), rtol=1e-12)
    if form == "corrected":
        assert 1 <= one.participation_ratio <= rank * (1 + 1e-12)


def test_smallest_cases():
    assert ng.dimensionality([[0.0], [1.0]]).participation_ratio == 1.0
    assert ng.dimensionality([[0.0, 1.0], [1.0, 3.0]]).eigenvalues.tolist() == pytest.approx([2.5])
    assert np.isnan(ng.dimensionality([[0.0], [1.0]], form="compat").participation_ratio)


# Bad input


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([[1.0, 2.0]], ValueError, r"number of samples \(rows\) of X must be at least 2, not 1"),
        ([[0.1, 0.7]] * 9, ValueError, "X has no variance: all of its 9 rows are the same"),
        (np.zeros((2, 3, 4)), ValueError, "X must be two-dimensional"),
        ([[1e200, 0.0], [0.0, 1.0]], ValueError, "X has values of the order 1e"),
        ([[1e-200, 0.0], [0.0, 0.0]], ValueError, "X has values of the order 1e-200"),
    ],
)
def test_bad_data(X, error, message):
    with pytest.raises(error, match=message):
        ng.dimensionality(X)


@pytest.mark.parametrize("variance", [0.0, 1.0, -1.0, np.nan])
def test_bad_variance(variance):
    with pytest.raises(ValueError, match="variance must"):
        ng.dimensionality(np.eye(3), variance=variance)


def test_bad_form():
    with pytest.raises(ValueError, match="form must be one of 'corrected', 'compat', 'unbiased'"):
        ng.dimensionality(np.eye(3), form="plain")
    with pytest.raises(ValueError, match="must be at least 4, not 3"):
        ng.dimensionality(np.eye(3), form="unbiased")
    with pytest.raises(TypeError, match="variance must be a number"):
        ng.dimensionality(np.eye(3), variance="most")
