"""What linear measures need from an item: a matrix F with the inner products of its stimuli, and little else.

Only inner products between stimuli matter to these measures, so a representation X (stimuli x units) is
replaced by an F with F F' = X X' or, for whitened measures, by an orthonormal basis of its column space. Both
are lower trapezoidal and have no more columns than X has stimuli or units: products of them are cheap.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ._reduction import (
    Balanced,
    Reduced,
    balance,
    balance_blocks,
    lower_trapezoid,
    reduce_stimuli,
    reorder_stimuli,
)
from .base import Order, Part

_EPS = float(np.finfo(np.float64).eps)
# A triangle with a smaller reciprocal condition number gets a singular value decomposition to find its rank.
_WELL_CONDITIONED = 1e-7


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """The record of one item.

    ``matrix`` is F, of shape (n_stimuli or one less) x rank, and ``scale`` is the factor to multiply it by.
    `mean`, `map` and `span` are kept for fitted alignments: ``(X - mean) @ map`` puts other stimuli in F's
    coordinates, and the columns of `span` are an orthonormal basis of the directions of unit space that the
    data span (None if that is all of it, or if what lies outside does not count).
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
    span: FloatArray | None = None
    held_out: FloatArray | None = None
    held_out_outside: float = 0.0  # norm of the held-out responses outside of `span`, over scale


def reordered(record: Factor, center: bool, order: Order) -> Factor:
    """Return a record for its stimuli in another order; without what serves held-out stimuli."""
    matrix = reorder_stimuli(record.matrix, center, order)
    return dataclasses.replace(record, matrix=matrix, trapezoidal=False, map=None, span=None, held_out=None)


@dataclasses.dataclass(frozen=True)
class FactorPart(Part):
    """F with F F' = X X' and Frobenius norm 1."""

    center: bool = True
    keep_map: bool = False

    @property
    def needs_whole(self) -> bool:
        """Whether a map of units is kept, which does not fit in memory where the item does not."""
        return self.keep_map

    def prepare(self, data: UnitBlocks) -> Factor:
        reduced = reduce_stimuli(data, self.center)
        norm = float(np.linalg.norm(reduced.matrix))
        matrix = reduced.matrix / norm
        if self.keep_map:
            rotation, upper = np.linalg.qr(matrix.T)
            factor = np.ascontiguousarray(np.tril(upper.T))
        else:
            factor = lower_trapezoid(matrix)
        scale = norm * reduced.size
        found = Factor(data.label, factor, scale, factor.shape[1], len(factor), trapezoidal=True)
        if not self.keep_map:
            return found
        span = reduced.for_all_units(rotation)
        return dataclasses.replace(found, mean=reduced.mean, map=span / found.scale, span=_unless_all(span))

    def reordered(self, record: Factor, order: Order) -> Factor:
        return reordered(record, self.center, order)

    def prepare_held_out(self, record: Factor, data: UnitBlocks) -> Factor:
        return hold_out(record, data.whole())


@dataclasses.dataclass(frozen=True)
class SpectrumPart(Part):
    """Left singular vectors of X and its singular values, down to its numerical rank."""

    center: bool = True
    rank_tolerance: float | None = None
    keep_map: bool = False

    @property
    def needs_whole(self) -> bool:
        """Whether a map of units is kept, which does not fit in memory where the item does not."""
        return self.keep_map

    def prepare(self, data: UnitBlocks) -> Factor:
        return self.decompose(reduce_stimuli(data, self.center), data.shape, data.label)

    def decompose(self, reduced: Reduced, shape: tuple[int, ...], label: str, noise: float = 0.0) -> Factor:
        """Decompose a reduced item, some of whose singular values may be noise of this size."""
        norm = float(np.linalg.norm(reduced.matrix))
        matrix = reduced.matrix / norm
        if self.keep_map:
            left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        else:
            left, singular, _ = np.linalg.svd(lower_trapezoid(matrix), full_matrices=False)
        rounding = max(max(shape) * _EPS, noise / (norm * float(singular[0])))
        tolerance = rounding if self.rank_tolerance is None else self.rank_tolerance
        rank = int((singular > tolerance * singular[0]).sum())
        scale = norm * reduced.size
        matrix = np.ascontiguousarray(left[:, :rank])
        found = Factor(label, matrix, scale, rank, len(left), singular=singular[:rank])
        if not self.keep_map:
            return found
        # What a larger tolerance leaves out of the whitening counts nowhere: it is not outside the span.
        span = reduced.for_all_units(right[singular > min(tolerance, rounding) * singular[0]].T)
        coordinates = reduced.for_all_units(right[:rank].T / (singular[:rank] * scale))
        return dataclasses.replace(found, mean=reduced.mean, map=coordinates, span=_unless_all(span))

    def reordered(self, record: Factor, order: Order) -> Factor:
        return reordered(record, self.center, order)

    def prepare_held_out(self, record: Factor, data: UnitBlocks) -> Factor:
        return hold_out(record, data.whole())


@dataclasses.dataclass(frozen=True)
class BasisPart(Part):
    """An orthonormal basis of the column space of X, divided by the root of its rank."""

    center: bool = True
    rank_tolerance: float | None = None
    keep_map: bool = False

    @property
    def needs_whole(self) -> bool:
        """Whether a map of units is kept, which does not fit in memory where the item does not."""
        return self.keep_map

    def prepare(self, data: UnitBlocks) -> Factor:
        if self.rank_tolerance is None and data.is_divided:
            return self._orthonormal(balance_blocks(data, self.center), data.shape, data.label)
        reduced = reduce_stimuli(data, self.center)
        if self.rank_tolerance is None:
            balanced = balance(reduced, data.whole(), self.center)
        else:
            balanced = Balanced(reduced, float(np.linalg.norm(reduced.matrix)) * reduced.size, 0.0)
        found = self._orthonormal(balanced, data.shape, data.label)
        if not self.keep_map:
            return found
        # Other stimuli use the shortest map, which does not depend on the basis of the units.
        weights = shortest_map(found.matrix.T @ reduced.matrix) / (found.rank * reduced.size)
        return dataclasses.replace(found, mean=reduced.mean, map=reduced.for_all_units(weights))

    def _orthonormal(self, balanced: Balanced, shape: tuple[int, ...], label: str) -> Factor:
        reduced, scale, noise = balanced
        basis = self._well_conditioned_basis(lower_trapezoid(reduced.matrix), noise)
        if basis is None:
            part = SpectrumPart(self.center, self.rank_tolerance)
            basis = lower_trapezoid(part.decompose(reduced, shape, label, noise).matrix)
        rank = basis.shape[1]
        return Factor(label, basis / math.sqrt(rank), scale, rank, len(basis), trapezoidal=True)

    def _well_conditioned_basis(self, factor: FloatArray, noise: float) -> FloatArray | None:
        """Orthonormalise the columns of a trapezoid, keeping its form; None if its rank is in doubt."""
        rows, columns = factor.shape
        safe = max(_WELL_CONDITIONED, columns * (self.rank_tolerance or 0.0), 100 * noise)
        if rows == columns:  # all of stimulus space, unless the rank is smaller
            return np.eye(rows) if _reciprocal_condition(factor.T) > safe else None
        # From the last column to the first, so that zeros above the diagonal stay zero.
        flipped = np.ascontiguousarray(factor[::-1, ::-1])
        rotation, upper = np.linalg.qr(flipped)
        if _reciprocal_condition(upper) <= safe:
            return None
        return np.ascontiguousarray(np.tril(rotation[::-1, ::-1]))

    def reordered(self, record: Factor, order: Order) -> Factor:
        return reordered(record, self.center, order)

    def prepare_held_out(self, record: Factor, data: UnitBlocks) -> Factor:
        return hold_out(record, data.whole())


def _reciprocal_condition(upper: FloatArray) -> float:
    """Estimate 1 / (|U| |U^-1|) in the 1-norm; U is its own LU factors (dtrcon needs SciPy 1.15)."""
    reciprocal, _ = scipy.linalg.lapack.dgecon(upper, np.abs(upper).sum(axis=0).max(initial=0.0))
    return float(reciprocal)


def hold_out(record: Factor, data: FloatArray) -> Factor:
    """Extend a record by other stimuli in its coordinates, and by the norm of what these coordinates miss."""
    if record.map is None or record.mean is None:  # it serves the training data only
        return record
    centered = data - record.mean
    # What rounding of the mean leaves of a constant is not variation, here as in training.
    centered[np.abs(centered) <= 8 * _EPS * np.abs(data)] = 0.0
    outside = 0.0
    if record.span is not None:
        outside = float(np.linalg.norm(outside_of(record.span, centered))) / record.scale
    held_out = centered @ record.map
    # The map and the span are as large as the item, and are no longer needed.
    return dataclasses.replace(record, held_out=held_out, held_out_outside=outside, map=None, span=None)


def outside_of(span: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the part of rows that lies outside the span of orthonormal columns."""
    return np.asarray(rows - (rows @ span) @ span.T)


def _unless_all(span: FloatArray) -> FloatArray | None:
    return span if span.shape[1] < len(span) else None


def shortest_map(coordinates: FloatArray) -> FloatArray:
    """Pseudo-inverse of a matrix (rank, n_units) of full rank whose columns may differ greatly in size.

    With the largest columns first, the QR decomposition is accurate relative to each column (Cox & Higham,
    Stability of Householder QR factorization for weighted least squares problems, 1998).
    """
    if not len(coordinates):  # SciPy accepts this from 1.14 on
        return np.zeros(coordinates.T.shape)
    order = np.argsort(-np.linalg.norm(coordinates, axis=0), kind="stable")
    rotation, upper, pivots = scipy.linalg.qr(coordinates.T[order], mode="economic", pivoting=True)
    found = np.empty(coordinates.T.shape)
    found[np.ix_(order, pivots)] = scipy.linalg.solve_triangular(upper, rotation.T).T
    return found
