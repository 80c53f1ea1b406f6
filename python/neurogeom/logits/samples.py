"""One number for each sample: how large its logits are, how far apart, how sure the model is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._base.checks import FloatArray
from .checks import Indices, as_columns, as_logits


def max_logit(logits: ArrayLike, *, center: bool = True) -> FloatArray:
    """Largest logit of each sample.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
        Logits of at least two classes.
    center : bool
        Take each row without its mean, on which softmax does not depend: models can then be compared.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    TypeError, ValueError
        If the logits are not a finite real matrix with two columns or more.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.max_logit([[3.0, 0.0, 0.0]])
    array([2.])
    """
    values = as_logits(logits)
    largest: FloatArray = values.max(axis=1)
    return largest - values.mean(axis=1) if center else largest


def logit_gaps(logits: ArrayLike) -> FloatArray:
    """Difference between the largest logit of each sample and each of the others, by rank.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray, shape (n_samples, n_classes - 1)
        Column j is the largest logit minus number j + 2 in descending order; none is negative.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.logit_gaps([[1.0, 4.0, 2.0]])
    array([[2., 3.]])
    """
    falling = -np.sort(-as_logits(logits), axis=1)
    gaps: FloatArray = falling[:, :1] - falling[:, 1:]
    return gaps


def true_margin(logits: ArrayLike, labels: ArrayLike) -> FloatArray:
    """Logit of the true class minus the largest of the others: positive where the model is right.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
    labels : array_like of int, shape (n_samples,)
        Column of the true class, from 0.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`, or if labels are not columns.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.true_margin([[1.0, 4.0, 2.0], [1.0, 4.0, 2.0]], [1, 2])
    array([ 2., -2.])
    """
    values = as_logits(logits)
    classes = as_columns(labels, values, logits)
    rows = np.arange(len(values))
    own = values[rows, classes]
    others = values.copy()
    others[rows, classes] = -np.inf
    margins: FloatArray = own - others.max(axis=1)
    return margins


def confidence(logits: ArrayLike) -> FloatArray:
    """Largest softmax probability of each sample.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray, shape (n_samples,)
        Between 1 / n_classes and 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.confidence([[0.0, 0.0]])
    array([0.5])
    """
    _, sums = _exponentials(as_logits(logits))
    return 1 / sums


def entropy(logits: ArrayLike) -> FloatArray:
    """Entropy of the softmax probabilities of each sample, in nats.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray, shape (n_samples,)
        Between 0 and log(n_classes).

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.entropy([[0.0, 0.0, 0.0, 0.0]]).round(4)
    array([1.3863])
    """
    values = as_logits(logits)
    weights, sums = _exponentials(values)
    below = values - values.max(axis=1, keepdims=True)
    found: FloatArray = np.log(sums) - (weights * below).sum(axis=1) / sums
    return np.maximum(found, 0.0)


def energy(logits: ArrayLike, *, center: bool = False) -> FloatArray:
    """Energy of each sample: minus the logarithm of the sum of exponentials of its logits.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
    center : bool
        Take each row without its mean; the energy as it is usually defined keeps it.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.energy([[0.0, 0.0]]).round(4)
    array([-0.6931])
    """
    values = as_logits(logits)
    _, sums = _exponentials(values)
    found: FloatArray = -values.max(axis=1) - np.log(sums)
    return found + values.mean(axis=1) if center else found


def class_order(logits: ArrayLike) -> Indices:
    """Classes of each sample in descending order of their logits; equal ones in the order of columns.

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)

    Returns
    -------
    ndarray of int, shape (n_samples, n_classes)
        Column 0 is the predicted class.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.class_order([[1.0, 4.0, 2.0]])
    array([[1, 2, 0]])
    """
    return np.argsort(-as_logits(logits), axis=1, kind="stable")


def _exponentials(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Exponentials of the logits less the largest, and their sums."""
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    return weights, weights.sum(axis=1)
