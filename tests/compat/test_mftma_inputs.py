"""The drop-in for mftma: what it takes, and what it does where the original fails."""

import numpy as np
import pytest
from neurogeom import ConvergenceWarning
from neurogeom._base import threads as _threads
from neurogeom.compat.mftma import manifold_analysis as plain
from neurogeom.compat.mftma import manifold_analysis_correlation as corr


def lift(S):
    return np.vstack([S, np.ones((1, S.shape[1]))])


def small_clouds(P=8, N=40, sizes=(6,), seed=5):
    rs = np.random.RandomState(seed)
    return [rs.randn(N, 1) + 0.5 * rs.randn(N, sizes[i % len(sizes)]) for i in range(P)]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_returns_what_the_original_returns():
    np.random.seed(0)
    a, R, D, rho, K = corr.manifold_analysis_corr(small_clouds(), 0.1, 50)
    for values in (a, R, D):
        assert isinstance(values, np.ndarray)
        assert values.shape == (8,)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
    assert isinstance(rho, float)
    assert type(K) is int
    assert 1 <= K <= 6


def test_seed_is_honoured():
    results = []
    for seed in (7, 7, 8):
        np.random.seed(seed)
        results.append(corr.manifold_analysis_corr(small_clouds(), 0, 30, n_reps=2))
    assert_same(results[0], results[1])
    assert not np.array_equal(results[0][0], results[2][0])


def test_draws_manifold_after_manifold():
    X = small_clouds(P=3)
    np.random.seed(4)
    drawn = plain.manifold_analysis(X, 0, 20)
    np.random.seed(4)
    assert_same(drawn, plain.manifold_analysis(X, 0, 20, [np.random.randn(7, 20) for _ in X]))


def test_layouts_and_types_do_not_matter():
    X = small_clouds()
    frozen = [cloud.copy() for cloud in X]
    for cloud in frozen:
        cloud.flags.writeable = False
    wide = [np.repeat(cloud, 2, axis=1)[:, ::2] for cloud in X]
    stack = np.stack(X)
    results = []
    for given in (X, frozen, wide, [np.asfortranarray(c) for c in X], tuple(X), stack, iter(X)):
        np.random.seed(0)
        results.append(corr.manifold_analysis_corr(given, 0, 30, n_reps=1))
    for other in results[1:]:
        for one, value in zip(results[0], other, strict=True):
            np.testing.assert_allclose(value, one, rtol=1e-7)
    assert_same([stack], [np.stack(X)])
    assert_same(X, frozen)


def test_float32():
    X = small_clouds()
    results = []
    for given in (
        [c.astype(np.float32) for c in X],
        [c.astype(np.float32).astype(float) for c in X],
    ):
        np.random.seed(0)
        results.append(plain.manifold_analysis(given, 0, 30))
    assert_same(*results)


def test_ragged_clouds_use_the_mean_of_all_points():
    X = small_clouds(P=6, sizes=(3, 9, 50))
    T = [np.random.RandomState(i).randn(min(40, c.shape[1]) + 1, 20) for i, c in enumerate(X)]
    shifted = [c + 100.0 for c in X]
    first, second = plain.manifold_analysis(X, 0, 20, T), plain.manifold_analysis(shifted, 0, 20, T)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7)
    mean = np.concatenate(X, axis=1).mean(axis=1, keepdims=True)
    S = X[2] - mean
    S = (S - S.mean(axis=1, keepdims=True)) / np.linalg.norm(S.mean(axis=1))
    expected = plain.each_manifold_analysis_D1(lift(S), 0, 20, t_vec=T[2])
    np.testing.assert_allclose([v[2] for v in first], expected, rtol=1e-9)


@pytest.mark.parametrize(("P", "rank"), [(2, 0), (3, 1), (4, None), (5, None)])
def test_few_manifolds(P, rank):
    """The original fails an assertion for two and three (its issue 5)."""
    np.random.seed(0)
    X = small_clouds(P=P)
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 40, n_reps=2)
    assert K <= P - 2
    assert rank is None or rank == K
    assert np.isfinite([a, R, D]).all()
    assert 0 < rho <= 1
    if P == 2:
        T = [np.random.RandomState(i).randn(7, 40) for i in range(2)]
        removed = corr.manifold_analysis_corr(X, 0, 40, T)[:2]
        assert_same(removed, plain.manifold_analysis(X, 0, 40, T)[:2])


def test_fewer_features_than_manifolds():
    np.random.seed(0)
    a, _, _, _, K = corr.manifold_analysis_corr(small_clouds(P=20, N=10), 0, 40, n_reps=1)
    assert np.isfinite(a).all()
    assert 1 <= K < 10


def test_centers_on_a_line_keep_their_line():
    rs = np.random.RandomState(0)
    line = rs.randn(20, 1)
    X = []
    for i in range(6):
        noise = rs.randn(20, 5)
        X.append((i + 1) ** 2 * line + 0.1 * (noise - noise.mean(axis=1, keepdims=True)))
    a, _, _, rho, K = corr.manifold_analysis_corr(X, 0, 40)
    assert K == 0
    assert rho == pytest.approx(1)
    assert np.isfinite(a).all()


def test_single_manifold_is_nan_with_a_warning():
    X = small_clouds(P=1)
    with pytest.warns(ConvergenceWarning, match=r"XtotT\[0\]"):
        assert np.isnan(plain.manifold_analysis(X, 0, 10)).all()
    with pytest.warns(ConvergenceWarning, match=r"XtotT\[0\]"):
        a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 10)
    assert np.isnan([a, R, D]).all()
    assert np.isnan(rho)
    assert K == 0


def test_vanishing_centers_are_named():
    """The original divides by rounding errors and returns radii of 1e11."""
    X = small_clouds(P=2)
    X[1] = X[1] - X[1].mean(axis=1, keepdims=True) + X[0].mean(axis=1, keepdims=True)
    with pytest.warns(ConvergenceWarning, match=r"XtotT\[0\], XtotT\[1\]: the centre"):
        assert np.isnan(plain.manifold_analysis(X, 0, 10)).all()
    # One of seven at the mean of the other six: only this one is undefined.
    X = small_clouds(P=6)
    middle = np.mean([c.mean(axis=1) for c in X], axis=0)[:, None]
    X.append(np.random.RandomState(9).randn(40, 6))
    X[6] = X[6] - X[6].mean(axis=1, keepdims=True) + middle
    with pytest.warns(ConvergenceWarning, match=r"XtotT\[6\]: the centre"):
        a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 10, n_reps=1)
    assert np.isnan([a[6], R[6], D[6]]).all()
    assert np.isfinite([a[:6], R[:6], D[:6]]).all()
    assert 0 < rho < 1
    assert 1 <= K <= 4


def test_points_have_no_radius_and_no_dimension():
    np.random.seed(0)
    X = [np.random.randn(30, 1) for _ in range(6)]
    a, R, D = plain.manifold_analysis(X, 0, 4000)
    np.testing.assert_allclose(a, 2, rtol=0.15)
    assert not R.any()
    assert not D.any()
    a, R, D, _, _ = corr.manifold_analysis_corr(X, 0, 4000, n_reps=1)
    np.testing.assert_allclose(a, 2, rtol=0.15)
    assert not R.any()
    assert not D.any()


def test_all_interior_is_infinite_capacity():
    t = np.array([[0.1, -0.2], [-5.0, -4.0]])
    a, R, _ = corr.each_manifold_analysis_D1([[0.5, -0.5], [1.0, 1.0]], 0, 2, t_vec=t)
    assert a == np.inf
    np.testing.assert_allclose(R, 0.5)


def with_nan(X):
    X[3][2, 1] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "arguments", "error", "text"),
    [
        (with_nan, {}, ValueError, r"XtotT\[3\]\[2, 1\] is nan"),
        (lambda X: [c * 1e200 for c in X], {}, ValueError, r"XtotT\[0\] .* rescale"),
        (lambda X: [c + 1j for c in X], {}, TypeError, r"XtotT\[0\]"),
        (lambda X: [*X[:4], X[4].T], {}, ValueError, "number of features"),
        (lambda X: X[0], {}, ValueError, r"shape \(P, N, M\)"),
        (lambda X: [], {}, ValueError, "XtotT is empty"),
        (lambda X: 3.0, {}, TypeError, "XtotT"),
        (lambda X: X, {"kappa": -0.1}, ValueError, "kappa"),
        (lambda X: X, {"n_t": 0}, ValueError, "n_t"),
        (lambda X: X, {"t_vecs": [np.zeros((7, 10))]}, ValueError, "t_vecs must hold one array"),
        (lambda X: X, {"t_vecs": [np.zeros((6, 10))] * 8}, ValueError, r"t_vecs\[0\].*\(7, 10\)"),
    ],
)
@pytest.mark.parametrize("function", [corr.manifold_analysis_corr, plain.manifold_analysis])
def test_bad_input(function, change, arguments, error, text):
    arguments = {"kappa": 0, "n_t": 10} | arguments
    with pytest.raises(error, match=text):
        function(change(small_clouds()), **arguments)


def test_number_of_threads_does_not_matter(monkeypatch):
    results = []
    for threads in ("1", "2"):
        monkeypatch.setattr(_threads, "_OMP_NUM_THREADS", threads)
        np.random.seed(0)
        results.append(corr.manifold_analysis_corr(small_clouds(), 0, 100, n_reps=3))
    assert_same(*results)
