"""The loops that neurogeom is measured against: one call of a general QP solver for each Gaussian draw.

Re-implementations from the published method (Cohen, Chung, Lee and Sompolinsky, 2020), with the work that
the MFTMA software does for each draw: find the support point of the manifold, skip the program if no point
constrains the draw, hand matrices to the solver, keep the anchor point. Statistics are vectorised at the end.
The solvers are cvxopt at the tolerances of the MFTMA software, and daqp, the fastest general solver we know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# (matrices shared by all draws of a manifold, draw) -> v, weights
Solve = Callable[[Any, Array], tuple[Array, Array]]


class Estimates(NamedTuple):
    """Capacity, radius and dimension of one manifold."""

    capacity: float
    radius: float
    dimension: float


@dataclasses.dataclass(frozen=True)
class Peer:
    """A solver in the loop: `share` makes what all draws share from the lifted points and the margin."""

    name: str
    share: Callable[[Array, float], Any]
    solve: Solve

    def __call__(self, points: Array, draws: Array, margin: float = 0.0) -> Estimates:
        """Analyse points (n_points, D) with draws (n_samples, D + 1)."""
        n_dims = points.shape[1]
        lifted = np.hstack([points, np.ones((len(points), 1))])
        shared = self.share(lifted, margin)
        anchors = np.empty_like(draws)
        for k, t in enumerate(draws):
            products = points @ t[:n_dims]
            support = int(np.argmax(products))
            anchors[k] = lifted[support]
            if products[support] + t[n_dims] + margin >= 0:
                v, weights = self.solve(shared, t)
                if np.linalg.norm(t - v) >= 1e-8:
                    anchors[k] = (t - v) / weights.sum()
        return statistics(anchors, draws, margin)


def statistics(anchors: Array, draws: Array, margin: float) -> Estimates:
    """From anchor points with a last coordinate (n_samples, D + 1) to the reported numbers."""
    along = np.maximum(np.einsum("kd,kd->k", draws, anchors) + margin, 0)
    capacity = 1 / np.mean(along**2 / np.einsum("kd,kd->k", anchors, anchors))
    directions = anchors[:, :-1] / anchors[:, -1:]
    centred = directions - directions.mean(axis=0)
    radius = np.sqrt(np.mean(np.einsum("kd,kd->k", centred, centred)))
    t = draws[:, :-1]
    lengths = np.sqrt(np.einsum("kd,kd->k", directions, directions) + 1e-12)
    cosines = np.einsum("kd,kd->k", t, directions) / lengths / np.linalg.norm(t, axis=1)
    return Estimates(float(capacity), float(radius), float(t.shape[1] * cosines.mean() ** 2))


def _cvxopt_peer() -> Peer:
    import cvxopt
    import cvxopt.solvers

    options = {"show_progress": False, "maxiters": 1_000_000}
    options |= dict.fromkeys(("abstol", "reltol", "feastol"), 1e-12)

    def share(lifted: Array, margin: float) -> Any:
        return np.eye(lifted.shape[1]), lifted, np.full(len(lifted), -margin)

    def solve(shared: Any, t: Array) -> tuple[Array, Array]:
        # The original converts all matrices for every draw.
        quadratic, rows, bounds = (cvxopt.matrix(array) for array in shared)
        found = cvxopt.solvers.qp(quadratic, cvxopt.matrix(-t), rows, bounds, options=options)
        return np.array(found["x"]).ravel(), np.array(found["z"]).ravel()

    return Peer("cvxopt", share, solve)


def _daqp_peer() -> Peer:
    import daqp

    def share(lifted: Array, margin: float) -> Any:
        n_points, n_dims = lifted.shape
        upper, lower = np.full(n_points, -margin), np.full(n_points, -1e30)
        return np.eye(n_dims), lifted, upper, lower, np.zeros(n_points, dtype=np.int32)

    def solve(shared: Any, t: Array) -> tuple[Array, Array]:
        quadratic, rows, upper, lower, sense = shared
        v, _, status, info = daqp.solve(quadratic, -t, rows, upper, lower, sense)
        if status != 1:
            raise RuntimeError(f"daqp ended with status {status}")
        return v, info["lam"]

    return Peer("daqp", share, solve)


def available_peers() -> dict[str, Peer]:
    """Peers whose package is installed."""
    found = {}
    for make in (_cvxopt_peer, _daqp_peer):
        try:
            peer = make()
        except ImportError:
            continue
        found[peer.name] = peer
    return found
