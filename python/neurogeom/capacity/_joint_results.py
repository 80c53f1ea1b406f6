"""What :func:`neurogeom.effective_geometry` returns, and its estimates from per-sample values."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.results import Result
from ._joint_cones import LEAST_FOR_ERRORS, root_sum_square


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EffectiveGeometry(Result):
    """Joint capacity and effective geometry of a set of manifolds; see :func:`effective_geometry`."""

    _headline: ClassVar[tuple[str, ...]] = (
        "n_manifolds",
        "n_separable",
        "capacity",
        "effective_radius",
        "effective_dimension",
        "center_alignment",
        "axis_alignment",
        "center_axis_alignment",
    )

    names: NDArray[Any]
    capacity: float
    capacity_se: float
    effective_dimension: float
    effective_dimension_se: float
    effective_radius: float
    effective_radius_se: float
    effective_radius_mean_ratio: float
    effective_radius_mean_ratio_se: float
    utility: float
    utility_se: float
    approximate_capacity: float
    approximate_capacity_se: float
    center_alignment: float
    center_alignment_se: float
    axis_alignment: float
    axis_alignment_se: float
    center_axis_alignment: float
    center_axis_alignment_se: float
    center_alignment_abs: float
    center_alignment_abs_se: float
    axis_alignment_abs: float
    axis_alignment_abs_se: float
    center_axis_alignment_abs: float
    center_axis_alignment_abs_se: float
    center_alignment_raw: float
    center_alignment_raw_se: float
    axis_alignment_raw: float
    axis_alignment_raw_se: float
    center_axis_alignment_raw: float
    center_axis_alignment_raw_se: float
    # Of 0.1.0 no result has these.
    own_center_axis_alignment: float = math.nan
    own_center_axis_alignment_se: float = math.nan
    own_center_axis_alignment_abs: float = math.nan
    own_center_axis_alignment_abs_se: float = math.nan
    own_center_axis_alignment_raw: float = math.nan
    own_center_axis_alignment_raw_se: float = math.nan
    center_alignment_matrix: FloatArray
    axis_alignment_matrix: FloatArray
    center_axis_alignment_matrix: FloatArray
    center_alignment_abs_matrix: FloatArray
    axis_alignment_abs_matrix: FloatArray
    center_axis_alignment_abs_matrix: FloatArray
    center_alignment_raw_matrix: FloatArray
    axis_alignment_raw_matrix: FloatArray
    center_axis_alignment_raw_matrix: FloatArray
    anchor_center_norm: FloatArray
    anchor_axis_norm: FloatArray
    active_fraction: FloatArray
    mean_anchor_weights: tuple[FloatArray, ...]
    n_points: NDArray[np.intp]
    n_features: int
    n_samples: int
    inactive: str
    centered: bool
    inseparable_fraction: float
    kkt_residual: float
    n_failed: int
    squared_projections: FloatArray
    inseparable: NDArray[np.bool_]
    status: NDArray[np.int8]
    dichotomies: NDArray[np.int8]

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.n_points)

    @property
    def n_separable(self) -> int:
        """Number of samples that all but the capacity rest on."""
        return int(np.count_nonzero((self.status == 0) & ~self.inseparable))

    @property
    def anchor_radius(self) -> FloatArray:
        """Root mean square length of each manifold's anchor axis, in units of its anchor centre's norm."""
        return np.asarray(self.anchor_axis_norm / self.anchor_center_norm)


# Rows of what the core gives per sample (joint_measures.hpp, Measure).
_B, _C, _RATIO, _AXIS, _CENTER_AXIS, _OWN, _CENTER = 0, 1, 2, 3, 6, 9, 12
_FORMS = ("", "_abs", "_raw")


def _influence(values: FloatArray, shift: FloatArray) -> FloatArray:
    """How each sample moves a mean over samples: by its own value, where it has one, and by way of S0."""
    own = ~np.isnan(values)
    if not own.any():
        return np.full(len(values), np.nan)
    moved: FloatArray = shift.copy()
    moved[own] += (values[own] - values[own].mean()) * (len(values) / int(own.sum()))
    return moved


def estimates_from(
    squared: FloatArray,
    anchors: dict[str, Any],
    used: NDArray[np.bool_],
    n_manifolds: int,
    corrected: bool,
) -> dict[str, Any]:
    """Effective geometry from the squared projections and what the core says of the used samples.

    `corrected`: alignments of centres without their bias of first order in 1 / n_samples. Errors are by the
    infinitesimal jackknife: influences of a function of means are its derivative times those of the means.
    """
    estimates: dict[str, Any] = {}
    values, shifts = anchors["values"][:, used], anchors["shifts"][:, used]
    n = int(used.sum())

    def put(name: str, value: float, influence: FloatArray) -> None:
        estimates[name] = float(value)
        enough = n >= LEAST_FOR_ERRORS
        estimates[f"{name}_se"] = root_sum_square(influence) / math.sqrt(n * (n - 1)) if enough else math.nan

    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c = (_mean(x) for x in (squared[used], values[_B], values[_C]))
        move_a = squared[used] - a
        move_b, move_c = (_influence(values[row], shifts[row]) for row in (_B, _C))
        radius = float(np.sqrt(np.divide(c, b - c)))
        put("effective_dimension", b / n_manifolds, move_b / n_manifolds)
        put("effective_radius", radius, 0.5 * radius * (move_c / c - (move_b - move_c) / (b - c)))
        put("utility", float(np.divide(c, a)), np.divide(c, a) * (move_c / c - move_a / a))
        put(
            "approximate_capacity",
            float(np.divide(n_manifolds, c)),
            np.divide(n_manifolds, c) * (-move_c / c),
        )
        ratio = np.where(np.isfinite(values[_RATIO]), values[_RATIO], np.nan)  # 0/0 where nothing is active
        root = float(np.sqrt(_mean(ratio)))
        put("effective_radius_mean_ratio", root, _influence(ratio, shifts[_RATIO]) / (2 * root))
    if n > 1 and b == 0 and c == 0:  # no anchor ever moves: the limit of clouds that shrink to points
        for name in ("effective_radius", "effective_radius_mean_ratio"):
            estimates |= {name: 0.0, f"{name}_se": 0.0}
    off = ~np.eye(n_manifolds, dtype=bool)
    for form, suffix in enumerate(_FORMS):
        centers, axes, both = (
            anchors[key][form]
            for key in (
                "center_corrected" if corrected else "center_matrix",
                "axis_matrix",
                "center_axis_matrix",
            )
        )
        move = shifts[_CENTER + form]
        put(f"center_alignment{suffix}", _mean(centers[off]), move - _mean(move))
        for kind, entries, first in (
            ("axis", axes[off], _AXIS),
            ("center_axis", both[off], _CENTER_AXIS),
            ("own_center_axis", both[~off], _OWN),
        ):
            row = first + form
            put(f"{kind}_alignment{suffix}", _mean(entries), _influence(values[row], shifts[row]))
        for kind, matrix in (("center", centers), ("axis", axes), ("center_axis", both)):
            estimates[f"{kind}_alignment{suffix}_matrix"] = matrix
    return estimates


def _mean(values: FloatArray) -> float:
    """Mean of those that are defined."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan
