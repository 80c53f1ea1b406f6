"""Removal of centre correlations: descent, search over ranks and choice of the rank.

Cost and gradient: cpp/tests/capacity/test_center_correlations.cpp.
"""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom._base.isa import core
from neurogeom.capacity import center_correlations
from scipy import linalg, optimize

SHAPES = [(4, 2, 1), (6, 4, 1), (10, 9, 3), (25, 12, 4), (40, 39, 2), (5, 3, 2)]  # centres, dims, rank


def orthonormal(rng, n, k):
    return np.ascontiguousarray(np.linalg.qr(rng.standard_normal((n, k)))[0])


def problem(n_centers, n_dims, rank, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_centers, n_dims))
    rows += 2 * np.outer(rng.standard_normal(n_centers), rng.standard_normal(n_dims))
    return rows, orthonormal(rng, n_dims, rank)


def left_over(rows, basis):
    return rows - rows @ basis @ basis.T


def direct_cost(rows, basis):
    """Half the sum of squared cosines between the rows of X (1 - VV'), for any V: R = X X' - XV (XV)'."""
    products = rows @ rows.T - rows @ basis @ basis.T @ rows.T
    squares = np.diagonal(products)
    return 0.5 * (products**2 / np.outer(squares, squares)).sum()


def direct_gradient(rows, basis):
    """Of direct_cost by the basis: 2 X' (diag(g) - W) X V, W = R / (d d') and g = sum of R^2 / (d^2 d')."""
    left = left_over(rows, basis)
    products = left @ left.T
    d = np.diagonal(products)
    weights = np.diag((products**2 / np.outer(d**2, d)).sum(axis=1)) - products / np.outer(d, d)
    return 2 * rows.T @ weights @ rows @ basis


def cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.abs(unit @ unit.T)[np.triu_indices(len(rows), 1)]


def stability(rows, basis):
    return (np.linalg.norm(left_over(rows, basis), axis=1) / np.linalg.norm(rows, axis=1)).min()


def descend(
    rows, starts, *, max_iterations=2000, gradient_norm=1e-6, decrease=0.0, least_share=0.0, n_threads=1
):
    return core.minimize_correlation(
        rows, starts, max_iterations, gradient_norm, decrease, least_share, n_threads
    )


def normals(seed, n):
    """Starting normals as search_as_original asks for them: a function of (rank, restart)."""
    return lambda rank, restart: np.random.default_rng([seed, rank, restart]).standard_normal(n)


def same_span(first, second, tolerance=1e-7):
    assert first.shape == second.shape
    return linalg.subspace_angles(first, second).max() < tolerance


# Descent


@pytest.mark.parametrize("shape", SHAPES)
def test_descent_ends_at_a_stationary_point(shape):
    rows, _ = problem(*shape)
    rng = np.random.default_rng(2)
    starts = [orthonormal(rng, shape[1], shape[2]) for _ in range(6)]
    sound = 0
    for start, (basis, cost, norm, n_iterations) in zip(starts, descend(rows, starts), strict=True):
        np.testing.assert_allclose(basis.T @ basis, np.eye(shape[2]), atol=1e-13)
        # Where a share s of a centre's square is left the cost has a rounding error of 1e-16 / s.
        if stability(rows, basis) < 1e-3:
            continue
        sound += 1
        assert cost <= direct_cost(rows, start) * (1 + 1e-12)  # one dimension left: always P^2/2
        assert cost == pytest.approx(direct_cost(rows, basis), rel=1e-6)
        gradient = direct_gradient(rows, basis)
        gradient -= basis @ (basis.T @ gradient)
        assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-3, abs=1e-9)
        assert n_iterations < 2000
        # Done, or no step down the gradient lowers the cost by more than rounding.
        steps = np.geomspace(1e-12, 0.1, 45) / max(norm, 1e-300)
        lower = min(direct_cost(rows, np.linalg.qr(basis - step * gradient)[0]) for step in steps)
        rounding = 1e-11 + 1e-15 / stability(rows, basis) ** 2
        assert norm <= 1e-6 or lower > cost * (1 - rounding)
    assert sound > 0


@pytest.mark.parametrize("seed", range(4))
def test_no_direction_of_a_half_sphere_is_better_than_the_best_descent(seed):
    rows, _ = problem(6, 3, 1, seed=seed)
    n = 4000
    height = (np.arange(n) + 0.5) / n  # spiral points, about 2.3 degrees apart
    angle = np.arange(n) * np.pi * (3 - np.sqrt(5))
    around = np.sqrt(1 - height**2)
    directions = np.stack([around * np.cos(angle), around * np.sin(angle), height], axis=1)
    lowest = min(direct_cost(rows, direction[:, None]) for direction in directions)
    starts = [np.ascontiguousarray(direction[:, None]) for direction in directions[::100]]
    best = min(cost for _, cost, _, _ in descend(rows, starts))
    assert best <= lowest
    assert best > 0.9 * lowest  # no nonsense either: the grid comes close


@pytest.mark.parametrize("shape", [(5, 3, 1), (7, 4, 1), (8, 5, 2)])
def test_best_of_some_descents_is_that_of_scipy(shape):
    rows, _ = problem(*shape, seed=3)
    n_dims, rank = shape[1:]
    rng = np.random.default_rng(4)
    starts = [orthonormal(rng, n_dims, rank) for _ in range(25)]
    costs = [cost for _, cost, _, _ in descend(rows, starts)]

    def cost_of(flat):
        return direct_cost(rows, np.linalg.qr(flat.reshape(n_dims, rank))[0])

    theirs = [optimize.minimize(cost_of, start.ravel(), method="BFGS").fun for start in starts]
    assert min(costs) <= min(theirs) + 1e-8
    assert np.median(costs) <= np.median(theirs) + 0.05 * np.ptp(theirs)


def test_a_start_that_removes_a_centre_altogether():
    rows, _ = problem(6, 4, 1)
    start = np.ascontiguousarray(rows[:1].T / np.linalg.norm(rows[0]))
    ((basis, cost, _, n_iterations),) = descend(rows, [start])
    assert cost == np.inf
    assert n_iterations == 0
    np.testing.assert_array_equal(basis, start)


# Search over ranks


def test_coordinates_of_the_centres():
    rng = np.random.default_rng(0)
    for shape in ((6, 30), (30, 6), (5, 5)):
        centers = rng.standard_normal(shape)
        centered = centers - centers.mean(axis=0)
        rows = center_correlations.center_coordinates(centered)
        assert rows.shape == (shape[0], min(shape[0] - 1, shape[1]))
        np.testing.assert_allclose(rows @ rows.T, centered @ centered.T, atol=1e-12)
        basis = orthonormal(rng, rows.shape[1], 2)
        directions = center_correlations.directions_of(basis, rows, centered)
        np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-13)
        left = centered - centered @ directions.T @ directions
        np.testing.assert_allclose(
            left @ left.T, left_over(rows, basis) @ left_over(rows, basis).T, atol=1e-11
        )


def test_mean_absolute_correlation():
    rows = np.random.default_rng(0).standard_normal((7, 3))
    assert center_correlations.mean_abs_correlation(rows) == pytest.approx(cosines(rows).mean(), rel=1e-13)
    assert center_correlations.mean_abs_correlation(np.array([[1.0, 0.0], [0.0, 2.0]])) == 0
    assert np.isnan(center_correlations.mean_abs_correlation(np.array([[1.0, 0.0], [0.0, 0.0]])))


@pytest.mark.parametrize("decay", [0.0, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("n_centers", [2, 3, 5, 20, 60])
def test_bound_of_the_search(n_centers, decay):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((n_centers, n_centers - 1)) * np.exp(-decay * np.arange(n_centers - 1))
    share = np.cumsum(np.linalg.svd(rows, compute_uv=False) ** 2)
    share /= share[-1]
    original = np.argmax(np.where(share < 0.95, share, 0)) + 11
    # With P - 1 directions gone nothing would be left; neither with all dimensions.
    assert center_correlations.max_rank(rows) == max(0, min(original, n_centers - 2, rows.shape[1] - 1))


def planted(n_centers=40, n_dims=30, rank=2, strength=8.0, seed=0):
    """Centres of independent directions plus a strong part in few common ones.

    As in use, dimensions are fewer than centres: there is nothing outside the span of the rows.
    """
    rng = np.random.default_rng(seed)
    shared = orthonormal(rng, n_dims, rank)
    rows = rng.standard_normal((n_centers, n_dims)) / np.sqrt(n_dims)
    return rows + strength * rng.standard_normal((n_centers, rank)) @ shared.T / np.sqrt(rank), shared


@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize("original", [False, True])
def test_planted_structure_is_found(rank, original):
    rows, shared = planted(rank=rank)
    before = center_correlations.mean_abs_correlation(rows)
    if original:
        found = center_correlations.search_as_original(rows, 6, normals(0, 40), 10, n_threads=2)
    else:
        found = center_correlations.search(rows, 10, n_threads=2)[1:]
        record = found[rank - 1]
        # Noise of length 1 against 8 sqrt(40 / rank) along the common directions.
        assert linalg.subspace_angles(record.basis, shared).max() < 0.15
        chance = np.sqrt(2 / np.pi / (30 - rank))  # mean |cosine| of random directions
        assert record.correlation < chance < before / 2
        assert record.correlation < 1.2 * cosines(left_over(rows, shared)).mean()
    for k, item in enumerate(found, start=1):
        assert item.basis.shape == (30, k)
        share = 1 - ((rows @ item.basis) ** 2).sum(axis=1) / (rows**2).sum(axis=1)
        penalty = 0 if original else 0.01 * (np.maximum(0.02 / share - 1, 0) ** 2).sum()
        assert item.cost == pytest.approx(direct_cost(rows, item.basis) + penalty, rel=1e-6)
        assert item.correlation == pytest.approx(cosines(left_over(rows, item.basis)).mean(), rel=1e-8)
        assert item.stability == pytest.approx(stability(rows, item.basis), rel=1e-6)


def test_starts_of_the_original_continue_the_previous_rank():
    # Without iterations a descent returns its start: the span of s'X and of what came before.
    rows, _ = planted()
    draws = normals(3, 40)
    found = center_correlations.search_as_original(rows, 4, draws, 1, max_iterations=0)
    for rank, record in enumerate(found, start=1):
        expected = np.stack([draws(k, 0) @ rows for k in range(1, rank + 1)], axis=1)
        assert same_span(record.basis, expected)


def test_the_original_takes_the_restart_that_is_most_stable():
    for seed in range(10):
        rows, _ = problem(6, 2 + seed % 2, 1, seed=seed)
        draws = normals(seed, 6)
        starts = [(draws(1, restart) @ rows)[:, None] for restart in range(8)]
        starts = [start / np.linalg.norm(start) for start in starts]
        (record,) = center_correlations.search_as_original(rows, 1, draws, 8, max_iterations=0)
        assert same_span(record.basis, max(starts, key=lambda start: stability(rows, start)))


def test_the_original_stops_after_three_rises():
    lengths = set()
    for seed in range(4):
        rows = np.random.default_rng(seed).standard_normal((16, 15))
        found = center_correlations.search_as_original(rows, 14, normals(seed, 16), 2)
        r = [record.correlation for record in found]
        stops = [k for k in range(5, len(r) + 1) if r[k - 1] > r[k - 2] > r[k - 3] > r[k - 4]]
        assert len(found) == (stops[0] if stops else 14)
        lengths.add(len(found))
    assert min(lengths) < 14


@pytest.mark.parametrize("shape", [(6, 5), (12, 11), (20, 8)])
def test_no_rank_beyond_the_search_could_be_better(shape):
    """What is left spans r - K dimensions, so that its cost is P^2 / (2 (r - K)) at least (Welch)."""
    rows = np.random.default_rng(0).standard_normal(shape)
    n, dims = shape
    found = center_correlations.search(rows, 4)
    least = min(record.cost for record in found)
    for k, record in enumerate(found):
        assert record.cost >= n**2 / (2 * (dims - k)) * (1 - 1e-12)
    for k in range(len(found), center_correlations.max_rank(rows) + 1):
        assert n**2 / (2 * (dims - k)) >= least
        starts = [orthonormal(np.random.default_rng(i), dims, k) for i in range(10)]
        assert min(cost for _, cost, _, _ in descend(rows, starts)) >= least * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_search_does_not_depend_on_the_basis_or_its_starts(seed):
    rows, _ = planted(n_centers=14, n_dims=13, strength=2.0, seed=seed)
    turned = rows @ orthonormal(np.random.default_rng(9), 13, 13)
    ends = []
    for data, key in ((rows, 1), (rows, 2), (turned, 1)):
        found = center_correlations.search(data, 10, key=key)
        rank = center_correlations.pick_rank(found)
        best = center_correlations.finish(data, found[rank])
        assert best.cost <= found[rank].cost * (1 + 1e-13)
        ends.append((rank, best.cost, best.correlation, best.stability))
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, rtol=1e-7)


def test_no_start_finds_better_directions_at_the_picked_rank():
    rows, _ = problem(12, 11, 2, seed=5)
    found = center_correlations.search(rows, 10)
    rank = center_correlations.pick_rank(found)
    starts = [orthonormal(np.random.default_rng(i), 11, rank) for i in range(100)]
    costs = np.array([cost for _, cost, _, _ in descend(rows, starts, decrease=1e-10, least_share=0.02)])
    assert rank > 0
    assert costs.min() >= found[rank].cost * (1 - 1e-8)


def test_bits_do_not_depend_on_threads():
    rows, _ = planted(n_centers=15, n_dims=14)
    runs = [center_correlations.search(rows, 5, n_threads=n) for n in (1, 2, 7)]
    for run in runs[1:]:
        assert len(run) == len(runs[0])
        for first, second in zip(runs[0], run, strict=True):
            np.testing.assert_array_equal(first.basis, second.basis)
            assert first.cost == second.cost


# Choice of the rank


def test_pick_rank():
    def pick(*correlations):
        return center_correlations.pick_rank(
            [
                center_correlations.RankRecord(
                    basis=np.zeros((9, k)),
                    correlation=value,
                    stability=1.0,
                    cost=value,
                    n_found=1,
                    n_starts=1,
                )
                for k, value in enumerate(correlations)
            ]
        )

    assert pick(0.5) == 0
    assert pick(0.5, 0.4, 0.2, 0.3) == 2
    assert pick(0.1, 0.4, 0.2, 0.3) == 0
    assert pick(0.5, 0.4, 0.203, 0.2) == 2  # within 2 % of the least
    assert pick(0.5, 0.4, 0.205, 0.2) == 3


def test_given_rank():
    clouds = low_rank_clouds()
    free = ng.manifold_capacity(clouds, n_samples=20, rng=0)
    assert free.rank_removed == 2
    assert free.rank_profile.argmin() >= 2
    assert free.search_found >= 6
    same = ng.manifold_capacity(clouds, n_samples=20, rng=0, rank=2)
    assert same.mean_capacity == pytest.approx(free.mean_capacity, rel=1e-9)
    fixed = ng.manifold_capacity(clouds, n_samples=20, rng=0, rank=4)
    assert fixed.rank_removed == 4
    assert len(fixed.rank_profile) == 5
    none = ng.manifold_capacity(clouds, n_samples=20, rng=0, rank=0)
    kept = ng.manifold_capacity(clouds, n_samples=20, rng=0, remove_center_correlations=False)
    assert none.rank_removed == 0
    np.testing.assert_array_equal(none.capacity, kept.capacity)
    with pytest.raises(ValueError, match="rank must be at most 18"):
        ng.manifold_capacity(clouds, n_samples=20, rng=0, rank=19)
    with pytest.raises(ValueError, match="rank"):
        ng.manifold_capacity(clouds, rank=-1)
    with pytest.raises(ValueError, match="rank is 2, but remove_center_correlations is False"):
        ng.manifold_capacity(clouds, rank=2, remove_center_correlations=False)


def low_rank_clouds():
    rows, _ = planted(n_centers=20, n_dims=100)
    return rows[:, None] + 0.05 * np.random.default_rng(1).standard_normal((20, 6, 100))


def test_nothing_is_removed_from_independent_centres():
    # In 500 dimensions 12 directions are all but orthogonal: removal can only bring them closer.
    clouds = np.random.default_rng(0).standard_normal((12, 5, 500))
    result = ng.manifold_capacity(clouds, n_samples=10, rng=0, n_restarts=3)
    assert result.rank_removed == 0
    assert result.residual_center_correlation == result.center_correlation


@pytest.mark.parametrize("n_centers", [2, 3, 4])
def test_few_manifolds(n_centers):
    rng = np.random.default_rng(0)
    for _ in range(5):
        clouds = rng.standard_normal((n_centers, 1, 20)) + 0.1 * rng.standard_normal((n_centers, 4, 20))
        result = ng.manifold_capacity(clouds, n_samples=10, rng=0)
        assert np.isfinite(result.capacity).all()
        assert result.rank_removed <= n_centers - 2
        assert result.rank_profile[result.rank_removed] <= result.rank_profile[0]
        if n_centers == 2:
            assert result.center_correlation == pytest.approx(1)


def test_removal_takes_the_shared_part_out():
    clouds = low_rank_clouds()
    result = ng.manifold_capacity(clouds, n_samples=50, rng=0)
    assert result.rank_removed >= 2
    assert result.residual_center_correlation < 0.25 * result.center_correlation
    kept = ng.manifold_capacity(clouds, n_samples=50, rng=0, remove_center_correlations=False)
    assert kept.rank_removed == 0
    assert (result.center_norm < kept.center_norm).all()
    assert result.mean_radius > 2 * kept.mean_radius  # in units of centres that are shorter now


def test_centres_without_variance():
    rows = center_correlations.center_coordinates(np.zeros((5, 8)))
    assert rows.shape == (5, 0)
    assert center_correlations.max_rank(rows) == 0
    assert center_correlations.search_as_original(rows, 0, normals(0, 5), 3) == []
    assert np.isnan(center_correlations.mean_abs_correlation(rows))
