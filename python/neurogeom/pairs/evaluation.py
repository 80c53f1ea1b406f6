"""What is computed for the pairs of one tile: values, values on held-out stimuli, what draws say of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import numpy as np

from .._base.checks import AnyArray, FloatArray
from .._base.threads import map_threads
from ..inference import Bootstrap, Draws, Orders, Permutations, Resampling, RunningNull, left_out
from ..inference import summarize_bootstrap as summarize
from ..metrics.base import (
    Mask,
    Metric,
    Prepared,
    Tile,
    evaluate,
    prepare_item,
    reorder_item,
    resample_item,
)
from ..representations.items import Item

# Threads pay off from about this much work, some tens of milliseconds: for an item, stimuli x units x the
# smaller of the two; for a tile, the cube of the smallest of all of these x the number of pairs. With less,
# threads would mostly wait for each other in each draw; those of the pairs also spin for a while after each
# product.
WORTH_THREADS = 3e7

# The number of an item, which its draws belong to, and the item.
Source: TypeAlias = tuple[int, Item]


def require_stimuli_in_rows(metric: Metric, draws: Draws) -> None:
    """Refuse to permute or resample rows that are observations from several folds."""
    does = "permutes" if draws.null else "resamples"
    if not metric.rows_are_stimuli and draws.fields:
        argument = "null" if draws.null else "bootstrap"
        raise ValueError(
            f"{argument} {does} stimuli, but {metric.name!r} takes rows as single observations (folds): "
            f"leave out {argument}"
        )


def require_units(items: Sequence[Item], draws: Draws) -> None:
    """Refuse to resample units of items that have none."""
    if draws.bootstrap and draws.bootstrap.resample != "stimuli":
        for item in items:
            if not item.has_units:
                raise TypeError(
                    f"{item.label} is {item.noun}, whose units cannot be resampled: use resample='stimuli'"
                )


def pair_fields(metrics: Sequence[Metric], held_out: bool, draws: Draws) -> list[tuple[int, str]]:
    """List the fields kept for a pair: the index of the metric, and the name of the field."""
    names = ["value", *(["held_out"] if held_out else []), *draws.fields]
    return [(k, name) for k in range(len(metrics)) for name in names]


def pair_tile(
    metrics: Sequence[Metric],
    rows: Sequence[Prepared | None],
    columns: Sequence[Prepared | None],
    where: Mask,
    n_threads: int,
    held_out: bool = False,
    draws: Draws | None = None,
    read: Sequence[Callable[[int], Source]] = (),
) -> FloatArray:
    """Compute the fields of a tile, (field, row, column); pairs of items that could not be prepared are NaN.

    `read` gives the number of a row's item and the item, and those of a column, for draws.
    """
    draws = draws or Draws()
    kept = [np.array([k for k, item in enumerate(side) if item is not None], int) for side in (rows, columns)]
    good = np.ix_(*kept)
    wanted = np.ascontiguousarray(where[good])
    left, right = ([side[k] for k in at] for side, at in zip((rows, columns), kept, strict=True))
    n_fields = 1 + held_out + len(draws.fields)
    result = np.full((len(metrics), n_fields, *where.shape), np.nan)
    if wanted.any():
        block = Tile(left, right, wanted, n_threads)
        found = np.stack(evaluate(metrics, block, held_out))
        fields = [found[: len(metrics)], *([found[len(metrics) :]] if held_out else [])]
        if draws.fields:
            sources = [[of(int(k)) for k in at] for of, at in zip(read, kept, strict=True)]
            drawn = _Drawn(metrics, block, fields[0], sources)
            if draws.null:
                fields += drawn.null(draws.null)
            if draws.bootstrap:
                fields += drawn.bootstrap(draws.bootstrap)
        for at, field in enumerate(fields):
            field[:, ~wanted] = np.nan
            result[:, at, good[0], good[1]] = field
    return result.reshape(-1, *where.shape)


class _Drawn:
    """What draws say of the values of a tile; `sources` are the items of its rows and of its columns."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        block: Tile,
        observed: FloatArray,
        sources: Sequence[Sequence[Source]],
    ) -> None:
        self._metrics, self._block, self._observed, self._sources = metrics, block, observed, sources
        sizes = [(item.n_stimuli, item.n_units) for _, item in sources[1]]
        is_large = max(math.prod(size) * min(size) for size in sizes) > WORTH_THREADS
        are_many = min(map(min, sizes)) ** 3 * observed[0].size > WORTH_THREADS
        self._item_threads, self._pair_threads = (
            block.n_threads if worth else 1 for worth in (is_large, are_many)
        )

    def null(self, permutations: Permutations) -> list[AnyArray]:
        """Mean and standard deviation over permutations, and the share of them at least as alike."""
        metrics, block = self._metrics, self._block
        sign = np.array([1.0 if metric.is_similarity else -1.0 for metric in metrics])[:, None, None]
        shape = self._observed.shape[1:]
        largest = np.stack([np.broadcast_to(metric.size(block), shape) for metric in metrics])
        null = RunningNull(self._observed, sign, largest)
        columns = list(zip(self._sources[1], block.columns, strict=True))
        for draw in range(permutations.count):

            def permuted(column: tuple[Source, Prepared], draw: int = draw) -> Prepared:
                (number, item), prepared = column
                order = permutations.order(item.n_stimuli, number, draw)
                return reorder_item(metrics, prepared, item, order)

            # Once per draw and column, not per pair.
            null.add(self._evaluate(block.rows, map_threads(permuted, columns, self._item_threads)))
        return list(null.summary())

    def bootstrap(self, bootstrap: Bootstrap) -> list[AnyArray]:
        """Standard error, bias and interval."""
        draws = [
            np.stack([self._resampled(draw) for draw in bootstrap.draws(kind)]) for kind in bootstrap.kinds
        ]
        jackknife = []
        if bootstrap.interval == "bca":
            if bootstrap.resample != "units":
                jackknife.append(self._without_stimuli())
            if bootstrap.resample != "stimuli":
                jackknife += [self._without_units(side) for side in (0, 1)]
        return list(summarize(bootstrap, self._observed, draws, jackknife))

    def _resampled(self, draw: Resampling) -> FloatArray:
        def resampled(source: Source, prepared: Prepared) -> Prepared:
            number, item = source
            stimuli, units = draw.of_stimuli(item.n_stimuli), draw.of_units(item.n_units, number)
            return self._prepared(item, prepared, stimuli, units)

        return self._both(resampled)

    def _without_stimuli(self) -> FloatArray:
        found = []
        for kept in left_out(self._sources[0][0][1].n_stimuli):

            def reduced(source: Source, prepared: Prepared, kept: Orders = kept) -> Prepared:
                return self._prepared(source[1], prepared, kept, None)

            found.append(self._both(reduced))
        return np.stack(found)

    def _without_units(self, side: int) -> FloatArray:
        """Values without each group of the units of one side; NaN for items with fewer groups."""
        sources, prepared = self._sources[side], (self._block.rows, self._block.columns)[side]
        rest = [left_out(item.n_units) for _, item in sources]
        found = []
        for group in range(max(map(len, rest))):
            changed = [
                self._prepared(item, one, None, groups[group]) if group < len(groups) else {}
                for (_, item), one, groups in zip(sources, prepared, rest, strict=True)
            ]
            sides = (changed, self._block.columns) if side == 0 else (self._block.rows, changed)
            found.append(self._evaluate(*sides))
        return np.stack(found)

    def _prepared(
        self, item: Item, prepared: Prepared, stimuli: Orders | None, units: Orders | None
    ) -> Prepared:
        """Prepare an item with some stimuli and units, or with all (None); without metrics that fail."""

        def of(metrics: Sequence[Metric]) -> Prepared:
            if units is None:
                assert stimuli is not None
                return resample_item(metrics, prepared, item, stimuli)
            some = item.with_units(units)
            return prepare_item(metrics, some if stimuli is None else some.reordered(stimuli))

        try:
            return of(self._metrics)
        except ValueError:  # the data themselves were fine: too little of them was drawn
            found: Prepared = {}
            for metric in self._metrics:
                with suppress(ValueError):
                    found |= of([metric])
            return found

    def _both(self, change: Callable[[Source, Prepared], Prepared]) -> FloatArray:
        """Change all items of both sides and compare them."""
        sides = (self._block.rows, self._block.columns)
        tasks: Mapping[int, tuple[Source, Prepared]] = {
            source[0]: (source, prepared)
            for sources, side in zip(self._sources, sides, strict=True)
            for source, prepared in zip(sources, side, strict=True)
        }
        changed = map_threads(lambda task: change(*task), list(tasks.values()), self._item_threads)
        # One object per item, also on the diagonal.
        known = dict(zip(tasks, changed, strict=True))
        return self._evaluate(*([known[number] for number, _ in sources] for sources in self._sources))

    def _evaluate(self, rows: Sequence[Prepared], columns: Sequence[Prepared]) -> FloatArray:
        """Compute the values of all metrics, NaN for items that lack one."""
        if all(metric in item for metric in self._metrics for item in (*rows, *columns)):
            return np.stack(self._values(self._metrics, rows, columns, self._block.where))
        values = np.full(self._observed.shape, np.nan)
        for k, metric in enumerate(self._metrics):
            kept = [[at for at, item in enumerate(side) if metric in item] for side in (rows, columns)]
            good = np.ix_(*kept)
            where = np.ascontiguousarray(self._block.where[good])
            if where.any():
                left, right = [rows[at] for at in kept[0]], [columns[at] for at in kept[1]]
                values[k][good] = self._values([metric], left, right, where)[0]
        return values

    def _values(
        self, metrics: Sequence[Metric], rows: Sequence[Prepared], columns: Sequence[Prepared], where: Mask
    ) -> list[FloatArray]:
        return evaluate(metrics, Tile(rows, columns, where, self._pair_threads))
