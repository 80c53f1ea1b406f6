"""Sets of manifolds: point clouds that share a feature space."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray
from ..representations.checks import as_names, require_same_indices


class Manifolds(Sequence[AnyArray]):
    """Manifolds as rows of one or more matrices; made by :func:`manifolds`.

    A sequence of (n_points, n_features) arrays. Nothing is copied when it is made: a manifold whose rows are
    contiguous is a view of the data; any other is gathered on access.
    """

    def __init__(
        self,
        blocks: list[AnyArray],
        rows: list[NDArray[np.intp]] | None,
        names: NDArray[Any],
        matrix: str | None = None,
    ) -> None:
        # Without `rows` each block is a manifold; else rows[m] number the rows of all blocks, stacked.
        self._blocks = blocks
        self._rows = rows
        self._matrix = matrix  # how errors call the one block, if the user gave it as a matrix
        self._starts = np.cumsum([0, *(len(block) for block in blocks)])
        self.names = names

    @property
    def n_features(self) -> int:
        """Number of features (units, voxels, neurons)."""
        return int(self._blocks[0].shape[1])

    @property
    def n_points(self) -> NDArray[np.intp]:
        """Number of points of each manifold."""
        members = self._blocks if self._rows is None else self._rows
        return np.array([len(member) for member in members])

    @property
    def copies(self) -> bool:
        """Whether a manifold's rows are gathered, perhaps by copying, on access."""
        return self._rows is not None

    def __len__(self) -> int:
        return len(self._blocks if self._rows is None else self._rows)

    def __repr__(self) -> str:
        return f"Manifolds({len(self)} of {self.n_points.sum()} points, {self.n_features} features)"

    @overload
    def __getitem__(self, index: int) -> AnyArray: ...
    @overload
    def __getitem__(self, index: slice) -> list[AnyArray]: ...
    def __getitem__(self, index: int | slice) -> AnyArray | list[AnyArray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if self._rows is None:
            return self._blocks[index]
        rows = self._rows[index]
        block = np.searchsorted(self._starts, rows, side="right") - 1
        local = rows - self._starts[block]
        if (block != block[0]).any():
            return np.stack([self._blocks[b][r] for b, r in zip(block, local, strict=True)])
        source: AnyArray = self._blocks[int(block[0])]
        first, last = int(local[0]), int(local[-1])
        together = last - first == len(local) - 1 and bool((np.diff(local) == 1).all())
        points: AnyArray = source[first : last + 1] if together else source[local]
        return points

    def __iter__(self) -> Iterator[AnyArray]:
        return (self[i] for i in range(len(self)))

    def require_finite(self, m: int | None = None) -> None:
        """Refuse a NaN or infinity in manifold m, or in any, by its place in what the user gave."""
        for k in range(len(self)) if m is None else [m]:
            points = self[k]
            bad = _validate.first_not_finite(points)
            if bad is None:
                continue
            name, row = f"manifolds[{k}]", bad[0]
            if self._rows is not None:
                row = int(self._rows[k][row])
                block = int(np.searchsorted(self._starts, row, side="right")) - 1
                row -= int(self._starts[block])
                name = self._matrix or f"manifolds[{block}]"
            _validate.refuse_not_finite(name, (row, bad[1]), points[bad])

    def features(self, start: int, stop: int) -> FloatArray:
        """Read some features of all points, manifold by manifold, as a float64 copy."""
        pieces = [np.asarray(block[:, start:stop]) for block in self._blocks]
        if self._rows is None:
            return np.concatenate(pieces, dtype=np.float64)
        stacked = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return stacked[np.concatenate(self._rows)].astype(np.float64, copy=False)

    def subset(self, positions: Sequence[NDArray[np.intp]]) -> Manifolds:
        """Keep some points of each manifold, given by their numbers in it; nothing is copied."""
        rows = [np.arange(a, b) for a, b in pairwise(self._starts)] if self._rows is None else self._rows
        kept = [members[chosen] for members, chosen in zip(rows, positions, strict=True)]
        return Manifolds(self._blocks, kept, self.names, self._matrix)

    def shuffled(self, generator: np.random.Generator) -> Manifolds:
        """Deal all points out again at random, each manifold keeping its number of points."""
        pooled = np.arange(self._starts[-1]) if self._rows is None else np.concatenate(self._rows)
        order = generator.permutation(pooled)
        parts = np.split(order, np.cumsum(self.n_points)[:-1])
        # Sorted rows are read in storage order; the order of points does not matter.
        return Manifolds(self._blocks, [np.sort(part) for part in parts], self.names, self._matrix)


ManifoldsLike: TypeAlias = Manifolds | Mapping[Any, ArrayLike] | Sequence[ArrayLike] | NDArray[Any]


def manifolds(X: ArrayLike, labels: Any) -> Manifolds:
    """Group the rows of a matrix by their labels.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Responses, one row per sample. Memory maps are not read here, and nothing is copied.
    labels : array_like of shape (n_samples,)
        Integers or strings; rows with the same label make a manifold. Strings may be of any kind (NumPy,
        pandas, HDF5; bytes are read as UTF-8); intervals (``pandas.cut``), periods and dates are used as
        text. If X and labels both have an index (pandas) or a coordinate (xarray) that says more than the
        number of the row, these must agree.

    Returns
    -------
    Manifolds
        A sequence of (n_points, n_features) arrays in the sorted order of the labels, with ``names``.

    Raises
    ------
    TypeError, ValueError
        If X is not a real matrix or labels do not fit its rows, are missing (None, NaN, NA), of several
        types, or floating-point numbers that are all different.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.arange(10.0).reshape(5, 2)
    >>> clouds = ng.manifolds(X, ["cat", "dog", "cat", "dog", "dog"])
    >>> clouds
    Manifolds(2 of 5 points, 2 features)
    >>> clouds.names, clouds[0]
    (array(['cat', 'dog'], dtype='<U3'), array([[0., 1.],
           [4., 5.]]))
    """
    matrix = _validate.as_matrix(X, "X")
    names, group = np.unique(_validate.as_labels(labels, len(matrix)), return_inverse=True)
    require_same_indices(
        [("X", _validate.row_index(X, "X")), ("labels", _validate.row_index(labels, "labels"))]
    )
    order = np.argsort(group, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(group))[:-1])
    return Manifolds([matrix], rows, names, "X")


def as_manifolds(value: Any, name: str = "manifolds") -> Manifolds:
    """Take what functions accept as manifolds: a Manifolds, a list or mapping of arrays, or (P, M, N)."""
    if isinstance(value, Manifolds):
        return value
    names: Any = None
    if isinstance(value, Mapping):
        names, value = as_names(list(value), len(value), f"the keys of {name}"), list(value.values())
    blocks = _as_blocks(value, name)
    if _looks_transposed(blocks):
        rows, columns = blocks[0].shape
        warnings.warn(
            f"each of {name} has {rows} points of {columns} features: if these are features x points, "
            "transpose them (rows must be points)",
            UserWarning,
            stacklevel=_validate.user_level(),
        )
    return Manifolds(blocks, None, np.arange(len(blocks)) if names is None else np.array(names))


def mean_point(clouds: Manifolds) -> tuple[float, FloatArray]:
    """Largest magnitude in the data and the mean of all points; reads one manifold at a time."""
    size, total = 0.0, np.zeros(clouds.n_features)
    for m, cloud in enumerate(clouds):
        clouds.require_finite(m)
        data = np.asarray(cloud, dtype=np.float64)
        size = max(size, float(data.max()), -float(data.min()))
        with np.errstate(over="ignore"):  # the check below catches an overflow
            total += data.mean(axis=0) * len(data)
    _validate.require_magnitude(size, "manifolds")
    return size, total / clouds.n_points.sum()


def _as_blocks(manifolds: Any, name: str = "manifolds") -> list[AnyArray]:
    """Take a list of (n_points, n_features) arrays or one (P, M, N) array; no copies are made."""
    if isinstance(manifolds, (str, bytes)):
        raise TypeError(
            f"{name} must be a list of arrays, a mapping or a 3-d array, not {type(manifolds).__name__}"
        )
    if not isinstance(manifolds, (list, tuple)):
        if not isinstance(manifolds, Iterable) and not hasattr(manifolds, "__dlpack__"):
            raise TypeError(
                f"{name} must be a list of arrays, a mapping or a 3-d array, not {type(manifolds).__name__}"
            )
        if hasattr(manifolds, "__array__") or hasattr(manifolds, "__dlpack__"):
            manifolds = _validate.as_array(manifolds, name)
            if manifolds.ndim != 3:
                advice = "for one matrix with labels use neurogeom.manifolds(X, labels)"
                if manifolds.ndim > 3:
                    advice = f"flatten the features: {name}.reshape(*{name}.shape[:2], -1)"
                raise ValueError(
                    f"{name} given as one array must have shape (manifold, point, feature), not "
                    f"{manifolds.shape}; {advice}"
                )
        manifolds = list(manifolds)
    if len(manifolds) == 0:
        raise ValueError(f"{name} is empty")
    _refuse_pairs(manifolds, name)
    blocks = [_validate.as_matrix(block, f"{name}[{i}]") for i, block in enumerate(manifolds)]
    places = [f"{name}[{i}]" for i in range(len(blocks))]
    _validate.require_same_columns(
        (place, _validate.column_index(m, place)) for place, m in zip(places, manifolds, strict=True)
    )
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1:
        hint = ""
        if len({block.shape[0] for block in blocks}) == 1:
            hint = "; the first axes agree, so the arrays look transposed: rows must be points"
        raise ValueError(f"{name} must agree in the number of features, not have {sorted(widths)}{hint}")
    return blocks


def _refuse_pairs(manifolds: Sequence[Any], name: str) -> None:
    """Refuse pairs of a key and points, as in pandas groups or the items of a dict."""
    first = manifolds[0]
    if isinstance(first, tuple) and len(first) == 2:
        key, points = (getattr(entry, "shape", ()) for entry in first)
        if key == () and len(points) == 2:
            raise TypeError(
                f"{name}[0] is a pair of {_validate.shown(first[0])} and a {type(first[1]).__name__}: for a "
                "table with labels use neurogeom.manifolds(X, labels), else pass a dict {key: points} or the "
                "points alone"
            )


def _looks_transposed(blocks: Sequence[AnyArray]) -> bool:
    """Return whether arrays are probably features x points: equally many rows, far more than columns."""
    rows, columns = blocks[0].shape
    same = all(block.shape[0] == rows for block in blocks)
    return same and rows >= 400 and rows >= 8 * columns
