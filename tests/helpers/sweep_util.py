"""Sweeps that tests hold up, kill and damage, and the processes that they run in."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from unittest import mock

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.sweep import planning as _plan

from helpers import pairwise_util as pu
from helpers import sweep_control

TIMEOUT = 30
WIDTHS = tuple(range(3, 11))  # eight items, whose numbers of units tell them apart
TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def bounded():
    """End a test that hangs; what it started is killed on the way out."""

    def end(*_):
        pytest.fail(f"not done after {TIMEOUT} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(TIMEOUT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# ---- sweeps


def quick_plan(items, metric, **options):
    """Plan without measuring each time anew, which takes seconds; nothing here depends on the costs."""
    real = _plan.calibrate
    with mock.patch.object(_plan, "calibrate", lambda folder: _measured_once(real, folder)):
        return ng.sweep.plan(items, metric, **options)


_measured = []


def _measured_once(calibrate, folder):
    if not _measured:
        _measured.append(calibrate(folder))
    return _measured[0]


class Case:
    """A sweep over eight items in ten tiles whose metric is controlled by a folder."""

    n_tiles = 10

    def __init__(self, folder, *, is_open=False, tile=2, items=None):
        self.control = folder / "control"
        self.control.mkdir()
        self.store = folder / "sweep.zarr"
        self.items = pu.items_of(WIDTHS, 12) if items is None else items
        self.open()
        quick_plan(self.items, sweep_control.Controlled(str(self.control)), store=self.store, tile=tile)
        if not is_open:
            (self.control / "open").unlink()

    def open(self):
        """Let all tiles pass."""
        (self.control / "open").touch()

    def give_tickets(self, count):
        """Let so many tiles pass."""
        for k in range(count):
            (self.control / f"ticket-{k}").touch()

    def order(self, action, widths=(5, 8)):
        """Have something happen to a pair."""
        (self.control / "orders.json").write_text(json.dumps({"widths": widths, "action": action}))

    def waiting(self):
        """Processes that stand in the middle of a tile."""
        return {int(path.name.removeprefix("waiting-")) for path in self.control.glob("waiting-*")}

    def wait_for(self, count, child):
        """Wait until so many processes (of this child, or it) stand in the middle of a tile; gives them."""
        try:
            wait_until(lambda: len(self.waiting()) >= count or not child.is_running())
            assert len(self.waiting()) >= count, "the process has ended"
        except AssertionError as error:
            child.send(signal.SIGABRT)  # has it print where it is
            pytest.fail(f"{error}; it ended with {child.wait()}")
        return sorted(self.waiting())

    @functools.cached_property
    def expected(self):
        """What it should give."""
        return ng.pairwise(self.items, "procrustes")

    def chunks(self):
        """Finished tiles, and when they were written."""
        return chunks(self.store)

    def leftovers(self):
        """Files that should not outlive their process."""
        return leftovers(self.store)

    def check(self):
        """Compare what it gives with what it should give."""
        status = ng.sweep.status(self.store)
        assert status.is_complete
        assert (status.left, dict(status.failed)) == (0, {})
        assert_same_bits(ng.sweep.open(self.store), self.expected)
        assert self.leftovers() == []


def chunks(store):
    """Finished tiles of a store, and when they were written."""
    top = store / "values" / "c" / "0"
    found = (path for path in top.rglob("*") if path.is_file())
    return {path.relative_to(top).as_posix().replace("/", "-"): path.stat().st_mtime_ns for path in found}


def leftovers(store):
    """Files of a store that should not outlive their process."""
    return sorted(str(p.relative_to(store)) for p in [*store.rglob("*.partial"), *store.glob("attempts/*")])


def journal(store):
    """Tiles and items by the process that computed them."""
    found = {}
    for path in (store / "journal").glob("*.jsonl"):
        pid = int(path.name.removesuffix(".jsonl").rpartition(".")[2])
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[pid] = [line for line in lines if "tile" in line or "item" in line]
    return found


def computed_tiles(store, pids=None):
    """Names of tiles that these processes (all by default) computed, with repetitions."""
    lines = [line for pid, part in journal(store).items() if pids is None or pid in pids for line in part]
    return sorted("-".join(map(str, line["tile"])) for line in lines if "tile" in line)


def assert_same_bits(found, expected):
    """Compare two results of pairwise, or two dicts of these, bit by bit."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            assert_same_bits(found[name], expected[name])
        return
    assert found.names.tolist() == expected.names.tolist()
    np.testing.assert_array_equal(found.values, expected.values)  # says where
    assert found.values.tobytes() == expected.values.tobytes()
    assert (found.held_out is None) == (expected.held_out is None)
    if expected.held_out is not None:
        assert found.held_out.tobytes() == expected.held_out.tobytes()


# ---- processes


def wait_until(condition, seconds=20.0):
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.01)


class Child:
    """A process in a group of its own; leaving the context kills the whole group."""

    def __init__(self, command, **environment):
        # Files rather than pipes: grandchildren that survive hold pipes open.
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        path = os.pathsep.join([str(TESTS), *(p for p in sys.path if p)])
        variables = {**os.environ, "PYTHONPATH": path, **environment}
        self._popen = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *map(str, command)],
            env={k: v for k, v in variables.items() if v is not None},
            stdout=self._files[0],
            stderr=self._files[1],
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.kill_group()
            self._popen.wait(10)
        finally:
            for file in self._files:
                file.close()

    def kill_group(self):
        """SIGKILL to the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def is_running(self):
        """Say whether it has not ended yet."""
        return self._popen.poll() is None

    def send(self, number):
        """Send a signal to the process alone, if it has not ended yet."""
        self._popen.send_signal(number)

    def wait(self, seconds=20.0):
        """Wait for the end; gives the status and what it printed on both streams."""
        self._popen.wait(seconds)
        return self._popen.returncode, *self.output()

    def output(self):
        """What it has printed so far."""
        # Not by the position in the file, which the process writes at.
        return tuple(os.pread(file.fileno(), 1 << 20, 0).decode().strip() for file in self._files)


def script(code, *arguments, **environment):
    """Start a script."""
    return Child(["-c", textwrap.dedent(code), *arguments], **environment)


RUN = """
    import sys, neurogeom as ng
    try:
        print(ng.sweep.run(sys.argv[1], n_threads=1))
    except ng.sweep.SweepIncomplete as error:
        print("SweepIncomplete:", error)
        sys.exit(3)
"""
WORK = """
    import sys, neurogeom as ng
    print(ng.sweep.work(sys.argv[1], rank=int(sys.argv[2]), of=int(sys.argv[3]), n_threads=1))
"""
DASK = """
    import sys, neurogeom as ng
    from distributed import Client, LocalCluster
    if __name__ == "__main__":
        quiet = dict(dashboard_address=None, worker_dashboard_address=None)
        with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
            for store in sys.argv[1:]:
                try:
                    print(ng.sweep.run(store, client))
                except ng.sweep.SweepIncomplete as error:
                    print("SweepIncomplete:", error)
"""


def dedented(code):
    """Take the indentation of a script away."""
    return textwrap.dedent(code)


def is_running(pid):
    """Say whether a process runs (dead ones that nobody has waited for do not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def check_poisoned(case, text):
    """Tile 1-2 was given up for this reason, all others are there; asked to, it is tried again."""
    status = ng.sweep.status(case.store)
    assert (status.done, status.left) == (case.n_tiles - 1, 0)
    assert list(status.failed) == [(1, 2)]
    assert len(status.failed[1, 2]) == 3
    assert all(error.startswith(text) for error in status.failed[1, 2])
    assert case.leftovers() == []
    found, expected = ng.sweep.open(case.store).values, case.expected.values
    missing = np.zeros_like(expected, dtype=bool)
    missing[2:4, 4:6] = missing[4:6, 2:4] = True
    assert np.isnan(found[missing]).all()
    assert found[~missing].tobytes() == expected[~missing].tobytes()
    (case.control / "orders.json").unlink()
    with pytest.raises(ng.sweep.SweepIncomplete, match="tile 1-2 failed 3 times"):
        ng.sweep.run(case.store)
    assert ng.sweep.run(case.store, retry_failed=True).is_complete
    case.check()
