"""Finds the matrices that paths, patterns, directories, lists and mappings stand for."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np

from .._base.checks import AnyArray, as_array, as_text, require_no_gaps, row_index, shown
from ..representations.checks import as_ids, as_names, as_responses, require_same_stimuli
from ..representations.representation import Representation
from .checks import MAX_BAD, cut, describe, place, readable, refuse_missing, why_pickle
from .formats import (
    ENDINGS,
    OLD_MATLAB,
    PICKLE_ENDINGS,
    SUPPORTED,
    Header,
    is_old_matlab,
    is_sweep,
    is_zarr,
    kind_of,
    require_matrix,
)
from .items import StoredItem
from .sources import headers_of, read_labels, require_key


class _File(NamedTuple):
    path: str  # as the user writes it, for errors
    root: str  # names are relative to it
    is_named: bool  # by the user, not found in a directory or by a pattern


Flatten = bool | Literal["asked"]


class Words(NamedTuple):
    """What the user calls the arguments, for errors."""

    source: str = "source"
    keys: str = "keys"
    ids: str = "ids"
    flatten: str = "flatten=True"
    skip_bad: str = "skip_bad"


class _Ids:
    """The ids of the stimuli of each item, read once for each file."""

    def __init__(self, given: Any, name: str) -> None:
        self.name = name
        self.key = given.strip("/") if isinstance(given, str) and not given.endswith(".npy") else None
        self.common: AnyArray | None = None
        if given is not None and self.key is None:
            if isinstance(given, (str, os.PathLike)):
                path = _as_path(given, name)
                if not path.endswith(".npy"):
                    raise ValueError(f"{name} as a file must be a .npy file, not {path!r}")
                with readable(path, ""):
                    self.common = np.load(path, allow_pickle=False)
            else:
                self.common = given

    def of(
        self, kind: str, path: str, headers: Mapping[str, Header], cache: dict[str, AnyArray]
    ) -> AnyArray | None:
        """Return the ids of an item of this file."""
        if self.key is None:
            return self.common
        if list(headers) == [""]:
            raise ValueError(
                f"{self.name}: {self.key!r} names an array of a .npz or the like, but {path} is one array"
            )
        require_key(self.key, headers, path, self.name)
        if path not in cache:
            cache.clear()  # items of one file follow each other
            cache[path] = read_labels(kind, path, self.key)
        return cache[path]


class Search:
    """Finds items, and remembers what it left out."""

    def __init__(self, keys: Any, flatten: Flatten, ids: Any, words: Words) -> None:
        self.keys, self.flatten, self.words = keys, flatten, words
        self.ids = _Ids(ids, words.ids)
        self.skipped: list[str] = []  # what is not a matrix
        self.left_out: list[str] = []  # of these, what the user may have meant (not labels or numbers)
        self.bad: list[Exception] = []  # what is wrong with files that cannot be used
        self.used_keys = False
        self.single = ""  # a file that holds one array
        self._read_ids: dict[str, AnyArray] = {}
        self._checked: tuple[Any, int, AnyArray] | None = None

    def everything(self, source: Any) -> list[StoredItem]:
        """Find all items of a source."""
        if isinstance(source, (str, os.PathLike)):
            files = _Files()
            with self._noting():
                files = self._files(source, self.words.source)
            return self._of_files(files)
        if isinstance(source, Mapping):
            found = []
            for key, value in source.items():
                label = f"source[{shown(key)}]"
                name = as_text(key, f"the name of {label}")
                of_file = isinstance(value, (str, os.PathLike))
                with self._noting() if of_file else contextlib.nullcontext():
                    found += self._of_entry(value, label, name)
            return found
        if isinstance(source, (bytes, np.ndarray, StoredItem, Representation)) or not hasattr(
            source, "__len__"
        ):
            _refuse_source(source, "source", whole=True)
        if hasattr(source, "__array__"):
            _refuse_source(source, "source", whole=True)
        places: list[Any] = []
        for i, value in enumerate(source):
            if isinstance(value, (str, os.PathLike)):
                value = self._files_or_error(value, f"{self.words.source}[{i}]")
            places.append(value)
        roots = [file.root for files in places if isinstance(files, _Files) for file in files]
        root = os.path.commonpath(roots) if roots else ""
        found = []
        for i, value in enumerate(places):
            if isinstance(value, _Files):
                found += self._of_files(_Files(file._replace(root=root) for file in value))
            elif isinstance(value, _Unfound):
                with self._noting():
                    raise value.error
            else:
                found += self._of_entry(value, f"source[{i}]", str(len(found)), own=True)
        return found

    def _files_or_error(self, value: Any, label: str) -> _Files | _Unfound:
        try:
            return self._files(value, label)
        except (OSError, ValueError) as error:
            return _Unfound(error)  # noted in its turn

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what is wrong with a file, and continue with the next."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.bad.append(error.with_traceback(None))

    def _of_entry(self, value: Any, label: str, name: str, own: bool = False) -> list[StoredItem]:
        """Find the items of a value of a mapping, or of an entry of a list that is not a path."""
        if isinstance(value, (str, os.PathLike)):
            found = self._of_files(self._files(value, label))
            for item in found:
                item.rename(name if len(found) == 1 else f"{name}/{item.name}")
            return found
        if isinstance(value, StoredItem):
            item = value.copy(value.name if own else name)
            ids = value.ids
        elif isinstance(value, Representation):
            item = in_memory(value.data, label, value.name if own and value.name is not None else name)
            ids = value.ids
        else:
            item, index, ids = (
                in_memory(value, label, name, self.flatten is True),
                row_index(value, label),
                None,
            )
            if index is not None:
                require_no_gaps(index, label)
                ids = index.names
        if self.ids.common is not None:
            ids = self._fitting(self.ids.common, item, label, ids)
        item.ids = ids
        return [item]

    def _files(self, value: Any, label: str) -> _Files:
        """Find the files that a path, a pattern or a directory stands for."""
        path = os.path.expanduser(_as_path(value, label))
        if os.path.isdir(path) and not is_zarr(path):
            return self._usable(sorted(_walk(os.path.normpath(path), ())), os.path.abspath(path))
        if os.path.lexists(path):
            return _Files([_File(path, os.path.dirname(os.path.abspath(path)), True)])
        if not glob.has_magic(path):
            refuse_missing(path)
        fixed = path  # the part that exists exactly as written, even with brackets
        while fixed and not os.path.lexists(fixed):
            fixed = os.path.dirname(fixed)
        pattern = path[len(fixed) :]
        matches = sorted(set(glob.glob(glob.escape(fixed) + pattern, recursive=True)))
        if not matches:  # net[1]_*.npy of net[1]_a.npy
            literal = pattern.replace("[", "[[]")
            matches = sorted(set(glob.glob(glob.escape(fixed) + literal, recursive=True)))
        # ** also finds the arrays within a group.
        groups = {file for file in matches if os.path.isdir(file) and is_zarr(file)}
        return self._usable(
            [f for f in matches if not any(up in groups for up in _above(f))], os.path.abspath(fixed)
        )

    def _usable(self, paths: list[str], root: str) -> _Files:
        """Keep files that can be read, and note which of the others also hold arrays."""
        files = _Files()
        for path in paths:
            why = why_pickle(path) if _is_pickle(path) else ""
            if is_old_matlab(path):
                why = OLD_MATLAB
            if why:
                self.skipped.append(f"{path}: {why}")
                self.left_out.append(self.skipped[-1])
            elif _is_supported(path):
                files.append(_File(path, root, False))
        return files

    def _of_files(self, files: _Files) -> list[StoredItem]:
        found = []
        for file in files:
            with self._noting():
                found += self._of_file(file)
        return found

    def _of_file(self, file: _File) -> list[StoredItem]:
        """Find the items of one file."""
        path = file.path
        kind = kind_of(path)
        headers = headers_of(kind, path)
        single = list(headers) == [""]
        if single:
            self.single = path
        chosen = [key for key, header in headers.items() if not header.is_link and key != self.ids.key]
        is_named = single and file.is_named
        if not single and isinstance(self.keys, list):
            for key in self.keys:
                require_key(key, headers, path, self.words.keys)
            chosen, is_named, self.used_keys = self.keys, True, True
        elif not single and self.keys is not None:
            chosen = [key for key in chosen if self.keys(key)]
        flatten = self.flatten is True or (
            self.flatten == "asked" and (single or isinstance(self.keys, list))
        )
        good = []
        for key in chosen:
            header = headers[key]
            if is_named:
                require_matrix(kind, header, path, key, flatten, self.words.flatten)
            why = header.why_no_matrix(flatten, self.words.flatten)
            if why is None:
                good.append(key)
            else:
                self.skipped.append(f"{place(path, key)}: {why}")
                if len(headers[key].shape) > 1 or headers[key].reason:
                    self.left_out.append(self.skipped[-1])
        if file.is_named and not good:
            reasons = [reason for reason in self.skipped if reason.startswith(path)]
            _refuse_empty(path, reasons or [f"no array of it was picked by {self.words.keys}"])
        base = os.path.relpath(path, file.root).replace(os.sep, "/")
        base = os.path.splitext(base)[0]
        size = size_of(path)
        items = []
        for key in good:
            name = base if len(good) == 1 else f"{base}/{key}"
            flat = self.flatten is True or len(headers[key].shape) > 2
            where = os.path.abspath(path)
            location = {"kind": kind, "path": where, "key": key, "flatten": flat, "name": name}
            item = StoredItem(location, headers[key], size=size)
            labels = self.ids.of(kind, path, headers, self._read_ids)
            if labels is not None:
                label = place(path, key if self.ids.key is None else self.ids.key)
                item.ids = self._fitting(labels, item, label, None)
            items.append(item)
        return items

    def _fitting(self, labels: AnyArray, item: StoredItem, label: str, own: AnyArray | None) -> AnyArray:
        """Check that ids fit an item; ids shared by many items are checked once."""
        if self._checked is None or self._checked[0] is not labels or self._checked[1] != len(item):
            self._checked = (labels, len(item), as_ids(labels, len(item), f"{self.words.ids} (for {label})"))
        if own is not None:
            require_same_stimuli((self.words.ids, len(item), self._checked[2]), (label, len(item), own))
        return self._checked[2]


class _Files(list[_File]):
    """Files that one path or pattern stands for."""


class _Unfound(NamedTuple):
    """Why a path stands for none."""

    error: OSError | ValueError


_WORDS = Words()


class Found(NamedTuple):
    """What a source holds, and what is left out of it."""

    items: list[StoredItem]
    left_out: list[str]  # arrays that are not matrices
    bad: list[str]  # files that cannot be used


def opened(
    source: Any,
    keys: Any = None,
    names: Sequence[str] | None = None,
    ids: Any = None,
    flatten: Flatten = False,
    skip_bad: bool = False,
    words: Words = _WORDS,
) -> Found:
    """Find all items of a source; see :func:`neurogeom.io.open_items`.

    With ``flatten="asked"`` arrays with more axes are flattened only where nothing else can be meant: where
    they are alone in their file, or named by a list of keys.
    """
    chosen = _as_keys(keys)
    search = Search(chosen, flatten, ids, words)
    found = search.everything(source)
    if search.bad and not skip_bad:
        if len(search.bad) == 1:
            raise search.bad[0]
        texts = cut([describe(error) for error in search.bad], MAX_BAD)
        raise ValueError(
            f"{len(search.bad)} files cannot be used ({words.skip_bad} leaves them out): {texts}"
        )
    bad = [describe(error) for error in search.bad]
    if isinstance(chosen, list) and search.single and not search.used_keys and not bad:
        raise ValueError(
            f"{words.keys} names arrays of a .npz file or the like, but {search.single} is one array"
        )
    if not found:
        shown = source if isinstance(source, (str, os.PathLike)) else words.source
        _refuse_empty(str(shown), [*bad, *search.skipped])
    given = as_names(names, len(found), "names")
    for item, name in zip(found, given or [], strict=False):
        item.rename(name)
    wheres = [place(item.location["path"] or "an array", item.location["key"]) for item in found]
    _require_distinct([item.name for item in found], wheres)
    return Found(found, search.left_out, bad)


def _as_path(value: Any, name: str) -> str:
    """Return a path as text."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")
    if not path:
        raise ValueError(f"{name} is an empty path")
    return path


def _refuse_source(value: Any, name: str, *, whole: bool) -> NoReturn:
    """Refuse what cannot be opened."""
    kinds = "a path, a glob pattern, a directory, or a list or mapping of paths and arrays"
    if not whole:
        kinds = "a path or a matrix"
    hint = ": put it into a list or mapping" if whole and hasattr(value, "__array__") else ""
    raise TypeError(f"{name} must be {kinds}, not {type(value).__name__}{hint}")


def _as_keys(value: Any) -> list[str] | Callable[[str], Any] | None:
    """Check names of members, or a function that picks them."""
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"keys must be a list of names or a function, not {type(value).__name__}")
    keys = sorted(value) if isinstance(value, (set, frozenset)) else list(value)
    for key in keys:
        if not isinstance(key, str):
            raise TypeError(f"keys must hold names (str), not {type(key).__name__}")
    if not keys:
        raise ValueError("keys is empty")
    return list(dict.fromkeys(key.strip("/") for key in keys))


def _refuse_empty(source: str, skipped: Sequence[str]) -> NoReturn:
    """Refuse a source in which no item was found."""
    reasons = cut(skipped)
    found = f"skipped: {reasons}" if reasons else f"no file of a kind that can be read ({SUPPORTED})"
    raise ValueError(f"{source}: no matrices of two stimuli or more; {found}")


def _require_distinct(names: Sequence[str], places: Sequence[str]) -> None:
    """Refuse items that would have the same name."""
    seen: dict[str, str] = {}
    for name, where in zip(names, places, strict=True):
        if seen.get(name) == where and where != "an array":
            raise ValueError(f"{where} is given more than once: both called {name!r}")
        if name in seen:
            raise ValueError(f"{seen[name]} and {where} are both called {name!r}: give names")
        seen[name] = where


def in_memory(value: Any, label: str, name: str, flatten: bool = False) -> StoredItem:
    """Make an item of a matrix in memory."""
    if isinstance(value, (str, bytes)) or not (hasattr(value, "__len__") or hasattr(value, "__dlpack__")):
        _refuse_source(value, label, whole=False)
    array = as_array(value, label)
    array = as_responses(array.reshape(len(array), -1) if flatten and array.ndim > 2 else array, label)
    location = {"kind": "memory", "path": None, "key": "", "flatten": flatten, "name": name}
    return StoredItem(location, Header(array.shape, array.dtype), array=array)


def size_of(path: str) -> int | None:
    """Return the size of a file, None for a directory."""
    return None if os.path.isdir(path) else os.stat(path).st_size


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Find all files with a known extension below a directory; links are followed, but not in circles."""
    found = os.stat(folder)
    place = (found.st_dev, found.st_ino)
    if place in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if is_sweep(entry.path):  # results computed from the files beside them
                    continue
                if is_zarr(entry.path):
                    yield entry.path
                else:
                    yield from _walk(entry.path, (*above, place))
            elif _has_known_ending(entry.name) or _is_pickle(entry.name):
                yield entry.path


def _is_supported(path: str) -> bool:
    return is_zarr(path) if os.path.isdir(path) else _has_known_ending(path)


def _has_known_ending(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    return ending in ENDINGS and ending != ".zarr"


def _is_pickle(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in PICKLE_ENDINGS


def _above(path: str) -> Iterator[str]:
    while (up := os.path.dirname(path)) != path:
        yield up
        path = up
