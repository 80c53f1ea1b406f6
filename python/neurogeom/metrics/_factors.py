"""What linear measures need of one item: a matrix F with the inner products of its stimuli, and little else.

Only inner products between stimuli matter to these measures, so that a representation X (stimuli x units) is
replaced by an F with F F' = X X', or, for whitened measures, by an orthonormal basis of its column space.
Both are lower trapezoidal and have no more columns than X has stimuli or units: products of them are cheap.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.linalg

from .. import _validate_pairwise as check
from .._validate import FloatArray
from .base import Part

# A triangle with a smaller reciprocal condition number gets a singular value decomposition to find its rank.
_WELL_CONDITIONED = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """The record of one item.

    ``matrix`` is F, of (n_stimuli or one less) x rank, and ``scale`` what it is to be multiplied by. `mean`
    and `map` are kept for fitted alignments: ``(X - mean) @ map`` are other stimuli in F's coordinates.
    """

    label: str
    matrix: FloatArray
    scale: float
    rank: int
    size: int  # rows of matrix: the largest rank there can be
    trapezoidal: bool = False  # entries of the matrix right of its diagonal are zero
    singular: FloatArray | None = None
    mean: FloatArray | None = None
    map: FloatArray | None = None
    held_out: FloatArray | None = None
    held_out_outside: float = 0.0  # norm of the held-out responses outside of what the training data span


@dataclasses.dataclass(frozen=True)
class FactorPart(Part):
    """F with F F' = X X' and Frobenius norm 1."""

    center: bool = True
    keep_map: bool = False

    def prepare(self, data: FloatArray, label: str) -> Factor:
        """Reduce one item."""
        mean, reduced, size = reduce_stimuli(data, self.center, label)
        norm = float(np.linalg.norm(reduced))
        reduced /= norm
        rows = len(reduced)
        if not self.keep_map:
            matrix = lower_trapezoid(reduced)
            return Factor(label, matrix, norm * size, matrix.shape[1], rows, trapezoidal=True)
        rotation, upper = np.linalg.qr(reduced.T)
        matrix = np.ascontiguousarray(np.tril(upper.T))
        return Factor(
            label, matrix, norm * size, matrix.shape[1], rows, mean=mean, map=rotation / (norm * size)
        )

    def prepare_held_out(self, record: Factor, data: FloatArray, label: str) -> Factor:
        """Put other stimuli into the coordinates of F."""
        return hold_out(record, data)


@dataclasses.dataclass(frozen=True)
class BasisPart(Part):
    """An orthonormal basis of the column space of X, divided by the root of its rank."""

    center: bool = True
    rank_tolerance: float | None = None
    keep_map: bool = False

    def prepare(self, data: FloatArray, label: str) -> Factor:
        """Find the numerical rank of one item and a basis."""
        if not self.keep_map:
            _, reduced, size = reduce_stimuli(data, self.center, label)
            norm = float(np.linalg.norm(reduced))
            factor = lower_trapezoid(reduced / norm)
            basis = self._well_conditioned_basis(factor)
            if basis is not None:
                rank = basis.shape[1]
                matrix = basis / math.sqrt(rank)
                return Factor(label, matrix, norm * size, rank, len(basis), trapezoidal=True)
        found = SpectrumPart(self.center, self.rank_tolerance, self.keep_map).prepare(data, label)
        matrix = found.matrix if self.keep_map else lower_trapezoid(found.matrix)
        root = math.sqrt(found.rank)
        kept = None if found.map is None else found.map / root
        return dataclasses.replace(found, matrix=matrix / root, map=kept, trapezoidal=not self.keep_map)

    def _well_conditioned_basis(self, factor: FloatArray) -> FloatArray | None:
        """Orthonormalise the columns of a trapezoid, which keeps it one; None if its rank is in doubt."""
        rows, columns = factor.shape
        if self.rank_tolerance is not None and self.rank_tolerance > _WELL_CONDITIONED / columns:
            return None
        if rows == columns:  # all of stimulus space, unless the rank is smaller
            reciprocal, _ = scipy.linalg.lapack.dtrcon(factor, uplo="L")
            return np.eye(rows) if reciprocal > _WELL_CONDITIONED else None
        # From the last column to the first, so that each only gets entries where it has some.
        flipped = np.ascontiguousarray(factor[::-1, ::-1])
        rotation, upper = np.linalg.qr(flipped)
        if not np.diagonal(upper).all():
            return None
        reciprocal, _ = scipy.linalg.lapack.dtrcon(upper)
        if not reciprocal > _WELL_CONDITIONED:
            return None
        return np.ascontiguousarray(np.tril(rotation[::-1, ::-1]))

    def prepare_held_out(self, record: Factor, data: FloatArray, label: str) -> Factor:
        """Put other stimuli into the coordinates of the basis."""
        return dataclasses.replace(hold_out(record, data), held_out_outside=0.0)


@dataclasses.dataclass(frozen=True)
class SpectrumPart(Part):
    """Left singular vectors of X and its singular values, down to its numerical rank."""

    center: bool = True
    rank_tolerance: float | None = None
    keep_map: bool = False

    def prepare(self, data: FloatArray, label: str) -> Factor:
        """Decompose one item."""
        mean, reduced, size = reduce_stimuli(data, self.center, label)
        norm = float(np.linalg.norm(reduced))
        reduced /= norm
        if self.keep_map:
            left, singular, right = np.linalg.svd(reduced, full_matrices=False)
        else:
            left, singular, _ = np.linalg.svd(lower_trapezoid(reduced), full_matrices=False)
        tolerance = self.rank_tolerance
        if tolerance is None:
            tolerance = max(data.shape) * np.finfo(np.float64).eps
        rank = int((singular > tolerance * singular[0]).sum())
        left, singular = np.ascontiguousarray(left[:, :rank]), singular[:rank]
        scale = norm * size
        found = Factor(label, left, scale, rank, len(left), singular=singular)
        if not self.keep_map:
            return found
        return dataclasses.replace(found, mean=mean, map=right[:rank].T / (singular * scale))

    def prepare_held_out(self, record: Factor, data: FloatArray, label: str) -> Factor:
        """Put other stimuli into the coordinates of the singular vectors."""
        return dataclasses.replace(hold_out(record, data), held_out_outside=0.0)


def reduce_stimuli(data: FloatArray, center: bool, label: str) -> tuple[FloatArray, FloatArray, float]:
    """Centre a representation and drop the direction in stimulus space that this empties.

    Returns the mean, a matrix with the inner products of the (centred) columns, and a power of two that it
    was divided by.
    """
    mean = data.mean(axis=0) if center else np.zeros(data.shape[1])
    centered = data - mean
    if center:
        rest = centered.mean(axis=0)  # what rounding of the mean left over
        centered -= rest
        mean = mean + rest
    largest = max(float(centered.max()), -float(centered.min()))
    # Rounding of a constant column does not count as variation.
    noise = 8 * np.finfo(np.float64).eps * max(float(data.max()), -float(data.min()))
    check.require_spread(largest if not center or largest > noise else 0.0, label)
    size = math.ldexp(1.0, math.frexp(largest)[1])
    centered /= size
    if not center:
        return mean, centered, size
    # A Householder reflection takes the vector of ones, to which columns are orthogonal, to the first axis.
    reduced = centered[1:] - centered[0] / (1.0 + math.sqrt(len(data)))
    return mean, reduced, size


def lower_trapezoid(matrix: FloatArray) -> FloatArray:
    """The L of matrix = L Q: rows with the same inner products, and zeros right of the diagonal."""
    upper = np.asarray(np.linalg.qr(matrix.T, mode="r"))
    # Signs are a convention: with a positive diagonal L depends on the inner products only.
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return np.ascontiguousarray((upper * signs[:, None]).T)


def hold_out(record: Factor, data: FloatArray) -> Factor:
    """Extend a record by other stimuli in its coordinates."""
    assert record.map is not None
    assert record.mean is not None
    centered = data - record.mean
    coordinates = centered @ record.map
    outside = 0.0
    if record.rank < data.shape[1]:
        rotation, _ = np.linalg.qr(record.map)
        outside = float(np.linalg.norm(centered - (centered @ rotation) @ rotation.T)) / record.scale
    return dataclasses.replace(record, held_out=coordinates, held_out_outside=outside)
