"""Whether a matrix is one of distances, against all triples."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform


def random_square(count=23, seed=0):
    return squareform(np.random.default_rng(seed).random(count * (count - 1) // 2))


def all_excesses(D):
    """By how much the longest side of each triple exceeds the other two."""
    sides = [(D[i, j], D[i, k], D[j, k]) for i, j, k in itertools.combinations(range(len(D)), 3)]
    return np.array([2 * max(three) - sum(three) for three in sides])


@pytest.mark.parametrize("n_threads", [1, 3])
def test_triangles(n_threads):
    D = random_square()
    found, excess = ng.check_metric(D, n_threads=n_threads), all_excesses(D)
    assert found.n_violations == (excess > 0).sum()
    assert found.n_triangles == len(excess)
    assert found.max_violation == pytest.approx(excess.max(), rel=1e-14)
    i, k, j = found.worst
    assert D[i, k] - D[i, j] - D[j, k] == pytest.approx(found.max_violation)
    mended = D + found.additive_constant * (1 - np.eye(len(D)))
    assert ng.check_metric(mended).is_metric
    assert not ng.check_metric(mended - 1e-6 * (1 - np.eye(len(D)))).is_metric
    assert not found.is_metric


def test_distances_pass_and_squares_do_not():
    points = np.random.default_rng(1).normal(size=(40, 2))
    assert ng.check_metric(pdist(points)).is_metric
    assert ng.check_metric(pdist(points).astype(np.float32)).is_metric
    assert not ng.check_metric(pdist(points, "sqeuclidean")).is_metric
    line = ng.check_metric(np.abs(np.subtract.outer(range(6), range(6))))  # all triples just hold
    assert line.is_metric
    assert line.worst.tolist() == [-1, -1, -1]
    assert line.additive_constant == 0


def test_asymmetry_diagonal_and_sign():
    D = squareform(pdist(np.random.default_rng(2).normal(size=(6, 2)))) + 1
    np.fill_diagonal(D, 0)
    D[1, 4] += 0.25
    found = ng.check_metric(D)
    assert (found.max_asymmetry, found.is_metric) == (pytest.approx(0.25), False)
    D[4, 1] = D[1, 4]
    D[2, 2] = -0.5
    assert ng.check_metric(D).max_diagonal == 0.5
    assert ng.check_metric([[0, -1], [-1, 0]]).minimum == -1
    assert not ng.check_metric([[0, -1], [-1, 0]]).is_metric


def test_angles_between_representations_pass():
    items = np.random.default_rng(3).normal(size=(12, 20, 5))
    assert ng.check_metric(ng.pairwise(items)).is_metric


def test_bad_input():
    with pytest.raises(ValueError, match=r"distances\[0, 1\] is nan"):
        ng.check_metric([[0, np.nan], [np.nan, 0]])
    with pytest.raises(ValueError, match="tolerance must not be negative"):
        ng.check_metric([1.0], tolerance=-1)
    with pytest.raises(ValueError, match="similarities"):
        ng.check_metric(ng.pairwise(np.random.default_rng(0).normal(size=(3, 9, 2)), "cka"))
