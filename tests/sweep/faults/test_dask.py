"""Sweeps on Dask lose workers, the scheduler, or everything at once."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack

import neurogeom as ng
import pytest
from helpers.processes import DASK, RUN, Child, dedented, is_running, script, wait_until
from helpers.stores import TRUST
from helpers.sweeps import Case, check_poisoned, computed_tiles, journal

pytest.importorskip("zarr")
pytest.importorskip("distributed")
pytestmark = pytest.mark.faults


def test_killed_worker(tmp_path):
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(DASK, case.store) as child:
        victim, _ = case.wait_for(2, child)
        assert len(case.chunks()) == 4
        os.kill(victim, signal.SIGKILL)
        case.wait_for(3, child)  # its nanny starts another one
        case.open()
        code, out, err = child.wait()
    assert (code, out) == (0, "10 of 10 tiles, 0 left"), err
    case.check()
    assert len(computed_tiles(case.store)) == case.n_tiles


CLIENT = """
    import sys, time, neurogeom as ng
    from distributed import Client
    if __name__ == "__main__":
        with Client(scheduler_file=sys.argv[2]) as client:
            client.wait_for_workers(2)
            try:
                ng.sweep.run(sys.argv[1], client, trust=['helpers'])
            except ng.sweep.SweepIncomplete as error:
                print(time.time(), error, sep="|")
"""


def test_killed_scheduler(tmp_path):
    case = Case(tmp_path)
    case.give_tickets(4)
    place = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        start = stack.enter_context
        listen = ["--scheduler-file", place, "--host", "127.0.0.1"]
        command = ["-m", "distributed.cli.dask_scheduler", *listen, "--port", 0, "--no-dashboard"]
        scheduler = start(Child(command))
        wait_until(lambda: place.exists() and json.loads(place.read_text() or "{}"))
        work = ["-m", "distributed.cli.dask_worker", *listen, "--no-nanny", "--nthreads", 1]
        for _ in range(2):
            start(Child([*work, "--no-dashboard", "--local-directory", tmp_path]))
        client = start(script(CLIENT, case.store, place))
        case.wait_for(2, client)
        killed = time.time()
        scheduler.kill_group()
        code, out, err = client.wait()
    assert code == 0, err
    ended, _, text = out.partition("|")
    assert float(ended) - killed < 5
    assert text.startswith("the Dask scheduler was lost: 4 of 10 tiles, 6 left")
    assert text.endswith(f". Resume with: neurogeom sweep run {case.store} --trust helpers")
    before = case.chunks()
    assert len(before) == 4
    case.open()
    assert ng.sweep.run(case.store, trust=TRUST).is_complete
    case.check()
    assert before.items() <= case.chunks().items()


def test_killed_process_group(tmp_path):
    """As when a job reaches its time limit: client, scheduler, nannies and workers die at once."""
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(DASK, case.store) as child:
        workers = case.wait_for(2, child)
        child.kill_group()
        for pid in workers:
            wait_until(lambda pid=pid: not is_running(pid))
    before = case.chunks()
    assert len(before) == 4
    case.open()
    with script(RUN, case.store) as fresh:
        assert fresh.wait()[:2] == (0, "10 of 10 tiles, 0 left")
    case.check()
    after = case.chunks()
    assert before.items() <= after.items(), "a finished tile was written again"
    assert set(computed_tiles(case.store, {fresh.pid})) == after.keys() - before.keys()
    assert not any("item" in line for line in journal(case.store)[fresh.pid])
    with script(RUN, case.store) as third:
        assert third.wait()[:2] == (0, "10 of 10 tiles, 0 left")
    assert case.chunks() == after
    assert third.pid not in journal(case.store)


CTRL_C = """
    import signal, sys, time, neurogeom as ng
    from distributed import Client, LocalCluster
    if __name__ == "__main__":
        quiet = dict(dashboard_address=None, worker_dashboard_address=None)
        with LocalCluster(n_workers=1, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                ng.sweep.run(sys.argv[1], client, trust=['helpers'])
            except KeyboardInterrupt:
                print(time.time(), flush=True)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def test_ctrl_c(tmp_path):
    """The client stops at once, a worker after the tile that it is in; the cluster can still be used."""
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(CTRL_C, case.store) as child:
        case.wait_for(1, child)
        sent = time.time()
        child.send(signal.SIGINT)
        wait_until(lambda: child.output()[0])
        assert float(child.output()[0]) - sent < 2
        case.open()
        code, _, err = child.wait()
    assert code == 0, err
    assert 4 <= len(case.chunks()) < case.n_tiles
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


def test_poison_tiles(tmp_path):
    """One sweep whose tile raises an error, and one on the same workers whose tile kills them."""
    cases = {}
    for action in ("raise", "kill"):
        (tmp_path / action).mkdir()
        cases[action] = Case(tmp_path / action, is_open=True)
        cases[action].order(action)
    with script(DASK, *(case.store for case in cases.values())) as child:
        code, out, err = child.wait()
    assert code == 0, err
    for case, line in zip(cases.values(), out.split("\n"), strict=True):
        assert "9 of 10 tiles, 0 left, 1 failed; tile 1-2 failed 3 times" in line
        assert line.startswith("SweepIncomplete: ")
        assert line.endswith(f"neurogeom sweep run {case.store} --trust helpers --retry-failed")
    check_poisoned(cases["raise"], "RuntimeError: this pair is poison")
    check_poisoned(cases["kill"], "its worker died")


def test_full_disk_of_the_workers(tmp_path):
    case = Case(tmp_path, is_open=True)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))\n"
    with script(limit + dedented(DASK), case.store) as child:
        code, out, err = child.wait()
    assert code == 0, err
    assert out.startswith("SweepIncomplete: the store is full (File too large: ")
    assert case.leftovers() == []
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


THREADS = """
    import os, sys, neurogeom as ng
    from neurogeom._base.threads import resolve_threads
    from distributed import Client, LocalCluster
    if __name__ == "__main__":
        before = resolve_threads(None)
        quiet = dict(dashboard_address=None, worker_dashboard_address=None)
        with LocalCluster(n_workers=1, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
            inside = client.submit(lambda: os.environ["OMP_NUM_THREADS"]).result()
            ng.sweep.run(sys.argv[1], client, n_threads=3, trust=['helpers'])
        print(inside, os.environ.get("OMP_NUM_THREADS"), resolve_threads(None) - before)
"""


def test_nanny_changes_no_number_of_threads(tmp_path):
    """A nanny sets OMP_NUM_THREADS=1, in the worker and in the process that starts it."""
    case = Case(tmp_path, is_open=True)
    for file in case.control.glob("threads-*"):
        file.unlink()
    with script(THREADS, case.store, OMP_NUM_THREADS=None) as child:
        code, out, err = child.wait()
    assert (code, out) == (0, "1 1 0"), err
    case.check()
    assert [file.name for file in case.control.glob("threads-*")] == ["threads-3"]
