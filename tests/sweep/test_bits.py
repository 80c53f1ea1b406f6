"""Sweeps give the same bits as the analysis in memory, whoever computes them, in whatever pieces."""

from __future__ import annotations

import signal

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.items import items_of, metric_of
from helpers.processes import DASK, RUN, WORK, script, wait_until
from helpers.same_bits import assert_same_bits
from helpers.stores import TRUST, chunks, quick_plan

pytest.importorskip("zarr")

METRICS = ["procrustes", "cca", "cka", "rsa", "ridge", "permutation"]
ITEMS = items_of((6, 4, 9, 5, 7, 3, 30, 8, 5), 40)
TESTS = items_of((6, 4, 9, 5, 7, 3, 30, 8, 5), 8, seed=1)
NULL = {"null": 5, "rng": 3}


@pytest.fixture(scope="module")
def expected():
    return ng.pairwise(ITEMS, METRICS, n_threads=1)


def make(folder, items=ITEMS, metric=METRICS, tile=2, **options):
    quick_plan(items, metric, store=folder / "sweep.zarr", tile=tile, **options)
    return folder / "sweep.zarr"


def null_fields(store):
    """All that a sweep with permutations has found, as bytes."""
    names = ("values", "null_mean", "null_sd", "p_value")
    return {m: [getattr(r, name).tobytes() for name in names] for m, r in ng.sweep.open(store).items()}


@pytest.mark.parametrize(("tile", "n_threads"), [(2, 1), (2, 3), (1, 2), (4, 1), (9, 2), (100, 1)])
def test_any_tile_and_number_of_threads(tmp_path, expected, tile, n_threads):
    store = make(tmp_path, tile=tile)
    assert ng.sweep.run(store, n_threads=n_threads).is_complete
    assert_same_bits(ng.sweep.open(store), expected)


def test_held_out(tmp_path):
    metrics = [name for name in METRICS if metric_of(name).has_held_out]
    assert len(metrics) > 2
    store = make(tmp_path, metric=metrics, test=TESTS)
    ng.sweep.run(store)
    assert_same_bits(ng.sweep.open(store), ng.pairwise(ITEMS, metrics, test=TESTS))


def test_null_does_not_depend_on_tiles_and_threads(tmp_path):
    found = []
    for tile, n_threads in ((9, 1), (2, 2), (4, 3)):
        (tmp_path / str(tile)).mkdir()
        store = make(tmp_path / str(tile), tile=tile, **NULL)
        ng.sweep.run(store, n_threads=n_threads)
        found.append(null_fields(store))
    assert found[0] == found[1] == found[2]


def test_two_dask_workers(tmp_path, expected):
    pytest.importorskip("distributed")
    store = make(tmp_path, tile=2, **NULL)
    with script(DASK, store) as child:
        code, _, err = child.wait(60)
    assert code == 0, err
    for name, result in ng.sweep.open(store).items():
        np.testing.assert_array_equal(result.values, expected[name].values)
    (tmp_path / "alone").mkdir()
    alone = make(tmp_path / "alone", tile=9, **NULL)
    ng.sweep.run(alone)
    assert null_fields(store) == null_fields(alone)


def test_two_stateless_workers(tmp_path, expected):
    store = make(tmp_path, tile=1)
    with script(WORK, store, 0, 2) as first, script(WORK, store, 1, 2) as second:
        for child in (first, second):
            code, _, err = child.wait(60)
            assert code == 0, err
    assert_same_bits(ng.sweep.open(store), expected)


def test_killed_and_resumed(tmp_path, expected):
    control = tmp_path / "control"
    control.mkdir()
    (control / "open").touch()
    store = make(tmp_path, metric=[own.Controlled(str(control)), *METRICS[1:]], tile=1)
    (control / "open").unlink()
    for k in range(10):
        (control / f"ticket-{k}").touch()
    with script(RUN, store) as child:
        wait_until(lambda: any(control.glob("waiting-*")))
        child.send(signal.SIGKILL)
        child.wait(60)
    before = chunks(store)
    assert len(before) == 10
    (control / "open").touch()
    ng.sweep.run(store, n_threads=2, trust=TRUST)
    assert_same_bits(ng.sweep.open(store, trust=TRUST), expected)
    assert before.items() <= chunks(store).items()


@pytest.mark.parametrize("sizes", [(2, 7), (4, 1, 4), (5, 4)])
def test_extended(tmp_path, expected, sizes):
    """Also where the last block was not full, and before the first part was finished."""
    store = make(tmp_path, ITEMS[: sizes[0]])
    for k in range(1, len(sizes)):
        if k == 1:
            ng.sweep.run(store)
        before = chunks(store)
        start = sum(sizes[:k])
        ng.sweep.extend(store, ITEMS[start : start + sizes[k]])
    ng.sweep.run(store, n_threads=2, trust=TRUST)
    assert_same_bits(ng.sweep.open(store, trust=TRUST), expected)
    assert before.items() <= chunks(store).items()


def test_extended_null(tmp_path):
    found = []
    for start in (9, 5):
        (tmp_path / str(start)).mkdir()
        store = make(tmp_path / str(start), ITEMS[:start], **NULL)
        ng.sweep.run(store)
        if start < 9:
            ng.sweep.extend(store, ITEMS[start:])
            ng.sweep.run(store)
        found.append(null_fields(store))
    assert found[0] == found[1]


def test_verification_computes_the_same_bits(tmp_path):
    store = make(tmp_path, **NULL)
    ng.sweep.run(store, n_threads=2)
    found = ng.sweep.verify(store, sample=1000, n_threads=3)
    assert found.is_sound
    assert len(found.recomputed) == found.n_tiles == 25


# ---- capacity

LABELS = np.repeat(["cat", "dog", "fox", "owl"], 5)
SUBJECTS = items_of((60, 50, 70, 55, 80), 20)
JOBS = {
    "mean_field": {"n_samples": 40},
    "joint": {"n_samples": 40},
}
FUNCTIONS = {"mean_field": ng.manifold_capacity, "joint": ng.effective_geometry}


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize(("tile", "n_threads", "extended"), [(1, 1, False), (5, 2, False), (4, 2, True)])
def test_capacity(tmp_path, kind, tile, n_threads, extended):
    items, seeds = SUBJECTS[:4], (3, 0)
    jobs = ng.sweep.CapacityJobs(LABELS, kind, seeds=seeds, **JOBS[kind])
    store = make(tmp_path, items[:3] if extended else items, jobs, tile)
    ng.sweep.run(store, n_threads=n_threads)
    if extended:
        ng.sweep.extend(store, items[3:])
        ng.sweep.run(store, n_threads=n_threads)
    found = ng.sweep.open(store)
    assert found.seeds.tolist() == [3, 0] * 4
    assert found.names.tolist() == [name for name in "0123" for _ in seeds]
    results = [
        FUNCTIONS[kind](ng.manifolds(item, LABELS), rng=seed, n_threads=1, **JOBS[kind])
        for item in items
        for seed in seeds
    ]
    assert len(found.fields) > 5
    for name in found.fields:
        expected = np.array([float(getattr(result, name)) for result in results])
        assert found[name].tobytes() == expected.tobytes(), name
    assert np.isfinite(found[found.fields[0]]).all()


def test_capacity_by_two_stateless_workers(tmp_path):
    jobs = ng.sweep.CapacityJobs(LABELS, seeds=range(4), n_samples=40)
    store = make(tmp_path, SUBJECTS, jobs, 3)
    with script(WORK, store, 0, 2) as first, script(WORK, store, 1, 2) as second:
        for child in (first, second):
            assert child.wait(60)[0] == 0
    (tmp_path / "alone").mkdir()
    alone = make(tmp_path / "alone", SUBJECTS, jobs, 20)
    ng.sweep.run(alone)
    found, expected = ng.sweep.open(store), ng.sweep.open(alone)
    assert found.values.tobytes() == expected.values.tobytes()
    assert np.isfinite(found.values).all()
