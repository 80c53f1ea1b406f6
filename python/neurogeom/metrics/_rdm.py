"""Dissimilarities between the stimuli of one representation: the rules and their numerics.

All rules but the crossvalidated one are sums over units of (a_i - a_j) (b_i - b_j), for some transform of the
data, and so come from one matrix product of centred rows. Where that would cancel, differences are formed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.representation import RDM, Data, UnitBlocks
from . import checks as _validate_rdm
from ._covariance import Covariance
from ._design import Design
from ._stimulus_distances import Maps, measure_patterns, responses, sum_differences

KINDS = ("sqeuclidean", "euclidean", "correlation", "cosine", "mahalanobis", "crossnobis", "poisson")

_EPS = float(np.finfo(np.float64).eps)
# Dissimilarities below this share of the squared lengths lose digits in a matrix product.
_CANCELLED = 1 / 64
# What rounding of rows that were computed leaves of equal ones, relative to their length.
_ZERO = 8 * _EPS
_CHUNK = 1 << 20  # numbers of a block of differences


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
        """Take options as users give them; `argument` is what they call the kind."""
        _validate.as_choice(kind, argument, KINDS)
        given = f"{argument}={kind!r}"
        whitened, crossvalidated = kind in ("mahalanobis", "crossnobis"), kind == "crossnobis"
        if noise_covariance is not None and not whitened:
            _validate_rdm.refuse_option("noise_covariance", "'mahalanobis' and 'crossnobis'", given)
        _validate_rdm.require_option(
            noise_covariance is not None or kind != "mahalanobis",
            "noise_covariance",
            given,
            "without noise, it is 'sqeuclidean'",
        )
        for name, value in (("folds", folds), ("stimuli", stimuli)):
            if value is not None and not crossvalidated:
                _validate_rdm.refuse_option(name, "'crossnobis'", given)
        _validate_rdm.require_option(
            folds is not None or not crossvalidated, "folds", given, "one label for each row"
        )
        prior = tuple(
            _validate.as_number(value, name)
            for name, value in (("prior_lambda", prior_lambda), ("prior_weight", prior_weight))
        )
        for name, number, default in zip(("prior_lambda", "prior_weight"), prior, (1.0, 0.1), strict=True):
            _validate_rdm.require_not_negative(number, name)
            if kind != "poisson" and number != default:
                _validate_rdm.refuse_option(name, "'poisson'", given)
        noise = noise_covariance
        if noise is not None and not callable(noise):
            noise = Covariance.from_user(noise, "noise_covariance")
        design = Design.from_user(folds, stimuli) if crossvalidated else None
        return cls(kind, noise, design, *prior)

    def condensed(self, data: Data, label: str) -> FloatArray:
        """Compute the dissimilarities in SciPy's order; a measured RDM is taken as it is."""
        if isinstance(data, RDM):
            return data.condensed
        found: FloatArray
        if self.kind in ("correlation", "cosine"):
            found = _bilinear(_directions(data, self.kind == "correlation", label), rounded=True) / 2
            return found
        if self.kind == "poisson":
            prior = self.prior_lambda * self.prior_weight
            _validate_rdm.require_rates(_least(data), label, prior)
            rates = (data + prior) / (1 + self.prior_weight)
            found = _bilinear(rates, np.log(rates))
        elif self.design is not None:
            patterns = self.design.means(data, label)
            patterns -= patterns.mean(axis=1, keepdims=True)
            rows = self._whiten(patterns.reshape(-1, data.shape[1]), data, label)
            found = _crossvalidated(rows.reshape(patterns.shape))
        else:
            rows = data if self.noise is None else data - data.mean(axis=0)
            found = _bilinear(self._whiten(rows, data, label), rounded=self.noise is not None)
        found /= data.shape[1]
        return np.sqrt(found) if self.kind == "euclidean" else found

    @property
    def streams(self) -> bool:
        """Whether an item may come in blocks of units; a noise covariance and folds need all of them."""
        return self.kind in ("sqeuclidean", "euclidean", "correlation", "cosine", "poisson")

    def condensed_blocks(self, blocks: UnitBlocks) -> FloatArray:
        """Compute the dissimilarities of an item that is read in blocks; not to be written to."""
        return blocks.once(self, lambda: self._condensed_blocks(blocks))

    def _condensed_blocks(self, blocks: UnitBlocks) -> FloatArray:
        if self.kind in ("correlation", "cosine"):
            patterns = measure_patterns(blocks, self.kind == "correlation")
            _require_directions(
                patterns.length[:, 0], self.kind == "correlation", blocks.shape[1], blocks.label
            )

            def directions(block: FloatArray) -> tuple[FloatArray, FloatArray]:
                rows = patterns.directions(block)
                return rows, rows

            square = sum_differences(blocks, directions, _CANCELLED)
            square[square <= (2 * _ZERO) ** 2] = 0.0  # of rows of length 1
            return _upper(square) / 2
        maps: Maps = responses
        if self.kind == "poisson":
            prior = self.prior_lambda * self.prior_weight
            least = min(_least(block, k * blocks.width) for k, block in enumerate(blocks))
            _validate_rdm.require_rates(least, blocks.label, prior)
            maps = self._rates_and_logarithms
        found = _upper(sum_differences(blocks, maps, _CANCELLED))
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
        _validate_rdm.require_covariance_size(noise.size, rows.shape[1], "noise_covariance", label, "units")
        return noise.whiten(rows)


def _directions(data: FloatArray, centre: bool, label: str) -> FloatArray:
    """Rows of length 1, centred over units first if wanted."""
    # By powers of two, which is exact: squares of small rows would underflow.
    exponents = np.frexp(np.abs(data).max(axis=1))[1]
    rows: FloatArray = np.ldexp(data, -exponents[:, None])
    if centre:
        # Twice: rounding of the first mean would be a common direction of all rows.
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
        _validate_rdm.refuse_degenerate_pattern(label, int(np.argmax(flat)), problem, what)


def _least(data: FloatArray, first_unit: int = 0) -> tuple[float, int, int]:
    """Give the least entry and its position."""
    row, column = np.unravel_index(int(np.argmin(data)), data.shape)
    return float(data[row, column]), int(row), int(column) + first_unit


def _upper(square: FloatArray) -> FloatArray:
    """The entries above the diagonal, row after row."""
    return np.concatenate([row[i + 1 :] for i, row in enumerate(square)])


def _differences(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sums over units of (a_i - a_j) (b_i - b_j), from one product."""
    products: FloatArray = a @ b.T
    own = np.diagonal(products).copy()
    products = 2 * products if a is b else products + products.T
    np.subtract(own, products, out=products)
    products += own[:, None]
    return products


def _bilinear(a: FloatArray, b: FloatArray | None = None, rounded: bool = False) -> FloatArray:
    """Condensed sums over units of (a_i - a_j) (b_i - b_j), accurate relative to each of them.

    For two maps of the same data that rise together, so that no sum is negative; b is a by default. Where a
    is the rounded result of a computation, differences of that size are zero.
    """
    blur = _ZERO * np.sqrt(np.einsum("ij,ij->i", a, a))
    a = a - a.mean(axis=0)
    b = a if b is None else b - b.mean(axis=0)
    square = _differences(a, b)
    lengths = [np.sqrt(np.einsum("ij,ij->i", x, x)) for x in ((a,) if b is a else (a, b))]
    scale = np.add.outer(lengths[0], lengths[0])
    scale *= scale if b is a else np.add.outer(lengths[1], lengths[1])
    scale *= _CANCELLED
    close = np.argwhere(np.triu(square < scale, 1))
    step = max(1, _CHUNK // a.shape[1])
    for start in range(0, len(close), step):
        i, j = close[start : start + step].T
        square[i, j] = np.einsum("ku,ku->k", a[i] - a[j], b[i] - b[j])
    if rounded:
        i, j = np.nonzero(square <= (2 * blur.max()) ** 2)
        square[i, j] = np.where(square[i, j] <= (blur[i] + blur[j]) ** 2, 0.0, square[i, j])
    return _upper(square)


def _crossvalidated(patterns: FloatArray) -> FloatArray:
    """Products of differences in one fold with those in the mean of the others, averaged over folds."""
    n_folds = len(patterns)
    total = np.zeros((patterns.shape[1],) * 2)
    for k in range(n_folds):
        others = np.delete(patterns, k, axis=0).sum(axis=0)
        total += _differences(patterns[k], others)
    total /= n_folds * (n_folds - 1)
    return _upper(total)
