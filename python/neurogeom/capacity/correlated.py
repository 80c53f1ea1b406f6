"""Capacity of correlated manifolds with a margin, and its decomposition."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.checks import explain_keywords, user_level
from .._base.estimates import mean_and_error
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, warn_of_one
from .._base.rng import RandomSource, as_generator
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.dichotomies import Dichotomies
from ..clouds.manifolds import ManifoldsLike, as_manifolds
from .joint_cones import (
    LEAST_FOR_ERRORS,
    JointCones,
    warn_of_dead,
    warn_of_few,
)
from .results import TERMS, CorrelatedCapacity


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
    labels are independent by default. At margin 0 this is the joint capacity of
    :func:`neurogeom.effective_geometry` with ``center=False, dichotomies="iid"``.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first; numbers of points may differ.
    margin : float, default 0
        Margin kappa >= 0, in the units of the data: points lie at inner products of at least kappa.
    n_samples : int, default 200
        Number of pairs of a draw and a dichotomy.
    gaussians : array_like (n_samples, n_features), optional
        Your own draws, for exact comparisons. Constraints are y x.v <= -kappa, as in the
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
        With q = sum over manifolds of (q_c + q_a), the contributions of each manifold's centre and axes:
        ``center_center`` and ``axis_axis``, inner products between different manifolds' centre parts and axis
        parts; ``center_axis``, inner products of centre parts with other manifolds' axis parts (both orders);
        ``individual``, the squared lengths of q_c + q_a of each manifold. Samples whose projection is the
        draw itself have no unique parts and are left out; the parts are means over the ``n_used`` others, and
        sum to P / capacity if none were left out. ``inseparable_fraction``, ``infeasible_fraction`` (no v
        has the margin), and per sample ``squared_projections``, ``inseparable`` (at margin 0: no hyperplane
        through the origin separates the dichotomy), ``undetermined`` (the projection is the draw itself),
        ``status`` (0 fine, 1 not converged, 2 infeasible, 3 dead data) and ``dichotomies``.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, manifolds differ in width, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If the margin is infeasible for a sample, a projection did not converge, all projections are zero, or
        the data are dead (all points of a manifold are zero, or all points of all manifolds are the same);
        capacity and parts are then NaN. Also if more than 5 % of the samples are undetermined or inseparable
        (if all are inseparable, and no manifolds merely touch, capacity is P over the dimension that the
        points span, whatever the manifolds); if the parts rest on fewer than 10 samples, which leaves them
        without standard errors (NaN); or if there is one sample, which leaves capacity without one.

    Notes
    -----
    The published form is a minimum over coordinates along the P (D + 1) axes and centres, in the metric of
    their inverse covariance. These coordinates of v are its inner products with axes and centres, so this
    minimum equals the squared distance of a standard normal t to the polyhedron in feature space. No
    covariance is formed or regularised here, and manifolds may have any number and rank of points.
    Reference: Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).

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
        terms = found.parts(threads)
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
    for name, values in zip(TERMS, terms, strict=True):
        parts[name], parts[f"{name}_se"] = mean_and_error(values if good else values[:0])
        if np.count_nonzero(found.has_anchors) < LEAST_FOR_ERRORS:
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
        undetermined=found.undetermined,
        status=found.status,
        dichotomies=cones.labels,
    )
