"""Distances between systems that respond differently each time: Gaussian responses, and time courses."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray, user_level
from .._base.codec import registered
from .._base.results import ConvergenceWarning
from .._base.threads import single_threaded_blas
from ..representations.items import as_items, require_comparable
from ..representations.repeats import OpenedRepeats
from ._alignment_search import BEST_MAP, GROUPS, Climb, climb_from_all
from .base import Distance, Part, Product, Products, Tile, inner_products, map_pairs, prepare_item

_REPORTS = ("distance", "spread")
RESTARTS = 3


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianItem:
    """Means and covariances of one item: `means` (m, T, n), and covariances A_i' A_i for `roots` (m, t, T,
    n).

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


def stack_rows(arrays: Sequence[FloatArray]) -> FloatArray:
    """Stack matrices, with rows of zeros below the shorter ones."""
    found = np.zeros((len(arrays), max(map(len, arrays)), arrays[0].shape[1]))
    for target, array in zip(found, arrays, strict=True):
        target[: len(array)] = array
    return found


def _in_own_basis(item: GaussianItem) -> GaussianItem:
    """Use coordinates in the span of all rows, if there are fewer than units."""
    n = item.n_units
    rows = np.concatenate([item.means.reshape(-1, n), item.roots.reshape(-1, n)])
    if len(rows) >= n:
        return item
    basis, upper = np.linalg.qr(rows.T)
    cut = item.means.size // n
    means, roots = upper.T[:cut], upper.T[cut:]
    return GaussianItem(
        item.label,
        means.reshape(*item.means.shape[:-1], len(rows)),
        roots.reshape(*item.roots.shape[:-1], len(rows)),
        basis,
    )


def in_order(x: GaussianItem, y: GaussianItem) -> tuple[GaussianItem, GaussianItem]:
    """Put the narrower item first; else by content, so that the distance is the same either way."""

    def rank(item: GaussianItem) -> tuple[int, float]:
        return item.n_units, item.size

    if rank(x) == rank(y):
        return (x, y) if x.roots.tobytes() <= y.roots.tobytes() else (y, x)
    return (x, y) if rank(x) < rank(y) else (y, x)


class GaussianPair:
    """The squared distance of a pair as a function of the map of the first item's units, the narrower
    item's."""

    def __init__(self, x: GaussianItem, y: GaussianItem, alpha: float) -> None:
        self.x, self.y, self.alpha = x, y, alpha
        n = x.n_units
        self._core = alpha * inner_products(x.means.reshape(-1, n), y.means.reshape(-1, y.n_units))
        self._rows = x.roots.reshape(-1, n)
        self._columns = y.roots.reshape(*y.roots.shape[:2], -1)
        self.size = alpha * _squares(x.means, y.means) + (2 - alpha) * _squares(x.roots, y.roots)

    def _crossed(self, q: FloatArray) -> FloatArray:
        """Return the A_i Q B_i' of all stimuli."""
        moved = (self._rows @ q).reshape(len(self.x.means), self.x.roots.shape[1], -1)
        return np.asarray(moved @ self._columns.transpose(0, 2, 1))

    def gain(self, q: FloatArray) -> tuple[float, FloatArray]:
        """Return half of what the squared distance, summed over stimuli, is below its size; and its
        gradient.""" value = float(np.vdot(self._core, q))
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

    def search(self, group: str, n_restarts: int, seed: int) -> list[Climb]:
        """Look for the best map."""
        guesses = [BEST_MAP[group](self._core)]
        if self.x.n_units == self.y.n_units and group != "identity":
            guesses.append(np.eye(self.x.n_units))
        return climb_from_all(
            self.gain, group, guesses, self.size, 0 if self.alpha == 2 else n_restarts, seed
        )


def _squares(x: FloatArray, y: FloatArray) -> float:
    return float(np.square(x).sum() + np.square(y).sum())


class Fitted(NamedTuple):
    """Best alignment of two sets of distributions.

    Attributes
    ----------
    map : ndarray of shape (n_units of X, n_units of Y)
        ``X @ map`` is aligned with Y if X has no more units, else ``Y @ map.T`` with X.
    distance : float
        The distance.
    distances : ndarray of shape (n_starts,)
        Where the search ended from each start, the best first.
    history : ndarray
        The squared distance along the best search; it never rises.
    converged : bool
        Whether the best search ended by itself.
    """

    map: FloatArray
    distance: float
    distances: FloatArray
    history: FloatArray
    converged: bool


def warn_of_steps(converged: FloatArray) -> None:
    """Warn of searches that were stopped."""
    stopped = int((converged == 0).sum())
    if stopped:
        warnings.warn(
            f"the search for the best alignment of {stopped} pairs was stopped before it converged: their "
            "distances may be too large",
            ConvergenceWarning,
            stacklevel=user_level(),
        )


@dataclasses.dataclass(frozen=True)
class GaussianDistances(Product):
    """Distance after the best alignment, and how far above it the worst start ended."""

    alpha: float
    group: str
    n_restarts: int
    seed: int

    @classmethod
    def compute(cls, products: Sequence[Any], tile: Tile) -> list[tuple[FloatArray, FloatArray]]:
        """Search for all pairs of a tile."""
        found = []
        for product in products:
            distance, spread, converged = map_pairs(
                product.of_pair, tile.rows, tile.columns, tile.where, tile.n_threads, n_values=3
            )
            warn_of_steps(converged)
            found.append((distance, spread))
        return found

    def of_pair(self, x: GaussianItem, y: GaussianItem) -> tuple[float, float, bool]:
        """Return distance, spread, and whether all searches converged."""
        require_alike(x, y, self.group)
        pair = GaussianPair(*in_order(x, y), self.alpha)
        climbs = pair.search(self.group, self.n_restarts, self.seed)
        distances = [pair.distance(one.map) for one in climbs]
        return distances[0], max(distances) - distances[0], all(one.converged for one in climbs)


def require_alike(x: GaussianItem, y: GaussianItem, group: str) -> None:
    """Refuse pairs with different times, or different units that are not to be aligned."""
    if x.means.shape[1] != y.means.shape[1]:
        raise ValueError(
            f"{x.label} has {x.means.shape[1]} time points, but {y.label} has {y.means.shape[1]}"
        )
    if group == "identity" and x.n_units != y.n_units:
        raise ValueError(
            f"group='identity' compares unit by unit, but {x.label} has {x.n_units} units and {y.label} has "
            f"{y.n_units}"
        )


class GaussianStochastic(Distance):
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

    Notes
    -----
    Covariances have the divisor ``n_repeats - 1``, and are never formed: trials take their place, so that
    there may be fewer repeats than units. With few repeats, noise in the covariances makes distances too
    large.

    Each search alternates between Q and the rotations that Bures distances stand for, so that what it lowers
    is the distance itself. It ends in a local minimum; that distances are the smallest is not certain, which
    is what the spread is for. Starts depend on the seed and the numbers of units alone, hence distances on
    the two items alone. A search that is stopped after 10,000 steps is reported by a
    :class:`ConvergenceWarning`.

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
    3.745
    """

    no_held_out = "describes distributions"

    def __init__(
        self,
        alpha: float = 1.0,
        group: Literal["orth", "perm", "identity"] = "orth",
        *,
        n_restarts: int = RESTARTS,
        seed: int = 0,
        report: Literal["distance", "spread"] = "distance",
    ) -> None:
        self.alpha = as_weight(alpha)
        self._set_search(group, n_restarts, seed, report)
        options = [] if self.alpha == 1 else [f"{self.alpha:g}"]
        self.name = self._named("gaussian_stochastic", options)

    def _set_search(self, group: Any, n_restarts: Any, seed: Any, report: Any) -> None:
        self.group = _validate.as_choice(group, "group", GROUPS)
        self.n_restarts = _validate.as_count(n_restarts, "n_restarts", minimum=0)
        self.seed = _validate.as_count(seed, "seed", minimum=0)
        self.report = _validate.as_choice(report, "report", _REPORTS)

    def _named(self, name: str, options: list[str]) -> str:
        options += [] if self.group == "orth" else [self.group]
        options += [] if self.n_restarts == RESTARTS else [f"{self.n_restarts} restarts"]
        options += [] if self.seed == 0 else [f"seed {self.seed}"]
        options += [] if self.report == "distance" else [self.report]
        return f"{name}({', '.join(options)})" if options else name

    def _part(self) -> GaussianPart:
        return GaussianPart(self.group == "orth")

    def products(self) -> tuple[GaussianDistances, ...]:
        """Declare the search."""
        return (GaussianDistances(self._part(), self.alpha, self.group, self.n_restarts, self.seed),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return distances, or spreads, of two blocks of items."""
        del tile
        (product,) = self.products()
        found: FloatArray = products[product][_REPORTS.index(self.report)]
        return found

    def size(self, tile: Tile) -> FloatArray:
        """Return the larger distance from silence of each pair."""
        sizes = ([item[self._part()].size for item in side] for side in tile.sides)
        return np.asarray(np.maximum.outer(*sizes))

    def fit(self, X: Any, Y: Any) -> Fitted:
        """Find the best alignment of two items, with what is known of the search.

        Parameters
        ----------
        X, Y : Repeats
            Responses to the same stimuli.

        Returns
        -------
        Fitted
            See there.

        Raises
        ------
        TypeError, ValueError
            As for :func:`pairwise`.
        """
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_comparable(items)
        part = self._part()
        with single_threaded_blas():
            x, y = (prepare_item([self], item)[part] for item in items)
            require_alike(x, y, self.group)
            pair = GaussianPair(*in_order(x, y), self.alpha)
            climbs = pair.search(self.group, self.n_restarts, self.seed)
            distances = np.array([pair.distance(one.map) for one in climbs])
        best = climbs[0]
        found = best.map
        if pair.x.basis is not None:
            found = pair.x.basis @ found
        if pair.y.basis is not None:
            found = found @ pair.y.basis.T
        squares = (pair.size - 2 * np.array(best.values)) / len(x.means)
        return Fitted(
            found if pair.x is x else found.T,
            float(distances[0]),
            distances,
            np.maximum(squares, 0.0),
            best.converged,
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
    ) -> None:
        super().__init__(alpha, group, n_restarts=n_restarts, seed=seed, report=report)
        self.n_dims = _validate.as_count(n_dims, "n_dims")
        options = [f"{self.n_dims} dims", *([] if self.alpha == 1 else [f"{self.alpha:g}"])]
        self.name = self._named("process_stochastic", options)

    def _part(self) -> GaussianPart:
        return GaussianPart(self.group == "orth", self.n_dims)
