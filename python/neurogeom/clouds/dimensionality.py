"""How many dimensions one data matrix fills: participation ratio and explained variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from .._base import checks as _validate
from .._base import threads as _threads
from .._base.results import Column, Result, columns_of_kind

FloatArray = NDArray[np.float64]

_FORMS = ("corrected", "compat", "unbiased")
# Rounding of a cumulative sum must not leave the component that reaches the share just short of it.
_SLACK = 1e-12
# A U-statistic below this share of the terms whose difference it is, is rounding, hence zero.
_ROUNDING = 1e-13


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dimensionality(Result):
    """Linear dimensionality of one data matrix.

    Attributes
    ----------
    participation_ratio : float
        (sum of eigenvalues)^2 / (sum of squared eigenvalues), or its estimate (see `form`).
    explained_variance : int
        Number of components that explain the requested share of the variance.
    n_samples, n_features : int
        Shape of the data.
    eigenvalues : ndarray, shape (min(n_samples - 1, n_features),)
        Eigenvalues of the sample covariance (divisor n_samples - 1), descending; the same for every
        form. Those not listed are zero.
    form : str
        The requested form.
    """

    _headline: ClassVar[tuple[str, ...]] = ("participation_ratio", "explained_variance")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_samples", "n_features"),
        *columns_of_kind("setting", "form"),
        Column(name="participation_ratio"),
        *columns_of_kind("count", "explained_variance"),
    )

    participation_ratio: float
    explained_variance: int
    n_samples: int
    n_features: int
    eigenvalues: FloatArray
    form: str


def dimensionality(X: ArrayLike, *, variance: float = 0.9, form: str = "corrected") -> Dimensionality:
    r"""Participation ratio and explained-variance dimension of one data matrix.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        The data, samples first. Concatenate several manifolds along the samples.
    variance : float
        Share of the variance to explain, between 0 and 1.
    form : {"corrected", "compat", "unbiased"}
        ``"corrected"``: the participation ratio
        :math:`(\sum\lambda_i)^2 / \sum\lambda_i^2` of the sample covariance's eigenvalues, and the
        smallest number of components whose shares of the variance add up to `variance`.

        ``"compat"``: what ``alldata_dimension_analysis`` of the MFTMA package returns. Its
        participation ratio leaves out the last of the min(n_samples, n_features) singular values;
        its count is the number of cumulative shares <= `variance`, one less than above, and its PCA
        takes the features for samples, so that the mean over features is removed as well. NaN for
        a single feature.

        ``"unbiased"``: few samples make the plain participation ratio too small. Here
        :math:`(\operatorname{tr}\Sigma)^2` and :math:`\operatorname{tr}\Sigma^2` are each estimated
        without bias, for independent samples of any distribution with finite fourth moments, and
        then divided (the ratio itself still has a bias, of a smaller order). It can exceed
        n_features; it is ``inf`` if the second estimate is zero and NaN if both are. The
        count is that of ``"corrected"``. See Notes.

    Returns
    -------
    Dimensionality

    Raises
    ------
    TypeError
        If `X` does not hold real numbers.
    ValueError
        If `X` is not a matrix of at least 2 (``"unbiased"``: 4) samples, holds NaN or infinity, has
        no variance, or if another argument is out of its range.

    Notes
    -----
    The unbiased form is our own derivation; it is not meant to reproduce a published estimator.
    For four different samples i, j, k, l,

    .. math:: (\operatorname{tr}\Sigma)^2 = E\,\tfrac14 |x_i-x_j|^2 |x_k-x_l|^2, \qquad
              \operatorname{tr}\Sigma^2 = E\,\tfrac14 ((x_i-x_j)\cdot(x_k-x_l))^2.

    The mean over all such quadruples (a U-statistic, never negative) has a closed form in the
    sample covariance S and :math:`Q = \sum_i |x_i-\bar x|^4 / (n-1)`:
    :math:`C [2 \operatorname{tr}S^2 + (n^2-3n+1)(\operatorname{tr}S)^2 - nQ]` and
    :math:`C [(n-1)(n-2)\operatorname{tr}S^2 + (\operatorname{tr}S)^2 - nQ]` with
    :math:`C = (n-1)/(n(n-2)(n-3))`.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> dimensionality(square)
    Dimensionality(participation_ratio=2, explained_variance=2)
    """
    data = _validate.as_float_matrix(X, "X")
    variance = _validate.as_fraction(variance, "variance")
    form = _validate.as_choice(form, "form", _FORMS)
    n_samples, n_features = data.shape
    fewest = 4 if form == "unbiased" else 2
    _validate.as_count(n_samples, "the number of samples (rows) of X", minimum=fewest)
    if (data == data[0]).all():
        raise ValueError(f"X has no variance: all of its {len(data)} rows are the same")
    _validate.require_magnitude(max(float(data.max()), -float(data.min())), "X")
    centred = _centre(data)
    scale = float(np.abs(centred).max())
    _validate.require_magnitude(scale, "X (without its mean)")
    centred /= scale
    with _threads.single_threaded_blas():
        like_mftma = count_like_mftma(centred, variance) if form == "compat" else None
        lengths = np.einsum("ij,ij->i", centred, centred)
        squares = _squared_singular_values(centred)  # overwrites `centred`
    if form == "unbiased":
        ratio = _unbiased_ratio(squares, lengths)
    else:
        ratio = participation_of(squares[:-1] if form == "compat" else squares)
    return Dimensionality(
        participation_ratio=ratio,
        explained_variance=_count(squares, variance) if like_mftma is None else like_mftma,
        n_samples=n_samples,
        n_features=n_features,
        eigenvalues=squares[: n_samples - 1] * (scale / (n_samples - 1) * scale),
        form=form,
    )


def _centre(data: FloatArray) -> FloatArray:
    """Remove the mean over samples, twice: the first pass leaves the rounding of a large mean."""
    centred: FloatArray = data - data.mean(axis=0)
    centred -= centred.mean(axis=0)
    return centred


def _squared_singular_values(matrix: FloatArray) -> FloatArray:
    """Squares of the singular values, descending; the matrix is overwritten.

    A Gram matrix would be faster but loses the eigenvalues below 1e-16 of the largest.
    """
    values = linalg.svdvals(matrix.T, overwrite_a=True, check_finite=False)
    squares: FloatArray = np.square(values)
    return squares


def participation_of(squares: FloatArray) -> float:
    """(sum of eigenvalues)^2 / (sum of squared eigenvalues); NaN without eigenvalues."""
    if not len(squares):
        return float("nan")
    return float(squares.sum() ** 2 / (squares @ squares))


def _count(squares: FloatArray, variance: float) -> int:
    """Return the smallest number of components whose cumulative share reaches `variance`."""
    shares = np.cumsum(squares)
    return int(np.searchsorted(shares, variance * shares[-1] * (1 - _SLACK))) + 1


def count_like_mftma(centred: FloatArray, variance: float) -> int:
    """Return the number of cumulative shares <= `variance` of the PCA with features as samples."""
    squares = _squared_singular_values(centred - centred.mean(axis=1, keepdims=True))
    total = squares.sum()
    return int((np.cumsum(squares / total) <= variance).sum()) if total > 0 else 0


def _unbiased_ratio(squares: FloatArray, lengths: FloatArray) -> float:
    """Return the ratio of the two U-statistics: inf over a zero denominator, NaN if both are zero."""
    numerator, denominator = unbiased_traces(float(squares.sum()), float(squares @ squares), lengths)
    if denominator > 0:
        return numerator / denominator
    return float("inf") if numerator > 0 else float("nan")


def unbiased_traces(total: float, square_total: float, lengths: FloatArray) -> tuple[float, float]:
    """Return the unbiased (tr Sigma)^2 and tr Sigma^2; zero where they are rounding.

    `total` and `square_total` are sums of the eigenvalues of the Gram matrix of the centred data and of their
    squares, `lengths` the squared lengths of its rows; the formulas are in the Notes of `dimensionality`.
    """
    n = len(lengths)
    trace2 = (total / (n - 1)) ** 2
    square_trace = square_total / (n - 1) ** 2
    fourth = n * float(lengths @ lengths) / (n - 1)
    factor = (n - 1) / (n * (n - 2) * (n - 3))
    numerator = factor * (2 * square_trace + (n * n - 3 * n + 1) * trace2 - fourth)
    denominator = factor * ((n - 1) * (n - 2) * square_trace + trace2 - fourth)
    least = _ROUNDING * trace2
    return (numerator if numerator > least else 0.0), (denominator if denominator > least else 0.0)
