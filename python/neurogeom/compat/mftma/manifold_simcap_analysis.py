"""Stands in for ``mftma.manifold_simcap_analysis``."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..._base import checks as _validate
from ..._base.checks import FloatArray
from ..._base.coordinates import power_of_two_above
from ..._base.isa import core
from ..._base.results import ConvergenceWarning
from ..._base.threads import single_threaded_blas
from . import _shared

# How near to one half the fraction separable must be, and the largest number of steps of the search.
_TOLERANCE, _MOST_STEPS = 0.05, 100


def manifold_simcap_analysis(
    XtotT: Any, n_rep: int, seed: int = 0
) -> tuple[float, int, float, list[int] | float, list[float] | float]:
    """Return the simulated capacity by bisection, with an intercept.

    Same as the original: the random numbers (``numpy.random`` is seeded anew for each number of
    features tried) and their order, the points of the search and the interpolation rule; the values
    for one set of Gaussian clouds and three seeds were reproduced exactly. Different: separability
    is decided with a certificate, while the original relies on what cvxopt returns, so trials in which
    cvxopt fails are decided too; if the fraction separable is already one half at two features, where
    the original fails, capacity is NaN with a warning. In :func:`neurogeom.simulated_capacity`, the
    fraction separable is monotone in the number of features, and there is no grid, but a standard
    error and a choice of labels.

    Parameters
    ----------
    XtotT : sequence of (N, M_i) arrays, or (P, N, M) array
        One manifold each: N features, M_i points.
    n_rep : int
        Number of labelings, each with its own random projection, for each number of features tried.
    seed : int
        Seed of ``numpy.random``, whose state is left as the original leaves it.

    Returns
    -------
    asim : float
        P / Nc0; NaN, like the three values after P, if the fractions separable at 2 and at N
        features are on the same side of one half.
    P : int
        Number of manifolds.
    Nc0 : float
        Number of features at which half of the labelings are separable.
    N_vec : list of int
        Numbers of features tried, in rising order; the ends of the search appear once per step.
    p_vec : list of float
        Fraction separable at each of them.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, shape or value.

    Warns
    -----
    ConvergenceWarning
        If asim is NaN, or a labeling could not be decided; it counts as not separable.

    Examples
    --------
    >>> rs = np.random.RandomState(14)
    >>> X = [rs.randn(80, 1) + 0.5 * rs.randn(80, 5) for _ in range(20)]
    >>> asim, P, Nc0, N_vec, p_vec = manifold_simcap_analysis(X, 20)
    >>> round(asim, 4), P, Nc0
    (1.0526, 20, 19.0)
    """
    clouds = _shared.read_clouds(XtotT)
    trials = _Trials(clouds, _validate.as_count(n_rep, "n_rep"), _validate.as_count(seed, "seed", minimum=0))
    n_manifolds, n_features = len(clouds.blocks), len(clouds.centers)
    if n_manifolds < 2:
        raise ValueError(
            f"XtotT must hold at least two manifolds for a dichotomy to divide, not {n_manifolds}"
        )
    if n_features < 2:
        raise ValueError(f"XtotT must have at least 2 features, not {n_features}")
    nothing = (math.nan, n_manifolds, math.nan, math.nan, math.nan)
    with single_threaded_blas():
        tried = _bisect(trials, 2, n_features)
    if trials.n_undecided:
        _warn(f"{trials.n_undecided} labelings could not be decided and count as not separable")
    if tried is None:
        _warn(
            f"the fractions separable with 2 and with {n_features} features are on the same side of one "
            "half; capacity is NaN"
        )
        return nothing
    below = [i for i, (_, p) in enumerate(tried) if p < 0.5]
    above = [i for i, (_, p) in enumerate(tried) if p >= 0.5]
    if not below or not above:
        _warn("the fraction separable is already one half with 2 features; capacity is NaN")
        return nothing
    ends = [tried[max(below)], tried[min(above)]]
    critical = float(np.interp(0.5, [p for _, p in ends], [n for n, _ in ends]))
    return n_manifolds / critical, n_manifolds, critical, [n for n, _ in tried], [p for _, p in tried]


class _Trials:
    """The labelings and projections for any number of features, drawn as the original draws them."""

    def __init__(self, clouds: _shared.Clouds, n_rep: int, seed: int) -> None:
        # With an intercept a translation changes nothing; without the common mean less is lost to rounding.
        unit = power_of_two_above(clouds.scale)
        self.points: FloatArray = np.concatenate([(b.T - clouds.mean) / unit for b in clouds.blocks])
        self.first = np.cumsum([0, *(block.shape[1] for block in clouds.blocks)]).tolist()
        self.n_rep, self.seed = n_rep, seed
        self.n_undecided = 0
        self.known: dict[int, tuple[float, Any]] = {}

    def excess(self, n: int) -> float:
        """Fraction separable with n features, minus one half."""
        if n in self.known:
            value, state = self.known[n]
            np.random.set_state(state)
            return value
        np.random.seed(self.seed)
        n_manifolds = len(self.first) - 1
        labels = -np.ones((self.n_rep, n_manifolds), dtype=np.int8)
        for row in labels:  # all labelings come before the first projection
            row[np.random.choice(n_manifolds, size=n_manifolds // 2, replace=False)] = 1
        separable = []
        for trial in range(self.n_rep):
            directions = np.random.randn(self.points.shape[1], n)
            directions /= np.sqrt(np.sum(np.square(directions), axis=0))
            (status,) = core.decide_separability(
                self.points @ directions, self.first, 0, True, labels[trial : trial + 1], 1
            )
            self.n_undecided += int(status < 0)
            separable.append(status > 0)
        value = float(np.mean(separable)) - 0.5
        self.known[n] = value, np.random.get_state()
        return value


def _bisect(trials: _Trials, least: int, most: int) -> list[tuple[int, float]] | None:
    """Search for the number of features at one half; return all (number, fraction) tried, or None."""
    low, high = trials.excess(least), trials.excess(most)
    if low * high > 0 or high == -0.5:
        return None
    ends = [(least, low, most, high)]
    tried = []
    n = int((least + most) / 2 + 0.5)
    excess, gap = trials.excess(n), math.inf
    for _ in range(_MOST_STEPS):
        if abs(excess) <= _TOLERANCE or gap <= 1:
            break
        if low * excess < 0:
            most, high = n, excess
        else:
            least, low = n, excess
        ends.append((least, low, most, high))
        n = int((least + most) / 2 + 0.5)
        excess, gap = trials.excess(n), most - least
        tried.append((n, excess))
    tried += [(end[0], end[1]) for end in ends] + [(end[2], end[3]) for end in ends]
    return [(n, excess + 0.5) for n, excess in sorted(tried, key=lambda item: item[0])]


def _warn(text: str) -> None:
    warnings.warn(text, ConvergenceWarning, stacklevel=3)
