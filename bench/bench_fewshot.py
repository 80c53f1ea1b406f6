"""Few-shot geometry of all pairs of classes, against the products that it needs; see README.md to run."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.threads import single_threaded_blas

# A tenth of the pairs of 200 classes.
C, K, N, M = 64, 100, 2048, 5


def classes():
    rng = np.random.default_rng(0)
    return rng.standard_normal((C, K, N)) + 0.05 * rng.standard_normal((C, 1, N))


def products(centred):
    """Sum of squares of the product of each pair; the product alone is the floor of what a pair takes."""
    found = np.full((C, C), np.nan)
    with single_threaded_blas():
        for a, b in itertools.combinations(range(C), 2):
            tile = centred[a] @ centred[b].T
            found[a, b] = np.vdot(tile, tile)
    return found


@pytest.mark.parametrize("level", ["gaussian", "exact"])
def test_fewshot_geometry(benchmark, level):
    points = classes()
    found = benchmark.pedantic(ng.fewshot_geometry, (points, M), {"level": level, "n_threads": 1}, rounds=3)
    overlaps = products(points - points.mean(axis=1, keepdims=True)) / K**2 / found.radius[:, None] ** 4
    above = np.triu_indices(C, 1)
    np.testing.assert_allclose(found.noise_noise_overlap[above], overlaps[above], rtol=1e-11)


def test_products_of_numpy(benchmark):
    points = classes()
    benchmark.pedantic(products, (points - points.mean(axis=1, keepdims=True),), rounds=3)
