"""Fitted alignments and held-out stimuli of shape metrics, and input that they refuse."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear

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


def by_definition(alpha, train, test):
    """Distances on training and on held-out stimuli, and the maps, by explicit matrices and NumPy's SVD.

    Z = alpha I + (1 - alpha) (X'X)^(-1/2) with the pseudo-inverse, times what keeps the variance; then the
    best rotation, of which only directions count that the training data determine.
    """
    white = []
    for data in train:
        _, s, vt = np.linalg.svd(linear.centered(data), full_matrices=False)
        kept = s > 1e-10 * s[0]
        z = alpha * np.eye(data.shape[1]) + (1 - alpha) * (vt[kept].T / s[kept]) @ vt[kept]
        white.append(z * np.linalg.norm(s) / np.linalg.norm(linear.centered(data) @ z))
    core = (linear.centered(train[0]) @ white[0]).T @ (linear.centered(train[1]) @ white[1])
    u, s, vt = np.linalg.svd(core)
    rank = int((s > 1e-10 * s[0]).sum())
    maps = white[0] @ u[:, :rank], white[1] @ vt[:rank].T
    found = {}
    for which, pair in (("train", train), ("test", test)):
        sides = [data - own.mean(axis=0) for data, own in zip(pair, train, strict=True)]
        a, b = (np.linalg.norm(side @ z) for side, z in zip(sides, white, strict=True))
        inner = np.vdot(sides[0] @ maps[0], sides[1] @ maps[1])
        found[which, "angular"] = np.arccos(min(inner / a / b, 1.0))
        found[which, "euclidean"] = np.sqrt(max(a * a + b * b - 2 * inner, 0.0))
    return found, maps


def low_rank(seed, m, n_x, n_y, rank=3):
    """X has `rank` dimensions, Y has at least one more, if it has the units."""
    rng = np.random.default_rng(seed)
    x, y = related(seed, m, n_x, n_y)
    return [x[:, :1] + linear.centered(x[:, :rank]) @ rng.normal(size=(min(rank, n_x), n_x)), y]


# ---- fit, transform, align

# Stimuli in training, units of X, of Y: as many, more in one (fault: extra directions were lost), one, more
# than stimuli in one or in both.
SHAPES = [(30, 5, 5), (20, 5, 8), (30, 7, 3), (30, 1, 4), (12, 25, 4), (12, 25, 20)]


@full_rank_is_meant
@pytest.mark.parametrize("make", [related, low_rank])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [*ALPHAS, 1 - 1e-6])
def test_aligned_responses_are_as_far_apart_as_distance_says(alpha, shape, make):
    """In training and held out, with nothing but the aligned arrays and NumPy; the oracle says the same."""
    m, n_x, n_y = shape
    pair = make(m + n_x, m + 9, n_x, n_y)
    train, test = ([item[rows] for item in pair] for rows in (slice(m), slice(m, None)))
    known, _ = by_definition(alpha, train, test)
    size = max(np.linalg.norm(linear.centered(item)) for item in train)
    for score in SCORES:
        metric = ng.ShapeMetric(alpha, score=score)
        result = ng.pairwise(train, metric, test=test)
        alignment = metric.fit(*train)
        # arccos(1 - eps), and the root of a rounded zero, are 1e-8.
        close = {"rel": 1e-9, "abs": 3e-8 if score == "angular" else 3e-8 * size}
        assert result.values[0, 1] == approx(known["train", score], **close)
        assert result.held_out[0, 1] == approx(known["test", score], **close)
        for value, (a, b) in (
            (result.values[0, 1], metric.align(*train)),
            (result.values[0, 1], metric.transform(alignment, *train)),
            (result.held_out[0, 1], metric.transform(alignment, *test)),
        ):
            found = angle_between(a, b) if score == "angular" else np.linalg.norm(a - b)
            assert found == approx(value, rel=1e-9, abs=1e-12 if score == "angular" else 1e-12 * size)


@full_rank_is_meant
@pytest.mark.parametrize("options", [{"center": False}, {"whiten_scale": "unit"}, {"rank_tolerance": 0.2}])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_aligned_responses_with_other_options(alpha, options):
    for m, n_x, n_y in ((20, 5, 8), (12, 25, 20)):
        pair = related(m, m + 9, n_x, n_y)
        train, test = ([item[rows] for item in pair] for rows in (slice(m), slice(m, None)))
        metric = ng.ShapeMetric(alpha, score="euclidean", **options)
        result = ng.pairwise(train, metric, test=test)
        a, b = metric.align(*train)
        assert np.linalg.norm(a - b) == approx(result.values[0, 1], rel=1e-9)
        a, b = metric.transform(metric.fit(*train), *test)
        assert np.linalg.norm(a - b) == approx(result.held_out[0, 1], rel=1e-9)
        again = ng.pairwise(train, metric, test=train)
        assert again.held_out[0, 1] == approx(again.values[0, 1], rel=1e-9)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_transform_is_the_definition_also_of_other_stimuli(alpha):
    x, y = related(1, 60, 6, 4)
    metric = ng.ShapeMetric(alpha)
    alignment = metric.fit(x[:40], y[:40])
    _, maps = by_definition(alpha, (x[:40], y[:40]), (x[40:], y[40:]))
    assert alignment.n_aligned == 4
    assert alignment.x_mean == approx(x[:40].mean(axis=0), rel=1e-13)
    assert alignment.y_mean == approx(y[:40].mean(axis=0), rel=1e-13)
    for rows in (slice(40), slice(40, None)):
        found = metric.transform(alignment, x[rows], y[rows])
        assert found[0].shape == found[1].shape == (len(x[rows]), 6)
        assert not found[1][:, 4:].any()
        known = (x[rows] - alignment.x_mean) @ maps[0], (y[rows] - alignment.y_mean) @ maps[1]
        for mine, theirs in zip(found, known, strict=True):
            signs = np.sign((mine[:, :4] * theirs).sum(axis=0))
            assert mine[:, :4] == approx(theirs * signs, rel=1e-7, abs=1e-9 * np.abs(theirs).max())


def test_align_finds_a_known_rotation_and_reflection():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 5)) + 3
    for sign in (1, -1):  # faults 4.14 and 4.15: reflections are allowed
        q = linear.rotation(rng, 5) * np.array([sign, 1, 1, 1, 1])
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
def test_fault_4_6_more_units_than_training_stimuli(alpha, score):
    """There, four rotations give 0.3085, 0.3111, 0.3118 and 0.3089."""
    rng = np.random.default_rng(5)
    x, y = related(5, 60, 50, 45)
    metric = ng.ShapeMetric(alpha, score=score)
    found = []
    for _ in range(4):
        items = x @ linear.rotation(rng, 50), y @ linear.rotation(rng, 45)
        result = ng.pairwise([i[:30] for i in items], metric, test=[i[30:] for i in items])
        found.append(result.held_out[0, 1])
    assert found == approx([found[0]] * 4, rel=1e-9)
    wide = np.pad(x, ((0, 0), (0, 9)))
    padded = ng.pairwise([wide[:30], y[:30]], metric, test=[wide[30:], y[30:]]).held_out[0, 1]
    assert padded == approx(found[0], rel=1e-9)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_nearly_orthogonal_representations_share_no_arbitrary_direction(alpha):
    """One direction in common, weakly: rounding of the core is relative to the factors, not to the core."""
    rng = np.random.default_rng(4)
    basis = linear.rotation(rng, 40)[:, :21]
    basis = linear.spanning(basis - basis.mean(axis=0))
    x = basis[:, :10] @ rng.normal(size=(10, 45))
    y = (basis[:, 10:20] + 1e-4 * basis[:, :1] * (np.arange(10) == 0)) @ rng.normal(size=(10, 50))
    new = [rng.normal(size=(30, item.shape[1])) for item in (x, y)]
    metric = ng.ShapeMetric(alpha)
    assert metric.fit(x, y).n_aligned == 1
    found = []
    for _ in range(3):
        turn = [linear.rotation(rng, 45), linear.rotation(rng, 50)]
        train, test = ([item @ q for item, q in zip(pair, turn, strict=True)] for pair in ((x, y), new))
        found.append(ng.pairwise(train, metric, test=test).held_out[0, 1])
    assert found == approx([found[0]] * 3, rel=1e-7)


def test_norms_count_what_the_training_data_do_not_span():
    """A unit that is silent in training and active in test is multiplied by alpha and adds to the norm."""
    x, y = related(6, 60, 5, 5)
    silent = np.column_stack([x, np.where(np.arange(60) < 40, 0.0, 4.0)])
    train, test = ([item[rows] for item in (silent, y)] for rows in (slice(40), slice(40, None)))
    for alpha in ALPHAS:
        metric = ng.ShapeMetric(alpha)
        without = ng.pairwise([x[:40], y[:40]], metric, test=[x[40:], y[40:]]).held_out[0, 1]
        found = ng.pairwise(train, metric, test=test).held_out[0, 1]
        assert found == approx(by_definition(alpha, train, test)[0]["test", "angular"], rel=1e-9)
        assert (found > without + 1e-3) == (alpha > 0)


@full_rank_is_meant
@pytest.mark.parametrize("scale", ["raw", "unit"])
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("make", [related, low_rank])
def test_held_out_distances_are_continuous_in_alpha(make, score, scale):
    """Fault: with more units than training stimuli they jumped at alpha = 1 (1.1100 to 1.3377)."""
    pair = make(9, 39, 60, 25)
    train, test = ([item[rows] for item in pair] for rows in (slice(14), slice(14, None)))
    found = [
        ng.pairwise(train, ng.ShapeMetric(alpha, score=score, whiten_scale=scale), test=test).held_out[0, 1]
        for alpha in (0.0, 1e-9, 0.5, 1 - 1e-9, 1.0)
    ]
    # Weights change by 1e-9 of the singular values, which are below 100.
    assert found[:2] == approx([found[0]] * 2, rel=1e-6)
    assert found[3:] == approx([found[4]] * 2, rel=1e-6)
    assert found[2] != approx(found[4], rel=1e-3)


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


@pytest.mark.parametrize(
    "metric", [ng.Procrustes(), ng.CCA(), ng.ShapeMetric(0.5), ng.Permutation()], ids=repr
)
def test_bad_fits(metric):
    x, y = (np.round(8 * side) / 8 for side in related(0, 8, 3, 4))  # means are exact
    for constant in (0.0, 0.1, -1e9):
        with pytest.raises(ValueError, match=r"^X does not vary over stimuli"):
            metric.fit(np.full((8, 3), constant), y)
    with pytest.raises(ValueError, match=r"test\[0\]|the held-out data of representations\[0\]"):
        ng.pairwise([x, y], metric, test=[np.tile(x.mean(axis=0), (3, 1)), y[:3]])
    for call in (metric.fit, metric.align):
        for bad, error, text in (
            (np.where(y == y[2, 1], np.nan, y), ValueError, r"^Y\[2, 1\] is nan"),
            (y[:7], ValueError, "X has 8 and Y has 7"),
            (y[:, :0], ValueError, "Y is empty"),
            (y[0], ValueError, "Y must be two-dimensional"),
            (y.astype(object), TypeError, "Y must hold real numbers"),
        ):
            with pytest.raises(error, match=text):
                call(x, bad)
    with pytest.raises(ValueError, match=r"Y must have the units of its training data \(4\), not 3"):
        metric.transform(metric.fit(x, y), x, x)


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
