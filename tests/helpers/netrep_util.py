"""Data for the tests of the drop-in for netrep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

REFERENCE = json.loads((Path(__file__).parents[1] / "reference/shape_reference.json").read_text())


def reference_data():
    """The arrays of the reference values, by name."""
    rng = np.random.default_rng(211014739)
    Z, A, B = (rng.standard_normal(shape) for shape in ((40, 6), (6, 12), (6, 9)))
    X = Z @ A + 0.5 * rng.standard_normal((40, 12)) + 1.0
    Y = Z @ B + 0.5 * rng.standard_normal((40, 9)) - 0.5
    W = X[:, rng.permutation(12)] + 0.3 * rng.standard_normal((40, 12))
    P = rng.standard_normal((15, 30))
    data = {"X": X, "Y": Y, "W": W, "P": P, "Q": P[:, :25] + rng.standard_normal((15, 25))}
    for name, array in data.items():
        assert array.sum() == pytest.approx(REFERENCE["data_checksums"][name]["sum"], rel=1e-12)
    return data


def representations(widths=(7, 5, 7, 6), n_stimuli=30, seed=0):
    """Noisy maps of a common signal, with means."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n_stimuli, 4))
    return [
        Z @ rng.standard_normal((4, n)) + 0.7 * rng.standard_normal((n_stimuli, n)) + rng.standard_normal(n)
        for n in widths
    ]
