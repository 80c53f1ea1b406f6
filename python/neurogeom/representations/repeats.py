"""Responses to repeated presentations of each stimulus, and the kind of item that they are."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.checks import (
    AnyArray,
    FloatArray,
    Index,
    as_array,
    as_text,
    require_finite,
    require_no_gaps,
    row_index,
)
from . import checks as check
from .blocks import UnitBlocks
from .items import LARGE_ITEM_BYTES, Item, item_of


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Repeats:
    """Responses of one system to repeated presentations (trials) of each stimulus.

    Measures of plain responses take the mean over repeats of each stimulus.

    Parameters
    ----------
    data : array-like of shape (n_stimuli, n_repeats, n_units), or sequence of arrays (n_repeats, n_units)
        Responses, in the second form with as many repeats of each stimulus as there are. Kept as they are,
        without a copy, until they are needed.
    ids : array-like of shape (n_stimuli,), optional
        What identifies each stimulus, as for :class:`Representation`.
    name : str, optional
        How results call it.
    units : array-like of shape (n_units,), optional
        Labels of the units, distinct.

    Attributes
    ----------
    data : list of ndarray of shape (n_repeats, n_units)
        Responses to each stimulus.
    n_stimuli, n_units : int
        Numbers of stimuli and of units.
    n_repeats : ndarray of int of shape (n_stimuli,)
        Numbers of repeats.
    mean : ndarray of shape (n_stimuli, n_units)
        Mean over repeats, float64.

    Raises
    ------
    TypeError, ValueError
        If the data are not such arrays, of two stimuli or more, or labels do not fit them.

    Examples
    --------
    >>> import neurogeom as ng
    >>> cat, dog = [[1.0, 2.0], [3.0, 2.0]], [[0.0, 1.0], [0.0, 2.0], [3.0, 0.0]]
    >>> trials = ng.Repeats([cat, dog], ids=["cat", "dog"], name="V1")
    >>> trials
    Repeats('V1', 2 stimuli, 2 to 3 repeats, 2 units)
    >>> trials.mean
    array([[2., 2.],
           [1., 1.]])
    """

    data: list[AnyArray]
    ids: AnyArray | None = None
    name: str | None = None
    units: AnyArray | None = None

    def __init__(
        self,
        data: Any,
        ids: ArrayLike | None = None,
        name: str | None = None,
        units: ArrayLike | None = None,
    ) -> None:
        entries = _as_trials(data, "data")
        object.__setattr__(self, "data", entries)
        found = None if ids is None else check.as_ids(ids, len(entries), "ids")
        if ids is None and (index := row_index(data, "data")) is not None:
            require_no_gaps(index, "data")
            found = index.names
        object.__setattr__(self, "ids", found)
        labels = None if units is None else check.as_ids(units, self.n_units, "units")
        object.__setattr__(self, "units", labels)
        object.__setattr__(self, "name", None if name is None else as_text(name, "name"))

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return len(self.data)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.data[0].shape[1])

    @property
    def n_repeats(self) -> NDArray[np.intp]:
        """Numbers of repeats."""
        return np.array([len(trials) for trials in self.data])

    @property
    def mean(self) -> FloatArray:
        """Mean over repeats."""
        return np.array([as_trials_of_floats(trials).mean(axis=0) for trials in self.data])

    def __repr__(self) -> str:
        shown = "" if self.name is None else f"{self.name!r}, "
        least, most = self.n_repeats.min(), self.n_repeats.max()
        repeats = f"{least} to {most}" if least < most else f"{least}"
        return f"Repeats({shown}{self.n_stimuli} stimuli, {repeats} repeats, {self.n_units} units)"


def as_trials_of_floats(trials: AnyArray) -> FloatArray:
    """Return trials as float64, in C order: a sum over them must not depend on how they lie in memory."""
    return np.ascontiguousarray(trials, dtype=np.float64)


def _as_trials(value: Any, name: str) -> list[AnyArray]:
    """Take one matrix of repeats for each of two stimuli or more, unchanged."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(
            f"{name} must be an array (n_stimuli, n_repeats, n_units) or a list of arrays (n_repeats, "
            f"n_units), one for each stimulus, not {type(value).__name__}"
        )
    if hasattr(value, "ndim") and str(getattr(value, "dtype", None)) != "object":
        array = as_array(value, name)
        if array.ndim != 3:
            raise ValueError(
                f"{name} as one array must have shape (n_stimuli, n_repeats, n_units), not {array.shape}"
                + ("; responses without repeats are an ng.Representation" if array.ndim == 2 else "")
            )
        entries = list(array)
    else:
        entries = [as_array(entry, f"{name}[{k}]") for k, entry in enumerate(value)]
    if len(entries) < 2:
        raise ValueError(f"{name} has {len(entries)} stimuli; a representation needs at least two")
    for k, entry in enumerate(entries):
        if entry.ndim != 2:
            raise ValueError(f"{name}[{k}] must have shape (n_repeats, n_units), not {entry.shape}")
        if entry.size == 0:
            raise ValueError(f"{name}[{k}] is empty (shape {entry.shape})")
        if entry.shape[1] != entries[0].shape[1]:
            raise ValueError(
                f"{name}[{k}] has {entry.shape[1]} units, but {name}[0] has {entries[0].shape[1]}: rows are "
                "repeats, and all stimuli have the same units"
            )
    return entries


class OpenedRepeats(UnitBlocks):
    """What a metric's parts get from an item of repeats: blocks of their mean, and the repeats themselves."""

    def __init__(self, repeats: Repeats, label: str, *, is_divided: bool = False) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = repeats.mean
        if not np.isfinite(mean).all():
            _refuse(repeats, label)
        super().__init__(mean, label, is_divided=is_divided)
        self._repeats = repeats

    def trials(self) -> list[FloatArray]:
        """Return the repeats of each stimulus, (n_repeats, n_units), as float64."""
        return self.once("trials", self._read_trials)

    def _read_trials(self) -> list[FloatArray]:
        found = [as_trials_of_floats(trials) for trials in self._repeats.data]
        largest = max(max(float(trials.max()), -float(trials.min())) for trials in found)
        check.require_normal_size(largest, self.label)
        return found

    def undivided(self) -> OpenedRepeats:
        """Return the same with the mean as one block."""
        return OpenedRepeats(self._repeats, self.label) if self.is_divided else self


def _refuse(repeats: Repeats, label: str) -> None:
    """Raise what is wrong with repeats whose mean is not finite."""
    for k, trials in enumerate(repeats.data):
        require_finite(trials, f"{label}, stimulus {k}, trials")
    raise ValueError(f"{label} has values whose sums leave the range of float64: rescale it")


class RepeatedResponses(Item):
    """Repeats of each stimulus."""

    kind = "repeats"
    reads_as = ("repeats", "responses")
    noun = "a set of repeats"
    wanted = "repeats of each stimulus (ng.Repeats)"

    source: Repeats

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return self.source.n_stimuli

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.source.n_units

    @property
    def is_large(self) -> bool:
        """Whether measures of the mean that can take it in blocks of units do so."""
        return 8 * self.n_stimuli * self.n_units > LARGE_ITEM_BYTES and self.n_units > 2 * self.n_stimuli

    @property
    def nbytes(self) -> int:
        """Bytes to read."""
        return sum(trials.nbytes for trials in self.source.data)

    def open(self) -> OpenedRepeats:
        """Open it, which reads all repeats."""
        return OpenedRepeats(self.source, self.label, is_divided=self.is_large)

    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Return which stimuli have no missing value (NaN) in any repeat."""
        for k, trials in enumerate(self.source.data):
            if np.isinf(trials).any():  # NaN stands for a missing value, infinity for none
                require_finite(np.where(np.isnan(trials), 0.0, trials), f"{self.label}, stimulus {k}, trials")
        return np.array([not np.isnan(trials).any() for trials in self.source.data])

    def units_without_values(self) -> NDArray[np.intp]:
        """Return the units that are NaN in all repeats of all stimuli."""
        return np.flatnonzero(np.all([np.isnan(trials).all(axis=0) for trials in self.source.data], axis=0))

    def _taken(self, stimuli: NDArray[Any]) -> Repeats:
        taken = np.flatnonzero(stimuli) if stimuli.dtype == bool else stimuli
        return Repeats([self.source.data[k] for k in taken])

    def array(self) -> AnyArray:
        """Return one row for each repeat: the number of its stimulus, and the responses."""
        rows = np.concatenate(self.source.data)
        table = np.empty(len(rows), dtype=[("stimulus", "<i8"), ("responses", rows.dtype, rows.shape[1:])])
        table["stimulus"] = np.repeat(np.arange(self.n_stimuli), self.source.n_repeats)
        table["responses"] = rows
        return table

    def content_hash(self) -> str:
        """Return the checksum of the repeats and of how many each stimulus has."""
        digest = hashlib.sha256(f"repeats {self.source.n_repeats.tolist()} {self.n_units}\n".encode())
        dtype = functools.reduce(np.promote_types, (trials.dtype for trials in self.source.data))
        stored = dtype.newbyteorder("<")
        digest.update(f"{stored.str}\n".encode())
        for trials in self.source.data:
            digest.update(np.ascontiguousarray(trials, dtype=stored).data)
        return digest.hexdigest()

    @classmethod
    def of_array(cls, array: AnyArray, label: str, name: str) -> RepeatedResponses:
        """Rebuild it from a table of repeats."""
        starts = np.flatnonzero(np.diff(array["stimulus"])) + 1
        return cls(label, name, Repeats(np.split(array["responses"], starts)))


@item_of.register(Repeats)
def _(entry: Repeats, label: str, name: str) -> Item:
    units = None if entry.units is None else Index(entry.units)
    return RepeatedResponses(label, name, entry, entry.ids, units=units)
