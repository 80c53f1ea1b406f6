"""Permutation nulls of sweeps: against permuted items one by one, and as a test statistic."""

from __future__ import annotations

import shutil

import neurogeom as ng
import numpy as np
import pytest
import sweep_own_metrics as own
import sweep_stores as ss

pytest.importorskip("zarr")

from neurogeom.sweep import _store
from neurogeom.sweep._pairs import Permutations

METRICS = ["procrustes", "cka", "rsa", "pwcca", "ridge", "permutation"]
ITEMS = [*ss.stack(3, 15, 3), *ss.stack(2, 15, 5, seed=1)]
# A second item that is much like the first, so that p-values differ.
ITEMS[1] = ITEMS[0] + 0.3 * ITEMS[1]
N_NULL = 9


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
        alike = draws >= result.values if result.is_similarity else draws <= result.values
        sd = draws.std(axis=0, ddof=1) if count > 1 else np.full(result.shape, np.nan)
        found[name] = draws.mean(axis=0), sd, (1 + alike.sum(axis=0)) / (1 + count)
    return found


def key_of(store):
    return _store.Store(store).plan["key"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = tmp_path_factory.mktemp("sweeps") / "s"
    ss.finished(store, ITEMS, METRICS, null=N_NULL, rng=3, tile=2)
    return store


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
    found = ss.finished(tmp_path / "s", ITEMS[:3], METRICS[:3], others=ITEMS[3:], null=4, tile=2)
    known = brute_force(ITEMS[:3], METRICS[:3], 4, key_of(tmp_path / "s"), ITEMS[3:])
    assert_null(found, known, np.indices((3, 2)))


def test_measured_dissimilarities_are_permuted_by_stimuli(tmp_path):
    metric = ng.RSA("sqeuclidean", "pearson")
    rdms = [ng.rdm(item, "sqeuclidean") for item in ITEMS]
    of_data = ss.finished(tmp_path / "data", ITEMS, metric, null=5)
    of_rdms = ss.finished(tmp_path / "rdms", rdms, metric, null=5)
    upper = np.triu_indices(len(ITEMS), 1)
    for name in ("values", "null_mean", "null_sd", "p_value"):
        mine, theirs = (getattr(result, name)[upper] for result in (of_rdms, of_data))
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("tile", [1, 3, 5])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_any_tile_gives_the_same_bits(tile, n_threads, finished, tmp_path):
    options = {"null": N_NULL, "rng": 3, "tile": tile, "n_threads": n_threads}
    ss.assert_same_bits(ss.finished(tmp_path / "s", ITEMS, METRICS, **options), ng.sweep.open(finished))


def test_an_extension_gives_the_same_bits(finished, tmp_path):
    ss.finished(tmp_path / "s", ITEMS[:3], METRICS, null=N_NULL, rng=3, tile=2)
    ng.sweep.extend(tmp_path / "s", ITEMS[3:])
    assert ng.sweep.run(tmp_path / "s").is_complete
    ss.assert_same_bits(ng.sweep.open(tmp_path / "s"), ng.sweep.open(finished))


def test_the_seed_decides(finished, tmp_path):
    other = ss.finished(tmp_path / "s", ITEMS, METRICS, null=N_NULL, rng=4, tile=2)
    known = ng.sweep.open(finished)
    for name in METRICS:
        assert other[name].values.tobytes() == known[name].values.tobytes()
        assert (other[name].null_mean != known[name].null_mean)[np.triu_indices(5, 1)].all()


def test_verification_covers_the_null(finished, tmp_path):
    store = shutil.copytree(finished, tmp_path / "s")
    assert ng.sweep.verify(store, sample=2).is_sound


def test_one_permutation_has_no_standard_deviation(tmp_path):
    found = ss.finished(tmp_path / "s", ITEMS, "cka", null=1)
    upper = np.triu_indices(5, 1)
    assert np.isnan(found.null_sd).all()
    assert np.isfinite(found.null_mean[upper]).all()
    assert set(found.p_value[upper]) <= {0.5, 1.0}


def test_the_diagonal_has_no_null(tmp_path):
    found = ss.finished(tmp_path / "s", ITEMS, ["procrustes", "cka"], null=2)
    for result in found.values():
        for name in ("null_mean", "null_sd", "p_value"):
            assert np.isnan(np.diagonal(getattr(result, name))).all()


def test_without_null_there_are_no_fields(tmp_path):
    found = ss.finished(tmp_path / "s", ITEMS, "cka")
    assert (found.null_mean, found.null_sd, found.p_value) == (None, None, None)


# ---- as a test


@pytest.mark.parametrize("metric", ["procrustes", "cka"])
def test_p_values_of_unrelated_items_are_uniform(metric, tmp_path):
    rows, columns = ss.stack(20, 12, 3, seed=5), ss.stack(20, 12, 3, seed=6)
    found = ss.finished(tmp_path / "s", list(rows), metric, others=list(columns), null=19, rng=0)
    p = found.p_value.ravel()
    assert np.allclose((20 * p).round(), 20 * p)
    # Pairs of one row or column share an item; given the rows, columns are independent.
    per_column = found.p_value.mean(axis=0)
    assert abs(per_column.mean() - 0.525) < 4 * per_column.std(ddof=1) / np.sqrt(20)
    share = (found.p_value <= 0.1).mean(axis=0)
    assert abs(share.mean() - 0.1) < 4 * share.std(ddof=1) / np.sqrt(20)


def test_p_values_of_equal_items_are_minimal(tmp_path):
    one = ss.stack(1)[0]
    items = {"one": one, "rotated": one @ np.linalg.qr(ss.stack(1, 3)[0])[0], "shifted": one + 5}
    found = ss.finished(tmp_path / "s", items, ["procrustes", "cka", "rsa"], null=19)
    upper = np.triu_indices(3, 1)
    assert (found["procrustes"].p_value[upper] == 1 / 20).all()
    assert (found["cka"].p_value[upper] == 1 / 20).all()
    assert found["rsa"].p_value[0, 2] == 1 / 20


def test_a_metric_that_cannot_tell_gives_one(tmp_path):
    found = ss.finished(tmp_path / "s", ITEMS, own.UnitCount(), null=3)
    assert (found.p_value == 1).all()
    assert (found.null_sd == 0).all()


def test_no_value_has_no_p_value(tmp_path):
    items = [*ITEMS[:3], ss.stack(1, 15, 9)[0]]
    found = ss.finished(tmp_path / "s", items, own.Sometimes(), null=3)
    for name in ("values", "null_mean", "null_sd", "p_value"):
        array = getattr(found, name)
        assert np.isnan(array[:, 3]).all(), name
        assert np.isfinite(array[:3, :3]).all(), name


# ---- permutations


def test_permutations_belong_to_item_and_draw():
    orders = {(i, d): tuple(Permutations(5, 99).order(12, i, d)) for i in range(6) for d in range(5)}
    assert len(set(orders.values())) == 30
    assert all(sorted(order) == list(range(12)) for order in orders.values())
    assert tuple(Permutations(7, 99).order(12, 2, 3)) == orders[2, 3]
    assert tuple(Permutations(5, 98).order(12, 2, 3)) != orders[2, 3]


# ---- what is refused


def test_observations_of_folds_are_not_permuted(tmp_path):
    metric = ng.RSA("crossnobis", "cosine", folds=np.repeat([0, 1], 6))
    with ss.nothing_left(tmp_path), pytest.raises(ValueError, match=r"null permutes stimuli, but rows are"):
        ng.sweep.plan(ss.stack(3), ["cka", metric], store=tmp_path / "s", null=3)


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
