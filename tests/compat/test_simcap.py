"""The drop-in for mftma's simulated capacity; reference rows were computed with the original (cvxopt 1.3)."""

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.compat.mftma import manifold_simcap_analysis as module
from neurogeom.compat.mftma.manifold_simcap_analysis import manifold_simcap_analysis

N_FIRST = [2, 2, 2, 12, 12, 17, 17, 17, 19, 20, 20, 22, 22, 22, 22, 41, 80]
ROWS = [
    (
        1.0526315789473684,
        19.0,
        N_FIRST,
        [0, 0, 0, 0.15, 0.15, 0.1, 0.1, 0.1, 0.5, 0.75, 0.75, 0.9, 0.9, 0.9, 0.9, 1, 1],
    ),
    (
        1.0526315789473684,
        19.0,
        N_FIRST,
        [0, 0, 0, 0, 0, 0.2, 0.2, 0.2, 0.5, 0.6, 0.6, 0.65, 0.65, 0.65, 0.65, 1, 1],
    ),
    (
        1.1864406779661016,
        16.857142857142858,
        [2, 2, 2, 12, 12, 12, 15, 15, 16, 16, 17, 17, 17, 17, 17, 22, 22, 22, 41, 80],
        [0, 0, 0, 0, 0, 0, 0.35, 0.35, 0.2, 0.2, *5 * [0.55], *3 * [0.85], 1, 1],
    ),
]


def clouds():
    rs = np.random.RandomState(14)
    return [rs.randn(80, 1) + 0.5 * rs.randn(80, 5) for _ in range(20)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_values_of_the_original(seed):
    asim, P, Nc0, N_vec, p_vec = manifold_simcap_analysis(clouds(), 20, seed=seed)
    expected = ROWS[seed]
    assert (asim, P, Nc0, N_vec) == (expected[0], 20, *expected[1:3])
    # as the original writes them: minus one half and back
    assert p_vec == [(p - 0.5) + 0.5 for p in expected[3]]


def test_forms_of_the_data():
    X = clouds()
    first = manifold_simcap_analysis(X, 5)
    assert manifold_simcap_analysis(np.stack(X), 5) == first
    assert manifold_simcap_analysis(tuple(np.asfortranarray(x) for x in X), 5, 0) == first
    # a translation changes nothing, nor does a scale, nor the number of points of a manifold as such
    assert manifold_simcap_analysis([1e3 * (x + 2) for x in X], 5) == first
    assert manifold_simcap_analysis([np.hstack([x, x[:, : i % 3]]) for i, x in enumerate(X)], 5) == first


def test_agrees_with_the_native_function():
    """The original's value is of 20 trials a point; its spread over seeds is about 0.08."""
    points = [x.T for x in clouds()]
    native = ng.simulated_capacity(points, fit_intercept=True, n_trials=400, rng=0)
    values = [manifold_simcap_analysis(clouds(), 20, seed)[0] for seed in range(12)]
    se = np.std(values, ddof=1) / np.sqrt(12)
    assert abs(np.mean(values) - native.capacity) <= 4 * np.hypot(se, native.capacity_se)


def test_the_global_state_is_left_as_by_the_original():
    """It holds what follows the draws of the last number of features, here 19, also if those were known."""
    manifold_simcap_analysis(clouds(), 20, 0)
    found = np.random.rand(3)
    np.random.seed(0)
    for _ in range(20):
        np.random.choice(range(20), size=10, replace=False)
    for _ in range(20):
        np.random.randn(80, 19)
    np.testing.assert_array_equal(found, np.random.rand(3))


@pytest.mark.parametrize("spread", [0.0, 100.0])
def test_no_capacity_between_two_and_all_features(spread):
    """Two single points are separable at once, mixed clouds never."""
    rs = np.random.RandomState(0)
    X = [rs.randn(4, 1) + spread * rs.randn(4, 50 if spread else 1) for _ in range(2)]
    with pytest.warns(ng.ConvergenceWarning, match="and with 4 features are on the same side of one half"):
        asim, P, *rest = manifold_simcap_analysis(X, 5)
    assert P == 2
    assert np.isnan([asim, *rest]).all()


def test_undecided_labelings_warn(monkeypatch):
    class Core:
        def decide_separability(self, points, *arguments):
            return np.array([1 if points.shape[1] > 5 else -1], dtype=np.int8)

    monkeypatch.setattr(module, "core", Core())
    with pytest.warns(
        ng.ConvergenceWarning, match="labelings could not be decided and count as not separable"
    ):
        _, _, _, N_vec, p_vec = manifold_simcap_analysis(clouds(), 4)
    assert [p > 0.5 for p in p_vec] == [n > 5 for n in N_vec]


BAD = [
    (([], 5), ValueError, "XtotT is empty"),
    ((5, 5), TypeError, "XtotT must be a sequence"),
    (([np.ones((3, 2))], 5), ValueError, "XtotT must hold at least two manifolds"),
    (([np.ones((3, 2)), np.ones((4, 2))], 5), ValueError, "agree in the number of features"),
    (([np.ones((1, 2)), np.ones((1, 2))], 5), ValueError, "XtotT must have at least 2 features, not 1"),
    (([np.ones((3, 2)), np.full((3, 2), np.nan)], 5), ValueError, r"XtotT\[1\]\[0, 0\] is nan"),
    (([np.ones((3, 2)), np.ones((3, 2), dtype=object)], 5), TypeError, "dtype object"),
    ((np.ones((3, 2)), 5), ValueError, "shape"),
    ((np.ones((2, 3, 2)), 0), ValueError, "n_rep must be at least 1"),
    ((np.ones((2, 3, 2)), 2.0), TypeError, "n_rep must be an integer"),
    ((np.ones((2, 3, 2)), 5, -1), ValueError, "seed must be at least 0"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), BAD)
def test_bad_input(arguments, error, text):
    with pytest.raises(error, match=text):
        manifold_simcap_analysis(*arguments)
