"""The drop-in for glue: the published formulas under the names and in the orientation of that package."""

from __future__ import annotations

import csv
import os
import pathlib
import sys

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest
from helpers.cones import nnls
from neurogeom.capacity.joint import INACTIVE, geometry_of
from neurogeom.compat import glue

SPELLINGS = {"axis_alignment": "axes_alignment", "center_axis_alignment": "center_axes_alignment"}
KEYS = {
    "capacity": "capacity",
    "dimension": "effective_dimension",
    "radius": "effective_radius",
    "radius_mean_ratio": "effective_radius_mean_ratio",
    "utility": "utility",
    "approx_capacity": "approximate_capacity",
    "axis_alignment": "axis_alignment_abs",
    "center_axis_alignment": "own_center_axis_alignment_abs",
}
TABLE = pathlib.Path(
    os.environ.get("NEUROGEOM_GLUE_TABLE")
    or pathlib.Path(__file__).parents[3] / "shared" / "data" / "glue_official_table.csv"
)


def clouds(n_manifolds=6, n_features=60, n_points=8):
    """The reference data, (N, M) each; with the default sizes those of the stored values."""
    rs = np.random.RandomState(20)
    rs.randn(n_features, 1)
    return [rs.randn(n_features, 1) + 0.5 * rs.randn(n_features, n_points) for _ in range(n_manifolds)]


def rows(X):
    return [cloud.T for cloud in X]


def published(X, T, Y):
    """Capacity, geometry and signed alignments by the published formulas, NNLS and pseudo-inverses."""
    points, sizes = np.concatenate(rows(X)), [cloud.shape[1] for cloud in X]
    P, starts = len(X), np.cumsum([0, *sizes])
    S = np.zeros((len(T), P, points.shape[1]))
    for k, (t, y) in enumerate(zip(T, Y, strict=True)):
        weights = nnls((points * np.repeat(y, sizes)[:, None]).T, t)[0]
        for m in range(P):
            own = slice(starts[m], starts[m + 1])
            if weights[own].sum() > 0:
                S[k, m] = weights[own] @ points[own] / weights[own].sum()
    S0 = S.mean(axis=0)
    S1 = S - S0

    def form(s, t, gram):
        values, vectors = np.linalg.eigh(gram)
        kept = values > 1e-10 * values[-1]
        return (((vectors[:, kept].T @ (s @ t)) ** 2) / values[kept]).sum()

    a = np.array([form(s, t, s @ s.T) for s, t in zip(S, T, strict=True)])
    b = np.array([form(s, t, s @ s.T) for s, t in zip(S1, T, strict=True)])
    c = np.array([form(s, t, S0 @ S0.T + s @ s.T) for s, t in zip(S1, T, strict=True)])

    def unit(s):
        return s / np.linalg.norm(s, axis=-1, keepdims=True)

    others = ~np.eye(P, dtype=bool)
    result = {
        "capacity": P / a.mean(),
        "dimension": b.mean() / P,
        "radius": np.sqrt(c.mean() / (b - c).mean()),
        "radius_mean_ratio": np.sqrt((c / (b - c)).mean()),
        "utility": c.mean() / a.mean(),
        "center_alignment": (unit(S0) @ unit(S0).T)[others].mean(),
        "axis_alignment": np.mean([(unit(s) @ unit(s).T)[others].mean() for s in S1]),
        "center_axis_alignment": np.mean([(unit(S0) @ unit(s).T)[others].mean() for s in S1]),
    }
    return result | {"approx_capacity": (1 + result["radius"] ** -2) / result["dimension"]}


def test_values_are_those_of_the_published_formulas(monkeypatch):
    X = clouds()
    rs = np.random.RandomState(21)
    T, Y = rs.randn(200, 60), rs.choice([-1.0, 1.0], (200, 6))
    give_draws(monkeypatch, T)
    options = {"alignment": "signed_cos", "inactive": "zero", "center_axis": "other"}
    result = glue.glue_analysis(X, Y, 200, seed=0, preprocess_type=None, **options)
    for name, value in published(X, T, Y).items():
        assert result[name] == pytest.approx(value, rel=1e-8), name
    stored = {
        "capacity": 0.8594896128781013,
        "dimension": 2.6481289645802537,
        "radius": 0.7066617435163449,
        "utility": 0.7580430506830502,
        "center_alignment": 0.027351142113424577,
    }
    for name, value in stored.items():
        assert result[name] == pytest.approx(value, rel=1e-8), name


def give_draws(monkeypatch, T):
    def geometry(*arguments, **options):
        return geometry_of(*arguments, **options | {"gaussians": T})

    monkeypatch.setattr(glue, "geometry_of", geometry)


def official(X, T, Y):
    """The conventions that the table of the original shows: an inactive manifold leaves the sample."""
    points, sizes = np.concatenate(rows(X)), [cloud.shape[1] for cloud in X]
    P, starts = len(X), np.cumsum([0, *sizes])
    S, active = np.zeros((len(T), P, points.shape[1])), np.zeros((len(T), P), dtype=bool)
    for k, (t, y) in enumerate(zip(T, Y, strict=True)):
        weights = nnls((points * np.repeat(y, sizes)[:, None]).T, t)[0]
        for m in range(P):
            own = slice(starts[m], starts[m + 1])
            active[k, m] = weights[own].sum() > 0
            if active[k, m]:
                S[k, m] = weights[own] @ points[own] / weights[own].sum()
    S0 = np.array([S[active[:, m], m].mean(axis=0) for m in range(P)])

    def form(u, gram):
        return u @ np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ u if len(u) else 0.0

    def unit(s):
        return s / np.linalg.norm(s, axis=-1, keepdims=True)

    a, b, c, axes, own = [], [], [], [], []
    for s, t, A in zip(S, T, active, strict=True):
        s1, s0 = (s - S0)[A], S0[A]
        a.append(form(s[A] @ t, s[A] @ s[A].T))
        b.append(form(s1 @ t, s1 @ s1.T))
        c.append(form(s1 @ t, s0 @ s0.T + s1 @ s1.T))
        cosines = np.zeros((P, P))
        cosines[np.ix_(A, A)] = np.abs(unit(s1) @ unit(s1).T)
        axes.append(cosines)
        own.append(np.where(A, np.abs((unit(S0) * unit(s - S0)).sum(axis=1)), 0))
    a, b, c = (np.mean(values) for values in (a, b, c))
    others = ~np.eye(P, dtype=bool)
    together = np.mean(active[:, :, None] & active[:, None], axis=0)
    return {
        "capacity": P / a,
        "dimension": b / P,
        "radius": np.sqrt(c / (b - c)),
        "utility": c / a,
        "center_alignment": (np.abs(unit(S0) @ unit(S0).T) * together)[others].mean(),
        "axis_alignment": np.mean(axes, axis=0)[others].mean(),
        "center_axis_alignment": np.mean(own),
    }


@pytest.mark.parametrize("shape", [(2, 40, 12), (5, 30, 4)])
def test_defaults_are_the_conventions_of_the_original(shape, monkeypatch):
    X = clouds(*shape)
    rs = np.random.RandomState(3)
    T, Y = rs.randn(60, shape[1]), rs.choice([-1, 1], (60, shape[0]))
    give_draws(monkeypatch, T)
    result = glue.glue_analysis(X, Y, 60, seed=0, preprocess_type=None)
    for name, value in official(X, T, Y).items():
        assert result[name] == pytest.approx(value, rel=1e-8), name
    again = glue.gcmc_analysis(X, Y, 60, seed=0)
    assert again == result


# ---- the table of the original ----------------------------------------------------------------


def identity(row, prefix=""):
    capacity, dimension, radius, utility = (
        float(row[f"{prefix}{name}"]) for name in ("capacity", "dimension", "radius", "utility")
    )
    return utility * (1 + radius**-2) / dimension / capacity - 1


@pytest.mark.skipif(not TABLE.exists(), reason=f"no table of the original (NEUROGEOM_GLUE_TABLE): {TABLE}")
def test_identity_in_the_table_of_the_original():
    """Its radius is a root of a ratio of means, and its simulated capacity P / n for a whole n from 2 on."""
    with TABLE.open(encoding="utf-8") as file:
        table = [row for row in csv.DictReader(file) if row["capacity"]]
    assert len(table) == 2705
    for row in table:
        assert abs(identity(row)) < 1e-14
        assert abs(identity(row, "shuffle_")) < 1e-14
        n = 2 / float(row["capacity_simulation"])
        assert abs(n - round(n)) < 1e-12 * n
        assert n > 1.5


@pytest.mark.parametrize("inactive", ["drop", "zero", "exclude", "maxproj"])
@pytest.mark.parametrize("shape", [(2, 40, 60), (6, 60, 8)])
def test_identity_in_results_of_ours(shape, inactive):
    """Here too, whatever stands for inactive manifolds."""
    result = glue.glue_analysis(clouds(*shape), seed=0, n_hyperplanes=50, inactive=inactive)
    assert abs(identity(result)) < 1e-12


def test_simulated_capacity_is_that_of_a_whole_number():
    X = glue.reallocate_origin(clouds(4, 60, 20), scale=0.0)
    np.testing.assert_allclose(np.concatenate(X, axis=1).sum(axis=1), 0, atol=1e-12)
    labels = [[-1, 1, -1, 1]]
    n = 4 / glue.simulation_capacity(X, labels, n_trials=50, seed=3)
    native = ng.simulated_capacity(
        rows(X), n_trials=50, dichotomies=np.tile(labels, (50, 1)), center=False, rng=np.random.default_rng(3)
    )
    assert n == round(n)
    assert round(n) == native.dimensions[np.argmin(np.abs(native.fraction_separable - 0.5))]
    assert abs(n - native.critical_dimension) < 1
    points = glue.reallocate_origin(clouds(2, 60, 1))  # separable in one dimension; the original begins at 2
    assert glue.simulation_capacity(points, [[-1, 1]], seed=0) == 1
    with pytest.warns(ng.ConvergenceWarning, match="not separable in any dimension up to 5: the capacity"):
        assert np.isnan(glue.simulation_capacity(clouds(4, 5, 40), labels, seed=0))
    with pytest.raises(NotImplementedError, match=r"scale must be 0, not 1.0: .* not published"):
        glue.reallocate_origin(X, 1.0)


def test_shuffled_manifolds_pool_all_points():
    X = [cloud[:, : 8 - m] for m, cloud in enumerate(clouds())]
    dealt = glue.shuffle_manifolds(X, seed=42)
    assert [cloud.shape for cloud in dealt] == [cloud.shape for cloud in X]
    before, after = (sorted(map(tuple, np.concatenate(rows(Y)))) for Y in (X, dealt))
    assert before == after
    assert all(
        len({tuple(p) for p in one.T} & {tuple(p) for p in two.T}) < 8
        for one, two in zip(X, dealt, strict=True)
    )
    np.testing.assert_array_equal(dealt[0], glue.shuffle_manifolds(X, seed=42)[0])


@pytest.mark.parametrize(
    ("analysis_type", "dichotomies"),
    [
        ("ONE_VERSUS_REST", "one_vs_rest"),
        ("FIRST_VERSUS_REST", "first_vs_rest"),
        ("random", "iid"),
        ("balanced", "balanced"),
        (ng.sparse_dichotomies(2), ng.sparse_dichotomies(2)),
        ([1, 1, -1, -1, 1, -1], np.tile([1, 1, -1, -1, 1, -1], (50, 1))),
        ("ONE_VERSUS_REST_ALL", 2 * np.tile(np.eye(6), (9, 1))[:50] - 1),
    ],
)
@pytest.mark.parametrize("preprocess_type", ["center", None])
def test_labels_and_centring(analysis_type, dichotomies, preprocess_type):
    X = clouds()
    result = glue.glue_analysis(X, analysis_type, 50, seed=3, preprocess_type=preprocess_type)
    native = ng.effective_geometry(
        rows(X),
        dichotomies=dichotomies,
        n_samples=50,
        inactive="drop",
        center=preprocess_type == "center",
        rng=np.random.default_rng(3),
    )
    for key, name in KEYS.items():
        np.testing.assert_equal(result[key], getattr(native, name), err_msg=key)


def test_both_spellings():
    result = glue.glue_analysis(clouds(), seed=0, return_matrix=True)
    for new, old in SPELLINGS.items():
        assert result[new] == result[old]
        np.testing.assert_array_equal(result[f"{new}_matrix"], result[f"{old}_matrix"])
    for name in ("center", "axis", "center_axis"):
        matrix = result[f"{name}_alignment_matrix"]
        assert matrix.shape == (6, 6)
        mean = matrix[np.eye(6, dtype=bool) == (name == "center_axis")].mean()
        assert result[f"{name}_alignment"] == pytest.approx(mean, abs=1e-12)
    assert not any(name.endswith("matrix") for name in glue.glue_analysis(clouds(), seed=0))


@pytest.mark.parametrize(("form", "suffix"), [("abs_cos", "_abs"), ("abs_raw", "_raw")])
def test_forms_of_alignments(form, suffix):
    result = glue.glue_analysis(clouds(), seed=0, alignment=form)
    native = ng.effective_geometry(
        rows(clouds()),
        dichotomies="one_vs_rest",
        n_samples=200,
        inactive="drop",
        rng=np.random.default_rng(0),
    )
    assert result["axis_alignment"] == getattr(native, f"axis_alignment{suffix}")
    assert result["capacity"] == native.capacity


@pytest.mark.parametrize("preprocess_type", ["center", None])
def test_bias_appends_a_constant(preprocess_type):
    X = clouds()
    result = glue.glue_analysis(X, "RANDOM", seed=1, bias=True, preprocess_type=preprocess_type)
    mean = np.concatenate(X, axis=1).mean(axis=1, keepdims=True) if preprocess_type else 0
    lifted = [np.vstack([cloud - mean, np.ones((1, 8))]) for cloud in X]
    other = glue.glue_analysis(lifted, "RANDOM", seed=1, preprocess_type=None)
    assert result["capacity"] == pytest.approx(other["capacity"], rel=1e-9)


def test_inactive_rule_reaches_the_analysis():
    X = clouds()
    found = {rule: glue.glue_analysis(X, seed=0, inactive=rule) for rule in INACTIVE}
    assert len({result["capacity"] for result in found.values()}) == 1
    assert len({result["radius"] for result in found.values()}) == 4
    other = glue.glue_analysis(X, seed=0, center_axis="other", return_matrix=True)
    matrix = other["center_axis_alignment_matrix"]
    assert other["center_axis_alignment"] == pytest.approx(matrix[~np.eye(6, dtype=bool)].mean())


def test_shuffle_deals_points_out():
    X = clouds(6, 200)
    before = [cloud.copy() for cloud in X]
    true, dealt = (glue.glue_analysis(X, seed=0, shuffle=shuffle) for shuffle in (False, True))
    assert dealt["capacity"] < 0.8 * true["capacity"]
    assert dealt == glue.glue_analysis(X, seed=0, shuffle=True)
    assert dealt["capacity"] != glue.glue_analysis(X, seed=1, shuffle=True)["capacity"]
    for one, other in zip(X, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_seeds():
    X = np.stack(clouds())
    np.random.seed(0)
    first, second = glue.glue_analysis(X), glue.glue_analysis(list(X))
    np.random.seed(0)
    assert glue.glue_analysis(X, backend="cvxopt", scale=1) == first != second
    assert glue.glue_analysis(X, seed=4) == glue.glue_analysis(X, seed=4, n_threads=2)


def test_unequal_numbers_of_points_and_inseparable_data():
    X = clouds()
    X[1] = X[1][:, :3]
    assert np.isfinite(glue.glue_analysis(X, seed=0)["radius"])
    with pytest.warns(ng.ConvergenceWarning, match="cannot be separated"):
        flat = glue.glue_analysis(clouds(6, 5, 30), seed=0)
    assert flat["capacity"] < 3


# ---- tables -----------------------------------------------------------------------------------


def test_rows_and_index():
    X = clouds(6, 200)
    table = glue.glue_analysis_dataframe(
        X, (7, "V1"), ["subject", "area"], "FIRST_VERSUS_REST", n_hyperplanes=40, shuffle=True, seed=5,
        scale=1, geometry=True,
    )  # fmt: skip
    assert table.index.names == ["subject", "area", "shuffle", "seed"]
    assert list(table.index) == [(7, "V1", False, 5), (7, "V1", True, 5)]
    for dealt, (_, row) in zip((False, True), table.iterrows(), strict=True):
        result = glue.glue_analysis(X, "FIRST_VERSUS_REST", 40, 5, shuffle=dealt)
        assert row.to_dict() == result
    assert {"center_alignment", *KEYS, *SPELLINGS.values()} == set(table.columns)


def test_tables_can_be_concatenated_and_carry_matrices():
    parts = [
        glue.glue_analysis_dataframe(
            clouds(), indices=(k,), indices_name=["rep_num"], seed=k, return_matrix=True, bias=True
        )
        for k in range(3)
    ]
    whole = pd.concat([table for table, _ in parts])
    assert list(whole.index.get_level_values("rep_num")) == [0, 1, 2]
    assert whole["capacity"].nunique() == 3
    assert parts[0][1]["axes_alignment_matrix"].shape == (1, 6, 6)
    assert set(parts[0][1]) == {
        f"{name}_alignment_matrix" for name in ("center", "axis", "axes", "center_axis", "center_axes")
    }


def test_table_without_indices_takes_the_global_seed():
    np.random.seed(0)
    first = glue.glue_analysis_dataframe(clouds())
    np.random.seed(0)
    pd.testing.assert_frame_equal(first, glue.glue_analysis_dataframe(clouds()))
    assert first.index.names == ["shuffle", "seed"]


def test_missing_pandas_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'neurogeom\[pandas\]'"):
        glue.glue_analysis_dataframe(clouds())


def test_downsampling():
    X = clouds()
    kept = glue.downsample_manifolds(X, 5, seed=3)
    for own, cloud in zip(kept, X, strict=True):
        assert own.shape == (60, 5)
        assert {tuple(point) for point in own.T} <= {tuple(point) for point in cloud.T}
        assert len({tuple(point) for point in own.T}) == 5
    np.testing.assert_array_equal(kept, glue.downsample_manifolds(np.stack(X), n_points=5, seed=3))
    np.random.seed(1)
    first = glue.downsample_manifolds(X, 5)
    np.random.seed(1)
    np.testing.assert_array_equal(first, glue.downsample_manifolds(X, 5))


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"analysis_type": "TWO_VERSUS_REST"}, ValueError, "analysis_type must be one of 'ONE_VERSUS_REST'"),
        ({"analysis_type": [1, -1]}, ValueError, r"must have shape \(n_samples, n_manifolds\)"),
        ({"analysis_type": [1, -1, 0, 1, 1, 1]}, ValueError, r"labels must be \+1 or -1"),
        ({"n_hyperplanes": 0}, ValueError, "n_hyperplanes must be at least 1"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 1.5}, TypeError, "seed must be an integer"),
        ({"gaussianize": True}, NotImplementedError, "not published"),
        ({"preprocess_type": "zscore"}, ValueError, "preprocess_type must be one of 'center', 'None'"),
        ({"alignment": "cos"}, ValueError, "alignment must be one of 'signed_cos'"),
        ({"inactive": "none"}, ValueError, "inactive must be one of"),
        ({"center_axis": "cross"}, ValueError, "center_axis must be one of 'own', 'other'"),
        ({"scale": 2.0}, ValueError, "scale must be one of '0', '1', not '2'"),
        ({"manifolds": []}, ValueError, "manifolds is empty"),
        ({"manifolds": np.ones((3, 4))}, ValueError, r"must have shape \(P, N, M\)"),
        ({"manifolds": [np.ones((3, 4)), np.ones((2, 4))]}, ValueError, "number of features"),
        ({"manifolds": [np.ones((3, 4)), np.full((3, 4), np.inf)]}, ValueError, r"manifolds\[1\]\[0, 0\]"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        glue.glue_analysis(**{"manifolds": clouds(), "seed": 0} | options)


def test_bad_index():
    with pytest.raises(ValueError, match=r"indices must have one entry for each name in indices_name \(1\)"):
        glue.glue_analysis_dataframe(clouds(), (1, 2), ["rep"], seed=0)
