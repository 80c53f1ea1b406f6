"""Sweeps: peak memory, Ctrl-C, forks and concurrent calls.

A sweep holds the prepared items, two tiles and the result; never all items in float64, nor all items twice.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of
from helpers.processes import run_python
from helpers.same_bits import assert_same_bits

on_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc"
)

MB = 1 << 20
# Stacks of threads, work space of LAPACK, Python objects.
SLACK = 12 * MB

# Runs in a process of its own. The peak is counted from after a small sweep, which loads libraries and starts
# threads, and from after the input is there.
PROLOGUE = """
import re, sys
import numpy as np
import neurogeom as ng

def status(field):
    with open("/proc/self/status") as file:
        return int(re.search(field + r":\\s+(\\d+) kB", file.read())[1]) << 10

rng, metric = np.random.default_rng(0), eval(sys.argv[1])
ng.pairwise(rng.normal(size=(3, 30, 4)), metric, n_threads=2)
"""

MEASURE = """
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts anew
before = status("VmRSS")
found = ng.pairwise(items, metric, **options)
print(status("VmHWM") - before)
results = list(found.values()) if isinstance(found, dict) else [found]
assert all(np.isfinite(result.values).all() for result in results)
"""


def peak(setup, metric):
    script = PROLOGUE + textwrap.dedent(setup) + MEASURE
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, metric], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


K, TILE = 60, 8

# Metric, stimuli, units, floats that are kept of an item.
PREPARED = [
    ("'procrustes'", 1200, 64, 1200 * 64),
    ("'procrustes'", 70, 5000, 70 * 70),
    ("'cka'", 400, 150, 400 * 401 // 2),
    ("'rsa'", 400, 100, 400 * 399 // 2),
]


@on_linux
@pytest.mark.parametrize(
    ("metric", "m", "n", "kept"), PREPARED, ids=[f"{row[0]} {row[2]}" for row in PREPARED]
)
def test_prepared_items_two_tiles_and_the_result(metric, m, n, kept):
    setup = f"""
    items = [rng.standard_normal(({m}, {n}), dtype=np.float32) for _ in range({K})]
    options = {{"tile": {TILE}, "n_threads": 1}}
    """
    prepared, tiles = K * kept * 8, 2 * TILE * kept * 8
    one_item = 6 * m * n * 8  # copies while it is centred and decomposed
    found = peak(setup, metric)
    print(f"{metric}: {found / MB:.1f} MB, of which prepared items {prepared / MB:.1f} MB")
    assert found < prepared + tiles + one_item + SLACK
    # Neither a second copy of what is prepared nor all items in float64 would fit.
    assert tiles + one_item + SLACK < max(prepared, K * m * n * 8)


@on_linux
def test_memory_maps_are_not_read_into_memory(tmp_path):
    """72 MB of pages pass through, one item at a time; mapped pages count too."""
    items = np.lib.format.open_memmap(tmp_path / "items.npy", "w+", np.float32, (K, 50, 6000))
    rng = np.random.default_rng(0)
    for item in items:
        item[...] = rng.standard_normal((50, 6000), dtype=np.float32)
    items.flush()
    del items
    setup = f"""
    items = list(np.load({str(tmp_path / "items.npy")!r}, mmap_mode="r"))
    options = {{"tile": {TILE}, "n_threads": 1}}
    """
    mapped, prepared = K * 50 * 6000 * 4, K * 50 * 50 * 8
    assert peak(setup, "'procrustes'") < mapped + prepared + 6 * 50 * 6000 * 8 + SLACK


@on_linux
def test_the_result_is_there_once():
    count = 1500
    setup = f"""
    items = list(rng.normal(size=({count}, 6, 2)))
    options = {{"n_threads": 1}}
    """
    size = count * count * 8
    # The matrix, a mask of a byte a pair, records of about 3 kB an item.
    assert peak(setup, "'cka'") < size + size // 8 + 3000 * count + SLACK < 2 * size + size // 8


# ---- Ctrl-C

# Each runs for many seconds if it is not stopped.
LONG = {
    "pairs": "ng.pairwise(rng.normal(size=(40, 500, 400)), n_threads=n)",
    "small pairs": "ng.pairwise(rng.normal(size=(1500, 60, 30)), 'procrustes', n_threads=n)",
    "preparation": "ng.pairwise([X] * 80, ng.ShapeMetric(0.5), n_threads=n)",
    "assignment": "ng.pairwise(rng.normal(size=(60, 200, 300)), 'permutation', n_threads=n)",
    "held out": "ng.pairwise(Y, test=Y[:, :50], n_threads=n)",
}


def time_to_interrupt(call, n_threads, delay):
    """Seconds from the signal to the KeyboardInterrupt; see test_threads."""
    code = f"""\
import signal, sys, time
import numpy as np, neurogeom as ng
signal.signal(signal.SIGINT, signal.default_int_handler)
rng, n = np.random.default_rng(0), {n_threads}
X, Y = rng.normal(size=(700, 500)), rng.normal(size=(90, 200, 100))
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print(time.monotonic())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            time.sleep(delay)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            out, _ = child.communicate(timeout=30)
        finally:
            child.kill()
    assert out, "the call had ended before the signal"
    return float(out) - sent


@pytest.mark.parametrize(("name", "n_threads"), [("pairs", 1), *((name, 2) for name in LONG)])
def test_ctrl_c(name, n_threads):
    """Within 0.5 s, in which the longest pair fits. The best of three, as the machine may be busy."""
    times = []
    for delay in (0.3, 0.6, 0.9):
        times.append(time_to_interrupt(LONG[name], n_threads, delay))
        if times[-1] < 0.5:
            break
    print(f"{name}, {n_threads} threads: {times} s")
    assert min(times) < 0.5


# ---- processes and threads

FORK = """
    import multiprocessing, os, signal, warnings
    import numpy as np, neurogeom as ng

    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
    items = np.random.default_rng(0).normal(size=(6, 40, 12))
    names = ["procrustes", "cca", "cka", "rsa", "permutation", "ridge"]

    def work(threads):
        found = ng.pairwise(items, names, n_threads=threads, tile=4)
        return [found[name].values.tobytes() for name in names]

    expected = work(2)
"""


def test_forked_children():
    code = (
        FORK
        + """
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        os._exit(0 if all(work(threads) == expected for threads in (2, 3, 1)) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert work(2) == expected  # and the parent goes on
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(work, [2, 1, 3]).get(timeout=30) == [expected] * 3
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
