"""Rows of CSV files: the columns that results declare, and how they are written."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import numpy as np

from .._base.estimates import mean_and_deviation
from .._base.results import Column


def population_rows(
    results: Mapping[str, Any], nulls: Mapping[str, Sequence[Any]] | None = None
) -> list[list[object]]:
    """One row per result, below the header.

    For results of manifolds, first the numbers of manifolds and points; then every column of the whole result
    with its errors; last the mean and deviation of the null of each column that has one.
    """
    columns = _columns_of(results)
    names = [name for column in columns if not column.of_items for name in (column.name, *column.errors)]
    in_null = [column.name for column in columns if column.in_null]
    of_manifolds = _are_of_manifolds(columns)
    sizes = ["n_manifolds"] if of_manifolds and "n_manifolds" not in names else []
    header: list[object] = ["data", *sizes, *(["n_points"] if of_manifolds else []), *names]
    if in_null:
        header += ["n_null", *(f"null_{name}{end}" for name in in_null for end in ("", "_sd"))]
    rows = [header]
    for key, result in results.items():
        row: list[object] = [key, *(getattr(result, name) for name in sizes)]
        if of_manifolds:
            row.append(int(result.n_points.sum()))
        row += [_plain(getattr(result, name)) for name in names]
        if in_null:
            draws = [null_values(result, name, (nulls or {}).get(key)) for name in in_null]
            row.append(len(draws[0]))
            for values in draws:
                row += mean_and_deviation(values) if len(values) else (None, None)
        rows.append(row)
    return rows


def manifold_rows(results: Mapping[str, Any]) -> list[list[object]]:
    """One row per manifold, below the header."""
    columns = [column for column in _columns_of(results) if column.of_items]
    if results and not _are_of_manifolds(columns):
        raise ValueError(f"{type(next(iter(results.values()))).__name__} has no values of single manifolds")
    names = [name for column in columns for name in (column.name, *column.errors)]
    rows: list[list[object]] = [["data", "manifold", *names]]
    for key, result in results.items():
        values = [getattr(result, name) for name in ("names", *names)]
        rows += [[key, *map(_plain, row)] for row in zip(*values, strict=True)]
    return rows


def _columns_of(results: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns that all results declare."""
    kinds = {type(result).__name__: result.columns for result in results.values()}
    if len(kinds) > 1:
        raise ValueError(f"results must be of one kind, not {' and '.join(kinds)}")
    columns: tuple[Column, ...] = next(iter(kinds.values()), ())
    return columns


def _are_of_manifolds(columns: Iterable[Column]) -> bool:
    return any(column.name == "n_points" and column.of_items for column in columns)


def null_values(result: Any, name: str, dealt: Sequence[Any] | None = None) -> Any:
    """Draws of a null: those of the result's own null, else one from each of `dealt`."""
    if result.null is not None:
        return getattr(result.null, name)
    return np.array([getattr(item, name) for item in dealt or ()])


def write_rows(out: str | os.PathLike[str] | IO[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows below a header: .tsv with tabs, .json as a list of objects, anything else as CSV."""
    if not isinstance(out, (str, os.PathLike)):
        csv.writer(out, lineterminator="\n").writerows(rows)
        return
    ending = os.path.splitext(os.fspath(out))[1].lower()
    with open(out, "w", newline="", encoding="utf-8") as file:
        if ending == ".json":
            header, *lines = ([_finite(value) for value in row] for row in rows)
            json.dump([dict(zip(header, line, strict=True)) for line in lines], file, indent=1)
            file.write("\n")
        else:
            delimiter = "\t" if ending == ".tsv" else ","
            csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


def _finite(value: object) -> object:
    """Replace what JSON cannot express as a number by None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> object:
    """Turn a NumPy scalar into a Python one, which csv writes with all digits needed to restore it."""
    return value.item() if isinstance(value, np.generic) else value
