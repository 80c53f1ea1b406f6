"""Arrays out of the files a user names on the command line, checked before any work is done.

Only headers are read until an array is asked for, and nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _validate
from ._io_headers import NPY, PICKLE, ZIP, Header, read_npy_header, read_npz_headers
from ._validate import AnyArray

_MAX_SHOWN = 30  # arrays listed in an error


class InputError(Exception):
    """What the user gave cannot be used; shown in one line, without a traceback."""


@contextlib.contextmanager
def user_input(prefix: str = "") -> Iterator[None]:
    """Turn the errors that bad input raises into `InputError`; `prefix` says where."""
    lead = f"{prefix}: " if prefix else ""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{lead}{error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        reason = str(error)[:80]  # it may quote the damaged bytes
        raise InputError(f"{lead}not a usable zip archive: {reason}") from error
    # zlib, EOF: a cut file; RuntimeError, NotImplementedError: an encrypted or exotic zip.
    except (TypeError, ValueError, EOFError, zlib.error, RuntimeError) as error:
        raise InputError(f"{lead}{error}") from error


class DataFile:
    """The arrays of one .npz file, or the one array of a .npy file.

    Attributes
    ----------
    headers : dict of str to (shape, dtype)
        What is in the file.
    notes : list of str
        What was done to the data on the way, for the user to know.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self._archive: Any = None
        # NumPy leaves a file open when it turns out not to be a zip; this one is closed by us.
        with user_input(path), contextlib.ExitStack() as stack:
            file = stack.enter_context(open(path, "rb"))
            magic = file.read(len(NPY))
            file.seek(0)
            if magic == NPY:
                name = os.path.splitext(os.path.basename(path))[0]
                self.headers = {name: _shape_and_dtype(read_npy_header(file))}
            elif magic.startswith(ZIP):
                self._archive = stack.enter_context(np.load(file, allow_pickle=False))
                self.headers = self._archive_headers()
            elif magic.startswith(PICKLE):
                raise InputError(f"{path}: a pickle, which is refused: reading it can run code")
            else:
                raise InputError(f"{path}: neither a .npz nor a .npy file")
            self._open = stack.pop_all()

    def __enter__(self) -> DataFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def is_archive(self) -> bool:
        """Whether the file holds named arrays."""
        return self._archive is not None

    def _archive_headers(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        headers = read_npz_headers(self._archive.zip)
        return {name: _shape_and_dtype(header) for name, header in headers.items()}

    def read(self, name: str) -> AnyArray:
        """Read one array; that of a .npy file is only mapped into memory."""
        _shape, dtype = self.headers[name]
        if dtype.hasobject:
            raise InputError(
                f"{self.path}: {name} holds pickled Python objects, which are refused: reading "
                "them can run code (save it as a plain array of numbers or strings)"
            )
        with user_input(f"{self.path}: {name}"):
            if self._archive is not None:
                array: AnyArray = self._archive[name]
            else:
                array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return array

    def read_labels(self, given: str) -> AnyArray:
        """Read labels: a key of this archive, or a .npy file of their own."""
        if self.is_archive and given in self.headers:
            return self.read(given)
        if given.endswith(".npy"):
            with DataFile(given) as other:
                if not other.is_archive:
                    return other.read(next(iter(other.headers)))
        if self.is_archive:
            raise InputError(f"--labels: {self.missing(given)}")
        raise InputError(f"--labels must be a .npy file when the data are one, not {given!r}")

    def choose(self, names: Sequence[str] | None, labels: AnyArray, labels_name: str) -> list[str]:
        """Pick the data sets: those named, else every matrix with a row for each label."""
        if not self.is_archive:
            if names:
                raise InputError(f"--data names arrays of a .npz file, but {self.path} is a .npy")
            names = list(self.headers)
        elif not names:
            names = [
                name
                for name, (shape, dtype) in self.headers.items()
                if name != labels_name and len(shape) == 2 and shape[0] == len(labels)
                if dtype.kind in "fiub" and dtype.itemsize <= 8
            ]
            if not names:
                raise InputError(
                    f"{self.path}: no numeric matrix has {len(labels)} rows, one for each label; "
                    f"it holds {self.contents()}"
                )
        for name in names:
            if name not in self.headers:
                raise InputError(f"--data: {self.missing(name)}")
            shape, _dtype = self.headers[name]
            if len(shape) < 2:
                raise InputError(f"{name} must have rows and columns, not shape {shape}")
            with user_input():
                _validate.as_labels(labels, shape[0], f"{labels_name} (for {name})")
        return list(dict.fromkeys(names))

    def rows(self, name: str) -> AnyArray:
        """Read one data set as a checked (n_samples, n_features) matrix."""
        array = self.read(name)
        with user_input(self.path):
            if array.ndim > 2:
                flat = array.reshape(len(array), -1)
                note = f"{name} of shape {array.shape} is flattened to {flat.shape}"
                if note not in self.notes:
                    self.notes.append(note)
                # Checked as it was, so that a bad value is named by its place in the file.
                _validate.require_finite(_validate.as_array(array, name), name)
                array = flat
            array = _validate.as_matrix(array, name)
            _validate.require_finite(array, name)
        return array

    def contents(self) -> str:
        """List the arrays for an error."""
        shown = [f"{name} {shape} {dtype}" for name, (shape, dtype) in self.headers.items()]
        if len(shown) > _MAX_SHOWN:
            shown[_MAX_SHOWN:] = [f"and {len(shown) - _MAX_SHOWN} more"]
        return ", ".join(shown) or "no arrays"

    def missing(self, name: str) -> str:
        """Say that an array is not there, and which are."""
        return f"{self.path} has no {name!r}; it holds {self.contents()}"


def _shape_and_dtype(header: Header) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return header.shape, header.dtype


def check_output(path: str | None, source: str | None = None) -> None:
    """Raise if a result could not be written there, before long work is done for it."""
    if path is None:
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no directory {folder}")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a directory")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise InputError(f"{path}: not allowed to write there")
    if source is not None and os.path.exists(path) and os.path.samefile(path, source):
        raise InputError(f"{path}: would overwrite the data")


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn what the system says about a file that cannot be written into `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
