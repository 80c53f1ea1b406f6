"""Learning from a few examples: predicted and measured
=====================================================

Errors of telling two classes apart by the mean of a few examples of each, for all pairs of classes: predicted
from the geometry of the classes, predicted from all points, and measured in random episodes::

    python examples/few_examples.py [--data FOLDER] [--out FOLDER]

`few_examples.png` has an axis for each number of examples; each dot is an ordered pair of classes, points of
one tested against the other. The grey dots are :func:`neurogeom.fewshot_geometry`, which takes scores to be
Gaussian over test points and examples together: it says how an error comes about, and is off where errors are
small and come from a few points in the tails. The blue ones are :func:`neurogeom.fewshot_prediction`, which
takes the test points as they are, and the examples to vary.

Without --data the classes are the 20 intents of the sentences that come with the package. With the folder of
recordings (also NEUROGEOM_DATA) the same is done for characters of Omniglot and for objects of CIFAR-10 in a
network for images, and printed for all.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.figure import Figure
from neurogeom.report import format_table

SHOTS = (1, 5, 10)
BLUE, GREY, INK = "#1f5fa8", "#b8b8b8", "#333333"
ARCHIVES = {
    "omniglot": ("effnetlite0_omniglot_public.npz", "gap"),
    "intents, all 40": ("minilm_clinc_public.npz", "layer6"),
    "CIFAR-10": ("effnetlite0_cifar10_public.npz", "gap"),
}


def data_sets(folder: Path | None) -> dict[str, ng.Manifolds]:
    """Classes by name of the data set; what comes with the package first."""
    text = ng.datasets.load_minilm_clinc()
    found = {"intents": ng.manifolds(text.layers["layer6"], text.labels)}
    for name, (file, layer) in ARCHIVES.items():
        if folder is not None and (folder / file).is_file():
            with np.load(folder / file) as archive:
                found[name] = ng.manifolds(archive[layer].astype(np.float64), archive["labels"])
    return found


def main() -> None:
    """Predict, measure, print and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NEUROGEOM_DATA"), help="folder with the archives"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    rows = []
    for name, clouds in data_sets(options.data).items():
        geometry = ng.fewshot_geometry(clouds, SHOTS, correct_dimension=True)
        predicted = ng.fewshot_prediction(clouds, SHOTS)
        measured = [ng.fewshot_error(clouds, m, n_episodes=400, rng=0) for m in SHOTS]
        pairs = ~np.eye(len(clouds), dtype=bool)
        for k, m in enumerate(SHOTS):
            error = measured[k].error[pairs]
            row = [name if k == 0 else "", str(m), f"{measured[k].mean_error:.4f}"]
            for found in (geometry, predicted):
                agreement = np.corrcoef(found.error[k][pairs], error)[0, 1]
                row += [f"{found.mean_error[k]:.4f}", f"{agreement:.3f}"]
            rows.append(row)
        if name == "intents":
            draw(geometry, predicted, measured, pairs, options.out / "few_examples.png")
    header = ["classes", "examples", "measured", "geometry", "correlation", "prediction", "correlation"]
    print("Mean error over all pairs; correlation with the measured errors over pairs\n")
    print(format_table(rows, header))


def draw(
    geometry: ng.FewshotGeometry,
    predicted: ng.FewshotPrediction,
    measured: list[ng.FewshotError],
    pairs: np.ndarray,
    path: Path,
) -> None:
    """Draw predicted against measured errors, one panel for each number of examples."""
    figure = Figure((10, 3.9), layout="constrained")
    for k, (axis, m) in enumerate(zip(figure.subplots(1, len(SHOTS)), SHOTS, strict=True)):
        error = measured[k].error[pairs]
        top = 1.05 * max(error.max(), predicted.error[k][pairs].max(), geometry.error[k][pairs].max())
        axis.plot([0, top], [0, top], color=INK, lw=0.8, zorder=1)
        for found, colour, label in (
            (geometry, GREY, "from the geometry"),
            (predicted, BLUE, "from all points"),
        ):
            axis.scatter(error, found.error[k][pairs], s=9, color=colour, lw=0, zorder=2, label=label)
        axis.set(xlim=(0, top), ylim=(0, top), aspect="equal", xlabel="measured error")
        axis.set_title(f"{m} example{'s' * (m > 1)} of each class", loc="left", fontsize=10, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.locator_params(nbins=5)
    axes = figure.axes
    axes[0].set_ylabel("predicted error")
    axes[0].legend(frameon=False, fontsize=9, loc="upper left", handletextpad=0.1)
    figure.savefig(path, dpi=150)
    print(f"wrote {path}\n")


if __name__ == "__main__":
    main()
