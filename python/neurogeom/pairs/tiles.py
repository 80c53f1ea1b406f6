"""How the work on all pairs is cut into tiles, and what need not be computed.

Items are grouped in blocks; a tile is a pair of blocks (or one block of jobs). Extending a sweep adds new
blocks and leaves the old ones as they are, even if the last of them is not full: finished tiles stay
finished. For items among themselves, symmetric measures are computed for one half only, and measures that
know the value of an item with itself skip the diagonal; :func:`fill_known` fills these in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from ..metrics.base import Metric

TileKey: TypeAlias = tuple[int, ...]
Blocks: TypeAlias = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """The tiles of a sweep, in memory or in a store.

    Attributes
    ----------
    edge : int
        Most items in a block.
    rows, columns : tuple of (start, stop)
        Blocks of items along both sides; columns are empty for jobs, which have one side.
    triangular : bool
        Whether the items are compared among themselves by symmetric measures, so that one half is enough.
    among_themselves : bool
        Whether rows and columns are the same items.
    skip_diagonal : bool
        Whether the value of an item with itself is known.
    """

    edge: int
    rows: Blocks
    columns: Blocks = ()
    triangular: bool = False
    among_themselves: bool = False
    skip_diagonal: bool = False

    @classmethod
    def of_pairs(cls, metrics: Sequence[Metric], edge: int, rows: Blocks, columns: Blocks | None) -> Grid:
        """Cut pairs of rows and columns, or (None) of rows among themselves."""
        among = columns is None
        return cls(
            edge,
            rows,
            rows if columns is None else columns,
            triangular=among and all(metric.symmetric for metric in metrics),
            among_themselves=among,
            skip_diagonal=among and all(metric.diagonal is not None for metric in metrics),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Entries along each side of the stored array, whose blocks all have the full edge."""
        sides = (self.rows, self.columns) if self.columns else (self.rows,)
        return tuple(len(side) * self.edge for side in sides)

    def tiles(self) -> list[TileKey]:
        """All tiles, in an order in which neighbours share a block."""
        if not self.columns:
            return [(i,) for i in range(len(self.rows))]
        found: list[TileKey] = []
        for i in range(len(self.rows)):
            columns = list(range(i if self.triangular else 0, len(self.columns)))
            found += [(i, j) for j in (columns if i % 2 == 0 else reversed(columns))]
        return [key for key in found if self.count(key)]

    def where(self, key: TileKey) -> NDArray[np.bool_]:
        """Which pairs of a tile to compute."""
        i, j = key
        (top, bottom), (left, right) = self.rows[i], self.columns[j]
        wanted = np.ones((bottom - top, right - left), dtype=bool)
        if self.among_themselves and i == j:
            if self.triangular:
                wanted = np.triu(wanted)
            if self.skip_diagonal:
                np.fill_diagonal(wanted, False)
        return wanted

    def place(self, key: TileKey) -> tuple[slice, ...]:
        """Where the entries of a tile are among all."""
        sides = (self.rows, self.columns)
        return tuple(slice(*side[k]) for k, side in zip(key, sides, strict=False))

    @property
    def n_pairs(self) -> int:
        """Pairs or jobs of all tiles."""
        return sum(self.count(key) for key in self.tiles())

    def count(self, key: TileKey) -> int:
        """Pairs or jobs of a tile."""
        rows = self.rows[key[0]][1] - self.rows[key[0]][0]
        if len(key) == 1:
            return rows
        columns = self.columns[key[1]][1] - self.columns[key[1]][0]
        if not (self.among_themselves and key[0] == key[1]):
            return rows * columns
        full = rows * (rows + 1) // 2 if self.triangular else rows * rows
        return full - rows * self.skip_diagonal


def blocks_of(count: int, edge: int, start: int = 0) -> Blocks:
    """Cut items from `start` on into blocks."""
    return tuple((first, min(first + edge, count)) for first in range(start, count, edge))


def fill_known(values: FloatArray, metric: Metric, *, has_diagonal: bool = True) -> None:
    """Fill in what follows from the computed values of items among themselves.

    Values under a null have no known diagonal (`has_diagonal` is False), only what was computed.
    """
    if has_diagonal and metric.diagonal is not None:
        np.fill_diagonal(values, metric.diagonal)
    if metric.symmetric:
        for i in range(len(values)):
            values[i + 1 :, i] = values[i, i + 1 :]
