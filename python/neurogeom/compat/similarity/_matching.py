"""Units matched to units, and rotations that are judged by what they make of single stimuli."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..._base.checks import FloatArray
from ...metrics import Bures, MatchedCorrelation, Permutation, Procrustes
from ...metrics.base import Part, Products, Similarity, Tile, inner_products, map_pairs
from ...metrics.checks import require_spread
from ...metrics.fitting import aligned_bases
from ...representations.blocks import UnitBlocks
from ._folds import over_folds
from ._transforms import MakeMetric, transformed


@dataclasses.dataclass(frozen=True)
class _Scaled(Part):
    """Responses relative to the largest."""

    center: bool

    def prepare(self, blocks: UnitBlocks) -> FloatArray:
        data = blocks.whole()
        if self.center:
            data = data - data[0]
            data = data - data.mean(axis=0)
        largest = float(np.abs(data).max())
        require_spread(largest, blocks.label)
        return np.asarray(data / largest)


class AlignedCosine(Similarity):
    """Mean over stimuli of the cosine of responses, after the rotation of Procrustes.

    aligned_cossim of the repositories llm_repsim and resi; one of them subtracts the means over stimuli. A
    stimulus without any response counts as 0. Directions that the rotation does not determine do not count in
    the inner products.
    """

    def __init__(self, *, center: bool, name: str) -> None:
        self.name = name
        self._part = _Scaled(center)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the cosines of two blocks of items."""
        del products
        of = tile.of(self._part)
        return map_pairs(_mean_cosine, of.rows, of.columns, tile.where, tile.n_threads)


def _mean_cosine(x: FloatArray, y: FloatArray) -> float:
    u, v = aligned_bases(x, y)
    products = np.einsum("ij,ij->i", x @ u, y @ v)
    sizes = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return min(float(np.divide(products, sizes, out=np.zeros(len(x)), where=sizes > 0).mean()), 1.0)


class WreathProcrustes(Similarity):
    r"""1 - sqrt(sum of squared distances of matched units / (4 n)), each unit scaled to norm 1.

    wreath_procrustes of the repository modelsym; n is the larger number of units, and silent units are added
    to the smaller item. The registry hands it stimuli in place of units, so that it matches stimuli, and
    the registry's table was computed with products in bfloat16: the value here is that of the measure.
    """

    name = "wreath_procrustes"
    _part = _Scaled(False)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the similarities of two blocks of items."""
        del products
        of = tile.of(self._part)
        return map_pairs(_wreath, of.rows, of.columns, tile.where, tile.n_threads)


def _wreath(x: FloatArray, y: FloatArray) -> float:
    x, y = (units / np.where(units.any(axis=0), np.linalg.norm(units, axis=0), 1.0) for units in (x, y))
    cosines = inner_products(x, y)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    # Squared distances of the pairs, and the squared norms of what is left over.
    squares = float(np.square(x[:, rows] - y[:, columns]).sum())
    squares += float(np.delete(x, rows, axis=1).any(axis=0).sum())
    squares += float(np.delete(y, columns, axis=1).any(axis=0).sum())
    return 1.0 - math.sqrt(squares / (4 * max(cosines.shape)))


class MaximumMatch(Similarity):
    """Share of units in the maximum match of two sets of units.

    Two sets of units match if each unit of either lies within `tolerance` (relative to its norm) of the space
    that the other set spans; there is one largest pair of such sets. max_match of the repository
    subspacematch. Units without any response belong to none. Responses are not centred.

    Notes
    -----
    Wang, Hu, Gu, Wu, Hu, He & Hopcroft, Towards understanding learning representations, NeurIPS 2018.
    """

    diagonal = None

    def __init__(self, tolerance: float = 0.25, *, name: str = "max_match") -> None:
        self.tolerance, self.name = tolerance, name
        self._part = _Scaled(False)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the shares of two blocks of items."""
        del products
        of = tile.of(self._part)
        match = functools.partial(_maximum_match, tolerance=self.tolerance)
        return map_pairs(match, of.rows, of.columns, tile.where, tile.n_threads)


def _maximum_match(x: FloatArray, y: FloatArray, tolerance: float) -> float:
    sides = [units[:, units.any(axis=0)] for units in (x, y)]
    sides = [units / np.linalg.norm(units, axis=0) for units in sides]
    before, left = -1, sides[0].shape[1] + sides[1].shape[1]
    while left != before:
        for one, other in ((0, 1), (1, 0)):
            sides[one] = sides[one][:, _distances_to_span(sides[one], sides[other]) <= tolerance]
        before, left = left, sides[0].shape[1] + sides[1].shape[1]
    return float(left / (x.shape[1] + y.shape[1]))


def _distances_to_span(units: FloatArray, others: FloatArray) -> FloatArray:
    """Distances of columns to the span of other columns; infinite if there are none."""
    if 0 in (units.shape[1], others.shape[1]):
        return np.full(units.shape[1], np.inf)
    basis, sizes, _ = np.linalg.svd(others, full_matrices=False)
    basis = basis[:, sizes > max(others.shape) * np.finfo(np.float64).eps * sizes[0]]
    return np.asarray(np.linalg.norm(units - basis @ (basis.T @ units), axis=0))


def _named(metric: Any, name: str) -> Any:
    metric.name = name
    return metric


MEASURES: dict[str, MakeMetric] = {
    **transformed("procrustes", Procrustes),
    **transformed("permutation_metric", Permutation),
    "permutation_procrustes": lambda: _named(
        Permutation(score="euclidean", center=False), "permutation_procrustes"
    ),
    "orthogonal_procrustes_centered_and_normalized": lambda: _named(
        Bures(normalize=True), "orthogonal_procrustes_centered_and_normalized"
    ),
    "orthogonal_angular_shape_metric_centered": lambda: _named(
        Procrustes(), "orthogonal_angular_shape_metric_centered"
    ),
    "hard_correlation_match": lambda: _named(MatchedCorrelation("hard"), "hard_correlation_match"),
    # Two repositories have this name; neuroaimetrics means soft matching, which is ng.SoftMatching.
    "soft_correlation_match": lambda: _named(MatchedCorrelation("soft"), "soft_correlation_match"),
    "aligned_cosine_similarity": lambda: AlignedCosine(center=False, name="aligned_cosine_similarity"),
    "aligned_cossim": lambda: AlignedCosine(center=True, name="aligned_cossim"),
    "wreath_procrustes": WreathProcrustes,
    "max_match": MaximumMatch,
    **over_folds("pairwisematching", functools.partial(MatchedCorrelation, "best")),
    **over_folds("procrustes-distance=angular-cv=5folds", Procrustes),
}
