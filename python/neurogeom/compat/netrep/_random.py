"""What netrep takes as a source of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_random_state(value: Any) -> np.random.RandomState:
    """Take None (NumPy's global state, as after np.random.seed), a seed, or a RandomState."""
    if value is None or value is np.random:
        return np.random.mtrand._rand
    if isinstance(value, np.random.RandomState):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return np.random.RandomState(value)
    raise TypeError(f"random_state must be None, a seed or a RandomState, not {type(value).__name__}")


def seed_from(value: Any) -> int:
    """Draw a seed for our own generators."""
    return int(as_random_state(value).randint(2**31))
