"""Print the ratios of joint capacity: ``ng.effective_geometry`` over loops of other solvers.

    python -m bench.tables.joint [--quick]

One core each, processor time, medians of interleaved runs. Ours is the whole call: draws, labels, Gram
columns, projections, anchor points, geometry and standard errors. A peer's is its loop over a few samples,
its own draws, and capacity, radius and dimension, without standard errors and alignments. Answers on the
same draws and labels are compared first. ``table.py`` prints this too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings

import neurogeom as ng
import numpy as np

from bench.cases_joint import ABOVE, BELOW, NEAR, JointCase, geometry, joint_clouds, near_capacity
from bench.peers import Peer, available_peers
from bench.peers_joint import estimates, project
from bench.timing import hold_to_one_thread, print_markdown, show, spent

N_SAMPLES = (1000, 200)
# Relative difference from a peer's squared projections that its tolerances explain.
AGREEMENT = 1e-6


def labels_and_draws(case: JointCase, n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give independent labels (n_samples, P) and draws (n_samples, N) for a peer."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([-1, 1], dtype=np.int8), size=(n_samples, case.n_manifolds))
    return labels, rng.normal(size=(n_samples, case.n_features))


def require_agreement(peer: Peer, case: JointCase, clouds: np.ndarray, n_samples: int) -> None:
    """Squared projections of each sample; radius and dimension where samples are separable."""
    labels, draws = labels_and_draws(case, n_samples, seed=11)
    found = [project(peer, clouds, t, y) for t, y in zip(draws, labels, strict=True)]
    solved = np.array([projection is not None for projection in found])
    if not solved.any():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ng.ConvergenceWarning)
        ours = ng.effective_geometry(
            clouds,
            dichotomies=labels[solved],
            gaussians=draws[solved],
            n_samples=int(solved.sum()),
            center=False,
        )
    kept = [projection for projection in found if projection is not None]
    squared = [projection.squared for projection in kept]
    np.testing.assert_allclose(ours.squared_projections, squared, rtol=AGREEMENT, err_msg=peer.name)
    theirs = estimates(kept, draws[solved])
    np.testing.assert_allclose(ours.capacity, theirs.capacity, rtol=AGREEMENT, err_msg=peer.name)
    if not ours.inseparable_fraction:
        np.testing.assert_allclose(
            [ours.effective_radius, ours.effective_dimension], theirs[1:], rtol=AGREEMENT, err_msg=peer.name
        )


def peer_seconds(peer: Peer, case: JointCase, clouds: np.ndarray, n_samples: int, seed: int) -> float:
    """Seconds for each sample in which the solver does not break down."""
    start = time.process_time()
    labels, draws = labels_and_draws(case, n_samples, seed)
    seconds, kept = (time.process_time() - start) / n_samples, []
    loop = 0.0
    for k in range(n_samples):
        start = time.process_time()
        projection = project(peer, clouds, draws[k], labels[k])
        if projection is not None:
            loop += time.process_time() - start
            kept.append((projection, draws[k]))
    if not kept:
        return float("nan")
    loop += spent(lambda: estimates([p for p, _ in kept], np.array([t for _, t in kept])))
    return seconds + loop / len(kept)


def scaling(clouds: np.ndarray, n_pairs: int) -> float | None:
    """One thread's wall time over that of two: of least times, since others may use the second core."""
    if (os.cpu_count() or 1) < 2:
        return None
    wall: dict[int, list[float]] = {1: [], 2: []}
    for k in range(n_pairs):
        for n_threads, times in wall.items():
            call = lambda k=k, n=n_threads: geometry(clouds, 1000, rng=k, n_threads=n)  # noqa: E731
            times.append(spent(call, time.perf_counter))
    return min(wall[1]) / min(wall[2])


def case_row(case: JointCase, peers: dict[str, Peer], quick: bool) -> list[str]:
    """Ratios of one case."""
    clouds = joint_clouds(case)
    size = case.n_manifolds * case.n_points
    few = 2 if quick or size > 2000 else 4 if size > 1000 else 16
    for peer in peers.values():
        require_agreement(peer, case, clouds, max(few, 4))
    geometry(clouds, 10)
    ours: dict[int, list[float]] = {n: [] for n in N_SAMPLES}
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for k in range(2 if quick else 7):
        for n in N_SAMPLES:
            ours[n].append(spent(lambda n=n, k=k: geometry(clouds, n // (10 if quick else 1), rng=k)) / n)
            ours[n][-1] *= 10 if quick else 1
        for name, peer in peers.items():
            theirs[name].append(peer_seconds(peer, case, clouds, few, seed=100 + k))
    times = {name: np.nanmedian(values) for name, values in theirs.items()}
    ratios = [times[name] / statistics.median(ours[n]) for name in peers for n in N_SAMPLES]
    microseconds = f"{1e6 * statistics.median(ours[N_SAMPLES[0]]):,.0f}"
    threads = None if quick else scaling(clouds, 4)
    print(f"{case}: done", file=sys.stderr)
    return [str(case), *map(show, ratios), microseconds, show(threads)]


def joint_rows(peers: dict[str, Peer], quick: bool) -> list[list[str]]:
    """Measure all cases; a head and one row for each."""
    titles = [f"{name} loop, {n} samples" for name in peers for n in N_SAMPLES]
    head = ["joint capacity", *titles, f"us for each of {N_SAMPLES[0]}", "two threads over one"]
    return [head, *(case_row(case, peers, quick) for case in (*BELOW, *ABOVE))]


def large_case(quick: bool) -> str:
    """Run the case near capacity, ours only, and say how it went."""
    n_samples = 10 if quick else 200
    found = near_capacity(n_samples)
    return (
        f"{NEAR} (near capacity), {n_samples} samples: {found['seconds']:.1f} s of one core, peak memory "
        f"{found['peak']:.0f} MB, capacity {found['capacity']:.4f}, "
        f"KKT residual {found['kkt_residual']:.0e}, "
        f"inseparable {found['inseparable_fraction']:.0%}, failed {found['n_failed']:.0f}."
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs: only shows that it works")
    quick = parser.parse_args().quick
    hold_to_one_thread()
    large = large_case(quick)
    print_markdown(joint_rows(available_peers(), quick))
    print(f"\n{large}")


if __name__ == "__main__":
    main()
