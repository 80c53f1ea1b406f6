"""How learning changes the kernels of deep networks whose width is proportional to the number of examples."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray, as_count, as_float_matrix, as_number, require_symmetric_values
from .._base.results import Column, Result, columns_of_kind
from .._base.threads import single_threaded_blas
from .checks import as_targets, factor_of

# Bisections of a logarithm: to the last bit from any interval.
_HALVINGS = 100


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RenormalizedKernel(Result):
    """What :func:`renormalization` returns.

    Attributes
    ----------
    factors : ndarray of shape (n_targets,)
        u, by which a layer scales variances along each direction of the outputs; ``weight_variance`` in an
        infinitely wide network.
    directions : ndarray of shape (n_targets, n_targets)
        These directions, in columns.
    power : ndarray of shape (n_targets,)
        Eigenvalues r of Y' K^-1 Y / P, rising: the size of the targets along each direction, in units of the
        kernel.
    scale : ndarray of shape (n_targets, n_targets)
        Covariance of the outputs for a new stimulus, relative to the variance that :func:`gp_predict` finds
        with the kernel K; the mean is the one that it finds.
    layer_kernel : ndarray of shape (P, P) or None
        Mean kernel of the last hidden layer after learning, times the variance of the read-out's weights; for
        one layer and one target only.
    load : float
        P / width.
    depth, width, weight_variance, n_stimuli : int, int, float, int
        As given.
    condition : float
        Estimate of the condition number of K.
    """

    _headline: ClassVar[tuple[str, ...]] = ("load", "depth", "factors")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("setting", "load", "depth", "width", "weight_variance"),
        *columns_of_kind("count", "n_stimuli"),
        *columns_of_kind("diagnostic", "condition"),
    )

    factors: FloatArray
    directions: FloatArray
    power: FloatArray
    scale: FloatArray
    layer_kernel: FloatArray | None
    load: float
    depth: int
    width: int
    weight_variance: float
    n_stimuli: int
    condition: float


def renormalization(
    K: Any, Y: Any, *, depth: int, width: int, weight_variance: float = 1.0
) -> RenormalizedKernel:
    r"""Renormalise the kernel of a deep linear network that has learned P examples without error.

    With P examples and layers of N units, weights adapt to the targets. To leading order in N, at a given
    load :math:`\alpha = P / N`, a Bayesian network predicts the same mean as one of infinite width, and each
    layer scales the variance along a direction of the outputs by u rather than by :math:`\sigma^2`:

    .. math:: 1 - u / \sigma^2 = \alpha\, (1 - r / u^L)

    where r is the eigenvalue of :math:`Y' K^{-1} Y / P` along that direction. u is above :math:`\sigma^2` for
    targets that are large for the kernel, and below for small ones.

    Parameters
    ----------
    K : array-like of shape (P, P)
        Kernel of the inputs, such as ``ng.kernels.NNGP(depth=0).gram(X)``; positive definite, so P is at most
        the number of units for a linear one. With the kernel of a deeper NNGP the result is
        an ansatz for nonlinear networks, and approximate.
    Y : array-like of shape (P,) or (P, n_targets)
        Targets, which the network fits exactly.
    depth : int
        Hidden layers L that learn, above the kernel.
    width : int
        Units N of each.
    weight_variance : float, default 1.0
        :math:`\sigma^2` of these layers and of the read-out: the variance of a weight times the number of
        units that it sums over.

    Returns
    -------
    RenormalizedKernel
        ``factors`` u, ``directions``, ``scale`` and, for one layer and one target, ``layer_kernel``.

    Raises
    ------
    ValueError
        If K is singular or not symmetric, shapes do not match, or there is no solution: targets that are
        linearly dependent (or zero) need P < N.

    Notes
    -----
    Li & Sompolinsky, Statistical mechanics of deep linear neural networks: the backpropagating kernel
    renormalization, Physical Review X 2021. The left-hand side less the right falls with u, so the root is
    unique; it lies between :math:`\sigma^2` and :math:`r^{1/L}`, and is found by bisection.

    Examples
    --------
    A task that is large for the kernel makes a narrow network's layers grow along its direction:

    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(10, 40))
    >>> K = ng.kernels.NNGP(depth=0).gram(X)
    >>> y = 2 * np.sign(X[:, 0])
    >>> [ng.kernels.renormalization(K, y, depth=1, width=n).factors.round(2) for n in (10, 100, 10000)]
    [array([2.34]), array([1.32]), array([1.])]
    """
    K = as_float_matrix(K, "K")
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, not of shape {K.shape}")
    require_symmetric_values(K, K.dtype, "K")
    targets, _ = as_targets(Y, len(K))
    depth, width = as_count(depth, "depth"), as_count(width, "width")
    variance = as_number(weight_variance, "weight_variance")
    if variance <= 0:
        raise ValueError(f"weight_variance must be positive, not {variance}")
    n_stimuli, n_targets = targets.shape
    load = n_stimuli / width
    with single_threaded_blas():
        factor, condition = factor_of(K, "K", "fewer stimuli than units, or a kernel that is not linear")
        white = scipy.linalg.solve_triangular(factor, targets, lower=True, check_finite=False)
        # Squares of singular values, so that small ones keep their digits.
        _, sizes, directions = scipy.linalg.svd(white, check_finite=False)
    power = np.zeros(n_targets)
    power[: len(sizes)] = sizes**2 / n_stimuli
    power[power <= (n_targets * np.finfo(np.float64).eps) ** 2 * power.max()] = 0.0
    if load >= 1 and not power.all():
        raise ValueError(
            f"Y has {n_targets} targets of which only {np.count_nonzero(power)} are linearly independent: "
            f"there is no solution at {n_stimuli} stimuli in layers of {width} units; use wider ones, or "
            "independent targets"
        )
    factors = variance * _root(load, power / variance**depth, depth)
    power, factors, directions = power[::-1].copy(), factors[::-1].copy(), directions[::-1].T.copy()
    layer_kernel = None
    if depth == 1 and n_targets == 1:
        layer_kernel = variance * ((1 - 1 / width) * K + targets @ targets.T / (width * factors[0]))
    return RenormalizedKernel(
        factors=factors,
        directions=directions,
        power=power,
        scale=(directions * factors**depth) @ directions.T,
        layer_kernel=layer_kernel,
        load=load,
        depth=depth,
        width=width,
        weight_variance=variance,
        n_stimuli=n_stimuli,
        condition=condition,
    )


def _root(load: float, power: FloatArray, depth: int) -> FloatArray:
    """Solve 1 - u = load (1 - power / u^depth) for each power: between 1 and power^(1 / depth)."""
    logarithm = np.log(power, out=np.zeros_like(power), where=power > 0)
    low, high = np.sort([np.zeros_like(power), logarithm / depth], axis=0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        is_below = -np.expm1(middle) + load * np.expm1(logarithm - depth * middle) > 0
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return np.where(power > 0, np.exp(0.5 * (low + high)), 1 - load)
