"""Data of the benches: clouds of the sizes that the tables of docs/performance.md name."""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
from neurogeom._base import isa as _isa
from numpy.typing import NDArray

Array = NDArray[np.float64]

# (points, dimensions) of a manifold, and radii relative to the centre's norm.
SIZES = ((20, 19), (50, 49), (200, 100), (500, 200))
RADII = (1.0, 4.0)


def clouds(n_points: int, n_dims: int, radius: float, n_manifolds: int, seed: int = 0) -> Array:
    """Isotropic Gaussian clouds (n_manifolds, n_points, n_dims + n_manifolds) about orthogonal centres.

    The points of a cloud have the given root mean square distance from its centre, in units of the centre's
    distance from the mean of all of them.
    """
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_manifolds, n_points, n_dims))
    points -= points.mean(axis=1, keepdims=True)
    points *= radius / np.sqrt((points**2).sum(axis=2).mean(axis=1))[:, None, None]
    out = np.zeros((n_manifolds, n_points, n_dims + n_manifolds))
    out[:, :, :n_dims] = points
    length = 1 / np.sqrt(1 - 1 / n_manifolds)  # of a centre, before the mean of all is subtracted
    for m in range(n_manifolds):
        out[m, :, n_dims + m] = length
    return out


def readme_example() -> list[Array]:
    """The example of the MFTMA package: 100 manifolds of 50 points in 5000 dimensions, features first."""
    state = np.random.RandomState(0)
    return [state.randn(5000, 50) for _ in range(100)]


def coordinates(manifolds: Array | list[Array]) -> list[Array]:
    """Points relative to their centre, in units of its norm, in the space that they span."""
    centers = np.array([points.mean(axis=0) for points in manifolds])
    norms = np.linalg.norm(centers - centers.mean(axis=0), axis=1)
    nothing = np.zeros((0, centers.shape[1]))
    return list(_isa.core.reduced_coordinates(list(manifolds), centers, nothing, norms, 1))


def capacity(manifolds: Array | list[Array], n_samples: int, rng: int = 0) -> ng.ManifoldCapacity:
    """The measured call: everything that a user gets, own draws, one thread, centres left alone."""
    return ng.manifold_capacity(
        manifolds, n_samples=n_samples, remove_center_correlations=False, rng=rng, n_threads=1
    )


def estimates_for(points: Array, draws: Array, margin: float = 0.0) -> tuple[float, float, float]:
    """Capacity, radius (over the number of draws, as the peers have it) and dimension by the core."""
    summary = _isa.core.anchor_statistics([points], [0], [draws], margin, len(draws), 0, False, 1, None)[0][0]
    return float(summary[0]), float(summary[2]) * math.sqrt(1 - 1 / len(draws)), float(summary[6])
