"""Sweeps whose inputs or plan are no longer what they were."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from unittest import mock

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.same_bits import assert_same_bits
from helpers.stores import chunks, quick_plan, stack
from helpers.sweeps import WIDTHS
from neurogeom.sweep import store as _store
from neurogeom.sweep import worker as _work

pytest.importorskip("zarr")
pytestmark = pytest.mark.faults

METRICS = ["procrustes", "ridge"]


class Files:
    """A sweep over files."""

    def __init__(self, folder, metric="procrustes", **options):
        self.folder = folder / "inputs"
        self.folder.mkdir()
        self.items = items_of(WIDTHS[:6], 12)
        for k, item in enumerate(self.items):
            np.save(self.folder / f"area{k}.npy", item)
        self.store = folder / "sweep.zarr"
        self.plan = {"metric": metric, "store": self.store, "tile": 2, **options}
        quick_plan(str(self.folder / "*.npy"), **self.plan)

    def file(self, k):
        return self.folder / f"area{k}.npy"


def change_content(path):
    """Same size, same time of change to the second, other numbers."""
    np.save(path, np.load(path) + 1e-9)


def change_size(path):
    np.save(path, np.load(path)[:, :-1])


def change_time(path):
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def remove(path):
    path.unlink()


CHANGES = [change_content, change_size, change_time, remove]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_input_is_refused_before_it_is_prepared(tmp_path, change):
    files = Files(tmp_path)
    change(files.file(3))
    text = rf"'area3' changed since the plan: {re.escape(str(files.file(3)))} is gone, or has another"
    for call in (ng.sweep.run, ng.sweep.work, ng.sweep.verify):
        with pytest.raises(ng.sweep.SweepError, match=text):
            call(files.store)
    assert chunks(files.store) == {}
    assert not (files.store / "prepared").exists()


@pytest.mark.parametrize("change", CHANGES)
def test_changed_input_after_preparation(tmp_path, change):
    files = Files(tmp_path)
    ng.sweep.run(files.store)
    (files.store / "values" / "c" / "0" / "0" / "1").unlink()
    before = chunks(files.store)
    change(files.file(3))
    if change is change_time:  # the content is looked at, and it is the same
        ng.sweep.run(files.store)
        expected = ng.pairwise(files.items, "procrustes", names=[f"area{k}" for k in range(6)])
        assert_same_bits(ng.sweep.open(files.store), expected)
        assert ng.sweep.verify(files.store).is_sound
        return
    text = rf"'area3' changed since it was first read: {re.escape(str(files.file(3)))}"
    for call in (ng.sweep.run, ng.sweep.work, ng.sweep.verify):
        with pytest.raises(ng.sweep.SweepError, match=text):
            call(files.store)
    assert chunks(files.store) == before
    assert np.isfinite(ng.sweep.open(files.store).values[0, 4])  # what is there can be read


JOBS = ng.sweep.CapacityJobs(np.repeat(["a", "b", "c"], 4), n_samples=20)


@pytest.mark.parametrize("options", [{"null": 3}, {"metric": JOBS, "tile": 1}], ids=["null", "capacity"])
def test_content_is_that_of_the_first_reading(tmp_path, options):
    """Size and time of change are put back: the plan has not read the file, a run that has sees it."""
    files = Files(tmp_path, **options)

    def change():
        stat = files.file(3).stat()
        change_content(files.file(3))
        os.utime(files.file(3), ns=(stat.st_atime_ns, stat.st_mtime_ns))

    change()
    items = [np.load(files.file(k)) for k in range(6)]
    assert ng.sweep.run(files.store).is_complete
    if "null" in options:
        found = ng.sweep.open(files.store).values
        assert found.tobytes() == ng.pairwise(items, "procrustes").values.tobytes()
    assert ng.sweep.verify(files.store).is_sound
    change()
    for path in (files.store / "values/c").rglob("*"):
        if path.is_file():
            path.unlink()
    text = rf"'area3' changed since it was first read: {re.escape(str(files.file(3)))}"
    for call in (ng.sweep.run, ng.sweep.work):
        with pytest.raises(ng.sweep.SweepError, match=text):
            call(files.store)


def test_a_capacity_item_that_was_only_touched_goes_on(tmp_path):
    files = Files(tmp_path, JOBS, tile=1)
    ng.sweep.run(files.store)
    change_time(files.file(3))
    assert ng.sweep.run(files.store).is_complete
    change_content(files.file(3))
    with pytest.raises(ng.sweep.SweepError, match="'area3' changed since it was first read"):
        ng.sweep.run(files.store)


def test_changed_test_data_are_refused(tmp_path):
    items, tests = items_of((3, 4, 5), 12), items_of((3, 4, 5), 7, seed=1)
    paths = []
    for k, test in enumerate(tests):
        paths.append(tmp_path / f"test{k}.npy")
        np.save(paths[-1], test)
    store = tmp_path / "sweep.zarr"
    quick_plan(items, "procrustes", test=ng.io.open_items(paths), store=store)
    change_content(paths[1])
    with pytest.raises(ng.sweep.SweepError, match=f"changed since the plan: {re.escape(str(paths[1]))}"):
        ng.sweep.run(store)


# ---- another plan


@pytest.mark.parametrize(
    "choose",
    [
        lambda paths: paths[:-1],
        lambda paths: paths[::-1],
        lambda paths: [*paths[:2], paths[4], *paths[3:4], paths[2], paths[5]],
        lambda paths: [np.load(path) for path in paths],
    ],
)
def test_other_items_are_refused(tmp_path, choose):
    files = Files(tmp_path)
    paths = [files.file(k) for k in range(6)]
    ng.sweep.plan(paths, **files.plan)
    with pytest.raises(ng.sweep.SweepError, match="holds another plan: items differ"):
        ng.sweep.plan(choose(paths), **files.plan)


def test_plan_of_an_extended_store(tmp_path):
    """It is taken up with the items that it began with, and with those that it has now, not with others."""
    files = Files(tmp_path)
    more = [files.folder / f"more{k}.npy" for k in range(3)]
    for path, item in zip(more, items_of((4, 5, 6), 12, seed=1), strict=True):
        np.save(path, item)
    paths = [files.file(k) for k in range(6)]
    ng.sweep.extend(files.store, more)
    for items in (paths, [*paths, *more]):
        assert ng.sweep.plan(items, **files.plan).n_items == 9
    for items in (paths[:4], [*paths, *more[:2]], [*paths, *more[::-1]]):
        with pytest.raises(ng.sweep.SweepError, match="holds another plan: items differ"):
            ng.sweep.plan(items, **files.plan)


def test_changed_file_is_another_plan(tmp_path):
    files = Files(tmp_path)
    change_content(files.file(2))
    with pytest.raises(ng.sweep.SweepError, match="holds another plan: items differ"):
        ng.sweep.plan(str(files.folder / "*.npy"), **files.plan)


# ---- a store that was changed


def edit(store, change):
    """Change what zarr.json says of the sweep."""
    path = store / "zarr.json"
    content = json.loads(path.read_text())
    change(content["attributes"]["neurogeom_sweep"])
    path.write_text(json.dumps(content))


def refused(store, text):
    for call in (ng.sweep.run, ng.sweep.work, ng.sweep.verify, ng.sweep.open, ng.sweep.status):
        with pytest.raises(ng.sweep.SweepError, match=text):
            call(store)


def test_store_of_another_version_is_read_but_not_continued(tmp_path):
    files = Files(tmp_path)
    ng.sweep.run(files.store)

    def older(content):
        content["plan"]["version"] = "0.0.1"
        content["plan_sha256"] = _store.plan_hash(content["plan"])

    edit(files.store, older)
    text = rf"was begun by neurogeom 0.0.1, this is {re.escape(ng.__version__)}: results could differ"
    assert ng.sweep.verify(files.store, sample=0).is_sound  # reads what is there
    for call in (ng.sweep.run, ng.sweep.work, ng.sweep.verify):
        with pytest.raises(ng.sweep.SweepError, match=text):
            call(files.store)
    with pytest.raises(ng.sweep.SweepError, match=text):
        ng.sweep.extend(files.store, [items_of((4,), 12)[0]])
    assert ng.sweep.status(files.store).is_complete
    assert ng.sweep.open(files.store).values.shape == (6, 6)
    with pytest.raises(ng.sweep.SweepError, match=text):
        ng.sweep.plan(str(files.folder / "*.npy"), **files.plan)


@pytest.mark.parametrize("name", ["zarr.json", "values/zarr.json", "items/0000.json", "arguments.npz"])
def test_damaged_files_that_nothing_can_make_again(tmp_path, name):
    jobs = ng.sweep.CapacityJobs(np.repeat(["a", "b", "c"], 4), n_samples=20)  # labels are an array
    files = Files(tmp_path, jobs if name == "arguments.npz" else "procrustes")
    path = files.store / name
    os.truncate(path, path.stat().st_size // 2)
    refused(files.store, rf"{re.escape(str(path))} is damaged.*: restore it, or plan anew in another store")


def test_tampered_list_of_items_is_refused(tmp_path):
    files = Files(tmp_path)
    path = files.store / "items" / "0000.json"
    known = json.loads(path.read_text())
    for field in ("location", "name"):
        content = json.loads(json.dumps(known))
        items = content["items"]
        items[0][field], items[1][field] = items[1][field], items[0][field]
        path.write_text(json.dumps(content))
        with pytest.raises(ng.sweep.SweepError, match=r"0000\.json was changed after it was made"):
            ng.sweep.run(files.store)


def test_store_may_be_moved_if_its_inputs_stay(tmp_path):
    files = Files(tmp_path)
    ng.sweep.work(files.store, time_limit="1s", stop_before="1s")
    elsewhere = tmp_path / "moved" / "sweep.zarr"
    shutil.copytree(files.store, elsewhere)
    shutil.rmtree(files.store)
    assert ng.sweep.run(elsewhere).is_complete
    expected = ng.pairwise(files.items, "procrustes", names=[f"area{k}" for k in range(6)])
    assert_same_bits(ng.sweep.open(elsewhere), expected)


def test_an_input_that_may_not_be_read_is_no_fault_of_the_store(tmp_path):
    store = tmp_path / "s.zarr"
    for k, data in enumerate(stack(3)):
        np.save(tmp_path / f"{k}.npy", data)
    quick_plan(f"{tmp_path}/*.npy", store=store, tile=2)
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "1.npy"))
    with mock.patch.object(_work, "open_described", side_effect=denied), pytest.raises(PermissionError):
        ng.sweep.run(store, n_threads=1)
    inside = PermissionError(errno.EACCES, "Permission denied", str(store / "prepared"))
    with (
        mock.patch.object(_work, "open_described", side_effect=inside),
        pytest.raises(ng.sweep.SweepIncomplete, match="the store is read-only"),
    ):
        ng.sweep.run(store, n_threads=1)
    assert ng.sweep.run(store, n_threads=1).is_complete
