"""Stochastic shape metrics, and netrep's; see README.md for how to run. As a script it prints ratios."""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
import warnings

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.threads import single_threaded_blas

STIMULI, UNITS, REPEATS, ITEMS = 50, 100, 20, 20
HAS_NETREP = importlib.util.find_spec("netrep") is not None


def trials_of(seed, n_units=UNITS, n_stimuli=STIMULI, n_repeats=REPEATS):
    """Responses with a signal that items share, and noise that is correlated and grows with the signal."""
    signal = np.random.default_rng(0).normal(size=(n_stimuli, 10))
    rng = np.random.default_rng(1 + seed)
    mean = signal @ rng.normal(size=(10, n_units)) + 0.5 * rng.normal(size=(n_stimuli, n_units))
    shared = 0.5 * rng.normal(size=(n_stimuli, n_repeats, 5)) @ rng.normal(size=(5, n_units))
    own = rng.normal(size=(n_stimuli, n_repeats, n_units))
    return mean[:, None] + (1 + np.abs(signal[:, :1, None])) * (shared + own)


def moments(trials):
    n = trials.shape[2]
    return trials.mean(axis=1), np.array([np.cov(one.T) + 1e-6 * np.eye(n) for one in trials])


METRICS = {
    "gaussian": (lambda n: ng.GaussianStochastic(n_restarts=n), moments),
    "energy": (lambda n: ng.EnergyStochastic(n_restarts=n), np.asarray),
}


def peer(name, **options):
    from netrep.metrics import EnergyStochasticMetric, GaussianStochasticMetric

    return {"gaussian": GaussianStochasticMetric, "energy": EnergyStochasticMetric}[name](**options)


@pytest.mark.parametrize("name", METRICS)
def test_a_pair(benchmark, name):
    make, _ = METRICS[name]
    x, y = (ng.Repeats(trials_of(k)) for k in range(2))
    benchmark.pedantic(make(0).distance, (x, y), {"n_threads": 1}, rounds=3)


@pytest.mark.skipif(not HAS_NETREP, reason="netrep is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METRICS)
def test_peer(benchmark, name):
    x, y = (METRICS[name][1](trials_of(k)) for k in range(2))
    metric = peer(name, niter=20)
    found = benchmark.pedantic(metric.fit_score, (x, y), rounds=1)
    ours = METRICS[name][0](0).distance(*(ng.Repeats(trials_of(k)) for k in range(2)))
    assert ours < found


def seconds(function, *arguments):
    start = time.process_time()
    found = function(*arguments)
    return time.process_time() - start, found


def peak(function, *arguments):
    tracemalloc.start()
    function(*arguments)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def table(n_items=ITEMS, n_peer_pairs=1):
    """Print processor time of all pairs on one thread; of netrep, of some pairs, times their number."""
    data = [trials_of(k) for k in range(n_items)]
    n_pairs = n_items * (n_items - 1) // 2
    for name, (make, read) in METRICS.items():
        items = [ng.Repeats(one) for one in data]
        ours, found = seconds(lambda: ng.pairwise(items, make(0), n_threads=1))  # noqa: B023
        print(f"{name}: {n_pairs} pairs in {ours:.1f} s, one start")
        memory = peak(lambda: make(0).distance(*items[:2], n_threads=1))  # noqa: B023
        if not HAS_NETREP:
            continue
        given = [read(one) for one in data[:3]]
        with single_threaded_blas():
            times = [seconds(peer(name).fit_score, given[k], given[k + 1]) for k in range(n_peer_pairs)]
            theirs = peak(peer(name, niter=1).fit_score, given[0], given[1])
        took = np.mean([one for one, _ in times]) * n_pairs
        print(
            f"  netrep: {took:.0f} s, {took / ours:.0f}x; distance {times[0][1]:.6f}, ours "
            f"{found.values[0, 1]:.6f}; memory {theirs / 1e6:.0f} MB, {theirs / memory:.0f}x"
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    table()
