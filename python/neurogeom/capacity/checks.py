"""Checks that several capacities need."""

from __future__ import annotations

from .._base.checks import AnyArray


def require_same_width(first: AnyArray, first_name: str, second: AnyArray, second_name: str) -> None:
    """Refuse matrices whose rows differ in length."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{first_name} and {second_name} must have rows of the same length, not {first.shape[1]} and "
            f"{second.shape[1]}"
        )
