"""Cone problems of many kinds and the references that their projections are held against."""

from __future__ import annotations

import daqp
import numpy as np
import scipy.optimize


def unit_rows(points):
    """Rows of length 1 (zero rows stay), without overflow at any scale."""
    rows = np.asarray(points, dtype=np.longdouble)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    return (rows / np.where(lengths == 0, 1, lengths)[:, None]).astype(np.float64)


def kkt_residual(points, targets, projection, weights, margin=0.0):
    """Largest relative violation of the optimality conditions, for each target, in long double."""
    s, t, q, a = (np.asarray(x, dtype=np.longdouble) for x in (points, targets, projection, weights))
    lengths = np.sqrt((s * s).sum(axis=1))
    lengths[lengths == 0] = 1
    v = t - q
    size = np.sqrt((t * t).sum(axis=1)) + abs(margin) * (1 / lengths).max() * (margin != 0)
    size[size == 0] = 1
    primal = (np.maximum(0, v @ s.T + margin) / lengths).max(axis=1) / size
    slack = np.abs((q * v).sum(axis=1) + margin * a.sum(axis=1)) / size**2
    negative = np.maximum(0, -a * lengths).max(axis=1) / size
    # The projection must be the combination of the points that the weights say.
    combination = np.sqrt(((a @ s - q) ** 2).sum(axis=1)) / size
    return np.stack([primal, slack, negative, combination]).max(axis=0).astype(np.float64)


def nnls_projection(points, targets):
    """Projections by SciPy's non-negative least squares on the points' directions."""
    rows = unit_rows(points).T
    out = []
    for t in np.asarray(targets, dtype=np.float64):
        size = float(np.sqrt((t.astype(np.longdouble) ** 2).sum())) or 1.0
        weights, _ = scipy.optimize.nnls(rows, t / size, maxiter=50 * max(rows.shape))
        out.append(rows @ weights * size)
    return np.array(out)


def daqp_projection(points, targets, margin=0.0):
    """Projections t - v by the dual active-set solver; NaN where it finds no v or gives up.

    Returns them with the exit flags (1 solved, -1 infeasible).
    """
    points, targets = (np.asarray(x, dtype=np.float64) for x in (points, targets))
    lengths = np.sqrt((points.astype(np.longdouble) ** 2).sum(axis=1)).astype(np.float64)
    keep = lengths > 0
    A = np.ascontiguousarray(unit_rows(points)[keep])
    out = np.full(targets.shape, np.nan)
    flags = np.empty(len(targets), dtype=int)
    for i, t in enumerate(targets):
        size = float(np.sqrt((t.astype(np.longdouble) ** 2).sum())) or 1.0
        v, _, flags[i], _ = daqp.solve(
            np.eye(len(t)),
            -t / size,
            A,
            -margin / lengths[keep] / size + np.zeros(len(A)),
            np.full(len(A), -1e30),
            np.zeros(len(A), dtype=np.int32),
            primal_tol=1e-12,
            dual_tol=1e-14,
            eps_prox=0.0,
        )
        if flags[i] > 0:
            out[i] = t - v * size
    return out, flags


def _gaussian(rng, n_points, n_dims):
    return rng.standard_normal((n_points, n_dims))


def _lifted(rng, n_points, n_dims):
    points = rng.standard_normal((n_points, n_dims)) * rng.choice([0.1, 1.0, 4.0])
    points[:, -1] = 1
    return points


def _duplicates(rng, n_points, n_dims, change=0.0):
    points = rng.standard_normal((n_points, n_dims))
    points = points[rng.integers(0, max(1, n_points // 2), n_points)]
    return points + change * rng.standard_normal(points.shape)


def _rank_deficient(rng, n_points, n_dims):
    rank = max(1, min(n_points, n_dims) // 2)
    return rng.standard_normal((n_points, rank)) @ rng.standard_normal((rank, n_dims))


def _line(rng, n_points, n_dims):
    """Lifted points on a line: only the two ends matter."""
    points = np.outer(np.linspace(-1, 1, n_points), rng.standard_normal(n_dims))
    points[:, -1] = 1
    return points


def _circle(rng, n_points, n_dims):
    points = np.zeros((n_points, n_dims))
    angle = 2 * np.pi * np.arange(n_points) / n_points
    points[:, 0] = np.cos(angle)
    points[:, 1 % n_dims] += np.sin(angle)
    points[:, -1] += 1
    return points


def _cross(rng, n_points, n_dims):
    """Both signs of each axis, in turn; with all of them the cone is the whole space."""
    points = np.zeros((n_points, n_dims))
    index = np.arange(n_points)
    points[index, (index // 2) % n_dims] = rng.choice([0.5, 1.0, 2.0], n_points) * (-1.0) ** index
    return points


def _zeros(rng, n_points, n_dims):
    points = rng.standard_normal((n_points, n_dims))
    points[rng.random(n_points) < 0.3] = 0
    return points


def _mixed_norms(rng, n_points, n_dims):
    return rng.standard_normal((n_points, n_dims)) * 10.0 ** rng.uniform(-8, 8, (n_points, 1))


def _extreme_scales(rng, n_points, n_dims):
    return rng.standard_normal((n_points, n_dims)) * 10.0 ** rng.uniform(-150, 150, (n_points, 1))


FAMILIES = {
    "gaussian": _gaussian,
    "lifted": _lifted,
    "duplicates": _duplicates,
    "near 1e-6": lambda rng, m, n: _duplicates(rng, m, n, 1e-6),
    "near 1e-9": lambda rng, m, n: _duplicates(rng, m, n, 1e-9),
    "near 1e-12": lambda rng, m, n: _duplicates(rng, m, n, 1e-12),
    "rank deficient": _rank_deficient,
    "line": _line,
    "circle": _circle,
    "cross": _cross,
    "zeros": _zeros,
    "mixed norms": _mixed_norms,
    "extreme scales": _extreme_scales,
}


def cone_targets(rng, points, count):
    """Targets of four kinds in turn: anywhere, in the cone, away from it, at a ray of it."""
    units = unit_rows(points)
    n_points, n_dims = units.shape
    targets = rng.standard_normal((count, n_dims))
    for i in range(count):
        if i % 4 == 1:
            targets[i] = rng.exponential(size=n_points) @ units
        elif i % 4 == 2:
            targets[i] -= 3 * units.mean(axis=0) * np.sqrt(n_dims)
        elif i % 4 == 3:
            targets[i] = units[rng.integers(n_points)] + 0.1 * targets[i]
    return targets
