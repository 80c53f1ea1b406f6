"""Subspaces of stimulus space that responses span, and what measures of them share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ._factors import BasisPart, Factor, SpectrumPart, reordered
from ._reduction import lower_trapezoid
from .base import Mask, Order, Part, Prepared

# Singular values that agree to this, in units of the largest, are equal: their components are not determined.
_TIE = 1e-12
# Squared differences of projectors below this share of their squares lose digits in a - 2 b + c.
_NEAR = 1e-4


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Leading(Factor):
    """A record of :class:`LeadingPart`; is_determined is False where components tie across the cut."""

    is_determined: bool = True


@dataclasses.dataclass(frozen=True)
class LeadingPart(Part):
    """An orthonormal basis of the first principal components, divided by the root of their number.

    It keeps `n_components` of them (all, if there are fewer), or the fewest that explain the share `variance`
    of the total.
    """

    center: bool = True
    n_components: int | None = None
    variance: float = 1.0

    @property
    def needs_whole(self) -> bool:
        """Blocks of units suffice."""
        return False

    def prepare(self, data: UnitBlocks) -> Leading:
        found = SpectrumPart(self.center).prepare(data)
        assert found.singular is not None
        if self.n_components is None:
            kept = _components_that_explain(found.singular, self.variance)
        else:
            kept = min(self.n_components, found.rank)
        cut = found.singular[kept - 1 : kept + 1]
        determined = kept == found.rank or float(cut[0] - cut[1]) > _TIE * float(found.singular[0])
        matrix = lower_trapezoid(found.matrix[:, :kept]) / math.sqrt(kept)
        return Leading(
            found.label, matrix, found.scale, kept, found.size, trapezoidal=True, is_determined=determined
        )

    def reordered(self, record: Factor, order: Order) -> Factor:
        return reordered(record, self.center, order)


def _components_that_explain(singular: FloatArray, variance: float) -> int:
    """Count the components that leave no more than 1 - variance of the total."""
    tails = np.cumsum(np.square(singular[::-1]))[::-1]  # from the smallest: exact where little is left
    # A share that is met exactly, up to rounding, is met.
    allowed = (1.0 - variance) * (1.0 + 1e-12) * tails[0]
    return max(1, int((tails > allowed).sum()))


def span_part(center: bool, n_components: int | None) -> Part:
    """Choose between the whole column space and its first principal components."""
    return BasisPart(center) if n_components is None else LeadingPart(center, n_components)


def ranks_of(items: Sequence[Prepared], part: Part) -> FloatArray:
    """Return the dimensions of the items' subspaces."""
    return np.array([float(item[part].rank) for item in items])


def orthonormal(record: Factor) -> FloatArray:
    """Undo the scale of a basis of Frobenius norm 1."""
    return record.matrix * math.sqrt(record.rank)


def principal_angles(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the angles between the spans of two orthonormal bases, largest first."""
    large, small = (x, y) if x.shape[1] >= y.shape[1] else (y, x)
    core = large.T @ small
    cosines = np.linalg.svd(core, compute_uv=False)[::-1]
    sines = np.linalg.svd(small - large @ core, compute_uv=False)
    # arccos loses half the digits of small angles, arcsin half those of angles near pi / 2.
    from_sines = np.arcsin(np.minimum(sines, 1.0))
    from_cosines = np.arccos(np.minimum(cosines, 1.0))
    return np.asarray(np.where(np.square(cosines) > 0.5, from_sines, from_cosines))


def projector_distance(x: tuple[FloatArray, FloatArray], y: tuple[FloatArray, FloatArray]) -> float:
    """Squared Frobenius norm of U diag(f) U' - V diag(g) V', given (U, f), (V, g); accurate when small."""
    both = np.asarray(np.linalg.qr(np.hstack([x[0], y[0]]), mode="r"))
    weights = np.concatenate([x[1], -y[1]])
    return float(np.square((both * weights) @ both.T).sum())


def is_near(squared: FloatArray, total: FloatArray) -> Mask:
    """Return which squared distances have lost digits, being differences of terms that sum to `total`."""
    return np.asarray(squared < _NEAR * total)


def remark_full_rank(items: Sequence[Prepared], part: Part, consequence: str) -> str | None:
    """Remark on items that span all of stimulus space."""
    full = [item[part].label for item in items if item[part].rank == item[part].size]
    if not full:
        return None
    return (
        f"{_who(full, 'has', 'have')} as many independent units as stimuli, so that {consequence}: "
        "use more stimuli, or the leading components only"
    )


def remark_ties(items: Sequence[Prepared], part: Part) -> str | None:
    """Remark that the last component kept is as large as the first one left out."""
    tied = [item[part].label for item in items if not getattr(item[part], "is_determined", True)]
    if not tied:
        return None
    return (
        f"the last component kept of {tied[0]}"
        + (f" (and of {len(tied) - 1} more)" if len(tied) > 1 else "")
        + " is as large as the first one left out: which of them is kept is arbitrary"
    )


def _who(labels: Sequence[str], one: str, several: str) -> str:
    if len(labels) == 1:
        return f"{labels[0]} {one}"
    return f"{labels[0]} and {len(labels) - 1} more {several}"
