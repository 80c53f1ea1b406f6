"""Who computed what, when, on which hardware, with how much time and memory: one file a process."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._base import threads as _threads
from .._base.isa import build_info
from .files import names_in, process_name

_SAMPLING = 0.05  # seconds between looks at the memory in use


class Journal:
    """The journal of this process; a store that cannot be written to is found out elsewhere."""

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
    """Read the lines of all processes; a line that was cut off is left out."""
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
    """Describe what decides about the last bits, and about speed."""
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
    """Memory of this process that is not a mapped file: what counts against a job's limit."""
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
    """Watches the anonymous memory of the process from a thread of its own."""

    def __init__(self, interval: float = _SAMPLING) -> None:
        self._interval = interval
        self.peak = anonymous_bytes()

    @contextmanager
    def watching(self) -> Iterator[PeakMemory]:
        """Watch as long as the context lasts."""
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
        """Take in what is in use now."""
        self.peak = max(self.peak, anonymous_bytes())
        return self.peak


def cpu_seconds(n_threads: int) -> float:
    """Clock of the processor time of a task: that of its thread where it has only one.

    Other threads of the process may be at work on other tasks.
    """
    return time.thread_time() if n_threads == 1 else time.process_time()
