"""Kernels of wide networks against the recursion in 50 digits, against networks, and what they promise."""

from __future__ import annotations

import importlib
import json

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import FOLDER
from neurogeom._base.isa import core
from scipy import special

WIDE = json.loads((FOLDER / "wide_kernels_reference.json").read_text())
SYSTEMS = json.loads((FOLDER / "systems_reference.json").read_text())["A_kernels"]
ROWS = np.array(WIDE["rows"])
KERNELS = [
    make(depth, activation, weight_variance=1.5, bias_variance=biases)
    for make in (ng.kernels.NNGP, ng.kernels.NTK)
    for activation in ("relu", "erf")
    for depth, biases in ((0, 0.0), (1, 0.3), (4, 0.0), (4, 0.3))
]
EPS = np.finfo(float).eps


def kernel_of(entry):
    """The kernel of an entry of the reference file."""
    options = {key: value for key, value in entry.items() if key not in ("kernel", "lower_triangle")}
    return getattr(ng.kernels, entry["kernel"])(**options)


def size_of(gram):
    """What errors of the entries of a Gram matrix are relative to."""
    roots = np.sqrt(np.diagonal(gram))
    return np.outer(roots, roots)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", ["NNGP", "NTK"])
def test_published_values(name, depth):
    X = np.random.default_rng(10).standard_normal((3, 4))
    found = getattr(ng.kernels, name)(depth).gram(X)
    np.testing.assert_allclose(found, SYSTEMS[f"{name}_L{depth}"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("entry", WIDE["networks"], ids=lambda entry: kernel_of(entry).name)
def test_all_digits(entry):
    # Rows that are parallel, nearly parallel (1 - cosine down to 1e-16), antiparallel, orthogonal and zero.
    found = kernel_of(entry).gram(ROWS)
    wanted = np.zeros_like(found)
    for i, row in enumerate(entry["lower_triangle"]):
        wanted[i, : i + 1] = wanted[: i + 1, i] = row
    assert (np.abs(found - wanted) <= 4 * EPS * max(entry["depth"], 1) * size_of(wanted)).all()


def test_both_modules_agree():
    modules = [importlib.import_module("neurogeom._core"), core]
    for kernel in KERNELS:
        first, second = (module.wide_gram(ROWS, kernel._network, 1) for module in modules)
        assert (np.abs(first - second) <= 8 * EPS * max(kernel.depth, 1) * size_of(first)).all()


# ---- what they are kernels of


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_a_layer_is_an_expectation(activation):
    X = np.random.default_rng(0).normal(size=(4, 3))
    below = ng.kernels.NNGP(1, activation, 1.3, 0.2).gram(X)
    above = ng.kernels.NNGP(2, activation, 1.3, 0.2).gram(X)
    n_draws = 40_000
    draws = np.random.default_rng(1).normal(size=(n_draws, 4)) @ np.linalg.cholesky(below).T
    units = np.maximum(draws, 0) if activation == "relu" else special.erf(draws)
    products = 1.3 * units[:, :, None] * units[:, None] + 0.2
    error = products.std(axis=0, ddof=1) / np.sqrt(n_draws)
    assert (np.abs(products.mean(axis=0) - above) < 4 * error).all()


def test_erf_by_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = np.outer(weights, weights) / (2 * np.pi)
    X = np.array([[1.0, 0.5], [0.3, -0.8]])
    below = ng.kernels.NNGP(0, "erf", 1.3).gram(X)
    (a, _), (b, c) = np.linalg.cholesky(below)
    u, v = a * nodes[:, None], b * nodes[:, None] + c * nodes
    wanted = 1.3 * (weights * special.erf(u) * special.erf(v)).sum()
    assert ng.kernels.NNGP(1, "erf", 1.3).gram(X)[0, 1] == pytest.approx(wanted, rel=1e-12)
    slope = 1.3 * (weights * 4 / np.pi * np.exp(-(u**2) - v**2)).sum()
    tangent = ng.kernels.NTK(1, "erf", 1.3).gram(X)[0, 1]
    assert tangent == pytest.approx(wanted + below[0, 1] * slope, rel=1e-12)


def gradients_of_a_network(X, depth, width, weights, biases, activation, rng):
    """Inner products of the gradients of one random network's output, by backpropagation."""
    if activation == "relu":
        act, slope = (lambda u: np.maximum(u, 0)), (lambda u: (u > 0).astype(float))
    else:
        act, slope = special.erf, (lambda u: 2 / np.sqrt(np.pi) * np.exp(-(u**2)))
    inputs, matrices, sums = [X], [], []
    for layer in range(depth + 1):
        n_in, n_out = inputs[-1].shape[1], width if layer < depth else 1
        matrices.append(rng.normal(size=(n_in, n_out)) * np.sqrt(weights / n_in))
        sums.append(inputs[-1] @ matrices[-1] + np.sqrt(biases) * rng.normal(size=n_out))
        inputs.append(act(sums[-1]))
    back, total = np.ones((len(X), 1)), 0.0
    for layer in range(depth, -1, -1):
        below = inputs[layer]
        total = total + (back @ back.T) * (weights * below @ below.T / below.shape[1] + biases)
        if layer:
            back = back @ matrices[layer].T * slope(sums[layer - 1])
    return total


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("depth", [1, 2])
def test_tangent_kernels_of_networks(depth, activation):
    X = np.random.default_rng(0).normal(size=(4, 3))
    rng = np.random.default_rng(depth)
    draws = np.array([gradients_of_a_network(X, depth, 200, 1.5, 0.1, activation, rng) for _ in range(40)])
    wanted = ng.kernels.NTK(depth, activation, 1.5, 0.1).gram(X)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - wanted) < 4 * error).all()


# ---- what they promise


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_an_entry_depends_on_its_two_rows_only(kernel):
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(70, 20)), rng.normal(size=(33, 20))
    X[5], X[6] = X[4], -2 * X[4]
    gram = kernel.gram(X, n_threads=1)
    np.testing.assert_array_equal(gram, kernel.gram(X, n_threads=2))
    np.testing.assert_array_equal(gram, gram.T)
    np.testing.assert_array_equal(gram, kernel.cross(X, X))
    np.testing.assert_array_equal(np.diagonal(gram), kernel.diagonal(X))
    rows = np.array([61, 4, 6, 20, 5])
    np.testing.assert_array_equal(gram[np.ix_(rows, rows)], kernel.gram(X[rows]))
    np.testing.assert_array_equal(kernel.cross(X, Z)[rows], kernel.cross(X[rows], Z))
    np.testing.assert_array_equal(kernel.cross(Z, X), kernel.cross(X, Z, n_threads=2).T)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_positive_semidefinite(kernel):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6))
    X[10:20] = X[:10] * rng.uniform(0.1, 10, size=(10, 1)) + 1e-9 * rng.normal(size=(10, 6))
    X[20:25] = -X[:5]
    X[25] = 0
    values = np.linalg.eigvalsh(kernel.gram(X))
    assert values[0] > -1e-14 * values[-1] * max(kernel.depth, 1)


def test_depth_0_is_linear():
    X = np.random.default_rng(0).normal(size=(12, 7))
    for make in (ng.kernels.NNGP, ng.kernels.NTK):
        found = make(0, weight_variance=3.0, bias_variance=0.5).gram(X)
        np.testing.assert_allclose(found, 3 * X @ X.T / 7 + 0.5, rtol=0, atol=1e-14 * found.max())


def test_variance_2_keeps_the_variance_of_rectified_layers():
    X = np.random.default_rng(0).normal(size=(5, 7))
    deep = ng.kernels.NNGP(30, weight_variance=2.0)
    np.testing.assert_allclose(deep.diagonal(X), 2 * (X * X).mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(
        ng.kernels.NNGP(30).gram(X) * 2.0**31, deep.gram(X), rtol=1e-13
    )  # a common factor of all variances


# ---- inputs


@pytest.mark.parametrize("size", [1e-130, 1e130])
def test_sizes(size):
    X = np.random.default_rng(0).normal(size=(5, 7))
    kernel = ng.kernels.NTK(3)
    np.testing.assert_allclose(kernel.gram(X * size), kernel.gram(X) * size * size, rtol=1e-13)
    for kernel in KERNELS:
        assert np.isfinite(kernel.gram(X * size)).all()


def test_shapes_and_dtypes():
    rng = np.random.default_rng(0)
    whole = rng.integers(-5, 6, size=(9, 8))
    kernel = ng.kernels.NTK(2, bias_variance=0.1)
    wanted = kernel.gram(whole.astype(float))
    frozen = whole.astype(float)
    frozen.flags.writeable = False
    strided = np.zeros((18, 16))
    strided[::2, ::2] = whole
    for given in (whole, whole.astype(np.float16), whole.astype(np.float32), frozen, strided[::2, ::2]):
        np.testing.assert_array_equal(kernel.gram(given), wanted)
    assert kernel.gram(whole[:1]).shape == (1, 1)
    one = ng.kernels.NNGP(1).gram([[2.0], [-3.0], [0.0]])
    np.testing.assert_allclose(one, np.diag([2.0, 4.5, 0.0]), atol=1e-15)
    assert not ng.kernels.NTK(2).gram(np.zeros((3, 4))).any()


def test_refusals():
    kernel = ng.kernels.NNGP(2)
    bad = np.ones((3, 2))
    bad[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"X\[1, 0\] is nan"):
        kernel.gram(bad)
    with pytest.raises(ValueError, match="X must be two-dimensional"):
        kernel.gram([1.0, 2.0])
    with pytest.raises(ValueError, match="X has 2 units and Z has 3"):
        kernel.cross(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Z has values of the order 1e\+200"):
        kernel.cross(np.ones((2, 2)), np.full((2, 2), 1e200))
    with pytest.raises(ValueError, match="range of float64 after 400 layers"):
        ng.kernels.NNGP(400, weight_variance=100.0).gram(np.ones((2, 2)))
    with pytest.raises(TypeError, match="X must hold real numbers"):
        kernel.gram(np.array([["a", "b"]], dtype=object))
    for options, text in (
        ({"depth": -1}, "depth must be at least 0, not -1"),
        ({"activation": "tanh"}, "activation must be one of 'relu', 'erf', not 'tanh'"),
        ({"weight_variance": 0.0}, "weight_variance must be positive, not 0.0"),
        ({"weight_variance": np.inf}, "weight_variance must be finite"),
        ({"bias_variance": -0.1}, "bias_variance must not be negative, not -0.1"),
    ):
        with pytest.raises(ValueError, match=text):
            ng.kernels.NTK(**options)
    with pytest.raises(TypeError, match="depth must be an integer"):
        ng.kernels.NTK(depth=2.5)


def test_equal_kernels_are_one():
    assert ng.kernels.NTK(np.int64(2), bias_variance=0) == ng.kernels.NTK(2)
    assert len({ng.kernels.NTK(2), ng.kernels.NTK(depth=2), ng.kernels.NNGP(2)}) == 2
    names = [kernel.name for kernel in KERNELS]
    assert len(set(names)) == len(names)
