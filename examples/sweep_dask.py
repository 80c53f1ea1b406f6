r"""A sweep on a Dask cluster
=========================

Here a cluster of two processes on this machine; one of them is killed::

    python examples/sweep_dask.py

``ng.sweep.run(store, executor=client)`` takes the Client of any cluster. Its workers only get the path of the
store and the names of tiles; they read and write files, so that all must see the store and the inputs under
the same paths. On a cluster with SLURM the same Client comes from a scheduler of one's own::

    dask scheduler --scheduler-file $PWD/scheduler.json &
    srun --ntasks=32 --cpus-per-task=1 dask worker --scheduler-file $PWD/scheduler.json \
        --nthreads 1 --memory-limit 0 --lifetime 3h50m --lifetime-stagger 5m &

    client = distributed.Client(scheduler_file="scheduler.json")

or from dask-jobqueue (neither was run for this script, which has no SLURM)::

    cluster = dask_jobqueue.SLURMCluster(
        cores=1, processes=1, memory="4GB", walltime="04:00:00",
        worker_extra_args=["--lifetime", "3h50m", "--lifetime-stagger", "5m", "--memory-limit", "0"],
    )
    cluster.adapt(minimum_jobs=1, maximum_jobs=32)  # brings workers back that reached their time
    client = cluster.get_client()

- One thread a worker: a worker has as many tiles at a time as threads, each computed with ``n_threads`` of
  run (1). For fewer processes give both: ``--nthreads 1`` and ``run(..., n_threads=4)`` on four cores.
- ``--memory-limit 0``: Dask counts pages of mapped files as memory of the worker, and would stop or kill
  those that read large files; SLURM itself watches the memory of a job.
- ``--lifetime`` ends workers between tiles, before SLURM does it in the middle of one.
- If the scheduler is lost, ``SweepIncomplete`` says how much is left; run goes on with another client, or
  without one.

Here two processes share 136 tiles (32 groups of 48 units of the layers of a language model that comes with
the package, 500 sentences). One is killed after a quarter of them: all tiles are finished all the same, with
the bits of ``ng.pairwise``. What is seen: the nearest group of another layer is in a layer next to one's own,
always; from layer 2 it is mostly in layer 0 by procrustes, and in layer 4 by rsa.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import neurogeom as ng
import numpy as np
from neurogeom.report import format_table

UNITS = 48  # in a group: 384 units of a layer make 8 groups
METRICS = ["procrustes", "rsa"]


class KillOne:
    """A progress function that kills a worker when a quarter of the tiles are there."""

    def __init__(self, pid: int) -> None:
        self.pid, self.at = pid, 0

    def __call__(self, done: int, total: int) -> None:
        if not self.at and done >= total // 4:
            self.at = done
            os.kill(self.pid, signal.SIGKILL)
            print(f"\nkilled a worker (process {self.pid}) after {done} of {total} tiles")


def tiles_of_each(store: Path) -> dict[int, int]:
    """Count the tiles that each process has computed; journals are called host.pid.jsonl."""
    found = {}
    for path in (store / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[int(path.stem.rpartition(".")[2])] = sum("tile" in line for line in lines)
    return found


def sweep(client: Any, layers: Path, store: Path) -> None:
    """Plan, run on the cluster, compare."""
    plan = ng.sweep.plan(layers, METRICS, store=store, tile=2)
    print(plan)
    pids = sorted(client.run(os.getpid).values())
    kill_one = KillOne(pids[0])
    started = time.perf_counter()
    finished = ng.sweep.run(store, executor=client, progress=kill_one)
    print(f"ran: {finished} in {time.perf_counter() - started:.1f} s")
    for pid, count in sorted(tiles_of_each(store).items()):
        which = (
            "killed" if pid == pids[0] else "stayed" if pid in pids else "came in the place of the killed one"
        )
        print(f"process {pid} ({which}): {count} tiles")
    results = ng.sweep.open(store)
    memory = ng.pairwise(ng.io.open_items(layers), METRICS)
    same = all(results[name].values.tobytes() == memory[name].values.tobytes() for name in METRICS)
    print(f"the same bits as ng.pairwise: {'yes' if same else 'NO'}")
    print(f"verified: {ng.sweep.verify(store, sample=5)}\n")
    show(results)
    if not same or not kill_one.at:
        raise SystemExit(1)


def show(results: dict[str, ng.Pairwise]) -> None:
    """Print of which layer the nearest group of units is, not counting the group's own layer."""
    layer = np.array([str(name).split()[0] for name in next(iter(results.values())).names])
    names = list(dict.fromkeys(layer))
    print(f"groups of {UNITS} units, by the layer of the nearest group of another layer\n")
    for metric, result in results.items():
        likeness = result.values if result.is_similarity else -result.values
        likeness = np.where(layer[:, None] == layer, -np.inf, likeness)
        nearest = layer[likeness.argmax(axis=1)]
        rows = [[name, *((nearest[layer == name] == other).sum() for other in names)] for name in names]
        print(format_table(rows, [metric, *names]), "\n")


def main() -> None:
    """Start a cluster on this machine, and sweep on it."""
    try:
        import distributed
    except ImportError:
        print("This needs Dask: pip install 'neurogeom[distributed,store]'")
        sys.exit(0)
    logging.getLogger("distributed").setLevel(logging.ERROR)  # a worker's death is what we are here for
    with tempfile.TemporaryDirectory() as folder:
        layers = Path(folder, "layers")
        layers.mkdir()
        for name, layer in ng.datasets.load_minilm_clinc().layers.items():
            for k in range(layer.shape[1] // UNITS):
                np.save(layers / f"{name} units {k * UNITS}.npy", layer[:, k * UNITS : (k + 1) * UNITS])
        with (
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address=":0",  # none: even then a port of the scheduler is opened, any that is free
                silence_logs=logging.CRITICAL,
                local_directory=folder,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            sweep(client, layers, Path(folder, "sweep.zarr"))


if __name__ == "__main__":
    main()
