"""Progress of long work: a bar on a terminal or in a notebook, lines in a log, a function of the caller."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

ProgressFunction: TypeAlias = Callable[[int, int], object]
Progress: TypeAlias = bool | ProgressFunction

_BETWEEN_LINES = 60.0  # seconds


def as_progress(progress: Progress, label: str) -> ProgressFunction | None:
    """Turn the argument of public functions into a function of (done, total), or None."""
    if callable(progress):
        return progress
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be a bool or a callable, not {type(progress).__name__}")
    return _Report(label) if progress else None


class _Report:
    """Shows progress on stderr from the first report on, when some work may already be done."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            bar, lines = _tqdm()
            if sys.stderr.isatty() or "ipykernel.zmqshell" in sys.modules:
                self._bar = bar(total=total, initial=done, desc=self._label, bar_format=_format("|{bar}|"))
            else:
                self._bar = lines(total=total, initial=done, desc=self._label, bar_format=_format(""))
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()


def _format(bar: str) -> str:
    return f"{{desc}}: {{percentage:3.0f}}%{bar} {{n:,}}/{{total:,}} [{{elapsed}}<{{remaining}}]"


@functools.cache
def _tqdm() -> tuple[Any, Any]:
    """Return tqdm's bars, without the thread that watches them: a fork would lose it."""
    import tqdm.auto  # which takes a while

    class Bar(tqdm.auto.tqdm):  # type: ignore[misc]
        monitor_interval = 0

        def __del__(self) -> None:
            """Draw nothing: after an error the bar would appear again, below the error."""

    class Lines(tqdm.std.tqdm):  # type: ignore[misc]
        """For logs: a line at first, and then at most one a minute."""

        monitor_interval = 0

        def __init__(self, **options: Any) -> None:
            super().__init__(mininterval=_BETWEEN_LINES, miniters=0, leave=False, **options)

        def display(self, msg: str | None = None, pos: int | None = None) -> bool:
            if msg is None:
                with contextlib.suppress(OSError):  # a closed stderr is no reason to stop
                    print(self, file=sys.stderr, flush=True)
            return msg is None

        def __del__(self) -> None:
            """Say nothing."""

    return Bar, Lines
