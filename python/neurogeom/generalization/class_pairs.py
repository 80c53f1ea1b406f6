"""All ordered pairs of classes: numbers of each, how much each point moves them, and their means.

A number of a pair comes with its moves: how much each point of either class moves it, by a jackknife. Their
sum of squares is the squared standard error over points. Moves of a mean over pairs are sums of those of its
terms, so that the error of the mean counts that pairs share points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.coordinates import NO_EXTENT, power_of_two_above
from .._base.progress import ProgressFunction
from .._base.threads import map_threads, single_threaded_blas
from ..clouds.manifolds import Manifolds, mean_point


@registered
class CentredClass(NamedTuple):
    """A class of K points: their mean, e_i = the points less their mean, and inner products of these."""

    mean: FloatArray  # (n_features,)
    centred: FloatArray  # (K, n_features)
    gram: FloatArray  # (K, K)
    lengths: FloatArray  # |e_i|^2


def centred_class(cloud: Any, unit: float) -> CentredClass:
    """Centre a class, in units of a power of two, divisions by which are exact."""
    points = np.ascontiguousarray(cloud, dtype=np.float64) / unit
    mean = points.mean(axis=0)
    centred = points - mean
    # A mean is rounded; of points that are all the same that would be all there is.
    rest = centred.mean(axis=0)
    mean, centred = mean + rest, centred - rest
    if float(np.abs(centred).max()) <= NO_EXTENT * float(np.abs(points).max()):
        centred = np.zeros_like(centred)
    gram = centred @ centred.T.copy()
    return CentredClass(mean, centred, gram, gram.diagonal().copy())


class Direction(NamedTuple):
    """Numbers of the points of one class against another, and how much each point of both moves them."""

    values: FloatArray  # (n_numbers,); NaN where a number is not defined
    own: FloatArray  # (n_numbers, K)
    others: FloatArray  # (n_numbers, L)

    def errors(self) -> FloatArray:
        """Return the standard errors over points."""
        squares: FloatArray = (self.own**2).sum(axis=1) + (self.others**2).sum(axis=1)
        return np.sqrt(squares)


class PairNumbers(NamedTuple):
    """Numbers of all ordered pairs, and their means over those that are defined, with standard errors."""

    values: FloatArray  # (n_numbers, C, C)
    errors: FloatArray
    means: FloatArray  # (n_numbers,)
    mean_errors: FloatArray


class _HasCentred(Protocol):
    @property
    def points(self) -> CentredClass: ...


_C = TypeVar("_C", bound=_HasCentred)


def prepare_classes(
    clouds: Manifolds, prepare: Callable[[CentredClass], _C], n_threads: int
) -> tuple[list[_C], float]:
    """Prepare all classes; return them and the unit that they are in. Refuse points that are all the same."""
    size, _ = mean_point(clouds)
    unit = power_of_two_above(size)
    with single_threaded_blas():
        classes = map_threads(lambda cloud: prepare(centred_class(cloud, unit)), clouds, n_threads)
    first = classes[0].points.mean
    if not any(
        one.points.lengths.any() or np.abs(one.points.mean - first).max() > NO_EXTENT for one in classes
    ):
        raise ValueError("manifolds has no extent: all points are the same")
    return classes, unit


# Takes two classes, the difference of their means, and the product of their centred points.
PairRule: TypeAlias = Callable[[_C, _C, FloatArray, FloatArray], tuple[Direction, Direction]]


def numbers_of(a: _C, b: _C, pair: PairRule[_C]) -> tuple[Direction, Direction]:
    """Compute the numbers of one pair, both ways; their bits depend on nothing else."""
    return pair(a, b, a.points.mean - b.points.mean, a.points.centred @ b.points.centred.T)


def over_pairs(
    classes: Sequence[_C],
    pair: PairRule[_C],
    n_numbers: int,
    n_threads: int,
    report: ProgressFunction | None,
) -> PairNumbers:
    """Compute numbers of all pairs, each from the product of the two classes' centred points."""
    n = len(classes)
    values, errors = (np.full((n_numbers, n, n), np.nan) for _ in range(2))
    moves = [np.zeros((n_numbers, len(one.points.lengths))) for one in classes]

    with single_threaded_blas():
        for a in range(n):
            others = range(a + 1, n)
            found = map_threads(lambda b: numbers_of(classes[a], classes[b], pair), others, n_threads)  # noqa: B023
            for b, directions in zip(others, found, strict=True):
                for (one, other), direction in zip(((a, b), (b, a)), directions, strict=True):
                    values[:, one, other] = direction.values
                    errors[:, one, other] = direction.errors()
                    known = ~np.isnan(direction.values)
                    moves[one][known] += direction.own[known]
                    moves[other][known] += direction.others[known]
            if report is not None:
                report(a + 1, n)
    count = (~np.isnan(values)).sum(axis=(1, 2))
    moved = np.sqrt(sum((move**2).sum(axis=1) for move in moves))
    with np.errstate(invalid="ignore"):
        return PairNumbers(values, errors, np.nansum(values, axis=(1, 2)) / count, moved / count)
