"""How dissimilarities become vectors whose inner products are the similarities of RDMs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.isa import core
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from ..representations.rdm import OpenedRDM
from ._covariance import Covariance
from ._rdm import RDMRule
from .base import Order, Part, Product, Tile

Indices: TypeAlias = NDArray[np.intp]

VECTOR_COMPARISONS = ("pearson", "cosine", "spearman", "rho-a", "cosine_cov", "corr_cov")
KENDALL_COMPARISONS = ("kendall", "tau-a")
COMPARISONS = VECTOR_COMPARISONS + KENDALL_COMPARISONS
WHITENED = ("cosine_cov", "corr_cov")
# Cosines of the angle between two unit vectors; for Kendall's tau-b, between the signs of all differences.
WITH_ANGLE = ("pearson", "cosine", "spearman", "cosine_cov", "corr_cov", "kendall")

# Dissimilarities that agree to this share of their size are tied: rounding must not break ties of stimuli
# that are duplicates, or of binary features.
_TIE = 1e-13


@dataclasses.dataclass(frozen=True)
class RDMVector(Part):
    """A vector for each item, whose inner products are the similarities; of length 1 except for rho-a."""

    rule: RDMRule
    compare: str
    stimulus_covariance: Covariance | None = None

    takes: ClassVar[tuple[str, ...]] = ("responses", "rdm")

    @property
    def needs_whole(self) -> bool:
        """Whether the dissimilarities need all units at once."""
        return self.rule.needs_whole

    def prepare(self, data: UnitBlocks | OpenedRDM) -> FloatArray:
        return self._compared(self.rule.condensed(data), data.label)

    def reordered(self, record: FloatArray, order: Order) -> FloatArray | None:
        # A noise covariance may be estimated from the data, and so depend on rounding.
        return None if self.compare in WHITENED else record[_pairs_of(order, len(record))]

    def resampled(self, record: FloatArray, stimuli: Order) -> FloatArray | None:
        """Leave out the pairs of a stimulus and its copy, whose dissimilarity is zero whatever the data."""
        if self.compare in WHITENED or callable(self.rule.noise):
            return None
        return self._compared(record[_pairs_of(stimuli, len(record))], "the resample")

    def _compared(self, values: FloatArray, label: str) -> FloatArray:
        if self.compare in ("spearman", "rho-a"):
            ranks = _centred_ranks(values, label)
            return _unit(ranks) if self.compare == "spearman" else ranks * np.sqrt(12 / _cubes(len(ranks)))
        values = _scaled(values, label)
        if self.compare in ("pearson", "corr_cov"):
            _require_varied(float(np.ptp(values)) > _TIE, len(values), label)
            values = values - values.mean()
            values -= values.mean()
        return _unit(self._whitened(values, label) if self.compare in WHITENED else values)

    def _whitened(self, values: FloatArray, label: str) -> FloatArray:
        r"""Return a vector whose inner products are those in the metric V^-1.

        V_ab = (c_a' S c_b)^2 is the covariance of squared distances :math:`c_a' G c_a` of noise with stimulus
        covariance S = L L'. A matrix G of inner products is determined by its distances D up to a sum of row
        and column effects, so that the norm is the smallest over these: that of P L^-1 (-D/2) L^-T P, where P
        removes the direction L^-1 1.
        """
        count = round((1 + (1 + 8 * len(values)) ** 0.5) / 2)
        above = ~np.tri(count, dtype=bool)
        square = np.zeros((count, count))
        square[above] = -values / 2
        square += square.T
        ones = np.ones(count)
        if self.stimulus_covariance is not None:
            covariance = self.stimulus_covariance
            covariance.require_size(count, covariance.name, label, "stimuli")
            square = covariance.whiten(np.ascontiguousarray(covariance.whiten(square).T))
            ones = covariance.whiten(ones[None])[0]
        direction = ones / np.sqrt(np.dot(ones, ones))
        effects = np.einsum("ij,j->i", square, direction)
        effects -= direction * (np.dot(direction, effects) / 2)
        square -= np.multiply.outer(effects, direction)
        square -= np.multiply.outer(direction, effects)
        return np.concatenate([square[above] * np.sqrt(2), np.diagonal(square)])


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Ranked:
    """Ranks of dissimilarities, their order, and where they tie."""

    rank: NDArray[np.int32]
    order: NDArray[np.int32]
    runs: NDArray[np.int32]  # (first place in `order`, length) of ties
    untied: int  # pairs of dissimilarities that differ


@dataclasses.dataclass(frozen=True)
class RDMRanks(Part):
    """What Kendall's measures need from an item."""

    rule: RDMRule

    takes: ClassVar[tuple[str, ...]] = ("responses", "rdm")

    @property
    def needs_whole(self) -> bool:
        """Whether the dissimilarities need all units at once."""
        return self.rule.needs_whole

    def prepare(self, data: UnitBlocks | OpenedRDM) -> Ranked:
        return _ranked(self.rule.condensed(data), data.label)

    def reordered(self, record: Ranked, order: Order) -> Ranked:
        pairs = _pairs_of(order, len(record.rank))
        place = np.empty(len(pairs), dtype=np.int32)
        place[pairs] = np.arange(len(pairs), dtype=np.int32)
        return dataclasses.replace(record, rank=record.rank[pairs], order=place[record.order])

    def resampled(self, record: Ranked, stimuli: Order) -> Ranked | None:
        """Leave out the pairs of a stimulus and its copy."""
        if callable(self.rule.noise):
            return None
        return _ranked(record.rank[_pairs_of(stimuli, len(record.rank))].astype(np.float64), "the resample")


def _ranked(values: FloatArray, label: str) -> Ranked:
    order, starts, lengths = _sorted_runs(values, label)
    rank = np.empty(len(values), dtype=np.int32)
    rank[order] = np.repeat(np.arange(len(starts), dtype=np.int32), lengths)
    tied = lengths > 1
    runs = np.column_stack([starts[tied], lengths[tied]]).astype(np.int32)
    pairs = len(values) * (len(values) - 1) // 2
    untied = pairs - sum(n * (n - 1) // 2 for n in lengths[tied].tolist())
    return Ranked(rank, order, runs, untied)


@dataclasses.dataclass(frozen=True)
class KendallCounts(Product):
    """Pairs of dissimilarities in the same order in both items less those in opposite order, as integers."""

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[NDArray[np.int64]]:
        """Count for the pairs of a tile; 0 for pairs that are not wanted."""
        counts = core.kendall_balances(
            [item.rank for item in tile.rows],
            [item.order for item in tile.rows],
            [item.runs for item in tile.rows],
            [item.rank for item in tile.columns],
            [item.order for item in tile.columns],
            [item.runs for item in tile.columns],
            np.ascontiguousarray(tile.where),
            tile.n_threads,
        )
        return [counts] * len(products)


def _pairs_of(stimuli: Order, n_pairs: int) -> Indices:
    """Return where in a condensed RDM the pairs of these stimuli are, without pairs of one with itself."""
    count = round((1 + (1 + 8 * n_pairs) ** 0.5) / 2)
    first, second = (stimuli[side] for side in np.triu_indices(len(stimuli), 1))
    low, high = np.minimum(first, second), np.maximum(first, second)
    places: Indices = low * (2 * count - low - 3) // 2 + high - 1
    return places[low < high]


def _scaled(values: FloatArray, label: str) -> FloatArray:
    """Divide by the largest size, so that no square leaves the range of float64."""
    size = float(np.abs(values).max())
    if size == 0:
        raise TooLittleDataError(
            f"all dissimilarities of {label} are zero, so that its similarity to others is not defined"
        )
    return values / size


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = vector / np.sqrt(np.dot(vector, vector))
    return unit


def _cubes(n: int) -> float:
    return float(n) ** 3 - n


def _tie_starts(rising: FloatArray) -> Indices:
    """Where runs of tied values begin."""
    gaps = np.diff(rising)
    new = gaps > _TIE * max(abs(rising[0]), abs(rising[-1]))
    # The few small gaps are compared with the values on either side.
    small = np.flatnonzero(~new)
    new[small] = gaps[small] > _TIE * np.maximum(np.abs(rising[small]), np.abs(rising[small + 1]))
    return np.concatenate([[0], np.flatnonzero(new) + 1])


def _sorted_runs(values: FloatArray, label: str) -> tuple[NDArray[np.int32], Indices, Indices]:
    """Return the order of values, and first places and lengths of runs of tied ones."""
    order = core.rising_order(values)
    starts = _tie_starts(values[order])
    _require_varied(len(starts) > 1, len(values), label)
    return order, starts, np.diff(starts, append=len(values))


def _centred_ranks(values: FloatArray, label: str) -> FloatArray:
    """Average ranks less their mean; exact."""
    order, starts, lengths = _sorted_runs(values, label)
    average = starts + (lengths - len(values)) / 2
    ranks = np.empty(len(values))
    ranks[order] = average if len(average) == len(values) else np.repeat(average, lengths)
    return ranks


def _require_varied(varied: bool, count: int, label: str) -> None:
    """Refuse an RDM whose entries are all the same where they are correlated or ranked."""
    if not varied:
        what = "there is one dissimilarity" if count == 1 else f"all {count} dissimilarities are equal"
        raise TooLittleDataError(f"in {label} {what}, so that a correlation with them is not defined")
