"""All pairs of some items by some metrics, tile after tile, in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from .._base.progress import ProgressFunction
from .._base.threads import map_threads
from ..inference import Draws
from ..metrics.base import Mask, Metric, Prepared, prepare_item, warn_of
from ..representations.items import Item
from .evaluation import pair_fields, pair_tile
from .result import Pairwise
from .tiles import Grid, blocks_of, fill_known


class Count:
    """Counts pairs for a function of (done, total)."""

    def __init__(self, progress: ProgressFunction | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, count: int) -> None:
        """Report `count` more."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)

    def end(self) -> None:
        """Report that all are done."""
        self.add(self._total - self._done)


@dataclasses.dataclass(frozen=True)
class AllPairs:
    """Items of rows and columns (None: rows among themselves), held-out data, and how to compare them."""

    metrics: Sequence[Metric]
    rows: Sequence[Item]
    columns: Sequence[Item] | None
    row_tests: Sequence[Item] | None
    column_tests: Sequence[Item] | None
    edge: int
    n_threads: int
    draws: Draws = dataclasses.field(default_factory=Draws)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows if self.columns is None else self.columns)

    @property
    def fields(self) -> list[tuple[int, str]]:
        """For each field, the index of its metric and its name."""
        return pair_fields(self.metrics, self.row_tests is not None, self.draws)

    @property
    def grid(self) -> Grid:
        """The tiles."""
        rows, columns = (blocks_of(count, self.edge) for count in self.shape)
        return Grid.of_pairs(self.metrics, self.edge, rows, None if self.columns is None else columns)

    def evaluate(self, targets: Sequence[FloatArray], report: Count, only: Mask | None = None) -> None:
        """Compute the wanted pairs into one array per field; `only` restricts them further."""
        rows = self._prepared(self.rows, self.row_tests)
        columns = rows if self.columns is None else self._prepared(self.columns, self.column_tests)
        warn_of(self.metrics, rows if self.columns is None else rows + columns)
        # Numbering continues from rows to columns; items compared among themselves have one number each.
        sources = [list(enumerate(self.rows))] * 2
        if self.columns is not None:
            sources[1] = list(enumerate(self.columns, start=len(self.rows)))
        grid = self.grid
        for key in grid.tiles():
            row, column = grid.place(key)
            wanted = grid.where(key)
            if only is not None:
                wanted &= only[row, column]
            here = [side[at].__getitem__ for side, at in zip(sources, (row, column), strict=True)]
            found = pair_tile(
                self.metrics,
                rows[row],
                columns[column],
                wanted,
                self.n_threads,
                self.row_tests is not None,
                self.draws,
                here,
            )
            for values, target in zip(found, targets, strict=True):
                target[row, column][wanted] = values[wanted]
            report.add(int(wanted.sum()))

    def _prepared(self, items: Sequence[Item], tests: Sequence[Item] | None) -> list[Prepared]:
        both = [(item, tests[k] if tests else None) for k, item in enumerate(items)]
        return map_threads(lambda pair: prepare_item(self.metrics, *pair), both, self.n_threads)

    def fill_known(self, targets: Sequence[FloatArray]) -> None:
        """Fill in what follows from what was computed."""
        if self.columns is None:
            for (k, name), target in zip(self.fields, targets, strict=True):
                fill_known(target, self.metrics[k], has_diagonal=name not in self.draws.fields)

    def results(
        self, targets: Sequence[FloatArray], n_stimuli: int | NDArray[np.int64]
    ) -> dict[str, Pairwise]:
        """Wrap what was computed, by the names of the metrics."""
        columns = self.rows if self.columns is None else self.columns
        found = {}
        for k, metric in enumerate(self.metrics):
            fields = {
                name: target for (owner, name), target in zip(self.fields, targets, strict=True) if owner == k
            }
            values = fields.pop("value")
            found[metric.name] = Pairwise(
                values=values,
                names=np.array([item.name for item in self.rows]),
                column_names=np.array([item.name for item in columns]),
                metric=metric.name,
                is_similarity=metric.is_similarity,
                symmetric=metric.symmetric,
                n_stimuli=n_stimuli,
                is_square=self.columns is None,
                flags=metric.flags(values),
                identical=metric.diagonal,
                **fields,
            )
        return found
