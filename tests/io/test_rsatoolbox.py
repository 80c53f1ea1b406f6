"""RDMs to and from rsatoolbox's object, by a stand-in with its attributes."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import neurogeom as ng
import numpy as np
import pytest

VECTORS = np.array([[0.1, 0.2, 0.3], [1.0, 3.0, 2.0]])


@dataclasses.dataclass
class RDMs:
    """What rsatoolbox.rdm.RDMs does with its arguments (0.3.2)."""

    dissimilarities: np.ndarray
    dissimilarity_measure: str | None = None
    descriptors: dict | None = None
    rdm_descriptors: dict | None = None
    pattern_descriptors: dict | None = None

    def __post_init__(self):
        self.rdm_descriptors = {**(self.rdm_descriptors or {}), "index": [0, 1][: len(self.dissimilarities)]}
        self.pattern_descriptors = {**(self.pattern_descriptors or {}), "index": [0, 1, 2]}


def test_names_and_ids_go_there_and_back():
    items = [
        ng.RDM(VECTORS[0], ids=["cat", "dog", "car"], name="V1"),
        ng.RDM(VECTORS[1], name="IT"),
    ]
    arguments = ng.to_rsatoolbox(items, measure="correlation")
    assert set(arguments) <= {field.name for field in dataclasses.fields(RDMs)}
    found = RDMs(**arguments)
    assert found.dissimilarity_measure == "correlation"
    back = ng.from_rsatoolbox(found)
    for item, one in zip(items, back, strict=True):
        np.testing.assert_array_equal(one.condensed, item.condensed)
        assert one.name == item.name
        assert one.ids.tolist() == ["cat", "dog", "car"]
    assert "rsatoolbox" not in sys.modules


def test_one_rdm_without_labels():
    arguments = ng.to_rsatoolbox(ng.RDM(VECTORS[0]))
    assert arguments["dissimilarities"].shape == (1, 3)
    assert arguments["rdm_descriptors"] == arguments["pattern_descriptors"] == {}
    (back,) = ng.from_rsatoolbox(RDMs(**arguments))
    assert back.name is None
    assert back.ids is None


def test_integer_ids_stay_integers():
    arguments = ng.to_rsatoolbox(ng.RDM(VECTORS[0], ids=[5, 3, 4]))
    assert arguments["pattern_descriptors"] == {"stimulus": [5, 3, 4]}
    assert ng.from_rsatoolbox(RDMs(**arguments))[0].ids.dtype.kind == "i"


def test_choice_of_descriptors():
    patterns = {"image": ["a", "b", "c"], "category": ["x", "x", "y"]}
    rdms = RDMs(VECTORS, rdm_descriptors={"subject": ["s1", "s2"]}, pattern_descriptors=patterns)
    first, second = ng.from_rsatoolbox(rdms)
    assert first.name is None
    assert first.ids.tolist() == ["a", "b", "c"]  # the category does not identify a stimulus
    assert [item.name for item in ng.from_rsatoolbox(rdms, names="subject")] == ["s1", "s2"]
    assert ng.from_rsatoolbox(rdms, ids="index")[0].ids.tolist() == [0, 1, 2]
    for strings in (np.array(["a", "b", "c"], dtype=object), np.array([b"a", b"b", b"c"])):
        patterns = {"image": strings, "category": np.array([None, "x", "y"], dtype=object)}
        rdms.pattern_descriptors = patterns
        assert ng.from_rsatoolbox(rdms)[0].ids.tolist() == ["a", "b", "c"]
    rdms.pattern_descriptors = {"image": ["a", "b", "c"], "category": ["x", "x", "y"], "index": [0, 1, 2]}
    rdms.pattern_descriptors["category"] = ["x", "y", "z"]
    assert ng.from_rsatoolbox(rdms)[0].ids is None  # ambiguous
    with pytest.raises(ValueError, match="ids must be one of 'image', 'category', 'index', not 'photo'"):
        ng.from_rsatoolbox(rdms, ids="photo")
    with pytest.raises(ValueError, match="names must be one of 'subject', 'index', not 'name'"):
        ng.from_rsatoolbox(rdms, names="name")
    rdms.pattern_descriptors["category"] = ["x", "x", "y"]
    with pytest.raises(ValueError, match="ids must be distinct"):
        ng.from_rsatoolbox(rdms, ids="category")
    assert second.condensed.tolist() == VECTORS[1].tolist()


def test_they_are_items():
    rdms = RDMs(VECTORS, rdm_descriptors={"name": ["V1", "IT"]})
    result = ng.pairwise(ng.from_rsatoolbox(rdms), ng.RSA(compare="spearman"))
    assert result.names.tolist() == ["V1", "IT"]
    assert result.values[0, 1] == pytest.approx(0.5, abs=1e-15)


@pytest.mark.parametrize(
    ("rdms", "error", "text"),
    [
        (VECTORS, TypeError, "rdms must be rsatoolbox RDMs .*, not ndarray"),
        (None, TypeError, "not NoneType"),
        (RDMs(VECTORS[0][None] * np.nan), ValueError, r"rdms.dissimilarities\[0, 0\] is nan"),
        (RDMs(VECTORS[:, :2]), ValueError, "2 entries"),
        (
            SimpleNamespace(dissimilarities=VECTORS[0], rdm_descriptors={}, pattern_descriptors={}),
            ValueError,
            r"must have shape \(n_rdms, n_pairs\), not \(3,\)",
        ),
    ],
)
def test_bad_input_from(rdms, error, text):
    with pytest.raises(error, match=text):
        ng.from_rsatoolbox(rdms)


@pytest.mark.parametrize(
    ("rdms", "error", "text"),
    [
        ([], ValueError, "rdms must hold at least 1 representation"),
        ([VECTORS[0]], TypeError, r"rdms\[0\] must be an RDM, not ndarray"),
        ([ng.RDM(VECTORS[0]), ng.RDM([1.0])], ValueError, r"rdms\[0\] has 3 and rdms\[1\] has 2"),
        (
            [ng.RDM(VECTORS[0]), ng.RDM(VECTORS[0], ids=[1, 2, 3]), ng.RDM(VECTORS[0], ids=[2, 1, 3])],
            ValueError,
            r"the order of the stimulus ids differs: row 0 is 1 in rdms\[1\] but 2 in rdms\[2\]",
        ),
    ],
)
def test_bad_input_to(rdms, error, text):
    with pytest.raises(error, match=text):
        ng.to_rsatoolbox(rdms)
