"""Predicting responses: how large the error is, and of how many dimensions
========================================================================

Responses of one layer predicted from others by ridge regression, by theory and by trial::

    python examples/predicting_responses.py [--data FOLDER] [--out FOLDER]

The error is a product: the radius of its geometry times the root of its dimension. `predicting_responses.png`
has both on its axes, so that layers with the same error lie on one of the grey lines and still differ in
whether a few modes of the responses are missed, or many a little. The second panel shows learning curves for
stimuli that were not learned from: lines are the theory, dots the means over random splits, with two standard
errors.

Without --data, the last layer of the language model that comes with the package is predicted from the earlier
ones. The theory is for stimuli that scatter around one centre; these 500 sentences come in 20 tight groups,
and with 200 of them to learn from the theory is some ten per cent too low. With the folder of recordings
(also NEUROGEOM_DATA), the units of a small network for images are predicted from the layers of a large one.
There theory and trial agree within two per cent. With 50 images all layers do about equally well, though
stage2 misses three times as many dimensions as stage4; with 300, stage4 is the best, and the last layer,
trained to tell a thousand classes apart, the worst.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import neurogeom as ng
import numpy as np
from neurogeom.report import plot_prediction, prediction_table

RIDGE = 0.01  # of the mean variance along a dimension of the stimuli
LAYERS = ("stage2", "stage3", "stage4", "stage5", "stage6", "gap")


def load(folder: Path | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Layers that predict, and responses that are predicted."""
    paths = [folder and folder / f"{name}_cifar10_public.npz" for name in ("effnetlite0", "smallcnn")]
    if all(path is not None and path.is_file() for path in paths):
        with np.load(paths[0]) as large, np.load(paths[1]) as small:
            layers = {name: large[name].astype(np.float64) for name in LAYERS}
            return layers, small["final_gap"].astype(np.float64)
    layers = dict(ng.datasets.load_minilm_clinc().layers)
    return layers, layers.pop("layer6")


def main() -> None:
    """Predict, measure, print and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NEUROGEOM_DATA"), help="folder with the archives"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    layers, responses = load(options.data)
    sizes = [50, 100, 200, 300]
    theory, trials = {}, {}
    for name, X in layers.items():
        ridge = RIDGE * float(X.var(axis=0).sum()) / len(X)
        theory[name] = ng.spectral_prediction(X, responses, n_train=sizes, ridge=ridge)
        trials[name] = ng.prediction_curve(X, responses, sizes, ridge=ridge, n_splits=20, center="all", rng=0)
    print(prediction_table(theory, trials))
    path = options.out / "predicting_responses.png"
    plot_prediction(theory, path, measured=trials)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
