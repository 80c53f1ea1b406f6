"""Matrices of distances, as users pass them to what looks at all items together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._base.checks import (
    AnyArray,
    FloatArray,
    as_array,
    first_of,
    require_symmetric_values,
    row_index,
)
from ..representations import checks as check
from .result import Pairwise


def as_square(value: Any, name: str) -> tuple[FloatArray, np.dtype[Any]]:
    """Take a matrix of pairs, square or condensed, as a new float64 matrix; and the dtype it had."""
    array = as_array(value, name)
    if array.ndim == 1:
        count = round((1 + np.sqrt(1 + 8 * len(array))) / 2)
        if count * (count - 1) // 2 != len(array) or not len(array):
            raise ValueError(
                f"{name} as a vector must have n (n - 1) / 2 entries, one for each pair, not {len(array)}"
            )
        square = np.zeros((count, count))
        square[np.triu_indices(count, 1)] = array
        return square + square.T, array.dtype
    if array.ndim != 2 or len(array) != array.shape[1]:
        raise ValueError(f"{name} must be square or condensed, not of shape {array.shape}")
    if len(array) < 2:
        raise ValueError(f"{name} must compare at least 2 items, not {len(array)}")
    return np.array(array, dtype=np.float64, order="C"), array.dtype


def as_distances(value: Any, name: str, *, gaps: bool = False) -> FloatArray:
    """Take distances between items, as a new symmetric matrix with zeros on its diagonal.

    With `gaps`, NaN stands for a pair whose distance is not known.
    """
    refuse_similarity(value, name)
    square, dtype = as_square(value, name)
    bad = ~(np.isfinite(square) | (gaps & np.isnan(square)))
    if bad.any():
        position, where = first_of(bad, name)
        raise ValueError(f"{where} is {square[position]}; all distances must be finite")
    if (square < 0).any():
        position, where = first_of(square < 0, name)
        raise ValueError(f"{where} is {square[position]:.6g}; distances must not be negative")
    known = np.nan_to_num(square)
    diagonal = np.diagonal(known)
    if (diagonal > 1e-7 * known.max(initial=0.0)).any():
        k = int(diagonal.argmax())
        hint = ": these look like similarities, convert them first" if (diagonal == diagonal[0]).all() else ""
        raise ValueError(
            f"{name}[{k}, {k}] is {diagonal[k]:.6g}, but an item is at distance 0 from itself{hint}"
        )
    if (np.isnan(square) != np.isnan(square.T)).any():
        raise ValueError(f"{name} is not symmetric: a pair has a value in one direction and NaN in the other")
    require_symmetric_values(
        known, dtype, name, advice=": use (D + D.T) / 2 if the two directions may be averaged"
    )
    check.require_normal_size(float(known.max()), name)
    square = (square + square.T) / 2
    np.fill_diagonal(square, 0.0)
    return square


def refuse_similarity(value: Any, name: str) -> None:
    """Refuse a result in which larger means more alike."""
    if isinstance(value, Pairwise) and value.is_similarity:
        raise ValueError(
            f"{name} holds similarities ({value.metric}), but distances are needed: convert them, for "
            "example by np.arccos(np.clip(result.values, -1, 1)), which makes a metric of CKA, NBS and other "
            "cosines, or by 1 - result.values"
        )


def names_of(value: Any, names: Sequence[str] | None, count: int, name: str) -> AnyArray:
    """Return the names of the items of a matrix: those given, its own, or their numbers."""
    given = check.as_names(names, count, "names")
    if given is None and isinstance(value, Pairwise):
        given = value.names.tolist()
    if given is None and (index := row_index(value, name)) is not None and getattr(value, "ndim", 1) == 2:
        given = [str(entry) for entry in index.ids.tolist()]
    return np.array([str(k) for k in range(count)] if given is None else given)
