"""Measured few-shot errors: against brute force on the same shots, full enumeration and populations."""

from __future__ import annotations

import itertools
import json

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import FOLDER
from helpers.same_bits import assert_same_bits
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key

REFERENCE = json.loads((FOLDER / "systems_reference.json").read_text())["A_fewshot"]
MODES = [
    {"rule": "prototype"},
    {"rule": "prototype", "correct_radius": True},
    {"rule": "nn"},
    {"rule": "exemplar"},
    {"rule": "exemplar", "beta": 30.0},
    {"rule": "exemplar", "beta": 1e-3},
]
each_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())))


def reference_classes():
    """The four classes of the reference values."""
    rng = np.random.default_rng(0)
    centers, scales = 0.5 * rng.standard_normal((4, 12)), np.linspace(0.8, 1.2, 4)
    spectrum, draws = np.arange(1, 13) ** -0.5, rng.standard_normal((4, 30, 12))
    orders = [rng.permutation(12) for _ in range(4)]
    classes = [m + s * z * spectrum[p] for m, s, z, p in zip(centers, scales, draws, orders, strict=True)]
    np.testing.assert_allclose(np.sum(classes), REFERENCE["X_sum"], rtol=1e-10)
    return classes


def classes_of(sizes, n_features=7, apart=0.4, seed=3):
    rng = np.random.default_rng(seed)
    return [
        apart * rng.standard_normal(n_features) + (0.5 + k / 3) * rng.standard_normal((n, n_features))
        for k, n in enumerate(sizes)
    ]


def shots_of(seed, c, n_points, n_shots, n_episodes, disjoint=True):
    return core.draw_shots(draw_key(as_generator(seed)), c, n_points, n_shots, n_episodes, not disjoint)


def costs(squares, mode, unit):
    """What the shots of a class cost each point, of squared distances (shots, points)."""
    if mode["rule"] == "nn":
        return squares.min(axis=0)
    sharpness = mode.get("beta", 1.0) / unit
    least = squares.min(axis=0)
    return least - np.log(np.exp(-sharpness * (squares - least)).sum(axis=0)) / sharpness


def by_force(classes, n_shots, n_episodes, disjoint, mode, seed=0):
    """Twice the wrong decisions (C, C, T), from distances between the points themselves."""
    n_classes = len(classes)
    wrong = np.zeros((n_classes, n_classes, n_episodes))
    radii = [((x - x.mean(axis=0)) ** 2).sum(axis=1).mean() for x in classes]
    drawn = [shots_of(seed, c, len(x), n_shots, n_episodes, disjoint) for c, x in enumerate(classes)]
    for a, b in itertools.permutations(range(n_classes), 2):
        for t in range(n_episodes):
            tests = np.delete(classes[a], drawn[a][t], axis=0) if disjoint else classes[a]
            found = []
            for c in (a, b):
                shots = classes[c][drawn[c][t]]
                if mode["rule"] == "prototype":
                    cost = ((tests - shots.mean(axis=0)) ** 2).sum(axis=1)
                    if mode.get("correct_radius"):
                        cost -= shots.var(axis=0, ddof=1).sum() / n_shots
                else:
                    squares = ((tests - shots[:, None]) ** 2).sum(axis=2)
                    cost = costs(squares, mode, (radii[a] + radii[b]) / 2)
                found.append(cost)
            margin = found[1] - found[0]
            wrong[a, b, t] = (margin < -1e-12).sum() + (margin <= 1e-12).sum()
    return wrong


@each_mode
@pytest.mark.parametrize("disjoint", [True, False])
def test_brute_force(mode, disjoint):
    """The very same decisions, for classes of unequal size, and the standard errors over episodes."""
    sizes, n_shots, n_episodes = (9, 12, 6, 17), 3, 11
    classes = classes_of(sizes)
    wrong = by_force(classes, n_shots, n_episodes, disjoint, mode)
    tests = np.array(sizes)[:, None, None] - n_shots * disjoint
    for precision in ("float32", "float64"):
        found = ng.fewshot_error(
            classes, n_shots, n_episodes=n_episodes, disjoint=disjoint, rng=0, precision=precision, **mode
        )
        count = np.where(np.eye(4, dtype=bool), 0, found.error * 2 * tests[..., 0] * n_episodes)
        np.testing.assert_allclose(count, wrong.sum(axis=2), rtol=1e-13)
        errors = wrong / (2 * tests)
        spread = errors.std(axis=2, ddof=1) / np.sqrt(n_episodes)
        off = ~np.eye(4, dtype=bool)
        np.testing.assert_allclose(found.error_se[off], spread[off], rtol=1e-10, atol=1e-16)
        means = errors.sum(axis=(0, 1)) / 12
        np.testing.assert_allclose(found.mean_error, means.mean(), rtol=1e-13)
        np.testing.assert_allclose(found.mean_error_se, means.std(ddof=1) / np.sqrt(n_episodes), rtol=1e-10)
        np.testing.assert_allclose(found.mean_error, found.error[off].mean(), rtol=1e-13)


@pytest.mark.parametrize(
    ("disjoint", "key"),
    [(True, "m1_error_enumerated_disjoint"), (False, "m1_error_enumerated_with_replacement")],
)
def test_enumeration(disjoint, key):
    """One shot each: the mean over all triples of points."""
    found = ng.fewshot_error(reference_classes(), 1, n_episodes=3000, disjoint=disjoint, rng=2)
    off = ~np.eye(4, dtype=bool)
    away = (found.error - np.array(REFERENCE[key]))[off] / found.error_se[off]
    assert (abs(away) < 4).all()
    assert abs(away.mean()) < 2


@pytest.mark.parametrize(
    ("rule", "known", "error"),
    [
        ("prototype", "m5_error_MC_disjoint_T4000_seed1_mean_offdiag", 5e-4),
        ("nn", "m5_NN_error_MC_disjoint_T1000_seed1_mean_offdiag", 1e-3),
    ],
)
def test_monte_carlo_of_others(rule, known, error):
    """Five shots each."""
    found = ng.fewshot_error(reference_classes(), 5, rule=rule, n_episodes=2000, rng=0)
    assert abs(found.mean_error - REFERENCE[known]) < 4 * np.hypot(found.mean_error_se, error)


# ---- shots


def test_shots_are_uniform_and_without_replacement():
    n_points, n_shots, n_episodes = 13, 4, 6000
    drawn = core.draw_shots(7, 2, n_points, n_shots, n_episodes)
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
    again = core.draw_shots(7, 2, n_points, n_shots, n_episodes, True)
    assert (np.diff(np.sort(again, axis=1), axis=1) == 0).any()
    pairs = [(i, j) for i, j in itertools.permutations(range(n_shots), 2) if i < j]
    for shots, cells in ((drawn, n_points * (n_points - 1)), (again, n_points**2)):
        for i, j in pairs:  # all pairs of places: 169 or 156 cells, chi-square within 4 standard deviations
            counts = np.bincount(shots[:, i] * n_points + shots[:, j], minlength=n_points**2)
            expected = n_episodes / cells
            used = counts[counts > 0] if cells < n_points**2 else counts
            assert len(used) == cells
            freedom = cells - 1
            assert abs(((used - expected) ** 2 / expected).sum() - freedom) < 4 * np.sqrt(2 * freedom)


def test_shots_belong_to_class_and_episode():
    drawn = core.draw_shots(7, 2, 50, 6, 40)
    np.testing.assert_array_equal(core.draw_shots(7, 2, 50, 6, 20), drawn[:20])
    np.testing.assert_array_equal(core.draw_shots(7, 2, 50, 3, 40), drawn[:, :3])
    assert (core.draw_shots(7, 3, 50, 6, 40) != drawn).any()
    assert (core.draw_shots(8, 2, 50, 6, 40) != drawn).any()
    np.testing.assert_array_equal(
        np.sort(core.draw_shots(7, 2, 6, 6, 9), axis=1), np.tile(np.arange(6), (9, 1))
    )
    assert (core.draw_shots(7, 0, 1, 3, 4, True) == 0).all()


# ---- bits


def pairs_of(classes, numbers, n_rows, rule="prototype", n_threads=1, single=True):
    points = [np.ascontiguousarray(x) for x in classes]
    return core.fewshot_errors(
        points, numbers, n_rows, rule, 3, 30, True, False, single, 1.0, 5, n_threads, None
    )[0]


@pytest.mark.parametrize("rule", ["prototype", "nn", "exemplar"])
def test_bits_of_threads_blocks_and_subsets(rule):
    classes = classes_of((9, 12, 6, 17, 8, 5, 21, 10, 11, 6, 30))
    n = len(classes)
    expected = pairs_of(classes, range(n), n, rule)
    for n_threads in (2, 5):
        assert_same_bits(pairs_of(classes, range(n), n, rule, n_threads), expected)
    assert_same_bits(pairs_of(classes, range(n), n, rule, single=False), expected)
    chosen = [1, 4, 5, 9, 10]
    part = pairs_of([classes[c] for c in chosen], chosen, len(chosen), rule)
    assert_same_bits(part, np.ascontiguousarray(expected[:, chosen][:, :, chosen]))
    tile = pairs_of([classes[c] for c in chosen], chosen, 2, rule)
    for a, b in itertools.product(range(2), range(2, 5)):
        for i, j in ((a, b), (b, a)):
            assert tile[0, i, j] == expected[0, chosen[i], chosen[j]]
            assert tile[1, i, j] == expected[1, chosen[i], chosen[j]]
    assert np.isnan(tile[:, :2, :2]).all()
    assert np.isnan(tile[:, 2:, 2:]).all()


def test_bits_of_points_threads():
    classes = classes_of((9, 12, 6, 17, 8, 5))
    first = ng.fewshot_error(classes, 2, n_episodes=40, rng=0, n_threads=1)
    assert_same_bits(ng.fewshot_error(classes, 2, n_episodes=40, rng=0, n_threads=3), first)


# ---- ties and what single precision cannot decide


@pytest.mark.parametrize("rule", ["prototype", "nn", "exemplar"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_ties_of_whole_numbers(rule, precision):
    """Points on a coarse grid, where squared distances to means of two are exact."""
    rng = np.random.default_rng(1)
    grid = [rng.integers(-2, 3, (n, 3)).astype(float) for n in (8, 9, 11)]
    # A large offset and points that both classes have.
    classes = [x + 1e6 for x in grid] + [grid[0] + 1e6]
    wrong = by_force([*grid, grid[0]], 2, 25, True, {"rule": rule})
    assert (wrong % 2 == 1).any()
    found = ng.fewshot_error(classes, 2, rule=rule, n_episodes=25, rng=0, precision=precision)
    tests = 2 * 25 * (np.array([8, 9, 11, 8]) - 2)[:, None]
    np.testing.assert_allclose(np.nan_to_num(found.error) * tests, wrong.sum(axis=2), atol=1e-9)


@each_mode
def test_single_precision_decides_like_double(mode):
    """Near copies of one class: many margins that single precision cannot tell from zero."""
    rng = np.random.default_rng(5)
    base = rng.standard_normal((40, 30))
    for scale in (1e-3, 1e-6, 1e-9):
        classes = [base + scale * rng.standard_normal(base.shape) for _ in range(3)]
        results = [
            ng.fewshot_error(classes, 2, n_episodes=20, rng=0, precision=precision, **mode)
            for precision in ("float32", "float64")
        ]
        assert_same_bits(*results)


def test_equal_classes_are_half_wrong():
    """All points of all classes the same: nothing but ties."""
    for rule in ("prototype", "nn", "exemplar"):
        found = ng.fewshot_error(np.ones((3, 5, 4)), 2, rule=rule, n_episodes=7, rng=0)
        assert found.mean_error == 0.5
        assert found.mean_error_se == 0


# ---- relations between rules


def test_limits_of_the_exemplar_rule():
    classes = classes_of((12, 15, 14))
    nearest = ng.fewshot_error(classes, 3, rule="nn", n_episodes=50, rng=0)
    sharp = ng.fewshot_error(classes, 3, rule="exemplar", beta=1e6, n_episodes=50, rng=0)
    np.testing.assert_array_equal(sharp.error, nearest.error)
    one = {
        rule: ng.fewshot_error(classes, 1, rule=rule, n_episodes=50, rng=0).error
        for rule in ("prototype", "nn")
    }
    np.testing.assert_array_equal(one["nn"], one["prototype"])


@pytest.mark.parametrize("factor", [1e-120, 3.0, 1e120])
@each_mode
def test_units_of_the_data_do_not_matter(mode, factor):
    classes = classes_of((12, 15, 14))
    plain = ng.fewshot_error(classes, 3, n_episodes=20, rng=0, **mode)
    scaled = ng.fewshot_error([factor * x for x in classes], 3, n_episodes=20, rng=0, **mode)
    np.testing.assert_array_equal(scaled.error, plain.error)


def test_radius_correction_removes_the_bias():
    """A wide and a narrow class about one centre: without correction all points go to the narrow one."""
    rng = np.random.default_rng(0)
    classes = [width * rng.standard_normal((60, 400)) for width in (1.0, 1.3)]
    plain, corrected = (
        ng.fewshot_error(classes, 4, correct_radius=correct, rng=0, n_episodes=100)
        for correct in (False, True)
    )
    assert plain.error[1, 0] > 0.9
    assert plain.error[0, 1] < 0.1
    assert abs(corrected.error[1, 0] - 0.5) < 0.15
    assert abs(corrected.error[0, 1] - 0.5) < 0.15


# ---- errors of the estimates


def population_error(draws, own, other, n_shots):
    """Error on a class, from points and shots that are all drawn anew."""
    rng = np.random.default_rng(11)
    point = own(rng, draws)
    mine, others = (sum(draw(rng, draws) for _ in range(n_shots)) / n_shots for draw in (own, other))
    return (((point - others) ** 2).sum(axis=1) < ((point - mine) ** 2).sum(axis=1)).mean()


def first_class(rng, n):
    return rng.standard_normal((n, 6))


def second_class(rng, n):
    return 1.3 * rng.standard_normal((n, 6)) + 0.8


def test_coverage():
    """Intervals of 95 % over points cover the population's error; over episodes, that of these points."""
    truth = population_error(200_000, first_class, second_class, 2)  # to 0.001
    mean_truth = (truth + population_error(200_000, second_class, first_class, 2)) / 2
    points = [first_class(np.random.default_rng(0), 25), second_class(np.random.default_rng(1), 25)]
    exact = ng.fewshot_error(points, 2, n_episodes=40000, rng=99).error[0, 1]
    n, inside, inside_mean, inside_episodes = 400, 0, 0, 0
    for seed in range(n):
        rng = np.random.default_rng(1000 + seed)
        found = ng.fewshot_error([first_class(rng, 80), second_class(rng, 80)], 2, rng=seed, n_threads=1)
        inside += abs(found.error[0, 1] - truth) < 1.96 * found.error_se_points[0, 1]
        inside_mean += abs(found.mean_error - mean_truth) < 1.96 * found.mean_error_se_points
        again = ng.fewshot_error(points, 2, rng=seed, n_threads=1)
        inside_episodes += abs(again.error[0, 1] - exact) < 1.96 * again.error_se[0, 1]
    # 93 to 97 %, and twice the standard error of such a share.
    for share in (inside, inside_mean, inside_episodes):
        assert 0.93 - 0.02 < share / n < 0.97 + 0.02


# ---- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_shots": 0}, "n_shots must be at least 1, not 0"),
        ({"n_shots": 6}, r"n_shots .* 6 .*manifolds\[2\]"),
        ({"rule": "mean"}, "rule must be one of 'prototype', 'nn', 'exemplar', not 'mean'"),
        ({"n_episodes": 0}, "n_episodes must be at least 1"),
        ({"beta": 0}, "beta must be at least 1e-06, not 0"),
        ({"correct_radius": True, "rule": "nn"}, "correct_radius is for the rule 'prototype', not 'nn'"),
        ({"correct_radius": True, "n_shots": 1}, "n_shots must be at least 2, not 1"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ng.fewshot_error(classes_of((9, 12, 6)), **{"n_shots": 2, **changes})


def test_small_cases():
    classes = classes_of((9, 12, 6))
    with pytest.raises(ValueError, match="at least two"):
        ng.fewshot_error(classes[:1], 1)
    # With replacement, shots may be more than points; a single point is always its own prototype.
    points = [x[:1] for x in classes]
    found = ng.fewshot_error(points, 3, disjoint=False, n_episodes=5, rng=0)
    assert found.mean_error == 0
    assert np.isnan(found.error_se_points).all()
    with pytest.warns(ng.ConvergenceWarning, match="n_episodes is 1"):
        found = ng.fewshot_error(classes, 2, n_episodes=1, rng=0)
    assert np.isnan(found.error_se).all()
    assert np.isnan(found.mean_error_se)
    assert 0 <= found.mean_error <= 1


def test_progress_counts_pairs():
    seen = []
    ng.fewshot_error(
        classes_of((9, 12, 6)), 2, rng=0, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (3, 3)
