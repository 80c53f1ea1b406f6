"""Checks of logits and labels, and the classes of a sample but the predicted one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from ..representations.checks import require_same_indices

Indices = NDArray[np.intp]


def as_logits(logits: ArrayLike, name: str = "logits") -> FloatArray:
    values = _validate.as_float_matrix(logits, name)
    if values.shape[1] < 2:
        raise ValueError(f"{name} must be of at least two classes (columns), not of shape {values.shape}")
    _validate.require_magnitude(float(np.abs(values).max()), name)
    return values


def as_columns(
    labels: Any, values: FloatArray, given: Any, name: str = "labels", of: str = "logits"
) -> Indices:
    """Take the true class of each sample, a row of what was given as logits, as the number of a column."""
    require_same_rows({of: given, name: labels})
    try:
        classes = _validate.as_array(labels, name)
    except TypeError as error:
        raise TypeError(f"{name} must be integers, the columns of {of}: {error}") from None
    if classes.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, the columns of {of}, not {classes.dtype}")
    if classes.shape != (len(values),):
        raise ValueError(
            f"{name} must have one entry for each of the {len(values)} rows of {of}, not be of "
            f"shape {classes.shape}"
        )
    bad = (classes < 0) | (classes >= values.shape[1])
    if bad.any():
        (at, *_), place = _validate.first_of(bad, name)
        raise ValueError(f"{place} is {classes[at]}; the columns of {of} are 0 to {values.shape[1] - 1}")
    return classes.astype(np.intp)


def require_same_rows(entries: Mapping[str, Any]) -> None:
    """Refuse pandas or xarray objects whose rows are other samples, or in another order."""
    require_same_indices((name, _validate.row_index(value, name)) for name, value in entries.items())


def require_same_classes(one: FloatArray, other: FloatArray, name: str, other_name: str) -> None:
    if one.shape[1] != other.shape[1]:
        raise ValueError(
            f"{name} and {other_name} must be of the same classes, not {one.shape[1]} and {other.shape[1]}"
        )


def others(values: FloatArray, predicted: Indices) -> NDArray[np.bool_]:
    """Mark all classes but the predicted one."""
    marks = np.ones(values.shape, dtype=bool)
    marks[np.arange(len(values)), predicted] = False
    return marks


def without(values: FloatArray, predicted: Indices) -> FloatArray:
    """Drop the predicted class of each sample."""
    return values[others(values, predicted)].reshape(len(values), values.shape[1] - 1)
