"""How commands of sweeps end: errors in one line, exit codes, and signals."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from .._base.progress import ProgressFunction, ProgressLines, as_progress
from ..sweep import SweepError, SweepIncomplete, SweepStatus, status
from ..sweep.attempts import Attempts
from ..sweep.files import process_name
from .files import InputError
from .options import BAD_PATH, FAILURE, Ending, say_line

INCOMPLETE = 3
WITHOUT_RESULT = 4
_SIGNALLED = 128  # plus the number of the signal, as shells report it
# What batch systems send before they kill, and what a closed terminal sends.
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def plain_errors(option: str = "") -> Iterator[None]:
    """Turn what sweeps raise into one line and an exit code; `option` says where it came from."""
    lead = f"{option}: " if option else ""
    try:
        yield
    except BrokenPipeError:
        raise
    except SweepIncomplete as error:
        raise Ending("incomplete", error, INCOMPLETE) from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"{lead}{error} (modules of your own metrics are looked for in the folders of PYTHONPATH)"
        ) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{lead}{where}{error.strerror or error}"
        if isinstance(error, BAD_PATH):
            raise InputError(text) from error
        raise Ending("error", text, FAILURE) from error
    except (SweepError, ImportError, TypeError, ValueError) as error:
        raise InputError(f"{lead}{error}") from error


class _Terminated(BaseException):
    """A signal asked this process to end."""


class Stop:
    """Raises in the main thread once a signal has asked this process to end."""

    def __init__(self) -> None:
        self.number: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; later ones are ignored, so that the end is not disturbed."""
        del frame
        if self.number is None:
            self.number = number
            raise _Terminated

    def progress(self, label: str) -> ProgressFunction:
        """Report progress as a bar on a terminal, else in lines of a log."""
        report: Any = as_progress(sys.stderr.isatty(), label)
        if report is None:
            report = ProgressLines(label, say_line)

        def look(done: int, total: int) -> None:
            if self.number is not None:  # the handler's exception was lost in a place that swallows them
                raise _Terminated
            report(done, total)

        return look


@contextlib.contextmanager
def stoppable(store: str | None) -> Iterator[Stop]:
    """Unwind at SIGTERM as at Ctrl-C, leave no trace of unfinished tries, and say how to go on."""
    stop = Stop()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for kind in _ENDING_SIGNALS:
            if signal.getsignal(kind) is not signal.SIG_IGN:  # as after nohup
                before[kind] = signal.signal(kind, stop.handle)
    try:
        yield stop
    except BaseException as error:
        number = stop.number
        if number is None and not isinstance(error, KeyboardInterrupt):
            raise
        if sys.stderr.isatty():
            print(file=sys.stderr)  # leave the line of the progress bar
        if number is None:
            raise Ending("interrupted", f"by the user{_go_on(store)}", _SIGNALLED + signal.SIGINT) from None
        name = signal.Signals(number).name
        raise Ending("terminated", f"by {name}{_go_on(store)}", _SIGNALLED + number) from None
    finally:
        for kind_number, handler in before.items():
            signal.signal(kind_number, handler)


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes items without result a failure."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help=f"end with exit code {WITHOUT_RESULT} if items have no result because of their data",
    )


def end_of(found: SweepStatus, strict: bool) -> None:
    """End with the exit code of a sweep whose state was printed: tiles are left, or items without result."""
    if not found.is_complete:
        raise SystemExit(INCOMPLETE)
    if strict and found.errors:
        first = next(iter(found.errors.values()))
        raise Ending(
            "error",
            f"{len(found.errors):,} without result because of their data, such as {first['name']!r}: see "
            f"neurogeom sweep status {shlex.quote(str(found.store))}",
            WITHOUT_RESULT,
        )


def _go_on(store: str | None) -> str:
    """Say what was done of a sweep and how to resume it; tiles that were stopped get their tries back."""
    if store is None:
        return ": nothing was made"
    with contextlib.suppress(OSError):
        Attempts(Path(store)).forgive({process_name()})
    try:
        found = dataclasses.replace(status(store), eta=None)  # this process is at work no longer
    except Exception:  # on the way out, whatever is wrong with the store is of no interest
        return f". Go on with: {resume_command(store)}"
    return f": {found}; what is finished is safe. Go on with: {found.resume_command}"


def resume_command(store: str) -> str:
    """What goes on with a sweep, in a shell."""
    return f"neurogeom sweep run {shlex.quote(store)}"
