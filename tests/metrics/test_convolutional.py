"""Convolutional distance against Procrustes distances of maps that are shifted one by one."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import stores


def maps_of(n_channels, shape=(12, 4, 5), seed=0):
    """Noisy maps of common images, each channel smooth over neighbouring positions."""
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(99).normal(size=(*shape, 3))
    smooth = images + np.roll(images, 1, axis=1) + np.roll(images, 1, axis=2)
    return smooth @ rng.normal(size=(3, n_channels)) + rng.normal(size=(*shape, n_channels)) + 2.0


def by_force(x, y, alpha, score, center=True):
    """The map, with the convention of netrep, one shift and one alignment after the other."""
    _, h, w, _ = x.shape
    metric = ng.ShapeMetric(alpha, score=score, center=center)
    return np.array(
        [
            [
                metric.distance(
                    np.roll(x, (i - h // 2, j - w // 2), axis=(1, 2)).reshape(-1, x.shape[3]),
                    y.reshape(-1, y.shape[3]),
                )
                for j in range(w)
            ]
            for i in range(h)
        ]
    )


@pytest.mark.parametrize("score", ["angular", "euclidean"])
@pytest.mark.parametrize("alpha", [0, 0.4, 1])
@pytest.mark.parametrize("channels", [(4, 4), (6, 3), (1, 5)])
def test_every_shift_is_aligned_as_by_force(channels, alpha, score):
    x, y = maps_of(channels[0]), np.roll(maps_of(channels[1], seed=1), (-1, 2), axis=(1, 2))
    found = ng.Convolutional(alpha, score).map(ng.FeatureMaps(x), ng.FeatureMaps(y))
    known = by_force(x, y, alpha, score)
    np.testing.assert_allclose(found.distances, known, rtol=1e-12)
    assert found.distances.shape == (4, 5)
    assert (found.row_shifts.tolist(), found.column_shifts.tolist()) == ([-2, -1, 0, 1], [-2, -1, 0, 1, 2])
    assert found.minimum == found.distances.min()
    i, j = np.unravel_index(np.argmin(known), known.shape)
    assert found.shift.tolist() == [found.row_shifts[i], found.column_shifts[j]]
    assert ng.Convolutional(alpha, score).distance(ng.FeatureMaps(x), ng.FeatureMaps(y)) == found.minimum


def test_uncentred_and_odd_shapes():
    for shape in ((9, 1, 1), (9, 1, 6), (9, 5, 1), (3, 3, 3)):
        x, y = maps_of(4, shape), maps_of(3, shape, seed=1)
        found = ng.Convolutional(center=False).map(ng.FeatureMaps(x), ng.FeatureMaps(y))
        np.testing.assert_allclose(found.distances, by_force(x, y, 1, "angular", center=False), rtol=1e-12)


def test_one_position_is_the_shape_metric():
    x, y = maps_of(4, (9, 1, 1)), maps_of(3, (9, 1, 1), seed=1)
    known = ng.procrustes(x[:, 0, 0], y[:, 0, 0])
    assert ng.Convolutional().distance(ng.FeatureMaps(x), ng.FeatureMaps(y)) == pytest.approx(
        known, rel=1e-12
    )


def test_more_channels_than_samples():
    x, y = maps_of(40, (3, 2, 3)), maps_of(50, (3, 2, 3), seed=1)
    for alpha in (0.5, 1):
        found = ng.Convolutional(alpha).map(ng.FeatureMaps(x), ng.FeatureMaps(y))
        np.testing.assert_allclose(found.distances, by_force(x, y, alpha, "angular"), rtol=1e-11)


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_planted_shift_is_found_and_small_distances_are_accurate(alpha):
    rng = np.random.default_rng(0)
    x = maps_of(6, (8, 5, 6))
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    shifted = np.roll(x, (2, -1), axis=(1, 2))
    noise = rng.normal(size=x.shape)
    for size in (0.0, 1e-7, 1e-4):
        y = 3.0 * (shifted + size * noise) @ rotation - 5.0
        found = ng.Convolutional(alpha).map(ng.FeatureMaps(x), ng.FeatureMaps(y))
        known = ng.ShapeMetric(alpha).distance(shifted.reshape(-1, 6), y.reshape(-1, 6))
        assert found.shift.tolist() == [2, -1]
        assert found.minimum == pytest.approx(known, rel=1e-7, abs=1e-13)
    wider = np.concatenate([x, np.zeros_like(x)], axis=3)
    assert ng.Convolutional().distance(ng.FeatureMaps(wider), ng.FeatureMaps(x)) == pytest.approx(
        0, abs=1e-14
    )


def test_of_shifts_that_are_as_good_the_shortest_is_named():
    stripes = np.tile(maps_of(3, (7, 4, 1)), (1, 1, 6))  # the same in all columns
    found = ng.Convolutional().map(ng.FeatureMaps(stripes), ng.FeatureMaps(np.roll(stripes, 1, axis=1)))
    assert found.shift.tolist() == [1, 0]
    periodic = np.tile(maps_of(3, (7, 4, 3)), (1, 1, 2))
    found = ng.Convolutional().map(ng.FeatureMaps(periodic), ng.FeatureMaps(np.roll(periodic, 2, axis=2)))
    assert found.shift.tolist() == [0, -1]


def test_in_pairwise():
    items = [maps_of(n, seed=n) for n in (4, 6, 3)]
    items.append(np.roll(items[0], (1, 1), axis=(1, 2)))
    named = {name: ng.FeatureMaps(item) for name, item in zip("abcd", items, strict=True)}
    metrics = [ng.Convolutional(), ng.Convolutional(0.5, "euclidean")]
    found = ng.pairwise(named, metrics, n_threads=1)
    for metric, result in zip(metrics, found.values(), strict=True):
        for i, j in zip(*np.triu_indices(4, 1), strict=True):
            known = metric.map(named["abcd"[i]], named["abcd"[j]]).minimum
            assert result.values[i, j] == known
            back = metric.distance(named["abcd"[j]], named["abcd"[i]])
            assert back == pytest.approx(known, rel=1e-9, abs=1e-12)
    again = ng.pairwise(named, metrics, n_threads=2, tile=1)
    for one, other in zip(found.values(), again.values(), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    assert list(found) == ["convolutional", "convolutional(0.5, euclidean)"]
    values = found["convolutional"].values
    around = values[:, :, None] + values[None]
    assert (values[:, None, :] <= around + 1e-12).all()


def test_null_and_missing_images():
    items = [ng.FeatureMaps(maps_of(3, seed=k), name=str(k)) for k in range(2)]
    result = ng.pairwise(items, ng.Convolutional(), null=39, rng=0)
    assert result.values[0, 1] < result.null_mean[0, 1]
    assert result.p_value[0, 1] == pytest.approx(1 / 40)
    holes = maps_of(3, seed=1)
    holes[4, 0, 1, 2] = np.nan
    kept = np.delete(np.arange(12), 4)
    found = ng.pairwise([items[0], ng.FeatureMaps(holes)], ng.Convolutional(), nan_policy="omit")
    known = ng.Convolutional().distance(ng.FeatureMaps(items[0].data[kept]), ng.FeatureMaps(holes[kept]))
    assert found.values[0, 1] == known
    with pytest.raises(ValueError, match=r"^representations\[1\]\[4, 0, 1, 2\] is nan"):
        ng.pairwise([items[0], ng.FeatureMaps(holes)], ng.Convolutional())


def test_in_a_sweep(tmp_path):
    pytest.importorskip("zarr")
    items = [ng.FeatureMaps(maps_of(n, seed=n).astype("f4"), name=f"n{n}") for n in (4, 6, 3)]
    swept = stores.swept(tmp_path / "s.zarr", items, [ng.Convolutional()], n_threads=1, tile=2)
    found = ng.pairwise(items, ng.Convolutional())
    np.testing.assert_array_equal(swept["convolutional"].values, found.values)
    assert swept["convolutional"].names.tolist() == ["n4", "n6", "n3"]


def distance(x, y, **options):
    return ng.Convolutional(**options).distance(ng.FeatureMaps(x), ng.FeatureMaps(y))


def test_scales_and_kinds_of_input():
    x, y = maps_of(4), maps_of(3, seed=1)
    value, length = distance(x, y), distance(x, y, score="euclidean")
    for scale in (1e-100, 1e100):
        assert distance(scale * x, y) == pytest.approx(value, rel=1e-12)
        found = distance(scale * x, scale * y, score="euclidean")
        assert found == pytest.approx(scale * length, rel=1e-9)
    x.flags.writeable = False
    strided = np.full((24, 4, 5, 8), np.nan)
    strided[::2, ..., ::2] = x
    for same in (x, strided[::2, ..., ::2], np.asfortranarray(x), x.astype(">f8")):
        assert distance(same, y) == value
    integers = np.round(4 * x)
    assert distance(integers.astype(np.int16), y) == distance(integers, y)


def test_refused():
    x = ng.FeatureMaps(maps_of(3), ids=np.arange(12))
    metric = ng.Convolutional()
    with pytest.raises(ValueError, match=r"those of X are 4 x 5 and those of Y are 5 x 4$"):
        metric.distance(x, ng.FeatureMaps(maps_of(3).reshape(12, 5, 4, 3)))
    with pytest.raises(ValueError, match="X has 12 and Y has 11"):
        metric.map(x, ng.FeatureMaps(maps_of(3)[1:]))
    with pytest.raises(ValueError, match="the order of the stimulus ids differs"):
        metric.distance(x, ng.FeatureMaps(maps_of(3), ids=np.arange(12)[::-1]))
    with pytest.raises(ValueError, match="Y does not vary"):
        metric.distance(x, ng.FeatureMaps(np.full((12, 4, 5, 2), 0.1)))
    with pytest.raises(ValueError, match=r"^Y has values of the order 1e\+150"):
        metric.map(x, ng.FeatureMaps(1e150 * np.sign(maps_of(3))))
    with pytest.raises(TypeError, match="X is a matrix of responses, but convolutional needs feature maps"):
        metric.map(np.eye(12), x)
    for options, text in (
        ({"alpha": 2}, "alpha must lie between"),
        ({"score": "cosine"}, "score must be one of 'angular', 'euclidean', not 'cosine'"),
    ):
        with pytest.raises(ValueError, match=text):
            ng.Convolutional(**options)


def test_a_map_can_be_saved(tmp_path):
    x, y = ng.FeatureMaps(maps_of(3)), ng.FeatureMaps(maps_of(4, seed=1))
    found = ng.Convolutional().map(x, y)
    found.save(tmp_path / "map.npz")
    again = ng.load(tmp_path / "map.npz")
    np.testing.assert_array_equal(again.distances, found.distances)
    assert repr(again) == repr(found)
