"""Tries of a tile, or of preparing an item: under way, failed, given up.

A process leaves a marker while it computes a tile. The marker of a process that has died counts as a failed
try, so that a tile that kills its workers (out of memory, a crash) is given up like one that raises an error,
and the sweep goes on.
"""

from __future__ import annotations

import secrets
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from ..pairs.tiles import TileKey
from .errors import FATAL
from .files import names_in, read_json, write_json
from .journal import is_alive, process_name
from .store import tile_name

MOST_TRIES = 3
# Whether a process on another host is alive cannot be seen; a marker of this age is taken to be a dead one's.
_LONGEST_TILE = 4 * 3600.0
_DIED = "its worker died"


# A tile, or the name of a task for an item.
Task: TypeAlias = TileKey | str


def preparation_of(number: int) -> str:
    """Name the task of preparing an item."""
    return f"item{number}"


class Attempts:
    """The tries of all tiles and items of one store."""

    def __init__(self, folder: Path) -> None:
        self._markers = folder / "attempts"
        self._failures = folder / "failures"

    @contextmanager
    def trying(self, task: Task) -> Iterator[None]:
        """Mark a task as under way; errors are recorded and raised, interruptions leave no trace."""
        marker = self._markers / f"{_name(task)}@{process_name()}@{secrets.token_hex(4)}"
        self._markers.mkdir(exist_ok=True)
        try:
            marker.touch()
            yield
        except FATAL:
            raise  # a full disk, a lost network or a changed input is not the tile's fault
        except Exception as error:
            self.record(task, "".join(traceback.format_exception_only(error)).strip())
            raise
        finally:
            marker.unlink(missing_ok=True)

    def record(self, task: Task, text: str) -> None:
        """Count a failed try."""
        errors = self.errors(task)
        write_json(self._path(task), {"task": task, "errors": [*errors, text]})

    def forgive(self, processes: Collection[str]) -> None:
        """Forget the tries of processes that were stopped on purpose: their tiles are not to blame."""
        for name in list(names_in(self._markers)):
            if name.partition("@")[2].rpartition("@")[0] in processes:
                (self._markers / name).unlink(missing_ok=True)

    def count_deaths(self, tasks: set[Task] | None = None) -> None:
        """Turn markers of processes that have died into failed tries (of these tasks only)."""
        for name in list(names_in(self._markers)):
            first, _, rest = name.partition("@")
            process = rest.rpartition("@")[0]
            task = _task(first)
            if (tasks is None or task in tasks) and self._is_dead(process, self._markers / name):
                try:
                    (self._markers / name).unlink()
                except FileNotFoundError:
                    continue  # another process has counted it
                self.record(task, f"{_DIED} ({process})")

    @staticmethod
    def _is_dead(process: str, marker: Path) -> bool:
        alive = is_alive(process)
        if alive is None:
            try:
                return time.time() - marker.stat().st_mtime > _LONGEST_TILE
            except FileNotFoundError:
                return False
        return not alive

    def errors(self, task: Task) -> list[str]:
        """What went wrong in the tries so far."""
        try:
            found: list[str] = read_json(self._path(task))["errors"]
        except FileNotFoundError:
            return []
        return found

    def given_up(self) -> dict[TileKey, list[str]]:
        """Tiles that have failed too often."""
        found: dict[TileKey, list[str]] = {}
        for name in names_in(self._failures):
            if name.endswith(".json"):
                try:
                    entry: dict[str, Any] = read_json(self._failures / name)
                except FileNotFoundError:  # another process has finished it
                    continue
                if isinstance(entry["task"], list) and len(entry["errors"]) >= MOST_TRIES:
                    found[tuple(entry["task"])] = entry["errors"]
        return dict(sorted(found.items()))

    def forget(self, task: Task) -> None:
        """Give a task all its tries back."""
        self._path(task).unlink(missing_ok=True)

    def forget_all(self) -> None:
        """Give all tasks their tries back."""
        for name in list(names_in(self._failures)):
            (self._failures / name).unlink(missing_ok=True)

    def _path(self, task: Task) -> Path:
        return self._failures / f"{_name(task)}.json"


def _name(task: Task) -> str:
    return task if isinstance(task, str) else tile_name(task)


def _task(name: str) -> Task:
    return name if name.startswith("item") else tuple(map(int, name.split("-")))
