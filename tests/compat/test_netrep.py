"""The drop-in for netrep: its numbers and its shapes."""

from __future__ import annotations

import itertools
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.references import VALUES, reference_data
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom.compat.netrep import multiset
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric
from numpy.testing import assert_allclose, assert_array_equal

both_modes = pytest.mark.parametrize("parity", [False, True])


# ---- reference values, which were made with netrep --------------------------------------------

LINEAR = [
    ("procrustes_angular(X,Y)", "XY", {}),
    ("procrustes_euclidean(X,Y)", "XY", {"score_method": "euclidean"}),
    ("procrustes_angular_uncentered(X,Y)", "XY", {"center_columns": False}),
    ("procrustes_angular(P,Q) wide n>m", "PQ", {}),
    ("cca_angular alpha=0 (X,Y)", "XY", {"alpha": 0}),
    ("cca_angular alpha=0 (X,W)", "XW", {"alpha": 0.0}),
    ("partial_whitening_angular alpha=0.1 (X,Y)", "XY", {"alpha": 0.1}),
    ("partial_whitening_angular alpha=0.5 (X,Y)", "XY", {"alpha": 0.5}),
    ("partial_whitening_angular alpha=0.9 (X,Y)", "XY", {"alpha": 0.9}),
    (
        "partial_whitening_euclidean alpha=0.5 (X,W) variance-preserving",
        "XW",
        {"alpha": 0.5, "score_method": "euclidean"},
    ),
]
PERMUTATION = [
    ("permutation_angular(X,W)", "XW", {}),
    ("permutation_euclidean(X,W)", "XW", {"score_method": "euclidean"}),
    ("permutation_angular(X,Y) zero-padded", "XY", {}),
]


@both_modes
@pytest.mark.parametrize(
    ("kind", "name", "pair", "options"),
    [(LinearMetric, *row) for row in LINEAR]
    + [(PermutationMetric, *row) for row in PERMUTATION]
    + [(LinearCKA, "cka_angular(X,Y)", "XY", {})],
)
def test_reference_values(kind, name, pair, options, parity):
    data, value = dict(zip("XYWPQ", reference_data(), strict=True)), VALUES[name]
    metric, items = kind(**options, parity=parity), [data[key] for key in pair]
    assert metric.fit_score(*items) == pytest.approx(value, rel=1e-10)
    assert metric.fit_score(*items[::-1]) == pytest.approx(value, rel=1e-10)
    swept = multiset.pairwise_distances(metric, items, verbose=False)
    assert_allclose(swept, [[0, value], [value, 0]], rtol=1e-10)


@both_modes
@pytest.mark.parametrize(("alpha", "name"), [(1.0, "procrustes_angular"), (0.5, "alpha=0.5 angular")])
def test_reference_values_on_held_out_stimuli(alpha, name, parity):
    data = dict(zip("XYWPQ", reference_data(), strict=True))
    value = VALUES[f"{name} train(30)/test(10) (X,Y): [train,test]"]
    train, test = ([data[key][rows] for key in "XY"] for rows in (slice(30), slice(30, None)))
    metric = LinearMetric(alpha, parity=parity)
    assert metric.fit_score(*train) == pytest.approx(value[0], rel=1e-10)
    assert metric.score(*test) == pytest.approx(value[1], rel=1e-10)
    for D, expected in zip(metric.pairwise_distances(train, test, verbose=False), value, strict=True):
        assert_allclose(D, [[0, expected], [expected, 0]], rtol=1e-10)


# ---- closed forms -----------------------------------------------------------------------------


@both_modes
def test_diagonal_matrices(parity):
    X, Y = np.diag([3, 2, 1]), np.diag([1, 1, 2])
    for kind in (LinearMetric, PermutationMetric):
        metric = kind(center_columns=False, parity=parity)
        assert metric.fit_score(X, Y) == pytest.approx(np.arccos(7 / np.sqrt(84)), rel=1e-12)
        assert metric.set_params(score_method="euclidean").fit_score(X, Y) == pytest.approx(6**0.5, rel=1e-12)


@both_modes
def test_subset_of_units_and_single_units(parity):
    (X,) = items_of((8,), 30)
    assert LinearMetric(0.0, parity=parity).fit_score(X[:, :2], X) == pytest.approx(np.pi / 3, rel=1e-9)
    correlation = np.corrcoef(X[:, 0], X[:, 1])[0, 1]
    for alpha in (0.0, 0.5, 1.0):
        angle = LinearMetric(alpha, parity=parity).fit_score(X[:, :1], X[:, 1:2])
        assert angle == pytest.approx(np.arccos(abs(correlation)), rel=1e-9)
    signed = PermutationMetric(parity=parity).fit_score(X[:, :1], -X[:, :1])
    # The original's arccos has the root of the rounding of its argument beside -1.
    assert signed == pytest.approx(np.pi, abs=4 * np.sqrt(np.finfo(float).eps) if parity else 1e-9)


@both_modes
def test_orthogonal_subspaces(parity):
    X, Y = np.eye(6)[:, :2], 2 * np.eye(6)[:, 3:]
    for kind in (LinearMetric, PermutationMetric, LinearCKA):
        metric = kind(center_columns=False, parity=parity)
        assert metric.fit_score(X, Y) == pytest.approx(np.pi / 2, rel=1e-12)
        D = multiset.pairwise_distances(metric, [X, Y], verbose=False)
        assert D[0, 1] == pytest.approx(np.pi / 2, rel=1e-12)
    metric = LinearMetric(center_columns=False, score_method="euclidean", parity=parity)
    assert metric.fit_score(X, Y) == pytest.approx(np.sqrt(2 + 12), rel=1e-12)


def test_best_permutation_by_brute_force():
    X, Y, _, _ = items_of((4, 4, 4, 4), 30)
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    best = min((np.linalg.norm(Xc - Yc[:, p]), p) for p in itertools.permutations(range(4)))
    metric = PermutationMetric(score_method="euclidean")
    assert metric.fit_score(X, Y) == pytest.approx(best[0], rel=1e-12)
    assert_array_equal(metric.Px_, range(4))
    assert_array_equal(metric.Py_, best[1])


# ---- what fit leaves, what transform gives ----------------------------------------------------


@both_modes
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1])
@pytest.mark.parametrize("widths", [(7, 7), (7, 4), (4, 7)])
def test_linear_attributes(alpha, widths, parity):
    X, Y = items_of(widths, 30)
    metric = LinearMetric(alpha, parity=parity)
    assert metric.fit(X, Y) is metric
    assert metric.mx_.shape == metric.my_.shape == (7,)
    assert metric.Wx_.shape == metric.Wy_.shape == (7, 7)
    assert metric.widths_ == widths
    assert_allclose(metric.mx_[: widths[0]], X.mean(axis=0), rtol=1e-12)
    assert not metric.mx_[widths[0] :].any()
    tX, tY = metric.transform(X, Y)
    assert tX.shape == tY.shape == (30, 7)
    for data, mean, W, t in ((X, metric.mx_, metric.Wx_, tX), (Y, metric.my_, metric.Wy_, tY)):
        wide = np.pad(data, ((0, 0), (0, 7 - data.shape[1])))
        assert_allclose(t, (wide - mean) @ W, atol=1e-12)
    # Aligned: the core is diagonal and not negative, so that no rotation gains anything.
    core = tX.T @ tY
    assert_allclose(core, np.diag(np.diag(core)), atol=1e-10 * np.abs(core).max())
    assert (np.diag(core) > -1e-10).all()
    if alpha == 1:
        for W in (metric.Wx_, metric.Wy_):
            assert_allclose(W.T @ W, np.eye(7), atol=1e-13)
    if not parity:
        assert metric.n_aligned_ == min(widths)
        assert np.linalg.norm(tX) == pytest.approx(np.linalg.norm(X - X.mean(axis=0)), rel=1e-12)


@both_modes
def test_transform_agrees_with_score(parity):
    X, Y = items_of((7, 4), 30)
    for kind in (LinearMetric, PermutationMetric):
        metric = kind(score_method="euclidean", parity=parity).fit(X[:20], Y[:20])
        for rows in (slice(20), slice(20, None), slice(25, 26)):
            tX, tY = metric.transform(X[rows], Y[rows])
            assert metric.score(X[rows], Y[rows]) == pytest.approx(np.linalg.norm(tX - tY), rel=1e-12)
            cosine = np.vdot(tX, tY) / np.linalg.norm(tX) / np.linalg.norm(tY)
            metric.set_params(score_method="angular")
            assert metric.score(X[rows], Y[rows]) == pytest.approx(np.arccos(cosine), rel=1e-12)
            metric.set_params(score_method="euclidean")


@both_modes
@pytest.mark.parametrize("widths", [(6, 6), (6, 3), (3, 6)])
def test_permutation_attributes(widths, parity):
    X, Y = items_of(widths, 30)
    metric = PermutationMetric(parity=parity).fit(X, Y)
    for P in (metric.Px_, metric.Py_):
        assert_array_equal(np.sort(P), range(6))
        assert P.dtype.kind == "i"
    tX, _ = metric.transform(X, Y)
    assert_allclose(
        np.sort(tX, axis=1), np.sort(np.pad(X - X.mean(axis=0), ((0, 0), (0, 6 - widths[0]))), axis=1)
    )
    assert metric.mx_.shape == (6,)


@both_modes
@pytest.mark.parametrize("kind", [LinearMetric, PermutationMetric])
def test_partial_fits_make_the_fit(kind, parity):
    X, Y = items_of((7, 7), 30)
    metric, whole = kind(parity=parity), kind(parity=parity).fit(X, Y)
    caches = metric.partial_fit(X), metric.partial_fit(Y)
    assert_allclose(caches[0][0], X.mean(axis=0), rtol=1e-12)
    assert metric.finalize_fit(*caches) is metric
    for name in ("mx_", "my_", "Wx_", "Wy_", "Px_", "Py_"):
        if hasattr(whole, name):
            assert_array_equal(getattr(metric, name), getattr(whole, name))
    half = LinearMetric(0.5).partial_fit(X)
    assert_allclose(half.responses, (X - half.mean) @ half.whitening, rtol=1e-12)


@both_modes
def test_invariance(parity):
    rng = np.random.default_rng(1)
    X, Y = items_of((6, 6), 30)
    maps = {0.0: rng.standard_normal((6, 6)), 1.0: 3 * np.linalg.qr(rng.standard_normal((6, 6)))[0]}
    for alpha, A in maps.items():
        metric = LinearMetric(alpha, parity=parity)
        assert metric.fit_score(X @ A + 2, Y) == pytest.approx(metric.fit_score(X, Y), rel=1e-9)
    metric = PermutationMetric(parity=parity)
    moved = metric.fit_score(5 * X[:, rng.permutation(6)] - 3, Y)
    assert moved == pytest.approx(metric.fit_score(X, Y), rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(2, 12), st.integers(1, 8), st.integers(1, 8), st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from(["angular", "euclidean"]), st.integers(0, 10**6), st.integers(-8, 8),
)  # fmt: skip
def test_single_pairs_agree_with_the_engine(n_stimuli, n_x, n_y, alpha, score, seed, power):
    rng = np.random.default_rng(seed)
    X, Y = (10.0**power * rng.standard_normal((n_stimuli, n)) for n in (n_x, n_y))
    native = ng.ShapeMetric(alpha, score=score)
    found = LinearMetric(alpha, score_method=score).fit_score(X, Y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*as many independent units as stimuli", UserWarning)
        expected = native.distance(X, Y)
    size = 1.0 if score == "angular" else np.linalg.norm(X) + np.linalg.norm(Y)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-11 * size)


# ---- sweeps -----------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize(
    "metric",
    [LinearMetric(0.5, score_method="euclidean"), LinearMetric(), PermutationMetric(), LinearCKA()],
    ids=repr,
)
def test_sweeps_are_loops_over_pairs(metric, parity):
    metric = type(metric)(**metric.get_params()).set_params(parity=parity)
    data = items_of((7, 5, 7, 6), 30)
    train, test = [x[:22] for x in data], [x[22:] for x in data]
    found = multiset.pairwise_distances(metric, train, test, verbose=False, enable_caching=True)
    crossed = multiset.cross_distances(metric, train[:3], train, test[:3], test, verbose=False)
    for i, j in itertools.product(range(3), range(4)):
        metric.fit(train[i], train[j])
        for k, items in enumerate((train, test)):
            score = metric.score(items[i], items[j])
            assert crossed[k][i, j] == pytest.approx(score, rel=1e-9, abs=2e-8 if parity else 1e-12)
            assert found[k][i, j] == found[k][j, i] == pytest.approx(score if i != j else 0, rel=1e-9)
    stacked = multiset.pairwise_distances(metric, np.stack([train[0], train[2]]), verbose=False)
    assert_allclose(stacked[0, 1], found[0][0, 2], rtol=1e-12)
    without = multiset.cross_distances(metric, train[:3], train, verbose=False)
    assert_allclose(without, crossed[0], rtol=1e-12, atol=2e-8 if parity else 1e-12)


@both_modes
@pytest.mark.parametrize("kind", [LinearMetric, PermutationMetric])
def test_method_always_gives_a_pair(kind, parity, capsys):
    data = items_of((7, 5, 7, 6), 30)
    metric = kind(parity=parity)
    D_train, D_test = metric.pairwise_distances(data, verbose=False)
    assert capsys.readouterr() == ("", "")
    assert_array_equal(D_test, np.where(np.eye(4), 0.0, np.inf))
    again = metric.pairwise_distances(data, test_data=None, processes=2)
    assert "pairs" in capsys.readouterr().err
    assert_array_equal(again, (D_train, D_test))
    assert_allclose(metric.pairwise_distances(data, data, None, False)[1], D_train, rtol=1e-12)
    assert_array_equal(metric.pairwise_distances(data[:1], verbose=False), np.zeros((2, 1, 1)))


class Counting:
    """Not one of ours: the difference of the means, as fitted."""

    def __init__(self):
        self.fits = 0

    def fit(self, X, Y):
        self.fits += 1
        self.shift = np.mean(X) - np.mean(Y)

    def score(self, X, Y):
        return abs(np.mean(X) - np.mean(Y) - self.shift)


def test_sweeps_with_other_metrics():
    data = items_of((7, 5, 7, 6), 30)
    metric = Counting()
    D_train, D_test = multiset.pairwise_distances(
        metric, data, [x + k for k, x in enumerate(data)], verbose=False
    )
    assert metric.fits == 6
    assert_allclose(D_train, 0, atol=1e-12)
    assert_allclose(D_test, np.abs(np.subtract.outer(range(4), range(4))), atol=1e-12)
    D = multiset.cross_distances(metric, data[:2], data[2:], verbose=False)
    assert D.shape == (2, 2)
    assert metric.fits == 10


def test_same_bits_for_any_number_of_threads():
    data = items_of((5, 7, 6, 8, 3, 4, 9), 30, seed=3)
    for metric in (LinearMetric(0.5), LinearMetric(), PermutationMetric()):
        one = metric.pairwise_distances(data, [x[:9] for x in data], processes=1, verbose=False)
        assert_array_equal(one, metric.pairwise_distances(data, [x[:9] for x in data], 3, verbose=False))
