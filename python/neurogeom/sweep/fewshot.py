"""Sweeps over pairs of classes: how well two are told apart after a few examples of each."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.codec import Trust, decode, encode
from .._base.results import Result
from .._base.rng import as_generator, draw_key
from .._base.threads import map_threads, single_threaded_blas
from ..generalization.checks import as_shots
from ..generalization.class_pairs import centred_class, numbers_of
from ..generalization.fewshot import (
    LEVELS,
    OF_PAIRS,
    PreparedClass,
    pair_of_classes,
    prepare_class,
    score_weights,
)
from ..generalization.fewshot_error import RULES, errors_of_pairs
from ..pairs.tiles import Grid, TileKey
from ..representations import checks as _validate_pairwise
from ..representations.items import Item
from .items import plain_list
from .jobs import as_fields
from .kinds import Arrays, Asked, Parts, Report, register
from .prepared import PreparedPairs, require_items_that_fit, split_parts
from .store import Store

# Numbers of an ordered pair that depend on the number of shots.
_OF_SHOTS = ("snr", "snr_se", "error", "error_se")
_OF_TRIALS = ("measured", "measured_se")
# Largest magnitudes in a class; outside of these, fourth powers leave the range of float64.
_SMALLEST, _LARGEST = 1e-60, 1e60


class FewshotPairs:
    """Few-shot geometry and errors of all pairs of classes; the items of the sweep are the classes.

    Pass it to :func:`neurogeom.sweep.plan` as `metric`. Each item is a matrix (n_points, n_units) of one
    class; all have the same units, but not the same points, nor as many.

    Parameters
    ----------
    n_shots : int or sequence of int
        Examples of each class.
    level : str, default "gaussian"
        Which terms of the theory to keep, as for :func:`neurogeom.fewshot_geometry`.
    correct_dimension : bool, default False
        As for that function.
    n_episodes : int, optional
        Also measure the errors in so many trials, as :func:`neurogeom.fewshot_error` does.
    rule : str, default "prototype"
        The rule that is measured.
    seed : int, default 0
        Source of the shots, as with ``rng=seed``. The shots of a class belong to its number in the plan.

    Raises
    ------
    TypeError, ValueError
        If an option cannot be used.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.sweep.FewshotPairs([1, 5], n_episodes=100)
    FewshotPairs(n_shots=[1, 5], level='gaussian', n_episodes=100, rule='prototype', seed=0)
    """

    def __init__(
        self,
        n_shots: int | Sequence[int],
        *,
        level: str = "gaussian",
        correct_dimension: bool = False,
        n_episodes: int | None = None,
        rule: str = "prototype",
        seed: int = 0,
    ) -> None:
        self.n_shots, self.is_several = as_shots(n_shots)
        if len(set(self.n_shots)) < len(self.n_shots):
            raise ValueError(f"n_shots must be distinct, not {list(self.n_shots)}")
        self.level = _validate.as_choice(level, "level", LEVELS)
        self.correct_dimension = _validate_pairwise.as_flag(correct_dimension, "correct_dimension")
        self.n_episodes = None if n_episodes is None else _validate.as_count(n_episodes, "n_episodes")
        self.rule = _validate.as_choice(rule, "rule", RULES)
        self.seed = _validate.as_count(seed, "seed", minimum=0)

    def __repr__(self) -> str:
        shown = [f"n_shots={self.arguments()['n_shots']}", f"level={self.level!r}"]
        if self.correct_dimension:
            shown.append("correct_dimension=True")
        if self.n_episodes is not None:
            shown += [f"n_episodes={self.n_episodes}", f"rule={self.rule!r}", f"seed={self.seed}"]
        return f"FewshotPairs({', '.join(shown)})"

    def arguments(self) -> dict[str, Any]:
        """What it was made from."""
        names = ("level", "correct_dimension", "n_episodes", "rule", "seed")
        shots = list(self.n_shots) if self.is_several else self.n_shots[0]
        return {"n_shots": shots, **{name: getattr(self, name) for name in names}}

    def fields_of(self, m: int) -> list[str]:
        """Names of the numbers of a pair that depend on the number of shots."""
        names = (*_OF_SHOTS, *(_OF_TRIALS if self.n_episodes is not None else ()))
        return [f"{name}_{m}" for name in names] if self.is_several else list(names)

    def available_fields(self) -> list[str]:
        """Names of the numbers of an ordered pair, which can be fields."""
        of_pairs = [f"{name}{end}" for name in OF_PAIRS for end in ("", "_se")]
        return [*of_pairs, *(name for m in self.n_shots for name in self.fields_of(m))]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FewshotMatrices(Result):
    """Few-shot geometry and errors of all pairs of classes; made by :func:`open`.

    Row a, column b is about test points of class a that might be taken for class b. The diagonal is NaN.

    Attributes
    ----------
    names : ndarray of str of shape (n_classes,)
        The classes.
    n_points : ndarray of int of shape (n_classes,)
        Their points.
    radius, dimension : ndarray of shape (n_classes,)
        Of each class; NaN where it is not prepared yet or its data do not allow it.
    fields : tuple of str
        The numbers known of each pair, such as "error" (with several numbers of shots: "error_5").
    values : ndarray of shape (n_fields, n_classes, n_classes)
        The numbers; NaN where a tile is not done yet.
    n_shots : tuple of int
        Numbers of shots.
    level : str
        Which terms of the theory were kept.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_classes", "n_shots", "level")

    names: AnyArray
    n_points: NDArray[np.int64]
    radius: FloatArray
    dimension: FloatArray
    fields: tuple[str, ...]
    values: FloatArray
    n_shots: tuple[int, ...]
    level: str

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    def __getitem__(self, field: str) -> FloatArray:
        """One field of all ordered pairs, as a matrix."""
        if field not in self.fields:
            raise KeyError(f"no field {field!r}; the fields are {', '.join(self.fields)}")
        return np.asarray(self.values[self.fields.index(field)])

    def mean(self, field: str) -> float:
        """Mean of a field over the ordered pairs that are known; NaN if there are none."""
        values = self[field]
        known = values[np.isfinite(values)]
        return float(known.mean()) if known.size else float("nan")

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with the dimensions "row" and "column"."""
        xarray = require_extra("xarray", "xarray", "to_xarray")
        variables = {
            name: (("row", "column"), matrix) for name, matrix in zip(self.fields, self.values, strict=True)
        }
        return xarray.Dataset(variables, {"row": self.names, "column": self.names})


@dataclasses.dataclass(frozen=True)
class FewshotSweep(PreparedPairs):
    """Few-shot learning of all pairs of classes; a tile holds both directions of its pairs."""

    jobs: FewshotPairs
    key: int  # of the draws of shots

    unit: ClassVar[str] = "class pair"
    options: ClassVar[tuple[str, ...]] = ("fields",)

    @classmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""
        return isinstance(metric, FewshotPairs)

    @classmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check the classes and fields, and describe what is asked for."""
        jobs: FewshotPairs = asked.metric
        _validate_pairwise.require_items(len(asked.rows), "items", 2)
        _require_same_units(asked.rows)
        require_items_that_fit(asked.rows, ["few-shot learning"], asked.max_ram)
        chosen = as_fields(asked.fields, jobs.available_fields())
        return {"fewshot": encode(jobs.arguments(), "fewshot", arguments), "fields": chosen}

    @classmethod
    def common(cls, items: Sequence[Item]) -> dict[str, Any]:
        """Describe what all classes share: the units."""
        units = next((item.units for item in items if item.units is not None), None)
        names = None if units is None or units.names is None else plain_list(units.names)
        return {"units": {"count": items[0].n_units, "names": names}}

    def require_common(self, new: list[Item]) -> None:
        """Refuse new classes that do not have the units of the sweep."""
        _require_same_units(new)
        known, found = self.plan["units"], self.common(new)["units"]
        if found["count"] != known["count"]:
            raise ValueError(f"{new[0].label} has {found['count']} units, but the sweep has {known['count']}")
        if None not in (known["names"], found["names"]) and known["names"] != found["names"]:
            raise ValueError(f"{new[0].label} has other names of units than the sweep, or another order")

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> FewshotSweep:
        """Make the sweep of a plan."""
        jobs = FewshotPairs(**decode(plan["fewshot"], arguments, trust))
        edge = int(plan["tile"])
        items, positions, rows, _ = split_parts(parts, edge)
        positions["columns"] = positions["rows"]
        grid = Grid(edge, rows, rows, triangular=True, among_themselves=True, skip_diagonal=True)
        return cls(plan, items, grid, positions, jobs, draw_key(as_generator(jobs.seed)))

    @property
    def what(self) -> str:
        """What is computed, in a few words."""
        return repr(self.jobs)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The numbers of each pair: the row's test points against the column's class, and the reverse."""
        return [(field, way) for way in ("row", "column") for field in self.plan["fields"]]

    @functools.cached_property
    def _predicted(self) -> dict[str, tuple[int, bool]]:
        """Fields of the theory: their number among those of a pair, and whether they are its error."""
        found: dict[str, tuple[int, bool]] = {}
        for k, name in enumerate(OF_PAIRS):
            found |= {name: (k, False), f"{name}_se": (k, True)}
        for k, m in enumerate(self.jobs.n_shots, len(OF_PAIRS)):
            snr, snr_se, error, error_se, *_ = self.jobs.fields_of(m)
            after = k + len(self.jobs.n_shots)
            found |= {snr: (k, False), snr_se: (k, True), error: (after, False), error_se: (after, True)}
        return found

    # ---- classes

    def prepare(self, item: Item, test: Item | None) -> dict[str, Any]:
        """Compute what pairs need of a class."""
        del test
        points = np.ascontiguousarray(item.read())
        size = float(np.abs(points).max())
        if size > 0 and not _SMALLEST < size < _LARGEST:
            raise ValueError(
                f"{item.label} has values of the order {size:.3g}, whose fourth powers leave the range of "
                "float64: rescale all classes"
            )
        corrected, most = self.jobs.correct_dimension, max(self.jobs.n_shots)
        if len(points) < (fewest := 4 if corrected else 2):
            what = "the correction" if corrected else "a covariance"
            raise ValueError(f"{item.label} has {len(points)} points; {what} needs at least {fewest}")
        if self._is_measured and len(points) <= most:
            raise ValueError(
                f"{item.label} has {len(points)} points, which leaves none to test beside {most} shots"
            )
        with single_threaded_blas():
            # In units of their own, which are the same for all: any power of two gives the same bits.
            found = prepare_class(centred_class(points, 1.0), corrected=corrected)
        return {"class": found, **({"points": points} if self._is_measured else {})}

    @property
    def _is_measured(self) -> bool:
        return any(field.startswith("measured") for field in self.plan["fields"])

    def encode(self, prepared: dict[str, Any]) -> tuple[list[Any], dict[str, AnyArray]]:
        """Encode what was prepared; radius and dimension stand in the header, where results find them."""
        arrays: dict[str, AnyArray] = {}
        found: PreparedClass = prepared["class"]
        summary = {"radius": math.sqrt(found.square_radius), "dimension": found.dimension}
        return [encode(prepared, "r", arrays), summary], arrays

    def decode(self, records: Sequence[Any], arrays: Arrays, trust: Trust) -> dict[str, Any]:
        """Decode what was prepared."""
        found: dict[str, Any] = decode(records[0], arrays, trust)
        return found

    def remarks(self, prepared: dict[str, Any]) -> dict[str, str]:
        """Say if the points of a class do not vary."""
        if prepared["class"].square_radius > 0:
            return {}
        return {
            "fewshot_geometry": "the points of a class do not vary: what is relative to its radius is NaN"
        }

    # ---- tiles

    def compute(
        self,
        key: TileKey,
        prepared: Mapping[int, Any],
        read: Callable[[int], Item],
        report: Report,
        n_threads: int,
    ) -> FloatArray:
        """Compute the pairs of a tile, (field, row, column); fields of the reverse come second."""
        del read, report
        rows, columns = self.numbers("rows", key[0]), self.numbers("columns", key[1])
        return self._tile(
            [(number, prepared[number]) for number in rows],
            [(number, prepared[number]) for number in columns],
            self.grid.where(key),
            n_threads,
        )

    def evaluate(self, rows: Sequence[Any], columns: Sequence[Any]) -> None:
        """Compute all pairs of prepared classes with one thread."""
        numbered = list(enumerate([*rows, *columns]))
        where = np.ones((len(rows), len(columns)), dtype=bool)
        self._tile(numbered[: len(rows)], numbered[len(rows) :], where, 1)

    def _tile(
        self, rows: Sequence[Any], columns: Sequence[Any], where: NDArray[np.bool_], n_threads: int
    ) -> FloatArray:
        """Compute the wanted pairs of numbered classes; None stands for a class without a result."""
        fields = tuple(self.plan["fields"])
        values = np.full((2, len(fields), *where.shape), np.nan)
        pairs = [
            (i, j)
            for i, j in np.argwhere(where).tolist()
            if rows[i][1] is not None and columns[j][1] is not None
        ]
        if not pairs:
            return values.reshape(-1, *where.shape)

        rule = partial(pair_of_classes, weights=score_weights(self.jobs.n_shots, self.jobs.level))
        wanted = [
            (at, *self._predicted[field]) for at, field in enumerate(fields) if field in self._predicted
        ]

        def compute(place: tuple[int, int]) -> None:
            i, j = place
            directions = numbers_of(rows[i][1]["class"], columns[j][1]["class"], rule)
            for way, direction in enumerate(directions):
                numbers = direction.values, direction.errors()
                for at, number, is_error in wanted:
                    values[way, at, i, j] = numbers[is_error][number]

        if wanted:
            with single_threaded_blas():
                map_threads(compute, pairs, n_threads)
        for m in self.jobs.n_shots:
            of_trials = self.jobs.fields_of(m)[len(_OF_SHOTS) :]
            if any(name in fields for name in of_trials):
                found = self._measure(m, rows, columns, where, n_threads)
                for name, both in zip(of_trials, found, strict=True):
                    if name in fields:
                        values[:, fields.index(name)] = both
        return values.reshape(-1, *where.shape)

    def _measure(
        self, m: int, rows: Sequence[Any], columns: Sequence[Any], where: NDArray[np.bool_], n_threads: int
    ) -> FloatArray:
        """Measure errors and their standard errors, (error or error of it, way, row, column)."""
        among = rows[0][0] == columns[0][0]  # a tile on the diagonal
        sides = [[k for k, (_, found) in enumerate(side) if found is not None] for side in (rows, columns)]
        used = [rows[k] for k in sides[0]] + ([] if among else [columns[k] for k in sides[1]])
        n_rows = len(sides[0])
        assert self.jobs.n_episodes is not None
        (error, variance, _), _, _ = errors_of_pairs(
            [found["points"] for _, found in used],
            [number for number, _ in used],
            n_rows,
            self.key,
            rule=self.jobs.rule,
            n_shots=m,
            n_episodes=self.jobs.n_episodes,
            n_threads=n_threads,
        )
        first = 0 if among else n_rows
        found = np.full((2, 2, *where.shape), np.nan)
        for k, matrix in enumerate((error, np.sqrt(variance))):
            found[k, 0][np.ix_(*sides)] = matrix[:n_rows, first:]
            found[k, 1][np.ix_(*sides)] = matrix[first:, :n_rows].T
        found[:, :, ~where] = np.nan
        return found

    # ---- results

    def results(self, store: Store, values: FloatArray) -> FewshotMatrices:
        """Put both directions of each pair into matrices."""
        count = len(self.items)
        upper = np.triu(np.ones((count, count), dtype=bool), 1)
        forward, reverse = values.reshape(2, -1, count, count)
        matrices = np.full(forward.shape, np.nan)
        matrices[:, upper] = forward[:, upper]
        matrices.transpose(0, 2, 1)[:, upper] = reverse[:, upper]
        summaries = [self._summary_of(store, number) for number in range(count)]
        return FewshotMatrices(
            names=np.array([item["name"] for item in self.items]),
            n_points=np.array([item["shape"][0] for item in self.items], dtype=np.int64),
            radius=np.array([summary["radius"] for summary in summaries]),
            dimension=np.array([summary["dimension"] for summary in summaries]),
            fields=tuple(self.plan["fields"]),
            values=matrices,
            n_shots=self.jobs.n_shots,
            level=self.jobs.level,
        )

    def _summary_of(self, store: Store, number: int) -> dict[str, float]:
        """Return radius and dimension of a class from its record; NaN if there is none."""
        header = store.read_header(number)
        if header is None or header["error"] is not None:
            return {"radius": math.nan, "dimension": math.nan}
        found: dict[str, float] = header["records"][1]
        return found

    def rows(self, found: FewshotMatrices) -> Iterator[Sequence[Any]]:
        """Return one line per ordered pair of classes, after a header."""
        names = found.names.tolist()
        yield ["row", "column", *found.fields]
        for i, row in enumerate(names):
            columns = found.values[:, i].T.tolist()
            for j, numbers in enumerate(columns):
                if i != j:
                    yield [row, names[j], *numbers]

    def arrays(self, found: FewshotMatrices) -> dict[str, Any]:
        """Return the names, what is known of each class, and one matrix per field."""
        of_classes = {name: getattr(found, name) for name in ("names", "n_points", "radius", "dimension")}
        return of_classes | dict(zip(found.fields, found.values, strict=True))


def _require_same_units(items: Sequence[Item]) -> None:
    """Refuse classes that are not points in the same units."""
    for item in items:
        item.require_kind(("responses",), "few-shot learning")
        if item.n_units != items[0].n_units:
            raise ValueError(
                f"{item.label} has {item.n_units} units, but {items[0].label} has {items[0].n_units}"
            )
    _validate.require_same_columns((item.label, item.units) for item in items)


register(FewshotSweep, "fewshot")
