"""Points of manifolds as rows of one matrix, in as few dimensions as they span."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.linalg

from ..clouds.manifolds import Manifolds
from . import checks as _validate
from .checks import FloatArray

# Features that are read at a time where there are more of them than points.
_FEATURE_BLOCK = 1024


def power_of_two_above(size: float) -> float:
    """Give the power of two above a size (1 for zero); divisions by it are exact."""
    return math.ldexp(1.0, min(math.frexp(size)[1], 1023)) if size > 0 else 1.0


def mean_point(clouds: Manifolds) -> tuple[float, FloatArray]:
    """Largest magnitude in the data and the mean of all points; reads one manifold at a time."""
    size, total = 0.0, np.zeros(clouds.n_features)
    for m, cloud in enumerate(clouds):
        clouds.require_finite(m)
        data = np.asarray(cloud, dtype=np.float64)
        size = max(size, float(data.max()), -float(data.min()))
        with np.errstate(over="ignore"):  # which is what the check below is about
            total += data.mean(axis=0) * len(data)
    _validate.require_magnitude(size, "manifolds")
    return size, total / clouds.n_points.sum()


def span_coordinates(columns: Callable[[int, int], FloatArray], n_features: int, n_rows: int) -> FloatArray:
    """Coordinates (n_rows, at most n_features) of the rows of a matrix with the same inner products.

    The matrix comes in blocks of columns. They are the transposed R of its transpose's QR decomposition, with
    a positive diagonal, which an orthogonal map of the rows does not change. Unlike a Gram matrix this loses
    nothing to squaring.
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
