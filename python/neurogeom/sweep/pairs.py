"""Prepared items of a sweep over pairs, as a store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._base.checks import AnyArray
from .._base.codec import decode, encode
from ..metrics.base import Metric, Prepared, parts_of


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
        found.update(dict.fromkeys(parts_of(metric, held_out)))
        found[metric] = None
    return list(found)
