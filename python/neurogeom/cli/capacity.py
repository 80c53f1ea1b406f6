"""``neurogeom capacity``: capacity of the user's data, by one of three methods."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .._base.progress import ProgressFunction, as_progress
from .._base.results import ConvergenceWarning
from ..capacity import joint, simulated
from ..capacity import mean_field as capacity
from ..capacity.joint import INACTIVE
from ..capacity.results import EffectiveGeometry, ManifoldCapacity
from ..capacity.simulated import SimulatedCapacity
from ..clouds.dichotomies import RULES
from ..clouds.manifolds import manifolds
from ..report import capacities as report
from ..report import figures as plot
from .endings import TABLES, InputError, announced, check_output, check_plot, deliver
from .inputs import add_labelled, open_labelled, read_in_turn
from .options import add_common, count, margin, one_of

# ---- one data set

_SIMULATED_NUMBERS = ("capacity", "capacity_se", "critical_dimension", "critical_dimension_se")


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
    name: str, X: Any, labels: Any, args: argparse.Namespace, *, null: int | None = None
) -> EffectiveGeometry:
    """Joint capacity and effective geometry of one data set."""
    return announced(
        name,
        lambda: joint.effective_geometry(
            manifolds(X, labels),
            dichotomies=args.dichotomies,
            n_samples=args.samples,
            center=not args.keep_origin,
            inactive=args.inactive,
            null=args.null if null is None else null,
            rng=args.rng,
            n_threads=args.threads,
            progress=_bar(name) or False,
        ),
    )


def simulated_capacity(name: str, X: Any, labels: Any, args: argparse.Namespace) -> SimulatedCapacity:
    """Simulated capacity of one data set; NaN for a dead one, so that the others keep their numbers."""
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
        except simulated.NoExtentError as error:
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


# ---- the methods

_Results = Mapping[str, Any]


class _Method(NamedTuple):
    """One way to measure capacity: the options it takes, what it computes and how that is shown."""

    options: tuple[str, ...]
    analyse: Callable[[str, Any, Any, argparse.Namespace], Any]
    table: Callable[[_Results], str]
    errors: str  # what the standard errors are over
    draw: Callable[[_Results, str], object] | None = None


_METHODS = {
    "mean-field": _Method(
        ("samples", "margin", "restarts", "keep_correlations", "null", "per_manifold", "plot"),
        mean_field,
        lambda results: report.capacity_table(results, label="data"),
        "{samples} Gaussian samples",
        plot.plot_capacity,
    ),
    "joint": _Method(
        ("samples", "dichotomies", "keep_origin", "inactive", "null", "per_manifold", "plot"),
        joint_geometry,
        lambda results: (
            report.geometry_table(results, label="data")
            + f"\n\n{report.alignment_table(results, label='data')}"
        ),
        "{samples} Gaussian samples, each with its own dichotomy ({dichotomies})",
        plot.plot_geometry,
    ),
    "simulated": _Method(
        ("dichotomies", "keep_origin", "trials", "intercept"),
        simulated_capacity,
        lambda results: report.simulated_table(results, label="data"),
        "{trials} random projections, each with its own dichotomy ({dichotomies})",
    ),
}
# Defaults; the parser's own are None, which shows which options were given.
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
    add_labelled(parser)
    parser.add_argument(
        "--method",
        type=one_of(_METHODS),
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
    several.add_argument("--per-manifold", action="store_true", help="write one row per manifold to --out")
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
        "--dichotomies",
        type=one_of(RULES),
        choices=RULES,
        help="how manifolds are labelled in each sample (default: balanced)",
    )
    together.add_argument(
        "--keep-origin", action="store_true", help="do not move the origin to the mean of all points"
    )
    together.add_argument(
        "--inactive",
        type=one_of(INACTIVE),
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
    check_output(args.out, [args.file], TABLES)
    check_plot(args.plot, [args.file])
    if args.per_manifold and args.out is None:
        raise InputError("--per-manifold applies to the file written by --out, which is missing")
    labels, items = open_labelled(args)
    results: dict[str, Any] = {}
    for name, X in read_in_turn(items):
        results[name] = method.analyse(name, X, labels, args)
    files: dict[str, Callable[[Any], object]] = {}
    if args.out is not None:
        files[args.out] = lambda out: report.write_csv(out, results, per_manifold=args.per_manifold)
    draw = method.draw
    if args.plot is not None and draw is not None:
        files[args.plot] = lambda out: draw(results, out)
    errors = f"± one standard error over {method.errors.format(**vars(args))}"
    deliver(f"{method.table(results)}\n\n{errors}", files)


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
