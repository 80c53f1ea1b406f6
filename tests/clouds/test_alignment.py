"""Alignments against explicit covariances and closed forms, invariances, the shuffle null, bad input."""

from __future__ import annotations

import sys
import tracemalloc

import neurogeom as ng
import numpy as np
import pytest
from helpers.same_bits import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom._base.rng import draw_key
from neurogeom.clouds import _moments
from neurogeom.inference import Permutations

MATRICES = ("center_center", "axis_axis", "center_axis")
MEANS = ("mean_center_center", "mean_abs_center_center", "mean_axis_axis", "mean_center_axis", "signal_noise")
WAYS = {"covariances": _moments.CovarianceMoments, "gram": _moments.GramMoments}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Both ways to the moments, whatever the shape of the data."""
    monkeypatch.setattr(sys.modules["neurogeom.clouds.alignment"], "moments_of", WAYS[request.param])


def make_clouds(n_features, sizes=(4, 7, 12, 30), seed=0):
    rng = np.random.default_rng(seed)
    axes = rng.uniform(0, 2, n_features)
    return [axes * rng.standard_normal((n, n_features)) + rng.standard_normal(n_features) + 3 for n in sizes]


def brute_force(clouds):
    """The definitions with explicit covariance matrices."""
    clouds = [np.asarray(cloud, dtype=np.float64) for cloud in clouds]
    n = np.array([len(cloud) for cloud in clouds])
    p = n / n.sum()
    overall = np.concatenate(clouds).mean(axis=0)
    c = np.array([cloud.mean(axis=0) - overall for cloud in clouds])
    S = [np.atleast_2d(np.cov(cloud.T, bias=True)) for cloud in clouds]
    unit = c / np.linalg.norm(c, axis=1, keepdims=True)
    axis = np.array([[np.trace(s @ t) / np.linalg.norm(s) / np.linalg.norm(t) for t in S] for s in S])
    center_axis = np.array([[u @ s @ u / np.trace(s) for s in S] for u in unit])
    between = np.einsum("m,mi,mj->ij", p, c, c)
    within = np.einsum("m,mij->ij", p, S)
    off = ~np.eye(len(c), dtype=bool)
    cosines = unit @ unit.T
    signal_noise = np.trace(between @ within) / np.linalg.norm(between) / np.linalg.norm(within)
    means = [x[off].mean() for x in (cosines, np.abs(cosines), axis, center_axis)]
    return {
        **dict(zip(MATRICES, (cosines, axis, center_axis), strict=True)),
        **dict(zip(MEANS, (*means, signal_noise), strict=True)),
        "center_norm": np.linalg.norm(c, axis=1),
        "spread": np.sqrt([np.trace(s) for s in S]),
    }


def check(result, expected, **tolerance):
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(result, name), value, err_msg=name, **tolerance)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("n_features", [1, 3, 60, 200])
def test_equals_explicit_covariances(n_features):
    clouds = make_clouds(n_features)
    result = ng.alignment(clouds)
    check(result, brute_force(clouds), rtol=1e-11, atol=1e-13)
    assert (result.status == 0).all()
    assert result.null is None
    assert list(result.n_points) == [4, 7, 12, 30]


@pytest.mark.usefixtures("way")
def test_null_is_that_of_dealt_points():
    X = np.concatenate(make_clouds(9))
    clouds = ng.manifolds(X, np.random.default_rng(1).integers(0, 4, len(X)))
    null = ng.alignment(clouds, null=4, rng=2).null
    shuffles = Permutations(4, draw_key(np.random.default_rng(2)))
    for k, values in enumerate(null.values):
        dealt = brute_force(clouds.shuffled(shuffles.generator(0, k)))
        np.testing.assert_allclose(values, [dealt[name] for name in MEANS], rtol=1e-10, atol=1e-13)


def test_blocks_of_features_change_rounding_only(monkeypatch):
    clouds = make_clouds(500)
    whole = ng.alignment(clouds, null=2, rng=0)
    monkeypatch.setattr(_moments, "_BLOCK_BYTES", 8 * 53 * 7)
    pieces = ng.alignment(clouds, null=2, rng=0)
    check(pieces, brute_force(clouds), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(pieces.null.values, whole.null.values, rtol=1e-11)


@pytest.mark.usefixtures("way")
def test_closed_form_of_crosses():
    """Clouds c +- a_k e_k: covariances are diagonal and everything is a ratio of small numbers."""
    a = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 1.0]])
    shifts = np.array([[0.0, 0, 1], [0, 0, -1]])
    clouds = [np.vstack([np.diag(row), -np.diag(row)]) + s for row, s in zip(a, shifts, strict=True)]
    result = ng.alignment(clouds)
    np.testing.assert_allclose(result.center_center, [[1, -1], [-1, 1]])
    cosine = (a[0] ** 2 @ a[1] ** 2) / np.linalg.norm(a[0] ** 2) / np.linalg.norm(a[1] ** 2)
    np.testing.assert_allclose(result.axis_axis, [[1, cosine], [cosine, 1]])
    np.testing.assert_allclose(result.center_axis, [[0, 0.1], [0, 0.1]], atol=1e-15)
    np.testing.assert_allclose(result.center_norm, [1, 1])
    np.testing.assert_allclose(result.spread, np.sqrt([5 / 3, 10 / 3]))
    within = (a**2).sum(axis=0)
    assert result.signal_noise == pytest.approx(within[2] / np.linalg.norm(within))


def test_orthogonal_and_equal_axes():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((20, 10))
    centers = 5 * np.eye(3, 40)
    apart = [centers[m] + np.pad(points, ((0, 0), (10 * m + 5, 30 - 10 * m - 5))) for m in range(3)]
    assert ng.alignment(apart).mean_axis_axis == pytest.approx(0, abs=1e-15)
    equal = [centers[m] + np.pad(points, ((0, 0), (10, 20))) for m in range(3)]
    result = ng.alignment(equal)
    np.testing.assert_allclose(result.axis_axis, 1, rtol=1e-13)
    assert result.mean_center_center == pytest.approx(-0.5, rel=1e-13)  # a regular triangle
    assert result.signal_noise == pytest.approx(0, abs=1e-15)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shape=st.sampled_from([2, 5, 80]), power=st.integers(-100, 100))
def test_invariances(seed, shape, power):
    """Rotation, translation, scale; permuted points change nothing, permuted manifolds only the order."""
    rng = np.random.default_rng(seed)
    clouds = make_clouds(shape, tuple(rng.integers(2, 15, 4)), seed)
    result = ng.alignment(clouds)
    rotation, _ = np.linalg.qr(rng.standard_normal((shape, shape)))
    shift = rng.standard_normal(shape)
    order = rng.permutation(4)
    changed = [(rng.permutation(clouds[m]) @ rotation + shift) * 10.0**power for m in order]
    moved = ng.alignment(changed)
    for name in MATRICES:
        expected = getattr(result, name)[np.ix_(order, order)]
        np.testing.assert_allclose(getattr(moved, name), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        [getattr(moved, n) for n in MEANS], [getattr(result, n) for n in MEANS], atol=1e-10
    )
    np.testing.assert_allclose(moved.spread, result.spread[order] * 10.0**power, rtol=1e-9)
    for name in MATRICES:
        matrix = getattr(moved, name)
        assert (np.abs(matrix) <= 1).all()
    np.testing.assert_allclose(np.diagonal(moved.center_center), 1)
    np.testing.assert_allclose(np.diagonal(moved.axis_axis), 1)


@pytest.mark.usefixtures("way")
def test_large_common_offset_and_constant_features():
    clouds = [np.round(cloud * 2**12) / 2**12 for cloud in make_clouds(6)]
    plain = ng.alignment(clouds)
    shifted = ng.alignment([cloud + 2.0**30 for cloud in clouds])  # exact in float64
    constant = ng.alignment([np.column_stack([cloud, np.full(len(cloud), 0.1e100)]) for cloud in clouds])
    for other in (shifted, constant):
        check(other, {name: getattr(plain, name) for name in MATRICES}, rtol=1e-11, atol=1e-13)


def test_labelings_of_one_representation():
    """Identity shifts the points, pose moves all in one direction."""
    rng = np.random.default_rng(4)
    identity, pose = (x.ravel() for x in np.indices((8, 10)))
    X = rng.standard_normal((8, 50))[identity] + np.outer(np.linspace(-2, 2, 10), np.eye(50)[0])[pose]
    objects, poses = (ng.alignment(ng.manifolds(X, labels)) for labels in (identity, pose))
    for result in (objects, poses):
        np.testing.assert_allclose(result.axis_axis, 1, rtol=1e-12)
    assert poses.mean_abs_center_center == pytest.approx(1)
    assert objects.mean_abs_center_center < 0.5
    # the axis of the objects' manifolds is that of the centres of the poses', and the other way round
    np.testing.assert_allclose(objects.spread, np.sqrt((poses.center_norm**2).mean()))


def test_null_of_real_data():
    data = ng.datasets.load_minilm_clinc()
    clouds = ng.manifolds(data.layers["layer6"], data.labels)
    result = ng.alignment(clouds, null=49, rng=0)
    null = result.null
    assert null.n_shuffles == 49
    assert tuple(null.measure) == MEANS
    assert (null.n_defined == 49).all()
    assert (null.lower <= null.mean).all()
    assert (null.mean <= null.upper).all()
    np.testing.assert_array_equal(null.observed, [getattr(result, name) for name in MEANS])
    # intents have axes of their own, which shuffling mixes; their centres differ more than by chance
    assert null.z[2] < -20
    assert null.p_value[2] == pytest.approx(2 / 50)
    again = ng.alignment(clouds, null=49, rng=0).null
    assert_same_bits(again.to_dict(), null.to_dict())
    assert list(null.to_dataframe()["measure"]) == list(MEANS)


def test_p_values_are_uniform_without_structure():
    rng = np.random.default_rng(5)
    p = [
        ng.alignment(rng.standard_normal((5, 6, 20)), null=19, rng=rng).null.p_value[1:4] for _ in range(100)
    ]
    share = (np.array(p) <= 0.2).mean()
    assert 0.1 < share < 0.3


@pytest.mark.usefixtures("way")
def test_two_balanced_manifolds_are_always_opposite():
    null = ng.alignment(make_clouds(5, (8, 8)), null=9, rng=0).null
    np.testing.assert_allclose(null.values[:, 0], -1)
    assert null.p_value[0] == 1
    assert np.isnan(null.z[0])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("scale", [1e-100, 1.0, 1e100])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_zero_centre_and_no_variance(scale, offset):
    clouds = make_clouds(5, (6, 6, 6, 6), seed=6)
    clouds = [
        clouds[0] - clouds[0].mean(axis=0),
        clouds[1],
        clouds[1][:1],
        np.repeat(clouds[2][:1], 6, axis=0),
    ]
    n = np.array([6, 6, 1, 6])
    rest = sum(k * cloud.mean(axis=0) for k, cloud in zip(n[1:], clouds[1:], strict=True)) / n[1:].sum()
    clouds[0] += rest  # its centre is then the mean of all
    clouds = [(cloud + offset) * scale for cloud in clouds]
    with pytest.warns(ng.ConvergenceWarning) as caught:
        result = ng.alignment(clouds, null=3, rng=0)
    texts = [str(w.message) for w in caught]
    assert len(texts) == 2
    assert texts[0].startswith("manifold 0: the centre is zero")
    assert texts[1].startswith("manifold 2, 3: there is no variance within")
    assert list(result.status) == [1, 0, 2, 2]
    nan = np.isnan(result.center_center)
    np.testing.assert_array_equal(nan, np.isin(np.indices((4, 4)), [0]).any(axis=0))
    np.testing.assert_array_equal(np.isnan(result.axis_axis), np.isin(np.indices((4, 4)), [2, 3]).any(axis=0))
    np.testing.assert_array_equal(np.isnan(result.center_axis).sum(axis=1), [4, 2, 2, 2])
    assert result.mean_center_axis == pytest.approx(
        result.center_axis[1:, :2].sum() / 5 - result.center_axis[1, 1] / 5
    )
    assert np.isfinite([getattr(result, name) for name in MEANS]).tolist() == [True] * 5
    assert np.isfinite(result.null.mean).all()


def test_nothing_within_and_nothing_between():
    with pytest.warns(ng.ConvergenceWarning, match="no variance within"):
        points = ng.alignment(np.eye(4)[:, None], null=2, rng=0)
    assert points.mean_center_center == pytest.approx(-1 / 3)
    assert np.isnan([points.mean_axis_axis, points.mean_center_axis, points.signal_noise]).all()
    assert np.isnan(points.null.p_value).tolist() == [False, False, True, True, True]
    assert list(points.null.n_defined) == [2, 2, 0, 0, 0]
    same = np.random.default_rng(0).standard_normal((5, 4))
    with pytest.warns(ng.ConvergenceWarning, match="manifold 0, 1, 2: the centre is zero"):
        together = ng.alignment([same, same, same[::-1]])
    assert together.mean_axis_axis == pytest.approx(1)
    assert np.isnan([together.mean_center_center, together.signal_noise]).all()


def test_memory_map_is_never_converted_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(_moments, "_BLOCK_BYTES", 1 << 22)
    X = np.random.default_rng(8).standard_normal((100, 60_000)).astype(np.float16)
    np.save(tmp_path / "x.npy", X)
    mapped = ng.manifolds(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(100) % 10)
    tracemalloc.start()
    try:
        result = ng.alignment(mapped, null=2, rng=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20  # where the data in float64 are 46 MB
    assert_same_bits(
        ng.alignment(ng.manifolds(X, np.arange(100) % 10)).to_dict()["axis_axis"], result.axis_axis
    )
