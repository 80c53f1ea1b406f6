"""The directory that holds a sweep: a Zarr v3 hierarchy with a few files beside it.

::

    zarr.json             group; attributes: the plan, its hash, its estimated cost
    arguments.npz         arrays among the arguments of the metrics, if there are any
    items/0000.json       the items of the plan and, one file each, of extensions
    errors/  remarks/     what users should know about single items; for jobs in tiles/, one file per tile
    inputs/000012.npy     items that were given as arrays in memory
    prepared/000012.npz   what the metrics need of an item (pairs only), and the hash of its content
    contents/             the same hash, for capacity jobs
    values/               Zarr array (field, row, column) or (field, job); one chunk per tile
    failures/  attempts/  tiles and items that could not be computed, and tries under way
    journal/              who computed what, when, with how much time and memory

The chunk of a tile is its commit: it appears whole or not at all, and it carries a checksum. No locks
are needed: two processes that compute the same tile write the same bytes. Only
extensions wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import struct
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.codec import Trust, as_trust, with_current_names
from ..pairs.tiles import TileKey
from .errors import SweepError
from .files import names_in, read_json, remove_stale_partials, write_atomically, write_json

SCHEMA = 1
VERSION = version("neurogeom")
_ATTRIBUTE = "neurogeom_sweep"
# What reading an .npz file may raise, depending on which of its bits are wrong.
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, KeyError, EOFError, RuntimeError)


def require_zarr() -> Any:
    """Import Zarr 3, or say how to install it."""
    zarr = require_extra("zarr", "store", "a sweep's store")
    if int(zarr.__version__.split(".")[0]) < 3:  # another interface and another format
        raise ImportError(
            f"a sweep's store needs Zarr 3, which needs Python 3.11: this is Zarr {zarr.__version__}"
        )
    return zarr


def as_path(store: Any) -> Path:
    """Return the path of a store, made absolute."""
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store must be a path, not {type(store).__name__}")
    return Path(store).absolute()


class Store:
    """Reads and writes the files of one sweep, without knowing what they mean.

    `trust` names the packages whose classes the store may name.
    """

    def __init__(self, path: str | os.PathLike[str], trust: Trust = ()) -> None:
        require_zarr()
        self.trust = as_trust(trust)
        self.path = as_path(path)
        head = self.path / "zarr.json"
        attributes = read_json(head).get("attributes", {}) if head.is_file() else {}
        if _ATTRIBUTE not in attributes:
            raise FileNotFoundError(
                f"{self.path} is not a sweep: make one with neurogeom.sweep.plan(..., store=...)"
            )
        content = attributes[_ATTRIBUTE]
        if content["schema"] != SCHEMA:
            raise SweepError(
                f"{self.path} has layout {content['schema']!r}; this version of neurogeom reads layout "
                f"{SCHEMA}"
            )
        self.plan: dict[str, Any] = content["plan"]
        self.costs: dict[str, Any] = content["costs"]
        if plan_hash(self.plan) != content["plan_sha256"]:
            raise SweepError(
                f"the plan in {head} was changed after it was made: restore it, or plan anew in another store"
            )
        self.plan = with_current_names(self.plan)
        self.require("values/zarr.json")
        read_json(self.path / "values" / "zarr.json")  # Zarr's own error would not name the file
        self._array = self._open_values("r")
        self.chunk_shape: tuple[int, ...] = self._array.chunks
        self._encoder = _Encoder(self.chunk_shape)

    @classmethod
    def create(
        cls,
        draft: Path,
        path: Path,
        plan: Mapping[str, Any],
        costs: Mapping[str, Any],
        shape: tuple[int, ...],
        chunks: tuple[int, ...],
        trust: Trust,
    ) -> Store:
        """Turn a draft (items, inputs, arguments) into a store, which appears whole or not at all."""
        content = {"schema": SCHEMA, "plan": plan, "plan_sha256": plan_hash(plan), "costs": costs}
        group = require_zarr().create_group(str(draft), attributes={_ATTRIBUTE: content})
        _create_values(group, shape, chunks)
        try:
            os.rename(draft, path)
        except OSError as error:
            if path.exists():
                raise FileExistsError(
                    f"{path} was made by another process while this was planned; plan again to use it"
                ) from error
            raise
        return cls(path, trust)

    # ---- the plan and the items

    def arguments(self) -> dict[str, AnyArray]:
        """Arrays among the arguments of the metrics."""
        known = self.plan["arguments"]
        if not known:
            return {}
        try:
            found = read_npz((self.path / "arguments.npz").read_bytes())
        except (*_DAMAGED, OSError):
            found = {}
        if hashes_of(found) != known:
            raise SweepError(
                f"{self.path}/arguments.npz is damaged, or was changed after the plan was made: restore it, "
                "or plan anew in another store"
            )
        return found

    def item_lists(self) -> list[list[dict[str, Any]]]:
        """The items of the plan and of each extension."""
        names = (name.removesuffix(".json") for name in names_in(self.path / "items"))
        count = 1 + max((int(name) for name in names if name.isdigit()), default=0)
        found: list[list[dict[str, Any]]] = []
        for number in range(count):
            self.require(_list_name(number))
            items, first = read_items(self.path / _list_name(number))
            before = sum(map(len, found))
            if first not in (None, before):
                raise SweepError(
                    f"{self.path}/{_list_name(number)} continues from item {first}, but the lists before it "
                    f"name {before} items: restore the lists of one store"
                )
            found.append(items)
        return found

    def append_items(
        self, items: Sequence[Mapping[str, Any]], inputs: Mapping[int, AnyArray], shape: tuple[int, ...]
    ) -> None:
        """Add the items of an extension; the list of items is the commit."""
        for number, array in inputs.items():
            write_input(self.path, number, array)
        lists = self.item_lists()
        write_items(self.path / _list_name(len(lists)), items, sum(map(len, lists)))
        self.grow(shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Entries along each side of the values."""
        return tuple(self._array.shape[1:])

    def grow(self, shape: tuple[int, ...]) -> None:
        """Make room for this many entries."""
        array = self._open_values("r+")
        array.resize((array.shape[0], *map(max, array.shape[1:], shape)))
        self._array = self._open_values("r")

    def _open_values(self, mode: str) -> Any:
        return require_zarr().open_array(str(self.path / "values"), mode=mode)

    def require_room(self, shape: tuple[int, ...], lists: int) -> None:
        """Check that the values match the items: as large as `shape`, that of their blocks.

        A list of items is written before room is made for its values.
        """
        if any(map(int.__lt__, self.shape, shape)):
            self._array = self._open_values("r")  # the sweep has been extended in the meantime
        if any(map(int.__gt__, self.shape, shape)):
            self.require_list(len(self.item_lists()) > lists, lists)

    def require_list(self, is_there: bool, number: int) -> None:
        """Refuse a store that has lost a list of items."""
        if not is_there:
            raise self._lost(_list_name(number))

    def require(self, name: str) -> None:
        """Refuse a store that has lost a file that cannot be recreated."""
        if not (self.path / name).is_file():
            raise self._lost(name)

    def _lost(self, name: str) -> SweepError:
        return SweepError(
            f"{self.path}/{name} is missing, as in an incomplete copy: restore it, or plan anew in "
            "another store"
        )

    def _damaged(self, what: str, error: Exception) -> SweepError:
        return SweepError(
            f"{what} in {self.path} is damaged ({error}); neurogeom.sweep.verify(store, repair=True) removes "
            "it, and the next run recomputes it"
        )

    # ---- prepared items

    def _prepared_path(self, number: int) -> Path:
        return self.path / "prepared" / f"{number:06d}.npz"

    def prepared_items(self) -> set[int]:
        """Numbers of the items that are prepared."""
        names = names_in(self.path / "prepared")
        return {int(name.removesuffix(".npz")) for name in names if name.endswith(".npz")}

    def has_prepared(self, number: int) -> bool:
        """Return whether an item is prepared."""
        return self._prepared_path(number).exists()

    def write_prepared(self, number: int, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> int:
        """Commit what was prepared of an item; return the size of the file."""
        listed = {**header, "arrays": list(arrays)}
        data = npz_bytes({"header": np.array(json.dumps(listed)), **arrays})
        write_atomically(self._prepared_path(number), data)
        return len(data)

    def read_prepared(self, number: int) -> tuple[dict[str, Any], dict[str, AnyArray]] | None:
        """Read a prepared item; None if there is none, an error if it is damaged."""
        try:
            data = self._prepared_path(number).read_bytes()
        except FileNotFoundError:
            return None
        try:
            arrays = read_npz(data)
            header: dict[str, Any] = json.loads(str(arrays.pop("header")))
            # The archive's directory has no checksum, and may have lost some of its entries.
            return header, {name: arrays[name] for name in header.pop("arrays")}
        except _DAMAGED as error:
            raise self._damaged(f"the prepared item {number}", error) from error

    def read_header(self, number: int) -> dict[str, Any] | None:
        """Read the record of a prepared item without its arrays."""
        try:
            with zipfile.ZipFile(self._prepared_path(number)) as archive:
                header: dict[str, Any] = json.loads(str(_read_member(archive, "header.npy")))
            return header
        except FileNotFoundError:
            return None
        except _DAMAGED as error:
            raise self._damaged(f"the prepared item {number}", error) from error

    def content(self, number: int, key: str = "sha256") -> str | None:
        """Return the hash of the content of an item when it was first read, if it was."""
        header = self.read_header(number)
        if header is None:
            with suppress(FileNotFoundError):
                header = read_json(self.path / "contents" / f"{number:06d}.json")
        return None if header is None else header.get(key)

    def remove_prepared(self, number: int) -> None:
        """Forget a prepared item."""
        self._prepared_path(number).unlink(missing_ok=True)

    # ---- what users should know

    def write_note(self, kind: str, number: int, content: Mapping[str, Any]) -> None:
        """Keep an error ("errors"), a remark ("remarks") or the content ("contents") of an item or job."""
        write_json(self.path / kind / f"{number:06d}.json", dict(content))

    def write_tile_notes(self, kind: str, key: TileKey, notes: Mapping[int, Mapping[str, Any]]) -> None:
        """Keep the errors or remarks of the jobs of a tile."""
        write_json(self.path / kind / "tiles" / f"{tile_name(key)}.json", dict(notes))

    def notes(self, kind: str) -> dict[int, dict[str, Any]]:
        """Read all errors or remarks: files of single items or jobs (as 0.1.0 wrote them), and of tiles."""
        found = {int(path.stem): read_json(path) for path in _json_in(self.path / kind)}
        for path in _json_in(self.path / kind / "tiles"):
            found |= {int(job): content for job, content in read_json(path).items()}
        return dict(sorted(found.items()))

    # ---- tiles

    def _tile_path(self, key: TileKey) -> Path:
        return self.path.joinpath("values", "c", "0", *map(str, key))

    def has_tile(self, key: TileKey) -> bool:
        """Return whether a tile is finished."""
        return self._tile_path(key).exists()

    def finished_tiles(self) -> set[TileKey]:
        """List the finished tiles, by file names only."""
        top = self.path / "values" / "c" / "0"
        firsts = [int(name) for name in names_in(top) if name.isdigit()]
        if len(self.chunk_shape) == 2:
            return {(i,) for i in firsts}
        return {(i, int(j)) for i in firsts for j in names_in(top / str(i)) if j.isdigit()}

    def write_tile(self, key: TileKey, values: FloatArray) -> None:
        """Commit a tile of (fields, rows, columns) or (fields, jobs), padded with NaN."""
        full = np.full(self.chunk_shape, np.nan)
        full[tuple(slice(0, n) for n in values.shape)] = values
        write_atomically(self._tile_path(key), self._encoder.encode(full))

    def read_tile(self, key: TileKey) -> FloatArray | None:
        """Read a full tile; None if it is not finished, an error if it is damaged."""
        if not self.has_tile(key):
            return None
        where = tuple(slice(k * n, (k + 1) * n) for k, n in zip(key, self.chunk_shape[1:], strict=True))
        try:
            values: FloatArray = np.asarray(self._array[(slice(None), *where)])
        except (ValueError, RuntimeError, OSError) as error:
            raise self._damaged(f"tile {tile_name(key)}", error) from error
        return values

    def read_run(self, key: TileKey, count: int) -> list[FloatArray]:
        """Read tiles that follow each other in a row; NaN where one is not finished."""
        *first, last = (slice(k * n, (k + 1) * n) for k, n in zip(key, self.chunk_shape[1:], strict=True))
        width = self.chunk_shape[-1]
        try:
            found = np.asarray(
                self._array[(slice(None), *first, slice(last.start, last.start + count * width))]
            )
        except (ValueError, RuntimeError, OSError):
            for k in range(count):
                self.read_tile((*key[:-1], key[-1] + k))  # its error names the damaged tile
            raise
        return np.split(found, count, axis=-1)

    def remove_tile(self, key: TileKey) -> None:
        """Forget a tile."""
        self._tile_path(key).unlink(missing_ok=True)

    def remove_stale_files(self) -> None:
        """Remove files that dead processes left half-written."""
        top = self.path / "values" / "c" / "0"
        folders = [
            top,
            *(top / name for name in names_in(top) if name.isdigit() and len(self.chunk_shape) == 3),
        ]
        remove_stale_partials([*folders, self.path / "prepared", self.path / "failures"])


def _json_in(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(names_in(folder)) if name.endswith(".json")]


class _Encoder:
    """Encodes chunks with Zarr's own codecs, in an array in memory that is made once.

    We write them ourselves: Zarr's local store renames files into place only since version 3.1.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._lock = threading.Lock()
        self._encoded: dict[str, Any] = {}
        self._array: Any = None

    def encode(self, chunk: FloatArray) -> bytes:
        """Return the bytes of a chunk."""
        with self._lock:
            if self._array is None:
                zarr = require_zarr()
                group = zarr.create_group(zarr.storage.MemoryStore(store_dict=self._encoded))
                self._array = _create_values(group, self._shape[1:], self._shape)
            self._array[...] = chunk
            (name,) = (name for name in self._encoded if name.startswith("values/c/"))
            return bytes(self._encoded.pop(name).to_bytes())


def write_items(path: Path, items: Sequence[Mapping[str, Any]], first: int = 0) -> None:
    """Write a list of items with its hash and the number of its first one."""
    write_json(path, {"sha256": plan_hash({"items": items}), "first": first, "items": list(items)})


def read_items(path: Path) -> tuple[list[dict[str, Any]], int | None]:
    """Read a list of items, which must be unchanged, and the number of the first (None from 0.1.0)."""
    content = read_json(path)
    found: list[dict[str, Any]] = content["items"]
    if plan_hash({"items": found}) != content["sha256"]:
        raise SweepError(f"{path} was changed after it was made: restore it, or plan anew in another store")
    return found, content.get("first")


def _list_name(number: int) -> str:
    return f"items/{number:04d}.json"


def sweep_command(verb: str, store: str | os.PathLike[str], trust: Trust) -> str:
    """The shell command that applies a subcommand to a store."""
    trusted = "".join(f" --trust {name}" for name in trust)
    return f"neurogeom sweep {verb} {shlex.quote(os.fspath(store))}{trusted}"


def tile_name(key: TileKey) -> str:
    """Name a tile, as in file names and errors."""
    return "-".join(map(str, key))


def plan_hash(plan: Mapping[str, Any]) -> str:
    """Hash a plan."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def hashes_of(arrays: Mapping[str, AnyArray]) -> dict[str, str]:
    """Hash arrays of any shape and plain dtype."""
    found = {}
    for name, array in arrays.items():
        digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
        found[name] = digest.hexdigest()
    return found


def _create_values(group: Any, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Any:
    zarr = require_zarr()
    dimensions = ("field", "row", "column") if len(chunks) == 3 else ("field", "job")
    return group.create_array(
        "values",
        shape=(chunks[0], *shape),
        chunks=chunks,
        dtype="float64",
        fill_value=float("nan"),
        compressors=[zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()],
        dimension_names=dimensions,
        config={"write_empty_chunks": True},
    )


def write_arguments(folder: Path, arguments: Mapping[str, AnyArray]) -> None:
    """Save arrays among the arguments of metrics."""
    if arguments:
        write_atomically(folder / "arguments.npz", npz_bytes(arguments))


def write_input(folder: Path, number: int, array: AnyArray) -> None:
    """Save an item that was given in memory."""
    buffer = BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    write_atomically(folder / input_name(number), buffer.getbuffer())


def input_name(number: int) -> str:
    """Where an item that was given in memory is kept, relative to the store."""
    return f"inputs/{number:06d}.npy"


def npz_bytes(arrays: Mapping[str, AnyArray]) -> memoryview:
    """Write arrays as an .npz file in memory."""
    buffer = BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(buffer, **named)  # before 2.1, NumPy takes allow_pickle=False for another array
    return buffer.getbuffer()


def read_npz(data: bytes) -> dict[str, AnyArray]:
    """Read an .npz file in memory."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name.removesuffix(".npy"): _read_member(archive, name) for name in archive.namelist()}


def _read_member(archive: zipfile.ZipFile, name: str) -> AnyArray:
    with archive.open(name) as file:
        array: AnyArray = np.lib.format.read_array(file, allow_pickle=False)
        # Checksums are compared at the end of a file, which an array with a damaged shape may not reach.
        if file.read(1):
            raise ValueError(f"{name!r} is longer than its header says")
    return array
