"""Models against a reference as bars with errors, a noise ceiling, and marks of significance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._base.checks import FloatArray
from ..comparisons.models import ModelComparison
from .drawing import GREY, INK, new_figure, plain
from .pairs import short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR, _BAND = "#7fa6c9", "#dcdcdc"
_MAX_NAME = 24
_MOST_PAIRS = 15  # pairs of models that are marked by lines


def model_comparison(result: ModelComparison, ax: Axes | None = None, *, alpha: float = 0.05) -> Axes:
    """Draw the values of models with standard errors, the noise ceiling, and what is significant.

    A star marks a model above zero (or, with a null, above chance); a circle one that differs from the lower
    noise ceiling; lines above the bars join models that differ, the pairs with the smallest p-values if
    there are many. All by p-values adjusted for their number.

    Parameters
    ----------
    result : ModelComparison
        From :func:`neurogeom.compare_models`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a figure of its own, free of pyplot.
    alpha : float, default 0.05
        Level of significance of adjusted p-values.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; ``.figure.savefig(path)`` writes them.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> subjects = rng.standard_normal((15, 6)) + rng.standard_normal((4, 15, 6))
    >>> models = {"mean": subjects.mean(axis=0), "random": rng.standard_normal((15, 6))}
    >>> axes = ng.plot.model_comparison(ng.compare_models(models, subjects, n_bootstrap=50))
    """
    if ax is None:
        figure = new_figure((1.6 + 0.75 * result.n_models, 4.2))
        ax = figure.add_subplot()
    place = np.arange(result.n_models)
    if np.isfinite([result.ceiling_lower, result.ceiling_upper]).all():
        bounds = sorted([result.ceiling_lower, result.ceiling_upper])
        ax.axhspan(*bounds, color=_BAND, lw=0, zorder=0, label="noise ceiling")
        ax.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.1)
    ax.axhline(0, color=INK, lw=0.8)
    se = np.nan_to_num(result.se)
    ax.bar(place, result.values, 0.7, yerr=se, color=_BAR, ecolor=INK, error_kw={"lw": 1.2}, zorder=2)
    ax.set_xticks(place, [plain(name) for name in short_names(result.names.tolist(), _MAX_NAME)])
    ax.tick_params(axis="x", length=0)
    for label in ax.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")
    tops = np.maximum(result.values + se, 0.0)
    low = min(0.0, float((result.values - se).min()))
    high = max(float(tops.max()), *np.nan_to_num([result.ceiling_lower, result.ceiling_upper]).tolist())
    span = high - low or 1.0
    _mark_models(ax, result, tops, span, alpha)
    top = _join_pairs(ax, result, high + 0.06 * span, 0.035 * span, alpha)
    ax.set_ylim(low - 0.03 * span, top)
    ax.set_ylabel(plain(result.metric) + (" (similarity)" if result.is_similarity else " (distance)"))
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    of = f"{result.n_subjects} subjects" if result.n_subjects > 1 else "1 subject"
    errors = "both" if result.resample == "both" else result.resample
    text = f"{of}, {result.n_stimuli} stimuli; errors over {errors}"
    ax.set_xlabel(text.replace("over both", "over stimuli and subjects"), fontsize=8, color=GREY)
    return ax


def _mark_models(ax: Axes, result: ModelComparison, tops: FloatArray, span: float, alpha: float) -> None:
    """Write a star above models that beat zero or chance, a circle at those off the ceiling."""
    beaten = result.p_zero_adjusted if result.p_null_adjusted is None else result.p_null_adjusted
    for k, top in enumerate(tops):
        marks = "*" * bool(beaten[k] < alpha)
        marks += "\N{WHITE CIRCLE}" * bool(result.p_ceiling_adjusted[k] < alpha)
        ax.text(k, top + 0.01 * span, marks, ha="center", va="bottom", color=INK, fontsize=10)


def _join_pairs(ax: Axes, result: ModelComparison, bottom: float, step: float, alpha: float) -> float:
    """Draw a line over each pair of models that differ, and return where the axes end."""
    first, second = np.triu_indices(result.n_models, 1)
    p = result.p_difference_adjusted[first, second]
    chosen = [k for k in np.argsort(p, kind="stable")[:_MOST_PAIRS] if p[k] < alpha]
    chosen.sort(key=lambda k: (second[k] - first[k], first[k]))
    for level, k in enumerate(chosen):
        height = bottom + level * step
        ax.plot([first[k], second[k]], [height, height], color=GREY, lw=1.2, marker="|", ms=4)
    return bottom + max(len(chosen), 1) * step
