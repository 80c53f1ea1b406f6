"""Sweeps that tests hold up, kill and damage."""

from __future__ import annotations

import functools
import json
import signal

import neurogeom as ng
import numpy as np
import pytest

from helpers import own_metrics as own
from helpers.items import items_of
from helpers.processes import wait_until
from helpers.same_bits import assert_same_bits
from helpers.stores import TRUST, chunks, quick_plan

WIDTHS = tuple(range(3, 11))  # eight items, whose numbers of units tell them apart


# ---- sweeps


class Case:
    """A sweep over eight items in ten tiles whose metric is controlled by a folder."""

    n_tiles = 10

    def __init__(self, folder, *, is_open=False, tile=2, items=None):
        self.control = folder / "control"
        self.control.mkdir()
        self.store = folder / "sweep.zarr"
        self.items = items_of(WIDTHS, 12) if items is None else items
        self.open()
        quick_plan(self.items, own.Controlled(str(self.control)), store=self.store, tile=tile)
        if not is_open:
            (self.control / "open").unlink()

    def open(self):
        """Let all tiles pass."""
        (self.control / "open").touch()

    def give_tickets(self, count):
        """Let so many tiles pass."""
        for k in range(count):
            (self.control / f"ticket-{k}").touch()

    def order(self, action, widths=(5, 8)):
        """Have something happen to a pair."""
        (self.control / "orders.json").write_text(json.dumps({"widths": widths, "action": action}))

    def waiting(self):
        """Processes that stand in the middle of a tile."""
        return {int(path.name.removeprefix("waiting-")) for path in self.control.glob("waiting-*")}

    def wait_for(self, count, child):
        """Wait until so many processes (of this child, or it) stand in the middle of a tile; gives them."""
        try:
            wait_until(lambda: len(self.waiting()) >= count or not child.is_running())
            assert len(self.waiting()) >= count, "the process has ended"
        except AssertionError as error:
            child.send(signal.SIGABRT)  # has it print where it is
            pytest.fail(f"{error}; it ended with {child.wait()}")
        return sorted(self.waiting())

    @functools.cached_property
    def expected(self):
        """What it should give."""
        return ng.pairwise(self.items, "procrustes")

    def chunks(self):
        """Finished tiles, and when they were written."""
        return chunks(self.store)

    def leftovers(self):
        """Files that should not outlive their process."""
        return leftovers(self.store)

    def check(self):
        """Compare what it gives with what it should give."""
        status = ng.sweep.status(self.store, trust=TRUST)
        assert status.is_complete
        assert (status.left, dict(status.failed)) == (0, {})
        assert_same_bits(ng.sweep.open(self.store, trust=TRUST), self.expected)
        assert self.leftovers() == []


def leftovers(store):
    """Files of a store that should not outlive their process."""
    return sorted(str(p.relative_to(store)) for p in [*store.rglob("*.partial"), *store.glob("attempts/*")])


def journal(store):
    """Tiles and items by the process that computed them."""
    found = {}
    for path in (store / "journal").glob("*.jsonl"):
        pid = int(path.name.removesuffix(".jsonl").rpartition(".")[2])
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[pid] = [line for line in lines if "tile" in line or "item" in line]
    return found


def computed_tiles(store, pids=None):
    """Names of tiles that these processes (all by default) computed, with repetitions."""
    lines = [line for pid, part in journal(store).items() if pids is None or pid in pids for line in part]
    return sorted("-".join(map(str, line["tile"])) for line in lines if "tile" in line)


def check_poisoned(case, text):
    """Tile 1-2 was given up for this reason, all others are there; asked to, it is tried again."""
    status = ng.sweep.status(case.store, trust=TRUST)
    assert (status.done, status.left) == (case.n_tiles - 1, 0)
    assert list(status.failed) == [(1, 2)]
    assert len(status.failed[1, 2]) == 3
    assert all(error.startswith(text) for error in status.failed[1, 2])
    assert case.leftovers() == []
    found, expected = ng.sweep.open(case.store, trust=TRUST).values, case.expected.values
    missing = np.zeros_like(expected, dtype=bool)
    missing[2:4, 4:6] = missing[4:6, 2:4] = True
    assert np.isnan(found[missing]).all()
    assert found[~missing].tobytes() == expected[~missing].tobytes()
    (case.control / "orders.json").unlink()
    with pytest.raises(ng.sweep.SweepIncomplete, match="tile 1-2 failed 3 times"):
        ng.sweep.run(case.store, trust=TRUST)
    assert ng.sweep.run(case.store, retry_failed=True, trust=TRUST).is_complete
    case.check()
