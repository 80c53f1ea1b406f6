"""Second moments of a set of manifolds, and of any other grouping of the same points.

The data are read once, in blocks of features; what is kept of them is the Gram matrix of all points, or the
points themselves where they have few features.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import ZERO_LENGTH, power_of_two_above
from .manifolds import Manifolds

# Feature blocks of all points stay below this.
_BLOCK_BYTES = 1 << 25


@dataclasses.dataclass(frozen=True)
class Moments:
    """All that the measures need from one grouping of the points, in units of the data's scale."""

    centers: FloatArray  # (P, P) c_mu . c_nu
    along: FloatArray  # (P, P) c_mu' S_nu c_mu
    overlaps: FloatArray  # (P, P) tr S_mu S_nu
    variances: FloatArray  # (P,) tr S_mu
    zero: float  # squared length below which a centre or a spread is zero


class _Reader:
    """Reads the features in blocks, relative to the first point; refuses NaN and tracks the overall scale."""

    def __init__(self, clouds: Manifolds) -> None:
        self.clouds = clouds
        self.size = 0.0  # the largest magnitude among features that vary
        self.scale = 1.0  # a power of two, at least the largest difference from the first point

    def block(self, start: int, stop: int) -> FloatArray:
        block = self.clouds.features(start, stop)
        magnitude = np.abs(block).max(axis=0)
        largest = float(magnitude.max())
        if not np.isfinite(largest):
            self.clouds.require_finite()
        if largest > 1:
            _validate.require_magnitude(largest, "manifolds")
        # Constant features become zero exactly, and a large common offset leaves no rounding behind.
        block -= block[0].copy()
        varies = block.any(axis=0)
        self.size = max(self.size, float(magnitude[varies].max(initial=0.0)))
        return block

    def finish(self) -> None:
        if self.size == 0:
            raise ValueError("manifolds has no variance: all points are the same")
        _validate.require_magnitude(self.size, "manifolds")

    @property
    def zero(self) -> float:
        return (ZERO_LENGTH * self.size / self.scale) ** 2


class CovarianceMoments:
    """Moments from the P covariances, for many points with few features."""

    def __init__(self, clouds: Manifolds) -> None:
        reader = _Reader(clouds)
        self._points = reader.block(0, clouds.n_features)
        reader.finish()
        self.scale = reader.scale = power_of_two_above(float(np.abs(self._points).max()))
        self._points /= self.scale
        self._counts, self._zero = clouds.n_points, reader.zero
        self.observed = self.shuffled(np.arange(len(self._points)))

    def shuffled(self, order: NDArray[np.intp]) -> Moments:
        groups = np.split(order, np.cumsum(self._counts)[:-1])
        n_features = self._points.shape[1]
        centers = np.empty((len(groups), n_features))
        covariances = np.empty((len(groups), n_features, n_features))
        for m, group in enumerate(groups):
            points = self._points[group]
            points -= points[0].copy()
            mean = points.mean(axis=0)
            centers[m] = self._points[group[0]] + mean
            points -= mean
            covariances[m] = points.T @ points / len(group)
        centers -= self._counts @ centers / self._counts.sum()
        flat = covariances.reshape(len(groups), -1)
        along = np.stack([((centers @ matrix) * centers).sum(axis=1) for matrix in covariances], axis=1)
        variances = np.trace(covariances, axis1=1, axis2=2)
        return Moments(centers @ centers.T, along, flat @ flat.T, variances, self._zero)


class GramMoments:
    """Moments from the Gram matrix of all points, for few points with many features.

    With x_i = c_m(i) + w_i, the products of centres, of centres with residuals w, and of residuals are kept
    separately for the unshuffled data: a small centre or spread, even zero, is as precise as a large one.
    """

    def __init__(self, clouds: Manifolds) -> None:
        self._counts = counts = clouds.n_points
        self._ends = np.cumsum(counts)
        total, n_groups = int(counts.sum()), len(counts)
        centers, cross = np.zeros((n_groups, n_groups)), np.zeros((n_groups, total))
        within = np.zeros((total, total), order="F")
        reader, scale = _Reader(clouds), 0.0
        step = max(1, _BLOCK_BYTES // (8 * total))
        for start in range(0, clouds.n_features, step):
            block = reader.block(start, start + step)
            largest = float(np.abs(block).max())
            if largest > scale:
                grown = power_of_two_above(largest)
                for products in (centers, cross, within):
                    products *= (scale / grown) ** 2
                scale = grown
            elif largest == 0:
                continue
            block /= scale
            means = np.empty((n_groups, block.shape[1]))
            for m, rows in enumerate(self._rows()):
                first = block[rows.start].copy()
                block[rows] -= first
                mean = block[rows].mean(axis=0)
                block[rows] -= mean
                means[m] = first + mean
            means -= counts @ means / total
            centers += means @ means.T
            cross += means @ block.T
            within = scipy.linalg.blas.dsyrk(1.0, block.T, beta=1.0, c=within, trans=1, overwrite_c=1)
        reader.finish()
        self.scale = reader.scale = scale
        for rows in self._rows():  # the other triangle
            within[rows, : rows.start] = within[: rows.start, rows].T
            within[rows, rows] = np.triu(within[rows, rows]) + np.triu(within[rows, rows], 1).T
        self._zero = reader.zero
        self._gram = within.T
        slabs = (within.T[rows] for rows in self._rows())
        self.observed = self._moments(centers, cross, slabs, self._zero)
        for m, rows in enumerate(self._rows()):
            self._gram[rows] += cross[m] + np.repeat(cross[:, rows], counts, axis=0).T
            self._gram[rows] += np.repeat(centers[m], counts)
        # What is left of a mean that cancels in the Gram matrix is known less well.
        self._zero_shuffled = max(self._zero, ZERO_LENGTH * float(np.diagonal(self._gram).mean()))

    def _rows(self) -> list[slice]:
        return [slice(end - n, end) for end, n in zip(self._ends, self._counts, strict=True)]

    def _sums(self, matrix: FloatArray) -> FloatArray:
        """Sum over the columns of each manifold."""
        return np.add.reduceat(matrix, self._ends - self._counts, axis=1)

    def shuffled(self, order: NDArray[np.intp]) -> Moments:
        members = [order[rows] for rows in self._rows()]
        means = np.stack([self._gram[group].mean(axis=0)[order] for group in members])  # c_m . x_j
        centers = self._sums(means) / self._counts
        cross = means - np.repeat(centers, self._counts, axis=1)
        slabs = (
            self._gram[np.ix_(group, order)] - means[m] - np.repeat(cross[:, rows], self._counts, axis=0).T
            for m, (group, rows) in enumerate(zip(members, self._rows(), strict=True))
        )
        return self._moments(centers, cross, slabs, self._zero_shuffled)

    def _moments(
        self, centers: FloatArray, cross: FloatArray, slabs: Iterable[FloatArray], zero: float
    ) -> Moments:
        """Moments of a grouping; `slabs` are the rows of the residuals' Gram matrix, group after group."""
        overlaps = np.empty_like(centers)
        variances = np.empty(len(centers))
        for m, (rows, slab) in enumerate(zip(self._rows(), slabs, strict=True)):
            variances[m] = np.diagonal(slab[:, rows]).mean()
            overlaps[m] = self._sums(slab**2).mean(axis=0) / self._counts
        return Moments(centers, self._sums(cross**2) / self._counts, overlaps, variances, zero)


def moments_of(clouds: Manifolds) -> CovarianceMoments | GramMoments:
    """Choose whichever needs less memory."""
    total = int(clouds.n_points.sum())
    small = clouds.n_features**2 * len(clouds) <= total**2
    return CovarianceMoments(clouds) if small else GramMoments(clouds)
