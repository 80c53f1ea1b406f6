"""What every pairwise measure promises, held against all registered ones and some of their options.

A new measure meets the contract by being registered. What its docstring says of it (what does not change it,
whether it is a metric) stands once, in `CLAIMS`, and is held against it there, as is that nothing else leaves
it unchanged; values against definitions are in files of their own.
"""

from __future__ import annotations

import dataclasses
import functools

import neurogeom as ng
import numpy as np
import pytest
from helpers import stores
from helpers.blocks import set_blocks
from helpers.measures import METRICS, REGISTERED
from neurogeom.representations.checks import TooLittleDataError


@dataclasses.dataclass(frozen=True)
class Claims:
    """What does not change a measure: a letter of `CHANGES` each, of X and of Y."""

    x: str
    y: str
    open: str = ""  # no promise either way
    proper: bool | None = False  # obeys the triangle inequality; None: no promise either way
    degree: float | None = 0  # a common scale of both items multiplies it by this power; None: neither
    has_units: bool = False  # it is a length in the units of the responses
    bounded: bool = True  # a similarity is at most 1
    ordered: bool | None = False  # by folds or batches, the order of the stimuli matters; None: no promise


class AllClaims(dict):
    """Claims by the name of the metric; who makes none is held to none."""

    def __missing__(self, name):
        return Claims("", "", open="".join(CHANGES), proper=None, degree=None, ordered=None)


ANGLE, LINEAR = "POstd", "POLstud"
CLAIMS = AllClaims(
    {
        "affine_invariant": Claims("POtd", "POtd", proper=True),
        "affine_invariant(0.5)": Claims("POtd", "POtd", proper=True),
        "bures": Claims("POtd", "POtd", proper=True, degree=1, has_units=True),
        "bures(normalized)": Claims(ANGLE, ANGLE, proper=True),
        "cca": Claims(LINEAR, LINEAR, proper=True),
        "chordal": Claims(LINEAR, LINEAR, proper=True),
        "chordal(2 components)": Claims(ANGLE, ANGLE, proper=True),
        "cka": Claims(ANGLE, ANGLE),
        "cka(angular)": Claims(ANGLE, ANGLE, proper=True),
        "cka(biased)": Claims(ANGLE, ANGLE),
        "cka(biased, angular)": Claims(ANGLE, ANGLE, proper=True),
        "cka(biased, uncentered)": Claims("POsd", "POsd"),
        "cka(lange)": Claims(ANGLE, ANGLE),
        "cka(minibatch 6)": Claims(ANGLE, ANGLE, ordered=True),
        "cka(rbf)": Claims(ANGLE, ANGLE),
        "cknna": Claims("POsd", "POsd", proper=None),
        "cknna(5, correlation)": Claims("Ps", "Ps", proper=None),
        "concentricity_difference": Claims("POsd", "POsd", proper=True),
        "cycle_knn": Claims("POsd", "POsd", open="Lutd", proper=None),
        "distance_correlation": Claims(ANGLE, ANGLE),
        "distance_correlation(debiased)": Claims(ANGLE, ANGLE),
        "eigenspace_overlap": Claims("POLsud", "POLsud"),
        "eigenspace_overlap(centered)": Claims(LINEAR, LINEAR),
        "eigenspace_overlap(2 components)": Claims("POsd", "POsd"),
        "ensd": Claims(ANGLE, ANGLE, proper=None, bounded=False),
        "grassmann": Claims(LINEAR, LINEAR, proper=True),
        "grassmann(uncentered)": Claims("POLsud", "POLsud", proper=True),
        "gulp": Claims(ANGLE, ANGLE, proper=True),
        "gulp(0)": Claims(LINEAR, LINEAR, proper=True),
        "gulp(0.5)": Claims(ANGLE, ANGLE, proper=True),
        "matched_correlation": Claims("Pstud", "Pstud"),
        "matched_correlation(best)": Claims("Pstud", "Pstud"),
        "matched_correlation(soft)": Claims("Pstud", "Pstud"),
        "imd": Claims(ANGLE, ANGLE, proper=True),
        "kernel_ridge": Claims(ANGLE, ANGLE, proper=None, ordered=True),
        "knn_jaccard": Claims("POsd", "POsd", proper=True),
        "knn_jaccard(5, euclidean)": Claims(ANGLE, ANGLE, proper=True),
        "knn_rank": Claims("POsd", "POsd", proper=None),
        "magnitude_difference": Claims("POd", "POd", proper=True, degree=1, has_units=True),
        "mean_cca": Claims(LINEAR, LINEAR),
        "mean_cca(squared)": Claims(LINEAR, LINEAR),
        "mean_cca(uncentered)": Claims("POLsud", "POLsud"),
        "mutual_knn": Claims("POsd", "POsd", proper=True),
        "mutual_knn(centered)": Claims(ANGLE, ANGLE, proper=True),
        "nbs": Claims(ANGLE, ANGLE),
        "nbs(uncentered)": Claims("POsd", "POsd"),
        # A dead unit may take the place of a partner that is anticorrelated.
        "permutation": Claims("Pst", "Pst", open="d"),
        "permutation(euclidean)": Claims("Pt", "Pt", open="d", degree=1, has_units=True),
        # With as many components as X has dimensions, it is regression.
        "pls": Claims(ANGLE, ANGLE, open="Lu", ordered=True),
        "procrustes": Claims(ANGLE, ANGLE, proper=True),
        "procrustes(euclidean, uncentered)": Claims("POd", "POd", proper=True, degree=1, has_units=True),
        "projection": Claims(LINEAR, LINEAR, proper=True),
        "projection(2 components)": Claims(ANGLE, ANGLE, proper=True),
        "pwcca": Claims("Pstd", LINEAR),
        "pwcca(uncentered)": Claims("Psd", "POLsud"),
        "r2": Claims(LINEAR, ANGLE),
        "r2(uncentered)": Claims("POLsud", "POsd"),
        "ridge": Claims("POtd", ANGLE, degree=None, ordered=True),
        "ridge(0)": Claims(LINEAR, ANGLE, ordered=True),
        "ridge(4 folds, pearson)": Claims("POtd", "Pstud", degree=None, ordered=True),
        "rsa": Claims("Ps", "Ps"),
        "rsa-correlation-pearson-angular": Claims("Ps", "Ps", proper=True),
        "rsa-cosine-rho-a": Claims("POsd", "POsd"),
        "rsa-euclidean-kendall": Claims(
            ANGLE, ANGLE, proper=None
        ),  # nothing ties: counts of discordant pairs
        "rsa-sqeuclidean-cosine_cov": Claims(ANGLE, ANGLE),
        "rsm_norm_difference": Claims("POtd", "POtd", proper=True, degree=1, has_units=True),
        "rsm_norm_difference(cosine)": Claims("POsd", "POsd", proper=True),
        "second_order_cosine": Claims("POsd", "POsd", proper=None),
        "shape(0.3, unit)": Claims(ANGLE, ANGLE, proper=True),
        "shape(0.5)": Claims("POtd", "POtd", proper=True, degree=None),
        "shape(0.5, euclidean)": Claims("POtd", "POtd", proper=True, degree=None, has_units=True),
        "soft_matching": Claims("Pt", "Pt", proper=True, degree=1, has_units=True),
        "soft_matching(correlation)": Claims("Pstud", "Pstud"),
        "soft_matching(uncentered)": Claims("P", "P", proper=True, degree=1, has_units=True),
        "svcca": Claims(ANGLE, ANGLE),
        "svcca(0.8)": Claims(ANGLE, ANGLE),
        "svcca(2 components)": Claims(ANGLE, ANGLE),
        "svcca(squared)": Claims(ANGLE, ANGLE),
    }
)

each_metric = pytest.mark.parametrize("name", METRICS)
full_rank_is_meant = pytest.mark.filterwarnings("ignore:.*as many independent units")
dead_units_are_meant = pytest.mark.filterwarnings("ignore:.*do not vary over stimuli")
pytestmark = full_rank_is_meant

M = 21  # stimuli: no multiple of the widths of vector registers


def items_of(widths, n_stimuli=M, seed=0):
    """Noisy maps of a common signal, with means, whose principal components are well apart."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_stimuli, 4))
    return [
        (shared @ rng.normal(size=(4, n)) + rng.normal(size=(n_stimuli, n))) * np.logspace(0, 0.7, n)
        + 2 * rng.normal(size=n)
        for n in widths
    ]


@functools.cache
def odd_items(n_stimuli=37):
    """Of many widths, two of more units than stimuli, one nearly equal to another, one twice."""
    items = items_of((6, 4, 131, 5, 1 + n_stimuli, 3), n_stimuli)
    return [*items, items[0] + 1e-7 * items[0][:, ::-1], items[1].copy()]


@pytest.fixture(scope="module")
def known():
    """Every measure of odd items, alone, in one tile, on one thread."""
    return {name: ng.pairwise(odd_items(), metric, tile=64, n_threads=1) for name, metric in METRICS.items()}


def compare(metric, x, y, **options):
    """The one-liner of a metric, in its own direction."""
    return (metric.similarity if metric.is_similarity else metric.distance)(x, y, **options)


def unit_of(name, *items):
    """What rounding is relative to: 1, or a norm for distances in the units of the responses."""
    return max(map(np.linalg.norm, items)) if CLAIMS[name].has_units else 1.0


def in_range(name, values):
    """Distances are not negative, similarities at most 1 unless they are counts."""
    if not METRICS[name].is_similarity:
        return (values >= 0).all()
    return (values <= 1).all() or not CLAIMS[name].bounded


def test_claims_are_those_of_metrics_that_there_are():
    assert set(CLAIMS) <= set(METRICS)


@pytest.mark.parametrize("name", REGISTERED)
def test_a_registered_name_is_that_of_its_results(name):
    metric = REGISTERED[name]
    assert metric.name == name
    assert type(ng.metrics.as_metric(name)) is type(metric)
    assert repr(metric) == f"<{type(metric).__name__} {name!r}>"
    result = ng.pairwise(dict(zip("abc", items_of((4, 6, 5)), strict=True)), name)
    assert (result.metric, result.names.tolist()) == (name, ["a", "b", "c"])


# ---- structure


@each_metric
def test_structure(name, known):
    metric, result = METRICS[name], known[name]
    values = result.values
    assert (result.symmetric, result.is_similarity) == (metric.symmetric, metric.is_similarity)
    assert hasattr(metric, "similarity" if metric.is_similarity else "distance")
    assert (values.dtype, values.shape) == (np.float64, (8, 8))
    assert np.isfinite(values).all()
    assert in_range(name, values)
    if metric.symmetric:
        np.testing.assert_array_equal(values, values.T)
        np.testing.assert_array_equal(result.condensed, values[np.triu_indices(8, 1)])
    else:
        assert (values != values.T).any()
        with pytest.raises(ValueError, match="is not symmetric"):
            _ = result.condensed


@each_metric
def test_diagonal(name, known):
    """As declared: so are an item and its copy, and it is the best value that there is."""
    metric, values = METRICS[name], known[name].values
    if metric.diagonal is None:  # computed
        one = np.array([compare(metric, item, item) for item in odd_items()])
        np.testing.assert_array_equal(np.diagonal(values), one)
        return
    assert (np.diagonal(values) == metric.diagonal).all()
    x, y = odd_items()[1], odd_items()[7]
    assert values[1, 7] == pytest.approx(metric.diagonal, abs=1e-12 * unit_of(name, x, y))
    assert compare(metric, x, x) == pytest.approx(metric.diagonal, abs=1e-12 * unit_of(name, x))


# ---- invariances


def rotation(rng, size):
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def permuted(rng, data):
    return data[:, np.roll(rng.permutation(data.shape[1]), 1)]


def rotated(rng, data):
    return data @ rotation(rng, data.shape[1])


def mapped(rng, data):
    """An invertible map of condition 100, into two more dimensions."""
    n = data.shape[1]
    return data @ (rotation(rng, n) * np.logspace(-1, 1, n)) @ rotation(rng, n + 2)[:n]


def scaled(rng, data):
    return data * 10.0 ** rng.choice([-8.0, 8.0])


def translated(rng, data):
    return data + 10 * np.abs(data).max() * rng.normal(size=data.shape[1])


def units_scaled(rng, data):
    return data * 10.0 ** rng.uniform(-8, 8, size=data.shape[1])


def with_dead_units(rng, data):
    return np.insert(data, [0, 1, data.shape[1]], 0.0, axis=1)


# L includes P, O, s, u and d; u (of each unit) includes s.
CHANGES = {
    "P": permuted,
    "O": rotated,
    "L": mapped,
    "s": scaled,
    "t": translated,
    "u": units_scaled,
    "d": with_dead_units,
}


@dead_units_are_meant
@each_metric
def test_invariances(name):
    metric, claims, rng = METRICS[name], CLAIMS[name], np.random.default_rng(1)
    x, y = items_of((6, 4), 30, 1)
    value = metric.compare(x, y)
    near = {"rel": 1e-9, "abs": 1e-11 * unit_of(name, x, y)}
    for letter in claims.x:
        assert metric.compare(CHANGES[letter](rng, x), y) == pytest.approx(value, **near), letter
    for letter in claims.y:
        assert metric.compare(x, CHANGES[letter](rng, y)) == pytest.approx(value, **near), letter
    if metric.symmetric:
        assert metric.compare(y, x) == pytest.approx(value, **near)
    order = rng.permutation(30)
    mixed = metric.compare(x[order], y[order])
    assert (mixed == pytest.approx(value, **near)) is not claims.ordered


@dead_units_are_meant
@each_metric
def test_no_other_invariance(name):
    """Or the claims, and the docstring that they are from, would say too little."""
    metric, claims, rng = METRICS[name], CLAIMS[name], np.random.default_rng(3)
    x, y = items_of((6, 4), 30, 3)
    value = metric.compare(x, y)
    for letter in set(CHANGES) - set(claims.x + claims.open):
        assert metric.compare(CHANGES[letter](rng, x), y) != pytest.approx(value, rel=1e-6), letter
    for letter in set(CHANGES) - set(claims.y + claims.open):
        assert metric.compare(x, CHANGES[letter](rng, y)) != pytest.approx(value, rel=1e-6), letter


@each_metric
def test_more_units_than_stimuli(name):
    """Where rotations change nothing, as few units as stimuli hold all there is."""
    metric, claims = METRICS[name], CLAIMS[name]
    x, y = items_of((50, 4), 12)
    few = np.linalg.qr(x.T, mode="r").T
    found = metric.compare(x, y), metric.compare(y, x)
    assert np.isfinite(found).all()
    near = {"rel": 1e-9, "abs": 1e-11 * unit_of(name, x, y)}
    if {*"Od"} <= {*claims.x}:
        assert found[0] == pytest.approx(metric.compare(few, y), **near)
    if {*"Od"} <= {*claims.y}:
        assert found[1] == pytest.approx(metric.compare(y, few), **near)


@each_metric
def test_a_common_scale(name):
    metric, claims = METRICS[name], CLAIMS[name]
    x, y = items_of((6, 4))
    value = metric.compare(x, y)
    for scale in (1e-100, 1e-20, 1e20, 1e100):
        found = metric.compare(scale * x, scale * y)
        if claims.degree is None:  # a parameter has the units of the responses
            assert np.isfinite(found)
        else:
            assert found == pytest.approx(value * scale**claims.degree, rel=1e-9)


# ---- the triangle inequality


def excess(distances):
    """The most by which some d(i, j) is above d(i, k) + d(k, j)."""
    around = distances[:, :, None] + distances[None]
    return (distances[:, None, :] - around).max()


def paths(seed):
    """Sets of items that lie nearly in line, so that the inequality is put to the test."""
    rng = np.random.default_rng(seed)
    first, last = items_of((6, 6), 12, seed)
    yield [np.cos(t) * first + np.sin(t) * last for t in np.linspace(0, np.pi / 2, 7)]
    subspaces = [rng.normal(size=(8, n)) for n in (2, 2, 3, 3, 4, 5, 7, 9)]
    yield [*subspaces, *(x[:, :2] + 0.1 * subspaces[0] for x in subspaces[4:])]
    # Units that are anticorrelated, and what has both of them.
    units = rng.normal(size=(12, 1)) + 0.1 * rng.normal(size=(12, 2))
    yield [units, np.hstack([units, -0.9 * units]), -units]


@each_metric
def test_triangle_inequality(name):
    """Obeyed by what is said to be a metric; for all else there is a counterexample."""
    metric, largest = METRICS[name], -np.inf
    for seed in range(3):
        for items in paths(seed):
            try:
                values = ng.pairwise(items, metric).values
            except TooLittleDataError:  # it needs more stimuli than these
                continue
            distances = 1 - values if metric.is_similarity else values
            np.fill_diagonal(distances, 0)
            largest = max(largest, excess(distances) / unit_of(name, *items))
    if CLAIMS[name].proper is not None:
        assert largest <= 1e-9 if CLAIMS[name].proper else largest > 1e-3


# ---- the same bits, whatever is computed beside a pair


@each_metric
def test_same_bits_for_any_tile_and_threads(name, known):
    for tile, n_threads in [(1, 2), (3, 1), (None, 2)]:
        found = ng.pairwise(odd_items(), METRICS[name], tile=tile, n_threads=n_threads)
        np.testing.assert_array_equal(found.values, known[name].values)


@pytest.mark.parametrize("n_stimuli", [37, 131])
def test_same_bits_in_company(n_stimuli):
    """Beside unsymmetric measures, symmetric ones are computed in both orders."""
    items, metrics = odd_items(n_stimuli), list(METRICS.values())
    alone = {name: ng.pairwise(items, metric, n_threads=1).values for name, metric in METRICS.items()}
    for tile, n_threads in ((1, 1), (3, 2), (64, 1)):
        found = ng.pairwise(items, metrics[::-1], tile=tile, n_threads=n_threads)
        assert list(found) == list(METRICS)[::-1]
        for name, result in found.items():
            np.testing.assert_array_equal(result.values, alone[name], err_msg=name)


@each_metric
def test_same_bits_one_pair_at_a_time(name, known):
    metric, items = METRICS[name], odd_items()
    for i, j in [(0, 1), (0, 6), (2, 4), (3, 5)]:
        for n_threads in (1, 2):
            assert compare(metric, items[i], items[j], n_threads=n_threads) == known[name].values[i, j]


@each_metric
def test_same_bits_between_two_sets(name, known):
    items = odd_items()
    found = ng.pairwise(items[:3], METRICS[name], others=items[3:], tile=2)
    np.testing.assert_array_equal(found.values, known[name].values[:3, 3:])


@each_metric
def test_same_bits_in_any_selection(name, known):
    chosen, items = [0, 2, 3, 5, 6], odd_items()
    found = ng.pairwise([items[i] for i in chosen], METRICS[name]).values
    np.testing.assert_array_equal(found, known[name].values[np.ix_(chosen, chosen)])


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """All measures in one sweep."""
    pytest.importorskip("zarr")
    store = tmp_path_factory.mktemp("contract") / "sweep.zarr"
    return stores.swept(store, odd_items(), list(METRICS.values()), n_threads=2, tile=3)


@each_metric
def test_same_bits_in_a_sweep(name, swept, known):
    assert swept[name].values.tobytes() == known[name].values.tobytes()
    assert (swept[name].symmetric, swept[name].is_similarity) == (
        known[name].symmetric,
        known[name].is_similarity,
    )


# ---- held-out stimuli


@each_metric
def test_held_out(name):
    """Equal to a call for the pair alone; on the stimuli fitted to, it is the value itself."""
    metric = METRICS[name]
    items = items_of((5, 4, 30), 33)
    train, test = [item[:M] for item in items], [item[M:] for item in items]
    if not metric.has_held_out:
        with pytest.raises(ValueError, match=r"so it has no held-out form: leave out test$"):
            ng.pairwise(train, metric, test=test)
        return
    whole = ng.pairwise(train, metric, test=test)
    alone = ng.pairwise(train, metric)
    assert alone.held_out is None
    size = unit_of(name, *items)
    np.testing.assert_allclose(whole.values, alone.values, rtol=1e-9, atol=1e-12 * size)
    if metric.symmetric:
        np.testing.assert_array_equal(whole.held_out, whole.held_out.T)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        pair = ng.pairwise([train[i]], metric, others=[train[j]], test=([test[i]], [test[j]]))
        assert pair.held_out[0, 0] == whole.held_out[i, j]
        for options in ({"tile": 1}, {"tile": 2, "n_threads": 2}):
            again = ng.pairwise(train, metric, test=test, **options)
            np.testing.assert_array_equal(again.held_out, whole.held_out)
    same = ng.pairwise(train[:2], metric, test=train[:2])
    np.testing.assert_allclose(same.held_out, same.values, rtol=1e-9, atol=1e-7 * size)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if hasattr(metric, "fit")])
def test_held_out_is_the_distance_of_what_the_fitted_maps_give(name):
    metric = METRICS[name]
    x, y = items_of((5, 4), 33)
    found = ng.pairwise([x[:M], y[:M]], metric, test=[x[M:], y[M:]]).held_out[0, 1]
    a, b = metric.transform(metric.fit(x[:M], y[:M]), x[M:], y[M:])
    has_units = CLAIMS[name].has_units
    if not has_units:
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    chord = np.linalg.norm(a - b)
    expected = chord if has_units or isinstance(metric, ng.Bures) else 2 * np.arcsin(chord / 2)
    assert found == pytest.approx(expected, rel=1e-9)


# ---- kinds of input


def strided(item):
    padded = np.full((2 * len(item), 3 * item.shape[1]), np.nan)
    padded[1::2, ::3] = item
    return padded[1::2, ::3]


def read_only(item):
    item = item.copy()
    item.flags.writeable = False
    return item


class Counted:
    """Like a tensor of another library, only __array__; counts how often it is asked."""

    def __init__(self, data):
        self.data, self.count = data, 0

    def __array__(self, dtype=None, copy=None):
        self.count += 1
        return np.asarray(self.data, dtype=dtype)


class Capsule:
    """Only DLPack."""

    def __init__(self, data):
        self.data = data

    def __dlpack__(self, **options):
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


KINDS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda item: item[::-1, ::-1].copy()[::-1, ::-1],
    "gaps": strided,
    "read-only": read_only,
    "list": lambda item: item.tolist(),
    "__array__": Counted,
    "DLPack": Capsule,
    "another byte order": lambda item: item.astype(">f8"),
    "Representation": ng.Representation,
    **{dtype: lambda item, dtype=dtype: item.astype(dtype) for dtype in ("f2", "f4", "i1", "i8", "u2")},
}


@each_metric
def test_kinds_of_input(name, tmp_path):
    """Give the bits of their values as C-contiguous float64, and are not written to."""
    items = [np.round(abs(4 * item)) for item in items_of((6, 4, 5))]
    expected = ng.pairwise(items, METRICS[name]).values
    for kind, change in KINDS.items():
        given = [change(item) for item in items]
        found = ng.pairwise(given, METRICS[name], tile=1)
        np.testing.assert_array_equal(found.values, expected, err_msg=kind)
        assert found.values.dtype == np.float64
        for one, item in zip(given, items, strict=True):
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, item)
            if isinstance(one, Counted):
                assert one.count == 1, "each item is read once"
    for i, item in enumerate(items):
        np.save(tmp_path / f"{i}.npy", item.astype("f4"))
    mapped = [np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in range(3)]
    np.testing.assert_array_equal(ng.pairwise(mapped, METRICS[name]).values, expected)


def test_each_item_is_read_once_whatever_is_computed():
    train, test = ([Counted(item) for item in items_of((5, 4, 6), M, seed)] for seed in (0, 1))
    ng.pairwise(train, list(METRICS.values()), tile=1)
    assert [item.count for item in train] == [1, 1, 1]
    fitting = [metric for metric in METRICS.values() if metric.has_held_out]
    ng.pairwise(train[:1], fitting, others=train[1:], test=(test[:1], test[1:]), tile=1)
    assert [item.count for item in train + test] == [2, 2, 2, 1, 1, 1]


@dead_units_are_meant
@each_metric
def test_booleans(name):
    items = [np.insert(item > item.mean(), 2, [[True], [False]], axis=1) for item in items_of((6, 5, 7))]
    found, plain = (ng.pairwise(given, METRICS[name]) for given in (items, [1.0 * item for item in items]))
    np.testing.assert_array_equal(found.values, plain.values)


def with_value(value, dtype=float):
    item = items_of((3,))[0].astype(dtype)
    item[2, 1] = value
    return item


HOSTILE = {
    "no units": (np.zeros((M, 0)), ValueError, "is empty"),
    "no stimuli": (np.zeros((0, 3)), ValueError, "is empty"),
    "one stimulus": (np.ones((1, 3)), ValueError, "has one stimulus"),
    "another number of stimuli": (np.eye(M - 1), ValueError, rf"has {M} and .* has {M - 1}$"),
    "a vector": (np.ones(M), ValueError, "must be two-dimensional"),
    "three axes": (np.ones((M, 2, 2)), ValueError, "flatten the other axes first"),
    "NaN": (with_value(np.nan), ValueError, r"\[2, 1\] is nan"),
    "infinity": (with_value(-np.inf, "f4"), ValueError, r"\[2, 1\] is -inf"),
    "objects": (with_value(0).astype(object), TypeError, "dtype object"),
    "complex": (with_value(1j, complex), TypeError, "dtype complex128"),
    "strings": (with_value(0).astype(str), TypeError, "must hold real numbers"),
    "masked": (np.ma.masked_equal(np.eye(M), 0), TypeError, "is a masked array"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "cannot be read as one array"),
    "None": (None, TypeError, "must hold real numbers"),
    "squares overflow": (1e150 * with_value(0), ValueError, r"of the order .*e\+1.*rescale"),
    "squares underflow": (1e-150 * with_value(0), ValueError, r"of the order .*e-1.*rescale"),
    "silence": (np.zeros((M, 3)), ValueError, "bad"),
}


@each_metric
def test_hostile_items_are_named(name):
    x = items_of((5,))[0]
    for what, (bad, error, text) in HOSTILE.items():
        with pytest.raises(error, match=text) as raised:
            ng.pairwise({"good": x, "bad": bad}, METRICS[name])
        assert "('bad')" in str(raised.value), what
    with pytest.raises(ValueError, match=r"^Y\[2, 1\] is nan"):
        compare(METRICS[name], x, with_value(np.nan))


def answer(metric, **items):
    """The values, or the text of the error."""
    try:
        return ng.pairwise(items, metric).values
    except ValueError as error:
        return str(error)


@each_metric
def test_stimuli_that_are_all_the_same(name):
    """No variation, no measure; only where nothing is centred a constant item is a direction."""
    x = items_of((5,))[0]
    for stimulus in ([2.5, 1.0, -3.0], [0.1, 0.2, 0.3], [1e8 / 3, 1e8 / 7, -1e8 / 3]):  # exact means, and not
        found = answer(METRICS[name], x=x, flat=np.tile(stimulus, (M, 1)))
        assert "('flat')" in found if isinstance(found, str) else np.isfinite(found).all()
        assert isinstance(found, str) or "t" not in CLAIMS[name].y


@each_metric
def test_few_stimuli(name):
    """A value in the range of the measure, or an error that says what it is about."""
    metric = METRICS[name]
    for n_stimuli in (2, 3, 4):
        x, y = items_of((3, 2), n_stimuli)
        found = answer(metric, x=x, y=y)
        if isinstance(found, str):
            assert "('x')" in found
        else:
            assert np.isfinite(found).all()
            assert in_range(name, found)


@each_metric
def test_stimuli_and_units_that_repeat(name):
    x, y = items_of((4, 3))
    x, y = x[np.arange(M) // 2], y[np.arange(M) // 2]
    x, y = np.hstack([x, x[:, :2]]), np.hstack([y, y])
    assert np.isfinite(ng.pairwise([x, y, x[:, :2]], METRICS[name]).values).all()


@each_metric
def test_measured_dissimilarities_are_taken_or_refused(name):
    rdm = ng.RDM(np.random.default_rng(0).random(M * (M - 1) // 2), name="IT")
    items = [*items_of((5, 4)), rdm]
    if name.startswith("rsa"):
        values = ng.pairwise(items, METRICS[name]).values
        assert np.isfinite(values).all()
        assert values[0, 2] == METRICS[name].compare(items[0], rdm)
        return
    with pytest.raises(TypeError, match=r"^representations\[2\] \('IT'\) is an RDM, but .* needs responses"):
        ng.pairwise(items, METRICS[name])


@each_metric
def test_missing_values_are_left_out_pair_by_pair(name):
    x, y, z = items_of((5, 4, 6))
    holes = y.copy()
    holes[5, 2] = np.nan
    kept = np.delete(np.arange(M), 5)
    found = ng.pairwise([x, holes, z], METRICS[name], nan_policy="omit")
    assert found.n_stimuli.tolist() == [[M, M - 1, M], [M - 1] * 3, [M, M - 1, M]]
    assert found.values[0, 1] == METRICS[name].compare(x[kept], y[kept])
    assert found.values[0, 2] == METRICS[name].compare(x, z)


# ---- large items


@dead_units_are_meant
@each_metric
def test_blocks_of_a_large_item_give_what_the_whole_gives(name, monkeypatch):
    """To rounding, where a measure can be had from blocks of units; else nothing changes."""
    x, y = items_of((61, 50), 16)
    y[:, 20:27] = 0.25  # a whole block does not vary
    whole = ng.pairwise([x, y], METRICS[name]).values
    set_blocks(monkeypatch, 16, width=7)
    found = ng.pairwise([x, y], METRICS[name]).values
    size = unit_of(name, x, y)
    np.testing.assert_allclose(found / size, whole / size, rtol=1e-12, atol=1e-12)
    again = ng.pairwise([x, y], METRICS[name], tile=1, n_threads=2).values
    np.testing.assert_array_equal(again, found)
