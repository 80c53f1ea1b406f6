"""Capacity of correlated manifolds with a margin, and what its parts come from."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any, ClassVar

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from .._base import checks as _validate
from .._base.checks import FloatArray, explain_keywords, user_level
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, Result, warn_of_one
from .._base.rng import RandomSource, as_generator
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.dichotomies import Dichotomies
from ..clouds.manifolds import ManifoldsLike, as_manifolds
from ._joint_cones import (
    LEAST_FOR_ERRORS,
    JointCones,
    JointProjections,
    mean_and_error,
    warn_of_dead,
    warn_of_few,
)
from .closed_forms import ball_capacity

__all__ = ["CorrelatedCapacity", "correlated_capacity", "correlated_sphere_capacity"]

_TERMS = ("center_center", "axis_axis", "center_axis", "individual")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CorrelatedCapacity(Result):
    """Capacity of correlated manifolds and its decomposition; see :func:`correlated_capacity`."""

    _headline: ClassVar[tuple[str, ...]] = ("n_manifolds", "n_separable", "capacity", *_TERMS)

    names: NDArray[Any]
    capacity: float
    capacity_se: float
    center_center: float
    center_center_se: float
    axis_axis: float
    axis_axis_se: float
    center_axis: float
    center_axis_se: float
    individual: float
    individual_se: float
    margin: float
    n_points: NDArray[np.intp]
    n_features: int
    n_samples: int
    inseparable_fraction: float
    infeasible_fraction: float
    kkt_residual: float
    squared_projections: FloatArray
    inseparable: NDArray[np.bool_]
    status: NDArray[np.int8]
    dichotomies: NDArray[np.int8]

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.n_points)

    @property
    def n_separable(self) -> int:
        """Number of samples that the parts rest on."""
        return int(np.count_nonzero((self.status == 0) & ~self.inseparable))


@explain_keywords
def correlated_capacity(
    manifolds: ManifoldsLike,
    *,
    margin: float = 0.0,
    n_samples: int = 200,
    gaussians: ArrayLike | None = None,
    dichotomies: Dichotomies = "iid",
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> CorrelatedCapacity:
    r"""Capacity of correlated manifolds in the sense of Wakhloo, Sussman and Chung.

    The theory for manifolds whose centres and axes are correlated with each other: nothing is centred, and
    labels are independent unless asked otherwise. At margin 0 this is the joint capacity of
    :func:`neurogeom.effective_geometry` with ``center=False, dichotomies="iid"``.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud a manifold, points first; numbers of points may differ.
    margin : float, default 0
        Margin kappa >= 0, in the units of the data: points lie at inner products of at least kappa.
    n_samples : int, default 200
        Pairs of draw and dichotomy.
    gaussians : array_like (n_samples, n_features), optional
        Draws to use instead of our own, for exact comparisons. Constraints are y x.v <= -kappa, as in the
        authors' code; draws for software that has y x.v >= kappa enter with the opposite sign.
    dichotomies : str, array_like (n_samples, P), or callable, default "iid"
        Labels of the manifolds; see :func:`neurogeom.effective_geometry`.
    rng : None, int, SeedSequence or Generator
        Source of randomness. Results are the same bits for any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (done, total).

    Returns
    -------
    CorrelatedCapacity
        ``capacity`` = P / E|q|^2 with its Monte-Carlo standard error, and the parts of E|q|^2 with theirs.
        With q = sum over manifolds of (q_c + q_a), what the centre and the axes of each contribute:
        ``center_center`` and ``axis_axis``, inner products between different manifolds' centre parts and axis
        parts; ``center_axis``, those of centre parts with other manifolds' axis parts (both orders);
        ``individual``, the squared lengths of q_c + q_a of each manifold. They are means over samples whose
        projection is not the draw itself, where the parts are not unique, and sum to P / capacity where there
        are no others; ``n_separable`` is their number. ``inseparable_fraction``, ``infeasible_fraction`` (no
        v has the margin), and per sample ``squared_projections``, ``inseparable``, ``status`` (0 fine, 1 not
        converged, 2 infeasible, 3 dead data) and ``dichotomies``.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, manifolds differ in width, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If the margin is infeasible for a sample, a projection did not converge, all projections are zero, or
        the data are dead (all points of a manifold are zero, or all points of all manifolds are the same);
        capacity and parts are then NaN. If more than 5 % of the samples are inseparable (where all are,
        capacity is P over the dimension that the points span, whatever the manifolds), or fewer than 10
        separable, which leaves the parts without standard errors (NaN), as one sample does for capacity.

    Notes
    -----
    The published form is a minimum over coordinates along the P (D + 1) axes and centres in the metric of
    their inverse covariance; those coordinates of v are its inner products with axes and centres, so that it
    is the same number as the distance to the polyhedron in the space of the features, with one standard
    normal t in that space. No covariance is formed or regularised here, and manifolds may have any number
    and rank of points. Reference: Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> shared = data.normal(size=60)
    >>> clouds = shared + data.normal(size=(10, 1, 60)) + 0.3 * data.normal(size=(10, 20, 60))
    >>> result = ng.correlated_capacity(clouds, rng=0)
    >>> parts = result.center_center + result.axis_axis + result.center_axis + result.individual
    >>> bool(abs(parts * result.capacity / 10 - 1) < 1e-9)
    True
    >>> ng.correlated_capacity(clouds, margin=0.5, rng=0).capacity < result.capacity
    True
    """
    clouds = as_manifolds(manifolds)
    kappa = _validate.as_margin(margin)
    samples = _validate.as_count(n_samples, "n_samples")
    threads = resolve_threads(n_threads)
    report = as_progress(progress, "correlated capacity")
    with single_threaded_blas():
        cones = JointCones.prepare(
            clouds,
            center=False,
            dichotomies=dichotomies,
            gaussians=gaussians,
            n_samples=samples,
            generator=as_generator(rng),
        )
        found = cones.project(kappa, threads, report)
        terms = decompose(cones, found)
    warn_of_dead(cones, clouds, False, "capacity and its parts are")
    found.warn("capacity and its parts are")
    warn_of_few(found, "its parts")
    warn_of_one(samples, "n_samples")
    infeasible = float((found.status == 2).mean())
    if infeasible:
        warnings.warn(
            f"no v has margin {kappa:g} for {infeasible:.0%} of the dichotomies (status 2): capacity and its "
            "parts are NaN",
            ConvergenceWarning,
            stacklevel=user_level(),
        )
    good = not found.status.any()
    capacity, capacity_error = found.capacity(len(clouds))
    parts = {}
    for name in _TERMS:
        parts[name], parts[f"{name}_se"] = mean_and_error(terms[name] if good else terms[name][:0])
        if found.n_separable < LEAST_FOR_ERRORS:
            parts[f"{name}_se"] = math.nan
    if report is not None:
        report(samples, samples)
    return CorrelatedCapacity(
        names=clouds.names,
        capacity=capacity,
        capacity_se=capacity_error,
        **parts,
        margin=kappa,
        n_points=clouds.n_points,
        n_features=clouds.n_features,
        n_samples=samples,
        inseparable_fraction=float(found.inseparable.mean()),
        infeasible_fraction=infeasible,
        kkt_residual=float(found.residual.max()),
        squared_projections=found.squared,
        inseparable=found.inseparable,
        status=found.status,
        dichotomies=cones.labels,
    )


def decompose(cones: JointCones, found: JointProjections) -> dict[str, FloatArray]:
    """Parts of |q|^2 for each sample; NaN where the weights are not unique."""
    group = np.repeat(np.arange(cones.n_manifolds), np.diff(cones.starts))
    centers = np.add.reduceat(cones.points, cones.starts[:-1]) / np.diff(cones.starts)[:, None]
    terms = {name: np.full(len(cones.draws), np.nan) for name in _TERMS}
    weights = found.weights
    for k in np.flatnonzero((found.status == 0) & ~found.inseparable):
        own = slice(weights.indptr[k], weights.indptr[k + 1])
        points = weights.indices[own]
        signed = weights.data[own] * cones.labels[k, group[points]]
        center_parts = np.bincount(group[points], signed, cones.n_manifolds)[:, None] * centers
        axis_parts = np.zeros_like(centers)
        np.add.at(axis_parts, group[points], signed[:, None] * cones.points[points])
        axis_parts -= center_parts
        all_centers, all_axes = center_parts.sum(axis=0), axis_parts.sum(axis=0)
        terms["center_center"][k] = all_centers @ all_centers - (center_parts**2).sum()
        terms["axis_axis"][k] = all_axes @ all_axes - (axis_parts**2).sum()
        terms["center_axis"][k] = 2 * (all_centers @ all_axes - (center_parts * axis_parts).sum())
        terms["individual"][k] = ((center_parts + axis_parts) ** 2).sum()
    return terms


def correlated_sphere_capacity(
    radius: float,
    dimension: float,
    center_correlation: float,
    axis_correlation: float,
    margin: float = 0.0,
    *,
    form: str = "ball",
) -> float:
    r"""Capacity of many equal spheres whose centres and axes are equally correlated.

    Correlations of centres make the useful part of their norm smaller, those of axes that of the radius, so
    that all depends on :math:`R' = R \sqrt{1-\lambda} / \sqrt{1-\psi}` and on
    :math:`\kappa' = \kappa / \sqrt{1-\psi}`.

    Parameters
    ----------
    radius : float
        Radius R >= 0, in units of the centres' norm.
    dimension : float
        Dimension K > 0 of each sphere.
    center_correlation : float
        Cosine psi between any two centres, 0 <= psi < 1.
    axis_correlation : float
        Cosine lambda between corresponding axes of any two spheres, 0 <= lambda <= 1.
    margin : float, default 0
        Margin kappa >= 0, in units of the centres' norm.
    form : {"ball", "saddle"}, default "ball"
        ``"ball"``: the integral of :func:`neurogeom.ball_capacity` at R' and kappa'; ``"saddle"``: its
        saddle point for large K, as published.

    Returns
    -------
    float
        Spheres per dimension that random dichotomies can separate, for many spheres.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or the saddle point is asked for where the theory has none: where
        :math:`R' (\phi(\kappa') + \kappa' \Phi(\kappa'))` exceeds :math:`\sqrt K`, which is
        :math:`R' > \sqrt{2\pi K}` without a margin. What its formulas give there rises with the radius.

    Notes
    -----
    Saddle point: with :math:`c = R' \sqrt{K q} + \kappa'` and
    :math:`\sqrt q = 1 - (R'/\sqrt K) (\phi(c) + c\,\Phi(c))`,
    :math:`1/\alpha = K (\sqrt q - 1)^2 + (1 + c^2) \Phi(c) + c\,\phi(c)`.
    Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).

    Examples
    --------
    >>> import neurogeom as ng
    >>> round(ng.correlated_sphere_capacity(0.5, 5, 0.0, 0.0), 6)  # no correlations: a ball
    0.576511
    >>> round(ng.correlated_sphere_capacity(0.252, 7, 0.0, 0.0, form="saddle"), 3)
    0.799
    """
    length = float(_validate.as_nonnegative(_validate.as_number(radius, "radius"), "radius"))
    size = float(
        _validate.as_nonnegative(_validate.as_number(dimension, "dimension"), "dimension", zero=False)
    )
    psi = _validate.as_correlation(center_correlation, "center_correlation", one=False)
    overlap = _validate.as_correlation(axis_correlation, "axis_correlation")
    kappa = _validate.as_margin(margin) / math.sqrt(1 - psi)
    length *= math.sqrt((1 - overlap) / (1 - psi))
    if _validate.as_choice(form, "form", ("ball", "saddle")) == "ball":
        return float(ball_capacity(length, size, kappa))

    def reach(c: float) -> float:
        return math.exp(-c * c / 2) / math.sqrt(2 * math.pi) + c * float(ndtr(c))

    def gap(root: float) -> float:
        return root - 1 + length / math.sqrt(size) * reach(length * math.sqrt(size) * root + kappa)

    if length * reach(kappa) > math.sqrt(size):
        raise ValueError(
            f"form='saddle' has no solution for radius R' = {length:g}, margin kappa' = {kappa:g}, dimension "
            f"{size:g}: R' (phi(kappa') + kappa' Phi(kappa')) exceeds sqrt(dimension); form='ball' has one"
        )
    # gap rises with its argument and is not negative at 1, where reach is at its largest.
    lowest = 1 - length / math.sqrt(size) * reach(length * math.sqrt(size) + kappa)
    root = scipy.optimize.brentq(gap, lowest, 1.0, xtol=1e-14, rtol=1e-14) if length > 0 else 1.0
    c = length * math.sqrt(size) * root + kappa
    inverse = size * (root - 1) ** 2 + float(ndtr(c)) + c * reach(c)
    return 1 / inverse
