"""What :func:`neurogeom.effective_geometry` returns, and its estimates from per-sample values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ._joint import jackknife, mean_and_error, means_without_one
from ._results import Result
from ._validate import FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EffectiveGeometry(Result):
    """Joint capacity and effective geometry of a set of manifolds; see :func:`effective_geometry`."""

    _headline: ClassVar[tuple[str, ...]] = (
        "n_manifolds",
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
    def anchor_radius(self) -> FloatArray:
        """Root mean square length of each manifold's anchor axis, in units of its anchor centre's norm."""
        return np.asarray(self.anchor_axis_norm / self.anchor_center_norm)


def ratio_estimates(a: FloatArray, b: FloatArray, c: FloatArray, n_manifolds: int) -> dict[str, Any]:
    """Dimension, radii, utility and approximate capacity with jackknife errors; one entry a sample."""

    def radius(means: list[FloatArray]) -> FloatArray:
        return np.sqrt(means[2] / (means[1] - means[2]))

    def approximate(means: list[FloatArray]) -> FloatArray:
        return (1 + 1 / radius(means) ** 2) * n_manifolds / means[1]

    measures: dict[str, Callable[[list[FloatArray]], FloatArray]] = {
        "effective_dimension": lambda means: means[1] / n_manifolds,
        "effective_radius": radius,
        "effective_radius_mean_ratio": lambda means: np.sqrt(means[0]),
        "utility": lambda means: means[2] / means[0],
        "approximate_capacity": approximate,
    }
    estimates: dict[str, Any] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = c / (b - c)
        ratio = ratio[~np.isnan(ratio)]  # 0 / 0 in samples without any active manifold
        for name, measure in measures.items():
            columns = [ratio] if name == "effective_radius_mean_ratio" else [a, b, c]
            if len(columns[0]) == 0:
                estimates |= {name: math.nan, f"{name}_se": math.nan}
                continue
            value = measure([np.asarray(column.mean()) for column in columns])
            estimates[name] = float(value)
            estimates[f"{name}_se"] = math.nan
            if len(columns[0]) > 1:
                estimates[f"{name}_se"] = jackknife(
                    measure([means_without_one(column) for column in columns])
                )
    return estimates


def alignment_estimates(anchors: dict[str, Any], used: NDArray[np.bool_]) -> dict[str, Any]:
    """Alignments of all three forms: means over pairs and samples, errors, and matrices."""
    estimates: dict[str, Any] = {}
    several = len(anchors["centers"]) > 1 and bool(used.any())
    for form, suffix in enumerate(("", "_abs", "_raw")):
        name = f"center_alignment{suffix}"
        estimates[name] = float(anchors["center_mean"][form]) if several else math.nan
        estimates[f"{name}_se"] = jackknife(anchors["center_without"][form][used]) if several else math.nan
        estimates[f"{name}_matrix"] = anchors["center_matrix"][form]
        for kind in ("axis", "center_axis"):
            name = f"{kind}_alignment{suffix}"
            estimates[name], estimates[f"{name}_se"] = mean_and_error(anchors[kind][form])
            estimates[f"{name}_matrix"] = anchors[f"{kind}_matrix"][form]
    return estimates
