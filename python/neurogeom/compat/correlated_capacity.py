"""Stands in for ``capacity.replica_correlations`` of Wakhloo, Sussman and Chung's ``correlated_capacity``."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg

from .._base import checks as _validate
from .._base import threads as _threads
from .._base.checks import FloatArray
from .._base.results import ConvergenceWarning
from ..capacity.joint_cones import JointCones, JointProjections
from ..clouds.dichotomies import Signs
from .mftma._shared import read_clouds

_PARTS = ("cent_cent", "ax_ax", "cent_ax", "individual_contribs")  # in the order of the core's enum Part


def manifold_analysis_corr(
    XtotT: Any, kappa: float, n_t: int
) -> tuple[float, list[float], list[int], dict[str, Any], FloatArray | list[FloatArray]]:
    """Capacity of correlated manifolds: nothing is centred, labels are independent and fair.

    Same as the original: arguments, the return values and their order, the axes (thin QR of the points
    relative to their centre, then the centre), the order in which ``numpy.random`` is used (first the normal
    coordinates (P, D + 1, n_t), then the labels (n_t, P)), and so, on one machine, the values for a given
    ``numpy.random.seed``, as long as there are more features than axes, N > P (D + 1). (Points relative to
    their centre have rank M - 1: the last axis of each manifold is determined by rounding, and the
    coordinates that a draw has depend on it.)

    Different: with N <= P (D + 1) the original adds 1e-3 to the diagonal of the axes' covariance, in the
    units of the data, and draws P (D + 1) numbers per sample; here the value is exact, from N numbers per
    sample, so that it agrees with the original in distribution, up to the effect of that 1e-3. Numbers of
    points may differ between manifolds (lists then replace stacked arrays), and fewer features than points
    are not an error. Statistics of a sample are NaN where they are not unique, because no hyperplane
    separates that dichotomy. If a sample fails, or no v has the margin, its exit is 0 and the capacity is NaN
    with a ``ConvergenceWarning``; the same holds for points that are all zero (the original uses whatever its
    solver returns, and reports exit 0 for some good samples too). Nothing is printed.
    :func:`neurogeom.correlated_capacity` also has standard errors.

    Parameters
    ----------
    XtotT : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    kappa : float
        Margin, not negative, in the units of the data.
    n_t : int
        Number of samples: Gaussian vectors, each with its own labeling.

    Returns
    -------
    alpha : float
        Capacity, P / mean(norms).
    norms : list of float
        ||v - t||^2 of each sample.
    exits : list of int
        1 where the sample was solved, else 0.
    stats : dict
        For each sample ``cent_cent``, ``ax_ax``, ``cent_ax`` and ``individual_contribs``, whose sum is
        ``cap_hat`` = ||v - t||^2; ``ylamS`` (n_t, P, D + 1), the sums of points, weighted by multipliers and
        labels, in the coordinates along axes and centre; ``labels`` (n_t, P); and ``v``, the solutions: in
        the basis of a QR decomposition of all axes (n_t, P (D + 1)), or with N <= P (D + 1) in the features
        (n_t, N).
    axes : (P, N, D + 1) array
        Axes of each manifold, the centre last; D = min(N, M).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Notes
    -----
    Verified against the public code of the original (github.com/awakhloo/correlated_capacity, file
    capacity/replica_correlations.py), run with cvxopt on seeded data with N > P (D + 1), for kappa = 0 and
    above: capacities and norms agree to 1e-10, all other values to 1e-8. As there, and unlike in the paper,
    the constraints are y x.v <= -kappa, which is the same in law. Not verified: its branch for
    N <= P (D + 1), from which this differs on purpose.

    References
    ----------
    Wakhloo, Sussman, Chung, Phys. Rev. Lett. 131, 027301 (2023).

    Examples
    --------
    >>> np.random.seed(0)
    >>> X = [np.random.randn(60, 1) + 0.4 * np.random.randn(60, 5) for _ in range(6)]
    >>> alpha, norms, exits, stats, axes = manifold_analysis_corr(X, 0, 50)
    >>> bool(abs(alpha - 6 / np.mean(norms)) < 1e-12), sum(exits), axes.shape
    (True, 50, (6, 60, 6))
    >>> parts = sum(stats[name] for name in ("cent_cent", "ax_ax", "cent_ax", "individual_contribs"))
    >>> bool(np.allclose(parts, norms))
    True
    """
    margin = _validate.as_margin(kappa, "kappa")
    n_samples = _validate.as_count(n_t, "n_t")
    with _threads.single_threaded_blas():
        clouds = read_clouds(XtotT)
        blocks = [np.asarray(block, dtype=np.float64) for block in clouds.blocks]
        axes, coordinates = zip(*map(_axes_of, blocks, clouds.centers.T), strict=True)
        points, draws = _points_and_draws(blocks, axes, coordinates, n_samples)
        labels: Signs = np.random.choice([-1, 1], size=(n_samples, len(blocks))).astype(np.int8)
        sizes = [block.shape[1] for block in blocks]
        # Like the solver, the code of the original (not its paper) has y x.v <= -kappa.
        cones = JointCones(points, [0, *map(int, np.cumsum(sizes))], draws, labels)
        n_threads = _threads.resolve_threads(None)
        found = cones.project(margin, n_threads, None)
        stats: dict[str, Any] = dict(zip(_PARTS, found.parts(n_threads), strict=True))
        weights = -found.weights(len(points)).toarray() * np.repeat(labels, sizes, axis=1)
        moved = weights @ points
    _warn(found, margin)
    weights[~found.has_anchors] = np.nan
    parts = np.split(weights, np.cumsum(sizes)[:-1], axis=1)
    stats |= {
        "cap_hat": found.squared.copy(),
        "ylamS": _stacked([own @ s.T for own, s in zip(parts, coordinates, strict=True)], 1),
        "labels": labels.astype(np.intp),
        "v": draws + moved,
    }
    cost = math.nan if found.status.any() else float(found.squared.mean()) / len(blocks)
    alpha = 1 / cost if cost else math.nan
    exits = [int(status == 0) for status in found.status]
    return alpha, found.squared.tolist(), exits, stats, _stacked(axes, 0)


def _axes_of(cloud: FloatArray, center: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Orthonormal axes of a cloud and its centre (N, D + 1), and the points in them (D + 1, M)."""
    offsets = cloud - center[:, np.newaxis]
    basis = scipy.linalg.qr(offsets, mode="economic")[0]
    points = np.concatenate([basis.T @ offsets, np.ones((1, cloud.shape[1]))])
    return np.concatenate([basis, center[:, np.newaxis]], axis=1), points


def _points_and_draws(
    blocks: Sequence[FloatArray],
    axes: Sequence[FloatArray],
    coordinates: Sequence[FloatArray],
    n_samples: int,
) -> tuple[FloatArray, FloatArray]:
    """Points as rows and standard normal vectors, in a basis of all axes if that is the smaller space."""
    n_features, n_axes = len(blocks[0]), sum(own.shape[1] for own in axes)
    if n_features <= n_axes:
        points = np.ascontiguousarray(np.concatenate(blocks, axis=1).T)
        return points, np.ascontiguousarray(np.random.randn(n_features, n_samples).T)
    triangle = scipy.linalg.qr(np.concatenate(axes, axis=1), mode="economic")[1]
    starts = np.cumsum([own.shape[1] for own in axes])[:-1]
    factors = np.split(triangle, starts, axis=1)
    points = np.concatenate([s.T @ own.T for s, own in zip(coordinates, factors, strict=True)])
    return points, np.ascontiguousarray(np.random.randn(n_axes, n_samples).T)


def _warn(found: JointProjections, margin: float) -> None:
    found.warn("the capacity is")
    infeasible = int(np.count_nonzero(found.status == 2))
    if infeasible:
        warnings.warn(
            f"no v has margin {margin:g} for {infeasible} of the {len(found.status)} samples: the capacity "
            "is NaN",
            ConvergenceWarning,
            stacklevel=3,
        )


def _stacked(arrays: Sequence[FloatArray], axis: int) -> FloatArray | list[FloatArray]:
    """One array where all have the same shape, else a list."""
    same = len({array.shape for array in arrays}) == 1
    return np.stack(arrays, axis=axis) if same else list(arrays)
