"""Writes the pages of the interface from the names that are public, so that no list is kept by hand.

``ng.__all__`` is shown by the folders in which its names are made; public modules have a page of their own.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import neurogeom as ng


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx reads its sources."""
    write_pages(Path(app.srcdir, "api"))
    return {"parallel_read_safe": True}


def modules() -> list[str]:
    """Public modules: those of ``ng.__all__``, and of the drop-ins all in their folder."""
    found = [f"neurogeom.{name}" for name in ng.__all__ if inspect.ismodule(getattr(ng, name))]
    for module in pkgutil.walk_packages(ng.compat.__path__, "neurogeom.compat."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            found.append(module.name)
    return found


def public_names(module: ModuleType) -> list[str]:
    """Names that a module offers: ``__all__``, or the functions and classes that are made in it."""
    made_here = [
        name
        for name, item in vars(module).items()
        if (inspect.isfunction(item) or inspect.isclass(item))
        and item.__module__ == module.__name__
        and not name.startswith("_")
    ]
    return sorted(getattr(module, "__all__", made_here), key=str.lower)


def rooms() -> dict[str, list[str]]:
    """Names of ``ng.__all__`` by the folder of the package in which they are made."""
    found: dict[str, list[str]] = {}
    for name in sorted(ng.__all__, key=str.lower):
        item = getattr(ng, name)
        if not inspect.ismodule(item):
            found.setdefault(item.__module__.split(".")[1], []).append(name)
    return found


def write_pages(folder: Path) -> None:
    """Write the index, and a page for each public module; the page of a name is written by autosummary."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = [*_heading("Interface", "="), "``import neurogeom as ng``; samples come first everywhere.", ""]
    for room, names in rooms().items():
        summary = (importlib.import_module(f"neurogeom.{room}").__doc__ or "").strip().split("\n\n")[0]
        text += [*_heading(room.strip("_"), "-"), summary, "", *_table("neurogeom", names)]
    text += [*_heading("modules", "-"), ".. toctree::", "   :maxdepth: 1", ""]
    for name in modules():
        text.append(f"   {name}")
        module = importlib.import_module(name)
        page = [*_heading(name, "="), f".. automodule:: {name}", "", *_table(name, public_names(module))]
        Path(folder, f"{name}.rst").write_text("\n".join(page), "utf-8")
    Path(folder, "index.rst").write_text("\n".join([*text, ""]), "utf-8")


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _table(module: str, names: list[str]) -> list[str]:
    if not names:
        return []
    head = [
        f".. currentmodule:: {module}",
        "",
        ".. autosummary::",
        "   :toctree: generated",
        "   :nosignatures:",
        "",
    ]
    return [*head, *(f"   {name}" for name in names), ""]
