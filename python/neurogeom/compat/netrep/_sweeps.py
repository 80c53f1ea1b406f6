"""All pairs of representations: our metrics on the engine, any others pair by pair."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..._base import checks as _validate
from ..._base.checks import FloatArray
from ..._base.progress import as_progress
from ...metrics.base import Distance, Metric
from ...metrics.fitting import means_and_size
from ...pairs.driver import pairwise, tests_in_order
from ...pairs.tiles import Grid, blocks_of, fill_known
from ...representations import checks as check
from ...representations.representation import Representation
from ._estimator import Estimator, require_equal_widths

Distances: TypeAlias = tuple[FloatArray, FloatArray | None]
Sides: TypeAlias = tuple[list[Any], list[Any] | None]
Tests: TypeAlias = tuple[list[Any] | None, list[Any] | None]


def among_themselves(
    metric: Any, train: Any, test: Any, names: tuple[str, str], verbose: bool, n_threads: int | None = None
) -> Distances:
    """Distances of all pairs of a set, on training and test data."""
    items = _as_list(train, names[0])
    tests = None if test is None else _as_list(test, names[1], items)
    native = _engine_metric(metric, items, _labels(names[0], items))
    if native is not None and len(items) > 1 and _has_test_form(metric, native, tests):
        return _on_engine(metric, native, (items, None), (tests, None), names, verbose, n_threads)
    items, tests = _read_own(metric, items, names[0]), _read_own(metric, tests, names[1], False)
    return _one_by_one(metric, (items, None), (tests, None), verbose)


def between(metric: Any, Xs: Any, Ys: Any, Xs_test: Any, Ys_test: Any, verbose: bool) -> Distances:
    """Distances of the items of one set to those of another."""
    rows, columns = _as_list(Xs, "Xs"), _as_list(Ys, "Ys")
    if (Xs_test is None) != (Ys_test is None):
        given, missing = ("Xs_test", "Ys_test") if Ys_test is None else ("Ys_test", "Xs_test")
        raise ValueError(f"{given} also needs {missing}")
    row_tests = None if Xs_test is None else _as_list(Xs_test, "Xs_test", rows)
    column_tests = None if Ys_test is None else _as_list(Ys_test, "Ys_test", columns)
    native = _engine_metric(metric, rows + columns, [*_labels("Xs", rows), *_labels("Ys", columns)])
    if native is not None and _has_test_form(metric, native, row_tests):
        tests = (row_tests, column_tests)
        return _on_engine(metric, native, (rows, columns), tests, ("Xs", "Ys"), verbose, None)
    rows, columns = _read_own(metric, rows, "Xs"), _read_own(metric, columns, "Ys")
    row_tests = _read_own(metric, row_tests, "Xs_test", False)
    column_tests = _read_own(metric, column_tests, "Ys_test", False)
    return _one_by_one(metric, (rows, columns), (row_tests, column_tests), verbose)


def _as_list(value: Any, name: str, partners: Sequence[Any] | None = None) -> list[Any]:
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a list of arrays, not {type(value).__name__}")
    items = list(value)
    check.require_items(len(items), name)
    if partners is not None:
        tests_in_order(items, [str(i) for i in range(len(partners))], name)
    return items


def _labels(name: str, items: Sequence[Any]) -> list[str]:
    return [f"{name}[{i}]" for i in range(len(items))]


def _engine_metric(metric: Any, items: Sequence[Any], labels: Sequence[str]) -> Metric | None:
    """The measure of the engine that does what a metric of this package does, if there is one."""
    if not isinstance(metric, Estimator):
        if not (callable(getattr(metric, "fit", None)) and callable(getattr(metric, "score", None))):
            raise TypeError(f"metric must have fit and score, but {type(metric).__name__} does not")
        return None
    widths = [check.as_responses(*pair).shape[1] for pair in zip(items, labels, strict=True)]
    require_equal_widths(widths, getattr(metric, "zero_pad", True))
    return metric._native()


def _has_test_form(metric: Estimator, native: Metric, tests: Any) -> bool:
    return tests is None or native.has_held_out or not metric._is_fitted_to_data


def _read_own(metric: Any, items: Any, name: str, are_fitted: bool = True) -> Any:
    """Check all items of a sweep with a metric of this package before it begins, so that errors name them."""
    if items is None or not isinstance(metric, Estimator):
        return items
    arrays = []
    for item, label in zip(items, _labels(name, items), strict=True):
        arrays.append(_validate.as_float_matrix(item, label))
        check.require_normal_range(arrays[-1], label)
        if are_fitted:
            means_and_size(arrays[-1], metric.center_columns, label)  # refuses what does not vary
    return arrays


def _on_engine(
    metric: Estimator,
    native: Metric,
    sides: Sides,
    tests: Tests,
    names: tuple[str, str],
    verbose: bool,
    n_threads: int | None,
) -> Distances:
    """Sweep with `pairwise`; the two names are those of both sides, or of training and test data."""
    named = [
        None if side is None else list(map(_named, side, _labels(name, side)))
        for side, name in zip(sides, names, strict=True)
    ]
    sweep = functools.partial(pairwise, metric=native, n_threads=n_threads, progress=bool(verbose))
    if tests[0] is None or metric._is_fitted_to_data:
        held = tests[0] if sides[1] is None or tests[0] is None else tests
        found = sweep(named[0], others=named[1], test=held)
        return found.values, found.held_out
    train = sweep(named[0], others=named[1])
    return train.values, sweep(tests[0], others=tests[1]).values


def _named(item: Any, label: str) -> Representation:
    return Representation(item, name=label)


def _one_by_one(metric: Any, sides: Sides, tests: Tests, verbose: bool) -> Distances:
    """Fit and evaluate a metric for each pair; columns are None for rows among themselves."""
    rows, columns = sides
    counts = [len(rows), len(rows if columns is None else columns)]
    (row_blocks, column_blocks) = (blocks_of(count, max(counts)) for count in counts)
    # Distances, whatever the metric calls them: symmetric, and 0 for an item and itself.
    grid = Grid.of_pairs([Distance()], max(counts), row_blocks, None if columns is None else column_blocks)
    D_train, D_test = np.zeros(counts), None if tests[0] is None else np.zeros(counts)
    progress = as_progress(bool(verbose), "pairs")
    pairs = [(int(i), int(j)) for key in grid.tiles() for i, j in np.argwhere(grid.where(key))]
    for done, (i, j) in enumerate(pairs, start=1):
        x, y = rows[i], (rows if columns is None else columns)[j]
        metric.fit(x, y)
        D_train[i, j] = metric.score(x, y)
        if tests[0] is not None and D_test is not None:
            D_test[i, j] = metric.score(tests[0][i], (tests[0] if tests[1] is None else tests[1])[j])
        if progress is not None:
            progress(done, len(pairs))
    for values in (D_train, D_test) if columns is None else ():
        if values is not None:
            fill_known(values, Distance())
    return D_train, D_test
