"""``neurogeom sweep`` stopped by signals and shared by processes: nothing is lost, the bits stay the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time

import neurogeom as ng
import numpy as np
import pytest
from helpers import commands
from helpers import own_metrics as own
from helpers.stores import quick_plan, short_measurements
from neurogeom._base.progress import as_progress
from neurogeom.cli import main as cli
from neurogeom.sweep.attempts import Attempts
from neurogeom.sweep.journal import process_name

pytest.importorskip("zarr")

TRUST = ("--trust", "helpers")  # where the metric of the sweeps is


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A planned sweep of 15 tiles, and its result in memory."""
    folder = tmp_path_factory.mktemp("stops")
    arrays = commands.write_items(folder / "nets")
    with short_measurements():
        plan = ng.sweep.plan(str(folder / "nets"), own.Sluggish(), store=folder / "s.zarr", tile=1)
    assert plan.n_tiles == 15
    return folder / "s.zarr", ng.pairwise(arrays, own.Sluggish()).square


@pytest.fixture
def store(planned, tmp_path):
    """A copy of it."""
    return shutil.copytree(planned[0], tmp_path / "my sweep.zarr")


def finish(process):
    """Wait for a process; give exit code, stdout, stderr and the seconds that it took."""
    start = time.monotonic()
    out, errors = process.communicate(timeout=20)
    return process.returncode, out, errors, time.monotonic() - start


def require_resumable(store, errors, word):
    """Check what a stopped process said and left; give the number of finished tiles."""
    done = len(commands.tiles_of(store))
    assert 0 < done < 15
    last = errors.strip().split("\n")[-1]
    assert last.startswith(f"neurogeom: {word}: by ")
    assert f": {done} of 15 tiles, {15 - done} left; what is finished is safe." in last
    assert last.endswith(f"Resume with: neurogeom sweep run '{store}' --trust helpers")
    assert "Traceback" not in errors
    assert commands.markers_of(store) == []
    assert not (store / "failures").exists()
    return done


def require_result(store, expected):
    assert ng.sweep.run(store, n_threads=1, trust=["helpers"]).is_complete
    np.testing.assert_array_equal(ng.sweep.open(store, trust=["helpers"]).square, expected)


@pytest.mark.parametrize(
    ("command", "number", "code", "word"),
    [
        (["run"], signal.SIGTERM, 143, "terminated"),
        (["run", "--threads", "2"], signal.SIGINT, 130, "interrupted"),
        (["work", "--rank", "1", "--of", "2"], signal.SIGTERM, 143, "terminated"),
    ],
    ids=["run TERM", "run INT", "work TERM"],
)
def test_signals_leave_a_resumable_store(store, planned, command, number, code, word):
    with commands.started(command[0], store, *TRUST, *command[1:], SLUGGISH="0.2") as process:
        commands.await_tiles(store, 2, process)
        process.send_signal(number)
        found, out, errors, seconds = finish(process)
    assert (found, out) == (code, "")
    assert seconds < 5
    before = {path: path.stat().st_mtime_ns for path in commands.tiles_of(store)}
    require_resumable(store, errors, word)
    require_result(store, planned[1])
    assert before.items() <= {path: path.stat().st_mtime_ns for path in commands.tiles_of(store)}.items()


def test_signals_end_a_cluster_of_our_own(store, planned):
    """Terminals and batch systems send them to the workers too."""
    pytest.importorskip("distributed")
    with commands.started("run", store, *TRUST, "--dask-workers", 1, SLUGGISH="0.3") as process:
        commands.await_tiles(store, 1, process)
        os.killpg(process.pid, signal.SIGTERM)
        code, _, errors, seconds = finish(process)
        assert code == 143
        assert seconds < 5
        require_resumable(store, errors, "terminated")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # no worker outlives the command
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.05)
        else:
            pytest.fail("processes are left")
    require_result(store, planned[1])


def test_two_ranks_share_the_work(store, planned):
    with (
        commands.started(
            "work", store, *TRUST, "--rank", 0, "--of", 2, "--threads", 1, SLUGGISH="0.1"
        ) as first,
        commands.started("work", store, *TRUST, SLUGGISH="0.1", **slurm(12, 2, 11)) as second,
    ):
        ends = [finish(process)[:2] for process in (first, second)]
    assert ends == [(0, "15 of 15 tiles, 0 left\n")] * 2
    tiles = []
    for path in (store / "journal").iterdir():
        lines = [json.loads(line) for line in path.read_text().split("\n") if line]
        tiles.append([line["tile"] for line in lines if "tile" in line])
    assert len(tiles) == 2
    assert all(len(own) >= 3 for own in tiles)
    assert [0, 1] in tiles[0] + tiles[1]
    np.testing.assert_array_equal(ng.sweep.open(store, trust=["helpers"]).square, planned[1])


def slurm(task, count, first):
    values = {"ID": task, "COUNT": count, "MIN": first}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_a_closed_pipe_is_quiet(store):
    with commands.started("status", store, *TRUST, "--json") as process:
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


@pytest.fixture
def cluster():
    """A scheduler with one worker in this process, that others can reach."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        processes=False,
        protocol="tcp",
        n_workers=1,
        threads_per_worker=1,
        memory_limit=0,
        dashboard_address=None,
        # Without this it takes the port of a dashboard, and warns if it is in use.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("option", ["--scheduler", "--scheduler-file"])
def test_a_cluster_of_the_user(store, planned, cluster, option, tmp_path, capsys):
    given = cluster.scheduler_address
    if option == "--scheduler-file":
        given = tmp_path / "scheduler.json"
        with cluster.get_client() as client:
            client.write_scheduler_file(given)
    code = cli.main(["sweep", "run", str(store), *TRUST, option, str(given)])
    out, errors = capsys.readouterr()
    assert (code, out) == (0, "15 of 15 tiles, 0 left\n")
    note, *lines = errors.strip().split("\n")
    assert note == f"neurogeom: note: Dask at {cluster.scheduler_address}: workers 1, threads 1"
    assert lines == ["items:   0% 0/6 [00:00<?]", "tiles:   0% 0/15 [00:00<?]"]
    np.testing.assert_array_equal(ng.sweep.open(store, trust=["helpers"]).square, planned[1])


def test_a_full_disk_of_a_dask_worker(cluster, monkeypatch, planned, tmp_path, capsys):
    moody = tmp_path / "moody.zarr"
    quick_plan(str(planned[0].parent / "nets"), own.Moody(), store=moody, tile=3)
    monkeypatch.setenv("MOOD", "disk")
    assert cli.main(["sweep", "run", str(moody), *TRUST, "--scheduler", cluster.scheduler_address]) == 3
    assert "neurogeom: incomplete: the store is full (No space left on device" in capsys.readouterr().err


# ---- what stands behind it


def test_only_the_tries_of_processes_that_were_stopped_are_forgiven(store):
    attempts = Attempts(store)
    folder = store / "attempts"
    folder.mkdir()
    dead = 2**22 + 7  # beyond the numbers that Linux gives
    for name in (f"0-1@{process_name(dead)}@aa", f"0-2@{process_name(dead + 1)}@bb"):
        (folder / name).touch()
    attempts.forgive({process_name(dead)})
    assert commands.markers_of(store) == [f"0-2@{process_name(dead + 1)}@bb"]
    attempts.count_deaths()
    assert attempts.errors((0, 1)) == []
    assert len(attempts.errors((0, 2))) == 1


def test_processes_that_have_ended_are_not_at_work(store):
    """They no longer count for the time that is left."""
    ng.sweep.work(store, n_threads=1, trust=["helpers"])
    (journal,) = (store / "journal").iterdir()
    commands.tiles_of(store)[0].unlink()
    assert ng.sweep.status(store, trust=["helpers"]).eta is not None
    journal.rename(journal.with_name(f"{process_name(2**22 + 7)}.jsonl"))
    assert ng.sweep.status(store, trust=["helpers"]).eta is None


@pytest.fixture
def now(monkeypatch):
    """Time that passes when the test says so, in a list of one."""
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def test_lines_of_a_log(now, capsys):
    report = as_progress(True, "tiles")
    report(1000, 2000)
    for done in range(1001, 1101):  # 100 tiles of 3 s
        now[0] += 3
        report(done, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "tiles:  50% 1,000/2,000 [00:00<?]",
        "tiles:  51% 1,020/2,000 [01:00<49:00]",
        "tiles:  52% 1,040/2,000 [02:00<48:00]",
        "tiles:  53% 1,060/2,000 [03:00<47:00]",
        "tiles:  54% 1,080/2,000 [04:00<46:00]",
        "tiles:  55% 1,100/2,000 [05:00<45:00]",
    ]
    report(2000, 2000)
    assert capsys.readouterr().err == ""  # within a minute of the last


def test_bar_of_a_resumed_run(now, capsys, monkeypatch):
    """The time that is left follows from what was done in this run."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = as_progress(True, "tiles")
    bar(90, 100)
    now[0] += 10
    bar(91, 100)
    now[0] += 10
    bar(100, 100)
    bar(100, 100)
    shown = capsys.readouterr().err
    assert list(dict.fromkeys(re.findall(r" (\d+)/100 \[(.*?)\]", shown))) == [
        ("90", "00:00<?"),
        ("91", "00:10<01:30"),
        ("100", "00:20<00:00"),
    ]
    assert shown.endswith("\n")
