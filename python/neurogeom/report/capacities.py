"""Results of sets of manifolds as plain-text tables and as CSV files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from .._base.estimates import mean_and_deviation
from ..capacity.results import EffectiveGeometry, ManifoldCapacity
from ..capacity.simulated import SimulatedCapacity
from .tables import manifold_rows, null_values, population_rows, write_rows
from .text import format_estimate, format_table


def capacity_table(
    results: Mapping[str, ManifoldCapacity], *, label: str = "layer", shuffled: bool = True
) -> str:
    """Tabulate capacity, radius and dimension with their standard errors, one line per data set.

    Parameters
    ----------
    results : mapping of str to ManifoldCapacity
        Results by name of the data set (a layer, an area, an epoch).
    label : str
        Header of the column of names.
    shuffled : bool
        Show the capacity of shuffled data where it was analysed.

    Returns
    -------
    str
        A table of the population values (capacity: harmonic mean over manifolds; radius and
        dimension: arithmetic means) ± their standard errors over Gaussian samples. The column
        for shuffled data shows mean ± standard deviation over shuffles.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import capacity_table
    >>> data = load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> result = ng.manifold_capacity(groups, n_samples=50, rng=0)
    >>> print(capacity_table({"layer6": result}))
                                                           center     rank
    layer          capacity         radius    dimension  correlation  removed
    ...
    """
    with_null = shuffled and any(result.null is not None for result in results.values())
    columns = [label, "capacity", "radius", "dimension", "center\ncorrelation", "rank\nremoved"]
    if with_null:
        columns.insert(2, "capacity,\nshuffled")
    rows = []
    for name, result in results.items():
        row = [
            name,
            *_estimates(result, "mean_capacity", "mean_radius", "mean_dimension"),
            f"{result.center_correlation:.3f}",
            str(result.rank_removed),
        ]
        if with_null:
            row.insert(2, _shuffled(result, "mean_capacity"))
        rows.append(row)
    return format_table(rows, columns)


def geometry_table(
    results: Mapping[str, EffectiveGeometry],
    *,
    label: str = "layer",
    nulls: Mapping[str, Sequence[EffectiveGeometry]] | None = None,
) -> str:
    """Tabulate joint capacity, effective radius and dimension with standard errors, one line per data set.

    Parameters
    ----------
    results : mapping of str to EffectiveGeometry
        Results by name of the data set (a layer, an area, an epoch).
    label : str
        Header of the column of names.
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for the same data with shuffled points, by name, where the results have no null of their own.

    Returns
    -------
    str
        A table of the values ± their standard errors over samples. Radius and dimension rest on the separable
        samples; the last column shows their number and that of all samples. The column for shuffled data
        shows mean ± standard deviation over shuffles.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import geometry_table
    >>> data = load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> result = ng.effective_geometry(groups, n_samples=50, rng=0)
    >>> print(geometry_table({"layer6": result}))
                            effective    effective  separable
    layer      capacity        radius    dimension    samples
    ...
    """
    columns = [label, "capacity", "effective\nradius", "effective\ndimension", "separable\nsamples"]
    with_null = bool(nulls) or any(result.null is not None for result in results.values())
    if with_null:
        columns.insert(2, "capacity,\nshuffled")
    rows = []
    for key, result in results.items():
        samples = f"{result.n_used}/{result.n_samples}"
        row = [key, *_estimates(result, "capacity", "effective_radius", "effective_dimension"), samples]
        if with_null:
            row.insert(2, _shuffled(result, "capacity", (nulls or {}).get(key)))
        rows.append(row)
    return format_table(rows, columns)


def alignment_table(results: Mapping[str, EffectiveGeometry], *, label: str = "layer") -> str:
    """Tabulate mean absolute cosines between anchor centers and axes of manifolds, one line per data set.

    Parameters
    ----------
    results : mapping of str to EffectiveGeometry
        Results by name of the data set (a layer, an area, an epoch).
    label : str
        Header of the column of names.

    Returns
    -------
    str
        A table of ``center_alignment_abs``, ``axis_alignment_abs`` and ``center_axis_alignment_abs`` ± their
        standard errors over samples. (Signed cosines between centers average about -1/(P - 1) wherever the
        mean of all points is the origin; the CSV file includes them.)

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import alignment_table
    >>> data = load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> result = ng.effective_geometry(groups, n_samples=50, rng=0)
    >>> print(alignment_table({"layer6": result}))
             |cosine| of     |cosine| of     |cosine| of
    layer        centers            axes    center, axis
    ...
    """
    fields = ("center_alignment_abs", "axis_alignment_abs", "center_axis_alignment_abs")
    rows = [[key, *_estimates(result, *fields)] for key, result in results.items()]
    return format_table(
        rows, [label, *(f"|cosine| of\n{what}" for what in ("centers", "axes", "center, axis"))]
    )


def simulated_table(results: Mapping[str, SimulatedCapacity], *, label: str = "layer") -> str:
    """Tabulate simulated capacity and critical dimension with their standard errors, one line per data set.

    Parameters
    ----------
    results : mapping of str to SimulatedCapacity
        Results by name of the data set (a layer, an area, an epoch).
    label : str
        Header of the column of names.

    Returns
    -------
    str
        A table of the values ± their standard errors over trials.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import simulated_table
    >>> data = load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> result = ng.simulated_capacity(groups, n_trials=10, rng=0)
    >>> print(simulated_table({"layer6": result}))
                                critical
    layer          capacity    dimension  trials
    ...
    """
    rows = [
        [key, *_estimates(result, "capacity", "critical_dimension"), result.n_trials]
        for key, result in results.items()
    ]
    return format_table(rows, [label, "capacity", "critical\ndimension", "trials"])


def write_csv(
    path: str | os.PathLike[str] | IO[str],
    results: Mapping[str, Any],
    *,
    per_manifold: bool = False,
    nulls: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write results to a CSV file, every number to full precision.

    Parameters
    ----------
    path : path-like or text file
        The file, which is overwritten. With the extension .tsv it has tabs instead of commas, with .json it
        is a list of objects in which NaN is null.
    results : mapping of str to Result
        Results of one kind that declares its columns (all capacities do), by name of the data set.
    per_manifold : bool
        Write one row per manifold instead of one per data set, for results with values of manifolds.
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for shuffled data, by name, where the results have no null of their own.

    Raises
    ------
    ValueError
        If the results are of several kinds.

    Notes
    -----
    ``*_se`` are standard errors over Gaussian samples (simulated capacity: over trials), ``*_se_manifolds``
    over manifolds. Rows of data sets end with mean and standard deviation over shuffled data (empty where
    none was analysed). NaN is written as ``nan``.

    Examples
    --------
    >>> import os, tempfile
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import write_csv
    >>> data = load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> result = ng.manifold_capacity(groups, n_samples=50, rng=0)
    >>> path = os.path.join(tempfile.mkdtemp(), "capacity.csv")
    >>> write_csv(path, {"layer6": result})
    >>> with open(path, encoding="utf-8") as file:
    ...     print(file.readline()[:40])
    data,n_manifolds,n_points,n_features,n_s
    """
    write_rows(path, manifold_rows(results) if per_manifold else population_rows(results, nulls))


def _estimates(result: Any, *names: str) -> list[str]:
    """Write estimates with the first of the errors that the result declares for them."""
    errors = {column.name: column.errors[0] for column in result.columns if column.errors}
    return [format_estimate(getattr(result, name), getattr(result, errors[name])) for name in names]


def _shuffled(result: Any, name: str, nulls: Sequence[Any] | None = None) -> str:
    """Write mean and deviation of the draws of a null; nothing where there is none."""
    draws = null_values(result, name, nulls)
    return format_estimate(*mean_and_deviation(draws)) if len(draws) else ""
