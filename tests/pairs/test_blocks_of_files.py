"""Large items: what is read of them and how often, errors in them, and how much memory they take."""

from __future__ import annotations

import functools
import itertools
import re
import selectors
import subprocess
import sys
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.blocks import ALL, STREAMING, WHOLE_ONLY, WIDTH, M, N, full_rank, set_blocks
from helpers.items import METRICS
from neurogeom.metrics import base
from neurogeom.representations.items import Responses, as_items

MB = 1 << 20


@pytest.fixture
def small_blocks(monkeypatch):
    """Call it to have items read in blocks of few units."""
    return functools.partial(set_blocks, monkeypatch)


# ---- errors


def spoiled(*changes, base=full_rank):
    X = base(0)
    for place, value in changes:
        X[place] = value
    return X


ERRORS = {
    "first NaN by stimulus": ("cka", spoiled(((9, 3), np.nan), ((2, 50), np.nan), ((2, 60), np.inf))),
    "NaN beside infinity": ("procrustes", spoiled(((2, 50), -np.inf), ((2, 49), np.nan))),
    "NaN beside what is too large": ("rsa", spoiled(((0, 0), 1e200), ((23, 60), np.nan))),
    "too large": ("cca", spoiled(((0, 8), 1e150), ((3, 30), -1e170))),
    "too small": ("gulp", 1e-160 * full_rank(0)),
    "constant, factor": ("procrustes", np.full((M, N), 3.3)),
    "constant, basis": ("cca", np.full((M, N), 3.3)),
    "constant, Gram matrix": ("cka", np.full((M, N), 3.3)),
    "zero, uncentred": (ng.CKA(estimator="biased", center=False), np.zeros((M, N))),
    "constant, RBF": (ng.CKA("rbf"), np.full((M, N), 3.3)),
    "zero Gram matrix": ("cka", np.hstack([np.eye(M), np.zeros((M, N - M))])),
    "constant, RDM": (ng.RSA("sqeuclidean"), np.full((M, N), 3.3)),
    "a flat stimulus": ("rsa", spoiled((4, 0.1), (9, 0.7))),
    "a silent stimulus": (ng.RSA("cosine"), spoiled((4, 0.0))),
    "negative rates": (
        ng.RSA("poisson"),
        spoiled(((7, 20), -2.0), ((5, 50), -2.0), base=lambda _: np.ones((M, N))),
    ),
    "too many folds": (ng.Ridge(folds=M + 1), full_rank(0)),
    "too small batches": (ng.CKA(estimator="minibatch", batch_size=M + 1), full_rank(0)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_the_whole(name, small_blocks):
    metric, X = ERRORS[name]
    items = {"bad": X, "good": np.abs(full_rank(1))}
    with pytest.raises(ValueError, match="bad") as whole:
        ng.pairwise(items, metric)
    small_blocks()
    with pytest.raises(ValueError, match="bad") as streamed:
        ng.pairwise(items, metric)
    assert str(streamed.value) == str(whole.value)


def test_position_of_nan(small_blocks):
    small_blocks()
    X = ERRORS["first NaN by stimulus"][1]
    message = "representations[0] ('bad')[2, 50] is nan; all values must be finite"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ng.pairwise({"bad": X, "good": full_rank(1)}, "procrustes")


def test_too_few_stimuli(small_blocks):
    small_blocks(3)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="stimuli"):
        ng.pairwise(rng.normal(size=(2, 3, 20)), "cka")
    assert np.isfinite(ng.pairwise(rng.normal(size=(2, 3, 20)), ng.CKA(estimator="biased")).values).all()


# ---- reading


def test_what_is_large_is_a_matter_of_shape(small_blocks):
    def is_large(m, n, dtype=np.float16):
        source = np.broadcast_to(np.zeros(1, dtype), (m, n))
        return as_items([source], "items")[0].is_large

    assert is_large(1000, 1_000_000)
    assert is_large(1000, 2098)
    assert not is_large(1000, 2097)  # 16 MB
    assert is_large(3000, 6001)
    assert not is_large(3000, 6000)  # two units a stimulus
    assert not as_items([ng.RDM(np.ones(45))], "items")[0].is_large
    small_blocks(5)
    assert is_large(5, 11)
    assert not is_large(5, 10)


@pytest.mark.parametrize(("m", "n", "width"), [(120, 150_000, 4369), (1000, 10**6, 524), (5000, 10**5, 128)])
def test_blocks_cover_all_units(m, n, width):
    source = np.broadcast_to(np.arange(n, dtype=np.float32), (m, n))
    blocks = Responses("X", "X", source).open()
    assert blocks.width == width
    start = 0
    for block in itertools.islice(blocks, 5):
        assert block.dtype == np.float64
        assert block.shape == (m, width)
        assert block.nbytes <= 16 * MB
        np.testing.assert_array_equal(block[m - 1], np.arange(start, start + width))
        start += width


class File:
    """Has what file-backed arrays have, and notes what is read; no array itself."""

    def __init__(self, data):
        self._data, self.shape, self.dtype = data, data.shape, data.dtype
        self.read = []

    def __len__(self):
        return len(self._data)

    def __array__(self, *_, **__):
        raise AssertionError("read as a whole")

    def __getitem__(self, key):
        rows, columns = key
        assert rows == slice(None)
        self.read.append(len(range(self.shape[1])[columns]))
        return self._data[key]


def prepare(metrics, data):
    source = File(data)
    item = Responses("X", "X", source)
    return base.prepare_item(metrics, item), source.read


@pytest.mark.parametrize(
    ("metrics", "readings"),
    [
        ([ng.Procrustes()], 1),
        ([ng.Procrustes(), ng.ShapeMetric(0.5), ng.GULP(), ng.SVCCA(), ng.Ridge()], 1),
        ([ng.CCA(), ng.MeanCCA(), ng.SubspaceDistance()], 1),
        ([ng.LinearR2(), ng.CCA(), ng.Procrustes()], 2),
        ([ng.CKA()], 1),
        ([ng.CKA(estimator="minibatch", batch_size=8)], 1),
        ([ng.RSA("sqeuclidean"), ng.RSA("sqeuclidean", "kendall")], 1),
        ([ng.RSA(), ng.RSA(compare="cosine")], 2),
        ([ng.Procrustes(), ng.CCA(), ng.CKA(), ng.RSA("cosine")], 5),
    ],
)
def test_readings(metrics, readings, small_blocks):
    """What several parts need is computed once."""
    small_blocks()
    _, read = prepare(metrics, np.random.default_rng(0).normal(size=(M, N)))
    assert read == readings * ([WIDTH] * 8 + [5])


@pytest.mark.parametrize("name", WHOLE_ONLY)
def test_what_needs_the_whole_reads_it_once(name, small_blocks):
    small_blocks()
    metrics = [WHOLE_ONLY[name], ng.Procrustes(), ng.RSA()]
    prepared, read = prepare(metrics, full_rank(0))
    assert read == [N]
    assert all(part in prepared for metric in metrics for part in metric.parts())


class OwnPreparation(ng.metrics.Metric):
    name = "own"

    def prepare(self, data, label):
        return data.sum()


def test_metrics_say_whether_they_stream():
    assert [name for name in ALL if ALL[name].needs_whole] == []
    assert [name for name in WHOLE_ONLY if not WHOLE_ONLY[name].needs_whole] == []
    assert OwnPreparation().needs_whole
    assert set(METRICS) - set(STREAMING) == set(METRICS) & set(WHOLE_ONLY)


def test_own_preparation_gets_the_whole(small_blocks):
    small_blocks()
    metric, X = OwnPreparation(), full_rank(0)
    prepared, read = prepare([metric, ng.CKA()], X)
    assert read == [N]
    assert prepared[metric] == X.sum()


def test_small_items_are_read_as_a_whole():
    _, read = prepare([ng.CKA(), ng.Procrustes()], full_rank(0))
    assert read == [N]


# ---- memory

on_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="anonymous memory is read from Linux's /proc"
)

# Runs in a process of its own, which waits until it is watched.
PREPARE = """
import sys
import numpy as np
import neurogeom as ng
from neurogeom.metrics.base import prepare_item
from neurogeom.representations.items import as_items

metric = eval(sys.argv[2])
small = np.random.default_rng(0).normal(size=(100, 30))
ng.pairwise([small, small + 1.0], metric)  # loads libraries
(item,) = as_items([np.load(sys.argv[1], mmap_mode="r")], "items")
assert item.is_large
print("ready", flush=True)
sys.stdin.readline()
prepared = prepare_item([metric], item)
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """72 MB, 144 MB as float64."""
    path = tmp_path_factory.mktemp("large") / "item.npy"
    item = np.lib.format.open_memmap(path, "w+", np.float32, (120, 150_000))
    rng = np.random.default_rng(0)
    for row in item:
        row[...] = rng.standard_normal(item.shape[1], dtype=np.float32)
    item.flush()
    return path


def anonymous_growth(path, metric):
    """Largest growth of memory that is no page of a file, seen from outside."""
    command = [sys.executable, "-W", "error", "-c", PREPARE, str(path), metric]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        try:
            assert child.stdout.readline() == "ready\n", child.stderr.read()
            status = Path(f"/proc/{child.pid}/status")

            def anonymous():
                return int(re.search(r"RssAnon:\s+(\d+) kB", status.read_text())[1]) << 10

            before, largest = anonymous(), 0
            child.stdin.write("go\n")
            child.stdin.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(child.stdout, selectors.EVENT_READ)
                while not selector.select(0.001):
                    largest = max(largest, anonymous())
            largest = max(largest, anonymous())
            assert child.stdout.readline() == "done\n", child.stderr.read()
            child.stdin.write("end\n")
        finally:
            child.stdin.close()
            child.kill()
    return largest - before


MEASURED = ("ng.Procrustes()", "ng.CCA()", "ng.CKA()", "ng.CKA('rbf')", "ng.RSA()")


@on_linux
@pytest.mark.parametrize("metric", MEASURED)
def test_memory_of_a_large_item(metric, large_file):
    """Blocks and some matrices of stimuli x stimuli, never the item."""
    growth = anonymous_growth(large_file, metric)
    print(f"{metric}: {growth / MB:.1f} MB")
    assert growth < 60 * MB


@on_linux
def test_memory_is_measured(large_file):
    """What needs all units takes the item as float64, and more."""
    assert anonymous_growth(large_file, "ng.Permutation()") > 144 * MB
