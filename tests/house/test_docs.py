"""The documentation leaves no public name out."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import neurogeom as ng
from neurogeom.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]


def api_pages():
    """The module that writes the pages of the interface."""
    path = ROOT / "docs" / "_extensions" / "api_pages.py"
    spec = importlib.util.spec_from_file_location("api_pages", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_has_a_page(tmp_path):
    pages = api_pages()
    pages.write_pages(tmp_path / "api")
    index = (tmp_path / "api" / "index.rst").read_text()
    for name in ng.__all__:
        item = getattr(ng, name)
        if not inspect.ismodule(item):
            assert re.search(rf"^   {name}$", index, re.MULTILINE), name
            continue
        page = (tmp_path / "api" / f"neurogeom.{name}.rst").read_text()
        assert f"   neurogeom.{name}\n" in index
        for public in getattr(item, "__all__", ()):
            assert re.search(rf"^   {public}$", page, re.MULTILINE), f"{name}.{public}"
    for package in ("mftma.manifold_analysis_correlation", "netrep.metrics", "netrep.multiset", "glue"):
        assert (tmp_path / "api" / f"neurogeom.compat.{package}.rst").exists()


def test_the_page_of_measures_names_all_of_them():
    named = set(re.findall(r"`([\w.]+)`", (ROOT / "docs" / "measures.md").read_text("utf-8")))
    # Classes are what functions return, but for metrics; a lower-case name is a metric's for one pair.
    one_pair = {"cca", "cka", "procrustes", "rsa"}
    functions = {name for name in ng.__all__ if inspect.isfunction(getattr(ng, name))} - one_pair
    metrics = {type(make()).__name__ for make in METRICS.values()}
    assert functions - {"build_info", "load"} <= named
    assert metrics <= named
