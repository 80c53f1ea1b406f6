"""Sweeps over pairs: the bits of ng.pairwise for every measure; metrics made again by other processes."""

from __future__ import annotations

import copy
import json
import pickle

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.items import items_of
from helpers.measures import METRICS
from helpers.same_bits import assert_same_bits
from helpers.stores import TRUST, nothing_left, quick_plan, stack, swept
from neurogeom._base import codec as _codec
from neurogeom._base.threads import single_threaded_blas
from neurogeom.metrics.base import Tile, evaluate, prepare_item
from neurogeom.representations.items import as_items
from neurogeom.sweep import specs as _metric_specs

pytest.importorskip("zarr")

from neurogeom.sweep.worker import Worker

ITEMS = items_of((6, 4, 9, 5, 7, 3, 8))
EQUAL_WIDTHS = items_of((5, 5, 5, 5, 5))
FOLDS = np.repeat([0, 1], 10)
COVARIANCE = np.cov(np.random.default_rng(5).normal(size=(5, 40)))

# By name, as several have the same class; small enough for ITEMS.
WITH_FUNCTIONS = {
    metric.name: metric
    for metric in (
        ng.CKA(kernel=own.cubic_kernel, estimator="biased"),
        ng.RSA("correlation", "pearson", score="angular", name="angle of RDMs"),
        ng.RSA("mahalanobis", "cosine", noise_covariance=own.unit_variances),
        ng.RSA("sqeuclidean", "cosine_cov", stimulus_covariance=np.linspace(1, 2, 20)),
        own.UnitCount(3.0, offset=[1.0, 0.5]),
        own.Heavier(2),
        own.MeanProduct(),
        own.Outer.Inner(),
    )
}
WITH_ARRAYS = {
    "noise_covariance": ng.RSA("mahalanobis", "pearson", noise_covariance=COVARIANCE),
    "folds": ng.RSA("crossnobis", "cosine", noise_covariance=COVARIANCE, folds=FOLDS),
    "folds and stimuli": ng.RSA("crossnobis", "cosine", folds=FOLDS.tolist(), stimuli=[*"abcdefghij"] * 2),
}


# ---- the same bits as in memory


# Numbers of units at which one or another BLAS kernel rounds X'X otherwise than X' times a copy of X.
ODD_ITEMS = items_of((5, 9, 17, 7), 20)


def placed(prepared, metric, held_out, offset):
    """A prepared item whose arrays begin so many bytes behind a line of the cache."""
    arrays, moved = {}, {}
    records = [_codec.encode(record, f"{k}", arrays) for k, record in enumerate(prepared.values())]
    for name, array in arrays.items():
        raw = np.empty(array.nbytes + 192, np.uint8)
        start = -raw.ctypes.data % 128 + offset
        moved[name] = raw[start : start + array.nbytes].view(array.dtype)
        moved[name] = moved[name].reshape(array.shape, order="F" if array.flags.fnc else "C")
        moved[name][...] = array
    return {key: _codec.decode(record, moved, TRUST) for key, record in zip(prepared, records, strict=True)}


@pytest.mark.parametrize("name", [*METRICS, *WITH_FUNCTIONS])
def test_a_pair_does_not_depend_on_its_place_in_memory(name):
    """Nor on whether an item meets itself or a copy of itself, for which BLAS has two algorithms."""
    metric = METRICS.get(name) or WITH_FUNCTIONS[name]
    held_out = metric.has_held_out
    items = as_items(ODD_ITEMS, "items")
    tests = as_items(held_out_of(ODD_ITEMS), "test") if held_out else [None] * len(ODD_ITEMS)
    where = np.ones((len(ODD_ITEMS), len(ODD_ITEMS)), dtype=bool)
    with single_threaded_blas():
        known = [prepare_item([metric], *pair) for pair in zip(items, tests, strict=True)]
        expected = evaluate([metric], Tile(known, known, where, 1), held_out)
        for left, right in [(8, 8), (0, 8), (16, 0), (32, 16), (64, 32), (0, 0)]:
            rows, columns = ([placed(item, metric, held_out, at) for item in known] for at in (left, right))
            for side in (rows, columns):
                found = evaluate([metric], Tile(rows, side, where, 1), held_out)
                assert [values.tobytes() for values in found] == [values.tobytes() for values in expected]


@pytest.mark.parametrize("metric", [own.Crossed(), "pwcca"])
def test_an_item_with_itself_has_the_same_bits_however_it_was_got(metric, tmp_path):
    """On the diagonal NumPy sees one matrix twice: from memory, from the store, and computed anew."""
    metrics = [metric, "ridge"]  # which has the diagonal computed
    found = swept(tmp_path / "s", ODD_ITEMS, metrics, tile=3)
    assert ng.sweep.verify(tmp_path / "s", trust=TRUST).is_sound
    worker = Worker(tmp_path / "s", 1, TRUST)
    worker._cache = type(worker._cache)(0)  # nothing stays in memory
    for key in worker.grid.tiles():
        stored = worker.store.read_tile(key)
        computed = worker.compute(key)
        assert stored[tuple(map(slice, computed.shape))].tobytes() == computed.tobytes()
    assert_same_bits(found, ng.pairwise(ODD_ITEMS, metrics))


def test_what_was_just_prepared_is_laid_out_as_what_is_read(tmp_path):
    metric = own.Crossed(step=2)
    quick_plan(ITEMS, metric, store=tmp_path / "s", tile=3)
    worker = Worker(tmp_path / "s", 1, TRUST)
    made, read = (next(iter(worker.prepare(0).values())) for _ in range(2))
    assert made.shape == read.shape == (20, 3)
    assert made.strides == read.strides == (24, 8)
    assert made.tobytes() == read.tobytes() == ITEMS[0][:, ::2].tobytes()


@pytest.mark.parametrize("name", WITH_FUNCTIONS)
def test_metrics_with_functions(name, tmp_path):
    metric = WITH_FUNCTIONS[name]
    found = swept(tmp_path / "s", ITEMS, metric, tile=2)
    assert_same_bits(found, ng.pairwise(ITEMS, metric))


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_metrics_with_arrays(name, tmp_path):
    metric = WITH_ARRAYS[name]
    found = swept(tmp_path / "s", EQUAL_WIDTHS, metric, tile=2)
    assert_same_bits(found, ng.pairwise(EQUAL_WIDTHS, metric))


def test_others(tmp_path):
    metrics = [*METRICS.values(), own.UnitCount()]
    rows = {f"area {k}": item for k, item in enumerate(ITEMS[:3])}
    found = swept(tmp_path / "s", rows, metrics, others=ITEMS[3:], tile=2)
    assert_same_bits(found, ng.pairwise(rows, metrics, others=ITEMS[3:]))


def test_one_row_with_others(tmp_path):
    for name in ("cka", "pwcca"):
        found = swept(tmp_path / name, ITEMS[:1], name, others=ITEMS[1:], tile=4)
        assert_same_bits(found, ng.pairwise(ITEMS[:1], name, others=ITEMS[1:]))
        assert found.shape == (1, 6)


HELD_OUT = [metric for metric in METRICS.values() if metric.has_held_out]


def held_out_of(items):
    return [np.random.default_rng(k).normal(size=(8, item.shape[1])) for k, item in enumerate(items)]


def test_held_out_with_others_and_several_metrics(tmp_path):
    test = (held_out_of(ITEMS[:4]), held_out_of(ITEMS[4:]))
    options = {"others": ITEMS[4:], "test": test}
    found = swept(tmp_path / "s", ITEMS[:4], HELD_OUT, tile=2, **options)
    assert_same_bits(found, ng.pairwise(ITEMS[:4], HELD_OUT, **options))


def test_flags_are_those_of_the_whole_matrix(tmp_path):
    items = list(stack(8, 10, 40))
    found = swept(tmp_path / "s", items, "cka", tile=3)
    assert found.flags.any()
    assert not found.flags.all()
    assert_same_bits(found, ng.pairwise(items, "cka"))


def test_measured_dissimilarities(tmp_path):
    human = ng.RDM(np.random.default_rng(9).random(190), name="human")
    items = [human, *ITEMS]
    names = ["human", *map(str, range(1, 8))]
    found = swept(tmp_path / "s", items, ["rsa", WITH_FUNCTIONS["angle of RDMs"]], tile=3)
    known = ng.pairwise(items, ["rsa", WITH_FUNCTIONS["angle of RDMs"]])
    assert found["rsa"].names.tolist() == names
    assert_same_bits(found, known)


def test_two_stimuli_of_a_measured_rdm(tmp_path):
    items = [ng.RDM([0.5], name="a"), ng.RDM([0.25], name="b")]
    metric = ng.RSA("euclidean", "cosine")
    assert_same_bits(swept(tmp_path / "s", items, metric), ng.pairwise(items, metric))


@pytest.mark.parametrize("dtype", ["f2", "f4", "i1", "u2", "i8", "?", ">f8", ">i4"])
def test_dtypes(dtype, tmp_path):
    items = [np.round(abs(4 * item)).astype(dtype) for item in ITEMS]
    items = [np.asfortranarray(item) if k % 2 else item[::-1] for k, item in enumerate(items)]
    known = [item.copy() for item in items]
    for item in items:
        item.flags.writeable = False
    found = swept(tmp_path / "s", items, ["procrustes", "cka"], tile=3)
    assert_same_bits(found, ng.pairwise(items, ["procrustes", "cka"]))
    for item, before in zip(items, known, strict=True):
        np.testing.assert_array_equal(item, before)


# ---- metrics as they are written down


def round_trip(metric):
    arrays = {}
    spec = json.loads(json.dumps(_metric_specs.describe_metric(metric, arrays)))
    return _metric_specs.make_metric(spec, arrays, TRUST)


@pytest.mark.parametrize("name", [*METRICS, *WITH_FUNCTIONS, *WITH_ARRAYS])
def test_made_again(name):
    metric = METRICS.get(name) or WITH_FUNCTIONS.get(name) or WITH_ARRAYS[name]
    items = EQUAL_WIDTHS if name in WITH_ARRAYS else ITEMS
    known = ng.pairwise(items, metric)
    for other in (metric, copy.copy(metric), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        made = round_trip(other)
        assert made is not other
        assert type(made) is type(metric)
        assert_same_bits(ng.pairwise(items, made), known)


def test_arguments_are_kept_as_they_were_given():
    assert own.UnitCount(2.0, offset=[1, 2]).arguments == ((2.0,), {"offset": [1, 2]})
    assert own.Heavier(4).arguments == ((4,), {})
    assert ng.metrics.as_metric("chordal").arguments == (("chordal",), {})
    assert ng.CKA().arguments == ((), {})
    assert copy.copy(own.Heavier(4)).arguments == ((4,), {})
    assert own.Heavier.arguments == ((), {}), "those of the class stay empty"


def test_a_metric_that_was_changed_is_refused(tmp_path):
    metric = ng.CKA()
    metric.name = "mine"
    with nothing_left(tmp_path), pytest.raises(TypeError, match=r"'mine' cannot be recreated from"):
        ng.sweep.plan(ITEMS, metric, store=tmp_path / "s")


CHANGES = {
    "an option": (ng.CKA(), "estimator", "biased"),
    "a weight": (own.UnitCount(), "is_similarity", True),
    "the diagonal": (own.UnitCount(), "diagonal", 0.0),
    "symmetry": (own.UnitCount(), "symmetric", True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_metric_whose_options_were_changed_is_refused(change):
    metric, name, value = CHANGES[change]
    metric = copy.copy(metric)
    setattr(metric, name, value)
    with pytest.raises(TypeError, match="was it changed since"):
        _metric_specs.describe_metric(metric, {})


def test_an_array_that_was_changed_is_refused():
    covariance = COVARIANCE.copy()
    metric = ng.RSA("mahalanobis", "pearson", noise_covariance=covariance)
    _metric_specs.describe_metric(metric, {})
    covariance *= 2
    with pytest.raises(TypeError, match="was it changed since"):
        _metric_specs.describe_metric(metric, {})


VALUES = {
    "numbers": [0, -3, 2.5, 1e-300, float("inf"), True, None, "ü / : {}"],
    "nested": {"a": [(1, 2), {"b": [np.float32(0.1), np.int8(3)]}], "c": ()},
    "arrays": {"x": np.arange(6, dtype=">i2").reshape(2, 3), "y": [np.array(["é", "b"]), np.array(2.0)]},
    "functions": [own.cubic_kernel, np.linalg.norm, own.Outer.Inner],
    "scalars of arrays": np.float64(0.1),
}


def assert_equal(found, known):
    if isinstance(known, np.ndarray):
        assert found.dtype == known.dtype
        np.testing.assert_array_equal(found, known)
    elif isinstance(known, dict):
        assert list(found) == list(known)
        for key in known:
            assert_equal(found[key], known[key])
    elif isinstance(known, (list, tuple)):
        assert type(found) is type(known)
        assert len(found) == len(known)
        for mine, theirs in zip(found, known, strict=True):
            assert_equal(mine, theirs)
    else:
        assert found == known


@pytest.mark.parametrize("name", VALUES)
def test_codec(name):
    arrays = {}
    described = json.loads(json.dumps(_codec.encode(VALUES[name], "v", arrays)))
    assert_equal(_codec.decode(described, arrays, ["helpers", "numpy"]), VALUES[name])


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, {1: "a"}, b"bytes", np.array([object()]), 1j, np.complex128(1j)]
)
def test_codec_refuses(value):
    with pytest.raises(TypeError, match="which a store cannot keep"):
        _codec.encode(value, "v", {})
