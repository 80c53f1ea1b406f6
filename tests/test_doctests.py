"""The examples in the docstrings of the installed package run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import neurogeom
import pytest

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Run as a program, and the compiled modules, which have no examples.
SKIPPED = {"neurogeom.__main__", "neurogeom._core", "neurogeom._core_v3"}
MODULES = sorted(
    {"neurogeom", *(module.name for module in pkgutil.walk_packages(neurogeom.__path__, "neurogeom."))}
    - SKIPPED
)


def run_examples(name):
    return doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.startswith("neurogeom.sweep"):
        pytest.importorskip("zarr")  # which needs Python 3.11
    assert run_examples(name).failed == 0


def test_public_functions_have_examples():
    finder = doctest.DocTestFinder()
    lacking = []
    for name in neurogeom.__all__:
        function = getattr(neurogeom, name)
        if isinstance(function, type) or not callable(function):
            continue
        if not any(test.examples for test in finder.find(function, name, globs={})):
            lacking.append(name)
    assert not lacking, f"no example in the docstring of {lacking}"


def test_examples_are_found():
    names = [name for name in MODULES if not name.startswith("neurogeom.sweep")]
    assert sum(run_examples(name).attempted for name in names) >= 20
