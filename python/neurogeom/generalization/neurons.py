"""How few-shot geometry depends on the number of recorded neurons, and how many a target error needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.estimates import mean_and_error
from .._base.progress import Progress, as_progress
from .._base.results import (
    Column,
    ConvergenceWarning,
    Result,
    columns_of_kind,
    columns_with_errors,
    warn_of_one,
)
from .._base.rng import RandomSource, as_generator
from ..clouds.manifolds import ManifoldsLike
from .checks import as_classes
from .fewshot import FewshotGeometry, fewshot_geometry

_MEASURES = ("dimension", "radius", "signal", "error")
_MOST_NEURONS = 1e12  # more than any animal has; beyond, a target is not reached


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SubsampledDimension(Result):
    """Few-shot geometry of random subsets of neurons; see :func:`subsampled_dimension`.

    Attributes
    ----------
    n_neurons : ndarray of int, shape (S,)
        Sizes of the subsets, ascending.
    dimension, radius, signal, error : ndarray, shape (S,)
        Means over draws of `mean_dimension`, `mean_radius`, `mean_signal` and `mean_error` of
        :class:`FewshotGeometry`.
    dimension_se, radius_se, signal_se, error_se : ndarray, shape (S,)
        Standard errors over draws; NaN for a single one.
    dimension_limit, dimension_limit_se : float
        Dimension extrapolated to any number of neurons like these, and its standard error over draws.
    slope, slope_se : float
        Slope of 1/D against 1/M: 1 for random projections, so that values far from it say that neurons are
        not alike and the extrapolation cannot be trusted.
    error_limit, error_limit_se : float
        Error extrapolated in the same way.
    n_shots, n_draws, n_features : int
        The number of shots of the error, of draws, and of recorded neurons.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_features", "dimension_limit", "error_limit", "slope")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_features", "n_draws"),
        *columns_of_kind("setting", "n_shots"),
        *columns_with_errors("dimension_limit", "slope", "error_limit"),
    )

    n_neurons: NDArray[np.intp]
    dimension: FloatArray
    dimension_se: FloatArray
    radius: FloatArray
    radius_se: FloatArray
    signal: FloatArray
    signal_se: FloatArray
    error: FloatArray
    error_se: FloatArray
    dimension_limit: float
    dimension_limit_se: float
    slope: float
    slope_se: float
    error_limit: float
    error_limit_se: float
    n_shots: int
    n_draws: int
    n_features: int


@_validate.explain_keywords
def subsampled_dimension(
    manifolds: ManifoldsLike,
    n_neurons: Sequence[int] | None = None,
    *,
    n_shots: int = 1,
    n_draws: int = 10,
    level: str = "gaussian",
    correct_dimension: bool = False,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> SubsampledDimension:
    r"""Measure few-shot geometry on random subsets of neurons, and extrapolate to more neurons.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        The classes, points first; features are neurons.
    n_neurons : sequence of int, optional
        Sizes of the subsets, at least two; by default 5 between an eighth and all of the neurons.
    n_shots : int
        Number of examples for the error.
    n_draws : int
        Number of draws. A draw is an order of the neurons, of which each size takes the first.
    level : {"gaussian", "main", "overlap", "exact"}
        As for :func:`fewshot_geometry`.
    correct_dimension : bool, default False
        As there.
    rng : None, int, SeedSequence or Generator
        Source of randomness. With one seed, more draws keep the first ones.
    n_threads : int, optional
        Number of threads; by default all cores that the process may use. It does not change the result.
    progress : bool or callable, default False
        Show a bar, or call this with (subsets done, subsets).

    Returns
    -------
    SubsampledDimension

    Raises
    ------
    TypeError, ValueError
        As :func:`fewshot_geometry`, or if the sizes are not at least two different numbers of neurons.

    Notes
    -----
    A random projection to M dimensions has :math:`1/D_M = 1/D + 1/M` and
    :math:`\mathrm{SNR}_M = \mathrm{SNR}/\sqrt{1 + D/M}` (Sorscher et al. 2022). A subset of neurons is like a
    random projection where neurons are alike and many: then 1/D falls on a line against 1/M with slope 1. In
    each draw a line is fitted to 1/D, and one to the squared inverse of the SNR that gives the mean error;
    where they meet 1/M = 0 are the limits. Standard errors are over draws: they do not count that there are
    finitely many points and neurons, whose subsets overlap.

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> clouds = ng.manifolds(text.layers["layer6"], text.labels)
    >>> found = ng.subsampled_dimension(clouds, [48, 96, 192], n_draws=3, rng=0)
    >>> found.dimension.round(1), round(found.dimension_limit, 1)
    (array([8.3, 9.2, 9.6]), 10.2)
    """
    clouds = as_classes(manifolds)
    n_features = clouds.n_features
    if n_neurons is None:
        n_neurons = np.unique(
            np.geomspace(max(n_features / 8, 1), n_features, 5).round().astype(int)
        ).tolist()
    sizes = np.unique([_validate.as_count(size, "n_neurons") for size in n_neurons])
    if len(sizes) < 2 or sizes[-1] > n_features:
        raise ValueError(
            f"n_neurons must be two or more different numbers up to {n_features} (the features), not "
            f"{_validate.shown(list(n_neurons))}"
        )
    _validate.as_count(n_shots, "n_shots")
    n_draws = _validate.as_count(n_draws, "n_draws")
    warn_of_one(n_draws, "n_draws")
    generator = as_generator(rng)
    report = as_progress(progress, "subsets of neurons")
    measured = np.empty((n_draws, len(sizes), len(_MEASURES)))
    for draw in range(n_draws):
        order = generator.permutation(n_features)
        for k, size in enumerate(sizes):
            chosen = np.sort(order[:size])
            found = fewshot_geometry(
                [np.asarray(cloud)[:, chosen] for cloud in clouds],
                n_shots,
                level=level,
                correct_dimension=correct_dimension,
                n_threads=n_threads,
            )
            measured[draw, k] = [getattr(found, f"mean_{name}") for name in _MEASURES]
            if report is not None:
                report(draw * len(sizes) + k + 1, n_draws * len(sizes))
    values = {name: measured[..., k] for k, name in enumerate(_MEASURES)}
    limits, slopes, errors = _limits(sizes, values["dimension"], values["error"])
    fields: dict[str, Any] = {}
    for name, table in values.items():
        estimates = np.array([mean_and_error(column) for column in table.T])
        fields |= {name: estimates[:, 0], f"{name}_se": estimates[:, 1]}
    for name, per_draw in (("dimension_limit", limits), ("slope", slopes), ("error_limit", errors)):
        fields[name], fields[f"{name}_se"] = mean_and_error(per_draw)
    return SubsampledDimension(
        n_neurons=sizes, n_shots=n_shots, n_draws=n_draws, n_features=n_features, **fields
    )


def _limits(
    sizes: NDArray[np.intp], dimension: FloatArray, error: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit lines in 1/M for each draw; a limit is NaN where the line meets the axis below zero."""
    inverse = np.vander(1 / sizes, 2)

    def fitted(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        slope, start = np.linalg.lstsq(inverse, values.T, rcond=None)[0]
        return slope, np.where(start > 0, start, np.nan)

    with np.errstate(divide="ignore", invalid="ignore"):
        slope, start = fitted(1 / dimension)
        snr = -ndtri(np.where(error < 0.5, error, np.nan))
        known = np.isfinite(snr).all(axis=1)
        limit = np.full(len(error), np.nan)
        if known.any():
            limit[known] = ndtr(-1 / np.sqrt(fitted(1 / snr[known] ** 2)[1]))
        return 1 / start, slope, limit


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NeuronsNeeded(Result):
    """Number of neurons at which a mean error is reached; see :func:`n_neurons_needed`.

    Attributes
    ----------
    n_neurons, n_neurons_se : float
        The number, and its standard error from that of the mean error; NaN if the target is out of reach.
    target_error : float
        The error that was asked for.
    error_limit : float
        The error with any number of neurons like these.
    n_recorded : int
        Number of neurons that the geometry was measured with.
    status : int
        0 reached, 1 out of reach.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_neurons", "target_error", "error_limit")

    n_neurons: float
    n_neurons_se: float
    target_error: float
    error_limit: float
    n_recorded: int
    status: int


def n_neurons_needed(geometry: FewshotGeometry, target_error: float) -> NeuronsNeeded:
    r"""Number of neurons at which the mean few-shot error reaches a target.

    Parameters
    ----------
    geometry : FewshotGeometry
        Measured by :func:`fewshot_geometry` with one number of shots; with few points a class with
        ``correct_dimension=True``, or errors seem out of reach that were measured.
    target_error : float
        Mean error to reach, between 0 and 0.5.

    Returns
    -------
    NeuronsNeeded

    Raises
    ------
    TypeError, ValueError
        If `geometry` is something else, has several numbers of shots or no error, or the target is not
        between 0 and 0.5.

    Warns
    -----
    ConvergenceWarning
        If no number of neurons reaches the target: the number is NaN.

    Notes
    -----
    A random projection to M dimensions keeps signal and bias on average, and adds to each term of the
    variance in :func:`fewshot_geometry` that of an isotropic cloud: :math:`1/M` to :math:`1/D_a`,
    :math:`D_b^{-1}` and :math:`n R_a^2/R_b^2`, :math:`\mathrm{signal}/M` to :math:`s_a`, and as much times
    :math:`R_b^2/R_a^2` to :math:`s_b`. From N recorded neurons, the terms for any number follow pair by pair.
    (With few shots and centres far apart this is the published law, :math:`\mathrm{SNR}_M =
    \mathrm{SNR}/\sqrt{1 + D/M}`.) Subsets of neurons follow it as far as :func:`subsampled_dimension` finds a
    slope of 1.

    Examples
    --------
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> geometry = ng.fewshot_geometry(ng.manifolds(text.layers["layer6"], text.labels), 5)
    >>> needed = ng.n_neurons_needed(geometry, 0.01)
    >>> needed
    NeuronsNeeded(n_neurons=...±..., target_error=0.01, error_limit=0.00261...)
    """
    if not isinstance(geometry, FewshotGeometry):
        raise TypeError(f"geometry must be a FewshotGeometry, not {type(geometry).__name__}")
    if geometry.snr.ndim != 2:
        raise ValueError(f"geometry must have one number of shots, not {geometry.n_shots}")
    target = _validate.as_number(target_error, "target_error")
    if not 0 < target < 0.5:
        raise ValueError(f"target_error must be between 0 and 0.5, not {target}")
    n = geometry.n_features
    known = ~np.isnan(geometry.snr)
    if not known.any():
        raise ValueError("geometry has no signal-to-noise ratio for any pair")
    (m,) = np.atleast_1d(geometry.n_shots).astype(np.float64)
    snr, signal = geometry.snr[known], geometry.signal[known]
    size = 1 + geometry.bias[known]  # squared radius of the other class over one's own
    mean = (signal + (size - 1) / m) / 2
    # What each neuron less adds to the variance of the score, for the terms that the level has.
    added = signal + (signal * size + 1) / m
    if geometry.level != "main":
        added += size / m
    if geometry.level in ("gaussian", "exact"):
        added += (1 + size**2) / (2 * m**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        recorded = (mean / snr) ** 2
    recorded[snr == 0] = 1.0  # whatever it is, the error is one half
    recorded = np.maximum(recorded - added / n, 0.0)

    def error_with(per_neuron: float) -> float:
        """Mean error as a function of 1/M."""
        return float(ndtr(-mean / np.sqrt(recorded + added * per_neuron)).mean())

    least = 1 / _MOST_NEURONS
    limit = error_with(least)
    if limit > target or error_with(1.0) < target:
        if limit > target:
            warnings.warn(
                f"no number of neurons like these has a mean error of {target:.3g}: it falls to {limit:.3g}",
                ConvergenceWarning,
                stacklevel=_validate.user_level(),
            )
        number = math.nan if limit > target else 1.0
        return NeuronsNeeded(
            n_neurons=number,
            n_neurons_se=math.nan,
            target_error=target,
            error_limit=limit,
            n_recorded=n,
            status=int(limit > target),
        )
    log = brentq(lambda x: error_with(math.exp(x)) - target, math.log(least), 0.0, xtol=1e-12)
    number, step = math.exp(-log), 1e-4
    slope = (error_with(math.exp(log + step)) - error_with(math.exp(log - step))) / (2 * step)
    return NeuronsNeeded(
        n_neurons=number,
        n_neurons_se=number * float(geometry.mean_error_se) / slope if slope > 0 else math.nan,
        target_error=target,
        error_limit=limit,
        n_recorded=n,
        status=0,
    )
