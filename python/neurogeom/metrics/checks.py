"""Checks that several metrics share."""

from __future__ import annotations

from typing import Any

from .._base.checks import as_number
from ..representations.checks import TooLittleDataError


def refuse_option(name: str, owner: str, given: str) -> None:
    """Refuse an option that the chosen rule does not use."""
    raise ValueError(f"{name} belongs to {owner}, but here {given}")


def require_spread(extent: float, name: str) -> None:
    """Refuse a representation that does not vary over stimuli."""
    if extent == 0:
        raise TooLittleDataError(
            f"{name} does not vary over stimuli, so that its distance to others is not defined"
        )


def require_stimuli(count: int, least: int, name: str, measure: str) -> None:
    """Refuse too few stimuli."""
    if count < least:
        raise TooLittleDataError(f"{measure} needs at least {least} stimuli, but {name} has {count}")


def refuse_zero_gram(name: str) -> None:
    """Refuse a centred Gram matrix that is zero up to rounding."""
    raise TooLittleDataError(
        f"the centred Gram matrix of {name} is zero, so that its CKA with others is not defined"
    )


def as_penalty(value: Any, name: str = "penalty") -> float:
    """Take the weight of a penalty, 0 or more."""
    number = as_number(value, name)
    if number < 0:
        raise ValueError(f"{name} must not be negative, not {number}")
    return number
