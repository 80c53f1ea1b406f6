"""Rules of the house: what may stand where, and that what is written down agrees with what is built.

Tests of the source tree look for it beside this file, so that they run from a clone and from an sdist.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import neurogeom as ng
import pytest
from neurogeom import _core as baseline

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "neurogeom"
needs_v3 = pytest.mark.skipif(not baseline.supports_v3(), reason="this CPU lacks AVX2 or FMA")


def sources(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def without_comments(path):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


# ---- the C++ sources


def test_python_stays_in_the_bindings():
    files = sources("cpp/include/**/*", "cpp/src/**/*", "cpp/tests/**/*")
    assert files
    for path in files:
        assert not re.search(r"pybind11|Python\.h", without_comments(path)), path


def test_threads_stay_in_one_file():
    files = sources("cpp/include/**/*", "cpp/src/**/*", "cpp/bindings/*")
    pattern = r"#\s*pragma\s+omp|\bomp_\w+\(|<omp\.h>|_OPENMP\b|std::j?thread|<thread>|std::async|pthread_"
    with_threads = {path.name for path in files if re.search(pattern, without_comments(path))}
    assert with_threads == {"parallel.cpp"}


# Folders of the core, and those that each may include.
BELOW = {
    "base": set(),
    "dense": {"base"},
    "cone": {"base", "dense"},
    "pairs": {"base", "dense"},
    "capacity": {"base", "dense", "cone", "pairs"},
}


def test_includes_of_the_core_go_down():
    files = sources("cpp/include/neurogeom/**/*", "cpp/src/**/*")
    assert {path.parent.name for path in files} == set(BELOW)
    for path in files:
        folder = path.parent.name
        for header in re.findall(r'#include "(.+)"', path.read_text()):
            other = re.fullmatch(r"neurogeom/(\w+)/\w+\.hpp", header)[1]
            assert other in BELOW[folder] | {folder}, f"{path} includes {header}"


def test_each_header_of_the_core_has_its_tests():
    """But for types and tolerances, which hold nothing that can fail."""
    headers = sources("cpp/include/neurogeom/**/*.hpp")
    tested = {path.stem.removeprefix("test_") for path in sources("cpp/tests/**/*.cpp")}
    assert {path.stem for path in headers} - tested == {"types", "tolerances"}


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
