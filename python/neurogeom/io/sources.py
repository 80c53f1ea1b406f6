"""What a file of each kind holds, and matrices in files, kept open while they are read.

What is read, blocks of rows and ranges of columns, is the caller's own, C-contiguous and in native byte
order. Arrays of more than two axes appear with all but the first as columns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import math
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Literal, NoReturn

import numpy as np

from .._base.checks import AnyArray, require_extra
from .checks import place, readable, refuse_content, refuse_pickle
from .formats import Header, npy_header, read_npy_header, read_npz_headers, safetensors_headers

# A range of columns is read as such unless the chunks that hold it are wider by more than this factor.
_WASTE = 4
PIECE = 1 << 24  # bytes of unwanted data in memory at once
_STREAM = 1 << 20  # bytes read from an archive at once
_OF_MATLAB = ("#refs#", "#subsystem#")  # where MATLAB keeps the content of its cell arrays and objects
_MAX_SHOWN = 30  # arrays listed in an error


# ---- what a file holds


def _hdf5() -> Any:
    return require_extra("h5py", "io", "an HDF5 file")


def _zarr() -> Any:
    return require_extra("zarr", "store", "a Zarr array")


def headers_of(kind: str, path: str) -> dict[str, Header]:
    """List the headers in a file by name; the only array of a file is called ''."""
    if kind == "npy":
        return {"": npy_header(path)}
    if kind == "safetensors":
        return safetensors_headers(path)
    found: dict[str, Header] = {}
    if kind == "npz":
        with readable(path, ""):
            found = read_npz_headers(_opened_zip(path), path)
    elif kind == "hdf5":
        with readable(path, ""), _hdf5().File(path, "r") as file:
            found = dict(_hdf5_headers(file, "", (), set()))
    elif kind == "zarr":
        zarr = _zarr()
        with readable(path, ""):
            root = zarr.open(path, mode="r")
            members = [("", root)] if isinstance(root, zarr.Array) else root.members(max_depth=None)
            for name, thing in sorted(members, key=lambda pair: str(pair[0])):
                if isinstance(thing, zarr.Array):
                    found[name] = Header(tuple(thing.shape), np.dtype(thing.dtype))
    return found


def _hdf5_headers(
    group: Any, above: str, groups: tuple[Any, ...], seen: set[Any], linked: bool = False
) -> Iterator[tuple[str, Header]]:
    """List what an HDF5 group holds; links within the file are followed, but not in circles."""
    h5py = _hdf5()
    for name in group:
        place = f"{above}{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            why = f"is a link to {link.path!r} of {link.filename!r}: open that file"
            yield place, Header((), np.dtype("V1"), reason=why)
            continue
        thing = group.get(name)
        if thing is None:
            to = repr(link.path) if isinstance(link, h5py.SoftLink) else "a damaged place"
            yield place, Header((), np.dtype("V1"), reason=f"is a broken link to {to}")
            continue
        other = linked or isinstance(link, h5py.SoftLink) or thing in seen
        if not other:
            seen.add(thing)
        if isinstance(thing, h5py.Dataset):
            yield place, dataclasses.replace(_hdf5_header(thing), is_link=other)
        elif isinstance(thing, h5py.Group) and name not in _OF_MATLAB and thing not in (*groups, group):
            yield from _hdf5_headers(thing, f"{place}/", (*groups, group), seen, other)


def _hdf5_header(dataset: Any) -> Header:
    """Describe an HDF5 dataset; an attribute of MATLAB's says that the last axis is stored first."""
    shape, dtype = tuple(dataset.shape or ()), np.dtype(dataset.dtype)
    kind = dataset.attrs.get("MATLAB_class")
    if kind is None:
        return Header(shape, dtype)
    if "MATLAB_empty" in dataset.attrs:  # it then holds its shape
        return Header((0, 0), dtype)
    return Header(shape[::-1], np.dtype("U1") if kind in (b"char", "char") else dtype, fortran=True)


def contents_of(headers: Mapping[str, Header]) -> str:
    """List arrays, for an error."""
    shown = [
        f"{key} {header.shape} {header.dtype}".lstrip() for key, header in list(headers.items())[:_MAX_SHOWN]
    ]
    if len(headers) > _MAX_SHOWN:
        shown.append(f"and {len(headers) - _MAX_SHOWN} more")
    return ", ".join(shown) or "no arrays"


def require_key(key: str, headers: Mapping[str, Header], path: str, argument: str = "") -> None:
    """Refuse the name of an array that a file does not hold; `argument` is where it was given."""
    if key not in headers:
        lead = f"{argument}: " if argument else ""
        raise ValueError(f"{lead}{path} has no {key!r}; it holds {contents_of(headers)}")


# ---- a matrix in a file that is open


class Source:
    """A matrix in a file that is open; a context manager.

    Attributes
    ----------
    shape : (int, int)
        Numbers of stimuli and units.
    dtype : dtype
        In native byte order.
    height : int
        Rows that are stored as one and can only be read together.
    """

    height = 1

    def __init__(self, path: str, key: str, header: Header) -> None:
        self.path, self.key, self.header = path, key, header
        self.dtype = header.native
        self.shape = (header.shape[0] if header.shape else 1, math.prod(header.shape[1:]))

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def block(self, start: int, stop: int, first: int, last: int) -> AnyArray:
        """Read rows start to stop and columns first to last."""
        raise NotImplementedError

    def whole(self) -> AnyArray:
        """Read everything."""
        return self.block(0, self.shape[0], 0, self.shape[1])

    def has_columns(self, width: int) -> bool:
        """Return whether this many adjacent columns can be read without reading most of the others."""
        return width * _WASTE >= self.shape[1]

    def has_rows(self) -> bool:
        """Return whether rows can be read one after the other."""
        return True

    def map(self) -> AnyArray | None:
        """Return a read-only memory map of the matrix, if its layout in the file allows one."""
        return None

    def copy_to(self, file: IO[bytes]) -> None:
        """Write the matrix as a .npy file."""
        raise NotImplementedError

    def _in_pieces(
        self, rows: Callable[[slice], AnyArray], start: int, stop: int, first: int, last: int
    ) -> AnyArray:
        """Read columns by reading whole rows, a piece of them in memory at a time."""
        width, size = self.shape[1], self.dtype.itemsize
        if last - first == width:
            return _native(_flat(np.asarray(rows(slice(start, stop)))), self.dtype)
        found = np.empty((stop - start, last - first), dtype=self.dtype)
        step = self.height * max(1, PIECE // (width * size * self.height))
        for begin in range(start, stop, step):
            end = min(begin + step, stop)
            found[begin - start : end - start] = _flat(np.asarray(rows(slice(begin, end))))[:, first:last]
        return found


class ArraySource(Source):
    """An array that is in memory, or mapped into it, already."""

    def __init__(self, array: AnyArray) -> None:
        super().__init__("", "", Header(array.shape, array.dtype))
        self._array = array

    def block(self, start: int, stop: int, first: int, last: int) -> AnyArray:
        return np.array(self._array[start:stop, first:last], dtype=self.dtype, order="C")

    def whole(self) -> AnyArray:
        return np.asarray(self._array, dtype=self.dtype)

    def has_columns(self, width: int) -> bool:
        return True

    def map(self) -> AnyArray | None:
        return self._array if self._array.dtype == self.dtype else None


class FlatSource(Source):
    """A byte range of a file: .npy and safetensors; `file` if it is not where errors say it is."""

    def __init__(self, path: str, key: str, header: Header, file: str | None = None) -> None:
        super().__init__(path, key, header)
        self._file = file or path

    def _map(self) -> AnyArray:
        header = self.header
        order: Literal["F", "C"] = "F" if header.fortran else "C"
        with readable(self.path, self.key):
            return np.memmap(self._file, header.dtype, "r", header.offset, header.shape, order)

    def map(self) -> AnyArray | None:
        aligned = self.header.offset % self.dtype.alignment == 0  # safetensors may start anywhere
        if self.header.dtype != self.dtype or self.header.bfloat16 or not aligned:
            return None
        full = self._map()
        if full.ndim == 2:
            return full
        return None if self.header.fortran else full.reshape(self.shape)

    def block(self, start: int, stop: int, first: int, last: int) -> AnyArray:
        header, width = self.header, self.shape[1]
        if last - first < width or header.fortran:
            full = self._map()
            if full.ndim == 2:
                return _native(full[start:stop, first:last], self.dtype, header.bfloat16)
            return self._in_pieces(full.__getitem__, start, stop, first, last)
        # Read, not mapped: pages of a map would count as memory of this process.
        count, begin = (stop - start) * width, header.offset + start * width * header.dtype.itemsize
        with readable(self.path, self.key):
            flat = np.fromfile(self._file, header.dtype, count, offset=begin)
        if flat.size != count:
            _refuse_short(self.path, self.key)
        return _native(flat.reshape(stop - start, width), self.dtype, header.bfloat16)

    def has_columns(self, width: int) -> bool:
        return True


class MemberSource(Source):
    """A member of an .npz archive: a stream that is read forwards."""

    def __init__(self, path: str, key: str) -> None:
        self._archive = _opened_zip(path)
        with readable(path, key), contextlib.ExitStack() as stack:
            self._stream = stack.enter_context(member(self._archive, path, key))
            super().__init__(path, key, read_npy_header(self._stream))
            # Before memory is reserved for what a damaged header announces.
            announced = self._stream.tell() + self.header.nbytes
            if not self.header.dtype.hasobject and announced != self._archive.getinfo(f"{key}.npy").file_size:
                _refuse_short(path, key)
            stack.pop_all()  # open until the source is left
        self._at = 0

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def block(self, start: int, stop: int, first: int, last: int) -> AnyArray:
        header, (count, width) = self.header, self.shape
        with readable(self.path, self.key):
            if header.fortran:  # its rows are spread over the stream
                self._seek(0)
                flat = self._next(count * width)
                self._at = count
                rows = _flat(flat.reshape(header.shape, order="F"))
                return _native(rows[start:stop, first:last], self.dtype)
            self._seek(start)
            return self._in_pieces(self._rows, start, stop, first, last)

    def _rows(self, rows: slice) -> AnyArray:
        """Read the next rows, which these are."""
        found = self._next((rows.stop - rows.start) * self.shape[1])
        self._at = rows.stop
        # The checksum is compared only when the end is read.
        if self._at == self.shape[0] and self._stream.read(1):
            _refuse_short(self.path, self.key)
        return found.reshape(rows.stop - rows.start, self.shape[1])

    def _seek(self, row: int) -> None:
        if row < self._at:
            self._stream.close()
            self._stream = self._archive.open(f"{self.key}.npy")
            read_npy_header(self._stream)
            self._at = 0
        left = (row - self._at) * self.shape[1] * self.header.dtype.itemsize
        while left:
            piece = self._stream.read(min(_STREAM, left))
            if not piece:
                _refuse_short(self.path, self.key)
            left -= len(piece)
        self._at = row

    def _next(self, count: int) -> AnyArray:
        flat = np.empty(count, dtype=self.header.dtype)
        target, done = flat.view(np.uint8), 0
        while done < len(target):
            piece = self._stream.read(min(_STREAM, len(target) - done))
            if not piece:
                _refuse_short(self.path, self.key)
            target[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
        return flat

    def has_rows(self) -> bool:
        return not self.header.fortran

    def copy_to(self, file: IO[bytes]) -> None:
        with self._archive.open(f"{self.key}.npy") as stream:
            while piece := self._piece(stream):
                file.write(piece)

    def _piece(self, stream: IO[bytes]) -> bytes:
        with readable(self.path, self.key):
            return stream.read(_STREAM)


class DatasetSource(Source):
    """A dataset of HDF5 or an array of Zarr."""

    def __init__(self, path: str, key: str, dataset: Any, header: Header, close: Any = None) -> None:
        super().__init__(path, key, header)
        self.dataset, self._close = dataset, close
        self._chunks = getattr(dataset, "chunks", None)
        if header.fortran and self._chunks:
            self._chunks = self._chunks[::-1]
        self.height = self._chunks[0] if self._chunks else 1

    def __exit__(self, *error: object) -> None:
        if self._close is not None:
            self._close()

    def block(self, start: int, stop: int, first: int, last: int) -> AnyArray:
        with readable(self.path, self.key):
            if len(self.header.shape) == 2:
                return _native(self._part(slice(start, stop), slice(first, last)), self.dtype)
            return self._in_pieces(self._part, start, stop, first, last)

    def _part(self, rows: slice, columns: slice | None = None) -> AnyArray:
        """Read some rows, and a part of them along the second axis."""
        index = (rows,) if columns is None else (rows, columns)
        if self.header.fortran:
            return np.asarray(self.dataset[(..., *index[::-1])]).T
        return np.asarray(self.dataset[index])

    def copy_to(self, file: IO[bytes]) -> None:
        fields = {"descr": self.dtype.str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_2_0(file, fields)
        file.flush()
        # Chunk by chunk: some span all rows, and all of them together need not fit into memory.
        size, (count, across, *others) = self.dtype.itemsize, self.header.shape
        depth = math.prod(others)
        height, width = (self._chunks or (1, across))[:2]
        width = min(across, width * max(1, PIECE // (size * height * width * depth)))
        height *= max(1, PIECE // (size * height * width * depth))
        begin, row = file.tell(), size * self.shape[1]
        for top in range(0, count, height):
            for left in range(0, across, width):
                with readable(self.path, self.key):
                    found = self._part(slice(top, top + height), slice(left, left + width))
                tile = _native(_flat(found), self.dtype)
                at = begin + top * row + left * depth * size
                if tile.shape[1] == self.shape[1]:
                    _write_at(file, tile, at)
                    continue
                for i, part in enumerate(tile):
                    _write_at(file, part, at + i * row)

    def has_columns(self, width: int) -> bool:
        if len(self.header.shape) == 2 and (self._chunks is None or self._chunks[1] <= _WASTE * width):
            return True
        return super().has_columns(width)


def member(archive: zipfile.ZipFile, path: str, key: str) -> IO[bytes]:
    """Open a member of an archive as a stream."""
    try:
        return archive.open(f"{key}.npy")
    except KeyError:
        require_key(key, read_npz_headers(archive, path), path)
        raise


def _refuse_short(path: str, key: str) -> NoReturn:
    raise ValueError(f"{place(path, key)}: its size differs from what its header says: damaged or truncated")


def _write_at(file: IO[bytes], array: AnyArray, offset: int) -> None:
    # Not through a map: on a full disk that would end the process.
    left = memoryview(array.reshape(-1).view(np.uint8).data)
    while left:
        done = os.pwrite(file.fileno(), left, offset)
        left, offset = left[done:], offset + done


def _flat(array: AnyArray) -> AnyArray:
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _native(array: AnyArray, dtype: np.dtype[Any], bfloat16: bool = False) -> AnyArray:
    """Return an array that the caller owns, in native byte order."""
    if bfloat16:
        return (np.array(array, dtype=np.uint32, order="C") << np.uint32(16)).view(np.float32)
    if not array.flags.writeable:  # a view of a map
        return np.array(array, dtype=dtype, order="C")
    return np.ascontiguousarray(array, dtype=dtype)


def open_source(kind: str, path: str, key: str) -> Source:
    """Open one matrix of a file."""
    if kind == "npy":
        return FlatSource(path, "", npy_header(path))
    if kind == "safetensors":
        headers = safetensors_headers(path)
        require_key(key, headers, path)
        return FlatSource(path, key, headers[key])
    if kind == "npz":
        return MemberSource(path, key)
    if kind == "hdf5":
        h5py = _hdf5()
        with readable(path, key):
            file = h5py.File(path, "r")
            if not isinstance(file.get(key), h5py.Dataset):
                file.close()
                raise ValueError("no such dataset")
        return DatasetSource(path, key, file[key], _hdf5_header(file[key]), file.close)
    zarr = _zarr()
    with readable(path, key):
        array = zarr.open_array(path, path=key, mode="r")
        return DatasetSource(path, key, array, Header(tuple(array.shape), np.dtype(array.dtype)))


def read_labels(kind: str, path: str, key: str, what: str = "ids") -> AnyArray:
    """Read a vector of labels, which may be strings."""
    if kind == "npz":
        with readable(path, key):
            archive = _opened_zip(path)
            with member(archive, path, key) as stream:
                header = read_npy_header(stream)
            _require_labels(header, header.shape, path, key, what)
            with member(archive, path, key) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    with open_source(kind, path, key) as source, readable(path, key):
        of_matlab = isinstance(source, DatasetSource) and source.header.fortran
        shape = source.header.shape  # MATLAB has no vectors
        shape = shape if not of_matlab or 1 not in shape else (max(shape),)
        _require_labels(source.header, shape, path, key, what, may_hold_objects=kind != "npy")
        if not isinstance(source, DatasetSource):
            return source.whole()[:, 0]
        dataset = source.dataset
        if of_matlab:
            return _matlab_labels(dataset)
        if source.header.dtype.kind == "O" and kind == "hdf5":
            dataset = dataset.asstr()
        array = np.asarray(dataset[...])
        if array.dtype.kind == "S":
            array = np.char.decode(array, "utf-8")
    if array.dtype.kind in "OT" and all(isinstance(label, str) for label in array):
        return np.array(list(array), dtype=np.str_)
    return array


def _matlab_labels(dataset: Any) -> AnyArray:
    """Read a row or column of MATLAB: numbers, or a cell array of text."""
    values = np.asarray(dataset[...]).ravel()
    if values.dtype.kind != "O":
        return values
    return np.array(["".join(map(chr, dataset.file[cell][...].ravel())) for cell in values])


def _require_labels(
    header: Header, shape: tuple[int, ...], path: str, key: str, what: str, *, may_hold_objects: bool = False
) -> None:
    """Refuse labels that are not a vector, or are pickled, before they are read."""
    if len(shape) != 1:
        raise ValueError(
            f"{place(path, key)}: {what} must be one label for each stimulus, not of shape {shape}"
        )
    if header.dtype.hasobject and not may_hold_objects:  # as those of a column of pandas are
        refuse_pickle(path, key, f"{what} of text: save {what}.astype(str)")


# ---- archives that stay open for a while: the list of 10,000 members is not read for each of them


class _SharedFile(io.RawIOBase):
    """A file that each thread reads from a position of its own.

    Since Python 3.12, `zipfile` opens a member by a relative seek from the current position, which is not
    where it left it if other threads read members in the meantime.
    """

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_RDONLY)
        self._at = threading.local()

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return getattr(self._at, "place", 0)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: os.fstat(self._handle).st_size}
        place = start[whence] + offset
        if place < 0:  # in a damaged archive
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at.place = place
        return place

    def read(self, size: int = -1, /) -> bytes:
        place = self.tell()
        wanted = max(0, os.fstat(self._handle).st_size - place) if size is None or size < 0 else size
        found = os.pread(self._handle, wanted, place)
        self._at.place = place + len(found)
        return found

    def close(self) -> None:
        if not self.closed:
            os.close(self._handle)
        super().close()


_OPEN_ZIPS: OrderedDict[tuple[Any, ...], zipfile.ZipFile] = OrderedDict()
_ZIPS_KEPT = 4
_zips_lock = threading.Lock()


def _opened_zip(path: str) -> zipfile.ZipFile:
    """Open an archive, or return it if it is open already."""
    found = os.stat(path)
    # A forked child may inherit locks held by its parent's threads, so it opens the file anew.
    place = (os.getpid(), path, found.st_ino, found.st_size, found.st_mtime_ns)
    with _zips_lock:
        archive = _OPEN_ZIPS.pop(place, None)
        if archive is None:
            file = _SharedFile(path)  # closes once no archive, source or stream holds it
            magic = file.read(2)
            if magic != b"PK":
                refuse_content(path, ".npz", is_pickle=magic.startswith(b"\x80"))
            with readable(path, ""):
                archive = zipfile.ZipFile(file)
        _OPEN_ZIPS[place] = archive
        while len(_OPEN_ZIPS) > _ZIPS_KEPT:
            # Not closed here, as another thread may be about to read; it closes once nobody holds it.
            _OPEN_ZIPS.popitem(last=False)
    return archive
