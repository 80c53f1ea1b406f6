"""Capacity as a sweep
===================

One job a layer and seed, mean-field and joint; extended by another layer or network::

    python examples/sweep_capacity.py [--data FOLDER]

A sweep of ``CapacityJobs`` has one job an item and seed. Two stores are planned, one for each kind of
capacity, run, extended by items that come later, and run again, which computes the new jobs only. One of
these is done by hand, with the same bits. The tables give mean and standard deviation over five seeds.

Without data (layers 0, 2 and 4 of a language model that comes with the package, 20 intents of 25 sentences;
extended by layer 6): both capacities rise to the last layer. The spread over seeds is about the standard
error that each result gives itself.

With the archives effnetlite0_cifar10 and smallcnn_cifar10, which do not come with the package (the
folder that holds them is given by --data, or named by NEUROGEOM_DATA), the last layers of
EfficientNet-Lite0 on ten classes of 60 images, extended by those of a small CNN trained on such images: its
last layer has the largest capacity of both kinds. Most of its dichotomies cannot be separated (0.96), so that
its radius and dimension are undefined for some seeds; capacities need no separability.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import neurogeom as ng
import numpy as np
from neurogeom.report import format_table
from neurogeom.sweep import CapacityJobs, CapacityTable

ARCHIVES = ("effnetlite0_cifar10", "smallcnn_cifar10")
SEEDS = range(5)
N_SAMPLES = 100
FIELDS = {
    "mean_field": ["mean_capacity", "mean_capacity_se", "mean_radius", "mean_dimension", "rank_removed"],
    "joint": [
        "capacity",
        "capacity_se",
        "effective_radius",
        "effective_dimension",
        "inseparable_fraction",
    ],
}
Layers = dict[str, Any]


def find_data(folder: Path) -> dict[str, Path] | None:
    """Find the archives, if they are all there."""
    paths = {name: folder / f"{name}_public.npz" for name in ARCHIVES}
    return paths if all(path.is_file() for path in paths.values()) else None


def bundled() -> tuple[np.ndarray, Layers, Layers]:
    """Labels, layers, and another layer of the language model that comes with the package."""
    data = ng.datasets.load_minilm_clinc()
    layers = {f"MiniLM/{name}": layer for name, layer in data.layers.items()}
    return data.labels, layers, {name: layers.pop(name) for name in list(layers)[-1:]}


def networks(paths: dict[str, Path]) -> tuple[np.ndarray, Layers, Layers]:
    """Labels of the images, the last layers of a large network, and those of a small one."""
    found = []
    for path, network, wanted in (
        (paths["effnetlite0_cifar10"], "EffNet", ["stage6", "gap", "logits"]),
        (paths["smallcnn_cifar10"], "CNN", ["final_conv4", "final_gap"]),
    ):
        items = ng.io.open_items(path, keys=wanted)
        found.append({f"{network}/{key}": item for key, item in zip(wanted, items, strict=True)})
    return np.load(paths["effnetlite0_cifar10"])["labels"], found[0], found[1]


def compare(table: CapacityTable, labels: np.ndarray, kind: str, items: Layers) -> bool:
    """Say whether one job, done by hand, gives the same bits."""
    function = ng.manifold_capacity if kind == "mean_field" else ng.effective_geometry
    name, layer = next(reversed(items.items()))
    job = len(table.names) - 1
    clouds = ng.manifolds(np.asarray(layer), labels)
    with warnings.catch_warnings():  # of dichotomies that cannot be separated: a field of the table
        warnings.simplefilter("ignore", ng.ConvergenceWarning)
        by_hand = function(clouds, rng=int(table.seeds[job]), n_samples=N_SAMPLES)
    field = table.fields[0]
    same = table[field][job] == getattr(by_hand, field) and table.names[job] == name
    print(f"job {name}, seed {table.seeds[job]}: {'the same bits' if same else 'OTHER BITS'} by hand\n")
    return bool(same)


def show(table: CapacityTable) -> None:
    """Print means over seeds and their spread, beside the standard error that each result gives itself."""
    names = list(dict.fromkeys(table.names.tolist()))
    rows = []
    for name in names:
        jobs = table.names == name
        rows.append([name, *(spread(table[field][jobs]) for field in table.fields)])
    print(f"{table.method}: mean and standard deviation over {len(SEEDS)} seeds\n")
    print(format_table(rows, ["layer", *table.fields]), "\n")


def spread(values: np.ndarray) -> str:
    """Write mean and standard deviation."""
    if np.isnan(values).any():
        return "undefined"
    return f"{values.mean():.3f} +- {values.std(ddof=1):.3f}"


def main() -> None:
    """Plan, run, extend, run and show, for both kinds of capacity."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NEUROGEOM_DATA"), help="folder with the archives"
    )
    options = parser.parse_args()
    paths = options.data and find_data(options.data)
    if options.data and paths is None:
        parser.error(f"{options.data} does not hold {' and '.join(ARCHIVES)}")
    if paths is None:
        print("The archives are not there: layers of a language model stand in for two networks.\n")
    labels, layers, more = bundled() if paths is None else networks(paths)
    same = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, fields in FIELDS.items():
            store = Path(folder, f"{kind}.zarr")
            jobs = CapacityJobs(labels, kind, seeds=SEEDS, n_samples=N_SAMPLES)
            print(ng.sweep.plan(layers, jobs, store=store, fields=fields, tile=len(SEEDS)))
            print(f"\nran: {ng.sweep.run(store)}")
            print(f"extended by {', '.join(more)}: {ng.sweep.extend(store, more)}")
            print(f"ran: {ng.sweep.run(store)}")
            table = ng.sweep.open(store)
            same.append(compare(table, labels, kind, {**layers, **more}))
            show(table)
    if not all(same):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
