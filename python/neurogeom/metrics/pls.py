"""How well one representation predicts another by partial least squares."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from scipy import linalg

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from . import checks as check
from .base import Part
from .predictivity import SCORES, CrossValidated, varying

# Covariances below this share of the first are rounding: no component is left.
_NOTHING = 1e-12


def predict_by_pls(
    x: FloatArray, y: FloatArray, new: FloatArray, n_components: int, *, scale: bool = False
) -> FloatArray:
    """Predict responses to new stimuli: components of X in turn, each of largest covariance with what is left
    of Y.

    With `scale`, units have variance 1 in the fitted stimuli.
    """
    means, y_mean = x.mean(axis=0), y.mean(axis=0)
    spreads = [side.std(axis=0, ddof=1) if scale else np.ones(side.shape[1]) for side in (x, y)]
    for spread in spreads:
        spread[spread == 0] = 1.0
    left, right = (x - means) / spreads[0], (y - y_mean) / spreads[1]
    found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    first = 0.0
    for _ in range(min(n_components, *left.shape)):
        direction, covariance = _largest(left.T @ right)
        first = max(first, covariance)
        if not covariance > _NOTHING * first:
            break
        scores = left @ direction
        size = scores @ scores
        loading, target = left.T @ scores / size, right.T @ scores / size
        left, right = left - np.outer(scores, loading), right - np.outer(scores, target)
        found.append((direction, loading, target))
    if not found:
        return np.broadcast_to(y_mean, (len(new), len(y_mean))).copy()
    weights, loadings, targets = (np.column_stack(each) for each in zip(*found, strict=True))
    slopes = weights @ np.linalg.solve(loadings.T @ weights, targets.T)
    return np.asarray((new - means) / spreads[0] @ slopes * spreads[1] + y_mean)


def _largest(cross: FloatArray) -> tuple[FloatArray, float]:
    """Return the first left singular vector and the first singular value.

    By the driver without divide and conquer: the other one does not converge for some matrices of low rank.
    """
    directions, sizes, _ = linalg.svd(cross, full_matrices=False, lapack_driver="gesvd")
    return directions[:, 0], float(sizes[0])


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class PLSItem:
    """An item as predictor and as target."""

    label: str
    responses: FloatArray
    n_components: int
    folds: int
    targets: FloatArray  # centred
    n_constant: int

    def predict(self, targets: FloatArray) -> FloatArray:
        """Predict each stimulus from the folds that it is not in."""
        found = np.empty_like(targets)
        for test in np.array_split(np.arange(len(targets)), self.folds):
            train = np.delete(np.arange(len(targets)), test)
            x = self.responses
            found[test] = predict_by_pls(x[train], targets[train], x[test], self.n_components)
        return found


@dataclasses.dataclass(frozen=True)
class PLSPart(Part):
    """The responses, in units of their size."""

    n_components: int
    folds: int
    keep_units: bool

    def prepare(self, blocks: UnitBlocks) -> PLSItem:
        """Centre and scale one item."""
        data, label = blocks.whole(), blocks.label
        if self.folds > len(data):
            raise TooLittleDataError(f"folds is {self.folds}, but {label} has only {len(data)} stimuli")
        shifted = data - data[0]
        size = float(np.abs(shifted).max())
        check.require_spread(size, label)
        scaled = shifted / size
        centred = scaled - scaled.mean(axis=0)
        targets, n_constant = varying(scaled, self.keep_units)
        return PLSItem(label, centred, self.n_components, self.folds, targets, n_constant)


class PLS(CrossValidated):
    """Cross-validated predictivity by partial least squares: how well a few components of X predict Y.

    Components are directions of X, one after the other, whose scores have the largest covariance with what
    the earlier ones leave of Y (PLS2, with deflation); Y is regressed on their scores. Stimuli are split into
    contiguous folds, each predicted from the others. Asymmetric: entry (i, j) is how well item i predicts
    item j, also for i = j. At most 1, and negative if predictions are worse than the mean. Invariant to
    rotation, isotropic scaling and translation of X; for "r2", also of Y. Not a metric.

    Parameters
    ----------
    n_components : int, default 25
        Components, fewer where X has no more. The default is what studies of brain scores use; it must be
        below the number of training stimuli to leave anything out.
    folds : int, default 5
        Number of folds, from 2 to the number of stimuli. Shuffle stimuli beforehand if their order carries
        meaning.
    score : {"r2", "pearson"}, default "r2"
        As for :class:`Ridge`.

    Notes
    -----
    Units are centred and not scaled. With as many components as the rank of X this is regression of minimal
    norm, ``Ridge(penalty=0)``. A component depends on all units of Y together, so that each pair of items is
    fitted by itself.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> round(ng.PLS(4).similarity(X, X @ [[1.0], [0.0], [-2.0], [1.0]] + 3), 6)
    1.0
    """

    def __init__(
        self, n_components: int = 25, *, folds: int = 5, score: Literal["r2", "pearson"] = "r2"
    ) -> None:
        self.n_components = _validate.as_count(n_components, "n_components")
        self.folds = _validate.as_count(folds, "folds", minimum=2)
        self.score = _validate.as_choice(score, "score", SCORES)
        options = [] if self.n_components == 25 else [f"{self.n_components} components"]
        options += [] if self.folds == 5 else [f"{self.folds} folds"]
        options += [] if self.score == "r2" else [self.score]
        self.name = f"pls({', '.join(options)})" if options else "pls"
        self._part = PLSPart(self.n_components, self.folds, self.score == "pearson")
