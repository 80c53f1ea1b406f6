"""Mantel's test beside plain enumeration."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from scipy import stats


def distances(rng, n):
    x = rng.standard_normal((n, 2))
    return np.linalg.norm(x[:, None] - x[None], axis=-1)


CORRELATE = {
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y).statistic,
}


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(("n", "method"), [(5, "pearson"), (6, "spearman"), (5, "kendall")])
def test_all_permutations(n, method, alternative):
    rng = np.random.default_rng(n)
    a, b = distances(rng, n), distances(rng, n)
    b = np.round(a + b, 1)  # ties
    above = np.triu_indices(n, 1)
    every = [
        CORRELATE[method](a[np.ix_(order, order)][above], b[above])
        for order in map(list, itertools.permutations(range(n)))
    ]
    sized = {"two-sided": np.abs(every), "greater": np.array(every), "less": -np.array(every)}[alternative]
    result = ng.mantel(a, b, method=method, alternative=alternative)
    assert result.is_exact
    assert abs(result.correlation - every[0]) < 1e-12
    assert result.p_value == pytest.approx(np.mean(sized >= sized[0] - 1e-9), abs=1e-12)


def test_strata_and_control_by_enumeration():
    rng = np.random.default_rng(0)
    a, b, c = (distances(rng, 6) for _ in range(3))
    above = np.triu_indices(6, 1)

    def partial(x):
        design = np.stack([np.ones(15), c[above]], axis=1)
        rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x[above], b[above])]
        return stats.pearsonr(*rest).statistic

    orders = [
        [*first, *second]
        for first in itertools.permutations(range(3))
        for second in itertools.permutations(range(3, 6))
    ]
    every = np.abs([partial(a[np.ix_(order, order)]) for order in orders])
    result = ng.mantel(a, b, control=c, strata=list("xxxyyy"))
    assert result.n_permutations == 35
    assert abs(abs(result.correlation) - every[0]) < 1e-12
    assert result.p_value == pytest.approx(np.mean(every >= every[0] - 1e-9), abs=1e-12)


def test_p_values_are_uniform_under_the_null():
    """Of 200 pairs with 49 permutations, 10 % are at most 0.1, with a standard error of 2.1 %."""
    rng = np.random.default_rng(1)
    p = [
        ng.mantel(distances(rng, 9), distances(rng, 9), n_permutations=49, rng=k).p_value for k in range(200)
    ]
    assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 4 * 0.021
    assert abs(np.mean(p) - 0.51) < 4 * 0.0205  # of a uniform one of 0.02 to 1


def test_what_is_refused():
    rng = np.random.default_rng(0)
    a = distances(rng, 6)
    with pytest.raises(ValueError, match="D1 has 6 items, but D2 has 5"):
        ng.mantel(a, a[:5, :5])
    with pytest.raises(ValueError, match="all entries of D2 are equal"):
        ng.mantel(a, np.ones((6, 6)))
    with pytest.raises(ValueError, match="D2 is not symmetric"):
        ng.mantel(a, np.arange(36.0).reshape(6, 6))
    with pytest.raises(ValueError, match="nothing to permute"):
        ng.mantel(a, a, strata=range(6))
    x = rng.standard_normal((3, 5, 2))
    one, two = (ng.pairwise(x, names=names) for names in (["a", "b", "c"], ["a", "c", "b"]))
    with pytest.raises(ValueError, match="item 1 of D2 is 'c'"):
        ng.mantel(one, two)
