"""Writes one matrix in every kind of file that can be opened."""

from __future__ import annotations

import numpy as np
import pytest


def _npy(change):
    def write(folder, data):
        np.save(folder / "x.npy", change(data))
        return folder / "x.npy"

    return write


def _npz(save, change=lambda data: data):
    def write(folder, data):
        # A member before and one after it, so that positions in the file matter.
        save(folder / "x.npz", a=np.arange(3), x=change(data), z=np.ones(4))
        return folder / "x.npz"

    return write


def _hdf5(**options):
    def write(folder, data):
        h5py = pytest.importorskip("h5py")
        with h5py.File(folder / "x.h5", "w") as file:
            file.create_group("deep").create_dataset("x", data=data, **options)
            file["labels"] = np.arange(5)
        return folder / "x.h5"

    return write


def _matlab(folder, data):
    """As MATLAB 7.3 does: axes in the reverse order, an attribute that says so, a block of text before."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.mat", "w", userblock_size=512) as file:
        chunks = tuple(max(1, n // 3) for n in data.T.shape)
        stored = file.create_dataset("x", data=data.T, chunks=chunks, compression="gzip")
        stored.attrs["MATLAB_class"] = np.bytes_("double")
    with open(folder / "x.mat", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    return folder / "x.mat"


def _zarr(group, **options):
    def write(folder, data):
        zarr = pytest.importorskip("zarr")
        path = folder / "x.zarr"
        if group:
            zarr.open_group(path, mode="w", zarr_format=3).create_array("deep/x", data=data, **options)
        else:
            zarr.create_array(path, data=data, zarr_format=3, **options)
        return path

    return write


def _safetensors(folder, data):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"x": np.ascontiguousarray(data), "w": np.ones(1, np.uint8)}, folder / "x.safetensors")
    return folder / "x.safetensors"


def big_endian(data):
    return data.astype(data.dtype.newbyteorder(">"))


WRITERS = {
    "npy": _npy(np.ascontiguousarray),
    "npy in Fortran order": _npy(np.asfortranarray),
    "npy of another byte order": _npy(big_endian),
    "npz": _npz(np.savez),
    "compressed npz": _npz(np.savez_compressed),
    "npz in Fortran order": _npz(np.savez_compressed, np.asfortranarray),
    "npz of another byte order": _npz(np.savez, big_endian),
    "HDF5": _hdf5(),
    "HDF5 in chunks": _hdf5(chunks=True, compression="gzip"),
    "HDF5 in one chunk": _hdf5(chunks=(13, 10)),
    "MATLAB": _matlab,
    "Zarr in chunks": _zarr(False, chunks=(4, 3)),
    "Zarr in one chunk": _zarr(False, chunks=(13, 10)),
    "Zarr group": _zarr(True, chunks=(2, 10)),
    "Zarr in shards": _zarr(False, chunks=(2, 3), shards=(8, 6)),
    "safetensors": _safetensors,
}


def matrix(dtype="f4", shape=(13, 10), seed=0):
    return np.round(8 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
