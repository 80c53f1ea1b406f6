"""Pictures of embeddings, stress and trees."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import items_of

figures = pytest.importorskip("matplotlib.figure")
NAMES = ["a", "b$", "c", "d", "e"]


def pairs():
    return ng.pairwise(dict(zip(NAMES, items_of((4, 5, 6, 4, 3), 12), strict=True)))


def test_embedding_in_a_panel_of_ones_own():
    axis = figures.Figure().subplots()
    embedding = ng.mds(pairs(), 3)
    labels = ["x", "y", "x", "y", "y"]
    assert ng.plot.plot_embedding(embedding, labels=labels, dims=(1, 2), ax=axis) is axis
    drawn = [np.asarray(one.get_offsets()) for one in axis.collections]
    np.testing.assert_allclose(drawn[0], embedding.coordinates[[0, 2], 1:])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["x", "y"]
    assert len(axis.texts) == 5
    with pytest.raises(ValueError, match="dims must be below 3, the number of axes"):
        ng.plot.plot_embedding(embedding, dims=(0, 3))
    with pytest.raises(ValueError, match="labels must give one label"):
        ng.plot.plot_embedding(embedding, labels=labels[:3])


def test_quantities_and_tangent_spaces():
    items = items_of((4, 4, 4), 12)
    space = ng.tangent_space(items, ng.frechet_mean(items))
    axis = ng.plot.plot_embedding(space, labels=[0.5, 1.5, 2.0], names=False)
    assert not axis.texts
    assert "of the variance" in axis.get_title("left")
    axis.figure.draw_without_rendering()


def test_stress():
    series = ng.mds(pairs(), range(1, 5))
    axis = ng.plot.plot_stress(series)
    x, y = axis.lines[-1].get_data()
    assert list(x) == [1, 2, 3, 4]
    np.testing.assert_allclose(y, series.stress)


def test_tree():
    axis = ng.plot.plot_dendrogram(pairs(), labels=list("xxyyy"))
    assert sorted(text.get_text() for text in axis.get_xticklabels()) == ["a", r"b\$", "c", "d", "e"]
    with pytest.raises(ValueError, match="no tree to draw of procrustes of 2 by 2 items"):
        ng.plot.plot_dendrogram(ng.pairwise(items_of((3, 3), 9)))
