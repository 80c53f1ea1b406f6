"""What is compared: responses or measured dissimilarities, with the identity of stimuli."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.checks import (
    AnyArray,
    FloatArray,
    Index,
    as_text,
    column_index,
    refuse_not_finite,
    require_finite,
    require_no_gaps,
    require_own_order,
    row_index,
)
from . import checks as check

# Items of more bytes as float64, and of more than twice as many units as stimuli, are prepared from blocks of
# their units. Constants, as the bits of a result must not depend on the machine or on a memory limit.
LARGE_ITEM_BYTES = 1 << 24
BLOCK_BYTES = 1 << 22
LEAST_WIDTH = 128  # units in a block, where there are so many stimuli: below, updates wait for memory

_T = TypeVar("_T")


class Stored(abc.ABC):
    """A matrix (n_stimuli, n_units) that stays where it is until it is read; has slices of two dimensions."""

    name: str
    shape: tuple[int, int]
    ids: AnyArray | None

    @abc.abstractmethod
    def read(self) -> AnyArray:
        """Read the whole matrix."""

    @abc.abstractmethod
    def __getitem__(self, key: Any) -> AnyArray:
        """Read a part of it."""

    def __len__(self) -> int:
        return self.shape[0]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Representation:
    """Responses of one system to stimuli, with labels.

    Parameters
    ----------
    data : array-like of shape (n_stimuli, n_units)
        Responses; kept as they are, without a copy, until they are needed.
    ids : array-like of shape (n_stimuli,), optional
        What identifies each stimulus (integers or strings, distinct). Where two representations both have
        ids, these must agree in content and order. By default the index of a DataFrame, or the coordinate of
        the first dimension of a DataArray, where these say more than the number of the row.
    units : array-like of shape (n_units,), optional
        Labels of the units, distinct. Where held-out data (`test` of :func:`pairwise`) have them too, these
        must agree in content and order. By default the columns of a DataFrame, or the coordinate of the
        second dimension of a DataArray.
    name : str, optional
        How results call this representation.

    Raises
    ------
    TypeError, ValueError
        If data are no real matrix of two stimuli or more, or labels do not fit them.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.Representation([[1.0, 2.0], [3.0, 4.0]], ids=["cat", "dog"], name="V1")
    Representation('V1', 2 stimuli, 2 units)
    """

    data: Any
    ids: AnyArray | None = None
    units: AnyArray | None = None
    name: str | None = None

    def __init__(
        self,
        data: Any,
        ids: ArrayLike | None = None,
        units: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        array = check.as_responses(data, "data")
        object.__setattr__(self, "data", array)
        found = None if ids is None else check.as_ids(ids, len(array), "ids")
        if ids is None and (index := row_index(data, "data")) is not None:
            require_no_gaps(index, "data")
            found = index.names
        object.__setattr__(self, "ids", found)
        labels = None if units is None else check.as_ids(units, array.shape[1], "units")
        if units is None and (columns := column_index(data, "data")) is not None:
            labels = columns.names
        object.__setattr__(self, "units", labels)
        object.__setattr__(self, "name", None if name is None else as_text(name, "name"))

    def __repr__(self) -> str:
        shown = "" if self.name is None else f"{self.name!r}, "
        return f"Representation({shown}{self.data.shape[0]} stimuli, {self.data.shape[1]} units)"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RDM:
    """Measured dissimilarities between stimuli (a representational dissimilarity matrix).

    Parameters
    ----------
    dissimilarities : array-like of shape (n_pairs,) or (n_stimuli, n_stimuli)
        Condensed in SciPy's order, or square, symmetric and zero on the diagonal. Negative values are
        allowed: crossvalidated distances have them.
    ids : array-like of shape (n_stimuli,), optional
        What identifies each stimulus.
    name : str, optional
        How results call it.

    Attributes
    ----------
    condensed : ndarray of shape (n_pairs,)
        The dissimilarities as float64.
    n_stimuli : int
        Number of stimuli.

    Raises
    ------
    TypeError, ValueError
        If it is no such matrix or vector.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.RDM([0.5, 1.0, 0.7], name="human IT")
    RDM('human IT', 3 stimuli)
    """

    condensed: FloatArray
    ids: AnyArray | None = None
    name: str | None = None

    def __init__(
        self, dissimilarities: ArrayLike, ids: ArrayLike | None = None, name: str | None = None
    ) -> None:
        values = check.as_dissimilarities(dissimilarities, "dissimilarities")
        object.__setattr__(self, "condensed", values)
        object.__setattr__(self, "ids", None if ids is None else check.as_ids(ids, self.n_stimuli, "ids"))
        object.__setattr__(self, "name", None if name is None else as_text(name, "name"))

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return round((1 + math.sqrt(1 + 8 * self.condensed.size)) / 2)

    @property
    def square(self) -> FloatArray:
        """The dissimilarities as a symmetric matrix."""
        full = np.zeros((self.n_stimuli, self.n_stimuli))
        full[np.triu_indices(self.n_stimuli, 1)] = self.condensed
        return full + full.T

    def __repr__(self) -> str:
        shown = "" if self.name is None else f"{self.name!r}, "
        return f"RDM({shown}{self.n_stimuli} stimuli)"


Data: TypeAlias = FloatArray | RDM


@dataclasses.dataclass(frozen=True, eq=False)
class Item:
    """One of the things to compare, not read yet."""

    label: str  # how errors call it
    name: str
    source: AnyArray | RDM | Stored
    ids: AnyArray | None
    index: Index | None = None  # of pandas or xarray, also where it only counts rows, so that it is no ids
    units: Index | None = None  # what the user calls the units

    @property
    def identity(self) -> Index | None:
        """What identifies its stimuli, or may do so beside others."""
        return self.index if self.index is not None or self.ids is None else Index(self.ids)

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return self.source.n_stimuli if isinstance(self.source, RDM) else len(self.source)

    @property
    def n_units(self) -> int:
        """Number of units; that of stimuli for an RDM."""
        return self.n_stimuli if isinstance(self.source, RDM) else int(self.source.shape[1])

    @property
    def is_large(self) -> bool:
        """Whether measures that can take it in blocks of units do so; a matter of its shape alone."""
        if isinstance(self.source, RDM):
            return False
        return 8 * self.n_stimuli * self.n_units > LARGE_ITEM_BYTES and self.n_units > 2 * self.n_stimuli

    def unit_blocks(self) -> UnitBlocks:
        """Give all stimuli of some units at a time, checked as :meth:`read` checks the whole."""
        assert not isinstance(self.source, RDM)
        return UnitBlocks(self.source, self.label)

    def read(self) -> Data:
        """Read it as float64, without a copy where it is that already; refuses NaN and infinity."""
        if isinstance(self.source, RDM):
            return self.source
        # Read, not mapped: records of many items would keep as many files open. What else stays in its file
        # is no array, but has slices.
        data = self.source.read() if isinstance(self.source, Stored) else self.source[:, :]
        array = np.ascontiguousarray(data, dtype=np.float64)
        require_finite(array, self.label)
        check.require_normal_range(array, self.label)
        return array

    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Say which stimuli have no missing value (NaN)."""
        if isinstance(self.source, RDM):
            return np.ones(self.n_stimuli, dtype=bool)
        data = self.source.read() if isinstance(self.source, Stored) else self.source
        check.require_no_infinity(data, self.label)
        return np.array([not np.isnan(row).any() for row in data])

    def units_without_values(self) -> NDArray[np.intp]:
        """Give the units that have no value (but NaN) for any stimulus: they leave no stimulus complete."""
        if isinstance(self.source, RDM):
            return np.zeros(0, dtype=np.intp)
        empty = np.ones(self.n_units, dtype=bool)
        for row in self.source.read() if isinstance(self.source, Stored) else self.source:
            empty &= np.isnan(row)
        return np.flatnonzero(empty)

    def restricted(self, stimuli: NDArray[np.bool_]) -> Item:
        """Give the same item for some stimuli only."""
        source: AnyArray | RDM
        if isinstance(self.source, RDM):
            both = np.ix_(stimuli, stimuli)
            source = RDM(self.source.square[both])
        else:
            source = self.source[stimuli]
        # Errors may speak of positions, which are then those among the stimuli that are left.
        label = self.label if stimuli.all() else f"{self.label} ({int(stimuli.sum())} of its stimuli)"
        ids = None if self.ids is None else self.ids[stimuli]
        return dataclasses.replace(self, label=label, source=source, ids=ids)

    def reordered(self, order: NDArray[np.intp]) -> Item:
        """Give the same item with its stimuli in another order."""
        source: AnyArray | RDM
        if isinstance(self.source, RDM):
            source = RDM(self.source.square[np.ix_(order, order)])
        else:
            source = np.asarray(self.source)[order]
        return dataclasses.replace(self, source=source, ids=None)


class UnitBlocks:
    """Responses of one item as consecutive float64 blocks of all stimuli and some units.

    May be iterated several times: each time reads the source anew, by slices of units. The first complete
    iteration checks what it gives, with the errors of :meth:`Item.read`. Blocks are not to be written to.

    Parameters
    ----------
    source : array or file-backed object of shape (n_stimuli, n_units)
        Has ``shape`` and slices of two dimensions.
    label : str
        How errors call it.
    is_checked : bool, default False
        Whether its values are known to be finite and in range.

    Attributes
    ----------
    shape : tuple of two ints
        Numbers of stimuli and units.
    """

    def __init__(self, source: Any, label: str, is_checked: bool = False) -> None:
        self.label = label
        self.shape = (int(source.shape[0]), int(source.shape[1]))
        self._source, self._is_checked = source, is_checked
        self._found: dict[Hashable, Any] = {}

    @property
    def width(self) -> int:
        """Units in a block but the last; a matter of the shape alone."""
        return max(LEAST_WIDTH, BLOCK_BYTES // (8 * self.shape[0]))

    def __iter__(self) -> Iterator[FloatArray]:
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
        """Give what `compute` returns, which several parts of an item may ask for by this key."""
        if key not in self._found:
            self._found[key] = compute()
        found: _T = self._found[key]
        return found

    def _read(self, start: int) -> FloatArray:
        return np.ascontiguousarray(self._source[:, start : start + self.width], dtype=np.float64)

    def _refuse(self) -> None:
        """Raise what reading the whole item would raise, for its first bad value in the order of stimuli."""
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


def as_items(
    value: Any, argument: str, names: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> list[Item]:
    """Take representations as users give them, checked but not read; `labels` are what errors call them."""
    if isinstance(value, Mapping):
        if names is None:
            names = list(value)
        value = list(value.values())
    elif isinstance(value, (Representation, RDM, Stored, str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"{argument} must be a list of representations, not {type(value).__name__}")
    elif getattr(value, "ndim", 3) != 3 and str(getattr(value, "dtype", None)) != "object":
        raise ValueError(
            f"{argument} as one array must have shape (representation, stimulus, unit), not "
            f"{tuple(value.shape)}: put matrices into a list"
        )
    elif names is None and (coordinate := row_index(value, argument)) is not None:
        names = coordinate.ids.tolist()
    require_own_order(value, argument)
    entries = list(value)
    given = check.as_names(names, len(entries), "names")
    items = []
    for i, entry in enumerate(entries):
        place = f"{argument}[{i}]"
        own = getattr(entry, "name", None) if isinstance(entry, (Representation, RDM, Stored)) else None
        name = given[i] if given else (own if own is not None else str(i))
        label = labels[i] if labels else place if name == str(i) else f"{place} ({name!r})"
        if isinstance(entry, Representation):
            units = None if entry.units is None else Index(entry.units)
            items.append(Item(label, name, entry.data, entry.ids, units=units))
        elif isinstance(entry, (RDM, Stored)):
            items.append(Item(label, name, entry, entry.ids))
        else:
            data, index = check.as_responses(entry, label), row_index(entry, label)
            ids = None if index is None else index.names
            items.append(Item(label, name, data, ids, index, column_index(entry, label)))
    check.require_distinct([item.name for item in items], "names")
    return items


def require_same_stimuli(items: Sequence[Item]) -> None:
    """Refuse items whose rows are not the same stimuli in the same order."""
    # Against the first item that has ids: where ids exist on both sides they must agree.
    reference = next((item for item in items if item.ids is not None), items[0] if items else None)
    for item in items:
        assert reference is not None
        check.require_same_stimuli(
            (reference.label, reference.n_stimuli, reference.ids),
            (item.label, item.n_stimuli, item.ids),
            (other.n_units for other in items),
        )
    check.require_same_indices((item.label, item.identity) for item in items)
