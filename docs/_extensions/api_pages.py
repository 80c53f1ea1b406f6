"""Writes the pages of the interface from the names that are public, so that no list is kept by hand.

``ng.__all__`` is shown by the folders in which its names are made; public modules have a page of their own.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import neurogeom as ng

# What a metric and a kind of sweep of one's own are made from.
PROTOCOLS = ("neurogeom.metrics.base", "neurogeom.sweep.kinds", "neurogeom.sweep.jobs")


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx reads its sources."""
    folder = Path(app.srcdir, "api")
    write_pages(folder)
    # Said, since by itself it looks into the pages that it knows from the last build.
    app.config.autosummary_generate = [f"api/{path.name}" for path in sorted(folder.glob("*.rst"))]
    app.config.autosummary_filename_map = file_names()
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
    """Names of ``ng.__all__`` by the folder in which they are made, upper floors of the design first."""
    found: dict[str, list[str]] = {}
    for name in sorted(ng.__all__, key=str.lower):
        item = getattr(ng, name)
        if not inspect.ismodule(item):
            found.setdefault(item.__module__.split(".")[1], []).append(name)
    design = Path(__file__).parents[1] / "design.md"
    floors = re.findall(r"^\| \d+ \| (.+) \|$", design.read_text("utf-8"), re.MULTILINE)
    order = [room for floor in reversed(floors) for room in re.findall(r"`(\w+)`", floor)]
    return {room: found[room] for room in sorted(found, key=order.index)}


def file_names() -> dict[str, str]:
    """Other file names for classes whose names differ from a function's by capitals only."""
    lower = {name for name in ng.__all__ if name == name.lower()}
    return {
        f"neurogeom.{name}": f"neurogeom.{name}.class"
        for name in ng.__all__
        if name not in lower and name.lower() in lower
    }


def write_pages(folder: Path) -> None:
    """Write the index, and a page for each public module; the page of a name is written by autosummary."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = [*_heading("Interface", "="), "``import neurogeom as ng``; samples come first everywhere.", ""]
    for room, names in rooms().items():
        summary = (importlib.import_module(f"neurogeom.{room}").__doc__ or "").strip().split("\n\n")[0]
        text += [*_heading(room.strip("_").capitalize(), "-"), summary, "", *_table("neurogeom", names)]
    for title, found in (("Modules", modules()), ("Protocols", PROTOCOLS)):
        text += [*_heading(title, "-"), ".. toctree::", "   :maxdepth: 1", ""]
        for name in found:
            text.append(f"   {name}")
            module = importlib.import_module(name)
            page = [*_heading(name, "="), f".. automodule:: {name}", "", *_table(name, public_names(module))]
            Path(folder, f"{name}.rst").write_text("\n".join(page), "utf-8")
        text.append("")
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
