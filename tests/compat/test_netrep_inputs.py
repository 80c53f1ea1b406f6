"""The drop-in for netrep on unusual and on wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.items import items_of
from neurogeom.compat.netrep import multiset
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric
from numpy.testing import assert_array_equal

CLASSES = (LinearMetric, PermutationMetric, LinearCKA)
FITTED = (LinearMetric, PermutationMetric)
both_modes = pytest.mark.parametrize("parity", [False, True])


@both_modes
@pytest.mark.parametrize("kind", CLASSES)
def test_layouts_and_dtypes(kind, parity):
    X, Y = (np.round(10 * data) for data in items_of((6, 4), 30))
    metric = kind(parity=parity)
    expected = metric.fit_score(X, Y)
    for dtype in (np.float16, np.float32, np.int8, np.int64):
        assert metric.fit_score(X.astype(dtype), Y.astype(dtype)) == expected
    assert metric.fit_score(X.tolist(), np.asfortranarray(Y)) == expected
    assert metric.fit_score(np.repeat(X, 2, axis=0)[::2], Y[:, ::-1][:, ::-1]) == expected


@both_modes
@pytest.mark.parametrize("kind", CLASSES)
def test_input_is_left_alone(kind, parity):
    data = items_of((7, 5, 7, 6), 30)
    before = [X.copy() for X in data]
    for X in data:
        X.flags.writeable = False
    metric = kind(parity=parity)
    metric.fit_score(data[0], data[1])
    multiset.pairwise_distances(metric, data, data, verbose=False)
    for X, copy in zip(data, before, strict=True):
        assert_array_equal(X, copy)


@both_modes
@pytest.mark.parametrize("kind", FITTED)
def test_before_fitting(kind, parity):
    X, Y = items_of((3, 3), 30)
    for error in (ValueError, AttributeError):
        with pytest.raises(error, match=f"this {kind.__name__} has not been fitted"):
            kind(parity=parity).score(X, Y)


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (LinearMetric, {"alpha": 1.5}, ValueError, "alpha must lie between 0"),
        (LinearMetric, {"alpha": np.nan}, ValueError, "alpha must be finite"),
        (LinearMetric, {"alpha": "1"}, TypeError, "alpha must be a number"),
        (
            LinearMetric,
            {"score_method": "cosine"},
            ValueError,
            "score_method must be one of 'angular', 'eucl",
        ),
        (LinearMetric, {"center_columns": 1}, TypeError, "center_columns must be True or False"),
        (PermutationMetric, {"zero_pad": None}, TypeError, "zero_pad must be True or False"),
        (PermutationMetric, {"score_method": ""}, ValueError, "score_method must be one of"),
        (LinearCKA, {"parity": "yes"}, TypeError, "parity must be True or False"),
    ],
)
def test_bad_parameters(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(**options)


GOOD = items_of((4, 3), 30)
BAD_PAIRS = [
    ((GOOD[0], GOOD[1][:-1]), ValueError, "30.* 29"),
    ((GOOD[0], GOOD[1][:, 0]), ValueError, "Y must be two-dimensional"),
    ((GOOD[0][None], GOOD[1]), ValueError, "X must be two-dimensional"),
    ((GOOD[0][:1], GOOD[1][:1]), ValueError, "X has one stimulus"),
    ((GOOD[0][:, :0], GOOD[1]), ValueError, "X is empty"),
    ((GOOD[0], GOOD[1].astype(complex)), TypeError, "Y must hold real numbers"),
    ((GOOD[0].astype(object), GOOD[1]), TypeError, "X must hold real numbers"),
    ((GOOD[0] * 1e200, GOOD[1]), ValueError, "X has values of the order"),
]


@both_modes
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(("pair", "error", "message"), BAD_PAIRS)
def test_bad_pairs(kind, pair, error, message, parity):
    with pytest.raises(error, match=message):
        kind(parity=parity).fit_score(*pair)


@both_modes
@pytest.mark.parametrize("kind", FITTED)
def test_no_padding_where_it_is_not_wanted(kind, parity):
    metric = kind(zero_pad=False, parity=parity)
    for call in (
        lambda: metric.fit(*GOOD),
        lambda: metric.finalize_fit(*(metric.partial_fit(X) for X in GOOD)),
        lambda: metric.pairwise_distances(GOOD, verbose=False),
        lambda: multiset.cross_distances(metric, GOOD[:1], GOOD[1:], verbose=False),
    ):
        with pytest.raises(ValueError, match=r"different numbers of units \(3, 4\) and zero_pad is False"):
            call()
    assert metric.fit_score(GOOD[0], GOOD[0][::-1]) > 0
    assert metric.pairwise_distances([GOOD[0], GOOD[0][::-1]], verbose=False)[0][0, 1] > 0


@pytest.mark.parametrize("kind", FITTED)
def test_bad_caches(kind):
    metric = kind()
    cache = metric.partial_fit(GOOD[0])
    with pytest.raises(TypeError, match="cache_Y must be what partial_fit returned, not ndarray"):
        metric.finalize_fit(cache, GOOD[1])
    with pytest.raises(ValueError, match="cache_X and cache_Y must have rows for the same stimuli"):
        metric.finalize_fit(cache, metric.partial_fit(GOOD[1][:20]))
    with pytest.raises(ValueError, match="X does not vary"):
        metric.partial_fit(np.ones((4, 2)))


@both_modes
def test_test_data_at_the_mean(parity):
    X, Y = GOOD
    metric = LinearMetric(parity=parity).fit(X - X.mean(axis=0), Y)
    with pytest.raises(ValueError, match="X in the fitted alignment does not vary"):
        metric.score(np.outer(np.ones(3), metric.mx_), Y[:3])
    one = metric.set_params(score_method="euclidean").score(X[:1], Y[:1])
    assert one > 0, "a single stimulus can be scored"


@both_modes
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ValueError, "train_data must hold at least 1"),
        (("ab",), TypeError, "train_data must be a list of arrays"),
        ((3,), TypeError, "train_data must be a list of arrays, not int"),
        (([*GOOD, [1.0, 2.0]],), ValueError, r"train_data\[2\] must be two-dimensional"),
        (([GOOD[0], GOOD[1][:5]],), ValueError, "30.* 5"),
        ((GOOD, GOOD[:1]), ValueError, "test_data must hold test data for each of the 2 items, not 1"),
        ((GOOD, GOOD[::-1]), ValueError, "unit"),
        ((GOOD, None, 0), ValueError, "processes must be at least 1"),
        ((GOOD, None, 1.5), TypeError, "processes must be an integer"),
    ],
)
@pytest.mark.parametrize("kind", FITTED)
def test_bad_sweeps(kind, arguments, error, message, parity):
    with pytest.raises(error, match=message):
        kind(parity=parity).pairwise_distances(*arguments, verbose=False)


def test_bad_sets():
    metric = LinearMetric()
    with pytest.raises(ValueError, match="Xs_test also needs Ys_test"):
        multiset.cross_distances(metric, GOOD, GOOD, Xs_test=GOOD, verbose=False)
    with pytest.raises(ValueError, match="Ys_test also needs Xs_test"):
        multiset.cross_distances(metric, GOOD, GOOD, Ys_test=GOOD, verbose=False)
    with pytest.raises(ValueError, match="Ys must hold at least 1"):
        multiset.cross_distances(metric, GOOD, [], verbose=False)
    with pytest.raises(ValueError, match="testdata must hold test data for each of the 2 items, not 3"):
        multiset.pairwise_distances(metric, GOOD, [*GOOD, GOOD[0]], verbose=False)
    with pytest.raises(TypeError, match="metric must have fit and score, but int"):
        multiset.pairwise_distances(3, GOOD, verbose=False)
