"""Energy distance between systems that respond differently each time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import scipy.spatial.distance
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.repeats import OpenedRepeats
from .alignment_search import (
    RESTARTS,
    TOLERANCE,
    AlignedDistance,
    AlignedDistances,
    AlignedPair,
    in_own_basis,
    stack_rows,
)
from .base import Part, inner_products

_ESTIMATORS = ("unbiased", "v")
# Distances between responses count as at least this share of the items' size, as weights are their inverse.
_NEAR = 1e-8


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class EnergyItem:
    """Responses (m, most repeats, n) of one item, padded with zeros, and how many there are of each stimulus.

    `within` is the mean distance between its repeats, to the power, averaged over stimuli. With a `basis`
    (n_units, n), responses are coordinates in it: there are fewer rows than units.
    """

    label: str
    responses: FloatArray
    counts: NDArray[np.intp]
    within: float
    size: float
    basis: FloatArray | None = None

    @property
    def n_units(self) -> int:
        """Number of coordinates."""
        return int(self.responses.shape[-1])

    @property
    def content(self) -> bytes:
        """What tells it from others of its size."""
        return self.responses.tobytes()


@dataclasses.dataclass(frozen=True)
class EnergyPart(Part):
    """Repeats, and how far apart they are."""

    rotates: bool  # whether any basis of the units will do
    power: float
    estimator: str

    takes: ClassVar[tuple[str, ...]] = ("repeats",)

    def prepare(self, data: OpenedRepeats) -> EnergyItem:
        """Measure the distances within the item, and stack its repeats."""
        return energy_item(data.trials(), data.label, self.power, self.estimator, self.rotates)


def energy_item(
    trials: Sequence[FloatArray], label: str, power: float, estimator: str, rotates: bool
) -> EnergyItem:
    """Return the record of an item; with `rotates`, its units may be replaced by fewer coordinates."""
    counts = np.array([len(one) for one in trials])
    if estimator == "unbiased" and counts.min() < 2:
        raise ValueError(
            f"{label} has one repeat of stimulus {counts.argmin()}, but the unbiased estimator needs at "
            "least two: use estimator='v'"
        )
    sums = [2 * float((scipy.spatial.distance.pdist(one) ** power).sum()) for one in trials]
    pairs = counts * (counts - 1) if estimator == "unbiased" else counts**2
    stacked = stack_rows(trials)
    rows, basis = stacked.reshape(-1, stacked.shape[2]), None
    if rotates:
        rows, basis = in_own_basis(rows)
    return EnergyItem(
        label,
        rows.reshape(*stacked.shape[:2], -1),
        counts,
        float(np.mean(np.array(sums) / pairs)),
        float(np.sqrt(np.square(stacked).sum() / counts.sum())),
        basis,
    )


class EnergyPair(AlignedPair):
    """Minus the mean distance between the responses of two items, as a function of the map of units."""

    x: EnergyItem
    y: EnergyItem

    def __init__(self, x: EnergyItem, y: EnergyItem, power: float) -> None:
        super().__init__(x, y)
        self.power, x, y = power, self.x, self.y
        n_stimuli = len(x.responses)
        there, theirs = (np.arange(item.responses.shape[1]) < item.counts[:, None] for item in (x, y))
        pairs = n_stimuli * x.counts * y.counts
        self._share = (there[:, :, None] & theirs[:, None, :]) / pairs[:, None, None]
        self._unit = max(x.size, y.size, np.finfo(float).tiny)
        scaled = [item.responses / self._unit for item in (x, y)]
        self._rows, self._others = scaled[0].reshape(-1, x.n_units), scaled[1]
        self._turned = np.ascontiguousarray(scaled[1].transpose(0, 2, 1))
        squares = [np.square(item).sum(axis=2) for item in scaled]
        self._squares = squares[0][:, :, None] + squares[1][:, None, :]
        self.height = 1.0
        self.is_solved = power == 2

    def guess(self) -> FloatArray:
        """Return the gain of the alignment of the means, as weighted for equal distances."""
        return self._gain_of(self._share)

    def _gain_of(self, weights: FloatArray) -> FloatArray:
        """Return the sum of the weighted products of responses."""
        return inner_products(self._rows, (weights @ self._others).reshape(-1, self.y.n_units))

    def gain(self, q: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the mean distance to the power, in units of the sizes, and the G of the bound."""
        moved = (self._rows @ q).reshape(*self.x.responses.shape[:2], -1)
        crossed = moved @ self._turned
        squares = np.maximum(self._squares - 2 * crossed, 0.0) + _NEAR**2
        terms = self._share * (np.sqrt(squares) if self.power == 1 else squares ** (self.power / 2))
        return -float(terms.sum()), self.power * self._gain_of(terms / squares)

    def distance(self, q: FloatArray) -> float:
        """Return the root of the energy distance, negative where its estimate is."""
        moved = self.x.responses @ q
        across = [
            float((scipy.spatial.distance.cdist(a[:k], b[:n]) ** self.power).mean())
            for a, k, b, n in zip(moved, self.x.counts, self.y.responses, self.y.counts, strict=True)
        ]
        squared = float(np.mean(across)) - (self.x.within + self.y.within) / 2
        return float(np.sign(squared) * np.sqrt(abs(squared)))

    def excess(self, value: float) -> float:
        """Return the mean distance across items, less that within."""
        return float(-value - (self.x.within + self.y.within) / (2 * self._unit**self.power))

    def squares(self, values: FloatArray) -> FloatArray:
        """Return mean distances across items, to the power."""
        return np.asarray(-values * self._unit**self.power)


@dataclasses.dataclass(frozen=True)
class EnergyDistances(AlignedDistances):
    """Energy distances."""

    power: float

    def problem(self, x: EnergyItem, y: EnergyItem) -> EnergyPair:
        """Return what to search for a pair."""
        return EnergyPair(x, y, self.power)


class EnergyStochastic(AlignedDistance):
    """Energy distance between systems that respond differently each time.

    Items are :class:`Repeats`. Their responses to a stimulus are compared without a model of their
    distribution, after the best rotation (or matching) Q of units, which is the same for all stimuli::

        d^2 = mean over stimuli of E|x - Q y|^q - E|x - x'|^q / 2 - E|y - y'|^q / 2

    where x, x' and y, y' are repeats of the two items. Between distributions a metric, if the search for Q
    finds the best one. Invariant to rotation of either item's units (to their order for ``group="perm"``).

    Parameters
    ----------
    q : float, default 1
        Power of distances, above 0 and at most 2, where only means are compared, without any search. A common
        scale of both items multiplies d by its power q / 2.
    group : {"orth", "perm", "identity"}, default "orth"
        Rotations and reflections; matchings of units; or units as they are. Of items with different numbers
        of units, silent units are added to the smaller one.
    estimator : {"unbiased", "v"}, default "unbiased"
        Means within an item over pairs of different repeats (U-statistic), or over all pairs, those of a
        repeat with itself included (V-statistic). Across items, all pairs count. For any fixed Q, the first
        is unbiased for d^2, and negative about half of the time if the distributions are the same: its root
        is then reported with a minus, and flagged by 1 in ``Pairwise.flags``. The second is never negative,
        and too large.
    n_restarts : int, default 3
        Searches from random starts, besides the one from the alignment of the means (or from the units as
        they are, where that is better).
    seed : int, default 0
        Seed of the random starts.
    report : {"distance", "spread"}, default "distance"
        What the value is: the distance, or how far above it the search from the worst start ended.
    tolerance : float, default 1e-10
        A step of the search that lowers the squared distance by less than this share of it is the last one.
        1e-5 is several times as fast, and good to about four digits.

    Notes
    -----
    Numbers of repeats may differ, between stimuli and items. As Q is fitted to the data, distances are too
    small for few repeats, more so for many units. Each step of the search is a weighted Procrustes problem
    that lowers the first term (iteratively reweighted least squares); only weights of pairs of repeats are
    kept. netrep (commit 0186b8a) has ``q=1, estimator="unbiased"``, cut off at 0, and searches from the units
    as they are.

    Duong, Zhou, Nassar, Berman, Olieslagers & Williams, Representational dissimilarity metric spaces for
    stochastic neural networks, ICLR 2023.

    Examples
    --------
    >>> import neurogeom as ng
    >>> X = ng.Repeats([[[0.0], [2.0]], [[5.0], [5.0]]])
    >>> Y = ng.Repeats([[[1.0], [1.0], [1.0]], [[5.0], [7.0]]])
    >>> metric = ng.EnergyStochastic(group="identity", estimator="v")
    >>> round(metric.distance(X, Y) ** 2, 6)  # the mean of 1 - 1 / 2 and of 1 - 1 / 2
    0.5
    """

    def __init__(
        self,
        q: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        *,
        estimator: Literal["unbiased", "v"] = "unbiased",
        n_restarts: int = RESTARTS,
        seed: int = 0,
        report: Literal["distance", "spread"] = "distance",
        tolerance: float = TOLERANCE,
    ) -> None:
        super().__init__(group, n_restarts, seed, report, tolerance)
        self.q = _validate.as_number(q, "q")
        if not 0 < self.q <= 2:
            raise ValueError(f"q must be above 0 and at most 2, not {q}")
        self.estimator = _validate.as_choice(estimator, "estimator", _ESTIMATORS)
        options = [] if self.q == 1 else [f"{self.q:g}"]
        options += [] if self.estimator == "unbiased" else [self.estimator]
        self.name = self._named("energy_stochastic", options)

    def products(self) -> tuple[EnergyDistances, ...]:
        """Declare the search."""
        part = EnergyPart(self.group == "orth", self.q, self.estimator)
        return (EnergyDistances(part, self.group, self.n_restarts, self.seed, self.tolerance, self.q),)

    def size(self, tile: object) -> FloatArray:
        """Return the larger distance from silence of each pair."""
        return np.asarray(super().size(tile) ** (self.q / 2))  # type: ignore[arg-type]

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark negative estimates by 1."""
        return np.asarray(values < 0, dtype=np.int8)
