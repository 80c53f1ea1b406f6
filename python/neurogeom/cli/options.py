"""Options that several commands share, and the types of options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from .._base.checks import as_count, as_margin, as_number
from .._base.quantities import as_duration
from ..metrics import METRICS, as_metric
from ..representations.checks import did_you_mean
from .endings import WITHOUT_RESULT

METRIC_HELP = (
    f"{', '.join(sorted(METRICS))}; with options in quotes, as 'shape(alpha=0.5)'; or your own "
    "package.module:Class"
)


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


def add_strict(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes items without a result a failure."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help=f"exit with code {WITHOUT_RESULT} if items have no result because of their data",
    )


# ---- types of options


def count(minimum: int) -> Callable[[str], int]:
    """Return the argparse type of integers >= `minimum`."""

    def convert(text: str) -> int:
        try:
            return as_count(int(text), "the value", minimum=minimum)
        except ValueError as error:
            integer = text.strip().lstrip("+-").isdigit()
            message = str(error) if integer else f"the value must be an integer, not {text!r}"
            raise argparse.ArgumentTypeError(message) from None

    return convert


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return the argparse type of names that may be spelt with hyphens; unknown names stay as given."""
    known = {name.replace("_", "-"): name for name in names}
    return lambda text: known.get(text.replace("_", "-"), text)


def metric_name(text: str) -> str:
    """Read the name of a metric, or the place of one of the user's, as the argparse type of the option.

    Options may follow in brackets.
    """
    head, bracket, options = text.partition("(")
    if ":" in head:
        return text
    if bracket:
        text = f"{one_of(METRICS)(head.strip())}({options}"
        try:
            as_metric(text)
        except (TypeError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text
    text = one_of(METRICS)(text)
    if text not in METRICS:
        known = ", ".join(sorted(METRICS))
        hint = did_you_mean(text, METRICS)
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {known}){hint}")
    return text


def number(minimum: float) -> Callable[[str], float]:
    """Return the argparse type of finite numbers >= `minimum`."""

    def convert(text: str) -> float:
        try:
            value = as_number(float(text), "the value")
        except ValueError:
            raise argparse.ArgumentTypeError(f"the value must be a finite number, not {text!r}") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"the value must be at least {minimum:g}, not {value:g}")
        return value

    return convert


def margin(text: str) -> float:
    """Read a margin kappa, as the argparse type of the option."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"the margin must be a number, not {text!r}") from None
    try:
        return as_margin(value, "the margin")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def duration(text: str) -> float:
    """Read "90", "5m" or "1h30m" as the argparse type of an option, in seconds."""
    try:
        return as_duration(text, "the value")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
