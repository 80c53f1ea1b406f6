"""Spectral prediction: the reference, limits, what does not depend on a basis, noise, and trials."""

from __future__ import annotations

import json
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom.generalization.spectral import _learned

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "systems_reference.json").read_text())
CASES = [
    (name, entry)
    for name in ("uncentered_ridge_per_p_0.01", "uncentered_ridge_per_p_1e-14", "centered_ridge_per_p_0.01")
    for entry in REFERENCE["B_snap"][name]
]


def reference_data():
    rng = np.random.default_rng(20)
    X = rng.standard_normal((40, 60)) * (np.arange(1, 61) ** -0.8)
    B = rng.standard_normal((60, 5))
    return X, X @ B + 0.3 * rng.standard_normal((40, 5))


def deficient_data():
    rng = np.random.default_rng(21)
    X = rng.standard_normal((40, 10))
    return X, X @ rng.standard_normal((10, 3)) + 0.5 * rng.standard_normal((40, 3))


@pytest.mark.parametrize(("name", "entry"), CASES)
def test_reference_values(name, entry):
    X, Y = reference_data()
    ridge = float(name.rsplit("_", 1)[1])
    found = ng.spectral_prediction(
        X, Y, n_train=int(entry["p"]), ridge=ridge, center=name.startswith("centered")
    )
    for field, known in (
        ("kappa", "kappa"),
        ("gamma", "gamma"),
        ("error", "Eg"),
        ("radius", "R_em"),
        ("dimension", "D_em"),
        ("training_error", "Etr_pred"),
    ):
        assert getattr(found, field) == pytest.approx(entry[known], rel=1e-8), field
    total = ng.spectral_prediction(
        X,
        Y,
        n_train=int(entry["p"]),
        ridge=entry["ridge"],
        ridge_mode="total",
        center=name.startswith("centered"),
    )
    assert total.error == pytest.approx(found.error, rel=1e-12)


def test_reference_spectrum():
    found = ng.spectral_prediction(*reference_data(), center=False)
    known = REFERENCE["B_snap"]
    np.testing.assert_allclose(found.eigenvalues[:5], known["eig_top5"], rtol=1e-8)
    np.testing.assert_allclose(found.alignment[:5], known["weights_norm_top5"], rtol=1e-8)
    assert found.effective_dimension == pytest.approx(known["eff_dim_eig"], rel=1e-8)
    assert found.n_train == 24


@pytest.mark.parametrize("p", [8, 15, 20, 30])
def test_reference_without_ridge(p):
    found = ng.spectral_prediction(*deficient_data(), n_train=p, center=False)
    known = REFERENCE["B_snap_rank_deficient"][f"p{p}"]
    assert found.kappa == pytest.approx(known["kappa"], rel=1e-8)
    assert found.error == pytest.approx(known["Eg"], rel=1e-8)
    assert found.null_power == pytest.approx(REFERENCE["B_snap_rank_deficient"]["orthogonal_power"], rel=1e-8)


def test_as_many_stimuli_as_dimensions_diverge():
    X, Y = deficient_data()
    with pytest.warns(ng.ConvergenceWarning, match=r"as dimensions \(10\)") as caught:
        found = ng.spectral_prediction(X, Y, n_train=[9, 10, 11], center=False)
    assert caught[0].filename == __file__
    assert found.status.tolist() == [0, 1, 0]
    assert np.isinf(found.error[1])
    assert np.isfinite(found.error[[0, 2]]).all()
    # Without power outside the span there is nothing to diverge.
    spanned = ng.spectral_prediction(X, X[:, :3] + X[:, 3:6], n_train=10, center=False)
    assert spanned.error == pytest.approx(0, abs=1e-20)


spectra = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30)


@settings(max_examples=200)
@given(spectra, st.floats(0, 10) | st.just(0.0), st.integers(1, 60))
def test_the_root_lies_in_its_bracket(values, rho, p):
    spectrum = np.sort(np.array([1.0, *values]))[::-1]
    found = _learned(spectrum, rho, p)
    assert 0 <= found.gamma <= 1
    if rho == 0 and p >= len(spectrum):
        assert found.kappa == 0
        return
    assert rho * (1 - 1e-9) <= found.kappa <= (rho + spectrum.sum()) * (1 + 1e-9)
    right = rho + found.kappa * (spectrum / (p * spectrum + found.kappa)).sum()
    assert right == pytest.approx(found.kappa, rel=1e-9)
    assert found.null_error >= 1 - 1e-9
    assert (found.errors <= found.null_error * (1 + 1e-9)).all()


def test_error_is_radius_times_root_of_dimension():
    for X, Y in (reference_data(), deficient_data()):
        found = ng.spectral_prediction(X, Y, n_train=[3, 8, 20], ridge=[0.0, 0.1])
        np.testing.assert_allclose(found.radius * np.sqrt(found.dimension), found.error, rtol=1e-13)
        assert found.error.shape == (3, 2)
        for i, p in enumerate((3, 8, 20)):
            for j, ridge in enumerate((0.0, 0.1)):
                one = ng.spectral_prediction(X, Y, n_train=p, ridge=ridge)
                for name in ng.SpectralPrediction.numbers:
                    value = np.asarray(getattr(found, name))
                    assert getattr(one, name) == (value[i, j] if value.ndim else value)


def test_nothing_depends_on_a_basis():
    # Responses outside the span turned within it; and orthonormal units, all of whose modes are equal.
    X, Y = deficient_data()
    rng = np.random.default_rng(3)
    basis, _ = np.linalg.qr(np.column_stack([X, rng.standard_normal((40, 30))]))
    turn, _ = np.linalg.qr(rng.standard_normal((30, 30)))
    outside = basis[:, 10:]
    turned = Y - outside @ (outside.T @ Y) + outside @ (turn @ (outside.T @ Y))
    same = basis[:, :6]
    rotation, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    for first, second in (
        ((X, Y), (X, turned)),
        ((same, Y), (same @ rotation, Y)),
        ((X, Y), (np.column_stack([X, np.zeros((40, 50))]), Y)),  # by decomposing X, and X X'
    ):
        one, other = (
            ng.spectral_prediction(*pair, n_train=8, ridge=0.01, center=False) for pair in (first, second)
        )
        for name in ng.SpectralPrediction.numbers:
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9), name


def test_scales_and_order_do_not_matter():
    X, Y = reference_data()
    one = ng.spectral_prediction(X, Y, n_train=10, ridge=0.1, ridge_mode="total")
    other = ng.spectral_prediction(
        1e-60 * X[::-1], 1e70 * Y[::-1], n_train=10, ridge=0.1 * 1e-120, ridge_mode="total"
    )
    for name in ("error", "error_heldout", "radius", "dimension", "task_dimension"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-10)
    np.testing.assert_allclose(other.eigenvalues, one.eigenvalues * 1e-120, rtol=1e-10)


def test_targets_are_predicted_alone_too():
    X, Y = reference_data()
    Y = np.column_stack([Y, np.ones(40)])
    found = ng.spectral_prediction(X, Y, n_train=[10, 30], ridge=0.01)
    for c in range(5):
        alone = ng.spectral_prediction(X, Y[:, c], n_train=[10, 30], ridge=0.01)
        np.testing.assert_allclose(found.error_per_target[:, c], alone.error, rtol=1e-12)
        np.testing.assert_allclose(found.error_heldout_per_target[:, c], alone.error_heldout, rtol=1e-12)
    assert np.isnan(found.error_per_target[:, 5]).all()
    power = Y.var(axis=0)[:5]
    np.testing.assert_allclose(found.error_per_target[:, :5] @ power / power.sum(), found.error, rtol=1e-12)


def test_errors_of_all_stimuli_are_of_both_kinds():
    found = ng.spectral_prediction(*reference_data(), n_train=[10, 40], ridge=0.01)
    both = (10 * found.training_error[0] + 30 * found.error_heldout[0]) / 40
    assert both == pytest.approx(found.error[0], rel=1e-13)
    assert np.isnan(found.error_heldout[1])


def test_noise_is_told_from_signal():
    # Truth by construction: a signal in known modes, noise of known power; means over data sets.
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 40)) * np.arange(1, 41) ** -0.7
    signal = X @ rng.standard_normal((40, 4))
    signal -= signal.mean(axis=0)
    clean = ng.spectral_prediction(X, signal, n_train=30, ridge=0.01)
    noise, sets = 0.8 * signal.std(), 200
    found = [
        ng.spectral_prediction(X, signal + noise * rng.standard_normal((3, 60, 4)), n_train=30, ridge=0.01)
        for _ in range(sets)
    ]
    power = (signal**2).sum()
    # Centred noise has 59 of 60 dimensions; the mean of 3 repeats a third of its power.
    expected = noise**2 * 59 * 4 / 3
    totals = np.array([one.noise_power / (1 - one.noise_power) * power for one in found])
    assert abs(np.median(totals) / expected - 1) < 0.05
    errors = np.array([one.error_signal for one in found])
    assert abs(errors.mean() - clean.error) < 4 * errors.std(ddof=1) / np.sqrt(sets) + 0.002
    assert np.mean([one.error for one in found]) > clean.error * 1.2
    assert np.isnan(clean.error_signal)
    assert np.isnan(clean.noise_power)


def test_no_signal_is_flagged():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((60, 10))
    with pytest.warns(ng.ConvergenceWarning, match="no signal in common") as caught:
        found = ng.spectral_prediction(X, rng.standard_normal((3, 60, 4)), n_train=[20, 30], ridge=0.1)
    assert caught[0].filename == __file__
    assert found.status.tolist() == [2, 2]
    assert np.isnan(found.error_signal).all()
    assert np.isfinite(found.error).all()
    assert abs(found.noise_power - 1) < 4 * found.noise_power_se


def test_the_error_of_the_noise_covers():
    rng, truth, hits = np.random.default_rng(9), 0.5, []
    X = rng.standard_normal((100, 5))
    for _ in range(200):
        signal = rng.standard_normal((100, 8))
        noisy = signal + np.sqrt(2) * rng.standard_normal((2, 100, 8))  # the mean of two has power 1 of noise
        found = ng.spectral_prediction(X, noisy, n_train=50, ridge=0.1)
        hits.append(abs(found.noise_power - truth) <= 1.96 * found.noise_power_se)
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)


@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_trials_agree_with_the_theory(ridge):
    # Many stimuli: fresh ones each time, so that the theory's errors are those of the population.
    rng = np.random.default_rng(8)
    P, N = 600, 80
    X = rng.standard_normal((P, N)) * np.arange(1, N + 1) ** -0.6
    Y = X @ rng.standard_normal((N, 6)) + 0.5 * rng.standard_normal((P, 6))
    sizes = [20, 40, 60]  # far from P, and from where the error diverges
    theory = ng.spectral_prediction(X, Y, n_train=sizes, ridge=ridge)
    trials = ng.prediction_curve(X, Y, sizes, ridge=ridge, center="all", n_splits=40, rng=0)
    for name in ("error", "error_heldout", *(["training_error"] if ridge else [])):
        difference = getattr(trials, name) - getattr(theory, name)
        allowed = 4 * getattr(trials, f"{name}_se")
        # Stimuli are drawn without replacement: an effect of order p/P, which the theory does not have.
        allowed = allowed + 0.25 * np.array(sizes) / P * getattr(theory, name)
        assert (np.abs(difference) < allowed).all(), (name, difference, allowed)


def test_what_diverges_does_so_for_each_target_and_not_below_zero():
    X, Y = deficient_data()
    with pytest.warns(ng.ConvergenceWarning, match="diverges"):
        found = ng.spectral_prediction(X, Y, n_train=10, center=False)
    assert np.isinf(found.error_heldout)
    assert np.isinf(found.error_per_target).all()
    assert np.isinf(found.error_heldout_per_target).all()
    rng = np.random.default_rng(1)
    # All power outside the span is noise, so that its estimate falls on both sides of zero.
    repeats = X @ np.ones((10, 3)) + rng.standard_normal((4, 40, 3))
    with pytest.warns(ng.ConvergenceWarning, match="diverges"):
        assert np.isnan(ng.spectral_prediction(X, repeats, n_train=10).error_signal)


def test_targets_in_the_span_of_a_steep_spectrum_have_no_power_outside():
    # Eigenvalues over 12 decades: eigenvectors of X X' turn by more than rounding.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 20)) * 10.0 ** -np.linspace(0, 6, 20)
    mixing, read = rng.standard_normal((20, 200)), rng.standard_normal((200, 4))
    for x, y in ((X @ mixing, X @ mixing @ read), (X, X @ mixing @ read)):
        found = ng.spectral_prediction(x, y, n_train=20, center=False)
        assert (found.null_power, found.error, found.status) == (0.0, 0.0, 0)
        noisy = ng.spectral_prediction(x, y + rng.standard_normal((100, 4)), n_train=30, center=False)
        assert noisy.null_power > 1e-6


def test_a_mean_does_not_change_a_centred_kernel():
    X, Y = deficient_data()

    class Linear:
        def gram(self, X):
            return X @ X.T

    for function in (
        lambda x, k: ng.spectral_prediction(x, Y, n_train=20, kernel=k),
        lambda x, k: ng.prediction_curve(x, Y, 20, n_splits=3, rng=0, kernel=k),
    ):
        expected = function(X, None).error
        assert function(X + 1e3, Linear()).error == pytest.approx(expected, rel=1e-6)


def test_a_ridge_without_bound_learns_nothing():
    X, Y = reference_data()
    found = ng.spectral_prediction(1e-100 * X, Y, n_train=20, ridge=1e300)
    assert (found.error, found.training_error) == (pytest.approx(1), pytest.approx(1))
    assert found.kappa == pytest.approx(2e301)
