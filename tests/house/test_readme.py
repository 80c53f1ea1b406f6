"""The README's examples print what it says they print."""

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest
from helpers.printed import PrintedNumbers

README = Path(__file__).parents[2] / "README.md"
# A block of Python, "prints", and a block of what.
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_examples_are_found():
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number):
    code, expected = EXAMPLES[number]
    for word, package in (("to_dataframe", "pandas"), ("ng.sweep", "zarr")):
        if word in code:
            pytest.importorskip(package)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})
    lines, wanted = printed.getvalue().splitlines(), expected.splitlines()
    for found, line in zip(lines, wanted, strict=True):
        assert PrintedNumbers().check_output(line, found, doctest.NORMALIZE_WHITESPACE), (found, line)
