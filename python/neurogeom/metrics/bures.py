"""Procrustes distance under its other names: Bures distance of Gram matrices, normalised Bures similarity."""

from __future__ import annotations

import numpy as np

from .._base.checks import FloatArray
from ..representations.checks import as_flag
from .base import Product, Products, Similarity, Tile
from .shape import Procrustes


class NBS(Similarity):
    """Normalised Bures similarity: the nuclear norm of X'Y over the Frobenius norms of X and Y.

    Columns are centred. It is the cosine of the angular Procrustes distance, from 0 to 1. Invariant to
    rotation, isotropic scaling and translation of either representation. ``1 - NBS`` is not a metric: it
    violates the triangle inequality. The arccosine of NBS is one: :class:`Procrustes`.

    Parameters
    ----------
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Computed from the responses, not from eigenvalues of Gram matrices, which would lose half the digits if
    these are rank-deficient. Held-out stimuli are supported, as in :class:`ShapeMetric`.

    Examples
    --------
    >>> import neurogeom as ng
    >>> metric = ng.NBS(center=False)
    >>> X, Y = [[3, 0, 0], [0, 2, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 2]]
    >>> round(metric.similarity(X, Y), 6) == round(7 / 84**0.5, 6)
    True
    """

    has_held_out = True

    def __init__(self, *, center: bool = True) -> None:
        self.center = as_flag(center, "center")
        self.name = "nbs" if self.center else "nbs(uncentered)"
        self._angular = Procrustes(center=self.center)

    def products(self) -> tuple[Product, ...]:
        """Declare the products of the Procrustes distance."""
        return self._angular.products()

    def held_out_products(self) -> tuple[Product, ...]:
        return self._angular.held_out_products()

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return 1 - similarity of two blocks of items."""
        return self._angular.pair(tile, products)

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the same on held-out stimuli."""
        return self._angular.pair_held_out(tile, products)

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn them into similarities."""
        return 1.0 - np.maximum(values, 0.0)


class Bures(Procrustes):
    """Bures distance of the Gram matrices of two representations.

    Equal to the Euclidean Procrustes distance of the responses X and Y, with columns centred:
    ``sqrt(|X|^2 + |Y|^2 - 2 |X'Y|_*)`` with Frobenius norms and the nuclear norm. A metric. Invariant to
    rotation and translation of either representation; with `normalize`, also to isotropic scaling.

    Parameters
    ----------
    normalize : bool, default False
        Scale responses to Frobenius norm 1 (Gram matrices to trace 1). The distance is then
        ``2 sin(angle / 2)``, where the angle is the angular Procrustes distance, and at most sqrt(2).
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Harvey, Larsen & Williams, Duality of Bures and shape distances, 2023. With `normalize`, also known as the
    (normalised) Procrustes distance of Ding, Denain & Steinhardt, Grounding representation similarity
    through statistical testing, NeurIPS 2021, who give its square.

    Examples
    --------
    >>> import neurogeom as ng
    >>> metric = ng.Bures(center=False)
    >>> round(metric.distance([[3, 0, 0], [0, 2, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 2]]), 6)
    2.44949
    """

    def __init__(self, *, normalize: bool = False, center: bool = True) -> None:
        self.normalize = as_flag(normalize, "normalize")
        super().__init__(score="angular" if self.normalize else "euclidean", center=center)
        options = (["normalized"] if self.normalize else []) + ([] if self.center else ["uncentered"])
        self.name = f"bures({', '.join(options)})" if options else "bures"

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn what `pair` gives into distances."""
        return np.sqrt(2.0 * np.maximum(values, 0.0)) if self.normalize else super().finish(values)
