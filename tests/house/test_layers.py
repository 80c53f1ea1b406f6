"""Imports go down: from folder to folder by the table in docs/design.md, inside a folder without a circle."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "neurogeom"
COMPILED = {"_core", "_core_v3"}


def floors():
    """Floor of each folder, as the table says."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "docs" / "design.md").read_text(), re.MULTILINE)
    found = {name: int(floor) for floor, names in rows for name in re.findall(r"`(\w+)`", names)}
    return {**found, **dict.fromkeys(COMPILED, 0), "__main__": max(found.values()) + 1}


FLOOR = floors()


def place_of(path):
    """A file's module below the package, as a tuple of names."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {place_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports_of(module):
    """Modules below the package that a module imports, also inside functions and for type checking."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named = [tuple(alias.name.split(".")) for alias in node.names]
            named = [name[1:] for name in named if name[0] == "neurogeom"]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ("neurogeom",)
            base += tuple(node.module.split(".")) if node.module else ()
            if not node.level:
                if base[1] != "neurogeom":
                    continue
                base = base[2:]
            named = [(*base, alias.name) for alias in node.names]
        else:
            continue
        for name in named:  # a module, or what stands in one
            known = [
                name[:k] for k in range(len(name), 0, -1) if name[:k] in MODULES or name[:k][0] in COMPILED
            ]
            found.add(known[0] if known else ())  # () for a public name of the package
    return found - {module}


def test_every_folder_has_a_floor():
    assert {module[0] for module in MODULES if module} | COMPILED == set(FLOOR)


@pytest.mark.parametrize("module", [m for m in MODULES if m], ids=".".join)
def test_imports_go_down(module):
    for other in imports_of(module):
        if not other:
            assert FLOOR[module[0]] >= FLOOR["cli"], f"{module} imports public names of the package"
        elif other[0] != module[0]:
            assert FLOOR[other[0]] < FLOOR[module[0]], f"{module} imports {other}"
            private = [name for name in other[1:] if name.startswith("_")]
            assert not private, f"{module} imports {other}, which is not for other folders"


@pytest.mark.parametrize("folder", sorted({module[0] for module in MODULES if len(module) > 1}))
def test_imports_inside_a_folder_make_no_circle(folder):
    inside = {module for module in MODULES if module and module[0] == folder}
    left = {module: imports_of(module) & inside for module in inside}
    while left:
        free = {module for module, needs in left.items() if not needs & set(left)}
        assert free, f"circle among {sorted(left)}"
        left = {module: needs for module, needs in left.items() if module not in free}
