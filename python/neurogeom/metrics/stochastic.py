"""Distances between systems that respond differently each time: Gaussian responses, and time courses."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from ..representations.repeats import OpenedRepeats
from .alignment_search import (
    RESTARTS,
    TOLERANCE,
    AlignedDistance,
    AlignedDistances,
    AlignedPair,
    in_own_basis,
    stack_rows,
)
from .base import Part, inner_products


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianItem:
    """Means (m, T, n) of one item, and matrices (m, t, T, n) that give its covariances A_i' A_i.

    T is 1, or the number of time points. With a `basis` (n_units, n) they are coordinates in it: there are
    fewer rows than units.
    """

    label: str
    means: FloatArray
    roots: FloatArray
    basis: FloatArray | None = None

    @property
    def n_units(self) -> int:
        """Number of coordinates."""
        return int(self.means.shape[-1])

    @property
    def content(self) -> bytes:
        """What tells it from others of its size."""
        return self.means.tobytes() + self.roots.tobytes()

    @property
    def size(self) -> float:
        """Root mean square of the distance from silence."""
        total = np.square(self.means).sum() + np.square(self.roots).sum()
        return float(np.sqrt(total / len(self.means)))


@dataclasses.dataclass(frozen=True)
class GaussianPart(Part):
    """Means and covariances of repeats; with `n_dims`, units are time points of so many dimensions each."""

    rotates: bool  # whether any basis of the units will do
    n_dims: int | None = None

    takes: ClassVar[tuple[str, ...]] = ("repeats",)

    def prepare(self, data: OpenedRepeats) -> GaussianItem:
        """Take covariances as the centred trials that they come from, in few rows."""
        trials = data.trials()
        single = next((k for k, one in enumerate(trials) if len(one) < 2), None)
        if single is not None:
            raise ValueError(
                f"{data.label} has one repeat of stimulus {single}, but a covariance needs at least two"
            )
        roots = [_root_of_covariance(one) for one in trials]
        width = trials[0].shape[1]
        n_dims = width if self.n_dims is None else self.n_dims
        if width % n_dims:
            raise ValueError(f"{data.label} has {width} units, which is no multiple of n_dims={n_dims}")
        stacked = stack_rows(roots)
        item = GaussianItem(
            data.label,
            np.array([one.mean(axis=0) for one in trials]).reshape(len(trials), -1, n_dims),
            stacked.reshape(*stacked.shape[:2], -1, n_dims),
        )
        return _in_own_basis(item) if self.rotates else item


def _root_of_covariance(trials: FloatArray) -> FloatArray:
    """Return A with A' A the covariance (divisor t - 1), with t - 1 rows or as many as there are units."""
    count, width = trials.shape
    shifted = trials - trials[0]
    if count <= width:
        # The rows of Helmert's matrix are orthonormal, and orthogonal to constants.
        rows = np.arange(1, count)
        helmert = np.tril(np.ones((count - 1, count)))
        helmert[rows - 1, rows] = -rows
        return np.asarray((helmert / np.sqrt(rows * (rows + 1))[:, None] @ shifted) / np.sqrt(count - 1))
    return np.asarray(np.linalg.qr(shifted - shifted.mean(axis=0), mode="r") / np.sqrt(count - 1))


def _in_own_basis(item: GaussianItem) -> GaussianItem:
    n = item.n_units
    rows, basis = in_own_basis(np.concatenate([item.means.reshape(-1, n), item.roots.reshape(-1, n)]))
    if basis is None:
        return item
    cut, width = item.means.size // n, rows.shape[1]
    means, roots = rows[:cut], rows[cut:]
    return GaussianItem(
        item.label,
        means.reshape(*item.means.shape[:-1], width),
        roots.reshape(*item.roots.shape[:-1], width),
        basis,
    )


class GaussianPair(AlignedPair):
    """The squared distance of a pair, as a function of the map of units."""

    x: GaussianItem
    y: GaussianItem

    def __init__(self, x: GaussianItem, y: GaussianItem, alpha: float) -> None:
        super().__init__(x, y)
        self.alpha, x, y = alpha, self.x, self.y
        n = x.n_units
        self._core = alpha * inner_products(x.means.reshape(-1, n), y.means.reshape(-1, y.n_units))
        self._rows = x.roots.reshape(-1, n)
        self._columns = y.roots.reshape(*y.roots.shape[:2], -1)
        self.height = alpha * _squares(x.means, y.means) + (2 - alpha) * _squares(x.roots, y.roots)
        self.is_solved = alpha == 2

    def guess(self) -> FloatArray:
        """Return the gain of the alignment of the means."""
        return self._core

    def _crossed(self, q: FloatArray) -> FloatArray:
        """Return the A_i Q B_i' of all stimuli."""
        moved = (self._rows @ q).reshape(len(self.x.means), self.x.roots.shape[1], -1)
        return np.asarray(moved @ self._columns.transpose(0, 2, 1))

    def gain(self, q: FloatArray) -> tuple[float, FloatArray]:
        """Return half of what the summed squared distance is below its size, and the gradient."""
        value = float(np.vdot(self._core, q))
        if self.alpha == 2:
            return value, self._core
        u, s, vt = np.linalg.svd(self._crossed(q), full_matrices=False)
        weight = 2 - self.alpha
        turned = ((u @ vt) @ self._columns).reshape(-1, self.y.n_units)
        return value + weight * float(s.sum()), self._core + weight * (self._rows.T @ turned)

    def distance(self, q: FloatArray) -> float:
        """Return the distance, from differences and not from the gain, which would lose digits if small."""
        means = float(np.square(self.x.means @ q - self.y.means).sum())
        if self.alpha == 2:
            return float(np.sqrt(2 * means / len(self.x.means)))
        sides = [self.x.roots @ q, self.y.roots]
        most = max(side.shape[1] for side in sides)
        left, right = (
            np.pad(side, ((0, 0), (0, most - side.shape[1]), (0, 0), (0, 0))).reshape(len(side), most, -1)
            for side in sides
        )
        u, _, vt = np.linalg.svd(left @ right.transpose(0, 2, 1))
        covariances = float(np.square(left - (u @ vt) @ right).sum())
        return float(np.sqrt((self.alpha * means + (2 - self.alpha) * covariances) / len(self.x.means)))

    def excess(self, value: float) -> float:
        """Return half of the summed squared distance."""
        return self.height / 2 - value

    def squares(self, values: FloatArray) -> FloatArray:
        """Return squared distances."""
        return np.maximum(self.height - 2 * values, 0.0) / len(self.x.means)


def _squares(x: FloatArray, y: FloatArray) -> float:
    return float(np.square(x).sum() + np.square(y).sum())


@dataclasses.dataclass(frozen=True)
class GaussianDistances(AlignedDistances):
    """Distances of Gaussians."""

    alpha: float

    def problem(self, x: GaussianItem, y: GaussianItem) -> GaussianPair:
        """Return what to search for a pair."""
        if x.means.shape[1] != y.means.shape[1]:
            raise ValueError(
                f"{x.label} has {x.means.shape[1]} time points, but {y.label} has {y.means.shape[1]}"
            )
        return GaussianPair(x, y, self.alpha)


class GaussianStochastic(AlignedDistance):
    """Distance between systems whose responses to each stimulus are Gaussian.

    Items are :class:`Repeats`. Their responses to a stimulus are described by mean and covariance, and
    compared
    by the 2-Wasserstein distance after the best rotation (or matching) Q of units::

        d^2 = mean over stimuli of alpha |mu - nu Q'|^2 + (2 - alpha) Bures^2(S, Q T Q')

    A metric, if the search for Q finds the best one. Invariant to rotation of either item's units (to their
    order for ``group="perm"``); not to translation or scale. In the units of the responses.

    Parameters
    ----------
    alpha : float, default 1
        From 0, covariances alone, over 1, the Wasserstein distance, to 2, means alone. The last is ``sqrt(2 /
        n_stimuli)`` times the Euclidean Procrustes distance of uncentred means, without any search.
    group : {"orth", "perm", "identity"}, default "orth"
        Rotations and reflections; matchings of units; or units as they are. Of items with different numbers
        of units, silent units are added to the smaller one.
    n_restarts : int, default 3
        Searches from random starts, besides the one from the alignment of the means (or from the units as
        they are, where that is better).
    seed : int, default 0
        Seed of the random starts.
    report : {"distance", "spread"}, default "distance"
        What the value is: the distance, or how far above it the search from the worst start ended. Of two
        objects that differ in this alone, the search is done once.
    tolerance : float, default 1e-10
        A step of the search that lowers the squared distance by less than this share of it is the last one.
        1e-5 is several times as fast, and good to about four digits.

    Notes
    -----
    Covariances have the divisor ``n_repeats - 1``, and are never formed: trials take their place, so that
    there may be fewer repeats than units. With few repeats, noise in the covariances makes distances too
    large.

    Each search alternates between Q and the rotations that Bures distances stand for, so that what it lowers
    is the distance itself. It ends in a local minimum; that distances are the smallest is not certain, which
    is what the spread is for. Searches for matchings end early, and need more restarts. Starts depend on the
    seed and the numbers of units alone, hence distances on the two items alone. A search that is stopped
    after 10,000 steps is reported by a :class:`ConvergenceWarning`.

    netrep (commit 0186b8a) scores by the same formula, but minimises it with weights alpha and 2 - alpha in
    place of their roots: for alpha other than 0, 1 and 2 its distances are larger.

    Duong, Zhou, Nassar, Berman, Olieslagers & Williams, Representational dissimilarity metric spaces for
    stochastic neural networks, ICLR 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> trials = rng.normal(size=(8, 12, 3)) + 2 * rng.normal(size=(8, 1, 3))
    >>> turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> metric = ng.GaussianStochastic()
    >>> round(metric.distance(ng.Repeats(trials), ng.Repeats(trials @ turn)), 6)
    0.0
    >>> round(metric.distance(ng.Repeats(trials), ng.Repeats(2 * trials)), 3)
    4.104
    """

    def __init__(
        self,
        alpha: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        *,
        n_restarts: int = RESTARTS,
        seed: int = 0,
        report: Literal["distance", "spread"] = "distance",
        tolerance: float = TOLERANCE,
    ) -> None:
        self.alpha = as_weight(alpha)
        super().__init__(group, n_restarts, seed, report, tolerance)
        options = [] if self.alpha == 1 else [f"{self.alpha:g}"]
        self.name = self._named("gaussian_stochastic", options)

    def _part(self) -> GaussianPart:
        return GaussianPart(self.group == "orth")

    def products(self) -> tuple[GaussianDistances, ...]:
        """Declare the search."""
        return (
            GaussianDistances(
                self._part(), self.group, self.n_restarts, self.seed, self.tolerance, self.alpha
            ),
        )


def as_weight(value: Any, name: str = "alpha") -> float:
    """Take the weight of the means, 0 to 2."""
    number = _validate.as_number(value, name)
    if not 0 <= number <= 2:
        raise ValueError(f"{name} must be between 0 and 2, not {number}")
    return number


class ProcessStochastic(GaussianStochastic):
    """Distance between systems whose time courses are Gaussian processes.

    Items are :class:`Repeats` whose stimuli are conditions and whose units are time courses, time point after
    time point of `n_dims` dimensions each: ``Repeats(trials.reshape(n_conditions, n_repeats, n_times *
    n_dims))`` for trials (n_conditions, n_repeats, n_times, n_dims). Covariances then hold how the process
    hangs together over time. One rotation of the dimensions is applied at all times; otherwise as
    :class:`GaussianStochastic`.

    Parameters
    ----------
    n_dims : int
        Dimensions at each time point.
    alpha, group, n_restarts, seed, report
        As for :class:`GaussianStochastic`.

    Notes
    -----
    Distances are root means over conditions, but sums over time.

    Nejatbakhsh, Geadah, Williams & Lipshutz, Comparing noisy neural population dynamics using optimal
    transport distances, ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> trials = rng.normal(size=(4, 9, 5, 3)).cumsum(axis=2)
    >>> turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> X, Y = (ng.Repeats(one.reshape(4, 9, 15)) for one in (trials, trials @ turn))
    >>> round(ng.ProcessStochastic(3).distance(X, Y), 6)
    0.0
    """

    def __init__(
        self,
        n_dims: int,
        alpha: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        *,
        n_restarts: int = RESTARTS,
        seed: int = 0,
        report: Literal["distance", "spread"] = "distance",
        tolerance: float = TOLERANCE,
    ) -> None:
        super().__init__(alpha, group, n_restarts=n_restarts, seed=seed, report=report, tolerance=tolerance)
        self.n_dims = _validate.as_count(n_dims, "n_dims")
        options = [f"{self.n_dims} dims", *([] if self.alpha == 1 else [f"{self.alpha:g}"])]
        self.name = self._named("process_stochastic", options)

    def _part(self) -> GaussianPart:
        return GaussianPart(self.group == "orth", self.n_dims)
