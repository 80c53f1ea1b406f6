"""Plans a sweep: what it computes, what it will cost, and the store that it goes to."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import io
from .._base import checks as _validate
from .._base.checks import AnyArray
from .._base.codec import encode
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads
from ..metrics.base import Metric
from ..pairs.driver import as_tests
from ..representations import checks as _validate_pairwise
from ..representations.representation import RDM, Item, as_items, require_same_stimuli
from . import errors as check
from .calibration import Measurements, calibrate
from .costs import Limits, choose_edge, describe, estimate, require_items_that_fit
from .drafts import draft, forget_draft, read_draft
from .items import describe_items
from .jobs import CapacityJobs
from .kinds import CapacitySweep, Sweep, load_sweep, sweep_of
from .specs import describe_metric, resolve_metric
from .store import VERSION, Store, hashes_of, require_zarr

MetricLike = str | Metric | CapacityJobs


@dataclasses.dataclass(frozen=True)
class SweepPlan:
    """What a sweep will compute and cost; made by :func:`plan`. Print it.

    Attributes
    ----------
    store : Path or None
        Where the sweep is, to be run.
    n_items, n_tiles, tile : int
        Items; tiles of work, each one file; items (or jobs) along the edge of a tile.
    n_units : int
        Pairs, or capacity jobs.
    core_hours : float
        Processor time in hours, measured on a few items and pairs.
    core_hours_interval : tuple of float
        Where it should lie, on a machine like this one.
    peak_memory : int
        Most bytes of memory that a worker needs, mapped files not counted.
    bytes_read, bytes_written : int
        By one worker that does it all.
    """

    store: Path | None
    n_items: int
    n_units: int
    n_tiles: int
    tile: int
    core_hours: float
    core_hours_interval: tuple[float, float]
    peak_memory: int
    bytes_read: int
    bytes_written: int
    text: str = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return self.text


@_validate.explain_keywords
def plan(
    items: Any,
    metric: MetricLike | Sequence[str | Metric] = "procrustes",
    *,
    store: str | os.PathLike[str] | None = None,
    others: Any = None,
    test: Any = None,
    names: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    null: int = 0,
    rng: RandomSource = 0,
    tile: int | Literal["auto"] = "auto",
    max_ram: int | float | str = "2GB",
    target_seconds: float = 60.0,
    max_files: int = 50_000,
    n_threads: int | None = 1,
) -> SweepPlan:
    """Plan a sweep: measure a few items and pairs, say what all will cost, and make the store.

    Nothing is computed yet but the measurements, which take some seconds.

    Parameters
    ----------
    items : path, pattern, or sequence or mapping of items
        What :func:`neurogeom.io.open_items` or :func:`neurogeom.pairwise` take. Files stay where they are
        and must not change: the plan keeps their size and time of change, and each run refuses others; the
        content is not read by the plan but counts as it is when a run first reads it, and another one is
        refused from then on. Arrays in memory are written to the store.
    metric : str, metric, "package.module:Class", CapacityJobs, or list of metrics
        What to compute. Workers make metrics again from the arguments of their constructors, so that lambdas
        and classes of a script or notebook are refused.
    store : path-like, optional
        A directory to make; without one the plan is only printed. If it is a store of the same plan, that is
        taken up; if it is one of another plan, it is refused.
    others : like `items`, optional
        Compare `items` (rows) with these (columns).
    test : sequence of arrays, optional
        Held-out responses; see :func:`neurogeom.pairwise`.
    names : sequence of str, optional
        Names of the items.
    fields : sequence of str, optional
        For capacity jobs: which numbers of a result to keep; all by default.
    null : int, default 0
        For pairs: also compare with the stimuli of the second item permuted, so many times, and keep mean and
        standard deviation of these values and the p-value (1 + those at least as alike) / (1 + `null`);
        values that agree to 1e-10 of the measure's size are equally alike.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the permutations.
    tile : int or "auto", default "auto"
        Items (or jobs) along the edge of a tile, the unit of work and loss. Results do not depend on it.
    max_ram : int or str, default "2GB"
        Memory that a worker may use.
    target_seconds : float, default 60
        How long a tile should take at most.
    max_files : int, default 50000
        Most tiles, unless memory is too small for larger ones.
    n_threads : int, optional
        Threads of a worker; 1 by default.

    Returns
    -------
    SweepPlan
        What it will cost; ``print`` it. Run it with :func:`run` or ``neurogeom sweep run``.

    Raises
    ------
    TypeError, ValueError
        If an item or option cannot be used, or a metric cannot be made by other processes.
    SweepError
        If it does not fit into `max_ram`, or the store holds another plan.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> areas = {f"area {k}": np.random.default_rng(k).normal(size=(30, 10)) for k in range(6)}
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(areas, ["procrustes", "cka"], store=store)
    >>> plan.n_units
    15
    >>> ng.sweep.run(store).done == plan.n_tiles
    True
    >>> ng.sweep.open(store)["cka"].shape
    (6, 6)
    """
    if store is not None:
        require_zarr()
    limits = Limits(
        check.as_bytes(max_ram, "max_ram"),
        _validate.as_count(max_files, "max_files"),
        check.as_seconds(target_seconds, "target_seconds"),
        resolve_threads(n_threads),
    )
    path = None if store is None else check.as_path(store, "store")
    draws = _validate.as_count(null, "null", minimum=0)
    edge = None if isinstance(tile, str) and tile == "auto" else _validate.as_count(tile, "tile")
    arguments: dict[str, AnyArray] = {}
    content: dict[str, Any] = {"version": VERSION, "others": others is not None, "null": draws}
    content["held_out"] = test is not None
    content["key"] = draw_key(as_generator(rng)) if draws else 0
    rows = as_items(opened(items), "items", names)
    columns = None if others is None else as_items(opened(others), "others")
    inputs: dict[int, AnyArray] = {}
    if isinstance(metric, CapacityJobs):
        check.refuse_for_jobs(others=others is not None, test=test is not None, null=draws > 0)
        content |= _describe_jobs(metric, fields, arguments)
        _validate_pairwise.require_items(len(rows), "items")
        require_same_stimuli(rows)
        for item in rows:
            check.require_responses(not isinstance(item.source, RDM), item.label)
            check.require_rows(item.n_stimuli, len(metric.labels), item.label)
        identities = [(item.label, item.identity) for item in rows]
        _validate_pairwise.require_same_indices([("labels", metric.index), *identities])
        described = describe_items(rows, "rows", None, inputs)
    else:
        check.refuse_fields(fields)
        metrics = [resolve_metric(m) for m in (metric if isinstance(metric, (list, tuple)) else [metric])]
        for each in metrics if draws else ():
            check.require_stimuli_in_rows(each.rows_are_stimuli, each.name)
        content |= _describe_pairs(metrics, not isinstance(metric, (list, tuple)), arguments)
        _validate_pairwise.require_items(len(rows), "items", 2 if columns is None else 1)
        if columns is not None:
            _validate_pairwise.require_items(len(columns), "others")
        require_same_stimuli(rows + (columns or []))
        tests, column_tests = as_tests(test, rows, columns, metrics)
        require_items_that_fit(rows + (columns or []), metrics, limits.max_ram)
        described = describe_items(rows, "rows", tests, inputs)
        described += describe_items(columns or [], "columns", column_tests, inputs)
    content["arguments"] = hashes_of(arguments)
    content["stimuli"] = stimuli_of(rows + (columns or []))
    input_bytes = sum(_input_bytes(item) for item in rows + (columns or []))
    if path is not None and path.exists():
        check.require_free((path / "zarr.json").is_file(), path)
        if fields is None:
            content.pop("fields", None)  # of all fields, those that there were when the store was made
        return _taken_up(Store(path), content, described, edge)
    with draft(path, {**content, "tile": 1}, arguments, described, inputs) as folder:
        measured = calibrate(folder)
        _warn_of(measured)
        provisional = read_draft(folder)
        if edge is None:
            edge = choose_edge(provisional, measured, limits, draws)
        content["tile"] = edge
        sweep = sweep_of(content, [described], arguments)
        costs = estimate(sweep, sweep.grid, measured, limits, draws, input_bytes)
        costs["measured"] = dataclasses.asdict(measured)
        if path is None:
            return _result(sweep, costs, None)
        chunks = (len(sweep.fields), *(edge for _ in sweep.grid.shape))
        forget_draft(folder)
        made = Store.create(folder, path, content, costs, sweep.grid.shape, chunks)
        return _result(sweep, made.costs, made.path)


def _describe_pairs(
    metrics: Sequence[Metric], single: bool, arguments: dict[str, AnyArray]
) -> dict[str, Any]:
    """Describe the measures of pairs."""
    _validate_pairwise.require_items(len(metrics), "metric")
    _validate_pairwise.require_distinct([item.name for item in metrics], "the names of the metrics")
    specs = []
    for k, item in enumerate(metrics):
        own: dict[str, AnyArray] = {}
        specs.append(describe_metric(item, own))
        arguments.update({f"{k}/{name}": array for name, array in own.items()})
    return {"kind": "pairs", "metrics": specs, "single": single}


def _describe_jobs(
    jobs: CapacityJobs, fields: Sequence[str] | None, arguments: dict[str, AnyArray]
) -> dict[str, Any]:
    """Describe capacity jobs."""
    known = jobs.available_fields()
    chosen = known if fields is None else check.as_fields(fields, known)
    return {"kind": "capacity", "jobs": encode(jobs.arguments(), "jobs", arguments), "fields": list(chosen)}


def _warn_of(measured: Measurements) -> None:
    """Say early what a run would say of items that cannot be used."""
    if measured.unusable:
        warnings.warn(
            f"{len(measured.unusable)} of the items that were measured will have no result (NaN) because of "
            f"their data: {measured.unusable[0]}",
            UserWarning,
            stacklevel=_validate.user_level(),
        )


def opened(items: Any) -> Any:
    """Open files where paths are given."""
    entries = items.values() if isinstance(items, Mapping) else items
    listed = isinstance(items, (list, tuple, Mapping)) and any(
        isinstance(item, (str, os.PathLike)) for item in entries
    )
    return io.open_items(items) if isinstance(items, (str, os.PathLike)) or listed else items


def stimuli_of(items: Sequence[Item]) -> dict[str, Any]:
    """Say which stimuli the items have."""
    ids = next((item.ids for item in items if item.ids is not None), None)
    plain = (bool, int, float, str)
    named = None if ids is None else [k if isinstance(k, plain) else str(k) for k in ids.tolist()]
    return {"count": items[0].n_stimuli, "ids": named}


def _input_bytes(item: Item) -> int:
    dtype = np.dtype(getattr(item.source, "dtype", np.float64))
    return item.n_stimuli * item.n_units * dtype.itemsize


def _taken_up(found: Store, content: Mapping[str, Any], items: list[Any], edge: int | None) -> SweepPlan:
    """Take up a store of the same plan; refuse another one."""
    known = dict(found.plan)
    wanted = {**content, "version": known["version"], "tile": known["tile"] if edge is None else edge}
    different = [name for name in wanted if known.get(name) != json.loads(json.dumps(wanted[name]))]
    # The items of the plan, or these with those of the first few extensions.
    lists = itertools.accumulate(found.item_lists())
    if json.loads(json.dumps(items)) not in lists:
        different.append("items")
    check.require_same_plan(different, found.path)
    sweep = load_sweep(found)
    check.require_same_numbers(known["version"], VERSION, found.path, sweep.has_numbers_of(known["version"]))
    return _result(sweep, found.costs, found.path)


def _result(sweep: Sweep, costs: Mapping[str, Any], path: Path | None) -> SweepPlan:
    if isinstance(sweep, CapacitySweep):
        what = f"{sweep.jobs!r} of {len(sweep.items):,} items"
    else:
        what = f"{', '.join(metric.name for metric in sweep.metrics)} of {len(sweep.items):,} items"
    low, high = costs["core_hours_interval"]
    return SweepPlan(
        store=path,
        n_items=len(sweep.items),
        n_units=costs["n_units"],
        n_tiles=costs["n_tiles"],
        tile=costs["tile"],
        core_hours=costs["core_hours"],
        core_hours_interval=(low, high),
        peak_memory=costs["peak_memory"],
        bytes_read=costs["bytes_read"],
        bytes_written=costs["bytes_written"],
        text=describe(costs, None if path is None else str(path), what),
    )
