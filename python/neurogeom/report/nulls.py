"""Pictures of pairs against what chance gives (need the extra: ``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..pairs.result import Pairwise
from .drawing import GREY, INK, new_figure, plain, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALIKE, _NOT = "#1f5fa8", "#b8c7dc"


def plot_null(result: Pairwise, *, level: float = 0.05, ax: Axes | None = None) -> Axes:
    """Draw the values of all pairs beside what they are with permuted stimuli.

    Pairs stand in the order of their null-calibrated values, the most alike first. Dots are values, dark
    where the p-value is at most `level` (of each pair alone, for how many pairs soever); bars are the mean of
    the null and two standard deviations on both sides.

    Parameters
    ----------
    result : Pairwise
        From ``ng.pairwise(..., null=n)``.
    level : float, default 0.05
        Largest p-value of dark dots.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        The panel.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the result has no null.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> axis = ng.plot.plot_null(ng.pairwise(layers, "cka", null=20))
    >>> axis.get_ylabel()
    'cka'
    """
    if result.p_value is None or result.null_mean is None or result.null_sd is None:
        raise ValueError("the result has no null: compute it with ng.pairwise(..., null=n)")
    axis = new_figure((5.2, 3.4)).subplots() if ax is None else ax
    whole = np.ones(result.shape, dtype=bool)
    if result.is_square:
        whole = np.triu(whole, 1) if result.symmetric else ~np.eye(len(whole), dtype=bool)
    values, p_values, means, deviations = (
        table[whole] for table in (result.values, result.p_value, result.null_mean, result.null_sd)
    )
    order = np.argsort(-np.nan_to_num(result.calibrated[whole], nan=-np.inf), kind="stable")
    place = np.arange(len(order))
    axis.errorbar(
        place,
        means[order],
        2 * deviations[order],
        color=GREY,
        elinewidth=1.0,
        fmt="none",
        label="permuted stimuli, mean ± 2 sd",
    )
    beyond = p_values[order] <= level
    for which, colour, text in ((beyond, _ALIKE, f"p ≤ {level:g}"), (~beyond, _NOT, "other pairs")):
        if which.any():
            axis.scatter(place[which], values[order][which], s=14, color=colour, lw=0, zorder=3, label=text)
    axis.set_xlabel("pairs, the most alike first", color=INK, fontsize=9)
    axis.set_ylabel(plain(result.metric), color=INK, fontsize=9)
    axis.set_xticks([])
    axis.tick_params(color=GREY, labelcolor=INK, labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    # The least alike pairs leave this corner free.
    axis.legend(
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        loc="upper right" if result.is_similarity else "lower right",
    )
    write_title(axis, f"{int(beyond.sum())} of {len(order)} pairs")
    return axis
