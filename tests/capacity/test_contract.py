"""What every analysis of manifolds promises: of what it takes and refuses, of its bits, of what it returns.

A new analysis meets the contract by being listed in `ANALYSES`. Values against definitions are in files of
their own.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import re
import threading
from collections.abc import Callable
from typing import Any

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from helpers.same_bits import assert_same_bits

P, M, N = 5, 6, 20  # manifolds, points of each, features


@dataclasses.dataclass(frozen=True)
class Analysis:
    """A function of manifolds, and what is particular about it."""

    function: Callable[..., Any]
    options: dict[str, Any]
    takes: str = "manifolds"  # or "a pair" of clouds, or "a matrix"
    least: int = 2  # manifolds
    points: int = 2  # of a manifold, at least
    centred: bool = True  # a translation of everything changes nothing
    lengths: tuple[str, ...] = ()  # fields that are in the units of the data
    scaled: tuple[str, ...] = ()  # options that are, too
    draws_with_features: bool = False  # what it draws are vectors in the coordinates of the data
    search: float = 1e-9  # how well searches and iterations settle what they find

    @property
    def keywords(self):
        """What may be asked of it."""
        return inspect.signature(self.function).parameters

    @property
    def count(self):
        """The option that says how many draws there are."""
        return next((one for one in ("n_trials", "n_episodes") if one in self.options), "n_samples")

    @property
    def is_random(self):
        """Whether it draws, in threads."""
        return "rng" in self.options and "n_threads" in self.keywords

    def __call__(self, clouds, **options):
        """Give it clouds as it takes them."""
        options = self.options | options
        if self.takes == "a pair":
            return self.function(clouds[0], clouds[1], **options)
        if self.takes == "a matrix":
            return self.function(clouds[0], **options)
        return self.function(clouds, **options)

    def label(self, k):
        """What errors call a cloud."""
        return {"a pair": "ab"[k % 2], "a matrix": "X"}.get(self.takes, rf"manifolds\[{k}\]")


FEW = {"n_samples": 40, "rng": 0}
ANCHORS = ("anchor_center_norm", "anchor_axis_norm")
RADII = ("radius", "radius_se", "mean_radius", "mean_radius_se")
ANALYSES = {
    "capacity": Analysis(ng.manifold_capacity, FEW, lengths=("center_norm",)),
    "capacity with everything": Analysis(
        ng.manifold_capacity,
        FEW | {"margin": 0.3, "null": 2, "n_restarts": 2, "keep_anchors": True},
        lengths=("center_norm",),
    ),
    "effective geometry": Analysis(
        ng.effective_geometry, FEW, least=1, lengths=ANCHORS, draws_with_features=True
    ),
    "effective geometry, uncentred": Analysis(
        ng.effective_geometry,
        FEW | {"center": False, "dichotomies": "iid", "inactive": "maxproj"},
        least=1,
        centred=False,
        lengths=ANCHORS,
        draws_with_features=True,
    ),
    "correlated capacity": Analysis(
        ng.correlated_capacity, FEW, least=1, centred=False, draws_with_features=True
    ),
    "correlated capacity with a margin": Analysis(
        ng.correlated_capacity,
        FEW | {"margin": 0.3},
        least=1,
        centred=False,
        lengths=("margin",),
        scaled=("margin",),
        draws_with_features=True,
    ),
    "simulated capacity": Analysis(ng.simulated_capacity, {"n_trials": 12, "rng": 0}),
    "simulated capacity with an intercept": Analysis(
        ng.simulated_capacity, {"n_trials": 12, "rng": 0, "fit_intercept": True}
    ),
    "alignment": Analysis(ng.alignment, {}, lengths=("center_norm", "spread")),
    "alignment with a null": Analysis(ng.alignment, {"null": 3, "rng": 0}, lengths=("center_norm", "spread")),
    "overlap": Analysis(
        ng.overlap, {}, "a pair", lengths=("center_distance", "radii", "margin", "bias"), search=1e-6
    ),
    "few-shot, k ways": Analysis(ng.kway_error, {"n_shots": 1, "n_episodes": 30, "rng": 0}),
    "few-shot error": Analysis(ng.fewshot_error, {"n_shots": 1, "n_episodes": 30, "rng": 0}),
    "few-shot geometry": Analysis(ng.fewshot_geometry, {"n_shots": 3}, lengths=RADII),
    "few-shot geometry, corrected": Analysis(
        ng.fewshot_geometry,
        {"n_shots": [1, 5], "level": "exact", "correct_dimension": True},
        points=4,
        lengths=RADII,
    ),
    "few-shot prediction": Analysis(ng.fewshot_prediction, {"n_shots": 2}, points=3),
    "few-shot prediction, one shot": Analysis(ng.fewshot_prediction, {"n_shots": [1, 3]}, points=4),
    "dimensionality": Analysis(ng.dimensionality, {}, "a matrix", least=1, lengths=("eigenvalues",)),
    "dimensionality, unbiased": Analysis(
        ng.dimensionality, {"form": "unbiased"}, "a matrix", least=1, lengths=("eigenvalues",)
    ),
    "dimensionality, intrinsic": Analysis(ng.intrinsic_dimension, {}, "a matrix", least=1),
    "dimensionality, intrinsic by more neighbours": Analysis(
        ng.intrinsic_dimension, {"method": "mle", "n_neighbors": (2, 3)}, "a matrix", least=1
    ),
    "neural collapse": Analysis(ng.neural_collapse, {}, lengths=("center_norm", "radius")),
}

SIZES = ("n_features", "eigenvalues", "dimensions", "fraction_separable")  # know of features without news

each_analysis = pytest.mark.parametrize("name", ANALYSES)
each_random = pytest.mark.parametrize("name", [name for name, one in ANALYSES.items() if one.is_random])
of_manifolds = pytest.mark.parametrize(
    "name", [name for name, one in ANALYSES.items() if one.takes == "manifolds"]
)


def clouds_of(n_manifolds=P, n_points=M, n_features=N):
    return gaussian_clouds(n_manifolds, n_points, n_features, spread=0.6)


@functools.cache
def known(name):
    """The result for plain clouds, as a dict."""
    return ANALYSES[name](clouds_of()).to_dict()


def claimed(result):
    """The numbers that a result shows first."""
    shown = [getattr(result, field) for field in re.findall(r"(\w+)=", repr(result))]
    return [value for value in shown if isinstance(value, float)]


def assert_near(analysis, found, expected, scale=1.0, rtol=None):
    """Equal to rounding in all fields that are numbers."""
    rtol = analysis.search if rtol is None else rtol
    for name, value in expected.items():
        other = found[name]
        if isinstance(value, dict):
            assert_near(analysis, other, value, scale, rtol)
        elif name == "kkt_residual" or value is None or isinstance(value, (str, bool, tuple)):
            continue  # (a residual is rounding)
        elif np.asarray(value).dtype.kind in "iu":
            np.testing.assert_array_equal(other, value, err_msg=name)
        elif np.asarray(value).dtype.kind == "f" and name not in ("weights", "common_point", "gap"):
            power = 2 if name == "eigenvalues" or "_raw" in name else 1 if name in analysis.lengths else 0
            np.testing.assert_allclose(
                np.asarray(other) / scale**power, value, rtol=rtol, atol=1e-10, err_msg=name
            )


# ---- kinds of input


def strided(cloud):
    wide = np.zeros((2 * len(cloud), 3 * cloud.shape[1]), cloud.dtype)
    wide[1::2, ::3] = cloud
    return wide[1::2, ::3]


def read_only(cloud):
    cloud = cloud.copy()
    cloud.flags.writeable = False
    return cloud


def unaligned(cloud):
    buffer = bytearray(cloud.nbytes + 1)
    array = np.frombuffer(buffer, dtype=np.float64, count=cloud.size, offset=1).reshape(cloud.shape)
    array[...] = cloud
    assert not array.flags.aligned
    return array


class Tensor:
    """Like a tensor of another library: only __array__."""

    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data, dtype=dtype)


class Capsule:
    """Only DLPack."""

    def __init__(self, data):
        self.data = data

    def __dlpack__(self, **options):
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


DTYPES = ("f2", "f4", ">f4", ">f8", "i1", "u1", ">i4", "i8", "u8")
KINDS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda cloud: cloud[::-1, ::-1].copy()[::-1, ::-1],
    "gaps": strided,
    "read-only": read_only,
    "unaligned": unaligned,
    "nested lists": lambda cloud: cloud.tolist(),
    "__array__": Tensor,
    "DLPack": Capsule,
    **{dtype: lambda cloud, dtype=dtype: cloud.astype(dtype) for dtype in DTYPES},
}


@each_analysis
def test_kinds_of_clouds(name):
    """Of any dtype and layout: the bits of the same values as C-contiguous float64; never written to."""
    analysis = ANALYSES[name]
    whole = np.clip(np.round(20 * clouds_of()) + 60, 0, 120)
    expected = analysis(whole.copy()).to_dict()
    for change in KINDS.values():
        given = [change(cloud) for cloud in whole]
        kept = copy.deepcopy(given)
        assert_same_bits(analysis(given).to_dict(), expected)
        for one, before in zip(given, kept, strict=True):
            if isinstance(one, np.ndarray):
                assert (one.dtype, one.strides) == (before.dtype, before.strides) or one.base is not None
                np.testing.assert_array_equal(one, before)
    on = whole > 60
    assert_same_bits(analysis(on).to_dict(), analysis(on.astype(float)).to_dict())


@of_manifolds
def test_kinds_of_sets(name, tmp_path):
    """A list, a tuple, one array of any layout, labels in any order, a memory map: the same manifolds."""
    analysis, clouds = ANALYSES[name], clouds_of()
    flat, labels = np.vstack(clouds), np.repeat(np.arange(P), M)
    mixed = np.arange(P * M).reshape(P, M).T.ravel()  # interleaves the manifolds
    np.save(tmp_path / "x.npy", flat)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    wide = np.zeros((2 * P, M, 3 * N))
    wide[::2, :, ::3] = clouds
    for given in (
        list(clouds),
        tuple(clouds),
        clouds.tolist(),
        np.asfortranarray(clouds),
        wide[::2, :, ::3],
        clouds[::-1].copy()[::-1],
        Capsule(clouds),
        ng.manifolds(flat, labels),
        ng.manifolds(flat[mixed], labels[mixed]),
        ng.manifolds(np.asfortranarray(flat[mixed]), labels[mixed].astype(str)),
        ng.manifolds(mapped, labels),
    ):
        found, expected = analysis(given).to_dict(), dict(known(name))
        if "names" in found:
            assert found.pop("names").astype(int).tolist() == expected.pop("names").tolist()
        if isinstance(given, ng.Manifolds):  # a null deals the rows of X, in whatever order they are
            found["null"] = expected["null"] = None
        assert_same_bits(found, expected)


@each_random
def test_kinds_of_draws_and_labels(name):
    """Given by the user, in any form that says the same; never written to, nor kept."""
    analysis, rng = ANALYSES[name], np.random.default_rng(4)
    n = analysis.options.get("n_samples", analysis.options.get("n_trials"))
    given = {}
    if "dichotomies" in analysis.keywords:
        given["dichotomies"] = np.insert(rng.choice([-1, 1], (n, P - 2)), [0, 1], [1, -1], axis=1)
    if "gaussians" in analysis.keywords:
        width = N + (analysis.function is ng.manifold_capacity)
        given["gaussians"] = rng.standard_normal((n, width))
    first = analysis(clouds_of(), **given).to_dict()
    for option, value in given.items():
        dtypes = (">f8",) if option == "gaussians" else (float, "i1", ">i8")
        forms = [value.tolist(), np.asfortranarray(value), strided(value), read_only(value)]
        forms += [value.astype(dtype) for dtype in dtypes]
        if option == "dichotomies":
            forms.append(lambda generator, n, p, value=value: value)
        for form in forms:
            kept = copy.deepcopy(form)
            found = analysis(clouds_of(), **given | {option: form}).to_dict()
            assert_same_bits(found, first)
            if isinstance(form, np.ndarray):
                np.testing.assert_array_equal(form, kept)
                if form.flags.writeable:
                    form[...] = 0
                    assert_same_bits(found, first)


@of_manifolds
def test_names_are_those_of_the_labels(name):
    flat, labels = np.vstack(clouds_of(3, 6)), np.repeat(["dog", "cat", "emu"], 6)
    result = ANALYSES[name](ng.manifolds(flat, labels))
    if hasattr(result, "names"):
        assert result.names.tolist() == ["cat", "dog", "emu"]
        assert ANALYSES[name](clouds_of(3)).names.tolist() == [0, 1, 2]


@of_manifolds
def test_manifolds_of_unequal_size(name):
    counts = [max(m + 2, ANALYSES[name].points) for m in range(P)]
    result = ANALYSES[name]([cloud[:count] for cloud, count in zip(clouds_of(), counts, strict=True)])
    assert result.n_features == N
    if hasattr(result, "n_points"):
        assert result.n_points.tolist() == counts
    assert np.isfinite(claimed(result)).all()


@each_analysis
def test_more_features_than_points_and_fewer(name):
    for n_points, n_features in ((4, 200), (18, 16)):
        result = ANALYSES[name](clouds_of(P, n_points, n_features))
        assert np.all(result.status == 0) if hasattr(result, "status") else True


# ---- what is refused

BAD_CLOUDS = {
    "no points": (np.zeros((0, N)), ValueError, "is empty"),
    "no features": (np.zeros((M, 0)), ValueError, "is empty"),
    "a vector": (np.zeros(N), ValueError, "must be two-dimensional"),
    "objects": (np.zeros((M, N), dtype=object), TypeError, "dtype object"),
    "complex": (np.zeros((M, N), dtype=complex), TypeError, "dtype complex128"),
    "strings": (np.full((M, N), "1"), TypeError, "dtype <U1"),
    "dates": (np.zeros((M, N), dtype="M8[s]"), TypeError, "datetime64"),
    "long doubles": (np.zeros((M, N), dtype=np.longdouble), TypeError, "longdouble|float128"),
    "masked": (np.ma.masked_less(np.zeros((M, N)), 1), TypeError, "is a masked array"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "cannot be read as one array"),
    "None": (None, TypeError, "must hold real numbers"),
}


@each_analysis
def test_bad_clouds_are_named(name):
    analysis = ANALYSES[name]
    at = 0 if analysis.takes == "a matrix" else 1
    for bad, error, text in BAD_CLOUDS.values():
        clouds = list(clouds_of())
        clouds[at] = bad
        with pytest.raises(error, match=rf"^{analysis.label(at)} .*({text})"):
            analysis(clouds)


@each_analysis
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f8", "f2"])
def test_values_that_are_not_finite_are_placed(name, value, dtype):
    analysis = ANALYSES[name]
    at = 0 if analysis.takes == "a matrix" else 1
    for width in (N, 3):  # more features than points, and fewer
        clouds = clouds_of(n_features=width).astype(dtype)
        clouds[at, 3, 2] = clouds[at, 4, 1] = value
        with pytest.raises(ValueError, match=rf"^{analysis.label(at)}\[3, 2\] is {value}; all values must"):
            analysis(clouds)
    if analysis.takes == "manifolds":
        flat, labels = np.vstack(clouds_of()).astype(dtype), np.arange(P * M) % P
        flat[13, 2] = value
        with pytest.raises(ValueError, match=rf"^X\[13, 2\] is {value}; all values must"):
            analysis(ng.manifolds(flat, labels))


@each_analysis
def test_values_whose_squares_leave_the_range(name):
    analysis = ANALYSES[name]
    argument = analysis.label(0).split("\\")[0]
    for scale in (1e-300, 1e-200, 1e-150, 1e150, 1e200, 1e300):
        with pytest.raises(ValueError, match=rf"^{argument} has values of the order .*rescale"):
            analysis(scale * clouds_of())


BAD_SETS = {
    "nothing": ([], ValueError, "manifolds is empty"),
    "an empty mapping": ({}, ValueError, "manifolds is empty"),
    "a matrix": (np.ones((M, N)), ValueError, r"\(6, 20\).*neurogeom.manifolds\(X, labels\)"),
    "four axes": (np.ones((1, P, M, N)), ValueError, r"\(1, 5, 6, 20\)"),
    "unequal widths": ([np.ones((8, 4)), np.ones((8, 3))], ValueError, r"number of features, not .*\[3, 4\]"),
    "transposed": ([np.ones((20, 8)), np.ones((20, 7))], ValueError, "transposed: rows must be points"),
    "a string": ("abc", TypeError, "manifolds must be a list.*str"),
    "None": (None, TypeError, "manifolds must be a list.*NoneType"),
    "a number": (3.0, TypeError, "manifolds must be a list.*float"),
}


@of_manifolds
def test_bad_sets(name):
    analysis = ANALYSES[name]
    for given, error, text in BAD_SETS.values():
        with pytest.raises(error, match=text):
            analysis(given)
    if analysis.least == 2:
        for given in (clouds_of()[:1], [clouds_of()[0]]):
            with pytest.raises(ValueError, match=r"one manifold|at least two manifolds"):
                analysis(given)


COUNTS = [
    (0, ValueError, "must be at least 1, not 0"),
    (-1, ValueError, "must be at least 1, not -1"),
    (1.5, TypeError, "must be an integer, not float"),
    (True, TypeError, "must be an integer, not True"),
]
SEEDS = [
    (np.random.RandomState(0), TypeError, "RandomState"),
    ("a", TypeError, "str"),
    (1.0, TypeError, "float"),
    (-1, ValueError, "-1"),
]


MARGINS = [
    (-0.1, ValueError, "must not be negative, not -0.1: .*wrong side"),
    (np.nan, ValueError, "must be finite"),
    (np.inf, ValueError, "must be finite"),
    ("a", TypeError, "must be a number, not str"),
]
NULLS = [
    (-1, ValueError, "must be at least 0, not -1"),
    (1.5, TypeError, "must be an integer"),
    (True, TypeError, "must be an integer"),
]
LABELS = [
    ("half", ValueError, "must be one of 'iid', 'balanced'"),
    (np.ones((4, P)), ValueError, rf"must have shape .* not \(4, {P}\)"),
    (np.ones(P), ValueError, rf"shape .* not \({P},\)"),
    (lambda n: np.ones((n, P + 1)), ValueError, rf", {P}\), not .*, {P + 1}\)"),
    (lambda n: np.eye(n, P), ValueError, r"\[0, 1\] is 0.0; labels must be"),
    (lambda n: np.full((n, P), 2), ValueError, r"\[0, 0\] is 2; labels must be"),
    (lambda n: np.full((n, P), 257), ValueError, "is 257; labels must be"),
    (lambda n: np.full((n, P), 255, dtype="u1"), ValueError, "is 255; labels must be"),
    (lambda n: np.full((n, P), np.nan), ValueError, "is nan; labels must be"),
    (lambda n: np.ones((n, P), dtype=bool), ValueError, r"\[0, 0\] is True; labels must be"),
    (lambda n: np.full((n, P), "a"), TypeError, "must hold real numbers"),
    (ng.sparse_dichotomies(P), ValueError, "n_positive must be below"),
    (ng.tilted_dichotomies([1, -1], 1), ValueError, rf"manifold \({P}\), not 2"),
]
DRAWS = [
    (lambda n: np.zeros((n, N - 1)), ValueError, rf"not \(\d+, {N - 1}\)"),
    (lambda n: np.zeros((n - 1, N)), ValueError, rf"not \(\d+, {N}\)"),
    (lambda n: np.zeros((n, N)) + 0j, TypeError, "must hold real numbers"),
    (lambda n: np.zeros(N), ValueError, "must be two-dimensional"),
]


@pytest.mark.parametrize("name", [name for name, one in ANALYSES.items() if "rng" in one.options])
def test_bad_options_are_named(name):
    analysis = ANALYSES[name]
    count = analysis.count
    n = analysis.options.get(count)
    tables = {count: COUNTS, "n_threads": COUNTS, "rng": SEEDS, "margin": MARGINS, "null": NULLS}
    tables |= {"gaussians": DRAWS, "dichotomies": LABELS}
    tables |= {"progress": [("x", TypeError, "must be a bool or a callable, not str")]}
    for option in tables.keys() & analysis.keywords:
        for value, error, text in tables[option]:
            # Rules of labels are functions too, and come from the package.
            made = value(n) if getattr(value, "__module__", None) == __name__ else value
            with pytest.raises(error, match=rf"^(?=.*({option}|n_positive|reference)).*{text}"):
                analysis(clouds_of(), **{option: made})
            if option == "dichotomies" and isinstance(made, np.ndarray) and made.ndim == 2:
                with pytest.raises(error, match=f"what dichotomies returned.*{text}"):
                    analysis(clouds_of(), dichotomies=lambda generator, n, p, made=made: made)


# ---- data without an answer


@each_analysis
def test_dead_data_have_no_answer(name):
    """An error, or NaN with a status and a warning; never infinity, or an analysis of rounding errors."""
    analysis = ANALYSES[name]
    one = np.broadcast_to(clouds_of()[0, 0], (P, M, N))
    for clouds in (np.zeros((P, M, N)), np.full((P, M, N), 0.3), one):
        if name == "few-shot error":  # nothing but ties, each half an error
            assert analysis(clouds).mean_error == 0.5
        elif name.startswith(("simulated", "dimensionality", "alignment", "few-shot")):
            with pytest.raises(ValueError, match=r"^(manifolds|X) has no (extent|variance)"):
                analysis(clouds)
        elif name == "overlap":  # clouds of one point have it in common
            assert analysis(clouds).separable is False
        else:
            with pytest.warns(ng.ConvergenceWarning) as caught:
                result = analysis(clouds)
            assert {entry.filename for entry in caught} == {__file__}
            assert np.isnan(claimed(result)).all()
            assert np.all(result.status != 0)


@each_random
def test_one_draw_has_no_error(name):
    analysis = ANALYSES[name]
    count = analysis.count
    with pytest.warns(ng.ConvergenceWarning, match=f"^{count} is 1, which leaves n") as caught:
        result = analysis(clouds_of(), **{count: 1})
    assert {entry.filename for entry in caught} == {__file__}
    value = "mean_error" if count == "n_episodes" else "capacity"
    assert np.all(getattr(result, value) >= 0)
    assert np.isnan(getattr(result, f"{value}_se")).all()


# ---- what does not matter


@each_analysis
def test_coordinates_do_not_matter(name):
    analysis, rng = ANALYSES[name], np.random.default_rng(1)
    clouds, draws = clouds_of(), rng.standard_normal((40, N))
    turn, order = np.linalg.qr(rng.standard_normal((N, N)))[0], rng.permutation(N)
    changes = {
        "rotation": lambda x: x @ turn,
        "order of the features": lambda x: x[..., order],
        "silent features": lambda x: np.pad(x, [(0, 0)] * (x.ndim - 1) + [(3, 8)]),
        "translation": lambda x: x + 10 * np.arange(N) if x is clouds else x,
    }
    if not analysis.centred:
        del changes["translation"]
    options = {"gaussians": draws} if analysis.draws_with_features else {}
    first = analysis(clouds, **options).to_dict()
    for what, change in changes.items():
        found = analysis(change(clouds), **{key: change(value) for key, value in options.items()}).to_dict()
        skipped = {"translation": ["bias"], "silent features": SIZES}.get(what, [])
        assert_near(analysis, *({k: v for k, v in x.items() if k not in skipped} for x in (found, first)))


@each_analysis
def test_scale_does_not_matter(name):
    analysis = ANALYSES[name]
    for scale in (1e-100, 1e-8, 3.0, 1e8, 1e100):
        options = {option: scale * analysis.options[option] for option in analysis.scaled}
        assert_near(analysis, analysis(scale * clouds_of(), **options).to_dict(), known(name), scale)


def permutable(analysis, rng):
    """Draws of our own, and what belongs to a manifold of them, to be put into another order with it."""
    keywords = analysis.keywords
    n = analysis.options.get("n_samples", analysis.options.get("n_trials"))
    options = {}
    if "dichotomies" in keywords:
        labels = rng.choice([-1, 1], (n, P))
        options["dichotomies"] = lambda order: labels[:, order]
    if analysis.function is ng.manifold_capacity:
        own = rng.standard_normal((P, n, N + 1))
        options["gaussians"] = lambda order: own[order]
    elif "gaussians" in keywords:
        common = rng.standard_normal((n, N))
        options["gaussians"] = lambda order: common
    return options


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, one in ANALYSES.items()
        if one.takes == "manifolds" and "null" not in one.options and "trials" not in str(one.options)
        if name not in ("few-shot error", "few-shot, k ways")  # they draw points by their number
    ],
)
def test_order_of_manifolds_and_points(name):
    """Another order of the manifolds is another order in the result; that of the points is nothing."""
    analysis, rng = ANALYSES[name], np.random.default_rng(2)
    clouds, order = clouds_of(), np.array([3, 0, 4, 2, 1])
    options = permutable(analysis, rng)
    first = analysis(clouds, **{key: of(np.arange(P)) for key, of in options.items()}).to_dict()
    mixed = np.array([rng.permutation(cloud) for cloud in clouds])[order]
    second = analysis(mixed, **{key: of(order) for key, of in options.items()}).to_dict()
    for field, value in first.items():
        if isinstance(value, np.ndarray) and P in value.shape and field != "names":
            axes = [np.s_[order] if size == P else np.s_[:] for size in value.shape]
            first[field] = value[
                np.ix_(*(np.arange(n)[axis] for axis, n in zip(axes, value.shape, strict=True)))
            ]
    assert_near(analysis, second, first, rtol=1e-8)


# ---- bits


@each_random
def test_same_bits_for_any_number_of_threads(name):
    for n_threads in (1, 2, 3):
        assert_same_bits(ANALYSES[name](clouds_of(), n_threads=n_threads).to_dict(), known(name))


@each_random
def test_same_bits_in_python_threads(name):
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(ANALYSES[name](clouds_of(), n_threads=2).to_dict()))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 3
    for result in found:
        assert_same_bits(result, known(name))


@pytest.mark.parametrize("name", [name for name, one in ANALYSES.items() if "rng" in one.options])
def test_seeds(name):
    """A seed says everything, in each of its forms; without one, or with another, draws differ."""
    analysis, clouds = ANALYSES[name], clouds_of()
    if name in ("few-shot error", "few-shot, k ways"):  # which needs some
        clouds = clouds - 0.8 * clouds.mean(axis=1, keepdims=True)
    first = analysis(clouds, rng=3)
    for same in (np.int64(3), np.random.SeedSequence(3), np.random.default_rng(3)):
        assert_same_bits(analysis(clouds, rng=same).to_dict(), first.to_dict())
    generator = np.random.default_rng(3)
    others = [analysis(clouds, rng=source) for source in (4, None, None, generator, generator)]
    assert_same_bits(others[3].to_dict(), first.to_dict())  # and then the generator goes on
    different = [first, *others[:3], others[4]]
    assert len({b"".join(drawn_fields(result.to_dict())) for result in different}) == 5


def drawn_fields(fields):
    """Bytes of all fields, nested ones too."""
    for value in fields.values():
        if isinstance(value, dict):
            yield from drawn_fields(value)
        else:
            yield np.asarray(value, dtype=None if not isinstance(value, tuple) else object).tobytes()


@each_random
def test_progress_and_its_exceptions(name):
    seen = []
    result = ANALYSES[name](clouds_of(), progress=lambda done, total: seen.append((done, total)))
    assert_same_bits(result.to_dict(), known(name))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0
    assert len({total for _, total in seen}) == 1

    class EnoughError(Exception):
        pass

    def stop(done, total):
        raise EnoughError

    with pytest.raises(EnoughError):
        ANALYSES[name](clouds_of(), progress=stop)


# ---- results


@each_analysis
def test_results_are_saved_and_tabulated(name, tmp_path):
    clouds = clouds_of()
    result = ANALYSES[name](clouds)
    before = copy.deepcopy(result.to_dict())
    result.save(tmp_path / "x.npz")
    loaded = ng.load(tmp_path / "x.npz")
    assert type(loaded) is type(result)
    assert_same_bits(loaded.to_dict(), before)
    assert repr(loaded) == repr(result)
    assert repr(result).startswith(type(result).__name__ + "(")
    assert len(repr(result)) < 250
    table = result.to_dataframe()
    assert len(table.columns)
    for column in table:
        np.testing.assert_array_equal(table[column], before[column])
    clouds[...] = np.nan  # no field is a view of what was given
    assert_same_bits(result.to_dict(), before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.status = 1
