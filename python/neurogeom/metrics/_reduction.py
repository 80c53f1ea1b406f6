"""Representations without what cannot matter to linear measures: centred, and as small as their rank allows.

Items that come in several blocks are reduced block by block of their units. As each block holds all stimuli,
centring and the choice of units are the same as for the whole; what remains of earlier blocks is the triangle
L with L L' = X X', updated by orthogonal transformations. Nothing is squared, so that small singular values
are as accurate as those of the whole item.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.coordinates import power_of_two_above
from ..representations.blocks import UnitBlocks
from . import checks as check
from .base import Order

_EPS = float(np.finfo(np.float64).eps)
# Columns that LAPACK's update of a triangle takes together.
_PANEL = 64


@registered
class Reduced(NamedTuple):
    """A centred representation without what cannot matter; see :func:`reduce_stimuli`."""

    matrix: FloatArray
    size: float  # the power of two that it was divided by
    mean: FloatArray
    kept: NDArray[np.intp]  # units that vary

    def for_all_units(self, rows: FloatArray) -> FloatArray:
        """Expand rows for the units that vary to all units, with zeros for the others."""
        full = np.zeros((len(self.mean), rows.shape[1]))
        full[self.kept] = rows
        return full


def reduce_stimuli(data: UnitBlocks, center: bool) -> Reduced:
    """Centre a representation; drop units that do not vary and the stimulus direction that centring empties.

    One that comes in several blocks is reduced to a matrix with the same inner products of stimuli and at
    most as many columns as rows; `mean` and `kept` are then empty.
    """
    if data.is_divided:
        return data.once(("reduced", center), lambda: _fold(data, center))
    reduced = _reduce(data.whole(), center)
    check.require_spread(float(reduced.kept.size), data.label)
    return reduced


def _reduce(data: FloatArray, center: bool) -> Reduced:
    """Reduce stimuli; no columns are left if no unit varies."""
    found = centre_units(data, center)
    if not center:
        return found
    # A Householder reflection takes the vector of ones, which the columns are orthogonal to, to the first
    # axis.
    centered = found.matrix
    return found._replace(matrix=centered[1:] - centered[0] / (1.0 + math.sqrt(len(data))))


def centre_units(data: FloatArray, center: bool) -> Reduced:
    """Centre a representation and drop units that do not vary; no columns are left if none does."""
    mean = data.mean(axis=0) if center else np.zeros(data.shape[1])
    centered = data - mean
    if center:
        rest = centered.mean(axis=0)  # what rounding of the mean left over
        centered -= rest
        mean = mean + rest
    largest = np.maximum(centered.max(axis=0), -centered.min(axis=0))
    # What rounding of the mean leaves of a constant is not variation.
    noise = 8 * _EPS * np.maximum(data.max(axis=0), -data.min(axis=0)) if center else 0.0
    (kept,) = np.nonzero(largest > noise)
    if kept.size < data.shape[1]:
        centered = centered[:, kept]
    size = power_of_two_above(float(largest[kept].max(initial=0.0)))
    centered /= size
    return Reduced(centered, size, mean, kept)


def lower_trapezoid(matrix: FloatArray) -> FloatArray:
    """The L of matrix = L Q: rows with the same inner products, and zeros right of the diagonal."""
    upper = np.asarray(np.linalg.qr(matrix.T, mode="r"))
    # Signs are a convention: with a positive diagonal, L depends only on the inner products.
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return np.ascontiguousarray((upper * signs[:, None]).T)


@registered
class Balanced(NamedTuple):
    """A reduced representation whose units have one scale; see :func:`balance`."""

    reduced: Reduced
    scale: float  # Frobenius norm before
    noise: float


def balance(reduced: Reduced, data: FloatArray, center: bool) -> Balanced:
    """Bring units to one scale, and bound the noise that rounding of means then puts in zero singular values.

    The column space does not depend on the scales of units, but the accuracy of its basis does.
    """
    scale = float(np.linalg.norm(reduced.matrix)) * reduced.size
    norms = np.linalg.norm(reduced.matrix, axis=0)
    _, exponents = np.frexp(norms)
    balanced = reduced._replace(matrix=np.ldexp(reduced.matrix, -exponents))
    if not center:
        return Balanced(balanced, scale, 0.0)
    largest = np.abs(data[:, reduced.kept]).max(axis=0) / reduced.size
    rounding = np.ldexp(_EPS * math.sqrt(len(data)) * largest, -exponents)
    return Balanced(balanced, scale, 2 * float(np.linalg.norm(rounding)))


def balance_blocks(blocks: UnitBlocks, center: bool) -> Balanced:
    """Bring the units of an item in several blocks to one scale, and reduce it."""
    return blocks.once(("balanced", center), lambda: _fold_balanced(blocks, center))


def _fold(blocks: UnitBlocks, center: bool) -> Reduced:
    triangle, size = _Triangle(blocks.shape[0] - center), 0.0
    for block in blocks:
        found = _reduce(block, center)
        if not found.kept.size:
            continue
        # All in units of the largest power of two so far, which is exact.
        if found.size > size:
            triangle.multiply(size / found.size)
            size = found.size
        elif found.size < size:
            np.multiply(found.matrix, found.size / size, out=found.matrix)
        triangle.append(found.matrix)
    check.require_spread(size, blocks.label)
    return _without_units(triangle, size)


def _fold_balanced(blocks: UnitBlocks, center: bool) -> Balanced:
    triangle, scale, noise = _Triangle(blocks.shape[0] - center), 0.0, 0.0
    for block in blocks:
        found = _reduce(block, center)
        if found.kept.size:
            balanced = balance(found, block, center)
            triangle.append(balanced.reduced.matrix)
            scale = math.hypot(scale, balanced.scale)
            noise = math.hypot(noise, balanced.noise)
    check.require_spread(scale, blocks.label)
    return Balanced(_without_units(triangle, 1.0), scale, noise)


def _without_units(triangle: _Triangle, size: float) -> Reduced:
    return Reduced(triangle.matrix, size, np.zeros(0), np.zeros(0, dtype=np.intp))


@dataclasses.dataclass(eq=False)
class _Triangle:
    """The L of [A B ...] = L Q for matrices that come one by one; the matrices themselves while few."""

    n_rows: int

    def __post_init__(self) -> None:
        self._columns = np.empty((self.n_rows, 0))
        self._upper: FloatArray | None = None  # L', in the order of Fortran

    def append(self, columns: FloatArray) -> None:
        """Add columns, which are overwritten."""
        if self._upper is None:
            columns = np.hstack([self._columns, columns])
            if columns.shape[1] <= self.n_rows:
                self._columns = columns
                return
            self._columns = np.empty((self.n_rows, 0))
            self._upper = np.zeros((self.n_rows, self.n_rows), order="F")
        self._upper, *_, status = scipy.linalg.lapack.dtpqrt(
            0, min(_PANEL, self.n_rows), self._upper, columns.T, overwrite_a=True, overwrite_b=True
        )
        assert status == 0

    def multiply(self, factor: float) -> None:
        """Multiply everything so far by a number."""
        self._columns *= factor
        if self._upper is not None:
            self._upper *= factor

    @property
    def matrix(self) -> FloatArray:
        """The columns, or L once there would be more columns than rows."""
        return self._columns if self._upper is None else np.ascontiguousarray(self._upper.T)


def with_all_stimuli(reduced: FloatArray) -> FloatArray:
    """Undo the reflection that takes the vector of ones to the first axis; columns are then centred."""
    root = math.sqrt(len(reduced) + 1)
    total = reduced.sum(axis=0) / root
    return np.vstack([-total, reduced - total / (1.0 + root)])


def reorder_stimuli(matrix: FloatArray, center: bool, order: Order) -> FloatArray:
    """Put the stimuli of a matrix as :func:`reduce_stimuli` makes it in another order."""
    if not center:
        return matrix[order]
    # The reflection undone, all but a shift of all rows; reordered; and reflected again.
    root = math.sqrt(len(matrix) + 1)
    total = matrix.sum(axis=0) / root
    shift = total / (1.0 + root)
    first = -total if order[0] == 0 else matrix[order[0] - 1] - shift
    rows = matrix.take(np.maximum(order[1:] - 1, 0), axis=0)
    rows[order[1:] == 0] = shift - total
    rows -= shift + first / (1.0 + root)
    return rows
