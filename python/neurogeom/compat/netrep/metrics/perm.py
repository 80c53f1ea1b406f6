"""Stands in for ``netrep.metrics.perm``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ...._base.checks import FloatArray
from ...._base.threads import single_threaded_blas
from ....metrics.base import Metric
from ....metrics.fitting import means_and_size
from ....metrics.matching import Permutation, match_units
from ....representations.checks import as_flag
from .._alignment import AligningMetric, as_training, padded
from .._estimator import as_score_method


class Centered(NamedTuple):
    """What :meth:`PermutationMetric.partial_fit` returns: mean and centred responses."""

    mean: FloatArray
    responses: FloatArray


class PermutationMetric(AligningMetric):
    """Distance after the best one-to-one matching of neurons.

    Parameters
    ----------
    center_columns : bool
        Subtract the mean over samples.
    zero_pad : bool
        Whether numbers of neurons may differ; those left over are then matched with silent ones.
    score_method : {"angular", "euclidean"}
        Angle in radians, up to pi (anticorrelated neurons make it exceed pi / 2), or Frobenius norm of the
        difference.
    parity : bool
        Evaluate angles as the original does, by arccos.

    Attributes
    ----------
    mx_, my_ : ndarray of shape (n,)
        Means, n being the larger number of neurons.
    Px_, Py_ : ndarray of int of shape (n,)
        ``(X - mx_)[:, Px_]`` and ``(Y - my_)[:, Py_]`` are aligned, with silent neurons appended to the
        narrower one.
    widths_ : tuple of int
        Numbers of neurons of X and Y. (Not in the original.)

    Notes
    -----
    Differences from netrep: small angles are accurate to rounding (unless `parity`), arithmetic is in
    float64, and errors differ; see :class:`LinearMetric`. As in netrep, the partner of a neuron that is
    silent in the training data is not determined, which may matter on test data.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> metric = PermutationMetric().fit(X, X[:, [2, 0, 3, 1]])
    >>> metric.Px_, metric.Py_
    (array([0, 1, 2, 3]), array([1, 3, 0, 2]))
    """

    Px_: NDArray[np.intp]
    Py_: NDArray[np.intp]

    _checks: ClassVar[dict[str, Any]] = {
        "center_columns": as_flag,
        "zero_pad": as_flag,
        "score_method": as_score_method,
        "parity": as_flag,
    }

    def __init__(
        self,
        center_columns: bool = True,
        zero_pad: bool = True,
        score_method: Literal["angular", "euclidean"] = "angular",
        *,
        parity: bool = False,
    ) -> None:
        self.center_columns = center_columns
        self.zero_pad = zero_pad
        self.score_method = score_method
        self.parity = parity
        self._check(self.get_params())

    def partial_fit(self, X: Any) -> Centered:
        """Centre one representation; see :meth:`finalize_fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_neurons)
            Responses.

        Returns
        -------
        mean : ndarray of shape (n_neurons,)
            Mean over samples.
        responses : ndarray of shape (n_samples, n_neurons)
            ``X - mean``.

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`.
        """
        self._check(self.get_params())
        return self._prepare(as_training(X, "X"), "X")

    def finalize_fit(self, cache_X: Any, cache_Y: Any) -> PermutationMetric:
        """Match the neurons of two representations that :meth:`partial_fit` has centred.

        Parameters
        ----------
        cache_X, cache_Y : tuple
            From :meth:`partial_fit`.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If they do not come from there or do not fit each other.
        """
        n = self._begin_finalize(cache_X, cache_Y, 2)
        with single_threaded_blas():
            if self.parity:
                gain = padded(cache_X[1], n).T @ padded(cache_Y[1], n)
                self.Px_, self.Py_ = linear_sum_assignment(gain, maximize=True)
            else:
                rows, columns = match_units(*(c[1] / np.linalg.norm(c[1]) for c in (cache_X, cache_Y)))
                self.Px_, self.Py_ = np.arange(n), np.full(n, -1)
                self.Py_[rows] = columns
                self.Py_[self.Py_ < 0] = np.setdiff1d(np.arange(n), columns)
        return self

    def _prepare(self, data: FloatArray, name: str) -> Centered:
        mean, _ = means_and_size(data, self.center_columns, name)
        return Centered(mean, data - mean)

    def _apply(self, centered: FloatArray, side: int) -> FloatArray:
        return centered[:, (self.Px_, self.Py_)[side]]

    def _n_compared(self) -> int:
        return len(self.Px_)

    def _native(self) -> Metric | None:
        if self.parity:
            return None
        return Permutation(score=self.score_method, center=bool(self.center_columns))
