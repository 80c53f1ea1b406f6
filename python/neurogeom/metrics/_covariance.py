"""Covariance matrices that whiten: factorised once, compared by content."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray
from .._base.codec import registered
from . import checks as check

# Share of a variance, in units of n eps, that must be left given the others.
_LEAST_REST = 8.0


@registered
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Covariance:
    """A covariance matrix as its Cholesky factor L (or, of a diagonal one, the square roots)."""

    name: str
    factor: FloatArray
    key: bytes

    @classmethod
    def from_user(cls, value: Any, name: str) -> Covariance:
        """Take variances or a matrix as users give them."""
        array = check.as_covariance(value, name)
        key = bytes(str(array.shape), "ascii") + array.tobytes()
        if array.ndim == 1:
            return cls(name, np.sqrt(array), key)
        # With unit variances, so that units of very different scale are no trouble.
        scale = np.sqrt(np.diagonal(array))
        correlations = array / scale / scale[:, None]
        try:
            factor = np.linalg.cholesky((correlations + correlations.T) / 2)
        except np.linalg.LinAlgError:
            factor = np.zeros_like(array)
        rest = float(np.diagonal(factor).min()) ** 2
        if not rest > _LEAST_REST * len(array) * np.finfo(np.float64).eps:
            check.refuse_singular(name)
        return cls(name, np.asarray(factor * scale[:, None], dtype=np.float64), key)

    @property
    def size(self) -> int:
        """Number of variances."""
        return len(self.factor)

    def whiten(self, rows: FloatArray) -> FloatArray:
        """Multiply each row by the inverse factor: X -> X L^-T."""
        if self.factor.ndim == 1:
            return rows / self.factor
        return np.ascontiguousarray(
            scipy.linalg.solve_triangular(self.factor, rows.T, lower=True, check_finite=False).T
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Covariance) and self.key == other.key
