"""Sweeps over pairs of items, by some metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from .._base.checks import AnyArray, FloatArray
from .._base.codec import Trust, decode, encode
from .._base.threads import single_threaded_blas
from ..inference import Draws
from ..metrics import GULP, LinearR2, Ridge, as_metric
from ..metrics.base import Metric, Prepared, Tile, evaluate, parts_of, prepare_item, reorder_item
from ..pairs.driver import held_out_items
from ..pairs.evaluation import pair_fields, pair_tile, require_stimuli_in_rows, require_units
from ..pairs.result import Pairwise
from ..pairs.tiles import Grid, TileKey, fill_known
from ..representations import checks as _validate_pairwise
from ..representations.items import Item, require_comparable
from .items import require_stimuli_of_sweep
from .kinds import Arrays, Asked, ItemTests, Parts, Report, register
from .prepared import PreparedPairs, draws_of, require_items_that_fit, split_parts
from .specs import describe_metric, make_metric
from .store import Store

# Metrics whose numbers differ from version 0.1.0, at least where units are weak.
_CHANGED = (GULP, LinearR2, Ridge)


@dataclasses.dataclass(frozen=True)
class PairSweep(PreparedPairs):
    """All pairs of items (rows with columns, or rows with each other), by some metrics."""

    metrics: list[Metric]

    options: ClassVar[tuple[str, ...]] = ("others", "test", "null", "bootstrap")

    @classmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""
        return isinstance(metric, (str, Metric, list, tuple))

    @classmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check metrics and items, and record how to recreate the metrics."""
        metrics = _metrics_of(asked)
        for each in metrics:
            require_stimuli_in_rows(each, asked.draws)
        _validate_pairwise.require_items(len(metrics), "metric")
        _validate_pairwise.require_distinct([item.name for item in metrics], "the names of the metrics")
        specs = []
        for k, each in enumerate(metrics):
            own: dict[str, AnyArray] = {}
            specs.append(describe_metric(each, own))
            arguments.update({f"{k}/{name}": array for name, array in own.items()})
        _validate_pairwise.require_items(len(asked.rows), "items", 2 if asked.columns is None else 1)
        if asked.columns is not None:
            _validate_pairwise.require_items(len(asked.columns), "others")
        require_comparable(asked.rows + (asked.columns or []))
        require_units(asked.rows + (asked.columns or []), asked.draws)
        return {"metrics": specs, "single": not isinstance(asked.metric, (list, tuple))}

    @classmethod
    def tests_of(cls, asked: Asked) -> ItemTests:
        """Open held-out data, and refuse items that could not be measured."""
        metrics = _metrics_of(asked)
        tests = held_out_items(asked.test, asked.rows, asked.columns, metrics)
        whole = [metric.name for metric in metrics if metric.needs_whole]
        require_items_that_fit(asked.rows + (asked.columns or []), whole, asked.max_ram)
        return tests

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> PairSweep:
        """Make the sweep of a plan."""
        edge = int(plan["tile"])
        metrics = [make_metric(spec, _of(arguments, k), trust) for k, spec in enumerate(plan["metrics"])]
        items, positions, rows, columns = split_parts(parts, edge)
        if not plan["others"]:
            positions["columns"] = positions["rows"]
        grid = Grid.of_pairs(metrics, edge, rows, columns if plan["others"] else None)
        return cls(plan, items, grid, positions, metrics)

    @property
    def held_out(self) -> bool:
        """Whether the items have held-out data."""
        return bool(self.plan["held_out"])

    @property
    def draws(self) -> Draws:
        """The permutations and resamples of the plan."""
        return draws_of(self.plan)

    @property
    def what(self) -> str:
        """Which metrics."""
        return ", ".join(metric.name for metric in self.metrics)

    @property
    def fields(self) -> list[tuple[int, str]]:
        """The metric and the number that each field of a tile holds."""
        return pair_fields(self.metrics, self.held_out, self.draws)

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Check held-out data, if the sweep uses them."""
        if (test is not None) != self.held_out:
            has = "has" if self.held_out else "has no"
            raise ValueError(
                f"the sweep {has} test data, so new items must "
                f"{'have them too' if self.held_out else 'not have any'}"
            )
        tests, _ = held_out_items(test, new, None, self.metrics)
        for item in tests or []:
            require_stimuli_of_sweep(item, self.items[0]["test"]["shape"][0], None)
        return tests

    def has_numbers_of(self, version: str) -> bool:
        """Return whether a sweep begun by another version may be resumed: all numbers are the same."""
        changed = self.held_out or self.draws.fields or any(isinstance(m, _CHANGED) for m in self.metrics)
        return version == "0.1.0" and not changed

    # ---- items

    def prepare(self, item: Item, test: Item | None) -> Prepared:
        """Compute what the metrics need of an item."""
        with single_threaded_blas():
            return prepare_item(self.metrics, item, test)

    def encode(self, prepared: Prepared) -> tuple[list[Any], dict[str, AnyArray]]:
        """Encode what was prepared, part by part as the metrics require them."""
        arrays: dict[str, AnyArray] = {}
        return [encode(prepared[key], f"r{k}", arrays) for k, key in enumerate(self._parts())], arrays

    def decode(self, records: Sequence[Any], arrays: Arrays, trust: Trust) -> Prepared:
        """Decode what was prepared, under the parts of these metrics."""
        pairs = zip(self._parts(), records, strict=True)
        return {key: decode(record, arrays, trust) for key, record in pairs}

    def _parts(self) -> list[Any]:
        found: dict[Any, None] = {}
        for metric in self.metrics:
            found.update(dict.fromkeys(parts_of(metric, self.held_out)))
            found[metric] = None
        return list(found)

    def remarks(self, prepared: Prepared) -> dict[str, str]:
        """What metrics have to say about an item."""
        return {m.name: text for m in self.metrics if (text := m.remark([prepared]))}

    # ---- tiles

    def compute(
        self,
        key: TileKey,
        prepared: Mapping[int, Prepared | None],
        read: Callable[[int], Item],
        report: Report,
        n_threads: int,
    ) -> FloatArray:
        """Compute the pairs of a tile, (field, row, column)."""
        del report
        rows, columns = self.numbers("rows", key[0]), self.numbers("columns", key[1])
        with single_threaded_blas():
            return pair_tile(
                self.metrics,
                # One object per item, also on the diagonal: metrics may treat an item and itself differently.
                [prepared[number] for number in rows],
                [prepared[number] for number in columns],
                self.grid.where(key),
                n_threads,
                self.held_out,
                self.draws,
                [lambda k: (rows[k], read(rows[k])), lambda k: (columns[k], read(columns[k]))],
            )

    # ---- costs

    def evaluate(self, rows: Sequence[Prepared], columns: Sequence[Prepared]) -> None:
        """Compute all pairs of prepared items with one thread."""
        where = np.ones((len(rows), len(columns)), dtype=bool)
        evaluate(self.metrics, Tile(rows, columns, where, 1), self.held_out)

    def prepare_draw(self, item: Item, record: Prepared, number: int) -> None:
        """Prepare an item for one of the draws that the plan has."""
        draws = self.draws
        if draws.bootstrap is not None:  # takes at least as long as a permutation
            prepare_item(self.metrics, item)
        elif draws.null is not None:
            reorder_item(self.metrics, record, item, draws.null.order(item.n_stimuli, number, 0))

    # ---- results

    def results(self, store: Store, values: FloatArray) -> Pairwise | dict[str, Pairwise]:
        """Return the result of the metric, or of each."""
        bad = self._without_result(store, values)
        found = {metric.name: self._pairwise(k, metric, values, bad) for k, metric in enumerate(self.metrics)}
        return next(iter(found.values())) if self.plan["single"] else found

    def _without_result(self, store: Store, values: FloatArray) -> set[int]:
        """Numbers of the items that cannot be analysed, even if the notes about them were lost."""
        bad = set(store.notes("errors"))
        if self.grid.among_themselves:
            started = {block for key in store.finished_tiles() for block in key}
            for block, (start, stop) in enumerate(self.grid.rows):
                for at in range(start, stop) if block in started else ():
                    number = self.positions["rows"][at]
                    alone = np.isnan(values[:, at]).all() and np.isnan(values[:, :, at]).all()
                    if number not in bad and alone:
                        header = store.read_header(number)
                        if header is not None and header["error"] is not None:
                            bad.add(number)
        return bad

    def _pairwise(self, k: int, metric: Metric, values: FloatArray, bad: set[int]) -> Pairwise:
        fields = {name: values[at] for at, (owner, name) in enumerate(self.fields) if owner == k}
        if self.grid.among_themselves:
            lost = [at for at, number in enumerate(self.positions["rows"]) if number in bad]
            for name, field in fields.items():
                fill_known(field, metric, has_diagonal=name not in self.draws.fields)
                if metric.diagonal is not None:
                    field[lost, lost] = np.nan
        rows, columns = (
            np.array([self.items[number]["name"] for number in self.positions[side]])
            for side in ("rows", "columns")
        )
        return Pairwise(
            values=fields.pop("value"),
            names=rows,
            column_names=columns,
            metric=metric.name,
            is_similarity=metric.is_similarity,
            symmetric=metric.symmetric,
            n_stimuli=self.plan["stimuli"]["count"],
            is_square=self.grid.among_themselves,
            flags=metric.flags(values[self.fields.index((k, "value"))]),
            identical=metric.diagonal,
            **fields,
        )

    def rows(self, found: Any) -> Iterator[Sequence[Any]]:
        """Return one line per metric and pair, after a header."""
        results = self._by_metric(found)
        extra = [name for name in dict.fromkeys(name for _, name in self.fields) if name != "value"]
        yield ["metric", "row", "column", "value", *extra]
        for result in results.values():
            fields = [result.values, *(getattr(result, name) for name in extra)]
            for i, row in enumerate(result.names):
                start = i + 1 if result.is_square and result.symmetric else 0
                columns = [field[i, start:].tolist() for field in fields]
                for j, numbers in enumerate(zip(*columns, strict=True), start):
                    if not (result.is_square and i == j):
                        yield [result.metric, row, result.column_names[j], *numbers]

    def arrays(self, found: Any) -> dict[str, Any]:
        """Return the names, and one matrix per metric and field."""
        results = self._by_metric(found)
        first = next(iter(results.values()))
        arrays = {"names": first.names, "column_names": first.column_names}
        for name in results:
            if name in (*arrays, "file"):
                raise ValueError(f".npz cannot hold a matrix named {name!r}: use .csv")
        for k, field in self.fields:
            name = self.metrics[k].name
            if field == "value":
                arrays[name] = results[name].values
            else:
                arrays[f"{name} {field}"] = getattr(results[name], field)
        return arrays

    def matrix(self, found: Any) -> AnyArray:
        """Return the matrix of the only metric."""
        results = list(self._by_metric(found).values())
        return results[0].values if len(results) == 1 else super().matrix(found)

    def _by_metric(self, found: Any) -> dict[str, Pairwise]:
        return {self.metrics[0].name: found} if self.plan["single"] else found


def _metrics_of(asked: Asked) -> list[Metric]:
    given = asked.metric if isinstance(asked.metric, (list, tuple)) else [asked.metric]
    return [as_metric(metric) for metric in given]


def _of(arguments: Arrays, metric: int) -> dict[str, AnyArray]:
    lead = f"{metric}/"
    return {name.removeprefix(lead): array for name, array in arguments.items() if name.startswith(lead)}


register(PairSweep, "pairs")
