"""What netrep gets wrong: ours is right, and with parity=True the original's number comes out.

Numbers called measured were got from netrep, commit 0186b8a, on the same data; others stand in the
specification of shape measures, section 4, which does not say on which draw of the data.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.items import items_of
from helpers.references import reference_data
from neurogeom.compat.netrep import multiset
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric
from numpy.testing import assert_allclose, assert_array_equal

both_modes = pytest.mark.parametrize("parity", [False, True])
CLASSES = (LinearMetric, PermutationMetric, LinearCKA)


def noise():
    """A draw on which netrep's faults come out as in the specification."""
    return np.random.RandomState(10).randn(62, 20)


# ---- whitening --------------------------------------------------------------------------------

CLIPPED = [
    (1e-2, 0.289, 0.2883519125402024),
    (1e-3, 0.623, 0.623639943863796),
    (1e-4, 0.928, 0.9270571033069582),
]


@pytest.mark.parametrize(("scale", "specified", "measured"), CLIPPED)
def test_small_units_stay_linearly_invariant(scale, specified, measured):
    X = noise()
    Y = X * np.logspace(0, -3, 20) * scale
    assert LinearMetric(0).fit_score(X, Y) < 1e-11
    with_clip = LinearMetric(0, parity=True).fit_score(X, Y)
    assert with_clip == pytest.approx(measured, rel=1e-9)
    assert with_clip == pytest.approx(specified, abs=1.1e-3)


@pytest.mark.parametrize("power", [-8, -5, 0, 5, 8])
def test_scales(power):
    X, Y = items_of((6, 4), 30)
    for alpha in (0.0, 1.0):
        expected = LinearMetric(alpha).fit_score(X, Y)
        assert LinearMetric(alpha).fit_score(X * 10.0**power, Y) == pytest.approx(expected, rel=1e-9)
    expected = PermutationMetric().fit_score(X, Y)
    assert PermutationMetric().fit_score(X * 10.0**power, Y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("alpha", "measured"), [(0, 24.855201401296934), (0.5, 22.748228529289133)])
def test_euclidean_score_of_unequal_widths(alpha, measured):
    X = noise()
    parts = X[:, :10], X
    with_count = LinearMetric(alpha, score_method="euclidean", parity=True).fit_score(*parts)
    assert with_count == pytest.approx(measured, rel=1e-10)
    if alpha == 0:
        assert with_count == pytest.approx(24.9, abs=0.05)
        # Both keep their variance, and the angle between a space and half of it is pi / 4.
        a, b = (np.linalg.norm(x - x.mean(axis=0)) for x in parts)
        expected = np.sqrt(a**2 + b**2 - np.sqrt(2) * a * b)
        assert LinearMetric(0, score_method="euclidean").fit_score(*parts) == pytest.approx(
            expected, rel=1e-12
        )
    for parity in (False, True):
        angle = LinearMetric(0, parity=parity).fit_score(*parts)
        assert angle == pytest.approx(np.pi / 4, rel=1e-9)


def test_padding_by_hand_changes_nothing():
    X, Y = items_of((6, 6), 30)
    wide = [np.pad(data, ((0, 0), (0, 5))) for data in (X, Y)]
    for alpha in (0.0, 0.4, 1.0):
        metric = LinearMetric(alpha, score_method="euclidean")
        assert metric.fit_score(*wide) == pytest.approx(metric.fit_score(X, Y), rel=1e-9)
    metric = LinearMetric(0.0, score_method="euclidean", parity=True)
    # There, five directions of eleven are counted that are not there.
    assert metric.fit_score(*wide) == pytest.approx(metric.fit_score(X, Y) * np.sqrt(6 / 11), rel=1e-6)


def degenerate_data():
    X = noise()
    return {
        "duplicate": (np.column_stack([X[:, :19], X[:, 0]]), 0.95),
        "padded": (np.pad(X[:, :10], ((0, 0), (0, 10))), 0.5),
        "wide": (np.random.default_rng(5).standard_normal((10, 30)), 0.3),
    }


@pytest.mark.parametrize("kind", ["duplicate", "padded", "wide"])
def test_whitening_keeps_the_variance(kind):
    X, ratio = degenerate_data()[kind]
    total = np.square(X - X.mean(axis=0)).sum()
    for alpha in (0.0, 0.3, 1.0):
        kept = np.square(LinearMetric(alpha).partial_fit(X).responses).sum()
        assert kept == pytest.approx(total, rel=1e-10)
    kept = np.square(LinearMetric(0.0, parity=True).partial_fit(X).responses).sum()
    assert kept / total == pytest.approx(ratio, rel=1e-6)


def test_silent_units_are_harmless():
    X, Y = items_of((6, 5), 30)
    silent = np.insert(X, 2, 3.25, axis=1)
    for alpha in (0.0, 0.5, 1.0):
        for score in ("angular", "euclidean"):
            metric = LinearMetric(alpha, score_method=score)
            assert metric.fit_score(silent, Y) == pytest.approx(metric.fit_score(X, Y), rel=1e-9)
    assert PermutationMetric().fit_score(silent, Y) == pytest.approx(
        PermutationMetric().fit_score(X, Y), rel=1e-9
    )


# ---- more units than stimuli ------------------------------------------------------------------


def wide_data():
    r = np.random.default_rng(6)
    Z = r.standard_normal((60, 5))
    A, B = (Z @ r.standard_normal((5, 50)) + 0.5 * r.standard_normal((60, 50)) for _ in range(2))
    rotations = [np.linalg.qr(r.standard_normal((50, 50)))[0] for _ in range(4)]
    return A, B, rotations


@pytest.mark.parametrize("score", ["angular", "euclidean"])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_held_out_score_does_not_depend_on_the_basis(alpha, score):
    A, B, rotations = wide_data()
    train, test = [], []
    for Q in rotations:
        metric = LinearMetric(alpha, score_method=score).fit(A[:30] @ Q, B[:30])
        train.append(metric.score(A[:30] @ Q, B[:30]))
        test.append(metric.score(A[30:] @ Q, B[30:]))
    assert_allclose(train, train[0], rtol=1e-9, atol=1e-7 if score == "angular" else 1e-6)
    assert_allclose(test, test[0], rtol=1e-9)
    sides = [[A[rows], B[rows]] for rows in (slice(30), slice(30, None))]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*as many independent units as stimuli", UserWarning)
        _, swept = LinearMetric(alpha, score_method=score).pairwise_distances(*sides, verbose=False)
    assert swept[0, 1] == pytest.approx(test[0], rel=1e-9)


def test_held_out_score_of_directions_that_are_determined():
    A, B, rotations = wide_data()
    X, Y = A[:30] - A[:30].mean(axis=0), B[:30] - B[:30].mean(axis=0)
    U, s, Vt = np.linalg.svd(X.T @ Y)
    kept = s > 1e-9 * s[0]
    assert kept.sum() == 29
    tests = A[30:] - A[:30].mean(axis=0), B[30:] - B[:30].mean(axis=0)
    inner = np.vdot(tests[0] @ U[:, kept], tests[1] @ Vt[kept].T)
    expected = np.arccos(inner / np.linalg.norm(tests[0]) / np.linalg.norm(tests[1]))
    metric = LinearMetric().fit(A[:30], B[:30])
    assert metric.n_aligned_ == 29
    assert metric.score(A[30:], B[30:]) == pytest.approx(expected, rel=1e-12)
    # There, arbitrary directions take part: the score changes with the basis, the training score does not.
    metric.set_params(parity=True)
    train, test = [], []
    for Q in rotations:
        train.append(metric.fit_score(A[:30] @ Q, B[:30]))
        test.append(metric.score(A[30:] @ Q, B[30:]))
    assert np.ptp(train) < 1e-12
    assert np.ptp(test) > 1e-4


@pytest.mark.parametrize("score", ["angular", "euclidean"])
@pytest.mark.parametrize("widths", [(5, 8), (7, 3), (25, 4), (25, 20)])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_transformed_arrays_are_as_far_apart_as_the_score(alpha, widths, score):
    """On training data always; on others where only one of the two has directions without a partner."""
    r = np.random.default_rng(8)
    Z = r.standard_normal((32, 4))
    X, Y = (Z @ r.standard_normal((4, n)) + 0.5 * r.standard_normal((32, n)) for n in widths)
    metric = LinearMetric(alpha, score_method=score).fit(X[:20], Y[:20])
    for rows in (slice(20), slice(20, None)):
        tX, tY = metric.transform(X[rows], Y[rows])
        if rows.start and min(widths) > 19:  # neither determines what the other lacks: norms only
            tX, tY = (
                np.hstack([t[:, : metric.n_aligned_], *rests])
                for t, rests in (
                    (tX, (tX[:, metric.n_aligned_ :], 0 * tX)),
                    (tY, (0 * tX, tY[:, metric.n_aligned_ :])),
                )
            )
        if score == "angular":
            tX, tY = tX / np.linalg.norm(tX), tY / np.linalg.norm(tY)
        found = np.linalg.norm(tX - tY)
        found = 2 * np.arcsin(found / 2) if score == "angular" else found
        size = 1.0 if score == "angular" else np.linalg.norm(X[:20])
        assert metric.score(X[rows], Y[rows]) == pytest.approx(found, rel=1e-9, abs=1e-12 * size)


@pytest.mark.parametrize("score", ["angular", "euclidean"])
def test_held_out_scores_are_continuous_in_alpha(score):
    """They jumped at alpha = 1, where what training data do not span counted for the first time."""
    A, B, _ = wide_data()
    found = [
        LinearMetric(alpha, score_method=score).fit(A[:30], B[:30]).score(A[30:], B[30:])
        for alpha in (0.0, 1e-9, 0.4, 1 - 1e-9, 1.0)
    ]
    assert_allclose(found[:2], found[0], rtol=1e-6)
    assert_allclose(found[3:], found[4], rtol=1e-6)
    assert abs(found[2] - found[4]) > 1e-3


def test_weak_units_count_in_full_whitening():
    """Fits found one rank, sweeps another: units that are weak by 1e-12 were lost."""
    r = np.random.default_rng(9)
    X, Y = r.standard_normal((30, 4)), r.standard_normal((30, 3))
    X[:, 0] += Y[:, 0]
    weak = X * [1e-6, 1e6, 1.0, 1e-12]
    for rows in (slice(20), slice(20, None)):
        known = LinearMetric(0.0).fit(X[:20], Y[:20]).score(X[rows], Y[rows])
        found = LinearMetric(0.0).fit(weak[:20], Y[:20]).score(weak[rows], Y[rows])
        assert found == pytest.approx(known, rel=1e-9)


def test_whitening_of_too_many_units_warns_in_sweeps():
    data = dict(zip("XYWPQ", reference_data(), strict=True))
    with pytest.warns(UserWarning, match="as many independent units as stimuli"):
        D, _ = LinearMetric(0.0).pairwise_distances([data["P"], data["Q"]], verbose=False)
    assert D[0, 1] < 1e-12


# ---- near-identical pairs ---------------------------------------------------------------------


def nearly_equal(change, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((50, 10))
    Q = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    return X, (X + change * rng.standard_normal(X.shape)) @ Q


@pytest.mark.parametrize("change", [1e-7, 1e-9, 1e-12])
def test_small_angles(change):
    # The angle is proportional to a small change; it is taken from one that arccos resolves.
    expected = LinearMetric(parity=True).fit_score(*nearly_equal(1e-4)) * change / 1e-4
    pair = nearly_equal(change)
    assert LinearMetric().fit_score(*pair) == pytest.approx(expected, rel=5e-3)
    assert LinearMetric().pairwise_distances(pair, verbose=False)[0][0, 1] == pytest.approx(
        expected, rel=5e-3
    )
    by_arccos = LinearMetric(parity=True).fit_score(*pair)
    if change <= 1e-9:
        assert abs(by_arccos - expected) > 0.5 * expected


def test_rotated_copies():
    X, Y = nearly_equal(0.0)
    assert LinearMetric().fit_score(X, Y) < 1e-14
    assert LinearMetric().fit_score(X, -Y) < 1e-14, "reflections are allowed"
    assert LinearMetric(0.0).fit_score(X, Y) < 1e-13
    assert PermutationMetric().fit_score(X, X[:, ::-1]) == 0
    assert LinearCKA().score(X, Y) < 1e-14


def test_float32_data_are_compared_in_float64():
    X, Y = (data.astype(np.float32) for data in items_of((6, 4), 30))
    for kind in CLASSES:
        assert kind().fit_score(X, Y) == kind().fit_score(X.astype(float), Y.astype(float))
    assert LinearMetric().fit_score(X, X) < 1e-14


# ---- errors -----------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("kind", CLASSES)
def test_constant_input_is_named(kind, parity):
    X, Y, _, _ = items_of((7, 5, 7, 6), 30)
    metric = kind(parity=parity)
    for constant in (np.zeros((30, 3)), np.full((30, 2), 0.1)):
        with pytest.raises(ValueError, match="Y does not vary over stimuli"):
            metric.fit_score(X, constant)
        with pytest.raises(ValueError, match="X does not vary over stimuli"):
            metric.fit_score(constant, X)
        with pytest.raises(ValueError, match=r"traindata\[1\].* does not vary over stimuli"):
            multiset.pairwise_distances(metric, [X, constant, Y], verbose=False)


@both_modes
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_values_are_named(kind, bad, parity):
    X, Y, W, _ = items_of((7, 5, 7, 6), 30)
    broken = Y.copy()
    broken[3, 1] = bad
    metric = kind(parity=parity)
    with pytest.raises(ValueError, match=rf"Y\[3, 1\] is {bad}"):
        metric.fit_score(X, broken)
    with pytest.raises(ValueError, match=rf"traindata\[2\].*\[3, 1\] is {bad}"):
        multiset.pairwise_distances(metric, [X, W, broken], verbose=False)
    with pytest.raises(ValueError, match=rf"Ys\[0\].*\[3, 1\] is {bad}"):
        multiset.cross_distances(metric, [X, W], [broken], verbose=False)


@both_modes
@pytest.mark.parametrize("kind", [LinearMetric, PermutationMetric])
def test_wrong_widths_have_a_message(kind, parity):
    X, Y = items_of((7, 5), 30)
    metric = kind(parity=parity).fit(X, Y)
    with pytest.raises(ValueError, match="X must have the 7 units that the alignment was fitted to, not 5"):
        metric.transform(Y, Y)
    with pytest.raises(ValueError, match="Y must have the 5 units that the alignment was fitted to, not 7"):
        metric.score(X, X)


def test_caching_of_unequal_widths():
    data = items_of((7, 5, 7, 6), 30)
    for metric in (LinearMetric(0.5), PermutationMetric()):
        found = multiset.pairwise_distances(metric, data, verbose=False, enable_caching=True)
        assert_array_equal(found, multiset.pairwise_distances(metric, data, verbose=False))
        caches = [metric.partial_fit(X) for X in data]
        score = metric.finalize_fit(caches[0], caches[1]).score(data[0], data[1])
        assert score == pytest.approx(found[0, 1], rel=1e-12)
