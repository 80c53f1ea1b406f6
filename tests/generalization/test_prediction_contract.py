"""What theory and trials of prediction promise about what they take and refuse."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest

FUNCTIONS = {
    "theory": lambda X, Y, n_train=10, **options: ng.spectral_prediction(X, Y, n_train=n_train, **options),
    "trials": lambda X, Y, n_train=10, **options: ng.prediction_curve(
        X, Y, n_train, n_splits=3, rng=0, **options
    ),
}
each = pytest.mark.parametrize("name", FUNCTIONS)


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((24, 7))
    return X, X @ rng.standard_normal((7, 3)) + 0.3 * rng.standard_normal((24, 3))


def numbers(found):
    return np.array([found.error, found.error_heldout, found.training_error])


@each
def test_any_layout_gives_the_same(name):
    function = FUNCTIONS[name]
    X, Y = data()
    X, Y = X.astype(np.float16), Y.astype(np.float32)
    expected = numbers(function(X.astype(float), Y.astype(float)))
    X.flags.writeable = Y.flags.writeable = False
    wide = np.zeros((48, 14))
    wide[::-2, ::2] = X
    for x in (X, np.asfortranarray(X), wide[::-2, ::2], X.tolist(), pd.DataFrame(X)):
        np.testing.assert_array_equal(numbers(function(x, Y)), expected)


@each
@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_scale_does_not_matter(name, scale):
    X, Y = data()
    found = FUNCTIONS[name](scale * X, Y / scale, ridge=0.1 * scale**2 if abs(np.log10(scale)) < 60 else 0.0)
    expected = FUNCTIONS[name](X, Y)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-6, atol=1e-12)


@each
def test_edges_that_have_an_answer(name):
    function = FUNCTIONS[name]
    X, Y = data()
    for x, y in (
        (X[:, :1], Y),  # one unit
        (X, Y[:, 0]),  # one response
        (np.column_stack([X, np.zeros((24, 3))]), Y),  # dead units
        (np.repeat(X[:12], 2, axis=0), np.repeat(Y[:12], 2, axis=0)),  # repeated stimuli
        (X, np.column_stack([Y, np.ones(24)])),  # a dead response
        (X.round().astype(int), Y > 0),
    ):
        before = np.array(x, copy=True)
        assert np.isfinite(numbers(function(x, y, ridge=0.1))).all()
        np.testing.assert_array_equal(x, before)


def with_nan(array):
    array = array.copy()
    array[2, 1] = np.nan
    return array


def named_backwards(array):
    return pd.DataFrame(array, index=[f"s{len(array) - 1 - i}" for i in range(len(array))])


class Indefinite:
    def gram(self, X):
        return X @ X.T - 3 * np.outer(X[:, 0], X[:, 0])


X, Y = data()
BAD = {
    "nan in X": ((with_nan(X), Y), {}, ValueError, r"X\[2, 1\] is nan"),
    "nan in Y": ((X, with_nan(Y)), {}, ValueError, r"Y\[2, 1\] is nan|Y\[0, 2, 1\] is nan"),
    "infinity": ((np.where(X > 2, np.inf, X), Y), {}, ValueError, "is inf"),
    "objects": ((X.astype(object), Y), {}, TypeError, "real numbers"),
    "complex": ((X, Y + 1j), {}, TypeError, "real numbers"),
    "empty": ((X[:0], Y[:0]), {}, ValueError, "empty|shape"),
    "one stimulus": ((X[:1], Y[:1]), {}, ValueError, "must be at least 2, not 1"),
    "other stimuli": ((X, Y[1:]), {}, ValueError, "same stimuli, not 24 and 23"),
    "X does not vary": ((np.ones_like(X), Y), {}, ValueError, "X does not vary"),
    "Y does not vary": ((X, np.ones_like(Y)), {}, ValueError, "Y does not vary"),
    "a vector": ((X[:, 0], Y), {}, ValueError, "two-dimensional"),
    "too many": ((X, Y), {"n_train": 25}, ValueError, "at most the number of stimuli"),
    "none": ((X, Y), {"n_train": 0}, ValueError, "at least 1, not 0"),
    "half a stimulus": ((X, Y), {"n_train": 1.5}, TypeError, "must be an integer"),
    "no numbers": ((X, Y), {"n_train": []}, ValueError, "n_train is empty"),
    "a negative ridge": ((X, Y), {"ridge": -1.0}, ValueError, "ridge must not be negative"),
    "ridge nan": ((X, Y), {"ridge": np.nan}, ValueError, "ridge must be finite"),
    "a mode": ((X, Y), {"ridge_mode": "p"}, ValueError, "ridge_mode must be"),
    "a centre": ((X, Y), {"center": 1}, TypeError, "center must be"),
    "a kernel": ((X, Y), {"kernel": "rbf"}, TypeError, r"method gram\(X\)"),
    "a kernel that is none": ((X, Y), {"kernel": Indefinite()}, ValueError, "no negative eigenvalues"),
    "other order": (
        (
            pd.DataFrame(X, index=[f"s{i}" for i in range(24)]),
            pd.DataFrame(Y, index=[f"s{23 - i}" for i in range(24)]),
        ),
        {},
        ValueError,
        "order",
    ),
}


@each
@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(name, case):
    arguments, options, error, text = BAD[case]
    with pytest.raises(error, match=text):
        FUNCTIONS[name](*arguments, **options)


@each
def test_results_are_saved(name, tmp_path):
    found = FUNCTIONS[name](*data())
    found.save(tmp_path / "found.npz")
    again = ng.load(tmp_path / "found.npz")
    assert repr(again) == repr(found)
    np.testing.assert_array_equal(again.error_per_target, found.error_per_target)
