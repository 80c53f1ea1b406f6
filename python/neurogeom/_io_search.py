"""Finds the matrices that paths, patterns, directories, lists and mappings stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _validate_io as check
from ._io_headers import ENDINGS, PICKLE_ENDINGS, Header, is_sweep, is_zarr, kind_of
from ._io_item import StoredItem
from ._io_kinds import headers_of, read_labels
from ._validate import AnyArray, are_counted, as_text, row_ids, shown
from ._validate_pairwise import as_ids, require_same_stimuli
from .representation import Representation


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
        self.skipped: list[str] = []
        self.used_keys = self.has_files = False
        self._read_ids: dict[str, AnyArray] = {}
        self._checked: tuple[Any, int, AnyArray] | None = None

    def everything(self, source: Any) -> list[StoredItem]:
        """Find all items of a source."""
        if isinstance(source, (str, os.PathLike)):
            return self._of_files(self._files(source, "source"))
        if isinstance(source, Mapping):
            found = []
            for key, value in source.items():
                label = f"source[{shown(key)}]"
                found += self._of_entry(value, label, as_text(key, f"the name of {label}"))
            return found
        if isinstance(source, (bytes, np.ndarray, StoredItem, Representation)) or not hasattr(
            source, "__len__"
        ):
            check.refuse_source(source, "source", whole=True)
        if hasattr(source, "__array__"):
            check.refuse_source(source, "source", whole=True)
        places: list[Any] = []
        for i, value in enumerate(source):
            is_path = isinstance(value, (str, os.PathLike))
            places.append(self._files(value, f"source[{i}]") if is_path else value)
        roots = [file.root for files in places if isinstance(files, _Files) for file in files]
        root = os.path.commonpath(roots) if roots else ""
        found = []
        for i, value in enumerate(places):
            if isinstance(value, _Files):
                found += self._of_files(_Files(file._replace(root=root) for file in value))
            else:
                found += self._of_entry(value, f"source[{i}]", str(len(found)), own=True)
        return found

    def _of_entry(self, value: Any, label: str, name: str, own: bool = False) -> list[StoredItem]:
        """Find the items of a value of a mapping, or of an entry of a list that is no path."""
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
            item, ids = in_memory(value, label, name, self.flatten), row_ids(value, label)
            ids = None if ids is None or are_counted(ids) else ids
        if self.ids.common is not None:
            ids = self._fitting(self.ids.common, item, label, ids)
        item.ids = ids
        return [item]

    def _files(self, value: Any, label: str) -> _Files:
        """Find the files that a path, a pattern or a directory stands for."""
        text = os.path.expanduser(check.as_path(value, label))
        path = os.path.abspath(text)
        self.has_files = True
        if os.path.isdir(path) and not is_zarr(path):
            files = _Files(_File(file, path, False) for file in sorted(_walk(path, ())))
            if not files:
                self._explain_nothing(path)
            return files
        if os.path.lexists(path):
            return _Files([_File(path, os.path.dirname(path), True)])
        if not glob.has_magic(text):
            check.refuse_missing(path)
        fixed = path
        while glob.has_magic(fixed):
            fixed = os.path.dirname(fixed)
        matches = sorted(set(glob.glob(path, recursive=True)))
        usable = [file for file in matches if _is_supported(file)]
        # ** also finds the arrays within a group.
        groups = {file for file in usable if os.path.isdir(file)}
        usable = [file for file in usable if not any(up in groups for up in _above(file))]
        if not usable:
            self.skipped += [f"{file}: {check.PICKLE}" for file in matches if _is_pickle(file)]
        return _Files(_File(file, fixed, False) for file in usable)

    def _explain_nothing(self, folder: str) -> None:
        self.skipped += [
            f"{os.path.join(folder, name)}: {check.PICKLE}"
            for name in sorted(os.listdir(folder))
            if _is_pickle(name)
        ]

    def _of_files(self, files: _Files) -> list[StoredItem]:
        found = []
        for file in files:
            found += self._of_file(file)
        return found

    def _of_file(self, file: _File) -> list[StoredItem]:
        """Find the items of one file."""
        path = file.path
        kind = kind_of(path)
        headers = headers_of(kind, path)
        single = list(headers) == [""]
        chosen = list(headers)
        is_named = single and file.is_named
        if not single and isinstance(self.keys, list):
            for key in self.keys:
                check.require_key(key, chosen, path)
            chosen, is_named, self.used_keys = self.keys, True, True
        elif not single and self.keys is not None:
            chosen = [key for key in chosen if self.keys(key)]
        good = []
        for key in chosen:
            header = headers[key]
            if is_named:
                require_matrix(kind, header, path, key, self.flatten)
            why = check.why_no_matrix(header.shape, header.dtype, self.flatten)
            if why is None:
                good.append(key)
            else:
                self.skipped.append(f"{check.place(path, key)}: {why}")
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


def require_matrix(kind: str, header: Header, path: str, key: str, flatten: bool) -> None:
    """Refuse an array of a file that is no representation."""
    why = check.why_no_matrix(header.shape, header.dtype, flatten)
    check.require_matrix(why, path, key, pickled=header.dtype.hasobject and kind in ("npy", "npz"))


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
            elif _has_known_ending(entry.name):
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
