"""Stands in for ``netrep.utils``: alignments, whitening, Bures distances and random matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..._base.checks import FloatArray, as_array, as_count, as_float_matrix, require_extra
from ._random import as_random_state


def align(X: Any, Y: Any, group: str = "orth") -> Any:
    """Return the matrix T of a group such that ``X @ T`` is nearest to Y.

    Parameters
    ----------
    X, Y : ndarray of shape (m, n)
        Representations with as many neurons.
    group : {"orth", "perm", "identity"}
        Rotations and reflections, permutations, or nothing.

    Returns
    -------
    ndarray or sparse matrix of shape (n, n)
        Sparse for permutations and the identity.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> align(X, X[:, ::-1], "perm").toarray()
    array([[0., 1.],
           [1., 0.]])
    """
    import scipy.sparse

    if group not in ("orth", "perm", "identity"):
        raise ValueError(f"group must be one of 'orth', 'perm', 'identity', not {group!r}")
    X, Y = as_float_matrix(X, "X"), as_float_matrix(Y, "Y")
    if X.shape != Y.shape:
        raise ValueError(f"X and Y must have the same shape, not {X.shape} and {Y.shape}")
    if group == "identity":
        return scipy.sparse.eye(X.shape[1])
    core = X.T @ Y
    if group == "orth":
        left, _, right = np.linalg.svd(core)
        return left @ right
    places = linear_sum_assignment(core, maximize=True)
    return scipy.sparse.csr_matrix((np.ones(len(core)), places), shape=core.shape)


def posdefsqrt(A: Any) -> FloatArray:
    """Return the square root of a symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(A)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T)


def sq_bures_metric(A: Any, B: Any) -> float:
    """Return the squared Bures distance of two covariance matrices (n, n).

    Computed from square roots, so that rank-deficient matrices lose nothing.

    Examples
    --------
    >>> float(sq_bures_metric([[4.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]))
    1.0
    """
    A, B = as_float_matrix(A, "A"), as_float_matrix(B, "B")
    overlap = np.linalg.svd(posdefsqrt(A) @ posdefsqrt(B), compute_uv=False).sum()
    return float(np.trace(A) + np.trace(B) - 2 * overlap)


def sq_bures_metric_slow(A: Any, B: Any) -> float:
    """Return the squared Bures distance from eigenvalues of a product; see :func:`sq_bures_metric`."""
    A, B = as_float_matrix(A, "A"), as_float_matrix(B, "B")
    root = posdefsqrt(A)
    values = np.linalg.eigvalsh(root @ B @ root)
    return float(np.trace(A) + np.trace(B) - 2 * np.sqrt(np.clip(values, 0.0, None)).sum())


def centered_kernel(*args: Any, **kwargs: Any) -> FloatArray:
    """Return a kernel matrix minus its row and column means (needs scikit-learn).

    Arguments are those of ``sklearn.metrics.pairwise.pairwise_kernels``.
    """
    pairwise = require_extra("sklearn.metrics.pairwise", "test", "centered_kernel")
    K = pairwise.pairwise_kernels(*args, **kwargs)
    K = K - K.mean(axis=0)
    return np.asarray(K - K.mean(axis=1, keepdims=True))


def angular_distance(X: Any, Y: Any) -> float:
    """Return the angle between two matrices of one shape, from 0 to pi.

    Examples
    --------
    >>> round(angular_distance([[1.0, 0.0]], [[1.0, 1.0]]), 6)
    0.785398
    """
    x, y = (
        np.asarray(as_array(value, name), dtype=np.float64).ravel() for value, name in ((X, "X"), (Y, "Y"))
    )
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    # From chords, which keep the digits of small angles.
    return float(2 * np.arctan2(np.linalg.norm(x - y), np.linalg.norm(x + y)))


def econ_svd(X: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return U, s and V' of the economic singular value decomposition."""
    left, values, right = np.linalg.svd(as_float_matrix(X, "X"), full_matrices=False)
    return left, values, right


def trunc_svd(X: Any, r: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the r largest singular values and their vectors; exact, where netrep's are randomised."""
    left, values, right = econ_svd(X)
    r = as_count(r, "r")
    return left[:, :r], values[:r], right[:r]


def rand_orth(m: int, n: int | None = None, random_state: Any = None) -> FloatArray:
    """Draw a matrix (m, n) with orthonormal columns, or rows if n > m.

    Parameters
    ----------
    m, n : int
        Shape; square by default.
    random_state : None, int or RandomState
        Source of random numbers.

    Examples
    --------
    >>> import numpy as np
    >>> Q = rand_orth(5, 3, random_state=0)
    >>> np.allclose(Q.T @ Q, np.eye(3))
    True
    """
    from scipy.stats import ortho_group

    n = m if n is None else n
    whole = ortho_group.rvs(
        max(as_count(m, "m"), as_count(n, "n")), random_state=as_random_state(random_state)
    )
    return np.asarray(whole).reshape(max(m, n), -1)[:m, :n]


def whiten(
    X: Any, alpha: float, preserve_variance: bool = True, eigval_tol: float = 1e-7
) -> tuple[FloatArray, FloatArray]:
    """Whiten centred data in part: ``Z = alpha I + (1 - alpha) (X'X)^(-1/2)``.

    Parameters
    ----------
    X : ndarray of shape (m, n)
        Centred responses.
    alpha : float
        1 leaves them as they are, 0 whitens them fully.
    preserve_variance : bool
        Scale Z so that the total variance stays.
    eigval_tol : float
        Eigenvalues of X'X below this are raised to it. It is not relative to the data, as in netrep.

    Returns
    -------
    X_whitened : ndarray of shape (m, n)
        ``X @ Z``.
    Z : ndarray of shape (n, n)
        The map.

    Examples
    --------
    >>> import numpy as np
    >>> XZ, Z = whiten(np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 0.0, False)
    >>> (XZ.T @ XZ).round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    X = as_float_matrix(X, "X")
    if alpha > 1 - eigval_tol:
        return X, np.eye(X.shape[1])
    values, vectors = np.linalg.eigh(X.T @ X)
    values = np.maximum(values, eigval_tol)
    factors = alpha + (1 - alpha) / np.sqrt(values)
    if preserve_variance:
        factors = factors * np.sqrt(values.sum() / np.square(factors * np.sqrt(values)).sum())
    Z = (vectors * factors) @ vectors.T
    return X @ Z, Z


def rand_struc_orth(n: int, n_transforms: int = 3, random_state: Any = None) -> Any:
    """Draw random signs (n_transforms, n) for :func:`struc_orth_matvec`."""
    flips = as_random_state(random_state).rand(n_transforms, n) > 0.5
    return np.where(flips, -1, 1)


def struc_orth_matvec(Ds: Any, a: Any, transpose: bool = False) -> None:
    """Multiply a vector, in place, by Hadamard matrices and signs in turn: an orthogonal map.

    Parameters
    ----------
    Ds : ndarray of shape (n_transforms, n)
        Signs, from :func:`rand_struc_orth`.
    a : ndarray of shape (n,)
        Floating-point vector, whose length is a power of two. It is overwritten.
    transpose : bool
        Apply the transposed map, which undoes it.
    """
    if getattr(a, "ndim", 0) != 1 or np.ndim(Ds) != 2:
        raise ValueError(
            f"a must be a vector and Ds a matrix, not of shapes {np.shape(a)} and {np.shape(Ds)}"
        )
    if np.shape(Ds)[1] != a.size or a.size & (a.size - 1):
        raise ValueError(f"a must have a power of two of entries, as many as Ds has columns, not {a.size}")
    fwht(a)
    for signs in Ds[::-1] if transpose else Ds:
        a *= signs
        fwht(a)
    a /= a.size ** ((1 + len(Ds)) / 2)


def fwht(a: Any) -> None:
    """Multiply a vector, whose length is a power of two, by the Hadamard matrix, in place.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([1.0, 2.0, 3.0, 4.0])
    >>> fwht(a)
    >>> a
    array([10., -2., -4.,  0.])
    """
    if a.ndim != 1 or a.size & (a.size - 1):
        raise ValueError(f"a must be a vector whose length is a power of two, not of shape {a.shape}")
    half = 1
    while half < a.size:
        pairs = a.reshape(-1, 2, half).copy()
        a[:] = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).ravel()
        half *= 2
