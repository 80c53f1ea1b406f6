"""Items and metrics for tests of preparation from blocks of units."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
from neurogeom.representations import blocks, items

from helpers.items import METRICS, metric_of

M, N, WIDTH = 24, 61, 7

WHOLE_ONLY = {
    "permutation": ng.Permutation(),
    "pwcca": ng.PWCCA(),
    "affine_invariant": ng.AffineInvariant(),
    "kernel_ridge": ng.KernelRidge(),
    "matched_correlation": ng.MatchedCorrelation(),
    "pls": ng.PLS(),
    "soft_matching": ng.SoftMatching(),
    "ridge(pearson)": ng.Ridge(score="pearson"),
    "cka(callable)": ng.CKA(lambda data: data @ data.T),
    "cka(rbf, minibatch)": ng.CKA("rbf", "minibatch", batch_size=8),
    "mahalanobis": ng.RSA("mahalanobis", noise_covariance=np.ones(N)),
    "crossnobis": ng.RSA("crossnobis", folds=np.repeat([0, 1], M // 2)),
}
STREAMING = {name: metric_of(name) for name in METRICS if name not in WHOLE_ONLY}
OPTIONS = {
    "shape(0.5)": ng.ShapeMetric(0.5, whiten_scale="unit"),
    "procrustes(euclidean, uncentered)": ng.Procrustes(score="euclidean", center=False),
    "cca(tolerance)": ng.CCA(rank_tolerance=1e-6),
    "cca(uncentered)": ng.CCA(center=False),
    "svcca(3)": ng.SVCCA(n_components=3),
    "subspace(3)": ng.SubspaceDistance(n_components=3),
    "cka(biased)": ng.CKA(estimator="biased"),
    "cka(biased, uncentered)": ng.CKA(estimator="biased", center=False),
    "cka(lange)": ng.CKA(estimator="lange"),
    "cka(minibatch)": ng.CKA(estimator="minibatch", batch_size=7),
    "cka(rbf)": ng.CKA("rbf"),
    "cka(rbf, lange)": ng.CKA("rbf", "lange", bandwidth=0.4),
    "rsa(sqeuclidean)": ng.RSA("sqeuclidean", "cosine_cov"),
    "rsa(euclidean)": ng.RSA("euclidean", "pearson"),
    "rsa(cosine)": ng.RSA("cosine", "tau-a"),
    "rsa(kendall)": ng.RSA("correlation", "kendall"),
    "ridge(3 folds)": ng.Ridge(0.1, folds=3),
}
ALL = {**STREAMING, **OPTIONS}
for name, metric in ALL.items():
    metric.name = name  # options that results do not name
KINDS = ("sqeuclidean", "euclidean", "correlation", "cosine", "poisson")


def set_blocks(monkeypatch, n_stimuli=M, width=WIDTH):
    """Have items of few units read in blocks of this many."""
    monkeypatch.setattr(items, "LARGE_ITEM_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * n_stimuli * width)
    monkeypatch.setattr(blocks, "LEAST_WIDTH", 1)


def low_rank(seed, rank=6, m=M, n=N):
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(99).normal(size=(m, 3))
    parts = [common, rng.normal(size=(m, rank - 3))]
    return np.hstack(parts) @ rng.normal(size=(rank, n)) + rng.normal(size=n)


def full_rank(seed):
    return low_rank(seed) + 0.3 * np.random.default_rng(seed + 50).normal(size=(M, N))


def with_constants(seed):
    X = full_rank(seed)
    X[:, ::3], X[:, 7:21] = 0.1, -3.0  # whole blocks among them
    return X


def few_vary(seed):
    X = np.full((M, N), 2.5)
    X[:, [3, 20, 21, 60]] = full_rank(seed)[:, :4]
    return X


def with_duplicates(seed):
    X = full_rank(seed)
    X[5], X[9], X[10] = X[3], X[3], 3 * X[2]
    return X


def with_outlier(seed):
    X = full_rank(seed)
    X[4] += 30.0
    return X


def mixed_scales(seed):
    """The largest units come last."""
    return full_rank(seed) * np.logspace(-6, 6, N)


CASES = {
    "full rank": full_rank,
    "low rank": low_rank,
    "constant units": with_constants,
    "few vary": few_vary,
    "offset": lambda seed: full_rank(seed) + 1e6,
    "duplicates": with_duplicates,
    "outlier": with_outlier,
    "mixed scales": mixed_scales,
    "1e-8": lambda seed: 1e-8 * full_rank(seed),
    "1e8": lambda seed: 1e8 * full_rank(seed),
    "1e-100": lambda seed: 1e-100 * low_rank(seed),
    "1e100": lambda seed: 1e100 * low_rank(seed),
    "float32": lambda seed: full_rank(seed).astype(np.float32),
    "float16": lambda seed: full_rank(seed).astype(np.float16),
    "int16": lambda seed: np.round(5 * full_rank(seed)).astype(np.int16),
    "bool": lambda seed: full_rank(seed) > 0,
    "Fortran order": lambda seed: np.asfortranarray(full_rank(seed)),
}


def values_of(items, metrics=ALL, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of as many units as stimuli
        found = ng.pairwise(items, list(metrics.values()), **options)
    return {name: found[metric.name].values for name, metric in metrics.items()}
