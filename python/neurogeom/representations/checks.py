"""Checks of representations that are compared with each other; continues :mod:`neurogeom._validate`."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.checks import (
    AnyArray,
    FloatArray,
    Index,
    as_array,
    as_float_matrix,
    as_label_array,
    as_number,
    as_text,
    require_finite,
    require_no_gaps,
    require_own_order,
    require_symmetric_values,
    rounding_of,
    row_index,
    shown,
    user_level,
)

# Data whose squares leave the range of float64 in sums.
SMALLEST, LARGEST = 1e-140, 1e140


class TooLittleDataError(ValueError):
    """Says that a measure is not defined for an item, given the stimuli that there are of it."""


def as_responses(value: Any, name: str) -> AnyArray:
    """Take a matrix of at least two stimuli and one unit, as it is."""
    array = as_array(value, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be two-dimensional (n_stimuli, n_units), not of shape {array.shape}"
            + ("; flatten the other axes first" if array.ndim > 2 else "")
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    if len(array) < 2:
        raise ValueError(f"{name} has one stimulus; a representation needs at least two")
    return array


def as_ids(value: ArrayLike, n_stimuli: int, name: str) -> AnyArray:
    """Take one distinct label for each stimulus."""
    array = as_label_array(value, n_stimuli, name)
    distinct, counts = np.unique(array, return_counts=True)
    if len(distinct) < len(array):
        raise ValueError(
            f"{name} must be distinct, but {shown(distinct[np.argmax(counts)])} occurs more than once"
        )
    return array


def require_same_stimuli(
    first: tuple[str, int, AnyArray | None],
    second: tuple[str, int, AnyArray | None],
    widths: Iterable[int] = (),
) -> None:
    """Refuse items (label, number of stimuli, ids) whose rows are not the same stimuli in the same order.

    Where the widths of all items are one, they are perhaps transposed.
    """
    (label, count, ids), (other_label, other_count, other_ids) = first, second
    if count != other_count:
        distinct = set(widths)
        hint = ""
        if len(distinct) == 1:
            hint = f"; all have {distinct.pop()} columns: if these are units x stimuli, transpose them"
        raise ValueError(
            f"all representations must have rows for the same stimuli, but {label} has {count} and "
            f"{other_label} has {other_count}{hint}"
        )
    if ids is None or other_ids is None:
        return
    if ids.dtype == other_ids.dtype and np.array_equal(ids, other_ids):
        return
    mine, theirs = ids.tolist(), other_ids.tolist()
    at = next((i for i in range(count) if mine[i] != theirs[i]), None)
    if at is not None:
        what, advice = "the stimulus ids differ", "take the stimuli that all have"
        if set(mine) == set(theirs):
            what, advice = (
                "the order of the stimulus ids differs",
                "put the rows of one into the order of the other",
            )
        raise ValueError(
            f"{what}: row {at} is {mine[at]!r} in {label} but {theirs[at]!r} in {other_label}; {advice} (of "
            "DataFrames: Y.loc[X.index]), or leave ids out (X.to_numpy()) if rows correspond as they stand"
        )


def _require_same_index(first: tuple[str, Index], second: tuple[str, Index]) -> None:
    (label, index), (other_label, other) = first, second
    if not index.counts and not other.counts:
        for each, name in ((index, label), (other, other_label)):
            require_no_gaps(each, name)
        require_same_stimuli((label, len(index.ids), index.ids), (other_label, len(other.ids), other.ids))
        return
    if index.counts:
        label, index, other_label, other = other_label, other, label, index
    ids = index.ids
    same = not index.counts and ids.dtype.kind in "iu" and np.array_equal(np.sort(ids), other.ids)
    if same or index.is_shuffled:
        raise ValueError(
            f"the rows of {label} are in another order than those of {other_label}: the numbers of its index "
            f"count rows in another order: {', '.join(map(str, ids[:3]))}, ...; sort_index() puts them "
            "back, and to_numpy() gives the rows as they stand"
        )


def require_same_indices(entries: Iterable[tuple[str, Index | None]]) -> None:
    """Refuse objects (label, index) of pandas or xarray whose rows are not in the same order.

    One that only counts its rows says nothing, unless another counts them in another order. Those of either
    kind are compared with the first of both.
    """
    known: dict[bool, tuple[str, Index]] = {}
    n_named = 0
    for label, index in entries:
        if index is not None:
            for other in known.values():
                _require_same_index(other, (label, index))
            known.setdefault(index.counts, (label, index))
            n_named += not index.counts
    if n_named > 1 and known[False][1].has_repeats:
        label, index = known[False]
        values, counts = np.unique(index.ids, return_counts=True)
        warnings.warn(
            f"the index of {label} has repeated values (such as {shown(values[np.argmax(counts)])}), which "
            "cannot tell whether rows that share one are in the same order; an index of distinct values can",
            UserWarning,
            stacklevel=user_level(),
        )


def require_same_order(X: Any, Y: Any) -> None:
    """Refuse two objects of pandas or xarray whose rows are not in the same order."""
    require_same_indices((name, row_index(value, name)) for name, value in (("X", X), ("Y", Y)))


def require_normal_range(array: FloatArray, name: str) -> None:
    """Refuse data whose squares overflow or underflow."""
    require_normal_size(max(float(array.max()), -float(array.min())), name)


def require_normal_size(size: float, name: str) -> None:
    """Refuse data the largest of which have such a size that squares overflow or underflow."""
    if size != 0 and not SMALLEST < size < LARGEST:
        raise ValueError(
            f"{name} has values of the order {size:.3g}, whose squares leave the range of float64: rescale it"
        )


def require_no_infinity(array: AnyArray, name: str) -> None:
    """Refuse infinities where NaN stands for a missing value."""
    if np.isinf(array).any():
        require_finite(np.where(np.isnan(array), 0.0, array), name)


def require_spread(extent: float, name: str) -> None:
    """Refuse a representation that does not vary over stimuli."""
    if extent == 0:
        raise TooLittleDataError(
            f"{name} does not vary over stimuli, so that its distance to others is not defined"
        )


def as_names(value: Sequence[str] | None, count: int, name: str) -> list[str] | None:
    """Take one distinct name for each item."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or len(value) != count:
        raise ValueError(f"{name} must give one name for each of the {count} items")
    entries = np.asarray(value).tolist() if hasattr(value, "__array__") else list(value)
    names = [as_text(entry, f"{name}[{i}]") for i, entry in enumerate(entries)]
    require_distinct(names, name)
    return names


def require_distinct(names: Sequence[str], name: str) -> None:
    """Refuse names that occur twice."""
    seen: set[str] = set()
    for item in names:
        if item in seen:
            raise ValueError(f"{name} must be distinct, but {item!r} occurs more than once")
        seen.add(item)


def require_items(count: int, name: str, least: int = 1) -> None:
    """Refuse too few representations."""
    if count < least:
        raise ValueError(f"{name} must hold at least {least} representation{'s' * (least > 1)}, not {count}")


def as_dissimilarities(value: Any, name: str) -> FloatArray:
    """Take a condensed or square RDM as a condensed float64 vector of its own."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    require_finite(array, name)
    if array.ndim == 2:
        if array.shape[0] != array.shape[1] or len(array) < 2:
            raise ValueError(f"{name} as a matrix must be square, of two stimuli or more, not {array.shape}")
        require_symmetric_values(array, given.dtype, name, "; average it with its transpose if that is meant")
        if np.abs(np.diagonal(array)).max() > rounding_of(given.dtype) * np.abs(array).max():
            raise ValueError(f"{name} must have zeros on its diagonal")
        array = array[np.triu_indices(len(array), 1)]
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be condensed or square, not of shape {array.shape}")
    count = round((1 + (1 + 8 * array.size) ** 0.5) / 2)
    if count * (count - 1) // 2 != array.size:
        raise ValueError(
            f"{name} has {array.size} entries, which is m (m - 1) / 2 for no number of stimuli m"
        )
    return array


def as_out(value: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Take a writeable float64 array of the result's shape."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"out must be a float64 array of shape {shape}, not {found}")
    if not value.flags.writeable:
        raise ValueError("out is read-only")
    return value


def refuse_rdm(label: str, metric: str) -> None:
    """Refuse measured dissimilarities where responses are needed."""
    raise TypeError(f"{label} is an RDM, but {metric} needs responses (n_stimuli, n_units)")


def require_held_out(has: bool, metric: str, reason: str) -> None:
    """Refuse test data for a measure that has no use for them."""
    if not has:
        raise ValueError(f"{metric} {reason}, so it has no held-out form: leave out test")


def require_same_units(units: int, test_units: int, label: str) -> None:
    """Refuse test data of another width."""
    if units != test_units:
        raise ValueError(f"{label} must have the units of its training data ({units}), not {test_units}")


def require_square(square: bool) -> None:
    """Refuse the square or condensed form of a comparison of two sets."""
    if not square:
        raise ValueError("rows and columns are different items: use .values")


def require_symmetric(symmetric: bool, metric: str) -> None:
    """Refuse the condensed form of an asymmetric measure."""
    if not symmetric:
        raise ValueError(f"{metric} is not symmetric, so that its condensed form would drop half of it")


def require_single(count: int) -> None:
    """Refuse one output for several metrics."""
    if count != 1:
        raise ValueError(f"out takes the values of one metric, not of {count}")


def require_pair_of_tests(value: Any) -> tuple[Any, Any]:
    """Take test data for rows and columns."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError("with others, test must be a pair: test data of representations and of others")
    return value[0], value[1]


def as_tests(value: Any, names: Sequence[str], argument: str) -> list[Any]:
    """Take test data of each item, in the order of the items."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"{argument} must be a list of representations, not {type(value).__name__}")
    require_own_order(value, argument)
    if len(value) != len(names):
        raise ValueError(
            f"{argument} must hold test data for each of the {len(names)} items, not {len(value)}"
        )
    if not isinstance(value, Mapping):
        return list(value)
    by_name = {as_text(name, f"a name in {argument}"): data for name, data in value.items()}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise ValueError(
            f"{argument} has no data for {missing[0]!r}, but for {', '.join(map(repr, by_name))}"
        )
    return [by_name[name] for name in names]


def refuse_omission(what: str) -> None:
    """Refuse to omit stimuli where that has no meaning."""
    raise ValueError(f"nan_policy='omit' cannot be combined with {what}")


def refuse_metric_lookalike(value: Any, kind: type) -> None:
    """Refuse a class or a function in place of a metric object, or a second representation in its place."""
    if isinstance(value, kind):
        return
    if isinstance(value, type) and issubclass(value, kind):
        ours = "ng." * value.__module__.startswith("neurogeom.")
        raise TypeError(
            f"metric is the class {value.__name__}: give an object of it, {ours}{value.__name__}()"
        )
    if callable(value) and hasattr(value, "__name__"):
        what = "class" if isinstance(value, type) else "function"
        raise TypeError(
            f"metric is the {what} {value.__name__}: give a name, such as 'cka', or an object, ng.CKA()"
        )
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if not isinstance(value, str) and (
        hasattr(value, "shape") or hasattr(value, "n_stimuli") or hasattr(value, "ids")
    ):
        raise TypeError(
            "metric is an array or a representation: to compare X with Y give ng.cka(X, Y) for one pair, "
            "ng.pairwise([X, Y], metric) for a list, or ng.pairwise(Xs, metric, others=Ys) for two lists"
        )


def require_known_metric(value: Any, names: Iterable[str]) -> None:
    """Refuse what is neither a metric nor the name of one."""
    if not isinstance(value, str):
        raise TypeError(f"metric must be a name or a metric object, not {type(value).__name__}")
    if value not in names:
        known = ", ".join(map(repr, names))
        raise ValueError(
            f"metric must be one of {known} or an object, not {value!r}{did_you_mean(value, names)}"
        )


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """Name the one of some names that is most like a wrong one, for the end of an error."""
    near = difflib.get_close_matches(value.lower(), list(names), 1)
    return f": did you mean {near[0]!r}?" if near else ""


def as_alpha(value: Any, name: str = "alpha") -> float:
    """Take a degree of whitening from 0 to 1."""
    number = as_number(value, name)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie between 0 (CCA) and 1 (Procrustes), not {number}")
    return number


def as_flag(value: Any, name: str) -> bool:
    """Take True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)


def require_known_parameters(given: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Refuse names that are no parameters of an estimator."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{owner} has no parameter {unknown[0]!r}; it has {', '.join(known)}")


def require_equal_rows(rows: tuple[int, int], names: tuple[str, str]) -> None:
    """Refuse two matrices with different numbers of stimuli."""
    if rows[0] != rows[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have rows for the same stimuli, not {rows[0]} and {rows[1]} rows"
        )


def require_equal_widths(widths: Sequence[int], zero_pad: bool) -> None:
    """Refuse unequal numbers of units where they are not to be padded with zeros."""
    if not zero_pad and len(set(widths)) > 1:
        shown = ", ".join(map(str, sorted(set(widths))))
        raise ValueError(f"representations have different numbers of units ({shown}) and zero_pad is False")


def require_fitted_width(width: int, fitted: int, name: str) -> None:
    """Refuse data of other units than the alignment was fitted to."""
    if width != fitted:
        raise ValueError(f"{name} must have the {fitted} units that the alignment was fitted to, not {width}")


def as_cache(value: Any, fields: int, name: str) -> Any:
    """Take what `partial_fit` returned."""
    if not isinstance(value, tuple) or len(value) != fields:
        raise TypeError(f"{name} must be what partial_fit returned, not {type(value).__name__}")
    return value


def require_both_tests(first: Any, second: Any, names: tuple[str, str]) -> None:
    """Refuse test data of one set without those of the other."""
    if (first is None) != (second is None):
        given, missing = names if second is None else names[::-1]
        raise ValueError(f"{given} needs {missing} beside it")


def as_penalty(value: Any, name: str = "penalty") -> float:
    """Take a weight of a penalty, 0 or more."""
    number = as_number(value, name)
    if number < 0:
        raise ValueError(f"{name} must not be negative, not {number}")
    return number


def as_share(value: Any, name: str) -> float:
    """Take a share in the interval (0, 1]."""
    number = as_number(value, name)
    if not 0 < number <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, not {number}")
    return number


def require_folds(folds: int, n_stimuli: int, name: str) -> None:
    """Refuse more folds than stimuli."""
    if folds > n_stimuli:
        raise TooLittleDataError(f"folds is {folds}, but {name} has {n_stimuli} stimuli only")


def as_positive(value: Any, name: str) -> float:
    """Take a finite number above zero."""
    number = as_number(value, name)
    if number <= 0:
        raise ValueError(f"{name} must be positive, not {number}")
    return number


def require_cka_options(
    is_rbf: bool, estimator: str, bandwidth: float, batch_size: int | None, center: bool
) -> None:
    """Refuse options of CKA that would be ignored or have no meaning together."""
    if bandwidth != 1 and not is_rbf:
        raise ValueError(f"bandwidth is of kernel='rbf' only, but is {bandwidth}")
    if estimator == "minibatch" and batch_size is None:
        raise ValueError("estimator='minibatch' needs batch_size")
    if estimator != "minibatch" and batch_size is not None:
        raise ValueError(f"batch_size is of estimator='minibatch' only, not of {estimator!r}")
    if not center and estimator != "biased":
        raise ValueError(
            f"center=False is for estimator='biased' only: {estimator!r} is defined by its centring"
        )


def require_stimuli(count: int, least: int, name: str, measure: str) -> None:
    """Refuse too few stimuli."""
    if count < least:
        raise TooLittleDataError(f"{measure} needs at least {least} stimuli, but {name} has {count}")


def require_batch(size: int, count: int, name: str) -> None:
    """Refuse batches larger than the whole."""
    if size > count:
        raise TooLittleDataError(
            f"batch_size ({size}) is larger than the number of stimuli of {name} ({count})"
        )


def refuse_zero_gram(name: str) -> None:
    """Refuse a centred Gram matrix that is zero up to rounding."""
    raise TooLittleDataError(
        f"the centred Gram matrix of {name} is zero, so that its CKA to others is not defined"
    )


def require_median(median: float, name: str) -> None:
    """Refuse a median distance of zero as a unit."""
    if median == 0:
        raise TooLittleDataError(
            f"half or more of the pairs of stimuli of {name} are equal: their median distance, the unit of "
            "bandwidth, is 0"
        )


def as_gram(value: Any, count: int, name: str) -> FloatArray:
    """Take the Gram matrix that a user's kernel gave as float64 of its own."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    if array.shape != (count, count):
        raise ValueError(f"{name} must have shape {(count, count)}, not {array.shape}")
    require_finite(array, name)
    require_normal_range(array, name)
    require_symmetric_values(array, given.dtype, name)
    return array


def as_blocks(value: Any, widths: Sequence[int] | None, name: str) -> list[FloatArray]:
    """Take responses of several items to the same stimuli, of the widths of earlier blocks."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a list with an array for each item, not {type(value).__name__}")
    require_own_order(value, name)
    arrays = [as_float_matrix(entry, f"{name}[{i}]") for i, entry in enumerate(value)]
    require_items(len(arrays), name, 2)
    require_same_indices(
        [(f"{name}[{i}]", row_index(entry, f"{name}[{i}]")) for i, entry in enumerate(value)]
    )
    if widths is not None and len(arrays) != len(widths):
        raise ValueError(f"{name} must hold the {len(widths)} items of earlier blocks, not {len(arrays)}")
    for i, array in enumerate(arrays):
        require_normal_range(array, f"{name}[{i}]")
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"{name} must have rows for the same stimuli, but {name}[0] has {len(arrays[0])} and "
                f"{name}[{i}] has {len(array)}"
            )
        if widths is not None and array.shape[1] != widths[i]:
            raise ValueError(
                f"{name}[{i}] must have the {widths[i]} units of earlier blocks, not {array.shape[1]}"
            )
    return arrays


def require_fit_and_score(metric: Any) -> None:
    """Refuse what cannot be fitted and scored pair by pair."""
    if not (callable(getattr(metric, "fit", None)) and callable(getattr(metric, "score", None))):
        raise TypeError(f"metric must have fit and score, but {type(metric).__name__} has not")
