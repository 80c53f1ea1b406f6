"""Mean-field manifold capacity, radius and dimension."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.progress import Progress, as_progress
from .._base.results import warn_of_one
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.manifolds import ManifoldsLike, as_manifolds
from ..inference import Permutations
from ._mean_field_analysis import Analysis, Share
from .results import ManifoldCapacity, NullCapacity


@_validate.explain_keywords
def manifold_capacity(
    manifolds: ManifoldsLike,
    *,
    margin: float = 0.0,
    n_samples: int = 300,
    remove_center_correlations: bool = True,
    n_restarts: int = 10,
    rank: int | None = None,
    gaussians: Sequence[ArrayLike] | ArrayLike | None = None,
    null: int = 0,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
    keep_anchors: bool = False,
) -> ManifoldCapacity:
    r"""Mean-field capacity, radius and dimension of object manifolds.

    Capacity is the largest number of manifolds per dimension for which random dichotomies are linearly
    separable: with P manifolds in N dimensions, about P < capacity * N.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first; numbers of points may differ. For a matrix with labels use
        :func:`neurogeom.manifolds`. At least two; memory maps, float16 and float32 are read in pieces.
    margin : float, default 0
        Margin kappa >= 0, in units of the manifold centres' norm.
    n_samples : int, default 300
        Gaussian draws per manifold. Standard errors fall with its square root.
    remove_center_correlations : bool, default True
        Remove the low-rank structure that the centres share: the directions whose removal leaves the centres
        least correlated, or none if any removal would make them more correlated.
    n_restarts : int, default 10
        Starts per round of the search for those directions: one round for each rank, and then more for the
        picked rank, until the best directions have been found six times (50 to 150 starts). The starts do
        not depend on `rng`: the directions are a function of the data.
    rank : int, optional
        Number of directions to remove, so that layers or areas can be compared at the same rank. By default
        the smallest that leaves a mean absolute cosine between the centres within 2 % of the least.
    gaussians : array_like (n_samples, n_features + 1) or P of them, optional
        Your own draws, for exact comparisons: standard normal coordinates in the space of the features, with
        the coordinate along the centre in the last column. If all manifolds share one array, their estimates
        are dependent: ``mean_capacity_se`` accounts for that, while ``mean_radius_se`` and
        ``mean_dimension_se`` are then upper bounds.
    null : int, default 0
        Also analyse this many data sets with the points assigned to the manifolds at random. The first n of
        2n are the same as with ``null=n``.
    rng : None, int, SeedSequence or Generator
        Source of randomness. Results are the same bits for any number of threads.
    n_threads : int, optional
        Threads to use; see the README for the default.
    progress : bool or callable, default False
        True for a bar on stderr, or a function of (done, total).
    keep_anchors : bool, default False
        Keep ``anchor_weights`` and ``squared_projections``.

    Returns
    -------
    ManifoldCapacity
        Per manifold: ``capacity``; ``radius`` (root mean square distance of the anchor points from their
        mean, in units of the centre's norm; the divisor is `n_samples` - 1); ``dimension`` (D times the
        squared mean cosine between draw and anchor point, as the MFTMA software reports it);
        ``dimension_prx`` (mean squared projection of the draw on the anchor's direction, eq. 29 of the 2018
        paper); ``radius_uncentered`` (root mean square length of the anchor points); each with its
        Monte-Carlo standard error ``..._se``.
        Population: ``mean_capacity`` (harmonic mean), ``mean_radius``, ``mean_dimension`` with ``..._se``
        (over draws) and ``..._se_manifolds`` (over manifolds); ``center_correlation`` (mean absolute cosine
        between mean-subtracted centres) and ``residual_center_correlation`` after removal of
        ``rank_removed`` directions. Errors are over the draws, given these directions, which do not depend on
        `rng`. ``rank_profile``: the mean absolute cosine that is left at rank 0, 1, ... (empty without a
        search); ``search_found`` of ``search_starts`` starts ended in the directions that were removed: if
        these are few, there may be better directions. Diagnostics: ``reduced_dimension`` D,
        ``center_norm``, ``kkt_residual``, ``interior_fraction`` (draws that no point constrains), ``status``
        (0 fine, 1 a projection did not converge, 2 zero centre; estimates are NaN where it is not 0).
        ``null``: a NullCapacity (draws, mean, interval, z and p-value of the population values), or None.
        With `keep_anchors`, ``squared_projections`` (P, n_samples), whose mean over draws is 1/capacity, and
        ``anchor_weights``, one (n_samples, n_points) array per manifold: ``anchor_weights[m] @ manifolds[m]``
        are its anchor points.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, there are fewer than two manifolds, they differ in width, or an option is
        out of range.

    Warns
    -----
    ConvergenceWarning
        If a manifold's centre is zero relative to the others (its radius has no unit), or a projection did
        not converge; the results of that manifold are NaN.

    Notes
    -----
    The global mean is subtracted first. Each manifold is then described relative to its own centre, in
    units of that centre's norm, in the D-dimensional space that its points span, and

    .. math:: 1/\alpha = \langle \|\Pi_C(t + \kappa e_{D+1})\|^2 \rangle_{t \sim N(0, 1_{D+1})}

    with C the cone generated by the points lifted to (s, 1). References: Chung, Lee and Sompolinsky,
    Phys. Rev. X 8, 031003 (2018), eqs. 16-17 and 28-29; Cohen, Chung, Lee and Sompolinsky, Nat. Commun. 11,
    746 (2020) for the centre correlations.

    The search for shared directions departs from the original on purpose. Of a few random restarts, the
    original keeps the one whose shortest remaining centre is longest, and then the rank with the least mean
    absolute cosine; on real data both change with the seed. Here the lowest cost wins (half the sum of
    squared cosines, with a penalty where less than 2 % of a centre's squared length would be left), the
    starts are the same for every seed, and of ranks that do nearly as well the smallest is picked.
    :mod:`neurogeom.compat.mftma` keeps the original's rule.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0)
    >>> clouds = data.normal(size=(20, 1, 100)) + 0.5 * data.normal(size=(20, 30, 100))
    >>> result = ng.manifold_capacity(clouds, rng=0)
    >>> result
    ManifoldCapacity(n_manifolds=20, mean_capacity=..., rank_removed=0)
    >>> result.capacity.shape
    (20,)
    """
    clouds = as_manifolds(manifolds)
    if len(clouds) < 2:
        raise ValueError(
            "manifolds holds one manifold; its centre is the global mean, from which capacity measures "
            "distances: give at least two"
        )
    kappa = _validate.as_margin(margin)
    samples = _validate.as_count(n_samples, "n_samples")
    shuffles = _validate.as_count(null, "null", minimum=0)
    directions = None if rank is None else _validate.as_count(rank, "rank", minimum=0)
    if directions and not remove_center_correlations:
        raise ValueError(f"rank is {directions}, but remove_center_correlations is False: nothing is removed")
    draws, shared = None, False
    if gaussians is not None:
        draws, shared = _as_draws(gaussians, len(clouds), samples, clouds.n_features)
    analysis = Analysis(
        margin=kappa,
        n_samples=samples,
        n_restarts=_validate.as_count(n_restarts, "n_restarts") if remove_center_correlations else 0,
        rank=directions,
        n_threads=resolve_threads(n_threads),
        keep_anchors=bool(keep_anchors),
        shared_draws=shared,
    )
    generator = as_generator(rng)
    key = draw_key(generator)
    report = as_progress(progress, "capacity")
    with single_threaded_blas():
        total = len(clouds) * (1 + shuffles)
        result = analysis.run(clouds, draws, key, Share(report, 0, len(clouds), total))
        if shuffles:
            permutations = Permutations(shuffles, draw_key(generator))
            shuffled = []
            for k in range(shuffles):
                own = permutations.generator(0, k)  # the shuffle is its first draw
                share = Share(report, (k + 1) * len(clouds), len(clouds), total)
                shuffled.append(analysis.run(clouds.shuffled(own), draws, draw_key(own), share, quiet=True))
            result = dataclasses.replace(result, null=NullCapacity.of(result, shuffled))
    warn_of_one(samples, "n_samples", "neither radii nor standard errors")
    if report is not None:
        report(total, total)
    return result


def _as_draws(
    gaussians: Any, n_manifolds: int, n_samples: int, n_features: int
) -> tuple[list[FloatArray], bool]:
    """Check the user's draws, one array per manifold or one for all; return whether it is one for all."""
    shared = (
        np.ndim(gaussians[0]) == 1
        if isinstance(gaussians, (list, tuple)) and gaussians
        else (getattr(gaussians, "ndim", 2) == 2)
    )
    arrays = [gaussians] if shared else list(gaussians)
    draws = [
        _validate.as_float_matrix(array, "gaussians" if shared else f"gaussians[{i}]")
        for i, array in enumerate(arrays)
    ]
    if len(draws) != (1 if shared else n_manifolds):
        raise ValueError(f"gaussians holds {len(draws)} arrays for {n_manifolds} manifolds")
    for i, array in enumerate(draws):
        if array.shape != (n_samples, n_features + 1):
            raise ValueError(
                f"gaussians[{i}] must have shape (n_samples, n_features + 1) = "
                f"{(n_samples, n_features + 1)}, not {array.shape}"
            )
    return (draws * n_manifolds if shared else draws), shared
