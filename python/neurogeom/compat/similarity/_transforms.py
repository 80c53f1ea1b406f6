"""Distances and scores that the registry derives from one measure: an angle, and what follows from it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..._base.checks import FloatArray
from ...metrics.base import Metric, Part, Prepared, Product, Products, Tile

# Angles and the sizes of row and column items -> what users see.
Form: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
MakeMetric: TypeAlias = Callable[[], Metric]


@dataclasses.dataclass(frozen=True)
class CentredNorm(Part):
    """The Frobenius norm of the responses less their means over stimuli."""

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice."""
        return False

    def prepare(self, data: Any) -> float:
        return float(np.linalg.norm([np.linalg.norm(block - block.mean(axis=0)) for block in data]))


def _squared_euclidean(angle: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """The law of cosines, without cancellation for small angles."""
    sizes = np.subtract.outer(left, right) ** 2
    return np.asarray(sizes + 4 * np.multiply.outer(left, right) * np.sin(angle / 2) ** 2)


def _negative_log(angle: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """NaN for scores that are not positive."""
    del left, right
    score = np.cos(angle)
    return np.asarray(-np.log(np.where(score > 0, score, np.nan)))


FORMS: dict[str, Form] = {
    "score": lambda angle, left, right: np.cos(angle),
    "distance=angular": lambda angle, left, right: angle,
    "distance=euclidean": lambda *given: np.sqrt(_squared_euclidean(*given)),
    "distance=squared_euclidean": _squared_euclidean,
    "distance=one_minus_score": lambda angle, left, right: 2 * np.sin(angle / 2) ** 2,
    "score-negative_log": _negative_log,
}
FOUR_FORMS = ("score", "distance=angular", "distance=euclidean", "distance=squared_euclidean")


class Transformed(Metric):
    """A function of a measure that is an angle, or the cosine of one, and of the sizes of the items.

    Parameters
    ----------
    base : Metric
        A distance that is an angle, or a similarity that is its cosine.
    form : str
        What to make of it: a key of `FORMS`.
    size : Part
        Gives the size of an item, as a number or as the attribute `size` of its record.
    name : str
        How results call it.
    """

    diagonal = None

    def __init__(self, base: Metric, form: str, size: Part, name: str) -> None:
        self.base, self.form, self.size_part, self.name = base, form, size, name
        self.symmetric = base.symmetric
        self.is_similarity = form == "score"
        self.rows_are_stimuli = base.rows_are_stimuli
        if base.prepare is not None:
            self.prepare = self._prepare  # type: ignore[misc]

    def products(self) -> tuple[Product, ...]:
        return self.base.products()

    def parts(self) -> tuple[Part, ...]:
        return tuple(dict.fromkeys([*self.base.parts(), self.size_part]))

    def _prepare(self, data: FloatArray, label: str) -> Any:
        assert self.base.prepare is not None
        return self.base.prepare(data, label)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the form of the base's values for two blocks of items."""
        sides = [[{**item, self.base: item[self]} for item in side] for side in tile.sides]
        values = self.base.pair(dataclasses.replace(tile, rows=sides[0], columns=sides[1]), products)
        return self.of(self.base.finish(values), *(self.sizes(side) for side in tile.sides))

    def of(self, values: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return the form, given the base's finished values and the sizes of the items."""
        angle = np.arccos(np.clip(values, -1.0, 1.0)) if self.base.is_similarity else values
        return np.asarray(FORMS[self.form](angle, left, right))

    def sizes(self, items: Sequence[Prepared]) -> FloatArray:
        """Return the sizes of items."""
        return np.array([_size_of(item[self.size_part]) for item in items])

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark what the base remarks."""
        return self.base.remark(items)


def _size_of(record: Any) -> float:
    return float(getattr(record, "norm", record))


def transformed(
    prefix: str, make_base: MakeMetric, size: Part | None = None, forms: Iterable[str] = FOUR_FORMS
) -> dict[str, MakeMetric]:
    """Return the entries of `MEASURES` for all forms of one measure, which is made once."""
    base = functools.cache(make_base)

    def make(form: str) -> Metric:
        return Transformed(base(), form, size or CentredNorm(), f"{prefix}-{form}")

    return {f"{prefix}-{form}": functools.partial(make, form) for form in forms}
