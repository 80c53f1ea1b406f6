"""The loops that joint capacity is measured against: one call of a general QP solver for each sample.

No package that computes effective geometry could be had, so this is an assumed peer: the published formulas
(Chou et al.) in plain NumPy around cvxopt or daqp, as in peers.py, on the signed points of all manifolds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.peers import Peer

Array = NDArray[np.float64]

# Below this share of the largest total weight a manifold is inactive (interior points leave no exact zeros).
INACTIVE = 1e-9
# Below this share of the squared length of a draw its residual is zero: the dichotomy is inseparable.
INSEPARABLE = 1e-8
# Relative cut-off of the eigenvalues in pseudo-inverses.
CUT_OFF = 1e-10


class Projection(NamedTuple):
    """What a solver makes of one sample: squared length, separable or not, anchor points (P, N)."""

    squared: float
    separable: bool
    anchors: Array


class JointEstimates(NamedTuple):
    """Capacity, radius and dimension of a set of manifolds."""

    capacity: float
    radius: float
    dimension: float


def project(peer: Peer, clouds: Array, draw: Array, labels: NDArray[np.int8]) -> Projection | None:
    """Project one draw on the joint cone of clouds (P, M, N); None where the solver breaks down.

    cvxopt ends in a domain error for many inseparable samples.
    """
    n_manifolds, n_points, n_features = clouds.shape
    signed = (labels[:, None, None] * clouds).reshape(-1, n_features)
    try:
        v, weights = peer.solve(peer.share(signed, 0.0), draw)
    except (ValueError, ArithmeticError):
        return None
    weights = np.maximum(weights.reshape(n_manifolds, n_points), 0)
    totals = weights.sum(axis=1)
    active = totals > INACTIVE * totals.max()
    anchors = np.einsum("pm,pmn->pn", weights, clouds)
    anchors[active] /= totals[active, None]
    anchors[~active] = 0
    return Projection(float((draw - v) @ (draw - v)), bool(v @ v > INSEPARABLE * (draw @ draw)), anchors)


def estimates(projections: list[Projection], draws: Array) -> JointEstimates:
    """Reported numbers of projections that succeeded, from their draws (n_samples, N)."""
    capacity = len(projections[0].anchors) / np.mean([p.squared for p in projections])
    kept = [k for k, p in enumerate(projections) if p.separable]
    if len(kept) < 2:
        return JointEstimates(float(capacity), np.nan, np.nan)
    centers = np.mean([projections[k].anchors for k in kept], axis=0)
    center_gram = centers @ centers.T
    b, c = [], []
    for k in kept:
        axes = projections[k].anchors - centers
        along, gram = axes @ draws[k], axes @ axes.T
        b.append(along @ np.linalg.pinv(gram, rcond=CUT_OFF, hermitian=True) @ along)
        c.append(along @ np.linalg.pinv(gram + center_gram, rcond=CUT_OFF, hermitian=True) @ along)
    total_b, total_c = np.mean(b), np.mean(c)
    radius = np.sqrt(total_c / (total_b - total_c))
    return JointEstimates(float(capacity), float(radius), float(total_b / len(centers)))
