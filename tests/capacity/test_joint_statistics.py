"""Standard errors, label rules, streams, bits, files and interrupts of the joint measures."""

from __future__ import annotations

import itertools
import math
import warnings

import neurogeom as ng
import numpy as np
import pytest
import scipy.stats
from helpers.joint import ALIGNMENTS, INACTIVE, RATIOS, balls
from helpers.same_bits import assert_same_bits
from neurogeom.clouds.dichotomies import draw_dichotomies

FUNCTIONS = {"geometry": ng.effective_geometry, "correlated": ng.correlated_capacity}

# Coverage of the reported standard errors

N_SEEDS = 500
ESTIMATES = ("capacity", *RATIOS, *ALIGNMENTS)
SETTINGS = {
    "balanced, centered": {"dichotomies": "balanced", "center": True},
    "iid, not centered": {"dichotomies": "iid", "center": False},
}


@pytest.fixture(scope="module")
def runs():
    """Estimates and errors of 500 seeds of 100 samples each, by convention and setting."""
    clouds = balls(np.random.default_rng(0), 6, 8, 40)
    found = {}
    for inactive, setting in itertools.product(INACTIVE, SETTINGS):
        options = {"n_samples": 100, "inactive": inactive, "n_threads": 1} | SETTINGS[setting]
        results = [ng.effective_geometry(clouds, rng=seed, **options) for seed in range(N_SEEDS)]
        assert all(result.inseparable_fraction == 0 for result in results)
        for name in ESTIMATES:
            values = np.array([[getattr(r, name), getattr(r, f"{name}_se")] for r in results])
            found[name, inactive, setting] = values.T
    return found


@pytest.mark.parametrize(("name", "inactive", "setting"), [*itertools.product(ESTIMATES, INACTIVE, SETTINGS)])
def test_coverage(name, inactive, setting, runs):
    """The mean over seeds stands for the truth, whose bias at 100 samples is none of the errors' business.

    A share of 95 % over 500 seeds has a standard error of 1 %.
    """
    values, errors = runs[name, inactive, setting]
    if name == "effective_radius_mean_ratio" and inactive in ("exclude", "drop"):
        return  # where few manifolds are active c comes close to b: a law without a variance
    assert np.isfinite(values).all()
    assert np.isfinite(errors).all()
    share = (np.abs(values - values.mean()) <= 1.96 * errors).mean()
    assert 0.91 < share < 0.98


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("inactive", INACTIVE)
def test_alignments_of_centers_are_unbiased(inactive, setting, runs):
    """The mean over seeds of 100 samples is that of many samples, to four standard errors of both.

    Without the correction it is 10 and more of them away. (Of absolute cosines near zero the bias is not of
    first order in 1 / n_samples.)
    """
    clouds = balls(np.random.default_rng(0), 6, 8, 40)
    long = ng.effective_geometry(clouds, n_samples=30_000, rng=1, inactive=inactive, **SETTINGS[setting])
    for name in ("center_alignment", "center_alignment_raw"):
        values, _ = runs[name, inactive, setting]
        error = math.hypot(values.std(ddof=1) / math.sqrt(len(values)), getattr(long, f"{name}_se"))
        assert abs(values.mean() - getattr(long, name)) <= 4 * error, name


def test_coverage_of_correlated_capacity():
    clouds = balls(np.random.default_rng(1), 6, 8, 40, shared=0.7)
    names = ("capacity", "center_center", "axis_axis", "center_axis", "individual")
    results = [
        ng.correlated_capacity(clouds, rng=s, n_samples=100, margin=0.2, n_threads=1) for s in range(600)
    ]
    for name in names:
        values = np.array([getattr(result, name) for result in results])
        errors = np.array([getattr(result, f"{name}_se") for result in results])
        share = (np.abs(values - values.mean()) <= 1.96 * errors).mean()
        assert 0.91 < share < 0.98, name


# Labels


def drawn(rule, n_samples, n_manifolds, seed=0):
    return draw_dichotomies(rule, n_samples, n_manifolds, np.random.default_rng(seed))


@pytest.mark.parametrize("n_manifolds", [1, 2, 5, 8])
def test_labels_in_a_row(n_manifolds):
    positives = {
        "balanced": n_manifolds // 2,
        "one_vs_rest": 1,
        "first_vs_rest": 1,
        **{ng.sparse_dichotomies(k): k for k in range(1, n_manifolds)},
    }
    for rule, count in positives.items():
        labels = drawn(rule, 400, n_manifolds)
        assert labels.shape == (400, n_manifolds)
        assert labels.dtype == np.int8
        assert set(np.unique(labels)) <= {-1, 1}
        np.testing.assert_array_equal((labels == 1).sum(axis=1), count)
    assert (drawn("first_vs_rest", 5, n_manifolds)[:, 0] == 1).all()


def test_labels_are_uniform():
    """All patterns that a rule allows are equally likely (chi square, p > 1e-4)."""
    rules = {"iid": 16, "balanced": 6, "one_vs_rest": 4, ng.sparse_dichotomies(3): 4}
    for rule, n_patterns in rules.items():
        labels = drawn(rule, 20_000, 4)
        counts = np.unique(labels, axis=0, return_counts=True)[1]
        assert len(counts) == n_patterns
        assert scipy.stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, -0.5, 30.0, 1e300])
def test_tilted_labels(strength):
    task = np.array([1, -1, 0, 1])
    labels = drawn(ng.tilted_dichotomies(task, strength), 20_000, 4)
    expected = 1 / (1 + np.exp(-2 * np.clip(strength * task, -50, 50)))
    share = (labels == 1).mean(axis=0)
    assert (np.abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / 20_000) + 1e-15).all()
    # independent given the task
    free = np.abs(strength) < 10
    correlation = np.corrcoef(labels.T + (0 if free else np.random.default_rng(0).normal(size=(4, 20_000))))
    assert (np.abs(correlation[~np.eye(4, dtype=bool)]) < 4 / math.sqrt(20_000)).all()


def test_labels_and_draws_have_streams_of_their_own():
    """The draws do not depend on the rule: at a given seed, equal labels give equal results."""
    clouds = balls(np.random.default_rng(2), 4, 6, 20)
    plain = ng.effective_geometry(clouds, n_samples=100, rng=7, center=False, dichotomies="iid")
    again = ng.effective_geometry(clouds, n_samples=100, rng=7, center=False, dichotomies=plain.dichotomies)
    assert_same_bits(plain.to_dict(), again.to_dict())
    for rule in ("balanced", "one_vs_rest", ng.sparse_dichotomies(2), ng.tilted_dichotomies([1] * 4, 0.1)):
        other = ng.effective_geometry(clouds, n_samples=100, rng=7, center=False, dichotomies=rule)
        same = (other.dichotomies == plain.dichotomies).all(axis=1)
        assert 0 < same.sum() < 100
        np.testing.assert_array_equal(other.squared_projections[same], plain.squared_projections[same])
    # and labels do not depend on the data or the width, nor on whether draws are given
    wide = balls(np.random.default_rng(3), 4, 6, 90)
    given = {"gaussians": np.ones((100, 90))}
    for options in ({}, given):
        other = ng.effective_geometry(wide, n_samples=100, rng=7, center=False, dichotomies="iid", **options)
        np.testing.assert_array_equal(other.dichotomies, plain.dichotomies)
    fresh = [ng.effective_geometry(clouds, n_samples=20, center=False) for _ in range(2)]
    assert (fresh[0].squared_projections != fresh[1].squared_projections).any()


# Results


CLOUDS = [x[: 3 + m] for m, x in enumerate(balls(np.random.default_rng(4), 5, 9, 30))]
NAMED = ng.manifolds(np.vstack(CLOUDS), np.repeat(["a", "b", "c", "d", "län"], [3, 4, 5, 6, 7]))


def test_results_are_what_they_say():
    result = ng.effective_geometry(NAMED, n_samples=60, rng=0, center=False)
    for m, weights in enumerate(result.mean_anchor_weights):
        center = weights @ CLOUDS[m]
        assert np.linalg.norm(center) == pytest.approx(result.anchor_center_norm[m], rel=1e-9)
        assert weights.sum() == pytest.approx(result.active_fraction[m], rel=1e-12)
        assert (weights >= 0).all()
    np.testing.assert_allclose(result.anchor_radius, result.anchor_axis_norm / result.anchor_center_norm)
    for kind in ("center", "axis", "center_axis"):
        for suffix in ("", "_abs", "_raw"):
            matrix = getattr(result, f"{kind}_alignment{suffix}_matrix")
            off = ~np.eye(5, dtype=bool)
            mean = getattr(result, f"{kind}_alignment{suffix}")
            assert matrix[off].mean() == pytest.approx(mean, rel=1e-9, abs=1e-12)
            if kind != "center_axis":
                np.testing.assert_allclose(matrix[off], matrix.T[off], rtol=1e-12)
    with pytest.warns(ng.ConvergenceWarning, match="n_samples is 1"):
        one = ng.effective_geometry(NAMED, n_samples=1, rng=0)
    for name in ESTIMATES:
        assert math.isnan(getattr(one, f"{name}_se")), name


# Threads


@pytest.mark.parametrize("shape", [(6, 9, 40, 0.5), (12, 30, 100, 1.0), (3, 40, 10, 3.0)])
@pytest.mark.parametrize("inactive", INACTIVE)
def test_bits_do_not_depend_on_threads(inactive, shape):
    clouds = balls(np.random.default_rng(5), *shape[:3], radius=shape[3])
    options = {"n_samples": 150, "rng": 1, "inactive": inactive}
    results = []
    for n_threads in (1, 2, 3, 7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ng.ConvergenceWarning)
            results.append(ng.effective_geometry(clouds, n_threads=n_threads, **options).to_dict())
    for other in results[1:]:
        assert_same_bits(results[0], other)


def test_bits_of_a_sample_do_not_depend_on_the_others():
    """Given draws, the first samples of a long run are those of a short one."""
    clouds = balls(np.random.default_rng(7), 8, 40, 60, radius=1.0)
    rng = np.random.default_rng(8)
    draws, labels = rng.normal(size=(200, 60)), rng.choice([-1, 1], (200, 8))
    long = ng.correlated_capacity(clouds, gaussians=draws, dichotomies=labels, n_samples=200)
    for count in (11, 63, 65):
        options = {"gaussians": draws[:count], "dichotomies": labels[:count], "n_samples": count}
        short = ng.correlated_capacity(clouds, **options)
        np.testing.assert_array_equal(short.squared_projections, long.squared_projections[:count])


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("n_samples", [12, 8000])
def test_progress(n_samples, function, n_threads):
    calls = []
    clouds = balls(np.random.default_rng(9), 10, 30, 100)
    FUNCTIONS[function](
        clouds,
        n_samples=n_samples,
        n_threads=n_threads,
        progress=lambda done, total: calls.append((done, total)),
    )
    done, totals = zip(*calls, strict=True)
    assert set(totals) == {n_samples}
    assert list(done) == sorted(done)
    assert done[-1] == n_samples
    assert min(done) >= 0
    if n_samples > 1000:
        assert len(set(done)) > 1
