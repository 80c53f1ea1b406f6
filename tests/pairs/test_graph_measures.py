"""Communicability and controllability against series and Lyapunov equations; nulls against what they keep."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
from neurogeom.pairs.correlation_nulls import widest_covariance

RNG = np.random.default_rng(9)
WEIGHTS = np.triu(RNG.random((7, 7)) * (RNG.random((7, 7)) < 0.6), 1)
WEIGHTS += WEIGHTS.T
WEIGHTS[3] = WEIGHTS[:, 3] = 0.0  # a node without edges
DATA = RNG.standard_normal((8, 40)) + RNG.standard_normal(40)
CORRELATIONS = np.corrcoef(DATA)


def test_communicability_is_the_exponential():
    np.testing.assert_allclose(
        ng.communicability(WEIGHTS, normalize=False), scipy.linalg.expm(WEIGHTS), rtol=1e-12, atol=1e-14
    )
    strength = WEIGHTS.sum(axis=0)
    strength[3] = 1.0
    scaled = WEIGHTS / np.sqrt(np.outer(strength, strength))
    found = ng.communicability(WEIGHTS)
    np.testing.assert_allclose(found, scipy.linalg.expm(scaled), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found[3], np.eye(7)[3], atol=1e-14)


@pytest.mark.parametrize("c", [0.5, 1.0])
def test_controllability_is_the_trace_of_the_gramian(c):
    scaled = WEIGHTS / (c + np.abs(np.linalg.eigvalsh(WEIGHTS)).max())
    for system, dynamics, solve in (
        ("discrete", scaled, scipy.linalg.solve_discrete_lyapunov),
        ("continuous", scaled - np.eye(7), lambda A, Q: scipy.linalg.solve_continuous_lyapunov(A, -Q)),
    ):
        expected = [np.trace(solve(dynamics, np.diag(one))) for one in np.eye(7)]
        found = ng.average_controllability(WEIGHTS, system=system, c=c)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_of_a_graph():
    tree = ng.pairwise(ng.datasets.load_minilm_clinc().layers, "cka").to_graph("mst")
    for function in (ng.communicability, ng.average_controllability):
        np.testing.assert_array_equal(function(tree), function(tree.weights))


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="weights must not be negative, as -1 is"):
        ng.communicability([[0, -1], [-1, 0]])
    for function in (ng.communicability, ng.average_controllability):
        with pytest.raises(ValueError, match="symmetric"):
            function([[0.0, 1.0], [0.0, 0.0]])
        with pytest.raises(ValueError, match="square"):
            function(np.ones((2, 3)))
        with pytest.raises(ValueError, match="graph"):
            function([[0.0, np.nan], [np.nan, 0.0]])
    with pytest.raises(ValueError, match="c must be positive"):
        ng.average_controllability(WEIGHTS, c=0)


def test_nulls_of_the_spectrum_have_it():
    draws = ng.correlation_null(CORRELATIONS, n_draws=5, rng=0)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(draws), np.broadcast_to(np.linalg.eigvalsh(CORRELATIONS), (5, 8)), atol=1e-8
    )
    np.testing.assert_allclose(np.diagonal(draws, axis1=1, axis2=2), 1.0, atol=1e-8)
    singular = np.corrcoef(DATA[:, :5])  # fewer observations than nodes
    assert np.linalg.eigvalsh(ng.correlation_null(singular, n_draws=1, rng=0)[0])[:4].max() < 1e-8


def test_nulls_of_the_moments_have_them():
    draws = ng.correlation_null(CORRELATIONS, "moments", n_draws=2000, rng=1)
    rows, columns = np.triu_indices(8, 1)
    for kept, wanted in (
        (draws[:, rows, columns].mean(axis=1), CORRELATIONS[rows, columns].mean()),
        (np.diagonal(draws, axis1=1, axis2=2).mean(axis=1), 1.0),
    ):
        # The number of columns is whole, which moves the diagonal a little.
        assert abs(kept.mean() - wanted) < 4 * kept.std() / np.sqrt(2000) + 0.02
    # Entries of one draw share rows; the variance of one entry over draws is free of that.
    variance = draws[:, 0, 1].var()
    error = np.sqrt((((draws[:, 0, 1] - draws[:, 0, 1].mean()) ** 2).var()) / 2000)
    assert abs(variance - CORRELATIONS[rows, columns].var()) < 4 * error


@pytest.mark.parametrize("scale", [1.0, 1e-100, 1e60])
def test_the_widest_covariance_meets_its_conditions(scale):
    # An inverse of this form with these sums is the only one, since the entropy is concave.
    C = np.cov(DATA * np.geomspace(0.01, 100, 8)[:, None]) * scale
    found = widest_covariance(C)
    np.testing.assert_allclose(np.diagonal(found), np.diagonal(C), rtol=1e-10)
    sd = np.sqrt(np.diagonal(C))
    np.testing.assert_allclose((found - C).sum(axis=1) / (sd * sd.max()), 0.0, atol=1e-9)
    inverse = np.linalg.inv(found / np.outer(sd, sd))
    i, j, k, m = 0, 2, 4, 7  # b_i + b_j + b_k + b_m in three ways
    weighted = inverse / np.outer(sd, sd) * sd.max() ** 2
    pairs = [
        weighted[i, j] + weighted[k, m],
        weighted[i, k] + weighted[j, m],
        weighted[i, m] + weighted[j, k],
    ]
    np.testing.assert_allclose(pairs, pairs[0], rtol=1e-6)


def test_nulls_of_the_strength_have_it_on_average():
    draws = ng.correlation_null(CORRELATIONS, "strength", n_observations=20, n_draws=1000, rng=2)
    sums = draws.sum(axis=2)
    error = sums.std(axis=0) / np.sqrt(1000)
    assert (np.abs(sums.mean(axis=0) - CORRELATIONS.sum(axis=1)) < 4 * error).all()


def test_draws_belong_to_their_number():
    for keep, options in (("spectrum", {}), ("moments", {}), ("strength", {"n_observations": 9})):
        more = ng.correlation_null(CORRELATIONS, keep, n_draws=4, rng=3, **options)
        fewer = ng.correlation_null(CORRELATIONS, keep, n_draws=2, rng=3, **options)
        np.testing.assert_array_equal(more[:2], fewer)


def test_row_sums_that_no_covariance_has():
    # One node correlates with -0.9 with each of the others: not positive definite for any other entries.
    impossible = np.eye(4)
    impossible[0, 1:] = impossible[1:, 0] = -0.9
    impossible[1:, 1:] += -0.45 * (1 - np.eye(3))
    with pytest.warns(ng.ConvergenceWarning, match="no covariance of largest entropy"):
        draws = ng.correlation_null(impossible, "strength", n_observations=9, n_draws=2)
    assert np.isnan(draws).all()


def test_matrices_that_do_not_fit():
    with pytest.raises(ValueError, match="needs correlations, with a diagonal of 1"):
        ng.correlation_null(2 * CORRELATIONS)
    with pytest.raises(ValueError, match="not a correlation matrix: it has the eigenvalue"):
        ng.correlation_null(np.where(np.eye(4) > 0, 1.0, -0.9))
    with pytest.raises(ValueError, match="mean of at least 0"):
        ng.correlation_null(np.where(np.eye(4) > 0, 1.0, -0.2), "moments")
    with pytest.raises(ValueError, match="needs n_observations"):
        ng.correlation_null(CORRELATIONS, "strength")
    with pytest.raises(ValueError, match="diagonal of matrix must be positive"):
        ng.correlation_null(np.zeros((3, 3)))
