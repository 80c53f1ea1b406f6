"""effective_geometry, correlated_capacity and the rules of dichotomies: what they accept and refuse."""

from __future__ import annotations

import copy
import math
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers import util
from helpers.joint_util import ALIGNMENTS, RATIOS, balls

TERMS = ("center_center", "axis_axis", "center_axis", "individual")

FUNCTIONS = {"geometry": ng.effective_geometry, "correlated": ng.correlated_capacity}


def make_clouds(n_manifolds=5, n_points=6, n_features=40, seed=0):
    return balls(np.random.default_rng(seed), n_manifolds, n_points, n_features)


@pytest.fixture(params=FUNCTIONS)
def analyse(request):
    """One of the two functions on few samples."""

    def call(clouds, **options):
        return FUNCTIONS[request.param](clouds, **{"n_samples": 30, "rng": 0, **options})

    call.name = request.param
    return call


def assert_same(first, second, rtol=1e-10):
    for name in ("squared_projections", "capacity", "capacity_se"):
        np.testing.assert_allclose(getattr(second, name), getattr(first, name), rtol=rtol, err_msg=name)


# What is accepted


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", ">f8", "i1", "u1", ">i4", "i8", "u8", "?"])
def test_dtypes(dtype, analyse):
    clouds = make_clouds()
    values = clouds > 0.2 if dtype == "?" else np.clip(20 * clouds + 60, 0, 120).astype(dtype)
    kept = values.copy()
    first = analyse(values.astype(np.float64))
    assert_same(first, analyse(values))
    assert_same(first, analyse(list(np.asfortranarray(values))))
    assert_same(first, analyse(values.tolist()))
    np.testing.assert_array_equal(values, kept)


def test_layouts(analyse, tmp_path):
    clouds = make_clouds()
    draws = np.random.default_rng(1).normal(size=(30, 40))
    labels = np.random.default_rng(2).choice([-1, 1], (30, 5))
    first = analyse(clouds, gaussians=draws, dichotomies=labels)
    frozen = clouds.copy()
    frozen.flags.writeable = False
    wide = np.zeros((5, 6, 80))
    wide[:, :, ::2] = clouds
    flat = np.vstack(clouds)
    np.save(tmp_path / "x.npy", flat)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for same in (
        frozen,
        wide[:, :, ::2],
        np.asfortranarray(clouds),
        clouds[::-1][::-1],
        tuple(clouds),
        ng.manifolds(flat, np.repeat(np.arange(5), 6)),
        ng.manifolds(mapped, np.repeat(list("abcde"), 6)),
        ng.manifolds(flat[::-1], np.repeat(np.arange(5), 6)[::-1]),
    ):
        assert_same(first, analyse(same, gaussians=draws, dichotomies=labels))
    for given in (np.asfortranarray(draws), draws.tolist(), draws.astype(">f8")):
        assert_same(first, analyse(clouds, gaussians=given, dichotomies=labels))
    for given in (
        np.asfortranarray(labels),
        labels.T.copy().T,
        labels.tolist(),
        labels.astype(float),
        labels.astype("i1"),
        labels.astype(">i8"),
        np.repeat(labels, 2, axis=1)[:, ::2],
        lambda generator, n, p: labels,
        lambda generator, n, p: labels[:, ::-1][:, ::-1],
    ):
        assert_same(first, analyse(clouds, gaussians=draws, dichotomies=given))
    labels.flags.writeable = draws.flags.writeable = False
    assert_same(first, analyse(clouds, gaussians=draws, dichotomies=labels))


def test_inputs_are_not_modified(analyse):
    clouds = list(make_clouds())
    options = {
        "gaussians": np.random.default_rng(1).normal(size=(30, 40)),
        "dichotomies": np.tile([1.0, 1, 1, 1, -1], (30, 1)),
    }
    before = copy.deepcopy((clouds, options))
    result = analyse(clouds, **options)
    np.testing.assert_array_equal(clouds, before[0])
    for name, value in before[1].items():
        np.testing.assert_array_equal(options[name], value)
    options["dichotomies"][:] = 0  # nor does the result look at the user's array
    np.testing.assert_array_equal(result.dichotomies, before[1]["dichotomies"])


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
def test_scales(scale):
    clouds = make_clouds()
    options = {"n_samples": 30, "center": False, "rng": 0, "dichotomies": "iid"}
    first, other = ng.effective_geometry(clouds, **options), ng.effective_geometry(scale * clouds, **options)
    assert_same(first, other, rtol=1e-9)
    for name in RATIOS + ALIGNMENTS:
        if not name.endswith("_raw"):
            assert getattr(other, name) == pytest.approx(getattr(first, name), rel=1e-8, abs=1e-10), name
    del options["center"]
    assert_same(first, ng.correlated_capacity(scale * clouds, **options), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_scales_whose_squares_overflow(scale, analyse):
    with pytest.raises(ValueError, match=r"manifolds has values of the order .* rescale"):
        analyse(scale * make_clouds())


def test_small_inputs(analyse):
    for shape in ((1, 1, 1), (1, 1, 5), (2, 1, 1), (1, 6, 1), (3, 1, 3), (1, 2, 5), (2, 4, 1)):
        data = np.random.default_rng(3).normal(size=shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ng.ConvergenceWarning)
            result = analyse(data, n_samples=8, dichotomies="iid")
            dead = isinstance(result, ng.EffectiveGeometry) and data.size == shape[2]  # its own mean
        assert result.n_manifolds == shape[0]
        assert (result.status == (3 if dead else 0)).all()
        assert dead or (result.squared_projections >= 0).all()
        assert math.isnan(result.capacity) if dead else result.capacity > 0


def test_one_sample(analyse):
    with pytest.warns(ng.ConvergenceWarning, match="n_samples is 1, which leaves no standard errors"):
        result = analyse(make_clouds(), n_samples=1)
    assert math.isfinite(result.capacity)
    assert math.isnan(result.capacity_se)


# Dead data


def dead_clouds(kind):
    clouds = make_clouds(4)
    if kind in ("zeros", "a constant", "units that are constant"):
        return {"zeros": 0 * clouds, "a constant": 0 * clouds + 0.3}.get(kind, 0 * clouds + clouds[0, 0])
    clouds[2] = clouds[[0, 1, 3]].reshape(-1, 40).mean(axis=0) if kind == "the mean of the others" else 0
    return clouds


@pytest.mark.parametrize(
    ("kind", "center", "named"),
    [
        ("zeros", True, "0, 1, 2, 3"),
        ("zeros", False, "0, 1, 2, 3"),
        ("a constant", True, "0, 1, 2, 3"),
        ("a constant", False, "0, 1, 2, 3"),
        ("units that are constant", True, "0, 1, 2, 3"),
        ("units that are constant", False, "0, 1, 2, 3"),
        ("one manifold of zeros", False, "2"),
        ("the mean of the others", True, "2"),
    ],
)
def test_dead_data_have_no_capacity(kind, center, named):
    """NaN, a status and a warning that names the manifolds; never inf, or the capacity of rounding errors."""
    clouds = dead_clouds(kind)
    options = {"n_samples": 30, "rng": 0}
    results = []
    with pytest.warns(
        ng.ConvergenceWarning, match=f"^dead data: all points of manifold {named} are .*status 3"
    ):
        results.append(ng.effective_geometry(clouds, center=center, **options))
    if not center:
        for margin in (0.0, 0.3):
            with pytest.warns(ng.ConvergenceWarning, match=f"^dead data: all points of manifold {named} are"):
                results.append(ng.correlated_capacity(clouds, margin=margin, **options))
    for result in results:
        assert (result.status == 3).all()
        assert result.n_separable == 0
        for name in ("capacity", *RATIOS, *ALIGNMENTS, *TERMS):
            if hasattr(result, name):
                assert math.isnan(getattr(result, name)), name
                assert math.isnan(getattr(result, f"{name}_se")), name


# With repeated points weights are not unique, and rounding decides whether a dichotomy counts as separable.
@pytest.mark.filterwarnings("ignore:.*cannot be separated:neurogeom.ConvergenceWarning")
def test_live_data_beside_dead_ones():
    """A class of zeros is a point like others where the mean is subtracted; zero points are no dead class."""
    clouds = dead_clouds("one manifold of zeros")
    assert ng.effective_geometry(clouds, n_samples=30, rng=0).capacity > 0
    clouds[2, :3] = make_clouds()[0, :3]
    assert ng.correlated_capacity(clouds, n_samples=30, rng=0).capacity > 0
    same = np.repeat(make_clouds(5, 1), 4, axis=1)  # classes without variance are points
    assert ng.correlated_capacity(same, n_samples=30, rng=0).capacity > 0
    tiny = make_clouds() * np.array([1e-30, 1, 1, 1, 1])[:, None, None]
    assert ng.correlated_capacity(tiny, n_samples=30, rng=0).capacity > 0


def test_projections_that_are_all_zero_are_no_capacity(analyse):
    """Infinite by its formula, because the one draw is on the right side of every point."""
    with pytest.warns(ng.ConvergenceWarning, match="the projections of all 12 samples are zero"):
        result = analyse(
            -np.eye(4)[:, None], gaussians=np.ones((12, 4)), n_samples=12, dichotomies=np.ones((12, 4)),
            **({} if analyse.name == "correlated" else {"center": False}),
        )  # fmt: skip
    assert math.isnan(result.capacity)


def test_few_separable_samples_have_no_errors(analyse):
    """Samples that repeat two draws and labels: all but two are inseparable."""
    clouds = make_clouds(3, 30, 12)
    labels = np.repeat([[1, 1, 1], [1, -1, 1]], [2, 38], axis=0)
    clouds[1] = clouds[0]
    clouds[:, :, 0] = 40
    options = {"dichotomies": labels, "n_samples": 40}
    options |= {} if analyse.name == "correlated" else {"center": False}
    with pytest.warns(ng.ConvergenceWarning) as caught:
        result = analyse(clouds, **options)
    messages = [str(warning.message) for warning in caught]
    assert any(text.startswith("95% of the dichotomies cannot be separated") for text in messages)
    assert any("rest on 2 of 40 samples: too few for standard errors" in text for text in messages)
    assert len(messages) == 2
    assert result.n_separable == 2
    assert "n_separable=2" in repr(result)
    names = TERMS if analyse.name == "correlated" else RATIOS + ALIGNMENTS
    for name in names:
        assert math.isnan(getattr(result, f"{name}_se")), name
        assert name in ALIGNMENTS or math.isfinite(getattr(result, name)), name
    assert result.capacity_se > 0


def test_manifolds_that_share_a_point(analyse):
    """Inseparable where their labels differ; the projections are not the whole draws, and have anchors."""
    clouds = make_clouds(4, 5, 30)
    clouds[1, 0] = clouds[0, 0]
    options = {} if analyse.name == "correlated" else {"center": False}
    with pytest.warns(ng.ConvergenceWarning, match="cannot be separated .* because manifolds share points"):
        result = analyse(clouds, **options)
    differ = result.dichotomies[:, 0] != result.dichotomies[:, 1]
    np.testing.assert_array_equal(result.inseparable, differ)
    assert result.inseparable_fraction == differ.mean()
    assert not result.undetermined.any()
    assert result.n_used == 30
    assert result.n_separable == 30 - differ.sum()


def test_repeated_points_are_one_point(analyse):
    """Not a reason to call separable dichotomies inseparable where all manifolds are active."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 1, 20))
    thrice = np.repeat(points, 3, axis=1)
    options = {"n_samples": 200} | ({} if analyse.name == "correlated" else {"center": False})
    draws = {"gaussians": rng.normal(size=(200, 20)), "dichotomies": rng.choice([-1, 1], (200, 3))}
    first, second = (analyse(x, **options, **draws) for x in (points, thrice))
    assert_same(first, second)
    for name in TERMS if analyse.name == "correlated" else ("effective_radius", "effective_dimension"):
        assert getattr(second, name) == pytest.approx(getattr(first, name), rel=1e-9, abs=1e-12)
    for result in (second, analyse(thrice, **options)):  # coordinates equal to rounding, too
        assert not result.inseparable.any()
        assert result.n_used == result.n_separable == 200


def test_draws_that_lie_in_their_cone(analyse):
    """Two small clouds in the plane: separable, but the projection of some draws is the draw itself."""
    clouds = np.array([[2.0, 1], [-1, 2]])[:, None] + 0.4 * np.random.default_rng(0).normal(size=(2, 5, 2))
    options = {"n_samples": 100} | ({} if analyse.name == "correlated" else {"center": False})
    with pytest.warns(ng.ConvergenceWarning, match="of the draws lie in their cone"):
        result = analyse(clouds, **options)
    assert not result.inseparable.any()
    assert result.n_separable == 100
    assert 50 < result.n_used == 100 - result.undetermined.sum() < 95
    name = "individual" if analyse.name == "correlated" else "effective_radius"
    assert math.isfinite(getattr(result, name))


def test_no_dichotomy_is_separable():
    """P over the dimension of the span, whatever the manifolds: not without a warning."""
    clouds = make_clouds(4, 30, 3)
    with pytest.warns(ng.ConvergenceWarning, match="100% of the dichotomies cannot be separated"):
        result = ng.correlated_capacity(clouds, n_samples=200, rng=0)
    assert abs(result.capacity - 4 / 3) <= 4 * result.capacity_se
    assert math.isnan(result.individual)


def test_unequal_sizes(analyse):
    clouds = [cloud[: m + 1] for m, cloud in enumerate(make_clouds())]
    result = analyse(clouds)
    np.testing.assert_array_equal(result.n_points, [1, 2, 3, 4, 5])
    assert result.n_features == 40


# What is refused


def with_value(value, at=(3, 2, 7), dtype=float):
    clouds = [cloud.astype(dtype) for cloud in make_clouds()]
    clouds[at[0]][at[1:]] = value
    return clouds


@pytest.mark.parametrize("width", [40, 10])  # more features than points, and fewer
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_values_that_are_not_finite(analyse, value, width, dtype):
    clouds = [cloud[:, :width] for cloud in with_value(value, dtype=dtype)]
    for options in ({}, {"gaussians": np.ones((30, width))}):
        with pytest.raises(ValueError, match=rf"manifolds\[3\]\[2, 7\] is {value}; all values must"):
            analyse(clouds, **options)


BAD_MANIFOLDS = {
    "nothing": ([], ValueError, "manifolds is empty"),
    "no points": ([np.ones((3, 4)), np.ones((0, 4))], ValueError, r"manifolds\[1\] is empty"),
    "no features": ([np.ones((3, 0))], ValueError, r"manifolds\[0\] is empty"),
    "vectors": ([np.ones(3), np.ones(3)], ValueError, r"manifolds\[0\] must be two-dimensional"),
    "a matrix": (np.ones((3, 4)), ValueError, r"neurogeom.manifolds\(X, labels\)"),
    "objects": ([np.ones((3, 4), dtype=object)], TypeError, "dtype object"),
    "complex": ([np.ones((3, 4)) + 1j], TypeError, "dtype complex128"),
    "strings": ([np.full((3, 4), "1")], TypeError, "dtype <U1"),
    "masked": ([np.ma.masked_equal(np.ones((3, 4)), 2)], TypeError, r"manifolds\[0\] is a masked array"),
    "widths": ([np.ones((3, 4)), np.ones((2, 5))], ValueError, r"number of features, not have \[4, 5\]"),
    "transposed": ([np.ones((4, 3)), np.ones((4, 2))], ValueError, "look transposed"),
    "a number": (3.0, TypeError, "manifolds must be a list"),
    "a dictionary": ({}, ValueError, "manifolds is empty"),
    "None": (None, TypeError, "not NoneType"),
}


@pytest.mark.parametrize("name", BAD_MANIFOLDS)
def test_bad_manifolds(analyse, name):
    value, error, text = BAD_MANIFOLDS[name]
    with pytest.raises(error, match=text):
        analyse(value)


def test_hint_for_transposed_manifolds(analyse):
    tall = 5 * np.eye(20)[0] + 0.1 * np.random.default_rng(4).normal(size=(2, 400, 20))
    tall[1, :, :2] = tall[1, :, 1::-1]  # another direction, so that all labels are separable
    with pytest.warns(UserWarning, match="rows must be points"):
        analyse(tall, n_samples=12)


BAD_OPTIONS = {
    "no samples": ({"n_samples": 0}, ValueError, "n_samples must be at least 1, not 0"),
    "samples a float": ({"n_samples": 5.0}, TypeError, "n_samples must be an integer"),
    "samples a bool": ({"n_samples": True}, TypeError, "n_samples must be an integer"),
    "no threads": ({"n_threads": 0}, ValueError, "n_threads"),
    "seed": ({"rng": "3"}, TypeError, "rng"),
    "rule": ({"dichotomies": "half"}, ValueError, "dichotomies must be one of 'iid', 'balanced'"),
    "bools": ({"dichotomies": np.ones((30, 5), dtype=bool)}, ValueError, r"dichotomies\[0, 0\] is True"),
    "zero": ({"dichotomies": np.eye(30, 5)}, ValueError, r"dichotomies\[0, 1\] is 0.0; labels must be"),
    "two": ({"dichotomies": np.full((30, 5), 2)}, ValueError, r"dichotomies\[0, 0\] is 2"),
    "unsigned": ({"dichotomies": np.full((30, 5), 255, dtype="u1")}, ValueError, "is 255"),
    "NaN label": ({"dichotomies": np.full((30, 5), np.nan)}, ValueError, "is nan; labels"),
    "257": ({"dichotomies": np.full((30, 5), 257)}, ValueError, "is 257"),
    "label shape": ({"dichotomies": np.ones((5, 30))}, ValueError, r"= \(30, 5\), not \(5, 30\)"),
    "label vector": ({"dichotomies": np.ones(5)}, ValueError, r"shape .* not \(5,\)"),
    "label strings": ({"dichotomies": np.full((30, 5), "a")}, TypeError, "dichotomies must hold real"),
    "returned None": ({"dichotomies": lambda g, n, p: None}, TypeError, "what dichotomies returned"),
    "returned shape": (
        {"dichotomies": lambda g, n, p: np.ones((n, p + 1))},
        ValueError,
        r"what dichotomies returned must have shape .* not \(30, 6\)",
    ),
    "returned zeros": ({"dichotomies": lambda g, n, p: np.zeros((n, p))}, ValueError, r"is 0.0; labels"),
    "draw shape": ({"gaussians": np.ones((30, 41))}, ValueError, r"gaussians must have shape \(30, 40\)"),
    "draw rows": ({"gaussians": np.ones((29, 40))}, ValueError, r"\(30, 40\), not \(29, 40\)"),
    "draw vector": ({"gaussians": np.ones(40)}, ValueError, "gaussians must be two-dimensional"),
    "draw NaN": ({"gaussians": np.full((30, 40), np.nan)}, ValueError, r"gaussians\[0, 0\] is nan"),
    "draw complex": ({"gaussians": np.ones((30, 40)) + 0j}, TypeError, "gaussians must hold real"),
    "all positive": ({"dichotomies": ng.sparse_dichotomies(5)}, ValueError, "n_positive must be below"),
    "task length": ({"dichotomies": ng.tilted_dichotomies([1, -1], 1)}, ValueError, r"manifold \(5\), not 2"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(analyse, name):
    options, error, text = BAD_OPTIONS[name]
    with pytest.raises(error, match=text):
        analyse(make_clouds(), **options)


def test_options_of_one_function():
    with pytest.raises(
        ValueError, match="inactive must be one of 'zero', 'exclude', 'maxproj', 'drop', not 'all'"
    ):
        ng.effective_geometry(make_clouds(), inactive="all")
    for margin, error in ((-0.1, ValueError), (np.nan, ValueError), (np.inf, ValueError), ("1", TypeError)):
        with pytest.raises(error, match="margin"):
            ng.correlated_capacity(make_clouds(), margin=margin)
    with pytest.raises(TypeError):
        ng.effective_geometry(make_clouds(), "iid")  # options have names


def test_arguments_of_rules():
    for value, error in (
        (0, ValueError),
        (-1, ValueError),
        (1.0, TypeError),
        (True, TypeError),
        ("2", TypeError),
    ):
        with pytest.raises(error, match="n_positive"):
            ng.sparse_dichotomies(value)
    for value in ([], [[1, -1]], [1, 2], [0.5, 1], [True, False], [np.nan, 1]):
        with pytest.raises(ValueError, match="reference"):
            ng.tilted_dichotomies(value, 1.0)
    for value in (["a", "b"], [1 + 0j], None):
        with pytest.raises(TypeError, match="reference"):
            ng.tilted_dichotomies(value, 1.0)
    for value, error in ((np.nan, ValueError), (np.inf, ValueError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error, match="strength"):
            ng.tilted_dichotomies([1, -1], value)


def test_arguments_of_the_closed_form():
    good = {"radius": 0.5, "dimension": 5, "center_correlation": 0.2, "axis_correlation": 0.1, "margin": 0.1}
    assert ng.correlated_sphere_capacity(**good) > 0
    assert ng.correlated_sphere_capacity(**good | {"axis_correlation": 1}) > 0
    bad = {
        "radius": (-1, np.nan, np.inf),
        "dimension": (0, -1, np.nan, np.inf),
        "center_correlation": (-0.1, 1, 1.5, np.nan),
        "axis_correlation": (-0.1, 1.01, np.nan),
        "margin": (-0.1, np.nan, np.inf),
    }
    for name, values in bad.items():
        for value in values:
            with pytest.raises(ValueError, match=name):
                ng.correlated_sphere_capacity(**good | {name: value})
        for value in ("1", None, [1.0, 2.0], 1j):
            with pytest.raises(TypeError, match=name):
                ng.correlated_sphere_capacity(**good | {name: value})
    with pytest.raises(ValueError, match="form must be one of 'ball', 'saddle'"):
        ng.correlated_sphere_capacity(**good, form="exact")


def test_rules_leave_no_state():
    """A rule can be used again, and for other numbers of manifolds."""
    rule = ng.sparse_dichotomies(2)
    first = ng.effective_geometry(make_clouds(), n_samples=20, rng=0, dichotomies=rule)
    ng.effective_geometry(make_clouds(4), n_samples=20, rng=0, dichotomies=rule)
    again = ng.effective_geometry(make_clouds(), n_samples=20, rng=0, dichotomies=rule)
    util.assert_same_bits(first.to_dict(), again.to_dict())
    reference = np.array([1, -1, 1, 0, 1])
    tilted = ng.tilted_dichotomies(reference, 50.0)
    reference[:] = 0
    labels = ng.effective_geometry(make_clouds(), n_samples=20, rng=0, dichotomies=tilted).dichotomies
    np.testing.assert_array_equal(labels[:, [0, 1, 2, 4]], np.tile([1, -1, 1, 1], (20, 1)))
