"""Kinds of sweeps: the protocol, and which kinds there are.

A kind says what a sweep computes. All else is the same for all of them: the store, workers, resuming,
extending, verifying. A new one is one file with a subclass of :class:`Kind` and one line that registers it.
Most do some work for each item on its own; these are subclasses of :class:`neurogeom.sweep.jobs.ItemJobs`,
which leaves little to say. The whole of a kind, in a file ``my_norms.py``::

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
        def takes(cls, metric):                    # is this asked for?
            return isinstance(metric, Norms)

        @classmethod
        def describe(cls, asked, arguments):       # what the plan says, as JSON (arrays go to `arguments`)
            return {"power": asked.metric.power, "fields": ["norm", "largest"]}

        def run(self, item, place, n_threads):     # the fields of a job, why it has no result, a remark
            data = np.abs(item.open().whole())
            return [(data ** self.plan["power"]).sum(), data.max()], "", ""

``neurogeom.sweep.plan(items, my_norms.Norms(3.0), store="norms.zarr")`` plans such a sweep,
``neurogeom sweep run norms.zarr --trust my_norms`` runs it: the store names the kind by its place,
``"my_norms:NormSweep"``, so that it has to stand at the top level of a module that all workers can import,
and to be trusted by whoever opens the store. ``neurogeom.sweep.open("norms.zarr", trust=["my_norms"])`` gives
the columns "name", "norm" and "largest". A kind of this package has a name instead, which never changes:
its file ends with ``register(NormSweep, "norms")``, and ``sweep/__init__.py`` imports what users give.

All that a kind can say, in the order in which it is asked for:

==============================  =====================================================================
`takes`                         whether what `plan` was given as `metric` is of this kind
`options`                       which of `others`, `test`, `null` and `fields` of `plan` it has
`describe`                      what the plan has to say of it, and checks of what was asked for
`tests_of`                      held-out data of items, checked; by default there must be none
`check_new`                     checks of the items of an extension
`made_from`                     the sweep, from the plan, the lists of items, and arrays
`what`, `unit`, `fields`        what it is called, what tiles consist of, the numbers kept of each unit
`items`, `grid`                 the items as the store lists them, and the tiles
`measure`                       time and memory of a few items and units
`choose_edge`, `work`           from these: the length of a tile, and what all will cost
`prepares`                      whether something is computed once an item and kept in the store; if so:
`prepare`, `encode`, `decode`,  that, its form in the store, what to say of it, and the items whose
`remarks`, `items_of`           prepared form a tile needs
`compute`                       the fields of a tile
`has_numbers_of`                whether another version of the package gave the same numbers
`results`                       what `open` gives, from the values of all tiles
`rows`, `arrays`, `matrix`      what `export` writes of that to .csv, .npz and .npy
==============================  =====================================================================

The bits of a tile may depend on the plan and on its items only: not on tiles beside it, on threads, or on
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
from ..pairs.tiles import Grid, TileKey, blocks_of
from ..representations.items import Item
from .costs import Limits, Measurements, Work
from .errors import SweepError
from .store import VERSION, Store

Arrays: TypeAlias = Mapping[str, AnyArray]
Parts: TypeAlias = Sequence[Sequence[dict[str, Any]]]  # the items of the plan, and of each extension
# Takes "errors" or "remarks", a tile, and these by the number of the job.
Report: TypeAlias = Callable[[str, TileKey, dict[int, dict[str, str]]], None]
ItemTests: TypeAlias = tuple[list[Item] | None, list[Item] | None]  # of rows and of columns


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was asked of `plan`, with the items opened."""

    metric: Any
    rows: list[Item]
    columns: list[Item] | None
    test: Any
    fields: Sequence[str] | None
    null: int
    max_ram: int


@dataclasses.dataclass(frozen=True)
class Kind(ABC):
    """A sweep of some kind, as the plan of a store describes it; see the text of the module.

    Attributes
    ----------
    plan : mapping
        What the plan says, with the edge of a tile ("tile") and the stimuli ("stimuli").
    items : list of dict
        The items as the store lists them: "name", "side" ("rows" or "columns"), "shape".
    grid : Grid
        The tiles.
    """

    plan: Mapping[str, Any]
    items: list[dict[str, Any]]
    grid: Grid

    unit: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()  # "others", "test", "null" and "fields" of plan, if it has them
    prepares: ClassVar[bool] = False

    # ---- planning

    @classmethod
    @abstractmethod
    def takes(cls, metric: Any) -> bool:
        """Say whether this is asked for."""

    @classmethod
    @abstractmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check what was asked for, and give what the plan says of it; arrays go to `arguments`."""

    @classmethod
    def tests_of(cls, asked: Asked) -> ItemTests:
        """Give the held-out data of rows and columns, if there are any."""
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
        """Make what a plan says of the items of the plan and of each extension."""

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

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Refuse items that cannot be added; gives their held-out data, if the sweep has such."""
        del new
        if test is not None:
            raise ValueError("the sweep has no test data, so new items must not have them")
        return None

    def has_numbers_of(self, version: str) -> bool:
        """Say whether what another version of the package began may go on: all numbers are the same."""
        del version
        return False

    # ---- costs

    @abstractmethod
    def measure(self, folder: Path) -> Measurements:
        """Measure a few items and units of the draft in a folder."""

    @abstractmethod
    def choose_edge(self, found: Measurements, limits: Limits) -> int:
        """Choose the edge of the tiles: worth a file each, not too long to lose, and within memory."""

    @abstractmethod
    def work(self, found: Measurements, limits: Limits, input_bytes: int) -> Work:
        """Say what the units and items will cost."""

    # ---- what is computed once an item, of kinds that prepare

    def prepare(self, item: Item, test: Item | None) -> Any:
        """Compute what tiles need of an item; a TypeError or ValueError says what is wrong with its data."""
        raise NotImplementedError

    def encode(self, prepared: Any) -> tuple[list[Any], dict[str, AnyArray]]:
        """Describe it in JSON and arrays."""
        raise NotImplementedError

    def decode(self, records: Sequence[Any], arrays: Arrays, trust: Trust) -> Any:
        """Make it again."""
        raise NotImplementedError

    def remarks(self, prepared: Any) -> dict[str, str]:
        """What users should know about an item, by who says it."""
        del prepared
        return {}

    def items_of(self, key: TileKey) -> list[int]:
        """Numbers of the items that have to be prepared for a tile."""
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
            What was prepared of the items of `items_of`; None where the data do not allow it.
        read : callable
            Gives an item by its number.
        report : callable
            Keeps "errors" or "remarks" of jobs.
        n_threads : int
            Threads to use.
        """

    # ---- results

    @abstractmethod
    def results(self, store: Store, values: FloatArray) -> Any:
        """Wrap the values of all tiles, NaN where one is not there."""

    def rows(self, found: Any) -> Iterator[Sequence[Any]]:
        """Give lines of a table of results, its header first."""
        columns = self.arrays(found)
        yield list(columns)
        yield from zip(*(column.tolist() for column in columns.values()), strict=True)

    def arrays(self, found: Any) -> dict[str, Any]:
        """Give arrays of results by name; of what is no mapping, a kind says it itself."""
        return dict(found)

    def matrix(self, found: Any) -> AnyArray:
        """Give results as one matrix."""
        del found
        raise ValueError(".npy holds the matrix of a single metric: use .npz or .csv")


_K = TypeVar("_K", bound=type[Kind])
_registered: list[type[Kind]] = []
_names: dict[str, type[Kind]] = {}


def register(kind: _K, name: str | None = None) -> _K:
    """Let sweeps be of a kind. Those of this package have a name in stores, which must not change."""
    _registered.append(kind)
    if name is not None:
        _names[name] = kind
    return kind


def kind_of(metric: Any, default: type[Kind]) -> type[Kind]:
    """Find the kind of what is asked for."""
    return next((kind for kind in reversed(_registered) if kind.takes(metric)), default)


def stored_name(kind: type[Kind]) -> str:
    """Name a kind as stores do."""
    return next((name for name, known in _names.items() if known is kind), None) or name_of(kind, "the sweep")


def _kind_named(name: str, trust: Trust) -> type[Kind]:
    """Find a kind by the name that a store gives it."""
    if ":" not in name and name not in _names:
        raise ValueError(f"{name!r} is no kind of sweep that this version of neurogeom knows")
    found = _names[name] if name in _names else found_as(name, trust)
    if not (isinstance(found, type) and issubclass(found, Kind)):
        raise TypeError(f"{name!r} is no kind of sweep")
    return found


def sweep_of(plan: Mapping[str, Any], parts: Parts, arguments: Arrays, trust: Trust) -> Kind:
    """Make what a plan says of the items of the plan and its extensions."""
    return _kind_named(plan["kind"], trust).made_from(plan, parts, arguments, trust)


def require_same_numbers(store: Store, sweep: Kind) -> None:
    """Refuse a sweep that another version of the package began, but where both give the same numbers."""
    begun = store.plan["version"]
    if begun != VERSION and not sweep.has_numbers_of(begun):
        raise SweepError(
            f"{store.path} was begun by neurogeom {begun}, this is {VERSION}: results could differ. Finish "
            "it with that version, or plan anew in another store"
        )


def load_sweep(store: Store, *, is_extended: bool = False) -> Kind:
    """Make what the plan of a store says; refuse a store that has lost a list of items.

    That the last list is missing shows in what there is of its items: in room for values, unless the store
    `is_extended` and gets this list, and in tiles and prepared items. These are read first, as another
    process may extend the store.
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
    """Cut the plan and each extension into blocks, so that the blocks that there were stay."""
    found: tuple[tuple[int, int], ...] = ()
    total = 0
    for count in counts:
        found += blocks_of(total + count, edge, total)
        total += count
    return found
