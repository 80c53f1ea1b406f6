"""Cone problems of many kinds and the references that their projections are held against."""

from __future__ import annotations

from fractions import Fraction

import daqp
import numpy as np
import scipy.linalg
import scipy.optimize


def unit_rows(points):
    """Rows of length 1 (zero rows stay), without overflow at any scale."""
    return (np.asarray(points, dtype=np.longdouble) / lengths_of(points)[:, None]).astype(np.float64)


def lengths_of(rows):
    """Euclidean lengths in long double, 1 for a zero row."""
    rows = np.asarray(rows, dtype=np.longdouble)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    return np.where(lengths == 0, 1, lengths)


def kkt_residual(points, targets, projection, weights=None, margin=0.0):
    """Largest relative violation of the optimality conditions, for each target, in long double.

    The conditions are s_i.v <= -margin, q.v = -margin sum(a) and a >= 0, for v = t - q. Lengths of targets
    are enlarged by the least length of v that the margin asks for.
    """
    s, t, q = (np.asarray(x, dtype=np.longdouble) for x in (points, targets, projection))
    lengths = lengths_of(s)
    size = lengths_of(t) + max(margin, 0) / lengths.min()
    v = t - q
    primal = (np.maximum(0, v @ s.T + margin) / lengths).max(axis=1) / size
    slack, negative = (q * v).sum(axis=1), np.zeros(len(t))
    if weights is not None:
        a = np.asarray(weights, dtype=np.longdouble)
        slack += margin * a.sum(axis=1)
        negative = np.maximum(0, -a * lengths).max(axis=1) / size
    return np.stack([primal, np.abs(slack) / size**2, negative]).max(axis=0).astype(np.float64)


def combination_error(points, targets, projection, weights):
    """How far weights @ points is from the projection, relative to the terms of that sum."""
    s, q, a = (np.asarray(x, dtype=np.longdouble) for x in (points, projection, weights))
    size = lengths_of(targets) + np.abs(a) @ lengths_of(s)
    return (np.sqrt(((a @ s - q) ** 2).sum(axis=1)) / size).astype(np.float64)


def relative_distance(first, second, targets):
    """Distances of rows in units of the targets' lengths."""
    gap = np.asarray(first, dtype=np.longdouble) - np.asarray(second, dtype=np.longdouble)
    return (np.sqrt((gap * gap).sum(axis=1)) / lengths_of(targets)).astype(np.float64)


def nnls(A, b, certified=True):
    """The weights w >= 0 with the least |A w - b|, and that length, by Lawson and Hanson's algorithm.

    SciPy's is not always right (that of 1.15 in small problems with independent columns). What this one gives
    fulfils the optimality conditions to 1e-12, or it raises.
    """
    weights, active, refused = np.zeros(A.shape[1]), *np.zeros((2, A.shape[1]), dtype=bool)
    scale = lengths_of(A.T).astype(np.float64) * float(lengths_of(b[None])[0])
    for _ in range(10 * A.shape[1] + 10):
        price = A.T @ (b - A @ weights) / scale
        price[active | refused] = -np.inf
        new = price.argmax()
        if price[new] <= 1e-15:
            break
        active[new] = True
        while True:
            z = np.zeros_like(weights)
            # Columns that only rounding calls independent share their weight.
            z[active] = scipy.linalg.lstsq(A[:, active], b, cond=1e-13, lapack_driver="gelsy")[0]
            if z[new] <= 0 and weights[new] == 0:  # only rounding calls it independent of the active ones
                active[new], refused[new] = False, True
                break
            if (z[active] > 0).all():
                weights, refused[:] = z, False
                break
            falling = np.flatnonzero(active & (z <= 0))
            steps = weights[falling] / (weights[falling] - z[falling])
            weights += steps.min() * (z - weights)
            weights[falling[steps == steps.min()]] = 0
            active &= weights > 0
            weights[~active] = 0
    rest = b - A @ weights
    if certified:
        price = A.T @ rest / scale
        assert price.max() <= 1e-12
        assert (np.abs(price[active]) <= 1e-12).all()
    return weights, np.linalg.norm(rest)


def nnls_projection(points, targets):
    """Projections by non-negative least squares on the points' directions; the user checks them."""
    rows = unit_rows(points).T
    out = []
    for t in np.asarray(targets, dtype=np.float64):
        size = float(lengths_of(t[None])[0])
        weights, _ = nnls(rows, t / size, certified=False)
        out.append(rows @ weights * size)
    return np.array(out)


def daqp_projection(points, targets, margin=0.0):
    """Projections t - v by the dual active-set solver; NaN where it finds no v or gives up.

    Returns them with the exit flags (1 solved, -1 infeasible).
    """
    points, targets = (np.asarray(x, dtype=np.float64) for x in (points, targets))
    lengths = lengths_of(points).astype(np.float64)
    keep = points.any(axis=1)
    A = np.ascontiguousarray(unit_rows(points)[keep])
    out = np.full(targets.shape, np.nan)
    flags = np.empty(len(targets), dtype=int)
    for i, t in enumerate(targets):
        size = float(lengths_of(t[None])[0])
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


def near_duplicates(rng, n_points, n_dims, change=0.0):
    """Few different points, several times each, moved by `change`."""
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
    angle = 2 * np.pi * (np.arange(n_points) + 0.2) / n_points
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
    "duplicates": near_duplicates,
    "near 1e-6": lambda rng, m, n: near_duplicates(rng, m, n, 1e-6),
    "near 1e-9": lambda rng, m, n: near_duplicates(rng, m, n, 1e-9),
    "near 1e-12": lambda rng, m, n: near_duplicates(rng, m, n, 1e-12),
    "rank deficient": _rank_deficient,
    "line": _line,
    "circle": _circle,
    "cross": _cross,
    "zeros": _zeros,
    "mixed norms": _mixed_norms,
    "extreme scales": _extreme_scales,
}


TARGETS = ("any", "inside", "away", "ray")


def cone_targets(rng, points, count, kinds=TARGETS):
    """Targets of these kinds in turn: anywhere, in the cone, away from it, near a ray of it."""
    units = unit_rows(points)
    n_points, n_dims = units.shape
    targets = rng.standard_normal((count, n_dims))
    for i in range(count):
        kind = kinds[i % len(kinds)]
        if kind == "inside":
            targets[i] = rng.exponential(size=n_points) @ units
        elif kind == "away":
            targets[i] -= 3 * units.mean(axis=0) * np.sqrt(n_dims)
        elif kind == "ray":
            targets[i] = units[rng.integers(n_points)] + 0.1 * targets[i]
    return targets


def exact_projection(points, target, start=()):
    """Projection in rational arithmetic (Lawson-Hanson without rounding), rounded at the end.

    `start` are points to begin with; they change nothing but the time.
    """
    s = [[Fraction(x) for x in row] for row in np.asarray(points, dtype=float).tolist()]
    t = [Fraction(x) for x in np.asarray(target, dtype=float).tolist()]
    gram: dict[tuple[int, int], Fraction] = {}

    def product(i, j):
        key = (min(i, j), max(i, j))
        if key not in gram:
            gram[key] = _dot(s[i], s[j])
        return gram[key]

    b = [_dot(row, t) for row in s]
    weights: dict[int, Fraction] = {}
    queue = list(start)
    while True:
        price = {
            i: b[i] - sum((a * product(i, j) for j, a in weights.items()), Fraction(0))
            for i in (queue or range(len(s)))
            if i not in weights
        }
        new = max(price, key=lambda i: price[i], default=None)
        if new is None or price[new] <= 0:
            if not queue:
                break
            queue = []
            continue
        # A violated point is independent of the active ones: they are all orthogonal to v, it is not.
        weights[new] = Fraction(0)
        while True:
            active = list(weights)
            best = _solve([[product(i, j) for j in active] for i in active], b, active)
            z = dict(zip(active, best, strict=True))
            if min(z.values()) > 0:
                weights = z
                break
            step = min(weights[i] / (weights[i] - z[i]) for i in active if z[i] <= 0)
            weights = {i: weights[i] + step * (z[i] - weights[i]) for i in active}
            weights = {i: a for i, a in weights.items() if a > 0}
    q = [sum((a * s[i][d] for i, a in weights.items()), Fraction(0)) for d in range(len(t))]
    return np.array([float(x) for x in q])


def _dot(x, y):
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def _solve(matrix, values, index):
    """Solve a positive definite system of fractions by elimination."""
    rows = [[*row, values[i]] for row, i in zip(matrix, index, strict=True)]
    n = len(rows)
    for k in range(n):
        for r in range(k + 1, n):
            factor = rows[r][k] / rows[k][k]
            rows[r] = [x - factor * y for x, y in zip(rows[r], rows[k], strict=True)]
    solution = [Fraction(0)] * n
    for k in reversed(range(n)):
        solution[k] = (rows[k][n] - _dot(rows[k][k + 1 : n], solution[k + 1 :])) / rows[k][k]
    return solution


def has_margin(points):
    """Whether some v has points @ v < 0 throughout, by linear programming on the points' directions."""
    rows = unit_rows(points)
    n = rows.shape[1]
    # maximise m subject to rows @ v + m <= 0, |v_i| <= 1
    result = scipy.optimize.linprog(
        np.append(np.zeros(n), -1.0),
        A_ub=np.column_stack([rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * n + [(None, None)],
    )
    return result.x[-1] > 1e-7
