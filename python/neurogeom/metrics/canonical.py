"""Summaries of canonical correlations: mean CCA, SVCCA and projection-weighted CCA."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray, as_number
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.checks import as_flag
from ._factors import BasisPart
from ._products import NuclearNorm, WeightedSquares
from ._reduction import reduce_stimuli, reorder_stimuli
from ._subspaces import LeadingPart, orthonormal, ranks_of, remark_full_rank, remark_ties
from .base import Order, Part, Prepared, Product, Products, Similarity, Tile, inner_products, map_pairs

# Canonical correlations that agree to this are equal: rounding mixes their variates.
_TIE = 1e-12
_NO_NEWS = "its canonical correlations with others are 1"


_IN_SAMPLE = "correlates the stimuli that its directions are fitted to"


class MeanCCA(Similarity):
    """Mean of the canonical correlations rho: ``sum(rho) / min(rank_x, rank_y)``.

    From 0 to 1; 1 as soon as one representation is a linear map of the other. Invariant to invertible linear
    maps and translations of either representation. Not a metric, nor is one minus it. Its arccosine is a
    metric if all ranks are equal: it is then :class:`CCA`, which is a metric for unequal ranks too.

    Parameters
    ----------
    squared : bool, default False
        Average rho^2 instead: the mean squared CCA correlation, at equal ranks Yanai's GCD.
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    With as many units as stimuli, all canonical correlations are 1: a warning says so.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(ng.MeanCCA().similarity(X, X[:, :2] @ [[1.0, 2.0], [0.0, 1.0]]), 6)
    1.0
    """

    no_held_out = _IN_SAMPLE

    def __init__(self, *, squared: bool = False, center: bool = True) -> None:
        self.squared = as_flag(squared, "squared")
        self.center = as_flag(center, "center")
        options = (["squared"] if self.squared else []) + ([] if self.center else ["uncentered"])
        self.name = f"mean_cca({', '.join(options)})" if options else "mean_cca"
        self._part = BasisPart(self.center)

    def products(self) -> tuple[Product, ...]:
        return (WeightedSquares(self._part) if self.squared else NuclearNorm(self._part),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the means of two blocks of items."""
        found = products[self.products()[0]]
        if not self.squared:
            return _mean_correlation(found.similarity, tile.rows, tile.columns, self._part)
        larger = np.maximum.outer(*(ranks_of(side, self._part) for side in tile.sides))
        return np.asarray(np.minimum(found * larger, 1.0))

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on items that leave nothing to compare."""
        return remark_full_rank(items, self._part, _NO_NEWS)


class SVCCA(Similarity):
    """Mean canonical correlation of the leading principal components of two representations.

    From 0 to 1. Invariant to rotation, isotropic scaling and translation of either representation; other
    linear maps change which components are kept. Not a metric, nor is one minus it.

    Parameters
    ----------
    variance : float, default 0.99
        Keep the fewest components that explain this share of the variance.
    n_components : int, optional
        Keep this many components instead (or all, if there are fewer).
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Raghu, Gilmer, Yosinski & Sohl-Dickstein, SVCCA, NeurIPS 2017. The sum of the correlations is divided by
    the smaller of the two numbers of components. Variance means squared singular values; some packages
    accumulate the singular values themselves, and drop the component that crosses the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(ng.SVCCA(n_components=2).similarity(X, 3 * X + 1), 6)
    1.0
    """

    no_held_out = _IN_SAMPLE

    def __init__(
        self, variance: float = 0.99, *, n_components: int | None = None, center: bool = True
    ) -> None:
        self.variance = _as_share(variance, "variance")
        self.n_components = None if n_components is None else _validate.as_count(n_components, "n_components")
        self.center = as_flag(center, "center")
        options = []
        if self.n_components is not None:
            options.append(f"{self.n_components} components")
        elif self.variance != 0.99:
            options.append(f"{self.variance:g}")
        options += [] if self.center else ["uncentered"]
        self.name = f"svcca({', '.join(options)})" if options else "svcca"
        variance = self.variance if self.n_components is None else 1.0  # one key, whatever was ignored
        self._part = LeadingPart(self.center, self.n_components, variance)

    def products(self) -> tuple[Product, ...]:
        return (NuclearNorm(self._part),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the means of two blocks of items."""
        return _mean_correlation(products[self.products()[0]].similarity, tile.rows, tile.columns, self._part)

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on items that leave nothing to compare, or whose components are not determined."""
        return remark_full_rank(items, self._part, _NO_NEWS) or remark_ties(items, self._part)


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class _Loaded:
    """An orthonormal basis of the column space, and the loadings of each unit on its vectors."""

    label: str
    basis: FloatArray
    loadings: FloatArray  # (rank, n_units)
    rank: int
    size: int


@dataclasses.dataclass(frozen=True)
class _LoadedPart(Part):
    center: bool = True

    def prepare(self, data: UnitBlocks) -> _Loaded:
        found = BasisPart(self.center).prepare(data)
        basis = orthonormal(found)
        reduced = reduce_stimuli(data, self.center)  # loadings are known up to a factor
        return _Loaded(data.label, basis, basis.T @ reduced.matrix, found.rank, found.size)

    def reordered(self, record: _Loaded, order: Order) -> _Loaded:
        return dataclasses.replace(record, basis=reorder_stimuli(record.basis, self.center, order))


class PWCCA(Similarity):
    """Projection-weighted CCA: canonical correlations, weighted by how much of X they account for.

    With canonical variates h of X, of norm 1, and centred units x, it is ``sum(a rho) / sum(a)`` with
    ``a_k = sum_j |<h_k, x_j>|``, over min(rank_x, rank_y) variates. Asymmetric: weights come from X, the row
    item. Invariant to permutation of the units, isotropic scaling and translation of X, and to invertible
    linear maps and translations of Y; rotations of X do change it. Not a metric.

    Parameters
    ----------
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Morcos, Raghu & Bengio, Insights on representational similarity in neural networks with canonical
    correlation, NeurIPS 2018. Some packages average both directions, and some sum absolute projections over
    stimuli instead of units (anatome's issue 30): neither is done here. Variates with equal canonical
    correlations (to 1e-12) are determined only up to a rotation: among them we take the principal axes of X's
    responses. This happens if the ranks add up to more than the number of stimuli minus one, as several
    correlations are then 1, and if representations share units.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> Y = X[:, :1] + X[:, 1:]
    >>> round(ng.PWCCA().similarity(Y, X), 6)
    1.0
    """

    symmetric = False
    no_held_out = _IN_SAMPLE

    def __init__(self, *, center: bool = True) -> None:
        self.center = as_flag(center, "center")
        self.name = "pwcca" if self.center else "pwcca(uncentered)"
        self._part = _LoadedPart(self.center)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the weighted means of two blocks of items."""
        del products
        left, right = ([item[self._part] for item in side] for side in tile.sides)
        return map_pairs(_projection_weighted, left, right, tile.where, tile.n_threads)

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on items that leave nothing to compare."""
        return remark_full_rank(items, self._part, _NO_NEWS)


def _mean_correlation(
    similarity: FloatArray, rows: Sequence[Prepared], columns: Sequence[Prepared], part: Part
) -> FloatArray:
    """Turn sum(rho) / sqrt(rank_x rank_y) into sum(rho) / min(rank_x, rank_y)."""
    left, right = (ranks_of(side, part) for side in (rows, columns))
    ratio = np.maximum.outer(left, right) / np.minimum.outer(left, right)
    return np.minimum(similarity * np.sqrt(ratio), 1.0)


def _projection_weighted(x: _Loaded, y: _Loaded) -> float:
    directions, correlations, _ = np.linalg.svd(inner_products(x.basis, y.basis), full_matrices=False)
    projections = directions.T @ x.loadings
    weights = np.empty(len(correlations))
    edges = np.flatnonzero(-np.diff(correlations) > _TIE) + 1
    for group in np.split(np.arange(len(correlations)), edges):
        tied = projections[group]
        if len(group) > 1:
            axes, _, _ = np.linalg.svd(tied, full_matrices=False)
            tied = axes.T @ tied
        weights[group] = np.abs(tied).sum(axis=1)
    return min(float(weights @ correlations / weights.sum()), 1.0)


def _as_share(value: Any, name: str) -> float:
    """Take a share in the interval (0, 1]."""
    number = as_number(value, name)
    if not 0 < number <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, not {number}")
    return number
