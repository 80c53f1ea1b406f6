"""Units as directions: centred responses of norm 1, whose inner products are correlations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from . import checks as check
from .base import Part, Prepared


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """The units of one item that vary, one a column of norm 1; and the same units on held-out stimuli.

    A unit that varies on the stimuli of the fit but not on the held-out ones is a column of zeros there.
    """

    label: str
    fitted: FloatArray
    varies: NDArray[np.bool_]
    held_out: FloatArray | None = None


@dataclasses.dataclass(frozen=True)
class DirectionsPart(Part):
    """The directions of the units that vary over stimuli."""

    def prepare(self, blocks: UnitBlocks) -> Directions:
        directions = _directions(blocks.whole())
        varies = np.asarray(directions.any(axis=0))
        check.require_spread(float(varies.any()), blocks.label)
        return Directions(blocks.label, np.ascontiguousarray(directions[:, varies]), varies)

    def prepare_held_out(self, record: Directions, data: UnitBlocks) -> Directions:
        """Add responses of the same units to other stimuli, less their own means."""
        held_out = _directions(np.ascontiguousarray(data.whole()[:, record.varies]))
        check.require_spread(float(held_out.any()), data.label)
        return dataclasses.replace(record, held_out=held_out)


def _directions(responses: FloatArray) -> FloatArray:
    # Less the first row first: a constant becomes zero. Then in two steps, so that squares stay in range.
    shifted = np.asarray(responses - responses[0])
    shifted -= shifted.mean(axis=0)
    for norm in (np.inf, 2):
        sizes = np.linalg.norm(shifted, norm, axis=0)
        shifted /= np.where(sizes > 0, sizes, 1.0)
    return shifted


def remark_constant_units(part: DirectionsPart, items: Sequence[Prepared]) -> str | None:
    """Say which units are left out."""
    having = [item[part] for item in items if not item[part].varies.all()]
    if not having:
        return None
    more = f" (and of {len(having) - 1} more)" if len(having) > 1 else ""
    return (
        f"{int((~having[0].varies).sum())} units of {having[0].label}{more} do not vary over stimuli: they "
        "have no correlation and are left out"
    )
