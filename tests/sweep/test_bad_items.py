"""Items whose data do not allow an analysis: their pairs have no value, all others are as without them."""

from __future__ import annotations

import warnings

import neurogeom as ng
import numpy as np
import pytest
from helpers import own_metrics as own
from helpers.items import items_of
from helpers.stores import TRUST, nothing_left, quick_plan, stack, swept

pytest.importorskip("zarr")

METRICS = ["procrustes", "cka", "pwcca"]
ITEMS = items_of((6, 4, 9, 5, 7))


def with_nan(item):
    item = item.copy()
    item[3, 1] = np.nan
    return item


BAD = {
    "NaN": (with_nan, "nan"),
    "infinity": (lambda item: np.where(item == item.max(), np.inf, item), "inf"),
    "constant": (lambda item: np.ones_like(item), "does not vary over stimuli"),
    "too large": (lambda item: item * 1e200, "leave the range of float64"),
}


def run_with_a_warning(store, text, **options):
    with pytest.warns(UserWarning, match=text) as caught:
        status = ng.sweep.run(store, n_threads=1, **options)
    assert [str(w.message).count("have no result") for w in caught].count(1) == 1
    assert status.is_complete
    return status


@pytest.mark.parametrize("tile", [1, 2, 5])
@pytest.mark.parametrize("case", BAD)
def test_pairs_among_themselves(case, tile, tmp_path):
    change, text = BAD[case]
    items = {f"area {k}": item for k, item in enumerate(ITEMS)}
    items["area 2"] = change(ITEMS[2])
    quick_plan(items, METRICS, store=tmp_path / "s", tile=tile)
    status = run_with_a_warning(tmp_path / "s", rf"1 of the items have no result .*'area 2': .*{text}")
    assert list(status.errors) == [2]
    assert status.errors[2]["name"] == "area 2"
    assert text in status.errors[2]["error"]
    assert "1 without a result because of their data" in str(status)
    kept = [0, 1, 3, 4]
    known = ng.pairwise([ITEMS[k] for k in kept], METRICS)
    for name, found in ng.sweep.open(tmp_path / "s").items():
        assert np.isnan(found.values[2]).all(), "nor is it known how alike it is to itself"
        assert np.isnan(found.values[:, 2]).all()
        assert found.values[np.ix_(kept, kept)].tobytes() == known[name].values.tobytes()


def test_rows_with_columns(tmp_path):
    rows, columns = ITEMS[:2], [ITEMS[2], with_nan(ITEMS[3]), ITEMS[4]]
    quick_plan(rows, METRICS, others=columns, store=tmp_path / "s", tile=2)
    assert list(run_with_a_warning(tmp_path / "s", "'1': .*nan").errors) == [3]
    known = ng.pairwise(rows, METRICS, others=[ITEMS[2], ITEMS[4]])
    for name, found in ng.sweep.open(tmp_path / "s").items():
        assert np.isnan(found.values[:, 1]).all()
        assert found.values[:, [0, 2]].tobytes() == known[name].values.tobytes()


def test_bad_test_data(tmp_path):
    test = [item[:6] for item in ITEMS]
    items = [*ITEMS[:2], ITEMS[2], *ITEMS[3:]]
    quick_plan(items, test=[*test[:2], with_nan(test[2]), *test[3:]], store=tmp_path / "s", tile=2)
    status = run_with_a_warning(tmp_path / "s", "'2': .*nan")
    assert list(status.errors) == [2]
    found = ng.sweep.open(tmp_path / "s")
    kept = [0, 1, 3, 4]
    known = ng.pairwise([ITEMS[k] for k in kept], test=[test[k] for k in kept])
    for mine, theirs in ((found.values, known.values), (found.held_out, known.held_out)):
        assert mine[np.ix_(kept, kept)].tobytes() == theirs.tobytes()
        assert np.isnan(mine[2]).all()


def test_with_a_null(tmp_path):
    items = [*ITEMS[:2], with_nan(ITEMS[2]), *ITEMS[3:]]
    quick_plan(items, null=3, store=tmp_path / "s", tile=2)
    run_with_a_warning(tmp_path / "s", "'2': .*nan")
    found = ng.sweep.open(tmp_path / "s")
    whole = swept(tmp_path / "whole", ITEMS, null=3, tile=3)
    kept = np.ix_([0, 1, 3, 4], [0, 1, 3, 4])
    for name in ("values", "null_mean", "null_sd", "p_value"):
        mine, theirs = getattr(found, name), getattr(whole, name)
        assert mine[kept].tobytes() == theirs[kept].tobytes(), "the permutations belong to the item"
        assert np.isnan(mine[2]).all()


def test_only_bad_items(tmp_path):
    quick_plan([with_nan(item) for item in ITEMS], "cka", store=tmp_path / "s", tile=2)
    status = run_with_a_warning(tmp_path / "s", "5 of the items have no result")
    assert list(status.errors) == [0, 1, 2, 3, 4]
    assert np.isnan(ng.sweep.open(tmp_path / "s").condensed).all()
    assert ng.sweep.verify(tmp_path / "s").is_sound


def test_a_metric_of_ones_own_may_refuse_items(tmp_path):
    items = [*ITEMS[:3], ITEMS[3][:, :1]]
    quick_plan(items, own.MeanProduct(), store=tmp_path / "s")
    status = run_with_a_warning(tmp_path / "s", "has one unit", trust=TRUST)
    assert "has one unit" in status.errors[3]["error"]
    known = ng.pairwise(items[:3], own.MeanProduct())
    assert ng.sweep.open(tmp_path / "s", trust=TRUST).values[:3, :3].tobytes() == known.values.tobytes()


def test_each_run_says_so_and_verification_accepts_it(tmp_path):
    quick_plan([with_nan(ITEMS[0]), *ITEMS[1:]], store=tmp_path / "s", tile=2)
    for _ in range(2):
        run_with_a_warning(tmp_path / "s", "'0': .*nan")
    assert ng.sweep.verify(tmp_path / "s").is_sound
    ng.sweep.extend(tmp_path / "s", ITEMS[:1])
    assert list(run_with_a_warning(tmp_path / "s", "'0': .*nan").errors) == [0]
    found = ng.sweep.open(tmp_path / "s")
    known = ng.pairwise([*ITEMS[1:], ITEMS[0]])
    assert found.values[1:, 1:].tobytes() == known.values.tobytes()


def test_a_plan_that_measures_a_bad_item_warns_of_it_by_name(tmp_path):
    items = {"good": ITEMS[0], "bad": with_nan(ITEMS[1]), "other": ITEMS[2]}
    with pytest.warns(UserWarning, match=r"^1 of the items.*'bad'.*nan"):
        ng.sweep.plan(items, store=tmp_path / "s")
    with pytest.warns(UserWarning, match="'bad'"):
        ng.sweep.run(tmp_path / "s")
    found = ng.sweep.open(tmp_path / "s").square
    assert np.isnan(found[1]).all()
    assert found[0, 2] == ng.pairwise([ITEMS[0], ITEMS[2]]).square[0, 1]


def test_a_plan_of_bad_items_only_is_refused(tmp_path):
    items = {"bad": with_nan(ITEMS[1]), "worse": with_nan(ITEMS[2])}
    with nothing_left(tmp_path), pytest.raises(ValueError, match=r"nan"):
        ng.sweep.plan(items, store=tmp_path / "s")


# ---- remarks


def test_remarks_are_warned_of_once_and_kept(tmp_path):
    items = stack(4, 6, 20)  # more units than stimuli
    with pytest.warns(UserWarning, match="^cca: ") as known:
        ng.pairwise(list(items), "cca")
    quick_plan(list(items), ["cca", "procrustes"], store=tmp_path / "s")
    with pytest.warns(UserWarning, match=r"^cca: .*and 3 more items") as caught:
        status = ng.sweep.run(tmp_path / "s")
    assert len(caught) == len(known) == 1
    assert sorted(status.remarks) == [0, 1, 2, 3]
    assert set(status.remarks[0]) == {"cca"}


def test_good_items_give_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        swept(tmp_path / "s", ITEMS, METRICS)
    status = ng.sweep.status(tmp_path / "s")
    assert (dict(status.errors), dict(status.remarks)) == ({}, {})
