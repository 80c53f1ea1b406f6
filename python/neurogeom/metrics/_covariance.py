"""Covariance matrices that whiten: factorised once, compared by content."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray, as_array, require_finite, require_symmetric_values
from .._base.codec import registered

# Share of a variance, in units of n eps, that the other variables must leave unexplained.
_LEAST_REST = 8.0


@registered
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Covariance:
    """A covariance matrix as its Cholesky factor L (or, if diagonal, the square roots)."""

    name: str
    factor: FloatArray
    key: bytes

    @classmethod
    def from_user(cls, value: Any, name: str) -> Covariance:
        """Take variances or a matrix as users pass them."""
        array = _as_covariance(value, name)
        key = bytes(str(array.shape), "ascii") + array.tobytes()
        if array.ndim == 1:
            return cls(name, np.sqrt(array), key)
        # With unit variances, so that units of very different scale cause no trouble.
        scale = np.sqrt(np.diagonal(array))
        correlations = array / scale / scale[:, None]
        try:
            factor = np.linalg.cholesky((correlations + correlations.T) / 2)
        except np.linalg.LinAlgError:
            factor = np.zeros_like(array)
        rest = float(np.diagonal(factor).min()) ** 2
        if not rest > _LEAST_REST * len(array) * np.finfo(np.float64).eps:
            raise ValueError(
                f"{name} is not positive definite (beyond rounding), so it has no inverse: shrink it towards "
                "its diagonal, or pass the variances alone"
            )
        return cls(name, np.asarray(factor * scale[:, None], dtype=np.float64), key)

    @property
    def size(self) -> int:
        """Number of variances."""
        return len(self.factor)

    def require_size(self, expected: int, name: str, label: str, what: str) -> None:
        """Refuse an item whose number of stimuli or units differs from the size of the matrix."""
        if self.size != expected:
            raise ValueError(f"{name} is for {self.size} {what}, but {label} has {expected}")

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


def _as_covariance(value: Any, name: str) -> FloatArray:
    """Take variances (n,) or a symmetric covariance matrix (n, n) as a float64 array of its own."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0 or array.shape != (len(array),) * array.ndim:
        raise ValueError(
            f"{name} must be a vector of variances or a square matrix, not of shape {array.shape}"
        )
    require_finite(array, name)
    if array.ndim == 2:
        require_symmetric_values(array, given.dtype, name)
    variances = array if array.ndim == 1 else np.diagonal(array)
    if variances.min() <= 0:
        at = int(np.argmin(variances))
        raise ValueError(f"{name} must be positive definite, but its variance {at} is {variances[at]:.3g}")
    return array
