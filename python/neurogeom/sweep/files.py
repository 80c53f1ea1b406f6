"""Files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import errors as check

PARTIAL = ".partial"
# Files that a dead process left half written are removed after this many seconds.
_STALE = 3600.0


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file under another name and rename it; if it cannot be written, nothing is left."""
    try:
        _write_and_rename(path, data)
    except FileNotFoundError:
        # Perhaps another thread or process has made the folder meanwhile.
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
    """Read JSON; an error if it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise check.lost(path, error) from error


def names_in(folder: Path) -> Iterator[str]:
    """Names in a folder, none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)
    except FileNotFoundError:
        return


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other thread or process is in here for this folder; the lock ends with its process.

    File systems that have no such locks are used without.
    """
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
    """Seconds since a file was changed; 0 if it has just been renamed by the process that wrote it."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def process_name(pid: int | None = None) -> str:
    """Name this process, or another one of this host, among all that work on a store."""
    host = "".join(c if c.isalnum() else "-" for c in socket.gethostname()) or "host"
    return f"{host}.{os.getpid() if pid is None else pid}"


def is_alive(process: str) -> bool | None:
    """Say whether a process of :func:`process_name` still runs; None if it is on another host."""
    host, _, pid = process.rpartition(".")
    if host != process_name().rpartition(".")[0]:
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
