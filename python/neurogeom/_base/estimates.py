"""Means over draws and their errors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .checks import FloatArray


def mean_of_defined(values: FloatArray) -> float:
    """Mean of the values that are not NaN; NaN if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Mean of the values that are not NaN, and its standard error (NaN for a single value)."""
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return math.nan, math.nan
    mean = float(values.mean())
    return mean, root_sum_square(values - mean) / math.sqrt(n * (n - 1)) if n > 1 else math.nan


def mean_and_deviation(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation (NaN for a single value) of the finite values."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return math.nan, math.nan
    return float(finite.mean()), float(finite.std(ddof=1)) if finite.size > 1 else math.nan


def root_sum_square(vector: FloatArray) -> float:
    """Root of the sum of squares, which may themselves be out of range."""
    largest = float(np.abs(vector).max())
    return largest * float(np.sqrt(((vector / largest) ** 2).sum())) if 0 < largest < math.inf else largest
