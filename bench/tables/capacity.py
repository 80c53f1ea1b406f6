"""Print the table of ratios that docs/performance.md quotes: neurogeom over loops of other solvers.

    python -m bench.tables.capacity [--quick]

One core each, processor time, medians of interleaved runs. Ours is the whole of ``ng.manifold_capacity``
(sampling, Gram matrices and statistics included) without removal of centre correlations. A peer's is its loop
over the draws of one manifold, handed over in reduced coordinates, its own draws (NumPy's legacy generator)
and statistics included. Answers on the same draws are compared first.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import neurogeom as ng
import numpy as np
from neurogeom._base import isa as _isa

from bench.cases import RADII, SIZES, capacity, clouds, coordinates, estimates_for, readme_example
from bench.peers import Peer, available_peers
from bench.tables.joint import joint_rows, large_case
from bench.timing import hold_to_one_thread, print_markdown, show, spent

N_SAMPLES = (2000, 300)
# Relative difference from a peer's answer that its tolerances explain.
AGREEMENT = 1e-6


@dataclasses.dataclass
class Effort:
    """How long to measure."""

    rounds: int
    n_manifolds: dict[tuple[int, int], int]
    peer_samples: dict[str, int]

    @classmethod
    def of(cls, quick: bool) -> Effort:
        """Settle the effort; quick is for checking that all of this runs."""
        manifolds = dict(zip(SIZES, (4, 4, 2, 2) if quick else (20, 20, 10, 10), strict=True))
        samples = {"cvxopt": 10, "daqp": 50} if quick else {"cvxopt": 100, "daqp": 400}
        return cls(2 if quick else 7, manifolds, samples)


def fewer(n_samples: int, n_dims: int) -> int:
    """Fewer draws where a peer takes long for each."""
    return max(10, n_samples // (4 if n_dims > 150 else 1))


def peer_seconds(peer: Peer, points: np.ndarray, n_samples: int) -> float:
    """Seconds for each draw of a peer's loop, its own draws (NumPy's legacy generator) included."""
    state = np.random.RandomState(1)
    n_dims = points.shape[1]
    count = fewer(n_samples, n_dims)
    return spent(lambda: peer(points, state.randn(count, n_dims + 1))) / count


def require_agreement(peers: dict[str, Peer], points: np.ndarray) -> None:
    """Capacity, radius and dimension of one manifold from the same draws."""
    draws = np.random.default_rng(5).normal(size=(20, points.shape[1] + 1))
    ours = np.array(estimates_for(points, draws))
    for peer in peers.values():
        np.testing.assert_allclose(peer(points, draws), ours, rtol=AGREEMENT, err_msg=peer.name)


def cell_ratios(
    size: tuple[int, int], radius: float, peers: dict[str, Peer], effort: Effort
) -> dict[tuple[str, int], float]:
    """Peer's time for a draw over ours, for each peer and number of samples."""
    manifolds = clouds(*size, radius, effort.n_manifolds[size])
    reduced = coordinates(manifolds)
    require_agreement(peers, reduced[0])
    capacity(manifolds, 10)
    ours: dict[int, list[float]] = {n: [] for n in N_SAMPLES}
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for k in range(effort.rounds):
        for n in N_SAMPLES:
            seconds = spent(lambda n=n, k=k: capacity(manifolds, n, rng=k))
            ours[n].append(seconds / (len(manifolds) * n))
        for name, peer in peers.items():
            points = reduced[k % len(reduced)]
            theirs[name].append(peer_seconds(peer, points, effort.peer_samples[name]))
    return {
        (name, n): statistics.median(theirs[name]) / statistics.median(ours[n])
        for name in peers
        for n in N_SAMPLES
    }


def sampling_ratio(effort: Effort) -> float:
    """Rate of our normals over that of NumPy's default generator."""
    shape = (1000, 200)
    generator = np.random.Generator(np.random.PCG64(0))
    ours, theirs = [], []
    for k in range(10 * effort.rounds):
        ours.append(spent(lambda k=k: _isa.core.standard_normals(k, 0, 0, *shape)))
        theirs.append(spent(lambda: generator.standard_normal(shape)))
    return statistics.median(theirs) / statistics.median(ours)


class Example:
    """The MFTMA package's README example: our whole call, and peers' loops over its draws."""

    def __init__(self) -> None:
        self.manifolds = [features.T for features in readme_example()]
        # Wall time with one thread and with two, taken in pairs all along the run.
        self.wall: dict[int, list[float]] = {1: [], 2: []}
        assert abs(self.call(1).mean_capacity / 0.0397 - 1) < 0.03, "the example's capacity is off"

    def call(self, n_threads: int) -> ng.ManifoldCapacity:
        """Our whole call, one restart of the search for low-rank structure included."""
        return ng.manifold_capacity(self.manifolds, n_samples=200, n_restarts=1, rng=0, n_threads=n_threads)

    def take_wall_times(self) -> None:
        """One pair."""
        for n_threads, times in self.wall.items():
            times.append(spent(lambda n=n_threads: self.call(n), time.perf_counter))

    def scaling(self) -> float | None:
        """One thread's time over that of two: of least times, since others may use the second core."""
        return min(self.wall[1]) / min(self.wall[2]) if (os.cpu_count() or 1) > 1 else None

    def ratios(self, peers: dict[str, Peer], effort: Effort) -> dict[str, float]:
        """Loops over the draws, over our whole call.

        The peer's whole call is put at its loop for 100 x 200 draws and nothing else: a lower bound, since
        it also searches for low-rank structure and reduces the data.
        """
        n_draws = 200 * len(self.manifolds)
        reduced = coordinates(self.manifolds)
        require_agreement(peers, reduced[0])
        ours: list[float] = []
        theirs: dict[str, list[float]] = {name: [] for name in peers}
        for k in range(effort.rounds):
            ours.append(spent(lambda: self.call(1)))
            for name, peer in peers.items():
                seconds = peer_seconds(peer, reduced[k], effort.peer_samples[name])
                theirs[name].append(seconds * n_draws)
        return {name: statistics.median(theirs[name]) / statistics.median(ours) for name in peers}


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def circumstances(peers: dict[str, Peer], load: float) -> str:
    """One line about the machine, versions and threads."""
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in ("neurogeom", "numpy", "scipy", *peers)
    ]
    info = ng.build_info()
    return (
        f"{processor()}, {os.cpu_count()} cores, load {load:.1f} at the start; "
        f"Python {platform.python_version()}, {', '.join(versions)}; module {info['isa']}, "
        f"compiler {info['compiler']}; one thread each, except where two are named."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs: only shows that it works")
    quick = parser.parse_args().quick
    effort = Effort.of(quick)
    hold_to_one_thread()
    peers = available_peers()
    load = os.getloadavg()[0]

    columns = [(name, n) for name in peers for n in N_SAMPLES]
    titles = [f"{name} loop, {n} draws" for name, n in columns]
    rows = [["", *titles, "other"]]

    def add(title: str, ratios: dict[tuple[str, int], float], other: float | None = None) -> None:
        rows.append([title, *(show(ratios.get(column)) for column in columns), show(other)])
        print(f"{title}: done", file=sys.stderr)

    example = Example()
    for radius in RADII:
        for size in SIZES:
            example.take_wall_times()
            title = f"{size[0]} points, {size[1]} dimensions, radius {radius:g}"
            add(title, cell_ratios(size, radius, peers, effort))
    first = {(name, N_SAMPLES[0]): ratio for name, ratio in example.ratios(peers, effort).items()}
    add("MFTMA README example, 200 draws: our whole call, their loop alone (lower bound)", first)
    add("normal draws, over NumPy's PCG64", {}, sampling_ratio(effort))
    add("two threads over one, MFTMA README example", {}, example.scaling())
    joint = joint_rows(peers, quick)
    print_markdown(rows)
    print()
    print_markdown(joint)
    print(f"\n{large_case(quick)}")
    print(f"\n{circumstances(peers, load)}")


if __name__ == "__main__":
    main()
