"""Tables and CSV files: the digits shown, the alignment, and nothing lost on the way to a file."""

from __future__ import annotations

import csv
import dataclasses
import math

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.results import Result, columns_of_kind, columns_with_errors
from neurogeom.report import (
    alignment_table,
    capacity_table,
    format_estimate,
    format_table,
    geometry_table,
    simulated_table,
    write_csv,
)


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(3)
    blocks = [rng.normal(rng.normal(size=20), 0.6, size=(10, 20)) for _ in range(6)]
    return {
        "plain": ng.manifold_capacity(blocks, n_samples=40, rng=0),
        "shuffled too": ng.manifold_capacity(blocks, n_samples=40, rng=0, null=2, margin=0.1),
    }


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.123456, 0.00234, "0.1235 ± 0.0023"),
        (36.17, 1.26, "36.2 ± 1.3"),
        (1234.5, 123.4, "1230 ± 120"),
        (12.0, 0.0996, "12.00 ± 0.10"),  # the rounded error has two digits, not three
        (0.5, 0.995, "0.50 ± 0.99"),
        (1.0, 4.9e-18, "1 ± 0"),  # rounding of draws that are all the same
        (-123.456, 1.2e-10, "-123.5 ± 0"),
        (0.5, 0.996, "0.5 ± 1.0"),
        (-0.5, 0.02, "-0.500 ± 0.020"),
        (0.0, 0.02, "0.000 ± 0.020"),
        (0.01, 123.0, "0 ± 120"),
        (1.5e-12, 2e-14, "(1.500 ± 0.020)e-12"),
        (2.5e9, 1.2e7, "(2.500 ± 0.012)e+9"),
        (0.25, math.nan, "0.25"),
        (1 / 3, 0.0, "0.3333"),
        (1 / 3, math.inf, "0.3333"),
        (math.nan, 0.1, "nan"),
        (math.inf, 0.1, "inf"),
    ],
)
def test_estimates_end_where_their_error_does(value, error, text):
    assert format_estimate(value, error) == text
    assert format_estimate(np.float64(value), np.float64(error)) == text


def test_columns_are_aligned():
    table = format_table(
        [["a", "1.5 ± 0.1", 3], ["long name", "10.25 ± 0.01", 12], ["b", "nan", ""]],
        ["x", "two\nlines", "n"],
    )
    assert table.split("\n") == [
        "                    two",
        "x                 lines   n",
        "---------  ------------  --",
        "a            1.5 ± 0.1    3",
        "long name  10.25 ± 0.01  12",
        "b                   nan",
    ]


def test_table_without_rows_or_with_bad_rows():
    assert format_table([], ["a", "bc"]) == "a  bc\n-  --"
    with pytest.raises(ValueError, match=r"rows\[1\] has 1 cells for 2 columns"):
        format_table([[1, 2], [3]], ["a", "b"])


def test_capacity_table_shows_the_population_values(results):
    lines = capacity_table({"plain": results["plain"]}, label="area").split("\n")
    result = results["plain"]
    assert len(lines) == 4
    assert lines[1].split()[0] == "area"
    row = lines[3]
    assert row.startswith("plain ")
    for name in ("capacity", "radius", "dimension"):
        value = getattr(result, f"mean_{name}")
        assert format_estimate(value, getattr(result, f"mean_{name}_se")) in row
    assert row.split()[-2:] == [f"{result.center_correlation:.3f}", str(result.rank_removed)]


def test_capacity_table_has_a_column_for_shuffled_data_only_on_need(results):
    assert "shuffled" not in capacity_table({"plain": results["plain"]})
    table = capacity_table(results)
    assert "shuffled" in table.split("\n")[1]
    assert max(map(len, table.split("\n"))) < 110


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_keeps_every_bit(results, tmp_path):
    path = tmp_path / "capacity.csv"
    write_csv(path, results)
    rows = _read(path)
    assert [row["data"] for row in rows] == list(results)
    for row, result in zip(rows, results.values(), strict=True):
        assert int(row["n_manifolds"]) == 6
        assert int(row["n_points"]) == 60
        for name, text in row.items():
            if name.startswith("mean_") or name in ("center_correlation", "margin"):
                assert float(text) == getattr(result, name)
    assert {f"mean_{q}{s}" for q in ("capacity", "radius", "dimension") for s in ("_se", "")} < set(rows[0])
    assert rows[0]["n_null"] == "0"
    assert rows[0]["null_mean_capacity"] == ""
    null = results["shuffled too"].null.mean_capacity
    assert float(rows[1]["null_mean_capacity"]) == null.mean()
    assert float(rows[1]["null_mean_capacity_sd"]) == null.std(ddof=1)


def test_csv_with_one_row_a_manifold(results, tmp_path):
    path = tmp_path / "manifolds.csv"
    write_csv(path, results, per_manifold=True)
    rows = _read(path)
    assert len(rows) == 12
    second = rows[6:]
    for name in ("capacity", "capacity_se", "radius", "dimension_prx", "kkt_residual"):
        written = [float(row[name]) for row in second]
        assert np.array_equal(written, getattr(results["shuffled too"], name))
    assert [row["manifold"] for row in second] == list(map(str, results["shuffled too"].names))


# ---- joint and simulated capacity --------------------------------------------------------------


@pytest.fixture(scope="module")
def geometries():
    rng = np.random.default_rng(3)
    blocks = [rng.normal(rng.normal(size=80), 0.6, size=(10, 80)) for _ in range(6)]
    return [ng.effective_geometry(blocks, n_samples=40, rng=seed) for seed in range(4)]


def test_geometry_table(geometries):
    lines = geometry_table({"V1": geometries[0]}, label="area").split("\n")
    assert lines[1].split() == ["area", "capacity", "radius", "dimension", "samples"]
    assert lines[3].endswith(" 40/40")
    for name in ("capacity", "effective_radius", "effective_dimension"):
        assert format_estimate(getattr(geometries[0], name), getattr(geometries[0], f"{name}_se")) in lines[3]
    table = geometry_table(
        {"V1": geometries[0], "LM": geometries[1]}, nulls={"V1": geometries[1:], "LM": []}
    ).split("\n")
    dealt = np.array([item.capacity for item in geometries[1:]])
    assert "shuffled" in table[1]
    assert format_estimate(dealt.mean(), dealt.std(ddof=1)) in table[3]
    assert table[4].count(" ± ") == 3
    assert max(map(len, table)) < 80


def test_alignment_table(geometries):
    row = alignment_table({"V1": geometries[0]}).split("\n")[-1]
    for kind in ("center", "axis", "center_axis"):
        value, error = (getattr(geometries[0], f"{kind}_alignment_abs{end}") for end in ("", "_se"))
        assert format_estimate(value, error) in row


def test_joint_csv_keeps_every_bit(geometries, tmp_path):
    path = tmp_path / "joint.csv"
    write_csv(path, {"a": geometries[0], "b": geometries[1]}, nulls={"b": geometries[2:]})
    rows = _read(path)
    assert [row["data"] for row in rows] == ["a", "b"]
    for row, result in zip(rows, geometries, strict=False):
        assert (row["n_manifolds"], row["n_points"], row["inactive"]) == ("6", "60", "zero")
        assert row["n_separable"] == "40"
        for name, text in row.items():
            if name.split("_")[0] in ("capacity", "effective", "utility", "center", "axis", "approximate"):
                assert float(text) == getattr(result, name), name
    assert rows[0]["n_null"] == "0"
    assert rows[0]["null_effective_radius_sd"] == ""
    radii = np.array([item.effective_radius for item in geometries[2:]])
    assert float(rows[1]["null_effective_radius"]) == radii.mean()
    write_csv(path, {"a": geometries[0]}, per_manifold=True)
    written = [float(row["anchor_axis_norm"]) for row in _read(path)]
    assert written == geometries[0].anchor_axis_norm.tolist()


def test_simulated_table_and_csv(tmp_path):
    blocks = np.random.default_rng(3).normal(size=(6, 5, 80))
    result = ng.simulated_capacity(blocks, n_trials=10, rng=0)
    row = simulated_table({"V1": result}).split("\n")[-1]
    assert format_estimate(result.critical_dimension, result.critical_dimension_se) in row
    assert row.split()[-1] == "10"
    path = tmp_path / "simulated.csv"
    write_csv(path, {"V1": result})
    (written,) = _read(path)
    assert float(written["critical_dimension"]) == result.critical_dimension
    assert (written["n_manifolds"], written["n_features"]) == ("6", "80")


# ---- results of any kind -----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tree(Result):
    """A result that no file of the package knows."""

    columns = (
        *columns_of_kind("setting", "species"),
        *columns_with_errors("height", over=("", "_leaves"), in_null=True),
        *columns_of_kind("count", "n_points", of_items=True),
        *columns_with_errors("length", of_items=True),
    )
    species: str
    height: float
    height_se: float
    height_se_leaves: float
    length: np.ndarray
    length_se: np.ndarray
    names: np.ndarray
    n_points: np.ndarray
    null: object = None

    @property
    def n_manifolds(self):
        return len(self.names)


def test_csv_has_the_columns_that_a_result_declares(tmp_path):
    lengths, names = np.array([1.5, 2.5]), np.array(["x", "y"])
    fields = {"species": "oak", "height": 3.25, "height_se": 0.5, "height_se_leaves": 0.25}
    oak = Tree(**fields, length=lengths, length_se=lengths / 4, names=names, n_points=np.array([4, 5]))
    grown = dataclasses.replace(oak, null=dataclasses.replace(oak, height=np.array([1.0, 2.0])))
    path = tmp_path / "trees.csv"
    write_csv(path, {"first": oak, "second": grown})
    one, other = _read(path)
    assert one == {
        "data": "first", "n_manifolds": "2", "n_points": "9", "species": "oak", "height": "3.25",
        "height_se": "0.5", "height_se_leaves": "0.25",
        "n_null": "0", "null_height": "", "null_height_sd": "",
    }  # fmt: skip
    assert (other["n_null"], float(other["null_height"])) == ("2", 1.5)
    assert float(other["null_height_sd"]) == math.sqrt(0.5)
    write_csv(path, {"first": oak}, per_manifold=True)
    assert _read(path) == [
        {"data": "first", "manifold": "x", "n_points": "4", "length": "1.5", "length_se": "0.375"},
        {"data": "first", "manifold": "y", "n_points": "5", "length": "2.5", "length_se": "0.625"},
    ]


def test_csv_of_several_kinds_is_refused(results, geometries, tmp_path):
    with pytest.raises(ValueError, match="results must be of one kind, not ManifoldCapacity and Effective"):
        write_csv(tmp_path / "x.csv", {"a": results["plain"], "b": geometries[0]})


def test_csv_of_other_results_of_manifolds(tmp_path):
    blocks = np.random.default_rng(3).normal(size=(6, 5, 80))
    result = ng.simulated_capacity(blocks, n_trials=4, rng=0)
    with pytest.raises(ValueError, match="SimulatedCapacity has no values of single manifolds"):
        write_csv(tmp_path / "x.csv", {"V1": result}, per_manifold=True)
    result = ng.dimensionality(blocks[0])
    write_csv(tmp_path / "x.csv", {"V1": result})
    assert float(_read(tmp_path / "x.csv")[0]["participation_ratio"]) == result.participation_ratio
    result = ng.alignment(list(blocks))
    write_csv(tmp_path / "x.csv", {"V1": result})
    (row,) = _read(tmp_path / "x.csv")
    assert (row["n_manifolds"], row["n_points"]) == ("6", "30")
    assert float(row["mean_center_center"]) == result.mean_center_center
    result = ng.correlated_capacity(blocks, n_samples=20, rng=0)
    write_csv(tmp_path / "x.csv", {"V1": result})
    (row,) = _read(tmp_path / "x.csv")
    assert (row["n_manifolds"], row["n_points"], row["n_samples"]) == ("6", "30", "20")
    for name in ("capacity", "capacity_se", "center_center", "axis_axis", "individual_se"):
        assert float(row[name]) == getattr(result, name)
