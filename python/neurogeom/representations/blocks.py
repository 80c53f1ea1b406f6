"""Responses of one item, all units at once or a block of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import numpy as np

from .._base.checks import FloatArray, refuse_not_finite, require_finite
from . import checks as check

# Constants, as the bits of a result must not depend on the machine or on a memory limit.
BLOCK_BYTES = 1 << 22
LEAST_WIDTH = 128  # fewest units in a block, however many stimuli: with fewer, updates wait for memory

_T = TypeVar("_T")


class UnitBlocks:
    """Responses of one item in consecutive float64 blocks of all stimuli and some units, or in one block.

    May be iterated several times: each time reads the source again, by slices of units. The first complete
    iteration checks what it yields, with the errors of :meth:`whole`. Do not write to the blocks.

    Parameters
    ----------
    source : array or file-backed object of shape (n_stimuli, n_units)
        Has ``shape`` and slices of two dimensions.
    label : str
        How errors call it.
    is_divided : bool, default False
        Whether it comes in several blocks. It is then always prepared from these, even if it is in memory:
        how a result is computed must not depend on what else is computed.
    read : callable, optional
        Returns all of it, if that takes more than slicing all units.

    Attributes
    ----------
    shape : tuple of two ints
        Numbers of stimuli and units.
    """

    def __init__(
        self,
        source: Any,
        label: str,
        *,
        is_divided: bool = False,
        read: Callable[[], Any] | None = None,
    ) -> None:
        self.label = label
        self.shape = (int(source.shape[0]), int(source.shape[1]))
        self.is_divided = is_divided
        self._source, self._read_all = source, read
        self._is_checked = False
        self._whole: FloatArray | None = None
        self._found: dict[Hashable, Any] = {}

    @property
    def width(self) -> int:
        """Units in each block but the last; depends on the shape alone."""
        return max(LEAST_WIDTH, BLOCK_BYTES // (8 * self.shape[0])) if self.is_divided else self.shape[1]

    def whole(self) -> FloatArray:
        """Return all units at once, without a copy if they are float64 already; reads the item once."""
        if self._whole is None:
            found = self._source[:, :] if self._read_all is None else self._read_all()
            array = np.ascontiguousarray(found, dtype=np.float64)
            if not self._is_checked:
                require_finite(array, self.label)
                check.require_normal_range(array, self.label)
            self._source = self._whole = array
            self._is_checked = True
        return self._whole

    def undivided(self) -> UnitBlocks:
        """Return the same responses as one block."""
        if not self.is_divided:
            return self
        one = UnitBlocks(self.whole(), self.label)
        one._whole = self._whole
        return one

    def __iter__(self) -> Iterator[FloatArray]:
        if not self.is_divided:
            yield self.whole()
            return
        largest = 0.0
        for start in range(0, self.shape[1], self.width):
            block = self._read(start)
            if not self._is_checked:
                size = max(float(block.max()), -float(block.min()))
                if not size < check.LARGEST:  # also where it is NaN
                    self._refuse()
                largest = max(largest, size)
            yield block
        if not self._is_checked:
            check.require_normal_size(largest, self.label)
            self._is_checked = True

    def once(self, key: Hashable, compute: Callable[[], _T]) -> _T:
        """Return what `compute` returns, computed once for all parts of an item that use this key."""
        if key not in self._found:
            self._found[key] = compute()
        found: _T = self._found[key]
        return found

    def _read(self, start: int) -> FloatArray:
        return np.ascontiguousarray(self._source[:, start : start + self.width], dtype=np.float64)

    def _refuse(self) -> None:
        """Raise what reading the whole item would raise, for its first bad value in row order."""
        largest, first = 0.0, None
        for start in range(0, self.shape[1], self.width):
            block = self._read(start)
            bad = np.argwhere(~np.isfinite(block))
            if bad.size:
                row, column = (int(i) for i in bad[0])
                position = (row, start + column, float(block[row, column]))
                first = position if first is None else min(first, position, key=lambda at: at[:2])
            else:
                largest = max(largest, float(block.max()), -float(block.min()))
        if first is not None:
            refuse_not_finite(self.label, first[:2], first[2])
        check.require_normal_size(largest, self.label)
