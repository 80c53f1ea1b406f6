"""Kinds of files: what one of each kind holds, and how a matrix in it is opened."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _validate_io as check
from ._io_headers import Header, npy_header, read_npy_header, read_npz_headers, safetensors_headers
from ._io_sources import DatasetSource, FlatSource, MemberSource, Source, member, opened_zip
from ._validate import AnyArray, require_extra


def _hdf5() -> Any:
    return require_extra("h5py", "io", "an HDF5 file")


def _zarr() -> Any:
    return require_extra("zarr", "store", "a Zarr array")


def headers_of(kind: str, path: str) -> dict[str, Header]:
    """Say what a file holds, by name; the one array of a file is called ''."""
    if kind == "npy":
        return {"": npy_header(path)}
    if kind == "safetensors":
        return safetensors_headers(path)
    found: dict[str, Header] = {}
    if kind == "npz":
        with check.readable(path, ""):
            found = read_npz_headers(opened_zip(path))
    elif kind == "hdf5":
        h5py = _hdf5()

        def add(name: str, thing: Any) -> None:
            if isinstance(thing, h5py.Dataset):
                found[name] = Header(tuple(thing.shape or ()), np.dtype(thing.dtype))

        with check.readable(path, ""), h5py.File(path, "r") as file:
            file.visititems(add)
    elif kind == "zarr":
        zarr = _zarr()
        with check.readable(path, ""):
            root = zarr.open(path, mode="r")
            members = [("", root)] if isinstance(root, zarr.Array) else root.members(max_depth=None)
            for name, thing in sorted(members, key=lambda pair: str(pair[0])):
                if isinstance(thing, zarr.Array):
                    found[name] = Header(tuple(thing.shape), np.dtype(thing.dtype))
    return found


def open_source(kind: str, path: str, key: str) -> Source:
    """Open one matrix of a file."""
    if kind == "npy":
        return FlatSource(path, "", npy_header(path))
    if kind == "safetensors":
        headers = safetensors_headers(path)
        check.require_key(key, list(headers), path)
        return FlatSource(path, key, headers[key])
    if kind == "npz":
        return MemberSource(path, key)
    if kind == "hdf5":
        h5py = _hdf5()
        with check.readable(path, key):
            file = h5py.File(path, "r")
            if not isinstance(file.get(key), h5py.Dataset):
                file.close()
                raise ValueError("no such dataset")
        return DatasetSource(path, key, file[key], file.close)
    zarr = _zarr()
    with check.readable(path, key):
        return DatasetSource(path, key, zarr.open_array(path, path=key, mode="r"))


def read_labels(kind: str, path: str, key: str) -> AnyArray:
    """Read a vector of labels, which may be strings."""
    if kind == "npz":
        with check.readable(path, key):
            archive = opened_zip(path)
            with member(archive, path, key) as stream:
                header = read_npy_header(stream)
            check.require_ids_vector(header.shape, path, key)
            if header.dtype.hasobject:
                check.refuse_pickle(path, key)
            with member(archive, path, key) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    with open_source(kind, path, key) as source, check.readable(path, key):
        check.require_ids_vector(source.header.shape, path, key)
        if not isinstance(source, DatasetSource):
            return source.whole()[:, 0]
        dataset = source.dataset
        if source.header.dtype.kind == "O" and kind == "hdf5":
            dataset = dataset.asstr()
        array = np.asarray(dataset[...])
        if array.dtype.kind == "S":
            array = np.char.decode(array, "utf-8")
    if array.dtype.kind in "OT" and all(isinstance(label, str) for label in array):
        return np.array(list(array), dtype=np.str_)
    return array
