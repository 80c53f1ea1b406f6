"""Text: estimates with their errors, and aligned columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

# The ± signs of a column line up, so the aligner treats a cell with one as two cells.
_PLUS_MINUS = " ± "
# An error that is so small a part of its value is rounding, from draws that are all the same.
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
    value, error = float(value), float(error)  # NumPy rounds ties differently
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
        If a row does not have as many cells as there are columns.

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
    """Pad cells so that the ± signs line up."""
    pairs = [cell.partition(_PLUS_MINUS) for cell in cells]
    left = max((len(value) for value, sign, _ in pairs if sign), default=0)
    right = max((len(error) for _, sign, error in pairs if sign), default=0)
    return [
        f"{value.rjust(left)}{sign}{error.ljust(right)}" if sign else value for value, sign, error in pairs
    ]
