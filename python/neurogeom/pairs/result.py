"""The matrix of distances or similarities of all pairs."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, FloatArray, require_extra
from .._base.results import Result
from ..inference import BOOTSTRAP_FIELDS, NULL_FIELDS, calibrated, z_score
from .graphs import Graph, graph

# What draws add to each pair.
_DRAWN = NULL_FIELDS + BOOTSTRAP_FIELDS


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Pairwise(Result):
    """Distances or similarities between representations; made by :func:`pairwise`.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Entry (i, j) compares row item i with column item j; also what ``numpy.asarray`` returns. NaN if the
        measure is not defined on the stimuli that two items share (`nan_policy="omit"`).
    names, column_names : ndarray of str
        Names of the items along the two axes; the same unless `others` was given.
    metric : str
        The measure.
    is_similarity : bool
        Whether larger means more alike.
    symmetric : bool
        Whether entry (i, j) equals entry (j, i).
    n_stimuli : int or ndarray of shape (n_rows, n_columns)
        Number of stimuli that the entries rest on; an array if missing values were omitted.
    is_square : bool
        Whether rows and columns are the same items.
    held_out : ndarray of shape (n_rows, n_columns) or None
        The same measure on the stimuli of `test`, with the alignment fitted to the others.
    flags : ndarray of int8 or None
        Nonzero for entries that the measure comments on; see the measure's own documentation.
    null_mean, null_sd, p_value : ndarray of shape (n_rows, n_columns) or None
        Mean and standard deviation of the measure with the stimuli of the second item permuted, and the share
        of permutations at least as alike, (1 + count) / (1 + permutations); see `null` of :func:`pairwise`.
    se, bias, lower, upper : ndarray of shape (n_rows, n_columns) or None
        Standard error of the value under resampling, mean of the resampled values less the value, and the
        ends of the interval; see `bootstrap` of :func:`pairwise`. NaN where the measure is undefined in more
        than 5 % of the draws and, for the ends of a BCa interval, where all draws lie on one side.
    identical : float or None
        The value of an item with itself; None if it depends on the item.
    """

    _headline: ClassVar[tuple[str, ...]] = ("metric", "shape")

    values: FloatArray
    names: AnyArray
    column_names: AnyArray
    metric: str
    is_similarity: bool
    symmetric: bool
    n_stimuli: int | NDArray[np.int64]
    is_square: bool = True
    held_out: FloatArray | None = None
    flags: NDArray[np.int8] | None = None
    null_mean: FloatArray | None = None
    null_sd: FloatArray | None = None
    p_value: FloatArray | None = None
    se: FloatArray | None = None
    bias: FloatArray | None = None
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    identical: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return (len(self.names), len(self.column_names))

    @property
    def square(self) -> FloatArray:
        """The values of items among themselves, as a matrix."""
        self._require_square()
        return self.values

    @property
    def condensed(self) -> FloatArray:
        """The entries above the diagonal, row by row, as SciPy's ``squareform`` and ``linkage`` take them."""
        self._require_square()
        if not self.symmetric:
            raise ValueError(
                f"{self.metric} is not symmetric, so that its condensed form would drop half of the values"
            )
        return self.values[np.triu_indices(len(self.values), 1)]

    @property
    def z(self) -> FloatArray:
        """Values in standard deviations of the null from its mean; below 0 for distances of items alike.

        NaN where all permutations give the same.
        """
        mean, sd = self._require_null()
        return z_score(self.values, mean, sd, np.abs(mean))

    @property
    def calibrated(self) -> FloatArray:
        """Values on a scale from 0, the mean of the null, to 1, the value of an item with itself.

        Where that value depends on the item, it is the mean of those of the two items; NaN if these are not
        among the pairs. NaN where both ends of the scale are the same, up to rounding.
        """
        mean, _ = self._require_null()
        if self.identical is not None:
            best = np.full(self.shape, self.identical)
        elif self.is_square:
            own = np.diagonal(self.values)
            best = (own[:, None] + own) / 2
        else:
            best = np.full(self.shape, np.nan)
        return calibrated(self.values, mean, best)

    def _require_null(self) -> tuple[FloatArray, FloatArray]:
        if self.null_mean is None or self.null_sd is None:
            raise ValueError("there is no null: compute the pairs with null=1000")
        return self.null_mean, self.null_sd

    def _require_square(self) -> None:
        if not self.is_square:
            raise ValueError("rows and columns are different items: use .values")

    def to_graph(self, kind: str = "knn", **options: Any) -> Graph:
        """Join the items that are alike; :func:`neurogeom.graph` has the kinds and their options."""
        return graph(
            self.square,
            kind,
            is_similarity=self.is_similarity,
            names=self.names,
            metric=self.metric,
            **options,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        if copy is False and dtype not in (None, self.values.dtype):
            raise ValueError("a conversion to another dtype needs a copy")
        array = self.values if dtype is None else self.values.astype(dtype, copy=False)
        return array.copy() if copy and array is self.values else array

    def _table(self) -> dict[str, Any]:
        """One row per pair; pairs that a symmetric measure has twice are listed once."""
        rows, columns = np.indices(self.shape)
        keep = columns > rows if self.is_square and self.symmetric else np.ones(self.shape, dtype=bool)
        table = {
            "row": self.names[rows[keep]],
            "column": self.column_names[columns[keep]],
            self.metric: self.values[keep],
            "n_stimuli": np.broadcast_to(self.n_stimuli, self.shape)[keep],
        }
        if self.held_out is not None:
            table[f"{self.metric} held out"] = self.held_out[keep]
        for name in ("flags", *_DRAWN):
            if getattr(self, name) is not None:
                table[name] = getattr(self, name)[keep]
        return table

    def to_xarray(self) -> Any:
        """Return a Dataset with the dimensions row and column, whose main variable has the measure's name."""
        xarray = require_extra("xarray", "xarray", "to_xarray")
        named = {self.metric: self.values, f"{self.metric} held out": self.held_out}
        named |= {name: getattr(self, name) for name in ("flags", *_DRAWN)}
        variables: dict[str, Any] = {
            name: (("row", "column"), array) for name, array in named.items() if array is not None
        }
        if isinstance(self.n_stimuli, np.ndarray):
            variables["n_stimuli"] = (("row", "column"), self.n_stimuli)
        described = {"is_similarity": int(self.is_similarity), "symmetric": int(self.symmetric)}
        if not isinstance(self.n_stimuli, np.ndarray):
            described["n_stimuli"] = int(self.n_stimuli)
        return xarray.Dataset(variables, {"row": self.names, "column": self.column_names}, described)
