"""The drop-in for mftma: its values.

Reference values were computed with the original (cvxopt 1.3, pymanopt) on the data that the
generators below give.
"""

import numpy as np
import pytest
import scipy.linalg
from helpers.cones import nnls
from neurogeom import ConvergenceWarning
from neurogeom.compat.mftma import manifold_analysis as plain
from neurogeom.compat.mftma import manifold_analysis_correlation as corr


def lift(S):
    return np.vstack([S, np.ones((1, S.shape[1]))])


def random_cloud():
    return lift(np.random.RandomState(0).randn(5, 12) * 0.5), np.random.RandomState(1).randn(6, 400)


def sphere():
    rs = np.random.RandomState(2)
    S = rs.randn(8, 300)
    return lift(S / np.linalg.norm(S, axis=0)), np.random.RandomState(3).randn(9, 300)


def point():
    return np.array([[0.0], [1.0]]), np.random.RandomState(4).randn(2, 2000)


def two_points():
    return np.array([[2.0, -2.0], [1.0, 1.0]]), np.random.RandomState(6).randn(2, 2000)


def doubled_cloud():
    sD1, t = random_cloud()
    return np.hstack([sD1, sD1]), t


ANCHOR_LEVEL = [
    (random_cloud, 0.0, 0.4683258335135748, 1.033151254616614, 2.773381171546428),
    (random_cloud, 0.3, 0.3701208212562485, 0.9780074705060096, 2.9179648247977337),
    (sphere, 0.0, 0.2851626466841681, 0.8648886695425787, 7.115609255731424),
    (point, 0.0, 2.108708795758335, 0.0, 0.0),
    (point, 0.5, 0.996762278065275, 0.0, 0.0),
    (two_points, 0.0, 0.8702652499016991, 1.6770925559297778, 0.9999999991391213),
    (doubled_cloud, 0.0, 0.4683258335135123, 1.0331512546133483, 2.773381171556571),
]


@pytest.mark.parametrize(("make", "kappa", "alpha", "radius", "dimension"), ANCHOR_LEVEL)
@pytest.mark.parametrize("module", [corr, plain])
def test_one_manifold_has_the_values_of_the_original(module, make, kappa, alpha, radius, dimension):
    sD1, t = make()
    a, R, D = module.each_manifold_analysis_D1(sD1, kappa, t.shape[1], t_vec=t)
    np.testing.assert_allclose(a, alpha, rtol=1e-8)
    np.testing.assert_allclose([R, D], [radius, dimension], rtol=1e-6, atol=1e-12)


def test_pipeline_has_the_values_of_the_original():
    rs = np.random.RandomState(10)
    X = [rs.randn(10, 1) + 0.7 * rs.randn(10, 15) for _ in range(6)]
    T = [np.random.RandomState(100 + i).randn(11, 300) for i in range(6)]
    a, R, D = plain.manifold_analysis(X, 0, 300, T)
    alpha = [0.4097533366289299, 0.5498063374895822, 0.4936077928241094]
    alpha += [0.5642240338699132, 0.5155310653219081, 0.6511823606758035]
    radius = [0.8617230587509436, 0.6851175376246099, 0.8633302498590579]
    radius += [0.6557598314467878, 0.6907743425438961, 0.6160386014899862]
    dimension = [4.281257475620673, 3.9468805254031243, 4.033248439740134]
    dimension += [3.9036073560235907, 3.770576515810746, 3.560807328582502]
    np.testing.assert_allclose(a, alpha, rtol=1e-8)
    np.testing.assert_allclose(R, radius, rtol=1e-6)
    np.testing.assert_allclose(D, dimension, rtol=1e-6)


def test_reduced_pipeline_agrees_with_a_plain_computation():
    """N > M: the thin Q of SciPy's QR, as the original has it, and NNLS sample by sample."""
    rs = np.random.RandomState(3)
    X = [rs.randn(30, 1) + 0.5 * rs.randn(30, m) for m in (6, 9, 4)]
    T = [rs.randn(m + 1, 50) for m in (6, 9, 4)]
    kappa = 0.2
    mean = np.concatenate(X, axis=1).mean(axis=1, keepdims=True)
    expected = []
    for cloud, t in zip(X, T, strict=True):
        center = (cloud - mean).mean(axis=1, keepdims=True)
        S = (cloud - mean - center) / np.linalg.norm(center)
        sD1 = lift(np.linalg.qr(S)[0].T @ S)
        shift = np.append(np.zeros(len(sD1) - 1), kappa)
        costs = [nnls(sD1, column + shift)[1] for column in t.T]
        squares = np.sum((t.T + shift) ** 2, axis=1)  # |t|^2 = |projection|^2 + |rest|^2
        expected.append(1 / np.mean(squares - np.square(costs)))
    a, _, _ = plain.manifold_analysis(X, kappa, 50, T)
    np.testing.assert_allclose(a, expected, rtol=1e-9)


def test_statistics_of_reduced_clouds():
    rs = np.random.RandomState(11)
    X = [rs.randn(120, 1) + 0.7 * rs.randn(120, 12) for _ in range(5)]
    np.random.seed(0)
    a, R, D = plain.manifold_analysis(X, 0, 4000)
    assert 1 / np.mean(1 / a) == pytest.approx(0.5360658552036083, rel=0.02)
    np.testing.assert_allclose(R, [0.62353, 0.60633, 0.64517, 0.61600, 0.61059], rtol=0.03)
    np.testing.assert_allclose(D, [4.17344, 4.09742, 4.26177, 4.11392, 4.03330], rtol=0.03)


def correlated_clouds():
    rs = np.random.RandomState(12)
    shared = rs.randn(100, 2)
    return [shared @ (3 * rs.randn(2, 1)) + rs.randn(100, 1) + 0.6 * rs.randn(100, 10) for _ in range(40)]


def test_low_rank_removal():
    X = correlated_clouds()
    np.random.seed(0)
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 300, n_reps=1)
    assert rho == pytest.approx(0.5483509148801207, abs=1e-9)
    assert K in (4, 5)
    assert 0.660 * 0.96 < 1 / np.mean(1 / a) < 0.674 * 1.04
    assert 0.531 * 0.96 < R.mean() < 0.535 * 1.04
    assert 3.49 * 0.96 < D.mean() < 3.51 * 1.04


def test_removal_step_by_step():
    """The steps of the original in plain NumPy and SciPy, on the directions that fun_FA finds."""
    X = correlated_clouds()
    T = [np.random.RandomState(i).randn(11, 60) for i in range(40)]
    np.random.seed(1)
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0.1, 60, T, n_reps=1)

    centers = np.stack([c.mean(axis=1) for c in X], axis=1)
    spectrum = np.linalg.svd(centers - centers.mean(axis=1, keepdims=True))[1] ** 2
    shares = np.cumsum(spectrum / spectrum.sum())
    max_rank = int(np.argmax(np.where(shares < 0.95, shares, 0))) + 11
    np.random.seed(1)
    _, _, basis, directions, residual, before = corr.fun_FA(centers, max_rank, 20000, 1)
    assert before == rho
    assert np.argmin(residual) + 1 == K
    removed = basis @ directions[K - 1]
    mean = np.concatenate(X, axis=1).mean(axis=1, keepdims=True)
    expected = []
    for cloud, t in zip(X, T, strict=True):
        rest = (cloud - mean) - removed @ (removed.T @ (cloud - mean))
        center = rest.mean(axis=1, keepdims=True)
        S = (rest - center) / np.linalg.norm(center)
        Q, _ = scipy.linalg.qr(S, mode="economic")
        expected.append(corr.each_manifold_analysis_D1(lift(Q.T @ S), 0.1, 60, t_vec=t))
    np.testing.assert_allclose(np.transpose([a, R, D]), expected, rtol=1e-7)


def test_readme_example():
    np.random.seed(0)
    X = [np.random.randn(5000, 50) for _ in range(100)]
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 200, n_reps=1)
    assert 1 / np.mean(1 / a) == pytest.approx(0.0397, rel=0.015)
    assert R.mean() == pytest.approx(1.476, rel=0.015)
    assert D.mean() == pytest.approx(36.15, rel=0.015)
    assert rho == pytest.approx(0.01405, abs=1e-4)
    assert K == 1


def test_maxproj_takes_the_first_of_equals():
    sD1 = lift(np.array([[0.0, 1.0, 1.0], [2.0, 0.5, 0.5]]))
    points, reach = corr.maxproj(np.array([[3.0, 0.0], [0.0, -1.0], [0.25, 0.0]]), sD1, sc=2)
    np.testing.assert_array_equal(points, [[1.0, 1.0], [0.5, 0.5], [2.0, 2.0]])
    np.testing.assert_array_equal(reach, [3.5, -0.5])


@pytest.mark.parametrize("kappa", [0, 0.4])
def test_minimize_vt_sq(kappa):
    sD1, T = random_cloud()
    shift = np.append(np.zeros(5), kappa)
    for t in T.T[:20, :, np.newaxis]:
        v, objective, flag, multipliers, distance = corr.minimize_vt_sq(t, sD1, kappa)
        assert (v.shape, multipliers.shape, flag) == ((6, 1), (12, 1), 1)
        weights, _ = nnls(sD1, t[:, 0] + shift)
        np.testing.assert_allclose(v[:, 0], t[:, 0] - sD1 @ weights, atol=1e-10)
        np.testing.assert_allclose(sD1 @ multipliers, t - v, atol=1e-10)
        assert (sD1.T @ v).max() <= -kappa + 1e-9
        assert objective == pytest.approx(0.5 * (distance - (t**2).sum()), abs=1e-9)


def test_unsolvable_projections_are_nan():
    sD1, T = np.array([[1.0, -1.0], [0.0, 0.0]]), np.ones((2, 3))  # v <= -1 and -v <= -1
    with pytest.warns(ConvergenceWarning, match="3 of 3 projections failed"):
        assert np.isnan(corr.each_manifold_analysis_D1(sD1, 1.0, 3, t_vec=T)).all()
    assert corr.minimize_vt_sq(T[:, :1], sD1, 1.0)[2] == 0


def test_fun_FA():
    X = correlated_clouds()
    centers = np.stack([c.mean(axis=1) for c in X], axis=1)
    np.random.seed(0)
    norms, mean_norms, basis, directions, residual, before = corr.fun_FA(centers, 4, 20000, 2)
    assert before == pytest.approx(0.5483509148801207, abs=1e-9)
    assert basis.shape == (100, 39)
    assert [len(x) for x in (norms, mean_norms, directions, residual)] == [4] * 4
    deviations = centers - centers.mean(axis=1, keepdims=True)
    for K, V in enumerate(directions, 1):
        assert V.shape == (39, K)
        np.testing.assert_allclose(V.T @ V, np.eye(K), atol=1e-10)
        W = basis @ V
        rest = deviations - W @ W.T @ deviations
        lengths = np.linalg.norm(rest, axis=0)
        np.testing.assert_allclose(norms[K - 1], lengths / np.linalg.norm(deviations, axis=0))
        assert mean_norms[K - 1] == pytest.approx(norms[K - 1].mean())
        cosines = np.abs((rest / lengths).T @ (rest / lengths))
        assert residual[K - 1] == pytest.approx((cosines.sum() - 40) / (40 * 39))
    assert residual[0] == pytest.approx(0.5213, rel=0.06)
    assert residual[1] == pytest.approx(0.0801, rel=0.03)


def test_fun_FA_starts_from_given_vectors(capsys):
    centers = np.random.RandomState(0).randn(20, 8)
    given = [np.random.RandomState(i).randn(8, 1) for i in range(20)]
    state = np.random.get_state()[1].copy()
    first = corr.fun_FA(centers, 3, 50, 2, s_all=given)
    second = corr.fun_FA(centers, 3, 50, 2, s_all=given, verbose=True)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(first[3][2], second[3][2])
    assert capsys.readouterr().out.count("mean=") == 3
    with pytest.raises(ValueError, match=r"s_all\[0\] must hold one number for each of the 8"):
        corr.fun_FA(centers, 3, 50, 2, s_all=[np.ones((7, 1))])
