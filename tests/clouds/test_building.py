"""Exemplar and shifted-image manifolds, projection, downsampling, and reading features in blocks."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.same_bits import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from neurogeom.clouds import building as exemplars
from neurogeom.clouds.manifolds import Manifolds, as_manifolds

RNG = np.random.default_rng(0)
STIMULI = RNG.standard_normal((6, 4))
CLOUDS = [RNG.standard_normal((n, 30)) for n in (5, 8, 6)]


def kinds_of_manifolds():
    """The same manifolds as blocks, as rows of one matrix that lie together or not, as rows of blocks."""
    labels = np.repeat(["x", "y", "z"], (5, 8, 6))
    X = np.concatenate(CLOUDS)
    order = np.random.default_rng(1).permutation(len(X))
    inverse = np.argsort(order)
    yield as_manifolds(CLOUDS)
    yield ng.manifolds(X, labels)
    yield ng.manifolds(X[inverse], labels[inverse])
    rows = [np.arange(5), np.arange(5, 13), np.arange(13, 19)]
    yield Manifolds([X[:7], X[7:]], rows, np.array(["x", "y", "z"]))


def rows_as_set(points):
    return {row.tobytes() for row in np.asarray(points)}


# ---- what Manifolds gives to the measures


@pytest.mark.parametrize("kind", range(4))
def test_features_and_subset(kind):
    clouds = list(kinds_of_manifolds())[kind]
    for start, stop in ((0, 30), (3, 9), (25, 99)):
        block = clouds.features(start, stop)
        np.testing.assert_array_equal(block, np.concatenate([c[:, start:stop] for c in clouds]))
        assert block.dtype == np.float64
        before = [c.copy() for c in clouds]
        block[:] = np.nan  # the caller may write to it
        for old, new in zip(before, clouds, strict=True):
            np.testing.assert_array_equal(old, new)
    chosen = [np.array([0, 2]), np.array([1, 2, 3]), np.array([5])]
    subset = clouds.subset(chosen)
    for old, new, rows in zip(clouds, subset, chosen, strict=True):
        np.testing.assert_array_equal(old[rows], new)
    assert list(subset.names) == list(clouds.names)


# ---- exemplars


def noisy(seed, n_features=7, dtype=np.float64):
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((4, n_features))

    def respond(stimuli):
        return (stimuli @ weights + generator.standard_normal((len(stimuli), n_features))).astype(dtype)

    return respond


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.uint8])
def test_exemplars_are_the_responses(dtype):
    clouds = ng.exemplar_manifolds(noisy(0, dtype=dtype), STIMULI, 5)
    respond = noisy(0, dtype=dtype)
    expected = np.stack([respond(STIMULI) for _ in range(5)], axis=1)
    assert list(clouds.n_points) == [5] * 6
    for cloud, points in zip(clouds, expected, strict=True):
        assert cloud.dtype == dtype
        np.testing.assert_array_equal(cloud, points)


def test_perturbed_stimuli():
    def perturb(stimuli, generator):
        stimuli += 0.1 * generator.standard_normal(stimuli.shape)  # in place: it has a copy
        return stimuli

    before = STIMULI.copy()
    first, again, other = (
        ng.exemplar_manifolds(lambda x: x**2, STIMULI, 4, perturb=perturb, rng=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(STIMULI, before)
    np.testing.assert_array_equal(np.array(first), np.array(again))
    assert (np.array(first) != np.array(other)).all()
    generator = np.random.default_rng(3)
    expected = [(STIMULI + 0.1 * generator.standard_normal(STIMULI.shape)) ** 2 for _ in range(4)]
    np.testing.assert_allclose(np.array(first), np.stack(expected, axis=1))


def test_stimuli_of_any_kind():
    generator = np.random.default_rng(0)
    clouds = ng.exemplar_manifolds(
        lambda texts: np.array([[len(t), generator.random()] for t in texts]), ["a", "bcd"], 3
    )
    np.testing.assert_array_equal(np.array(clouds)[:, :, 0], [[1] * 3, [3] * 3])


def test_output_array_that_is_used_again():
    generator, out = np.random.default_rng(0), np.empty((6, 3))

    def respond(stimuli):
        out[:] = generator.standard_normal((6, 3))
        return out

    clouds = ng.exemplar_manifolds(respond, STIMULI, 4)
    assert all(len(rows_as_set(cloud)) == 4 for cloud in clouds)


def test_wider_dtype_later():
    dtypes = iter([np.float32, np.float64, np.float32])
    generator = np.random.default_rng(0)
    drawn = []

    def respond(stimuli):
        drawn.append(generator.random((6, 2)).astype(next(dtypes)))
        return drawn[-1]

    clouds = ng.exemplar_manifolds(respond, STIMULI, 3)
    np.testing.assert_array_equal(np.array(clouds), np.stack(drawn, axis=1))


def only_first_varies():
    generator = np.random.default_rng(0)
    return lambda stimuli: stimuli + np.eye(6, 1) * generator.random()


def rounding_noise(dtype):
    generator = np.random.default_rng(0)
    return lambda x: (x * (1 + np.finfo(dtype).eps * generator.integers(-1, 2, x.shape))).astype(dtype)


def in_place(stimuli):
    stimuli += 1  # deterministic, but not if its input is the last call's
    return stimuli


@pytest.mark.parametrize(
    ("respond", "text"),
    [
        (lambda x: x, r"deterministic: its 3 responses to 6 of 6 stimuli \(first: 0\) .*pass perturb"),
        (only_first_varies(), r"5 of 6 stimuli \(first: 1\)"),
        (rounding_noise(np.float64), "6 of 6 stimuli"),
        (rounding_noise(np.float32), "6 of 6 stimuli"),
        (in_place, "6 of 6 stimuli"),
    ],
)
def test_deterministic_models(respond, text):
    with pytest.raises(ValueError, match=text):
        ng.exemplar_manifolds(respond, STIMULI, 3)


def test_perturbation_that_does_nothing():
    with pytest.raises(ValueError, match="make perturb change these stimuli more"):
        ng.exemplar_manifolds(lambda x: x, STIMULI, 3, perturb=lambda x, generator: x, rng=0)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((3, STIMULI, 3), TypeError, "respond must be callable, not int"),
        ((noisy(0), STIMULI, 1), ValueError, "n_repeats must be at least 2, not 1"),
        ((noisy(0), STIMULI, 2.0), TypeError, "n_repeats must be an integer"),
        ((noisy(0), STIMULI[:0], 3), ValueError, "stimuli is empty"),
        ((noisy(0), "text", 3), TypeError, "stimuli must be an array or a sequence"),
        ((noisy(0), 5, 3), TypeError, "stimuli must be an array or a sequence"),
        ((noisy(0), np.float64(5), 3), TypeError, "stimuli must be an array or a sequence"),
        ((lambda x: x[:-1], STIMULI, 3), ValueError, r"must return 6 rows.*not shape \(5, 4\)"),
        ((lambda x: x[:, 0], STIMULI, 3), ValueError, "what respond returned must be two-dimensional"),
        ((lambda x: x[:, :0], STIMULI, 3), ValueError, "what respond returned is empty"),
        ((lambda x: None, STIMULI, 3), TypeError, "what respond returned"),
        ((lambda x: x.astype(object), STIMULI, 3), TypeError, "object"),
        ((lambda x: x / (x != x[2, 3]), STIMULI, 3), ValueError, r"what respond returned\[2, 3\] is "),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_exemplars(arguments, error, text):
    with pytest.raises(error, match=text):
        ng.exemplar_manifolds(*arguments)


def test_bad_widths_and_perturbations():
    widths = iter([3, 4])
    with pytest.raises(ValueError, match=r"the same width \(3\), not shape \(6, 4\)"):
        ng.exemplar_manifolds(lambda x: RNG.random((6, next(widths))), STIMULI, 2)
    with pytest.raises(TypeError, match="perturb must be callable, not str"):
        ng.exemplar_manifolds(noisy(0), STIMULI, 2, perturb="noise")
    with pytest.raises(TypeError, match="rng must be"):
        ng.exemplar_manifolds(noisy(0), STIMULI, 2, rng=1.5)


# ---- translations


def shifted(image, down, right, border):
    """One pixel at a time."""
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            y, x = i - down, j - right
            if border == "wrap":
                out[i, j] = image[y % height, x % width]
            elif border == "edge":
                out[i, j] = image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
            elif 0 <= y < height and 0 <= x < width:
                out[i, j] = image[y, x]
    return out


@pytest.mark.parametrize("border", ["edge", "zero", "wrap"])
@pytest.mark.parametrize("shape", [(3, 7, 9), (2, 6, 5, 3)])
def test_all_translations(border, shape):
    images = np.random.default_rng(2).integers(1, 255, shape).astype(np.uint8)
    before = images.copy()
    images.flags.writeable = False
    views = ng.translation_manifolds(images, 2, 25, rng=0, border=border)
    assert views.shape == (shape[0], 25, *shape[1:])
    assert views.dtype == np.uint8
    np.testing.assert_array_equal(images, before)
    grid = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
    for image, own in zip(images, views, strict=True):
        assert rows_as_set(own) == rows_as_set([shifted(image, *s, border) for s in grid])
        assert len(rows_as_set(own)) == 25


def test_views_are_seeded_and_differ():
    images = np.random.default_rng(3).random((4, 16, 16)).astype(np.float32)[:, ::2, ::2]
    views = ng.translation_manifolds(images, 3, 10, 5)
    np.testing.assert_array_equal(views, ng.translation_manifolds(images, 3, 10, rng=5))
    assert not np.array_equal(views, ng.translation_manifolds(images, 3, 10, rng=6))
    assert all(len(rows_as_set(own)) == 10 for own in views)
    np.testing.assert_array_equal(views, ng.translation_manifolds(images[..., None], 3, 10, rng=5)[..., 0])


IMAGES = np.random.default_rng(4).random((2, 6, 8))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((IMAGES[0], 1, 3), ValueError, r"shape \(P, H, W\) or \(P, H, W, C\), not \(6, 8\)"),
        ((IMAGES[:0], 1, 3), ValueError, "images must have shape"),
        (
            (np.where(IMAGES[1, 2, 3] == IMAGES, np.nan, IMAGES), 1, 3),
            ValueError,
            r"images\[1, 2, 3\] is nan",
        ),
        (
            (np.zeros((2, 3, 8, 9)), 1, 3),
            ValueError,
            r"images of shape \(2, 3, 8, 9\) .*channels first.* pass np\.moveaxis\(images, 1, -1\)",
        ),
        ((IMAGES.astype(object), 1, 3), TypeError, "images must hold real numbers"),
        ((IMAGES, 0, 1), ValueError, "max_shift must be at least 1"),
        ((IMAGES, 6, 1), ValueError, r"max_shift must be below H and W \(6\), not 6"),
        ((IMAGES, 1, 10), ValueError, r"n_views must be at most the number of shifts.*\(9\), not 10"),
        ((IMAGES, 1, 0), ValueError, "n_views must be at least 1"),
        ((IMAGES, 1.0, 1), TypeError, "max_shift must be an integer"),
        ((IMAGES, 1, 1, np.random.RandomState(0)), TypeError, "rng must be"),
    ],
)
def test_bad_translations(arguments, error, text):
    with pytest.raises(error, match=text):
        ng.translation_manifolds(*arguments)


def test_bad_borders():
    with pytest.raises(ValueError, match="border must be one of 'edge', 'zero', 'wrap', not 'reflect'"):
        ng.translation_manifolds(IMAGES, 1, 1, border="reflect")
    with pytest.raises(ValueError, match=r"2 max_shift \(with border 'wrap'\) must be below H and W"):
        ng.translation_manifolds(IMAGES, 3, 1, border="wrap")


# ---- projection


@pytest.mark.parametrize("kind", range(4))
def test_projection_is_one_matrix_with_unit_columns(kind):
    clouds = list(kinds_of_manifolds())[kind]
    projected = ng.random_projection(clouds, 12, rng=0)
    W = np.array(ng.random_projection([np.eye(30)], 12, rng=0)[0])
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), 1)
    for old, new in zip(clouds, projected, strict=True):
        np.testing.assert_allclose(new, old @ W, rtol=1e-12, atol=1e-13)
    assert list(projected.names) == list(clouds.names)
    assert list(projected.n_points) == [5, 8, 6]


def test_projection_does_not_depend_on_the_blocks(monkeypatch):
    whole = ng.random_projection(CLOUDS, 12, rng=0)
    monkeypatch.setattr(exemplars, "_BLOCK_BYTES", 8 * 19 * 7)
    for one, other in zip(whole, ng.random_projection(CLOUDS, 12, rng=0), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_projection_is_gaussian():
    # Coordinates along a fixed direction: mean 0, variance 1/N, and lengths shrink by n_dims / N.
    W = np.array(ng.random_projection([np.eye(400)], 400, rng=1)[0])
    assert abs(W.mean()) < 5 / 400 / 20
    assert W.var() == pytest.approx(1 / 400, rel=0.02)
    assert (W**4).mean() * 400**2 == pytest.approx(3, rel=0.05)
    x = np.random.default_rng(2).standard_normal((50, 1000))
    y = ng.random_projection([x], 500, rng=3)[0]
    assert (y**2).sum() / (x**2).sum() == pytest.approx(0.5, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(power=st.integers(-100, 100), seed=st.integers(0, 1000))
def test_projection_is_linear(power, seed):
    scaled = ng.random_projection([c * 2.0**power for c in CLOUDS], 9, rng=seed)
    for one, other in zip(ng.random_projection(CLOUDS, 9, rng=seed), scaled, strict=True):
        np.testing.assert_array_equal(one * 2.0**power, other)


def test_projection_and_downsampling_of_float16_memory_maps(tmp_path):
    X = np.random.default_rng(5).standard_normal((40, 50)).astype(np.float16)
    np.save(tmp_path / "x.npy", X)
    labels = np.arange(40) % 4
    mapped = ng.manifolds(np.load(tmp_path / "x.npy", mmap_mode="r"), labels)
    held = ng.manifolds(X.astype(np.float64), labels)
    for one, other in zip(ng.random_projection(mapped, 7, 0), ng.random_projection(held, 7, 0), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(ng.downsample(mapped, 7, 0), ng.downsample(held, 7, 0), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.float16


def spoilt(value):
    clouds = [cloud.copy() for cloud in CLOUDS]
    clouds[1][2, 3] = value
    return clouds


@pytest.mark.parametrize(
    ("clouds", "n_dims", "error", "text"),
    [
        (CLOUDS, 31, ValueError, r"n_dims must be at most the number of features \(30\), not 31"),
        (CLOUDS, 0, ValueError, "n_dims must be at least 1"),
        (spoilt(np.nan), 3, ValueError, r"manifolds\[1\]\[2, 3\] is nan"),
        (spoilt(np.inf), 3, ValueError, r"manifolds\[1\]\[2, 3\] is inf"),
        ([c * 1e308 for c in np.ones((2, 2, 30))], 3, ValueError, "the projection of manifolds has values"),
        ([], 3, ValueError, "manifolds is empty"),
        (CLOUDS[0], 3, ValueError, "for one matrix with labels use"),
        ([CLOUDS[0].astype(object)], 3, TypeError, "object"),
    ],
)
def test_bad_projections(clouds, n_dims, error, text):
    with pytest.raises(error, match=text):
        ng.random_projection(clouds, n_dims, rng=0)


# ---- downsampling


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("n_points", [1, 3, 5])
def test_downsampling(kind, n_points):
    clouds = list(kinds_of_manifolds())[kind]
    fewer = ng.downsample(clouds, n_points, rng=0)
    assert list(fewer.n_points) == [n_points] * 3
    assert list(fewer.names) == list(clouds.names)
    for old, new in zip(clouds, fewer, strict=True):
        assert len(rows_as_set(new)) == n_points
        assert rows_as_set(new) <= rows_as_set(old)
    np.testing.assert_array_equal(fewer[1], ng.downsample(clouds, n_points, rng=0)[1])


def test_each_point_is_kept_equally_often():
    generator, counts = np.random.default_rng(1), np.zeros(8)
    for _ in range(2000):
        counts[ng.downsample([np.arange(8.0)[:, None]], 3, generator)[0][:, 0].astype(int)] += 1
    assert np.abs(counts - 750).max() < 5 * np.sqrt(2000 * 3 / 8 * 5 / 8)


@pytest.mark.parametrize(
    ("n_points", "error", "text"),
    [
        (6, ValueError, r"n_points must be at most the points of manifold 0 \(5\), not 6"),
        (0, ValueError, "n_points must be at least 1"),
        (2.5, TypeError, "n_points must be an integer"),
    ],
)
def test_bad_downsampling(n_points, error, text):
    with pytest.raises(error, match=text):
        ng.downsample(CLOUDS, n_points)


def test_builders_in_a_row():
    """Downsampled and projected: still manifolds with their names, and the same on every run."""
    data = ng.datasets.load_minilm_clinc()
    clouds = ng.manifolds(data.layers["layer6"], data.classes[data.labels])
    results = [
        ng.manifold_capacity(ng.random_projection(ng.downsample(clouds, 10, 0), 50, 1), n_samples=50, rng=2)
        for _ in range(2)
    ]
    assert list(results[0].names) == sorted(data.classes)
    assert_same_bits(results[0].to_dict(), results[1].to_dict())
