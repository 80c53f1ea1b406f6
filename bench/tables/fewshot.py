"""Measured few-shot errors against NumPy: 12 classes of 200 points in 1,000 dimensions, 5 shots, 200 episodes."""

from __future__ import annotations

import statistics
import time

import neurogeom as ng
import numpy as np
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key
from neurogeom._base.threads import resolve_threads, single_threaded_blas

from bench.peers_fewshot import by_added_tiles, by_tiles, classes, loop_over_episodes
from bench.timing import print_markdown, show, spent

C, K, N, M, T = 12, 200, 1000, 5, 200
ROUNDS = 7


def main() -> None:
    """Print the table; on one thread by processor time, on all cores by wall time."""
    points = classes(C, K, N)
    key = draw_key(as_generator(0))
    shots = np.stack([core.draw_shots(key, c, K, M, T) for c in range(C)]).astype(np.intp)
    few = slice(2)  # classes for the loop over episodes, one of 66 pairs
    n_threads = resolve_threads(None)

    def ours(threads: int, **options: object) -> object:
        return ng.fewshot_error(points, M, n_episodes=T, rng=0, n_threads=threads, **options)  # type: ignore[arg-type]

    calls = {
        "float64": lambda threads: ours(threads, precision="float64"),
        "nearest shot": lambda threads: ours(threads, rule="nn"),
        "votes": lambda threads: ours(threads, rule="exemplar"),
        "NumPy, one product a pair": lambda _: by_tiles(points, shots),
        "NumPy, rows added": lambda _: by_added_tiles(points, shots),
        "NumPy loop over episodes": lambda _: loop_over_episodes(points[few], shots[few]),
    }
    found = ng.fewshot_error(points, M, n_episodes=T, rng=0).error
    np.testing.assert_allclose(found, by_tiles(points, shots), rtol=1e-13)
    np.testing.assert_allclose(found, by_added_tiles(points, shots), rtol=1e-13)
    rows = [["time over that of fewshot_error", "one core", f"{n_threads} cores"]]
    ratios: dict[str, list[list[float]]] = {name: [[], []] for name in calls}
    for _ in range(ROUNDS):
        for column, threads in enumerate((1, n_threads)):
            clock = time.process_time if threads == 1 else time.perf_counter
            with single_threaded_blas() if threads == 1 else _nothing():
                base = spent(lambda threads=threads: ours(threads), clock)  # type: ignore[misc]
                for name, call in calls.items():
                    pairs = C * (C - 1) // 2 if "loop" in name else 1
                    took = spent(lambda call=call, threads=threads: call(threads), clock)  # type: ignore[misc]
                    ratios[name][column].append(pairs * took / base)
    for name, columns in ratios.items():
        rows.append([name, *(show(statistics.median(column)) for column in columns)])
    print_markdown(rows)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...


if __name__ == "__main__":
    main()
