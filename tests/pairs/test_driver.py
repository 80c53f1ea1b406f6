"""Sweeps: the same bits whatever is computed beside a pair, structure of matrices, metrics of one's own."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import METRICS, items_of

approx = pytest.approx
pytestmark = pytest.mark.filterwarnings("ignore:.*as many independent units")
each_metric = pytest.mark.parametrize("name", METRICS)


# ---- structure


# ---- reading


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
    items = items_of()
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
            ng.pairwise(items_of(), Failing(), n_threads=n_threads)
    with pytest.raises(NotImplementedError):
        ng.pairwise(items_of(), ng.metrics.Metric())


def test_lists_of_metrics():
    items = items_of()
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
        ("procrustean", ValueError, "metric must be one of 'affine_invariant', 'bures'.* not 'procrustean'"),
        ("", ValueError, "metric must be one of"),
        ([], ValueError, "metric must hold at least 1"),
        ([None], TypeError, "metric must be a name or a metric object, not NoneType"),
        ([3.5], TypeError, "metric must be a name or a metric object, not float"),
        ([ng.CCA], TypeError, r"metric is the class CCA: pass an object of it, ng\.CCA\(\)"),
        (ng.CCA, TypeError, r"metric is the class CCA: pass an object of it, ng\.CCA\(\)"),
        (ng.cka, TypeError, r"metric is the function cka: pass a name.* ng\.CKA\(\)"),
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
        ng.pairwise(items_of(), metric)


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
        ng.pairwise(items_of(), **options)
