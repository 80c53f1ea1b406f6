"""The registry's neighbour and distance measures against its own table."""

from __future__ import annotations

import json

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import FOLDER
from neurogeom.compat import similarity
from neurogeom.compat.similarity._neighbours import MEASURES

TABLE = json.loads((FOLDER / "similarity_registry_table.json").read_text())
# Values of the table that ours are not; the module says why.
ROUNDED = ("kernel_CKA", "kernel_HSIC", "linear_CKA", "linear_HSIC", "unbiased_linear_HSIC")
RANDOM = ("imd",)


@pytest.fixture(scope="module")
def pair():
    rng = np.random.RandomState(0)
    return [rng.uniform(size=(30, 25)) for _ in range(2)]


def as_bfloat16(data):
    """Round to eight significant bits."""
    mantissa, exponent = np.frexp(data)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in ROUNDED + RANDOM])
def test_the_table(name, pair):
    assert MEASURES[name]().compare(*pair) == pytest.approx(TABLE[name]["value"], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ROUNDED)
def test_values_of_the_table_that_are_of_rounded_responses(name, pair):
    rounded = [as_bfloat16(item) for item in pair]
    # Differences of sums in single precision: the unbiased one cancels most.
    near = 1e-5 if name == "unbiased_linear_HSIC" else 1e-6
    assert MEASURES[name]().compare(*rounded) == pytest.approx(TABLE[name]["value"], rel=near)
    assert MEASURES[name]().compare(*pair) != pytest.approx(TABLE[name]["value"], rel=near)


def test_jaccard_similarity_of_the_other_repository_is_that_of_neighbours(pair):
    (other,) = TABLE["jaccard_similarity"]["others"]
    assert ng.Neighbours("jaccard").similarity(*pair) == pytest.approx(other["value"], rel=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_measures_are_made_anew_and_work_in_sweeps(name, pair):
    metric = MEASURES[name]()
    assert metric is not MEASURES[name]()
    items = [pair[0], pair[1], pair[0][::-1]]
    whole = ng.pairwise(items, metric).values
    again = ng.pairwise(items, metric, tile=1, n_threads=2).values
    np.testing.assert_array_equal(again, whole)
    assert whole[0, 1] == metric.compare(items[0], items[1])
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("name", ["cosine", "zero_diagonal-cosine", "correlation"])
def test_units_must_match_where_they_are_compared_by_index(name, pair):
    with pytest.raises(ValueError, match="X has 25 units and Y has 24"):
        MEASURES[name]().compare(pair[0], pair[1][:, 1:])


def test_what_is_not_defined_is_said():
    flat = np.random.default_rng(0).normal(size=(20, 3))
    flat[:, 1] = 2
    with pytest.raises(ValueError, match="unit 1 of X does not vary"):
        MEASURES["isc"]().compare(flat, flat)
    silent = flat.copy()
    silent[4] = 0
    with pytest.raises(ValueError, match="in X, stimulus 4 has no response"):
        MEASURES["cos_sparse_HSIC"]().compare(silent, flat)
    with pytest.raises(ValueError, match="5 folds of at least 3 stimuli need 15 stimuli, but X has 10"):
        similarity.make("versa")(flat[:10], flat[:10])


def test_sparse_hsic_keeps_the_nearest_stimuli():
    """More stimuli than it keeps: by loops."""
    rng = np.random.default_rng(0)
    items = [rng.normal(size=(520, 3)) for _ in range(2)]
    sides = []
    for item in items:
        gram = item @ item.T
        for row in gram:
            row[np.argsort(row)[:20]] = 0
        sides.append(np.diag(gram) - gram.sum(axis=0) / 500)
    expected = (sides[0] * sides[1]).sum() / 499**2
    assert MEASURES["linear_sparse_HSIC"]().compare(*items) == pytest.approx(expected, rel=1e-9)
