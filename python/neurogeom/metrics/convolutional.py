"""Distances between convolutional layers, after the best shift of maps and the best rotation of channels."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.isa import core
from .._base.results import Result
from .._base.threads import resolve_threads, single_threaded_blas
from ..representations.checks import as_flag
from ..representations.feature_maps import OpenedFeatureMaps
from ..representations.items import as_items, require_comparable
from . import checks as check
from ._reduction import centre_units, lower_trapezoid
from .base import Distance, Order, Part, Products, Tile, map_pairs, prepare_item
from .fitting import angles_of, squared_residuals
from .shape import as_alpha

_EPS = float(np.finfo(np.float64).eps)
_SCORES = ("angular", "euclidean")
# One minus a similarity below this is taken from the difference of the aligned maps instead.
_NEARLY_EQUAL = 1e-6
# Similarities nearer to each other than this are ties; it is above the error of a nuclear norm.
_TIE = 1e-9
# Shifts whose nuclear norms are computed together, the most promising first.
_TOGETHER = 16


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """The record of one item: (whitened) maps of Frobenius norm 1, transformed over positions."""

    label: str
    values: NDArray[np.complex128]  # (frequency, image, channel), an isometry of the maps
    height: int
    width: int
    scale: float  # norm of the maps

    @property
    def multiplicity(self) -> FloatArray:
        """How many frequencies of the full transform each one stands for: itself and its mirror image."""
        columns = np.arange(self.width // 2 + 1)
        twice = np.where((columns == 0) | (2 * columns == self.width), 1.0, 2.0)
        return np.tile(twice, self.height)

    def phases(self, shift: tuple[int, int]) -> NDArray[np.complex128]:
        """Return what a circular shift of the maps multiplies each frequency by."""
        rows = shift[0] * np.arange(self.height)[:, None] / self.height
        columns = shift[1] * np.arange(self.width // 2 + 1) / self.width
        return np.asarray(np.exp(-2j * np.pi * (rows + columns))).reshape(-1)


@dataclasses.dataclass(frozen=True)
class SpectrumOfMaps(Part):
    """Maps, centred and partially whitened over channels, which shifts do not change, in Fourier space."""

    alpha: float
    center: bool
    takes = ("feature_maps",)

    def prepare(self, data: OpenedFeatureMaps) -> Spectrum:
        maps = data.whole()
        n_images, height, width, n_channels = maps.shape
        reduced = centre_units(maps.reshape(-1, n_channels), self.center)
        check.require_spread(float(reduced.kept.size), data.label)
        norm = float(np.linalg.norm(reduced.matrix))
        channels = self._channels(reduced.matrix / norm, norm * reduced.size)
        # Frequencies first, without moving large pieces twice.
        moved = np.ascontiguousarray(channels.reshape(n_images, height, width, -1).transpose(1, 2, 0, 3))
        values = scipy.fft.rfft2(moved.reshape(height, width, -1), axes=(0, 1), norm="ortho", workers=1)
        return Spectrum(
            data.label, values.reshape(-1, n_images, channels.shape[1]), height, width, norm * reduced.size
        )

    def reordered(self, record: Spectrum, order: Order) -> Spectrum:
        return dataclasses.replace(record, values=record.values[:, order])

    def _channels(self, matrix: FloatArray, scale: float) -> FloatArray:
        """Return (partially whitened) channels of norm 1 together, turned to their principal axes.

        The axes are for the bounds on nuclear norms: these are tighter if few channels hold most of the
        variance.
        """
        if self.alpha == 1:
            if matrix.shape[1] > len(matrix):
                return lower_trapezoid(matrix)
            _, axes = np.linalg.eigh(matrix.T @ matrix)
            return np.asarray(matrix @ axes)
        if self.alpha == 0:  # the span does not depend on the scales of channels, but its accuracy does
            _, exponents = np.frexp(np.linalg.norm(matrix, axis=0))
            matrix = np.ldexp(matrix, -exponents)
        left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
        rank = int((singular > max(matrix.shape) * _EPS * singular[0]).sum())
        weights = self.alpha * scale * singular[:rank] + (1.0 - self.alpha)
        return np.asarray(left[:, :rank] * (weights / np.linalg.norm(weights)))


class _Cores:
    """Cross-covariances of the channels of two items for all circular shifts of the first."""

    def __init__(self, x: Spectrum, y: Spectrum) -> None:
        if (x.height, x.width) != (y.height, y.width):
            raise ValueError(
                f"feature maps must have one size to be shifted onto each other, but those of {x.label} are "
                f"{x.height} x {x.width} and those of {y.label} are {y.height} x {y.width}"
            )
        self._x, self._y = x, y
        spectrum = np.matmul(x.values.conj().transpose(0, 2, 1), y.values)
        shape = (x.height, x.width // 2 + 1, -1)
        found = scipy.fft.irfft2(
            spectrum.reshape(shape), (x.height, x.width), axes=(0, 1), norm="forward", workers=1
        )
        # (shift, channel of x, channel of y); shift k is that by k // width rows and k % width columns.
        self._matrices = found.reshape(-1, *spectrum.shape[1:])

    def gaps(self, shifts: NDArray[np.intp], n_threads: int = 1) -> FloatArray:
        """Return one minus the similarity for some shifts."""
        gaps = np.asarray(1.0 - core.nuclear_norms(self._matrices[shifts], n_threads))
        for at in np.flatnonzero(gaps < _NEARLY_EQUAL):
            gaps[at] = self._residual(int(shifts[at])) / 2
        return gaps

    def _residual(self, shift: int) -> float:
        """Squared distance of the aligned maps."""
        left, _, right = np.linalg.svd(self._matrices[shift], full_matrices=False)
        phases = self._x.phases(divmod(shift, self._x.width))[:, None, None]
        if len(left) <= right.shape[1]:
            differences = (self._x.values * phases) @ (left @ right) - self._y.values
        else:
            differences = self._x.values * phases - self._y.values @ (left @ right).T
        squares = np.square(np.abs(differences)).sum(axis=(1, 2))
        return float(np.dot(self._x.multiplicity, squares))

    def all_gaps(self, n_threads: int) -> FloatArray:
        """Return one minus the similarity for all shifts."""
        return self.gaps(np.arange(len(self._matrices)), n_threads)

    def least_gap(self) -> float:
        """Return the least of all gaps, without computing those that cannot be it.

        A nuclear norm is at most the sum of the norms of the rows, or of the columns.
        """
        squares = np.square(self._matrices)
        bounds = np.minimum(*(np.sqrt(squares.sum(axis=axis)).sum(axis=1) for axis in (1, 2)))
        order = np.argsort(-bounds, kind="stable")
        least = math.inf
        for start in range(0, len(order), _TOGETHER):
            # Nothing is nearer than rounding, nor than what the bounds leave.
            if least <= _EPS or bounds[order[start]] < 1.0 - least - _TIE:
                break
            least = min(least, float(self.gaps(order[start : start + _TOGETHER]).min()))
        return least


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ShiftMap(Result):
    """Distances of two sets of feature maps for all circular shifts; see :meth:`Convolutional.map`.

    Attributes
    ----------
    distances : ndarray of shape (height, width)
        Entry (i, j) is the distance of ``np.roll(X, (row_shifts[i], column_shifts[j]), axis=(1, 2))`` and Y,
        for maps (n_images, height, width, n_channels).
    row_shifts : ndarray of int of shape (height,)
        From ``-(height // 2)``; no shift is in the middle, at ``height // 2``.
    column_shifts : ndarray of int of shape (width,)
        From ``-(width // 2)``.
    minimum : float
        The least distance.
    shift : ndarray of int of shape (2,)
        The shift of X, by rows and columns, that has it; the shortest if several do, up to rounding.
    metric : str
        Name of the metric.
    """

    distances: FloatArray
    row_shifts: NDArray[np.intp]
    column_shifts: NDArray[np.intp]
    minimum: float
    shift: NDArray[np.intp]
    metric: str

    _headline = ("metric", "minimum", "shift")


class Convolutional(Distance):
    """Distance of convolutional layers after the best circular shift and the best rotation of channels.

    Items are :class:`FeatureMaps` (images, height, width, channels) of one height and width; numbers of
    channels may differ. Every position of every image counts as a sample of the channels, which are centred,
    partially whitened and rotated as in :class:`ShapeMetric`. In addition, all maps of one item may be
    shifted together, with what leaves on one side entering on the other. A metric: symmetric, and it obeys
    the triangle inequality. Invariant to translation of the responses, to rotation of channels and to
    circular shifts of all maps; with ``score="angular"`` and alpha = 0 or 1, also to isotropic scaling.

    Parameters
    ----------
    alpha : float, default 1.0
        1 allows rotations of the channels only; 0 any invertible linear map of them. In between the result
        depends on the units of the responses.
    score : {"angular", "euclidean"}, default "angular"
        The angle of the aligned maps, in radians, from 0 to pi / 2; or the Frobenius norm of their
        difference, in the units of the responses.
    center : bool, default True
        Subtract the mean over images and positions from each channel.

    Notes
    -----
    A shift changes neither means nor norms nor the whitening, so only the cross-covariances of the channels
    differ between shifts. All of them together are an inverse Fourier transform of the products of the maps'
    transforms; the distance for a shift follows from the nuclear norm of its cross-covariance. This takes
    height x width x channels of X x channels of Y numbers of memory.

    Williams, Kunz, Kornblith & Linderman, Generalized shape metrics on neural representations, NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> maps = np.random.default_rng(0).normal(size=(20, 6, 6, 3))
    >>> X, Y = ng.FeatureMaps(maps), ng.FeatureMaps(np.roll(maps, (1, -2), axis=(1, 2))[..., ::-1])
    >>> metric = ng.Convolutional()
    >>> round(metric.distance(X, Y), 6)
    0.0
    >>> metric.map(X, Y).shift
    array([ 1, -2])
    """

    name = "convolutional"

    def __init__(
        self,
        alpha: float = 1.0,
        score: Literal["angular", "euclidean"] = "angular",
        *,
        center: bool = True,
    ) -> None:
        self.alpha = as_alpha(alpha)
        self.score = _validate.as_choice(score, "score", _SCORES)
        self.center = as_flag(center, "center")
        options = [] if self.alpha == 1 else [f"{self.alpha:g}"]
        options += [] if self.score == "angular" else [self.score]
        options += [] if self.center else ["uncentered"]
        self.name = f"convolutional({', '.join(options)})" if options else "convolutional"
        self._part = SpectrumOfMaps(self.alpha, self.center)

    def parts(self) -> tuple[Part, ...]:
        """Declare the transformed maps."""
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return 1 - similarity, or squared distances, at the best shift of each pair."""
        rows, columns = ([item[self._part] for item in side] for side in tile.sides)
        gap = map_pairs(lambda x, y: _Cores(x, y).least_gap(), rows, columns, tile.where, tile.n_threads)
        if self.score == "angular":
            return gap
        left, right = (np.array([record.scale for record in side]) for side in (rows, columns))
        return squared_residuals(gap, left[:, None], right[None])

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn the values of `pair` into angles or distances."""
        return angles_of(values) if self.score == "angular" else np.sqrt(values)

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the larger norm of each pair, for distances in the units of the responses."""
        if self.score == "angular":
            return 1.0
        return np.asarray(
            np.maximum.outer(*([item[self._part].scale for item in side] for side in tile.sides))
        )

    def map(self, X: Any, Y: Any, *, n_threads: int | None = None) -> ShiftMap:
        """Compute the distance of two layers for all circular shifts of the maps of X.

        Parameters
        ----------
        X, Y : FeatureMaps
            Responses to the same images; heights and widths are equal.
        n_threads : int, optional
            Threads to use.

        Returns
        -------
        ShiftMap
            The map (height, width), with no shift in the middle, its minimum and where that is.

        Raises
        ------
        TypeError, ValueError
            If they are not feature maps, not finite, do not vary, or do not fit each other.
        """
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_comparable(items)
        threads = resolve_threads(n_threads)
        with single_threaded_blas():
            x, y = (prepare_item([self], item)[self._part] for item in items)
            gaps = _Cores(x, y).all_gaps(threads)
        values = gaps if self.score == "angular" else squared_residuals(gaps, x.scale, y.scale)
        middle = (x.height // 2, x.width // 2)
        grid = np.roll(gaps.reshape(x.height, x.width), middle, axis=(0, 1))
        distances = np.roll(self.finish(values).reshape(x.height, x.width), middle, axis=(0, 1))
        tied = np.argwhere(grid <= grid.min() + _TIE) - middle
        shift = tied[np.argmin(np.square(tied).sum(axis=1))]
        return ShiftMap(
            distances=distances,
            row_shifts=np.arange(x.height) - middle[0],
            column_shifts=np.arange(x.width) - middle[1],
            minimum=float(distances.min()),
            shift=shift,
            metric=self.name,
        )
