"""Tables, files and pictures of few-shot learning and of prediction: complete, and of these numbers."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.report import (
    fewshot_table,
    format_estimate,
    plot_fewshot,
    plot_prediction,
    prediction_table,
    write_fewshot_csv,
    write_prediction_csv,
)

SHOTS = [1, 3]
TRAIN = [5, 10, 15]


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(3)
    centers = rng.normal(size=(5, 20))
    return {name: [rng.normal(c, s, size=(9, 20)) for c in centers] for name, s in (("V1", 1.2), ("IT", 0.8))}


@pytest.fixture(scope="module")
def fewshot(clouds):
    return {name: ng.fewshot_geometry(points, SHOTS) for name, points in clouds.items()}


@pytest.fixture(scope="module")
def trials(clouds):
    return {
        name: [ng.fewshot_error(points, m, n_episodes=20, rng=0) for m in SHOTS]
        for name, points in clouds.items()
    }


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    X = {name: rng.normal(size=(24, 30)) * np.arange(1, 31.0) ** -k for name, k in (("a", 1), ("b", 0.5))}
    return X, X["a"] @ rng.normal(size=(30, 4)) + rng.normal(size=(24, 4))


@pytest.fixture(scope="module")
def predicted(data):
    return {name: ng.spectral_prediction(X, data[1], n_train=TRAIN, ridge=0.1) for name, X in data[0].items()}


@pytest.fixture(scope="module")
def curves(data):
    return {
        name: ng.prediction_curve(X, data[1], TRAIN, ridge=0.1, n_splits=4, rng=0)
        for name, X in data[0].items()
    }


def _rows(write, *given, **options):
    out = io.StringIO()
    write(out, *given, **options)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


# ---- few-shot learning


def test_fewshot_table(fewshot, trials):
    table = fewshot_table(fewshot, trials, label="area")
    lines = table.split("\n")
    assert lines[0].split() == ["area", "signal", "radius", "dimension", "shots", "predicted", "measured"]
    assert [line.split()[0] for line in lines[2:]] == ["V1", "3", "IT", "3"], "a name is written once"
    for name, result in fewshot.items():
        assert format_estimate(result.mean_signal, result.mean_signal_se) in table
        for k in range(2):
            assert format_estimate(result.mean_error[k], result.mean_error_se[k]) in table
            assert format_estimate(trials[name][k].mean_error, trials[name][k].mean_error_se) in table
    assert "measured" not in fewshot_table(fewshot)


def test_fewshot_errors_predicted_from_points(clouds, fewshot, trials):
    better = {name: ng.fewshot_prediction(points, SHOTS) for name, points in clouds.items()}
    table = fewshot_table(fewshot, trials, predictions=better)
    for row in _rows(write_fewshot_csv, fewshot, trials, predictions=better):
        result, k = better[row["data"]], SHOTS.index(int(row["n_shots"]))
        assert float(row["mean_error"]) == result.mean_error[k]
        assert format_estimate(result.mean_error[k], result.mean_error_se[k]) in table
    figure = plot_fewshot(fewshot, measured=trials, predictions=better)
    np.testing.assert_array_equal(figure.axes[3].get_lines()[0].get_ydata(), better["V1"].mean_error)


def test_fewshot_rows(fewshot, trials, tmp_path):
    rows = _rows(write_fewshot_csv, fewshot, trials)
    assert len(rows) == 4
    for row in rows:
        result, k = fewshot[row["data"]], SHOTS.index(int(row["n_shots"]))
        assert float(row["mean_error"]) == result.mean_error[k]
        assert float(row["mean_radius"]) == result.mean_radius
        assert float(row["measured_error"]) == trials[row["data"]][k].mean_error
    assert "measured_error" not in _rows(write_fewshot_csv, fewshot)[0]
    write_fewshot_csv(tmp_path / "f.json", fewshot)
    assert [row["n_shots"] for row in json.loads((tmp_path / "f.json").read_text())] == [1, 3, 1, 3]


def test_fewshot_of_one_number_of_shots(clouds):
    results = {name: ng.fewshot_geometry(points, 3) for name, points in clouds.items()}
    assert len(fewshot_table(results).split("\n")) == 4
    assert [row["n_shots"] for row in _rows(write_fewshot_csv, results)] == ["3", "3"]
    figure = plot_fewshot(results)
    assert [text.get_text() for text in figure.axes[3].get_xticklabels()] == ["V1", "IT"]


def test_fewshot_picture(fewshot, trials):
    figure = plot_fewshot(fewshot, measured=trials)
    titles = [axis.get_title("left") for axis in figure.axes]
    assert titles == ["signal", "radius", "dimension", "few-shot error", "error of each pair"]
    curve, pairs = figure.axes[3:]
    assert [text.get_text() for text in curve.get_xticklabels()] == ["1", "3"]
    for line, result in zip(curve.get_lines()[:1], fewshot.values(), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), result.mean_error)
    points = np.concatenate([found.get_offsets() for found in pairs.collections])
    assert len(points) == 2 * 2 * 20, "areas, shots, ordered pairs"
    known = [e.error[~np.isnan(e.error)] for found in trials.values() for e in found]
    np.testing.assert_array_equal(np.sort(points[:, 0]), np.sort(np.concatenate(known)))


def test_fewshot_picture_of_many(fewshot):
    names = [f"a layer with a name {k}" for k in range(30)]
    figure = plot_fewshot(dict.fromkeys(names, fewshot["IT"]))
    figure.draw_without_rendering()
    for axis in figure.axes[:3]:
        for box in (text.get_window_extent() for text in axis.get_xticklabels()):
            assert box.x0 >= 0
            assert box.y0 >= 0


# ---- prediction


def test_prediction_table(predicted, curves):
    table = prediction_table(predicted, curves)
    assert [line.split()[0] for line in table.split("\n")[3:]] == ["a", "10", "15", "b", "10", "15"]
    for name, result in predicted.items():
        for k in range(3):
            assert f"{result.error_heldout[k]:.4g}" in table
            curve = curves[name]
            assert format_estimate(curve.error_heldout[k], curve.error_heldout_se[k]) in table
    assert "measured" not in prediction_table(predicted)


def test_prediction_rows(predicted, curves):
    rows = _rows(write_prediction_csv, predicted, curves)
    assert len(rows) == 6
    for row in rows:
        result, k = predicted[row["data"]], TRAIN.index(int(row["n_train"]))
        for field in ("error", "error_heldout", "training_error", "radius", "dimension"):
            assert float(row[field]) == getattr(result, field)[k]
        assert float(row["measured_error_heldout"]) == curves[row["data"]].error_heldout[k]


def test_prediction_picture(predicted, curves):
    figure = plot_prediction(predicted, measured=curves)
    left, right = figure.axes
    assert [axis.get_title("left") for axis in (left, right)] == ["error radius", "held-out error"]
    for points, result in zip(left.collections, predicted.values(), strict=True):
        np.testing.assert_allclose(points.get_offsets()[:, 1], result.radius)
        np.testing.assert_allclose(points.get_offsets()[:, 0] ** 2, result.dimension)
    contours = [line.get_data() for line in left.get_lines() if len(line.get_xdata()) > len(TRAIN)]
    assert len(contours) >= 3
    for x, y in contours:  # radius times root of dimension is the error
        np.testing.assert_allclose(x * y, x[0] * y[0])
    figure = plot_prediction({name: _only(result, 1) for name, result in predicted.items()})
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["a", "b"]


def _only(result, k):
    fields = ("n_train", "error", "error_heldout", "training_error", "radius", "dimension")
    return dataclasses.replace(result, **{name: getattr(result, name)[k] for name in fields})


def test_undefined_numbers_leave_a_gap(predicted):
    hole = dataclasses.replace(predicted["a"], radius=np.full(3, math.nan), dimension=np.full(3, math.nan))
    plot_prediction({"a": hole, "b": predicted["b"]})
    plot_prediction({"a": hole}).draw_without_rendering()


@pytest.mark.parametrize("draw", [plot_fewshot, plot_prediction])
def test_no_results(draw):
    with pytest.raises(ValueError, match="results is empty"):
        draw({})


def test_results_for_other_numbers_are_refused(fewshot, predicted):
    with pytest.raises(ValueError, match="same numbers of shots"):
        fewshot_table({"a": fewshot["V1"], "b": _other(fewshot["IT"], "n_shots", [1, 4])})
    with pytest.raises(ValueError, match="same n_train"):
        plot_prediction({"a": predicted["a"], "b": _other(predicted["b"], "n_train", np.array([1, 2, 3]))})


def _other(result, name, value):
    return dataclasses.replace(result, **{name: value})


def test_what_is_not_of_the_same_is_not_put_side_by_side():
    rng = np.random.default_rng(0)
    clouds = list(rng.standard_normal((3, 8, 5)) + 2 * rng.standard_normal((3, 1, 5)))
    geometry = {"a": ng.fewshot_geometry(clouds, [1, 2])}
    trials = [ng.fewshot_error(clouds, m, n_episodes=5, rng=0) for m in (1, 2)]
    for bad, text in (({"a": trials[:1]}, "for \\[1\\] shots"), ({"b": trials}, "has no 'a'")):
        with pytest.raises(ValueError, match=text):
            ng.report.fewshot_table(geometry, bad)
        with pytest.raises(ValueError, match=text):
            ng.report.write_fewshot_csv(io.StringIO(), geometry, bad)
    X, Y = rng.standard_normal((20, 6)), rng.standard_normal((20, 2))
    theory = {"a": ng.spectral_prediction(X, Y, n_train=[5, 10], ridge=0.1)}
    for n_train, ridge in (([5, 12], 0.1), ([5, 10], 0.2)):
        curve = {"a": ng.prediction_curve(X, Y, n_train, ridge=ridge, n_splits=3, rng=0)}
        with pytest.raises(ValueError, match=r"is for n_train .* not for \[5, 10\] and \[0.1\]"):
            ng.report.prediction_table(theory, curve)
    with pytest.raises(ValueError, match="must be for one ridge, not 2"):
        ng.report.prediction_table({"a": ng.spectral_prediction(X, Y, n_train=5, ridge=[0.1, 1])})
