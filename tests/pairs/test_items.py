"""Sweeps: kinds of items, identity of stimuli, names, missing values, and items that are refused."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.items import METRICS, items_of

approx = pytest.approx
each_metric = pytest.mark.parametrize("name", METRICS)


# ---- kinds of arrays


def test_one_array_of_items():
    stack = np.random.default_rng(0).normal(size=(5, 20, 4))
    known = ng.pairwise(list(stack)).values
    np.testing.assert_array_equal(ng.pairwise(stack).values, known)
    np.testing.assert_array_equal(ng.pairwise(tuple(stack)).values, known)
    np.testing.assert_array_equal(ng.pairwise(stack.tolist()).values, known)
    np.testing.assert_array_equal(
        ng.pairwise(np.moveaxis(stack.copy(), 0, -1).transpose(2, 0, 1)).values, known
    )


# ---- names


def test_names():
    items = items_of()
    assert ng.pairwise(items).names.tolist() == ["0", "1", "2", "3"]
    assert ng.pairwise(items, names=["a", "b", "c", "d"]).names.tolist() == ["a", "b", "c", "d"]
    mapping = dict(zip("wxyz", items, strict=True))
    assert ng.pairwise(mapping).names.tolist() == ["w", "x", "y", "z"]
    assert ng.pairwise(mapping, names=["a", "b", "c", "d"]).names.tolist() == ["a", "b", "c", "d"]
    assert ng.pairwise({1: items[0], ("b", 2): items[1]}).names.tolist() == ["1", "('b', 2)"]
    own = [ng.Representation(items[0], name="V1"), items[1], ng.Representation(items[2])]
    assert ng.pairwise(own).names.tolist() == ["V1", "1", "2"]
    result = ng.pairwise(dict(list(mapping.items())[:1]), others={"p": items[1], "q": items[2]})
    assert (result.names.tolist(), result.column_names.tolist()) == (["w"], ["p", "q"])


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a", "b", "c"], "names must give one name for each of the 4 items"),
        ("abcd", "names must give one name for each of the 4 items"),
        (["a", "b", "c", "a"], "names must be distinct, but 'a' occurs more than once"),
        (["1", 1, "c", "d"], "names must be distinct, but '1' occurs more than once"),
    ],
)
def test_bad_names(names, text):
    with pytest.raises(ValueError, match=text):
        ng.pairwise(items_of(), names=names)


def test_names_that_clash():
    items = items_of()
    twice = [ng.Representation(items[0], name="V1"), ng.Representation(items[1], name="V1")]
    with pytest.raises(ValueError, match="names must be distinct, but 'V1'"):
        ng.pairwise(twice)
    with pytest.raises(ValueError, match="names must be distinct, but '1'"):
        ng.pairwise([ng.Representation(items[0], name="1"), items[1]])
    with pytest.raises(ValueError, match="names must be distinct, but '2'"):
        ng.pairwise({2: items[0], "2": items[1]})
    ng.pairwise(twice, names=["a", "b"])
    # Rows and columns may have the same names: they are different sets.
    assert ng.pairwise(items[:2], others=items[2:]).values.shape == (2, 2)


# ---- identity of stimuli


def with_ids(data, ids, name=None):
    return ng.Representation(data, ids=ids, name=name)


def test_ids_that_agree():
    items = items_of((3, 4), 5)
    known = ng.pairwise(items).values
    for ids in (list("abcde"), np.arange(5), np.array([7, 5, 3, 2, 1])):
        np.testing.assert_array_equal(ng.pairwise([with_ids(item, ids) for item in items]).values, known)
        np.testing.assert_array_equal(ng.pairwise([with_ids(items[0], ids), items[1]]).values, known)


def test_ids_that_differ_say_where():
    a, b, c = items_of((3, 4, 2), 5)
    first = with_ids(a, list("abcde"), "V1")
    order = (
        r"^the order of the stimulus ids differs: row 1 is 'b' in .*'V1'\) but 'd' in .*'LM'\); put the rows"
    )
    with pytest.raises(ValueError, match=order):
        ng.pairwise([first, with_ids(b, list("adcbe"), "LM")])
    content = r"^the stimulus ids differ: row 4 is 'e' in .* but 'f' in "
    with pytest.raises(ValueError, match=content):
        ng.pairwise([first, with_ids(b, list("abcdf"))])
    with pytest.raises(ValueError, match=content):  # an item without ids lies between them
        ng.pairwise([c, first, b, with_ids(c, list("abcdf"))])
    with pytest.raises(ValueError, match=content):
        ng.pairwise([first, c], others=[b, with_ids(c, list("abcdf"))])
    with pytest.raises(ValueError, match=content):
        ng.procrustes(first, with_ids(b, list("abcdf")))
    with pytest.raises(ValueError, match=r"row 0 is 0 in .* but '0' in "):
        ng.pairwise([with_ids(a, range(5)), with_ids(b, list("01234"))])


def test_ids_of_held_out_stimuli():
    train, test = items_of((3, 4), 8), items_of((3, 4), 5, seed=1)
    labelled = [with_ids(item, list("vwxyz")) for item in test]
    plain = ng.pairwise(train, test=test)
    np.testing.assert_array_equal(ng.pairwise(train, test=labelled).held_out, plain.held_out)
    with pytest.raises(ValueError, match=r"order of the stimulus ids differs: row 0 is 'v' in test\[0\]"):
        ng.pairwise(train, test=[labelled[0], with_ids(test[1], list("zyxwv"))])


def test_transposed_items_are_pointed_out():
    with pytest.raises(ValueError, match=r"have 10 columns: if these are units x stimuli, transpose them$"):
        ng.pairwise([item.T for item in items_of((3, 4, 5), 10)])


def test_numbers_of_stimuli_that_differ():
    items = items_of((3, 4, 5), 10)
    with pytest.raises(ValueError, match=r"representations\[0\] has 10 and representations\[2\] has 9$"):
        ng.pairwise([items[0], items[1], items[2][:9]])
    with pytest.raises(ValueError, match=r"representations\[0\] \('V1'\) has 10 and others\[0\] has 9$"):
        ng.pairwise({"V1": items[0]}, others=[items[2][:9]])
    with pytest.raises(ValueError, match=r"test\[0\] has 5 and test\[1\] has 4$"):
        ng.pairwise(items[:2], test=[items[0][:5], items[1][:4]])


# ---- items that are refused


BAD_SETS = [
    (None, TypeError, "representations must be a list of representations, not NoneType"),
    ("V1", TypeError, "representations must be a list of representations, not str"),
    (b"V1", TypeError, "not bytes"),
    (3.0, TypeError, "not float"),
    ((item for item in items_of()), TypeError, "not generator"),
    (ng.Representation(np.eye(3)), TypeError, "not Representation"),
    (ng.RDM([1, 2, 3]), TypeError, "not RDM"),
    (np.eye(3), ValueError, r"as one array must have shape \(representation, stimulus, unit\)"),
    (np.zeros((2, 3, 4, 5)), ValueError, "as one array must have shape"),
    ([], ValueError, "must hold at least 2 representations, not 0"),
    ({}, ValueError, "must hold at least 2 representations, not 0"),
    ([np.eye(3)], ValueError, "must hold at least 2 representations, not 1"),
    ({"a": {"b": np.eye(3)}, "c": np.eye(3)}, TypeError, r"representations\[0\] \('a'\) must hold real"),
    (["V1", "LM"], TypeError, r"representations\[0\] must hold real numbers"),
    ([np.eye(3), None], TypeError, r"representations\[1\] must hold real numbers"),
    (
        [np.eye(3), np.ones(3)],
        ValueError,
        r"representations\[1\] must be two-dimensional .* not of shape \(3,\)",
    ),
    ([np.eye(3), np.ones((3, 2, 2))], ValueError, r"\(3, 2, 2\); flatten the other axes first"),
    ([np.eye(3), 5.0], ValueError, r"representations\[1\] must be two-dimensional"),
    ([np.eye(3), np.eye(3) * 1j], TypeError, r"representations\[1\] must hold real .* complex128"),
    ([np.eye(3), np.eye(3).astype(object)], TypeError, "not dtype object"),
    ([np.eye(3), np.eye(3).astype("g")], TypeError, "not dtype (float128|longdouble)"),
    ([np.eye(3), np.zeros((0, 3))], ValueError, r"representations\[1\] is empty \(shape \(0, 3\)\)"),
    ([np.eye(3), np.zeros((3, 0))], ValueError, r"representations\[1\] is empty"),
    ([np.ones((1, 4)), np.ones((1, 3))], ValueError, r"representations\[0\] has one stimulus"),
    ([np.eye(3), np.ma.masked_equal(np.eye(3), 0)], TypeError, r"representations\[1\] is a masked array"),
    ([np.eye(3), [[1, 2, 3], [4, 5]]], ValueError, r"representations\[1\] cannot be read as one array"),
    ([np.eye(3), np.diag([1.0, np.nan, 2])], ValueError, r"representations\[1\]\[1, 1\] is nan"),
    ([np.eye(3), np.diag([1.0, 1, np.inf])], ValueError, r"representations\[1\]\[2, 2\] is inf"),
    ([np.eye(3), 1e150 * np.eye(3)], ValueError, r"representations\[1\] has values of the order 1e\+150"),
    ([np.eye(3), 1e-150 * np.eye(3)], ValueError, r"representations\[1\] has values of the order 1e-150"),
]


@pytest.mark.parametrize(("bad", "error", "text"), BAD_SETS, ids=[row[2][:40] for row in BAD_SETS])
def test_bad_sets(bad, error, text):
    with pytest.raises(error, match=text):
        ng.pairwise(bad)
    if text.startswith(r"representations\["):
        with pytest.raises(error, match=text.replace("representations", "others")):
            ng.pairwise([np.eye(3)], others=bad)


def test_others_may_be_one_but_not_none():
    x = np.eye(3)
    assert ng.pairwise([x], others=[x[:, :2]]).values.shape == (1, 1)
    with pytest.raises(ValueError, match="must hold at least 1 representation, not 0"):
        ng.pairwise([], others=[x])


# ---- test data


def test_measures_without_a_held_out_form_say_why():
    items = items_of((3, 4))
    for name, reason in (
        ("ridge", "already predicts each fold .*"),
        ("r2", "measures how well the data at hand are fitted .*"),
        ("pwcca", "correlates the stimuli .* fitted to"),
        ("cka", "fits nothing"),
    ):
        text = rf"^{name} {reason}, so it has no held-out form: leave out test$"
        with pytest.raises(ValueError, match=text):
            ng.pairwise(items, ["procrustes", name], test=items)


TESTS = [
    (lambda t: t[:2], ValueError, "test must hold test data for each of the 3 items, not 2"),
    (
        lambda t: [t[1], t[0], t[2]],
        ValueError,
        r"test\[0\] must have the units of its training data \(3\), not 4",
    ),
    (lambda t: [t[0], t[1], np.full_like(t[2], np.nan)], ValueError, r"test\[2\]\[0, 0\] is nan"),
    (lambda t: [t[0], t[1], t[2][:, 0]], ValueError, r"test\[2\] must be two-dimensional"),
    (lambda t: [t[0], t[1], "t"], TypeError, r"test\[2\] must hold real numbers"),
    (lambda t: "abc", TypeError, "test must be a list of representations, not str"),
    (lambda t: [ng.RDM([1, 2, 3])] * 3, ValueError, "must have the units"),
]


@pytest.mark.parametrize(("make", "error", "text"), TESTS)
def test_bad_test_data(make, error, text):
    train, test = items_of((3, 4, 5), 12), items_of((3, 4, 5), 7, seed=1)
    with pytest.raises(error, match=text):
        ng.pairwise(train, test=make(test))


def test_test_data_as_a_mapping_belong_to_the_items_of_their_names():
    x, y = items_of((4, 4), 12)
    a, b = items_of((4, 4), 7, seed=1)
    known = ng.pairwise([x, y], test=[a, b]).held_out
    try:
        found = ng.pairwise({"V1": x, "LM": y}, test={"LM": b, "V1": a}).held_out
    except ValueError:  # to refuse it would be right too
        return
    np.testing.assert_array_equal(found, known)


def test_test_data_of_wrong_type():
    with pytest.raises(TypeError, match="test"):
        ng.pairwise(items_of(), test=5)


def test_test_data_of_two_sets():
    train, test = items_of((3, 4, 5), 12), items_of((3, 4, 5), 7, seed=1)
    for bad in (test, test[:1], np.zeros((3, 7, 3))):
        with pytest.raises(ValueError, match="with others, test must be a pair"):
            ng.pairwise(train[:1], others=train[1:], test=bad)
    with pytest.raises(ValueError, match=r"test\[1\] must hold test data for each of the 2 items, not 1"):
        ng.pairwise(train[:1], others=train[1:], test=(test[:1], test[:1]))
