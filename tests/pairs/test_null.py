"""Values under permuted stimuli: against permuted items one by one, and the same bits as a sweep gives."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.inference import NULL_FIELDS, Permutations

METRICS = ["procrustes", "cka", "rsa", "pwcca", "ridge", "permutation"]
FITTED = ["procrustes", "cca", "permutation", ng.ShapeMetric(0.5)]
N_NULL = 6

_rng = np.random.default_rng(2)
_common = _rng.normal(size=(14, 3))
ITEMS = [_common @ _rng.normal(size=(3, n)) + 0.7 * _rng.normal(size=(14, n)) for n in (4, 3, 6, 5, 3)]
TESTS = [_rng.normal(size=(9, item.shape[1])) for item in ITEMS]
RDMS = [ng.rdm(item) for item in ITEMS]


def key_of(seed):
    """The key that a seed stands for, as sweeps draw it."""
    return int(np.random.default_rng(seed).integers(0, 2**64, dtype=np.uint64))


CASES = {
    "among themselves": (ITEMS, METRICS, {}),
    "others": (ITEMS[:3], METRICS, {"others": ITEMS[2:]}),
    "test": (ITEMS, FITTED, {"test": TESTS}),
    "others and test": (ITEMS[:3], FITTED, {"others": ITEMS[3:], "test": (TESTS[:3], TESTS[3:])}),
    "RDMs": ([*RDMS[:2], *ITEMS[2:]], ["rsa", ng.RSA(compare="kendall")], {}),
    "a single asymmetric metric": (ITEMS, "ridge", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_same_bits_as_a_sweep(case, tmp_path):
    pytest.importorskip("zarr")
    items, metric, options = CASES[case]
    store = tmp_path / "s"
    ng.sweep.plan(items, metric, store=store, null=N_NULL, rng=5, tile=2, **options)
    ng.sweep.run(store)
    known = ng.sweep.open(store)
    found = ng.pairwise(items, metric, null=N_NULL, rng=5, tile=3, n_threads=2, **options)
    if isinstance(metric, str):
        known, found = {metric: known}, {metric: found}
    assert known.keys() == found.keys()
    for name, one in known.items():
        for field in ("values", "held_out", *NULL_FIELDS):
            first, second = getattr(one, field), getattr(found[name], field)
            if field != "held_out" or "test" in options:
                assert first.tobytes() == second.tobytes(), (name, field)
            else:
                assert first is second is None


@pytest.mark.parametrize("options", [{}, {"others": ITEMS[3:]}], ids=["among themselves", "others"])
def test_against_permuted_items(options):
    items = ITEMS[:3]
    found = ng.pairwise(items, METRICS, null=N_NULL, rng=1, **options)
    columns, first = (options["others"], len(items)) if options else (items, 0)
    orders = Permutations(N_NULL, key_of(1))
    draws = {name: [] for name in found}
    for draw in range(N_NULL):
        permuted = [item[orders.order(len(item), first + k, draw)] for k, item in enumerate(columns)]
        for name, result in ng.pairwise(items, METRICS, others=permuted).items():
            draws[name].append(result.values)
    upper = np.triu_indices(3, 1) if not options else (slice(None), slice(None))
    for name, plain in ng.pairwise(items, METRICS, **options).items():
        null, result = np.array(draws[name]), found[name]
        assert result.values.tobytes() == plain.values.tobytes()
        sign = 1 if result.is_similarity else -1
        alike = (sign * null >= sign * plain.values - 1e-10).sum(axis=0)
        for field, known in zip(
            NULL_FIELDS,
            (null.mean(axis=0), null.std(axis=0, ddof=1), (1 + alike) / (1 + N_NULL)),
            strict=True,
        ):
            array = getattr(result, field)
            np.testing.assert_allclose(array[upper], known[upper], rtol=1e-9, err_msg=f"{name} {field}")
            if result.is_square and result.symmetric:
                np.testing.assert_array_equal(array, array.T)


def test_without_a_null_there_are_no_fields():
    result = ng.pairwise(ITEMS)
    assert all(getattr(result, field) is None for field in NULL_FIELDS)


def test_draws_do_not_depend_on_what_is_computed_beside():
    alone = ng.pairwise(ITEMS, "cka", null=N_NULL, rng=3)
    beside = ng.pairwise(ITEMS, ["procrustes", "cka"], null=N_NULL, rng=3, tile=2)["cka"]
    for field in NULL_FIELDS:
        assert getattr(alone, field).tobytes() == getattr(beside, field).tobytes()
    other = ng.pairwise(ITEMS, "cka", null=N_NULL, rng=4)
    assert not np.array_equal(alone.null_mean, other.null_mean, equal_nan=True)


def test_null_is_kept_in_files_and_tables(tmp_path):
    result = ng.pairwise(ITEMS, null=3)
    result.save(tmp_path / "r.npz")
    again = ng.load(tmp_path / "r.npz")
    for field in NULL_FIELDS:
        np.testing.assert_array_equal(getattr(again, field), getattr(result, field))
    assert set(NULL_FIELDS) <= result.to_dict().keys()


FOLDS = np.repeat([0, 1], 7)


def test_rows_that_are_no_stimuli_are_refused():
    metric = ng.RSA("crossnobis", folds=FOLDS)
    text = r"null permutes stimuli, but '.*' takes rows as single observations \(folds\): leave out null"
    with pytest.raises(ValueError, match=text):
        ng.pairwise(ITEMS, metric, null=2)
    with pytest.raises(ValueError, match=text):
        ng.sweep.plan(ITEMS, metric, null=2)


@pytest.mark.parametrize("ties", [False, True])
def test_p_values_of_unrelated_items(ties):
    """Uniform on their steps; with ties, never more small ones than that."""
    rng = np.random.default_rng(0)
    p = []
    for pair in range(120):
        data = rng.normal(size=(2, 10, 2))
        if ties:
            data = (data > 0) + np.array([0.0, 0.5]) * np.arange(10)[:, None] // 5
        p.append(ng.pairwise(list(data), "procrustes", null=9, rng=pair).p_value[0, 1])
    for step in np.arange(1, 10) / 10:
        share, error = np.mean(np.array(p) <= step + 1e-9), np.sqrt(step * (1 - step) / len(p))
        assert share - step < 4 * error
        assert ties or step - share < 4 * error


def test_omission_is_refused():
    with pytest.raises(ValueError, match="nan_policy='omit' cannot be combined with null"):
        ng.pairwise(ITEMS, null=2, nan_policy="omit")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"null": -1}, ValueError, "null must be at least 0, not -1"),
        ({"null": 2.5}, TypeError, "null must be an integer"),
        ({"null": 2, "rng": -3}, ValueError, "rng must be a non-negative seed"),
    ],
)
def test_bad_arguments(options, error, text):
    with pytest.raises(error, match=text):
        ng.pairwise(ITEMS, **options)
