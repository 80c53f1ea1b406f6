"""Sweeps end to end through a store, small; see README.md for how to run."""

from __future__ import annotations

import shutil

import neurogeom as ng
import pytest

from bench.cases_pairwise import SMALL, representations

pytest.importorskip("zarr")


@pytest.mark.parametrize("metric", ["procrustes", "cka"])
def test_sweep_through_a_store(benchmark, tmp_path, metric):
    items = representations(SMALL[1], 20)
    planned, store = tmp_path / "planned.zarr", tmp_path / "sweep.zarr"
    ng.sweep.plan(items, metric, store=planned)

    def anew():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(planned, store)
        return (store,), {"n_threads": 1}

    benchmark.pedantic(ng.sweep.run, setup=anew, rounds=3)
    expected = ng.pairwise(items, metric).values
    assert ng.sweep.open(store).values.tobytes() == expected.tobytes()
