"""Canonical correlations: CCA, SVCCA and projection-weighted CCA."""

from __future__ import annotations

from ...metrics import NBS, MeanCCA
from ._transforms import MakeMetric, transformed

MEASURES: dict[str, MakeMetric] = {
    **transformed("cca", MeanCCA),
    "cca-squared_score": lambda: MeanCCA(squared=True),
    **transformed("nbs", NBS),
}
