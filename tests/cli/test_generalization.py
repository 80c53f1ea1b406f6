"""``neurogeom fewshot`` and ``neurogeom predict``: the numbers of the API, in tables, files and pictures."""

from __future__ import annotations

import csv
import json

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.cli import main as cli
from neurogeom.report import format_estimate

FEWSHOT = ["fewshot", "good.npz", "--labels", "labels", "--shots", "5", "1"]
PREDICT = ["predict", "good.npz", "V4.npy", "--train", "20", "10", "--ridge", "0.1"]


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(5), 8)
    centers = rng.normal(size=(5, 30))
    return {
        "labels": labels,
        "early": centers[labels] + rng.normal(size=(40, 30)),
        "late": centers[labels] + 0.6 * rng.normal(size=(40, 30)),
    }


@pytest.fixture(scope="module")
def V4(arrays):
    rng = np.random.default_rng(8)
    return arrays["early"] @ rng.normal(size=(30, 3)) + rng.normal(size=(40, 3))


@pytest.fixture
def run(arrays, V4, tmp_path, monkeypatch, capsys):
    """Run the command in a folder with the data; give exit code, stdout and stderr."""
    np.savez(tmp_path / "good.npz", **arrays)
    np.save(tmp_path / "V4.npy", V4)
    np.savez(tmp_path / "areas.npz", V4=V4, IT=V4[:, :2] ** 3)
    np.save(tmp_path / "short.npy", V4[:39])
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        code = cli.main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- few-shot learning


@pytest.mark.parametrize("level", ["gaussian", "exact"])
def test_fewshot_numbers_are_those_of_the_api(run, arrays, level):
    argv = ["--level", level, "--measure", "--episodes", 20, "--rng", 3]
    code, table, errors = run(*FEWSHOT, *argv, "--out", "out.csv")
    assert (code, errors) == (0, "")
    rows = _read("out.csv")
    assert [(row["data"], row["n_shots"]) for row in rows] == [
        (name, m) for name in ("early", "late") for m in ("1", "5")
    ]
    for row in rows:
        clouds = ng.manifolds(arrays[row["data"]], arrays["labels"])
        known = ng.fewshot_geometry(clouds, int(row["n_shots"]), level=level)
        trials = ng.fewshot_error(clouds, int(row["n_shots"]), n_episodes=20, rng=3)
        assert (row["n_manifolds"], row["n_points"], row["n_features"]) == ("5", "40", "30")
        assert (row["level"], row["n_episodes"]) == (level, "20")
        for name in ("mean_signal", "mean_radius", "mean_dimension", "mean_error"):
            assert float(row[name]) == getattr(known, name)
            assert float(row[f"{name}_se"]) == getattr(known, f"{name}_se")
            assert format_estimate(getattr(known, name), getattr(known, f"{name}_se")) in table
        assert float(row["measured_error"]) == trials.mean_error
        assert float(row["measured_error_se"]) == trials.mean_error_se
        assert format_estimate(trials.mean_error, trials.mean_error_se) in table
    assert max(map(len, table.split("\n"))) < 110


def test_fewshot_from_points(run, arrays):
    code, table, errors = run(*FEWSHOT, "--data", "late", "--from-points", "--out", "out.csv")
    assert (code, errors) == (0, "")
    known = ng.fewshot_prediction(ng.manifolds(arrays["late"], arrays["labels"]), [1, 5])
    rows = _read("out.csv")
    assert [float(row["mean_error"]) for row in rows] == known.mean_error.tolist()
    assert [row["level"] for row in rows] == ["points"] * 2
    assert all(
        format_estimate(*pair) in table for pair in zip(known.mean_error, known.mean_error_se, strict=True)
    )


def test_fewshot_without_trials(run):
    code, table, errors = run(*FEWSHOT)
    assert (code, errors) == (0, "")
    assert "measured" not in table
    code, text, _ = run(*FEWSHOT, "--data", "late", "--out", "-")
    assert code == 0
    assert [row["data"] for row in csv.DictReader(text.splitlines())] == ["late"] * 2


def test_fewshot_files_for_load(run, arrays, tmp_path):
    code, _, _ = run(*FEWSHOT, "--measure", "--episodes", 10, "--out", "D.npz", "--plot", "D.png")
    assert code == 0
    assert (tmp_path / "D.png").read_bytes().startswith(b"\x89PNG")
    clouds = ng.manifolds(arrays["late"], arrays["labels"])
    known = ng.fewshot_geometry(clouds, [1, 5])
    np.testing.assert_array_equal(ng.load("D.late.npz").error, known.error)
    trials = ng.fewshot_error(clouds, 5, n_episodes=10, rng=0)
    np.testing.assert_array_equal(ng.load("D.late.measured-5.npz").error, trials.error)
    assert {path.name for path in tmp_path.glob("D.*.npz")} == {
        f"D.{name}{end}.npz" for name in ("early", "late") for end in ("", ".measured-1", ".measured-5")
    }


def test_fewshot_same_lines_for_any_number_of_threads(run):
    line = [*FEWSHOT, "--measure", "--episodes", 10]
    assert run(*line, "--threads", 1) == run(*line, "--threads", 2)


# ---- prediction


def test_predict_numbers_are_those_of_the_api(run, arrays, V4):
    code, table, errors = run(*PREDICT, "--measure", "--splits", 6, "--rng", 3, "--out", "out.json")
    assert code == 0
    assert errors == ""
    with open("out.json", encoding="utf-8") as file:
        rows = json.load(file)
    assert [(row["data"], row["n_train"]) for row in rows] == [
        (name, p) for name in ("early", "late") for p in (10, 20)
    ]
    for row in rows:
        X = arrays[row["data"]]
        known = ng.spectral_prediction(X, V4, n_train=row["n_train"], ridge=0.1)
        curve = ng.prediction_curve(X, V4, row["n_train"], ridge=0.1, n_splits=6, center="all", rng=3)
        for name in ("error", "error_heldout", "radius", "dimension", "effective_dimension"):
            assert row[name] == getattr(known, name)
        assert row["measured_error_heldout"] == curve.error_heldout
        assert row["measured_error_heldout_se"] == curve.error_heldout_se
        assert f"{known.error_heldout:.4g}" in table
        assert format_estimate(curve.error_heldout, curve.error_heldout_se) in table
    assert "6 random splits" in table


def test_predict_several_targets(run, arrays, V4, tmp_path):
    code, table, errors = run(
        "predict", "good.npz", "areas.npz", "--train", 20, "--ridge", 0.1, "--data", "late",
        "--out", "P.npz", "--plot", "P.png",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert ["late, V4" in table, "late, IT" in table] == [True, True]
    assert (tmp_path / "P.png").read_bytes().startswith(b"\x89PNG")
    known = ng.spectral_prediction(arrays["late"], V4, n_train=[20], ridge=0.1)
    np.testing.assert_array_equal(ng.load("P.late.V4.npz").error, known.error)
    code, table, _ = run("predict", "good.npz", "areas.npz", "--train", 20, "--target-data", "IT")
    assert code == 0
    assert "late, " not in table


# ---- what is refused


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*FEWSHOT[:-2], "0"], "argument --shots: the value must be at least 1, not 0"),
        ([*FEWSHOT, "--episodes", "5"], "--episodes applies to --measure, which is missing"),
        ([*FEWSHOT, "--rng", "5"], "--rng applies to --measure, which is missing"),
        ([*FEWSHOT, "--level", "main", "--from-points"], "not to --from-points"),
        ([*FEWSHOT, "--level", "best"], "invalid choice: 'best'"),
        ([*FEWSHOT, "--measure", "--shots", "8"], "early: n_shots must be below the number of points"),
        ([*FEWSHOT, "--out", "good.npz"], "good.npz: would overwrite the data"),
        ([*FEWSHOT, "--out", "x.txt"], "the output must end in .npz, .csv, .tsv, .json"),
        (["fewshot", "nope.npz", "--labels", "y"], "nope.npz"),
        (["fewshot", "good.npz", "--labels", "nope"], "good.npz has no 'nope'"),
        ([*PREDICT, "--splits", "5"], "--splits applies to --measure, which is missing"),
        ([*PREDICT, "--ridge", "-1"], "argument --ridge: the value must be at least 0, not -1"),
        ([*PREDICT, "--ridge", "x"], "argument --ridge: the value must be a finite number, not 'x'"),
        (["predict", "good.npz", "V4.npy"], "arguments are required: --train"),
        ([*PREDICT, "--train", "41"], "n_train"),
        ([*PREDICT, "--out", "V4.npy"], "V4.npy: would overwrite the data"),
        (
            ["predict", "good.npz", "short.npy", "--train", "9"],
            "good.npz: no numeric matrix has 39 rows, as short.npy has",
        ),
        (
            ["predict", "good.npz", "short.npy", "--train", "9", "--data", "late"],
            "good.npz: late has 40 rows, but short.npy has 39",
        ),
    ],
)
def test_bad_input(run, argv, message):
    code, out, errors = run(*argv)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert errors.startswith("neurogeom: error: ")
    assert message in errors
