"""Print the ratios of pairwise distances: ``ng.pairwise`` over netrep, rsatoolbox, NumPy and SciPy loops.

    python -m bench.tables.pairwise [--quick | --whole]

One core each, processor time, medians of interleaved runs; README.md says what the columns mean. Distances
are compared with each peer's first.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable

import neurogeom as ng
import numpy as np
from neurogeom._base import isa as _isa

from bench.cases_pairwise import (
    LARGE,
    MATCHED,
    RESPONSES,
    SMALL,
    WIDE,
    Array,
    PairCase,
    distances,
    prepare,
    representations,
)
from bench.peers_pairwise import PairPeer, available_pair_peers, available_rsatoolbox
from bench.timing import hold_to_one_thread, print_markdown, show, spent

N_ITEMS = 100
# Absolute difference from a peer's distances or correlations.
AGREEMENT = 1e-6
QUICKLY_WIDE = PairCase(200, 600)
COLUMNS = ("netrep", "netrep cached", "numpy", "scipy")


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: runs, items of ours, and of a peer, whose pairs all cost the same."""

    rounds: int
    n_items: int
    n_peer_items: int

    @classmethod
    def of(cls, case: PairCase, quick: bool, whole: bool) -> Effort:
        """Settle the effort; quick is for checking that all of this runs."""
        if quick:
            return cls(1, 6, 2 if case.is_wide else 3)
        if case.is_wide:
            return cls(3, N_ITEMS if whole else 12, 2)
        if case == LARGE:
            return cls(3, N_ITEMS if whole else 24, 3)
        return cls(5 if case.n_units < 100 else 3, N_ITEMS, 8 if case.n_units < 150 else 6)


def n_pairs(n_items: int) -> int:
    """Unordered pairs of different items."""
    return n_items * (n_items - 1) // 2


def medians(calls: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Seconds of each call, which measures itself; runs are interleaved."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(call())
    return {name: statistics.median(times) for name, times in found.items()}


def require_agreement(found: Array, expected: Array, title: str) -> None:
    """Stop if ours and a peer's differ."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=AGREEMENT, err_msg=title)


def ratios(metric: str, case: PairCase, peers: dict[str, PairPeer], effort: Effort) -> dict[str, float]:
    """Peer's time for a pair over ours, preparation of N_ITEMS items included."""
    items = representations(case, effort.n_items)
    few = items[: effort.n_peer_items]
    used = {name: peer for name, peer in peers.items() if metric in peer.metrics}
    expected = distances(metric, few)

    def measure(peer: PairPeer) -> float:
        seconds, found = peer.measure(metric, few)
        require_agreement(found, expected, f"{case}: {peer.title}")
        return seconds

    calls: dict[str, Callable[[], float]] = {
        "whole": lambda: spent(lambda: distances(metric, items)),
        "prepared": lambda: spent(lambda: prepare(metric, items)),
    }
    once: dict[str, float] = {}
    if case.is_wide:  # the best part of a minute for a pair; loops have no small Gram matrix here
        used = {"netrep": used["netrep"]}
        once["netrep"] = measure(used["netrep"])
    else:
        calls |= {name: functools.partial(measure, peer) for name, peer in used.items()}
    seconds = medians(calls, effort.rounds) | once
    # For all items, from those that were measured: preparation of each, the rest of the call for each pair.
    prepared = seconds["prepared"] / effort.n_items
    paired = (seconds["whole"] - seconds["prepared"]) / n_pairs(effort.n_items)
    ours = prepared * N_ITEMS / n_pairs(N_ITEMS) + paired
    print(f"{case}, {metric}: done, {1e3 * ours:.3g} ms for a pair", file=sys.stderr)
    return {name: seconds[name] / ours for name in used}


def linear_rows(peers: dict[str, PairPeer], quick: bool, whole: bool) -> list[list[str]]:
    """Procrustes and CCA in all sizes; a head and one row for each."""
    columns = [name for name in COLUMNS if name in peers]
    rows = [[f"{N_ITEMS} items", *(peers[name].title for name in columns)]]
    names = {"procrustes": "Procrustes", "cca": "CCA"}
    for case in (*SMALL, LARGE, QUICKLY_WIDE if quick else WIDE):
        for metric, name in names.items():
            if case.is_wide and (metric == "cca" or "netrep" not in peers):
                continue  # all distances are 0: both span everything
            found = ratios(metric, case, peers, Effort.of(case, quick, whole))
            rows.append([f"{name}, {case}", *(show(found.get(column)) for column in columns)])
    return rows


def other_rows(peers: dict[str, PairPeer], quick: bool) -> list[list[str]]:
    """CKA and permutation over netrep; what is measured and the ratio."""
    rows = []
    if "netrep cka" in peers:
        effort = Effort(3, N_ITEMS, 5) if not quick else Effort(1, 6, 3)
        found = ratios("cka", LARGE, peers, effort)
        rows.append([f"linear CKA (biased, angular), {LARGE}: netrep LinearCKA", show(found["netrep cka"])])
    if "netrep" in peers:
        effort = Effort(3, 40, 8) if not quick else Effort(1, 6, 3)
        found = ratios("permutation", MATCHED, peers, effort)
        rows.append([f"permutation, {MATCHED}: netrep pairwise_distances", show(found["netrep"])])
    return rows


def rsa_rows(quick: bool) -> list[list[str]]:
    """Correlation RDMs compared, from responses and from finished RDMs, both sides giving all pairs."""
    toolbox = available_rsatoolbox()
    if toolbox is None:
        return []
    n_items, n_ranked = (6, 4) if quick else (N_ITEMS, 16)
    items = representations(RESPONSES, n_items)
    datasets = toolbox.datasets(items)
    theirs = toolbox.rdms(datasets)
    own = ng.from_rsatoolbox(theirs)
    rows = []
    for metric, method in toolbox.methods.items():
        # Its Spearman ranks anew for each entry, all of which cost the same: a few items will do.
        n = n_ranked if method == "spearman" else n_items
        part = theirs.subset("index", list(range(n)))
        require_agreement(toolbox.compare(part, method), distances(metric, own[:n]), method)
        require_agreement(distances(metric, items[:n]), distances(metric, own[:n]), "RDMs")
        calls = {
            "responses": lambda metric=metric: spent(lambda: distances(metric, items)),
            "rdms": lambda metric=metric: spent(lambda: distances(metric, own)),
            "compare": lambda part=part, method=method: spent(lambda: toolbox.compare(part, method)),
        }
        if method == "spearman":
            calls["make"] = lambda: spent(lambda: toolbox.rdms(datasets))
        seconds = medians(calls, 1 if quick else 3)
        compared = seconds["compare"] * (n_items / n) ** 2
        if "make" in seconds:
            whole = (seconds["make"] + compared) / seconds["responses"]
            rows.append([f"RSA {method}, from responses {RESPONSES}: rsatoolbox", show(whole)])
        rows.append(
            [f"RSA {method}, from finished RDMs: rsatoolbox compare", show(compared / seconds["rdms"])]
        )
        print(f"RSA {method}: done", file=sys.stderr)
    return rows


def product_rows(quick: bool) -> list[list[str]]:
    """Rate of the stage of core products, dense, as a fraction of NumPy's DGEMM of the same matrices."""
    rows, core = [], _isa.core.core_quantities
    for case in (MATCHED, LARGE):
        edge = 8 if case.n_units < 500 else 4
        items = [np.ascontiguousarray(x) for x in representations(case, 2 * edge)]
        left, right = items[:edge], items[edge:]
        nothing = [np.zeros(0)] * edge
        wanted, quantity = np.ones((edge, edge), dtype=bool), (False, nothing, nothing)
        square = np.empty((case.n_units, case.n_units))
        found = core(left, right, False, wanted, [quantity], 1, None)[0][0]
        np.testing.assert_allclose(found[0, 1], np.sum((left[0].T @ right[1]) ** 2), rtol=1e-12)

        def stage(left=left, right=right, wanted=wanted, quantity=quantity) -> float:
            return spent(lambda: core(left, right, False, wanted, [quantity], 1, None))

        def dgemm(left=left, right=right, square=square) -> float:
            return spent(lambda: [np.matmul(x.T, y, out=square) for x in left for y in right])

        seconds = medians({"stage": stage, "dgemm": dgemm}, 2 if quick else 15)
        flops = 2 * case.n_stimuli * case.n_units**2 * edge**2
        fraction = seconds["dgemm"] / seconds["stage"]
        rates = [f"{1e-9 * flops / seconds[name]:.1f}" for name in ("stage", "dgemm")]
        rows.append([f"core products, {case}, {rates[0]} of {rates[1]} Gflop/s", f"{fraction:.0%}"])
    return rows


def thread_rows(quick: bool) -> list[list[str]]:
    """One thread's wall time over that of two: of least times, since others may use the second core."""
    if (os.cpu_count() or 1) < 2:
        return []
    rows = []
    cases = (("procrustes", SMALL[1], N_ITEMS), ("procrustes", LARGE, 24), ("cka", LARGE, N_ITEMS))
    for metric, case, n_items in cases:
        items = representations(case, 6 if quick else n_items)
        wall: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(1 if quick else 3):
            for n_threads, times in wall.items():
                call = lambda metric=metric, n=n_threads, items=items: distances(metric, items, n)  # noqa: E731
                times.append(spent(call, time.perf_counter))
        ratio = show(min(wall[1]) / min(wall[2]))
        rows.append([f"two threads over one: {metric}, {case}, {len(items)} items", ratio])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs: only shows that it works")
    parser.add_argument("--whole", action="store_true", help="all items of the large cases too; half an hour")
    chosen = parser.parse_args()
    hold_to_one_thread()
    load, start = os.getloadavg()[0], time.monotonic()
    peers = available_pair_peers()
    linear = linear_rows(peers, chosen.quick, chosen.whole)
    others = [["over", ""], *other_rows(peers, chosen.quick), *rsa_rows(chosen.quick)]
    others += product_rows(chosen.quick) + thread_rows(chosen.quick)
    print_markdown(linear)
    print()
    print_markdown(others)
    print(f"\nLoad {load:.1f} at the start; {time.monotonic() - start:.0f} s.")


if __name__ == "__main__":
    main()
