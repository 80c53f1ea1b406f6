"""Measures fitted to four of five parts of the stimuli and evaluated on the fifth."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._base.checks import FloatArray
from ...metrics.base import Metric, Part, Products, Tile, evaluate, parts_of
from ...metrics.checks import require_stimuli
from ...representations.blocks import UnitBlocks
from ._splits import fold_members

_SEED = 42  # that of NeuroAIMetrics


class MeanOverFolds(Metric):
    """A measure with a held-out form, fitted to all folds but one, evaluated on it, and averaged over folds.

    The folds are those of the registry's repository NeuroAIMetrics.

    Parameters
    ----------
    make_base : callable
        Returns the measure; it must have a held-out form.
    name : str
        How results call it.
    n_folds : int, default 5
        Number of folds.
    """

    no_held_out = "already evaluates each fold of the stimuli by a fit to the others"
    diagonal = None

    def __init__(self, make_base: Callable[[], Metric], name: str, n_folds: int = 5) -> None:
        self.base, self.name, self.n_folds = make_base(), name, n_folds
        self.symmetric, self.is_similarity = self.base.symmetric, self.base.is_similarity

    def prepare(self, data: FloatArray, label: str) -> list[dict[Part, Any]]:
        """Prepare the item for each fold."""
        require_stimuli(len(data), 2 * self.n_folds, label, f"{self.name} ({self.n_folds} folds)")
        found = []
        for fold in fold_members(len(data), self.n_folds, _SEED):
            train = UnitBlocks(np.delete(data, fold, axis=0), label)
            test = UnitBlocks(data[fold], label)
            found.append(
                {
                    part: part.prepare_held_out(part.prepare(train), test)
                    for part in parts_of(self.base, held_out=True)
                }
            )
        return found

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the means over folds for two blocks of items."""
        del products
        values = []
        for k in range(self.n_folds):
            rows, columns = ([item[self][k] for item in side] for side in tile.sides)
            values.append(
                evaluate([self.base], dataclasses.replace(tile, rows=rows, columns=columns), True)[1]
            )
        return np.asarray(np.mean(values, axis=0))


def over_folds(name: str, make_base: Callable[[], Metric]) -> dict[str, Callable[[], Metric]]:
    """Return the entry of `MEASURES` of a measure over five folds."""
    return {name: functools.partial(MeanOverFolds, make_base, name)}
