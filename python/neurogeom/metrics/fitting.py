"""Alignments of one pair of representations: what metrics that fit them share with each other and drop-ins.

A metric's ``fit`` finds maps of two representations; ``transform`` applies them, to other stimuli too. The
distance between the results is that of the metric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._base.checks import FloatArray, as_float_matrix, row_index
from ..representations import checks as check
from ..representations.blocks import UnitBlocks
from ._factors import BasisPart, SpectrumPart, outside_of
from ._reduction import reduce_stimuli
from .base import inner_products


def angles_of(gap: FloatArray) -> FloatArray:
    """Return arccos(1 - gap), without losing half the digits of a small angle."""
    return np.asarray(2.0 * np.arcsin(np.sqrt(np.clip(gap, 0.0, 2.0) / 2.0)))


def squared_residuals(gap: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return squared distances of matrices with these norms whose directions have similarity 1 - gap."""
    return np.asarray((left - right) ** 2 + 2.0 * (left * right) * np.maximum(gap, 0.0))


def as_pair(X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
    """Take responses of two systems to the same stimuli."""
    _require_same_order(X, Y)
    X, Y = (as_float_matrix(check.as_responses(data, name), name) for data, name in ((X, "X"), (Y, "Y")))
    check.require_same_stimuli(("X", len(X), None), ("Y", len(Y), None))
    return X, Y


def centred_pair(X: Any, Y: Any, x_mean: FloatArray, y_mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Take responses of the units that were fitted, and subtract the means over the fitted stimuli."""
    _require_same_order(X, Y)
    centred = []
    for name, data, mean in (("X", X, x_mean), ("Y", Y, y_mean)):
        array = as_float_matrix(data, name)
        check.require_same_units(len(mean), array.shape[1], name)
        centred.append(array - mean)
    return centred[0], centred[1]


def _require_same_order(X: Any, Y: Any) -> None:
    check.require_same_indices((name, row_index(value, name)) for name, value in (("X", X), ("Y", Y)))


def aligned_bases(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return orthonormal columns that align those of two factors: the singular vectors of the core x' y.

    Only down to its numerical rank, as the others are arbitrary: rounding decides which they are if their
    singular value is no larger than the rounding of the core. That is relative to the factors, not to the
    largest singular value.
    """
    u, s, vt = np.linalg.svd(inner_products(x, y), full_matrices=False)
    rounding = max(u.shape[0], vt.shape[1]) * np.finfo(np.float64).eps
    rank = int((s > rounding * np.linalg.norm(x) * np.linalg.norm(y)).sum())
    return u[:, :rank], vt[:rank].T


def means_and_size(data: FloatArray, center: bool, label: str) -> tuple[FloatArray, float]:
    """Return the means over stimuli that metrics subtract (zeros without `center`), and a power of two.

    The power is the next above the largest deviation. Refuses data that do not vary.
    """
    reduced = reduce_stimuli(UnitBlocks(data, label), center)
    return reduced.mean, reduced.size


def partial_whitening(data: FloatArray, alpha: float, center: bool, label: str) -> FloatArray:
    """Return the map of units that whitens a representation to the degree 1 - alpha.

    Singular values s become alpha s + (1 - alpha), up to a factor that keeps their norm (for alpha > 0);
    other directions of unit space are multiplied by alpha. For alpha = 0, columns past the rank are left out.
    """
    blocks = UnitBlocks(data, label)
    if alpha == 0:
        basis = BasisPart(center, keep_map=True).prepare(blocks)
        assert basis.map is not None
        return np.asarray(basis.scale * basis.map)
    found = SpectrumPart(center, keep_map=True).prepare(blocks)
    assert found.singular is not None
    assert found.map is not None
    singular = found.scale * found.singular
    target = alpha * singular + (1.0 - alpha)
    gain = float(np.linalg.norm(singular) / np.linalg.norm(target))
    vectors = found.map * singular
    whitening = gain * (vectors * (target / singular)) @ vectors.T
    if found.span is not None:
        whitening += gain * alpha * outside_of(found.span, np.eye(data.shape[1]))
    return np.asarray(whitening)
