"""Linear CKA of representations that are read in blocks of stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._base.checks import FloatArray, as_choice, as_float_matrix, require_own_order, row_index
from .._base.threads import single_threaded_blas
from ..metrics.checks import refuse_zero_gram, require_stimuli
from ..representations import checks as check
from .result import Pairwise

_ESTIMATORS = ("biased", "debiased")
_EPS = float(np.finfo(np.float64).eps)


class StreamingCKA:
    r"""Exact linear CKA over more stimuli than fit in memory.

    Equals :class:`CKA` on all stimuli at once (to rounding), from sums over blocks of stimuli: memory is
    n_units_i * n_units_j numbers for each pair of items, however many stimuli there are.

    Parameters
    ----------
    estimator : {"debiased", "biased"}, default "debiased"
        See :class:`CKA`.

    Notes
    -----
    With X and Y centred, HSIC is :math:`\lVert X'Y \rVert^2`, debiased
    :math:`\lVert X'Y \rVert^2 - \frac{m}{m-2} \sum_i |x_i|^2 |y_i|^2 + \frac{|X|^2 |Y|^2}{(m-1)(m-2)}`, up
    to a factor. Responses are taken relative to the mean of their first block, so that data far from the
    origin lose no digits.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(100, 5)), rng.normal(size=(100, 7))
    >>> stream = ng.StreamingCKA()
    >>> for start in range(0, 100, 32):
    ...     stream.update([X[start : start + 32], Y[start : start + 32]])
    >>> result = stream.finish(names=["X", "Y"])
    >>> bool(abs(result.square[0, 1] - ng.cka(X, Y)) < 1e-12)
    True
    """

    def __init__(self, estimator: Literal["debiased", "biased"] = "debiased") -> None:
        self.estimator = as_choice(estimator, "estimator", _ESTIMATORS)
        self.n_stimuli = 0
        self._origins: list[FloatArray] = []

    def update(self, blocks: Sequence[Any]) -> None:
        """Add stimuli.

        Parameters
        ----------
        blocks : sequence of array-like of shape (n_block, n_units)
            Responses of each item to the same new stimuli, items in the same order each time. Numbers of
            stimuli may change from call to call. If it raises, nothing was added.
        """
        widths = [len(origin) for origin in self._origins] or None
        arrays = _as_blocks(blocks, widths, "blocks")
        if widths is None:
            self._start(arrays)
        shifted = [array - origin for array, origin in zip(arrays, self._origins, strict=True)]
        with single_threaded_blas():
            for k, array in enumerate(shifted):
                self._sums[k] += array.sum(axis=0)
                for j in range(k + 1):
                    self._products[k][j] += array.T @ shifted[j]
            if self.estimator == "debiased":
                norms = np.array([np.square(array).sum(axis=1) for array in shifted])
                self._norms += norms.sum(axis=1)
                self._norm_products += norms @ norms.T
                for k, array in enumerate(shifted):
                    self._weighted_sums[k] += norms @ array
        self.n_stimuli += len(shifted[0])

    def _start(self, arrays: list[FloatArray]) -> None:
        # Relative to the first row, so that constant responses become exactly zero.
        self._origins = [array[0] + (array - array[0]).mean(axis=0) for array in arrays]
        n_items, widths = len(arrays), [array.shape[1] for array in arrays]
        self._sums = [np.zeros(width) for width in widths]  # of x
        self._products = [[np.zeros((n, width)) for width in widths[: k + 1]] for k, n in enumerate(widths)]
        self._norms = np.zeros(n_items)  # sums of |x|^2
        self._norm_products = np.zeros((n_items, n_items))  # sums of |x|^2 |y|^2
        self._weighted_sums = [np.zeros((n_items, width)) for width in widths]  # sums of |y|^2 x

    def finish(self, names: Sequence[str] | None = None) -> Pairwise:
        """Return CKA for all pairs of items over the stimuli so far; more may be added afterwards.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the items.

        Returns
        -------
        Pairwise
            What ``ng.pairwise(..., ng.CKA(estimator=...))`` returns on all stimuli.
        """
        count, n_items = self.n_stimuli, len(self._origins)
        least = 4 if self.estimator == "debiased" else 2
        require_stimuli(count, least, "what was streamed", f"CKA ({self.estimator})")
        labels = check.as_names(names, n_items, "names") or [str(k) for k in range(n_items)]
        means = [total / count for total in self._sums]
        values = np.ones((n_items, n_items))
        scale = np.empty(n_items)
        for k in range(n_items):
            hsic, size = self._hsic(k, k, means)
            noise = 64 * max(len(means[k]), count) * _EPS * size if self.estimator == "debiased" else 0.0
            if not hsic > noise:
                refuse_zero_gram(f"item {k} ({labels[k]!r})")
            scale[k] = np.sqrt(hsic)
        for k in range(n_items):
            for j in range(k):
                cosine = self._hsic(k, j, means)[0] / scale[k] / scale[j]
                values[k, j] = values[j, k] = np.clip(cosine, -1.0, 1.0)
        return Pairwise(
            values=values,
            names=np.array(labels),
            column_names=np.array(labels),
            metric="cka" if self.estimator == "debiased" else "cka(biased)",
            is_similarity=True,
            symmetric=True,
            n_stimuli=count,
            flags=(values < 0).astype(np.int8) if self.estimator == "debiased" else None,
        )

    def _hsic(self, k: int, j: int, means: list[FloatArray]) -> tuple[float, float]:
        """Return HSIC up to a common factor, and the size of the terms whose difference it is."""
        count, x, y = self.n_stimuli, means[k], means[j]
        crossed = self._products[k][j]
        squared = float(np.square(crossed - count * np.outer(x, y)).sum())
        if self.estimator == "biased":
            return squared, squared
        # Sums over stimuli of |x_i - x|^2 |y_i - y|^2, from those about the origin.
        x2, y2 = float(x @ x), float(y @ y)
        both = (
            self._norm_products[k, j]
            - 2 * float(self._weighted_sums[j][k] @ y)
            - 2 * float(self._weighted_sums[k][j] @ x)
            + y2 * self._norms[k]
            + x2 * self._norms[j]
            + 4 * float(x @ crossed @ y)
            - 3 * count * x2 * y2
        )
        norms = (self._norms[k] - count * x2) * (self._norms[j] - count * y2)
        correction = norms / ((count - 1) * (count - 2))
        return float(squared - count / (count - 2) * both + correction), float(squared + both + correction)


def _as_blocks(value: Any, widths: Sequence[int] | None, name: str) -> list[FloatArray]:
    """Take responses of several items to the same stimuli, of the widths of earlier blocks."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a list with an array for each item, not {type(value).__name__}")
    require_own_order(value, name)
    arrays = [as_float_matrix(entry, f"{name}[{i}]") for i, entry in enumerate(value)]
    check.require_items(len(arrays), name, 2)
    check.require_same_indices(
        [(f"{name}[{i}]", row_index(entry, f"{name}[{i}]")) for i, entry in enumerate(value)]
    )
    if widths is not None and len(arrays) != len(widths):
        raise ValueError(f"{name} must hold the {len(widths)} items of earlier blocks, not {len(arrays)}")
    for i, array in enumerate(arrays):
        check.require_normal_range(array, f"{name}[{i}]")
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"{name} must have rows for the same stimuli, but {name}[0] has {len(arrays[0])} and "
                f"{name}[{i}] has {len(array)}"
            )
        if widths is not None and array.shape[1] != widths[i]:
            raise ValueError(
                f"{name}[{i}] must have the {widths[i]} units of earlier blocks, not {array.shape[1]}"
            )
    return arrays
