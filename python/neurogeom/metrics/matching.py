"""Distances after the best one-to-one matching of units."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.spatial.distance
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.threads import single_threaded_blas
from ..representations.blocks import UnitBlocks
from ..representations.checks import as_flag, require_normal_range
from . import checks as check
from .base import Distance, Order, Part, Product, Products, Tile, inner_products, map_pairs
from .fitting import angles_of, as_pair, centred_pair, squared_residuals

_SCORES = ("angular", "euclidean")
# One minus a similarity below this is taken from the difference of the matched units instead.
_NEARLY_EQUAL = 1e-6
# Below this, rounding of inner products may have decided between matchings of units that are nearly equal.
_AMBIGUOUS = 1e-9


@registered
class Units(NamedTuple):
    """Responses scaled to norm 1, one unit per column, and the norm that they had."""

    matrix: FloatArray
    norm: float


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class MatchedItem:
    """The record of one item: responses to fit to, and held-out ones relative to the mean of those."""

    mean: FloatArray
    fitted: Units
    held_out: Units | None = None


@dataclasses.dataclass(frozen=True)
class UnitsPart(Part):
    """The (centred) responses."""

    center: bool

    def prepare(self, blocks: UnitBlocks) -> MatchedItem:
        data, label = blocks.whole(), blocks.label
        if not self.center:
            return MatchedItem(np.zeros(data.shape[1]), _units(data, label))
        # Subtract the first row first: constant columns become zero, data far from the origin keep digits.
        shifted = data - data[0]
        rest = shifted.mean(axis=0)
        shifted -= rest
        return MatchedItem(data[0] + rest, _units(shifted, label))

    def reordered(self, record: MatchedItem, order: Order) -> MatchedItem:
        fitted = Units(record.fitted.matrix[order], record.fitted.norm)
        return MatchedItem(record.mean, fitted)

    def prepare_held_out(self, record: MatchedItem, data: UnitBlocks) -> MatchedItem:
        """Add other stimuli, relative to the mean of the fitted ones."""
        return dataclasses.replace(record, held_out=_units(data.whole() - record.mean, data.label))


def _units(responses: FloatArray, label: str) -> Units:
    # In two steps, so that squares stay in the range of float64.
    largest = max(float(responses.max()), -float(responses.min()))
    check.require_spread(largest, label)
    scaled = responses / largest
    norm = float(np.linalg.norm(scaled))
    return Units(scaled / norm, norm * largest)


class Gaps(NamedTuple):
    """One minus the similarity of matched units, on fitted and on held-out stimuli, for a tile."""

    fitted: FloatArray
    held_out: FloatArray


@dataclasses.dataclass(frozen=True)
class MatchedUnits(Product):
    """How well the best matching of units fits; with `held_out`, also on other stimuli."""

    held_out: bool = False

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[Gaps]:
        """Match the units of all pairs of a tile."""
        both = any(product.held_out for product in products)
        gaps = map_pairs(
            lambda x, y: _gaps(x, y, both), tile.rows, tile.columns, tile.where, tile.n_threads, n_values=2
        )
        return [Gaps(*gaps)] * len(products)


def _gaps(x: MatchedItem, y: MatchedItem, both: bool) -> tuple[float, float]:
    matched = match_units(x.fitted.matrix, y.fitted.matrix)
    fitted = _gap(x.fitted.matrix, y.fitted.matrix, matched)
    if not both:
        return fitted, np.nan
    assert x.held_out is not None
    assert y.held_out is not None
    return fitted, _gap(x.held_out.matrix, y.held_out.matrix, matched)


Matched = tuple[NDArray[np.intp], NDArray[np.intp]]


def match_units(x: FloatArray, y: FloatArray) -> Matched:
    """Return units of x and the units of y matched to them; every unit of the smaller item has a partner.

    This is the best permutation after silent units are added to the smaller item, to be matched with the
    leftover units of the larger one.
    """
    core = inner_products(x, y)
    rows, columns = linear_sum_assignment(core, maximize=True)
    if 1 - core[rows, columns].sum() < _AMBIGUOUS:
        width = max(core.shape)
        left, right = (np.pad(matrix, ((0, 0), (0, width - matrix.shape[1]))).T for matrix in (x, y))
        rows, columns = linear_sum_assignment(scipy.spatial.distance.cdist(left, right, "sqeuclidean"))
        real = (rows < core.shape[0]) & (columns < core.shape[1])
        rows, columns = rows[real], columns[real]
    return rows, columns


def _gap(x: FloatArray, y: FloatArray, matched: Matched) -> float:
    """One minus the inner product of x and y, both of norm 1, after matching."""
    rows, columns = matched
    left, right = x[:, rows], y[:, columns]
    gap = 1 - float(np.vdot(left, right))
    if gap < _NEARLY_EQUAL:
        single = [np.delete(x, rows, axis=1), np.delete(y, columns, axis=1)]
        gap = sum(float(np.square(rest).sum()) for rest in [left - right, *single]) / 2
    return gap


class Matching(NamedTuple):
    """Fitted matching of two representations; see :meth:`Permutation.fit`."""

    x_mean: FloatArray
    y_mean: FloatArray
    x_units: NDArray[np.intp]
    y_units: NDArray[np.intp]


class Permutation(Distance):
    """Distance after the best one-to-one matching of units.

    The permutation P of units that maximises tr(P' X' Y) is found by linear assignment; X and Y are centred
    responses (stimuli x units). If the numbers of units differ, silent units are added to the smaller item:
    every unit of the smaller one is matched to a unit of the larger one, even if their responses are
    anticorrelated, and what is left of the larger one counts as a difference.

    A metric between items with the same number of units. Otherwise the triangle inequality may fail: two
    anticorrelated units are far apart, yet both are close to the item that contains them both. Padding all
    items with columns of zeros to the same number of units makes it a metric again.

    Parameters
    ----------
    score : {"angular", "euclidean"}, default "angular"
        The angle between the matched responses, in radians (above pi / 2 if even the best matching is
        anticorrelated), or the Frobenius norm of their difference, in the units of the responses.
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Williams, Kunz, Kornblith & Linderman, Generalized shape metrics on neural representations, NeurIPS 2021.
    With ``test`` of :func:`pairwise`, units are matched on one set of stimuli and the distance is also
    evaluated on the other, relative to the means of the first. If the best matching is not unique, as for
    units that are silent on the fitted stimuli, the choice is arbitrary and the evaluation depends on it.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 6))
    >>> round(ng.Permutation().distance(X, X[:, ::-1] + 3), 6)
    0.0
    >>> round(ng.Permutation(score="euclidean", center=False).distance([[3, 0], [0, 2]], [[0, 1], [1, 0]]), 6)
    2.236068
    """

    has_held_out = True

    def __init__(self, *, score: Literal["angular", "euclidean"] = "angular", center: bool = True) -> None:
        self.score = _validate.as_choice(score, "score", _SCORES)
        self.center = as_flag(center, "center")
        options = [] if self.score == "angular" else [self.score]
        options += [] if self.center else ["uncentered"]
        self.name = f"permutation({', '.join(options)})" if options else "permutation"

    def _part(self) -> UnitsPart:
        return UnitsPart(self.center)

    def products(self) -> tuple[MatchedUnits, ...]:
        return (MatchedUnits(self._part()),)

    def held_out_products(self) -> tuple[MatchedUnits, ...]:
        return (MatchedUnits(self._part(), held_out=True),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return 1 - similarity, or squared distances, of two blocks of items."""
        (product,) = self.products()
        records = [[item[product.part].fitted for item in side] for side in tile.sides]
        return self._values(products[product].fitted, *records)

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the same on held-out stimuli."""
        (product,) = self.held_out_products()
        records = [[item[product.part].held_out for item in side] for side in tile.sides]
        return self._values(products[product].held_out, *records)

    def _values(self, gap: FloatArray, rows: Sequence[Units], columns: Sequence[Units]) -> FloatArray:
        if self.score == "angular":
            return gap
        left = np.array([units.norm for units in rows])[:, None]
        right = np.array([units.norm for units in columns])[None]
        return squared_residuals(gap, left, right)

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn the values of `pair` into angles or distances."""
        return angles_of(values) if self.score == "angular" else np.sqrt(values)

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the larger norm of each pair, for distances in the units of the responses."""
        if self.score == "angular":
            return 1.0
        norms = ([item[self._part()].fitted.norm for item in side] for side in tile.sides)
        return np.asarray(np.maximum.outer(*norms))

    def fit(self, X: Any, Y: Any) -> Matching:
        """Find the matching of the units of two representations.

        Parameters
        ----------
        X, Y : array-like of shape (n_stimuli, n_units)
            Responses to the same stimuli.

        Returns
        -------
        Matching
            Means (n_units,), and `x_units` and `y_units`, integers of length max(n_units): unit
            ``x_units[k]`` of X is matched to unit ``y_units[k]`` of Y. -1 stands for a silent unit that was
            added to the smaller item. The units of X are in order.
        """
        X, Y = as_pair(X, Y)
        for data, name in ((X, "X"), (Y, "Y")):
            require_normal_range(data, name)
        part = self._part()
        with single_threaded_blas():
            x, y = part.prepare(UnitBlocks(X, "X")), part.prepare(UnitBlocks(Y, "Y"))
            rows, columns = match_units(x.fitted.matrix, y.fitted.matrix)
        width = max(X.shape[1], Y.shape[1])
        x_units = np.full(width, -1, dtype=np.intp)
        y_units = x_units.copy()
        x_units[: X.shape[1]] = np.arange(X.shape[1])
        y_units[rows] = columns
        y_units[X.shape[1] :] = np.setdiff1d(np.arange(Y.shape[1]), columns)
        return Matching(x.mean, y.mean, x_units, y_units)

    def transform(self, matching: Matching, X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
        """Apply a fitted matching, to the same or to other stimuli.

        Parameters
        ----------
        matching : Matching
            From :meth:`fit`.
        X, Y : array-like of shape (n_stimuli, n_units)
            Responses of the same units.

        Returns
        -------
        X_matched, Y_matched : ndarray of shape (n_stimuli, max(n_units))
            Responses minus the fitted means; matched units are in the same column, silent ones are zero.
        """
        x, y = centred_pair(X, Y, matching.x_mean, matching.y_mean)
        x_units, y_units = matching.x_units, matching.y_units
        return np.where(x_units >= 0, x[:, x_units], 0.0), np.where(y_units >= 0, y[:, y_units], 0.0)

    def align(self, X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
        """Match two representations; return both with matched units in the same column; see :meth:`fit`."""
        return self.transform(self.fit(X, Y), X, Y)
