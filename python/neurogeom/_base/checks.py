"""Checks of user input that several folders share.

The rule: wrong type -> ``TypeError``, wrong shape or value -> ``ValueError``, each with the argument's
name and what was received. No input is repaired or written to.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import math
import numbers
import operator
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]

_Function = TypeVar("_Function", bound=Callable[..., Any])
# What other packages call our keywords.
_MEANT = {
    "random_state": "rng",
    "random_seed": "rng",
    "seed": "rng",
    "n_jobs": "n_threads",
    "num_threads": "n_threads",
    "n_workers": "n_threads",
}
_SCAN_BYTES = 1 << 24  # a large (perhaps memory-mapped) item is scanned for NaN in pieces of this size


def as_array(value: Any, name: str) -> AnyArray:
    """Take anything that is an array of real numbers on the CPU, without converting its dtype."""
    value = _for_numpy(value, name)
    try:
        array: AnyArray = np.asanyarray(value)
    except ValueError as error:  # NumPy's text for ragged nesting does not name the argument
        raise ValueError(f"{name} cannot be read as one array: {error}") from None
    except (TypeError, RuntimeError) as error:  # from the library that the object belongs to
        raise TypeError(f"{name} cannot be read as an array: {error}") from None
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; drop or fill the masked values first")
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} must hold real numbers of at most 64 bits, not dtype {array.dtype}")
    return array


def _for_numpy(value: Any, name: str) -> Any:
    """Handle what NumPy would misread, or would refuse without naming the argument; nothing is imported."""
    if hasattr(value, "detach") and hasattr(value, "device"):
        return _from_torch(value, name)
    if hasattr(value, "nnz") and not hasattr(value, "__array__"):
        raise TypeError(f"{name} is a sparse matrix of shape {value.shape}: make it dense first (.toarray())")
    if hasattr(value, "iloc"):
        return _from_pandas(value, name)
    require_own_order(value, name)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value)
    return value


def require_own_order(value: Any, name: str) -> None:
    """Refuse an h5py dataset whose attribute says that its axes are reversed."""
    if hasattr(value, "attrs") and hasattr(value, "file") and "MATLAB_class" in value.attrs:
        raise TypeError(  # transposing it here would be wrong for text and for empty arrays
            f"{name} is a dataset written by MATLAB, which stores the axes in reverse: open its file with "
            "ng.io.open_items, or pass its values transposed (dataset[...].T)"
        )


def _from_torch(tensor: Any, name: str) -> Any:
    """Take a tensor on the CPU, detached; formats that NumPy lacks are widened, which is exact."""
    device = str(tensor.device)
    if device.startswith("meta"):
        raise TypeError(f"{name} is a tensor on 'meta', which holds no values")
    if not device.startswith("cpu"):
        raise TypeError(f"{name} is a tensor on {device!r}: move it to the CPU first (.cpu())")
    if str(getattr(tensor, "layout", "torch.strided")) != "torch.strided":
        raise TypeError(f"{name} is a sparse tensor ({tensor.layout}): make it dense first (.to_dense())")
    tensor = tensor.detach()
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    if str(getattr(tensor, "dtype", "")).startswith(("torch.bfloat16", "torch.float8")):
        tensor = tensor.float()
    return tensor.resolve_neg() if hasattr(tensor, "resolve_neg") else tensor


def _from_pandas(frame: Any, name: str) -> AnyArray:
    """Take the numbers of a DataFrame or Series, missing ones as NaN."""
    columns = (
        [(frame.name, frame.dtype)] if frame.ndim == 1 else zip(frame.columns, frame.dtypes, strict=True)
    )
    for column, dtype in columns:
        if dtype.kind not in "fiubc":
            advice = ""
            if frame.ndim == 2:
                advice = (
                    f": convert it (.astype(float)), leave it out (.drop(columns=[{column!r}])), or make it "
                    f"the index if it names rows (.set_index({column!r}))"
                )
            where = f"column {column!r} of {name}" if frame.ndim == 2 else name
            raise TypeError(f"{where} must hold real numbers, not dtype {dtype}{advice}")
    array: AnyArray = frame.to_numpy()
    # Columns of several dtypes, or of pandas's own dtypes that allow missing values.
    return array if array.dtype.kind != "O" else frame.to_numpy(dtype=np.float64, na_value=np.nan)


def as_matrix(value: Any, name: str) -> AnyArray:
    """Take a non-empty two-dimensional array, dtype and layout as they are."""
    array = as_array(value, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be two-dimensional, not of shape {array.shape}"
            + ("; flatten the other axes first" if array.ndim > 2 else "")
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    return array


def as_float_matrix(value: Any, name: str) -> FloatArray:
    """Take a finite, non-empty matrix as contiguous float64 (no copy if it is already)."""
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
    position = first_not_finite(array)
    if position is not None:
        refuse_not_finite(name, position, array[position])


def first_not_finite(array: AnyArray) -> tuple[int, ...] | None:
    """Find the first position of a NaN or infinity."""
    if array.dtype.kind != "f":
        return None
    rows = max(1, _SCAN_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        bad = ~np.isfinite(array[start : start + rows])
        if bad.any():
            first = np.argwhere(bad)[0]
            return (int(first[0]) + start, *(int(i) for i in first[1:]))
    return None


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
        raise TypeError(f"{name} must be an integer, not {shown(value)}")
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
    """Take one of several words."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {shown(value)}")
    return str(value)


def as_labels(labels: Any, n_rows: int | None, name: str = "labels") -> AnyArray:
    """Take one class (integer, string, bool, recurring number) per row; any number of rows for None."""
    array = as_label_array(labels, n_rows, name)
    if array.dtype.kind == "f" and len(array) > 1:
        distinct = np.unique(array)
        if len(distinct) == len(array) and (array != np.floor(array)).any():
            shown = ", ".join(f"{value:.6g}" for value in array[:3])
            raise ValueError(
                f"{name} are {len(array)} floating-point numbers that are all different ({shown}, ...): they "
                "look like a quantity, such as the target of a regression, not like classes; bin them "
                "(numpy.digitize) or pass integers or strings"
            )
    return array


def as_label_array(value: Any, n_rows: int | None, name: str) -> AnyArray:
    """Take one label for each row: strings of any kind, which become `str`, numbers, bools or times."""
    if not hasattr(value, "iloc"):
        value = _for_numpy(value, name)
    try:
        array: AnyArray = np.asanyarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be read as one array: {error}") from None
    if isinstance(array, np.ma.MaskedArray) or array.dtype.kind not in "biufUSTOMm":
        masked = "masked " if isinstance(array, np.ma.MaskedArray) else ""
        raise TypeError(f"{name} must be integers or strings, not {masked}{array.dtype}")
    if array.ndim != 1 or n_rows not in (None, len(array)):
        rows = "row" if n_rows is None else f"of the {n_rows} rows"
        raise ValueError(f"{name} must give one label for each {rows}, not have shape {array.shape}")
    if array.dtype.kind in "fMm":
        _require_none_missing(np.flatnonzero(array != array).tolist(), array, name)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name}[{int(np.argmin(np.isfinite(array)))}] is not finite")
    if array.dtype.kind not in "USTO":
        return array
    # In a list, NumPy turns whatever stands beside strings into strings.
    is_list = not hasattr(value, "__array__")
    if array.dtype.kind == "U" and not is_list:
        if (array == "nan").any():
            warnings.warn(
                f"{name}[{int(np.argmax(array == 'nan'))}] is the string 'nan', which is what NumPy turns "
                "missing values among strings into; it is taken as a label",
                UserWarning,
                stacklevel=user_level(),
            )
        return array
    return _from_objects(list(value) if is_list else array.tolist(), name)


def _from_objects(entries: list[Any], name: str) -> AnyArray:
    """Make an array from a list of entries, which must all be of one kind."""
    _require_none_missing([i for i, entry in enumerate(entries) if is_missing(entry)], entries, name)
    kinds = [_kind_of(entry) for entry in entries]
    kind = kinds[0] if kinds else str
    other = next((i for i, own in enumerate(kinds) if own is not kind), None)
    if other is not None:
        first, second = (type(entries[i]).__name__ for i in (0, other))
        raise TypeError(
            f"{name} mix {first} ({name}[0] is {shown(entries[0])}) and {second} ({name}[{other}] is "
            f"{shown(entries[other])}): use one type for all labels"
        )
    if kind is bytes:
        return np.array([as_text(entry, f"{name}[{i}]") for i, entry in enumerate(entries)], dtype=np.str_)
    if kind is str:
        return np.array(entries, dtype=np.str_)
    if kind.__module__.partition(".")[0] in ("pandas", "datetime"):  # intervals of pandas.cut, periods, dates
        return np.array([str(entry) for entry in entries], dtype=np.str_)
    array = np.array(entries)
    if kind is not numbers.Real or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}[0] is {shown(entries[0])} of type {type(entries[0]).__name__}; pass integers or strings "
            "(in pandas: .astype(str))"
        )
    return array


def _kind_of(entry: Any) -> type:
    for kind in (bytes, str, numbers.Real):
        if isinstance(entry, kind):
            return kind
    return numbers.Real if isinstance(entry, np.bool_) else type(entry)


def is_missing(entry: Any) -> bool:
    """Return whether an entry stands for a missing value: None, NaN, or pandas's NA or NaT."""
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(entry, (numbers.Number, np.datetime64, np.timedelta64)) and bool(entry != entry)


def _require_none_missing(positions: list[int], entries: Any, name: str) -> None:
    """Refuse labels that are missing."""
    if positions:
        at = ", ".join(map(str, positions[:5])) + (
            f" and {len(positions) - 5} more" if len(positions) > 5 else ""
        )
        raise ValueError(
            f"{name} has missing values ({entries[positions[0]]}) at position{'s' * (len(positions) > 1)} "
            f"{at}: give each row a label, or leave these rows out"
        )


def as_text(value: Any, name: str) -> str:
    """Take a name as ordinary text; bytes are decoded as UTF-8."""
    if is_missing(value):
        raise ValueError(f"{name} is missing ({value})")
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is {bytes(value)!r}, which is not UTF-8: decode it first") from None


def shown(value: Any) -> str:
    """Show a value in an error; a NumPy scalar is shown as the Python one it stands for."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def as_size(n_bytes: float) -> str:
    """Show a number of bytes in an error, to three digits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= 0.9995 * size:
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """What a pandas index, an xarray coordinate or the user's ids call the rows (or columns)."""

    ids: AnyArray
    counts: bool = False  # whether they only count rows, as by default
    is_shuffled: bool = False  # whether they count rows, but in another order

    @property
    def position_missing(self) -> int | None:
        """Where the first missing value is."""
        if self.ids.dtype.kind == "O":
            return next((i for i, entry in enumerate(self.ids.tolist()) if is_missing(entry)), None)
        missing = np.flatnonzero(self.ids != self.ids)
        return int(missing[0]) if missing.size else None

    @property
    def names(self) -> AnyArray | None:
        """What tells rows apart: None if they are only counted or some are missing."""
        return None if self.counts or self.position_missing is not None else self.ids

    @property
    def has_repeats(self) -> bool:
        """Whether a value occurs more than once."""
        return len(np.unique(self.ids)) < len(self.ids)


def row_index(value: Any, name: str) -> Index | None:
    """Return what a pandas index or an xarray coordinate calls the rows; None if there is none."""
    return _axis_index(value, 0, name)


def column_index(value: Any, name: str) -> Index | None:
    """Return what pandas or xarray call the columns; None if some have no name or share one."""
    found = _axis_index(value, 1, name)
    return None if found is None or found.position_missing is not None or found.has_repeats else found


def _axis_index(value: Any, axis: int, name: str) -> Index | None:
    unnamed = False
    if hasattr(value, "iloc"):
        if axis == value.ndim:
            return None
        index = value.index if axis == 0 else value.columns
        name = f"the {('index', 'columns')[axis]} of {name}"
        unnamed = axis == 0 and index.name is None
    elif hasattr(value, "coords") and axis < len(getattr(value, "dims", ())):
        along = {str(key): one for key, one in value.coords.items() if one.dims == (value.dims[axis],)}
        # The coordinate of the dimension itself, else the only one along it.
        key = str(value.dims[axis])
        if len(along) == 1:
            key = next(iter(along))
        if key not in along:
            return None
        index, name = along[key], f"the coordinate {key!r} of {name}"
    else:
        return None
    labels: AnyArray = np.array(np.asarray(index))  # a copy
    if labels.dtype.kind == "O":
        entries = labels.tolist()
        kinds = {_kind_of(entry) for entry in entries if not is_missing(entry)}
        if kinds not in ({str}, {bytes}, {numbers.Real}):
            # Tuples of levels, periods, times with a zone, a mixture: known by how they are shown.
            for i, entry in enumerate(entries):
                labels[i] = entry if is_missing(entry) else str(entry)
    if Index(labels).position_missing is not None:
        return Index(labels)  # which matters only if it is compared
    labels = as_label_array(labels, len(labels), name)
    if labels.dtype.kind not in "iu" or not len(labels):
        return Index(labels)
    # A slice of a table counts on from where it starts.
    count = np.arange(len(labels)) + (labels.min() if unnamed else 0)
    counts = np.array_equal(labels, count)
    return Index(labels, counts, unnamed and not counts and np.array_equal(np.sort(labels), count))


def require_no_gaps(index: Index, name: str) -> None:
    """Refuse an index with missing values if it has to identify rows."""
    if index.position_missing is not None:
        entries = index.ids.tolist()
        missing = [i for i, entry in enumerate(entries) if is_missing(entry)]
        _require_none_missing(missing or [index.position_missing], entries, f"the index of {name}")


def require_same_columns(entries: Iterable[tuple[str, Index | None]]) -> None:
    """Refuse pandas or xarray objects (label, columns) whose columns are not the same units in one order.

    Columns that are only counted say nothing, unless others have the same numbers in another order.
    """
    known: dict[bool, tuple[str, Index]] = {}
    for other_label, other in entries:
        if other is None:
            continue
        for label, first in known.values():
            if len(first.ids) != len(other.ids):  # reported by a check of its own
                continue
            mine, theirs = first.ids.tolist(), other.ids.tolist()
            same_set = set(mine) == set(theirs)
            at = next(
                (i for i, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]), None
            )
            if at is not None and (same_set or not (first.counts or other.counts)):
                what = "are in another order than" if same_set else "are other units than"
                advice = f"reorder them ({other_label}[{label}.columns])" if same_set else "use the same"
                raise ValueError(
                    f"the columns of {other_label} {what} those of {label}: column {at} is {theirs[at]!r}, "
                    f"not {mine[at]!r}; {advice}, or drop the names (to_numpy()) if units already correspond"
                )
        known.setdefault(other.counts, (other_label, other))


def first_of(bad: AnyArray, name: str) -> tuple[tuple[int, ...], str]:
    """Return the position of the first True, and that entry's name."""
    position = tuple(int(i) for i in np.argwhere(bad)[0])
    return position, f"{name}[{', '.join(map(str, position))}]" if position else name


def rounding_of(dtype: np.dtype[Any]) -> float:
    """Return how far rounding may move an entry from its mirror image, as a share of the largest entry.

    Both are sums of the same terms, some thousand of them, in different orders. They differ by about half a
    unit of the dtype times the square root of the number of terms: 32 units in float32 and float16. float64
    is allowed more.
    """
    return max(1e-10, 32 * float(np.finfo(dtype).eps)) if dtype.kind == "f" else 0.0


def require_symmetric_values(array: FloatArray, given: np.dtype[Any], name: str, advice: str = "") -> None:
    """Refuse a square matrix that is not symmetric up to rounding in the dtype it was given in."""
    if np.abs(array - array.T).max() > rounding_of(given) * np.abs(array).max():
        raise ValueError(f"{name} is not symmetric{advice}")


def require_extra(module: str, extra: str, what: str) -> Any:
    """Import an optional library, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if module == "zarr" and sys.version_info < (3, 11):  # where pip finds none
            here = ".".join(map(str, sys.version_info[:2]))
            raise ImportError(f"{what} needs Zarr 3, which needs Python 3.11: this is {here}") from error
        raise ImportError(f"{what} needs {module}: pip install 'neurogeom[{extra}]'") from error


def explain_keywords(function: _Function) -> _Function:
    """Make a public function say what to write when it gets a keyword of another package."""
    known = inspect.signature(function).parameters
    takes = [name for name, one in known.items() if one.kind is one.POSITIONAL_OR_KEYWORD]

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs.keys() - known.keys():
            if (meant := _MEANT.get(name)) in known:
                value = kwargs[name]
                if meant == "n_threads" and isinstance(value, int) and value < 1:
                    value = None  # all cores, as -1 says elsewhere
                raise TypeError(f"{function.__name__}() has no keyword {name!r}: use {meant}={shown(value)}")
        if takes == ["manifolds"] and len(args) > 1:
            raise TypeError(
                f"{function.__name__}() takes one positional argument: for data with labels use "
                f"{function.__name__}(neurogeom.manifolds(X, labels))"
            )
        return function(*args, **kwargs)

    return cast(_Function, checked)


def user_level() -> int:
    """Return the `stacklevel` that makes a warning point to the first line outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "neurogeom":
        level, frame = level + 1, frame.f_back
    return level
