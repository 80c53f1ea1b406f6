"""Users' files: every command takes the same ones, by the same rules."""

from __future__ import annotations

import csv

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import short_measurements
from neurogeom.cli import main as cli

FEW = ["--samples", "10", "--restarts", "1"]


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(5)
    labels = np.repeat(["ant", "bee", "cat", "dög"], 5)
    centers = rng.normal(size=(4, 12))
    return {
        "labels": labels,
        "early": np.repeat(centers, 5, axis=0) + rng.normal(size=(20, 12)),
        "late": np.repeat(centers, 5, axis=0) + 0.3 * rng.normal(size=(20, 12)),
    }


@pytest.fixture
def run(arrays, tmp_path, monkeypatch, capsys):
    """Run the command in a folder with the data; give exit code, stdout and stderr."""
    (tmp_path / "maps").mkdir()
    for name in ("early", "late"):
        np.save(tmp_path / f"{name}.npy", arrays[name])
        np.save(tmp_path / "maps" / f"{name}.npy", arrays[name].reshape(20, 3, 2, 2))
    np.save(tmp_path / "maps" / "labels.npy", arrays["labels"])
    np.savez(tmp_path / "maps.npz", **{k: arrays[k].reshape(20, 3, 2, 2) for k in ("early", "late")})
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        with short_measurements():
            code = cli.main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _notes(*names):
    texts = (f"{name} of shape (20, 3, 2, 2) is flattened to (20, 12)" for name in names)
    return f"neurogeom: note: {'; '.join(texts)}\n"


# ---- arrays of more than two axes, and vectors -------------------------------------------------


def test_arrays_alone_in_their_file_are_flattened_by_every_command(run):
    """Also in a folder, where the vector of labels beside them is no item."""
    pytest.importorskip("zarr")
    matrices = run("compare", "early.npy", "late.npy")[1]
    for source in (["maps"], ["maps/early.npy", "maps/late.npy"], ["maps/*.npy"]):
        assert run("compare", *source) == (0, matrices, _notes("early", "late"))
        code, out, errors = run("sweep", "plan", *source)
        assert (code, "procrustes of 2 items" in out) == (0, True)
        assert errors.startswith(_notes("early", "late"))
    matrices = run("capacity", "late.npy", "--labels", "maps/labels.npy", *FEW)[1]
    assert run("capacity", "maps/late.npy", "--labels", "maps/labels.npy", *FEW) == (
        0, matrices, _notes("late"),
    )  # fmt: skip


def test_arrays_that_are_named_are_flattened_by_every_command(run):
    pytest.importorskip("zarr")
    matrices = run("compare", "early.npy", "late.npy")[1]
    assert run("compare", "maps.npz", "--data", "early", "late") == (0, matrices, _notes("early", "late"))
    code, _, errors = run("sweep", "plan", "maps.npz", "--keys", "early,late")
    assert code == 0
    assert errors.startswith(_notes("maps/early", "maps/late"))
    code, _, errors = run("capacity", "maps.npz", "--data", "late", "--labels", "maps/labels.npy", *FEW)
    assert (code, errors) == (0, _notes("late"))


@pytest.mark.parametrize(
    "command", [["compare"], ["sweep", "plan"], ["capacity", "--labels", "maps/labels.npy"]]
)
def test_others_of_an_archive_need_the_option(run, command):
    code, _, errors = run(*command, "maps.npz")
    assert code == 2
    assert "maps.npz: early: is not two-dimensional" in errors
    assert "; --flatten takes its other axes as units" in errors
    code, _, errors = run(*command, "maps.npz", "--flatten")
    assert code == 0
    assert "late of shape (20, 3, 2, 2) is flattened to (20, 12)" in errors


@pytest.mark.parametrize(
    "command", [["compare"], ["sweep", "plan"], ["capacity", "--labels", "maps/labels.npy"]]
)
def test_a_vector_is_no_matrix(run, command):
    code, _, errors = run(*command, "maps/labels.npy")
    assert code == 2
    assert errors == (
        "neurogeom: error: maps/labels.npy: must hold real numbers of at most 64 bits, not <U3\n"
    )
    np.save("numbers.npy", np.arange(20))
    code, _, errors = run(*command, "numbers.npy")
    assert code == 2
    assert "numbers.npy: is not two-dimensional (n_stimuli, n_units), but of shape (20,)" in errors


# ---- labels and ids ------------------------------------------------------------------------------


def test_labels_of_every_kind_and_place_are_the_same(run, arrays):
    h5py = pytest.importorskip("h5py")
    labels = arrays["labels"]
    encoded = np.array([label.encode() for label in labels])
    np.save("text.npy", labels)
    np.save("bytes.npy", encoded)
    np.savez("alone.npz", y=encoded)
    np.savez("several.npz", y=labels, x=labels[::-1], late=arrays["late"])
    with h5py.File("labels.h5", "w") as file:
        file["text"] = labels.tolist()
        file["bytes"] = encoded
    known = ng.manifold_capacity(ng.manifolds(arrays["late"], labels), n_samples=10, n_restarts=1, rng=0)
    places = ["text.npy", "bytes.npy", "alone.npz", "several.npz:y", "labels.h5:text", "labels.h5:bytes"]
    for file, place in [*(("late.npy", place) for place in places), ("several.npz", "y")]:
        line = ("capacity", file, "--labels", place, *FEW, "--per-manifold", "--out", "-")
        code, out, errors = run(*line)
        assert (code, errors) == (0, "")
        rows = list(csv.DictReader(out.splitlines()))
        assert [row["manifold"] for row in rows] == ["ant", "bee", "cat", "dög"]
        assert [float(row["capacity"]) for row in rows] == known.capacity.tolist()


def test_ids_may_stand_in_a_file_of_their_own(run):
    np.save("ids.npy", np.arange(20))
    plain = run("compare", "early.npy", "late.npy")
    assert run("compare", "early.npy", "late.npy", "--ids", "ids.npy") == plain
    np.save("ids.npy", np.arange(19))
    code, _, errors = run("compare", "early.npy", "late.npy", "--ids", "ids.npy")
    assert code == 2
    assert "--ids (for early.npy) must give one label for each of the 20 rows" in errors


# ---- spelling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spell", [lambda name: name, lambda name: name.replace("-", "_")])
def test_a_hyphen_is_as_good_as_an_underscore(run, spell):
    pytest.importorskip("zarr")
    line = ["capacity", "late.npy", "--labels", "maps/labels.npy", "--method", spell("mean-field"), *FEW]
    assert run(*line)[0] == 0
    line = ["capacity", "late.npy", "--labels", "maps/labels.npy", "--method", "joint", "--samples", "10"]
    code, out, _ = run(*line, "--dichotomies", spell("one-vs-rest"))
    assert (code, "(one_vs_rest)" in out) == (0, True)
    code, out, _ = run("compare", "early.npy", "late.npy", "--metric", spell("mean-cca"))
    assert (code, out.split()[0]) == (0, "mean_cca")
    line = ["sweep", "plan", "late.npy", "--capacity", spell("mean-field"), "--labels", "maps/labels.npy"]
    assert run(*line, "--samples", "10")[0] == 0
    code, out, _ = run("sweep", "plan", "early.npy", "late.npy", "--metric", spell("mean-cca"))
    assert (code, "mean_cca of 2 items" in out) == (0, True)


def test_a_file_given_twice_is_refused(run):
    for command in (["compare"], ["sweep", "plan"]):
        code, _, errors = run(*command, "early.npy", "./early.npy")
        assert code == 2
        assert "early.npy is given more than once" in errors
