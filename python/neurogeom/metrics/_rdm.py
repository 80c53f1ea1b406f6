"""Dissimilarities between the stimuli of one representation: the rules and their numerics.

All rules but the crossvalidated one are sums over units of (a_i - a_j) (b_i - b_j), for some transform of the
data, and so come from one matrix product of centred rows. Where that would cancel, differences are used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.rdm import OpenedRDM
from . import checks as check
from ._covariance import Covariance
from ._design import Design
from ._stimulus_distances import (
    RDM_CANCELLED,
    ZERO,
    Maps,
    bilinear,
    condensed_of,
    differences,
    measure_patterns,
    responses,
    sum_differences,
)

KINDS = ("sqeuclidean", "euclidean", "correlation", "cosine", "mahalanobis", "crossnobis", "poisson")

_EPS = float(np.finfo(np.float64).eps)


@registered
@dataclasses.dataclass(frozen=True)
class RDMRule:
    """How dissimilarities are computed from responses; hashable, for the key of a part."""

    kind: str
    noise: Covariance | Callable[[FloatArray], Any] | None = None
    design: Design | None = None
    prior_lambda: float = 1.0
    prior_weight: float = 0.1

    @classmethod
    def from_user(
        cls,
        kind: str,
        argument: str,
        noise_covariance: Any,
        folds: Any,
        stimuli: Any,
        prior_lambda: float,
        prior_weight: float,
    ) -> RDMRule:
        """Take options as users pass them; `argument` is the name of theirs that holds the kind."""
        _validate.as_choice(kind, argument, KINDS)
        given = f"{argument}={kind!r}"
        whitened, crossvalidated = kind in ("mahalanobis", "crossnobis"), kind == "crossnobis"
        if noise_covariance is not None and not whitened:
            check.refuse_option("noise_covariance", "'mahalanobis' and 'crossnobis'", given)
        if noise_covariance is None and kind == "mahalanobis":
            raise ValueError(f"{given} needs noise_covariance: without noise, it is 'sqeuclidean'")
        for name, value in (("folds", folds), ("stimuli", stimuli)):
            if value is not None and not crossvalidated:
                check.refuse_option(name, "'crossnobis'", given)
        if folds is None and crossvalidated:
            raise ValueError(f"{given} needs folds: one label for each row")
        prior = tuple(
            _validate.as_number(value, name)
            for name, value in (("prior_lambda", prior_lambda), ("prior_weight", prior_weight))
        )
        for name, number, default in zip(("prior_lambda", "prior_weight"), prior, (1.0, 0.1), strict=True):
            if number < 0:
                raise ValueError(f"{name} must not be negative, not {number:g}")
            if kind != "poisson" and number != default:
                check.refuse_option(name, "'poisson'", given)
        noise = noise_covariance
        if noise is not None and not callable(noise):
            noise = Covariance.from_user(noise, "noise_covariance")
        design = Design.from_user(folds, stimuli) if crossvalidated else None
        return cls(kind, noise, design, *prior)

    @property
    def needs_whole(self) -> bool:
        """Whether all units are needed at once, as for a noise covariance or folds."""
        return self.kind in ("mahalanobis", "crossnobis")

    def condensed(self, data: UnitBlocks | OpenedRDM) -> FloatArray:
        """Compute the (read-only) dissimilarities in SciPy's order; a measured RDM already has them."""
        if isinstance(data, OpenedRDM):
            return data.rdm.condensed
        if data.is_divided:
            return data.once(self, lambda: self._of_blocks(data))
        return data.once(self, lambda: self._of_whole(data.whole(), data.label))

    def _of_whole(self, data: FloatArray, label: str) -> FloatArray:
        found: FloatArray
        if self.kind in ("correlation", "cosine"):
            found = bilinear(_directions(data, self.kind == "correlation", label), rounded=True) / 2
            return found
        if self.kind == "poisson":
            prior = self.prior_lambda * self.prior_weight
            _require_rates(_least(data), label, prior)
            rates = (data + prior) / (1 + self.prior_weight)
            found = bilinear(rates, np.log(rates))
        elif self.design is not None:
            patterns = self.design.means(data, label)
            patterns -= patterns.mean(axis=1, keepdims=True)
            rows = self._whiten(patterns.reshape(-1, data.shape[1]), data, label)
            found = _crossvalidated(rows.reshape(patterns.shape))
        else:
            rows = data if self.noise is None else data - data.mean(axis=0)
            found = bilinear(self._whiten(rows, data, label), rounded=self.noise is not None)
        found /= data.shape[1]
        return np.sqrt(found) if self.kind == "euclidean" else found

    def _of_blocks(self, blocks: UnitBlocks) -> FloatArray:
        if self.kind in ("correlation", "cosine"):
            patterns = measure_patterns(blocks, self.kind == "correlation")
            _require_directions(
                patterns.length[:, 0], self.kind == "correlation", blocks.shape[1], blocks.label
            )

            def directions(block: FloatArray) -> tuple[FloatArray, FloatArray]:
                rows = patterns.directions(block)
                return rows, rows

            square = sum_differences(blocks, directions, RDM_CANCELLED)
            square[square <= (2 * ZERO) ** 2] = 0.0  # of rows of length 1
            return condensed_of(square) / 2
        maps: Maps = responses
        if self.kind == "poisson":
            prior = self.prior_lambda * self.prior_weight
            least = min(_least(block, k * blocks.width) for k, block in enumerate(blocks))
            _require_rates(least, blocks.label, prior)
            maps = self._rates_and_logarithms
        found = condensed_of(sum_differences(blocks, maps, RDM_CANCELLED))
        found /= blocks.shape[1]
        return np.sqrt(found) if self.kind == "euclidean" else found

    def _rates_and_logarithms(self, block: FloatArray) -> tuple[FloatArray, FloatArray]:
        rates = (block + self.prior_lambda * self.prior_weight) / (1 + self.prior_weight)
        return rates, np.log(rates)

    def _whiten(self, rows: FloatArray, data: FloatArray, label: str) -> FloatArray:
        if self.noise is None:
            return rows
        noise = self.noise
        if not isinstance(noise, Covariance):
            noise = Covariance.from_user(noise(data), f"noise_covariance of {label}")
        noise.require_size(rows.shape[1], "noise_covariance", label, "units")
        return noise.whiten(rows)


def _directions(data: FloatArray, centre: bool, label: str) -> FloatArray:
    """Scale rows to length 1, after centring over units if wanted."""
    # By powers of two, which is exact: squares of small rows would underflow.
    exponents = np.frexp(np.abs(data).max(axis=1))[1]
    rows: FloatArray = np.ldexp(data, -exponents[:, None])
    if centre:
        # Twice: rounding of the first mean would leave a direction common to all rows.
        rows -= rows.mean(axis=1, keepdims=True)
        rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    _require_directions(lengths, centre, data.shape[1], label)
    rows /= lengths[:, None]
    return rows


def _require_directions(lengths: FloatArray, centre: bool, n_units: int, label: str) -> None:
    """Refuse rows of length zero, given lengths of rows whose largest entry was about 1 before centring."""
    # Values that differ by rounding only have no direction either.
    flat = lengths <= (8 * _EPS * np.sqrt(n_units) if centre else 0)
    if flat.any():
        problem = "has the same response in all units" if centre else "has no response in any unit"
        what = "correlation with others" if centre else "angle to others"
        raise ValueError(
            f"in {label}, stimulus {int(np.argmax(flat))} {problem}, so that its {what} is not defined"
        )


def _least(data: FloatArray, first_unit: int = 0) -> tuple[float, int, int]:
    """Return the least entry and its position."""
    row, column = np.unravel_index(int(np.argmin(data)), data.shape)
    return float(data[row, column]), int(row), int(column) + first_unit


def _crossvalidated(patterns: FloatArray) -> FloatArray:
    """Products of differences in one fold with those in the mean of the others, averaged over folds."""
    n_folds = len(patterns)
    total = np.zeros((patterns.shape[1],) * 2)
    for k in range(n_folds):
        others = np.delete(patterns, k, axis=0).sum(axis=0)
        total += differences(patterns[k], others)
    total /= n_folds * (n_folds - 1)
    return condensed_of(total)


def _require_rates(found: tuple[float, int, int], name: str, prior: float) -> None:
    """Refuse firing rates whose smallest (given with its position) is negative, or zero without a prior."""
    least, row, column = found
    if least < 0 or (least == 0 and prior == 0):
        problem = "must not be negative" if least < 0 else "must be positive where the prior has no weight"
        raise ValueError(f"{name}[{row}, {column}] is {least:g}; rates of the Poisson measure {problem}")
