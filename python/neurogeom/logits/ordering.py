"""How much the order of wrong classes varies within a predicted class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._base.checks import FloatArray
from .._base.results import Result
from .checks import Indices
from .samples import class_order


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OrderEntropy(Result):
    """How much the order of wrong classes varies within a predicted class; see :func:`order_entropy`.

    Attributes
    ----------
    entropy, entropy_se : ndarray, shape (n_classes,)
        For each predicted class, corrected for the number of samples, with the standard error over samples.
        NaN for classes with fewer than two samples.
    plugin : ndarray, shape (n_classes,)
        Without the correction.
    mean, mean_se : float
        Mean over the classes that have a value, and its standard error over samples.
    n_samples : ndarray of int, shape (n_classes,)
        Number of samples that are predicted to be of each class.
    """

    _headline: ClassVar[tuple[str, ...]] = ("mean",)

    entropy: FloatArray
    entropy_se: FloatArray
    plugin: FloatArray
    mean: float
    mean_se: float
    n_samples: Indices


def order_entropy(logits: ArrayLike) -> OrderEntropy:
    """Entropy of which wrong class stands at a rank, for samples of one predicted class, in nats.

    The entropy over classes at each of the ranks 2, 3, ..., averaged over ranks: 0 if all samples that are
    predicted to be cats have their other classes in one order, log(n_classes - 1) if their order is random.
    (The entropy of whole orders would need many times (n_classes - 1)! samples. The definition is ours.)

    Parameters
    ----------
    logits : array_like, shape (n_samples, n_classes)
        Logits of at least three classes.

    Returns
    -------
    OrderEntropy
        Entropies of few samples are too low; the jackknife corrects this and gives the standard error. It
        removes the bias of order 1 / n_samples: where samples are fewer than classes, values remain too low.

    Raises
    ------
    TypeError, ValueError
        As :func:`max_logit`, or if there are fewer than three classes.

    Examples
    --------
    >>> from neurogeom import logits
    >>> logits.order_entropy([[9.0, 2.0, 1.0], [8.0, 3.0, 0.0]]).mean
    0.0
    """
    order = class_order(logits)
    n_classes = order.shape[1]
    if n_classes < 3:
        raise ValueError(f"logits must have at least 3 classes (an order of 2 wrong ones), not {n_classes}")
    counts = np.bincount(order[:, 0], minlength=n_classes)
    plugin, found, errors = (np.full(n_classes, np.nan) for _ in range(3))
    ranks = np.arange(n_classes - 1)
    for k in np.flatnonzero(counts > 1):
        wrong = order[order[:, 0] == k, 1:]
        n = len(wrong)
        table = np.zeros((n_classes - 1, n_classes))
        np.add.at(table, (np.broadcast_to(ranks, wrong.shape), wrong), 1)
        surprise = _x_log_x(table).sum(axis=1)
        plugin[k] = np.mean(math.log(n) - surprise / n)
        # Without one sample, a count is less by one at each rank.
        drop = surprise[:, None] - _x_log_x(table) + _x_log_x(np.maximum(table - 1, 0))
        without = np.mean(math.log(n - 1) - drop[ranks, wrong] / (n - 1), axis=1)
        found[k] = n * plugin[k] - (n - 1) * without.mean()
        errors[k] = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    known = ~np.isnan(found)
    return OrderEntropy(
        entropy=np.where(known, np.maximum(found, 0.0), np.nan),
        entropy_se=errors,
        plugin=plugin,
        mean=float(np.maximum(found[known], 0.0).mean()) if known.any() else math.nan,
        mean_se=float(np.sqrt((errors[known] ** 2).sum())) / int(known.sum()) if known.any() else math.nan,
        n_samples=counts,
    )


def _x_log_x(x: FloatArray) -> FloatArray:
    return x * np.log(np.maximum(x, 1.0))  # counts
