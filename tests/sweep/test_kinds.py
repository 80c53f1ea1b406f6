"""A kind of sweep of one's own, as users outside of the package make it."""

from __future__ import annotations

import csv
import json
import re
import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers.own_kinds import Gaps, Norms, NormSweep
from helpers.processes import WORK, script
from helpers.stores import TRUST, chunks
from neurogeom.sweep.calibration import measure
from neurogeom.sweep.kinds import register

pytest.importorskip("zarr")

WIDTHS = (3, 7, 4, 6, 5)
ITEMS = {f"net {n}": np.random.default_rng(n).normal(size=(12, n)) for n in WIDTHS}


def norms(items, power=3.0):
    """What it should give."""
    found = np.array([[(np.abs(x) ** power).sum(), np.abs(x).max()] for x in items])
    return dict(zip(("norm", "largest"), found.T, strict=True))


def plan(items, asked, store, monkeypatch, **options):
    """Measure in this process."""
    monkeypatch.setattr("neurogeom.sweep.planning.calibrate", measure)
    return ng.sweep.plan(items, asked, store=store, **options)


def test_planned_worked_on_by_two_resumed_extended_verified_and_exported(tmp_path, monkeypatch):
    store = tmp_path / "s"
    # Measured as users have it: in a process of its own, which trusts what was given here.
    made = ng.sweep.plan(dict(list(ITEMS.items())[:4]), Norms(3.0), store=store, tile=1)
    assert (made.n_units, made.n_tiles) == (4, 4)
    assert "norms of 4 items" in str(made)
    assert f"neurogeom sweep run {store} --trust helpers" in str(made)
    ng.sweep.work(store, time_limit=0, trust=TRUST)
    assert ng.sweep.status(store, trust=TRUST).left == 4
    with script(WORK, store, 0, 2) as first, script(WORK, store, 1, 2) as second:
        ends = [child.wait() for child in (first, second)]
    assert [end[:2] for end in ends] == [(0, "4 of 4 tiles, 0 left")] * 2, ends
    before = chunks(store)
    ng.sweep.extend(store, {"net 5": ITEMS["net 5"]}, trust=TRUST)
    assert np.isnan(ng.sweep.open(store, trust=TRUST)["norm"]).tolist() == [False] * 4 + [True]
    with pytest.warns(UserWarning, match="norm: net 3: few units"):
        assert ng.sweep.run(store, trust=TRUST).is_complete
    assert before.items() <= chunks(store).items()
    found = ng.sweep.verify(store, trust=TRUST)
    assert (found.is_sound, len(found.recomputed)) == (True, 5)
    table = ng.sweep.open(store, trust=TRUST)
    assert table["name"].tolist() == list(ITEMS)
    known = norms(ITEMS.values())
    for name, values in known.items():
        np.testing.assert_array_equal(table[name], values)
    with open(ng.sweep.export(store, tmp_path / "t.csv", trust=TRUST), newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["name", "norm", "largest"]
    assert [(row[0], float(row[1])) for row in rows] == list(zip(ITEMS, known["norm"], strict=True))
    with np.load(ng.sweep.export(store, tmp_path / "t.npz", trust=TRUST)) as arrays:
        np.testing.assert_array_equal(arrays["largest"], known["largest"])
    with pytest.raises(ValueError, match="npy holds the matrix"):
        ng.sweep.export(store, tmp_path / "t.npy", trust=TRUST)


def test_what_cannot_be_computed_is_named(tmp_path, monkeypatch):
    items = {**ITEMS, "net 5": ITEMS["net 5"] * 1e9}
    with pytest.warns(UserWarning, match="too large"):
        plan(items, Norms(), tmp_path / "s", monkeypatch, tile=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ng.sweep.run(tmp_path / "s", trust=TRUST)
    told, remark = (str(warning.message) for warning in caught)
    assert re.fullmatch("1 of the norms have no result .* 'net 5': .* is too large", told)
    assert remark == "norm: net 3: few units"
    found = ng.sweep.open(tmp_path / "s", trust=TRUST)
    assert np.isnan(found["norm"]).tolist() == [False] * 4 + [True]


def test_two_dimensions_with_prepared_items_and_arrays(tmp_path, monkeypatch):
    store, weights = tmp_path / "s", np.linspace(0, 1, 12)
    made = plan(dict(list(ITEMS.items())[:3]), Gaps(weights), store, monkeypatch)
    assert made.n_tiles == 4
    assert ng.sweep.status(store, trust=TRUST).prepared == 0
    assert ng.sweep.run(store, trust=TRUST, n_threads=1).is_complete
    ng.sweep.extend(store, {name: ITEMS[name] for name in list(ITEMS)[3:]}, trust=TRUST)
    status = ng.sweep.run(store, trust=TRUST, n_threads=2)
    assert (status.is_complete, status.prepared) == (True, 5)
    assert ng.sweep.verify(store, trust=TRUST).is_sound
    means = np.array([weights @ x.mean(axis=1) for x in ITEMS.values()])
    np.testing.assert_array_equal(ng.sweep.open(store, trust=TRUST)["gap"], np.subtract.outer(means, means))
    assert np.load(ng.sweep.export(store, tmp_path / "g.npy", trust=TRUST)).shape == (5, 5)
    path = store / "prepared" / "000001.npz"
    path.write_bytes(path.read_bytes()[:-7])
    assert list(ng.sweep.verify(store, sample=0, trust=TRUST).damaged) == ["item 1"]


def test_a_store_names_it_by_its_place_and_it_must_be_trusted(tmp_path, monkeypatch):
    plan(ITEMS, Norms(), tmp_path / "s", monkeypatch)
    head = json.loads((tmp_path / "s" / "zarr.json").read_text())["attributes"]["neurogeom_sweep"]
    assert head["plan"]["kind"] == "helpers.own_kinds:NormSweep"
    with pytest.raises(ValueError, match=r"NormSweep' is not part of neurogeom.*trust=\['helpers'\]"):
        ng.sweep.open(tmp_path / "s")
    assert plan(ITEMS, Norms(), tmp_path / "s", monkeypatch).n_units == 5, "taken up by who planned it"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"null": 3}, "null belongs to sweeps over pairs, not over norms"),
        ({"others": ITEMS}, "others belongs to sweeps over pairs"),
        ({"test": ITEMS}, "test belongs to sweeps over pairs"),
        ({"fields": ["norm"]}, "fields are for capacity jobs, not for norms"),
    ],
)
def test_options_that_it_does_not_have_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        ng.sweep.plan(ITEMS, Norms(), **options)


def test_a_kind_that_other_processes_cannot_import_is_refused():
    class Asked:
        pass

    class Local(NormSweep):
        @classmethod
        def takes(cls, metric):
            return isinstance(metric, Asked)

    register(Local)
    with pytest.raises(TypeError, match="workers cannot import"):
        ng.sweep.plan(ITEMS, Asked())


def test_its_own_checks_come_first():
    with pytest.raises(ValueError, match="an entry for each stimulus, not 3"):
        ng.sweep.plan(ITEMS, Gaps(np.ones(3)))
