"""Pictures of distances over shifts (need the extra: ``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..metrics.convolutional import ShiftMap
from .drawing import GREY, INK, new_figure, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_shift_map(result: ShiftMap, *, ax: Axes | None = None) -> Axes:
    """Draw the distance of two convolutional layers over all circular shifts, with the best one marked.

    Parameters
    ----------
    result : ShiftMap
        From ``ng.Convolutional().map(X, Y)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        The panel; its axes are shifts, no shift in the middle.

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(10, 6, 6, 3))
    >>> moved = ng.FeatureMaps(np.roll(X, (1, -2), axis=(1, 2)))
    >>> found = ng.Convolutional().map(ng.FeatureMaps(X), moved)
    >>> ng.plot.plot_shift_map(found).get_title("left")
    'smallest: 0.000 at (1, -2)'
    """
    axis = new_figure((3.6, 3.2)).subplots() if ax is None else ax
    height, width = result.distances.shape
    rows, columns = (shifts[0] - 0.5 for shifts in (result.row_shifts, result.column_shifts))
    image = axis.imshow(
        result.distances,
        cmap="Blues_r",
        extent=(columns, columns + width, rows + height, rows),
        interpolation="nearest",
    )
    down, right = (int(step) for step in result.shift)
    axis.plot([right], [down], marker="o", ms=7, mfc="none", mec="white", mew=1.6)
    scale = axis.figure.colorbar(image, ax=axis)
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=8, color=GREY, labelcolor=INK)
    scale.set_label("distance", fontsize=8.5, color=INK)
    axis.set_xlabel("shift to the right", color=INK, fontsize=9)
    axis.set_ylabel("shift down", color=INK, fontsize=9)
    axis.tick_params(color=GREY, labelcolor=INK, labelsize=8)
    for spine in axis.spines.values():
        spine.set_visible(False)
    write_title(axis, f"smallest: {result.minimum:.3f} at ({down}, {right})")
    return axis
