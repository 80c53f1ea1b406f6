"""Joint capacity against simulated capacity: same labels, same centring, no intercept.

bench/studies/joint_vs_simulated.py does the same with many trials, and on data that do not ship.
"""

import math

import neurogeom as ng
import numpy as np
import pytest


def around_a_shared_centre(n_manifolds, n_points, n_features, radius, shared=0.0):
    rng = np.random.default_rng(3)
    centers = shared * rng.normal(size=n_features) + rng.normal(size=(n_manifolds, 1, n_features))
    return centers + radius * rng.normal(size=(n_manifolds, n_points, n_features))


def split(X, labels, size):
    """Deal the points of each label into manifolds of `size` points: the theory wants many manifolds."""
    rank = np.zeros(len(labels), dtype=int)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        rank[own] = np.arange(len(own)) // size
    return ng.manifolds(X, [f"{label}/{k}" for label, k in zip(labels, rank, strict=True)])


def text():
    data = ng.datasets.load_minilm_clinc()
    return split(data.layers["layer6"], data.labels, 12)


def fmri():
    data = ng.datasets.load_haxby()
    return split(data.X, data.labels, 9)


CASES = {
    "points": lambda: around_a_shared_centre(60, 1, 80, 0.0),
    "shared centre": lambda: around_a_shared_centre(40, 10, 100, 0.5, shared=1.5),
    "text": text,
    "fMRI": fmri,
}


@pytest.mark.parametrize("name", CASES)
def test_theory_and_simulation_agree(name):
    clouds = CASES[name]()
    joint = ng.effective_geometry(clouds, n_samples=100, rng=1)
    simulated = ng.simulated_capacity(clouds, n_trials=20, rng=2)
    combined = math.hypot(joint.capacity_se, simulated.capacity_se)
    assert abs(joint.capacity - simulated.capacity) < 4 * combined
    assert combined < 0.05 * joint.capacity  # so that the comparison says something
