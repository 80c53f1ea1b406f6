"""Learning curves of prediction against a loop over scikit-learn's Ridge; see README.md for how to run.

The peer does what people write: for each split and number of training stimuli a fit, a prediction of all
stimuli, and errors. Both use one thread, and the same splits.
"""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.rng import as_generator, draw_key
from neurogeom.generalization.prediction_curve import _order

SPLITS, SEED = 10, 0
ONE, MANY = (1e-2,), tuple(10.0 ** np.arange(-4, 4))
# stimuli, units, targets, numbers of training stimuli, ridges
CASES = {
    "wide": (600, 5120, 128, (60, 180, 360), ONE),
    "wide, ridges": (600, 5120, 128, (60, 180, 360), MANY),
    "even": (600, 600, 128, (60, 180, 360), ONE),
    "narrow": (2000, 200, 50, (200, 600, 1200), ONE),
    "narrow, ridges": (2000, 200, 50, (200, 600, 1200), MANY),
}


def problem(case):
    """Units with a power-law spectrum, and targets that are noisy mixtures of them."""
    stimuli, units, targets, sizes, ridges = CASES[case]
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((stimuli, units)) * np.arange(1, units + 1) ** -0.5
    Y = X @ rng.standard_normal((units, targets)) + rng.standard_normal((stimuli, targets))
    return X, Y, sizes, ridges


def by_neurogeom(X, Y, sizes, ridges, n_threads=1):
    """Held-out errors by this package."""
    return ng.prediction_curve(
        X, Y, sizes, ridge=ridges, n_splits=SPLITS, rng=SEED, n_threads=n_threads
    ).error_heldout


def by_scikit_learn(X, Y, sizes, ridges):
    """Held-out errors by a loop of fits."""
    Ridge = pytest.importorskip("sklearn.linear_model").Ridge
    key = draw_key(as_generator(SEED))
    power = ((Y - Y.mean(axis=0)) ** 2).mean(axis=0).sum()
    found = np.empty((SPLITS, len(sizes), len(ridges)))
    for split in range(SPLITS):
        order = _order(key, split, len(X))
        for k, size in enumerate(sizes):
            train, test = order[:size], order[size:]
            for j, ridge in enumerate(ridges):
                model = Ridge(alpha=ridge * size).fit(X[train], Y[train])
                squares = (Y - model.predict(X)) ** 2
                found[split, k, j] = squares[test].mean(axis=0).sum() / power
    return found.mean(axis=0)


@pytest.mark.parametrize("case", CASES)
def test_curves(benchmark, case):
    given = problem(case)
    found = benchmark.pedantic(by_neurogeom, given, rounds=3)
    np.testing.assert_allclose(found, by_scikit_learn(*given), rtol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_scikit_learn(benchmark, case):
    benchmark.pedantic(by_scikit_learn, problem(case), rounds=1)
