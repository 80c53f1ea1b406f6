"""Checks of user input; every error text of the input checks stands in this file.

The rule: wrong type -> ``TypeError``, wrong shape or value -> ``ValueError``, each with the argument's
name and what was received. Nothing is repaired and nothing is written to.
"""

from __future__ import annotations

import importlib
import math
import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]

_SCAN_BYTES = 1 << 24  # a large (perhaps memory-mapped) item is scanned for NaN in pieces of this size


def as_array(value: Any, name: str) -> AnyArray:
    """Take anything that is an array of real numbers on the CPU, without converting its dtype."""
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        value = np.from_dlpack(value)
    try:
        array: AnyArray = np.asanyarray(value)
    except ValueError as error:  # NumPy's text for ragged nesting does not name the argument
        raise ValueError(f"{name} cannot be read as one array: {error}") from None
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; drop or fill the masked values first")
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} must hold real numbers of at most 64 bits, not dtype {array.dtype}")
    return array


def as_matrix(value: Any, name: str) -> AnyArray:
    """Take a non-empty two-dimensional array, dtype and layout as they are."""
    array = as_array(value, name)
    if array.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, not of shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    return array


def as_float_matrix(value: Any, name: str) -> FloatArray:
    """Take a finite, non-empty matrix as contiguous float64 (no copy where it is one already)."""
    array = np.ascontiguousarray(as_matrix(value, name), dtype=np.float64)
    require_finite(array, name)
    return array


def as_float_vector(value: ArrayLike, name: str) -> FloatArray:
    """Take a finite, non-empty one-dimensional float64 array."""
    array = np.ascontiguousarray(as_array(value, name), dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one-dimensional and not empty, not of shape {array.shape}")
    require_finite(array, name)
    return array


def require_finite(array: AnyArray, name: str) -> None:
    """Raise with the first position of a NaN or infinity."""
    if array.dtype.kind != "f":
        return
    rows = max(1, _SCAN_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        bad = ~np.isfinite(array[start : start + rows])
        if bad.any():
            first = np.argwhere(bad)[0]
            position = (int(first[0]) + start, *(int(i) for i in first[1:]))
            refuse_not_finite(name, position, array[position])


def refuse_not_finite(name: str, position: tuple[int, ...], value: Any) -> None:
    """Refuse a NaN or infinity."""
    shown = ", ".join(map(str, position))
    raise ValueError(f"{name}[{shown}] is {value}; all values must be finite")


def require_magnitude(scale: float, name: str) -> None:
    """Refuse values whose squares leave the range of float64."""
    if scale != 0 and not 1e-140 < scale < 1e140:
        raise ValueError(
            f"{name} has values of the order {scale:.3g}, whose squares leave the range of float64; "
            "rescale the data (the measures do not depend on a global scale)"
        )


def as_count(value: Any, name: str, *, minimum: int = 1) -> int:
    """Take an integer count."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {count}")
    return count


def as_number(value: Any, name: str) -> float:
    """Take one finite real number."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, not {number}")
    return number


def as_margin(value: Any, name: str = "margin") -> float:
    """Take a margin kappa >= 0."""
    margin = as_number(value, name)
    if margin < 0:
        raise ValueError(
            f"{name} must not be negative, not {margin}: a negative margin would let points lie on the "
            "wrong side of the hyperplane, which capacity theory does not count as separated"
        )
    return margin


def as_fraction(value: Any, name: str) -> float:
    """Take a number in the open interval (0, 1)."""
    number = as_number(value, name)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {number}")
    return number


def as_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Take one of a few words."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return str(value)


def as_labels(labels: ArrayLike, n_rows: int, name: str = "labels") -> AnyArray:
    """Take one label (integer, string or bool) for each row."""
    try:
        array = np.asanyarray(labels)
    except ValueError as error:
        raise ValueError(f"{name} cannot be read as one array: {error}") from None
    if isinstance(array, np.ma.MaskedArray) or array.dtype.kind == "c":
        raise TypeError(f"{name} must be integers or strings, not complex or masked")
    if array.ndim != 1 or len(array) != n_rows:
        raise ValueError(
            f"{name} must give one label for each of the {n_rows} rows, not have shape {array.shape}"
        )
    if array.dtype.kind == "O":
        raise TypeError(f"{name} has dtype object; give integers or strings")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name}[{int(np.argmin(np.isfinite(array)))}] is not finite")
    return array


def as_manifold_blocks(manifolds: Any, name: str = "manifolds") -> list[AnyArray]:
    """Take a list of (n_points, n_features) arrays or one (P, M, N) array; no copies are made."""
    if isinstance(manifolds, (str, bytes, dict)):
        raise TypeError(f"{name} must be a list of arrays or a 3-d array, not {type(manifolds).__name__}")
    if not isinstance(manifolds, (list, tuple)):
        if not isinstance(manifolds, Iterable) and not hasattr(manifolds, "__dlpack__"):
            raise TypeError(f"{name} must be a list of arrays or a 3-d array, not {type(manifolds).__name__}")
        if hasattr(manifolds, "__array__") or hasattr(manifolds, "__dlpack__"):
            manifolds = as_array(manifolds, name)
            if manifolds.ndim != 3:
                raise ValueError(
                    f"{name} given as one array must have shape (manifold, point, feature), not "
                    f"{manifolds.shape}; for one matrix and labels use neurogeom.manifolds(X, labels)"
                )
        manifolds = list(manifolds)
    if len(manifolds) == 0:
        raise ValueError(f"{name} is empty")
    blocks = [as_matrix(block, f"{name}[{i}]") for i, block in enumerate(manifolds)]
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1:
        hint = ""
        if len({block.shape[0] for block in blocks}) == 1:
            hint = "; the first axes agree, so the arrays look transposed: rows must be points"
        raise ValueError(f"{name} must agree in the number of features, not have {sorted(widths)}{hint}")
    return blocks


def looks_transposed(blocks: Sequence[AnyArray]) -> bool:
    """Say whether (features x points) arrays were probably given: far more rows than columns, often."""
    rows, columns = blocks[0].shape
    same = all(block.shape[0] == rows for block in blocks)
    return same and rows >= 400 and rows >= 8 * columns


def as_nonnegative(value: Any, name: str, *, zero: bool = True, infinite: bool = False) -> FloatArray:
    """Take a number or an array of numbers >= 0 (> 0 without `zero`; infinity only on request)."""
    array = np.asarray(as_array(value, name), dtype=np.float64)
    good = (array >= 0 if zero else array > 0) & (infinite | (array < np.inf))
    if not good.all():
        position, shown = _first(~good, name)
        need = ("not negative" if zero else "positive") + (" (it may be inf)" if infinite else "")
        finite = "" if infinite else " and finite"
        raise ValueError(f"{shown} must be {need}{finite}, not {array[position]}")
    return array


def as_margins(value: Any, name: str = "margin") -> FloatArray:
    """Take a margin kappa >= 0 or an array of them."""
    array = np.asarray(as_array(value, name), dtype=np.float64)
    bad = ~((array >= 0) & (array < np.inf))
    if bad.any():
        position, shown = _first(bad, name)
        as_margin(array[position], shown)
    return array


def _first(bad: AnyArray, name: str) -> tuple[tuple[int, ...], str]:
    """Give the position of the first True and how to call that entry."""
    position = tuple(int(i) for i in np.argwhere(bad)[0])
    return position, f"{name}[{', '.join(map(str, position))}]" if position else name


def broadcast(**arrays: FloatArray) -> list[FloatArray]:
    """Broadcast arrays against each other."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"the shapes do not broadcast against each other: {shapes}") from None


def require_variance(matrix: AnyArray, name: str) -> None:
    """Refuse a matrix whose rows are all the same."""
    if (matrix == matrix[0]).all():
        raise ValueError(f"{name} has no variance: all of its {len(matrix)} rows are the same")


def require_same_width(first: AnyArray, first_name: str, second: AnyArray, second_name: str) -> None:
    """Refuse matrices whose rows live in different spaces."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{first_name} and {second_name} must have rows of one length, not {first.shape[1]} and "
            f"{second.shape[1]}"
        )


def require_draws(draws: Sequence[FloatArray], n_manifolds: int, n_samples: int, width: int) -> None:
    """Refuse user-given draws that do not fit the manifolds."""
    if len(draws) != n_manifolds:
        raise ValueError(f"gaussians holds {len(draws)} arrays for {n_manifolds} manifolds")
    for i, array in enumerate(draws):
        if array.shape != (n_samples, width):
            raise ValueError(
                f"gaussians[{i}] must have shape (n_samples, n_features + 1) = {(n_samples, width)}, "
                f"not {array.shape}"
            )


def as_signs(value: Any, n_rows: int, n_columns: int, name: str) -> NDArray[np.int8]:
    """Take labels +1 and -1, one row a sample and one column a manifold."""
    array = as_array(value, name)
    if array.shape != (n_rows, n_columns):
        raise ValueError(
            f"{name} must have shape (n_samples, n_manifolds) = {(n_rows, n_columns)}, not {array.shape}"
        )
    bad = (array != 1) & (array != -1) if array.dtype.kind in "fi" else np.ones(array.shape, dtype=bool)
    if bad.any():
        position, shown = _first(bad, name)
        raise ValueError(f"{shown} is {array[position]}; labels must be +1 or -1")
    return np.ascontiguousarray(array, dtype=np.int8)


def as_task(value: Any, name: str) -> NDArray[np.int8]:
    """Take one label -1, 0 or +1 for each manifold."""
    array = as_array(value, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one-dimensional and not empty, not of shape {array.shape}")
    bad = ~np.isin(array, (-1, 0, 1)) | (array.dtype.kind == "b")
    if bad.any():
        position, shown = _first(bad, name)
        raise ValueError(f"{shown} is {array[position]}; labels must be -1, 0 or +1")
    return np.ascontiguousarray(array, dtype=np.int8)


def require_fewer(value: int, name: str, limit: int, limit_name: str) -> None:
    """Refuse a count that is not below a limit."""
    if value >= limit:
        raise ValueError(f"{name} must be below {limit_name} ({limit}), not {value}")


def require_length(array: AnyArray, name: str, length: int, what: str) -> None:
    """Refuse a vector that has not one entry for each of something."""
    if len(array) != length:
        raise ValueError(f"{name} must have one entry for each {what} ({length}), not {len(array)}")


def require_shape(array: AnyArray, name: str, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {array.shape}")


def require_pair(n_manifolds: int, what: str) -> None:
    """Refuse one manifold where a measure compares several."""
    if n_manifolds < 2:
        raise ValueError(f"manifolds holds one manifold; {what}: give at least two")


def require_finite_manifolds(manifolds: Iterable[AnyArray], name: str = "manifolds") -> None:
    """Raise with the first position of a NaN or infinity in any manifold."""
    for m, points in enumerate(manifolds):
        require_finite(points, f"{name}[{m}]")


def require_some_variance(extent: float, name: str) -> None:
    """Refuse data without any extent."""
    if extent == 0:
        raise ValueError(f"{name} has no variance: all points are the same")


def as_axes(value: Any, name: str, centers: FloatArray) -> FloatArray:
    """Take (n_manifolds, n_axes, n_features) axes that belong to these (n_manifolds, n_features) centres."""
    array = np.ascontiguousarray(as_array(value, name), dtype=np.float64)
    if array.ndim != 3 or (array.shape[0], array.shape[2]) != centers.shape or array.size == 0:
        n_manifolds, n_features = centers.shape
        raise ValueError(
            f"{name} must have shape (n_manifolds, n_axes, n_features) = ({n_manifolds}, >= 1, {n_features})"
            f", not {array.shape}"
        )
    require_finite(array, name)
    return array


def require_at_most(value: int, name: str, limit: int, limit_name: str) -> None:
    """Refuse a count above a limit."""
    if value > limit:
        raise ValueError(f"{name} must be at most {limit_name} ({limit}), not {value}")


def as_correlation(value: Any, name: str, *, one: bool = True) -> float:
    """Take a correlation from 0 to 1 (below 1 unless `one`)."""
    number = as_number(value, name)
    if not (0 <= number < 1 or (one and number == 1)):
        raise ValueError(f"{name} must lie between 0 and 1{'' if one else ' (below 1)'}, not {number}")
    return number


def require_several(count: int, name: str) -> None:
    """Refuse a single manifold: a dichotomy divides two or more."""
    if count < 2:
        raise ValueError(f"{name} must hold at least two manifolds, which dichotomies divide, not {count}")


def require_extent(extent: float, name: str) -> None:
    """Refuse points that all lie in one place."""
    if extent == 0:
        raise ValueError(f"{name} has no extent: all points are the same (or zero, without centring)")


def require_features(count: int, name: str, least: int) -> None:
    """Refuse data with too few features."""
    if count < least:
        raise ValueError(f"{name} must have at least {least} features, not {count}")


def require_extra(module: str, extra: str, what: str) -> Any:
    """Import an optional library, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if module == "zarr" and sys.version_info < (3, 11):  # where pip finds none
            here = ".".join(map(str, sys.version_info[:2]))
            raise ImportError(f"{what} needs Zarr 3, which needs Python 3.11: this is {here}") from error
        raise ImportError(f"{what} needs {module}: pip install 'neurogeom[{extra}]'") from error
