"""``neurogeom sweep`` with bad input: one line, and exit code 2."""

from __future__ import annotations

import sys

import neurogeom as ng
import numpy as np
import pytest
from helpers import commands
from helpers import own_metrics as own
from helpers.stores import short_measurements
from neurogeom.cli import sweep_run as _cli_sweep_run
from neurogeom.sweep import planning as _plan

pytest.importorskip("zarr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Items, good and bad, and a planned sweep."""
    folder = tmp_path_factory.mktemp("sweep")
    commands.write_inputs(folder)
    with short_measurements():
        ng.sweep.plan(str(folder / "nets"), own.Moody(), store=folder / "pairs.zarr")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run ``neurogeom sweep`` among the items."""
    return commands.command(folder, monkeypatch, capsys)


@pytest.fixture
def quick():
    with short_measurements():
        yield


BAD = [
    (["nothing"], "invalid choice: 'nothing'"),
    (["plan"], "the following arguments are required: FILE"),
    (["plan", "none.npy"], "none.npy: No such file or directory"),
    (["plan", "*.nothing"], "no matrices of two stimuli or more"),
    (["plan", "nets", "--metric", "nonsense"], "'nonsense'"),
    (["plan", "nets", "--metric", "no_such_module:Thing"], "No module named 'no_such_module'"),
    (["plan", "nets", "--metric", "os:getcwd"], "metric must be a neurogeom.Metric"),
    (["plan", "two.npz", "--keys", "x,,y"], "must be names such as conv1,fc"),
    (["plan", "two.npz", "--keys", "z"], "has no 'z'"),
    (["plan", "nets", "--ids", "stimuli"], "stimuli"),
    (["plan", "two.npz", "shuffled.npz", "--keys", "x", "--ids", "stimuli"], "order"),
    (["plan", "maps.npz"], "of shape (20, 2, 2); --flatten takes its other axes as units"),
    (["plan", "nets", "short.npy"], "stimuli"),
    (["plan", "nets", "--others", "none.npy"], "none.npy: No such file"),
    (["plan", "nets", "--null", "-1"], "--null: the value must be"),
    (["plan", "nets", "--rng", "x"], "--rng: the value must be an integer, not 'x'"),
    (["plan", "nets", "--tile", "0"], "--tile: the value must be"),
    (["plan", "nets", "--max-ram", "lots"], "--max-ram: the value must be a number of bytes"),
    (["plan", "nets", "--max-ram", "1MB"], "does not fit"),
    (["plan", "nets", "--target-tile", "soon"], "--target-tile: the value must be a duration"),
    (["plan", "nets", "--target-tile", "0s"], "must be positive"),
    (["plan", "nets", "--max-files", "0"], "--max-files: the value must be"),
    (["plan", "nets", "--threads", "0"], "--threads: the value must be"),
    (["plan", "nets", "--store", "nets"], "is not a sweep"),
    (["plan", "nets", "--labels", "labels.npy"], "--labels belongs to --capacity"),
    (["plan", "nets", "--seeds", "1"], "--seeds belongs to --capacity"),
    (["plan", "nets", "--capacity", "half"], "invalid choice: 'half'"),
    (["plan", "nets", "--capacity", "joint"], "--capacity needs --labels"),
    (["plan", "nets", "--capacity", "joint", "--labels", "none.npy"], "none.npy: No such file"),
    (["plan", "nets", "--capacity", "joint", "--labels", "two.npz"], "FILE.npz:KEY"),
    (["plan", "nets", "--capacity", "joint", "--labels", "two.npz:k"], "two.npz has no 'k'"),
    (["plan", "nets", "--capacity", "joint", "--labels", "labels.npy", "--seeds", "a"], "0,1,2"),
    (["plan", "nets", "--capacity", "joint", "--labels", "labels.npy", "--seeds", "1,1"], "distinct"),
    (["plan", "nets", "--capacity", "joint", "--labels", "labels.npy", "--null", "2"], "is for pairs"),
    (["plan", "nets", "--capacity", "joint", "--labels", "labels.npy", "--fields", "x"], "fields"),
    (["run", "nets"], "is not a sweep"),
    (["run", "pairs.zarr", "--threads", "x"], "--threads: the value must be an integer"),
    (["run", "pairs.zarr", "--dask-workers", "0"], "--dask-workers: the value must be"),
    (["run", "pairs.zarr", "--dask-workers", "1", "--scheduler", "x"], "not allowed with"),
    (
        ["run", "pairs.zarr", "--trust", "helpers", "--scheduler-file", "s.json"],
        "s.json: no such file after 0 s",
    ),
    (
        ["run", "pairs.zarr", "--trust", "helpers", "--scheduler", "nowhere://x"],
        "no Dask scheduler at nowhere://x",
    ),
    (["work", "nets"], "is not a sweep"),
    (["work", "pairs.zarr", "--rank", "1"], "--rank needs --of"),
    (["work", "pairs.zarr", "--of", "3"], "--of needs --rank"),
    (["work", "pairs.zarr", "--rank", "3", "--of", "3"], "--rank must be below --of (3), not 3"),
    (["work", "pairs.zarr", "--time-limit", "x"], "--time-limit: the value must be a duration"),
    (["work", "pairs.zarr", "--stop-before", "-1m"], "--stop-before"),
    (["run", "pairs.zarr"], "'helpers.own_metrics:Moody' is not part of neurogeom"),
    (["status", "pairs.zarr"], "say trust=['helpers'] (in the command line: --trust helpers)"),
    (["status", "pairs.zarr", "--trust", "a b"], "trust must name packages or modules"),
    (["status", "nets"], "is not a sweep"),
    (["status", "pairs.zarr", "--watch", "0"], "--watch: the value must be"),
    (["verify", "nets"], "is not a sweep"),
    (["verify", "pairs.zarr", "--sample", "-1"], "--sample: the value must be"),
    (["extend", "nets", "more"], "is not a sweep"),
    (["extend", "pairs.zarr", "short.npy", "--trust", "helpers"], "has 7 stimuli, but the sweep has 20"),
    (["export", "nets", "d.csv"], "is not a sweep"),
    (["export", "pairs.zarr", "d.txt"], "must end in .csv, .npy, .npz"),
    (["export", "pairs.zarr", "./-"], "must end in .csv, .npy, .npz, or be - for stdout, not './-'"),
    (["plan", "nets", "--metric", "PWCA"], "did you mean 'pwcca'?"),
    (["plan", "none.npy", "gone.npy", "nets"], "2 files cannot be used (--skip-bad leaves them out): "),
    (["export", "pairs.zarr", "no/where/d.csv"], "there is no directory no/where"),
]


@pytest.mark.parametrize(("argv", "text"), BAD, ids=[" ".join(argv) for argv, _ in BAD])
def test_bad_input(run, quick, monkeypatch, argv, text):
    monkeypatch.setattr(_cli_sweep_run, "_PATIENCE", 0.0)
    code, out, errors = run(*argv)
    assert (code, out) == (2, "")
    assert errors.startswith("neurogeom: error: ")
    assert errors.count("\n") == 1
    assert text in errors


def test_bad_slurm_environment(run, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "first")
    code, _, errors = run("work", "pairs.zarr")
    assert (code, errors) == (
        2,
        "neurogeom: error: SLURM_ARRAY_TASK_ID must be an integer, not 'first'\n",
    )


def test_changed_input_is_bad_input(run, quick, tmp_path):
    commands.write_items(tmp_path / "own")
    assert run("plan", tmp_path / "own", "--store", tmp_path / "s.zarr")[0] == 0
    np.save(tmp_path / "own" / "net2.npy", np.zeros((20, 3)))
    code, _, errors = run("run", tmp_path / "s.zarr")
    assert code == 2
    assert "'net2' changed since the plan" in errors


def test_a_metric_that_is_gone_is_named(run, monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("sys.path", [p for p in sys.path if p != str(commands.HERE)])
    code, _, errors = run("run", "pairs.zarr", "--trust", "helpers")
    assert code == 2
    assert "No module named 'helpers'" in errors
    assert "PYTHONPATH" in errors


def test_interrupted_plan_leaves_nothing(run, monkeypatch, tmp_path):
    def interrupted(folder, trust):
        raise KeyboardInterrupt

    monkeypatch.setattr(_plan, "calibrate", interrupted)
    code, _, errors = run("plan", "nets", "--store", tmp_path / "s.zarr")
    assert code == 130
    assert errors == "neurogeom: interrupted: by the user: nothing was created\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["", "plan", "run", "work", "status", "verify", "extend", "export"])
def test_help_teaches(run, command):
    code, out, _ = run(*filter(None, [command]), "--help")
    assert code == 0
    assert out.startswith(f"usage: neurogeom sweep {command}".strip())
    assert len(out.split("\n")) > 8
