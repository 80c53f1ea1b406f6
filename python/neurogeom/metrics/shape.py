"""Linear shape metrics: distances after the best orthogonal alignment of (partially) whitened responses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray, as_number
from .._base.threads import single_threaded_blas
from ..representations.blocks import UnitBlocks
from ..representations.checks import as_flag
from ._factors import BasisPart, Factor, FactorPart, SpectrumPart, outside_of
from ._products import HeldOutNorm, NuclearNorm, Weighting
from .base import Distance, Part, Prepared, Product, Products, Tile
from .fitting import aligned_bases, angles_of, as_pair, centred_pair, squared_residuals

_SCORES = ("angular", "euclidean")
_SCALES = ("raw", "unit")


@dataclasses.dataclass(frozen=True)
class _PartialWhitening(Weighting):
    """Singular values s become alpha s + (1 - alpha)."""

    alpha: float
    unit: bool

    def weights(self, record: Factor) -> FloatArray:
        """Return the new singular values, of norm 1."""
        values = self._values(record)
        return np.asarray(values / np.linalg.norm(values))

    def outside(self, record: Factor) -> float:
        """Return the factor alpha, in the same units."""
        return self.alpha * self._size(record) / float(np.linalg.norm(self._values(record)))

    def _size(self, record: Factor) -> float:
        return math.sqrt(record.rank) if self.unit else record.scale

    def _values(self, record: Factor) -> FloatArray:
        assert record.singular is not None
        return np.asarray(self.alpha * self._size(record) * record.singular + (1.0 - self.alpha))


class Outside(NamedTuple):
    """What an alignment does to directions of unit space that the fitted data do not span.

    Attributes
    ----------
    span : ndarray of shape (n_units, rank) or None
        Orthonormal columns: the directions that the data do span. None if that is all of unit space, or if
        other directions do not count.
    factor : float
        The factor that other directions are multiplied by.
    """

    span: FloatArray | None
    factor: float


class ShapeAlignment(NamedTuple):
    """Fitted alignment of two representations; see :meth:`ShapeMetric.fit`.

    Attributes
    ----------
    x_mean, y_mean : ndarray of shape (n_units,)
        Means over the fitted stimuli.
    x_map, y_map : ndarray of shape (n_units, n_columns)
        ``(X - x_mean) @ x_map`` and ``(Y - y_mean) @ y_map`` are aligned.
    n_aligned : int
        Leading columns that are matched to each other, best first. Each of the others is zero for X or for Y.
    x_outside, y_outside : Outside
        What happens to directions that the fitted data do not span.
    """

    x_mean: FloatArray
    y_mean: FloatArray
    x_map: FloatArray
    y_map: FloatArray
    n_aligned: int
    x_outside: Outside
    y_outside: Outside


class ShapeMetric(Distance):
    """Distance after the best orthogonal alignment, between Procrustes (alpha = 1) and CCA (alpha = 0).

    Responses X (stimuli x units) are centred and partially whitened by
    ``alpha I + (1 - alpha) (X'X)^(-1/2)``, and then rotated (or reflected) onto each other as well as
    possible. A metric for every alpha: it is symmetric and obeys the triangle inequality.

    Parameters
    ----------
    alpha : float, default 1.0
        1 allows rotations only; 0 any invertible linear map.
    score : {"angular", "euclidean"}, default "angular"
        The angle between the aligned responses, in radians, from 0 to pi / 2; or the Frobenius norm of their
        difference, in the units of the responses. Whitening keeps the total variance.
    center : bool, default True
        Subtract the mean over stimuli.
    whiten_scale : {"raw", "unit"}, default "raw"
        For 0 < alpha < 1 the result depends on the units of the responses. "raw" takes them as they are (as
        netrep does); "unit" first scales each representation to singular values of root mean square 1, which
        makes the measure invariant to scale and keeps its meaning for any number of stimuli.
    rank_tolerance : float, optional
        Singular values below this times the largest count as zero when whitening; by default
        ``max(n_stimuli, n_units) * eps``. For alpha = 0, unless a tolerance is given, units are first brought
        to one scale, so that weak units count, down to the rounding of their means. Rounding decides whether
        a singular value right at the tolerance counts.

    Notes
    -----
    Held-out stimuli (``test`` of :func:`pairwise`, :meth:`transform`) are mapped like the training stimuli.
    Directions of unit space that the training data do not span, as with more units than training stimuli, are
    multiplied by alpha, which is what ``alpha I + (1 - alpha) (X'X)^(-1/2)`` does with the pseudo-inverse.
    These, and directions without a partner in the other representation, count in the norms but not in the
    inner product: which rotation aligns them is arbitrary. Distances are then continuous in alpha and do not
    depend on the basis of the units.

    Williams, Kunz, Kornblith & Linderman, Generalized shape metrics on neural representations, NeurIPS 2021.
    With more units than stimuli, all representations are linear maps of each other and alpha = 0 gives 0: a
    warning says so.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [0.5, -1.0]])
    >>> Y = X @ np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> round(ng.ShapeMetric(alpha=0.5, whiten_scale="unit").distance(X, Y), 3)
    0.22
    >>> round(ng.ShapeMetric(alpha=0).distance(X, Y), 3)
    0.0
    """

    has_held_out = True

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        score: Literal["angular", "euclidean"] = "angular",
        center: bool = True,
        whiten_scale: Literal["raw", "unit"] = "raw",
        rank_tolerance: float | None = None,
    ) -> None:
        self.alpha = as_alpha(alpha)
        self.score = _validate.as_choice(score, "score", _SCORES)
        self.center = as_flag(center, "center")
        self.whiten_scale = _validate.as_choice(whiten_scale, "whiten_scale", _SCALES)
        if rank_tolerance is not None:
            rank_tolerance = _validate.as_fraction(rank_tolerance, "rank_tolerance")
        self.rank_tolerance = rank_tolerance
        self.name = self._name()

    def _name(self) -> str:
        options = [] if self.score == "angular" else [self.score]
        options += [] if self.center else ["uncentered"]
        if 0 < self.alpha < 1:
            options += [] if self.whiten_scale == "raw" else [self.whiten_scale]
            return f"shape({', '.join([f'{self.alpha:g}', *options])})"
        base = "procrustes" if self.alpha == 1 else "cca"
        return f"{base}({', '.join(options)})" if options else base

    def _part(self, held_out: bool) -> Part:
        if self.alpha == 1:
            return FactorPart(self.center, held_out)
        if self.alpha == 0:
            return BasisPart(self.center, self.rank_tolerance, held_out)
        return SpectrumPart(self.center, self.rank_tolerance, held_out)

    def _weighting(self) -> Weighting | None:
        if self.alpha in (0, 1):
            return None
        return _PartialWhitening(self.alpha, self.whiten_scale == "unit")

    def products(self) -> tuple[Product, ...]:
        return (NuclearNorm(self._part(False), self._weighting()),)

    def held_out_products(self) -> tuple[Product, ...]:
        return (HeldOutNorm(self._part(True), self._weighting()),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return 1 - similarity, or squared distances, of two blocks of items."""
        gap = products[self.products()[0]].gap
        if self.score == "angular":
            return np.asarray(gap)
        part = self._part(False)
        return squared_residuals(gap, _scales(tile.rows, part)[:, None], _scales(tile.columns, part)[None])

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the same on held-out stimuli."""
        row_norms, column_norms, gap = products[self.held_out_products()[0]]
        if self.score == "angular":
            return np.asarray(gap)
        part = self._part(True)
        left, right = _scales(tile.rows, part)[:, None], _scales(tile.columns, part)[None]
        return squared_residuals(gap, left * row_norms, right * column_norms)

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn the values of `pair` into angles or distances."""
        return angles_of(values) if self.score == "angular" else np.sqrt(values)

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the larger norm of each pair, for distances in the units of the responses."""
        if self.score == "angular":
            return 1.0
        return np.asarray(np.maximum.outer(*(_scales(side, self._part(False)) for side in tile.sides)))

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark that full whitening of too many units leaves nothing to compare."""
        if self.alpha != 0:
            return None
        records = [item[self._part(False)] for item in items]
        full = [record.label for record in records if record.rank == record.size]
        if not full:
            return None
        who = f"{full[0]} and {len(full) - 1} more have" if len(full) > 1 else f"{full[0]} has"
        return (
            f"{who} as many independent units as stimuli, so that any other representation is a linear map "
            "of it: use more stimuli, alpha > 0 or test data"
        )

    def coordinates(self, data: UnitBlocks) -> tuple[FloatArray, FloatArray]:
        """Return the mean of an item, and the map to coordinates in which only rotations are left to find.

        Rows of ``(X - mean) @ map`` are whitened stimuli, along as many axes as they have independent units;
        the distance of two items is that of these after the best rotation.
        """
        part, weighting = self._part(True), self._weighting()
        record = part.prepare(data)
        weight = np.ones(record.rank) if weighting is None else weighting.weights(record)
        return record.mean, record.scale * record.map * weight

    def fit(self, X: Any, Y: Any) -> ShapeAlignment:
        """Find the maps that align two representations.

        Parameters
        ----------
        X, Y : array-like of shape (n_stimuli, n_units)
            Responses to the same stimuli.

        Returns
        -------
        ShapeAlignment
            Means and maps. ``(X - x_mean) @ x_map`` and ``(Y - y_mean) @ y_map`` are aligned, and their
            distance is that of the metric. Leading columns are matched; then come directions of X that have
            no partner in Y, where Y has zeros, then those of Y.
        """
        X, Y = as_pair(X, Y)
        with single_threaded_blas():
            part, weighting = self._part(True), self._weighting()
            x, y = part.prepare(UnitBlocks(X, "X")), part.prepare(UnitBlocks(Y, "Y"))
            weights = [np.ones(r.rank) if weighting is None else weighting.weights(r) for r in (x, y)]
            bases = aligned_bases(x.matrix * weights[0], y.matrix * weights[1])
            matched, single = [], []
            for record, weight, basis in zip((x, y), weights, bases, strict=True):
                whitening = record.scale * record.map * weight
                complement = np.linalg.qr(basis, mode="complete")[0][:, basis.shape[1] :]
                matched.append(whitening @ basis)
                single.append(whitening @ complement)
            outside = [
                Outside(record.span, self.alpha if weighting is None else weighting.outside(record))
                for record in (x, y)
            ]
        gaps = [np.zeros((len(single[i]), single[1 - i].shape[1])) for i in (0, 1)]
        return ShapeAlignment(
            x.mean,
            y.mean,
            np.hstack([matched[0], single[0], gaps[0]]),
            np.hstack([matched[1], gaps[1], single[1]]),
            matched[0].shape[1],
            *outside,
        )

    def transform(self, alignment: ShapeAlignment, X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
        """Apply a fitted alignment, to the same or to other stimuli.

        Parameters
        ----------
        alignment : ShapeAlignment
            From :meth:`fit`.
        X, Y : array-like of shape (n_stimuli, n_units)
            Responses of the same units.

        Returns
        -------
        X_aligned, Y_aligned : ndarray of shape (n_stimuli, n_columns)
            Both in common coordinates; their distance (the angle or the Frobenius norm of their difference)
            is the one that :func:`pairwise` returns with ``test``. If a representation has directions that
            the fitted data do not span, the part that lies there follows, one column per unit, as it counts
            in the norm; the other representation has zeros there.
        """
        rows = centred_pair(X, Y, alignment.x_mean, alignment.y_mean)
        inside = [rows[0] @ alignment.x_map, rows[1] @ alignment.y_map]
        outside: list[list[FloatArray]] = [[], []]
        for i, found in enumerate((alignment.x_outside, alignment.y_outside)):
            if found.span is not None and found.factor > 0:
                rest = found.factor * outside_of(found.span, rows[i])
                outside[i].append(rest)
                outside[1 - i].append(np.zeros((len(rows[1 - i]), rest.shape[1])))
        first, second = (np.hstack([a, *rest]) for a, rest in zip(inside, outside, strict=True))
        return first, second

    def align(self, X: Any, Y: Any) -> tuple[FloatArray, FloatArray]:
        """Fit to two representations and return both in common coordinates; see :meth:`fit`.

        The distance of the two arrays is that of the metric.
        """
        alignment = self.fit(X, Y)
        # Without columns for directions that these data do not span.
        return self.transform(
            alignment._replace(x_outside=Outside(None, 0.0), y_outside=Outside(None, 0.0)), X, Y
        )


class Procrustes(ShapeMetric):
    """Procrustes distance: the best rotation or reflection, without whitening; ``ShapeMetric(alpha=1)``.

    Parameters
    ----------
    score : {"angular", "euclidean"}, default "angular"
        See :class:`ShapeMetric`.
    center : bool, default True
        Subtract the mean over stimuli.

    Examples
    --------
    >>> import neurogeom as ng
    >>> metric = ng.Procrustes(score="euclidean", center=False)
    >>> round(metric.distance([[3, 0, 0], [0, 2, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 2]]), 6)
    2.44949
    """

    def __init__(self, *, score: Literal["angular", "euclidean"] = "angular", center: bool = True) -> None:
        super().__init__(1.0, score=score, center=center)


class CCA(ShapeMetric):
    """Distance after any linear alignment, from canonical correlations rho; ``ShapeMetric(alpha=0)``.

    The angle is ``arccos(sum(rho) / sqrt(rank_x * rank_y))``.

    Parameters
    ----------
    score : {"angular", "euclidean"}, default "angular"
        See :class:`ShapeMetric`.
    center : bool, default True
        Subtract the mean over stimuli.
    rank_tolerance : float, optional
        See :class:`ShapeMetric`.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(ng.CCA().distance(X, X[:, :1]), 6), round(float(np.arccos(np.sqrt(1 / 4))), 6)
    (1.047198, 1.047198)
    """

    def __init__(
        self,
        *,
        score: Literal["angular", "euclidean"] = "angular",
        center: bool = True,
        rank_tolerance: float | None = None,
    ) -> None:
        super().__init__(0.0, score=score, center=center, rank_tolerance=rank_tolerance)


def procrustes(
    X: Any, Y: Any, *, score: Literal["angular", "euclidean"] = "angular", center: bool = True
) -> float:
    """Procrustes distance of two representations; see :class:`Procrustes`.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli; numbers of units may differ.
    score : {"angular", "euclidean"}, default "angular"
        The angle of the aligned responses in radians, or the Frobenius norm of their difference.
    center : bool, default True
        Subtract the mean over stimuli.

    Returns
    -------
    float
        0 if X and Y are rotations, reflections or (for the angle) rescalings of each other.

    Raises
    ------
    TypeError, ValueError
        If one is not a finite real matrix that varies over stimuli, or their numbers of stimuli differ.

    Examples
    --------
    >>> import neurogeom as ng
    >>> round(ng.procrustes([[1, 0], [0, 1], [0, 0]], [[2, 0], [0, 1], [0, 0]], score="euclidean"), 6)
    0.781979
    """
    return Procrustes(score=score, center=center).distance(X, Y)


def cca(
    X: Any,
    Y: Any,
    *,
    score: Literal["angular", "euclidean"] = "angular",
    center: bool = True,
    rank_tolerance: float | None = None,
) -> float:
    """Distance of two representations after any linear alignment; see :class:`CCA`.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli; numbers of units may differ.
    score : {"angular", "euclidean"}, default "angular"
        See :class:`ShapeMetric`.
    center : bool, default True
        Subtract the mean over stimuli.
    rank_tolerance : float, optional
        See :class:`ShapeMetric`.

    Returns
    -------
    float
        0 if X and Y are invertible linear maps of each other.

    Raises
    ------
    TypeError, ValueError
        If one is not a finite real matrix that varies over stimuli, or their numbers of stimuli differ.

    Examples
    --------
    >>> import neurogeom as ng
    >>> round(ng.cca([[1], [2], [4], [3]], [[1, 0], [2, 1], [4, 0], [3, 1]]), 6)
    0.785398
    """
    return CCA(score=score, center=center, rank_tolerance=rank_tolerance).distance(X, Y)


def _scales(items: Sequence[Prepared], part: Part) -> FloatArray:
    return np.array([item[part].scale for item in items])


def as_alpha(value: Any, name: str = "alpha") -> float:
    """Take a degree of whitening from 0 to 1."""
    number = as_number(value, name)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie between 0 (CCA) and 1 (Procrustes), not {number}")
    return number
