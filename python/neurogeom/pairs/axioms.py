"""Whether a matrix of dissimilarities is one of distances: symmetry, zeros, the triangle inequality."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, explain_keywords
from .._base.results import Result
from .._base.threads import map_threads, resolve_threads
from . import distances as check

_ROWS = 32  # of detours at a time, so that they stay in the cache


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MetricCheck(Result):
    """How far a matrix is from one of distances; made by :func:`check_metric`.

    Attributes
    ----------
    is_metric : bool
        Whether it passes: symmetric, zero on the diagonal, not negative, no violated triangle, all up to
        `tolerance`.
    max_asymmetry : float
        Largest difference between the two directions of a pair.
    max_diagonal : float
        Largest entry, in size, of the diagonal.
    minimum : float
        Smallest entry off the diagonal. Zero is allowed: equal items.
    n_violations, n_triangles : int
        Triples of items of which two are farther apart than by way of the third, and all triples.
    max_violation : float
        By how much, in the worst of them; 0 if there is none.
    worst : ndarray of shape (3,) of int
        That triple: the two that are too far apart, then the third; -1 if there is none.
    additive_constant : float
        The smallest number that, added to all distances of different items, leaves no violated triangle:
        `max_violation`, as it is added once to the direct way and twice to the other.
    tolerance : float
        What counts as zero.
    """

    _headline: ClassVar[tuple[str, ...]] = ("is_metric", "max_asymmetry", "n_violations", "max_violation")

    is_metric: bool
    max_asymmetry: float
    max_diagonal: float
    minimum: float
    n_violations: int
    n_triangles: int
    max_violation: float
    worst: NDArray[np.int64]
    additive_constant: float
    tolerance: float


@explain_keywords
def check_metric(
    distances: Any, *, tolerance: float | None = None, n_threads: int | None = None
) -> MetricCheck:
    """Check whether dissimilarities are distances: symmetric, zero for equal items, without detours.

    Parameters
    ----------
    distances : Pairwise, or array-like of shape (n_items, n_items) or (n_pairs,)
        Dissimilarities, square or condensed in SciPy's order. Asymmetric ones are averaged over both
        directions before triangles are checked.
    tolerance : float, optional
        What counts as zero; by default 1e-10 of the largest entry, and more for float32.
    n_threads : int, optional
        Threads; results do not depend on it.

    Returns
    -------
    MetricCheck
        What was found.

    Raises
    ------
    TypeError, ValueError
        If it is not such a matrix of finite numbers, or holds similarities.

    Notes
    -----
    All triples are looked at, in memory of the size of the matrix. Angles between representations (such as
    of :class:`Procrustes`) pass; one minus a cosine, such as 1 - CKA, in general does not.

    Examples
    --------
    >>> import neurogeom as ng
    >>> result = ng.check_metric([[0.0, 1.0, 5.0], [1.0, 0.0, 2.0], [5.0, 2.0, 0.0]])
    >>> result.n_violations, result.max_violation, result.worst.tolist()
    (1, 2.0, [0, 2, 1])
    """
    check.refuse_similarity(distances, "distances")
    square, dtype = check.as_square(distances, "distances")
    _validate.require_finite(square, "distances")
    largest = float(np.abs(square).max())
    small = _validate.rounding_of(dtype) * largest if tolerance is None else _as_tolerance(tolerance)
    diagonal = float(np.abs(np.diagonal(square)).max())
    asymmetry = float(np.abs(square - square.T).max())
    square = (square + square.T) / 2
    np.fill_diagonal(square, np.inf)  # no detour leads from an item to itself
    minimum = float(square.min())
    rows = map_threads(
        lambda i: _violations(square, i, small), range(len(square)), resolve_threads(n_threads)
    )
    worst = max(rows, key=lambda row: row[1])
    found = worst[1] > small
    triple = np.array(worst[2] if found else (-1, -1, -1))
    count = len(square)
    violations = sum(row[0] for row in rows)
    return MetricCheck(
        is_metric=not violations and asymmetry <= small and diagonal <= small and minimum >= -small,
        max_asymmetry=asymmetry,
        max_diagonal=diagonal,
        minimum=minimum,
        n_violations=violations,
        n_triangles=count * (count - 1) * (count - 2) // 6,
        max_violation=worst[1] if found else 0.0,
        worst=triple,
        additive_constant=worst[1] if found else 0.0,
        tolerance=small,
    )


def _as_tolerance(value: Any) -> float:
    number = _validate.as_number(value, "tolerance")
    if number < 0:
        raise ValueError(f"tolerance must not be negative, not {number}")
    return number


def _violations(square: FloatArray, i: int, small: float) -> tuple[int, float, tuple[int, int, int]]:
    """Count detours shorter than the way from item i to each later one; return the worst and its triple."""
    own, worst, triple, count = square[i], -np.inf, (-1, -1, -1), 0
    buffer = np.empty((_ROWS, len(square)))
    for start in range(i + 1, len(square), _ROWS):
        block = square[start : start + _ROWS]
        detours = np.add(block, own, out=buffer[: len(block)])
        direct = own[start : start + _ROWS]
        excess = direct - detours.min(axis=1)
        k = int(excess.argmax())
        if excess[k] > small:
            short = excess > small
            count += int((direct[short, None] - detours[short] > small).sum())
        if excess[k] > worst:
            worst, triple = float(excess[k]), (i, start + k, int(detours[k].argmin()))
    return count, worst, triple
