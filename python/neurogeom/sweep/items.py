"""Items as a store lists them: where each is, what it looked like, and how to read it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from .._base.checks import AnyArray
from ..io.items import stamp_of
from ..representations.representation import RDM, Item
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
    source = item.source
    shape = [item.n_stimuli, item.n_units]
    if isinstance(source, io.StoredItem) and source.location["path"] is not None:
        return {"location": dict(source.location), "stamp": source.stamp(), "shape": shape}
    array = source.condensed if isinstance(source, RDM) else np.asarray(source)
    number = max(inputs, default=first_input - 1) + 1
    inputs[number] = array
    return {
        "location": {
            "kind": "npy",
            "path": input_name(number),
            "key": None,
            "flatten": False,
            "name": item.name,
        },
        "sha256": _rdm_hash(array) if isinstance(source, RDM) else io.content_hash(array),
        "shape": shape,
        "rdm": isinstance(source, RDM),
    }


def _rdm_hash(condensed: AnyArray) -> str:
    """Give the checksum of measured dissimilarities, which are no matrix of stimuli and units."""
    digest = hashlib.sha256(f"rdm {condensed.size}\n".encode())
    digest.update(np.ascontiguousarray(condensed, dtype="<f8").data)
    return digest.hexdigest()


def open_described(entry: Mapping[str, Any], label: str, folder: Path) -> tuple[Item, str]:
    """Give an item, not read unless it is small, and the hash of its content."""
    location = dict(entry["location"])
    location["path"] = str(folder / location["path"])
    name = str(location.get("name", label))
    source: Any
    if entry.get("rdm"):
        array = np.load(location["path"], allow_pickle=False)
        source, digest = RDM(array), _rdm_hash(array)
    else:
        stored = io.open_item(location)
        check.require_same_shape(list(stored.shape), list(entry["shape"]), label, location["path"])
        item = Item(label, name, stored, None)
        if item.is_large:
            source, digest = stored, stored.content_hash()
        else:
            source = stored.read()
            digest = io.content_hash(source)
    if "sha256" in entry:
        check.require_same_content(digest == entry["sha256"], label, location["path"])
    return Item(label, name, source, None), digest


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
