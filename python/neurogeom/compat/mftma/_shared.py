"""What the two analyses share: reading the clouds, reducing them, the anchor statistics."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg import lapack

from ... import project_cone
from ..._base import checks as _validate
from ..._base.checks import AnyArray, FloatArray
from ..._base.coordinates import ZERO_LENGTH
from ..._base.results import ConvergenceWarning

Statistics: TypeAlias = tuple[np.float64, np.float64, np.float64]

_NAN: np.float64 = np.float64(np.nan)


@dataclasses.dataclass(frozen=True)
class Clouds:
    """The manifolds as given (features x points) with the means that both analyses need."""

    blocks: list[AnyArray]
    centers: FloatArray  # (N, P)
    mean: FloatArray  # (N,), over all points
    scale: float  # root mean square norm of the points of the largest cloud


def read_clouds(XtotT: Any, name: str = "XtotT") -> Clouds:
    """Check the manifolds and take their means; no block is kept as a copy."""
    if isinstance(XtotT, (str, bytes, dict)) or not isinstance(XtotT, Iterable):
        raise TypeError(
            f"{name} must be a sequence of (N, M_i) arrays or a (P, N, M) array, not {type(XtotT).__name__}"
        )
    shape = getattr(XtotT, "shape", (0, 0, 0))
    if len(shape) != 3:
        raise ValueError(f"{name} given as one array must have shape (P, N, M), not {tuple(shape)}")
    blocks = [_validate.as_matrix(block, f"{name}[{i}]") for i, block in enumerate(XtotT)]
    if not blocks:
        raise ValueError(f"{name} is empty")
    heights = sorted({len(block) for block in blocks})
    if len(heights) > 1:
        raise ValueError(f"{name}[i] must agree in the number of features (rows), not have {heights}")
    centers = np.empty((heights[0], len(blocks)))
    scale = 0.0
    for i, block in enumerate(blocks):
        _validate.require_finite(block, f"{name}[{i}]")
        data = np.asarray(block, dtype=np.float64)
        _validate.require_magnitude(max(float(data.max()), -float(data.min())), f"{name}[{i}]")
        centers[:, i] = data.mean(axis=1)
        scale = max(scale, float(np.linalg.norm(data)) / np.sqrt(data.shape[1]))
    sizes = np.array([block.shape[1] for block in blocks], dtype=np.float64)
    return Clouds(blocks, centers, centers @ (sizes / sizes.sum()), scale)


def lifted_cloud(clouds: Clouds, i: int, removed: FloatArray | None) -> tuple[FloatArray, bool]:
    """Return cloud i in units of its centre norm, with a row of ones below, and whether it has a centre.

    `removed` (N, K), orthonormal, spans the directions that are removed first. Without a centre
    the points are not divided: only their shape is used then.
    """
    center = clouds.centers[:, i]
    cloud = np.subtract(clouds.blocks[i], center[:, np.newaxis], dtype=np.float64, order="F")
    offset = center - clouds.mean
    if removed is not None:
        cloud -= removed @ (removed.T @ cloud)
        offset -= removed @ (removed.T @ offset)
    n_features, n_points = cloud.shape
    if n_features > n_points:
        # The original multiplies by the thin Q of a QR; Q^T S is R. The factorisation uses the same
        # LAPACK routine, so that given t vectors refer to the same basis, including signs.
        work, _ = lapack.dgeqrf_lwork(n_features, n_points)
        factored, _, _, _ = lapack.dgeqrf(cloud, lwork=int(work), overwrite_a=True)
        cloud = np.triu(factored[:n_points])
    norm = float(np.linalg.norm(offset))
    has_center = norm > ZERO_LENGTH * clouds.scale
    lifted = np.ones((len(cloud) + 1, n_points))
    np.divide(cloud, norm if has_center else 1.0, out=lifted[:-1])
    return lifted, has_center


def support_points(t_vec: FloatArray, sD1: FloatArray, center: float) -> tuple[FloatArray, FloatArray]:
    """Return the point farthest along each t (first index at ties) and its projection on t."""
    farthest = np.argmax(sD1[:-1].T @ t_vec[:-1], axis=0)
    points = sD1[:, farthest]
    points[-1] = center
    return points, np.einsum("ij,ij->j", t_vec, points)


def read_targets(t_vec: Any, name: str, n_rows: int, n_t: int) -> FloatArray:
    """Check the t vectors of one manifold; without any, draw them as the original does."""
    if t_vec is None:
        return np.random.randn(n_rows, n_t)
    array = _validate.as_float_matrix(t_vec, name)
    if array.shape != (n_rows, n_t):
        raise ValueError(
            f"{name} must have shape (reduced dimension + 1, n_t) = {(n_rows, n_t)}, not {array.shape}"
        )
    return array


def anchor_statistics(
    sD1: FloatArray, t_vec: FloatArray, kappa: float, eps: float, ridge: float
) -> tuple[Statistics, int]:
    """Capacity, radius and dimension of one lifted cloud, and how many projections failed."""
    anchors, largest = support_points(t_vec, sD1, 1.0)
    # All other t already satisfy the constraints: v = t, and the anchor is the support point.
    active = np.flatnonzero(largest + kappa >= 0)
    if active.size:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the caller warns with a better text
            found = project_cone(sD1.T, t_vec[:, active].T, kappa)
        n_failed = int(np.count_nonzero(found.status))
        if n_failed:
            return (_NAN, _NAN, _NAN), n_failed
        moved = np.linalg.norm(found.projection, axis=1) >= eps
        total = found.weights[moved].sum(axis=1, keepdims=True)
        anchors[:, active[moved]] = (found.projection[moved] / total).T

    # PRX 8, 031003 (2018), eqs. 16 and 17.
    reach = np.maximum(np.einsum("ij,ij->j", t_vec, anchors) + kappa, 0.0)
    squares = np.einsum("ij,ij->j", anchors, anchors)
    cost = np.mean(_ratio(np.square(reach), squares))
    capacity = np.float64(np.inf if cost == 0 else 1 / cost)
    # eq. 28
    spread = (anchors - anchors.mean(axis=1, keepdims=True))[:-1] / anchors[-1]
    radius = np.float64(np.sqrt(np.mean(np.einsum("ij,ij->j", spread, spread))))
    # eq. 29, in the form of the original: the square of the mean, not the mean of the square
    t, s = t_vec[:-1], anchors[:-1]
    lengths = np.sqrt(np.einsum("ij,ij->j", t, t) * (np.einsum("ij,ij->j", s, s) + ridge))
    overlap = np.mean(_ratio(np.einsum("ij,ij->j", t, s), lengths))
    dimension = np.float64(len(s) * np.square(overlap))
    return (capacity, radius, dimension), 0


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def analyse_one(sD1: Any, kappa: float, n_t: int, eps: float, t_vec: Any, ridge: float) -> Statistics:
    """Body of both ``each_manifold_analysis_D1``."""
    points = _validate.as_float_matrix(sD1, "sD1")
    kappa = _validate.as_margin(kappa, "kappa")
    n_t = _validate.as_count(n_t, "n_t")
    targets = read_targets(t_vec, "t_vec", len(points), n_t)
    values, n_failed = anchor_statistics(points, targets, kappa, eps, ridge)
    if n_failed:
        warnings.warn(
            f"{n_failed} of {n_t} projections failed; capacity, radius and dimension are NaN",
            ConvergenceWarning,
            stacklevel=3,
        )
    return values


def analyse_all(
    clouds: Clouds,
    kappa: float,
    n_t: int,
    t_vecs: Sequence[Any] | None,
    removed: FloatArray | None,
    ridge: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Analyse cloud by cloud; those that cannot be analysed are NaN and named in a warning."""
    if t_vecs is not None and len(t_vecs) != len(clouds.blocks):
        raise ValueError(
            f"t_vecs must hold one array for each of the {len(clouds.blocks)} manifolds, not {len(t_vecs)}"
        )
    table = np.full((3, len(clouds.blocks)), np.nan)
    without_center, failed = [], []
    for i in range(len(clouds.blocks)):
        sD1, has_center = lifted_cloud(clouds, i, removed)
        given = None if t_vecs is None else t_vecs[i]
        targets = read_targets(given, f"t_vecs[{i}]", len(sD1), n_t)
        if not has_center:
            without_center.append(i)
            continue
        table[:, i], n_failed = anchor_statistics(sD1, targets, kappa, 1e-8, ridge)
        if n_failed:
            failed.append(i)
    _warn_of(without_center, "the centre, whose norm is the unit of radius, is the global mean")
    _warn_of(failed, "projections did not converge")
    return table[0], table[1], table[2]


def _warn_of(indices: list[int], reason: str) -> None:
    if indices:
        names = ", ".join(f"XtotT[{i}]" for i in indices[:10])
        more = f" and {len(indices) - 10} more" if len(indices) > 10 else ""
        warnings.warn(
            f"{names}{more}: {reason}; capacity, radius and dimension are NaN there",
            ConvergenceWarning,
            stacklevel=4,
        )
