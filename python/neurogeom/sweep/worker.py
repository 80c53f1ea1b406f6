"""One process at work on a store: prepares items, computes tiles, commits them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .._base.checks import AnyArray, FloatArray
from .._base.codec import size_of
from .._base.threads import single_threaded_blas
from ..metrics.base import Prepared, prepare_item
from ..pairs.tiles import Grid, TileKey
from ..representations.representation import Item
from . import errors as check
from .attempts import MOST_TRIES, Attempts, preparation_of
from .items import open_described
from .journal import Journal, PeakMemory, cpu_seconds
from .kinds import CapacitySweep, PairSweep, load_sweep
from .pairs import decode_prepared, encode_prepared, pair_tile
from .store import VERSION, Store


class Worker:
    """Computes items and tiles of one store.

    Parameters
    ----------
    path : path-like
        The store.
    n_threads : int
        Threads of one item or tile.
    """

    def __init__(self, path: str | os.PathLike[str], n_threads: int) -> None:
        self.store = Store(path)
        self.sweep = load_sweep(self.store)
        begun = self.store.plan["version"]
        check.require_same_numbers(begun, VERSION, self.store.path, self.sweep.has_numbers_of(begun))
        if (
            self.store.shape != self.sweep.grid.shape
        ):  # an extension was interrupted after its list was written
            self.store.grow(self.sweep.grid.shape)
        self.n_threads = n_threads
        self.attempts = Attempts(self.store.path)
        self.journal = Journal(self.store.path / "journal")
        self.memory = PeakMemory()
        self._contents: dict[int, str] = {}  # hashes of items that were read
        self._cache = _Cache(int(self.store.costs["cache_bytes"]))

    # ---- items

    def needs_preparation(self) -> list[int]:
        """Numbers of the items that are not prepared yet."""
        if isinstance(self.sweep, CapacitySweep):
            return []
        there = self.store.prepared_items()
        return [number for number in range(len(self.sweep.items)) if number not in there]

    def prepare(self, number: int) -> Prepared | None:
        """Prepare an item and commit it, unless that was done; None if its data do not allow it."""
        found = self.store.read_prepared(number)
        if found is not None:
            return self._decode(*found)
        task = preparation_of(number)
        self.attempts.count_deaths({task})
        errors = self.attempts.errors(task)
        check.require_tries_left(len(errors) < MOST_TRIES, self.sweep.items[number]["name"], errors)
        with self.attempts.trying(task):
            prepared = self._prepare_anew(number)
        self.attempts.forget(task)
        return prepared

    def _decode(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Prepared | None:
        if header["error"] is not None:
            return None
        sweep = self._pairs()
        return decode_prepared(sweep.metrics, header["records"], arrays, sweep.held_out)

    def _prepare_anew(self, number: int) -> Prepared | None:
        start, cpu = time.perf_counter(), cpu_seconds(1)
        header, arrays, prepared = self._compute_item(number)
        if header["error"] is not None:
            self.store.write_note("errors", number, {"name": header["name"], "error": header["error"]})
        if header["remarks"]:
            self.store.write_note("remarks", number, header["remarks"])
        written = self.store.write_prepared(number, header, arrays)
        self.journal.write(
            item=number,
            seconds=time.perf_counter() - start,
            cpu=cpu_seconds(1) - cpu,
            bytes=written,
            peak_anonymous=self.memory.look(),
        )
        return prepared

    def _compute_item(self, number: int) -> tuple[dict[str, Any], dict[str, AnyArray], Prepared | None]:
        """Compute what the metrics need of an item: a header and arrays to keep, and what these describe."""
        sweep = self._pairs()
        entry = sweep.items[number]
        item, digest = self._open(number)
        header: dict[str, Any] = {"name": entry["name"], "sha256": digest, "error": None}
        header |= {"records": [], "remarks": {}}
        test = None
        if "test" in entry:
            label = f"the test data of {entry['name']!r}"
            test, header["test_sha256"] = open_described(entry["test"], label, self.store.path)
        try:
            with single_threaded_blas():
                prepared = prepare_item(sweep.metrics, item, test)
        except (TypeError, ValueError) as error:  # what is wrong with the data stays wrong with them
            return {**header, "error": str(error)}, {}, None
        header["records"], arrays = encode_prepared(sweep.metrics, prepared, sweep.held_out)
        # Tiles get what the store gives back, also where it has just been made.
        prepared = decode_prepared(sweep.metrics, header["records"], arrays, sweep.held_out)
        header["remarks"] = {m.name: text for m in sweep.metrics if (text := m.remark([prepared]))}
        return header, arrays, prepared

    def is_as_prepared(self, number: int) -> bool:
        """Say whether an item, prepared again, has the same bits as what is stored of it."""
        found = self.store.read_prepared(number)
        if found is None:
            return True
        stored, arrays = found
        prepared = self._decode(stored, arrays)
        if prepared is not None:  # as this version writes what another one may have written
            sweep = self._pairs()
            stored["records"], arrays = encode_prepared(sweep.metrics, prepared, sweep.held_out)
        header, again, _ = self._compute_item(number)
        return (
            json.dumps(stored, sort_keys=True) == json.dumps(header, sort_keys=True)
            and arrays.keys() == again.keys()
            and all(arrays[name].tobytes() == array.tobytes() for name, array in again.items())
        )

    def _open(self, number: int) -> tuple[Item, str]:
        """Give an item, and the hash of its content: that of the first time, or it is refused."""
        entry = self.sweep.items[number]
        item, digest = open_described(entry, f"items[{number}] ({entry['name']!r})", self.store.path)
        if number not in self._contents:
            known = None
            with suppress(check.SweepError):  # of a damaged record, which is named where it is read
                known = self.store.content(number)
            if known is None and "sha256" not in entry and isinstance(self.sweep, CapacitySweep):
                with suppress(OSError):  # where a store cannot be written to, it is only verified
                    self.store.write_note("contents", number, {"sha256": digest})
            self._contents[number] = known or digest
        check.require_unchanged(
            digest == self._contents[number], entry["name"], entry["location"]["path"], True
        )
        return item, digest

    def _pairs(self) -> PairSweep:
        assert isinstance(self.sweep, PairSweep)
        return self.sweep

    def _records(self, numbers: Sequence[int], from_inputs: bool) -> list[Prepared | None]:
        if from_inputs:
            return [self._compute_item(number)[2] for number in numbers]
        found = []
        for number in numbers:
            record = self._cache.get(number)
            if record is _MISSING:
                record = self.prepare(number)
                self._cache.put(number, record)
            found.append(record)
        return found

    def keep(self, number: int) -> None:
        """Prepare an item and remember it for the tiles."""
        self._cache.put(number, self.prepare(number))

    # ---- tiles

    @property
    def grid(self) -> Grid:
        """The tiles of the sweep."""
        return self.sweep.grid

    def run_tile(self, key: TileKey) -> bool:
        """Compute a tile and commit it; False if it was there, or has failed too often."""
        if self.store.has_tile(key):
            return False
        self.attempts.count_deaths({key})
        if len(self.attempts.errors(key)) >= MOST_TRIES:
            return False
        start, cpu = time.perf_counter(), cpu_seconds(self.n_threads)
        with self.attempts.trying(key):
            values = self.compute(key)
            self.store.write_tile(key, values)
        self.attempts.forget(key)
        self.journal.write(
            tile=list(key),
            count=self.grid.count(key),
            seconds=time.perf_counter() - start,
            cpu=cpu_seconds(self.n_threads) - cpu,
            threads=self.n_threads,
            peak_anonymous=self.memory.look(),
        )
        return True

    def compute(self, key: TileKey, *, from_inputs: bool = False) -> FloatArray:
        """Compute the fields of a tile, from prepared items or anew from the inputs."""
        if isinstance(self.sweep, CapacitySweep):
            return self.sweep.compute(
                key,
                lambda number: self._open(number)[0],
                (lambda *_: None) if from_inputs else self.store.write_tile_notes,
                self.n_threads,
            )
        sweep = self.sweep
        rows, columns = (
            sweep.numbers(side, block) for side, block in zip(("rows", "columns"), key, strict=True)
        )
        numbers = list(dict.fromkeys([*rows, *columns]))
        # One object an item, also on the diagonal: metrics may compute an item with itself in another way.
        records = dict(zip(numbers, self._records(numbers, from_inputs), strict=True))
        with single_threaded_blas():
            return pair_tile(
                sweep.metrics,
                [records[number] for number in rows],
                [records[number] for number in columns],
                self.grid.where(key),
                self.n_threads,
                sweep.held_out,
                sweep.permutations,
                lambda k: (columns[k], self._open(columns[k])[0]),
            )


_MISSING: Any = object()


class _Cache:
    """Prepared items that were used last, up to a number of bytes; for several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._lock = threading.Lock()
        self._items: OrderedDict[int, tuple[Any, int]] = OrderedDict()

    def get(self, number: int) -> Any:
        with self._lock:
            if number not in self._items:
                return _MISSING
            self._items.move_to_end(number)
            return self._items[number][0]

    def put(self, number: int, record: Prepared | None) -> None:
        size = 0 if record is None else sum(size_of(part) for part in record.values())
        with self._lock:
            if number in self._items or size > self._limit:
                return
            self._items[number] = record, size
            self._used += size
            while self._used > self._limit:
                _, (_, freed) = self._items.popitem(last=False)
                self._used -= freed
