"""Pictures of results (needs the extra: ``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.estimates import mean_and_deviation
from .drawing import GREY, INK, finish, new_figure, plain, write_title
from .tables import null_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..capacity.results import EffectiveGeometry, ManifoldCapacity

_PANELS = (("capacity", "#1f5fa8"), ("radius", "#b4472e"), ("dimension", "#2e7d4f"))
_ALIGNMENTS = {
    "center": ("centers", "#6b4fa0", "o"),
    "axis": ("axes", "#b4472e", "s"),
    "center_axis": ("center and axis", "#2e7d4f", "D"),
}
_SHUFFLED = "    grey: shuffled points"
_MAX_TICKS = 16  # more names than this are thinned out
_MAX_NAME = 26  # longer names are cut


def plot_capacity(
    results: Mapping[str, ManifoldCapacity], path: str | os.PathLike[str] | None = None
) -> Figure:
    """Draw capacity, radius and dimension of data sets (layers, areas, epochs) in their order.

    Bars are ± 2 standard errors over Gaussian samples: how well the number is known for these
    manifolds. The lighter band is ± 1 standard error over manifolds: how it would vary with other
    manifolds of the same kind. Where shuffled data were analysed, a grey line shows their mean.

    Parameters
    ----------
    results : mapping of str to ManifoldCapacity
        Results by name, in the order of the horizontal axis.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If `results` is empty.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import plot_capacity
    >>> data = load_minilm_clinc()
    >>> results = {
    ...     name: ng.manifold_capacity(ng.manifolds(X, data.labels), n_samples=20, rng=0)
    ...     for name, X in data.layers.items()
    ... }
    >>> figure = plot_capacity(results)
    >>> [axis.get_title("left") for axis in figure.axes]
    ['capacity', 'radius', 'dimension']
    """
    figure, panels = _panels(list(results), len(_PANELS))
    for axis, (quantity, colour) in zip(panels, _PANELS, strict=True):
        name = f"mean_{quantity}"
        _draw_shuffled(axis, (null_values(result, name) for result in results.values()))
        _draw_band(axis, list(results.values()), name, colour)
        _draw_line(axis, list(results.values()), name, colour)
        write_title(axis, quantity, pad=8)
    caption = "bars: ± 2 standard errors over samples    band: ± 1 standard error over manifolds"
    return finish(figure, caption + _SHUFFLED * any(r.null is not None for r in results.values()), path)


def plot_geometry(
    results: Mapping[str, EffectiveGeometry],
    path: str | os.PathLike[str] | None = None,
    *,
    nulls: Mapping[str, Sequence[EffectiveGeometry]] | None = None,
) -> Figure:
    """Draw joint capacity, effective radius and dimension, and alignments of data sets in their order.

    Alignments are mean absolute cosines between the anchor centers and axes of different manifolds. Bars are
    ± 2 standard errors over samples. Grey lines show means over shuffled data of the first three quantities,
    if there are shuffled data.

    Parameters
    ----------
    results : mapping of str to EffectiveGeometry
        Results by name, in the order of the horizontal axis.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for the same data with shuffled points, by name, where the results have no null of their own.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If `results` is empty.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import plot_geometry
    >>> data = load_minilm_clinc()
    >>> results = {
    ...     name: ng.effective_geometry(ng.manifolds(X, data.labels), n_samples=20, rng=0)
    ...     for name, X in data.layers.items()
    ... }
    >>> figure = plot_geometry(results)
    >>> [axis.get_title("left") for axis in figure.axes]
    ['joint capacity', 'effective radius', 'effective dimension', 'mean |cosine|']
    """
    with_null = bool(nulls) or any(result.null is not None for result in results.values())
    figure, panels = _panels(list(results), len(_PANELS) + 1)
    for axis, (quantity, colour) in zip(panels[:-1], _PANELS, strict=True):
        field = "capacity" if quantity == "capacity" else f"effective_{quantity}"
        dealt = nulls or {}
        _draw_shuffled(axis, (null_values(result, field, dealt.get(key)) for key, result in results.items()))
        _draw_line(axis, list(results.values()), field, colour)
        write_title(axis, "joint capacity" if quantity == "capacity" else f"effective {quantity}", pad=8)
    for kind, (label, colour, marker) in _ALIGNMENTS.items():
        _draw_line(panels[-1], list(results.values()), f"{kind}_alignment_abs", colour, marker, label)
    write_title(panels[-1], "mean |cosine|", pad=8)
    beside: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}  # where it hides nothing
    panels[-1].legend(fontsize=8, frameon=False, labelcolor=INK, handlelength=1.2, **beside)
    return finish(figure, "bars: ± 2 standard errors over samples" + _SHUFFLED * with_null, path)


def _panels(names: Sequence[str], count: int, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Make rows of so many empty panels, with the names of the data sets below each."""
    if not names:
        raise ValueError("results is empty")
    shown, step, upright = _tick_names(names)
    # All panels have the same size: long slanted names get extra room below.
    below = 0.0 if upright else 0.05 * max(map(len, shown))
    width = 3.0 * count + 0.05 * count * max(0, min(len(names), 40) - 8)
    figure = new_figure((width, rows * (3.3 + below)), wspace=0.06, w_pad=0.08, h_pad=0.08)
    panels = list(figure.subplots(rows, count, squeeze=False).flat)
    for axis in panels:
        _style(axis)
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.set_xticks(range(0, len(names), step), shown)
        if not upright:
            for text in axis.get_xticklabels():
                text.set(rotation=40, ha="right", rotation_mode="anchor")
    return figure, panels


def _draw_line(
    axis: Axes, results: Iterable[Any], name: str, colour: str, marker: str = "o", label: str | None = None
) -> None:
    """Draw one quantity of all data sets with its standard errors over samples."""
    value, error = ([getattr(result, f"{name}{end}") for result in results] for end in ("", "_se"))
    _draw_values(axis, value, error, colour, marker, label)


def _draw_values(
    axis: Axes, value: Any, error: Any, colour: str, marker: str = "o", label: str | None = None
) -> None:
    """Draw values in their order, with two standard errors."""
    x = np.arange(len(value))
    axis.plot(x, value, color=colour, lw=1.6, zorder=3)
    bars: Any = {"ms": 4.5, "elinewidth": 1.4, "capsize": 2.5, "zorder": 4, "label": label}
    axis.errorbar(x, value, 2 * np.array(error), fmt=marker, color=colour, **bars)


def _draw_band(axis: Axes, results: Sequence[ManifoldCapacity], name: str, colour: str) -> None:
    """Draw the standard errors over manifolds."""
    x = np.arange(len(results))
    value, spread = (
        np.array([getattr(result, f"{name}{end}") for result in results]) for end in ("", "_se_manifolds")
    )
    if len(results) == 1:  # a band of no width would not be seen
        axis.errorbar(x, value, spread, color=colour, alpha=0.2, lw=14, zorder=1)
    else:
        axis.fill_between(x, value - spread, value + spread, color=colour, alpha=0.15, lw=0)


def _draw_shuffled(axis: Axes, draws: Iterable[Any]) -> None:
    """Draw the means of shuffled data, where there are any."""
    means = [mean_and_deviation(values)[0] for values in draws]
    if np.isfinite(means).any():
        axis.plot(np.arange(len(means)), means, "o--", color=GREY, lw=1, ms=3, zorder=2)


def _tick_names(names: Sequence[str]) -> tuple[list[str], int, bool]:
    """Choose the names to show, at what interval, and whether they fit side by side without slanting."""
    step = -(-len(names) // _MAX_TICKS)
    shown = []
    for name in names[::step]:
        if len(name) > _MAX_NAME:  # layers may differ at either end of their names
            name = f"{name[: _MAX_NAME - 9]}…{name[-8:]}"
        shown.append(name)
    upright = len(shown) * max(map(len, shown)) <= 34
    return list(map(plain, shown)), step, upright


def _style(axis: Axes) -> None:
    """Give a panel a plain frame."""
    axis.tick_params(labelsize=9, color=GREY, labelcolor=INK, length=3)
    axis.grid(axis="y", color="#e6e6e6", lw=0.8)
    axis.set_axisbelow(True)
    axis.margins(y=0.15)
    axis.locator_params(axis="y", nbins=6)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
