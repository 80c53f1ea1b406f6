"""Kernels of the distance between two inputs, with a bandwidth in the units of the inputs."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from .._base.checks import FloatArray, as_float_matrix, as_number, require_finite
from .._base.codec import registered


@dataclasses.dataclass(frozen=True)
class _RadialKernel(abc.ABC):
    """A function of the Euclidean distance over sigma."""

    sigma: float = 1.0

    def __post_init__(self) -> None:
        sigma = as_number(self.sigma, "sigma")
        if sigma <= 0:
            raise ValueError(f"sigma must be positive, not {sigma}")
        object.__setattr__(self, "sigma", sigma)

    @property
    def name(self) -> str:
        """What metrics and results call it."""
        return f"{type(self).__name__.lower()} {self.sigma:g}"

    @staticmethod
    @abc.abstractmethod
    def _of(ratio: FloatArray) -> FloatArray:
        """Return the kernel of distances in units of sigma."""

    def gram(self, X: Any, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of all pairs of rows of a matrix (n_stimuli, n_units)."""
        found = self.cross(X, X, n_threads=n_threads)
        np.fill_diagonal(found, 1.0)
        return found

    def cross(self, X: Any, Z: Any, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of each row of one matrix with each of another."""
        del n_threads
        X, Z = (as_float_matrix(value, name) for value, name in ((X, "X"), (Z, "Z")))
        for value, name in ((X, "X"), (Z, "Z")):
            require_finite(value, name)
        if X.shape[1] != Z.shape[1]:
            raise ValueError(f"X has {X.shape[1]} units and Z has {Z.shape[1]}: they must be the same")
        return self._of(cdist(X / self.sigma, Z / self.sigma))


@registered
@dataclasses.dataclass(frozen=True)
class RBF(_RadialKernel):
    """The Gaussian kernel exp(-d^2 / (2 sigma^2)) of the distance d, at a fixed bandwidth.

    For ``ng.CKA(kernel=RBF(2.0))`` and for prediction. ``ng.CKA(kernel="rbf", bandwidth=...)`` instead takes
    the bandwidth relative to the median distance of each representation, so that scale does not matter.

    Attributes
    ----------
    sigma : float, default 1
        The bandwidth, in the units of the responses.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.kernels.RBF(2.0).gram([[0.0, 0.0], [2.0, 0.0]]).round(3)
    array([[1.   , 0.607],
           [0.607, 1.   ]])
    """

    @staticmethod
    def _of(ratio: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-(ratio**2) / 2))


@registered
@dataclasses.dataclass(frozen=True)
class Laplace(_RadialKernel):
    """The Laplace kernel exp(-d / sigma) of the distance d, at a fixed bandwidth; see :class:`RBF`.

    Attributes
    ----------
    sigma : float, default 1
        The bandwidth, in the units of the responses.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.kernels.Laplace(2.0).gram([[0.0, 0.0], [2.0, 0.0]]).round(3)
    array([[1.   , 0.368],
           [0.368, 1.   ]])
    """

    @staticmethod
    def _of(ratio: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-ratio))
