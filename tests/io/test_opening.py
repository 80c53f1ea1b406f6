"""What paths, patterns, directories, lists and mappings stand for: items, names, ids; and sweeps of them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers import writers
from helpers.items import items_of
from neurogeom.io.search import opened

DATA = writers.matrix("f8")


def names_of(items):
    return [item.name for item in items]


@pytest.fixture
def tree(tmp_path):
    """Files of several kinds in directories, with some that are no matrices."""
    for place in ("b.npy", "net2/late.npy", "net2/early.npy", "net10/late.npy"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        np.save(tmp_path / place, DATA + len(place))
    ids = np.array([f"s{i}" for i in range(13)])
    np.savez(
        tmp_path / "a.npz", conv=DATA, fc=DATA[:, :4], ids=ids, maps=DATA.reshape(13, 2, 5), one=DATA[:1]
    )
    np.savez(tmp_path / "net10" / "only.npz", fc=DATA, ids=ids)
    np.save(tmp_path / "labels.npy", np.arange(13))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.npy").write_text("x")
    (tmp_path / "weights.pt").write_bytes(b"PK")
    return tmp_path


ALL = ["a/conv", "a/fc", "b", "net10/late", "net10/only", "net2/early", "net2/late"]


def test_directory(tree):
    for source in (tree, str(tree), f"{tree}/"):
        items = ng.io.open_items(source)
        assert names_of(items) == ALL
    np.testing.assert_array_equal(items[1].read(), DATA[:, :4])
    np.testing.assert_array_equal(items[2].read(), DATA + len("b.npy"))


def test_relative_paths(tree, monkeypatch):
    monkeypatch.chdir(tree)
    items = ng.io.open_items(".")
    monkeypatch.chdir("/")
    assert names_of(items) == ALL
    assert items[0].location["path"] == str(tree / "a.npz")
    items[0].read()


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**/*.npy", ["b", "net10/late", "net2/early", "net2/late"]),
        ("net*/late.npy", ["net10/late", "net2/late"]),
        ("net2/*", ["early", "late"]),
        ("*", ["a/conv", "a/fc", "b"]),
        ("**", ALL),
    ],
)
def test_patterns(tree, pattern, names):
    assert names_of(ng.io.open_items(f"{tree}/{pattern}")) == names
    assert names_of(ng.io.open_items(Path(f"{tree}/{pattern}"))) == names


def test_files_whose_names_look_like_patterns(tmp_path):
    np.save(tmp_path / "a[1].npy", DATA)
    np.save(tmp_path / "a1.npy", DATA + 1)
    np.testing.assert_array_equal(ng.io.open_items(tmp_path / "a[1].npy")[0].read(), DATA)


def test_brackets_in_names_are_brackets_if_something_is_called_so(tmp_path):
    for folder in ("net[1]", "net1"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "m[2]_a.npy", DATA + len(folder))
        np.save(tmp_path / folder / "other.npy", DATA)
    for pattern in ("net[1]/m*.npy", "net[1]/m[2]*.npy", "net[1]/m[2]_?.npy"):
        (item,) = ng.io.open_items(tmp_path / pattern)
        assert item.name == "m[2]_a"
        np.testing.assert_array_equal(item.read(), DATA + len("net[1]"))
    assert names_of(ng.io.open_items(tmp_path / "net[12]/o*.npy")) == ["net1/other"]  # a pattern


def test_lists(tree):
    assert names_of(ng.io.open_items([tree / "net2/late.npy", tree / "b.npy"])) == ["net2/late", "b"]
    assert names_of(ng.io.open_items([tree / "net2/late.npy", tree / "net2/early.npy"])) == ["late", "early"]
    assert names_of(ng.io.open_items([tree / "net2", f"{tree}/net10/*"])) == [
        "net2/early",
        "net2/late",
        "net10/late",
        "net10/only",
    ]
    own = ng.Representation(DATA, name="V1", ids=range(13))
    mixed = ng.io.open_items([DATA, tree / "b.npy", own, ng.io.open_items(tree / "b.npy", names=["c"])[0]])
    assert names_of(mixed) == ["0", "b", "V1", "c"]
    assert mixed[2].ids.tolist() == list(range(13))
    for item in mixed[::2]:
        np.testing.assert_array_equal(item.read(), DATA)


def test_mappings(tree):
    opened = ng.io.open_items(tree / "b.npy")[0]
    items = ng.io.open_items(
        {
            "x": tree / "b.npy",
            "net": tree / "net2",
            3: DATA,
            "y": opened,
            "z": ng.Representation(DATA, name="V1"),
        }
    )
    assert names_of(items) == ["x", "net/early", "net/late", "3", "y", "z"]
    assert [item.location["name"] for item in items] == names_of(items)
    assert opened.name == "b"  # the user's item is not renamed


def test_names(tree):
    given = ng.io.open_items(tree, names=list("abcdefg"))
    assert names_of(given) == list("abcdefg")
    with pytest.raises(ValueError, match="names must give one name for each of the 7 items"):
        ng.io.open_items(tree, names=["a"])
    with pytest.raises(ValueError, match="names must be distinct, but 'a'"):
        ng.io.open_items(tree, names=list("abcdefa"))
    np.savez(tree / "b.npz", x=DATA)
    with pytest.raises(ValueError, match=r"b\.npy and .*b\.npz: x are both called 'b': give names$"):
        ng.io.open_items(tree)
    assert len(ng.io.open_items(tree, names=list("abcdefgh"))) == 8
    with pytest.raises(ValueError, match="both called 'b'"):
        ng.io.open_items([tree / "b.npy", tree / "b.npy"])


def test_keys(tree):
    assert names_of(ng.io.open_items(f"{tree}/**/*.npz", keys=["fc"])) == ["a", "net10/only"]
    assert names_of(ng.io.open_items(tree / "a.npz", keys=["fc", "conv"])) == ["a/fc", "a/conv"]
    assert names_of(ng.io.open_items(tree / "a.npz", keys=lambda key: key != "fc")) == ["a"]
    (item,) = ng.io.open_items(tree / "a.npz", keys=["maps"], flatten=True)
    np.testing.assert_array_equal(item.read(), DATA)
    with pytest.raises(
        ValueError, match=r"only\.npz has no 'conv'; it holds fc \(13, 10\) float64, ids \(13,\) <U3$"
    ):
        ng.io.open_items(tree, keys=["conv"])
    with pytest.raises(
        ValueError, match=r"^keys names arrays of a .npz file or the like, but .*b\.npy is one array$"
    ):
        ng.io.open_items(tree / "b.npy", keys=["conv"])
    for bad in ("conv", 3, b"conv"):
        with pytest.raises(TypeError, match="keys must be a list of names or a function"):
            ng.io.open_items(tree, keys=bad)
    with pytest.raises(TypeError, match="keys must hold names"):
        ng.io.open_items(tree, keys=[3])
    with pytest.raises(ValueError, match="keys is empty"):
        ng.io.open_items(tree, keys=[])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("ids", r"a\.npz: ids: must hold real numbers of at most 64 bits, not <U3$"),
        (
            "maps",
            r"a\.npz: maps: is not two-dimensional .* of shape \(13, 2, 5\); flatten=True takes its other",
        ),
        ("one", r"a\.npz: one: has one stimulus; a representation needs at least two$"),
    ],
)
def test_what_is_named_must_be_a_matrix(tree, key, text):
    with pytest.raises(ValueError, match=text):
        ng.io.open_items(tree / "a.npz", keys=[key])


def test_flatten(tree):
    items = ng.io.open_items(tree, flatten=True)
    assert names_of(items) == ["a/conv", "a/fc", "a/maps", *ALL[2:]]
    np.testing.assert_array_equal(items[2].read(), DATA)
    (item,) = ng.io.open_items([DATA.reshape(13, 5, 2)], flatten=True)
    np.testing.assert_array_equal(item.read(), DATA)
    with pytest.raises(TypeError, match="flatten must be True or False"):
        ng.io.open_items(tree, flatten="yes")


def test_links(tree):
    (tree / "net2" / "up").symlink_to(tree)  # a circle
    (tree / "linked.npy").symlink_to(tree / "b.npy")
    (tree / "other").symlink_to(tree / "net10")
    names = names_of(ng.io.open_items(tree))
    assert names == sorted([*ALL, "linked", "other/late", "other/only"])
    (tree / "broken.npy").symlink_to(tree / "gone")
    with pytest.raises(FileNotFoundError, match=r"broken\.npy"):
        ng.io.open_items(tree)
    with pytest.raises(FileNotFoundError, match=r"broken\.npy"):
        ng.io.open_items(tree / "broken.npy")


def test_zarr_and_hdf5_groups(tmp_path):
    zarr, h5py = pytest.importorskip("zarr"), pytest.importorskip("h5py")
    group = zarr.open_group(tmp_path / "in" / "net.zarr", mode="w")
    group.create_array("layer1/relu", data=DATA)
    group.create_array("layer0", data=DATA + 1)
    group.create_array("ids", data=np.arange(13))
    zarr.create_array(tmp_path / "in" / "plain", data=DATA + 2)  # without an ending
    with h5py.File(tmp_path / "in" / "x.hdf5", "w") as file:
        file["deep/er"] = DATA + 3
        file["ids"] = np.arange(13)
        file["again"] = h5py.SoftLink("/deep/er")
        file["empty"] = h5py.Empty("f8")
        file["text"] = "x"
    known = ["net/layer0", "net/layer1/relu", "plain", "x"]
    for source in (tmp_path, tmp_path / "in", f"{tmp_path}/in/**", f"{tmp_path}/in/*"):
        items = ng.io.open_items(source)
        assert [item.name.removeprefix("in/") for item in items] == known
        for item, add in zip(items, (1, 0, 2, 3), strict=True):
            np.testing.assert_array_equal(item.read(), DATA + add)
    assert names_of(ng.io.open_items(tmp_path / "in" / "net.zarr", keys=["/layer1/relu"])) == ["net"]
    found = ng.io.open_items([tmp_path / "in" / "net.zarr", tmp_path / "in" / "x.hdf5"], ids="ids")
    assert all(item.ids.tolist() == list(range(13)) for item in found)


def test_datasets_of_matlab_themselves_are_refused(tmp_path):
    """A square one would else be compared transposed; its shape cannot tell."""
    h5py = pytest.importorskip("h5py")
    X = writers.matrix("f8", (13, 13))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, data in {"x": X.T, "stack": np.stack([X.T, X]), "labels": np.arange(13)}.items():
            file[name] = data
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        file["own"] = X
        x, stack, own = (file[name] for name in ("x", "stack", "own"))
        for use in (
            lambda: ng.pairwise([own, x]),
            lambda: ng.pairwise({"a": x, "b": own}),
            lambda: ng.pairwise(stack),
            lambda: ng.sweep.plan([x, own]),  # without a store, which needs Zarr
            lambda: ng.Representation(x),
            lambda: ng.Representation(own, ids=file["labels"]),
            lambda: ng.manifold_capacity(stack, n_samples=2),
        ):
            with pytest.raises(TypeError, match=r"written by MATLAB.*axes in reverse.*ng\.io\.open_items"):
                use()
        assert ng.pairwise([own, x[...].T]).square[0, 1] < 1e-7


def test_hdf5_of_matlab_is_read_in_its_order(tmp_path):
    """Of MATLAB's x(i, j, k) the file holds [k, j, i]; text, cells and empty matrices are no data."""
    h5py = pytest.importorskip("h5py")
    cube = writers.matrix("f8", (13, 2, 5))
    with h5py.File(tmp_path / "net.mat", "w", userblock_size=512) as file:

        def write(name, kind, data, **attributes):
            file[name] = data
            for key, value in {"MATLAB_class": np.bytes_(kind), **attributes}.items():
                file[name].attrs[key] = value

        write("areas/V1", "double", DATA.T)
        write("cube", "single", cube.transpose().astype("f4"))
        write("title", "char", np.array([[ord(c)] * 3 for c in "words"], "u2"))
        write("none", "double", np.array([0, 5], "u8"), MATLAB_empty=np.uint8(1))
        write("number", "int32", np.arange(13, dtype="i4")[:, None])  # a row
        write("flag", "logical", np.ones((1, 1), "u1"), MATLAB_int_decode=np.int32(1))
        words = [f"s{i}" for i in range(13)]
        for word in words:
            write(f"#refs#/{word}", "char", np.array([[ord(c)] for c in word], "u2"))
        write(
            "words", "cell", np.array([[file[f"#refs#/{word}"].ref for word in words]], dtype=h5py.ref_dtype)
        )
    (item,) = ng.io.open_items(tmp_path)
    assert (item.name, item.shape) == ("net", (13, 10))
    np.testing.assert_array_equal(item.read(), DATA)
    np.testing.assert_array_equal(item[3:5, 2:7], DATA[3:5, 2:7])
    (again,) = ng.io.open_items(tmp_path, keys=["cube"], flatten=True, ids="words")
    np.testing.assert_array_equal(again.read(), cube.reshape(13, 10))
    assert again.ids.tolist() == words
    assert ng.io.open_items(tmp_path, ids="number")[0].ids.tolist() == list(range(13))
    assert ng.io.content_hash(ng.io.open_item(item.location)) == ng.io.content_hash(DATA)
    for key, text in (("title", "hold real numbers"), ("none", "is empty"), ("words", "hold real numbers")):
        with pytest.raises(ValueError, match=rf"net\.mat: {key}: .*{text}"):
            ng.io.open_items(tmp_path, keys=[key])


def test_ids_that_are_a_column_of_matlab_are_no_item(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "net.mat", "w", userblock_size=512) as file:
        for name, data in {"V1": DATA.T, "image": np.arange(13.0)[None]}.items():
            file[name] = data
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    assert names_of(ng.io.open_items(tmp_path)) == ["net/V1", "net/image"]
    (item,) = ng.io.open_items(tmp_path, ids="image")
    assert (item.name, item.ids.tolist()) == ("net", list(range(13)))


def test_links_of_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["deep/er"] = DATA
        file["deep/up"] = h5py.SoftLink("/deep")  # a circle
        file["again"] = h5py.SoftLink("/deep")
        file["hard"] = file["deep/er"]
        file["dead"] = h5py.SoftLink("/gone")
        file["out"] = h5py.ExternalLink("other.h5", "/data")
    (item,) = ng.io.open_items(tmp_path)
    for key in ("again/er", "hard", "deep/er"):
        (item,) = ng.io.open_items(tmp_path / "x.h5", keys=[key])
        np.testing.assert_array_equal(item.read(), DATA)
    for key, text in (
        ("out", r"is a link to '/data' of 'other\.h5': open that file"),
        ("dead", "is a broken link to '/gone'"),
    ):
        assert any(re.search(text, skipped) for skipped in opened(tmp_path).left_out)
        with pytest.raises(ValueError, match=rf"x\.h5: {key}: {text}"):
            ng.io.open_items(tmp_path, keys=[key])


# ---- ids


def test_ids(tree):
    words = [f"s{i}" for i in range(13)]
    np.save(tree / "net2" / "ids.npy", np.array(words))
    for given in (words, np.array(words), tree / "net2" / "ids.npy", str(tree / "net2" / "ids.npy")):
        for item in ng.io.open_items(tree, ids=given):
            assert item.ids.tolist() == words
    for item in ng.io.open_items(f"{tree}/**/*.npz", ids="ids"):
        assert item.ids.tolist() == words
    assert all(item.ids is None for item in ng.io.open_items(tree))


def test_ids_of_strings_in_every_archive(tmp_path):
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    words = ["kät", "dög", "x"]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"], file["ids"], file["fixed"] = DATA[:3], words, np.array([b"a", b"b", b"c"])
    group = zarr.open_group(tmp_path / "x.zarr", mode="w")
    group.create_array("x", data=DATA[:3])
    array = group.create_array("ids", shape=(3,), dtype=str)
    array[:] = np.array(words)
    for file in ("x.h5", "x.zarr"):
        (item,) = ng.io.open_items(tmp_path / file, ids="ids")
        assert item.ids.tolist() == words
        assert item.ids.dtype.kind == "U"
    assert ng.io.open_items(tmp_path / "x.h5", ids="fixed")[0].ids.tolist() == ["a", "b", "c"]
    pytest.importorskip("safetensors.numpy").save_file(
        {"x": DATA[:3].copy(), "ids": np.array([5, 3, 4])}, tmp_path / "x.safetensors"
    )
    assert ng.io.open_items(tmp_path / "x.safetensors", ids="ids")[0].ids.tolist() == [5, 3, 4]


def test_bad_ids(tree):
    files = f"{tree}/**/*.npz"
    for ids, text in [
        (range(12), r"ids \(for .*a\.npz: conv\) must give one label for each of the 13 rows"),
        ([1] * 13, r"ids \(for .*\) must be distinct, but .*1.* occurs more than once"),
        ("gone", r"a\.npz has no 'gone'; it holds conv \(13, 10\) float64, fc \(13, 4\)"),
        ("conv", r"a\.npz: conv: ids must be one label for each stimulus, not of shape \(13, 10\)"),
        (Path("ids.txt"), r"ids as a file must be a \.npy file, not 'ids\.txt'"),
    ]:
        with pytest.raises(ValueError, match=text):
            ng.io.open_items(files, ids=ids)
    with pytest.raises(
        ValueError, match=r"ids: 'ids' names an array of a \.npz or the like, but .*b\.npy is one array"
    ):
        ng.io.open_items(tree, ids="ids")
    with pytest.raises(FileNotFoundError, match=r"gone\.npy"):
        ng.io.open_items(tree, ids="gone.npy")
    with pytest.raises(ValueError, match="row 0 is 0 in ids but 12 in source"):
        ng.io.open_items([ng.Representation(DATA, ids=range(12, -1, -1))], ids=range(13))


# ---- sweeps


@pytest.mark.parametrize("kind", writers.WRITERS)
def test_sweeps_have_the_bits_of_arrays(kind, tmp_path):
    arrays = {str(i): writers.matrix("f4", (13, 10), seed=i) for i in range(4)}
    for name, array in arrays.items():
        (tmp_path / name).mkdir()
        writers.WRITERS[kind](tmp_path / name, array)
    items = ng.io.open_items(tmp_path)
    assert names_of(items) == [f"{name}/x" for name in arrays]
    metrics = ["procrustes", "cka", "rsa", "ridge"]
    known = ng.pairwise(arrays, metrics)
    found = ng.pairwise(items, metrics, n_threads=2)
    for metric in metrics:
        np.testing.assert_array_equal(found[metric].values, known[metric].values)
        assert found[metric].names.tolist() == names_of(items)
    assert ng.procrustes(items[0], items[1]) == ng.procrustes(arrays["0"], arrays["1"])


def test_sweeps_use_names_ids_and_missing_values(tmp_path):
    arrays = [array.copy() for array in items_of((3, 4, 5), 12)]
    arrays[1][4, 2] = np.nan
    for i, array in enumerate(arrays):
        np.savez(tmp_path / f"net{i}.npz", x=array, ids=np.arange(12) + (i == 2))
    items = ng.io.open_items(tmp_path)
    found = ng.pairwise(items, nan_policy="omit")
    np.testing.assert_array_equal(found.values, ng.pairwise(arrays, nan_policy="omit").values)
    with pytest.raises(ValueError, match=r"^representations\[1\] \('net1'\)\[4, 2\] is nan"):
        ng.pairwise(items)
    labelled = ng.io.open_items(tmp_path, ids="ids")
    with pytest.raises(
        ValueError, match=r"row 0 is 0 in .*'net0'\) but 1 in representations\[2\] \('net2'\)"
    ):
        ng.pairwise(labelled)
    with pytest.raises(TypeError, match="must be a list of representations, not StoredItem"):
        ng.pairwise(items[0])
    assert ng.pairwise(items[:1], others=items[2:], names=["n"]).names.tolist() == ["n"]


def test_other_functions_take_items(tmp_path):
    np.save(tmp_path / "x.npy", DATA)
    (item,) = ng.io.open_items(tmp_path)
    assert ng.dimensionality(item).participation_ratio == ng.dimensionality(DATA).participation_ratio
    assert ng.Representation(item, ids=range(13)).data.shape == (13, 10)


def test_ten_thousand_files_are_opened_in_three_seconds(tmp_path):
    np.save(tmp_path / "first.npy", DATA)
    for i in range(100):
        folder = tmp_path / f"{i:02}"
        folder.mkdir()
        for j in range(100):
            os.link(tmp_path / "first.npy", folder / f"{j:02}.npy")
    start = time.process_time()
    assert len(ng.io.open_items(tmp_path)) == 10_001
    assert time.process_time() - start < 3


def test_only_headers_are_read(tmp_path):
    """A sparse file of 64 GB is opened, and its last rows are read."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 17, 1 << 17)}
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        file.truncate(file.tell() + (1 << 36))
    (item,) = ng.io.open_items(tmp_path)
    assert item.shape == (1 << 17, 1 << 17)
    assert item[-2:, :3].tolist() == [[0] * 3] * 2
    assert not item[[5, 99999]].any()
    assert os.stat(tmp_path / "x.npy").st_blocks < 1000
