"""Kinds of sweeps of a user's own module, for tests."""

from __future__ import annotations

import dataclasses

import numpy as np
from neurogeom._base.codec import decode, encode
from neurogeom.pairs.tiles import Grid
from neurogeom.sweep.costs import Measurements, Work
from neurogeom.sweep.jobs import ItemJobs
from neurogeom.sweep.kinds import Kind, blocks_of_parts, register


@dataclasses.dataclass
class Norms:
    """What is given to plan."""

    power: float = 2.0


@register
class NormSweep(ItemJobs):
    """The whole kind: sums of powers, of the items and of their halves."""

    unit = "norm"

    @classmethod
    def takes(cls, metric):
        return isinstance(metric, Norms)

    @classmethod
    def describe(cls, asked, arguments):
        return {"power": asked.metric.power, "fields": ["norm", "largest"]}

    def run(self, item, place, n_threads):
        data = np.abs(item.open().whole())
        if data.max() > 1e6:
            raise ValueError(f"{item.label} is too large")
        remark = "few units" if item.n_units < 4 else ""
        return [(data ** self.plan["power"]).sum(), data.max()], "", remark


@dataclasses.dataclass
class Gaps:
    """What is given to plan, for a kind in two dimensions with prepared items and arrays in its plan."""

    weights: np.ndarray


@register
@dataclasses.dataclass(frozen=True)
class GapSweep(Kind):
    """Differences of weighted means, which are prepared once an item."""

    weights: np.ndarray

    unit = "gap"
    prepares = True

    @classmethod
    def takes(cls, metric):
        return isinstance(metric, Gaps)

    @classmethod
    def describe(cls, asked, arguments):
        if len(asked.metric.weights) != asked.rows[0].n_stimuli:
            raise ValueError(f"weights must have an entry for each stimulus, not {len(asked.metric.weights)}")
        return {"weights": encode(asked.metric.weights, "weights", arguments), "fields": ["gap"]}

    @classmethod
    def made_from(cls, plan, parts, arguments, trust):
        items = [item for part in parts for item in part]
        blocks = blocks_of_parts([len(part) for part in parts], plan["tile"])
        weights = decode(plan["weights"], arguments, trust)
        return cls(plan, items, Grid(plan["tile"], blocks, blocks), weights)

    @property
    def what(self):
        return "gaps"

    def measure(self, folder):
        return Measurements(10**7, 10**5, 0, [3, 7], [1e-4, 1e-4], [], [], [])

    def choose_edge(self, found, limits):
        return 2

    def work(self, found, limits, input_bytes):
        count = len(self.items) ** 2
        return Work(count, 1e-6, count * 1e-6, 0.1, found.baseline, input_bytes, cache_bytes=10**6)

    def prepare(self, item, test):
        return {"mean": self.weights @ item.open().whole().mean(axis=1)}

    def encode(self, prepared):
        arrays = {}
        return [encode(prepared, "r", arrays)], arrays

    def decode(self, records, arrays, trust):
        return decode(records[0], arrays, trust)

    def items_of(self, key):
        return sorted({k for side in (0, 1) for k in range(*self.sides[side][key[side]])})

    def compute(self, key, prepared, read, report, n_threads):
        rows, columns = ([prepared[k]["mean"] for k in range(*self.sides[s][key[s]])] for s in (0, 1))
        return np.subtract.outer(rows, columns)[None]

    def results(self, store, values):
        return {"gap": values[0]}

    def matrix(self, found):
        return found["gap"]
