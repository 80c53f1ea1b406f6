"""The results of a sweep so far."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._base.checks import FloatArray
from ..pairs.tiles import TileKey
from .kinds import Kind, load_sweep
from .store import Store

_SUFFIXES = (".csv", ".npy", ".npz")
_LONGEST_RUN = 64  # tiles in memory at a time


def open_sweep(store: str | os.PathLike[str], *, trust: Sequence[str] = ()) -> Any:
    """Read the results of a sweep so far; at any time, even while others work on it.

    Parameters
    ----------
    store : path-like
        The sweep.
    trust : sequence of str, optional
        Packages and modules of yours whose metrics, kinds and functions the store may name, such as
        ``["my_package"]``. Nothing else is imported: otherwise, anyone who can write to the store could run
        any code in your process.

    Returns
    -------
    Pairwise, dict of str to Pairwise, CapacityTable, PredictionTable, or FewshotMatrices
        As from :func:`neurogeom.pairwise`, with the same bits; a dict if a list of metrics was planned.
        NaN where a tile is not finished. Your own kinds of sweeps return what they define.

    Raises
    ------
    FileNotFoundError
        If there is no such sweep.
    SweepError
        If a tile is damaged; the error names it and says how to repair it.
    ValueError
        If the store names something that is not trusted.

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
    found = Store(store, trust)
    sweep = load_sweep(found)
    return sweep.results(found, _assemble(found, sweep))


def _assemble(store: Store, sweep: Kind) -> FloatArray:
    """Put finished tiles in the places of their items."""
    sides = sweep.sides
    result = np.full((len(sweep.fields), *(side[-1][1] for side in sides)), np.nan)
    for run in _runs(key for key in store.finished_tiles() if _is_inside(key, sides)):
        tiles = store.read_run(run[0], len(run))
        for key, tile in zip(run, tiles, strict=True):
            blocks = [side[k] for k, side in zip(key, sides, strict=True)]
            # Blocks that are not full leave gaps in the stored array.
            values = tile[(slice(None), *(slice(stop - start) for start, stop in blocks))]
            result[(slice(None), *(slice(*block) for block in blocks))] = values
    return result


def _is_inside(key: TileKey, sides: Sequence[Sequence[tuple[int, int]]]) -> bool:
    """Return whether a tile is known; others belong to an extension that is just being added."""
    return all(k < len(side) for k, side in zip(key, sides, strict=True))


def _runs(keys: Iterable[TileKey]) -> Iterator[list[TileKey]]:
    """Group neighbouring tiles of a row: each call of Zarr takes as long as reading several tiles."""
    run: list[TileKey] = []
    for key in sorted(keys):
        if run and (key != (*run[-1][:-1], run[-1][-1] + 1) or len(run) == _LONGEST_RUN):
            yield run
            run = []
        run.append(key)
    if run:
        yield run


def export(store: str | os.PathLike[str], path: str | os.PathLike[str], *, trust: Sequence[str] = ()) -> Path:
    """Write the results of a sweep to one file.

    Parameters
    ----------
    store : path-like
        The sweep.
    path : path-like
        ``.npz``: names, and one matrix per metric and field. ``.npy``: the matrix of a single metric.
        ``.csv``: one line per pair and metric, or per job.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the extension is none of these, or .npy cannot hold the results.

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
    if target.suffix not in _SUFFIXES:
        raise ValueError(f"path must end in {', '.join(_SUFFIXES)}, not {target.suffix!r}")
    opened = Store(store, trust)
    sweep = load_sweep(opened)
    found = sweep.results(opened, _assemble(opened, sweep))
    if target.suffix == ".csv":
        with open(target, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(sweep.rows(found))
    elif target.suffix == ".npy":
        np.save(target, sweep.matrix(found))
    else:
        np.savez_compressed(target, **sweep.arrays(found))
    return target
