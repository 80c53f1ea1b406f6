"""Renormalised kernels against published values, a case that is solved exactly, and sampled networks."""

from __future__ import annotations

import json
import re

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import FOLDER
from scipy import special, stats

PUBLISHED = json.loads((FOLDER / "systems_reference.json").read_text())["A_bpkr"]


def example():
    """The kernel and targets of the published values."""
    rng = np.random.default_rng(11)
    X = rng.standard_normal((20, 50))
    return X @ X.T / 50, np.sign(rng.standard_normal((20, 2)))


@pytest.mark.parametrize("name", PUBLISHED["u"])
def test_published_values(name):
    load, variance, depth = map(float, re.findall(r"alpha([\d.]+)_s2([\d.]+)_L(\d)", name)[0])
    K, Y = example()
    found = ng.kernels.renormalization(
        K, Y, depth=int(depth), width=round(20 / load), weight_variance=variance
    )
    np.testing.assert_allclose(found.factors, PUBLISHED["u"][name], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.power, PUBLISHED["r_eigs"], rtol=0, atol=1e-8)
    assert found.load == load


@pytest.mark.parametrize("scale", [1e-60, 1e-3, 1.0, 1e3, 1e60])
@pytest.mark.parametrize("depth", [1, 2, 10])
@pytest.mark.parametrize("width", [1, 7, 20, 1000])
def test_the_equation_is_solved(scale, depth, width):
    K, Y = example()
    found = ng.kernels.renormalization(K, scale * Y, depth=depth, width=width, weight_variance=1.7)
    wanted = np.linalg.eigvalsh(Y.T @ np.linalg.solve(K, Y) / 20) * scale**2
    np.testing.assert_allclose(found.power, wanted, rtol=1e-10)
    left = 1 - found.factors / 1.7
    right = found.load * (1 - found.power / found.factors**depth)
    size = 1 + found.factors / 1.7 + found.load * (1 + found.power / found.factors**depth)
    assert (np.abs(left - right) < 1e-13 * depth * size).all()
    rotated = found.directions.T @ found.scale @ found.directions
    np.testing.assert_allclose(rotated, np.diag(found.factors**depth), rtol=1e-12, atol=1e-12 * rotated.max())


def test_wide_networks_are_not_changed():
    K, Y = example()
    found = ng.kernels.renormalization(K, Y, depth=3, width=10**12, weight_variance=0.8)
    np.testing.assert_allclose(found.factors, 0.8, rtol=1e-10)
    y = ng.kernels.renormalization(K, Y[:, 0], depth=1, width=10**12, weight_variance=0.8)
    np.testing.assert_allclose(y.layer_kernel, 0.8 * K, atol=1e-10)


@pytest.mark.parametrize("target", [0.3, 1.0, 2.5])
def test_one_example_exactly(target):
    # The variance of one example is chi-squared over hidden weights; given the target it is a generalised
    # inverse Gaussian number, whose mean is a ratio of Bessel functions.
    errors = []
    for width in (50, 100, 200, 400):
        a, b, order = width / 1.3, target**2 / 0.7, (width - 1) / 2
        root = np.sqrt(a * b)
        mean = np.sqrt(b / a) * special.kve(order + 1, root) / special.kve(order, root)
        found = ng.kernels.renormalization([[1.3]], [target], depth=1, width=width, weight_variance=0.7)
        errors.append(abs(found.layer_kernel[0, 0] / (0.7 * mean) - 1))
    # The theory is of the first order in 1 / width.
    assert (np.array(errors) * np.array([50, 100, 200, 400]) ** 2 < 20 * (1 + target**4)).all()
    assert errors[-1] < errors[0] / 40


def test_networks_by_importance_sampling():
    # Hidden weights from the prior, weighted by the probability of the targets under random read-outs. What
    # learning changes is the difference of two means over the same draws.
    rng = np.random.default_rng(0)
    X, y, width, n_draws = rng.normal(size=(3, 8)), np.array([2.0, -1.0, 1.4]), 100, 20_000
    K = ng.kernels.NNGP(0).gram(X)
    grams = stats.wishart(width, K / width).rvs(n_draws, random_state=rng)
    exponents = -0.5 * np.einsum("i,nij,j->n", y, np.linalg.inv(grams), y)
    weights = np.exp(exponents - exponents.max()) / np.sqrt(np.linalg.det(grams))
    weights /= weights.mean()
    mean = np.einsum("n,nij->ij", weights, grams) / n_draws
    influence = weights[:, None, None] * (grams - mean) - (grams - K)
    error = influence.std(axis=0) / np.sqrt(n_draws)
    learned = ng.kernels.renormalization(K, y, depth=1, width=width).layer_kernel - K
    assert (np.abs(mean - grams.mean(axis=0) - learned) < 4 * error).all()
    assert np.abs(learned).max() > 50 * error.min()  # there is something to find


def test_dependent_targets():
    K, Y = example()
    doubled = np.column_stack([Y[:, 0], Y[:, 0], 0 * Y[:, 0]])
    found = ng.kernels.renormalization(K, doubled, depth=2, width=80, weight_variance=1.5)
    np.testing.assert_allclose(found.factors[:2], 1.5 * 0.75, rtol=1e-14)
    alone = ng.kernels.renormalization(K, np.sqrt(2) * Y[:, 0], depth=2, width=80, weight_variance=1.5)
    assert found.factors[2] == pytest.approx(alone.factors[0], rel=1e-12)
    with pytest.raises(ValueError, match="3 targets of which only 1 are linearly independent"):
        ng.kernels.renormalization(K, doubled, depth=2, width=20)
    many = np.random.default_rng(0).normal(size=(20, 30))
    assert (ng.kernels.renormalization(K, many, depth=1, width=40).power[:10] == 0).all()


def test_refusals():
    K, Y = example()
    options = {"depth": 1, "width": 10}
    X = np.random.default_rng(0).normal(size=(20, 6))
    with pytest.raises(ValueError, match=r"K is singular to rounding.*fewer stimuli than units"):
        ng.kernels.renormalization(ng.kernels.NNGP(0).gram(X), Y, **options)
    with pytest.raises(ValueError, match="K is not symmetric"):
        ng.kernels.renormalization(np.triu(K) + np.eye(20), Y, **options)
    with pytest.raises(ValueError, match=r"K must be square, not of shape \(20, 19\)"):
        ng.kernels.renormalization(K[:, 1:], Y, **options)
    with pytest.raises(ValueError, match=r"Y must have shape \(20,\)"):
        ng.kernels.renormalization(K, Y[1:], **options)
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        ng.kernels.renormalization(K, Y, depth=0, width=10)
    with pytest.raises(ValueError, match="weight_variance must be positive, not -1"):
        ng.kernels.renormalization(K, Y, weight_variance=-1, **options)
    # A kernel that is not linear tells any number of stimuli apart.
    assert ng.kernels.renormalization(ng.kernels.NNGP(1).gram(X), Y, **options).factors.shape == (2,)
