"""Sets of manifolds: labels, names, views, shuffling."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.clouds.manifolds import as_manifolds

CLOUDS = np.random.default_rng(0).normal(size=(5, 8, 30))

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
    text = r"manifolds\[0\] is a pair of 0 and a DataFrame: .*\.manifolds\(X, labels\), else pass a dict"
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
