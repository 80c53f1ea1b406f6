"""Pictures of embeddings, of how well they fit, and trees of items (``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.checks import as_count, as_label_array
from ..pairs.embedding import Embedding, Embeddings
from ..pairs.result import Pairwise
from ..pairs.shapes import TangentSpace
from .curves import COLOURS
from .drawing import GREY, INK, new_figure, plain, write_title
from .figures import _style
from .heatmaps import _labels, _tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_NAMED = 40  # more points than this are not written beside


def plot_embedding(
    result: Embedding | TangentSpace,
    *,
    labels: Any = None,
    names: bool | None = None,
    dims: tuple[int, int] = (0, 1),
    ax: Axes | None = None,
) -> Axes:
    """Draw items as points, coloured by what they are.

    Parameters
    ----------
    result : Embedding or TangentSpace
        From :func:`neurogeom.mds` or :func:`neurogeom.tangent_space`.
    labels : array-like of shape (n_items,), optional
        Classes (strings, integers), one colour each, or a quantity (floating point), for a colour scale.
    names : bool, optional
        Write the names beside the points; by default for at most 40 of them.
    dims : tuple of two ints, default (0, 1)
        Which axes of the embedding.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        With the same scale along both axes: distances on paper are those of the points.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If the embedding lacks these axes, or `labels` do not fit.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> ax = ng.plot.plot_embedding(ng.mds(ng.pairwise(layers)))
    >>> [text.get_text() for text in ax.texts]
    ['layer0', 'layer2', 'layer4', 'layer6']
    """
    first, second = (as_count(one, "dims", minimum=0) for one in dims)
    points = result.coordinates
    if max(first, second) >= points.shape[1]:
        raise ValueError(f"dims must be below {points.shape[1]}, the number of axes, not {tuple(dims)}")
    axis = new_figure((5.2, 4.6)).subplots() if ax is None else ax
    _style(axis)
    x, y = points[:, first], points[:, second]
    _draw_points(axis, x, y, None if labels is None else as_label_array(labels, len(points), "labels"))
    axis.set_aspect("equal", adjustable="datalim")
    axis.grid(visible=False)
    if names or (names is None and len(points) <= _MAX_NAMED):
        for k, name in enumerate(_labels(result.names)):
            place: Any = {"xytext": (4, 3), "textcoords": "offset points", "fontsize": 7.5, "color": INK}
            axis.annotate(name, (x[k], y[k]), **place)
    axis.set_xlabel(f"axis {first + 1}", fontsize=9, color=INK)
    axis.set_ylabel(f"axis {second + 1}", fontsize=9, color=INK)
    if isinstance(result, Embedding):
        write_title(axis, f"{result.n_dims} dimensions, stress {result.stress:.3f}", pad=6)
    else:
        shares = " + ".join(f"{100 * result.explained[k]:.0f} %" for k in (first, second))
        write_title(axis, f"tangent space, {shares} of the variance", pad=6)
    return axis


def _draw_points(axis: Axes, x: Any, y: Any, labels: Any) -> None:
    """Draw points, with a legend of classes or a scale of a quantity."""
    style: Any = {"s": 30, "edgecolors": "white", "linewidths": 0.6, "zorder": 3}
    if labels is None:
        axis.scatter(x, y, color=COLOURS[0], **style)
        return
    if labels.dtype.kind == "f":
        drawn = axis.scatter(x, y, c=labels, cmap="viridis", **style)
        scale = axis.figure.colorbar(drawn, ax=axis, shrink=0.7)
        scale.outline.set_visible(False)
        scale.ax.tick_params(labelsize=8, color=GREY, labelcolor=INK)
        return
    for k, label in enumerate(dict.fromkeys(labels.tolist())):
        own = labels == label
        marker = "osD^v"[k // len(COLOURS) % 5]
        axis.scatter(
            x[own], y[own], color=COLOURS[k % len(COLOURS)], marker=marker, label=plain(str(label)), **style
        )
    beside: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, handletextpad=0.2, **beside)


def plot_stress(result: Embeddings, *, ax: Axes | None = None) -> Axes:
    """Draw the stress of embeddings over their numbers of dimensions.

    Grey points are the other starts.

    Parameters
    ----------
    result : Embeddings
        From :func:`neurogeom.mds` with several numbers of dimensions.
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

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> ax = ng.plot.plot_stress(ng.mds(ng.pairwise(layers), range(1, 4)))
    >>> ax.get_ylabel()
    'stress'
    """
    axis = new_figure((4.6, 3.4)).subplots() if ax is None else ax
    _style(axis)
    for one in result.embeddings:
        place = np.full(len(one.start_stress), one.n_dims)
        axis.plot(place, one.start_stress, "_", color=GREY, ms=8, zorder=2)
    axis.plot(result.n_dims, result.stress, "o-", color=COLOURS[0], lw=1.6, ms=4.5, zorder=3)
    axis.set_ylim(0.0, None)
    axis.locator_params(axis="x", integer=True)
    axis.set_xlabel("dimensions", fontsize=9, color=INK)
    axis.set_ylabel("stress", fontsize=9, color=INK)
    return axis


def plot_dendrogram(result: Pairwise, *, labels: Sequence[Any] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the tree of items by average linkage, with similar items beside each other.

    Similarities s count as 1 - s, asymmetric measures by the mean of both directions.

    Parameters
    ----------
    result : Pairwise
        All pairs of one set of items.
    labels : sequence, optional
        Class of each item, which gives its name a colour.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        The panel: items below, the distance at which clusters meet upwards.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no tree to draw: other items in rows than in columns, undefined values, fewer than three
        items, or all pairs equally far apart.

    Examples
    --------
    >>> import neurogeom as ng
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> ax = ng.plot.plot_dendrogram(ng.pairwise(layers))
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['layer0', 'layer2', 'layer4', 'layer6']
    """
    tree = _tree(result)
    if tree is None:
        raise ValueError(
            f"there is no tree to draw of {result.metric} of {result.shape[0]} by {result.shape[1]} items: "
            "that takes three or more, compared among themselves, that are not all equally far apart"
        )
    count = len(tree.order)
    axis = new_figure((max(3.5, min(19.0, 1.2 + 0.2 * count)), 3.6)).subplots() if ax is None else ax
    from matplotlib.collections import LineCollection

    _style(axis)
    axis.add_collection(LineCollection(list(tree.brackets), colors=GREY, linewidths=1.0))
    axis.set_xlim(-0.7, count - 0.3)
    axis.set_ylim(0.0, 1.05 * float(tree.brackets[..., 1].max()))
    names = _labels(result.names)
    size = 8.0 if count <= 60 else 5.0
    axis.set_xticks(range(count), [names[k] for k in tree.order], rotation=90, fontsize=size)
    axis.tick_params(axis="x", length=0)
    axis.set_ylabel(("1 - " if result.is_similarity else "") + plain(result.metric), fontsize=9, color=INK)
    if labels is not None:
        classes = as_label_array(labels, count, "labels").tolist()
        known = list(dict.fromkeys(classes))
        for text, k in zip(axis.get_xticklabels(), tree.order, strict=True):
            text.set_color(COLOURS[known.index(classes[k]) % len(COLOURS)])
    return axis
