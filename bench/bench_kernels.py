"""Kernels of wide networks of ten layers on 3,000 stimuli, and the recursion in plain NumPy."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

DEPTH, N_STIMULI, N_UNITS = 10, 3000, 500


def stimuli(count=N_STIMULI):
    """Responses whose mean is not zero, as those of networks."""
    return np.random.default_rng(0).normal(size=(count, N_UNITS)) + 0.5


def recursion(X, kernel):
    """The kernel as it is written down: some passes over whole matrices for each layer."""
    weights = kernel.weight_variance
    between = tangent = weights * (X @ X.T) / X.shape[1]
    for _ in range(kernel.depth):
        own = np.diagonal(between)
        if kernel.activation == "relu":
            size = np.sqrt(np.outer(own, own))
            cosine = np.clip(between / size, -1, 1)
            angle = np.arccos(cosine)
            between = weights * size * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine) / (2 * np.pi)
            slope = weights * (np.pi - angle) / (2 * np.pi) if isinstance(kernel, ng.kernels.NTK) else None
        else:
            size = np.outer(1 + 2 * own, 1 + 2 * own)
            before = between
            between = 2 * weights / np.pi * np.arcsin(2 * between / np.sqrt(size))
            slope = (
                4 * weights / np.pi / np.sqrt(size - 4 * before**2)
                if isinstance(kernel, ng.kernels.NTK)
                else None
            )
        tangent = between if slope is None else between + tangent * slope
    return tangent


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("make", [ng.kernels.NNGP, ng.kernels.NTK])
@pytest.mark.parametrize("who", ["neurogeom", "numpy"])
def test_gram(benchmark, who, make, activation):
    kernel = make(DEPTH, activation, weight_variance=1.5)
    calls = {"neurogeom": kernel.gram, "numpy": lambda X: recursion(X, kernel)}
    found = benchmark.pedantic(calls[who], (stimuli(),), rounds=2)
    few = stimuli()[:50]
    np.testing.assert_allclose(found[:50, :50], recursion(few, kernel), rtol=1e-6)


def test_cka(benchmark):
    # One kernel object on each of twelve items.
    items = [np.random.default_rng(seed).normal(size=(500, 200)) for seed in range(12)]
    kernel = ng.kernels.NTK(3)
    found = benchmark.pedantic(ng.pairwise, (items, ng.CKA(kernel)), rounds=2)
    wanted = ng.cka(*items[:2], kernel=lambda X: recursion(X, kernel))
    np.testing.assert_allclose(found.square[0, 1], wanted, rtol=0, atol=1e-6)


def test_prediction(benchmark):
    X, kernel = stimuli(1000), ng.kernels.NNGP(3, weight_variance=2.0)
    Y = np.random.default_rng(1).normal(size=(1000, 50))
    found = benchmark.pedantic(ng.kernels.gp_predict, (kernel, X, Y, X[:200]), {"ridge": 0.1}, rounds=2)
    gram = recursion(X, kernel)
    wanted = gram[:200] @ np.linalg.solve(gram + 0.1 * np.eye(1000), Y)
    np.testing.assert_allclose(found.mean, wanted, rtol=0, atol=1e-6)
