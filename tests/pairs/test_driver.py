"""Sweeps: the same bits whatever is computed beside a pair, structure of matrices, metrics of one's own."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import pairwise_util as pu
from neurogeom.representations.items import Responses

approx = pytest.approx
pytestmark = pytest.mark.filterwarnings("ignore:.*as many independent units")
each_metric = pytest.mark.parametrize("name", pu.METRICS)

# Eleven items of odd unequal sizes, more units than stimuli too, and one pair that is nearly equal.
WIDTHS = (37, 131, 5, 2, 37, 3, 64, 19, 5, 131)


def odd_items(n_stimuli):
    items = pu.items_of(WIDTHS, n_stimuli, seed=1)
    return [*items, items[0] + 1e-7 * items[4]]


@pytest.fixture(scope="module", params=[37])
def items(request):
    return odd_items(request.param)


@pytest.fixture(scope="module")
def known(items):
    """Every measure, in one tile, on one thread, alone."""
    return {name: ng.pairwise(items, name, tile=64, n_threads=1).values for name in pu.METRICS}


more_stimuli_too = pytest.mark.parametrize("items", [37, 131], indirect=True)


@more_stimuli_too
@each_metric
@pytest.mark.parametrize(("tile", "n_threads"), [(3, 2), (64, 3)])
def test_same_bits_for_any_tile_and_threads(name, tile, n_threads, items, known):
    assert len(items) == 11
    found = ng.pairwise(items, name, tile=tile, n_threads=n_threads).values
    np.testing.assert_array_equal(found, known[name])


@more_stimuli_too
@pytest.mark.parametrize(("tile", "n_threads"), [(1, 1), (3, 3), (7, 2), (None, None)])
def test_same_bits_in_company(tile, n_threads, items, known):
    found = ng.pairwise(items, pu.METRICS, tile=tile, n_threads=n_threads)
    assert list(found) == pu.METRICS
    for name, result in found.items():
        # In company with unsymmetric measures, symmetric ones are computed in both orders.
        np.testing.assert_array_equal(result.values, known[name], err_msg=name)


def test_same_bits_in_any_order_of_metrics(items, known):
    backwards = ng.pairwise(items, pu.METRICS[::-1], tile=5)
    assert list(backwards) == pu.METRICS[::-1]
    for name, result in backwards.items():
        np.testing.assert_array_equal(result.values, known[name], err_msg=name)


@each_metric
def test_same_bits_one_pair_at_a_time(name, items, known):
    metric = pu.metric_of(name)
    single = metric.similarity if metric.is_similarity else metric.distance
    for i, j in [(0, 1), (0, 10), (1, 9), (2, 3), (4, 6), (5, 8), (7, 10)]:
        assert single(items[i], items[j]) == known[name][i, j]
        assert single(items[i], items[j], n_threads=2) == known[name][i, j]


@each_metric
def test_same_bits_between_two_sets(name, items, known):
    for rows, columns in (
        (slice(0, 3), slice(3, 11)),
        (slice(0, 1), slice(10, 11)),
        (slice(0, 7), slice(7, 8)),
    ):
        for tile in (2, 64):
            found = ng.pairwise(items[rows], name, others=items[columns], tile=tile, n_threads=2)
            np.testing.assert_array_equal(found.values, known[name][rows, columns])
    backwards = ng.pairwise(items[3:], name, others=items[:3]).values
    metric = pu.metric_of(name)
    if metric.symmetric:
        np.testing.assert_allclose(backwards, known[name][:3, 3:].T, rtol=1e-9, atol=1e-12)
    else:
        np.testing.assert_array_equal(backwards, known[name][3:, :3])


@each_metric
def test_same_bits_in_any_selection_and_order_of_items(name, items, known):
    chosen = [1, 2, 4, 5, 8, 10]
    found = ng.pairwise([items[i] for i in chosen], name).values
    np.testing.assert_array_equal(found, known[name][np.ix_(chosen, chosen)])
    order = np.random.default_rng(0).permutation(11)
    found = ng.pairwise([items[i] for i in order], name).values
    np.testing.assert_allclose(found, known[name][np.ix_(order, order)], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["procrustes", "cca", "bures", "nbs", "permutation"])
def test_same_bits_held_out(name, items):
    half = len(items[0]) - 12
    train, test = ([item[rows] for item in items] for rows in (slice(half), slice(half, None)))
    one = ng.pairwise(train, name, test=test, n_threads=1)
    np.testing.assert_array_equal(one.held_out, one.held_out.T)
    assert np.isfinite(one.held_out).all()
    for options in ({"tile": 1}, {"tile": 3, "n_threads": 3}, {"tile": 7, "n_threads": 2}):
        other = ng.pairwise(train, name, test=test, **options)
        np.testing.assert_array_equal(other.values, one.values)
        np.testing.assert_array_equal(other.held_out, one.held_out)
    rectangle = ng.pairwise(train[:4], name, others=train[4:], test=(test[:4], test[4:]))
    np.testing.assert_array_equal(rectangle.held_out, one.held_out[:4, 4:])
    several = ng.pairwise(train, [name, ng.ShapeMetric(0.3)], test=test)[name]
    np.testing.assert_array_equal(several.held_out, one.held_out)
    without = ng.pairwise(train, name)
    np.testing.assert_allclose(without.values, one.values, rtol=1e-9, atol=1e-12)
    assert without.held_out is None


# ---- structure


@each_metric
def test_structure(name, items, known):
    metric, values = pu.metric_of(name), known[name]
    result = ng.pairwise(items, name)
    assert result.symmetric == metric.symmetric == (name not in pu.ASYMMETRIC)
    assert result.is_similarity == metric.is_similarity
    assert hasattr(metric, "similarity" if metric.is_similarity else "distance")
    assert values.shape == (11, 11)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    if name in pu.COMPUTED_DIAGONAL:
        assert metric.diagonal is None
        assert (np.diagonal(values) < 1).all()
    else:
        assert (np.diagonal(values) == (1.0 if metric.is_similarity else 0.0)).all()
    if metric.symmetric:
        np.testing.assert_array_equal(values, values.T)
        upper = [values[i, j] for i in range(11) for j in range(i + 1, 11)]
        np.testing.assert_array_equal(result.condensed, upper)
    else:
        assert (values != values.T).any()
        with pytest.raises(ValueError, match=rf"^{name} is not symmetric"):
            _ = result.condensed


@each_metric
def test_the_nearly_equal_pair_is_the_nearest(name, items, known):
    if name in (
        "eigenspace_overlap",
        "r2",
        "ridge",
        "pwcca",
        "mean_cca",
        "cca",
        "grassmann",
        "chordal",
        "projection",
        "gulp",
    ):
        return  # where more units than stimuli make pairs equal that are not
    values = known[name] if pu.metric_of(name).is_similarity else -known[name]
    assert np.argmax(values[0, 1:]) == 9


@each_metric
def test_input_is_not_modified(name):
    items = pu.items_of()
    kept = [item.copy() for item in items]
    for item in items:
        item.flags.writeable = False
    ng.pairwise(items, name)
    for item, copy in zip(items, kept, strict=True):
        item.flags.writeable = True
        np.testing.assert_array_equal(item, copy)
    ng.pairwise(items, name)  # in place would now be possible
    for item, copy in zip(items, kept, strict=True):
        np.testing.assert_array_equal(item, copy)


# ---- reading


class Counted:
    """Something that only has __array__, and counts how often it is asked."""

    def __init__(self, data):
        self.data, self.count = data, 0

    def __array__(self, dtype=None, copy=None):
        self.count += 1
        return np.asarray(self.data, dtype=dtype)


@each_metric
def test_each_item_is_converted_once(name):
    items = [Counted(item) for item in pu.items_of()]
    found = ng.pairwise(items, name, tile=1).values
    assert [item.count for item in items] == [1] * 4
    np.testing.assert_array_equal(found, ng.pairwise(pu.items_of(), name).values)


def test_each_item_is_read_once_whatever_is_computed(monkeypatch):
    reads, plain = [], Responses._read

    def read(self):
        reads.append(self.name)
        return plain(self)

    monkeypatch.setattr(Responses, "_read", read)
    items = dict(zip("abcd", pu.items_of(), strict=True))
    ng.pairwise(items, pu.METRICS, tile=1)
    assert sorted(reads) == list("abcd")
    reads.clear()
    pair = dict(list(items.items())[:2]), dict(list(items.items())[2:])
    ng.pairwise(
        pair[0], ["procrustes", "cca"], others=pair[1], test=tuple(list(p.values()) for p in pair), tile=1
    )
    assert sorted(reads) == list("aabbccdd")  # training and test


# ---- metrics of one's own


class MeanRate(ng.metrics.Distance):
    """Difference of mean responses: prepare and pair are all it has."""

    name = "mean rate"

    def prepare(self, data, label):
        assert data.dtype == np.float64
        return float(data.mean())

    def pair(self, tile, products):
        assert tile.rows[0].keys() >= {self}
        left, right = (np.array([item[self] for item in side]) for side in tile.sides)
        return np.where(tile.where, np.abs(left[:, None] - right[None]), np.nan)


class Ordered(ng.metrics.Similarity):
    """Unsymmetric, and its diagonal is computed."""

    name = "ordered"
    symmetric = False
    diagonal = None

    def prepare(self, data, label):
        return label, len(data.T)

    def pair(self, tile, products):
        widths = ([item[self][1] for item in side] for side in tile.sides)
        return np.where(tile.where, np.subtract.outer(*widths).astype(float), np.nan)

    def finish(self, values):
        return values + 0.5


def test_metrics_of_ones_own():
    items = pu.items_of()
    means = np.array([item.mean() for item in items])
    for tile in (1, 3, 64):
        result = ng.pairwise(items, MeanRate(), tile=tile)
        assert result.values == approx(np.abs(np.subtract.outer(means, means)), abs=1e-15)
        assert (result.metric, result.symmetric, result.is_similarity) == ("mean rate", True, False)
    assert MeanRate().distance(items[0], items[1]) == approx(abs(means[0] - means[1]))
    widths = np.array([6, 4, 9, 5])
    for tile in (1, 3, 64):
        together = ng.pairwise(items, [Ordered(), "procrustes", MeanRate()], tile=tile)
        assert list(together) == ["ordered", "procrustes", "mean rate"]
        np.testing.assert_array_equal(together["ordered"].values, np.subtract.outer(widths, widths) + 0.5)
        np.testing.assert_array_equal(together["procrustes"].values, ng.pairwise(items).values)
    with pytest.raises(ValueError, match="mean rate fits nothing"):
        ng.pairwise(items, MeanRate(), test=items)
    assert repr(Ordered()) == "<Ordered 'ordered'>"


def test_errors_in_metrics_of_ones_own_come_out_as_they_are():
    class Failing(MeanRate):
        def prepare(self, data, label):
            raise RuntimeError(f"no luck with {label}")

    for n_threads in (1, 2):
        with pytest.raises(RuntimeError, match=r"no luck with representations\[0\]"):
            ng.pairwise(pu.items_of(), Failing(), n_threads=n_threads)
    with pytest.raises(NotImplementedError):
        ng.pairwise(pu.items_of(), ng.metrics.Metric())


def test_lists_of_metrics():
    items = pu.items_of()
    assert isinstance(ng.pairwise(items, "cca"), ng.Pairwise)
    assert isinstance(ng.pairwise(items, ng.CCA()), ng.Pairwise)
    for wanted in (["cca"], ("cca",), [ng.CCA()]):
        found = ng.pairwise(items, wanted)
        assert list(found) == ["cca"]
        np.testing.assert_array_equal(found["cca"].values, ng.pairwise(items, "cca").values)
    alphas = [ng.ShapeMetric(alpha) for alpha in np.linspace(0, 1, 5)]
    found = ng.pairwise(items, alphas)
    assert list(found) == ["cca", "shape(0.25)", "shape(0.5)", "shape(0.75)", "procrustes"]


@pytest.mark.parametrize(
    ("metric", "error", "text"),
    [
        ("CKA", ValueError, "not 'CKA': did you mean 'cka'\\?"),
        ("procrustean", ValueError, "metric must be one of 'bures', 'cca'.* not 'procrustean'"),
        ("", ValueError, "metric must be one of"),
        ([], ValueError, "metric must hold at least 1"),
        ([None], TypeError, "metric must be a name or a metric object, not NoneType"),
        ([3.5], TypeError, "metric must be a name or a metric object, not float"),
        ([ng.CCA], TypeError, r"metric is the class CCA: give an object of it, ng\.CCA\(\)"),
        (ng.CCA, TypeError, r"metric is the class CCA: give an object of it, ng\.CCA\(\)"),
        (ng.cka, TypeError, r"metric is the function cka: give a name.* ng\.CKA\(\)"),
        (np.eye(3), TypeError, r"metric is an array.* ng\.cka\(X, Y\) for one pair, ng\.pairwise\(\[X, Y\]"),
        ([np.eye(3)], TypeError, "metric is an array or a representation"),
        (ng.Representation(np.eye(3)), TypeError, "metric is an array or a representation"),
        (ng.RDM([1, 2, 3]), TypeError, "metric is an array or a representation"),
        (["cca", "cca"], ValueError, "the names of the metrics must be distinct, but 'cca' occurs"),
        (["cca", ng.ShapeMetric(0)], ValueError, "the names of the metrics must be distinct"),
    ],
)
def test_bad_metrics(metric, error, text):
    with pytest.raises(error, match=text):
        ng.pairwise(pu.items_of(), metric)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tile": 0}, ValueError, "tile must be at least 1"),
        ({"tile": 2.5}, TypeError, "tile must be an integer"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"n_threads": "2"}, TypeError, "n_threads must be an integer"),
        ({"nan_policy": "ignore"}, ValueError, "nan_policy must be one of 'raise', 'omit'"),
        ({"progress": 3}, TypeError, "progress must be a bool or a callable"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        ng.pairwise(pu.items_of(), **options)


@pytest.mark.parametrize("metric", [None, 3, ng.CCA])
def test_metrics_of_wrong_type(metric):
    with pytest.raises(TypeError, match="metric"):
        ng.pairwise(pu.items_of(), metric)
