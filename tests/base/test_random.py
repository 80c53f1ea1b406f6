"""Counter-based normals: against a plain implementation of Philox and the exact map from words to normals,
and the statistics of what comes out. The map at extreme words: cpp/tests/base/test_random.cpp."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from neurogeom import _core as baseline
from neurogeom._base.isa import core
from scipy import special, stats

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 as in the paper (Salmon et al., SC 2011), word by word."""
    c, k = list(counter), [key & MASK, key >> 32]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 1 << 32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def exact_normals(a, b):
    """Box-Muller of 64-bit words in long double, by the formula in random.hpp, without its tricks."""
    one, two52 = np.longdouble(1), np.longdouble(2) ** 52
    pi = np.longdouble(3.141592653589793) + np.longdouble(1.2246467991473532e-16)
    radius = np.array([np.sqrt(-2 * np.log1p(-(np.longdouble(int(x) >> 12) / two52))) for x in a])
    quarter = [(int(y) >> 62) % 4 for y in b]
    part = [np.longdouble((int(y) >> 10) & ((1 << 52) - 1)) / two52 - one / 2 for y in b]
    # The quarter turns are exact, so that a small sine or cosine keeps its digits.
    sine, cosine = (np.array([f(pi / 2 * p) for p in part]) for f in (np.sin, np.cos))
    turned = [((c, s), (-s, c), (-c, -s), (s, -c))[q] for q, s, c in zip(quarter, sine, cosine, strict=True)]
    return radius * np.array([x for x, _ in turned]), radius * np.array([y for _, y in turned])


def words_of(counter, key):
    w = philox(counter, key)
    return w[0] | w[1] << 32, w[2] | w[3] << 32


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_the_plain_implementation(counter, key, expected):
    counter, key, expected = ([int(w, 16) for w in x.split()] for x in (counter, key, expected))
    assert philox(counter, key[0] | key[1] << 32) == expected


@pytest.mark.parametrize(
    ("key", "stream", "index"),
    [(0, 0, 0), (2**64 - 1, 2**32 - 1, 2**64 - 1), (0x0123456789ABCDEF, 77, 2**32 + 5)],
)
def test_counter_layout(key, stream, index):
    """Words of the counter: block, stream, index low, index high; two elements a block."""
    length = 41
    blocks = range((length + 1) // 2)
    words = [words_of([k, stream, index & MASK, index >> 32], key) for k in blocks]
    cosine, sine = exact_normals(*zip(*words, strict=True))
    expected = np.stack([cosine, sine], axis=1).ravel()[:length]
    found = core.standard_normals(key, stream, index, 1, length)[0]
    np.testing.assert_allclose(found, expected.astype(float), rtol=1e-14)


@pytest.mark.parametrize("length", [1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 100, 257])
@pytest.mark.parametrize(("stream", "first"), [(0, 0), (2**32 - 1, 2**32 - 2), (5, 2**40 + 3)])
def test_rows_and_prefixes(length, stream, first):
    """An element depends on key, stream, index and its own place, not on what is drawn with it."""
    key = 0xDEADBEEFCAFEF00D
    longest = core.standard_normals(key, stream, first, 5, 300)
    batch = core.standard_normals(key, stream, first, 5, length)
    np.testing.assert_array_equal(batch, longest[:, :length])
    for r in range(5):
        np.testing.assert_array_equal(core.standard_normals(key, stream, first + r, 1, length)[0], batch[r])


def test_index_stream_and_key_all_matter():
    """Changing any one bit of any of them gives another vector."""
    vectors = [core.standard_normals(3, 4, 5, 1, 4)[0]]
    vectors += [core.standard_normals(3 ^ 1 << bit, 4, 5, 1, 4)[0] for bit in range(64)]
    vectors += [core.standard_normals(3, 4 ^ 1 << bit, 5, 1, 4)[0] for bit in range(32)]
    vectors += [core.standard_normals(3, 4, 5 ^ 1 << bit, 1, 4)[0] for bit in range(64)]
    assert len(np.unique(np.array(vectors), axis=0)) == len(vectors)


def test_empty_draws():
    assert core.standard_normals(1, 2, 3, 0, 7).shape == (0, 7)
    assert core.standard_normals(1, 2, 3, 7, 0).shape == (7, 0)


# ---- statistics: fixed seeds, thresholds of four standard errors


@pytest.fixture(scope="module")
def million():
    """1000 vectors of 1000 elements."""
    return core.standard_normals(2024, 1, 0, 1000, 1000)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_moments(million, order):
    def moment(k):
        return 0.0 if k % 2 else float(special.factorial2(k - 1))

    error = np.sqrt((moment(2 * order) - moment(order) ** 2) / million.size)
    assert abs((million**order).mean() - moment(order)) <= 4 * error


def test_distribution(million):
    """The Kolmogorov-Smirnov statistic of each part; sqrt(n) D exceeds 2.3 with probability 5e-5."""
    for part in (million.ravel(), million[:, ::2].ravel(), million[:, 1::2].ravel(), million[:, 0]):
        assert stats.kstest(part, "norm").statistic * np.sqrt(part.size) <= 2.3
    tail = np.abs(million) > 3.5
    p = 2 * special.ndtr(-3.5)
    assert abs(tail.mean() - p) <= 4 * np.sqrt(p * (1 - p) / million.size)


@pytest.mark.parametrize("function", ["z", "z^2", "|z|"])
def test_lag_correlations(million, function):
    """Between elements and between indices, of the values and of their sizes."""
    z = {"z": million, "z^2": million**2, "|z|": np.abs(million)}[function]
    z = (z - z.mean()) / z.std()
    for lag in (1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 500):
        for first, second in ((z[:, lag:], z[:, :-lag]), (z[lag:], z[:-lag])):
            assert abs((first * second).mean()) <= 4 / np.sqrt(first.size)


@pytest.mark.parametrize("what", ["key", "high half of key", "stream", "index", "high half of index"])
def test_neighbours_are_uncorrelated(what):
    """Vectors whose key, stream or index differ by a small number or by one bit."""
    length, rows = 200, 500
    args = {"key": 10, "stream": 20, "first_index": 30, "n_rows": rows, "length": length}
    z = core.standard_normals(**args)
    for step in (1, 2, 4, 1 << 10, 1 << 20):
        if what == "index":
            args["first_index"] = 30 + rows * step
        elif what == "high half of index":
            args["first_index"] = 30 + (step << 32)
        elif what == "stream":
            args["stream"] = 20 + step
        else:
            args["key"] = 10 + (step << (32 if what.startswith("high") else 0))
        other = core.standard_normals(**args)
        for f in (lambda x: x, lambda x: (x**2 - 1) / np.sqrt(2)):
            assert abs((f(z) * f(other)).mean()) <= 4 / np.sqrt(z.size)


def test_cosine_and_sine_are_independent(million):
    pairs = million.reshape(1000, 500, 2)
    squares = (pairs**2 - 1) / np.sqrt(2)
    assert abs((squares[..., 0] * squares[..., 1]).mean()) <= 4 / np.sqrt(500_000)
    angle = np.arctan2(pairs[..., 1], pairs[..., 0]).ravel()
    uniform = stats.kstest(angle, "uniform", args=(-np.pi, 2 * np.pi))
    assert uniform.statistic * np.sqrt(angle.size) <= 2.3


@pytest.mark.skipif(not baseline.supports_v3(), reason="this CPU lacks AVX2 or FMA")
@pytest.mark.parametrize("length", [1, 7, 32, 1001])
def test_both_modules_give_the_same_bits(length):
    v3 = importlib.import_module("neurogeom._core_v3")
    rng = np.random.default_rng(3)
    for _ in range(10):
        key, first = (int(x) for x in rng.integers(0, 2**64, 2, dtype=np.uint64))
        args = key, int(rng.integers(0, 2**32)), first, 37, length
        one, other = baseline.standard_normals(*args), v3.standard_normals(*args)
        np.testing.assert_array_equal(one.view(np.uint64), other.view(np.uint64))
