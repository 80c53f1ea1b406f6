"""Effective number of dimensions that two representations share."""

from __future__ import annotations

import numpy as np

from .._base.checks import FloatArray
from ._products import InnerProduct
from .base import Products, Similarity, Tile
from .cka import GramPart


class ENSD(Similarity):
    r"""Effective number of shared dimensions of two representations.

    :math:`\mathrm{PR}(X)\,\mathrm{PR}(Y)\,\mathrm{tr}(KL) / (\mathrm{tr} K\,\mathrm{tr} L)` with the Gram
    matrices K and L of centred responses and the participation ratio
    :math:`\mathrm{PR}(X) = (\mathrm{tr} K)^2 / \mathrm{tr} K^2`. It is a number of dimensions, not a
    similarity from 0 to 1: a representation shares PR(X) dimensions with itself, which is the diagonal of a
    matrix of pairs. Divided by the geometric mean of the two participation ratios it is the biased linear
    :class:`CKA`. Invariant to rotation, isotropic scaling and translation of either representation. Like
    biased CKA it overestimates what unrelated responses of many units to few stimuli share.

    Notes
    -----
    Giaffar, Rullan Buxo & Aoi, The effective number of shared dimensions between paired datasets, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> round(ng.ENSD().similarity(square, square), 6), round(ng.ENSD().similarity(square, square[:, :1]), 6)
    (2.0, 1.0)
    """

    name = "ensd"
    diagonal: float | None = None

    def __init__(self) -> None:
        self._product = InnerProduct(GramPart("linear", "biased", 1.0, None, True))

    def products(self) -> tuple[InnerProduct, ...]:
        return (self._product,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Scale the CKA of two blocks of items."""
        roots = []
        for side in tile.sides:
            vectors = [item[self._product.part] for item in side]
            # A packed Gram matrix of norm 1 ends with its diagonal, whose sum is the root of PR.
            count = round((np.sqrt(8 * len(vectors[0]) + 1) - 1) / 2)
            roots.append(np.array([float(vector[-count:].sum()) for vector in vectors]))
        return np.asarray(products[self._product] * np.multiply.outer(*roots))
