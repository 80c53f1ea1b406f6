"""Faults of sweeps that a review found: damage that went unseen, names and items that were lost."""

from __future__ import annotations

import errno
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import measured, quick_plan, stack, swept
from neurogeom.sweep import attempts as _attempts
from neurogeom.sweep import files as _files
from neurogeom.sweep import planning as _plan
from neurogeom.sweep import results as _results
from neurogeom.sweep import worker as _work
from neurogeom.sweep.store import Store

pytest.importorskip("zarr")


def _same(found, known):
    return (
        found[0] == known[0]
        and found[1].keys() == known[1].keys()
        and all(found[1][name].tobytes() == array.tobytes() for name, array in known[1].items())
    )


def test_no_flipped_bit_of_a_prepared_item_goes_unseen(tmp_path):
    swept(tmp_path / "s.zarr", stack(2, 4, 2), ["procrustes", "cka"])
    store = Store(tmp_path / "s.zarr")
    known = store.read_prepared(1)
    path = store.path / "prepared" / "000001.npz"
    data = path.read_bytes()
    unseen = []
    # One bit makes a digit of a shape another digit; the other, in the directory, lets it end too early.
    flips = [(at, 4) for at in range(len(data))] + [(at, 128) for at in range(len(data) - 500, len(data))]
    for at, bit in flips:
        path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        try:
            found = store.read_prepared(1)
        except ng.sweep.SweepError:
            continue
        unseen += [] if _same(found, known) else [(at, bit)]  # dates and padding are of no interest
    assert not unseen


def test_names_that_are_numbers_are_kept_when_a_sweep_is_extended(tmp_path):
    data = stack(4)
    store = tmp_path / "s.zarr"
    np.save(tmp_path / "0.npy", data[2])
    quick_plan({"a": data[0], "b": data[1]}, store=store)
    ng.sweep.extend(store, tmp_path / "0.npy")
    with pytest.raises(ValueError, match="'0' already"):
        ng.sweep.extend(store, {"0": data[3]})
    ng.sweep.extend(store, {"1": data[3]})
    assert ng.sweep.open(store).names.tolist() == ["a", "b", "0", "1"]


def test_extensions_at_the_same_time_are_all_kept(tmp_path):
    data, store = stack(12), tmp_path / "s.zarr"
    quick_plan(data[:2], store=store, tile=2)
    ready = threading.Barrier(10)

    def add(k):
        ready.wait()
        ng.sweep.extend(store, {f"new {k}": data[k]})

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(add, range(2, 12)))
    ng.sweep.run(store, n_threads=1)
    found = ng.sweep.open(store)
    order = [int(name.removeprefix("new ")) for name in found.names]
    assert sorted(order) == list(range(12))
    assert (found.square == ng.pairwise(data[order]).square).all()


def test_plans_made_at_the_same_time_do_not_disturb_each_other(tmp_path):
    data, store = stack(4), tmp_path / "s.zarr"
    known, ready = measured("pairs"), threading.Barrier(2)

    def meanwhile(folder):
        ready.wait(timeout=20)  # both have their drafts
        return known

    def make(k):
        try:
            return ng.sweep.plan(data, store=store, tile=2).n_tiles
        except FileExistsError as error:
            return str(error)

    with mock.patch.object(_plan, "calibrate", meanwhile), ThreadPoolExecutor(2) as pool:
        found = sorted(map(str, pool.map(make, range(2))))
    assert found[1] == "3"
    assert "made by somebody else" in found[0]
    assert ng.sweep.run(store, n_threads=1).is_complete
    assert [path.name for path in tmp_path.iterdir()] == ["s.zarr"]


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


def test_tiles_that_are_read_together_are_told_apart(tmp_path):
    data, store = stack(9), tmp_path / "s.zarr"
    swept(store, data[:7], tile=2)
    ng.sweep.extend(store, data[7:])
    ng.sweep.run(store, n_threads=1)
    known = ng.pairwise(data).square
    with mock.patch.object(_results, "_LONGEST_RUN", 2):
        assert (ng.sweep.open(store).square == known).all()
    opened = Store(store)
    opened.remove_tile((0, 2))
    gap = ng.sweep.open(store).square
    assert np.isnan(gap[:2, 4:6]).all()
    assert np.isnan(gap[4:6, :2]).all()
    assert np.isnan(gap).sum() == 8
    path = opened.path / "values" / "c" / "0" / "1" / "3"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ng.sweep.SweepError, match="tile 1-3"):
        ng.sweep.open(store)


def test_repair_removes_all_that_was_computed_from_an_item_with_other_bits(tmp_path):
    data, path = stack(8), tmp_path / "s.zarr"
    quick_plan(data, "cka", store=path, tile=2)
    store = Store(path)
    _work.Worker(path, 1).prepare(3)
    header, arrays = store.read_prepared(3)
    store.write_prepared(3, header, {name: array * 1.5 + 0.5 for name, array in arrays.items()})
    ng.sweep.run(path, n_threads=1)
    known = ng.pairwise(data, "cka").square
    assert (ng.sweep.open(path).square[3] != known[3]).sum() > 4
    rng = next(k for k in range(50) if (1, 1) in ng.sweep.verify(path, sample=1, rng=k).recomputed)
    found = ng.sweep.verify(path, sample=1, rng=rng, repair=True)
    assert "item 3" in found.different
    ng.sweep.run(path, n_threads=1)
    assert (ng.sweep.open(path).square == known).all()


@pytest.mark.parametrize("name", ["zarr.json", "values/zarr.json", "items/0000.json"])
def test_damaged_descriptions_are_named(name, tmp_path):
    quick_plan(stack(3), store=tmp_path / "s.zarr")
    path = tmp_path / "s.zarr" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ng.sweep.SweepError, match=f"{name} is damaged"):
        ng.sweep.status(tmp_path / "s.zarr")


def test_a_run_goes_on_with_what_was_added_while_it_ran(tmp_path):
    data, path = stack(9), tmp_path / "s.zarr"
    quick_plan(data[:6], "cka", store=path, tile=2)
    calls = []

    def extend_once(done, total):
        calls.append((done, total))
        if len(calls) == 3:
            ng.sweep.extend(path, data[6:])

    assert ng.sweep.run(path, n_threads=1, progress=extend_once).is_complete
    assert (ng.sweep.open(path).square == ng.pairwise(data, "cka").square).all()


def test_no_tile_is_begun_that_will_not_be_finished_in_time(tmp_path):
    """Also not the first one: how long it takes is known from the plan."""
    data, path = stack(6), tmp_path / "s.zarr"
    quick_plan(data, "cka", store=path, tile=6)
    text = (path / "zarr.json").read_text()
    content = json.loads(text)
    content["attributes"]["neurogeom_sweep"]["costs"]["seconds_per_unit"] = 1.0  # 15 s for all
    (path / "zarr.json").write_text(json.dumps(content))
    assert ng.sweep.work(path, n_threads=1, time_limit="14s").done == 0
    assert ng.sweep.work(path, n_threads=1, time_limit="20s").is_complete


def test_files_may_vanish_while_they_are_listed(tmp_path, monkeypatch):
    """Another process renames what it has written, or finishes a tile that had failed."""
    quick_plan(stack(3), store=tmp_path / "s.zarr")
    store = Store(tmp_path / "s.zarr")
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
