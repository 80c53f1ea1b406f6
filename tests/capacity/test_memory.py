"""Peak memory of manifold_capacity: within 1.5 times the input plus 200 MB, and nothing of N x N."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc"
)

MB = 1 << 20

# Runs in a process of its own. The peak is counted from after the imports and a small call, which load
# libraries and start the threads, so that input of any kind counts in full, mapped pages too.
PROLOGUE = """
import re, sys
import numpy as np
import neurogeom as ng

def status(field):
    with open("/proc/self/status") as file:
        return int(re.search(field + r":\\s+(\\d+) kB", file.read())[1]) << 10

def memory_map(path):
    return np.load(path, mmap_mode="r")

def analyse(clouds, **options):
    return ng.manifold_capacity(clouds, n_samples=100, n_restarts=1, rng=0, **options)

analyse(np.random.default_rng(0).standard_normal((5, 4, 300)))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts anew
before = status("VmRSS")
"""

EPILOGUE = """
assert np.isfinite(result.capacity).all() and len(result.capacity) == 20
print(status("VmHWM") - before)
"""


def peak(body, *arguments):
    script = PROLOGUE + textwrap.dedent(body) + EPILOGUE
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def activations(tmp_path_factory):
    """A .npy file of 20 x 100 rows of 50,000 features in half precision: 191 MB."""
    path = tmp_path_factory.mktemp("memory") / "activations.npy"
    rng = np.random.default_rng(0)
    matrix = np.lib.format.open_memmap(path, "w+", np.float16, (2000, 50_000))
    noise = rng.integers(-(2**10), 2**10, 60_000).astype(np.float16) / 2**9
    for row in range(2000):  # a random window of the same noise is good enough, and fast
        start = rng.integers(10_000)
        matrix[row] = noise[start : start + 50_000]
    matrix.flush()
    del matrix
    yield path
    path.unlink()


@pytest.mark.parametrize("labels", ["np.arange(2000) // 100", "np.arange(2000) % 20"])
def test_memory_map_in_half_precision(activations, labels):
    size = activations.stat().st_size
    assert size > 190 * MB
    body = f"result = analyse(ng.manifolds(memory_map(sys.argv[1]), {labels}))"
    assert peak(body, activations) < 1.5 * size + 200 * MB


def test_memory_map_dealt_out_anew(activations):
    body = "result = analyse(ng.manifolds(memory_map(sys.argv[1]), np.arange(2000) % 20), null=1)"
    assert peak(body, activations) < 1.5 * activations.stat().st_size + 200 * MB


def test_list_in_single_precision():
    body = """
    rng = np.random.default_rng(0)
    clouds = [rng.standard_normal((100, 25_000), dtype=np.float32) for _ in range(20)]
    result = analyse(clouds)
    """
    assert peak(body) < 1.5 * 20 * 100 * 25_000 * 4 + 200 * MB


def test_one_gathered_manifold_at_a_time():
    # With interleaved labels a manifold is a copy of half of the data: one of them, not two.
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((200, 100_000), dtype=np.float32)
    clouds = ng.manifolds(matrix, np.arange(200) % 2)
    tracemalloc.start()
    try:
        ng.manifold_capacity(clouds, n_samples=50, rng=0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 0.5 * matrix.nbytes + 20 * MB


def test_memory_does_not_grow_with_the_square_of_the_features():
    # 200,000 features: N x N would be 320 GB. The input is 64 MB, one manifold in float64 3.2 MB.
    body = """
    rng = np.random.default_rng(0)
    clouds = [rng.standard_normal((2, 200_000)) for _ in range(20)]
    result = analyse(clouds)
    """
    assert peak(body) < 1.5 * 20 * 2 * 200_000 * 8 + 200 * MB
