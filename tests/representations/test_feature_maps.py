"""Feature maps as items: what they take, refuse and pass on."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.representations.items import Item, as_items

MAPS = np.random.default_rng(0).normal(size=(5, 4, 3, 2))


def test_axes():
    last, first = ng.FeatureMaps(MAPS), ng.FeatureMaps(np.moveaxis(MAPS, 3, 1), channels="first")
    np.testing.assert_array_equal(first.data, MAPS)
    assert (last.n_stimuli, last.height, last.width, last.n_channels) == (5, 4, 3, 2)
    assert repr(last) == "FeatureMaps(5 images, 4 x 3, 2 channels)"
    assert np.shares_memory(last.data, MAPS)
    flat = ng.FeatureMaps(MAPS, ids=list("abcde"), name="conv").flatten()
    np.testing.assert_array_equal(flat.data, MAPS.reshape(5, 24))
    assert (flat.name, flat.ids.tolist()) == ("conv", list("abcde"))


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (MAPS[0], ValueError, r"four axes \(n_images, height, width, n_channels\), not shape \(4, 3, 2\)"),
        (MAPS[:1], ValueError, "has one image"),
        (MAPS[:, :0], ValueError, r"data is empty \(shape \(5, 0, 3, 2\)\)"),
        (MAPS.astype(object), TypeError, "dtype object"),
        (MAPS + 1j, TypeError, "complex"),
        ([[1.0], [2.0, 3.0]], ValueError, "cannot be read as one array"),
    ],
)
def test_refused(data, error, text):
    with pytest.raises(error, match=text):
        ng.FeatureMaps(data)


def test_refused_options():
    with pytest.raises(ValueError, match="channels must be one of 'last', 'first', not 'middle'"):
        ng.FeatureMaps(MAPS, channels="middle")
    with pytest.raises(ValueError, match=r"n_images, n_channels, height, width"):
        ng.FeatureMaps(MAPS[0], channels="first")
    with pytest.raises(ValueError, match="ids must give one label"):
        ng.FeatureMaps(MAPS, ids=["a"])


def test_an_item_can_be_stored():
    (item,) = as_items([ng.FeatureMaps(MAPS, name="conv")], "items")
    assert (item.kind, item.name, item.n_stimuli, item.n_units) == ("feature_maps", "conv", 5, 24)
    again = Item.kinds[item.kind].of_array(item.array(), item.label, item.name)
    assert again.content_hash() == item.content_hash()
    swapped = Item.kinds[item.kind].of_array(MAPS.reshape(5, 3, 4, 2), item.label, item.name)
    assert swapped.content_hash() != item.content_hash()
    np.testing.assert_array_equal(item.restricted(np.arange(5) < 3).read(), MAPS[:3])
    np.testing.assert_array_equal(item.reordered(np.arange(5)[::-1]).read(), MAPS[::-1])


def test_metrics_of_responses_say_what_they_need():
    with pytest.raises(TypeError, match=r"is a set of feature maps, but cka needs responses \(n_stimuli"):
        ng.pairwise([ng.FeatureMaps(MAPS)] * 2, "cka")
    with pytest.raises(TypeError, match=r"matrix of responses, but convolutional needs feature maps \(ng.F"):
        ng.Convolutional().distance(MAPS.reshape(5, -1), ng.FeatureMaps(MAPS))
