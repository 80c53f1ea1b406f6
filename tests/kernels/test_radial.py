"""Kernels of distances at a fixed bandwidth, and CKA with them, against their formulas."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.kernels import RBF, Laplace
from scipy.spatial.distance import cdist

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(20, 6)), RNG.normal(size=(20, 9))
FORMULAS = {RBF: lambda d, s: np.exp(-(d**2) / (2 * s**2)), Laplace: lambda d, s: np.exp(-d / s)}


@pytest.mark.parametrize("kernel", FORMULAS)
@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_formulas(kernel, sigma):
    expected = FORMULAS[kernel](cdist(X, X), sigma)
    np.testing.assert_allclose(kernel(sigma).gram(X), expected, rtol=1e-12)
    np.testing.assert_allclose(kernel(sigma).cross(X[:3], X), expected[:3], rtol=1e-12)


@pytest.mark.parametrize("kernel", FORMULAS)
def test_cka_is_that_of_the_formula(kernel):
    centring = np.eye(20) - 1 / 20
    grams = [centring @ FORMULAS[kernel](cdist(A, A), 2.0) @ centring for A in (X, Y)]
    expected = np.vdot(*grams) / np.prod([np.linalg.norm(gram) for gram in grams])
    assert ng.CKA(kernel(2.0), "biased").similarity(X, Y) == pytest.approx(expected, rel=1e-12)


def test_a_bandwidth_relative_to_the_median_is_that_of_the_scaled_kernel():
    medians = [np.median(cdist(A, A)[np.triu_indices(20, 1)]) for A in (X, Y)]
    scaled = [A / median for A, median in zip((X, Y), medians, strict=True)]
    assert ng.CKA(RBF(0.7)).similarity(*scaled) == pytest.approx(
        ng.CKA("rbf", bandwidth=0.7).similarity(X, Y), rel=1e-9
    )


def test_scales_at_the_ends_of_floats():
    for scale in (1e-100, 1e100):
        np.testing.assert_allclose(RBF(scale).gram(X * scale), RBF(1.0).gram(X), rtol=1e-12)


def test_inputs_are_checked():
    with pytest.raises(ValueError, match="sigma must be positive, not 0"):
        RBF(0.0)
    with pytest.raises(ValueError, match="X has 6 units and Z has 9"):
        Laplace().cross(X, Y)
    assert RBF(2) == RBF(2.0)
    assert hash(RBF(2)) == hash(RBF(2.0))
