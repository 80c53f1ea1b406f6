"""``neurogeom fewshot``: how well the classes of the user's data are learned from a few examples."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._base.checks import AnyArray
from ..clouds.manifolds import manifolds
from ..generalization.fewshot import LEVELS, FewshotGeometry, fewshot_geometry
from ..generalization.fewshot_error import FewshotError, fewshot_error
from ..generalization.fewshot_prediction import FewshotPrediction, fewshot_prediction
from ..report import fewshot as report
from .endings import TABLES, InputError, announced, check_output, check_plot, deliver
from .inputs import add_labelled, open_labelled, read_in_turn
from .options import add_threads_and_plot, count, one_of

_EPISODES = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    add_labelled(parser)
    parser.add_argument(
        "--shots",
        nargs="+",
        type=count(1),
        default=[1, 5, 10],
        metavar="M",
        help="examples of each class (default: 1 5 10)",
    )
    parser.add_argument(
        "--level",
        type=one_of(LEVELS),
        choices=LEVELS,
        help="which terms of the theory to keep (default: gaussian)",
    )
    parser.add_argument(
        "--correct",
        action="store_true",
        help="take the bias of few points out of radius, dimension, signal and the errors that follow",
    )
    parser.add_argument(
        "--from-points",
        action="store_true",
        help="predict the errors from all points at once, closer to what is measured, instead of from the "
        "geometry",
    )
    parser.add_argument("--measure", action="store_true", help="also measure the errors by trial")
    parser.add_argument(
        "--episodes", type=count(1), metavar="N", help=f"trials of each pair (default: {_EPISODES})"
    )
    parser.add_argument("--rng", type=count(0), metavar="SEED", help="seed of the trials (default: 0)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the numbers to full precision: .npz for neurogeom.load (a file for each array and what "
        "was found of it: D.npz becoming D.layer1.npz, ...), .csv, .tsv or .json by the ending (one row for "
        "each array and number of shots); - writes CSV to stdout, instead of the table",
    )
    add_threads_and_plot(parser)


def run(args: argparse.Namespace) -> None:
    """Analyse the data sets of one file."""
    check_output(args.out, [args.file], (".npz", *TABLES))
    check_plot(args.plot, [args.file])
    for option in ("episodes", "rng"):
        if getattr(args, option) is not None and not args.measure:
            raise InputError(f"--{option} applies to --measure, which is missing")
    if args.level is not None and args.from_points:
        raise InputError("--level applies to errors predicted from the geometry, not to --from-points")
    shots = sorted(set(args.shots))
    labels, items = open_labelled(args)
    results: dict[str, FewshotGeometry] = {}
    predictions: dict[str, FewshotPrediction] = {}
    measured: dict[str, list[FewshotError]] = {}
    for name, X in read_in_turn(items):
        results[name] = _predicted(name, X, labels, shots, args)
        if args.from_points:
            predictions[name] = _from_points(name, X, labels, shots, args)
        if args.measure:
            measured[name] = [_measured(name, X, labels, m, args) for m in shots]
    found = measured if args.measure else None
    better = predictions if args.from_points else None
    files: dict[str, Callable[[Any], object]] = {}
    if args.out is not None and args.out.lower().endswith(".npz"):
        files |= _archives(args.out, results, predictions, measured)
    elif args.out is not None:
        files[args.out] = lambda out: report.write_fewshot_csv(out, results, found, predictions=better)
    if args.plot is not None:
        files[args.plot] = lambda out: report.plot_fewshot(results, out, measured=found, predictions=better)
    table = report.fewshot_table(results, found, predictions=better, label="data")
    deliver(f"{table}\n\n{_errors(args)}", files)


def _predicted(
    name: str, X: AnyArray, labels: AnyArray, shots: list[int], args: argparse.Namespace
) -> FewshotGeometry:
    return announced(
        name,
        lambda: fewshot_geometry(
            manifolds(X, labels),
            shots,
            level=args.level or "gaussian",
            correct_dimension=args.correct,
            n_threads=args.threads,
            progress=sys.stderr.isatty(),
        ),
    )


def _from_points(
    name: str, X: AnyArray, labels: AnyArray, shots: list[int], args: argparse.Namespace
) -> FewshotPrediction:
    return announced(
        name,
        lambda: fewshot_prediction(
            manifolds(X, labels), shots, n_threads=args.threads, progress=sys.stderr.isatty()
        ),
    )


def _measured(
    name: str, X: AnyArray, labels: AnyArray, n_shots: int, args: argparse.Namespace
) -> FewshotError:
    return announced(
        name,
        lambda: fewshot_error(
            manifolds(X, labels),
            n_shots,
            n_episodes=args.episodes or _EPISODES,
            rng=args.rng or 0,
            n_threads=args.threads,
            progress=sys.stderr.isatty(),
        ),
    )


def _archives(
    path: str,
    results: Mapping[str, FewshotGeometry],
    predictions: Mapping[str, FewshotPrediction],
    measured: Mapping[str, Sequence[FewshotError]],
) -> dict[str, Callable[[Any], object]]:
    """Name the file of each result, whose ``save`` writes it."""
    stem, ending = os.path.splitext(path)
    files: dict[str, Callable[[Any], object]] = {}
    for name, result in results.items():
        own = stem if len(results) == 1 else f"{stem}.{name.replace('/', '-')}"
        files[f"{own}{ending}"] = result.save
        if name in predictions:
            files[f"{own}.predicted{ending}"] = predictions[name].save
        files |= {f"{own}.measured-{e.n_shots}{ending}": e.save for e in measured.get(name, ())}
    return files


def _errors(args: argparse.Namespace) -> str:
    """Say what the standard errors are over."""
    text = "± one standard error over points"
    return f"{text}; of measured errors over {args.episodes or _EPISODES} trials" if args.measure else text
