"""Rows of one matrix in as few dimensions as they span, and what is zero there up to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.linalg

from .checks import FloatArray

# What is zero up to rounding, relative to the largest value in the data:
ZERO_LENGTH = 1e-12  # the length of a centre or a spread, which are what is left of means
NO_EXTENT = 1e-14  # the largest coordinate of points less their mean, or less each other
ZERO_SQUARE = 1e-13  # a squared extent in a Gram matrix, relative to the largest in it

# Features that are read at a time if there are more of them than points.
_FEATURE_BLOCK = 1024


def power_of_two_above(size: float) -> float:
    """Return the power of two above a size (1 for zero); divisions by it are exact."""
    return math.ldexp(1.0, min(math.frexp(size)[1], 1023)) if size > 0 else 1.0


def span_coordinates(columns: Callable[[int, int], FloatArray], n_features: int, n_rows: int) -> FloatArray:
    """Coordinates (n_rows, at most n_features) of the rows of a matrix with the same inner products.

    The matrix comes in blocks of columns. The coordinates are the transpose of R in the QR decomposition of
    its transpose, with a positive diagonal, so that an orthogonal map of the rows does not change them.
    Unlike a Gram matrix, this loses nothing to squaring.
    """
    width = max(_FEATURE_BLOCK, 2 * n_rows)
    factor = np.zeros((0, n_rows))
    for start in range(0, n_features, width):
        block = columns(start, min(start + width, n_features)).T
        stacked = np.asfortranarray(np.concatenate([factor, block]))
        (factor,) = scipy.linalg.qr(stacked, mode="r", overwrite_a=True, check_finite=False)
        factor = factor[: min(factor.shape)]
    signs = np.where(np.diagonal(factor) < 0, -1.0, 1.0)
    return np.ascontiguousarray(factor.T) * signs
