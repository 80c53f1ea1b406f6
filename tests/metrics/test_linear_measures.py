"""Linear measures: reference values, definitions, closed forms, faults of other packages, options."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
from helpers import linear, measures
from helpers.references import SHAPE, VALUES, reference_data
from neurogeom.representations.blocks import UnitBlocks

X, Y, W = reference_data("XYW")
full_rank_is_meant = pytest.mark.filterwarnings("ignore:.*as many independent units")


def value(metric, x, y):
    return metric.compare(x, y)


# ---- reference values


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (ng.NBS(), "nbs(X,Y)"),
        (ng.Bures(), "procrustes_euclidean(X,Y)"),
        (ng.MeanCCA(), "mean_cca(X,Y)"),
        (ng.MeanCCA(squared=True), "mean_sq_cca(X,Y)"),
        (ng.SVCCA(), "svcca99_mean_rho(X,Y)"),
        (ng.PWCCA(), "pwcca(X->Y)"),
        (ng.LinearR2(), "linreg_R2 predict Y from X"),
        (ng.GULP(), "gulp lam=1e-2 (X,Y)"),
        (ng.EigenspaceOverlap(), "eigenspace_overlap(X,Y) uncentred"),
    ],
    ids=lambda argument: getattr(argument, "name", None),
)
def test_reference_value(metric, name):
    assert value(metric, X, Y) == pytest.approx(VALUES[name], rel=1e-10)
    if metric.symmetric:
        assert value(metric, Y, X) == pytest.approx(VALUES[name], rel=1e-10)


def test_reference_values_of_the_other_direction():
    assert ng.PWCCA().similarity(Y, X) == pytest.approx(VALUES["pwcca(Y->X)"], rel=1e-10)
    known = VALUES["linreg_R2 predict X from Y"]
    assert ng.LinearR2().similarity(Y, X) == pytest.approx(known, rel=1e-10)


def test_reference_values_of_ridge():
    pearson, r2 = VALUES["ridge_cv lam=1 5 contiguous folds X->Y [mean pearson, pooled R2]"]
    assert ng.Ridge(1.0, folds=5).similarity(X, Y) == pytest.approx(r2, rel=1e-10)
    assert ng.Ridge(1.0, folds=5, score="pearson").similarity(X, Y) == pytest.approx(pearson, rel=1e-10)


def test_reference_values_of_related_quantities():
    assert ng.GULP().distance(X, Y) ** 2 == pytest.approx(VALUES["gulp_squared lam=1e-2 (X,Y)"], rel=1e-10)
    correlations = np.cos(ng.subspace_angles(X, Y))[::-1]
    np.testing.assert_allclose(correlations, VALUES["canonical_correlations(X,Y)"], rtol=1e-10)
    angle = 2 * np.arcsin(ng.Bures(normalize=True).distance(X, Y) / 2)
    assert angle == pytest.approx(VALUES["procrustes_angular(X,Y)"], rel=1e-10)
    assert ng.Bures(center=False).distance(np.diag([3.0, 2, 1]), np.diag([1.0, 1, 2])) == pytest.approx(
        VALUES["closed: same, euclidean"], rel=1e-10
    )
    part = ng.metrics._subspaces.LeadingPart(True, None, 0.99)
    kept = [part.prepare(UnitBlocks(data, "")).rank for data in (X, Y)]
    assert kept == SHAPE["values"]["svcca99_mean_rho(X,Y)"]["kept"]


# ---- definitions, on data of many shapes


def problem(seed):
    """Two related representations: more or fewer units than stimuli, dependent units, any scale."""
    rng = np.random.default_rng(seed)
    n_stimuli = int(rng.integers(6, 40))
    shared = rng.normal(size=(n_stimuli, 3))
    items = []
    for _ in range(2):
        units = int(rng.integers(1, 2 * n_stimuli))
        data = shared @ rng.normal(size=(3, units)) + rng.normal(size=(n_stimuli, units))
        if seed % 3 == 1:  # dependent units, of rank 3 or less
            data = shared @ rng.normal(size=(3, units))
        items.append((data + rng.normal(size=units)) * 10.0 ** rng.choice([-8, 0, 8]))
    return items


SEEDS = range(24)


@full_rank_is_meant
@pytest.mark.parametrize("seed", SEEDS)
def test_definitions(seed):
    x, y = problem(seed)
    cx, cy = linear.centered(x), linear.centered(y)
    nuclear = scipy.linalg.svdvals(cx.T @ cy).sum()
    sizes = np.linalg.norm(cx), np.linalg.norm(cy)
    u, v = linear.spanning(cx), linear.spanning(cy)
    rho = scipy.linalg.svdvals(u.T @ v)
    close = {"rel": 1e-10, "abs": 1e-12}
    assert ng.NBS().similarity(x, y) == pytest.approx(nuclear / sizes[0] / sizes[1], **close)
    squared = sizes[0] ** 2 + sizes[1] ** 2 - 2 * nuclear
    assert ng.Bures().distance(x, y) ** 2 == pytest.approx(squared, rel=1e-10, abs=1e-12 * max(sizes) ** 2)
    assert ng.MeanCCA().similarity(x, y) == pytest.approx(rho.mean(), **close)
    assert ng.MeanCCA(squared=True).similarity(x, y) == pytest.approx(np.square(rho).mean(), **close)
    if u.shape[1] + v.shape[1] < len(x) or len(rho) == 1:  # otherwise variates are not unique
        assert ng.PWCCA().similarity(x, y) == pytest.approx(linear.pwcca_by_definition(x, y), **close)
    assert ng.LinearR2().similarity(x, y) == pytest.approx(np.square(u.T @ cy).sum() / sizes[1] ** 2, **close)
    for penalty in (0.3, 0.01):
        known = linear.gulp_from_inverses(x, y, penalty)
        assert ng.GULP(penalty).distance(x, y) == pytest.approx(known, rel=1e-10, abs=1e-7)


@full_rank_is_meant
@pytest.mark.parametrize("seed", SEEDS)
def test_definitions_of_subspace_measures(seed):
    x, y = problem(seed)
    for center in (True, False):
        bases = [linear.spanning(linear.centered(side) if center else side) for side in (x, y)]
        angles = linear.principal_angles(*bases)
        np.testing.assert_allclose(ng.subspace_angles(x, y, center=center), angles, atol=1e-12, rtol=1e-10)
        ranks = [basis.shape[1] for basis in bases]
        difference = bases[0] @ bases[0].T - bases[1] @ bases[1].T
        known = {
            "grassmann": np.sqrt(np.square(angles).sum() + abs(ranks[0] - ranks[1]) * np.pi**2 / 4),
            "chordal": np.linalg.norm(difference) / np.sqrt(2),
            "projection": np.linalg.norm(difference, 2),
        }
        for kind, distance in known.items():
            found = ng.SubspaceDistance(kind, center=center).distance(x, y)
            assert found == pytest.approx(distance, rel=1e-10, abs=1e-12)
        overlap = np.square(bases[0].T @ bases[1]).sum() / max(ranks)
        assert ng.EigenspaceOverlap(center=center).similarity(x, y) == pytest.approx(overlap, rel=1e-10)


def test_full_rank_definitions_by_independent_routes():
    assert ng.MeanCCA().similarity(X, Y) == pytest.approx(
        linear.whitened_correlations(X, Y)[:9].mean(), rel=1e-10
    )
    assert ng.LinearR2().similarity(X, W) == pytest.approx(linear.r2_from_lstsq(X, W), rel=1e-10)
    assert ng.PWCCA().similarity(W, Y) == pytest.approx(linear.pwcca_by_definition(W, Y), rel=1e-10)
    # At equal ranks the mean of the correlations is the cosine of the CCA angle.
    assert np.arccos(ng.MeanCCA().similarity(X, W)) == pytest.approx(ng.CCA().distance(X, W), rel=1e-10)
    # The distance bounds how much predictions of a target differ, and is their root sum over all targets.
    hats = []
    for side in (linear.centered(X), linear.centered(Y)):
        gram = side.T @ side
        shrunk = gram + 0.01 * np.trace(gram) * np.eye(len(gram))
        hats.append(side @ np.linalg.solve(shrunk, side.T))
    differences = scipy.linalg.svdvals(hats[0] - hats[1])
    assert ng.GULP().distance(X, Y) == pytest.approx(np.linalg.norm(differences), rel=1e-10)
    # At penalty 0 predictions are projections.
    known = np.sqrt(2) * ng.SubspaceDistance("chordal").distance(X, Y)
    assert ng.GULP(0).distance(X, Y) == pytest.approx(known, rel=1e-10)


@full_rank_is_meant
@pytest.mark.parametrize("seed", SEEDS)
def test_leading_components(seed):
    x, y = problem(seed)
    ranks = [np.linalg.matrix_rank(linear.centered(side)) for side in (x, y)]
    count = int(np.random.default_rng(seed).integers(1, 5))
    parts = [linear.leading(side, min(count, rank)) for side, rank in zip((x, y), ranks, strict=True)]
    close = {"rel": 1e-9, "abs": 1e-11}
    assert ng.SVCCA(n_components=count).similarity(x, y) == pytest.approx(
        ng.MeanCCA().similarity(*parts), **close
    )
    for kind in ("grassmann", "chordal", "projection"):
        cut = ng.SubspaceDistance(kind, n_components=count).distance(x, y)
        assert cut == pytest.approx(ng.SubspaceDistance(kind).distance(*parts), **close)
    cut = ng.EigenspaceOverlap(n_components=count, center=True).similarity(x, y)
    assert cut == pytest.approx(ng.EigenspaceOverlap(center=True).similarity(*parts), **close)
    np.testing.assert_allclose(
        ng.subspace_angles(x, y, n_components=count), ng.subspace_angles(*parts), rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize(
    ("variance", "kept"), [(0.5, 1), (0.64, 1), (0.65, 2), (0.9, 2), (0.91, 3), (1.0, 4)]
)
def test_components_that_explain_a_share(variance, kept):
    # Orthogonal units with 64, 26, 10 and 1e-15 percent of the variance; a share that is just met is met.
    basis = scipy.linalg.hadamard(8)[:, 1:]
    data = basis[:, :4] * np.sqrt([64.0, 26.0, 10.0, 1e-15])
    other = basis[:, [kept - 1]].astype(float)
    assert ng.SVCCA(variance).similarity(data, other) == pytest.approx(1)
    missing = basis[:, [kept]].astype(float)
    assert ng.SVCCA(variance).similarity(data, missing) == pytest.approx(0, abs=1e-7)


# ---- what is common is computed once


def test_common_products_are_one_product():
    assert ng.NBS().products() == ng.Bures().products() == ng.Procrustes().products()
    assert ng.NBS().held_out_products() == ng.Procrustes().held_out_products() != ()
    assert ng.MeanCCA().products() == ng.CCA().products()
    squares = [ng.MeanCCA(squared=True), ng.SubspaceDistance("chordal"), ng.EigenspaceOverlap(center=True)]
    assert len({metric.products() for metric in squares}) == 1
    leading = [kind(n_components=2, center=True) for kind in (ng.SVCCA, ng.SubspaceDistance)]
    assert leading[0].parts() == leading[1].parts()
    assert ng.GULP().parts() == ng.ShapeMetric(0.5).parts()
    assert ng.LinearR2().parts() == ng.CCA().parts() + ng.Procrustes().parts()
    assert ng.GULP(0).products() == ng.SubspaceDistance("chordal").products()


def test_held_out_bures_and_nbs():
    train, test = [X[:30], Y[:30], W[:30]], [X[30:], Y[30:], W[30:]]
    results = ng.pairwise(train, ["procrustes", "nbs", "bures", ng.Bures(normalize=True)], test=test)
    angles = results["procrustes"].held_out
    assert angles[0, 1] == pytest.approx(0.598986355443996, rel=1e-10)
    np.testing.assert_allclose(results["nbs"].held_out, np.cos(angles), rtol=1e-12)
    np.testing.assert_allclose(results["bures(normalized)"].held_out, 2 * np.sin(angles / 2), rtol=1e-12)
    euclidean = ng.pairwise(train, ng.Procrustes(score="euclidean"), test=test).held_out
    np.testing.assert_array_equal(results["bures"].held_out, euclidean)


# ---- units of very different scale

SCALES = np.logspace(-8, 8, 5)


def test_weak_units_count_where_scales_do_not():
    """Fault: R2 fell from .966 to .738, as units that are weak by 1e-14 or more were lost."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)) + 1
    y = x @ rng.normal(size=(5, 3)) + 0.5 * rng.normal(size=(40, 3))
    basis = [linear.spanning(linear.centered(side)) for side in (x, y)]
    gulp = np.linalg.norm(basis[0] @ basis[0].T - basis[1] @ basis[1].T)
    for scales in (SCALES, SCALES[::-1], SCALES[[2, 4, 0, 1, 3]]):
        weak = x * scales
        assert ng.LinearR2().similarity(weak, y) == pytest.approx(linear.r2_from_lstsq(x, y), rel=1e-10)
        assert ng.LinearR2(center=False).similarity(weak, y) == pytest.approx(
            ng.LinearR2(center=False).similarity(x, y), rel=1e-10
        )
        assert ng.GULP(0).distance(weak, y) == pytest.approx(gulp, rel=1e-10)
        assert ng.Ridge(0).similarity(weak, y) == pytest.approx(linear.ridge_r2(x, y, 0.0), rel=1e-10)
        pearson = ng.Ridge(0, score="pearson").similarity(weak, y)
        assert pearson == pytest.approx(linear.ridge_pearson(x, y, 0.0), rel=1e-10)
        assert ng.PWCCA().similarity(y, weak) == pytest.approx(linear.pwcca_by_definition(y, x), rel=1e-10)
        cosines = np.linalg.svd(basis[0].T @ basis[1], compute_uv=False)
        assert ng.MeanCCA().similarity(weak, y) == pytest.approx(cosines.mean(), rel=1e-10)
        assert np.cos(ng.subspace_angles(weak, y))[::-1] == pytest.approx(cosines, rel=1e-10)


def test_weak_units_that_depend_on_others_add_no_rank():
    """A sum of two units, weak by 1e-10, and a weak one about a mean of 1, are no new dimension."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    y += x[:, :2]
    more = np.column_stack([x, 1e-10 * (x[:, 0] + x[:, 1])])
    assert ng.LinearR2().similarity(more, y) == pytest.approx(linear.r2_from_lstsq(x, y), rel=1e-10)
    assert ng.Ridge(0).similarity(more, y) == pytest.approx(linear.ridge_r2(x, y, 0.0), rel=1e-10)
    assert ng.GULP(0).distance(more, y) == pytest.approx(ng.GULP(0).distance(x, y), rel=1e-10)
    faint = np.column_stack([x[:, :1], 1 + 1e-6 * x[:, 0]])  # rounded to 1e-10 of itself
    assert ng.LinearR2().similarity(faint, y) == pytest.approx(linear.r2_from_lstsq(x[:, :1], y), rel=1e-8)
    assert ng.Ridge(0).similarity(faint, y) == pytest.approx(linear.ridge_r2(x[:, :1], y, 0.0), rel=1e-8)


# ---- near zero


A = np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])[:, None]
B = np.array([0.0, 0.0, 1.0, -1.0, 0.0, 0.0])[:, None]
C = np.array([0.0, 0.0, 0.0, 0.0, 1.0, -1.0])[:, None]


@pytest.mark.parametrize("delta", [1e-2, 1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("center", [True, False])
def test_small_angles_keep_their_digits(delta, center):
    sine = delta / np.sqrt(1 + delta**2)
    rel = max(1e-10, 1e-14 / delta)
    x, y = np.hstack([A, 2 * C]), np.hstack([A + delta * B, C])
    assert ng.subspace_angles(x, y, center=center)[0] == pytest.approx(np.arcsin(sine), rel=rel)
    for kind in ("grassmann", "chordal", "projection"):
        found = ng.SubspaceDistance(kind, center=center).distance(x, y)
        assert found == pytest.approx(np.arcsin(sine) if kind == "grassmann" else sine, rel=rel)
    if center:
        x, y = A, A + delta * B
        assert ng.GULP(0.25).distance(x, y) == pytest.approx(np.sqrt(2) / 1.25 * sine, rel=rel)
        found = ng.Bures(normalize=True).distance(x, y)
        assert found == pytest.approx(2 * np.sin(np.arcsin(sine) / 2), rel=rel)


@pytest.mark.parametrize("delta", [1e-3, 1e-9])
def test_angles_near_a_right_one_keep_their_digits(delta):
    found = ng.subspace_angles(A, B + delta * A)
    assert np.pi / 2 - found[0] == pytest.approx(np.arctan(delta), rel=1e-15 / delta)


# ---- faults of other packages


def test_pwcca_weights_units_not_stimuli():
    """anatome sums |projections| over stimuli: it depends on how sparse responses are."""
    sparse = np.array([1.0, -1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) / np.sqrt(2)
    dense = np.array([0, 0, 1.0, 1, 1, 1, -1, -1, -1, -1, 0, 0]) / np.sqrt(8)
    rest = np.array([0, 0, 1.0, -1, 1, -1, 1, -1, 1, -1, 0, 0]) / np.sqrt(8)
    last = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0, -1]) / np.sqrt(2)
    x = np.stack([3 * sparse, dense], axis=1)
    y = np.stack([0.8 * sparse + 0.6 * rest, 0.6 * dense + 0.8 * last], axis=1)
    # Units are canonical variates themselves, of norms 3 and 1, with correlations 0.8 and 0.6.
    assert ng.PWCCA().similarity(x, y) == pytest.approx((3 * 0.8 + 1 * 0.6) / 4, rel=1e-12)
    sums = np.abs(x).sum(axis=0)
    theirs = sums @ [0.8, 0.6] / sums.sum()
    assert abs(theirs - 0.75) > 0.01


def test_pwcca_of_shared_units_does_not_depend_on_the_basis():
    """Equal canonical correlations leave their variates open: rotated stimuli give other ones."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 6))
    y[:, :3] = x[:, :3]
    known = ng.PWCCA().similarity(x, y)
    for _ in range(5):
        mixed = y @ rng.normal(size=(6, 6))
        order = rng.permutation(30)
        assert ng.PWCCA().similarity(x[order], mixed[order]) == pytest.approx(known, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*singular:RuntimeWarning")
def test_regression_on_dependent_units():
    """resi inverts the root of X'X, which has no inverse where units are linear combinations of others."""
    doubled = np.hstack([X, X[:, :4] @ np.ones((4, 2)), Y[:, :1] * 0])
    found = ng.LinearR2().similarity(doubled, Y)
    assert found == pytest.approx(linear.r2_from_lstsq(doubled, Y), rel=1e-10)
    assert found == pytest.approx(VALUES["linreg_R2 predict Y from X"], rel=1e-10)
    inputs, targets = linear.centered(doubled), linear.centered(Y)
    try:
        inverse = np.linalg.inv(scipy.linalg.sqrtm(inputs.T @ inputs))
        theirs = np.square(np.abs(inverse @ inputs.T @ targets)).sum() / np.square(targets).sum()
    except np.linalg.LinAlgError:
        return
    assert not abs(theirs - found) < 1e-6


def test_nbs_of_rank_deficient_data_has_all_digits():
    """Eigenvalues of Gram matrices have errors of eps, their roots of its root (rsatoolbox: 4e-8)."""
    x, y = linear.centered(X[:, :6] @ np.ones((6, 1))), linear.centered(Y[:, :2])
    exact = np.linalg.norm(x.T @ y) / np.linalg.norm(x) / np.linalg.norm(y)
    assert ng.NBS().similarity(x, y) == pytest.approx(exact, rel=1e-13)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    root = scipy.linalg.sqrtm(x @ x.T).real
    by_eigenvalues = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ y @ y.T @ root), 0)).sum()
    assert abs(by_eigenvalues - exact) > 1e-10


@pytest.mark.parametrize("name", ["mean_cca", "pwcca", "grassmann", "eigenspace_overlap", "r2", ng.GULP(0)])
def test_more_units_than_stimuli_are_remarked_on(name):
    """Where there are as many, all correlations are 1, which anatome and netrep return without a word."""
    rng = np.random.default_rng(0)
    wide = [rng.normal(size=(10, 20)), rng.normal(size=(10, 30)), rng.normal(size=(10, 2))]
    text = r"representations\[0\] and 1 more have as many independent units as stimuli"
    with pytest.warns(UserWarning, match=f"(gulp.0.|{name}): {text}"):
        result = ng.pairwise(wide, name)
    trivial = 1.0 if result.is_similarity else 0.0
    assert result.values[0, 1] == pytest.approx(trivial, abs=1e-7)
    assert 0 <= result.values[2, 1] <= 6


@pytest.mark.parametrize(
    "metric",
    [ng.SVCCA(n_components=2), ng.SubspaceDistance(n_components=2), ng.EigenspaceOverlap(n_components=2)],
    ids=repr,
)
def test_undetermined_components_are_remarked_on(metric):
    tied = scipy.linalg.hadamard(8)[:, 1:4].astype(float)
    with pytest.warns(
        UserWarning, match="the last component kept of X is as large as the first one left out"
    ):
        metric.compare(tied, X[:8, :4])
    metric.compare(tied * [1.0, 1.0, 0.9], X[:8, :4])


def test_two_stimuli_are_one_direction():
    """Centred responses to two stimuli are multiples of one another."""
    x, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0], [2.0]])
    for name in (*linear.SIMILARITIES, *linear.DISTANCES):
        metric = ng.metrics.METRICS[name]()
        if name == "ridge":  # which leaves stimuli out
            continue
        known = {"bures": (np.sqrt(13) - 2) / np.sqrt(2), "eigenspace_overlap": 0.5}  # the latter not centred
        known = known.get(name, float(metric.is_similarity))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # as many independent units as stimuli
            assert metric.compare(x, y) == pytest.approx(known, abs=1e-12), name


# ---- options


def test_options_are_in_the_name():
    names = [metric.name for metric in measures.METRICS.values()]
    assert len(set(names)) == len(names)
    assert ng.Ridge(10, folds=3, score="pearson").name == "ridge(10, 3 folds, pearson)"
    assert ng.SVCCA(0.9).name == "svcca(0.9)"
    assert ng.SubspaceDistance("chordal", n_components=3).name == "chordal(3 components)"
    assert ng.Bures(normalize=True, center=False).name == "bures(normalized, uncentered)"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: ng.NBS(center=1), TypeError, "center must be True or False, not 1"),
        (lambda: ng.Bures(normalize="yes"), TypeError, "normalize must be True or False, not 'yes'"),
        (lambda: ng.MeanCCA(squared=None), TypeError, "squared must be True or False"),
        (lambda: ng.PWCCA(center=None), TypeError, "center must be True or False"),
        (lambda: ng.SVCCA(0), ValueError, "variance must be above 0 and at most 1, not 0.0"),
        (lambda: ng.SVCCA(1.01), ValueError, "variance must be above 0 and at most 1"),
        (lambda: ng.SVCCA(np.nan), ValueError, "variance must be finite"),
        (lambda: ng.SVCCA("0.9"), TypeError, "variance must be a number, not str"),
        (lambda: ng.SVCCA(n_components=0), ValueError, "n_components must be at least 1, not 0"),
        (lambda: ng.SVCCA(n_components=2.0), TypeError, "n_components must be an integer"),
        (lambda: ng.LinearR2(center="no"), TypeError, "center must be True or False"),
        (lambda: ng.Ridge(-1), ValueError, "penalty must not be negative, not -1.0"),
        (lambda: ng.Ridge(np.inf), ValueError, "penalty must be finite"),
        (lambda: ng.Ridge([1, 10]), TypeError, "penalty must be a number, not list"),
        (lambda: ng.Ridge(folds=1), ValueError, "folds must be at least 2, not 1"),
        (lambda: ng.Ridge(folds=2.5), TypeError, "folds must be an integer"),
        (lambda: ng.Ridge(score="mse"), ValueError, "score must be one of 'r2', 'pearson', not 'mse'"),
        (lambda: ng.GULP(-0.1), ValueError, "penalty must not be negative, not -0.1"),
        (lambda: ng.GULP(None), TypeError, "penalty must be a number, not NoneType"),
        (lambda: ng.SubspaceDistance("martin"), ValueError, "kind must be one of 'grassmann'"),
        (lambda: ng.SubspaceDistance(n_components=-1), ValueError, "n_components must be at least 1"),
        (lambda: ng.SubspaceDistance(center=0), TypeError, "center must be True or False"),
        (lambda: ng.EigenspaceOverlap(n_components=True), TypeError, "n_components must be an integer"),
        (lambda: ng.EigenspaceOverlap(center="x"), TypeError, "center must be True or False"),
        (lambda: ng.subspace_angles(X, Y[:9]), ValueError, "X has 40 and Y has 9"),
        (lambda: ng.subspace_angles(X, Y[0]), ValueError, "Y must be two-dimensional|'Y'. must be two"),
        (lambda: ng.subspace_angles(X, np.ones((40, 2))), ValueError, "Y does not vary"),
        (lambda: ng.subspace_angles(X, Y * np.nan), ValueError, r"Y\[0, 0\] is nan"),
        (lambda: ng.subspace_angles(X, ng.RDM(np.ones(780))), TypeError, "Y is an RDM"),
        (lambda: ng.subspace_angles(X, Y, n_components=0), ValueError, "n_components must be at least 1"),
        (lambda: ng.Ridge(folds=41).similarity(X, Y), ValueError, "folds is 41, but X has only 40 stimuli"),
    ],
)
def test_bad_options(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_subspace_angles_take_what_metrics_take():
    known = ng.subspace_angles(X, Y)
    assert known.dtype == np.float64
    assert known.shape == (9,)
    assert (np.diff(known) <= 0).all()
    np.testing.assert_array_equal(ng.subspace_angles(X.tolist(), ng.Representation(Y)), known)
    np.testing.assert_array_equal(ng.SubspaceDistance().angles(X, Y), known)
    np.testing.assert_allclose(ng.subspace_angles(1e-8 * X, 1e8 * Y), known, rtol=1e-10)
    ids = np.arange(40)
    with pytest.raises(ValueError, match="the order of the stimulus ids differs"):
        ng.subspace_angles(ng.Representation(X, ids=ids), ng.Representation(Y, ids=ids[::-1]))
