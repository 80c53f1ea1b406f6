"""Stands in for ``mftma.alldata_dimension_analysis``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from ..._base import checks as _validate
from ..._base import threads as _threads
from ..._base.checks import FloatArray
from ...clouds.dimensionality import count_like_mftma, dimensionality, participation_of
from . import _shared


def alldata_dimension_analysis(XtotT: Any, perc: float = 0.90) -> tuple[float, int, int]:
    """Return the linear dimension of all points together, in two ways.

    Same as the original: the values, with their quirks: the participation ratio leaves out the last
    singular value; the number of components counts cumulative shares of variance not above `perc`
    (one less than the components needed to explain it); and for it the mean over features is removed
    as well. :func:`neurogeom.dimensionality` has none of these. Different: neither scikit-learn nor
    the full N x N singular vectors are needed, and data without variance are an error.

    Parameters
    ----------
    XtotT : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    perc : float
        Share of the variance, between 0 and 1.

    Returns
    -------
    Dsvd : float
        Participation ratio.
    D_expvar : int
        Number of components.
    D_feature : int
        N.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> alldata_dimension_analysis([rs.randn(6, 50) for _ in range(4)])[1:]
    (4, 6)
    """
    blocks = _shared.read_clouds(XtotT).blocks
    points = np.concatenate([block.T for block in blocks])
    found = dimensionality(points, variance=perc, form="compat")
    return found.participation_ratio, found.explained_variance, found.n_features


def compute_participation_ratio(X: Any) -> tuple[FloatArray, float, FloatArray]:
    """Return singular values, participation ratio and left singular vectors of one (N, M) array.

    Same as the original: the mean over points is removed and the last singular value, with its
    vector, is left out. Different: there are min(N, M) - 1 vectors (N - 1 in the original, which
    completes them to a basis).

    Examples
    --------
    >>> S, ratio, U = compute_participation_ratio([[1.0, -1, 0, 0], [0, 0, 1, -1], [0, 0, 0, 0]])
    >>> S.shape, round(ratio, 12), U.shape
    ((2,), 2.0, (3, 2))
    """
    data = _validate.as_float_matrix(X, "X")
    with _threads.single_threaded_blas():
        centered = data - data.mean(axis=1, keepdims=True)
        U, S, _ = scipy.linalg.svd(centered, full_matrices=False, overwrite_a=True)
    values: FloatArray = S[:-1]
    vectors: FloatArray = U[:, :-1]
    return values, participation_of(np.square(values)), vectors


def compute_dim_expvar(X: Any, perc: float) -> int:
    """Count the cumulative shares of variance not above `perc` of one (N, M) array.

    Same as the original, including its quirks: one less than the components needed, and the mean over
    features is removed. scikit-learn is not needed.

    Examples
    --------
    >>> compute_dim_expvar([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]], 0.9)
    1
    """
    data = _validate.as_float_matrix(X, "X")
    share = _validate.as_fraction(perc, "perc")
    with _threads.single_threaded_blas():
        return count_like_mftma(data.T, share)
