"""Tests of an estimate with a standard error, and several of them at once."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from .._base.checks import FloatArray
from ..inference import TIE

Correction: TypeAlias = Literal["none", "fdr", "holm", "bonferroni"]
CORRECTIONS = ("none", "fdr", "holm", "bonferroni")


def t_test(
    estimate: FloatArray,
    se: FloatArray,
    dof: float,
    *,
    two_sided: bool = True,
    size: FloatArray | float = 1.0,
) -> FloatArray:
    """Return p-values of estimates against 0, by Student's t; one-sided: whether they are above 0.

    An estimate of 0 without an error, as of the difference between equal models, has p = 1; another without
    an error has none. `size` is what rounding is relative to.
    """
    from scipy import stats

    without = ~(se > TIE * np.maximum(np.abs(estimate), size)) & ~np.isnan(se)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = estimate / np.where(without, np.nan, se)
        found = 2 * stats.t.sf(np.abs(t), dof) if two_sided else stats.t.sf(t, dof)
    none = without & (np.abs(estimate) <= TIE * np.asarray(size))
    return np.where(none, 1.0 if two_sided else 0.5, found)


def adjusted(p_values: FloatArray, correction: Correction) -> FloatArray:
    """Adjust the p-values of one family for their number; NaN (no test) does not count.

    "fdr" is Benjamini and Hochberg's step-up, "holm" Holm's step-down, "bonferroni" the number times p.
    """
    from scipy import stats

    found = np.array(p_values, dtype=np.float64)
    tested = ~np.isnan(found)
    p = found[tested]
    if correction == "fdr" and len(p):
        found[tested] = stats.false_discovery_control(p)
    elif correction == "bonferroni":
        found[tested] = np.minimum(1.0, p * len(p))
    elif correction == "holm":
        order = np.argsort(p, kind="stable")
        rising = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
        p[order] = np.minimum(1.0, rising)
        found[tested] = p
    return found


def adjusted_pairs(p_values: FloatArray, correction: Correction) -> FloatArray:
    """Adjust a symmetric matrix of p-values, in which each pair is one test; its diagonal stays."""
    above = np.triu_indices(len(p_values), 1)
    found = np.array(p_values, dtype=np.float64)
    found[above] = adjusted(found[above], correction)
    found.T[above] = found[above]
    return found


def t_interval(
    estimate: FloatArray, se: FloatArray, dof: float, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper ends of an interval by Student's t."""
    from scipy import stats

    reach = float(stats.t.ppf((1 + level) / 2, dof)) * se
    return estimate - reach, estimate + reach
