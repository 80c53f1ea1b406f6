"""Capacity, radius and dimension where the mean-field answer is known exactly.

Monte-Carlo comparisons allow four of the standard errors that the function itself reports; that
those are right is the business of test_statistics.py.
"""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from helpers import cones
from neurogeom import _core
from neurogeom._base.isa import core

# The layout of a summary row: AnchorSummary in anchors.hpp.
ROW = (
    "capacity",
    "capacity_se",
    "radius",
    "radius_se",
    "radius_uncentered",
    "radius_uncentered_se",
    "dimension",
    "dimension_se",
    "dimension_prx",
    "dimension_prx_se",
    "residual",
    "interior",
    "n_failed",
)


def anchor_statistics(points, draws, margin=0.0):
    """Summary, |q|^2 and anchor weights of points that are relative to their centre already."""
    points, draws = np.ascontiguousarray(points, dtype=float), np.ascontiguousarray(draws)
    rows, squares, weights = core.anchor_statistics(
        [points], [0], [draws], margin, len(draws), 0, True, 1, None
    )
    return dict(zip(ROW, rows[0], strict=True)), squares[0], weights[0]


def around_axes(points, n_manifolds=8, length=3.0):
    """Manifolds with the given points (rows, mean 0, in units of the centre's norm), far apart.

    Centres lie on axes of their own, the points in the space orthogonal to all of these.
    Subtraction of the mean of P such centres leaves length sqrt(1 - 1/P) of each.
    """
    points = np.asarray(points, dtype=float)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-14)
    norm = length * math.sqrt(1 - 1 / n_manifolds)
    clouds = np.zeros((n_manifolds, len(points), n_manifolds + points.shape[1]))
    clouds[:, :, n_manifolds:] = norm * points
    for m, cloud in enumerate(clouds):
        cloud[:, m] = length
    return clouds


def capacity_of(points, *, n_samples=20_000, rng=0, **options):
    result = ng.manifold_capacity(
        around_axes(points),
        n_samples=n_samples,
        remove_center_correlations=False,
        rng=rng,
        **options,
    )
    assert (result.status == 0).all()
    assert (result.kkt_residual < 1e-10).all()
    return result


def assert_within_errors(value, truth, error):
    assert (np.asarray(error) > 0).all()
    assert (np.abs(np.asarray(value) - truth) <= 4 * np.asarray(error)).all()


def regular_simplex(m):
    """m points with |s_i|^2 = m - 1 and s_i.s_j = -1; lifted, they are orthogonal with square m."""
    values, vectors = np.linalg.eigh(np.eye(m) - 1 / m)
    np.testing.assert_allclose(values[1:], 1, rtol=1e-12)
    return math.sqrt(m) * vectors[:, 1:]


def polygon(m, radius):
    angles = 2 * np.pi * np.arange(m) / m
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


# (a) Points


@pytest.mark.parametrize(
    ("margin", "capacity"),
    [(0, 2.0), (0.1, 1.7096315), (0.5, 0.9612051), (1, 0.5195722), (2, 0.2002310)],
)
@pytest.mark.parametrize("n_points", [1, 3])
def test_point_manifolds_have_gardner_capacity(margin, capacity, n_points):
    assert ng.point_capacity(margin) == pytest.approx(capacity, rel=1e-6)
    result = capacity_of(np.zeros((n_points, 1)), margin=margin, rng=7)
    assert_within_errors(result.capacity, ng.point_capacity(margin), result.capacity_se)
    assert_within_errors(result.mean_capacity, ng.point_capacity(margin), result.mean_capacity_se)
    for name in ("radius", "radius_uncentered", "dimension", "dimension_prx"):
        np.testing.assert_array_equal(getattr(result, name), 0)
    np.testing.assert_array_equal(result.reduced_dimension, 0)
    # One Gaussian number decides: it must not exceed minus the margin.
    share = 0.5 * math.erfc(margin / math.sqrt(2))
    error = math.sqrt(share * (1 - share) / 20_000)
    assert (np.abs(result.interior_fraction - share) < 4 * error).all()


# (b) Two points: the cone is a wedge of half angle atan R in the plane


@pytest.mark.parametrize("radius", [1e-3, 0.25, 1.0, 4.0, 1e3])
def test_two_points(radius):
    angle = math.atan(radius)
    result = capacity_of([[radius], [-radius]])
    np.testing.assert_array_equal(result.reduced_dimension, 1)
    assert_within_errors(
        1 / result.capacity, 0.5 + 2 / np.pi * angle, result.capacity_se / result.capacity**2
    )
    # At angle theta from the centre's axis the anchor is tan(theta) in the wedge, else +-R on the
    # side of t; its mean is zero, its direction always that of t.
    truth = math.sqrt((radius - angle + radius**2 * (np.pi - angle)) / np.pi)
    assert_within_errors(result.radius, truth, result.radius_se)
    assert_within_errors(result.radius_uncentered, truth, result.radius_uncentered_se)
    np.testing.assert_allclose(result.dimension, 1, rtol=1e-14)
    assert_within_errors(result.dimension_prx, 1, result.dimension_prx_se)
    # Interior: the polar cone, of full angle pi - 2 atan R.
    share = 0.5 - angle / np.pi
    error = math.sqrt(share * (1 - share) / 20_000)
    assert (np.abs(result.interior_fraction - share) < 4 * error).all()


@pytest.mark.parametrize("module", [_core, core], ids=["baseline", "in use"])
@pytest.mark.parametrize("radius", [1e2, 1e3, 2e3, 4e3, 1e5, 1e7])
def test_nearly_opposite_generators_converge(radius, module):
    # The Gram matrix of the lifted points has condition R^2.
    points = np.array([[radius], [-radius]])
    rows, _, _ = module.anchor_statistics([points] * 8, range(8), None, 0.0, 20_000, 3, False, 1, None)
    summary = dict(zip(ROW, rows.T, strict=True))
    np.testing.assert_array_equal(summary["n_failed"], 0)
    assert (summary["residual"] < 1e-10).all()
    truth = 1 / (0.5 + 2 / np.pi * math.atan(radius))
    assert_within_errors(summary["capacity"], truth, summary["capacity_se"])


@pytest.mark.parametrize("margin", [0.5, 1.5])
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_two_points_are_a_one_dimensional_ball(radius, margin):
    result = capacity_of([[radius], [-radius]], margin=margin)
    truth = ng.ball_capacity(radius, 1, margin)
    assert_within_errors(result.capacity, truth, result.capacity_se)


@pytest.mark.parametrize("radius", [0.1, 1.0, 3.0])
def test_duality_of_two_points_in_every_sample(radius):
    # The polar cone of the wedge of R is the wedge of 1/R around the opposite axis (Moreau), so
    # that the squared projections of (t, t0) and (t, -t0) add up to |t|^2, and 1/capacity to 2.
    draws = np.random.default_rng(0).standard_normal((2000, 2))
    _, squares, _ = anchor_statistics([[radius], [-radius]], draws)
    _, polar, _ = anchor_statistics([[1 / radius], [-1 / radius]], draws * [1, -1])
    np.testing.assert_allclose(squares + polar, (draws**2).sum(axis=1), rtol=1e-12)


# (c) Regular simplices: the cone is a rotated orthant


@pytest.mark.parametrize("m", [2, 3, 6, 15])
def test_regular_simplex_has_capacity_two_over_m(m):
    result = capacity_of(regular_simplex(m), n_samples=6000)
    np.testing.assert_array_equal(result.reduced_dimension, m - 1)
    assert_within_errors(result.capacity, 2 / m, result.capacity_se)
    assert_within_errors(result.mean_capacity, 2 / m, result.mean_capacity_se)


@pytest.mark.parametrize("m", [2, 3, 6, 15])
def test_regular_simplex_in_every_sample(m):
    points = regular_simplex(m)
    draws = np.random.default_rng(m).standard_normal((500, m))
    # Coordinates along the orthonormal generators; the projection keeps their positive parts.
    along = draws @ np.column_stack([points, np.ones(m)]).T / math.sqrt(m)
    positive = np.maximum(along, 0)
    summary, squares, weights = anchor_statistics(points, draws)
    np.testing.assert_allclose(squares, (positive**2).sum(axis=1), rtol=1e-12, atol=1e-14)
    total = positive.sum(axis=1, keepdims=True)
    nearest = np.eye(m)[along.argmax(axis=1)]  # no positive part: the support point
    expected = np.where(total > 0, positive / np.where(total > 0, total, 1), nearest)
    np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-12)
    # |s~|^2 = m sum w^2 - 1, and likewise for the mean anchor.
    square = m * (expected**2).sum(axis=1) - 1
    center_square = m * (expected.mean(axis=0) ** 2).sum() - 1
    assert summary["radius_uncentered"] == pytest.approx(math.sqrt(square.mean()), rel=1e-10)
    spread = (square.mean() - center_square) * len(draws) / (len(draws) - 1)
    assert summary["radius"] == pytest.approx(math.sqrt(spread), rel=1e-10)
    assert summary["interior"] == pytest.approx((total == 0).mean(), abs=1e-12)


# (d) A circle


@pytest.mark.parametrize("margin", [0.0, 0.5])
@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0])
def test_polygon_lies_between_two_discs(radius, margin):
    m = 120
    result = capacity_of(polygon(m, radius), margin=margin, n_samples=4000)
    # It contains the disc of its inner radius and lies in that of its outer one, close by.
    low = ng.ball_capacity(radius, 2, margin)
    high = ng.ball_capacity(radius * math.cos(np.pi / m), 2, margin)
    assert low < high < low * 1.0005
    assert (result.capacity > low - 4 * result.capacity_se).all()
    assert (result.capacity < high + 4 * result.capacity_se).all()


@pytest.mark.parametrize("margin", [0.0, 0.5])
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_polygon_lies_between_two_discs_in_every_sample(radius, margin):
    m = 48
    draws = np.random.default_rng(3).standard_normal((2000, 3))
    t, z = np.hypot(draws[:, 0], draws[:, 1]), draws[:, 2] + margin

    def disc(r):
        c, s = 1 / math.hypot(1, r), r / math.hypot(1, r)
        return np.maximum(s * t + c * z, 0) ** 2 * (s * z < c * t) + (t**2 + z**2) * (s * z >= c * t)

    _, squares, _ = anchor_statistics(polygon(m, radius), draws, margin)
    inner, outer = disc(radius * math.cos(np.pi / m)), disc(radius)
    assert (outer - inner).mean() < 0.01
    assert (squares >= inner - 1e-12).all()
    assert (squares <= outer + 1e-12).all()


# (e) Identities for given draws


def random_problem(n_points=9, n_dims=6, n_samples=150, seed=0):
    rng = np.random.default_rng(seed)
    return 0.6 * rng.standard_normal((n_points, n_dims)), rng.standard_normal((n_samples, n_dims + 1))


@pytest.mark.parametrize("margin", [0.0, 0.3])
@pytest.mark.parametrize("size", [(1, 4), (3, 8), (9, 6), (40, 5), (60, 30)])
def test_squared_projection_is_that_of_nnls(size, margin):
    points, draws = random_problem(*size, seed=size[0])
    _, squares, weights = anchor_statistics(points, draws, margin)
    lifted = np.column_stack([points, np.ones(len(points))])
    for t, square, weight in zip(draws, squares, weights, strict=True):
        # The margin is a shift of the coordinate along the centre.
        target = t + margin * np.eye(len(t))[-1]
        solution, _ = cones.nnls(lifted.T, target)
        projection = solution @ lifted
        assert square == pytest.approx(projection @ projection, rel=1e-10, abs=1e-12)
        if solution.any():
            np.testing.assert_allclose(weight @ points, projection[:-1] / projection[-1], atol=1e-10)
        else:
            np.testing.assert_array_equal(weight, np.eye(len(points))[(points @ t[:-1]).argmax()])


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_summary_is_that_of_the_anchor_points(margin):
    points, draws = random_problem(15, 7, 400)
    summary, squares, weights = anchor_statistics(points, draws, margin)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-13)
    n = len(draws)
    anchors, field = weights @ points, draws[:, :-1]
    directions = anchors / np.linalg.norm(anchors, axis=1, keepdims=True)
    along = (field * directions).sum(axis=1)
    cosine = along / np.linalg.norm(field, axis=1)
    distance = ((anchors - anchors.mean(axis=0)) ** 2).sum(axis=1) * n / (n - 1)
    length = (anchors**2).sum(axis=1)

    def error(x):
        return x.std(ddof=1) / math.sqrt(n)

    expected = {
        "capacity": (1 / squares.mean(), error(squares) / squares.mean() ** 2),
        "radius": (math.sqrt(distance.mean()), error(distance) / 2 / math.sqrt(distance.mean())),
        "radius_uncentered": (
            math.sqrt(length.mean()),
            error(length) / 2 / math.sqrt(length.mean()),
        ),
        "dimension": (7 * cosine.mean() ** 2, 14 * cosine.mean() * error(cosine)),
        "dimension_prx": ((along**2).mean(), error(along**2)),
    }
    for name, (value, standard_error) in expected.items():
        assert summary[name] == pytest.approx(value, rel=1e-10), name
        assert summary[f"{name}_se"] == pytest.approx(standard_error, rel=1e-10), name
    shifted = draws[:, -1] + margin
    assert summary["interior"] == ((field @ points.T).max(axis=1) + shifted < 0).mean()
    assert summary["n_failed"] == 0
    assert summary["residual"] < 1e-10


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_points_that_leave_the_hull_alone_change_nothing(margin):
    points, draws = random_problem(14, 6, 300)
    rng = np.random.default_rng(1)
    inside = rng.dirichlet(np.ones(14), 10) @ points
    middles = (points[:7] + points[7:]) / 2
    others = {
        "permutation": points[rng.permutation(14)],
        "duplicates": np.concatenate([points, points[::2]]),
        "doubled": np.repeat(points, 2, axis=0),
        "tripled": np.concatenate([points] * 3),
        "convex combinations": np.concatenate([inside, points, middles]),
        "centre": np.concatenate([points, points.mean(axis=0, keepdims=True)]),
    }
    first, squares, _ = anchor_statistics(points, draws, margin)
    for what, other in others.items():
        second, again, _ = anchor_statistics(other, draws, margin)
        np.testing.assert_allclose(again, squares, rtol=1e-10, atol=1e-12, err_msg=what)
        for name in ROW[:10]:
            assert second[name] == pytest.approx(first[name], rel=1e-10), (what, name)


def test_further_dimensions_and_rotations_change_nothing():
    points, draws = random_problem(10, 5, 300)
    rng = np.random.default_rng(2)
    first, squares, _ = anchor_statistics(points, draws)
    q = np.linalg.qr(rng.standard_normal((8, 8)))[0][:5]  # five orthonormal rows in eight dimensions
    ambient = rng.standard_normal((300, 8))
    ambient += (draws[:, :-1] - ambient @ q.T) @ q
    second, again, _ = anchor_statistics(points @ q, np.column_stack([ambient, draws[:, -1]]))
    np.testing.assert_allclose(again, squares, rtol=1e-10, atol=1e-12)
    for name in ("capacity", "radius", "radius_uncentered", "dimension_prx"):
        assert second[name] == pytest.approx(first[name], rel=1e-10), name


# Reference values of the MFTMA package (capacity_reference.json, anchor_level)


def r1():
    return (np.random.RandomState(0).randn(5, 12) * 0.5).T


def r2():
    columns = np.random.RandomState(2).randn(8, 300)
    return (columns / np.linalg.norm(columns, axis=0)).T


REFERENCES = {
    # name: points, seed and shape of the draws, margin, capacity, radius, dimension, interior
    "R1": (r1, 1, (6, 400), 0, 0.4683258335135748, 1.033151254616614, 2.773381171546428, 0.1025),
    "R1 margin": (
        r1,
        1,
        (6, 400),
        0.3,
        0.3701208212562485,
        0.9780074705060096,
        2.9179648247977337,
        0.07,
    ),
    "R2": (r2, 3, (9, 300), 0, 0.2851626466841681, 0.8648886695425787, 7.115609255731424, 0.02),
    "R3": (lambda: np.zeros((1, 1)), 4, (2, 2000), 0, 2.108708795758335, 0.0, 0.0, 0.502),
    "R3 margin": (lambda: np.zeros((1, 1)), 4, (2, 2000), 0.5, 0.996762278065275, 0.0, 0.0, 0.311),
    "R5": (
        lambda: np.array([[2.0], [-2.0]]),
        6,
        (2, 2000),
        0,
        0.8702652499016991,
        1.6770925559297778,
        0.9999999991391213,
        0.137,
    ),
    "R6": (
        lambda: np.repeat(r1(), 2, axis=0),
        1,
        (6, 400),
        0,
        0.4683258335135123,
        1.0331512546133483,
        2.773381171556571,
        0.1025,
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_values(name):
    points, seed, shape, margin, capacity, radius, dimension, interior = REFERENCES[name]
    draws = np.random.RandomState(seed).randn(*shape).T
    summary, _, _ = anchor_statistics(points(), draws, margin)
    assert summary["capacity"] == pytest.approx(capacity, rel=1e-8)
    # The original divides by the number of draws, we by one less.
    assert summary["radius"] * math.sqrt(1 - 1 / len(draws)) == pytest.approx(radius, rel=1e-6)
    assert summary["dimension"] == pytest.approx(dimension, rel=1e-6)
    assert summary["interior"] == pytest.approx(interior, abs=1e-12)


def test_reference_simplex():
    # R4: the basis of the reference is arbitrary, so that only the law is the same.
    draws = np.random.RandomState(5).randn(6, 2000).T
    summary, _, _ = anchor_statistics(regular_simplex(6), draws)
    assert_within_errors(summary["capacity"], 1 / 3, summary["capacity_se"])
