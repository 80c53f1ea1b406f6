"""effective_geometry, correlated_capacity and the rules of dichotomies: what they accept and refuse."""

from __future__ import annotations

import math
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.joint import ALIGNMENTS, RATIOS, balls
from helpers.same_bits import assert_same_bits

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


# What is accepted


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
    points = np.random.default_rng(0).normal(size=(3, 1, 20))
    options = {"n_samples": 200} | ({} if analyse.name == "correlated" else {"center": False})
    once, thrice = analyse(points, **options), analyse(np.repeat(points, 3, axis=1), **options)
    assert not thrice.inseparable.any()
    assert thrice.n_used == thrice.n_separable == 200
    for name in ("squared_projections", "capacity", "capacity_se"):
        np.testing.assert_allclose(getattr(thrice, name), getattr(once, name), rtol=1e-10, err_msg=name)
    for name in TERMS if analyse.name == "correlated" else ("effective_radius", "effective_dimension"):
        assert getattr(thrice, name) == pytest.approx(getattr(once, name), rel=1e-9, abs=1e-12)


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


# What is refused


def test_options_of_one_function():
    with pytest.raises(
        ValueError, match="inactive must be one of 'zero', 'exclude', 'maxproj', 'drop', not 'all'"
    ):
        ng.effective_geometry(make_clouds(), inactive="all")
    with pytest.raises(ValueError, match=r"gaussians\[0, 0\] is nan"):
        ng.correlated_capacity(make_clouds(), gaussians=np.full((200, 40), np.nan))
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
    assert_same_bits(first.to_dict(), again.to_dict())
    reference = np.array([1, -1, 1, 0, 1])
    tilted = ng.tilted_dichotomies(reference, 50.0)
    reference[:] = 0
    labels = ng.effective_geometry(make_clouds(), n_samples=20, rng=0, dichotomies=tilted).dichotomies
    np.testing.assert_array_equal(labels[:, [0, 1, 2, 4]], np.tile([1, -1, 1, 1], (20, 1)))
