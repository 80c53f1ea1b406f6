"""Measures what a sweep will cost, in a process of its own: as fast and as large as a worker will be."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .._base.checks import FloatArray
from .._base.codec import size_of
from .._base.threads import single_threaded_blas
from ..metrics.base import Prepared, Tile, evaluate, prepare_item
from . import errors as check
from .drafts import read_draft
from .items import open_described
from .journal import PeakMemory, anonymous_bytes
from .kinds import CapacitySweep, PairSweep
from .pairs import encode_prepared
from .store import npz_bytes, read_npz, require_zarr

# Seconds that preparations and pairs are measured for, at least if there are enough of them.
_PREPARING, _PAIRING = 1.5, 1.0
_MOST_ITEMS = 64
_FEWEST_ITEMS = 6
_GROUPS = 3
_JOBS = 4
_LONGEST = 4 * _PAIRING  # on the clock, for metrics that wait
_OFTEN = 0.002  # seconds between looks at the memory in use


@dataclasses.dataclass(frozen=True)
class Measurements:
    """What was measured of a few items and pairs, one thread at a time.

    Attributes
    ----------
    baseline : int
        Anonymous memory of a worker that has done nothing.
    preparing : int
        Memory beyond it while the largest item is prepared.
    pairing : int
        Memory beyond the prepared items while pairs are computed.
    sizes, seconds, records, reads, permuted : list
        Numbers of units of the items that were prepared, processor seconds that each took (for jobs: that a
        job took), bytes of what is kept, processor seconds to read that back and
        to prepare the item with its stimuli permuted (0 where that is not asked for).
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

    def of_sizes(self, sizes: Sequence[int], values: Sequence[float]) -> FloatArray:
        """Interpolate what was measured to items of these numbers of units."""
        known = sorted(set(self.sizes))
        means = [
            float(np.median([v for n, v in zip(self.sizes, values, strict=True) if n == k])) for k in known
        ]
        found: FloatArray = np.interp(np.asarray(sizes, dtype=float), known, means)
        return found


def calibrate(folder: Path) -> Measurements:
    """Measure a draft in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-c", f"from {__name__} import main; main()", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise check.failed_calibration(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    if "error" in found:
        raise check.failed_measurement(found["error"])
    return Measurements(**found)


def measure(folder: Path) -> Measurements:
    """Measure a draft in this process."""
    with suppress(ImportError):  # a plan without store does without; its memory counts where there is one
        require_zarr()
    sweep = read_draft(folder)
    with single_threaded_blas():
        if isinstance(sweep, CapacitySweep):
            return _measure_jobs(sweep, folder)
        return _measure_pairs(sweep, folder)


def _measure_pairs(sweep: PairSweep, folder: Path) -> Measurements:
    baseline = anonymous_bytes()
    prepared: list[Prepared] = []
    sizes: list[int] = []
    seconds: list[float] = []
    reads: list[float] = []
    permuted: list[float] = []
    records: list[int] = []
    unusable: list[str] = []
    preparing = 0
    for number in _spread(sweep.items):
        if len(prepared) >= _FEWEST_ITEMS and sum(seconds) > _PREPARING:
            break
        try:
            took, peak, read, again, record = _prepare_once(sweep, folder, number)
        except ValueError as error:  # as in a run, where what depends on it is NaN
            unusable.append(str(error))
            continue
        preparing = max(preparing, peak)
        if not prepared and took < _PREPARING:  # the first time something is done takes longer
            took, _, read, again, record = _prepare_once(sweep, folder, number)
        prepared.append(record)
        sizes.append(int(sweep.items[number]["shape"][1]))
        seconds.append(took)
        reads.append(read)
        permuted.append(again)
        records.append(sum(size_of(part) for part in record.values()))
        if sum(seconds) > 20 * _PREPARING and len(prepared) >= 2:
            break
    check.require_usable(bool(prepared), unusable)
    kept = anonymous_bytes()
    memory = PeakMemory(_OFTEN)
    with memory.watching():
        pair_seconds, pair_error = _time_pairs(sweep, prepared)
    pairing = max(0, memory.peak - kept)
    return Measurements(
        baseline,
        preparing,
        pairing,
        sizes,
        seconds,
        records,
        reads,
        permuted,
        pair_seconds,
        pair_error,
        unusable,
    )


def _prepare_once(sweep: PairSweep, folder: Path, number: int) -> tuple[float, int, float, float, Prepared]:
    """Prepare an item as a worker does.

    Gives processor seconds, memory, seconds to read it back and to prepare it permuted, and the record.
    """
    entry = sweep.items[number]
    kept = anonymous_bytes()
    memory = PeakMemory(_OFTEN)
    with memory.watching():
        start = time.thread_time()
        item, _ = open_described(entry, f"items[{number}] ({entry['name']!r})", folder)
        test = open_described(entry["test"], "test data", folder)[0] if "test" in entry else None
        record = prepare_item(sweep.metrics, item, test)
        _, arrays = encode_prepared(sweep.metrics, record, sweep.held_out)
        data = bytes(npz_bytes(arrays))
        took = time.thread_time() - start
        read_npz(data)  # workers read into memory that they have had before
        start = time.thread_time()
        read_npz(data)
        read = time.thread_time() - start
        start = time.thread_time()
        if sweep.permutations is not None:
            order = sweep.permutations.order(item.n_stimuli, number, 0)
            prepare_item(sweep.metrics, item.reordered(order))
        permuted = time.thread_time() - start
    return took, memory.peak - kept, read, permuted, record


def _spread(items: Sequence[Mapping[str, Any]]) -> list[int]:
    """Numbers of items: the largest first, then such that any first few are spread over all sizes."""
    order = sorted(range(len(items)), key=lambda k: (int(items[k]["shape"][1]), k))
    count = min(len(order), _MOST_ITEMS)
    ranks = np.linspace(len(order) - 1, 0, count).round().astype(int)
    # A fixed shuffle, so that the same draft is always measured by the same items.
    rest = np.random.default_rng(0).permutation(ranks[1:])
    return [order[k] for k in [ranks[0], *rest]]


def _time_pairs(sweep: PairSweep, prepared: Sequence[Prepared]) -> tuple[float, float]:
    """Processor seconds of a pair, and their standard error over groups of rows.

    Half of the items with the other half: full rectangles, as most tiles are.
    """
    half = max(1, len(prepared) // 2)
    columns = list(prepared[half:]) or list(prepared)  # of one item: itself
    groups = [group for group in np.array_split(np.arange(half), _GROUPS) if len(group)]
    times, pairs = np.zeros(len(groups)), np.zeros(len(groups))
    begin, clock = time.thread_time(), time.monotonic()
    while True:
        for k, group in enumerate(groups):
            start = time.thread_time()
            where = np.ones((len(group), len(columns)), dtype=bool)
            tile = Tile([prepared[i] for i in group], columns, where, 1)
            found = evaluate(sweep.metrics, tile, held_out=sweep.held_out)
            for metric, values in zip(sweep.metrics, found, strict=False):
                metric.finish(values)
            times[k] += time.thread_time() - start
            pairs[k] += where.size
        if time.thread_time() - begin > _PAIRING or time.monotonic() - clock > _LONGEST:
            break
    rate = times.sum() / pairs.sum()
    used = len(groups)
    residuals = times - rate * pairs
    error = float(np.sqrt((residuals**2).sum() * used / max(used - 1, 1)) / pairs.sum())
    return float(rate), error


def _measure_jobs(sweep: CapacitySweep, folder: Path) -> Measurements:
    baseline = anonymous_bytes()
    memory = PeakMemory(_OFTEN)
    sizes: list[int] = []
    seconds: list[float] = []
    unusable: list[str] = []
    with memory.watching():
        for number in _spread(sweep.items)[: _JOBS * 4]:
            if (len(sizes) >= _JOBS and sum(seconds) > _PREPARING) or sum(seconds) > 20 * _PREPARING:
                break
            start = time.thread_time()
            entry = sweep.items[number]
            label = f"items[{number}] ({entry['name']!r})"
            item, _ = open_described(entry, label, folder)
            try:
                _, reason, _ = sweep.jobs.run(item, sweep.jobs.seeds[0], sweep.fields, 1)
            except ValueError as error:
                unusable.append(str(error))
                continue
            if reason:
                unusable.append(f"{label}: {reason}")
            del item
            seconds.append(time.thread_time() - start)
            sizes.append(int(entry["shape"][1]))
    check.require_usable(bool(sizes), unusable)
    preparing = memory.peak - baseline
    return Measurements(baseline, preparing, 0, sizes, seconds, [], [], [], unusable=unusable)


def main() -> None:
    """Print the measurements of the draft that the command line names, or what is wrong, as JSON."""
    try:
        result = dataclasses.asdict(measure(Path(sys.argv[1])))
    except (TypeError, ValueError, RuntimeError) as error:
        result = {"error": str(error) or repr(error)}
    print(json.dumps(result))
