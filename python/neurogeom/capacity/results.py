"""What :func:`neurogeom.manifold_capacity` returns, and how population values follow from single ones."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.results import Result


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NullCapacity(Result):
    """Population values of label-shuffled data, one entry a shuffle."""

    _headline: ClassVar[tuple[str, ...]] = ("n_shuffles",)

    mean_capacity: FloatArray
    mean_radius: FloatArray
    mean_dimension: FloatArray
    center_correlation: FloatArray

    @property
    def n_shuffles(self) -> int:
        """Number of shuffles."""
        return len(self.mean_capacity)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ManifoldCapacity(Result):
    """Mean-field capacity and geometry of a set of manifolds; see :func:`manifold_capacity`."""

    _headline: ClassVar[tuple[str, ...]] = (
        "n_manifolds",
        "mean_capacity",
        "mean_radius",
        "mean_dimension",
        "center_correlation",
        "rank_removed",
    )

    names: NDArray[Any]
    capacity: FloatArray
    capacity_se: FloatArray
    radius: FloatArray
    radius_se: FloatArray
    dimension: FloatArray
    dimension_se: FloatArray
    dimension_prx: FloatArray
    dimension_prx_se: FloatArray
    radius_uncentered: FloatArray
    radius_uncentered_se: FloatArray
    mean_capacity: float
    mean_capacity_se: float
    mean_capacity_se_manifolds: float
    mean_radius: float
    mean_radius_se: float
    mean_radius_se_manifolds: float
    mean_dimension: float
    mean_dimension_se: float
    mean_dimension_se_manifolds: float
    center_correlation: float
    residual_center_correlation: float
    rank_removed: int
    n_points: NDArray[np.intp]
    n_features: int
    reduced_dimension: NDArray[np.intp]
    center_norm: FloatArray
    margin: float
    n_samples: int
    kkt_residual: FloatArray
    interior_fraction: FloatArray
    status: NDArray[np.int8]
    null: NullCapacity | None
    squared_projections: FloatArray | None
    anchor_weights: tuple[FloatArray, ...] | None
    # Results saved by 0.1.0 have none of these.
    rank_profile: FloatArray = dataclasses.field(default_factory=lambda: np.zeros(0))
    search_found: int = 0
    search_starts: int = 0

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.capacity)


def population_result(
    summaries: FloatArray, shared_squares: FloatArray | None, **fields: Any
) -> ManifoldCapacity:
    """Population values from per-manifold ones.

    `shared_squares` are the squared projections (P, n_samples) where one set of draws served all manifolds.
    """
    capacity, capacity_se = summaries[:, 0], summaries[:, 1]
    inverse, inverse_se = 1 / capacity, capacity_se / capacity**2
    n = len(summaries)

    def mean(values: FloatArray, errors: FloatArray) -> tuple[float, float, float]:
        over_manifolds = values.std(ddof=1) / math.sqrt(n)
        independent = np.sqrt((errors**2).sum()) / n
        over_draws = independent if shared_squares is None else errors.mean()
        return float(values.mean()), float(over_draws), float(over_manifolds)

    mean_inverse, *inverse_errors = mean(inverse, inverse_se)
    if shared_squares is not None and shared_squares.shape[1] > 1:
        per_draw = shared_squares.mean(axis=0)
        inverse_errors[0] = float(per_draw.std(ddof=1) / math.sqrt(len(per_draw)))
    mean_radius = mean(summaries[:, 2], summaries[:, 3])
    mean_dimension = mean(summaries[:, 6], summaries[:, 7])
    mean_capacity = 1 / mean_inverse if mean_inverse else math.inf
    return ManifoldCapacity(
        capacity=capacity,
        capacity_se=capacity_se,
        radius=summaries[:, 2],
        radius_se=summaries[:, 3],
        radius_uncentered=summaries[:, 4],
        radius_uncentered_se=summaries[:, 5],
        dimension=summaries[:, 6],
        dimension_se=summaries[:, 7],
        dimension_prx=summaries[:, 8],
        dimension_prx_se=summaries[:, 9],
        mean_capacity=mean_capacity,
        mean_capacity_se=mean_capacity**2 * inverse_errors[0],
        mean_capacity_se_manifolds=mean_capacity**2 * inverse_errors[1],
        mean_radius=mean_radius[0],
        mean_radius_se=mean_radius[1],
        mean_radius_se_manifolds=mean_radius[2],
        mean_dimension=mean_dimension[0],
        mean_dimension_se=mean_dimension[1],
        mean_dimension_se_manifolds=mean_dimension[2],
        kkt_residual=summaries[:, 10],
        interior_fraction=summaries[:, 11],
        **fields,
    )
