"""Linear measures: what changes them, which of them are metrics, the same bits for any tile and threads."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import linear_util as lu
from hypothesis import given, settings
from hypothesis import strategies as st

full_rank_is_meant = pytest.mark.filterwarnings("ignore:.*as many independent units")


def permuted(rng, data):
    return data[:, rng.permutation(data.shape[1])]


def rotated(rng, data):
    return data @ lu.rotation(rng, data.shape[1])


def mapped(rng, data):
    """An invertible map of condition 100, or one into more dimensions."""
    units = data.shape[1]
    wider = units + int(rng.integers(0, 3))
    left, right = lu.rotation(rng, units), lu.rotation(rng, wider)
    return data @ (left * np.logspace(-1, 1, units)) @ right[:units]


def scaled(rng, data):
    return data * 10.0 ** rng.choice([-8.0, 8.0])


def translated(rng, data):
    return data + 10 * np.abs(data).max() * rng.normal(size=data.shape[1])


def units_scaled(rng, data):
    return data * 10.0 ** rng.uniform(-8, 8, size=data.shape[1])


CHANGES = {
    "P": permuted,
    "O": rotated,
    "L": mapped,
    "s": scaled,
    "t": translated,
    "u": units_scaled,
}
# What X may undergo, what Y may. L includes P, O, s and u; O includes P; u (of each unit) includes s.
INVARIANCES = [
    (ng.NBS(), "POst", "POst"),
    (ng.NBS(center=False), "POs", "POs"),
    (ng.Bures(), "POt", "POt"),
    (ng.Bures(normalize=True), "POst", "POst"),
    (ng.MeanCCA(), "POLstu", "POLstu"),
    (ng.MeanCCA(squared=True), "POLstu", "POLstu"),
    (ng.MeanCCA(center=False), "POLsu", "POLsu"),
    (ng.SVCCA(0.8), "POst", "POst"),
    (ng.SVCCA(n_components=2), "POst", "POst"),
    (ng.PWCCA(), "Pst", "POLstu"),
    (ng.LinearR2(), "POLstu", "POst"),
    (ng.LinearR2(center=False), "POLsu", "POs"),
    (ng.Ridge(1.0), "POt", "POst"),
    (ng.Ridge(0.0), "POLstu", "POst"),
    (ng.Ridge(1.0, score="pearson"), "POt", "Pstu"),
    (ng.GULP(), "POst", "POst"),
    (ng.GULP(0), "POLstu", "POLstu"),
    (ng.SubspaceDistance("grassmann"), "POLstu", "POLstu"),
    (ng.SubspaceDistance("chordal"), "POLstu", "POLstu"),
    (ng.SubspaceDistance("projection"), "POLstu", "POLstu"),
    (ng.SubspaceDistance("grassmann", center=False), "POLsu", "POLsu"),
    (ng.SubspaceDistance("chordal", n_components=2), "POst", "POst"),
    (ng.EigenspaceOverlap(), "POLsu", "POLsu"),
    (ng.EigenspaceOverlap(center=True), "POLstu", "POLstu"),
    (ng.EigenspaceOverlap(n_components=2), "POs", "POs"),
]
IDS = [metric.name for metric, _, _ in INVARIANCES]


def pair_of(rng, n_stimuli, n_x, n_y):
    """Related representations whose principal components are well apart."""
    shared = rng.normal(size=(n_stimuli, max(n_x, n_y)))
    return [
        (shared[:, :n] + rng.normal(size=(n_stimuli, n))) * np.logspace(0, 1, n) @ lu.rotation(rng, n)
        + rng.normal(size=n)
        for n in (n_x, n_y)
    ]


@pytest.mark.parametrize(("metric", "of_x", "of_y"), INVARIANCES, ids=IDS)
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_stimuli=st.integers(24, 60),
    n_x=st.integers(2, 7),
    n_y=st.integers(2, 7),
)
def test_invariances(metric, of_x, of_y, seed, n_stimuli, n_x, n_y):
    rng = np.random.default_rng(seed)
    x, y = pair_of(rng, n_stimuli, n_x, n_y)
    known = metric.compare(x, y)
    size = max(np.linalg.norm(x), np.linalg.norm(y)) if metric.name == "bures" else 1.0
    close = {"rel": 1e-9, "abs": 1e-11 * size}
    for change in of_x:
        assert metric.compare(CHANGES[change](rng, x), y) == pytest.approx(known, **close), change
    for change in of_y:
        assert metric.compare(x, CHANGES[change](rng, y)) == pytest.approx(known, **close), change
    if metric.symmetric:
        assert metric.compare(y, x) == pytest.approx(known, **close)
    order = rng.permutation(n_stimuli)
    if not isinstance(metric, ng.Ridge):  # whose folds are in the order of the stimuli
        assert metric.compare(x[order], y[order]) == pytest.approx(known, **close)
    if metric.diagonal is not None:
        assert metric.compare(x, x) == pytest.approx(metric.diagonal, abs=1e-12 * size)


@pytest.mark.parametrize(("metric", "of_x", "of_y"), INVARIANCES, ids=IDS)
def test_no_other_invariance(metric, of_x, of_y):
    rng = np.random.default_rng(8)
    x, y = pair_of(rng, 30, 5, 4)
    known = metric.compare(x, y)
    for change in set(CHANGES) - set(of_x):
        assert metric.compare(CHANGES[change](rng, x), y) != pytest.approx(known, rel=1e-6), change
    for change in set(CHANGES) - set(of_y):
        assert metric.compare(x, CHANGES[change](rng, y)) != pytest.approx(known, rel=1e-6), change


@pytest.mark.filterwarnings("ignore:.*units of X do not vary")
@pytest.mark.parametrize("metric", lu.every_metric(), ids=repr)
def test_padding_and_rank_deficiency(metric):
    """Units that do not vary change nothing; duplicates nothing where only column spaces matter."""
    rng = np.random.default_rng(1)
    x, y = pair_of(rng, 30, 5, 4)
    known = metric.compare(x, y)
    padded = np.insert(x, [0, 3, 5], 0.0, axis=1)
    assert metric.compare(padded, y) == pytest.approx(known, rel=1e-10)
    if isinstance(metric, ng.MeanCCA) or metric.name in (
        "grassmann",
        "chordal",
        "projection",
        "gulp(0)",
        "r2",
    ):
        dependent = np.hstack([x, x @ rng.normal(size=(5, 40))])
        assert metric.compare(dependent, y) == pytest.approx(known, rel=1e-10)


# ---- metrics


METRICS = [
    ng.Bures(),
    ng.Bures(normalize=True),
    ng.Bures(center=False),
    ng.GULP(),
    ng.GULP(0),
    ng.GULP(1.0),
    *(ng.SubspaceDistance(kind) for kind in ("grassmann", "chordal", "projection")),
    *(ng.SubspaceDistance(kind, n_components=2) for kind in ("grassmann", "chordal", "projection")),
]


def excess(distances):
    """How far each d(i, j) is above d(i, k) + d(k, j), largest first."""
    around = distances[:, :, None] + distances[None, :, :]
    return np.sort((distances[:, None, :] - around).ravel())[::-1]


@full_rank_is_meant
@pytest.mark.parametrize("n_stimuli", [3, 4, 6, 20])
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_triangle_inequality(metric, n_stimuli):
    """Few stimuli and few units give subspaces of any dimension in any position, also inside each other."""
    rng = np.random.default_rng(n_stimuli)
    items = [rng.normal(size=(n_stimuli, n)) for n in rng.integers(1, n_stimuli + 2, size=30)]
    items += [item[:, :1] + 0.1 * items[0][:, :1] for item in items[:10]]
    items += [item[:, : int(rng.integers(1, 4))] for item in items[:20]]
    result = ng.pairwise(items, metric)
    assert excess(result.values)[0] < 1e-12 * result.values.max()
    np.testing.assert_array_equal(result.values, result.values.T)


def turning(rng, count):
    """Networks along a path from one subspace to another, with noise of their own."""
    start, end = rng.normal(size=(2, 60, 10))
    at = rng.uniform(0, 1.5, size=(count, 1, 1))
    return np.cos(at) * start + np.sin(at) * end + 0.1 * rng.normal(size=(count, 60, 10))


@pytest.mark.parametrize("name", ["nbs", "mean_cca"])
def test_one_minus_similarity_is_no_metric_but_its_angle_is(name):
    values = ng.pairwise(turning(np.random.default_rng(0), 40), name).values
    assert (excess(1 - values) > 0.01).sum() > 100
    assert excess(np.arccos(values))[0] < 1e-12


@pytest.mark.parametrize("name", sorted({*lu.SIMILARITIES} - {"ridge"}))
def test_one_minus_similarity_is_no_metric_on_a_circle(name):
    """Single units at angles of 0, 30 and 60 degrees: 1 - cos and 1 - cos^2 both violate the inequality."""
    basis = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]]).T
    angles = np.deg2rad([0.0, 30.0, 60.0])
    items = [basis @ [[np.cos(angle)], [np.sin(angle)]] for angle in angles]
    power = 2 if name in ("r2", "eigenspace_overlap") else 1
    far, near = 1 - np.cos(angles[[2, 1]]) ** power
    found = 1 - ng.pairwise(items, name).values
    assert found[0, 2] == pytest.approx(far, rel=1e-12)
    assert found[[0, 1], [1, 2]] == pytest.approx([near, near], rel=1e-12)
    assert found[0, 2] > found[0, 1] + found[1, 2] + 0.1


def test_ridge_does_not_predict_an_item_from_itself_perfectly():
    values = ng.pairwise(lu.reference_data(), "ridge").values
    assert (np.diag(values) < 1 - 1e-4).all()


@pytest.mark.parametrize("name", lu.ASYMMETRIC)
def test_asymmetric_measures(name):
    x, y, w = lu.reference_data()
    result = ng.pairwise([x, y, w], name)
    metric = ng.metrics.METRICS[name]()
    assert not result.symmetric
    for i, row in enumerate((x, y, w)):
        for j, column in enumerate((x, y, w)):
            if i != j or name == "ridge":
                assert result.values[i, j] == metric.similarity(row, column)
    assert abs(result.values[0, 1] - result.values[1, 0]) > 1e-3
    with pytest.raises(ValueError, match="not symmetric"):
        _ = result.condensed


# ---- bits


@full_rank_is_meant
@pytest.mark.parametrize("n_stimuli", [37, 131])
def test_same_bits_for_any_tile_threads_and_company(n_stimuli):
    rng = np.random.default_rng(n_stimuli)
    shared = rng.normal(size=(n_stimuli, 3))
    items = [
        shared @ rng.normal(size=(3, n)) + rng.normal(size=(n_stimuli, n)) for n in (1, 5, 37, 8, 131, 20)
    ]
    items.append(items[1] + 1e-6 * items[1][:, ::-1])  # near enough to need a residual
    metrics = lu.every_metric()
    known = ng.pairwise(items, metrics, n_threads=1)
    for options in ({"tile": 1}, {"tile": 3, "n_threads": 2}, {"tile": 64, "n_threads": 3}):
        found = ng.pairwise(items, metrics, **options)
        for name, result in known.items():
            np.testing.assert_array_equal(found[name].values, result.values, err_msg=name)
    for metric in metrics:
        alone = ng.pairwise(items, metric, tile=5)
        upper = np.triu_indices(7, 1)
        np.testing.assert_array_equal(alone.values[upper], known[metric.name].values[upper])
        apart = ng.pairwise(items[2:4], metric, others=items[4:6]).values
        np.testing.assert_array_equal(apart, known[metric.name].values[2:4, 4:6], err_msg=metric.name)
        assert metric.compare(items[0], items[5]) == known[metric.name].values[0, 5]
