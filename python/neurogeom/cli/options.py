"""What the subcommands share: options, the analysis of one data set, and messages."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO, TypeVar

import numpy as np

from .._base import checks as _validate
from .._base.progress import ProgressFunction, as_progress
from .._base.results import ConvergenceWarning
from .._base.rng import as_generator
from ..capacity import joint, simulated
from ..capacity import mean_field as capacity
from ..capacity.joint import EffectiveGeometry
from ..capacity.mean_field import ManifoldCapacity
from ..capacity.simulated import SimulatedCapacity
from ..clouds.manifolds import Manifolds, manifolds
from ..metrics import METRICS
from ..report import figures as plot
from ..representations import checks as _validate_pairwise
from .files import InputError, check_output

_T = TypeVar("_T")
FAILURE = 1
_SIMULATED_NUMBERS = ("capacity", "capacity_se", "critical_dimension", "critical_dimension_se")


class Ending(Exception):  # noqa: N818 - not all are errors
    """An end of the command that is neither success nor bad input: what to say, and the exit code."""

    def __init__(self, kind: str, message: object, code: int) -> None:
        self.kind, self.code = kind, code
        super().__init__(str(message))


def say(kind: str, message: object) -> None:
    """Write one line to stderr."""
    say_line(f"{kind}: {' '.join(str(message).split())}")


def say_line(text: str) -> None:
    """Write a line to stderr as it is; that nobody reads it is no reason to stop."""
    with contextlib.suppress(OSError):
        print(f"neurogeom: {text}", file=sys.stderr, flush=True)


# Errors of the system that say that a path is wrong; others are failures of the machine.
BAD_PATH = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError, IsADirectoryError)


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn what the system says about a file that cannot be written into one line."""
    try:
        yield
    except OSError as error:
        text = f"{path}: {error.strerror or error}"
        if isinstance(error, BAD_PATH):
            raise InputError(text) from error
        raise Ending("error", text, FAILURE) from error


def stdout() -> TextIO:
    """Give stdout to write results to; refuse one that was closed before we began."""
    if sys.stdout is None:
        raise Ending("error", "the output cannot be written: stdout is closed", FAILURE)
    return sys.stdout


def deliver(table: str, files: Mapping[str, Callable[[Any], object]]) -> None:
    """Write files, then the table, as stdout may be closed or full; one that fails costs no other.

    Parameters
    ----------
    table : str
        For stdout, unless one of the files is "-".
    files : mapping of str to callable
        What writes to a path, or to stdout.
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
        if failed is None:  # else that a file is missing is the news, even if the reader has gone
            raise
    if failed is not None:
        raise failed


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every analysis has."""
    parser.add_argument(
        "--samples",
        type=count(1),
        default=300,
        metavar="N",
        help="Gaussian samples (default: 300)",
    )
    parser.add_argument(
        "--rng", type=count(0), default=0, metavar="SEED", help="seed of the samples (default: 0)"
    )
    add_threads_and_plot(parser)


def add_threads_and_plot(parser: argparse.ArgumentParser) -> None:
    """Add the options of an analysis that draws no samples."""
    parser.add_argument(
        "--threads",
        type=count(1),
        metavar="N",
        help="threads (default: OMP_NUM_THREADS, else all cores); the results do not depend on it",
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the results (needs matplotlib)")


def count(minimum: int) -> Callable[[str], int]:
    """Give the argparse type of integers from `minimum` on."""

    def convert(text: str) -> int:
        try:
            return _validate.as_count(int(text), "the value", minimum=minimum)
        except ValueError as error:
            integer = text.strip().lstrip("+-").isdigit()
            message = str(error) if integer else f"the value must be an integer, not {text!r}"
            raise argparse.ArgumentTypeError(message) from None

    return convert


def metric_name(text: str) -> str:
    """Read the name of a metric, as the argparse type of the option."""
    if text not in METRICS:
        known = ", ".join(sorted(METRICS))
        hint = _validate_pairwise.did_you_mean(text, METRICS)
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {known}){hint}")
    return text


def margin(text: str) -> float:
    """Read a margin kappa, as the argparse type of the option."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the margin must be a number, not {text!r}") from None
    try:
        return _validate.as_margin(value, "the margin")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def mean_field(name: str, X: Any, labels: Any, args: argparse.Namespace) -> ManifoldCapacity:
    """Mean-field capacity of one data set."""
    return announced(
        name,
        lambda: capacity.manifold_capacity(
            manifolds(X, labels),
            margin=args.margin,
            n_samples=args.samples,
            remove_center_correlations=not args.keep_correlations,
            n_restarts=args.restarts,
            null=args.null,
            rng=args.rng,
            n_threads=args.threads,
            progress=_bar(name) or False,
        ),
    )


def joint_geometry(
    name: str, X: Any, labels: Any, args: argparse.Namespace, null: int = 0
) -> tuple[EffectiveGeometry, list[EffectiveGeometry]]:
    """Joint capacity and effective geometry of one data set, and of `null` shuffled ones."""
    bar = _bar(name)
    generator = as_generator(args.rng)

    def analyse(clouds: Manifolds, turn: int) -> EffectiveGeometry:
        share = bar and (lambda done, total: bar(turn * total + done, (1 + null) * total))
        return joint.effective_geometry(
            clouds,
            dichotomies=args.dichotomies,
            n_samples=args.samples,
            center=not args.keep_origin,
            inactive=args.inactive,
            rng=generator,
            n_threads=args.threads,
            progress=share or False,
        )

    def shuffled() -> list[EffectiveGeometry]:
        with warnings.catch_warnings():  # that fewer of their dichotomies are separable is no news
            warnings.simplefilter("ignore", ConvergenceWarning)
            return [analyse(clouds.shuffled(generator), turn) for turn in range(1, 1 + null)]

    clouds = announced(name, lambda: manifolds(X, labels))
    return announced(name, lambda: (analyse(clouds, 0), shuffled()))


def simulated_capacity(name: str, X: Any, labels: Any, args: argparse.Namespace) -> SimulatedCapacity:
    """Simulated capacity of one data set; NaN of a dead one, which costs no other its numbers."""
    clouds = announced(name, lambda: manifolds(X, labels))

    def compute() -> SimulatedCapacity:
        try:
            return simulated.simulated_capacity(
                clouds,
                n_trials=args.trials,
                dichotomies=args.dichotomies,
                fit_intercept=args.intercept,
                center=not args.keep_origin,
                rng=args.rng,
                n_threads=args.threads,
                progress=_bar(name) or False,
            )
        except _validate.NoExtentError as error:
            warnings.warn(f"{error}; capacity is NaN (status 2)", ConvergenceWarning, stacklevel=1)
            return SimulatedCapacity(
                **dict.fromkeys(_SIMULATED_NUMBERS, math.nan),
                dimensions=np.zeros(0, dtype=np.intp),
                fraction_separable=np.zeros(0),
                thresholds=np.full(args.trials, np.inf),
                dichotomies=np.zeros((args.trials, len(clouds)), dtype=np.int8),
                n_features=clouds.n_features,
                fit_intercept=args.intercept,
                n_undecided=0,
                status=2,
            )

    return announced(name, compute)


def _bar(name: str) -> ProgressFunction | None:
    return as_progress(sys.stderr.isatty(), name)


def announced(name: str, compute: Callable[[], _T]) -> _T:
    """Compute; warnings become one line each, and errors of the input `InputError`; `name` says where."""
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


def check_plot(path: str | None, source: str | None = None) -> None:
    """Raise if the picture could not be drawn in the end."""
    if path is None:
        return
    check_output(path, source)
    try:
        plot.check_format(path)
    except (ImportError, ValueError) as error:
        raise InputError(str(error)) from None
