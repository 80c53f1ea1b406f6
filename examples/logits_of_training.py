"""Logits while a network learns
=============================

What the outputs of a small network say before training, after one epoch, and trained::

    python examples/logits_of_training.py [--data FOLDER] [--out FOLDER]

For each stage: how sure the network is, whether it is right where it is sure, how far the largest output is
above the others, and whether it is sure of the same samples and orders the classes that it does not choose as
the last stage does. The first epoch does most: before it outputs hardly differ. Training then adds little
confidence, but it is more often right where it is sure (AUROC 0.73 to 0.84), and of other samples (rank
correlation one half).

`logits_of_training.png` shows the gap between the largest output and each of the others by rank.

The outputs (smallcnn_cifar10) do not come with the package. They are looked for in --data and in the folder
that NEUROGEOM_DATA names; where they are not found, outputs of linear readouts from the layers of the
language model that comes with the package stand in for the stages.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.figure import Figure
from neurogeom.report import format_table

STAGES = {"untrained": "init", "epoch 1": "e1", "trained": "final"}
COLOURS = ("#b8b8b8", "#7fa8d1", "#1f5fa8")


def readout(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Outputs of a ridge readout for sentences that it was not fitted to: five folds."""
    X = X - X.mean(axis=0)
    targets = 5.0 * np.eye(labels.max() + 1)[labels]
    outputs = np.empty_like(targets)
    fold = np.arange(len(X)) % 5
    for k in range(5):
        train = X[fold != k]
        gram = train.T @ train + 0.1 * np.trace(train.T @ train) / X.shape[1] * np.eye(X.shape[1])
        outputs[fold == k] = X[fold == k] @ np.linalg.solve(gram, train.T @ targets[fold != k])
    return outputs


def load(folder: Path | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Outputs by stage, and the true classes."""
    path = folder and folder / "smallcnn_cifar10_public.npz"
    if path and path.is_file():
        with np.load(path) as archive:
            outputs = {name: archive[f"{key}_logits"].astype(np.float64) for name, key in STAGES.items()}
            return outputs, archive["labels"].astype(int)
    print("The network is not there: readouts from layers of a language model stand in for it.\n")
    text = ng.datasets.load_minilm_clinc()
    labels = np.asarray(text.labels, dtype=int)
    return {name: readout(np.asarray(X, dtype=np.float64), labels) for name, X in text.layers.items()}, labels


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NEUROGEOM_DATA"), help="folder with the archive"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    outputs, labels = load(options.data)
    last = list(outputs)[-1]
    rows = []
    figure = Figure((5.6, 3.8), layout="constrained")
    axis = figure.subplots()
    colours = [*["#d8d8d8"] * (len(outputs) - len(COLOURS)), *COLOURS]
    for (name, Z), colour in zip(outputs.items(), colours, strict=True):
        found = ng.logits.summary(Z, labels)
        row = [name]
        for measure in ("accuracy", "confidence", "auroc", "gap"):
            row.append(f"{getattr(found, measure):.3f} ± {getattr(found, f'{measure}_se'):.3f}")
        sure = ng.logits.confidence_agreement(Z, outputs[last])
        order = ng.logits.order_agreement(Z, outputs[last])
        row += ["", ""] if name == last else [f"{sure.spearman:.2f}", f"{order.agreement:.2f}"]
        rows.append(row)
        ranks = np.arange(2, found.n_classes + 1)
        axis.errorbar(ranks, found.gaps, 2 * found.gaps_se, color=colour, lw=1.6, capsize=2, label=name)
    header = ["stage", "accuracy", "confidence", "AUROC of\nconfidence", "gap to\nthe second"]
    print(format_table(rows, [*header, f"sure as\n{last}", f"order as\n{last}"]))
    axis.set(xlabel="rank of the class", ylim=(0, None))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_title("gap between the largest output and the others", loc="left", fontsize=10, color="#333333")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    path = options.out / "logits_of_training.png"
    figure.savefig(path, dpi=150)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
