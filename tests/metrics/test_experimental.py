"""Experimental estimators: unbiased by simulation, within four standard errors; exact where they must be."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.metrics import experimental
from neurogeom.metrics.experimental import corrected_cka, cross_covariance_moments

RNG = np.random.default_rng(0)


def within_four_errors(draws, truth):
    draws = np.asarray(draws)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return np.abs(draws.mean(axis=0) - truth) < 4 * error


def test_parts_of_corrected_cka_are_unbiased():
    """Stimuli are Gaussian latents, units are drawn with weights from a population of two kinds."""
    scale_x, scale_y = np.array([1.5, 1.0, 0.5, 0.0]), np.array([0.5, 0.2, 1.2, 1.0])
    # E over units of squared covariances w'v, with weights of variance scale^2: sums of products.
    truth = [(scale_x**2 * scale_y**2).sum(), (scale_x**4).sum(), (scale_y**4).sum()]
    draws = []
    for _ in range(2000):
        latent = RNG.normal(size=(9, 4))
        x, y = (
            latent @ (scale_x[:, None] * RNG.normal(size=(4, 5))),
            latent @ (scale_y[:, None] * RNG.normal(size=(4, 4))),
        )
        grams = [experimental._u_centred(side - side.mean(axis=0)) for side in (x, y)]
        norms = [
            experimental._between_units(side - side.mean(axis=0), gram)
            for side, gram in zip((x, y), grams, strict=True)
        ]
        draws.append([np.vdot(*grams) / 20, *norms])
    assert within_four_errors(np.array(draws) / (9 * 6), truth).all()


def test_corrected_cka_of_populations_with_many_dimensions():
    corrected, debiased = [], []
    for _ in range(60):
        latent = RNG.normal(size=(100, 30))
        x, y = (latent @ RNG.normal(size=(30, 20)) for _ in range(2))
        corrected.append(corrected_cka(x, y))
        debiased.append(ng.cka(x, y))
    error = np.std(corrected, ddof=1) / np.sqrt(60)
    assert abs(np.mean(corrected) - 1) < 0.02 + 4 * error  # the bias of the ratio, measured over 200 draws
    assert np.mean(debiased) < 0.45


def test_corrected_cka_pair_by_pair():
    """Against debiased inner products of the Gram matrices of single units."""
    shared = 2 * RNG.normal(size=(8, 1))
    x, y = RNG.normal(size=(8, 3)) + shared + 2, RNG.normal(size=(8, 4)) - shared

    def hsic(a, b):
        return np.vdot(*(experimental._u_centred(side[:, None] - side.mean()) for side in (a, b)))

    def mean(left, right, same):
        return np.mean([hsic(left[:, i], right[:, j]) for i in range(left.shape[1])
                        for j in range(right.shape[1]) if not (same and i == j)])  # fmt: skip

    known = mean(x, y, False) / np.sqrt(mean(x, x, True) * mean(y, y, True))
    assert corrected_cka(x, y) == pytest.approx(known, rel=1e-10)
    assert corrected_cka(1e80 * x, 1e-80 * y) == pytest.approx(known, rel=1e-10)


def test_moments_are_unbiased():
    mix = RNG.normal(size=(5, 4))
    draws = []
    for _ in range(1000):
        latent = RNG.normal(size=(14, 5)) * [2.0, 1.0, 1.0, 0.5, 0.5]
        x, y = latent[:, :4] + 3.0, latent @ mix - 1.0
        draws.append(cross_covariance_moments(x, y, 3, n_orders=1, rng=len(draws)))
    cross = np.diag([4.0, 1.0, 1.0, 0.25, 0.25])[:4] @ mix
    values = np.linalg.svd(cross, compute_uv=False) ** 2
    assert within_four_errors(draws, [(values**p).sum() for p in (1, 2, 3)]).all()


def test_moments_over_all_chains():
    x, y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
    found = cross_covariance_moments(x, y, 2, n_orders=1, rng=5)
    order = np.random.default_rng(5).permutation(8).reshape(2, 4)
    a, b = ((side[order[0]] - side[order[1]]) / np.sqrt(2) for side in (x, y))
    kx, ky = a @ a.T, b @ b.T
    first = np.mean([ky[i, j] * kx[j, i] for i in range(4) for j in range(i + 1, 4)])
    assert found == pytest.approx([first, ky[0, 1] * kx[1, 2] * ky[2, 3] * kx[3, 0]], rel=1e-12)
    scaled = cross_covariance_moments(1e50 * x, 1e-50 * y, 2, n_orders=1, rng=5)
    assert scaled == pytest.approx(found, rel=1e-12)


def test_refused():
    x = RNG.normal(size=(8, 3))
    with pytest.raises(ValueError, match="at least 4 stimuli, but X has 3"):
        corrected_cka(x[:3], x[:3])
    with pytest.raises(ValueError, match="Y has one unit"):
        corrected_cka(x, x[:, :1])
    with pytest.raises(ValueError, match="Y does not vary"):
        corrected_cka(x, np.full((8, 2), 0.1))
    with pytest.raises(ValueError, match="3 moments need at least 12 stimuli, not 8"):
        cross_covariance_moments(x, x, 3)
