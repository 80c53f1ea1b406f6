"""Sweeps: peak memory.

A sweep holds the prepared items, two tiles and the result; never all items in float64, nor all items twice.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

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
