"""Fitted alignments and held-out stimuli of shape metrics, and input that they refuse."""

from __future__ import annotations

import itertools

import linear_util as lu
import neurogeom as ng
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

approx = pytest.approx
full_rank_is_meant = pytest.mark.filterwarnings("ignore:.*as many independent units")

ALPHAS = [0.0, 0.3, 1.0]
SCORES = ["angular", "euclidean"]


def angle_between(a, b):
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return 2 * np.arcsin(np.linalg.norm(a - b) / 2)


def related(seed, m, n_x, n_y, noise=0.5):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(m, 4))
    return [latent @ rng.normal(size=(4, n)) + noise * rng.normal(size=(m, n)) + 2 for n in (n_x, n_y)]


def as_known(alignment, metric, x, y):
    """The maps by their definition: a whitening of each side, then a rotation, by NumPy."""
    means = x.mean(axis=0), y.mean(axis=0)
    whitenings = []
    for data, mean in ((x, means[0]), (y, means[1])):
        _, s, vt = np.linalg.svd(data - mean, full_matrices=False)
        kept = s > 1e-12 * s[0]
        weights = (metric.alpha * s[kept] + 1 - metric.alpha) / s[kept]
        white = (vt[kept].T * weights) @ vt[kept]
        whitenings.append(white * np.linalg.norm(data - mean) / np.linalg.norm((data - mean) @ white))
    u, s, vt = np.linalg.svd(whitenings[0] @ (x - means[0]).T @ (y - means[1]) @ whitenings[1])
    rank = int((s > 1e-10 * s[0]).sum())
    return means, (whitenings[0] @ u[:, :rank], whitenings[1] @ vt[:rank].T), whitenings


# ---- fit, transform, align


@full_rank_is_meant
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("m", "n_x", "n_y"), [(30, 5, 5), (30, 7, 3), (30, 1, 4), (12, 25, 20)])
def test_aligned_responses_are_as_far_apart_as_distance_says(alpha, m, n_x, n_y):
    x, y = related(m + n_x, m, n_x, n_y)
    aligned = ng.ShapeMetric(alpha).align(x, y)
    assert aligned[0].shape == aligned[1].shape == (m, min(n_x, n_y, m - 1))
    if n_x == n_y or n_x > m:  # where one has more dimensions than are aligned, these are left out
        angle, size = ng.ShapeMetric(alpha).distance(x, y), np.linalg.norm(lu.centered(x))
        assert angle_between(*aligned) == approx(angle, rel=1e-9, abs=1e-12)
        euclidean = ng.ShapeMetric(alpha, score="euclidean").distance(x, y)
        assert np.linalg.norm(aligned[0] - aligned[1]) == approx(euclidean, rel=1e-9, abs=1e-12 * size)
    a, b, inner = *(np.linalg.norm(lu.centered(side)) for side in (x, y)), np.vdot(*aligned)
    for score in SCORES:  # the inner product is what counts in any case
        expected = np.arccos(inner / a / b) if score == "angular" else np.sqrt(a**2 + b**2 - 2 * inner)
        found = ng.ShapeMetric(alpha, score=score).distance(x, y)
        assert found == approx(expected, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_transform_is_the_definition_also_of_other_stimuli(alpha):
    x, y = related(1, 60, 6, 4)
    metric = ng.ShapeMetric(alpha)
    alignment = metric.fit(x[:40], y[:40])
    means, maps, whitenings = as_known(alignment, metric, x[:40], y[:40])
    assert alignment.x_mean == approx(means[0], rel=1e-13)
    assert alignment.y_mean == approx(means[1], rel=1e-13)
    for rows in (slice(40), slice(40, None)):
        found = metric.transform(alignment, x[rows], y[rows])
        known = (x[rows] - means[0]) @ maps[0], (y[rows] - means[1]) @ maps[1]
        for mine, theirs in zip(found, known, strict=True):
            signs = np.sign((mine * theirs).sum(axis=0))
            assert mine == approx(theirs * signs, rel=1e-7, abs=1e-9 * np.abs(theirs).max())
        assert np.vdot(*found) == approx(np.vdot(*known), rel=1e-10)
    # Held-out distances: the norms are those of all of the whitened responses.
    sides = [x[40:] - means[0], y[40:] - means[1]]
    a, b = (np.linalg.norm(side @ white) for side, white in zip(sides, whitenings, strict=True))
    inner = np.vdot(*found)
    result = ng.pairwise([x[:40], y[:40]], metric, test=[x[40:], y[40:]])
    assert result.held_out[0, 1] == approx(np.arccos(inner / a / b), rel=1e-10)
    euclidean = ng.ShapeMetric(alpha, score="euclidean")
    result = ng.pairwise([x[:40], y[:40]], euclidean, test=[x[40:], y[40:]])
    assert result.held_out[0, 1] == approx(np.sqrt(a * a + b * b - 2 * inner), rel=1e-10)
    assert result.values[0, 1] == euclidean.distance(x[:40], y[:40])


def test_align_finds_a_known_rotation_and_reflection():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 5)) + 3
    for sign in (1, -1):  # faults 4.14 and 4.15: reflections are allowed
        q = lu.rotation(rng, 5) * np.array([sign, 1, 1, 1, 1])
        metric = ng.Procrustes()
        alignment = metric.fit(x, x @ q)
        assert alignment.x_map @ alignment.y_map.T == approx(q, abs=1e-13)
        first, second = metric.transform(alignment, x, x @ q)
        assert first == approx(second, abs=1e-12)
        assert metric.distance(x, x @ q) < 1e-14


def test_a_reflected_copy_is_no_copy_of_a_chiral_cloud_in_a_permutation():
    x = np.random.default_rng(3).normal(size=(30, 3))
    assert ng.procrustes(x, -x) < 1e-15
    assert ng.procrustes(x, x * [1, 1, -1]) < 1e-14
    assert ng.Permutation().distance(x, -x) > 1


def test_uncentered_fit():
    x, y = related(4, 20, 5, 5)
    metric = ng.Procrustes(center=False)
    alignment = metric.fit(x, y)
    assert not alignment.x_mean.any()
    assert not alignment.y_mean.any()
    assert angle_between(*metric.align(x, y)) == approx(metric.distance(x, y), rel=1e-12)


# ---- held-out stimuli


@full_rank_is_meant
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(8, 30),
    n_x=st.integers(1, 40),
    n_y=st.integers(1, 40),
    power=st.integers(-8, 8),
)
def test_train_as_test_gives_the_training_value(alpha, score, seed, m, n_x, n_y, power):
    if alpha:
        power = 0  # which changes what whitening does
    x, y = (10.0**power * side for side in related(seed, m, n_x, n_y))
    metric = ng.ShapeMetric(alpha, score=score)
    result = ng.pairwise([x, y], metric, test=[x, y])
    unit = 1.0 if score == "angular" else max(np.linalg.norm(lu.centered(side)) for side in (x, y))
    assert result.held_out[0, 1] == approx(result.values[0, 1], rel=1e-7, abs=1e-10 * unit)
    assert result.held_out[0, 0] == 0


@full_rank_is_meant
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("score", SCORES)
def test_fault_4_6_more_units_than_training_stimuli(alpha, score):
    """There, four rotations give 0.3085, 0.3111, 0.3118 and 0.3089."""
    rng = np.random.default_rng(5)
    x, y = related(5, 60, 50, 45)
    metric = ng.ShapeMetric(alpha, score=score)
    found = []
    for _ in range(4):
        items = x @ lu.rotation(rng, 50), y @ lu.rotation(rng, 45)
        result = ng.pairwise([i[:30] for i in items], metric, test=[i[30:] for i in items])
        found.append(result.held_out[0, 1])
    assert found == approx([found[0]] * 4, rel=1e-9)
    wide = np.pad(x, ((0, 0), (0, 9)))
    padded = ng.pairwise([wide[:30], y[:30]], metric, test=[wide[30:], y[30:]]).held_out[0, 1]
    assert padded == approx(found[0], rel=1e-9)


def test_procrustes_norms_count_what_the_training_data_do_not_span():
    """A unit that is silent in training and active in test adds to the norm only; in alpha < 1 it is zero."""
    x, y = related(6, 60, 5, 5)
    silent = np.column_stack([x, np.where(np.arange(60) < 40, 0.0, 4.0)])
    for alpha in ALPHAS:
        metric = ng.ShapeMetric(alpha)
        known = ng.pairwise([x[:40], y[:40]], metric, test=[x[40:], y[40:]]).held_out[0, 1]
        found = ng.pairwise([silent[:40], y[:40]], metric, test=[silent[40:], y[40:]]).held_out[0, 1]
        size = np.linalg.norm(x[40:] - x[:40].mean(axis=0))
        shrunk = np.cos(known) * size / np.hypot(size, 4 * np.sqrt(20)) if alpha == 1 else np.cos(known)
        assert found == approx(np.arccos(shrunk), rel=1e-10)


def test_held_out_distances_of_two_sets():
    items = [side for seed in range(2) for side in related(seed, 50, 6, 9)]
    train, test = ([item[rows] for item in items] for rows in (slice(30), slice(30, None)))
    whole = ng.pairwise(train, "procrustes", test=test)
    parts = ng.pairwise(train[:1], "procrustes", others=train[1:], test=(test[:1], test[1:]))
    np.testing.assert_array_equal(parts.held_out, whole.held_out[:1, 1:])
    np.testing.assert_array_equal(parts.values, whole.values[:1, 1:])


# ---- degenerate and bad input


def test_fault_4_1_full_whitening_of_too_many_units_warns():
    rng = np.random.default_rng(7)
    wide, full, thin, thick = (rng.normal(size=(20, n)) for n in (50, 19, 17, 18))
    text = "as many independent units as stimuli, so that any other representation is a linear map"
    with pytest.warns(UserWarning, match=rf"^cca: Y has {text}"):
        assert ng.cca(thin, full) == approx(np.arccos(np.sqrt(17 / 19)), rel=1e-12)
    with pytest.warns(UserWarning, match=rf"^cca: representations\[0\] \('a'\) and 1 more have {text}"):
        result = ng.pairwise({"a": wide, "b": full, "c": thin}, "cca")
    assert result.values[0, 1] < 1e-13
    ng.cca(thin, thick)  # no warning
    ng.ShapeMetric(1e-3).distance(wide, full)
    ng.procrustes(wide, full)
    with pytest.warns(UserWarning, match="as many independent units"):
        ng.CCA(center=False).distance(np.eye(5), np.eye(5)[:, :2])


@pytest.mark.parametrize("metric", [ng.Procrustes(), ng.CCA(), ng.ShapeMetric(0.5)], ids=repr)
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e9])
def test_fault_4_4_constant_items_are_named(metric, constant):
    x, y = related(8, 10, 3, 4)
    flat = np.full((10, 3), constant)
    with pytest.raises(ValueError, match=r"^Y does not vary over stimuli"):
        metric.distance(x, flat)
    with pytest.raises(ValueError, match=r"^X does not vary over stimuli"):
        metric.fit(flat, y)
    with pytest.raises(ValueError, match=r"^representations\[1\] \('V1'\) does not vary over stimuli"):
        ng.pairwise({"a": x, "V1": flat, "b": y}, metric)
    mean = np.tile(x.mean(axis=0), (3, 1))
    with pytest.raises(ValueError, match=r"the held-out data of representations\[0\]"):
        ng.pairwise([x, y], metric, test=[mean, y[:3]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_fault_4_5_missing_values_are_located(bad):
    x, y = related(9, 10, 3, 4)
    y[7, 2] = bad
    with pytest.raises(ValueError, match=rf"^representations\[1\] \('LM'\)\[7, 2\] is {bad}"):
        ng.pairwise({"V1": x, "LM": y}, ["procrustes", "cca"])
    with pytest.raises(ValueError, match=rf"^Y\[7, 2\] is {bad}"):
        ng.procrustes(x, y)
    with pytest.raises(ValueError, match=rf"^X\[7, 2\] is {bad}"):
        ng.CCA().fit(y, x)
    with pytest.raises(ValueError, match=rf"^test\[1\]\[7, 2\] is {bad}"):
        ng.pairwise([x, np.nan_to_num(y, posinf=0, neginf=0)], test=[x, y])


OPTIONS = [
    ({"alpha": 1.5}, ValueError, "alpha must lie between 0"),
    ({"alpha": -0.1}, ValueError, "alpha must lie between 0"),
    ({"alpha": np.nan}, ValueError, "alpha must be finite"),
    ({"alpha": "1"}, TypeError, "alpha must be a number"),
    ({"alpha": None}, TypeError, "alpha must be a number"),
    ({"score": "cosine"}, ValueError, "score must be one of 'angular', 'euclidean'"),
    ({"center": 1}, TypeError, "center must be True or False"),
    ({"whiten_scale": "none"}, ValueError, "whiten_scale must be one of 'raw', 'unit'"),
    ({"rank_tolerance": 0}, ValueError, "rank_tolerance must lie between 0 and 1"),
    ({"rank_tolerance": "small"}, TypeError, "rank_tolerance must be a number"),
]


@pytest.mark.parametrize(("options", "error", "text"), OPTIONS, ids=str)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        ng.ShapeMetric(**options)


BAD_PAIRS = [
    (np.zeros(3), ValueError, "Y.* must be two-dimensional"),
    (np.zeros((3, 2, 2)), ValueError, "Y.* must be two-dimensional .* flatten"),
    (np.zeros((1, 2)), ValueError, "Y.* has one stimulus"),
    (np.zeros((3, 0)), ValueError, "Y.* is empty"),
    ([[1, 2], [3]], ValueError, "Y.* cannot be read as one array"),
    ([[1j], [2], [3]], TypeError, "Y.* must hold real numbers"),
    (np.array([["a"], ["b"], ["c"]]), TypeError, "Y.* must hold real numbers"),
    (np.array([[None], [1], [2]], dtype=object), TypeError, "Y.* must hold real numbers"),
    (np.ma.masked_less(np.eye(3), 0.5), TypeError, "Y.* is a masked array"),
    (np.eye(4), ValueError, "X has 3 and Y has 4"),
    (1e200 * np.eye(3), ValueError, "Y has values of the order 1e\\+200"),
    (None, TypeError, "Y.* must hold real numbers"),
    (ng.RDM([1, 2, 3]), TypeError, "is an RDM, but .* needs responses"),
]


@pytest.mark.parametrize(("bad", "error", "text"), BAD_PAIRS)
@pytest.mark.parametrize("function", [ng.procrustes, ng.cca, ng.ShapeMetric(0.5).distance])
def test_bad_pairs(function, bad, error, text):
    with pytest.raises(error, match=text):
        function(np.eye(3) + np.arange(3), bad)


def test_bad_fits():
    metric, x, y = ng.Procrustes(), *related(0, 10, 3, 4)
    for bad, _, _ in BAD_PAIRS[:10]:
        with pytest.raises((TypeError, ValueError)):
            metric.fit(bad, y)
        with pytest.raises((TypeError, ValueError)):
            metric.align(x, bad)
    with pytest.raises(ValueError, match="X has 10 and Y has 9"):
        metric.fit(x, y[:9])
    alignment = metric.fit(x, y)
    with pytest.raises(ValueError, match=r"Y must have the units of its training data \(4\), not 3"):
        metric.transform(alignment, x, x)


def test_names_tell_options_apart():
    metrics = [
        ng.ShapeMetric(alpha, score=score, center=center, whiten_scale=scale)
        for alpha, score, center, scale in itertools.product(
            (0.0, 0.3, 1.0), SCORES, (True, False), ("raw", "unit")
        )
        if scale == "raw" or 0 < alpha < 1
    ]
    assert len({metric.name for metric in metrics}) == len(metrics) == 16
    assert ng.Procrustes().name == ng.ShapeMetric(1).name == "procrustes"
    assert ng.CCA(score="euclidean").name == "cca(euclidean)"
    assert repr(ng.CCA()) == "<CCA 'cca'>"
    x, y = related(0, 30, 5, 4)
    together = ng.pairwise([x, y], metrics)
    for metric in metrics:
        assert together[metric.name].values[0, 1] == metric.distance(x, y)
