"""Do areas differ? A measure of each animal's responses, neurons matched, with errors over what varies."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords, require_extra
from .._base.progress import Progress, as_progress
from .._base.results import Result
from .._base.rng import RandomSource, as_generator, draw_key
from ..clouds.manifolds import Manifolds, as_manifolds, manifolds
from ..inference import Permutations, reaches
from ._tests import CORRECTIONS, Correction, adjusted

# Groups of units, and of points, that are left out in turn.
_LEFT_OUT = 10
# Relabelings of animals up to this many are all used.
_MOST_RELABELINGS = 9999

ANIMALS, ONE_ANIMAL = "animals", "units and points of the recorded animals"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupComparison(Result):
    """Differences of a measure between groups; made by :func:`compare_groups`.

    Attributes
    ----------
    names : ndarray of str, shape (n_groups,)
        Names of the groups.
    means, means_se : ndarray of shape (n_groups,)
        Mean of the measure over a group's animals, and its standard error: over animals; where there is one,
        over its units and points.
    n_animals : ndarray of int, shape (n_groups,)
        Number of animals.
    measure : str
        What was measured.
    n_units, n_points : int
        Units of each animal, and points of each manifold (or stimuli of a matrix), that each value is from.
    animal_groups, animal_names : ndarray of str, shape (n_recordings,)
        Group and name of each recording.
    animal_values, animal_se : ndarray of shape (n_recordings,)
        The measure, a mean over draws of units and points, and its standard error over units and points (NaN
        if it was not needed).
    first, second : ndarray of str, shape (n_pairs,)
        Pairs of groups.
    difference, se, lower, upper : ndarray of shape (n_pairs,)
        Mean of the first less that of the second, standard error and interval by Student's t.
    degrees_of_freedom : ndarray of shape (n_pairs,)
        Of Student's t.
    p_value, p_adjusted : ndarray of shape (n_pairs,)
        Two-sided; by relabeling animals, or by Student's t where a group has one animal; and adjusted.
    smallest_p : ndarray of shape (n_pairs,)
        The smallest p-value that so many animals can give.
    effect_size : ndarray of shape (n_pairs,)
        Difference in units of the standard deviation between animals, pooled (Cohen's d; of the differences,
        if all animals are in both groups), NaN where a group has one animal.
    n_shared : ndarray of int, shape (n_pairs,)
        Animals that are in both groups.
    is_exact : ndarray of bool, shape (n_pairs,)
        Whether all relabelings were used.
    covers : ndarray of str, shape (n_pairs,)
        What the error is over: "animals", or "units and points of the recorded animals". The second says
        nothing of other animals. None is over other classes or stimuli than those that all animals saw.
    correction : str
        How p-values are adjusted.
    level : float
        Level of the intervals.
    """

    _headline: ClassVar[tuple[str, ...]] = ("measure", "n_groups", "n_units", "found")

    names: AnyArray
    means: FloatArray
    means_se: FloatArray
    n_animals: NDArray[np.int64]
    measure: str
    n_units: int
    n_points: int
    animal_groups: AnyArray
    animal_names: AnyArray
    animal_values: FloatArray
    animal_se: FloatArray
    first: AnyArray
    second: AnyArray
    difference: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    degrees_of_freedom: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    smallest_p: FloatArray
    effect_size: FloatArray
    n_shared: NDArray[np.int64]
    is_exact: NDArray[np.bool_]
    covers: AnyArray
    correction: str
    level: float

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.names)

    @property
    def found(self) -> str:
        """How many pairs differ at 0.05 after adjustment."""
        return f"{int((self.p_adjusted < 0.05).sum())} of {len(self.first)} pairs differ"

    def _table(self) -> dict[str, Any]:
        """One row for each pair of groups."""
        names = (
            "first second difference se lower upper degrees_of_freedom p_value p_adjusted smallest_p "
            "effect_size n_shared is_exact covers"
        )
        return {name: getattr(self, name) for name in names.split()}

    def animals_to_dataframe(self) -> Any:
        """Return a pandas DataFrame with one row for each recording."""
        pandas = require_extra("pandas", "pandas", "animals_to_dataframe")
        names = {"group": "groups", "animal": "names", "value": "values", "se": "se"}
        return pandas.DataFrame({name: getattr(self, f"animal_{own}") for name, own in names.items()})


@dataclasses.dataclass(frozen=True)
class _Recording:
    """One animal's responses in one group."""

    group: int
    animal: str
    label: str
    data: Manifolds | AnyArray

    @property
    def n_units(self) -> int:
        return int(self.data.n_features if isinstance(self.data, Manifolds) else self.data.shape[1])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Points of each manifold; rows of a matrix."""
        return tuple(self.data.n_points.tolist()) if isinstance(self.data, Manifolds) else (len(self.data),)

    def take(self, units: NDArray[np.intp], points: Sequence[NDArray[np.intp]]) -> Any:
        """Return what the measure gets: some units, and some points of each manifold."""
        if isinstance(self.data, Manifolds):
            clouds = zip(self.data, points, strict=True)
            return [np.asarray(cloud)[np.ix_(some, units)] for cloud, some in clouds]
        return self.data[np.ix_(points[0], units)]


@explain_keywords
def compare_groups(
    groups: Mapping[str, Any],
    measure: Callable[..., Any],
    field: str | None = None,
    *,
    n_units: int | None = None,
    n_points: int | None = None,
    n_draws: int = 10,
    correction: Correction = "holm",
    level: float = 0.95,
    rng: RandomSource = 0,
    progress: Progress = False,
) -> GroupComparison:
    """Compare a measure, such as a capacity or a dimension, between areas or other groups of animals.

    Parameters
    ----------
    groups : mapping of str to (sequence, or mapping of animal to responses)
        For each group, the responses of its animals, each an array (n_stimuli, n_units), a pair (X, labels),
        or what :func:`manifolds` returns. In a mapping, animals have names, and those with the same name in
        two groups are one animal, recorded in both: they are compared with themselves. Units are other units
        in each recording; the manifolds must be as many in all.
    measure : callable
        Takes a matrix, or a list of manifolds (n_points, n_units); returns a number, or a result with one in
        `field`. If it has a parameter `rng`, it gets the same seed each time.
    field : str, optional
        Field of the measure's result; its standard error is ``field_se``, where there is one.
    n_units : int, optional
        Units to draw from each recording; by default as many as the smallest has.
    n_points : int, optional
        Points to draw from each manifold, or rows of a matrix; by default as many as the smallest has.
    n_draws : int, default 10
        Draws of units and points, without repetition, that a value is the mean of.
    correction : {"holm", "fdr", "bonferroni", "none"}, default "holm"
        How p-values are adjusted for the number of pairs of groups.
    level : float, default 0.95
        Level of the intervals.
    rng : None, int, SeedSequence or Generator, default 0
        Source of draws.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    GroupComparison
        Differences with errors, intervals, p-values and effect sizes, and what they cover.

    Raises
    ------
    TypeError, ValueError
        If groups or responses cannot be read, or the measure returns no number.

    Notes
    -----
    With two animals or more in both groups, the animal is the unit of the error, which contains that from
    units and points. Standard errors are Welch's; of the differences, where all animals are in both groups;
    and robust for animals in both, where some are. Under the null, labels of areas are exchanged within
    animals that are in both groups, and between the animals that are in one; p-values count relabelings (all
    of them if there are at most 9999) with a difference at least as large. With few animals they cannot be
    small: `smallest_p`.

    With one animal in a group, its error is that over its units and points: each tenth of the units, and each
    tenth of the points of all manifolds, is left out in turn (the jackknife), and the Monte-Carlo error of
    the measure is added. `covers` then says that nothing is known of other animals.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> def responses(dimension, n_units):
    ...     latent = rng.standard_normal((60, dimension))
    ...     return latent @ rng.standard_normal((dimension, n_units))
    >>> areas = {"V1": [responses(8, 50) for _ in range(5)], "LM": [responses(4, 40) for _ in range(5)]}
    >>> result = ng.compare_groups(areas, ng.dimensionality, "participation_ratio")
    >>> result
    GroupComparison(measure=dimensionality.participation_ratio, n_groups=2, n_units=40, found=1 of 1 ...)
    >>> result.covers.tolist(), result.smallest_p.round(4).tolist()
    (['animals'], [0.0079])
    """
    if not callable(measure):
        raise TypeError(f"measure must be a function, not {type(measure).__name__}")
    adjust = cast(Correction, _validate.as_choice(correction, "correction", CORRECTIONS))
    share = _validate.as_fraction(level, "level")
    draws = _validate.as_count(n_draws, "n_draws")
    names, recordings = _as_recordings(groups)
    units = _matched(n_units, "n_units", [(one.label, one.n_units) for one in recordings], "units")
    sizes = [(one.label, min(one.sizes)) for one in recordings]
    points = _matched(n_points, "n_points", sizes, "points of a manifold, or rows,")
    generator = as_generator(rng)
    source = Permutations(draws, draw_key(generator))
    ask = _Measure(measure, field, int(generator.integers(2**32)))
    members = [[k for k, one in enumerate(recordings) if one.group == g] for g in range(len(names))]
    needs_own = {k for own in members if len(own) < 2 for k in own}
    report = as_progress(progress, "recordings")
    values, own_se = np.empty(len(recordings)), np.full(len(recordings), np.nan)
    for k, one in enumerate(recordings):
        values[k], own_se[k] = _measured(one, ask, units, points, source, k, k in needs_own)
        if report is not None:
            report(k + 1, len(recordings))
    counts = np.array([len(own) for own in members])
    means = np.array([values[own].mean() for own in members])
    means_se = np.array(
        [values[own].std(ddof=1) / math.sqrt(len(own)) if len(own) > 1 else own_se[own[0]] for own in members]
    )
    relabel = Permutations(_MOST_RELABELINGS, draw_key(generator))
    found = [
        _pair(i, j, recordings, values, means, means_se, members, relabel, share)
        for i, j in itertools.combinations(range(len(names)), 2)
    ]
    columns = {name: np.array([pair[name] for pair in found]) for name in found[0]}
    first, second = np.array(list(itertools.combinations(names, 2))).T
    return GroupComparison(
        names=np.array(names),
        means=means,
        means_se=means_se,
        n_animals=counts,
        measure=ask.name,
        n_units=units,
        n_points=points,
        animal_groups=np.array([names[one.group] for one in recordings]),
        animal_names=np.array([one.animal for one in recordings]),
        animal_values=values,
        animal_se=own_se,
        first=first,
        second=second,
        p_adjusted=adjusted(columns["p_value"], adjust),
        correction=adjust,
        level=share,
        **columns,
    )


def _as_recordings(groups: Any) -> tuple[list[str], list[_Recording]]:
    """Take the responses of all animals of all groups."""
    if not isinstance(groups, Mapping):
        raise TypeError(
            f"groups must be a mapping of names to the animals' responses, not {type(groups).__name__}"
        )
    if len(groups) < 2:
        raise ValueError(f"groups has {len(groups)} group: there is nothing to compare")
    names: list[str] = []
    found: list[_Recording] = []
    for g, (key, animals) in enumerate(groups.items()):
        name = _validate.as_text(key, "a name in groups")
        names.append(name)
        named = isinstance(animals, Mapping)
        if not named and not isinstance(animals, (list, tuple)):
            raise TypeError(
                f"groups[{name!r}] must be a list of the animals' responses, not {type(animals).__name__}"
            )
        entries = animals.items() if named else ((f"{name} {k}", one) for k, one in enumerate(animals))
        count = len(found)
        for animal, data in entries:
            label = f"groups[{name!r}][{animal!r}]" if named else f"groups[{name!r}][{len(found) - count}]"
            found.append(_Recording(g, str(animal), label, _as_data(data, label)))
        if len(found) == count:
            raise ValueError(f"groups[{name!r}] is empty")
    for one in found:
        mine, first = (len(x.sizes) if isinstance(x.data, Manifolds) else 0 for x in (one, found[0]))
        if mine != first:
            raise ValueError(
                f"all animals must have the same manifolds, but {found[0].label} has {first or 'a matrix'} "
                f"and {one.label} has {mine or 'a matrix'}"
            )
    return names, found


def _as_data(value: Any, label: str) -> Manifolds | AnyArray:
    """Take a matrix, (X, labels), or manifolds."""
    if isinstance(value, tuple) and len(value) == 2:
        return manifolds(*value)
    if isinstance(value, (Manifolds, list, tuple, Mapping)) or getattr(value, "ndim", 2) == 3:
        found = as_manifolds(value, label)
        found.require_finite()
        return found
    return _validate.as_float_matrix(value, label)


def _matched(value: Any, argument: str, sizes: Sequence[tuple[str, int]], what: str) -> int:
    """Return how many to draw, at most as many as the smallest recording has."""
    label, smallest = min(sizes, key=lambda pair: pair[1])
    if value is None:
        return smallest
    count = _validate.as_count(value, argument, minimum=1)
    if count > smallest:
        raise ValueError(f"{argument} is {count}, but {label} has {smallest} {what} only")
    return count


class _Measure:
    """Calls the user's function and takes a number, and its Monte-Carlo error, from what it returns."""

    def __init__(self, function: Callable[..., Any], field: str | None, seed: int) -> None:
        self._function, self._field, self._seed = function, field, seed
        own = getattr(function, "__name__", type(function).__name__)
        self.name = own if field is None else f"{own}.{field}"
        try:
            self._takes_seed = "rng" in inspect.signature(function).parameters
        except (TypeError, ValueError):  # built-in functions without a signature
            self._takes_seed = False

    def __call__(self, data: Any) -> tuple[float, float]:
        found = self._function(data, rng=self._seed) if self._takes_seed else self._function(data)
        error = math.nan
        if self._field is not None:
            if not hasattr(found, self._field):
                raise ValueError(f"measure returned a {type(found).__name__}, which has no {self._field!r}")
            error = getattr(found, f"{self._field}_se", math.nan)
            found = getattr(found, self._field)
        try:
            return float(found), float(error)
        except (TypeError, ValueError):
            raise TypeError(
                "measure must return a number, or a result with a number in field, not "
                f"{type(found).__name__}"
            ) from None


def _measured(
    one: _Recording,
    ask: _Measure,
    n_units: int,
    n_points: int,
    draws: Permutations,
    number: int,
    with_error: bool,
) -> tuple[float, float]:
    """Return the mean over draws of units and points, and the error over units and points."""
    whole = n_units == one.n_units and set(one.sizes) == {n_points}
    found = []
    for draw in range(1 if whole else draws.count):
        own = draws.generator(number, draw)
        units = np.sort(own.choice(one.n_units, n_units, replace=False))
        points = [np.sort(own.choice(size, n_points, replace=False)) for size in one.sizes]
        found.append(ask(one.take(units, points)))
        if draw == 0 and with_error:
            over_units = _jackknife(
                [ask(one.take(rest, points))[0] for rest in _left_out(own.permutation(units))]
            )
            kept = [_left_out(own.permutation(some)) for some in points]
            over_points = _jackknife([ask(one.take(units, rest))[0] for rest in zip(*kept, strict=True)])
    values, errors = np.array(found).T
    value = float(values.mean())
    if not with_error:
        return value, math.nan
    # To first order, an average over all draws of n of N has n / N of the variance of one draw; what is
    # left of drawing is the spread of the draws.
    variance = over_units * n_units / one.n_units + over_points * n_points / float(np.mean(one.sizes))
    if len(values) > 1:
        variance += values.var(ddof=1) / len(values)
    if not np.isnan(errors).any():
        variance += float((errors**2).mean())  # draws share the seed
    return value, math.sqrt(variance)


def _left_out(order: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return what is left without each of ten groups, or without each one if there are fewer than ten."""
    parts = np.array_split(order, min(_LEFT_OUT, len(order)))
    return [np.sort(np.concatenate([*parts[:k], *parts[k + 1 :]])) for k in range(len(parts))]


def _jackknife(values: Sequence[float]) -> float:
    """Return the variance of a value from those without each group."""
    array = np.array(values)
    return (
        float(((array - array.mean()) ** 2).sum() * (len(array) - 1) / len(array))
        if len(array) > 1
        else math.nan
    )


def _pair(
    i: int,
    j: int,
    recordings: Sequence[_Recording],
    values: FloatArray,
    means: FloatArray,
    means_se: FloatArray,
    members: Sequence[Sequence[int]],
    relabel: Permutations,
    level: float,
) -> dict[str, Any]:
    from scipy import stats

    of = [{recordings[k].animal: float(values[k]) for k in members[g]} for g in (i, j)]
    a, b = (np.array(list(side.values())) for side in of)
    shared = [animal for animal in of[0] if animal in of[1]]
    difference = float(means[i] - means[j])
    found: dict[str, Any] = {"difference": difference, "n_shared": len(shared), "effect_size": math.nan}
    if min(len(a), len(b)) < 2:
        se, dof = math.hypot(means_se[i], means_se[j]), float(_LEFT_OUT - 1)
        if max(len(a), len(b)) > 1:
            dof = min(dof, max(len(a), len(b)) - 1.0)
        p = float(2 * stats.t.sf(abs(difference) / se, dof)) if se > 0 else math.nan
        found |= {"p_value": p, "smallest_p": 0.0, "is_exact": False, "covers": ONE_ANIMAL}
    else:
        se, dof = _robust_error(of, shared)
        found |= _relabeled(of, shared, difference, relabel) | {"covers": ANIMALS}
        if len(shared) == len(a) == len(b):
            sd = float(np.std([of[0][animal] - of[1][animal] for animal in shared], ddof=1))
        else:
            sd = math.sqrt((a.var() * len(a) + b.var() * len(b)) / (len(a) + len(b) - 2))
        found["effect_size"] = difference / sd if sd > 0 else math.nan
    reach = float(stats.t.ppf((1 + level) / 2, dof)) * se
    return found | {
        "se": se,
        "degrees_of_freedom": dof,
        "lower": difference - reach,
        "upper": difference + reach,
    }


def _robust_error(of: Sequence[Mapping[str, float]], shared: Sequence[str]) -> tuple[float, float]:
    """Return standard error and degrees of freedom of a difference of means, some animals being in both.

    Each animal's share of the difference is squared and summed, which is Welch's error where no animal is
    shared, and that of the mean difference where all are.
    """
    shares: dict[str, float] = {}
    variances = []
    for sign, side in zip((1, -1), of, strict=True):
        n, mean = len(side), sum(side.values()) / len(side)
        for animal, value in side.items():
            shares[animal] = shares.get(animal, 0.0) + sign * (value - mean) / math.sqrt(n * (n - 1))
        variances.append(sum((value - mean) ** 2 for value in side.values()) / (n * (n - 1)))
    se = math.sqrt(sum(value**2 for value in shares.values()))
    counts = [len(side) for side in of]
    if shared or not any(variances):
        return se, float(min(counts) - 1)
    dof = sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in zip(variances, counts, strict=True))
    return se, float(dof)


def _relabeled(
    of: Sequence[Mapping[str, float]], shared: Sequence[str], difference: float, relabel: Permutations
) -> dict[str, Any]:
    """Return the share of relabelings of animals with a difference at least as large, and the least share.

    Animals of both groups exchange their two values; those of one are dealt to the groups anew.
    """
    counts = [len(side) for side in of]
    swapped = np.array([of[0][animal] - of[1][animal] for animal in shared])
    both = [np.array([of[k][animal] for animal in shared]) for k in (0, 1)]
    alone = [np.array([value for animal, value in side.items() if animal not in shared]) for side in of]
    pooled, n_first = np.concatenate(alone), len(alone[0])
    base = both[0].sum() / counts[0] - both[1].sum() / counts[1]
    per_swap = swapped / counts[0] + swapped / counts[1]  # what an exchange takes from the difference

    def value(swap: AnyArray, first: AnyArray) -> float:
        total = float(pooled[first].sum())
        dealt = total / counts[0] - (float(pooled.sum()) - total) / counts[1]
        return float(base - per_swap[swap].sum() + dealt)

    total = 2 ** len(shared) * math.comb(len(pooled), n_first)
    is_exact = total <= _MOST_RELABELINGS
    if is_exact:
        draws = [
            value(np.array(swap, dtype=bool), np.array(first, dtype=np.intp))
            for swap in itertools.product((False, True), repeat=len(shared))
            for first in itertools.combinations(range(len(pooled)), n_first)
        ]
    else:
        draws = [difference]
        for draw in range(relabel.count):
            own = relabel.generator(0, draw)
            draws.append(value(own.random(len(shared)) < 0.5, own.permutation(len(pooled))[:n_first]))
    size = max(float(np.abs(side).max()) for side in (*both, *alone) if side.size)
    extreme = reaches(np.abs(draws), abs(difference), size)
    # Its mirror image is as large if all animals are shared, or the groups are of one size.
    mirrored = counts[0] == counts[1]
    return {
        "p_value": float(extreme.mean()),
        "smallest_p": (2 if mirrored and is_exact else 1) / len(draws),
        "is_exact": is_exact,
    }
