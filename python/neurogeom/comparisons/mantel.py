"""Do two matrices of distances between the same items agree? Mantel's test, partial and restricted."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords
from .._base.results import Result
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import single_threaded_blas
from ..inference import Alternative, Permutations, reaches
from ..pairs.result import Pairwise

_METHODS = ("pearson", "spearman", "kendall")
_AT_ONCE = 64  # permutations whose matrices are formed together


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MantelTest(Result):
    """Correlation of two distance matrices and its p-value; made by :func:`mantel`.

    Attributes
    ----------
    correlation : float
        Correlation over the pairs of items; the partial one if there is a control.
    p_value : float
        Share of permutations, the data's own included, whose correlation is at least as extreme; exact if
        all permutations were used.
    null_mean, null_sd : float
        Mean and standard deviation of the correlation over permutations.
    n_permutations : int
        Number of permutations beside the data's own.
    is_exact : bool
        Whether these are all there are.
    n_items : int
        Number of items.
    method : str
        Which correlation.
    alternative : str
        "two-sided" (in size), "greater" or "less".
    is_partial : bool
        Whether a third matrix was held constant.
    is_restricted : bool
        Whether items were permuted within strata only.
    """

    _headline: ClassVar[tuple[str, ...]] = ("correlation", "p_value", "n_items", "is_exact")

    correlation: float
    p_value: float
    null_mean: float
    null_sd: float
    n_permutations: int
    is_exact: bool
    n_items: int
    method: str
    alternative: str
    is_partial: bool
    is_restricted: bool


@explain_keywords
def mantel(
    D1: Any,
    D2: Any,
    *,
    n_permutations: int = 9999,
    method: Literal["pearson", "spearman", "kendall"] = "pearson",
    alternative: Alternative = "two-sided",
    strata: Any = None,
    control: Any = None,
    rng: RandomSource = 0,
) -> MantelTest:
    """Test whether two matrices of distances (or similarities) of the same items are correlated.

    The entries of such a matrix are not independent, so that an ordinary test of their correlation is wrong.
    Here the items of `D1`, rows and columns together, are permuted.

    Parameters
    ----------
    D1, D2 : Pairwise, or array-like of shape (n_items, n_items) or (n_pairs,)
        Symmetric; the diagonal is not used. If both have names, these must be the same in the same order.
    n_permutations : int, default 9999
        Random permutations. If there are not more permutations than this in all, each is used once and the
        p-value is exact.
    method : {"pearson", "spearman", "kendall"}, default "pearson"
        Correlation of the entries; Kendall's is tau-b, the slowest.
    alternative : {"two-sided", "greater", "less"}, default "two-sided"
        What is extreme: a large size of the correlation, a large one, or a small one.
    strata : array-like of shape (n_items,), optional
        Groups of items, such as animals or areas; items are permuted only within their own, so that
        differences between groups, which both matrices may share, do not count.
    control : Pairwise or array-like, optional
        A third matrix that is held constant (partial Mantel test). The test is known to be liberal if `D1`
        and `control` are strongly related and distributions are skewed (Legendre 2000).
    rng : None, int, SeedSequence or Generator, default 0
        Source of permutations.

    Returns
    -------
    MantelTest
        Correlation, p-value and what was permuted.

    Raises
    ------
    TypeError, ValueError
        If a matrix is not symmetric, not finite or does not vary, or the items differ.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((8, 20, 5))
    >>> shape, geometry = (ng.pairwise(x, name) for name in ("procrustes", "cka"))
    >>> ng.mantel(shape, geometry, n_permutations=999)
    MantelTest(correlation=..., p_value=..., n_items=8, is_exact=False)
    """
    count = _validate.as_count(n_permutations, "n_permutations")
    kind = _validate.as_choice(method, "method", _METHODS)
    side = cast(
        Alternative, _validate.as_choice(alternative, "alternative", ("two-sided", "greater", "less"))
    )
    given = {"D1": D1, "D2": D2} | ({} if control is None else {"control": control})
    matrices = [_as_matrix(value, name) for name, value in given.items()]
    n = len(matrices[0])
    for name, matrix in zip(given, matrices, strict=True):
        if len(matrix) != n:
            raise ValueError(f"D1 has {n} items, but {name} has {len(matrix)}")
    if n < 3:
        raise ValueError(f"D1 has {n} items; a correlation of distances needs at least three")
    _require_same_names(given)
    groups = [np.arange(n)] if strata is None else _groups_of(strata, n)
    pairs = np.triu_indices(n, 1)
    vectors = [_direction(matrix[pairs], kind, name) for name, matrix in zip(given, matrices, strict=True)]
    ours = np.zeros((n, n))
    ours[pairs] = vectors[0]
    ours += ours.T
    total = math.prod(math.factorial(len(group)) for group in groups)
    if total == 1:
        raise ValueError("strata leave nothing to permute: each item is a group of its own")
    is_exact = total - 1 <= count
    orders = _all_orders(groups, n) if is_exact else _random_orders(groups, n, count, as_generator(rng))
    with single_threaded_blas():
        others = np.stack(vectors[1:], axis=1)
        fixed = (
            float(_correlations(others[None, :, 0], others[:, 1:], kind)[0, 0])
            if control is not None
            else 0.0
        )

        def of(some: NDArray[np.intp]) -> FloatArray:
            moved = ours[some[:, pairs[0]], some[:, pairs[1]]]
            found = _correlations(moved, others, kind)
            return _partial(found, fixed) if control is not None else found[:, 0]

        observed = float(of(np.arange(n)[None])[0])
        draws = np.concatenate([of(some)[: len(some)] for some in _in_blocks(orders)])
    if is_exact:
        draws = draws[1:]  # the first is the data's own
    sign = {"two-sided": 1.0, "greater": 1.0, "less": -1.0}[side]
    size = abs(observed) if side == "two-sided" else sign * observed
    extreme = reaches(np.abs(draws) if side == "two-sided" else sign * draws, size)
    p_value = (1 + int(extreme.sum())) / (1 + len(draws))
    return MantelTest(
        correlation=observed,
        p_value=p_value if np.isfinite(observed) else math.nan,
        null_mean=float(draws.mean()),
        null_sd=float(draws.std(ddof=1)) if len(draws) > 1 else math.nan,
        n_permutations=len(draws),
        is_exact=is_exact,
        n_items=n,
        method=kind,
        alternative=side,
        is_partial=control is not None,
        is_restricted=strata is not None,
    )


def _as_matrix(value: Any, name: str) -> FloatArray:
    """Take a symmetric matrix, whose diagonal may be anything, from its square or condensed form."""
    array = _validate.as_array(value, name)
    if array.ndim == 1:
        n = round((1 + math.sqrt(1 + 8 * array.size)) / 2)
        if n * (n - 1) // 2 != array.size or n < 2:
            raise ValueError(f"{name} has {array.size} entries, which is not n (n - 1) / 2 for any n")
        square = np.zeros((n, n))
        square[np.triu_indices(n, 1)] = array
        square += square.T
    elif array.ndim == 2 and array.shape[0] == array.shape[1]:
        square = np.array(array, dtype=np.float64)
        np.fill_diagonal(square, 0.0)
    else:
        raise ValueError(f"{name} must be a square or condensed matrix, not of shape {array.shape}")
    _validate.require_finite(square, name)
    _validate.require_symmetric_values(square, array.dtype, name)
    return square


def _require_same_names(given: dict[str, Any]) -> None:
    named = [(name, value.names.tolist()) for name, value in given.items() if isinstance(value, Pairwise)]
    for name, names in named[1:]:
        if names != named[0][1]:
            at = next(k for k, pair in enumerate(zip(names, named[0][1], strict=True)) if pair[0] != pair[1])
            raise ValueError(
                f"item {at} of {name} is {names[at]!r}, but that of {named[0][0]} is {named[0][1][at]!r}: "
                "the items must be the same in the same order"
            )


def _groups_of(strata: Any, n: int) -> list[NDArray[np.intp]]:
    labels: AnyArray = _validate.as_labels(strata, n, "strata")
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _direction(values: FloatArray, method: str, name: str) -> FloatArray:
    """Return what correlations are the inner products of: centred values or ranks, of length 1."""
    if np.ptp(values) == 0:
        raise ValueError(f"all entries of {name} are equal, so that a correlation with them is not defined")
    if method != "pearson":
        from scipy.stats import rankdata

        values = rankdata(values)
    scaled = values / np.abs(values).max()
    scaled = scaled - scaled.mean()
    return np.asarray(scaled / np.linalg.norm(scaled))


def _correlations(moved: FloatArray, others: FloatArray, method: str) -> FloatArray:
    """Correlate each row with each column of `others`, (row, column)."""
    if method != "kendall":
        return np.asarray(moved @ others)
    from scipy.stats import kendalltau

    return np.array([[kendalltau(row, other).statistic for other in others.T] for row in moved])


def _partial(found: FloatArray, fixed: float) -> FloatArray:
    """Partial correlation of the first two of three, given theirs with the third."""
    with_other, with_control = found.T
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = (1 - with_control**2) * (1 - fixed**2)
        return np.asarray((with_other - with_control * fixed) / np.sqrt(np.where(rest > 1e-14, rest, np.nan)))


def _all_orders(groups: list[NDArray[np.intp]], n: int) -> Iterator[NDArray[np.intp]]:
    """Yield all permutations within groups, first the one that changes nothing."""
    for parts in itertools.product(*(itertools.permutations(group.tolist()) for group in groups)):
        order = np.empty(n, dtype=np.intp)
        for group, part in zip(groups, parts, strict=True):
            order[group] = part
        yield order


def _random_orders(
    groups: list[NDArray[np.intp]], n: int, count: int, generator: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    draws = Permutations(count, draw_key(generator))
    for draw in range(count):
        own = draws.generator(0, draw)
        order = np.empty(n, dtype=np.intp)
        for group in groups:
            order[group] = own.permutation(group)
        yield order


def _in_blocks(orders: Iterator[NDArray[np.intp]]) -> Iterator[NDArray[np.intp]]:
    while block := list(itertools.islice(orders, _AT_ONCE)):
        yield np.stack(block)
