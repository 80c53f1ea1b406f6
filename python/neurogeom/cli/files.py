"""Arrays out of the files a user names on the command line, checked before any work is done.

Only headers are read until an array is asked for, and nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence

from .._base import checks as _validate
from .._base.checks import AnyArray
from ..io import checks as _validate_io
from ..io.formats import Header, kind_of
from ..io.kinds import headers_of, open_source, read_labels
from ..io.search import IdsOf, Search, why_no_matrix

_MAX_SHOWN = 30  # arrays listed in an error
FORMATS = ".npy, .npz, HDF5 (also of MATLAB), safetensors or Zarr"
TABLES = (".csv", ".tsv", ".json")


class InputError(Exception):
    """What the user gave cannot be used; shown in one line, without a traceback."""


@contextlib.contextmanager
def user_input(prefix: str = "") -> Iterator[None]:
    """Turn the errors that bad input raises into `InputError`; `prefix` says where."""
    lead = f"{prefix}: " if prefix else ""
    try:
        yield
    except (OSError, ImportError, TypeError, ValueError, EOFError, RuntimeError) as error:
        raise InputError(f"{lead}{_validate_io.describe(error)}") from error


def expanded(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Replace directories and patterns by the files that they stand for; also say what was left out."""
    search = Search(None, False, IdsOf(None))
    found = []
    for path in paths:
        if not os.path.isdir(path) and (os.path.lexists(path) or not glob.has_magic(path)):
            found.append(path)  # as it is called; what is wrong with it is said when it is opened
            continue
        with user_input():
            files = search.files(path, "FILE")
            if not files:
                _validate_io.refuse_empty(path, search.skipped)
        found += [path if file.is_named else os.path.relpath(file.path) for file in files]
    return found, search.left_out


class DataFile:
    """The arrays of one file, of any kind that :mod:`neurogeom.io` reads.

    Attributes
    ----------
    headers : dict of str to Header
        What is in the file.
    is_archive : bool
        Whether it holds named arrays; else its one array is called as the file.
    notes : list of str
        What was done to the data on the way, for the user to know.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        with user_input():
            os.stat(path)  # which names a file that is not there better than its library
            self.kind = kind_of(path)
            found = headers_of(self.kind, path)
        self.is_archive = list(found) != [""]
        stem = os.path.splitext(os.path.basename(os.path.abspath(path)))[0]
        self.headers: dict[str, Header] = found if self.is_archive else {stem: found[""]}

    def _key(self, name: str) -> str:
        return name if self.is_archive else ""

    def read(self, name: str) -> AnyArray:
        """Read one array; that of a .npy file is only mapped into memory."""
        header = self.headers[name]
        with user_input():
            if header.dtype.hasobject and self.kind in ("npy", "npz"):
                _validate_io.refuse_pickle(self.path, self._key(name))
            with open_source(self.kind, self.path, self._key(name)) as source:
                found = source.map()
                return (source.whole() if found is None else found).reshape(header.shape)

    def read_vector(self, name: str, what: str) -> AnyArray:
        """Read labels, which may be strings."""
        with user_input():
            return read_labels(self.kind, self.path, self._key(name), what)

    def pick(self, but: str | None, flatten: bool) -> tuple[list[str], list[str]]:
        """Pick each matrix of numbers, if none is asked for; also say what is left out, and why."""
        picked, left_out = [], []
        for name, header in self.headers.items():
            if name == but or header.is_link:
                continue
            why = why_no_matrix(header, flatten)
            if why is None:
                picked.append(name)
            elif len(header.shape) > 1 or header.reason:
                left_out.append(f"{name} {why}")
        return picked, left_out

    def require(self, names: Sequence[str], option: str) -> None:
        """Refuse names that the file does not have, or not as a matrix."""
        for name in names:
            if name not in self.headers:
                raise InputError(f"{option}: {self.missing(name)}")
            header = self.headers[name]
            if header.reason:
                raise InputError(f"{self.path}: {name} {header.reason}")
            if len(header.shape) < 2:
                raise InputError(f"{self.path}: {name} must have rows and columns, not shape {header.shape}")

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
        shown = [f"{name} {header.shape} {header.dtype}" for name, header in self.headers.items()]
        if len(shown) > _MAX_SHOWN:
            shown[_MAX_SHOWN:] = [f"and {len(shown) - _MAX_SHOWN} more"]
        return ", ".join(shown) or "no arrays"

    def missing(self, name: str) -> str:
        """Say that an array is not there, and which are."""
        return f"{self.path} has no {name!r}; it holds {self.contents()}"


def say_left_out(left_out: Sequence[str], path: str = "") -> str:
    """Say what of the data is not analysed, and how it could be."""
    lead = f"{path}: " if path else ""
    return f"{lead}left out: {_validate_io.cut(left_out, _MAX_SHOWN)}".replace("flatten=True", "--flatten")


def read_labels_file(given: str, option: str) -> AnyArray:
    """Read labels from FILE, which holds one array, or FILE:KEY."""
    path, colon, key = given.rpartition(":")
    if not colon or os.path.exists(given):
        path, key = given, ""
    if not key and not os.path.splitext(path)[1]:
        raise InputError(f"{option} must be a .npy file, or FILE.npz:KEY, not {given!r}")
    source = DataFile(path)
    if source.is_archive and not key:
        raise InputError(f"{option} must be a .npy file or FILE.npz:KEY, not {given!r}")
    if source.is_archive and key not in source.headers:
        raise InputError(f"{option}: {source.missing(key)}")
    return source.read_vector(key, "labels")


def check_output(path: str | None, source: str | None = None, endings: Sequence[str] = ()) -> None:
    """Raise if a result could not be written there, before long work is done for it."""
    if path is None or (path == "-" and endings):
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
    if os.path.exists(path) and not os.path.isfile(path):
        return  # /dev/null, /dev/stdout, a pipe: CSV
    if endings and os.path.splitext(path)[1].lower() not in endings:
        raise InputError(f"the output must end in {', '.join(endings)}, or be - for stdout, not {path!r}")
