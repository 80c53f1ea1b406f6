"""Modules that are imported on first use, and that tab completion shows before that."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

_not_imported: list[str] = []


def lazily(
    package: str, modules: Sequence[str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package that offers these modules.

    Parameters
    ----------
    package : str
        ``__name__`` of the package. It shows its ``__all__`` and the modules.
    modules : sequence of str, optional
        Names of modules in it; by default all that do not begin with an underscore.
    """
    if modules is None:
        folder = pkgutil.iter_modules(sys.modules[package].__path__)
        modules = [module.name for module in folder if not module.name.startswith("_")]
    _not_imported.extend(f"{package}.{name}" for name in modules)

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(f"{package}.{name}")

    def show() -> list[str]:
        found = vars(sys.modules[package])
        dunders = [name for name in found if name.startswith("__")]
        return sorted({*dunders, *found.get("__all__", ()), *modules})

    return get, show


def import_all() -> None:
    """Import the modules that have not been used yet."""
    while _not_imported:
        importlib.import_module(_not_imported.pop())
