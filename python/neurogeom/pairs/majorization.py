"""Minimisation by majorisation: steps that never go uphill, taken faster.

SMACOF and generalised Procrustes are of this kind: each point has an image that is at least as good, the
minimum of a quadratic that lies above the function and touches it at the point. From point to image is thus
the negative gradient, scaled. The images themselves converge slowly. Limited-memory BFGS (Nocedal & Wright,
Numerical Optimization, algorithm 7.4) with this scaling saves most of the steps; where its step would not
go downhill, the image is taken instead, so that the value never rises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from .._base.checks import FloatArray

_MEMORY = 10  # steps that are remembered
_SUFFICIENT = 1e-4  # share of what the slope promises that a step has to gain


class Step(NamedTuple):
    """A point (as the function sees it), its value, its image, and what the image gains at least."""

    point: FloatArray
    value: float
    image: FloatArray
    gain: float


class Minimum(NamedTuple):
    """Where a search ended; `values` are those of the points that it went through."""

    point: FloatArray
    values: list[float]
    is_converged: bool


Map: TypeAlias = Callable[[FloatArray], Step]
Inner: TypeAlias = Callable[[FloatArray, FloatArray], float]
# Where a step went, how the moves differ between its ends, and the inner product of both.
Remembered: TypeAlias = tuple[FloatArray, FloatArray, float]


def dot(a: FloatArray, b: FloatArray) -> float:
    """Inner product of two arrays."""
    return float(np.vdot(a, b))


def minimise(
    step: Map, start: FloatArray, *, tolerance: float, floor: float, max_steps: int, inner: Inner = dot
) -> Minimum:
    """Go downhill from image to image, until one gains no more than `tolerance` of the value.

    Parameters
    ----------
    step : callable
        From a point to its :class:`Step`.
    start : ndarray
        Where to begin; not written to.
    tolerance : float
        Share of the value that a step has to gain.
    floor : float
        A value that counts as zero.
    max_steps : int
        Evaluations of `step`.
    inner : callable, optional
        Inner product in which the quadratics are round; by default that of the coordinates.
    """
    here = step(start)
    values = [here.value]
    memory: list[Remembered] = []
    for _ in range(1, max_steps):
        if here.gain <= tolerance * here.value or here.value <= floor:
            return Minimum(here.point, values, True)
        move = here.image - here.point
        ahead = _newton_like(move, memory, inner)
        slope = 2 * inner(ahead, move)
        there = step(here.point + ahead)
        if not (slope > 0 and there.value <= here.value - _SUFFICIENT * slope):
            there = step(here.image)
        if not there.value < here.value:  # only rounding is left
            return Minimum(here.point, values, True)
        went, bent = there.point - here.point, move - (there.image - there.point)
        curvature = inner(went, bent)
        if curvature > 1e-12 * inner(went, went):
            memory = [*memory[1 - _MEMORY :], (went, bent, curvature)]
        here = there
        values.append(here.value)
    return Minimum(here.point, values, False)


def _newton_like(
    move: FloatArray, memory: list[tuple[FloatArray, FloatArray, float]], inner: Inner
) -> FloatArray:
    """Apply the approximate inverse curvature to a move (the two-loop recursion)."""
    ahead, shares = move, []
    for went, bent, curvature in reversed(memory):
        shares.append(inner(went, ahead) / curvature)
        ahead = ahead - shares[-1] * bent
    if memory:
        _, bent, curvature = memory[-1]
        ahead = ahead * (curvature / inner(bent, bent))
    for (went, bent, curvature), share in zip(memory, reversed(shares), strict=True):
        ahead = ahead + (share - inner(bent, ahead) / curvature) * went
    return ahead
