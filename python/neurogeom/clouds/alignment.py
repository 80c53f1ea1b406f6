"""How manifolds' centres and axes of variation are oriented relative to each other, from the raw points."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, explain_keywords, user_level
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import single_threaded_blas
from ..inference import Null, Permutations
from ._moments import Moments, moments_of
from .manifolds import Manifolds, ManifoldsLike, as_manifolds

_MEASURES = (
    "mean_center_center",
    "mean_abs_center_center",
    "mean_axis_axis",
    "mean_center_axis",
    "signal_noise",
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NullAlignment(Null):
    """Alignments of data whose points were dealt to the manifolds at random; one entry per measure.

    Attributes
    ----------
    measure : ndarray of str, shape (5,)
        Names of the measures, as in :class:`Alignment`.
    observed, mean, sd, lower, upper, z, p_value, n_draws, n_defined, alternative
        As in :class:`neurogeom.Null`, of shape (5,); two-sided.
    values : ndarray, shape (n_shuffles, 5)
        All values.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_shuffles",)

    values: FloatArray

    @property
    def n_shuffles(self) -> int:
        """Number of shuffles."""
        return self.n_draws

    @classmethod
    def of(cls, observed: FloatArray, values: FloatArray) -> NullAlignment:
        """Compare the measures of the data with those of shuffled data."""
        return cls(measure=np.array(_MEASURES), values=values, **cls.fields_of(observed, values))

    @classmethod
    def _complete(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add what 0.1.0 did not keep."""
        return {**cls.fields_of(fields["observed"], fields["values"]), **fields}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Alignment(Result):
    """Alignments of the centres and axes of manifolds; see :func:`alignment`.

    Attributes
    ----------
    names, n_points, n_features
        The manifolds, the number of points of each, and the number of features.
    center_norm, spread : ndarray, shape (P,)
        Length of each centre relative to the overall mean, and root mean square distance of the points from
        their centre, in the units of the data.
    center_center, axis_axis, center_axis : ndarray, shape (P, P)
        The matrices; the first two are symmetric.
    mean_center_center, mean_abs_center_center, mean_axis_axis, mean_center_axis : float
        Means over the pairs of different manifolds for which the entry is defined; NaN if there are none.
    signal_noise : float
        Alignment of the covariance between manifolds with the mean covariance within them.
    status : ndarray of int8, shape (P,)
        0 fine, 1 the centre is zero, 2 no variance within, 3 both.
    null : NullAlignment or None
        The shuffle null.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_manifolds", *_MEASURES)
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_manifolds", "n_features"),
        *(Column(name=name) for name in _MEASURES),
        *columns_of_kind("count", "n_points", of_items=True),
        Column(name="center_norm", unit="data", of_items=True),
        Column(name="spread", unit="data", of_items=True),
        *columns_of_kind("diagnostic", "status", of_items=True),
    )

    names: NDArray[Any]
    n_points: NDArray[np.intp]
    n_features: int
    center_norm: FloatArray
    spread: FloatArray
    center_center: FloatArray
    axis_axis: FloatArray
    center_axis: FloatArray
    mean_center_center: float
    mean_abs_center_center: float
    mean_axis_axis: float
    mean_center_axis: float
    signal_noise: float
    status: NDArray[np.int8]
    null: NullAlignment | None

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.n_points)


@explain_keywords
def alignment(manifolds: ManifoldsLike, *, null: int = 0, rng: RandomSource = None) -> Alignment:
    r"""Alignment of centres and axes of variation between manifolds.

    The labels decide which points make a manifold: to compare the object, category and pose manifolds of one
    representation X, call this with ``ng.manifolds(X, objects)``, ``ng.manifolds(X, categories)`` and
    ``ng.manifolds(X, poses)``.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first; numbers of points may differ. At least two. Features are
        read in blocks, so that memory maps and float16 data are never converted as a whole.
    null : int, default 0
        Also measure this many data sets with the points dealt out to the manifolds at random, each manifold
        keeping its number of points (:meth:`Manifolds.shuffled`). With one seed, more shuffles keep the first
        ones.
    rng : None, int, SeedSequence or Generator
        Source of randomness for the shuffles.

    Returns
    -------
    Alignment
        P x P matrices ``center_center`` (cosines, signed), ``axis_axis`` (0 to 1) and ``center_axis`` (0 to
        1; row: whose centre, column: whose axes; the diagonal is each manifold's own); their means over pairs
        of different manifolds, ``mean_...``, and ``mean_abs_center_center``, the mean of the absolute
        cosines; ``signal_noise`` (0 to 1); and ``null``.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, the manifolds are fewer than two or differ in width, all points are the
        same, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If a centre is zero (its length is below 1e-12 of the largest value in the data) or a manifold has no
        variance within (one point, or the same point repeated). The entries that need it are NaN and left out
        of the means; ``status`` says which.

    Notes
    -----
    These are neutral definitions of our own, from means and covariances of the raw points. They are not
    those of a published "manifold alignment analysis" and, unlike the alignments of joint capacity theory,
    they do not involve anchor points. Manifold :math:`\mu` has :math:`n_\mu` of the n points,
    :math:`p_\mu = n_\mu / n`; :math:`c_\mu` is its centre relative to the mean of all points, :math:`S_\mu`
    its covariance (divisor :math:`n_\mu`), :math:`\hat c = c/|c|`,
    :math:`S_b = \sum_\mu p_\mu c_\mu c_\mu^T`, :math:`S_w = \sum_\mu p_\mu S_\mu`. Then

    .. math::
       \text{center-center}_{\mu\nu} &= \hat c_\mu \cdot \hat c_\nu, &
       \text{axis-axis}_{\mu\nu} &= \frac{\operatorname{tr} S_\mu S_\nu}
          {\sqrt{\operatorname{tr} S_\mu^2 \operatorname{tr} S_\nu^2}}, \\
       \text{center-axis}_{\mu\nu} &= \frac{\hat c_\mu^T S_\nu \hat c_\mu}{\operatorname{tr} S_\nu}, &
       \text{signal-noise} &= \frac{\operatorname{tr} S_b S_w}{\|S_b\|_F \|S_w\|_F}.

    Compare them with the shuffle null, not with zero: the weighted centres sum to zero, which makes the mean
    signed cosine of P balanced manifolds about -1/(P - 1), and few points in few directions are aligned by
    chance.

    All measures come from the n x n Gram matrix of the points, or from P covariances of n_features x
    n_features if these take less memory. Shuffles only regroup either.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> axes = np.linspace(2, 0, 40)  # the same axes of variation for all manifolds
    >>> clouds = data.normal(size=(6, 1, 40)) + axes * data.normal(size=(6, 50, 40))
    >>> result = ng.alignment(clouds, null=39, rng=0)
    >>> result
    Alignment(n_manifolds=6, ...)
    >>> for name, p_value in zip(result.null.measure, result.null.p_value):
    ...     print(f"{name:22} {p_value:.2f}")
    mean_center_center ...
    signal_noise ...
    """
    clouds = as_manifolds(manifolds)
    if len(clouds) < 2:
        raise ValueError(
            "manifolds holds one manifold; its centre is the overall mean, and there is no pair to align: "
            "pass at least two"
        )
    shuffles = _validate.as_count(null, "null", minimum=0)
    generator = as_generator(rng)
    counts = clouds.n_points
    total = int(counts.sum())
    with single_threaded_blas():
        points = moments_of(clouds)
        found = _measure(points.observed, counts)
        dealt = None
        if shuffles:
            permutations = Permutations(shuffles, draw_key(generator))
            orders = (permutations.order(total, 0, k) for k in range(shuffles))
            values = np.array([_measure(points.shuffled(order), counts).means for order in orders])
            dealt = NullAlignment.of(found.means, values)
    _warn_of_undefined(clouds, found.status)
    means = {name: float(value) for name, value in zip(_MEASURES, found.means, strict=True)}
    return Alignment(
        names=clouds.names,
        n_points=counts,
        n_features=clouds.n_features,
        center_norm=found.center_norm * points.scale,
        spread=found.spread * points.scale,
        center_center=found.center_center,
        axis_axis=found.axis_axis,
        center_axis=found.center_axis,
        **means,
        status=found.status,
        null=dealt,
    )


@dataclasses.dataclass(frozen=True)
class _Measured:
    center_norm: FloatArray
    spread: FloatArray
    center_center: FloatArray
    axis_axis: FloatArray
    center_axis: FloatArray
    means: FloatArray  # in the order of _MEASURES
    status: NDArray[np.int8]


def _measure(moments: Moments, counts: NDArray[np.intp]) -> _Measured:
    """Ratios of the moments; NaN if a denominator is zero up to rounding."""
    squared = np.diagonal(moments.centers)
    no_center, no_axes = squared <= moments.zero, moments.variances <= moments.zero
    squares = np.where(no_center, math.nan, squared)
    spreads = np.where(no_axes, math.nan, np.diagonal(moments.overlaps))
    variances = np.where(no_axes, math.nan, moments.variances)
    center_center = np.clip(moments.centers / np.sqrt(np.outer(squares, squares)), -1, 1)
    axis_axis = np.clip(moments.overlaps / np.sqrt(np.outer(spreads, spreads)), 0, 1)
    center_axis = np.clip(moments.along / np.outer(squares, variances), 0, 1)
    p = counts / counts.sum()
    signal, noise = (p @ (matrix) @ p for matrix in (moments.centers**2, moments.overlaps))
    defined = not (no_center.all() or no_axes.all())
    signal_noise = (p @ moments.along @ p) / math.sqrt(signal * noise) if defined else math.nan
    return _Measured(
        center_norm=np.sqrt(np.maximum(squared, 0)),
        spread=np.sqrt(np.maximum(moments.variances, 0)),
        center_center=center_center,
        axis_axis=axis_axis,
        center_axis=center_axis,
        means=np.array(
            [
                _mean_of_pairs(center_center),
                _mean_of_pairs(np.abs(center_center)),
                _mean_of_pairs(axis_axis),
                _mean_of_pairs(center_axis),
                min(signal_noise, 1.0) if defined else math.nan,
            ]
        ),
        status=(no_center + 2 * no_axes).astype(np.int8),
    )


def _mean_of_pairs(matrix: FloatArray) -> float:
    """Mean of the defined entries off the diagonal."""
    values = matrix[~np.eye(len(matrix), dtype=bool) & ~np.isnan(matrix)]
    return float(values.mean()) if len(values) else math.nan


def _warn_of_undefined(clouds: Manifolds, status: NDArray[np.int8]) -> None:
    for code, reason in (
        (1, "the centre is zero relative to the data (it equals the overall mean)"),
        (2, "there is no variance within (one point, or the same point repeated)"),
    ):
        failed = np.flatnonzero(status & code)
        if len(failed):
            shown = ", ".join(str(clouds.names[m]) for m in failed[:5])
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            warnings.warn(
                f"manifold {shown}{more}: {reason}; alignments that need it are NaN",
                ConvergenceWarning,
                stacklevel=user_level(),
            )
