"""The protocol of all pairwise measures: prepare, pair, finish.

::

    items --read once--> Part.prepare --> records        (per item; a large one goes through in blocks of its
                                                          units: Part.prepare_blocks)
    records of two blocks --> Product.compute --> arrays (per tile, once for all metrics that ask)
    Metric.pair(tile, products) --> values               (per tile)
    Metric.finish(values) --> distances or similarities  (elementwise)

A metric declares the *parts* that it needs of each item (a reduced factor, a vectorised Gram matrix, ...)
and the *products* that it needs of each pair (inner products, nuclear norms of a core, ...). Both are
hashable values: equal ones are computed once, whoever asked. A metric of one's own needs neither: `prepare`
and `pair` suffice.

What is computed for a pair must not depend on the block it lies in, nor on which copy of a record it gets:
then results have the same bits for any tile. Products of two items go through :func:`inner_products`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray, user_level
from .._base.codec import register_if_built_in, registered
from .._base.threads import resolve_threads, single_threaded_blas
from ..representations import checks as check
from ..representations.representation import RDM, Data, Item, UnitBlocks, as_items, require_same_stimuli

Mask: TypeAlias = NDArray[np.bool_]
Prepared: TypeAlias = dict[Hashable, Any]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclasses.dataclass(frozen=True)
class Tile:
    """Two blocks of items and which of their pairs are wanted.

    For metrics an item is a dict: ``item[part]`` is its record of a part, ``item[metric]`` what the metric's
    `prepare` returned. For products it is the record of their part.
    """

    rows: Sequence[Any]
    columns: Sequence[Any]
    where: Mask
    n_threads: int

    @property
    def sides(self) -> tuple[Sequence[Any], Sequence[Any]]:
        """Rows and columns."""
        return self.rows, self.columns

    def of(self, part: Part) -> Tile:
        """Give the same tile of records."""
        rows, columns = ([item[part] for item in side] for side in self.sides)
        return dataclasses.replace(self, rows=rows, columns=columns)


@dataclasses.dataclass(frozen=True)
class Part:
    """Something that is computed once for each item. The fields of its subclasses are its key."""

    # Whether items may be measured dissimilarities.
    takes_rdm: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    def prepare(self, data: Any, label: str) -> Any:
        """Compute the record of one item; errors name it by `label`."""
        raise NotImplementedError

    @property
    def streams(self) -> bool:
        """Whether `prepare_blocks` exists, so that items that are larger than memory can be prepared."""
        return False

    def prepare_blocks(self, blocks: UnitBlocks) -> Any:
        """Compute the record of one large item, to rounding that of `prepare`, from blocks of its units.

        Blocks may be iterated several times; each time reads the item.
        """
        raise NotImplementedError

    def prepare_held_out(self, record: Any, data: FloatArray, label: str) -> Any:
        """Extend a record by responses to other stimuli, on which the fitted alignment is evaluated."""
        del data, label
        return record


@dataclasses.dataclass(frozen=True)
class Product:
    """Something that is computed for each pair from the records of one part."""

    part: Part

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[Any]:
        """Compute products of this class and of one part for the wanted pairs of a tile of records.

        One entry is returned for each product; arrays in it have the shape of ``tile.where``, with NaN where
        nothing was asked for.
        """
        raise NotImplementedError


Products: TypeAlias = Mapping[Product, Any]


@registered
class Metric:
    """Base of all measures; see the module's text for what a new one has to give.

    Attributes
    ----------
    name : str
        How results call it.
    symmetric : bool
        Whether the value of (X, Y) is that of (Y, X).
    is_similarity : bool
        Whether larger means more alike.
    diagonal : float or None
        The value of an item with itself; None if it has to be computed.
    """

    name: str = "metric"
    symmetric: bool = True
    is_similarity: bool = False
    diagonal: float | None = 0.0
    # Whether it can be fitted to some stimuli and evaluated on others.
    has_held_out: bool = False
    no_held_out: str = "fits nothing"  # why, if not

    # Whether a row of an item is a stimulus, so that rows may be permuted; otherwise it is one observation.
    rows_are_stimuli: bool = True

    # What it was made from, so that another process can make it again.
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Keep the arguments, whatever the `__init__` of a subclass makes of them."""
        self = super().__new__(cls)
        self.arguments = (args, kwargs)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def products(self, held_out: bool = False) -> tuple[Product, ...]:
        """Declare what is needed of each pair."""
        del held_out
        return ()

    def parts(self, held_out: bool = False) -> tuple[Part, ...]:
        """Declare what is needed of each item; by default what the products need."""
        return tuple(dict.fromkeys(product.part for product in self.products(held_out)))

    def prepare(self, data: Data, label: str) -> Any:
        """Compute what `pair` needs of one item beyond its parts."""
        del data, label

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Give the values of the pairs of a tile, NaN for those that are not wanted."""
        raise NotImplementedError

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Give the values on held-out stimuli."""
        raise NotImplementedError

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn values of `pair` into what users see, entry by entry."""
        return values

    def size(self, tile: Tile) -> FloatArray | float:
        """Give the size of finished values of pairs, up to a factor: what their rounding is relative to.

        1 for measures without units; those in the units of the responses give another.
        """
        del tile
        return 1.0

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Say what users should know about these items, as the text of a warning."""
        del items
        return None

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark entries of finished values that need a word; None if there is nothing to say."""
        del values
        return None

    def compare(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Give the value of one pair, whatever its direction."""
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_same_stimuli(items)
        threads = resolve_threads(n_threads)
        with single_threaded_blas():
            rows, columns = ([prepare_item([self], item)] for item in items)
            warn_of([self], rows + columns)
            (values,) = evaluate([self], Tile(rows, columns, np.ones((1, 1), dtype=bool), threads))
        return float(self.finish(values)[0, 0])


class Distance(Metric):
    """A measure that is 0 for equal items and grows as they differ."""

    def distance(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Give the distance of one pair of representations (n_stimuli, n_units)."""
        return self.compare(X, Y, n_threads=n_threads)


class Similarity(Metric):
    """A measure that is 1 for equal items and falls as they differ."""

    is_similarity = True
    diagonal: float | None = 1.0

    def similarity(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Give the similarity of one pair of representations (n_stimuli, n_units)."""
        return self.compare(X, Y, n_threads=n_threads)


def prepare_item(metrics: Sequence[Metric], item: Item, test: Item | None = None) -> Prepared:
    """Read an item once and compute all that the metrics need of it.

    A large item is read in blocks, as often as parts need that, or once as a whole if some part needs all of
    it. What a part makes of an item is the same in both cases.
    """
    held: Data | None = None
    blocks: UnitBlocks | None = None
    if item.is_large and test is None and all(streams(metric) for metric in metrics):
        blocks = item.unit_blocks()
    else:
        held = item.read()
        if item.is_large:
            blocks = UnitBlocks(held, item.label, is_checked=True)
    held_out = None if test is None else test.read()
    assert not isinstance(held_out, RDM)  # which has no units, so that the check of their number fails
    prepared: Prepared = {}
    for metric in metrics:
        for part in metric.parts(held_out is not None):
            if part not in prepared:
                if isinstance(held, RDM) and not part.takes_rdm:
                    check.refuse_rdm(item.label, metric.name)
                if blocks is not None and part.streams:
                    prepared[part] = part.prepare_blocks(blocks)
                else:
                    prepared[part] = part.prepare(held, item.label)
                if held_out is not None and test is not None:
                    prepared[part] = part.prepare_held_out(prepared[part], held_out, test.label)
        # Metrics that stream leave this to their parts.
        prepared[metric] = None if held is None else metric.prepare(held, item.label)
    return prepared


def streams(metric: Metric) -> bool:
    """Say whether a metric can prepare items that are larger than memory, from blocks of their units."""
    return type(metric).prepare is Metric.prepare and all(part.streams for part in metric.parts())


def warn_of(metrics: Sequence[Metric], items: Sequence[Prepared]) -> None:
    """Warn of what the metrics remark on the items."""
    for metric in metrics:
        remark = metric.remark(items)
        if remark is not None:
            warnings.warn(f"{metric.name}: {remark}", UserWarning, stacklevel=user_level())


def evaluate(metrics: Sequence[Metric], tile: Tile, held_out: bool = False) -> list[FloatArray]:
    """Compute the values of one tile for all metrics, each common product once.

    With `held_out` the list goes on with the values on held-out stimuli.
    """
    wanted = dict.fromkeys(product for metric in metrics for product in metric.products(held_out))
    groups: dict[Hashable, list[Product]] = {}
    for product in wanted:
        # Subclasses that share their way of computing are computed together.
        groups.setdefault((type(product).compute.__func__, product.part), []).append(product)  # type: ignore[attr-defined]
    found: dict[Product, Any] = {}
    for together in groups.values():
        results = type(together[0]).compute(together, tile.of(together[0].part))
        found.update(zip(together, results, strict=True))
    values = [metric.pair(tile, found) for metric in metrics]
    if held_out:
        values += [metric.pair_held_out(tile, found) for metric in metrics]
    return values


def inner_products(x: FloatArray, y: FloatArray) -> FloatArray:
    """Give x' y with the same bits whether or not both are the same memory, as on the diagonal of a sweep.

    There NumPy computes half of it (BLAS's syrk), whose rounding is another one.
    """
    return np.asarray(x.T @ (y.copy() if np.may_share_memory(x, y) else y))


def map_pairs(
    function: Callable[[Any, Any], Any],
    rows: Sequence[Any],
    columns: Sequence[Any],
    where: Mask,
    n_threads: int,
    n_values: int | None = None,
) -> FloatArray:
    """Call a function that releases the GIL for most of its time on the pairs of a tile.

    It returns a number, or with `n_values` that many, which are then along the first axis of the result.
    """
    values = np.full((*where.shape, n_values or 1), np.nan)
    pairs = [(int(i), int(j)) for i, j in np.argwhere(where)]
    found = map_threads(lambda pair: function(rows[pair[0]], columns[pair[1]]), pairs, n_threads)
    for pair, value in zip(pairs, found, strict=True):
        values[pair] = value
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)) if n_values else values[..., 0]


def map_threads(function: Callable[[_In], _Out], tasks: Sequence[_In], n_threads: int) -> list[_Out]:
    """Call a function on each task, in threads; results are in order, and the first error ends it."""
    if n_threads == 1 or len(tasks) < 2:
        return [function(task) for task in tasks]
    with ThreadPoolExecutor(min(n_threads, len(tasks))) as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
