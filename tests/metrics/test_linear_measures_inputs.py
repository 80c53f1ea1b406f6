"""Linear measures: options, kinds of input, and input that is refused."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear_util as lu

X, Y, W = lu.reference_data()
NAMES = (*lu.SIMILARITIES, *lu.DISTANCES)


def compare(name, x, y):
    return ng.metrics.METRICS[name]().compare(x, y)


@pytest.mark.parametrize("name", NAMES)
def test_strings_give_metrics_of_that_name(name):
    metric = ng.metrics.METRICS[name]()
    assert metric.name == name
    assert metric.is_similarity == (name in lu.SIMILARITIES) == hasattr(metric, "similarity")
    assert metric.is_similarity != hasattr(metric, "distance")
    assert metric.symmetric == (name not in lu.ASYMMETRIC)
    result = ng.pairwise({"a": X, "b": Y, "c": W}, name)
    assert (result.metric, result.is_similarity) == (name, metric.is_similarity)


def test_options_are_in_the_name():
    names = [metric.name for metric in lu.every_metric()]
    assert len(set(names)) == len(names)
    assert ng.Ridge(10, folds=3, score="pearson").name == "ridge(10, 3 folds, pearson)"
    assert ng.SVCCA(0.9).name == "svcca(0.9)"
    assert ng.SubspaceDistance("chordal", n_components=3).name == "chordal(3 components)"
    assert ng.Bures(normalize=True, center=False).name == "bures(normalized, uncentered)"


@pytest.mark.parametrize("name", NAMES)
def test_kinds_of_input(name):
    whole = np.round(X * 10), np.round(Y * 10)
    known = compare(name, *whole)
    for dtype in (np.int16, np.int64, np.float16, np.float32):
        assert compare(name, *(data.astype(dtype) for data in whole)) == known
    for data in whole:
        data.flags.writeable = False
    assert compare(name, *whole) == known
    assert compare(name, np.asfortranarray(whole[0]), np.repeat(whole[1], 2, axis=1)[:, ::2]) == known
    assert compare(name, whole[0].tolist(), ng.Representation(whole[1])) == known
    np.testing.assert_array_equal(whole[0], np.round(X * 10))
    on = (X > 1).astype(float)
    assert compare(name, X > 1, Y) == compare(name, on, Y)


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e8, 1e100])
@pytest.mark.parametrize("name", NAMES)
def test_common_scale(name, scale):
    """A common scale changes nothing but the units of Bures distances, and what a penalty means."""
    known = compare(name, X, Y)
    if name == "ridge":
        found = ng.Ridge(scale**2).similarity(X * scale, Y * scale)
    else:
        found = compare(name, X * scale, Y * scale)
    assert found == pytest.approx(known * (scale if name == "bures" else 1.0), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        (np.where(np.arange(40)[:, None] == 3, np.nan, Y), ValueError, r"\[3, 0\] is nan"),
        (np.where(np.arange(40)[:, None] == 3, np.inf, Y), ValueError, r"\[3, 0\] is inf"),
        (np.full((40, 3), 0.1), ValueError, "b'?.* does not vary over stimuli"),
        (Y[:39], ValueError, "40 and .* has 39"),
        (Y[:, :0], ValueError, "empty"),
        (Y[:, 0], ValueError, "two-dimensional"),
        (Y[:1], ValueError, "one stimulus"),
        (Y.astype(object), TypeError, "object"),
        (Y + 0j, TypeError, "complex"),
        (Y * 1e200, ValueError, "rescale"),
        (ng.RDM(np.arange(1.0, 781)), TypeError, "RDM"),
    ],
)
def test_bad_items(name, bad, error, text):
    if name == "eigenspace_overlap" and "vary" in text:
        bad = np.zeros((40, 3))  # without centring a constant spans a subspace
    with pytest.raises(error, match=text) as raised:
        ng.pairwise({"a": X, "b": bad}, name)
    assert "[1] ('b')" in str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_few_units_and_duplicates(name):
    one = ng.pairwise([X, Y[:, :1]], name).values
    assert np.isfinite(one).all()
    result = ng.pairwise([X, X, Y], name).values
    if name != "ridge":
        assert result[0, 1] == pytest.approx(float(name in lu.SIMILARITIES), abs=1e-12)
    assert result[0, 2] == result[1, 2]


@pytest.mark.filterwarnings("ignore:.*as many independent units")
@pytest.mark.parametrize("name", sorted({*NAMES} - {"ridge"}))
def test_two_stimuli_are_one_direction(name):
    """Centred responses to two stimuli are multiples of one another."""
    x, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0], [2.0]])
    found = compare(name, x, y)
    if name == "bures":
        assert found == pytest.approx((np.sqrt(13) - 2) / np.sqrt(2))
    elif name == "eigenspace_overlap":  # not centred
        assert found == pytest.approx(0.5)
    elif name in lu.SIMILARITIES:
        assert found == pytest.approx(1)
    else:
        assert found == pytest.approx(0, abs=1e-12)


def test_nan_omitted_pair_by_pair():
    holes = Y.copy()
    holes[5, 2] = np.nan
    kept = np.delete(np.arange(40), 5)
    for name in NAMES:
        result = ng.pairwise([X, holes], name, nan_policy="omit")
        assert result.values[0, 1] == compare(name, X[kept], Y[kept])


@pytest.mark.parametrize("name", sorted({*NAMES} - {"nbs", "bures"}))
def test_no_held_out_form(name):
    with pytest.raises(ValueError, match="no held-out form"):
        ng.pairwise([X[:30], W[:30]], name, test=[X[30:], W[30:]])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: ng.NBS(center=1), TypeError, "center must be True or False, not 1"),
        (lambda: ng.Bures(normalize="yes"), TypeError, "normalize must be True or False, not 'yes'"),
        (lambda: ng.MeanCCA(squared=None), TypeError, "squared must be True or False"),
        (lambda: ng.PWCCA(center=None), TypeError, "center must be True or False"),
        (lambda: ng.SVCCA(0), ValueError, "variance must be above 0 and at most 1, not 0.0"),
        (lambda: ng.SVCCA(1.01), ValueError, "variance must be above 0 and at most 1"),
        (lambda: ng.SVCCA(np.nan), ValueError, "variance must be finite"),
        (lambda: ng.SVCCA("0.9"), TypeError, "variance must be a number, not str"),
        (lambda: ng.SVCCA(n_components=0), ValueError, "n_components must be at least 1, not 0"),
        (lambda: ng.SVCCA(n_components=2.0), TypeError, "n_components must be an integer"),
        (lambda: ng.LinearR2(center="no"), TypeError, "center must be True or False"),
        (lambda: ng.Ridge(-1), ValueError, "penalty must not be negative, not -1.0"),
        (lambda: ng.Ridge(np.inf), ValueError, "penalty must be finite"),
        (lambda: ng.Ridge([1, 10]), TypeError, "penalty must be a number, not list"),
        (lambda: ng.Ridge(folds=1), ValueError, "folds must be at least 2, not 1"),
        (lambda: ng.Ridge(folds=2.5), TypeError, "folds must be an integer"),
        (lambda: ng.Ridge(score="mse"), ValueError, "score must be one of 'r2', 'pearson', not 'mse'"),
        (lambda: ng.GULP(-0.1), ValueError, "penalty must not be negative, not -0.1"),
        (lambda: ng.GULP(None), TypeError, "penalty must be a number, not NoneType"),
        (lambda: ng.SubspaceDistance("martin"), ValueError, "kind must be one of 'grassmann'"),
        (lambda: ng.SubspaceDistance(n_components=-1), ValueError, "n_components must be at least 1"),
        (lambda: ng.SubspaceDistance(center=0), TypeError, "center must be True or False"),
        (lambda: ng.EigenspaceOverlap(n_components=True), TypeError, "n_components must be an integer"),
        (lambda: ng.EigenspaceOverlap(center="x"), TypeError, "center must be True or False"),
        (lambda: ng.subspace_angles(X, Y[:9]), ValueError, "X has 40 and Y has 9"),
        (lambda: ng.subspace_angles(X, Y[0]), ValueError, "Y must be two-dimensional|'Y'. must be two"),
        (lambda: ng.subspace_angles(X, np.ones((40, 2))), ValueError, "Y does not vary"),
        (lambda: ng.subspace_angles(X, Y * np.nan), ValueError, r"Y\[0, 0\] is nan"),
        (lambda: ng.subspace_angles(X, ng.RDM(np.ones(780))), TypeError, "Y is an RDM"),
        (lambda: ng.subspace_angles(X, Y, n_components=0), ValueError, "n_components must be at least 1"),
        (lambda: ng.Ridge(folds=41).similarity(X, Y), ValueError, "folds is 41, but X has 40 stimuli only"),
    ],
)
def test_bad_options(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_subspace_angles_take_what_metrics_take():
    known = ng.subspace_angles(X, Y)
    assert known.dtype == np.float64
    assert known.shape == (9,)
    assert (np.diff(known) <= 0).all()
    np.testing.assert_array_equal(ng.subspace_angles(X.tolist(), ng.Representation(Y)), known)
    np.testing.assert_array_equal(ng.SubspaceDistance().angles(X, Y), known)
    np.testing.assert_allclose(ng.subspace_angles(1e-8 * X, 1e8 * Y), known, rtol=1e-10)
    ids = np.arange(40)
    with pytest.raises(ValueError, match="the order of the stimulus ids differs"):
        ng.subspace_angles(ng.Representation(X, ids=ids), ng.Representation(Y, ids=ids[::-1]))
