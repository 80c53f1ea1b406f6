"""Groups of animals, beside SciPy's tests of the same numbers."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from scipy import stats


def mean_of(data):
    return float(np.mean(data))


def animals(rng, n, shift=0.0):
    return [np.full((4, 3), value) for value in rng.standard_normal(n) + shift]


def values_of(recordings):
    return [one.mean() for one in recordings]


def test_separate_animals_are_welchs_and_an_exact_permutation_test():
    rng = np.random.default_rng(0)
    groups = {"V1": animals(rng, 5, 1.0), "LM": animals(rng, 4)}
    result = ng.compare_groups(groups, mean_of)
    a, b = map(values_of, groups.values())
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert result.difference[0] / result.se[0] == pytest.approx(welch.statistic, abs=1e-12)
    assert result.degrees_of_freedom[0] == pytest.approx(
        welch.df if hasattr(welch, "df") else result.degrees_of_freedom[0]
    )
    exact = stats.permutation_test((a, b), lambda x, y: abs(np.mean(x) - np.mean(y)), alternative="greater")
    assert result.is_exact[0]
    assert result.p_value[0] == pytest.approx(exact.pvalue, abs=1e-12)
    assert result.covers[0] == "animals"


def test_shared_animals_are_compared_with_themselves():
    rng = np.random.default_rng(1)
    first, second = animals(rng, 6, 0.5), animals(rng, 6)
    names = list("abcdef")
    groups = {"V1": dict(zip(names, first, strict=True)), "LM": dict(zip(names, second, strict=True))}
    result = ng.compare_groups(groups, mean_of)
    a, b = values_of(first), values_of(second)
    paired = stats.ttest_rel(a, b)
    assert result.n_shared[0] == 6
    assert result.difference[0] / result.se[0] == pytest.approx(paired.statistic, abs=1e-12)
    exact = stats.permutation_test(
        (a, b), lambda x, y: abs(np.mean(x) - np.mean(y)), permutation_type="samples", alternative="greater"
    )
    assert result.p_value[0] == pytest.approx(exact.pvalue, abs=1e-12)
    assert result.smallest_p[0] == 2 / 64


def test_p_values_under_the_null():
    """Of 150 comparisons of 4 and 4 animals, as many of p <= 0.1 as there can be: 6 of 70 (error 2.3 %)."""
    rng = np.random.default_rng(2)
    p = [
        ng.compare_groups({"a": animals(rng, 4), "b": animals(rng, 4)}, mean_of).p_value[0]
        for _ in range(300)
    ]
    assert abs(np.mean(np.array(p) <= 0.1) - 6 / 70) < 4 * 0.023


def test_neurons_are_matched_and_one_animal_says_so():
    rng = np.random.default_rng(3)
    seen = []

    def width(data):
        seen.append(np.shape(data)[1])
        return float(np.mean(data))

    groups = {"V1": [rng.standard_normal((400, 50))], "LM": [rng.standard_normal((300, 40))]}
    result = ng.compare_groups(groups, width)
    assert result.n_units == 40
    assert result.n_points == 300
    assert set(seen) <= {40, 36}
    assert result.covers[0] == "units and points of the recorded animals"
    assert np.isnan(result.effect_size[0])


def test_error_of_one_animal_is_that_over_its_units():
    """Units of variance 1: the mean of 40 has the error 1 / sqrt(40), a jackknife of ten 24 % beside it."""
    rng = np.random.default_rng(4)
    squares = [
        ng.compare_groups(
            {k: [np.tile(rng.standard_normal(40), (20, 1))] for k in ("V1", "LM")}, mean_of
        ).means_se
        ** 2
        for _ in range(20)
    ]
    # Of 40 variances with 9 degrees of freedom each, the relative error of the mean is sqrt(2 / 360).
    assert np.mean(squares) == pytest.approx(1 / 40, rel=4 * np.sqrt(2 / 360))


def test_capacity_of_labelled_responses():
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(4), 6)

    def recording(spread):
        return np.repeat(rng.standard_normal((4, 20)), 6, axis=0) + spread * rng.standard_normal(
            (24, 20)
        ), labels

    groups = {"V1": [recording(0.3) for _ in range(3)], "LM": [recording(1.0) for _ in range(3)]}

    def measure(clouds, rng):
        return ng.manifold_capacity(clouds, n_samples=30, n_restarts=1, rng=rng)

    result = ng.compare_groups(groups, measure, "mean_capacity", n_draws=1)
    assert result.difference[0] > 0
    assert result.p_value[0] == 0.1 == result.smallest_p[0]


def test_what_is_refused():
    one = [np.ones((4, 3))]
    with pytest.raises(ValueError, match="nothing to compare"):
        ng.compare_groups({"V1": one}, mean_of)
    with pytest.raises(ValueError, match="n_units is 9"):
        ng.compare_groups({"V1": one, "LM": one}, mean_of, n_units=9)
    with pytest.raises(ValueError, match="which has no 'size_'"):
        ng.compare_groups({"V1": one, "LM": one}, mean_of, "size_")
    with pytest.raises(ValueError, match=r"groups\['LM'\]\[0\]\[0, 0\] is nan"):
        ng.compare_groups({"V1": one, "LM": [np.full((4, 3), np.nan)]}, mean_of)
