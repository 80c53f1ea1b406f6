"""Status and verification of sweeps that nothing bad has happened to, and of prepared items that changed."""

from __future__ import annotations

import json
import shutil
import time

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import nothing_left, stack
from neurogeom.sweep.journal import process_name
from neurogeom.sweep.store import Store
from neurogeom.sweep.worker import Worker

pytest.importorskip("zarr")

DATA = stack(7)
SWEEP = {"items": DATA, "metric": ["procrustes", "cka"], "tile": 2}


# ---- status


def test_status_of_a_plan(planned):
    status = ng.sweep.status(planned)
    assert (status.n_tiles, status.done, status.left) == (9, 0, 9)
    assert (status.n_items, status.prepared) == (7, 0)
    assert (status.failed, status.errors, status.remarks) == ({}, {}, {})
    assert status.eta is None
    assert status.cpu_seconds == 0
    assert not status.is_complete
    assert status.store == planned
    assert str(status) == "0 of 9 tiles, 9 left, 0 of 7 items prepared"


def test_status_under_way(fresh):
    worker = Worker(fresh, 1)
    for key in worker.grid.tiles()[:4]:
        worker.run_tile(key)
    status = ng.sweep.status(fresh)
    assert (status.done, status.left, status.prepared) == (4, 5, 7)
    assert status.cpu_seconds > 0
    assert status.eta is not None
    assert 0 < status.eta < 60
    assert str(status) == f"4 of 9 tiles, 5 left, {status.eta:.0f} s to go"


def test_status_of_a_finished_sweep(finished):
    status = ng.sweep.status(finished)
    assert status.is_complete
    assert (status.done, status.left, status.prepared) == (9, 0, 7)
    assert str(status) == "9 of 9 tiles, 0 left"


def write_journal(store, name, ages, seconds):
    lines = [{"start": 0.0}] + [
        {"time": time.time() - age, "tile": [0, 0], "seconds": seconds, "cpu": 1.5} for age in ages
    ]
    (store / "journal").mkdir(exist_ok=True)
    path = store / "journal" / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut off')


def test_time_to_go_adds_up_the_speeds_of_all_who_work(fresh):
    write_journal(fresh, "elsewhere.17", [30, 20, 10], 10.0)
    assert ng.sweep.status(fresh).eta == pytest.approx(9 * 10)
    write_journal(fresh, "elsewhere.18", [5], 5.0)
    status = ng.sweep.status(fresh)
    assert status.eta == pytest.approx(9 / (1 / 10 + 1 / 5))
    assert status.cpu_seconds == pytest.approx(4 * 1.5)
    assert str(status).endswith("30 s to go")


def test_nobody_works(fresh):
    write_journal(fresh, "elsewhere.17", [900, 800], 10.0)
    assert ng.sweep.status(fresh).eta is None
    write_journal(fresh, "elsewhere.17", [900, 800], 400.0)  # a tile of this length is still being computed
    assert ng.sweep.status(fresh).eta == pytest.approx(9 * 400)


def test_processes_that_died_do_not_work(fresh):
    host = process_name().rpartition(".")[0]
    write_journal(fresh, f"{host}.{2**22 + 5}", [2, 1], 1.0)  # above the largest number of a process
    assert ng.sweep.status(fresh).eta is None


@pytest.mark.parametrize(("seconds", "text"), [(89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_are_for_people(seconds, text, fresh):
    write_journal(fresh, "elsewhere.17", [1], seconds / 9)
    assert str(ng.sweep.status(fresh)).endswith(f", {text} to go")


def test_status_writes_nothing(finished):
    with nothing_left(finished):
        before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
        ng.sweep.status(finished)
        assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


# ---- verification


def test_a_sound_store(finished):
    found = ng.sweep.verify(finished)
    assert found.is_sound
    assert (found.n_tiles, found.n_items, found.damaged, found.different) == (9, 7, {}, [])
    assert len(found.recomputed) == 9, "20 are wanted, but there are 9"
    assert not found.repaired
    assert str(found) == "9 tiles and 7 items read, 9 recomputed: all as they should be"


@pytest.mark.parametrize("n_threads", [1, 2])
def test_samples(n_threads, finished):
    calls = []
    found = ng.sweep.verify(
        finished, 4, rng=1, n_threads=n_threads, progress=lambda done, total: calls.append((done, total))
    )
    assert len(set(found.recomputed)) == 4
    assert calls == [(k, 4) for k in range(5)]
    assert ng.sweep.verify(finished, 4, rng=1).recomputed == found.recomputed
    assert len({tuple(ng.sweep.verify(finished, 1, rng=seed).recomputed) for seed in range(12)}) > 3


def test_checksums_only(finished):
    found = ng.sweep.verify(finished, 0)
    assert found.is_sound
    assert (found.n_tiles, found.n_items, found.recomputed) == (9, 7, [])


def test_nothing_to_verify(planned):
    found = ng.sweep.verify(planned)
    assert found.is_sound
    assert (found.n_tiles, found.n_items, found.recomputed) == (0, 0, [])


def change_prepared(store, number):
    opened = Store(store)
    header, arrays = opened.read_prepared(number)
    name = next(name for name, array in arrays.items() if array.dtype == float and array.size > 1)
    changed = {**arrays, name: np.nextafter(arrays[name], np.inf)}
    opened.write_prepared(number, header, changed)


def test_a_prepared_item_that_changed_is_found_and_repaired(finished, tmp_path):
    store = shutil.copytree(finished, tmp_path / "s")
    change_prepared(store, 4)
    found = ng.sweep.verify(store)
    assert not found.is_sound
    assert (found.different, found.damaged, found.repaired) == (["item 4"], {}, False)
    assert str(found).endswith("item 4 has other bits (not repaired)")
    assert (store / "prepared" / "000004.npz").exists()
    found = ng.sweep.verify(store, repair=True)
    assert (found.different, found.repaired) == (["item 4"], True)
    assert not (store / "prepared" / "000004.npz").exists()
    assert ng.sweep.run(store).is_complete
    assert ng.sweep.verify(store).is_sound


def test_a_changed_item_is_not_looked_at_if_no_sampled_tile_has_it(finished, tmp_path):
    store = shutil.copytree(finished, tmp_path / "s")
    change_prepared(store, 4)
    found = {seed: ng.sweep.verify(store, 1, rng=seed) for seed in range(8)}
    for verification in found.values():
        key, *more = verification.recomputed
        assert verification.is_sound == (2 not in key)
        assert bool(more) == (2 in key)  # then all tiles of the item are looked at
        assert all(2 in other for other in more)
    assert len({verification.is_sound for verification in found.values()}) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"sample": -1}, ValueError),
        ({"sample": 1.5}, TypeError),
        ({"rng": "x"}, TypeError),
        ({"n_threads": 0}, ValueError),
    ],
)
def test_bad_arguments(options, error, finished):
    with pytest.raises(error, match=f"{next(iter(options))}"):
        ng.sweep.verify(finished, **options)
