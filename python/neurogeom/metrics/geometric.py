"""Differences of single numbers that describe how responses lie in the space of units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from . import checks as check
from ._stimulus_distances import squared_distances, sum_squared_distances
from .base import Distance, Part, Products, Tile

Quantity: TypeAlias = Literal["magnitude", "concentricity", "uniformity"]


def _magnitude(data: UnitBlocks) -> float:
    _require_responses(max(float(np.abs(block).max()) for block in data), data.label)
    return float(np.sqrt(sum(float(np.square(block.mean(axis=0)).sum()) for block in data)))


def _concentricity(data: UnitBlocks) -> float:
    largest = max(float(np.abs(block).max()) for block in data)
    _require_responses(largest, data.label)
    squares = np.zeros(data.shape[0] + 1)
    products = np.zeros(data.shape[0])
    for block in data:
        scaled = block / largest
        mean = scaled.mean(axis=0)
        products += scaled @ mean
        squares[:-1] += np.einsum("ij,ij->i", scaled, scaled)
        squares[-1] += np.dot(mean, mean)
    if not squares[:-1].all():
        raise TooLittleDataError(
            f"in {data.label}, stimulus {int(np.argmin(squares[:-1]))} has no response in any unit, so that "
            "its angle to the mean response is not defined"
        )
    if squares[-1] <= _NO_MEAN**2 * squares[:-1].max():
        raise TooLittleDataError(f"the mean response of {data.label} is zero, so that it has no direction")
    return float(np.mean(products / np.sqrt(squares[:-1])) / np.sqrt(squares[-1]))


def _uniformity(data: UnitBlocks) -> float:
    squared = sum_squared_distances(data) if data.is_divided else squared_distances(data.whole())
    check.require_spread(float(squared.max()), data.label)
    return float(np.log(np.exp(-2 * squared).mean()))


# A mean response this small relative to the largest response is rounding.
_NO_MEAN = 64 * float(np.finfo(np.float64).eps)
_QUANTITIES: dict[str, Callable[[UnitBlocks], float]] = {
    "magnitude": _magnitude,
    "concentricity": _concentricity,
    "uniformity": _uniformity,
}


def _require_responses(largest: float, label: str) -> None:
    if largest == 0:
        raise TooLittleDataError(f"{label} has no response to any stimulus")


@dataclasses.dataclass(frozen=True)
class QuantityPart(Part):
    """A number that describes an item."""

    quantity: str

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice."""
        return False

    def prepare(self, data: UnitBlocks) -> float:
        """Compute it."""
        return _QUANTITIES[self.quantity](data)


class GeometricDifference(Distance):
    """Difference of two representations in one number that describes how their responses lie.

    The number is computed for each representation alone, so that stimuli need not even be matched. A
    (pseudo-)metric.

    Parameters
    ----------
    quantity : {"magnitude", "concentricity", "uniformity"}, default "magnitude"
        "magnitude": length of the mean response, in the units of the responses. "concentricity": mean cosine
        between the responses and their mean, invariant to isotropic scaling. "uniformity":
        ``log(mean(exp(-2 d**2)))`` over all pairs of stimuli, each with itself included, with Euclidean
        distances d; it depends on the scale, and is meant for responses of length about 1. Only uniformity is
        invariant to translation, and all are to rotation.

    Notes
    -----
    As defined in the survey of Klabunde, Schumacher, Strohmaier & Lemmerich, Similarity of neural network
    models, 2023; uniformity is from Wang & Isola, Understanding contrastive representation learning through
    alignment and uniformity on the hypersphere, ICML 2020.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.GeometricDifference().distance([[3.0, 4.0], [3.0, 4.0]], [[1.0], [0.0]])
    4.5
    """

    def __init__(self, quantity: Quantity = "magnitude") -> None:
        self.quantity = _validate.as_choice(quantity, "quantity", tuple(_QUANTITIES))
        self.name = f"{self.quantity}_difference"
        self._part = QuantityPart(self.quantity)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the differences of two blocks of items."""
        del products
        rows, columns = (np.array([item[self._part] for item in side]) for side in tile.sides)
        return np.where(tile.where, np.abs(np.subtract.outer(rows, columns)), np.nan)
