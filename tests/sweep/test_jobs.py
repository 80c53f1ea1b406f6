"""Capacity jobs: the numbers of manifold_capacity and effective_geometry, item by item and seed by seed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import chunks, nothing_left, quick_plan, short_measurements, swept

pytest.importorskip("zarr")

from neurogeom.sweep import jobs as _capacity_jobs

LABELS = np.array(["cat", "dog", "owl"] * 4)
CENTRES = np.random.default_rng(9).normal(size=(3, 30))


def layer(k, n_units):
    """Points about three centres, in so many dimensions that they can be separated."""
    noise = np.random.default_rng(k).normal(size=(12, n_units))
    return 0.5 * noise + 2 * np.tile(CENTRES[:, :n_units], (4, 1))


ITEMS = {f"layer {k}": layer(k, 20 + k) for k in range(4)}
SEEDS = (0, 7)
KINDS = {
    "mean_field": (ng.manifold_capacity, {"n_samples": 40}),
    "joint": (ng.effective_geometry, {"n_samples": 20}),
}


def jobs_of(kind="mean_field", seeds=SEEDS, **options):
    return ng.sweep.CapacityJobs(LABELS, kind, seeds=seeds, **{**KINDS[kind][1], **options})


def expected(item, kind, seed, fields, **options):
    function, known = KINDS[kind]
    clouds = ng.manifolds(np.asarray(item, dtype=float), LABELS)
    result = function(clouds, rng=seed, n_threads=1, **{**known, **options})
    return [float(getattr(result, field)) for field in fields]


# ---- the same numbers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [1, 3, 100])
def test_values(kind, tile, tmp_path):
    table = swept(tmp_path / "s", ITEMS, jobs_of(kind), tile=tile, n_threads=2)
    assert table.method == KINDS[kind][0].__name__
    assert table.n_jobs == 8
    assert table.names.tolist() == [name for name in ITEMS for _ in SEEDS]
    assert table.seeds.tolist() == [*SEEDS] * 4
    for job, (name, seed) in enumerate(zip(table.names, table.seeds, strict=True)):
        known = np.array(expected(ITEMS[name], kind, int(seed), table.fields))
        assert table.values[:, job].tobytes() == known.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_all_single_numbers_are_fields_by_default(kind):
    result = KINDS[kind][0](ng.manifolds(ITEMS["layer 0"], LABELS), rng=0, **KINDS[kind][1])
    numbers = {
        name
        for name in dir(result)
        if not name.startswith("_")
        and isinstance(getattr(result, name), (int, float, np.number))
        and not isinstance(getattr(result, name), bool)
    }
    assert set(jobs_of(kind).available_fields()) == numbers
    assert {"mean_capacity", "capacity"} & numbers


def test_chosen_fields(tmp_path):
    fields = ["mean_radius", "mean_capacity"]
    table = swept(tmp_path / "s", ITEMS, jobs_of(), fields=fields)
    assert table.fields == tuple(fields)
    assert table.values.shape == (2, 8)
    known = [expected(item, "mean_field", seed, fields) for item in ITEMS.values() for seed in SEEDS]
    np.testing.assert_array_equal(table.values.T, known)
    np.testing.assert_array_equal(table["mean_capacity"], np.array(known)[:, 1])


def test_options_are_passed_on(tmp_path):
    options = {"margin": 0.5, "n_samples": 25}
    table = swept(tmp_path / "s", ITEMS, jobs_of(**options), fields=["mean_capacity"])
    known = [
        expected(x, "mean_field", s, ["mean_capacity"], **options)[0] for x in ITEMS.values() for s in SEEDS
    ]
    np.testing.assert_array_equal(table["mean_capacity"], known)


@pytest.mark.parametrize("dtype", ["f2", "f4", "i4", ">f8"])
def test_dtypes(dtype, tmp_path):
    items = {name: np.round(4 * item).astype(dtype) for name, item in ITEMS.items()}
    table = swept(tmp_path / "s", items, jobs_of(seeds=[1]), fields=["mean_radius"])
    known = [expected(item, "mean_field", 1, ["mean_radius"])[0] for item in items.values()]
    np.testing.assert_array_equal(table["mean_radius"], known)


def test_items_of_files_and_one_item(tmp_path):
    np.save(tmp_path / "conv.npy", ITEMS["layer 1"].astype("f4"))
    table = swept(tmp_path / "s", tmp_path / "conv.npy", jobs_of(seeds=[3]))
    assert table.names.tolist() == ["conv"]
    known = expected(ITEMS["layer 1"].astype("f4"), "mean_field", 3, table.fields)
    np.testing.assert_array_equal(table.values[:, 0], known)


def test_extension(tmp_path):
    first, rest = dict(list(ITEMS.items())[:3]), dict(list(ITEMS.items())[3:])
    swept(tmp_path / "s", first, jobs_of(), tile=4)
    before = chunks(tmp_path / "s")
    status = ng.sweep.extend(tmp_path / "s", rest)
    assert (status.done, status.left, status.n_items) == (2, 1, 4)
    partial = ng.sweep.open(tmp_path / "s")
    assert np.isnan(partial.values[:, 6:]).all()
    assert np.isfinite(partial["mean_capacity"][:6]).all()
    assert ng.sweep.run(tmp_path / "s").is_complete
    after = chunks(tmp_path / "s")
    assert {name: after[name] for name in before} == before
    whole = swept(tmp_path / "whole", ITEMS, jobs_of(), tile=3)
    found = ng.sweep.open(tmp_path / "s")
    assert found.values.tobytes() == whole.values.tobytes()
    assert found.names.tolist() == whole.names.tolist()


def test_verification(tmp_path):
    swept(tmp_path / "s", ITEMS, jobs_of(), tile=3)
    checked = ng.sweep.verify(tmp_path / "s")
    assert checked.is_sound
    assert (checked.n_tiles, checked.n_items, len(checked.recomputed)) == (3, 0, 3)


# ---- items whose data do not allow it


def test_a_bad_item_has_no_values_and_is_named(tmp_path):
    bad = ITEMS["layer 1"].copy()
    bad[4, 2] = np.nan
    items = {**ITEMS, "layer 1": bad}
    quick_plan(items, jobs_of(), store=tmp_path / "s", tile=3)
    with pytest.warns(UserWarning, match=r"2 of the .* have no result .*'layer 1, seed 0': .*nan") as caught:
        status = ng.sweep.run(tmp_path / "s")
    assert len(caught) == 1
    assert status.is_complete
    assert sorted(status.errors) == [2, 3]
    assert status.errors[3]["name"] == "layer 1, seed 7"
    assert "2 without a result because of their data" in str(status)
    table = ng.sweep.open(tmp_path / "s")
    whole = swept(tmp_path / "whole", ITEMS, jobs_of())
    assert np.isnan(table.values[:, 2:4]).all()
    kept = [0, 1, 4, 5, 6, 7]
    assert table.values[:, kept].tobytes() == whole.values[:, kept].tobytes()
    assert ng.sweep.verify(tmp_path / "s").is_sound


# ---- the table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    store = tmp_path_factory.mktemp("sweeps") / "s"
    return swept(store, ITEMS, jobs_of(), fields=["mean_capacity", "mean_radius", "n_features"])


def test_save_and_load(table, tmp_path):
    table.save(tmp_path / "table.npz")
    found = ng.load(tmp_path / "table.npz")
    assert type(found) is ng.sweep.CapacityTable
    assert (found.fields, found.method, found.n_jobs) == (table.fields, table.method, 8)
    assert found.values.tobytes() == table.values.tobytes()
    assert found.names.tolist() == table.names.tolist()
    assert found.seeds.tolist() == table.seeds.tolist()


def test_unknown_field(table):
    with pytest.raises(KeyError, match="no field 'capacity'; the fields are mean_capacity, mean_radius"):
        table["capacity"]


def test_to_dataframe(table):
    pytest.importorskip("pandas")
    frame = table.to_dataframe()
    assert list(frame.columns) == ["name", "seed", *table.fields]
    assert frame["n_features"].tolist() == [20, 20, 21, 21, 22, 22, 23, 23]
    np.testing.assert_array_equal(frame["mean_radius"], table["mean_radius"])


def test_to_xarray(table):
    pytest.importorskip("xarray")
    data = table.to_xarray()
    assert data.sizes == {"job": 8}
    np.testing.assert_array_equal(data["mean_capacity"], table["mean_capacity"])
    assert data["seed"].values.tolist() == [*SEEDS] * 4
    assert data["name"].values.tolist() == table.names.tolist()


def test_repr(table):
    assert repr(table) == "CapacityTable(method=manifold_capacity, n_jobs=8)"
    assert repr(jobs_of(margin=0.5)) == (
        "CapacityJobs(kind='mean_field', 3 manifolds, 2 seeds, n_samples=40, margin=0.5)"
    )


# ---- what is refused


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "option", ["rng", "n_threads", "progress", "null", "gaussians", "keep_anchors", "manifolds", "nonsense"]
)
def test_options_that_are_refused(kind, option):
    with pytest.raises(TypeError, match=f"{KINDS[kind][0].__name__} has no option '{option}' in a sweep"):
        ng.sweep.CapacityJobs(LABELS, kind, **{option: None})


@pytest.mark.parametrize(
    ("seeds", "error", "text"),
    [
        ([], ValueError, "one or more"),
        ([1, 1], ValueError, r"one or more distinct integers, not \[1, 1\]"),
        ([-1], ValueError, "at least 0, not -1"),
        ([0.5], TypeError, "an integer, not float"),
        (3, TypeError, "sequence of integers, not int"),
        ("12", TypeError, "sequence of integers, not str"),
        (None, TypeError, "sequence of integers, not NoneType"),
    ],
)
def test_bad_seeds(seeds, error, text):
    with pytest.raises(error, match=f"seeds must be .*{text}"):
        ng.sweep.CapacityJobs(LABELS, seeds=seeds)


@pytest.mark.parametrize("seeds", [range(3), np.array([4, 5]), (0,)])
def test_kinds_of_seeds(seeds):
    assert ng.sweep.CapacityJobs(LABELS, seeds=seeds).seeds == tuple(int(seed) for seed in seeds)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.zeros((2, 2)), ValueError),
        ([1j, 2j], TypeError),
        ([None, "a"], ValueError),
        ([0, np.nan], ValueError),
    ],
)
def test_bad_labels(labels, error):
    with pytest.raises(error, match="labels"):
        ng.sweep.CapacityJobs(labels)


def test_bad_kind():
    with pytest.raises(ValueError, match="kind must be"):
        ng.sweep.CapacityJobs(LABELS, "correlated")


def plan(tmp_path, items=ITEMS, jobs=None, **options):
    return ng.sweep.plan(items, jobs or jobs_of(), store=tmp_path / "s", **options)


REFUSED = {
    "others": ({"others": ITEMS}, ValueError, "others belongs to sweeps over pairs"),
    "test": ({"test": ITEMS}, ValueError, "test belongs to sweeps over pairs"),
    "null": ({"null": 3}, ValueError, "null belongs to sweeps over pairs"),
    "no items": ({"items": []}, ValueError, "items must hold at least 1 representation, not 0"),
    "unknown field": ({"fields": ["capacity"]}, ValueError, "fields must be"),
    "field twice": ({"fields": ["mean_radius"] * 2}, ValueError, "fields must be one or more distinct"),
    "no field": ({"fields": []}, ValueError, "fields must be one or more distinct"),
    "fields as a string": ({"fields": "mean_radius"}, TypeError, "fields must be a list of names"),
    "labels too short": (
        {"jobs": ng.sweep.CapacityJobs(LABELS[:9])},
        ValueError,
        r"items\[0\] \('layer 0'\) has 12 rows, but there are 9 labels",
    ),
    "one item too long": (
        {"items": [*ITEMS.values(), np.ones((13, 2))]},
        ValueError,
        r"items\[4\] has 13",
    ),
    "an RDM": ({"items": [ng.RDM(np.ones(66))]}, TypeError, r"items\[0\] is an RDM, but capacity needs"),
    "other stimuli": (
        {
            "items": [
                ng.Representation(ITEMS["layer 0"], ids=range(12)),
                ng.Representation(ITEMS["layer 1"], ids=range(1, 13)),
            ]
        },
        ValueError,
        "the stimulus ids differ",
    ),
    "in a list": ({"jobs": [jobs_of()]}, TypeError, "metric must be a name or a metric object"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_plans_that_are_refused(case, tmp_path):
    options, error, text = REFUSED[case]
    with nothing_left(tmp_path), pytest.raises(error, match=text):
        plan(tmp_path, **options)


def test_an_option_that_the_function_refuses(tmp_path):
    with nothing_left(tmp_path), pytest.raises(ValueError, match="n_samples"):
        plan(tmp_path, jobs=jobs_of(n_samples=0))


def test_pairs_have_no_fields(tmp_path):
    with pytest.raises(ValueError, match="fields are for capacity jobs"):
        ng.sweep.plan(ITEMS, "cka", store=tmp_path / "s", fields=["value"])


def test_other_labels_are_another_plan(tmp_path):
    quick_plan(ITEMS, jobs_of(), store=tmp_path / "s")
    assert quick_plan(ITEMS, jobs_of(), store=tmp_path / "s").n_units == 8
    other = ng.sweep.CapacityJobs(LABELS[::-1], seeds=SEEDS, n_samples=40)
    for jobs in (other, jobs_of(n_samples=41), jobs_of(seeds=[0]), jobs_of("joint")):
        with pytest.raises(ng.sweep.SweepError, match="holds another plan"):
            quick_plan(ITEMS, jobs, store=tmp_path / "s")


def test_unconverged_solutions_do_not_warn(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        swept(tmp_path / "s", ITEMS, jobs_of(seeds=[0]))


def test_a_store_of_fewer_fields_is_taken_up(tmp_path, monkeypatch):
    """All fields are those that a version has: one that has more goes on with what was planned."""
    known = ng.sweep.CapacityJobs.available_fields
    monkeypatch.setattr(ng.sweep.CapacityJobs, "available_fields", lambda self: known(self)[:4])
    quick_plan(ITEMS, jobs_of(), store=tmp_path / "s")
    monkeypatch.undo()
    quick_plan(ITEMS, jobs_of(), store=tmp_path / "s")
    ng.sweep.run(tmp_path / "s")
    assert list(ng.sweep.open(tmp_path / "s").fields) == known(jobs_of())[:4]
    with pytest.raises(ng.sweep.SweepError, match="holds another plan: fields differ"):
        quick_plan(ITEMS, jobs_of(), store=tmp_path / "s", fields=["mean_capacity"])


# ---- jobs that warn


def test_a_dead_layer_is_named_with_its_reason(tmp_path):
    """It has no result, which the warning, the status and the values say; its neighbours have theirs."""
    items = {**ITEMS, "dead": np.zeros((12, 25))}
    quick_plan(items, jobs_of(), store=tmp_path / "s", tile=3)
    with pytest.warns(UserWarning, match=r"2 of the jobs have no result .*'dead, seed 0': .*centre is zero"):
        status = ng.sweep.run(tmp_path / "s")
    assert [entry["name"] for entry in status.errors.values()] == ["dead, seed 0", "dead, seed 7"]
    assert all("centre is zero" in entry["error"] for entry in status.errors.values())
    table = ng.sweep.open(tmp_path / "s")
    assert np.isnan(table["mean_capacity"]).tolist() == [name == "dead" for name in table.names]


def test_a_plan_names_a_dead_layer_that_it_measured():
    text = r"1 of the items .* no result .*'dead'\): .*centre is zero"
    with short_measurements(), pytest.warns(UserWarning, match=text):
        ng.sweep.plan({"dead": np.zeros((12, 25)), **ITEMS}, jobs_of())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0])
def test_what_jobs_warn_of_is_kept_under_their_names(kind, value, tmp_path, monkeypatch):
    """Of those without a result as an error, of others as a remark; as few fields as were asked for."""
    function, result, name = _capacity_jobs._KINDS[kind]

    def warning(clouds, **options):
        found = function(clouds, **options)
        if clouds.n_features == 21:
            warnings.warn("solved in part", ng.ConvergenceWarning, stacklevel=1)
            return dataclasses.replace(found, **{name: value})
        return found

    warning.__signature__ = inspect.signature(function)
    monkeypatch.setitem(_capacity_jobs._KINDS, kind, (warning, result, name))
    fields = ["n_features"]
    jobs = jobs_of(kind, seeds=[7])
    quick_plan(ITEMS, jobs, store=tmp_path / "s", fields=fields)
    with pytest.warns(UserWarning, match="layer 1, seed 7'?: solved in part") as caught:
        status = ng.sweep.run(tmp_path / "s")
    assert len(caught) == 1
    if value == 2:
        assert dict(status.remarks) == {1: {jobs.name: "layer 1, seed 7: solved in part"}}
        assert not status.errors
    else:
        assert dict(status.errors) == {1: {"name": "layer 1, seed 7", "error": "solved in part"}}
        assert not status.remarks
    assert ng.sweep.open(tmp_path / "s").values.tolist() == [[20.0, 21.0, 22.0, 23.0]]


def test_what_jobs_warn_of_is_one_file_a_tile(tmp_path):
    """As a plan bounds the number of files by the number of tiles; files of single jobs are read too."""
    store = tmp_path / "s"
    items = {**ITEMS, "dead": np.zeros((12, 25))}
    quick_plan(items, jobs_of(n_samples=1), store=store, tile=4)
    with pytest.warns(UserWarning, match=r"2 of the jobs|7 more jobs") as caught:
        status = ng.sweep.run(store)
    assert len(caught) == 2
    assert (list(status.remarks), list(status.errors)) == ([*range(8)], [8, 9])
    files = {
        path.relative_to(store).as_posix()
        for kind in ("errors", "remarks")
        for path in store.glob(f"{kind}/**/*.json")
    }
    assert files == {"remarks/tiles/0.json", "remarks/tiles/1.json", "errors/tiles/2.json"}
    assert ng.sweep.verify(store).is_sound
    for job, error in status.errors.items():  # as 0.1.0 wrote them
        (store / f"errors/{job:06d}.json").write_text(json.dumps(error))
    (store / "errors/tiles/2.json").unlink()
    assert ng.sweep.status(store) == status
