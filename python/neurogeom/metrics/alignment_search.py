"""Distances after the best alignment of units, found by a search from several starts.

The objectives are to be maximised over maps Q with orthonormal rows (rotations, matchings), and have in
common that each step can be taken in closed form: from any Q0 there is a G with
f(Q) >= f(Q0) + <G, Q - Q0> for all Q, so that the Q that maximises <G, Q> is at least as good as Q0.
"""

from __future__ import annotations

import abc
import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from .._base import checks as _validate
from .._base.checks import FloatArray, user_level
from .._base.results import ConvergenceWarning
from .._base.threads import single_threaded_blas
from ..representations.items import as_items, require_comparable
from .base import Distance, Product, Products, Tile, map_pairs, prepare_item

GROUPS = ("orth", "perm", "identity")
REPORTS = ("distance", "spread")
# A step that gains less than a metric's tolerance times the squared distance, or this share of the
# objective's size, is the last one. Errors of distances are larger, as later steps would gain nearly as much.
TOLERANCE, ROUNDING = 1e-10, 1e-15
RESTARTS = 3
MOST_STEPS = 10_000

# Of a map: the objective, and the G of the bound above.
Objective: TypeAlias = Callable[[FloatArray], tuple[float, FloatArray]]


class Climb(NamedTuple):
    """Where a search ended; `values` are the objective after each step."""

    map: FloatArray
    values: list[float]
    converged: bool


def rotation(gain: FloatArray) -> FloatArray:
    """Return the map with orthonormal rows that has the largest inner product with `gain`."""
    u, _, vt = np.linalg.svd(gain, full_matrices=False)
    return np.asarray(u @ vt)


def matching(gain: FloatArray) -> FloatArray:
    """Return the matching of rows to columns, a matrix of zeros and ones, with the largest gain."""
    found = np.zeros(gain.shape)
    found[linear_sum_assignment(gain, maximize=True)] = 1.0
    return found


def identity(gain: FloatArray) -> FloatArray:
    """Return the identity, whatever the gain."""
    return np.eye(len(gain))


BEST_MAP: dict[str, Callable[[FloatArray], FloatArray]] = {
    "orth": rotation,
    "perm": matching,
    "identity": identity,
}


def random_start(group: str, shape: tuple[int, int], seed: int, number: int) -> FloatArray:
    """Return start `number` of a seed: the same for all pairs of items of these widths."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
    return BEST_MAP[group](generator.standard_normal(shape))


def climb(
    objective: Objective,
    group: str,
    start: FloatArray,
    least: Callable[[float], float],
    steps: int = MOST_STEPS,
) -> Climb:
    """Improve a start until a step gains less than `least` of the objective; no step makes it worse.

    Rotations are found from an extrapolation of the last two gains, as in accelerated gradient methods; where
    that makes things worse, the plain step is taken instead.
    """
    best_map = BEST_MAP[group]
    best = start
    value, gain = objective(best)
    values, before, age = [value], gain, 0
    if group == "identity":
        return Climb(best, values, converged=True)
    for _ in range(steps):
        ahead = gain + age / (age + 3) * (gain - before) if group == "orth" else gain
        candidate = best_map(ahead)
        found, new_gain = objective(candidate)
        if age and found < value:
            age, candidate = 0, best_map(gain)
            found, new_gain = objective(candidate)
        step = found - value
        if step <= 0 and age == 0:  # by rounding
            return Climb(best, values, converged=True)
        best, value, before, gain = candidate, found, gain, new_gain
        values.append(value)
        if step < least(value):
            if age == 0:
                return Climb(best, values, converged=True)
            age = 0  # once more, without extrapolation
        elif group == "orth":
            age += 1
    return Climb(best, values, converged=False)


class AlignedItem(Protocol):
    """The record of an item."""

    label: str

    @property
    def basis(self) -> FloatArray | None:
        """What its coordinates refer to, (n_units, n); None if these are the units."""

    @property
    def n_units(self) -> int:
        """Number of coordinates."""

    @property
    def size(self) -> float:
        """Distance from silence."""

    @property
    def content(self) -> bytes:
        """What tells it from others of its size."""


class AlignedPair(abc.ABC):
    """What is to be searched for a pair: an objective of the map of the units of x, which has no more than y.

    Items of equal widths are put in an order of their own, so that the distance has the same bits either way.

    Attributes
    ----------
    height : float
        What steps of the objective are relative to.
    is_solved : bool
        Whether the guess is known to be the best map.
    tolerance : float
        A step that gains less than this share of the squared distance is the last one.
    """

    height: float
    is_solved: bool = False
    tolerance: float = TOLERANCE

    def __init__(self, x: Any, y: Any) -> None:
        ranks = [(item.n_units, item.size) for item in (x, y)]
        swaps = ranks[1] < ranks[0] or (ranks[0] == ranks[1] and y.content < x.content)
        self.x, self.y = (y, x) if swaps else (x, y)

    @abc.abstractmethod
    def gain(self, q: FloatArray) -> tuple[float, FloatArray]:
        """Return the objective at a map, and the G of the bound."""

    @abc.abstractmethod
    def guess(self) -> FloatArray:
        """Return a G whose best map is a good start."""

    @abc.abstractmethod
    def distance(self, q: FloatArray) -> float:
        """Return the distance under a map."""

    @abc.abstractmethod
    def squares(self, values: FloatArray) -> FloatArray:
        """Return what the search lowers, from values of the objective."""

    def least(self, value: float) -> float:
        """Return the least gain that is worth another step, at a value of the objective."""
        return max(self.tolerance * self.excess(value), ROUNDING * self.height)

    @abc.abstractmethod
    def excess(self, value: float) -> float:
        """Return how far a value is from the largest that the objective could have."""

    def search(self, group: str, n_restarts: int, seed: int) -> list[Climb]:
        """Search from the better of guess and identity, and from random starts; the best is first."""
        guesses = [BEST_MAP[group](self.guess())]
        if group == "identity" or self.is_solved:
            return [climb(self.gain, group, guesses[0], self.least)]
        if self.x.n_units == self.y.n_units:
            guesses.append(np.eye(self.x.n_units))
        starts = [max(guesses, key=lambda q: self.gain(q)[0])]
        starts += [random_start(group, starts[0].shape, seed, k) for k in range(n_restarts)]
        found = [climb(self.gain, group, start, self.least) for start in starts]
        return sorted(found, key=lambda one: -one.values[-1])


@dataclasses.dataclass(frozen=True)
class AlignedDistances(Product):
    """Distance after the best alignment, and how far above it the worst start ended."""

    group: str
    n_restarts: int
    seed: int
    tolerance: float

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[tuple[FloatArray, FloatArray]]:
        """Search for all pairs of a tile."""
        found = []
        for product in products:
            distance, spread, converged = map_pairs(
                product.of_pair, tile.rows, tile.columns, tile.where, tile.n_threads, n_values=3
            )
            stopped = int((converged == 0).sum())
            if stopped:
                warnings.warn(
                    f"the search for the best alignment of {stopped} pairs was stopped before it converged: "
                    "their distances may be too large",
                    ConvergenceWarning,
                    stacklevel=user_level(),
                )
            found.append((distance, spread))
        return found

    def problem(self, x: Any, y: Any) -> AlignedPair:
        """Return what to search for a pair."""
        raise NotImplementedError

    def searched(self, x: AlignedItem, y: AlignedItem) -> tuple[AlignedPair, list[Climb], FloatArray]:
        """Search for a pair; return where each search ended, and at what distance."""
        if self.group == "identity" and x.n_units != y.n_units:
            raise ValueError(
                f"group='identity' compares unit by unit, but {x.label} has {x.n_units} units and {y.label} "
                f"has {y.n_units}"
            )
        pair = self.problem(x, y)
        pair.tolerance = self.tolerance
        found = pair.search(self.group, self.n_restarts, self.seed)
        return pair, found, np.array([pair.distance(one.map) for one in found])

    def of_pair(self, x: AlignedItem, y: AlignedItem) -> tuple[float, float, bool]:
        """Return distance, spread, and whether all searches converged."""
        _, found, distances = self.searched(x, y)
        spread = float(distances.max() - distances[0])
        return float(distances[0]), spread, all(one.converged for one in found)


class Fitted(NamedTuple):
    """The best alignment of two items.

    Attributes
    ----------
    map : ndarray of shape (n_units of X, n_units of Y)
        ``X @ map`` is aligned with Y if X has no more units, else ``Y @ map.T`` with X.
    distance : float
        The distance.
    distances : ndarray of shape (n_starts,)
        Where the search ended from each start, the best first.
    history : ndarray of shape (n_steps,)
        What the best search lowered, after each step; it never rises.
    converged : bool
        Whether the best search ended by itself.
    """

    map: FloatArray
    distance: float
    distances: FloatArray
    history: FloatArray
    converged: bool


class AlignedDistance(Distance):
    """A distance that takes a search; see the module."""

    no_held_out = "compares distributions"

    def __init__(self, group: Any, n_restarts: Any, seed: Any, report: Any, tolerance: Any) -> None:
        self.group: Literal["orth", "perm", "identity"] = _validate.as_choice(group, "group", GROUPS)  # type: ignore[assignment]
        self.n_restarts = _validate.as_count(n_restarts, "n_restarts", minimum=0)
        self.seed = _validate.as_count(seed, "seed", minimum=0)
        self.report = _validate.as_choice(report, "report", REPORTS)
        self.tolerance = _validate.as_number(tolerance, "tolerance")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must be between 0 and 1, not {self.tolerance}")

    def _named(self, name: str, options: list[str]) -> str:
        options += [] if self.group == "orth" else [self.group]
        options += [] if self.n_restarts == RESTARTS else [f"{self.n_restarts} restarts"]
        options += [] if self.seed == 0 else [f"seed {self.seed}"]
        options += [] if self.report == "distance" else [self.report]
        options += [] if self.tolerance == TOLERANCE else [f"tolerance {self.tolerance:g}"]
        return f"{name}({', '.join(options)})" if options else name

    def products(self) -> tuple[AlignedDistances, ...]:
        """Declare the search."""
        raise NotImplementedError

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return distances, or spreads, of two blocks of items."""
        del tile
        (product,) = self.products()
        found: FloatArray = products[product][REPORTS.index(self.report)]
        return found

    def size(self, tile: Tile) -> FloatArray:
        """Return the larger distance from silence of each pair."""
        (part,) = self.parts()
        sizes = ([item[part].size for item in side] for side in tile.sides)
        return np.asarray(np.maximum.outer(*sizes))

    def fit(self, X: Any, Y: Any) -> Fitted:
        """Find the best alignment of two items, with what is known of the search.

        Parameters
        ----------
        X, Y : Repeats
            Responses to the same stimuli.

        Returns
        -------
        Fitted
            `map` (n_units of X, n_units of Y), such that ``X @ map`` is aligned with Y if X has no more
            units, else ``Y @ map.T`` with X; `distance`; `distances` (n_starts,), where the search ended from
            each start, the best first; `history`, what the best search lowered after each step; `converged`.

        Raises
        ------
        TypeError, ValueError
            As for :func:`pairwise`.
        """
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_comparable(items)
        (product,) = self.products()
        with single_threaded_blas():
            x, y = (prepare_item([self], item)[product.part] for item in items)
            pair, climbs, distances = product.searched(x, y)
        best = climbs[0]
        found = best.map
        if pair.x.basis is not None:
            found = pair.x.basis @ found
        if pair.y.basis is not None:
            found = found @ pair.y.basis.T
        return Fitted(
            found if pair.x is x else found.T,
            float(distances[0]),
            distances,
            pair.squares(np.array(best.values)),
            best.converged,
        )


def stack_rows(arrays: Sequence[FloatArray]) -> FloatArray:
    """Stack matrices, with rows of zeros below the shorter ones."""
    found = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]))
    for target, array in zip(found, arrays, strict=True):
        target[: len(array)] = array
    return found


def in_own_basis(rows: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Return rows in coordinates of their span, and its basis, if they are fewer than the units."""
    if len(rows) >= rows.shape[1]:
        return rows, None
    basis, upper = np.linalg.qr(rows.T)
    return np.ascontiguousarray(upper.T), basis
