"""Several models against what they model: values, errors, tests, noise ceilings."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords, require_extra
from .._base.progress import Progress, as_progress
from .._base.results import ConvergenceWarning, Result
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import map_threads, resolve_threads, single_threaded_blas
from ..inference import Permutations, RunningNull
from ..metrics import as_metric
from ..metrics.base import Mask, Metric, Tile, evaluate, prepare_item, warn_of
from ..representations import checks as check
from ..representations.checks import TooLittleDataError
from ..representations.items import Item, as_items, require_comparable
from ._tests import CORRECTIONS, Correction, adjusted, adjusted_pairs, t_interval, t_test

Resample: TypeAlias = Literal["stimuli", "subjects", "both"]

# Fewer different stimuli in a draw make no geometry.
_FEWEST_STIMULI = 3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModelComparison(Result):
    """Models against a reference; made by :func:`compare_models`.

    Attributes
    ----------
    names : ndarray of str, shape (n_models,)
        Names of the models.
    subject_names : ndarray of str, shape (n_subjects,)
        Names of the items of the reference.
    metric : str
        The measure.
    is_similarity : bool
        Whether larger means more alike.
    values : ndarray of shape (n_models,)
        Mean over subjects of the measure.
    subject_values : ndarray of shape (n_models, n_subjects)
        The measure for each subject.
    se, lower, upper : ndarray of shape (n_models,)
        Standard error of `values` over what was resampled, and the ends of the interval of the given `level`
        by Student's t.
    bias : ndarray of shape (n_models,)
        Mean over draws less the value: how much a measure changes if stimuli recur. NaN if no stimuli were
        drawn.
    difference, difference_se : ndarray of shape (n_models, n_models)
        Value of the model of the row less that of the column, and its standard error.
    ceiling_lower, ceiling_upper : float
        Noise ceiling: mean over subjects of the measure between a subject and what all others have in common
        (lower bound of what the best model would reach), and what all subjects have in common, itself
        included (upper bound). For distances the lower bound of performance is the larger number. NaN if
        there is one subject.
    ceiling_lower_se, ceiling_upper_se : float
        Their standard errors.
    p_zero : ndarray of shape (n_models,)
        One-sided, whether a similarity is above zero. NaN for distances, which have no such reference: use
        `null`.
    p_difference : ndarray of shape (n_models, n_models)
        Two-sided, whether two models differ.
    p_ceiling : ndarray of shape (n_models,)
        Two-sided, whether a model differs from the lower noise ceiling.
    p_null : ndarray of shape (n_models,) or None
        Share of permutations of the reference's stimuli that make it at least as alike to the model.
    null_mean, null_sd : ndarray of shape (n_models,) or None
        Mean and standard deviation over these permutations.
    p_zero_adjusted, p_difference_adjusted, p_ceiling_adjusted, p_null_adjusted : ndarray
        The same p-values, each kind adjusted for its number of tests.
    correction : str
        How: "fdr", "holm", "bonferroni" or "none".
    resample : str
        What was resampled: "stimuli", "subjects" or "both".
    level : float
        Level of the intervals.
    degrees_of_freedom : int
        Of Student's t: the smallest number of what was resampled, less 1.
    n_stimuli : int
        Number of stimuli.
    n_draws, n_defined : int
        Draws of stimuli, and those in which all values were defined; others are left out.
    draws : ndarray of shape (n_draws, n_models, n_subjects) or None
        Values in each draw of stimuli, if asked for.
    """

    _headline: ClassVar[tuple[str, ...]] = ("metric", "n_models", "n_subjects", "best", "ceiling")

    names: AnyArray
    subject_names: AnyArray
    metric: str
    is_similarity: bool
    values: FloatArray
    subject_values: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    bias: FloatArray
    difference: FloatArray
    difference_se: FloatArray
    ceiling_lower: float
    ceiling_upper: float
    ceiling_lower_se: float
    ceiling_upper_se: float
    p_zero: FloatArray
    p_difference: FloatArray
    p_ceiling: FloatArray
    p_null: FloatArray | None = None
    null_mean: FloatArray | None = None
    null_sd: FloatArray | None = None
    p_zero_adjusted: FloatArray
    p_difference_adjusted: FloatArray
    p_ceiling_adjusted: FloatArray
    p_null_adjusted: FloatArray | None = None
    correction: str
    resample: str
    level: float
    degrees_of_freedom: int
    n_stimuli: int
    n_draws: int
    n_defined: int
    draws: FloatArray | None = None

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.names)

    @property
    def n_subjects(self) -> int:
        """Number of items of the reference."""
        return len(self.subject_names)

    @property
    def best(self) -> str:
        """The model that is most alike, with its value and standard error."""
        k = int(np.nanargmax(self.values if self.is_similarity else -self.values))
        return f"{str(self.names[k])!r} {self.values[k]:.3g}±{self.se[k]:.2g}"

    @property
    def ceiling(self) -> str:
        """The noise ceiling, from lower to upper bound."""
        return f"{self.ceiling_lower:.3g}..{self.ceiling_upper:.3g}"

    def _table(self) -> dict[str, Any]:
        """One row per model."""
        table = {"model": self.names, self.metric: self.values}
        for name in ("se", "lower", "upper", "bias", "null_mean", "null_sd"):
            table[name] = getattr(self, name)
        for name in ("p_zero", "p_ceiling", "p_null"):
            table[name] = getattr(self, name)
            table[f"{name}_adjusted"] = getattr(self, f"{name}_adjusted")
        return {name: column for name, column in table.items() if column is not None}

    def pairs_to_dataframe(self) -> Any:
        """Return a pandas DataFrame with one row for each pair of models: difference, error and p-values."""
        pandas = require_extra("pandas", "pandas", "pairs_to_dataframe")
        first, second = np.triu_indices(self.n_models, 1)
        columns = ("difference", "difference_se", "p_difference", "p_difference_adjusted")
        values = {name: getattr(self, name)[first, second] for name in columns}
        return pandas.DataFrame({"model": self.names[first], "other": self.names[second], **values})


@dataclasses.dataclass(frozen=True)
class _Layout:
    """What is compared with what: items of rows and columns, and where the values of which series are.

    A series, such as a model or the lower noise ceiling, has one value for each subject, which is a mean of
    some entries of the matrix of rows and columns.
    """

    rows: Sequence[Item]
    columns: Sequence[Item]
    series: NDArray[np.intp]  # (series, subject, entry): row of an entry
    across: NDArray[np.intp]  # (series, subject, entry): its column

    @property
    def where(self) -> Mask:
        """Mark the entries that are needed."""
        found = np.zeros((len(self.rows), len(self.columns)), dtype=bool)
        found[self.series, self.across] = True
        return found

    def read(self, values: FloatArray) -> FloatArray:
        """Return the values (series, subject)."""
        return np.asarray(values[self.series, self.across].mean(axis=-1))


@explain_keywords
def compare_models(
    models: Any,
    reference: Any,
    metric: str | Metric = "rsa",
    *,
    resample: Resample | None = None,
    n_bootstrap: int = 1000,
    null: int = 0,
    noise_ceiling: bool = True,
    correction: Correction = "fdr",
    level: float = 0.95,
    names: Sequence[str] | None = None,
    rng: RandomSource = 0,
    n_threads: int | None = None,
    progress: Progress = False,
    keep_draws: bool = False,
) -> ModelComparison:
    """Compare several models with a reference: which are better, and how much is left to explain.

    Parameters
    ----------
    models : sequence or mapping of items
        Representations (n_stimuli, n_units) or, for RSA, measured RDMs, of the same stimuli; as for
        :func:`pairwise`.
    reference : one item, or a sequence or mapping of items
        What they are models of: responses or an RDM of one subject, or of several.
    metric : str or metric, default "rsa"
        Any measure of :func:`pairwise`. One that has a direction is computed from model to subject.
    resample : {"stimuli", "subjects", "both"}, optional
        What the errors are over, and so what conclusions are about: other stimuli of this kind, other
        subjects, or both. By default both, or stimuli if there is one subject.
    n_bootstrap : int, default 1000
        Draws of stimuli. Subjects need none: for a mean over subjects, their bootstrap is known exactly.
    null : int, default 0
        Also permute the stimuli of the reference, the same for all subjects, this many times: see `p_null`.
    noise_ceiling : bool, default True
        Whether to compare each subject with what the others have in common.
    correction : {"fdr", "holm", "bonferroni", "none"}, default "fdr"
        How p-values are adjusted: "fdr" controls the share of false discoveries (Benjamini and Hochberg),
        "holm" and "bonferroni" the probability of any. Tests against zero, of pairs, and against the noise
        ceiling are three families.
    level : float, default 0.95
        Level of intervals.
    names : sequence of str, optional
        Names of the models.
    rng : None, int, SeedSequence or Generator, default 0
        Source of draws and permutations. Draw number b depends on the seed and b alone.
    n_threads : int, optional
        Threads. Results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.
    keep_draws : bool, default False
        Keep the values of each draw.

    Returns
    -------
    ModelComparison
        Values, errors, tests and noise ceilings; ``neurogeom.plot.model_comparison`` draws it.

    Raises
    ------
    TypeError, ValueError
        If items cannot be read or do not fit, or there is nothing to resample.

    Notes
    -----
    Stimuli are drawn with repetition. The dissimilarity of a stimulus with itself is zero in every system, so
    RSA leaves such pairs out, as rsatoolbox does. Other measures see repeated rows, which makes values in
    draws larger or smaller than in the data: `bias` says by how much; `values` are those of the data.

    With m stimuli and S subjects, variances over one of them are those of the draws times m / (m - 1) or
    S / (S - 1). Variances over both are the two-factor bootstrap of Schütt et al. (eLife 2023): with
    V_sb, V_s and V_b from resampling both, subjects alone and stimuli alone, ``S/(S-1) V_s + m/(m-1) V_b -
    S m / ((S-1)(m-1)) (V_sb - V_s - V_b)``, not less than either of the first two terms and not more than
    V_sb. Tests are by Student's t with ``min(S, m) - 1`` degrees of freedom (that of what was resampled).

    What subjects have in common is, for RSA, the mean of their dissimilarities, each of the same weight in
    the comparison's own sense (of ranks, for comparisons of ranks; for Kendall's this is approximate); for
    measures of responses, all their units together. It is determined once, from all stimuli.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.standard_normal((20, 10))
    >>> subjects = [signal + rng.standard_normal((20, 10)) for _ in range(5)]
    >>> models = {"good": signal + rng.standard_normal((20, 10)), "random": rng.standard_normal((20, 10))}
    >>> result = ng.compare_models(models, subjects, n_bootstrap=200)
    >>> result
    ModelComparison(metric=rsa, n_models=2, n_subjects=5, best='good' ..., ceiling=...)
    >>> result.p_zero_adjusted < 0.05
    array([ True, False])
    """
    measure = as_metric(metric)
    rows = as_items(models, "models", names)
    check.require_items(len(rows), "models", 1)
    several = _holds_several(reference)
    columns = as_items(
        reference if several else [reference], "reference", labels=None if several else ["reference"]
    )
    check.require_items(len(columns), "reference", 1)
    require_comparable(rows + columns)
    over = _as_resample(resample, len(columns))
    draws = _validate.as_count(n_bootstrap, "n_bootstrap", minimum=2) if over != "subjects" else 0
    shuffles = _validate.as_count(null, "null", minimum=0)
    adjust = cast(Correction, _validate.as_choice(correction, "correction", CORRECTIONS))
    share = _validate.as_fraction(level, "level")
    threads = resolve_threads(n_threads)
    generator = as_generator(rng)
    drawn, permuted = (Permutations(count, draw_key(generator)) for count in (draws, shuffles))
    report = as_progress(progress, "draws")
    with single_threaded_blas():
        rows, columns = ([measure.resamplable(item) for item in side] for side in (rows, columns))
        layout = _layout(measure, rows, columns, noise_ceiling)
        prepared = [
            [prepare_item([measure], item) for item in side] for side in (layout.rows, layout.columns)
        ]
        warn_of([measure], [*prepared[0], *prepared[1]])
        observed = layout.read(_values(measure, layout, *prepared))
        done = _Counted(report, draws + shuffles)
        resampled = _over_stimuli(measure, layout, drawn, threads, done)
        chance = None
        if shuffles:
            chance = _chance(
                measure, rows, prepared[1][: len(columns)], observed[: len(rows)], permuted, threads, done
            )
        done.end()
    return _result(
        measure, rows, columns, observed, resampled, over, adjust, share, chance, draws, keep_draws
    )


def _holds_several(reference: Any) -> bool:
    """Return whether a reference is a collection of items rather than one."""
    return isinstance(reference, (list, tuple, dict)) or getattr(reference, "ndim", 2) == 3


def _as_resample(value: Any, n_subjects: int) -> Resample:
    if value is None:
        return "both" if n_subjects > 1 else "stimuli"
    over = _validate.as_choice(value, "resample", ("stimuli", "subjects", "both"))
    if over != "stimuli" and n_subjects < 2:
        raise ValueError(
            f"resample={over!r} needs several subjects, but reference is one item: give a list, or resample "
            "'stimuli'"
        )
    return cast(Resample, over)


def _layout(measure: Metric, models: Sequence[Item], subjects: Sequence[Item], with_ceiling: bool) -> _Layout:
    """Lay out models, and what subjects have in common, against subjects."""
    n, s = len(models), len(subjects)
    rows = list(models)
    series = [np.full(s, k) for k in range(n)]
    if with_ceiling and s > 1:
        rows += [
            measure.pool([*subjects[:k], *subjects[k + 1 :]], f"all but {subjects[k].name}") for k in range(s)
        ]
        rows.append(measure.pool(subjects, "all subjects"))
        series += [n + np.arange(s), np.full(s, n + s)]
    at = np.array(series)[..., None]
    return _Layout(rows, subjects, at, np.broadcast_to(np.arange(s)[None, :, None], at.shape))


class _Counted:
    """Counts draws for a progress function."""

    def __init__(self, progress: Any, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, count: int) -> None:
        """Report `count` more."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)

    def end(self) -> None:
        """Report that all are done."""
        self.add(self._total - self._done)


def _values(measure: Metric, layout: _Layout, rows: Sequence[Any], columns: Sequence[Any]) -> FloatArray:
    (values,) = evaluate([measure], Tile(rows, columns, layout.where, 1))
    return values


def _over_stimuli(
    measure: Metric, layout: _Layout, draws: Permutations, n_threads: int, done: _Counted
) -> FloatArray:
    """Values (draw, series, subject) for stimuli drawn with repetition; NaN where not defined."""
    count = layout.rows[0].n_stimuli
    shape = layout.series.shape[:2]

    def one(draw: int) -> FloatArray:
        order = draws.generator(0, draw).integers(0, count, count)
        if len(np.unique(order)) < _FEWEST_STIMULI:
            return np.full(shape, np.nan)
        try:
            rows, columns = (
                [prepare_item([measure], item.resampled(order)) for item in side]
                for side in (layout.rows, layout.columns)
            )
        except TooLittleDataError:
            return np.full(shape, np.nan)
        return layout.read(_values(measure, layout, rows, columns))

    found = np.empty((draws.count, *shape))
    step = 4 * n_threads
    for start in range(0, draws.count, step):
        some = range(start, min(start + step, draws.count))
        found[some.start : some.stop] = map_threads(one, some, n_threads)
        done.add(len(some))
    return found


def _chance(
    measure: Metric,
    models: Sequence[Item],
    subjects: Sequence[Any],
    observed: FloatArray,
    permutations: Permutations,
    n_threads: int,
    done: _Counted,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation and p-value of the mean over subjects with the models' stimuli permuted."""
    where = np.ones(observed.shape, dtype=bool)

    def one(draw: int) -> FloatArray:
        order = permutations.order(models[0].n_stimuli, 0, draw)
        rows = [prepare_item([measure], item.reordered(order)) for item in models]
        (values,) = evaluate([measure], Tile(rows, subjects, where, 1))
        return np.asarray(values.mean(axis=1))

    size = measure.size(Tile([prepare_item([measure], item) for item in models], subjects, where, 1))
    null = RunningNull(
        observed.mean(axis=1),
        1.0 if measure.is_similarity else -1.0,
        np.broadcast_to(size, observed.shape).max(axis=1),
    )
    step = 4 * n_threads
    for start in range(0, permutations.count, step):
        some = range(start, min(start + step, permutations.count))
        for draw in map_threads(one, some, n_threads):
            null.add(draw)
        done.add(len(some))
    return null.summary()


def _variance(contrast: FloatArray, drawn: FloatArray, over: Resample, n_stimuli: int) -> FloatArray:
    """Variance of the mean over subjects of contrasts (..., subject), given (draw, ..., subject) too."""
    s = contrast.shape[-1]
    by_subject = contrast.var(axis=-1) / s
    if over == "subjects":
        return np.asarray(by_subject * s / (s - 1))
    by_stimulus = drawn.mean(axis=-1).var(axis=0, ddof=1)
    grow_stimuli = n_stimuli / (n_stimuli - 1)
    if over == "stimuli":
        return np.asarray(by_stimulus * grow_stimuli)
    # Given the stimuli, the bootstrap over subjects of a mean is known: no subjects are drawn.
    by_both = by_stimulus + (drawn.var(axis=-1) / s).mean(axis=0)
    grow_subjects = s / (s - 1)
    alone = np.maximum(grow_subjects * by_subject, grow_stimuli * by_stimulus)
    found = (
        grow_subjects * by_subject
        + grow_stimuli * by_stimulus
        - grow_subjects * grow_stimuli * (by_both - by_subject - by_stimulus)
    )
    return np.asarray(np.minimum(np.maximum(found, alone), by_both))


def _result(
    measure: Metric,
    models: Sequence[Item],
    subjects: Sequence[Item],
    observed: FloatArray,
    drawn: FloatArray,
    over: Resample,
    correction: Correction,
    level: float,
    chance: tuple[FloatArray, FloatArray, FloatArray] | None,
    n_draws: int,
    keep_draws: bool,
) -> ModelComparison:
    n, s, m = len(models), len(subjects), models[0].n_stimuli
    defined = ~np.isnan(drawn).any(axis=(1, 2))
    if over != "subjects" and defined.sum() < len(drawn):
        warnings.warn(
            f"{measure.name} is not defined in {len(drawn) - int(defined.sum())} of {len(drawn)} draws of "
            "stimuli, which are left out",
            ConvergenceWarning,
            stacklevel=_validate.user_level(),
        )
    kept = drawn[defined]
    if over != "subjects" and len(kept) < 2:
        kept = np.full((2, *drawn.shape[1:]), np.nan)

    def error_of(contrast: FloatArray, in_draws: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(_variance(contrast, in_draws, over, m)))

    values = observed[:n].mean(axis=1)
    se = error_of(observed[:n], kept[:, :n])
    dof = {"stimuli": m, "subjects": s, "both": min(m, s)}[over] - 1
    size = float(np.abs(observed).max())
    difference = values[:, None] - values[None]
    pair_se = np.zeros((n, n))
    for k in range(n):
        pair_se[k] = error_of(observed[k] - observed[:n], kept[:, k, None] - kept[:, :n])
    p_difference = t_test(difference, pair_se, dof, size=size)
    ceiling, ceiling_se = (np.full(2, np.nan) for _ in range(2))
    p_ceiling = np.full(n, np.nan)
    if len(observed) > n:
        ceiling = observed[n:].mean(axis=1)
        ceiling_se = error_of(observed[n:], kept[:, n:])
        below = error_of(observed[:n] - observed[n], kept[:, :n] - kept[:, n, None])
        p_ceiling = t_test(values - ceiling[0], below, dof, size=size)
    p_zero = np.full(n, np.nan)
    if measure.is_similarity:
        p_zero = t_test(values, se, dof, two_sided=False, size=size)
    lower, upper = t_interval(values, se, dof, level)
    null_mean, null_sd, p_null = chance if chance is not None else (None, None, None)
    return ModelComparison(
        names=np.array([item.name for item in models]),
        subject_names=np.array([item.name for item in subjects]),
        metric=measure.name,
        is_similarity=measure.is_similarity,
        values=values,
        subject_values=observed[:n],
        se=se,
        lower=lower,
        upper=upper,
        bias=kept[:, :n].mean(axis=(0, 2)) - values if len(kept) else np.full(n, np.nan),
        difference=difference,
        difference_se=pair_se,
        ceiling_lower=float(ceiling[0]),
        ceiling_upper=float(ceiling[1]),
        ceiling_lower_se=float(ceiling_se[0]),
        ceiling_upper_se=float(ceiling_se[1]),
        p_zero=p_zero,
        p_difference=p_difference,
        p_ceiling=p_ceiling,
        p_null=p_null,
        null_mean=null_mean,
        null_sd=null_sd,
        p_zero_adjusted=adjusted(p_zero, correction),
        p_difference_adjusted=adjusted_pairs(p_difference, correction),
        p_ceiling_adjusted=adjusted(p_ceiling, correction),
        p_null_adjusted=None if p_null is None else adjusted(p_null, correction),
        correction=correction,
        resample=over,
        level=level,
        degrees_of_freedom=dof,
        n_stimuli=m,
        n_draws=n_draws,
        n_defined=int(defined.sum()),
        draws=drawn[:, :n].copy() if keep_draws and n_draws else None,
    )
