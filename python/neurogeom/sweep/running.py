"""Runs a sweep: in this process, as one of several processes, or on a Dask cluster."""

from __future__ import annotations

import errno
import itertools
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from .._base import checks as _validate
from .._base.progress import Progress, ProgressFunction, as_progress
from .._base.quantities import as_duration
from .._base.threads import map_threads, resolve_threads
from ..pairs.tiles import TileKey
from .attempts import MOST_TRIES
from .completeness import SweepIncomplete, SweepStatus, status_of
from .errors import FATAL
from .items import require_unchanged_inputs
from .kinds import Kind
from .worker import Worker

SweepProgress: TypeAlias = Progress | tuple[ProgressFunction, ProgressFunction]
Reports: TypeAlias = tuple[ProgressFunction | None, ProgressFunction | None]

# Errors of the machine, not of the sweep: what is finished is safe, and the rest can go on elsewhere.
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
# Items that take fewer seconds are prepared by one thread: several would mostly wait for the GIL.
_SECONDS_WORTH_THREADS = 0.01


@_validate.explain_keywords
def run(
    store: str | os.PathLike[str],
    executor: Any = None,
    *,
    n_threads: int | None = None,
    retry_failed: bool = False,
    progress: SweepProgress = False,
    trust: Sequence[str] = (),
) -> SweepStatus:
    """Run or resume a sweep, until all tiles are finished.

    It may be interrupted or killed at any time, and be run by several processes at once: finished tiles
    are kept, and the bits of the results do not depend on who computes them.

    Parameters
    ----------
    store : path-like
        A sweep that :func:`plan` made.
    executor : distributed.Client, optional
        A Dask client of any cluster; all its workers must see the store and the inputs under the same
        paths. By default the work is done in this process, in threads.
    n_threads : int, optional
        Threads of each task. By default, in this process, as elsewhere in the package; on Dask 1, as a worker
        has as many tasks at a time as it has threads.
    retry_failed : bool, default False
        Retry tiles that were given up.
    progress : bool, callable(done, total), or a pair of these, default False
        Show bars on stderr, or call a function now and then: one for tiles, or a pair for items and tiles.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    SweepStatus
        With all tiles done.

    Raises
    ------
    SweepIncomplete
        If tiles are left (lost cluster, full disk) or have failed; it says how to resume.
    SweepError
        If the plan, an input or the package changed, or a prepared item is damaged.
    FileNotFoundError
        If there is no such sweep.

    Warns
    -----
    UserWarning
        If the data of an item do not allow the analysis; its values are NaN. See ``status(store).errors``.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(np.random.default_rng(0).normal(size=(5, 20, 4)), store=store)
    >>> ng.sweep.run(store).is_complete
    True
    """
    reports = _reports(progress)
    reason: str | None = None
    while True:
        threads = 1 if executor is not None and n_threads is None else n_threads
        worker = _begin(store, threads, retry_failed, trust)
        if executor is None:
            _work_through(worker, 0, 1, None, reports)
        else:
            from .cluster import run_on_client

            with _safe_stop(worker):
                reason = run_on_client(executor, worker, *reports)
        found = status_of(worker.store)
        if reason is not None or found.n_tiles == len(worker.grid.tiles()):
            break
        retry_failed = False  # it was extended in the meantime: continue with what is new
    _warn(found, worker.sweep)
    if not found.is_complete:
        raise SweepIncomplete(reason or "the sweep ended", found)
    return found


@_validate.explain_keywords
def work(
    store: str | os.PathLike[str],
    *,
    rank: int = 0,
    of: int = 1,
    n_threads: int | None = None,
    stop_before: float | str | None = None,
    time_limit: float | str | None = None,
    progress: SweepProgress = False,
    trust: Sequence[str] = (),
) -> SweepStatus:
    """Do one share of a sweep, then help with the others; for job arrays.

    Such workers share nothing but the store: any of them may be missing, start late, or die.

    Parameters
    ----------
    store : path-like
        A sweep that :func:`plan` made.
    rank, of : int, default 0 and 1
        Which worker this is (from 0), and how many there are.
    n_threads : int, optional
        Threads to use.
    stop_before : float or str, optional
        Start no tile that is unlikely to be finished this long ("5m") before the end of the job, which is
        `time_limit` from now, or else the time in SLURM_JOB_END_TIME.
    time_limit : float or str, optional
        How long this process may run.
    progress : bool, callable(done, total), or a pair of these, default False
        See :func:`run`.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    SweepStatus
        Tiles may be left, for other workers or because time ran out.

    Raises
    ------
    SweepIncomplete
        If the store cannot be written to (full disk).
    SweepError
        If the plan, an input or the package changed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(np.random.default_rng(0).normal(size=(5, 20, 4)), store=store)
    >>> ng.sweep.work(store, rank=1, of=2).left  # nobody else took the other half
    0
    """
    count = _validate.as_count(of, "of")
    place = _validate.as_count(rank, "rank", minimum=0)
    if place >= count:
        raise ValueError(f"rank must be below the number of workers ({count}), not {place}; ranks start at 0")
    deadline = _deadline(stop_before, time_limit)
    worker = _begin(store, n_threads, False, trust)
    _work_through(worker, place, count, deadline, _reports(progress))
    found = status_of(worker.store)
    if found.is_complete:
        _warn(found, worker.sweep)
    return found


def _reports(progress: SweepProgress) -> Reports:
    """Return the functions that report on items and on tiles."""
    if isinstance(progress, tuple):
        return progress
    return (as_progress(progress, "items") if isinstance(progress, bool) else None), as_progress(
        progress, "tiles"
    )


def _deadline(stop_before: Any, time_limit: Any) -> float | None:
    """Time, as from time.time(), after which no tile may be running."""
    if stop_before is None and time_limit is None:
        return None
    margin = 0.0 if stop_before is None else as_duration(stop_before, "stop_before")
    if time_limit is not None:
        return time.time() + as_duration(time_limit, "time_limit") - margin
    end = os.environ.get("SLURM_JOB_END_TIME")
    if end is None or not end.isdigit():
        raise ValueError(
            "stop_before needs to know when the job ends: SLURM_JOB_END_TIME is not set, so give time_limit "
            "(--time-limit 4h)"
        )
    return float(end) - margin


def _begin(store: Any, n_threads: int | None, retry_failed: bool, trust: Sequence[str]) -> Worker:
    """Open a store for work, and check that it may be worked on."""
    worker = Worker(store, resolve_threads(n_threads), trust)
    require_unchanged_inputs(worker.store, enumerate(worker.sweep.items))
    with _safe_stop(worker):
        worker.store.remove_stale_files()
        worker.attempts.count_deaths()
        if retry_failed:
            worker.attempts.forget_all()
    return worker


class _safe_stop:  # noqa: N801 - a context manager
    """Turns failures to write into :class:`SweepIncomplete`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, OSError) and self._is_of_store(error):
            what = "the store is read-only" if error.errno in _READ_ONLY else "the store is full"
            raise SweepIncomplete(
                f"{what} ({error.strerror}: {error.filename or self._worker.store.path})",
                status_of(self._worker.store),
            ) from error

    def _is_of_store(self, error: OSError) -> bool:
        # An unreadable input is not the store's fault; errors of full disks may name no file.
        there = self._worker.store.path
        inside = error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(there)
        return error.errno in _NO_ROOM or (error.errno in _READ_ONLY and inside)


def _work_through(worker: Worker, rank: int, of: int, deadline: float | None, reports: Reports) -> None:
    """Prepare and compute, our own share first, then from the ends of the others' shares."""
    with _safe_stop(worker), worker.memory.watching():
        _prepare_items(worker, rank, of, deadline, reports[0])
        _compute_tiles(worker, rank, of, deadline, reports[1])


def _prepare_items(
    worker: Worker, rank: int, of: int, deadline: float | None, report: ProgressFunction | None
) -> None:
    missing = worker.needs_preparation()
    total = len(worker.sweep.items)
    done = total - len(missing)
    seconds = float(worker.store.costs["prepare_seconds"]) / max(total, 1)
    threads = worker.n_threads if seconds > _SECONDS_WORTH_THREADS else 1
    step = 4 * threads
    expected = 4 * seconds
    if report is not None and missing:
        report(done, total)
    for part, is_own in zip(shares(missing, rank, of), (True, False), strict=True):
        for start in range(0, len(part), step):
            if deadline is not None and time.time() + expected > deadline:
                return
            batch = part[start : start + step]
            if not is_own:  # another worker may have done it by now
                batch = [number for number in batch if not worker.store.has_prepared(number)]
            map_threads(lambda number: _keep(worker, number), batch, threads)
            done += len(part[start : start + step])
            if report is not None:
                report(done, total)


def _keep(worker: Worker, number: int) -> None:
    """Prepare an item; if that fails, its tiles fail, which is recorded, and all others continue."""
    try:
        worker.keep(number)
    except FATAL:
        raise
    except Exception:
        return


def shares(tasks: list[Any], rank: int, of: int) -> tuple[list[Any], list[Any]]:
    """Split tasks into those of one worker, in order, and those of the others, from their ends."""
    cuts = [len(tasks) * k // of for k in range(of + 1)]
    parts = [tasks[a:b] for a, b in itertools.pairwise(cuts)]
    others = [parts[(rank + k) % of][::-1] for k in range(1, of)]
    return parts[rank], [task for part in others for task in part]


def _compute_tiles(
    worker: Worker, rank: int, of: int, deadline: float | None, report: ProgressFunction | None
) -> None:
    tiles = worker.grid.tiles()
    finished = worker.store.finished_tiles()
    left = [key for key in tiles if key not in finished]
    done, longest = len(tiles) - len(left), 0.0
    own, others = shares(left, rank, of)
    planned = float(worker.store.costs["seconds_per_unit"]) / worker.n_threads
    queue: list[TileKey] = [*own, *others]
    if report is not None:
        report(done, len(tiles))
    while queue:
        again: list[TileKey] = []
        for key in queue:
            expected = max(longest, planned * worker.grid.count(key))
            if deadline is not None and time.time() + expected > deadline:
                return
            start = time.monotonic()
            if try_tile(worker.run_tile, key, worker):
                again.append(key)
            else:
                done += 1
            longest = max(longest, time.monotonic() - start)
            if report is not None:
                report(done, len(tiles))
        queue = again


def try_tile(compute: Callable[[TileKey], object], key: TileKey, worker: Worker) -> bool:
    """Compute a tile; return whether it failed and may be retried."""
    try:
        compute(key)
    except FATAL:
        raise
    except Exception:
        return len(worker.attempts.errors(key)) < MOST_TRIES
    return False


def _warn(found: SweepStatus, sweep: Kind) -> None:
    """Warn once of what users should know about items."""
    what = "items" if sweep.prepares else f"{sweep.unit}s"
    if found.errors:
        first = next(iter(found.errors.values()))
        warnings.warn(
            f"{len(found.errors)} of the {what} have no result (NaN) because of their data, such as "
            f"{first['name']!r}: {first['error']}",
            UserWarning,
            stacklevel=_validate.user_level(),
        )
    by_metric: dict[str, list[str]] = {}
    for remarks in found.remarks.values():
        for metric, text in remarks.items():
            by_metric.setdefault(metric, []).append(text)
    for metric, texts in by_metric.items():
        more = f" (and {len(texts) - 1} more {what})" if len(texts) > 1 else ""
        warnings.warn(f"{metric}: {texts[0]}{more}", UserWarning, stacklevel=_validate.user_level())
