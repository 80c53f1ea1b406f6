"""K-way errors: the reference, brute force with the same examples, and two classes."""

from __future__ import annotations

from itertools import combinations

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from helpers.systems import FEWSHOT, reference_classes
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key
from neurogeom.clouds.manifolds import as_manifolds
from neurogeom.generalization.class_pairs import prepare_classes
from neurogeom.generalization.kway import _Way, score_moments
from scipy.special import ndtr


def test_theory_is_that_of_the_reference():
    X = reference_classes()
    classes, unit = prepare_classes(as_manifolds(X), _Way, 1)
    mean, common, own = score_moments(classes, 0, 5)
    np.testing.assert_allclose(mean * unit**2, FEWSHOT["kway_a0_mean"], atol=1e-8)
    np.testing.assert_allclose((common + np.diag(own)) * unit**4, FEWSHOT["kway_a0_cov"], atol=1e-8)
    found = ng.kway_error(X, 5, n_episodes=20, rng=0)
    known = FEWSHOT["kway4_m5_gaussian_error"]  # an integral of its own, good to about 1e-4
    assert (np.abs(found.predicted - known) < 4 * found.predicted_se + 2e-4).all()


def test_trials_are_near_those_of_the_reference():
    found = ng.kway_error(reference_classes(), 5, n_episodes=1000, rng=1)
    known = np.array(FEWSHOT["kway4_m5_MC_disjoint"])  # its error is about as large as ours
    assert (np.abs(found.error - known) < 4 * np.sqrt(2) * found.error_se + 0.01).all()


@pytest.mark.parametrize("disjoint", [True, False])
@pytest.mark.parametrize("ways", [None, 2])
def test_errors_are_those_of_distances(disjoint, ways):
    X = [cloud[: 9 - k] for k, cloud in enumerate(gaussian_clouds(4, 9, 6, spread=1.2))]
    T, m = 7, 2
    found = ng.kway_error(X, m, n_ways=ways, n_episodes=T, disjoint=disjoint, rng=4)
    key = draw_key(as_generator(4))
    shots = [core.draw_shots(key, c, len(X[c]), m, T, not disjoint) for c in range(4)]
    drawn = core.draw_shots(key, 0xFFFFFFFF, 4, ways or 4, T, False)
    wrong, confusion, tests = np.full((4, T), np.nan), np.zeros((4, 4)), np.zeros(4)
    for t in range(T):
        present = sorted(drawn[t]) if ways else range(4)
        prototypes = np.array([X[c][shots[c][t]].mean(axis=0) for c in present])
        for a in present:
            test = np.delete(X[a], shots[a][t], axis=0) if disjoint else X[a]
            nearest = np.array(present)[((test[:, None] - prototypes) ** 2).sum(axis=2).argmin(axis=1)]
            wrong[a, t] = (nearest != a).mean()
            confusion[a] += np.bincount(nearest, minlength=4)
            tests[a] += len(test)
    np.testing.assert_allclose(found.error, np.nanmean(wrong, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.confusion, confusion / tests[:, None], rtol=1e-12)
    of_episodes = np.nanmean(wrong, axis=0)
    assert found.mean_error == pytest.approx(of_episodes.mean(), rel=1e-12)
    assert found.mean_error_se == pytest.approx(of_episodes.std(ddof=1) / np.sqrt(T), rel=1e-12)


def test_two_ways_are_pairs():
    X = gaussian_clouds(2, 30, 8, spread=1.0)
    found = ng.kway_error(X, 3, n_episodes=50, rng=2)
    pairs = ng.fewshot_error(X, 3, n_episodes=50, rng=2)
    np.testing.assert_allclose(found.error, [pairs.error[0, 1], pairs.error[1, 0]], rtol=1e-12)
    theory = ng.fewshot_geometry(X, 3)
    expected = np.array([theory.error[0, 1], theory.error[1, 0]])
    assert (np.abs(found.predicted - expected) < 4 * found.predicted_se).all()


def test_fewer_ways_are_means_over_subsets():
    X = reference_classes()
    found = ng.kway_error(X, 5, n_ways=3, n_episodes=2, rng=0)
    of_subsets = [[] for _ in X]
    for chosen in combinations(range(4), 3):
        part = ng.kway_error(X[list(chosen)], 5, n_episodes=2, rng=1)
        for a, value, error in zip(chosen, part.predicted, part.predicted_se, strict=True):
            of_subsets[a].append((value, error))
    for a, several in enumerate(of_subsets):
        values, errors = np.array(several).T
        error = np.hypot(found.predicted_se[a], np.sqrt((errors**2).sum()) / len(errors))
        assert abs(found.predicted[a] - values.mean()) < 4 * error


def test_many_ways_against_the_integral_of_independent_scores():
    # Of points that do not vary the scores share nothing, and the chance is a product.
    rng = np.random.default_rng(3)
    X = [np.full((6, 5), 0.0), *(0.9 * rng.standard_normal((30, 6, 5)) + 0.9)]
    found = ng.kway_error(X, 4, n_episodes=2, rng=0)
    mean = [np.sum(x.mean(axis=0) ** 2) / 2 + x.var(axis=0).sum() / 8 for x in X[1:]]
    own = [(x @ x.mean(axis=0)).var() / 4 + (np.cov(x.T, bias=True) ** 2).sum() / 32 for x in X[1:]]
    expected = 1 - ndtr(np.array(mean) / np.sqrt(own)).prod()
    assert found.predicted[0] == pytest.approx(expected, rel=1e-9)


def test_equal_distances_are_shared():
    # Coordinates that are not exact in binary: equal distances are computed differently.
    X = [np.random.default_rng(1).integers(0, 2, (12, 3)) * 0.1 for _ in range(2)]
    found = ng.kway_error(X, 1, n_episodes=400, rng=1)
    pairs = ng.fewshot_error(X, 1, n_episodes=400, rng=1)
    np.testing.assert_allclose(found.error, [pairs.error[0, 1], pairs.error[1, 0]], rtol=1e-12)


def test_fewer_ways_are_easier_and_more_episodes_keep_the_first():
    X = gaussian_clouds(6, 12, 8, spread=1.0)
    two, five = (ng.kway_error(X, 2, n_ways=k, n_episodes=100, rng=2) for k in (2, 5))
    assert two.mean_error + 4 * two.mean_error_se < five.mean_error
    assert two.mean_predicted < five.mean_predicted
    one, other = (ng.kway_error(X, 2, n_episodes=20, rng=2, n_threads=k) for k in (1, 3))
    np.testing.assert_array_equal(one.error, other.error)
    np.testing.assert_array_equal(one.predicted, other.predicted)


def test_correction_takes_out_what_few_points_bring():
    # 4 Gaussian classes of 15 points in 100 dimensions; truth by the moments of 700 points of each.
    rng, n = np.random.default_rng(5), 100
    centres, scale = 0.2 * rng.standard_normal((4, 1, n)), np.linspace(0.5, 1.5, n)
    many = centres + rng.standard_normal((4, 700, n)) * scale
    truth = ng.kway_error(many, 2, n_episodes=2, correct_dimension=True, rng=0).mean_predicted
    found = {False: [], True: []}
    for k in range(12):
        X = centres + rng.standard_normal((4, 15, n)) * scale
        for corrected, values in found.items():
            few = ng.kway_error(X, 2, n_episodes=2, correct_dimension=corrected, rng=k)
            values.append(few.mean_predicted)
    error = np.std(found[True], ddof=1) / np.sqrt(12)
    assert abs(np.mean(found[True]) - truth) < 4 * error + 0.1 * truth  # ratios and tails curve
    assert abs(np.mean(found[False]) - truth) > 2 * abs(np.mean(found[True]) - truth)
    with pytest.raises(
        ValueError, match=r"manifolds\[0\] \(0\) has 3 points; the correction needs at least 4"
    ):
        ng.kway_error(X[:, :3], 1, correct_dimension=True)


def test_what_is_refused():
    X = gaussian_clouds(3, 5, 4)
    with pytest.raises(ValueError, match=r"at most the number of classes \(3\), not 4"):
        ng.kway_error(X, 2, n_ways=4)
    with pytest.raises(ValueError, match="n_ways must be at least 2"):
        ng.kway_error(X, 2, n_ways=1)
    with pytest.raises(ValueError, match="below the number of points"):
        ng.kway_error(X, 5)
    assert np.isfinite(ng.kway_error(X, 5, disjoint=False, n_episodes=3, rng=0).mean_error)
