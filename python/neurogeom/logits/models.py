"""What the logits say of one model: means over samples, confidence as a sign of being right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.estimates import mean_and_error
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from .checks import as_columns, as_logits, require_same_classes
from .samples import confidence, energy, entropy, logit_gaps, max_logit, true_margin


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LogitSummary(Result):
    """Means over samples of what the logits of a model say; see :func:`summary`.

    Attributes
    ----------
    max_logit, gap, confidence, entropy, energy : float
        Means over samples: of the largest logit (rows without their mean), of its difference to the next, of
        the largest probability, of the entropy (nats), of the energy.
    accuracy, margin, auroc : float
        Share of samples whose true class has the largest logit (a tie of t classes counts 1/t), mean margin
        of the true class, and area under the ROC curve of the largest probability as a sign of being right.
        NaN without labels; `auroc` also if all samples are right, or all wrong.
    max_logit_se, ..., auroc_se : float
        Standard errors over samples; NaN for a single one.
    gaps, gaps_se : ndarray, shape (n_classes - 1,)
        Mean gap to each rank.
    n_samples, n_classes, n_tied : int
        Number of samples, of classes, and of samples with several largest logits.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_samples", "accuracy", "max_logit", "gap", "confidence")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_samples", "n_classes"),
        *columns_with_errors("accuracy", "max_logit", "gap", "margin", "confidence"),
        *columns_with_errors("entropy", "energy", unit="nats"),
        *columns_with_errors("auroc"),
        *columns_of_kind("diagnostic", "n_tied"),
    )

    max_logit: float
    max_logit_se: float
    gap: float
    gap_se: float
    confidence: float
    confidence_se: float
    entropy: float
    entropy_se: float
    energy: float
    energy_se: float
    accuracy: float
    accuracy_se: float
    margin: float
    margin_se: float
    auroc: float
    auroc_se: float
    gaps: FloatArray
    gaps_se: FloatArray
    n_samples: int
    n_classes: int
    n_tied: int


def summary(logits: ArrayLike, labels: ArrayLike | None = None) -> LogitSummary:
    """Means of all measures of a model's logits, with their standard errors over samples.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
        Logits of at least two classes.
    labels : array_like of int, shape (n_samples,), optional
        Column of the true class, from 0; needed for accuracy, margin and AUROC.

    Returns
    -------
    LogitSummary

    Raises
    ------
    TypeError, ValueError
        If the logits are not a finite real matrix with two columns or more, or labels are not columns.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.summary([[3.0, 0.0], [1.0, 0.0], [0.0, 2.0]], [0, 1, 1])
    LogitSummary(n_samples=3, accuracy=0.6667±0.33, max_logit=1±0.29, gap=2±0.58, confidence=0.8548±0.064)
    """
    values = as_logits(logits)
    gaps = logit_gaps(values)
    per_sample = {
        "max_logit": max_logit(values),
        "gap": gaps[:, 0],
        "confidence": confidence(values),
        "entropy": entropy(values),
        "energy": energy(values),
        "margin": np.full(len(values), np.nan),
        "accuracy": np.full(len(values), np.nan),
    }
    area = area_se = math.nan
    if labels is not None:
        classes = as_columns(labels, values, logits)
        largest = values == values.max(axis=1, keepdims=True)
        right = largest[np.arange(len(values)), classes] / largest.sum(axis=1)
        per_sample |= {"margin": true_margin(values, classes), "accuracy": right}
        if (right == 1).any() and (right < 1).any():
            area, area_se = _area(per_sample["confidence"], right == 1)
    found: dict[str, Any] = {}
    for name, one in per_sample.items():
        found[name], found[f"{name}_se"] = mean_and_error(one)
    by_rank = [mean_and_error(column) for column in gaps.T]
    return LogitSummary(
        **found,
        auroc=area,
        auroc_se=area_se,
        gaps=np.array([mean for mean, _ in by_rank]),
        gaps_se=np.array([error for _, error in by_rank]),
        n_samples=len(values),
        n_classes=values.shape[1],
        n_tied=int((gaps[:, 0] == 0).sum()),
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AUROC(Result):
    """Area under a ROC curve; see :func:`auroc`.

    Attributes
    ----------
    auroc, auroc_se : float
        The area and its standard error over samples; NaN if there is one of either kind.
    n_correct, n_wrong : int
        Number of samples of each kind.
    """

    _headline: ClassVar[tuple[str, ...]] = ("auroc", "n_correct", "n_wrong")

    auroc: float
    auroc_se: float
    n_correct: int
    n_wrong: int


def auroc(scores: ArrayLike, correct: ArrayLike) -> AUROC:
    """Area under the ROC curve: how often a right answer has a higher score than a wrong one.

    Parameters
    ----------
    scores : array_like, shape (n_samples,)
        What should be high where the model is right, such as :func:`confidence`. Ties count one half.
    correct : array_like of bool, shape (n_samples,)
        Whether it is right.

    Returns
    -------
    AUROC
        With the standard error of DeLong, DeLong & Clarke-Pearson (1988).

    Raises
    ------
    TypeError, ValueError
        If the arguments are not finite vectors of one length, or all answers are right, or all wrong.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.auroc([0.9, 0.8, 0.6, 0.7], [True, True, True, False]).auroc
    0.6666666666666666
    """
    values = _validate.as_float_vector(scores, "scores")
    is_correct = _validate.as_array(correct, "correct")
    if is_correct.dtype.kind != "b":
        raise TypeError(f"correct must be bools, not {is_correct.dtype}")
    if is_correct.shape != values.shape:
        raise ValueError(
            f"correct must have one entry for each of the {len(values)} scores, not be of shape "
            f"{is_correct.shape}"
        )
    n_correct = int(is_correct.sum())
    if n_correct in (0, len(values)):
        raise ValueError(f"correct is {bool(n_correct)} everywhere: there must be right and wrong answers")
    area, error = _area(values, is_correct)
    return AUROC(auroc=area, auroc_se=error, n_correct=n_correct, n_wrong=len(values) - n_correct)


def _area(scores: FloatArray, correct: NDArray[np.bool_]) -> tuple[float, float]:
    """Area and DeLong's error: the variances of how each answer compares with those of the other kind."""
    right, wrong = np.sort(scores[correct]), np.sort(scores[~correct])
    of_right = (np.searchsorted(wrong, right) + np.searchsorted(wrong, right, "right")) / (2 * len(wrong))
    of_wrong = 1 - (np.searchsorted(right, wrong) + np.searchsorted(right, wrong, "right")) / (2 * len(right))
    errors = [mean_and_error(places)[1] for places in (of_right, of_wrong)]
    return float(of_right.mean()), math.hypot(*errors)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ATC(Result):
    """Accuracy predicted from confidence; see :func:`atc`.

    Attributes
    ----------
    accuracy, accuracy_se : float
        Share of samples whose score is at least the threshold, and its standard error, which counts the
        samples of both sets.
    threshold : float
        The score above which as many source samples lie as are right.
    source_accuracy : float
        Share of source samples that are right.
    n_samples, n_source : int
        Number of samples.
    """

    _headline: ClassVar[tuple[str, ...]] = ("accuracy", "threshold", "source_accuracy")

    accuracy: float
    accuracy_se: float
    threshold: float
    source_accuracy: float
    n_samples: int
    n_source: int


def atc(
    logits: ArrayLike,
    source_logits: ArrayLike,
    source_labels: ArrayLike,
    *,
    score: Literal["confidence", "entropy"] = "confidence",
) -> ATC:
    """Average thresholded confidence: the accuracy that a model will have on samples without labels.

    On labelled samples (the source) a threshold is found such that the share of scores above it is the
    accuracy; the predicted accuracy is the share of scores above it among the others (Garg et al. 2022).

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
        Logits of the samples without labels.
    source_logits : array_like, shape (n_source, n_classes)
        Logits of the same model for samples with labels.
    source_labels : array_like of int, shape (n_source,)
        Column of the true class of these.
    score : {"confidence", "entropy"}
        The largest probability, or minus the entropy.

    Returns
    -------
    ATC

    Raises
    ------
    TypeError, ValueError
        If the logits are not finite matrices of equally many classes, or labels are not columns.

    Examples
    --------
    >>> from neurogeom import logits
    >>> source = [[4.0, 0.0], [3.0, 0.0], [1.0, 0.0], [0.5, 0.0]]
    >>> logits.atc([[5.0, 0.0], [0.2, 0.0]], source, [0, 0, 1, 1])
    ATC(accuracy=0.5±0.5, threshold=0.9526, source_accuracy=0.5)
    """
    values, source = as_logits(logits), as_logits(source_logits, "source_logits")
    require_same_classes(values, source, "logits", "source_logits")
    classes = as_columns(source_labels, source, source_logits, "source_labels", "source_logits")
    by = _validate.as_choice(score, "score", ("confidence", "entropy"))
    scores, known = ((confidence(x) if by == "confidence" else -entropy(x)) for x in (values, source))
    right = source.argmax(axis=1) == classes
    n_right = int(right.sum())
    falling = -np.sort(-known)
    threshold = float(falling[n_right - 1]) if n_right else float(np.nextafter(falling[0], np.inf))
    above = scores >= threshold
    share, error = mean_and_error(above.astype(np.float64))
    # What the threshold's own error adds: that of (right - above) over the source, shares moving alike.
    _, of_source = mean_and_error(right.astype(np.float64) - (known >= threshold))
    return ATC(
        accuracy=share,
        accuracy_se=math.hypot(error, of_source),
        threshold=threshold,
        source_accuracy=n_right / len(source),
        n_samples=len(values),
        n_source=len(source),
    )
