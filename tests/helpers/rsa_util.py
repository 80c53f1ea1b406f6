"""Data of the RSA tests."""

from __future__ import annotations

import neurogeom as ng
import numpy as np

COMPARISONS = ("pearson", "cosine", "spearman", "rho-a", "kendall", "tau-a", "cosine_cov", "corr_cov")
ANGULAR = ("pearson", "cosine", "spearman", "kendall", "cosine_cov", "corr_cov")


def reference_data():
    """Two representations that the values of shape_reference.json belong to."""
    rng = np.random.default_rng(211014739)
    Z, A1, A2 = (rng.standard_normal(shape) for shape in ((40, 6), (6, 12), (6, 9)))
    X = Z @ A1 + 0.5 * rng.standard_normal((40, 12)) + 1.0
    Y = Z @ A2 + 0.5 * rng.standard_normal((40, 9)) - 0.5
    return X, Y


def vectors(seed, m, tied=False):
    """Two dissimilarity vectors that go together."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(m * (m - 1) // 2)
    y = x + rng.standard_normal(x.size)
    return (np.round(2 * x), np.round(y)) if tied else (x, y)


def compare(x, y, how, **options):
    """Compare two vectors of dissimilarities."""
    return ng.RSA(compare=how, **options).similarity(ng.RDM(x), ng.RDM(y))
