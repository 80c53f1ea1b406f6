"""What the capacities of sets of manifolds return."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from ..inference import Null

if TYPE_CHECKING:
    from typing_extensions import Self

# Parts of the squared length of a joint projection.
TERMS = ("center_center", "axis_axis", "center_axis", "individual")
_ALIGNMENTS = ("center_alignment", "axis_alignment", "center_axis_alignment")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _NullOfResults(Null):
    """A null from results of label-shuffled data; one field per measure, one entry per shuffle."""

    _headline: ClassVar[tuple[str, ...]] = ("n_shuffles",)
    # Attributes of the results, each with the size of the measure; see `reaches`.
    _sizes: ClassVar[dict[str, float]]

    @classmethod
    def of(cls, result: Result, shuffled: Sequence[Result]) -> Self:
        """Compare a result with those of shuffled data."""
        draws: dict[str, Any] = {
            name: np.array([getattr(item, name) for item in shuffled]) for name in cls._sizes
        }
        return cls(**cls._summary(np.array([getattr(result, name) for name in cls._sizes]), draws), **draws)

    @classmethod
    def _summary(cls, observed: FloatArray, draws: Mapping[str, FloatArray]) -> dict[str, Any]:
        values, sizes = np.stack([draws[name] for name in cls._sizes], axis=1), [*cls._sizes.values()]
        return {"measure": np.array([*cls._sizes]), **cls.fields_of(observed, values, size=np.array(sizes))}

    @classmethod
    def _complete(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Summarise what 0.1.0 saved: the draws, without the observed values."""
        if "observed" in fields:
            return fields
        return {**cls._summary(np.full(len(cls._sizes), np.nan), fields), **fields}

    @property
    def n_shuffles(self) -> int:
        """Number of shuffles."""
        return self.n_draws

    def _table(self) -> dict[str, Any]:
        """One row per shuffle."""
        return {name: getattr(self, name) for name in self._sizes}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NullCapacity(_NullOfResults):
    """Population values of label-shuffled data, and the observed values compared with them.

    Attributes
    ----------
    mean_capacity, mean_radius, mean_dimension, center_correlation : ndarray, shape (n_shuffles,)
        Values of :class:`ManifoldCapacity`, one entry per shuffle.
    measure, observed, mean, sd, lower, upper, z, p_value, n_draws, n_defined, alternative
        As in :class:`neurogeom.Null`, with one entry for each of these four; two-sided.
    """

    _sizes: ClassVar[dict[str, float]] = {
        "mean_capacity": 0.0,
        "mean_radius": 0.0,
        "mean_dimension": 0.0,
        "center_correlation": 1.0,
    }

    mean_capacity: FloatArray
    mean_radius: FloatArray
    mean_dimension: FloatArray
    center_correlation: FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NullGeometry(_NullOfResults):
    """Effective geometries of label-shuffled data, and the observed values compared with them.

    Attributes
    ----------
    capacity, effective_radius, effective_dimension : ndarray, shape (n_shuffles,)
        Values of :class:`EffectiveGeometry`, one entry per shuffle.
    center_alignment, axis_alignment, center_axis_alignment : ndarray, shape (n_shuffles,)
        The same for its alignments, with ``..._abs``.
    measure, observed, mean, sd, lower, upper, z, p_value, n_draws, n_defined, alternative
        As in :class:`neurogeom.Null`, with one entry for each of these nine; two-sided.
    """

    _sizes: ClassVar[dict[str, float]] = {
        **dict.fromkeys(("capacity", "effective_radius", "effective_dimension"), 0.0),
        **dict.fromkeys([f"{name}{form}" for form in ("", "_abs") for name in _ALIGNMENTS], 1.0),
    }

    capacity: FloatArray
    effective_radius: FloatArray
    effective_dimension: FloatArray
    center_alignment: FloatArray
    axis_alignment: FloatArray
    center_axis_alignment: FloatArray
    center_alignment_abs: FloatArray
    axis_alignment_abs: FloatArray
    center_axis_alignment_abs: FloatArray


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
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_samples"),
        *columns_of_kind("setting", "margin"),
        *columns_with_errors("mean_capacity", over=("", "_manifolds"), in_null=True),
        *columns_with_errors("mean_radius", unit="center norm", over=("", "_manifolds"), in_null=True),
        *columns_with_errors("mean_dimension", over=("", "_manifolds"), in_null=True),
        *columns_of_kind("diagnostic", "center_correlation", "residual_center_correlation"),
        *columns_of_kind("count", "rank_removed"),
        *columns_of_kind("count", "n_points", "reduced_dimension", of_items=True),
        *columns_with_errors("capacity", of_items=True),
        *columns_with_errors("radius", unit="center norm", of_items=True),
        *columns_with_errors("dimension", "dimension_prx", of_items=True),
        *columns_with_errors("radius_uncentered", unit="center norm", of_items=True),
        Column(name="center_norm", kind="diagnostic", unit="data", of_items=True),
        *columns_of_kind("diagnostic", "kkt_residual", "interior_fraction", "status", of_items=True),
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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class _JointResult(Result):
    """What the results from joint cones have in common."""

    if TYPE_CHECKING:  # fields of the classes below, each in its own order
        n_points: NDArray[np.intp]
        inseparable: NDArray[np.bool_]
        undetermined: NDArray[np.bool_] | None
        status: NDArray[np.int8]

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.n_points)

    @property
    def n_separable(self) -> int:
        """Number of samples whose dichotomy a hyperplane through the origin separates."""
        return int(np.count_nonzero((self.status == 0) & ~self.inseparable))

    @property
    def n_used(self) -> int:
        """Number of samples behind everything but capacity: those whose projection has anchor points."""
        without = self.inseparable if self.undetermined is None else self.undetermined
        return int(np.count_nonzero((self.status == 0) & ~without))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EffectiveGeometry(_JointResult):
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
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_samples"),
        *columns_of_kind("setting", "centered", "inactive"),
        *columns_with_errors("capacity", "effective_radius", in_null=True),
        *columns_with_errors("effective_radius_mean_ratio"),
        *columns_with_errors("effective_dimension", in_null=True),
        *columns_with_errors("utility", "approximate_capacity"),
        *columns_with_errors(*_ALIGNMENTS, in_null=True),
        *columns_with_errors("own_center_axis_alignment"),
        *columns_with_errors(*(f"{name}_abs" for name in _ALIGNMENTS), in_null=True),
        *columns_with_errors("own_center_axis_alignment_abs"),
        *columns_with_errors(
            *(f"{name}_raw" for name in (*_ALIGNMENTS, "own_center_axis_alignment")), unit="squared data"
        ),
        *columns_of_kind("count", "n_separable", "n_used"),
        *columns_of_kind("diagnostic", "inseparable_fraction", "kkt_residual", "n_failed"),
        *columns_of_kind("count", "n_points", of_items=True),
        *columns_of_kind("diagnostic", "active_fraction", of_items=True),
        Column(name="anchor_center_norm", unit="data", of_items=True),
        Column(name="anchor_axis_norm", unit="data", of_items=True),
        Column(name="anchor_radius", unit="anchor center norm", of_items=True),
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
    # Results saved by 0.1.0 have none of these.
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
    undetermined: NDArray[np.bool_] | None = None  # of 0.1.0 no result has it: inseparable stood for both
    status: NDArray[np.int8]
    dichotomies: NDArray[np.int8]
    null: NullGeometry | None = None  # results saved by 0.1.0 have no such field

    @property
    def anchor_radius(self) -> FloatArray:
        """Root mean square length of each manifold's anchor axis, in units of its anchor centre's norm."""
        return np.asarray(self.anchor_axis_norm / self.anchor_center_norm)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CorrelatedCapacity(_JointResult):
    """Capacity of correlated manifolds and its decomposition; see :func:`correlated_capacity`."""

    _headline: ClassVar[tuple[str, ...]] = ("n_manifolds", "n_separable", "capacity", *TERMS)
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_samples"),
        *columns_of_kind("setting", "margin"),
        *columns_with_errors("capacity", *TERMS),
        *columns_of_kind("count", "n_separable", "n_used"),
        *columns_of_kind("diagnostic", "inseparable_fraction", "infeasible_fraction", "kkt_residual"),
        *columns_of_kind("count", "n_points", of_items=True),
    )

    names: NDArray[Any]
    capacity: float
    capacity_se: float
    center_center: float
    center_center_se: float
    axis_axis: float
    axis_axis_se: float
    center_axis: float
    center_axis_se: float
    individual: float
    individual_se: float
    margin: float
    n_points: NDArray[np.intp]
    n_features: int
    n_samples: int
    inseparable_fraction: float
    infeasible_fraction: float
    kkt_residual: float
    squared_projections: FloatArray
    inseparable: NDArray[np.bool_]
    undetermined: NDArray[np.bool_] | None = None  # of 0.1.0 no result has it: inseparable stood for both
    status: NDArray[np.int8]
    dichotomies: NDArray[np.int8]
