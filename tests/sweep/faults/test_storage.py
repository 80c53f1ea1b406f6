"""Sweeps whose files are damaged, whose disk is full or whose store cannot be written to."""

from __future__ import annotations

import os
import re
import time

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.processes import RUN, dedented, script
from helpers.stores import TRUST
from helpers.sweeps import Case
from neurogeom.sweep import store as _store

pytest.importorskip("zarr")
pytestmark = pytest.mark.faults


def flip(path, position, bit=0):
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


@pytest.fixture
def finished(tmp_path):
    case = Case(tmp_path, is_open=True)
    ng.sweep.run(case.store, trust=TRUST)
    return case


# ---- damage


def cut(path, length):
    os.truncate(path, length)


DAMAGES = {
    "a flipped bit": lambda path: flip(path, path.stat().st_size // 2, 3),
    "cut in half": lambda path: cut(path, path.stat().st_size // 2),
    "without its last byte": lambda path: cut(path, path.stat().st_size - 1),
    "three bytes left": lambda path: cut(path, 3),
    "empty": lambda path: cut(path, 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_tile(finished, damage):
    store, before = finished.store, finished.chunks()
    DAMAGES[damage](store / "values" / "c" / "0" / "1" / "2")
    mend = rf"tile 1-2 in {re.escape(str(store))} is damaged .*verify\(store, repair=True\) removes it"
    with pytest.raises(ng.sweep.SweepError, match=mend):
        ng.sweep.open(store, trust=TRUST)
    found = ng.sweep.verify(store, sample=0, trust=TRUST)
    assert list(found.damaged) == ["tile 1-2"]
    assert not found.is_sound
    assert "tile 1-2 is damaged (not repaired)" in str(found)
    with pytest.raises(ng.sweep.SweepError, match=mend):  # nothing was changed yet
        ng.sweep.open(store, trust=TRUST)
    found = ng.sweep.verify(store, sample=20, repair=True, trust=TRUST)
    assert (list(found.damaged), found.different, found.repaired) == (["tile 1-2"], [], True)
    assert len(found.recomputed) == finished.n_tiles - 1
    assert ng.sweep.status(store, trust=TRUST).left == 1
    ng.sweep.run(store, trust=TRUST)
    finished.check()
    after = finished.chunks()
    assert {name for name in after if after[name] != before[name]} == {"1-2"}
    assert ng.sweep.verify(store, trust=TRUST).is_sound


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_prepared_item(finished, damage):
    store = finished.store
    (store / "values" / "c" / "0" / "1" / "2").unlink()
    DAMAGES[damage](store / "prepared" / "000003.npz")
    mend = (
        rf"the prepared item 3 in {re.escape(str(store))} is damaged .*verify\(store, repair=True\) removes"
    )
    with pytest.raises(ng.sweep.SweepError, match=mend):
        ng.sweep.run(store, trust=TRUST)
    assert finished.leftovers() == []
    found = ng.sweep.verify(store, repair=True, trust=TRUST)
    assert (list(found.damaged), found.different, found.repaired) == (["item 3"], [], True)
    assert "item 3 is damaged (removed; run the sweep to recompute them)" in str(found)
    ng.sweep.run(store, trust=TRUST)
    finished.check()
    assert ng.sweep.verify(store, trust=TRUST).is_sound


def test_any_flipped_bit_of_a_tile_is_found(finished):
    store = _store.Store(finished.store)
    path = finished.store / "values" / "c" / "0" / "1" / "2"
    for position in range(path.stat().st_size):
        flip(path, position, position % 8)
        with pytest.raises(ng.sweep.SweepError, match="tile 1-2"):
            store.read_tile((1, 2))
        flip(path, position, position % 8)
    assert store.read_tile((1, 2)) is not None


def test_any_flipped_bit_of_a_prepared_item_is_found_or_harmless(finished):
    """Dates and such in the archive's directory have no checksum, and no meaning."""
    store = _store.Store(finished.store)
    header, arrays = {"name": "V1"}, {"r0": np.arange(60.0).reshape(20, 3)}
    store.write_prepared(99, header, arrays)
    path = finished.store / "prepared" / "000099.npz"
    whole = path.read_bytes()
    flips = [(position, position % 8) for position in range(len(whole))]
    # Such that (20, 3) becomes (20, 2), which is a matrix too; and others of the archive's directory.
    flips += [(whole.index(b"(20, 3)") + 5, 0)]
    flips += [(k, bit) for k in range(whole.index(b"PK\x01\x02"), len(whole)) for bit in (0, 5)]
    found = 0
    for position, bit in flips:
        flip(path, position, bit)
        try:
            again, values = store.read_prepared(99)
        except ng.sweep.SweepError:
            found += 1
        else:
            assert again == header
            assert described(values) == described(arrays), f"bit {bit} of byte {position} went unseen"
        path.write_bytes(whole)
    assert found > len(whole) / 2


def described(arrays):
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}


def test_other_values_with_a_right_checksum(finished):
    """As of a machine that computes wrong: found by computing again."""
    store = _store.Store(finished.store)
    values = store.read_tile((0, 3))
    values[0, 1, 1] = np.nextafter(values[0, 1, 1], 1)
    store.write_tile((0, 3), values)
    found = ng.sweep.verify(finished.store, repair=True, trust=TRUST)
    assert (found.different, found.damaged) == (["tile 0-3"], {})
    assert "tile 0-3 has other bits" in str(found)
    ng.sweep.run(finished.store, trust=TRUST)
    finished.check()


def spoil(store, number):
    """Store another record of an item, with a right checksum."""
    opened = _store.Store(store)
    header, arrays = opened.read_prepared(number)
    opened.write_prepared(number, header, {name: 1.5 * array for name, array in arrays.items()})


def test_other_record_with_a_right_checksum_spoils_all_tiles_of_its_item(tmp_path):
    case = Case(tmp_path, is_open=True)
    ng.sweep.work(case.store, trust=TRUST)
    for path in (case.store / "values" / "c" / "0").rglob("*"):
        if path.is_file():
            path.unlink()
    spoil(case.store, 3)
    ng.sweep.run(case.store, trust=TRUST)
    assert ng.sweep.open(case.store, trust=TRUST).values.tobytes() != case.expected.values.tobytes()
    # A single tile is looked at; which has the item with this seed.
    found = ng.sweep.verify(case.store, sample=1, rng=0, repair=True, trust=TRUST)
    assert set(found.different) == {"item 3", "tile 0-1", "tile 1-1", "tile 1-2", "tile 1-3"}
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


def test_repaired_records_are_read_anew_by_dask_workers(tmp_path):
    distributed = pytest.importorskip("distributed")
    case = Case(tmp_path, is_open=True)
    ng.sweep.run(case.store, trust=TRUST)
    for name in case.chunks():
        case.store.joinpath("values", "c", "0", *name.split("-")).unlink()
    spoil(case.store, 3)
    quiet = {"dashboard_address": None, "worker_dashboard_address": None}
    quiet["scheduler_kwargs"] = {"dashboard_address": "127.0.0.1:0"}  # else it warns if port 8787 is taken
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **quiet) as cluster,
        distributed.Client(cluster) as client,
    ):
        ng.sweep.run(case.store, client, trust=TRUST)
        assert "item 3" in ng.sweep.verify(case.store, repair=True, trust=TRUST).different
        ng.sweep.run(case.store, client, trust=TRUST)
    case.check()


def test_damaged_input_of_the_store(tmp_path):
    case = Case(tmp_path, is_open=True)
    path = case.store / "inputs" / "000002.npy"
    flip(path, path.stat().st_size - 3)
    with pytest.raises(ng.sweep.SweepError, match=r"items\[2\] \('2'\): .*000002.npy is damaged"):
        ng.sweep.run(case.store, trust=TRUST)


# ---- a full disk


FULL = """
    import resource, sys, neurogeom as ng
    import numpy as np
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
    try:
        {call}
    except {error} as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(error)
"""


@pytest.mark.parametrize("stage", ["items", "tiles"])
def test_full_disk(tmp_path, stage):
    case = Case(tmp_path, tile=8, items=items_of(range(3, 35), 12))
    if stage == "tiles":  # which are larger than what is prepared of an item here
        with script(RUN, case.store) as child:
            case.wait_for(1, child)
    case.open()
    before = {path: path.stat().st_mtime_ns for path in (case.store / "prepared").glob("*")}
    assert len(before) == (0 if stage == "items" else 32)
    call = "ng.sweep.run(sys.argv[1], n_threads=1, trust=['helpers'])"
    with script(FULL.format(call=call, error="ng.sweep.SweepIncomplete"), case.store) as child:
        code, out, err = child.wait()
    assert code == 0, err
    assert out.startswith("the store is full (File too large: ")
    assert out.endswith(
        f"0 of 10 tiles, 10 left{', 0 of 32 items prepared' * (stage == 'items')}. "
        f"Resume with: neurogeom sweep run {case.store} --trust helpers"
    )
    assert case.chunks() == {}
    assert case.leftovers() == []
    assert {path: path.stat().st_mtime_ns for path in (case.store / "prepared").glob("*")} == before
    assert ng.sweep.status(case.store, trust=TRUST).failed == {}
    for path in (case.store / "failures").glob("*"):  # a full disk is no fault of a tile
        assert "File too large" not in path.read_text()
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


def test_full_disk_while_planning(tmp_path):
    call = "ng.sweep.plan(np.random.default_rng(0).normal(size=(4, 50, 20)), store=sys.argv[1])"
    with script(FULL.format(call=call, error="OSError"), tmp_path / "sweep.zarr") as child:
        status, out, err = child.wait()
    assert status == 0, err
    assert "File too large" in out
    assert list(tmp_path.iterdir()) == []


# ---- a store that cannot be written to

# Root may write anywhere, unless it gives that up (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH).
OBEY_MODES = """
    import ctypes, os
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert libc.capget(header, data) == 0
        data[0] &= ~0b110
        assert libc.capset(header, data) == 0
"""
READ = """
    import sys, neurogeom as ng
    print(ng.sweep.status(sys.argv[1], trust=['helpers']))
    result = ng.sweep.open(sys.argv[1], trust=['helpers'])
    print(result.values.tobytes().hex())
"""


def forbid_writing(store):
    for folder, _, names in os.walk(store, topdown=False):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)


def allow_writing(store):
    os.chmod(store, 0o755)
    for folder, folders, _ in os.walk(store):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o755)


@pytest.mark.parametrize("stage", ["new", "half"])
def test_read_only_store(tmp_path, stage):
    case = Case(tmp_path)
    if stage == "half":
        case.give_tickets(4)
        with script(RUN, case.store) as child:
            case.wait_for(1, child)
    case.open()
    done = len(case.chunks())
    assert done == (4 if stage == "half" else 0)
    expected = ng.sweep.open(case.store, trust=TRUST).values
    forbid_writing(case.store)
    try:
        with script(dedented(OBEY_MODES) + dedented(RUN), case.store) as child:
            code, out, err = child.wait()
        assert code == 3, err
        assert out.startswith("SweepIncomplete: the store is read-only (Permission denied: ")
        assert f"{done} of 10 tiles, {10 - done} left" in out
        with script(dedented(OBEY_MODES) + dedented(READ), case.store) as child:
            code, out, err = child.wait()
        assert code == 0, err
        status, values = out.split("\n")
        assert status.startswith(f"{done} of 10 tiles, {10 - done} left")
        assert bytes.fromhex(values) == expected.tobytes()
        assert len(case.chunks()) == done
    finally:
        allow_writing(case.store)
    ng.sweep.run(case.store, trust=TRUST)
    case.check()


def test_finished_read_only_store_has_nothing_left_to_do(finished):
    forbid_writing(finished.store)
    try:
        with script(dedented(OBEY_MODES) + dedented(RUN), finished.store) as child:
            assert child.wait()[:2] == (0, "10 of 10 tiles, 0 left")
    finally:
        allow_writing(finished.store)


# ---- what dead processes leave


def test_old_partial_files_are_swept_and_young_ones_are_not(tmp_path):
    case = Case(tmp_path)
    case.give_tickets(4)
    with script(RUN, case.store) as child:
        case.wait_for(1, child)
    folders = ["prepared", "failures", "values/c/0", "values/c/0/0"]
    now = time.time()
    for folder in folders:
        (case.store / folder).mkdir(exist_ok=True)
        for name, age in (("old", 3700), ("young", 3500)):
            path = case.store / folder / f"3.{name}.partial"
            path.write_bytes(b"half")
            os.utime(path, (now - age, now - age))
    assert ng.sweep.status(case.store, trust=TRUST).done == 4  # they count as nothing
    ng.sweep.open(case.store, trust=TRUST)
    assert len(list(case.store.rglob("*.partial"))) == 8
    case.open()
    ng.sweep.run(case.store, trust=TRUST)
    left = sorted(path.relative_to(case.store).as_posix() for path in case.store.rglob("*.partial"))
    assert left == sorted(f"{folder}/3.young.partial" for folder in folders)
    for name in left:
        (case.store / name).unlink()
    case.check()
