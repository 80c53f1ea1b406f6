"""Who has worked on a sweep, how fast, and on what hardware, as the journal tells."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .files import is_alive
from .journal import hardware, read_journals

Lines: TypeAlias = list[dict[str, Any]]

# A process that has not been heard of for so long, in seconds and in its own tiles, is taken to have ended.
_SILENT, _SILENT_TILES = 60.0, 4.0
_RECENT = 30  # tiles whose time says how long the next ones take
# What decides about the last bits of results.
_DECISIVE = ("processor", "isa", "blas")


@dataclasses.dataclass(frozen=True)
class SeenWorker:
    """A process that has worked on a sweep.

    Attributes
    ----------
    process : str
        Host and number of the process.
    hardware : tuple of str
        Processor, instruction set of the core, and BLAS.
    tiles, items : int
        What it has computed and prepared.
    cpu_seconds : float
        Processor time that this took.
    last : float
        When it was heard of last, seconds since 1970.
    at_work : bool
        Whether it seems to be at work still.
    """

    process: str
    hardware: tuple[str, ...]
    tiles: int
    items: int
    cpu_seconds: float
    last: float
    at_work: bool


def workers_of(store: Path) -> list[SeenWorker]:
    """List the processes that have worked on a store, those heard of last first."""
    now = time.time()
    found = [_seen(name, lines, now) for name, lines in read_journals(store / "journal").items() if lines]
    return sorted(found, key=lambda worker: -worker.last)


def _seen(process: str, lines: Lines, now: float) -> SeenWorker:
    return SeenWorker(
        process=process,
        hardware=next((_decisive(line) for line in reversed(lines) if "start" in line), ()),
        tiles=sum("tile" in line for line in lines),
        items=sum("item" in line for line in lines),
        cpu_seconds=sum(line.get("cpu", 0.0) for line in lines),
        last=max(float(line.get("time") or line.get("start") or 0.0) for line in lines),
        at_work=_is_at_work(process, lines, now),
    )


def this_hardware() -> tuple[str, ...]:
    """Describe this machine as workers are described."""
    return _decisive(hardware())


def _decisive(line: Mapping[str, Any]) -> tuple[str, ...]:
    parts = [line.get(name, "unknown") for name in _DECISIVE]
    return tuple(" + ".join(part) if isinstance(part, list) else str(part) for part in parts)


def _is_at_work(process: str, lines: Lines, now: float) -> bool:
    timed = [line for line in lines if "time" in line]
    if not timed or is_alive(process) is False:
        return False
    seconds = [line["seconds"] for line in timed if "tile" in line][-_RECENT:]
    patience = max(_SILENT, _SILENT_TILES * statistics.fmean(seconds)) if seconds else _SILENT
    return bool(now - timed[-1]["time"] < patience)


def eta_of(journals: Mapping[str, Lines], left: int) -> float | None:
    """Estimate how long the processes now at work will need for the tiles left; None if none is known."""
    rate, now = 0.0, time.time()
    for process, lines in journals.items():
        seconds = [line["seconds"] for line in lines if "tile" in line][-_RECENT:]
        if seconds and _is_at_work(process, lines, now):
            rate += 1 / max(statistics.fmean(seconds), 1e-6)
    return left / rate if rate else None


def kinds_of_hardware(workers: Iterable[SeenWorker]) -> list[tuple[str, ...]]:
    """List the different kinds of hardware that took part."""
    return sorted({worker.hardware for worker in workers if worker.hardware})
