"""HSIC and CKA from their definitions."""

from __future__ import annotations

import numpy as np

ESTIMATORS = {
    "biased": {"estimator": "biased"},
    "debiased": {"estimator": "debiased"},
    "lange": {"estimator": "lange"},
    "minibatch": {"estimator": "minibatch", "batch_size": 6},
}


def gram(data):
    """The linear kernel."""
    return data @ data.T


def rbf(data, bandwidth=1.0):
    """The RBF kernel, in units of the median distance, distance by distance."""
    distances = np.array([[np.linalg.norm(x - y) for y in data] for x in data])
    scale = bandwidth * np.median(distances[np.triu_indices(len(data), 1)])
    return np.exp(-(distances**2) / (2 * scale**2))


def hsic(first, second, estimator, batch_size=None):
    """HSIC by its published formula: traces and sums of whole matrices."""
    m = len(first)
    ones = np.ones(m)
    center = np.eye(m) - 1 / m
    if estimator == "biased":
        return np.trace(first @ center @ second @ center) / (m - 1) ** 2
    if estimator == "lange":
        k, h = center @ first @ center, center @ second @ center
        return sum(k[i, j] * h[i, j] for i in range(m) for j in range(m) if i != j) / (m * (m - 3))
    if estimator == "debiased":
        k, h = first - np.diag(np.diag(first)), second - np.diag(np.diag(second))
        total = np.trace(k @ h) + (ones @ k @ ones) * (ones @ h @ ones) / ((m - 1) * (m - 2))
        return (total - 2 / (m - 2) * (ones @ k @ h @ ones)) / (m * (m - 3))
    starts = list(range(0, m, batch_size))
    if m - starts[-1] < 4:
        del starts[-1]
    blocks = [slice(start, end) for start, end in zip(starts, [*starts[1:], m], strict=True)]
    return sum((b.stop - b.start) * hsic(first[b, b], second[b, b], "debiased") for b in blocks)


def cka(first, second, **options):
    """CKA of two Gram matrices."""
    own = hsic(first, first, **options) * hsic(second, second, **options)
    return hsic(first, second, **options) / np.sqrt(own)
