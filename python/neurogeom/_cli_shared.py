"""What the subcommands share: options, the analysis of one data set, and messages."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from . import _validate, capacity, plot
from ._cli_files import InputError, check_output, writing
from ._progress import as_progress
from .capacity import ManifoldCapacity
from .manifolds import manifolds


def say(kind: str, message: object) -> None:
    """Write one line to stderr."""
    print(f"neurogeom: {kind}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every analysis has."""
    parser.add_argument(
        "--samples",
        type=count(1),
        default=300,
        metavar="N",
        help="Gaussian samples for each manifold (default: 300)",
    )
    parser.add_argument(
        "--rng", type=count(0), default=0, metavar="SEED", help="seed of the samples (default: 0)"
    )
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


def analyse(name: str, X: Any, labels: Any, args: argparse.Namespace) -> ManifoldCapacity:
    """Analyse one data set; its warnings become one line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            result = capacity.manifold_capacity(
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
        say("warning", f"{name}: {message}")
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


def draw(results: Mapping[str, ManifoldCapacity], path: str | None) -> None:
    """Draw the results if a picture is asked for."""
    if path is not None:
        with writing(path):
            plot.plot_capacity(results, path)
