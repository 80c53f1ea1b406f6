"""Distances between stimuli of an item that is read in blocks of units.

A distance is a sum over units, so that products of blocks add up to it. Where that cancels, differences of
the stimuli are formed in a second reading, so that what is promised for a whole item holds here too: each
distance is accurate relative to itself, as far as the rows are that it is computed from. (Responses are
exact; patterns of length 1 and logarithms are rounded to eps of their size.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.representation import UnitBlocks

# Two maps of the responses of a block; the same array twice for one map.
Maps: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
Centre: TypeAlias = Callable[[FloatArray], FloatArray]

_CHUNK = 1 << 18  # numbers of a block of differences


def mean_of_stimuli(rows: FloatArray) -> FloatArray:
    """Give the point from which products count rows, by default."""
    return np.asarray(rows.mean(axis=0))


def sum_differences(
    blocks: UnitBlocks, maps: Maps, cancelled: float, centre: Centre = mean_of_stimuli
) -> FloatArray:
    """Sums over units of (a_i - a_j) (b_i - b_j), for two maps a and b of the responses.

    Products are those of rows about their `centre`. Sums below the share `cancelled` of
    (|a_i| + |a_j|) (|b_i| + |b_j|) come from differences, the others from products. Zero on the diagonal.
    """
    count = blocks.shape[0]
    products, square_a, square_b = np.zeros((count, count)), np.zeros(count), np.zeros(count)
    for block in blocks:
        rows, others = maps(block)
        a = rows - centre(rows)
        b = a if others is rows else others - centre(others)
        products += a @ b.T
        square_a += np.einsum("ij,ij->i", a, a)
        square_b += np.einsum("ij,ij->i", b, b)
    own = products.diagonal().copy()
    products = products + products.T
    np.subtract(own, products, out=products)
    products += own[:, None]
    scale = np.add.outer(np.sqrt(square_a), np.sqrt(square_a))
    scale *= np.add.outer(np.sqrt(square_b), np.sqrt(square_b))
    scale *= cancelled
    close = np.argwhere(np.triu(products < scale, 1))
    np.fill_diagonal(products, 0.0)
    if close.size:
        exact = _sum_close_differences(blocks, maps, close)
        products[close[:, 0], close[:, 1]] = exact
        products[close[:, 1], close[:, 0]] = exact
    return products


def _sum_close_differences(blocks: UnitBlocks, maps: Maps, pairs: NDArray[np.intp]) -> FloatArray:
    sums = np.zeros(len(pairs))
    for block in blocks:
        a, b = maps(block)
        step = max(1, _CHUNK // a.shape[1])
        for start in range(0, len(pairs), step):
            i, j = pairs[start : start + step].T
            left = a[i] - a[j]
            right = left if b is a else b[i] - b[j]
            sums[start : start + step] += np.einsum("ku,ku->k", left, right)
    return sums


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Patterns:
    """What makes patterns of stimuli of length 1, centred over units if wanted; arrays of (n_stimuli, 1)."""

    exponents: NDArray[np.int32]  # of the powers of two by which rows are divided
    origin: FloatArray  # counted from there, means are as accurate as deviations from them
    mean: FloatArray
    length: FloatArray

    def directions(self, block: FloatArray) -> FloatArray:
        """Give some units of the patterns of length 1."""
        rows = np.ldexp(block - self.origin, -self.exponents)
        rows -= self.mean
        rows /= self.length
        return rows


def measure_patterns(blocks: UnitBlocks, centre: bool) -> Patterns:
    """Find means and lengths over units in one reading.

    Means and sums of squares of blocks are combined as by Chan, Golub & LeVeque (1983): all terms of the sum
    of squared deviations are positive.
    """
    count = blocks.shape[0]
    largest, mean, square = np.zeros(count), np.zeros(count), np.zeros(count)
    origin, exponents, seen = np.zeros((count, 1)), np.zeros(count, dtype=np.int32), 0
    for block in blocks:
        if centre and not seen:
            origin = block[:, :1].copy()  # units of one value have exactly zero deviation
        largest = np.maximum(largest, np.maximum(block.max(axis=1), -block.min(axis=1)))
        now = np.frexp(largest)[1]
        mean, square = np.ldexp(mean, exponents - now), np.ldexp(square, 2 * (exponents - now))
        exponents = now
        rows, width = np.ldexp(block - origin, -exponents[:, None]), block.shape[1]
        if centre:
            own = rows.mean(axis=1)
            rows -= own[:, None]
            gap = own - mean
            mean = mean + gap * (width / (seen + width))
            square += np.square(gap) * (seen * width / (seen + width))
        square += np.square(rows, out=rows).sum(axis=1)
        seen += width
    return Patterns(exponents[:, None], origin, mean[:, None], np.sqrt(square)[:, None])


def responses(block: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Take responses as they are: the maps of squared distances."""
    return block, block
