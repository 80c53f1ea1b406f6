"""All registered measures, and some with other options than their defaults, by name."""

from __future__ import annotations

import neurogeom as ng

REGISTERED = {name: make() for name, make in ng.metrics.METRICS.items()}
WITH_OPTIONS = {
    metric.name: metric
    for metric in (
        ng.AffineInvariant(0.5),
        ng.Bures(normalize=True),
        ng.CKA(estimator="biased"),
        ng.CKA(estimator="biased", center=False),
        ng.CKA(estimator="biased", score="angular"),
        ng.CKA(estimator="lange"),
        ng.CKA(score="angular"),
        ng.CKA(estimator="minibatch", batch_size=6),
        ng.CKA("rbf"),
        ng.DistanceCorrelation(debiased=True),
        ng.EigenspaceOverlap(center=True),
        ng.EigenspaceOverlap(n_components=2),
        ng.GULP(0),
        ng.GULP(0.5),
        ng.LinearR2(center=False),
        ng.MeanCCA(center=False),
        ng.MeanCCA(squared=True),
        ng.MatchedCorrelation("best"),
        ng.MatchedCorrelation("soft"),
        ng.NBS(center=False),
        ng.Neighbours(center=True),
        ng.Neighbours("jaccard", 5, distance="euclidean"),
        ng.Neighbours("cknna", 5, distance="correlation"),
        ng.Permutation(score="euclidean"),
        ng.PWCCA(center=False),
        ng.Procrustes(score="euclidean", center=False),
        ng.RSMNormDifference("cosine"),
        ng.RSA("cosine", "rho-a"),
        ng.RSA("correlation", "pearson", score="angular"),
        ng.RSA("euclidean", "kendall"),
        ng.RSA("sqeuclidean", "cosine_cov"),
        ng.Ridge(0.0),
        ng.Ridge(folds=4, score="pearson"),
        ng.SVCCA(0.8),
        ng.SVCCA(n_components=2),
        ng.SVCCA(squared=True),
        ng.ShapeMetric(0.3, whiten_scale="unit"),
        ng.ShapeMetric(0.5),
        ng.ShapeMetric(0.5, score="euclidean"),
        ng.SoftMatching(center=False),
        ng.SoftMatching(score="correlation"),
        ng.SubspaceDistance("chordal", n_components=2),
        ng.SubspaceDistance("grassmann", center=False),
        ng.SubspaceDistance("projection", n_components=2),
    )
}
METRICS = REGISTERED | WITH_OPTIONS
