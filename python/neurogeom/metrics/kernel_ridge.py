"""How well one representation predicts another by kernel ridge regression."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray, as_number
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from . import checks as check
from ._hsic import in_range, rbf_gram
from ._stimulus_distances import squared_distances
from .base import Part
from .cka import as_kernel, gram_of_users_kernel
from .predictivity import SCORES, CrossValidated, _Regression, varying


@dataclasses.dataclass(frozen=True)
class KernelRegressionPart(Part):
    """The maps from all targets to the predictions of each fold."""

    kernel: Any
    bandwidth: float
    penalty: float
    folds: int
    keep_units: bool

    def prepare(self, blocks: UnitBlocks) -> _Regression:
        """Solve for the maps of one item, once for each fold."""
        data, label = blocks.whole(), blocks.label
        if self.folds > len(data):
            raise TooLittleDataError(f"folds is {self.folds}, but {label} has only {len(data)} stimuli")
        check.require_spread(float(np.ptp(data, axis=0).max()), label)
        gram = self._gram(data, label)
        folds = tuple(
            (self._fold(gram, test), None) for test in np.array_split(np.arange(len(data)), self.folds)
        )
        shifted = data - data[0]
        targets, n_constant = varying(shifted / np.abs(shifted).max(), self.keep_units)
        return _Regression(label, folds, targets, n_constant)

    def _gram(self, data: FloatArray, label: str) -> FloatArray:
        if self.kernel == "linear":
            centred = data - data.mean(axis=0)
            return np.asarray(centred @ centred.T)
        if self.kernel == "rbf":
            return rbf_gram(squared_distances(in_range(data)), self.bandwidth, False, label)
        return gram_of_users_kernel(self.kernel, data, label)

    def _fold(self, gram: FloatArray, test: Any) -> FloatArray:
        """Return the map for one fold; kernels and targets are centred by the training stimuli."""
        train = np.delete(np.arange(len(gram)), test)
        inner, across = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
        means = inner.mean(axis=0)
        inner = inner - means - means[:, None] + means.mean()
        across = across - across.mean(axis=1, keepdims=True) - means + means.mean()
        values, vectors = np.linalg.eigh(inner)
        # The centred kernel has an eigenvalue 0, whose vector is constant: the mean of the targets is added
        # instead.
        least = len(gram) * np.finfo(np.float64).eps * np.abs(values).max()
        kept = values > least
        solution = vectors[:, kept] / (values[kept] + self.penalty) @ vectors[:, kept].T
        found = np.zeros((len(test), len(gram)))
        found[:, train] = across @ (solution - solution.mean(axis=1, keepdims=True)) + 1 / len(train)
        return found


class KernelRidge(CrossValidated):
    """Cross-validated predictivity by kernel ridge regression: how well smooth functions of X predict Y.

    Stimuli are split into contiguous folds. Each is predicted from the others, by the function f and the
    constant b that minimise ``|Y - f(X) - b|^2 + penalty |f|^2`` in the norm of the kernel, centred in the
    space of its features. Asymmetric: entry (i, j) is how well item i predicts item j, also for i = j. At
    most 1, and negative if predictions are worse than the mean. With "rbf", invariant to rotation, isotropic
    scaling and translation of X; for "r2", also of Y. Not a metric.

    Parameters
    ----------
    kernel : {"rbf", "linear"}, kernel object or callable, default "rbf"
        As for :class:`CKA`: "rbf" has the median distance between stimuli, times `bandwidth`, as its
        bandwidth; or an object such as ``ng.kernels.RBF(2.0)`` or ``ng.kernels.NTK(3)``. "linear" is
        :class:`Ridge`.
    penalty : float, default 1.0
        Weight of the penalty, 0 or more; relative to kernels, which are at most 1 for "rbf".
    folds : int, default 5
        Number of folds, from 2 to the number of stimuli. Shuffle stimuli beforehand if their order carries
        meaning.
    score : {"r2", "pearson"}, default "r2"
        As for :class:`Ridge`.
    bandwidth : float, default 1.0
        For "rbf".

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).uniform(-2, 2, size=(200, 1))
    >>> Y = X + np.sin(4 * X)
    >>> round(ng.KernelRidge(penalty=0.01).similarity(X, Y), 2), round(ng.Ridge().similarity(X, Y), 2)
    (0.94, 0.78)
    """

    def __init__(
        self,
        kernel: Any = "rbf",
        penalty: float = 1.0,
        *,
        folds: int = 5,
        score: Literal["r2", "pearson"] = "r2",
        bandwidth: float = 1.0,
    ) -> None:
        self.kernel = as_kernel(kernel)
        self.penalty = check.as_penalty(penalty)
        self.folds = _validate.as_count(folds, "folds", minimum=2)
        self.score = _validate.as_choice(score, "score", SCORES)
        self.bandwidth = as_number(bandwidth, "bandwidth")
        if self.bandwidth <= 0:
            raise ValueError(f"bandwidth must be positive, not {self.bandwidth}")
        named = kernel if isinstance(kernel, str) else getattr(kernel, "name", None) or "own kernel"
        options = [] if named == "rbf" else [named]
        options += [] if self.penalty == 1 else [f"{self.penalty:g}"]
        options += [] if self.folds == 5 else [f"{self.folds} folds"]
        options += [] if self.score == "r2" else [self.score]
        options += [] if self.bandwidth == 1 else [f"bandwidth {self.bandwidth:g}"]
        self.name = f"kernel_ridge({', '.join(options)})" if options else "kernel_ridge"
        self._part = KernelRegressionPart(
            kernel, self.bandwidth, self.penalty, self.folds, self.score == "pearson"
        )
