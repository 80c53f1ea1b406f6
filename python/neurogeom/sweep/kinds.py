"""What a store's plan says, made into objects: a sweep over pairs, or over capacity jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._base.checks import AnyArray, FloatArray
from .._base.codec import decode
from ..metrics import GULP, LinearR2, Ridge
from ..metrics.base import Metric
from ..pairs.tiles import Grid, TileKey, blocks_of
from ..representations.representation import Item
from .jobs import CapacityJobs
from .pairs import Permutations, pair_fields
from .specs import make_metric
from .store import Store

# Metrics that give other numbers than in version 0.1.0, at least where units are weak.
_CHANGED = (GULP, LinearR2, Ridge)


@dataclasses.dataclass(frozen=True)
class PairSweep:
    """All pairs of items (of rows with columns, or of rows among themselves), by some metrics."""

    metrics: list[Metric]
    items: list[dict[str, Any]]
    grid: Grid
    held_out: bool
    permutations: Permutations | None
    positions: dict[str, list[int]]  # numbers of the items along each side

    @property
    def fields(self) -> list[tuple[int, str]]:
        """Which metric and which number each field of a tile is."""
        return pair_fields(self.metrics, self.held_out, self.permutations.count if self.permutations else 0)

    def has_numbers_of(self, version: str) -> bool:
        """Tell whether what a version of the package began may go on: all its numbers are the same."""
        changed = self.held_out or self.permutations or any(isinstance(m, _CHANGED) for m in self.metrics)
        return version == "0.1.0" and not changed

    def numbers(self, side: str, block: int) -> list[int]:
        """Numbers of the items in a block."""
        start, stop = (self.grid.rows if side == "rows" else self.grid.columns)[block]
        return self.positions[side][start:stop]


@dataclasses.dataclass(frozen=True)
class CapacitySweep:
    """Capacity of every item with every seed."""

    jobs: CapacityJobs
    items: list[dict[str, Any]]
    grid: Grid
    fields: tuple[str, ...]

    def has_numbers_of(self, version: str) -> bool:
        """Tell whether what a version of the package began may go on."""
        return False

    def compute(
        self,
        key: TileKey,
        read: Callable[[int], Item],
        report: Callable[[str, TileKey, dict[int, dict[str, str]]], None],
        n_threads: int,
    ) -> FloatArray:
        """Compute the jobs of a tile, (field, job); reports errors and remarks by number of job."""
        start, stop = self.grid.rows[key[0]]
        values = np.full((len(self.fields), stop - start), np.nan)
        notes: dict[str, dict[int, dict[str, str]]] = {"errors": {}, "remarks": {}}
        item: tuple[int, Any] = (-1, None)
        for column, job in enumerate(range(start, stop)):
            number, place = divmod(job, len(self.jobs.seeds))
            seed = self.jobs.seeds[place]
            if item[0] != number:
                item = (number, read(number))
            name = f"{self.items[number]['name']}, seed {seed}"
            try:
                values[:, column], reason, remark = self.jobs.run(item[1], seed, self.fields, n_threads)
            except (TypeError, ValueError) as error:
                reason, remark = str(error), ""
            if reason:
                notes["errors"][job] = {"name": name, "error": reason}
            if remark:
                notes["remarks"][job] = {self.jobs.name: f"{name}: {remark}"}
        for kind, by_job in notes.items():
            if by_job:  # one file a tile: a plan that bounds the number of files bounds these too
                report(kind, key, by_job)
        return values


Sweep = PairSweep | CapacitySweep


def load_sweep(store: Store, *, is_extended: bool = False) -> Sweep:
    """Make what the plan of a store says; refuse a store that has lost a list of items.

    That the last list is missing shows in what there is of its items: in room for values, unless the store
    `is_extended` and gets this list, and in tiles and prepared items. These are read first, as another
    process may extend the store.
    """
    tiles, prepared = store.finished_tiles(), store.prepared_items()
    lists = store.item_lists()
    sweep = sweep_of(store.plan, lists, store.arguments())
    sides = (sweep.grid.rows, sweep.grid.columns) if sweep.grid.columns else (sweep.grid.rows,)
    known = all(k < len(side) for key in tiles for k, side in zip(key, sides, strict=True))
    store.require_list(known and all(k < len(sweep.items) for k in prepared), len(lists))
    if not is_extended:
        store.require_room(sweep.grid.shape, len(lists))
    return sweep


def sweep_of(
    plan: Mapping[str, Any], parts: Sequence[Sequence[dict[str, Any]]], arguments: Mapping[str, AnyArray]
) -> Sweep:
    """Make what a plan says of the items of the plan and its extensions."""
    items = [item for part in parts for item in part]
    edge = int(plan["tile"])
    if plan["kind"] == "capacity":
        jobs = CapacityJobs.made_from(decode(plan["jobs"], arguments, None))
        counts = [len(part) * len(jobs.seeds) for part in parts]
        return CapacitySweep(jobs, items, Grid(edge, _blocks(counts, edge)), tuple(plan["fields"]))
    metrics = [make_metric(spec, _of(arguments, k)) for k, spec in enumerate(plan["metrics"])]
    positions: dict[str, list[int]] = {"rows": [], "columns": []}
    for number, item in enumerate(items):
        positions[item["side"]].append(number)
    sides = [[sum(item["side"] == side for item in part) for part in parts] for side in positions]
    rows, columns = (_blocks(counts, edge) for counts in sides)
    among = not plan["others"]
    if among:
        columns, positions["columns"] = rows, positions["rows"]
    grid = Grid(
        edge,
        rows,
        columns,
        triangular=among and all(metric.symmetric for metric in metrics),
        among_themselves=among,
        skip_diagonal=among and all(metric.diagonal is not None for metric in metrics),
    )
    null = Permutations(plan["null"], plan["key"]) if plan["null"] else None
    return PairSweep(metrics, items, grid, plan["held_out"], null, positions)


def _blocks(counts: Sequence[int], edge: int) -> tuple[tuple[int, int], ...]:
    found: tuple[tuple[int, int], ...] = ()
    total = 0
    for count in counts:
        found += blocks_of(total + count, edge, total)
        total += count
    return found


def _of(arguments: Mapping[str, AnyArray], metric: int) -> dict[str, AnyArray]:
    lead = f"{metric}/"
    return {name.removeprefix(lead): array for name, array in arguments.items() if name.startswith(lead)}
