"""What is compared: one protocol that says what each kind of item holds and how it is read.

A kind is a subclass of :class:`Item`, plus a registration with :func:`item_of` of what users pass for it:
responses here, measured dissimilarities in ``rdm``, repeats of each stimulus in ``repeats``. No other code
asks what an item is. A new kind (feature maps) is one file: its class for users, its Item, its registration;
metrics that can use it name it in ``Part.takes``, and a kind that can stand in for responses says so in
`reads_as`.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import (
    AnyArray,
    Index,
    column_index,
    require_finite,
    require_own_order,
    row_index,
)
from . import checks as check
from .blocks import UnitBlocks

# Items with more bytes than this as float64, and more than twice as many units as stimuli, are prepared from
# blocks of units. A constant, as the bits of a result must not depend on the machine or on a memory limit.
LARGE_ITEM_BYTES = 1 << 24

_Self = TypeVar("_Self", bound="Item")
_Opened = TypeVar("_Opened", bound="Opened")


class Opened(Protocol):
    """An item whose content can be read: what :meth:`Item.open` returns and parts prepare."""

    @property
    def label(self) -> str:
        """How errors call it."""

    def whole(self) -> Any:
        """Return all of it: a float64 matrix of responses, or what the kind has instead."""

    def undivided(self: _Opened) -> _Opened:
        """Return the same in one piece."""


class Stored(abc.ABC):
    """A matrix (n_stimuli, n_units) that stays where it is until it is read; can be sliced in both axes."""

    name: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    ids: AnyArray | None
    location: dict[str, Any]  # how to open it again; "path" is None if it is in memory

    @abc.abstractmethod
    def read(self) -> AnyArray:
        """Read the whole matrix."""

    @abc.abstractmethod
    def __getitem__(self, key: Any) -> AnyArray:
        """Read a part of it."""

    @abc.abstractmethod
    def stamp(self) -> dict[str, int]:
        """Return something that changes whenever the stored data do, without reading them."""

    @abc.abstractmethod
    def content_hash(self) -> str:
        """Return a checksum of the matrix."""

    def __len__(self) -> int:
        return self.shape[0]


def hash_of_matrix(dtype: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[AnyArray]) -> str:
    """Return the SHA-256 of a matrix that comes in blocks of rows, whatever its layout and byte order."""
    stored = dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{stored.str} {shape[0]} {shape[1]}\n".encode())
    for block in blocks:
        digest.update(np.ascontiguousarray(block, dtype=stored).data)
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Item(abc.ABC):
    """One of the things to compare, not read yet.

    Attributes
    ----------
    label : str
        How errors call it.
    name : str
        How results call it.
    source : object
        Its content, in the form of its kind.
    ids : ndarray or None
        What identifies its stimuli.
    index : Index or None
        That of pandas or xarray, even one that only counts rows and so gives no ids.
    units : Index or None
        What the user calls the units.
    """

    kinds: ClassVar[dict[str, type[Item]]] = {}

    has_units: ClassVar[bool] = False  # whether :meth:`with_units` can leave out or repeat some

    kind: ClassVar[str]  # how parts and plans of sweeps call it
    noun: ClassVar[str]  # how errors call it
    wanted: ClassVar[str]  # how errors ask for it; by default `noun`
    reads_as: ClassVar[
        tuple[str, ...]
    ]  # kinds whose parts can be prepared from what it opens; by default its own

    label: str
    name: str
    source: Any
    ids: AnyArray | None = None
    index: Index | None = None
    units: Index | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.wanted = cls.__dict__.get("wanted", cls.noun)
        cls.reads_as = cls.__dict__.get("reads_as", (cls.kind,))
        Item.kinds[cls.kind] = cls

    @property
    def identity(self) -> Index | None:
        """What identifies its stimuli, or might when compared with other items."""
        return self.index if self.index is not None or self.ids is None else Index(self.ids)

    @property
    def row_identity(self) -> Index | None:
        """What identifies rows of observations; None if it has none."""
        return self.identity

    @property
    @abc.abstractmethod
    def n_stimuli(self) -> int:
        """Number of stimuli."""

    @property
    @abc.abstractmethod
    def n_units(self) -> int:
        """Number of units, or what stands in for it in cost estimates."""

    @property
    def is_large(self) -> bool:
        """Whether measures that can take it in blocks do so; depends on its shape alone."""
        return False

    @property
    def nbytes(self) -> int:
        """Bytes to read."""
        dtype = np.dtype(getattr(self.source, "dtype", np.float64))
        return self.n_stimuli * self.n_units * dtype.itemsize

    def require_kind(self, kinds: Sequence[str], user: str) -> None:
        """Refuse it if `user` needs an item of another kind."""
        if not set(self.reads_as).intersection(kinds):
            wanted = Item.kinds[kinds[0]].wanted
            raise TypeError(f"{self.label} is {self.noun}, but {user} needs {wanted}")

    # ---- reading

    @abc.abstractmethod
    def open(self) -> Opened:
        """Open it for metrics; what is read of it is float64, and refused where it is NaN or infinite."""

    def read(self) -> Any:
        """Return all of its content, checked: a float64 matrix, or what the kind has instead."""
        return self.open().whole()

    @abc.abstractmethod
    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Return which stimuli have no missing value (NaN)."""

    @abc.abstractmethod
    def units_without_values(self) -> NDArray[np.intp]:
        """Return the units that are NaN for every stimulus: with these, no stimulus is complete."""

    # ---- other items of the same content

    def restricted(self: _Self, stimuli: NDArray[np.bool_]) -> _Self:
        """Return the same item for some stimuli only."""
        # Positions in errors then refer to the stimuli that are left.
        label = self.label if stimuli.all() else f"{self.label} ({int(stimuli.sum())} of its stimuli)"
        ids = None if self.ids is None else self.ids[stimuli]
        return dataclasses.replace(self, label=label, source=self._taken(stimuli), ids=ids)

    def reordered(self: _Self, order: NDArray[np.intp]) -> _Self:
        """Return the same item with its stimuli in another order."""
        return dataclasses.replace(self, source=self._taken(order), ids=None)

    def resampled(self: _Self, order: NDArray[np.intp]) -> _Self:
        """Return the same item with stimuli in another order that may repeat some and leave others out."""
        return self.reordered(order)

    def with_units(self: _Self, units: NDArray[np.intp]) -> _Self:
        """Return the same item with some of its units, some perhaps more than once."""
        raise NotImplementedError

    @abc.abstractmethod
    def _taken(self, stimuli: NDArray[Any]) -> Any:
        """Return the content for the stimuli of a mask, or in a given order."""

    # ---- for stores

    @property
    def stored(self) -> Stored | None:
        """The file that other processes can open it from; None if they need :meth:`array`."""
        return None

    @abc.abstractmethod
    def array(self) -> AnyArray:
        """Return the content as one array."""

    @abc.abstractmethod
    def content_hash(self) -> str:
        """Return a checksum of the content."""

    @classmethod
    @abc.abstractmethod
    def of_array(cls: type[_Self], array: AnyArray, label: str, name: str) -> _Self:
        """Rebuild it from what :meth:`array` returned."""


class Responses(Item):
    """A matrix (n_stimuli, n_units), in memory or :class:`Stored`."""

    kind = "responses"
    noun = "a matrix of responses"
    wanted = "responses (n_stimuli, n_units)"
    has_units = True

    source: AnyArray | Stored

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return len(self.source)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.source.shape[1])

    @property
    def is_large(self) -> bool:
        """Whether measures that can take it in blocks of units do so; depends on its shape alone."""
        return 8 * self.n_stimuli * self.n_units > LARGE_ITEM_BYTES and self.n_units > 2 * self.n_stimuli

    def open(self) -> UnitBlocks:
        """Open it: all stimuli of all or some units at a time."""
        return UnitBlocks(self.source, self.label, is_divided=self.is_large, read=self._read)

    def _read(self) -> AnyArray:
        # Read, not mapped: records of many items would keep as many files open. Other file-backed sources are
        # not arrays, but can be sliced.
        return self.source.read() if isinstance(self.source, Stored) else self.source[:, :]

    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Return which stimuli have no missing value (NaN)."""
        data = self._read()
        if np.isinf(data).any():  # NaN stands for a missing value, infinity for none
            require_finite(np.where(np.isnan(data), 0.0, data), self.label)
        return np.array([not np.isnan(row).any() for row in data])

    def units_without_values(self) -> NDArray[np.intp]:
        """Return the units that are NaN for every stimulus."""
        empty = np.ones(self.n_units, dtype=bool)
        for row in self._read():
            empty &= np.isnan(row)
        return np.flatnonzero(empty)

    def with_units(self, units: NDArray[np.intp]) -> Responses:
        """Return the same item with some of its units."""
        return dataclasses.replace(self, source=np.asarray(self.source)[:, units], units=None)

    def _taken(self, stimuli: NDArray[Any]) -> AnyArray:
        if stimuli.dtype == bool:
            return np.asarray(self.source[stimuli])
        return np.asarray(np.asarray(self.source)[stimuli])  # a file is read as a whole

    @property
    def stored(self) -> Stored | None:
        """The file that it is in."""
        return self.source if isinstance(self.source, Stored) and self.source.location["path"] else None

    def array(self) -> AnyArray:
        """Return the matrix."""
        return np.asarray(self.source)

    def content_hash(self) -> str:
        """Return the checksum of the matrix."""
        if isinstance(self.source, Stored):
            return self.source.content_hash()
        return hash_of_matrix(self.source.dtype, self.source.shape, [self.source])

    @classmethod
    def of_array(cls, array: AnyArray, label: str, name: str) -> Responses:
        """Take a matrix as it is."""
        return cls(label, name, array)


@functools.singledispatch
def item_of(entry: Any, label: str, name: str) -> Item:
    """Make an item from what a user passes; kinds register their own types, all else is an array."""
    data, index = check.as_responses(entry, label), row_index(entry, label)
    ids = None if index is None else index.names
    return Responses(label, name, data, ids, index, column_index(entry, label))


@item_of.register(Stored)
def _(entry: Stored, label: str, name: str) -> Item:
    return Responses(label, name, entry, entry.ids)


def _is_registered(value: Any) -> bool:
    """Return whether this is an item already, and so not a list of items."""
    return item_of.dispatch(type(value)) is not item_of.dispatch(object)


def own_name(entry: Any) -> str | None:
    """Return the name of one of our own items; None if it has none, as for arrays."""
    return getattr(entry, "name", None) if _is_registered(entry) else None


def as_items(
    value: Any, argument: str, names: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> list[Item]:
    """Take representations as users pass them, checked but not read; `labels` are what errors call them."""
    if isinstance(value, Mapping):
        if names is None:
            names = list(value)
        value = list(value.values())
    elif isinstance(value, (str, bytes)) or _is_registered(value) or not hasattr(value, "__len__"):
        raise TypeError(f"{argument} must be a list of representations, not {type(value).__name__}")
    elif getattr(value, "ndim", 3) != 3 and str(getattr(value, "dtype", None)) != "object":
        raise ValueError(
            f"{argument} as one array must have shape (representation, stimulus, unit), not "
            f"{tuple(value.shape)}: put matrices in a list"
        )
    elif names is None and (coordinate := row_index(value, argument)) is not None:
        names = coordinate.ids.tolist()
    require_own_order(value, argument)
    entries = list(value)
    given = check.as_names(names, len(entries), "names")
    items = []
    for i, entry in enumerate(entries):
        place, own = f"{argument}[{i}]", own_name(entry)
        name = given[i] if given else (own if own is not None else str(i))
        label = labels[i] if labels else place if name == str(i) else f"{place} ({name!r})"
        items.append(item_of(entry, label, name))
    check.require_distinct([item.name for item in items], "names")
    return items


def require_comparable(items: Sequence[Item]) -> None:
    """Refuse items whose rows are not the same stimuli in the same order."""
    # Against the first item that has ids: if both sides have ids, these must agree.
    reference = next((item for item in items if item.ids is not None), items[0] if items else None)
    for item in items:
        assert reference is not None
        check.require_same_stimuli(
            (reference.label, reference.n_stimuli, reference.ids),
            (item.label, item.n_stimuli, item.ids),
            (other.n_units for other in items),
        )
    check.require_same_indices((item.label, item.identity) for item in items)
