"""How far apart two dissimilarity matrices are, entry by entry."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from ..representations.blocks import UnitBlocks
from . import checks as check
from ._products import InnerProduct
from ._rdm import RDMRule
from .base import Distance, Part, Products, Tile, map_pairs

Dissimilarity: TypeAlias = Literal["euclidean", "correlation", "cosine"]

_DISSIMILARITIES = ("euclidean", "correlation", "cosine")
# Squared norms of differences below this share of the squares lose digits in a - 2 b + c.
_NEAR = 1e-4


@dataclasses.dataclass(frozen=True)
class DissimilaritiesPart(Part):
    """The dissimilarities of an item; Euclidean distances are not divided by the number of units."""

    kind: str

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice."""
        return False

    def prepare(self, data: UnitBlocks) -> FloatArray:
        """Compute them, in SciPy's order."""
        values = RDMRule(self.kind).condensed(data)
        if self.kind == "euclidean":
            check.require_spread(float(values.max()), data.label)
            values = values * np.sqrt(data.shape[1])
        return values


class RSMNormDifference(Distance):
    """Euclidean norm of the difference of two dissimilarity matrices, each pair of stimuli counted once.

    A metric between representations up to rotation and translation, in the units of the responses; nothing
    is centred, scaled or ranked. To compare dissimilarities up to scale or order use :class:`RSA`.

    Parameters
    ----------
    dissimilarity : {"euclidean", "correlation", "cosine"}, default "euclidean"
        Of two stimuli: the distance of their responses (not divided by the number of units), or one minus
        their correlation or cosine over units. With the last two the measure is invariant to isotropic
        scaling and has no units; it is invariant to translation only with "euclidean", and to rotation not
        with "correlation".

    Notes
    -----
    Representational similarity matrices (RSM) are those of Klabunde, Schumacher, Strohmaier & Lemmerich,
    Similarity of neural network models: a survey of functional and representational measures, 2023. The
    package of their benchmark ReSi takes the spectral norm of the full matrix; the earlier one for language
    models takes what is here.

    Examples
    --------
    >>> import neurogeom as ng
    >>> X, Y = [[0.0], [1.0], [3.0]], [[0.0], [1.0], [1.0]]  # distances 1, 3, 2 and 1, 1, 0
    >>> round(ng.RSMNormDifference().distance(X, Y), 6) == round(8**0.5, 6)
    True
    """

    def __init__(self, dissimilarity: Dissimilarity = "euclidean") -> None:
        self.dissimilarity = _validate.as_choice(dissimilarity, "dissimilarity", _DISSIMILARITIES)
        options = "" if self.dissimilarity == "euclidean" else f"({self.dissimilarity})"
        self.name = f"rsm_norm_difference{options}"
        self._product = InnerProduct(DissimilaritiesPart(self.dissimilarity))

    def products(self) -> tuple[InnerProduct, ...]:
        return (self._product,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return squared norms of two blocks of items."""
        left, right = ([item[self._product.part] for item in side] for side in tile.sides)
        own = [np.array([float(np.dot(vector, vector)) for vector in side]) for side in (left, right)]
        total = np.add.outer(*own)
        squared = total - 2.0 * products[self._product]
        near = tile.where & (squared < _NEAR * total)
        exact = map_pairs(lambda x, y: float(np.square(x - y).sum()), left, right, near, tile.n_threads)
        return np.where(near, exact, squared)

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn squares into norms."""
        return np.sqrt(values)

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the larger norm of the dissimilarities of each pair."""
        rows, columns = ([item[self._product.part] for item in side] for side in tile.sides)
        norms = [np.array([float(np.linalg.norm(vector)) for vector in side]) for side in (rows, columns)]
        return np.asarray(np.maximum.outer(*norms))
