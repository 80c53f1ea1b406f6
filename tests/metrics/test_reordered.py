"""Records of permuted and of resampled stimuli: against items that are prepared again, for every measure."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.measures import METRICS
from neurogeom.metrics.base import Tile, evaluate, prepare_item, reorder_item, resample_item
from neurogeom.representations.items import as_items

_rng = np.random.default_rng(0)
_shared = _rng.normal(size=(21, 4))
DATA = [_shared @ _rng.normal(size=(4, n)) + _rng.normal(size=(21, n)) + 3 for n in (5, 7)]
ITEMS = as_items(DATA, "items")
ORDER = _rng.permutation(21)
STIMULI = np.sort(_rng.integers(21, size=21))


def value(metric, *records):
    (found,) = evaluate([metric], Tile([records[0]], [records[1]], np.ones((1, 1), dtype=bool), 1))
    return found[0, 0]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("side", [0, 1])
def test_of_stimuli_in_another_order(name, side):
    metric = METRICS[name]
    records = [prepare_item([metric], item) for item in ITEMS]
    again = [prepare_item([metric], item.reordered(ORDER)) for item in ITEMS]
    mine, known = list(records), list(records)
    mine[side] = reorder_item([metric], records[side], ITEMS[side], ORDER)
    known[side] = again[side]
    assert value(metric, *mine) == pytest.approx(value(metric, *known), rel=1e-11, abs=1e-12)


# Those that leave out the pairs of a stimulus and its copy, which are tested on their own.
WITHOUT_COPIES = {"cka", "cka(angular)", "rsa", "rsa-cosine-rho-a", "rsa-euclidean-kendall"} | {
    "rsa-correlation-pearson-angular"
}


@pytest.mark.filterwarnings("ignore:.*as many independent units")
@pytest.mark.parametrize("name", sorted(METRICS.keys() - WITHOUT_COPIES))
def test_of_resampled_stimuli(name):
    metric = METRICS[name]
    records = [prepare_item([metric], item) for item in ITEMS]
    mine = [resample_item([metric], *pair, STIMULI) for pair in zip(records, ITEMS, strict=True)]
    known = [prepare_item([metric], item.reordered(STIMULI)) for item in ITEMS]
    assert value(metric, *mine) == pytest.approx(value(metric, *known), rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("compare", ["pearson", "cosine", "spearman", "rho-a", "kendall", "tau-a"])
def test_pairs_of_copies_are_left_out_of_rsa(compare):
    metric = ng.RSA("euclidean", compare)
    records = [prepare_item([metric], item) for item in ITEMS]
    mine = [resample_item([metric], *pair, STIMULI) for pair in zip(records, ITEMS, strict=True)]
    first, second = np.triu_indices(21, 1)
    keep = STIMULI[first] != STIMULI[second]
    x, y = (ng.rdm(data, "euclidean").square[STIMULI[first], STIMULI[second]][keep] for data in DATA)
    known = {
        "pearson": lambda: np.corrcoef(x, y)[0, 1],
        "cosine": lambda: x @ y / np.linalg.norm(x) / np.linalg.norm(y),
    }
    if compare in known:
        assert value(metric, *mine) == pytest.approx(known[compare](), rel=1e-12)
        return
    stats = pytest.importorskip("scipy.stats")
    if compare == "spearman":
        assert value(metric, *mine) == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-12)
    elif compare == "kendall":
        assert value(metric, *mine) == pytest.approx(stats.kendalltau(x, y).statistic, rel=1e-12)
    else:
        signs = np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y))
        ranks = [stats.rankdata(side) - (len(x) + 1) / 2 for side in (x, y)]
        expected = {"tau-a": signs.sum() / len(x) / (len(x) - 1), "rho-a": 12 * ranks[0] @ ranks[1]}
        expected["rho-a"] /= float(len(x)) ** 3 - len(x)
        assert value(metric, *mine) == pytest.approx(expected[compare], rel=1e-12)


def test_pairs_of_copies_are_left_out_of_debiased_cka():
    """Against least squares over all pairs of different stimuli, copies counted one by one."""
    metric = ng.CKA()
    records = [prepare_item([metric], item) for item in ITEMS]
    mine = [resample_item([metric], *pair, STIMULI) for pair in zip(records, ITEMS, strict=True)]
    first, second = np.triu_indices(21, 1)
    keep = STIMULI[first] != STIMULI[second]
    first, second = STIMULI[first[keep]], STIMULI[second[keep]]
    design = np.eye(21)[first] + np.eye(21)[second]
    sides = []
    for data in DATA:
        entries = (data @ data.T)[first, second]
        sides.append(entries - design @ np.linalg.lstsq(design, entries, rcond=None)[0])
    cosine = sides[0] @ sides[1] / np.linalg.norm(sides[0]) / np.linalg.norm(sides[1])
    assert value(metric, *mine) == pytest.approx(cosine, rel=1e-10)
    every = [resample_item([metric], *pair, np.arange(21)) for pair in zip(records, ITEMS, strict=True)]
    assert value(metric, *every) == pytest.approx(ng.cka(*DATA), rel=1e-12)
