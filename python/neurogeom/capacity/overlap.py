"""Whether and how far two point clouds overlap, with a certificate of their linear separability."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.results import Column, ConvergenceWarning, Result, columns_of_kind
from .._base.threads import single_threaded_blas
from .checks import require_same_width
from .cone import project_cone

# Squared distances that agree to this are a tie.
# Largest number of subsets of points whose means serve as centres.
_SUBSETS = 256
_TIE = 1e-12
# Number of distances compared at a time.
_BLOCK = 1 << 22
# Two points of the hulls count as one if they agree to this in every feature, in units of its largest value,
# and in every principal direction, in units of the root mean square coordinate along it.
_COMMON = 1e-13
_EPS = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Overlap(Result):
    """Overlap of two point clouds a and b; see :func:`overlap`.

    Attributes
    ----------
    center_distance : float
        Distance between the two centres.
    radii : ndarray, shape (2,)
        Root mean square distance of the points from their centre, for a and b.
    relative_distance : float
        center_distance / (sum of the radii); 1 where balls of these radii touch, inf between two different
        points, NaN between two equal ones.
    nearest_center_error : float
        Mean of the two ``nearest_center_errors``.
    nearest_center_errors : ndarray, shape (2,)
        Share of the points of a and of b that are nearer to the other cloud's centre than to the centre of
        the rest of their own, with both centres from equally many points (see Notes); a tie counts one half.
        NaN for a cloud of one point.
    separable : bool or None
        Whether a hyperplane separates the clouds strictly; None if neither certificate could be verified.
    margin : float
        Distance of the nearest point from the hyperplane `weights`, `bias`; NaN if not separable.
    weights : ndarray, shape (n_features,), or None
        Unit normal of a separating hyperplane: ``a @ weights + bias >= margin`` and
        ``b @ weights + bias <= -margin``.
    bias : float
        Its offset; NaN if not separable.
    convex_weights : tuple of two ndarrays, shapes (n_a,) and (n_b,), or None
        If not separable: non-negative weights u and v, each with sum 1, for which ``u @ a`` and ``v @ b`` are
        the same point.
    common_point : ndarray, shape (n_features,), or None
        That point of both convex hulls.
    gap : float
        Distance between ``u @ a`` and ``v @ b`` due to rounding; NaN if separable.
    n_points : ndarray of int, shape (2,)
        Numbers of points.
    status : int
        0 decided, 1 undecided.
    """

    _headline: ClassVar[tuple[str, ...]] = ("relative_distance", "nearest_center_error", "separable")
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="center_distance", unit="data"),
        Column(name="relative_distance"),
        Column(name="nearest_center_error"),
        *columns_of_kind("diagnostic", "separable"),
        Column(name="margin", unit="data"),
        *columns_of_kind("diagnostic", "status"),
    )

    center_distance: float
    radii: FloatArray
    relative_distance: float
    nearest_center_error: float
    nearest_center_errors: FloatArray
    separable: bool | None
    margin: float
    weights: FloatArray | None
    bias: float
    convex_weights: tuple[FloatArray, FloatArray] | None
    common_point: FloatArray | None
    gap: float
    n_points: NDArray[np.intp]
    status: int


def overlap(a: ArrayLike, b: ArrayLike) -> Overlap:
    r"""Distance, confusion and linear separability of two point clouds.

    Parameters
    ----------
    a, b : array_like of shape (n_points, n_features)
        The clouds, one point per row; numbers of points may differ. Copied as float64.

    Returns
    -------
    Overlap
        ``center_distance``, ``radii``, ``relative_distance`` (in units of the sum of the radii),
        ``nearest_center_error`` (leave-one-out; its expectation is 0.5 if both clouds come from the same
        distribution, for any distribution and numbers of points), ``separable`` with a certificate:
        ``weights``, ``bias`` and ``margin`` of a separating hyperplane, or ``convex_weights`` and the
        ``common_point`` of the two convex hulls.

    Raises
    ------
    TypeError, ValueError
        If a cloud is not a finite real matrix, the numbers of features differ, or values are so large or
        small that their squares leave the range of float64.

    Warns
    -----
    ConvergenceWarning
        If a cloud has one point only (its leave-one-out error is NaN), or neither certificate could be
        verified: the hulls touch, or nearly so. ``separable`` is then None and ``status`` 1.

    Notes
    -----
    The measures are our own choice, and not those of a publication.

    A point is compared with the mean of the n - 1 others of its own cloud, which is farther from it than a
    mean of more points would be. To be fair, the centre of the other cloud is a mean of just as many points.
    The result is averaged over leaving out each point of the other cloud in turn if that has the same size,
    and over as many subsets as it has points if it is larger (if it has fewer than n - 1 points, the subsets
    are taken from the point's own cloud instead). Which subsets are used depends on the order of the rows of
    the larger cloud, through a fixed permutation; for equal sizes, nothing depends on it.

    With labels y = 1 (a) and -1 (b) and :math:`s_i = y_i (x_i, 1)`, the target e (1 in the last coordinate)
    is projected on the cone of the :math:`(s_i, 1)` by :func:`project_cone`. What remains is zero if and
    only if zero is a convex combination of the :math:`s_i`, that is, if the hulls meet; otherwise it gives a
    hyperplane. A hyperplane counts as verified if, in the original data, every point lies on its side by more
    than the rounding error of the sum that shows it; a common point counts as verified if the two
    combinations agree to a relative 1e-13 in every feature and in every principal direction of the features.
    The hyperplane separates, but it is not the one with the largest margin.

    Examples
    --------
    >>> import neurogeom as ng
    >>> result = ng.overlap([[0.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [3.0, 2.0]])
    >>> result
    Overlap(relative_distance=1.5, nearest_center_error=0, separable=True)
    >>> result = ng.overlap([[0.0, 0.0], [2.0, 2.0]], [[2.0, 0.0], [0.0, 2.0]])
    >>> result.separable, result.common_point.round(12)
    (False, array([1., 1.]))
    """
    clouds = [_validate.as_float_matrix(x, name) for x, name in ((a, "a"), (b, "b"))]
    require_same_width(clouds[0], "a", clouds[1], "b")
    _validate.require_same_columns(
        (name, _validate.column_index(x, name)) for x, name in ((a, "a"), (b, "b"))
    )
    for cloud, name in zip(clouds, "ab", strict=True):
        _validate.require_magnitude(max(float(cloud.max()), -float(cloud.min())), name)
    counts = np.array([len(cloud) for cloud in clouds])
    points, scale = _relative(clouds)
    with single_threaded_blas():
        distance, radii, errors = _distances(points[: counts[0]], points[counts[0] :])
        decision = _Decision(clouds, points)
    if (counts == 1).any():
        warnings.warn(
            "a cloud of one point has no leave-one-out error; nearest_center_error is NaN",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
    if decision.separable is None:
        warnings.warn(
            "the clouds touch, or nearly so: neither a separating hyperplane nor a common point of their "
            "hulls could be verified in float64; separable is None (status 1)",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
    together = float(radii.sum())
    apart = math.inf if distance > 0 else math.nan
    return Overlap(
        center_distance=distance * scale,
        radii=radii * scale,
        relative_distance=distance / together if together > 0 else apart,
        nearest_center_error=float(errors.mean()),
        nearest_center_errors=errors,
        separable=decision.separable,
        margin=decision.margin,
        weights=decision.weights,
        bias=decision.bias,
        convex_weights=decision.convex_weights,
        common_point=decision.common_point,
        gap=decision.gap,
        n_points=counts,
        status=int(decision.separable is None),
    )


def _relative(clouds: list[FloatArray]) -> tuple[FloatArray, float]:
    """All points relative to their mean, scaled to length 1 or less, and the scale."""
    points = np.concatenate(clouds)
    points -= points[0].copy()  # leaves no rounding of a large common offset
    points -= points.mean(axis=0)
    largest = float(np.abs(points).max())
    if largest == 0:
        return points, 1.0
    points /= largest  # before squares are taken
    length = math.sqrt(float((points**2).sum(axis=1).max()))
    points /= length
    return points, largest * length


def _distances(a: FloatArray, b: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Distance of the centres, radii, and leave-one-out errors of the nearest centre."""
    centers = [cloud[0] + (cloud - cloud[0]).mean(axis=0) for cloud in (a, b)]
    radii = [
        math.sqrt(((x - center) ** 2).sum(axis=1).mean()) for x, center in zip((a, b), centers, strict=True)
    ]
    errors = _confusion(a, b, *centers), _confusion(b, a, *centers[::-1])
    return float(np.linalg.norm(centers[0] - centers[1])), np.array(radii), np.array(errors)


def _confusion(cloud: FloatArray, other: FloatArray, center: FloatArray, other_center: FloatArray) -> float:
    """Share of the points of a cloud that are nearer to the other cloud's centre than to that of the rest.

    Both centres are means of equally many points: otherwise the mean of more points would be nearer even if
    nothing told the clouds apart. One of them is the mean of all available points; the other one runs over
    subsets, each as good as any other: a few hundred are enough.
    """
    n = len(cloud)
    size = min(n - 1, len(other))
    if size == 0:
        return math.nan
    distances = [((cloud - c) ** 2).sum(axis=1) for c in (center, other_center)]
    subsets_of = other if size == n - 1 else cloud
    middle = other_center if size == n - 1 else center
    # Neighbours on a random circle; subsets of n - 1 of n points are all of this form.
    order = np.random.default_rng(0).permutation(len(subsets_of))
    offsets = np.concatenate([subsets_of[order], subsets_of[order[: size - 1]]]) - middle
    sums = np.cumsum(np.concatenate([np.zeros((1, offsets.shape[1])), offsets]), axis=0)
    moved = (sums[size:] - sums[:-size]) / size if size < len(subsets_of) else np.zeros_like(sums[:1])
    first = np.arange(0, len(moved), -(-len(moved) // _SUBSETS))
    moved = moved[first]
    place = np.argsort(order)
    wrong = counted = 0.0
    block = max(1, _BLOCK // len(moved))
    for start in range(0, n, block):
        rows = slice(start, start + block)
        near = -2 * (cloud[rows] - middle) @ moved.T + (moved**2).sum(axis=1)
        if size == n - 1:
            own, others = (n / size) ** 2 * distances[0][rows, None], distances[1][rows, None] + near
            free = np.ones(others.shape, dtype=bool)
        else:
            own, others = distances[0][rows, None] + near, distances[1][rows, None]
            free = (place[rows, None] - first) % n >= size  # the point is not in the subset
        tied = np.abs(own - others) <= _TIE * (own + others)
        wrong += float(np.where(tied, 0.5, own > others)[free].sum())
        counted += float(free.sum())
    return wrong / counted


class _Decision:
    """Separable or not, with a verified certificate."""

    separable: bool | None = None
    weights: FloatArray | None = None
    convex_weights: tuple[FloatArray, FloatArray] | None = None
    common_point: FloatArray | None = None
    margin = bias = gap = math.nan

    def __init__(self, clouds: list[FloatArray], points: FloatArray) -> None:
        self._clouds = clouds
        n_points, n_features = points.shape
        self._signs = np.repeat([1.0, -1.0], [len(cloud) for cloud in clouds])
        # Coordinates with the same inner products, no more of them than points.
        coordinates = points
        if n_features > n_points:
            (factor,) = scipy.linalg.qr(points.T, mode="r", check_finite=False)
            coordinates = np.array(factor[:n_points].T, dtype=np.float64)
        multipliers = self._multipliers(coordinates)
        if self._separated_by(self._signs * multipliers @ points):
            return
        # The hulls meet, or the data vary little in the direction that separates them, which coordinates of
        # equal variance then find. Directions below rounding are left out.
        extent = np.abs(points).max(axis=0)
        extent[extent == 0] = 1
        self._scaled = points / extent
        left, values, right = scipy.linalg.svd(self._scaled, full_matrices=False, check_finite=False)
        keep = values > max(points.shape) * _EPS * values[0]
        self._unit: FloatArray = left[:, keep] * math.sqrt(n_points)
        if self._meet_at(multipliers):
            return
        multipliers = self._multipliers(self._unit)
        normal: FloatArray = (self._signs * multipliers @ self._unit) / values[keep] @ right[keep] / extent
        if not self._separated_by(normal):
            self._meet_at(multipliers)

    def _multipliers(self, coordinates: FloatArray) -> FloatArray:
        """Weights of the points in the projection, for the hyperplane or the convex combination."""
        lifted = np.column_stack([coordinates, np.ones(len(coordinates))]) * self._signs[:, None]
        cone = np.column_stack([lifted, np.ones(len(lifted))])
        target = np.zeros((1, cone.shape[1]))
        target[0, -1] = 1
        weights: FloatArray = project_cone(cone, target, n_threads=1).weights[0]
        return weights

    def _separated_by(self, normal: FloatArray) -> bool:
        """Accept the hyperplane if each point is on its side by more than the rounding of the sum."""
        length = float(np.linalg.norm(normal))
        if not (np.isfinite(length) and length > 0):
            return False
        weights: FloatArray = normal / length
        # The hyperplane goes midway between the clouds.
        a, b = (cloud @ weights for cloud in self._clouds)
        bias = -(float(a.min()) / 2 + float(b.max()) / 2)
        sides = np.concatenate([a + bias, -(b + bias)])
        sizes = np.concatenate([np.abs(cloud) @ np.abs(weights) for cloud in self._clouds]) + abs(bias)
        if not (sides > (len(weights) + 3) * _EPS * sizes).all():
            return False
        self.separable, self.margin = True, float(sides.min())
        self.weights, self.bias = weights, bias
        return True

    def _meet_at(self, multipliers: FloatArray) -> bool:
        """Accept the convex combinations if they agree in every principal direction."""
        parts = np.split(multipliers, [len(self._clouds[0])])
        totals = [float(part.sum()) for part in parts]
        if not (np.isfinite(totals).all() and min(totals) > 0):
            return False
        u, v = (part / total for part, total in zip(parts, totals, strict=True))
        difference = np.concatenate([u, -v])
        if any((np.abs(difference @ x) > _COMMON).any() for x in (self._unit, self._scaled)):
            return False
        ends = [w @ cloud for w, cloud in zip((u, v), self._clouds, strict=True)]
        self.separable, self.convex_weights = False, (u, v)
        self.common_point = ends[0] / 2 + ends[1] / 2
        self.gap = float(np.linalg.norm(ends[0] - ends[1]))
        return True
