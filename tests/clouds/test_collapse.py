"""Neural collapse: against its definitions, its errors against deletion and simulation, and bad input."""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest

MEASURES = ("nc1", "equinorm", "equiangularity", "max_angle")


def by_definition(classes, threshold=1e-3):
    """All four, from matrices of n_features x n_features."""
    n = len(classes)
    means = np.array([cloud.mean(axis=0) for cloud in classes])
    means -= means.mean(axis=0)
    within = sum(np.cov(cloud.T, ddof=0) for cloud in classes) / n
    eigenvalues, vectors = np.linalg.eigh(means.T @ means / n)
    kept = eigenvalues > threshold * eigenvalues[-1]
    inverse = (vectors[:, kept] / eigenvalues[kept]) @ vectors[:, kept].T
    lengths = np.linalg.norm(means, axis=1)
    cosines = (means @ means.T / np.outer(lengths, lengths))[~np.eye(n, dtype=bool)]
    spread = np.abs(cosines + 1 / (n - 1)).mean()
    return [np.trace(within @ inverse) / n, lengths.std() / lengths.mean(), cosines.std(), spread]


def clouds_of(rng, sizes=(40, 30, 50, 35), n_features=9, spread=0.7):
    centers = np.random.default_rng(0).standard_normal((len(sizes), n_features))
    return [c + spread * rng.standard_normal((n, n_features)) for c, n in zip(centers, sizes, strict=True)]


def values_of(result, end=""):
    return [getattr(result, f"{name}{end}") for name in MEASURES]


# The eigenvalues between classes are 1, 0.22 and 0.1 of the largest in 9 features.
@pytest.mark.parametrize(
    ("n_features", "threshold", "kept"), [(9, 1e-3, 3), (9, 0.15, 2), (9, 0.6, 1), (60, 1e-3, 3)]
)
def test_definitions_and_deletion_of_points(n_features, threshold, kept):
    classes = clouds_of(np.random.default_rng(1), n_features=n_features)
    found = ng.neural_collapse(classes, threshold=threshold)
    np.testing.assert_allclose(values_of(found), by_definition(classes, threshold), rtol=1e-10)
    assert found.n_directions == kept
    variance = 0.0
    for c, cloud in enumerate(classes):
        without = [
            by_definition([*classes[:c], np.delete(cloud, i, axis=0), *classes[c + 1 :]], threshold)
            for i in range(len(cloud))
        ]
        variance += (len(cloud) - 1) * np.var(without, axis=0)
    # The jackknife by deletion and its limit differ by the inverse number of points.
    np.testing.assert_allclose(values_of(found, "_se"), np.sqrt(variance), rtol=4 / 30)


def test_errors_cover():
    """Nominal intervals of 95 % cover the mean over samples in about 95 % of them."""
    rng, trials = np.random.default_rng(2), 250
    results = [ng.neural_collapse(clouds_of(rng, (60,) * 4)) for _ in range(trials)]
    values, errors = (np.array([values_of(one, end) for one in results]) for end in ("", "_se"))
    covered = (np.abs(values - values.mean(axis=0)) < 1.96 * errors).mean(axis=0)
    assert (np.abs(covered - 0.95) < 0.02 + 4 * math.sqrt(0.95 * 0.05 / trials)).all()
    ratio = np.sqrt((errors**2).mean(axis=0)) / values.std(axis=0, ddof=1)
    assert (np.abs(ratio - 1) < 0.05 + 4 / math.sqrt(2 * trials)).all()


def test_collapsed_classes():
    simplex = np.eye(5, 8)[:, None] * 3 + np.zeros((5, 4, 1))
    found = ng.neural_collapse(simplex)
    np.testing.assert_allclose(values_of(found), 0, atol=1e-14)
    assert found.n_directions == 4
    np.testing.assert_allclose(found.center_norm, 3 * math.sqrt(0.8))
    np.testing.assert_allclose(found.radius, 0, atol=1e-12)


def test_two_classes_are_one_direction():
    """Then NC1 is the sum of the variances along it, over twice the squared half-distance, over two."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 50, 1))
    x[1] += 5
    half = (x[1].mean() - x[0].mean()) / 2
    found = ng.neural_collapse(np.concatenate([x, rng.standard_normal((2, 50, 0))], axis=2))
    assert found.nc1 == pytest.approx((x[0].var() + x[1].var()) / 2 / half**2 / 2, rel=1e-12)
    assert found.equiangularity == pytest.approx(0, abs=1e-15)


def test_scale_of_features_that_do_not_separate():
    """A large common offset and silent features change nothing."""
    classes = clouds_of(np.random.default_rng(4))
    found = ng.neural_collapse(classes)
    moved = [np.pad(cloud, ((0, 0), (2, 3))) + 1e4 for cloud in classes]
    np.testing.assert_allclose(values_of(ng.neural_collapse(moved)), values_of(found), rtol=1e-9)


def test_a_mean_that_is_the_mean_of_all():
    classes = [np.array([[0.0, 1.0], [0.0, -1.0]]), np.eye(2) + 1, -np.eye(2) - 1]
    with pytest.warns(ng.ConvergenceWarning, match="manifold a: the class mean is zero") as caught:
        found = ng.neural_collapse(dict(zip("abc", classes, strict=True)))
    assert {one.filename for one in caught} == {__file__}
    assert found.status == 2
    assert np.isfinite([found.nc1, found.nc1_se]).all()
    assert np.isnan([found.equiangularity, found.max_angle]).all()


def test_one_point_leaves_no_error():
    classes = clouds_of(np.random.default_rng(5))
    found = ng.neural_collapse([classes[0][:1], *classes[1:]])
    assert np.isfinite(values_of(found)).all()
    assert np.isnan(values_of(found, "_se")).all()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, np.nan])
def test_bad_threshold(threshold):
    with pytest.raises(ValueError, match="threshold must"):
        ng.neural_collapse(clouds_of(np.random.default_rng(6)), threshold=threshold)


def test_one_class():
    with pytest.raises(ValueError, match="manifolds holds one manifold"):
        ng.neural_collapse([np.eye(3)])
