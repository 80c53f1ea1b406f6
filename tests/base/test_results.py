"""Results (tables, files) and sets of manifolds (labels, views, shuffling)."""

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
from neurogeom.clouds.manifolds import as_manifolds

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
        if isinstance(own, (ng.NullCapacity, ng.NullAlignment)):
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


# ---- sets of manifolds

X = np.arange(24.0).reshape(8, 3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([3, 3, 1, 1, 1, 2, 2, 2], [1, 2, 3]),
        (np.array([1, 0, 0, 1, 0, 0, 0, 1], dtype=np.uint8), [0, 1]),
        (list("bbaacccc"), ["a", "b", "c"]),
        ([True, False, True, True, False, False, False, True], [False, True]),
        ([-1.5, 2.0, 2.0, -1.5, 2.0, 2.0, 2.0, 2.0], [-1.5, 2.0]),
        ((7,) * 8, [7]),
    ],
)
def test_labels(labels, names):
    clouds = ng.manifolds(X, labels)
    assert clouds.names.tolist() == names
    assert len(clouds) == len(names)
    assert (clouds.n_features, clouds.n_points.sum()) == (3, 8)
    for cloud, name, count in zip(clouds, names, clouds.n_points, strict=True):
        members = [row for row, label in zip(X, labels, strict=True) if label == name]
        np.testing.assert_array_equal(cloud, members)
        assert len(cloud) == count


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0, 1], ValueError, r"labels must give one label for each of the 8 rows, not have shape \(2,\)"),
        (np.zeros((8, 1), dtype=int), ValueError, r"not have shape \(8, 1\)"),
        (np.zeros((8, 8), dtype=int), ValueError, r"not have shape \(8, 8\)"),
        (3, ValueError, r"not have shape \(\)"),
        ([0, 1, np.nan, 0, 1, 1, 0, 0], ValueError, r"labels has missing values \(nan\) at position 2"),
        ([0, 1, 0, 0, 1, 1, 0, np.inf], ValueError, r"labels\[7\] is not finite"),
        (np.array(["a", 1, None, 2, 3, 4, 5, 6], dtype=object), ValueError, r"\(None\) at position 2:"),
        ([None] * 8, ValueError, "at positions 0, 1, 2, 3, 4 and 3 more:"),
        (np.ones(8) * 1j, TypeError, "complex"),
        (np.ma.array(np.arange(8), mask=[True] + [False] * 7), TypeError, "masked"),
        ([[0], [1, 2], [3], [4], [5], [6], [7], [8]], ValueError, "labels"),
    ],
)
def test_bad_labels(labels, error, text):
    with pytest.raises(error, match=text):
        ng.manifolds(X, labels)


@pytest.mark.parametrize(
    ("matrix", "error", "text"),
    [
        (X[0], ValueError, "X must be two-dimensional"),
        (X[None], ValueError, "X must be two-dimensional"),
        (X[:0], ValueError, "X is empty"),
        (X.astype(object), TypeError, "X must hold real numbers"),
        (X + 1j, TypeError, "X must hold real numbers"),
        (np.ma.array(X), TypeError, "X is a masked array"),
    ],
)
def test_bad_matrix(matrix, error, text):
    with pytest.raises(error, match=text):
        ng.manifolds(matrix, np.zeros(8))


def test_sorted_labels_give_views():
    clouds = ng.manifolds(X, [0, 0, 0, 1, 1, 2, 2, 2])
    for cloud in clouds:
        assert np.shares_memory(cloud, X)
    in_blocks = ng.manifolds(X, list("ccaabbbb"))  # unsorted, but rows of a label lie together
    for cloud in in_blocks:
        assert np.shares_memory(cloud, X)
    scattered = ng.manifolds(X, [0, 1] * 4)
    np.testing.assert_array_equal(scattered[1], X[1::2])
    assert not np.shares_memory(scattered[0], X)


def test_sequence_of_manifolds():
    clouds = ng.manifolds(X, [0, 0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(clouds[-1], X[5:])
    assert [len(cloud) for cloud in clouds[1:]] == [3, 3]
    assert [len(cloud) for cloud in reversed(clouds)] == [3, 3, 2]
    with pytest.raises(IndexError):
        clouds[3]
    assert repr(clouds) == "Manifolds(3 of 8 points, 3 features)"
    assert X.flags.writeable
    np.testing.assert_array_equal(X, np.arange(24.0).reshape(8, 3))


def test_memory_map_is_not_read(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float16))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    clouds = ng.manifolds(mapped, [0, 0, 0, 0, 1, 1, 1, 1])
    assert isinstance(clouds[0], np.memmap)
    assert clouds[0].dtype == np.float16
    np.testing.assert_array_equal(clouds[1], X[4:])


@pytest.mark.parametrize("kind", ["labels", "unsorted labels", "list", "stack"])
def test_shuffling_deals_every_point_once(kind):
    rng = np.random.default_rng(3)
    points = rng.normal(size=(40, 4))
    labels = np.repeat(np.arange(5), [8] * 5 if kind == "stack" else [3, 5, 12, 19, 1])
    if kind == "unsorted labels":
        labels = rng.permutation(labels)
    clouds = ng.manifolds(points, labels)
    if kind in ("list", "stack"):
        clouds = as_manifolds(list(clouds) if kind == "list" else np.stack(list(clouds)))
    first, again, other = (clouds.shuffled(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.n_points.tolist() == clouds.n_points.tolist()
    assert list(first.names) == list(clouds.names)
    dealt = np.vstack(list(first))
    np.testing.assert_array_equal(dealt[np.lexsort(dealt.T)], points[np.lexsort(points.T)])
    np.testing.assert_array_equal(dealt, np.vstack(list(again)))
    assert not np.array_equal(dealt, np.vstack(list(other)))
    twice = np.vstack(list(first.shuffled(np.random.default_rng(5))))
    np.testing.assert_array_equal(twice[np.lexsort(twice.T)], points[np.lexsort(points.T)])


def test_shuffling_is_fair():
    """Each point comes to each manifold in proportion to its size: four standard errors."""
    clouds = ng.manifolds(np.arange(10.0)[:, None], [0] * 3 + [1] * 7)
    rng, n = np.random.default_rng(0), 4000
    counts = np.zeros(10)
    for _ in range(n):
        counts[clouds.shuffled(rng)[0][:, 0].astype(int)] += 1
    assert np.abs(counts / n - 0.3).max() <= 4 * np.sqrt(0.3 * 0.7 / n)


def test_lists_stacks_and_labels_give_the_same_result():
    options = {"rng": 3, "n_samples": 20}
    stack = ng.manifold_capacity(CLOUDS, **options).to_dict()
    flat, labels = np.vstack(CLOUDS), np.repeat(np.arange(5), 8)
    order = np.argsort(np.random.default_rng(0).random(40) + 100 * (np.arange(40) % 8), kind="stable")
    for given in (
        list(CLOUDS),
        tuple(CLOUDS),
        CLOUDS.tolist(),
        ng.manifolds(flat, labels),
        ng.manifolds(flat[order], labels[order]),  # interleaved, the order within a manifold kept
    ):
        assert_same_bits(stack, ng.manifold_capacity(given, **options).to_dict())
    ragged = ng.manifold_capacity([cloud[: 2 + m] for m, cloud in enumerate(CLOUDS)], **options)
    assert ragged.n_points.tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([CLOUDS[0], CLOUDS[1][:, :9]], ValueError, r"agree in the number of features.*transposed"),
        ([CLOUDS[0], CLOUDS[1][:4, :9]], ValueError, r"agree in the number of features, not have \[9, 30\]"),
        (CLOUDS[0], ValueError, r"must have shape \(manifold, point, feature\), not \(8, 30\).*manifolds\(X"),
        ([], ValueError, "manifolds is empty"),
        (CLOUDS[:0], ValueError, "manifolds is empty"),
        (CLOUDS[:, :0], ValueError, r"manifolds\[0\] is empty"),
        ([CLOUDS[0], CLOUDS[1][0]], ValueError, r"manifolds\[1\] must be two-dimensional"),
        ([CLOUDS[0], None], TypeError, r"manifolds\[1\].*object"),
        ("clouds", TypeError, "not str"),
        ({}, ValueError, "manifolds is empty"),
        (3, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_what_is_no_set_of_manifolds(given, error, text):
    with pytest.raises(error, match=text):
        ng.manifold_capacity(given)


def test_a_mapping_names_its_manifolds():
    named = {b"cat": CLOUDS[0], "dog": CLOUDS[1], 3: CLOUDS[2]}
    result = ng.manifold_capacity(named, n_samples=5, rng=0)
    assert result.names.tolist() == ["cat", "dog", "3"]
    known = ng.manifold_capacity(list(named.values()), n_samples=5, rng=0)
    assert result.mean_capacity == known.mean_capacity
    assert ng.alignment(named).names.tolist() == ["cat", "dog", "3"]
    with pytest.raises(ValueError, match="the keys of manifolds"):
        ng.manifold_capacity({"1": CLOUDS[0], 1: CLOUDS[1]})


def test_groups_of_a_table_get_advice():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"kind": [0, 0, 1, 1], "x": [1.0, 2, 3, 5], "y": [0.0, 1, 1, 3]})
    text = r"manifolds\[0\] is a pair of 0 and a DataFrame: .* neurogeom\.manifolds\(X, labels\), else a dict"
    for groups in (table.groupby("kind"), list(table.groupby("kind"))):
        with pytest.raises(TypeError, match=text):
            ng.manifold_capacity(groups)
    for compute in (ng.manifold_capacity, ng.effective_geometry, ng.correlated_capacity, ng.alignment):
        text = rf"^{compute.__name__}\(\) takes one positional .* {compute.__name__}\(neurogeom\.manifolds\(X"
        with pytest.raises(TypeError, match=text):
            compute(table[["x", "y"]], table["kind"])


def test_transposed_input_is_suspected():
    rng = np.random.default_rng(0)
    features_by_points = [rng.normal(size=(1, 500)).T + rng.normal(size=(500, 10)) for _ in range(3)]
    with pytest.warns(UserWarning, match="500 points of 10 features.*transpose them"):
        ng.manifold_capacity(features_by_points, n_samples=2, rng=0)
    ng.manifold_capacity([cloud.T for cloud in features_by_points], n_samples=2, rng=0)  # no warning
    labelled = ng.manifolds(np.vstack(features_by_points), np.repeat([0, 1, 2], 500))
    ng.manifold_capacity(labelled, n_samples=2, rng=0)  # labels say which axis the points are on
