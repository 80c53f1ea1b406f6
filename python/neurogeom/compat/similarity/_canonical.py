"""Canonical correlations: CCA, SVCCA and projection-weighted CCA; normalised Bures similarity."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from ..._base.checks import FloatArray
from ...metrics import CCA, NBS, PWCCA, SVCCA, MeanCCA, Procrustes
from ...metrics import checks as check
from ...metrics.base import Distance, Part, Products, Tile, inner_products, map_pairs
from ._folds import over_folds
from ._splits import fold_members
from ._transforms import MakeMetric, transformed


@dataclasses.dataclass(frozen=True)
class LeadingNorm(Part):
    """The Frobenius norm of the centred responses, reduced to what SVCCA keeps of them."""

    variance: float
    n_components: int | None

    def prepare(self, data: Any) -> float:
        return float(np.linalg.norm(components(data.whole(), self.variance, self.n_components)))


def components(responses: FloatArray, variance: float, n_components: int | None) -> FloatArray:
    """Return the leading principal components of the responses, scaled by their size."""
    u, s, _ = np.linalg.svd(responses - responses.mean(axis=0), full_matrices=False)
    if n_components is None:
        shares = np.cumsum(s**2) / np.square(s).sum()
        n_components = int(np.searchsorted(shares, variance)) + 1
    return np.asarray(u[:, :n_components] * s[:n_components])


@dataclasses.dataclass(frozen=True)
class LeadingComponents(Part):
    """The principal components that SVCCA keeps, of all stimuli."""

    variance: float
    n_components: int | None

    def prepare(self, data: Any) -> FloatArray:
        check.require_stimuli(data.shape[0], 10, data.label, "SVCCA over 5 folds")
        return components(data.whole(), self.variance, self.n_components)


class ReducedCCAOverFolds(Distance):
    """The angle of CCA, fitted to all folds but one and evaluated on it, averaged over five folds.

    Of principal components, as many for both items as the one with fewer has. They see the stimuli that are
    left out, in the registry and so here.
    """

    diagonal = None

    def __init__(self, variance: float, n_components: int | None, name: str) -> None:
        self.name = name
        self._part = LeadingComponents(variance, n_components)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the mean angles of two blocks of items."""
        del products
        of = tile.of(self._part)
        return map_pairs(_mean_angle, of.rows, of.columns, tile.where, tile.n_threads)


def _mean_angle(x: FloatArray, y: FloatArray) -> float:
    kept = min(x.shape[1], y.shape[1])
    angles = []
    for test in fold_members(len(x), 5, 42):
        bases, whitened = [], []
        for side in (x[:, :kept], y[:, :kept]):
            train = np.delete(side, test, axis=0)
            u, s, vt = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
            varies = s > max(train.shape) * np.finfo(np.float64).eps * s[0]
            bases.append(u[:, varies])
            whitened.append((side[test] - train.mean(axis=0)) @ vt[varies].T / s[varies])
        left, _, right = np.linalg.svd(inner_products(*bases), full_matrices=False)
        a, b = whitened[0] @ left, whitened[1] @ right.T
        cosine = np.vdot(a, b) / (np.linalg.norm(whitened[0]) * np.linalg.norm(whitened[1]))
        angles.append(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return float(np.mean(angles))


def _reduced(option: str, variance: float = 1.0, n_components: int | None = None) -> dict[str, MakeMetric]:
    make = functools.partial(SVCCA, variance, n_components=n_components)
    found: dict[str, MakeMetric] = transformed(f"svcca{option}", make, LeadingNorm(variance, n_components))
    if option:
        name = f"svcca{option}-distance=angular-cv=5folds"
        found[name] = functools.partial(ReducedCCAOverFolds, variance, n_components, name)
        found[f"svcca{option}-squared_score"] = functools.partial(make, squared=True)
    return found


MEASURES: dict[str, MakeMetric] = {
    **transformed("cca", MeanCCA),
    "cca-squared_score": lambda: MeanCCA(squared=True),
    **transformed("nbs", NBS),
    **transformed("pwcca", PWCCA),
    **transformed("pwcca", PWCCA, forms=("distance=one_minus_score",)),
    **_reduced("-dim=10", n_components=10),
    **_reduced("-var=0.95", 0.95),
    **_reduced("-var=0.99", 0.99),
    **_reduced(""),
    **over_folds("cca-distance=angular-cv=5folds", CCA),
    **over_folds("nbs-distance=angular-cv=5folds", Procrustes),
}
