"""What cannot be opened or read is refused, with the file, the key and the reason; nothing is unpickled."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import zipfile

import neurogeom as ng
import numpy as np
import pytest
from helpers import writers
from neurogeom.io.search import opened

DATA = writers.matrix("f8", (40, 10))


class Bomb:
    """Whose unpickling would be noticed."""

    def __reduce__(self):
        return (os.abort, ())


# ---- sources


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (None, TypeError, "source must be a path, a glob pattern, .* not NoneType"),
        (3, TypeError, "not int"),
        (b"x.npy", TypeError, "not bytes"),
        (DATA, TypeError, "not ndarray: put it into a list or mapping"),
        (ng.Representation(DATA), TypeError, "not Representation"),
        ("", ValueError, "source is an empty path"),
        ([], ValueError, "source: no matrices of two stimuli or more"),
        ({}, ValueError, "source: no matrices"),
        (["/gone.npy"], FileNotFoundError, r"/gone\.npy"),
        ("/gone", FileNotFoundError, "/gone"),
        ("/gone/*.npy", ValueError, r"/gone/\*\.npy: no matrices .* no file of a kind that can be read"),
        ([None], TypeError, r"source\[0\] must be a path or a matrix, not NoneType"),
        ({"a": 3.0}, TypeError, r"source\['a'\] must be a path or a matrix, not float"),
        ([DATA[0]], ValueError, r"source\[0\] must be two-dimensional"),
        ([DATA[:1]], ValueError, r"source\[0\] has one stimulus"),
        ([DATA * 1j], TypeError, r"source\[0\] must hold real numbers"),
        ([DATA.astype(object)], TypeError, r"source\[0\] must hold real numbers"),
        ([ng.RDM([1, 2, 3])], TypeError, r"source\[0\] must be a path or a matrix, not RDM"),
        ([""], ValueError, r"source\[0\] is an empty path"),
    ],
)
def test_bad_sources(source, error, text):
    with pytest.raises(error, match=text):
        ng.io.open_items(source)


class Tensor:
    """Like a tensor of torch, as far as it is looked at."""

    def __init__(self, data, device="cpu", requires_grad=False, readable=True):
        self.data, self.requires_grad, self.readable = data, requires_grad, readable
        self.device = type("device", (), {"type": device.split(":")[0], "__str__": lambda self: device})()

    def __len__(self):
        return len(self.data)

    def detach(self):
        return Tensor(self.data, self.device.type, False, self.readable)

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy()")
        if self.device.type != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if not self.readable:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return np.asarray(self.data, dtype=dtype)


def test_tensors():
    items = ng.io.open_items({"a": Tensor(DATA), "b": Tensor(DATA, requires_grad=True)})
    for item in items:
        np.testing.assert_array_equal(item.read(), DATA)
        assert np.shares_memory(item.read(), DATA)
    with pytest.raises(
        TypeError, match=r"^source\['c'\] is a tensor on 'cuda:0': move it to the CPU first \(\.cpu\(\)\)$"
    ):
        ng.io.open_items({"c": Tensor(DATA, "cuda:0")})
    with pytest.raises(TypeError, match=r"source\[0\] cannot be .*BFloat16"):
        ng.io.open_items([Tensor(DATA, readable=False)])


def test_arrays_have_no_location_elsewhere():
    (item,) = ng.io.open_items({"V1": DATA})
    with pytest.raises(ValueError, match="item 'V1' was given as an array, which no other process can open"):
        ng.io.open_item(item.location)
    assert item.stamp() == {"size": DATA.nbytes, "mtime_ns": 0}
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(item)).read(), DATA)


# ---- pickles


@pytest.mark.parametrize("name", ["x.pkl", "x.pt", "x.pth", "x.pickle", "x.PT", "x.dat", "x.npy", "x.npz"])
def test_pickles_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=rf"{name}: a pickle, which is refused: .*can run code.*numpy\.save"):
        ng.io.open_items(tmp_path / name)
    if not name.endswith((".dat", ".npy", ".npz")):
        with pytest.raises(ValueError, match=rf"{name}: a pickle, which is refused"):
            ng.io.open_items(tmp_path)
        with pytest.raises(ValueError, match=rf"{name}: a pickle, which is refused"):
            ng.io.open_items(f"{tmp_path}/*")


def test_pickles_of_torch_say_how_to_convert_them(tmp_path):
    """Those of today are zip archives, whatever they are called; they are also named in folders."""
    for name in ("net.pt", "net.bin"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("net/data.pkl", pickle.dumps(Bomb()))
            archive.writestr("net/data/0", bytes(80))
        with pytest.raises(
            ValueError, match=rf"{name}: a pickle, .*torch\.load\('{name}', weights_only=True"
        ):
            ng.io.open_items(tmp_path / name)
    np.save(tmp_path / "x.npy", DATA)
    assert [item.name for item in ng.io.open_items(tmp_path)] == ["x"]
    (skipped,) = opened(tmp_path).left_out
    assert skipped.startswith(f"{tmp_path}/net.pt: a pickle, which is refused: reading it can run code")


def test_objects_in_files_of_numpy_are_refused(tmp_path):
    bombs = np.array([[Bomb(), Bomb()], [Bomb(), Bomb()]], dtype=object)
    np.save(tmp_path / "x.npy", bombs, allow_pickle=True)
    np.savez(tmp_path / "y.npz", x=bombs, good=DATA, labels=bombs[0])
    with pytest.raises(ValueError, match=r"x\.npy: a pickle, which is refused"):
        ng.io.open_items(tmp_path / "x.npy")
    with pytest.raises(ValueError, match=r"y\.npz: x: a pickle, which is refused"):
        ng.io.open_items(tmp_path / "y.npz", keys=["x"])
    with pytest.raises(ValueError, match=r"y\.npz: labels: a pickle, which is refused"):
        ng.io.open_items(tmp_path / "y.npz", ids="labels")
    np.save(tmp_path / "ids.npy", bombs[0], allow_pickle=True)
    with pytest.raises(ValueError, match=r"ids\.npy: .*allow_pickle=False"):
        ng.io.open_items(tmp_path / "y.npz", ids=tmp_path / "ids.npy")
    assert [item.name for item in ng.io.open_items(tmp_path)] == ["y"]


# ---- files that are no matrices, or damaged


def test_files_of_other_kinds(tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "text.safetensors").write_text("hello world, hello world")
    (tmp_path / "x.zarr").write_text("hello")
    np.save(tmp_path / "vector.npy", DATA[0])
    np.savez(tmp_path / "vectors.npz", a=DATA[0], b=DATA.reshape(40, 5, 2))
    np.save(tmp_path / "none.npy", DATA[:, :0])
    for name, text in [
        ("x.csv", r"x\.csv: not a kind of file that can be read \(\.npy, "),
        ("x.zarr", r"x\.zarr: not a kind of file that can be read"),
        ("empty.npy", r"empty\.npy: not a \.npy file, despite its extension"),
        ("text.npz", r"text\.npz: not a \.npz file"),
        ("text.h5", r"text\.h5: cannot be read: .*file signature not found"),
        ("text.safetensors", r"text\.safetensors: cannot be read: not a safetensors file, or a truncated"),
        ("vector.npy", r"vector\.npy: is not two-dimensional \(n_stimuli, n_units\), but of shape \(10,\)"),
        ("none.npy", r"none\.npy: is empty \(shape \(40, 0\)\)"),
        (
            "vectors.npz",
            r"vectors\.npz: no matrices of two .*vectors\.npz: a: is not two.*: b: .*flatten=True",
        ),
    ]:
        if name.endswith("h5"):
            pytest.importorskip("h5py")
        with pytest.raises(ValueError, match=text):
            ng.io.open_items(tmp_path / name)
    with pytest.raises(ValueError, match="vector"):
        ng.io.open_items(f"{tmp_path}/vec*")


@pytest.mark.parametrize("part", [0.05, 0.99])
@pytest.mark.parametrize("kind", writers.WRITERS)
def test_cut_files(tmp_path, kind, part):
    path = writers.WRITERS[kind](tmp_path, writers.matrix())
    if path.is_dir():  # a chunk that is not there is legal and zero: the metadata are cut, or a chunk
        path = max(
            (p for p in path.rglob("*") if p.is_file()), key=lambda p: ("c/" in str(p), p.stat().st_size)
        )
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r"x\.(npy|npz|h5|mat|zarr|safetensors)"):
        ng.io.open_items(tmp_path)[0].read()


@pytest.mark.parametrize(
    "read", [lambda i: i.read(), lambda i: i[35:], lambda i: list(i.blocks(7)), np.asarray]
)
@pytest.mark.parametrize("kind", ["npz", "compressed npz", "npz in Fortran order"])
def test_changed_bytes_of_archives_are_noticed(tmp_path, kind, read):
    path = writers.WRITERS[kind](tmp_path, DATA)
    (item,) = ng.io.open_items(path)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 80 + info.compress_size // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.npz: x: cannot be read: "):
        read(item)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("n_rows", [40, 1024, 4097])
def test_checksums_of_archives_are_compared(tmp_path, save, n_rows):
    """Also when the last byte that is wanted comes before the end of the compressed stream."""
    path = tmp_path / "x.npz"
    save(path, x=np.zeros((n_rows, 64)))
    with zipfile.ZipFile(path) as archive:
        known = archive.getinfo("x.npy").CRC.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(known, b"\1\2\3\4"))
    (item,) = ng.io.open_items(path)
    for read in (item.read, item.content_hash, lambda: item[-1]):
        with pytest.raises(ValueError, match=r"x\.npz: x: cannot be read: Bad CRC-32"):
            read()


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed npz", "HDF5", "Zarr in chunks", "safetensors"])
def test_damage_anywhere_is_named_or_harmless(tmp_path, kind):
    """Whatever byte of a header changes: other errors than those that name the file do not get out."""
    path = writers.WRITERS[kind](tmp_path, writers.matrix())
    file = path / "zarr.json" if path.is_dir() else path
    content, rng = file.read_bytes(), np.random.default_rng(0)
    errors = []
    for at in rng.integers(0, min(len(content), 200), 80):
        damaged = bytearray(content)
        damaged[at] = rng.integers(256)
        file.write_bytes(damaged)
        try:
            ng.io.open_items(path)[0].read()
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 20
    assert all(str(path) in text for text in errors)


def test_damaged_headers_of_safetensors(tmp_path):
    path = tmp_path / "x.safetensors"

    def write(text, size=64):
        header = text if isinstance(text, bytes) else json.dumps(text).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))

    good = {"dtype": "F64", "shape": [4, 2], "data_offsets": [0, 64]}
    write({"x": good, "__metadata__": {"format": "np"}})
    assert ng.io.open_items(path)[0].shape == (4, 2)
    for change in (
        {"data_offsets": [0, 65]},
        {"data_offsets": [8, 72]},
        {"data_offsets": [-8, 56]},
        {"shape": [-4, -2]},
        {"shape": [4, 3]},
        {"shape": None},
        {"dtype": 3, "shape": "x"},
    ):
        write({"x": good | change})
        with pytest.raises(ValueError, match=r"x\.safetensors: cannot be read: "):
            ng.io.open_items(path)
    for text in (b"{", b"[]", b"\xff"):
        write(text)
        with pytest.raises(ValueError, match=r"x\.safetensors: cannot be read: "):
            ng.io.open_items(path)
    write({"x": good | {"dtype": "F8_E4M3", "data_offsets": [0, 8]}})
    with pytest.raises(ValueError, match="x: must hold real numbers of at most 64 bits"):
        ng.io.open_items(path, keys=["x"])


@pytest.mark.parametrize("kind", writers.WRITERS)
def test_files_that_change_after_opening(tmp_path, kind):
    (tmp_path / "old").mkdir()
    path = writers.WRITERS[kind](tmp_path / "old", DATA)
    (item,) = ng.io.open_items(path)
    np.testing.assert_array_equal(item.read(), DATA)
    for other in (DATA[:20], DATA.reshape(20, 20), DATA.astype("f4")):
        shutil.rmtree(tmp_path / "old")
        (tmp_path / "old").mkdir()
        writers.WRITERS[kind](tmp_path / "old", other)
        for read in (
            item.read,
            item.content_hash,
            lambda: item[:, 1],
            item.__array__,
            lambda: list(item.blocks(3)),
        ):
            with pytest.raises(
                ValueError, match=r"old/x\..*changed since it was opened: its (size|shape|dtype)"
            ):
                read()
    shutil.rmtree(tmp_path / "old")
    with pytest.raises((FileNotFoundError, ValueError), match=r"old/x\."):
        item.read()


def test_files_that_may_not_be_read(tmp_path):
    np.save(tmp_path / "x.npy", DATA)
    (item,) = ng.io.open_items(tmp_path)
    (tmp_path / "x.npy").unlink()
    (tmp_path / "x.npy").mkdir()
    with pytest.raises((OSError, ValueError), match=r"x\.npy"):
        item.read()


def test_all_bad_files_are_named_or_left_out(tmp_path):
    np.save(tmp_path / "a.npy", DATA)
    (tmp_path / "b.npy").write_bytes(b"")
    (tmp_path / "c.npz").write_bytes(b"PK and no archive")
    (tmp_path / "d.npy").symlink_to(tmp_path / "gone")
    every = [tmp_path / name for name in ("a.npy", "b.npy", "c.npz", "d.npy")]
    wrong = r"b\.npy: not a \.npy file.*; .*c\.npz: cannot be read: .*; .*d\.npy: No such file or directory$"
    for source in (tmp_path, f"{tmp_path}/*", every):
        with pytest.raises(
            ValueError, match=rf"^3 files cannot be used \(skip_bad leaves them out\): .*{wrong}"
        ):
            ng.io.open_items(source)
        with pytest.warns(UserWarning, match=rf"^files left out: .*{wrong}") as seen:
            (item,) = ng.io.open_items(source, skip_bad=True)
        assert (item.name, len(seen)) == ("a", 1)
    with pytest.raises(ValueError, match=r"source: no matrices .*: .*b\.npy: not a \.npy file"):
        ng.io.open_items([tmp_path / "b.npy"], skip_bad=True)
    for source in ([DATA, DATA[:1]], {"0": DATA, "1": DATA[:1]}):  # no files, so that none is left out
        with pytest.raises(ValueError, match=r"^source\[.?1.?\] has one stimulus"):
            ng.io.open_items(source, skip_bad=True)
    with pytest.warns(UserWarning, match=r"^files left out: .*b\.npy"):
        ng.io.open_items({"x": DATA, "y": tmp_path / "b.npy"}, skip_bad=True)
    with pytest.raises(TypeError, match="skip_bad must be True or False"):
        ng.io.open_items(tmp_path, skip_bad="yes")


def test_files_of_matlab_before_hdf5(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    savemat(tmp_path / "old.mat", {"x": DATA})
    text = r"old\.mat: a MATLAB file older than format 7\.3: save it with .*-v7\.3.*scipy\.io\.loadmat"
    with pytest.raises(ValueError, match=text):
        ng.io.open_items(tmp_path / "old.mat")
    with pytest.raises(ValueError, match=text):
        ng.io.open_items(tmp_path)
    np.save(tmp_path / "x.npy", DATA)
    assert [item.name for item in ng.io.open_items(tmp_path)] == ["x"]


# ---- use


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (40, "row 40 is out of range for 40 rows"),
        (-41, "row -41 is out of range"),
        ([0, 40], "row 40 is out of range"),
        ((0, 10), "column 10 is out of range for 10 columns"),
        ((0, -11), "column -11 is out of range"),
        ((0, 0, 0), "an item has two axes, but 3 indices were given"),
        (1.5, "rows must be an integer, a slice, a mask or a vector of integers"),
        (None, "rows must be"),
        ("V1", "rows must be"),
        (np.zeros((2, 2), int), "rows must be"),
        (np.ones(39, bool), r"the mask must have one entry for each of the 40 rows, not shape \(39,\)"),
        ((0, [1, 2]), "columns must be an integer or a slice, not list"),
        ((0, True), "columns must be an integer or a slice, not bool"),
    ],
)
def test_bad_indices(index, text):
    (item,) = ng.io.open_items([DATA])
    with pytest.raises(IndexError, match=text):
        item[index]


def test_bad_blocks():
    (item,) = ng.io.open_items([DATA])
    with pytest.raises(ValueError, match="n_rows must be at least 1, not 0"):
        item.blocks(0)
    with pytest.raises(TypeError, match="n_rows must be an integer"):
        item.blocks(2.0)


def test_bad_locations(tmp_path):
    np.save(tmp_path / "x.npy", DATA)
    location = ng.io.open_items(tmp_path)[0].location
    for change, error, text in [
        ({"kind": "csv"}, ValueError, r"location\['kind'\] must be one of 'hdf5', .*, not 'csv'"),
        ({"path": "/gone.npy"}, FileNotFoundError, r"/gone\.npy"),
    ]:
        with pytest.raises(error, match=text):
            ng.io.open_item(location | change)
    with pytest.raises(ValueError, match="location lacks 'path', 'key'"):
        ng.io.open_item({"kind": "npy", "flatten": False, "name": "x"})
    with pytest.raises(TypeError, match="location must be a mapping, not str"):
        ng.io.open_item("x.npy")
    np.save(tmp_path / "x.npy", DATA[0])
    with pytest.raises(ValueError, match=r"x\.npy: is not two-dimensional"):
        ng.io.open_item(location)


@pytest.mark.parametrize("bad", [None, "x", DATA[0], DATA * 1j, [[1, 2], [3]]])
def test_bad_content(bad):
    with pytest.raises((TypeError, ValueError), match=r"^array "):
        ng.io.content_hash(bad)


@pytest.mark.parametrize(
    ("module", "name", "text"),
    [
        ("h5py", "x.h5", r"an HDF5 file needs h5py: pip install 'neurogeom\[io\]'"),
        ("zarr", "x.zarr", r"a Zarr array needs zarr: pip install 'neurogeom\[store\]'"),
    ],
)
def test_missing_extras_are_named(tmp_path, monkeypatch, module, name, text):
    kind = {"h5py": "HDF5", "zarr": "Zarr group"}[module]
    writers.WRITERS[kind](tmp_path, DATA)
    (item,) = ng.io.open_items(tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    for attempt in (lambda: ng.io.open_items(tmp_path), lambda: ng.io.open_items(tmp_path / name), item.read):
        with pytest.raises(ImportError, match=text):
            attempt()
