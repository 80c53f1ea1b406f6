"""Kinds of files: what one of each kind holds, and how a matrix in it is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._base.checks import AnyArray, require_extra
from . import checks as check
from .formats import Header, npy_header, read_npy_header, read_npz_headers, safetensors_headers
from .sources import DatasetSource, FlatSource, MemberSource, Source, member, opened_zip

_OF_MATLAB = ("#refs#", "#subsystem#")  # where MATLAB keeps what its cell arrays and objects hold


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
            found = read_npz_headers(opened_zip(path), path)
    elif kind == "hdf5":
        with check.readable(path, ""), _hdf5().File(path, "r") as file:
            found = dict(_hdf5_headers(file, "", (), set()))
    elif kind == "zarr":
        zarr = _zarr()
        with check.readable(path, ""):
            root = zarr.open(path, mode="r")
            members = [("", root)] if isinstance(root, zarr.Array) else root.members(max_depth=None)
            for name, thing in sorted(members, key=lambda pair: str(pair[0])):
                if isinstance(thing, zarr.Array):
                    found[name] = Header(tuple(thing.shape), np.dtype(thing.dtype))
    return found


def _hdf5_headers(
    group: Any, above: str, groups: tuple[Any, ...], seen: set[Any], linked: bool = False
) -> Iterator[tuple[str, Header]]:
    """Say what a group of HDF5 holds; links within the file are followed, but not in circles."""
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
            yield place, Header((), np.dtype("V1"), reason=f"is a link to {to}, where nothing is")
            continue
        other = linked or isinstance(link, h5py.SoftLink) or thing in seen
        if not other:
            seen.add(thing)
        if isinstance(thing, h5py.Dataset):
            yield place, dataclasses.replace(_hdf5_header(thing), is_link=other)
        elif isinstance(thing, h5py.Group) and name not in _OF_MATLAB and thing not in (*groups, group):
            yield from _hdf5_headers(thing, f"{place}/", (*groups, group), seen, other)


def _hdf5_header(dataset: Any) -> Header:
    """Say what a dataset of HDF5 is; MATLAB says by an attribute that it stores the last axis first."""
    shape, dtype = tuple(dataset.shape or ()), np.dtype(dataset.dtype)
    kind = dataset.attrs.get("MATLAB_class")
    if kind is None:
        return Header(shape, dtype)
    if "MATLAB_empty" in dataset.attrs:  # it then holds its shape
        return Header((0, 0), dtype)
    return Header(shape[::-1], np.dtype("U1") if kind in (b"char", "char") else dtype, fortran=True)


def _matlab_labels(dataset: Any) -> AnyArray:
    """Read a row or column of MATLAB: numbers, or a cell array of text."""
    values = np.asarray(dataset[...]).ravel()
    if values.dtype.kind != "O":
        return values
    return np.array(["".join(map(chr, dataset.file[cell][...].ravel())) for cell in values])


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
        return DatasetSource(path, key, file[key], _hdf5_header(file[key]), file.close)
    zarr = _zarr()
    with check.readable(path, key):
        array = zarr.open_array(path, path=key, mode="r")
        return DatasetSource(path, key, array, Header(tuple(array.shape), np.dtype(array.dtype)))


def read_labels(kind: str, path: str, key: str, what: str = "ids") -> AnyArray:
    """Read a vector of labels, which may be strings."""
    if kind == "npz":
        with check.readable(path, key):
            archive = opened_zip(path)
            with member(archive, path, key) as stream:
                header = read_npy_header(stream)
            check.require_ids_vector(header.shape, path, key, what)
            if header.dtype.hasobject:
                check.refuse_object_labels(path, key, what)
            with member(archive, path, key) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    with open_source(kind, path, key) as source, check.readable(path, key):
        of_matlab = isinstance(source, DatasetSource) and source.header.fortran
        shape = source.header.shape  # MATLAB has no vectors
        shape = shape if not of_matlab or 1 not in shape else (max(shape),)
        check.require_ids_vector(shape, path, key, what)
        if kind == "npy" and source.header.dtype.hasobject:
            check.refuse_object_labels(path, key, what)
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
