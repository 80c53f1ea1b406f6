"""Profiles as text, files and pictures."""

from __future__ import annotations

import csv
import dataclasses
import json

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from neurogeom.report import plot_profile, profile_table, write_profile_csv


@pytest.fixture(scope="module")
def profile():
    layers = {name: gaussian_clouds(4, 8, n, spread=0.7) for name, n in (("conv1", 20), ("conv2", 30))}
    return ng.representation_profile(layers, n_shots=(1, 5), n_samples=40, rng=0)


def test_table(profile):
    first, second = profile_table(profile, label="area").split("\n\n")
    columns = ["area", "capacity", "radius", "dimension", "dimension", "signal", "1-shot", "5-shot"]
    assert first.splitlines()[1].split() == columns
    assert second.splitlines()[1].split() == ["area", "ratio", "dimension", "NC1", "dimension", "utility"]
    assert [line.split()[0] for line in first.splitlines()[3:]] == ["conv1", "conv2"]
    assert f"{profile.capacity[0]:.2f}" in first
    assert all(len(line) <= 150 for line in first.splitlines())


def test_files(profile, tmp_path):
    write_profile_csv(tmp_path / "p.csv", profile)
    with open(tmp_path / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["conv1", "conv2"]
    for name in ("capacity", "fewshot_dimension_se", "nc1"):
        assert [float(row[name]) for row in rows] == getattr(profile, name).tolist()
    assert [float(row["fewshot_error_5"]) for row in rows] == profile.fewshot_error[:, 1].tolist()
    hole = dataclasses.replace(profile, utility=np.array([np.nan, 1.0]))
    write_profile_csv(tmp_path / "p.json", hole)
    assert json.loads((tmp_path / "p.json").read_text())[0]["utility"] is None


def many(profile, count):
    """The same profile for so many layers with long names."""
    fields = profile.to_dict()
    longer = {
        name: np.resize(value[:1], (count, *value.shape[1:]))
        for name, value in fields.items()
        if isinstance(value, np.ndarray) and name != "n_shots"
    }
    longer["layer"] = np.array([f"blocks.{k}.attention" for k in range(count)])
    return dataclasses.replace(profile, **longer)


def test_picture(profile):
    pytest.importorskip("matplotlib")
    shown = many(profile, 18)
    figure = plot_profile(dataclasses.replace(shown, utility=np.full(18, np.nan)))
    assert len(figure.axes) == 10
    figure.draw_without_rendering()
    page = figure.bbox
    for axis in figure.axes:
        for text in axis.get_xticklabels():
            box = text.get_window_extent()
            assert page.x0 <= box.x0
            assert page.y0 <= box.y0
    errors = figure.axes[5]
    assert [text.get_text() for text in errors.get_legend().get_texts()] == ["1-shot", "5-shot"]
    low, high = figure.axes[7].containers[0].lines[2][0].get_segments()[0][:, 1]
    value, error = shown.fewshot_dimension[0], shown.fewshot_dimension_se[0]
    assert (low, high) == pytest.approx((value - 2 * error, value + 2 * error))
