"""Representational similarity analysis: dissimilarities of stimuli, and comparisons of them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg
from scipy.spatial.distance import squareform

from ..._base.checks import FloatArray
from ..._base.threads import single_threaded_blas
from ...metrics import NBS, RSA, rdm
from ...metrics.base import Distance, Metric, Part, Product, Products, Similarity, Tile, map_pairs
from ...representations.blocks import UnitBlocks
from ._transforms import MakeMetric

_RULES = {
    "correlation": "correlation",
    "cosine": "cosine",
    "euclidean": "euclidean",
    "mahalanobis": "sqeuclidean",  # without a noise covariance, rsatoolbox takes the identity
    "poisson": "poisson",
    "squared_euclidean": "sqeuclidean",
}
_COMPARISONS = {
    "corr_cov": "corr_cov",
    "cosine": "cosine",
    "cosine_cov": "cosine_cov",
    "kendall": "kendall",
    "pearson": "pearson",
    "rho_a": "rho-a",
    "spearman": "spearman",
    "tau_a": "tau-a",
    "tau_b": "kendall",
}


@dataclasses.dataclass(frozen=True)
class Dissimilarities(Part):
    """The condensed dissimilarities of the stimuli of an item."""

    rule: str

    def prepare(self, data: Any) -> FloatArray:
        found = rdm(data.whole(), _RULES[self.rule]).condensed  # type: ignore[arg-type]
        # Ours are per unit, as rsatoolbox's; resi's Euclidean distances are not.
        return np.asarray(found * math.sqrt(data.shape[1]) if self.rule == "euclidean" else found)


@dataclasses.dataclass(frozen=True)
class DissimilarityFactor(Part):
    """Centred dissimilarities G times -1/2, their trace, and F with F F' = G less negative eigenvalues.

    The record of F is that of normalised Bures similarity, with both added.
    """

    rule: str

    def prepare(self, data: Any) -> Any:
        square = squareform(rdm(data.whole(), self.rule).condensed)  # type: ignore[arg-type]
        means = square.mean(axis=0)
        gram = -(square - means - means[:, None] + means.mean()) / 2
        with single_threaded_blas():
            values, vectors = linalg.eigh(gram)
        kept = (
            values > len(values) * np.finfo(np.float64).eps * values[-1]
        )  # others are rounding, or negative
        factor = vectors[:, kept] * np.sqrt(values[kept])
        (part,) = _NBS.parts()
        return _Centred(part.prepare(UnitBlocks(factor, data.label)), gram, factor, float(np.trace(gram)))


_NBS = NBS(center=False)


@dataclasses.dataclass(frozen=True, eq=False)
class _Centred:
    """See :class:`DissimilarityFactor`."""

    record: Any
    gram: FloatArray
    factor: FloatArray
    trace: float


@dataclasses.dataclass(frozen=True)
class RDMOverlap(Product):
    """The trace of the root of the product of two centred matrices of dissimilarities."""

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[FloatArray]:
        """Compute the overlaps of a tile."""
        if products[0].part.rule == "poisson":  # indefinite: the second matrix keeps its negative eigenvalues
            found = map_pairs(_indefinite, tile.rows, tile.columns, tile.where, tile.n_threads)
            return [found] * len(products)
        rows, columns = ([item.record for item in side] for side in tile.sides)
        (product,) = _NBS.products()
        (aligned,) = type(product).compute([product], dataclasses.replace(tile, rows=rows, columns=columns))
        sizes = np.multiply.outer(*([record.scale for record in side] for side in (rows, columns)))
        return [np.asarray(aligned.similarity * sizes)] * len(products)


def _indefinite(x: _Centred, y: _Centred) -> float:
    squares = linalg.eigvalsh(x.factor.T @ y.gram @ x.factor)
    return float(np.sqrt(np.maximum(squares, 0.0)).sum())


class RDMDifference(Distance):
    """Euclidean distance between two vectors of dissimilarities."""

    def __init__(self, rule: str) -> None:
        self.name = f"rsa-rdm={rule}-compare=euclidean"
        self._part = Dissimilarities(rule)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the distances of two blocks of items."""
        del products
        rows, columns = ([item[self._part] for item in side] for side in tile.sides)
        return map_pairs(lambda x, y: float(np.linalg.norm(x - y)), rows, columns, tile.where, tile.n_threads)


class RDMCorrelation(Similarity):
    """Correlation of Gaussian dissimilarities, or of their ranks."""

    def __init__(self, compare: str) -> None:
        self.name = f"rsa-rdm=gaussian-compare={compare}"
        self._ranks = compare == "spearman"

    def prepare(self, data: FloatArray, label: str) -> FloatArray:
        """Return the centred dissimilarities, or their ranks, at norm 1."""
        from scipy.stats import rankdata

        distances = rdm(data, "sqeuclidean").condensed
        values = -np.expm1(-distances / (2 * distances.sum() / len(data) ** 2))
        if self._ranks:
            values = rankdata(values)
        values = values - values.mean()
        norm = float(np.linalg.norm(values))
        if not norm > 0:
            raise ValueError(f"all stimuli of {label} are equally far apart: nothing to correlate")
        return np.asarray(values / norm)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the correlations of two blocks of items."""
        del products
        rows, columns = ([item[self] for item in side] for side in tile.sides)
        return map_pairs(lambda x, y: float(x @ y), rows, columns, tile.where, tile.n_threads)


class BuresOfRDMs(Metric):
    """Bures similarity of two centred matrices of dissimilarities, or (`squared`) the squared Bures distance.

    From factors of the matrices. rsatoolbox takes square roots of the matrices, which costs half of the
    digits (4e-8 here), and calls the squared distance a metric, which it is not. As there, traces include
    negative eigenvalues, which "poisson" may have, and the second matrix keeps them: the value then depends
    on which of the two comes first.
    """

    def __init__(self, rule: str, *, squared: bool) -> None:
        self.name = f"rsa-rdm={rule}-compare={'bures_metric' if squared else 'bures'}"
        self._product, self._squared = RDMOverlap(DissimilarityFactor(_RULES[rule])), squared
        self.is_similarity = not squared
        self._indefinite = rule == "poisson"
        self.symmetric = not self._indefinite
        self.diagonal = None if self._indefinite else 0.0 if squared else 1.0

    def products(self) -> tuple[Product, ...]:
        return (self._product,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values of two blocks of items."""
        overlap = products[self._product]
        rows, columns = (np.array([item[self._product.part].trace for item in side]) for side in tile.sides)
        if self._squared:
            return np.asarray(np.add.outer(rows, columns) - 2 * overlap)
        return np.asarray(overlap / np.sqrt(np.multiply.outer(rows, columns)))


def _measures() -> dict[str, MakeMetric]:
    found: dict[str, MakeMetric] = {}

    def add(rule: str, comparison: str, make: MakeMetric) -> None:
        found[f"rsa-rdm={rule}-compare={comparison}"] = make

    for rule, own in _RULES.items():
        for comparison, own_comparison in _COMPARISONS.items():
            add(rule, comparison, functools.partial(RSA, own, own_comparison))  # type: ignore[arg-type]
        add(rule, "euclidean", functools.partial(RDMDifference, rule))
        for comparison in ("bures", "bures_metric"):
            squared = comparison == "bures_metric"
            add(rule, comparison, functools.partial(BuresOfRDMs, rule, squared=squared))
    for comparison in ("pearson", "spearman"):
        add("gaussian", comparison, functools.partial(RDMCorrelation, comparison))
    return found


MEASURES: dict[str, MakeMetric] = _measures()
