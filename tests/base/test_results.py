"""Results: tables, files, what they print."""

from __future__ import annotations

import dataclasses
import gc
import io
import sys

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest
from helpers.same_bits import assert_same_bits

RNG = np.random.default_rng(0)
CLOUDS = RNG.normal(size=(5, 1, 30)) + RNG.normal(size=(5, 8, 30))
# Manifold 2 has the global mean for a centre: NaN with status 2.
FLAT = np.vstack([[[1.0, 0.0], [1.0, 1.0]], [[-1.0, 0.0], [-1.0, -1.0]], [[0.5, 1.0], [-0.5, -1.0]]])


def capacity_with_nan():
    with pytest.warns(ng.ConvergenceWarning, match="manifold c: the centre is zero"):
        return ng.manifold_capacity(
            ng.manifolds(FLAT, list("aabbcc")), rng=0, n_samples=20, remove_center_correlations=False
        )


MAKERS = {
    "alignment": lambda: ng.alignment(ng.manifolds(CLOUDS.reshape(-1, 30), np.repeat(list("abcde"), 8))),
    "alignment with null": lambda: ng.alignment(CLOUDS, null=3, rng=0),
    "capacity": lambda: ng.manifold_capacity(CLOUDS, rng=0, n_samples=40),
    "capacity with everything": lambda: ng.manifold_capacity(
        [cloud[: 3 + m] for m, cloud in enumerate(CLOUDS)],
        rng=0,
        n_samples=40,
        null=2,
        keep_anchors=True,
        margin=0.5,
    ),
    "capacity with names": lambda: ng.manifold_capacity(
        ng.manifolds(np.vstack(CLOUDS), np.repeat(["ä", "b", "c", "d", "long"], 8)), rng=0, n_samples=40
    ),
    "capacity with NaN": capacity_with_nan,
    "cone": lambda: ng.project_cone(CLOUDS[0], CLOUDS[1]),
    "cone without solution": lambda: ng.project_cone([[1.0], [-1.0]], [[1.0]], margin=1.0),
    "dimensionality": lambda: ng.dimensionality(CLOUDS[0], form="unbiased"),
    "ellipsoid": lambda: ng.ellipsoid_capacity([1.0, 0.5], n_samples=100, rng=0),
    "null alignment": lambda: ng.alignment(CLOUDS, null=3, rng=0).null,
    "correlated": lambda: ng.correlated_capacity(CLOUDS, n_samples=20, rng=0),
    "geometry": lambda: ng.effective_geometry(CLOUDS, n_samples=20, rng=0),
    "geometry with null": lambda: ng.effective_geometry(CLOUDS, n_samples=20, rng=0, null=2),
    "null geometry": lambda: ng.effective_geometry(CLOUDS, n_samples=20, rng=0, null=2).null,
    "simulated": lambda: ng.simulated_capacity(CLOUDS, n_trials=20, rng=0),
    "overlap": lambda: ng.overlap(CLOUDS[0], CLOUDS[1]),
    "overlap of hulls that meet": lambda: ng.overlap(CLOUDS[0, :, :2], CLOUDS[0, ::2, :2]),
    "null": lambda: ng.manifold_capacity(CLOUDS, rng=0, n_samples=5, null=3, n_restarts=1).null,
}


@pytest.fixture(params=MAKERS)
def result(request):
    return MAKERS[request.param]()


def test_saving_and_loading(result, tmp_path):
    """Equal to the bit, with the types of all fields; also at a path without the usual ending."""
    for path in (tmp_path / "result.npz", str(tmp_path / "result")):
        result.save(path)
        loaded = ng.load(path)
        assert type(loaded) is type(result)
        assert_same_bits(result.to_dict(), loaded.to_dict())
        for field in dataclasses.fields(result):
            first, second = getattr(result, field.name), getattr(loaded, field.name)
            assert type(first) is type(second), field.name
            if isinstance(first, np.ndarray):
                assert first.shape == second.shape, field.name
                assert first.dtype == second.dtype, field.name
        assert repr(loaded) == repr(result)
    assert {p.name for p in tmp_path.iterdir()} == {"result.npz", "result"}


def test_files_hold_no_pickles(result, tmp_path):
    result.save(tmp_path / "result.npz")
    with np.load(tmp_path / "result.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "fiubU" for name in archive)


def test_to_dict(result):
    fields = {field.name for field in dataclasses.fields(result)}
    given = result.to_dict()
    assert set(given) == fields
    for name, value in given.items():
        own = getattr(result, name)
        if isinstance(own, ng.Null):
            assert_same_bits(value, own.to_dict())
            assert isinstance(value, dict)
        else:
            assert value is own


def test_fields_cannot_be_set(result):
    name = dataclasses.fields(result)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, name, None)
    with pytest.raises(TypeError):
        type(result)(1)  # keywords only


def test_repr_is_short(result):
    text = repr(result)
    assert text.startswith(type(result).__name__ + "(")
    assert text.endswith(")")
    assert len(text) < 250
    assert "\n" not in text


def test_repr_shows_values_and_errors():
    result = MAKERS["capacity"]()
    assert f"mean_capacity={result.mean_capacity:.4g}±{result.mean_capacity_se:.2g}" in repr(result)
    assert "n_manifolds=5" in repr(result)
    assert repr(MAKERS["cone without solution"]()) == "ConeProjection(n_targets=1, n_failed=1)"


def test_results_are_compared_by_identity():
    """Arrays have no single truth value."""
    one, other = MAKERS["dimensionality"](), MAKERS["dimensionality"]()
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def npy_file(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        lambda path: np.savez(path, x=np.arange(3)),
        lambda path: np.savez(path, __neurogeom__='{"result": "Unheard", "fields": {}}'),
        lambda path: np.savez(path, __neurogeom__='{"result": "Dimensionality", "fields": {}}'),
        lambda path: np.savez(path, __neurogeom__="not JSON"),
        lambda path: np.savez(path, __neurogeom__='[1, "x"]'),
        lambda path: path.write_text("plain text"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 broken archive"),
        lambda path: path.write_bytes(npy_file(np.arange(3))),
    ],
    ids=["foreign", "class", "fields", "JSON", "list", "text", "empty", "zip", "npy"],
)
def test_files_of_others(content, tmp_path):
    content(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"other\.npz"):
        ng.load(tmp_path / "other.npz")
    gc.collect()  # a file left open would be noticed in some later test


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        ng.load(tmp_path / "none.npz")


def test_damaged_file(tmp_path):
    """A field is missing from the archive."""
    MAKERS["cone"]().save(tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as archive:
        arrays = {name: archive[name] for name in archive if name != "weights"}
    np.savez(tmp_path / "damaged.npz", **arrays)
    with pytest.raises(ValueError, match=r"damaged\.npz"):
        ng.load(tmp_path / "damaged.npz")


def test_table_of_capacity():
    result = MAKERS["capacity with names"]()
    table = result.to_dataframe()
    assert isinstance(table, pd.DataFrame)
    assert len(table) == result.n_manifolds
    assert list(table["names"]) == list(result.names)
    for name in ("capacity", "capacity_se", "radius", "dimension", "n_points", "status", "kkt_residual"):
        np.testing.assert_array_equal(table[name].to_numpy(), getattr(result, name))
    assert "mean_capacity" not in table


def test_table_of_others():
    cone = MAKERS["cone"]()
    assert list(cone.to_dataframe()) == ["status", "residual"]
    assert len(MAKERS["null"]().to_dataframe()) == 3


def test_table_when_the_number_of_samples_is_that_of_manifolds():
    """Only what belongs to manifolds: anchors and draws stay out even if their lengths agree."""
    result = ng.manifold_capacity(CLOUDS, rng=0, n_samples=5, keep_anchors=True, null=5, n_restarts=1)
    assert set(result.to_dataframe()) == set(MAKERS["capacity"]().to_dataframe())


def test_table_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'neurogeom\[pandas\]'"):
        MAKERS["dimensionality"]().to_dataframe()
