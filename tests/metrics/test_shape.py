"""Shape distances: reference values, closed forms, brute force, and pairs that are nearly equal."""

from __future__ import annotations

import itertools

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from helpers import linear, shapes
from helpers.references import VALUES, reference_data

approx = pytest.approx
full_rank_is_meant = pytest.mark.filterwarnings("ignore:cca.*as many independent units")

# ---- reference values

DATA = dict(zip("XYWPQ", reference_data(), strict=True))
EUCLIDEAN_HALF = "partial_whitening_euclidean alpha=0.5 (X,W) variance-preserving"
REFERENCE = [
    ("procrustes_angular(X,Y)", "XY", ng.Procrustes()),
    ("procrustes_euclidean(X,Y)", "XY", ng.Procrustes(score="euclidean")),
    ("procrustes_angular_uncentered(X,Y)", "XY", ng.Procrustes(center=False)),
    ("procrustes_angular(P,Q) wide n>m", "PQ", ng.Procrustes()),
    ("cca_angular alpha=0 (X,Y)", "XY", ng.CCA()),
    ("cca_angular alpha=0 (X,W)", "XW", ng.CCA()),
    *((f"partial_whitening_angular alpha={a} (X,Y)", "XY", ng.ShapeMetric(a)) for a in (0.1, 0.5, 0.9)),
    (EUCLIDEAN_HALF, "XW", ng.ShapeMetric(0.5, score="euclidean")),
]


@pytest.mark.parametrize(("name", "pair", "metric"), REFERENCE, ids=[row[0] for row in REFERENCE])
def test_reference_value(name, pair, metric):
    items = [DATA[key] for key in pair]
    known = approx(VALUES[name], rel=1e-10, abs=0)
    assert metric.distance(*items) == known
    assert metric.distance(*items[::-1]) == known
    assert ng.pairwise(items, metric).values[0, 1] == known


def test_all_reference_values_are_tested():
    stems = ("procrustes_", "cca_angular", "partial_whitening", "alpha=0.5 angular")
    names = {name for name in VALUES if name.startswith(stems)}
    elsewhere = {name for name in names if "train(30)" in name or "(P,Q) wide degenerate" in name}
    assert len(elsewhere) == 3  # held-out values, and the one that comes with a warning
    assert names - elsewhere == {row[0] for row in REFERENCE}


def test_reference_value_of_representations_that_cannot_differ():
    with pytest.warns(UserWarning, match=r"^cca: X and 1 more have as many independent units as stimuli"):
        assert ng.cca(DATA["P"], DATA["Q"]) < 1e-13


@pytest.mark.parametrize(("alpha", "name"), [(1.0, "procrustes_angular"), (0.5, "alpha=0.5 angular")])
def test_reference_values_on_held_out_stimuli(alpha, name):
    train, test = VALUES[f"{name} train(30)/test(10) (X,Y): [train,test]"]
    sides = [[DATA[key][rows] for key in "XY"] for rows in (slice(30), slice(30, None))]
    result = ng.pairwise(sides[0], ng.ShapeMetric(alpha), test=sides[1])
    assert result.values[0, 1] == approx(train, rel=1e-10, abs=0)
    assert result.held_out[0, 1] == approx(test, rel=1e-10, abs=0)


def test_angles_follow_from_canonical_correlations():
    rho = np.array(VALUES["canonical_correlations(X,Y)"])
    assert ng.cca(DATA["X"], DATA["Y"]) == approx(np.arccos(rho.sum() / np.sqrt(12 * 9)), rel=1e-10)


# ---- closed forms


def diagonal(*entries):
    return np.diag(np.array(entries, dtype=float))


def test_diagonal_matrices():
    x, y = diagonal(3, 2, 1), diagonal(1, 1, 2)
    assert ng.procrustes(x, y, center=False) == approx(0.7016741237876035, rel=1e-14)
    assert ng.procrustes(x, y, center=False, score="euclidean") == approx(2.449489742783178, rel=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.8, 1.0])
def test_diagonal_matrices_partially_whitened(alpha):
    a, b = np.array([3.0, 2, 1, 0.5]), np.array([1.0, 1, 2, 7])
    x, y = alpha * a + 1 - alpha, alpha * b + 1 - alpha
    x, y = x * np.linalg.norm(a) / np.linalg.norm(x), y * np.linalg.norm(b) / np.linalg.norm(y)
    cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    with_padding = np.pad(diagonal(*a), ((0, 2), (0, 0))), np.pad(diagonal(*b), ((0, 2), (0, 3)))
    angle = ng.ShapeMetric(alpha, center=False).distance(*with_padding)
    assert angle == approx(np.arccos(min(cosine, 1)), rel=1e-13, abs=1e-15)
    euclidean = ng.ShapeMetric(alpha, center=False, score="euclidean").distance(*with_padding)
    assert euclidean == approx(np.linalg.norm(x - y), rel=1e-13)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_y", [3, 5])
def test_orthonormal_columns_give_principal_angles(alpha, n_y):
    rng = np.random.default_rng(n_y)
    x, y = (linear.spanning(linear.centered(rng.normal(size=(20, n)))) for n in (3, n_y))
    cosines = scipy.linalg.svdvals(x.T @ y)
    expected = np.arccos(cosines.sum() / np.sqrt(3 * n_y))
    assert ng.ShapeMetric(alpha).distance(x, 5 * y) == approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("center", [True, False])
def test_orthogonal_subspaces(alpha, center):
    rng = np.random.default_rng(0)
    space = (
        linear.spanning(linear.centered(rng.normal(size=(15, 7))))
        if center
        else linear.rotation(rng, 15)[:, :7]
    )
    x, y = space[:, :3] @ rng.normal(size=(3, 6)), 1e4 * space[:, 3:] @ rng.normal(size=(4, 4))
    assert ng.ShapeMetric(alpha, center=center).distance(x, y) == approx(np.pi / 2, rel=1e-14)
    metric = ng.ShapeMetric(alpha, center=center, score="euclidean")
    size = [side - center * side.mean(axis=0) for side in (x, y)]
    assert metric.distance(x, y) == approx(np.hypot(*map(np.linalg.norm, size)), rel=1e-13)


@pytest.mark.parametrize("k", range(1, 9))
def test_subset_of_units(k):
    x = np.random.default_rng(1).normal(size=(40, 8)) * np.logspace(0, -3, 8)
    expected = approx(np.arccos(np.sqrt(k / 8)), rel=1e-12, abs=1e-14)
    assert ng.cca(x, x[:, :k]) == expected
    assert ng.cca(x[:, -k:], x) == expected


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9, 1.0])
def test_single_units(alpha):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 25, 1))
    angle = ng.ShapeMetric(alpha).distance(x - 7, 3 * y + 1)
    assert angle == approx(np.arccos(abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])), rel=1e-13)
    cosine = abs(x[:, 0] @ y[:, 0]) / np.linalg.norm(x) / np.linalg.norm(y)
    assert ng.ShapeMetric(alpha, center=False).distance(x, y) == approx(np.arccos(cosine), rel=1e-13)


def test_noise_is_nearly_orthogonal():
    rng = np.random.default_rng(3)
    angles = []
    for m in (100, 1000, 10_000):
        x, y = rng.normal(size=(2, m, 2))
        angles.append(ng.procrustes(x, y))
        # The nuclear norm of a 2 x 2 matrix of standard normals is 2.5 or so, here over 2 sqrt(m).
        assert abs(angles[-1] - np.pi / 2) < 5 / np.sqrt(m) / 2
    assert angles == sorted(angles)


def test_two_stimuli_are_all_alike():
    x, y = np.array([[1.0, 5.0, 2.0], [4.0, 4.0, 3.0]]), np.array([[7.0], [2.0]])
    assert ng.procrustes(x, y) < 1e-15
    assert ng.procrustes(x, y, score="euclidean") == approx((5 - np.sqrt(11)) / np.sqrt(2), rel=1e-13)


# ---- definitions


@pytest.mark.parametrize("center", [True, False])
def test_brute_force_over_rotations_of_the_plane(center):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 12, 2)) + 0.3
    a, b = (side - center * side.mean(axis=0) for side in (x, y))

    def rotated(t, sign):
        return b @ np.array([[np.cos(t), -sign * np.sin(t)], [np.sin(t), sign * np.cos(t)]])

    found = []
    for sign in (-1, 1):
        grid = np.linspace(0, 2 * np.pi, 200)
        start = grid[np.argmin([np.linalg.norm(a - rotated(t, sign)) for t in grid])]
        best = scipy.optimize.minimize_scalar(
            lambda t, sign=sign: np.square(a - rotated(t, sign)).sum(),
            bracket=(start - 0.05, start, start + 0.05),
            tol=1e-12,
        )
        found.append(best.fun)
    assert abs(found[0] - found[1]) > 1e-3, "reflections make a difference here"
    distance = ng.procrustes(x, y, center=center, score="euclidean")
    assert distance == approx(np.sqrt(min(found)), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("score", ["angular", "euclidean"])
def test_brute_force_over_rotations_of_space(alpha, score):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(10, 3)) * [3, 1, 0.5], rng.normal(size=(10, 3))
    a, b = (shapes.partially_whitened(side, alpha).astype(float) for side in (x, y))

    def angle(q):
        return np.arccos(np.vdot(a, b @ q) / np.linalg.norm(a) / np.linalg.norm(b))

    def euclidean(q):
        return np.linalg.norm(a - b @ q)

    values = []
    for sign, _ in itertools.product((-1, 1), range(6)):
        # The exponential of a skew matrix is any rotation; the sign adds the reflections.
        def objective(t, sign=sign):
            skew = np.array([[0, t[0], t[1]], [-t[0], 0, t[2]], [-t[1], -t[2], 0]])
            q = scipy.linalg.expm(skew) * [1, 1, sign]
            return angle(q) if score == "angular" else euclidean(q)

        values.append(scipy.optimize.minimize(objective, rng.uniform(-3, 3, 3)).fun)
    found = ng.ShapeMetric(alpha, score=score).distance(x, y)
    assert min(values) == approx(found, rel=1e-9)
    assert min(values) >= found - 1e-13


@full_rank_is_meant
@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("shape", [(30, 6, 6), (30, 4, 11), (30, 11, 1), (12, 40, 5), (9, 15, 70)])
def test_definitions(alpha, shape):
    rng = np.random.default_rng(sum(shape))
    x, y = (rng.normal(size=(shape[0], n)) * np.logspace(0, 1, n) + 3 for n in shape[1:])
    for score, make in (("angular", np.arccos), ("euclidean", np.sqrt)):
        found = ng.ShapeMetric(alpha, score=score).distance(x, y)
        if alpha == 0 and min(shape[1:]) >= shape[0]:  # nothing is left to compare but the norms
            assert found == approx(0 if make is np.arccos else abs(np.diff(norms(x, y))[0]), abs=1e-9)
            continue
        assert found == approx(shapes.distance(x, y, alpha, score), rel=1e-11)
        assert found == approx(shapes.by_singular_values(x, y, alpha, score), rel=1e-11)


def norms(*items):
    return [np.linalg.norm(linear.centered(item)) for item in items]


# ---- pairs that are nearly equal (fault 4.7)

SIZES = [1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.0])
@pytest.mark.parametrize(("m", "n"), [(50, 10), (37, 3), (20, 45)])
def test_small_distances(alpha, size, m, n):
    if alpha == 0 and n > m:
        return  # all are equal
    rng = np.random.default_rng(m)
    x = rng.normal(size=(m, n)) * np.linspace(1, 2, n)
    y = (x + size * rng.normal(size=x.shape)) @ linear.rotation(rng, n)
    for score in ("angular", "euclidean"):
        exact, unit = shapes.distance(x, y, alpha, score), 1 if score == "angular" else np.linalg.norm(x)
        assert size * unit / 5 < exact < 5 * size * unit
        found = ng.ShapeMetric(alpha, score=score).distance(x, y)
        # Rounding of the means alone moves items by some eps.
        assert found == approx(exact, rel=1e-9, abs=1e-14 * unit)


def test_a_small_angle_that_arccos_rounds():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 10))
    y = x + 1e-9 * rng.standard_normal((50, 10))
    found = ng.procrustes(x, y)
    assert 8e-10 < found < 1e-9
    assert found == approx(shapes.distance(x, y), rel=1e-6, abs=0)
    assert abs(shapes.by_singular_values(x, y) - found) > found / 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rank", [1, 4])
def test_small_distances_of_rank_deficient_items(size, rank):
    rng = np.random.default_rng(rank)
    x = shapes.low_rank(rng, 40, 12, rank)
    y = np.column_stack([x, np.zeros((40, 3))]) + size * rng.normal(size=(40, 15))
    y = y @ linear.rotation(rng, 15)
    for score in ("angular", "euclidean"):
        exact, unit = shapes.distance(x, y, 1.0, score), 1 if score == "angular" else np.linalg.norm(x)
        assert ng.procrustes(x, y, score=score) == approx(exact, rel=1e-8, abs=1e-14 * unit)


@pytest.mark.parametrize("angle", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-13])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_exactly_known_small_angles(angle, alpha):
    """A line turned by a known angle."""
    x, other = linear.spanning(linear.centered(np.random.default_rng(6).normal(size=(30, 2)))).T[:, :, None]
    y = np.cos(angle) * x + np.sin(angle) * other
    # Rounding of the cosine moves an angle by eps / angle, until residuals take over below 1e-3.
    assert ng.ShapeMetric(alpha).distance(x, y) == approx(angle, rel=1e-11, abs=5e-16)


def test_small_euclidean_distance_of_scaled_copies():
    x = np.random.default_rng(7).normal(size=(30, 5))
    for factor in (1 + 2.0**-20, 1 + 2.0**-40):
        expected = (factor - 1) * norms(x)[0]
        assert ng.procrustes(x, x * factor, score="euclidean") == approx(expected, rel=1e-2)
        assert ng.procrustes(x, x * factor) < 1e-14
