"""How sweeps are cut into tiles: each wanted pair once, wherever the blocks end."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("zarr")

from neurogeom.pairs.tiles import Grid, blocks_of
from neurogeom.sweep.kinds import sweep_of
from neurogeom.sweep.running import shares

parts = st.lists(st.integers(0, 7), min_size=1, max_size=4).filter(lambda counts: counts[0] > 0)
edges = st.integers(1, 9)


def described(counts, side="rows"):
    return [[{"name": str(k), "side": side} for k in range(count)] for count in counts]


def pair_grid(row_parts, edge, *, column_counts=None, symmetric=True, known_diagonal=True):
    """The grid of a sweep with these items in its plan and in each extension."""
    items = described(row_parts)
    if column_counts is not None:
        items[0] += described([column_counts], "columns")[0]
    diagonal = "procrustes" if symmetric else "pwcca"
    if not known_diagonal:
        diagonal = "kendall" if symmetric else "ridge"
    metric = {
        "procrustes": "neurogeom.metrics.shape:Procrustes",
        "pwcca": "neurogeom.metrics.canonical:PWCCA",
        "kendall": "neurogeom.metrics.rsa:RSA",
        "ridge": "neurogeom.metrics.predictivity:Ridge",
    }[diagonal]
    named = {"compare": {"value": "tau-a"}} if diagonal == "kendall" else {}
    spec = {"class": metric, "arguments": {"list": []}, "options": {"dict": named}, "name": diagonal}
    plan = {"kind": "pairs", "tile": edge, "metrics": [spec], "others": column_counts is not None}
    return sweep_of({**plan, "held_out": False, "null": 0}, items, {}, ())


def wanted_pairs(count, symmetric, known_diagonal):
    where = np.ones((count, count), dtype=int)
    where = np.triu(where) if symmetric else where
    if known_diagonal:
        np.fill_diagonal(where, 0)
    return where


def covered(sweep, shape):
    """How often the tiles have each pair, by the numbers of its items along both sides."""
    seen = np.zeros(shape, dtype=int)
    for key in sweep.grid.tiles():
        rows, columns = (
            sweep.numbers(side, block) for side, block in zip(("rows", "columns"), key, strict=True)
        )
        where = sweep.grid.where(key)
        assert where.sum() == sweep.grid.count(key) > 0
        assert max(where.shape) <= sweep.grid.edge
        at = [
            [sweep.positions[side].index(number) for number in numbers]
            for side, numbers in (("rows", rows), ("columns", columns))
        ]
        seen[np.ix_(*at)] += where
    return seen


@given(parts, edges, st.booleans(), st.booleans())
def test_pairs_among_themselves_are_covered_once(row_parts, edge, symmetric, known_diagonal):
    sweep = pair_grid(row_parts, edge, symmetric=symmetric, known_diagonal=known_diagonal)
    count = sum(row_parts)
    known = wanted_pairs(count, symmetric, known_diagonal)
    np.testing.assert_array_equal(covered(sweep, known.shape), known)


@given(parts, st.integers(1, 12), edges)
def test_rows_with_columns_are_covered_once(row_parts, n_columns, edge):
    sweep = pair_grid(row_parts, edge, column_counts=n_columns)
    shape = (sum(row_parts), n_columns)
    np.testing.assert_array_equal(covered(sweep, shape), np.ones(shape))


@given(parts, edges, st.booleans())
def test_extensions_leave_old_tiles_as_they_are(row_parts, edge, symmetric):
    before = pair_grid(row_parts[:1], edge, symmetric=symmetric).grid
    after = pair_grid(row_parts, edge, symmetric=symmetric).grid
    assert set(before.tiles()) <= set(after.tiles())
    for key in before.tiles():
        np.testing.assert_array_equal(before.where(key), after.where(key))
        assert [after.rows[key[0]], after.columns[key[1]]] == [before.rows[key[0]], before.columns[key[1]]]


@given(parts, edges)
def test_blocks_of_the_stored_array_have_the_full_edge(row_parts, edge):
    grid = pair_grid(row_parts, edge).grid
    assert grid.shape == (len(grid.rows) * edge,) * 2


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3).filter(lambda c: c[0] > 0), edges)
def test_jobs_are_covered_once(counts, edge):
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 3), seeds=[3, 5])
    encoded = {
        "labels": {"array": "labels"},
        "kind": {"value": "mean_field"},
        "seeds": {"list": [{"value": 3}, {"value": 5}]},
    }
    plan = {"kind": "capacity", "tile": edge, "fields": ["mean_radius"], "jobs": {"dict": encoded}}
    sweep = sweep_of(plan, described(counts), {"labels": jobs.labels}, ())
    found = [job for (block,) in sweep.grid.tiles() for job in range(*sweep.grid.rows[block])]
    assert found == list(range(2 * sum(counts)))
    assert sum(map(sweep.grid.count, sweep.grid.tiles())) == len(found)


@given(st.integers(1, 40), edges, st.integers(0, 10))
def test_blocks(count, edge, start):
    blocks = blocks_of(start + count, edge, start)
    numbers = [k for first, stop in blocks for k in range(first, stop)]
    assert numbers == list(range(start, start + count))
    assert all(stop - first == edge for first, stop in blocks[:-1])


def test_neighbouring_tiles_share_a_block():
    blocks = blocks_of(40, 4)
    tiles = Grid(4, blocks, blocks, triangular=True, among_themselves=True, skip_diagonal=True).tiles()
    changes = [len({a, b} - {c, d}) for (a, b), (c, d) in zip(tiles[1:], tiles, strict=False)]
    assert sum(change > 1 for change in changes) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(), unique=True, max_size=60), st.integers(1, 9))
def test_shares(tasks, of):
    owned = []
    for rank in range(of):
        own, others = shares(tasks, rank, of)
        owned += own
        assert sorted(own + others) == sorted(tasks), "a worker that is alone does everything"
        assert abs(len(own) - len(tasks) / of) < 1
    assert owned == tasks


def test_workers_help_from_the_ends_of_the_others():
    own, others = shares(list(range(9)), 1, 3)
    assert own == [3, 4, 5]
    assert others == [8, 7, 6, 2, 1, 0]
