"""Profiles of layers: what the single functions return, in one table; names in errors; bits."""

from __future__ import annotations

import dataclasses

import neurogeom as ng
import numpy as np
import pytest
from helpers.clouds import gaussian_clouds
from helpers.same_bits import assert_same_bits
from neurogeom.clouds.dimensionality import participation_error

FEW = {"n_shots": (1, 5), "n_samples": 40, "rng": 0}
LABELS = np.repeat(["ant", "bee", "cat", "dog"], 8)


def layers():
    return {
        "first": np.vstack(gaussian_clouds(4, 8, 20, spread=0.9)),
        "last": np.vstack(gaussian_clouds(4, 8, 30, spread=0.4)) * 100,
    }


@pytest.fixture(scope="module")
def profile():
    return ng.representation_profile(layers(), LABELS, **FEW)


def test_numbers_are_those_of_the_single_functions(profile):
    draws = {"n_samples": 40, "rng": 0}
    assert profile.layer.tolist() == ["first", "last"]
    assert profile.n_shots.tolist() == [1, 5]
    for k, X in enumerate(layers().values()):
        classes = ng.manifolds(X, LABELS)
        alone = ng.manifold_capacity(classes, **draws)
        few = ng.fewshot_geometry(classes, (1, 5))
        joint = ng.effective_geometry(classes, inactive="drop", **draws)
        local, collapse = ng.intrinsic_dimension(X), ng.neural_collapse(classes)
        expected = {
            "capacity": (alone.mean_capacity, alone.mean_capacity_se),
            "anchor_radius": (alone.mean_radius, alone.mean_radius_se),
            "anchor_dimension": (alone.mean_dimension, alone.mean_dimension_se),
            "fewshot_radius": (few.mean_radius, few.mean_radius_se),
            "fewshot_dimension": (few.mean_dimension, few.mean_dimension_se),
            "signal": (few.mean_signal, few.mean_signal_se),
            "intrinsic_dimension": (local.dimension, local.dimension_se),
            "nc1": (collapse.nc1, collapse.nc1_se),
            "effective_dimension": (joint.effective_dimension, joint.effective_dimension_se),
            "utility": (joint.utility, joint.utility_se),
        }
        for name, (value, error) in expected.items():
            assert (getattr(profile, name)[k], getattr(profile, f"{name}_se")[k]) == (value, error), name
        np.testing.assert_array_equal(profile.fewshot_error[k], few.mean_error)
        np.testing.assert_array_equal(profile.fewshot_error_se[k], few.mean_error_se)
        assert profile.participation_ratio[k] == ng.dimensionality(X).participation_ratio
        assert profile.n_used[k] == joint.n_used
        assert profile.n_features[k] == X.shape[1]
    assert profile.n_points.tolist() == [32, 32]
    assert profile.n_manifolds.tolist() == [4, 4]


@pytest.mark.parametrize("n_features", [6, 40])
def test_error_of_the_participation_ratio(n_features):
    """Against the jackknife that deletes each point of each class."""
    rng = np.random.default_rng(0)
    sizes = np.array([30, 40, 35])
    X = rng.standard_normal((105, n_features)) * np.linspace(2, 0.2, n_features)
    X += np.repeat(rng.standard_normal((3, n_features)), sizes, axis=0)
    variance = 0.0
    for n, rows in zip(sizes, np.split(np.arange(105), np.cumsum(sizes)[:-1]), strict=True):
        without = []
        for i in rows:  # the share of the class does not change: the others stand for the one left out
            weights = np.ones(105)
            weights[rows] = n / (n - 1)
            weights[i] = 0
            centred = X - weights @ X / 105
            spread = (centred * weights[:, None]).T @ centred
            without.append(np.trace(spread) ** 2 / np.sum(spread**2))
        variance += (n - 1) * np.var(without)
    assert participation_error(X, sizes) == pytest.approx(np.sqrt(variance), rel=2 / 30)
    assert participation_error(1e-8 * X, sizes) == pytest.approx(participation_error(X, sizes), rel=1e-9)
    assert np.isnan(participation_error(X, np.array([104, 1])))


def test_kinds_of_layers(profile):
    X = layers()
    sets = {name: ng.manifolds(one, LABELS) for name, one in X.items()}
    assert_same_bits(ng.representation_profile(sets, **FEW).to_dict(), profile.to_dict())
    lists = {name: list(classes) for name, classes in sets.items()}
    assert_same_bits(ng.representation_profile(lists, **FEW).to_dict(), profile.to_dict())
    arrays = {b"first": X["first"].reshape(4, 8, 20), "last": X["last"].reshape(4, 8, 30)}
    assert_same_bits(ng.representation_profile(arrays, **FEW).to_dict(), profile.to_dict())
    mappings = {name: dict(zip("abcd", classes, strict=True)) for name, classes in sets.items()}
    assert_same_bits(ng.representation_profile(mappings, **FEW).to_dict(), profile.to_dict())
    for one, labels in ((sets["last"], None), (lists["last"], None), (X["last"], LABELS)):
        found = ng.representation_profile(one, labels, **FEW)
        assert found.layer.tolist() == ["data"]
        assert found.capacity[0] == profile.capacity[1]
        np.testing.assert_array_equal(found.fewshot_error[0], profile.fewshot_error[1])


def test_one_number_of_shots(profile):
    found = ng.representation_profile(layers(), LABELS, **FEW | {"n_shots": 5})
    assert found.n_shots.tolist() == [5]
    np.testing.assert_array_equal(found.fewshot_error[:, 0], profile.fewshot_error[:, 1])


def test_seeds_and_threads(profile):
    generator = np.random.default_rng(0)
    for rng in (np.int64(0), np.random.SeedSequence(0), generator):
        found = ng.representation_profile(layers(), LABELS, **FEW | {"rng": rng, "n_threads": 2})
        assert_same_bits(found.to_dict(), profile.to_dict())
    again = ng.representation_profile(layers(), LABELS, **FEW | {"rng": generator})
    assert (again.capacity != profile.capacity).all()  # the generator went on


def test_input_is_not_changed_and_progress_is_told():
    X, seen = layers(), []
    before = {name: one.copy() for name, one in X.items()}
    ng.representation_profile(X, LABELS, progress=lambda done, total: seen.append((done, total)), **FEW)
    for name, one in X.items():
        np.testing.assert_array_equal(one, before[name])
    assert seen == [(1, 2), (2, 2)]


def test_saved_and_tabulated(profile, tmp_path):
    profile.save(tmp_path / "p.npz")
    loaded = ng.load(tmp_path / "p.npz")
    assert_same_bits(loaded.to_dict(), profile.to_dict())
    assert repr(loaded) == "RepresentationProfile(2 layers, n_shots=[1, 5])"
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.capacity = None
    pytest.importorskip("pandas")
    table = profile.to_dataframe()
    assert table["layer"].tolist() == ["first", "last"]
    assert {"anchor_dimension", "fewshot_dimension", "nc1_se", "n_used"} <= set(table.columns)
    np.testing.assert_array_equal(table["fewshot_error_5"], profile.fewshot_error[:, 1])
    np.testing.assert_array_equal(table["fewshot_error_5_se"], profile.fewshot_error_se[:, 1])


@pytest.mark.filterwarnings("ignore::neurogeom.ConvergenceWarning")
def test_logits():
    X = layers()
    X["logits"] = X["last"][:, :4]
    numbers = np.repeat([0, 1, 2, 3], 8)
    found = ng.representation_profile(X, numbers, logits="logits", **FEW)
    said = ng.logits.summary(X["logits"], numbers)
    for name in ("confidence", "entropy", "energy", "gap", "accuracy", "margin", "auroc"):
        for end in ("", "_se"):
            values = getattr(found, f"logit_{name}{end}")
            assert np.isnan(values[:2]).all()
            np.testing.assert_array_equal(values[2], getattr(said, f"{name}{end}"))
    # Classes that are no columns: no accuracy.
    found = ng.representation_profile(X, numbers + 1, logits=["logits", "last"], **FEW)
    assert np.isfinite(found.logit_confidence).tolist() == [False, True, True]
    assert np.isnan(found.logit_accuracy).all()
    pytest.importorskip("pandas")
    assert "logit_confidence_se" in found.to_dataframe()
    assert "logit_confidence" not in ng.representation_profile(X, numbers, **FEW).to_dataframe()


# What is not as it should be


def with_last(change):
    X = layers()
    X["last"] = change(X["last"])
    return X


def set_nan(X):
    X[3, 2] = np.nan
    return X


@pytest.mark.parametrize(
    ("given", "labels", "error", "text"),
    [
        (with_last(set_nan), LABELS, ValueError, r"layers\['last'\]: X\[3, 2\] is nan"),
        (
            with_last(lambda X: X[:-1]),
            LABELS,
            ValueError,
            r"layers\['last'\]: labels must give one label for",
        ),
        (with_last(lambda X: X * 0), LABELS, ValueError, r"layers\['last'\]: manifolds has no extent"),
        (with_last(lambda X: X.astype(complex)), LABELS, TypeError, r"layers\['last'\]: X .*complex128"),
        (with_last(lambda X: X[0]), LABELS, ValueError, r"layers\['last'\]: X must be two-dimensional"),
        (
            layers(),
            None,
            ValueError,
            r"layers\['first'\] is a matrix of shape \(32, 20\), which needs labels",
        ),
        (layers(), np.zeros(32, int), ValueError, r"layers\['first'\]: manifolds holds one manifold"),
        ({}, LABELS, ValueError, "layers is empty"),
        ({"1": np.eye(32), b"1": np.eye(32)}, LABELS, ValueError, "two of the keys of layers are '1'"),
        (np.eye(32), None, ValueError, "for one matrix with labels"),
        (None, None, TypeError, "must be a list of arrays"),
    ],
)
@pytest.mark.filterwarnings("ignore::neurogeom.ConvergenceWarning")
def test_errors_name_the_layer(given, labels, error, text):
    with pytest.raises(error, match=f"^.*{text}"):
        ng.representation_profile(given, labels, **FEW)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_shots": 0}, ValueError, "n_shots must be at least 1, not 0"),
        ({"n_shots": []}, ValueError, "n_shots is empty"),
        ({"n_shots": [1, 2.5]}, TypeError, "n_shots must be an integer"),
        ({"n_samples": 0}, ValueError, "n_samples must be at least 1"),
        ({"inactive": "off"}, ValueError, "inactive must be one of"),
        ({"logits": "top"}, ValueError, "logits names 'top', which is none of the layers: first, last"),
        ({"rng": "a"}, TypeError, "rng must be"),
        ({"progress": "x"}, TypeError, "progress must be"),
        ({"seed": 3}, TypeError, "use rng=3"),
    ],
)
def test_options(options, error, text):
    with pytest.raises(error, match=text):
        ng.representation_profile(layers(), LABELS, **FEW | options)


def test_warnings_name_the_layer():
    X = layers()
    X["last"][1] = X["last"][0]
    with pytest.warns(UserWarning, match=r"^layers\['last'\]: 1 of the 32 rows of X repeat") as caught:
        found = ng.representation_profile(X, LABELS, **FEW)
    assert {one.filename for one in caught} == {__file__}
    assert np.isfinite(found.intrinsic_dimension).all()
