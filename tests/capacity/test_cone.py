"""project_cone against nnls, daqp, known answers and the optimality conditions."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers import cones
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

ALL_FAMILIES = pytest.mark.parametrize("family", cones.FAMILIES)
SHAPES = [(1, 1), (1, 3), (2, 1), (3, 2), (2, 5), (8, 8), (20, 5), (5, 20), (40, 20), (30, 60)]
LARGE = [(5000, 30), (5000, 3), (800, 100), (100, 250)]
# nnls at times brings in a point that only rounding calls independent, daqp stops a little early: a
# reference is taken at its word only if its own answer fulfils the conditions.
TRUSTED = 1e-12


def make_problem(family, shape, seed, n_targets=8):
    """Points and targets of one kind; targets between near-duplicates have tests of their own."""
    rng = np.random.default_rng([seed, *shape])
    points = cones.FAMILIES[family](rng, *shape)
    kinds = ("any", "away", "ray") if family.startswith("near") else cones.TARGETS
    targets = cones.cone_targets(rng, points, n_targets, kinds)
    if family == "extreme scales":
        targets *= 10.0 ** rng.uniform(-150, 150, (n_targets, 1))
    return points, targets


def check_certificate(points, targets, cone, margin=0.0):
    """All solved, and the optimality conditions hold for what was returned."""
    assert (cone.status == 0).all()
    assert (cone.weights >= 0).all()
    own = cones.kkt_residual(points, targets, cone.projection, cone.weights, margin)
    assert own.max() <= 1e-10
    assert cone.residual.max() <= 1e-10
    error = cones.combination_error(points, targets, cone.projection, cone.weights)
    assert error.max() <= 1e-14


def check_against_references(family, points, targets, projection):
    """Equal to nnls and to daqp, each where it is right by its own answer; one of them always is."""
    references = [cones.nnls_projection(points, targets)]
    if not family.startswith("near"):  # daqp takes the wrong one of a pair and is off by the pair's width
        references.append(cones.daqp_projection(points, targets)[0])
    trusted = np.zeros(len(targets), dtype=bool)
    for reference in references:
        usable = cones.kkt_residual(points, targets, reference) <= TRUSTED  # NaN is not
        distance = cones.relative_distance(projection, reference, targets)
        assert (distance[usable] <= 1e-10).all()
        trusted |= usable
    assert trusted.all()


# 13 kinds x 10 shapes x 16 targets = 2080 problems.
@ALL_FAMILIES
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_nnls_and_daqp(family, shape):
    for seed in range(2):
        points, targets = make_problem(family, shape, seed)
        cone = ng.project_cone(points, targets)
        check_certificate(points, targets, cone)
        check_against_references(family, points, targets, cone.projection)


@pytest.mark.parametrize("family", ["gaussian", "lifted", "near 1e-9", "rank deficient", "circle"])
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_equals_nnls_and_daqp_for_large_sets(family, shape):
    points, targets = make_problem(family, shape, 0, n_targets=2)
    cone = ng.project_cone(points, targets)
    check_certificate(points, targets, cone)
    check_against_references(family, points, targets, cone.projection)


@ALL_FAMILIES
def test_certificate_on_many_small_sets(family):
    """Only the conditions, on 1200 problems a kind: cheap enough to look for rare failures."""
    for seed in range(150):
        rng = np.random.default_rng([seed, 11])
        shape = int(rng.integers(1, 70)), int(rng.integers(1, 40))
        points, targets = make_problem(family, shape, seed)
        check_certificate(points, targets, ng.project_cone(points, targets))


@pytest.mark.parametrize("family", ["near 1e-6", "near 1e-9", "near 1e-12", "mixed norms", "grid"])
@pytest.mark.parametrize("shape", [(3, 2), (2, 5), (20, 5), (8, 8)], ids=str)
@pytest.mark.parametrize("kind", cones.TARGETS)
def test_equals_rational_arithmetic(family, shape, kind):
    """No rounding in the reference. For the near ones at 1e-12 a pair's own width is below the bound.

    A target inside the cone ends with a remainder that no point sees by more than 1e-14 |t|. The twins of
    active points, `spacing` away, could take up to 1e-14/spacing more: see the notes of project_cone.
    """
    bound = 1e-7 if kind == "inside" and family.startswith("near") else 1e-10
    for seed in range(4):
        rng = np.random.default_rng([seed, *shape])
        points = rng.integers(-2, 3, shape) if family == "grid" else cones.FAMILIES[family](rng, *shape)
        targets = cones.cone_targets(rng, points, 2, (kind,))
        cone = ng.project_cone(points, targets)
        check_certificate(points, targets, cone)
        for target, found, weights in zip(targets, cone.projection, cone.weights, strict=True):
            exact = cones.exact_projection(points, target, np.flatnonzero(weights).tolist())
            assert np.linalg.norm(found - exact) <= bound * np.linalg.norm(target)


def test_target_above_a_thin_wedge():
    """The target's foot lies between two points 1e-9 apart; beyond that width nothing is known."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        axes = np.linalg.qr(rng.standard_normal((7, 7)))[0]
        points = axes[:1] + 1e-9 * np.stack([axes[1], -axes[1]])
        foot = rng.uniform(0.2, 0.8) * points[0] + rng.uniform(0.2, 0.8) * points[1]
        target = (foot + axes[2:].T @ rng.standard_normal(5))[None]
        cone = ng.project_cone(points, target)
        check_certificate(points, target, cone)
        assert np.linalg.norm(cone.projection - foot) <= 2e-9


@pytest.mark.parametrize("change", [1e-2, 1e-3, 1e-4, 1e-6, 1e-9])
def test_near_opposite_points_are_solved_or_given_up(change):
    """Weights grow as 1/change and rounding with them: a plausible wrong number is what must not be."""
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        half, n_dims = int(rng.integers(1, 25)), int(rng.integers(1, 25))
        points = rng.standard_normal((half, n_dims))
        points = np.vstack([points, -points + change * rng.standard_normal(points.shape)])
        targets = cones.cone_targets(rng, points, 8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ng.ConvergenceWarning)
            cone = ng.project_cone(points, targets)
        solved = cone.status == 0
        assert (cone.status != 2).all()  # without a margin there is always a solution
        assert (cone.residual[solved] <= 1e-10).all()
        own = cones.kkt_residual(points, targets, cone.projection, cone.weights)
        assert (own[solved] <= 1e-10).all()
        assert np.isnan(cone.projection[~solved]).all()
        if change >= 1e-4:  # weights of up to about 1e5: nothing to give up for
            assert solved.all()


def test_a_nearly_flat_simplex_is_not_called_infeasible():
    """Points 0 and 2 are opposite but for 1e-3; with the others they span all three dimensions."""
    points = [
        [-1.52620516, -0.65385313, 0.32586008],
        [0.01785766, 1.39142837, 0.09223323],
        [1.52569611, 0.65400212, -0.32784945],
        [-0.01779164, -1.39025621, -0.09323471],
        [0.42088785, -0.24953188, 1.39767107],
    ]
    target = np.array([[-0.02852677, 0.57512069, -1.40939759]])
    cone = ng.project_cone(points, target)
    assert cone.status[0] == 0
    np.testing.assert_allclose(cone.projection, target, rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", [54, 376, 618, 1111])
def test_dependent_points_with_large_weights(seed):
    """Cases in which nnls goes wrong by 5 to 20 %, found by comparing it with daqp."""
    rng = np.random.default_rng([seed, 11])
    shape = int(rng.integers(1, 70)), int(rng.integers(1, 40))
    points = cones.FAMILIES["rank deficient"](rng, *shape)
    targets = cones.cone_targets(rng, points, 8)
    cone = ng.project_cone(points, targets)
    check_certificate(points, targets, cone)
    check_against_references("rank deficient", points, targets, cone.projection)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-150, 1e150, 1e300, 1e308])
@pytest.mark.parametrize("what", ["points", "targets", "both"])
def test_extreme_magnitudes(scale, what):
    points, target = np.array([[1.0, 0.0], [0.75, 0.75]]), np.array([[0.5, 1.0]])
    if what != "targets":
        points = points * scale
    if what != "points":
        target = target * scale
    cone = ng.project_cone(points, target)
    assert cone.status[0] == 0
    # The target lies beyond the second ray: its projection is (0.75, 0.75) of the target's scale.
    expected = np.full((1, 2), 0.75) * (scale if what != "points" else 1)
    # 1e-320 has three digits itself
    np.testing.assert_allclose(cone.projection, expected, rtol=1e-2 if scale < 1e-307 else 1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_orthant(scale):
    """Cone of the axes: the positive part, coordinate by coordinate, to the bit."""
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((200, 12)) * scale
    cone = ng.project_cone(np.eye(12), targets)
    np.testing.assert_array_equal(cone.projection, np.maximum(targets, 0))
    np.testing.assert_array_equal(cone.weights, cone.projection)


@pytest.mark.parametrize("n_dims", [1, 2, 7])
def test_polar_and_inner_targets(n_dims):
    rng = np.random.default_rng(n_dims)
    points = rng.uniform(0, 1, (30, n_dims))
    away = -rng.uniform(0, 1, (40, n_dims))
    cone = ng.project_cone(points, away)
    np.testing.assert_array_equal(cone.projection, 0.0)
    np.testing.assert_array_equal(cone.weights, 0.0)
    np.testing.assert_array_equal(cone.residual, 0.0)
    inside = rng.exponential(size=(40, 30)) @ points
    found = ng.project_cone(points, inside).projection
    np.testing.assert_allclose(found, inside, rtol=1e-12)


def test_zero_target_and_zero_points():
    cone = ng.project_cone([[0.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [1.0, 2.0], [-1.0, 0.0]])
    np.testing.assert_allclose(cone.projection, [[0, 0], [1, 2], [0, 0]], rtol=1e-15)
    np.testing.assert_allclose(cone.weights, [[0, 0], [0, 1], [0, 0]], rtol=1e-15)
    only_zero = ng.project_cone(np.zeros((3, 2)), [[1.0, -1.0]])
    assert (only_zero.projection == 0).all()
    assert (only_zero.status == 0).all()


# Small integers give ties, duplicates, opposite points and dependence all the time.
GRID = st.integers(-3, 3).map(float)


@st.composite
def grid_problems(draw):
    n_points, n_dims = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    points = draw(hnp.arrays(float, (n_points, n_dims), elements=GRID))
    return points, draw(hnp.arrays(float, (draw(st.integers(1, 3)), n_dims), elements=GRID))


@settings(max_examples=150, deadline=None)
@given(grid_problems(), st.randoms(use_true_random=False))
def test_order_of_points_does_not_matter(problem, random):
    points, targets = problem
    order = random.sample(range(len(points)), len(points))
    cone, other = ng.project_cone(points, targets), ng.project_cone(points[order], targets)
    np.testing.assert_allclose(other.projection, cone.projection, rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.weights @ points[order], cone.projection, rtol=0, atol=1e-12)
    if np.linalg.matrix_rank(points) == len(points):  # then the weights are unique
        np.testing.assert_allclose(other.weights, cone.weights[:, order], rtol=0, atol=1e-11)


@settings(max_examples=150, deadline=None)
@given(grid_problems(), st.data())
def test_lengths_of_points_do_not_matter(problem, data):
    points, targets = problem
    powers = data.draw(hnp.arrays(int, len(points), elements=st.integers(-300, 300)))
    scale = np.ldexp(1.0, powers)
    cone, other = ng.project_cone(points, targets), ng.project_cone(points * scale[:, None], targets)
    np.testing.assert_array_equal(other.projection, cone.projection)
    np.testing.assert_array_equal(other.weights * scale, cone.weights)


@settings(max_examples=150, deadline=None)
@given(grid_problems())
def test_moreau_and_idempotence(problem):
    points, targets = problem
    cone = ng.project_cone(points, targets)
    check_certificate(points, targets, cone)
    rest = targets - cone.projection
    assert np.abs((cone.projection * rest).sum(axis=1)).max() <= 1e-12
    again = ng.project_cone(points, cone.projection).projection
    np.testing.assert_allclose(again, cone.projection, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ng.project_cone(points, rest).projection, 0, rtol=0, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(grid_problems())
def test_projection_brings_no_two_targets_further_apart(problem):
    points, targets = problem
    projection = ng.project_cone(points, targets).projection
    before = np.linalg.norm(targets[:, None] - targets, axis=2)
    after = np.linalg.norm(projection[:, None] - projection, axis=2)
    assert (after <= before + 1e-12).all()


@ALL_FAMILIES
def test_same_bits_for_any_threads_and_any_batch(family):
    points, targets = make_problem(family, (60, 17), 9, n_targets=203)
    cone = ng.project_cone(points, targets, n_threads=1)
    for threads in (2, 3, 7):
        other = ng.project_cone(points, targets, n_threads=threads)
        for name, value in cone.to_dict().items():
            np.testing.assert_array_equal(getattr(other, name), value)
    for first, count in ((0, 1), (1, 1), (63, 1), (64, 1), (202, 1), (5, 64), (100, 103)):
        part = ng.project_cone(points, targets[first : first + count])
        for name, value in cone.to_dict().items():
            np.testing.assert_array_equal(getattr(part, name), value[first : first + count])
