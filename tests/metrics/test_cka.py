"""CKA against reference values, its definitions and closed forms; its invariances; accuracy."""

from __future__ import annotations

import itertools
from fractions import Fraction

import neurogeom as ng
import numpy as np
import pytest
from helpers import hsic
from helpers.hsic import ESTIMATORS
from helpers.references import SHAPE, VALUES, reference_data
from hypothesis import given, settings
from hypothesis import strategies as st

X, Y, W = reference_data("XYW")

REFERENCES = {
    "cka_linear_biased(X,Y)": {"estimator": "biased"},
    "cka_linear_debiased_song(X,Y)": {},
    "cka_linear_lange(X,Y)": {"estimator": "lange"},
    "cka_rbf_median_biased(X,Y)": {"kernel": "rbf", "estimator": "biased"},
    "cka_minibatch b=10 consecutive (X,Y)": {"estimator": "minibatch", "batch_size": 10},
    "cka_minibatch b=40 (X,Y)": {"estimator": "minibatch", "batch_size": 40},
}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_values(name):
    wanted = VALUES[name]
    assert ng.cka(X, Y, **REFERENCES[name]) == pytest.approx(wanted, rel=1e-10)
    metric = ng.CKA(**REFERENCES[name])
    assert metric.similarity(X, Y) == pytest.approx(wanted, rel=1e-10)
    assert metric.distance(X, Y) == pytest.approx(np.arccos(wanted), rel=1e-10)


def test_reference_angle():
    metric = ng.CKA(estimator="biased", score="angular")
    assert metric.distance(X, Y) == pytest.approx(VALUES["cka_angular(X,Y)"], rel=1e-10)
    assert metric.compare(X, Y) == metric.distance(X, Y)


@pytest.mark.parametrize("name", ["song", "lange"])
def test_numerator_and_denominator_use_the_same_estimator(name):
    # repsim 0.1.5 divides an unbiased HSIC by biased ones.
    key = {"song": "cka_linear_debiased_song(X,Y)", "lange": "cka_linear_lange(X,Y)"}[name]
    estimator = {"song": "debiased", "lange": "lange"}[name]
    k, h = hsic.gram(X), hsic.gram(Y)
    biased = [hsic.hsic(a, a, "biased") for a in (k, h)]
    mixed = hsic.hsic(k, h, estimator) / np.sqrt(biased[0] * biased[1])
    theirs = SHAPE["values"][key]["repsim"]
    assert mixed == pytest.approx(theirs, rel=1e-10)
    ours = ng.cka(X, Y, estimator=estimator)
    assert abs(ours - theirs) > 0.05
    assert ours == pytest.approx(hsic.cka(k, h, estimator=estimator), rel=1e-12)
    assert ng.cka(X, 2 * X + 1, estimator=estimator) == pytest.approx(1, abs=1e-14)


@given(
    st.integers(0, 2**32),
    st.integers(4, 25),
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from([*ESTIMATORS]),
)
@settings(max_examples=60, deadline=None)
def test_definition(seed, m, n_x, n_y, estimator):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(m, n_x)), rng.normal(size=(m, n_y))
    y[:, 0] += x[:, 0]
    options = dict(ESTIMATORS[estimator])
    if estimator == "minibatch":
        options["batch_size"] = min(6, m)
    for kernel, function in (("linear", hsic.gram), ("rbf", hsic.rbf), (hsic.rbf, hsic.rbf)):
        wanted = hsic.cka(function(x), function(y), **options)
        if function is hsic.rbf and estimator == "minibatch" and options["batch_size"] < m:
            continue  # its unit is the median of the batch: tested below
        assert ng.cka(x, y, kernel=kernel, **options) == pytest.approx(wanted, rel=1e-8, abs=1e-10)


def test_rbf_in_batches_takes_the_median_of_the_batch():
    halves = [slice(0, 20), slice(20, 40)]
    grams = [np.zeros((40, 40)) for _ in range(2)]
    for half in halves:
        for matrix, data in zip(grams, (X, Y), strict=True):
            matrix[half, half] = hsic.rbf(data[half], 0.5)
    options = {"estimator": "minibatch", "batch_size": 20}
    found = ng.cka(X, Y, kernel="rbf", bandwidth=0.5, **options)
    assert found == pytest.approx(hsic.cka(*grams, **options), rel=1e-12)


@pytest.mark.parametrize("rest", range(10))
def test_last_batch(rest):
    m = 20 + rest
    options = {"estimator": "minibatch", "batch_size": 10}
    rng = np.random.default_rng(rest)
    x, y = rng.normal(size=(m, 3)), rng.normal(size=(m, 4))
    y[:, :3] += x
    wanted = hsic.cka(hsic.gram(x), hsic.gram(y), **options)
    assert ng.cka(x, y, **options) == pytest.approx(wanted, rel=1e-11)
    # Every stimulus counts, also the last.
    x[-1] += 1
    assert abs(ng.cka(x, y, **options) - wanted) > 1e-6


def test_one_batch_is_debiased():
    for kernel in ("linear", "rbf"):
        one = ng.cka(X, Y, kernel=kernel, estimator="minibatch", batch_size=40)
        assert one == pytest.approx(ng.cka(X, Y, kernel=kernel), rel=1e-13)


def test_biased_is_the_cosine_of_whitened_squared_distances():
    # cosine_cov of squared Euclidean RDMs (spec A8): <HDH, HEH> / norms, with D and E the distances.
    distances = [np.square(a[:, None] - a[None]).sum(axis=-1) for a in (X, Y)]
    center = np.eye(40) - 1 / 40
    d, e = (center @ matrix @ center for matrix in distances)
    cosine = (d * e).sum() / np.sqrt((d * d).sum() * (e * e).sum())
    assert ng.cka(X, Y, estimator="biased") == pytest.approx(cosine, rel=1e-12)


@pytest.mark.parametrize("estimator", ["biased", "lange", "debiased"])
def test_two_single_units_biased_is_the_squared_correlation(estimator):
    x, y = X[:, :1], Y[:, :1]
    correlation = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
    value = ng.cka(x, y, estimator=estimator)
    if estimator == "biased":
        assert value == pytest.approx(correlation**2, rel=1e-12)
    else:
        assert value != pytest.approx(correlation**2, rel=1e-6)


def test_exact_debiased_value_in_rational_arithmetic():
    rng = np.random.default_rng(5)
    x, y = rng.integers(-9, 9, (6, 3)), rng.integers(-9, 9, (6, 2))

    def u_centred(data):
        k = [
            [Fraction(int(a @ b)) if i != j else Fraction(0) for j, b in enumerate(data)]
            for i, a in enumerate(data)
        ]
        sums = [sum(row, Fraction(0)) for row in k]
        total = sum(sums, Fraction(0)) / 20
        return [k[i][j] - sums[i] / 4 - sums[j] / 4 + total for i in range(6) for j in range(6) if i != j]

    u, v = u_centred(x), u_centred(y)
    products = [float(sum(a * b for a, b in zip(*pair, strict=True))) for pair in ((u, v), (u, u), (v, v))]
    wanted = products[0] / np.sqrt(products[1] * products[2])
    assert ng.cka(x, y) == pytest.approx(wanted, rel=1e-13)


def test_growth_with_the_number_of_units():
    rng = np.random.default_rng(1)
    m, n = 50, 1000
    x, y = rng.normal(size=(m, n)), rng.normal(size=(m, n))
    assert ng.cka(x, y, estimator="biased") == pytest.approx(n / (m + n), abs=0.01)
    assert abs(ng.cka(x, y)) < 0.05


def test_wide_rbf_tends_to_the_linear_kernel():
    for estimator in ("biased", "debiased", "lange"):
        wanted = ng.cka(X, Y, estimator=estimator)
        gaps = [
            abs(ng.cka(X, Y, kernel="rbf", bandwidth=10.0**k, estimator=estimator) - wanted)
            for k in (2, 3, 6)
        ]
        assert gaps[0] < 1e-3
        assert gaps[1] < gaps[0] / 50
        assert gaps[2] < 1e-11  # where 1 - d^2 / 2 s^2 alone has lost all but four digits


@pytest.mark.parametrize("estimator", ["biased", "debiased"])
def test_rbf_distances_survive_an_outlier_and_twins(estimator):
    x = X.copy()
    x[7] += 1e7
    x[8] = x[9]
    x[11] = x[12] + 1e-7
    options = {"kernel": "rbf", "bandwidth": 0.4, "estimator": estimator}
    wanted = hsic.cka(hsic.rbf(x, 0.4), hsic.rbf(Y, 0.4), estimator=estimator)
    assert ng.cka(x, Y, **options) == pytest.approx(wanted, rel=1e-11)


def test_uncentered():
    k, h = hsic.gram(X), hsic.gram(Y)
    wanted = (k * h).sum() / np.sqrt((k * k).sum() * (h * h).sum())
    assert ng.cka(X, Y, estimator="biased", center=False) == pytest.approx(wanted, rel=1e-12)
    k, h = hsic.rbf(X), hsic.rbf(Y)
    wanted = (k * h).sum() / np.sqrt((k * k).sum() * (h * h).sum())
    assert ng.cka(X, Y, kernel="rbf", estimator="biased", center=False) == pytest.approx(wanted, rel=1e-12)


# ---- invariances


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_far_from_the_origin(estimator, kernel):
    # Exactly representable far from the origin, so that nothing but the computation can lose digits.
    x, y = np.round(X * 256) / 256, np.round(Y * 256) / 256
    far = x + 2.0**30 * np.arange(1, 13), y - 2.0**32
    wanted = ng.cka(x, y, kernel=kernel, **ESTIMATORS[estimator])
    assert ng.cka(*far, kernel=kernel, **ESTIMATORS[estimator]) == pytest.approx(wanted, rel=1e-11)


# ---- small angles


@pytest.mark.parametrize("estimator", ["biased", "debiased", "lange"])
@pytest.mark.parametrize("size", [1e-4, 1e-6, 1e-9, 1e-11])
def test_small_angles(estimator, size):
    rng = np.random.default_rng(0)
    change = rng.normal(size=X.shape)
    angle = ng.CKA(estimator=estimator, score="angular").distance(X, X + size * change)
    # To first order the Gram matrix turns by the part of its change that is orthogonal to itself.
    center = np.eye(40) - 1 / 40
    k, step = (center @ m @ center for m in (X @ X.T, X @ change.T + change @ X.T))
    if estimator == "debiased":
        k, step = X @ X.T, X @ change.T + change @ X.T
        for matrix in (k, step):
            np.fill_diagonal(matrix, 0)
            sums = matrix.sum(axis=0)
            matrix += sums.sum() / (39 * 38) - (sums[:, None] + sums) / 38
    if estimator != "biased":
        for matrix in (k, step):
            np.fill_diagonal(matrix, 0)
    step -= k * (k * step).sum() / (k * k).sum()
    wanted = size * np.linalg.norm(step) / np.linalg.norm(k)
    assert angle == pytest.approx(wanted, rel=max(10 * size, 3e-15 / size) + 1e-9)


# ---- negative estimates


def test_negative_estimates_are_kept_and_flagged():
    rng = np.random.default_rng(2)
    items = [rng.normal(size=(12, 30)) for _ in range(8)]
    raw = ng.pairwise(items, ng.CKA())
    angles = ng.pairwise(items, ng.CKA(score="angular"))
    negative = raw.square < 0
    assert 0 < negative.sum() < 56
    for result in (raw, angles):
        assert result.flags.dtype == np.int8
        np.testing.assert_array_equal(result.flags, negative)
    np.testing.assert_allclose(np.cos(angles.square), raw.square, atol=1e-14)
    for i, j in itertools.combinations(range(8), 2):
        wanted = hsic.cka(*(hsic.gram(items[k]) for k in (i, j)), estimator="debiased")
        assert raw.square[i, j] == pytest.approx(wanted, rel=1e-10, abs=1e-13)
    assert ng.pairwise(items, ng.CKA(estimator="biased")).flags is None


def test_kernel_that_is_not_positive():
    negative = ng.pairwise([X, Y], ng.CKA(lambda x: x @ x.T * (-1 if x.shape[1] == 9 else 1), "biased"))
    assert negative.square[0, 1] == pytest.approx(-VALUES["cka_linear_biased(X,Y)"])
    assert negative.flags.tolist() == [[0, 1], [1, 0]]
