"""``neurogeom capacity --method``: the numbers of each method, its outputs, and options of the others."""

from __future__ import annotations

import csv
import json
import sys
import types

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.cli import main as cli
from neurogeom.report import format_estimate

JOINT = ["capacity", "good.npz", "--labels", "labels", "--method", "joint", "--samples", "30"]
SIMULATED = ["capacity", "good.npz", "--labels", "labels", "--method", "simulated"]
MEAN_FIELD = ["capacity", "good.npz", "--labels", "labels"]


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(6), 8)
    centers = rng.normal(size=(6, 60))
    return {
        "labels": labels,
        "early": centers[labels] + rng.normal(size=(48, 60)),
        "late": centers[labels] + 0.4 * rng.normal(size=(48, 60)),
    }


@pytest.fixture
def run(arrays, tmp_path, monkeypatch, capsys):
    """Run the command in a folder with the data; give exit code, stdout and stderr."""
    np.savez(tmp_path / "good.npz", **arrays)
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        code = cli.main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def calls(monkeypatch):
    """Stand in for simulated capacity and record what it is asked for."""
    seen = []

    def simulated_capacity(manifolds, **options):
        seen.append((manifolds, options))
        return types.SimpleNamespace(
            capacity=1.05,
            capacity_se=0.02,
            critical_dimension=19.1,
            critical_dimension_se=0.4,
            status=0,
            n_undecided=0,
            n_manifolds=len(manifolds),
            n_features=manifolds.n_features,
            n_trials=options["n_trials"],
            fit_intercept=options["fit_intercept"],
            columns=ng.SimulatedCapacity.columns,
        )

    monkeypatch.setattr(ng.capacity.simulated, "simulated_capacity", simulated_capacity)
    return seen


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- joint ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        ([], {}),
        (["--dichotomies", "one_vs_rest", "--rng", "5"], {"dichotomies": "one_vs_rest", "rng": 5}),
        (["--keep-origin", "--inactive", "exclude"], {"center": False, "inactive": "exclude"}),
    ],
)
def test_joint_numbers_are_those_of_the_api(run, arrays, argv, options):
    code, table, errors = run(*JOINT, *argv, "--out", "out.csv")
    assert (code, errors) == (0, "")
    for row in _read("out.csv"):
        clouds = ng.manifolds(arrays[row["data"]], arrays["labels"])
        result = ng.effective_geometry(clouds, **{"n_samples": 30, "rng": 0} | options)
        assert (int(row["n_manifolds"]), int(row["n_points"]), int(row["n_features"])) == (6, 48, 60)
        for name in ("capacity", "effective_radius", "effective_dimension", "center_axis_alignment_abs"):
            assert float(row[name]) == getattr(result, name)
            assert float(row[f"{name}_se"]) == getattr(result, f"{name}_se")
        assert row["n_null"] == "0"
        assert format_estimate(result.capacity, result.capacity_se) in table
    names = [line.split()[0] for line in table.split("\n") if line.count(" ± ") == 3]
    assert names == ["early", "late"] * 2
    assert max(map(len, table.split("\n"))) < 100
    assert f"({options.get('dichotomies', 'balanced')})" in table


def test_joint_null_by_shuffles(run, arrays):
    code, table, errors = run(*JOINT, "--data", "late", "--null", 3, "--out", "out.csv")
    assert (code, errors) == (0, "")
    assert "shuffled" in table
    (row,) = _read("out.csv")
    clouds = ng.manifolds(arrays["late"], arrays["labels"])
    true = ng.effective_geometry(clouds, n_samples=30, null=3, rng=0)
    assert float(row["capacity"]) == true.capacity
    capacities = true.null.capacity
    assert float(row["null_capacity"]) == capacities.mean()
    assert float(row["null_capacity_sd"]) == capacities.std(ddof=1)
    assert capacities.max() < true.capacity
    assert row["n_null"] == "3"


def test_joint_without_null_has_the_same_values(run):
    run(*JOINT, "--out", "without.csv")
    run(*JOINT, "--out", "with.csv", "--null", 2)
    for one, other in zip(_read("without.csv"), _read("with.csv"), strict=True):
        assert {k: v for k, v in one.items() if "null" not in k} == {
            k: v for k, v in other.items() if "null" not in k
        }


def test_joint_per_manifold(run, arrays):
    code, _, _ = run(*JOINT, "--data", "late", "--out", "out.csv", "--per-manifold")
    assert code == 0
    clouds = ng.manifolds(arrays["late"], arrays["labels"])
    result = ng.effective_geometry(clouds, n_samples=30, rng=0)
    rows = _read("out.csv")
    assert [row["manifold"] for row in rows] == list("012345")
    for name in ("active_fraction", "anchor_center_norm", "anchor_radius"):
        assert [float(row[name]) for row in rows] == getattr(result, name).tolist()


def test_joint_picture(run, tmp_path):
    code, _, _ = run(*JOINT, "--null", 1, "--plot", "joint.png")
    assert code == 0
    assert (tmp_path / "joint.png").read_bytes().startswith(b"\x89PNG")


def test_joint_warns_of_inseparable_data(run, arrays):
    flat = {"labels": arrays["labels"], "flat": np.random.default_rng(0).normal(size=(48, 4))}
    np.savez("good.npz", **flat)
    code, table, errors = run(*JOINT, "--null", 1)
    assert code == 0
    assert errors.startswith("neurogeom: warning: flat: ")
    assert "cannot be separated" in errors
    assert errors.count("\n") == 1
    assert "nan" in table


def test_joint_progress_of_all_shuffles_is_one_bar(run, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, _, errors = run(*JOINT, "--data", "late", "--null", 2)
    assert errors.startswith("\rlate: ")
    assert errors.count("\n") == 1
    assert "90/90" in errors


def test_joint_same_line_any_number_of_threads(run):
    assert run(*JOINT, "--threads", 1) == run(*JOINT, "--threads", 2)


# ---- simulated --------------------------------------------------------------------------------


def test_simulated_passes_its_options_on(run, calls):
    code, table, errors = run(
        *SIMULATED, "--trials", 40, "--dichotomies", "iid", "--intercept", "--keep-origin", "--rng", 3,
        "--threads", 2, "--data", "late", "--out", "out.csv",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    ((clouds, options),) = calls
    assert len(clouds) == 6
    assert options == {
        "n_trials": 40, "dichotomies": "iid", "fit_intercept": True, "center": False, "rng": 3,
        "n_threads": 2, "progress": False,
    }  # fmt: skip
    assert table.split("\n")[3].split() == ["late", "1.050", "±", "0.020", "19.10", "±", "0.40", "40"]
    assert "40 random projections, each with its own dichotomy (iid)" in table
    assert _read("out.csv") == [
        {
            "data": "late", "n_manifolds": "6", "n_features": "60", "n_trials": "40",
            "fit_intercept": "True", "capacity": "1.05", "capacity_se": "0.02",
            "critical_dimension": "19.1", "critical_dimension_se": "0.4",
            "n_undecided": "0", "status": "0",
        }
    ]  # fmt: skip


def test_simulated_numbers_are_those_of_the_api(run, arrays):
    code, table, _ = run(*SIMULATED, "--trials", 10, "--out", "out.csv", "--rng", 2)
    assert code == 0
    for row in _read("out.csv"):
        clouds = ng.manifolds(arrays[row["data"]], arrays["labels"])
        result = ng.simulated_capacity(clouds, n_trials=10, rng=2)
        for name in ("capacity", "capacity_se", "critical_dimension", "critical_dimension_se"):
            np.testing.assert_equal(float(row[name]), getattr(result, name))
        assert (row["n_trials"], row["status"]) == ("10", str(result.status))
        assert format_estimate(result.capacity, result.capacity_se) in table


def test_json_has_null_where_nothing_was_shuffled(run):
    for line in (JOINT, MEAN_FIELD):
        assert run(*line, "--out", "x.json")[0] == 0
        with open("x.json", encoding="utf-8") as file:
            rows = json.load(file)
        for row in rows:
            assert {value for key, value in row.items() if key.startswith("null_")} == {None}
            assert "" not in row.values()


@pytest.mark.parametrize("method", ["mean-field", "joint", "simulated"])
def test_a_dead_layer_costs_no_other_its_numbers(run, arrays, tmp_path, method):
    np.savez(tmp_path / "dead.npz", **arrays, dead=np.full((48, 60), 0.3))
    line = ("--labels", "labels", "--method", method, "--out", "-")
    code, table, errors = run("capacity", "dead.npz", *line)
    assert code == 0
    rows = {row["data"]: row for row in csv.DictReader(table.splitlines())}
    assert rows["dead"]["mean_capacity" if method == "mean-field" else "capacity"] == "nan"
    assert "neurogeom: warning: dead: " in errors
    known = run("capacity", "good.npz", *line)[1]
    assert [row for name, row in rows.items() if name != "dead"] == list(csv.DictReader(known.splitlines()))


def test_simulated_defaults(run, calls):
    assert run(*SIMULATED)[0] == 0
    assert len(calls) == 2
    options = calls[0][1]
    expected = {"n_trials": 100, "dichotomies": "balanced", "fit_intercept": False, "center": True, "rng": 0}
    assert options.items() >= expected.items()


# ---- options of other methods -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*MEAN_FIELD, "--trials", 5], "--trials does not apply to --method mean-field (only to simulated)"),
        (
            [*MEAN_FIELD, "--dichotomies", "iid"],
            "--dichotomies does not apply to --method mean-field (only to joint and simulated)",
        ),
        ([*MEAN_FIELD, "--keep-origin"], "--keep-origin does not apply to --method mean-field"),
        ([*JOINT, "--margin", 0.1], "--margin does not apply to --method joint (only to mean-field)"),
        ([*JOINT, "--margin", 0], "--margin does not apply to --method joint"),
        ([*JOINT, "--keep-correlations"], "--keep-correlations does not apply to --method joint"),
        ([*JOINT, "--restarts", 2], "--restarts does not apply to --method joint"),
        ([*JOINT, "--intercept"], "--intercept does not apply to --method joint (only to simulated)"),
        ([*SIMULATED, "--samples", 2], "--samples does not apply to --method simulated (only to mean-field"),
        ([*SIMULATED, "--null", 2], "--null does not apply to --method simulated"),
        ([*SIMULATED, "--plot", "a.png"], "--plot does not apply to --method simulated"),
        ([*SIMULATED, "--per-manifold"], "--per-manifold does not apply to --method simulated"),
        ([*JOINT, "--dichotomies", "fair"], "argument --dichotomies: invalid choice: 'fair'"),
        ([*JOINT, "--inactive", "none"], "argument --inactive: invalid choice: 'none'"),
        ([*SIMULATED, "--trials", 0], "argument --trials: the value must be at least 1, not 0"),
        ([*MEAN_FIELD, "--method", "exact"], "argument --method: invalid choice: 'exact'"),
        ([*JOINT, "--per-manifold"], "the file written by --out"),
    ],
)
def test_options_that_do_not_apply_are_one_line(run, calls, argv, message):
    code, table, errors = run(*argv)
    assert (code, table) == (2, "")
    assert errors.startswith("neurogeom: error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert not calls


@pytest.mark.parametrize("method", ["joint", "simulated"])
def test_failures_are_one_line(run, monkeypatch, method):
    def fail(*args, **kwargs):
        raise ValueError("not\nso")

    monkeypatch.setattr(ng.capacity.joint, "effective_geometry", fail)
    monkeypatch.setattr(ng.capacity.simulated, "simulated_capacity", fail)
    line = [*MEAN_FIELD, "--method", method]
    assert run(*line) == (2, "", "neurogeom: error: early: not so\n")
