"""How well X predicts Y: regression in sample and cross-validated, partial least squares."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import linalg
from scipy.spatial.distance import pdist

from ..._base.checks import FloatArray
from ...metrics import LinearR2
from ...metrics.base import Metric, Part, Products, Similarity, Tile, map_pairs
from ...metrics.pls import predict_by_pls
from ._splits import Fold, folds, splits
from ._transforms import MakeMetric

# From training responses of X and Y and test responses of X to predictions.
Predict = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
Score = Callable[[FloatArray, FloatArray], float]
# From the label of X and the responses of both to a number.
Value = Callable[[str, FloatArray, FloatArray], float]
_PENALTIES = np.logspace(-8, 8, 17)
_COMPONENTS = 25


@dataclasses.dataclass(frozen=True)
class Responses(Part):
    """The responses as they are."""

    def prepare(self, data: Any) -> tuple[str, FloatArray]:
        return data.label, data.whole()


class Predictivity(Metric):
    """A score of predictions; asymmetric: how well the first representation predicts the second.

    Parameters
    ----------
    name : str
        What the registry calls it.
    value : callable
        From the label of X and both responses to the score.
    """

    symmetric = False
    is_similarity = True
    diagonal = None

    def __init__(self, name: str, value: Value) -> None:
        self.name, self._value, self._part = name, value, Responses()

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the scores of two blocks of items."""
        del products
        rows, columns = ([item[self._part] for item in side] for side in tile.sides)
        return map_pairs(
            lambda x, y: self._value(x[0], x[1], y[1]), rows, columns, tile.where, tile.n_threads
        )


def correlations(predicted: FloatArray, responses: FloatArray) -> FloatArray:
    """Return the correlation of each column with its prediction; NaN where one of them is constant."""
    left, right = predicted - predicted.mean(axis=0), responses - responses.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            (left * right).sum(axis=0) / (np.linalg.norm(left, axis=0) * np.linalg.norm(right, axis=0))
        )


def standardized(responses: FloatArray) -> FloatArray:
    """Return z-scores of each set of stimuli by itself; units that do not vary are 0."""
    centred = responses - responses.mean(axis=0)
    deviation = responses.std(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0))


def ridge(x: FloatArray, y: FloatArray, test: FloatArray, penalty: float = 1.0) -> FloatArray:
    """Predict by ridge regression with an intercept."""
    u, s, vt = linalg.svd(x - x.mean(axis=0), full_matrices=False)
    weights = vt.T @ ((s / (s**2 + penalty))[:, None] * (u.T @ (y - y.mean(axis=0))))
    return np.asarray((test - x.mean(axis=0)) @ weights + y.mean(axis=0))


def best_ridge(x: FloatArray, y: FloatArray, test: FloatArray) -> FloatArray:
    """Predict by ridge regression at the penalty, of 17, that predicts stimuli left out best."""
    u, s, _ = linalg.svd(x - x.mean(axis=0), full_matrices=False)
    centred = y - y.mean(axis=0)
    products = u.T @ centred
    errors = []
    for penalty in _PENALTIES:
        shares = s**2 / (s**2 + penalty)
        left = centred - u @ (shares[:, None] * products)
        leverage = (u**2 * shares).sum(axis=1) + 1 / len(x)
        errors.append(float(np.square(left / (1 - leverage)[:, None]).mean()))
    return ridge(x, y, test, float(_PENALTIES[int(np.argmin(errors))]))


def least_squares(x: FloatArray, y: FloatArray, test: FloatArray) -> FloatArray:
    """Predict by ordinary regression with an intercept, of minimal norm."""
    centred = x - x.mean(axis=0)
    rounding = max(x.shape) * float(np.finfo(np.float64).eps)
    weights = linalg.lstsq(centred, y - y.mean(axis=0), cond=rounding)[0]
    return np.asarray((test - x.mean(axis=0)) @ weights + y.mean(axis=0))


def by_fold(
    predict: Predict,
    score: Score,
    split: Callable[[int, str], Iterator[Fold]],
    standardize: bool = False,
    swap: bool = False,
) -> Value:
    """Return the mean over folds of a score of predictions of the test stimuli."""

    def value(label: str, x: FloatArray, y: FloatArray) -> float:
        x, y = (y, x) if swap else (x, y)
        prepare = standardized if standardize else np.asarray
        found = [
            score(predict(prepare(x[train]), y[train], prepare(x[test])), y[test])
            for train, test in split(len(x), label)
        ]
        return float(np.mean(found))

    return value


def of_all(predict: Predict, score: Score) -> Value:
    """Return a score of all predictions together; folds are contiguous."""

    def value(label: str, x: FloatArray, y: FloatArray) -> float:
        predicted = np.empty_like(y)
        for train, test in folds(len(x), label, None):
            predicted[test] = predict(x[train], y[train], x[test])
        return score(predicted, y)

    return value


def mean_correlation(predicted: FloatArray, responses: FloatArray) -> float:
    """Return the mean correlation over units that vary."""
    return float(np.nanmean(correlations(predicted, responses)))


def median_correlation(predicted: FloatArray, responses: FloatArray) -> float:
    """Return the median correlation over units."""
    return float(np.median(correlations(predicted, responses)))


def mean_squared_correlation(predicted: FloatArray, responses: FloatArray) -> float:
    """Return the mean squared correlation over units."""
    return float(np.mean(correlations(predicted, responses) ** 2))


def mean_r2(predicted: FloatArray, responses: FloatArray) -> float:
    """Return R^2, averaged over units with equal weight."""
    errors = np.square(responses - predicted).mean(axis=0)
    return float(np.mean(1 - errors / responses.var(axis=0)))


def in_sample_r2(label: str, x: FloatArray, y: FloatArray) -> float:
    """Return the mean R^2 of ridge regression without an intercept, on the stimuli that it is fitted to."""
    del label
    u, s, _ = linalg.svd(x, full_matrices=False)
    return mean_r2(u @ ((s**2 / (s**2 + 1.0))[:, None] * (u.T @ y)), y)


def mean_covariance(label: str, x: FloatArray, y: FloatArray) -> float:
    """Return the mean singular value of the covariance of X and Y."""
    del label
    cross = (x - x.mean(axis=0)).T @ (y - y.mean(axis=0)) / (len(x) - 1)
    return float(linalg.svdvals(cross).mean())


def agreement_of_rdms(predicted: FloatArray, responses: FloatArray) -> float:
    """Return Kendall's tau-b between correlation distances of predicted and of measured stimuli."""
    from scipy.stats import kendalltau  # slow to import

    left, right = (pdist(side, "correlation") for side in (predicted, responses))
    return float(kendalltau(left, right)[0])


class ReverseR2(Similarity):
    """The share of the variance of X that linear regression on Y explains, in sample."""

    symmetric = False

    def __init__(self) -> None:
        self.name = "linear_regression"
        self._base = LinearR2()

    def parts(self) -> tuple[Part, ...]:
        return self._base.parts()

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the shares of two blocks of items."""
        swapped = dataclasses.replace(tile, rows=tile.columns, columns=tile.rows, where=tile.where.T)
        return np.ascontiguousarray(self._base.pair(swapped, products).T)


_shuffled = functools.partial(folds, seed=42)
_five = functools.partial(folds, seed=1)
_ten = functools.partial(splits, seed=1, n_splits=10, share=0.9)
_plain_pls = functools.partial(predict_by_pls, n_components=_COMPONENTS)

_VALUES: dict[str, Value] = {
    "kernel_ridge-lambda=1-r2": in_sample_r2,  # with a linear kernel: the same predictions
    "linear_regression-pearsonr": by_fold(least_squares, median_correlation, _ten),
    "linear_regression-pearsonr-cv=5folds": by_fold(least_squares, median_correlation, _five),
    "linear_regression-pearsonr2-cv=5folds": of_all(least_squares, mean_squared_correlation),
    "linear_regression-r2-cv=5folds": of_all(least_squares, mean_r2),
    "pls": mean_covariance,
    "pls-pearsonr": by_fold(_plain_pls, median_correlation, _ten),
    "pls-pearsonr-cv=5folds": by_fold(_plain_pls, median_correlation, _five),
    "pls-pearsonr-components=25-cv=5folds": by_fold(
        functools.partial(predict_by_pls, n_components=_COMPONENTS, scale=True),
        mean_correlation,
        _shuffled,
        standardize=True,
    ),
    "ridge-lambda=1-pearsonr": by_fold(ridge, median_correlation, _ten),
    "ridge-lambda=1-pearsonr-cv=5folds": of_all(ridge, mean_correlation),
    "ridge-lambda=1-pearsonr2-cv=5folds": of_all(ridge, mean_squared_correlation),
    "ridge-lambda=1-r2": in_sample_r2,
    "ridge-lambda=1-r2-cv=5folds": of_all(ridge, mean_r2),
    "ridge-pearsonr-cv=5folds": by_fold(best_ridge, mean_correlation, _shuffled, standardize=True),
    "ridge-pearsonr-cv=5folds-reverse": by_fold(
        best_ridge, mean_correlation, _shuffled, standardize=True, swap=True
    ),
    "versa": by_fold(
        best_ridge, agreement_of_rdms, functools.partial(folds, seed=42, least=3), standardize=True
    ),
}

MEASURES: dict[str, MakeMetric] = {
    "linear_regression": ReverseR2,
    **{name: functools.partial(Predictivity, name, value) for name, value in _VALUES.items()},
}
