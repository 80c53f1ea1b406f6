"""Rules of the house: what may stand where, and that what is written down agrees with what is built.

Tests of the source tree look for it beside this file, so that they run from a clone and from an sdist.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.processes import run_python
from neurogeom import _core as baseline
from neurogeom._base import isa as _isa

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "neurogeom"
needs_v3 = pytest.mark.skipif(not baseline.supports_v3(), reason="this CPU lacks AVX2 or FMA")


def sources(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def without_comments(path):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


# ---- the compiled modules


def names_of(module):
    return {name for name in dir(module) if not name.startswith("__")}


def test_stub_names_what_the_module_has():
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == names_of(baseline)
    for name, node in functions.items():
        # pybind11 writes the signature in the first line of the docstring
        given = re.findall(r"(\w+):", getattr(baseline, name).__doc__.split(" -> ")[0])
        assert [argument.arg for argument in node.args.args] == given, name


@needs_v3
def test_both_modules_have_the_same_names():
    assert names_of(importlib.import_module("neurogeom._core_v3")) == names_of(baseline)


def test_build_info():
    info = ng.build_info()
    assert set(info) == {"isa", "simd", "eigen", "compiler", "dense", "threads"}
    assert all(isinstance(value, str) and value for value in info.values())
    assert info["isa"] in ("baseline", "v3")
    assert info["dense"] == "LAPACK"
    assert info["threads"] in ("OpenMP", "std::thread")
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["eigen"])


SHOW_ISA = "import neurogeom._base.isa as i; print(i.isa, i.core.__name__)"


@pytest.mark.parametrize("spelling", ["baseline", "Baseline"])
def test_isa_override_to_baseline(spelling):
    shown = run_python(SHOW_ISA, NEUROGEOM_ISA=spelling)
    assert shown[:2] == (0, "baseline neurogeom._core")


@needs_v3
@pytest.mark.parametrize("wanted", ["v3", "auto"])
def test_isa_override_to_v3(wanted):
    assert run_python(SHOW_ISA, NEUROGEOM_ISA=wanted)[:2] == (0, "v3 neurogeom._core_v3")


def test_nonsense_isa():
    code, _, error = run_python(SHOW_ISA, NEUROGEOM_ISA="avx9000")
    assert code != 0
    assert "ImportError: NEUROGEOM_ISA must be auto, baseline or v3, not 'avx9000'" in error


@needs_v3
@pytest.mark.parametrize("options", ["", "margin=0.5", "remove_center_correlations=False"])
def test_both_modules_agree_to_rounding(options, tmp_path):
    code = f"""
        import sys, numpy as np, neurogeom as ng
        rng = np.random.default_rng(0)
        clouds = rng.normal(size=(12, 1, 40)) + 0.7 * rng.normal(size=(12, 30, 40))
        ng.manifold_capacity(clouds, rng=3, n_samples=200, {options}).save(sys.argv[1])
    """
    results = []
    for isa in ("baseline", "v3"):
        path = tmp_path / f"{isa}.npz"
        assert run_python(code, path, NEUROGEOM_ISA=isa)[0] == 0
        results.append(ng.load(path).to_dict())
    for name, value in results[0].items():
        if isinstance(value, (float, np.ndarray)) and name != "names":
            tolerance = {"atol": 1e-12} if name == "kkt_residual" else {"rtol": 1e-9, "atol": 1e-12}
            np.testing.assert_allclose(results[1][name], value, err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(results[1][name], value)


# ---- the C++ sources


def test_python_stays_in_the_bindings():
    files = sources("cpp/include/**/*", "cpp/src/*", "cpp/tests/*")
    assert files
    for path in files:
        assert not re.search(r"pybind11|Python\.h", without_comments(path)), path


def test_threads_stay_in_one_file():
    files = sources("cpp/include/**/*", "cpp/src/*", "cpp/bindings/*")
    pattern = r"#\s*pragma\s+omp|\bomp_\w+\(|<omp\.h>|_OPENMP\b|std::j?thread|<thread>|std::async|pthread_"
    with_threads = {path.name for path in files if re.search(pattern, without_comments(path))}
    assert with_threads == {"parallel.cpp"}


def test_bindings_do_no_arithmetic_of_their_own():
    for path in sources("cpp/bindings/*"):
        assert not re.search(r"\b(sqrt|exp|log|dot|norm|cwise\w+)\s*\(", without_comments(path)), path


def test_no_dangerous_compiler_flags():
    for path in sources("CMakeLists.txt", "CMakePresets.json", "pyproject.toml", "cpp/**/CMakeLists.txt"):
        assert not re.search(r"-march=native|-ffast-math|-Ofast|-funsafe-math", path.read_text()), path


ENDINGS = ("py", "pyi", "hpp", "cpp")


def test_long_files_say_which_one_idea_they_hold():
    """No limit of length; a file above 800 lines says in its first docstring or comment what it is about."""
    files = sources(*(f"{top}/**/*.{end}" for top in ("python", "cpp", "tests", "bench") for end in ENDINGS))
    assert len(files) > 30
    for path in files:
        text = path.read_text()
        if text.count("\n") > 800:
            assert re.match(r'("""|//|#).*one idea', text, re.DOTALL), path


def test_sweeps_are_left_out_where_zarr_is_lacking():
    for path in sources("tests/sweep/**/test_*.py", "tests/cli/test_sweep*.py"):
        assert re.search(r'^(zarr = )?pytest\.importorskip\("zarr"\)', path.read_text(), re.MULTILINE), path


# ---- the Python sources


def test_only_compat_touches_the_global_random_state():
    for path in sources("python/neurogeom/**/*.py"):
        if "compat" in path.parts:
            continue
        text = path.read_text()
        assert not re.search(r"np\.random\.(rand|randn|seed|normal|choice|permutation)\b", text), path


PUBLIC = [
    *((ng, name) for name in ng.__all__),
    *((module, name) for module in (ng.io, ng.sweep) for name in module.__all__),
]


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[f"{m.__name__}.{n}" for m, n in PUBLIC])
def test_public_names_are_documented(module, name):
    item = getattr(module, name)
    text = inspect.getdoc(item)
    assert text, name
    assert re.match(r"[A-Z].*\.$", text.split("\n\n")[0].replace("\n", " ")), "the first line is a sentence"
    if not inspect.isfunction(item):
        return
    for heading in ("Returns", "Examples"):
        assert re.search(rf"^{heading}\n-+$", text, re.MULTILINE), f"{name} has no {heading}"
    assert ">>> " in text
    parameters = inspect.signature(item).parameters
    if parameters:
        section = text.split("Parameters\n----------\n")[1].split("\n\n")[0]
        documented = re.findall(r"^(\w[\w, ]*) :", section, re.MULTILINE)
        assert [n for entry in documented for n in entry.split(", ")] == list(parameters)


def test_public_names_exist():  # ruff sorts them
    for name in ng.__all__:
        assert hasattr(ng, name)
    assert all(not name.startswith("_") for name in ng.__all__)


def test_isa_choice_is_the_one_reported():
    assert ng.build_info()["isa"] == _isa.isa
    assert {**_isa.core.build_info(), "isa": _isa.isa} == ng.build_info()


# ---- metadata


def project_version():
    return re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]


def test_one_version_everywhere():
    version = project_version()
    assert ng.__version__ == version
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_bundled_data_comes_with_its_notice():
    installed = Path(ng.__file__).parent
    for place in {PACKAGE, installed}:
        notice = (place / "datasets" / "data" / "NOTICE.md").read_text()
        for data in (place / "data").glob("*.np[yz]"):
            assert data.name in notice, f"{data.name} has no attribution"
        assert (place / "py.typed").exists()
    assert sum(p.stat().st_size for p in (PACKAGE / "datasets" / "data").iterdir()) < 4_000_000
    text = (ROOT / "pyproject.toml").read_text()
    assert "python/neurogeom/datasets/data/NOTICE.md" in text
    assert "LICENSE" in text
    assert "BSD 3-Clause" in (ROOT / "LICENSE").read_text()


def test_gitignore_keeps_build_products_out():
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"build/", "dist/", "*.so", "__pycache__/"} <= set(ignored)
