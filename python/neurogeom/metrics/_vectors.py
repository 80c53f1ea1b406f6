"""The product of measures that need one number a pair: the inner product of two long vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._base.checks import FloatArray
from .._base.isa import core
from .base import Product, Tile


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
