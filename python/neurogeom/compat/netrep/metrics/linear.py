"""Stands in for ``netrep.metrics.linear``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from ...._base.checks import FloatArray
from ...._base.threads import single_threaded_blas
from ....metrics.base import Metric
from ....metrics.fitting import aligned_bases, means_and_size, partial_whitening
from ....metrics.shape import ShapeMetric, as_alpha
from ....representations.checks import as_flag
from .._alignment import AligningMetric, as_training, padded
from .._estimator import as_score_method

# The original's floor of eigenvalues; it does not whiten at all if alpha is within this of 1.
_FLOOR = 1e-7


class Whitened(NamedTuple):
    """What :meth:`LinearMetric.partial_fit` returns: mean, whitened responses and whitening matrix."""

    mean: FloatArray
    responses: FloatArray
    whitening: FloatArray


class LinearMetric(AligningMetric):
    """Distance after the best orthogonal alignment of partially whitened responses.

    Parameters
    ----------
    alpha : float
        From 1, rotations only (Procrustes), to 0, any invertible linear map (CCA).
    center_columns : bool
        Subtract the mean over samples.
    zero_pad : bool
        Whether numbers of neurons may differ; the narrower array is then padded with zeros.
    score_method : {"angular", "euclidean"}
        Angle in radians, or Frobenius norm of the difference.
    parity : bool
        Follow the original's rules exactly; see the notes.

    Attributes
    ----------
    mx_, my_ : ndarray of shape (n,)
        Means, n being the larger number of neurons.
    Wx_, Wy_ : ndarray of shape (n, n)
        ``(X - mx_) @ Wx_`` and ``(Y - my_) @ Wy_`` are aligned.
    n_aligned_ : int
        Leading columns in which the data determine the alignment. Later columns hold what X and Y do not
        share; their basis is arbitrary. (Not in the original.)
    widths_ : tuple of int
        Numbers of neurons of X and Y. (Not in the original.)

    Notes
    -----
    Differences from netrep (commit 0186b8a); brackets say what ``parity=True`` restores:

    - Directions are left out of the whitening if they are small relative to the largest, not if their
      variance is below 1e-7: data in small units stay as invariant as others [the floor].
    - Whitening keeps the variance, counting only directions that the data have. In netrep, each direction
      without variance, padding included, counts as one of variance 1, and Euclidean scores for alpha < 1
      depend on the padding [netrep's count].
    - On test data, directions that the training data do not determine (more neurons than training samples)
      contribute to norms only, and what the training data do not span at all is multiplied by alpha. In
      netrep, their basis is whatever LAPACK returns, the score changes when neurons are rotated, and it jumps
      at alpha = 1 [netrep's score].
    - Small angles are accurate to rounding; netrep's arccos cuts off what lies below 1e-8 [arccos].
    - Arithmetic is in float64, also for float32 data [not restored].
    - NaN, infinity and representations that do not vary (in netrep: NaN and a RuntimeWarning) raise a
      ValueError that names the item, as do data of the wrong width [not restored].
    - For alpha = 0, sweeps warn of representations with as many independent neurons as samples.

    Williams, Kunz, Kornblith & Linderman, Generalized shape metrics on neural representations, NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> LinearMetric(alpha=0.0).fit_score(X, X[:, :1])  # arccos(sqrt(1 / 4))
    1.0471975511...
    """

    Wx_: FloatArray
    Wy_: FloatArray
    n_aligned_: int

    _checks: ClassVar[dict[str, Any]] = {
        "alpha": as_alpha,
        "center_columns": as_flag,
        "zero_pad": as_flag,
        "score_method": as_score_method,
        "parity": as_flag,
    }

    def __init__(
        self,
        alpha: float = 1.0,
        center_columns: bool = True,
        zero_pad: bool = True,
        score_method: Literal["angular", "euclidean"] = "angular",
        *,
        parity: bool = False,
    ) -> None:
        self.alpha = alpha
        self.center_columns = center_columns
        self.zero_pad = zero_pad
        self.score_method = score_method
        self.parity = parity
        self._check(self.get_params())

    def partial_fit(self, X: Any) -> Whitened:
        """Whiten one representation; see :meth:`finalize_fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_neurons)
            Responses.

        Returns
        -------
        mean : ndarray of shape (n_neurons,)
            Mean over samples.
        responses : ndarray of shape (n_samples, n_neurons)
            Partially whitened responses.
        whitening : ndarray of shape (n_neurons, n_neurons)
            ``responses = (X - mean) @ whitening``.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`.
        """
        self._check(self.get_params())
        with single_threaded_blas():
            return self._prepare(as_training(X, "X"), "X")

    def finalize_fit(self, cache_X: Any, cache_Y: Any) -> LinearMetric:
        """Align two representations that :meth:`partial_fit` has whitened; their widths may differ.

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
        n = self._begin_finalize(cache_X, cache_Y, 3)
        with single_threaded_blas():
            if self.parity:
                wide = [padded(cache[1], n) for cache in (cache_X, cache_Y)]
                u, _, vt = np.linalg.svd(wide[0].T @ wide[1])
                self.n_aligned_ = n
            else:
                u, vt = self._determined_rotations(cache_X[1], cache_Y[1], n)
            whitened = self.alpha != 1
            self.Wx_ = _times_whitening(cache_X[2], u) if whitened else u
            self.Wy_ = _times_whitening(cache_Y[2], vt.T) if whitened else vt.T
        return self

    def _determined_rotations(self, X: FloatArray, Y: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
        """Rotations whose first columns the data determine, from a core as small as the data allow."""
        (left, left_basis), (right, right_basis) = _compact(X), _compact(Y)
        u, v = aligned_bases(left, right)
        self.n_aligned_ = u.shape[1]
        return _completed(left_basis @ u, n), _completed(right_basis @ v, n).T

    def _prepare(self, data: FloatArray, name: str) -> Whitened:
        mean, _ = means_and_size(data, self.center_columns, name)
        if self.parity and self.center_columns:  # to the bit, as undetermined directions come from rounding
            mean = data.mean(axis=0)
        centered = data - mean
        if self.parity:
            whitening = _floored_whitening(centered, float(self.alpha))
        elif self.alpha == 1:
            return Whitened(mean, centered, np.eye(len(mean)))
        else:
            whitening = partial_whitening(data, float(self.alpha), self.center_columns, name)
            whitening = padded(whitening, data.shape[1])
        return Whitened(mean, centered @ whitening, whitening)

    def _apply(self, centered: FloatArray, side: int) -> FloatArray:
        return centered @ (self.Wx_, self.Wy_)[side]

    def _n_compared(self) -> int:
        return self.n_aligned_

    def _native(self) -> Metric | None:
        if self.parity:
            return None
        return ShapeMetric(float(self.alpha), score=self.score_method, center=bool(self.center_columns))


def _compact(responses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Split into L B' with orthonormal columns in B, L having no more columns than rows."""
    if responses.shape[1] <= len(responses):
        return responses, np.eye(responses.shape[1])
    basis, upper = np.linalg.qr(responses.T)
    return upper.T, basis


def _completed(basis: FloatArray, n: int) -> FloatArray:
    """Extend orthonormal columns to a square orthogonal matrix of size n."""
    wide = np.zeros((n, basis.shape[1]))
    wide[: len(basis)] = basis
    full, _ = np.linalg.qr(wide, mode="complete")
    return np.hstack([wide, full[:, basis.shape[1] :]])


def _times_whitening(whitening: FloatArray, rotation: FloatArray) -> FloatArray:
    """Whitening, padded to the size of the rotation, times the rotation."""
    product = np.zeros(rotation.shape)
    product[: len(whitening)] = whitening @ rotation[: len(whitening)]
    return product


def _floored_whitening(centered: FloatArray, alpha: float) -> FloatArray:
    """The original's rule: eigenvalues of X'X below the floor count as that large, in the variance too."""
    size = centered.shape[1]
    if alpha > 1.0 - _FLOOR:
        return np.eye(size)
    values, vectors = np.linalg.eigh(centered.T @ centered)
    values = np.maximum(values, _FLOOR)
    root = np.sqrt(values)
    target = alpha * root + (1.0 - alpha)
    gain = np.linalg.norm(root) / np.linalg.norm(target) * target / root
    return np.asarray((vectors * gain) @ vectors.T)
