"""How the work of a sweep is cut into tiles.

Items stand in blocks, a tile is a pair of blocks (or one block of jobs). An extension adds new blocks and
leaves the old ones as they are, also where the last of them is not full: finished tiles stay finished.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

TileKey: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """The tiles of a sweep.

    Attributes
    ----------
    edge : int
        Most items in a block.
    rows, columns : tuple of (start, stop)
        Blocks of items along both sides; columns are empty for jobs, which have one side.
    triangular : bool
        Whether the items are compared among themselves by symmetric measures, so that half of it is enough.
    among_themselves : bool
        Whether rows and columns are the same items.
    skip_diagonal : bool
        Whether the value of an item with itself is known.
    """

    edge: int
    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...] = ()
    triangular: bool = False
    among_themselves: bool = False
    skip_diagonal: bool = False

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
        """Which pairs of a tile are to be computed."""
        i, j = key
        (top, bottom), (left, right) = self.rows[i], self.columns[j]
        wanted = np.ones((bottom - top, right - left), dtype=bool)
        if self.among_themselves and i == j:
            if self.triangular:
                wanted = np.triu(wanted)
            if self.skip_diagonal:
                np.fill_diagonal(wanted, False)
        return wanted

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


def blocks_of(count: int, edge: int, start: int = 0) -> tuple[tuple[int, int], ...]:
    """Cut items from `start` on into blocks."""
    return tuple((first, min(first + edge, count)) for first in range(start, count, edge))
