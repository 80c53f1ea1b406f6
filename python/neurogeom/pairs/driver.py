"""The arguments of :func:`neurogeom.pairwise`, and what it returns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, as_text, explain_keywords, require_own_order, require_same_columns
from .._base.progress import Progress, as_progress
from .._base.rng import RandomSource
from .._base.threads import resolve_threads, single_threaded_blas
from ..inference import Bootstrap, Draws, Interval, Permutations, Resample
from ..metrics import as_metrics
from ..metrics.base import Metric
from ..representations import checks as check
from ..representations.items import Item, as_items, require_comparable
from .all_pairs import AllPairs, Count
from .evaluation import require_stimuli_in_rows, require_units
from .omission import evaluate_omitting

# Items along the edge of a tile, fewer if the items of two edges would exceed this many bytes.
_TILE_EDGE = 128
_TILE_BYTES = 1 << 27

MetricLike: TypeAlias = str | Metric


@explain_keywords
def pairwise(
    representations: Any,
    metric: MetricLike | Sequence[MetricLike] = "procrustes",
    *,
    others: Any = None,
    test: Any = None,
    names: Sequence[str] | None = None,
    nan_policy: Literal["raise", "omit"] = "raise",
    null: int = 0,
    bootstrap: int = 0,
    resample: Resample = "stimuli",
    interval: Interval = "basic",
    level: float = 0.95,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
    out: FloatArray | None = None,
    tile: int | None = None,
) -> Any:
    """Compare all pairs of representations.

    Parameters
    ----------
    representations : sequence or mapping of items
        Matrices (n_stimuli, n_units) whose rows are the same stimuli; numbers of units may differ. Items may
        be anything array-like (memory maps included, each read once), a :class:`Representation` with stimulus
        ids or, for RSA, a measured :class:`RDM`; or pass one array (item, stimulus, unit). Keys of a mapping
        are names. The index of a DataFrame, or the coordinate of a DataArray, serves as ids; items that have
        ids must agree in their content and order. An index that only counts rows does not count as ids.
    metric : str, metric, or list of these
        What to compute, by name or as an object such as ``ng.ShapeMetric(alpha=0.5)``. Work that several
        metrics share is done once.
    others : sequence or mapping of items, optional
        Compare `representations` (rows) with these (columns) instead of among themselves.
    test : sequence of arrays, optional
        Responses of the same units to other stimuli, one array for each item (with `others`: a pair of such
        sequences). Alignments are fitted to `representations` and also evaluated on these: see
        ``Pairwise.held_out``.
    names : sequence of str, optional
        Names of the items; by default their own names, or else their numbers.
    nan_policy : {"raise", "omit"}, default "raise"
        What to do about NaN: raise, or leave out, pair by pair, the stimuli for which either item lacks a
        value. How many are left is in ``Pairwise.n_stimuli``. Pairs for which too little is left to define a
        measure (it may need 2 to 4 stimuli, or items that vary over them) are NaN, and a warning names them.
    null : int, default 0
        Also compare with the stimuli of the second item permuted, this many times, and return the mean and
        standard deviation of these values and the p-value (1 + those at least as alike) / (1 + `null`);
        values that agree to 1e-10 of the measure's size are equally alike. See ``Pairwise.null_mean``. With
        one seed, a permutation depends on its item and its number alone: more draws keep the first ones.
    bootstrap : int, default 0
        Also compute all pairs from this many resamples of the data, and return standard errors, biases and
        intervals: see ``Pairwise.se`` and Notes.
    resample : {"stimuli", "units", "both"}, default "stimuli"
        What is resampled, with repetition: stimuli, the same for all items; the units of each item on its
        own; or both, which says how much the values would change with other stimuli and other units.
    interval : {"basic", "bca"}, default "basic"
        Basic (twice the value less the quantiles of the draws), or bias-corrected and accelerated.
    level : float, default 0.95
        Nominal coverage of the intervals.
    rng : None, int, SeedSequence or Generator, default 0
        Source of the permutations and resamples.
    n_threads : int, optional
        Threads; by default OMP_NUM_THREADS as it stood at import, else the cores this process may use.
        Results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.
    out : ndarray of shape (n_rows, n_columns), optional
        Where to put the values of a single metric (float64; may be a memory map).
    tile : int, optional
        Items along the edge of a block of pairs. Results do not depend on it.

    Returns
    -------
    Pairwise, or dict of str to Pairwise
        The matrix; for a list of metrics, one matrix each, by name.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be read, holds NaN or infinity, does not vary, or has other stimuli than the others;
        with `null` or `bootstrap`, also if a metric takes rows as observations, not as stimuli.

    Notes
    -----
    A resample of stimuli holds some of them more than once, and only 63 % of them at all. To a measure of
    pairs of stimuli it says that a stimulus and its copy are alike; such pairs are left out of RSA (but for
    "cosine_cov" and "corr_cov") and of debiased linear CKA. To measures that align representations it offers
    fewer different stimuli to fit, so that distances are too small, those of fully whitened responses most of
    all: use `bootstrap` where there are several times more stimuli than units. ``Pairwise.bias`` shows what
    is left of it; where it exceeds the standard error, intervals are not to be trusted.

    In simulations of 5 units with 200 draws, "basic" intervals of nominal 95 % over stimuli held the
    population's value in 92, 92 and 92 % of 200 samples of 40 stimuli, for debiased CKA, RSA and Procrustes,
    and in 96 and 92 % of 100 stimuli, for CKA and Procrustes (to 3 %). "bca" held it in 93, 93 and 82 % of 60
    samples of 40 stimuli (to 4 %), so that it is not for measures that align. No other coverage is
    claimed. Units of all items are resampled independently, also those of items that share units.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> V1 = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]])
    >>> areas = {"V1": V1, "rotated": V1 @ [[0.0, 1.0], [-1.0, 0.0]], "AL": V1[::-1]}
    >>> result = ng.pairwise(areas, "procrustes")
    >>> result.square.round(3)
    array([[0.   , 0.   , 0.331],
           [0.   , 0.   , 0.331],
           [0.331, 0.331, 0.   ]])
    >>> result.names.tolist()
    ['V1', 'rotated', 'AL']
    """
    metrics = as_metrics(metric)
    check.require_items(len(metrics), "metric")
    check.require_distinct([m.name for m in metrics], "the names of the metrics")
    omits = _validate.as_choice(nan_policy, "nan_policy", ("raise", "omit")) == "omit"
    draws = as_draws(null, bootstrap, resample, interval, level).keyed(rng)
    for each in metrics:
        require_stimuli_in_rows(each, draws)
    threads = resolve_threads(n_threads)
    rows = as_items(representations, "representations", names)
    check.require_items(len(rows), "representations", 2 if others is None else 1)
    columns = None if others is None else as_items(others, "others")
    require_comparable(rows + (columns or []))
    require_units(rows + (columns or []), draws)
    kept = draws.n_kept * len(metrics)
    edge = _fitting_edge(rows + (columns or []), kept) if tile is None else _validate.as_count(tile, "tile")
    tests = held_out_items(test, rows, columns, metrics)
    for given, argument in ((test, "test"), (draws.null, "null"), (draws.bootstrap, "bootstrap")):
        if omits and given is not None:
            raise ValueError(f"nan_policy='omit' cannot be combined with {argument}")
    pairs = AllPairs(metrics, rows, columns, *tests, edge, threads, draws)
    targets = [np.full(pairs.shape, np.nan) for _ in pairs.fields]
    if out is not None:
        if len(metrics) != 1:
            raise ValueError(f"out takes the values of one metric, not of {len(metrics)}")
        targets[0] = _as_out(out, pairs.shape)
    n_stimuli: int | NDArray[np.int64] = rows[0].n_stimuli
    report = Count(as_progress(progress, "pairs"), pairs.grid.n_pairs)
    with single_threaded_blas():
        if omits:
            targets[0].fill(np.nan)  # the user's own array too: some pairs may have nothing in common
            n_stimuli, gaps = evaluate_omitting(pairs, targets, report)
            if gaps:
                warnings.warn(gaps, UserWarning, stacklevel=_validate.user_level())
        else:
            pairs.evaluate(targets, report)
            pairs.fill_known(targets)
    report.end()
    results = pairs.results(targets, n_stimuli)
    return next(iter(results.values())) if isinstance(metric, (str, Metric)) else results


def _fitting_edge(items: Sequence[Item], n_kept: int) -> int:
    """Return the edge of tiles for items of this size, of whose pairs so many values are kept at once."""
    largest = max(8 * item.n_stimuli * min(item.n_stimuli, item.n_units) for item in items)
    by_values = math.isqrt(_TILE_BYTES // (8 * max(n_kept, 1)))
    return max(4, min(_TILE_EDGE, _TILE_BYTES // (2 * largest), by_values))


def _as_out(value: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Take a writeable float64 array of the result's shape."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"out must be a float64 array of shape {shape}, not {found}")
    if not value.flags.writeable:
        raise ValueError("out is read-only")
    return value


def as_draws(null: Any, bootstrap: Any, resample: Any, interval: Any, level: Any) -> Draws:
    """Take what users ask to be drawn; their keys are still to be drawn from the source of random numbers."""
    permutations = _validate.as_count(null, "null", minimum=0)
    count = _validate.as_count(bootstrap, "bootstrap", minimum=0)
    _validate.as_choice(resample, "resample", get_args(Resample))
    _validate.as_choice(interval, "interval", get_args(Interval))
    share = _validate.as_number(level, "level")
    if not 0 < share < 1:
        raise ValueError(f"level must be between 0 and 1, not {share:g}")
    if count == 1:
        raise ValueError("bootstrap must be 0 or at least 2, not 1: one draw has no spread")
    return Draws(
        Permutations(permutations, 0) if permutations else None,
        Bootstrap(count, 0, resample, interval, share) if count else None,
    )


def held_out_items(
    test: Any, rows: Sequence[Item], columns: Sequence[Item] | None, metrics: Sequence[Metric]
) -> tuple[list[Item] | None, list[Item] | None]:
    """Take held-out responses of all items of rows and of columns."""
    if test is None:
        return None, None
    for metric in metrics:
        if not metric.has_held_out:
            raise ValueError(
                f"{metric.name} {metric.no_held_out}, so it has no held-out form: leave out test"
            )
    pair = (test, None)
    if columns is not None:
        if not isinstance(test, (tuple, list)) or len(test) != 2:
            raise ValueError("with others, test must be a pair: test data of representations and of others")
        pair = (test[0], test[1])
    found: list[list[Item] | None] = []
    for value, items, argument in zip(pair, (rows, columns), ("test", "test[1]"), strict=True):
        if items is None:
            found.append(None)
            continue
        names = [item.name for item in items]
        tests = as_items(tests_in_order(value, names, argument), argument, names)
        for item, other in zip(items, tests, strict=True):
            check.require_same_units(item.n_units, other.n_units, other.label)
            require_same_columns([(item.label, item.units), (other.label, other.units)])
        for other in tests:
            other.require_kind(("responses",), "a held-out form")
        found.append(tests)
    require_comparable([item for tests in found if tests for item in tests])
    return found[0], found[1]


def tests_in_order(value: Any, names: Sequence[str], argument: str) -> list[Any]:
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
