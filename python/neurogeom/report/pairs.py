"""Distances and similarities of representations as plain-text matrices and as CSV files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from ..pairs.embedding import Embedding
from ..pairs.result import Pairwise
from .tables import write_rows
from .text import format_table

_MAX_ITEMS = 15  # more are summarised in words
_MAX_NAME = 28
_MAX_WIDTH = 100  # wider tables have numbers for column names
_DECIMALS = 3


def pairwise_table(result: Pairwise) -> str:
    """Lay out a matrix of distances or similarities as text.

    Long names are cut in the middle; where names make the table too wide, columns are called by the numbers
    of the rows. For more than 15 items, only the number, the extremes and the median are shown.

    Parameters
    ----------
    result : Pairwise
        From :func:`neurogeom.pairwise`.

    Returns
    -------
    str
        Lines without a newline at the end.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import pairwise_table
    >>> V1 = [[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]]
    >>> print(pairwise_table(ng.pairwise({"V1": V1, "LM": V1[::-1], "AL": V1[1:] + V1[:1]})))
    procrustes (distance), 3 stimuli
    <BLANKLINE>
           V1     LM     AL
    --  -----  -----  -----
    V1      0  0.331  0.719
    LM  0.331      0  0.860
    AL  0.719  0.860      0
    """
    kind = "similarity" if result.is_similarity else "distance"
    stimuli = _describe_stimuli(result)
    if max(result.shape) > _MAX_ITEMS:
        return f"{result.metric} ({kind}), {stimuli}\n\n{_summary(result)}"
    rows, columns = (short_names(names.tolist(), _MAX_NAME) for names in (result.names, result.column_names))
    cells = cells_of(result.values, _DECIMALS)
    body = [[name, *line] for name, line in zip(rows, cells, strict=True)]
    table = format_table(body, ["", *columns])
    if max(map(len, table.split("\n"))) > _MAX_WIDTH:
        numbers = [str(k + 1) for k in range(len(columns))]
        table = _numbered(body, numbers, columns, result.is_square)
    return f"{result.metric} ({kind}), {stimuli}\n\n{table}"


def _numbered(
    body: Sequence[Sequence[str]], numbers: Sequence[str], columns: Sequence[str], square: bool
) -> str:
    """Lay out a table whose columns have numbers, explained by the rows or by a list below."""
    if square:
        width = len(numbers[-1])
        body = [
            [f"{number:>{width}} {line[0]}", *line[1:]] for number, line in zip(numbers, body, strict=True)
        ]
        return format_table(body, ["", *numbers])
    key = "\n".join(f"{number} {name}" for number, name in zip(numbers, columns, strict=True))
    return f"{format_table(body, ['', *numbers])}\n\n{key}"


# What is known of the errors of a pair, in the order of the tables.
_ERRORS = ("se", "bias", "lower", "upper", "null_mean", "null_sd", "p_value")


def uncertainty_table(result: Pairwise) -> str:
    """Lay out what is known of the errors of pairs, and of chance, as text; not of more than 105 pairs.

    Parameters
    ----------
    result : Pairwise
        From :func:`neurogeom.pairwise` with `null` or `bootstrap`.

    Returns
    -------
    str
        Lines without a newline at the end: one for each pair of different items.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import uncertainty_table
    >>> V1 = [[0.0, 1.0], [2.0, 1.0], [3.0, 4.0], [5.0, 1.0]]
    >>> result = ng.pairwise({"V1": V1, "LM": V1[::-1]}, null=9)
    >>> print(uncertainty_table(result))
               procrustes  null_mean  null_sd  p_value
    ---------  ----------  ---------  -------  -------
    V1 and LM       0.689      0.776    0.174    0.500
    """
    errors = [name for name in _ERRORS if getattr(result, name) is not None]
    pairs = np.argwhere(_different(result))
    if len(pairs) > _MAX_ITEMS * (_MAX_ITEMS - 1) // 2:
        return f"{', '.join(errors)} of {len(pairs)} pairs are in the result, not shown"
    columns = [result.values, *(getattr(result, name) for name in errors)]
    cells = [cells_of(column[tuple(pairs.T)][:, None], _DECIMALS) for column in columns]
    rows, others = (short_names(names.tolist(), _MAX_NAME) for names in (result.names, result.column_names))
    body = [
        [f"{rows[i]} and {others[j]}", *(cell[k][0] for cell in cells)]
        for k, (i, j) in enumerate(pairs.tolist())
    ]
    return format_table(body, ["", result.metric, *errors])


def embedding_table(embedding: Embedding) -> str:
    """Lay out the coordinates of embedded items, and how well they fit, as text.

    Parameters
    ----------
    embedding : Embedding
        From :func:`neurogeom.mds`.

    Returns
    -------
    str
        Lines without a newline at the end.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import embedding_table
    >>> print(embedding_table(ng.mds([[0, 1, 3], [1, 0, 2], [3, 2, 0]], 1)))
    in 1 dimension, stress 0.000
    <BLANKLINE>
       axis 1
    -  ------
    0  -1.333
    1  -0.333
    2   1.667
    """
    dims = embedding.n_dims
    names = short_names(embedding.names.tolist(), _MAX_NAME)
    cells = cells_of(embedding.coordinates, _DECIMALS)
    body = [[name, *line] for name, line in zip(names, cells, strict=True)]
    table = format_table(body, ["", *(f"axis {k + 1}" for k in range(dims))])
    return f"in {dims} dimension{'s' * (dims > 1)}, stress {embedding.stress:.3f}\n\n{table}"


def write_pairwise_csv(path: str | os.PathLike[str] | IO[str], results: Mapping[str, Pairwise]) -> None:
    """Write distances or similarities to a CSV file, to full precision.

    One metric makes a matrix with the names in the first row and column. Several, and results with a null or
    a bootstrap, make one row for each ordered pair of items (including an item with itself), with the columns
    ``row``, ``column`` and one for each metric, each followed by what is known of its errors.

    Parameters
    ----------
    path : path-like or text file
        File to write. With the extension .tsv it has tabs for commas; with .json it is a list of objects, one
        for each ordered pair, in which NaN is null.
    results : mapping of str to Pairwise
        Results for the same items; keys are the headers of the columns.

    Raises
    ------
    ValueError
        If `results` is empty or the items differ.

    Examples
    --------
    >>> import os, tempfile
    >>> from pathlib import Path
    >>> import neurogeom as ng
    >>> from neurogeom.report import write_pairwise_csv
    >>> result = ng.pairwise({"V1": [[0.0], [1.0], [3.0]], "LM": [[0.0], [2.0], [6.0]]})
    >>> path = os.path.join(tempfile.mkdtemp(), "areas.csv")
    >>> write_pairwise_csv(path, {"procrustes": result})
    >>> print(Path(path).read_text().strip())
    ,V1,LM
    V1,0.0,0.0
    LM,0.0,0.0
    """
    first = require_same_items(results)
    names = first.names.tolist()
    columns = first.column_names.tolist()
    is_json = isinstance(path, (str, os.PathLike)) and os.fspath(path).lower().endswith(".json")
    rows: list[list[Any]]
    named = {
        f"{key} {name}".rstrip(): getattr(result, name or "values")
        for key, result in results.items()
        for name in ("", *_ERRORS)
        if not name or getattr(result, name) is not None
    }
    if len(named) == 1 and not is_json:
        rows = [["", *columns]]
        rows += [[name, *line] for name, line in zip(names, first.values.tolist(), strict=True)]
    else:
        rows = [["row", "column", *named]]
        for i, row in enumerate(names):
            for j, column in enumerate(columns):
                values = (float(array[i, j]) for array in named.values())
                rows.append([row, column, *values])
    write_rows(path, rows)


def require_same_items(results: Mapping[str, Pairwise]) -> Pairwise:
    """Return the first result; refuse an empty mapping, and results for different items."""
    if not results:
        raise ValueError("results is empty")
    first = next(iter(results.values()))
    for key, result in results.items():
        for mine, others in ((first.names, result.names), (first.column_names, result.column_names)):
            if mine.tolist() != others.tolist():
                raise ValueError(f"results[{key!r}] has other items than the first result")
    return first


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Cut long names in the middle, unless that would make two of them alike."""
    # Layers may differ at either end of their names, more often at the last.
    tail = 2 * width // 3
    cut = [n if len(n) <= width else f"{n[: width - tail - 1]}…{n[-tail:]}" for n in names]
    return cut if len(set(cut)) == len(set(names)) else list(names)


def cells_of(values: FloatArray, decimals: int) -> list[list[str]]:
    """Write all values with the same decimals: as given if the largest is of order one, else adjusted."""
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    size = math.floor(math.log10(largest)) if largest > 0 else 0
    decimals -= size if size >= 0 else size + 1
    far = not -3 <= size <= 5

    def cell(value: float) -> str:
        if not math.isfinite(value) or value in (0.0, 1.0):  # exact, as of an item with itself
            return f"{value:.0f}"
        if far or abs(value) < 0.5 * 10.0**-decimals:
            return f"{value:.1e}"
        return f"{value:.{max(0, decimals)}f}"

    return [[cell(value) for value in line] for line in values.tolist()]


def _describe_stimuli(result: Pairwise) -> str:
    counts = np.unique(result.n_stimuli)
    return f"{counts[0]} stimuli" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} stimuli"


class Extreme(NamedTuple):
    """A pair of different items and its value."""

    row: str
    column: str
    value: float


def extremes(result: Pairwise) -> tuple[Extreme, Extreme]:
    """Return the pairs of different items with the smallest and the largest defined value."""
    pairs, values = _defined(result)

    def at(k: int) -> Extreme:
        return Extreme(
            str(result.names[pairs[k, 0]]), str(result.column_names[pairs[k, 1]]), float(values[k])
        )

    return at(int(values.argmin())), at(int(values.argmax()))


def _different(result: Pairwise) -> NDArray[np.bool_]:
    """Mark pairs of different items; once each for a symmetric measure."""
    where = np.ones(result.shape, dtype=bool)
    if result.is_square:
        where = np.triu(where, 1) if result.symmetric else ~np.eye(len(where), dtype=bool)
    return where


def _defined(result: Pairwise) -> tuple[NDArray[np.int64], FloatArray]:
    """Return (row, column) and value of all pairs of different items that have a value."""
    where = _different(result) & np.isfinite(result.values)
    return np.argwhere(where).astype(np.int64), result.values[where]


def _summary(result: Pairwise) -> str:
    """Describe shape, extremes and median of the values between different items."""
    count, values = int(_different(result).sum()), _defined(result)[1]
    shape = f"{result.shape[0]} x {result.shape[1]} items, {count} pairs"
    if len(values) < count:
        shape += f", {count - len(values)} of them undefined"
    if not len(values):
        return shape
    least, most = extremes(result)
    (texts,) = cells_of(np.array([[least.value, np.median(values), most.value]]), _DECIMALS)
    return (
        f"{shape}\nleast   {texts[0]}  {least.row} and {least.column}\nmedian  {texts[1]}\n"
        f"most    {texts[2]}  {most.row} and {most.column}"
    )
