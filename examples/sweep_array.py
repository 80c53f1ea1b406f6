"""A sweep as a job array
======================

What a job array does, here with two plain processes that share a store; one of them is killed::

    python examples/sweep_array.py

sweep_slurm.sh is what is submitted to SLURM; its tasks run ``neurogeom sweep work STORE --rank R --of N``,
and know nothing of each other but the store. The same through the API, on this machine:

1. Files of a folder are planned with: 32 groups of 48 units of the four layers of a language model that comes
   with the package, 500 sentences each; 496 pairs in 136 tiles, procrustes and cka.
2. Two processes work on the store. One is killed (SIGKILL) after about a quarter of the tiles: the other does
   its own half and then what the killed one has left, so that nothing is left.
3. Rank 1 is submitted again, finds nothing to do, and ends.
4. The results have the same bits as ``ng.pairwise`` in memory, and a sample of tiles computed anew agrees.

What is seen, by both metrics and on average: groups of units of layers 4 and 6 are nearest to other groups of
their own layer, those of layers 0 and 2 to groups of the layer that follows.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import neurogeom as ng
import numpy as np
from neurogeom.report import format_table

UNITS = 48  # in a group: 384 units of a layer make 8 groups
METRICS = ["procrustes", "cka"]
# What a task of the array runs, as does: neurogeom sweep work STORE --rank R --of 2 --threads 1
WORK = """
import sys
import neurogeom as ng
ng.sweep.work(sys.argv[1], rank=int(sys.argv[2]), of=2, n_threads=1, time_limit="1h", stop_before="5m")
"""


def start(store: Path, rank: int) -> subprocess.Popen[bytes]:
    """Start one worker; it knows the store, its rank, and how many there are."""
    return subprocess.Popen([sys.executable, "-c", WORK, str(store), str(rank)])


def tiles_of_each(store: Path) -> dict[int, int]:
    """Count the tiles that each process has computed; journals are called host.pid.jsonl."""
    found = {}
    for path in (store / "journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[int(path.stem.rpartition(".")[2])] = sum("tile" in line for line in lines)
    return found


def main() -> None:
    """Plan, work, kill, go on, compare."""
    with tempfile.TemporaryDirectory() as folder:
        layers = Path(folder, "layers")
        layers.mkdir()
        for name, layer in ng.datasets.load_minilm_clinc().layers.items():
            for k in range(layer.shape[1] // UNITS):
                np.save(layers / f"{name} units {k * UNITS}.npy", layer[:, k * UNITS : (k + 1) * UNITS])
        run(layers, Path(folder, "sweep.zarr"))


def run(layers: Path, store: Path) -> None:
    """Show it all."""
    plan = ng.sweep.plan(layers, METRICS, store=store, tile=2)
    print(plan)
    workers = [start(store, rank) for rank in (0, 1)]
    try:
        while workers[1].poll() is None and ng.sweep.status(store).done < plan.n_tiles // 4:
            time.sleep(0.02)
        workers[1].send_signal(signal.SIGKILL)
        codes = [worker.wait(timeout=60) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    computed = tiles_of_each(store)
    print(f"\nafterwards: {ng.sweep.status(store)}\n")
    rows = [[rank, codes[rank], computed.get(w.pid, 0)] for rank, w in enumerate(workers)]
    print(format_table(rows, ["rank", "exit code", "tiles"]))

    # What SLURM does with a task that was preempted, and a user who submits the array once more.
    again = start(store, 1)
    again.wait(timeout=60)
    new = tiles_of_each(store).get(again.pid, 0)
    print(f"\nrank 1 submitted again: {new} tiles computed, {ng.sweep.status(store)}")

    results = ng.sweep.open(store)
    memory = ng.pairwise(ng.io.open_items(layers), METRICS)
    same = all(results[name].values.tobytes() == memory[name].values.tobytes() for name in METRICS)
    print(f"the same bits as ng.pairwise: {'yes' if same else 'NO'}")
    print(f"verified: {ng.sweep.verify(store, sample=5)}\n")
    show(results)
    if not same or not ng.sweep.status(store).is_complete:
        raise SystemExit(1)


def show(results: dict[str, ng.Pairwise]) -> None:
    """Print how alike groups of units are, of one layer and of two layers."""
    layer = np.array([str(name).split()[0] for name in next(iter(results.values())).names])
    names = list(dict.fromkeys(layer))
    different = ~np.eye(len(layer), dtype=bool)
    for metric, result in results.items():
        rows = []
        for first in names:
            pairs = [(layer[:, None] == first) & (layer == second) & different for second in names]
            rows.append([first, *(f"{result.values[where].mean():.3f}" for where in pairs)])
        print(f"{metric}: means over pairs of different groups of {UNITS} units\n")
        print(format_table(rows, ["", *names]), "\n")


if __name__ == "__main__":
    main()
