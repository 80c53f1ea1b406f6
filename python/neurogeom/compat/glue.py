"""Stands in for ``glue`` (formerly ``gcmc``): effective geometry as a dict or as rows of a table.

``glue.glue_analysis``, ``glue.contrib.glue_analysis_dataframe`` and ``glue.preprocess.downsample_manifolds``
are all found here.

That package is given out on request only, and we do not have it. Formulas are those of third-party
transcriptions of the papers; names of arguments, columns and index levels, the orientation of the data and
what ``shuffle`` and ``return_matrix`` do were read off public scripts that call it. No value was compared
with one of the original. What nobody outside can know is said where it matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _threads, _validate
from .._joint_results import EffectiveGeometry
from .._validate import FloatArray
from ..dichotomies import Dichotomies, Signs
from ..exemplars import downsample
from ..joint import effective_geometry
from ..manifolds import Manifolds
from .mftma._shared import read_clouds

if TYPE_CHECKING:
    from pandas import DataFrame

# Forms of the alignments, and how the fields of EffectiveGeometry that hold them end.
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
    alignment: str = "signed_cos",
    inactive: str = "zero",
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
        each in turn (sample k has manifold k mod P; our reading of the name); ``"FIRST_VERSUS_REST"``: the
        first one; ``"RANDOM"``: independent; ``"BALANCED"``: half of them; an array of +1 and -1, (P,) for
        one fixed task or (n_hyperplanes, P); or a function as for :func:`neurogeom.effective_geometry`.
    n_hyperplanes : int
        Samples: Gaussian vectors with a labeling each.
    seed : int, optional
        Without it, one is drawn from ``numpy.random``, so that ``numpy.random.seed`` is honoured.
    shuffle : bool
        Analyse data whose points have been dealt out to the manifolds at random.
    bias : bool
        Append a feature that is 1 in all points, after centring, so that hyperplanes need not pass through
        the mean. (That it is 1, whatever the units of the data, is our assumption.)
    gaussianize : bool
        Not available: what the original does is not published.
    preprocess_type : {"center", None}
        Subtract the mean of all points, or leave the origin where it is.
    alignment : {"signed_cos", "abs_cos", "abs_raw"}
        Form of the three alignments: mean cosine (Algorithm 2 of the ICML paper), mean absolute cosine, or
        mean absolute inner product.
    inactive : {"zero", "exclude", "maxproj"}
        What stands for the anchor of a manifold that does not support the solution; see
        :func:`neurogeom.effective_geometry`. The rule of the original is not known.
    return_matrix : bool
        Also give the P x P matrices of the alignments.
    scale : {None, 0, 1}
        Taken for the sake of scripts that pass it, and without effect: its meaning is not known to us, and
        nothing but the ``"abs_raw"`` alignments depends on a common factor of the data (without `bias`).
    backend : optional
        Without effect: there is one solver here.
    n_threads : int, optional
        Threads to use.

    Returns
    -------
    dict
        ``capacity``, ``dimension``, ``radius`` (root of a ratio of means; ``radius_mean_ratio``: of the mean
        ratio), ``utility``, ``approx_capacity`` = (1 + radius^-2) / dimension, ``center_alignment``,
        ``axis_alignment`` = ``axes_alignment``, ``center_axis_alignment`` = ``center_axes_alignment``: later
        and earlier spelling. With `return_matrix` also ``center_alignment_matrix`` and so on, in both
        spellings.

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
        separable"; here they count in the capacity and are left out of the geometry.

    Notes
    -----
    Verified: the identity capacity = utility (1 + radius^-2) / dimension, and all numbers against an
    independent NumPy and non-negative least squares evaluation of the published formulas. Not verified:
    values of the original, its default `analysis_type`, its rule for inactive manifolds, which of the two
    radii it reports, and its random streams. References: Chou et al., ICML 2025, Algorithm 2; Chou et al.,
    bioRxiv 2024.02.26.582157.

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
            "gaussianize: how the original makes manifolds Gaussian is not published; give manifolds that "
            "you have made so yourself"
        )
    del backend
    if scale is not None:
        _validate.as_choice(f"{scale:g}", "scale", ("0", "1"))
    suffix = _FORMS[_validate.as_choice(alignment, "alignment", tuple(_FORMS))]
    n_samples = _validate.as_count(n_hyperplanes, "n_hyperplanes")
    centered = _validate.as_choice(str(preprocess_type), "preprocess_type", ("center", "None")) == "center"
    generator = np.random.default_rng(_seed(seed))
    clouds = _as_rows(manifolds)
    if bias:
        clouds = _with_constant(clouds, centered)
    if shuffle:
        clouds = clouds.shuffled(generator)
    found = effective_geometry(
        clouds,
        dichotomies=_dichotomies(analysis_type, n_samples),
        n_samples=n_samples,
        center=centered and not bias,
        inactive=inactive,
        rng=generator,
        n_threads=n_threads,
    )
    return _report(found, suffix, return_matrix)


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
        What tells this data set apart: the first levels of the index.
    indices_name : sequence of str
        Names of these levels.
    shuffle : bool
        Give a second row, for the data with points dealt out to the manifolds at random.
    return_matrix : bool
        Also give the matrices of the alignments.
    **options
        ``alignment``, ``inactive``, ``n_threads`` and ``backend`` of :func:`glue_analysis`; ``geometry``
        without effect (its meaning is not known to us).

    Returns
    -------
    DataFrame, or (DataFrame, dict) with `return_matrix`
        One row, or two with `shuffle`, under a MultiIndex (`indices_name`, "shuffle", "seed"); columns are
        the keys of :func:`glue_analysis`. The dict has an array (rows, P, P) for each key of a matrix.

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
    Verified: the rows are those of :func:`glue_analysis`. Read off scripts that use the original, not
    verified: the names, that `shuffle` adds a row to the true one, and that `return_matrix` gives a pair. Not
    known: the order of the levels after `indices_name`, and the form of the matrices.

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
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("glue_analysis_dataframe needs pandas: pip install 'neurogeom[pandas]'") from None
    options.pop("geometry", None)
    names = [*indices_name, "shuffle", "seed"]
    _validate.require_length(
        np.array(indices, dtype=object), "indices", len(names) - 2, "name in indices_name"
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


def _report(found: EffectiveGeometry, suffix: str, return_matrix: bool) -> dict[str, Any]:
    """Pick the numbers by the names of the original, in both spellings."""
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
            value = getattr(found, f"{ours}{suffix}{end}")
            result[f"{ours}{end}"] = result[f"{ours.replace('axis', 'axes')}{end}"] = value
    return result
