"""The examples in the docstrings of the installed package run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import neurogeom
import pytest
from helpers.printed import PrintedNumbers

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Run as a program, and the compiled modules, which have no examples.
SKIPPED = {"neurogeom.__main__", "neurogeom._core", "neurogeom._core_v3"}
MODULES = sorted(
    {"neurogeom", *(module.name for module in pkgutil.walk_packages(neurogeom.__path__, "neurogeom."))}
    - SKIPPED
)


def doctests_of(name):
    return doctest.DocTestFinder().find(importlib.import_module(name))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.startswith("neurogeom.sweep"):
        pytest.importorskip("zarr")  # which needs Python 3.11
    runner = doctest.DocTestRunner(PrintedNumbers(), optionflags=OPTIONS)
    for test in doctests_of(name):
        runner.run(test)
    assert runner.summarize().failed == 0


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
    found = [len(test.examples) for name in MODULES for test in doctests_of(name)]
    assert sum(found) >= 20


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("capacity 0.2262 ± 0.0024, rank 1", "capacity 0.2281 ± 0.0023, rank 1", True),  # within its error
        ("capacity 0.2262 ± 0.0024, rank 1", "capacity 0.2287 ± 0.0024, rank 1", False),
        ("capacity 0.2262 ± 0.0024, rank 1", "capacity 0.2262 ± 0.0026, rank 1", False),
        ("capacity 0.2262 ± 0.0024, rank 1", "capacity 0.2262, rank 1", False),
        ("capacity 0.2262 ± 0.0024, rank 1", "capacity 0.2262 ± 0.0024, rank 2", False),
        ("mean=0.3086±0.0038", "mean=0.3055±0.0037", True),
        ("radius 0.963", "radius 0.964", True),  # rounded the other way
        ("radius 0.963", "radius 0.965", False),
        ("[0.5, 2.0]", "[0.501, 2.0]", True),  # round(3) of 0.5004 and 0.5006
        ("[0.5, 2.0]", "[0.502, 2.0]", False),
        ("0.3", "0.30000000000000004", True),
        ("0.0", "-2.3e-17", True),
        ("1e-05", "1.2e-05", False),
        ("20 of layer0", "21 of layer0", False),
        ("20 of layer0", "20 of layer1", False),
        ("1.5 2.5", "1.5", False),
        ("1.5", "1.5 2.5", False),
        ("nan", "0.5", False),
        ("version ...", "version 0.1.0", True),
        ("a  -0.5\n", "a  0.5\n", False),
    ],
)
def test_checker_of_printed_numbers(want, got, same):
    assert PrintedNumbers().check_output(f"{want}\n", f"{got}\n", OPTIONS) == same
