"""Metric scaling against scikit-learn, means in shape space against netrep; see README.md for how to run."""

from __future__ import annotations

import inspect
import time

import neurogeom as ng
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

DISTANCES = squareform(
    np.arccos(1 - pdist(np.random.default_rng(0).normal(size=(200, 20)) * np.arange(1, 21) ** -0.7, "cosine"))
)
RNG = np.random.default_rng(1)
ITEMS = list(RNG.normal(size=(200, 50)) + RNG.normal(size=(12, 200, 50)))


def stress(points):
    return np.linalg.norm(squareform(pdist(points)) - DISTANCES) / np.linalg.norm(DISTANCES)


def test_mds(benchmark):
    found = benchmark.pedantic(ng.mds, (DISTANCES, 5), {"n_starts": 4, "n_threads": 1}, rounds=3)
    manifold = pytest.importorskip("sklearn.manifold")
    options = {"n_init": 4, "random_state": 0, "normalized_stress": False}
    # Before version 1.8, `metric` said something else.
    is_new = "metric_mds" in inspect.signature(manifold.MDS).parameters
    options["metric" if is_new else "dissimilarity"] = "precomputed"
    begin = time.perf_counter()
    points = manifold.MDS(5, **options, n_jobs=1).fit_transform(DISTANCES)
    benchmark.extra_info["scikit-learn, seconds"] = time.perf_counter() - begin
    benchmark.extra_info["stress, theirs and ours"] = (stress(points), found.stress)
    assert found.stress <= stress(points)


def test_check_metric(benchmark):
    D = squareform(pdist(np.random.default_rng(0).normal(size=(1000, 10))))
    assert benchmark.pedantic(ng.check_metric, (D,), {"n_threads": 1}, rounds=3).is_metric


def test_frechet_mean(benchmark):
    options = {"center": False, "n_starts": 1, "n_threads": 1}
    found = benchmark.pedantic(ng.frechet_mean, (ITEMS,), options, rounds=3)
    multiset = pytest.importorskip("netrep.multiset")
    begin = time.perf_counter()
    mean = multiset.frechet_mean(np.array(ITEMS), random_state=0, tol=1e-6, max_iter=1000)
    benchmark.extra_info["netrep, seconds"] = time.perf_counter() - begin
    theirs = np.mean([ng.procrustes(X, mean, score="euclidean", center=False) ** 2 for X in ITEMS])
    benchmark.extra_info["objective, theirs and ours"] = (theirs, found.objective)
    assert found.objective <= theirs * (1 + 1e-6)
