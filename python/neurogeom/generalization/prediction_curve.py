"""Learning curves: how well responses are predicted from a representation, measured over random splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.progress import Progress, as_progress
from .._base.results import Column, Result, columns_of_kind, columns_with_errors, warn_of_one
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from .regression import MODES, Regression, as_penalties, as_regression, as_training_sizes

_CENTERS = ("train", "all")
_MEASURES = ("error", "error_heldout", "training_error")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PredictionCurve(Result):
    """Measured errors of prediction; see :func:`prediction_curve`.

    Arrays have an axis for the numbers of training stimuli and one for the ridges, each only if it was given
    as a sequence. Errors are shares of the responses' power over all stimuli.

    Attributes
    ----------
    error, error_heldout, training_error : float or ndarray
        Mean squared error over all stimuli, those that were not learned from (NaN if all were), and those
        that were, averaged over splits.
    error_se, error_heldout_se, training_error_se : float or ndarray
        Standard errors over splits; NaN for a single one.
    error_per_target, error_heldout_per_target : ndarray, shape (..., C)
        For each response, as a share of its own power; NaN for responses that do not vary.
    n_train, ridge : int and float, or ndarray
        What was asked for.
    ridge_mode, center : str
        How the ridge is meant, and which means were removed ("no" for none).
    n_splits, n_stimuli, n_targets : int
        Number of splits and sizes of the data.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_train", "error", "error_heldout", "n_splits")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_stimuli", "n_targets", "n_splits"),
        *columns_of_kind("setting", "n_train", "ridge"),
        *columns_with_errors(*_MEASURES),
    )

    error: Any
    error_se: Any
    error_heldout: Any
    error_heldout_se: Any
    training_error: Any
    training_error_se: Any
    error_per_target: FloatArray
    error_heldout_per_target: FloatArray
    n_train: Any
    ridge: Any
    ridge_mode: str
    center: str
    n_splits: int
    n_stimuli: int
    n_targets: int


@_validate.explain_keywords
def prediction_curve(
    X: ArrayLike,
    Y: ArrayLike,
    n_train: int | Sequence[int],
    *,
    n_splits: int = 20,
    ridge: float | Sequence[float] = 0.0,
    ridge_mode: str = "per_sample",
    center: Literal["train", "all"] | bool = "train",
    kernel: Any = None,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> PredictionCurve:
    """Measure how well responses are predicted from a representation, for numbers of training stimuli.

    In each split some stimuli are drawn, ridge regression is fitted to them, and all responses to all stimuli
    are predicted.

    Parameters
    ----------
    X : array_like, shape (n_stimuli, n_features)
        The representation that predicts.
    Y : array_like, shape (n_stimuli, n_targets) or (n_stimuli,)
        Responses to the same stimuli; of repeats (n_repeats, n_stimuli, n_targets) the mean is taken.
    n_train : int or sequence of int
        Numbers of stimuli to learn from. A split is an order of the stimuli, of which each number takes the
        first.
    n_splits : int
        Number of splits.
    ridge : float or sequence of float
        Penalty, in the squared units of X, as for :func:`spectral_prediction`; 0 takes the fit of least norm.
    ridge_mode : {"per_sample", "total"}
        Whether `ridge` times the number of training stimuli or `ridge` is added to the diagonal of their Gram
        matrix.
    center : {"train", "all", False}
        Remove means over the training stimuli, so that nothing leaks (the default); over all stimuli, as the
        theory of :func:`spectral_prediction` has it; or none.
    kernel : object, optional
        Something with a method ``gram(X)``, such as those of :mod:`neurogeom.kernels`.
    rng : None, int, SeedSequence or Generator
        Source of randomness. With one seed, more splits keep the first ones.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use. It does not change the result.
    progress : bool or callable, default False
        Show a bar, or call this with (splits done, splits).

    Returns
    -------
    PredictionCurve
        Standard errors are over splits, which share stimuli: they say how well the mean over all splits of
        these stimuli is known, not how it would vary with other stimuli.

    Raises
    ------
    TypeError, ValueError
        As :func:`spectral_prediction`, or if another argument is out of its range.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> found = ng.prediction_curve(layers["layer4"], layers["layer6"], [50, 200], ridge=0.01, rng=0)
    >>> found.error_heldout.round(2), found.error_heldout_se.round(3)
    (array([0.72, 0.44]), array([0.006, 0.002]))
    """
    if isinstance(center, str):
        rule = _validate.as_choice(center, "center", _CENTERS)
    elif isinstance(center, (bool, np.bool_)):
        rule = "all" if center else "no"
    else:
        raise TypeError(f'center must be "train", "all" or False, not {_validate.shown(center)}')
    # Power is that around the mean over all stimuli, whichever means the fit removes.
    data = as_regression(X, Y, center=rule != "no", kernel=kernel)
    P = data.n_stimuli
    sizes, several_sizes = as_training_sizes(n_train, P)
    ridges, several_ridges = as_penalties(ridge)
    mode = _validate.as_choice(ridge_mode, "ridge_mode", MODES)
    n_splits = _validate.as_count(n_splits, "n_splits")
    warn_of_one(n_splits, "n_splits")
    threads, report = resolve_threads(n_threads), as_progress(progress, "prediction curve")
    key = draw_key(as_generator(rng))
    penalties = ridges / data.unit**2 * (sizes[:, None] if mode == "per_sample" else np.ones((len(sizes), 1)))
    with single_threaded_blas():
        # Made once, it serves all splits that learn from fewer stimuli than there are units. Of many more
        # stimuli than units it is larger than what it saves.
        units = P if data.X is None else data.X.shape[1]
        gram = data.gram() if sizes.min() <= units and 2 * units >= P else None
        found = []
        for start in range(0, n_splits, threads):
            block = range(start, min(start + threads, n_splits))
            found += map_threads(
                lambda split: _split(data, gram, _order(key, split, P), sizes, penalties, rule == "train"),
                block,
                threads,
            )
            if report is not None:
                report(block.stop, n_splits)
    squares = np.stack(found)  # (split, measure, size, ridge, target), sums over stimuli
    totals = (data.Y**2).sum(axis=0)
    counts = np.stack([np.full(len(sizes), P), P - sizes, sizes])[:, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = squares.sum(axis=-1) / counts * (P / totals.sum())
        own = squares.mean(axis=0) / counts[..., None] * (P / np.where(totals > 0, totals, np.nan))
        spread = errors.std(axis=0, ddof=1) / np.sqrt(n_splits) if n_splits > 1 else np.nan * errors[0]

    def shaped(array: NDArray[Any]) -> Any:
        array = array if several_ridges else array[:, 0]
        array = array if several_sizes else array[0]
        return array.item() if array.ndim == 0 else array

    fields = {name: shaped(errors[:, k].mean(axis=0)) for k, name in enumerate(_MEASURES)}
    fields |= {f"{name}_se": shaped(spread[k]) for k, name in enumerate(_MEASURES)}
    return PredictionCurve(
        **fields,
        error_per_target=shaped(own[0]),
        error_heldout_per_target=shaped(own[1]),
        n_train=sizes if several_sizes else int(sizes[0]),
        ridge=ridges if several_ridges else float(ridges[0]),
        ridge_mode=mode,
        center=rule,
        n_splits=n_splits,
        n_stimuli=P,
        n_targets=data.Y.shape[1],
    )


def _order(key: int, split: int, n_stimuli: int) -> NDArray[np.intp]:
    """Order of the stimuli in a split, a function of the key and its number."""
    return np.random.default_rng([key & 0xFFFFFFFF, key >> 32, split]).permutation(n_stimuli)


def _split(
    data: Regression,
    gram: FloatArray | None,
    order: NDArray[np.intp],
    sizes: NDArray[np.intp],
    penalties: FloatArray,
    center: bool,
) -> FloatArray:
    """Sums of squared errors (all, held-out, training) for all numbers, ridges and targets."""
    Y = data.Y
    found = np.empty((3, len(sizes), penalties.shape[1], Y.shape[1]))
    for k, size in enumerate(sizes):
        # Sorted, so that matrices are read in order; nothing depends on the order of training stimuli.
        train, rest = np.sort(order[:size]), np.sort(order[size:])
        mean = Y[train].mean(axis=0) if center else np.zeros(Y.shape[1])
        targets = Y[train] - mean
        if gram is not None and (data.X is None or size <= data.X.shape[1]):
            fits = _dual(gram, train, rest, targets, penalties[k], center, data.removed)
        else:
            assert data.X is not None
            fits = _primal(data.X, train, rest, targets, penalties[k], center)
        wanted = Y[rest] - mean
        for j, (predicted, residuals) in enumerate(fits):
            predicted -= wanted
            heldout = np.einsum("ij,ij->j", predicted, predicted)
            learned = np.einsum("ij,ij->j", residuals, residuals)
            found[:, k, j] = heldout + learned, heldout, learned
    return found


# For a penalty: predictions for stimuli that were not learned from, and residuals of those that were.
_Fit: TypeAlias = tuple[FloatArray, FloatArray]


def _dual(
    gram: FloatArray,
    train: NDArray[np.intp],
    rest: NDArray[np.intp],
    targets: FloatArray,
    penalties: FloatArray,
    center: bool,
    removed: float,
) -> list[_Fit]:
    """Fit on the Gram matrix of the training stimuli."""
    across = np.take(gram, train, axis=1)
    if center:
        # Inner products of features without their training mean.
        means = across.mean(axis=1)
        across -= means[:, None]
        across -= means[train] - means[train].mean()
    among, across = across[train], across[rest]
    fits = []
    for weights, penalty in _solved(among, targets, penalties, removed):
        # Of a solved system what is left is the penalty times its solution.
        residuals = penalty * weights if penalty else targets - among @ weights
        fits.append((across @ weights, residuals))
    return fits


def _primal(
    X: FloatArray,
    train: NDArray[np.intp],
    rest: NDArray[np.intp],
    targets: FloatArray,
    penalties: FloatArray,
    center: bool,
) -> list[_Fit]:
    """Fit on the covariance of features, of which there are fewer."""
    learned = X[train]
    mean = learned.mean(axis=0) if center else np.zeros(X.shape[1])
    learned -= mean
    others = X[rest] - mean
    solved = _solved(learned.T @ learned, learned.T @ targets, penalties)
    return [(others @ weights, targets - learned @ weights) for weights, _ in solved]


def _solved(
    matrix: FloatArray, right: FloatArray, penalties: FloatArray, removed: float = 0.0
) -> list[tuple[FloatArray, float]]:
    """Solve (matrix + penalty) x = right for each penalty, and of least norm where that is rounding.

    Each solution comes with the penalty of the system that it solves, 0 where it does so in a subspace.
    """
    matrix = (matrix + matrix.T) / 2
    # Below this, directions that the matrix does not have, such as those of repeated stimuli, come back
    # from a factorisation as rounding over the penalty.
    least = np.sqrt(np.finfo(np.float64).eps) * np.trace(matrix)
    basis = None
    solutions: list[tuple[FloatArray, float]] = []
    for penalty in penalties.tolist():
        if penalty > least:
            shifted = matrix.copy()
            shifted.flat[:: len(matrix) + 1] += penalty
            factor = linalg.cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
            solutions.append((linalg.cho_solve(factor, right, check_finite=False), penalty))
            continue
        if basis is None:
            values, vectors = linalg.eigh(matrix, check_finite=False)
            size = max(values[-1], len(matrix) * removed)
            kept = values > len(matrix) * np.finfo(np.float64).eps * size
            values, basis = values[kept], vectors[:, kept]
            along = basis.T @ right
        solutions.append((basis @ (along / (values + penalty)[:, None]), 0.0))
    return solutions
