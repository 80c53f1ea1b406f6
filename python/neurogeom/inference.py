"""Inference for any measure: reproducible shuffles and resamples, one form of null, errors and intervals.

A null is a set of draws of a measure from data in which what it looks for has been shuffled away; a bootstrap
is one of draws from data like those at hand. Each draw depends on its key, item and number and on nothing
else, so that draws may be made in any order, in any process and on any number of threads, and the first n of
2n draws are the n draws of a shorter run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ._base.checks import AnyArray, FloatArray
from ._base.results import Column, Result, columns_of_kind
from ._base.rng import RandomSource, as_generator, draw_key

# Values of a measure that agree to this share of its size count as equal. A draw that reproduces the
# arrangement of the data, such as one that exchanges equal stimuli, adds the same terms in another order:
# n terms and a condition number kappa may cost n kappa eps, which is 1e-10 for n = 500 and kappa = 1000. In a
# continuous null, another value falls this close to the observed one with a probability of only about 1e-10.
TIE = 1e-10

# What :class:`RunningNull` computes, under the names used by sweeps and by results of pairs.
NULL_FIELDS = ("null_mean", "null_sd", "p_value")
# And what :func:`summarize_bootstrap` does.
BOOTSTRAP_FIELDS = ("se", "bias", "lower", "upper")

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]
Resample: TypeAlias = Literal["stimuli", "units", "both"]
Interval: TypeAlias = Literal["bca", "basic"]
Orders: TypeAlias = NDArray[np.int64]

# Families of draws beside the permutations, in the spawn keys of their seeds.
_STIMULI, _UNITS = 1, 2
# Groups that are left out in turn, for the skewness of a measure: single stimuli up to this number of them.
_GROUPS = 100
# A bootstrap has no error if the measure is undefined in more than this share of the draws.
_UNDEFINED = 0.05


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


@dataclasses.dataclass(frozen=True)
class Resampling:
    """One draw of a bootstrap: which stimuli all items have, and which units an item has; None for all."""

    bootstrap: Bootstrap
    draw: int
    stimuli: bool
    units: bool

    def of_stimuli(self, length: int) -> Orders | None:
        """Return the stimuli, the same for all items."""
        return self.bootstrap.sample(length, _STIMULI, self.draw) if self.stimuli else None

    def of_units(self, length: int, item: int) -> Orders | None:
        """Return the units of an item."""
        return self.bootstrap.sample(length, _UNITS, item, self.draw) if self.units else None


@dataclasses.dataclass(frozen=True)
class Bootstrap:
    """Resamples with repetition: of stimuli, the same for all items; of units, of each item on its own.

    Attributes
    ----------
    count : int
        Draws.
    key : int
        What distinguishes this family of draws from others, below 2^64.
    resample : {"stimuli", "units", "both"}
        What is drawn. "both" has `count` draws of stimuli, of units, and of both at once.
    interval : {"bca", "basic"}
        The form of the interval.
    level : float
        Its nominal coverage.
    """

    count: int
    key: int
    resample: Resample = "stimuli"
    interval: Interval = "bca"
    level: float = 0.95

    def sample(self, length: int, family: int, *numbers: int) -> Orders:
        """Return `length` of as many things, with repetition, in rising order."""
        seed = np.random.SeedSequence([self.key, *numbers], spawn_key=(family,))
        # The order of stimuli or units means nothing: sorted ones are nearer to each other in memory.
        return np.sort(np.random.Generator(np.random.Philox(seed)).integers(length, size=length))

    @property
    def kinds(self) -> tuple[tuple[bool, bool], ...]:
        """For each series of draws, whether it resamples stimuli and units."""
        single = {"stimuli": ((True, False),), "units": ((False, True),)}
        return single.get(self.resample, ((True, False), (False, True), (True, True)))

    def draws(self, kind: tuple[bool, bool]) -> Iterator[Resampling]:
        """Return the draws of one series."""
        return (Resampling(self, draw, *kind) for draw in range(self.count))

    @property
    def n_evaluations(self) -> int:
        """How often all pairs are computed, at most."""
        sides = (self.resample != "units") + 2 * (self.resample != "stimuli")
        return self.count * len(self.kinds) + _GROUPS * sides * (self.interval == "bca")


@dataclasses.dataclass(frozen=True)
class Draws:
    """What is drawn to know how certain the values of pairs are."""

    null: Permutations | None = None
    bootstrap: Bootstrap | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the numbers that each pair then has."""
        return (NULL_FIELDS if self.null else ()) + (BOOTSTRAP_FIELDS if self.bootstrap else ())

    def keyed(self, rng: RandomSource) -> Draws:
        """Return the same draws under a key from a source of random numbers, which moves only if any are."""
        return self.with_key(draw_key(as_generator(rng))) if self.fields else self

    def with_key(self, key: int) -> Draws:
        """Return the same draws under a key."""
        return Draws(
            self.null and dataclasses.replace(self.null, key=key),
            self.bootstrap and dataclasses.replace(self.bootstrap, key=key),
        )

    @property
    def n_kept(self) -> int:
        """Values of each pair that have to be in memory at once."""
        return self.bootstrap.n_evaluations if self.bootstrap else 0


def left_out(length: int) -> list[Orders]:
    """Return what is left of stimuli or units without each group of them: single ones, if there are few."""
    groups = np.arange(length) % min(length, _GROUPS)
    return [np.flatnonzero(groups != group) for group in range(groups.max() + 1)]


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


def calibrated(observed: FloatArray, mean: FloatArray, best: FloatArray) -> FloatArray:
    """Return values on a scale from 0 at `mean` to 1 at `best`; NaN where both agree up to rounding."""
    scale = best - mean
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.abs(scale) > _tie(mean, np.abs(best)), (observed - mean) / scale, np.nan)


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


def summarize_bootstrap(
    bootstrap: Bootstrap,
    observed: FloatArray,
    draws: Sequence[FloatArray],
    jackknife: Sequence[FloatArray] = (),
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    r"""Return standard error, bias, and both ends of the interval; see BOOTSTRAP_FIELDS.

    Parameters
    ----------
    bootstrap : Bootstrap
        What was drawn.
    observed : ndarray
        Values in the data, of any shape.
    draws : sequence of ndarray of shape (n_draws, ...)
        Values of each of its series of draws, NaN where the measure is not defined.
    jackknife : sequence of ndarray of shape (n_groups, ...)
        For "bca", values without each group of stimuli, of units of X, and of units of Y, whichever are
        drawn; NaN beyond the last group.

    Notes
    -----
    With "both", a value is taken to vary with stimuli and with units: for variances a, b and c of the
    contributions of stimuli, of units and of single responses, its own is a + b + c. A bootstrap of stimuli
    has the variance a + c, one of units b + c, and one of both a + b + 3 c, where single responses vary with
    both draws. Twice the sum of the first two less the third is the one wanted. It is kept between the larger
    of the first two and the third, and the draws of both are drawn together about their mean to have it.
    """
    spreads = [_moments(values) for values in draws]
    mean, sd = spreads[-1]
    values = draws[-1]
    if len(draws) == 3:
        of_stimuli, of_units, of_both = (spread[1] ** 2 for spread in spreads)
        least = np.fmax(of_stimuli, of_units)
        variance = np.maximum(np.minimum(2 * (of_stimuli + of_units) - of_both, of_both), least)
        with np.errstate(invalid="ignore", divide="ignore"):
            shrink = np.where(sd > 0, np.sqrt(variance) / sd, 1.0)
        values, sd = mean + shrink * (values - mean), np.sqrt(variance)
    tails = np.array([(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2])
    rising = np.sort(values, axis=0)  # those that are not defined come last
    count = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    if bootstrap.interval == "basic":
        lower, upper = (2 * observed - _quantile(rising, count, tail) for tail in tails[::-1])
    else:
        lower, upper = (
            _quantile(rising, count, share) for share in _accelerated(observed, values, jackknife, tails)
        )
    undefined = np.isnan(mean) | np.isnan(observed)
    return (
        np.where(undefined, np.nan, sd),
        np.where(undefined, np.nan, mean - observed),
        np.where(undefined, np.nan, lower),
        np.where(undefined, np.nan, upper),
    )


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of draws; NaN where too many are not defined."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    few = (count < (1 - _UNDEFINED) * len(values)) | (count < 2)
    divisor = np.where(few, np.nan, count)
    # Relative to one of them, so that squares of nearly equal values keep their digits.
    origin = np.fmax.reduce(values, axis=0)
    mean = _total(np.where(defined, values - origin, 0.0)) / divisor
    squares = _total(np.where(defined, values - origin - mean, 0.0) ** 2)
    return origin + mean, np.sqrt(squares / (divisor - 1))


def _total(values: FloatArray) -> FloatArray:
    """Sum over the first axis in its order, whatever the others are (NumPy's own sum depends on these)."""
    total = np.zeros(values.shape[1:])
    for entry in values:
        total += entry
    return total


def _quantile(rising: FloatArray, count: NDArray[np.intp], share: FloatArray | float) -> FloatArray:
    """Interpolate between sorted draws; NaN where the share is."""
    place = np.broadcast_to(share * (count - 1.0), count.shape)
    unknown = np.isnan(place)
    below = np.where(unknown, 0.0, np.floor(place)).astype(np.intp)
    ends = [
        np.take_along_axis(rising, at[None], axis=0)[0] for at in (below, np.minimum(below + 1, count - 1))
    ]
    return np.where(unknown, np.nan, ends[0] + (place - below) * (ends[1] - ends[0]))


def _accelerated(
    observed: FloatArray, values: FloatArray, jackknife: Sequence[FloatArray], tails: FloatArray
) -> list[FloatArray]:
    """Return which quantiles of the draws are the ends of BCa intervals.

    The bias correction comes from the share of the draws below the observed value, the acceleration from the
    skewness of what single stimuli or units contribute. NaN where all draws lie on one side.
    """
    above, below = (~reaches(-sign * values, -sign * observed, 0.0) for sign in (1, -1))
    defined = (~np.isnan(values)).sum(axis=0)
    above &= ~np.isnan(values)
    below &= ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = (below.sum(axis=0) + defined - above.sum(axis=0)) / (2 * defined)
        correction = ndtri(half)
        correction = np.where(np.isinf(correction), np.nan, correction)
        cubes, squares = (np.zeros_like(observed) for _ in range(2))
        for without in jackknife:
            kept = ~np.isnan(without)
            mean = _total(np.where(kept, without - observed, 0.0)) / np.maximum(kept.sum(axis=0), 1)
            part = np.where(kept, observed + mean - without, 0.0)
            squares += _total(part**2)
            cubes += _total(part * part * part)
        flat = squares <= _tie(observed, 0.0) ** 2
        acceleration = np.where(flat, 0.0, cubes / (6 * squares * np.sqrt(squares)))
        shifted = [correction + quantile for quantile in ndtri(tails)]
        return [ndtr(correction + each / (1 - acceleration * each)) for each in shifted]
