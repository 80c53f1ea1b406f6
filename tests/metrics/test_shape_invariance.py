"""Shape distances of items of any shape, rank and scale, and how they depend on alpha."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear, shapes
from hypothesis import given, settings
from hypothesis import strategies as st

approx = pytest.approx
pytestmark = pytest.mark.filterwarnings("ignore:cca.*as many independent units")
many = settings(max_examples=40, deadline=None)

SEEDS = st.integers(0, 2**32 - 1)
# Any number of stimuli and units, also more units than stimuli; ranks from 1; scales from 1e-8 to 1e8.
SHAPES = {
    "seed": SEEDS,
    "m": st.integers(2, 40),
    "n_x": st.integers(1, 50),
    "n_y": st.integers(1, 50),
    "rank": st.integers(1, 50),
    "powers": st.tuples(st.integers(-8, 8), st.integers(-8, 8)),
}


def pair_of(rng, m, n_x, n_y, rank, powers):
    x = shapes.low_rank(rng, m, n_x, rank)
    y = shapes.low_rank(rng, m, n_y, max(1, 51 - rank))
    width = min(n_x, n_y)
    y[:, :width] += rng.choice([0.0, 1.0, 10.0]) * x[:, :width]
    return x * 10.0 ** powers[0], y * 10.0 ** powers[1]


def size_of(x):
    return np.linalg.norm(linear.centered(x))


@pytest.mark.parametrize("score", ["angular", "euclidean"])
@many
@given(**SHAPES)
def test_procrustes_of_any_shape_rank_and_scale(score, seed, m, n_x, n_y, rank, powers):
    rng = np.random.default_rng(seed)
    x, y = pair_of(rng, m, n_x, n_y, rank, powers)
    metric = ng.Procrustes(score=score)
    known = metric.distance(x, y)
    unit = 1.0 if score == "angular" else max(size_of(x), size_of(y))
    assert known == approx(shapes.by_singular_values(x, y, 1.0, score), rel=1e-9, abs=1e-7 * unit)
    assert 0 <= known <= (np.pi / 2 if score == "angular" else np.hypot(size_of(x), size_of(y))) * (1 + 1e-12)


@many
@given(SEEDS, st.integers(6, 40), st.integers(1, 5), st.integers(1, 5))
def test_cca_of_dependent_units(seed, m, r_x, r_y):
    """The rank is what counts, also where there are more units than stimuli."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, r_x)), rng.normal(size=(m, r_y))
    y[:, 0] += x[:, 0]
    metric = ng.CCA()
    known = metric.distance(x, y)
    if max(r_x, r_y) < m - 1:
        basis_x, basis_y = (linear.spanning(linear.centered(side)) for side in (x, y))
        rho = np.linalg.svd(basis_x.T @ basis_y, compute_uv=False)
        expected = np.arccos(min(1, rho.sum() / np.sqrt(r_x * r_y)))
        assert known == approx(expected, rel=1e-9, abs=1e-7)
    wide = np.column_stack([y, y @ rng.normal(size=(r_y, 60))])
    shifted = wide + rng.uniform(-1, 1, wide.shape[1]) * wide.std(axis=0)
    repeated = np.column_stack([x, x[:, :1], np.zeros(m), np.full(m, 5.0)])
    for pair in ((x, wide), (x, shifted), (repeated, y)):
        assert metric.distance(*pair) == approx(known, rel=1e-9, abs=1e-12)
    assert metric.distance(wide, y) < 1e-12


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-3, 1e-4, 1e-8, 1e8])
def test_fault_4_2_units_of_small_variance(scale):
    """An absolute clip gives 0, 0.289, 0.623, 0.928 for the first four."""
    x = scale * np.random.default_rng(0).normal(size=(100, 20))
    y = x * np.logspace(0, -3, 20)
    assert ng.cca(x, y) < 1e-12
    assert ng.cca(x, y, score="euclidean") == approx(abs(size_of(x) - size_of(y)), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_raw_whitening_depends_on_units(alpha):
    x, y = (np.random.default_rng(i).normal(size=(30, 5)) * np.logspace(0, 1, 5) for i in (1, 2))
    raw, unit = ng.ShapeMetric(alpha), ng.ShapeMetric(alpha, whiten_scale="unit")
    assert abs(raw.distance(x, y) - raw.distance(10 * x, y)) > 1e-4
    more = [np.tile(side, (9, 1)) for side in (x, y)]
    assert abs(raw.distance(x, y) - raw.distance(*more)) > 1e-4
    assert unit.distance(x, y) == approx(unit.distance(*more), rel=1e-9)  # the same clouds of points
    # Large data are hardly whitened, small data all the more.
    assert raw.distance(1e9 * x, 1e9 * y) == approx(ng.procrustes(x, y), rel=1e-6)
    assert raw.distance(1e-9 * x, 1e-9 * y) == approx(ng.cca(x, y), rel=1e-6)
    mean_square = [side * np.sqrt(5) / size_of(side) for side in (x, y)]
    assert unit.distance(x, y) == approx(raw.distance(*mean_square), rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(10, 40), st.integers(1, 8), st.integers(1, 8))
def test_continuity_in_alpha(seed, m, n_x, n_y):
    rng = np.random.default_rng(seed)
    x, y = (rng.normal(size=(m, n)) for n in (n_x, n_y))
    for score, scale in itertools.product(("angular", "euclidean"), ("raw", "unit")):
        ends = [ng.ShapeMetric(alpha, score=score).distance(x, y) for alpha in (0, 1)]
        near = [
            ng.ShapeMetric(alpha, score=score, whiten_scale=scale).distance(x, y)
            for alpha in (0, 1e-13, 1e-7, 1 - 1e-7, 1 - 1e-13, 1)
        ]
        assert near[::5] == ends
        assert near[1::3] == approx(ends, rel=1e-10, abs=1e-7 * (1 + ends[0])), "the slope is of order 1"
        assert near[1] == approx(near[0], rel=1e-9, abs=1e-10)
        assert near[4] == approx(near[5], rel=1e-9, abs=1e-10)


@many
@given(alpha=st.sampled_from([0.0, 0.3, 0.8, 1.0]), **SHAPES)
def test_scores_follow_from_each_other(alpha, seed, m, n_x, n_y, rank, powers):
    """The law of cosines; and for unit norms the chord of an arc."""
    x, y = pair_of(np.random.default_rng(seed), m, n_x, n_y, rank, (0, powers[1] / 8))
    angle = ng.ShapeMetric(alpha).distance(x, y)
    a, b = size_of(x), size_of(y)
    expected = np.sqrt((a - b) ** 2 + 4 * a * b * np.sin(angle / 2) ** 2)
    euclidean = ng.ShapeMetric(alpha, score="euclidean")
    assert euclidean.distance(x, y) == approx(expected, rel=1e-10, abs=1e-13 * max(a, b))
    if alpha in (0, 1):
        chord = euclidean.distance(x / a, y / b)
        assert chord == approx(2 * np.sin(angle / 2), rel=1e-9, abs=1e-12)


# ---- rank deficiency


@pytest.mark.parametrize("score", ["angular", "euclidean"])
def test_duplicates_of_units_do_not_count_in_cca(score):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 30, 6))
    metric = ng.CCA(score=score)
    copies = [np.column_stack([x, x]) / np.sqrt(2), np.column_stack([x[:, :1]] * 3 + [x[:, 1:]])]
    assert metric.distance(copies[0], y) == approx(metric.distance(x, y), rel=1e-11)
    assert ng.cca(copies[1], y) == approx(ng.cca(x, y), rel=1e-11)
    assert ng.procrustes(copies[0], y, score=score) == approx(ng.procrustes(x, y, score=score), rel=1e-11)
    assert abs(ng.procrustes(copies[1], y) - ng.procrustes(x, y)) > 1e-3


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_fault_4_3_padding_keeps_the_variance(alpha):
    x, y = np.random.default_rng(5).normal(size=(2, 40, 10))
    metric = ng.ShapeMetric(alpha, score="euclidean")
    known = metric.distance(x, y)
    for wide in (np.pad(x, ((0, 0), (0, 10))), np.column_stack([x, np.full((40, 10), 0.3)])):
        assert metric.distance(wide, y) == approx(known, rel=1e-12)
    half = x[:, :5]
    angle = ng.cca(half, x)
    assert angle == approx(np.pi / 4, rel=1e-13)
    a, b = size_of(half), size_of(x)
    expected = np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.pi / 4))
    assert ng.cca(half, x, score="euclidean") == approx(expected, rel=1e-13)


@pytest.mark.parametrize("alpha", [0.4, 0.9])
def test_rank_tolerance(alpha):
    """Directions of relative size 1e-6 count by default, and not above it."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    noisy = np.column_stack(
        [linear.spanning(linear.centered(x)), 1e-6 * linear.spanning(rng.normal(size=(30, 2)))]
    )
    for tolerance, rank in ((None, 5), (1e-8, 5), (1e-4, 3)):
        metric = ng.ShapeMetric(alpha, rank_tolerance=tolerance)
        expected = shapes.distance(noisy if rank == 5 else noisy[:, :3], y, alpha)
        assert metric.distance(noisy, y) == approx(expected, rel=1e-9 if rank == 5 else 1e-5)
    for tolerance in (1e-13, 1e-5, 0.3):
        metric = ng.ShapeMetric(alpha, rank_tolerance=tolerance)
        assert metric.distance(x, y) == approx(shapes.distance(x, y, alpha), rel=1e-11)


def test_mixed_scales_within_the_rank():
    """Units over ten orders of magnitude: whitening finds all of them."""
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 4))
    graded = x * np.logspace(5, -5, 6)
    assert ng.cca(graded, y) == approx(ng.cca(x, y), rel=1e-11)
    assert ng.cca(graded @ linear.rotation(rng, 6), y) == approx(ng.cca(x, y), rel=1e-4)
