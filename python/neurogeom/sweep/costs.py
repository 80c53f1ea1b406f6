"""From measurements of a few items and pairs to the costs of a sweep, and the edge of its tiles."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..metrics.base import Metric, streams
from ..pairs.tiles import Grid
from ..representations.representation import Item
from . import errors as check
from .calibration import Measurements
from .kinds import CapacitySweep, PairSweep, Sweep

# Processor seconds of what is done for a tile beside its pairs: markers, the chunk, a line of the journal.
_PER_TILE = 0.004
# Of what is done to read a prepared item beside taking it apart, and seconds a byte from the system's cache.
_PER_READ, _PER_BYTE = 0.0002, 2e-10
# Of what is done for an item beside its preparation.
_PER_ITEM = 0.001
# A sweep should have so many tiles, so that many workers end together, but not such that what is done for
# each counts; one that takes seconds should still have some.
_MANY_TILES, _LONG_ENOUGH, _SOME_TILES = 1000, 2.0, 32
# Time to read the items of a tile, as a share of that of its pairs, where they do not all stay in memory.
_READING_SHARE = 0.1
# What neither the spread of the measurements nor the model knows: clocks, caches, neighbours on the machine.
_UNKNOWN = 0.15
_SAFETY = 0.9
# What Dask's own code takes in a worker process, measured with distributed 2026.8.
_DASK_BYTES = 35e6


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a sweep may use."""

    max_ram: int
    max_files: int
    target_seconds: float
    n_threads: int


def require_items_that_fit(items: Sequence[Item], metrics: Sequence[Metric], max_ram: int) -> None:
    """Refuse items that could not even be measured: too large to be read whole, or of too many stimuli."""
    whole = [metric.name for metric in metrics if not streams(metric)]
    for item in items:
        in_blocks = item.is_large and not whole
        width = min(item.n_stimuli, item.n_units)
        # As float64, and a copy to work on; of those in blocks what inner products of stimuli take.
        least = 2 * 8 * item.n_stimuli * (width if in_blocks else item.n_units)
        check.require_item_fits(least <= max_ram, item.label, least, max_ram, [] if in_blocks else whole)


def choose_edge(sweep: Sweep, found: Measurements, limits: Limits, n_permutations: int) -> int:
    """Choose the edge of the tiles: worth a file each, not too long to lose, and within memory."""
    if isinstance(sweep, CapacitySweep):
        jobs = len(sweep.items) * len(sweep.jobs.seeds)
        seconds = float(found.of_sizes(_sizes(sweep), found.seconds).mean()) / limits.n_threads
        wanted = _target(jobs * seconds, limits) / seconds
        return max(1, min(int(wanted), jobs), math.ceil(jobs / limits.max_files))
    side = max(len(numbers) for numbers in sweep.positions.values())
    seconds = found.pair_seconds * (1 + n_permutations) / limits.n_threads
    total = seconds * _count_pairs(sweep)
    by_time = math.sqrt(_target(total, limits) / seconds)
    fewest = side / math.sqrt(2 * limits.max_files) if sweep.grid.triangular else side / limits.max_files**0.5
    records = found.of_sizes(_sizes(sweep), [float(size) for size in found.records])
    if float(records.sum()) > _room(found, limits):
        by_time = max(by_time, _seconds_to_read(sweep, found) / (_READING_SHARE * seconds))
    if n_permutations:  # each column of a tile is prepared for each permutation
        by_time = max(
            by_time, n_permutations * _mean(sweep, found, found.permuted) / (_READING_SHARE * seconds)
        )
    edge = max(1, min(int(by_time), side))
    edge = max(edge - edge % 8, min(edge, 8), math.ceil(fewest))
    return max(1, min(edge, _fitting_edge(sweep, found, limits)))


def _target(total: float, limits: Limits) -> float:
    return min(limits.target_seconds, max(total / _MANY_TILES, min(_LONG_ENOUGH, total / _SOME_TILES)))


def _seconds_to_read(sweep: Sweep, found: Measurements) -> float:
    """Processor seconds to read back a prepared item."""
    size = _mean(sweep, found, [float(size) for size in found.records])
    return _PER_READ + _mean(sweep, found, found.reads) + _PER_BYTE * size


def _mean(sweep: Sweep, found: Measurements, values: Sequence[float]) -> float:
    """What was measured of some items, as the mean over all."""
    return float(found.of_sizes(_sizes(sweep), values).mean())


def _fitting_edge(sweep: PairSweep, found: Measurements, limits: Limits) -> int:
    """The longest edge that memory allows: two blocks of records, and the values of a tile."""
    room = _room(found, limits)
    record, fields = max(found.records), len(sweep.fields)
    edge = 1
    while 2 * 2 * edge * record + _value_bytes(fields, 2 * edge) <= room:
        edge *= 2
    low, high = edge, 2 * edge
    while high - low > 1:
        middle = (low + high) // 2
        if 2 * middle * record + _value_bytes(fields, middle) <= room:
            low = middle
        else:
            high = middle
    return low


def _room(found: Measurements, limits: Limits) -> float:
    """What is left for prepared items, beside whatever is being done."""
    return _SAFETY * limits.max_ram - found.baseline - max(found.pairing, found.preparing) * limits.n_threads


def _value_bytes(n_fields: int, edge: int) -> int:
    return (3 * n_fields + 4) * edge**2 * 8  # as products, as values, as a chunk; masks and gaps


def _count_pairs(sweep: PairSweep) -> int:
    rows, columns = (len(sweep.positions[side]) for side in ("rows", "columns"))
    if not sweep.grid.triangular:
        return rows * columns
    return rows * (rows - 1) // 2 if sweep.grid.skip_diagonal else rows * (rows + 1) // 2


def _sizes(sweep: Sweep) -> list[int]:
    return [int(item["shape"][1]) for item in sweep.items]


@dataclasses.dataclass(frozen=True)
class _Work:
    """Costs of the units of a sweep, that is pairs or jobs, and of the items that they need."""

    unit: str
    n_units: int
    seconds_per_unit: float
    unit_seconds: float
    spread: float  # relative standard error of the seconds
    peak: float
    bytes_read: int
    prepare_seconds: float = 0.0
    prepared_bytes: int = 0
    cache_bytes: int = 0


def estimate(
    sweep: Sweep, grid: Grid, found: Measurements, limits: Limits, n_permutations: int, input_bytes: int
) -> dict[str, Any]:
    """Estimate what the sweep will cost, and refuse one that does not fit into memory."""
    n_tiles = len(grid.tiles())
    if isinstance(sweep, CapacitySweep):
        work = _of_jobs(sweep, found, input_bytes)
        tile = grid.edge
    else:
        work = _of_pairs(sweep, grid, found, limits, n_permutations, input_bytes)
        tile = grid.edge**2
    check.require_memory(
        work.peak <= limits.max_ram, work.peak, limits.max_ram, found.baseline, found.preparing
    )
    seconds = work.prepare_seconds + work.unit_seconds + n_tiles * _PER_TILE
    margin = 1 + _UNKNOWN + 2 * work.spread
    return {
        "n_tiles": n_tiles,
        "tile": grid.edge,
        "n_units": work.n_units,
        "unit": work.unit,
        "seconds_per_unit": work.seconds_per_unit,
        "prepare_seconds": work.prepare_seconds,
        "unit_seconds": work.unit_seconds,
        "core_hours": seconds / 3600,
        "core_hours_interval": [seconds / margin / 3600, seconds * margin / 3600],
        "n_threads": limits.n_threads,
        "max_ram": limits.max_ram,
        "peak_memory": int(work.peak),
        "cache_bytes": work.cache_bytes,
        "input_bytes": input_bytes,
        "prepared_bytes": work.prepared_bytes,
        "bytes_read": work.bytes_read,
        "bytes_written": work.prepared_bytes + n_tiles * len(sweep.fields) * tile * 8,
    }


def _of_jobs(sweep: CapacitySweep, found: Measurements, input_bytes: int) -> _Work:
    per_item = found.of_sizes(_sizes(sweep), found.seconds)
    n_seeds = len(sweep.jobs.seeds)
    return _Work(
        unit="job",
        n_units=len(sweep.items) * n_seeds,
        seconds_per_unit=float(per_item.mean()),
        unit_seconds=float(per_item.sum()) * n_seeds,
        spread=float(per_item.std() / per_item.mean() / math.sqrt(len(found.seconds))),
        peak=found.baseline + found.preparing,
        bytes_read=input_bytes * n_seeds,
    )


def _of_pairs(
    sweep: PairSweep,
    grid: Grid,
    found: Measurements,
    limits: Limits,
    n_permutations: int,
    input_bytes: int,
) -> _Work:
    records = found.of_sizes(_sizes(sweep), [float(size) for size in found.records])
    values = _value_bytes(len(sweep.fields), grid.edge)
    room = _room(found, limits) - values
    blocks = 2 * grid.edge * max(found.records)
    check.require_room(blocks <= room, blocks, room, grid.edge, limits.max_ram, max(found.records))
    kept = min(float(records.sum()), room)
    pairing = found.pairing * limits.n_threads + values
    if n_permutations:  # the columns as they are, and prepared anew
        raw = max(8 * item["shape"][0] * item["shape"][1] for item in sweep.items)
        pairing += grid.edge * (raw + max(found.records))
    tiles = grid.tiles()
    n_units = sum(grid.count(key) for key in tiles)
    columns = sum(_columns_of(grid, key) for key in tiles)
    loads = _loads(grid, float(records.mean()), kept, len(sweep.items))
    seconds = n_units * found.pair_seconds * (1 + n_permutations)
    seconds += n_permutations * columns * _mean(sweep, found, found.permuted)
    return _Work(
        unit="pair",
        n_units=n_units,
        seconds_per_unit=seconds / n_units,
        unit_seconds=seconds + loads * _seconds_to_read(sweep, found),
        spread=found.pair_error / found.pair_seconds,
        peak=found.baseline + kept + max(pairing, found.preparing * limits.n_threads),
        bytes_read=input_bytes + int(loads * float(records.mean())),
        prepare_seconds=len(sweep.items) * (_mean(sweep, found, found.seconds) + _PER_ITEM),
        prepared_bytes=int(records.sum()),
        cache_bytes=int(room),  # more than all items take now: a sweep may be extended
    )


def _columns_of(grid: Grid, key: Sequence[int]) -> int:
    start, stop = grid.columns[key[1]]
    return stop - start


def _loads(grid: Grid, record: float, cache: float, n_items: int) -> int:
    """How often a prepared item is read back by one process that prepares all and goes through all tiles."""
    if n_items * record <= cache * (1 + 1e-9):
        return 0
    # The block of rows stays while its tiles are gone through, forth and back, so that turning reads no block
    # anew; of a triangle the row's own block is the first or last of its columns.
    columns = sum(_columns_of(grid, key) for key in grid.tiles())
    return columns - (len(grid.rows) - 1) * grid.edge + (0 if grid.triangular else n_items)


def describe(costs: Mapping[str, Any], store: str | None, what: str) -> str:
    """Write the costs for people."""
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
            f"{_bytes(costs['peak_memory'])} at most, each worker of {costs['n_threads']} thread(s); "
            f"{_bytes(_DASK_BYTES)} more on Dask"
        ),
    }
    if store is not None:
        lines["store"] = store
        lines["one machine"] = f"neurogeom sweep run {shlex.quote(store)}"
        lines["SLURM"] = sbatch_line(costs, store)
    width = max(map(len, lines))
    return "\n".join(f"{key.ljust(width)}  {text}" for key, text in lines.items())


def sbatch_line(costs: Mapping[str, Any], store: str) -> str:
    """Suggest a job array that takes about an hour."""
    threads = costs["n_threads"]
    workers = max(1, min(math.ceil(costs["core_hours_interval"][1] / threads), 256, costs["n_tiles"]))
    hours = math.ceil(2 * costs["core_hours_interval"][1] / threads / workers) or 1
    memory = math.ceil(1.25 * costs["peak_memory"] / 2**20 / 100) * 100
    command = (
        f"neurogeom sweep work {shlex.quote(store)} --rank $SLURM_ARRAY_TASK_ID --of {workers} "
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
