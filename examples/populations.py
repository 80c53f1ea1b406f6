"""A map of populations
====================

Which populations represent things alike, and how much of that is more than chance? ::

    python examples/populations.py [--data mouse.npz] [--out FOLDER]

Without ``--data``, the populations are groups of 64 units from four layers of a language model that comes
with the package: 24 items, of which those of one layer should be alike. With it, every array of an .npz
file is one population, named by its key, what it is (an area) after the last underscore: responses
(stimulus, repeat, time, unit) or (stimulus, unit).

`populations.png`, from left to right. Distances embedded in two dimensions, coloured by layer or area.
How well points in so many dimensions can have these distances (stress): two may not be enough, and then
what is near in the picture need not be near. Pairs against permuted stimuli, which make any two
populations look different: distances are calibrated so that 0 is chance and 1 is equal, and compared
within and between groups. Whether the two differ is asked of random orders of the items (Mantel's test),
since pairs that share an item are not independent.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.figure import Figure


def groups_of_units() -> dict[str, np.ndarray]:
    """Six groups of 64 units of each layer, for every second sentence."""
    layers = ng.datasets.load_minilm_clinc().layers
    order = np.random.default_rng(0).permutation(384).reshape(6, 64)
    return {f"{k}_{name}": X[::2, units] for name, X in layers.items() for k, units in enumerate(order)}


def from_file(path: Path) -> dict[str, np.ndarray]:
    """Mean over repeats of each stimulus, at all times; units that never respond are left out."""
    found = {}
    with np.load(path) as archive:
        for name, X in archive.items():
            mean = X.mean(axis=1).reshape(-1, X.shape[-1]) if X.ndim == 4 else X.astype(float)
            found[name] = mean[:, mean.std(axis=0) > 0]
    return found


def main() -> None:
    """Embed the populations and compare groups."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help=".npz of populations")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    populations = from_file(options.data) if options.data else groups_of_units()
    groups = np.array([name.rpartition("_")[2] for name in populations])

    result = ng.pairwise(populations, "procrustes", null=20, rng=0)
    maps = ng.mds(result, range(1, 7), rng=0)
    test = ng.mantel(result.values, (groups[:, None] != groups).astype(float), rng=0)
    one_way = np.triu_indices(len(groups), 1)
    same = (groups[:, None] == groups)[one_way]
    calibrated = result.calibrated[one_way]
    print(f"{len(groups)} populations of {len(set(groups))} groups")
    print(f"calibrated: {calibrated[same].mean():.3f} within groups, {calibrated[~same].mean():.3f} between")
    print(f"distances are smaller within groups: r = {test.correlation:.2f}, p = {test.p_value:.4f}")
    print(f"stress: {maps.stress[1]:.2f} in two dimensions, {maps.stress[-1]:.2f} in {len(maps.stress)}")

    figure = Figure((12.5, 3.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    ng.plot.plot_embedding(maps.embeddings[1], labels=groups, names=False, ax=left)
    ng.plot.plot_stress(maps, ax=middle)
    ng.plot.plot_null(result, ax=right)
    path = options.out / "populations.png"
    figure.savefig(path, dpi=150)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
