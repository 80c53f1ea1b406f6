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

from .. import io
from .._base import checks as _validate
from .._base.checks import AnyArray, as_size
from .._base.codec import Trust, as_trust, modules_in
from .._base.quantities import as_bytes
from .._base.rng import RandomSource
from .._base.threads import resolve_threads
from ..clouds.manifolds import Manifolds
from ..inference import Draws, Interval, Resample
from ..pairs.driver import as_draws
from ..representations.items import as_items
from .calibration import calibrate
from .costs import Limits, Measurements, describe
from .drafts import draft, forget_draft, read_draft
from .errors import SweepError
from .items import describe_items
from .kinds import Asked, Kind, kind_of, load_sweep, require_same_numbers, stored_name, sweep_of
from .pairs import PairSweep
from .store import VERSION, Store, as_path, hashes_of, require_zarr

# Processor seconds of a tile besides its units: markers, the chunk, a line of the journal.
_PER_TILE = 0.004
# Spread that neither the measurements nor the model show: clocks, caches, other jobs on the machine.
_UNKNOWN = 0.15


@dataclasses.dataclass(frozen=True)
class SweepPlan:
    """What a sweep will compute and cost; made by :func:`plan`. Print it.

    Attributes
    ----------
    store : Path or None
        Where the sweep is stored.
    n_items, n_tiles, tile : int
        Items; tiles of work, one file each; items (or jobs) along the edge of a tile.
    n_units : int
        Pairs, or capacity jobs.
    core_hours : float
        Processor time in hours, measured on a few items and pairs.
    core_hours_interval : tuple of float
        Range expected on a machine like this one.
    peak_memory : int
        Most bytes of memory that a worker needs, without mapped files.
    bytes_read, bytes_written : int
        Bytes read and written if one worker does it all.
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
    metric: Any = "procrustes",
    *,
    store: str | os.PathLike[str] | None = None,
    others: Any = None,
    test: Any = None,
    names: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    null: int = 0,
    bootstrap: int = 0,
    resample: Resample = "stimuli",
    interval: Interval = "basic",
    level: float = 0.95,
    rng: RandomSource = 0,
    tile: int | Literal["auto"] = "auto",
    max_ram: int | float | str = "2GB",
    target_seconds: float = 60.0,
    max_files: int = 50_000,
    n_threads: int | None = 1,
    trust: Sequence[str] = (),
) -> SweepPlan:
    """Plan a sweep: measure a few items and pairs, estimate the total cost, and create the store.

    Nothing is computed yet except the measurements, which take some seconds.

    Parameters
    ----------
    items : path, pattern, or sequence or mapping of items
        What :func:`neurogeom.io.open_items` or :func:`neurogeom.pairwise` accept. Files stay where they are
        and must not change: the plan records their size and modification time, and each run refuses files
        that differ. The plan does not read their content; what a run reads first counts, and other content is
        refused from then on. Arrays in memory are written to the store.
    metric : str, metric, "package.module:Class", or list of metrics
        What to compute: metrics of pairs; or CapacityJobs, PredictionJobs or FewshotPairs of this module, or
        what your own kind of sweep accepts. Workers recreate metrics from the arguments of their
        constructors, so lambdas and classes defined in a script or notebook are refused.
    store : path-like, optional
        A directory to create; without one the plan is only printed. A store of the same plan is reused; a
        store of another plan is refused.
    others : like `items`, optional
        Compare `items` (rows) with these (columns).
    test : sequence of arrays, optional
        Held-out responses; see :func:`neurogeom.pairwise`.
    names : sequence of str, optional
        Names of the items.
    fields : sequence of str, optional
        For capacity jobs: which numbers of a result to keep; all by default.
    null : int, default 0
        For pairs: also compare this many times with the stimuli of the second item permuted, and keep mean
        and standard deviation of these values and the p-value (1 + those at least as alike) / (1 + `null`);
        values that agree to 1e-10 of the measure's size count as equally alike.
    bootstrap, resample, interval, level : optional
        For pairs: also keep standard errors, biases and intervals under resampling; see
        :func:`neurogeom.pairwise`.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the permutations and resamples.
    tile : int or "auto", default "auto"
        Items (or jobs) along the edge of a tile, the unit of work that can be lost. Results do not depend on
        it.
    max_ram : int or str, default "2GB"
        Memory that a worker may use.
    target_seconds : float, default 60
        Longest time that a tile should take.
    max_files : int, default 50000
        Maximum number of tiles, unless memory is too small for larger tiles.
    n_threads : int, optional
        Threads of a worker; 1 by default.
    trust : sequence of str, optional
        Packages from which a reused store may name classes, besides those of `metric`.

    Returns
    -------
    SweepPlan
        What it will cost; ``print`` it. Run the sweep with :func:`run` or ``neurogeom sweep run``.

    Raises
    ------
    TypeError, ValueError
        If an item or option cannot be used, or other processes cannot recreate a metric.
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
    seconds = _validate.as_number(target_seconds, "target_seconds")
    if seconds <= 0:
        raise ValueError(f"target_seconds must be positive, not {seconds}")
    files = _validate.as_count(max_files, "max_files")
    limits = Limits(as_bytes(max_ram, "max_ram"), files, seconds, resolve_threads(n_threads))
    path = None if store is None else as_path(store)
    draws = as_draws(null, bootstrap, resample, interval, level).keyed(rng)
    edge = None if isinstance(tile, str) and tile == "auto" else _validate.as_count(tile, "tile")
    kind = kind_of(metric, PairSweep)
    given = {"others": others is not None, "test": test is not None}
    given |= {"null": draws.null is not None, "bootstrap": draws.bootstrap is not None}
    for name, is_given in given.items():
        if is_given and name not in kind.options:
            raise ValueError(f"{name} belongs to sweeps over pairs, not over {kind.unit}s")
    if fields is not None and "fields" not in kind.options:
        raise ValueError(
            f"fields are for capacity jobs, not for {kind.unit}s (pairs keep their value, and what test, "
            "null and bootstrap add to it)"
        )
    arguments: dict[str, AnyArray] = {}
    content: dict[str, Any] = {"kind": stored_name(kind), "version": VERSION, **_described(draws)}
    content |= {"others": others is not None, "held_out": test is not None}
    rows = as_items(opened(items), "items", names)
    columns = None if others is None else as_items(opened(others), "others")
    asked = Asked(metric, rows, columns, test, fields, draws, limits.max_ram)
    content |= kind.describe(asked, arguments)
    tests, column_tests = kind.tests_of(asked)
    inputs: dict[int, AnyArray] = {}
    described = describe_items(rows, "rows", tests, inputs)
    described += describe_items(columns or [], "columns", column_tests, inputs)
    content["arguments"] = hashes_of(arguments)
    content |= kind.common(rows + (columns or []))
    # What the caller has passed or named, the caller's own workers may import.
    trusted = (*as_trust(trust), *sorted(modules_in([content, {"class": content["kind"]}])))
    input_bytes = sum(item.nbytes for item in rows + (columns or []))
    if path is not None and path.exists():
        if not (path / "zarr.json").is_file():
            raise FileExistsError(f"{path} exists, but is not a sweep: choose another store, or remove it")
        if fields is None:
            content.pop("fields", None)  # "all" means the fields that existed when the store was made
        return _taken_up(Store(path, trusted), content, described, edge)
    with draft(path, {**content, "tile": 1}, arguments, described, inputs) as folder:
        measured = calibrate(folder, trusted)
        _warn_of(measured)
        content["tile"] = edge or read_draft(folder, trusted).choose_edge(measured, limits)
        sweep = sweep_of(content, [described], arguments, trusted)
        costs = _estimate(sweep, measured, limits, input_bytes)
        costs["measured"] = dataclasses.asdict(measured)
        if path is None:
            return _result(sweep, costs, None, trusted)
        chunks = (len(sweep.fields), *(sweep.grid.edge for _ in sweep.sides))
        forget_draft(folder)
        made = Store.create(folder, path, content, costs, sweep.grid.shape, chunks, trusted)
        return _result(sweep, made.costs, made.path, trusted)


def _described(draws: Draws) -> dict[str, Any]:
    """Describe draws for the plan; what is None is as in stores that know nothing of it."""
    key = next((one.key for one in (draws.null, draws.bootstrap) if one is not None), 0)
    resampled = dataclasses.asdict(draws.bootstrap) if draws.bootstrap else None
    if resampled:
        del resampled["key"]
    return {"null": draws.null.count if draws.null else 0, "bootstrap": resampled, "key": key}


def _estimate(sweep: Kind, found: Measurements, limits: Limits, input_bytes: int) -> dict[str, Any]:
    """Estimate what a sweep will cost, and refuse one that does not fit into memory."""
    work = sweep.work(found, limits, input_bytes)
    n_tiles, edge = len(sweep.grid.tiles()), sweep.grid.edge
    if work.peak > limits.max_ram:
        raise SweepError(
            f"does not fit: a worker needs {as_size(work.peak)} (the interpreter {as_size(found.baseline)}, "
            f"preparing the largest item {as_size(found.preparing)}), but max_ram={as_size(limits.max_ram)}: "
            "raise max_ram"
        )
    seconds = work.prepare_seconds + work.unit_seconds + n_tiles * _PER_TILE
    margin = 1 + _UNKNOWN + 2 * work.spread
    return {
        "n_tiles": n_tiles,
        "tile": edge,
        "n_units": work.n_units,
        "unit": sweep.unit,
        "seconds_per_unit": work.seconds_per_unit,
        "prepare_seconds": work.prepare_seconds,
        "unit_seconds": work.unit_seconds,
        "core_hours": seconds / 3600,
        "core_hours_interval": [seconds / margin / 3600, seconds * margin / 3600],
        "n_threads": limits.n_threads,
        "max_ram": limits.max_ram,
        "peak_memory": int(work.peak),
        "cache_bytes": work.cache_bytes,
        "input_bytes": input_bytes,
        "prepared_bytes": work.prepared_bytes,
        "bytes_read": work.bytes_read,
        "bytes_written": work.prepared_bytes + n_tiles * len(sweep.fields) * edge ** len(sweep.sides) * 8,
    }


def _warn_of(measured: Measurements) -> None:
    """Warn early of items that cannot be used, as a run would."""
    if measured.unusable:
        warnings.warn(
            f"{len(measured.unusable)} of the items that were measured will have no result (NaN) because of "
            f"their data: {measured.unusable[0]}",
            UserWarning,
            stacklevel=_validate.user_level(),
        )


def opened(items: Any) -> Any:
    """Open files where paths are given; manifolds are items by their names."""
    if isinstance(items, Manifolds):
        return dict(zip(items.names.tolist(), items, strict=True))
    entries = items.values() if isinstance(items, Mapping) else items
    listed = isinstance(items, (list, tuple, Mapping)) and any(
        isinstance(item, (str, os.PathLike)) for item in entries
    )
    return io.open_items(items) if isinstance(items, (str, os.PathLike)) or listed else items


def _taken_up(found: Store, content: Mapping[str, Any], items: list[Any], edge: int | None) -> SweepPlan:
    """Reuse a store of the same plan; refuse a store of another one."""
    known = dict(found.plan)
    wanted = {**content, "version": known["version"], "tile": known["tile"] if edge is None else edge}
    different = [name for name in wanted if known.get(name) != json.loads(json.dumps(wanted[name]))]
    # The items of the plan, or these and those of the first few extensions.
    lists = itertools.accumulate(found.item_lists())
    if json.loads(json.dumps(items)) not in lists:
        different.append("items")
    if different:
        raise SweepError(
            f"{found.path} holds another plan: {', '.join(different)} differ. Use another store, or delete "
            "this one"
        )
    sweep = load_sweep(found)
    require_same_numbers(found, sweep)
    return _result(sweep, found.costs, found.path, found.trust)


def _result(sweep: Kind, costs: Mapping[str, Any], path: Path | None, trust: Trust) -> SweepPlan:
    what = f"{sweep.what} of {len(sweep.items):,} items"
    low, high = costs["core_hours_interval"]
    packages = sorted({name.partition(".")[0] for name in trust})
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
        text=describe(costs, None if path is None else str(path), what, packages),
    )
