"""Convolutional distance for all shifts against netrep's loop; see README.md for how to run.

netrep whitens, aligns and scores anew for each shift. As that takes minutes, it is timed for a few shifts of
the first map and multiplied by their number; a shift costs the same wherever it goes. One thread.
"""

from __future__ import annotations

import itertools
import statistics
import time

import neurogeom as ng
import numpy as np
import pytest

# images, height, width, channels
CASES = {"16 x 16, 64 channels": (200, 16, 16, 64), "8 x 8, 128 channels": (200, 8, 8, 128)}
# The more shifts, the more there is to share.
BARS = {"16 x 16, 64 channels": 50, "8 x 8, 128 channels": 10}
SHIFTS = 3  # that netrep is timed for


def layers(case):
    """Two layers that are maps of common images, the second one shifted."""
    *shape, n_channels = CASES[case]
    rng = np.random.default_rng(0)
    common = rng.standard_normal((*shape, 10))
    X, Y = (
        common @ rng.standard_normal((10, n_channels)) + rng.standard_normal((*shape, n_channels))
        for _ in range(2)
    )
    return X, np.roll(Y, (2, -3), axis=(1, 2))


def seconds(call):
    """Time of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_netrep(case, alpha):
    """So many times as fast, with the same numbers."""
    netrep = pytest.importorskip("netrep.metrics")
    X, Y = layers(case)
    _, height, width, n_channels = X.shape
    native, theirs = ng.Convolutional(alpha), netrep.LinearMetric(alpha=alpha)
    x, y = ng.FeatureMaps(X), ng.FeatureMaps(Y)
    rows, times = Y.reshape(-1, n_channels), []
    known = {}
    for i, j in itertools.islice(itertools.product(range(height), range(width)), SHIFTS):
        shifted = np.roll(X, (i - height // 2, j - width // 2), axis=(1, 2)).reshape(-1, n_channels)
        times.append(seconds(lambda shifted=shifted: theirs.fit(shifted, rows)))
        start = time.perf_counter()
        known[i, j] = theirs.score(shifted, rows)
        times[-1] += time.perf_counter() - start
    peer = statistics.median(times) * height * width
    whole = statistics.median(seconds(lambda: native.map(x, y, n_threads=1)) for _ in range(5))
    least = statistics.median(seconds(lambda: native.distance(x, y, n_threads=1)) for _ in range(5))
    found = native.map(x, y)
    for at, value in known.items():
        assert found.distances[at] == pytest.approx(value, rel=1e-9)
    assert found.shift.tolist() == [2, -3]
    print(
        f"{case}, alpha {alpha}: netrep {peer:.1f} s (from {SHIFTS} shifts), the map {whole:.3f} s "
        f"({peer / whole:.0f}x), its minimum alone {least:.3f} s ({peer / least:.0f}x)"
    )
    assert peer / whole >= BARS[case]
