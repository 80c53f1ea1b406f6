"""One shape of null: shuffles that belong to their index, p-values with ties, and the nulls of analyses."""

from __future__ import annotations

import itertools
import math
import shutil
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.same_bits import assert_same_bits
from neurogeom._base.rng import draw_key
from neurogeom.inference import NULL_FIELDS, Null, Permutations, RunningNull, reaches

DATA = np.random.default_rng(0)
CLOUDS = DATA.normal(size=(4, 1, 20)) + 0.6 * DATA.normal(size=(4, 7, 20))
NULLS = {
    "capacity": (ng.manifold_capacity, {"n_samples": 20, "n_restarts": 1}),
    "geometry": (ng.effective_geometry, {"n_samples": 20}),
    "alignment": (ng.alignment, {}),
}
SUMMARY = ("observed", "mean", "sd", "lower", "upper", "z", "p_value", "n_defined")


def draws_of(null):
    """Draws of all measures, one row a shuffle."""
    return null.values if hasattr(null, "values") else np.stack([getattr(null, m) for m in null.measure], 1)


# ---- permutations


def test_permutations_belong_to_item_and_draw():
    orders = {(i, d): tuple(Permutations(5, 99).order(12, i, d)) for i in range(6) for d in range(5)}
    assert len(set(orders.values())) == 30
    assert all(sorted(order) == list(range(12)) for order in orders.values())
    assert tuple(Permutations(7, 99).order(12, 2, 3)) == orders[2, 3]
    assert tuple(Permutations(5, 98).order(12, 2, 3)) != orders[2, 3]


def test_a_set_of_manifolds_is_shuffled_by_the_same_permutation():
    permutations = Permutations(3, 2**64 - 1)
    pooled = np.concatenate(CLOUDS)
    for draw in range(3):
        order = permutations.order(28, 0, draw)
        dealt = ng.manifolds(pooled, np.repeat(np.arange(4), 7)).shuffled(permutations.generator(0, draw))
        for cloud, rows in zip(dealt, np.split(order, 4), strict=True):
            np.testing.assert_array_equal(cloud, pooled[np.sort(rows)])


def test_permutations_are_uniform():
    """Chi-squared over the 24 orders of four points: 23 degrees of freedom, standard deviation sqrt(46)."""
    permutations = Permutations(4800, 7)
    found = [tuple(permutations.order(4, 0, draw)) for draw in range(4800)]
    counts = np.array([found.count(order) for order in itertools.permutations(range(4))])
    assert ((counts - 200) ** 2 / 200).sum() < 23 + 5 * math.sqrt(46)


# ---- what is summarised


def test_summary_of_draws():
    draws = DATA.normal(size=(40, 2, 3))
    observed = np.array([[0.0, 2.0, -2.0], [9.0, -9.0, 0.5]])
    for alternative in ("two-sided", "greater", "less"):
        null = Null(**Null.fields_of(observed, draws, alternative=alternative))
        np.testing.assert_allclose(null.mean, draws.mean(axis=0), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(null.sd, draws.std(axis=0, ddof=1), rtol=1e-12)
        np.testing.assert_allclose(null.z, (observed - null.mean) / null.sd, rtol=1e-12)
        np.testing.assert_allclose([null.lower, null.upper], np.quantile(draws, [0.025, 0.975], axis=0))
        high, low = (draws >= observed).sum(axis=0), (draws <= observed).sum(axis=0)
        counts = {"greater": high, "less": low, "two-sided": np.minimum(high, low)}[alternative]
        twice = 1 + (alternative == "two-sided")
        np.testing.assert_array_equal(null.p_value, np.minimum(1, twice * (1 + counts) / 41))
        assert (null.n_draws, null.alternative) == (40, alternative)
        assert (null.n_defined == 40).all()
        assert null.lower.shape == null.p_value.shape == (2, 3)


def test_ties_are_as_extreme_as_what_they_tie_with():
    draws = np.array([[1 + 1e-13], [1 - 1e-13], [1 + 1e-7], [1 - 1e-7]])
    p_values = {
        alternative: Null.fields_of(np.ones(1), draws, alternative=alternative)["p_value"].item()
        for alternative in ("greater", "less", "two-sided")
    }
    assert p_values == {"greater": 4 / 5, "less": 4 / 5, "two-sided": 1.0}
    # In other units, where a size of 1 says that they are all alike.
    small = Null.fields_of(1e-12 * np.ones(1), 1e-12 * draws, alternative="greater", size=0.0)
    assert small["p_value"].item() == 4 / 5
    assert Null.fields_of(1e-12 * np.ones(1), 1e-12 * draws, alternative="greater")["p_value"].item() == 1


def test_undefined_draws_are_left_out():
    draws = np.array([[1.0, np.nan, 3.0, 1.0], [np.nan, np.nan, 5.0, 1.0], [2.0, np.nan, 4.0, 1.0]])
    null = Null(**Null.fields_of(np.array([1.5, 0.0, np.nan, 1.0]), draws, alternative="greater"))
    assert null.n_defined.tolist() == [2, 0, 3, 3]
    assert null.n_draws == 3
    np.testing.assert_array_equal(null.mean, [1.5, np.nan, 4.0, 1.0])
    np.testing.assert_allclose(null.sd, [math.sqrt(0.5), np.nan, 1.0, 0.0])
    np.testing.assert_array_equal(null.p_value, [2 / 3, np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(null.z, [0.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(np.isnan(null.lower), [False, True, False, False])


def test_one_draw_has_no_deviation():
    null = Null(**Null.fields_of(np.array([2.0]), np.array([[1.0]])))
    assert math.isnan(null.sd.item())
    assert math.isnan(null.z.item())
    assert (null.mean.item(), null.p_value.item()) == (1.0, 1.0)


def test_infinite_draws():
    null = Null(**Null.fields_of(np.array([2.0]), np.array([[1.0], [np.inf], [3.0]]), alternative="greater"))
    assert (null.mean.item(), null.p_value.item()) == (np.inf, 3 / 4)


@pytest.mark.parametrize("sign", [1, -1])
def test_running_sums_say_the_same(sign):
    observed, draws = DATA.normal(size=(3, 2)), DATA.normal(size=(50, 3, 2)) + 1e6
    observed += 1e6
    draws[3] = observed  # a tie
    running = RunningNull(observed, sign, 1e-3)
    for draw in draws:
        running.add(draw)
    side = "greater" if sign == 1 else "less"
    known = Null.fields_of(observed, draws, alternative=side, size=1e-3)
    mean, sd, p_value = running.summary()
    assert len(NULL_FIELDS) == 3
    np.testing.assert_allclose(mean, known["mean"], rtol=1e-13)
    np.testing.assert_allclose(sd, known["sd"], rtol=1e-8)
    np.testing.assert_array_equal(p_value, known["p_value"])


def test_running_sums_keep_what_is_undefined():
    running = RunningNull(np.array([1.0, np.nan, 1.0]))
    running.add(np.array([0.0, 0.0, np.nan]))
    running.add(np.array([2.0, 0.0, 5.0]))
    for values in running.summary():
        np.testing.assert_array_equal(np.isnan(values), [False, True, True])


def test_what_reaches():
    draws = np.array([0.3 - 1e-12, 0.3 - 1e-9, 0.3 + 1e-12, np.nan, -1.0, 0.4])
    assert reaches(draws, 0.3).tolist() == [True, False, True, False, False, True]
    assert reaches(-draws, -0.3).tolist() == [True, True, True, False, True, False]
    assert reaches(1e-20 * draws, 0.3e-20, 1e-20).tolist() == [True, False, True, False, False, True]
    assert reaches(1e20 * draws, 0.3e20).tolist() == [True, False, True, False, False, True]
    assert reaches(np.array([-1e-17, 1e-17]), 2e-17).all(), "noise about zero, of a measure of size one"


# ---- the nulls of analyses


@pytest.mark.parametrize("kind", NULLS)
def test_a_null_is_the_beginning_of_a_longer_one(kind):
    analyse, options = NULLS[kind]
    short, long = (analyse(CLOUDS, null=n, rng=5, **options).null for n in (3, 6))
    np.testing.assert_array_equal(draws_of(short), draws_of(long)[:3])
    assert len(np.unique(draws_of(long)[:, 0])) == 6


@pytest.mark.parametrize("kind", ["capacity", "geometry"])
def test_threads_do_not_matter(kind):
    analyse, options = NULLS[kind]
    one, other = (analyse(CLOUDS, null=3, rng=5, n_threads=n, **options) for n in (1, 3))
    assert_same_bits(one.to_dict(), other.to_dict())


@pytest.mark.parametrize("kind", NULLS)
def test_the_data_do_not_depend_on_the_null(kind):
    analyse, options = NULLS[kind]
    alone, tested = (analyse(CLOUDS, null=n, rng=np.random.default_rng(3), **options) for n in (0, 2))
    assert alone.null is None
    given = tested.to_dict()
    null = given.pop("null")
    assert_same_bits(given, {k: v for k, v in alone.to_dict().items() if k != "null"})
    assert null["measure"].tolist() == [name for name in null["measure"] if hasattr(alone, name)]


@pytest.mark.parametrize("kind", NULLS)
def test_all_nulls_have_one_shape(kind):
    analyse, options = NULLS[kind]
    result = analyse(CLOUDS, null=4, rng=0, **options)
    null = result.null
    assert isinstance(null, Null)
    assert (null.n_shuffles, null.n_draws, null.alternative) == (4, 4, "two-sided")
    np.testing.assert_array_equal(null.observed, [getattr(result, name) for name in null.measure])
    draws = draws_of(null)
    assert draws.shape == (4, len(null.measure))
    np.testing.assert_allclose(null.mean, draws.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(null.sd, draws.std(axis=0, ddof=1), rtol=1e-9)
    for name in SUMMARY:
        assert getattr(null, name).shape == null.measure.shape, name
    assert ((null.lower <= null.upper) & (null.p_value <= 1) & (null.p_value >= 0.4)).all()


def test_draws_are_results_of_shuffled_data():
    """Each shuffle has a generator of its own, for the points, then the draws of the analysis."""
    null = ng.effective_geometry(CLOUDS, null=2, rng=8, n_samples=25).null
    permutations = Permutations(2, draw_key(np.random.default_rng(8)))
    clouds = ng.manifolds(np.concatenate(CLOUDS), np.repeat(np.arange(4), 7))
    for k in range(2):
        own = permutations.generator(0, k)
        known = ng.effective_geometry(clouds.shuffled(own), rng=own, n_samples=25)
        for name in null.measure:
            assert getattr(null, name)[k] == pytest.approx(getattr(known, name), rel=1e-12), name


def test_p_values_are_those_of_all_arrangements():
    """Six points in two manifolds can be dealt out in 20 ways, 36 permutations each."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(6, 3)) * [2, 1, 0.3] + np.repeat([[0.5, 0, 0], [0, 0.8, 0]], 3, axis=0)
    observed = ng.alignment(points.reshape(2, 3, 3))
    splits = list(itertools.combinations(range(6), 3))
    every = [ng.alignment([points[list(s)], points[[i for i in range(6) if i not in s]]]) for s in splits]
    count = 2000
    null = ng.alignment(points.reshape(2, 3, 3), null=count, rng=1).null
    for name, p_value, n_defined in zip(null.measure, null.p_value, null.n_defined, strict=True):
        values = np.array([getattr(result, name) for result in every])
        value = getattr(observed, name)
        high, low = ((values >= value - 1e-9).mean(), (values <= value + 1e-9).mean())
        if name.endswith("center_center"):  # two centres are always opposite
            assert p_value == 1
            continue
        share = min(high, low)
        assert n_defined == count
        assert p_value == pytest.approx(
            min(1, 2 * share), abs=8 * math.sqrt(share * (1 - share) / count) + 1e-3
        )
        assert share < 0.5, name


def test_true_labels_stand_out():
    """Capacity of clustered data is far above that of shuffled data, by as much as draws can tell."""
    clouds = 3 * DATA.normal(size=(6, 1, 30)) + DATA.normal(size=(6, 10, 30))
    for analyse, name in ((ng.manifold_capacity, "mean_capacity"), (ng.effective_geometry, "capacity")):
        null = analyse(clouds, null=19, n_samples=40, rng=0).null
        at = null.measure.tolist().index(name)
        assert null.p_value[at] == 2 / 20
        assert null.z[at] > 5


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (True, TypeError), (1.5, TypeError)])
@pytest.mark.parametrize("kind", NULLS)
def test_bad_counts(kind, value, error):
    analyse, options = NULLS[kind]
    with pytest.raises(error, match="null must be"):
        analyse(CLOUDS, null=value, **options)


def test_nulls_of_0_1_0_are_completed(tmp_path):
    """Version 0.1.0 kept no standard deviations, and of capacity the draws alone."""
    shutil.unpack_archive(Path(__file__).parent / "reference/of_0_1_0.zip", tmp_path)
    for kind in ("alignment", "manifold_capacity"):
        null = ng.load(tmp_path / f"results/{kind}.npz").null
        draws = draws_of(null)
        assert null.n_shuffles == null.n_draws == len(draws) > 1
        np.testing.assert_allclose(null.sd, draws.std(axis=0, ddof=1), rtol=1e-12)
        np.testing.assert_allclose(null.mean, draws.mean(axis=0), rtol=1e-12)
    assert np.isnan(null.observed).all()
    assert np.isnan(null.p_value).all()
