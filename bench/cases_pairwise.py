"""Data of the benches of pairwise distances, and the measured calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import neurogeom as ng
import numpy as np
from neurogeom._base.threads import single_threaded_blas
from neurogeom.metrics import as_metric
from neurogeom.metrics.base import prepare_item
from neurogeom.representations.items import as_items
from numpy.typing import NDArray

Array = NDArray[np.float64]


class PairCase(NamedTuple):
    """Representations of so many stimuli by so many units each."""

    n_stimuli: int
    n_units: int
    decay: float | None = None  # of the variance of latents: that of latent j is j^-decay

    @property
    def is_wide(self) -> bool:
        """Whether there are more units than stimuli."""
        return self.n_units > self.n_stimuli

    def __str__(self) -> str:
        kind = "" if self.decay is None else f", DNN-like (variance j^-{self.decay:g})"
        return f"m {self.n_stimuli}, n {self.n_units:,}{kind}"


SMALL = (
    PairCase(500, 50),
    PairCase(500, 128),
    PairCase(500, 200),
    PairCase(500, 128, decay=1),
    PairCase(500, 128, decay=2),
)
LARGE = PairCase(1000, 512)
WIDE = PairCase(500, 4096)
RESPONSES = PairCase(500, 100)  # of which RDMs are made
MATCHED = PairCase(500, 200)


def representations(case: PairCase, n_items: int, seed: int = 0) -> list[Array]:
    """Independent Gaussian responses, or ReLUs of random mixtures of latents that all items share.

    The variance of these latents falls as a power law; with the exponent
    2, singular values of a core span so many decades that they have to be computed.
    """
    rng = np.random.default_rng(seed)
    if case.decay is None:
        return [rng.normal(size=case[:2]) for _ in range(n_items)]
    n_latents = 2 * case.n_units
    latents = rng.normal(size=(case.n_stimuli, n_latents)) * np.arange(1, n_latents + 1) ** (-case.decay / 2)
    mixed = (latents @ rng.normal(size=(n_latents, case.n_units)) for _ in range(n_items))
    return [np.maximum(item, 0.0) for item in mixed]


METRICS: dict[str, ng.metrics.Metric] = {
    "procrustes": ng.Procrustes(),
    "cca": ng.CCA(),
    "cka": ng.CKA(estimator="biased", score="angular"),
    "permutation": ng.Permutation(),
    "rsa-spearman": ng.RSA("correlation", "spearman"),
    "rsa-pearson": ng.RSA("correlation", "pearson"),
    "rsa-cosine": ng.RSA("correlation", "cosine"),
}


def distances(metric: str, items: list[Any], n_threads: int = 1) -> Array:
    """The measured call: everything that a user gets."""
    return np.asarray(ng.pairwise(items, METRICS[metric], n_threads=n_threads).square)


def prepare(metric: str, items: list[Any]) -> None:
    """The part of the measured call that is done once for each item."""
    chosen = as_metric(METRICS[metric])
    with single_threaded_blas():
        for item in as_items(items, "representations"):
            prepare_item([chosen], item)
