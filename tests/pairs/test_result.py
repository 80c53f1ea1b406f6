"""Sweeps: missing values, results and their formats, output arrays, progress."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.spatial.distance
from helpers.items import ASYMMETRIC, METRICS, items_of, metric_of
from helpers.same_bits import assert_same_bits

approx = pytest.approx
each_metric = pytest.mark.parametrize("name", METRICS)


# ---- missing values


def with_gaps(seed=0, n_stimuli=30):
    """Six items: two complete, three that lack different stimuli, one of which lacks the most."""
    items = items_of((4, 6, 3, 5, 4, 2), n_stimuli, seed)
    items[1][[0, 7], [2, 3]] = np.nan
    items[2][5:12] = np.nan
    items[3][20:, 1] = np.nan
    items[5][[0, 7]] = np.nan
    return items


def pair_by_pair(rows, columns, name):
    """A loop over pairs, without the rows in which either item has a NaN."""
    values, counts = (np.full((len(rows), len(columns)), fill) for fill in (np.nan, 0))
    for i, x in enumerate(rows):
        for j, y in enumerate(columns):
            both = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1))
            counts[i, j] = both.sum()
            if both.sum() >= 2:
                values[i, j] = metric_of(name).compare(x[both], y[both])
    return values, counts


@each_metric
@pytest.mark.parametrize("tile", [1, 64])
def test_stimuli_are_left_out_pair_by_pair(name, tile):
    items = with_gaps()
    kept = [item.copy() for item in items]
    result = ng.pairwise(items, name, nan_policy="omit", tile=tile)
    values, counts = pair_by_pair(items, items, name)
    upper = np.triu_indices(6, 1)
    np.testing.assert_array_equal(result.values[upper], values[upper])
    if name in ASYMMETRIC:
        off = ~np.eye(6, dtype=bool)
        np.testing.assert_array_equal(result.values[off], values[off])
    else:
        np.testing.assert_array_equal(result.values, result.values.T)
    np.testing.assert_array_equal(result.n_stimuli, counts)
    assert result.n_stimuli.dtype == np.int64
    assert counts.min() == 13
    for item, copy in zip(items, kept, strict=True):
        np.testing.assert_array_equal(item, copy)
    rectangle = ng.pairwise(items[:2], name, others=items[2:], nan_policy="omit", tile=tile)
    np.testing.assert_array_equal(rectangle.values, values[:2, 2:])
    np.testing.assert_array_equal(rectangle.n_stimuli, counts[:2, 2:])


def test_several_measures_with_gaps():
    items = with_gaps(1)
    found = ng.pairwise(items, METRICS, nan_policy="omit", n_threads=2)
    for name in METRICS:
        alone = ng.pairwise(items, name, nan_policy="omit")
        np.testing.assert_array_equal(found[name].values, alone.values, err_msg=name)
        np.testing.assert_array_equal(found[name].n_stimuli, alone.n_stimuli)


def test_complete_items_are_the_same_with_both_policies():
    items = items_of()
    result = ng.pairwise(items, nan_policy="omit")
    np.testing.assert_array_equal(result.values, ng.pairwise(items).values)
    np.testing.assert_array_equal(result.n_stimuli, np.full((4, 4), 20))
    assert ng.pairwise(items).n_stimuli == 20


@pytest.mark.parametrize("name", ["procrustes", "cca", "rsa", "cka", "permutation", "r2"])
def test_pairs_with_nothing_in_common(name):
    items = items_of((3, 3, 3), 20)
    items[0][:10] = np.nan
    items[1][10:] = np.nan
    with pytest.warns(
        UserWarning, match=r"too little of '0' and '1' \(no stimulus left\): the result is NaN$"
    ):
        values = ng.pairwise(items, name, nan_policy="omit").values
    assert np.isnan(values[[0, 1], [1, 0]]).all()
    assert np.isfinite(values[:2, 2]).all()
    items[1][10] = [1.0, 0.0, 3.0]  # one stimulus in common is not enough
    with pytest.warns(UserWarning, match=r"'0' and '1' \(1 stimulus left\)"):
        result = ng.pairwise(items, name, nan_policy="omit")
    assert result.n_stimuli[0, 1] == 1
    assert np.isnan(result.values[0, 1])
    items[2][:] = np.nan
    with pytest.warns(
        UserWarning, match=r"'0' and '2' \(no stimulus left\).*\[2\] has no value in 3 of its 3"
    ):
        result = ng.pairwise(items, name, nan_policy="omit")
    assert np.isnan(result.values[2, :2]).all()
    assert (result.n_stimuli[2] == 0).all()


def test_gaps_in_other_kinds_of_items(tmp_path):
    items = [item.astype(np.float32) for item in with_gaps(2)]
    known = ng.pairwise(items, nan_policy="omit").values
    maps = []
    for i, item in enumerate(items):
        np.save(tmp_path / f"{i}.npy", item)
        maps.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    np.testing.assert_array_equal(ng.pairwise(maps, nan_policy="omit").values, known)
    ids = np.arange(100, 130)
    labelled = {f"item {i}": ng.Representation(item, ids=ids) for i, item in enumerate(items)}
    np.testing.assert_array_equal(ng.pairwise(labelled, nan_policy="omit").values, known)
    whole = np.random.default_rng(0).integers(0, 9, (30, 3))  # integers have no NaN
    assert (ng.pairwise([whole, items[1]], nan_policy="omit").n_stimuli == [[30, 28], [28, 28]]).all()


def test_omission_is_refused_where_it_has_no_meaning():
    items = with_gaps()
    with pytest.raises(ValueError, match="nan_policy='omit' cannot be combined with test"):
        ng.pairwise(items, nan_policy="omit", test=items)
    items[4][3, 1] = -np.inf  # which is not missing but wrong
    with pytest.raises(ValueError, match=r"representations\[4\]\[3, 1\] is -inf"):
        ng.pairwise(items, nan_policy="omit")


def three_left():
    """A has three stimuli in common with b, which is enough for some measures; c is complete."""
    items = dict(zip("abc", items_of((3, 4, 5), 14), strict=True))
    items["a"][:6] = np.nan
    items["b"][9:] = np.nan
    return items


NEEDS_FOUR = [
    (ng.CKA(estimator="debiased"), r"CKA \(debiased\) needs at least 4 stimuli"),
    (ng.Ridge(folds=5), "folds is 5, but .* has only 3 stimuli"),
]


@pytest.mark.parametrize(("metric", "text"), NEEDS_FOUR, ids=repr)
def test_a_pair_that_has_too_few_stimuli_for_a_measure_is_nan(metric, text):
    """It stopped the whole call; other pairs, and other measures, have their values."""
    items = three_left()
    with pytest.warns(UserWarning, match=rf"too little of 'a' and 'b' \({metric.name}: {text}"):
        found = ng.pairwise(items, ["procrustes", metric], nan_policy="omit")
    for result in found.values():
        assert result.n_stimuli.tolist() == [[8, 3, 8], [3, 9, 9], [8, 9, 14]]
    values = found[metric.name].values
    off = ~np.eye(3, dtype=bool)
    gap = np.zeros((3, 3), dtype=bool)
    gap[0, 1] = gap[1, 0] = True
    np.testing.assert_array_equal(np.isnan(values[off]), gap[off])
    assert np.isfinite(np.diagonal(values)).all()  # a and b alone have enough
    expected, _ = pair_by_pair(list(items.values()), list(items.values()), "procrustes")
    upper = np.triu_indices(3, 1)
    np.testing.assert_array_equal(found["procrustes"].values[upper], expected[upper])
    assert values[0, 2] == metric.compare(items["a"][6:], items["c"][6:])
    rows, columns = ({name: items[name] for name in names} for names in ("ac", "bc"))
    with pytest.warns(UserWarning, match="'a' and 'b'"):
        part = ng.pairwise(rows, metric, others=columns, nan_policy="omit")
    np.testing.assert_array_equal(part.values[0], values[0, 1:])
    assert part.values[1, 0] == values[2, 1]


def test_an_item_that_does_not_vary_over_what_is_left():
    items = with_gaps()
    items[0][:, :] = np.where(np.arange(30)[:, None] == 6, 1.0, 2.0)
    with pytest.warns(
        UserWarning,
        match=r"'0' and '2' \(procrustes: representations\[0\] \(23 of its stimuli\) does not vary",
    ):  # without stimulus 6
        values = ng.pairwise(items, nan_policy="omit").values
    known, _ = pair_by_pair(items[1:], items[1:], "procrustes")
    np.testing.assert_array_equal(values[1:, 1:][np.triu_indices(5, 1)], known[np.triu_indices(5, 1)])
    assert np.isnan(values[0, 2])
    assert np.isnan(values[0]).sum() == 1
    assert values[0, 0] == 0  # it varies over its own stimuli
    items[0][:, :] = 2.0
    with pytest.warns(UserWarning, match=r"'0' and '1' .*, '0' and '5' \("):
        values = ng.pairwise(items, nan_policy="omit").values
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1:, 1:]).all()


@pytest.mark.parametrize("metric", [ng.RSA(), ng.RSA("euclidean", "kendall")], ids=repr)
def test_one_dissimilarity_is_too_little(metric):
    items = three_left()
    items["a"][:7] = np.nan
    with pytest.warns(UserWarning, match=r"'a' and 'b' \(rsa.* there is one dissimilarity"):
        values = ng.pairwise(items, metric, nan_policy="omit").values
    assert np.isnan(values).sum() == 2
    assert np.isnan(values[0, 1])


def test_an_item_that_has_too_little_itself_has_no_value_with_itself():
    items = three_left()
    items["a"][:11] = np.nan  # three stimuli
    items["b"][:] = np.where(np.arange(14)[:, None] < 9, items["b"], 1.0)
    with pytest.warns(UserWarning, match="too little of"):
        found = ng.pairwise(items, ["cka", "procrustes"], nan_policy="omit")
    assert np.isnan(np.diagonal(found["cka"].values)).tolist() == [True, False, False]
    assert np.diagonal(found["procrustes"].values).tolist() == [0, 0, 0]
    assert np.isnan(found["procrustes"].values).sum() == 2  # b does not vary over what a has
    assert np.isfinite(found["procrustes"].values[0, 2])


def test_many_pairs_without_a_value_are_counted():
    items = items_of((3,) * 5, 12)
    items[0][:, [0, 2]] = np.nan
    items[1][:, 1] = np.nan
    with pytest.warns(UserWarning, match="leaves too little of") as caught:
        result = ng.pairwise(items, ["r2", "procrustes"], nan_policy="omit", n_threads=2)["r2"]
    text = str(caught[0].message)
    assert len(caught) == 1
    assert "'0' and '4' (no stimulus left), '1' and '2' (no stimulus left), 2 more: the result is NaN" in text
    assert "representations[0] has no value in 2 of its 3 units (0, 2), so that no stimulus" in text
    assert "representations[1] has no value in 1 of its 3 units (1), so" in text
    assert np.isnan(result.values).sum() == 16


def test_errors_say_that_positions_are_among_what_is_left():
    items = items_of((3, 4), 12)
    items[0][:5] = np.nan
    items[1][8] = 1.0  # a pattern without a correlation to others
    with pytest.raises(
        ValueError, match=r"in representations\[1\] \(7 of its stimuli\), stimulus 3 has the same response"
    ):
        ng.pairwise(items, "rsa", nan_policy="omit")


def test_an_item_without_any_complete_stimulus_has_no_distance_to_itself():
    items = items_of((3, 4, 3), 12)
    items[0][:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"representations\[0\] has no value in 1 of its 3 units \(1\)"):
        result = ng.pairwise(items, nan_policy="omit")
    assert result.n_stimuli[0, 0] == 0
    assert np.isnan(result.values[0]).all()
    assert result.values[1, 1] == 0


# ---- results


def test_condensed_is_scipys_order():
    result = ng.pairwise(items_of((3, 5, 4, 2, 6)), "cca")
    condensed = scipy.spatial.distance.squareform(result.square, checks=True)
    np.testing.assert_array_equal(result.condensed, condensed)
    np.testing.assert_array_equal(scipy.spatial.distance.squareform(result.condensed), result.values)
    assert result.is_square
    assert result.shape == (5, 5)


def test_two_sets_have_no_square_form():
    items = dict(zip("abcd", items_of(), strict=True))
    for count in (1, 2):
        rows, columns = (dict(list(items.items())[part]) for part in (slice(count), slice(count, None)))
        result = ng.pairwise(rows, others=columns)
        assert not result.is_square
        for form in ("square", "condensed"):
            with pytest.raises(ValueError, match=r"rows and columns are different items: use \.values"):
                getattr(result, form)
        assert len(result.to_dataframe()) == count * (4 - count)


def test_two_sets_of_equal_size_without_names_are_still_two_sets():
    items = items_of()
    result = ng.pairwise(items[:2], others=items[2:])
    assert len(result.to_dataframe()) == 4
    assert not result.is_square
    with pytest.raises(ValueError, match="rows and columns are different items"):
        _ = result.condensed


def test_as_arrays():
    result = ng.pairwise(items_of())
    assert np.asarray(result) is result.values
    assert np.asarray(result, dtype=np.float64) is result.values
    copy = np.array(result)
    assert not np.shares_memory(copy, result.values)
    np.testing.assert_array_equal(copy, result.values)
    single = np.asarray(result, dtype=np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, result.values.astype(np.float32))
    assert result.__array__(copy=False) is result.values
    assert not np.shares_memory(result.__array__(copy=True), result.values)
    assert not np.shares_memory(result.__array__(np.float64, copy=True), result.values)
    with pytest.raises(ValueError, match="needs a copy"):
        result.__array__(np.float32, copy=False)
    assert np.linalg.norm(result) == np.linalg.norm(result.values)


def test_results_are_frozen():
    result = ng.pairwise(items_of())
    with pytest.raises(AttributeError):
        result.values = np.zeros((4, 4))
    assert repr(result) == "Pairwise(metric=procrustes, shape=(4, 4))"
    assert repr(ng.pairwise(items_of(), "cka")) == "Pairwise(metric=cka, shape=(4, 4))"


CASES = {
    "distances": {},
    "similarities with flags": {"metric": "cka"},
    "unsymmetric": {"metric": "r2"},
    "names": {"names": ["a", "", "c d", "ü"]},
    "held out": {"test": items_of(seed=3)},
    "omitted": {"nan_policy": "omit"},
    "two sets": {"others": items_of((2, 3), seed=4)},
}


@pytest.mark.parametrize("case", CASES)
def test_saved_results_are_the_same_bits(case, tmp_path):
    result = ng.pairwise(items_of(), **CASES[case])
    path = tmp_path / "result.npz"
    result.save(path)
    loaded = ng.load(path)
    assert type(loaded) is ng.Pairwise
    assert_same_bits(loaded.to_dict(), result.to_dict())
    assert repr(loaded) == repr(result)
    if case != "two sets":
        np.testing.assert_array_equal(loaded.square, result.square)


def test_dataframes():
    items = items_of()
    frame = ng.pairwise(items, names=list("abcd")).to_dataframe()
    assert list(frame.columns) == ["row", "column", "procrustes", "n_stimuli"]
    assert list(zip(frame.row, frame.column, strict=True)) == [
        tuple(p) for p in ("ab", "ac", "ad", "bc", "bd", "cd")
    ]
    np.testing.assert_array_equal(frame.procrustes, ng.pairwise(items).condensed)
    assert (frame.n_stimuli == 20).all()
    result = ng.pairwise(items, "r2")
    frame = result.to_dataframe()
    assert len(frame) == 16
    np.testing.assert_array_equal(frame.r2, result.values.ravel())
    result = ng.pairwise(items, test=items)
    assert (result.to_dataframe()["procrustes held out"] == result.held_out[np.triu_indices(4, 1)]).all()
    result = ng.pairwise(items[:1], others=items[1:], names=["x"])
    frame = result.to_dataframe()
    assert (frame.row.tolist(), frame.column.tolist()) == (["x"] * 3, ["0", "1", "2"])
    np.testing.assert_array_equal(frame.procrustes, result.values[0])
    gaps = ng.pairwise(with_gaps(), nan_policy="omit")
    np.testing.assert_array_equal(gaps.to_dataframe().n_stimuli, gaps.n_stimuli[np.triu_indices(6, 1)])
    flagged = ng.pairwise(items, "cka").to_dataframe()
    assert "flags" in flagged.columns


# ---- out


@each_metric
def test_values_go_where_they_are_wanted(name, tmp_path):
    items = items_of()
    known = ng.pairwise(items, name).values
    mapped = np.lib.format.open_memmap(tmp_path / "d.npy", "w+", np.float64, (4, 4))
    whole = np.full((8, 12), 7.0)
    for out in (np.full((4, 4), np.nan), np.zeros((4, 4), order="F"), mapped, whole[::2, 1:9:2]):
        result = ng.pairwise(items, name, out=out, tile=3)
        assert np.shares_memory(result.values, out)
        np.testing.assert_array_equal(out, known)
    mapped.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), known)
    assert (whole[1::2] == 7).all()
    assert (whole[:, ::2] == 7).all()
    assert (whole[:, 9:] == 7).all()


def test_out_of_two_sets_and_with_gaps():
    items = with_gaps()
    out = np.zeros((2, 4))
    result = ng.pairwise(items[:2], others=items[2:], nan_policy="omit", out=out)
    assert result.values is out
    np.testing.assert_array_equal(out, ng.pairwise(items, nan_policy="omit").values[:2, 2:])


def test_nothing_is_left_in_out():
    items = items_of((3, 3), 10)
    items[0][:5], items[1][5:] = np.nan, np.nan
    out = np.zeros((2, 2))
    with pytest.warns(UserWarning, match="too little of"):
        ng.pairwise(items, nan_policy="omit", out=out)
    assert np.isnan(out[[0, 1], [1, 0]]).all(), "pairs with nothing in common"


@pytest.mark.parametrize(
    ("out", "text"),
    [
        (np.zeros((4, 3)), r"out must be a float64 array of shape \(4, 4\), not float64 \(4, 3\)"),
        (np.zeros(16), r"not float64 \(16,\)"),
        (np.zeros((4, 4), np.float32), r"not float32 \(4, 4\)"),
        (np.zeros((4, 4), int), r"not int64 \(4, 4\)"),
        (np.zeros((4, 4), ">f8"), "out must be a float64 array"),
        ([[0.0] * 4] * 4, "not list"),
        ("d.npy", "not str"),
        (np.broadcast_to(np.zeros(4), (4, 4)), "out is read-only"),
    ],
)
def test_bad_out(out, text):
    with pytest.raises(ValueError, match=text):
        ng.pairwise(items_of(), out=out)


def test_out_of_several_measures():
    with pytest.raises(ValueError, match="out takes the values of one metric, not of 2"):
        ng.pairwise(items_of(), ["cca", "cka"], out=np.zeros((4, 4)))


# ---- progress


def check_calls(calls, total):
    done, totals = zip(*calls, strict=True)
    assert set(totals) == {total}
    assert list(done) == sorted(done)
    assert min(done) >= 0
    assert calls[-1] == (total, total)


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 15),
        ({"metric": ["cca", "cka", "rsa"]}, 15),
        ({"metric": "r2"}, 30),
        ({"metric": ["r2", "cca"]}, 30),
        ({"metric": "ridge"}, 36),
        ({"others": items_of((3, 2), 30)}, 12),
        ({"test": items_of((4, 6, 3, 5, 4, 2), 9)}, 15),
    ],
)
@pytest.mark.parametrize("tile", [1, 4, 64])
def test_progress(options, total, tile):
    calls = []
    items = items_of((4, 6, 3, 5, 4, 2), 30)
    ng.pairwise(items, progress=lambda *call: calls.append(call), tile=tile, **options)
    check_calls(calls, total)
    if tile == 1:
        assert {done for done, _ in calls} >= set(range(1, total + 1))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_progress_with_gaps(n_threads):
    calls = []
    items = with_gaps()
    items[0][:28] = np.nan
    items[1][2:] = np.nan
    with pytest.warns(UserWarning, match="too little of"):
        ng.pairwise(
            items, nan_policy="omit", progress=lambda *call: calls.append(call), tile=1, n_threads=n_threads
        )
    check_calls(calls, 15)
    calls = []
    with pytest.warns(UserWarning, match="too little of"):
        ng.pairwise(
            three_left(),
            ["cka", "procrustes"],
            nan_policy="omit",
            progress=lambda *call: calls.append(call),
            tile=1,
            n_threads=n_threads,
        )
    check_calls(calls, 3)


def test_progress_bar(capsys):
    ng.pairwise(items_of(), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pairs: ")
    assert " 6/6 [" in err
    assert err.endswith("\n")


def test_exceptions_in_the_callback_come_out_as_they_are():
    class StopError(Exception):
        pass

    def stop(done, total):
        raise StopError(f"at {total}")

    for n_threads in (1, 2):
        with pytest.raises(StopError, match="at 6"):
            ng.pairwise(items_of(), progress=stop, n_threads=n_threads)
    assert np.isfinite(ng.pairwise(items_of()).values).all()
