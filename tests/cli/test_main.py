"""The command: its numbers are the API's, and bad input costs one line, never a traceback."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import pickle
import platform
import re
import shlex
import subprocess
import sys
import warnings
import zipfile

import neurogeom as ng
import numpy as np
import pytest
import scipy
from helpers.processes import run_python
from neurogeom._base import threads as _threads
from neurogeom.cli import main as cli
from neurogeom.io.sources import FlatSource
from neurogeom.report.tables import write_rows

FEW = ["--samples", "30", "--restarts", "2"]
NOTE = (
    "neurogeom: note: left out: good.npz: maps: is not two-dimensional (n_stimuli, n_units), but of shape "
    "(48, 2, 5, 2); --flatten takes its other axes as units; good.npz: other: has 13 rows for 48 labels\n"
)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(6), 8)
    centers = rng.normal(size=(6, 20))
    return {
        "labels": labels,
        "names": np.array(["abcdef"[k] for k in labels]),
        "early": (centers[labels] + rng.normal(size=(48, 20))).astype(np.float16),
        "late": centers[labels] + 0.4 * rng.normal(size=(48, 20)),
        "maps": (centers[labels] + rng.normal(size=(48, 20))).reshape(48, 2, 5, 2),
        "stimuli": np.arange(48) / 48,
        "other": rng.normal(size=(13, 20)),
    }


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    """Files of every kind, good and bad."""
    path = tmp_path_factory.mktemp("cli")
    np.savez_compressed(path / "good.npz", **arrays)
    np.save(path / "X.npy", arrays["late"])
    np.save(path / "labels.npy", arrays["labels"])
    np.save(path / "short.npy", arrays["labels"][:-1])
    broken = arrays["late"].copy()
    broken[5, 7] = np.nan
    maps = arrays["maps"].copy()
    maps[4, 1, 3, 0] = np.inf
    np.savez(path / "bad.npz", labels=arrays["labels"], nan=broken, inf=maps, c=broken * 1j,
             short=arrays["late"][:-1], late=arrays["late"], flat=arrays["stimuli"],
             single=np.zeros(48, int), nanlabels=np.r_[np.nan, np.zeros(47)],
             object=np.array([{}] * 48), square=arrays["labels"].reshape(6, 8))  # fmt: skip
    np.save(path / "object.npy", np.array([{}] * 48))
    np.savez(path / "lonely.npz", labels=arrays["labels"], other=arrays["other"])
    (path / "pickle.npz").write_bytes(pickle.dumps([1, 2]))
    (path / "text.npz").write_text("a,b\n1,2\n")
    (path / "empty.npz").write_bytes(b"")
    whole = (path / "good.npz").read_bytes()
    (path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (path / "cut.npy").write_bytes((path / "X.npy").read_bytes()[:500])
    with zipfile.ZipFile(path / "foreign.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays here")
    garbled = bytearray(whole)
    garbled[200:260] = bytes(60)
    (path / "garbled.npz").write_bytes(garbled)
    return path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the command inside the folder of files; give exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def call(*argv):
        code = cli.main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- good input -------------------------------------------------------------------------------


def test_numbers_are_those_of_the_api(run, arrays, tmp_path):
    out = tmp_path / "out.csv"
    code, table, errors = run("capacity", "good.npz", "--labels", "labels", *FEW, "--rng", 5,
                              "--margin", 0.1, "--null", 2, "--out", out)  # fmt: skip
    assert (code, errors) == (0, NOTE)
    rows = _read(out)
    assert [row["data"] for row in rows] == ["early", "late"]  # the matrices with 48 rows
    for row in rows:
        result = ng.manifold_capacity(
            ng.manifolds(arrays[row["data"]], arrays["labels"]),
            margin=0.1, n_samples=30, n_restarts=2, null=2, rng=5,
        )  # fmt: skip
        for name in ("capacity", "radius", "dimension"):
            for suffix in ("", "_se", "_se_manifolds"):
                assert float(row[f"mean_{name}{suffix}"]) == getattr(result, f"mean_{name}{suffix}")
        assert float(row["null_mean_capacity"]) == result.null.mean_capacity.mean()
        assert f"{result.mean_capacity_se:.1g}"[:4] in table
    assert table.count(" ± ") >= 8
    assert len({len(line) for line in table.split("\n") if " ± " in line}) == 1


def test_chosen_data_and_string_labels(run, arrays, tmp_path):
    out = tmp_path / "out.csv"
    code, table, _ = run("capacity", "good.npz", "--data", "late", "--labels", "names", *FEW,
                         "--keep-correlations", "--out", out, "--per-manifold")  # fmt: skip
    assert code == 0
    assert "early" not in table
    rows = _read(out)
    assert [row["manifold"] for row in rows] == list("abcdef")
    result = ng.manifold_capacity(
        ng.manifolds(arrays["late"], arrays["names"]),
        n_samples=30, remove_center_correlations=False, rng=0,
    )  # fmt: skip
    assert [float(row["capacity"]) for row in rows] == result.capacity.tolist()


def test_the_same_line_twice_and_any_number_of_threads(run):
    line = ("capacity", "good.npz", "--data", "late", "--labels", "labels", *FEW)
    first = run(*line, "--threads", 1)
    assert first == run(*line, "--threads", 2)
    assert first[1] != run(*line, "--rng", 1)[1]


def test_more_axes_are_flattened_with_a_note(run, arrays, tmp_path):
    np.savez(tmp_path / "flat.npz", maps=arrays["maps"].reshape(48, -1), labels=arrays["labels"])
    flat = run("capacity", tmp_path / "flat.npz", "--labels", "labels", *FEW)
    code, table, errors = run("capacity", "good.npz", "--data", "maps", "--labels", "labels", *FEW)
    assert code == 0
    assert errors == "neurogeom: note: maps of shape (48, 2, 5, 2) is flattened to (48, 20)\n"
    assert table == flat[1]


def test_npy_is_mapped_not_read(run, monkeypatch):
    seen = []
    read = FlatSource.block
    monkeypatch.setattr(FlatSource, "block", lambda self, *at: seen.append(self.shape) or read(self, *at))
    code, table, errors = run("capacity", "X.npy", "--labels", "labels.npy", *FEW)
    assert (code, errors) == (0, "")
    assert seen == [(48, 1)]  # the labels
    assert table.split("\n")[3].startswith("X ")


def test_labels_beside_an_archive(run):
    code, _, _ = run("capacity", "good.npz", "--data", "late", "--labels", "labels.npy", *FEW)
    assert code == 0


def test_picture(run, tmp_path):
    picture = tmp_path / "capacity.png"
    code, _, _ = run("capacity", "good.npz", "--labels", "labels", *FEW, "--plot", picture)
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_demo(run, tmp_path):
    picture = tmp_path / "demo.png"
    code, table, errors = run("demo", "--samples", 20, "--plot", picture)
    assert (code, errors) == (0, "")
    rows = [line.split()[0] for line in table.split("\n") if line.count(" ± ") == 3]
    assert rows == ["layer0", "layer2", "layer4", "layer6", "fMRI"] * 2  # mean field, then joint
    assert "between the centers of two manifolds: 0.1" in " ".join(table.split())
    assert max(map(len, table.split("\n"))) < 80
    assert "layer6 can hold more classes per dimension than layer0" in table
    assert "nan" not in table
    assert [line.split()[0] for line in table.split("\n") if line.endswith("500 stimuli")] == [
        "procrustes", "cca", "cka",
    ]  # fmt: skip
    assert "By cka, layer0 and layer2 are most alike (0.90)" in " ".join(table.split())
    assert picture.stat().st_size > 10_000


def test_info_and_version(run):
    code, table, _ = run("info")
    assert code == 0
    assert ng.__version__ in table.split("\n")[0]
    assert all(value in table for value in ng.build_info().values())
    code, text, _ = run("info", "--json")
    facts = json.loads(text)
    assert code == 0
    assert [line.split()[0] for line in table.splitlines()] == list(facts)
    assert all(str(value) in table for value in facts.values())
    known = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    assert facts.items() >= known.items()
    assert run("--version") == (0, f"neurogeom {ng.__version__}\n", "")


@pytest.mark.skipif(_threads.blas_of(np)[:9] != "openblas ", reason="needs NumPy with OpenBLAS")
def test_info_names_the_kernels_of_blas():
    code = "from neurogeom.cli.main import main; main(['info', '--json'])"
    _, text, _ = run_python(code, OPENBLAS_CORETYPE="Nehalem", OPENBLAS_NUM_THREADS="1")
    facts = json.loads(text)
    for package in ("numpy", "scipy"):
        assert re.fullmatch(r"openblas [\d.]+ Nehalem, 1 threads", facts[f"{package}_blas"])


@pytest.mark.parametrize("argv", [["--help"], ["capacity", "--help"], ["demo", "--help"]])
def test_help(run, argv):
    code, text, errors = run(*argv)
    assert (code, errors) == (0, "")
    assert text.startswith("usage: neurogeom")


# ---- bad input --------------------------------------------------------------------------------

CAPACITY = ["capacity", "--labels", "labels", *FEW]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["demo", "--samples", "0"], "argument --samples: the value must be at least 1, not 0"),
        (["demo", "--samples", "many"], "must be an integer, not 'many'"),
        (["demo", "--rng", "-1"], "argument --rng: the value must be at least 0, not -1"),
        (["demo", "--threads", "1.5"], "argument --threads: the value must be an integer"),
        (["demo", "extra"], "unrecognized arguments: extra"),
        (["demo", "--plot", "picture.docx"], "picture.docx must end in one of"),
        (["demo", "--plot", "no/such/folder/a.png"], "there is no directory no/such/folder"),
        (["capacity", "good.npz"], "arguments are required: --labels"),
        ([*CAPACITY, "good.npz", "--margin", "-0.5"], "must not be negative, not -0.5"),
        ([*CAPACITY, "good.npz", "--margin", "nan"], "must be finite, not nan"),
        ([*CAPACITY, "good.npz", "--margin", "x"], "the margin must be a number"),
        ([*CAPACITY, "good.npz", "--null", "-2"], "the value must be at least 0, not -2"),
        ([*CAPACITY, "good.npz", "--restarts", "0"], "the value must be at least 1, not 0"),
        ([*CAPACITY, "good.npz", "--out", "nowhere/x.csv"], "there is no directory nowhere"),
        ([*CAPACITY, "good.npz", "--out", "."], ".: is a directory"),
        ([*CAPACITY, "good.npz", "--out", "good.npz"], "would overwrite the data"),
        ([*CAPACITY, "good.npz", "--per-manifold"], "the file written by --out"),
        ([*CAPACITY, "missing.npz"], "missing.npz: No such file or directory"),
        ([*CAPACITY, "."], ".: not a kind of file that can be read"),
        ([*CAPACITY, "text.npz"], "text.npz: not a .npz file, despite its extension"),
        ([*CAPACITY, "empty.npz"], "empty.npz: not a .npz file, despite its extension"),
        ([*CAPACITY, "pickle.npz"], "pickle.npz: a pickle, which is refused"),
        ([*CAPACITY, "cut.npz"], "cut.npz: cannot be read: File is not a zip file"),
        ([*CAPACITY, "garbled.npz"], "garbled.npz"),
        ([*CAPACITY, "foreign.npz"], "foreign.npz has no 'labels'; it holds no arrays"),
        ([*CAPACITY, "lonely.npz"], "no numeric matrix has 48 rows, one for each label; it holds"),
        ([*CAPACITY, "good.npz", "--data", "layer9"],
         "--data: good.npz has no 'layer9'; it holds labels (48,) int64, names (48,) <U1, early"),
        ([*CAPACITY, "good.npz", "--data", "names"], "names: must hold real numbers"),
        ([*CAPACITY, "good.npz", "--data", "other"], "one label for each of the 13 rows"),
        ([*CAPACITY, "bad.npz", "--data", "late", "nan"], "nan[5, 7] is nan"),
        ([*CAPACITY, "bad.npz", "--data", "inf"], "inf[4, 1, 3, 0] is inf"),
        ([*CAPACITY, "bad.npz", "--data", "c"], "must hold real numbers of at most 64 bits, not complex128"),
        ([*CAPACITY, "bad.npz", "--data", "short"], "one label for each of the 47 rows"),
        ([*CAPACITY, "bad.npz", "--data", "flat"], "flat: is not two-dimensional (n_stimuli, n_units)"),
        ([*CAPACITY, "bad.npz", "--data", "object"], "bad.npz: object: a pickle, which is refused"),
        (["capacity", "good.npz", "--labels", "nope"], "--labels: good.npz has no 'nope'"),
        (["capacity", "bad.npz", "--labels", "object"], "bad.npz: object: a pickle, which is refused"),
        (["capacity", "bad.npz", "--data", "late", "--labels", "square"], "(6, 8)"),
        (["capacity", "bad.npz", "--data", "late", "--labels", "nanlabels"], "nanlabels"),
        (["capacity", "good.npz", "--labels", "gone.npy"], "gone.npy: No such file or directory"),
        (["capacity", "X.npy", "--labels", "short.npy"], "one label for each of the 48 rows"),
        (["capacity", "X.npy", "--labels", "labels"], "--labels must be a .npy file"),
        (["capacity", "X.npy", "--labels", "labels.npy", "--data", "X"], "X.npy is one array"),
        (["capacity", "X.npy", "--labels", "object.npy"], "(labels of text: save labels.astype(str))"),
        (["capacity", "object.npy", "--labels", "labels.npy"], "object.npy: a pickle, which is refused"),
        (["capacity", "cut.npy", "--labels", "labels.npy"], "cut.npy"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(run, argv, message):
    code, table, errors = run(*argv)
    assert code == 2
    assert table == ""
    assert errors.startswith("neurogeom: error: ")
    assert errors.count("\n") == 1
    assert message in errors


def test_one_class_only(run):
    code, _, errors = run("capacity", "bad.npz", "--data", "late", "--labels", "single", *FEW)
    assert code == 2
    assert errors.startswith("neurogeom: error: late: manifolds holds one manifold")
    assert errors.count("\n") == 1


def test_a_class_without_a_center_is_a_warning(run, arrays, tmp_path):
    # Class 0 lies where the mean of all is: its radius has no unit.
    X = np.zeros((6, 3))
    X[:4, 0], X[4:, 1] = [1, -1, 2, -2], [3, -3]
    X[2:4, 2], X[4:, 2] = 1, -1
    np.savez(tmp_path / "x.npz", X=X, labels=np.repeat([0, 1, 2], 2))
    code, table, errors = run("capacity", tmp_path / "x.npz", "--labels", "labels", *FEW)
    assert code == 0
    assert "nan" in table
    assert errors.startswith("neurogeom: warning: X: manifold 0: ")
    assert errors.count("\n") == 1


def test_output_that_may_not_be_written(run, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    code, _, errors = run(*CAPACITY, "good.npz", "--out", tmp_path / "x.csv")
    assert code == 2
    assert "not allowed to write there" in errors


# ---- what goes wrong on the way ---------------------------------------------------------------


def test_warnings_are_one_line_each(run, monkeypatch):
    original = ng.capacity.mean_field.manifold_capacity

    def warn(*args, **kwargs):
        for _ in range(2):
            warnings.warn("something\nis odd", UserWarning, stacklevel=2)
        return original(*args, **kwargs)

    monkeypatch.setattr(ng.capacity.mean_field, "manifold_capacity", warn)
    code, _, errors = run(*CAPACITY, "good.npz")
    assert code == 0
    assert errors.removeprefix(NOTE).split("\n")[:-1] == [
        "neurogeom: warning: early: something is odd",
        "neurogeom: warning: late: something is odd",
    ]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "neurogeom: interrupted: stopped by the user\n"),
        (MemoryError("8 GiB"), 1, "neurogeom: error: out of memory: 8 GiB\n"),
        (ValueError("not\nso"), 2, "neurogeom: error: early: not so\n"),
    ],
)
def test_failures_have_their_exit_codes(run, monkeypatch, error, code, line):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(ng.capacity.mean_field, "manifold_capacity", fail)
    assert run(*CAPACITY, "good.npz") == (code, "", NOTE + line)


def test_progress_is_shown_on_a_terminal_only(run, monkeypatch):
    line = (*CAPACITY, "good.npz", "--data", "late")
    assert run(*line)[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = run(*line)[2]
    assert bar.startswith("\rlate: ")
    assert bar.endswith("\n")


def test_as_a_module(folder):
    def python(*argv, **kwargs):
        line = [sys.executable, "-W", "error", "-m", "neurogeom", *argv]
        return subprocess.run(line, capture_output=True, cwd=folder, check=False, **kwargs)

    good = python(*CAPACITY, "good.npz", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (good.returncode, good.stderr) == (0, NOTE.encode())
    assert b"late " in good.stdout
    bad = python(*CAPACITY, "missing.npz")
    assert bad.returncode == 2
    assert bad.stderr == b"neurogeom: error: missing.npz: No such file or directory\n"
    assert bad.stdout == b""


def test_a_reader_that_goes_away(folder):
    line = [sys.executable, "-m", "neurogeom", "info"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == b""
    assert process.returncode == 0


# ---- where results go --------------------------------------------------------------------------


def test_tables_of_every_ending_and_stdout(run, tmp_path):
    line = (*CAPACITY, "good.npz", "--data", "late", "early")
    for name in ("x.csv", "x.TSV", "x.json"):
        assert run(*line, "--out", tmp_path / name)[0] == 0
    known = _read(tmp_path / "x.csv")
    with open(tmp_path / "x.TSV", newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file, delimiter="\t")) == known
    found = json.loads((tmp_path / "x.json").read_text())
    shown = [{key: "" if value is None else str(value) for key, value in row.items()} for row in found]
    assert shown == known
    code, out, errors = run(*line, "--out", "-")
    assert (code, errors) == (0, "")
    assert list(csv.DictReader(out.splitlines())) == known
    assert not os.path.exists("-")


def test_json_has_null_for_what_is_no_number(tmp_path):
    write_rows(tmp_path / "x.json", [["a", "b"], [1.5, float("nan")], [float("inf"), "x"]])
    assert json.loads((tmp_path / "x.json").read_text()) == [{"a": 1.5, "b": None}, {"a": None, "b": "x"}]


@pytest.mark.parametrize("name", ["x.txt", "x", "x.xlsx", "x.csv.gz"])
def test_other_endings_are_refused_before_the_work(run, monkeypatch, name):
    monkeypatch.setattr(ng.capacity.mean_field, "manifold_capacity", None)
    code, out, errors = run(*CAPACITY, "good.npz", "--out", name)
    assert (code, out) == (2, "")
    assert f"the output must end in .csv, .tsv, .json, or be - for stdout, not '{name}'" in errors
    assert not os.path.exists(name)


def test_devices_and_pipes_have_no_endings(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    line = (*CAPACITY, "good.npz", "--data", "late", "--out")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for command in (line, ("compare", "good.npz", "--data", "late", "early", "--out")):
        code, table, errors = run(*command, tmp_path / "pipe")
        assert (code, errors, " ± " in table or "procrustes" in table) == (0, "", True)
        text = os.read(reader, 1 << 16).decode()
        assert len(next(csv.reader([text.splitlines()[0]]))) > 2
    os.close(reader)
    assert run(*line, os.devnull)[0] == 0


def test_what_is_printed_is_written_first(folder, tmp_path):
    """A full or closed stdout, or a reader that goes away, loses no file."""
    line = [*CAPACITY, "good.npz", "--data", "late"]

    def shell(command, name):
        out = tmp_path / name
        words = " ".join(map(shlex.quote, [sys.executable, "-m", "neurogeom", *line, "--out", str(out)]))
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {words} {command}"],
            capture_output=True, cwd=folder, check=False, text=True,
        )  # fmt: skip
        assert len(_read(out)) == 1
        return done.returncode, done.stderr

    assert shell("| true", "a.csv") == (0, "")
    assert shell(">&-", "b.csv") == (0, "")
    if os.path.exists("/dev/full"):
        assert shell("> /dev/full", "c.csv") == (
            1, "neurogeom: error: the output cannot be written: No space left on device\n",
        )  # fmt: skip
    assert shell("2>&1 | true", "d.csv")[0] == 0


def test_a_file_that_fails_is_a_failure_also_without_a_reader(folder, tmp_path):
    """Whatever becomes of stdout: the exit code is that of the file, a picture is drawn, no traceback."""
    line = [sys.executable, "-m", "neurogeom", *CAPACITY, "good.npz", "--data", "late"]

    def shell(options, command):
        words = " ".join(map(shlex.quote, [*line, *options]))
        done = subprocess.run(
            ["bash", "-c", f"{words} {command}; exit ${{PIPESTATUS[0]}}"],
            capture_output=True, cwd=folder, check=False, text=True,
        )  # fmt: skip
        return done.returncode, done.stderr

    closed = "neurogeom: error: the output cannot be written: stdout is closed\n"
    assert shell(["--out", "-"], ">&-") == (1, closed)
    if os.path.exists("/dev/full"):
        os.symlink("/dev/full", tmp_path / "full.csv")
        full = f"neurogeom: error: {tmp_path / 'full.csv'}: No space left on device\n"
        assert shell(["--out", str(tmp_path / "full.csv")], "| true") == (1, full)
    picture = tmp_path / "a.png"
    assert shell(["--out", "-", "--plot", str(picture)], "| true") == (0, "")
    assert picture.stat().st_size > 1000


def test_a_full_disk_is_a_failure_of_the_machine_and_loses_no_table(run):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    os.symlink("/dev/full", "full.csv")
    code, table, errors = run(*CAPACITY, "good.npz", "--data", "late", "--out", "full.csv")
    os.unlink("full.csv")
    assert code == 1
    assert errors == "neurogeom: error: full.csv: No space left on device\n"
    assert " ± " in table


# ---- files of every kind, and what is left out ---------------------------------------------------


def test_every_kind_of_file_gives_the_same_numbers(run, arrays, tmp_path):
    h5py = pytest.importorskip("h5py")
    safetensors = pytest.importorskip("safetensors.numpy")
    X, labels = arrays["late"], arrays["labels"]
    np.savez(tmp_path / "x.npz", X=X, y=labels)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"], file["names"] = X, [str(name) for name in arrays["names"]]
        file["y"] = h5py.SoftLink("/names")
    with h5py.File(tmp_path / "x.mat", "w", userblock_size=512) as file:
        for name, data in (("X", X), ("y", labels[:, None])):
            file[name] = data.T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    safetensors.save_file({"X": X, "y": labels}, tmp_path / "x.safetensors")
    np.save(tmp_path / "y.npy", labels)
    names = ["x.npz", "x.h5", "x.mat", "x.safetensors"]
    if importlib.util.find_spec("zarr"):
        import zarr

        group = zarr.open_group(tmp_path / "x.zarr", mode="w")
        group.create_array("X", data=X)
        group.create_array("y", data=labels)
        names.append("x.zarr")
    tables = [run("capacity", tmp_path / name, "--data", "X", "--labels", "y", *FEW) for name in names]
    tables.append(run("capacity", tmp_path / "x.npz", "--labels", f"{tmp_path}/x.h5:names", *FEW))
    assert tables[0][0] == 0
    assert all(table == tables[0] for table in tables[1:])


def test_flatten_takes_what_is_left_out_without_it(run):
    code, table, errors = run(*CAPACITY, "good.npz", "--flatten")
    assert code == 0
    assert "\nmaps " in table
    assert "left out: good.npz: other: has 13 rows for 48 labels\n" in errors
    assert "maps of shape (48, 2, 5, 2) is flattened to (48, 20)" in errors


def test_a_pickle_of_torch_says_how_to_convert_it(run, tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02")
    for command in (["capacity", "--labels", "y"], ["compare"]):
        code, _, errors = run(*command, tmp_path / "net.pt")
        assert code == 2
        assert "net.pt: a pickle, which is refused" in errors
        assert "torch.load('net.pt', weights_only=True)" in errors


def test_exit_codes_are_documented(run):
    text = run("--help")[1]
    for code in ("0 done", "1 failure", "2 bad input", "3 a sweep", "130 Ctrl-C", "143 SIGTERM"):
        assert code in " ".join(text.split())
