"""The directory of a sweep: its files, their checksums, and what is no such directory."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import neurogeom as ng
import numpy as np
import pytest
from helpers.same_bits import assert_same_bits
from helpers.stores import nothing_left, quick_plan, stack, swept
from neurogeom.sweep import attempts as _attempts
from neurogeom.sweep import results as _results

zarr = pytest.importorskip("zarr")

from neurogeom.sweep import files as _files  # noqa: E402
from neurogeom.sweep import store as _store  # noqa: E402

DATA = stack(7)
METRICS = ["procrustes", "cka"]
SWEEP = {"items": DATA, "metric": METRICS, "tile": 3, "names": [*"abcdefg"]}


# ---- layout


def test_layout(finished):
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    journal = {name for name in names if name.startswith("journal/")}
    assert len(journal) == 1
    tiles = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)]  # the last block has one item only
    assert names - journal == {
        "zarr.json",
        "items/0000.json",
        "values/zarr.json",
        *(f"inputs/{k:06d}.npy" for k in range(7)),
        *(f"prepared/{k:06d}.npz" for k in range(7)),
        *(f"values/c/0/{i}/{j}" for i, j in tiles),
    }
    assert list((finished / "attempts").iterdir()) == []


def test_plain_zarr_reads_the_values(finished):
    group = zarr.open_group(str(finished), mode="r")
    array = group["values"]
    assert array.shape == (2, 9, 9)
    assert array.chunks == (2, 3, 3)
    assert array.dtype == np.float64
    assert np.isnan(array.fill_value)
    assert array.metadata.dimension_names == ("field", "row", "column")
    known = ng.pairwise(DATA, METRICS)
    upper = np.triu_indices(7, 1)
    for field, name in zip(array[:], METRICS, strict=True):
        assert field[:7, :7][upper].tobytes() == known[name].values[upper].tobytes()
        assert np.isnan(field[np.tril_indices(9)]).all()
        assert np.isnan(field[7:]).all()
        assert np.isnan(field[:, 7:]).all()


def test_attributes_say_what_it_is(finished):
    content = zarr.open_group(str(finished), mode="r").attrs["neurogeom_sweep"]
    assert content["schema"] == 1
    assert content["plan"]["kind"] == "pairs"
    assert content["plan"]["version"] == ng.__version__
    assert [spec["name"] for spec in content["plan"]["metrics"]] == METRICS
    assert content["plan"]["stimuli"] == {"count": 12, "ids": None}


def test_inputs_and_items(finished):
    for k, data in enumerate(DATA):
        np.testing.assert_array_equal(np.load(finished / "inputs" / f"{k:06d}.npy"), data)
    items = json.loads((finished / "items" / "0000.json").read_text())["items"]
    assert [item["name"] for item in items] == [*"abcdefg"]
    assert [item["sha256"] for item in items] == [ng.io.content_hash(data) for data in DATA]
    assert items[2]["location"]["path"] == "inputs/000002.npy"


def test_arguments_and_jobs(tmp_path):
    metric = ng.RSA("sqeuclidean", "cosine_cov", stimulus_covariance=np.linspace(1, 2, 12))
    quick_plan(DATA, [metric, "cka"], store=tmp_path / "pairs")
    with np.load(tmp_path / "pairs" / "arguments.npz") as arguments:
        (name,) = arguments.files
        np.testing.assert_array_equal(arguments[name], np.linspace(1, 2, 12))
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 6), n_samples=10, seeds=[0, 1])
    quick_plan(DATA, jobs, store=tmp_path / "jobs", fields=["mean_capacity"], tile=4)
    array = zarr.open_group(str(tmp_path / "jobs"), mode="r")["values"]
    assert (array.shape, array.chunks) == ((1, 16), (1, 4))
    assert array.metadata.dimension_names == ("field", "job")


def test_journal(finished):
    (journal,) = (finished / "journal").iterdir()
    first, *lines = map(json.loads, journal.read_text().splitlines())
    assert {"start", "processor", "cores", "isa", "blas", "python", "process"} <= set(first)
    assert sorted(line["item"] for line in lines if "item" in line) == list(range(7))
    tiles = [line for line in lines if "tile" in line]
    assert sorted(line["tile"] for line in tiles) == [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2]]
    assert sum(line["count"] for line in tiles) == 21
    for line in tiles:
        assert line["threads"] == 1
        assert line["seconds"] >= 0
        assert line["cpu"] >= 0
        assert line["peak_anonymous"] > 1e6


# ---- damage


# ---- no sweeps, other sweeps

FUNCTIONS = {
    "open": ng.sweep.open,
    "status": ng.sweep.status,
    "run": ng.sweep.run,
    "work": ng.sweep.work,
    "verify": ng.sweep.verify,
    "extend": lambda store: ng.sweep.extend(store, DATA),
    "export": lambda store: ng.sweep.export(store, "never.npz"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_sweep(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zarr.create_group(str(tmp_path / "group"), attributes={"other": 1})
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    for path in ("missing", "folder", "file", "group"):
        with nothing_left(tmp_path), pytest.raises(FileNotFoundError, match=f"{path} is not a sweep: make"):
            FUNCTIONS[name](path)


def change_attributes(store, change):
    path = store / "zarr.json"
    content = json.loads(path.read_text())
    change(content["attributes"]["neurogeom_sweep"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_another_layout(name, store):
    change_attributes(store, lambda content: content.update(schema=99))
    with pytest.raises(ng.sweep.SweepError, match="has layout 99; this version of neurogeom reads layout 1"):
        FUNCTIONS[name](store)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_plan_that_was_changed(name, store):
    for change in ({"tile": 4}, {"tile": 3, "more": 1}):
        change_attributes(store, lambda content, change=change: content["plan"].update(change))
        with pytest.raises(
            ng.sweep.SweepError, match=r"zarr\.json was changed after it was made: restore it"
        ):
            FUNCTIONS[name](store)


# ---- where it is


@pytest.mark.parametrize("name", ["with space", "ünï/cödé.zarr", "quote'd $HOME", "new/folders/below"])
def test_any_name(name, tmp_path):
    known = ng.pairwise(DATA[:4], METRICS)
    assert_same_bits(swept(tmp_path / name, DATA[:4], METRICS, tile=2), known)
    ng.sweep.extend(tmp_path / name, DATA[4:5])
    assert ng.sweep.run(tmp_path / name).is_complete
    assert ng.sweep.verify(tmp_path / name).is_sound


def test_relative_paths_and_a_change_of_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = quick_plan(DATA, METRICS, store="below/s")
    assert plan.store == tmp_path / "below" / "s"
    monkeypatch.chdir(tmp_path / "below")
    assert ng.sweep.run("s").is_complete
    assert_same_bits(ng.sweep.open("s"), ng.pairwise(DATA, METRICS))


def test_a_store_may_be_moved(tmp_path):
    quick_plan(DATA, METRICS, store=tmp_path / "s", tile=3)
    ng.sweep.work(tmp_path / "s", time_limit=0)
    elsewhere = tmp_path / "elsewhere" / "t"
    elsewhere.parent.mkdir()
    shutil.move(tmp_path / "s", elsewhere)
    assert ng.sweep.run(elsewhere).is_complete
    ng.sweep.extend(elsewhere, DATA[:1] + 1, names=["new"])
    shutil.move(elsewhere, tmp_path / "s")
    assert ng.sweep.run(tmp_path / "s").is_complete
    assert ng.sweep.verify(tmp_path / "s").is_sound
    known = ng.pairwise([*DATA, DATA[0] + 1], METRICS, names=[*map(str, range(7)), "new"])
    assert_same_bits(ng.sweep.open(tmp_path / "s"), known)


# ---- files that are there whole or not at all


def test_write_atomically(tmp_path):
    path = tmp_path / "deep" / "down" / "file"
    _files.write_atomically(path, b"one")
    _files.write_atomically(path, memoryview(b"two"))
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_several_threads_make_the_folder_at_once(tmp_path):
    barrier = threading.Barrier(8)

    def write(k):
        for folder in range(40):
            barrier.wait(30)
            _files.write_atomically(tmp_path / str(folder) / str(k), b"%d" % k)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, k) for k in range(8)]:
            done.result()
    assert len(list(tmp_path.rglob("*"))) == 40 + 40 * 8


def test_a_folder_made_by_another_process_meanwhile(tmp_path, monkeypatch):
    made = []

    def another(path, mode):
        if not made:
            made.append(path.parent.mkdir(parents=True))
            raise FileNotFoundError(path)
        return open(path, mode)

    monkeypatch.setattr(_files, "open", another, raising=False)
    _files.write_atomically(tmp_path / "new" / "file", b"content")
    assert (tmp_path / "new" / "file").read_bytes() == b"content"


def test_errors_leave_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        _files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_files_of_other_names_do_not_disturb(store):
    for folder in ("prepared", "values/c/0", "values/c/0/0", "items", "journal", "inputs"):
        (store / folder / ".DS_Store").write_bytes(b"\x00\xff\n")
    assert ng.sweep.status(store).done == 5
    ng.sweep.extend(store, DATA[:1] * 2, names=["h"])
    assert ng.sweep.run(store).is_complete


# ---- stores that have lost files


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """The first four items, and two extensions of which the last has not been run."""
    store = tmp_path_factory.mktemp("sweeps") / "s"
    swept(store, DATA[:4], METRICS, tile=3)
    ng.sweep.extend(store, DATA[4:6])
    ng.sweep.run(store)
    ng.sweep.extend(store, DATA[6:])
    return store


OPENED = {
    "open": ng.sweep.open,
    "status": ng.sweep.status,
    "verify": ng.sweep.verify,
    "run": ng.sweep.run,
    "work": ng.sweep.work,
    "extend": lambda store: ng.sweep.extend(store, DATA[:1], names=["new"]),
    "plan": lambda store: quick_plan(DATA[:4], METRICS, store=store, tile=3),
}


@pytest.mark.parametrize("use", OPENED)
@pytest.mark.parametrize(
    "name", ["items/0000.json", "items/0001.json", "items/0002.json", "values/zarr.json"]
)
def test_a_lost_file_is_named(use, name, extended, tmp_path):
    """Wherever a store is opened, be it the first, the last, or a list in the middle."""
    store = shutil.copytree(extended, tmp_path / "s")
    (store / name).unlink()
    if use == "extend" and name == "items/0002.json":
        # Nothing was computed of its items: as if the extension had been interrupted.
        assert ng.sweep.extend(store, DATA[6:]).n_items == 7
        assert ng.sweep.run(store).is_complete
        return
    with pytest.raises(ng.sweep.SweepError, match=rf"{name} is missing, as in an incomplete copy"):
        OPENED[use](store)


@pytest.mark.parametrize("what", ["values", "prepared"])
def test_a_lost_list_of_items_shows_in_what_was_computed_of_them(what, extended, tmp_path):
    store = shutil.copytree(extended, tmp_path / "s")
    ng.sweep.run(store)
    (store / "items/0002.json").unlink()
    if what == "values":
        shutil.rmtree(store / "prepared")
    else:
        shutil.rmtree(store / "values/c")
    with pytest.raises(ng.sweep.SweepError, match=r"items/0002.json is missing"):
        ng.sweep.extend(store, DATA[6:])


def test_the_only_list_of_a_plain_sweep(store):
    (store / "items/0000.json").unlink()
    for use in OPENED.values():
        with pytest.raises(ng.sweep.SweepError, match=r"items/0000.json is missing"):
            use(store)


def test_lists_of_another_store(extended, tmp_path):
    store = shutil.copytree(extended, tmp_path / "s")
    shutil.copyfile(store / "items/0002.json", store / "items/0001.json")
    with pytest.raises(ng.sweep.SweepError, match=r"0001.json continues from item 6, but .* name 4 items"):
        ng.sweep.open(store)


@pytest.mark.parametrize("after", ["the list", "the room"])
def test_an_interrupted_extension_goes_on(after, extended, tmp_path, monkeypatch):
    """Before the list there is nothing; after it the items are there, also where there is no room yet."""
    store = shutil.copytree(extended, tmp_path / "s")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_store.Store, "grow" if after == "the room" else "append_items", stop)
    with pytest.raises(KeyboardInterrupt):
        ng.sweep.extend(store, DATA[:4], names=[*"hijk"])
    monkeypatch.undo()
    if after == "the list":
        assert ng.sweep.status(store).n_items == 7
        ng.sweep.extend(store, DATA[:4], names=[*"hijk"])
    assert ng.sweep.status(store).n_items == 11
    assert np.isnan(ng.sweep.open(store)["cka"].values[6:, 0]).all()
    ng.sweep.run(store)
    known = ng.pairwise([*DATA, *DATA[:4]], METRICS, names=[*map(str, range(7)), *"hijk"])
    assert_same_bits(ng.sweep.open(store), known)


def test_lost_inputs_are_named_before_work_begins(store):
    (store / "inputs/000005.npy").unlink()
    for use in (ng.sweep.run, ng.sweep.work, ng.sweep.verify):
        with pytest.raises(ng.sweep.SweepError, match=r"inputs/000005.npy is missing"):
            use(store)


def test_lost_notes(tmp_path):
    """Of an item without result nothing else is lost with the note, and verify finds that it is."""
    items = [*DATA[:3], np.ones((12, 3)), DATA[4]]
    quick_plan(items, "cka", store=tmp_path / "s", tile=2)
    with pytest.warns(UserWarning, match="does not vary"):
        ng.sweep.run(tmp_path / "s")
    known = ng.sweep.open(tmp_path / "s")
    shutil.rmtree(tmp_path / "s/errors")
    assert_same_bits(ng.sweep.open(tmp_path / "s"), known)
    found = ng.sweep.verify(tmp_path / "s", sample=0, repair=True)
    assert list(found.damaged) == ["item 3"]
    assert "the note of the error of item 3 is missing" in found.damaged["item 3"]
    with pytest.warns(UserWarning, match="does not vary"):
        assert list(ng.sweep.run(tmp_path / "s").errors) == [3]


def test_a_store_of_0_1_0(tmp_path):
    """Planned, extended twice and run in part by 0.1.0: it opens, runs on, can be extended and verified."""
    shutil.unpack_archive((Path(__file__).parents[1] / "reference/sweep_of_0_1_0.zip"), tmp_path / "s")
    data = [np.round(np.random.default_rng(k).normal(size=(6, 2)), 2) for k in range(5)]
    known = ng.pairwise(data, "cka").values
    before = ng.sweep.open(tmp_path / "s").values
    np.testing.assert_allclose(before[:3, :3], known[:3, :3], rtol=1e-12)
    assert np.isnan(before[3, :3]).all()
    assert ng.sweep.run(tmp_path / "s").is_complete
    ng.sweep.extend(tmp_path / "s", data[4:])
    assert ng.sweep.run(tmp_path / "s").n_items == 5
    np.testing.assert_allclose(ng.sweep.open(tmp_path / "s").values, known, rtol=1e-12)
    assert ng.sweep.verify(tmp_path / "s", sample=0).is_sound
    (tmp_path / "s/items/0000.json").unlink()
    with pytest.raises(ng.sweep.SweepError, match=r"items/0000.json is missing"):
        ng.sweep.status(tmp_path / "s")


@pytest.fixture
def of_0_1_0(tmp_path):
    """Stores and results that version 0.1.0 wrote: all metrics whose numbers stay, capacity jobs, results."""
    shutil.unpack_archive((Path(__file__).parents[1] / "reference/of_0_1_0.zip"), tmp_path)
    return tmp_path


def test_prepared_items_of_0_1_0_of_all_metrics(of_0_1_0):
    store = of_0_1_0 / "pairs.zarr"
    assert str(ng.sweep.status(store)) == "3 of 4 tiles, 1 left, 3 of 4 items prepared"
    before = ng.sweep.open(store)
    data = {f"i{k}": np.round(np.random.default_rng(k).normal(size=(12, 3 + k % 2)) + 1, 2) for k in range(4)}
    known = ng.pairwise(data, list(before))
    assert len(before) == 14
    assert ng.sweep.run(store).is_complete
    for name, result in ng.sweep.open(store).items():
        np.testing.assert_allclose(result.values, known[name].values, rtol=1e-9, atol=1e-9, err_msg=name)
        kept = np.isfinite(before[name].values)
        np.testing.assert_array_equal(result.values[kept], before[name].values[kept])
    assert ng.sweep.verify(store, sample=0).is_sound
    # The same plan, made by this version, is taken up; the metrics have other names in it.
    assert ng.sweep.plan(data, list(before), store=store).n_tiles == 4


def test_capacity_jobs_of_0_1_0(of_0_1_0):
    store = of_0_1_0 / "jobs.zarr"
    table = ng.sweep.open(store)
    assert table.to_dict()["names"].tolist() == ["a", "a", "b", "b"]
    assert ng.sweep.status(store).is_complete
    with pytest.raises(ng.sweep.SweepError, match=r"begun by neurogeom 0\.1\.0, this is"):
        ng.sweep.verify(store, sample=1)
    assert ng.sweep.verify(store, sample=0).is_sound
    path = store / "values" / "c" / "0" / "1"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert list(ng.sweep.verify(store, sample=0).damaged) == ["tile 1"]


def test_results_of_0_1_0(of_0_1_0):
    known = json.loads((of_0_1_0 / "results/known.json").read_text())
    assert len(known) == 12
    for name, fields in known.items():
        result = ng.load(of_0_1_0 / f"results/{name}.npz")
        assert type(result).__name__ == fields.pop("class")
        assert_contains(result.to_dict(), fields, name)


def assert_contains(found, known, name):
    if isinstance(known, dict):
        for key, value in known.items():
            assert_contains(found[key], value, f"{name}.{key}")
    elif isinstance(known, list):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(known), err_msg=name)
    else:
        np.testing.assert_equal(found, known, err_msg=name)


@pytest.mark.parametrize("options", [{"metric": "r2"}, {"metric": "cka"}])
def test_sweeps_of_0_1_0_go_on_where_the_numbers_are_the_same(options, tmp_path, monkeypatch):
    monkeypatch.setattr("neurogeom.sweep.planning.VERSION", "0.1.0")
    quick_plan(
        [np.random.default_rng(k).normal(size=(9, 2)) for k in range(2)], store=tmp_path / "s", **options
    )
    monkeypatch.undo()
    if options == {"metric": "cka"}:
        assert ng.sweep.run(tmp_path / "s").is_complete
    else:
        assert not ng.sweep.status(tmp_path / "s").is_complete
        with pytest.raises(
            ng.sweep.SweepError, match=r"was begun by neurogeom 0\.1\.0, this is .*: results could differ"
        ):
            ng.sweep.run(tmp_path / "s")


def test_tiles_that_are_read_together_are_told_apart(tmp_path):
    data, store = stack(9), tmp_path / "s.zarr"
    swept(store, data[:7], tile=2)
    ng.sweep.extend(store, data[7:])
    ng.sweep.run(store, n_threads=1)
    known = ng.pairwise(data).square
    with mock.patch.object(_results, "_LONGEST_RUN", 2):
        assert (ng.sweep.open(store).square == known).all()
    opened = _store.Store(store)
    opened.remove_tile((0, 2))
    gap = ng.sweep.open(store).square
    assert np.isnan(gap[:2, 4:6]).all()
    assert np.isnan(gap[4:6, :2]).all()
    assert np.isnan(gap).sum() == 8
    path = opened.path / "values" / "c" / "0" / "1" / "3"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ng.sweep.SweepError, match="tile 1-3"):
        ng.sweep.open(store)


def test_files_may_vanish_while_they_are_listed(tmp_path, monkeypatch):
    """Another process renames what it has written, or finishes a tile that had failed."""
    quick_plan(stack(3), store=tmp_path / "s.zarr")
    store = _store.Store(tmp_path / "s.zarr")
    attempts = _attempts.Attempts(store.path)
    attempts.record((0, 0), "an error")
    listed = _files.names_in

    def with_ghosts(folder):
        yield from listed(folder)
        yield from ("7.partial", "0-1.json")

    monkeypatch.setattr(_files, "names_in", with_ghosts)
    monkeypatch.setattr(_attempts, "names_in", with_ghosts)
    store.remove_stale_files()
    assert attempts.given_up() == {}
    assert attempts.errors((0, 0)) == ["an error"]
