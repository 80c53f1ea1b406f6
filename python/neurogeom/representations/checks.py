"""Checks of representations and of what identifies their stimuli, shared by everything that compares them."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base.checks import (
    AnyArray,
    FloatArray,
    Index,
    as_array,
    as_label_array,
    as_text,
    require_no_gaps,
    shown,
    user_level,
)

# Outside these, sums of squares leave the range of float64.
SMALLEST, LARGEST = 1e-140, 1e140


class TooLittleDataError(ValueError):
    """Raised if a measure is not defined for an item, given the stimuli it has."""


def as_responses(value: Any, name: str) -> AnyArray:
    """Take a matrix of at least two stimuli and one unit, unchanged."""
    array = as_array(value, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be two-dimensional (n_stimuli, n_units), not of shape {array.shape}"
            + ("; flatten the other axes first" if array.ndim > 2 else "")
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    if len(array) < 2:
        raise ValueError(f"{name} has one stimulus; a representation needs at least two")
    return array


def as_ids(value: ArrayLike, n_stimuli: int, name: str) -> AnyArray:
    """Take one distinct label for each stimulus."""
    array = as_label_array(value, n_stimuli, name)
    distinct, counts = np.unique(array, return_counts=True)
    if len(distinct) < len(array):
        raise ValueError(
            f"{name} must be distinct, but {shown(distinct[np.argmax(counts)])} occurs more than once"
        )
    return array


def require_same_stimuli(
    first: tuple[str, int, AnyArray | None],
    second: tuple[str, int, AnyArray | None],
    widths: Iterable[int] = (),
) -> None:
    """Refuse items (label, number of stimuli, ids) whose rows are not the same stimuli in the same order.

    If the items all have the same width, they may be transposed.
    """
    (label, count, ids), (other_label, other_count, other_ids) = first, second
    if count != other_count:
        distinct = set(widths)
        hint = ""
        if len(distinct) == 1:
            hint = f"; all have {distinct.pop()} columns: if these are units x stimuli, transpose them"
        raise ValueError(
            f"all representations must have rows for the same stimuli, but {label} has {count} and "
            f"{other_label} has {other_count}{hint}"
        )
    if ids is None or other_ids is None:
        return
    if ids.dtype == other_ids.dtype and np.array_equal(ids, other_ids):
        return
    mine, theirs = ids.tolist(), other_ids.tolist()
    at = next((i for i in range(count) if mine[i] != theirs[i]), None)
    if at is not None:
        what, advice = "the stimulus ids differ", "use the stimuli that all items share"
        if set(mine) == set(theirs):
            what, advice = (
                "the order of the stimulus ids differs",
                "put the rows of one in the order of the other",
            )
        raise ValueError(
            f"{what}: row {at} is {mine[at]!r} in {label} but {theirs[at]!r} in {other_label}; {advice} (for "
            "DataFrames: Y.loc[X.index]), or drop the ids (X.to_numpy()) if the rows already correspond"
        )


def _require_same_index(first: tuple[str, Index], second: tuple[str, Index]) -> None:
    (label, index), (other_label, other) = first, second
    if not index.counts and not other.counts:
        for each, name in ((index, label), (other, other_label)):
            require_no_gaps(each, name)
        require_same_stimuli((label, len(index.ids), index.ids), (other_label, len(other.ids), other.ids))
        return
    if index.counts:
        label, index, other_label, other = other_label, other, label, index
    ids = index.ids
    same = not index.counts and ids.dtype.kind in "iu" and np.array_equal(np.sort(ids), other.ids)
    if same or index.is_shuffled:
        raise ValueError(
            f"the rows of {label} are in another order than those of {other_label}: its index numbers the "
            f"rows as {', '.join(map(str, ids[:3]))}, ...; sort_index() puts them back, and to_numpy() takes "
            "the rows in the order they are in"
        )


def require_same_indices(entries: Iterable[tuple[str, Index | None]]) -> None:
    """Refuse pandas or xarray objects (label, index) whose rows are not in the same order.

    An index that only counts its rows says nothing, unless another one counts them in another order. Each
    index is compared with the first of either kind.
    """
    known: dict[bool, tuple[str, Index]] = {}
    n_named = 0
    for label, index in entries:
        if index is not None:
            for other in known.values():
                _require_same_index(other, (label, index))
            known.setdefault(index.counts, (label, index))
            n_named += not index.counts
    if n_named > 1 and known[False][1].has_repeats:
        label, index = known[False]
        values, counts = np.unique(index.ids, return_counts=True)
        warnings.warn(
            f"the index of {label} has repeated values (such as {shown(values[np.argmax(counts)])}), which "
            "cannot show whether rows that share one are in the same order; an index of distinct values can",
            UserWarning,
            stacklevel=user_level(),
        )


def require_normal_range(array: FloatArray, name: str) -> None:
    """Refuse data whose squares overflow or underflow."""
    require_normal_size(max(float(array.max()), -float(array.min())), name)


def require_normal_size(size: float, name: str) -> None:
    """Refuse data whose largest values have squares that overflow or underflow."""
    if size != 0 and not SMALLEST < size < LARGEST:
        raise ValueError(
            f"{name} has values of the order {size:.3g}, whose squares leave the range of float64: rescale it"
        )


def as_names(value: Sequence[str] | None, count: int, name: str) -> list[str] | None:
    """Take one distinct name for each item."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or len(value) != count:
        raise ValueError(f"{name} must give one name for each of the {count} items")
    entries = np.asarray(value).tolist() if hasattr(value, "__array__") else list(value)
    names = [as_text(entry, f"{name}[{i}]") for i, entry in enumerate(entries)]
    require_distinct(names, name)
    return names


def require_distinct(names: Sequence[str], name: str) -> None:
    """Refuse names that occur twice."""
    seen: set[str] = set()
    for item in names:
        if item in seen:
            raise ValueError(f"{name} must be distinct, but {item!r} occurs more than once")
        seen.add(item)


def require_items(count: int, name: str, least: int = 1) -> None:
    """Refuse too few representations."""
    if count < least:
        raise ValueError(f"{name} must hold at least {least} representation{'s' * (least > 1)}, not {count}")


def require_same_units(units: int, test_units: int, label: str) -> None:
    """Refuse test data with a different number of units."""
    if units != test_units:
        raise ValueError(f"{label} must have the units of its training data ({units}), not {test_units}")


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """Suggest the known name most like a wrong one, for the end of an error."""
    near = difflib.get_close_matches(value.lower(), list(names), 1)
    return f": did you mean {near[0]!r}?" if near else ""


def as_flag(value: Any, name: str) -> bool:
    """Take True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)
