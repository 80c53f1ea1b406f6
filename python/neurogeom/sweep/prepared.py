"""Sweeps over pairs of items that are prepared once each: what such kinds share, above all their costs."""

from __future__ import annotations

import dataclasses
import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .._base.checks import as_size
from ..inference import Bootstrap, Draws, Permutations
from ..pairs.tiles import Blocks, Grid, TileKey
from ..representations.items import Item
from .calibration import ITEM_SECONDS, LONGEST_ITEMS, MEMORY_INTERVAL, spread
from .costs import Limits, Measurements, Work, size_of
from .errors import SweepError
from .items import open_described
from .journal import PeakMemory, anonymous_bytes
from .kinds import Kind, Parts, blocks_of_parts
from .store import npz_bytes, read_npz

# Seconds spent measuring pairs; the same by the clock, for metrics that wait; items and groups of these.
_PAIRING = 1.0
_LONGEST = 4 * _PAIRING
_FEWEST_ITEMS, _GROUPS = 6, 3
# Processor seconds to read a prepared item besides decoding it, and per byte from the system's cache; and for
# an item besides its preparation.
_PER_READ, _PER_BYTE = 0.0002, 2e-10
_PER_ITEM = 0.001
# Time to read the items of a tile as a share of the time for its pairs, where not all stay in memory.
_READING_SHARE = 0.1
_SAFETY = 0.9  # share of the memory that may be used


@dataclasses.dataclass(frozen=True)
class PreparedPairs(Kind):
    """A kind of sweep over pairs of prepared items: rows with columns, or rows with each other.

    Subclasses define, besides what every kind does, `prepare`, `encode` and `decode`, and `evaluate`.
    """

    positions: dict[str, list[int]]  # numbers of the items along each side

    unit: ClassVar[str] = "pair"
    prepares: ClassVar[bool] = True

    @abstractmethod
    def evaluate(self, rows: Sequence[Any], columns: Sequence[Any]) -> None:
        """Compute all pairs of prepared items with one thread, to measure what a pair costs."""

    def prepare_draw(self, item: Item, record: Any, number: int) -> None:
        """Prepare an item for a draw, given its record, to measure what that costs, for kinds with draws."""

    def numbers(self, side: str, block: int) -> list[int]:
        """Numbers of the items in a block."""
        start, stop = (self.grid.rows if side == "rows" else self.grid.columns)[block]
        return self.positions[side][start:stop]

    def items_of(self, key: TileKey) -> list[int]:
        """Numbers of the items of a tile, those of the rows first."""
        return list(dict.fromkeys([*self.numbers("rows", key[0]), *self.numbers("columns", key[1])]))

    # ---- costs

    def measure(self, folder: Path) -> Measurements:
        """Prepare items as workers do for some seconds, then compute pairs of them."""
        baseline = anonymous_bytes()
        prepared: list[Any] = []
        sizes: list[int] = []
        seconds: list[float] = []
        reads: list[float] = []
        permuted: list[float] = []
        records: list[int] = []
        unusable: list[str] = []
        preparing = 0
        for number in spread(self.items):
            if len(prepared) >= _FEWEST_ITEMS and sum(seconds) > ITEM_SECONDS:
                break
            try:
                took, peak, read, again, record = self._prepare_once(folder, number)
            except ValueError as error:  # as in a run, where everything that depends on it is NaN
                unusable.append(str(error))
                continue
            preparing = max(preparing, peak)
            if not prepared and took < ITEM_SECONDS:  # the first time takes longer
                took, _, read, again, record = self._prepare_once(folder, number)
            prepared.append(record)
            sizes.append(size_of(self.items[number]))
            seconds.append(took)
            reads.append(read)
            permuted.append(again)
            records.append(sum(array.nbytes for array in self.encode(record)[1].values()))
            if sum(seconds) > LONGEST_ITEMS and len(prepared) >= 2:
                break
        if not prepared:
            raise ValueError(unusable[0])
        kept = anonymous_bytes()
        memory = PeakMemory(MEMORY_INTERVAL)
        with memory.watching():
            pair_seconds, pair_error = _time_pairs(self, prepared)
        return Measurements(
            baseline,
            preparing,
            max(0, memory.peak - kept),
            sizes,
            seconds,
            records,
            reads,
            permuted,
            pair_seconds,
            pair_error,
            unusable,
        )

    def _prepare_once(self, folder: Path, number: int) -> tuple[float, int, float, float, Any]:
        """Prepare an item as a worker does.

        Returns processor seconds, memory, seconds to read it back and to prepare it permuted, and the record.
        """
        entry = self.items[number]
        kept = anonymous_bytes()
        memory = PeakMemory(MEMORY_INTERVAL)
        with memory.watching():
            start = time.thread_time()
            item, _ = open_described(entry, f"items[{number}] ({entry['name']!r})", folder)
            test = open_described(entry["test"], "test data", folder)[0] if "test" in entry else None
            record = self.prepare(item, test)
            _, arrays = self.encode(record)
            data = bytes(npz_bytes(arrays))
            took = time.thread_time() - start
            read_npz(data)  # workers read into memory that they have used before
            start = time.thread_time()
            read_npz(data)
            read = time.thread_time() - start
            start = time.thread_time()
            self.prepare_draw(item, record, number)
            permuted = time.thread_time() - start
        return took, memory.peak - kept, read, permuted, record

    def choose_edge(self, found: Measurements, limits: Limits) -> int:
        """Choose the edge of the tiles: worth a file each, not too costly to lose, and within memory."""
        draws = self._n_draws
        side = max(len(numbers) for numbers in self.positions.values())
        seconds = found.pair_seconds * (1 + draws) / limits.n_threads
        total = seconds * self._count_pairs()
        by_time = math.sqrt(limits.tile_seconds(total) / seconds)
        fewest = (
            side / math.sqrt(2 * limits.max_files) if self.grid.triangular else side / limits.max_files**0.5
        )
        records = found.of_items(self.items, [float(size) for size in found.records])
        if float(records.sum()) > _room(found, limits):
            by_time = max(by_time, self._seconds_to_read(found) / (_READING_SHARE * seconds))
        if draws:  # each column of a tile is prepared for each draw
            by_time = max(by_time, draws * self._mean(found, found.permuted) / (_READING_SHARE * seconds))
        edge = max(1, min(int(by_time), side))
        edge = max(edge - edge % 8, min(edge, 8), math.ceil(fewest))
        return max(1, min(edge, self._fitting_edge(found, limits)))

    def work(self, found: Measurements, limits: Limits, input_bytes: int) -> Work:
        """Estimate what items and pairs will cost, and refuse tiles that do not fit into memory."""
        draws, grid = self._n_draws, self.grid
        records = found.of_items(self.items, [float(size) for size in found.records])
        values = _value_bytes(self._n_values, grid.edge)
        room = _room(found, limits) - values
        largest = max(found.records)
        blocks = 2 * grid.edge * largest
        if blocks > room:
            raise SweepError(
                f"does not fit: a tile of edge {grid.edge} needs {as_size(blocks)} for two blocks of "
                f"prepared items (largest {as_size(largest)}), but max_ram={as_size(limits.max_ram)} leaves "
                f"{as_size(max(room, 0))}: raise max_ram, or use a smaller tile"
            )
        kept = min(float(records.sum()), room)
        pairing = found.pairing * limits.n_threads + values
        if draws:  # the columns as they are, and as drawn
            raw = max(8 * item["shape"][0] * item["shape"][1] for item in self.items)
            pairing += grid.edge * (raw + largest)
        tiles = grid.tiles()
        n_units = sum(grid.count(key) for key in tiles)
        columns = sum(_columns_of(grid, key) for key in tiles)
        loads = _loads(grid, float(records.mean()), kept, len(self.items))
        seconds = n_units * found.pair_seconds * (1 + draws)
        seconds += draws * columns * self._mean(found, found.permuted)
        return Work(
            n_units=n_units,
            seconds_per_unit=seconds / n_units,
            unit_seconds=seconds + loads * self._seconds_to_read(found),
            spread=found.pair_error / found.pair_seconds,
            peak=found.baseline + kept + max(pairing, found.preparing * limits.n_threads),
            bytes_read=input_bytes + int(loads * float(records.mean())),
            prepare_seconds=len(self.items) * (self._mean(found, found.seconds) + _PER_ITEM),
            prepared_bytes=int(records.sum()),
            cache_bytes=int(room),  # more than all items take now: a sweep may be extended
        )

    def _seconds_to_read(self, found: Measurements) -> float:
        """Processor seconds to read back a prepared item."""
        size = self._mean(found, [float(size) for size in found.records])
        return _PER_READ + self._mean(found, found.reads) + _PER_BYTE * size

    def _mean(self, found: Measurements, values: Sequence[float]) -> float:
        """Estimate the mean over all items from those that were measured."""
        return float(found.of_items(self.items, values).mean())

    def _fitting_edge(self, found: Measurements, limits: Limits) -> int:
        """The longest edge that memory allows: two blocks of records, and the values of a tile."""
        room = _room(found, limits)
        record, fields = max(found.records), self._n_values
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

    @property
    def _n_draws(self) -> int:
        """How often a pair is computed besides once."""
        draws = draws_of(self.plan)
        return (draws.null.count if draws.null else 0) + draws.n_kept

    @property
    def _n_values(self) -> int:
        """Fields of a pair, as memory counts them: draws of a bootstrap are kept until it is done."""
        kept = draws_of(self.plan).n_kept
        return len(self.fields) + (kept * sum(name == "value" for _, name in self.fields) if kept else 0)

    def _count_pairs(self) -> int:
        rows, columns = (len(self.positions[side]) for side in ("rows", "columns"))
        if not self.grid.triangular:
            return rows * columns
        return rows * (rows - 1) // 2 if self.grid.skip_diagonal else rows * (rows + 1) // 2


def draws_of(plan: Mapping[str, Any]) -> Draws:
    """Return the permutations and resamples of a plan."""
    null, bootstrap = plan["null"], plan.get("bootstrap")  # stores of version 0.1 know nothing of it
    return Draws(
        Permutations(null, plan["key"]) if null else None,
        Bootstrap(key=plan["key"], **bootstrap) if bootstrap else None,
    )


def split_parts(parts: Parts, edge: int) -> tuple[list[dict[str, Any]], dict[str, list[int]], Blocks, Blocks]:
    """Return all items, the numbers of those along each side, and the blocks of both sides."""
    items = [item for part in parts for item in part]
    positions: dict[str, list[int]] = {"rows": [], "columns": []}
    for number, item in enumerate(items):
        positions[item["side"]].append(number)
    sides = [[sum(item["side"] == side for item in part) for part in parts] for side in positions]
    rows, columns = (blocks_of_parts(counts, edge) for counts in sides)
    return items, positions, rows, columns


def require_items_that_fit(items: Sequence[Item], whole: Sequence[str], max_ram: int) -> None:
    """Refuse items that could not even be measured: too large to read whole, or with too many stimuli.

    `whole` names what reads an item whole.
    """
    for item in items:
        in_blocks = item.is_large and not whole
        width = min(item.n_stimuli, item.n_units)
        # As float64, with a working copy; for items read in blocks, the inner products of stimuli.
        least = 2 * 8 * item.n_stimuli * (width if in_blocks else item.n_units)
        if least > max_ram:
            why = "" if in_blocks or not whole else f": {', '.join(whole)} reads items whole"
            raise SweepError(
                f"does not fit: preparing {item.label} takes at least {as_size(least)}{why}, but "
                f"max_ram={as_size(max_ram)}: raise max_ram"
            )


def _time_pairs(sweep: PreparedPairs, prepared: Sequence[Any]) -> tuple[float, float]:
    """Processor seconds of a pair, and their standard error over groups of rows.

    Half of the items with the other half, as a full rectangle, like most tiles.
    """
    half = max(1, len(prepared) // 2)
    columns = list(prepared[half:]) or list(prepared)  # of one item: itself
    groups = [group for group in np.array_split(np.arange(half), _GROUPS) if len(group)]
    times, pairs = np.zeros(len(groups)), np.zeros(len(groups))
    begin, clock = time.thread_time(), time.monotonic()
    while True:
        for k, group in enumerate(groups):
            start = time.thread_time()
            sweep.evaluate([prepared[i] for i in group], columns)
            times[k] += time.thread_time() - start
            pairs[k] += len(group) * len(columns)
        if time.thread_time() - begin > _PAIRING or time.monotonic() - clock > _LONGEST:
            break
    rate = times.sum() / pairs.sum()
    used = len(groups)
    residuals = times - rate * pairs
    error = float(np.sqrt((residuals**2).sum() * used / max(used - 1, 1)) / pairs.sum())
    return float(rate), error


def _room(found: Measurements, limits: Limits) -> float:
    """Memory left for prepared items, besides the work under way."""
    return _SAFETY * limits.max_ram - found.baseline - max(found.pairing, found.preparing) * limits.n_threads


def _value_bytes(n_fields: int, edge: int) -> int:
    return (3 * n_fields + 4) * edge**2 * 8  # as products, as values, as a chunk; masks and gaps


def _columns_of(grid: Grid, key: TileKey) -> int:
    start, stop = grid.columns[key[1]]
    return stop - start


def _loads(grid: Grid, record: float, cache: float, n_items: int) -> int:
    """How often a prepared item is read back by one process that prepares all items and does all tiles."""
    if n_items * record <= cache * (1 + 1e-9):
        return 0
    # The block of rows stays in memory while its tiles are done, back and forth, so that turning reads no
    # block again; in a triangle, the row's own block is the first or last of its columns.
    columns = sum(_columns_of(grid, key) for key in grid.tiles())
    return columns - (len(grid.rows) - 1) * grid.edge + (0 if grid.triangular else n_items)
