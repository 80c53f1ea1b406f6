"""What all pictures share: Matplotlib without pyplot, colours, and how a figure ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._base.checks import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#8a8a8a"
INK = "#333333"


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise early, before any long computation, if a picture cannot be written under this name.

    Parameters
    ----------
    path : path-like
        File whose extension names the format.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If matplotlib has no writer for the extension.

    Examples
    --------
    >>> from neurogeom.report import check_format
    >>> check_format("capacity.png")
    """
    ending = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    known = new_figure((1.0, 1.0)).canvas.get_supported_filetypes()
    if ending not in known:
        raise ValueError(f"{os.fspath(path)} must end in one of {', '.join(sorted(known))}")


def new_figure(size: tuple[float, float], **paddings: Any) -> Figure:
    """Make a figure that lays itself out, without pyplot, which keeps global state and opens windows."""
    require_extra("matplotlib", "plot", "a picture")
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=size, layout=ConstrainedLayoutEngine(**paddings))


def finish(figure: Figure, caption: str, path: str | os.PathLike[str] | None) -> Figure:
    """Write the caption, and the file if there is a path."""
    figure.supxlabel(caption, fontsize=8, color=GREY)
    if path is not None:
        figure.savefig(path, dpi=200)
    return figure


def write_title(axis: Axes, text: str, **place: Any) -> None:
    """Write the title of a panel above its left edge."""
    axis.set_title(text, fontsize=11, color=INK, loc="left", **place)


def plain(name: str) -> str:
    """Escape dollar signs, which would start mathematics."""
    return name.replace("$", r"\$")
