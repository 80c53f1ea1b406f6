"""Who computed what, when, on which hardware, with how much time and memory: one file per process.

And what follows from that: who is at work, how fast, and how much longer.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from .._base import threads as _threads
from .._base.isa import build_info
from .files import names_in

_SAMPLING = 0.05  # seconds between samples of the memory in use

Lines: TypeAlias = list[dict[str, Any]]

# A process silent for this long, in seconds and in multiples of its time per tile, is taken to have ended.
_SILENT, _SILENT_TILES = 60.0, 4.0
_RECENT = 30  # tiles whose times predict those of the next ones
# What determines the last bits of results.
_DECISIVE = ("processor", "isa", "blas")


def process_name(pid: int | None = None) -> str:
    """Name this process, or another one of this host, among all that work on a store."""
    host = "".join(c if c.isalnum() else "-" for c in socket.gethostname()) or "host"
    return f"{host}.{os.getpid() if pid is None else pid}"


def is_alive(process: str) -> bool | None:
    """Return whether a process of :func:`process_name` still runs; None if it is on another host."""
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


class Journal:
    """The journal of this process; a store that cannot be written to is detected elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{process_name()}.jsonl"
        self._started = False

    def write(self, **entry: Any) -> None:
        """Append one line, in one write."""
        lines = [] if self._started else [{"start": time.time(), **hardware()}]
        self._started = True
        text = "".join(json.dumps(line) + "\n" for line in [*lines, {"time": time.time(), **entry}])
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def read_journals(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the lines of all processes; truncated lines are left out."""
    found = {}
    for name in sorted(names_in(folder)):
        lines = []
        for text in (folder / name).read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue
        found[name.removesuffix(".jsonl")] = lines
    return found


def hardware() -> dict[str, Any]:
    """Describe what determines the last bits, and the speed."""
    blas = [
        f"{library.get('internal_api')} {library.get('version')} {library.get('architecture', '')}".strip()
        for library in _threads.blas_libraries()
    ]
    return {
        "process": process_name(),
        "processor": _cpu_model(),
        "cores": _threads.available_cores(),
        "isa": build_info()["isa"],
        "blas": sorted(set(blas)),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def anonymous_bytes() -> int:
    """Memory of this process without mapped files: what counts against a job's limit."""
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found:
        return int(found[1]) << 10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


class PeakMemory:
    """Watches the anonymous memory of the process from a separate thread."""

    def __init__(self, interval: float = _SAMPLING) -> None:
        self._interval = interval
        self.peak = anonymous_bytes()

    @contextmanager
    def watching(self) -> Iterator[PeakMemory]:
        """Watch while the context lasts."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(self._interval):
                self.look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()
            self.look()

    def look(self) -> int:
        """Record what is in use now."""
        self.peak = max(self.peak, anonymous_bytes())
        return self.peak


def cpu_seconds(n_threads: int) -> float:
    """Clock of the processor time of a task: that of its thread if it has only one.

    Other threads of the process may be working on other tasks.
    """
    return time.thread_time() if n_threads == 1 else time.process_time()


# ---- who is at work


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
        Numbers of tiles computed and items prepared.
    cpu_seconds : float
        Processor time that this took.
    last : float
        When it was last heard from, in seconds since 1970.
    at_work : bool
        Whether it still seems to be at work.
    """

    process: str
    hardware: tuple[str, ...]
    tiles: int
    items: int
    cpu_seconds: float
    last: float
    at_work: bool


def workers_of(store: Path) -> list[SeenWorker]:
    """List the processes that have worked on a store, the most recently heard from first."""
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
    """Estimate how long the processes at work need for the tiles left; None if this is not known."""
    rate, now = 0.0, time.time()
    for process, lines in journals.items():
        seconds = [line["seconds"] for line in lines if "tile" in line][-_RECENT:]
        if seconds and _is_at_work(process, lines, now):
            rate += 1 / max(statistics.fmean(seconds), 1e-6)
    return left / rate if rate else None


def kinds_of_hardware(workers: Iterable[SeenWorker]) -> list[tuple[str, ...]]:
    """List the different kinds of hardware that took part."""
    return sorted({worker.hardware for worker in workers if worker.hardware})
