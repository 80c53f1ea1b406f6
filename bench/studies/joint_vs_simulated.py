"""Joint capacity against simulated capacity: the same labels, the same centring, no intercept.

Theory and simulation agree for many manifolds in many dimensions; differences of order 1/N remain. Prints one
row a configuration: both capacities with their standard errors, and the difference in units of the combined
error.

    python -m bench.studies.joint_vs_simulated [--data DIR] [--quick]
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from pathlib import Path

import neurogeom as ng
import numpy as np


def synthetic() -> Iterator[tuple[str, list[np.ndarray]]]:
    """Clouds with and without shared centres and axes, of different numbers and shapes."""
    rng = np.random.default_rng(0)

    def clouds(p: int, m: int, n: int, radius: float, shared: float = 0.0, rank: int = 0) -> list[np.ndarray]:
        centers = shared * rng.normal(size=n) + rng.normal(size=(p, n))
        if rank:  # the same few axes for all manifolds
            axes = rng.normal(size=(rank, n))
            return [c + radius * rng.normal(size=(m, rank)) @ axes / math.sqrt(rank) for c in centers]
        return [c + radius * rng.normal(size=(m, n)) for c in centers]

    yield "points", clouds(60, 1, 80, 0.0)
    yield "small clouds", clouds(40, 10, 100, 0.3)
    yield "large clouds", clouds(40, 10, 150, 1.0)
    yield "shared centre", clouds(40, 10, 100, 0.5, shared=1.5)
    yield "shared axes", clouds(40, 12, 100, 1.0, rank=5)
    yield "unequal clouds", [cloud[: 2 + k % 9] for k, cloud in enumerate(clouds(50, 10, 100, 0.5))]


def real(folder: Path) -> Iterator[tuple[str, ng.Manifolds]]:
    """Classes of points, dealt into smaller manifolds, so that there are enough manifolds for the theory."""

    def split(X: np.ndarray, labels: np.ndarray, size: int) -> ng.Manifolds:
        rank = np.zeros(len(labels), dtype=int)
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            rank[own] = np.arange(len(own)) // size
        names = np.array([f"{label}/{k}" for label, k in zip(labels, rank, strict=True)])
        return ng.manifolds(X, names)

    text, brain = ng.datasets.load_minilm_clinc(), ng.datasets.load_haxby()
    yield "sentences, layer 6", split(text.layers["layer6"], text.labels, 12)
    yield "fMRI", split(brain.X, brain.labels, 9)
    network = folder / "effnetlite0_cifar10_public.npz"
    if network.exists():
        with np.load(network) as data:
            yield "EfficientNet, gap", split(data["gap"], data["labels"], 12)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("NEUROGEOM_DATA", Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--quick", action="store_true", help="few trials")
    args = parser.parse_args()
    n = 40 if args.quick else 300
    print(f"{'':20}{'P':>4}  {'joint':>16}  {'simulated':>16}  {'difference':>10}")
    for name, clouds in (*synthetic(), *real(args.data)):
        joint = ng.effective_geometry(clouds, n_samples=n, rng=1)
        simulated = ng.simulated_capacity(clouds, n_trials=n, rng=2)
        combined = math.hypot(joint.capacity_se, simulated.capacity_se)
        print(
            f"{name:20}{len(clouds):4}  {joint.capacity:.4f} ± {joint.capacity_se:.4f}  "
            f"{simulated.capacity:.4f} ± {simulated.capacity_se:.4f}  "
            f"{(simulated.capacity - joint.capacity) / combined:+10.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
