"""The drop-in for Wakhloo, Sussman and Chung's code: its values, what it returns, and bad input."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
from helpers.cones import nnls
from neurogeom.compat.correlated_capacity import manifold_analysis_corr

TERMS = ("cent_cent", "ax_ax", "cent_ax", "individual_contribs")


def clouds(n_manifolds=5, n_features=60, n_points=6, seed=1):
    rs = np.random.RandomState(seed)
    shared = 0.5 * rs.randn(n_features, 1)
    return [
        shared + rs.randn(n_features, 1) + 0.6 * rs.randn(n_features, n_points) for _ in range(n_manifolds)
    ]


def published(X, axes, t, labels, kappa):
    """One sample of the published form, min |V - T|^2 in the metric C^-1, by way of NNLS."""
    P, N, D1 = axes.shape
    flat = axes.transpose(0, 2, 1).reshape(P * D1, N)
    C = (flat @ flat.T).reshape(P, D1, P, D1)
    L = scipy.linalg.qr(flat.T, mode="economic")[1].T.reshape(P, D1, P * D1)
    rows = []
    for m in range(P):
        center = X[m].mean(axis=1, keepdims=True)
        points = np.vstack([axes[m, :, :-1].T @ (X[m] - center), np.ones((1, X[m].shape[1]))])
        rows.append(labels[m] * points.T @ L[m])
    G = np.concatenate(rows)
    # The rows are independent here, so G v <= -kappa is G (v + u) <= 0 with some u that has G u = kappa.
    shift = np.linalg.pinv(G) @ np.full(len(G), kappa)
    weights = nnls(G.T, t + shift)[0]
    moved = -G.T @ weights
    flat_L = L.reshape(P * D1, P * D1)
    w = scipy.linalg.solve(flat_L @ flat_L.T, flat_L @ moved).reshape(P, D1)
    products = w[:, :, None, None] * C * w
    same = np.eye(P, dtype=bool)
    blocks = products.transpose(0, 2, 1, 3)
    parts = (
        blocks[..., -1, -1][~same].sum(),
        blocks[..., :-1, :-1][~same].sum(),
        2 * blocks[..., :-1, -1][~same].sum(),
        blocks[same].sum(),
    )
    return moved @ moved, parts, t + moved, w


@pytest.mark.parametrize("kappa", [0, 0.7])
def test_values_are_those_of_the_published_formula(kappa):
    X = clouds()
    np.random.seed(3)
    alpha, norms, exits, stats, axes = manifold_analysis_corr(X, kappa, 12)
    np.random.seed(3)
    t = np.random.randn(5, 7, 12).reshape(35, 12)
    labels = np.random.choice([-1, 1], size=(12, 5))
    np.testing.assert_array_equal(stats["labels"], labels)
    for k in range(12):
        norm, parts, v, w = published(X, axes, t[:, k], labels[k], kappa)
        np.testing.assert_allclose(norms[k], norm, rtol=1e-9)
        np.testing.assert_allclose([stats[name][k] for name in TERMS], parts, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(stats["v"][k], v, atol=1e-8)
        # along the axis on which no point has a coordinate, w is 0 up to the rounding of C^-1
        np.testing.assert_allclose(stats["ylamS"][k], w, atol=1e-7)
    assert alpha == pytest.approx(5 / np.mean(norms))
    assert exits == [1] * 12


def test_axes_are_orthonormal_with_the_centre_last():
    X = clouds()
    axes = manifold_analysis_corr(X, 0, 2)[4]
    assert axes.shape == (5, 60, 7)
    for own, cloud in zip(axes, X, strict=True):
        np.testing.assert_allclose(own[:, :-1].T @ own[:, :-1], np.eye(6), atol=1e-12)
        np.testing.assert_allclose(own[:, -1], cloud.mean(axis=1), rtol=1e-12)


def test_same_draws_as_the_native_function():
    X = clouds()
    np.random.seed(5)
    _, norms, _, stats, axes = manifold_analysis_corr(X, 0.2, 40)
    np.random.seed(5)
    basis = scipy.linalg.qr(np.concatenate(axes, axis=1), mode="economic")[0]
    draws = np.random.randn(35, 40).T @ basis.T
    native = ng.correlated_capacity(
        [cloud.T for cloud in X], margin=0.2, n_samples=40, gaussians=draws, dichotomies=stats["labels"]
    )
    np.testing.assert_allclose(norms, native.squared_projections, rtol=1e-9)
    for name, ours in zip(TERMS, ("center_center", "axis_axis", "center_axis", "individual"), strict=True):
        assert stats[name].mean() == pytest.approx(getattr(native, ours), rel=1e-8)
    np.testing.assert_allclose(sum(stats[name] for name in TERMS), stats["cap_hat"], rtol=1e-9)


def test_agrees_with_effective_geometry():
    X = clouds(8, 100, 10)
    np.random.seed(0)
    alpha, norms, *_ = manifold_analysis_corr(X, 0, 800)
    error = alpha**2 * np.std(norms) / 8 / np.sqrt(800)
    other = ng.effective_geometry(
        [cloud.T for cloud in X], dichotomies="iid", center=False, n_samples=800, rng=1
    )
    assert abs(alpha - other.capacity) < 4 * np.hypot(error, other.capacity_se)


def test_fewer_features_than_axes():
    X = clouds(6, 30, 5)
    np.random.seed(2)
    _, norms, exits, stats, axes = manifold_analysis_corr(X, 0, 60)
    np.random.seed(2)
    draws = np.random.randn(30, 60).T
    points = np.concatenate([cloud.T for cloud in X])
    for k in range(60):
        signed = points * np.repeat(stats["labels"][k], 5)[:, None]
        rest = nnls(signed.T, draws[k])[1]
        assert norms[k] == pytest.approx(draws[k] @ draws[k] - rest**2, rel=1e-9)
        assert (signed @ stats["v"][k]).max() < 1e-9
    assert all(exits)
    assert axes.shape == (6, 30, 6)
    assert stats["v"].shape == (60, 30)


def test_inseparable_samples_have_no_unique_statistics():
    X = clouds(6, 8, 5)
    alpha, norms, exits, stats, _ = manifold_analysis_corr(X, 0, 50)
    inseparable = np.isnan(stats["cent_cent"])
    assert inseparable.any()
    assert np.isfinite(norms).all()
    assert all(exits)
    assert alpha == pytest.approx(6 / np.mean(norms))
    assert np.isnan(stats["ylamS"][inseparable]).all()
    assert np.isfinite(stats["ylamS"][~inseparable]).all()


def test_a_margin_that_cannot_be_had():
    X = clouds(6, 8, 5)
    with pytest.warns(ng.ConvergenceWarning, match=r"no v has margin 0\.5 for \d+ of the 30 samples"):
        alpha, _, exits, _, _ = manifold_analysis_corr(X, 0.5, 30)
    assert np.isnan(alpha)
    assert 0 in exits


def test_unequal_numbers_of_points():
    X = clouds()
    X[2] = X[2][:, :4]
    _, norms, _, stats, axes = manifold_analysis_corr(X, 0, 10)
    assert [own.shape for own in axes] == [(60, 7)] * 2 + [(60, 5)] + [(60, 7)] * 2
    assert [own.shape for own in stats["ylamS"]] == [(10, 7)] * 2 + [(10, 5)] + [(10, 7)] * 2
    np.testing.assert_allclose(sum(stats[name] for name in TERMS), norms, rtol=1e-9)


def test_global_seed_and_stack():
    X = np.stack(clouds())
    before = X.copy()
    np.random.seed(0)
    first = manifold_analysis_corr(X, 0, 20)
    second = manifold_analysis_corr(list(X), 0, 20)
    np.random.seed(0)
    third = manifold_analysis_corr(X.astype(np.float64), 0, n_t=20)
    assert first[1] == third[1] != second[1]
    np.testing.assert_array_equal(X, before)
    assert isinstance(first[0], float)
    assert all(isinstance(norm, float) for norm in first[1])


def test_dead_data_have_no_capacity():
    with pytest.warns(ng.ConvergenceWarning, match="projections of all 5 samples are zero"):
        alpha, *_ = manifold_analysis_corr(np.zeros((3, 20, 4)), 0, 5)
    assert np.isnan(alpha)


def test_nothing_is_printed(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manifold_analysis_corr(clouds(), 0, 3)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((clouds(), -0.1, 5), ValueError, "kappa must not be negative"),
        ((clouds(), 0, 0), ValueError, "n_t must be at least 1"),
        ((clouds(), 0, 2.5), TypeError, "n_t must be an integer"),
        (([], 0, 5), ValueError, "XtotT is empty"),
        (("abc", 0, 5), TypeError, "XtotT must be a sequence"),
        ((np.ones((3, 4)), 0, 5), ValueError, r"must have shape \(P, N, M\)"),
        (([np.ones((3, 4)), np.ones((2, 4))], 0, 5), ValueError, "number of features"),
        (([np.full((3, 4), np.nan)], 0, 5), ValueError, r"XtotT\[0\]\[0, 0\] is nan"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        manifold_analysis_corr(*arguments)
