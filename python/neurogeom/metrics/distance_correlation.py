"""Distance correlation: the correlation of doubly centred distances between stimuli."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError, as_flag
from . import checks as check
from ._hsic import packed_gram
from ._products import InnerProduct
from ._stimulus_distances import squared_distances, sum_squared_distances
from .base import Part, Products, Similarity, Tile

# U-centred matrices of fewer stimuli are all zero.
_LEAST_STIMULI = 4


@dataclasses.dataclass(frozen=True)
class CentredDistancesPart(Part):
    """The centred matrix of Euclidean distances between stimuli as a vector of norm 1."""

    debiased: bool

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice."""
        return False

    def prepare(self, data: UnitBlocks) -> FloatArray:
        """Sum squared distances over units, and centre their roots."""
        if self.debiased:
            check.require_stimuli(data.shape[0], _LEAST_STIMULI, data.label, "debiased distance correlation")
        squared = sum_squared_distances(data) if data.is_divided else squared_distances(data.whole())
        check.require_spread(float(squared.max()), data.label)
        distances = np.sqrt(squared, out=squared)
        vector, noise = packed_gram(distances, "debiased" if self.debiased else "biased", True)
        norm = float(np.linalg.norm(vector))
        if not norm > noise:
            raise TooLittleDataError(
                f"all distances between stimuli of {data.label} are equal, so that its debiased distance "
                "correlation with others is not defined"
            )
        vector /= norm
        return vector


class DistanceCorrelation(Similarity):
    """Distance correlation: the correlation of doubly centred distances between stimuli.

    With the matrices A and B of Euclidean distances between stimuli, doubly centred, the root of
    ``<A, B> / (|A| |B|)``. From 0 to 1. In the population it is 0 only for responses that are independent,
    whatever the kind of dependence. Invariant to rotation, isotropic scaling and translation of either
    representation. Not a metric.

    Parameters
    ----------
    debiased : bool, default False
        Without it, unrelated responses of many units to few stimuli have values near 1. With it, matrices are
        U-centred, and the result estimates the *square* of distance correlation, without a root: it is about
        0 for unrelated responses, and may be negative. Such entries are kept and marked with 1 in
        ``Pairwise.flags``. Needs four stimuli or more.

    Notes
    -----
    Szekely, Rizzo & Bakirov, Measuring and testing dependence by correlation of distances, Annals of
    Statistics 2007; debiased: Szekely & Rizzo, Partial distance correlation with methods for dissimilarities,
    Annals of Statistics 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> round(ng.DistanceCorrelation().similarity(X, 3 * X[:, ::-1] + 1), 12)
    1.0
    >>> unrelated = np.random.default_rng(1).normal(size=(50, 200))
    >>> [round(ng.DistanceCorrelation(debiased=flag).similarity(X, unrelated), 1) for flag in (False, True)]
    [0.7, 0.0]
    """

    def __init__(self, *, debiased: bool = False) -> None:
        self.debiased = as_flag(debiased, "debiased")
        self.name = "distance_correlation(debiased)" if self.debiased else "distance_correlation"
        self._product = InnerProduct(CentredDistancesPart(self.debiased))

    def products(self) -> tuple[InnerProduct, ...]:
        return (self._product,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the cosines between centred distances of two blocks of items."""
        del tile
        return np.asarray(np.clip(products[self._product], -1.0 if self.debiased else 0.0, 1.0))

    def finish(self, values: FloatArray) -> FloatArray:
        """Take roots, unless the square is estimated."""
        return values if self.debiased else np.sqrt(values)

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark negative estimates by 1."""
        return np.asarray(values < 0, dtype=np.int8) if self.debiased else None
