"""Logits: reference values, definitions written out, and errors that cover."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from neurogeom import logits
from scipy import special, stats

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "systems_reference.json").read_text())[
    "G_logits"
]


def reference_logits():
    rng = np.random.default_rng(40)
    return 2 * rng.standard_normal((6, 4)), rng.integers(0, 4, 6)


def random_logits(n=40, k=6, seed=0, tied=False):
    Z = 2 * np.random.default_rng(seed).standard_normal((n, k))
    return np.round(Z) if tied else Z


def test_reference_values():
    Z, y = reference_logits()
    assert y.tolist() == REFERENCE["y"]
    gaps = logits.logit_gaps(Z)
    np.testing.assert_allclose(logits.max_logit(Z, center=False), REFERENCE["max_logit"], atol=1e-8)
    np.testing.assert_allclose(gaps[:, 0], REFERENCE["gap12"], atol=1e-8)
    np.testing.assert_allclose(gaps.mean(axis=0), REFERENCE["gaps_to_rank_mean"], atol=1e-8)
    np.testing.assert_array_equal(logits.class_order(Z), REFERENCE["order"])
    np.testing.assert_allclose(logits.true_margin(Z, y), REFERENCE["margin_true"], atol=1e-8)
    np.testing.assert_allclose(logits.confidence(Z), REFERENCE["msp"], atol=1e-8)


def test_probabilities_are_scipys():
    Z = random_logits() * 5
    p = special.softmax(Z, axis=1)
    np.testing.assert_allclose(logits.confidence(Z), p.max(axis=1), rtol=1e-13)
    np.testing.assert_allclose(logits.entropy(Z), stats.entropy(p, axis=1), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(logits.energy(Z), -special.logsumexp(Z, axis=1), rtol=1e-13)


def test_what_softmax_ignores_is_ignored():
    Z, y = random_logits(), np.arange(40) % 6
    moved = Z + np.random.default_rng(1).standard_normal((40, 1)) * 10
    for function in (logits.max_logit, logits.logit_gaps, logits.confidence, logits.entropy):
        np.testing.assert_allclose(function(moved), function(Z), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(logits.energy(moved, center=True), logits.energy(Z, center=True), atol=1e-12)
    np.testing.assert_allclose(logits.true_margin(moved, y), logits.true_margin(Z, y), atol=1e-12)


def test_large_logits_do_not_overflow():
    Z = np.array([[1e100, -1e100, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(logits.confidence(Z), [1, 1 / 3])
    np.testing.assert_allclose(logits.entropy(Z), [0, np.log(3)])
    np.testing.assert_allclose(logits.energy(Z), [-1e100, -np.log(3)])


def test_summary_is_the_mean_of_the_parts():
    Z, y = random_logits(), np.random.default_rng(2).integers(0, 6, 40)
    found = logits.summary(Z, y)
    margins = logits.true_margin(Z, y)
    assert found.accuracy == pytest.approx((Z.argmax(axis=1) == y).mean(), rel=1e-14)
    assert found.margin == pytest.approx(margins.mean(), rel=1e-12)
    assert found.margin_se == pytest.approx(margins.std(ddof=1) / np.sqrt(40), rel=1e-12)
    assert found.gap == pytest.approx(logits.logit_gaps(Z)[:, 0].mean(), rel=1e-12)
    assert found.auroc == logits.auroc(logits.confidence(Z), margins > 0).auroc
    assert np.isnan(logits.summary(Z).auroc)
    assert np.isnan(logits.summary(Z, Z.argmax(axis=1)).auroc)  # nothing is wrong


def test_a_tie_of_the_largest_counts_its_share():
    found = logits.summary([[2.0, 2.0, 0.0], [1.0, 0.0, 0.0]], [1, 0])
    assert found.accuracy == 0.75
    assert found.n_tied == 1


def test_auroc_is_the_share_of_pairs():
    rng = np.random.default_rng(3)
    scores, correct = np.round(rng.standard_normal(60), 1), rng.random(60) < 0.6  # with ties
    right, wrong = scores[correct], scores[~correct]
    pairs = (right[:, None] > wrong) + 0.5 * (right[:, None] == wrong)
    assert logits.auroc(scores, correct).auroc == pytest.approx(pairs.mean(), rel=1e-14)


def coverage(draw, truth, n=400):
    """Share of intervals that hold the truth, and its standard error."""
    hits = [abs(value - truth) <= 1.96 * error for value, error in map(draw, range(n))]
    return np.mean(hits), np.sqrt(0.95 * 0.05 / n)


def test_the_error_of_auroc_covers():
    # The area between two unit normals a distance d apart is Phi(d / sqrt 2).
    def draw(seed):
        rng = np.random.default_rng(seed)
        correct = np.arange(80) < 50
        found = logits.auroc(rng.standard_normal(80) + correct, correct)
        return found.auroc, found.auroc_se

    share, error = coverage(draw, stats.norm.cdf(1 / np.sqrt(2)))
    assert abs(share - 0.95) < 4 * error


def test_the_error_of_spearman_covers():
    # Of normals with correlation r it is 6/pi asin(r/2).
    def draw(seed):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(100)
        y = 0.6 * x + 0.8 * rng.standard_normal(100)
        pair = [np.column_stack([v, np.zeros(100)]) for v in (x - x.min(), y - y.min())]
        found = logits.confidence_agreement(*pair, by="gap")
        assert found.spearman == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-12)
        return found.spearman, found.spearman_se

    share, error = coverage(draw, 6 / np.pi * np.arcsin(0.3))
    assert abs(share - 0.95) < 4 * error


def test_top_differences_are_the_largest():
    one, other = random_logits(), random_logits(seed=1)
    found = logits.confidence_agreement(one, other, n_top=5)
    difference = logits.confidence(one) - logits.confidence(other)
    np.testing.assert_array_equal(found.differences, difference[found.samples])
    assert np.abs(difference).argmax() == found.samples[0]
    assert np.sort(np.abs(difference))[-5] == abs(found.differences[-1])


@pytest.mark.parametrize("tied", [False, True])
def test_order_agreement_is_kendalls_tau(tied):
    one, other = random_logits(300, tied=tied), random_logits(300, seed=1, tied=tied)
    other[::2] += 9 * (np.arange(6) == one[::2].argmax(axis=1)[:, None])  # half of them predict the same
    found = logits.order_agreement(one, other)
    for i in range(300):
        top = one[i].argmax()
        if top == other[i].argmax():
            expected = stats.kendalltau(np.delete(one[i], top), np.delete(other[i], top)).statistic
            np.testing.assert_allclose(found.tau[i], expected, atol=1e-12)
        else:
            assert np.isnan(found.tau[i])
    assert 150 <= found.n_used < 300
    assert found.agreement == pytest.approx(np.nanmean(found.tau), rel=1e-12)
    np.testing.assert_array_equal(found.tau, logits.order_agreement(one, other, n_threads=1).tau)


def test_no_sample_with_the_same_prediction_is_flagged():
    found = logits.order_agreement([[2.0, 1.0, 0.0]], [[0.0, 1.0, 2.0]])
    assert found.n_used == 0
    assert np.isnan(found.agreement)


def test_order_entropy_by_definition():
    Z = random_logits(200, 5)
    found = logits.order_entropy(Z)
    order = logits.class_order(Z)
    for k in range(5):
        wrong = order[order[:, 0] == k, 1:]

        def plugin(rows):
            return np.mean([stats.entropy(np.bincount(column, minlength=5)) for column in rows.T])

        n = len(wrong)
        without = np.array([plugin(np.delete(wrong, i, axis=0)) for i in range(n)])
        assert found.plugin[k] == pytest.approx(plugin(wrong), rel=1e-12)
        assert found.entropy[k] == pytest.approx(n * plugin(wrong) - (n - 1) * without.mean(), rel=1e-10)
        spread = (n - 1) / n * ((without - without.mean()) ** 2).sum()
        assert found.entropy_se[k] == pytest.approx(np.sqrt(spread), rel=1e-10)


def test_order_entropy_of_random_orders():
    # Its mean over many data sets of 30 samples; the correction leaves a bias of order 1/n^2.
    values = np.array([logits.order_entropy(random_logits(120, 4, seed)).mean for seed in range(100)])
    error = values.std(ddof=1) / 10
    assert abs(values.mean() - np.log(3)) < 4 * error + 0.003


def test_atc_finds_the_accuracy_of_the_source():
    Z, y = random_logits(500), np.random.default_rng(4).integers(0, 6, 500)
    y[:300] = Z[:300].argmax(axis=1)
    for score in ("confidence", "entropy"):
        found = logits.atc(Z, Z, y, score=score)
        assert found.accuracy == pytest.approx((Z.argmax(axis=1) == y).mean(), abs=1e-12)
    assert logits.atc(Z, Z, (Z.argmax(axis=1) + 1) % 6).accuracy == 0


EDITS = {
    "keep_max": logits.keep_max,
    "permute_rest": lambda Z: logits.permute_rest(Z, rng=0),
    "average_rest": logits.average_rest,
    "rescale_gaps": lambda Z: logits.rescale_gaps(Z, factor=0.3),
    "rescale_gaps to others": lambda Z: logits.rescale_gaps(Z, random_logits(seed=9)),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("tied", [False, True])
def test_edits_keep_the_prediction(name, tied):
    Z = random_logits(tied=tied)
    before = Z.copy()
    edited = EDITS[name](Z)
    np.testing.assert_array_equal(Z, before)
    np.testing.assert_array_equal(edited.max(axis=1), Z.max(axis=1))
    np.testing.assert_array_equal(edited[np.arange(40), Z.argmax(axis=1)], Z.max(axis=1))
    if not tied:
        np.testing.assert_array_equal(edited.argmax(axis=1), Z.argmax(axis=1))


def test_what_each_edit_leaves():
    Z = random_logits()
    kept = logits.keep_max(Z)
    np.testing.assert_allclose(kept.sum(axis=1), Z.sum(axis=1), atol=1e-12)
    assert np.ptp(np.sort(kept, axis=1)[:, :-1], axis=1).max() == 0
    permuted = logits.permute_rest(Z, rng=0)
    np.testing.assert_array_equal(np.sort(permuted, axis=1), np.sort(Z, axis=1))
    assert (permuted != Z).any()
    scaled = logits.rescale_gaps(Z, factor=0.3)
    np.testing.assert_allclose(logits.logit_gaps(scaled), 0.3 * logits.logit_gaps(Z), atol=1e-13)
    np.testing.assert_array_equal(logits.class_order(scaled), logits.class_order(Z))
    averaged = logits.average_rest(Z)
    for k in range(6):
        mine = Z.argmax(axis=1) == k
        mean = (Z[mine].max(axis=1, keepdims=True) - Z[mine]).mean(axis=0)
        np.testing.assert_allclose(
            averaged[mine].max(axis=1, keepdims=True) - averaged[mine],
            np.tile(mean, (mine.sum(), 1)),
            atol=1e-12,
        )


def test_gaps_get_the_distribution_of_others():
    Z, others = random_logits(), random_logits(seed=9)
    scaled = logits.rescale_gaps(Z, others)
    np.testing.assert_allclose(
        np.sort(logits.logit_gaps(scaled)[:, 0]), np.sort(logits.logit_gaps(others)[:, 0]), rtol=1e-10
    )
    np.testing.assert_array_equal(logits.class_order(scaled), logits.class_order(Z))
    again = logits.rescale_gaps(Z, Z)
    np.testing.assert_allclose(again, Z, atol=1e-12)


FUNCTIONS = {
    **{
        name: getattr(logits, name)
        for name in (
            "max_logit",
            "logit_gaps",
            "confidence",
            "entropy",
            "energy",
            "class_order",
            "summary",
            "order_entropy",
            "keep_max",
            "permute_rest",
            "average_rest",
        )
    },
    "true_margin": lambda Z: logits.true_margin(Z, np.zeros(len(Z), int)),
    "atc": lambda Z: logits.atc(Z, Z, np.zeros(len(Z), int)),
    "confidence_agreement": lambda Z: logits.confidence_agreement(Z, Z),
    "order_agreement": lambda Z: logits.order_agreement(Z, Z),
    "rescale_gaps": lambda Z: logits.rescale_gaps(Z, factor=2.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bad_logits_are_refused(name):
    function, Z = FUNCTIONS[name], random_logits()
    Z[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"\[3, 2\] is nan"):
        function(Z)
    with pytest.raises(ValueError, match="at least two classes"):
        function(np.ones((5, 1)))
    with pytest.raises(ValueError, match="two-dimensional"):
        function(np.ones(5))
    with pytest.raises(TypeError, match="real numbers"):
        function(np.array([["a", "b"]]))
    with pytest.raises(ValueError, match="empty"):
        function(np.ones((0, 3)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_layout_gives_the_same(name):
    function, Z = FUNCTIONS[name], random_logits().astype(np.float32)
    Z.flags.writeable = False
    wide = np.zeros((80, 12))
    wide[::2, ::-2] = Z
    shown = [
        str(vars(x)) if hasattr(x, "to_dict") else str(x)
        for x in (function(Z), function(wide[::2, ::-2]), function(np.asfortranarray(Z)))
    ]
    if name != "permute_rest":
        assert shown[0] == shown[1] == shown[2]


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0, 1], ValueError, "one entry for each of the 40 rows"),
        (np.full(40, 6), ValueError, r"labels\[0\] is 6; the columns of logits are 0 to 5"),
        (np.full(40, -1), ValueError, r"labels\[0\] is -1"),
        (np.full(40, 1.0), TypeError, "must be integers"),
        (["cat"] * 40, TypeError, "labels must be integers, the columns of logits"),
    ],
)
def test_bad_labels_are_refused(labels, error, text):
    with pytest.raises(error, match=text):
        logits.summary(random_logits(), labels)


def test_other_bad_arguments():
    Z = random_logits()
    with pytest.raises(ValueError, match="same samples, not 40 and 39"):
        logits.order_agreement(Z, Z[1:])
    with pytest.raises(ValueError, match="same classes, not 6 and 5"):
        logits.order_agreement(Z, Z[:, 1:])
    with pytest.raises(ValueError, match="at least 3 classes"):
        logits.order_agreement(Z[:, :2], Z[:, :2])
    with pytest.raises(ValueError, match="gap of second is the same for all samples"):
        logits.confidence_agreement(Z, np.ones((40, 3)), by="gap")
    with pytest.raises(ValueError, match="either reference or factor"):
        logits.rescale_gaps(Z)
    with pytest.raises(ValueError, match="factor must be positive"):
        logits.rescale_gaps(Z, factor=0.0)
    with pytest.raises(ValueError, match="there must be right and wrong answers"):
        logits.auroc([0.1, 0.2], [True, True])
    with pytest.raises(TypeError, match="correct must be bools"):
        logits.auroc([0.1, 0.2], [1, 0])


def test_rows_in_another_order_are_refused():
    Z = pd.DataFrame(random_logits(), index=[f"s{i}" for i in range(40)])
    y = pd.Series(np.zeros(40, int), index=Z.index)
    mixed = Z.iloc[::-1]
    logits.summary(Z, y)
    for call in (
        lambda: logits.summary(Z, y.iloc[::-1]),
        lambda: logits.true_margin(Z, y.iloc[::-1]),
        lambda: logits.atc(Z, Z, y.iloc[::-1]),
        lambda: logits.order_agreement(Z, mixed),
        lambda: logits.confidence_agreement(Z, mixed),
    ):
        with pytest.raises(ValueError, match="order"):
            call()
