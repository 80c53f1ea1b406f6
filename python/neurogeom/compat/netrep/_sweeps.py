"""All pairs of representations: our metrics on the engine, any others one pair after the other."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..._base import checks as _validate
from ..._base.checks import FloatArray
from ..._base.progress import as_progress
from ...metrics._reduction import reduce_stimuli
from ...metrics.base import Metric
from ...pairs.driver import pairwise
from ...representations import checks as check
from ...representations.representation import Representation
from ._estimator import Estimator

Distances: TypeAlias = tuple[FloatArray, FloatArray | None]
Sides: TypeAlias = tuple[list[Any], list[Any]]


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
    pairs = list(itertools.combinations(range(len(items)), 2))
    both = None if tests is None else (tests, tests)
    D_train, D_test = _one_by_one(metric, pairs, (items, items), both, verbose)
    return D_train + D_train.T, None if D_test is None else D_test + D_test.T


def between(metric: Any, Xs: Any, Ys: Any, Xs_test: Any, Ys_test: Any, verbose: bool) -> Distances:
    """Distances of the items of one set to those of another."""
    rows, columns = _as_list(Xs, "Xs"), _as_list(Ys, "Ys")
    check.require_both_tests(Xs_test, Ys_test, ("Xs_test", "Ys_test"))
    row_tests = None if Xs_test is None else _as_list(Xs_test, "Xs_test", rows)
    column_tests = None if Ys_test is None else _as_list(Ys_test, "Ys_test", columns)
    native = _engine_metric(metric, rows + columns, [*_labels("Xs", rows), *_labels("Ys", columns)])
    if native is not None and _has_test_form(metric, native, row_tests):
        tests = (row_tests, column_tests)
        return _on_engine(metric, native, (rows, columns), tests, ("Xs", "Ys"), verbose, None)
    rows, columns = _read_own(metric, rows, "Xs"), _read_own(metric, columns, "Ys")
    both = None
    if row_tests is not None and column_tests is not None:
        both = (
            _read_own(metric, row_tests, "Xs_test", False),
            _read_own(metric, column_tests, "Ys_test", False),
        )
    pairs = list(itertools.product(range(len(rows)), range(len(columns))))
    return _one_by_one(metric, pairs, (rows, columns), both, verbose)


def _as_list(value: Any, name: str, partners: Sequence[Any] | None = None) -> list[Any]:
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a list of arrays, not {type(value).__name__}")
    items = list(value)
    check.require_items(len(items), name)
    if partners is not None:
        check.as_tests(items, [str(i) for i in range(len(partners))], name)
    return items


def _labels(name: str, items: Sequence[Any]) -> list[str]:
    return [f"{name}[{i}]" for i in range(len(items))]


def _engine_metric(metric: Any, items: Sequence[Any], labels: Sequence[str]) -> Metric | None:
    """The measure of the engine that does what a metric of this package does, if there is one."""
    if not isinstance(metric, Estimator):
        check.require_fit_and_score(metric)
        return None
    widths = [check.as_responses(*pair).shape[1] for pair in zip(items, labels, strict=True)]
    check.require_equal_widths(widths, getattr(metric, "zero_pad", True))
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
            reduce_stimuli(arrays[-1], metric.center_columns, label)  # refuses what does not vary
    return arrays


def _on_engine(
    metric: Estimator,
    native: Metric,
    sides: tuple[list[Any], list[Any] | None],
    tests: tuple[list[Any] | None, list[Any] | None],
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


def _one_by_one(
    metric: Any, pairs: list[tuple[int, int]], sides: Sides, tests: Sides | None, verbose: bool
) -> Distances:
    """Fit and evaluate a metric for each pair."""
    shape = len(sides[0]), len(sides[1])
    D_train, D_test = np.zeros(shape), None if tests is None else np.zeros(shape)
    progress = as_progress(bool(verbose), "pairs")
    for done, (i, j) in enumerate(pairs, start=1):
        metric.fit(sides[0][i], sides[1][j])
        D_train[i, j] = metric.score(sides[0][i], sides[1][j])
        if tests is not None and D_test is not None:
            D_test[i, j] = metric.score(tests[0][i], tests[1][j])
        if progress is not None:
            progress(done, len(pairs))
    return D_train, D_test
