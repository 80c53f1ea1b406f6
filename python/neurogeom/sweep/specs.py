"""Metrics as JSON and arrays, from which any process can recreate them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._base.checks import AnyArray
from .._base.codec import Trust, decode, encode, found_as, modules_in, name_of
from ..metrics.base import Metric


def describe_metric(metric: Metric, arrays: dict[str, AnyArray]) -> dict[str, Any]:
    """Describe a metric by its class and the arguments of its constructor."""
    positional, named = metric.arguments
    label = f"metric {metric.name!r}"
    own: dict[str, AnyArray] = {}
    spec = {
        "class": name_of(type(metric), label),
        "arguments": encode(list(positional), label, own),
        "options": encode(dict(named), label, own),
        "name": metric.name,
    }
    arrays.update(own)
    made = make_metric(json.loads(json.dumps(spec)), own, sorted(modules_in(spec)))
    if _promises(made) != _promises(metric):
        raise TypeError(
            f"metric {metric.name!r} cannot be recreated from the arguments of its constructor: was it "
            "changed since?"
        )
    return spec


def _promises(metric: Metric) -> Any:
    """What a metric says of itself and requires; arrays by their content, not their identity."""
    arrays: dict[str, AnyArray] = {}
    asked = []
    for k, thing in enumerate([*metric.parts(), *metric.products()]):
        try:
            asked.append(encode(thing, str(k), arrays))
        except TypeError:  # a user's object that only constructors in other processes need to make
            asked.append(name_of(type(thing), str(k)))
    said = [metric.name, metric.symmetric, metric.is_similarity, metric.diagonal]
    return said, asked, {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}


def make_metric(spec: Mapping[str, Any], arrays: Mapping[str, AnyArray], trust: Trust = ()) -> Metric:
    """Recreate a metric; nothing but a Metric is called."""
    cls = found_as(spec["class"], trust)
    if not (isinstance(cls, type) and issubclass(cls, Metric)):
        raise TypeError(f"{spec['class']!r} is not a neurogeom.Metric")
    made: Metric = cls(*decode(spec["arguments"], arrays, trust), **decode(spec["options"], arrays, trust))
    return made
