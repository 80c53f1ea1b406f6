"""A sweep that is being planned: the folder that becomes its store, without tiles."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._base.checks import AnyArray
from .._base.codec import Trust
from .files import PARTIAL, read_json, write_json
from .kinds import Kind, sweep_of
from .store import read_items, read_npz, write_arguments, write_input, write_items

_DRAFT = "draft.json"


@contextmanager
def draft(
    path: Path | None,
    plan: Mapping[str, Any],
    arguments: Mapping[str, AnyArray],
    items: Sequence[Mapping[str, Any]],
    inputs: Mapping[int, AnyArray],
) -> Iterator[Path]:
    """Write a draft next to where the store will be; it is removed unless it was renamed."""
    if path is None:
        folder = Path(tempfile.mkdtemp(prefix="neurogeom-plan-"))
    else:
        # Process ids are reused, in containers right away.
        folder = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PARTIAL}")
        folder.mkdir(parents=True)
    try:
        write_json(folder / _DRAFT, plan)
        write_arguments(folder, arguments)
        for number, array in inputs.items():
            write_input(folder, number, array)
        write_items(folder / "items" / "0000.json", items)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_draft(folder: Path, trust: Trust) -> Kind:
    """Make the sweep that a draft describes."""
    arguments = folder / "arguments.npz"
    arrays = read_npz(arguments.read_bytes()) if arguments.exists() else {}
    items, _ = read_items(folder / "items" / "0000.json")
    return sweep_of(read_json(folder / _DRAFT), [items], arrays, trust)


def forget_draft(folder: Path) -> None:
    """Remove what belongs only to the draft from what becomes a store."""
    (folder / _DRAFT).unlink()
