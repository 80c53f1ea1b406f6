"""Intrinsic dimension: against its definitions, surfaces of known dimension, and another package."""

from __future__ import annotations

import math

import neurogeom as ng
import numpy as np
import pytest
from helpers.same_bits import assert_same_bits
from neurogeom.clouds import intrinsic


def log_distances(X, k):
    """Logarithms of the distances of each point to its k nearest others, one pair after the other."""
    found = []
    for i, one in enumerate(X):
        distances = sorted(math.dist(one, other) for j, other in enumerate(X) if j != i)
        found.append([math.log(distance) for distance in distances[:k]])
    return np.array(found)


def torus(rng, n_points, dimension):
    """Points of a flat torus: a uniform density on a curved surface without an edge."""
    angles = rng.uniform(0, 2 * np.pi, (n_points, dimension))
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


DATA = {
    "few features": np.random.default_rng(0).standard_normal((40, 4)),
    "many features": np.random.default_rng(1).standard_normal((300, 30)) ** 3,
    # Distances that cancel in products of matrices.
    "far clusters": np.random.default_rng(2).standard_normal((30, 20)) * 1e-9
    + np.repeat(np.eye(3, 20), 10, axis=0) * 1e3,
    "one far": np.vstack([np.random.default_rng(3).standard_normal((39, 12)), np.full((1, 12), 1e8)]),
}
every_data = pytest.mark.parametrize("X", DATA.values(), ids=DATA)


@every_data
def test_definitions(X):
    logs = log_distances(X, 7)
    ratios = logs[:, 1] - logs[:, 0]
    exact = {"rtol": 1e-11}
    np.testing.assert_allclose(ng.intrinsic_dimension(X).dimension, len(X) / ratios.sum(), **exact)
    expected = []
    for k in (4, 5, 6, 7):
        each = [np.mean([one[k - 1] - one[j] for j in range(k - 1)]) for one in logs]
        expected.append(1 / np.mean(each))
    found = ng.intrinsic_dimension(X, method="mle", n_neighbors=(4, 7))
    assert found.n_neighbors.tolist() == [4, 5, 6, 7]
    np.testing.assert_allclose(found.dimension_by_neighbors, expected, **exact)
    np.testing.assert_allclose(found.dimension, np.mean(expected), **exact)
    levels = -np.log(1 - np.arange(1, len(X) + 1)[: int(0.8 * len(X))] / len(X))
    kept = np.sort(ratios)[: len(levels)]
    slope = np.linalg.lstsq(kept[:, None], levels, rcond=None)[0][0]
    np.testing.assert_allclose(ng.intrinsic_dimension(X, fit="linear", discard=0.2).dimension, slope, **exact)


def test_two_neighbours_are_twonn():
    X = DATA["many features"]
    found = ng.intrinsic_dimension(X, method="mle", n_neighbors=2)
    other = ng.intrinsic_dimension(X)
    assert (found.dimension, found.dimension_se) == (other.dimension, other.dimension_se)


@every_data
def test_tree_and_products_agree(X, monkeypatch):
    found = []
    for features in (0, 100):
        monkeypatch.setattr(intrinsic, "_TREE_FEATURES", features)
        found.append(ng.intrinsic_dimension(X, method="mle", n_neighbors=(3, 9)).to_dict())
    for name, value in found[0].items():
        if name not in ("method", "fit"):
            np.testing.assert_allclose(value, found[1][name], rtol=1e-10)


each_fit = pytest.mark.parametrize(
    "options",
    [{}, {"fit": "linear"}, {"method": "mle", "n_neighbors": (5, 10)}],
    ids=["twonn", "line", "mle"],
)


@each_fit
def test_known_dimensions(options):
    """The mean over samples of 3000 points lies within 4 errors of the truth, or 1 % of it."""
    rng = np.random.default_rng(4)
    for dimension in (1, 2):
        found = [ng.intrinsic_dimension(torus(rng, 3000, dimension), **options).dimension for _ in range(5)]
        error = np.std(found, ddof=1) / math.sqrt(5)
        assert abs(np.mean(found) - dimension) < 4 * error + 0.01 * dimension
        assert error < 0.03 * dimension


@each_fit
def test_standard_error_is_the_spread_over_samples(options):
    rng, trials = np.random.default_rng(5), 300
    found = [ng.intrinsic_dimension(rng.standard_normal((100, 5)), **options) for _ in range(trials)]
    spread = np.std([one.dimension for one in found], ddof=1)
    expected = math.sqrt(np.mean([one.dimension_se**2 for one in found]))
    # The spread is known to 4 %; at 100 points the errors are right to 10 %.
    assert abs(expected / spread - 1) < 0.1 + 4 / math.sqrt(2 * trials)


def test_misfit_tells_a_line_from_a_mixture():
    rng = np.random.default_rng(8)
    line = rng.uniform(size=(400, 1))
    lattice = np.arange(400.0)[:, None] + 1e-3 * rng.uniform(size=(400, 1))
    assert ng.intrinsic_dimension(line).misfit < 1.6 / 20
    assert ng.intrinsic_dimension(lattice).misfit > 3 * 1.6 / 20


def test_skdim():
    skdim = pytest.importorskip("skdim")
    for X in (DATA["few features"], DATA["many features"]):
        n = len(X)
        other = skdim.id.MLE().fit(X, n_neighbors=7, comb="mle").dimension_
        found = ng.intrinsic_dimension(X, method="mle", n_neighbors=7).dimension
        assert found == pytest.approx(other, rel=1e-10)
        # Theirs is multiplied by (n - 1) / n.
        with np.errstate(divide="ignore"):
            other = skdim.id.TwoNN(method="mle", discard_fraction=0).fit(X).dimension_
        assert ng.intrinsic_dimension(X).dimension == pytest.approx(other * n / (n - 1), rel=1e-10)
        # Their levels are (i - 1) / n; the paper's are i / n.
        ratios = skdim.id.TwoNN(discard_fraction=0.1).fit(X).x_.ravel()
        levels = -np.log1p(-np.arange(1, len(ratios) + 1) / n)
        found = ng.intrinsic_dimension(X, fit="linear").dimension
        assert found == pytest.approx(ratios @ levels / (ratios @ ratios), rel=1e-10)


# What is not as it should be


def test_rows_that_repeat_are_left_out():
    X = DATA["few features"]
    expected = ng.intrinsic_dimension(X)
    repeated = np.insert(X, [7, 20], X[[3, 5]], axis=0)
    repeated[7, 0] += 0.0
    with pytest.warns(UserWarning, match=r"^2 of the 42 rows of X repeat others"):
        found = ng.intrinsic_dimension(repeated)
    assert found.n_repeated == 2
    assert found.dimension == pytest.approx(expected.dimension, rel=1e-12)
    assert found.dimension_se == pytest.approx(expected.dimension_se, rel=1e-12)
    zeros = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 2.0], [5.0, 1.0]])  # rows 0 and 1 are equal
    with pytest.warns(UserWarning, match="1 of the 4 rows"):
        ng.intrinsic_dimension(zeros)


@pytest.mark.parametrize("fit", ["likelihood", "linear"])
def test_equal_distances_have_no_dimension(fit):
    with pytest.warns(ng.ConvergenceWarning, match="equally far") as caught:
        found = ng.intrinsic_dimension(np.eye(16), fit=fit)
    assert {one.filename for one in caught} == {__file__}
    assert np.isnan([found.dimension, found.dimension_se, found.misfit]).all()


def test_differences_that_vanish():
    X = np.zeros((5, 11))
    X[:, 0] = [0, 1e-200, 1, 2, 4]
    with pytest.raises(ValueError, match="X has different rows whose distance is 0 up to rounding"):
        ng.intrinsic_dimension(X)


@pytest.mark.parametrize(
    ("X", "options", "error", "text"),
    [
        (np.zeros((9, 3)), {}, ValueError, "X has no variance: all of its 9 rows are the same"),
        (np.eye(2), {}, ValueError, "X has 2 different rows, which is too few for 2 neighbours"),
        (np.eye(9), {"method": "mle"}, ValueError, "X has 9 different rows, .* 20 neighbours"),
        (np.eye(9), {"method": "pca"}, ValueError, "method must be one of 'twonn', 'mle', not 'pca'"),
        (np.eye(9), {"fit": "log"}, ValueError, "fit must be one of 'likelihood', 'linear', not 'log'"),
        (np.eye(9), {"method": "mle", "fit": "linear"}, ValueError, "fit is 'linear'"),
        (np.eye(9), {"discard": 1.0}, ValueError, "discard must lie between 0 and 1, not 1.0"),
        (np.eye(9), {"method": "mle", "n_neighbors": 1}, ValueError, "n_neighbors must be at least 2, not 1"),
        (np.eye(9), {"method": "mle", "n_neighbors": (5, 3)}, ValueError, r"first <= last, not \(5, 3\)"),
        (np.eye(9), {"method": "mle", "n_neighbors": (5, 6, 7)}, ValueError, r"not \(5, 6, 7\)"),
        (np.eye(9), {"method": "mle", "n_neighbors": 3.5}, TypeError, "n_neighbors must be an integer"),
        (np.eye(9), {"n_threads": 0}, ValueError, "n_threads must be at least 1, not 0"),
        ([[1e200], [0.0], [1.0]], {}, ValueError, "X has values of the order 1e"),
    ],
)
def test_bad_input(X, options, error, text):
    with pytest.raises(error, match=text):
        ng.intrinsic_dimension(X, **options)


def test_same_bits_for_threads():
    X = np.random.default_rng(9).standard_normal((700, 15))
    for data in (X, X[:, :5]):
        first = ng.intrinsic_dimension(data, method="mle", n_threads=1).to_dict()
        for n_threads in (2, 3):
            found = ng.intrinsic_dimension(data, method="mle", n_threads=n_threads)
            assert_same_bits(found.to_dict(), first)
