"""What is measured of a sweep, what it may use, what it will cost, and how that is shown."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._base.checks import FloatArray
from .._base.codec import Trust
from .store import sweep_command

# A sweep should have many tiles, so that many workers finish together, but not so many that the overhead of
# each counts; one that takes seconds should still have a few.
_MANY_TILES, _LONG_ENOUGH, _SOME_TILES = 1000, 2.0, 32
# Memory of Dask's own code in a worker process, measured with distributed 2026.8.
_DASK_BYTES = 35e6


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a sweep may use."""

    max_ram: int
    max_files: int
    target_seconds: float
    n_threads: int

    def tile_seconds(self, total: float) -> float:
        """How long a tile should take, in a sweep that takes this long."""
        return min(self.target_seconds, max(total / _MANY_TILES, min(_LONG_ENOUGH, total / _SOME_TILES)))


@dataclasses.dataclass(frozen=True)
class Measurements:
    """What was measured on a few items and units, with one thread.

    Attributes
    ----------
    baseline : int
        Anonymous memory of a worker that has done nothing.
    preparing : int
        Memory beyond it while the largest item is prepared.
    pairing : int
        Memory beyond the prepared items while pairs are computed.
    sizes, seconds, records, reads, permuted : list
        Of the items that were prepared: numbers of values, processor seconds that each took (for jobs: that a
        job took), bytes that are kept, processor seconds to read them back, and processor seconds to prepare
        the item with its stimuli permuted (0 without permutations).
    pair_seconds, pair_error : float
        Processor seconds of a pair and their standard error.
    unusable : list of str
        What is wrong with items that could not be prepared.
    """

    baseline: int
    preparing: int
    pairing: int
    sizes: list[int]
    seconds: list[float]
    records: list[int]
    reads: list[float]
    permuted: list[float]
    pair_seconds: float = 0.0
    pair_error: float = 0.0
    unusable: list[str] = dataclasses.field(default_factory=list)

    def of_items(self, items: Sequence[Mapping[str, Any]], values: Sequence[float]) -> FloatArray:
        """Interpolate the measurements to items of other sizes."""
        known = sorted(set(self.sizes))
        means = [
            float(np.median([v for n, v in zip(self.sizes, values, strict=True) if n == k])) for k in known
        ]
        sizes = np.array([size_of(item) for item in items], dtype=float)
        found: FloatArray = np.interp(sizes, known, means)
        return found


def size_of(entry: Mapping[str, Any]) -> int:
    """Return how many values an item of a store has: rows times columns."""
    rows, columns = entry["shape"]
    return int(rows) * int(columns)


@dataclasses.dataclass(frozen=True)
class Work:
    """Costs of the units of a sweep (pairs or jobs), and of the items that they need.

    Attributes
    ----------
    n_units : int
        Number of units.
    seconds_per_unit : float
        Processor seconds per unit.
    unit_seconds : float
        Processor seconds of all units, including what is read for them.
    spread : float
        Relative standard error of `unit_seconds`.
    peak : float
        Most bytes of memory that a worker needs.
    bytes_read : int
        Bytes read if one worker does it all.
    prepare_seconds, prepared_bytes : float, int
        Processor seconds to prepare all items, and bytes that are kept of them.
    cache_bytes : int
        Memory for prepared items.
    """

    n_units: int
    seconds_per_unit: float
    unit_seconds: float
    spread: float
    peak: float
    bytes_read: int
    prepare_seconds: float = 0.0
    prepared_bytes: int = 0
    cache_bytes: int = 0


def describe(costs: Mapping[str, Any], store: str | None, what: str, trust: Trust) -> str:
    """Format the costs for people."""
    low, high = costs["core_hours_interval"]
    count = f"{costs['n_units']:,} {costs['unit']}s"
    lines = {
        "sweep": what,
        "work": f"{count}, {costs['seconds_per_unit'] * 1e3:.3g} ms each",
        "tiles": f"{costs['n_tiles']:,}, edge {costs['tile']}",
        "processor time": f"{_hours(costs['core_hours'])} ({_hours(low)} to {_hours(high)})",
        "read": f"{_bytes(costs['bytes_read'])} (inputs {_bytes(costs['input_bytes'])})",
        "written": f"{_bytes(costs['bytes_written'])} (prepared items {_bytes(costs['prepared_bytes'])})",
        "memory": (
            f"{_bytes(costs['peak_memory'])} at most per worker with {costs['n_threads']} thread(s); "
            f"{_bytes(_DASK_BYTES)} more on Dask"
        ),
    }
    if store is not None:
        lines["store"] = store
        lines["one machine"] = sweep_command("run", store, trust)
        lines["SLURM"] = sbatch_line(costs, store, trust)
    width = max(map(len, lines))
    return "\n".join(f"{key.ljust(width)}  {text}" for key, text in lines.items())


def sbatch_line(costs: Mapping[str, Any], store: str, trust: Trust) -> str:
    """Suggest a job array that takes about an hour."""
    threads = costs["n_threads"]
    workers = max(1, min(math.ceil(costs["core_hours_interval"][1] / threads), 256, costs["n_tiles"]))
    hours = math.ceil(2 * costs["core_hours_interval"][1] / threads / workers) or 1
    memory = math.ceil(1.25 * costs["peak_memory"] / 2**20 / 100) * 100
    command = (
        f"{sweep_command('work', store, trust)} --rank $SLURM_ARRAY_TASK_ID --of {workers} "
        f"--threads {threads} --stop-before 5m"
    )
    return (
        f"sbatch --array=0-{workers - 1} --cpus-per-task={threads} --mem={memory}M --time={hours}:00:00 "
        f"--wrap {shlex.quote(command)}"
    )


def _hours(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} core-hours"
    return f"{hours * 60:.1f} core-minutes" if hours * 60 >= 1 else f"{hours * 3600:.1f} core-seconds"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
