"""Stands in for ``mftma.manifold_analysis``: the analysis without low-rank removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._base import checks as _validate
from ..._base import threads as _threads
from ..._base.checks import FloatArray
from . import _shared
from .manifold_analysis_correlation import maxproj, minimize_vt_sq

__all__ = ["each_manifold_analysis_D1", "manifold_analysis", "maxproj", "minimize_vt_sq"]


def manifold_analysis(
    XtotT: Any, kappa: float, n_t: int, t_vecs: Sequence[Any] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Analyse manifolds relative to the global mean; centre correlations are kept.

    Same as the original: arguments, order of the return values, formulas and, given `t_vecs` or a
    ``numpy.random.seed``, the values (the draws come in the same order, and nothing else is drawn).
    Different: a manifold whose centre is the global mean (a single manifold always) is NaN with a
    ``ConvergenceWarning``, where the original divides by rounding errors; a manifold of one point
    has dimension 0, where the original divides 0 by 0; a negative `kappa`, NaN and infinity are
    errors.

    Parameters
    ----------
    XtotT : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    kappa : float
        Margin, not negative.
    n_t : int
        Gaussian vectors per manifold.
    t_vecs : sequence of (D_i + 1, n_t) arrays, optional
        The Gaussian vectors; D_i = min(N, M_i).

    Returns
    -------
    a_Mfull_vec, R_M_vec, D_M_vec : (P,) arrays
        Capacity, radius and dimension of each manifold.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Examples
    --------
    >>> import numpy as np
    >>> np.random.seed(0)
    >>> X = [np.random.randn(30, 5) + 3 * np.random.randn(30, 1) for _ in range(4)]
    >>> capacity, radius, dimension = manifold_analysis(X, 0, 100)
    >>> bool((capacity < 3).all()), bool((radius < 1).all())
    (True, True)
    """
    kappa = _validate.as_margin(kappa, "kappa")
    n_t = _validate.as_count(n_t, "n_t")
    with _threads.single_threaded_blas():
        clouds = _shared.read_clouds(XtotT)
        return _shared.analyse_all(clouds, kappa, n_t, t_vecs, None, 0.0)


def each_manifold_analysis_D1(
    sD1: Any, kappa: float, n_t: int, eps: float = 1e-8, t_vec: Any = None
) -> _shared.Statistics:
    """Return capacity, radius and dimension of one lifted manifold (D+1 x m, ones in the last row).

    Like the function of this name in :mod:`.manifold_analysis_correlation`, but nothing is added to
    the norms of the anchors; an anchor at the centre contributes 0 to the dimension (originally 0/0).

    Examples
    --------
    >>> import numpy as np
    >>> np.random.seed(0)
    >>> a, R, D = each_manifold_analysis_D1(np.array([[0.0], [1.0]]), 0, 2000)
    >>> bool(abs(a - 2) < 0.3), float(R), float(D)
    (True, 0.0, 0.0)
    """
    return _shared.analyse_one(sD1, kappa, n_t, eps, t_vec, 0.0)
