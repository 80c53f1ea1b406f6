"""Stands in for ``netrep.metrics.stochastic``."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from ...._base import checks as _validate
from ...._base.checks import FloatArray
from ....metrics.alignment_search import BEST_MAP, AlignedPair, stack_rows
from ....metrics.stochastic import GaussianItem, GaussianPair, as_weight
from ....metrics.stochastic_energy import EnergyItem, EnergyPair, energy_item
from .._distributions import DistributionMetric, as_finite, as_random_state, random_map

_INITS = ("means", "rand")
# Negative eigenvalues of covariances up to this share of the largest are rounding.
_ROUNDING = 1e-8


@dataclasses.dataclass(frozen=True, eq=False)
class _Gaussians(GaussianItem):
    """Means and covariances as they were given."""

    shape: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class _Trials(EnergyItem):
    """Responses as they were given."""

    shape: tuple[int, ...] = ()


class GaussianStochasticMetric(DistributionMetric):
    """2-Wasserstein distance of Gaussian responses after the best alignment of neurons.

    Networks are given as (means, covariances), of shapes (n_images, n_neurons) and (n_images, n_neurons,
    n_neurons).

    Parameters
    ----------
    alpha : float
        From 0, covariances alone, over 1, the Wasserstein distance, to 2, means alone.
    group : {"orth", "perm", "identity"}
        What alignments there are.
    init : {"means", "rand"}
        Start from the alignment of the means, or from a random one.
    niter : int
        Most steps from a start.
    tol : float
        A search ends when a step lowers the loss by less.
    random_state : int or RandomState, optional
        Of random starts; by default NumPy's global one.
    n_restarts : int
        Number of starts; with ``init="means"``, all but the first are random.

    Attributes
    ----------
    T : ndarray of shape (n_neurons, n_neurons)
        ``means_Y @ T`` is aligned with the means of X.
    loss_hist : list of float
        The loss along the best search; it never rises.

    Notes
    -----
    Differences from netrep (commit 0186b8a): the search lowers what is scored (there, the weights alpha and
    2 - alpha are used in place of their roots, so that distances for alpha other than 0, 1 and 2 are too
    large); covariances need not have full rank; ``group="perm"`` and ``"identity"`` work; `loss_hist` belongs
    to the best start, not the last, and its square is that of the distance times the number of images.
    :class:`neurogeom.GaussianStochastic` takes trials, and needs no covariances.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> means, roots = rng.normal(size=(6, 3)), rng.normal(size=(6, 3, 3))
    >>> covs = roots @ roots.transpose(0, 2, 1)
    >>> Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> metric = GaussianStochasticMetric()
    >>> round(metric.fit_score((means, covs), (means @ Q, Q.T @ covs @ Q)), 6)
    0.0
    """

    T: FloatArray
    _alignment = "T"

    def __init__(
        self,
        alpha: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        init: Literal["means", "rand"] = "means",
        niter: int = 1000,
        tol: float = 1e-8,
        random_state: Any = None,
        n_restarts: int = 1,
    ) -> None:
        self.alpha = as_weight(alpha)
        self.init = _validate.as_choice(init, "init", _INITS)
        self.n_restarts = _validate.as_count(n_restarts, "n_restarts")
        self._rs = as_random_state(random_state)
        self._set_search(group, niter, tol)

    def _read(self, value: Any, name: str, eps: float = 0.0) -> _Gaussians:
        means, covs = as_two(value, name)
        means = as_finite(means, f"the means of {name}", lambda s: len(s) == 2, "(n_images, n_neurons)")
        m, n = means.shape
        covs = as_finite(covs, f"the covariances of {name}", lambda s: s == (m, n, n), f"{(m, n, n)}")
        roots = stack_rows(roots_of(covs + eps * np.eye(n), name))
        return _Gaussians(name, means[:, None, :], roots[:, :, None, :], shape=covs.shape)

    def _pair(self, x: Any, y: Any) -> GaussianPair:
        return GaussianPair(x, y, self.alpha)

    def _starts(self, pair: AlignedPair) -> list[FloatArray]:
        count = 1 if self.group == "identity" or pair.is_solved else self.n_restarts
        width = pair.x.n_units
        if self.init == "rand" and not pair.is_solved:
            return [random_map(self.group, width, self._rs) for _ in range(count)]
        means = pair.x.means.reshape(-1, width).T @ pair.y.means.reshape(-1, width)
        return [
            BEST_MAP[self.group](means),
            *(random_map(self.group, width, self._rs) for _ in range(count - 1)),
        ]

    def _losses(self, pair: AlignedPair, values: FloatArray) -> FloatArray:
        return np.sqrt(pair.squares(values) * len(pair.x.means))

    def _gain_per_loss(self, pair: AlignedPair, loss: float) -> float:
        return loss

    def transform(self, X: Any, Y: Any) -> tuple[Any, Any]:
        """Apply the fitted alignment.

        Parameters
        ----------
        X, Y
            See the class.

        Returns
        -------
        X
            As it was given.
        Y_aligned : tuple of ndarray
            Means and covariances of Y in the units of X.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`score`.
        """
        means, covs = (np.asarray(part, dtype=np.float64) for part in as_two(Y, "Y"))
        T = self._fitted(self._read(Y, "Y").n_units)
        return X, (means @ T, T.T @ covs @ T)

    def pairwise_distances(
        self,
        train_data: Any,
        test_data: Any = None,
        eps: float = 1e-6,
        processes: int | None = None,
        verbose: bool = True,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the distances of all pairs of networks.

        Parameters
        ----------
        train_data : list of networks
            Alignments are fitted to these.
        test_data : list of networks, optional
            Alignments are also evaluated on these.
        eps : float
            What is added to the variances of the training data, as in netrep. (Not needed.)
        processes : int, optional
            Threads to use, not processes; by default the cores this process may use.
        verbose : bool
            Show a progress bar on stderr.

        Returns
        -------
        D_train, D_test : ndarray of shape (K, K)
            Distances; without test data, `D_test` is infinite off its diagonal.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`, naming the network.
        """
        return self._among_themselves(train_data, test_data, float(eps), processes, verbose)


def as_two(value: Any, name: str) -> tuple[Any, Any]:
    """Take means and covariances."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be (means, covariances), not {type(value).__name__}")
    return value[0], value[1]


def roots_of(covs: FloatArray, name: str) -> list[FloatArray]:
    """Return an A with A' A = C for each covariance, with as many rows as its rank."""
    if not np.allclose(covs, covs.transpose(0, 2, 1), rtol=0, atol=_ROUNDING * np.abs(covs).max()):
        raise ValueError(f"the covariances of {name} must be symmetric")
    values, vectors = np.linalg.eigh(covs)
    largest = np.abs(values).max(axis=1)
    if (values[:, 0] < -_ROUNDING * largest).any():
        k = int(np.argmin(values[:, 0] / np.where(largest > 0, largest, 1.0)))
        raise ValueError(
            f"covariance {k} of {name} has the negative eigenvalue {values[k, 0]:.3g}: it is none"
        )
    kept = values > len(covs[0]) * np.finfo(float).eps * largest[:, None]
    return [
        np.sqrt(some[keep])[:, None] * basis.T[keep]
        for some, basis, keep in zip(values, vectors, kept, strict=True)
    ]


class EnergyStochasticMetric(DistributionMetric):
    """Energy distance of responses after the best alignment of neurons.

    Networks are given as responses (n_images, n_repeats, n_neurons).

    Parameters
    ----------
    group : {"orth", "perm", "identity"}
        What alignments there are.
    niter : int
        Most steps.
    tol : float
        The search ends when a step lowers the loss by less.

    Attributes
    ----------
    Q : ndarray of shape (n_neurons, n_neurons)
        ``Y @ Q`` is aligned with X.
    w : ndarray of shape (n_images * n_repeats**2,)
        Inverse roots of the distances between aligned responses.
    loss_hist : list of float
        The mean distance of responses of the two along the search; it never rises.

    Notes
    -----
    Differences from netrep (commit 0186b8a): no stack of all pairs of repeats is built; ``group="perm"`` and
    ``"identity"`` work. As there, the search starts from the neurons as they are, and the score is the root
    of an unbiased estimate, 0 where that is negative. :class:`neurogeom.EnergyStochastic` has several starts,
    and takes unequal repeats.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(4, 5, 3))
    >>> EnergyStochasticMetric().fit_score(X, X)
    0.0
    """

    Q: FloatArray
    w: FloatArray
    _alignment = "Q"

    def __init__(
        self,
        group: Literal["orth", "perm", "identity"] = "orth",
        niter: int = 100,
        tol: float = 1e-6,
    ) -> None:
        self._set_search(group, niter, tol)

    def _read(self, value: Any, name: str, eps: float = 0.0) -> _Trials:
        del eps
        data = as_finite(value, name, lambda s: len(s) == 3, "(n_images, n_repeats, n_neurons)")
        found = energy_item(list(data), name, 1.0, "unbiased", rotates=False)
        return _Trials(found.label, found.responses, found.counts, found.within, found.size, shape=data.shape)

    def _pair(self, x: Any, y: Any) -> EnergyPair:
        return EnergyPair(x, y, 1.0)

    def _starts(self, pair: AlignedPair) -> list[FloatArray]:
        return [np.eye(pair.x.n_units)]

    def _losses(self, pair: AlignedPair, values: FloatArray) -> FloatArray:
        return pair.squares(values)

    def _gain_per_loss(self, pair: AlignedPair, loss: float) -> float:
        del loss
        return 1 / float(pair.squares(np.array([-1.0]))[0])

    def _keep(self, pair: AlignedPair, x: Any, best: Any) -> None:
        super()._keep(pair, x, best)
        left, right = pair.x.responses @ best.map, pair.y.responses
        if pair.x is not x:
            left, right = right, left
        apart = np.linalg.norm(left[:, :, None] - right[:, None], axis=-1)
        self.w = 1 / np.maximum(np.sqrt(apart), 1e-6).ravel()

    def _finished(self, distance: float) -> float:
        return max(distance, 0.0)

    def transform(self, X: Any, Y: Any) -> tuple[Any, FloatArray]:
        """Apply the fitted alignment.

        Parameters
        ----------
        X, Y : array-like of shape (n_images, n_repeats, n_neurons)
            Responses.

        Returns
        -------
        X
            As it was given.
        Y_aligned : ndarray
            Y in the units of X.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`score`.
        """
        data = as_finite(Y, "Y", lambda s: len(s) == 3, "(n_images, n_repeats, n_neurons)")
        return X, data @ self._fitted(data.shape[2])

    def pairwise_distances(
        self, train_data: Any, test_data: Any = None, processes: int | None = None, verbose: bool = True
    ) -> tuple[FloatArray, FloatArray]:
        """Return the distances of all pairs of networks.

        Parameters
        ----------
        train_data : list of networks
            Alignments are fitted to these.
        test_data : list of networks, optional
            Alignments are also evaluated on these.
        processes : int, optional
            Threads to use, not processes; by default the cores this process may use.
        verbose : bool
            Show a progress bar on stderr.

        Returns
        -------
        D_train, D_test : ndarray of shape (K, K)
            Distances; without test data, `D_test` is infinite off its diagonal.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`, naming the network.
        """
        return self._among_themselves(train_data, test_data, 0.0, processes, verbose)
