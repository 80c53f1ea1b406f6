"""The registry's measures of matched units, by definition; why three of its values are not ours."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from neurogeom.compat import similarity
from neurogeom.compat.similarity._matching import MEASURES, MaximumMatch
from neurogeom.compat.similarity._splits import fold_members

NAMES = sorted(MEASURES)
DRAWS = np.random.RandomState(0)
X, Y = DRAWS.uniform(size=(30, 25)), DRAWS.uniform(size=(30, 25))


def matched_sum(products):
    return products[scipy.optimize.linear_sum_assignment(products, maximize=True)].sum()


def bfloat16(array):
    """Rounded to 8 significant bits, as float32."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def test_wreath_procrustes_of_the_table_matches_stimuli_in_bfloat16():
    unit_rows = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (X, Y)]
    products = bfloat16(unit_rows[0]) @ bfloat16(unit_rows[1]).T
    assert 1 - np.sqrt((60 - 2 * matched_sum(products)) / 120) == pytest.approx(0.7139440178871155, rel=1e-6)
    units = [side / np.linalg.norm(side, axis=0) for side in (X, Y)]
    expected = 1 - np.sqrt((50 - 2 * matched_sum(units[0].T @ units[1])) / 100)
    assert similarity.make("wreath_procrustes")(X, Y) == pytest.approx(expected, rel=1e-12)


def test_soft_correlation_match_of_the_table_is_hard_and_in_bfloat16():
    units = [side - side.mean(axis=0) for side in (X, Y)]
    units = [side / np.linalg.norm(side, axis=0) for side in units]
    products = bfloat16(units[0]).T @ bfloat16(units[1])
    assert matched_sum(products) / 25 == pytest.approx(0.33659603595733645, rel=1e-6)
    found = similarity.make("measure/resi/soft_correlation_match")(X, Y)
    assert found == pytest.approx(0.3761355416924346, rel=1e-10)  # resi's, in the table too


def test_procrustes_over_folds_ignores_what_the_fit_does_not_determine():
    """24 stimuli are fitted in 25 dimensions; two arbitrary ones enter the value of the table."""
    angles = []
    for fold in fold_members(30, 5, 42):
        train = np.setdiff1d(np.arange(30), fold)
        means = [side[train].mean(axis=0) for side in (X, Y)]
        u, s, vt = np.linalg.svd((X[train] - means[0]).T @ (Y[train] - means[1]))
        rank = int((s > 1e-10).sum())
        assert rank == 23
        x, y = X[fold] - means[0], Y[fold] - means[1]
        product = ((x @ u[:, :rank]) * (y @ vt[:rank].T)).sum()
        angles.append(np.arccos(product / np.linalg.norm(x) / np.linalg.norm(y)))
    found = similarity.make("procrustes-distance=angular-cv=5folds")(X, Y)
    assert found == pytest.approx(np.mean(angles), rel=1e-10)


def test_aligned_cosines_by_definition():
    for name, (x, y) in (
        ("aligned_cosine_similarity", (X, Y)),
        ("aligned_cossim", (X - X.mean(axis=0), Y - Y.mean(axis=0))),
    ):
        q = scipy.linalg.orthogonal_procrustes(x, y)[0]
        cosines = ((x @ q) * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
        assert similarity.make(name)(X, Y) == pytest.approx(cosines.mean(), rel=1e-10)
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(25, 25)))[0]
        assert similarity.make(name)(X @ rotation, X) == pytest.approx(1.0, rel=1e-12)


def test_maximum_match():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(40, 3))
    x = np.hstack([shared @ rng.normal(size=(3, 4)), rng.normal(size=(40, 2)), np.zeros((40, 1))])
    y = np.hstack([rng.normal(size=(40, 5)), shared @ rng.normal(size=(3, 3))])
    assert MaximumMatch().compare(x, y) == pytest.approx(7 / 15)
    assert MaximumMatch().compare(y, x) == pytest.approx(7 / 15)
    assert MaximumMatch().compare(x[:, 4:6], y) == 0
    # Nothing spans a unit that only one of two would-be matches has: it takes its partner's match along.
    assert MaximumMatch().compare(x[:, :2], y) == 0
    assert MaximumMatch(1.0).compare(x[:, :6], y) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_in_company_and_unequal_sizes(name):
    items = [X, Y, Y[:, :7], X + 0.1 * Y]
    found = similarity.pairwise([name], items)[name]
    for i, j in ((0, 1), (0, 2), (2, 3)):
        assert found.values[i, j] == pytest.approx(similarity.make(name)(items[i], items[j]), rel=1e-12)
    if found.symmetric:
        assert similarity.make(name)(Y, X) == pytest.approx(found.values[0, 1], rel=1e-9)
    assert np.isfinite(found.values).all()


def test_folds_need_stimuli():
    with pytest.raises(ValueError, match="needs at least 10 stimuli"):
        similarity.make("pairwisematching")(X[:9], Y[:9])


def test_pairwise_matching_is_best_partners_over_folds():
    found = []
    for fold in fold_members(30, 5, 42):
        train = np.setdiff1d(np.arange(30), fold)
        metric = ng.MatchedCorrelation("best")
        result = ng.pairwise([X[train]], metric, others=[Y[train]], test=([X[fold]], [Y[fold]]))
        found.append(result.held_out[0, 0])
    assert similarity.make("pairwisematching")(X, Y) == pytest.approx(np.mean(found), rel=1e-12)
