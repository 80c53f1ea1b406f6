"""Products of pairs: what follows from the core F_i' F_j of two factors, and inner products of vectors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._base.checks import FloatArray
from .._base.codec import register_if_built_in
from .._base.isa import core
from . import checks as check
from ._factors import Factor
from .base import Product, Tile, map_pairs
from .fitting import aligned_bases

# Whether a nuclear norm is wanted, and the weights of all rows and columns (empty ones stand for ones).
CoreQuantity: TypeAlias = tuple[bool, list[FloatArray], list[FloatArray]]


@dataclasses.dataclass(frozen=True)
class Weighting:
    """Weights of the columns of a factor; subclasses are frozen dataclasses. None stands for ones."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    def weights(self, record: Factor) -> FloatArray:
        """Return one weight for each column."""
        raise NotImplementedError

    def outside(self, record: Factor) -> float:
        """Return the weight of the part of held-out responses outside the span of the record."""
        raise NotImplementedError


class Aligned(NamedTuple):
    """Similarity after the best rotation, and one minus it, accurate even when tiny."""

    similarity: FloatArray
    gap: FloatArray


class _CoreProduct(Product):
    """What follows from the core F_i' F_j; the core is computed once for all of them."""

    def quantity(self, rows: Sequence[Factor], columns: Sequence[Factor]) -> CoreQuantity:
        """Return whether it is a nuclear norm, and the weights of rows and columns."""
        raise NotImplementedError

    def wrap(self, values: FloatArray) -> Any:
        """Pick what users of the product want from value, gap and error."""
        raise NotImplementedError

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[Any]:
        """Compute all quantities of the cores of a tile."""
        found = _quantities(tile, [product.quantity(tile.rows, tile.columns) for product in products])
        return [product.wrap(values) for product, values in zip(products, found, strict=True)]


def _quantities(tile: Tile, wanted: list[CoreQuantity]) -> list[FloatArray]:
    rows, columns = ([record.matrix for record in side] for side in tile.sides)
    left, right = (all(record.trapezoidal for record in side) for side in tile.sides)
    return list(core.core_quantities(rows, columns, left, right, tile.where, wanted, tile.n_threads, None))


def squares_between(tile: Tile) -> FloatArray:
    """Sums of squares of the cores F_i' G_j of a tile with the F of one part and the G of another."""
    n_rows, n_columns = len(tile.rows), len(tile.columns)
    return np.asarray(_quantities(tile, [(False, [np.zeros(0)] * n_rows, [np.zeros(0)] * n_columns)])[0][0])


@dataclasses.dataclass(frozen=True)
class NuclearNorm(_CoreProduct):
    """The nuclear norm of F_i' F_j, both weighted; weighted factors must have Frobenius norm 1."""

    weighting: Weighting | None = None

    def quantity(self, rows: Sequence[Factor], columns: Sequence[Factor]) -> CoreQuantity:
        """Weight both sides alike."""
        return True, _weights(self.weighting, rows), _weights(self.weighting, columns)

    def wrap(self, values: FloatArray) -> Aligned:
        """Leave out the error estimate, which is for tests."""
        return Aligned(values[0], values[1])


@dataclasses.dataclass(frozen=True)
class WeightedSquares(_CoreProduct):
    """The sum of squares of F_i' F_j, rows weighted by `left` and columns by `right`."""

    left: Weighting | None = None
    right: Weighting | None = None

    def quantity(self, rows: Sequence[Factor], columns: Sequence[Factor]) -> CoreQuantity:
        """Weight each side in its own way."""
        return False, _weights(self.left, rows), _weights(self.right, columns)

    def wrap(self, values: FloatArray) -> FloatArray:
        """Return the sums."""
        return np.asarray(values[0])


def _weights(weighting: Weighting | None, records: Sequence[Factor]) -> list[FloatArray]:
    return [np.zeros(0) if weighting is None else weighting.weights(record) for record in records]


@dataclasses.dataclass(frozen=True)
class HeldOutNorm(Product):
    """Similarity of held-out responses, aligned as the training data are; same weights as `NuclearNorm`."""

    weighting: Weighting | None = None

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """Return the norms of both sides and one minus the similarity, as three arrays of a tile."""
        found = []
        for product in products:
            left, right = ([_held_out(record, product.weighting) for record in side] for side in tile.sides)
            norms_and_gap = map_pairs(align_held_out, left, right, tile.where, tile.n_threads, n_values=3)
            found.append(tuple(norms_and_gap))
        return found


class _HeldOut(NamedTuple):
    """A weighted factor, held-out responses in its coordinates, and the norm of what these miss."""

    label: str
    factor: FloatArray
    responses: FloatArray
    outside: float


def _held_out(record: Factor, weighting: Weighting | None) -> _HeldOut:
    assert record.held_out is not None
    if weighting is None:
        return _HeldOut(record.label, record.matrix, record.held_out, record.held_out_outside)
    weights, outside = weighting.weights(record), weighting.outside(record) * record.held_out_outside
    return _HeldOut(record.label, record.matrix * weights, record.held_out * weights, outside)


def align_held_out(x: _HeldOut, y: _HeldOut) -> tuple[float, float, float]:
    """Norms of held-out responses of two items and one minus their similarity.

    Only directions that the training data align count: others are arbitrary. The others contribute to the
    norms but not to the inner product, so that the result does not depend on the basis of the units.
    """
    sides, rests, norms = [], [], []
    for item, basis in zip((x, y), aligned_bases(x.factor, y.factor), strict=True):
        aligned = item.responses @ basis
        rest = math.hypot(float(np.linalg.norm(item.responses - aligned @ basis.T)), item.outside)
        norm = math.hypot(float(np.linalg.norm(aligned)), rest)
        check.require_spread(norm, f"the held-out data of {item.label}")
        sides.append(aligned / norm)
        rests.append(rest / norm)
        norms.append(norm)
    residual = float(np.linalg.norm(sides[0] - sides[1]))
    return norms[0], norms[1], (residual**2 + rests[0] ** 2 + rests[1] ** 2) / 2


@dataclasses.dataclass(frozen=True)
class InnerProduct(Product):
    """<row vector, column vector>; the record of `part` is a vector or has one as its attribute `vector`."""

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[FloatArray]:
        """Compute all inner products of a tile."""
        left, right = ([getattr(record, "vector", record) for record in side] for side in tile.sides)
        values = core.inner_products(left, right, tile.n_threads, None)
        values[~tile.where] = np.nan
        return [values] * len(products)
