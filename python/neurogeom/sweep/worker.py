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
from .._base.codec import Trust
from ..pairs.tiles import Grid, TileKey
from ..representations.items import Item
from .attempts import MOST_TRIES, Attempts, preparation_of
from .errors import SweepError
from .items import open_described, require_unchanged
from .journal import Journal, PeakMemory, cpu_seconds
from .kinds import load_sweep, require_same_numbers
from .store import Store


class Worker:
    """Computes items and tiles of one store.

    Parameters
    ----------
    path : path-like
        The store.
    n_threads : int
        Threads per item or tile.
    trust : sequence of str
        Packages from which the store may name classes.
    is_reader : bool
        Whether it only reads, and computes nothing.
    """

    def __init__(
        self, path: str | os.PathLike[str], n_threads: int, trust: Trust = (), *, is_reader: bool = False
    ) -> None:
        self.store = Store(path, trust)
        self.sweep = load_sweep(self.store)
        if not is_reader:
            require_same_numbers(self.store, self.sweep)
            if self.store.shape != self.sweep.grid.shape:  # an extension was interrupted after its list
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
        if not self.sweep.prepares:
            return []
        there = self.store.prepared_items()
        return [number for number in range(len(self.sweep.items)) if number not in there]

    def prepare(self, number: int) -> Any:
        """Prepare and commit an item, unless that was done before; None if its data do not allow it."""
        found = self.store.read_prepared(number)
        if found is not None:
            return self._decode(*found)
        task = preparation_of(number)
        self.attempts.count_deaths({task})
        errors = self.attempts.errors(task)
        if len(errors) >= MOST_TRIES:  # its tiles fail, and others continue
            name = self.sweep.items[number]["name"]
            raise RuntimeError(f"preparing item {name!r} failed {len(errors)} times, last: {errors[-1]}")
        with self.attempts.trying(task):
            prepared = self._prepare_anew(number)
        self.attempts.forget(task)
        return prepared

    def _decode(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
        if header["error"] is not None:
            return None
        return self.sweep.decode(header["records"], arrays, self.store.trust)

    def _prepare_anew(self, number: int) -> Any:
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

    def _compute_item(self, number: int) -> tuple[dict[str, Any], dict[str, AnyArray], Any]:
        """Prepare an item; return a header and arrays to keep, and what these encode."""
        sweep = self.sweep
        entry = sweep.items[number]
        item, digest = self._open(number)
        header: dict[str, Any] = {"name": entry["name"], "sha256": digest, "error": None}
        header |= {"records": [], "remarks": {}}
        test = None
        if "test" in entry:
            label = f"the test data of {entry['name']!r}"
            test, header["test_sha256"] = open_described(entry["test"], label, self.store.path)
        try:
            prepared = sweep.prepare(item, test)
        except (TypeError, ValueError) as error:  # bad data stay bad, so there is no point in a retry
            return {**header, "error": str(error)}, {}, None
        header["records"], arrays = sweep.encode(prepared)
        # Tiles get what is read back from the store, even if it has just been prepared.
        prepared = self._decode(header, arrays)
        header["remarks"] = sweep.remarks(prepared)
        return header, arrays, prepared

    def is_as_prepared(self, number: int) -> bool:
        """Return whether an item has the same bits as its stored form when prepared again."""
        found = self.store.read_prepared(number)
        if found is None:
            return True
        stored, arrays = found
        prepared = self._decode(stored, arrays)
        if prepared is not None:  # in this version's form, as another version may have written it
            stored["records"], arrays = self.sweep.encode(prepared)
        header, again, _ = self._compute_item(number)
        return (
            json.dumps(stored, sort_keys=True) == json.dumps(header, sort_keys=True)
            and arrays.keys() == again.keys()
            and all(arrays[name].tobytes() == array.tobytes() for name, array in again.items())
        )

    def _open(self, number: int) -> tuple[Item, str]:
        """Return an item and the hash of its content; refuse content that differs from the first time."""
        entry = self.sweep.items[number]
        item, digest = open_described(entry, f"items[{number}] ({entry['name']!r})", self.store.path)
        if number not in self._contents:
            known = None
            with suppress(SweepError):  # a damaged record is reported where it is read
                known = self.store.content(number)
            if known is None and "sha256" not in entry and not self.sweep.prepares:
                with suppress(OSError):  # a store that cannot be written to is only being verified
                    self.store.write_note("contents", number, {"sha256": digest})
            self._contents[number] = known or digest
        require_unchanged(digest == self._contents[number], entry["name"], entry["location"]["path"], True)
        return item, digest

    def _records(self, numbers: Sequence[int], from_inputs: bool) -> list[Any]:
        if from_inputs:
            return [self._compute_item(number)[2] for number in numbers]
        found = []
        for number in numbers:
            record = self._cache.get(number)
            if record is _MISSING:
                record = self.keep(number)
            found.append(record)
        return found

    def keep(self, number: int) -> Any:
        """Prepare an item and remember it for the tiles."""
        record = self.prepare(number)
        arrays = {} if record is None else self.sweep.encode(record)[1]
        self._cache.put(number, record, sum(array.nbytes for array in arrays.values()))
        return record

    # ---- tiles

    @property
    def grid(self) -> Grid:
        """The tiles of the sweep."""
        return self.sweep.grid

    def run_tile(self, key: TileKey) -> bool:
        """Compute and commit a tile; False if it was finished before, or has failed too often."""
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
        numbers = self.sweep.items_of(key)
        return self.sweep.compute(
            key,
            dict(zip(numbers, self._records(numbers, from_inputs), strict=True)),
            lambda number: self._open(number)[0],
            (lambda *_: None) if from_inputs else self.store.write_tile_notes,
            self.n_threads,
        )


_MISSING: Any = object()


class _Cache:
    """The prepared items used last, up to a number of bytes; thread-safe."""

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

    def put(self, number: int, record: Any, size: int) -> None:
        with self._lock:
            if number in self._items or size > self._limit:
                return
            self._items[number] = record, size
            self._used += size
            while self._used > self._limit:
                _, (_, freed) = self._items.popitem(last=False)
                self._used -= freed
