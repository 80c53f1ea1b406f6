"""The README's first promise: over seeds, and over machines, capacity varies by what its printed error says.

The directions that real centres share have several near-equal optima and ranks. They are a function of the
data, so that two seeds differ by their draws alone.
"""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys

import neurogeom as ng
import numpy as np
import pytest
from neurogeom import _core as baseline
from neurogeom.capacity import center_correlations

N_SEEDS = 40
LAYERS = ["layer0", "layer2", "layer4", "layer6", "fMRI"]


@functools.cache
def layer(name):
    if name == "fMRI":
        data = ng.datasets.load_haxby()
        return ng.manifolds(data.X, data.labels)
    data = ng.datasets.load_minilm_clinc()
    return ng.manifolds(data.layers[name], data.labels)


@pytest.mark.parametrize("name", LAYERS)
def test_spread_over_seeds_is_the_printed_error(name):
    results = [ng.manifold_capacity(layer(name), n_samples=60, rng=seed) for seed in range(N_SEEDS)]
    assert len({result.rank_removed for result in results}) == 1
    for field in ("mean_capacity", "mean_radius", "mean_dimension"):
        values = np.array([getattr(result, field) for result in results])
        errors = np.array([getattr(result, f"{field}_se") for result in results])
        # A standard deviation over N seeds has a relative standard error of 1/sqrt(2 (N - 1)), 11 %.
        ratio = values.std(ddof=1) / math.sqrt((errors**2).mean())
        assert abs(ratio - 1) < 4 / math.sqrt(2 * (N_SEEDS - 1)), field
        covered = np.abs(values - values.mean()) < 1.96 * errors
        assert covered.mean() > 0.95 - 4 * math.sqrt(0.05 * 0.95 / N_SEEDS), field


@pytest.mark.parametrize("name", LAYERS)
def test_other_starts_find_the_same_directions(name):
    clouds = layer(name)
    centers = np.array([np.asarray(cloud, dtype=float).mean(axis=0) for cloud in clouds])
    rows = center_correlations.center_coordinates(centers - centers.mean(axis=0))
    ends = []
    for key in (1, 2):
        found = center_correlations.search(rows, 10, key=key)
        rank = center_correlations.pick_rank(found)
        best = center_correlations.finish(rows, found[rank])
        ends.append((rank, best.cost, best.correlation))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)


@pytest.mark.parametrize(
    "setting",
    [{"OPENBLAS_CORETYPE": "Haswell"}, {"OPENBLAS_CORETYPE": "Nehalem", "NEUROGEOM_ISA": "baseline"}],
)
def test_another_kernel_or_module_changes_nothing_but_rounding(setting):
    if setting.get("OPENBLAS_CORETYPE") == "Haswell" and not baseline.supports_v3():
        pytest.skip("this CPU has no AVX2")
    code = (
        "import neurogeom as ng; d = ng.datasets.load_minilm_clinc()\n"
        "for x in d.layers.values():\n"
        "    r = ng.manifold_capacity(ng.manifolds(x, d.labels), n_samples=60, rng=0)\n"
        "    print(repr(r.mean_capacity), repr(r.mean_radius), repr(r.mean_dimension))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [[float(value) for value in line.split()] for line in run.stdout.splitlines()]
    results = [ng.manifold_capacity(layer(name), n_samples=60, rng=0) for name in LAYERS[:4]]
    ours = [[result.mean_capacity, result.mean_radius, result.mean_dimension] for result in results]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
