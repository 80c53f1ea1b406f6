"""The ``neurogeom`` command."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from . import _validate, datasets, report
from ._cli_files import DataFile, InputError, check_output, user_input
from ._progress import as_progress

if TYPE_CHECKING:
    from .capacity import ManifoldCapacity

_USER_ERROR = 2
_FAILURE = 1
_INTERRUPTED = 130  # what a shell reports for Ctrl-C


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
        0 when all went well, 1 when the machine failed us (memory, a closed pipe), 2 when the input
        cannot be used, 130 after Ctrl-C.

    Examples
    --------
    >>> from neurogeom.cli import main
    >>> main(["--version"])
    neurogeom ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal shows "?" for ±
            stream.reconfigure(errors="replace")
    try:
        args = _build_parser().parse_args(argv)
        args.run(args)
        sys.stdout.flush()
    except InputError as error:
        _say("error", error)
        return _USER_ERROR
    except SystemExit as stop:  # argparse, after --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        _say("interrupted", "stopped by the user")
        return _INTERRUPTED
    except MemoryError as error:
        _say("error", f"out of memory: {error}")
        return _FAILURE
    except BrokenPipeError:
        # The reader of our output has gone; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    return 0


def _say(kind: str, message: object) -> None:
    """Write one line to stderr."""
    print(f"neurogeom: {kind}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


# ---- neurogeom demo ---------------------------------------------------------------------------


def _add_demo(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.set_defaults(margin=0.0, restarts=10, null=0, keep_correlations=False)


def _run_demo(args: argparse.Namespace) -> None:
    _check_plot(args.plot)
    start = time.perf_counter()
    sentences = datasets.load_minilm_clinc()
    layers = {
        name: _analyse(name, X, sentences.labels, args) for name, X in sentences.layers.items()
    }
    brain = datasets.load_haxby()
    fmri = {"fMRI": _analyse("fMRI", brain.X, brain.labels, args)}
    seconds = time.perf_counter() - start
    print(
        "Sentences in a language model (all-MiniLM-L6-v2; 20 intents x 25 sentences of CLINC150)\n"
    )
    print(report.capacity_table(layers, label="layer"))
    print()
    print("Objects in a human brain (Haxby et al. 2001; 8 categories x 72 volumes, 530 voxels)\n")
    print(report.capacity_table(fmri, label="data"))
    print(f"\n{seconds:.1f} s")
    _draw(layers, args.plot)


# ---- neurogeom capacity -----------------------------------------------------------------------


def _add_capacity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help=".npz of named arrays, or .npy of one")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of FILE to analyse, rows are samples; by default every matrix that has a row "
        "for each label",
    )
    parser.add_argument(
        "--labels",
        required=True,
        metavar="KEY",
        help="which manifold a row belongs to: an array of FILE, or a .npy file",
    )
    _add_common(parser)
    parser.add_argument(
        "--margin", type=_margin, default=0.0, metavar="K", help="margin kappa (default: 0)"
    )
    parser.add_argument(
        "--restarts",
        type=_count(1),
        default=10,
        metavar="N",
        help="starting points of the search for center correlations (default: 10)",
    )
    parser.add_argument(
        "--null",
        type=_count(0),
        default=0,
        metavar="N",
        help="also analyse N data sets with points shuffled between manifolds",
    )
    parser.add_argument(
        "--keep-correlations", action="store_true", help="do not remove center correlations"
    )
    parser.add_argument("--out", metavar="FILE.csv", help="write the numbers to full precision")
    parser.add_argument(
        "--per-manifold", action="store_true", help="write one row a manifold to --out"
    )


def _run_capacity(args: argparse.Namespace) -> None:
    check_output(args.out, args.file)
    _check_plot(args.plot, args.file)
    if args.per_manifold and args.out is None:
        raise InputError("--per-manifold says what to write to --out, which is missing")
    with DataFile(args.file) as source:
        labels = source.read_labels(args.labels)
        names = source.choose(args.data, labels, args.labels)
        if len(names) > 1:  # a bad value in the last array should not be found after hours
            for name in names:
                source.rows(name)
        results = {}
        for name in names:
            X = source.rows(name)
            while source.notes:
                _say("note", source.notes.pop(0))
            results[name] = _analyse(name, X, labels, args)
    print(report.capacity_table(results, label="data"))
    print("\n± one standard error over Gaussian samples")
    if args.out is not None:
        with user_input(args.out):
            report.write_csv(args.out, results, per_manifold=args.per_manifold)
    _draw(results, args.plot)


# ---- neurogeom info ---------------------------------------------------------------------------


def _add_info(parser: argparse.ArgumentParser) -> None:
    del parser  # no options


def _run_info(args: argparse.Namespace) -> None:
    del args
    from . import __version__, build_info

    lines = {"neurogeom": __version__, **build_info()}
    width = max(map(len, lines))
    for key, value in lines.items():
        print(f"{key.ljust(width)}  {value}")


# ---- shared by the subcommands ----------------------------------------------------------------


class _Command(NamedTuple):
    """One subcommand: a line of help, its options, and what it does."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


_COMMANDS = {
    "demo": _Command("analyse the real data that come with the package", _add_demo, _run_demo),
    "capacity": _Command(
        "manifold capacity, radius and dimension of your data", _add_capacity, _run_capacity
    ),
    "info": _Command("show the version and how the package was built", _add_info, _run_info),
}


def _build_parser() -> argparse.ArgumentParser:
    from . import __version__

    parser = _Parser(prog="neurogeom", description="The geometry of neural representations.")
    parser.add_argument("--version", action="version", version=f"neurogeom {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        sub = subparsers.add_parser(name, help=command.help, description=f"{command.help}.")
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every analysis has."""
    parser.add_argument(
        "--samples",
        type=_count(1),
        default=300,
        metavar="N",
        help="Gaussian samples for each manifold (default: 300)",
    )
    parser.add_argument(
        "--rng", type=_count(0), default=0, metavar="SEED", help="seed of the samples (default: 0)"
    )
    parser.add_argument(
        "--threads",
        type=_count(1),
        metavar="N",
        help="threads (default: OMP_NUM_THREADS, else all cores); the results do not depend on it",
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the results (needs matplotlib)")


def _count(minimum: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            return _validate.as_count(int(text), "the value", minimum=minimum)
        except ValueError as error:
            integer = text.strip().lstrip("+-").isdigit()
            message = str(error) if integer else f"the value must be an integer, not {text!r}"
            raise argparse.ArgumentTypeError(message) from None

    return convert


def _margin(text: str) -> float:
    try:
        return _validate.as_margin(text, "the margin")
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _analyse(name: str, X: Any, labels: Any, args: argparse.Namespace) -> ManifoldCapacity:
    """Analyse one data set; its warnings become one line each."""
    from .capacity import manifold_capacity
    from .manifolds import manifolds

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            result = manifold_capacity(
                manifolds(X, labels),
                margin=args.margin,
                n_samples=args.samples,
                remove_center_correlations=not args.keep_correlations,
                n_restarts=args.restarts,
                null=args.null,
                rng=args.rng,
                n_threads=args.threads,
                progress=as_progress(sys.stderr.isatty(), name) or False,
            )
        except ValueError as error:
            raise InputError(f"{name}: {error}") from error
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        _say("warning", f"{name}: {message}")
    return result


def _check_plot(path: str | None, source: str | None = None) -> None:
    """Raise if the picture could not be drawn in the end."""
    if path is None:
        return
    check_output(path, source)
    from . import plot

    try:
        plot.check_format(path)
    except (ImportError, ValueError) as error:
        raise InputError(str(error)) from None


def _draw(results: Mapping[str, ManifoldCapacity], path: str | None) -> None:
    if path is not None:
        from . import plot

        with user_input(path):
            plot.plot_capacity(results, path)
