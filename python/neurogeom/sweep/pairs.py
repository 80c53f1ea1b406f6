"""Sweeps over pairs of items, by some metrics."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .._base.checks import AnyArray, FloatArray, as_size
from .._base.codec import Trust, decode, encode
from .._base.threads import single_threaded_blas
from ..inference import NULL_FIELDS, Permutations
from ..metrics import GULP, LinearR2, Ridge, as_metric
from ..metrics.base import Metric, Prepared, Tile, evaluate, parts_of, prepare_item
from ..pairs.driver import held_out_items
from ..pairs.evaluation import pair_fields, pair_tile, require_stimuli_in_rows
from ..pairs.result import Pairwise
from ..pairs.tiles import Grid, TileKey, fill_known
from ..representations import checks as _validate_pairwise
from ..representations.items import Item, require_comparable
from .calibration import ITEM_SECONDS, LONGEST_ITEMS, MEMORY_INTERVAL, spread
from .costs import Limits, Measurements, Work
from .errors import SweepError
from .items import open_described, require_stimuli_of_sweep
from .journal import PeakMemory, anonymous_bytes
from .kinds import Arrays, Asked, ItemTests, Kind, Parts, Report, blocks_of_parts, register
from .specs import describe_metric, make_metric
from .store import Store, npz_bytes, read_npz

# Metrics whose numbers differ from version 0.1.0, at least where units are weak.
_CHANGED = (GULP, LinearR2, Ridge)
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
class PairSweep(Kind):
    """All pairs of items (rows with columns, or rows with each other), by some metrics."""

    metrics: list[Metric]
    positions: dict[str, list[int]]  # numbers of the items along each side

    unit: ClassVar[str] = "pair"
    options: ClassVar[tuple[str, ...]] = ("others", "test", "null")
    prepares: ClassVar[bool] = True

    @classmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""
        return isinstance(metric, (str, Metric, list, tuple))

    @classmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check metrics and items, and record how to recreate the metrics."""
        metrics = _metrics_of(asked)
        for each in metrics if asked.null else ():
            require_stimuli_in_rows(each)
        _validate_pairwise.require_items(len(metrics), "metric")
        _validate_pairwise.require_distinct([item.name for item in metrics], "the names of the metrics")
        specs = []
        for k, each in enumerate(metrics):
            own: dict[str, AnyArray] = {}
            specs.append(describe_metric(each, own))
            arguments.update({f"{k}/{name}": array for name, array in own.items()})
        _validate_pairwise.require_items(len(asked.rows), "items", 2 if asked.columns is None else 1)
        if asked.columns is not None:
            _validate_pairwise.require_items(len(asked.columns), "others")
        require_comparable(asked.rows + (asked.columns or []))
        return {"metrics": specs, "single": not isinstance(asked.metric, (list, tuple))}

    @classmethod
    def tests_of(cls, asked: Asked) -> ItemTests:
        """Open held-out data, and refuse items that could not be measured."""
        metrics = _metrics_of(asked)
        tests = held_out_items(asked.test, asked.rows, asked.columns, metrics)
        _require_items_that_fit(asked.rows + (asked.columns or []), metrics, asked.max_ram)
        return tests

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> PairSweep:
        """Make the sweep of a plan."""
        items = [item for part in parts for item in part]
        edge = int(plan["tile"])
        metrics = [make_metric(spec, _of(arguments, k), trust) for k, spec in enumerate(plan["metrics"])]
        positions: dict[str, list[int]] = {"rows": [], "columns": []}
        for number, item in enumerate(items):
            positions[item["side"]].append(number)
        sides = [[sum(item["side"] == side for item in part) for part in parts] for side in positions]
        rows, columns = (blocks_of_parts(counts, edge) for counts in sides)
        if not plan["others"]:
            positions["columns"] = positions["rows"]
        grid = Grid.of_pairs(metrics, edge, rows, columns if plan["others"] else None)
        return cls(plan, items, grid, metrics, positions)

    @property
    def held_out(self) -> bool:
        """Whether the items have held-out data."""
        return bool(self.plan["held_out"])

    @property
    def permutations(self) -> Permutations | None:
        """The permutations of the stimuli, if the plan has any."""
        return Permutations(self.plan["null"], self.plan["key"]) if self.plan["null"] else None

    @property
    def what(self) -> str:
        """Which metrics."""
        return ", ".join(metric.name for metric in self.metrics)

    @property
    def fields(self) -> list[tuple[int, str]]:
        """The metric and the number that each field of a tile holds."""
        return pair_fields(self.metrics, self.held_out, self.plan["null"])

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Check held-out data, if the sweep uses them."""
        if (test is not None) != self.held_out:
            has = "has" if self.held_out else "has no"
            raise ValueError(
                f"the sweep {has} test data, so new items must "
                f"{'have them too' if self.held_out else 'not have any'}"
            )
        tests, _ = held_out_items(test, new, None, self.metrics)
        for item in tests or []:
            require_stimuli_of_sweep(item, self.items[0]["test"]["shape"][0], None)
        return tests

    def has_numbers_of(self, version: str) -> bool:
        """Return whether a sweep begun by another version may be resumed: all numbers are the same."""
        changed = self.held_out or self.plan["null"] or any(isinstance(m, _CHANGED) for m in self.metrics)
        return version == "0.1.0" and not changed

    # ---- items

    def prepare(self, item: Item, test: Item | None) -> Prepared:
        """Compute what the metrics need of an item."""
        with single_threaded_blas():
            return prepare_item(self.metrics, item, test)

    def encode(self, prepared: Prepared) -> tuple[list[Any], dict[str, AnyArray]]:
        """Encode what was prepared, part by part as the metrics require them."""
        arrays: dict[str, AnyArray] = {}
        return [encode(prepared[key], f"r{k}", arrays) for k, key in enumerate(self._parts())], arrays

    def decode(self, records: Sequence[Any], arrays: Arrays, trust: Trust) -> Prepared:
        """Decode what was prepared, under the parts of these metrics."""
        pairs = zip(self._parts(), records, strict=True)
        return {key: decode(record, arrays, trust) for key, record in pairs}

    def _parts(self) -> list[Any]:
        found: dict[Any, None] = {}
        for metric in self.metrics:
            found.update(dict.fromkeys(parts_of(metric, self.held_out)))
            found[metric] = None
        return list(found)

    def remarks(self, prepared: Prepared) -> dict[str, str]:
        """What metrics have to say about an item."""
        return {m.name: text for m in self.metrics if (text := m.remark([prepared]))}

    def numbers(self, side: str, block: int) -> list[int]:
        """Numbers of the items in a block."""
        start, stop = (self.grid.rows if side == "rows" else self.grid.columns)[block]
        return self.positions[side][start:stop]

    def items_of(self, key: TileKey) -> list[int]:
        """Numbers of the items of a tile, those of the rows first."""
        return list(dict.fromkeys([*self.numbers("rows", key[0]), *self.numbers("columns", key[1])]))

    # ---- tiles

    def compute(
        self,
        key: TileKey,
        prepared: Mapping[int, Prepared | None],
        read: Callable[[int], Item],
        report: Report,
        n_threads: int,
    ) -> FloatArray:
        """Compute the pairs of a tile, (field, row, column)."""
        del report
        rows, columns = self.numbers("rows", key[0]), self.numbers("columns", key[1])
        with single_threaded_blas():
            return pair_tile(
                self.metrics,
                # One object per item, also on the diagonal: metrics may treat an item and itself differently.
                [prepared[number] for number in rows],
                [prepared[number] for number in columns],
                self.grid.where(key),
                n_threads,
                self.held_out,
                self.permutations,
                lambda k: (columns[k], read(columns[k])),
            )

    # ---- costs

    def measure(self, folder: Path) -> Measurements:
        """Prepare items as workers do for some seconds, then compute pairs of them."""
        baseline = anonymous_bytes()
        prepared: list[Prepared] = []
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
            sizes.append(int(self.items[number]["shape"][1]))
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

    def _prepare_once(self, folder: Path, number: int) -> tuple[float, int, float, float, Prepared]:
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
            record = prepare_item(self.metrics, item, test)
            _, arrays = self.encode(record)
            data = bytes(npz_bytes(arrays))
            took = time.thread_time() - start
            read_npz(data)  # workers read into memory that they have used before
            start = time.thread_time()
            read_npz(data)
            read = time.thread_time() - start
            start = time.thread_time()
            if self.permutations is not None:
                order = self.permutations.order(item.n_stimuli, number, 0)
                prepare_item(self.metrics, item.reordered(order))
            permuted = time.thread_time() - start
        return took, memory.peak - kept, read, permuted, record

    def choose_edge(self, found: Measurements, limits: Limits) -> int:
        """Choose the edge of the tiles: worth a file each, not too costly to lose, and within memory."""
        draws = self.plan["null"]
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
        if draws:  # each column of a tile is prepared for each permutation
            by_time = max(by_time, draws * self._mean(found, found.permuted) / (_READING_SHARE * seconds))
        edge = max(1, min(int(by_time), side))
        edge = max(edge - edge % 8, min(edge, 8), math.ceil(fewest))
        return max(1, min(edge, self._fitting_edge(found, limits)))

    def work(self, found: Measurements, limits: Limits, input_bytes: int) -> Work:
        """Estimate what items and pairs will cost, and refuse tiles that do not fit into memory."""
        draws, grid = self.plan["null"], self.grid
        records = found.of_items(self.items, [float(size) for size in found.records])
        values = _value_bytes(len(self.fields), grid.edge)
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
        if draws:  # the columns as they are, and permuted
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
        record, fields = max(found.records), len(self.fields)
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

    def _count_pairs(self) -> int:
        rows, columns = (len(self.positions[side]) for side in ("rows", "columns"))
        if not self.grid.triangular:
            return rows * columns
        return rows * (rows - 1) // 2 if self.grid.skip_diagonal else rows * (rows + 1) // 2

    # ---- results

    def results(self, store: Store, values: FloatArray) -> Pairwise | dict[str, Pairwise]:
        """Return the result of the metric, or of each."""
        bad = self._without_result(store, values)
        found = {metric.name: self._pairwise(k, metric, values, bad) for k, metric in enumerate(self.metrics)}
        return next(iter(found.values())) if self.plan["single"] else found

    def _without_result(self, store: Store, values: FloatArray) -> set[int]:
        """Numbers of the items that cannot be analysed, even if the notes about them were lost."""
        bad = set(store.notes("errors"))
        if self.grid.among_themselves:
            started = {block for key in store.finished_tiles() for block in key}
            for block, (start, stop) in enumerate(self.grid.rows):
                for at in range(start, stop) if block in started else ():
                    number = self.positions["rows"][at]
                    alone = np.isnan(values[:, at]).all() and np.isnan(values[:, :, at]).all()
                    if number not in bad and alone:
                        header = store.read_header(number)
                        if header is not None and header["error"] is not None:
                            bad.add(number)
        return bad

    def _pairwise(self, k: int, metric: Metric, values: FloatArray, bad: set[int]) -> Pairwise:
        fields = {name: values[at] for at, (owner, name) in enumerate(self.fields) if owner == k}
        if self.grid.among_themselves:
            lost = [at for at, number in enumerate(self.positions["rows"]) if number in bad]
            for name, field in fields.items():
                fill_known(field, metric, has_diagonal=name not in NULL_FIELDS)
                if metric.diagonal is not None:
                    field[lost, lost] = np.nan
        rows, columns = (
            np.array([self.items[number]["name"] for number in self.positions[side]])
            for side in ("rows", "columns")
        )
        return Pairwise(
            values=fields.pop("value"),
            names=rows,
            column_names=columns,
            metric=metric.name,
            is_similarity=metric.is_similarity,
            symmetric=metric.symmetric,
            n_stimuli=self.plan["stimuli"]["count"],
            is_square=self.grid.among_themselves,
            flags=metric.flags(values[self.fields.index((k, "value"))]),
            **fields,
        )

    def rows(self, found: Any) -> Iterator[Sequence[Any]]:
        """Return one line per metric and pair, after a header."""
        results = self._by_metric(found)
        extra = [name for name in dict.fromkeys(name for _, name in self.fields) if name != "value"]
        yield ["metric", "row", "column", "value", *extra]
        for result in results.values():
            fields = [result.values, *(getattr(result, name) for name in extra)]
            for i, row in enumerate(result.names):
                start = i + 1 if result.is_square and result.symmetric else 0
                columns = [field[i, start:].tolist() for field in fields]
                for j, numbers in enumerate(zip(*columns, strict=True), start):
                    if not (result.is_square and i == j):
                        yield [result.metric, row, result.column_names[j], *numbers]

    def arrays(self, found: Any) -> dict[str, Any]:
        """Return the names, and one matrix per metric and field."""
        results = self._by_metric(found)
        first = next(iter(results.values()))
        arrays = {"names": first.names, "column_names": first.column_names}
        for name in results:
            if name in (*arrays, "file"):
                raise ValueError(f".npz cannot hold a matrix named {name!r}: use .csv")
        for k, field in self.fields:
            name = self.metrics[k].name
            if field == "value":
                arrays[name] = results[name].values
            else:
                arrays[f"{name} {field}"] = getattr(results[name], field)
        return arrays

    def matrix(self, found: Any) -> AnyArray:
        """Return the matrix of the only metric."""
        results = list(self._by_metric(found).values())
        return results[0].values if len(results) == 1 else super().matrix(found)

    def _by_metric(self, found: Any) -> dict[str, Pairwise]:
        return {self.metrics[0].name: found} if self.plan["single"] else found


def _metrics_of(asked: Asked) -> list[Metric]:
    given = asked.metric if isinstance(asked.metric, (list, tuple)) else [asked.metric]
    return [as_metric(metric) for metric in given]


def _of(arguments: Arrays, metric: int) -> dict[str, AnyArray]:
    lead = f"{metric}/"
    return {name.removeprefix(lead): array for name, array in arguments.items() if name.startswith(lead)}


def _require_items_that_fit(items: Sequence[Item], metrics: Sequence[Metric], max_ram: int) -> None:
    """Refuse items that could not even be measured: too large to read whole, or with too many stimuli."""
    whole = [metric.name for metric in metrics if metric.needs_whole]
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


def _time_pairs(sweep: PairSweep, prepared: Sequence[Prepared]) -> tuple[float, float]:
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
            where = np.ones((len(group), len(columns)), dtype=bool)
            evaluate(sweep.metrics, Tile([prepared[i] for i in group], columns, where, 1), sweep.held_out)
            times[k] += time.thread_time() - start
            pairs[k] += where.size
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


register(PairSweep, "pairs")
