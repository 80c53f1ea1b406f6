"""Metrics as JSON and arrays, so that any process can make them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _validate_sweep as check
from .._validate import AnyArray
from ..metrics import as_metric
from ..metrics.base import Metric
from ._codec import decode, encode, import_from, path_of


def resolve_metric(value: Any) -> Metric:
    """Take a metric by name, as an object, or as "package.module:Class" of one's own."""
    if isinstance(value, str) and ":" in value:
        try:
            value = import_from(value)
        except (ImportError, AttributeError) as error:
            raise check.unknown_metric_path(value, error) from error
        if isinstance(value, type) or callable(value):
            value = value()
        check.require_metric(value)
    return as_metric(value)


def describe_metric(metric: Metric, arrays: dict[str, AnyArray]) -> dict[str, Any]:
    """Describe a metric by its class and the arguments that it was made with."""
    positional, named = metric.arguments
    label = f"metric {metric.name!r}"
    own: dict[str, AnyArray] = {}
    spec = {
        "class": path_of(type(metric), label),
        "arguments": encode(list(positional), label, own),
        "options": encode(dict(named), label, own),
        "name": metric.name,
    }
    arrays.update(own)
    made = make_metric(spec, own)
    kinds = [[type(part) for part in item.parts()] for item in (metric, made)]
    check.require_same_metric(made.name == metric.name and kinds[0] == kinds[1], metric.name)
    return spec


def make_metric(spec: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Metric:
    """Make a metric again."""
    made: Metric = import_from(spec["class"])(
        *decode(spec["arguments"], arrays), **decode(spec["options"], arrays)
    )
    return made
