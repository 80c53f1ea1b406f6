"""What sweeps have found, also before they are finished: matrices, tables, files."""

from __future__ import annotations

import csv
import json

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.same_bits import assert_same_bits
from helpers.stores import chunks, nothing_left, quick_plan, stack, swept
from neurogeom.sweep.worker import Worker

pytest.importorskip("zarr")

ITEMS = items_of((6, 4, 9, 5, 7))
NAMES = ["V1", "LM", "AL", "ü", "a, b"]
METRICS = ["procrustes", "cka", "pwcca", "ridge"]
KNOWN = ng.pairwise(ITEMS, METRICS, names=NAMES)
UPPER = np.triu_indices(5, 1)
SWEEP = {"items": ITEMS, "metric": METRICS, "names": NAMES, "tile": 2}


# ---- partial results


def test_nothing_is_known_before_the_first_tile(planned):
    for name, result in ng.sweep.open(planned).items():
        known = KNOWN[name]
        where = np.eye(5, dtype=bool) & (name != "ridge")
        np.testing.assert_array_equal(np.isnan(result.values), ~where)
        np.testing.assert_array_equal(result.values[where], known.values[where])
        assert result.names.tolist() == NAMES


def test_each_tile_adds_its_pairs(fresh):
    worker = Worker(fresh, 1)
    seen = np.zeros((5, 5), dtype=bool)
    for key in worker.grid.tiles():
        assert worker.run_tile(key)
        assert not worker.run_tile(key), "it is there already"
        (top, bottom), (left, right) = worker.grid.rows[key[0]], worker.grid.columns[key[1]]
        seen[top:bottom, left:right] = True
        for name, result in ng.sweep.open(fresh).items():
            where = seen | seen.T if KNOWN[name].symmetric else seen.copy()
            if name != "ridge":
                np.fill_diagonal(where, True)
            # Of the lower triangle of a symmetric measure only the upper one counts.
            if KNOWN[name].symmetric:
                where = np.triu(seen) | np.triu(seen).T | np.eye(5, dtype=bool)
            np.testing.assert_array_equal(np.isfinite(result.values), where)
            np.testing.assert_array_equal(result.values[where], KNOWN[name].values[where])
    assert seen.all()
    assert_same_bits(ng.sweep.open(fresh), KNOWN)


def test_time_that_is_up_leaves_the_rest(fresh):
    status = ng.sweep.work(fresh, time_limit=0)
    assert (status.done, status.left) == (0, 9)
    assert np.isnan(ng.sweep.open(fresh)["cka"].condensed).all()
    assert ng.sweep.work(fresh, rank=1, of=3).is_complete
    assert_same_bits(ng.sweep.open(fresh), KNOWN)


def test_a_stopped_run_goes_on_where_it_was(fresh):
    def stop(done, total):
        assert total == 9
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ng.sweep.run(fresh, n_threads=1, progress=stop)
    before = chunks(fresh)
    assert len(before) == 4
    calls = []
    assert ng.sweep.run(
        fresh, n_threads=1, progress=lambda done, total: calls.append((done, total))
    ).is_complete
    assert calls == [(k, 9) for k in range(4, 10)]
    after = chunks(fresh)
    assert {name: after[name] for name in before} == before
    assert_same_bits(ng.sweep.open(fresh), KNOWN)
    assert ng.sweep.run(fresh).done == 9
    assert chunks(fresh) == after, "nothing is computed twice"


@pytest.mark.parametrize("of", [1, 2, 5])
def test_a_missing_worker_is_stood_in_for(of, fresh):
    assert ng.sweep.work(fresh, rank=of - 1, of=of).left == 0
    assert_same_bits(ng.sweep.open(fresh), KNOWN)


# ---- as what they can be had


def test_single_metrics_and_lists_of_one(tmp_path):
    single = swept(tmp_path / "a", ITEMS, "cka")
    listed = swept(tmp_path / "b", ITEMS, ["cka"])
    assert list(listed) == ["cka"]
    assert_same_bits(listed["cka"], single)


def test_condensed_and_square(finished):
    found = ng.sweep.open(finished)
    np.testing.assert_array_equal(found["cka"].condensed, KNOWN["cka"].values[UPPER])
    np.testing.assert_array_equal(found["pwcca"].square, KNOWN["pwcca"].values)
    np.testing.assert_array_equal(np.asarray(found["cka"]), KNOWN["cka"].values)
    with pytest.raises(ValueError, match="pwcca is not symmetric"):
        _ = found["pwcca"].condensed


def test_rows_with_columns_have_no_square(tmp_path):
    found = swept(tmp_path / "s", ITEMS[:2], others=ITEMS[2:])
    assert found.shape == (2, 3)
    for name in ("square", "condensed"):
        with pytest.raises(ValueError, match="rows and columns are different items"):
            getattr(found, name)


def test_to_dataframe(finished, fresh):
    pytest.importorskip("pandas")
    frame = ng.sweep.open(finished)["cka"].to_dataframe()
    known = KNOWN["cka"].to_dataframe()
    assert frame.equals(known)
    assert len(frame) == 10
    assert ng.sweep.open(fresh)["cka"].to_dataframe()["cka"].isna().all()
    assert len(ng.sweep.open(finished)["pwcca"].to_dataframe()) == 25


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """With all that a pair can have: test data and a null."""
    test = [item[:8] for item in ITEMS]
    store = tmp_path_factory.mktemp("full") / "s"
    swept(store, ITEMS, ["procrustes", "permutation"], names=NAMES, test=test, null=4)
    return store


def test_to_xarray(full, finished):
    pytest.importorskip("xarray")
    result = ng.sweep.open(full)["procrustes"]
    data = result.to_xarray()
    assert set(data.data_vars) == {"procrustes", "procrustes held out", "null_mean", "null_sd", "p_value"}
    assert data.sizes == {"row": 5, "column": 5}
    assert data["row"].values.tolist() == NAMES
    assert float(data["procrustes"].sel(row="LM", column="ü")) == result.values[1, 3]
    np.testing.assert_array_equal(data["procrustes held out"], result.held_out)
    np.testing.assert_array_equal(data["p_value"], result.p_value)
    assert data.attrs == {"is_similarity": 0, "symmetric": 1, "n_stimuli": 20}
    assert "flags" in ng.sweep.open(finished)["cka"].to_xarray().data_vars


def test_save_and_load(full, tmp_path):
    result = ng.sweep.open(full)["permutation"]
    result.save(tmp_path / "r.npz")
    assert_same_bits(ng.load(tmp_path / "r.npz"), result)


def test_everything_of_a_pair_has_a_column(full):
    pytest.importorskip("pandas")
    frame = ng.sweep.open(full)["procrustes"].to_dataframe()
    assert list(frame.columns) == [
        *("row", "column", "procrustes", "n_stimuli", "procrustes held out"),
        *("null_mean", "null_sd", "p_value"),
    ]


# ---- export


def test_npz(finished, full, tmp_path):
    with np.load(ng.sweep.export(finished, tmp_path / "r.npz")) as archive:
        assert set(archive.files) == {"names", "column_names", *METRICS}
        assert archive["names"].tolist() == NAMES
        for name in METRICS:
            assert archive[name].tobytes() == KNOWN[name].values.tobytes()
    result = ng.sweep.open(full)["permutation"]
    with np.load(ng.sweep.export(full, tmp_path / "full.npz")) as archive:
        assert len(archive.files) == 2 + 2 * 5
        for field in ("held_out", "null_mean", "null_sd", "p_value"):
            assert archive[f"permutation {field}"].tobytes() == getattr(result, field).tobytes()


def test_npy(tmp_path):
    swept(tmp_path / "s", ITEMS, "cka")
    path = ng.sweep.export(tmp_path / "s", str(tmp_path / "r.npy"))
    assert path == tmp_path / "r.npy"
    assert np.load(path).tobytes() == KNOWN["cka"].values.tobytes()


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_csv(finished, full, tmp_path):
    header, *rows = rows_of(ng.sweep.export(finished, tmp_path / "r.csv"))
    assert header == ["metric", "row", "column", "value"]
    assert len(rows) == 10 + 10 + 20 + 20
    for metric, row, column, value in rows:
        known = KNOWN[metric].values[NAMES.index(row), NAMES.index(column)]
        assert float(value) == known, "all digits are there"
    header, *rows = rows_of(ng.sweep.export(full, tmp_path / "full.csv"))
    assert header == ["metric", "row", "column", "value", "held_out", "null_mean", "null_sd", "p_value"]
    result = ng.sweep.open(full)["procrustes"]
    assert [float(x) for x in rows[0][3:]] == [
        getattr(result, name)[0, 1] for name in ("values", *header[4:])
    ]


def test_csv_of_rows_with_columns_and_of_partial_results(tmp_path):
    quick_plan(ITEMS[:2], "cka", others=ITEMS[1:], store=tmp_path / "s", tile=2)
    rows = rows_of(ng.sweep.export(tmp_path / "s", tmp_path / "r.csv"))
    assert len(rows) == 1 + 8
    assert {row[3] for row in rows[1:]} == {"nan"}


def test_exported_jobs(tmp_path):
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 10), seeds=[0, 4], n_samples=10)
    table = swept(tmp_path / "s", ITEMS[:2], jobs, fields=["mean_radius", "mean_dimension"])
    header, *rows = rows_of(ng.sweep.export(tmp_path / "s", tmp_path / "r.csv"))
    assert header == ["name", "seed", "mean_radius", "mean_dimension"]
    assert [row[:2] for row in rows] == [["0", "0"], ["0", "4"], ["1", "0"], ["1", "4"]]
    assert [float(row[2]) for row in rows] == table["mean_radius"].tolist()
    with np.load(ng.sweep.export(tmp_path / "s", tmp_path / "r.npz")) as archive:
        np.testing.assert_array_equal(archive["mean_dimension"], table["mean_dimension"])
        assert archive["seed"].tolist() == [0, 4, 0, 4]
    with pytest.raises(ValueError, match=r"\.npy holds the matrix of a single metric"):
        ng.sweep.export(tmp_path / "s", tmp_path / "r.npy")


@pytest.mark.parametrize("name", ["r.txt", "r", "r.CSV", "r.csv.gz"])
def test_unknown_endings(name, finished, tmp_path):
    with nothing_left(tmp_path), pytest.raises(ValueError, match=r"path must end in \.csv, \.npy, \.npz"):
        ng.sweep.export(finished, tmp_path / name)


def test_several_matrices_are_no_npy(finished, tmp_path):
    with nothing_left(tmp_path), pytest.raises(ValueError, match=r"single metric: use \.npz or \.csv"):
        ng.sweep.export(finished, tmp_path / "r.npy")


@pytest.mark.parametrize("name", ["names", "column_names", "file"])
def test_matrices_of_reserved_names(name, tmp_path):
    swept(tmp_path / "s", ITEMS, [ng.RSA(name=name), "cka"])
    with pytest.raises(ValueError, match=f"cannot hold a matrix named '{name}': use .csv"):
        ng.sweep.export(tmp_path / "s", tmp_path / "r.npz")
    assert not (tmp_path / "r.npz").exists()
    assert len(rows_of(ng.sweep.export(tmp_path / "s", tmp_path / "r.csv"))) == 1 + 2 * 10


def test_no_tile_is_begun_that_will_not_be_finished_in_time(tmp_path):
    """Also not the first one: how long it takes is known from the plan."""
    data, path = stack(6), tmp_path / "s.zarr"
    quick_plan(data, "cka", store=path, tile=6)
    text = (path / "zarr.json").read_text()
    content = json.loads(text)
    content["attributes"]["neurogeom_sweep"]["costs"]["seconds_per_unit"] = 1.0  # 15 s for all
    (path / "zarr.json").write_text(json.dumps(content))
    assert ng.sweep.work(path, n_threads=1, time_limit="14s").done == 0
    assert ng.sweep.work(path, n_threads=1, time_limit="20s").is_complete
