"""Checks of dissimilarities and of what they are computed with; continues :mod:`._validate_pairwise`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._base.checks import AnyArray, FloatArray, as_array, require_finite, require_symmetric_values
from ..representations.checks import TooLittleDataError


def as_covariance(value: Any, name: str) -> FloatArray:
    """Take variances (n,) or a symmetric covariance matrix (n, n) as a float64 array of its own."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0 or array.shape != (len(array),) * array.ndim:
        raise ValueError(
            f"{name} must be a vector of variances or a square matrix, not of shape {array.shape}"
        )
    require_finite(array, name)
    if array.ndim == 2:
        require_symmetric_values(array, given.dtype, name)
    variances = array if array.ndim == 1 else np.diagonal(array)
    if variances.min() <= 0:
        at = int(np.argmin(variances))
        raise ValueError(f"{name} must be positive definite, but its variance {at} is {variances[at]:.3g}")
    return array


def refuse_singular(name: str) -> None:
    """Refuse a covariance matrix that cannot be inverted."""
    raise ValueError(
        f"{name} is not positive definite (beyond rounding), so that it has no inverse: shrink it towards "
        "its diagonal, or give the variances alone"
    )


def require_covariance_size(size: int, expected: int, name: str, label: str, what: str) -> None:
    """Refuse a covariance matrix of another size than the item's."""
    if size != expected:
        raise ValueError(f"{name} is for {size} {what}, but {label} has {expected}")


def refuse_option(name: str, owner: str, given: str) -> None:
    """Refuse an option that the choice made has no use for."""
    raise ValueError(f"{name} belongs to {owner}, but here {given}")


def require_option(present: bool, name: str, owner: str, hint: str) -> None:
    """Refuse to leave out an option that the choice made needs."""
    if not present:
        raise ValueError(f"{owner} needs {name}: {hint}")


def require_same_rows(given: int, rows: int, name: str, label: str) -> None:
    """Refuse labels of observations that do not fit the item."""
    if given != rows:
        raise ValueError(
            f"{name} must give one label for each row, but has {given} and {label} has {rows} rows"
        )


def require_two(count: int, name: str, what: str) -> None:
    """Refuse a design with a single fold or stimulus."""
    if count < 2:
        raise ValueError(f"{name} must hold at least two different {what}, not {count}")


def require_equal_folds(counts: Sequence[int], labels: Sequence[Any]) -> None:
    """Refuse folds of different size where rows are known by their place in the fold."""
    if len(set(counts)) > 1:
        shown = ", ".join(f"{label!r}: {n}" for label, n in zip(labels, counts, strict=True))
        raise ValueError(f"without stimuli, all folds must have the same number of rows, not {{{shown}}}")


def refuse_missing_stimulus(stimulus: Any, fold: Any) -> None:
    """Refuse a fold that lacks a stimulus."""
    raise ValueError(
        f"each fold must have each stimulus, but fold {fold!r} has no row of stimulus {stimulus!r}"
    )


def refuse_degenerate_pattern(label: str, stimulus: int, problem: str, what: str) -> None:
    """Refuse a stimulus whose pattern has no direction."""
    raise ValueError(f"in {label}, stimulus {stimulus} {problem}, so that its {what} is not defined")


def require_rates(found: tuple[float, int, int], name: str, prior: float) -> None:
    """Refuse firing rates the least of which (with its position) is negative, or zero without a prior."""
    least, row, column = found
    if least < 0 or (least == 0 and prior == 0):
        problem = "must not be negative" if least < 0 else "must be positive where the prior has no weight"
        raise ValueError(f"{name}[{row}, {column}] is {least:g}; rates of the Poisson measure {problem}")


def require_not_negative(value: float, name: str) -> None:
    """Refuse a negative number."""
    if value < 0:
        raise ValueError(f"{name} must not be negative, not {value:g}")


def require_nonzero_rdm(size: float, label: str) -> None:
    """Refuse an RDM that has no direction."""
    if size == 0:
        raise TooLittleDataError(
            f"all dissimilarities of {label} are zero, so that its similarity is not defined"
        )


def require_varied_rdm(varied: bool, count: int, label: str) -> None:
    """Refuse an RDM whose entries are all the same where they are correlated or ranked."""
    if not varied:
        what = "there is one dissimilarity" if count == 1 else f"all {count} dissimilarities are equal"
        raise TooLittleDataError(f"in {label} {what}, so that a correlation with them is not defined")


def require_angle(has: bool, compare: str, allowed: Iterable[str]) -> None:
    """Refuse the angular form of a similarity that is no cosine."""
    if not has:
        raise ValueError(
            f"compare={compare!r} is no cosine, so that it has no angle: use one of "
            f"{', '.join(map(repr, allowed))}"
        )


def as_rdm_set(value: Any, name: str) -> tuple[AnyArray, dict[str, Any], dict[str, Any]]:
    """Take dissimilarities (n_rdms, n_pairs) and descriptors of what looks like rsatoolbox's RDMs."""
    wanted = ("dissimilarities", "rdm_descriptors", "pattern_descriptors")
    found: list[Any] = [getattr(value, attribute, None) for attribute in wanted]
    if any(entry is None for entry in found):
        raise TypeError(
            f"{name} must be rsatoolbox RDMs (with dissimilarities, rdm_descriptors, pattern_descriptors), "
            f"not {type(value).__name__}"
        )
    vectors = as_array(found[0], f"{name}.dissimilarities")
    if vectors.ndim != 2:
        raise ValueError(f"{name}.dissimilarities must have shape (n_rdms, n_pairs), not {vectors.shape}")
    require_finite(vectors, f"{name}.dissimilarities")
    return vectors, dict(found[1]), dict(found[2])


def as_descriptor(descriptors: dict[str, Any], key: str, argument: str) -> Any:
    """Take one of rsatoolbox's descriptors by name."""
    if key not in descriptors:
        raise ValueError(f"{argument} must be one of {', '.join(map(repr, descriptors))}, not {key!r}")
    return descriptors[key]


def require_instances(values: Iterable[Any], kind: type, name: str) -> None:
    """Refuse entries of another type."""
    for i, value in enumerate(values):
        if not isinstance(value, kind):
            raise TypeError(f"{name}[{i}] must be an {kind.__name__}, not {type(value).__name__}")
