"""Gram matrices of one representation, centred for HSIC and written as vectors whose inner product is HSIC.

A symmetric matrix is *packed* as its strict lower triangle, row by row, followed by its diagonal over sqrt(2)
if the estimator counts the diagonal: inner products of packed matrices are half those of the matrices.
"""

from __future__ import annotations

import math

import numpy as np

from .._base.checks import FloatArray
from .._base.coordinates import power_of_two_above
from .._base.isa import core
from ..representations.checks import TooLittleDataError
from .base import Order

_EPS = float(np.finfo(np.float64).eps)
# Fourth powers of data of this size, and of what centring leaves of them, stay in the range of float64.
_SMALLEST, _LARGEST = 1e-50, 1e50


def packed_linear_gram(data: FloatArray, estimator: str, center: bool) -> tuple[FloatArray, float]:
    """Pack X X' of a representation X (stimuli x units); see :func:`packed_gram` for what is returned.

    With centred columns the Gram matrix is already centred, and its row sums without the diagonal are minus
    the diagonal: it is written once (a symmetric product) and read once.
    """
    if center:
        # The first row is subtracted first: what is left has the size of the spread, and constant columns are
        # exactly zero.
        data = data - data[0]
        data -= data.mean(axis=0)
    squared = float(np.vdot(data, data))
    packed = core.packed_gram(np.ascontiguousarray(data))
    return _estimated(packed, squared, data.shape, estimator)


class LinearGram:
    """The sum of the Gram matrices of blocks of units of one representation, packed.

    Sums are in units of the largest power of two so far, which is exact, so that fourth powers stay in range.
    """

    def __init__(self, n_stimuli: int, center: bool) -> None:
        self.n_stimuli, self.center = n_stimuli, center
        self.size, self._n_units, self._squared = 0.0, 0, 0.0
        self._packed = np.zeros(n_stimuli * (n_stimuli + 1) // 2)

    def add(self, block: FloatArray) -> None:
        """Add all stimuli of some units."""
        self._n_units += block.shape[1]
        if self.center:  # as in packed_linear_gram; each block has the means of its units
            block = block - block[0]
            block -= block.mean(axis=0)
        largest = max(float(block.max()), -float(block.min()))
        if largest == 0:
            return
        size = power_of_two_above(largest)
        if size > self.size:
            self.rescale(size)
        block = block / self.size
        self._packed += core.packed_gram(block)
        self._squared += float(np.vdot(block, block))

    def rescale(self, size: float) -> None:
        """Count in units of another power of two."""
        ratio = self.size / size
        self._packed *= ratio * ratio
        self._squared *= ratio * ratio
        self.size = size

    def finish(self, estimator: str) -> tuple[FloatArray, float]:
        """Return what `packed_linear_gram` returns, up to a factor; overwrites the sum."""
        return _estimated(self._packed, self._squared, (self.n_stimuli, self._n_units), estimator)


def _estimated(
    packed: FloatArray, squared: float, shape: tuple[int, ...], estimator: str
) -> tuple[FloatArray, float]:
    """Turn the packed Gram matrix, of centred data or deliberately uncentred, into the estimator's vector."""
    count = shape[0]
    vector, diagonal = packed[:-count], packed[-count:]
    noise = 8 * max(shape) * _EPS * squared
    if estimator == "biased":
        # The diagonal counts, so the vector is zero only for data without spread.
        diagonal /= math.sqrt(2)
        return packed, 0.0
    if estimator == "lange":
        return vector, noise
    shifts = diagonal / (count - 2) - squared / (2 * (count - 1) * (count - 2))
    start = 0
    for i in range(count):
        row = vector[start : start + i]
        row += shifts[:i]
        row += shifts[i]
        start += i
    return vector, noise


def packed_gram(gram: FloatArray, estimator: str, center: bool) -> tuple[FloatArray, float]:
    """Centre and pack a Gram matrix, which is overwritten.

    Parameters
    ----------
    gram : ndarray of shape (m, m)
        Symmetric.
    estimator : {"biased", "debiased", "lange"}
        Gretton's: doubly centred. Song's: U-centred, without the diagonal. Lange's: doubly centred, without
        the diagonal.
    center : bool
        If false it is not centred ("biased" only).

    Returns
    -------
    vector : ndarray of shape (m (m - 1) / 2,), or (m (m + 1) / 2,) for "biased"
        The packed matrix.
    noise : float
        How large rounding alone could make the norm of a vector that is zero.
    """
    count = len(gram)
    noise = 8 * count * _EPS * float(np.linalg.norm(gram))
    if not center:
        return _pack(gram, None, True), noise
    if estimator == "debiased":
        np.fill_diagonal(gram, 0.0)
        sums = gram.sum(axis=0)
        shifts = sums.sum() / (2 * (count - 1) * (count - 2)) - sums / (count - 2)
        return _pack(gram, shifts, False), noise
    sums = gram.sum(axis=0)
    shifts = sums.sum() / (2 * count**2) - sums / count
    return _pack(gram, shifts, estimator == "biased"), noise


def _pack(gram: FloatArray, shifts: FloatArray | None, with_diagonal: bool) -> FloatArray:
    """Pack gram + shifts[:, None] + shifts."""
    count = len(gram)
    length = count * (count - 1) // 2
    vector = np.empty(length + count * with_diagonal)
    start = 0
    for i in range(count):
        row = vector[start : start + i]
        if shifts is None:
            row[:] = gram[i, :i]
        else:
            np.add(gram[i, :i], shifts[:i], out=row)
            row += shifts[i]
        start += i
    if with_diagonal:
        diagonal = gram.diagonal() if shifts is None else gram.diagonal() + 2 * shifts
        vector[length:] = diagonal / math.sqrt(2)
    return vector


def unpacked(vector: FloatArray, count: int) -> FloatArray:
    """Return the symmetric matrix that was packed; without its diagonal (zeros) if that was left out."""
    below = np.tri(count, k=-1, dtype=bool)
    square = np.zeros((count, count))
    length = count * (count - 1) // 2
    square[below] = vector[:length]
    square += square.T
    if len(vector) > length:
        np.fill_diagonal(square, vector[length:] * math.sqrt(2))
    return square


def repacked(vector: FloatArray, order: Order) -> FloatArray:
    """Return a packed matrix for its stimuli in another order."""
    count = len(order)
    length = count * (count - 1) // 2
    return _pack(unpacked(vector, count)[np.ix_(order, order)], None, len(vector) > length)


def resampled_without_copies(vector: FloatArray, count: int, stimuli: Order) -> FloatArray:
    """Return the packed U-centred matrix of a resample in which a stimulus and its copy are no pair.

    With multiplicities w, row effects a minimise the sum of w_i w_j (K_ij - a_i - a_j)^2 over pairs of
    different stimuli, and the entries of what is left count sqrt(w_i w_j). If all w are 1, nothing changes.
    Row effects that are in `vector` already drop out.
    """
    weights = np.bincount(stimuli, minlength=count).astype(np.float64)
    (there,) = np.nonzero(weights)
    w = weights[there]
    gram = unpacked(vector, count)[np.ix_(there, there)]
    # (W - 2 w_i) a_i + sum_j w_j a_j = sum_j w_j K_ij, with W the sum of w.
    divisors = w.sum() - 2 * w
    ratios = gram @ w / divisors
    total = float(w @ ratios) / (1 + float((w / divisors).sum()))
    effects = ratios - total / divisors
    roots = np.sqrt(w)
    gram -= effects[:, None]
    gram -= effects
    gram *= roots[:, None]
    gram *= roots
    return _pack(gram, None, False)


def rbf_gram(gram: FloatArray, bandwidth: float, shifted: bool, label: str) -> FloatArray:
    """K = exp(-d^2 / (2 s^2)) with s = bandwidth * (median distance of two stimuli).

    Takes the squared distances d^2, which are overwritten. With `shifted`, a constant is subtracted if that
    saves digits of a K with nearly equal entries; centring removes it anyway.
    """
    median = float(np.median(np.sqrt(_pack(gram, None, False))))
    if median == 0:
        raise TooLittleDataError(
            f"half or more of the pairs of stimuli of {label} are equal: their median distance, the unit of "
            "bandwidth, is 0"
        )
    scale = bandwidth * median
    gram *= -0.5 / (scale * scale)
    return np.expm1(gram, out=gram) if shifted and bandwidth >= 1 else np.exp(gram, out=gram)


def in_range(data: FloatArray) -> FloatArray:
    """Return data whose fourth powers stay in the range of float64: rescaled if need be."""
    size = max(float(data.max()), -float(data.min()))
    return data if size == 0 or _SMALLEST < size < _LARGEST else data / size
