"""Means in shape space, tangent spaces and k-means: references, enumeration, planted shapes, wrong input."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.references import VALUES, reference_data
from neurogeom import ConvergenceWarning
from numpy.testing import assert_allclose, assert_array_equal

SPACES = [
    {},
    {"score": "angular"},
    {"alpha": 0.5},
    {"alpha": 0.3, "score": "angular"},
    {"alpha": 0.0, "score": "angular"},
    {"center": False},
]
PERMUTED = [{"group": "perm"}, {"group": "perm", "score": "angular"}]


def distance_of(space):
    """The engine's measure for one pair."""
    metric = ng.ShapeMetric(**{"score": "euclidean", **space})
    return metric.distance


def turned(X, seed=0):
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(X.shape[1],) * 2))[0]
    return X @ rotation


def test_reference():
    X, Y, W = reference_data("XYW")
    found = ng.frechet_mean([X, W, Y])
    (reference,) = (value for name, value in VALUES.items() if "frechet" in name)
    assert_allclose(found.objective, reference, rtol=1e-12)
    assert found.status == 0


@pytest.mark.parametrize("space", SPACES)
def test_objective_is_that_of_the_metric_and_below_every_item(space):
    items = items_of((6, 4, 5, 6), 15)
    found = ng.frechet_mean(items, **space)
    assert found.objective <= found.item_objectives.min()
    assert_allclose(found.objective, found.start_objectives.min(), rtol=1e-8)
    assert_allclose(found.objective, np.mean(found.distances**2), rtol=1e-9)
    # The mean is whitened already, and so are the aligned items.
    plain = {name: value for name, value in space.items() if name != "alpha"}
    for aligned, own in zip(found.aligned, found.distances, strict=True):
        assert_allclose(distance_of(plain)(aligned, found.mean), own, rtol=1e-6)
    for k, X in enumerate(items):
        assert_allclose((X - found.offsets[k]) @ found.maps[k], found.aligned[k], atol=1e-9)
    between = ng.pairwise(items, ng.ShapeMetric(**{"score": "euclidean", **space})).values
    assert_allclose(found.item_objectives, (between**2).mean(axis=1), rtol=1e-8)


@pytest.mark.parametrize("space", [*SPACES, *PERMUTED])
def test_the_objective_never_rises(space):
    from neurogeom.pairs.shapes import Space, as_shapes, padded

    options = {"group": "orth", "alpha": 1.0, "score": "euclidean", "center": True, **space}
    here = Space(**options)
    items, shapes = as_shapes(items_of((6, 4, 5), 15), here, 1)
    found = here.search(shapes, padded(shapes[0].points, here.width_of(items)), 500)
    assert (np.diff(found.values) <= 0).all()
    assert found.is_converged


@pytest.mark.parametrize("score", ["euclidean", "angular"])
def test_rotated_copies_have_themselves_as_mean(score):
    X = items_of((5,), 12)[0]
    found = ng.frechet_mean([turned(X, k) + k for k in range(4)], score=score)
    assert found.objective < 1e-20 * np.sum(X**2)
    assert ng.procrustes(found.mean, X) < 1e-7
    shuffled = [X[:, np.random.default_rng(k).permutation(5)] for k in range(4)]
    found = ng.frechet_mean(shuffled, score=score, group="perm")
    assert found.objective < 1e-20 * np.sum(X**2)
    assert ng.Permutation().distance(found.mean, X) < 1e-7


@pytest.mark.parametrize("seed", range(3))
def test_permutations_against_enumeration(seed):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(6, 3))
    items = [(shared + 0.7 * rng.normal(size=(6, 3)))[:, rng.permutation(3)] for _ in range(3)]
    centred = [X - X.mean(axis=0) for X in items]
    orders = list(itertools.permutations(range(3)))
    least = np.inf
    for first, second in itertools.product(orders, orders):
        aligned = np.array([centred[0], centred[1][:, first], centred[2][:, second]])
        least = min(least, np.sum((aligned - aligned.mean(axis=0)) ** 2) / 3)
    found = ng.frechet_mean(items, group="perm")
    assert found.objective >= least * (1 - 1e-12)
    # Of items without anything in common, the search need not find the best of all; here it does.
    assert_allclose(found.objective, least, rtol=1e-12)


def test_mean_of_one_unit_each_is_that_of_the_signed_vectors():
    items = list(np.random.default_rng(0).normal(size=(5, 9, 1)))
    centred = np.array([X - X.mean(axis=0) for X in items])[..., 0]
    signs = np.array(list(itertools.product([1, -1], repeat=5)))
    means = signs @ centred / 5
    least = (centred**2).sum() / 5 - (means**2).sum(axis=1).max()
    assert_allclose(ng.frechet_mean(items).objective, least, rtol=1e-10)


def test_more_units_than_stimuli_change_nothing():
    items = items_of((5, 4, 5), 12)
    wide = [turned(np.hstack([X, np.zeros((12, 25))]), k) for k, X in enumerate(items)]
    found = ng.frechet_mean(wide)
    assert found.mean.shape == (12, 11)
    # More columns leave more room.
    assert found.objective <= ng.frechet_mean(items).objective * (1 + 1e-9)


def test_same_bits_for_any_number_of_threads_and_input_is_left_alone():
    items = items_of((6, 4, 9, 5), 20)
    before = [X.copy() for X in items]
    for X in items:
        X.flags.writeable = False
    for space in ({}, {"group": "perm"}):
        one, three = (ng.frechet_mean(items, n_threads=n, **space) for n in (1, 3))
        assert_array_equal(one.mean, three.mean)
        assert_array_equal(one.start_objectives, three.start_objectives)
    one, three = (ng.shape_kmeans(items, 2, n_threads=n) for n in (1, 3))
    assert_array_equal(one.distances, three.distances)
    for X, copy in zip(items, before, strict=True):
        assert_array_equal(X, copy)


@pytest.mark.parametrize("space", [*SPACES, *PERMUTED])
def test_tangent_vectors_have_the_length_of_distances(space):
    items = items_of((6, 4, 5, 6), 15)
    mean = ng.frechet_mean(items, **space)
    found = ng.tangent_space(items, mean)
    assert_allclose(np.linalg.norm(found.vectors, axis=1), mean.distances, rtol=1e-9)
    assert_allclose(found.vectors.mean(axis=0), 0, atol=1e-4)  # the mean is stationary
    assert_allclose(found.explained.sum(), 1)
    centred = found.vectors - found.vectors.mean(axis=0)
    assert_allclose(found.coordinates @ found.coordinates.T, centred @ centred.T, atol=1e-9)


def test_tangent_vectors_point_from_the_mean_to_the_item():
    X = items_of((4,), 10)[0]
    mean = X - X.mean(axis=0)
    found = ng.tangent_space([1.1 * X, turned(X)], mean)
    assert_allclose(found.vectors[0].reshape(X.shape), 0.1 * mean, atol=1e-12)
    assert_allclose(found.vectors[1], 0, atol=1e-12)
    with pytest.raises(ValueError, match="score is that of the mean, 'euclidean', not 'angular'"):
        ng.tangent_space([X, X], ng.frechet_mean([X, X]), score="angular")
    with pytest.raises(ValueError, match="mean must have 10 stimuli as the items have, not 9"):
        ng.tangent_space([X, X], mean[:9])


@pytest.mark.parametrize("space", [{}, {"score": "angular", "alpha": 0.5}, {"group": "perm"}])
def test_planted_clusters(space):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 12, 4))
    planted = rng.integers(3, size=14)
    planted[:3] = [0, 1, 2]
    items = [centres[k] + 0.05 * rng.normal(size=(12, 4)) for k in planted]
    items = [X[:, rng.permutation(4)] for X in items]
    found = ng.shape_kmeans(items, 3, n_starts=5, **space)
    assert found.labels.tolist() == planted.tolist()
    assert (np.diff(found.history) <= 1e-12 * found.history[0]).all()
    assert found.inertia <= found.start_inertias.min() * (1 + 1e-8)
    own = found.distances[found.labels, range(14)]
    assert_allclose(np.sum(own**2), found.inertia, rtol=1e-9)
    assert (own <= found.distances.min(axis=0)).all()


def test_extreme_numbers_of_clusters():
    items = items_of((4, 3, 4), 10)
    one = ng.shape_kmeans(items, 1)
    assert_allclose(one.inertia, 3 * ng.frechet_mean(items).objective, rtol=1e-6)
    each = ng.shape_kmeans(items, 3)
    assert each.labels.tolist() == [0, 1, 2]
    assert each.inertia < 1e-20
    same = ng.shape_kmeans([items[0]] * 3, 2)
    assert sorted(set(same.labels.tolist())) == [0, 1]
    with pytest.raises(ValueError, match="n_clusters must be at most the number of items, 3, not 4"):
        ng.shape_kmeans(items, 4)


def test_one_item_names_and_files(tmp_path):
    X = items_of((4,), 10)[0]
    found = ng.frechet_mean({"V1": X})
    assert found.names.tolist() == ["V1"]
    assert found.objective < 1e-20
    found.save(tmp_path / "m.npz")
    assert_array_equal(ng.load(tmp_path / "m.npz").maps[0], found.maps[0])


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([], {}, "at least 1 representation"),
        ([np.ones((5, 2))], {}, "does not vary"),
        ([np.full((5, 2), np.nan)], {}, "nan"),
        (items_of((3, 3), 10), {"group": "roll"}, "group must be one of 'orth', 'perm'"),
        (items_of((3, 3), 10), {"group": "perm", "alpha": 0.5}, "alpha must be 1 for group='perm', not 0.5"),
        (items_of((3, 3), 10), {"n_starts": 3}, "n_starts must be at most the number of items, 2"),
        ([items_of((3,), 10)[0], items_of((3,), 9)[0]], {}, "same stimuli"),
    ],
)
def test_bad_input(items, options, message):
    with pytest.raises(ValueError, match=message):
        ng.frechet_mean(items, **options)


def test_slow_searches_are_warned_of():
    items = items_of((6, 4, 5, 6), 15)
    with pytest.warns(ConvergenceWarning, match="within max_iter=2"):
        assert ng.frechet_mean(items, max_iter=2).status == 1
