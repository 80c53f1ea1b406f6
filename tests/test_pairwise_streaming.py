"""Items that are prepared from blocks of their units, held against the same items as a whole."""

from __future__ import annotations

import re
import warnings

import neurogeom as ng
import numpy as np
import pairwise_util as pu
import pytest
import util
from neurogeom import representation
from neurogeom.metrics import base
from neurogeom.representation import as_items

M, N, WIDTH = 24, 61, 7

WHOLE_ONLY = {
    "permutation": ng.Permutation(),
    "pwcca": ng.PWCCA(),
    "ridge(pearson)": ng.Ridge(score="pearson"),
    "cka(callable)": ng.CKA(lambda data: data @ data.T),
    "cka(rbf, minibatch)": ng.CKA("rbf", "minibatch", batch_size=8),
    "mahalanobis": ng.RSA("mahalanobis", noise_covariance=np.ones(N)),
    "crossnobis": ng.RSA("crossnobis", folds=np.repeat([0, 1], M // 2)),
}
STREAMING = {name: pu.metric_of(name) for name in pu.METRICS if name not in WHOLE_ONLY}
OPTIONS = {
    "shape(0.5)": ng.ShapeMetric(0.5, whiten_scale="unit"),
    "procrustes(euclidean, uncentered)": ng.Procrustes(score="euclidean", center=False),
    "cca(tolerance)": ng.CCA(rank_tolerance=1e-6),
    "cca(uncentered)": ng.CCA(center=False),
    "svcca(3)": ng.SVCCA(n_components=3),
    "subspace(3)": ng.SubspaceDistance(n_components=3),
    "cka(biased)": ng.CKA(estimator="biased"),
    "cka(biased, uncentered)": ng.CKA(estimator="biased", center=False),
    "cka(lange)": ng.CKA(estimator="lange"),
    "cka(minibatch)": ng.CKA(estimator="minibatch", batch_size=7),
    "cka(rbf)": ng.CKA("rbf"),
    "cka(rbf, lange)": ng.CKA("rbf", "lange", bandwidth=0.4),
    "rsa(sqeuclidean)": ng.RSA("sqeuclidean", "cosine_cov"),
    "rsa(euclidean)": ng.RSA("euclidean", "pearson"),
    "rsa(cosine)": ng.RSA("cosine", "tau-a"),
    "rsa(kendall)": ng.RSA("correlation", "kendall"),
    "ridge(3 folds)": ng.Ridge(0.1, folds=3),
}
ALL = {**STREAMING, **OPTIONS}
for name, metric in ALL.items():
    metric.name = name  # options that results do not name
KINDS = ("sqeuclidean", "euclidean", "correlation", "cosine", "poisson")


@pytest.fixture
def small_blocks(monkeypatch):
    """Call it to have items of few units read in blocks of WIDTH units."""

    def switch(n_stimuli=M, width=WIDTH):
        monkeypatch.setattr(representation, "LARGE_ITEM_BYTES", 0)
        monkeypatch.setattr(representation, "BLOCK_BYTES", 8 * n_stimuli * width)

    return switch


def low_rank(seed, rank=6, m=M, n=N):
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(99).normal(size=(m, 3))
    parts = [common, rng.normal(size=(m, rank - 3))]
    return np.hstack(parts) @ rng.normal(size=(rank, n)) + rng.normal(size=n)


def full_rank(seed):
    return low_rank(seed) + 0.3 * np.random.default_rng(seed + 50).normal(size=(M, N))


def with_constants(seed):
    X = full_rank(seed)
    X[:, ::3], X[:, 7:21] = 0.1, -3.0  # whole blocks among them
    return X


def few_vary(seed):
    X = np.full((M, N), 2.5)
    X[:, [3, 20, 21, 60]] = full_rank(seed)[:, :4]
    return X


def with_duplicates(seed):
    X = full_rank(seed)
    X[5], X[9], X[10] = X[3], X[3], 3 * X[2]
    return X


def with_outlier(seed):
    X = full_rank(seed)
    X[4] += 30.0
    return X


def mixed_scales(seed):
    """The largest units come last."""
    return full_rank(seed) * np.logspace(-6, 6, N)


CASES = {
    "full rank": full_rank,
    "low rank": low_rank,
    "constant units": with_constants,
    "few vary": few_vary,
    "offset": lambda seed: full_rank(seed) + 1e6,
    "duplicates": with_duplicates,
    "outlier": with_outlier,
    "mixed scales": mixed_scales,
    "1e-8": lambda seed: 1e-8 * full_rank(seed),
    "1e8": lambda seed: 1e8 * full_rank(seed),
    "1e-100": lambda seed: 1e-100 * low_rank(seed),
    "1e100": lambda seed: 1e100 * low_rank(seed),
    "float32": lambda seed: full_rank(seed).astype(np.float32),
    "float16": lambda seed: full_rank(seed).astype(np.float16),
    "int16": lambda seed: np.round(5 * full_rank(seed)).astype(np.int16),
    "bool": lambda seed: full_rank(seed) > 0,
    "Fortran order": lambda seed: np.asfortranarray(full_rank(seed)),
}


def values_of(items, metrics=ALL, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of as many units as stimuli
        found = ng.pairwise(items, list(metrics.values()), **options)
    return {name: found[metric.name].values for name, metric in metrics.items()}


# Distances in units of the responses, which are compared in units of their norm (of centred ones?).
WITH_UNITS = {"bures": True, "procrustes(euclidean, uncentered)": False}


def norm_of(items, centred):
    items = [np.asarray(item, dtype=np.float64) for item in items]
    return max(np.linalg.norm(item - centred * item.mean(axis=0)) for item in items)


@pytest.mark.parametrize("case", CASES)
def test_blocks_give_what_the_whole_gives(case, small_blocks):
    items = [CASES[case](seed) for seed in range(4)]
    copies = [item.copy() for item in items]
    whole = values_of(items)
    small_blocks()
    streamed = values_of(items)
    for name in ALL:
        unit = norm_of(items, WITH_UNITS[name]) if name in WITH_UNITS else 1.0
        np.testing.assert_allclose(streamed[name] / unit, whole[name] / unit, 1e-12, 1e-12, err_msg=name)
    for item, copy in zip(items, copies, strict=True):
        np.testing.assert_array_equal(item, copy)


@pytest.mark.parametrize("width", [1, 23, 24, 60, 61, 100])
def test_width_of_blocks_matters_to_rounding_only(width, small_blocks):
    items = [CASES["constant units"](0), CASES["low rank"](1)]
    small_blocks()
    expected = values_of(items)
    small_blocks(width=width)
    found = values_of(items)
    for name in ALL:
        np.testing.assert_allclose(found[name], expected[name], 1e-12, 1e-12, err_msg=name)


def test_more_stimuli_than_varying_units(small_blocks):
    """Records have the shape of those of the whole: ranks, sizes, and columns where few units vary."""
    X = few_vary(0)
    (item,) = as_items([X], "items")
    small_blocks()
    for metric in (ng.Procrustes(), ng.CCA(), ng.ShapeMetric(0.5), ng.SVCCA(), ng.LinearR2()):
        (part,) = metric.parts()
        record, whole = part.prepare_blocks(item.unit_blocks()), part.prepare(X, "X")
        assert (record.rank, record.size) == (whole.rank, whole.size)
        np.testing.assert_allclose(record.matrix, whole.matrix, rtol=0, atol=1e-14)
        np.testing.assert_allclose(record.scale, whole.scale, rtol=1e-14)


# ---- accuracy where sums cancel


def test_small_singular_values_keep_their_digits(small_blocks):
    """From X X' those below 1e-8 of the largest would be rounding."""
    rng = np.random.default_rng(0)
    left = np.linalg.qr(rng.normal(size=(M, M)))[0]
    right = np.linalg.qr(rng.normal(size=(N, M)))[0]
    singular = np.logspace(0, -12, M)
    (item,) = as_items([(left * singular) @ right.T], "items")
    small_blocks()
    part = ng.LinearR2(center=False).parts()[0]
    record = part.prepare_blocks(item.unit_blocks())
    np.testing.assert_allclose(record.scale * record.singular, singular, rtol=0, atol=2e-15)


def distances_in_long_double(X, kind):
    x = np.asarray(X, dtype=np.longdouble)
    y = x
    if kind == "correlation":
        x = x - x[:, :1]  # exact, or nearly
        x = x - x.mean(axis=1, keepdims=True)
    if kind in ("correlation", "cosine"):
        x = y = x / np.sqrt((x * x).sum(axis=1, keepdims=True))
    if kind == "poisson":
        x = (x + np.longdouble(0.1)) / np.longdouble(1.1)
        y = np.log(x)
    i, j = np.triu_indices(len(x), 1)
    found = ((x[i] - x[j]) * (y[i] - y[j])).sum(axis=1)
    found /= 2 if kind in ("correlation", "cosine") else x.shape[1]
    return np.asarray(np.sqrt(found) if kind == "euclidean" else found, dtype=np.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_each_dissimilarity_is_accurate(kind, small_blocks):
    """Relative to itself, also beside an outlier, as far as what it is computed from is exact."""
    X = np.abs(full_rank(0)) + 1.0
    X[5] = X[3] * (1 + 1e-6 * np.random.default_rng(1).normal(size=N))
    X[7] += 1e3
    X[11] = X[2]
    small_blocks()
    found = ng.rdm(X, kind).condensed
    expected = distances_in_long_double(X, kind)
    near = expected < 1e-5
    assert near.sum() == 2
    np.testing.assert_allclose(found[~near], expected[~near], rtol=1e-13)
    # Differences of 1e-6 of the size: of directions and rates, which are rounded, they have ten digits.
    np.testing.assert_allclose(found[near], expected[near], rtol=1e-13 if "euclidean" in kind else 1e-9)
    assert (found == 0).sum() == 1


def test_duplicates_tie(small_blocks):
    """Of binary features: equal dissimilarities are equal in ranks, in whatever blocks."""
    items = [np.random.default_rng(seed).integers(0, 2, (M, N)) for seed in range(2)]
    metrics = {kind: ng.RSA(kind, "kendall", name=kind) for kind in KINDS}
    whole = values_of(items, metrics)
    small_blocks()
    streamed = values_of(items, metrics)
    for kind in KINDS:
        np.testing.assert_array_equal(streamed[kind], whole[kind])


# ---- errors


def spoiled(*changes, base=full_rank):
    X = base(0)
    for place, value in changes:
        X[place] = value
    return X


ERRORS = {
    "first NaN by stimulus": ("cka", spoiled(((9, 3), np.nan), ((2, 50), np.nan), ((2, 60), np.inf))),
    "NaN beside infinity": ("procrustes", spoiled(((2, 50), -np.inf), ((2, 49), np.nan))),
    "NaN beside what is too large": ("rsa", spoiled(((0, 0), 1e200), ((23, 60), np.nan))),
    "too large": ("cca", spoiled(((0, 8), 1e150), ((3, 30), -1e170))),
    "too small": ("gulp", 1e-160 * full_rank(0)),
    "constant, factor": ("procrustes", np.full((M, N), 3.3)),
    "constant, basis": ("cca", np.full((M, N), 3.3)),
    "constant, Gram matrix": ("cka", np.full((M, N), 3.3)),
    "zero, uncentred": (ng.CKA(estimator="biased", center=False), np.zeros((M, N))),
    "constant, RBF": (ng.CKA("rbf"), np.full((M, N), 3.3)),
    "zero Gram matrix": ("cka", np.hstack([np.eye(M), np.zeros((M, N - M))])),
    "constant, RDM": (ng.RSA("sqeuclidean"), np.full((M, N), 3.3)),
    "a flat stimulus": ("rsa", spoiled((4, 0.1), (9, 0.7))),
    "a silent stimulus": (ng.RSA("cosine"), spoiled((4, 0.0))),
    "negative rates": (
        ng.RSA("poisson"),
        spoiled(((7, 20), -2.0), ((5, 50), -2.0), base=lambda _: np.ones((M, N))),
    ),
    "too many folds": (ng.Ridge(folds=M + 1), full_rank(0)),
    "too small batches": (ng.CKA(estimator="minibatch", batch_size=M + 1), full_rank(0)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_the_whole(name, small_blocks):
    metric, X = ERRORS[name]
    items = {"bad": X, "good": np.abs(full_rank(1))}
    with pytest.raises(ValueError, match="bad") as whole:
        ng.pairwise(items, metric)
    small_blocks()
    with pytest.raises(ValueError, match="bad") as streamed:
        ng.pairwise(items, metric)
    assert str(streamed.value) == str(whole.value)


def test_position_of_nan(small_blocks):
    small_blocks()
    X = ERRORS["first NaN by stimulus"][1]
    message = "representations[0] ('bad')[2, 50] is nan; all values must be finite"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ng.pairwise({"bad": X, "good": full_rank(1)}, "procrustes")


def test_too_few_stimuli(small_blocks):
    small_blocks(3)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="stimuli"):
        ng.pairwise(rng.normal(size=(2, 3, 20)), "cka")
    assert np.isfinite(ng.pairwise(rng.normal(size=(2, 3, 20)), ng.CKA(estimator="biased")).values).all()


# ---- bits


def test_bits_depend_on_neither_threads_nor_tiles(small_blocks):
    items = [CASES[case](seed) for seed, case in enumerate(("full rank", "low rank", "offset", "duplicates"))]
    small_blocks()
    expected = values_of(items, n_threads=1)
    for options in ({"n_threads": 2}, {"n_threads": 2, "tile": 1}, {"n_threads": 1, "tile": 3}):
        util.assert_same_bits(values_of(items, **options), expected)


@pytest.mark.parametrize("name", WHOLE_ONLY)
def test_bits_do_not_depend_on_other_metrics(name, small_blocks):
    """Where another metric needs all of an item, those that stream get blocks of it nevertheless."""
    items = [full_rank(seed) for seed in range(3)]
    small_blocks()
    alone = values_of(items)
    metric = WHOLE_ONLY[name]
    together = values_of(items, {**ALL, name: metric})
    expected = values_of(items, {name: metric})
    util.assert_same_bits(together.pop(name), expected[name])
    util.assert_same_bits(together, alone)


@pytest.mark.parametrize("name", ["procrustes", "cca", "nbs"])
def test_held_out(name, small_blocks):
    items, test = [low_rank(0), full_rank(1)], [full_rank(2), full_rank(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        whole = ng.pairwise(items, name, test=test)
        small_blocks()
        streamed = ng.pairwise(items, name, test=test)
        util.assert_same_bits(streamed.values, ng.pairwise(items, name).values)
    util.assert_same_bits(streamed.held_out, whole.held_out)
    np.testing.assert_allclose(streamed.values, whole.values, rtol=1e-12)


def test_what_is_large_is_a_matter_of_shape(small_blocks):
    def is_large(m, n, dtype=np.float16):
        source = np.broadcast_to(np.zeros(1, dtype), (m, n))
        return as_items([source], "items")[0].is_large

    assert is_large(1000, 1_000_000)
    assert is_large(1000, 8389)
    assert not is_large(1000, 8388)  # 64 MB
    assert is_large(3000, 6001)
    assert not is_large(3000, 6000)  # two units a stimulus
    assert not as_items([ng.RDM(np.ones(45))], "items")[0].is_large
    small_blocks(5)
    assert is_large(5, 11)
    assert not is_large(5, 10)


# ---- reading


class File:
    """Has what file-backed arrays have, and notes what is read; no array itself."""

    def __init__(self, data):
        self._data, self.shape, self.dtype = data, data.shape, data.dtype
        self.read = []

    def __len__(self):
        return len(self._data)

    def __array__(self, *_, **__):
        raise AssertionError("read as a whole")

    def __getitem__(self, key):
        rows, columns = key
        assert rows == slice(None)
        self.read.append(len(range(self.shape[1])[columns]))
        return self._data[key]


def prepare(metrics, data):
    source = File(data)
    item = representation.Item("X", "X", source, None)
    return base.prepare_item(metrics, item), source.read


@pytest.mark.parametrize(
    ("metrics", "readings"),
    [
        ([ng.Procrustes()], 1),
        ([ng.Procrustes(), ng.ShapeMetric(0.5), ng.GULP(), ng.SVCCA(), ng.LinearR2(), ng.Ridge()], 1),
        ([ng.CCA(), ng.MeanCCA(), ng.SubspaceDistance()], 1),
        ([ng.CKA()], 1),
        ([ng.CKA(estimator="minibatch", batch_size=8)], 1),
        ([ng.RSA("sqeuclidean"), ng.RSA("sqeuclidean", "kendall")], 1),
        ([ng.RSA(), ng.RSA(compare="cosine")], 2),
        ([ng.Procrustes(), ng.CCA(), ng.CKA(), ng.RSA("cosine")], 5),
    ],
)
def test_readings(metrics, readings, small_blocks):
    """What several parts need is computed once."""
    small_blocks()
    _, read = prepare(metrics, np.random.default_rng(0).normal(size=(M, N)))
    assert read == readings * ([WIDTH] * 8 + [5])


@pytest.mark.parametrize("name", WHOLE_ONLY)
def test_what_needs_the_whole_reads_it_once(name, small_blocks):
    small_blocks()
    metrics = [WHOLE_ONLY[name], ng.Procrustes(), ng.RSA()]
    prepared, read = prepare(metrics, full_rank(0))
    assert read == [N]
    assert all(part in prepared for metric in metrics for part in metric.parts())


class OwnPreparation(ng.metrics.Metric):
    name = "own"

    def prepare(self, data, label):
        return data.sum()


def test_metrics_say_whether_they_stream():
    assert [name for name in ALL if not base.streams(ALL[name])] == []
    assert [name for name in WHOLE_ONLY if base.streams(WHOLE_ONLY[name])] == []
    assert not base.streams(OwnPreparation())
    assert set(STREAMING) | {"permutation", "pwcca"} == set(pu.METRICS)


def test_own_preparation_gets_the_whole(small_blocks):
    small_blocks()
    metric, X = OwnPreparation(), full_rank(0)
    prepared, read = prepare([metric, ng.CKA()], X)
    assert read == [N]
    assert prepared[metric] == X.sum()


def test_small_items_are_read_as_a_whole():
    _, read = prepare([ng.CKA(), ng.Procrustes()], full_rank(0))
    assert read == [N]
