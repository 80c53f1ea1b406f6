"""Stands in for ``netrep.multiset``: distances of all pairs, the mean of a set, and vectors from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._base.checks import FloatArray, as_choice, as_count, as_float_matrix
from ...pairs.shapes import Space, as_shapes
from ...pairs.shapes import frechet_mean as native_mean
from ._alignment import padded
from ._random import seed_from
from ._sweeps import among_themselves, between
from .utils import align


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


def frechet_mean(
    Xs: Any,
    group: str = "orth",
    random_state: Any = None,
    tol: float = 1e-3,
    max_iter: int = 100,
    warmstart: Any = None,
    verbose: bool = False,
    method: str = "streaming",
    return_aligned_Xs: bool = False,
) -> Any:
    """Average representations after the best alignments; nothing is centred.

    Parameters
    ----------
    Xs : sequence of arrays (m, n)
        Representations of one shape. They are not written to, as netrep's "full_batch" does.
    group : {"orth", "perm", "identity"}
        Align by rotations, by permutations, or not at all.
    random_state : None, int or RandomState
        Choice of the representations that searches begin from, if there are more than ten.
    tol : float
        Without effect: searches go on until steps gain nothing.
    max_iter : int
        Steps of a search.
    warmstart : ndarray of shape (m, n), optional
        Begin from this alone.
    verbose : bool
        Show a progress bar on stderr.
    method : {"streaming", "full_batch"}
        Without effect.
    return_aligned_Xs : bool
        Also return the aligned representations.

    Returns
    -------
    Xbar : ndarray of shape (m, n)
        The mean.
    aligned_Xs : list of ndarray (m, n)
        Only if asked for.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    >>> mean = frechet_mean([X, -X, X[:, ::-1]])
    >>> np.allclose(mean @ mean.T, X @ X.T)
    True
    """
    del tol
    as_choice(group, "group", ("orth", "perm", "identity"))
    as_choice(method, "method", ("streaming", "full_batch"))
    items = [as_float_matrix(X, f"Xs[{i}]") for i, X in enumerate(Xs)]
    if not items or len({X.shape for X in items}) > 1:
        raise ValueError(
            f"Xs must be arrays of one shape, not {', '.join(str(X.shape) for X in items) or 'none'}"
        )
    mean = _mean(items, group, random_state, as_count(max_iter, "max_iter"), warmstart, bool(verbose))
    if not return_aligned_Xs:
        return mean
    return mean, [X @ align(X, mean, group) for X in items]


def _mean(
    items: Any, group: Any, random_state: Any, max_iter: int, warmstart: Any, verbose: bool
) -> FloatArray:
    if group == "identity" or len(items) == 1:
        return np.asarray(np.mean(items, axis=0))
    width = items[0].shape[1]
    if warmstart is None:
        seed = seed_from(random_state)
        found = native_mean(
            items, group=group, center=False, max_iter=max(2, max_iter), rng=seed, progress=verbose
        )
        return padded(found.mean, width)
    start = as_float_matrix(warmstart, "warmstart")
    if start.shape != items[0].shape:
        raise ValueError(f"warmstart must have shape {items[0].shape}, not {start.shape}")
    space = Space(group, 1.0, "euclidean", False)
    return space.search(as_shapes(items, space, 1)[1], start, max(2, max_iter)).point


def euclidean_tangent_space(Xs: Any, Xbar: Any, group: str = "orth") -> FloatArray:
    """Return the mean minus each representation aligned to it; nothing is centred.

    The sign is netrep's: these vectors point from the representations to the mean. See
    :func:`neurogeom.tangent_space` for the usual one.

    Parameters
    ----------
    Xs : sequence of arrays (m, n)
        Representations.
    Xbar : ndarray of shape (m, n)
        The mean.
    group : {"orth", "perm", "identity"}
        Align by rotations, by permutations, or not at all.

    Returns
    -------
    ndarray of shape (K, m, n)
        The vectors.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    >>> np.allclose(euclidean_tangent_space([X, -X, X[:, ::-1]], X), 0)
    True
    """
    mean = as_float_matrix(Xbar, "Xbar")
    items = [as_float_matrix(X, f"Xs[{i}]") for i, X in enumerate(Xs)]
    return np.array([mean - X @ align(X, mean, group) for X in items])
