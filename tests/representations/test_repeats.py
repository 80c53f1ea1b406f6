"""Repeats: how they are read, and that measures of responses take their mean."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers import stores
from helpers.blocks import set_blocks
from neurogeom.representations.items import Item, as_items

RNG = np.random.default_rng(0)
EVEN = RNG.normal(size=(6, 4, 3)) + RNG.normal(size=(6, 1, 3))
UNEVEN = [RNG.normal(size=(r, 5)) for r in (3, 1, 4, 2, 2, 5)]


def item_from(entry):
    return as_items([entry], "items")[0]


def test_what_it_says():
    trials = ng.Repeats(UNEVEN, ids=list("abcdef"), name="V1")
    assert (trials.n_stimuli, trials.n_units, trials.name) == (6, 5, "V1")
    assert trials.n_repeats.tolist() == [3, 1, 4, 2, 2, 5]
    assert repr(trials) == "Repeats('V1', 6 stimuli, 1 to 5 repeats, 5 units)"
    assert repr(ng.Repeats(EVEN)) == "Repeats(6 stimuli, 4 repeats, 3 units)"
    for kept, given in zip(trials.data, UNEVEN, strict=True):
        assert kept is given
    assert np.shares_memory(ng.Repeats(EVEN).data[2], EVEN)
    np.testing.assert_allclose(ng.Repeats(EVEN).mean, EVEN.mean(axis=1), rtol=1e-14)


def test_forms_of_input_have_the_same_bits():
    whole = ng.Repeats(EVEN).mean
    objects = np.empty(6, dtype=object)
    objects[:] = list(EVEN)
    padded = np.full((6, 8, 9), np.nan)
    padded[:, ::2, ::3] = EVEN
    for given in (EVEN.tolist(), list(EVEN), objects, np.asfortranarray(EVEN), padded[:, ::2, ::3]):
        np.testing.assert_array_equal(ng.Repeats(given).mean, whole)
    rounded = np.round(EVEN)
    for dtype in ("f2", "f4", "i1", "i8", ">f8"):
        np.testing.assert_array_equal(ng.Repeats(rounded.astype(dtype)).mean, ng.Repeats(rounded).mean)
    xarray = pytest.importorskip("xarray")
    labelled = xarray.DataArray(EVEN, dims=("stimulus", "trial", "unit"), coords={"stimulus": list("abcdef")})
    assert ng.Repeats(labelled).ids.tolist() == list("abcdef")
    np.testing.assert_array_equal(ng.Repeats(labelled).mean, whole)


def test_measures_of_responses_take_the_mean(monkeypatch):
    plain = RNG.normal(size=(6, 4))
    metrics = ["procrustes", "cka", "rsa", "permutation", "ridge"]
    trials = [ng.Repeats(EVEN), ng.Repeats(UNEVEN)]
    for width in (None, 2):  # in one block, and in several
        if width:
            set_blocks(monkeypatch, 6, width=width)
        found = ng.pairwise([*trials, plain], metrics, null=3)
        known = ng.pairwise([*(one.mean for one in trials), plain], metrics, null=3)
        for name in metrics:
            np.testing.assert_array_equal(found[name].values, known[name].values)
            np.testing.assert_array_equal(found[name].p_value, known[name].p_value)
    test = ng.pairwise(trials, test=trials)
    np.testing.assert_allclose(test.held_out, test.values, atol=1e-7)
    np.testing.assert_array_equal(ng.rdm(trials[0]).condensed, ng.rdm(trials[0].mean).condensed)


def test_labels_identify_stimuli_and_units():
    a = ng.Repeats(EVEN, ids=list("abcdef"))
    with pytest.raises(ValueError, match="the order of the stimulus ids differs"):
        ng.procrustes(a, ng.Repeats(UNEVEN, ids=list("abcdfe")))
    with pytest.raises(ValueError, match="have rows for the same stimuli, but X has 6 and Y has 5"):
        ng.procrustes(a, ng.Repeats(UNEVEN[1:]))
    named = (ng.Repeats(EVEN, units=units) for units in (["u", "v", "w"], ["u", "w", "v"]))
    with pytest.raises(ValueError, match="are in another order"):
        ng.pairwise(
            [next(named), UNEVEN[0].T[[0, 1, 2, 0, 1, 2]] + EVEN[:, 0]], test=[next(named), EVEN[:, 0]]
        )


def test_missing_values():
    gone = EVEN.copy()
    gone[2, 3, 1] = np.nan
    with pytest.raises(ValueError, match=r"^X, stimulus 2, trials\[3, 1\] is nan"):
        ng.procrustes(ng.Repeats(gone), UNEVEN[0].T[[0, 1, 2, 3, 4, 0]])
    other = RNG.normal(size=(6, 2))
    result = ng.pairwise([ng.Repeats(gone), other], nan_policy="omit")
    kept = [0, 1, 3, 4, 5]
    assert result.n_stimuli[0, 1] == 5
    assert result.values[0, 1] == ng.procrustes(ng.Repeats(EVEN[kept]), other[kept])
    gone[:, :, 0] = np.nan
    assert item_from(ng.Repeats(gone)).units_without_values().tolist() == [0]
    gone[4, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"stimulus 4, trials\[0, 0\] is inf"):
        item_from(ng.Repeats(gone)).complete_stimuli()


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (
            np.ones((4, 3)),
            ValueError,
            r"must have shape .* not \(4, 3\); responses without",
        ),
        (np.ones((1, 3, 2)), ValueError, "has 1 stimuli; a representation needs at least two"),
        (np.ones((4, 0, 2)), ValueError, r"data\[0\] is empty"),
        ([np.ones((2, 3)), np.ones((0, 3))], ValueError, r"data\[1\] is empty"),
        ([np.ones((2, 3)), np.ones((2, 4))], ValueError, r"data\[1\] has 4 units, but data\[0\] has 3"),
        ([np.ones((2, 3)), np.ones(3)], ValueError, r"data\[1\] must have shape \(n_repeats, n_units\)"),
        ([[["a"]], [["b"]]], TypeError, r"data\[0\] must hold real numbers"),
        ([np.ones((2, 3)), [[1, 2], [3]]], ValueError, r"data\[1\] cannot be read as one array"),
        (np.ones((3, 2, 2), dtype=complex), TypeError, "dtype complex128"),
        (None, TypeError, "must be an array .* or a list of arrays"),
        ("trials", TypeError, "must be an array"),
        ([], ValueError, "has 0 stimuli"),
    ],
)
def test_what_is_refused(data, error, text):
    with pytest.raises(error, match=text):
        ng.Repeats(data)


def test_sizes_that_leave_the_range():
    with pytest.raises(ValueError, match="sums leave the range of float64"):
        ng.pairwise([ng.Repeats(1e308 * np.ones((3, 2, 2))), np.eye(3)])
    with pytest.raises(ValueError, match="squares leave the range"):
        ng.pairwise([ng.Repeats(1e200 * EVEN), np.eye(6)])


def test_a_sweep_stores_and_reads_them(tmp_path):
    pytest.importorskip("zarr")
    for trials in (ng.Repeats(EVEN.astype("f4")), ng.Repeats(UNEVEN)):
        item = item_from(trials)
        again = Item.kinds["repeats"].of_array(item.array(), item.label, item.name)
        assert again.content_hash() == item.content_hash()
        for a, b in zip(again.source.data, trials.data, strict=True):
            np.testing.assert_array_equal(a, b)
    items = [ng.Repeats(EVEN), ng.Repeats(UNEVEN), RNG.normal(size=(6, 2))]
    found = stores.swept(tmp_path / "s.zarr", items, [ng.Procrustes(), ng.CKA()], n_threads=1, tile=2)
    for metric in ("procrustes", "cka"):
        np.testing.assert_array_equal(found[metric].values, ng.pairwise(items, metric).values)
