"""A crafted store runs no code, whatever it names and whatever is done with it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.same_bits import assert_same_bits
from helpers.stores import TRUST, quick_plan, stack
from neurogeom._base import codec
from neurogeom._base.results import Result
from neurogeom.cli import main as cli
from neurogeom.sweep import calibration as _calibrate
from neurogeom.sweep import drafts as _drafts

pytest.importorskip("zarr")

from neurogeom.sweep import store as _store

DATA = stack(4)
JOBS = ng.sweep.CapacityJobs(np.repeat([0, 1], 6), n_samples=10)

VERBS = {
    "open": lambda store, **trust: ng.sweep.open(store, **trust),
    "status": lambda store, **trust: ng.sweep.status(store, **trust),
    "run": lambda store, **trust: ng.sweep.run(store, n_threads=1, **trust),
    "work": lambda store, **trust: ng.sweep.work(store, n_threads=1, **trust),
    "verify": lambda store, **trust: ng.sweep.verify(store, n_threads=1, **trust),
    "extend": lambda store, **trust: ng.sweep.extend(store, DATA + 1, names=[*"abcd"], **trust),
    "export": lambda store, **trust: ng.sweep.export(store, store.parent / "out.csv", **trust),
}
COMMANDS = {
    "run": (),
    "run on processes": ("--dask-workers", "1"),
    "work": (),
    "status": (),
    "verify": (),
    "extend": ("more.npy",),
    "export": ("out.csv",),
}


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """A file that a module of an attacker makes when it is imported; other processes would find it too."""
    (tmp_path / "path").mkdir()
    marker = tmp_path / "marker"
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    code += "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\n"
    code += f"def thing(*_, **__):\n    Path({str(marker)!r}).touch()\n"
    (tmp_path / "path" / "attack.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path / "path")
    monkeypatch.chdir(tmp_path)
    np.save("more.npy", DATA[0])
    monkeypatch.setitem(sys.modules, "attack", None)  # has it removed again afterwards
    del sys.modules["attack"]
    return marker


def planned(tmp_path, metric):
    return quick_plan(DATA, metric, store=tmp_path / "s", tile=2).store


def tamper(store, change):
    """Change the plan of a store, with its hash."""
    path = store / "zarr.json"
    content = json.loads(path.read_text())
    head = content["attributes"]["neurogeom_sweep"]
    change(head["plan"])
    head["plan_sha256"] = _store.plan_hash(head["plan"])
    path.write_text(json.dumps(content))


def shell(marker):
    return {"list": [{"value": f"touch {marker}"}]}


def metric_of(change):
    return "cka", lambda plan, marker: change(plan["metrics"][0], marker)


def job_of(change):
    return JOBS, lambda plan, marker: change(plan["jobs"]["dict"], marker)


ATTACKS = {
    "a function as a metric": metric_of(
        lambda spec, marker: spec.update({"class": "os:system", "arguments": shell(marker)})
    ),
    "a class as a metric": metric_of(lambda spec, marker: spec.update({"class": "attack:Metric"})),
    "a function among arguments": metric_of(
        lambda spec, marker: spec.update(options={"dict": {"kernel": {"import": "attack:thing"}}})
    ),
    "a deep function": metric_of(
        lambda spec, marker: spec.update(arguments={"list": [{"tuple": [{"import": "os:system"}]}]})
    ),
    "a dataclass among arguments": metric_of(
        lambda spec, marker: spec.update(arguments={"list": [{"class": "attack:Record", "fields": {}}]})
    ),
    "as version 0.1.0 named results": metric_of(
        lambda spec, marker: spec.update(arguments={"list": [{"result": "attack:Record", "fields": {}}]})
    ),
    "a named tuple": metric_of(
        lambda spec, marker: spec.update(arguments={"list": [{"class": "attack:Point", "tuple": []}]})
    ),
    "the kind": ("cka", lambda plan, marker: plan.update(kind="attack:Kind")),
    "the kind of jobs": (JOBS, lambda plan, marker: plan.update(kind="attack:Kind")),
    "the labels of jobs": job_of(lambda jobs, marker: jobs.update(labels={"import": "attack:thing"})),
    "an option of jobs": job_of(lambda jobs, marker: jobs.update(n_samples={"import": "os:system"})),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_verb_imports_what_a_plan_names(attack, marker, tmp_path):
    metric, change = ATTACKS[attack]
    store = planned(tmp_path, metric)
    tamper(store, lambda plan: change(plan, marker))
    text = r"'(attack|os):\w+' is not part of neurogeom.*trust=\['(attack|os)'\].*--trust (attack|os)"
    for verb in VERBS.values():
        for trust in ({}, {"trust": ["att", "attack.other", "o", "numpy"]}):
            with pytest.raises(ValueError, match=text):
                verb(store, **trust)
    with pytest.raises(ng.sweep.SweepError, match="holds another plan"):
        quick_plan(DATA, metric, store=store, tile=2)
    assert not marker.exists()
    assert "attack" not in sys.modules


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_imports_what_a_plan_names(command, marker, tmp_path, capsys):
    store = planned(tmp_path, "cka")
    tamper(store, lambda plan: ATTACKS["a class as a metric"][1](plan, marker))
    verb, *_ = command.split()
    assert cli.main(["sweep", verb, str(store), *COMMANDS[command]]) == 2
    _, error = capsys.readouterr()
    assert re.match(r"neurogeom: error: 'attack:Metric' is not part of .*--trust attack\)\n", error)
    assert not marker.exists()


def test_the_attack_would_work_on_who_trusts_it(marker, tmp_path):
    """So that a marker that is not there means something; what is imported is not called all the same."""
    store = planned(tmp_path, "cka")
    tamper(store, lambda plan: plan["metrics"][0].update({"class": "attack:thing"}))
    with pytest.raises(TypeError, match=r"'attack:thing' is not a neurogeom\.Metric"):
        ng.sweep.status(store, trust=["attack"])
    assert marker.exists()
    marker.unlink()
    with pytest.raises(TypeError, match=r"'attack:thing' is not a neurogeom\.Metric"):
        ng.sweep.open(store, trust=["attack"])
    assert not marker.exists(), "it was imported before, and calling it would have made it"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("helpers.own_metrics:os.system", "is defined as 'posix:system', the name that stores must use"),
        ("helpers.own_metrics:np.load", "is defined as 'numpy:load'"),
        ("neurogeom:sweep.run", "is not a class that this version of neurogeom stores"),
        ("neurogeom.cli.main:main", "'main' is not a class that this version of neurogeom stores"),
        ("Pairwise", "'Pairwise' is not a neurogeom.Metric"),
        ("helpers.own_metrics:cubic_kernel", "is not a neurogeom.Metric"),
        ("helpers:", "helpers"),
    ],
)
def test_what_is_no_metric_is_not_called(name, text, marker, tmp_path):
    """Neither what trusted modules import, nor functions and classes of ours."""
    store = planned(tmp_path, "cka")
    tamper(store, lambda plan: plan["metrics"][0].update({"class": name, "arguments": shell(marker)}))
    for verb in VERBS.values():
        with pytest.raises((TypeError, ValueError, AttributeError), match=text):
            verb(store, trust=["helpers"])
    assert not marker.exists()


RECORDS = {
    "a dataclass": {"class": "attack:Record", "fields": {}},
    "a named tuple": {"class": "attack:Point", "tuple": []},
    "a function": {"import": "attack:thing"},
    "deep": {"list": [{"dict": {"a": {"import": "attack:thing"}}}]},
}


@pytest.mark.parametrize("record", RECORDS)
def test_prepared_items(record, marker, tmp_path):
    store = planned(tmp_path, "cka")
    ng.sweep.run(store, n_threads=1)
    opened = _store.Store(store)
    header, arrays = opened.read_prepared(1)
    header["records"][0] = RECORDS[record]
    opened.write_prepared(1, header, arrays)
    for name in ("open", "status", "export"):
        VERBS[name](store)
    with pytest.raises(ValueError, match=r"'attack:\w+' is not part of neurogeom.*--trust attack"):
        ng.sweep.verify(store)
    shutil.rmtree(store / "values" / "c")
    for name in ("run", "work", "run", "run", "run"):
        with pytest.raises(ValueError, match=r"'attack:\w+' is not part of neurogeom"):
            VERBS[name](store)
    assert ng.sweep.status(store).failed == {}, "no tile is to blame"
    assert cli.main(["sweep", "run", str(store)]) == 2
    assert not marker.exists()
    assert ng.sweep.extend(store, DATA + 1, names=[*"abcd"]).n_items == 8


def test_prepared_items_on_dask(marker, tmp_path):
    distributed = pytest.importorskip("distributed")
    store = planned(tmp_path, "cka")
    ng.sweep.run(store, n_threads=1)
    opened = _store.Store(store)
    header, arrays = opened.read_prepared(1)
    opened.write_prepared(1, {**header, "records": [RECORDS["a function"]] * 2}, arrays)
    shutil.rmtree(store / "values" / "c")
    with (
        distributed.LocalCluster(
            processes=False,
            n_workers=1,
            threads_per_worker=1,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(ValueError, match=r"'attack:thing' is not part of neurogeom"),
    ):
        ng.sweep.run(store, client)
    assert not marker.exists()


def test_drafts(marker, tmp_path):
    """What measures a plan, in a process of its own."""
    store = planned(tmp_path, "cka")
    plan = json.loads((store / "zarr.json").read_text())["attributes"]["neurogeom_sweep"]["plan"]
    plan["metrics"][0]["class"] = "attack:Metric"
    items = json.loads((store / "items" / "0000.json").read_text())["items"]
    with _drafts.draft(None, plan, {}, items, {}) as folder:
        with pytest.raises(ValueError, match="'attack:Metric' is not part of neurogeom"):
            _calibrate.measure(folder, ())
        with pytest.raises(ValueError, match="'attack:Metric' is not part of neurogeom"):
            _calibrate.calibrate(folder, ())
    assert not marker.exists()


# ---- what is trusted


@pytest.mark.parametrize("trust", [["helpers"], ("helpers.own_metrics",), {"os", "helpers"}])
def test_every_verb_with_a_metric_of_ones_own(trust, tmp_path):
    store = planned(tmp_path, [own.Heavier(3), ng.CKA(own.cubic_kernel)])
    for name in ("status", "run", "work", "open", "verify", "export", "extend"):
        VERBS[name](store, trust=trust)
    assert ng.sweep.run(store, trust=trust).trust == tuple(trust)


def test_own_processes_trust_what_this_one_does(tmp_path, monkeypatch, capfd):
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
    store = planned(tmp_path, own.MeanProduct())
    command = ["sweep", "run", str(store), "--trust", "os", "--trust", "helpers", "--dask-workers", "1"]
    assert cli.main(command) == 0, capfd.readouterr().err
    known = ng.pairwise(DATA, own.MeanProduct())
    assert_same_bits(ng.sweep.open(store, trust=TRUST), known)


@pytest.mark.parametrize(
    "value", ["helpers", 3, None, [3], [""], ["a b"], ["helpers; rm"], ["a:b"], ["a..b"]]
)
def test_bad_trust(value, tmp_path):
    store = planned(tmp_path, "cka")
    for verb in VERBS.values():
        with pytest.raises((TypeError, ValueError), match="trust must "):
            verb(store, trust=value)
    with pytest.raises((TypeError, ValueError), match="trust must "):
        ng.sweep.plan(DATA, "cka", trust=value)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OwnResult(Result):
    """A result of a user's module."""

    value: float


def test_results_of_ones_own(tmp_path):
    OwnResult(value=2.0).save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match=r"OwnResult' is not part of neurogeom.*trust="):
        ng.load(tmp_path / "r.npz")
    assert ng.load(tmp_path / "r.npz", trust=[__name__]).value == 2.0


def test_results_import_nothing(marker, tmp_path):
    described = {"class": "attack:Record", "fields": {}}
    np.savez(tmp_path / "r.npz", __neurogeom__=json.dumps(described))
    with pytest.raises(ValueError, match="is not a readable neurogeom result"):
        ng.load(tmp_path / "r.npz")
    assert not marker.exists()


def test_modules_that_a_description_would_import():
    described = codec.encode({"class": own.cubic_kernel, "x": [np.linalg.norm, "os:system"]}, "v", {})
    assert codec.modules_in(described) == {own.__name__, np.linalg.norm.__module__}
    assert codec.modules_in({"class": "neurogeom.metrics.cka:CKA", "options": {"dict": {}}}) == set()
