"""What the metrics of distributions share: fitting, scoring, and sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..._base import checks as _validate
from ..._base.checks import AnyArray, FloatArray, require_finite
from ..._base.progress import as_progress
from ..._base.threads import map_threads, resolve_threads, single_threaded_blas
from ...metrics.alignment_search import BEST_MAP, GROUPS, AlignedPair, Climb, climb
from ._estimator import NotFittedError

_Self = TypeVar("_Self", bound="DistributionMetric")


class DistributionMetric:
    """A metric of pairs of records; subclasses say how to read these, and what to search."""

    group: str
    niter: int
    tol: float
    loss_hist: list[float]

    # The attribute that the alignment of Y to X is kept in.
    _alignment: str

    # ---- what a subclass provides

    def _read(self, value: Any, name: str, eps: float = 0.0) -> Any:
        """Return the record of an item."""
        raise NotImplementedError

    def _pair(self, x: Any, y: Any) -> AlignedPair:
        """Return what to search."""
        raise NotImplementedError

    def _starts(self, pair: AlignedPair) -> list[FloatArray]:
        """Return where to search from."""
        raise NotImplementedError

    def _losses(self, pair: AlignedPair, values: FloatArray) -> FloatArray:
        """Return losses, from values of the objective."""
        raise NotImplementedError

    def _finished(self, distance: float) -> float:
        return distance

    # ---- what they share

    def _set_search(self, group: Any, niter: Any, tol: Any) -> None:
        self.group = _validate.as_choice(group, "group", GROUPS)
        self.niter = _validate.as_count(niter, "niter")
        self.tol = _validate.as_number(tol, "tol")

    def _searched(self, pair: AlignedPair, starts: Sequence[FloatArray]) -> Climb:
        """Search from all starts; in the order of the pair, an alignment of Y to X maps X to Y transposed."""

        def least(value: float) -> float:
            return self.tol * self._gain_per_loss(pair, float(self._losses(pair, np.array([value]))[0]))

        found = [climb(pair.gain, self.group, start, least, self.niter) for start in starts]
        return max(found, key=lambda one: one.values[-1])

    def _gain_per_loss(self, pair: AlignedPair, loss: float) -> float:
        raise NotImplementedError

    def fit(self: _Self, X: Any, Y: Any) -> _Self:
        """Find the alignment of the second network's units to those of the first.

        Parameters
        ----------
        X, Y
            See the class.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If they cannot be read, hold NaN or infinity, or differ in shape.
        """
        x, y = self._read(X, "X"), self._read(Y, "Y")
        require_same_shape(x, y)
        with single_threaded_blas():
            pair = self._pair(x, y)
            self._keep(pair, x, self._searched(pair, self._starts(pair)))
        return self

    def _keep(self, pair: AlignedPair, x: Any, best: Climb) -> None:
        setattr(self, self._alignment, best.map.T if pair.x is x else best.map)
        self.loss_hist = self._losses(pair, np.array(best.values)).tolist()

    def _fitted(self, width: int) -> FloatArray:
        found: FloatArray | None = getattr(self, self._alignment, None)
        if found is None:
            raise NotFittedError(f"this {type(self).__name__} has not been fitted: call fit(X, Y) first")
        if len(found) != width:
            raise ValueError(f"the alignment was fitted to {len(found)} neurons, not to {width}")
        return found

    def score(self, X: Any, Y: Any) -> float:
        """Return the distance in the fitted alignment.

        Parameters
        ----------
        X, Y
            See the class; also responses to other images.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`, and if that has not been called.
        """
        x, y = self._read(X, "X"), self._read(Y, "Y")
        require_same_shape(x, y)
        with single_threaded_blas():
            return self._scored(x, y, self._fitted(x.n_units))

    def _scored(self, x: Any, y: Any, alignment: FloatArray) -> float:
        pair = self._pair(x, y)
        return self._finished(pair.distance(alignment.T if pair.x is x else alignment))

    def fit_score(self, X: Any, Y: Any) -> float:
        """Fit, and return the distance: ``fit(X, Y).score(X, Y)``.

        Parameters
        ----------
        X, Y
            See the class.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As for :meth:`fit`.
        """
        return self.fit(X, Y).score(X, Y)

    def _among_themselves(
        self, train: Any, test: Any, eps: float, processes: int | None, verbose: bool
    ) -> tuple[FloatArray, FloatArray]:
        threads = resolve_threads(None if processes is None else _validate.as_count(processes, "processes"))
        items = _as_list(train, "train_data")
        tests = None if test is None else _as_list(test, "test_data")
        if tests is not None and len(tests) != len(items):
            raise ValueError(f"test_data has {len(tests)} networks, but train_data has {len(items)}")
        records = [self._read(item, f"train_data[{k}]", eps) for k, item in enumerate(items)]
        held_out = [self._read(item, f"test_data[{k}]") for k, item in enumerate(tests or ())]
        for record in records:
            require_same_shape(records[0], record)
        D_train = np.zeros((len(items), len(items)))
        D_test = np.where(np.eye(len(items), dtype=bool), 0.0, np.inf)
        pairs = list(itertools.combinations(range(len(items)), 2))
        progress = as_progress(bool(verbose), "pairs")
        with single_threaded_blas():
            problems = [self._pair(records[i], records[j]) for i, j in pairs]
            starts = [self._starts(problem) for problem in problems]  # draws of one generator, in order

            def compare(k: int) -> tuple[float, float]:
                pair, (i, j) = problems[k], pairs[k]
                best = self._searched(pair, starts[k]).map
                alignment = best.T if pair.x is records[i] else best
                value = self._finished(pair.distance(best))
                return value, self._scored(held_out[i], held_out[j], alignment) if held_out else np.inf

            for start in range(0, len(pairs), 4 * threads):
                some = range(start, min(start + 4 * threads, len(pairs)))
                for k, values in zip(some, map_threads(compare, some, threads), strict=True):
                    i, j = pairs[k]
                    D_train[i, j], D_test[i, j] = D_train[j, i], D_test[j, i] = values
                if progress is not None:
                    progress(some.stop, len(pairs))
        return D_train, D_test


def random_map(group: str, width: int, state: np.random.RandomState) -> FloatArray:
    """Draw a rotation as the original does, with the same numbers; or the matching nearest to it."""
    from scipy.stats import ortho_group  # takes long to import

    found = np.asarray(ortho_group.rvs(width, random_state=state)) if width > 1 else np.eye(1)
    return found if group == "orth" else BEST_MAP[group](found)


def as_random_state(value: Any) -> np.random.RandomState:
    """Take a seed or a RandomState; None is NumPy's global one, which ``np.random.seed`` sets."""
    if value is None:
        state: np.random.RandomState = np.random.mtrand._rand
        return state
    if isinstance(value, np.random.RandomState):
        return value
    return np.random.RandomState(_validate.as_count(value, "random_state", minimum=0))


def as_finite(value: Any, name: str, shape: Callable[[tuple[int, ...]], bool], axes: str) -> FloatArray:
    """Take an array of a shape."""
    array: AnyArray = _validate.as_array(value, name)
    if not shape(array.shape) or array.size == 0:
        raise ValueError(f"{name} must have shape {axes}, not {array.shape}")
    require_finite(array, name)
    return np.ascontiguousarray(array, dtype=np.float64)


def require_same_shape(x: Any, y: Any) -> None:
    """Refuse records of different shapes."""
    if x.shape != y.shape:
        raise ValueError(f"{y.label} has shape {y.shape}, but {x.label} has {x.shape}")


def _as_list(value: Any, name: str) -> list[Any]:
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__") or not len(value):
        raise TypeError(f"{name} must be a list of networks, not {type(value).__name__}")
    return list(value)
