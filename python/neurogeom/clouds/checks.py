"""Checks that several kinds of manifolds need."""

from __future__ import annotations


def require_fewer(value: int, name: str, limit: int, limit_name: str) -> None:
    """Refuse a count that is not below a limit."""
    if value >= limit:
        raise ValueError(f"{name} must be below {limit_name} ({limit}), not {value}")
