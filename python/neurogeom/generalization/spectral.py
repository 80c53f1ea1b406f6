r"""Spectral theory of prediction: how well one representation predicts other responses, and why.

Ridge regression learns the eigenmodes of the stimuli's Gram matrix one after another. The error is a sum over
modes of the responses' power in a mode times what of it is not learned yet.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.optimize import brentq

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind
from .._base.threads import single_threaded_blas
from .regression import MODES, Regression, as_penalties, as_regression, as_training_sizes

DIVERGES = 1  # status: as many training stimuli as dimensions, and no ridge
NO_SIGNAL = 2  # status: what repeats have in common is no more than noise would leave
_LEAST_SIGNAL = 2.0  # standard errors
_SHARE = 0.6  # of the stimuli that are learned from by default


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpectralPrediction(Result):
    """Theory of predicting responses; see :func:`spectral_prediction`.

    What depends on the number of training stimuli and the ridge is a number if both are; else an array with
    an axis for each of them that was given as a sequence, in this order. Errors are shares of the responses'
    power.

    Attributes
    ----------
    eigenvalues : ndarray, shape (rank,)
        Eigenvalues of the Gram matrix over the number of stimuli, descending; the others are zero.
    alignment : ndarray, shape (rank,)
        Share of the responses' power in each mode.
    null_power, null_dimension : float, int
        Share of the power outside the span of X, and the number of dimensions that it is spread over.
    kappa, gamma : float or ndarray
        Implicit ridge (in the units of the Gram matrix) and the share of variance explained by overfitting.
    error_modes : ndarray, shape (..., rank)
        Share of each mode's power that is not learned.
    null_error : float or ndarray
        The same outside the span; at least 1, more by overfitting.
    error, error_heldout, training_error : float or ndarray
        Mean squared error over all stimuli, over those that were not learned from, and over those that were.
        The second is NaN if all were.
    error_per_target, error_heldout_per_target : ndarray, shape (..., C)
        The first two for each response, as shares of its own power; NaN for responses that do not vary.
    radius, dimension : float or ndarray
        Of the error geometry: error = radius * sqrt(dimension).
    effective_dimension, task_dimension : float
        Participation ratio of the eigenvalues, and of the shares of power.
    error_signal : float or ndarray
        With repeats: the error if responses had no noise; NaN without, and where they have no signal.
    noise_power, noise_power_se : float
        With repeats: the share of noise in the power of their mean, and its standard error over stimuli.
    n_train, ridge : int and float, or ndarray
        What was asked for.
    ridge_mode : str
        How the ridge is meant.
    n_stimuli, n_targets : int
        Sizes of the data.
    status : int or ndarray of int8
        0 fine, 1 the error diverges, 2 repeats have no signal in common.
    """

    # Single numbers for one number of training stimuli and one ridge.
    numbers: ClassVar[tuple[str, ...]] = (
        "error",
        "error_heldout",
        "training_error",
        "radius",
        "dimension",
        "effective_dimension",
        "task_dimension",
        "null_power",
        "kappa",
        "gamma",
    )
    _headline: ClassVar[tuple[str, ...]] = ("n_train", "error", "error_heldout", "radius", "dimension")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_stimuli", "n_targets"),
        *columns_of_kind("setting", "n_train", "ridge"),
        *(Column(name=name) for name in ("error", "error_heldout", "training_error", "radius", "dimension")),
        *(Column(name=name) for name in ("effective_dimension", "task_dimension", "null_power")),
        *columns_of_kind("diagnostic", "status"),
    )

    eigenvalues: FloatArray
    alignment: FloatArray
    null_power: float
    null_dimension: int
    kappa: Any
    gamma: Any
    error_modes: FloatArray
    null_error: Any
    error: Any
    error_heldout: Any
    training_error: Any
    error_per_target: FloatArray
    error_heldout_per_target: FloatArray
    radius: Any
    dimension: Any
    effective_dimension: float
    task_dimension: float
    error_signal: Any
    noise_power: float
    noise_power_se: float
    n_train: Any
    ridge: Any
    ridge_mode: str
    n_stimuli: int
    n_targets: int
    status: Any


def spectral_prediction(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    n_train: int | Sequence[int] | None = None,
    ridge: float | Sequence[float] = 0.0,
    ridge_mode: str = "per_sample",
    center: bool = True,
    kernel: Any = None,
) -> SpectralPrediction:
    r"""How well responses are predicted from a representation by ridge regression, by theory.

    Parameters
    ----------
    X : array_like, shape (n_stimuli, n_features)
        The representation that predicts, such as a layer's activations.
    Y : array_like, shape (n_stimuli, n_targets), (n_stimuli,) or (n_repeats, n_stimuli, n_targets)
        Responses to the same stimuli. With repeats, their mean is predicted, and noise is told apart.
    n_train : int or sequence of int, optional
        Number of stimuli that are learned from; by default 0.6 of all, as in the paper.
    ridge : float or sequence of float
        Penalty, in the squared units of X: to regularise layers of different sizes alike, multiply by their
        mean eigenvalue, the total variance of X over the number of stimuli. 0 is the limit of a vanishing
        one.
    ridge_mode : {"per_sample", "total"}
        Whether the penalty that is added to the diagonal of the training Gram matrix is `ridge` times
        `n_train`, or `ridge`.
    center : bool
        Take X and Y without their means over all stimuli.
    kernel : object, optional
        Something with a method ``gram(X)``, such as those of :mod:`neurogeom.kernels`, instead of inner
        products.

    Returns
    -------
    SpectralPrediction

    Raises
    ------
    TypeError, ValueError
        If X or Y is not a finite real matrix, their stimuli differ, one of them does not vary, a ridge is
        negative, or `n_train` is not between 1 and the number of stimuli.

    Warns
    -----
    ConvergenceWarning
        If the error diverges (no ridge, and as many training stimuli as dimensions): it is inf. If repeats of
        responses have no signal in common that exceeds two standard errors: `error_signal` is NaN.

    See Also
    --------
    prediction_curve : the error measured.

    Notes
    -----
    With eigenvalues :math:`\lambda_i` of :math:`XX'/P`, shares of power :math:`w_i`, p training stimuli and
    penalty :math:`\rho`, the implicit ridge solves
    :math:`\kappa = \rho + \kappa \sum_i \lambda_i/(p\lambda_i + \kappa)`, and

    .. math:: \gamma = \sum_i \frac{p\lambda_i^2}{(p\lambda_i+\kappa)^2}, \qquad
              E_i = \frac{\kappa^2}{(1-\gamma)(p\lambda_i+\kappa)^2}, \qquad E = \sum_i w_i E_i.

    E is the error over all stimuli, those that are learned from among them. The training error is
    :math:`(\rho/\kappa)^2 E` (published code has it too small by a factor of p squared), and the held-out
    error follows from both. The root lies in :math:`(\rho, \rho + \sum\lambda]` and is found there. Without
    ridge and with p above the rank r, :math:`\kappa = 0` and :math:`E = w_\perp/(1 - r/p)`. The theory is for
    many stimuli drawn independently; here p are drawn from P without replacement, and with a ridge the
    measured error is below it where p comes near P. For layers of networks, units of another one and 600
    images, errors over all stimuli and held-out errors were within 5 % of the measured ones up to p = 0.2 P.
    Without ridge they stayed within 9 % up to 0.8 P. With a ridge of 0.001 times the variance of X, held-out
    errors were a quarter above the measured ones at 0.6 P, and twice as large at 0.8 P. Measure with
    :func:`prediction_curve` where that matters.

    With :math:`W_i = w_iE_i`, the radius is :math:`\sqrt{\sum W_i^2}` and the dimension
    :math:`(\sum W_i)^2/\sum W_i^2`. Modes with equal eigenvalues, above all those outside the span of X, are
    known only as a space; how power is divided among them would depend on the basis that a solver returns. It
    is taken to be spread evenly over its dimensions, as it would be on average over random bases with many
    responses; this is also how `alignment` and the task dimension count. `null_power` says how much depends
    on that.

    Eigenvalues below :math:`P\epsilon` times the largest count as zero. The theory centres over all stimuli;
    trials that centre on training stimuli (the default of :func:`prediction_curve`) have one dimension less
    to learn with, and their peak at one stimulus more.

    References
    ----------
    Canatar, Feather, Wakhloo, Chung, "A spectral theory of neural prediction and alignment", NeurIPS 2023.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> found = ng.spectral_prediction(layers["layer4"], layers["layer6"], n_train=[50, 200], ridge=0.01)
    >>> found.error.round(3), found.error_heldout.round(3)
    (array([0.62 , 0.293]), array([0.688, 0.457]))
    """
    data = as_regression(X, Y, center=center, kernel=kernel)
    P = data.n_stimuli
    sizes, several_sizes = as_training_sizes(max(1, round(_SHARE * P)) if n_train is None else n_train, P)
    ridges, several_ridges = as_penalties(ridge)
    mode = _validate.as_choice(ridge_mode, "ridge_mode", MODES)
    with single_threaded_blas():
        modes = _modes(data)
        power = _powers(modes, data)
    shape = (len(sizes), len(ridges))
    kappa, gamma, null_error = (np.empty(shape) for _ in range(3))
    training_share = np.empty(shape)  # (rho / kappa)^2
    error_modes = np.empty((*shape, len(modes.values)))
    status = np.zeros(shape, dtype=np.int8)
    largest = modes.values[0]
    for i, p in enumerate(sizes):
        for j, one in enumerate(ridges):
            total = one * (p if mode == "per_sample" else 1)
            with np.errstate(over="ignore"):
                rho = float(total / data.unit**2 / largest)
            found = _learned(modes.values / largest, rho, int(p))
            kappa[i, j] = total if math.isinf(rho) else found.kappa * largest * data.unit**2
            gamma[i, j] = found.gamma
            error_modes[i, j], null_error[i, j] = found.errors, found.null_error
            training_share[i, j] = found.training_share
    with np.errstate(invalid="ignore"):
        # What is not there cannot diverge.
        of_null = np.where(power.null_share > 0, power.null_share * null_error, 0.0)
        weighted = power.shares * error_modes
        error = weighted.sum(axis=-1) + of_null
        per_target = error_modes @ power.per_target + np.where(
            power.null_per_target > 0, power.null_per_target * null_error[..., None], 0.0
        )
        per_target = per_target / np.where(power.totals > 0, power.totals, np.nan)
    status[np.isinf(error)] = DIVERGES
    if status.any():
        warnings.warn(
            "the error diverges where there are as many training stimuli as dimensions "
            f"({len(modes.values)}) and no ridge: it is inf",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
    training = np.where(status == DIVERGES, 0.0, training_share * np.where(np.isinf(error), 0.0, error))
    squares = (weighted**2).sum(axis=-1) + of_null**2 / max(modes.null_dimension, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        radius, dimension = np.sqrt(squares), error**2 / squares
        dimension[status == DIVERGES] = modes.null_dimension  # of what diverges
        left = P - sizes[:, None]
        heldout = (P * error - sizes[:, None] * training) / np.where(left > 0, left, np.nan)
        training_target = training_share[..., None] * np.where(np.isinf(per_target), 0.0, per_target)
        heldout_target = (P * per_target - sizes[:, None, None] * training_target) / np.where(
            left > 0, left, np.nan
        )[..., None]
    signal = np.full(shape, np.nan)
    if power.signal is None and data.repeats is not None:
        status[status == 0] = NO_SIGNAL
        warnings.warn(
            f"the repeats of Y have no signal in common beyond {_LEAST_SIGNAL:g} standard errors: "
            "error_signal is NaN",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
    if power.signal is not None:
        with np.errstate(invalid="ignore"):
            signal = error_modes @ power.signal
            if power.null_signal:  # of an estimate that may be negative, what diverges has no number
                signal += np.where(np.isinf(null_error), np.nan, power.null_signal * null_error)

    def shaped(array: NDArray[Any]) -> Any:
        array = array if several_ridges else array[:, 0]
        array = array if several_sizes else array[0]
        return array.item() if array.ndim == 0 else array

    return SpectralPrediction(
        eigenvalues=modes.values * data.unit**2,
        alignment=power.shares,
        null_power=power.null_share,
        null_dimension=modes.null_dimension,
        kappa=shaped(kappa),
        gamma=shaped(gamma),
        error_modes=shaped(error_modes),
        null_error=shaped(null_error),
        error=shaped(error),
        error_heldout=shaped(heldout),
        training_error=shaped(training),
        error_per_target=shaped(per_target),
        error_heldout_per_target=shaped(heldout_target),
        radius=shaped(radius),
        dimension=shaped(dimension),
        effective_dimension=float(modes.values.sum() ** 2 / (modes.values**2).sum()),
        task_dimension=1
        / float((power.shares**2).sum() + power.null_share**2 / max(modes.null_dimension, 1)),
        error_signal=shaped(signal),
        noise_power=power.noise,
        noise_power_se=power.noise_error,
        n_train=sizes if several_sizes else int(sizes[0]),
        ridge=ridges if several_ridges else float(ridges[0]),
        ridge_mode=mode,
        n_stimuli=P,
        n_targets=data.Y.shape[1],
        status=shaped(status),
    )


class _Modes(NamedTuple):
    """Eigenvalues above zero, descending, and their vectors as columns; the rest is known as a space."""

    values: FloatArray
    vectors: FloatArray
    null_dimension: int
    leaks: FloatArray  # how much of the power in a mode may come to lie outside the span by rounding


def _modes(data: Regression) -> _Modes:
    P = data.n_stimuli
    power = 2  # eigenvalues, or their roots, are what is decomposed
    if data.X is not None and data.X.shape[1] < P:
        power = 1
        vectors, roots, _ = linalg.svd(data.X, full_matrices=False, check_finite=False)
        values = roots**2 / P
    else:
        values, vectors = linalg.eigh(data.gram() / P, check_finite=False)
        values, vectors = values[::-1], vectors[:, ::-1]
    rounding = P * np.finfo(np.float64).eps
    size = max(values[0], data.removed)
    kept = int((values > rounding * size).sum())
    if kept == 0:
        raise ValueError("the kernel of X varies over stimuli by no more than rounding: it predicts nothing")
    values = values[:kept].copy()
    # A mode and the null space turn into each other by rounding over the gap of singular or eigenvalues.
    leaks = rounding**2 * (size / values) ** power
    return _Modes(values, vectors[:, :kept], P - kept - data.is_centred, leaks)


class _Powers(NamedTuple):
    """Power of the responses in each mode and outside the span, and its shares of all."""

    shares: FloatArray  # (rank,), even within equal eigenvalues
    null_share: float
    per_target: FloatArray  # (rank, C)
    null_per_target: FloatArray  # (C,)
    totals: FloatArray  # (C,)
    signal: FloatArray | None  # shares of the power of the signal
    null_signal: float
    noise: float
    noise_error: float


def _powers(modes: _Modes, data: Regression) -> _Powers:
    Y = data.Y
    along = modes.vectors.T @ Y
    outside = Y - modes.vectors @ along
    totals = (Y**2).sum(axis=0)
    total = float(totals.sum())
    null_per_target = (outside**2).sum(axis=0)
    null = float(null_per_target.sum())
    if modes.null_dimension == 0 or null <= float(modes.leaks @ (along**2).sum(axis=1)):
        null, null_per_target = 0.0, np.zeros_like(null_per_target)
    groups = _equal(modes.values)
    per_target = _spread(along**2, groups)
    signal, null_signal, noise, noise_error = None, math.nan, math.nan, math.nan
    if data.repeats is not None:
        count = len(data.repeats)
        each = np.stack([modes.vectors.T @ one for one in data.repeats])
        rest = [one - modes.vectors @ a for one, a in zip(data.repeats, each, strict=True)]
        # Products of different repeats have no noise in common.
        signals = ((each.sum(axis=0) ** 2 - (each**2).sum(axis=0)) / (count * (count - 1))).sum(axis=1)
        apart = float((sum(rest) ** 2).sum() - sum(float((one**2).sum()) for one in rest))
        apart = apart / (count * (count - 1)) if null > 0 else 0.0
        whole = float(signals.sum()) + apart
        noise = 1 - whole / total
        # Its parts by stimulus, whose scatter is the error of their sum.
        of_stimuli = (data.repeats.sum(axis=0) ** 2 - (data.repeats**2).sum(axis=0)).sum(axis=1)
        error = math.sqrt(len(Y)) * float(of_stimuli.std(ddof=1)) / (count * (count - 1))
        noise_error = error / total
        if whole > _LEAST_SIGNAL * error:
            signal, null_signal = _spread(signals[:, None], groups)[:, 0] / whole, apart / whole
    return _Powers(
        shares=per_target.sum(axis=1) / total,
        null_share=null / total,
        per_target=per_target,
        null_per_target=null_per_target,
        totals=totals,
        signal=signal,
        null_signal=null_signal,
        noise=noise,
        noise_error=noise_error,
    )


def _equal(values: FloatArray) -> NDArray[np.intp]:
    """Number the groups of eigenvalues that are equal up to rounding."""
    steps = -np.diff(values) > len(values) * np.finfo(np.float64).eps * values[0]
    return np.concatenate([[0], np.cumsum(steps)])


def _spread(powers: FloatArray, groups: NDArray[np.intp]) -> FloatArray:
    """Spread the power in each group evenly over it."""
    if groups[-1] == len(groups) - 1:
        return powers
    sums = np.zeros((groups[-1] + 1, powers.shape[1]))
    np.add.at(sums, groups, powers)
    means: FloatArray = (sums / np.bincount(groups)[:, None])[groups]
    return means


class _Learned(NamedTuple):
    kappa: float
    gamma: float
    errors: FloatArray
    null_error: float
    training_share: float


def _learned(values: FloatArray, rho: float, p: int) -> _Learned:
    """What is learned of each mode from p stimuli; all in units of the largest eigenvalue."""
    rank = len(values)
    if rho == 0 and p >= rank:
        left = 1 - rank / p
        return _Learned(0.0, rank / p, np.zeros(rank), 1 / left if left > 0 else math.inf, left**2)
    if math.isinf(rho):
        return _Learned(rho, 0.0, np.ones(rank), 1.0, 1.0)

    def excess(log_kappa: float) -> float:
        kappa = math.exp(log_kappa)
        return rho / kappa + float((values / (p * values + kappa)).sum()) - 1

    # The sum is at least 1 at either of the first two, and at most 1 at the last.
    low = max(rho, float(values[-1]) * (rank - p))
    high = rho + float(values.sum())
    ends = math.log(low) - 1e-9, math.log(high) + 1e-9
    kappa = math.exp(brentq(excess, *ends, xtol=1e-15, rtol=8.9e-16, maxiter=500))
    shrunk = p * values + kappa
    gamma = float((p * values**2 / shrunk**2).sum())
    # 1 - gamma, without the loss where overfitting is nearly complete.
    left = rho / kappa + float((values * kappa / shrunk**2).sum())
    return _Learned(kappa, gamma, (kappa / shrunk) ** 2 / left, 1 / left, (rho / kappa) ** 2)
