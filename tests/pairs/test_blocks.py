"""Items that are prepared from blocks of their units, held against the same items as a whole."""

from __future__ import annotations

import functools
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.blocks import (
    ALL,
    CASES,
    KINDS,
    WHOLE_ONLY,
    M,
    N,
    few_vary,
    full_rank,
    low_rank,
    set_blocks,
    values_of,
)
from helpers.same_bits import assert_same_bits
from neurogeom.representations.blocks import UnitBlocks
from neurogeom.representations.items import as_items


@pytest.fixture
def small_blocks(monkeypatch):
    """Call it to have items read in blocks of few units."""
    return functools.partial(set_blocks, monkeypatch)


# Distances in units of the responses, which are compared in units of their norm (of centred ones?).
WITH_UNITS = {"bures": True, "magnitude_difference": False, "procrustes(euclidean, uncentered)": False}


def norm_of(items, centred):
    items = [np.asarray(item, dtype=np.float64) for item in items]
    return max(np.linalg.norm(item - centred * item.mean(axis=0)) for item in items)


def ridge_condition(items, values):
    """Largest relative change of ridge scores where items change by M N eps, the backward error of a QR."""
    ridge = {name: metric for name, metric in ALL.items() if name.startswith("ridge")}
    rng = np.random.default_rng(0)
    changed = []
    for item in items:
        mean = np.mean(item, axis=0, dtype=np.float64)
        change = M * N * np.finfo(np.float64).eps * rng.uniform(-1, 1, item.shape)
        changed.append(mean + (item - mean) * (1 + change))
    found = values_of(changed, ridge)
    return {name: np.max(np.abs(found[name] - values[name]) / (1 + np.abs(values[name]))) for name in ridge}


@pytest.mark.parametrize("case", CASES)
def test_blocks_give_what_the_whole_gives(case, small_blocks):
    items = [CASES[case](seed) for seed in range(4)]
    copies = [item.copy() for item in items]
    whole = values_of(items)
    tolerances = dict.fromkeys(ALL, 1e-12)
    if case == "mixed scales":  # the only one where a penalty of 1 leaves an ill-conditioned system
        tolerances |= ridge_condition(items, whole)
    small_blocks()
    streamed = values_of(items)
    for name, tolerance in tolerances.items():
        unit = norm_of(items, WITH_UNITS[name]) if name in WITH_UNITS else 1.0
        found, expected = streamed[name] / unit, whole[name] / unit
        np.testing.assert_allclose(found, expected, tolerance, tolerance, err_msg=name)
    for item, copy in zip(items, copies, strict=True):
        np.testing.assert_array_equal(item, copy)


@pytest.mark.parametrize("width", [1, 23, 24, 60, 61, 100])
def test_width_of_blocks_matters_to_rounding_only(width, small_blocks):
    items = [CASES["constant units"](0), CASES["low rank"](1)]
    small_blocks()
    expected = values_of(items)
    small_blocks(width=width)
    found = values_of(items)
    for name in ALL:
        np.testing.assert_allclose(found[name], expected[name], 1e-12, 1e-12, err_msg=name)


def test_more_stimuli_than_varying_units(small_blocks):
    """Records have the shape of those of the whole: ranks, sizes, and columns where few units vary."""
    X = few_vary(0)
    (item,) = as_items([X], "items")
    small_blocks()
    for metric in (ng.Procrustes(), ng.CCA(), ng.ShapeMetric(0.5), ng.SVCCA(), ng.LinearR2()):
        for part in metric.parts():
            record, whole = part.prepare(item.open()), part.prepare(UnitBlocks(X, "X"))
            assert (record.rank, record.size) == (whole.rank, whole.size)
            np.testing.assert_allclose(record.matrix, whole.matrix, rtol=0, atol=1e-14)
            np.testing.assert_allclose(record.scale, whole.scale, rtol=1e-14)


# ---- accuracy where sums cancel


def test_small_singular_values_keep_their_digits(small_blocks):
    """From X X' those below 1e-8 of the largest would be rounding."""
    rng = np.random.default_rng(0)
    left = np.linalg.qr(rng.normal(size=(M, M)))[0]
    right = np.linalg.qr(rng.normal(size=(N, M)))[0]
    singular = np.logspace(0, -12, M)
    (item,) = as_items([(left * singular) @ right.T], "items")
    small_blocks()
    part = ng.ShapeMetric(0.5, center=False).parts()[0]
    record = part.prepare(item.open())
    np.testing.assert_allclose(record.scale * record.singular, singular, rtol=0, atol=2e-15)


def distances_in_long_double(X, kind):
    x = np.asarray(X, dtype=np.longdouble)
    y = x
    if kind == "correlation":
        x = x - x[:, :1]  # exact, or nearly
        x = x - x.mean(axis=1, keepdims=True)
    if kind in ("correlation", "cosine"):
        x = y = x / np.sqrt((x * x).sum(axis=1, keepdims=True))
    if kind == "poisson":
        x = (x + np.longdouble(0.1)) / np.longdouble(1.1)
        y = np.log(x)
    i, j = np.triu_indices(len(x), 1)
    found = ((x[i] - x[j]) * (y[i] - y[j])).sum(axis=1)
    found /= 2 if kind in ("correlation", "cosine") else x.shape[1]
    return np.asarray(np.sqrt(found) if kind == "euclidean" else found, dtype=np.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_each_dissimilarity_is_accurate(kind, small_blocks):
    """Relative to itself, also beside an outlier, as far as what it is computed from is exact."""
    X = np.abs(full_rank(0)) + 1.0
    X[5] = X[3] * (1 + 1e-6 * np.random.default_rng(1).normal(size=N))
    X[7] += 1e3
    X[11] = X[2]
    small_blocks()
    found = ng.rdm(X, kind).condensed
    expected = distances_in_long_double(X, kind)
    near = expected < 1e-5
    assert near.sum() == 2
    np.testing.assert_allclose(found[~near], expected[~near], rtol=1e-13)
    # Differences of 1e-6 of the size: of directions and rates, which are rounded, they have ten digits.
    np.testing.assert_allclose(found[near], expected[near], rtol=1e-13 if "euclidean" in kind else 1e-9)
    assert (found == 0).sum() == 1


@pytest.mark.parametrize("kind", ["correlation", "cosine"])
def test_patterns_of_any_scale(kind, small_blocks):
    """Powers of two are taken out of each stimulus, also where its first units are silent."""
    X = full_rank(0)
    X[::4, :20] = 0.0
    small_blocks()
    expected = ng.rdm(X, kind).condensed
    scaled = ng.rdm(X * 2.0 ** np.linspace(-400, 400, M, dtype=int)[:, None], kind).condensed
    assert_same_bits(scaled, expected)
    np.testing.assert_allclose(expected, distances_in_long_double(X, kind), rtol=1e-13)


@pytest.mark.parametrize("offset", [1e3, 1e9])
def test_correlation_of_responses_far_from_zero(offset, small_blocks):
    """As accurate as the differences of the responses, which are exact."""
    X = full_rank(0) + offset * np.arange(1, M + 1)[:, None]
    small_blocks()
    found = ng.rdm(X, "correlation").condensed
    np.testing.assert_allclose(found, distances_in_long_double(X, "correlation"), rtol=1e-13)


def test_duplicates_tie(small_blocks):
    """Of binary features: equal dissimilarities are equal in ranks, in whatever blocks."""
    items = [np.random.default_rng(seed).integers(0, 2, (M, N)) for seed in range(2)]
    metrics = {kind: ng.RSA(kind, "kendall", name=kind) for kind in KINDS}
    whole = values_of(items, metrics)
    small_blocks()
    streamed = values_of(items, metrics)
    for kind in KINDS:
        np.testing.assert_array_equal(streamed[kind], whole[kind])


# ---- bits


def test_bits_depend_on_neither_threads_nor_tiles(small_blocks):
    items = [CASES[case](seed) for seed, case in enumerate(("full rank", "low rank", "offset", "duplicates"))]
    small_blocks()
    expected = values_of(items, n_threads=1)
    for options in ({"n_threads": 2}, {"n_threads": 2, "tile": 1}, {"n_threads": 1, "tile": 3}):
        assert_same_bits(values_of(items, **options), expected)


@pytest.mark.parametrize("name", WHOLE_ONLY)
def test_bits_do_not_depend_on_other_metrics(name, small_blocks):
    """Where another metric needs all of an item, those that stream get blocks of it nevertheless."""
    items = [full_rank(seed) for seed in range(3)]
    small_blocks()
    alone = values_of(items)
    metric = WHOLE_ONLY[name]
    together = values_of(items, {**ALL, name: metric})
    expected = values_of(items, {name: metric})
    assert_same_bits(together.pop(name), expected[name])
    assert_same_bits(together, alone)


@pytest.mark.parametrize("name", ["procrustes", "cca", "nbs"])
def test_held_out(name, small_blocks):
    items, test = [low_rank(0), full_rank(1)], [full_rank(2), full_rank(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        whole = ng.pairwise(items, name, test=test)
        small_blocks()
        streamed = ng.pairwise(items, name, test=test)
        assert_same_bits(streamed.values, ng.pairwise(items, name).values)
    assert_same_bits(streamed.held_out, whole.held_out)
    np.testing.assert_allclose(streamed.values, whole.values, rtol=1e-12)


def test_omitted_stimuli(small_blocks):
    items = [full_rank(seed) for seed in range(3)]
    items[1][4, 50], items[2][[0, 9], 3] = np.nan, np.nan
    whole = values_of(items, nan_policy="omit")
    small_blocks()
    streamed = values_of(items, nan_policy="omit")
    for name in ALL:
        np.testing.assert_allclose(streamed[name], whole[name], 1e-12, 1e-12, err_msg=name)
