"""From what users pass as ``rng`` to the 64-bit keys of the counter-based draws (see random.hpp)."""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

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


def twin(generator: np.random.Generator) -> np.random.Generator:
    """Return a generator that will draw and spawn the same as this one, which does not move.

    ``copy.deepcopy`` loses the seed sequence before NumPy 2.0, and then spawns from fresh entropy.
    """
    of_generator: Any = generator.bit_generator
    bits = type(of_generator)(copy.deepcopy(of_generator.seed_seq))
    bits.state = of_generator.state
    return np.random.Generator(bits)


def draw_key(generator: np.random.Generator) -> int:
    """Draw the 64-bit key of one family of random numbers; this advances the generator."""
    return int(generator.integers(0, 2**64, dtype=np.uint64))
