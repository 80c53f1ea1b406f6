"""Neighbours against sets and loops, and against reference values."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import references
from scipy.spatial.distance import cdist, cosine

KINDS = ("mutual", "jaccard", "rank", "cknna", "cycle", "second_order_cosine")


def pair(n_stimuli=30, seed=0, widths=(6, 4)):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_stimuli, 3))
    return [shared @ rng.normal(size=(3, n)) + rng.normal(size=(n_stimuli, n)) for n in widths]


def ranked(distances, k):
    """The k nearest others of each stimulus, as lists; ties by index."""
    count = len(distances)
    return [sorted(set(range(count)) - {i}, key=lambda j: (distances[i, j], j))[:k] for i in range(count)]


def song(a, b):
    """The unbiased HSIC as a sum over entries, of matrices that need not be symmetric."""
    a, b = a - np.diag(np.diag(a)), b - np.diag(np.diag(b))
    m, one = len(a), np.ones(len(a))
    terms = (
        np.trace(a @ b),
        one @ a @ one * (one @ b @ one) / ((m - 1) * (m - 2)),
        one @ a @ b @ one / (m - 2),
    )
    return (terms[0] + terms[1] - 2 * terms[2]) / (m * (m - 3))


def brute_force(kind, k, distances):
    nearest = [ranked(d, k) for d in distances]
    count = len(distances[0])
    each = []
    masks = [np.zeros((count, count)) for _ in nearest]
    for i in range(count):
        x, y = (side[i] for side in nearest)
        common, either = set(x) & set(y), sorted(set(x) | set(y))
        for mask, side in zip(masks, (x, y), strict=True):
            mask[i, side] = 1
        scores = {
            "mutual": len(common) / k,
            "jaccard": len(common) / len(either),
            "rank": sum(
                2 / ((1 + abs(x.index(j) - y.index(j))) * (x.index(j) + y.index(j) + 2)) for j in common
            )
            / max(sum(1 / n for n in range(1, len(common) + 1)), 1),
            "cycle": float(any(i in nearest[0][j] for j in y)),
            "second_order_cosine": 1 - cosine(*(d[i, either] for d in distances)),
        }
        each.append(scores.get(kind))
    if kind != "cknna":
        return np.mean(each)
    kernels = [1 - d for d in distances]
    both = [masks[0] * masks[1] * kernel for kernel in kernels]
    own = [song(mask * kernel, mask * kernel) for mask, kernel in zip(masks, kernels, strict=True)]
    return (song(*both) + song(*both[::-1])) / 2 / np.sqrt(own[0] * own[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 4, 10])
def test_against_sets(kind, k):
    x, y = pair()
    expected = brute_force(kind, k, [cdist(item, item, "cosine") for item in (x, y)])
    if kind == "cknna":
        expected = min(expected, 1.0)
    assert ng.Neighbours(kind, k).similarity(x, y) == pytest.approx(expected, rel=1e-10)
    if kind != "cknna":
        expected = brute_force(kind, k, [cdist(item, item) for item in (x, y)])
        found = ng.Neighbours(kind, k, distance="euclidean").similarity(x, y)
        assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("k", [5, 10])
def test_reference_values(k):
    x, y = references.reference_data("XY")
    for kind, name in (("mutual", "mutual_knn"), ("jaccard", "knn_jaccard")):
        found = ng.Neighbours(kind, k).similarity(x, y)
        assert found == pytest.approx(references.VALUES[f"{name} k={k} cosine (X,Y)"], abs=1e-12)


@pytest.mark.parametrize("kind", ["mutual", "jaccard", "rank", "cycle"])
def test_ties_go_to_the_stimulus_that_comes_first(kind):
    """Binary features, whose distances tie exactly in integers and only to rounding as they are computed."""
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 2, size=(25, n)) for n in (5, 7)]
    squares = [cdist(item, item, "sqeuclidean").round() for item in items]
    scaled = [0.1 * item + 0.3 for item in items]
    for k in (3, 24):
        expected = brute_force(kind, k, squares)
        assert ng.Neighbours(kind, k, distance="euclidean").similarity(*scaled) == pytest.approx(expected)


def test_all_others_as_neighbours():
    x, y = pair(12)
    assert ng.Neighbours("mutual", 11).similarity(x, y) == 1
    with pytest.raises(ValueError, match=r"n_neighbors is 12, but each of the 12 stimuli of X has 11 others"):
        ng.Neighbours("mutual", 12).similarity(x, y)


def test_stimuli_with_too_many_duplicates_have_no_second_order_cosine_but_a_value():
    """All distances in the union are zero: 1 if in both, 0 if in one."""
    same = np.ones((6, 2))
    metric = ng.Neighbours("second_order_cosine", 2)
    assert metric.similarity(same, 2 * same) == 1
    varied = np.random.default_rng(0).normal(size=(6, 2))
    assert metric.similarity(same, varied) == 0


def test_options_are_checked():
    with pytest.raises(ValueError, match="kind must be one of"):
        ng.Neighbours("nearest")
    with pytest.raises(ValueError, match="n_neighbors must be"):
        ng.Neighbours(n_neighbors=0)
    with pytest.raises(ValueError, match="distance must be one of"):
        ng.Neighbours(distance="manhattan")
    with pytest.raises(ValueError, match="center belongs to 'cosine' and 'correlation'"):
        ng.Neighbours(distance="euclidean", center=True)
    with pytest.raises(ValueError, match="not distance='euclidean'"):
        ng.Neighbours("cknna", distance="euclidean")
    with pytest.raises(ValueError, match="CKNNA needs at least 4 stimuli"):
        ng.Neighbours("cknna", 1).similarity(np.eye(3), np.eye(3))


def test_a_map_of_ranks_holds_many_neighbours():
    """More than fit into one byte."""
    x, y = pair(261)
    r, s = (cdist(item, item, "cosine").argsort(axis=1).argsort(axis=1) for item in (x, y))
    r, s = (side[~np.eye(261, dtype=bool)] for side in (r, s))  # the rank of a stimulus for itself is 0
    expected = np.sum(2 / ((1 + abs(r - s)) * (r + s))) / np.sum(1 / np.arange(1, 261)) / 261
    assert ng.Neighbours("rank", 260).similarity(x, y) == pytest.approx(expected)
