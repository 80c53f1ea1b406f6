"""``neurogeom sweep``: its results are those of the API, its exit codes tell how it ended."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import time
from types import SimpleNamespace

import neurogeom as ng
import numpy as np
import pytest
from helpers import commands
from helpers import own_metrics as own
from helpers.stores import short_measurements
from neurogeom.cli import sweep_run as _cli_sweep_run
from neurogeom.sweep import calibration as _calibrate

pytest.importorskip("zarr")

TRUST = ("--trust", "helpers")  # where the metric of moody.zarr is


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Items, and stores of sweeps over them that are planned but not run."""
    folder = tmp_path_factory.mktemp("sweep")
    arrays = commands.write_inputs(folder)
    with short_measurements():
        for store, metric in (("pairs", ["cka", "procrustes"]), ("moody", own.Moody())):
            ng.sweep.plan(str(folder / "nets"), metric, store=folder / f"{store}.zarr", tile=2)
    return folder, arrays


@pytest.fixture
def stores(planned, tmp_path):
    """Copies of these stores."""
    for name in ("pairs.zarr", "moody.zarr"):
        shutil.copytree(planned[0] / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def run(planned, monkeypatch, capsys):
    """Run ``neurogeom sweep`` among the items."""
    return commands.command(planned[0], monkeypatch, capsys)


@pytest.fixture
def quick():
    with short_measurements():
        yield


def fields_of(text):
    """Lines "key  text" as a dict; what has no key of its own belongs to the one above."""
    found, last = {}, ""
    width = max(len(line) - len(line.split("  ", 1)[1].lstrip()) for line in text.strip().split("\n"))
    for line in text.strip().split("\n"):
        last = line[:width].strip() or last
        found.setdefault(last, []).append(line[width:])
    return found


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


# ---- plan


def test_plan_and_the_commands_that_it_prints(planned, run, tmp_path):
    """The only plan of this file that is measured as users have it, in a process of its own."""
    store = tmp_path / "s.zarr"
    code, out, errors = run("plan", "nets/*.npy", "--metric", "cka", "--tile", 4, "--store", store)
    assert (code, errors) == (0, "")
    plan = fields_of(out)
    assert plan["sweep"] == ["cka of 6 items"]
    assert plan["work"][0].startswith("15 pairs, ")
    assert plan["tiles"] == ["3, edge 4"]
    assert plan["store"] == [str(store)]
    words = shlex.split(plan["SLURM"][0])
    assert words[0] == "sbatch"
    wrapped = shlex.split(words[-1].replace("$SLURM_ARRAY_TASK_ID", "0"))
    assert wrapped[:2] == ["neurogeom", "sweep"]
    assert run(*wrapped[2:], "--time-limit", "1h")[0] == 0
    np.testing.assert_array_equal(ng.sweep.open(store).square, ng.pairwise(planned[1], "cka").square)
    again, out_again, note = run("plan", "nets/*.npy", "--metric", "cka", "--store", store)
    assert (again, out_again) == (0, out)
    assert "already holds this plan" in note
    code, _, errors = run("plan", "nets/*.npy", "--metric", "procrustes", "--store", store)
    assert code == 2
    assert "holds another plan: metrics differ" in errors


def test_plan_without_store(run, quick, planned):
    before = sorted(path.name for path in planned[0].iterdir())
    code, out, errors = run("plan", "nets", "--threads", 2, "--max-ram", "3GB", "--target-tile", "2m")
    assert code == 0
    assert errors == "neurogeom: note: nothing was created: --store DIR creates the sweep\n"
    assert fields_of(out)["sweep"] == ["procrustes of 6 items"]
    assert "store" not in fields_of(out)
    assert sorted(path.name for path in planned[0].iterdir()) == before


def test_what_is_left_out_is_said_in_the_plan(run, quick, planned, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["maps"], file["x"], file["ids"] = np.ones((20, 2, 2)), planned[1]["net1"], np.arange(20)
    with h5py.File(tmp_path / "y.mat", "w") as file:
        file["y"] = planned[1]["net2"].T
        file["y"].attrs["MATLAB_class"] = np.bytes_("double")
    (tmp_path / "bad.npy").write_bytes(b"")
    code, out, _ = run("plan", tmp_path, "--skip-bad")
    assert code == 0
    assert fields_of(out)["sweep"] == ["procrustes of 2 items"]
    said = fields_of(out)["left out"]
    assert said[0].startswith(f"{tmp_path}/bad.npy: not a .npy file")
    assert said[1].startswith(f"{tmp_path}/x.h5: maps: is not two-dimensional")
    assert said[1].endswith("; --flatten takes its other axes as units")
    assert len(said) == 2
    code, _, errors = run("plan", tmp_path)
    assert code == 2
    assert errors.startswith(f"neurogeom: error: {tmp_path}/bad.npy: not a .npy file")


def test_options_reach_the_plan(run, planned, monkeypatch):
    asked = {}

    def plan(items, metric, **options):
        asked.update(options, items=[item.name for item in items], metric=metric, ids=items[0].ids)
        raise ValueError("seen")

    monkeypatch.setattr(ng.sweep, "plan", plan)
    argv = ["two.npz", "--keys", "y,x", "--ids", "stimuli", "--metric", "cka", "--metric", "cca"]
    argv += ["--others", "shuffled.npz", "--null", 7, "--rng", 3, "--tile", "auto", "--max-ram", "1.5 GB"]
    argv += ["--trust", "mine"]
    code, _, errors = run("plan", *argv, "--target-tile", "90", "--max-files", 99, "--threads", 2)
    assert code == 2
    held = "x (20, 4) float64, stimuli (20,) int64"
    assert errors == f"neurogeom: error: --others: --keys: shuffled.npz has no 'y'; it holds {held}\n"
    argv[argv.index("y,x")] = "x"
    code, _, errors = run("plan", *argv, "--target-tile", "90", "--max-files", 99, "--threads", 2)
    assert (code, errors) == (2, "neurogeom: error: seen\n")
    assert asked.pop("ids").tolist() == list(range(20))
    assert [item.name for item in asked.pop("others")] == ["shuffled"]
    assert asked == {
        "items": ["two"], "metric": ["cka", "cca"], "store": None, "fields": None, "null": 7, "rng": 3,
        "tile": "auto", "max_ram": 1_500_000_000, "target_seconds": 90.0, "max_files": 99, "n_threads": 2,
        "trust": ["mine"],
    }  # fmt: skip


def test_rows_with_columns_and_permutations(run, quick, planned, tmp_path):
    store, out = tmp_path / "s.zarr", tmp_path / "d.csv"
    argv = ["--others", "more/net6.npy", "more/net7.npy", "--metric", "cka", "--null", 9, "--rng", 4]
    assert run("plan", "nets/*.npy", *argv, "--tile", 4, "--store", store)[0] == 0
    assert run("run", store)[0] == 0
    assert run("export", store, out)[0] == 0
    header, *rows = read(out)
    assert header == ["metric", "row", "column", "value", "null_mean", "null_sd", "p_value"]
    assert [row[1:3] for row in rows] == [[a, b] for a in commands.NAMES for b in ("net6", "net7")]
    columns = [np.load(planned[0] / "more" / f"net{k}.npy") for k in (6, 7)]
    expected = ng.pairwise(list(planned[1].values()), "cka", others=columns)
    numbers = np.array([row[3:] for row in rows], dtype=float)
    np.testing.assert_array_equal(numbers[:, 0].reshape(6, 2), expected.values)
    counts = numbers[:, 3] * 10  # 1 + those at least as alike, of 9
    np.testing.assert_allclose(counts, counts.round(), atol=1e-12)
    assert ((counts > 0.5) & (counts < 10.5)).all()


def test_capacity(run, quick, planned, tmp_path):
    store, out = tmp_path / "s.zarr", tmp_path / "c.csv"
    argv = ["--labels", "labels.npy", "--seeds", "0,3", "--samples", 20, "--fields", "mean_capacity"]
    code, text, _ = run("plan", "nets", "--capacity", "mean_field", *argv, "--store", store)
    assert code == 0
    assert fields_of(text)["work"][0].startswith("12 jobs, ")
    assert run("run", store, "--threads", 1)[0] == 0
    assert run("export", store, out)[0] == 0
    header, *rows = read(out)
    assert header == ["name", "seed", "mean_capacity"]
    assert [row[:2] for row in rows] == [[name, seed] for name in commands.NAMES for seed in "03"]
    clouds = ng.manifolds(planned[1]["net2"], np.load(planned[0] / "labels.npy"))
    assert float(rows[5][2]) == ng.manifold_capacity(clouds, rng=3, n_samples=20).mean_capacity


# ---- run, work, export


def test_run_and_export(run, stores, planned):
    store = stores / "pairs.zarr"
    code, out, errors = run("run", store, "--threads", 2)
    assert (code, out) == (0, "6 of 6 tiles, 0 left\n")
    assert errors == "items:   0% 0/6 [00:00<?]\ntiles:   0% 0/6 [00:00<?]\n"  # a line a minute
    expected = ng.pairwise(planned[1], ["cka", "procrustes"])
    assert run("export", store, stores / "d.npz") == (0, "", "")
    with np.load(stores / "d.npz") as found:
        assert found["names"].tolist() == commands.NAMES
        for metric in expected:
            np.testing.assert_array_equal(found[metric], expected[metric].square)
            np.testing.assert_array_equal(found[metric], ng.sweep.open(store)[metric].square)
    code, _, errors = run("export", store, stores / "d.npy")
    assert code == 2
    assert "single metric" in errors
    assert run("export", store, stores / "d.csv")[0] == 0
    assert run("export", store, "-") == (0, (stores / "d.csv").read_bytes().decode(), "")
    _, *rows = read(stores / "d.csv")
    values = {(m, a, b): float(value) for m, a, b, value in rows}
    assert len(values) == 30
    assert values["cka", "net1", "net4"] == expected["cka"].square[1, 4]


def test_export_of_an_unfinished_sweep_says_so(run, stores):
    code, _, errors = run("export", stores / "moody.zarr", stores / "d.npy", *TRUST)
    assert code == 0
    assert "warning: the sweep is not finished (0 of 6 tiles, 6 left, 0 of 6 items prepared)" in errors
    assert np.isnan(np.load(stores / "d.npy")[np.triu_indices(6, 1)]).all()


def test_extend(run, stores, planned):
    store = stores / "pairs.zarr"
    assert run("run", store)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in commands.tiles_of(store)}
    code, out, _ = run("extend", store, "more/*.npy", "--prefix", "new/")
    assert code == 0
    assert out.startswith("6 of 10 tiles, 4 left")
    assert out.endswith(f"resume with: neurogeom sweep run {store}\n")
    assert run("run", store)[0] == 0
    assert before.items() <= {path: path.stat().st_mtime_ns for path in commands.tiles_of(store)}.items()
    more = {f"new/net{k}": np.load(planned[0] / "more" / f"net{k}.npy") for k in (6, 7)}
    expected = ng.pairwise({**planned[1], **more}, "cka")
    found = ng.sweep.open(store)["cka"]
    assert found.names.tolist() == expected.names.tolist()
    np.testing.assert_array_equal(found.square, expected.square)
    code, _, errors = run("extend", store, "nets/net1.npy", "nets/net2.npy")
    assert code == 2
    assert "the sweep already has an item 'net1'" in errors


def test_work_that_has_no_time_ends_with_3(run, stores):
    store = stores / "moody.zarr"
    code, out, errors = run("work", store, *TRUST, "--time-limit", "1h", "--stop-before", "60m")
    assert (code, out) == (3, "")
    assert "incomplete: stopped in time before the job ends: 0 of 6 tiles, 6 left" in errors
    assert errors.endswith(f"submit the same job again, or run neurogeom sweep run {store} --trust helpers\n")
    code, _, errors = run("work", store, *TRUST, "--stop-before", "5m")
    assert code == 2
    assert "SLURM_JOB_END_TIME is not set" in errors


@pytest.mark.parametrize(
    ("given", "slurm", "expected"),
    [
        ((None, None), {}, (0, 1)),
        ((2, 3), {"ID": "7", "COUNT": "9"}, (2, 3)),
        ((None, None), {"ID": "7", "COUNT": "9"}, (7, 9)),
        ((None, None), {"ID": "7", "COUNT": "4", "MIN": "5"}, (2, 4)),
        ((None, None), {"ID": "9", "COUNT": "4", "MIN": "5", "STEP": "2"}, (2, 4)),
        ((None, None), {"ID": "17", "COUNT": "2", "MIN": "3"}, (0, 2)),  # an array of 3 and 17
        ((None, 8), {"ID": "7", "COUNT": "4"}, (7, 8)),
    ],
)
def test_share_of_a_worker(given, slurm, expected):
    environment = {f"SLURM_ARRAY_TASK_{name}": value for name, value in slurm.items()}
    assert _cli_sweep_run._share(*given, environment) == expected


def test_failures_are_told_and_tried_again(run, stores, monkeypatch, planned):
    store = stores / "moody.zarr"
    monkeypatch.setenv("MOOD", "error")
    code, _, errors = run("run", store, *TRUST)
    assert code == 3
    assert "6 failed; tile 0-0 failed 3 times, last: RuntimeError: not in the mood" in errors
    assert errors.endswith(f"neurogeom sweep run {store} --trust helpers --retry-failed\n")
    code, out, _ = run("status", store, *TRUST)
    assert code == 3
    shown = fields_of(out)
    assert shown["tiles"] == ["0 of 6 done, 0 left, 6 failed"]
    assert shown["failed 0-2"] == ["3 tries, last: RuntimeError: not in the mood"]
    assert shown["resume with"] == [f"neurogeom sweep run {store} --trust helpers --retry-failed"]
    code, _, errors = run("work", store, *TRUST)
    assert code == 3
    assert "some tiles were given up" in errors
    monkeypatch.setenv("MOOD", "disk")
    code, _, errors = run("run", store, *TRUST, "--retry-failed")
    assert code == 3
    assert "the store is full" in errors
    monkeypatch.delenv("MOOD")
    assert run("run", store, *TRUST)[0] == 0
    np.testing.assert_array_equal(
        ng.sweep.open(store, trust=["helpers"]).square, ng.pairwise(planned[1], own.Moody()).square
    )


# ---- status


def test_status_as_json_is_that_of_the_api(run, stores):
    store = stores / "pairs.zarr"
    code, out, _ = run("status", store, "--json")
    assert code == 3, "tiles are left"
    fresh = json.loads(out)
    assert (fresh["done"], fresh["left"], fresh["prepared"], fresh["workers"]) == (0, 6, 0, [])
    run("run", store)
    found, expected = json.loads(run("status", store, "--json")[1]), ng.sweep.status(store)
    for name in ("n_tiles", "done", "left", "n_items", "prepared", "cpu_seconds", "is_complete"):
        assert found[name] == getattr(expected, name)
    (worker,) = found["workers"]
    assert (worker["tiles"], worker["items"], worker["at_work"]) == (6, 6, True)
    assert worker["process"].endswith(f".{os.getpid()}")


def test_status_of_items_without_result(run, quick, monkeypatch, tmp_path):
    flat = tmp_path / "flat"
    commands.write_items(flat)
    np.save(flat / "net3.npy", np.ones((20, 7)))
    monkeypatch.setattr(_calibrate, "_MOST_ITEMS", 2)  # this item is not among those that are measured
    store = tmp_path / "s.zarr"
    assert run("plan", flat, "--metric", "cka", "--store", store)[0] == 0
    code, _, errors = run("run", store)
    assert code == 0
    assert "warning: 1 of the items have no result (NaN)" in errors
    code, out, _ = run("status", store)
    assert code == 0
    (text,) = fields_of(out)["no result"]
    assert text.startswith("net3: ")
    for command in (["run"], ["status"], ["work"]):
        code, out, errors = run(*command, store, "--strict")
        assert code == 4
        assert "15 of 15" in out, "what else it says is said first"
        assert "error: 1 without a result because of their data, such as 'net3'" in errors


def test_strict_is_content_where_all_have_results(run, stores):
    assert run("status", stores / "pairs.zarr", "--strict")[0] == 3
    for command in ("run", "work", "status"):
        assert run(command, stores / "pairs.zarr", "--strict")[0] == 0


def test_status_warns_of_mixed_hardware(run, stores):
    store = stores / "pairs.zarr"
    run("run", store)
    assert run("status", store)[2] == ""
    line = {"start": time.time(), "processor": "Other", "isa": "v3", "blas": ["blis 1"]}
    tile = {"time": time.time(), "tile": [0, 0], "seconds": 1.0, "cpu": 1.0}
    journal = store / "journal" / "elsewhere.77.jsonl"
    journal.write_text(f"{json.dumps(line)}\n{json.dumps(tile)}\n")
    _, out, errors = run("status", store)
    assert "warning: workers on 2 kinds of hardware took part (" in errors
    assert "Other, v3, blis 1" in errors
    assert fields_of(out)["workers"][0] == "2 at work, 2 in all"
    assert any("elsewhere.77: at work, 1 tiles" in text for text in fields_of(out)["workers"])
    assert "other bits may be rounding" in run("verify", store, "--sample", 0)[2]


def test_watch_ends_with_the_sweep(run, stores, monkeypatch):
    store = stores / "moody.zarr"
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 2:
            ng.sweep.run(store, trust=["helpers"])

    clock = SimpleNamespace(sleep=nap, time=time.time)
    monkeypatch.setattr("neurogeom.cli.sweep_status.time", clock)
    code, out, _ = run("status", store, *TRUST, "--json", "--watch", 3)
    assert code == 0
    assert naps == [3, 3]
    assert [json.loads(line)["done"] for line in out.split("\n") if line] == [0, 0, 6]


# ---- verify


def test_verify_and_repair(run, stores, planned):
    store = stores / "pairs.zarr"
    run("run", store)
    code, out, _ = run("verify", store, "--sample", 2, "--rng", 1, "--threads", 1)
    assert (code, out) == (0, "6 tiles and 6 items read, 2 recomputed: all as they should be\n")
    tile = next(path for path in commands.tiles_of(store) if path.parent.name == "0" and path.name == "1")
    data = bytearray(tile.read_bytes())
    data[len(data) // 2] ^= 1
    tile.write_bytes(data)
    for _ in range(2):
        code, out, errors = run("verify", store, "--sample", 0)
        assert code == 1
        assert "tile 0-1 is damaged (not repaired)" in out
        assert "1 not sound" in errors
    assert run("export", store, stores / "d.npz")[0] == 2
    code, out, _ = run("verify", store, "--repair")
    assert code == 1
    assert "removed" in out
    assert run("run", store)[0] == 0
    assert run("verify", store)[0] == 0
    np.testing.assert_array_equal(ng.sweep.open(store)["cka"].square, ng.pairwise(planned[1], "cka").square)


def test_a_plan_takes_options_of_metrics(run, planned, tmp_path, quick):
    store = tmp_path / "s.zarr"
    assert run("plan", "nets", "--metric", "shape(alpha=0.5)", "--store", store)[0] == 0
    assert run("run", store)[0] == 0
    known = ng.pairwise(planned[1], ng.ShapeMetric(0.5))
    found = ng.sweep.open(store)
    np.testing.assert_array_equal(found.values, known.values)
    assert found.metric == "shape(0.5)"
    code, _, errors = run("plan", "nets", "--metric", "shape(alfa=0.5)")
    assert code == 2
    assert "did you mean 'alpha'?" in errors
