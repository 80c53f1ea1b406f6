"""Products of measures that align representations linearly: one core F_i' F_j for each pair serves all of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _validate_pairwise as check
from .._validate import FloatArray
from ._factors import Factor
from .base import Mask, Product, map_pairs


@dataclasses.dataclass(frozen=True)
class Weighting:
    """Weights of the columns of a factor. Subclasses are frozen dataclasses; None stands for equal weights."""

    def weights(self, record: Factor) -> FloatArray:
        """Give one weight for each column."""
        raise NotImplementedError


class Aligned(NamedTuple):
    """Similarity after the best rotation, and one minus it, accurate also where that is tiny."""

    similarity: FloatArray
    gap: FloatArray


@dataclasses.dataclass(frozen=True)
class NuclearNorm(Product):
    """The nuclear norm of F_i' F_j, both weighted; weighted factors must have Frobenius norm 1."""

    weighting: Weighting | None = None

    @classmethod
    def compute(
        cls,
        products: Sequence[Any],
        rows: Sequence[Any],
        columns: Sequence[Any],
        where: Mask,
        n_threads: int,
    ) -> list[Aligned]:
        """Compute the norms of a tile, each core once."""
        found = []
        for product in products:
            left, right = (
                [_weighted(record, product.weighting) for record in side] for side in (rows, columns)
            )
            similarity = np.full(where.shape, np.nan)
            gap = similarity.copy()
            for i, j in np.argwhere(where):
                u, s, vt = np.linalg.svd(left[i].T @ right[j], full_matrices=False)
                similarity[i, j], gap[i, j] = s.sum(), 1 - s.sum()
                if gap[i, j] < 1e-6:
                    if len(u) >= vt.shape[1]:
                        residual = left[i] - right[j] @ (u @ vt).T
                    else:
                        residual = left[i] @ (u @ vt) - right[j]
                    gap[i, j] = np.linalg.norm(residual) ** 2 / 2
            found.append(Aligned(similarity, gap))
        return found


def _weighted(record: Factor, weighting: Weighting | None) -> FloatArray:
    return record.matrix if weighting is None else record.matrix * weighting.weights(record)


@dataclasses.dataclass(frozen=True)
class WeightedSquares(Product):
    """The sum of squares of F_i' F_j, rows weighted by `left` and columns by `right`."""

    left: Weighting | None = None
    right: Weighting | None = None

    @classmethod
    def compute(
        cls,
        products: Sequence[Any],
        rows: Sequence[Any],
        columns: Sequence[Any],
        where: Mask,
        n_threads: int,
    ) -> list[FloatArray]:
        """Compute the sums of a tile."""
        found = []
        for product in products:
            left = [_weighted(record, product.left) for record in rows]
            right = [_weighted(record, product.right) for record in columns]
            values = np.full(where.shape, np.nan)
            for i, j in np.argwhere(where):
                values[i, j] = np.square(left[i].T @ right[j]).sum()
            found.append(values)
        return found


@dataclasses.dataclass(frozen=True)
class HeldOutNorm(Product):
    """Similarity of held-out responses, aligned as the training data are; same weights as `NuclearNorm`."""

    weighting: Weighting | None = None

    @classmethod
    def compute(
        cls,
        products: Sequence[Any],
        rows: Sequence[Any],
        columns: Sequence[Any],
        where: Mask,
        n_threads: int,
    ) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """Give the norms of both sides and one minus the similarity, as three arrays of a tile."""
        found = []
        for product in products:
            left, right = (
                [_held_out(record, product.weighting) for record in side] for side in (rows, columns)
            )
            norms_and_gap = map_pairs(align_held_out, left, right, where, n_threads, n_values=3)
            found.append(tuple(norms_and_gap))
        return found


class _HeldOut(NamedTuple):
    """A weighted factor, the held-out responses in its coordinates, and the norm of what these leave out."""

    label: str
    factor: FloatArray
    responses: FloatArray
    outside: float


def _held_out(record: Factor, weighting: Weighting | None) -> _HeldOut:
    assert record.held_out is not None
    weights = 1.0 if weighting is None else weighting.weights(record)
    outside = record.held_out_outside
    return _HeldOut(record.label, record.matrix * weights, record.held_out * weights, outside)


def align_held_out(x: _HeldOut, y: _HeldOut) -> tuple[float, float, float]:
    """Norms of held-out responses of two items and one minus their similarity.

    Only directions that the training data align count: others are arbitrary. They contribute to the norms and
    nothing to the inner product, so that the result does not depend on the basis that units are given in.
    """
    u, s, vt = np.linalg.svd(x.factor.T @ y.factor, full_matrices=False)
    rank = int((s > max(u.shape[0], vt.shape[1]) * np.finfo(np.float64).eps * s[0]).sum())
    sides, rests, norms = [], [], []
    for item, basis in ((x, u[:, :rank]), (y, vt[:rank].T)):
        aligned = item.responses @ basis
        rest = math.hypot(float(np.linalg.norm(item.responses - aligned @ basis.T)), item.outside)
        norm = math.hypot(float(np.linalg.norm(aligned)), rest)
        check.require_spread(norm, f"the held-out data of {item.label}")
        sides.append(aligned / norm)
        rests.append(rest / norm)
        norms.append(norm)
    residual = float(np.linalg.norm(sides[0] - sides[1]))
    return norms[0], norms[1], (residual**2 + rests[0] ** 2 + rests[1] ** 2) / 2
