"""The nearest neighbours of each stimulus among the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.spatial.distance
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from . import checks as check
from ._rdm import RDMRule
from .base import Part

# Dissimilarities that agree to this share of their size are tied, as when RDMs are ranked: rounding must not
# decide between duplicates of a stimulus, or between stimuli with binary features.
_TIE = 1e-13


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class NearestStimuli:
    """The k nearest neighbours of each of m stimuli; arrays are (m, k), neighbours by rising index."""

    n_stimuli: int
    codes: NDArray[np.intp]  # m * stimulus + neighbour, so that they rise
    reverse: NDArray[np.intp]  # m * neighbour + stimulus
    ranks: NDArray[np.unsignedinteger]  # 1 for the nearest
    dissimilarities: FloatArray
    all_dissimilarities: FloatArray | None = None  # (m, m), if they are wanted

    def rank_map(self) -> NDArray[np.unsignedinteger]:
        """Return the rank of each neighbour at the place of its code, and 0 elsewhere."""
        ranks = np.zeros(self.n_stimuli**2, dtype=self.ranks.dtype)
        ranks[self.codes] = self.ranks
        return ranks


@dataclasses.dataclass(frozen=True)
class NearestPart(Part):
    """The nearest neighbours of each stimulus by a dissimilarity of :class:`RDMRule`."""

    dissimilarity: str
    n_neighbors: int
    center: bool = False
    keep_all: bool = False

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice, unless they are centred first."""
        return self.center

    def prepare(self, data: UnitBlocks) -> NearestStimuli:
        """Rank the others of each stimulus."""
        count, k = data.shape[0], self.n_neighbors
        if k > count - 1:
            raise TooLittleDataError(
                f"n_neighbors is {k}, but each of the {count} stimuli of {data.label} has {count - 1} others"
            )
        if self.center:
            centred = data.whole() - data.whole()[0]  # constant columns become zero
            data = UnitBlocks(centred - centred.mean(axis=0), data.label)
        condensed = RDMRule(self.dissimilarity).condensed(data)
        if self.dissimilarity == "euclidean":
            check.require_spread(float(condensed.max()), data.label)
        square = scipy.spatial.distance.squareform(condensed)
        nearest = nearest_neighbours(square, k)
        order = np.argsort(nearest, axis=1)
        neighbours = np.take_along_axis(nearest, order, axis=1)
        own = np.arange(count)[:, None]
        return NearestStimuli(
            count,
            own * count + neighbours,
            neighbours * count + own,
            (order + 1).astype(np.min_scalar_type(k)),
            np.take_along_axis(square, neighbours, axis=1),
            square if self.keep_all else None,
        )


def nearest_neighbours(square: FloatArray, k: int) -> NDArray[np.intp]:
    """Return the k nearest others of each stimulus, nearest first; ties go to the lower index.

    Parameters
    ----------
    square : ndarray of shape (m, m)
        Dissimilarities, none negative.
    k : int
        At most m - 1.
    """
    count = len(square)
    others = square.copy()
    np.fill_diagonal(others, np.inf)
    kept = min(k + 1, count - 1)
    near = np.sort(np.argpartition(others, kept - 1, axis=1)[:, :kept], axis=1)
    rising = np.take_along_axis(others, near, axis=1)
    order = np.argsort(rising, axis=1, kind="stable")
    nearest = np.take_along_axis(near, order, axis=1)[:, :k]
    rising = np.take_along_axis(rising, order, axis=1)
    (tied,) = np.nonzero(~_differ(rising).all(axis=1))
    if tied.size:
        rows = others[tied]
        order = np.argsort(rows, axis=1, kind="stable")
        runs = np.zeros(rows.shape, dtype=np.intp)
        np.cumsum(_differ(np.take_along_axis(rows, order, axis=1)), axis=1, out=runs[:, 1:])
        nearest[tied] = np.sort(runs * count + order, axis=1)[:, :k] % count
    return nearest


def _differ(rising: FloatArray) -> NDArray[np.bool_]:
    """Whether each value of a row is above the one before it."""
    return np.asarray(np.diff(rising, axis=1) > _TIE * rising[:, :-1])
