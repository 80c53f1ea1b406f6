"""Reliability and noise ceilings from random halves of the repeats of each stimulus."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray
from .._base.progress import Progress, as_progress
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from .._base.rng import RandomSource, as_generator, draw_key
from ..inference import Permutations
from ..metrics import as_metric
from ..metrics.base import Metric
from ..representations import checks as check
from ..representations.repeats import Repeats
from .driver import pairwise


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SplitHalf(Result):
    """How well a measure of items can be known from their repeats; made by :func:`split_half`.

    Attributes
    ----------
    names : ndarray of str, shape (K,)
        The items.
    within : ndarray, shape (K,)
        The measure between two halves of the repeats of one item, averaged over splits: the reliability of
        half the data if it is a similarity, what noise alone does if it is a distance.
    within_se : ndarray, shape (K,)
        Its standard error over splits. It falls with their number, but other stimuli or other repeats would
        change `within` by more.
    between : ndarray, shape (K, K)
        The measure between one half of the row's repeats and the other half of the column's, averaged over
        splits; `within` on the diagonal. No trial is on both sides, so that noise which items share, if they
        were recorded together, does not count.
    noise_ceiling : ndarray, shape (K, K)
        What `between` would be if two items differed by noise alone: the root of the product of their
        `within` for similarities (as the correlation of two noisy variables is at most), NaN if one of these
        is negative; their mean for distances.
    metric : str
        The measure.
    is_similarity : bool
        Whether larger means more alike.
    n_splits : int
        Number of splits.
    """

    _headline: ClassVar[tuple[str, ...]] = ("metric", "n_items", "n_splits")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("label", "names", of_items=True),
        *columns_with_errors("within", of_items=True),
        *columns_of_kind("setting", "metric", "n_splits"),
    )

    names: AnyArray
    within: FloatArray
    within_se: FloatArray
    between: FloatArray
    noise_ceiling: FloatArray
    metric: str
    is_similarity: bool
    n_splits: int

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.names)

    @property
    def reliability(self) -> FloatArray:
        """That of all repeats, by the formula of Spearman and Brown, 2 r / (1 + r), for similarities r."""
        if not self.is_similarity:
            raise ValueError(f"{self.metric} is a distance; reliability is defined for similarities")
        return np.asarray(2 * self.within / (1 + self.within))


def split_half(
    representations: Sequence[Repeats] | Mapping[str, Repeats],
    metric: str | Metric = "rsa",
    *,
    n_splits: int = 20,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
) -> SplitHalf:
    """Compare random halves of the repeats of each stimulus, within and between items.

    A measure of noisy responses mixes differences of items with their noise. Between two halves of one item
    there is nothing but noise, so that these values say how alike two equal items would look.

    Parameters
    ----------
    representations : sequence or mapping of Repeats
        Items with at least two repeats of each stimulus. Keys of a mapping are names.
    metric : str or metric, default "rsa"
        Any measure of :func:`pairwise`.
    n_splits : int, default 20
        Number of random splits. Of an odd number of repeats, the second half has one more.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the splits; the first n of 2n splits are those of a call for n. Items with the same numbers
        of repeats are split alike.
    n_threads : int, optional
        Threads; results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    SplitHalf
        Values within and between items, and noise ceilings.

    Raises
    ------
    TypeError, ValueError
        If an item has no repeats or fewer than two of a stimulus, or the items cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.standard_normal((30, 1, 12))
    >>> areas = {name: ng.Repeats(signal + rng.standard_normal((30, 8, 12))) for name in ("V1", "LM")}
    >>> found = ng.split_half(areas, "cka", rng=0)
    >>> found.within.round(2), found.reliability.round(2)
    (array([0.64, 0.65]), array([0.78, 0.79]))
    >>> found.between.round(2).tolist(), found.noise_ceiling.round(2).tolist()
    ([[0.64, 0.65], [0.65, 0.65]], [[0.64, 0.65], [0.65, 0.65]])
    """
    items = _as_repeats(representations)
    measure = as_metric(metric)
    count = _validate.as_count(n_splits, "n_splits")
    permutations = Permutations(count, draw_key(as_generator(rng)))
    report = as_progress(progress, "splits")
    values = []
    for draw in range(count):
        halves = {name: _halves(item, permutations.generator(0, draw)) for name, item in items.items()}
        first, second = ({name: half[side] for name, half in halves.items()} for side in (0, 1))
        found = pairwise(first, measure, others=second, n_threads=n_threads).values
        values.append((found + found.T) / 2 if measure.symmetric else found)
        if report is not None:
            report(draw + 1, count)
    stack = np.stack(values)
    between = stack.mean(axis=0)
    within = np.diagonal(stack, axis1=1, axis2=2)
    deviation = within.std(axis=0, ddof=1) if count > 1 else np.full(len(items), np.nan)
    alone = within.mean(axis=0)
    if measure.is_similarity:
        product = np.multiply.outer(alone, alone)
        either = np.logical_or.outer(alone < 0, alone < 0)
        ceiling = np.sqrt(np.where(either, np.nan, product))
    else:
        ceiling = np.add.outer(alone, alone) / 2
    return SplitHalf(
        names=np.array(list(items)),
        within=alone,
        within_se=deviation / np.sqrt(count),
        between=between,
        noise_ceiling=ceiling,
        metric=measure.name,
        is_similarity=measure.is_similarity,
        n_splits=count,
    )


def _as_repeats(value: Any) -> dict[str, Repeats]:
    """Take named items with at least two repeats of each stimulus."""
    if isinstance(value, Repeats):
        value = [value]
    if not isinstance(value, (Mapping, list, tuple)):
        raise TypeError(f"representations must be a list or mapping of Repeats, not {type(value).__name__}")
    if not isinstance(value, Mapping):
        names = [getattr(item, "name", None) or str(k) for k, item in enumerate(value)]
        check.require_distinct(names, "the names of the items")
        value = dict(zip(names, value, strict=True))
    check.require_items(len(value), "representations")
    found: dict[str, Repeats] = {}
    for name, item in value.items():
        if not isinstance(item, Repeats):
            raise TypeError(
                f"representations[{name!r}] is of type {type(item).__name__}: halves need an ng.Repeats, "
                "several repeats of each stimulus"
            )
        least = int(np.argmin(item.n_repeats))
        if item.n_repeats[least] < 2:
            raise ValueError(
                f"stimulus {least} of representations[{name!r}] has {item.n_repeats[least]} repeat: halves "
                "need at least 2"
            )
        found[str(name)] = item
    return found


def _halves(item: Repeats, generator: np.random.Generator) -> tuple[Repeats, Repeats]:
    """Split the repeats of each stimulus."""
    orders: list[NDArray[np.int64]] = [generator.permutation(count) for count in item.n_repeats]
    first, second = (
        [np.asarray(trials)[np.sort(part)] for trials, part in zip(item.data, parts, strict=True)]
        for parts in (
            [order[: len(order) // 2] for order in orders],
            [order[len(order) // 2 :] for order in orders],
        )
    )
    return Repeats(first, ids=item.ids), Repeats(second, ids=item.ids)
