"""Checks of what is predicted and of matrices that are inverted."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray, as_array, require_finite


def as_targets(value: Any, n_rows: int) -> tuple[FloatArray, bool]:
    """Take responses as a matrix, and whether they came as a vector."""
    targets = np.ascontiguousarray(as_array(value, "Y"), dtype=np.float64)
    if targets.ndim not in (1, 2) or targets.size == 0 or len(targets) != n_rows:
        raise ValueError(
            f"Y must have shape ({n_rows},) or ({n_rows}, n_targets), a row for each stimulus, not "
            f"{targets.shape}"
        )
    require_finite(targets, "Y")
    return targets.reshape(n_rows, -1), targets.ndim == 1


def factor_of(matrix: FloatArray, name: str, cure: str) -> tuple[FloatArray, float]:
    """Return the lower Cholesky factor of a matrix and its condition number; refuse a singular matrix."""
    factor, failed = scipy.linalg.lapack.dpotrf(matrix, lower=1, clean=1)
    reciprocal = 0.0
    if not failed:
        reciprocal, _ = scipy.linalg.lapack.dpocon(factor, np.abs(matrix).sum(axis=0).max(), uplo="L")
    if not reciprocal > len(matrix) * np.finfo(np.float64).eps:
        raise ValueError(
            f"{name} is singular to rounding: of the {len(matrix)} stimuli some are repeated or nearly so, "
            f"or they are more than this kernel can tell apart; it takes {cure}"
        )
    return factor, 1 / float(reciprocal)
