"""Heat maps of distances and similarities (need the extra: ``pip install 'neurogeom[plot]'``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from .._base.checks import AnyArray, FloatArray
from ..pairs.result import Pairwise
from .drawing import GREY, INK, finish, new_figure, plain, write_title
from .pairs import cells_of, require_same_items, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_MAX_WRITTEN = 15  # with at most this many items, cells show their values
_MAX_NAME = 24
_SMALLEST_TEXT = 6.5  # points
# In inches.
_CELL, _TREE, _CHARACTER, _MAX_WIDTH = 0.43, 0.5, 0.075, 19.0
_PALE = "#efefef"


class _Tree(NamedTuple):
    """A dendrogram: brackets (cluster, corner, x and y), and the order of its leaves."""

    brackets: FloatArray
    order: NDArray[np.int64]


def plot_pairwise(
    results: Pairwise | Mapping[str, Pairwise],
    path: str | os.PathLike[str] | None = None,
    *,
    cluster: bool = True,
) -> Figure:
    """Draw matrices of distances or similarities as heat maps, one panel per metric.

    Dark means alike, for distances and for similarities; the colour scale covers pairs of different items.
    Items are ordered by average linkage with optimal ordering of the leaves, similarities s as 1 - s,
    asymmetric measures by the mean of both directions; the tree is drawn above its map. Comparisons of two
    sets of items, and matrices with undefined values, stay in the order given. With up to 15 items, cells
    show their values. Trees are cut off below their lowest branch.

    Parameters
    ----------
    results : Pairwise, or mapping of str to Pairwise
        From :func:`neurogeom.pairwise`; keys are the titles of the panels.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).
    cluster : bool, default True
        Order items by similarity; False keeps the order given, for example of the layers of a network.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If `results` is empty or the items differ between metrics.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import plot_pairwise
    >>> figure = plot_pairwise(ng.pairwise(load_minilm_clinc().layers))
    >>> [axis.get_title("left") for axis in figure.axes if axis.get_title("left")]
    ['procrustes']
    """
    panels = {results.metric: results} if isinstance(results, Pairwise) else dict(results)
    first = require_same_items(panels)
    names = (_labels(first.names), _labels(first.column_names))
    trees = {title: _tree(result) if cluster else None for title, result in panels.items()}
    edge = float(np.clip(_CELL * max(first.shape), 1.9, 6.3))
    cell = edge / max(first.shape)
    width = cell * first.shape[1] + _CHARACTER * max(map(len, names[0])) + 1.1
    height = cell * first.shape[0] + _CHARACTER * max(map(len, names[1])) + 1.2
    across = min(len(panels), max(1, int(_MAX_WIDTH / width)))
    down = -(-len(panels) // across)
    size = (across * width, down * height + 0.2)
    figure = new_figure(size, wspace=0.04, hspace=0.04, w_pad=0.08, h_pad=0.1)
    grid = figure.subplots(down, across, squeeze=False)
    for axis, (title, result) in zip(grid.flat, panels.items(), strict=False):
        _draw_panel(axis, title, result, trees[title], names, cell)
    for axis in grid.flat[len(panels) :]:
        axis.remove()
    caption = "dark: alike"
    if any(tree is not None for tree in trees.values()):
        caption += "    tree: average linkage"
    return finish(figure, caption, path)


def linkage_of(result: Pairwise) -> FloatArray:
    """Cluster the items of a square result by average linkage."""
    values = result.square
    if result.is_similarity:
        values = max(1.0, float(values.max())) - values
    values = (values + values.T) / 2
    condensed = np.maximum(values[np.triu_indices(len(values), 1)], 0.0)
    return np.asarray(hierarchy.linkage(condensed, "average", optimal_ordering=True))


def _tree(result: Pairwise) -> _Tree | None:
    """Make the dendrogram, or return None if there is none to make."""
    if not result.is_square or len(result.names) < 2 or not np.isfinite(result.values).all():
        return None
    linkage = linkage_of(result)
    if linkage[0, 2] == linkage[-1, 2]:  # two items, or all equally far apart: nothing to order
        return None
    count = len(linkage) + 1
    order = hierarchy.leaves_list(linkage).astype(np.int64)
    if (
        order.tolist().index(0) > (count - 1) / 2
    ):  # an order and its reverse are the same: begin with the first
        order = order[::-1]
    # Position and height of the stem of each cluster. SciPy's own drawing recurses: a chain of a thousand
    # items is too deep for it.
    place, height = np.empty(2 * count - 1), np.zeros(2 * count - 1)
    place[order] = np.arange(count)
    brackets = []
    for k, (left, right, top, _) in enumerate(linkage):
        ends = [int(left), int(right)]
        place[count + k], height[count + k] = place[ends].mean(), top
        x = [place[ends[0]], place[ends[0]], place[ends[1]], place[ends[1]]]
        brackets.append(np.column_stack([x, [height[ends[0]], top, top, height[ends[1]]]]))
    return _Tree(np.array(brackets), order)


def draw_pairwise(axis: Axes, result: Pairwise, title: str | None = None, *, cluster: bool = True) -> None:
    """Draw one heat map into a panel of your own figure; see :func:`plot_pairwise`.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Where to draw; the tree and the colour scale are put beside it.
    result : Pairwise
        From :func:`neurogeom.pairwise`.
    title : str, optional
        Title; by default the metric.
    cluster : bool, default True
        Order items by similarity.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from matplotlib.figure import Figure
    >>> from neurogeom.datasets import load_minilm_clinc
    >>> from neurogeom.report import draw_pairwise
    >>> left, right = Figure(figsize=(9, 4), layout="constrained").subplots(1, 2)
    >>> draw_pairwise(left, ng.pairwise(load_minilm_clinc().layers), cluster=False)
    """
    names = (_labels(result.names), _labels(result.column_names))
    tree = _tree(result) if cluster else None
    box = axis.get_window_extent()
    cell = min(box.width / result.shape[1], box.height / result.shape[0]) / axis.figure.dpi
    _draw_panel(axis, result.metric if title is None else title, result, tree, names, cell)


def _draw_panel(
    axis: Axes,
    title: str,
    result: Pairwise,
    tree: _Tree | None,
    names: tuple[list[str], list[str]],
    cell: float,
) -> None:
    """Draw one heat map, with its tree above and its colour scale beside; cells are `cell` inches wide."""
    rows, columns = (np.arange(count) for count in result.shape)
    if tree is not None:
        rows = columns = tree.order
    extent = cell * result.shape[0]
    top = 1 + _TREE / extent if tree is not None else 1.0
    write_title(axis, plain(title), y=top, pad=5)
    values = result.values[np.ix_(rows, columns)]
    # A measure that is perfect between an item and itself says nothing there: pairs of others set the scale.
    trivial = np.zeros(values.shape, dtype=bool)
    if result.is_square:
        trivial = np.eye(len(values), dtype=bool) & (values == (1.0 if result.is_similarity else 0.0))
    coloured = np.ma.masked_where(trivial | ~np.isfinite(values), values)
    image = _draw_map(axis, coloured, result.is_similarity)
    _name_axes(axis, [names[0][i] for i in rows], [names[1][j] for j in columns], cell)
    if max(result.shape) <= _MAX_WRITTEN:
        _write_values(axis, image, np.ma.masked_where(trivial, values))
    if tree is not None:
        _draw_tree(axis.inset_axes((0, 1 + 0.04 / extent, 1, (_TREE - 0.04) / extent)), tree, result.shape[1])
    if coloured.count() and coloured.min() < coloured.max():
        _draw_scale(axis, image, result, cell)


def _draw_map(axis: Axes, values: Any, is_similarity: bool) -> AxesImage:
    """Draw the cells; masked ones stay pale."""
    low, high = (float(values.min()), float(values.max())) if values.count() else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    axis.set_facecolor(_PALE)
    image = axis.imshow(values, cmap="Blues" if is_similarity else "Blues_r", vmin=low, vmax=high)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return image


def _name_axes(axis: Axes, rows: Sequence[str], columns: Sequence[str], cell: float) -> None:
    """Write the names left of the rows and below the columns, as many as fit."""
    axis.tick_params(color=GREY, labelcolor=INK, length=0, pad=3)
    step = max(1, int(np.ceil(_SMALLEST_TEXT / 72 / cell)))
    size = min(9.0, 72 * cell * step * 0.9)
    axis.set_yticks(range(0, len(rows), step), rows[::step], fontsize=size)
    axis.set_xticks(range(0, len(columns), step), columns[::step], fontsize=size)
    if max(map(len, columns)) * _CHARACTER > 0.95 * cell:
        steep = 90 if len(columns) > _MAX_WRITTEN else 40
        for text in axis.get_xticklabels():
            text.set(
                rotation=steep, ha="right", va="center" if steep == 90 else "top", rotation_mode="anchor"
            )


def _write_values(axis: Axes, image: AxesImage, values: Any) -> None:
    """Write the values into their cells, pale on dark."""
    texts = cells_of(np.ma.filled(values, np.nan), 3 if max(values.shape) <= 8 else 2)
    for (i, j), value in np.ndenumerate(np.ma.filled(values, np.nan)):
        if not np.ma.is_masked(values[i, j]):
            red, green, blue, _ = image.cmap(image.norm(value)) if np.isfinite(value) else (1, 1, 1, 1)
            colour = INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.55 else "white"
            axis.text(j, i, texts[i][j], ha="center", va="center", fontsize=7.5, color=colour)


def _draw_tree(axis: Axes, tree: _Tree, count: int) -> None:
    """Draw the brackets of the clusters above the columns."""
    axis.axis("off")
    axis.set_xlim(-0.5, count - 0.5)
    tops = tree.brackets[:, 1, 1]
    low, high = float(tops.min()), float(tops.max())
    bottom = max(0.0, low - 0.4 * (high - low))  # starting from 0 would hide small differences
    axis.set_ylim(bottom, high + 0.05 * (high - bottom))
    from matplotlib.collections import LineCollection

    width = 0.9 if count <= 40 else 0.6
    axis.add_collection(LineCollection(list(tree.brackets), colors=GREY, linewidths=width), autolim=False)


def _draw_scale(axis: Axes, image: AxesImage, result: Pairwise, cell: float) -> None:
    """Draw the colour scale to the right of the map, with alike on top."""
    width, height = cell * result.shape[1], cell * result.shape[0]
    share = min(1.0, 1.5 / height) if height < 3 else 0.4
    bar = axis.inset_axes((1 + 0.1 / width, 1 - share, 0.11 / width, share))
    scale = axis.figure.colorbar(image, cax=bar)
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=8, color=GREY, labelcolor=INK, length=2)
    bar.locator_params(nbins=5)
    scale.set_label("similarity" if result.is_similarity else "distance", fontsize=8.5, color=INK)
    if not result.is_similarity:
        bar.invert_yaxis()


def _labels(names: AnyArray) -> list[str]:
    return [plain(name) for name in short_names(names.tolist(), _MAX_NAME)]
