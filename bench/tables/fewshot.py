"""Few-shot errors against NumPy: 12 classes of 200 points in 1,000 dimensions, 5 shots, 200 episodes."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import neurogeom as ng
import numpy as np
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key

from bench.peers_fewshot import by_added_tiles, by_tiles, classes, loop_over_episodes
from bench.timing import hold_to_one_thread, print_markdown, show, spent

C, K, N, M, T = 12, 200, 1000, 5, 200
ROUNDS = 9


def main() -> None:
    """Print the table: processor time on one thread, medians of interleaved runs."""
    points = classes(C, K, N)
    key = draw_key(as_generator(0))
    shots = np.stack([core.draw_shots(key, c, K, M, T) for c in range(C)]).astype(np.intp)

    def ours(precision: str = "float32", rule: str = "prototype") -> ng.FewshotError:
        return ng.fewshot_error(points, M, n_episodes=T, rng=0, n_threads=1, precision=precision, rule=rule)

    calls: dict[str, Callable[[], object]] = {
        "float64": lambda: ours("float64"),
        "nearest shot": lambda: ours(rule="nn"),
        "votes": lambda: ours(rule="exemplar"),
        "NumPy, one product a pair": lambda: by_tiles(points, shots),
        "NumPy, the same, rows added": lambda: by_added_tiles(points, shots),
        "NumPy loop over episodes": lambda: loop_over_episodes(points[:2], shots[:2]),
    }
    for peer in (by_tiles, by_added_tiles):
        np.testing.assert_allclose(ours().error, peer(points, shots), rtol=1e-13)
    ratios: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        base = spent(ours)
        for name, call in calls.items():
            whole = C * (C - 1) / 2 if "loop" in name else 1  # the loop runs on one of the pairs
            ratios[name].append(whole * spent(call) / base)
    print_markdown(
        [["", "time over ours"], *([name, show(statistics.median(x))] for name, x in ratios.items())]
    )


if __name__ == "__main__":
    hold_to_one_thread()
    main()
