"""The ``neurogeom`` command."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from .. import __version__
from . import capacity, compare, demo, fewshot, info, predict, sweep
from .endings import FAILURE, Ending, InputError, say

_USER_ERROR = 2
_INTERRUPTED = 130  # what a shell reports for Ctrl-C


_EPILOG = """\
Exit codes: 0 done, also if the reader of the output has gone (| head); 1 failure of the machine (memory, a
full disk) or an unsound sweep; 2 bad input; 3 a sweep has tiles left or failed; 130 Ctrl-C; 143 SIGTERM.
Errors, warnings and notes go to stderr, one line each."""


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are one line, like all others of the command."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        0 when all went well, also if the reader of the output has gone; 1 when the machine failed (memory, a
        full disk) or a sweep is not sound; 2 when the input cannot be used; 3 when a sweep is not finished;
        130 after Ctrl-C; 143 when a sweep was told to end (SIGTERM).

    Examples
    --------
    >>> from neurogeom.cli.main import main
    >>> main(["--version"])
    neurogeom ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal shows "?" for ±
            stream.reconfigure(errors="replace")
    code = _code_of(lambda: _run(argv))
    flushed = _code_of(_flush)  # also after an error, or Python would complain of it at exit
    return code or flushed


def _run(argv: Sequence[str] | None) -> None:
    args = _build_parser().parse_args(argv)
    args.run(args)


def _flush() -> None:
    if sys.stdout is not None:  # None if it was closed before we began
        sys.stdout.flush()


def _code_of(step: Callable[[], None]) -> int:
    """Run one step; report what goes wrong in one line, and return the exit code."""
    try:
        step()
    except InputError as error:
        say("error", error)
        return _USER_ERROR
    except Ending as ending:
        say(ending.kind, ending)
        return ending.code
    except SystemExit as stop:  # argparse, after --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # leave the line of the progress bar
        say("interrupted", "stopped by the user")
        return _INTERRUPTED
    except MemoryError as error:
        say("error", f"out of memory: {error}")
        return FAILURE
    except OSError as error:
        gone = isinstance(error, BrokenPipeError) and _reader_has_gone()  # as after `| head -1`: no failure
        if not gone:
            say("error", _describe(error))
        if sys.stdout is not None:
            # Keep Python from complaining when it flushes at exit.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0 if gone else FAILURE
    return 0


def _reader_has_gone() -> bool:
    """Return whether stdout is a pipe that nobody reads any more."""
    if sys.stdout is None:
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _describe(error: OSError) -> str:
    where = error.filename if error.filename is not None else "the output cannot be written"
    return f"{where}: {error.strerror or error}"


# ---- the table of subcommands ----------------------------------------------------------------


class _Command(NamedTuple):
    """One subcommand: a line of help, its options, and what it does."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


_COMMANDS = {
    "demo": _Command("analyse the real data that come with the package", demo.add_arguments, demo.run),
    "capacity": _Command("manifold capacity and geometry of your data", capacity.add_arguments, capacity.run),
    "compare": _Command(
        "distances and similarities between representations, all pairs",
        compare.add_arguments,
        compare.run,
    ),
    "fewshot": _Command(
        "how well the classes of your data are learned from a few examples",
        fewshot.add_arguments,
        fewshot.run,
    ),
    "predict": _Command(
        "how well your representations predict other responses to the same stimuli",
        predict.add_arguments,
        predict.run,
    ),
    "sweep": _Command(
        "all pairs of many representations, or their capacity: planned, resumable, on many machines",
        sweep.add_arguments,
        sweep.run,
    ),
    "info": _Command(
        "show the versions, the build, and how it runs on this machine", info.add_arguments, info.run
    ),
}


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="neurogeom",
        description="The geometry of neural representations.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"neurogeom {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        sub = subparsers.add_parser(name, help=command.help, description=f"{command.help}.")
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
