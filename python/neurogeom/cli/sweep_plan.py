"""``neurogeom sweep plan``: what a sweep will cost, and its store."""

from __future__ import annotations

import argparse
import os
from typing import Literal

from .. import sweep
from .._base.quantities import as_bytes
from ..io.checks import MAX_BAD
from ..io.search import Found
from .endings import InputError, announced, plain_errors, say, stoppable
from .inputs import FORMATS, add_flatten, add_ids_and_skip_bad, open_inputs, read_labels, say_flattened
from .options import METRIC_HELP, count, duration, metric_name, one_of

_DEFAULT = "procrustes"
_CAPACITIES = ("mean-field", "joint")
_MAX_SHOWN = 20  # left-out arrays that are named

EPILOG = """\
Examples:
  neurogeom sweep plan nets/                                     (only prints what it would cost)
  neurogeom sweep plan 'nets/**/*.npz' --keys layer3,layer4 --ids stimuli --store s.zarr
  neurogeom sweep plan models/*.npy --others areas/*.npy --metric ridge --null 200 --rng 1 --store s.zarr
  neurogeom sweep plan layers/*.npy --capacity mean-field --labels labels.npy --seeds 0,1,2 --store s.zarr

The same line again reuses the store; another plan is refused. Quoted patterns are expanded by neurogeom and
may match more files than fit on a command line."""


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
        return as_bytes(text, "the value")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# ---- items


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading files."""
    parser.add_argument(
        "--keys", type=_words, metavar="A,B", help="arrays of .npz, HDF5 and other archives; by default all"
    )
    add_flatten(parser, "--keys")
    add_ids_and_skip_bad(parser)


def open_items(paths: list[str], args: argparse.Namespace, option: str = "") -> Found:
    """Open items by these options."""
    found = open_inputs(
        paths, args.keys, "--keys", flatten=args.flatten, ids=args.ids, skip_bad=args.skip_bad, lead=option
    )
    say_flattened({item.name: item for item in found.items})
    return found


def left_out_of(found: Found) -> str:
    """List the files and arrays that are left out, and why."""
    texts = [*found.bad[:MAX_BAD], *found.left_out[:_MAX_SHOWN]]
    if more := len(found.bad) + len(found.left_out) - len(texts):
        texts.append(f"{more} more")
    lead = "left out".ljust(len("processor time"))  # aligned with the lines of the plan
    return "\n".join(f"{lead}  {text}" for text in texts)


# ---- the command


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=f"files, directories or patterns: {FORMATS}; rows are stimuli",
    )
    parser.add_argument("--store", metavar="DIR", help="make the sweep here; without it, only print the plan")
    parser.add_argument(
        "--metric",
        action="append",
        type=metric_name,
        metavar="NAME",
        help=f"what to compute; may be given several times (default: {_DEFAULT}): {METRIC_HELP}, found on "
        "PYTHONPATH",
    )
    add_inputs(parser)
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
        help="items along the edge of a tile, the unit of work that can be lost (default: auto)",
    )
    parser.add_argument(
        "--max-ram", type=_bytes, default="2GB", metavar="SIZE", help="memory per worker (default: 2GB)"
    )
    parser.add_argument(
        "--target-tile",
        type=duration,
        default=60.0,
        metavar="TIME",
        help="longest time that a tile should take (default: 60s)",
    )
    parser.add_argument(
        "--max-files", type=count(1), default=50_000, metavar="N", help="at most N tiles (default: 50000)"
    )
    parser.add_argument(
        "--threads", type=count(1), default=1, metavar="N", help="threads of each worker (default: 1)"
    )
    jobs = parser.add_argument_group("capacity of each item, instead of pairs")
    jobs.add_argument("--capacity", type=one_of(_CAPACITIES), choices=_CAPACITIES, help="which capacity")
    jobs.add_argument(
        "--labels",
        metavar="FILE",
        help="the manifold of each stimulus, integers or strings: a file that holds one array, or FILE:KEY",
    )
    jobs.add_argument(
        "--seeds", type=_numbers, metavar="0,1,2", help="analyse each item with each seed (default: 0)"
    )
    jobs.add_argument("--samples", type=count(1), metavar="N", help="Gaussian samples")
    jobs.add_argument("--fields", type=_words, metavar="A,B", help="results to keep (default: all)")


def run_plan(args: argparse.Namespace) -> None:
    """Plan a sweep and print what it will cost."""
    metric = _jobs(args) if args.capacity is not None else _metrics(args)
    existed = args.store is not None and os.path.exists(args.store)
    found = open_items(args.files, args)
    others = None if args.others is None else open_items(args.others, args, "--others")
    with plain_errors(), stoppable(None):
        made = announced(
            "",
            lambda: sweep.plan(
                found.items,
                metric,
                store=args.store,
                others=None if others is None else others.items,
                fields=args.fields,
                null=args.null,
                rng=args.rng,
                tile=args.tile,
                max_ram=args.max_ram,
                target_seconds=args.target_tile,
                max_files=args.max_files,
                n_threads=args.threads,
                trust=args.trust,
            ),
        )
    print(made)
    for opening in (found, others):
        if opening is not None and (text := left_out_of(opening)):
            print(text)
    if made.store is None:
        say("note", "nothing was created: --store DIR creates the sweep")
    elif existed:
        say("note", f"{made.store} already holds this plan, and is used as it is")


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
    labels = read_labels(args.labels, "--labels")
    with plain_errors("--capacity"):
        return sweep.CapacityJobs(
            labels, args.capacity.replace("-", "_"), seeds=args.seeds or (0,), **options
        )
