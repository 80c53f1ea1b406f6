"""Permutation nulls of sweeps: against permuted items one by one, and as a test statistic."""

from __future__ import annotations

import itertools
import shutil
import warnings

import neurogeom as ng
import numpy as np
import pytest
import scipy.spatial
import scipy.stats
from helpers import own_metrics as own
from helpers.same_bits import assert_same_bits
from helpers.stores import nothing_left, quick_plan, stack, swept
from neurogeom.pairs.evaluation import WORTH_THREADS

pytest.importorskip("zarr")

from neurogeom.inference import Permutations
from neurogeom.sweep import store as _store

METRICS = ["procrustes", "cka", "rsa", "pwcca", "ridge", "permutation"]
ITEMS = [*stack(3, 15, 3), *stack(2, 15, 5, seed=1)]
# A second item that is much like the first, so that p-values differ.
ITEMS[1] = ITEMS[0] + 0.3 * ITEMS[1]
N_NULL = 9
SWEEP = {"items": ITEMS, "metric": METRICS, "null": N_NULL, "rng": 3, "tile": 2}


def brute_force(items, metrics, count, key, columns=None):
    """Mean, standard deviation and p-value of all pairs, each item of the columns permuted by itself."""
    known = ng.pairwise(items, metrics, others=items if columns is None else columns)
    columns = items if columns is None else columns
    first = 0 if columns is items else len(items)
    orders = Permutations(count, key)
    null = {name: [] for name in known}
    for draw in range(count):
        permuted = [item[orders.order(len(item), first + k, draw)] for k, item in enumerate(columns)]
        for name, result in ng.pairwise(items, metrics, others=permuted).items():
            null[name].append(result.values)
    found = {}
    for name, result in known.items():
        draws = np.array(null[name])
        sign = 1 if result.is_similarity else -1
        alike = sign * draws >= sign * result.values - 1e-10
        sd = draws.std(axis=0, ddof=1) if count > 1 else np.full(result.shape, np.nan)
        found[name] = draws.mean(axis=0), sd, (1 + alike.sum(axis=0)) / (1 + count)
    return found


def key_of(store):
    return _store.Store(store).plan["key"]


def assert_null(found, known, where):
    for name, (mean, sd, p) in known.items():
        np.testing.assert_allclose(found[name].null_mean[where], mean[where], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(found[name].null_sd[where], sd[where], rtol=1e-9, err_msg=name)
        np.testing.assert_array_equal(found[name].p_value[where], p[where], err_msg=name)


def test_against_permuted_items(finished):
    found = ng.sweep.open(finished)
    known = brute_force(ITEMS, METRICS, N_NULL, key_of(finished))
    assert_null(found, known, np.triu_indices(len(ITEMS), 1))
    for name, result in ng.pairwise(ITEMS, METRICS).items():
        assert found[name].values.tobytes() == result.values.tobytes()
        for field in ("null_mean", "null_sd", "p_value"):
            array = getattr(found[name], field)
            if result.symmetric:
                np.testing.assert_array_equal(array, array.T)
        assert len(np.unique(found[name].p_value[np.triu_indices(5, 1)])) > 1


def test_both_directions_of_asymmetric_measures(finished):
    found = ng.sweep.open(finished)
    known = brute_force(ITEMS, METRICS, N_NULL, key_of(finished))
    lower = np.tril_indices(len(ITEMS), -1)
    assert_null(found, {name: known[name] for name in ("pwcca", "ridge")}, lower)


def test_rows_with_columns(tmp_path):
    found = swept(tmp_path / "s", ITEMS[:3], METRICS[:3], others=ITEMS[3:], null=4, tile=2)
    known = brute_force(ITEMS[:3], METRICS[:3], 4, key_of(tmp_path / "s"), ITEMS[3:])
    assert_null(found, known, np.indices((3, 2)))


def test_measured_dissimilarities_are_permuted_by_stimuli(tmp_path):
    metric = ng.RSA("sqeuclidean", "pearson")
    rdms = [ng.rdm(item, "sqeuclidean") for item in ITEMS]
    of_data = swept(tmp_path / "data", ITEMS, metric, null=5)
    of_rdms = swept(tmp_path / "rdms", rdms, metric, null=5)
    upper = np.triu_indices(len(ITEMS), 1)
    for name in ("values", "null_mean", "null_sd", "p_value"):
        mine, theirs = (getattr(result, name)[upper] for result in (of_rdms, of_data))
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(("tile", "n_threads"), [(1, 2), (3, 1), (5, 2)])
def test_any_tile_gives_the_same_bits(tile, n_threads, finished, tmp_path):
    options = {"null": N_NULL, "rng": 3, "tile": tile, "n_threads": n_threads}
    assert_same_bits(swept(tmp_path / "s", ITEMS, METRICS, **options), ng.sweep.open(finished))


def test_an_extension_gives_the_same_bits(finished, tmp_path):
    swept(tmp_path / "s", ITEMS[:3], METRICS, null=N_NULL, rng=3, tile=2)
    ng.sweep.extend(tmp_path / "s", ITEMS[3:])
    assert ng.sweep.run(tmp_path / "s").is_complete
    assert_same_bits(ng.sweep.open(tmp_path / "s"), ng.sweep.open(finished))


def test_the_seed_decides(finished, tmp_path):
    other = swept(tmp_path / "s", ITEMS, METRICS, null=N_NULL, rng=4, tile=2)
    known = ng.sweep.open(finished)
    for name in METRICS:
        assert other[name].values.tobytes() == known[name].values.tobytes()
        assert (other[name].null_mean != known[name].null_mean)[np.triu_indices(5, 1)].all()


def test_verification_covers_the_null(finished, tmp_path):
    store = shutil.copytree(finished, tmp_path / "s")
    assert ng.sweep.verify(store, sample=2).is_sound


def test_one_permutation_has_no_standard_deviation(tmp_path):
    found = swept(tmp_path / "s", ITEMS, "cka", null=1)
    upper = np.triu_indices(5, 1)
    assert np.isnan(found.null_sd).all()
    assert np.isfinite(found.null_mean[upper]).all()
    assert set(found.p_value[upper]) <= {0.5, 1.0}


def test_the_diagonal_has_no_null(tmp_path):
    found = swept(tmp_path / "s", ITEMS, ["procrustes", "cka"], null=2)
    for result in found.values():
        for name in ("null_mean", "null_sd", "p_value"):
            assert np.isnan(np.diagonal(getattr(result, name))).all()


def test_without_null_there_are_no_fields(tmp_path):
    found = swept(tmp_path / "s", ITEMS, "cka")
    assert (found.null_mean, found.null_sd, found.p_value) == (None, None, None)


# ---- as a test


@pytest.mark.parametrize("metric", ["procrustes", "cka"])
def test_p_values_of_unrelated_items_are_uniform(metric, tmp_path):
    rows, columns = stack(20, 12, 3, seed=5), stack(20, 12, 3, seed=6)
    found = swept(tmp_path / "s", list(rows), metric, others=list(columns), null=19, rng=0)
    p = found.p_value.ravel()
    assert np.allclose((20 * p).round(), 20 * p)
    # Pairs of one row or column share an item; given the rows, columns are independent.
    per_column = found.p_value.mean(axis=0)
    assert abs(per_column.mean() - 0.525) < 4 * per_column.std(ddof=1) / np.sqrt(20)
    share = (found.p_value <= 0.1).mean(axis=0)
    assert abs(share.mean() - 0.1) < 4 * share.std(ddof=1) / np.sqrt(20)


def test_p_values_of_equal_items_are_minimal(tmp_path):
    one = stack(1)[0]
    items = {"one": one, "rotated": one @ np.linalg.qr(stack(1, 3)[0])[0], "shifted": one + 5}
    found = swept(tmp_path / "s", items, ["procrustes", "cka", "rsa"], null=19)
    upper = np.triu_indices(3, 1)
    assert (found["procrustes"].p_value[upper] == 1 / 20).all()
    assert (found["cka"].p_value[upper] == 1 / 20).all()
    assert found["rsa"].p_value[0, 2] == 1 / 20


def test_a_metric_that_cannot_tell_gives_one(tmp_path):
    found = swept(tmp_path / "s", ITEMS, own.UnitCount(), null=3)
    assert (found.p_value == 1).all()
    assert (found.null_sd == 0).all()


def test_no_value_has_no_p_value(tmp_path):
    items = [*ITEMS[:3], stack(1, 15, 9)[0]]
    found = swept(tmp_path / "s", items, own.Sometimes(), null=3)
    for name in ("values", "null_mean", "null_sd", "p_value"):
        array = getattr(found, name)
        assert np.isnan(array[:, 3]).all(), name
        assert np.isfinite(array[:3, :3]).all(), name


# ---- what is refused


def test_observations_of_folds_are_not_permuted(tmp_path):
    metric = ng.RSA("crossnobis", "cosine", folds=np.repeat([0, 1], 6))
    with nothing_left(tmp_path), pytest.raises(ValueError, match=r"but '.*' takes rows as single"):
        ng.sweep.plan(stack(3), ["cka", metric], store=tmp_path / "s", null=3)


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError), ("5", TypeError)]
)
def test_bad_counts(value, error):
    with pytest.raises(error, match="null must be"):
        ng.sweep.plan(ITEMS, null=value)


@pytest.mark.parametrize(("value", "error"), [("x", TypeError), (-1, ValueError), (1.5, TypeError)])
def test_bad_rng(value, error):
    with pytest.raises(error, match="rng"):
        ng.sweep.plan(ITEMS, null=2, rng=value)


# ---- ties: all orders of six stimuli, against values that are told apart exactly

ORDERS = np.array(list(itertools.permutations(range(6))))
CATEGORIES = np.repeat([[0.0, 1.0], [2.0, -1.0]], 3, axis=0)  # two of three stimuli each, in two units
FEATURES = np.random.default_rng(4).normal(size=(6, 4))


def of_all_orders(tmp_path, monkeypatch, items, metrics):
    """A sweep whose null is every order of the second item's stimuli once."""
    monkeypatch.setattr(Permutations, "order", lambda self, count, item, draw: ORDERS[draw])
    return swept(tmp_path / "s", items, metrics, null=len(ORDERS))


def split_values(value):
    """The observed and all other values of a measure that depends on which stimuli share a category only."""
    splits = [s for s in itertools.combinations(range(6), 3) if 0 in s]
    return np.array([value([*s, *sorted(set(range(6)) - set(s))]) for s in splits])


def pearson_by_definition(order):
    model, data = (scipy.spatial.distance.pdist(x) for x in (CATEGORIES, FEATURES[order]))
    return scipy.stats.pearsonr(model, data).statistic


def r2_by_definition(order):
    y = FEATURES[order] - FEATURES.mean(axis=0)
    means = np.repeat([y[:3].mean(axis=0), y[3:].mean(axis=0)], 3, axis=0)
    return np.square(means).sum() / np.square(y).sum()


@pytest.mark.parametrize("reverse", [False, True])
def test_orders_within_categories_are_ties(reverse, tmp_path, monkeypatch):
    """10 ways to share stimuli out, each by 72 orders: no p-value can be below 72 / 720."""
    items = [CATEGORIES, FEATURES]
    metrics = [ng.RSA("euclidean", "pearson"), "r2", ng.Procrustes(score="euclidean"), "procrustes", "cka"]
    found = of_all_orders(tmp_path, monkeypatch, items[::-1] if reverse else items, metrics)
    for result in found.values():
        draws = (721 * result.p_value[0, 1] - 1) / 72
        assert draws >= 1
        assert draws == pytest.approx(round(draws), abs=1e-9), result.metric
    for name, value in (("rsa-euclidean-pearson", pearson_by_definition), ("r2", r2_by_definition)):
        values = split_values(value)
        assert np.diff(np.sort(values)).min() > 1e-4, "which are all different"
        reached = int((values >= values[0] - 1e-9).sum())
        at = (1, 0) if reverse and name == "r2" else (0, 1)
        assert found[name].p_value[at] == (1 + 72 * reached) / 721


def test_ranks_that_tie(tmp_path, monkeypatch):
    """Spearman's correlation with the 0-or-2 distances of two units, in integers."""
    two_units = np.random.default_rng(2).normal(size=(6, 2))
    sides = np.sign(two_units[:, 0] - two_units[:, 1])
    pairs = np.array(list(itertools.combinations(range(6), 2)))
    ranks = scipy.stats.rankdata(scipy.spatial.distance.pdist(FEATURES, "correlation")).astype(int)
    apart = sides[ORDERS][:, pairs]
    sums = (apart[..., 0] != apart[..., 1]) @ ranks  # rises with the correlation
    found = of_all_orders(tmp_path, monkeypatch, [two_units, FEATURES], "rsa")
    assert found.p_value[0, 1] == (1 + (sums >= sums[0]).sum()) / 721


@pytest.mark.parametrize("scale", [1e-13, 1e13])
@pytest.mark.parametrize(
    "metric",
    [ng.Procrustes(score="euclidean"), ng.metrics.Bures(), ng.metrics.Permutation(score="euclidean")],
)
def test_units_of_the_responses_do_not_matter(metric, scale, tmp_path):
    found, known = (
        swept(tmp_path / f"{k}", [item * s for item in ITEMS], metric, null=19)
        for k, s in enumerate((scale, 1.0))
    )
    np.testing.assert_array_equal(found.p_value, known.p_value)
    assert len(np.unique(known.p_value[np.triu_indices(5, 1)])) > 1


@pytest.mark.parametrize("metric", [ng.Procrustes(score="euclidean"), "cca", "grassmann", "chordal"])
def test_distances_that_are_zero_in_any_order_are_ties(metric, tmp_path):
    """Three stimuli at equal distances; all of stimulus space: rounding alone would decide."""
    corners = np.eye(3) @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that they span all of stimulus space
        found = swept(tmp_path / "s", [corners, corners[:, ::-1] + 1.0], metric, null=30)
    assert found.p_value[0, 1] == 1


@pytest.mark.parametrize("shape", [(12, 20), (310, 320)])
def test_null_by_threads(tmp_path, shape):
    rng = np.random.default_rng(0)
    items = rng.normal(size=(3, *shape))
    quick_plan(items, ["procrustes", "rsa"], store=tmp_path / "planned.zarr", null=2)
    found = []
    for n_threads in (1, 2):
        store = tmp_path / f"{n_threads}.zarr"
        shutil.copytree(tmp_path / "planned.zarr", store)
        ng.sweep.run(store, n_threads=n_threads)
        found.append(ng.sweep.open(store))
    for name, one in found[0].items():
        for field in ("values", "null_mean", "null_sd", "p_value"):
            assert getattr(one, field).tobytes() == getattr(found[1][name], field).tobytes()


def test_sizes_lie_on_both_sides_of_what_is_worth_threads():
    assert 12 * 12 * 20 < WORTH_THREADS < 310 * 310 * 320
