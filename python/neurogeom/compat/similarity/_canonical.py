"""Canonical correlations: CCA, SVCCA and projection-weighted CCA; normalised Bures similarity."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from ..._base.checks import FloatArray
from ...metrics import CCA, NBS, PWCCA, SVCCA, MeanCCA, Procrustes
from ...metrics.base import Part
from ._folds import MeanOverFolds, over_folds
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


class ReducedCCAOverFolds(MeanOverFolds):
    """The angle of CCA over five folds, of the principal components of all stimuli.

    The components see the stimuli that are left out, in the registry and so here.
    """

    def __init__(self, variance: float, n_components: int | None, name: str) -> None:
        super().__init__(CCA, name)
        self._kept = variance, n_components

    def prepare(self, data: FloatArray, label: str) -> Any:
        """Reduce the item, then prepare it for each fold."""
        return super().prepare(components(data, *self._kept), label)


def _reduced(option: str, variance: float = 1.0, n_components: int | None = None) -> dict[str, MakeMetric]:
    make = functools.partial(SVCCA, variance, n_components=n_components)
    found = transformed(f"svcca{option}", make, LeadingNorm(variance, n_components))
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
