"""Responses of one system to stimuli, with labels."""

from __future__ import annotations

import dataclasses
from typing import Any

from numpy.typing import ArrayLike

from .._base.checks import AnyArray, Index, as_text, column_index, require_no_gaps, row_index
from . import checks as check
from .items import Item, Responses, item_of


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Representation:
    """Responses of one system to stimuli, with labels.

    Parameters
    ----------
    data : array-like of shape (n_stimuli, n_units)
        Responses; kept as they are, without a copy, until they are needed.
    ids : array-like of shape (n_stimuli,), optional
        What identifies each stimulus (integers or strings, distinct). If two representations both have ids,
        these must agree in content and order. By default the index of a DataFrame, or the coordinate of the
        first dimension of a DataArray, if it says more than the number of the row.
    units : array-like of shape (n_units,), optional
        Labels of the units, distinct. If held-out data (`test` of :func:`pairwise`) have them too, these must
        agree in content and order. By default the columns of a DataFrame, or the coordinate of the second
        dimension of a DataArray.
    name : str, optional
        How results call this representation.

    Raises
    ------
    TypeError, ValueError
        If the data are not a real matrix of two stimuli or more, or labels do not fit them.

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


@item_of.register(Representation)
def _(entry: Representation, label: str, name: str) -> Item:
    units = None if entry.units is None else Index(entry.units)
    return Responses(label, name, entry.data, entry.ids, units=units)
