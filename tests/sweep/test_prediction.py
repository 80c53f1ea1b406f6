"""Predictions of targets: the numbers of spectral_prediction and prediction_curve, item by item."""

from __future__ import annotations

import csv

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import chunks, nothing_left, quick_plan, swept

pytest.importorskip("zarr")

RNG = np.random.default_rng(3)
ITEMS = {f"layer {k}": RNG.normal(size=(30, 8 + k)) for k in range(4)}
TARGETS = {
    "V4": ITEMS["layer 0"] @ RNG.normal(size=(8, 3)) + RNG.normal(size=(30, 3)),
    "IT": np.tanh(ITEMS["layer 1"]) @ RNG.normal(size=(9, 5)),
}
OPTIONS = {"ridge": 0.1, "ridge_mode": "total"}


def jobs_of(targets=TARGETS, **options):
    return ng.sweep.PredictionJobs(targets, **{"n_train": 12, **OPTIONS, **options})


def assert_same(table, items=ITEMS, targets=TARGETS, n_splits=None):
    assert table.names.tolist() == [name for name in items for _ in targets]
    assert table.targets.tolist() == [*targets] * len(items)
    for job, (name, target) in enumerate(zip(table.names, table.targets, strict=True)):
        X, Y = np.asarray(items[name], dtype=float), targets[target]
        known = ng.spectral_prediction(X, Y, n_train=12, **OPTIONS)
        curve = n_splits and ng.prediction_curve(
            X, Y, 12, n_splits=n_splits, rng=4, **{"center": True, **OPTIONS}
        )
        for field in table.fields:
            source = curve if field.startswith("measured_") else known
            expected = float(getattr(source, field.removeprefix("measured_")))
            np.testing.assert_array_equal(table[field][job], expected, err_msg=field)


@pytest.mark.parametrize("tile", [1, 3, 100])
def test_values(tile, tmp_path):
    table = swept(tmp_path / "s", ITEMS, jobs_of(), tile=tile, n_threads=2)
    assert table.method == "spectral_prediction"
    assert table.n_jobs == 8
    assert {"error", "error_heldout", "radius", "dimension"} <= set(table.fields)
    assert_same(table)
    assert np.isfinite(table["error"]).all()


def test_measured_too(tmp_path):
    table = swept(tmp_path / "s", ITEMS, jobs_of(n_splits=5, seed=4), tile=3)
    assert "measured_error_heldout" in table.fields
    assert_same(table, n_splits=5)


def test_one_target_without_a_name_and_chosen_fields(tmp_path):
    table = swept(tmp_path / "s", ITEMS, jobs_of(TARGETS["V4"]), fields=["error"])
    assert table.targets.tolist() == ["Y"] * 4
    assert_same(table, targets={"Y": TARGETS["V4"]})


def test_extension_and_verification(tmp_path):
    first, rest = dict(list(ITEMS.items())[:3]), dict(list(ITEMS.items())[3:])
    swept(tmp_path / "s", first, jobs_of(), tile=4)
    before = chunks(tmp_path / "s")
    assert ng.sweep.extend(tmp_path / "s", rest).left == 1
    assert ng.sweep.run(tmp_path / "s").is_complete
    assert before.items() <= chunks(tmp_path / "s").items()
    assert_same(ng.sweep.open(tmp_path / "s"))
    assert ng.sweep.verify(tmp_path / "s").is_sound


def test_a_bad_item_has_no_values_and_is_named(tmp_path):
    bad = ITEMS["layer 1"].copy()
    bad[4, 2] = np.nan
    quick_plan({**ITEMS, "layer 1": bad}, jobs_of(), store=tmp_path / "s", tile=3)
    with pytest.warns(UserWarning, match=r"2 of the predictions have no result .*'layer 1, V4'"):
        status = ng.sweep.run(tmp_path / "s")
    assert [entry["name"] for entry in status.errors.values()] == ["layer 1, V4", "layer 1, IT"]
    table = ng.sweep.open(tmp_path / "s")
    lost = table.names == "layer 1"
    assert np.isnan(table.values[:, lost]).all()
    assert np.isfinite(table["error"][~lost]).all()


def test_table(tmp_path):
    table = swept(tmp_path / "s", ITEMS, jobs_of(), fields=["error", "radius"])
    table.save(tmp_path / "table.npz")
    again = ng.load(tmp_path / "table.npz")
    assert type(again) is ng.sweep.PredictionTable
    assert (again.targets.tolist(), again.fields) == (table.targets.tolist(), table.fields)
    with open(ng.sweep.export(tmp_path / "s", tmp_path / "t.csv"), newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["name", "target", "error", "radius"]
    assert [float(row[2]) for row in rows] == table["error"].tolist()
    assert repr(jobs_of(n_splits=5)) == (
        "PredictionJobs(2 targets, n_train=12, ridge=0.1, ridge_mode='total', n_splits=5, seed=0)"
    )


REFUSED = {
    "other stimuli": ({"items": [np.ones((29, 2))]}, ValueError, r"items\[0\] has 29 rows.* targets have 30"),
    "an RDM": ({"items": [ng.RDM(np.ones(435))]}, TypeError, r"items\[0\] is an RDM, but prediction needs"),
    "other ids": (
        {
            "items": [ng.Representation(ITEMS["layer 0"], ids=range(30))],
            "jobs": ng.sweep.PredictionJobs(
                {"V4": ng.Representation(TARGETS["V4"], ids=range(1, 31))}, n_train=12
            ),
        },
        ValueError,
        "the stimulus ids differ",
    ),
    "too many to learn from": ({"jobs": jobs_of(n_train=31)}, ValueError, "n_train"),
    "a negative ridge": ({"jobs": jobs_of(ridge=-1.0)}, ValueError, "ridge"),
    "null": ({"null": 3}, ValueError, "null belongs to sweeps over pairs"),
    "unknown field": ({"fields": ["accuracy"]}, ValueError, "fields must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_plans_that_are_refused(case, tmp_path, monkeypatch):
    monkeypatch.setattr("neurogeom.sweep.planning.calibrate", ng.sweep.calibration.measure)
    options, error, text = dict(REFUSED[case][0]), *REFUSED[case][1:]
    with nothing_left(tmp_path), pytest.raises(error, match=text):
        ng.sweep.plan(
            options.pop("items", ITEMS), options.pop("jobs", jobs_of()), store=tmp_path / "s", **options
        )


@pytest.mark.parametrize(
    ("targets", "options", "error", "text"),
    [
        ({}, {}, ValueError, "Y must hold at least 1"),
        (np.ones(30), {}, ValueError, "Y must be two-dimensional"),
        (
            {"a": np.ones((30, 2)), "b": np.ones((29, 2))},
            {},
            ValueError,
            r"Y\['a'\] has 30 .*Y\['b'\] has 29",
        ),
        ({"a": np.full((30, 2), np.nan)}, {}, ValueError, r"Y\['a'\]"),
        (TARGETS, {"n_train": 0}, ValueError, "n_train must be at least 1"),
        (TARGETS, {"n_train": [5, 6]}, TypeError, "n_train must be an integer"),
        (TARGETS, {"n_splits": 0}, ValueError, "n_splits must be at least 1"),
        (TARGETS, {"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_what_is_refused(targets, options, error, text):
    with pytest.raises(error, match=text):
        jobs_of(targets, **options)
