"""Metric scaling against planted points and SciPy's minimiser; placing others; wrong input."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.optimize
from neurogeom import ConvergenceWarning
from neurogeom.pairs.majorization import Step, minimise
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist, squareform


def angles(count=25, seed=0):
    """Angles between random directions, which no flat space holds."""
    points = np.random.default_rng(seed).normal(size=(count, 8))
    cosines = 1 - pdist(points, "cosine")
    return squareform(np.arccos(cosines))


@pytest.mark.parametrize("scale", [1.0, 1e100, 1e-100])
def test_points_are_found_again(scale):
    points = np.random.default_rng(1).normal(size=(30, 3))
    D = pdist(scale * points)
    for given in (D, squareform(D)):
        found = ng.mds(given, 3, n_starts=2)
        assert found.stress < 1e-9
        assert_allclose(pdist(found.coordinates), D, rtol=1e-9)
        assert_allclose(found.distortion_max, 1, rtol=1e-9)
        assert found.negative_mass == 0


def test_axes_are_principal_and_have_fixed_signs():
    D = angles()
    points = ng.mds(D, 4).coordinates
    assert_allclose(points.mean(axis=0), 0, atol=1e-12)
    products = points.T @ points
    assert_allclose(products, np.diag(np.diag(products)), atol=1e-9)
    assert (np.diff(np.diag(products)) < 0).all()
    assert (points[np.abs(points).argmax(axis=0), range(4)] > 0).all()
    order = np.random.default_rng(0).permutation(len(D))
    other = ng.mds(D[np.ix_(order, order)], 4).coordinates
    assert_allclose(other, points[order], atol=1e-4)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_no_minimiser_does_better_from_there(is_weighted):
    D, rng = angles(), np.random.default_rng(2)
    weights = squareform(rng.uniform(0.5, 2, size=300)) if is_weighted else None
    found = ng.mds(D, 2, weights=weights)
    w = squareform(weights) if is_weighted else np.ones(300)
    given = squareform(D)

    def loss(flat):
        return w @ (pdist(flat.reshape(-1, 2)) - given) ** 2 / (w @ given**2)

    assert_allclose(found.stress, np.sqrt(loss(found.coordinates.ravel())), rtol=1e-10)
    better = scipy.optimize.minimize(loss, found.coordinates.ravel(), method="BFGS", options={"maxiter": 15})
    assert better.fun >= loss(found.coordinates.ravel()) * (1 - 1e-6)
    assert found.stress <= found.start_stress.min() * (1 + 1e-6)
    assert len(found.start_stress) == 5


def test_stress_and_distortion_are_those_of_the_points():
    D = angles()
    series = ng.mds(D, range(1, 6), n_starts=2)
    assert (np.diff(series.stress) < 0).all()
    for d in (1, 3, 5):
        one = series.at(d)
        apart, given = pdist(one.coordinates), squareform(D)
        assert_allclose(one.stress, np.linalg.norm(apart - given) / np.linalg.norm(given), rtol=1e-10)
        ratio = np.maximum(apart / given, given / apart)
        assert_allclose(one.distortion_mean, ratio.mean())
        assert_allclose(one.distortion_max, ratio.max())
        assert_allclose(one.distortion_quantiles, np.quantile(ratio, (0.05, 0.25, 0.5, 0.75, 0.95)))
        alone = ng.mds(D, d, n_starts=2)
        assert_array_equal(alone.coordinates, one.coordinates)
    with pytest.raises(ValueError, match="no embedding in 9 dimensions, but in 1, 2, 3, 4, 5"):
        series.at(9)
    values = np.linalg.eigvalsh(-0.5 * center(D**2))
    assert_allclose(
        series.at(1).negative_mass, np.abs(values[values < 0]).sum() / np.abs(values).sum(), rtol=1e-9
    )


def center(square):
    H = np.eye(len(square)) - 1 / len(square)
    return H @ square @ H


def test_distances_that_are_not_known_do_not_count():
    points = np.random.default_rng(3).normal(size=(30, 2))
    D = squareform(pdist(points))
    gaps = squareform(np.random.default_rng(4).random(435) < 0.3)
    missing = np.where(gaps, np.nan, D)
    by_weight = ng.mds(np.where(gaps, 7.0, D), 2, weights=1.0 - gaps)
    for found in (ng.mds(missing, 2), by_weight):
        assert found.stress < 1e-8
        assert_allclose(pdist(found.coordinates), squareform(D), atol=1e-6)
        assert np.isnan(found.negative_mass)
        assert found.n_pairs == 435 - gaps.sum() // 2
    apart = D.copy()
    apart[:10, 10:] = apart[10:, :10] = np.nan
    with pytest.raises(ValueError, match="do not connect all items: none leads from item 0 to item 10"):
        ng.mds(apart, 2)


def test_same_bits_for_any_number_of_threads_and_input_is_left_alone():
    D = angles(40)
    D.flags.writeable = False
    one, three = (ng.mds(D, (2, 3), n_starts=2, n_threads=n, rng=7) for n in (1, 3))
    for d in (2, 3):
        assert_array_equal(one.at(d).coordinates, three.at(d).coordinates)
        assert_array_equal(one.at(d).start_stress, three.at(d).start_stress)


def test_the_value_never_rises():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(20, 20))

    def step(x):  # a bumpy valley below a quadratic of curvature 4
        value = float(np.sum(np.sqrt(1 + (A @ x) ** 2)))
        slope = A.T @ ((A @ x) / np.sqrt(1 + (A @ x) ** 2))
        move = -slope / np.linalg.norm(A, 2) ** 2
        return Step(x, value - 20, x + move, float(move @ move))

    found = minimise(step, 3 * rng.normal(size=20), tolerance=1e-14, floor=1e-24, max_steps=500)
    values = np.array(found.values)
    assert (np.diff(values) <= 0).all()
    assert found.is_converged
    # The value is 20 + |A x|^2 / 2, known to some 1e-14; what x itself is depends on the condition of A.
    assert_allclose(A @ found.point, 0, atol=1e-6)


def test_placing_items():
    points = np.random.default_rng(5).normal(size=(40, 3))
    D = squareform(pdist(points))
    embedding = ng.mds(D[:30, :30], 3, n_starts=1)
    placed = embedding.place(D[30:, :30])
    assert_allclose(
        np.linalg.norm(placed.coordinates[:, None] - embedding.coordinates, axis=2), D[30:, :30], atol=1e-6
    )
    assert (placed.stress < 1e-6).all()
    # Each by itself, with gaps, and items at their own place.
    assert_array_equal(embedding.place(D[31, :30]).coordinates[0], placed.coordinates[1])
    gaps = np.where(np.arange(30) % 3 == 0, np.nan, D[32, :30])
    assert_allclose(embedding.place(gaps).coordinates[0], placed.coordinates[2], atol=1e-5)
    assert_allclose(embedding.place(D[:5, :30]).coordinates, embedding.coordinates[:5], atol=1e-5)


def test_placing_is_a_minimum_where_no_place_fits():
    D = angles(30)
    embedding = ng.mds(D[:25, :25], 2)
    placed = embedding.place(D[25:, :25])

    def loss(y, given):
        return np.sum((np.linalg.norm(y - embedding.coordinates, axis=1) - given) ** 2) / np.sum(given**2)

    grid = np.stack(np.meshgrid(*[np.linspace(-2.5, 2.5, 60)] * 2), axis=-1).reshape(-1, 2)
    for point, stress, given in zip(placed.coordinates, placed.stress, D[25:, :25], strict=True):
        assert_allclose(stress, np.sqrt(loss(point, given)), rtol=1e-9)
        assert stress**2 <= min(loss(y, given) for y in grid) * (1 + 1e-9)


def test_names_and_pairs():
    layers = ng.datasets.load_minilm_clinc().layers
    short = {name: X[:60, :40] for name, X in layers.items()}
    found = ng.mds(ng.pairwise(short))
    assert found.names.tolist() == list(short)
    new = ng.pairwise({"noisy": short["layer2"] + 0.01}, others=short)
    assert found.place(new).names.tolist() == ["noisy"]
    with pytest.raises(ValueError, match="columns of distances must be the embedded items"):
        found.place(ng.pairwise(short, others=dict(reversed(short.items()))))
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(angles(3), index=list("abc"), columns=list("abc"))
    assert ng.mds(frame, 1).names.tolist() == list("abc")
    assert list(found.to_dataframe().columns) == ["name", "axis 1", "axis 2"]


def test_results_are_kept(tmp_path):
    series = ng.mds(angles(), (1, 2))
    series.save(tmp_path / "e.npz")
    kept = ng.load(tmp_path / "e.npz")
    assert_array_equal(kept.at(2).coordinates, series.at(2).coordinates)


def test_equal_items_and_few_items():
    D = squareform(pdist(np.repeat(np.random.default_rng(0).normal(size=(5, 2)), 3, axis=0)))
    found = ng.mds(D, 3)
    assert found.stress < 1e-9
    assert_allclose(ng.mds([2.0], 1).coordinates.ravel(), [1, -1])


GOOD = angles(5)


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (np.eye(4), {}, ValueError, "similarities"),
        (GOOD[:4], {}, ValueError, "square or condensed, not of shape"),
        (np.ones(4), {}, ValueError, "n \\(n - 1\\) / 2 entries, one for each pair, not 4"),
        (-GOOD, {}, ValueError, "must not be negative"),
        (GOOD + np.triu(GOOD), {}, ValueError, "not symmetric"),
        (np.where(GOOD.max() == GOOD, np.inf, GOOD), {}, ValueError, "is inf"),
        (np.where(np.triu(GOOD) > 1, np.nan, GOOD), {}, ValueError, "not symmetric"),
        (np.zeros((3, 3)), {}, ValueError, "all zero"),
        (GOOD, {"n_dims": 5}, ValueError, "below the number of items, 5"),
        (GOOD, {"n_dims": 0}, ValueError, "n_dims must be at least 1"),
        (GOOD, {"n_dims": []}, ValueError, "n_dims must be one or several"),
        (GOOD, {"n_dims": "2"}, TypeError, "n_dims must be an integer"),
        (GOOD, {"weights": -GOOD}, ValueError, "weights must not be negative"),
        (GOOD, {"weights": np.ones((4, 4))}, ValueError, "weights must be for 5 items"),
        (GOOD, {"random_state": 0}, TypeError, "use rng=0"),
        (GOOD.astype(object), {}, TypeError, "real numbers"),
        (GOOD[:1, :1], {}, ValueError, "at least 2 items"),
    ],
)
def test_bad_input(given, options, error, message):
    with pytest.raises(error, match=message):
        ng.mds(given, **options)


def test_similarities_are_refused_and_slow_searches_warned_of():
    X = np.random.default_rng(0).normal(size=(4, 10, 3))
    with pytest.raises(ValueError, match=r"holds similarities \(cka\).*arccos"):
        ng.mds(ng.pairwise(X, "cka"))
    with pytest.warns(ConvergenceWarning, match="mds in 2 dimensions did not converge within max_iter=3"):
        assert ng.mds(angles(), max_iter=3).status == 1
