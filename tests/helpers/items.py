"""Items for tests of sweeps."""

from __future__ import annotations

import neurogeom as ng
import numpy as np

METRICS = sorted(ng.metrics.METRICS)
ASYMMETRIC = ("cycle_knn", "kernel_ridge", "pls", "pwcca", "r2", "ridge")
# Ridge regression does not predict an item perfectly from itself.
COMPUTED_DIAGONAL = ("ridge",)


def items_of(widths=(6, 4, 9, 5), n_stimuli=20, seed=0):
    """Noisy maps of a common signal, with means."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_stimuli, 3))
    return [
        shared @ rng.normal(size=(3, n)) + rng.normal(size=(n_stimuli, n)) + rng.normal(size=n)
        for n in widths
    ]


def metric_of(name):
    return ng.metrics.METRICS[name]()
