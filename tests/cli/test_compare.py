"""``neurogeom compare``: its numbers are those of the API, and bad input costs one line."""

from __future__ import annotations

import csv
import json
import pickle

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from neurogeom.cli import main as cli
from neurogeom.metrics import METRICS


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(11)
    common = rng.normal(size=(30, 6))
    return {
        "early": (common @ rng.normal(size=(6, 12))).astype(np.float16),
        "late": common @ rng.normal(size=(6, 8)) + rng.normal(size=(30, 8)),
        "counts": rng.poisson(3, size=(30, 9)),
    }


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(12)
    ids, text = np.arange(30) * 3, np.array([f"word {k}" for k in range(30)])
    np.savez(path / "net.npz", **arrays, labels=ids, text=text)
    np.savez(path / "other.npz", late=arrays["late"][:, ::-1], gap=rng.normal(size=(30, 3)), labels=ids)
    np.savez(path / "reordered.npz", late=arrays["late"], labels=ids[::-1])
    np.savez(path / "repeated.npz", late=arrays["late"], labels=np.zeros(30, int))
    np.savez(path / "maps.npz", maps=arrays["early"].reshape(30, 3, 4), late=arrays["late"])
    np.savez(path / "short.npz", late=arrays["late"], cut=arrays["early"][:20], tail=arrays["early"][:7])
    np.savez(path / "vectors.npz", labels=ids)
    np.savez(path / "objects.npz", late=arrays["late"], thing=np.array([[{}] * 2] * 30))
    np.savez(path / "bad.npz", late=arrays["late"], hole=np.where(arrays["late"] > 2, np.nan, 1.0),
             flat=np.ones((30, 4)), c=arrays["late"] * 1j)  # fmt: skip
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    (path / "again").mkdir()
    np.save(path / "again" / "late.npy", arrays["late"] ** 2)
    np.save(path / "cube.npy", arrays["early"].reshape(30, 3, 4))
    np.save(path / "objects.npy", np.array([[{}] * 2] * 30))
    (path / "pickle.npy").write_bytes(pickle.dumps([1, 2]))
    (path / "cut.npy").write_bytes((path / "late.npy").read_bytes()[:400])
    return path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the subcommand inside the folder of files; give exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def call(*argv):
        code = cli.main(["compare", *map(str, argv)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


# ---- good input -------------------------------------------------------------------------------


def test_matrix_is_that_of_the_api(run, arrays, tmp_path):
    out = tmp_path / "d.csv"
    code, table, errors = run("net.npz", "--out", out)
    assert (code, errors) == (0, "")
    expected = ng.pairwise(arrays, "procrustes")
    header, *rows = read(out)
    assert header == ["", "early", "late", "counts"]  # neither labels nor text
    assert [row[0] for row in rows] == header[1:]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=float), expected.square)
    lines = table.split("\n")
    assert lines[0] == "procrustes (distance), 30 stimuli"
    assert lines[2].split() == header[1:]
    assert lines[5].split() == ["late", f"{expected.square[1, 0]:.3f}", "0", f"{expected.square[1, 2]:.3f}"]
    assert len({len(line) for line in lines[2:7]}) == 1


def test_several_metrics(run, arrays, tmp_path):
    out = tmp_path / "d.csv"
    names = ["cka", "procrustes", "cca"]
    argv = [word for name in names for word in ("--metric", name)]
    code, table, _ = run("net.npz", *argv, "--metric", "cka", "--out", out)
    assert code == 0
    assert [line.split()[0] for line in table.split("\n") if "stimuli" in line] == names
    expected = ng.pairwise(arrays, names)
    header, *rows = read(out)
    assert header == ["row", "column", *names]
    assert [row[:2] for row in rows] == [[a, b] for a in arrays for b in arrays]
    for k, result in enumerate(expected.values()):
        found = np.array([row[2 + k] for row in rows], dtype=float).reshape(3, 3)
        np.testing.assert_array_equal(found, result.values)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric(run, arrays, tmp_path, metric):
    out = tmp_path / "d.npz"
    code, table, _ = run("net.npz", "--metric", metric, "--out", out)
    assert code == 0
    expected, found = ng.pairwise(arrays, metric), ng.load(out)
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.names.tolist() == list(arrays)
    assert table.startswith(f"{found.metric} (")


def test_npz_of_several_metrics_is_one_file_each(run, arrays, tmp_path):
    code, _, _ = run("net.npz", "--metric", "cca", "--metric", "cka", "--out", tmp_path / "d.v2.npz")
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.v2.cca.npz", "d.v2.cka.npz"]
    found = ng.load(tmp_path / "d.v2.cka.npz")
    np.testing.assert_array_equal(found.square, ng.pairwise(arrays, "cka").square)


def test_names_of_items(run, tmp_path):
    def names(*argv):
        assert run(*argv, "--out", tmp_path / "d.csv")[0] == 0
        return read(tmp_path / "d.csv")[0][1:]

    assert names("early.npy", "late.npy") == ["early", "late"]
    assert names("net.npz", "--data", "counts", "early", "counts") == ["counts", "early"]
    assert names("net.npz", "other.npz", "--data", "late") == ["net:late", "other:late"]
    assert names("other.npz", "early.npy") == ["other:late", "other:gap", "early"]
    assert names("late.npy", "again/late.npy") == ["late", "again/late"]


def test_files_of_both_kinds_give_the_same_numbers(run):
    archive = run("net.npz", "--metric", "procrustes", "--metric", "cka")
    arrays = run("early.npy", "late.npy", "counts.npy", "--metric", "procrustes", "--metric", "cka")
    assert archive[0] == 0
    assert archive == arrays


def test_threads_do_not_matter(run):
    assert run("net.npz", "--threads", 1) == run("net.npz", "--threads", 2)


def test_more_axes_are_flattened_with_a_note(run, arrays):
    value = ng.pairwise([arrays["early"], arrays["late"]]).square[0, 1]
    for name, argv in (("maps", ["maps.npz", "--data", "maps", "late"]), ("cube", ["cube.npy", "late.npy"])):
        code, table, errors = run(*argv)
        assert code == 0
        assert errors == f"neurogeom: note: {name} of shape (30, 3, 4) is flattened to (30, 12)\n"
        assert [line.split() for line in table.split("\n")[4:6]] == [
            [name, "0", f"{value:.3f}"],
            ["late", f"{value:.3f}", "0"],
        ]


def test_ids_that_agree(run):
    plain = run("net.npz", "other.npz", "--data", "late")
    code, table, errors = run("net.npz", "other.npz", "--data", "late", "--ids", "labels")
    assert (code, errors) == (0, "")
    assert table == plain[1]


def test_many_items_are_summed_up(run, tmp_path):
    rng = np.random.default_rng(0)
    items = {f"n{k}": rng.normal(size=(10, 3)) for k in range(16)}
    np.savez(tmp_path / "many.npz", **items)
    code, table, _ = run(tmp_path / "many.npz")
    assert code == 0
    values = ng.pairwise(items).square
    lines = table.split("\n")
    assert lines[2] == "16 x 16 items, 120 pairs"
    off = values + np.where(np.eye(16), np.nan, 0.0)
    for line, word, value in ((3, "least", np.nanmin(off)), (5, "most", np.nanmax(off))):
        i, j = np.argwhere(off == value)[0]
        assert lines[line].split() == [word, f"{value:.3f}", f"n{i}", "and", f"n{j}"]
    assert lines[4].split() == ["median", f"{np.nanmedian(off):.3f}"]


def test_long_names_become_numbers(run, tmp_path):
    rng = np.random.default_rng(0)
    keys = [f"a_long_name_of_a_model_that_goes_on/and_on/layer{k}" for k in range(12)]
    np.savez(tmp_path / "long.npz", **{key: rng.normal(size=(10, 3)) for key in keys})
    _, table, _ = run(tmp_path / "long.npz")
    lines = table.strip().split("\n")
    assert lines[2].split() == [str(k) for k in range(1, 13)]
    assert lines[-1].startswith("12 a_long_na…")
    assert lines[-1].split()[1].endswith("layer11")
    assert max(map(len, lines)) <= 120


def test_picture(run, tmp_path):
    picture = tmp_path / "d.png"
    code, _, _ = run("net.npz", "--metric", "cka", "--metric", "cca", "--plot", picture)
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_warnings_are_one_line_each(run, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "wide.npz", a=rng.normal(size=(6, 9)), b=rng.normal(size=(6, 8)))
    code, _, errors = run(tmp_path / "wide.npz", "--metric", "cca")
    assert code == 0
    assert errors.startswith("neurogeom: warning: cca: ")
    assert errors.count("\n") == 1


def test_help(run):
    code, text, errors = run("--help")
    assert (code, errors) == (0, "")
    assert text.startswith("usage: neurogeom compare")


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["net.npz", "--metric", "likeness"], "invalid choice: 'likeness' (choose from affine_invariant,"),
        (["net.npz", "--metric", "CKA"], "did you mean 'cka'?"),
        (["net.npz", "--metric", "procustes"], "did you mean 'procrustes'?"),
        (["net.npz", "--threads", "0"], "argument --threads: the value must be at least 1"),
        (["net.npz", "--out", "d.txt"], "must end in .npz, .csv, .tsv, .json, or be - for stdout, not"),
        (["net.npz", "--out", "nowhere/d.csv"], "there is no directory nowhere"),
        (["other.npz", "net.npz", "--out", "net.npz"], "net.npz: would overwrite the data"),
        (["net.npz", "--plot", "d.docx"], "d.docx must end in one of"),
        (["net.npz", "--plot", "nowhere/d.png"], "there is no directory nowhere"),
        (["gone.npz"], "gone.npz: No such file or directory"),
        (["late.npy", "pickle.npy"], "pickle.npy: a pickle, which is refused"),
        (["late.npy", "cut.npy"], "cut.npy"),
        (["late.npy", "objects.npy"], "objects.npy: a pickle, which is refused"),
        (["objects.npz", "--data", "late", "thing"], "objects.npz: thing: a pickle, which is refused"),
        (["late.npy"], "at least two representations, but there is only late"),
        (["net.npz", "--data", "late"], "at least two representations, but there is only late"),
        (["late.npy", "late.npy"], "late.npy is given more than once"),
        (["late.npy", "./late.npy"], "late.npy is given more than once"),
        (["vectors.npz"], "vectors.npz: no matrices of two stimuli or more; skipped: vectors.npz: labels:"),
        (["net.npz", "--data", "stage9"], "--data: net.npz has no 'stage9'; it holds early (30, 12) float16"),
        (["net.npz", "other.npz", "--data", "early"], "--data: other.npz has no 'early'"),
        (["early.npy", "late.npy", "--data", "late"], "--data names arrays of a .npz file"),
        (["net.npz", "--data", "late", "labels"], "labels: is not two-dimensional (n_stimuli, n_units), but"),
        (["net.npz", "--ids", "nope"], "--ids: net.npz has no 'nope'"),
        (["net.npz", "late.npy", "--ids", "labels"], "of a .npz or the like, but late.npy is one array"),
        (["net.npz", "reordered.npz", "--data", "late", "--ids", "labels"],
         "the order of the stimulus ids differs: row 0 is 0"),
        (["net.npz", "repeated.npz", "--data", "late", "--ids", "labels"], "repeated.npz: labels"),
        (["net.npz", "--ids", "late"], "net.npz: late"),
        (["short.npz"],
         "the same stimuli in all representations, but late has 30, cut has 20, tail has 7"),
        (["net.npz", "short.npz", "--data", "late", "cut"], "--data: net.npz has no 'cut'"),
        (["bad.npz", "--data", "late", "hole"], "bad.npz: hole["),
        (["bad.npz", "--data", "late", "c"], "must hold real numbers of at most 64 bits, not complex128"),
        (["bad.npz", "--data", "late", "flat"], "('flat') does not vary over stimuli"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(run, folder, argv, message):
    before = sorted(folder.iterdir())
    code, table, errors = run(*argv)
    assert (code, table) == (2, "")
    assert errors.startswith("neurogeom: error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert sorted(folder.iterdir()) == before


def test_outputs_of_several_metrics_are_checked_before_the_work(run, tmp_path, monkeypatch):
    (tmp_path / "d.cka.npz").mkdir()
    monkeypatch.setattr("neurogeom.cli.compare.pairwise", None)  # not to be reached
    code, _, errors = run("net.npz", "--metric", "cca", "--metric", "cka", "--out", tmp_path / "d.npz")
    assert code == 2
    assert "d.cka.npz: is a directory" in errors


def test_inputs_are_not_read_before_their_shapes_agree(run, monkeypatch):
    monkeypatch.setattr("neurogeom.cli.compare.rows_of", None)
    assert "tail has 7" in run("short.npz")[2]


def test_many_items_that_differ_are_counted(run, tmp_path):
    arrays = {f"a{k}": np.ones((10 if k < 8 else k, 2)) for k in range(16)}
    np.savez(tmp_path / "x.npz", **arrays)
    errors = run(tmp_path / "x.npz")[2]
    assert "but a0 has 10, a8 has 8, a9 has 9, a11 has 11, a12 has 12, 3 more differ" in errors


# ---- folders, patterns, bad files and what is left out -------------------------------------------


def test_folders_and_patterns(run, arrays, tmp_path):
    h5py = pytest.importorskip("h5py")
    nets = tmp_path / "nets[1]"
    nets.mkdir()
    np.save(nets / "a.npy", arrays["early"])
    with h5py.File(nets / "b.h5", "w") as file:
        file["late"], file["maps"] = arrays["late"], arrays["early"].reshape(30, 3, 4)
        file["out"] = h5py.ExternalLink("other.h5", "x")
    known = ng.pairwise([arrays["early"], arrays["late"]]).square[0, 1]
    (nets / "c.pt").write_bytes(b"PK")
    for source in (nets, nets / "*"):
        code, table, errors = run(source)
        assert code == 0
        assert f"{known:.3f}" in table
        assert errors.startswith("neurogeom: note: left out: ")
        assert "b.h5: maps: is not two-dimensional" in errors
        assert "--flatten takes its other axes as units" in errors
        assert "b.h5: out: is a link to 'x' of 'other.h5': open that file" in errors
        assert "c.pt: a pickle, which is refused" in errors
    table = run(nets / "a.npy", nets / "b.h5", "--flatten", "--out", "-")[1]
    assert table.split("\n")[0] == ",a,b:late,b:maps"


def test_all_bad_files_are_named_or_left_out(run, folder):
    line = ("early.npy", "late.npy", "pickle.npy", "cut.npy", "gone.npy")
    code, table, errors = run(*line)
    assert (code, table) == (2, "")
    assert errors.startswith("neurogeom: error: 3 files cannot be used (--skip-bad leaves them out): ")
    assert "): pickle.npy: a pickle, which" in errors
    assert "; cut.npy: truncated: its header announces 2048 bytes" in errors
    assert errors.endswith("; gone.npy: No such file or directory\n")
    code, table, errors = run(*line, "--skip-bad")
    assert code == 0
    assert table == run("early.npy", "late.npy")[1]
    assert errors.startswith("neurogeom: note: left out: pickle.npy: a pickle")
    assert errors.endswith("; gone.npy: No such file or directory\n")
    assert (
        "no matrices of two stimuli or more; skipped: gone.npy: No such" in run("gone.npy", "--skip-bad")[2]
    )


def test_skip_bad_leaves_out_bad_arrays_too(run, arrays, tmp_path):
    """What holds NaN, is dead or complex, whichever metric says so."""
    late = arrays["late"]
    bad = {"hole": np.where(late > 2, np.nan, late), "dead": np.ones((30, 4)), "c": late * 1j}
    for name, array in {"a": arrays["early"], "b": late, **bad}.items():
        np.save(tmp_path / f"{name}.npy", array)
    for metric in ("procrustes", "cka"):
        code, table, errors = run(tmp_path, "--skip-bad", "--metric", metric)
        assert code == 0
        assert table == run(tmp_path / "a.npy", tmp_path / "b.npy", "--metric", metric)[1]
        assert errors.startswith("neurogeom: note: left out: ")
        assert errors.count("\n") == 1
        for text in (
            "hole.npy: hole[0, 2] is nan",
            "dead does not vary over stimuli",
            "c.npy: must hold real numbers",
        ):
            assert text in errors
    assert "there is only a" in run(*(tmp_path / f"{name}.npy" for name in ("a", "hole")), "--skip-bad")[2]
    assert run(tmp_path)[0] == 2


def test_json_of_pairs(run, arrays, tmp_path):
    assert run("net.npz", "--metric", "cka", "--out", tmp_path / "d.json")[0] == 0
    found = json.loads((tmp_path / "d.json").read_text())
    assert [(row["row"], row["column"]) for row in found] == [(a, b) for a in arrays for b in arrays]
    np.testing.assert_array_equal([row["cka"] for row in found], ng.pairwise(arrays, "cka").values.ravel())


def test_a_metric_of_ones_own(run, arrays, tmp_path):
    """Named as sweeps name it; files are called by its class."""
    name = "helpers.own_metrics:MeanProduct"
    assert run("net.npz", "--metric", name, "--metric", "cka", "--out", tmp_path / "d.npz")[0] == 0
    known = ng.pairwise(arrays, own.MeanProduct())
    assert ng.load(tmp_path / "d.MeanProduct.npz").values.tobytes() == known.values.tobytes()
    assert (tmp_path / "d.cka.npz").exists()
    code, _, error = run("net.npz", "--metric", "no_such_module:Metric")
    assert code == 2
    assert "metric 'no_such_module:Metric' cannot be imported" in error


# ---- options of metrics, uncertainty, embeddings -------------------------------------------------


def test_metrics_with_options(run, arrays, tmp_path):
    out = tmp_path / "d.csv"
    texts = ["shape(alpha=0.5)", "mean-cca(squared=True)", "rsa('cosine', compare=\"kendall\")"]
    argv = [word for text in texts for word in ("--metric", text)]
    code, table, errors = run("net.npz", *argv, "--out", out)
    assert (code, errors) == (0, "")
    metrics = [ng.ShapeMetric(0.5), ng.MeanCCA(squared=True), ng.RSA("cosine", "kendall")]
    header, *rows = read(out)
    assert header == ["row", "column", texts[0], "mean_cca(squared=True)", texts[2]]
    for k, metric in enumerate(metrics):
        found = np.array([row[2 + k] for row in rows], dtype=float).reshape(3, 3)
        np.testing.assert_array_equal(found, ng.pairwise(arrays, metric).values)
        assert f"{metric.name} (" in table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shap(alpha=0.5)", "not 'shap': did you mean 'shape'?"),
        ("shape(alfa=0.5)", "there is no option 'alfa', but alpha, score, center, whiten_scale, rank_tol"),
        ("shape(alfa=0.5)", "did you mean 'alpha'?"),
        ("shape(alpha=2)", "alpha must lie between 0 (CCA) and 1 (Procrustes), not 2"),
        ("shape(alpha=open('x'))", "options must be literals in one pair of brackets"),
        ("shape(alpha=0.5", "options must be literals"),
        ("shape(alpha=0.5)(1)", "options must be literals"),
        ("shape(**{'alpha': 1})", "options must be literals"),
        ("shape(0.5, 'angular')", "takes from 1 to 2 positional arguments"),
    ],
)
def test_bad_options_of_metrics(run, text, message):
    for argv in (["net.npz", "--metric", text],):
        code, table, errors = run(*argv)
        assert (code, table) == (2, "")
        assert errors.count("\n") == 1
        assert message in errors


def test_null_and_bootstrap(run, arrays, tmp_path):
    argv = ["net.npz", "--null", 19, "--bootstrap", 20, "--rng", 3]
    code, table, errors = run(*argv, "--out", tmp_path / "d.npz")
    assert (code, errors) == (0, "")
    known = ng.pairwise(arrays, null=19, bootstrap=20, rng=3)
    found = ng.load(tmp_path / "d.npz")
    for name in ("values", "null_mean", "p_value", "se", "lower", "upper"):
        np.testing.assert_array_equal(getattr(found, name), getattr(known, name), err_msg=name)
    lines = table.split("\n")
    assert lines[8].split()[:2] == ["procrustes", "se"]
    assert lines[10].startswith("early and late  ")
    assert lines[10].split()[3] == f"{known.values[0, 1]:.3f}"
    assert run(*argv, "--out", tmp_path / "d.csv")[0] == 0
    header, *rows = read(tmp_path / "d.csv")
    assert header[:4] == ["row", "column", "procrustes", "procrustes se"]
    at = header.index("procrustes p_value")
    np.testing.assert_array_equal([float(row[at]) for row in rows], known.p_value.ravel())


def test_embedding(run, arrays):
    code, table, errors = run("net.npz", "--embed", 1)
    assert (code, errors) == (0, "")
    known = ng.mds(ng.pairwise(arrays), 1)
    lines = table.strip().split("\n")
    assert f"in 1 dimension, stress {known.stress:.3f}" in lines
    assert lines[-3].split() == ["early", f"{known.coordinates[0, 0]:.3f}"]
    for metric, what in (("cka", "a similarity"), ("ridge", "a similarity")):
        code, table, errors = run("net.npz", "--embed", 2, "--metric", metric)
        assert (code, table) == (2, "")
        assert f"--embed needs distances, but {metric} is {what}" in errors


def test_order_of_the_picture(run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(
        "neurogeom.cli.compare.plot_pairwise", lambda results, out, cluster: given.append(cluster)
    )
    run("net.npz", "--plot", tmp_path / "a.png")
    run("net.npz", "--plot", tmp_path / "a.png", "--keep-order")
    assert given == [True, False]
