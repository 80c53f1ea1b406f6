"""How the documentation is built: ``pip install '.[docs]' && sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import neurogeom as ng

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
os.environ.setdefault("MPLBACKEND", "Agg")

project = "neurogeom"
author = project_copyright = "the neurogeom developers"
version = release = ng.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "api_pages",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_extensions"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "neurogeom"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_show_sourcelink = False

default_role = "literal"  # `X` in a docstring is the argument of this name
autodoc_typehints = "none"  # the section "Parameters" says more
numpydoc_show_class_members = False  # _templates/autosummary/class.rst shows them

# Stores of sweeps need Zarr 3, which Python 3.10 does not have: there these examples are shown and not run.
_has_zarr = importlib.util.find_spec("zarr") is not None
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$" if _has_zarr else r"/(?!sweep_)\w+\.py$",
    "image_scrapers": ("pictures",),
    "reset_modules": (),
    "write_computation_times": False,
    "show_memory": False,
    "download_all_examples": False,
    "show_signature": False,
}
