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
from . import errors as check
from .store import Store, input_name


def describe_items(
    items: Sequence[Item],
    side: str,
    tests: Sequence[Item] | None,
    inputs: dict[int, AnyArray],
    first_input: int = 0,
) -> list[dict[str, Any]]:
    """List items; those that are in memory go to `inputs`, numbered on from what is there."""
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
        # Version 0.1.0 knew two kinds of items, and wrote which one it is in this way.
        **({"rdm": item.kind == "rdm"} if item.kind in ("rdm", "responses") else {"kind": item.kind}),
    }


def open_described(entry: Mapping[str, Any], label: str, folder: Path) -> tuple[Item, str]:
    """Give an item, not read unless it is small, and the hash of its content."""
    location = dict(entry["location"])
    location["path"] = str(folder / location["path"])
    name = str(location.get("name", label))
    kind = entry.get("kind", "rdm" if entry.get("rdm") else "responses")
    item: Item
    if kind == "responses":
        stored = io.open_item(location)
        check.require_same_shape(list(stored.shape), list(entry["shape"]), label, location["path"])
        item = Responses(label, name, stored)
        if not item.is_large:
            item = Responses(label, name, stored.read())
    else:
        array = np.load(location["path"], allow_pickle=False)
        item = Item.kinds[kind].of_array(array, label, name)
    digest = item.content_hash()
    if "sha256" in entry:
        check.require_same_content(digest == entry["sha256"], label, location["path"])
    return item, digest


def require_unchanged_inputs(store: Store, entries: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Refuse inputs that changed since they were planned with, or that the store has lost.

    Size and time of change are looked at, which cost little; where these differ, the content decides for
    items that were read before.
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
            check.require_unchanged(same, entry["name"], location["path"], known is not None)


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
