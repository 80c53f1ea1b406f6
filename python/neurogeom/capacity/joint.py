"""Joint capacity of manifolds and the effective geometry behind it."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, warn_of_one
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.dichotomies import Dichotomies
from ..clouds.manifolds import Manifolds, ManifoldsLike, as_manifolds
from ..inference import Permutations
from ._joint_estimates import estimates_from
from .joint_cones import JointCones, warn_of_dead, warn_of_few
from .results import EffectiveGeometry, NullGeometry

INACTIVE = ("zero", "exclude", "maxproj", "drop")  # in the order of the core's enum Inactive


@_validate.explain_keywords
def effective_geometry(
    manifolds: ManifoldsLike,
    *,
    dichotomies: Dichotomies = "balanced",
    n_samples: int = 200,
    center: bool = True,
    inactive: str = "zero",
    gaussians: ArrayLike | None = None,
    null: int = 0,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> EffectiveGeometry:
    r"""Joint capacity, effective radius and dimension, and alignments of correlated manifolds.

    Unlike :func:`neurogeom.manifold_capacity`, which treats each manifold alone, this takes all of them
    at once: one Gaussian draw t and one dichotomy y for the whole set, and the projection of t on the cone
    that all points, signed by the labels of their manifolds, generate together.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first; numbers of points may differ.
    dichotomies : str, array_like (n_samples, P), or callable, default "balanced"
        Labels +1 and -1 of the manifolds in each sample. ``"balanced"``: P // 2 positive; ``"iid"``:
        independent; ``"one_vs_rest"``: one positive, drawn at random (the limit of sparse labels);
        ``"first_vs_rest"``: the first one positive; your own array; or a function of (Generator,
        n_samples, P) that returns an array, such as :func:`neurogeom.tilted_dichotomies` and
        :func:`neurogeom.sparse_dichotomies` make.
    n_samples : int, default 200
        Number of pairs of a draw and a dichotomy.
    center : bool, default True
        Subtract the mean of all points first. Joint capacity is about hyperplanes through the origin, so it
        depends on where the origin is. Centred manifolds cannot be separated if all have the same label,
        which happens in one of 2^(P - 1) samples with ``"iid"``.
    inactive : {"zero", "exclude", "maxproj", "drop"}, default "zero"
        What to use as the anchor point of a manifold if none of its points supports the projection (a quarter
        to a half of all cases). ``"zero"``: the origin, which is what the projection itself implies; the
        decomposition of capacity is then exact, and inactivity counts as extent (manifolds that are single
        points get a radius of about 1). ``"exclude"``: the manifold is left out of that sample, centres are
        means over active samples, and single points get radius 0; as the centres of all manifolds stay in c
        (see Notes), radii are large where few manifolds are active. ``"maxproj"``: the point that comes
        closest to its constraint, so that single points get radius 0 too. ``"drop"``: the manifold leaves the
        sample altogether, with its centre, so that c depends only on the active manifolds; centres are means
        over active samples, and alignments count as 0 in samples where a member is inactive. This agrees with
        the output of the authors of GLUE (see Notes). Capacity does not depend on the choice.
    gaussians : array_like (n_samples, n_features), optional
        Your own draws, for exact comparisons.
    null : int, default 0
        Also analyse this many data sets with the points assigned to the manifolds at random, each with
        its own labels and draws. The first n of 2n are the same as with ``null=n``.
    rng : None, int, SeedSequence or Generator
        Source of randomness; labels and draws come from separate streams of it. Results are the same bits
        for any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (done, total).

    Returns
    -------
    EffectiveGeometry
        Each number with its Monte-Carlo standard error ``..._se`` (infinitesimal jackknife, which accounts
        for the fact that the mean anchor points are themselves estimated):
        ``capacity``, P over the mean squared length of the projection; ``effective_dimension``;
        ``effective_radius`` (square root of a ratio of means) and ``effective_radius_mean_ratio`` (of a mean
        of ratios; both are in use); ``utility``; ``approximate_capacity`` (the capacity that radius and
        dimension alone give); ``center_alignment``, ``axis_alignment`` and ``center_axis_alignment`` as mean
        cosines, ``..._abs`` as mean absolute cosines and ``..._raw`` as mean absolute inner products (in
        squared units of the data). Each is the mean over pairs of different manifolds of a P x P
        ``..._matrix``, whose entries are means over the samples that have them; entry (m, n) of the third
        kind aligns centre m with axis n. The mean of its diagonal, each centre with its own axis, is
        ``own_center_axis_alignment`` (``_abs``, ``_raw``).
        ``n_used`` is the number of samples behind all of these except capacity, ``n_separable`` the number of
        dichotomies that can be separated.
        Per manifold: ``anchor_center_norm``, ``anchor_axis_norm`` (root mean square), ``anchor_radius``,
        ``active_fraction``, ``mean_anchor_weights`` (weights on the points whose combination is the anchor
        centre). Diagnostics: ``inseparable_fraction``, ``kkt_residual`` (largest), ``n_failed``, and per
        sample ``squared_projections``, ``inseparable`` (no hyperplane through the origin separates the
        dichotomy), ``undetermined`` (the projection is the draw itself, so there are no anchor points),
        ``status`` (0 fine, 1 not converged, 3 dead data) and ``dichotomies``. ``null``: a
        NullGeometry (draws, mean, interval, z and p-value of capacity, radius, dimension and alignments), or
        None.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, manifolds differ in width, or an option is out of range.

    Warns
    -----
    ConvergenceWarning
        If more than 5 % of the samples are inseparable or undetermined; if fewer than 10 have anchor points,
        which leaves no standard errors (NaN), or if there is one sample, which leaves capacity without one.
        Estimates are NaN, with a warning, if a projection did not converge, all projections are zero, or the
        data are dead: all points of a manifold are zero (with `center`: equal to the mean of all points, up
        to rounding), or all points of all manifolds are the same.

    Notes
    -----
    With S the P x N matrix of anchor points of a sample, its mean S0 over samples and S1 = S - S0,

    .. math::
        a = \|\Pi_{C_y} t\|^2, \quad b = (S_1 t)^T (S_1 S_1^T)^+ S_1 t, \quad
        c = (S_1 t)^T (S_0 S_0^T + S_1 S_1^T)^+ S_1 t,

    capacity is P/E[a], dimension E[b]/P, squared radius E[c]/E[b - c] and utility E[c]/E[a], so that
    capacity = utility (1 + 1/radius^2) / dimension where all samples are separable. Samples whose projection
    is t itself, because no hyperplane separates that dichotomy, count in the capacity; their anchor points
    are not unique, and they are left out of everything else.

    The number of points matters: clouds of few points have fewer directions to lean into than the body they
    are drawn from. Of two spheres of dimension 10 and radius 1 in 1,000 dimensions, 50, 100, 200, 400 and 800
    points show 0.66, 0.75, 0.81, 0.85 and 0.91 of the dimension; with ``inactive="zero"``, radii well below 1
    come out too large (0.5 as 0.68), but not with the other conventions
    (``bench/studies/recovery.py``). Compare like with like (:func:`neurogeom.downsample`).

    Formulas follow Chou et al. (GLUE: geometry linked to untangling efficiency). Conventions of the authors'
    package were inferred from a public table of its output (github.com/george-tog/sparse_inputs): 2,705 rows
    satisfy capacity = utility (1 + 1/radius^2) / dimension to 1e-15, and ``inactive="drop"`` with ``..._abs``
    alignments of centres and axes and ``own_center_axis_alignment_abs`` agrees with it in distribution
    (ten cells of ten models; the last of these to 15 %), except where manifolds are nearly points: there its
    dimension is 10 to 30 % higher. :mod:`neurogeom.compat.glue` has these conventions as its defaults.

    Standard errors are those of many samples: nominal intervals of 95 % cover 92 to 97 % at 100 separable
    samples, 85 to 95 % at 20 and 78 to 94 % at 10 (measured on six Gaussian clouds).

    Alignments of centres are measured from centres that are themselves means over samples; their bias of
    first order in 1 / `n_samples` is removed by the jackknife (not in compat.glue).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> clouds = data.normal(size=(10, 1, 60)) + 0.5 * data.normal(size=(10, 20, 60))
    >>> result = ng.effective_geometry(clouds, rng=0)
    >>> result
    EffectiveGeometry(n_manifolds=10, n_separable=200, capacity=..., effective_radius=..., ...)
    >>> parts = result.utility * (1 + 1 / result.effective_radius**2) / result.effective_dimension
    >>> bool(abs(parts / result.capacity - 1) < 1e-9)
    True

    Against data whose points are assigned to the manifolds at random:

    >>> null = ng.effective_geometry(clouds, n_samples=50, null=9, rng=0).null
    >>> bool(result.capacity > null.capacity.max()), str(null.measure[0]), float(null.p_value[0])
    (True, 'capacity', 0.2)
    """
    clouds = as_manifolds(manifolds)
    shuffles = _validate.as_count(null, "null", minimum=0)
    generator = as_generator(rng)
    report = as_progress(progress, "joint capacity")

    def analyse(data: Manifolds, own: np.random.Generator, turn: int) -> EffectiveGeometry:
        share = report and (lambda done, total: report(turn * total + done, (1 + shuffles) * total))
        return geometry_of(
            data,
            dichotomies=dichotomies,
            n_samples=n_samples,
            center=bool(center),
            inactive=inactive,
            gaussians=gaussians,
            rng=own,
            n_threads=n_threads,
            progress=share or False,
            corrected=True,
        )

    result = analyse(clouds, generator, 0)
    if shuffles:
        permutations = Permutations(shuffles, draw_key(generator))
        shuffled = []
        with warnings.catch_warnings():  # as expected, fewer of their dichotomies are separable
            warnings.simplefilter("ignore", ConvergenceWarning)
            for k in range(shuffles):
                own = permutations.generator(0, k)  # the shuffle is its first draw
                shuffled.append(analyse(clouds.shuffled(own), own, 1 + k))
        result = dataclasses.replace(result, null=NullGeometry.of(result, shuffled))
    return result


def geometry_of(
    clouds: Manifolds,
    *,
    dichotomies: Dichotomies,
    n_samples: int,
    center: bool,
    inactive: str,
    gaussians: ArrayLike | None,
    rng: RandomSource,
    n_threads: int | None,
    progress: Progress,
    corrected: bool,
) -> EffectiveGeometry:
    """As :func:`effective_geometry`; `corrected` removes the bias from alignments of centres."""
    samples = _validate.as_count(n_samples, "n_samples")
    convention = _validate.as_choice(inactive, "inactive", INACTIVE)
    threads = resolve_threads(n_threads)
    report = as_progress(progress, "joint capacity")
    with single_threaded_blas():
        cones = JointCones.prepare(
            clouds,
            center=center,
            dichotomies=dichotomies,
            gaussians=gaussians,
            n_samples=samples,
            generator=as_generator(rng),
        )
        found = cones.project(0.0, threads, report)
        failed = found.status != 0
        used = found.has_anchors & ~failed.any()
        anchors = found.anchors(INACTIVE.index(convention), threads)
    warn_of_dead(cones, clouds, center, "all estimates are")
    found.warn("all estimates are")
    warn_of_few(found, "radius, dimension and alignments")
    warn_of_one(samples, "n_samples")
    capacity, capacity_error = found.capacity(len(clouds))
    if report is not None:
        report(samples, samples)
    return EffectiveGeometry(
        names=clouds.names,
        capacity=capacity,
        capacity_se=capacity_error,
        **estimates_from(found.squared, anchors, used, len(clouds), corrected),
        anchor_center_norm=np.linalg.norm(anchors["centers"], axis=1),
        anchor_axis_norm=np.sqrt(anchors["squared_axis"]),
        active_fraction=anchors["active_fraction"],
        mean_anchor_weights=tuple(np.split(anchors["mean_weights"], cones.starts[1:-1])),
        n_points=clouds.n_points,
        n_features=clouds.n_features,
        n_samples=samples,
        inactive=convention,
        centered=center,
        inseparable_fraction=float(found.inseparable.mean()),
        kkt_residual=float(found.residual.max()),
        n_failed=int(np.count_nonzero(failed)),
        squared_projections=found.squared,
        inseparable=found.inseparable,
        undetermined=found.undetermined,
        status=found.status,
        dichotomies=cones.labels,
    )
