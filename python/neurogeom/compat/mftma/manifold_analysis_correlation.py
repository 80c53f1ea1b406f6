"""Stands in for ``mftma.manifold_analysis_correlation``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg

from ... import project_cone
from ..._base import checks as _validate
from ..._base import threads as _threads
from ..._base.checks import FloatArray
from ..._base.coordinates import ZERO_LENGTH, ZERO_SQUARE
from ...capacity import center_correlations
from . import _shared

# Added to the squared norm of an anchor by the original: the dimension of a point is 0, not 0/0.
_RIDGE = 1e-12


def manifold_analysis_corr(
    XtotT: Any,
    kappa: float,
    n_t: int,
    t_vecs: Sequence[Any] | None = None,
    n_reps: int = 10,
) -> tuple[FloatArray, FloatArray, FloatArray, np.float64, int]:
    """Analyse manifolds after removing the low-rank structure of their centres.

    Same as the original: arguments, order of the return values, the formulas (capacity, radius and
    dimension from anchor points; the peculiar square-of-the-mean dimension), the choice of the
    rank and of the restart, and, given `t_vecs` and the directions removed, the values.
    ``numpy.random.seed`` is honoured: the normal vectors of the restarts are drawn first, then
    those of one manifold after another.

    Different: the restarts really start from the drawn vectors (the original draws them and then
    lets its optimiser start elsewhere, which takes further numbers from the global generator), so
    that the streams differ after the search: values without `t_vecs` agree as two seeds of the
    original do. Two or three manifolds work (the original fails an assertion): the rank is at most
    P - 2, and the last direction of the centres is never removed; for two manifolds, or centres on
    one line, nothing is removed and K = 0. A manifold whose centre vanishes is NaN with a
    ``ConvergenceWarning`` (the original returns radii of 1e11), and so is everything for a single
    manifold. A negative `kappa`, NaN and infinity are errors. No array of N x N is formed.

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
    n_reps : int
        Restarts of the search at each rank.

    Returns
    -------
    a_Mfull_vec, R_M_vec, D_M_vec : (P,) arrays
        Capacity, radius and dimension of each manifold. The capacity of the population is
        ``1 / mean(1 / a_Mfull_vec)``; for the others it is the mean.
    res_coeff0 : float
        Mean absolute cosine between the centres (less their mean) before the removal.
    KK : int
        Number of directions removed.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    References
    ----------
    Chung, Lee, Sompolinsky, Phys. Rev. X 8, 031003 (2018).
    Cohen, Chung, Lee, Sompolinsky, Nat. Commun. 11, 746 (2020).

    Examples
    --------
    >>> np.random.seed(0)
    >>> X = [np.random.randn(60, 8) + np.random.randn(60, 1) for _ in range(12)]
    >>> capacity, radius, dimension, correlation, K = manifold_analysis_corr(X, 0, 100, n_reps=1)
    >>> capacity.shape, bool(0 < correlation < 1), K >= 1
    ((12,), True, True)
    """
    kappa = _validate.as_margin(kappa, "kappa")
    n_t = _validate.as_count(n_t, "n_t")
    n_reps = _validate.as_count(n_reps, "n_reps")
    with _threads.single_threaded_blas():
        clouds = _shared.read_clouds(XtotT)
        search = _Search(clouds.centers, clouds.scale)
        records = search.run(search.sensible_rank(), n_reps)
        residual = [record.correlation for record in records]
        best = int(np.argmin(np.nan_to_num(residual, nan=np.inf))) if records else -1
        removed = search.basis @ records[best].basis if records else None
        values = _shared.analyse_all(clouds, kappa, n_t, t_vecs, removed, _RIDGE)
    return *values, search.correlation, best + 1


def each_manifold_analysis_D1(
    sD1: Any, kappa: float, n_t: int, eps: float = 1e-8, t_vec: Any = None
) -> _shared.Statistics:
    """Return capacity, radius and dimension of one lifted manifold (D+1 x m, ones in the last row).

    Values as in the original, given `t_vec` (D+1 x n_t); without it, they are drawn from
    ``numpy.random``. The projections come from an exact active-set solver instead of an interior-point
    one. If one fails, the result is NaN with a ``ConvergenceWarning``; `kappa` < 0 is an error; a t
    that is zero in all coordinates but the last contributes 0 to the dimension.

    Examples
    --------
    >>> np.random.seed(0)
    >>> a, R, D = each_manifold_analysis_D1(np.array([[2.0, -2.0], [1.0, 1.0]]), 0, 2000)
    >>> bool(abs(a - 1 / (0.5 + 2 / np.pi * np.arctan(2))) < 0.1)
    True
    """
    return _shared.analyse_one(sD1, kappa, n_t, eps, t_vec, _RIDGE)


def maxproj(t_vec: Any, sD1: Any, sc: float = 1) -> tuple[FloatArray, FloatArray]:
    """Find the point of a manifold farthest along each t.

    As in the original, the last coordinate does not affect the choice, is set to `sc` in the points
    returned (D+1 x n_t) and counts in the projections (n_t,); of equal points, the first is taken.

    Examples
    --------
    >>> points, projections = maxproj([[1.0], [0.5]], [[2.0, -2.0], [1.0, 1.0]])
    >>> points.ravel(), projections
    (array([2., 1.]), array([2.5]))
    """
    targets = _validate.as_float_matrix(t_vec, "t_vec")
    points = _validate.as_float_matrix(sD1, "sD1")
    _require_rows(targets, len(points), "t_vec")
    return _shared.support_points(targets, points, _validate.as_number(sc, "sc"))


def minimize_vt_sq(t: Any, sD1: Any, kappa: float = 0) -> tuple[FloatArray, float, int, FloatArray, float]:
    """Minimise ||v - t||^2 subject to sD1^T v <= -kappa.

    Same as the original, to about 1e-10 (its solver stops there, often with status "unknown").

    Parameters
    ----------
    t : (D+1, 1) array
    sD1 : (D+1, m) array
    kappa : float

    Returns
    -------
    v_f : (D+1, 1) array
    vt_f : float
        0.5 ||v||^2 - t.v
    exitflag : int
        1 if solved, else 0 (do not use the numbers then).
    alphar : (m, 1) array
        Multipliers; t - v is sD1 @ alphar.
    normvt2 : float
        ||v - t||^2

    Examples
    --------
    >>> v, objective, solved, multipliers, distance = minimize_vt_sq([[1.0], [1.0]], [[0.0], [1.0]])
    >>> v.ravel(), objective, solved, multipliers.ravel(), distance
    (array([1., 0.]), -0.5, 1, array([1.]), 1.0)
    """
    points = _validate.as_float_matrix(sD1, "sD1")
    target = _validate.as_float_matrix(t, "t")
    _require_rows(target, len(points), "t")
    if target.shape[1] != 1:
        raise ValueError(f"t must be one column, not have shape {target.shape}")
    found = project_cone(points.T, target.T, _validate.as_margin(kappa, "kappa"))
    removed = found.projection[0]
    v = target[:, 0] - removed
    objective = float(0.5 * (v @ v) - target[:, 0] @ v)
    solved = int(found.status[0] == 0)
    return v[:, np.newaxis], objective, solved, found.weights.T.copy(), float(removed @ removed)


def fun_FA(
    centers: Any,
    maxK: int,
    max_iter: int,
    n_repeats: int,
    s_all: Sequence[Any] | None = None,
    verbose: bool = False,
    conjugate_gradient: bool = True,
) -> tuple[list[FloatArray], list[np.float64], FloatArray, list[FloatArray], list[float], np.float64]:
    """Find the low-rank structure of manifold centres, rank by rank.

    Same as the original: the cost, the restart kept (the most stable, not the cheapest), the
    early stop and the return values. Different: `s_all` and `max_iter` have an effect (in the
    original, the optimiser never gets its starting point or its options); where `s_all` is too short,
    vectors are drawn. `maxK` is capped at P - 2 and below the rank of the centres, beyond which the
    residual is rounding noise: the lists may be shorter, and for P <= 2 empty. A centre that is zero
    to rounding has no direction and is left out. `conjugate_gradient` is ignored, as in the original.

    Parameters
    ----------
    centers : (N, P) array
    maxK : int
        Largest rank.
    max_iter : int
        Iterations of one descent.
    n_repeats : int
        Restarts at each rank.
    s_all : sequence of (P, 1) arrays, optional
        Normal vectors to start from; restart j of rank i uses number i * j - 1.
    verbose : bool
        Print the residual correlation of each rank.

    Returns
    -------
    norm_coeff : list of (P,) arrays
        Norm of each centre after the removal, relative to before.
    norm_coeff_vec : list of float
        Their means.
    Proj : (N, P - 1) array
        Orthonormal basis of the centres (N x N if N < P - 1).
    V1_mat : list of (P - 1, K) arrays
        The directions to remove, in that basis.
    res_coeff : list of float
        Mean absolute cosine between the residual centres.
    res_coeff0 : float
        The same before the removal.

    Examples
    --------
    >>> np.random.seed(0)
    >>> shared = np.random.randn(30, 1) @ np.random.randn(1, 12)
    >>> found = fun_FA(np.random.randn(30, 12) + 5 * shared, 10, 1000, 1)
    >>> bool(found[4][0] < 0.5 * found[5])
    True
    """
    matrix = _validate.as_float_matrix(centers, "centers")
    maxK = _validate.as_count(maxK, "maxK")
    max_iter = _validate.as_count(max_iter, "max_iter")
    n_repeats = _validate.as_count(n_repeats, "n_repeats")
    with _threads.single_threaded_blas():
        scale = float(np.linalg.norm(matrix)) / np.sqrt(matrix.shape[1])
        search = _Search(matrix, scale)
        records = search.run(maxK, n_repeats, max_iter, s_all)
        kept = [search.norms_after(record.basis) for record in records]
    if verbose:
        for rank, record in enumerate(records, 1):
            print("K=", rank, "mean=", record.correlation)
    bases: list[FloatArray] = [np.array(record.basis) for record in records]
    correlations = [float(record.correlation) for record in records]
    means = [np.float64(norms.mean()) for norms in kept]
    return kept, means, search.basis, bases, correlations, search.correlation


class _Search:
    """Centres (N, P) less their mean, in an orthonormal basis of their span, and the search."""

    def __init__(self, centers: FloatArray, scale: float) -> None:
        deviations = centers - centers.mean(axis=1, keepdims=True)
        self.n_centers = centers.shape[1]
        # The last column is minus the sum of the others: P - 1 directions are enough.
        q = scipy.linalg.qr(deviations, mode="economic")[0]
        self.basis: FloatArray = q[:, : self.n_centers - 1]
        self.rows: FloatArray = deviations.T @ self.basis
        self.norms: FloatArray = np.linalg.norm(self.rows, axis=1)
        self.present = self.norms > ZERO_LENGTH * scale
        self.correlation = np.float64(np.nan)
        if np.count_nonzero(self.present) > 1:
            rows = self.rows[self.present]
            self.correlation = np.float64(center_correlations.mean_abs_correlation(rows))
        self.spectrum: FloatArray = np.zeros(0)
        if self.present.any():
            self.spectrum = np.linalg.eigvalsh(self.rows.T @ self.rows)[::-1]

    def sensible_rank(self) -> int:
        """Return the largest rank to try: the components below 95 % of the variance plus ten."""
        if not self.present.any():
            return 1
        explained = np.cumsum(self.spectrum) / np.sum(self.spectrum)
        return max(int(np.count_nonzero(explained < 0.95)) - 1, 0) + 11

    def run(self, max_rank: int, n_restarts: int, max_iter: int = 20000, s_all: Any = None) -> list[Any]:
        """Search ranks 1, 2, ...; empty if there is nothing that could be removed."""
        floor = ZERO_SQUARE * self.spectrum[0] if self.present.any() else 0.0
        rank = int(np.count_nonzero(self.spectrum > floor))
        max_rank = min(max_rank, int(np.count_nonzero(self.present)) - 2, rank - 1)
        if max_rank < 1:
            return []

        def start_normals(rank: int, restart: int) -> FloatArray:
            number = rank * (restart + 1) - 1
            if s_all is not None and number < len(s_all):
                given = _validate.as_float_vector(np.ravel(s_all[number]), f"s_all[{number}]")
                if len(given) != self.n_centers:
                    raise ValueError(
                        f"s_all[{number}] must hold one number for each of the {self.n_centers} "
                        f"centres, not {len(given)}"
                    )
                normals = given
            else:
                normals = np.random.randn(self.n_centers)
            chosen: FloatArray = normals[self.present]
            return chosen

        return list(
            center_correlations.search_as_original(
                self.rows[self.present],
                max_rank,
                start_normals,
                n_restarts,
                max_iterations=max_iter,
            )
        )

    def norms_after(self, directions: FloatArray) -> FloatArray:
        """Norms of the centres after removing some directions, relative to before (NaN for 0/0)."""
        after = np.linalg.norm(self.rows - self.rows @ directions @ directions.T, axis=1)
        result: FloatArray = np.full(self.n_centers, np.nan)
        np.divide(after, self.norms, out=result, where=self.present)
        return result


def _require_rows(array: FloatArray, n_rows: int, name: str) -> None:
    if len(array) != n_rows:
        raise ValueError(f"{name} must have as many rows as sD1, {n_rows}, not shape {array.shape}")
