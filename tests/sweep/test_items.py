"""Kinds of items that sweeps take: arrays, labelled items, files, and mixtures of these."""

from __future__ import annotations

import json
import os

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.same_bits import assert_same_bits
from helpers.stores import nothing_left, quick_plan, stack, swept

pytest.importorskip("zarr")

ITEMS = items_of((6, 4, 9))
METRICS = ["procrustes", "cka"]


def known(names, items=ITEMS):
    return ng.pairwise(items, METRICS, names=names)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "nets"
    (folder / "deep").mkdir(parents=True)
    np.save(folder / "a.npy", ITEMS[0])
    np.savez(folder / "b.npz", x=ITEMS[1])
    np.save(folder / "deep" / "c.npy", np.asfortranarray(ITEMS[2]))
    return folder


def rdm(k):
    return ng.rdm(ITEMS[k], "correlation")


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (ITEMS, "012"),
        (tuple(ITEMS), "012"),
        ({"a": ITEMS[0], "b": ITEMS[1], 3: ITEMS[2]}, "ab3"),
        ([ng.Representation(ITEMS[0], name="V1"), *ITEMS[1:]], ["V1", "1", "2"]),
        ([ITEMS[0].tolist(), ITEMS[1], ng.Representation(ITEMS[2], ids=range(20))], "012"),
        (ng.io.open_items({"x": ITEMS[0], "y": ITEMS[1], "z": ITEMS[2]}), "xyz"),
        ([*ng.io.open_items({"x": ITEMS[0]}), *ITEMS[1:]], "x12"),
    ],
    ids=["list", "tuple", "mapping", "Representation", "mixture", "StoredItem", "StoredItem and arrays"],
)
def test_in_memory(items, names, tmp_path):
    assert_same_bits(swept(tmp_path / "s", items, METRICS), known([*names]))


def test_one_array_of_items(tmp_path):
    data = stack(4)
    assert_same_bits(swept(tmp_path / "s", data, METRICS), ng.pairwise(data, METRICS))


KINDS = {
    "directory": lambda folder: (folder, ["a", "b", "deep/c"]),
    "directory as text": lambda folder: (str(folder), ["a", "b", "deep/c"]),
    "pattern": lambda folder: (f"{folder}/**/*.np*", ["a", "b", "deep/c"]),
    "list of paths": lambda folder: (
        [folder / "a.npy", str(folder / "b.npz"), folder / "deep" / "c.npy"],
        ["a", "b", "deep/c"],
    ),
    "mapping of paths": lambda folder: (
        {"one": folder / "a.npy", "two": str(folder / "b.npz"), "three": folder / "deep" / "c.npy"},
        ["one", "two", "three"],
    ),
    "mapping of paths and arrays": lambda folder: (
        {"one": folder / "a.npy", "two": ITEMS[1], "three": ng.Representation(ITEMS[2])},
        ["one", "two", "three"],
    ),
    "opened": lambda folder: (ng.io.open_items(folder), ["a", "b", "deep/c"]),
    "opened and arrays": lambda folder: (
        [*ng.io.open_items([folder / "a.npy", folder / "b.npz"]), ITEMS[2]],
        ["a", "b", "2"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_files(kind, files, tmp_path):
    items, names = KINDS[kind](files)
    found = swept(tmp_path / "s", items, METRICS, tile=2)
    assert_same_bits(found, known(names))
    stored = list((tmp_path / "s").glob("inputs/*"))
    assert len(stored) == sum(isinstance(item, (np.ndarray, ng.Representation)) for item in _entries(items))


def _entries(items):
    if isinstance(items, (str, os.PathLike)):
        return []
    return items.values() if isinstance(items, dict) else items


def test_paths_and_arrays_in_one_list(files, tmp_path):
    found = swept(tmp_path / "s", [files / "a.npy", ITEMS[1], ITEMS[2]], METRICS, names=[*"xyz"])
    assert_same_bits(found, known([*"xyz"]))


def test_relative_paths(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick_plan("nets", METRICS, store="s")
    monkeypatch.chdir(files)
    assert ng.sweep.run(tmp_path / "s").is_complete
    assert_same_bits(ng.sweep.open(tmp_path / "s"), known(["a", "b", "deep/c"]))


def test_files_with_arrays_as_others(files, tmp_path):
    found = swept(tmp_path / "s", files, METRICS, others=ITEMS[:2])
    assert_same_bits(found, ng.pairwise(ng.io.open_items(files), METRICS, others=ITEMS[:2]))


def test_other_formats(tmp_path):
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    folder = tmp_path / "nets"
    folder.mkdir()
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = ITEMS[0]
    zarr.save(str(folder / "b.zarr"), ITEMS[1])
    np.save(folder / "c.npy", ITEMS[2].astype("f4"))
    found = swept(tmp_path / "s", folder, METRICS)
    assert_same_bits(found, known([*"abc"], [*ITEMS[:2], ITEMS[2].astype("f4")]))
    assert ng.sweep.verify(tmp_path / "s").is_sound


def test_test_data_in_files(files, tmp_path):
    test = [item[:7] for item in ITEMS]
    np.save(tmp_path / "t.npy", test[0])
    opened = [*ng.io.open_items(tmp_path / "t.npy"), *test[1:]]
    found = swept(tmp_path / "s", files, test=opened)
    assert_same_bits(found, ng.pairwise(ng.io.open_items(files), test=test))


def test_a_store_among_the_inputs_is_no_item(files, tmp_path):
    for metric in ("cka", ng.sweep.CapacityJobs(np.repeat([0, 1], 10), n_samples=10)):
        store = files / ("jobs" if metric != "cka" else "pairs")
        quick_plan(files, metric, store=store)
        ng.sweep.run(store)
        plan = quick_plan(files, metric, store=store)
        assert plan.n_items == 3
    draft = files / "s.77.partial"
    (draft / "inputs").mkdir(parents=True)
    (draft / "draft.json").write_text("{}")
    np.save(draft / "inputs" / "000000.npy", ITEMS[0])
    assert len(ng.io.open_items(files)) == 3


def test_stimulus_ids_are_in_the_plan(tmp_path):
    items = [ITEMS[0], ng.Representation(ITEMS[1], ids=[f"s{k}" for k in range(20)])]
    quick_plan(items, store=tmp_path / "s")
    plan = json.loads((tmp_path / "s" / "zarr.json").read_text())["attributes"]["neurogeom_sweep"]["plan"]
    assert plan["stimuli"] == {"count": 20, "ids": [f"s{k}" for k in range(20)]}


def test_inputs_are_not_changed_and_may_be_read_only(files, tmp_path):
    gaps = np.full((40, 18), np.nan)[::2, ::2]
    gaps[:] = ITEMS[2]
    items = [np.asfortranarray(ITEMS[0]), ITEMS[1].copy(), gaps]
    items[1].flags.writeable = False
    before = [item.copy() for item in items]
    os.chmod(files / "a.npy", 0o444)
    assert_same_bits(swept(tmp_path / "s", items, METRICS), known([*"012"]))
    for item, was in zip(items, before, strict=True):
        np.testing.assert_array_equal(item, was)
    stat = (files / "a.npy").stat()
    swept(tmp_path / "t", files, METRICS)
    assert (files / "a.npy").stat().st_mtime_ns == stat.st_mtime_ns


# ---- what is refused

OTHER = np.random.default_rng(0).normal(size=(19, 3))
REFUSED = {
    "no items": ({"items": []}, ValueError, "items must hold at least 2 representations, not 0"),
    "one item": ({"items": ITEMS[:1]}, ValueError, "items must hold at least 2 representations, not 1"),
    "no others": ({"items": ITEMS, "others": []}, ValueError, "others must hold at least 1 repr"),
    "no rows": ({"items": [], "others": ITEMS}, ValueError, "items must hold at least 1 repr"),
    "other stimuli": ({"items": [ITEMS[0], OTHER]}, ValueError, r"items\[0\] has 20 and items\[1\] has 19"),
    "others of other stimuli": ({"items": ITEMS, "others": [OTHER]}, ValueError, r"others\[0\] has 19"),
    "an RDM of other stimuli": ({"items": [ITEMS[0], ng.RDM(np.ones(3))]}, ValueError, "has 20 and"),
    "ids": (
        {"items": [ng.Representation(ITEMS[k], ids=range(k, k + 20)) for k in range(2)]},
        ValueError,
        "the stimulus ids differ: row 0 is 0 in .* but 1 in",
    ),
    "order of ids": (
        {"items": [ng.Representation(ITEMS[0], ids=i) for i in (range(20), range(19, -1, -1))]},
        ValueError,
        "the order of the stimulus ids differs",
    ),
    "names that repeat": ({"items": ITEMS, "names": [*"aba"]}, ValueError, "names must be distinct, but 'a'"),
    "own names that repeat": (
        {"items": [ng.Representation(item, name="V1") for item in ITEMS]},
        ValueError,
        "distinct, but 'V1' occurs",
    ),
    "too few names": ({"items": ITEMS, "names": ["a"]}, ValueError, "one name for each of the 3 items"),
    "one matrix": ({"items": ITEMS[0]}, ValueError, r"must have shape \(representation, stimulus, unit\)"),
    "a number": ({"items": 3}, TypeError, "items must be a list of representations, not int"),
    "objects": ({"items": [ITEMS[0], np.array([[None, 1], [1, 2]])]}, TypeError, r"items\[1\]"),
    "complex": ({"items": [ITEMS[0], ITEMS[0] * 1j]}, TypeError, r"items\[1\].*complex"),
    "one stimulus": ({"items": [np.ones((1, 3))] * 2}, ValueError, "has one stimulus"),
    "three axes": ({"items": [np.ones((4, 3, 2))] * 2}, ValueError, "flatten the other axes first"),
    "tests too few": ({"items": ITEMS, "test": ITEMS[:2]}, ValueError, "for each of the 3 items, not 2"),
    "tests of other units": ({"items": ITEMS, "test": ITEMS[::-1]}, ValueError, "must have the units of its"),
    "tests that are RDMs": (
        {"items": [item[:, :4] for item in ITEMS], "test": [ng.RDM(np.ones(6))] * 3},
        TypeError,
        r"test\[0\] is an RDM, but a held-out form needs responses",
    ),
    "tests of others": ({"items": ITEMS, "others": ITEMS, "test": ITEMS}, ValueError, "test must be a pair"),
    "tests without need": ({"items": ITEMS, "metric": "cka", "test": ITEMS}, ValueError, "fits nothing"),
    "an RDM for others than RSA": (
        {"items": [ITEMS[0], ng.RDM(np.ones(190), name="human")]},
        ValueError,
        "'human'.* is an RDM, but procrustes needs responses",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, tmp_path):
    options, error, text = REFUSED[case]
    with nothing_left(tmp_path), pytest.raises(error, match=text):
        ng.sweep.plan(**options, store=tmp_path / "s")


MISSING = {"file": "none.npy", "pattern": "*.npy", "list": ["none.npy"], "mapping": {"a": "none.npy"}}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_files(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with nothing_left(tmp_path), pytest.raises((FileNotFoundError, ValueError), match=r"\.npy"):
        ng.sweep.plan(MISSING[kind], store="s")


def test_a_pickle_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises((TypeError, ValueError), match="pickle"):
        ng.sweep.plan([tmp_path / "a.npy", ITEMS[0]], store=tmp_path / "s")


def test_rdms_are_no_test_data_in_memory_either():
    with pytest.raises(TypeError, match=r"test\[0\] is an RDM, but a held-out form needs responses"):
        ng.pairwise([item[:, :4] for item in ITEMS], test=[ng.RDM(np.ones(6))] * 3)


# ---- measured dissimilarities


def layers_and_rdms():
    rng = np.random.default_rng(3)
    layers = {f"layer {k}": rng.normal(size=(9, 5 + k)) for k in range(4)}
    rdms = {f"subject {k}": ng.RDM(rng.uniform(0.1, 2.0, size=36)) for k in range(3)}
    return layers, rdms


def test_layers_with_measured_rdms(tmp_path):
    layers, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    quick_plan(layers, ["rsa"], others=rdms, store=store, tile=2)
    assert ng.sweep.run(store).is_complete
    found = ng.sweep.open(store)["rsa"]
    expected = ng.pairwise(layers, "rsa", others=rdms)
    assert found.values.tobytes() == expected.values.tobytes()
    assert found.column_names.tolist() == list(rdms)
    assert ng.sweep.verify(store).is_sound


def test_measured_rdms_among_themselves_with_a_null(tmp_path):
    _, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    quick_plan(rdms, "rsa", store=store, null=19)
    ng.sweep.run(store)
    found = ng.sweep.open(store)
    assert found.condensed.tobytes() == ng.pairwise(rdms, "rsa").condensed.tobytes()
    counts = found.p_value[np.triu_indices(3, 1)] * 20
    np.testing.assert_allclose(counts, counts.round(), atol=1e-12)
    assert (counts >= 1 - 1e-12).all()


def test_another_rdm_is_another_plan(tmp_path):
    layers, rdms = layers_and_rdms()
    store = tmp_path / "sweep.zarr"
    quick_plan(layers, "rsa", others=rdms, store=store, tile=2)
    quick_plan(layers, "rsa", others=rdms, store=store)  # the same is taken up
    values = rdms["subject 1"].condensed.copy()
    values[7] = np.nextafter(values[7], 3.0)
    with pytest.raises(ng.sweep.SweepError, match="items"):
        quick_plan(layers, "rsa", others={**rdms, "subject 1": ng.RDM(values)}, store=store)
