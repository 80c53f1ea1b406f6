"""Edits of logits, as a teacher's are edited before a student is trained on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.rng import RandomSource, as_generator
from .checks import as_logits, others, without
from .samples import logit_gaps


def keep_max(logits: ArrayLike) -> FloatArray:
    """Replace all logits of a sample but the largest by their mean: neither order nor gaps are left.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray, shape (n_samples, n_classes)
        The edited logits; the predicted class and the largest logit of each sample are those of before.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.keep_max([[5.0, 3.0, 1.0]])
    array([[5., 2., 2.]])
    """
    values = as_logits(logits)
    predicted = values.argmax(axis=1)
    rest = without(values, predicted).mean(axis=1, keepdims=True)
    # The mean of equal numbers can round above them.
    return _with_max(
        np.minimum(np.repeat(rest, values.shape[1], axis=1), values.max(axis=1)[:, None]), values
    )


def permute_rest(logits: ArrayLike, *, rng: RandomSource = None) -> FloatArray:
    """Permute the logits of each sample but the largest: gaps are kept, the order of wrong classes is not.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
    rng : int, SeedSequence, Generator or None
        Source of randomness.

    Returns
    -------
    ndarray, shape (n_samples, n_classes)
        The edited logits; the predicted class and the largest logit of each sample are those of before.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.permute_rest([[5.0, 3.0, 3.0]], rng=0)
    array([[5., 3., 3.]])
    """
    values = as_logits(logits)
    predicted = values.argmax(axis=1)
    shuffled = as_generator(rng).permuted(without(values, predicted), axis=1)
    edited = values.copy()
    edited[others(values, predicted)] = shuffled.ravel()
    return edited


def average_rest(logits: ArrayLike) -> FloatArray:
    """Replace the gaps of each sample by their means over all samples with the same prediction.

    What is left is the order of wrong classes that is common to a predicted class, without what the sample
    adds to it.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray, shape (n_samples, n_classes)
        The edited logits; the predicted class and the largest logit of each sample are those of before.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.average_rest([[5.0, 3.0, 1.0], [5.0, 1.0, 3.0]])
    array([[5., 2., 2.],
           [5., 2., 2.]])
    """
    values = as_logits(logits)
    largest = values.max(axis=1, keepdims=True)
    predicted = values.argmax(axis=1)
    gaps = largest - values
    for k in np.unique(predicted):
        gaps[predicted == k] = gaps[predicted == k].mean(axis=0)
    return _with_max(largest - gaps, values)


def rescale_gaps(
    logits: ArrayLike, reference: ArrayLike | None = None, *, factor: float | None = None
) -> FloatArray:
    """Scale the gaps of each sample, by one factor or to another model's distribution of first gaps.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
    reference : array_like, shape (n_others, n_others_classes), optional
        Logits of another model. The sample whose gap between the two largest logits has a share q of the
        others below it gets the quantile q of the reference's gaps.
    factor : float, optional
        Multiply all gaps by this positive number instead.

    Returns
    -------
    ndarray, shape (n_samples, n_classes)
        The edited logits; the predicted class, the order of the others and the largest logit of each sample
        are those of before. A sample whose two largest logits are equal stays as it is.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`, or unless just one of `reference` and `factor` is given.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.rescale_gaps([[5.0, 3.0, 1.0]], factor=0.5)
    array([[5., 4., 3.]])
    >>> logits.rescale_gaps([[5.0, 3.0, 1.0]], [[7.0, 6.0]])
    array([[5., 4., 3.]])
    """
    values = as_logits(logits)
    if (reference is None) == (factor is None):
        raise ValueError("give either reference or factor")
    largest = values.max(axis=1, keepdims=True)
    if reference is None:
        scale = np.full((len(values), 1), _validate.as_number(factor, "factor"))
        if scale[0, 0] <= 0:
            raise ValueError(f"factor must be positive, not {factor}")
    else:
        first = logit_gaps(values)[:, 0]
        others = np.sort(logit_gaps(as_logits(reference, "reference"))[:, 0])
        rising = np.sort(first)
        ranks = (np.searchsorted(rising, first) + np.searchsorted(rising, first, "right")) / 2
        wanted = np.quantile(others, ranks / len(first), method="hazen")
        scale = np.divide(wanted, first, out=np.ones_like(first), where=first > 0)[:, None]
    return _with_max(largest - (largest - values) * scale, values)


def _with_max(edited: FloatArray, values: FloatArray) -> FloatArray:
    """Put the largest logits back exactly where they were."""
    at = np.arange(len(values)), values.argmax(axis=1)
    edited[at] = values[at]
    return edited
