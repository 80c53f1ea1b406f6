"""Rows of the CSV files: which fields of a result become columns."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

_ALIGNMENTS = ("center_alignment", "axis_alignment", "center_axis_alignment")


class Columns(NamedTuple):
    """Fields of one kind of result in the order of the columns."""

    population: tuple[str, ...]
    manifold: tuple[str, ...] = ()
    null: tuple[str, ...] = ()


def _with_errors(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{suffix}" for name in names for suffix in ("", "_se"))


_MEAN_FIELD = Columns(
    population=(
        "n_features",
        "n_samples",
        "margin",
        *(
            f"mean_{name}{suffix}"
            for name in ("capacity", "radius", "dimension")
            for suffix in ("", "_se", "_se_manifolds")
        ),
        "center_correlation",
        "residual_center_correlation",
        "rank_removed",
    ),
    manifold=(
        "n_points",
        "reduced_dimension",
        *_with_errors("capacity", "radius", "dimension", "dimension_prx", "radius_uncentered"),
        "center_norm",
        "kkt_residual",
        "interior_fraction",
        "status",
    ),
    null=("mean_capacity", "mean_radius", "mean_dimension"),
)
_JOINT = Columns(
    population=(
        "n_features",
        "n_samples",
        "centered",
        "inactive",
        *_with_errors(
            "capacity",
            "effective_radius",
            "effective_radius_mean_ratio",
            "effective_dimension",
            "utility",
            "approximate_capacity",
            *(
                f"{name}{form}"
                for form in ("", "_abs", "_raw")
                for name in (*_ALIGNMENTS, f"own_{_ALIGNMENTS[-1]}")
            ),
        ),
        "n_separable",
        "inseparable_fraction",
        "kkt_residual",
        "n_failed",
    ),
    manifold=("n_points", "active_fraction", "anchor_center_norm", "anchor_axis_norm", "anchor_radius"),
    null=("capacity", "effective_radius", "effective_dimension", *_ALIGNMENTS),
)
_SIMULATED = Columns(
    population=(
        "n_manifolds",
        "n_features",
        "n_trials",
        "fit_intercept",
        *_with_errors("capacity", "critical_dimension"),
        "n_undecided",
        "status",
    )
)


def columns_of(result: Any) -> Columns:
    """Tell the kinds of results apart by what they have."""
    if hasattr(result, "critical_dimension"):
        return _SIMULATED
    return _JOINT if hasattr(result, "effective_radius") else _MEAN_FIELD


def population_rows(
    results: Mapping[str, Any], nulls: Mapping[str, Sequence[Any]] | None
) -> list[list[object]]:
    """One row a data set, below the header."""
    columns = columns_of(next(iter(results.values()), None))
    sizes = ["n_manifolds", "n_points"] if columns.manifold else []
    moments = [f"null_{name}{suffix}" for name in columns.null for suffix in ("", "_sd")]
    shuffles = ["n_null", *moments] if moments else []
    rows: list[list[object]] = [["data", *sizes, *columns.population, *shuffles]]
    for key, result in results.items():
        row: list[object] = [key]
        if sizes:
            row += [len(result.names), int(result.n_points.sum())]
        row += [_plain(getattr(result, name)) for name in columns.population]
        if moments:
            found = {name: null_values(result, name, (nulls or {}).get(key)) for name in columns.null}
            n_null = len(found[columns.null[0]])
            row.append(n_null)
            for values in found.values():
                row += mean_and_deviation(values) if n_null else (None, None)
        rows.append(row)
    return rows


def manifold_rows(results: Mapping[str, Any]) -> list[list[object]]:
    """One row a manifold, below the header."""
    columns = columns_of(next(iter(results.values()), None)).manifold
    rows: list[list[object]] = [["data", "manifold", *columns]]
    for key, result in results.items():
        values = [getattr(result, name) for name in ("names", *columns)]
        rows += [[key, *map(_plain, row)] for row in zip(*values, strict=True)]
    return rows


def null_values(result: Any, name: str, dealt: Sequence[Any] | None) -> Any:
    """Values of one field for shuffled data: those the result carries, or one from each of `dealt`."""
    null = getattr(result, "null", None)
    if null is not None:
        return getattr(null, name)
    return np.array([getattr(item, name) for item in dealt or ()])


def mean_and_deviation(values: Any) -> tuple[float, float]:
    """Mean and standard deviation of the repetitions that could be computed."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return math.nan, math.nan
    return float(finite.mean()), float(finite.std(ddof=1)) if finite.size > 1 else math.nan


def write_rows(out: str | os.PathLike[str] | IO[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows below a header: .tsv with tabs, .json as a list of objects, all else as CSV."""
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
    """Give what JSON has no number for as null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> object:
    """Turn a NumPy scalar into Python's, which csv writes with all digits needed to read it."""
    return value.item() if isinstance(value, np.generic) else value
