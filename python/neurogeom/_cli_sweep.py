"""``neurogeom sweep``: plan, run, work, status, verify, extend, export."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from . import _cli_sweep_run as running
from . import _cli_sweep_status as statuses
from . import _validate_sweep as check
from . import io, sweep
from ._cli_files import DataFile, InputError, check_output, user_input
from ._cli_shared import Ending, announced, count, say
from ._cli_sweep_ends import FAILURE, plain_errors, stoppable
from .metrics import METRICS

_DEFAULT = "procrustes"

_EPILOG = """\
A sweep in four commands, on one machine:
  neurogeom sweep plan 'activations/*.npy' --metric cka --metric procrustes --store sweep.zarr
  neurogeom sweep run sweep.zarr          (Ctrl-C at any time; the same line goes on)
  neurogeom sweep status sweep.zarr
  neurogeom sweep export sweep.zarr distances.csv

As a SLURM array (`plan` prints this line with numbers that suit the sweep; submit it again to go on):
  sbatch --array=0-15 --cpus-per-task=4 --wrap 'neurogeom sweep work sweep.zarr --threads 4 --stop-before 5m'

Exit codes: 0 done; 1 failure of the machine, or a sweep that is not sound; 2 bad input; 3 tiles are left or
failed; 130 Ctrl-C; 143 SIGTERM. Results have the same bits however they were computed, on one kind of
processor and BLAS."""

_PLAN_EPILOG = """\
Examples:
  neurogeom sweep plan nets/                                     (only prints what it would cost)
  neurogeom sweep plan 'nets/**/*.npz' --keys layer3,layer4 --ids stimuli --store s.zarr
  neurogeom sweep plan models/*.npy --others areas/*.npy --metric ridge --null 200 --rng 1 --store s.zarr
  neurogeom sweep plan layers/*.npy --capacity mean_field --labels labels.npy --seeds 0,1,2 --store s.zarr

The same line again takes the store up, another plan is refused. Patterns in quotes are read by neurogeom and
may be longer than a command line."""


class _Command(NamedTuple):
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    epilog: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of sweeps."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        sub = subparsers.add_parser(
            name,
            help=command.help,
            description=f"{command.help}.",
            epilog=command.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run_sweep_command=command.run)


def run(args: argparse.Namespace) -> None:
    """Run one of them."""
    args.run_sweep_command(args)


# ---- types of options


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers such as 0,1,2, not {text!r}") from None


def _words(text: str) -> list[str]:
    words = [part.strip() for part in text.split(",")]
    if not all(words):
        raise argparse.ArgumentTypeError(f"must be names such as conv1,fc, not {text!r}")
    return words


def _edge(text: str) -> int | Literal["auto"]:
    return "auto" if text == "auto" else count(1)(text)


def _bytes(text: str) -> int:
    try:
        return check.as_bytes(text, "the value")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# ---- neurogeom sweep plan


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keys", type=_words, metavar="A,B", help="arrays of .npz, HDF5 and other archives; by default all"
    )
    parser.add_argument(
        "--ids",
        metavar="FILE|KEY",
        help="which stimuli the rows are: a .npy file, or an array in each archive; all must agree",
    )
    parser.add_argument(
        "--flatten", action="store_true", help="take arrays of more axes as stimuli by all other axes"
    )


def _open(paths: list[str], args: argparse.Namespace, option: str = "") -> list[io.StoredItem]:
    with plain_errors(option):
        return io.open_items(
            paths[0] if len(paths) == 1 else paths, keys=args.keys, ids=args.ids, flatten=args.flatten
        )


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="files, directories or patterns: .npy, .npz, HDF5, Zarr, safetensors; rows are stimuli",
    )
    parser.add_argument("--store", metavar="DIR", help="make the sweep here; without it, only print the plan")
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help=f"what to compute, may be given several times (default: {_DEFAULT}): "
        f"{', '.join(sorted(METRICS))}, or package.module:Class of your own, found in PYTHONPATH",
    )
    _add_inputs(parser)
    parser.add_argument(
        "--others", nargs="+", metavar="FILE", help="compare FILES (rows) with these (columns)"
    )
    parser.add_argument(
        "--null",
        type=count(0),
        default=0,
        metavar="N",
        help="also compare with permuted stimuli, N times, for a p-value of each pair",
    )
    parser.add_argument(
        "--rng", type=count(0), default=0, metavar="SEED", help="seed of the permutations (default: 0)"
    )
    parser.add_argument(
        "--tile",
        type=_edge,
        default="auto",
        metavar="N",
        help="items along the edge of a tile, the unit of work and loss (default: auto)",
    )
    parser.add_argument(
        "--max-ram", type=_bytes, default="2GB", metavar="SIZE", help="memory of a worker (default: 2GB)"
    )
    parser.add_argument(
        "--target-tile",
        type=running.duration,
        default=60.0,
        metavar="TIME",
        help="how long a tile may take (default: 60s)",
    )
    parser.add_argument(
        "--max-files", type=count(1), default=50_000, metavar="N", help="most tiles (default: 50000)"
    )
    parser.add_argument(
        "--threads", type=count(1), default=1, metavar="N", help="threads of each worker (default: 1)"
    )
    jobs = parser.add_argument_group("capacity of each item, instead of pairs")
    jobs.add_argument("--capacity", choices=("mean_field", "joint"), help="which capacity")
    jobs.add_argument(
        "--labels",
        metavar="FILE",
        help="the manifold of each stimulus: a .npy file, or FILE.npz:KEY",
    )
    jobs.add_argument(
        "--seeds", type=_numbers, metavar="0,1,2", help="analyse each item with each seed (default: 0)"
    )
    jobs.add_argument("--samples", type=count(1), metavar="N", help="Gaussian samples")
    jobs.add_argument("--fields", type=_words, metavar="A,B", help="numbers to keep (default: all)")


def _run_plan(args: argparse.Namespace) -> None:
    metric = _jobs(args) if args.capacity is not None else _metrics(args)
    existed = args.store is not None and os.path.exists(args.store)
    items = _open(args.files, args)
    others = None if args.others is None else _open(args.others, args, "--others")
    with plain_errors(), stoppable(None):
        made = announced(
            "",
            lambda: sweep.plan(
                items,
                metric,
                store=args.store,
                others=others,
                fields=args.fields,
                null=args.null,
                rng=args.rng,
                tile=args.tile,
                max_ram=args.max_ram,
                target_seconds=args.target_tile,
                max_files=args.max_files,
                n_threads=args.threads,
            ),
        )
    print(made)
    if made.store is None:
        say("note", "nothing was made: --store DIR makes the sweep")
    elif existed:
        say("note", f"{made.store} holds this plan already, and is taken up as it is")


def _metrics(args: argparse.Namespace) -> str | list[str]:
    for option in ("labels", "seeds", "samples", "fields"):
        if getattr(args, option) is not None:
            raise InputError(f"--{option} belongs to --capacity, which is not given")
    names = list(dict.fromkeys(args.metric or [_DEFAULT]))
    return names[0] if len(names) == 1 else names


def _jobs(args: argparse.Namespace) -> sweep.CapacityJobs:
    for option, given in (("metric", args.metric), ("others", args.others), ("null", args.null or None)):
        if given is not None:
            raise InputError(f"--{option} is for pairs, --capacity for single items: plan two sweeps")
    if args.labels is None:
        raise InputError("--capacity needs --labels, the manifold of each stimulus")
    options = {} if args.samples is None else {"n_samples": args.samples}
    with user_input("--capacity"):
        return sweep.CapacityJobs(
            _read_labels(args.labels), args.capacity, seeds=args.seeds or (0,), **options
        )


def _read_labels(given: str) -> Any:
    path, colon, key = given.rpartition(":")
    if not colon or os.path.exists(given):
        path, key = given, ""
    with user_input("--labels"), DataFile(path) as source:
        if not source.is_archive and not key:
            return np.array(source.read(next(iter(source.headers))))
        if not source.is_archive or not key:
            raise InputError(f"--labels must be a .npy file or FILE.npz:KEY, not {given!r}")
        if key not in source.headers:
            raise InputError(f"--labels: {source.missing(key)}")
        return source.read(key)


# ---- neurogeom sweep verify, extend, export


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a sweep")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument(
        "--sample", type=count(0), default=20, metavar="N", help="tiles to compute again (default: 20)"
    )
    parser.add_argument("--rng", type=count(0), default=0, metavar="SEED", help="which ones (default: 0)")
    parser.add_argument(
        "--repair", action="store_true", help="remove what is wrong, so that `run` computes it again"
    )
    parser.add_argument("--threads", type=count(1), metavar="N", help="threads (default: all)")


def _run_verify(args: argparse.Namespace) -> None:
    with plain_errors(), stoppable(args.store) as stop:
        statuses.warn_of_other_hardware(args.store)
        found = announced(
            "",
            lambda: sweep.verify(
                args.store,
                args.sample,
                rng=args.rng,
                repair=args.repair,
                n_threads=args.threads,
                progress=stop.progress("recomputed"),
            ),
        )
    print(found)
    if not found.is_sound:
        then = "run" if found.repaired else "verify --repair"
        wrong = len(found.damaged) + len(found.different)
        raise Ending("error", f"{wrong} not sound; mend it with: neurogeom sweep {then}", FAILURE)


def _add_extend(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="new items, as for `plan`")
    _add_inputs(parser)
    parser.add_argument(
        "--prefix", default="", metavar="TEXT", help="put this before the names of the new items"
    )


def _run_extend(args: argparse.Namespace) -> None:
    items = _open(args.files, args)
    names = [f"{args.prefix}{item.name}" for item in items]
    with plain_errors():
        found = sweep.extend(args.store, items, names=names)
    print(found)
    print(f"go on with: {found.resume_command}")


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument(
        "out",
        metavar="OUT",
        help=".csv: a line for each pair or job; .npz: names and a matrix for each metric; .npy: one matrix",
    )


def _run_export(args: argparse.Namespace) -> None:
    check_output(args.out)
    with plain_errors():
        found = sweep.status(args.store)
        sweep.export(args.store, args.out)
    if not found.is_complete:
        say("warning", f"the sweep is not finished ({found}): what is missing is NaN")


_COMMANDS = {
    "plan": _Command(
        "measure a few items and pairs, print what a sweep will cost, and make its store",
        _add_plan,
        _run_plan,
        _PLAN_EPILOG,
    ),
    "run": _Command(
        "compute a sweep, or go on with it, on this machine or a Dask cluster",
        running.add_run,
        running.run,
        "It may be stopped or killed at any moment; finished tiles stay. Several runs at once do no harm.",
    ),
    "work": _Command(
        "compute one share of a sweep, then help with the others: for SLURM arrays and plain processes",
        running.add_work,
        running.work,
        "Workers know nothing of each other but the store: any may be missing, come late, or die.\n"
        "Ends with exit code 3 if the time did not suffice: submit the same job again.",
    ),
    "status": _Command(
        "show how far a sweep is, who works on it and what went wrong",
        statuses.add_status,
        statuses.run_status,
    ),
    "verify": _Command(
        "check all checksums of a sweep and compute a sample of its tiles again, bit by bit",
        _add_verify,
        _run_verify,
        "Exit code 0 if the sweep is sound, 1 if not, also if it has just been repaired.",
    ),
    "extend": _Command(
        "add items to a sweep; finished tiles stay, and the next run computes only what is new",
        _add_extend,
        _run_extend,
    ),
    "export": _Command("write what a sweep has found to one file", _add_export, _run_export),
}
