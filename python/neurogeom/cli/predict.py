"""``neurogeom predict``: how well the user's representations predict other responses to the same stimuli."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .._base.checks import AnyArray
from ..generalization.prediction_curve import PredictionCurve, prediction_curve
from ..generalization.regression import MODES
from ..generalization.spectral import SpectralPrediction, spectral_prediction
from ..io.items import StoredItem
from ..report import prediction as report
from .endings import TABLES, InputError, announced, check_output, check_plot, deliver
from .inputs import FORMATS, add_flatten, named_by_key, open_inputs, read_in_turn, with_rows
from .options import add_threads_and_plot, count, number, one_of

_SPLITS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "file",
        metavar="X",
        help=f"{FORMATS}: what predicts, one or more matrices; rows are stimuli, columns units",
    )
    parser.add_argument(
        "target", metavar="Y", help="what is predicted, one or more matrices; rows are the same stimuli"
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of X to predict from; by default every matrix that has as many rows as Y",
    )
    parser.add_argument(
        "--target-data",
        nargs="+",
        metavar="KEY",
        help="arrays of Y to predict, one after the other; by default every matrix in it",
    )
    add_flatten(parser, "--data")
    parser.add_argument(
        "--train",
        nargs="+",
        required=True,
        type=count(1),
        metavar="P",
        help="numbers of stimuli to learn from",
    )
    parser.add_argument(
        "--ridge", type=number(0.0), default=0.0, metavar="R", help="ridge penalty (default: 0)"
    )
    parser.add_argument(
        "--ridge-mode",
        type=one_of(MODES),
        choices=MODES,
        default="per_sample",
        help="per_sample: the penalty is R times the number of stimuli learned from (the default); total: R",
    )
    parser.add_argument("--measure", action="store_true", help="also measure the errors, over random splits")
    parser.add_argument(
        "--splits", type=count(1), metavar="N", help=f"random splits of the stimuli (default: {_SPLITS})"
    )
    parser.add_argument("--rng", type=count(0), metavar="SEED", help="seed of the splits (default: 0)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the numbers to full precision: .npz for neurogeom.load (a file for each pair of arrays: "
        "D.npz becoming D.layer1.npz, ...), .csv, .tsv or .json by the ending (one row for each pair and "
        "number of stimuli); - writes CSV to stdout, instead of the table",
    )
    add_threads_and_plot(parser)


def run(args: argparse.Namespace) -> None:
    """Predict each target from each matrix."""
    sources = [args.file, args.target]
    check_output(args.out, sources, (".npz", *TABLES))
    check_plot(args.plot, sources)
    for option in ("splits", "rng"):
        if getattr(args, option) is not None and not args.measure:
            raise InputError(f"--{option} applies to --measure, which is missing")
    n_train = sorted(set(args.train))
    targets, items = _open(args)
    responses = dict(read_in_turn(targets))
    results: dict[str, SpectralPrediction] = {}
    measured: dict[str, PredictionCurve] = {}
    for name, X in read_in_turn(items):
        for target, Y in responses.items():
            both = name if len(responses) == 1 else f"{name}, {target}"
            results[both] = _theory(both, X, Y, n_train, args)
            if args.measure:
                measured[both] = _trials(both, X, Y, n_train, args)
    found = measured if args.measure else None
    files: dict[str, Callable[[Any], object]] = {}
    if args.out is not None and args.out.lower().endswith(".npz"):
        files |= _archives(args.out, results, measured)
    elif args.out is not None:
        files[args.out] = lambda out: report.write_prediction_csv(out, results, found)
    if args.plot is not None:
        files[args.plot] = lambda out: report.plot_prediction(results, out, measured=found)
    table = report.prediction_table(results, found, label="data")
    deliver(f"{table}\n\n{_explanation(args)}", files)


def _open(args: argparse.Namespace) -> tuple[dict[str, StoredItem], dict[str, StoredItem]]:
    """Open what is predicted and what predicts; all must have the same stimuli."""
    found = open_inputs([args.target], args.target_data, "--target-data", flatten=args.flatten)
    targets = named_by_key(found.items, args.target)
    rows = {name: len(item) for name, item in targets.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} has {count} rows" for name, count in rows.items())
        raise InputError(f"{args.target}: {counts}: name those with the same stimuli by --target-data")
    (count,) = set(rows.values())
    found = open_inputs([args.file], args.data, "--data", flatten=args.flatten)
    items = named_by_key(found.items, args.file)
    if not args.data and all(item.location["key"] for item in found.items):  # else X is one array
        items = with_rows(count, items, found.left_out, args.file, f"as {args.target} has", "responses")
    for name, item in items.items():
        if len(item) != count:
            raise InputError(f"{args.file}: {name} has {len(item)} rows, but {args.target} has {count}")
    return targets, items


def _theory(
    name: str, X: AnyArray, Y: AnyArray, n_train: list[int], args: argparse.Namespace
) -> SpectralPrediction:
    return announced(
        name,
        lambda: spectral_prediction(X, Y, n_train=n_train, ridge=args.ridge, ridge_mode=args.ridge_mode),
    )


def _trials(
    name: str, X: AnyArray, Y: AnyArray, n_train: list[int], args: argparse.Namespace
) -> PredictionCurve:
    return announced(
        name,
        lambda: prediction_curve(
            X,
            Y,
            n_train,
            ridge=args.ridge,
            ridge_mode=args.ridge_mode,
            n_splits=args.splits or _SPLITS,
            center="all",  # as the theory has it
            rng=args.rng or 0,
            n_threads=args.threads,
            progress=sys.stderr.isatty(),
        ),
    )


def _archives(
    path: str, results: Mapping[str, SpectralPrediction], measured: Mapping[str, PredictionCurve]
) -> dict[str, Callable[[Any], object]]:
    """Name the file of each result, whose ``save`` writes it."""
    stem, ending = os.path.splitext(path)
    files: dict[str, Callable[[Any], object]] = {}
    for name, result in results.items():
        own = stem if len(results) == 1 else f"{stem}.{name.replace(', ', '.').replace('/', '-')}"
        files[f"{own}{ending}"] = result.save
        if name in measured:
            files[f"{own}.measured{ending}"] = measured[name].save
    return files


def _explanation(args: argparse.Namespace) -> str:
    """Say what the errors are."""
    text = "errors are shares of the power of the responses"
    if args.measure:
        text += f"; ± one standard error over {args.splits or _SPLITS} random splits"
    return text
