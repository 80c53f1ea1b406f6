"""The permutation distance against all permutations, reference values, netrep's rule; properties; input."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import VALUES, reference_data
from hypothesis import given, settings
from hypothesis import strategies as st

X, Y, W = reference_data("XYW")
SCORES = ("angular", "euclidean")
distances_of = {score: ng.Permutation(score=score).distance for score in SCORES}


def padded(x, width):
    return np.pad(x, ((0, 0), (0, width - x.shape[1])))


def value(x, y, score):
    """The distance of matched responses."""
    if score == "euclidean":
        return np.linalg.norm(x - y)
    return np.arccos(np.clip((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y), -1, 1))


def best_permutation(x, y):
    """Both padded to one width, and the best of all orders of the second one."""
    width = max(x.shape[1], y.shape[1])
    x, y = padded(x, width), padded(y, width)
    products = x.T @ y
    orders = itertools.permutations(range(width))
    return x, y, list(max(orders, key=lambda order: products[range(width), order].sum()))


def netrep_rule(x, y, test_x, test_y, score):
    """Pad, centre by the training mean, match on training data, evaluate on the others."""
    means = x.mean(axis=0), y.mean(axis=0)
    x, y, order = best_permutation(x - means[0], y - means[1])
    width = x.shape[1]
    return value(padded(test_x - means[0], width), padded(test_y - means[1], width)[:, order], score)


def test_reference_values():
    for name, other, score in (
        ("permutation_angular(X,W)", W, "angular"),
        ("permutation_euclidean(X,W)", W, "euclidean"),
        ("permutation_angular(X,Y) zero-padded", Y, "angular"),
    ):
        assert distances_of[score](X, other) == pytest.approx(VALUES[name], rel=1e-10)


def test_closed_form():
    first, second = np.diag([3, 2, 1]), np.diag([1, 1, 2])
    angle = ng.Permutation(center=False).distance(first, second)
    assert angle == pytest.approx(0.7016741237876035, rel=1e-12)  # arccos(7 / sqrt(84))
    length = ng.Permutation(score="euclidean", center=False).distance(first, second)
    assert length == pytest.approx(2.449489742783178, rel=1e-12)  # sqrt(6)


def random_pair(seed, n_x, n_y, m=7):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, n_x)), rng.normal(size=(m, n_y))
    shared = min(n_x, n_y) // 2
    y[:, :shared] += rng.uniform(-3, 3) * x[:, :shared]
    return x + rng.normal(size=n_x), y + rng.normal(size=n_y)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6), st.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_all_permutations(seed, n_x, n_y, m):
    x, y = random_pair(seed, n_x, n_y, m)
    for score in SCORES:
        centred = ng.Permutation(score=score).distance(x, y)
        assert centred == pytest.approx(netrep_rule(x, y, x, y, score), rel=1e-9, abs=1e-7)
        a, b, order = best_permutation(x, y)
        raw = ng.Permutation(score=score, center=False).distance(x, y)
        assert raw == pytest.approx(value(a, b[:, order], score), rel=1e-9, abs=1e-7)


def test_units_of_the_smaller_item_are_matched_even_if_anticorrelated():
    x = X[:, :1]
    assert distances_of["angular"](x, -x) == pytest.approx(np.pi, abs=1e-7)
    # The unit left over of the larger item meets silence.
    both = np.column_stack([-x, 3 * Y[:, :1]])
    wanted = netrep_rule(x, both, x, both, "angular")
    assert wanted > 0
    assert distances_of["angular"](x, both) == pytest.approx(wanted, rel=1e-12)
    silent = np.column_stack([x, np.zeros(40)])
    assert distances_of["angular"](silent, -silent) == pytest.approx(np.pi / 2, rel=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_extreme_scales_and_offsets(score):
    wanted = distances_of[score](X, W)
    for scale in (1e-120, 1e120):
        found = distances_of[score](scale * X, scale * W) / (scale if score == "euclidean" else 1)
        assert found == pytest.approx(wanted, rel=1e-11)
    x, w = np.round(X * 256) / 256, np.round(W * 256) / 256
    wanted = distances_of[score](x, w)
    assert distances_of[score](x + 2.0**30, w - 2.0**31) == pytest.approx(wanted, rel=1e-11)


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_triangle_inequality_for_equal_numbers_of_units(seed, n):
    rng = np.random.default_rng(seed)
    items = [padded(rng.normal(size=(4, k)), n) for k in rng.integers(1, n + 1, 8)]
    for score in SCORES:
        d = ng.pairwise(items, ng.Permutation(score=score)).square
        assert (d[:, None, :] <= d[:, :, None] + d[None] + 1e-10).all()


@pytest.mark.parametrize("score", SCORES)
def test_triangle_inequality_fails_for_unequal_numbers_of_units(score):
    x = X[:, :1]
    items = [x, np.column_stack([x, -x]), -x]
    d = ng.pairwise(items, ng.Permutation(score=score)).square
    assert d[0, 2] > 1.2 * (d[0, 1] if score == "euclidean" else d[0, 1] + d[1, 2])
    if score == "angular":
        np.testing.assert_allclose(d[[0, 1, 0], [1, 2, 2]], [np.pi / 4, np.pi / 4, np.pi], rtol=1e-7)
    d = ng.pairwise([padded(item, 2) for item in items], ng.Permutation(score=score)).square
    assert d[0, 2] <= d[0, 1] + d[1, 2] + 1e-10


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
def test_small_distances(size):
    rng = np.random.default_rng(0)
    order = rng.permutation(12)
    x = X - X.mean(axis=0)
    change = rng.normal(size=x.shape)
    change -= change.mean(axis=0)
    other = (x + size * change)[:, order]
    length = distances_of["euclidean"](x, other)
    rounding = 1e-15 / size
    assert length == pytest.approx(size * np.linalg.norm(change), rel=1e-9 + 10 * rounding)
    across = change - x * (x * change).sum() / (x * x).sum()
    wanted = size * np.linalg.norm(across) / np.linalg.norm(x)
    assert distances_of["angular"](x, other) == pytest.approx(wanted, rel=1e-9 + size + 10 * rounding)


@pytest.mark.parametrize("extra", [0, 2])
def test_units_that_are_nearly_equal_are_not_confused(extra):
    # Inner products cannot tell which of two such units is which: they differ by 1e-17.
    rng = np.random.default_rng(1)
    x = np.repeat(rng.normal(size=(30, 3)), 4, axis=1) + 1e-7 * rng.normal(size=(30, 12))
    x -= x.mean(axis=0)
    change = 1e-10 * rng.normal(size=x.shape)
    change -= change.mean(axis=0)
    other = padded((x + change)[:, rng.permutation(12)], 12 + extra)
    assert distances_of["euclidean"](x, other) == pytest.approx(np.linalg.norm(change), rel=1e-4)


# ---- held-out stimuli and fitted matchings


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_held_out_is_netreps_rule(seed, n_x, n_y):
    x, y = random_pair(seed, n_x, n_y, m=12)
    for score in SCORES:
        result = ng.pairwise([x[:8], y[:8]], ng.Permutation(score=score), test=[x[8:], y[8:]])
        wanted = netrep_rule(x[:8], y[:8], x[8:], y[8:], score)
        assert result.held_out[0, 1] == pytest.approx(wanted, rel=1e-9, abs=1e-7)
        assert result.square[0, 1] == pytest.approx(distances_of[score](x[:8], y[:8]), rel=1e-13)
        again = ng.pairwise([x[:8], y[:8]], ng.Permutation(score=score), test=[x[:8], y[:8]])
        np.testing.assert_allclose(again.held_out, again.values, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("first", "second"), [(X, W), (X, Y), (Y, X)])
def test_fit_transform_align(first, second):
    metric = ng.Permutation()
    matching = metric.fit(first, second)
    width = max(first.shape[1], second.shape[1])
    for units, item in ((matching.x_units, first), (matching.y_units, second)):
        assert units.shape == (width,)
        assert sorted(units) == [-1] * (width - item.shape[1]) + list(range(item.shape[1]))
    for score in SCORES:
        assert value(*metric.align(first, second), score) == pytest.approx(distances_of[score](first, second))
    train, test = slice(0, 30), slice(30, 40)
    matching = metric.fit(first[train], second[train])
    for score in SCORES:
        found = ng.pairwise(
            [first[train], second[train]], ng.Permutation(score=score), test=[first[test], second[test]]
        )
        moved = metric.transform(matching, first[test], second[test])
        assert value(*moved, score) == pytest.approx(found.held_out[0, 1], rel=1e-12)


def test_align_recovers_the_order():
    order = np.random.default_rng(0).permutation(12)
    matching = ng.Permutation().fit(X, X[:, order] + 5)
    np.testing.assert_array_equal(order[matching.y_units], np.arange(12))
    one, other = ng.Permutation(center=False).align(X, X[:, order])
    np.testing.assert_array_equal(one, X)
    np.testing.assert_array_equal(other, X)


# ---- the sweep and its input


def test_bad_options():
    with pytest.raises(ValueError, match="score must be"):
        ng.Permutation(score="cosine")
    with pytest.raises(TypeError, match="center must be True or False"):
        ng.Permutation(center="yes")


def test_both_scores_together():
    metrics = [ng.Permutation(score=s, center=c) for s in SCORES for c in (True, False)]
    together = ng.pairwise([X, Y, W], [*metrics, "procrustes"], test=[X + 1, Y, W])
    assert set(together) == {m.name for m in metrics} | {"procrustes"}
    for metric in metrics:
        alone = ng.pairwise([X, Y, W], metric, test=[X + 1, Y, W])
        np.testing.assert_array_equal(together[metric.name].values, alone.values)
        np.testing.assert_array_equal(together[metric.name].held_out, alone.held_out)
    # A permutation is one of the rotations.
    assert (together["permutation"].values >= together["procrustes"].values - 1e-12).all()
