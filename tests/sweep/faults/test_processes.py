"""Sweeps without Dask lose processes: killed, interrupted, poisoned."""

from __future__ import annotations

import os
import pickle
import signal
import time

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.items import items_of
from helpers.processes import RUN, WORK, script
from helpers.stores import TRUST
from helpers.sweeps import WIDTHS, Case, check_poisoned, computed_tiles
from neurogeom.sweep import attempts as _attempts
from neurogeom.sweep import files as _files

pytest.importorskip("zarr")
pytestmark = pytest.mark.faults


def test_killed_worker_of_two(tmp_path):
    case = Case(tmp_path)
    case.give_tickets(3)
    with script(WORK, case.store, 0, 2) as first, script(WORK, case.store, 1, 2) as second:
        case.wait_for(2, second)
        first.send(signal.SIGKILL)
        assert first.wait()[0] == -signal.SIGKILL
        before = case.chunks()
        assert len(before) == 3
        case.open()
        code, out, err = second.wait()
    assert (code, out) == (0, "10 of 10 tiles, 0 left"), err
    case.check()
    assert before.items() <= case.chunks().items()
    assert len(computed_tiles(case.store)) == case.n_tiles
    assert len(computed_tiles(case.store, {second.pid})) >= case.n_tiles - 3


def test_killed_process_and_resume(tmp_path):
    """SIGKILL, as for want of memory."""
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(RUN, case.store) as child:
        case.wait_for(1, child)
        child.send(signal.SIGKILL)
        child.wait()
    before = case.chunks()
    assert len(before) == 4
    status = ng.sweep.status(case.store, trust=TRUST)
    assert (status.done, status.left) == (4, 6)
    partial = ng.sweep.open(case.store, trust=TRUST).values
    there = ~np.isnan(partial)
    assert partial[there].tobytes() == case.expected.values[there].tobytes()
    case.open()
    ng.sweep.run(case.store, trust=TRUST)
    case.check()
    assert before.items() <= case.chunks().items()
    assert set(computed_tiles(case.store, {os.getpid()})) == case.chunks().keys() - before.keys()
    after = case.chunks()
    ng.sweep.run(case.store, trust=TRUST)
    assert case.chunks() == after
    assert len(computed_tiles(case.store)) == case.n_tiles


HANDLED = """
    import signal, sys, time, neurogeom as ng
    signal.signal(signal.SIGINT, signal.default_int_handler)
    call = ng.sweep.run if sys.argv[2] == "run" else ng.sweep.work
    try:
        call(sys.argv[1], n_threads=int(sys.argv[3]), trust=["helpers"])
    except KeyboardInterrupt:
        print(time.time())
"""


@pytest.mark.parametrize(("call", "n_threads"), [("run", 1), ("work", 2)])
def test_ctrl_c(tmp_path, call, n_threads):
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(HANDLED, case.store, call, n_threads) as child:
        case.wait_for(1, child)
        sent = time.time()
        child.send(signal.SIGINT)
        code, out, err = child.wait()
    assert code == 0, err
    assert float(out) - sent < 2
    assert len(case.chunks()) == 4
    assert case.leftovers() == []  # no attempt is counted
    case.open()
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


@pytest.mark.parametrize("call", ["run", "work"])
def test_sigterm(tmp_path, call):
    """What ends a process without handling: the try that it was in counts as a failed one, no more."""
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(HANDLED, case.store, call, 1) as child:
        case.wait_for(1, child)
        sent = time.time()
        child.send(signal.SIGTERM)
        assert child.wait()[0] == -signal.SIGTERM
    assert time.time() - sent < 2
    assert len(case.chunks()) == 4
    case.open()
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


# ---- poison


def test_poison_tile_that_raises(tmp_path):
    case = Case(tmp_path, is_open=True)
    case.order("raise")
    with pytest.raises(
        ng.sweep.SweepIncomplete, match="tile 1-2 failed 3 times, last: RuntimeError"
    ) as caught:
        ng.sweep.run(case.store, trust=TRUST)
    assert caught.value.status.failed == ng.sweep.status(case.store, trust=TRUST).failed
    check_poisoned(case, "RuntimeError: this pair is poison")


def test_poison_tile_that_raises_in_stateless_workers(tmp_path):
    case = Case(tmp_path, is_open=True)
    case.order("raise")
    assert str(ng.sweep.work(case.store, rank=1, of=2, trust=TRUST)) == "9 of 10 tiles, 0 left, 1 failed"
    check_poisoned(case, "RuntimeError: this pair is poison")


@pytest.mark.parametrize("call", ["run", "work"])
def test_poison_tile_that_kills_processes(tmp_path, call):
    """A supervisor (here: this test) starts them again; the fourth does without the tile."""
    case = Case(tmp_path, is_open=True)
    case.order("kill")
    code = RUN if call == "run" else WORK
    for _ in range(3):
        with script(code, case.store, 0, 1) as child:
            assert child.wait()[0] == -signal.SIGKILL
    with script(code, case.store, 0, 1) as child:
        status, out, err = child.wait()
    assert status == (3 if call == "run" else 0), err
    assert "9 of 10 tiles, 0 left, 1 failed" in out
    assert ("SweepIncomplete" in out) == (call == "run")
    check_poisoned(case, "its worker died")


@pytest.mark.parametrize("n_threads", [1, 2])
def test_item_whose_preparation_raises(tmp_path, n_threads):
    """It takes its tiles with it, and nothing else."""
    case = Case(tmp_path, is_open=True)
    (case.control / "bad-item").write_text("5")  # item 2, of block 1
    failed = "tile 0-1 failed 3 times, last: RuntimeError: .*this item is poison"
    with pytest.raises(ng.sweep.SweepIncomplete, match=f"6 of 10 tiles, 0 left, 4 failed.*{failed}"):
        ng.sweep.run(case.store, n_threads=n_threads, trust=TRUST)
    assert list(ng.sweep.status(case.store, trust=TRUST).failed) == [(0, 1), (1, 1), (1, 2), (1, 3)]
    (case.control / "bad-item").unlink()
    assert ng.sweep.run(case.store, retry_failed=True, trust=TRUST).is_complete
    case.check()


def test_item_whose_preparation_kills_processes(tmp_path):
    """After three deaths it is not tried again: its tiles fail, and nothing else."""
    case = Case(tmp_path, is_open=True)
    (case.control / "bad-item").write_text("5 kill")
    for _ in range(3):
        with script(RUN, case.store) as child:
            assert child.wait()[0] == -signal.SIGKILL
    failed = "preparing item '2' failed 3 times, last: its worker died"
    with pytest.raises(ng.sweep.SweepIncomplete, match=f"6 of 10 tiles, 0 left, 4 failed.*{failed}"):
        ng.sweep.run(case.store, trust=TRUST)
    (case.control / "bad-item").unlink()
    assert ng.sweep.run(case.store, retry_failed=True, trust=TRUST).is_complete
    case.check()


def test_tile_that_kills_the_measuring_process(tmp_path):
    items = items_of(WIDTHS, 12)
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "open").touch()
    (tmp_path / "control" / "orders.json").write_text('{"widths": [5, 8], "action": "kill"}')
    metric = own.Controlled(str(tmp_path / "control"))
    with pytest.raises(ng.sweep.SweepError, match="measuring a few items and pairs failed: it was killed"):
        ng.sweep.plan(items, metric, store=tmp_path / "sweep.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["control"]


def test_all_nan_tile_counts_as_done(tmp_path):
    case = Case(tmp_path, is_open=True, tile=1)
    case.order("nan")
    status = ng.sweep.run(case.store, trust=TRUST)
    assert status.is_complete
    assert "2-5" in case.chunks()
    expected = case.expected.values.copy()
    expected[2, 5] = expected[5, 2] = np.nan
    found = ng.sweep.open(case.store, trust=TRUST).values
    assert found.tobytes() == expected.tobytes()
    before = case.chunks()
    ng.sweep.run(case.store, trust=TRUST)
    assert case.chunks() == before


def test_marker_of_a_living_process_is_no_failure(tmp_path):
    """Two may compute the same tile: neither counts as dead because it is not this process."""
    case = Case(tmp_path)
    with script(RUN, case.store) as child:
        case.wait_for(1, child)
        attempts = _attempts.Attempts(case.store)
        attempts.count_deaths()
        assert len(list((case.store / "attempts").iterdir())) == 1
        child.send(signal.SIGKILL)
        child.wait()
        attempts.count_deaths()
    assert case.leftovers() == []
    (failure,) = (case.store / "failures").iterdir()
    assert "its worker died" in failure.read_text()


def test_folder_that_another_process_makes_at_the_same_time(tmp_path, monkeypatch):
    path = tmp_path / "new" / "file"

    def race(*arguments):
        monkeypatch.delattr(_files, "open")
        try:
            return open(*arguments)
        finally:
            path.parent.mkdir()

    monkeypatch.setattr(_files, "open", race, raising=False)
    _files.write_atomically(path, b"whole")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("file", b"whole")]


def test_incomplete_can_be_raised_in_other_processes(tmp_path):
    case = Case(tmp_path, is_open=True)
    error = ng.sweep.SweepIncomplete("the store is full", ng.sweep.status(case.store, trust=TRUST))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.status == error.status
