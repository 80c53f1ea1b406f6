"""Reference values of shape measures and of joint geometry, and the data that the former were computed on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "reference"
SHAPE = json.loads((FOLDER / "shape_reference.json").read_text())
VALUES = {name: entry["value"] for name, entry in SHAPE["values"].items()}
JOINT = json.loads((FOLDER / "joint_reference.json").read_text())


def reference_data(names="XYWPQ"):
    """The arrays of the reference values: X, Y and W of 40 stimuli, P and Q of 15 and more units."""
    rng = np.random.default_rng(211014739)
    latent, to_x, to_y = (rng.standard_normal(shape) for shape in ((40, 6), (6, 12), (6, 9)))
    x = latent @ to_x + 0.5 * rng.standard_normal((40, 12)) + 1.0
    y = latent @ to_y + 0.5 * rng.standard_normal((40, 9)) - 0.5
    w = x[:, rng.permutation(12)] + 0.3 * rng.standard_normal((40, 12))
    p = rng.standard_normal((15, 30))
    data = {"X": x, "Y": y, "W": w, "P": p, "Q": p[:, :25] + rng.standard_normal((15, 25))}
    for name, array in data.items():
        known = SHAPE["data_checksums"][name]
        assert list(array.shape) == known["shape"]
        np.testing.assert_allclose(array.sum(), known["sum"], rtol=1e-12)
    return [data[name] for name in names]
