"""How well one representation predicts another linearly, in sample and cross-validated."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError, as_flag
from . import checks as check
from ._factors import BasisPart, FactorPart, shortest_map
from ._products import squares_between
from ._reduction import balance, lower_trapezoid, reduce_stimuli, with_all_stimuli
from ._subspaces import ranks_of, remark_full_rank
from .base import Part, Prepared, Products, Similarity, Tile, map_pairs

SCORES = ("r2", "pearson")


class LinearR2(Similarity):
    """Share of the variance of Y that linear regression on X explains, in sample.

    ``|U'Y|^2 / |Y|^2`` with centred Y and an orthonormal basis U of the centred columns of X: R^2 pooled over
    units by their variance. Asymmetric: entry (i, j) is how well item i predicts item j. From 0 to 1, and 1
    for an item with itself. Invariant to invertible linear maps and translations of X, and to rotation,
    isotropic scaling and translation of Y. Not a metric.

    Parameters
    ----------
    center : bool, default True
        Fit an intercept (subtract means over stimuli).

    Notes
    -----
    X may be rank-deficient: nothing is inverted. If X has as many units as stimuli, it explains everything
    in sample: a warning says so, and :class:`Ridge` validates predictions on other stimuli.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(ng.LinearR2().similarity(X[:, :1], X), 6), round(ng.LinearR2().similarity(X, X[:, :1]), 6)
    (0.5, 1.0)
    """

    symmetric = False
    no_held_out = "measures how well the data at hand are fitted ('ridge' predicts stimuli left out)"

    def __init__(self, *, center: bool = True) -> None:
        self.center = as_flag(center, "center")
        self.name = "r2" if self.center else "r2(uncentered)"
        # As a predictor an item is its column space, weak units included; as a target it is itself.
        self._predictor, self._target = BasisPart(self.center), FactorPart(self.center)

    def parts(self) -> tuple[Part, ...]:
        return (self._predictor, self._target)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the shares of two blocks of items."""
        del products
        rows = [item[self._predictor] for item in tile.rows]
        columns = [item[self._target] for item in tile.columns]
        shares = squares_between(dataclasses.replace(tile, rows=rows, columns=columns))
        return np.asarray(np.minimum(shares * ranks_of(tile.rows, self._predictor)[:, None], 1.0))

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on items that predict everything."""
        return remark_full_rank(items, self._predictor, "in sample it predicts everything")


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class _Regression:
    """An item as predictor and as target.

    Cross-validated predictions of responses Y are, fold by fold, ``left @ (right @ Y)``: a penalised
    regression is linear in its targets, and these matrices depend on the predictor alone.
    """

    label: str
    folds: tuple[tuple[FloatArray, FloatArray | None], ...]
    targets: FloatArray  # centred
    n_constant: int

    def predict(self, targets: FloatArray) -> FloatArray:
        """Predict each stimulus from the folds that it is not in."""
        return np.vstack(
            [left @ (targets if right is None else right @ targets) for left, right in self.folds]
        )


@dataclasses.dataclass(frozen=True)
class _RegressionPart(Part):
    penalty: float
    folds: int
    keep_units: bool

    @property
    def needs_whole(self) -> bool:
        """Whether units are scored one by one."""
        return self.keep_units

    def prepare(self, blocks: UnitBlocks) -> _Regression:
        """Decompose one item, once for each fold."""
        n_stimuli, label = blocks.shape[0], blocks.label
        if self.folds > n_stimuli:
            raise TooLittleDataError(f"folds is {self.folds}, but {label} has only {n_stimuli} stimuli")
        found = reduce_stimuli(blocks, True)
        mean, size = found.mean, found.size
        if blocks.is_divided:
            reduced = lower_trapezoid(with_all_stimuli(found.matrix))
            return _Regression(label, self._folds(reduced, size, reduced, 0.0), reduced, 0)
        data = blocks.whole()
        centered = (data - mean) / size
        # Only inner products of stimuli matter to predictions.
        reduced = lower_trapezoid(centered) if centered.shape[1] > len(data) else centered
        design, rounding = reduced, 0.0
        if self.penalty == 0 and centered.shape[1] < len(data):
            balanced = balance(found, data, center=True)
            design, rounding = with_all_stimuli(balanced.reduced.matrix), balanced.noise
            reduced = centered[:, found.kept]
        folds = self._folds(reduced, size, design, rounding)
        if not self.keep_units:
            return _Regression(label, folds, reduced, 0)
        noise = 8 * np.finfo(np.float64).eps * np.abs(data).max(axis=0) / size
        varying = np.abs(centered).max(axis=0) > noise
        targets = np.ascontiguousarray(centered[:, varying])
        return _Regression(label, folds, targets, int((~varying).sum()))

    def _folds(
        self, data: FloatArray, size: float, design: FloatArray, rounding: float
    ) -> tuple[tuple[FloatArray, FloatArray | None], ...]:
        return tuple(
            self._fold(data, test, self.penalty / size**2, design, rounding)
            for test in np.array_split(np.arange(len(data)), self.folds)
        )

    @staticmethod
    def _fold(
        data: FloatArray, test: Any, penalty: float, design: FloatArray, rounding: float
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return the map from all targets to predictions in one fold: one or two matrices, as is cheaper.

        The rank is that of `design`: the data or, without a penalty, the data with units on one scale, so
        that weak ones count.
        """
        n_stimuli = len(data)
        train = np.delete(np.arange(n_stimuli), test)
        mean = data[train].mean(axis=0)
        u, s, vt = np.linalg.svd(design[train] - design[train].mean(axis=0), full_matrices=False)
        # Relative to all the data: the variation of the training stimuli may be mere rounding.
        least = max(design.shape) * np.finfo(np.float64).eps * np.linalg.norm(design)
        rank = int((s > max(float(least), rounding)).sum())
        u, s, vt = u[:, :rank], s[:rank], vt[:rank]
        # The last column and row add the mean of the training targets.
        left = np.ones((len(test), rank + 1))
        if penalty == 0:
            left[:, :rank] = (data[test] - mean) @ shortest_map(u.T @ (data[train] - mean))
        else:
            left[:, :rank] = ((data[test] - mean) @ vt.T) * (s / (np.square(s) + penalty))
        right = np.zeros((rank + 1, n_stimuli))
        right[:rank, train] = u.T
        right[rank, train] = 1.0 / len(train)
        if len(test) * n_stimuli <= (rank + 1) * (len(test) + n_stimuli):
            return left @ right, None
        return left, right


class CrossValidated(Similarity):
    """How well predictions from X, fitted to other stimuli, agree with Y.

    A subclass sets its part, whose record predicts targets: see :class:`Ridge`.
    """

    symmetric = False
    no_held_out = "already predicts each fold of the stimuli from the others"
    diagonal = None

    score: str
    _part: Part

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the scores of two blocks of items."""
        del products
        left, right = ([item[self._part] for item in side] for side in tile.sides)
        score = _explained if self.score == "r2" else _mean_correlation
        return map_pairs(score, left, right, tile.where, tile.n_threads)

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on units that are left out."""
        having = [item[self._part] for item in items if item[self._part].n_constant]
        if not having:
            return None
        more = f" (and of {len(having) - 1} more)" if len(having) > 1 else ""
        return (
            f"{having[0].n_constant} units of {having[0].label}{more} do not vary over stimuli: they have no "
            "correlation and are left out"
        )


class Ridge(CrossValidated):
    """Cross-validated predictivity: how well ridge regression on X predicts Y on held-out stimuli.

    Stimuli are split into contiguous folds. Each is predicted from the others by the minimiser of
    ``|Y - X B - b|^2 + penalty |B|^2``. Asymmetric: entry (i, j) is how well item i predicts item j, also
    for i = j. At most 1, and negative if predictions are worse than the mean. Invariant to rotation and
    translation of X; for "r2", also to rotation, isotropic scaling and translation of Y; for "pearson", to
    permutation, translation and positive scaling of single units of Y. At penalty 0, invariant to invertible
    linear maps of X if there are more training stimuli than units. Not a metric.

    Parameters
    ----------
    penalty : float, default 1.0
        Weight of the penalty, 0 or more, in squared units of X summed over stimuli: scale X, for example to
        unit variance, if representations differ in scale. 0 is ordinary regression, with minimal norm if the
        solution is not unique; weak units then count as much as strong ones.
    folds : int, default 5
        Number of folds, from 2 to the number of stimuli (leave one out). Shuffle stimuli beforehand if their
        order carries meaning.
    score : {"r2", "pearson"}, default "r2"
        "r2": one minus the sum of squared errors over that of Y around its mean, pooled over units and folds.
        "pearson": the correlation of predictions, taking all folds together, with responses, averaged over
        the units of Y. Units that do not vary have no correlation and are left out, with a warning; a
        prediction that does not vary counts as 0.

    Notes
    -----
    Each item is decomposed once per fold; everything else is matrix products. The score is that of all
    predictions together, not the mean over folds. If X says nothing about Y, predictions are training means,
    which are low where the held-out responses are high: scores are then below 0, correlations too.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> round(ng.Ridge(penalty=0.0).similarity(X, X @ [[1.0], [0.0], [-2.0], [1.0]] + 3), 6)
    1.0
    """

    def __init__(
        self, penalty: float = 1.0, *, folds: int = 5, score: Literal["r2", "pearson"] = "r2"
    ) -> None:
        self.penalty = check.as_penalty(penalty)
        self.folds = _validate.as_count(folds, "folds", minimum=2)
        self.score = _validate.as_choice(score, "score", SCORES)
        options = [] if self.penalty == 1 else [f"{self.penalty:g}"]
        options += [] if self.folds == 5 else [f"{self.folds} folds"]
        options += [] if self.score == "r2" else [self.score]
        self.name = f"ridge({', '.join(options)})" if options else "ridge"
        self._part = _RegressionPart(self.penalty, self.folds, self.score == "pearson")


class Predictor(Protocol):
    """The record of an item: how it predicts, and as what it is predicted."""

    label: str
    targets: FloatArray  # centred
    n_constant: int

    def predict(self, targets: FloatArray) -> FloatArray:
        """Predict each stimulus from the folds that it is not in."""


def varying(data: FloatArray, keep_units: bool) -> tuple[FloatArray, int]:
    """Return centred targets; if units are scored, without those that do not vary, and their number."""
    centered = data - data.mean(axis=0)
    if not keep_units:
        return centered, 0
    noise = 8 * np.finfo(np.float64).eps * np.abs(data).max(axis=0)
    kept = np.abs(centered).max(axis=0) > noise
    return np.ascontiguousarray(centered[:, kept]), int((~kept).sum())


def _explained(x: Predictor, y: Predictor) -> float:
    errors = y.targets - x.predict(y.targets)
    return 1.0 - float(np.square(errors).sum() / np.square(y.targets).sum())


def _mean_correlation(x: Predictor, y: Predictor) -> float:
    predicted = x.predict(y.targets)
    predicted -= predicted.mean(axis=0)
    lengths = [np.linalg.norm(side, axis=0) for side in (predicted, y.targets)]
    # Rounding of a constant prediction does not count as variation.
    varies = lengths[0] > len(predicted) * np.finfo(np.float64).eps * lengths[1]
    products = (predicted * y.targets).sum(axis=0)
    correlations = np.zeros(len(varies))
    correlations[varies] = products[varies] / (lengths[0] * lengths[1])[varies]
    return float(correlations.mean())
