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
from .errors import SweepError
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
        if list(stored.shape) != list(entry["shape"]):
            raise SweepError(
                f"{label}: {location['path']} holds shape {tuple(stored.shape)}, but {tuple(entry['shape'])} "
                "was planned"
            )
        item = Item(label, name, stored, None)
        if item.is_large:
            source, digest = stored, stored.content_hash()
        else:
            source = stored.read()
            digest = io.content_hash(source)
    if digest != entry.get("sha256", digest):
        raise SweepError(f"{label}: {location['path']} is damaged: its content is not what was planned with")
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
    """Refuse a new item whose rows are other stimuli than those of the sweep."""
    if item.n_stimuli != count:
        raise ValueError(f"{item.label} has {item.n_stimuli} stimuli, but the sweep has {count}")
    if ids is not None and expected is not None and list(ids) != list(expected):
        raise ValueError(f"{item.label} has other stimulus ids, or another order, than the sweep")


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
