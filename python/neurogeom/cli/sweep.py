"""``neurogeom sweep``: plan, run, work, status, verify, extend, export."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from .. import sweep
from ..sweep.store import sweep_command
from . import sweep_plan as planning
from . import sweep_run as running
from . import sweep_status as statuses
from .endings import FAILURE, Ending, announced, check_output, plain_errors, say, stdout, stoppable
from .options import count

_EXPORTS = (".csv", ".npy", ".npz")

_EPILOG = """\
A sweep in four commands, on one machine:
  neurogeom sweep plan 'activations/*.npy' --metric cka --metric procrustes --store sweep.zarr
  neurogeom sweep run sweep.zarr          (Ctrl-C at any time; the same line resumes it)
  neurogeom sweep status sweep.zarr
  neurogeom sweep export sweep.zarr distances.csv

As a SLURM array (`plan` prints this line with numbers that suit the sweep; submit it again to resume):
  sbatch --array=0-15 --cpus-per-task=4 --wrap 'neurogeom sweep work sweep.zarr --threads 4 --stop-before 5m'

Exit codes: 0 done; 1 failure of the machine, or a sweep that is not sound; 2 bad input; 3 tiles are left or
failed (run, work, status); 4 items have no result because of their data (run, work, status with --strict;
otherwise a warning); 130 Ctrl-C; 143 SIGTERM. Results have the same bits however they were computed, on one
kind of processor and BLAS."""


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
        sub.add_argument(
            "--trust",
            action="append",
            default=[],
            metavar="PACKAGE",
            help="allow the store to import classes from this package of yours; may be given several times",
        )
        sub.set_defaults(run_sweep_command=command.run)


def run(args: argparse.Namespace) -> None:
    """Run one of them."""
    args.run_sweep_command(args)


# ---- neurogeom sweep verify, extend, export


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="a sweep")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument(
        "--sample", type=count(0), default=20, metavar="N", help="tiles to recompute (default: 20)"
    )
    parser.add_argument("--rng", type=count(0), default=0, metavar="SEED", help="their seed (default: 0)")
    parser.add_argument(
        "--repair", action="store_true", help="remove what is wrong, so that `run` recomputes it"
    )
    parser.add_argument("--threads", type=count(1), metavar="N", help="threads (default: all)")


def _run_verify(args: argparse.Namespace) -> None:
    with plain_errors(), stoppable(args.store, args.trust) as stop:
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
                trust=args.trust,
            ),
        )
    print(found)
    if not found.is_sound:
        then = sweep_command("run" if found.repaired else "verify --repair", args.store, args.trust)
        wrong = len(found.damaged) + len(found.different)
        raise Ending("error", f"{wrong} not sound; repair it with: {then}", FAILURE)


def _add_extend(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("files", nargs="+", metavar="FILE", help="new items, as for `plan`")
    planning.add_inputs(parser)
    parser.add_argument(
        "--prefix", default="", metavar="TEXT", help="put this before the names of the new items"
    )


def _run_extend(args: argparse.Namespace) -> None:
    new = planning.open_items(args.files, args)
    names = [f"{args.prefix}{item.name}" for item in new.items]
    with plain_errors():
        found = sweep.extend(args.store, new.items, names=names, trust=args.trust)
    print(found)
    if text := planning.left_out_of(new):
        print(text)
    print(f"resume with: {found.resume_command}")


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument(
        "out",
        metavar="OUT",
        help=".csv: a line for each pair or job; .npz: names and a matrix for each metric; .npy: one matrix; "
        "-: CSV on stdout",
    )


def _run_export(args: argparse.Namespace) -> None:
    if args.out != "-":
        check_output(args.out, endings=_EXPORTS)
    with plain_errors(), tempfile.TemporaryDirectory() as folder:
        found = sweep.status(args.store, trust=args.trust)
        out = os.path.join(folder, "sweep.csv") if args.out == "-" else args.out
        sweep.export(args.store, out, trust=args.trust)
        if args.out == "-":
            with open(out, encoding="utf-8", newline="") as file:
                shutil.copyfileobj(file, stdout())
    if not found.is_complete:
        say("warning", f"the sweep is not finished ({found}): missing values are NaN")


_COMMANDS = {
    "plan": _Command(
        "measure a few items and pairs, print what a sweep will cost, and create its store",
        planning.add_plan,
        planning.run_plan,
        planning.EPILOG,
    ),
    "run": _Command(
        "compute a sweep, or resume it, on this machine or a Dask cluster",
        running.add_run,
        running.run,
        "It may be stopped or killed at any time; finished tiles are kept. Several runs at once do no harm.",
    ),
    "work": _Command(
        "compute one share of a sweep, then help with the others: for SLURM arrays and plain processes",
        running.add_work,
        running.work,
        "Workers share nothing but the store: any of them may be missing, start late, or die.\n"
        "Exit code 3 if time ran out: submit the same job again.",
    ),
    "status": _Command(
        "show how far a sweep is, who is working on it and what went wrong",
        statuses.add_status,
        statuses.run_status,
        "Exit code 3 if tiles are left or have failed.",
    ),
    "verify": _Command(
        "check all checksums of a sweep and recompute a sample of its tiles, comparing every bit",
        _add_verify,
        _run_verify,
        "Exit code 0 if the sweep is sound, 1 if not, even if it has just been repaired.",
    ),
    "extend": _Command(
        "add items to a sweep; finished tiles are kept, and the next run computes only what is new",
        _add_extend,
        _run_extend,
    ),
    "export": _Command("write the results of a sweep to one file", _add_export, _run_export),
}
