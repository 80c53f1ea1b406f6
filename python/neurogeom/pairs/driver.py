"""Drives measures over all pairs of representations, tile after tile, in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, explain_keywords, require_same_columns
from .._base.progress import Progress, ProgressFunction, as_progress
from .._base.threads import resolve_threads, single_threaded_blas
from ..metrics import as_metrics
from ..metrics.base import Mask, Metric, Prepared, Tile, evaluate, map_threads, prepare_item, warn_of
from ..representations import checks as _validate_pairwise
from ..representations.representation import RDM, Item, as_items, require_same_stimuli
from .result import Pairwise

# Items along the edge of a tile, unless they are so large that those of two edges exceed so many bytes.
_TILE_EDGE = 128
_TILE_BYTES = 1 << 27
# Pairs, and units, that a warning names.
_SHOWN = 5

MetricLike = str | Metric


@explain_keywords
def pairwise(
    representations: Any,
    metric: MetricLike | Sequence[MetricLike] = "procrustes",
    *,
    others: Any = None,
    test: Any = None,
    names: Sequence[str] | None = None,
    nan_policy: Literal["raise", "omit"] = "raise",
    n_threads: int | None = None,
    progress: Progress = False,
    out: FloatArray | None = None,
    tile: int | None = None,
) -> Any:
    """Compare all pairs of representations.

    Parameters
    ----------
    representations : sequence or mapping of items
        Matrices (n_stimuli, n_units) whose rows are the same stimuli; numbers of units may differ. Items may
        be anything array-like (also memory maps, each read once), :class:`Representation` with stimulus ids,
        for RSA also measured :class:`RDM`, or one array (item, stimulus, unit). Keys of a mapping are names.
        The index of a DataFrame, or the coordinate of a DataArray, is ids; where items have them, they must
        agree in content and order. An index that only counts rows is none.
    metric : str, metric, or list of these
        What to compute, by name or as an object such as ``ng.ShapeMetric(alpha=0.5)``. What several metrics
        have in common is computed once.
    others : sequence or mapping of items, optional
        Compare `representations` (rows) with these (columns) instead of among themselves.
    test : sequence of arrays, optional
        Responses of the same units to other stimuli, one array for each item (with `others`: a pair of such
        sequences). Alignments are fitted to `representations` and also evaluated on these: see
        ``Pairwise.held_out``.
    names : sequence of str, optional
        Names of the items; by default their own, else their numbers.
    nan_policy : {"raise", "omit"}, default "raise"
        What to do about NaN: raise, or leave out, pair by pair, stimuli that either item lacks a value for.
        How many are left is in ``Pairwise.n_stimuli``. Pairs for which a measure is not defined by what is
        left (it may need 2 to 4 stimuli, or items that vary over them) are NaN, and a warning names them.
    n_threads : int, optional
        Threads; by default OMP_NUM_THREADS as it stood at import, else the cores this process may use.
        Results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function now and then.
    out : ndarray of shape (n_rows, n_columns), optional
        Where to put the values of a single metric (float64; may be a memory map).
    tile : int, optional
        Items along the edge of a block of pairs. Results do not depend on it.

    Returns
    -------
    Pairwise, or dict of str to Pairwise
        The matrix; for a list of metrics one for each, by name.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be read, holds NaN or infinity, does not vary, or has other stimuli than the others.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> V1 = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]])
    >>> areas = {"V1": V1, "rotated": V1 @ [[0.0, 1.0], [-1.0, 0.0]], "AL": V1[::-1]}
    >>> result = ng.pairwise(areas, "procrustes")
    >>> result.square.round(3)
    array([[0.   , 0.   , 0.331],
           [0.   , 0.   , 0.331],
           [0.331, 0.331, 0.   ]])
    >>> result.names.tolist()
    ['V1', 'rotated', 'AL']
    """
    metrics = as_metrics(metric)
    _validate_pairwise.require_items(len(metrics), "metric")
    _validate_pairwise.require_distinct([m.name for m in metrics], "the names of the metrics")
    _validate.as_choice(nan_policy, "nan_policy", ("raise", "omit"))
    threads = resolve_threads(n_threads)
    rows = as_items(representations, "representations", names)
    _validate_pairwise.require_items(len(rows), "representations", 2 if others is None else 1)
    columns = None if others is None else as_items(others, "others")
    require_same_stimuli(rows + (columns or []))
    edge = _fitting_edge(rows + (columns or [])) if tile is None else _validate.as_count(tile, "tile")
    row_tests, column_tests = as_tests(test, rows, columns, metrics)
    shape = (len(rows), len(rows if columns is None else columns))
    if out is not None:
        _validate_pairwise.require_single(len(metrics))
        _validate_pairwise.as_out(out, shape)
    sweep = _Sweep(metrics, rows, columns, row_tests, column_tests, edge, threads)
    sweep.values = [np.full(shape, np.nan) if out is None else out for _ in metrics]
    if row_tests is not None:
        sweep.held_out = [np.full(shape, np.nan) for _ in metrics]
    with single_threaded_blas():
        n_stimuli = sweep.run(nan_policy == "omit", as_progress(progress, "pairs"))
    if sweep.gaps:
        warnings.warn(sweep.describe_gaps(), UserWarning, stacklevel=_validate.user_level())
    results = sweep.results(n_stimuli)
    return next(iter(results.values())) if isinstance(metric, (str, Metric)) else results


def _fitting_edge(items: Sequence[Item]) -> int:
    """Give the edge of tiles for items of this size."""
    largest = max(8 * item.n_stimuli * min(item.n_stimuli, item.n_units) for item in items)
    return max(4, min(_TILE_EDGE, _TILE_BYTES // (2 * largest)))


def as_tests(
    test: Any, rows: Sequence[Item], columns: Sequence[Item] | None, metrics: Sequence[Metric]
) -> tuple[list[Item] | None, list[Item] | None]:
    """Take held-out responses of all items."""
    if test is None:
        return None, None
    for metric in metrics:
        _validate_pairwise.require_held_out(metric.has_held_out, metric.name, metric.no_held_out)
    pair = (test, None) if columns is None else _validate_pairwise.require_pair_of_tests(test)
    found: list[list[Item] | None] = []
    for value, items, argument in zip(pair, (rows, columns), ("test", "test[1]"), strict=True):
        if items is None:
            found.append(None)
            continue
        names = [item.name for item in items]
        tests = as_items(_validate_pairwise.as_tests(value, names, argument), argument, names)
        for item, other in zip(items, tests, strict=True):
            _validate_pairwise.require_same_units(item.n_units, other.n_units, other.label)
            require_same_columns([(item.label, item.units), (other.label, other.units)])
        for other in tests:  # of as many stimuli as there are units
            if isinstance(other.source, RDM):
                _validate_pairwise.refuse_rdm(other.label, "a held-out form")
        found.append(tests)
    require_same_stimuli([item for tests in found if tests for item in tests])
    return found[0], found[1]


class _Sweep:
    """All pairs of rows and columns (or of rows among themselves) for some metrics."""

    def __init__(
        self,
        metrics: list[Metric],
        rows: list[Item],
        columns: list[Item] | None,
        row_tests: list[Item] | None,
        column_tests: list[Item] | None,
        edge: int,
        n_threads: int,
    ) -> None:
        self.metrics, self.edge, self.n_threads = metrics, edge, n_threads
        self.rows, self.row_tests = rows, row_tests
        self.among_themselves = columns is None
        self.columns = rows if columns is None else columns
        self.column_tests = column_tests
        self.symmetric = self.among_themselves and all(metric.symmetric for metric in metrics)
        self.values: list[FloatArray] = []
        self.held_out: list[FloatArray] = []
        self.done = 0
        # Pairs without a value, and why, where stimuli are omitted.
        self.gaps: dict[tuple[int, int], str] = {}
        self.complete: list[Mask] = []  # stimuli of each row without a missing value

    def wanted(self) -> Mask:
        """Say which pairs are to be computed; the others follow from these."""
        shape = (len(self.rows), len(self.columns))
        where = np.ones(shape, dtype=bool)
        if self.among_themselves:
            if self.symmetric:
                where = np.triu(where)
            if all(metric.diagonal is not None for metric in self.metrics):
                np.fill_diagonal(where, False)
        return where

    def run(self, omit: bool, progress: ProgressFunction | None) -> int | NDArray[np.int64]:
        """Compute everything; returns the number of stimuli behind each entry."""
        where = self.wanted()
        total = int(where.sum())
        n_stimuli: int | NDArray[np.int64]
        if omit:
            for values in self.values:
                values.fill(np.nan)  # some pairs may have nothing in common
            n_stimuli = self._run_omitting(where, progress, total)
        else:
            n_stimuli = self.rows[0].n_stimuli
            self._run_tiles(self.rows, self.columns, where, progress, total)
        if self.among_themselves:
            self._complete()
        if omit:
            for values, metric in zip(self.values, self.metrics, strict=True):
                values[np.asarray(n_stimuli) < 2] = np.nan
                if self.among_themselves and metric.diagonal is not None:
                    self._mark_diagonal(metric, values)
        if progress is not None:
            progress(total, total)
        return n_stimuli

    def _prepare(self, items: Sequence[Item], tests: Sequence[Item] | None) -> list[Prepared]:
        both: list[tuple[Item, Item | None]]
        both = [(item, tests[i] if tests else None) for i, item in enumerate(items)]
        return map_threads(lambda pair: prepare_item(self.metrics, *pair), both, self.n_threads)

    def _run_tiles(
        self,
        rows: Sequence[Item],
        columns: Sequence[Item],
        where: Mask,
        progress: ProgressFunction | None,
        total: int,
    ) -> None:
        row_records = self._prepare(rows, self.row_tests)
        column_records = row_records if self.among_themselves else self._prepare(columns, self.column_tests)
        warn_of(self.metrics, row_records if self.among_themselves else row_records + column_records)
        for row, column in _tiles(where, self.edge):
            wanted = np.ascontiguousarray(where[row, column])
            block = Tile(row_records[row], column_records[column], wanted, self.n_threads)
            found = evaluate(self.metrics, block, held_out=bool(self.held_out))
            for values, target, metric in zip(
                found, self.values + self.held_out, [*self.metrics, *self.metrics], strict=False
            ):
                target[row, column][wanted] = metric.finish(values)[wanted]
            self.done += int(wanted.sum())
            if progress is not None:
                progress(self.done, total)

    def _run_omitting(self, where: Mask, progress: ProgressFunction | None, total: int) -> NDArray[np.int64]:
        """Pairs that have the same complete stimuli go together, each such set as a sweep of its own."""
        if self.held_out:
            _validate_pairwise.refuse_omission("test")
        complete = self.complete = [item.complete_stimuli() for item in self.rows]
        others = complete if self.among_themselves else [item.complete_stimuli() for item in self.columns]
        kept: dict[bytes, Mask] = {}
        groups: dict[bytes, list[tuple[int, int]]] = {}
        n_stimuli = np.zeros(where.shape, dtype=np.int64)
        for i, row in enumerate(complete):
            for j, column in enumerate(others):
                both = row & column
                n_stimuli[i, j] = both.sum()
                if where[i, j]:
                    kept.setdefault(both.tobytes(), both)
                    groups.setdefault(both.tobytes(), []).append((i, j))
        for key, pairs in groups.items():
            self._run_subset(kept[key], pairs, progress, total)
        return n_stimuli

    def _run_subset(
        self, stimuli: Mask, pairs: list[tuple[int, int]], progress: ProgressFunction | None, total: int
    ) -> None:
        if stimuli.sum() < 2:  # nothing to compare: the values stay NaN
            self.done += len(pairs)
            left = "1 stimulus" if stimuli.any() else "no stimulus"
            self.gaps.update(dict.fromkeys(pairs, f"{left} left"))
            return
        at = [sorted({pair[side] for pair in pairs}) for side in (0, 1)]
        if self.among_themselves:
            at = [sorted({*at[0], *at[1]})] * 2
        where = np.zeros((len(at[0]), len(at[1])), dtype=bool)
        for i, j in pairs:
            where[at[0].index(i), at[1].index(j)] = True
        rows = [self.rows[i].restricted(stimuli) for i in at[0]]
        columns = rows if self.among_themselves else [self.columns[j].restricted(stimuli) for j in at[1]]
        whole = self.values
        self.values = [np.full(where.shape, np.nan) for _ in whole]
        done = self.done
        try:
            self._run_tiles(rows, columns, where, progress, total)
        except _validate_pairwise.TooLittleDataError:
            self._run_where_defined(rows, columns, where, at)
            self.done = done + len(pairs)
        for full, part in zip(whole, self.values, strict=True):
            for i, j in pairs:
                full[i, j] = part[at[0].index(i), at[1].index(j)]
        self.values = whole

    def _run_where_defined(
        self, rows: Sequence[Item], columns: Sequence[Item], where: Mask, at: Sequence[Sequence[int]]
    ) -> None:
        """Run each metric on the items that it is defined for; `at` are the places of the items in all."""
        metrics, values = self.metrics, self.values
        for metric, target in zip(metrics, values, strict=True):
            row_problems = [_problem(metric, item) for item in rows]
            column_problems = row_problems
            if columns is not rows:
                column_problems = [_problem(metric, item) for item in columns]
            for i, j in np.argwhere(where):
                problem = row_problems[i] or column_problems[j]
                if problem is not None:
                    self.gaps[at[0][i], at[1][j]] = problem
            sides = (row_problems, column_problems)
            kept = [[k for k, problem in enumerate(side) if problem is None] for side in sides]
            wanted = where[np.ix_(*kept)]
            if wanted.any():
                self.metrics, self.values = [metric], [np.full(wanted.shape, np.nan)]
                left, right = [rows[k] for k in kept[0]], [columns[k] for k in kept[1]]
                self._run_tiles(left, right, wanted, None, 0)
                target[np.ix_(*kept)] = self.values[0]
        self.metrics, self.values = metrics, values

    def _mark_diagonal(self, metric: Metric, values: FloatArray) -> None:
        """Where all pairs of an item have no value, it may have none with itself either."""
        for i, complete in enumerate(self.complete):
            alone = complete.sum() > 1 and np.isnan(np.delete(values[i], i)).all()
            if alone and _problem(metric, self.rows[i].restricted(complete)) is not None:
                values[i, i] = np.nan

    def describe_gaps(self) -> str:
        """Name the pairs without a value, and units that have none."""
        reasons: dict[str, str] = {}
        for (i, j), reason in self.gaps.items():
            row, column = self.rows[i].name, self.columns[j].name
            pair = f"{row!r} with itself" if self.among_themselves and i == j else f"{row!r} and {column!r}"
            if f"{column!r} and {row!r}" not in reasons:
                reasons.setdefault(pair, reason)
        shown = [f"{pair} ({reason})" for pair, reason in list(reasons.items())[:_SHOWN]]
        more = [f"{len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
        text = [f"nan_policy='omit' leaves too little of {', '.join([*shown, *more])}: the result is NaN"]
        items = self.rows if self.among_themselves else [*self.rows, *self.columns]
        at = {i for pair in self.gaps for i in pair} if self.among_themselves else range(len(items))
        for item in (items[i] for i in sorted(at)):
            units = item.units_without_values().tolist()
            if units:
                which = ", ".join(map(str, units[:_SHOWN])) + (", ..." if len(units) > _SHOWN else "")
                text.append(
                    f"{item.label} has no value in {len(units)} of its {item.n_units} units ({which}), so "
                    "that no stimulus is complete: leave these units out"
                )
        return "; ".join(text)

    def _complete(self) -> None:
        """Fill in the diagonal and what a symmetric measure has twice."""
        for k, metric in enumerate(self.metrics):
            for values in [self.values[k], *([self.held_out[k]] if self.held_out else [])]:
                if metric.diagonal is not None:
                    np.fill_diagonal(values, metric.diagonal)
                if metric.symmetric:
                    for i in range(len(values)):
                        values[i + 1 :, i] = values[i, i + 1 :]

    def results(self, n_stimuli: int | NDArray[np.int64]) -> dict[str, Pairwise]:
        """Wrap what was computed."""
        return {
            metric.name: Pairwise(
                values=values,
                names=np.array([item.name for item in self.rows]),
                column_names=np.array([item.name for item in self.columns]),
                metric=metric.name,
                is_similarity=metric.is_similarity,
                symmetric=metric.symmetric,
                n_stimuli=n_stimuli,
                is_square=self.among_themselves,
                held_out=self.held_out[k] if self.held_out else None,
                flags=metric.flags(values),
            )
            for k, (metric, values) in enumerate(zip(self.metrics, self.values, strict=True))
        }


def _problem(metric: Metric, item: Item) -> str | None:
    """Say why a metric is not defined for what there is of an item; None if it is."""
    try:
        prepare_item([metric], item)
    except _validate_pairwise.TooLittleDataError as error:
        return f"{metric.name}: {error}"
    return None


def _tiles(where: Mask, edge: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of pairs of which at least one is wanted."""
    for i in range(0, where.shape[0], edge):
        for j in range(0, where.shape[1], edge):
            row, column = slice(i, i + edge), slice(j, j + edge)
            if where[row, column].any():
                yield row, column
