"""A permutation of all pairs against the pair stage itself; see README.md for how to run.

A null of n permutations should cost at most n pair stages: records are permuted, never prepared again.
"""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.threads import single_threaded_blas
from neurogeom.inference import Permutations
from neurogeom.metrics.base import Tile, evaluate, prepare_item, reorder_item
from neurogeom.representations.items import as_items

K, N_STIMULI, N_UNITS = 50, 500, 128


@pytest.fixture(scope="module", params=["procrustes", "cca", "cka", "rsa"])
def prepared(request):
    rng = np.random.default_rng(0)
    items = as_items(list(rng.normal(size=(K, N_STIMULI, N_UNITS))), "items")
    metrics = [ng.metrics.as_metric(request.param)]
    with single_threaded_blas():
        return metrics, items, [prepare_item(metrics, item) for item in items]


def pair_stage(metrics, rows, columns):
    return evaluate(metrics, Tile(rows, columns, np.triu(np.ones((K, K), dtype=bool), 1), 1))


def permutation(metrics, items, records, draw):
    orders = Permutations(10, 0)
    columns = [
        reorder_item(metrics, record, item, orders.order(N_STIMULI, k, draw))
        for k, (item, record) in enumerate(zip(items, records, strict=True))
    ]
    return pair_stage(metrics, records, columns)


def test_pair_stage(benchmark, prepared):
    metrics, _, records = prepared
    with single_threaded_blas():
        benchmark.pedantic(pair_stage, (metrics, records, records), rounds=5, warmup_rounds=1)


def test_permutation(benchmark, prepared):
    metrics, items, records = prepared
    with single_threaded_blas():
        benchmark.pedantic(permutation, (metrics, items, records, 1), rounds=5, warmup_rounds=1)
