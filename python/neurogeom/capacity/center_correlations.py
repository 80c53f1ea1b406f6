"""The search for the low-rank structure that manifold centres share.

For each rank K in turn, this finds the K directions whose removal leaves the centres least correlated
(``center_correlations.hpp``), and then picks the rank. Cohen, Chung, Lee and Sompolinsky, Nat. Commun. 11,
746 (2020).

The native search (:func:`search`) depends only on the centres and their order. Its starts depend on a rank
and an index, not on the caller's seed; at the picked rank it continues until the best directions have been
found several times; and it stops where no further rank can be better, by Welch's bound: the squared cosines
of P unit vectors in r - K dimensions sum to at least P^2 / (r - K). From about that rank on, the best
directions are not unique, and which of them a descent finds would be chance. The original's search
(:func:`search_as_original`) has none of this and serves the drop-in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.linalg

from .._base.checks import FloatArray
from .._base.coordinates import ZERO_SQUARE
from .._base.isa import core
from .._base.threads import resolve_threads

# Directions that leave a centre less than this share of its squared length are penalised
# (center_correlations.hpp): as a centre vanishes, the radius in units of its norm grows without bound.
_LEAST_SHARE = 0.02
# The smallest rank is picked whose mean correlation exceeds the least by at most this share. On real layers
# that correlation has a standard error (over the manifolds) of 2 to 20 %.
RANK_TOLERANCE = 0.02
# Share of the centres' variance, and ranks beyond it, that bound the search (the original's rule).
_VARIANCE, _RANKS_BEYOND = 0.95, 10
# Relative decrease of the cost at which a descent ends: the first for all starts, the second for those that
# come near the best; the picked one continues until nothing moves.
_COARSE, _FINE = 1e-5, 1e-10
_GRADIENT_NORM, _SMALL_GRADIENT_NORM = 1e-6, 1e-9
_MAX_ITERATIONS = 3000
# Relative differences in cost within which a coarse descent may still win, or two optima are the same.
_NEAR, _SAME = 2e-3, 1e-6
# The best directions of the picked rank must be found this often, with at least and at most this many starts.
_TIMES_FOUND, _LEAST_STARTS, _MOST_STARTS = 6, 50, 150
_KEY = 0x6C6F7772616E6B  # of the normals that make up the starts


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RankRecord:
    """The best directions of one rank."""

    basis: FloatArray  # (r, K), orthonormal columns, in the coordinates of the centres
    correlation: float  # mean absolute cosine between the remainders of the centres
    stability: float  # smallest share of a centre's length that is left
    cost: float
    n_found: int  # starts that ended in it (1 after a single round that was not followed to the end)
    n_starts: int


def center_coordinates(centered: FloatArray) -> FloatArray:
    """Coordinates (P, r) of mean-subtracted centres (P, N) in their principal directions."""
    values, vectors = np.linalg.eigh(centered @ centered.T)
    keep = values > ZERO_SQUARE * max(values[-1], 0.0)
    return np.ascontiguousarray((vectors[:, keep] * np.sqrt(values[keep]))[:, ::-1])


def directions_of(basis: FloatArray, rows: FloatArray, centered: FloatArray) -> FloatArray:
    """Map `basis` (r, K), in the coordinates `rows` of the centres, to directions (K, N) in their space."""
    lengths_squared = (rows**2).sum(axis=0)
    spanning = (rows @ (basis / lengths_squared[:, None])).T @ centered
    # Orthonormal to rounding, even where the Gram matrix of the centres is ill-conditioned.
    orthonormal, _ = scipy.linalg.qr(spanning.T, mode="economic")
    return np.ascontiguousarray(orthonormal.T)


def _cosines(rows: FloatArray) -> FloatArray:
    products = rows @ rows.T
    lengths = np.sqrt(np.diagonal(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines: FloatArray = np.abs(products / np.outer(lengths, lengths))
    return cosines


def mean_abs_correlation(rows: FloatArray) -> float:
    """Mean absolute cosine between different rows; NaN if a row is zero."""
    n = len(rows)
    return float((_cosines(rows).sum() - n) / (n * (n - 1))) if n > 1 else 0.0


def max_rank(rows: FloatArray) -> int:
    """Largest rank to try: the components below 95 % of the variance plus 10, at most P - 2."""
    variances = np.linalg.svd(rows, compute_uv=False) ** 2
    if not len(variances) or variances[0] == 0:
        return 0
    n_below = int(np.count_nonzero(np.cumsum(variances) / variances.sum() < _VARIANCE))
    return max(0, min(max(n_below, 1) + _RANKS_BEYOND, largest_rank(rows)))


def largest_rank(rows: FloatArray) -> int:
    """Rank beyond which nothing is left of the centres but (at most) copies of one direction."""
    return max(0, min(len(rows) - 2, int(rows.shape[1]) - 1))


def _record(
    rows: FloatArray, basis: FloatArray, cost: float, n_found: int = 1, n_starts: int = 1
) -> RankRecord:
    left = rows - (rows @ basis) @ basis.T
    stability = np.linalg.norm(left, axis=1) / np.linalg.norm(rows, axis=1)
    return RankRecord(
        basis=basis,
        correlation=mean_abs_correlation(left),
        stability=float(stability.min()),
        cost=cost,
        n_found=n_found,
        n_starts=n_starts,
    )


def _orthonormal(columns: FloatArray) -> FloatArray:
    basis, _ = scipy.linalg.qr(columns, mode="economic")
    return np.ascontiguousarray(basis, dtype=np.float64)


def search(
    rows: FloatArray,
    n_restarts: int,
    *,
    rank: int | None = None,
    n_threads: int | None = None,
    key: int = _KEY,
) -> list[RankRecord]:
    """Find good directions for each rank 0, 1, ... that could be the best, and the best for the picked one.

    There must be at least two rows, none of them zero. If `rank` is given, it is picked, and is the last.
    `n_restarts` is the number of starts per round: one round for each rank, then more for the picked one and
    for smaller ones that are nearly as good. Another `key` makes other starts.
    """
    rows = np.ascontiguousarray(rows)
    n, dims = rows.shape
    threads = resolve_threads(n_threads)

    def descend(starts: list[FloatArray], decrease: float) -> list[tuple[float, FloatArray]]:
        ends = core.minimize_correlation(
            rows, starts, _MAX_ITERATIONS, _GRADIENT_NORM, decrease, _LEAST_SHARE, threads
        )
        return [(cost, basis) for basis, cost, _, _ in ends]

    def round_of_starts(k: int, first: int) -> list[tuple[float, FloatArray]]:
        starts = [_start(rows, found[k - 1].basis, first + i, key) for i in range(n_restarts)]
        return descend(starts, _COARSE)

    found = [_record(rows, np.zeros((dims, 0)), 0.5 * float((_cosines(rows) ** 2).sum()))]
    first_round: list[list[tuple[float, FloatArray]]] = [[]]
    for k in range(1, (max_rank(rows) if rank is None else rank) + 1):
        if rank is None and 0.5 * n * n / (dims - k) >= min(record.cost for record in found):
            break
        first_round.append(round_of_starts(k, 0))
        cost, basis = min(first_round[k], key=_cost)
        found.append(_record(rows, basis, cost, 1, n_restarts))

    def search_well(k: int, most_starts: int) -> RankRecord:
        ends: list[tuple[float, FloatArray]] = []
        coarse, n_starts = first_round[k], n_restarts
        while True:
            bound = min(coarse + ends, key=_cost)[0] * (1 + _NEAR)
            ends += descend([basis for cost, basis in coarse if cost <= bound], _FINE)
            cost, basis = min(ends, key=_cost)
            n_found = sum(other <= cost * (1 + _SAME) for other, _ in ends)
            if n_starts >= (_LEAST_STARTS if n_found >= _TIMES_FOUND else most_starts):
                return _record(rows, basis, cost, n_found, n_starts)
            coarse = round_of_starts(k, n_starts)
            n_starts += n_restarts

    # Search well at the picked rank, at smaller ones that are nearly as good, and at the one with the least
    # correlation, with which they are compared. Each search can change which ranks these are.
    left = set(range(1, len(found)))
    while True:
        picked = pick_rank(found) if rank is None else rank
        correlations = [record.correlation for record in found]
        least = int(np.argmin(correlations)) if rank is None else rank
        doubtful = (1 + 2 * RANK_TOLERANCE) * correlations[least]
        near = {k for k in left if k < picked and correlations[k] <= doubtful} if rank is None else set()
        now = left & (near | {picked, least})
        if not now:
            return found
        for k in sorted(now):
            found[k] = search_well(k, _MOST_STARTS if k <= picked else _LEAST_STARTS)
        left -= now


def _cost(end: tuple[float, FloatArray]) -> float:
    return end[0]


def _start(rows: FloatArray, previous: FloatArray, index: int, key: int) -> FloatArray:
    """Start number `index` of the rank after `previous` (r, K - 1).

    The first start adds to the previous directions the one along which the remainders of the centres, scaled
    to equal length, extend furthest. The others alternate between adding a random direction and making all
    of them random. Random directions are combinations of the centres, so that an orthogonal map of the data
    maps the starts.
    """
    n, k = len(rows), previous.shape[1] + 1
    if index == 0:
        left = rows - (rows @ previous) @ previous.T
        unit = left / np.linalg.norm(left, axis=1, keepdims=True)
        furthest = np.linalg.eigh(unit.T @ unit)[1][:, -1:]
        return _orthonormal(np.hstack([previous, furthest]))
    added = 1 if index % 2 else k
    normals = core.standard_normals(key, k, index, 1, n * added).reshape(n, added)
    return _orthonormal(np.hstack([previous[:, : k - added], rows.T @ normals]))


def pick_rank(records: list[RankRecord]) -> int:
    """Smallest rank whose correlation is within the tolerance of the least one."""
    correlations = np.array([record.correlation for record in records])
    return int(np.argmax(correlations <= (1 + RANK_TOLERANCE) * correlations.min()))


def finish(rows: FloatArray, record: RankRecord, n_threads: int | None = None) -> RankRecord:
    """Descend from the picked directions until nothing moves, so that earlier rounding does not show."""
    if record.basis.shape[1] == 0:
        return record
    ((basis, cost, _, _),) = core.minimize_correlation(
        np.ascontiguousarray(rows),
        [np.ascontiguousarray(record.basis)],
        _MAX_ITERATIONS,
        _SMALL_GRADIENT_NORM,
        0.0,
        _LEAST_SHARE,
        resolve_threads(n_threads),
    )
    return _record(rows, basis, cost, record.n_found, record.n_starts)


def search_as_original(
    rows: FloatArray,
    max_rank: int,
    start_normals: Callable[[int, int], FloatArray],
    n_restarts: int,
    *,
    max_iterations: int = 1000,
    n_threads: int | None = None,
) -> list[RankRecord]:
    """Find directions for rank 1, 2, ..., up to `max_rank` or three rises of the correlation in a row.

    `start_normals(rank, restart)` returns P normals s; a descent starts from the span of s'X and the previous
    rank's directions. Of the restarts, the one whose shortest remaining centre is longest is kept.
    """
    rows = np.ascontiguousarray(rows)
    threads = resolve_threads(n_threads)
    found: list[RankRecord] = []
    previous = np.zeros((rows.shape[1], 0))
    for rank in range(1, max_rank + 1):
        starts = []
        for restart in range(n_restarts):
            fresh = rows.T @ np.reshape(start_normals(rank, restart), (-1, 1))
            starts.append(_orthonormal(np.hstack([fresh, previous])))
        ends = core.minimize_correlation(rows, starts, max_iterations, _GRADIENT_NORM, _FINE, 0.0, threads)
        records = [_record(rows, basis, cost, 1, n_restarts) for basis, cost, _, _ in ends]
        found.append(max(records, key=lambda record: record.stability))
        previous = found[-1].basis
        last = [record.correlation for record in found[-4:]]
        if rank > 4 and last[3] > last[2] > last[1] > last[0]:
            break
    return found
