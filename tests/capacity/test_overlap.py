"""Overlap of two clouds: separability against linear programming and by construction, certificates, input."""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction

import neurogeom as ng
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st


def separable_by_linprog(a, b):
    """Whether some hyperplane has all of a on one side and all of b on the other, strictly."""
    rows = np.vstack([np.column_stack([a, np.ones(len(a))]), -np.column_stack([b, np.ones(len(b))])])
    n = rows.shape[1]
    found = scipy.optimize.linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * n + [(None, None)],
    )
    return bool(found.x[-1] > 1e-8)


def exact_sides(points, weights, bias):
    """Side of each point without rounding: the sign is beyond doubt."""
    w = [Fraction(x) for x in weights.tolist()]
    rows = np.asarray(points, dtype=np.float64).tolist()
    return [sum((Fraction(x) * y for x, y in zip(row, w, strict=True)), Fraction(bias)) for row in rows]


def check_certificate(result, a, b):
    """Whatever is claimed follows from the certificate alone."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    assert result.status == 0
    if result.separable:
        above, below = (exact_sides(x, result.weights, result.bias) for x in (a, b))
        assert min(above) > 0 > max(below)
        assert np.linalg.norm(result.weights) == pytest.approx(1)
        size = max(np.abs(a).max(), np.abs(b).max())
        assert result.margin == pytest.approx(float(min(above)), rel=1e-6, abs=1e-12 * size)
        assert result.margin == pytest.approx(-float(max(below)), rel=1e-6, abs=1e-12 * size)
        assert result.convex_weights is None
        assert result.common_point is None
        assert np.isnan(result.gap)
    else:
        u, v = result.convex_weights
        for weights, cloud in ((u, a), (v, b)):
            assert weights.shape == (len(cloud),)
            assert (weights >= 0).all()
            assert weights.sum() == pytest.approx(1)
        extent = np.abs(np.concatenate([a, b]) - a[0]).max(axis=0)
        tolerance = 1e-9 * extent + 1e-14 * np.abs(a).max(axis=0)
        for weights, cloud in ((u, a), (v, b)):
            assert (np.abs(weights @ cloud - result.common_point) <= tolerance).all()
        assert result.gap <= np.linalg.norm(tolerance)
        assert result.weights is None
        assert np.isnan([result.margin, result.bias]).all()


def random_pair(seed):
    rng = np.random.default_rng(seed)
    n_a, n_b, n_features = rng.integers(1, [30, 30, 40])
    a, b = rng.standard_normal((n_a, n_features)), rng.standard_normal((n_b, n_features))
    a[:, 0] += rng.choice([0, 1, 3])
    if seed % 3 == 1:  # ties, duplicates, points in both clouds
        a, b = np.round(2 * a), np.round(2 * b)
    if seed % 3 == 2:
        a, b = a + 1e3, b + 1e3
    return a, b


@pytest.mark.filterwarnings("ignore:a cloud of one point")
def test_separability_equals_linear_programming():
    answers = []
    for seed in range(120):
        a, b = random_pair(seed)
        result = ng.overlap(a, b)
        assert result.separable == separable_by_linprog(a, b), seed
        check_certificate(result, a, b)
        answers.append(result.separable)
    assert 0.1 < np.mean(answers) < 0.9


@pytest.mark.parametrize("exponent", range(-12, 1))
def test_narrow_gaps_and_slight_contact(exponent):
    """A gap between two slabs, variance that is small in the direction that separates, a point inside."""
    width = 10.0**exponent
    for seed in range(15):
        rng = np.random.default_rng([seed, 1])
        n_features = int(rng.integers(1, 10))
        a, b = rng.standard_normal((20, n_features)), rng.standard_normal((25, n_features))
        rotation, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
        for sign, cloud in ((1, a), (-1, b)):
            cloud[:, 0] = sign * (np.abs(cloud[:, 0]) + width)
            cloud[0, 0] = sign * width
        assert ng.overlap(a, b).separable is True
        check_certificate(ng.overlap(a @ rotation, b @ rotation), a @ rotation, b @ rotation)
        for cloud in (a, b):
            cloud[:, 0] *= width
        flat = a @ rotation, b @ rotation
        if exponent > -7:
            assert ng.overlap(*flat).separable is True
            check_certificate(ng.overlap(*flat), *flat)
        a[3] = rng.dirichlet(np.full(25, 0.3)) @ b  # now the hulls meet
        inside = a @ rotation, b @ rotation
        if exponent > -7:
            assert ng.overlap(*inside).separable is False
            check_certificate(ng.overlap(*inside), *inside)


def test_features_of_very_different_scale():
    rng = np.random.default_rng(2)
    scales = 10.0 ** rng.uniform(-60, 60, 6)
    for seed in range(30):
        a, b = np.random.default_rng([seed, 3]).standard_normal((2, 12, 6))
        a[:, 1] += 2
        plain, scaled = ng.overlap(a, b), ng.overlap(a * scales, b * scales)
        assert plain.separable == scaled.separable
        check_certificate(scaled, a * scales, b * scales)


def test_more_features_than_points():
    a, b = np.random.default_rng(3).standard_normal((2, 15, 3000))
    result = ng.overlap(a.astype(np.float16), b.astype(np.float16))
    assert result.separable is True
    check_certificate(result, a.astype(np.float16), b.astype(np.float16))
    # half the distance between the hulls bounds the margin from above; for so many features it is near it
    assert 0.9 * 0.5 * np.sqrt(3000 * 2 / 15) < result.margin < 1.1 * 0.5 * np.sqrt(3000 * 2 / 15)
    b[0] = a.mean(axis=0)
    result = ng.overlap(a, b)
    assert result.separable is False
    np.testing.assert_allclose(result.common_point, a.mean(axis=0), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(result.convex_weights[0], 1 / 15, rtol=1e-6)


def test_cross_and_its_common_point():
    result = ng.overlap([[0, 0], [4, 4]], [[1, 0], [0, 1]])
    np.testing.assert_allclose(result.common_point, [0.5, 0.5], rtol=1e-12)
    np.testing.assert_allclose(result.convex_weights[0], [0.875, 0.125], rtol=1e-12)
    np.testing.assert_allclose(result.convex_weights[1], [0.5, 0.5], rtol=1e-12)
    assert result.gap < 1e-14


def test_clouds_that_touch_or_agree():
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, 9, 3))
    b[:, 0] = np.abs(b[:, 0])
    a[:, 0] = -np.abs(a[:, 0])
    a[2] = b[5] = [0, 1, 2]
    for pair in ((a, b), (a, a), (a, a[:1]), (np.ones((3, 2)), np.ones((2, 2)))):
        if len(pair[1]) > 1:
            result = ng.overlap(*pair)
        else:
            with pytest.warns(ng.ConvergenceWarning, match="cloud of one point"):
                result = ng.overlap(*pair)
        assert result.separable is False
        check_certificate(result, *pair)


def test_undecided_is_said():
    """Gaps on both sides of the data's rounding (2e-12 for this offset): None, never the wrong answer."""
    answers = []
    for exponent in np.linspace(-16, -6, 31):
        a, b = np.random.default_rng(5).standard_normal((2, 400, 2))
        a[:, 0], b[:, 0] = np.abs(a[:, 0]) + 10**exponent, -np.abs(b[:, 0])
        a[0], b[:2] = [10**exponent, 0], [[0, -3], [0, 3]]
        rotation = np.array([[0.6, 0.8], [-0.8, 0.6]])
        a, b = (cloud @ rotation + 1e4 for cloud in (a, b))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = ng.overlap(a, b)
        answers.append(result.separable)
        assert len(caught) == result.status == (result.separable is None)
        if result.status == 0:
            check_certificate(result, a, b)
            assert result.separable or exponent < -11.5
        else:
            assert "neither a separating hyperplane nor a common point" in str(caught[0].message)
            assert np.isnan([result.margin, result.bias, result.gap]).all()
            assert result.weights is result.convex_weights is result.common_point is None
    assert set(answers) == {True, False, None}


# ---- distances


def confusion(cloud, other):
    """Over all subsets that make both centres means of equally many points."""
    size = min(len(cloud) - 1, len(other))
    away = [np.mean(subset, axis=0) for subset in itertools.combinations(other, size)]
    wrong = []
    for i, x in enumerate(cloud):
        for subset in itertools.combinations(np.delete(cloud, i, axis=0), size):
            own = np.linalg.norm(x - np.mean(subset, axis=0))
            others = np.linalg.norm(x - away, axis=1)
            tied = np.abs(own - others) < 1e-9 * (own + others)
            wrong.append(np.where(tied, 0.5, own > others).mean())
    return np.mean(wrong)


@pytest.mark.parametrize("seed", range(12))
def test_distances_and_errors(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 30)
    a, b = rng.standard_normal((n, 4)), 0.5 + rng.standard_normal((n, 4))
    if seed % 2:
        a, b = np.round(a), np.round(b)
    result = ng.overlap(a, b)
    centers = a.mean(axis=0), b.mean(axis=0)
    distance = np.linalg.norm(centers[0] - centers[1])
    radii = [np.sqrt(((x - c) ** 2).sum(axis=1).mean()) for x, c in zip((a, b), centers, strict=True)]
    assert result.center_distance == pytest.approx(distance)
    np.testing.assert_allclose(result.radii, radii)
    np.testing.assert_allclose(result.nearest_center_errors, [confusion(a, b), confusion(b, a)])
    assert result.nearest_center_error == pytest.approx(np.mean(result.nearest_center_errors))
    assert result.relative_distance == pytest.approx(distance / sum(radii))
    assert list(result.n_points) == [len(a), len(b)]


def test_errors_of_unequal_clouds_are_those_of_all_subsets():
    """On average over orders of the rows, to four standard errors."""
    rng = np.random.default_rng(7)
    a, b = rng.standard_normal((4, 2)), 0.7 + rng.standard_normal((7, 2))
    results = [ng.overlap(rng.permutation(a), rng.permutation(b)) for _ in range(200)]
    errors = np.array([result.nearest_center_errors for result in results])
    spread = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    assert (np.abs(errors.mean(axis=0) - [confusion(a, b), confusion(b, a)]) <= 4 * spread).all()


@pytest.mark.parametrize(("n_a", "n_b"), [(20, 20), (3, 30), (9, 10)])
@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
def test_same_distribution_is_at_chance(draw, n_a, n_b):
    """Exactly 0.5 in expectation, for any numbers of points; four standard errors of 400 pairs of clouds."""
    rng = np.random.default_rng(6)
    points = [getattr(rng, draw)((n_a + n_b, 3)) for _ in range(400)]
    errors = np.array([ng.overlap(x[:n_a], x[n_a:]).nearest_center_errors for x in points])
    spread = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    assert (np.abs(errors.mean(axis=0) - 0.5) <= 4 * spread).all()


def test_clouds_of_one_point():
    with pytest.warns(ng.ConvergenceWarning, match="cloud of one point"):
        result = ng.overlap([[0.0, 0.0]], [[3.0, 4.0]])
    assert result.center_distance == pytest.approx(5)
    assert result.relative_distance == np.inf
    assert result.separable is True
    assert result.margin == pytest.approx(2.5)
    np.testing.assert_allclose(result.weights, [-0.6, -0.8])
    assert np.isnan(result.nearest_center_errors).all()
    with pytest.warns(ng.ConvergenceWarning, match="cloud of one point"):
        same = ng.overlap([[7.0]], [[7.0], [7.0]])
    assert np.isnan(same.relative_distance)
    assert (same.separable, same.center_distance) == (False, 0)
    assert same.nearest_center_errors[1] == 0.5


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.integers(-100, 100))
def test_invariances(seed, power):
    """Rotation, translation, scale, order of the points and of the clouds."""
    rng = np.random.default_rng(seed)
    n_a, n_b, n_features = rng.integers(2, [20, 20, 12])
    n_b = n_a if seed % 2 else n_b
    a, b = rng.standard_normal((n_a, n_features)), 0.7 + rng.standard_normal((n_b, n_features))
    result = ng.overlap(a, b)
    rotation, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    shift, scale = rng.standard_normal(n_features), 10.0**power
    # In clouds of unequal size it matters to the errors.
    mixed = [rng.permutation(x) if n_a == n_b else x for x in (b, a)]
    moved = [(x @ rotation + shift) * scale for x in mixed]
    other = ng.overlap(*moved)
    assert other.separable == result.separable
    check_certificate(other, *moved)
    assert other.center_distance == pytest.approx(result.center_distance * scale)
    np.testing.assert_allclose(other.radii, result.radii[::-1] * scale)
    np.testing.assert_allclose(other.nearest_center_errors, result.nearest_center_errors[::-1])
    assert other.margin == pytest.approx(result.margin * scale, rel=1e-6, nan_ok=True)


def test_real_data():
    data = ng.datasets.load_minilm_clinc()
    clouds = ng.manifolds(data.layers["layer6"], data.labels)
    for a, b in ((clouds[0], clouds[1]), (clouds[2], np.concatenate(clouds[:3]))):
        result = ng.overlap(a, b)
        assert result.separable == (len(b) == len(a))
        check_certificate(result, a, b)
    # few features: intents overlap in 3 dimensions
    few = ng.random_projection(clouds, 3, rng=0)
    results = [ng.overlap(few[m], few[m + 1]) for m in range(19)]
    for m, result in enumerate(results):
        assert result.separable == separable_by_linprog(few[m], few[m + 1])
        check_certificate(result, few[m], few[m + 1])
    assert {r.separable for r in results} == {True, False}


# ---- input

A, B = np.random.default_rng(7).standard_normal((2, 6, 4))


def test_clouds_of_unequal_width():
    with pytest.raises(ValueError, match="a and b must have rows of the same length, not 4 and 3"):
        ng.overlap(A, B[:, :3])
