"""Extensions of sweeps: the bits of the whole, from the new tiles only; and what cannot be added."""

from __future__ import annotations

import itertools
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.same_bits import assert_same_bits
from helpers.stores import chunks, nothing_left, quick_plan, stack, swept
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("zarr")

METRICS = ["procrustes", "cka", "pwcca", "ridge"]
ITEMS = items_of((6, 4, 9, 5, 7, 3, 8))
KNOWN = ng.pairwise(ITEMS, METRICS)
SWEEP = {"items": ITEMS[:4], "metric": METRICS, "tile": 3}


def run(store):
    assert ng.sweep.run(store).is_complete
    return ng.sweep.open(store)


# ---- the bits of the whole


def test_only_new_tiles_are_computed(store):
    before = chunks(store)
    prepared = {path.name: path.stat().st_mtime_ns for path in (store / "prepared").iterdir()}
    status = ng.sweep.extend(store, ITEMS[4:])
    assert (status.done, status.left) == (4, 5)
    assert (status.n_items, status.prepared) == (7, 4)
    assert_same_bits(run(store), KNOWN)
    after = chunks(store)
    assert {name: after[name] for name in before} == before
    assert len(after) == 9
    for name, changed in prepared.items():
        assert (store / "prepared" / name).stat().st_mtime_ns == changed
    assert ng.sweep.verify(store).is_sound


def test_what_is_known_stays_readable_before_the_run(store):
    ng.sweep.extend(store, ITEMS[4:])
    for name, result in ng.sweep.open(store).items():
        new = np.ones((7, 7), dtype=bool)
        new[:4, :4] = False
        if KNOWN[name].symmetric or name == "pwcca":
            np.fill_diagonal(new, False)
        np.testing.assert_array_equal(np.isnan(result.values), new)
        assert result.values[:4, :4].tobytes() == KNOWN[name].values[:4, :4].tobytes()


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("tile", [1, 2, 5])
def test_extended_twice_and_unfinished(symmetric, tile, tmp_path):
    metrics = METRICS[:2] if symmetric else METRICS
    store = tmp_path / "s"
    quick_plan(ITEMS[:3], metrics, store=store, tile=tile)
    ng.sweep.extend(store, ITEMS[3:4])
    ng.sweep.work(store, time_limit=0)
    ng.sweep.extend(store, ITEMS[4:])
    assert_same_bits(run(store), {name: KNOWN[name] for name in metrics})


def test_rows_of_rows_and_columns(tmp_path):
    store = tmp_path / "s"
    columns = {"4": ITEMS[0], "other": ITEMS[1]}
    swept(store, ITEMS[2:4], METRICS, others=columns, tile=2)
    ng.sweep.extend(store, ITEMS[4:])
    assert_same_bits(run(store), ng.pairwise(ITEMS[2:], METRICS, others=columns))


def test_held_out(tmp_path):
    test = [np.random.default_rng(k).normal(size=(8, item.shape[1])) for k, item in enumerate(ITEMS)]
    store = tmp_path / "s"
    swept(store, ITEMS[:4], "procrustes", test=test[:4], tile=3)
    ng.sweep.extend(store, ITEMS[4:], test=test[4:])
    assert_same_bits(run(store), ng.pairwise(ITEMS, "procrustes", test=test))


def test_files_and_arrays(store, tmp_path):
    (tmp_path / "new").mkdir()
    np.save(tmp_path / "new" / "a.npy", ITEMS[4])
    np.savez(tmp_path / "new" / "b.npz", x=ITEMS[5])
    ng.sweep.extend(store, tmp_path / "new")
    ng.sweep.extend(store, {"c": ITEMS[6]})
    found = run(store)
    names = ["0", "1", "2", "3", "a", "b", "c"]
    assert_same_bits(found, ng.pairwise(ITEMS, METRICS, names=names))
    assert sorted(path.name for path in (store / "inputs").iterdir()) == [f"{k:06d}.npy" for k in range(5)], (
        "files stay where they are"
    )


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_sequence_of_extensions_runs_and_interruptions(data):
    """Whoever computes what, in whatever tiles, before or after which extension."""
    draw = data.draw
    metrics = draw(st.lists(st.sampled_from(sorted(ng.metrics.METRICS)), min_size=1, max_size=3, unique=True))
    widths = draw(st.lists(st.integers(3, 8), min_size=2, max_size=8))  # patterns of two units may all tie
    cuts = draw(st.sets(st.integers(2, len(widths)), max_size=3)) | {len(widths)}
    items, (first, *more) = items_of(widths), sorted(cuts)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # remarks on the rank of some items
        store = Path(folder) / "s"
        quick_plan(items[:first], metrics, store=store, tile=draw(st.integers(1, 6)))
        for start, stop in itertools.pairwise([first, *more]):
            if draw(st.booleans()):
                ng.sweep.work(store, rank=1, of=2, time_limit=draw(st.sampled_from([0, 0.05, 100])))
            ng.sweep.extend(store, items[start:stop])
        assert ng.sweep.run(store, n_threads=draw(st.integers(1, 3))).is_complete
        assert_same_bits(ng.sweep.open(store), ng.pairwise(items, metrics))


# ---- names


def test_names(store):
    ng.sweep.extend(store, ITEMS[4:6], names=["x", "y"])
    ng.sweep.extend(store, {"z": ITEMS[6]})
    assert run(store)["cka"].names.tolist() == ["0", "1", "2", "3", "x", "y", "z"]


def test_items_without_names_are_numbered_on(store):
    for item in ITEMS[4:]:
        ng.sweep.extend(store, [item])
    assert ng.sweep.open(store)["cka"].names.tolist() == [*"0123456"]


def test_own_names_are_kept(store):
    ng.sweep.extend(store, [ng.Representation(ITEMS[4], name="V4"), ITEMS[5]])
    assert ng.sweep.open(store)["cka"].names.tolist() == [*"0123", "V4", "5"]


# ---- stimuli


@pytest.fixture
def with_ids(tmp_path):
    first = [ng.Representation(ITEMS[0], ids=range(100, 120)), ITEMS[1]]
    quick_plan(first, store=tmp_path / "ids")
    return tmp_path / "ids"


def test_same_ids_or_none(with_ids):
    ng.sweep.extend(with_ids, [ng.Representation(ITEMS[2], ids=np.arange(100, 120))])
    ng.sweep.extend(with_ids, [ITEMS[3]])
    assert run(with_ids).shape == (4, 4)


@pytest.mark.parametrize("ids", [range(100, 120), range(19, -1, -1), [*map(str, range(100, 120))]])
def test_other_ids(ids, with_ids):
    items = [ITEMS[2], ng.Representation(ITEMS[3], ids=[*ids][::-1])]
    with nothing_left(with_ids), pytest.raises(ValueError, match="other stimulus ids than the sweep"):
        ng.sweep.extend(with_ids, items)


def test_ids_of_columns_count(tmp_path):
    columns = [ng.Representation(ITEMS[2], ids=[*"abcdefghijklmnopqrst"])]
    quick_plan(ITEMS[:2], others=columns, store=tmp_path / "s")
    with pytest.raises(ValueError, match="other stimulus ids"):
        ng.sweep.extend(tmp_path / "s", [ng.Representation(ITEMS[3], ids=range(20))])


@pytest.mark.parametrize("dtype", ["S3", "U3", "M8[D]", "f4", "?"])
def test_kinds_of_ids(dtype, tmp_path):
    items = items_of(n_stimuli=2 if dtype == "?" else 20)
    ids = np.arange(len(items[0])).astype("i8" if dtype in ("M8[D]", "?") else dtype).astype(dtype)
    swept(tmp_path / "s", [ng.Representation(items[0], ids=ids), items[1]])
    ng.sweep.extend(tmp_path / "s", [ng.Representation(items[2], ids=ids)])
    with pytest.raises(ValueError, match="other stimulus ids"):
        ng.sweep.extend(tmp_path / "s", [ng.Representation(items[3], ids=ids[::-1])])
    assert run(tmp_path / "s").shape == (3, 3)


# ---- what is refused

REFUSED = {
    "other number of stimuli": (ITEMS[4][:19], {}, ValueError, r"items\[0\].* has 19 stimuli, .* has 20"),
    "a name of the sweep": (ITEMS[4], {"names": ["2"]}, ValueError, "already has an item '2'"),
    "test data": (ITEMS[4], {"test": [ITEMS[4]]}, ValueError, "has no test data, so new items must not"),
    "too few names": (ITEMS[4], {"names": ["a", "b"]}, ValueError, "one name for each of the 1 items"),
    "no matrix": (ITEMS[4][0], {}, ValueError, r"items\[0\] must be two-dimensional"),
    "text": (np.array([["a"], ["b"]]), {}, TypeError, r"items\[0\]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, store):
    item, options, error, text = REFUSED[case]
    with nothing_left(store), pytest.raises(error, match=text):
        ng.sweep.extend(store, [item], **options)


@pytest.mark.parametrize("items", [[], {}, np.empty((0, 20, 3))])
def test_nothing_to_add(items, store):
    with nothing_left(store), pytest.raises(ValueError, match="items must hold at least 1 representation"):
        ng.sweep.extend(store, items)


def test_names_that_repeat(store):
    with pytest.raises(ValueError, match="names must be distinct, but 'a' occurs more than once"):
        ng.sweep.extend(store, ITEMS[4:6], names=["a", "a"])


def test_new_items_disagree(store):
    items = [ng.Representation(ITEMS[4], ids=range(20)), ng.Representation(ITEMS[5], ids=range(1, 21))]
    with pytest.raises(ValueError, match="the stimulus ids differ"):
        ng.sweep.extend(store, items)


def test_test_data_must_come_with_items_that_have_them(tmp_path):
    test = [item[:5] for item in ITEMS]
    quick_plan(ITEMS[:2], store=tmp_path / "s", test=test[:2])
    with pytest.raises(ValueError, match="the sweep has test data, so new items must have them too"):
        ng.sweep.extend(tmp_path / "s", ITEMS[2:4])
    with pytest.raises(ValueError, match="for each of the 2 items, not 1"):
        ng.sweep.extend(tmp_path / "s", ITEMS[2:4], test=test[2:3])


def test_test_data_of_other_stimuli(tmp_path):
    quick_plan(ITEMS[:2], store=tmp_path / "s", test=[item[:5] for item in ITEMS[:2]])
    with pytest.raises(ValueError, match=r"test.* has 6 stimuli, but the sweep has 5"):
        ng.sweep.extend(tmp_path / "s", ITEMS[2:3], test=[ITEMS[2][:6]])


def test_jobs_take_neither_rdms_nor_test_data(tmp_path):
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 10), n_samples=10)
    quick_plan(ITEMS[:2], jobs, store=tmp_path / "s")
    with pytest.raises(TypeError, match=r"items\[0\].* is an RDM"):
        ng.sweep.extend(tmp_path / "s", [ng.RDM(np.ones(190))])
    with pytest.raises(ValueError, match="has no test data"):
        ng.sweep.extend(tmp_path / "s", ITEMS[2:3], test=ITEMS[2:3])


# ---- at the same time as something else


def test_names_that_are_numbers_are_kept_when_a_sweep_is_extended(tmp_path):
    data = stack(4)
    store = tmp_path / "s.zarr"
    np.save(tmp_path / "0.npy", data[2])
    quick_plan({"a": data[0], "b": data[1]}, store=store)
    ng.sweep.extend(store, tmp_path / "0.npy")
    with pytest.raises(ValueError, match="already has an item '0'"):
        ng.sweep.extend(store, {"0": data[3]})
    ng.sweep.extend(store, {"1": data[3]})
    assert ng.sweep.open(store).names.tolist() == ["a", "b", "0", "1"]


def test_extensions_at_the_same_time_are_all_kept(tmp_path):
    data, store = stack(12), tmp_path / "s.zarr"
    quick_plan(data[:2], store=store, tile=2)
    ready = threading.Barrier(10)

    def add(k):
        ready.wait()
        ng.sweep.extend(store, {f"new {k}": data[k]})

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(add, range(2, 12)))
    ng.sweep.run(store, n_threads=1)
    found = ng.sweep.open(store)
    order = [int(name.removeprefix("new ")) for name in found.names]
    assert sorted(order) == list(range(12))
    assert (found.square == ng.pairwise(data[order]).square).all()


def test_a_run_goes_on_with_what_was_added_while_it_ran(tmp_path):
    data, path = stack(9), tmp_path / "s.zarr"
    quick_plan(data[:6], "cka", store=path, tile=2)
    calls = []

    def extend_once(done, total):
        calls.append((done, total))
        if len(calls) == 3:
            ng.sweep.extend(path, data[6:])

    assert ng.sweep.run(path, n_threads=1, progress=extend_once).is_complete
    assert (ng.sweep.open(path).square == ng.pairwise(data, "cka").square).all()
