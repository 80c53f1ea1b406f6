"""The drop-in for mftma: its values where they are determined, its failures where they are not.

Reference values were computed with the original (cvxopt 1.3, pymanopt) on the data that the
generators below give.
"""

import sys
import types

import numpy as np
import pytest
from neurogeom import ConvergenceWarning
from neurogeom.compat.mftma import manifold_analysis as plain
from neurogeom.compat.mftma import manifold_analysis_correlation as corr
from neurogeom.compat.mftma.utils.activation_extractor import extractor
from neurogeom.compat.mftma.utils.analyze_pytorch import analyze
from neurogeom.compat.mftma.utils.make_manifold_data import make_manifold_data
from scipy.optimize import nnls


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
    return [
        shared @ (3 * rs.randn(2, 1)) + rs.randn(100, 1) + 0.6 * rs.randn(100, 10)
        for _ in range(40)
    ]


def test_low_rank_removal():
    X = correlated_clouds()
    np.random.seed(0)
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 300, n_reps=1)
    assert rho == pytest.approx(0.5483509148801207, abs=1e-9)
    assert K in (4, 5)
    assert 0.660 * 0.96 < 1 / np.mean(1 / a) < 0.674 * 1.04
    assert 0.531 * 0.96 < R.mean() < 0.535 * 1.04
    assert 3.49 * 0.96 < D.mean() < 3.51 * 1.04


def test_readme_example():
    np.random.seed(0)
    X = [np.random.randn(5000, 50) for _ in range(100)]
    a, R, D, rho, K = corr.manifold_analysis_corr(X, 0, 200, n_reps=1)
    assert 1 / np.mean(1 / a) == pytest.approx(0.0397, rel=0.015)
    assert R.mean() == pytest.approx(1.476, rel=0.015)
    assert D.mean() == pytest.approx(36.15, rel=0.015)
    assert rho == pytest.approx(0.01405, abs=1e-4)
    assert K == 1


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
    assert_same(first[3], second[3])
    assert capsys.readouterr().out.count("mean=") == 3
    with pytest.raises(ValueError, match=r"s_all\[0\] must hold one number for each of the 8"):
        corr.fun_FA(centers, 3, 50, 2, s_all=[np.ones((7, 1))])


def labelled(n=60, classes=5):
    return [(np.array([float(i), i % classes]), i % classes) for i in range(n)]


def test_make_manifold_data_draws_as_the_original():
    data = make_manifold_data(labelled(), 3, 4, max_class=5)
    np.random.seed(0)
    kept = np.random.choice(list(range(5)), size=3, replace=False)
    order = list(range(60))
    np.random.shuffle(order)
    met = [label for label in dict.fromkeys(i % 5 for i in order) if label in kept]
    expected = [np.array([[i, label] for i in order if i % 5 == label][:4]) for label in met]
    assert_same(data, expected)
    other = make_manifold_data(labelled(), 3, 4, max_class=5, seed=1)
    assert any(not np.array_equal(a, b) for a, b in zip(data, other, strict=True))


def test_make_manifold_data_stacks_with_the_library_of_the_items(monkeypatch):
    library = types.ModuleType("tensors")

    class Tensor:
        def __init__(self, value):
            self.value = value

    Tensor.__module__ = "tensors.inner"
    library.stack = lambda items: ("stacked", [item.value for item in items])
    monkeypatch.setitem(sys.modules, "tensors", library)
    data = make_manifold_data([(Tensor(i), np.int64(i % 2)) for i in range(8)], 2, 3)
    assert [kind for kind, _ in data] == ["stacked", "stacked"]
    assert all(len({v % 2 for v in values}) == 1 for _, values in data)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((6, 2, 5), "max_class"), ((5, 13), "60 examples"), ((7, 2), "4 of 7 . 2 are missing")],
)
def test_make_manifold_data_refuses(arguments, text):
    dataset = [item for item in labelled(70) if item[0][0] < 60]
    with pytest.raises(ValueError, match=text):
        make_manifold_data(dataset, *arguments)


class Tensor:
    """As much of a torch tensor as the extractor uses."""

    def __init__(self, value):
        self.value = np.asarray(value)

    data = property(lambda self: self)

    def cpu(self):
        return self

    def numpy(self):
        return self.value


class Layer:
    """As much of a torch module as the extractor uses."""

    def __init__(self, function=None, children=()):
        self.function, self.inner, self.hooks = function, list(children), []

    def _get_name(self):
        return "Sequential" if self.inner else self.function.__name__

    def children(self):
        return iter(self.inner)

    def register_forward_hook(self, hook):
        self.hooks.append(hook)
        return types.SimpleNamespace(remove=lambda: self.hooks.remove(hook))

    def __call__(self, x):
        if self.inner:
            for child in self.inner:
                x = child(x)
        else:
            x = Tensor(self.function(x.value))
        for hook in self.hooks:
            hook(self, (x,), x)
        return x


def small_model():
    weights = np.random.RandomState(0).randn(6, 6)

    def Linear(x):
        return x.reshape(len(x), -1) @ weights

    def ReLU(x):
        return np.maximum(x, 0)

    return Layer(children=[Layer(Linear), Layer(children=[Layer(ReLU), Layer(Linear)])])


def test_extractor():
    batches = [Tensor(np.random.RandomState(i).randn(4, 2, 3)) for i in range(2)]
    model = small_model()
    found = extractor(model, batches)
    assert list(found) == ["layer_0_Input", "layer_1_Linear", "layer_2_ReLU", "layer_3_Linear"]
    assert all(len(outputs) == 2 for outputs in found.values())
    np.testing.assert_array_equal(
        found["layer_2_ReLU"][1], np.maximum(found["layer_1_Linear"][1], 0)
    )
    assert list(extractor(model, batches, layer_nums=[3])) == ["layer_0_Input", "layer_3_Linear"]
    assert list(extractor(model, batches, layer_types=["ReLU"])) == [
        "layer_0_Input",
        "layer_2_ReLU",
    ]
    assert not model.inner[0].hooks
    with pytest.raises(ValueError, match="not both"):
        extractor(model, batches, [1], ["ReLU"])


def test_analyze(monkeypatch, capsys):
    library = types.ModuleType("tensors")
    library.stack = lambda items: Tensor(np.stack([item.value for item in items]))
    monkeypatch.setitem(sys.modules, "tensors", library)
    monkeypatch.setattr(Tensor, "__module__", "tensors")
    rs = np.random.RandomState(0)
    dataset = [(Tensor(rs.randn(2, 3) + 2 * (i % 8)), i % 8) for i in range(80)]
    settings = {"n_t": 20, "projection_dimension": 5}
    found = analyze(small_model(), dataset, 6, 5, max_class=8, **settings)
    assert list(found) == ["layer_0_Input", "layer_1_Linear", "layer_2_ReLU", "layer_3_Linear"]
    assert capsys.readouterr().out.startswith("Analyzing layer_0_Input\n")
    for layer in found.values():
        assert layer["feature dimension"] == 5
        assert layer["capacity"].shape == layer["radius"].shape == layer["dimension"].shape == (6,)
    picked = analyze(small_model(), dataset, 6, 5, layer_types=["ReLU"], verbose=False, **settings)
    assert list(picked) == ["layer_2_ReLU"]
