"""Random correlation matrices that keep something of a given one, to hold its network against."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.results import ConvergenceWarning
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import single_threaded_blas
from .result import Pairwise

_KEEP = ("spectrum", "moments", "strength")
_MOST_STEPS = 200
_EXACT = 1e-12  # largest deviation of a constraint, relative to the sizes of variances


def correlation_null(
    matrix: Any,
    keep: str = "spectrum",
    *,
    n_draws: int = 100,
    n_observations: int | None = None,
    rng: RandomSource = None,
) -> FloatArray:
    """Draw random correlation matrices that keep a property of a given one.

    Shuffling the entries of a correlation matrix, or the edges of its graph, makes matrices that no data
    could have: correlations with a third node tie any two others together, and a shuffle ignores that. These
    nulls are correlation or covariance matrices.

    Parameters
    ----------
    matrix : Pairwise or array-like, shape (n, n)
        Symmetric, with a positive diagonal: correlations or covariances.
    keep : {"spectrum", "moments", "strength"}, default "spectrum"
        What every draw shares with the matrix: its eigenvalues, at a diagonal of 1, exactly ("spectrum"; for
        correlations); mean and variance of its entries off the diagonal and the mean of those on it, on
        average ("moments"; the mean must not be negative); or all variances and all row sums, in the mean of
        the distribution of largest entropy that has these ("strength").
    n_draws : int, default 100
        Number of matrices.
    n_observations : int, optional
        For "strength": each draw is the covariance of this many observations from that distribution, at the
        variances of the matrix. Take the number of observations that your matrix is estimated from.
    rng : None, int, SeedSequence or Generator
        Source of the draws; the first n of 2n draws are those of a call for n.

    Returns
    -------
    ndarray, shape (n_draws, n, n)
        The matrices.

    Raises
    ------
    ValueError
        If the matrix is not what `keep` needs, or `n_observations` is missing.

    Warns
    -----
    ConvergenceWarning
        If no distribution with these row sums was found; the draws are NaN.

    References
    ----------
    Davies & Higham, BIT 40, 640 (2000) for "spectrum"; Hirschberger, Qi & Steuer, European Journal of
    Operational Research 177, 1610 (2007) and Zalesky, Fornito & Bullmore, NeuroImage 60, 2096 (2012) for
    "moments"; Masuda, Kojaku & Sano, Physical Review E 98, 012312 (2018) for "strength".

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> C = np.corrcoef(np.random.default_rng(0).standard_normal((5, 40)))
    >>> nulls = ng.correlation_null(C, n_draws=3, rng=0)
    >>> bool(np.allclose(np.linalg.eigvalsh(nulls), np.linalg.eigvalsh(C)))
    True
    """
    kept = _validate.as_choice(keep, "keep", _KEEP)
    count = _validate.as_count(n_draws, "n_draws")
    C = _as_covariance(matrix)
    if (kept == "strength") != (n_observations is not None):
        raise ValueError("keep='strength' needs n_observations, and the others do not take it")
    key = draw_key(as_generator(rng))
    generators = [
        np.random.Generator(np.random.Philox(np.random.SeedSequence([key, draw]))) for draw in range(count)
    ]
    with single_threaded_blas():
        if kept == "spectrum":
            return _of_spectrum(C, generators)
        if kept == "moments":
            return _of_moments(C, generators)
        assert n_observations is not None
        return _of_strength(C, _validate.as_count(n_observations, "n_observations", minimum=2), generators)


def _as_covariance(matrix: Any) -> FloatArray:
    C = matrix.square if isinstance(matrix, Pairwise) else _validate.as_float_matrix(matrix, "matrix")
    if C.shape[0] != C.shape[1] or len(C) < 3:
        raise ValueError(f"matrix must be square, with at least 3 rows, not {C.shape}")
    _validate.require_finite(C, "matrix")
    _validate.require_symmetric_values(C, C.dtype, "matrix")
    if not (np.diagonal(C) > 0).all():
        raise ValueError(f"the diagonal of matrix must be positive, not {np.diagonal(C).min():.4g}")
    return (C + C.T) / 2


def _of_spectrum(C: FloatArray, generators: list[np.random.Generator]) -> FloatArray:
    from scipy.stats import random_correlation

    if not np.allclose(np.diagonal(C), 1.0, rtol=0, atol=1e-8):
        raise ValueError("keep='spectrum' needs correlations, with a diagonal of 1")
    values = linalg.eigvalsh(C)
    if values[0] < -1e-8 * values[-1]:
        raise ValueError(f"matrix is not a correlation matrix: it has the eigenvalue {values[0]:.4g}")
    values = np.maximum(values, 0.0)
    values *= len(C) / values.sum()
    return np.stack([random_correlation.rvs(values, random_state=one, tol=1e-10) for one in generators])


def _of_moments(C: FloatArray, generators: list[np.random.Generator]) -> FloatArray:
    """Draw Q Q' with independent normal entries; their mean, variance and number give the three moments."""
    off = C[np.triu_indices(len(C), 1)]
    mean, variance, diagonal = off.mean(), off.var(), np.diagonal(C).mean()
    if mean < 0 or not variance > 0:
        raise ValueError(
            f"keep='moments' needs entries with a variance and a mean of at least 0, not {mean:.4g} and "
            f"{variance:.4g}"
        )
    columns = max(2, round((diagonal**2 - mean**2) / variance))
    centre = np.sqrt(mean / columns)
    spread = np.sqrt(np.sqrt(centre**4 + variance / columns) - centre**2)
    draws = (one.normal(centre, spread, (len(C), columns)) for one in generators)
    return np.stack([Q @ Q.T for Q in draws])


def _of_strength(C: FloatArray, n_observations: int, generators: list[np.random.Generator]) -> FloatArray:
    import warnings

    expected = widest_covariance(C)
    if expected is None:
        warnings.warn(
            "no covariance of largest entropy has the row sums of matrix: all draws are NaN",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
        return np.full((len(generators), *C.shape), np.nan)
    root = linalg.cholesky(expected, lower=True)
    draws = (root @ one.standard_normal((len(C), n_observations)) for one in generators)
    return np.stack([x @ x.T / n_observations for x in draws])


def widest_covariance(C: FloatArray) -> FloatArray | None:
    """Return the covariance of largest entropy with the variances and row sums of C; None if there is none.

    Its inverse is diag(a) + b 1' + 1 b'. The a and b minimise a convex function, -log det of the inverse plus
    its product with C, which Newton's method with a line search does.
    """
    scale = 1 / np.sqrt(np.diagonal(C))
    n = len(C)
    # Units in which all variances are 1 keep the equations well conditioned; row sums then have weights.
    weight = scale.min() / scale
    target = C * np.outer(scale, scale)
    sums = target @ weight
    a, b = np.ones(n), np.zeros(n)

    def inverse_of(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.diag(a) + np.outer(b, weight) + np.outer(weight, b)

    def value_of(a: FloatArray, b: FloatArray) -> float:
        try:
            root = linalg.cholesky(inverse_of(a, b), lower=True)
        except linalg.LinAlgError:
            return np.inf
        return float(a.sum() + 2 * b @ sums - 2 * np.log(np.diagonal(root)).sum())

    value = value_of(a, b)
    for _ in range(_MOST_STEPS):
        S = linalg.cho_solve((linalg.cholesky(inverse_of(a, b), lower=True), True), np.eye(n))
        S = (S + S.T) / 2
        row = S @ weight
        gradient = np.concatenate([1 - np.diagonal(S), 2 * (sums - row)])
        if np.abs(gradient).max() < _EXACT * n:
            found = S / np.outer(scale, scale)
            return np.asarray(found)
        across = 2 * S * row[:, None]
        hessian = np.block([[S**2, across], [across.T, 2 * (S * (weight @ row) + np.outer(row, row))]])
        try:
            step = -np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return None
        length = 1.0
        while length > 1e-12:
            new = a + length * step[:n], b + length * step[n:]
            reached = value_of(*new)
            if reached <= value + 1e-4 * length * float(gradient @ step) or (
                length == 1.0 and abs(reached - value) <= 1e-13 * (1 + abs(value))
            ):
                break
            length /= 2
        else:
            return None
        (a, b), value = new, reached
    return None
