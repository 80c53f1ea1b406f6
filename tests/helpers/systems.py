"""Reference values of few-shot geometry, and the classes that they were computed on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "reference"
FEWSHOT = json.loads((FOLDER / "systems_reference.json").read_text())["A_fewshot"]


def reference_classes():
    """Four classes of 30 points in 12 dimensions."""
    rng = np.random.default_rng(0)
    mu = 0.5 * rng.standard_normal((4, 12))
    scale, spectrum = np.linspace(0.8, 1.2, 4), np.arange(1, 13) ** -0.5
    Z = rng.standard_normal((4, 30, 12))
    perm = np.stack([rng.permutation(12) for _ in range(4)])
    return np.stack([mu[c] + scale[c] * Z[c] * spectrum[perm[c]] for c in range(4)])
