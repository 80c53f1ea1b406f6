"""Stands in for ``glue`` (formerly ``gcmc``): effective geometry as a dict or as rows of a table.

``glue.glue_analysis``, ``glue.contrib.glue_analysis_dataframe`` and ``glue.preprocess.downsample_manifolds``
are all found here, and so are ``gcmc.gcmc_analysis``, ``gcmc.simulation_analysis.simulation_capacity`` and
``gcmc.preprocess``'s ``reallocate_origin`` and ``shuffle_manifolds``.

That package is available only on request. Its conventions were inferred from a public table of its output
with the generator of the inputs (github.com/george-tog/sparse_inputs): 2,705 rows that satisfy capacity =
utility (1 + radius^-2) / dimension to 1e-15, for two manifolds of about 200 points and one labelling. The
defaults here follow these conventions: a manifold that does not support a solution leaves that sample, with
its centre; alignments are absolute cosines, counted as 0 in samples where a member is inactive; centres are
aligned with the axes of their own manifold. Values agree with the table in distribution (ten cells of ten
models; alignments of centres with axes to 15 %), except where manifolds are nearly points: there the
original's dimension is 10 to 30 % higher and its alignments of centres and axes are 2 to 3 times as large,
because of an activity threshold or solver that is not known. Names of arguments, columns and index levels,
the orientation of the data and the effect of ``return_matrix`` were taken from public scripts that call it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base import checks as _validate
from .._base import threads as _threads
from .._base.checks import FloatArray
from .._base.results import ConvergenceWarning
from ..capacity.joint import geometry_of
from ..capacity.results import EffectiveGeometry
from ..capacity.simulated import simulated_capacity
from ..clouds.building import downsample
from ..clouds.dichotomies import Dichotomies, Signs
from ..clouds.manifolds import Manifolds
from .mftma._shared import read_clouds

if TYPE_CHECKING:
    from pandas import DataFrame

# Forms of the alignments, and the suffixes of the EffectiveGeometry fields that hold them.
_FORMS = {"signed_cos": "", "abs_cos": "_abs", "abs_raw": "_raw"}
_RULES = {
    "ONE_VERSUS_REST": "one_vs_rest",
    "FIRST_VERSUS_REST": "first_vs_rest",
    "RANDOM": "iid",
    "BALANCED": "balanced",
}
_ALL = "ONE_VERSUS_REST_ALL"


def glue_analysis(
    manifolds: Any,
    analysis_type: Any = "ONE_VERSUS_REST",
    n_hyperplanes: int = 200,
    seed: int | None = None,
    *,
    shuffle: bool = False,
    bias: bool = False,
    gaussianize: bool = False,
    preprocess_type: str | None = "center",
    alignment: str = "abs_cos",
    inactive: str = "drop",
    center_axis: str = "own",
    return_matrix: bool = False,
    scale: float | None = None,
    backend: Any = None,
    n_threads: int | None = None,
) -> dict[str, Any]:
    """Capacity, effective geometry and alignments of manifolds.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    analysis_type : str, array or callable
        Labels of the manifolds. ``"ONE_VERSUS_REST"``: a random one is positive; ``"ONE_VERSUS_REST_ALL"``:
        each in turn (manifold k mod P in sample k; our reading of the name); ``"FIRST_VERSUS_REST"``: the
        first one; ``"RANDOM"``: independent; ``"BALANCED"``: half of them; an array of +1 and -1, (P,) for
        one fixed task or (n_hyperplanes, P); or a function as for :func:`neurogeom.effective_geometry`.
    n_hyperplanes : int
        Number of samples: Gaussian vectors, each with its own labeling.
    seed : int, optional
        Without it, one is drawn from ``numpy.random``, so that ``numpy.random.seed`` is honoured.
    shuffle : bool
        Analyse data whose points have been assigned to the manifolds at random: all are pooled, permuted, and
        divided into the old numbers of points.
    bias : bool
        Append a feature that is 1 in all points, after centring, so that hyperplanes need not pass through
        the mean. (The value of 1, for any units of the data, is our assumption.)
    gaussianize : bool
        Not available: the method of the original is not published.
    preprocess_type : {"center", None}
        Subtract the mean of all points, or leave the origin where it is.
    alignment : {"abs_cos", "signed_cos", "abs_raw"}
        Form of the three alignments: mean absolute cosine (what the original gives), mean cosine (Algorithm
        2 of the ICML paper), or mean absolute inner product.
    inactive : {"drop", "zero", "exclude", "maxproj"}
        What to use as the anchor of a manifold that does not support the solution; see
        :func:`neurogeom.effective_geometry`. The original uses none (``"drop"``).
    center_axis : {"own", "other"}
        Whether centres are aligned with the axes of their own manifolds (what the original does) or with
        those of the others (Algorithm 2).
    return_matrix : bool
        Also return the P x P matrices of the alignments.
    scale : {None, 0, 1}
        Accepted for scripts that pass it, and ignored: its meaning is not known to us, and only the
        ``"abs_raw"`` alignments depend on a common factor of the data (without `bias`).
    backend : optional
        Ignored: there is only one solver here.
    n_threads : int, optional
        Threads to use.

    Returns
    -------
    dict
        ``capacity``, ``dimension``, ``radius`` (root of a ratio of means; ``radius_mean_ratio``: of the mean
        ratio), ``utility``, ``approx_capacity`` = (1 + radius^-2) / dimension, ``center_alignment``,
        ``axis_alignment`` = ``axes_alignment``, ``center_axis_alignment`` = ``center_axes_alignment``: later
        and earlier spelling. With `return_matrix`, also ``center_alignment_matrix`` and so on, in both
        spellings; entry (m, n) of the third aligns centre m with axis n.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.
    NotImplementedError
        If `gaussianize` is true.

    Warns
    -----
    ConvergenceWarning
        If labelings cannot be separated by a hyperplane: the original raises "Data is not linearly
        separable"; here they count towards the capacity and are left out of the geometry.

    Notes
    -----
    Verified: the identity capacity = utility (1 + radius^-2) / dimension, which the table of the original
    satisfies too; all numbers against an independent NumPy and non-negative least squares evaluation; and
    agreement with that table in distribution (see the module). Unlike those of
    :func:`neurogeom.effective_geometry`, alignments of centres are not corrected for the bias that centres
    from few samples have. Not verified: the default `analysis_type` of the original, its alignments of more
    than two manifolds, its random streams, and its threshold of activity. References: Chou et al., ICML 2025,
    Algorithm 2; Chou et al., bioRxiv 2024.02.26.582157.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> X = [rs.randn(100, 1) + 0.5 * rs.randn(100, 8) for _ in range(8)]
    >>> result = glue_analysis(X, seed=0)
    >>> bool(0 < result["capacity"] < 2), result["axes_alignment"] == result["axis_alignment"]
    (True, True)
    """
    if gaussianize:
        raise NotImplementedError(
            "gaussianize: how the original makes manifolds Gaussian is not published; pass manifolds that "
            "you have made Gaussian yourself"
        )
    del backend
    if scale is not None:
        _validate.as_choice(f"{scale:g}", "scale", ("0", "1"))
    own = _validate.as_choice(center_axis, "center_axis", ("own", "other")) == "own"
    suffix = _FORMS[_validate.as_choice(alignment, "alignment", tuple(_FORMS))]
    n_samples = _validate.as_count(n_hyperplanes, "n_hyperplanes")
    centered = _validate.as_choice(str(preprocess_type), "preprocess_type", ("center", "None")) == "center"
    generator = np.random.default_rng(_seed(seed))
    clouds = _as_rows(manifolds)
    if bias:
        clouds = _with_constant(clouds, centered)
    if shuffle:
        clouds = clouds.shuffled(generator)
    found = geometry_of(
        clouds,
        dichotomies=_dichotomies(analysis_type, n_samples),
        n_samples=n_samples,
        center=centered and not bias,
        inactive=inactive,
        gaussians=None,
        rng=generator,
        n_threads=n_threads,
        progress=False,
        corrected=False,
    )
    return _report(found, suffix, own, return_matrix)


def glue_analysis_dataframe(
    manifolds: Any,
    indices: Sequence[Any] = (),
    indices_name: Sequence[str] = (),
    analysis_type: Any = "ONE_VERSUS_REST",
    n_hyperplanes: int = 200,
    shuffle: bool = False,
    seed: int | None = None,
    return_matrix: bool = False,
    gaussianize: bool = False,
    bias: bool = False,
    preprocess_type: str | None = "center",
    scale: float | None = None,
    **options: Any,
) -> DataFrame | tuple[DataFrame, dict[str, FloatArray]]:
    """Rows of a table for :func:`glue_analysis`, to be concatenated over data sets (needs pandas).

    Parameters
    ----------
    manifolds, analysis_type, n_hyperplanes, seed, gaussianize, bias, preprocess_type, scale
        As for :func:`glue_analysis`.
    indices : sequence
        Values that identify this data set, for the first levels of the index.
    indices_name : sequence of str
        Names of these levels.
    shuffle : bool
        Add a second row, for the data with points assigned to the manifolds at random.
    return_matrix : bool
        Also return the matrices of the alignments.
    **options
        ``alignment``, ``inactive``, ``center_axis``, ``n_threads`` and ``backend`` of
        :func:`glue_analysis`; ``geometry`` is ignored (its meaning is not known to us).

    Returns
    -------
    DataFrame, or (DataFrame, dict) with `return_matrix`
        One row, or two with `shuffle`, under a MultiIndex (`indices_name`, "shuffle", "seed"); columns are
        the keys of :func:`glue_analysis`. The dict has an array (rows, P, P) for each matrix.

    Raises
    ------
    ImportError
        If pandas is missing.
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.
    NotImplementedError
        If `gaussianize` is true.

    Notes
    -----
    Verified: the rows are those of :func:`glue_analysis`. Inferred from scripts that use the original, not
    verified: the names, that `shuffle` adds a row to the true one, and that `return_matrix` returns a pair.
    Not known: the order of the levels after `indices_name`, and the form of the matrices.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> X = [rs.randn(100, 1) + 0.5 * rs.randn(100, 8) for _ in range(8)]
    >>> table = glue_analysis_dataframe(X, (3, "V1"), ["mouse", "area"], shuffle=True, seed=0)
    >>> list(table.index.names), len(table)
    (['mouse', 'area', 'shuffle', 'seed'], 2)
    >>> bool(table["capacity"].iloc[0] > table["capacity"].iloc[1])
    True
    """
    pd = _validate.require_extra("pandas", "pandas", "glue_analysis_dataframe")
    options.pop("geometry", None)
    names = [*indices_name, "shuffle", "seed"]
    if len(indices) != len(names) - 2:
        raise ValueError(
            f"indices must have one entry for each name in indices_name ({len(names) - 2}), "
            f"not {len(indices)}"
        )
    key = _seed(seed)
    results = [
        glue_analysis(
            manifolds,
            analysis_type,
            n_hyperplanes,
            key,
            shuffle=dealt,
            bias=bias,
            gaussianize=gaussianize,
            preprocess_type=preprocess_type,
            return_matrix=True,
            scale=scale,
            **options,
        )
        for dealt in ([False, True] if shuffle else [False])
    ]
    index = [(*indices, dealt, key) for dealt in (False, True)[: len(results)]]
    columns = [name for name in results[0] if not name.endswith("_matrix")]
    table = pd.DataFrame(
        {name: [result[name] for result in results] for name in columns},
        index=pd.MultiIndex.from_tuples(index, names=names),
    )
    if not return_matrix:
        return table
    matrices = [name for name in results[0] if name.endswith("_matrix")]
    return table, {name: np.stack([result[name] for result in results]) for name in matrices}


def gcmc_analysis(
    manifolds: Any, dichotomies: Any, n_hyperplanes: int = 200, seed: int | None = None, **options: Any
) -> dict[str, Any]:
    """:func:`glue_analysis` under its former name, for given labellings and an unchanged origin.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points; see :func:`reallocate_origin`.
    dichotomies : array_like (n, P)
        Labellings +1 and -1; sample k uses row k mod n.
    n_hyperplanes, seed, **options
        As for :func:`glue_analysis`.

    Returns
    -------
    dict
        As from :func:`glue_analysis`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Notes
    -----
    Verified against a public table of the original (see the module). Not verified: `n_hyperplanes`, and how
    the original distributes several labellings.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> X = reallocate_origin([rs.randn(60, 1) + 0.5 * rs.randn(60, 40) for _ in range(2)], scale=0.0)
    >>> result = gcmc_analysis(X, [[-1, 1]], seed=0)
    >>> parts = result["utility"] * (1 + result["radius"] ** -2) / result["dimension"]
    >>> bool(abs(parts / result["capacity"] - 1) < 1e-9)
    True
    """
    n_samples = _validate.as_count(n_hyperplanes, "n_hyperplanes")
    labels = _in_turn(dichotomies, n_samples)
    return glue_analysis(manifolds, labels, n_samples, seed, **{"preprocess_type": None} | options)


def simulation_capacity(
    manifolds: Any, dichotomies: Any, n_trials: int = 100, seed: int | None = None
) -> float:
    """Manifolds per dimension by simulation: P / n for a whole number n of dimensions.

    From 2 on, n is the number at which the fraction of trials that a hyperplane through the origin separates
    is nearest to one half; there is no interpolation.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points; see :func:`reallocate_origin`.
    dichotomies : array_like (n, P)
        Labellings +1 and -1; trial k uses row k mod n.
    n_trials : int
        Trials, each with its own random projections.
    seed : int, optional
        Without it, one is drawn from ``numpy.random``.

    Returns
    -------
    float
        P / n; NaN, with a warning, if the fraction never reaches one half.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Warns
    -----
    ConvergenceWarning
        If fewer than half of the trials are separable in all dimensions.

    Notes
    -----
    Verified: in all rows of a public table of the original the value is P / n for a whole n from 2 on, and
    our values agree with it in distribution, better than with the first n that reaches one half. Not
    verified: its number of trials, and what it does where no n is enough.
    :func:`neurogeom.simulated_capacity` interpolates, and has a standard error.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> X = reallocate_origin([rs.randn(60, 1) + rs.randn(60, 40) for _ in range(4)], scale=0.0)
    >>> n = 4 / simulation_capacity(X, [[-1, 1, -1, 1]], seed=0)
    >>> n == round(n)
    True
    """
    trials = _validate.as_count(n_trials, "n_trials")
    clouds = _as_rows(manifolds)
    with warnings.catch_warnings():  # the warning is about an interpolation that is not used here
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = simulated_capacity(
            clouds,
            n_trials=trials,
            dichotomies=_in_turn(dichotomies, trials),
            center=False,
            rng=np.random.default_rng(_seed(seed)),
        )
    fraction = found.fraction_separable
    if fraction[-1] < 0.5:
        warnings.warn(
            f"at least half of the trials are not separable in any dimension up to {found.dimensions[-1]}: "
            "the capacity is NaN",
            ConvergenceWarning,
            stacklevel=2,
        )
        return math.nan
    return len(clouds) / max(2, int(found.dimensions[np.argmin(np.abs(fraction - 0.5))]))


def reallocate_origin(manifolds: Any, scale: float = 0.0) -> list[FloatArray]:
    """Move the origin to the mean of all points.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    scale : float
        Only 0 is available: the effect of other values is not published.

    Returns
    -------
    list of (N, M_i) arrays

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.
    NotImplementedError
        If `scale` is not 0.

    Notes
    -----
    Verified against a public table of the original: with 0 the origin is the mean of all points, and no
    feature is appended.

    Examples
    --------
    >>> [X.tolist() for X in reallocate_origin([[[1.0, 3.0]], [[5.0, 7.0]]])]
    [[[-3.0, -1.0]], [[1.0, 3.0]]]
    """
    if _validate.as_number(scale, "scale") != 0:
        raise NotImplementedError(f"scale must be 0, not {scale}: the effect of others is not published")
    clouds = _as_rows(manifolds)
    points = clouds.features(0, clouds.n_features)
    points -= points.mean(axis=0)
    return [part.T for part in np.split(points, np.cumsum(clouds.n_points)[:-1])]


def shuffle_manifolds(manifolds: Any, seed: int | None = None) -> list[FloatArray]:
    """Assign the points to the manifolds at random: pool, permute, divide into the old numbers of points.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    seed : int, optional
        Without it, one is drawn from ``numpy.random``.

    Returns
    -------
    list of (N, M_i) arrays

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Notes
    -----
    Verified against a public table of the original: capacity and geometry of shuffled data agree with its
    own in distribution. Not verified: which points go where for a seed.

    Examples
    --------
    >>> [X.shape for X in shuffle_manifolds([np.ones((60, 80)), np.zeros((60, 70))], seed=42)]
    [(60, 80), (60, 70)]
    """
    dealt = _as_rows(manifolds).shuffled(np.random.default_rng(_seed(seed)))
    return [np.asarray(cloud, dtype=np.float64).T for cloud in dealt]


def downsample_manifolds(manifolds: Any, n_points: int, seed: int | None = None) -> list[FloatArray]:
    """Keep a random subset of the points of each manifold, without replacement.

    Parameters
    ----------
    manifolds : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    n_points : int
        Points to keep of each.
    seed : int, optional
        Without it, one is drawn from ``numpy.random``.

    Returns
    -------
    list of (N, n_points) arrays

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value, or a manifold has fewer points.

    Notes
    -----
    Not verified: which points the original keeps for a seed, and what it does with fewer points.

    Examples
    --------
    >>> rs = np.random.RandomState(0)
    >>> [X.shape for X in downsample_manifolds([rs.randn(60, 80), rs.randn(60, 70)], 50, seed=0)]
    [(60, 50), (60, 50)]
    """
    kept = downsample(_as_rows(manifolds), n_points, np.random.default_rng(_seed(seed)))
    return [np.asarray(cloud, dtype=np.float64).T for cloud in kept]


def _as_rows(manifolds: Any) -> Manifolds:
    """Turn (features x points) arrays into our orientation, without copies."""
    with _threads.single_threaded_blas():
        blocks = read_clouds(manifolds, "manifolds").blocks
    return Manifolds([block.T for block in blocks], None, np.arange(len(blocks)))


def _seed(seed: int | None) -> int:
    if seed is None:
        return int(np.random.randint(2**31))
    return _validate.as_count(seed, "seed", minimum=0)


def _each_in_turn(generator: np.random.Generator, n_samples: int, n_manifolds: int) -> Signs:
    del generator
    return (2 * np.eye(n_manifolds, dtype=np.int8) - 1)[np.arange(n_samples) % n_manifolds]


def _in_turn(dichotomies: Any, n_samples: int) -> FloatArray:
    labels = _validate.as_float_matrix(dichotomies, "dichotomies")
    return labels[np.arange(n_samples) % len(labels)]


def _dichotomies(analysis_type: Any, n_samples: int) -> Dichotomies:
    if isinstance(analysis_type, str):
        name = _validate.as_choice(analysis_type.upper(), "analysis_type", (*_RULES, _ALL))
        return _each_in_turn if name == _ALL else _RULES[name]
    if not callable(analysis_type):
        labels = _validate.as_array(analysis_type, "analysis_type")
        return np.tile(labels, (n_samples, 1)) if labels.ndim == 1 else labels
    return analysis_type  # type: ignore[no-any-return]


def _with_constant(clouds: Manifolds, centered: bool) -> Manifolds:
    """Append a feature that is 1 in all points, after centring."""
    points = clouds.features(0, clouds.n_features)
    if centered:
        points -= points.mean(axis=0)
    points = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    return Manifolds(np.split(points, np.cumsum(clouds.n_points)[:-1]), None, clouds.names)


def _report(found: EffectiveGeometry, suffix: str, own: bool, return_matrix: bool) -> dict[str, Any]:
    """Collect the numbers under the names of the original, in both spellings."""
    result: dict[str, Any] = {
        "capacity": found.capacity,
        "dimension": found.effective_dimension,
        "radius": found.effective_radius,
        "radius_mean_ratio": found.effective_radius_mean_ratio,
        "utility": found.utility,
        "approx_capacity": found.approximate_capacity,
    }
    for end in ("", "_matrix") if return_matrix else ("",):
        for ours in ("center_alignment", "axis_alignment", "center_axis_alignment"):
            kept = f"own_{ours}" if own and ours == "center_axis_alignment" and not end else ours
            value = getattr(found, f"{kept}{suffix}{end}")
            result[f"{ours}{end}"] = result[f"{ours.replace('axis', 'axes')}{end}"] = value
    return result
