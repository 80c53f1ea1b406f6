"""``neurogeom capacity``: capacity of the user's data, by one of three methods."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._base.checks import AnyArray, as_labels
from ..capacity.joint import INACTIVE
from ..clouds.dichotomies import RULES
from ..report import figures as plot
from ..report import text as report
from .files import (
    FORMATS,
    TABLES,
    DataFile,
    InputError,
    check_output,
    read_labels_file,
    say_left_out,
    user_input,
)
from .options import (
    add_common,
    check_plot,
    count,
    deliver,
    joint_geometry,
    margin,
    mean_field,
    say,
    simulated_capacity,
)

_Results = Mapping[str, Any]
_Nulls = Mapping[str, list[Any]]


class _Method(NamedTuple):
    """One way to a capacity: the options it takes, what it computes and how that is shown."""

    options: tuple[str, ...]
    analyse: Callable[[str, Any, Any, argparse.Namespace], tuple[Any, list[Any]]]
    table: Callable[[_Results, _Nulls], str]
    errors: str  # what the standard errors are over
    draw: Callable[[_Results, _Nulls, str], object] | None = None


_METHODS = {
    "mean-field": _Method(
        ("samples", "margin", "restarts", "keep_correlations", "null", "per_manifold", "plot"),
        lambda name, X, labels, args: (mean_field(name, X, labels, args), []),
        lambda results, nulls: report.capacity_table(results, label="data"),
        "{samples} Gaussian samples",
        lambda results, nulls, path: plot.plot_capacity(results, path),
    ),
    "joint": _Method(
        ("samples", "dichotomies", "keep_origin", "inactive", "null", "per_manifold", "plot"),
        lambda name, X, labels, args: joint_geometry(name, X, labels, args, args.null),
        lambda results, nulls: (
            report.geometry_table(results, label="data", nulls=nulls)
            + f"\n\n{report.alignment_table(results, label='data')}"
        ),
        "{samples} Gaussian samples, each with its own dichotomy ({dichotomies})",
        lambda results, nulls, path: plot.plot_geometry(results, path, nulls=nulls),
    ),
    "simulated": _Method(
        ("dichotomies", "keep_origin", "trials", "intercept"),
        lambda name, X, labels, args: (simulated_capacity(name, X, labels, args), []),
        lambda results, nulls: report.simulated_table(results, label="data"),
        "{trials} random projections, each with its own dichotomy ({dichotomies})",
    ),
}
# What an option is if it is not given; None tells those apart that were.
DEFAULTS: dict[str, Any] = {
    "samples": 300,
    "margin": 0.0,
    "restarts": 10,
    "keep_correlations": False,
    "null": 0,
    "per_manifold": False,
    "plot": None,
    "dichotomies": "balanced",
    "keep_origin": False,
    "inactive": "zero",
    "trials": 100,
    "intercept": False,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("file", metavar="FILE", help=f"{FORMATS}: named arrays, or one")
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
        help="which manifold a row belongs to: an array of FILE, a .npy file, or OTHERFILE:KEY",
    )
    parser.add_argument(
        "--flatten", action="store_true", help="also take arrays of more axes, as samples by all other axes"
    )
    parser.add_argument(
        "--method",
        choices=_METHODS,
        default="mean-field",
        help="mean-field: each manifold alone, capacity, radius and dimension (the default); joint: all "
        "manifolds with their correlations, effective geometry and alignments; simulated: the dimension at "
        "which half of the random projections can be separated",
    )
    add_common(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the numbers to full precision: .csv, .tsv or .json by the ending; - writes CSV to "
        "stdout, instead of the table",
    )
    several = parser.add_argument_group("mean-field and joint")
    several.add_argument(
        "--null", type=count(0), metavar="N", help="also analyse N data sets with points shuffled"
    )
    several.add_argument("--per-manifold", action="store_true", help="write one row a manifold to --out")
    alone = parser.add_argument_group("mean-field")
    alone.add_argument("--margin", type=margin, metavar="K", help="margin kappa (default: 0)")
    alone.add_argument(
        "--restarts",
        type=count(1),
        metavar="N",
        help="starting points of the search for center correlations (default: 10)",
    )
    alone.add_argument("--keep-correlations", action="store_true", help="do not remove center correlations")
    together = parser.add_argument_group("joint and simulated")
    together.add_argument(
        "--dichotomies", choices=RULES, help="how manifolds are labelled in each sample (default: balanced)"
    )
    together.add_argument(
        "--keep-origin", action="store_true", help="do not move the origin to the mean of all points"
    )
    together.add_argument(
        "--inactive",
        choices=INACTIVE,
        help="joint: anchor of a manifold that does not support the solution (default: zero)",
    )
    together.add_argument(
        "--trials",
        type=count(1),
        metavar="N",
        help="simulated: dichotomies, each with directions of its own (default: 100)",
    )
    together.add_argument(
        "--intercept", action="store_true", help="simulated: hyperplanes need not pass through the origin"
    )
    parser.set_defaults(**dict.fromkeys(DEFAULTS))


def run(args: argparse.Namespace) -> None:
    """Analyse the data sets of one file."""
    method = _METHODS[args.method]
    _settle(args)
    check_output(args.out, args.file, TABLES)
    check_plot(args.plot, args.file)
    if args.per_manifold and args.out is None:
        raise InputError("--per-manifold says what to write to --out, which is missing")
    source = DataFile(args.file)
    labels = _labels(source, args.labels)
    names = _choose(source, labels, args)
    if len(names) > 1:  # a bad value in the last array should not be found after hours
        for name in names:
            source.rows(name)
    results: dict[str, Any] = {}
    nulls: dict[str, list[Any]] = {}
    for name in names:
        X = source.rows(name)
        while source.notes:
            say("note", source.notes.pop(0))
        results[name], dealt = method.analyse(name, X, labels, args)
        if dealt:
            nulls[name] = dealt
    files: dict[str, Callable[[Any], object]] = {}
    if args.out is not None:
        files[args.out] = lambda out: report.write_csv(
            out, results, per_manifold=args.per_manifold, nulls=nulls
        )
    draw = method.draw
    if args.plot is not None and draw is not None:
        files[args.plot] = lambda out: draw(results, nulls, out)
    errors = f"± one standard error over {method.errors.format(**vars(args))}"
    deliver(f"{method.table(results, nulls)}\n\n{errors}", files)


def _labels(source: DataFile, given: str) -> AnyArray:
    """Read labels: an array of the file of the data, or another file."""
    if source.is_archive and given in source.headers:
        return source.read_vector(given, "labels")
    if source.is_archive and not given.endswith(".npy") and ":" not in given and not os.path.exists(given):
        raise InputError(f"--labels: {source.missing(given)}")
    return read_labels_file(given, "--labels")


def _choose(source: DataFile, labels: AnyArray, args: argparse.Namespace) -> list[str]:
    """Pick the data sets: those named, else every matrix with a row for each label."""
    names: list[str] = list(dict.fromkeys(args.data or ()))
    if not source.is_archive:
        if names:
            raise InputError(f"--data names arrays of a .npz or the like, but {source.path} is one array")
        names = list(source.headers)
    elif not names:
        matrices, left_out = source.pick(args.labels, args.flatten)
        count = len(labels)
        names = [name for name in matrices if source.headers[name].shape[0] == count]
        others = [name for name in matrices if name not in names]
        left_out += [f"{name} has {source.headers[name].shape[0]} rows for {count} labels" for name in others]
        if not names:
            raise InputError(
                f"{source.path}: no numeric matrix has {count} rows, one for each label; it holds "
                f"{source.contents()} (--data or --flatten takes what has more axes)"
            )
        if left_out:
            say("note", say_left_out(left_out, source.path))
    source.require(names, "--data")
    for name in names:
        with user_input():
            as_labels(labels, source.headers[name].shape[0], f"{args.labels} (for {name})")
    return names


def _settle(args: argparse.Namespace) -> None:
    """Refuse options that mean nothing to the method, and give the others their defaults."""
    for name, default in DEFAULTS.items():
        if getattr(args, name) is None:
            setattr(args, name, default)
        elif name not in _METHODS[args.method].options:
            others = [key for key, method in _METHODS.items() if name in method.options]
            raise InputError(
                f"--{name.replace('_', '-')} does not apply to --method {args.method} "
                f"(only to {' and '.join(others)})"
            )
