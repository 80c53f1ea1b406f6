"""Kinds of files, and their headers: names, shapes and dtypes of arrays, without the data.

Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import tokenize
import zipfile
from typing import IO, Any, NoReturn

import numpy as np

from .checks import place, readable, refuse_content, refuse_pickle

NPY = b"\x93NUMPY"
ZIP = b"PK"
PICKLE = b"\x80"
HDF5 = b"\x89HDF"

ENDINGS = {
    ".npy": "npy",
    ".npz": "npz",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".mat": "hdf5",  # of MATLAB from version 7.3 on
    ".safetensors": "safetensors",
    ".zarr": "zarr",
}
SUPPORTED = ".npy, .npz, .h5, .hdf5, .mat (version 7.3), .safetensors and Zarr directories"
OLD_MATLAB = (
    "a MATLAB file older than format 7.3: save it with save('x.mat', '-v7.3'), or convert it with "
    "scipy.io.loadmat and numpy.savez"
)
# Files with these extensions are, or hold, pickles.
PICKLE_ENDINGS = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
_USER_BLOCK = 512  # bytes that MATLAB puts before the HDF5
_ZARR_FILES = {"zarr.json", ".zarray", ".zgroup"}

# bfloat16 is the upper half of a float32, which NumPy has no dtype for.
_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_LONGEST_HEADER = 100_000_000  # the limit of the safetensors library


@dataclasses.dataclass(frozen=True)
class Header:
    """Where an array lies in a file and what it is."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]  # of the bytes in the file
    offset: int = 0
    fortran: bool = False  # of HDF5: axes are stored in reverse order, as MATLAB does
    bfloat16: bool = False
    is_link: bool = False  # another name for something elsewhere in the file
    reason: str = ""  # why it cannot be read, if shape and dtype do not show it

    @property
    def native(self) -> np.dtype[Any]:
        """The dtype in this machine's byte order."""
        if self.bfloat16:
            return np.dtype(np.float32)
        return self.dtype.newbyteorder("=") if self.dtype.kind in "fiub" else self.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the array in the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    def why_no_matrix(self, flatten: bool, option: str = "flatten=True") -> str | None:
        """Explain why the array is no representation; None if it is one. `option` would make it one."""
        shape = self.shape
        if self.reason:
            return self.reason
        if self.dtype.kind not in "fiub" or self.dtype.itemsize > 8:
            return f"must hold real numbers of at most 64 bits, not {self.dtype}"
        if len(shape) < 2 or (len(shape) > 2 and not flatten):
            hint = f"; {option} takes its other axes as units" if len(shape) > 2 else ""
            return f"is not two-dimensional (n_stimuli, n_units), but of shape {shape}{hint}"
        if 0 in shape:
            return f"is empty (shape {shape})"
        if shape[0] < 2:
            return "has one stimulus; a representation needs at least two"
        return None


def require_matrix(
    kind: str, header: Header, path: str, key: str, flatten: bool, option: str = "flatten=True"
) -> None:
    """Refuse an array in a file that is no representation."""
    if header.dtype.hasobject and kind in ("npy", "npz"):
        refuse_pickle(path, key)
    why = header.why_no_matrix(flatten, option)
    if why is not None:
        raise ValueError(f"{place(path, key)}: {why}")


def read_npy_header(file: IO[bytes]) -> Header:
    """Read shape and dtype at the start of .npy data."""
    version = np.lib.format.read_magic(file)
    try:
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:  # written only for records whose field names are not Latin-1: never data of ours
            return Header((), np.dtype("V"))
    except (tokenize.TokenError, SyntaxError) as error:  # NumPy mistakes a damaged header for a Python 2 one
        raise ValueError(f"its header is damaged: {error}") from error
    return Header(shape, dtype, fortran=fortran)


def read_npz_headers(archive: zipfile.ZipFile, path: str) -> dict[str, Header]:
    """Read shapes and dtypes of all members of an .npz archive."""
    headers = {}
    for name in archive.namelist():
        if name.endswith("/data.pkl"):  # torch.save, whatever the ending of the file
            refuse_pickle(path, of_torch=True)
        if name.endswith(".npy"):
            with archive.open(name) as file:
                headers[name[: -len(".npy")]] = read_npy_header(file)
    return headers


def npy_header(path: str) -> Header:
    """Read the header of a .npy file and check that all of the data are there."""
    # Unbuffered: a header is one short read, and 10,000 of them should be quick.
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        magic = file.read(len(NPY))
        if magic != NPY:
            refuse_content(path, ".npy", is_pickle=magic.startswith(PICKLE))
        file.seek(0)
        with readable(path, ""):
            header = read_npy_header(file)
        header = dataclasses.replace(header, offset=file.tell())
    wanted = header.offset + header.nbytes
    if not header.dtype.hasobject and size < wanted:
        raise ValueError(f"{path}: truncated: its header announces {wanted} bytes, but the file has {size}")
    return header


def safetensors_headers(path: str) -> dict[str, Header]:
    """Read what a safetensors file holds: an 8-byte length, that many bytes of JSON, then the tensors."""
    found = os.stat(path)
    return _safetensors_headers(path, found.st_size, (found.st_ino, found.st_mtime_ns))


@functools.lru_cache(maxsize=8)
def _safetensors_headers(path: str, size: int, _version: tuple[int, int]) -> dict[str, Header]:
    with open(path, "rb") as file, readable(path, ""):
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise ValueError("not a safetensors file, or a truncated one")
        text = json.loads(file.read(length))
        if not isinstance(text, dict):
            raise ValueError("its header is not a mapping")
        text.pop("__metadata__", None)
        return {name: _tensor(entry, 8 + length, size) for name, entry in text.items()}


def _tensor(entry: Any, start: int, size: int) -> Header:
    """Read one entry of a safetensors header."""
    shape = tuple(int(n) for n in entry["shape"])
    begin, end = (int(n) for n in entry["data_offsets"])
    kind = entry["dtype"]
    if kind not in _SAFETENSORS:  # eight-bit floats and the like
        return Header(shape, np.dtype("V1"))
    header = Header(shape, np.dtype(_SAFETENSORS[kind]), start + begin, bfloat16=kind == "BF16")
    if min(shape, default=0) < 0 or begin < 0 or end - begin != header.nbytes or start + end > size:
        raise ValueError("a tensor lies outside the file, which is damaged or truncated")
    return header


def is_old_matlab(path: str) -> bool:
    """Return whether a MATLAB file has one of the formats before HDF5."""
    if os.path.splitext(path)[1].lower() != ".mat" or os.path.isdir(path):
        return False
    with open(path, "rb") as file:
        start = file.read(_USER_BLOCK + len(HDF5))
    return not (start.startswith(HDF5) or start.endswith(HDF5))


def is_zarr(path: str) -> bool:
    """Return whether a directory is a Zarr array or group."""
    return any(os.path.exists(os.path.join(path, name)) for name in _ZARR_FILES)


def is_sweep(path: str) -> bool:
    """Return whether a directory is a sweep of this package, or a draft of one."""
    try:
        with open(os.path.join(path, "zarr.json"), encoding="utf-8") as file:
            return "neurogeom_sweep" in json.load(file).get("attributes", {})
    except (OSError, ValueError, AttributeError):
        return path.endswith(".partial") and os.path.exists(os.path.join(path, "draft.json"))


def kind_of(path: str) -> str:
    """Tell the kind of file by its extension, else by its content; refuse pickles and unknown kinds."""
    ending = os.path.splitext(path)[1].lower()
    if os.path.isdir(path):
        if is_zarr(path):
            return "zarr"
        _refuse_kind(path)
    if ending in PICKLE_ENDINGS:
        refuse_pickle(path)
    if is_old_matlab(path):
        raise ValueError(f"{path}: {OLD_MATLAB}")
    if ending in ENDINGS and ending != ".zarr":
        return ENDINGS[ending]
    with open(path, "rb") as file:
        magic = file.read(len(NPY))
    if magic.startswith(PICKLE):
        refuse_pickle(path)
    for start, kind in ((NPY, "npy"), (HDF5, "hdf5"), (ZIP, "npz")):
        if magic.startswith(start):
            return kind
    _refuse_kind(path)


def _refuse_kind(path: str) -> NoReturn:
    raise ValueError(f"{path}: not a kind of file that can be read ({SUPPORTED})")
