"""Learning curves in pictures: lines as predicted, points as measured; estimates of data sets in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .drawing import INK, plain
from .figures import _style, _tick_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f5fa8", "#b4472e", "#2e7d4f", "#6b4fa0", "#c08a1e", "#3d8f9b", "#9c3f6e", "#5b5b5b")
MARKERS = "osD^v"
_MAX_TICKS = 6
# Values with their standard errors, of one data set or of several.
Estimates: TypeAlias = Sequence[tuple[float, float]]


def colour_of(k: int) -> str:
    """Colour of the k-th data set."""
    return COLOURS[k % len(COLOURS)]


def room_for(names: Sequence[str]) -> float:
    """Inches that names of data sets need below a panel, besides those of numbers."""
    shown, _, upright = _tick_names(names)
    return 0.0 if upright else 0.05 * max(map(len, shown))


def place_names(axis: Axes, names: Sequence[str]) -> None:
    """Write the names of data sets below a panel, in their order."""
    shown, step, upright = _tick_names(names)
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_xticks(range(0, len(names), step), shown)
    if not upright:
        for text in axis.get_xticklabels():
            text.set(rotation=40, ha="right", rotation_mode="anchor")


def draw_estimates(axis: Axes, x: Any, estimates: Estimates, colour: str, marker: str = "o") -> None:
    """Draw estimates as points on a line, with bars of two standard errors."""
    axis.plot(x, [value for value, _ in estimates], color=colour, lw=1.6, zorder=3)
    draw_bars(axis, x, estimates, colour, marker)


def draw_bars(axis: Axes, x: Any, estimates: Estimates, colour: str, marker: str) -> None:
    """Draw estimates as points with bars of two standard errors."""
    value, error = np.array(estimates, dtype=float).reshape(-1, 2).T
    bars: Any = {"ms": 4.5, "elinewidth": 1.4, "capsize": 2.5, "zorder": 4}
    axis.errorbar(x, value, 2 * error, fmt=marker, color=colour, **bars)


def draw_by_name(axis: Axes, predicted: Estimates, measured: Estimates | None, colour: str) -> None:
    """Draw one estimate of each data set in their order, and what was measured as crosses."""
    x = np.arange(len(predicted))
    draw_estimates(axis, x, predicted, colour)
    if measured is not None:
        draw_bars(axis, x, measured, INK, "x")


def draw_curves(
    axis: Axes,
    x: Sequence[int],
    predicted: Mapping[str, Estimates],
    measured: Mapping[str, Estimates] | None,
    what: str,
    *,
    is_log: bool = False,
) -> None:
    """Draw a curve of each data set over numbers of examples: lines as predicted, points as measured.

    With `is_log`, the vertical axis is logarithmic if all values are positive.
    """
    for k, (name, line) in enumerate(predicted.items()):
        colour, marker = colour_of(k), MARKERS[k % len(MARKERS)]
        axis.plot(x, [value for value, _ in line], color=colour, lw=1.6, zorder=3)
        draw_bars(axis, x, line if measured is None else measured[name], colour, marker)
    axis.set_xscale("log")
    axis.set_xticks(list(x), [str(m) for m in x])
    axis.minorticks_off()
    axis.set_xlabel(what, fontsize=9, color=INK)
    lines = [*predicted.values(), *(measured or {}).values()]
    values = np.array([value for line in lines for value, _ in line])
    if is_log and (values[np.isfinite(values)] > 0).all():
        axis.set_yscale("log", nonpositive="clip")
        low, high = 0.8 * float(np.nanmin(values)), 1.25 * float(np.nanmax(values))
        ticks = [k * 10.0**power for power in range(-9, 3) for k in (1, 2, 3, 5)]
        shown = [tick for tick in ticks if low <= tick <= high]
        if len(shown) > _MAX_TICKS:
            shown = [tick for tick in shown if f"{tick:.0e}".startswith("1")]
        axis.set_yticks(shown, [f"{tick:g}" for tick in shown])
        axis.minorticks_off()
        axis.set_ylim(low, high)
    else:
        bottom, top = axis.get_ylim()
        axis.set_ylim(max(0.0, bottom), top)


def name_beside(axis: Axes, names: Sequence[str]) -> None:
    """Name the data sets beside a panel, where that hides nothing, by colour and marker; not too many."""
    from matplotlib.lines import Line2D

    if not 1 < len(names) <= len(COLOURS):
        return
    handles = [
        Line2D(
            [], [], color=colour_of(k), marker=MARKERS[k % len(MARKERS)], ms=4.5, lw=1.6, label=plain(name)
        )
        for k, name in enumerate(names)
    ]
    place: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    axis.legend(handles=handles, fontsize=8, frameon=False, labelcolor=INK, handlelength=1.4, **place)


def new_panels(figure: Any, count: int) -> list[Axes]:
    """Make a row of plain panels."""
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for axis in panels:
        _style(axis)
    return panels
