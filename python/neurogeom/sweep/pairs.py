"""What a sweep over pairs computes: prepared items, and the values of a tile."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._base.checks import AnyArray, FloatArray
from .._base.codec import decode, encode
from ..inference import reaches
from ..metrics.base import Mask, Metric, Prepared, Tile, evaluate, map_threads, prepare_item
from ..representations.representation import Item

# Stimuli x units x the smaller of both, from which on preparing an item takes tens of milliseconds, and the
# cube of the smallest of all times the pairs, from which on a tile does. Below, draw after draw, threads
# would mostly wait for each other; those of the pairs also spin for a while after each product.
_WORTH_THREADS = 3e7

# Values of a pair under permuted stimuli.
NULL_FIELDS = ("null_mean", "null_sd", "p_value")


def pair_fields(metrics: Sequence[Metric], held_out: bool, n_permutations: int) -> list[tuple[int, str]]:
    """Name what is kept of a pair: which metric, and which number."""
    names = ["value", *(["held_out"] if held_out else []), *(NULL_FIELDS if n_permutations else [])]
    return [(k, name) for k in range(len(metrics)) for name in names]


def encode_prepared(
    metrics: Sequence[Metric], prepared: Prepared, held_out: bool
) -> tuple[list[Any], dict[str, AnyArray]]:
    """Describe a prepared item in JSON and arrays, part after part as the metrics ask for them."""
    arrays: dict[str, AnyArray] = {}
    keys = _keys(metrics, held_out)
    return [encode(prepared[key], f"r{k}", arrays) for k, key in enumerate(keys)], arrays


def decode_prepared(
    metrics: Sequence[Metric], records: Sequence[Any], arrays: Mapping[str, AnyArray], held_out: bool
) -> Prepared:
    """Give a prepared item back, under the parts of these metrics."""
    keys = _keys(metrics, held_out)
    return {key: decode(record, arrays, None) for key, record in zip(keys, records, strict=True)}


def _keys(metrics: Sequence[Metric], held_out: bool) -> list[Any]:
    found: dict[Any, None] = {}
    for metric in metrics:
        found.update(dict.fromkeys(metric.parts(held_out)))
        found[metric] = None
    return list(found)


@dataclasses.dataclass(frozen=True)
class Permutations:
    """Permuted stimuli: draw d of item j is one permutation, whatever it is paired with.

    The items of columns are permuted and prepared anew, which costs a preparation for each draw and column of
    a tile, not for each pair.
    """

    count: int
    key: int

    def order(self, n_stimuli: int, item: int, draw: int) -> AnyArray:
        """Give the permutation."""
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.key, item, draw])))
        return generator.permutation(n_stimuli)


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

    block = Tile(left, right, wanted, n_threads)

    def values_of(items: Sequence[Any], held: bool, threads: int = n_threads) -> list[FloatArray]:
        tile = dataclasses.replace(block, columns=items, n_threads=threads)
        found = evaluate(metrics, tile, held_out=held)
        owners = [*metrics, *metrics]
        return [metric.finish(values) for metric, values in zip(owners, found, strict=False)]

    n_fields = 1 + held_out + (len(NULL_FIELDS) if permutations else 0)
    result = np.full((len(metrics), n_fields, *where.shape), np.nan)
    if wanted.any():
        found = np.stack(values_of(right, held_out))
        fields = [found[: len(metrics)], *([found[len(metrics) :]] if held_out else [])]
        if permutations is not None:
            assert read_column is not None
            fields += _null(metrics, block, fields[0], kept[1], permutations, read_column, values_of)
        for at, field in enumerate(fields):
            field[:, ~wanted] = np.nan
            result[:, at, good[0], good[1]] = field
    return result.reshape(-1, *where.shape)


def _null(
    metrics: Sequence[Metric],
    block: Tile,
    observed: FloatArray,
    columns: AnyArray,
    permutations: Permutations,
    read_column: Callable[[int], tuple[int, Item]],
    values_of: Callable[[Sequence[Any], bool, int], list[FloatArray]],
) -> list[FloatArray]:
    """Mean and standard deviation over permutations, and the share of them at least as alike as observed."""
    total, squares, alike = np.zeros_like(observed), np.zeros_like(observed), np.zeros_like(observed)
    sign = np.array([1.0 if metric.is_similarity else -1.0 for metric in metrics])[:, None, None]
    largest = np.stack([np.broadcast_to(metric.size(block), observed.shape[1:]) for metric in metrics])
    sources = [read_column(int(k)) for k in columns]
    sizes = [(item.n_stimuli, item.n_units) for _, item in sources]
    is_large = max(math.prod(size) * min(size) for size in sizes) > _WORTH_THREADS
    are_many = min(map(min, sizes)) ** 3 * observed[0].size > _WORTH_THREADS
    item_threads, pair_threads = (block.n_threads if worth else 1 for worth in (is_large, are_many))
    for draw in range(permutations.count):

        def permuted(source: tuple[int, Item], draw: int = draw) -> Prepared:
            number, item = source
            return prepare_item(metrics, item.reordered(permutations.order(item.n_stimuli, number, draw)))

        values = np.stack(values_of(map_threads(permuted, sources, item_threads), False, pair_threads))
        # Counted from what was observed, so that the squares of nearly equal values keep their digits.
        difference = values - observed
        total += difference
        squares += difference**2
        alike += np.where(np.isnan(difference), np.nan, reaches(sign * values, sign * observed, largest))
    count = permutations.count
    mean = total / count
    variance = np.maximum(squares - count * mean**2, 0.0) / (count - 1 if count > 1 else np.nan)
    return [observed + mean, np.sqrt(variance), (1 + alike) / (1 + count)]
