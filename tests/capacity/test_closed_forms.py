"""Closed-form capacities against other formulas, exact identities and brute force."""

from __future__ import annotations

import itertools
import math

import neurogeom as ng
import numpy as np
import pytest
from helpers import cones
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom.capacity import closed_forms
from scipy import integrate, stats

DIMENSIONS = np.array([0.1, 0.5, 1, 2.5, 10, 333, 1e5])
RADII = np.geomspace(1e-6, 1e6, 25)[:, None]


# Points


def test_point_capacity_is_the_gardner_integral():
    known = {0: 2.0, 0.1: 1.7096315002483509, 0.5: 0.9612050528015417, 2: 0.20023101560175546}
    for margin, capacity in known.items():
        integral, _ = integrate.quad(
            lambda t, k=margin: (k - t) ** 2 * stats.norm.pdf(t), -40, margin, epsabs=1e-13
        )
        assert 1 / ng.point_capacity(margin) == pytest.approx(integral, rel=1e-10, abs=0)
        assert ng.point_capacity(margin) == pytest.approx(capacity, rel=1e-14, abs=0)


def test_point_capacity_at_large_margin():
    margins = np.array([40.0, 1e3, 1e100])  # Phi = 1 and phi = 0 to all digits
    np.testing.assert_allclose(ng.point_capacity(margins), 1 / (1 + margins**2), rtol=1e-15)
    assert ng.point_capacity(1e300) == 0.0


def test_scalars_give_floats_and_arrays_keep_their_shape():
    assert type(ng.point_capacity(1)) is float
    assert type(ng.ball_capacity(1, 2)) is float
    assert ng.point_capacity(np.zeros((2, 3))).shape == (2, 3)
    assert ng.ball_capacity(np.ones((4, 1)), [1, 2, 3], np.zeros((2, 1, 1))).shape == (2, 4, 3)
    assert ng.ball_capacity([], 3).shape == (0,)
    many = ng.ball_capacity(np.linspace(0, 2, 1000), 5)  # more than one block
    assert many[777] == ng.ball_capacity(np.linspace(0, 2, 1000)[777], 5)


# Balls


# From capacity_reference.json of the specification (radius, dimension, margin, capacity).
@pytest.mark.parametrize(
    ("radius", "dimension", "margin", "capacity"),
    [
        (0.5, 5, 0, 0.5765110519755722),
        (2, 5, 0, 0.23444306857306646),
        (2, 20, 0, 0.0617132973290737),
        (0.25, 10, 0, 0.7104434835045541),
        (1.5, 3, 0, 0.4092256610450485),
        (0.1, 50, 0.5, 0.4198422093117501),
        (5, 1, 0.5, 0.5066452221161749),
        (1.5, 100, 0.5, 0.013473594281099188),
    ],
)
def test_ball_reference_table(radius, dimension, margin, capacity):
    assert ng.ball_capacity(radius, dimension, margin) == pytest.approx(capacity, rel=1e-12, abs=0)


# The paper's one-dimensional integral in 40-digit arithmetic (mpmath), in the corners of the range.
@pytest.mark.parametrize(
    ("radius", "dimension", "margin", "capacity"),
    [
        (1e-06, 0.1, 10, 0.0099009898688680765),
        (1e6, 0.1, 0, 1.6666669268371098),
        (1e6, 1e5, 10, 9.9899101907073855e-6),
        (1e-06, 1e5, 0, 1.9989910587376324),
        (0.02, 3000, 10, 0.0080607812795929269),
        (30, 1e5, 10, 9.990019748121653e-6),
        (3.7, 0.25, 0.5, 0.79099438091125007),
        (0.15, 77.5, 2, 0.085146463981809085),
        (0.003, 1e5, 1, 0.20874142223395212),
        (0.0271, 0.272, 39.37, 0.0006446438157381604),
        (0.3, 0.1, 100, 9.9989001209866915e-5),
        (0.001, 1e10, 1, 9.8020094099244272e-5),
    ],
)
def test_ball_in_the_corners(radius, dimension, margin, capacity):
    assert ng.ball_capacity(radius, dimension, margin) == pytest.approx(capacity, rel=1e-14, abs=0)


@pytest.mark.parametrize(
    ("radius", "dimension", "margin"), [(0.5, 2.0, 0.0), (1.7, 4.5, 0.4), (0.2, 9.0, 1.5)]
)
def test_ball_is_the_double_integral_of_the_paper(radius, dimension, margin):
    def touching(t0, t):
        density = stats.chi.pdf(t, dimension) * stats.norm.pdf(t0)
        return density * (radius * t + margin - t0) ** 2 / (1 + radius**2)

    def fully_supported(t0, t):
        return stats.chi.pdf(t, dimension) * stats.norm.pdf(t0) * ((t0 - margin) ** 2 + t * t)

    nodes, weights = np.polynomial.legendre.leggauss(60)

    def integral(function, low, high):  # over t0, at each t
        def inner(t):
            a, b = max(low(t), -12.0), min(high(t), 12.0)
            if a >= b:
                return 0.0
            t0 = a + (b - a) * (1 + nodes) / 2
            return (b - a) / 2 * (weights @ function(t0, t))

        upper = math.sqrt(dimension) + 9
        return integrate.quad(inner, 0, upper, epsabs=1e-11, epsrel=1e-11, limit=200)[0]

    inverse = integral(touching, lambda t: margin - t / radius, lambda t: margin + radius * t)
    inverse += integral(fully_supported, lambda t: -12.0, lambda t: margin - t / radius)
    assert 1 / ng.ball_capacity(radius, dimension, margin) == pytest.approx(inverse, rel=1e-8, abs=0)


@pytest.mark.parametrize(("radius", "dimension"), [(0.3, 1.5), (2.0, 40.0), (0.01, 2e4)])
def test_ball_at_margin_0_is_an_integral_over_angles(radius, dimension):
    # E F = (D + 1) E_angle F(unit vector); the angle from the axis has density sin^(D-1).
    opening = math.atan(radius)

    def norm2(angle):
        if angle <= opening:
            return 1.0
        return math.cos(angle - opening) ** 2 if angle < opening + math.pi / 2 else 0.0

    def density(angle):
        return math.sin(angle) ** (dimension - 1)

    width = 10 / math.sqrt(dimension + 1)
    kinks = [opening, math.pi / 2, opening + math.pi / 2, math.pi / 2 - width, math.pi / 2 + width]
    edges = [0.0, *sorted(x for x in kinks if 0 < x < math.pi), math.pi]

    def total(function):
        return sum(
            integrate.quad(function, a, b, epsabs=1e-14, epsrel=1e-12)[0]
            for a, b in itertools.pairwise(edges)
        )

    inverse = (dimension + 1) * total(lambda x: norm2(x) * density(x)) / total(density)
    assert 1 / ng.ball_capacity(radius, dimension) == pytest.approx(inverse, rel=1e-9, abs=0)


def test_ball_identities_at_margin_0():
    np.testing.assert_allclose(ng.ball_capacity(1, DIMENSIONS), 2 / (DIMENSIONS + 1), rtol=1e-14)
    inverse, dual = 1 / ng.ball_capacity(RADII, DIMENSIONS), 1 / ng.ball_capacity(1 / RADII, DIMENSIONS)
    np.testing.assert_allclose(inverse + dual, np.broadcast_to(DIMENSIONS + 1, dual.shape), rtol=1e-14)
    segment = 0.5 + 2 / np.pi * np.arctan(RADII)
    np.testing.assert_allclose(ng.ball_capacity(RADII, 1), 1 / segment, rtol=1e-14)
    np.testing.assert_allclose(ng.ball_capacity(np.inf, DIMENSIONS), 1 / (DIMENSIONS + 0.5), rtol=1e-15)


def test_ball_limits():
    margins = np.array([0.0, 0.3, 2.0, 10.0])
    point = ng.point_capacity(margins)
    for radius in (0.0, 1e-300, 1e-15):
        np.testing.assert_allclose(ng.ball_capacity(radius, 7.5, margins), point, rtol=1e-13)
    np.testing.assert_allclose(ng.ball_capacity(0.8, 1e-14, margins), point, rtol=1e-13)
    whole = 1 / (7.5 + 1 / point)
    for radius in (1e15, 1e300, np.inf):
        np.testing.assert_allclose(ng.ball_capacity(radius, 7.5, margins), whole, rtol=1e-13)
    assert ng.ball_capacity([0.0, 0.1, np.inf], np.inf).tolist() == [2.0, 0.0, 0.0]
    assert ng.ball_capacity(1.0, 3.0, 1e200) == 0.0
    # the many-dimensional point with the margin (kappa + R sqrt(D)) / sqrt(1 + R^2)
    dimension = 1e14
    effective = (0.5 + 2.0) / math.hypot(1, 2.0 / math.sqrt(dimension))
    limit = ng.ball_capacity(2.0 / math.sqrt(dimension), dimension, 0.5)
    assert limit == pytest.approx(ng.point_capacity(effective), rel=1e-12, abs=0)


@settings(max_examples=60, deadline=None)
@given(
    log_radius=st.floats(-6, 6),
    log_dimension=st.floats(-1, 5),
    margin=st.floats(0, 10),
    step=st.floats(0.01, 3),
)
def test_ball_bounds_and_monotony(log_radius, log_dimension, margin, step):
    radius, dimension = 10**log_radius, 10**log_dimension
    capacity = ng.ball_capacity(radius, dimension, margin)
    lower = 1 / (dimension + 1 / ng.point_capacity(margin))
    assert lower * (1 - 1e-14) <= capacity <= ng.point_capacity(margin) * (1 + 1e-14)
    larger = ng.ball_capacity(
        [radius * (1 + step), radius, radius],
        [dimension, dimension * (1 + step), dimension],
        [margin, margin, margin + step],
    )
    assert (larger <= capacity * (1 + 1e-14)).all()


# Ellipsoids


def ball_norm2(t, z, radius):
    """Squared norm of the projection on a circular cone, from the angle of (t, z)."""
    length, angle = np.hypot(t, z), np.arctan2(t, z)
    opening = np.arctan(radius)
    outside = np.maximum(np.cos(np.minimum(angle - opening, np.pi / 2)), 0)
    return (length * np.where(angle <= opening, 1.0, outside)) ** 2


@pytest.mark.parametrize("radius", [1e-5, 0.3, 1.0, 40.0])
def test_ellipsoid_projection_with_equal_radii(radius):
    rng = np.random.default_rng(1)
    t, z = rng.standard_normal((2000, 6)), 0.5 + 2 * rng.standard_normal(2000)
    norm2 = closed_forms._ellipsoid_norm2(t, z, np.full(6, radius))
    expected = ball_norm2(np.linalg.norm(t, axis=1), z, radius)
    np.testing.assert_allclose(norm2, expected, rtol=1e-11, atol=1e-13)


@settings(max_examples=60, deadline=None)
@given(
    log_radii=st.lists(st.floats(-8, 8), min_size=1, max_size=8),
    height=st.floats(-20, 20),
    seed=st.integers(0, 2**32),
)
def test_ellipsoid_projections_on_cone_and_polar_cone_add_up(log_radii, height, seed):
    # Moreau: ||t||^2 = ||P_C t||^2 + ||P_C* t||^2; the polar cone has radii 1/R and points down.
    radii = 10.0 ** np.array(log_radii)
    t, z = np.random.default_rng(seed).standard_normal((1, len(radii))), np.array([height])
    total = closed_forms._ellipsoid_norm2(t, z, radii) + closed_forms._ellipsoid_norm2(t, -z, 1 / radii)
    np.testing.assert_allclose(total, (t * t).sum() + height**2, rtol=1e-11)


def test_ellipse_lies_between_inner_and_outer_polygon():
    # The polygon with m vertices on the ellipse lies inside it, scaled by 1/cos(pi/m) outside; the
    # cones, and the norms of the projections on them, are ordered the same way.
    radii, m = np.array([1.6, 0.3]), 120
    angle = 2 * np.pi * np.arange(m) / m
    inner = np.vstack([radii[0] * np.cos(angle), radii[1] * np.sin(angle), np.ones(m)])
    outer = inner / np.array([[math.cos(math.pi / m)], [math.cos(math.pi / m)], [1.0]])
    rng = np.random.default_rng(2)
    t, z = rng.standard_normal((60, 2)), 0.2 + rng.standard_normal(60)
    norm2 = closed_forms._ellipsoid_norm2(t, z, radii)
    for draw, (x, height) in enumerate(zip(t, z, strict=True)):
        vector = np.array([*x, height])
        low, high = (vector @ vector - cones.nnls(cone, vector)[1] ** 2 for cone in (inner, outer))
        assert low - 1e-10 <= norm2[draw] <= high + 1e-10
        assert high - low < 5e-3 * (vector @ vector)


@pytest.mark.parametrize(
    ("radius", "n_axes", "margin"), [(0.5, 5, 0.0), (1.5, 3, 0.7), (0.2, 20, 2.0), (3.0, 1, 0.1)]
)
def test_ellipsoid_with_equal_radii_is_a_ball(radius, n_axes, margin):
    result = ng.ellipsoid_capacity(np.full(n_axes, radius), margin, n_samples=20_000, rng=3)
    exact = ng.ball_capacity(radius, n_axes, margin)
    assert abs(result.capacity - exact) < 4 * result.capacity_se
    assert result.capacity_se < 0.01 * exact


def test_ellipsoid_uses_both_signs_of_each_draw():
    # Without extent and at margin 0 the pair's mean is (g_+^2 + (-g)_+^2) / 2 = g^2 / 2.
    g = np.random.default_rng(12).standard_normal(50)
    point = ng.ellipsoid_capacity([0.0], n_samples=50, rng=12)
    assert point.capacity == pytest.approx(2 / np.mean(g * g), rel=1e-13)
    error = np.std(g * g / 2, ddof=1) / math.sqrt(50)
    assert point.capacity_se == pytest.approx(error * point.capacity**2, rel=1e-13)


def test_ellipsoid_duality():
    # As for balls, 1/alpha(R) + 1/alpha(1/R) = D + 1 at margin 0, here within 4 standard errors.
    radii = np.array([2.0, 0.7, 0.1, 0.1])
    one = ng.ellipsoid_capacity(radii, n_samples=20_000, rng=4)
    two = ng.ellipsoid_capacity(1 / radii, n_samples=20_000, rng=5)
    errors = [x.capacity_se / x.capacity**2 for x in (one, two)]
    assert abs(1 / one.capacity + 1 / two.capacity - 5) < 4 * math.hypot(*errors)


def test_ellipsoid_standard_error_is_honest():
    # Deviations of 300 small runs, in units of their own standard error, have standard deviation 1;
    # that of 300 normal values has the standard error 1 / sqrt(600) = 0.041, and 4 of it is 0.163.
    rng, exact = np.random.default_rng(6), ng.ball_capacity(0.8, 4, 0.3)
    runs = [ng.ellipsoid_capacity([0.8] * 4, 0.3, n_samples=300, rng=rng) for _ in range(300)]
    scores = np.array([(run.capacity - exact) / run.capacity_se for run in runs])
    assert abs(scores.std(ddof=1) - 1) < 4 / math.sqrt(2 * len(runs))


def test_ellipsoid_draws(monkeypatch, tmp_path):
    result = ng.ellipsoid_capacity([1.0, 0.5, 0.0], 0.2, n_samples=500, rng=7)
    assert ng.ellipsoid_capacity([1.0, 0.5], 0.2, n_samples=500, rng=7).capacity == result.capacity
    generator = np.random.default_rng(7)
    assert ng.ellipsoid_capacity([1, 0.5], 0.2, n_samples=500, rng=generator).capacity == result.capacity
    again = ng.ellipsoid_capacity([1, 0.5], 0.2, n_samples=500, rng=generator)
    assert again.capacity != result.capacity
    monkeypatch.setattr(closed_forms, "_DRAW_BLOCK", 10)  # the blocks do not change the draws
    np.testing.assert_allclose(
        ng.ellipsoid_capacity([1.0, 0.5], 0.2, n_samples=500, rng=7).capacity,
        result.capacity,
        rtol=1e-14,
    )
    assert result.radii.tolist() == [1.0, 0.5, 0.0]
    result.save(tmp_path / "ellipsoid.npz")
    assert ng.load(tmp_path / "ellipsoid.npz").capacity_se == result.capacity_se


def test_ellipsoid_without_extent_and_with_extreme_radii():
    point = ng.ellipsoid_capacity([0.0, 0.0], 1.0, rng=8)
    assert abs(point.capacity - ng.point_capacity(1.0)) < 4 * point.capacity_se
    wild = ng.ellipsoid_capacity([1e300, 1e-300, 1e-90], 1.0, rng=9)
    assert abs(wild.capacity - ng.ball_capacity(np.inf, 1, 1.0)) < 4 * wild.capacity_se
    # one long axis and one of length 1e-9: a segment
    segment = ng.ellipsoid_capacity([2.0, 1e-9], n_samples=20_000, rng=10)
    assert abs(segment.capacity - ng.ball_capacity(2.0, 1)) < 4 * segment.capacity_se


# Bad input


@pytest.mark.parametrize("function", [ng.point_capacity, lambda k: ng.ball_capacity(1.0, 2.0, k)])
def test_bad_margins(function):
    with pytest.raises(ValueError, match=r"margin must not be negative, not -0\.1"):
        function(-0.1)
    with pytest.raises(ValueError, match=r"margin\[1\] must not be negative"):
        function([0.0, -1.0])
    with pytest.raises(ValueError, match=r"margin\[0, 1\] must be finite, not nan"):
        function([[0.0, np.nan]])
    with pytest.raises(TypeError, match="margin must hold real numbers"):
        function("large")
    with pytest.raises(TypeError, match="margin must hold real numbers"):
        function(1j)


def test_bad_balls():
    with pytest.raises(ValueError, match=r"radius\[1\] must be not negative .* not -2.0"):
        ng.ball_capacity([1.0, -2.0], 3)
    with pytest.raises(ValueError, match=r"radius must be not negative .* not nan"):
        ng.ball_capacity(np.nan, 3)
    with pytest.raises(ValueError, match=r"dimension must be positive .* not 0\.0"):
        ng.ball_capacity(1.0, 0)
    with pytest.raises(ValueError, match="margin must be finite"):
        ng.ball_capacity(1.0, 2.0, np.inf)
    with pytest.raises(ValueError, match=r"broadcast .* radius \(2,\), dimension \(3,\)"):
        ng.ball_capacity([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="radius must hold real numbers"):
        ng.ball_capacity(None, 3)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (
            ValueError,
            r"radii\[1\] must be not negative and finite, not -1.0",
            {"radii": [1.0, -1.0]},
        ),
        (ValueError, r"radii\[0\] is inf", {"radii": [np.inf]}),
        (ValueError, "radii must be one-dimensional", {"radii": [[1.0, 2.0]]}),
        (ValueError, "radii must be one-dimensional and not empty", {"radii": []}),
        (ValueError, "margin must not be negative", {"margin": -1.0}),
        (TypeError, "margin must be a number", {"margin": [0.0, 1.0]}),
        (ValueError, "n_samples must be at least 2", {"n_samples": 1}),
        (TypeError, "n_samples must be an integer", {"n_samples": 10.5}),
        (TypeError, "rng must be", {"rng": np.random.RandomState(0)}),
    ],
)
def test_bad_ellipsoids(error, message, arguments):
    with pytest.raises(error, match=message):
        ng.ellipsoid_capacity(**({"radii": [1.0]} | arguments))
