"""Stochastic shape metrics against closed forms, reference values and another optimiser."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
import scipy.optimize
from helpers import stores
from scipy.spatial.distance import cdist

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "shape_reference.json").read_text())[
    "values"
]
CLASSES = [ng.GaussianStochastic, ng.EnergyStochastic]
GROUPS = ["orth", "perm", "identity"]


def reference_items():
    r = np.random.default_rng(221111665)
    first = r.standard_normal((5, 20, 4))
    first = first @ r.standard_normal((4, 4)) * 0.5 + r.standard_normal((5, 1, 4))
    second = r.standard_normal((5, 20, 4))
    second = second @ r.standard_normal((4, 4)) * 0.5 + 1.5 * r.standard_normal((5, 1, 4))
    return first, second


def trials_of(seed, n_stimuli=5, n_repeats=6, n_units=3):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n_stimuli, n_repeats, n_units)) @ rng.normal(size=(n_units, n_units))
    return noise + rng.normal(size=(n_stimuli, 1, n_units))


def uneven(seed, n_units=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(r, n_units)) + rng.normal(size=n_units) for r in (2, 5, 3, 4, 7)]


def rotation(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def root_of(S):
    values, vectors = np.linalg.eigh(S)
    values[values < 1e-12 * values[-1]] = 0  # rounding
    return np.sqrt(values) * vectors


def bures(S, T):
    return np.trace(S) + np.trace(T) - 2 * np.linalg.norm(root_of(S).T @ root_of(T), "nuc")


def gaussian_by_definition(X, Y, Q, alpha):
    """The distance for a given map of units, from covariances."""
    total = 0
    for x, y in zip(X, Y, strict=True):
        S, T = np.atleast_2d(np.cov(x.T)), np.atleast_2d(np.cov(y.T))
        total += alpha * np.square(x.mean(axis=0) @ Q - y.mean(axis=0)).sum()
        total += (2 - alpha) * bures(Q.T @ S @ Q, T)
    return np.sqrt(total / len(X))


def energy_by_definition(X, Y, Q, q, estimator):
    total = 0
    for x, y in zip(X, Y, strict=True):
        total += (cdist(x @ Q, y) ** q).mean()
        for side in (x, y):
            count = len(side) ** 2 if estimator == "v" else len(side) * (len(side) - 1)
            total -= (cdist(side, side) ** q).sum() / count / 2
    return np.sign(total) * np.sqrt(abs(total) / len(X))


# ---- values


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_gaussian_reference(alpha):
    known = REFERENCE[f"stochastic_gaussian alpha={alpha} (S1,S2)"]["value"]
    found = ng.GaussianStochastic(alpha, n_restarts=8).distance(*map(ng.Repeats, reference_items()))
    assert found == pytest.approx(known, abs=1e-9)


def test_energy_reference():
    """The reference has pairs of different repeats within items, and all pairs across."""
    known = REFERENCE["stochastic_energy (S1,S2)"]["value"]
    found = ng.EnergyStochastic(n_restarts=8).distance(*map(ng.Repeats, reference_items()))
    assert found == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y"), [(trials_of(0), trials_of(1)), (uneven(0), uneven(1)), (uneven(2), trials_of(3))]
)
def test_values_are_those_of_the_definition_at_the_fitted_map(x, y):
    for alpha, group in itertools.product((0.0, 0.7, 2.0), GROUPS):
        found = ng.GaussianStochastic(alpha, group).fit(ng.Repeats(x), ng.Repeats(y))
        assert found.distance == pytest.approx(gaussian_by_definition(x, y, found.map, alpha), rel=1e-7)
    for q, group, estimator in itertools.product((0.5, 1.0, 2.0), GROUPS, ("unbiased", "v")):
        metric = ng.EnergyStochastic(q, group, estimator=estimator)
        found = metric.fit(ng.Repeats(x), ng.Repeats(y))
        assert found.distance == pytest.approx(energy_by_definition(x, y, found.map, q, estimator), rel=1e-7)


def test_means_alone_are_procrustes():
    x, y = (ng.Repeats(one) for one in reference_items())
    procrustes = ng.Procrustes(score="euclidean", center=False).distance(x.mean, y.mean)
    assert ng.GaussianStochastic(2).distance(x, y) == pytest.approx(np.sqrt(2 / 5) * procrustes, rel=1e-12)
    energy = ng.EnergyStochastic(2, estimator="v").distance(x, y)
    assert energy == pytest.approx(np.sqrt(1 / 5) * procrustes, rel=1e-9)
    permutation = ng.Permutation(score="euclidean", center=False).distance(x.mean, y.mean)
    assert ng.GaussianStochastic(2, "perm").distance(x, y) == pytest.approx(np.sqrt(2 / 5) * permutation)


def test_commuting_covariances():
    """Scales of units, compared unit by unit: the sum of squared differences of standard deviations."""
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)  # unit covariance
    a, b = np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([[2.0, 2.5], [1.0, 4.0]])
    x, y = (ng.Repeats([signs * scale for scale in scales]) for scales in (a, b))
    known = np.sqrt(2 * np.square(a - b).sum() / 2)
    assert ng.GaussianStochastic(0, "identity").distance(x, y) == pytest.approx(known, rel=1e-12)


def test_bound_by_means_and_covariances():
    """d_a^2 is at least the mean of d_0^2 and d_2^2 with weights 1 - a / 2 and a / 2."""
    x, y = (ng.Repeats(one) for one in reference_items())
    first, last = (ng.GaussianStochastic(a, n_restarts=8).distance(x, y) for a in (0, 2))
    for alpha in (0.3, 1.0, 1.7):
        bound = np.sqrt((1 - alpha / 2) * first**2 + alpha / 2 * last**2)
        assert ng.GaussianStochastic(alpha).distance(x, y) > bound - 1e-9


def by_all_angles(distance):
    """Brute force over the rotations and reflections of a plane."""

    def at(angle, flip):
        c, s = np.cos(angle), np.sin(angle)
        return distance(np.array([[c, s], [-flip * s, flip * c]]))

    angles, best = np.linspace(0, 2 * np.pi, 25), np.inf
    for flip in (1, -1):
        near = angles[np.argmin([at(angle, flip) for angle in angles])]
        bounds = (near - angles[1], near + angles[1])
        options = {"bounds": bounds, "method": "bounded", "options": {"xatol": 1e-6}}
        best = min(best, scipy.optimize.minimize_scalar(at, args=(flip,), **options).fun)
    return best


@pytest.mark.parametrize("seed", range(3))
def test_never_above_brute_force(seed):
    x, y = trials_of(seed, 3, 5, 2), trials_of(seed + 50, 3, 5, 2)
    alpha = (0.0, 0.5, 1.5)[seed]
    known = by_all_angles(lambda Q: gaussian_by_definition(x, y, Q, alpha))
    found = ng.GaussianStochastic(alpha, n_restarts=20).distance(ng.Repeats(x), ng.Repeats(y))
    assert found < known + 1e-6
    known = by_all_angles(lambda Q: energy_by_definition(x, y, Q, 1, "v"))
    assert (
        ng.EnergyStochastic(estimator="v", n_restarts=20).distance(ng.Repeats(x), ng.Repeats(y))
        < known + 1e-6
    )


def test_matchings_by_enumeration():
    x, y = trials_of(7, n_units=4), trials_of(8, n_units=4)
    maps = [np.eye(4)[list(order)] for order in itertools.permutations(range(4))]
    for alpha in (0.0, 1.0):
        known = min(gaussian_by_definition(x, y, Q, alpha) for Q in maps)
        found = ng.GaussianStochastic(alpha, "perm", n_restarts=40).distance(ng.Repeats(x), ng.Repeats(y))
        assert found == pytest.approx(known, rel=1e-9)
    known = min(energy_by_definition(x, y, Q, 1, "v") for Q in maps)
    metric = ng.EnergyStochastic(1, "perm", estimator="v", n_restarts=40)
    assert metric.distance(ng.Repeats(x), ng.Repeats(y)) == pytest.approx(known, rel=1e-9)


def test_time_courses():
    """Of one time point they are Gaussian; the map is one for all times, and covariances span them."""
    x, y = trials_of(0, n_units=4), trials_of(1, n_units=4)
    for alpha in (0.0, 1.0, 2.0):
        found = ng.ProcessStochastic(2, alpha).fit(ng.Repeats(x), ng.Repeats(y))
        everywhere = np.kron(np.eye(2), found.map)
        assert found.distance == pytest.approx(gaussian_by_definition(x, y, everywhere, alpha), rel=1e-7)
        one = ng.ProcessStochastic(4, alpha).distance(ng.Repeats(x), ng.Repeats(y))
        assert one == ng.GaussianStochastic(alpha).distance(ng.Repeats(x), ng.Repeats(y))
    with pytest.raises(ValueError, match=r"^X has 4 units, which is no multiple of n_dims=3"):
        ng.ProcessStochastic(3).distance(ng.Repeats(x), ng.Repeats(y))
    with pytest.raises(ValueError, match=r"^X has 2 time points, but Y has 3"):
        ng.ProcessStochastic(2).distance(ng.Repeats(x), ng.Repeats(trials_of(0, n_units=6)))


def test_the_unbiased_estimator_is_negative_for_the_same_items():
    x, y = (ng.Repeats(trials_of(0)) for _ in range(2))
    result = ng.pairwise([x], ng.EnergyStochastic(), others=[y])
    assert result.values[0, 0] < 0
    assert result.flags.tolist() == [[1]]
    assert ng.EnergyStochastic(estimator="v").distance(x, y) == pytest.approx(0, abs=1e-6)


# ---- the search


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize("group", GROUPS)
def test_no_step_makes_it_worse(make, group):
    for seed in range(4):
        x, y = trials_of(seed, 4, 3, 6), trials_of(seed + 9, 4, 5, 5 if group != "identity" else 6)
        found = make(0.5, group=group).fit(ng.Repeats(x), ng.Repeats(y))
        assert found.converged
        assert (np.diff(found.history) <= 1e-12 * found.history[0]).all()
        assert found.distances[0] == found.distance <= found.distances.min() + 1e-12
        assert len(found.distances) == (1 if group == "identity" else 4)


@pytest.mark.parametrize("make", CLASSES)
def test_invariances(make):
    x, y = trials_of(0, n_units=4), trials_of(1, n_units=4)
    metric, many = make(n_restarts=12), {"n_restarts": 12}
    value = metric.distance(ng.Repeats(x), ng.Repeats(y))
    turned = metric.distance(ng.Repeats(x @ rotation(4)), ng.Repeats(y @ rotation(4, 1)))
    assert turned == pytest.approx(value, rel=1e-6)
    shuffled = make(group="perm", **many).distance(ng.Repeats(x[..., [2, 0, 3, 1]]), ng.Repeats(y[:, ::-1]))
    assert shuffled == pytest.approx(make(group="perm", **many).distance(ng.Repeats(x), ng.Repeats(y)))
    silent = metric.distance(ng.Repeats(np.pad(x, ((0, 0), (0, 0), (0, 2)))), ng.Repeats(y))
    assert silent == pytest.approx(value, rel=1e-6)
    power = 1 if make is ng.GaussianStochastic else 0.5
    for scale in (1e-60, 1e60):
        scaled = metric.distance(ng.Repeats(scale * x), ng.Repeats(scale * y))
        assert scaled == pytest.approx(scale**power * value, rel=1e-7)


def test_more_units_than_rows_are_reduced():
    x, y = (trials_of(seed, 3, 4, 40) for seed in (0, 1))
    plain = ng.GaussianStochastic(n_restarts=0).fit(ng.Repeats(x), ng.Repeats(y))
    assert plain.map.shape == (40, 40)
    assert plain.distance == pytest.approx(gaussian_by_definition(x, y, plain.map, 1.0), rel=1e-6)
    energy = ng.EnergyStochastic(n_restarts=0).fit(ng.Repeats(x), ng.Repeats(y))
    known = energy_by_definition(x, y, energy.map, 1, "unbiased")
    assert energy.distance == pytest.approx(known, rel=1e-7)
    turn = rotation(40)
    again = ng.GaussianStochastic(2).distance(ng.Repeats(x), ng.Repeats(x @ turn))
    assert again == pytest.approx(0, abs=1e-10)


METRICS = [
    ng.GaussianStochastic(),
    ng.GaussianStochastic(0.5, "perm", seed=3),
    ng.GaussianStochastic(report="spread"),
    ng.EnergyStochastic(estimator="v"),
    ng.EnergyStochastic(0.5, n_restarts=1),
    ng.ProcessStochastic(1, 0.5),
]


def test_names():
    assert [metric.name for metric in METRICS] == [
        "gaussian_stochastic",
        "gaussian_stochastic(0.5, perm, seed 3)",
        "gaussian_stochastic(spread)",
        "energy_stochastic(v)",
        "energy_stochastic(0.5, 1 restarts)",
        "process_stochastic(1 dims, 0.5)",
    ]


def test_same_bits_wherever_and_either_way(tmp_path):
    items = [ng.Repeats(trials_of(0)), ng.Repeats(uneven(1)), ng.Repeats(trials_of(2, n_repeats=3))]
    known = ng.pairwise(items, METRICS, tile=64, n_threads=1)
    for name, result in known.items():
        np.testing.assert_array_equal(result.values, result.values.T)
        np.testing.assert_array_equal(np.diag(result.values), 0)
        metric = next(one for one in METRICS if one.name == name)
        assert metric.compare(items[1], items[0]) == result.values[0, 1]
    for name, result in ng.pairwise(items, METRICS, tile=1, n_threads=2).items():
        np.testing.assert_array_equal(result.values, known[name].values)
    pytest.importorskip("zarr")
    swept = stores.swept(tmp_path / "s.zarr", items, METRICS, n_threads=2, tile=2)
    for name in known:
        np.testing.assert_array_equal(swept[name].values, known[name].values)


def test_a_permuted_item_is_farther_away():
    x = trials_of(0, 12, 4, 3) + 3 * trials_of(1, 12, 1, 3)
    items = [ng.Repeats(x), ng.Repeats(x @ rotation(3) + 0.1 * trials_of(2, 12, 4, 3))]
    for metric in (ng.GaussianStochastic(n_restarts=0), ng.EnergyStochastic(n_restarts=0)):
        assert ng.pairwise(items, metric, null=9).p_value[0, 1] == 0.1


# ---- what is refused


@pytest.mark.parametrize("make", CLASSES)
def test_what_is_refused(make):
    x = ng.Repeats(trials_of(0))
    with pytest.raises(TypeError, match=r"is a matrix of responses, but .*_stochastic needs repeats of each"):
        ng.pairwise([x, x.mean], make())
    with pytest.raises(ValueError, match=r"representations\[1\] has one repeat of stimulus 1, but"):
        ng.pairwise([x, ng.Repeats([np.eye(3), *[np.eye(3)[:1]] * 4])], make())
    with pytest.raises(ValueError, match="unit by unit, but X has 3 units and Y has 2"):
        make(group="identity").distance(x, ng.Repeats(trials_of(0, n_units=2)))
    with pytest.raises(ValueError, match="compares distributions, so it has no held-out form"):
        ng.pairwise([x, x], make(), test=[x, x])
    for options in ({"group": "linear"}, {"n_restarts": -1}, {"seed": -1}, {"report": "both"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            make(**options)
    gone = trials_of(1)
    gone[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"^Y, stimulus 2, trials\[1, 0\] is nan"):
        make().distance(x, ng.Repeats(gone))


def test_options_out_of_range():
    for alpha in (-0.1, 2.1, np.nan):
        with pytest.raises(ValueError, match="alpha"):
            ng.GaussianStochastic(alpha)
    for q in (0, 2.1, -1):
        with pytest.raises(ValueError, match="q must be above 0 and at most 2"):
            ng.EnergyStochastic(q)


@pytest.mark.parametrize("make", CLASSES)
def test_extremes(make):
    silence, still = np.zeros((5, 2, 3)), np.repeat(trials_of(0)[:, :1], 3, axis=1)
    for x in (silence, still, trials_of(0, n_repeats=2), trials_of(0, n_units=1)):
        y = trials_of(1)
        for group in ("orth", "perm"):
            assert np.isfinite(make(group=group).distance(ng.Repeats(x), ng.Repeats(y)))
            assert (
                make(group=group, n_restarts=0).distance(ng.Repeats(x), ng.Repeats(x))
                == pytest.approx(0, abs=1e-6)
                or make is ng.EnergyStochastic
            )
    size = ng.GaussianStochastic().distance(ng.Repeats(silence), ng.Repeats(trials_of(1)))
    variances = sum(np.trace(np.cov(one.T)) for one in trials_of(1))
    assert size == pytest.approx(np.sqrt((variances + np.square(trials_of(1).mean(axis=1)).sum()) / 5))


def test_a_search_that_is_stopped_warns(monkeypatch):
    monkeypatch.setattr(ng.metrics.alignment_search.climb, "__defaults__", (2,))
    with pytest.warns(ng.ConvergenceWarning, match="of 1 pairs was stopped before it converged"):
        ng.GaussianStochastic().distance(ng.Repeats(trials_of(0)), ng.Repeats(trials_of(1)))


@pytest.mark.parametrize("make", [ng.GaussianStochastic, ng.EnergyStochastic])
def test_a_looser_tolerance_stops_earlier_and_not_lower(make):
    rng = np.random.default_rng(8)
    items = [ng.Repeats(rng.standard_normal((12, 1, 9)) + rng.standard_normal((12, 5, 9))) for _ in range(2)]
    tight, loose = (make(n_restarts=0, tolerance=one).fit(*items) for one in (1e-10, 1e-5))
    assert len(loose.history) < len(tight.history)
    assert tight.distance <= loose.distance <= tight.distance * (1 + 1e-3)
    assert make(tolerance=1e-5).name != make().name
    with pytest.raises(ValueError, match="tolerance must be between 0 and 1, not 0"):
        make(tolerance=0)
