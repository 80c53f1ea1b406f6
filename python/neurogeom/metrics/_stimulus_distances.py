"""Distances between the stimuli of one item: sums over units of (a_i - a_j) (b_i - b_j).

Here a and b are two maps of the responses, usually the same one. For an item in one block the sums come from
one matrix product; for one in several blocks, products are added up. Either way a sum that is small compared
with the squared lengths loses digits in a_i b_i - a_i b_j - a_j b_i + a_j b_j, so small ones are recomputed
from differences of the stimuli (blocks are read a second time for that).

What counts as small depends on the use. Dissimilarities are ranked, correlated and divided by each other, so
each must be accurate relative to itself: whatever lost more than log2(64) = 6 bits is recomputed
(`RDM_CANCELLED`). A kernel exp(-d^2 / (2 s^2)) takes d^2 in units of a median distance, which is of the order
of the lengths: there, the digits that cancel are lost anyway in the 1 that is added. Only what lost more than
13 bits is recomputed (`KERNEL_CANCELLED`), for stimuli much closer to each other than to the others and for
duplicates; doing more would cost time and gain nothing.

Responses are exact; computed rows, such as patterns of length 1 and logarithms, are rounded to eps of their
size, and so are their differences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import scipy.spatial.distance
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks

RDM_CANCELLED = 1 / 64
KERNEL_CANCELLED = 1e-4

# Two maps of the responses of a block; the same array twice for one map.
Maps: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
Centre: TypeAlias = Callable[[FloatArray], FloatArray]

# How far rounding may separate computed rows that should be equal, relative to their length.
ZERO = 8 * float(np.finfo(np.float64).eps)
# How many numbers a block of differences holds, for a whole item and for one block of it.
_CHUNK, _BLOCK_CHUNK = 1 << 20, 1 << 18


# ---- for an item in one block


def differences(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sums over units of (a_i - a_j) (b_i - b_j), from one product."""
    return _of_products(a @ b.T, a is b)


def _of_products(products: FloatArray, are_symmetric: bool = False) -> FloatArray:
    own = np.diagonal(products).copy()
    products = 2 * products if are_symmetric else products + products.T
    np.subtract(own, products, out=products)
    products += own[:, None]
    return products


def bilinear(a: FloatArray, b: FloatArray | None = None, rounded: bool = False) -> FloatArray:
    """Condensed sums over units of (a_i - a_j) (b_i - b_j), accurate relative to each of them.

    For two maps of the same data that rise together, so that no sum is negative; by default b is a. If a is
    the rounded result of a computation (`rounded`), differences of the size of its rounding become zero.
    """
    blur = ZERO * np.sqrt(np.einsum("ij,ij->i", a, a))
    a = a - a.mean(axis=0)
    b = a if b is None else b - b.mean(axis=0)
    square = differences(a, b)
    lengths = [np.sqrt(np.einsum("ij,ij->i", x, x)) for x in ((a,) if b is a else (a, b))]
    scale = np.add.outer(lengths[0], lengths[0])
    scale *= scale if b is a else np.add.outer(lengths[1], lengths[1])
    scale *= RDM_CANCELLED
    close = np.argwhere(np.triu(square < scale, 1))
    step = max(1, _CHUNK // a.shape[1])
    for start in range(0, len(close), step):
        i, j = close[start : start + step].T
        square[i, j] = np.einsum("ku,ku->k", a[i] - a[j], b[i] - b[j])
    if rounded:
        i, j = np.nonzero(square <= (2 * blur.max()) ** 2)
        square[i, j] = np.where(square[i, j] <= (blur[i] + blur[j]) ** 2, 0.0, square[i, j])
    return condensed_of(square)


def condensed_of(square: FloatArray) -> FloatArray:
    """The entries above the diagonal, row after row."""
    return np.concatenate([row[i + 1 :] for i, row in enumerate(square)])


def squared_distances(data: FloatArray) -> FloatArray:
    """Squared Euclidean distances of all pairs of rows, each accurate relative to itself."""
    # Not the mean: an outlier would move it, leaving all others far from it and close to each other.
    data = data - _median_of_stimuli(data)
    found = data @ data.T
    norms = found.diagonal().copy()
    found *= -2.0
    found += norms[:, None]
    found += norms
    for i in range(1, len(data)):
        (near,) = np.nonzero(found[i, :i] < KERNEL_CANCELLED * (norms[i] + norms[:i]))
        if near.size:
            exact = scipy.spatial.distance.cdist(data[i : i + 1], data[near], "sqeuclidean")[0]
            found[i, near] = found[near, i] = exact
    np.fill_diagonal(found, 0.0)
    return found


def _median_of_stimuli(data: FloatArray) -> FloatArray:
    return np.asarray(np.median(data, axis=0))


# ---- for an item in several blocks


def responses(block: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return responses unchanged: the maps for squared distances."""
    return block, block


def mean_of_stimuli(rows: FloatArray) -> FloatArray:
    """Return the default point that rows are taken relative to in products."""
    return np.asarray(rows.mean(axis=0))


def sum_differences(
    blocks: UnitBlocks, maps: Maps, cancelled: float, centre: Centre = mean_of_stimuli
) -> FloatArray:
    """Sums over units of (a_i - a_j) (b_i - b_j), for two maps a and b of the responses.

    Products are of rows relative to their `centre`. Sums below the share `cancelled` of
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
    products = _of_products(products)
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
        step = max(1, _BLOCK_CHUNK // a.shape[1])
        for start in range(0, len(pairs), step):
            i, j = pairs[start : start + step].T
            left = a[i] - a[j]
            right = left if b is a else b[i] - b[j]
            sums[start : start + step] += np.einsum("ku,ku->k", left, right)
    return sums


def sum_squared_distances(blocks: UnitBlocks) -> FloatArray:
    """Squared Euclidean distances of all pairs of stimuli, for an item in several blocks of units."""

    def compute() -> FloatArray:
        return sum_differences(blocks, responses, KERNEL_CANCELLED, _median_of_stimuli)

    return blocks.once("squared distances", compute).copy()  # as it is overwritten


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Patterns:
    """What turns stimuli into patterns of length 1, centred over units if wanted; arrays (n_stimuli, 1)."""

    exponents: NDArray[np.int32]  # of the powers of two by which rows are divided
    origin: FloatArray  # relative to it, means are as accurate as deviations from them
    mean: FloatArray
    length: FloatArray

    def directions(self, block: FloatArray) -> FloatArray:
        """Return the patterns of length 1 for a block of units."""
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
