"""Vectors of dissimilarities and how they are compared."""

from __future__ import annotations

import neurogeom as ng
import numpy as np

COMPARISONS = ("pearson", "cosine", "spearman", "rho-a", "kendall", "tau-a", "cosine_cov", "corr_cov")
ANGULAR = ("pearson", "cosine", "spearman", "kendall", "cosine_cov", "corr_cov")


def vectors(seed, m, tied=False):
    """Two dissimilarity vectors that go together."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(m * (m - 1) // 2)
    y = x + rng.standard_normal(x.size)
    return (np.round(2 * x), np.round(y)) if tied else (x, y)


def compare(x, y, how, **options):
    """Compare two vectors of dissimilarities."""
    return ng.RSA(compare=how, **options).similarity(ng.RDM(x), ng.RDM(y))
