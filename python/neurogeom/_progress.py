"""Progress of long work: a bar on stderr, or the caller's own function."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeAlias

ProgressFunction: TypeAlias = Callable[[int, int], object]
Progress: TypeAlias = bool | ProgressFunction

_WIDTH = 30


class _Bar:
    """A text bar with the estimated time left; redrawn in place, ended by a newline."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.start = time.monotonic()
        self.finished = False

    def __call__(self, done: int, total: int) -> None:
        if self.finished:
            return
        elapsed = time.monotonic() - self.start
        filled = _WIDTH * done // max(1, total)
        left = f"{elapsed * (total - done) / done:.0f} s left" if done else ""
        if done >= total:
            left = f"{elapsed:.1f} s"
            self.finished = True
        bar = "#" * filled + "." * (_WIDTH - filled)
        sys.stderr.write(f"\r{self.label} [{bar}] {done}/{total} {left:<14}")
        if self.finished:
            sys.stderr.write("\n")
        sys.stderr.flush()


def as_progress(progress: Progress, label: str) -> ProgressFunction | None:
    """Turn the argument of public functions into a function of (done, total), or None."""
    if callable(progress):
        return progress
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be a bool or a callable, not {type(progress).__name__}")
    return _Bar(label) if progress else None
