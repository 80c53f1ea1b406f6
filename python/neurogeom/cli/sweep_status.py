"""``neurogeom sweep status``: how far a sweep is, who is working on it, and what went wrong."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._base.quantities import format_seconds
from ..sweep import SweepStatus, status
from ..sweep.journal import SeenWorker, kinds_of_hardware, this_hardware, workers_of
from ..sweep.store import tile_name
from .endings import end_of, plain_errors, say
from .options import add_strict, count

_MAX_SHOWN = 10  # lines of each kind


def add_status(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``status``."""
    parser.add_argument("store", metavar="STORE", help="a sweep")
    parser.add_argument(
        "--json", action="store_true", help="print everything as one line of JSON, for scripts"
    )
    parser.add_argument(
        "--watch",
        type=count(1),
        metavar="SECONDS",
        help="print it repeatedly, until nothing is left to do",
    )
    add_strict(parser)


def run_status(args: argparse.Namespace) -> None:
    """Print how far a sweep is."""
    warned: set[str] = set()
    while True:
        with plain_errors():
            found = status(args.store, trust=args.trust)
            workers = workers_of(found.store)
        text = json.dumps(as_json(found, workers)) if args.json else describe(found, workers)
        print(text, flush=True)
        for warning in hardware_warnings(workers):
            if warning not in warned:
                say("warning", warning)
                warned.add(warning)
        if args.watch is None or not found.left:
            end_of(found, args.strict)
            return
        time.sleep(args.watch)
        if not args.json:
            print()


def as_json(found: SweepStatus, workers: Sequence[SeenWorker]) -> dict[str, Any]:
    """Return everything that is known, for JSON."""
    return {
        "store": str(found.store),
        "n_tiles": found.n_tiles,
        "done": found.done,
        "left": found.left,
        "failed": {tile_name(tile): errors for tile, errors in found.failed.items()},
        "n_items": found.n_items,
        "prepared": found.prepared,
        "errors": {str(number): dict(entry) for number, entry in found.errors.items()},
        "remarks": {str(number): dict(entry) for number, entry in found.remarks.items()},
        "eta": found.eta,
        "cpu_seconds": found.cpu_seconds,
        "is_complete": found.is_complete,
        "resume_command": found.resume_command,
        "workers": [
            {
                "process": worker.process,
                "hardware": list(worker.hardware),
                "tiles": worker.tiles,
                "items": worker.items,
                "cpu_seconds": worker.cpu_seconds,
                "last": worker.last,
                "at_work": worker.at_work,
            }
            for worker in workers
        ],
    }


def describe(found: SweepStatus, workers: Sequence[SeenWorker]) -> str:
    """Format it for people."""
    at_work = sum(worker.at_work for worker in workers)
    failed = f", {len(found.failed):,} failed" if found.failed else ""
    lines: list[tuple[str, str]] = [
        ("sweep", str(found.store)),
        ("tiles", f"{found.done:,} of {found.n_tiles:,} done, {found.left:,} left{failed}"),
        ("items", f"{found.prepared:,} of {found.n_items:,} prepared"),
    ]
    if found.left:
        known = "not known yet" if at_work else "no worker is running"
        lines.append(("time left", known if found.eta is None else format_seconds(found.eta)))
    lines.append(("processor time", format_seconds(found.cpu_seconds)))
    lines.append(("workers", f"{at_work:,} at work, {len(workers):,} in all"))
    lines += _cut([("", _describe_worker(worker)) for worker in workers])
    failures = [
        (f"failed {tile_name(tile)}", f"{len(errors)} tries, last: {_line(errors[-1])}")
        for tile, errors in found.failed.items()
    ]
    lines += _cut(failures)
    lines += _cut([("no result", _line(f"{e['name']}: {e['error']}")) for e in found.errors.values()])
    lines += _cut([("remark", _line(text)) for text in _remarks(found.remarks)])
    if not found.is_complete:
        retry = "" if found.left else " --retry-failed"
        lines.append(("resume with", f"{found.resume_command}{retry}"))
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key.ljust(width)}  {text}" for key, text in lines)


def _describe_worker(worker: SeenWorker) -> str:
    silence = format_seconds(max(0.0, time.time() - worker.last))
    when = "at work" if worker.at_work else f"ended or silent for {silence}"
    done = f"{worker.tiles:,} tiles, {worker.items:,} items"
    return f"{worker.process}: {when}, {done}; {', '.join(worker.hardware) or 'unknown hardware'}"


def _remarks(remarks: Mapping[int, Mapping[str, Any]]) -> list[str]:
    return [f"{metric}: {text}" for entry in remarks.values() for metric, text in entry.items()]


def _cut(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(lines) <= _MAX_SHOWN:
        return lines
    return [*lines[:_MAX_SHOWN], ("", f"and {len(lines) - _MAX_SHOWN:,} more (--json has all)")]


def _line(text: str) -> str:
    return " ".join(text.split())


def hardware_warnings(workers: Sequence[SeenWorker]) -> list[str]:
    """Warn if results may differ in their last bits because several kinds of hardware computed them."""
    kinds = kinds_of_hardware(workers)
    if len(kinds) < 2:
        return []
    shown = "; ".join(", ".join(kind) for kind in kinds)
    return [
        f"workers on {len(kinds)} kinds of hardware took part ({shown}): results have the same bits only on "
        "the same processor and BLAS; otherwise they agree to rounding"
    ]


def warn_of_other_hardware(store: str) -> None:
    """Warn if this machine is not the kind that computed a sweep, before its bits are compared."""
    kinds = kinds_of_hardware(workers_of(Path(store)))
    here = this_hardware()
    if kinds and kinds != [here]:
        others = "; ".join(", ".join(kind) for kind in kinds if kind != here)
        say(
            "warning",
            f"hardware unlike this machine's ({', '.join(here)}) computed the sweep ({others}): other bits "
            "may be rounding, not damage",
        )
