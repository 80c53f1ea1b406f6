"""From what users pass as ``rng`` to the 64-bit keys of the counter-based draws (see random.hpp)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

RandomSource: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


def as_generator(rng: RandomSource) -> np.random.Generator:
    """Take what users pass: None is fresh entropy, an int or SeedSequence a seed, a Generator continues."""
    if isinstance(rng, (bool, np.random.RandomState)) or (
        rng is not None
        and not isinstance(rng, (int, np.integer, np.random.SeedSequence, np.random.Generator))
    ):
        raise TypeError(
            f"rng must be None, an int, a numpy SeedSequence or a numpy Generator, not {type(rng).__name__}"
        )
    if isinstance(rng, (int, np.integer)) and rng < 0:
        raise ValueError(f"rng must be a non-negative seed, not {rng}")
    return np.random.default_rng(rng)


def draw_key(generator: np.random.Generator) -> int:
    """Draw the 64-bit key of one family of random numbers; this advances the generator."""
    return int(generator.integers(0, 2**64, dtype=np.uint64))
