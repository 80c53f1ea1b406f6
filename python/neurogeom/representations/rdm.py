"""Measured dissimilarities between stimuli, and the kind of item that they are."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import math
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
    require_symmetric_values,
    rounding_of,
)
from . import checks as check
from .items import Item, item_of


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
        If it is not such a matrix or vector.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.RDM([0.5, 1.0, 0.7], name="human IT")
    RDM('human IT', 3 stimuli)
    """

    condensed: FloatArray
    ids: AnyArray | None = None
    name: str | None = None
    # Of resampled stimuli: which pairs are of two different stimuli; `condensed` has these only.
    different: NDArray[np.bool_] | None = None

    def __init__(
        self, dissimilarities: ArrayLike, ids: ArrayLike | None = None, name: str | None = None
    ) -> None:
        values = _as_dissimilarities(dissimilarities, "dissimilarities")
        object.__setattr__(self, "condensed", values)
        object.__setattr__(self, "ids", None if ids is None else check.as_ids(ids, self.n_stimuli, "ids"))
        object.__setattr__(self, "name", None if name is None else as_text(name, "name"))

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        pairs = self.condensed if self.different is None else self.different
        return round((1 + math.sqrt(1 + 8 * pairs.size)) / 2)

    @property
    def square(self) -> FloatArray:
        """The dissimilarities as a symmetric matrix."""
        full = np.zeros((self.n_stimuli, self.n_stimuli))
        full[np.triu_indices(self.n_stimuli, 1)] = self.condensed
        return full + full.T

    def __repr__(self) -> str:
        shown = "" if self.name is None else f"{self.name!r}, "
        return f"RDM({shown}{self.n_stimuli} stimuli)"


def _as_dissimilarities(value: Any, name: str) -> FloatArray:
    """Take a condensed or square RDM as a condensed float64 vector of its own."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    require_finite(array, name)
    if array.ndim == 2:
        if array.shape[0] != array.shape[1] or len(array) < 2:
            raise ValueError(f"{name} as a matrix must be square, of two stimuli or more, not {array.shape}")
        require_symmetric_values(array, given.dtype, name, "; average it with its transpose if that is meant")
        if np.abs(np.diagonal(array)).max() > rounding_of(given.dtype) * np.abs(array).max():
            raise ValueError(f"{name} must have zeros on its diagonal")
        array = array[np.triu_indices(len(array), 1)]
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be condensed or square, not of shape {array.shape}")
    count = round((1 + (1 + 8 * array.size) ** 0.5) / 2)
    if count * (count - 1) // 2 != array.size:
        raise ValueError(
            f"{name} has {array.size} entries, which is not m (m - 1) / 2 for any number of stimuli m"
        )
    return array


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedRDM:
    """What a metric's parts get from an item of dissimilarities."""

    rdm: RDM
    label: str

    def whole(self) -> RDM:
        """Return the dissimilarities."""
        return self.rdm

    def undivided(self) -> OpenedRDM:
        """Return the same: there is one piece."""
        return self


class Dissimilarities(Item):
    """A measured :class:`RDM`."""

    kind = "rdm"
    noun = "an RDM"

    source: RDM

    @property
    def row_identity(self) -> Index | None:
        """Nothing: its rows are stimuli, never observations of them."""
        return None

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return self.source.n_stimuli

    @property
    def n_units(self) -> int:
        """Number of stimuli."""
        return self.source.n_stimuli

    def open(self) -> OpenedRDM:
        """Open it, which needs no reading."""
        return OpenedRDM(self.source, self.label)

    def complete_stimuli(self) -> NDArray[np.bool_]:
        """Return that all are complete: an RDM with missing values is refused."""
        return np.ones(self.n_stimuli, dtype=bool)

    def units_without_values(self) -> NDArray[np.intp]:
        """Return none."""
        return np.zeros(0, dtype=np.intp)

    def resampled(self, order: NDArray[np.intp]) -> Dissimilarities:
        """Return the same item for stimuli of which some occur several times.

        The dissimilarity of a stimulus with itself is zero whatever was measured; such pairs are left out.
        """
        first, second = (order[side] for side in np.triu_indices(len(order), 1))
        different = first != second
        if different.all():
            return self.reordered(order)
        rdm = copy.copy(self.source)
        object.__setattr__(rdm, "condensed", self.source.square[first[different], second[different]])
        object.__setattr__(rdm, "ids", None)
        object.__setattr__(rdm, "different", different)
        return dataclasses.replace(self, source=rdm, ids=None)

    def _taken(self, stimuli: NDArray[Any]) -> RDM:
        return RDM(self.source.square[np.ix_(stimuli, stimuli)])

    def array(self) -> AnyArray:
        """Return the condensed form."""
        return self.source.condensed

    def content_hash(self) -> str:
        """Return the checksum of the condensed form, which is not a matrix of stimuli and units."""
        condensed = self.source.condensed
        digest = hashlib.sha256(f"rdm {condensed.size}\n".encode())
        digest.update(np.ascontiguousarray(condensed, dtype="<f8").data)
        return digest.hexdigest()

    @classmethod
    def of_array(cls, array: AnyArray, label: str, name: str) -> Dissimilarities:
        """Take the condensed form."""
        return cls(label, name, RDM(array))


@item_of.register(RDM)
def _(entry: RDM, label: str, name: str) -> Item:
    return Dissimilarities(label, name, entry, entry.ids)
