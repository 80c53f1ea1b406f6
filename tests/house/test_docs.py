"""The documentation leaves no public name out."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import threading
from pathlib import Path

import neurogeom as ng
import numpy as np
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
    assert metrics <= set(ng.__all__)


def test_files_that_pages_name_exist():
    folders = [ROOT, ROOT / "python" / "neurogeom", ROOT / "cpp" / "src"]
    example = {"python/neurogeom/metrics/spectrum.py", "tests/metrics/test_spectrum.py"}
    example |= {"python/neurogeom/sweep/dimensions.py", "tests/sweep/test_dimensions.py"}
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"`([\w./]+/[\w.]+\.(?:py|cpp|hpp|sh|md))`", page.read_text("utf-8")))
        for name in named - example:
            assert any((folder / name).exists() for folder in folders), f"{page.name} names {name}"


def walks():
    """Files that each walk of the design names, in its order."""
    _, *found = (ROOT / "docs" / "design.md").read_text("utf-8").split("## Three walks")[1].split("\n### ")
    return [re.findall(r"`([\w./]+\.(?:py|cpp|hpp))`", walk) for walk in found]


def test_each_file_is_named_once_in_a_walk():
    assert len(walks()) == 3
    for named in walks():
        assert len(named) > 15
        assert len(set(named)) == len(named), [name for name in named if named.count(name) > 1]


def files_of(function):
    """Files of the package that run in a call, in any thread."""
    package = Path(ng.__file__).parent
    found = set()

    def look(frame, event, argument):
        found.add(frame.f_code.co_filename)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        function()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {str(path.relative_to(package)) for path in map(Path, found) if package in path.parents}


def test_what_runs_is_named_in_the_walks(tmp_path):
    ng.sweep.plan  # noqa: B018 - imports are no part of the walks
    layers = {name: X[:60, :20] for name, X in ng.datasets.load_minilm_clinc().layers.items()}
    clouds = [layers["layer6"][k : k + 20] for k in (0, 20, 40)]
    one, two, three = map(set, walks())
    assert files_of(lambda: ng.manifold_capacity(clouds, n_samples=20, null=1, rng=0)) <= one
    assert files_of(lambda: ng.pairwise(layers, ["procrustes", "nbs"])) <= two
    if importlib.util.find_spec("zarr") is None:
        return
    for name, X in layers.items():
        np.save(tmp_path / f"{name}.npy", X)
    store = tmp_path / "s.zarr"

    def sweep():
        ng.sweep.plan(str(tmp_path / "*.npy"), ng.Procrustes(), store=store)
        ng.sweep.work(store, rank=0, of=1)
        ng.sweep.run(store)
        ng.sweep.status(store)
        ng.sweep.open(store)
        ng.sweep.verify(store, sample=1)

    assert files_of(sweep) <= two | three | {"_base/isa.py", "_base/rng.py"}
