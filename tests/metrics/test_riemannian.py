"""Affine-invariant distance against its reference, closed forms and generalised eigenvalues."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
from helpers.references import reference_data


def by_eigenvalues(a, b):
    return np.linalg.norm(np.log(scipy.linalg.eigh(b, a, eigvals_only=True)))


def shrunk(matrix, share):
    return (1 - share) * matrix + share * np.trace(matrix) / len(matrix) * np.eye(len(matrix))


def gram(data):
    """Of centred stimuli, in an orthonormal basis of what centring leaves."""
    basis = scipy.linalg.null_space(np.ones((1, len(data))))
    return basis.T @ data @ data.T @ basis


def test_reference():
    X, W = reference_data("XW")
    found = ng.AffineInvariant(of="covariance").distance(X, W)
    assert found == pytest.approx(10.247058595176098, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7])
def test_generalised_eigenvalues(share):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(14, 20)) + 3, rng.normal(size=(14, 17)) * np.logspace(0, 1, 17)
    known = by_eigenvalues(shrunk(gram(x), share), shrunk(gram(y), share))
    assert ng.AffineInvariant(share).distance(x, y) == pytest.approx(known, rel=1e-10)
    x, y = x[:, :9], y[:, :9]
    known = by_eigenvalues(*(shrunk(np.cov(data.T), share) for data in (x, y)))
    assert ng.AffineInvariant(share, "covariance").distance(x, y) == pytest.approx(known, rel=1e-10)


def test_closed_forms():
    x = np.random.default_rng(0).normal(size=(30, 6))
    scaled = ng.AffineInvariant(of="covariance").distance(x, 1e60 * x)
    assert scaled == pytest.approx(2 * np.log(1e60) * np.sqrt(6), rel=1e-12)
    x, _ = np.linalg.qr(x - x.mean(axis=0))
    factors = np.array([1.0, 2.0, 1e-6, 1e4, 3.0, 0.5])
    found = ng.AffineInvariant(of="covariance").distance(x, x * factors)
    assert found == pytest.approx(2 * np.linalg.norm(np.log(factors)), rel=1e-9)


def test_a_common_linear_map_does_not_matter():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 6))
    common = rng.normal(size=(6, 6)) * np.logspace(-3, 3, 6)
    metric = ng.AffineInvariant(of="covariance")
    value = metric.distance(x, y)
    assert metric.distance(x @ common, y @ common) == pytest.approx(value, rel=1e-8)
    assert metric.distance(y, x) == pytest.approx(value, rel=1e-12)


def test_covariances_in_pairwise():
    items = np.random.default_rng(0).normal(size=(5, 20, 4)) * np.logspace(-1, 1, 5)[:, None, None]
    values = ng.pairwise(items, ng.AffineInvariant(of="covariance"), n_threads=2, tile=2).values
    np.testing.assert_array_equal(values, ng.pairwise(items, ng.AffineInvariant(of="covariance")).values)
    assert (values[:, None, :] <= values[:, :, None] + values[None] + 1e-9).all()


def test_the_order_of_stimuli_does_not_matter_to_covariances():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 4))
    found = ng.pairwise([x, y], ng.AffineInvariant(of="covariance"), null=10, bootstrap=10)
    assert found.p_value[0, 1] == 1
    assert found.se[0, 1] > 0


def test_refused():
    x = np.random.default_rng(0).normal(size=(6, 9))
    with pytest.raises(ValueError, match=r"covariance of X is singular \(rank 5 of 9\).*regularization > 0"):
        ng.AffineInvariant(of="covariance").distance(x, x)
    with pytest.raises(ValueError, match=r"centred Gram matrix of Y is singular \(rank 3 of 5\)"):
        ng.AffineInvariant(0.0).distance(x, x[:, :3])
    with pytest.raises(ValueError, match=r"the same units only, but X has 3 and Y has 4"):
        ng.AffineInvariant(of="covariance").distance(x[:, :3], x[:, 3:7])
    dead = np.insert(x[:, :3], 1, 0.1, axis=1)
    with pytest.raises(ValueError, match=r"covariance of Y is singular \(rank 3 of 4\)"):
        ng.AffineInvariant(of="covariance").distance(x[:, :4], dead)
    assert np.isfinite(ng.AffineInvariant(0.2, of="covariance").distance(x[:, :4], dead))
    for share in (-0.1, 1.0, 2):
        with pytest.raises(ValueError, match="regularization must be at least 0 and below 1"):
            ng.AffineInvariant(share)
    with pytest.raises(ValueError, match="of must be one of 'gram', 'covariance', not 'cov'"):
        ng.AffineInvariant(of="cov")
