"""Missing values, left out pair by pair: pairs that have the same complete stimuli are computed together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray
from ..metrics.base import Mask, Metric, prepare_item
from ..representations.checks import TooLittleDataError
from ..representations.items import Item
from .all_pairs import AllPairs, Count

# Pairs, and units, that a warning names.
_SHOWN = 5

# Pairs without a value, and why.
_Gaps: TypeAlias = dict[tuple[int, int], str]


def evaluate_omitting(
    pairs: AllPairs, targets: Sequence[FloatArray], report: Count
) -> tuple[NDArray[np.int64], str | None]:
    """Compute all pairs, each from the stimuli for which both of its items are complete.

    Returns the numbers of these stimuli, and the text of a warning, if any.
    """
    complete = [item.complete_stimuli() for item in pairs.rows]
    others = complete if pairs.columns is None else [item.complete_stimuli() for item in pairs.columns]
    grid = pairs.grid
    where = np.zeros(pairs.shape, dtype=bool)
    for tile in grid.tiles():
        where[grid.place(tile)] = grid.where(tile)
    kept: dict[bytes, Mask] = {}
    groups: dict[bytes, list[tuple[int, int]]] = {}
    n_stimuli = np.zeros(pairs.shape, dtype=np.int64)
    for i, row in enumerate(complete):
        for j, column in enumerate(others):
            both = row & column
            n_stimuli[i, j] = both.sum()
            if where[i, j]:
                kept.setdefault(both.tobytes(), both)
                groups.setdefault(both.tobytes(), []).append((i, j))
    gaps: _Gaps = {}
    for key, group in groups.items():
        gaps |= _evaluate_group(pairs, kept[key], group, targets, report)
    pairs.fill_known(targets)
    for values, metric in zip(targets, pairs.metrics, strict=True):
        values[n_stimuli < 2] = np.nan
        if pairs.columns is None and metric.diagonal is not None:
            # If an item has no value with any other, it may have none with itself either.
            for i, mine in enumerate(complete):
                alone = mine.sum() > 1 and np.isnan(np.delete(values[i], i)).all()
                if alone and _problem(metric, pairs.rows[i].restricted(mine)) is not None:
                    values[i, i] = np.nan
    return n_stimuli, _described(gaps, pairs) if gaps else None


def _evaluate_group(
    pairs: AllPairs,
    stimuli: Mask,
    group: Sequence[tuple[int, int]],
    targets: Sequence[FloatArray],
    report: Count,
) -> _Gaps:
    """Compute the pairs that share these stimuli; returns those for which a measure is not defined."""
    if stimuli.sum() < 2:  # nothing to compare: the values stay NaN
        report.add(len(group))
        return dict.fromkeys(group, f"{'1 stimulus' if stimuli.any() else 'no stimulus'} left")
    at = [sorted({pair[side] for pair in group}) for side in (0, 1)]
    if pairs.columns is None:
        at = [sorted({*at[0], *at[1]})] * 2
    where = np.zeros((len(at[0]), len(at[1])), dtype=bool)
    for i, j in group:
        where[at[0].index(i), at[1].index(j)] = True
    rows = [pairs.rows[i].restricted(stimuli) for i in at[0]]
    columns = None if pairs.columns is None else [pairs.columns[j].restricted(stimuli) for j in at[1]]
    some = dataclasses.replace(pairs, rows=rows, columns=columns)
    found = [np.full(where.shape, np.nan) for _ in targets]
    gaps: _Gaps = {}
    try:
        some.evaluate(found, report, where)
    except TooLittleDataError:  # of an item, before any pair
        for metric, values in zip(pairs.metrics, found, strict=True):
            problems = _evaluate_where_defined(dataclasses.replace(some, metrics=[metric]), values, where)
            gaps |= {(at[0][i], at[1][j]): problem for (i, j), problem in problems.items()}
        report.add(len(group))
    for target, values in zip(targets, found, strict=True):
        for i, j in group:
            target[i, j] = values[at[0].index(i), at[1].index(j)]
    return gaps


def _evaluate_where_defined(some: AllPairs, values: FloatArray, where: Mask) -> _Gaps:
    """Compute one metric for the items that it is defined for."""
    (metric,) = some.metrics
    row_problems = [_problem(metric, item) for item in some.rows]
    column_problems = row_problems
    if some.columns is not None:
        column_problems = [_problem(metric, item) for item in some.columns]
    gaps: _Gaps = {}
    for i, j in np.argwhere(where):
        problem = row_problems[i] or column_problems[j]
        if problem is not None:
            gaps[int(i), int(j)] = problem
    kept = [
        [k for k, problem in enumerate(side) if problem is None] for side in (row_problems, column_problems)
    ]
    wanted = where[np.ix_(*kept)]
    if wanted.any():
        rows = [some.rows[k] for k in kept[0]]
        columns = None if some.columns is None else [some.columns[k] for k in kept[1]]
        found = np.full(wanted.shape, np.nan)
        dataclasses.replace(some, rows=rows, columns=columns).evaluate([found], Count(None, 0), wanted)
        values[np.ix_(*kept)] = found
    return gaps


def _problem(metric: Metric, item: Item) -> str | None:
    """Return why a metric is not defined for what is left of an item; None if it is defined."""
    try:
        prepare_item([metric], item)
    except TooLittleDataError as error:
        return f"{metric.name}: {error}"
    return None


def _described(gaps: Mapping[tuple[int, int], str], pairs: AllPairs) -> str:
    """Name the pairs without a value, and units that have none."""
    columns = pairs.rows if pairs.columns is None else pairs.columns
    reasons: dict[str, str] = {}
    for (i, j), reason in gaps.items():
        row, column = pairs.rows[i].name, columns[j].name
        pair = f"{row!r} with itself" if pairs.columns is None and i == j else f"{row!r} and {column!r}"
        if f"{column!r} and {row!r}" not in reasons:
            reasons.setdefault(pair, reason)
    shown = [f"{pair} ({reason})" for pair, reason in list(reasons.items())[:_SHOWN]]
    more = [f"{len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
    text = [f"nan_policy='omit' leaves too little of {', '.join([*shown, *more])}: the result is NaN"]
    items = pairs.rows if pairs.columns is None else [*pairs.rows, *pairs.columns]
    at = {i for pair in gaps for i in pair} if pairs.columns is None else range(len(items))
    for item in (items[i] for i in sorted(at)):
        units = item.units_without_values().tolist()
        if units:
            which = ", ".join(map(str, units[:_SHOWN])) + (", ..." if len(units) > _SHOWN else "")
            text.append(
                f"{item.label} has no value in {len(units)} of its {item.n_units} units ({which}), so "
                "that no stimulus is complete: leave these units out"
            )
    return "; ".join(text)
