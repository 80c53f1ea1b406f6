"""Effective geometry, with errors, from what the core returns for each sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.estimates import mean_of_defined, root_sum_square
from .joint_cones import LEAST_FOR_ERRORS

# Rows of what the core returns per sample (joint_measures.hpp, Measure).
_B, _C, _RATIO, _AXIS, _CENTER_AXIS, _OWN, _CENTER = 0, 1, 2, 3, 6, 9, 12
_FORMS = ("", "_abs", "_raw")


def _influence(values: FloatArray, shift: FloatArray) -> FloatArray:
    """How each sample moves a mean over samples: by its own value, where it has one, and through S0."""
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
    """Effective geometry from the squared projections and what the core returns for the used samples.

    With `corrected`, the first-order bias in 1 / n_samples is removed from alignments of centres. Errors come
    from the infinitesimal jackknife: the influences on a function of means are its derivative times the
    influences on the means.
    """
    estimates: dict[str, Any] = {}
    values, shifts = anchors["values"][:, used], anchors["shifts"][:, used]
    n = int(used.sum())

    def put(name: str, value: float, influence: FloatArray) -> None:
        estimates[name] = float(value)
        enough = n >= LEAST_FOR_ERRORS
        estimates[f"{name}_se"] = root_sum_square(influence) / math.sqrt(n * (n - 1)) if enough else math.nan

    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c = (mean_of_defined(x) for x in (squared[used], values[_B], values[_C]))
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
        root = float(np.sqrt(mean_of_defined(ratio)))
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
        put(f"center_alignment{suffix}", mean_of_defined(centers[off]), move - mean_of_defined(move))
        for kind, entries, first in (
            ("axis", axes[off], _AXIS),
            ("center_axis", both[off], _CENTER_AXIS),
            ("own_center_axis", both[~off], _OWN),
        ):
            row = first + form
            put(f"{kind}_alignment{suffix}", mean_of_defined(entries), _influence(values[row], shifts[row]))
        for kind, matrix in (("center", centers), ("axis", axes), ("center_axis", both)):
            estimates[f"{kind}_alignment{suffix}_matrix"] = matrix
    return estimates
