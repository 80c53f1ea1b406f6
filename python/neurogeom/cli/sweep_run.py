"""``neurogeom sweep run`` and ``work``: compute a sweep, here, on a cluster, or as one of many jobs."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from .._base.checks import require_extra
from ..sweep import SweepStatus, status
from ..sweep import run as run_sweep
from ..sweep import work as work_on
from ..sweep.cluster import local_client
from .endings import INCOMPLETE, Ending, InputError, announced, end_of, plain_errors, say, stoppable
from .options import add_strict, count, duration

# Seconds that a scheduler that has just been started may take to write its file.
_PATIENCE = 30.0


# ---- neurogeom sweep run ----------------------------------------------------------------------


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``run``."""
    parser.add_argument("store", metavar="STORE", help="a sweep that `neurogeom sweep plan` made")
    parser.add_argument(
        "--threads",
        type=count(1),
        metavar="N",
        help="threads of each task (default: here OMP_NUM_THREADS, else all cores; on Dask 1)",
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="retry tiles that were given up after three tries"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--scheduler", metavar="ADDRESS", help="run on the Dask cluster of tcp://host:port")
    where.add_argument(
        "--scheduler-file",
        metavar="FILE",
        help="the same, by the file that `dask scheduler --scheduler-file FILE` writes",
    )
    where.add_argument(
        "--dask-workers",
        type=count(1),
        metavar="N",
        help="run on N processes of this machine, one thread each; if one dies, only its tile is lost",
    )
    add_strict(parser)


def run(args: argparse.Namespace) -> None:
    """Run a sweep to its end."""
    with plain_errors(), stoppable(args.store, args.trust) as stop:
        status(args.store, trust=args.trust)  # before a cluster is started
        with _executor(args) as executor:
            found = announced(
                "",
                lambda: run_sweep(
                    args.store,
                    executor,
                    n_threads=args.threads,
                    retry_failed=args.retry_failed,
                    progress=(stop.progress("items"), stop.progress("tiles")),
                    trust=args.trust,
                ),
            )
    print(found)
    end_of(found, args.strict)


def _executor(args: argparse.Namespace) -> contextlib.AbstractContextManager[Any]:
    """Return the Dask client that was asked for, if any."""
    if args.dask_workers is not None:
        return local_client(args.dask_workers, args.store)
    if args.scheduler is not None:
        return _client(args.scheduler, {"address": args.scheduler})
    if args.scheduler_file is not None:
        _await_file(args.scheduler_file)
        return _client(args.scheduler_file, {"scheduler_file": args.scheduler_file})
    return contextlib.nullcontext()


@contextlib.contextmanager
def _client(place: str, options: Mapping[str, Any]) -> Iterator[Any]:
    distributed = require_extra("distributed", "distributed", "a Dask cluster")
    try:
        client = distributed.Client(**options)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"no Dask scheduler at {place}: {error}") from error
    # The loss of a scheduler is reported in one line, at the end.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        threads = sum(worker["nthreads"] for worker in workers)
        say("note", f"Dask at {client.scheduler.address}: workers {len(workers)}, threads {threads}")
        if not workers:
            say("note", "the sweep is waiting for workers")
        yield client


def _await_file(path: str) -> None:
    start = time.monotonic()
    while not os.path.exists(path):
        if time.monotonic() - start > _PATIENCE:
            raise InputError(f"{path}: no such file after {_PATIENCE:.0f} s: was a Dask scheduler started?")
        time.sleep(0.1)


# ---- neurogeom sweep work ---------------------------------------------------------------------


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``work``."""
    parser.add_argument("store", metavar="STORE", help="a sweep that `neurogeom sweep plan` made")
    parser.add_argument(
        "--rank",
        type=count(0),
        metavar="R",
        help="which worker this is, from 0 (default: SLURM_ARRAY_TASK_ID, counted from the array's first)",
    )
    parser.add_argument(
        "--of",
        type=count(1),
        metavar="N",
        help="how many workers there are (default: SLURM_ARRAY_TASK_COUNT)",
    )
    parser.add_argument(
        "--threads",
        type=count(1),
        metavar="T",
        help="threads (default: OMP_NUM_THREADS, else the cores that this job may use)",
    )
    parser.add_argument(
        "--stop-before",
        type=duration,
        metavar="TIME",
        help="start no tile that would not be finished this long before the job ends, such as 5m",
    )
    parser.add_argument(
        "--time-limit",
        type=duration,
        metavar="TIME",
        help="how long the job may run, such as 4h (default: until SLURM_JOB_END_TIME)",
    )
    add_strict(parser)


def work(args: argparse.Namespace) -> None:
    """Do one share of a sweep."""
    rank, of = _share(args.rank, args.of, os.environ)
    with plain_errors(), stoppable(args.store, args.trust) as stop:
        found: SweepStatus = announced(
            "",
            lambda: work_on(
                args.store,
                rank=rank,
                of=of,
                n_threads=args.threads,
                stop_before=args.stop_before,
                time_limit=args.time_limit,
                progress=(stop.progress("items"), stop.progress("tiles")),
                trust=args.trust,
            ),
        )
    if not found.is_complete:
        why = "stopped in time before the job ends" if found.left else "some tiles were given up"
        retry = f"{found.resume_command} --retry-failed"
        then = "submit the same job again, or run" if found.left else "see `neurogeom sweep status`, then run"
        command = found.resume_command if found.left else retry
        raise Ending("incomplete", f"{why}: {found}. To resume: {then} {command}", INCOMPLETE)
    print(found)
    end_of(found, args.strict)


def _share(rank: int | None, of: int | None, environment: Mapping[str, str]) -> tuple[int, int]:
    """Find this process's share, from options or from the SLURM array that it belongs to."""
    known = {
        name: _integer(f"SLURM_ARRAY_TASK_{name}", environment) for name in ("ID", "COUNT", "MIN", "STEP")
    }
    if of is None:
        of = known["COUNT"]
    if rank is None and known["ID"] is not None:
        place = (known["ID"] - (known["MIN"] or 0)) // (known["STEP"] or 1)
        # Array indices need not be consecutive; two workers that start at the same place do no harm.
        rank = place % of if of else place
    if rank is None and of is None:
        return 0, 1
    if rank is None or of is None:
        given, missing = ("--rank", "--of") if of is None else ("--of", "--rank")
        raise InputError(f"{given} needs {missing}, or a SLURM array that sets it")
    if rank >= of:
        raise InputError(f"--rank must be below --of ({of}), not {rank}: ranks start at 0")
    return rank, of


def _integer(name: str, environment: Mapping[str, str]) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{name} must be an integer, not {text!r}") from None
