"""Pairs of classes: the bits of fewshot_geometry and fewshot_error, in whatever pieces they are computed."""

from __future__ import annotations

import csv
import signal

import neurogeom as ng
import numpy as np
import pytest
from helpers.processes import RUN, script, wait_until
from helpers.stores import chunks, nothing_left, quick_plan, short_measurements, swept

pytest.importorskip("zarr")

SIZES = (9, 14, 11, 8, 12, 10, 13)


def cloud(k, n_points, n_units=20):
    """A class about a centre of its own, as wide as no other."""
    rng = np.random.default_rng(k)
    return rng.normal(size=n_units) + (0.4 + 0.1 * k) * rng.normal(size=(n_points, n_units))


CLASSES = {f"class {k}": cloud(k, n) for k, n in enumerate(SIZES)}
OF_PAIRS = ("signal", "bias", "signal_noise_overlap", "signal_noise_overlap_other", "noise_noise_overlap")
MEASURED = {"n_episodes": 30, "seed": 5}


def asked(n_shots=5, **options):
    return ng.sweep.FewshotPairs(n_shots, **options)


def assert_same(found, classes=CLASSES, n_shots=(5,), measured=True, level="gaussian"):
    """Compare with the functions in memory, to the bit."""
    geometry = ng.fewshot_geometry(classes, list(n_shots), level=level)
    assert found.names.tolist() == list(classes)
    assert found.n_points.tolist() == [len(points) for points in classes.values()]
    assert found.radius.tobytes() == geometry.radius.tobytes()
    assert found.dimension.tobytes() == geometry.dimension.tobytes()
    for name in (*OF_PAIRS, "signal_se"):
        np.testing.assert_array_equal(found[name], getattr(geometry, name), err_msg=name)
    for k, m in enumerate(n_shots):
        end = f"_{m}" if len(n_shots) > 1 else ""
        for name in ("snr", "snr_se", "error", "error_se"):
            np.testing.assert_array_equal(found[name + end], getattr(geometry, name)[k], err_msg=name)
        if measured:
            trials = ng.fewshot_error(classes, m, n_episodes=30, rng=5)
            np.testing.assert_array_equal(found[f"measured{end}"], trials.error)
            np.testing.assert_array_equal(found[f"measured_se{end}"], trials.error_se)
    assert np.isfinite(found["error" + end][~np.eye(len(classes), dtype=bool)]).all()


@pytest.mark.parametrize(("tile", "n_threads"), [(1, 1), (3, 2), (100, 1)])
def test_any_tile_and_number_of_threads(tmp_path, tile, n_threads):
    found = swept(tmp_path / "s", CLASSES, asked(**MEASURED), tile=tile, n_threads=n_threads)
    assert_same(found)


def test_several_shots_another_level_and_no_trials(tmp_path):
    found = swept(tmp_path / "s", CLASSES, asked([1, 5], level="exact"), tile=3)
    assert not any("measured" in field for field in found.fields)
    assert_same(found, n_shots=(1, 5), measured=False, level="exact")
    found = swept(tmp_path / "t", CLASSES, asked([2, 3], **MEASURED), tile=3)
    assert_same(found, n_shots=(2, 3))


@pytest.mark.parametrize("scale", [2.0**-130, 3e55])
def test_any_scale(tmp_path, scale):
    classes = {name: scale * points for name, points in CLASSES.items()}
    assert_same(swept(tmp_path / "s", classes, asked(**MEASURED), tile=4), classes)


def test_corrected_dimension(tmp_path):
    found = swept(tmp_path / "s", CLASSES, asked(correct_dimension=True), tile=3)
    known = ng.fewshot_geometry(CLASSES, 5, correct_dimension=True)
    np.testing.assert_array_equal(found["error"], known.error)
    np.testing.assert_array_equal(found.dimension, known.dimension)


def test_labelled_rows_and_files(tmp_path):
    X = np.concatenate(list(CLASSES.values())).astype("f4")
    labels = np.repeat(np.arange(len(SIZES)), SIZES)
    order = np.random.default_rng(0).permutation(len(X))
    clouds = ng.manifolds(X[order], labels[order])
    found = swept(tmp_path / "s", clouds, asked(2), tile=3)
    assert_same(found, {str(k): points for k, points in enumerate(clouds)}, (2,), measured=False)
    np.savez(tmp_path / "classes.npz", **{f"class{k}": points for k, points in enumerate(clouds)})
    again = swept(tmp_path / "t", tmp_path / "classes.npz", asked(2), tile=4)
    assert again.values.tobytes() == found.values.tobytes()


# ---- in pieces


@pytest.mark.parametrize("sizes", [(2, 7), (4, 3)])
def test_extended(tmp_path, sizes):
    """Classes keep their numbers, and so their shots."""
    items = list(CLASSES.items())
    swept(tmp_path / "s", dict(items[: sizes[0]]), asked(**MEASURED), tile=3)
    before = chunks(tmp_path / "s")
    assert ng.sweep.extend(tmp_path / "s", dict(items[sizes[0] :])).left > 0
    partial = ng.sweep.open(tmp_path / "s")
    assert np.isnan(partial["error"][sizes[0] :]).all()
    assert np.isnan(partial.radius).tolist() == [False] * sizes[0] + [True] * (7 - sizes[0])
    assert ng.sweep.run(tmp_path / "s").is_complete
    assert before.items() <= chunks(tmp_path / "s").items()
    assert_same(ng.sweep.open(tmp_path / "s"))


def test_two_stateless_workers_and_verification(tmp_path):
    store = tmp_path / "s"
    quick_plan(CLASSES, asked(**MEASURED), store=store, tile=2)
    assert ng.sweep.work(store, rank=1, of=2, n_threads=2).is_complete
    assert_same(ng.sweep.open(store))
    found = ng.sweep.verify(store, sample=100)
    assert (found.is_sound, found.n_items, len(found.recomputed)) == (True, 7, 9)


def test_killed_and_resumed(tmp_path):
    store = tmp_path / "s"
    classes = {f"{k}": cloud(k % 7, 50, 40) for k in range(16)}
    jobs = asked(5, n_episodes=5000, seed=5)
    quick_plan(classes, jobs, store=store, tile=2)
    with script(RUN, store) as child:
        wait_until(lambda: len(chunks(store)) >= 3)
        child.send(signal.SIGKILL)
        child.wait()
    before = {name: file for name, file in chunks(store).items() if name[-1].isdigit()}  # none half written
    assert 2 <= ng.sweep.status(store).done == len(before) < 36
    assert ng.sweep.run(store).is_complete
    assert before.items() <= chunks(store).items()
    trials = ng.fewshot_error(classes, 5, n_episodes=5000, rng=5)
    np.testing.assert_array_equal(ng.sweep.open(store)["measured"], trials.error)


# ---- classes whose data do not allow it


def test_a_class_of_one_point_many_times(tmp_path):
    still = {**CLASSES, "class 3": np.ones((8, 20))}
    quick_plan(still, asked(**MEASURED), store=tmp_path / "s", tile=3)
    with pytest.warns(UserWarning, match="fewshot_geometry: the points of a class do not vary"):
        status = ng.sweep.run(tmp_path / "s")
    assert (list(status.remarks), dict(status.errors)) == ([3], {})
    with pytest.warns(ng.ConvergenceWarning, match="do not vary"):
        known = ng.fewshot_geometry(still, 5)
    found = ng.sweep.open(tmp_path / "s")
    np.testing.assert_array_equal(found["error"], known.error)
    np.testing.assert_array_equal(found["measured"], ng.fewshot_error(still, 5, n_episodes=30, rng=5).error)


def test_values_whose_powers_overflow_are_refused(tmp_path):
    huge = {**CLASSES, "class 3": 1e100 * CLASSES["class 3"]}
    quick_plan(huge, asked(), store=tmp_path / "s")
    with pytest.warns(UserWarning, match=r"'class 3'.* has values of the order .*: rescale all classes"):
        ng.sweep.run(tmp_path / "s")


def test_a_bad_class_is_named_and_costs_no_other_its_numbers(tmp_path):
    bad = CLASSES["class 2"].copy()
    bad[4, 3] = np.nan
    few = CLASSES["class 5"][:5]
    store = tmp_path / "s"
    quick_plan({**CLASSES, "class 2": bad, "class 5": few}, asked(**MEASURED), store=store, tile=3)
    with pytest.warns(UserWarning, match="2 of the items have no result"):
        status = ng.sweep.run(store)
    assert {entry["name"] for entry in status.errors.values()} == {"class 2", "class 5"}
    assert "leaves none to test beside 5 shots" in status.errors[5]["error"]
    found = ng.sweep.open(store)
    kept = [0, 1, 3, 4, 6]
    lost = np.ones((7, 7), dtype=bool)
    lost[np.ix_(kept, kept)] = False
    assert np.isnan(found.values[:, lost]).all()
    whole = swept(tmp_path / "whole", CLASSES, asked(**MEASURED), tile=3)
    assert found.values[:, ~lost].tobytes() == whole.values[:, ~lost].tobytes()
    assert np.isnan(found.radius).tolist() == [k not in kept for k in range(7)]
    assert ng.sweep.verify(store).is_sound


REFUSED = {
    "one class": ({"items": {"a": CLASSES["class 0"]}}, ValueError, "at least 2 representations, not 1"),
    "other units": (
        {"items": [CLASSES["class 0"], CLASSES["class 1"][:, 1:]]},
        ValueError,
        r"items\[1\] has 19 units, but items\[0\] has 20",
    ),
    "others": ({"others": CLASSES}, ValueError, "others belongs to sweeps over pairs, not over class pairs"),
    "null": ({"null": 3}, ValueError, "null belongs to sweeps over pairs, not over class pairs"),
    "unknown field": ({"fields": ["accuracy"]}, ValueError, "fields must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_plans_that_are_refused(case, tmp_path):
    options, error, text = REFUSED[case]
    with nothing_left(tmp_path), pytest.raises(error, match=text):
        ng.sweep.plan(options.pop("items", CLASSES), asked(), store=tmp_path / "s", **options)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_shots": 0}, ValueError, "n_shots must be at least 1"),
        ({"n_shots": []}, ValueError, "n_shots is empty"),
        ({"n_shots": [1, 1]}, ValueError, r"n_shots must be distinct, not \[1, 1\]"),
        ({"n_shots": 2.5}, TypeError, "n_shots must be an integer"),
        ({"level": "best"}, ValueError, "level must be"),
        ({"n_episodes": 0}, ValueError, "n_episodes must be at least 1"),
        ({"rule": "svm"}, ValueError, "rule must be"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_options_that_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        ng.sweep.FewshotPairs(**{"n_shots": 5, **options})


def test_extensions_that_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    names = [f"unit {k}" for k in range(20)]
    frames = {name: pandas.DataFrame(points, columns=names) for name, points in CLASSES.items()}
    quick_plan(frames, asked(), store=tmp_path / "s")
    with pytest.raises(ValueError, match=r"items\[0\] \('x'\) has 19 units, but the sweep has 20"):
        ng.sweep.extend(tmp_path / "s", {"x": cloud(1, 9, 19)})
    with pytest.raises(ValueError, match="other names of units than the sweep, or another order"):
        ng.sweep.extend(tmp_path / "s", {"x": frames["class 0"][names[::-1]]})


# ---- the plan and the results


def test_a_plan_says_what_it_costs(tmp_path):
    with short_measurements():
        plan = ng.sweep.plan(CLASSES, asked(**MEASURED), store=tmp_path / "s")
    assert (plan.n_items, plan.n_units) == (7, 21)
    assert "21 class pairs" in str(plan)
    assert plan.core_hours > 0
    assert ng.sweep.run(tmp_path / "s").is_complete


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    fields = ["error", "signal"]
    return swept(tmp_path_factory.mktemp("sweeps") / "s", CLASSES, asked(), fields=fields, tile=3)


def test_chosen_fields_and_means(found):
    geometry = ng.fewshot_geometry(CLASSES, 5)
    assert found.fields == ("error", "signal")
    np.testing.assert_array_equal(found["error"], geometry.error)
    assert found.mean("error") == pytest.approx(np.nanmean(geometry.error), rel=1e-12)
    with pytest.raises(KeyError, match="no field 'measured'; the fields are error, signal"):
        found["measured"]
    assert repr(found) == "FewshotMatrices(n_classes=7, n_shots=(5,), level=gaussian)"


def test_save_and_load(found, tmp_path):
    found.save(tmp_path / "f.npz")
    again = ng.load(tmp_path / "f.npz")
    assert type(again) is ng.sweep.FewshotMatrices
    assert again.values.tobytes() == found.values.tobytes()
    assert (again.fields, again.n_shots, again.level) == (found.fields, (5,), "gaussian")


def test_to_xarray(found):
    pytest.importorskip("xarray")
    data = found.to_xarray()
    assert data.sizes == {"row": 7, "column": 7}
    np.testing.assert_array_equal(data["error"], found["error"])


def test_exported(tmp_path):
    store = tmp_path / "s"
    found = swept(store, CLASSES, asked(), fields=["error", "signal"], tile=3)
    with open(ng.sweep.export(store, tmp_path / "f.csv"), newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["row", "column", "error", "signal"]
    assert len(rows) == 42
    at = {name: k for k, name in enumerate(CLASSES)}
    for row, column, error, _ in rows:
        assert float(error) == found["error"][at[row], at[column]]
    with np.load(ng.sweep.export(store, tmp_path / "f.npz")) as arrays:
        np.testing.assert_array_equal(arrays["signal"], found["signal"])
        np.testing.assert_array_equal(arrays["radius"], found.radius)
    with pytest.raises(ValueError, match="npy holds the matrix"):
        ng.sweep.export(store, tmp_path / "f.npy")
