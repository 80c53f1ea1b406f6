"""Results as plain-text tables and as CSV files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from .tables import manifold_rows, mean_and_deviation, null_values, population_rows, write_rows

if TYPE_CHECKING:
    from ..capacity.joint import EffectiveGeometry
    from ..capacity.mean_field import ManifoldCapacity
    from ..capacity.simulated import SimulatedCapacity

__all__ = [
    "alignment_table",
    "capacity_table",
    "format_estimate",
    "format_table",
    "geometry_table",
    "mean_and_deviation",
    "simulated_table",
    "write_csv",
]

# The ± of a column stands in one line, so a cell that has one is two cells to the aligner.
_PLUS_MINUS = " ± "
# An error of so small a part of its value is rounding: of draws that are all the same.
_ROUNDING = 1e-12


def format_estimate(value: float, error: float) -> str:
    """Write an estimate with its standard error, both to the place the error allows.

    The error has two significant digits and the value ends at the same decimal place. Without a
    usable error (NaN, infinite or 0) the value stands alone with four significant digits; an error below
    1e-12 of the value is rounding and is written as 0.

    Parameters
    ----------
    value, error : float
        Estimate and standard error.

    Returns
    -------
    str

    Examples
    --------
    >>> from neurogeom.report import format_estimate
    >>> format_estimate(0.123456, 0.00234)
    '0.1235 ± 0.0023'
    >>> format_estimate(36.17, 1.26)
    '36.2 ± 1.3'
    >>> format_estimate(1234.5, 123.4)
    '1230 ± 120'
    """
    value, error = float(value), float(error)  # NumPy rounds ties in another way
    if not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    if error < _ROUNDING * abs(value):
        return f"{value:.4g}{_PLUS_MINUS}0"
    # Of the *rounded* error, so that 0.0996 counts as 0.10 and not as three digits.
    place = int(f"{error:.1e}".partition("e")[2]) - 1
    size = max(place + 1, int(f"{value:.0e}".partition("e")[2]) if value else place + 1)
    if place < -9 or size > 7:  # too many digits for a table
        scale = 10.0**size
        digits = size - place
        return f"({value / scale:.{digits}f}{_PLUS_MINUS}{error / scale:.{digits}f})e{size:+d}"
    rounded = (f"{round(number, -place):.{max(0, -place)}f}" for number in (value, error))
    return _PLUS_MINUS.join(rounded)


def format_table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str:
    """Lay out rows of cells in aligned columns.

    The first column is flush left, the others flush right; cells that hold ``±`` are aligned on it.

    Parameters
    ----------
    rows : sequence of sequences
        Cells, one sequence a row; anything that is not a string is shown by ``str``.
    columns : sequence of str
        Headers; a header may have several lines.

    Returns
    -------
    str
        The table, without a newline at the end.

    Raises
    ------
    ValueError
        If a row has not as many cells as there are columns.

    Examples
    --------
    >>> from neurogeom.report import format_table
    >>> print(format_table([["V1", "0.21 ± 0.01", 3], ["LM", "10.2 ± 1.3", 12]],
    ...                    ["area", "capacity", "rank"]))
    area     capacity  rank
    ----  -----------  ----
    V1    0.21 ± 0.01     3
    LM    10.2 ± 1.3     12
    """
    cells = [[str(cell) for cell in row] for row in rows]
    for i, row in enumerate(cells):
        if len(row) != len(columns):
            raise ValueError(f"rows[{i}] has {len(row)} cells for {len(columns)} columns")
    headers = [column.split("\n") for column in columns]
    height = max((len(header) for header in headers), default=0)
    blocks: list[list[str]] = []
    for k, header in enumerate(headers):
        body = _align_plus_minus([row[k] for row in cells])
        lines = [""] * (height - len(header)) + header
        width = max(map(len, lines + body))
        lines += ["-" * width, *body]
        blocks.append([line.ljust(width) if k == 0 else line.rjust(width) for line in lines])
    return "\n".join("  ".join(line).rstrip() for line in zip(*blocks, strict=True))


def _align_plus_minus(cells: Sequence[str]) -> list[str]:
    """Pad cells such that the ± of those which have one stand below each other."""
    pairs = [cell.partition(_PLUS_MINUS) for cell in cells]
    left = max((len(value) for value, sign, _ in pairs if sign), default=0)
    right = max((len(error) for _, sign, error in pairs if sign), default=0)
    return [
        f"{value.rjust(left)}{sign}{error.ljust(right)}" if sign else value for value, sign, error in pairs
    ]


def capacity_table(
    results: Mapping[str, ManifoldCapacity], *, label: str = "layer", shuffled: bool = True
) -> str:
    """Give one line a data set: capacity, radius and dimension with their standard errors.

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
            format_estimate(result.mean_capacity, result.mean_capacity_se),
            format_estimate(result.mean_radius, result.mean_radius_se),
            format_estimate(result.mean_dimension, result.mean_dimension_se),
            f"{result.center_correlation:.3f}",
            str(result.rank_removed),
        ]
        if with_null:
            null = None if result.null is None else result.null.mean_capacity
            row.insert(2, "" if null is None else format_estimate(*mean_and_deviation(null)))
        rows.append(row)
    return format_table(rows, columns)


def geometry_table(
    results: Mapping[str, EffectiveGeometry],
    *,
    label: str = "layer",
    nulls: Mapping[str, Sequence[EffectiveGeometry]] | None = None,
) -> str:
    """Give one line a data set: joint capacity, effective radius and dimension with standard errors.

    Parameters
    ----------
    results : mapping of str to EffectiveGeometry
        Results by name of the data set (a layer, an area, an epoch).
    label : str
        Header of the column of names.
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for the same data with shuffled points, by name.

    Returns
    -------
    str
        A table of the values ± their standard errors over samples. Radius and dimension rest on the samples
        that are separable, whose number and that of all samples are the last column. The column for shuffled
        data shows mean ± standard deviation over shuffles.

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
    fields = {"capacity": "capacity", "effective\nradius": "effective_radius"}
    fields["effective\ndimension"] = "effective_dimension"
    columns = [label, *fields, "separable\nsamples"]
    if nulls:
        columns.insert(2, "capacity,\nshuffled")
    rows = []
    for key, result in results.items():
        samples = f"{result.n_separable}/{result.n_samples}"
        row = [key, *_estimates(result, fields.values()), samples]
        if nulls:
            dealt = null_values(result, "capacity", nulls.get(key))
            row.insert(2, format_estimate(*mean_and_deviation(dealt)) if len(dealt) else "")
        rows.append(row)
    return format_table(rows, columns)


def alignment_table(results: Mapping[str, EffectiveGeometry], *, label: str = "layer") -> str:
    """Give one line a data set: mean absolute cosines between the anchor centers and axes of manifolds.

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
        standard errors over samples. (Of the cosines with their signs those between centers have a mean near
        -1/(P - 1) wherever the mean of all points is the origin; a CSV file has them all.)

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
    rows = [[key, *_estimates(result, fields)] for key, result in results.items()]
    return format_table(
        rows, [label, *(f"|cosine| of\n{what}" for what in ("centers", "axes", "center, axis"))]
    )


def _estimates(result: Any, fields: Iterable[str]) -> list[str]:
    return [format_estimate(getattr(result, field), getattr(result, f"{field}_se")) for field in fields]


def simulated_table(results: Mapping[str, SimulatedCapacity], *, label: str = "layer") -> str:
    """Give one line a data set: simulated capacity and critical dimension with their standard errors.

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
        [key, *_estimates(result, ("capacity", "critical_dimension")), result.n_trials]
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
        The file; what it held before is lost. With the ending .tsv it has tabs for commas, with .json it is a
        list of objects, in which NaN is null.
    results : mapping of str to ManifoldCapacity, EffectiveGeometry or SimulatedCapacity
        Results of one kind by name of the data set.
    per_manifold : bool
        Write one row a manifold instead of one row a data set (simulated capacity has no such rows).
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for shuffled data, which an EffectiveGeometry does not carry itself, by name.

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
    rows = manifold_rows(results) if per_manifold else population_rows(results, nulls)
    write_rows(path, rows)
