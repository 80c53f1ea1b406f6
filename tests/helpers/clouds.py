"""Manifolds of random points."""

from __future__ import annotations

import numpy as np


def gaussian_clouds(n_manifolds=5, n_points=8, n_features=20, seed=0, *, spread=0.7, shared=0.0):
    """Points about random centres, of norm 1 a feature; with `shared` these vary in two directions more."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((n_manifolds, 1, n_features))
    clouds = centers + spread * rng.standard_normal((n_manifolds, n_points, n_features))
    common = rng.standard_normal((n_manifolds, 1, 2)) @ rng.standard_normal((2, n_features))
    return clouds + shared * common
