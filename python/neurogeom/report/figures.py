"""Pictures of results (needs the extra: ``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from ..capacity.joint import EffectiveGeometry
    from ..capacity.mean_field import ManifoldCapacity

_PANELS = (("capacity", "#1f5fa8"), ("radius", "#b4472e"), ("dimension", "#2e7d4f"))
_ALIGNMENTS = {
    "center": ("centers", "#6b4fa0", "o"),
    "axis": ("axes", "#b4472e", "s"),
    "center_axis": ("center and axis", "#2e7d4f", "D"),
}
_GREY = "#8a8a8a"
_INK = "#333333"
_TITLE: Any = {"fontsize": 11, "color": _INK, "loc": "left", "pad": 8}
_MAX_TICKS = 16  # more names than this are thinned out
_MAX_NAME = 26  # longer names are cut


def _matplotlib() -> tuple[type[Figure], type[ConstrainedLayoutEngine]]:
    """Import what is drawn with; pyplot stays out, for it keeps global state and opens windows."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise ImportError("plotting needs matplotlib: pip install 'neurogeom[plot]'") from None
    return Figure, ConstrainedLayoutEngine


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise if a picture cannot be written under this name, before long work is done for it.

    Parameters
    ----------
    path : path-like
        File whose ending names the format.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If matplotlib has no writer for the ending.

    Examples
    --------
    >>> from neurogeom.report import check_format
    >>> check_format("capacity.png")
    """
    ending = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    known = _matplotlib()[0]().canvas.get_supported_filetypes()
    if ending not in known:
        raise ValueError(f"{os.fspath(path)} must end in one of {', '.join(sorted(known))}")


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
        _draw_panel(axis, list(results.values()), quantity, colour)
        axis.set_title(quantity, **_TITLE)
    caption = "bars: ± 2 standard errors over samples    band: ± 1 standard error over manifolds"
    return _finish(figure, caption, any(result.null is not None for result in results.values()), path)


def plot_geometry(
    results: Mapping[str, EffectiveGeometry],
    path: str | os.PathLike[str] | None = None,
    *,
    nulls: Mapping[str, Sequence[EffectiveGeometry]] | None = None,
) -> Figure:
    """Draw joint capacity, effective radius and dimension, and alignments of data sets in their order.

    Alignments are mean absolute cosines between the anchor centers and axes of different manifolds. Bars are
    ± 2 standard errors over samples. Grey lines show means over shuffled data, where there are any, of the
    first three quantities.

    Parameters
    ----------
    results : mapping of str to EffectiveGeometry
        Results by name, in the order of the horizontal axis.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).
    nulls : mapping of str to sequence of EffectiveGeometry, optional
        Results for the same data with shuffled points, by name.

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
    figure, panels = _panels(list(results), len(_PANELS) + 1)
    x = np.arange(len(results))
    for axis, (quantity, colour) in zip(panels[:-1], _PANELS, strict=True):
        field = "capacity" if quantity == "capacity" else f"effective_{quantity}"
        shuffled = [_mean([getattr(item, field) for item in (nulls or {}).get(key, ())]) for key in results]
        if np.isfinite(shuffled).any():
            axis.plot(x, shuffled, "o--", color=_GREY, lw=1, ms=3, zorder=2)
        _draw_line(axis, results, field, colour)
        axis.set_title("joint capacity" if quantity == "capacity" else f"effective {quantity}", **_TITLE)
    for kind, (label, colour, marker) in _ALIGNMENTS.items():
        _draw_line(panels[-1], results, f"{kind}_alignment_abs", colour, marker, label)
    panels[-1].set_title("mean |cosine|", **_TITLE)
    beside: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}  # where it hides nothing
    panels[-1].legend(fontsize=8, frameon=False, labelcolor=_INK, handlelength=1.2, **beside)
    return _finish(figure, "bars: ± 2 standard errors over samples", bool(nulls), path)


def _panels(names: Sequence[str], count: int) -> tuple[Figure, list[Axes]]:
    """Make a row of empty panels with the names of the data sets below."""
    if not names:
        raise ValueError("results is empty")
    shown, step, upright = _tick_names(names)
    figure_class, engine_class = _matplotlib()
    # Panels stay of one size: long slanted names get their own room below.
    below = 0.0 if upright else 0.05 * max(map(len, shown))
    width = 3.0 * count + 0.05 * count * max(0, min(len(names), 40) - 8)
    engine = engine_class(wspace=0.06, w_pad=0.08, h_pad=0.08)
    figure = figure_class(figsize=(width, 3.3 + below), layout=engine)
    panels = list(figure.subplots(1, count))
    for axis in panels:
        _style(axis)
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.set_xticks(range(0, len(names), step), shown)
        if not upright:
            for text in axis.get_xticklabels():
                text.set(rotation=40, ha="right", rotation_mode="anchor")
    return figure, panels


def _finish(figure: Figure, caption: str, shuffled: bool, path: str | os.PathLike[str] | None) -> Figure:
    """Write the caption, and the file if one is asked for."""
    figure.supxlabel(caption + "    grey: shuffled points" * shuffled, fontsize=8, color=_GREY)
    if path is not None:
        figure.savefig(path, dpi=200)
    return figure


def _draw_line(
    axis: Axes,
    results: Mapping[str, EffectiveGeometry],
    field: str,
    colour: str,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Draw one quantity of all data sets with its standard errors."""
    x = np.arange(len(results))
    value, error = (
        np.array([getattr(result, f"{field}{suffix}") for result in results.values()])
        for suffix in ("", "_se")
    )
    axis.plot(x, value, color=colour, lw=1.6, zorder=3)
    axis.errorbar(
        x,
        value,
        2 * error,
        fmt=marker,
        color=colour,
        ms=4.5,
        elinewidth=1.4,
        capsize=2.5,
        zorder=4,
        label=label,
    )


def _draw_panel(axis: Axes, results: Sequence[ManifoldCapacity], quantity: str, colour: str) -> None:
    """Draw one quantity of all data sets: band, line, bars, and the mean of shuffled data."""
    x = np.arange(len(results))
    value, error, spread = (
        np.array([getattr(result, f"mean_{quantity}{suffix}") for result in results])
        for suffix in ("", "_se", "_se_manifolds")
    )
    shuffled = [_null_mean(result, quantity) for result in results]
    if np.isfinite(shuffled).any():
        axis.plot(x, shuffled, "o--", color=_GREY, lw=1, ms=3, zorder=2)
    if len(results) == 1:  # a band of no width would not be seen
        axis.errorbar(x, value, spread, color=colour, alpha=0.2, lw=14, zorder=1)
    else:
        axis.fill_between(x, value - spread, value + spread, color=colour, alpha=0.15, lw=0)
    axis.plot(x, value, color=colour, lw=1.6, zorder=3)
    axis.errorbar(x, value, 2 * error, fmt="o", color=colour, ms=4.5, elinewidth=1.4, capsize=2.5, zorder=4)


def _null_mean(result: ManifoldCapacity, quantity: str) -> float:
    return np.nan if result.null is None else _mean(getattr(result.null, f"mean_{quantity}"))


def _mean(values: Any) -> float:
    """Mean of the values that could be computed."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if len(finite) else np.nan


def _tick_names(names: Sequence[str]) -> tuple[list[str], int, bool]:
    """Choose the names to show, every how many, and whether they fit side by side upright."""
    step = -(-len(names) // _MAX_TICKS)
    shown = []
    for name in names[::step]:
        if len(name) > _MAX_NAME:  # what tells layers apart may be at either end
            name = f"{name[: _MAX_NAME - 9]}…{name[-8:]}"
        shown.append(name)
    upright = len(shown) * max(map(len, shown)) <= 34
    # A dollar sign would start mathematics.
    return [name.replace("$", r"\$") for name in shown], step, upright


def _style(axis: Axes) -> None:
    """Give a panel a quiet frame."""
    axis.tick_params(labelsize=9, color=_GREY, labelcolor=_INK, length=3)
    axis.grid(axis="y", color="#e6e6e6", lw=0.8)
    axis.set_axisbelow(True)
    axis.margins(y=0.15)
    axis.locator_params(axis="y", nbins=6)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_GREY)
