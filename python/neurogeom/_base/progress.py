"""Progress of long work: a bar on stderr, lines for the log of a job, or the caller's own function."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeAlias

ProgressFunction: TypeAlias = Callable[[int, int], object]
Progress: TypeAlias = bool | ProgressFunction

_WIDTH = 30
_BETWEEN_LINES = 60.0  # seconds


class _Remaining:
    """Estimates the time left from what was done since the first report, which may not have been nothing."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> str:
        if self._first is None:
            self._first = done
        new = done - self._first
        return format_seconds((time.monotonic() - self.start) * (total - done) / new) if new > 0 else ""


class _Bar:
    """A text bar with the estimated time left; redrawn in place, ended by a newline."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.remaining = _Remaining()
        self.finished = False

    def __call__(self, done: int, total: int) -> None:
        if self.finished:
            return
        filled = _WIDTH * done // max(1, total)
        time_left = self.remaining(done, total)
        left = f"{time_left} left" if time_left else ""
        if done >= total:
            left = f"{time.monotonic() - self.remaining.start:.1f} s"
            self.finished = True
        bar = "#" * filled + "." * (_WIDTH - filled)
        sys.stderr.write(f"\r{self.label} [{bar}] {done}/{total} {left:<14}")
        if self.finished:
            sys.stderr.write("\n")
        sys.stderr.flush()


class ProgressLines:
    """Lines for a log: the first report, and then at most one line a minute.

    Parameters
    ----------
    label : str
        What is counted, such as "tiles".
    write : callable(str)
        Where the lines go.
    """

    def __init__(self, label: str, write: Callable[[str], object]) -> None:
        self._label, self._write = label, write
        self._remaining = _Remaining()
        self._due = self._remaining.start

    def __call__(self, done: int, total: int) -> None:
        """Report."""
        time_left = self._remaining(done, total)
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _BETWEEN_LINES
        to_go = f", {time_left} to go" if time_left and done < total else ""
        self._write(f"{done:,} of {total:,} {self._label}{to_go}")


def format_seconds(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def as_progress(progress: Progress, label: str) -> ProgressFunction | None:
    """Turn the argument of public functions into a function of (done, total), or None."""
    if callable(progress):
        return progress
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be a bool or a callable, not {type(progress).__name__}")
    return _Bar(label) if progress else None
