"""Runs a sweep on the workers of a Dask client, which get only the store's path and the names of tiles."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from .._base.checks import require_extra
from .._base.progress import ProgressFunction
from ..pairs.tiles import TileKey
from .attempts import MOST_TRIES, Attempts
from .errors import FATAL
from .journal import process_name
from .store import tile_name
from .worker import Worker

# Tasks that the scheduler holds at a time: each costs it a few kB.
_OUTSTANDING = 20_000
_PER_WORKER = 8  # batches of items that a thread of a worker gets
_LARGEST_BATCH = 64

# A store, a run, threads of a task, and what is trusted.
_Place: TypeAlias = tuple[str, str, int, tuple[str, ...]]

_workers: dict[_Place, Worker] = {}
_lock = threading.Lock()


def run_on_client(
    client: Any, worker: Worker, report_items: ProgressFunction | None, report: ProgressFunction | None
) -> str | None:
    """Compute what is missing; return the reason if it ended early. Errors of tiles are in the store."""
    distributed = require_extra("distributed", "distributed", "a Dask client")
    if not isinstance(client, distributed.Client):
        raise TypeError(f"executor must be a distributed.Client, not {type(client).__name__}")
    items = worker.needs_preparation()
    slots = max(1, sum(info["nthreads"] for info in client.scheduler_info(n_workers=-1)["workers"].values()))
    size = max(1, min(_LARGEST_BATCH, len(items) // (_PER_WORKER * slots)))
    batches = [items[k : k + size] for k in range(0, len(items), size)]
    run = secrets.token_hex(4)
    # Worker processes outlive runs, and the store that they remember may have been repaired since.
    place = (str(worker.store.path), run, worker.n_threads, worker.store.trust)

    def submit_items(batch: list[int]) -> Any:
        name = f"neurogeom-{run}-items-{batch[0]}"
        return client.submit(_prepare, place, batch, key=name, pure=False)

    total = len(worker.sweep.items)
    progress = _Progress(report_items if items else None, total, total - len(items))
    lost = _drain(distributed, submit_items, batches, progress)
    if lost is not None:
        return lost
    tiles = worker.grid.tiles()
    finished = worker.store.finished_tiles()
    left = [key for key in tiles if key not in finished]
    progress = _Progress(report, len(tiles), len(tiles) - len(left))
    for attempt in range(MOST_TRIES):
        # Large tiles first, so that all workers finish together.
        left.sort(key=lambda key: -worker.grid.count(key))

        def submit_tile(key: TileKey, attempt: int = attempt) -> Any:
            name = f"neurogeom-{run}-tile-{tile_name(key)}-{attempt}"
            return client.submit(_compute, place, key, key=name, pure=False)

        failed: list[tuple[TileKey, str]] = []
        lost = _drain(distributed, submit_tile, left, progress, failed)
        for key, text in failed:
            worker.attempts.record(key, text)
        if lost is not None:
            return lost
        finished = worker.store.finished_tiles()
        left = [k for k in left if k not in finished and len(worker.attempts.errors(k)) < MOST_TRIES]
        if not left:
            break
    return None


def _drain(
    distributed: Any,
    submit: Any,
    tasks: Sequence[Any],
    progress: _Progress | None,
    killed: list[tuple[TileKey, str]] | None = None,
) -> str | None:
    """Submit tasks, not too many at a time, and wait for them; return the reason if the cluster was lost."""
    waiting = deque(tasks)
    running: dict[Any, Any] = {}
    completed = distributed.as_completed()
    try:
        while waiting or running:
            while waiting and len(running) < _OUTSTANDING:
                task = waiting.popleft()
                future = submit(task)
                running[future] = task
                completed.add(future)
            future = next(completed)
            task = running.pop(future)
            if future.status in ("cancelled", "lost"):
                return "the Dask scheduler was lost"
            if future.status == "error":
                error = future.exception()
                _raise_if_fatal(error)
                # Workers record other errors of tiles themselves; a killed worker cannot.
                if type(error).__name__ == "KilledWorker" and killed is not None:
                    killed.append((task, f"its workers died ({error})"))
            if progress is not None:
                progress.add(1 if killed is not None else len(task))
    except (distributed.comm.CommClosedError, TimeoutError, StopIteration) as error:
        return f"the Dask scheduler was lost ({type(error).__name__})"
    finally:
        if running:  # in one message: a cancelled run should end at once
            next(iter(running)).client.cancel(list(running))
    return None


def _raise_if_fatal(error: BaseException) -> None:
    if isinstance(error, FATAL):
        raise error


class _Progress:
    def __init__(self, report: ProgressFunction | None, total: int, done: int) -> None:
        self._report, self._total, self._done = report, total, done
        if report is not None:
            report(done, total)

    def add(self, count: int) -> None:
        self._done += count
        if self._report is not None:
            self._report(min(self._done, self._total), self._total)


# ---- what runs on the workers


def _worker(place: _Place) -> Worker:
    """Return this process's worker for a store; tasks in all its threads share the prepared items."""
    with _lock:
        if place not in _workers:
            path, _, n_threads, trust = place
            for key in [key for key in _workers if key[0] == path]:
                del _workers[key]
            _workers[place] = Worker(path, n_threads, trust)
        return _workers[place]


def _prepare(place: _Place, numbers: Sequence[int]) -> None:
    worker = _worker(place)
    for number in numbers:
        worker.keep(number)


def _compute(place: _Place, key: TileKey) -> None:
    worker = _worker(place)
    with worker.memory.watching():
        worker.run_tile(tuple(key))


# ---- our own cluster, on this machine


@contextmanager
def local_client(n_workers: int, store: str | os.PathLike[str]) -> Iterator[Any]:
    """Start processes of one thread each and yield a client; after an interruption they are killed at once.

    Tiles under way at that moment are not blamed for the end of their workers.
    """
    distributed = require_extra("distributed", "distributed", "a Dask cluster")
    cluster = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        memory_limit=0,  # Dask counts mapped files, and would kill workers because of them
        dashboard_address=None,
        # Without this the scheduler still opens the dashboard's port, and warns if it is in use.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )
    killed: set[str] = set()
    try:
        with distributed.Client(cluster) as client:
            client.register_plugin(_ignoring_signals(distributed))
            yield client
    except Exception:
        raise
    except BaseException:  # Ctrl-C, or a signal that ends this process
        killed = _kill(cluster)
        raise
    finally:
        cluster.close()
        Attempts(Path(store)).forgive(killed)


def _ignoring_signals(distributed: Any) -> Any:
    """Let workers outlive the signals that terminals and batch systems send to all processes of a job.

    We end the workers ourselves; if this process is killed, they end on their own.
    """

    class IgnoreSignals(distributed.WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            del worker
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)

    return IgnoreSignals()


def _kill(cluster: Any) -> set[str]:
    """Kill the workers and name them: what they finished is in the store, and the rest may take long."""
    for name in ("", ".nanny", ".scheduler", ".core", ".worker", ".comm"):  # we know that they are gone
        logging.getLogger(f"distributed{name}").setLevel(logging.CRITICAL)
    pids = []
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid is not None:
            pids.append(nanny.pid)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return {process_name(pid) for pid in pids}
