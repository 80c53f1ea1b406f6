"""Distance correlation, differences of RSMs, shared dimensions, intrinsic distance and single quantities."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import references
from scipy.linalg import expm
from scipy.spatial.distance import cdist, pdist


def pair(n_stimuli=20, widths=(6, 4), seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_stimuli, 3))
    return [shared @ rng.normal(size=(3, n)) + rng.normal(size=(n_stimuli, n)) + 1 for n in widths]


def centring(count):
    return np.eye(count) - 1 / count


def test_distance_correlation_reference_value():
    found = ng.DistanceCorrelation().similarity(*references.reference_data("XY"))
    assert found == pytest.approx(references.VALUES["distance_correlation(X,Y)"], rel=1e-12)


def test_debiased_distance_correlation_is_a_mean_over_quadruples():
    """U-statistic: the kernel of Szekely & Rizzo, averaged over all sets of four stimuli."""
    x, y = pair(9)
    distances = [cdist(item, item) for item in (x, y)]

    def covariance(a, b):
        m = len(a)
        total = sum(
            a[i, j] * b[i, j] + a[i, j] * b[k, q] - 2 * a[i, j] * b[i, k]
            for i in range(m)
            for j in range(m)
            for k in range(m)
            for q in range(m)
            if len({i, j, k, q}) == 4
        )
        return total

    own = [covariance(d, d) for d in distances]
    expected = covariance(*distances) / np.sqrt(own[0] * own[1])
    assert ng.DistanceCorrelation(debiased=True).similarity(x, y) == pytest.approx(expected, rel=1e-10)


def test_debiased_distance_correlation_of_unrelated_responses_is_zero_on_average():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        metric = ng.DistanceCorrelation(debiased=True)
        found.append(metric.similarity(rng.normal(size=(12, 40)), rng.normal(size=(12, 3))))
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0


def test_negative_debiased_values_are_marked():
    rng = np.random.default_rng(0)
    items = [rng.normal(size=(10, 30)) for _ in range(6)]
    found = ng.pairwise(items, ng.DistanceCorrelation(debiased=True))
    assert (found.values < 0).any()
    np.testing.assert_array_equal(found.flags, found.values < 0)


def test_equal_distances_have_no_debiased_distance_correlation():
    with pytest.raises(ValueError, match=r"all distances between stimuli of X are equal"):
        ng.DistanceCorrelation(debiased=True).similarity(np.eye(6), pair(6)[0])


@pytest.mark.parametrize("kind", ["euclidean", "cosine", "correlation"])
def test_rsm_norm_difference(kind):
    x, y = pair()
    expected = np.linalg.norm(pdist(x, kind) - pdist(y, kind))
    assert ng.RSMNormDifference(kind).distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_small_rsm_norm_differences_keep_their_digits():
    x = pair(20)[0]
    for share in (1e-3, 1e-6, 1e-9):
        expected = share * np.linalg.norm(pdist(x))
        assert ng.RSMNormDifference().distance(x, (1 + share) * x) == pytest.approx(expected, rel=1e-5)


def test_shared_dimensions_by_eigenvalues():
    x, y = pair()
    h = centring(20)
    grams = [h @ item @ item.T @ h for item in (x, y)]
    spectra = [np.linalg.eigvalsh(gram) for gram in grams]
    ratios = [values.sum() ** 2 / np.square(values).sum() for values in spectra]
    overlap = np.trace(grams[0] @ grams[1]) / (spectra[0].sum() * spectra[1].sum())
    assert ng.ENSD().similarity(x, y) == pytest.approx(ratios[0] * ratios[1] * overlap, rel=1e-12)
    assert ng.pairwise([x, y], "ensd").values[0, 0] == pytest.approx(ratios[0], rel=1e-12)


def test_intrinsic_distance_by_random_walks():
    """Their transition matrix has the eigenvalues of the graph; a matrix exponential checks one time."""
    x, y = pair(25)

    def traces(item, times):
        distances = cdist(item, item)
        nearest = np.argsort(distances, axis=1)[:, 1:6]
        linked = np.zeros((25, 25))
        for i, others in enumerate(nearest):
            linked[i, others] = linked[others, i] = 1
        laplacian = np.eye(25) - linked / linked.sum(axis=0)
        means = np.exp(-np.outer(times, np.linalg.eigvals(laplacian).real)).mean(axis=1)
        assert means[100] == pytest.approx(np.trace(expm(-times[100] * laplacian)) / 25)
        return means

    times = np.logspace(-1, 1, 256)
    found = ng.IMD().distance(x, y)
    weighted = 1e6 * np.exp(-2 * (times + 1 / times)) * abs(traces(x, times) - traces(y, times))
    assert found == pytest.approx(weighted.max(), rel=1e-8)
    order = np.random.default_rng(1).permutation(25)
    assert ng.IMD().distance(x, x[order]) == pytest.approx(0, abs=1e-7)


def test_intrinsic_distance_needs_more_stimuli_than_neighbours():
    with pytest.raises(ValueError, match=r"n_neighbors is 5, but each of the 5 stimuli of X has 4 others"):
        ng.IMD().distance(np.eye(5), np.eye(5))


def test_geometric_differences():
    x, y = pair()

    def concentricity(item):
        return np.mean(1 - cdist(item, item.mean(axis=0)[None], "cosine"))

    def uniformity(item):
        return np.log(np.mean(np.exp(-2 * cdist(item, item, "sqeuclidean"))))

    expected = {
        "magnitude": abs(np.linalg.norm(x.mean(axis=0)) - np.linalg.norm(y.mean(axis=0))),
        "concentricity": abs(concentricity(x) - concentricity(y)),
        "uniformity": abs(uniformity(x / 5) - uniformity(y / 5)),
    }
    for quantity, value in expected.items():
        scale = 0.2 if quantity == "uniformity" else 1
        metric = ng.GeometricDifference(quantity)
        assert metric.name == f"{quantity}_difference"
        assert metric.distance(scale * x, scale * y) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(
    ("quantity", "bad", "text"),
    [
        ("magnitude", np.zeros((4, 2)), "X has no response to any stimulus"),
        ("concentricity", np.eye(4)[:, :2], "in X, stimulus 2 has no response in any unit"),
        ("concentricity", np.array([[1.0, 0], [-1, 0], [0, 2], [0, -2]]), "mean response of X is zero"),
        ("uniformity", np.ones((4, 2)), "X does not vary over stimuli"),
    ],
)
def test_what_has_no_such_quantity(quantity, bad, text):
    with pytest.raises(ValueError, match=text):
        ng.GeometricDifference(quantity).distance(bad, np.eye(4) + 1)
