"""The protocol of all pairwise measures: prepare, pair, finish.

A measure of K representations has K pieces of work that concern one item (centre, reduce, whiten, vectorise)
and K^2 small ones that concern a pair. It declares what it needs from both, and its caller
(:func:`neurogeom.pairwise`, a worker of a sweep, one of the drop-in classes) computes each of them once::

    Item --open, read once--> Part.prepare           one record an item and part
                                   |
      records of two blocks of items, a Tile
                                   |
                            Product.compute          once a tile, for all metrics that ask
                                   |
                              Metric.pair            values of the pairs of the tile
                                   |
                              Metric.finish          elementwise: what users see

Who plays which role:

Part
    What is computed from one item alone, such as a factor with the inner products of its stimuli, or a
    vectorised Gram matrix. The fields of a part are its key: equal parts are computed once, whichever metrics
    ask. It receives the opened item (:class:`~neurogeom.representations.blocks.UnitBlocks`, or the equivalent
    of another kind of item that it `takes`): a matrix is one block, and an item larger than memory comes in
    several, unless the part `needs_whole` items. Which algorithm suits one block or several is decided inside
    the part.
Product
    What is computed for a pair from the records of one part, such as a nuclear norm. Equal products, too, are
    computed once; those of one class and part receive the tile together and may share work.
Metric
    Names its products (and parts, if it needs the records themselves), puts the value of each pair together,
    and knows its name, direction, symmetry and diagonal. What :meth:`Metric.pair_held_out` needs beyond that,
    for a fit evaluated on other stimuli, is declared in `held_out_products` and `held_out_parts`.
:func:`evaluate`
    Runs the lower half of the diagram for one tile. It is the only place that does.

To add a measure, write one file with a subclass of :class:`Distance` or :class:`Similarity` and name it in
``METRICS`` of ``metrics/__init__.py``. In the simplest case it has `prepare` and `pair` and declares nothing:

>>> import numpy as np
>>> import neurogeom as ng
>>> class MeanRate(ng.metrics.Distance):
...     name = "mean rate"
...     def prepare(self, data, label):
...         return float(data.mean())
...     def pair(self, tile, products):
...         rows, columns = ([item[self] for item in side] for side in tile.sides)
...         return np.abs(np.subtract.outer(rows, columns))
>>> ng.pairwise([[[1.0], [3.0]], [[2.0], [6.0]]], MeanRate()).condensed
array([2.])

Two rules give results the same bits for any tile, thread and shard: what is computed for a pair must not
depend on the block it lies in, nor on which copy of a record it gets. Products of two items therefore go
through :func:`inner_products`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base.checks import FloatArray, user_level
from .._base.codec import register_if_built_in, registered
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from ..representations.items import Item, as_items, require_comparable

Mask: TypeAlias = NDArray[np.bool_]
Order: TypeAlias = NDArray[np.int64]
Prepared: TypeAlias = dict[Hashable, Any]


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
        """Return the same tile of records."""
        rows, columns = ([item[part] for item in side] for side in self.sides)
        return dataclasses.replace(self, rows=rows, columns=columns)


@dataclasses.dataclass(frozen=True)
class Part:
    """Something that is computed once for each item. The fields of its subclasses are its key."""

    # Kinds of items that it can be computed from.
    takes: ClassVar[tuple[str, ...]] = ("responses",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    @property
    def needs_whole(self) -> bool:
        """Whether it needs the whole item in one block, even if the item is larger than memory."""
        return True

    def prepare(self, data: Any) -> Any:
        """Compute the record of one item from blocks of its units.

        Blocks may be iterated several times; each time reads the item. Errors name it by ``data.label``.
        """
        raise NotImplementedError

    def prepare_held_out(self, record: Any, data: Any) -> Any:
        """Extend a record by responses to other stimuli, on which the fitted alignment is evaluated."""
        del data
        return record

    def reordered(self, record: Any, order: Order) -> Any:
        """Return the record of the same item with its stimuli in another order, for nulls.

        It equals what `prepare` would return up to rounding; None if the item has to be prepared again.
        """
        del record, order
        return None

    def resampled(self, record: Any, stimuli: Order) -> Any:
        """Return the record of the same item with some of its stimuli, some more than once, for bootstraps.

        Measures to which a stimulus and its copy say something false (that there are two alike) leave such
        pairs out here. `stimuli` rises. None if the item has to be prepared again.
        """
        del record, stimuli
        return None


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

        One entry is returned for each product; arrays in it have the shape of ``tile.where``, with NaN for
        pairs that are not wanted.
        """
        raise NotImplementedError


Products: TypeAlias = Mapping[Product, Any]


@registered
class Metric:
    """Base of all measures; the module's docstring says what a new one must provide.

    Attributes
    ----------
    name : str
        How results call it.
    symmetric : bool
        Whether the values of (X, Y) and (Y, X) are the same.
    is_similarity : bool
        Whether larger means more alike.
    diagonal : float or None
        The value of an item with itself; None if it has to be computed.
    prepare : callable(data, label) or None
        A method that computes what `pair` needs of one item beyond its parts, from the matrix of its
        responses (or from an RDM, which all parts must take). None for metrics that need nothing else.
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

    # What it was made from, so that another process can rebuild it.
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    prepare: ClassVar[Callable[..., Any] | None] = None

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

    def products(self) -> tuple[Product, ...]:
        """Declare what `pair` needs for each pair."""
        return ()

    def held_out_products(self) -> tuple[Product, ...]:
        """Declare what `pair_held_out` needs beyond that."""
        return ()

    def parts(self) -> tuple[Part, ...]:
        """Declare what is needed from each item; by default what the products need."""
        return tuple(dict.fromkeys(product.part for product in self.products()))

    def held_out_parts(self) -> tuple[Part, ...]:
        """Declare what `pair_held_out` needs beyond that; by default what its products need."""
        return tuple(dict.fromkeys(product.part for product in self.held_out_products()))

    @property
    def needs_whole(self) -> bool:
        """Whether it needs the whole item at once, even if the item is larger than memory."""
        return self.prepare is not None or any(part.needs_whole for part in self.parts())

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values for the pairs of a tile; NaN for those that are not wanted."""
        raise NotImplementedError

    def pair_held_out(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values on held-out stimuli."""
        raise NotImplementedError

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn values of `pair` into what users see, entry by entry."""
        return values

    def size(self, tile: Tile) -> FloatArray | float:
        """Return the size, up to a factor, that the rounding of finished values is relative to.

        1 for measures without units; measures in the units of the responses override this.
        """
        del tile
        return 1.0

    def reordered(self, record: Any, order: Order) -> Any:
        """Do for what `prepare` returned what :meth:`Part.reordered` does."""
        del record, order
        return None

    def resampled(self, record: Any, stimuli: Order) -> Any:
        """Do for what `prepare` returned what :meth:`Part.resampled` does."""
        del record, stimuli
        return None

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Return what users should know about these items, as the text of a warning."""
        del items
        return None

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark entries of finished values that need a comment; None if there is nothing to say."""
        del values
        return None

    def compare(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the value for one pair, be it a distance or a similarity."""
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_comparable(items)
        threads = resolve_threads(n_threads)
        with single_threaded_blas():
            rows, columns = ([prepare_item([self], item)] for item in items)
            warn_of([self], rows + columns)
            (values,) = evaluate([self], Tile(rows, columns, np.ones((1, 1), dtype=bool), threads))
        return float(values[0, 0])


class Distance(Metric):
    """A measure that is 0 for equal items and grows as they differ."""

    def distance(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the distance between two representations (n_stimuli, n_units)."""
        return self.compare(X, Y, n_threads=n_threads)


class Similarity(Metric):
    """A measure that is 1 for equal items and falls as they differ."""

    is_similarity = True
    diagonal: float | None = 1.0

    def similarity(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the similarity of two representations (n_stimuli, n_units)."""
        return self.compare(X, Y, n_threads=n_threads)


def parts_of(metric: Metric, held_out: bool) -> tuple[Part, ...]:
    """Return the parts that a metric needs for each item."""
    return tuple(dict.fromkeys([*metric.parts(), *(metric.held_out_parts() if held_out else ())]))


def reorder_item(metrics: Sequence[Metric], prepared: Prepared, item: Item, order: Order) -> Prepared:
    """Return what `prepare_item` would of an item with its stimuli in another order, up to rounding.

    What cannot be reordered as it was prepared is prepared again; only for this the item is read.
    """
    return _again(metrics, prepared, "reordered", item, order)


def resample_item(metrics: Sequence[Metric], prepared: Prepared, item: Item, stimuli: Order) -> Prepared:
    """Return what `prepare_item` would of an item with some of its stimuli, some more than once.

    It differs, beyond rounding, where :meth:`Part.resampled` leaves out pairs of a stimulus and its copy.
    """
    return _again(metrics, prepared, "resampled", item, stimuli)


def _again(metrics: Sequence[Metric], prepared: Prepared, how: str, item: Item, order: Order) -> Prepared:
    known: Prepared = {metric: None for metric in metrics if metric.prepare is None}
    wanted = dict.fromkeys(key for metric in metrics for key in (*metric.parts(), metric))
    for key in wanted:
        if key not in known:
            record = getattr(key, how)(prepared[key], order)
            if record is not None:
                known[key] = record
    return known if len(known) == len(wanted) else prepare_item(metrics, item.reordered(order), known=known)


def prepare_item(
    metrics: Sequence[Metric], item: Item, test: Item | None = None, known: Prepared | None = None
) -> Prepared:
    """Read an item once and compute all that the metrics need from it, except what is known.

    A large item is read in blocks, as often as its parts need, or once as a whole if some part needs all of
    it. What a part computes from an item is the same in both cases.
    """
    data = item.open()
    if not item.is_large or test is not None or any(metric.needs_whole for metric in metrics):
        data.whole()
    held_out = None if test is None else test.open()
    if held_out is not None:
        held_out.whole()
    prepared: Prepared = dict(known or {})
    for metric in metrics:
        for part in parts_of(metric, held_out is not None):
            if part not in prepared:
                item.require_kind(part.takes, metric.name)
                prepared[part] = part.prepare(data.undivided() if part.needs_whole else data)
                if held_out is not None:
                    prepared[part] = part.prepare_held_out(prepared[part], held_out)
        if not metric.parts():  # they would say what they take
            item.require_kind(("responses",), metric.name)
        if metric not in prepared:
            prepared[metric] = None if metric.prepare is None else metric.prepare(data.whole(), item.label)
    return prepared


def warn_of(metrics: Sequence[Metric], items: Sequence[Prepared]) -> None:
    """Warn of whatever the metrics remark on about the items."""
    for metric in metrics:
        remark = metric.remark(items)
        if remark is not None:
            warnings.warn(f"{metric.name}: {remark}", UserWarning, stacklevel=user_level())


def evaluate(metrics: Sequence[Metric], tile: Tile, held_out: bool = False) -> list[FloatArray]:
    """Compute the finished values of one tile for all metrics, each shared product once.

    With `held_out`, the values on held-out stimuli follow in the list.
    """
    wanted = dict.fromkeys(product for metric in metrics for product in metric.products())
    if held_out:
        wanted |= dict.fromkeys(product for metric in metrics for product in metric.held_out_products())
    groups: dict[Hashable, list[Product]] = {}
    for product in wanted:
        # Subclasses that share `compute` are computed together.
        groups.setdefault((type(product).compute.__func__, product.part), []).append(product)  # type: ignore[attr-defined]
    found: dict[Product, Any] = {}
    for together in groups.values():
        results = type(together[0]).compute(together, tile.of(together[0].part))
        found.update(zip(together, results, strict=True))
    values = [metric.finish(metric.pair(tile, found)) for metric in metrics]
    if held_out:
        values += [metric.finish(metric.pair_held_out(tile, found)) for metric in metrics]
    return values


def inner_products(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return x' y with the same bits whether or not both are the same memory, as on the diagonal of a sweep.

    For the same memory NumPy would compute half of it (BLAS's syrk), with different rounding.
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
    """Call a function that releases the GIL most of the time on each pair of a tile.

    It returns one number or, with `n_values`, that many, which then run along the first axis of the result.
    """
    values = np.full((*where.shape, n_values or 1), np.nan)
    pairs = [(int(i), int(j)) for i, j in np.argwhere(where)]
    found = map_threads(lambda pair: function(rows[pair[0]], columns[pair[1]]), pairs, n_threads)
    for pair, value in zip(pairs, found, strict=True):
        values[pair] = value
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)) if n_values else values[..., 0]
