"""Search for the map of units that aligns two sets of distributions, from several starts.

The objectives are to be maximised over maps Q with orthonormal rows (rotations, matchings), and have in
common that each step can be taken in closed form: from any Q0 there is a G with f(Q) >= f(Q0) + <G, Q - Q0>
for all Q, so that the Q that maximises <G, Q> is at least as good as Q0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from .._base.checks import FloatArray

GROUPS = ("orth", "perm", "identity")
# A step that gains less than this share of the objective's size is the last one.
TOLERANCE = 1e-13
MOST_STEPS = 10_000

# Of a map: the objective, and the G of the bound above.
Objective: TypeAlias = Callable[[FloatArray], tuple[float, FloatArray]]


class Climb(NamedTuple):
    """Where a search ended; `values` are the objective after each step."""

    map: FloatArray
    values: list[float]
    converged: bool


def rotation(gain: FloatArray) -> FloatArray:
    """Return the map with orthonormal rows that has the largest inner product with `gain`."""
    u, _, vt = np.linalg.svd(gain, full_matrices=False)
    return np.asarray(u @ vt)


def matching(gain: FloatArray) -> FloatArray:
    """Return the matching of rows to columns, a matrix of zeros and ones, with the largest gain."""
    found = np.zeros(gain.shape)
    found[linear_sum_assignment(gain, maximize=True)] = 1.0
    return found


def identity(gain: FloatArray) -> FloatArray:
    """Return the identity, whatever the gain."""
    return np.eye(len(gain))


BEST_MAP: dict[str, Callable[[FloatArray], FloatArray]] = {
    "orth": rotation,
    "perm": matching,
    "identity": identity,
}


def random_start(group: str, shape: tuple[int, int], seed: int, number: int) -> FloatArray:
    """Return start `number` of a seed: the same for all pairs of items of these widths."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
    return BEST_MAP[group](generator.standard_normal(shape))


def climb(objective: Objective, group: str, start: FloatArray, size: float, steps: int = MOST_STEPS) -> Climb:
    """Improve a start until a step gains next to nothing of `size`; no step makes it worse.

    Rotations are found from an extrapolation of the last two gains, as in accelerated gradient methods; where
    that makes things worse, the plain step is taken instead.
    """
    best_map = BEST_MAP[group]
    best = start
    value, gain = objective(best)
    values, before, age = [value], gain, 0
    if group == "identity":
        return Climb(best, values, converged=True)
    for _ in range(steps):
        ahead = gain + age / (age + 3) * (gain - before) if group == "orth" else gain
        candidate = best_map(ahead)
        found, new_gain = objective(candidate)
        if age and found < value:
            age, candidate = 0, best_map(gain)
            found, new_gain = objective(candidate)
        step = found - value
        if step <= 0 and age == 0:  # by rounding
            return Climb(best, values, converged=True)
        best, value, before, gain = candidate, found, gain, new_gain
        values.append(value)
        if step < TOLERANCE * size:
            if age == 0:
                return Climb(best, values, converged=True)
            age = 0  # once more, without extrapolation
        elif group == "orth":
            age += 1
    return Climb(best, values, converged=False)


def climb_from_all(
    objective: Objective, group: str, guesses: list[FloatArray], size: float, n_restarts: int, seed: int
) -> list[Climb]:
    """Search from the better of some guesses, and from random starts; the best is first."""
    if group == "identity":
        return [climb(objective, group, guesses[0], size)]
    heights = [objective(guess)[0] for guess in guesses] if len(guesses) > 1 else [0.0]
    starts = [guesses[int(np.argmax(heights))]]
    starts += [random_start(group, starts[0].shape, seed, k) for k in range(n_restarts)]
    found = [climb(objective, group, start, size) for start in starts]
    return sorted(found, key=lambda one: -one.values[-1])
