"""Runs a sweep on the workers of a Dask client, which only get the store's path and the names of tiles."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from .._base.checks import require_extra
from .._base.progress import ProgressFunction
from ..pairs.tiles import TileKey
from . import errors as check
from .attempts import MOST_TRIES
from .store import name_of
from .worker import Worker

# Tasks that the scheduler knows at a time: each costs it some kB.
_OUTSTANDING = 20_000
_PER_WORKER = 8  # batches of items that a thread of a worker gets
_LARGEST_BATCH = 64

_workers: dict[tuple[str, str, int], Worker] = {}
_lock = threading.Lock()


def run_on_client(
    client: Any, worker: Worker, report_items: ProgressFunction | None, report: ProgressFunction | None
) -> str | None:
    """Compute what is missing; gives the reason if it had to end early. Errors of tiles are in the store."""
    distributed = require_extra("distributed", "distributed", "a Dask client")
    check.require_client(isinstance(client, distributed.Client), client)
    items = worker.needs_preparation()
    slots = max(1, sum(info["nthreads"] for info in client.scheduler_info(n_workers=-1)["workers"].values()))
    size = max(1, min(_LARGEST_BATCH, len(items) // (_PER_WORKER * slots)))
    batches = [items[k : k + size] for k in range(0, len(items), size)]
    run = secrets.token_hex(4)
    # Worker processes outlive runs, and what they remember of a store may have been repaired since.
    place = (str(worker.store.path), run, worker.n_threads)

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
        # Large tiles first, so that all workers end together.
        left.sort(key=lambda key: -worker.grid.count(key))

        def submit_tile(key: TileKey, attempt: int = attempt) -> Any:
            name = f"neurogeom-{run}-tile-{name_of(key)}-{attempt}"
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
    """Submit tasks, not too many at a time, and wait for them; gives the reason if the cluster was lost."""
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
                # Other errors of tiles were recorded by the worker; one that was killed cannot.
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
    if isinstance(error, (OSError, check.SweepError)):
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


def _worker(place: tuple[str, str, int]) -> Worker:
    """Give this process's worker for a store; the tasks of all its threads share the prepared items."""
    with _lock:
        if place not in _workers:
            path, _, n_threads = place
            for key in [key for key in _workers if key[0] == path]:
                del _workers[key]
            _workers[place] = Worker(path, n_threads)
        return _workers[place]


def _prepare(place: tuple[str, str, int], numbers: Sequence[int]) -> None:
    worker = _worker(place)
    for number in numbers:
        worker.keep(number)


def _compute(place: tuple[str, str, int], key: TileKey) -> None:
    worker = _worker(place)
    with worker.memory.watching():
        worker.run_tile(tuple(key))
