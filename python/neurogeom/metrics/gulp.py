"""GULP: how differently ridge regressions on two representations predict the same targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .._base.checks import FloatArray
from . import checks as check
from ._factors import Factor, SpectrumPart
from ._products import WeightedSquares, Weighting
from ._subspaces import is_near, projector_distance, remark_full_rank
from .base import Distance, Prepared, Product, Products, Tile, map_pairs
from .subspace import SubspaceDistance


@dataclasses.dataclass(frozen=True)
class _Shrinkage(Weighting):
    """Roots of the factors s^2 / (s^2 + penalty) by which ridge regression shrinks components."""

    penalty: float

    def factors(self, record: Factor) -> FloatArray:
        """Return the factors of one item, whose squared singular values sum to 1."""
        assert record.singular is not None
        variances = np.square(record.singular)
        return np.asarray(variances / (variances + self.penalty))

    def weights(self, record: Factor) -> FloatArray:
        """Return their square roots, so that squares of the weighted core hold the product of two factors."""
        return np.sqrt(self.factors(record))


class GULP(Distance):
    """How much predictions by ridge regression on two representations can differ.

    Responses are centred and scaled to a mean squared norm of 1 over stimuli. With covariances Sx, Sy, their
    cross-covariance Sxy and ``Lx = (Sx + penalty I)^(-1)``, the square of the distance is
    ``tr(Lx Sx Lx Sx) + tr(Ly Sy Ly Sy) - 2 tr(Lx Sxy Ly Syx)``. For any target of root mean square 1, the
    root mean square difference of the two predictions is not larger.

    A metric between representations up to rotation, isotropic scaling and translation, to which it is
    invariant. At penalty 0 it is invariant to invertible linear maps, and equals sqrt(2) times the chordal
    :class:`SubspaceDistance`; it is then 0 between representations with as many units as stimuli, and a
    warning says so.

    Parameters
    ----------
    penalty : float, default 0.01
        Weight of the ridge penalty, 0 or more, relative to the total variance.

    Notes
    -----
    Boix-Adsera, Lawrence, Stepaniants & Rigollet, GULP: a prediction-based metric between representations,
    NeurIPS 2022. It is the Frobenius norm of the difference of two hat matrices: distances near 0 are
    computed from this difference, without loss of digits.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(ng.GULP(penalty=0).distance(X, X[:, :1]), 6)
    1.0
    """

    def __init__(self, penalty: float = 0.01) -> None:
        self.penalty = check.as_penalty(penalty)
        self.name = "gulp" if self.penalty == 0.01 else f"gulp({self.penalty:g})"
        self._shrinkage = _Shrinkage(self.penalty)
        self._part = SpectrumPart()
        # Without a penalty, hat matrices are projectors on column spaces, to which weak units belong as well.
        self._limit = SubspaceDistance("chordal") if self.penalty == 0 else None

    def products(self) -> tuple[Product, ...]:
        if self._limit is not None:
            return self._limit.products()
        return (WeightedSquares(self._part, self._shrinkage, self._shrinkage),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return squared distances of two blocks of items."""
        if self._limit is not None:
            return 2.0 * self._limit.pair(tile, products)
        left, right = ([self._hat(item[self._part]) for item in side] for side in tile.sides)
        own = [np.array([float(np.square(factors).sum()) for _, factors in side]) for side in (left, right)]
        total = own[0][:, None] + own[1]
        squared = np.asarray(total - 2.0 * products[self.products()[0]])
        near = tile.where & is_near(squared, total)
        exact = map_pairs(projector_distance, left, right, near, tile.n_threads)
        return np.where(near, exact, squared)

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on items that predict everything."""
        if self._limit is None:
            return None
        return remark_full_rank(items, self._limit.parts()[0], "without a penalty it predicts everything")

    def _hat(self, record: Factor) -> tuple[FloatArray, FloatArray]:
        return record.matrix, self._shrinkage.factors(record)

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn squared distances into distances."""
        return np.sqrt(values)
