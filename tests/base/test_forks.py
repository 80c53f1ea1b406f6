"""Forked children, and Python threads side by side, get what the process itself gets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import neurogeom as ng
from helpers.items import items_of
from helpers.processes import run_python
from helpers.same_bits import assert_same_bits

FORK = """
    import multiprocessing, os, signal, warnings
    import numpy as np, neurogeom as ng

    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(6, 1, 30)) + rng.normal(size=(6, 20, 30))
    points, targets = rng.normal(size=(40, 20)), rng.normal(size=(500, 20))
    items = rng.normal(size=(6, 40, 12))
    names = ["procrustes", "cca", "cka", "rsa", "permutation", "ridge"]

    def work(threads):
        cone = ng.project_cone(points, targets, n_threads=threads)
        result = ng.manifold_capacity(clouds, rng=1, n_threads=threads)
        found = ng.pairwise(items, names, n_threads=threads, tile=4)
        pairs = [found[name].values.tobytes() for name in names]
        return float(cone.projection.sum()), result.mean_capacity, result.capacity.tolist(), pairs

    expected = work(2)
"""


def test_forked_children():
    """Children of a process that has threads run threads of their own, and so do their children."""
    code = (
        FORK
        + """
    def child(depth):
        signal.alarm(20)
        same = all(work(threads) == expected for threads in (2, 3, 1))
        if depth and same:
            pid = os.fork()
            if pid == 0:
                child(depth - 1)
            same = os.waitpid(pid, 0)[1] == 0
        os._exit(0 if same else 1)

    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            child(1)
        assert os.waitpid(pid, 0)[1] == 0
    assert work(2) == expected  # and the parent goes on
    print("done")
    """
    )
    assert run_python(code)[:2] == (0, "done")


def test_fork_pool():
    code = (
        FORK
        + """
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(work, [2, 2, 1, 3]).get(timeout=30) == [expected] * 4
    print("done")
    """
    )
    assert run_python(code)[:2] == (0, "done")


def test_concurrent_python_threads():
    """Calls do not share state: eight at a time give what they give alone."""

    def work(seed):
        items = items_of((3, 9, 30), 20, seed)
        found = ng.pairwise(items, ["procrustes", "nbs", "cka", "rsa", "permutation"], n_threads=2, tile=2)
        return {name: result.values for name, result in found.items()}

    alone = [work(seed) for seed in range(12)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, range(12)))
    assert_same_bits(tuple(alone), tuple(together))
