"""The search for the low-rank structure that manifold centres share.

For each rank K in turn the directions are sought whose removal leaves the centres least correlated
(``lowrank.hpp``); the caller then picks the rank. Cohen, Chung, Lee and Sompolinsky, Nat. Commun. 11, 746
(2020).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.linalg

from ._isa import core
from ._threads import resolve_threads
from ._validate import FloatArray

# A restart must leave each centre at least this share of its length to be considered (native rule).
MIN_STABILITY = 0.05
# Share of the centres' variance, and ranks beyond it, that bound the search (the original's rule).
_VARIANCE, _RANKS_BEYOND = 0.95, 10
# Squared extent below which a direction of the centres is rounding of their Gram matrix.
_RANK_TOLERANCE = 1e-13
_GRADIENT_NORM = 1e-6
# Relative decrease of the cost at which a descent ends: all restarts go down to the first, the one that is
# picked goes on to the second.
_COARSE, _FINE = 1e-5, 1e-10


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RankRecord:
    """The best directions of one rank."""

    basis: FloatArray  # (r, K), orthonormal columns, in the coordinates of the centres
    correlation: float  # mean absolute cosine between what is left of the centres
    stability: float  # least share of a centre's length that is left
    cost: float


def center_coordinates(centered: FloatArray) -> FloatArray:
    """Coordinates (P, r) of mean-subtracted centres (P, N) in their principal directions."""
    values, vectors = np.linalg.eigh(centered @ centered.T)
    keep = values > _RANK_TOLERANCE * max(values[-1], 0.0)
    return np.ascontiguousarray((vectors[:, keep] * np.sqrt(values[keep]))[:, ::-1])


def directions_of(basis: FloatArray, rows: FloatArray, centered: FloatArray) -> FloatArray:
    """Directions (K, N) in the space of the centres that `basis` (r, K) is in their coordinates `rows`."""
    lengths_squared = (rows**2).sum(axis=0)
    spanning = (rows @ (basis / lengths_squared[:, None])).T @ centered
    # Orthonormal to rounding, also where the Gram matrix of the centres is ill-conditioned.
    orthonormal, _ = scipy.linalg.qr(spanning.T, mode="economic")
    return np.ascontiguousarray(orthonormal.T)


def mean_abs_correlation(rows: FloatArray) -> float:
    """Mean absolute cosine between different rows; NaN if a row is zero."""
    products = rows @ rows.T
    lengths = np.sqrt(np.diagonal(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.abs(products / np.outer(lengths, lengths))
    n = len(rows)
    return float((cosines.sum() - n) / (n * (n - 1))) if n > 1 else 0.0


def max_rank(rows: FloatArray) -> int:
    """Largest rank to try: components below 95 % of the variance, and 10; at most P - 2."""
    variances = np.linalg.svd(rows, compute_uv=False) ** 2
    if not len(variances) or variances[0] == 0:
        return 0
    n_below = int(np.count_nonzero(np.cumsum(variances) / variances.sum() < _VARIANCE))
    limit = max(n_below, 1) + _RANKS_BEYOND
    return max(0, min(limit, len(rows) - 2, int(rows.shape[1]) - 1))


def _record(rows: FloatArray, basis: FloatArray, cost: float) -> RankRecord:
    left = rows - (rows @ basis) @ basis.T
    stability = np.linalg.norm(left, axis=1) / np.linalg.norm(rows, axis=1)
    return RankRecord(
        basis=basis,
        correlation=mean_abs_correlation(left),
        stability=float(stability.min()),
        cost=cost,
    )


def _best(records: list[RankRecord], rule: str) -> RankRecord:
    if rule == "stability":
        return max(records, key=lambda record: record.stability)
    stable = [record for record in records if record.stability >= MIN_STABILITY]
    if not stable:
        return max(records, key=lambda record: record.stability)
    return min(stable, key=lambda record: record.cost)


def search_ranks(
    rows: FloatArray,
    max_rank: int,
    start_normals: Callable[[int, int], FloatArray],
    n_restarts: int,
    *,
    rule: str,
    max_iterations: int = 1000,
    n_threads: int | None = None,
) -> list[RankRecord]:
    """Best directions for rank 1, 2, ..., up to `max_rank` or three rises of the correlation in a row.

    `start_normals(rank, restart)` gives P normals s; a descent starts from the span of s'X and the previous
    rank's directions. `rule` picks among restarts: "cost" (lowest cost of those with enough stability) or
    "stability" (the original's).
    """
    rows = np.ascontiguousarray(rows)
    threads = resolve_threads(n_threads)

    def descend(starts: list[FloatArray], decrease: float) -> list[RankRecord]:
        descents = core.minimize_correlation(rows, starts, max_iterations, _GRADIENT_NORM, decrease, threads)
        return [_record(rows, basis, cost) for basis, cost, _, _ in descents]

    found: list[RankRecord] = []
    previous = np.zeros((rows.shape[1], 0))
    for rank in range(1, max_rank + 1):
        starts = []
        for restart in range(n_restarts):
            fresh = rows.T @ np.reshape(start_normals(rank, restart), (-1, 1))
            basis, _ = scipy.linalg.qr(np.hstack([fresh, previous]), mode="economic")
            starts.append(np.ascontiguousarray(basis, dtype=np.float64))
        best = _best(descend(starts, _COARSE if rule == "cost" else _FINE), rule)
        if rule == "cost":
            (best,) = descend([np.ascontiguousarray(best.basis)], _FINE)
        found.append(best)
        previous = found[-1].basis
        last = [record.correlation for record in found[-4:]]
        if rank > 4 and last[3] > last[2] > last[1] > last[0]:
            break
    return found


def pick_rank(initial_correlation: float, records: list[RankRecord]) -> int:
    """Rank with the least residual correlation; 0 if no removal lowers it (native rule)."""
    best, rank = initial_correlation, 0
    for k, record in enumerate(records, start=1):
        if record.stability >= MIN_STABILITY and record.correlation < best:
            best, rank = record.correlation, k
    return rank
