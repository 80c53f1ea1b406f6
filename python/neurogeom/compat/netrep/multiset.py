"""Stands in for ``netrep.multiset``: distances of all pairs of one or two sets of representations."""

from __future__ import annotations

from typing import Any

from ..._base.checks import FloatArray
from ._sweeps import among_themselves, between


def pairwise_distances(
    metric: Any, traindata: Any, testdata: Any = None, verbose: bool = True, enable_caching: bool = False
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Return the distances of all pairs of a set of representations.

    Parameters
    ----------
    metric : object
        A metric from :mod:`neurogeom.compat.netrep.metrics`, which then runs on the engine of
        :func:`neurogeom.pairwise`; or anything with ``fit(X, Y)`` and ``score(X, Y)``, which are called for
        each pair.
    traindata : sequence of arrays (n_samples, n_neurons)
        The metric is fitted to these.
    testdata : sequence of arrays (n_test_samples, n_neurons), optional
        It is also evaluated on these.
    verbose : bool
        Show a progress bar on stderr.
    enable_caching : bool
        Without effect: what concerns one representation is always computed once. (In netrep, caching with
        unequal numbers of neurons ends in an IndexError.)

    Returns
    -------
    D_train : ndarray of shape (K, K)
        Distances on the training data.
    D_test : ndarray of shape (K, K)
        Distances on the test data; only if there are any.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be read, holds NaN or infinity, does not vary, or does not fit the others.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.compat.netrep.metrics import LinearMetric
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]])
    >>> Y = X @ [[0.0, 1.0], [-1.0, 0.0]]
    >>> pairwise_distances(LinearMetric(), [X, Y, X[::-1]], verbose=False).round(3)
    array([[0.   , 0.   , 0.331],
           [0.   , 0.   , 0.331],
           [0.331, 0.331, 0.   ]])
    """
    del enable_caching
    D_train, D_test = among_themselves(metric, traindata, testdata, ("traindata", "testdata"), verbose)
    return D_train if D_test is None else (D_train, D_test)


def cross_distances(
    metric: Any, Xs: Any, Ys: Any, Xs_test: Any = None, Ys_test: Any = None, verbose: bool = True
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Return the distances of the representations of one set to those of another.

    Parameters
    ----------
    metric : object
        See :func:`pairwise_distances`.
    Xs, Ys : sequence of arrays (n_samples, n_neurons)
        Rows and columns of the result.
    Xs_test, Ys_test : sequence of arrays (n_test_samples, n_neurons), optional
        Responses of the same units to other stimuli, on which the metric is also evaluated.
    verbose : bool
        Show a progress bar on stderr.

    Returns
    -------
    D_train : ndarray of shape (len(Xs), len(Ys))
        Distances on the training data.
    D_test : ndarray of shape (len(Xs), len(Ys))
        Distances on the test data; only if there are any.

    Raises
    ------
    TypeError, ValueError
        As for :func:`pairwise_distances`, or if only one set has test data.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.compat.netrep.metrics import LinearMetric
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 4.0]])
    >>> cross_distances(LinearMetric(), [X], [X, X[::-1]], verbose=False).round(3)
    array([[0.   , 0.331]])
    """
    D_train, D_test = between(metric, Xs, Ys, Xs_test, Ys_test, verbose)
    return D_train if D_test is None else (D_train, D_test)
