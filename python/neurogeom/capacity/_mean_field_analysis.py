"""The steps of :func:`neurogeom.manifold_capacity` for one set of manifolds.

First the centres and the directions they share; then, group by group, coordinates of the points and anchor
statistics. The three steps that touch the data or the draws run in the core.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray
from .._base.coordinates import ZERO_LENGTH
from .._base.isa import core
from .._base.progress import ProgressFunction
from .._base.results import ConvergenceWarning
from ..clouds.manifolds import Manifolds
from .center_correlations import (
    RankRecord,
    center_coordinates,
    directions_of,
    finish,
    largest_rank,
    mean_abs_correlation,
    pick_rank,
    search,
)
from .results import ManifoldCapacity

# Manifolds are handled in groups whose coordinates, Gram matrices and anchors stay below this. Results do
# not depend on it: every manifold is computed alone.
_GROUP_BYTES = 64 << 20
# Columns of the core's summaries (anchors.hpp, AnchorSummary).
_N_FIELDS, _N_FAILED = 13, 12


@dataclasses.dataclass
class Share:
    """One analysis's part of the progress of the whole call; counts manifolds."""

    report: ProgressFunction | None
    start: int
    length: int
    total: int

    def part(self, first: int, count: int) -> ProgressFunction | None:
        if self.report is None:
            return None
        report, start, total = self.report, self.start + first, self.total
        return lambda done, size: report(start + count * done // max(1, size), total)


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The settings of the analysis of one set of manifolds; data and draws are passed to `run`."""

    margin: float
    n_samples: int
    n_restarts: int  # 0: centre correlations are kept
    rank: int | None  # directions to remove; None: as many as the rule picks
    n_threads: int
    keep_anchors: bool
    shared_draws: bool  # one set for all manifolds, which makes their estimates dependent

    def run(
        self,
        clouds: Manifolds,
        draws: list[FloatArray] | None,
        key: int,
        share: Share,
        *,
        quiet: bool = False,
    ) -> ManifoldCapacity:
        centers, size = self._centers(clouds)
        n_points = clouds.n_points
        overall = n_points @ centers / n_points.sum()
        removed, shared = self._shared_directions(centers, ZERO_LENGTH * size)

        # What is left of the centres; the points follow in the core, relative to them.
        left = centers - overall
        left -= (left @ removed.T) @ removed
        norms = np.linalg.norm(left, axis=1)
        usable = norms > ZERO_LENGTH * size

        summaries = np.full((len(clouds), _N_FIELDS), np.nan)
        status = np.where(usable, 0, 2).astype(np.int8)
        reduced = np.zeros(len(clouds), dtype=np.intp)
        keep = self.keep_anchors or self.shared_draws
        squared = np.full((len(clouds), self.n_samples), np.nan) if keep else None
        weights = [np.full((n, self.n_samples), np.nan).T for n in n_points] if self.keep_anchors else None
        for group in self._groups(clouds):
            members = [m for m in group if usable[m]]
            if not members:
                continue
            points = [_readable(clouds[m]) for m in members]
            coordinates = core.reduced_coordinates(
                points, centers[members], removed, norms[members], self.n_threads
            )
            own_draws = None
            if draws is not None:
                own_draws = [
                    _project_draws(draws[m], p, c, centers[m], removed, norms[m])
                    for m, p, c in zip(members, points, coordinates, strict=True)
                ]
            rows, squares, anchor_weights = core.anchor_statistics(
                coordinates,
                members,
                own_draws,
                self.margin,
                self.n_samples,
                key,
                keep,
                self.n_threads,
                share.part(group[0], len(group)),
            )
            summaries[members] = rows
            reduced[members] = [c.shape[1] for c in coordinates]
            if squared is not None:
                squared[members] = squares
            if weights is not None:
                for m, weight in zip(members, anchor_weights, strict=True):
                    weights[m] = weight
            del points, coordinates  # before the next group is gathered
        status[summaries[:, _N_FAILED] > 0] = 1
        if not quiet:
            _warn_of_failures(clouds, status)
        return _population_result(
            summaries,
            squared if self.shared_draws else None,
            names=clouds.names,
            rank_removed=len(removed),
            **shared,
            n_points=n_points,
            n_features=clouds.n_features,
            reduced_dimension=reduced,
            center_norm=norms,
            margin=self.margin,
            n_samples=self.n_samples,
            status=status,
            null=None,
            squared_projections=squared if self.keep_anchors else None,
            anchor_weights=None if weights is None else tuple(weights),
        )

    def _centers(self, clouds: Manifolds) -> tuple[FloatArray, float]:
        """Means of all manifolds, and the largest magnitude in the data; in groups, as in `run`."""
        centers = np.empty((len(clouds), clouds.n_features))
        size = 0.0
        for group in self._groups(clouds):
            points = [_readable(clouds[m]) for m in group]
            centers[group], largest = core.mean_points(points, self.n_threads)
            # A NaN shows in the mean, an infinity in the magnitude; only then search for its place.
            for m, magnitude in zip(group, largest, strict=True):
                if not (np.isfinite(centers[m]).all() and np.isfinite(magnitude)):
                    clouds.require_finite(m)
                    _validate.require_magnitude(math.inf, f"manifolds[{m}]")
            size = max(size, float(largest.max()))
            del points  # before the next group is gathered
        _validate.require_magnitude(size, "manifolds")
        return centers, size

    def _groups(self, clouds: Manifolds) -> list[list[int]]:
        """Consecutive manifolds that are processed together."""
        n_points = clouds.n_points
        rank = np.minimum(n_points, clouds.n_features)
        gathered = n_points * clouds.n_features if clouds.copies else 0
        size = 8 * (gathered + n_points * (n_points + rank) + self.n_samples * (rank + 8))
        first = np.cumsum(size) // _GROUP_BYTES
        return [list(np.flatnonzero(first == g)) for g in np.unique(first)]

    def _shared_directions(self, centers: FloatArray, zero: float) -> tuple[FloatArray, dict[str, Any]]:
        """Orthonormal rows to remove, and what the result reports on the search for them.

        Centres that are zero up to rounding have no direction and are left out.
        """
        nothing = np.zeros((0, centers.shape[1]))
        centered = centers - centers.mean(axis=0)
        centered = centered[np.linalg.norm(centered, axis=1) > zero]
        rows = center_coordinates(centered) if len(centered) > 1 else np.zeros((len(centered), 0))
        before = mean_abs_correlation(rows) if len(centered) > 1 else math.nan
        if self.rank is not None and self.rank > largest_rank(rows):
            raise ValueError(
                f"rank must be at most {largest_rank(rows)} for centres that span {rows.shape[1]} "
                f"dimensions ({len(centered)} manifolds), not {self.rank}"
            )
        if not self.n_restarts or self.rank == 0 or not np.isfinite(before):
            return nothing, _told_of_search(before, [], None)
        found = search(rows, self.n_restarts, rank=self.rank, n_threads=self.n_threads)
        picked = pick_rank(found) if self.rank is None else self.rank
        best = finish(rows, found[picked], self.n_threads)
        directions = directions_of(best.basis, rows, centered) if picked else nothing
        return directions, _told_of_search(before, found, best)


def _told_of_search(before: float, found: list[RankRecord], best: RankRecord | None) -> dict[str, Any]:
    return {
        "center_correlation": before,
        "residual_center_correlation": before if best is None else best.correlation,
        "rank_profile": np.array([record.correlation for record in found]),
        "search_found": 0 if best is None else best.n_found,
        "search_starts": 0 if best is None else best.n_starts,
    }


def _population_result(
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


def _readable(array: AnyArray) -> AnyArray:
    """Native byte order and alignment, as the core needs them."""
    if array.dtype.isnative and array.flags.aligned:
        return np.asarray(array)
    return np.array(array, dtype=array.dtype.newbyteorder("="))


def _project_draws(
    draws: FloatArray,
    points: AnyArray,
    coordinates: FloatArray,
    center: FloatArray,
    removed: FloatArray,
    norm: float,
) -> FloatArray:
    """Coordinates of ambient draws in the basis in which `coordinates` describe the points.

    With centred points X = A Q' (A the coordinates, Q orthonormal columns) they are Q't = A^+ X t.
    """
    centred = np.asarray(points, dtype=np.float64) - center
    centred -= (centred @ removed.T) @ removed
    products = centred @ draws[:, :-1].T / norm
    projected = scipy.linalg.lstsq(coordinates, products)[0] if coordinates.size else products[:0]
    return np.ascontiguousarray(np.column_stack([projected.T, draws[:, -1]]))


def _warn_of_failures(clouds: Manifolds, status: NDArray[np.int8]) -> None:
    for code, reason in (
        (1, "a cone projection did not converge"),
        (
            2,
            "the centre is zero relative to the data (it equals the global mean), so its norm is not a unit",
        ),
    ):
        failed = np.flatnonzero(status == code)
        if len(failed):
            shown = ", ".join(str(clouds.names[m]) for m in failed[:5])
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            warnings.warn(
                f"manifold {shown}{more}: {reason}; its results are NaN",
                ConvergenceWarning,
                stacklevel=_validate.user_level(),
            )
