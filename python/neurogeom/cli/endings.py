"""How commands end: messages, errors in one line, exit codes, output files, and signals."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, TypeVar

from .._base.progress import ProgressFunction, as_progress
from ..io.checks import describe
from ..report.drawing import check_format
from ..sweep import SweepError, SweepIncomplete, SweepStatus, status
from ..sweep.attempts import Attempts
from ..sweep.journal import process_name
from ..sweep.store import sweep_command

TABLES = (".csv", ".tsv", ".json")
_T = TypeVar("_T")
FAILURE = 1
INCOMPLETE = 3
WITHOUT_RESULT = 4
_SIGNALLED = 128  # plus the number of the signal, as shells report it
# What batch systems send before they kill, and what a closed terminal sends (except on Windows).
_ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
# System errors that mean a wrong path; others are failures of the machine.
_BAD_PATH = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError, IsADirectoryError)


# ---- messages


class InputError(Exception):
    """The user's input cannot be used; shown in one line, without a traceback."""


class Ending(Exception):  # noqa: N818 - not all are errors
    """An end of the command that is neither success nor bad input: what to say, and the exit code."""

    def __init__(self, kind: str, message: object, code: int) -> None:
        self.kind, self.code = kind, code
        super().__init__(str(message))


def say(kind: str, message: object) -> None:
    """Write one line to stderr; a closed stderr is no reason to stop."""
    with contextlib.suppress(OSError):
        print(f"neurogeom: {kind}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def plain_errors(option: str = "") -> Iterator[None]:
    """Turn what files and sweeps raise into one line and an exit code; `option` is where it came from."""
    lead = f"{option}: " if option else ""
    try:
        yield
    except BrokenPipeError:
        raise
    except SweepIncomplete as error:
        raise Ending("incomplete", error, INCOMPLETE) from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"{lead}{error} (modules with your own metrics are looked for on PYTHONPATH)"
        ) from error
    except OSError as error:
        raise _of_system(error, f"{lead}{describe(error)}") from error
    except (SweepError, ImportError, TypeError, ValueError) as error:
        raise InputError(f"{lead}{error}") from error


def _of_system(error: OSError, text: str) -> InputError | Ending:
    return InputError(text) if isinstance(error, _BAD_PATH) else Ending("error", text, FAILURE)


def announced(name: str, compute: Callable[[], _T]) -> _T:
    """Compute; each warning becomes one line, and input errors become `InputError`; `name` says where."""
    lead = f"{name}: " if name else ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            result = compute()
        except ValueError as error:
            raise InputError(f"{lead}{error}") from error
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        say("warning", f"{lead}{message}")
    return result


# ---- output


def check_output(path: str | None, sources: Sequence[str] = (), endings: Sequence[str] = ()) -> None:
    """Raise early, before any long computation, if a result could not be written to `path`."""
    if path is None or (path == "-" and endings):
        return
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no directory {folder}")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a directory")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise InputError(f"{path}: not allowed to write there")
    if os.path.exists(path) and any(os.path.samefile(path, file) for file in sources if os.path.exists(file)):
        raise InputError(f"{path}: would overwrite the data")
    if os.path.exists(path) and not os.path.isfile(path):
        return  # /dev/null, /dev/stdout, a pipe: CSV
    if endings and os.path.splitext(path)[1].lower() not in endings:
        raise InputError(f"the output must end in {', '.join(endings)}, or be - for stdout, not {path!r}")


def check_plot(path: str | None, sources: Sequence[str] = ()) -> None:
    """Raise early if the picture could not be drawn."""
    if path is None:
        return
    check_output(path, sources)
    try:
        check_format(path)
    except (ImportError, ValueError) as error:
        raise InputError(str(error)) from None


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn the system's error about a file that cannot be written into one line."""
    try:
        yield
    except OSError as error:
        raise _of_system(error, f"{path}: {error.strerror or error}") from error


def stdout() -> TextIO:
    """Return stdout, for results; refuse one that was closed before we began."""
    if sys.stdout is None:
        raise Ending("error", "the output cannot be written: stdout is closed", FAILURE)
    return sys.stdout


def deliver(table: str, files: Mapping[str, Callable[[Any], object]]) -> None:
    """Write files, then the table, as stdout may be closed or full; one failure does not stop the others.

    Parameters
    ----------
    table : str
        For stdout, unless one of the files is "-".
    files : mapping of str to callable
        Function that writes to a path, or to stdout.
    """
    failed: Exception | None = None
    for path, write in files.items():
        try:
            if path != "-":
                with writing(path):
                    write(path)
        except (InputError, Ending) as error:
            failed = failed or error
    try:
        if "-" not in files:
            print(table)
        else:
            files["-"](stdout())
    except OSError:
        if failed is None:  # else the missing file is the error to report, even if the reader has gone
            raise
    if failed is not None:
        raise failed


# ---- sweeps


class _Terminated(BaseException):
    """A signal asked this process to end."""


class Stop:
    """Raises in the main thread once a signal has asked this process to end."""

    def __init__(self) -> None:
        self.number: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; later ones are ignored, so that the cleanup is not disturbed."""
        del frame
        if self.number is None:
            self.number = number
            raise _Terminated

    def progress(self, label: str) -> ProgressFunction:
        """Report progress as a bar on a terminal, else as lines of a log."""
        report: Any = as_progress(True, label)

        def look(done: int, total: int) -> None:
            if self.number is not None:  # the handler's exception was swallowed somewhere
                raise _Terminated
            report(done, total)

        return look


@contextlib.contextmanager
def stoppable(store: str | None, trust: Sequence[str] = ()) -> Iterator[Stop]:
    """Unwind on SIGTERM as on Ctrl-C, leave no trace of unfinished tries, and say how to resume."""
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
        then = _go_on(store, trust)
        if number is None:
            raise Ending("interrupted", f"by the user{then}", _SIGNALLED + signal.SIGINT) from None
        raise Ending("terminated", f"by {signal.Signals(number).name}{then}", _SIGNALLED + number) from None
    finally:
        for kind_number, handler in before.items():
            signal.signal(kind_number, handler)


def end_of(found: SweepStatus, strict: bool) -> None:
    """End with the exit code of a sweep whose state was printed: tiles are left, or items have no result."""
    if not found.is_complete:
        raise SystemExit(INCOMPLETE)
    if strict and found.errors:
        first = next(iter(found.errors.values()))
        raise Ending(
            "error",
            f"{len(found.errors):,} without a result because of their data, such as {first['name']!r}: see "
            f"{sweep_command('status', found.store, found.trust)}",
            WITHOUT_RESULT,
        )


def _go_on(store: str | None, trust: Sequence[str]) -> str:
    """Describe how far a sweep got and how to resume it; tiles that were stopped get their tries back."""
    if store is None:
        return ": nothing was created"
    with contextlib.suppress(OSError):
        Attempts(Path(store)).forgive({process_name()})
    try:
        found = dataclasses.replace(status(store, trust=trust), eta=None)  # this process no longer works
    except Exception:  # on the way out, whatever is wrong with the store does not matter
        return f". Resume with: {sweep_command('run', store, trust)}"
    return f": {found}; what is finished is safe. Resume with: {found.resume_command}"
