"""Print what a store and a cluster cost over ``ng.pairwise`` in memory, and how well plans foresee it.

    python -m bench.tables.sweep [--quick]

Takes a quarter of an hour, and 6 GB of disk. Wall time on two cores, interleaved runs, medians; bits are
compared each time. README.md says what the rows mean. The row of Dask needs ``distributed``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neurogeom as ng
import numpy as np
from neurogeom.sweep.journal import read_journals

from bench.timing import print_markdown

N_THREADS = 2
# K, stimuli, units, metric: three metrics and sizes whose costs are foreseen.
FORESEEN = (
    (300, 500, 128, "procrustes"),
    (300, 1000, 256, "cka"),
    (150, 500, 100, "rsa"),
    (60, 300, 200, "cca"),
)
# One worker in a process of its own, as a job array starts it.
WORK = "import sys, neurogeom as ng; ng.sweep.work(sys.argv[1], n_threads=1)"


def data(n_items: int, n_stimuli: int, n_units: int) -> list[np.ndarray]:
    """Unrelated responses."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n_stimuli, n_units)) for _ in range(n_items)]


def elapsed(call: Callable[[], Any]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def overhead_rows(folder: Path, quick: bool) -> list[list[str]]:
    """A finished sweep through a store over the same in memory; planning is not counted."""
    case = (40, 200, 50) if quick else (400, 500, 128)
    items = data(*case)
    expected = ng.pairwise(items, n_threads=N_THREADS)
    times: dict[str, list[float]] = {"memory": [], "threads": [], "dask": []}
    client = start_client()
    for _ in range(1 if quick else 3):
        times["memory"].append(elapsed(lambda: ng.pairwise(items, n_threads=N_THREADS)))
        for name in ("threads", "dask") if client else ("threads",):
            store = folder / f"{name}.zarr"
            ng.sweep.plan(items, store=store)
            if name == "dask":
                call = lambda store=store: ng.sweep.run(store, client, n_threads=1)  # noqa: E731
            else:
                call = lambda store=store: ng.sweep.run(store, n_threads=N_THREADS)  # noqa: E731
            times[name].append(elapsed(call))
            assert ng.sweep.open(store).values.tobytes() == expected.values.tobytes()
            shutil.rmtree(store)
    if client:
        client.close()
        client.cluster.close()
    rows = []
    for name in ("threads", "dask"):
        ratios = [a / b for a, b in zip(times[name], times["memory"], strict=False)]
        if ratios:
            what = f"store, {'two threads' if name == 'threads' else 'two Dask workers'}, over memory"
            rows.append([f"{what}: procrustes, {describe(*case)}", f"{statistics.median(ratios):.2f}x"])
    return rows


def start_client() -> Any:
    """Two worker processes, ready to work; None without Dask."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return None
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None)
    client = Client(cluster)
    client.run(import_sweeps)
    return client


def import_sweeps() -> None:
    """Load on a worker what it needs."""
    import neurogeom.sweep.worker
    import zarr

    del neurogeom, zarr


def describe(n_items: int, n_stimuli: int, n_units: int) -> str:
    """Say how large a case is."""
    return f"K {n_items}, m {n_stimuli:,}, n {n_units:,}"


def measured(store: Path) -> tuple[float, float]:
    """Processor seconds and largest anonymous memory that a fresh worker's journal tells."""
    subprocess.run([sys.executable, "-c", WORK, str(store)], check=True)
    lines = [line for lines in read_journals(store / "journal").values() for line in lines]
    return (
        sum(line.get("cpu", 0.0) for line in lines),
        max(line.get("peak_anonymous", 0) for line in lines),
    )


def foreseen_rows(folder: Path, quick: bool) -> list[list[str]]:
    """Processor time and memory of a worker over what was planned."""
    rows = []
    for n_items, n_stimuli, n_units, metric in FORESEEN:
        case = (n_items // 10, n_stimuli // 5, n_units // 5) if quick else (n_items, n_stimuli, n_units)
        items = data(*case)
        found = []
        for _ in range(1 if quick else 3):
            store = folder / "foreseen.zarr"
            plan = ng.sweep.plan(items, metric, store=store)
            cpu, memory = measured(store)
            found.append((cpu / plan.core_hours / 3600, memory / plan.peak_memory))
            shutil.rmtree(store)
        ratios = [statistics.median(column) for column in zip(*found, strict=True)]
        rows.append([f"{metric}, {describe(*case)}", *(f"{ratio:.2f}" for ratio in ratios)])
    return rows


def larger_than_memory_row(folder: Path, quick: bool) -> list[str]:
    """Items ten times larger than the memory that a worker may use."""
    size = 20_000 if quick else 1_250_000
    inputs = folder / "large"
    inputs.mkdir()
    rng = np.random.default_rng(0)
    for k in range(3):
        array = np.lib.format.open_memmap(inputs / f"{k}.npy", "w+", np.float32, (400, size))
        for start in range(0, 400, 10):
            array[start : start + 10] = rng.standard_normal((10, size), dtype=np.float32)
        del array
    store = folder / "large.zarr"
    plan = ng.sweep.plan(inputs, ["procrustes", "cka"], store=store, max_ram="200MB")
    cpu, memory = measured(store)
    gigabytes = 400 * size * 4 / 1e9
    label = f"procrustes and cka, 3 files of {gigabytes:.2g} GB each, max_ram 200 MB"
    return [label, f"{cpu / plan.core_hours / 3600:.2f}", f"{memory / plan.peak_memory:.2f}"]


def planning_row(folder: Path, quick: bool) -> list[str]:
    """Seconds to plan a sweep of many files."""
    count = 100 if quick else 10_000
    inputs = folder / "many"
    inputs.mkdir()
    array = np.random.default_rng(0).standard_normal((200, 50), dtype=np.float32)
    for k in range(count):
        array[k % 200] += 1
        np.save(inputs / f"{k:05d}.npy", array)
    seconds = elapsed(lambda: ng.sweep.plan(inputs, store=folder / "many.zarr"))
    return [f"seconds to plan {count:,} files", f"{seconds:.1f}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small and few: only shows that it works")
    quick = parser.parse_args().quick
    load, start = os.getloadavg()[0], time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = overhead_rows(folder, quick)
        foreseen = [*foreseen_rows(folder, quick), larger_than_memory_row(folder, quick)]
        rows.append(planning_row(folder, quick))
    print_markdown([["over", ""], *rows])
    print()
    print_markdown([["measured over planned", "processor time", "memory"], *foreseen])
    print(f"\nLoad {load:.1f} at the start; {time.monotonic() - start:.0f} s.")


if __name__ == "__main__":
    main()
