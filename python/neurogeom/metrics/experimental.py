"""Estimators for few stimuli and few recorded units. Experimental: names and arguments may change.

Not a part of ``import neurogeom``: import them from here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._base.checks import FloatArray, as_count
from .._base.coordinates import power_of_two_above
from .._base.rng import RandomSource, as_generator
from .._base.threads import single_threaded_blas
from . import checks as check
from .fitting import as_pair

_EPS = float(np.finfo(np.float64).eps)


def corrected_cka(X: Any, Y: Any) -> float:
    """Linear CKA of two populations of units, from a sample of the stimuli and a sample of the units of each.

    Debiased CKA corrects for the number of stimuli only. The squared norm of a representation, in its
    denominator, is a sum of squared covariances of pairs of units; those of a unit with itself make it too
    large unless there are many units. Here they are left out: numerator and both factors of the denominator
    are unbiased, for stimuli and for units that are sampled independently. The ratio is not quite: for units
    that mix 30 latents at random (true value 1, 100 stimuli) its mean is 1.02, 1.01 and 1.00 with 20, 40 and
    100 units, where debiased CKA gives 0.39, 0.57 and 0.77. With four latents and 40 units it is 1.02 and
    0.91: where populations have few dimensions there is less to gain.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli, at least four; at least two units each.

    Returns
    -------
    float
        The estimate, which may be above 1 or negative; NaN if an estimate of a squared norm is not positive.

    Raises
    ------
    TypeError, ValueError
        If they cannot be read, do not vary, or are too few.

    Notes
    -----
    The question, and the two corrections, are those of Chun, Canatar, Chung & Lee 2025 (arXiv 2502.15104);
    the estimator is derived here from the linearity of the unbiased HSIC in each kernel, and checked by
    simulation, not against the authors' code.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.metrics.experimental import corrected_cka
    >>> rng = np.random.default_rng(0)
    >>> latent = rng.normal(size=(200, 3))  # one population, two samples of units
    >>> X, Y = (latent @ rng.normal(size=(3, 20)) for _ in range(2))
    >>> 0.8 < corrected_cka(X, Y) < 1.2
    True
    """
    X, Y = as_pair(X, Y)
    for data, name in ((X, "X"), (Y, "Y")):
        check.require_stimuli(len(data), 4, name, "corrected CKA")
        if data.shape[1] < 2:
            raise ValueError(f"{name} has one unit; corrected CKA needs at least two")
    x, y = (_centred(data, name) for data, name in ((X, "X"), (Y, "Y")))
    with single_threaded_blas():
        left, right = _u_centred(x), _u_centred(y)
        shared = float(np.vdot(left, right)) / (x.shape[1] * y.shape[1])
        norms = [_between_units(*side) for side in ((x, left), (y, right))]
    if not min(norms) > 0:
        return math.nan
    return float(shared / math.sqrt(norms[0] * norms[1]))


def _centred(data: FloatArray, name: str) -> FloatArray:
    """Centre responses and bring them to a size that can be squared."""
    centred = data - data.mean(axis=0)
    extent = float(np.abs(centred).max())
    check.require_spread(0.0 if extent <= 8 * _EPS * np.abs(data).max() else extent, name)
    return np.asarray(centred / power_of_two_above(extent))


def _u_centred(x: FloatArray) -> FloatArray:
    """Gram matrix with zero diagonal whose rows sum to zero; inner products are unbiased HSICs."""
    m = len(x)
    gram = x @ x.T
    np.fill_diagonal(gram, 0.0)
    sums = gram.sum(axis=0)
    gram += sums.sum() / ((m - 1) * (m - 2)) - (sums[:, None] + sums) / (m - 2)
    np.fill_diagonal(gram, 0.0)
    return np.asarray(gram)


def _between_units(x: FloatArray, gram: FloatArray) -> float:
    """Mean over pairs of different units of what the squared norm of a U-centred Gram matrix sums up."""
    m, n = x.shape
    squares = np.square(x)
    total, sums = squares.sum(axis=0), x.sum(axis=0)
    rows = x * (sums - x)  # sums of the rows of the Gram matrix of each unit, without its diagonal
    own = total**2 - np.square(squares).sum(axis=0) - 2 * np.square(rows).sum(axis=0) / (m - 2)
    own += rows.sum(axis=0) ** 2 / ((m - 1) * (m - 2))
    return float((np.square(gram).sum() - own.sum()) / (n * (n - 1)))


def cross_covariance_moments(
    X: Any, Y: Any, n_moments: int = 2, *, n_orders: int = 20, rng: RandomSource = 0
) -> FloatArray:
    """Estimate sums of powers of the squared singular values of the cross-covariance, without bias.

    The nuclear norm in the Procrustes distance is the sum of these singular values; computed from few
    stimuli it is too large. Power sums can be estimated without bias for any number of units.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli, sampled independently: at least four for each moment.
    n_moments : int, default 2
        Highest power p.
    n_orders : int, default 20
        Random orders of the stimuli to average over; each alone is unbiased.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the orders.

    Returns
    -------
    ndarray of shape (n_moments,)
        Estimates of tr((S S')^p) for p = 1, ..., with S the cross-covariance (n_units of X, n_units of Y).

    Raises
    ------
    TypeError, ValueError
        If they cannot be read or are too few.

    Notes
    -----
    Differences of disjoint pairs of stimuli, over the root of 2, have mean zero and the same covariance. Of
    these, products along chains of 2 p different ones, with rising index, are averaged (after Kong & Valiant,
    Spectrum estimation from samples, 2017); tested by simulation.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.metrics.experimental import cross_covariance_moments
    >>> X = np.random.default_rng(0).normal(size=(400, 3)) * [2.0, 1.0, 0.5]
    >>> cross_covariance_moments(X, X, 1).round(1)  # 16 + 1 + 1 / 16, with an error of 2
    array([14.9])
    """
    X, Y = as_pair(X, Y)
    count, draws = as_count(n_moments, "n_moments"), as_count(n_orders, "n_orders")
    if len(X) < 4 * count:
        raise ValueError(f"{count} moments need at least {4 * count} stimuli, not {len(X)}")
    generator, half = as_generator(rng), len(X) // 2
    sizes = [power_of_two_above(float(np.abs(data).max())) for data in (X, Y)]
    estimates = np.zeros((draws, count))
    with single_threaded_blas():
        for estimate in estimates:
            order = generator.permutation(len(X))[: 2 * half].reshape(2, half)
            x, y = (
                (data[order[0]] - data[order[1]]) / (math.sqrt(2) * size)
                for data, size in zip((X, Y), sizes, strict=True)
            )
            kx, ky = x @ x.T, y @ y.T
            ux, uy = np.triu(kx, 1), np.triu(ky, 1)
            chain = uy
            for p in range(count):
                # Closed chains i1 < i2 < ... of alternating kernels; the last one leads back to the first.
                estimate[p] = np.vdot(chain, kx) / math.comb(half, 2 * p + 2)
                chain = chain @ ux @ uy
    return np.asarray(estimates.mean(axis=0) * (sizes[0] * sizes[1]) ** (2.0 * np.arange(1, count + 1)))
