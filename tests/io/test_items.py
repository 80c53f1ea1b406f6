"""Stored items hold what was written, in every kind of file, whole, in blocks, by rows and by columns."""

from __future__ import annotations

import gc
import json
import os
import pickle
import resource
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import neurogeom as ng
import numpy as np
import pytest
from helpers import writers
from neurogeom.io import items as _io_item
from neurogeom.io import sources as _io_sources

each_kind = pytest.mark.parametrize("kind", writers.WRITERS)


@pytest.fixture
def stored(tmp_path):
    """Opens a matrix written in some kind of file."""

    def make(kind, data, **options):
        path = writers.WRITERS[kind](tmp_path, data)
        (item,) = ng.io.open_items(path, **options)
        return item

    return make


@pytest.fixture
def tiny_pieces(monkeypatch, tmp_path):
    """Makes every item large, and gives the directory of temporary copies."""
    for module, name in (
        (_io_item, "_PIECE"),
        (_io_item, "_CHUNKS"),
        (_io_item, "_GAP"),
        (_io_sources, "PIECE"),
        (_io_sources, "_STREAM"),
    ):
        monkeypatch.setattr(module, name, 64)
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    return spools


@each_kind
@pytest.mark.parametrize("dtype", ["f2", "f8", "u2", "?"])
def test_dtypes(stored, kind, dtype):
    data = writers.matrix("f4").astype(dtype) if dtype != "u2" else abs(writers.matrix()).astype("u2")
    item = stored(kind, data)
    assert (item.shape, item.dtype, len(item), item.ndim) == (data.shape, data.dtype, 13, 2)
    assert item.dtype.isnative
    for found in (item.read(), np.asarray(item), item[:], np.array(item)):
        assert found.dtype == data.dtype
        np.testing.assert_array_equal(found, data)
    assert item.read().flags.writeable
    assert item.read().flags.c_contiguous
    assert item.read().flags.aligned


ROWS = [
    slice(None),
    slice(3, 9),
    slice(0, 0),
    slice(9, 3),
    slice(None, None, -1),
    slice(11, 2, -4),
    slice(-4, 100),
    5,
    -1,
    np.int64(3),
    [2, 2, 12, 0],
    np.array([7, -13, 3]),
    [],
    np.arange(13) % 3 == 1,
    np.zeros(13, bool),
    [True, False] * 6 + [True],
    ...,
]
COLUMNS = [
    slice(None),
    slice(2, 4),
    slice(4, 4),
    slice(None, None, -3),
    slice(1, 10, 4),
    slice(-2, None),
    3,
    -10,
]


def check_indexing(item, data):
    for rows in ROWS:
        np.testing.assert_array_equal(item[rows], data[rows], err_msg=str(rows), strict=True)
        for columns in COLUMNS:
            found, known = item[rows, columns], data[rows, columns]
            np.testing.assert_array_equal(found, known, err_msg=f"{rows} {columns}", strict=True)
    np.testing.assert_array_equal(item[()], data)
    np.testing.assert_array_equal(item[2, ...], data[2])


@each_kind
def test_indexing_is_that_of_numpy(stored, kind):
    data = writers.matrix()
    check_indexing(stored(kind, data), data)


@each_kind
def test_indexing_in_small_pieces(stored, kind, tiny_pieces):
    data = writers.matrix()
    check_indexing(stored(kind, data), data)


def test_indexing_of_arrays():
    data = writers.matrix()
    for array in (data, np.asfortranarray(data), writers.big_endian(data)):
        (item,) = ng.io.open_items([array])
        check_indexing(item, data)
        assert item.read().dtype == data.dtype


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("n_rows", [1, 5, 100])
@each_kind
def test_blocks(stored, kind, n_rows, large, request):
    if large:
        request.getfixturevalue("tiny_pieces")
    data = writers.matrix()
    blocks = list(stored(kind, data).blocks(n_rows))
    assert [len(block) for block in blocks] == [len(data[i : i + n_rows]) for i in range(0, 13, n_rows)]
    np.testing.assert_array_equal(np.concatenate(blocks), data, strict=True)


@each_kind
def test_more_axes(stored, kind, tiny_pieces):
    if "chunk" in kind or "shard" in kind or "group" in kind:
        pytest.importorskip("zarr")
        return check_deep_zarr_and_hdf5(tiny_pieces)
    data = writers.matrix(shape=(13, 2, 5))
    if kind == "HDF5":
        pytest.importorskip("h5py")
    check_indexing(stored(kind, data, flatten=True), data.reshape(13, 10))
    return None


def check_deep_zarr_and_hdf5(folder):
    zarr, h5py = pytest.importorskip("zarr"), pytest.importorskip("h5py")
    data = writers.matrix(shape=(13, 2, 5))
    zarr.create_array(folder / "deep.zarr", data=data, chunks=(3, 2, 2), overwrite=True)
    with h5py.File(folder / "deep.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=(3, 2, 2))
    for item in ng.io.open_items([folder / "deep.zarr", folder / "deep.h5"], flatten=True, names=["a", "b"]):
        check_indexing(item, data.reshape(13, 10))


# ---- memory and temporary copies


@each_kind
def test_maps(stored, kind):
    item = stored(kind, writers.matrix())
    if kind in ("npy", "npy in Fortran order", "safetensors"):
        found = item.__array__()
        assert isinstance(found, np.memmap)
        assert np.shares_memory(np.asarray(found), found)
        assert not found.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0
    else:
        assert not isinstance(item.__array__(), np.memmap)
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
            with pytest.raises(ValueError, match="copy=False is impossible"):
                np.array(item, copy=False)
    np.testing.assert_array_equal(np.asarray(item, dtype="f8"), writers.matrix("f8"), strict=True)


def test_temporary_copies_are_made_once_and_deleted(stored, tiny_pieces, monkeypatch):
    data = writers.matrix()
    item = stored("compressed npz", data)
    list(item.blocks(2)), item[3:6], item[[1, 5]], item.read()  # rows stream
    assert not os.listdir(tiny_pieces)
    item[:, 2:4]
    (name,) = os.listdir(tiny_pieces)
    written = os.stat(tiny_pieces / name).st_mtime_ns
    for i in range(10):
        np.testing.assert_array_equal(item[:, i], data[:, i])
    assert os.listdir(tiny_pieces) == [name]
    assert os.stat(tiny_pieces / name).st_mtime_ns == written
    again = pickle.loads(pickle.dumps(item))  # which makes a copy of its own
    np.testing.assert_array_equal(again[:, 1:2], data[:, 1:2])
    assert len(os.listdir(tiny_pieces)) == 2
    del item, again
    gc.collect()
    assert not os.listdir(tiny_pieces)


def test_threads_share_a_temporary_copy(stored, tiny_pieces):
    data = writers.matrix()
    item = stored("compressed npz", data)
    with ThreadPoolExecutor(8) as pool:
        for i, column in enumerate(pool.map(lambda i: item[:, i % 10], range(80))):
            np.testing.assert_array_equal(column, data[:, i % 10])
    (name,) = os.listdir(tiny_pieces)
    _io_item._delete(str(tiny_pieces / name), os.getpid() + 1)  # as a forked child would
    assert os.listdir(tiny_pieces) == [name]


@pytest.mark.parametrize(
    ("kind", "copied"),
    [
        ("npy", False),
        ("npy in Fortran order", False),
        ("safetensors", False),
        ("HDF5", False),
        ("Zarr in chunks", False),
        ("Zarr in one chunk", True),
        ("HDF5 in one chunk", True),
        ("Zarr group", True),
        ("npz", True),
    ],
)
def test_which_columns_are_read_in_place(stored, tiny_pieces, kind, copied):
    item = stored(kind, writers.matrix())
    item[:, 2:4]
    assert bool(os.listdir(tiny_pieces)) == copied


def test_large_items_are_not_held(tmp_path):
    """Blocks, rows, columns and the hash of 64 MB need little memory, in a compressed archive too."""
    data = np.zeros((4096, 4096), "f4")
    data[:, 5] = np.arange(4096)
    np.save(tmp_path / "x.npy", data)
    np.savez_compressed(tmp_path / "y.npz", y=data)
    known = ng.io.content_hash(data)
    for item in ng.io.open_items(tmp_path):
        tracemalloc.start()
        assert sum(float(block[:, 5].sum()) for block in item.blocks(256)) == data[:, 5].sum()
        np.testing.assert_array_equal(item[4000:4010], data[4000:4010])
        np.testing.assert_array_equal(item[:, 4:7], data[:, 4:7])
        np.testing.assert_array_equal(item[[1, 4000, 2]], data[[1, 4000, 2]])
        assert item.content_hash() == known
        assert tracemalloc.get_traced_memory()[1] < 40e6
        tracemalloc.stop()


def test_arrays_of_tall_chunks_are_not_held(tmp_path):
    """Rows of 128 MB of Zarr whose chunks have all rows are read through a copy made chunk by chunk."""
    zarr = pytest.importorskip("zarr")
    data = np.zeros((4096, 4096), "f8")
    data[:, ::500] = np.arange(4096)[:, None]
    zarr.create_array(tmp_path / "x.zarr", data=data, chunks=(4096, 64))
    (item,) = ng.io.open_items(tmp_path)
    known = ng.io.content_hash(data)
    tracemalloc.start()
    np.testing.assert_array_equal(item[100:110], data[100:110])
    assert item.content_hash() == known
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


def test_a_full_disk_is_named(stored, tiny_pieces, monkeypatch):
    item = stored("compressed npz", writers.matrix())

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_io_sources.MemberSource, "copy_to", full)
    with pytest.raises(OSError, match=r"No space left on device while unpacking .*x\.npz into .*TMPDIR"):
        item[:, :2]
    assert not os.listdir(tiny_pieces)


class Keeps(ng.Metric):
    """A metric that keeps the data of its items."""

    def prepare(self, data, label):
        return data

    def pair(self, tile, products):
        return np.zeros(tile.where.shape)


def test_many_items_keep_no_file_open(tmp_path):
    for i in range(50):
        np.save(tmp_path / f"{i:03}.npy", writers.matrix("f8", seed=i))
        np.savez(tmp_path / f"z{i:03}.npz", x=writers.matrix("f8", seed=i))
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, hard))
    try:
        items = ng.io.open_items(tmp_path)
        results = ng.pairwise(items, ["procrustes", "cka", Keeps()], n_threads=2)
        held = [item[2:4] for item in items]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(held) == 100
    assert results["procrustes"].values[0, 50] == pytest.approx(0, abs=1e-6)


def test_threads_read_one_archive_together(tmp_path, tiny_pieces):
    arrays = {f"x{i}": writers.matrix(seed=i) for i in range(12)}
    for k in range(8):  # more archives than are kept open
        np.savez_compressed(tmp_path / f"{k}.npz", **arrays)
    items = ng.io.open_items(str(tmp_path / "*.npz"))
    assert len(items) == 96
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            found = list(pool.map(lambda item: item[:, 1:9], items))
            for item, array in zip(items, found, strict=True):
                np.testing.assert_array_equal(array, arrays[item.location["key"]][:, 1:9])


def test_threads_do_not_move_each_other_in_an_archive(tmp_path):
    """The step that `zipfile` of Python 3.12 takes from where the file stands, between reads of others."""
    content = bytes(range(200))
    (tmp_path / "x").write_bytes(content)
    with _io_sources._SharedFile(str(tmp_path / "x")) as file, ThreadPoolExecutor(1) as other:
        assert file.read(10) == content[:10]
        assert other.submit(lambda: (file.seek(-50, 2), file.read(), file.tell())).result() == (
            150, content[150:], 200,
        )  # fmt: skip
        assert file.seek(5, 1) == 15
        assert file.read(4) == content[15:19]
        assert other.submit(file.tell).result() == 200
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(-1)
    assert file.closed


def test_members_that_are_refused_are_closed(tmp_path, monkeypatch):
    """Not left to the collector, which warns of an open file if it comes to the file first."""
    path = tmp_path / "x.npz"
    np.savez(path, x=writers.matrix())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y.npy", archive.read("x.npy")[:-8])  # its checksum is right, its header is not
    items, streams, member = ng.io.open_items(path), [], _io_sources.member
    monkeypatch.setattr(_io_sources, "member", lambda *place: streams.append(member(*place)) or streams[-1])
    with pytest.raises(ValueError, match=r"x\.npz: y: its size differs from what its header says"):
        items[1].read()
    items[0].read()
    assert [stream.closed for stream in streams] == [True, True]


# ---- formats that NumPy has no counterpart of


def test_bfloat16_is_widened_exactly(tmp_path):
    values = np.array([[1.0, -2.5], [0.0, 3.0e38], [np.inf, 1e-40], [-0.0, 0.15625]], "f4")
    bits = (values.view("u4") >> 16).astype("<u2")
    known = (bits.astype("u4") << 16).view("f4")
    header = json.dumps({"x": {"dtype": "BF16", "shape": [4, 2], "data_offsets": [0, 16]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes())
    (item,) = ng.io.open_items(tmp_path / "x.safetensors")
    assert item.dtype == np.float32
    assert item.read()[1, 1] == pytest.approx(3.0e38, rel=2**-8)
    assert item.read()[3].tolist() == [0.0, 0.15625]
    for found in (item.read(), np.asarray(item), item[::-1][::-1], np.column_stack([item[:, 0], item[:, 1]])):
        np.testing.assert_array_equal(found.view("u4"), known.view("u4"), strict=True)


def test_tensors_may_start_anywhere(tmp_path):
    data = writers.matrix("f8")
    header = json.dumps({"x": {"dtype": "F64", "shape": [13, 10], "data_offsets": [3, 1043]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"abc" + data.tobytes()
    )
    (item,) = ng.io.open_items(tmp_path / "x.safetensors")
    assert np.asarray(item).flags.aligned
    check_indexing(item, data)
