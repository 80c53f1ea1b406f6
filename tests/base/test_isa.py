"""The compiled modules: what they hold, which of them is chosen, and that they agree."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import neurogeom as ng
import numpy as np
import pytest
from helpers.processes import run_python
from neurogeom import _core as baseline
from neurogeom._base import isa as _isa

STUB = Path(__file__).resolve().parents[2] / "python" / "neurogeom" / "_core.pyi"
needs_v3 = pytest.mark.skipif(not baseline.supports_v3(), reason="this CPU lacks AVX2 or FMA")


def names_of(module):
    return {name for name in dir(module) if not name.startswith(("__", "_pybind11_"))}


def test_stub_names_what_the_module_has():
    tree = ast.parse(STUB.read_text())
    check_stub(tree, baseline)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            check_stub(node, getattr(baseline, node.name))


def check_stub(node, owner):
    """A module or class of the stub against the one that was built."""
    parts = {part.name: part for part in node.body if isinstance(part, (ast.FunctionDef, ast.ClassDef))}
    assert set(parts) == names_of(owner)
    for name, part in parts.items():
        built = getattr(owner, name)
        if isinstance(built, property):
            assert [decorator.id for decorator in part.decorator_list] == ["property"], name
        elif isinstance(part, ast.FunctionDef):
            # pybind11 writes the signature in the first line of the docstring
            given = re.findall(r"(\w+):", built.__doc__.split(" -> ")[0])
            assert [argument.arg for argument in part.args.args] == given, name


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


def test_isa_choice_is_the_one_reported():
    assert ng.build_info()["isa"] == _isa.isa
    assert {**_isa.core.build_info(), "isa": _isa.isa} == ng.build_info()
