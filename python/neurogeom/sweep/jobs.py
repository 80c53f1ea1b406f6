"""Sweeps of jobs, which each work on one item; among them the manifold capacity of every item and seed."""

from __future__ import annotations

import dataclasses
import inspect
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.codec import Trust, decode, encode
from .._base.results import Result
from ..capacity import joint
from ..capacity import mean_field as capacity
from ..capacity.results import EffectiveGeometry, ManifoldCapacity
from ..clouds.manifolds import manifolds
from ..pairs.tiles import Grid, TileKey
from ..representations import checks as _validate_pairwise
from ..representations.items import Item, require_comparable
from .calibration import ITEM_SECONDS, LONGEST_ITEMS, MEMORY_INTERVAL, spread
from .costs import Limits, Measurements, Work, size_of
from .items import open_described
from .journal import PeakMemory, anonymous_bytes
from .kinds import Arrays, Asked, Kind, Parts, Report, blocks_of_parts, register
from .store import Store

_T = TypeVar("_T")
_MEASURED = 4  # jobs, at least if there are enough items


@dataclasses.dataclass(frozen=True)
class ItemJobs(Kind):
    """A kind of sweep that does some work for each item on its own: one job per item, or several.

    Subclasses define `takes`, `describe`, whose "fields" name the numbers of a job, and `run`.
    """

    per_item: int = 1

    unit: ClassVar[str] = "job"

    def run(self, item: Item, place: int, n_threads: int) -> tuple[Any, str, str]:
        """Do one job.

        Parameters
        ----------
        item : Item
            The item; ``item.open().whole()`` returns its data as float64, and refuses non-finite values.
        place : int
            Number of the job among those of the item, from 0.
        n_threads : int
            Threads to use.

        Returns
        -------
        values : array-like
            The fields.
        error : str
            Why its data give the job no result, if so. (A TypeError or ValueError has the same effect.)
        remark : str
            What users should know about the result.
        """
        raise NotImplementedError

    def job_name(self, number: int, place: int) -> str:
        """Name a job, for notes."""
        name: str = self.items[number]["name"]
        return name if self.per_item == 1 else f"{name}, {place}"

    @property
    def what(self) -> str:
        """What is computed, in a few words."""
        return f"{self.unit}s"

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> ItemJobs:
        """Make the sweep of a plan; subclasses with arrays, or several jobs per item, override this."""
        del arguments, trust
        return cls.of_parts(plan, parts)

    @classmethod
    def of_parts(cls, plan: Mapping[str, Any], parts: Parts, per_item: int = 1, **own: Any) -> ItemJobs:
        """Make the sweep of the items of a plan and its extensions."""
        edge = int(plan["tile"])
        grid = Grid(edge, blocks_of_parts([len(part) * per_item for part in parts], edge))
        return cls(plan, [item for part in parts for item in part], grid, per_item, **own)

    def compute(
        self,
        key: TileKey,
        prepared: Mapping[int, Any],
        read: Callable[[int], Item],
        report: Report,
        n_threads: int,
    ) -> FloatArray:
        """Compute the jobs of a tile, (field, job); report errors and remarks by the number of the job."""
        del prepared
        start, stop = self.grid.rows[key[0]]
        values = np.full((len(self.fields), stop - start), np.nan)
        notes: dict[str, dict[int, dict[str, str]]] = {"errors": {}, "remarks": {}}
        item: tuple[int, Any] = (-1, None)
        for column, job in enumerate(range(start, stop)):
            number, place = divmod(job, self.per_item)
            if item[0] != number:
                item = (number, read(number))
            name = self.job_name(number, place)
            try:
                values[:, column], reason, remark = self.run(item[1], place, n_threads)
            except (TypeError, ValueError) as error:
                reason, remark = str(error), ""
            if reason:
                notes["errors"][job] = {"name": name, "error": reason}
            if remark:
                notes["remarks"][job] = {self.speaker: f"{name}: {remark}"}
        for kind, by_job in notes.items():
            if by_job:  # one file per tile: a plan that bounds the number of files bounds these too
                report(kind, key, by_job)
        return values

    @property
    def speaker(self) -> str:
        """Who makes the remarks."""
        return self.unit

    def results(self, store: Store, values: FloatArray) -> Any:
        """Return columns by name: "name" of the item, "job" where items have several, and the fields."""
        del store
        names = np.array([item["name"] for item in self.items])
        columns = {"name": np.repeat(names, self.per_item)}
        if self.per_item > 1:
            columns["job"] = np.tile(np.arange(self.per_item), len(names))
        return columns | dict(zip(self.fields, values, strict=True))

    # ---- costs

    def measure(self, folder: Path) -> Measurements:
        """Measure the first job of a few items."""
        baseline = anonymous_bytes()
        memory = PeakMemory(MEMORY_INTERVAL)
        sizes: list[int] = []
        seconds: list[float] = []
        unusable: list[str] = []
        with memory.watching():
            for number in spread(self.items)[: _MEASURED * 4]:
                if (len(sizes) >= _MEASURED and sum(seconds) > ITEM_SECONDS) or sum(seconds) > LONGEST_ITEMS:
                    break
                start = time.thread_time()
                entry = self.items[number]
                label = f"items[{number}] ({entry['name']!r})"
                item, _ = open_described(entry, label, folder)
                try:
                    _, reason, _ = self.run(item, 0, 1)
                except ValueError as error:
                    unusable.append(str(error))
                    continue
                if reason:
                    unusable.append(f"{label}: {reason}")
                del item
                seconds.append(time.thread_time() - start)
                sizes.append(size_of(entry))
        if not sizes:
            raise ValueError(unusable[0])
        preparing = memory.peak - baseline
        return Measurements(baseline, preparing, 0, sizes, seconds, [], [], [], unusable=unusable)

    def choose_edge(self, found: Measurements, limits: Limits) -> int:
        """Choose how many jobs a tile has."""
        jobs = len(self.items) * self.per_item
        seconds = float(found.of_items(self.items, found.seconds).mean()) / limits.n_threads
        wanted = limits.tile_seconds(jobs * seconds) / seconds
        return max(1, min(int(wanted), jobs), math.ceil(jobs / limits.max_files))

    def work(self, found: Measurements, limits: Limits, input_bytes: int) -> Work:
        """Estimate what the jobs will cost."""
        del limits
        seconds = found.of_items(self.items, found.seconds)
        return Work(
            n_units=len(self.items) * self.per_item,
            seconds_per_unit=float(seconds.mean()),
            unit_seconds=float(seconds.sum()) * self.per_item,
            spread=float(seconds.std() / seconds.mean() / math.sqrt(len(found.seconds))),
            peak=found.baseline + found.preparing,
            bytes_read=input_bytes * self.per_item,
        )


def with_warnings(compute: Callable[[], _T]) -> tuple[_T, str]:
    """Compute; return what it warned of as one text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = compute()
    return result, "; ".join(dict.fromkeys(str(warning.message) for warning in caught))


def as_fields(value: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Take names of fields; None means all."""
    if value is None:
        return list(known)
    if isinstance(value, (str, bytes)):
        raise TypeError(f"fields must be a list of names, not {value!r}")
    names = [_validate.as_choice(name, "fields", known) for name in value]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"fields must be one or more distinct names, not {names}")
    return names


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class JobTable(Result):
    """Numbers of jobs, one entry per job; what tables of all kinds of jobs have.

    Attributes
    ----------
    names : ndarray of str
        The item of each job.
    fields : tuple of str
        The numbers known of each job.
    values : ndarray of shape (n_fields, n_jobs)
        The numbers; NaN where a job is not done yet or its data do not allow it.
    method : str
        The function that computed them.
    """

    _headline: ClassVar[tuple[str, ...]] = ("method", "n_jobs")

    names: AnyArray
    fields: tuple[str, ...]
    values: FloatArray
    method: str

    def _keys(self) -> dict[str, AnyArray]:
        """What tells jobs apart, by the header of its column."""
        return {"name": self.names}

    @property
    def n_jobs(self) -> int:
        """Number of jobs."""
        return len(self.names)

    def __getitem__(self, field: str) -> FloatArray:
        """One field of all jobs."""
        if field not in self.fields:
            raise KeyError(f"no field {field!r}; the fields are {', '.join(self.fields)}")
        return np.asarray(self.values[self.fields.index(field)])

    def _table(self) -> dict[str, Any]:
        return {**self._keys(), **dict(zip(self.fields, self.values, strict=True))}

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with the dimension "job"."""
        xarray = require_extra("xarray", "xarray", "to_xarray")
        variables = {name: ("job", row) for name, row in zip(self.fields, self.values, strict=True)}
        return xarray.Dataset(variables, {name: ("job", key) for name, key in self._keys().items()})


# ---- capacity

# The function, its result, and the number without which a job has no result.
_KINDS: dict[str, tuple[Callable[..., Any], type, str]] = {
    "mean_field": (capacity.manifold_capacity, ManifoldCapacity, "mean_capacity"),
    "joint": (joint.effective_geometry, EffectiveGeometry, "capacity"),
}
# Options that belong to the sweep, or whose results are not single numbers.
_OURS = ("manifolds", "rng", "n_threads", "progress", "gaussians", "null", "keep_anchors")


class CapacityJobs:
    """Manifold capacity of every item of a sweep, with one or more seeds.

    Pass it to :func:`neurogeom.sweep.plan` as `metric`.

    Parameters
    ----------
    labels : array-like of shape (n_stimuli,)
        The manifold that each stimulus (row of the items) belongs to. A pandas index or an xarray coordinate
        must agree with that of the items, or with their ids, where they have one.
    kind : {"mean_field", "joint"}, default "mean_field"
        :func:`neurogeom.manifold_capacity` or :func:`neurogeom.effective_geometry`.
    seeds : sequence of int, default (0,)
        Each item is analysed once with each seed, as with ``rng=seed``.
    **options
        Options of that function, such as ``n_samples=300`` or ``dichotomies="iid"``.

    Raises
    ------
    TypeError, ValueError
        If labels, seeds or options cannot be used.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.sweep.CapacityJobs(["cat", "cat", "dog", "dog"], seeds=[0, 1], n_samples=100)
    CapacityJobs(kind='mean_field', 2 manifolds, 2 seeds, n_samples=100)
    """

    # From pandas or xarray; only for plan, as saved jobs have no index.
    index: _validate.Index | None = None

    def __init__(
        self,
        labels: ArrayLike,
        kind: Literal["mean_field", "joint"] = "mean_field",
        *,
        seeds: Sequence[int] = (0,),
        **options: Any,
    ) -> None:
        self.kind = _validate.as_choice(kind, "kind", tuple(_KINDS))
        self.labels: AnyArray = _validate.as_labels(labels, None)
        self.index = _validate.row_index(labels, "labels")
        self.seeds = _as_seeds(seeds)
        known = [name for name in inspect.signature(self._function).parameters if name not in _OURS]
        for name in options:
            if name not in known:
                raise TypeError(f"{self.name} has no option {name!r} in a sweep; it has {', '.join(known)}")
        self.options = dict(options)

    @property
    def _function(self) -> Callable[..., Any]:
        return _KINDS[self.kind][0]

    @property
    def name(self) -> str:
        """Its name in results."""
        return self._function.__name__

    def __repr__(self) -> str:
        shown = [
            f"kind={self.kind!r}",
            f"{len(np.unique(self.labels))} manifolds",
            f"{len(self.seeds)} seeds",
        ]
        shown += [f"{name}={_validate.shown(value)}" for name, value in self.options.items()]
        return f"CapacityJobs({', '.join(shown)})"

    def arguments(self) -> dict[str, Any]:
        """What it was made from."""
        return {"labels": self.labels, "kind": self.kind, "seeds": list(self.seeds), **self.options}

    @classmethod
    def made_from(cls, arguments: Mapping[str, Any]) -> CapacityJobs:
        """Recreate it from its arguments."""
        return cls(**arguments)

    def require_rows(self, item: Item) -> None:
        """Refuse an item that is not a matrix of responses with a row for each label."""
        item.require_kind(("responses",), "capacity")
        if item.n_stimuli != len(self.labels):
            raise ValueError(
                f"{item.label} has {item.n_stimuli} rows, but there are {len(self.labels)} labels"
            )

    def available_fields(self) -> list[str]:
        """Names of the single numbers of a result, which can be fields."""
        result = _KINDS[self.kind][1]
        types = {field.name: field.type for field in dataclasses.fields(result)}
        for name, found in inspect.getmembers(result, lambda member: isinstance(member, property)):
            types[name] = found.fget.__annotations__["return"]
        return [name for name, kind in types.items() if kind in ("float", "int")]

    def run(
        self, item: Item, seed: int, fields: Sequence[str], n_threads: int
    ) -> tuple[FloatArray, str, str]:
        """Do one job; return its fields, why it has no result (if so), and any other warnings."""
        self.require_rows(item)
        result, text = with_warnings(
            lambda: self._function(
                manifolds(np.asarray(item.source), self.labels), rng=seed, n_threads=n_threads, **self.options
            )
        )
        lead = _KINDS[self.kind][2]
        value = float(getattr(result, lead))
        values = np.array([float(getattr(result, field)) for field in fields])
        return (values, "", text) if math.isfinite(value) else (values, text or f"{lead} is {value}", "")


def _as_seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError(f"seeds must be a sequence of integers, not {type(value).__name__}")
    seeds = tuple(_validate.as_count(seed, "seeds", minimum=0) for seed in value)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be one or more distinct integers, not {list(seeds)}")
    return seeds


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CapacityTable(JobTable):
    """Results of capacity jobs, one entry per job; made by :func:`open`.

    Attributes
    ----------
    names : ndarray of str
        The item of each job.
    seeds : ndarray of int
        The seed of each job.
    fields : tuple of str
        The numbers known of each job, such as "mean_capacity".
    values : ndarray of shape (n_fields, n_jobs)
        The numbers; NaN where a job is not done yet or its data do not allow it.
    method : str
        The function that computed them.
    """

    seeds: NDArray[np.int64]

    def _keys(self) -> dict[str, AnyArray]:
        return {"name": self.names, "seed": self.seeds}


@dataclasses.dataclass(frozen=True, kw_only=True)
class CapacitySweep(ItemJobs):
    """Capacity of every item with every seed."""

    jobs: CapacityJobs

    options: ClassVar[tuple[str, ...]] = ("fields",)

    @classmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""
        return isinstance(metric, CapacityJobs)

    @classmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check the items and fields, and describe the jobs."""
        jobs: CapacityJobs = asked.metric
        chosen = as_fields(asked.fields, jobs.available_fields())
        _validate_pairwise.require_items(len(asked.rows), "items")
        require_comparable(asked.rows)
        for item in asked.rows:
            jobs.require_rows(item)
        identities = [(item.label, item.identity) for item in asked.rows]
        _validate_pairwise.require_same_indices([("labels", jobs.index), *identities])
        return {"jobs": encode(jobs.arguments(), "jobs", arguments), "fields": chosen}

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> ItemJobs:
        """Make the sweep of a plan."""
        jobs = CapacityJobs.made_from(decode(plan["jobs"], arguments, trust))
        return cls.of_parts(plan, parts, len(jobs.seeds), jobs=jobs)

    @property
    def what(self) -> str:
        """What is computed, in a few words."""
        return repr(self.jobs)

    @property
    def speaker(self) -> str:
        """Who makes the remarks."""
        return self.jobs.name

    def job_name(self, number: int, place: int) -> str:
        """Name a job, for notes."""
        return f"{self.items[number]['name']}, seed {self.jobs.seeds[place]}"

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Refuse items that are not responses."""
        for item in new:
            self.jobs.require_rows(item)
        return super().check_new(new, test)

    def run(self, item: Item, place: int, n_threads: int) -> tuple[FloatArray, str, str]:
        """Do one job."""
        return self.jobs.run(item, self.jobs.seeds[place], self.fields, n_threads)

    def results(self, store: Store, values: FloatArray) -> CapacityTable:
        """Put the numbers into a table."""
        del store
        seeds = np.array(self.jobs.seeds, dtype=np.int64)
        names = np.array([item["name"] for item in self.items])
        return CapacityTable(
            names=np.repeat(names, len(seeds)),
            seeds=np.tile(seeds, len(names)),
            fields=tuple(self.fields),
            values=values,
            method=self.jobs.name,
        )

    def arrays(self, found: CapacityTable) -> dict[str, Any]:
        """Return the columns of the table."""
        return found._table()


register(CapacitySweep, "capacity")
