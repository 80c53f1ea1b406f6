"""What the metrics that align units share: reading, padding, scoring and sweeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from ..._base import checks as _validate
from ..._base.checks import FloatArray
from ..._base.threads import single_threaded_blas
from ...metrics.checks import require_spread
from ...representations import checks as check
from ._estimator import Estimator, NotFittedError, require_equal_rows, require_equal_widths
from ._sweeps import among_themselves

_Self = TypeVar("_Self", bound="AligningMetric")


class AligningMetric(Estimator):
    """A metric that is fitted to some stimuli and can be evaluated on others."""

    zero_pad: Any
    score_method: Any
    parity: Any

    mx_: FloatArray
    my_: FloatArray
    widths_: tuple[int, int]

    # ---- what a subclass provides

    def partial_fit(self, X: Any) -> Any:
        """Prepare one representation."""
        raise NotImplementedError

    def finalize_fit(self: _Self, cache_X: Any, cache_Y: Any) -> _Self:
        """Align two prepared representations."""
        raise NotImplementedError

    def _prepare(self, data: FloatArray, name: str) -> Any:
        raise NotImplementedError

    def _apply(self, centered: FloatArray, side: int) -> FloatArray:
        """Map centred, padded data of one side to the common coordinates."""
        raise NotImplementedError

    def _n_compared(self) -> int:
        """Number of leading common coordinates in which fitted data are aligned."""
        raise NotImplementedError

    # ---- what they share

    def fit(self: _Self, X: Any, Y: Any) -> _Self:
        """Find the alignment of two representations.

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            Responses to the same stimuli.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If they cannot be read, hold NaN or infinity, do not vary over samples, or do not fit each other.
        """
        self._check(self.get_params())
        data = [as_training(value, name) for value, name in ((X, "X"), (Y, "Y"))]
        self._check_pair(data)
        widths = (data[0].shape[1], data[1].shape[1])
        if self.parity:  # in netrep, padded zeros count when variances are normalised
            data = [padded(array, max(widths)) for array in data]
        with single_threaded_blas():
            self.finalize_fit(self._prepare(data[0], "X"), self._prepare(data[1], "Y"))
        self.widths_ = widths
        return self

    def transform(self, X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
        """Map two representations to common coordinates with the fitted alignment.

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            Responses of the same units as in :meth:`fit`, to the same or other stimuli.

        Returns
        -------
        tX, tY : ndarray of shape (n_samples, max(n_neurons))
            On the fitted samples, their distance is that of the metric. On others it is their score, except
            for columns in which they are not aligned (see `n_aligned_` of :class:`LinearMetric`), which count
            in norms only.

        Raises
        ------
        TypeError, ValueError
            If they cannot be read, hold NaN or infinity, or have other units, or if :meth:`fit` has not been
            called.
        """
        if not hasattr(self, "widths_"):
            raise NotFittedError(f"this {type(self).__name__} has not been fitted: call fit(X, Y) first")
        data = [_as_finite(value, name) for value, name in ((X, "X"), (Y, "Y"))]
        for array, fitted, name in zip(data, self.widths_, "XY", strict=True):
            if array.shape[1] != fitted:
                raise ValueError(
                    f"{name} must have the {fitted} units that the alignment was fitted to, "
                    f"not {array.shape[1]}"
                )
        self._check_pair(data)
        with single_threaded_blas():
            wide = [padded(array, max(self.widths_)) for array in data]
            return self._apply(wide[0] - self.mx_, 0), self._apply(wide[1] - self.my_, 1)

    def score(self, X: Any, Y: Any) -> float:
        """Return the distance of two representations in the fitted alignment (smaller is more alike).

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            See :meth:`transform`.

        Returns
        -------
        float
            Angle in radians or Euclidean distance.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`transform`; for the angle, also if one of them is zero in the common coordinates.
        """
        tX, tY = self.transform(X, Y)
        if self.parity:
            return _plain_score(tX, tY, self.score_method)
        kept = self._n_compared()
        rests = [float(np.linalg.norm(array[:, kept:])) for array in (tX, tY)]
        if self.score_method == "angular":
            return angle(tX[:, :kept], tY[:, :kept], rests)
        return math.hypot(float(np.linalg.norm(tX[:, :kept] - tY[:, :kept])), *rests)

    def fit_score(self, X: Any, Y: Any) -> float:
        """Fit to two representations and return their distance: ``fit(X, Y).score(X, Y)``.

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            Responses to the same stimuli.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`.
        """
        return self.fit(X, Y).score(X, Y)

    def pairwise_distances(
        self, train_data: Any, test_data: Any = None, processes: int | None = None, verbose: bool = True
    ) -> tuple[FloatArray, FloatArray]:
        """Return the distances of all pairs of representations, computed by :func:`neurogeom.pairwise`.

        Parameters
        ----------
        train_data : sequence of arrays (n_samples, n_neurons)
            Alignments are fitted to these.
        test_data : sequence of arrays (n_test_samples, n_neurons), optional
            Responses of the same units to other stimuli.
        processes : int, optional
            Threads to use (not processes: no data are copied, and no ``__main__`` guard is needed); by
            default OMP_NUM_THREADS as it stood at import, else the cores this process may use.
        verbose : bool
            Show a progress bar on stderr.

        Returns
        -------
        D_train : ndarray of shape (K, K)
            Distances on the training data.
        D_test : ndarray of shape (K, K)
            Distances on the test data; without test data, infinite off the diagonal. The diagonal is 0.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`, naming the item.
        """
        threads = None if processes is None else _validate.as_count(processes, "processes")
        names = ("train_data", "test_data")
        D_train, D_test = among_themselves(self, train_data, test_data, names, verbose, threads)
        if D_test is None:
            D_test = np.full(D_train.shape, np.inf)
            np.fill_diagonal(D_test, 0.0)
        return D_train, D_test

    def _check_pair(self, data: Sequence[FloatArray]) -> None:
        require_equal_rows((len(data[0]), len(data[1])), ("X", "Y"))
        require_equal_widths([array.shape[1] for array in data], self.zero_pad)

    def _begin_finalize(self, cache_X: Any, cache_Y: Any, n_fields: int) -> int:
        """Check prepared representations, keep their means, and return the common width."""
        caches = (cache_X, cache_Y)
        for cache, name in zip(caches, ("cache_X", "cache_Y"), strict=True):
            if not isinstance(cache, tuple) or len(cache) != n_fields:
                raise TypeError(f"{name} must be what partial_fit returned, not {type(cache).__name__}")
        require_equal_rows((len(caches[0][1]), len(caches[1][1])), ("cache_X", "cache_Y"))
        self.widths_ = (len(caches[0][0]), len(caches[1][0]))
        require_equal_widths(self.widths_, self.zero_pad)
        self.mx_, self.my_ = (padded(cache[0][np.newaxis], max(self.widths_))[0] for cache in caches)
        return max(self.widths_)


def _as_finite(value: Any, name: str) -> FloatArray:
    array = _validate.as_float_matrix(value, name)
    check.require_normal_range(array, name)
    return array


def as_training(value: Any, name: str) -> FloatArray:
    """Take responses of a representation to two stimuli or more."""
    return _as_finite(check.as_responses(value, name), name)


def padded(array: FloatArray, width: int) -> FloatArray:
    """Append silent units."""
    missing = width - array.shape[1]
    return np.pad(array, ((0, 0), (0, missing))) if missing else array


def angle(x: FloatArray, y: FloatArray, rests: Sequence[float] = (0.0, 0.0)) -> float:
    """Angle between two matrices; `rests` are the norms of what each has outside their common coordinates.

    From the sum and the difference of unit vectors, as arccos loses half the digits of small angles.
    """
    norms = [math.hypot(float(np.linalg.norm(a)), rest) for a, rest in zip((x, y), rests, strict=True)]
    for norm, name in zip(norms, "XY", strict=True):
        require_spread(norm, f"{name} in the fitted alignment")
    x, y = x / norms[0], y / norms[1]
    outside = [rest / norm for rest, norm in zip(rests, norms, strict=True)]
    return 2.0 * math.atan2(
        math.hypot(float(np.linalg.norm(x - y)), *outside), math.hypot(float(np.linalg.norm(x + y)), *outside)
    )


def _plain_score(x: FloatArray, y: FloatArray, score_method: str) -> float:
    """The original's evaluation: arccos of the cosine, which does not resolve angles below 1e-8."""
    if score_method == "euclidean":
        return float(np.linalg.norm(x - y))
    norms = [float(np.linalg.norm(a)) for a in (x, y)]
    for norm, name in zip(norms, "XY", strict=True):
        require_spread(norm, f"{name} in the fitted alignment")
    cosine = float(np.vdot(x, y)) / (norms[0] * norms[1])
    return math.acos(min(1.0, max(-1.0, cosine)))
