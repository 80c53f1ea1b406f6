"""Stands in for ``netrep.metrics.stochastic_process``."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...._base import checks as _validate
from ...._base.checks import FloatArray
from ....metrics.alignment_search import stack_rows
from .._distributions import as_finite
from .stochastic import GaussianStochasticMetric, _Gaussians, as_two, roots_of


class GPStochasticMetric(GaussianStochasticMetric):
    """2-Wasserstein distance of Gaussian processes after the best alignment, the same at all times.

    Networks are given as (mean, covariance), of shapes (n_times * n_dims,) and (n_times * n_dims, n_times *
    n_dims), time point after time point.

    Parameters
    ----------
    n_dims : int
        Number of neurons.
    alpha, group, init, niter, tol, random_state, n_restarts
        As for :class:`GaussianStochasticMetric`.

    Attributes
    ----------
    T : ndarray of shape (n_dims, n_dims)
        The alignment.
    loss_hist : list of float
        The loss along the best search.

    Notes
    -----
    Differences from netrep are those of :class:`GaussianStochasticMetric`.
    :class:`neurogeom.ProcessStochastic` takes trials, and several conditions.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> root, Q = rng.normal(size=(15, 15)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> everywhere = np.kron(np.eye(5), Q)
    >>> mean, cov = rng.normal(size=15), root @ root.T
    >>> turned = mean @ everywhere, everywhere.T @ cov @ everywhere
    >>> round(GPStochasticMetric(n_dims=3).fit_score((mean, cov), turned), 6)
    0.0
    """

    def __init__(
        self,
        n_dims: int,
        alpha: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        init: Literal["means", "rand"] = "means",
        niter: int = 1000,
        tol: float = 1e-8,
        random_state: Any = None,
        n_restarts: int = 1,
    ) -> None:
        self.n_dims = _validate.as_count(n_dims, "n_dims")
        super().__init__(alpha, group, init, niter, tol, random_state, n_restarts)

    def _read(self, value: Any, name: str, eps: float = 0.0) -> _Gaussians:
        mean, cov = as_two(value, name)
        mean = as_finite(mean, f"the mean of {name}", lambda s: len(s) == 1, "(n_times * n_dims,)")
        size = len(mean)
        if size % self.n_dims:
            raise ValueError(f"the mean of {name} has length {size}, no multiple of n_dims={self.n_dims}")
        cov = as_finite(cov, f"the covariance of {name}", lambda s: s == (size, size), f"{(size, size)}")
        roots = stack_rows(roots_of((cov + eps * np.eye(size))[None], name))
        times = (-1, self.n_dims)
        return _Gaussians(
            name, mean.reshape(1, *times), roots.reshape(1, roots.shape[1], *times), shape=cov.shape
        )

    def transform(self, X: Any, Y: Any) -> tuple[Any, tuple[FloatArray, FloatArray]]:
        """Apply the fitted alignment at all times; see :meth:`GaussianStochasticMetric.transform`."""
        mean, cov = (np.asarray(part, dtype=np.float64) for part in as_two(Y, "Y"))
        T = self._fitted(self._read(Y, "Y").n_units)
        everywhere = np.kron(np.eye(len(mean) // self.n_dims), T)
        return X, (mean @ everywhere, everywhere.T @ cov @ everywhere)
