"""Few-shot geometry: the reference, enumeration of all triples, jackknife, bias and coverage."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from helpers.systems import FEWSHOT, reference_classes
from neurogeom.generalization import fewshot
from neurogeom.generalization.class_pairs import centred_class

LEVELS = {
    "main": "SNR_main_text",
    "overlap": "SNR_with_subspace",
    "gaussian": "SNR_gaussian",
    "exact": "SNR_exact_moments_with_replacement",
}
OF_PAIRS = {
    "signal": "signal",
    "bias": "bias",
    "signal_noise_overlap": "sna_dSad_over_tr2",
    "signal_noise_overlap_other": "snb_dSbd_over_tr2",
    "noise_noise_overlap": "nn_trSaSb_over_tr2",
}


def off_diagonal(matrix):
    return np.asarray(matrix)[..., ~np.eye(4, dtype=bool)]


def test_geometry_of_the_reference():
    X = reference_classes()
    assert X.sum() == pytest.approx(FEWSHOT["X_sum"], abs=1e-8)
    found = ng.fewshot_geometry(X, 1)
    np.testing.assert_allclose(found.radius**2, FEWSHOT["trace"], atol=1e-8)
    np.testing.assert_allclose(found.dimension, FEWSHOT["D_participation"], atol=1e-8)
    for name, known in OF_PAIRS.items():
        np.testing.assert_allclose(
            off_diagonal(getattr(found, name)), off_diagonal(FEWSHOT[known]), atol=1e-8
        )
        assert np.isnan(np.diagonal(getattr(found, name))).all()


@pytest.mark.parametrize("level", LEVELS)
def test_snr_of_the_reference(level):
    found = ng.fewshot_geometry(reference_classes(), [1, 5], level=level)
    for k, m in enumerate((1, 5)):
        expected = off_diagonal(FEWSHOT[f"m{m}"][LEVELS[level]])
        np.testing.assert_allclose(off_diagonal(found.snr[k]), expected, atol=1e-8)


@pytest.mark.parametrize("sizes", [(7, 7), (5, 9)])
def test_exact_moments_are_those_of_all_triples(sizes):
    rng = np.random.default_rng(1)
    a, b = rng.gamma(1.0, size=(sizes[0], 5)), rng.standard_normal((sizes[1], 5)) + 1
    snr = ng.fewshot_geometry([a, b], 1, level="exact").snr
    for (x, y), found in (((a, b), snr[0, 1]), ((b, a), snr[1, 0])):
        to_own = ((x[:, None] - x) ** 2).sum(axis=2)
        to_others = ((x[:, None] - y) ** 2).sum(axis=2)
        h = (to_others[:, None, :] - to_own[:, :, None]) / 2  # test point, own example, other example
        assert found == pytest.approx(h.mean() / h.std(), rel=1e-12)


def test_several_shots_are_those_of_each_alone():
    clouds = gaussian_clouds(4, 9, 12, spread=0.9)
    several = ng.fewshot_geometry(clouds, [1, 5])
    for k, m in enumerate((1, 5)):
        alone = ng.fewshot_geometry(clouds, m)
        np.testing.assert_array_equal(several.error[k], alone.error)
        np.testing.assert_array_equal(several.snr_se[k], alone.snr_se)
        assert several.mean_error[k] == alone.mean_error == pytest.approx(np.nanmean(alone.error), rel=1e-12)


def test_a_pair_has_the_bits_that_it_has_among_others():
    clouds = list(gaussian_clouds(5, 9, 12, spread=0.9))
    clouds[1] = clouds[1][:7]
    every = ng.fewshot_geometry(clouds, [1, 3], level="exact")
    one = ng.fewshot_geometry([clouds[1], clouds[3]], [1, 3], level="exact", n_threads=1)
    for name in ("signal", "bias_se", "snr", "error", "error_se"):
        expected = getattr(one, name)[..., [0, 1], [1, 0]]
        np.testing.assert_array_equal(getattr(every, name)[..., [1, 3], [3, 1]], expected)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("corrected", [False, True])
def test_errors_are_those_of_a_jackknife(level, corrected):
    rng = np.random.default_rng(5)
    clouds = [rng.gamma(2.0, size=(n, 5)) + 3 * c for c, n in enumerate((9, 7, 8))]

    def geometry(clouds):
        return ng.fewshot_geometry(clouds, [1, 4], level=level, correct_dimension=corrected, n_threads=1)

    found = geometry(clouds)
    names = [*OF_PAIRS, "snr", "error", "radius", "dimension"]
    names += [f"mean_{name}" for name in (*OF_PAIRS, "error", "radius", "dimension")]
    variance = dict.fromkeys(names, 0.0)
    for c, cloud in enumerate(clouds):
        without = [
            geometry([np.delete(x, i, axis=0) if k == c else x for k, x in enumerate(clouds)])
            for i in range(len(cloud))
        ]
        for name in names:
            moves = np.var([getattr(one, name) for one in without], axis=0)
            variance[name] = variance[name] + (len(cloud) - 1) * moves
    for name in names:
        known = ~np.isnan(getattr(found, name))
        error = np.asarray(getattr(found, f"{name}_se"))[known]
        np.testing.assert_allclose(error, np.sqrt(variance[name])[known], rtol=1e-9, err_msg=name)


def test_too_few_points_for_an_error():
    for corrected, fewest in ((False, 3), (True, 5)):
        for n_points in (fewest - 1, fewest):
            clouds = gaussian_clouds(2, n_points, 30, spread=0.5)
            found = ng.fewshot_geometry(clouds, 2, correct_dimension=corrected)
            assert np.isfinite(found.mean_error)
            for error in (found.mean_error_se, found.radius_se[0], found.snr_se[0, 1]):
                assert np.isfinite(error) == (n_points == fewest)
            assert np.isfinite(found.dimension_se[0]) == (n_points == 5)


def test_duplicates_change_errors_only():
    clouds = gaussian_clouds(3, 8, 6, spread=0.7)
    once, twice = (ng.fewshot_geometry(x, 2, level="exact") for x in (clouds, np.repeat(clouds, 2, axis=1)))
    for name in ("radius", "dimension", "signal", "snr", "error"):
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), rtol=1e-12)
    assert twice.mean_error_se < once.mean_error_se


def test_a_corrected_dimension_that_is_not_positive_is_flagged():
    cloud, other = gaussian_clouds(2, 8, 6, spread=0.5)
    cloud[1:] = cloud[0] + 1
    with pytest.warns(ng.ConvergenceWarning, match=r"1 classes have no corrected dimension \(0\)"):
        found = ng.fewshot_geometry([cloud, other], 1, correct_dimension=True)
    assert found.status.tolist() == [2, 0]
    assert np.isnan(found.dimension[0])
    assert found.mean_dimension == found.dimension[1]


def test_correction_takes_the_bias_out():
    # Gaussian classes of 12 points; truth by the population's moments.
    rng, n = np.random.default_rng(2), 10
    scale = np.linspace(0.5, 1.5, n) ** 2
    delta = 0.4 * np.ones(n)
    square, fourth = scale.sum(), (scale**2).sum()
    truth = {
        "radius": np.sqrt(square),
        "signal": delta @ delta / square,
        "signal_noise_overlap": delta**2 @ scale / square**2,
        "noise_noise_overlap": fourth / square**2,
    }
    found = [
        ng.fewshot_geometry(
            rng.standard_normal((2, 12, n)) * np.sqrt(scale) + np.stack([delta, 0 * delta])[:, None],
            1,
            correct_dimension=True,
            n_threads=1,
        )
        for _ in range(400)
    ]
    # Ratios of unbiased estimates are not unbiased; their numerators and denominators are.
    squares = np.array([one.radius[0] ** 2 for one in found])
    for name, power in (("signal", 1), ("signal_noise_overlap", 2), ("noise_noise_overlap", 2)):
        numerator = np.array([getattr(one, name)[0, 1] for one in found]) * squares**power
        error = numerator.std(ddof=1) / 20
        assert abs(numerator.mean() - truth[name] * square**power) < 4 * error, name
    assert abs(squares.mean() - square) < 4 * squares.std(ddof=1) / 20
    # The dimension is a ratio of unbiased estimates: nearly unbiased itself.
    dimension = np.median([one.dimension[0] for one in found])
    assert abs(dimension / (square**2 / fourth) - 1) < 0.1


def test_corrected_moments_are_unbiased_for_any_distribution():
    # Independent features w (x - 1) of exponential x, whose central moments are w^2, 2 w^3 and 9 w^4.
    rng, (n_a, n_b), n_sets = np.random.default_rng(6), (4, 6), 1500
    w_a, w_b, delta = np.array([1.0, 0.7, 0.4]), np.array([0.5, 0.3, 1.1]), np.array([0.6, -0.4, 0.3])
    truth = [delta @ delta, w_a**2 @ w_b**2, delta**2 @ w_a**2, delta**2 @ w_b**2]
    truth += [2 * delta @ w_a**3, 2 * delta @ w_b**3, (w_a**2).sum(), (w_b**2).sum()]
    truth += [(w_a**4).sum(), (w_b**4).sum(), 8 * (w_a**4).sum(), 8 * (w_b**4).sum()]
    found = np.empty((n_sets, 12))
    for k in range(n_sets):
        points = delta + w_a * rng.standard_exponential((n_a, 3)), w_b * rng.standard_exponential((n_b, 3))
        a, b = (
            fewshot.prepare_class(centred_class(x - w, 1.0), corrected=True)
            for x, w in zip(points, (w_a, w_b), strict=True)
        )
        tile = a.points.centred @ b.points.centred.T
        found[k] = fewshot._moments(a, b, a.points.mean - b.points.mean, tile)[:, 0]
    error = found.std(axis=0, ddof=1) / np.sqrt(n_sets)
    assert (np.abs(found.mean(axis=0) - truth) < 4 * error).all()


def test_intervals_cover():
    # Errors of 4 Gaussian classes of 60 points with random spectra, with the correction on.
    rng, n, m = np.random.default_rng(3), 20, 5
    mu = 0.45 * rng.standard_normal((4, n))
    scale = rng.uniform(0.3, 1.5, (4, n)) ** 2
    truth = np.full((4, 4), np.nan)
    for a in range(4):
        for b in range(4):
            d = mu[a] - mu[b]
            h = d @ d / 2 + (scale[b].sum() - scale[a].sum()) / (2 * m)
            variance = d**2 @ scale[a] + d**2 @ scale[b] / m + (scale[a] @ scale[a] + scale[a] @ scale[b]) / m
            variance += (scale[a] @ scale[a] + scale[b] @ scale[b]) / (2 * m**2)
            truth[a, b] = h / np.sqrt(variance) if a != b else np.nan
    hits = []
    for _ in range(60):
        X = mu[:, None] + rng.standard_normal((4, 60, n)) * np.sqrt(scale)[:, None]
        found = ng.fewshot_geometry(X, m, correct_dimension=True, n_threads=1)
        hits.append(np.abs(found.snr - truth) <= 1.96 * found.snr_se)
    hits = np.array(hits)[:, ~np.eye(4, dtype=bool)]
    # The 12 entries of a data set are not independent: the error is over data sets.
    share, error = hits.mean(), hits.mean(axis=1).std(ddof=1) / np.sqrt(60)
    assert abs(share - 0.95) < 4 * error + 0.01


def test_classes_that_do_not_vary():
    varied, still = gaussian_clouds(2, 6, 5, spread=0.5)
    still = np.broadcast_to(still[0], (6, 5))
    with pytest.warns(ng.ConvergenceWarning, match=r"1 classes do not vary \(1\)") as caught:
        found = ng.fewshot_geometry([varied, still], 3)
    assert caught[0].filename == __file__
    assert found.status.tolist() == [0, 1]
    assert np.isnan(found.signal[1, 0])
    assert np.isfinite(found.error[0, 1])
    with pytest.warns(ng.ConvergenceWarning) as caught:
        both = ng.fewshot_geometry([still, still + 1], 3)
    said = [str(one.message) for one in caught]
    for part in ("2 classes do not vary", "2 pairs have no signal-to-noise ratio"):
        assert any(part in one for one in said), said
    assert np.isnan(both.mean_error)


def test_what_is_refused():
    a, b = gaussian_clouds(2, 6, 5)
    with pytest.raises(ValueError, match=r"manifolds\[1\] \(1\) has 1 points; a covariance needs at least 2"):
        ng.fewshot_geometry([a, b[:1]], 1)
    with pytest.raises(
        ValueError, match=r"manifolds\[0\] \(0\) has 3 points; the correction needs at least 4"
    ):
        ng.fewshot_geometry([a[:3], b], 1, correct_dimension=True)
    with pytest.raises(ValueError, match="level must be"):
        ng.fewshot_geometry([a, b], 1, level="best")
    with pytest.raises(ValueError, match="holds one manifold"):
        ng.fewshot_geometry([a], 1)
