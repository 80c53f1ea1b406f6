"""What is computed for the pairs of one tile: values, values on held-out stimuli, values under a null."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from .._base.checks import AnyArray, FloatArray
from .._base.threads import map_threads
from ..inference import NULL_FIELDS, Permutations, RunningNull
from ..metrics.base import Mask, Metric, Prepared, Tile, evaluate, prepare_item
from ..representations.items import Item

# Threads pay off from about this much work, some tens of milliseconds: for an item, stimuli x units x the
# smaller of the two; for a tile, the cube of the smallest of all of these x the number of pairs. With less,
# threads would mostly wait for each other in each draw; those of the pairs also spin for a while after each
# product.
WORTH_THREADS = 3e7


def require_stimuli_in_rows(metric: Metric) -> None:
    """Refuse to permute rows that are observations from several folds."""
    if not metric.rows_are_stimuli:
        raise ValueError(
            f"null permutes stimuli, but {metric.name!r} takes rows as single observations (folds): "
            "leave out null"
        )


def pair_fields(metrics: Sequence[Metric], held_out: bool, n_permutations: int) -> list[tuple[int, str]]:
    """List the fields kept for a pair: the index of the metric, and the name of the field."""
    names = ["value", *(["held_out"] if held_out else []), *(NULL_FIELDS if n_permutations else [])]
    return [(k, name) for k in range(len(metrics)) for name in names]


def pair_tile(
    metrics: Sequence[Metric],
    rows: Sequence[Prepared | None],
    columns: Sequence[Prepared | None],
    where: Mask,
    n_threads: int,
    held_out: bool = False,
    permutations: Permutations | None = None,
    read_column: Callable[[int], tuple[int, Item]] | None = None,
) -> FloatArray:
    """Compute the fields of a tile, (field, row, column); pairs of items that could not be prepared are NaN.

    `read_column` gives the number of a column's item and the item, for permutations.
    """
    kept = [np.array([k for k, item in enumerate(side) if item is not None], int) for side in (rows, columns)]
    good = np.ix_(*kept)
    wanted = np.ascontiguousarray(where[good])
    left, right = ([side[k] for k in at] for side, at in zip((rows, columns), kept, strict=True))
    n_fields = 1 + held_out + (len(NULL_FIELDS) if permutations else 0)
    result = np.full((len(metrics), n_fields, *where.shape), np.nan)
    if wanted.any():
        block = Tile(left, right, wanted, n_threads)
        found = np.stack(evaluate(metrics, block, held_out))
        fields = [found[: len(metrics)], *([found[len(metrics) :]] if held_out else [])]
        if permutations is not None:
            assert read_column is not None
            sources = [read_column(int(k)) for k in kept[1]]
            fields += _null(metrics, block, fields[0], permutations, sources)
        for at, field in enumerate(fields):
            field[:, ~wanted] = np.nan
            result[:, at, good[0], good[1]] = field
    return result.reshape(-1, *where.shape)


def _null(
    metrics: Sequence[Metric],
    block: Tile,
    observed: FloatArray,
    permutations: Permutations,
    sources: Sequence[tuple[int, Item]],
) -> list[AnyArray]:
    """Mean and standard deviation over permutations, and the share of them at least as alike as observed."""
    sign = np.array([1.0 if metric.is_similarity else -1.0 for metric in metrics])[:, None, None]
    largest = np.stack([np.broadcast_to(metric.size(block), observed.shape[1:]) for metric in metrics])
    null = RunningNull(observed, sign, largest)
    sizes = [(item.n_stimuli, item.n_units) for _, item in sources]
    is_large = max(math.prod(size) * min(size) for size in sizes) > WORTH_THREADS
    are_many = min(map(min, sizes)) ** 3 * observed[0].size > WORTH_THREADS
    item_threads, pair_threads = (block.n_threads if worth else 1 for worth in (is_large, are_many))
    for draw in range(permutations.count):

        def permuted(source: tuple[int, Item], draw: int = draw) -> Prepared:
            number, item = source
            return prepare_item(metrics, item.reordered(permutations.order(item.n_stimuli, number, draw)))

        # The items of columns are permuted and prepared again: once per draw and column, not per pair.
        columns = map_threads(permuted, sources, item_threads)
        null.add(
            np.stack(evaluate(metrics, dataclasses.replace(block, columns=columns, n_threads=pair_threads)))
        )
    return list(null.summary())
