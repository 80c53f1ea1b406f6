"""One matrix of a file, known by its header and read on demand."""

from __future__ import annotations

import contextlib
import copy
import errno
import math
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, as_count
from ..representations.items import Stored, hash_of_matrix
from .checks import place
from .formats import Header, npy_header
from .sources import ArraySource, FlatSource, Source, open_source

# Bytes in memory at once of an item that is read in pieces; items up to this size are read as a whole.
_PIECE = 1 << 24
_CHUNKS = 1 << 26  # up to so many bytes, stored rows are held in memory rather than copied to a file
_GAP = 1 << 16  # gaps up to this size between wanted rows are read rather than skipped


class StoredItem(Stored):
    """A matrix (n_stimuli, n_units) in a file; until it is needed, only its header is read.

    Made by :func:`open_items`. It stands for an array in :func:`neurogeom.pairwise`, can be indexed like a
    NumPy matrix, and be sent to other processes, which open the file anew. No file stays open.

    Attributes
    ----------
    name : str
        Its name in results.
    shape : (int, int)
        Numbers of stimuli and units.
    stored_shape : tuple of int
        Shape as stored; it has more axes where all but the first are treated as units.
    dtype : dtype
        Dtype as read: in native byte order, bfloat16 as float32.
    ids : ndarray or None
        What identifies each stimulus.
    location : dict
        What :func:`open_item` opens it by: kind, absolute path, key, flatten, name (JSON-able).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> (item,) = ng.io.open_items({"V1": np.arange(6.0).reshape(3, 2)})
    >>> item
    StoredItem('V1', 3 stimuli, 2 units, float64)
    >>> item[1:, 0]
    array([2., 4.])
    """

    ndim = 2

    def __init__(
        self,
        location: dict[str, Any],
        header: Header,
        ids: AnyArray | None = None,
        size: int | None = None,
        array: AnyArray | None = None,
    ) -> None:
        self.location = location
        self.name: str = location["name"]
        self.shape = (header.shape[0], math.prod(header.shape[1:]))
        self.stored_shape = header.shape
        self.dtype = header.native
        self.ids = ids
        self._size = size  # of the file, None for a directory
        self._array = array  # of an item that was given as an array
        self._spool: str | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"StoredItem({self.name!r}, {self.shape[0]} stimuli, {self.shape[1]} units, {self.dtype})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_lock", "_spool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._spool, self._lock = None, threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the matrix in memory."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def rename(self, name: str) -> None:
        """Rename the item.

        Parameters
        ----------
        name : str
            The name.
        """
        self.name = name
        self.location = {**self.location, "name": name}

    def copy(self, name: str) -> StoredItem:
        """Return the same item under another name.

        Parameters
        ----------
        name : str
            The name.

        Returns
        -------
        StoredItem
            The item, as if it had just been opened.
        """
        other = copy.copy(self)
        other.rename(name)
        return other

    # ---- reading

    @contextlib.contextmanager
    def _open(self) -> Iterator[Source]:
        path, key = self.location["path"], self.location["key"]
        if self._array is not None:
            yield ArraySource(self._array)
            return
        if self._spool is not None:
            yield FlatSource(path, key, npy_header(self._spool), self._spool)
            return
        if self._size is not None:
            self._require_unchanged("size in bytes", self._size, os.stat(path).st_size)
        with open_source(self.location["kind"], path, key) as source:
            self._require_unchanged("shape", self.shape, source.shape)
            self._require_unchanged("dtype", self.dtype.str, source.dtype.str)
            yield source

    def _require_unchanged(self, what: str, before: Any, now: Any) -> None:
        if before != now:
            where = place(self.location["path"], self.location["key"])
            raise ValueError(f"{where}: changed since it was opened: its {what} was {before}, now {now}")

    @contextlib.contextmanager
    def _open_for(self, n_rows: int, width: int) -> Iterator[Source]:
        """Open it for pieces of this size, unpacked first if each piece would reread most of the file."""
        unpack = False
        with self._open() as source:
            stored = source.height * width * self.dtype.itemsize
            tall = n_rows < min(source.height, len(self)) and stored > _CHUNKS
            if self.nbytes > _PIECE:
                unpack = tall or not (source.has_rows() and source.has_columns(width))
            if not unpack:
                yield source
        if unpack:
            with self._lock:
                if self._spool is None:
                    self._spool = self._unpacked()
                    weakref.finalize(self, _delete, self._spool, os.getpid())
            with self._open() as source:
                yield source

    def _unpacked(self) -> str:
        """Write the matrix to a temporary .npy file."""
        handle, spool = tempfile.mkstemp(prefix="neurogeom-", suffix=".npy")
        try:
            with os.fdopen(handle, "wb") as file, self._open() as source:
                source.copy_to(file)
        except BaseException as error:
            os.unlink(spool)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise OSError(
                    error.errno,
                    f"{error.strerror} while unpacking {self.location['path']} into {os.path.dirname(spool)} "
                    "(the environment variable TMPDIR moves it)",
                ) from error
            raise
        return spool

    def read(self) -> AnyArray:
        """Read the whole matrix into memory.

        Returns
        -------
        ndarray of shape (n_stimuli, n_units)
            C-contiguous and the caller's own; for an item that was given as an array, that array itself.

        Raises
        ------
        ValueError
            If the file is damaged, or no longer the one that was opened.
        """
        with self._open() as source:
            return source.whole()

    def blocks(self, n_rows: int) -> Iterator[AnyArray]:
        """Read rows in order, in blocks of `n_rows` (the last block may have fewer).

        Parameters
        ----------
        n_rows : int
            Rows per block.

        Returns
        -------
        iterator of ndarray, each (n_rows, n_units)
            The rows.

        Raises
        ------
        TypeError, ValueError
            If `n_rows` is not a positive integer, or the file is damaged or has changed.
        """
        return self._blocks(as_count(n_rows, "n_rows"))

    def _blocks(self, n_rows: int) -> Iterator[AnyArray]:
        (count, width), held = self.shape, None
        with self._open_for(n_rows, width) as source:
            # Rows that are stored together are read together, so that each chunk is unpacked once.
            step = source.height * max(1, n_rows // source.height) if source.has_rows() else count
            for start in range(0, count, step):
                rows = source.block(start, min(start + step, count), 0, width)
                held = rows if held is None else np.concatenate([held, rows])
                del rows
                while held is not None and len(held) >= n_rows:
                    yield held[:n_rows]
                    held = held[n_rows:] if len(held) > n_rows else None  # an empty view would hold it all
        if held is not None:
            yield held

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if len(parts) > 2:
            raise IndexError(f"an item has two axes, but {len(parts)} indices were given")
        rows = _as_rows(parts[0] if parts else slice(None), self.shape[0])
        columns = _as_columns(parts[1] if len(parts) > 1 else slice(None), self.shape[1])
        at = rows if not isinstance(rows, slice) else np.arange(len(self))[rows]
        across = range(self.shape[1])[columns] if isinstance(columns, slice) else range(columns, columns + 1)
        found = self._take(np.atleast_1d(at), across)
        if not isinstance(columns, slice):
            found = found[:, 0]
        return found if isinstance(rows, slice) or rows.ndim else found[0]

    def _take(self, rows: NDArray[np.int64], columns: range) -> AnyArray:
        out = np.empty((len(rows), len(columns)), dtype=self.dtype)
        if out.size == 0:
            return out
        first, last = min(columns[0], columns[-1]), max(columns[0], columns[-1]) + 1
        neighbours = columns.step == 1 and bool((np.diff(rows) == 1).all())
        with self._open_for(len(rows), last - first) as source:
            if neighbours and source.has_rows():
                return source.block(int(rows[0]), int(rows[-1]) + 1, first, last)
            order = np.argsort(rows, kind="stable")
            across = [column - first for column in columns]
            for run in self._runs(rows[order], source):
                start = int(rows[order[run.start]]) if source.has_rows() else 0
                stop = int(rows[order[run.stop - 1]]) + 1 if source.has_rows() else len(self)
                block = source.block(start, stop, first, last)
                out[order[run]] = block[rows[order[run]] - start][:, across]
        return out

    def _runs(self, rows: NDArray[np.int64], source: Source) -> Iterator[slice]:
        """Divide ascending rows into stretches worth reading in one go."""
        if not source.has_rows():
            yield slice(0, len(rows))
            return
        row = max(1, self.nbytes // len(self))
        gap, most = max(source.height, _GAP // row, 1), max(1, _PIECE // row)
        start = 0
        for i in range(1, len(rows)):
            if rows[i] - rows[i - 1] > gap or rows[i] - rows[start] >= most:
                yield slice(start, i)
                start = i
        yield slice(start, len(rows))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        with self._open() as source:
            found = None if copy else source.map()
            wanted = self.dtype if dtype is None else np.dtype(dtype)
            if copy is False and (found is None or found.dtype != wanted):
                raise ValueError(
                    f"item {self.name!r} is not in memory in this form, so copy=False is impossible"
                )
            if found is None:
                found = np.array(source.whole()) if self._array is not None else source.whole()
        return found.astype(wanted, copy=False)

    # ---- identity

    def stamp(self) -> dict[str, int]:
        """Return the size and modification time of what is stored, without reading it.

        Returns
        -------
        dict
            ``size`` in bytes and ``mtime_ns`` of the file; for a Zarr array, the sum and the newest of its
            files; for an item that was given as an array, its bytes and 0.
        """
        if self._array is not None:
            return {"size": int(self._array.nbytes), "mtime_ns": 0}
        return stamp_of(self.location)

    def content_hash(self) -> str:
        """Return a checksum of the matrix; see :func:`content_hash`.

        Returns
        -------
        str
            SHA-256 in hexadecimal.
        """
        n_rows = max(1, _PIECE // (self.nbytes // len(self)))
        return hash_of_matrix(self.dtype, self.shape, self.blocks(n_rows))


def stamp_of(location: Mapping[str, Any]) -> dict[str, int]:
    """Return the stamp of an item that is not opened; see :meth:`StoredItem.stamp`."""
    files = [location["path"]]
    if location["kind"] == "zarr":
        tree = os.walk(os.path.join(location["path"], location["key"]))
        files = [os.path.join(folder, name) for folder, _, names in tree for name in names]
    found = [os.stat(file) for file in files]
    return {"size": sum(f.st_size for f in found), "mtime_ns": max(f.st_mtime_ns for f in found)}


def _as_rows(value: Any, count: int) -> Any:
    """Resolve a selection of rows: an integer, a slice, a mask or an array of integers."""
    if isinstance(value, slice) or value is Ellipsis:
        return slice(None) if value is Ellipsis else value
    array = np.asarray(value)
    if array.dtype.kind == "b" and array.ndim:
        if array.shape != (count,):
            raise IndexError(
                f"the mask must have one entry for each of the {count} rows, not shape {array.shape}"
            )
        return np.flatnonzero(array)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise IndexError("rows must be an integer, a slice, a mask or a vector of integers")
    wrong = (array < -count) | (array >= count)
    if wrong.any():
        at = int(array if array.ndim == 0 else array[wrong][0])
        raise IndexError(f"row {at} is out of range for {count} rows")
    return np.where(array < 0, array + count, array)


def _as_columns(value: Any, count: int) -> int | slice:
    """Resolve a selection of columns: an integer or a slice."""
    if value is Ellipsis:
        return slice(None)
    if isinstance(value, slice):
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise IndexError(f"columns must be an integer or a slice, not {type(value).__name__}")
    if not -count <= value < count:
        raise IndexError(f"column {int(value)} is out of range for {count} columns")
    return int(value) % count


def _delete(path: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child must not delete what its parent is reading
        with contextlib.suppress(OSError):
            os.unlink(path)
