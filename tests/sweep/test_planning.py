"""Plans of sweeps: what they say, when they are taken up, and what they refuse."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.same_bits import assert_same_bits
from helpers.stores import TRUST, chunks, measured, nothing_left, quick_plan, short_measurements, stack, swept
from neurogeom._base import checks as _validate
from neurogeom.metrics import Metric
from neurogeom.sweep import planning as _plan

pytest.importorskip("zarr")

DATA = stack(9, 20, 4)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = tmp_path_factory.mktemp("sweeps") / "my sweep"
    return ng.sweep.plan(DATA, ["procrustes", "cka"], store=store, tile=4)


# ---- what a plan says


def test_fields(made):
    assert made.store.name == "my sweep"
    assert (made.n_items, made.n_units, made.n_tiles, made.tile) == (9, 36, 5, 4)
    low, high = made.core_hours_interval
    assert 0 < low < made.core_hours < high < 1
    assert 10e6 < made.peak_memory < 2e9
    assert made.bytes_read >= DATA.nbytes
    assert made.bytes_written > 5 * 2 * 16 * 8
    with pytest.raises(AttributeError):
        made.tile = 3


def test_text(made):
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in str(made).splitlines())
    assert lines["sweep"] == "procrustes, cka of 9 items"
    assert lines["work"].startswith("36 pairs, ")
    assert lines["tiles"] == "5, edge 4"
    assert "core-" in lines["processor time"]
    assert "inputs 5.76 kB" in lines["read"]
    assert "per worker with 1 thread(s)" in lines["memory"]
    assert lines["store"] == str(made.store)
    assert "text=" not in repr(made)


def test_commands_can_be_pasted(made):
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in str(made).splitlines())
    store = str(made.store)
    assert shlex.split(lines["one machine"]) == ["neurogeom", "sweep", "run", store]
    batch = shlex.split(lines["SLURM"])
    assert batch[:2] == ["sbatch", "--array=0-0"]
    work = shlex.split(batch[batch.index("--wrap") + 1])
    assert work[:6] == ["neurogeom", "sweep", "work", store, "--rank", "$SLURM_ARRAY_TASK_ID"]
    assert shlex.split(ng.sweep.status(store).resume_command) == ["neurogeom", "sweep", "run", store]


def test_text_of_jobs():
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 10), seeds=[0, 1], n_samples=10)
    plan = quick_plan(DATA, jobs)
    assert "CapacityJobs(kind='mean_field', 2 manifolds, 2 seeds, n_samples=10) of 9 items" in str(plan)
    assert "18 jobs, " in str(plan)
    assert (plan.n_units, plan.n_items) == (18, 9)


@pytest.mark.parametrize(
    ("options", "n_units"),
    [
        ({}, 36),
        ({"metric": "pwcca"}, 72),
        ({"metric": "ridge"}, 81),
        ({"metric": ng.RSA(compare="tau-a")}, 45),
        ({"metric": ["cka", "pwcca"]}, 72),
        ({"others": DATA[:2]}, 18),
        ({"null": 3}, 36),
    ],
)
@pytest.mark.parametrize("tile", [1, 4, 9, 50])
def test_number_of_pairs(options, n_units, tile):
    assert quick_plan(DATA, tile=tile, **options).n_units == n_units


def test_a_dry_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with nothing_left(tmp_path):
        plan = ng.sweep.plan(DATA, "cka", tile=4)
    assert plan.store is None
    assert "store" not in str(plan)
    assert "neurogeom sweep" not in str(plan)
    assert (plan.n_units, plan.n_tiles) == (36, 5)


def test_a_plan_computes_nothing_yet(made):
    assert sorted(path.name for path in made.store.iterdir()) == ["inputs", "items", "values", "zarr.json"]
    assert chunks(made.store) == {}


# ---- tiles


@pytest.mark.parametrize("tile", [1, 3, 9, 1000, np.int64(2)])
def test_explicit_tiles(tile):
    plan = quick_plan(DATA, tile=tile)
    blocks = -(-9 // int(tile))
    alone = 9 % int(tile) == 1 or tile == 1  # a block of one item has no pairs with itself
    empty = blocks if tile == 1 else int(alone)
    assert plan.n_tiles == blocks * (blocks + 1) // 2 - empty
    assert plan.tile == tile


def test_automatic_tiles():
    data = stack(200, 4, 1)
    plan = quick_plan(data)
    assert 1 <= plan.tile <= 200
    few = quick_plan(data, max_files=10)
    assert few.n_tiles <= 16, "one more block along each edge than the whole number that was asked for"
    assert few.tile >= plan.tile
    short = quick_plan(data, target_seconds=1e-9)
    assert short.tile <= 8
    assert quick_plan(data, target_seconds=1e9).tile >= short.tile
    assert quick_plan(data, target_seconds=1e-9, max_files=1).tile == 200 / 2**0.5 // 1 + 1


def test_automatic_tiles_of_jobs():
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 10), seeds=range(10), n_samples=10)
    assert quick_plan(DATA, jobs, max_files=4).n_tiles <= 4
    assert quick_plan(DATA, jobs, target_seconds=1e-9).n_tiles == 90


# ---- a store that is there


def test_taken_up_again(made, tmp_path):
    store = shutil.copytree(made.store, tmp_path / "s")
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    for tile in (4, "auto"):  # whichever tile was chosen, the sweep is the same
        again = ng.sweep.plan(DATA, ["procrustes", "cka"], store=store, tile=tile)
        assert again.core_hours == made.core_hours
        assert (again.n_tiles, again.tile) == (5, 4)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    ng.sweep.run(store)
    ng.sweep.plan(DATA, ["procrustes", "cka"], store=store)
    assert ng.sweep.status(store).is_complete
    ng.sweep.extend(store, DATA[:1] + 1)
    for items in (DATA, [*DATA, DATA[0] + 1]):
        ng.sweep.plan(items, ["procrustes", "cka"], store=store)
    assert ng.sweep.status(store).n_items == 10
    with pytest.raises(ng.sweep.SweepError, match="items differ"):
        ng.sweep.plan([*DATA, DATA[0] + 2], ["procrustes", "cka"], store=store)


OTHER_PLANS = {
    "metrics": {"metric": ["procrustes"]},
    "order of metrics": {"metric": ["cka", "procrustes"]},
    "options": {"metric": ["procrustes", ng.CKA(estimator="biased")]},
    "tile": {"tile": 5},
    "items": {"items": DATA[:8]},
    "content": {"items": DATA + 1e-12},
    "dtype": {"items": DATA.astype("f4")},
    "order": {"items": DATA[::-1]},
    "names": {"names": [*"abcdefghi"]},
    "others": {"others": DATA[:2]},
    "null": {"null": 2},
    "ids": {"items": [ng.Representation(item, ids=range(20)) for item in DATA]},
    "a single metric": {"metric": "procrustes"},
}


@pytest.mark.parametrize("case", OTHER_PLANS)
def test_another_plan_is_refused(case, made):
    options = {"items": DATA, "metric": ["procrustes", "cka"], **OTHER_PLANS[case]}
    with (
        nothing_left(made.store),
        pytest.raises(ng.sweep.SweepError, match=r"another plan: .* differ"),
    ):
        ng.sweep.plan(store=made.store, **options)


def test_what_a_metric_was_made_with_is_part_of_the_plan(tmp_path):
    def plan(scale):
        metric = ng.RSA("mahalanobis", noise_covariance=scale * np.eye(4))
        return quick_plan(DATA, metric, store=tmp_path / "s")

    assert plan(1.0).n_units == plan(1.0).n_units
    with pytest.raises(ng.sweep.SweepError, match="another plan: arguments differ"):
        plan(2.0)


def test_arguments_that_were_changed_are_refused(tmp_path):
    metric = ng.RSA("mahalanobis", noise_covariance=np.eye(4))
    quick_plan(DATA, metric, store=tmp_path / "s")
    path = tmp_path / "s" / "arguments.npz"
    with np.load(path) as archive:
        arrays = {name: 2 * archive[name] for name in archive.files}
    for spoil in (lambda: np.savez(path, **arrays), lambda: path.write_bytes(b"PK"), path.unlink):
        spoil()
        with pytest.raises(ng.sweep.SweepError, match=r"arguments\.npz is damaged, or was changed"):
            ng.sweep.run(tmp_path / "s")


def test_another_seed_of_the_null_is_another_plan(tmp_path):
    quick_plan(DATA, null=2, rng=1, store=tmp_path / "s")
    quick_plan(DATA, null=2, rng=1, store=tmp_path / "s")
    for rng in (2, None):
        with pytest.raises(ng.sweep.SweepError, match="another plan: key differ"):
            quick_plan(DATA, null=2, rng=rng, store=tmp_path / "s")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_something_else_is_there(kind, tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    with nothing_left(tmp_path), pytest.raises(FileExistsError, match="exists, but is not a sweep: choose"):
        ng.sweep.plan(DATA, store=tmp_path / kind)


# ---- what other processes can make


class InsideAScript(own.MeanProduct):
    pass


InsideAScript.__module__ = "__main__"


def made_inside():
    class Local(own.MeanProduct):
        pass

    return Local()


def hidden(data):
    return data @ data.T


renamed, hidden = hidden, None

UNIMPORTABLE = {
    "a lambda": (lambda: ng.CKA(lambda x: x @ x.T), "a lambda"),
    "a local class": (made_inside, "Local"),
    "a class of a script": (InsideAScript, "'__main__:InsideAScript'"),
    "a function that is not there": (lambda: ng.CKA(renamed), "importing that gives something else"),
    "a method of an object": (
        lambda: ng.CKA(own.ready.similarity),
        "of neurogeom, which a store cannot name",
    ),
}


@pytest.mark.parametrize("case", UNIMPORTABLE)
def test_metrics_that_workers_cannot_make(case, tmp_path):
    make, text = UNIMPORTABLE[case]
    with nothing_left(tmp_path), pytest.raises(TypeError, match=text):
        ng.sweep.plan(DATA, make(), store=tmp_path / "s")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("helpers.own_metrics:UnitCount", own.UnitCount()),
        ("helpers.own_metrics:Outer.Inner", own.Outer.Inner()),
        ("helpers.own_metrics:biased_cka", ng.CKA(estimator="biased")),
        ("helpers.own_metrics:ready", ng.CKA("rbf")),
        ("neurogeom:CKA", ng.CKA()),
    ],
)
def test_metrics_by_path(path, known, tmp_path):
    found = swept(tmp_path / "s", DATA, path, tile=4)
    assert_same_bits(found, ng.pairwise(DATA, known))


def test_a_metric_of_ones_own_is_measured_in_another_process(tmp_path):
    metrics = [own.Heavier(3), ng.CKA(own.cubic_kernel), "helpers.own_metrics:MeanProduct"]
    plan = ng.sweep.plan(DATA, metrics, store=tmp_path / "s")
    assert plan.n_units == 81
    assert f"neurogeom sweep run {plan.store} --trust helpers\n" in str(plan)
    assert f"neurogeom sweep work {plan.store} --trust helpers --rank" in str(plan)
    assert ng.sweep.run(plan.store, trust=TRUST).is_complete
    known = ng.pairwise(DATA, [*metrics[:2], own.MeanProduct()])
    assert_same_bits(ng.sweep.open(plan.store, trust=TRUST), known)


BAD_METRICS = {
    "unknown name": ("cosine", ValueError, "metric must be one of"),
    "no module": ("no_such_module:Metric", ValueError, "metric 'no_such_module:Metric' cannot be imported"),
    "no attribute": ("helpers.own_metrics:Nothing", ValueError, "cannot be imported: .*Nothing"),
    "no metric": (
        "helpers.own_metrics:not_a_metric",
        TypeError,
        "must be a neurogeom.Metric, not list",
    ),
    "something else": (3, TypeError, "metric must be a name or a metric object, not int"),
    "none": ([], ValueError, "metric must hold at least 1"),
    "twice": (["cka", ng.CKA()], ValueError, "names of the metrics must be distinct, but 'cka'"),
}


@pytest.mark.parametrize("case", BAD_METRICS)
def test_bad_metrics(case, tmp_path):
    metric, error, text = BAD_METRICS[case]
    with nothing_left(tmp_path), pytest.raises(error, match=text):
        ng.sweep.plan(DATA, metric, store=tmp_path / "s")


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (ng.RSA("mahalanobis", noise_covariance=np.eye(3)), "noise_covariance"),
        (Metric(), "NotImplementedError"),
    ],
    ids=["options", "abstract"],
)
def test_what_goes_wrong_while_measuring_is_passed_on(metric, text, tmp_path):
    with nothing_left(tmp_path), pytest.raises(ValueError, match=text):
        ng.sweep.plan(DATA, metric, store=tmp_path / "s")


# ---- limits and bad values


def test_too_little_memory_for_the_interpreter(tmp_path):
    with nothing_left(tmp_path), pytest.raises(ng.sweep.SweepError, match=r"does not fit: .*max_ram=1 MB"):
        ng.sweep.plan(DATA, store=tmp_path / "s", max_ram="1MB")


def test_too_little_memory_for_a_tile(tmp_path):
    needed = quick_plan(DATA, tile=1).peak_memory
    with (
        nothing_left(tmp_path),
        pytest.raises(ng.sweep.SweepError, match=r"tile of edge 9000 needs .* MB"),
    ):
        quick_plan(DATA, tile=9000, store=tmp_path / "s", max_ram=3 * needed)
    assert quick_plan(DATA, tile="auto", max_ram=3 * needed).peak_memory <= 3 * needed


BAD_VALUES = [
    ("tile", 0, ValueError),
    ("tile", 1.5, TypeError),
    ("tile", "large", TypeError),
    ("tile", True, TypeError),
    ("tile", None, TypeError),
    ("max_ram", "much", ValueError),
    ("max_ram", -1, ValueError),
    ("max_ram", 0, ValueError),
    ("max_ram", True, ValueError),
    ("max_ram", None, ValueError),
    ("max_ram", float("nan"), ValueError),
    ("max_ram", float("inf"), ValueError),
    ("max_ram", "1e999", ValueError),
    ("max_ram", "1.2.3 GB", ValueError),
    ("target_seconds", 0, ValueError),
    ("target_seconds", -1, ValueError),
    ("target_seconds", float("nan"), ValueError),
    ("target_seconds", "1m", TypeError),
    ("max_files", 0, ValueError),
    ("max_files", 2.5, TypeError),
    ("n_threads", 0, ValueError),
    ("n_threads", "2", TypeError),
    ("store", 3, TypeError),
]


@pytest.mark.parametrize(("name", "value", "error"), BAD_VALUES)
def test_bad_values(name, value, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with nothing_left(tmp_path), pytest.raises(error, match=name):
        ng.sweep.plan(DATA, **{"store": "s", name: value})


# ---- without Zarr


def hide_zarr(monkeypatch, version=None):
    """Have no Zarr, or one of this version."""
    monkeypatch.setitem(sys.modules, "zarr", version and types.SimpleNamespace(__version__=version))


def test_a_plan_without_store_needs_no_zarr(monkeypatch):
    hide_zarr(monkeypatch)
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 6), n_samples=10)
    with short_measurements():
        assert ng.sweep.plan(stack(3), ["cka", "ridge"]).n_units == 9
        assert ng.sweep.plan(stack(3), jobs).n_units == 3


@pytest.mark.parametrize(
    ("version", "python", "text"),
    [
        (None, (3, 12, 1), r"a sweep's store needs zarr: pip install 'neurogeom\[store\]'"),
        (None, (3, 10, 13), r"a sweep's store needs Zarr 3, which needs Python 3.11: this is 3.10"),
        ("2.18.3", (3, 10, 13), r"needs Zarr 3, which needs Python 3.11: this is Zarr 2.18.3"),
    ],
)
def test_what_a_store_needs(version, python, text, monkeypatch, tmp_path):
    hide_zarr(monkeypatch, version)
    monkeypatch.setattr(_validate, "sys", types.SimpleNamespace(version_info=python))
    with pytest.raises(ImportError, match=text):
        quick_plan(stack(3), store=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_plans_made_at_the_same_time_do_not_disturb_each_other(tmp_path):
    data, store = stack(4), tmp_path / "s.zarr"
    known, ready = measured("pairs"), threading.Barrier(2)

    def meanwhile(folder, trust):
        ready.wait(timeout=20)  # both have their drafts
        return known

    def make(k):
        try:
            return ng.sweep.plan(data, store=store, tile=2).n_tiles
        except FileExistsError as error:
            return str(error)

    with mock.patch.object(_plan, "calibrate", meanwhile), ThreadPoolExecutor(2) as pool:
        found = sorted(map(str, pool.map(make, range(2))))
    assert found[1] == "3"
    assert "made by another process" in found[0]
    assert ng.sweep.run(store, n_threads=1).is_complete
    assert [path.name for path in tmp_path.iterdir()] == ["s.zarr"]
