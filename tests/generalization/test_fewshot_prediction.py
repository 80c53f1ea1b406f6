"""Predicted few-shot error: exact moments, all triples, limits, and intervals that cover."""

from __future__ import annotations

from itertools import combinations

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from scipy.special import ndtr


def two_classes(k=6, n_others=7, n=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((k, n)), rng.gamma(1.0, size=(n_others, n)) + 0.4


def scores_of(a, b, i, m):
    """The scores of point i of a, for all prototypes."""
    rest = np.delete(a, i, axis=0)
    own = [rest[list(s)].mean(axis=0) for s in combinations(range(len(rest)), m)]
    others = [b[list(s)].mean(axis=0) for s in combinations(range(len(b)), m)]
    to_own = ((a[i] - np.array(own)) ** 2).sum(axis=1) / 2
    to_others = ((a[i] - np.array(others)) ** 2).sum(axis=1) / 2
    return np.subtract.outer(to_others, to_own)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_moments_are_those_of_all_prototypes(m):
    a, b = two_classes()
    found = ng.fewshot_prediction([a, b], m)
    for x, y, error in ((a, b, found.error[0, 1]), (b, a, found.error[1, 0])):
        scores = [scores_of(x, y, i, m) for i in range(len(x))]
        expected = np.mean([ndtr(-s.mean() / s.std()) for s in scores])
        assert error == pytest.approx(expected, rel=1e-9)


def test_one_shot_counts_all_triples():
    a, b = two_classes()
    b[2] = b[1] = a[4] = a[3]  # ties
    found = ng.fewshot_prediction([a, b], 1)
    for x, y, error in ((a, b, found.error[0, 1]), (b, a, found.error[1, 0])):
        scores = np.concatenate([scores_of(x, y, i, 1).ravel() for i in range(len(x))])
        scores[np.abs(scores) < 1e-12] = 0
        assert error == pytest.approx(np.mean((scores < 0) + 0.5 * (scores == 0)), rel=1e-12)


def test_several_shots_are_those_of_each_alone():
    clouds = gaussian_clouds(4, 9, 12, spread=0.9)
    several = ng.fewshot_prediction(clouds, [1, 2, 8])
    for k, m in enumerate((1, 2, 8)):
        alone = ng.fewshot_prediction(clouds, m)
        np.testing.assert_array_equal(several.error[k], alone.error)
        np.testing.assert_array_equal(several.error_se[k], alone.error_se)
        assert several.mean_error[k] == alone.mean_error == pytest.approx(np.nanmean(alone.error), rel=1e-12)


def test_a_pair_has_the_bits_that_it_has_among_others():
    clouds = list(gaussian_clouds(5, 9, 12, spread=0.9))
    clouds[1] = clouds[1][:7]
    every = ng.fewshot_prediction(clouds, [1, 3])
    one = ng.fewshot_prediction([clouds[1], clouds[3]], [1, 3], n_threads=1)
    np.testing.assert_array_equal(every.error[:, [1, 3], [3, 1]], one.error[:, [0, 1], [1, 0]])
    np.testing.assert_array_equal(every.error_se[:, [1, 3], [3, 1]], one.error_se[:, [0, 1], [1, 0]])


def test_all_shots_but_one_are_leave_one_out():
    # Prototypes of a then do not vary; with as many points in b, those of b hardly.
    clouds = gaussian_clouds(2, 40, 10, spread=0.5)
    found = ng.fewshot_prediction(clouds, 39)
    wrong = []
    for i in range(40):
        own = np.delete(clouds[0], i, axis=0).mean(axis=0)
        s = ((clouds[0][i] - clouds[1].mean(axis=0)) ** 2).sum() - ((clouds[0][i] - own) ** 2).sum()
        wrong.append(s < 0)
    assert abs(found.error[0, 1] - np.mean(wrong)) < 0.02


def test_points_that_are_all_the_same():
    near, far = np.ones((4, 3)), np.full((4, 3), 2.0)
    np.testing.assert_array_equal(ng.fewshot_prediction([near, far], [1, 2]).error[:, 0, 1], [0, 0])
    alike = ng.fewshot_prediction([near, near, far], [1, 2])
    np.testing.assert_array_equal(alike.error[:, 0, 1], [0.5, 0.5])
    with np.errstate(all="raise"):
        found = ng.fewshot_prediction([near, near + np.eye(4, 3)], 2)
    assert np.isfinite(found.error_se[0, 1])


@pytest.mark.parametrize("m", [1, 3])
def test_the_error_is_that_of_a_jackknife(m):
    clouds = gaussian_clouds(2, 24, 8, spread=1.5)
    found = ng.fewshot_prediction(clouds, m)
    variance, mean_variance = 0.0, 0.0
    for c in range(2):
        without = [
            ng.fewshot_prediction([np.delete(x, i, axis=0) if k == c else x for k, x in enumerate(clouds)], m)
            for i in range(24)
        ]
        variance += 23 / 24 * 24 * np.var([one.error[0, 1] for one in without])
        mean_variance += 23 / 24 * 24 * np.var([one.mean_error for one in without])
    assert found.error_se[0, 1] == pytest.approx(np.sqrt(variance), rel=0.1)
    assert found.mean_error_se == pytest.approx(np.sqrt(mean_variance), rel=0.1)


@pytest.mark.parametrize("m", [1, 4])
def test_intervals_cover_the_error_in_the_population(m):
    # Two Gaussian classes; the truth from fresh episodes of one test point.
    rng, n, draws, seeds = np.random.default_rng(7), 30, 100_000, 200
    offset, scale = np.eye(n)[0] * 2.5, np.linspace(0.5, 1.5, n)
    sizes = (scale, scale / np.sqrt(m), 1 / np.sqrt(m))
    test, own, others = (rng.standard_normal((draws, n)) * size for size in sizes)
    wrong = ((test - others - offset) ** 2).sum(axis=1) < ((test - own) ** 2).sum(axis=1)
    truth, hits, found = wrong.mean(), [], []
    for _ in range(seeds):
        a, b = rng.standard_normal((40, n)) * scale, rng.standard_normal((40, n)) + offset
        one = ng.fewshot_prediction([a, b], m, n_threads=1)
        hits.append(abs(one.error[0, 1] - truth) <= 1.96 * one.error_se[0, 1])
        found.append(one.error[0, 1])
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / seeds)
    error = np.hypot(np.std(found) / np.sqrt(seeds), np.sqrt(truth / draws))
    assert abs(np.mean(found) - truth) < 4 * error


def test_what_is_refused():
    a, b = two_classes()
    with pytest.raises(ValueError, match="holds one manifold"):
        ng.fewshot_prediction([a], 1)
    with pytest.raises(ValueError, match=r"it is 6 and manifolds\[0\] \(0\) has 6"):
        ng.fewshot_prediction([a, b], [2, 6])
    with pytest.raises(ValueError, match="n_shots must be at least 1, not 0"):
        ng.fewshot_prediction([a, b], 0)
    with pytest.raises(ValueError, match="n_shots is empty"):
        ng.fewshot_prediction([a, b], [])
    with pytest.raises(TypeError, match="n_shots must be an integer"):
        ng.fewshot_prediction([a, b], 1.5)
