"""Mean-field manifold capacity, radius and dimension."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from . import _lowrank, _validate
from ._isa import core
from ._progress import Progress, ProgressFunction, as_progress
from ._results import ConvergenceWarning, Result
from ._rng import RandomSource, as_generator, draw_key
from ._threads import resolve_threads, single_threaded_blas
from ._validate import AnyArray, FloatArray
from .manifolds import Manifolds, ManifoldsLike, as_manifolds

# Manifolds are handled in groups whose coordinates, Gram matrices and anchors stay below this. Results do
# not depend on it: every manifold is computed alone.
_GROUP_BYTES = 64 << 20
# A centre shorter than this, relative to the data, is zero up to rounding.
_ZERO_CENTER = 1e-12


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

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.capacity)


def manifold_capacity(
    manifolds: ManifoldsLike,
    *,
    margin: float = 0.0,
    n_samples: int = 300,
    remove_center_correlations: bool = True,
    n_restarts: int = 10,
    gaussians: Sequence[ArrayLike] | ArrayLike | None = None,
    null: int = 0,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
    keep_anchors: bool = False,
) -> ManifoldCapacity:
    r"""Mean-field capacity, radius and dimension of object manifolds.

    Capacity is the largest number of manifolds per dimension that a random dichotomy can separate linearly:
    with P manifolds in N dimensions, about P < capacity * N.

    Parameters
    ----------
    manifolds : Manifolds, sequence of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud a manifold, points first; numbers of points may differ. For a matrix with labels use
        :func:`neurogeom.manifolds`. At least two; memory maps, float16 and float32 are read in pieces.
    margin : float, default 0
        Margin kappa >= 0, in units of the manifold centres' norm.
    n_samples : int, default 300
        Gaussian draws per manifold. Standard errors fall with its square root.
    remove_center_correlations : bool, default True
        Remove the low-rank structure that the centres share, up to the rank that leaves them least
        correlated; rank 0 where any removal would make them more so.
    n_restarts : int, default 10
        Starts of the search for that structure, for each rank.
    gaussians : array_like (n_samples, n_features + 1) or P of them, optional
        Draws to use instead of our own, for exact comparisons: standard normal coordinates in the space of
        the features, the last column being the coordinate along the centre.
    null : int, default 0
        Also analyse this many data sets with the points dealt out to the manifolds at random.
    rng : None, int, SeedSequence or Generator
        Source of randomness. Results are the same bits for any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (done, total).
    keep_anchors : bool, default False
        Keep ``anchor_weights`` and ``squared_projections``.

    Returns
    -------
    ManifoldCapacity
        Per manifold: ``capacity``; ``radius`` (root mean square distance of the anchor points from their
        mean, in units of the centre's norm); ``dimension`` (D times the squared mean cosine between draw and
        anchor point, as the MFTMA software reports it); ``dimension_prx`` (mean squared projection of the
        draw on the anchor's direction, eq. 29 of the 2018 paper); ``radius_uncentered`` (root mean square
        length of the anchor points); each with its Monte-Carlo standard error ``..._se``.
        Population: ``mean_capacity`` (harmonic mean), ``mean_radius``, ``mean_dimension`` with ``..._se``
        (over draws) and ``..._se_manifolds`` (over manifolds); ``center_correlation`` (mean absolute cosine
        between mean-subtracted centres) and ``residual_center_correlation`` after removal of
        ``rank_removed`` directions. Diagnostics: ``reduced_dimension`` D, ``center_norm``,
        ``kkt_residual``, ``interior_fraction`` (draws that no point constrains), ``status`` (0 fine, 1 a
        projection did not converge, 2 zero centre; estimates are NaN where it is not 0).
        ``null``: a NullCapacity, or None. With `keep_anchors` ``squared_projections`` (P, n_samples), whose
        mean over draws is 1/capacity, and ``anchor_weights``, one (n_samples, n_points) array a manifold:
        ``anchor_weights[m] @ manifolds[m]`` are its anchor points.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, the manifolds are fewer than two or differ in width, or an option is out
        of range.

    Warns
    -----
    ConvergenceWarning
        If a manifold's centre is zero relative to the others (its radius has no unit), or a projection did
        not converge; the manifold is NaN.

    Notes
    -----
    The global mean is subtracted first. Each manifold is then described relative to its own centre, in
    units of that centre's norm, in the D-dimensional space that its points span, and

    .. math:: 1/\alpha = \langle \|\Pi_C(t + \kappa e_{D+1})\|^2 \rangle_{t \sim N(0, 1_{D+1})}

    with C the cone generated by the points lifted to (s, 1). References: Chung, Lee and Sompolinsky,
    Phys. Rev. X 8, 031003 (2018), eqs. 16-17 and 28-29; Cohen, Chung, Lee and Sompolinsky, Nat. Commun. 11,
    746 (2020) for the centre correlations.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> clouds = data.normal(size=(20, 1, 100)) + 0.5 * data.normal(size=(20, 30, 100))
    >>> result = ng.manifold_capacity(clouds, rng=0)
    >>> result
    ManifoldCapacity(n_manifolds=20, mean_capacity=..., rank_removed=0)
    >>> result.capacity.shape
    (20,)
    """
    clouds = as_manifolds(manifolds)
    if len(clouds) < 2:
        raise ValueError(
            "manifolds holds one manifold; its centre is the global mean, from which capacity measures "
            "distances: give at least two"
        )
    kappa = _validate.as_margin(margin)
    samples = _validate.as_count(n_samples, "n_samples")
    shuffles = _validate.as_count(null, "null", minimum=0)
    analysis = _Analysis(
        margin=kappa,
        n_samples=samples,
        n_restarts=_validate.as_count(n_restarts, "n_restarts") if remove_center_correlations else 0,
        n_threads=resolve_threads(n_threads),
        keep_anchors=bool(keep_anchors),
    )
    draws = None if gaussians is None else _as_draws(gaussians, len(clouds), samples, clouds.n_features)
    generator = as_generator(rng)
    keys = draw_key(generator), draw_key(generator)
    report = as_progress(progress, "capacity")
    with single_threaded_blas():
        total = len(clouds) * (1 + shuffles)
        result = analysis.run(clouds, draws, keys, _Share(report, 0, len(clouds), total))
        nulls = []
        for k in range(shuffles):
            dealt = clouds.shuffled(generator)
            keys = draw_key(generator), draw_key(generator)
            share = _Share(report, (k + 1) * len(clouds), len(clouds), total)
            nulls.append(analysis.run(dealt, draws, keys, share, quiet=True))
    if shuffles:
        fields = [field.name for field in dataclasses.fields(NullCapacity)]
        values = {name: np.array([getattr(item, name) for item in nulls]) for name in fields}
        result = dataclasses.replace(result, null=NullCapacity(**values))
    if report is not None:
        report(total, total)
    return result


@dataclasses.dataclass
class _Share:
    """One analysis' part of the progress of the whole call; counts manifolds."""

    report: ProgressFunction | None
    start: int
    length: int
    total: int

    def part(self, first: int, count: int) -> ProgressFunction | None:
        if self.report is None:
            return None
        report, start, total = self.report, self.start + first, self.total
        return lambda done, size: report(start + count * done // max(1, size), total)


def _as_draws(gaussians: Any, n_manifolds: int, n_samples: int, n_features: int) -> list[FloatArray]:
    """Check the user's draws; one array may serve all manifolds."""
    several = isinstance(gaussians, (list, tuple)) or getattr(gaussians, "ndim", 2) == 3
    arrays = list(gaussians) if several else [gaussians]
    draws = [
        _validate.as_float_matrix(array, f"gaussians[{i}]" if several else "gaussians")
        for i, array in enumerate(arrays)
    ]
    _validate.require_draws(draws, n_manifolds if several else 1, n_samples, n_features + 1)
    return draws if several else draws * n_manifolds


@dataclasses.dataclass(frozen=True)
class _Analysis:
    """The analysis of one set of manifolds, settled but for data and draws."""

    margin: float
    n_samples: int
    n_restarts: int  # 0: centre correlations stay
    n_threads: int
    keep_anchors: bool

    def run(
        self,
        clouds: Manifolds,
        draws: list[FloatArray] | None,
        keys: tuple[int, int],
        share: _Share,
        *,
        quiet: bool = False,
    ) -> ManifoldCapacity:
        centers = self._centers(clouds)
        n_points = clouds.n_points
        overall = n_points @ centers / n_points.sum()
        removed, before, after = self._shared_directions(centers, keys[1])

        # What is left of the centres; the points follow in the core, relative to them.
        left = centers - overall
        left -= (left @ removed.T) @ removed
        norms = np.linalg.norm(left, axis=1)
        scale = np.linalg.norm(centers, axis=1).max(initial=0.0)
        _validate.require_magnitude(float(scale), "manifolds")
        usable = norms > _ZERO_CENTER * scale

        summaries = np.full((len(clouds), 13), np.nan)
        status = np.where(usable, 0, 2).astype(np.int8)
        reduced = np.zeros(len(clouds), dtype=np.intp)
        squared = np.full((len(clouds), self.n_samples), np.nan) if self.keep_anchors else None
        weights = [np.full((n, self.n_samples), np.nan).T for n in n_points] if self.keep_anchors else None
        for group in self._groups(n_points, clouds.n_features):
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
                keys[0],
                self.keep_anchors,
                self.n_threads,
                share.part(group[0], len(group)),
            )
            summaries[members] = rows
            reduced[members] = [c.shape[1] for c in coordinates]
            if squared is not None and weights is not None:
                squared[members] = squares
                for m, weight in zip(members, anchor_weights, strict=True):
                    weights[m] = weight
        status[summaries[:, 12] > 0] = 1
        if not quiet:
            _warn_of_failures(clouds, status)
        return _result(
            summaries,
            names=clouds.names,
            center_correlation=before,
            residual_center_correlation=after,
            rank_removed=len(removed),
            n_points=n_points,
            n_features=clouds.n_features,
            reduced_dimension=reduced,
            center_norm=norms,
            margin=self.margin,
            n_samples=self.n_samples,
            status=status,
            null=None,
            squared_projections=squared,
            anchor_weights=None if weights is None else tuple(weights),
        )

    def _centers(self, clouds: Manifolds) -> FloatArray:
        """Means of all manifolds, in groups so that gathered rows do not pile up."""
        centers = np.empty((len(clouds), clouds.n_features))
        for group in self._groups(clouds.n_points, clouds.n_features):
            points = [_readable(clouds[m]) for m in group]
            centers[group] = core.mean_points(points, self.n_threads)
            # A NaN or infinity anywhere shows in the mean; only then is it worth looking for it.
            for m, array in zip(group, points, strict=True):
                if not np.isfinite(centers[m]).all():
                    _validate.require_finite(array, f"manifolds[{m}]")
                    _validate.require_magnitude(math.inf, f"manifolds[{m}]")
        return centers

    def _groups(self, n_points: NDArray[np.intp], n_features: int) -> list[list[int]]:
        """Consecutive manifolds that are worked on together."""
        rank = np.minimum(n_points, n_features)
        gathered = n_points * n_features
        size = 8 * (gathered + n_points * (n_points + rank) + self.n_samples * (rank + 8))
        first = np.cumsum(size) // _GROUP_BYTES
        return [list(np.flatnonzero(first == g)) for g in np.unique(first)]

    def _shared_directions(self, centers: FloatArray, key: int) -> tuple[FloatArray, float, float]:
        """Orthonormal rows to remove, and the centre correlations before and after."""
        centered = centers - centers.mean(axis=0)
        rows = _lowrank.center_coordinates(centered)
        before = _lowrank.mean_abs_correlation(rows)
        nothing = np.zeros((0, centers.shape[1]))
        if not self.n_restarts or not np.isfinite(before):
            return nothing, before, before
        n = len(rows)
        found = _lowrank.search_ranks(
            rows,
            _lowrank.max_rank(rows),
            lambda rank, restart: core.standard_normals(key, rank, restart, 1, n)[0],
            self.n_restarts,
            rule="cost",
            n_threads=self.n_threads,
        )
        rank = _lowrank.pick_rank(before, found)
        if rank == 0:
            return nothing, before, before
        best = found[rank - 1]
        return _lowrank.directions_of(best.basis, rows, centered), before, best.correlation


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
            "the centre is zero relative to the data (it equals the global mean), so that its norm is no unit",
        ),
    ):
        failed = np.flatnonzero(status == code)
        if len(failed):
            shown = ", ".join(str(clouds.names[m]) for m in failed[:5])
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            warnings.warn(
                f"manifold {shown}{more}: {reason}; its results are NaN",
                ConvergenceWarning,
                stacklevel=4,
            )


def _result(summaries: FloatArray, **fields: Any) -> ManifoldCapacity:
    """Population values from per-manifold ones."""
    capacity, capacity_se = summaries[:, 0], summaries[:, 1]
    inverse, inverse_se = 1 / capacity, capacity_se / capacity**2
    n = len(summaries)

    def mean(values: FloatArray, errors: FloatArray) -> tuple[float, float, float]:
        over_manifolds = values.std(ddof=1) / math.sqrt(n)
        return float(values.mean()), float(np.sqrt((errors**2).sum()) / n), float(over_manifolds)

    mean_inverse, *inverse_errors = mean(inverse, inverse_se)
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
