"""The drop-in for netrep's multiset, k-means, utils and validation: closed forms, netrep if installed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import scipy.linalg
from helpers.items import items_of
from neurogeom.compat.netrep import kmeans, multiset, rbf_sampler, utils, validation
from numpy.testing import assert_allclose, assert_array_equal


def objective(mean, items, group="orth"):
    return np.mean([np.sum((X @ utils.align(X, mean, group) - mean) ** 2) for X in items])


@pytest.mark.parametrize("group", ["orth", "perm"])
@pytest.mark.parametrize("method", ["streaming", "full_batch"])
def test_frechet_mean(group, method):
    items = items_of((5, 5, 5, 5), 12)
    before = [X.copy() for X in items]
    mean, aligned = multiset.frechet_mean(items, group, 0, method=method, return_aligned_Xs=True)
    assert mean.shape == (12, 5)
    assert_allclose(np.mean(aligned, axis=0), mean, atol=1e-5)
    assert objective(mean, items, group) <= min(objective(X, items, group) for X in items)
    warm = multiset.frechet_mean(items, group, warmstart=items[1], max_iter=500)
    assert objective(warm, items, group) >= objective(mean, items, group) * (1 - 1e-9)
    for X, copy in zip(items, before, strict=True):
        assert_array_equal(X, copy)
    theirs = pytest.importorskip("netrep.multiset")
    for seed in range(3):
        other = theirs.frechet_mean(np.array(items), group, seed, tol=1e-9, max_iter=1000)
        assert objective(mean, items, group) <= objective(other, items, group) * (1 + 1e-9)


def test_without_alignment_and_wrong_input():
    items = items_of((4, 4), 10)
    assert_allclose(multiset.frechet_mean(items, "identity"), np.mean(items, axis=0))
    assert_array_equal(multiset.frechet_mean(items[:1]), items[0])
    for options, message in (({"group": "roll"}, "group must be"), ({"method": "x"}, "method must be")):
        with pytest.raises(ValueError, match=message):
            multiset.frechet_mean(items, **options)
    with pytest.raises(ValueError, match=r"one shape, not \(10, 4\), \(10, 3\)"):
        multiset.frechet_mean([items[0], items[1][:, :3]])
    with pytest.raises(ValueError, match="warmstart must have shape"):
        multiset.frechet_mean(items, warmstart=items[0][:5])


def test_tangent_space_has_the_sign_of_netrep():
    X = items_of((4,), 10)[0]
    assert_allclose(multiset.euclidean_tangent_space([1.5 * X], X)[0], -0.5 * X, atol=1e-12)


def test_kmeans():
    A, B = np.random.default_rng(0).normal(size=(2, 10, 3))
    centroids, labels, distances = kmeans.procrustes_kmeans([A, B, -A, A[:, ::-1], -B], 2, random_state=1)
    assert labels.tolist() == [0, 1, 0, 0, 1]
    assert len(centroids) == 2
    assert distances.shape == (2, 5)
    assert_allclose(distances[labels, range(5)], 0, atol=1e-6)


def test_utils():
    rng = np.random.default_rng(0)
    A, B = (Z @ Z.T for Z in rng.normal(size=(2, 4, 4)))
    root = scipy.linalg.sqrtm(A)
    expected = np.trace(A + B - 2 * scipy.linalg.sqrtm(root @ B @ root)).real
    assert_allclose([utils.sq_bures_metric(A, B), utils.sq_bures_metric_slow(A, B)], expected)
    assert_allclose(utils.posdefsqrt(A), root, atol=1e-9)
    X = rng.normal(size=(6, 3))
    Q = utils.rand_orth(3, random_state=2)
    assert_allclose(X @ utils.align(X, X @ Q), X @ Q)
    assert_allclose(utils.angular_distance(X, -X), np.pi)
    left, values, right = utils.trunc_svd(X, 2)
    assert_allclose(np.linalg.norm(X - (left * values) @ right), utils.econ_svd(X)[1][2])
    for alpha in (0.0, 0.5, 1.0):
        XZ, Z = utils.whiten(X, alpha)
        assert_allclose([np.sum(XZ**2), *(X @ Z - XZ).ravel()], [np.sum(X**2), *np.zeros(18)], atol=1e-9)
    np.random.seed(3)  # what scripts do
    first = utils.rand_orth(4, 2)
    np.random.seed(3)
    assert_array_equal(utils.rand_orth(4, 2), first)


def test_hadamard():
    a = np.random.default_rng(0).normal(size=8)
    b = a.copy()
    utils.fwht(b)
    assert_allclose(b, scipy.linalg.hadamard(8) @ a)
    signs = utils.rand_struc_orth(8, 3, random_state=0)
    b = a.copy()
    utils.struc_orth_matvec(signs, b)
    assert_allclose(np.linalg.norm(b), np.linalg.norm(a))
    utils.struc_orth_matvec(signs, b, transpose=True)
    assert_allclose(b, a)
    with pytest.raises(ValueError, match="power of two"):
        utils.fwht(np.ones(6))


def test_validation_and_what_is_left_out():
    x, y = validation.check_equal_shapes(np.ones((4, 3)), np.ones((4, 2)), zero_pad=True)
    assert x.shape == y.shape == (4, 3)
    with pytest.raises(ValueError, match=r"the same shape, not \(4, 3\) and \(4, 2\)"):
        validation.check_equal_shapes(np.ones((4, 3)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="3 dimensions"):
        validation.check_equal_shapes(x, y, nd=3)
    with pytest.raises(ImportError, match=r"has no rbf_sampler\.RBFOrthoSampler"):
        importlib.import_module(rbf_sampler.__name__).RBFOrthoSampler  # noqa: B018
