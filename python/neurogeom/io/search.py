"""Finds the matrices that paths, patterns, directories, lists and mappings stand for."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._base.checks import AnyArray, as_text, require_no_gaps, row_index, shown
from ..representations.checks import as_flag, as_ids, as_names, require_same_stimuli
from ..representations.representation import Representation
from . import checks as check
from .formats import ENDINGS, PICKLE_ENDINGS, Header, is_old_matlab, is_sweep, is_zarr, kind_of
from .items import StoredItem
from .kinds import headers_of, read_labels


class _File(NamedTuple):
    path: str
    root: str  # names are relative to it
    is_named: bool  # by the user, not found in a directory or by a pattern


class IdsOf:
    """The ids of the stimuli of each item, read once for each file."""

    def __init__(self, given: Any) -> None:
        self.key = given if isinstance(given, str) and not given.endswith(".npy") else None
        self.common: AnyArray | None = None
        if given is not None and self.key is None:
            if isinstance(given, (str, os.PathLike)):
                path = check.as_ids_path(given)
                with check.readable(path, ""):
                    self.common = np.load(path, allow_pickle=False)
            else:
                self.common = given

    def of(self, kind: str, path: str, single: bool, cache: dict[str, AnyArray]) -> AnyArray | None:
        """Give the ids of an item of this file."""
        if self.key is None:
            return self.common
        if single:
            check.refuse_ids_key(self.key, path)
        if path not in cache:
            cache.clear()  # items of a file come one after the other
            cache[path] = read_labels(kind, path, self.key)
        return cache[path]


class Search:
    """Finds items, and remembers what it left out."""

    def __init__(self, keys: Any, flatten: bool, ids: IdsOf) -> None:
        self.keys, self.flatten, self.ids = keys, flatten, ids
        self.skipped: list[str] = []  # what is no matrix
        self.left_out: list[str] = []  # of these, what might have been meant: labels and numbers were not
        self.bad: list[Exception] = []  # what is wrong with files that cannot be used
        self.used_keys = self.has_files = False
        self._read_ids: dict[str, AnyArray] = {}
        self._checked: tuple[Any, int, AnyArray] | None = None

    def everything(self, source: Any) -> list[StoredItem]:
        """Find all items of a source."""
        if isinstance(source, (str, os.PathLike)):
            files = _Files()
            with self._noting():
                files = self.files(source, "source")
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
            check.refuse_source(source, "source", whole=True)
        if hasattr(source, "__array__"):
            check.refuse_source(source, "source", whole=True)
        places: list[Any] = []
        for i, value in enumerate(source):
            if isinstance(value, (str, os.PathLike)):
                with self._noting():
                    places.append(self.files(value, f"source[{i}]"))
            else:
                places.append(value)
        roots = [file.root for files in places if isinstance(files, _Files) for file in files]
        root = os.path.commonpath(roots) if roots else ""
        found = []
        for i, value in enumerate(places):
            if isinstance(value, _Files):
                found += self._of_files(_Files(file._replace(root=root) for file in value))
            else:
                found += self._of_entry(value, f"source[{i}]", str(len(found)), own=True)
        return found

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what is wrong with a file, and go on with the next."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.bad.append(error.with_traceback(None))

    def _of_entry(self, value: Any, label: str, name: str, own: bool = False) -> list[StoredItem]:
        """Find the items of a value of a mapping, or of an entry of a list that is no path."""
        if isinstance(value, (str, os.PathLike)):
            found = self._of_files(self.files(value, label))
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
            item, index, ids = in_memory(value, label, name, self.flatten), row_index(value, label), None
            if index is not None:
                require_no_gaps(index, label)
                ids = index.names
        if self.ids.common is not None:
            ids = self._fitting(self.ids.common, item, label, ids)
        item.ids = ids
        return [item]

    def files(self, value: Any, label: str) -> _Files:
        """Find the files that a path, a pattern or a directory stands for."""
        text = os.path.expanduser(check.as_path(value, label))
        path = os.path.abspath(text)
        self.has_files = True
        if os.path.isdir(path) and not is_zarr(path):
            return self._usable(sorted(_walk(path, ())), path)
        if os.path.lexists(path):
            return _Files([_File(path, os.path.dirname(path), True)])
        if not glob.has_magic(text):
            check.refuse_missing(path)
        fixed = path  # the part that is there as it is written, even with brackets
        while not os.path.lexists(fixed):
            fixed = os.path.dirname(fixed)
        pattern = path[len(fixed) :]
        matches = sorted(set(glob.glob(glob.escape(fixed) + pattern, recursive=True)))
        if not matches:  # net[1]_*.npy of net[1]_a.npy
            literal = pattern.replace("[", "[[]")
            matches = sorted(set(glob.glob(glob.escape(fixed) + literal, recursive=True)))
        # ** also finds the arrays within a group.
        groups = {file for file in matches if os.path.isdir(file) and is_zarr(file)}
        return self._usable([f for f in matches if not any(up in groups for up in _above(f))], fixed)

    def _usable(self, paths: list[str], root: str) -> _Files:
        """Keep files of a kind that can be read, and say which of the others hold arrays too."""
        files = _Files()
        for path in paths:
            why = check.why_pickle(path) if _is_pickle(path) else ""
            if is_old_matlab(path):
                why = check.OLD_MATLAB
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
        chosen = [key for key, header in headers.items() if not header.is_link]
        is_named = single and file.is_named
        if not single and isinstance(self.keys, list):
            for key in self.keys:
                check.require_key(key, list(headers), path)
            chosen, is_named, self.used_keys = self.keys, True, True
        elif not single and self.keys is not None:
            chosen = [key for key in chosen if self.keys(key)]
        good = []
        for key in chosen:
            header = headers[key]
            if is_named:
                require_matrix(kind, header, path, key, self.flatten)
            why = why_no_matrix(header, self.flatten)
            if why is None:
                good.append(key)
            else:
                self.skipped.append(f"{check.place(path, key)}: {why}")
                if len(headers[key].shape) > 1 or headers[key].reason:
                    self.left_out.append(self.skipped[-1])
        if file.is_named and not good:
            reasons = [reason for reason in self.skipped if reason.startswith(path)]
            check.refuse_empty(path, reasons or ["no array of it was picked by keys"])
        base = os.path.relpath(path, file.root).replace(os.sep, "/")
        base = os.path.splitext(base)[0]
        size = size_of(path)
        items = []
        for key in good:
            name = base if len(good) == 1 else f"{base}/{key}"
            location = {"kind": kind, "path": path, "key": key, "flatten": self.flatten, "name": name}
            item = StoredItem(location, headers[key], size=size)
            labels = self.ids.of(kind, path, single, self._read_ids)
            if labels is not None:
                item.ids = self._fitting(labels, item, check.place(path, key), None)
            items.append(item)
        return items

    def _fitting(self, labels: AnyArray, item: StoredItem, label: str, own: AnyArray | None) -> AnyArray:
        """Check that ids fit an item; those that many items share are checked once."""
        if self._checked is None or self._checked[0] is not labels or self._checked[1] != len(item):
            self._checked = (labels, len(item), as_ids(labels, len(item), f"ids (for {label})"))
        if own is not None:
            require_same_stimuli(("ids", len(item), self._checked[2]), (label, len(item), own))
        return self._checked[2]


class _Files(list[_File]):
    """Files that one path or pattern stands for."""


def why_no_matrix(header: Header, flatten: bool) -> str | None:
    """Say why an array of a file is no representation; None if it is one."""
    return header.reason or check.why_no_matrix(header.shape, header.dtype, flatten)


def require_matrix(kind: str, header: Header, path: str, key: str, flatten: bool) -> None:
    """Refuse an array of a file that is no representation."""
    why = why_no_matrix(header, flatten)
    check.require_matrix(why, path, key, pickled=header.dtype.hasobject and kind in ("npy", "npz"))


class Found(NamedTuple):
    """What a source holds, and what it holds that is left out."""

    items: list[StoredItem]
    left_out: list[str]  # arrays that are no matrices
    bad: list[str]  # files that cannot be used


def opened(
    source: Any,
    keys: Any = None,
    names: Sequence[str] | None = None,
    ids: Any = None,
    flatten: bool = False,
    skip_bad: bool = False,
) -> Found:
    """Find all items of a source; see :func:`neurogeom.io.open_items`."""
    chosen = check.as_keys(keys)
    as_flag(flatten, "flatten")
    as_flag(skip_bad, "skip_bad")
    search = Search(chosen, flatten, IdsOf(ids))
    found = search.everything(source)
    if search.bad and not skip_bad:
        check.refuse_bad(search.bad)
    bad = [check.describe(error) for error in search.bad]
    used = not isinstance(chosen, list) or search.used_keys or not search.has_files
    check.require_keys_used(used or bool(bad))
    if not found:
        shown = source if isinstance(source, (str, os.PathLike)) else "source"
        check.refuse_empty(str(shown), [*bad, *search.skipped])
    given = as_names(names, len(found), "names")
    for item, name in zip(found, given or [], strict=False):
        item.rename(name)
    wheres = [check.place(item.location["path"] or "an array", item.location["key"]) for item in found]
    check.require_distinct_files([item.name for item in found], wheres)
    return Found(found, search.left_out, bad)


def in_memory(value: Any, label: str, name: str, flatten: bool = False) -> StoredItem:
    """Take a matrix in memory as an item."""
    array = check.as_cpu_matrix(value, label, flatten)
    location = {"kind": "memory", "path": None, "key": "", "flatten": flatten, "name": name}
    return StoredItem(location, Header(array.shape, array.dtype), array=array)


def size_of(path: str) -> int | None:
    """Give the size of a file, None for a directory."""
    return None if os.path.isdir(path) else os.stat(path).st_size


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Find all files of a known ending below a directory; links are followed, but not in circles."""
    found = os.stat(folder)
    place = (found.st_dev, found.st_ino)
    if place in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if is_sweep(entry.path):  # what was computed from the others, beside them
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
