"""project_cone with a margin, and what it takes and refuses."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import cones

POINTS = np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 2.0]])
TARGETS = np.array([[0.0, 1.0], [2.0, -1.0], [-1.0, -1.0]])


def check_infeasible(cone):
    """Status 2, everything else NaN; a warning would be an error here."""
    assert (cone.status == 2).all()
    for value in (cone.projection, cone.weights, cone.residual):
        assert np.isnan(value).all()


@pytest.mark.parametrize(
    "family", [f for f in cones.FAMILIES if not f.startswith(("near", "extreme", "zeros", "mixed"))]
)
@pytest.mark.parametrize("margin", [-2.0, -0.1, 1e-6, 0.3, 5.0])
def test_margin_equals_daqp(family, margin):
    n_feasible = 0
    for seed in range(25):
        rng = np.random.default_rng([seed, 12])
        shape = int(rng.integers(1, 40)), int(rng.integers(1, 25))
        points = cones.FAMILIES[family](rng, *shape)
        targets = cones.cone_targets(rng, points, 4)
        cone = ng.project_cone(points, targets, margin)
        by_daqp, flags = cones.daqp_projection(points, targets, margin)
        feasible = flags == 1
        n_feasible += np.count_nonzero(feasible)
        np.testing.assert_array_equal(cone.status, np.where(feasible, 0, 2))
        assert np.isnan(cone.projection[~feasible]).all()
        if not feasible.any():
            continue
        assert (cone.weights[feasible] >= 0).all()
        distance = cones.relative_distance(cone.projection, by_daqp, targets)[feasible]
        length = cones.lengths_of(targets - by_daqp)[feasible] / cones.lengths_of(targets)[feasible]
        assert (distance <= 1e-9 * (1 + length)).all()
        own = cones.kkt_residual(points, targets, cone.projection, cone.weights, margin)
        assert own[feasible].max() <= 1e-10
    assert n_feasible > 0


@pytest.mark.parametrize("margin", [0.1, 1.0, 3.0])
def test_margin_with_near_duplicates(margin):
    """A solution is only called one if it fulfils the conditions."""
    for seed in range(150):
        rng = np.random.default_rng([seed, 12])
        shape = int(rng.integers(1, 50)), int(rng.integers(1, 30))
        points = cones.FAMILIES["near 1e-9"](rng, *shape)
        targets = cones.cone_targets(rng, points, 4)
        cone = ng.project_cone(points, targets, margin)
        own = cones.kkt_residual(points, targets, cone.projection, cone.weights, margin)
        solved = cone.status == 0
        assert (cone.residual[solved] <= 1e-10).all()
        assert (own[solved] <= 1e-10).all()
        assert (cone.status[~solved] == 2).all()


@pytest.mark.parametrize("margin", [-1.0, 0.25, 10.0])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_margin_of_a_single_point(margin, scale):
    """v is the target, moved along s until s.v = -margin where that is not fulfilled."""
    rng = np.random.default_rng(2)
    s, targets = rng.standard_normal(5) * scale, rng.standard_normal((40, 5))
    weights = np.maximum(0, targets @ s + margin) / (s @ s)
    cone = ng.project_cone(s[None], targets, margin)
    np.testing.assert_allclose(cone.weights[:, 0], weights, rtol=1e-9, atol=1e-12 / scale)
    np.testing.assert_allclose(cone.projection, np.outer(weights, s), rtol=1e-9, atol=1e-12)


def test_negative_margin_with_points_of_mixed_lengths():
    """0 is allowed for v, so v is no longer than the target, however short some points are."""
    cone = ng.project_cone([[1.0, 0.0], [0.0, 1e-16]], [[2.0, 1.0]], margin=-1.0)
    np.testing.assert_allclose(cone.projection, [[1.0, 0.0]], rtol=0, atol=1e-12)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = cones.FAMILIES["mixed norms"](rng, 12, 4)
        targets = cones.cone_targets(rng, points, 4)
        cone = ng.project_cone(points, targets, -1.0)
        own = cones.kkt_residual(points, targets, cone.projection, cone.weights, -1.0)
        assert own.max() <= 1e-10
        by_daqp, flags = cones.daqp_projection(points, targets, -1.0)
        assert (flags == 1).all()
        assert cones.relative_distance(cone.projection, by_daqp, targets).max() <= 1e-9


@pytest.mark.parametrize("margin", [1e-9, 0.5, 1e9])
@pytest.mark.parametrize(
    "points",
    [
        [[1.0, 2.0], [-1.0, -2.0]],
        [[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        np.random.default_rng(0).standard_normal((300, 5)),
        np.random.default_rng(1).standard_normal((60, 20)),
        np.vstack([np.eye(6), -np.eye(6)]),
    ],
    ids=["opposite", "triangle", "zero point", "cloud", "cloud in 20", "cross"],
)
def test_infeasible_margin(points, margin):
    rng = np.random.default_rng(1)
    check_infeasible(ng.project_cone(points, rng.standard_normal((8, np.shape(points)[1])), margin))


@pytest.mark.parametrize("margin", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("family", ["duplicates", "rank deficient", "near 1e-6", "near 1e-12"])
def test_infeasible_margin_of_dependent_points(family, margin):
    """Feasibility is that of a linear programme, which SciPy's HiGHS decides."""
    n_infeasible = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 12])
        shape = int(rng.integers(20, 50)), int(rng.integers(5, 30))
        points = cones.FAMILIES[family](rng, *shape)
        targets = cones.cone_targets(rng, points, 4)
        if cones.has_margin(points):
            continue
        n_infeasible += 1
        check_infeasible(ng.project_cone(points, targets, margin))
    assert n_infeasible > 0


def test_margin_far_beyond_the_target():
    """v = -margin s/|s|^2 does not depend on a target that is next to nothing."""
    for size in (0.0, 1e-100, 1e-300, 1e-320):
        cone = ng.project_cone([[1.0, 0.0]], [[size, 0.0]], margin=3.0)
        np.testing.assert_allclose(cone.projection, [[3.0, 0.0]], rtol=1e-12)


BAD_MATRICES = [
    ([[1.0, np.nan]], ValueError, r"\[0, 1\] is nan"),
    ([[1.0, 0.0], [0.0, 1.0], [-np.inf, 0.0]], ValueError, r"\[2, 0\] is -inf"),
    (np.full((1, 2), np.inf, dtype=np.float16), ValueError, r"\[0, 0\] is inf"),
    (np.empty((0, 2)), ValueError, "empty"),
    (np.empty((2, 0)), ValueError, "empty"),
    ([], ValueError, "two-dimensional"),
    ([1.0, 2.0], ValueError, r"two-dimensional, not of shape \(2,\)"),
    (np.zeros((1, 2, 2)), ValueError, r"two-dimensional, not of shape \(1, 2, 2\)"),
    (3.0, ValueError, "two-dimensional"),
    ([[1.0, 2.0], [3.0]], ValueError, "cannot be read as one array"),
    (np.array([[1.0, 2.0]], dtype=object), TypeError, "object"),
    ([[1j, 2.0]], TypeError, "complex128"),
    ([["a", "b"]], TypeError, "<U1"),
    (np.ma.array([[1.0, 2.0]], mask=[[True, False]]), TypeError, "masked"),
    (np.array([["2020-01-01", "2020-01-02"]], dtype="M8[D]"), TypeError, "datetime64"),
    (None, TypeError, "object"),
]


@pytest.mark.parametrize(("bad", "error", "text"), BAD_MATRICES)
def test_bad_matrices(bad, error, text):
    with pytest.raises(error, match="points.*" + text):
        ng.project_cone(bad, TARGETS)
    with pytest.raises(error, match="targets.*" + text):
        ng.project_cone(POINTS, bad)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"margin": np.nan}, ValueError, "margin must be finite, not nan"),
        ({"margin": np.inf}, ValueError, "margin must be finite, not inf"),
        ({"margin": "a"}, TypeError, "margin must be a number, not str"),
        ({"margin": "1"}, TypeError, "margin must be a number, not str"),
        ({"margin": None}, TypeError, "margin must be a number"),
        ({"margin": [1.0, 2.0]}, TypeError, "margin must be a number"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1, not 0"),
        ({"n_threads": -1}, ValueError, "n_threads must be at least 1, not -1"),
        ({"n_threads": 1.5}, TypeError, "n_threads must be an integer, not float"),
        ({"n_threads": True}, TypeError, "n_threads must be an integer, not True"),
        ({"n_threads": "2"}, TypeError, "n_threads must be an integer, not str"),
        ({"progress": 1}, TypeError, "progress must be a bool or a callable, not int"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        ng.project_cone(POINTS, TARGETS, **options)


def test_widths_must_agree():
    with pytest.raises(ValueError, match=r"points and targets must have rows of the same length.*2 and 3"):
        ng.project_cone(POINTS, np.zeros((1, 3)))


def test_absurd_number_of_threads():
    """More threads than there is work for, beyond what a C int holds: just capped, or a clear error."""
    cone = ng.project_cone(POINTS, TARGETS, n_threads=2**40)
    np.testing.assert_array_equal(cone.projection, ng.project_cone(POINTS, TARGETS).projection)


class Wrapped:
    """Anything with __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
        lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
        lambda x: x.astype(">f8"),
        lambda x: x.tolist(),
        Wrapped,
        *(lambda x, d=d: x.astype(d) for d in ("f2", "f4", "i1", "i8", "u2", "u8", "bool", ">i4")),
    ],
)
def test_layouts_and_dtypes(convert):
    """The values that arrive are used, in float64, and the arrays are left alone."""
    rng = np.random.default_rng(5)
    points, targets = (convert(rng.integers(0, 2, shape).astype(np.float64)) for shape in ((6, 4), (5, 4)))
    plain = ng.project_cone(*(np.array(x, dtype=np.float64) for x in (points, targets)))
    before = [np.array(x) for x in (points, targets)]
    cone = ng.project_cone(points, targets)
    for name, value in plain.to_dict().items():
        np.testing.assert_array_equal(getattr(cone, name), value)
    assert cone.projection.dtype == cone.weights.dtype == np.float64
    for array, old in zip((points, targets), before, strict=True):
        np.testing.assert_array_equal(np.array(array), old)


def test_read_only_input_and_shapes_of_the_output():
    points, targets = POINTS.copy(), TARGETS.copy()
    points.setflags(write=False)
    targets.setflags(write=False)
    cone = ng.project_cone(points, targets[:2])
    np.testing.assert_array_equal(points, POINTS)
    assert cone.projection.shape == (2, 2)
    assert cone.weights.shape == (2, 3)
    assert cone.status.shape == cone.residual.shape == (2,)
    assert cone.status.dtype == np.int8
    assert (cone.n_targets, cone.n_failed) == (2, 0)
