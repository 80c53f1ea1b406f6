"""A kind of item is one class and one registration: nobody else asks what an item is."""

from __future__ import annotations

import dataclasses

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.metrics import Part, Similarity
from neurogeom.representations.items import Item, as_items, item_of


@dataclasses.dataclass(frozen=True, eq=False)
class Tones:
    """What users of a kind that is not ours would give: one number a stimulus."""

    pitch: np.ndarray
    ids: np.ndarray | None = None
    name: str | None = None


@dataclasses.dataclass(frozen=True)
class OpenedTones:
    pitch: np.ndarray
    label: str

    def whole(self):
        return self.pitch

    def undivided(self):
        return self


class TonesItem(Item):
    kind = "tones"
    noun = "a set of tones"

    @property
    def n_stimuli(self):
        return len(self.source)

    @property
    def n_units(self):
        return 1

    def open(self):
        return OpenedTones(self.source, self.label)

    def complete_stimuli(self):
        return ~np.isnan(self.source)

    def units_without_values(self):
        return np.zeros(0, dtype=np.intp)

    def _taken(self, stimuli):
        return self.source[stimuli]

    def array(self):
        return self.source

    def content_hash(self):
        return str(hash(self.source.tobytes()))

    @classmethod
    def of_array(cls, array, label, name):
        return cls(label, name, array)


@item_of.register(Tones)
def _(entry, label, name):
    return TonesItem(label, name, entry.pitch, entry.ids)


@dataclasses.dataclass(frozen=True)
class Pitch(Part):
    """A unit vector of pitches, or of mean responses."""

    takes = ("responses", "tones")

    def prepare(self, data):
        found = data.whole()
        found = found if found.ndim == 1 else found.mean(axis=1)
        return (found - found.mean()) / np.linalg.norm(found - found.mean())


class PitchCorrelation(Similarity):
    name = "pitch"
    part = Pitch()

    def parts(self):
        return (self.part,)

    def pair(self, tile, products):
        rows, columns = (np.array([item[self.part] for item in side]) for side in tile.sides)
        return rows @ columns.T


RNG = np.random.default_rng(0)
TONES = [Tones(RNG.normal(size=8), name=name) for name in ("cello", "flute", "horn")]


def test_pairs_of_a_new_kind():
    result = ng.pairwise([*TONES, RNG.normal(size=(8, 5))], PitchCorrelation())
    assert result.names.tolist() == ["cello", "flute", "horn", "3"]
    known = np.corrcoef([tones.pitch for tones in TONES])
    np.testing.assert_allclose(result.values[:3, :3], known, rtol=1e-12)


def test_missing_values_and_nulls_of_a_new_kind():
    gone = TONES[0].pitch.copy()
    gone[3] = np.nan
    items = [Tones(gone), *TONES[1:]]
    result = ng.pairwise(items, PitchCorrelation(), nan_policy="omit")
    kept = np.delete(np.arange(8), 3)
    known = np.corrcoef(gone[kept], TONES[1].pitch[kept])[0, 1]
    np.testing.assert_allclose(result.values[0, 1], known, rtol=1e-12)
    assert result.n_stimuli[0].tolist() == [7, 7, 7]
    null = ng.pairwise(TONES, PitchCorrelation(), null=200)
    assert np.abs(null.null_mean[0, 1]) < 0.15  # permuted tones are unrelated: 1 / sqrt(7 * 200) is 0.03
    assert np.abs(null.null_sd[0, 1] - 7**-0.5) < 0.06


def test_other_metrics_refuse_it():
    with pytest.raises(TypeError, match="is a set of tones, but procrustes needs responses"):
        ng.pairwise(TONES)
    with pytest.raises(TypeError, match="must be a list of representations, not Tones"):
        ng.pairwise(TONES[0], PitchCorrelation())


def test_kinds_of_our_own():
    given = [np.eye(4), ng.Representation(np.eye(4), name="r"), ng.RDM(np.ones(6), name="d")]
    items = as_items(given, "items")
    assert [item.kind for item in items] == ["responses", "responses", "rdm"]
    assert [item.name for item in items] == ["0", "r", "d"]
    for item in items:
        again = Item.kinds[item.kind].of_array(item.array(), item.label, item.name)
        assert again.content_hash() == item.content_hash()
        np.testing.assert_array_equal(again.array(), item.array())
    assert items[0].content_hash() == ng.io.content_hash(np.eye(4))
