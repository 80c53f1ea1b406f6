"""Items as a store lists them: where each is, what it looked like, and how to read it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from .._base.checks import AnyArray
from ..io.items import stamp_of
from ..representations.items import Item, Responses
from .errors import SweepError
from .store import Store, input_name


def describe_items(
    items: Sequence[Item],
    side: str,
    tests: Sequence[Item] | None,
    inputs: dict[int, AnyArray],
    first_input: int = 0,
) -> list[dict[str, Any]]:
    """List items; those in memory are written to `inputs`, numbered after what is there."""
    described = []
    for k, item in enumerate(items):
        entry = {"name": item.name, "side": side, **_describe(item, inputs, first_input)}
        if tests is not None:
            entry["test"] = _describe(tests[k], inputs, first_input)
        described.append(entry)
    return described


def _describe(item: Item, inputs: dict[int, AnyArray], first_input: int) -> dict[str, Any]:
    shape = [item.n_stimuli, item.n_units]
    if item.stored is not None:
        return {"location": dict(item.stored.location), "stamp": item.stored.stamp(), "shape": shape}
    number = max(inputs, default=first_input - 1) + 1
    inputs[number] = item.array()
    return {
        "location": {
            "kind": "npy",
            "path": input_name(number),
            "key": None,
            "flatten": False,
            "name": item.name,
        },
        "sha256": item.content_hash(),
        "shape": shape,
        # Version 0.1.0 knew two kinds of items, and recorded the kind this way.
        **({"rdm": item.kind == "rdm"} if item.kind in ("rdm", "responses") else {"kind": item.kind}),
    }


def open_described(entry: Mapping[str, Any], label: str, folder: Path) -> tuple[Item, str]:
    """Return an item, read only if it is small, and the hash of its content."""
    location = dict(entry["location"])
    location["path"] = str(folder / location["path"])
    name = str(location.get("name", label))
    kind = entry.get("kind", "rdm" if entry.get("rdm") else "responses")
    item: Item
    if kind == "responses":
        stored = io.open_item(location)
        if list(stored.shape) != list(entry["shape"]):
            raise SweepError(
                f"{label}: {location['path']} holds shape {tuple(stored.shape)}, but {tuple(entry['shape'])} "
                "was planned"
            )
        item = Responses(label, name, stored)
        if not item.is_large:
            item = Responses(label, name, stored.read())
    else:
        if kind not in Item.kinds:
            raise SweepError(f"{label} is of kind {kind!r}, which this process does not know")
        array = np.load(location["path"], allow_pickle=False)
        item = Item.kinds[kind].of_array(array, label, name)
    digest = item.content_hash()
    if digest != entry.get("sha256", digest):
        raise SweepError(f"{label}: {location['path']} is damaged: its content is not what was planned with")
    return item, digest


def require_unchanged_inputs(store: Store, entries: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Refuse inputs that have changed since the plan, or that the store has lost.

    Size and modification time are compared, which is cheap; where they differ, the content decides for
    items that have been read before.
    """
    for number, entry in entries:
        for part, key in ((entry, "sha256"), (entry.get("test"), "test_sha256")):
            if part is None:
                continue
            if "stamp" not in part:
                store.require(part["location"]["path"])
                continue
            location = dict(part["location"])
            location["path"] = str(store.path / location["path"])
            if _stamp(location) == part["stamp"]:
                continue
            known = store.content(number, key)
            same = known is not None and _hash(location) == known
            require_unchanged(same, entry["name"], location["path"], known is not None)


def require_unchanged(same: bool, name: str, path: str, was_read: bool) -> None:
    """Refuse an input that changed after the plan."""
    if not same:
        then = "it was first read" if was_read else "the plan"
        raise SweepError(
            f"{name!r} changed since {then}: {path} is gone, or has another size, time or content. Restore "
            "it, or plan anew in another store"
        )


def require_stimuli_of_sweep(item: Item, count: int, expected: Any, ids: Any = None) -> None:
    """Refuse a new item whose stimuli are not those of the sweep."""
    if item.n_stimuli != count:
        raise ValueError(f"{item.label} has {item.n_stimuli} stimuli, but the sweep has {count}")
    if ids is not None and expected is not None and list(ids) != list(expected):
        raise ValueError(f"{item.label} has other stimulus ids than the sweep, or another order")


def plain_list(names: AnyArray) -> list[Any]:
    """Return ids or names as JSON keeps them; what is neither number nor text becomes text."""
    return [k if isinstance(k, (bool, int, float, str)) else str(k) for k in names.tolist()]


def _stamp(location: Mapping[str, Any]) -> dict[str, int] | None:
    try:
        return stamp_of(location)
    except OSError:
        return None


def _hash(location: Mapping[str, Any]) -> str | None:
    try:
        return io.open_item(location).content_hash()
    except (OSError, ValueError):
        return None
