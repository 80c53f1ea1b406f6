"""Halves of repeats: against loops over all splits, a closed form of reliability, and shared noise."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest


def noisy(signal, noise, n_repeats, seed):
    shape = (len(signal), n_repeats, signal.shape[1])
    return ng.Repeats(signal[:, None] + noise * np.random.default_rng(seed).standard_normal(shape))


SIGNAL = np.random.default_rng(1).standard_normal((40, 6))


def test_two_repeats_have_one_split_of_each_stimulus():
    """All eight splits of two repeats of three stimuli: their mean."""
    trials = np.random.default_rng(0).standard_normal((3, 2, 4))
    found = ng.split_half([ng.Repeats(trials)], "procrustes", n_splits=400, rng=0)
    possible = [
        ng.procrustes(trials[[0, 1, 2], list(first)], trials[[0, 1, 2], [1 - k for k in first]])
        for first in itertools.product((0, 1), repeat=3)
    ]
    error = np.std(possible) / 20
    assert abs(found.within[0] - np.mean(possible)) < 4 * error
    assert found.within_se[0] == pytest.approx(error, rel=0.3)


def test_reliability_of_one_unit_is_that_of_classical_test_theory():
    """Variance 1 of the signal and s^2 of the noise: halves of k repeats correlate by 1 / (1 + s^2 / k)."""
    signal = np.random.default_rng(2).standard_normal((4000, 1))
    metric = ng.LinearR2()
    found = ng.split_half([noisy(signal, 2.0, 8, 3)], metric, n_splits=4, rng=0)
    half = 1 / (1 + 4 / 4)
    # The correlation of 4,000 pairs has the standard error (1 - r^2) / sqrt(4000), its square 2 r times it.
    error = 2 * half * (1 - half**2) / np.sqrt(4000)
    assert abs(found.within[0] - half**2) < 4 * error
    root = np.sqrt(found.within)
    assert abs(2 * root[0] / (1 + root[0]) - 1 / (1 + 4 / 8)) < 4 * error


def test_equal_items_reach_the_ceiling():
    areas = {name: noisy(SIGNAL, 1.0, 10, seed) for seed, name in enumerate(("V1", "LM"))}
    for metric in ("cka", "procrustes", "rsa"):
        found = ng.split_half(areas, metric, n_splits=10, rng=1)
        assert found.names.tolist() == ["V1", "LM"]
        np.testing.assert_array_equal(np.diagonal(found.between), found.within)
        assert found.between[0, 1] == pytest.approx(found.noise_ceiling[0, 1], rel=0.05)
    other = {"V1": areas["V1"], "LM": noisy(SIGNAL[::-1], 1.0, 10, 5)}
    found = ng.split_half(other, "cka", n_splits=5, rng=1)
    assert found.between[0, 1] < 0.3 < found.noise_ceiling[0, 1]


def test_noise_that_items_share_does_not_count():
    """No signal, the same trials: halves of one and of the other have no trial in common."""
    trials = np.random.default_rng(4).standard_normal((60, 6, 5))
    found = ng.split_half([ng.Repeats(trials, name="a"), ng.Repeats(trials, name="b")], "cka", n_splits=20)
    assert ng.cka(trials.mean(axis=1), trials.mean(axis=1)) == pytest.approx(1.0)
    assert abs(found.between[0, 1]) < 0.05
    assert np.isnan(found.noise_ceiling).any() == (found.within < 0).any()


def test_draws_threads_and_unequal_repeats():
    trials = [np.random.default_rng(k).standard_normal((2 + k % 3, 4)) for k in range(12)]
    items = {"a": ng.Repeats(trials), "b": noisy(SIGNAL[:12], 1.0, 5, 0)}
    one = ng.split_half(items, "rsa", n_splits=6, rng=3, n_threads=1)
    two = ng.split_half(items, "rsa", n_splits=6, rng=3, n_threads=2)
    np.testing.assert_array_equal(one.between, two.between)
    values = [ng.split_half(items, "rsa", n_splits=n, rng=3).between * n for n in (1, 2)]
    assert np.isfinite(values).all()
    assert ng.split_half(items, "rsa", n_splits=1).within_se.tolist() == pytest.approx(
        [np.nan] * 2, nan_ok=True
    )


def test_stochastic_measures_see_trials():
    areas = [noisy(SIGNAL[:6, :2], 1.0, 8, seed) for seed in (0, 1)]
    found = ng.split_half(areas, ng.GaussianStochastic(alpha=1.0, n_restarts=1), n_splits=2, rng=0)
    assert (found.within > 0).all()
    with pytest.raises(ValueError, match="reliability is defined for similarities"):
        _ = found.reliability


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        (
            [np.ones((3, 2))],
            TypeError,
            r"\['0'\] is of type ndarray: halves need",
        ),
        ([ng.Repeats([np.eye(2), np.ones((1, 2))])], ValueError, r"stimulus 1 of .* has 1 repeat"),
        ([], ValueError, "representations"),
        ("V1", TypeError, "must be a list or mapping of Repeats, not str"),
    ],
)
def test_what_is_refused(items, error, message):
    with pytest.raises(error, match=message):
        ng.split_half(items)
