"""The examples of the README and of the documentation print what is said there."""

import contextlib
import doctest
import io
import os
import re
import sys
from pathlib import Path

import pytest
from helpers.printed import PrintedNumbers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A block of Python, "prints", and a block of what.
BLOCKS = re.compile(r"```python\n((?:(?!```).)*)```\n\nprints\n\n```\n(.*?)```", re.DOTALL)
# A module that the blocks of a page import.
MODULES = re.compile(r"[Ii]n\s+a\s+file `(\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = [(page, *found) for page in PAGES for found in BLOCKS.findall(page.read_text("utf-8"))]


def test_examples_are_found():
    assert sum(page.name == "README.md" for page, _, _ in EXAMPLES) == 3
    for page in PAGES:
        assert page.read_text("utf-8").count("\nprints\n") == sum(page == other for other, _, _ in EXAMPLES)


@pytest.mark.parametrize(("page", "code", "expected"), EXAMPLES, ids=[page.name for page, _, _ in EXAMPLES])
def test_example(page, code, expected, tmp_path, monkeypatch):
    for word, package in (("to_dataframe", "pandas"), ("ng.sweep", "zarr")):
        if word in code:
            pytest.importorskip(package)
    for name, module in MODULES.findall(page.read_text("utf-8")):
        (tmp_path / name).write_text(module)
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    # Sweeps measure in a process of their own.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(page), "exec"), {})
    lines, wanted = printed.getvalue().splitlines(), expected.splitlines()
    for found, line in zip(lines, wanted, strict=True):
        assert PrintedNumbers().check_output(line, found, doctest.NORMALIZE_WHITESPACE), (found, line)
