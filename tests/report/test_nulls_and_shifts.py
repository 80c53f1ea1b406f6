"""Pictures of nulls and of shifts show the numbers they are given."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

pytest.importorskip("matplotlib")
LAYERS = {name: X[:60] for name, X in ng.datasets.load_minilm_clinc().layers.items()}


def test_null_shows_each_pair_once():
    result = ng.pairwise(LAYERS, "cka", null=19, rng=0)
    axis = ng.plot.plot_null(result)
    dots = np.concatenate([part.get_offsets()[:, 1] for part in axis.collections if len(part.get_offsets())])
    upper = result.values[np.triu_indices(4, 1)]
    assert sorted(set(upper) - set(dots.tolist())) == []
    assert (
        axis.get_title("left") == f"{int((result.p_value[np.triu_indices(4, 1)] <= 0.05).sum())} of 6 pairs"
    )
    one_way = ng.pairwise({name: X[:, :20] for name, X in LAYERS.items()}, "pwcca", null=3, rng=0)
    assert ng.plot.plot_null(one_way).get_title("left").endswith("of 12 pairs")
    with pytest.raises(ValueError, match="the result has no null"):
        ng.plot.plot_null(ng.pairwise(LAYERS))


def test_shifts_are_where_they_are_said_to_be():
    X = np.random.default_rng(0).normal(size=(8, 5, 7, 3))
    moved = np.roll(X, (2, -3), axis=(1, 2))
    found = ng.Convolutional().map(ng.FeatureMaps(X), ng.FeatureMaps(moved))
    axis = ng.plot.plot_shift_map(found)
    (mark,) = axis.lines
    assert (mark.get_ydata()[0], mark.get_xdata()[0]) == (2, -3)
    (image,) = axis.images
    left, right, bottom, top = image.get_extent()
    assert (left, right, bottom, top) == (-3.5, 3.5, 2.5, -2.5)
    np.testing.assert_array_equal(image.get_array(), found.distances)
