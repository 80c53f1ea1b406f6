"""Soft matching: the best transport between the units of two representations."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.spatial.distance
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, user_level
from .._base.isa import core
from .._base.results import ConvergenceWarning
from .._base.threads import single_threaded_blas
from ..representations.blocks import UnitBlocks
from ..representations.checks import as_flag, require_normal_range
from ._unit_directions import Directions, DirectionsPart, remark_constant_units
from .base import Metric, Part, Prepared, Product, Products, Tile, inner_products, map_pairs
from .fitting import as_pair
from .matching import MatchedItem, UnitsPart

_SCORES = ("distance", "correlation")
# Squared distances below this share of the squared lengths are found from differences of units instead of
# their inner products, whose rounding may have decided the plan.
_NEARLY_EQUAL = 1e-4
# A plan counts as optimal if no other can cost less by more than this share of the largest cost.
_MOST_GAP = 1e-10


class Plan(NamedTuple):
    """Shares of the whole mass that go from a unit of x to a unit of y; entries that are not 0."""

    x_units: NDArray[np.intp]
    y_units: NDArray[np.intp]
    shares: FloatArray

    def mean(self, values: FloatArray) -> float:
        """Average over the entries."""
        return float((self.shares * values).sum())


def transport(costs: FloatArray) -> Plan | None:
    """Return the plan of least cost; None if its dual does not certify it.

    Faster with more rows than columns.
    """
    x_units, y_units, shares, cost, bound = core.transport(np.ascontiguousarray(costs))
    if not cost - bound <= _MOST_GAP * np.abs(costs).max():
        return None
    return Plan(x_units, y_units, shares)


def _soft_plan(x: FloatArray, y: FloatArray) -> Plan | None:
    """Return the plan with the least mean squared distance of units."""
    if x.shape[1] < y.shape[1]:
        found = _soft_plan(y, x)
        return found and Plan(found.y_units, found.x_units, found.shares)
    # The masses are given, so that squared lengths count the same in every plan.
    plan = transport(-inner_products(x, y))
    sizes = np.square(x).sum() / x.shape[1] + np.square(y).sum() / y.shape[1]
    if plan is not None and _mean_square(plan, x, y) < _NEARLY_EQUAL * sizes:
        plan = transport(scipy.spatial.distance.cdist(x.T, y.T, "sqeuclidean"))
    return plan


def _mean_square(plan: Plan, x: FloatArray, y: FloatArray) -> float:
    difference = x[:, plan.x_units] - y[:, plan.y_units]
    return plan.mean(np.square(difference).sum(axis=0))


def _in_units_of_the_larger(x: MatchedItem, y: MatchedItem) -> tuple[float, float, float]:
    """Return the larger norm of two items, and what to multiply their units by to be relative to it."""
    size = max(x.fitted.norm, y.fitted.norm)
    return size, x.fitted.norm / size, y.fitted.norm / size


def _distances(x: MatchedItem, y: MatchedItem, held_out: bool) -> tuple[float, float]:
    size, of_x, of_y = _in_units_of_the_larger(x, y)
    left, right = of_x * x.fitted.matrix, of_y * y.fitted.matrix
    plan = _soft_plan(left, right)
    if plan is None:
        return np.nan, np.nan
    fitted = size * _mean_square(plan, left, right) ** 0.5
    if not held_out:
        return fitted, np.nan
    assert x.held_out is not None
    assert y.held_out is not None
    size = max(x.held_out.norm, y.held_out.norm)
    left, right = (units.norm / size * units.matrix for units in (x.held_out, y.held_out))
    return fitted, size * _mean_square(plan, left, right) ** 0.5


def _correlations(x: Directions, y: Directions, held_out: bool) -> tuple[float, float]:
    plan = _soft_plan(x.fitted, y.fitted)
    if plan is None:
        return np.nan, np.nan
    fitted = 1.0 - _mean_square(plan, x.fitted, y.fitted) / 2
    if not held_out:
        return fitted, np.nan
    assert x.held_out is not None
    assert y.held_out is not None
    products = (x.held_out[:, plan.x_units] * y.held_out[:, plan.y_units]).sum(axis=0)
    return fitted, plan.mean(products)


_VALUES: dict[str, Callable[[Any, Any, bool], tuple[float, float]]] = {
    "distance": _distances,
    "correlation": _correlations,
}


@dataclasses.dataclass(frozen=True)
class _Transported(Product):
    """The value of the best plan, on the stimuli fitted to and, with `held_out`, on others."""

    score: str
    held_out: bool = False

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[FloatArray]:
        """Find the plans of all pairs of a tile."""
        value, both = _VALUES[products[0].score], any(product.held_out for product in products)
        found = map_pairs(
            lambda x, y: value(x, y, both), tile.rows, tile.columns, tile.where, tile.n_threads, n_values=2
        )
        failed = int(np.isnan(found[0][tile.where]).sum())
        if failed:
            warnings.warn(
                f"soft matching: {failed} plans are not certified as optimal; these values are NaN",
                ConvergenceWarning,
                stacklevel=user_level(),
            )
        return [found[int(product.held_out)] for product in products]


class SoftMatching(Metric):
    r"""Distance or correlation after the best soft matching of units.

    Every unit of X has the mass 1 / n_x, every unit of Y 1 / n_y. A plan P says how much mass goes from unit
    i to unit j; its rows sum to 1 / n_x, its columns to 1 / n_y. The distance is

    .. math:: d^2 = \min_P \sum_{ij} P_{ij} \|x_i - y_j\|^2,

    with x_i the centred responses of unit i; the correlation is the largest :math:`\sum_{ij} P_{ij}
    \mathrm{corr}(x_i, y_j)`. Numbers of units may differ, and no unit is left out. If they are the same, the
    best plan is a permutation, and the distance is that of ``Permutation(score="euclidean")`` divided by
    sqrt(n).

    The distance is a metric: the Wasserstein distance of two clouds of tuning curves. It does not change if
    units are permuted, or all of them copied equally often, or moved by a constant. The correlation does not
    depend on scale and mean of any unit, and obeys no triangle inequality.

    Parameters
    ----------
    score : {"distance", "correlation"}, default "distance"
        The distance above, in the units of the responses of one unit (a norm over stimuli), or the mean
        correlation of matched units. Units that do not vary have no correlation and are left out, with a
        warning; for distances they count as zeros.
    center : bool, default True
        Subtract the mean over stimuli; a correlation always does.

    Notes
    -----
    Khosla & Williams, Soft matching distance: a metric on neural representations that captures single-neuron
    tuning, 2024. The plan is exact, by shortest augmenting paths with whole masses, and each comes with a
    solution of the dual problem that bounds what any plan can reach. If a plan is not certified by it, the
    value is NaN and marked with 1 in ``Pairwise.flags``, with a `ConvergenceWarning`. Plans may be tied;
    then the value is one, but the plan is a choice.

    With ``test`` of :func:`pairwise`, the plan is found on one set of stimuli and also evaluated on the
    other: distances relative to the means of the first, correlations on their own.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 6))
    >>> twice = np.hstack([X, X[:, ::-1]])
    >>> round(ng.SoftMatching().distance(X, twice), 6)
    0.0
    >>> round(ng.SoftMatching().similarity(X, 3 * twice + 1), 6)
    1.0
    >>> ng.SoftMatching().plan(X[:, :3], X[:, 1::-1]).round(3)
    array([[0.   , 0.333],
           [0.333, 0.   ],
           [0.167, 0.167]])
    """

    has_held_out = True

    def __init__(
        self, *, score: Literal["distance", "correlation"] = "distance", center: bool = True
    ) -> None:
        self.score = _validate.as_choice(score, "score", _SCORES)
        self.center = as_flag(center, "center")
        if self.score == "correlation" and not self.center:
            raise ValueError("center=False is for score='distance' only: a correlation is centred")
        self.is_similarity = self.score == "correlation"
        self.diagonal = 1.0 if self.is_similarity else 0.0
        options = [] if self.score == "distance" else [self.score]
        options += [] if self.center else ["uncentered"]
        self.name = f"soft_matching({', '.join(options)})" if options else "soft_matching"
        self._part: Part = DirectionsPart() if self.is_similarity else UnitsPart(self.center)

    def products(self) -> tuple[_Transported, ...]:
        return (_Transported(self._part, self.score),)

    def held_out_products(self) -> tuple[_Transported, ...]:
        return (_Transported(self._part, self.score, held_out=True),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values of two blocks of items."""
        del tile
        return np.asarray(products[self.products()[0]])

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the same on held-out stimuli."""
        del tile
        return np.asarray(products[self.held_out_products()[0]])

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the larger norm of each pair, for distances in the units of the responses."""
        if self.is_similarity:
            return 1.0
        norms = ([item[self._part].fitted.norm for item in side] for side in tile.sides)
        return np.asarray(np.maximum.outer(*norms))

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on units that have no correlation."""
        return remark_constant_units(self._part, items) if isinstance(self._part, DirectionsPart) else None

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark values without a certified plan by 1."""
        return np.isnan(values).astype(np.int8)

    def distance(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the distance of two representations (n_stimuli, n_units), whatever `score` is."""
        return self._with_score("distance").compare(X, Y, n_threads=n_threads)

    def similarity(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the mean correlation of matched units, whatever `score` is."""
        return self._with_score("correlation").compare(X, Y, n_threads=n_threads)

    def _with_score(self, score: Literal["distance", "correlation"]) -> SoftMatching:
        return self if score == self.score else SoftMatching(score=score)

    def plan(self, X: Any, Y: Any) -> FloatArray:
        """Find the best plan for the units of two representations.

        Parameters
        ----------
        X, Y : array-like of shape (n_stimuli, n_units)
            Responses to the same stimuli; numbers of units may differ.

        Returns
        -------
        ndarray of shape (n_units of X, n_units of Y)
            The mass that goes from each unit to each; rows sum to 1 / n_x, columns to 1 / n_y (of the units
            that vary, for correlations; the others have no mass). NaN if it is not certified as optimal.
        """
        X, Y = as_pair(X, Y)
        for data, name in ((X, "X"), (Y, "Y")):
            require_normal_range(data, name)
        shape = (X.shape[1], Y.shape[1])
        with single_threaded_blas():
            x, y = (self._part.prepare(UnitBlocks(data, name)) for data, name in ((X, "X"), (Y, "Y")))
            if self.is_similarity:
                plan = _soft_plan(x.fitted, y.fitted)
                units = [np.flatnonzero(record.varies) for record in (x, y)]
            else:
                _, of_x, of_y = _in_units_of_the_larger(x, y)
                plan = _soft_plan(of_x * x.fitted.matrix, of_y * y.fitted.matrix)
                units = [np.arange(count) for count in shape]
        if plan is None:
            return np.full(shape, np.nan)
        mass = np.zeros(shape)
        mass[units[0][plan.x_units], units[1][plan.y_units]] = plan.shares
        return mass
