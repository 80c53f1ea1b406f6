"""Heat maps: what is drawn where, the tree, and names that stay readable."""

from __future__ import annotations

import dataclasses
import itertools

import matplotlib.colors
import neurogeom as ng
import numpy as np
import pytest
from matplotlib.figure import Figure
from neurogeom.report import draw_pairwise, linkage_of, plot_pairwise
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform


def result_of(values, names=None, *, is_similarity=False, symmetric=True, columns=None, metric="measure"):
    """A result with these values."""
    values = np.asarray(values, dtype=float)
    names = np.array(names or [f"item {k}" for k in range(len(values))])
    columns = names if columns is None else np.array(columns)
    return ng.Pairwise(
        values=values, names=names, column_names=columns, metric=metric, is_similarity=is_similarity,
        symmetric=symmetric, n_stimuli=10, is_square=columns is names or list(columns) == list(names),
    )  # fmt: skip


def distances(count, seed=0):
    """Distances between random points on a plane."""
    points = np.random.default_rng(seed).normal(size=(count, 2))
    return np.linalg.norm(points[:, None] - points, axis=2)


def tree_of(axis):
    """The panel of brackets above a map, None if there is none."""
    return next((child for child in axis.child_axes if not child.axison), None)


def brackets_of(axis):
    (collection,) = tree_of(axis).collections
    return collection.get_segments()


def row_names(axis):
    return [text.get_text() for text in axis.get_yticklabels()]


def drawn(axis):
    return axis.images[0].get_array()


def test_cells_hold_the_values_in_the_order_of_the_leaves():
    result = result_of(distances(9))
    (axis,) = plot_pairwise(result).axes
    order = [result.names.tolist().index(name) for name in row_names(axis)]
    assert sorted(order) == list(range(9))
    assert [text.get_text() for text in axis.get_xticklabels()] == row_names(axis)
    found = drawn(axis)
    np.testing.assert_array_equal(np.diag(found.mask), True)
    np.testing.assert_array_equal(found[~found.mask], result.values[np.ix_(order, order)][~found.mask])
    # The same order as SciPy's, or its reverse, with the first item in the first half.
    leaves = hierarchy.leaves_list(
        hierarchy.linkage(squareform(result.values), "average", optimal_ordering=True)
    )
    assert order in (leaves.tolist(), leaves[::-1].tolist())
    assert order.index(0) <= 4


def test_tree_is_that_of_scipy():
    result = result_of(distances(12, seed=4))
    (axis,) = plot_pairwise(result).axes
    expected = hierarchy.dendrogram(linkage_of(result), no_plot=True)
    theirs = np.dstack([np.array(expected["icoord"]) / 10 - 0.5, expected["dcoord"]])
    mirrored = row_names(axis) != [str(result.names[k]) for k in expected["leaves"]]
    if mirrored:
        theirs[..., 0] = 11 - theirs[..., 0]

    def normal(brackets):
        return sorted(tuple(sorted(map(tuple, np.round(b, 9).tolist()))) for b in brackets)

    assert normal(brackets_of(axis)) == normal(theirs)


def test_a_chain_of_a_thousand_items_has_a_tree():
    # SciPy's dendrogram gives up on these, by recursion.
    place = np.cumsum(1.01 ** np.arange(1050))
    (axis,) = plot_pairwise(result_of(np.abs(place[:, None] - place) / place.max())).axes
    assert len(brackets_of(axis)) == 1049


@pytest.mark.parametrize("is_similarity", [False, True])
def test_alike_is_dark_and_at_the_top_of_the_scale(is_similarity):
    values = distances(6)
    values = 1 - values / 4 if is_similarity else values
    figure = plot_pairwise(result_of(values, is_similarity=is_similarity))
    (axis,) = figure.axes
    image = axis.images[0]
    off = values[~np.eye(6, dtype=bool)]
    alike, unlike = (off.max(), off.min()) if is_similarity else (off.min(), off.max())
    light = [sum(image.cmap(image.norm(value))[:3]) for value in (alike, unlike)]
    assert light[0] < light[1]
    assert (image.norm.vmin, image.norm.vmax) == (off.min(), off.max())
    scale = next(child for child in axis.child_axes if child.get_ylabel())
    assert scale.get_ylabel() == ("similarity" if is_similarity else "distance")
    assert scale.yaxis_inverted() is not is_similarity


def test_similarities_are_clustered_as_one_minus_s_and_both_directions():
    rng = np.random.default_rng(1)
    values = rng.uniform(-0.2, 0.9, size=(7, 7))
    np.fill_diagonal(values, 1)
    result = result_of(values, is_similarity=True, symmetric=False)
    expected = hierarchy.linkage(squareform(1 - (values + values.T) / 2), "average", optimal_ordering=True)
    np.testing.assert_allclose(linkage_of(result), expected, rtol=1e-12)
    (axis,) = plot_pairwise(result).axes
    order = [int(name.split()[1]) for name in row_names(axis)]
    off = ~np.eye(7, dtype=bool)
    np.testing.assert_array_equal(drawn(axis)[off], values[np.ix_(order, order)][off])  # not averaged


def test_values_stand_in_the_cells_of_few_items_only():
    values = distances(15)
    (axis,) = plot_pairwise(result_of(values), cluster=False).axes
    texts = {text.get_position(): text.get_text() for text in axis.texts}
    assert set(texts) == {(j, i) for i in range(15) for j in range(15) if i != j}
    assert texts[3, 8] == f"{values[8, 3]:.2f}"
    (axis,) = plot_pairwise(result_of(distances(16))).axes
    assert not axis.texts


def test_a_diagonal_that_is_measured_is_drawn():
    values = distances(4)
    np.fill_diagonal(values, [0.1, 0.2, 0.3, 0.0])
    (axis,) = plot_pairwise(result_of(values), cluster=False).axes
    np.testing.assert_array_equal(np.diag(drawn(axis).mask), [False, False, False, True])


def test_text_is_readable_on_its_cell():
    (axis,) = plot_pairwise(result_of(distances(10))).axes
    image = axis.images[0]
    for text in axis.texts:
        column, row = text.get_position()
        cell = image.cmap(image.norm(drawn(axis)[row, column]))[:3]
        ink = matplotlib.colors.to_rgb(text.get_color())
        assert abs(np.dot(ink, [0.3, 0.6, 0.1]) - np.dot(cell, [0.3, 0.6, 0.1])) > 0.34


def test_undefined_values_stay_pale_and_nothing_is_clustered():
    values = distances(5)
    values[1, 2] = values[2, 1] = np.nan
    (axis,) = plot_pairwise(result_of(values)).axes
    assert row_names(axis) == [f"item {k}" for k in range(5)]
    assert tree_of(axis) is None
    assert drawn(axis).mask[1, 2]
    assert [t.get_text() for t in axis.texts].count("nan") == 2
    plot_pairwise(result_of(np.full((3, 3), np.nan))).draw_without_rendering()


def test_two_sets_of_items():
    result = result_of(distances(6)[:2], ["a", "b"], columns=list("uvwxyz"))
    (axis,) = plot_pairwise(result).axes
    assert row_names(axis) == ["a", "b"]
    assert tree_of(axis) is None
    assert not drawn(axis).mask.any()


@pytest.mark.parametrize("values", [np.zeros((4, 4)), np.ones((4, 4)) - np.eye(4), distances(2)])
def test_nothing_to_order(values):
    (axis,) = plot_pairwise(result_of(values)).axes
    assert tree_of(axis) is None
    assert row_names(axis)[0] == "item 0"
    axis.figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("count", "name"),
    [(2, "L{}"), (4, "L{}"), (4, "network number {}"), (15, "layer{}"), (24, "network {}"), (150, "net{}")],
)
def test_names_do_not_overlap_nor_leave_the_page(count, name):
    result = result_of(distances(count), [name.format(k) for k in range(count)])
    figure = plot_pairwise({"first": result, "second": result, "third": result})
    figure.draw_without_rendering()
    page = figure.bbox
    panels = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title("left") for axis in panels] == ["first", "second", "third"]
    for axis in panels:
        boxes = [text.get_window_extent() for text in axis.get_yticklabels()]
        assert 1 < len(boxes) <= 75
        for above, below in itertools.pairwise(boxes):
            assert above.y0 >= below.y1 - 1
        for box in (*boxes, *(text.get_window_extent() for text in axis.get_xticklabels())):
            assert box.x0 >= page.x0
            assert box.y0 >= page.y0
    for one, other in itertools.combinations(panels, 2):
        assert not one.get_tightbbox().padded(-2).overlaps(other.get_tightbbox().padded(-2))


def test_long_and_odd_names():
    names = ["a" * 60 + ":conv1", "a" * 60 + ":conv2", "cost $x_1$", "Größe"]
    figure = plot_pairwise({"$d$": result_of(distances(4), names)})
    figure.draw_without_rendering()
    (axis,) = figure.axes
    shown = row_names(axis)
    assert len(set(shown)) == 4
    assert max(map(len, shown)) < 30
    assert r"cost \$x_1\$" in shown
    assert axis.get_title("left") == r"\$d\$"


def test_order_may_be_kept():
    result = result_of(distances(9))
    (axis,) = plot_pairwise(result, cluster=False).axes
    assert row_names(axis) == result.names.tolist()
    assert "tree" not in axis.figure.get_supxlabel()
    assert tree_of(axis) is None


def test_a_panel_of_a_figure_of_ones_own():
    figure = Figure(figsize=(8, 4), layout="constrained")
    left, _ = figure.subplots(1, 2)
    draw_pairwise(left, result_of(distances(5), metric="angle"))
    assert left.get_title("left") == "angle"
    draw_pairwise(left, result_of(distances(5)), "areas", cluster=False)
    assert left.get_title("left") == "areas"


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<")])
def test_saved_where_asked(tmp_path, ending, magic):
    path = tmp_path / f"map.{ending}"
    plot_pairwise(result_of(distances(5)), path)
    assert path.read_bytes().startswith(magic)


def test_nothing_to_draw_and_other_items():
    with pytest.raises(ValueError, match="results is empty"):
        plot_pairwise({})
    one = result_of(distances(4))
    other = dataclasses.replace(one, names=one.names[::-1], column_names=one.names[::-1])
    with pytest.raises(ValueError, match=r"results\['b'\] has other items"):
        plot_pairwise({"a": one, "b": other})
