"""Prediction by a Gaussian process: what infinitely wide networks make of a training set."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Protocol

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray, as_float_matrix, as_number, explain_keywords, row_index
from .._base.results import Column, Result, columns_of_kind
from .._base.threads import resolve_threads, single_threaded_blas
from ..representations.checks import require_same_indices
from .checks import as_targets, factor_of


class Kernel(Protocol):
    """What a kernel must offer here; :class:`~neurogeom.kernels.NNGP` and NTK do."""

    def gram(self, X: FloatArray, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of all pairs of rows."""

    def cross(self, X: FloatArray, Z: FloatArray, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of the rows of X with those of Z."""

    def diagonal(self, X: FloatArray) -> FloatArray:
        """Return the kernel of each row with itself."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GPPrediction(Result):
    """What :func:`gp_predict` returns.

    Attributes
    ----------
    mean : ndarray of shape (n_new,) or (n_new, n_targets)
        Posterior mean, in the units of Y.
    variance : ndarray of shape (n_new,)
        Posterior variance of the noiseless function, the same for all targets; not below 0, where rounding
        may put it at a training point.
    covariance : ndarray of shape (n_new, n_new) or None
        Posterior covariance of new points with each other, if asked for.
    log_likelihood : float
        Log marginal likelihood of Y, summed over targets: to compare depths, variances and noise.
    ridge : float
        As given.
    condition : float
        Estimate of the condition number of K + ridge I, in the 1-norm. Relative errors of what is predicted
        are about 1e-16 times this.
    n_train, n_new, n_targets : int
        Numbers of points and targets.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_train", "n_new", "log_likelihood", "condition")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("estimate", "log_likelihood"),
        *columns_of_kind("setting", "ridge"),
        *columns_of_kind("diagnostic", "condition"),
        *columns_of_kind("count", "n_train", "n_new", "n_targets"),
    )

    mean: FloatArray
    variance: FloatArray
    covariance: FloatArray | None
    log_likelihood: float
    ridge: float
    condition: float
    n_train: int
    n_new: int
    n_targets: int


@explain_keywords
def gp_predict(
    kernel: Kernel,
    X: Any,
    Y: Any,
    X_new: Any,
    *,
    ridge: float = 0.0,
    return_covariance: bool = False,
    n_threads: int | None = None,
) -> GPPrediction:
    r"""Predict responses to new stimuli by a Gaussian process.

    Mean :math:`k_*' (K + \rho I)^{-1} Y` and variance :math:`k_{**} - k_*' (K + \rho I)^{-1} k_*`. With
    :class:`NNGP` this is Bayesian learning in an infinitely wide network; with :class:`NTK` the mean is what
    gradient descent on the squared error converges to in one that starts at zero, while the variance is that
    of a Gaussian process and not of trained networks.

    Parameters
    ----------
    kernel : NNGP, NTK or object
        Whatever has ``gram(X)``, ``cross(X, Z)`` and ``diagonal(X)``, all of which take ``n_threads`` but the
        last.
    X : array-like of shape (n_train, n_units)
        Training inputs.
    Y : array-like of shape (n_train,) or (n_train, n_targets)
        Responses, with mean 0 as the prior has: subtract means that the kernel does not explain.
    X_new : array-like of shape (n_new, n_units)
        New inputs.
    ridge : float, default 0.0
        :math:`\rho`: the variance of the noise in Y. 0 interpolates.
    return_covariance : bool, default False
        Return the covariance of new points with each other as well.
    n_threads : int, optional
        Threads for the kernels. The result does not depend on it.

    Returns
    -------
    GPPrediction
        ``mean``, ``variance``, ``log_likelihood`` and diagnostics.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite, ridge is negative, or K + ridge I is singular to
        rounding: repeated stimuli, parallel ones for ReLU without biases, more stimuli than units for
        depth 0. A positive ridge cures that.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> angle = np.linspace(0, 2 * np.pi, 13)[:-1]
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> between = np.array([[np.cos(0.3), np.sin(0.3)]])
    >>> kernel = ng.kernels.NNGP(depth=2, weight_variance=2.0, bias_variance=0.1)
    >>> found = ng.kernels.gp_predict(kernel, X, np.sin(2 * angle), between)
    >>> found.mean.round(2), found.variance.round(3)  # sin(0.6) is 0.56
    (array([0.56]), array([0.004]))
    """
    for method in ("gram", "cross", "diagonal"):
        if not callable(getattr(kernel, method, None)) or isinstance(kernel, type):
            raise TypeError(
                f"kernel must be an object with gram, cross and diagonal, such as ng.kernels.NNGP(depth=2), "
                f"not {kernel!r}"
            )
    require_same_indices([("X", row_index(X, "X")), ("Y", row_index(Y, "Y"))])
    X, X_new = as_float_matrix(X, "X"), as_float_matrix(X_new, "X_new")
    if X.shape[1] != X_new.shape[1]:
        raise ValueError(f"X has {X.shape[1]} units and X_new has {X_new.shape[1]}: they must be the same")
    targets, is_vector = as_targets(Y, len(X))
    noise = as_number(ridge, "ridge")
    if noise < 0:
        raise ValueError(f"ridge must not be negative, not {noise}")
    threads = resolve_threads(n_threads)
    new = len(X_new)
    gram = _asked(kernel.gram(X, n_threads=threads), "kernel.gram(X)", (len(X), len(X))).copy()
    gram[np.diag_indices(len(gram))] += noise
    cross = _asked(kernel.cross(X, X_new, n_threads=threads), "kernel.cross(X, X_new)", (len(X), new))
    with single_threaded_blas():
        factor, condition = factor_of(gram, "K + ridge I", "a positive ridge (the variance of the noise)")
        white = scipy.linalg.solve_triangular(factor, targets, lower=True, check_finite=False)
        explained = scipy.linalg.solve_triangular(factor, cross, lower=True, check_finite=False)
        mean = explained.T @ white
        variance = np.maximum(kernel.diagonal(X_new) - np.einsum("ij,ij->j", explained, explained), 0.0)
        covariance = None
        if return_covariance:
            prior = _asked(kernel.gram(X_new, n_threads=threads), "kernel.gram(X_new)", (new, new))
            covariance = prior - explained.T @ explained
    size = targets.shape[1] * (2 * np.log(np.diagonal(factor)).sum() + len(X) * np.log(2 * np.pi))
    return GPPrediction(
        mean=mean[:, 0] if is_vector else mean,
        variance=variance,
        covariance=covariance,
        log_likelihood=-0.5 * float(np.vdot(white, white) + size),
        ridge=noise,
        condition=condition,
        n_train=len(X),
        n_new=new,
        n_targets=targets.shape[1],
    )


def _asked(value: Any, name: str, shape: tuple[int, int]) -> FloatArray:
    """Take what a kernel object returned."""
    matrix = as_float_matrix(value, name)
    if matrix.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {matrix.shape}")
    return matrix
