"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import SweepError

PARTIAL = ".partial"
# Files left half-written by a dead process are removed after this many seconds.
_STALE = 3600.0


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file under another name and rename it; if writing fails, nothing is left behind."""
    try:
        _write_and_rename(path, data)
    except FileNotFoundError:
        # Another thread or process may have made the folder in the meantime.
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, data)


def _write_and_rename(path: Path, data: bytes | memoryview) -> None:
    scratch = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        with open(scratch, "wb") as file:
            file.write(data)
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    write_atomically(path, json.dumps(value, indent=1).encode())


def read_json(path: Path) -> Any:
    """Read JSON; raise if it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise SweepError(f"{path} is damaged ({error}): restore it, or plan anew in another store") from error


def names_in(folder: Path) -> Iterator[str]:
    """Names in a folder, none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)
    except FileNotFoundError:
        return


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other thread or process holds the lock of this folder; a lock ends with its process.

    File systems without such locks do without, and so does Windows, where folders cannot be opened.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_stale_partials(folders: list[Path]) -> None:
    """Remove files that were being written when their process died."""
    for folder in folders:
        for name in list(names_in(folder)):
            path = folder / name
            if name.endswith(PARTIAL) and _age_of(path) > _STALE:
                path.unlink(missing_ok=True)


def _age_of(path: Path) -> float:
    """Seconds since a file was changed; 0 if the process that wrote it has just renamed it."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
