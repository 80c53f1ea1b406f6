"""Checks that several ways to learn from few examples need."""

from __future__ import annotations

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
