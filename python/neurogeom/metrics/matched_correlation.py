"""Mean correlation of units with their partners in another representation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .._base import checks as _validate
from .._base.checks import FloatArray
from ._unit_directions import Directions, DirectionsPart, remark_constant_units
from .base import Prepared, Product, Products, Similarity, Tile, inner_products, map_pairs

_KINDS = ("hard", "soft", "best")
_PART = DirectionsPart()


class Partners(NamedTuple):
    """Units of x and of y that are partners, and the weight of each such pair."""

    x_units: NDArray[np.intp]
    y_units: NDArray[np.intp]
    weights: FloatArray


def _one_to_one(correlations: FloatArray) -> Partners:
    rows, columns = linear_sum_assignment(correlations, maximize=True)
    return Partners(rows, columns, np.full(len(rows), 1 / len(rows)))


def _best_of_columns(correlations: FloatArray) -> Partners:
    """Give each unit of y the unit of x that it is most correlated with."""
    n = correlations.shape[1]
    return Partners(correlations.argmax(axis=0), np.arange(n), np.full(n, 1 / n))


def _best_of_both(correlations: FloatArray) -> Partners:
    forth, back = _best_of_columns(correlations), _best_of_columns(correlations.T)
    return Partners(
        np.concatenate([forth.x_units, back.y_units]),
        np.concatenate([forth.y_units, back.x_units]),
        np.concatenate([forth.weights, back.weights]) / 2,
    )


_PARTNERS = {"hard": _one_to_one, "soft": _best_of_both, "best": _best_of_columns}


def _correlation(x: FloatArray, y: FloatArray, partners: Partners) -> float:
    products = np.einsum("ij,ij->j", x[:, partners.x_units], y[:, partners.y_units])
    return float(np.clip((partners.weights * products).sum(), -1.0, 1.0))


def _correlations(kind: str, x: Directions, y: Directions, held_out: bool) -> tuple[float, float]:
    partners = _PARTNERS[kind](inner_products(x.fitted, y.fitted))
    fitted = _correlation(x.fitted, y.fitted, partners)
    if not held_out:
        return fitted, np.nan
    assert x.held_out is not None
    assert y.held_out is not None
    return fitted, _correlation(x.held_out, y.held_out, partners)


@dataclasses.dataclass(frozen=True)
class _PartnerCorrelation(Product):
    """Mean correlation with partners, on the stimuli they were found on and, with `held_out`, on others."""

    kind: str
    held_out: bool = False

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[FloatArray]:
        """Find the partners of all pairs of a tile, for each kind."""
        found = {}
        for kind in dict.fromkeys(product.kind for product in products):
            both = any(product.held_out for product in products if product.kind == kind)
            found[kind] = map_pairs(
                lambda x, y, kind=kind, both=both: _correlations(kind, x, y, both),  # type: ignore[misc]
                tile.rows,
                tile.columns,
                tile.where,
                tile.n_threads,
                n_values=2,
            )
        return [found[product.kind][int(product.held_out)] for product in products]


class MatchedCorrelation(Similarity):
    """Mean correlation of units with their partners.

    It does not depend on scale and mean of any unit, nor on their order; it does depend on the axes. 1 if
    every unit has a partner that differs in scale and mean only. Even without anything in common, the best of
    many partners correlates: compare with a null, or on other stimuli than the partners were found on.

    Parameters
    ----------
    kind : {"hard", "soft", "best"}, default "hard"
        Who is whose partner. "hard": one to one, the assignment with the largest sum; what is left over of
        the larger item does not count. "soft": each unit's most correlated one in the other item, whoever
        else has it, averaged over units and then over the two directions. "best": the same in one
        direction, for the units of Y among those of X; not symmetric.

    Notes
    -----
    Li, Yosinski, Clune, Lipson & Hopcroft, Convergent learning: do different neural networks learn the same
    representations?, ICLR 2016. Units that do not vary have no correlation and are left out, with a warning.
    If all units are to count in items of different sizes, see :class:`SoftMatching`. With ``test`` of
    :func:`pairwise`, partners are found on one set of stimuli and their correlation is also taken on the
    other; a unit that does not vary there counts as 0.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 6))
    >>> round(ng.MatchedCorrelation().similarity(X, 2 * X[:, 3:0:-1] + 1), 6)
    1.0
    """

    has_held_out = True

    def __init__(self, kind: Literal["hard", "soft", "best"] = "hard") -> None:
        self.kind = _validate.as_choice(kind, "kind", _KINDS)
        self.symmetric = self.kind != "best"
        self.name = "matched_correlation" if kind == "hard" else f"matched_correlation({kind})"

    def products(self) -> tuple[_PartnerCorrelation, ...]:
        return (_PartnerCorrelation(_PART, self.kind),)

    def held_out_products(self) -> tuple[_PartnerCorrelation, ...]:
        return (_PartnerCorrelation(_PART, self.kind, held_out=True),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the correlations of two blocks of items."""
        del tile
        return np.asarray(products[self.products()[0]])

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the same on held-out stimuli."""
        del tile
        return np.asarray(products[self.held_out_products()[0]])

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on units that have no correlation."""
        return remark_constant_units(_PART, items)
