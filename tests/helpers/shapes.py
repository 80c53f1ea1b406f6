"""Shape distances by their definitions, with residuals in long double."""

from __future__ import annotations

import numpy as np


def partially_whitened(data, alpha, tolerance=1e-12):
    """Centred responses with singular values s -> alpha s + 1 - alpha, of the same Frobenius norm as before.

    A float64 decomposition finds the directions; everything else is in long double.
    """
    exact = np.asarray(data, dtype=np.longdouble)
    exact = exact - exact.mean(axis=0)
    if alpha == 1:
        return exact
    _, s, vt = np.linalg.svd(exact.astype(np.float64), full_matrices=False)
    kept = s > tolerance * s[0]
    new = alpha + (1 - alpha) / np.asarray(s[kept], dtype=np.longdouble)
    whitened = (exact @ vt[kept].T) * new @ vt[kept]
    return whitened * (length(exact) / length(whitened))


def length(matrix):
    return np.sqrt(np.square(matrix).sum())


def best_rotation(x, y):
    """The orthogonal matrix that takes y nearest to x, both of the same width."""
    u, _, vt = np.linalg.svd((y.T @ x).astype(np.float64))
    q = (u @ vt).astype(np.longdouble)
    return q @ (3 * np.eye(len(q)) - q.T @ q) / 2  # orthogonal to long double


def padded_alike(x, y):
    width = max(x.shape[1], y.shape[1])
    return [np.pad(side, ((0, 0), (0, width - side.shape[1]))) for side in (x, y)]


def distance(x, y, alpha=1.0, score="angular"):
    """The residual of the best rotation, explicitly; no cancellation however near the two are."""
    x, y = padded_alike(partially_whitened(x, alpha), partially_whitened(y, alpha))
    if score == "angular":
        x, y = x / length(x), y / length(y)
    residual = length(x - y @ best_rotation(x, y))
    return float(2 * np.arcsin(residual / 2) if score == "angular" else residual)


def by_singular_values(x, y, alpha=1.0, score="angular"):
    """From the norms and the nuclear norm, in float64: half of the digits where the two are near."""
    x, y = (partially_whitened(side, alpha).astype(np.float64) for side in (x, y))
    a, b = np.linalg.norm(x), np.linalg.norm(y)
    inner = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    if score == "angular":
        return float(np.arccos(min(inner / (a * b), 1)))
    return float(np.sqrt(max(a * a + b * b - 2 * inner, 0)))


def low_rank(rng, n_stimuli, n_units, rank):
    """Responses that vary in few dimensions, each unit with a mean of the size of its spread."""
    data = rng.normal(size=(n_stimuli, rank)) @ rng.normal(size=(rank, n_units)) / np.sqrt(rank)
    return data + rng.uniform(-1, 1, n_units) * data.std(axis=0)
