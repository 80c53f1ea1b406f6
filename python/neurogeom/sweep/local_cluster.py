"""Worker processes on this machine, started and stopped by us: a Dask cluster for one run."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .._base.checks import require_extra
from .attempts import Attempts
from .files import process_name


@contextmanager
def local_client(n_workers: int, store: str | os.PathLike[str]) -> Iterator[Any]:
    """Start processes of one thread each and give a client; after an interruption they are killed at once.

    Tiles that were being computed then are not held responsible for the end of their workers.
    """
    distributed = require_extra("distributed", "distributed", "a Dask cluster")
    cluster = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        memory_limit=0,  # Dask counts mapped files, and would end workers because of them
        dashboard_address=None,
        # Without this the scheduler still takes the port of a dashboard, and warns if it is in use.
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

    Ending the workers is our part; should this process be killed, they end by themselves.
    """

    class IgnoreSignals(distributed.WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            del worker
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)

    return IgnoreSignals()


def _kill(cluster: Any) -> set[str]:
    """Kill the workers and name them: what they have finished is in the store, the rest may take long."""
    for name in ("", ".nanny", ".scheduler", ".core", ".worker", ".comm"):  # that they are gone is no news
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
