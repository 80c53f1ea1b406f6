"""Stands in for ``netrep.metrics.cka``."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ...._base.checks import FloatArray
from ...._base.threads import single_threaded_blas
from ....metrics.base import Metric
from ....metrics.cka import CKA
from ....metrics.fitting import means_and_size
from ....representations.checks import as_flag
from .._alignment import as_training
from .._estimator import Estimator, require_equal_rows


class LinearCKA(Estimator):
    """Angle between the Gram matrices of two representations: arccos of linear CKA, a metric.

    Parameters
    ----------
    center_columns : bool
        Subtract the mean over samples.
    parity : bool
        Evaluate the angle as the original does, by arccos.

    Notes
    -----
    This is the biased estimate of CKA, which grows with the number of neurons: for unrelated representations
    with n neurons and m samples it is about n / (m + n). ``neurogeom.CKA(score="angular")`` offers others.

    Differences from netrep: small angles are accurate to rounding (unless `parity`); arithmetic is in
    float64; errors differ (in netrep, representations that do not vary give NaN, and unequal numbers of
    samples an error from the matrix product); and there are `get_params`, `set_params` and `fit_score`.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.eye(4)[:, :2], np.eye(4)[:, 2:]
    >>> round(LinearCKA(center_columns=False).score(X, Y), 6), round(LinearCKA().score(X, Y), 6)
    (1.570796, 1.369438)
    """

    _checks: ClassVar[dict[str, Any]] = {"center_columns": as_flag, "parity": as_flag}
    _is_fitted_to_data = False

    def __init__(self, center_columns: bool = True, *, parity: bool = False) -> None:
        self.center_columns = center_columns
        self.parity = parity
        self._check(self.get_params())

    def fit(self, X: Any, Y: Any) -> None:
        """Do nothing: there is nothing to fit.

        Parameters
        ----------
        X, Y : array-like
            Ignored.
        """

    def score(self, X: Any, Y: Any) -> float:
        """Return the angle (smaller is more alike).

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            Responses to the same stimuli; numbers of neurons may differ.

        Returns
        -------
        float
            Radians, from 0 to pi / 2.

        Raises
        ------
        TypeError, ValueError
            If they cannot be read, hold NaN or infinity, do not vary over samples, or do not fit each other.
        """
        self._check(self.get_params())
        X, Y = as_training(X, "X"), as_training(Y, "Y")
        require_equal_rows((len(X), len(Y)), ("X", "Y"))
        native = self._native()
        return self._plain_angle(X, Y) if native is None else native.compare(X, Y)

    def fit_score(self, X: Any, Y: Any) -> float:
        """Return the angle; see :meth:`score`. (Not in the original.)

        Parameters
        ----------
        X, Y : array-like of shape (n_samples, n_neurons)
            Responses to the same stimuli.

        Returns
        -------
        float
        """
        return self.score(X, Y)

    def _plain_angle(self, X: FloatArray, Y: FloatArray) -> float:
        with single_threaded_blas():
            grams = [self._gram(X, "X"), self._gram(Y, "Y")]
        norms = [float(np.linalg.norm(gram)) for gram in grams]
        cosine = float(np.vdot(*grams)) / (norms[0] * norms[1])
        return math.acos(min(1.0, max(-1.0, cosine)))

    def _gram(self, data: FloatArray, name: str) -> FloatArray:
        # The power of two keeps fourth powers in the range of float64 and changes no other bit.
        mean, size = means_and_size(data, self.center_columns, name)
        data = (data - mean) / size
        return data @ data.T

    def _native(self) -> Metric | None:
        if self.parity:
            return None
        return CKA("linear", "biased", center=bool(self.center_columns), score="angular")
