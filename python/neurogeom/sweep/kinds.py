"""Kinds of sweeps: the protocol, and which kinds there are.

A kind defines what a sweep computes. All else is common to all kinds: the store, workers, resuming,
extending, verifying. A new kind is one file with a subclass of :class:`Kind` and one line to register it.
Most do some work for each item on its own; these are subclasses of :class:`neurogeom.sweep.jobs.ItemJobs`,
which leaves little to write. A complete kind, in a file ``my_norms.py``::

    import dataclasses

    import numpy as np
    from neurogeom.sweep.jobs import ItemJobs
    from neurogeom.sweep.kinds import register

    @dataclasses.dataclass
    class Norms:                                   # what users give to plan
        power: float = 2.0

    @register
    class NormSweep(ItemJobs):
        unit = "norm"                              # what a tile consists of

        @classmethod
        def takes(cls, metric):                    # does `metric` ask for this kind?
            return isinstance(metric, Norms)

        @classmethod
        def describe(cls, asked, arguments):       # what the plan says, as JSON (arrays go to `arguments`)
            return {"power": asked.metric.power, "fields": ["norm", "largest"]}

        def run(self, item, place, n_threads):     # the fields of a job, why it has no result, a remark
            data = np.abs(item.open().whole())
            return [(data ** self.plan["power"]).sum(), data.max()], "", ""

``neurogeom.sweep.plan(items, my_norms.Norms(3.0), store="norms.zarr")`` plans such a sweep,
``neurogeom sweep run norms.zarr --trust my_norms`` runs it. The store names the kind by its place,
``"my_norms:NormSweep"``, so it must be at the top level of a module that all workers can import,
and whoever opens the store must trust it. ``neurogeom.sweep.open("norms.zarr", trust=["my_norms"])`` returns
the columns "name", "norm" and "largest". A kind in this package has a name instead, which never changes:
its file ends with ``register(NormSweep, "norms")``, and ``sweep/__init__.py`` imports what users pass.

Everything that a kind can define, in the order in which it is used:

==============================  =====================================================================
`takes`                         whether what `plan` was given as `metric` is of this kind
`options`                       which of `others`, `test`, `null`, `bootstrap`, `fields` it accepts
`describe`                      what the plan records of it, and checks of the request
`common`, `require_common`      what all items share (the stimuli), and the check of new items
`tests_of`                      held-out data of items, checked; by default there must be none
`check_new`                     checks of the items of an extension
`made_from`                     the sweep, from the plan, the lists of items, and arrays
`what`, `unit`, `fields`        what it is called, what tiles consist of, the numbers kept of each unit
`items`, `grid`                 the items as the store lists them, and the tiles
`measure`                       time and memory of a few items and units
`choose_edge`, `work`           from these: the length of a tile, and the total cost
`prepares`                      whether something is computed once per item and kept in the store; if so:
`prepare`, `encode`, `decode`,  that, its form in the store, remarks on it, and the items whose
`remarks`, `items_of`           prepared form a tile needs
`compute`                       the fields of a tile
`has_numbers_of`                whether another version of the package computes the same numbers
`results`                       what `open` returns, from the values of all tiles
`rows`, `arrays`, `matrix`      what `export` writes of that to .csv, .npz and .npy
==============================  =====================================================================

The bits of a tile may depend only on the plan and on its items: not on other tiles, on threads, or on
the process.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from .._base.checks import AnyArray, FloatArray
from .._base.codec import Trust, found_as, name_of
from ..inference import Draws
from ..pairs.tiles import Grid, TileKey, blocks_of
from ..representations.items import Item, require_comparable
from .costs import Limits, Measurements, Work
from .errors import SweepError
from .items import plain_list, require_stimuli_of_sweep
from .store import VERSION, Store

Arrays: TypeAlias = Mapping[str, AnyArray]
Parts: TypeAlias = Sequence[Sequence[dict[str, Any]]]  # the items of the plan, and of each extension
# Takes "errors" or "remarks", a tile, and these by the number of the job.
Report: TypeAlias = Callable[[str, TileKey, dict[int, dict[str, str]]], None]
ItemTests: TypeAlias = tuple[list[Item] | None, list[Item] | None]  # of rows and of columns


@dataclasses.dataclass(frozen=True)
class Asked:
    """The arguments of `plan`, with the items opened."""

    metric: Any
    rows: list[Item]
    columns: list[Item] | None
    test: Any
    fields: Sequence[str] | None
    draws: Draws
    max_ram: int


@dataclasses.dataclass(frozen=True)
class Kind(ABC):
    """A sweep of some kind, as the plan of a store describes it; see the docstring of the module.

    Attributes
    ----------
    plan : mapping
        Content of the plan, with the edge of a tile ("tile") and the stimuli ("stimuli").
    items : list of dict
        The items as the store lists them: "name", "side" ("rows" or "columns"), "shape".
    grid : Grid
        The tiles.
    """

    plan: Mapping[str, Any]
    items: list[dict[str, Any]]
    grid: Grid

    unit: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()  # "others", "test", "null", "bootstrap", "fields" of plan
    prepares: ClassVar[bool] = False

    # ---- planning

    @classmethod
    @abstractmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""

    @classmethod
    @abstractmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check the request, and return what the plan records of it; arrays go to `arguments`."""

    @classmethod
    def common(cls, items: Sequence[Item]) -> dict[str, Any]:
        """Describe what all items share, for the plan: the stimuli."""
        ids = next((item.ids for item in items if item.ids is not None), None)
        return {"stimuli": {"count": items[0].n_stimuli, "ids": None if ids is None else plain_list(ids)}}

    @classmethod
    def tests_of(cls, asked: Asked) -> ItemTests:
        """Return the held-out data of rows and columns, if there are any."""
        del asked
        return None, None

    @classmethod
    @abstractmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> Kind:
        """Make the sweep of the items of the plan and of each extension."""

    @property
    @abstractmethod
    def what(self) -> str:
        """What is computed, in a few words."""

    @property
    def fields(self) -> Sequence[Any]:
        """The numbers that are kept of each unit."""
        return tuple(self.plan["fields"])

    @property
    def sides(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Blocks along each side of the values."""
        return (self.grid.rows, self.grid.columns) if self.grid.columns else (self.grid.rows,)

    def require_common(self, new: list[Item]) -> None:
        """Refuse new items that do not share the stimuli of the sweep."""
        require_comparable(new)
        known, found = self.plan["stimuli"], self.common(new)["stimuli"]
        require_stimuli_of_sweep(new[0], known["count"], known["ids"], found["ids"])

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Refuse items that cannot be added; return their held-out data, if the sweep uses them."""
        del new
        if test is not None:
            raise ValueError("the sweep has no test data, so new items must not have any")
        return None

    def has_numbers_of(self, version: str) -> bool:
        """Return whether a sweep begun by another version may be resumed: all numbers are the same."""
        del version
        return False

    # ---- costs

    @abstractmethod
    def measure(self, folder: Path) -> Measurements:
        """Measure a few items and units of the draft in a folder."""

    @abstractmethod
    def choose_edge(self, found: Measurements, limits: Limits) -> int:
        """Choose the edge of the tiles: worth a file each, not too costly to lose, and within memory."""

    @abstractmethod
    def work(self, found: Measurements, limits: Limits, input_bytes: int) -> Work:
        """Estimate what the units and items will cost."""

    # ---- what is computed once per item, for kinds that prepare

    def prepare(self, item: Item, test: Item | None) -> Any:
        """Compute what tiles need of an item; a TypeError or ValueError says what is wrong with its data."""
        raise NotImplementedError

    def encode(self, prepared: Any) -> tuple[list[Any], dict[str, AnyArray]]:
        """Encode what was prepared as JSON and arrays."""
        raise NotImplementedError

    def decode(self, records: Sequence[Any], arrays: Arrays, trust: Trust) -> Any:
        """Decode what was prepared."""
        raise NotImplementedError

    def remarks(self, prepared: Any) -> dict[str, str]:
        """What users should know about an item, by the source of the remark."""
        del prepared
        return {}

    def items_of(self, key: TileKey) -> list[int]:
        """Numbers of the items that must be prepared for a tile."""
        del key
        return []

    # ---- tiles

    @abstractmethod
    def compute(
        self,
        key: TileKey,
        prepared: Mapping[int, Any],
        read: Callable[[int], Item],
        report: Report,
        n_threads: int,
    ) -> FloatArray:
        """Compute the fields of a tile, (field, row, column) or (field, job).

        Parameters
        ----------
        key : tuple of int
            The tile.
        prepared : mapping of int to object
            What was prepared from the items of `items_of`; None where the data do not allow it.
        read : callable
            Returns an item by its number.
        report : callable
            Stores "errors" or "remarks" of jobs.
        n_threads : int
            Threads to use.
        """

    # ---- results

    @abstractmethod
    def results(self, store: Store, values: FloatArray) -> Any:
        """Wrap the values of all tiles, NaN where one is missing."""

    def rows(self, found: Any) -> Iterator[Sequence[Any]]:
        """Return lines of a table of results, its header first."""
        columns = self.arrays(found)
        yield list(columns)
        yield from zip(*(column.tolist() for column in columns.values()), strict=True)

    def arrays(self, found: Any) -> dict[str, Any]:
        """Return arrays of results by name; kinds whose results are not a mapping override this."""
        return dict(found)

    def matrix(self, found: Any) -> AnyArray:
        """Return results as one matrix."""
        del found
        raise ValueError(".npy holds the matrix of a single metric: use .npz or .csv")


_K = TypeVar("_K", bound=type[Kind])
_registered: list[type[Kind]] = []
_names: dict[str, type[Kind]] = {}


def register(kind: _K, name: str | None = None) -> _K:
    """Register a kind of sweep. Kinds of this package have a name in stores, which must not change."""
    _registered.append(kind)
    if name is not None:
        _names[name] = kind
    return kind


def kind_of(metric: Any, default: type[Kind]) -> type[Kind]:
    """Find the kind that a metric asks for."""
    return next((kind for kind in reversed(_registered) if kind.takes(metric)), default)


def stored_name(kind: type[Kind]) -> str:
    """Return the name of a kind in stores."""
    return next((name for name, known in _names.items() if known is kind), None) or name_of(kind, "the sweep")


def _kind_named(name: str, trust: Trust) -> type[Kind]:
    """Find a kind by its name in stores."""
    if ":" not in name and name not in _names:
        raise ValueError(f"{name!r} is not a kind of sweep that this version of neurogeom knows")
    found = _names[name] if name in _names else found_as(name, trust)
    if not (isinstance(found, type) and issubclass(found, Kind)):
        raise TypeError(f"{name!r} is not a kind of sweep")
    return found


def sweep_of(plan: Mapping[str, Any], parts: Parts, arguments: Arrays, trust: Trust) -> Kind:
    """Make the sweep of the items of a plan and its extensions."""
    return _kind_named(plan["kind"], trust).made_from(plan, parts, arguments, trust)


def require_same_numbers(store: Store, sweep: Kind) -> None:
    """Refuse a sweep that another version of the package began, unless both compute the same numbers."""
    begun = store.plan["version"]
    if begun != VERSION and not sweep.has_numbers_of(begun):
        raise SweepError(
            f"{store.path} was begun by neurogeom {begun}, this is {VERSION}: results could differ. Finish "
            "it with that version, or plan anew in another store"
        )


def load_sweep(store: Store, *, is_extended: bool = False) -> Kind:
    """Make the sweep that a store holds; refuse a store that has lost a list of items.

    A missing last list shows in what exists of its items: in room for values, unless the store
    `is_extended` and is about to get this list, and in tiles and prepared items. These are read first, as
    another process may extend the store.
    """
    tiles, prepared = store.finished_tiles(), store.prepared_items()
    lists = store.item_lists()
    sweep = sweep_of(store.plan, lists, store.arguments(), store.trust)
    known = all(k < len(side) for key in tiles for k, side in zip(key, sweep.sides, strict=True))
    store.require_list(known and all(k < len(sweep.items) for k in prepared), len(lists))
    if not is_extended:
        store.require_room(sweep.grid.shape, len(lists))
    return sweep


def blocks_of_parts(counts: Sequence[int], edge: int) -> tuple[tuple[int, int], ...]:
    """Cut the plan and each extension into blocks, so that existing blocks stay as they are."""
    found: tuple[tuple[int, int], ...] = ()
    total = 0
    for count in counts:
        found += blocks_of(total + count, edge, total)
        total += count
    return found
