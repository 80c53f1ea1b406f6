"""Inference for any measure: reproducible shuffles, and one form of null.

A null is a set of draws of a measure from data in which what it looks for has been shuffled away. Each
shuffle depends on (key, item, draw) and on nothing else, so that draws may be made in any order, in any
process and on any number of threads, and the first n of 2n draws are the n draws of a shorter run.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._base.checks import AnyArray, FloatArray
from ._base.results import Column, Result, columns_of_kind

# Values of a measure that agree to this share of its size count as equal. A draw that reproduces the
# arrangement of the data, such as one that exchanges equal stimuli, adds the same terms in another order:
# n terms and a condition number kappa may cost n kappa eps, which is 1e-10 for n = 500 and kappa = 1000. In a
# continuous null, another value falls this close to the observed one with a probability of only about 1e-10.
TIE = 1e-10

# What :class:`RunningNull` computes, under the names used by sweeps and by results of pairs.
NULL_FIELDS = ("null_mean", "null_sd", "p_value")

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]


@dataclasses.dataclass(frozen=True)
class Permutations:
    """Shuffles: draw d of item j is one permutation, whatever the item is compared with.

    Attributes
    ----------
    count : int
        Draws of the null.
    key : int
        What distinguishes this family of shuffles from others, below 2^64.
    """

    count: int
    key: int

    def generator(self, item: int, draw: int) -> np.random.Generator:
        """Return the generator of one draw of one item; the permutation is the first thing drawn from it."""
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.key, item, draw])))

    def order(self, length: int, item: int, draw: int) -> NDArray[np.int64]:
        """Return the permutation of `length` stimuli or points."""
        return self.generator(item, draw).permutation(length)


def reaches(
    draws: FloatArray, observed: FloatArray | float, size: FloatArray | float = 1.0
) -> NDArray[np.bool_]:
    """Return which draws are at least as large as the observed value; values equal up to rounding are ties.

    Parameters
    ----------
    draws : ndarray
        Values of the measure; NaN reaches nothing.
    observed : ndarray or float
        Its value in the data.
    size : ndarray or float, default 1
        Size of the measure's largest values, which differences are relative to even if the observed value is
        near zero. 1 for correlations, shares and angles; 0 if differences are relative to the observed value
        alone.
    """
    return np.asarray(draws >= observed - _tie(observed, size))


def _tie(observed: FloatArray | float, size: FloatArray | float) -> FloatArray:
    return np.asarray(TIE * np.maximum(np.abs(observed), size))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Null(Result):
    """Observed values against a null; all arrays have the shape of `observed`.

    Attributes
    ----------
    measure : ndarray of str or None
        Names of the entries along the last axis, if each is a measure of its own.
    observed : ndarray
        Values in the data.
    mean, sd : ndarray
        Mean and standard deviation over draws; `sd` is NaN with one draw.
    lower, upper : ndarray
        The interval that holds the middle 95 % of the draws; NaN if the draws were not kept.
    z : ndarray
        (observed - mean) / sd; NaN where all draws agree.
    p_value : ndarray
        Share of the values, the data's own included, that are at least as extreme as the data's: as large
        ("greater"), as small ("less"), or twice the smaller of the two shares, at most 1 ("two-sided").
        Values that agree to 1e-10 of the measure's size are equally extreme.
    n_draws : int
        Number of draws made.
    n_defined : ndarray of int
        Number of draws in which the measure was defined; the others are left out.
    alternative : str
        What counts as extreme: "two-sided", "greater" or "less".
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_draws", "alternative")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_draws"),
        *columns_of_kind("setting", "alternative"),
        *columns_of_kind("label", "measure", of_items=True),
        *(
            Column(name=name, of_items=True)
            for name in ("observed", "mean", "sd", "lower", "upper", "z", "p_value")
        ),
        *columns_of_kind("count", "n_defined", of_items=True),
    )

    measure: NDArray[np.str_] | None = None
    observed: FloatArray
    mean: FloatArray
    sd: FloatArray
    lower: FloatArray
    upper: FloatArray
    z: FloatArray
    p_value: FloatArray
    n_draws: int
    n_defined: NDArray[np.intp]
    alternative: Alternative

    @staticmethod
    def fields_of(
        observed: FloatArray,
        draws: FloatArray,
        *,
        alternative: Alternative = "two-sided",
        size: FloatArray | float = 1.0,
    ) -> dict[str, Any]:
        """Summarise draws (n_draws, ...) of a measure; `size` is as for :func:`reaches`."""
        defined = ~np.isnan(draws)
        count = defined.sum(axis=0)
        some = count > 0
        bounds = np.full((2, *observed.shape), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):  # infinite values
            high, low = (reaches(sign * draws, sign * observed, size).sum(axis=0) for sign in (1, -1))
            shares = {
                "greater": (1 + high) / (1 + count),
                "less": (1 + low) / (1 + count),
                "two-sided": np.minimum(1.0, 2 * (1 + np.minimum(high, low)) / (1 + count)),
            }
            mean = np.where(defined, draws, 0.0).sum(axis=0) / count
            squares = (np.where(defined, draws - mean, 0.0) ** 2).sum(axis=0)
            sd = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
            bounds[:, some] = np.nanquantile(draws[:, some], [0.025, 0.975], axis=0)
        return {
            "observed": observed,
            "mean": mean,
            "sd": sd,
            "lower": bounds[0],
            "upper": bounds[1],
            "z": z_score(observed, mean, sd, size),
            "p_value": np.where(some & ~np.isnan(observed), shares[alternative], np.nan),
            "n_draws": len(draws),
            "n_defined": count,
            "alternative": alternative,
        }


def z_score(
    observed: FloatArray, mean: FloatArray, sd: FloatArray, size: FloatArray | float = 1.0
) -> FloatArray:
    """Return (observed - mean) / sd; NaN if the draws differ by rounding alone, or there is only one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sd > _tie(observed, size), (observed - mean) / sd, np.nan)


class RunningNull:
    """A null whose draws are not kept: its mean, standard deviation and p-value come from running sums.

    Parameters
    ----------
    observed : ndarray
        Values in the data, of any shape.
    sign : ndarray or float, default 1
        1 where large values are extreme, -1 where small ones are.
    size : ndarray or float, default 1
        As for :func:`reaches`.
    """

    def __init__(
        self, observed: FloatArray, sign: FloatArray | float = 1.0, size: FloatArray | float = 1.0
    ) -> None:
        self._observed, self._sign, self._size = observed, sign, size
        self._count = 0
        self._total, self._squares, self._reached = (np.zeros_like(observed) for _ in range(3))

    def add(self, draw: AnyArray) -> None:
        """Add one draw; an entry that is NaN in any draw is NaN in the summary."""
        # Relative to the observed value, so that the squares of nearly equal values keep their digits.
        difference = draw - self._observed
        self._count += 1
        self._total += difference
        self._squares += difference**2
        reached = reaches(self._sign * draw, self._sign * self._observed, self._size)
        self._reached += np.where(np.isnan(difference), np.nan, reached)

    def summary(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return mean, standard deviation (NaN with one draw) and one-sided p-value; see NULL_FIELDS."""
        count = self._count
        mean = self._total / count
        variance = np.maximum(self._squares - count * mean**2, 0.0) / (count - 1 if count > 1 else np.nan)
        return self._observed + mean, np.sqrt(variance), (1 + self._reached) / (1 + count)
