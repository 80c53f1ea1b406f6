"""Soft matching against POT's network simplex, and against SciPy's assignment; see README.md for how to run.

Layers of a language model, noise, and units that share a few signals; equal, unlike and nearly equal numbers
of units. All get the same costs and use one thread.
"""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.metrics.soft_matching import transport
from scipy.optimize import linear_sum_assignment

SIZES = ((50, 50), (200, 150), (500, 400), (500, 500), (1000, 300), (1000, 999), (1000, 1000))


def layers():
    """Units of two layers, (stimuli, units)."""
    found = list(ng.datasets.load_minilm_clinc().layers.values())
    return found[1].astype(float), found[-1].astype(float)


def costs_of(x, y):
    """Minus the inner products of centred units, which is all that a plan depends on."""
    return -((x - x.mean(axis=0)).T @ (y - y.mean(axis=0)))


def of_layers(n, m):
    x, y = layers()
    return costs_of(x[:, :n], y[:, :m])


def of_noise(n, m):
    rng = np.random.default_rng(0)
    return costs_of(rng.normal(size=(200, n)), rng.normal(size=(200, m)))


def of_signals(n, m):
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(200, 20))
    x, y = (signals @ rng.normal(size=(20, k)) + rng.normal(size=(200, k)) for k in (n, m))
    return costs_of(x, y)


CASES = {
    **{f"layers {n} x {m}": (of_layers, n, m) for n, m in ((384, 384), (384, 300), (384, 100))},
    **{f"noise {n} x {m}": (of_noise, n, m) for n, m in SIZES},
    **{f"signals {n} x {m}": (of_signals, n, m) for n, m in SIZES},
}


def by_neurogeom(costs):
    plan = transport(costs)
    return plan.mean(costs[plan.x_units, plan.y_units])


def by_pot(costs):
    ot = pytest.importorskip("ot")
    rows, columns = (np.full(n, 1 / n) for n in costs.shape)
    return float((ot.emd(rows, columns, costs, numItermax=10**7) * costs).sum())


def by_scipy(costs):
    if costs.shape[0] != costs.shape[1]:
        pytest.skip("assignment is for equal numbers of units")
    return float(costs[linear_sum_assignment(costs)].mean())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("solve", [by_neurogeom, by_pot, by_scipy])
def test_transport(benchmark, case, solve):
    make, n, m = CASES[case]
    costs = make(n, m)
    found = benchmark.pedantic(solve, (costs,), rounds=5, warmup_rounds=1)
    assert found == pytest.approx(by_neurogeom(costs), rel=1e-9)
