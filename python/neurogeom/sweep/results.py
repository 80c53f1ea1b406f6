"""What a sweep has found so far."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.results import Result
from ..metrics.base import Metric
from ..pairs.result import Pairwise
from ..pairs.tiles import Grid, TileKey
from . import errors as check
from .kinds import CapacitySweep, PairSweep, load_sweep
from .pairs import NULL_FIELDS
from .store import Store

_SUFFIXES = (".csv", ".npy", ".npz")
_LONGEST_RUN = 64  # tiles that are in memory at a time


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CapacityTable(Result):
    """Numbers of capacity jobs, one entry a job; made by :func:`open`.

    Attributes
    ----------
    names : ndarray of str
        The item of each job.
    seeds : ndarray of int
        The seed of each job.
    fields : tuple of str
        What is known of each job, such as "mean_capacity".
    values : ndarray of shape (n_fields, n_jobs)
        The numbers; NaN where a job is not done yet or its data do not allow it.
    method : str
        The function that gave them.
    """

    _headline: ClassVar[tuple[str, ...]] = ("method", "n_jobs")

    names: AnyArray
    seeds: NDArray[np.int64]
    fields: tuple[str, ...]
    values: FloatArray
    method: str

    @property
    def n_jobs(self) -> int:
        """Number of jobs."""
        return len(self.names)

    def __getitem__(self, field: str) -> FloatArray:
        """One number of all jobs."""
        return np.asarray(self.values[self.fields.index(check.as_field(field, self.fields))])

    def _columns(self) -> dict[str, Any]:
        return {"name": self.names, "seed": self.seeds, **dict(zip(self.fields, self.values, strict=True))}

    def to_xarray(self) -> Any:
        """Give a Dataset with the dimension job."""
        xarray = require_extra("xarray", "xarray", "to_xarray")
        variables = {name: ("job", row) for name, row in zip(self.fields, self.values, strict=True)}
        return xarray.Dataset(variables, {"name": ("job", self.names), "seed": ("job", self.seeds)})


def open_sweep(store: str | os.PathLike[str]) -> Any:
    """Read what a sweep has found so far; at any time, also while others work on it.

    Parameters
    ----------
    store : path-like
        The sweep.

    Returns
    -------
    Pairwise, dict of str to Pairwise, or CapacityTable
        As :func:`neurogeom.pairwise` gives it, with the same bits; a dict if a list of metrics was planned.
        NaN where a tile is not finished.

    Raises
    ------
    FileNotFoundError
        If there is no such sweep.
    SweepError
        If a tile is damaged; it is named, and how to mend it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0).normal(size=(5, 20, 4))
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(data, "cka", store=store)
    >>> bool(np.isnan(ng.sweep.open(store).condensed).all())
    True
    >>> done = ng.sweep.run(store)
    >>> bool((ng.sweep.open(store).condensed == ng.pairwise(data, "cka").condensed).all())
    True
    """
    return results_of(Store(store))


def results_of(store: Store) -> Any:
    """Read what an opened store has found."""
    sweep = load_sweep(store)
    values = _assemble(store, len(sweep.fields), sweep.grid)
    if isinstance(sweep, CapacitySweep):
        seeds = np.array(sweep.jobs.seeds, dtype=np.int64)
        names = np.array([item["name"] for item in sweep.items])
        return CapacityTable(
            names=np.repeat(names, len(seeds)),
            seeds=np.tile(seeds, len(names)),
            fields=sweep.fields,
            values=values,
            method=sweep.jobs.name,
        )
    bad = _without_result(store, sweep, values)
    found = {
        metric.name: _pairwise(store, sweep, k, metric, values, bad) for k, metric in enumerate(sweep.metrics)
    }
    return next(iter(found.values())) if store.plan["single"] else found


def _without_result(store: Store, sweep: PairSweep, values: FloatArray) -> set[int]:
    """Numbers of the items whose data do not allow the analysis, also where the notes of that were lost."""
    bad = set(store.notes("errors"))
    if sweep.grid.among_themselves:
        started = {block for key in store.finished_tiles() for block in key}
        for block, (start, stop) in enumerate(sweep.grid.rows):
            for at in range(start, stop) if block in started else ():
                number = sweep.positions["rows"][at]
                if number not in bad and np.isnan(values[:, at]).all() and np.isnan(values[:, :, at]).all():
                    header = store.read_header(number)
                    if header is not None and header["error"] is not None:
                        bad.add(number)
    return bad


def _assemble(store: Store, n_fields: int, grid: Grid) -> FloatArray:
    """Put finished tiles in the places of their items."""
    sides = (grid.rows, grid.columns) if grid.columns else (grid.rows,)
    result = np.full((n_fields, *(side[-1][1] for side in sides)), np.nan)
    for run in _runs(key for key in store.finished_tiles() if _is_inside(key, sides)):
        tiles = store.read_run(run[0], len(run))
        for key, tile in zip(run, tiles, strict=True):
            blocks = [side[k] for k, side in zip(key, sides, strict=True)]
            # Blocks that are not full leave gaps in the stored array.
            values = tile[(slice(None), *(slice(stop - start) for start, stop in blocks))]
            result[(slice(None), *(slice(*block) for block in blocks))] = values
    return result


def _is_inside(key: TileKey, sides: Sequence[Sequence[tuple[int, int]]]) -> bool:
    """Say whether a tile is known; others are of an extension that is just being made."""
    return all(k < len(side) for k, side in zip(key, sides, strict=True))


def _runs(keys: Iterable[TileKey]) -> Iterator[list[TileKey]]:
    """Group tiles that are neighbours in a row: one call of Zarr takes as long as reading several."""
    run: list[TileKey] = []
    for key in sorted(keys):
        if run and (key != (*run[-1][:-1], run[-1][-1] + 1) or len(run) == _LONGEST_RUN):
            yield run
            run = []
        run.append(key)
    if run:
        yield run


def _pairwise(
    store: Store, sweep: PairSweep, k: int, metric: Metric, values: FloatArray, bad: set[int]
) -> Pairwise:
    fields = {name: values[at] for at, (owner, name) in enumerate(sweep.fields) if owner == k}
    if sweep.grid.among_themselves:
        for name, field in fields.items():
            if name not in NULL_FIELDS and metric.diagonal is not None:
                for at, number in enumerate(sweep.positions["rows"]):
                    field[at, at] = np.nan if number in bad else metric.diagonal
            if metric.symmetric:
                for i in range(len(field)):
                    field[i + 1 :, i] = field[i, i + 1 :]
    rows, columns = (
        np.array([sweep.items[number]["name"] for number in sweep.positions[side]])
        for side in ("rows", "columns")
    )
    return Pairwise(
        values=fields.pop("value"),
        names=rows,
        column_names=columns,
        metric=metric.name,
        is_similarity=metric.is_similarity,
        symmetric=metric.symmetric,
        n_stimuli=store.plan["stimuli"]["count"],
        is_square=sweep.grid.among_themselves,
        flags=metric.flags(values[sweep.fields.index((k, "value"))]),
        **fields,
    )


def export(store: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Write what a sweep has found to one file.

    Parameters
    ----------
    store : path-like
        The sweep.
    path : path-like
        ``.npz``: names and one matrix a metric and field. ``.npy``: the matrix of a single metric. ``.csv``:
        one line a pair and metric, or a job.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the ending is none of these, or .npy cannot hold it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> folder = tempfile.mkdtemp()
    >>> store = os.path.join(folder, "sweep.zarr")
    >>> plan = ng.sweep.plan(np.random.default_rng(0).normal(size=(5, 20, 4)), store=store)
    >>> done = ng.sweep.run(store)
    >>> np.load(ng.sweep.export(store, os.path.join(folder, "distances.npy"))).shape
    (5, 5)
    """
    target = Path(path)
    check.require_suffix(target.suffix, _SUFFIXES)
    found = open_sweep(store)
    if isinstance(found, Pairwise):
        found = {found.metric: found}
    if target.suffix == ".csv":
        with open(target, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(_rows(found))
    elif target.suffix == ".npy":
        check.require_single_matrix(isinstance(found, dict) and len(found) == 1)
        np.save(target, next(iter(found.values())).values)
    else:
        np.savez_compressed(target, **_arrays(found))
    return target


def _rows(found: Any) -> Iterator[list[Any]]:
    if isinstance(found, CapacityTable):
        table = found._columns()
        yield list(table)
        yield from zip(*(column.tolist() for column in table.values()), strict=True)
        return
    extra = [
        name for name in ("held_out", *NULL_FIELDS) if getattr(next(iter(found.values())), name) is not None
    ]
    yield ["metric", "row", "column", "value", *extra]
    for result in found.values():
        fields = [result.values, *(getattr(result, name) for name in extra)]
        for i, row in enumerate(result.names):
            start = i + 1 if result.is_square and result.symmetric else 0
            columns = [field[i, start:].tolist() for field in fields]
            for j, numbers in enumerate(zip(*columns, strict=True), start):
                if not (result.is_square and i == j):
                    yield [result.metric, row, result.column_names[j], *numbers]


def _arrays(found: Any) -> dict[str, Any]:
    if isinstance(found, CapacityTable):
        return found._columns()
    first = next(iter(found.values()))
    check.require_free_names(list(found), ("names", "column_names", "file"))
    arrays = {"names": first.names, "column_names": first.column_names}
    for name, result in found.items():
        arrays[name] = result.values
        for field in ("held_out", *NULL_FIELDS):
            if getattr(result, field) is not None:
                arrays[f"{name} {field}"] = getattr(result, field)
    return arrays
