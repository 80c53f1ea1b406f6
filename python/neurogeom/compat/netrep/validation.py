"""Stands in for ``netrep.validation``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._base.checks import AnyArray, as_array, require_finite


def check_equal_shapes(X: Any, Y: Any, nd: int = 2, zero_pad: bool = False) -> tuple[AnyArray, AnyArray]:
    """Return two arrays of nd dimensions and one shape.

    Parameters
    ----------
    X, Y : array-like
        Finite numbers.
    nd : int
        Number of dimensions.
    zero_pad : bool
        Add zeros along the last axis of the narrower one; otherwise different shapes are refused.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> check_equal_shapes([[1.0, 2.0]], [[3.0]], zero_pad=True)[1]
    array([[3., 0.]])
    """
    arrays = [as_array(value, name) for value, name in ((X, "X"), (Y, "Y"))]
    for array, name in zip(arrays, ("X", "Y"), strict=True):
        require_finite(array, name)
    shapes = [array.shape for array in arrays]
    if any(len(shape) != nd for shape in shapes):
        raise ValueError(f"X and Y must have {nd} dimensions, not shapes {shapes[0]} and {shapes[1]}")
    if shapes[0] != shapes[1] and not (zero_pad and shapes[0][:-1] == shapes[1][:-1]):
        raise ValueError(f"X and Y must have the same shape, not {shapes[0]} and {shapes[1]}")
    width = max(shape[-1] for shape in shapes)
    padded = [np.pad(x, [*[(0, 0)] * (nd - 1), (0, width - x.shape[-1])]) for x in arrays]
    return padded[0], padded[1]
