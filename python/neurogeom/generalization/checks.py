"""Checks that several ways to learn from few examples need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._base import checks as _validate
from ..clouds.manifolds import Manifolds, ManifoldsLike, as_manifolds


def as_classes(manifolds: ManifoldsLike) -> Manifolds:
    """Take manifolds as classes to tell apart, of which there must be two."""
    clouds = as_manifolds(manifolds)
    if len(clouds) < 2:
        raise ValueError("manifolds holds one manifold; there must be at least two manifolds to tell apart")
    return clouds


def require_points_to_test(clouds: Manifolds, n_shots: int) -> None:
    """Refuse a class that would have no point left beside its shots."""
    k = int(clouds.n_points.argmin())
    if clouds.n_points[k] <= n_shots:
        raise ValueError(
            "n_shots must be below the number of points of each class, to leave one to test; it is "
            f"{n_shots} and manifolds[{k}] ({clouds.names[k]!s}) has {clouds.n_points[k]}"
        )


def require_moments(clouds: Manifolds, corrected: bool) -> None:
    """Refuse a class with too few points for its moments."""
    k, fewest = int(clouds.n_points.argmin()), 4 if corrected else 2
    if clouds.n_points[k] < fewest:
        raise ValueError(
            f"manifolds[{k}] ({clouds.names[k]!s}) has {clouds.n_points[k]} points; "
            f"{'the correction' if corrected else 'a covariance'} needs at least {fewest}"
        )


def as_shots(n_shots: int | Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """Take one or several numbers of shots; return them, and whether they came as a sequence."""
    several = np.ndim(n_shots) > 0
    given = n_shots if several else [n_shots]
    shots = tuple(_validate.as_count(m, "n_shots") for m in given)  # type: ignore[union-attr]
    if not shots:
        raise ValueError("n_shots is empty")
    return shots, several
