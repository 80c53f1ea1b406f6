"""Dissimilarities of one representation: definitions, accuracy where products cancel, input."""

from __future__ import annotations

from fractions import Fraction

import neurogeom as ng
import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

RNG = np.random.default_rng(20261122)
X = RNG.standard_normal((17, 9)) @ RNG.standard_normal((9, 9)) + 2
COUNTS = RNG.poisson(3.0, (17, 9))


def covariance(n, rng=RNG, scale=1.0):
    root = rng.standard_normal((n, n + 3))
    return scale * (root @ root.T / n + 0.1 * np.eye(n))


def noisy_copies(n_folds=3, n_stimuli=5, n_units=6, seed=4):
    """Observations, stimuli and folds in shuffled order, one or two of each cell."""
    rng = np.random.default_rng(seed)
    patterns = rng.standard_normal((n_stimuli, n_units))
    cells = [(f, s) for f in range(n_folds) for s in range(n_stimuli) for _ in range(1 + (f + s) % 2)]
    cells = [cells[i] for i in rng.permutation(len(cells))]
    folds, stimuli = np.array(cells).T
    data = patterns[stimuli] + 0.7 * rng.standard_normal((len(cells), n_units))
    return data, folds, stimuli


# ---- definitions


@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (30, 4), (12, 40)])
def test_euclidean_kinds_are_those_of_scipy(shape):
    data = np.random.default_rng(shape).standard_normal(shape) + 3
    n = shape[1]
    for kind, expected in (
        ("sqeuclidean", pdist(data, "sqeuclidean") / n),
        ("euclidean", pdist(data) / np.sqrt(n)),
        ("cosine", pdist(data, "cosine")),
        *([("correlation", pdist(data, "correlation"))] if n > 1 else []),
    ):
        result = ng.rdm(data, kind)
        assert isinstance(result, ng.RDM)
        np.testing.assert_allclose(result.condensed, expected, rtol=1e-12, atol=1e-14)


def test_mahalanobis_is_that_of_scipy():
    sigma = covariance(9)
    expected = pdist(X, "mahalanobis", VI=np.linalg.inv(sigma)) ** 2 / 9
    np.testing.assert_allclose(ng.rdm(X, "mahalanobis", noise_covariance=sigma).condensed, expected, 1e-10)
    variances = np.diag(sigma)
    expected = pdist(X, "seuclidean", V=variances) ** 2 / 9
    for noise in (variances, np.diag(variances), lambda data: np.diag(sigma) + 0 * data[0]):
        found = ng.rdm(X, "mahalanobis", noise_covariance=noise).condensed
        np.testing.assert_allclose(found, expected, 1e-12)


def test_mahalanobis_of_units_of_very_different_scale():
    sigma, scale = covariance(9), 10.0 ** np.arange(-8, 1)
    plain = ng.rdm(X, "mahalanobis", noise_covariance=sigma).condensed
    scaled = ng.rdm(X * scale, "mahalanobis", noise_covariance=sigma * scale * scale[:, None]).condensed
    np.testing.assert_allclose(scaled, plain, 1e-10)


@pytest.mark.parametrize(("prior_lambda", "prior_weight"), [(1.0, 0.1), (2.0, 0.5)])
def test_poisson_is_the_symmetrised_divergence(prior_lambda, prior_weight):
    rates = (COUNTS + prior_lambda * prior_weight) / (1 + prior_weight)

    def divergence(x, y):  # of Poisson variables with these means
        return (x * np.log(x / y) - x + y).sum()

    expected = pdist(rates, lambda x, y: (divergence(x, y) + divergence(y, x)) / 9)
    found = ng.rdm(COUNTS, "poisson", prior_lambda=prior_lambda, prior_weight=prior_weight).condensed
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    without_prior = ng.rdm(rates, "poisson", prior_weight=0).condensed
    np.testing.assert_allclose(without_prior, expected, rtol=1e-12, atol=1e-15)


def crossnobis_by_definition(data, folds, stimuli, precision):
    labels, n = list(dict.fromkeys(stimuli.tolist())), data.shape[1]
    found = np.zeros((len(labels), len(labels)))
    distinct = np.unique(folds)
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            products = []
            for k in distinct:
                for other in distinct:
                    if k != other:
                        x, y = (
                            data[(folds == f) & (stimuli == a)].mean(axis=0)
                            - data[(folds == f) & (stimuli == b)].mean(axis=0)
                            for f in (k, other)
                        )
                        products.append(x @ precision @ y / n)
            found[i, j] = np.mean(products)
    return squareform(found, checks=False), labels


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_crossnobis_by_definition(n_folds):
    data, folds, stimuli = noisy_copies(n_folds)
    sigma = covariance(6)
    for noise, precision in ((None, np.eye(6)), (sigma, np.linalg.inv(sigma))):
        expected, labels = crossnobis_by_definition(data, folds, stimuli, precision)
        result = ng.rdm(data, "crossnobis", folds=folds, stimuli=stimuli, noise_covariance=noise)
        np.testing.assert_allclose(result.condensed, expected, rtol=1e-10, atol=1e-13)
        assert result.ids.tolist() == labels
    names = np.array(["cat", "dog", "car", "cup", "sky"])[stimuli]
    named = ng.rdm(data, "crossnobis", folds=folds.astype(str), stimuli=names, noise_covariance=sigma)
    np.testing.assert_array_equal(named.condensed, result.condensed)
    assert named.ids[0] == names[0]


def test_crossnobis_without_stimuli_goes_by_place_in_the_fold():
    data = RNG.standard_normal((12, 5))
    folds, stimuli = np.tile([0, 1, 2], 4), np.repeat(np.arange(4), 3)
    by_label = ng.rdm(data, "crossnobis", folds=folds, stimuli=stimuli)
    by_place = ng.rdm(data, "crossnobis", folds=folds)
    np.testing.assert_array_equal(by_place.condensed, by_label.condensed)
    assert by_place.ids is None


def test_crossnobis_is_unbiased_and_has_negative_values():
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(4), 30)
    values = ng.rdm(rng.standard_normal((120, 50)) + 5, "crossnobis", folds=folds).condensed
    assert (values < 0).mean() == pytest.approx(0.5, abs=0.15)
    assert abs(values.mean()) < 0.03  # against 0.5 for sqeuclidean of the means


def test_labels_of_a_representation_are_kept():
    item = ng.Representation(X, ids=np.arange(17) * 2, name="V1")
    result = ng.rdm(item)
    assert result.name == "V1"
    assert result.ids.tolist() == list(range(0, 34, 2))
    np.testing.assert_array_equal(result.condensed, ng.rdm(X, "correlation").condensed)
    frame = pandas.DataFrame({"name": [1.0, 2, 4], "name2": [3.0, 1, 0]})
    assert ng.rdm(frame, "cosine").name is None  # an attribute of that name is a column


# ---- accuracy


@given(st.integers(0, 1000), st.sampled_from([2.0**-27, 1.0, 2.0**27]), st.sampled_from([0.0, 1.0, 1e6]))
@settings(max_examples=40, deadline=None)
def test_scale_and_offset(seed, scale, offset):
    rng = np.random.default_rng(seed)
    data = np.round(rng.standard_normal(rng.integers(3, 12, 2)), 6) + 0.5
    for kind, power in (("sqeuclidean", 2), ("euclidean", 1), ("correlation", 0), ("cosine", 0)):
        moved = data + (offset if power else 0)
        expected = ng.rdm(moved, kind).condensed * scale**power
        np.testing.assert_allclose(ng.rdm(moved * scale, kind).condensed, expected, 1e-13)
    # Rounding of the data themselves, by the offset.
    np.testing.assert_allclose(
        ng.rdm(data + offset, "sqeuclidean").condensed, pdist(data, "sqeuclidean") / data.shape[1], 1e-7
    )


@pytest.mark.parametrize("change", [1e-3, 1e-6, 1e-9])
def test_near_zero_distances_are_not_rounding(change):
    data = np.vstack([X, X[:4] + change * RNG.standard_normal((4, 9))])
    near = [(i, 17 + i) for i in range(4)]
    found = ng.rdm(data, "sqeuclidean").square
    directions = [[Fraction(v) for v in row] for row in data.tolist()]
    for i, j in near:
        exact = sum((a - b) ** 2 for a, b in zip(directions[i], directions[j], strict=True)) / 9
        assert found[i, j] == pytest.approx(float(exact), rel=1e-6 if change == 1e-9 else 1e-9, abs=0)
    found = ng.rdm(data, "correlation").square
    for i, j in near:
        u, v = (np.longdouble(data[k]) - np.longdouble(data[k]).mean() for k in (i, j))
        u, v = u / np.sqrt((u * u).sum()), v / np.sqrt((v * v).sum())
        assert found[i, j] == pytest.approx(float(((u - v) ** 2).sum() / 2), rel=1e-5, abs=0)
    found = ng.rdm(np.vstack([COUNTS, COUNTS[:1] + change]), "poisson").square
    rates = (COUNTS[0] + 0.1) / 1.1
    step = change / 1.1
    assert found[0, 17] == pytest.approx((step * np.log1p(step / rates)).sum() / 9, rel=1e-5, abs=0)


def test_duplicates_have_distance_zero_and_equal_distances_to_others():
    data = RNG.standard_normal((33, 21)) + 1
    data[20], data[31] = data[3], data[3]
    noise = {"mahalanobis": covariance(21)}
    for kind in ("sqeuclidean", "euclidean", "correlation", "cosine", "mahalanobis", "poisson"):
        rows = np.exp(data) if kind == "poisson" else data
        square = ng.rdm(rows, kind, noise_covariance=noise.get(kind)).square
        assert square[3, 20] == square[3, 31] == square[20, 31] == 0
        np.testing.assert_allclose(square[3], square[20], 1e-13)
        off_diagonal = np.delete(square[3], [3, 20, 31])
        assert (off_diagonal > 0).all()


def test_same_pattern_at_other_scale_correlates_perfectly():
    multiples = np.outer([1, 3, 7, 1e-5, 1 / 3, 11, 1.1, 23], X[0])
    for kind in ("correlation", "cosine"):
        assert (ng.rdm(multiples, kind).condensed == 0).all()
        np.testing.assert_allclose(ng.rdm(np.vstack([X[0], -3 * X[0]]), kind).condensed, 2, 1e-14)
    assert ng.rdm(np.vstack([X[0], X[0] / 7 + 5])).condensed < 1e-28


def test_offsets_do_not_cost_digits_of_exact_data():
    data = RNG.integers(-50, 50, (12, 7)).astype(float)
    for kind in ("correlation", "sqeuclidean", "euclidean"):
        expected = ng.rdm(data, kind).condensed
        for offset in (2.0**20, 2.0**40, -(2.0**44)):
            np.testing.assert_allclose(ng.rdm(data + offset, kind).condensed, expected, 1e-12)
    expected = ng.rdm(data, "mahalanobis", noise_covariance=np.arange(1, 8)).condensed
    found = ng.rdm(data + 2.0**40, "mahalanobis", noise_covariance=np.arange(1, 8)).condensed
    np.testing.assert_allclose(found, expected, 1e-12)


def test_rows_of_extreme_scales_have_directions():
    scale = np.logspace(-200, 100, 17)[:, None]
    for kind in ("correlation", "cosine"):
        expected = ng.rdm(X, kind).condensed
        np.testing.assert_allclose(ng.rdm(X * scale, kind).condensed, expected, 1e-10)


# ---- input


@pytest.mark.parametrize("kind", ["sqeuclidean", "correlation", "cosine", "poisson"])
def test_dtypes_and_layouts(kind):
    original = COUNTS.copy()
    expected = ng.rdm(COUNTS.astype(float), kind).condensed
    wide = np.zeros((17, 18), dtype=np.float32)
    wide[:, ::2] = COUNTS
    frozen = COUNTS.astype(float)
    frozen.setflags(write=False)
    for data in (COUNTS, COUNTS.astype(np.float16), wide[:, ::2], np.asfortranarray(COUNTS), frozen):
        np.testing.assert_array_equal(ng.rdm(data, kind).condensed, expected)
    np.testing.assert_array_equal(ng.rdm(COUNTS.tolist(), kind).condensed, expected)
    np.testing.assert_array_equal(COUNTS, original)


@pytest.mark.parametrize(
    ("row", "kind", "text"),
    [
        (
            np.full(9, 0.1),
            "correlation",
            "in X, stimulus 4 has the same response in all units, so that its cor",
        ),
        (np.zeros(9), "correlation", "stimulus 4 has the same response"),
        (np.append(np.full(8, 0.3), 0.1 + 0.2), "correlation", "stimulus 4 has the same response"),
        (np.zeros(9), "cosine", "in X, stimulus 4 has no response in any unit, so that its angle"),
    ],
)
def test_patterns_without_direction(row, kind, text):
    data = X.copy()
    data[4] = row
    with pytest.raises(ValueError, match=text):
        ng.rdm(data, kind)
    assert ng.rdm(data, "sqeuclidean").n_stimuli == 17


def test_one_unit_has_no_correlation():
    with pytest.raises(ValueError, match="stimulus 0 has the same response in all units"):
        ng.rdm(X[:, :1])
    with pytest.raises(
        ValueError, match=r"in representations\[1\] \('b'\), stimulus 0 has the same response"
    ):
        ng.pairwise({"a": X, "b": X[:, :1]}, "rsa")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"X": np.full((3, 2), np.nan)}, ValueError, r"X\[0, 0\] is nan"),
        ({"X": [[1.0, np.inf], [0.0, 1.0]]}, ValueError, r"X\[0, 1\] is inf"),
        ({"X": X[:1]}, ValueError, "X has one stimulus"),
        ({"X": X[:, :0]}, ValueError, "X is empty"),
        ({"X": X[0]}, ValueError, "X must be two-dimensional"),
        ({"X": X.astype(object)}, TypeError, "X must hold real numbers"),
        ({"X": X * 1j}, TypeError, "X must hold real numbers"),
        ({"X": X * 1e150}, ValueError, "rescale"),
        ({"X": ng.RDM([1.0, 2.0, 3.0])}, TypeError, "X is an RDM, but rdm needs responses"),
        ({"kind": "euclid"}, ValueError, "kind must be one of 'sqeuclidean', .* not 'euclid'"),
        ({"kind": "mahalanobis"}, ValueError, "kind='mahalanobis' needs noise_covariance"),
        ({"noise_covariance": np.eye(9)}, ValueError, "noise_covariance belongs to 'mahalanobis' and"),
        ({"folds": np.arange(17)}, ValueError, "folds belongs to 'crossnobis', but here kind='correlation'"),
        ({"stimuli": np.arange(17)}, ValueError, "stimuli belongs to 'crossnobis'"),
        ({"prior_weight": 0.2}, ValueError, "prior_weight belongs to 'poisson'"),
        (
            {"kind": "poisson"},
            ValueError,
            r"X\[\d+, \d\] is -.*; rates of the Poisson measure must not be neg",
        ),
        ({"kind": "poisson", "prior_weight": -1.0}, ValueError, "prior_weight must not be negative, not -1"),
        ({"kind": "poisson", "prior_lambda": "a"}, TypeError, "prior_lambda must be a number"),
        (
            {"kind": "poisson", "X": np.eye(3), "prior_weight": 0},
            ValueError,
            "must be positive where the prior",
        ),
    ],
)
def test_bad_input(change, error, text):
    with pytest.raises(error, match=text):
        ng.rdm(**({"X": X - 3} | change))


@pytest.mark.parametrize(
    ("noise", "error", "text"),
    [
        (np.eye(8), ValueError, "noise_covariance is for 8 units, but X has 9"),
        (np.ones((9, 8)), ValueError, "must be a vector of variances or a square matrix, not of shape"),
        (np.ones((9, 9)), ValueError, "is not positive definite .* shrink"),
        (np.cov(X[:5].T), ValueError, "is not positive definite"),
        (np.ones((9, 9)) + 2e-15 * np.eye(9), ValueError, "is not positive definite"),
        (-np.eye(9), ValueError, "its variance 0 is -1"),
        (np.arange(9.0), ValueError, "its variance 0 is 0"),
        (np.triu(np.ones((9, 9))), ValueError, "noise_covariance is not symmetric"),
        (np.full(9, np.nan), ValueError, r"noise_covariance\[0\] is nan"),
        ("identity", TypeError, "noise_covariance must hold real numbers"),
        (lambda data: np.eye(3), ValueError, "noise_covariance is for 3 units, but X has 9"),
        (lambda data: -np.ones(9), ValueError, "noise_covariance of X must be positive definite"),
    ],
)
def test_bad_noise(noise, error, text):
    with pytest.raises(error, match=text):
        ng.rdm(X, "mahalanobis", noise_covariance=noise)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ValueError, "kind='crossnobis' needs folds"),
        (
            {"folds": [0, 0, 1, 1]},
            ValueError,
            "folds must give one label for each row, but has 4 and X has 6 rows",
        ),
        ({"folds": np.zeros(6)}, ValueError, "folds must hold at least two different folds, not 1"),
        ({"folds": np.arange(6)}, ValueError, "folds must hold at least two different stimuli, not 1"),
        ({"folds": [0, 0, 0, 0, 1, 1]}, ValueError, "without stimuli, all folds .* {0: 4, 1: 2}"),
        (
            {"folds": [0, 0, 0, 1, 1, 1], "stimuli": list("baabaaa")},
            ValueError,
            "stimuli must give one label for each row, but has 7 and folds has 6 rows",
        ),
        (
            {"folds": [0, 0, 0, 1, 1, 1], "stimuli": list("abcabb")},
            ValueError,
            "fold 1 has no row of stimulus 'c'",
        ),
        ({"folds": [0, 0, 0, 1, 1, 1], "stimuli": ["a"] * 6}, ValueError, "stimuli must hold at least two"),
        ({"folds": np.eye(6)}, ValueError, "folds must give one label for each"),
        ({"folds": [0, 0, None, 1, 1, 1]}, ValueError, "folds has missing values"),
    ],
)
def test_bad_designs(options, error, text):
    with pytest.raises(error, match=text):
        ng.rdm(X[:6], "crossnobis", **options)
