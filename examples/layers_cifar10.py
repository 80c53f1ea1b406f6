"""Joint capacity and effective geometry, layer by layer
=====================================================

Joint capacity and effective geometry of the layers of two networks, trained against untrained::

    python examples/layers_cifar10.py [--data FOLDER] [--out layers.png] [--images 20] [--reduced] [--null]

Ten classes of CIFAR-10 are manifolds in every layer of two networks: EfficientNet-Lite0 with its ImageNet
weights, and a small CNN before training, after one epoch, and trained. For each layer: capacity (classes per
dimension that a linear readout can separate, over balanced dichotomies), the effective radius and dimension
behind it, and how the centres and axes of the classes are aligned. With --null, in grey: the same images with
their labels shuffled.

The 60 images of a class are taken in disjoint sets of --images, and estimates are means over the sets.
Dimension and radius grow with the number of points, so that only equal numbers compare; and 600 points are
more than 128 units (the small CNN's pooled layer) can separate, where capacity is P / rank whatever the
network has learnt.

The activations (effnetlite0_cifar10_public.npz, smallcnn_cifar10_public.npz) do not come with the package.
The folder that holds them is given by --data, or named by NEUROGEOM_DATA. Without them the script runs on
sentence embeddings that do come with the package, and says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import warnings
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ARCHIVES = ("effnetlite0", "smallcnn")
EFFNET_LAYERS = (*(f"stage{k}" for k in range(2, 8)), "gap", "logits")
# Its logits are left out: ten units separate no dichotomy of ten clouds.
SMALL_LAYERS = ("conv2", "conv3", "conv4", "gap")
STATES = {"untrained": "init", "epoch 1": "e1", "trained": "final"}
MEASURES = {
    "capacity": "capacity",
    "effective_radius": "effective\nradius",
    "effective_dimension": "effective\ndimension",
    "center_alignment_abs": "center\nalignment",
    "axis_alignment_abs": "axis\nalignment",
    "center_axis_alignment_abs": "center-axis\nalignment",
}
NULL = "shuffled labels"
INK, GREY, PALE = "#333333", "#8a8a8a", "#e8e8e8"
COLOURS = {"untrained": "#e08a1e", "epoch 1": "#6fa8dc", "trained": "#1f4e8c", NULL: GREY}
# Above this share of inseparable samples capacity tells the number of units, and there is no geometry.
MOSTLY = 0.5


@dataclasses.dataclass
class Network:
    """Activations of a network in one or more states: {state: {layer: (n_stimuli, n_units)}}."""

    title: str
    labels: np.ndarray
    states: dict[str, dict[str, np.ndarray]]

    @property
    def layers(self) -> list[str]:
        """Names of the layers, input first."""
        return list(self.states["trained"])


@dataclasses.dataclass
class Estimates:
    """Each measure of one layer with its standard error, and the share of inseparable samples."""

    value: dict[str, float]
    error: dict[str, float]
    inseparable: float


Row = list[Estimates]


def load_networks(folder: Path) -> list[Network]:
    """Read both networks."""
    large, small = (np.load(folder / f"{name}_cifar10_public.npz") for name in ARCHIVES)
    states = {
        state: {layer: small[f"{key}_{layer}"] for layer in SMALL_LAYERS} for state, key in STATES.items()
    }
    trained = {layer: large[layer] for layer in EFFNET_LAYERS}
    return [
        Network("EfficientNet-Lite0, ImageNet weights", large["labels"], {"trained": trained}),
        Network("small CNN, CIFAR-10", small["labels"], states),
    ]


def load_sentences() -> list[Network]:
    """Ten intents of the sentences that come with the package."""
    data = ng.datasets.load_minilm_clinc()
    kept = data.labels < 10
    trained = {name: X[kept] for name, X in data.layers.items()}
    return [Network("MiniLM, ten intents of sentences", data.labels[kept], {"trained": trained})]


def sets_of_rows(labels: np.ndarray, n_points: int) -> list[np.ndarray]:
    """Disjoint sets of rows, each with n_points of every class."""
    classes = [np.random.default_rng(0).permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    n_sets = max(1, min(map(len, classes)) // n_points)
    return [np.concatenate([rows[s::n_sets][:n_points] for rows in classes]) for s in range(n_sets)]


def measure(activations: np.ndarray, labels: np.ndarray, n_points: int, n_samples: int) -> Estimates:
    """Means over sets of images; the error is the larger of Monte Carlo's and that over the sets."""
    found = []
    for rows in sets_of_rows(labels, n_points):
        clouds = ng.manifolds(activations[rows], labels[rows])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ng.ConvergenceWarning)  # the picture shows what is inseparable
            found.append(ng.effective_geometry(clouds, n_samples=n_samples, rng=0))
    inseparable = float(np.mean([result.inseparable_fraction for result in found]))
    value, error = {}, {}
    for name in MEASURES:
        values, errors = (np.array([getattr(r, name + end) for r in found]) for end in ("", "_se"))
        over_sets = values.std(ddof=1) if len(found) > 1 else 0.0
        value[name] = float(values.mean()) if inseparable <= MOSTLY else np.nan
        error[name] = float(max(over_sets, np.sqrt((errors**2).mean())) / np.sqrt(len(found)))
    return Estimates(value, error, inseparable)


def analyse(network: Network, n_points: int, n_samples: int, null: bool) -> dict[str, Row]:
    """Estimates for each state, in the order of the layers."""
    found = {
        state: [measure(X, network.labels, n_points, n_samples) for X in layers.values()]
        for state, layers in network.states.items()
    }
    if null:
        shuffled = np.random.default_rng(0).permutation(network.labels)
        layers = network.states["trained"]
        found[NULL] = [measure(X, shuffled, n_points, n_samples) for X in layers.values()]
    return found


def print_table(network: Network, results: dict[str, Row]) -> None:
    """Print one line for each layer."""
    titles = [title.replace("\n", " ").removesuffix(" alignment") for title in MEASURES.values()]
    print(f"\n{network.title}; {len(np.unique(network.labels))} manifolds")
    print(f"{'':23}" + "".join(f"{title:>21}" for title in titles) + f"{'inseparable':>13}")
    for state, row in results.items():
        for layer, estimates in zip(network.layers, row, strict=True):
            cells = (
                f"{estimates.value[name]:12.3f} ± {estimates.error[name]:.4f}"
                if estimates.inseparable <= MOSTLY
                else f"{'-':>21}"
                for name in MEASURES
            )
            print(f"{state:15} {layer:7}" + "".join(cells) + f"{estimates.inseparable:13.2f}")


def draw_panel(axis: Axes, name: str, results: dict[str, Row]) -> None:
    """Draw one measure of one network."""
    for k, (state, row) in enumerate(results.items()):
        value, error = (np.array([getattr(e, part)[name] for e in row]) for part in ("value", "error"))
        hollow = np.array([estimates.inseparable for estimates in row]) > 0.05
        x = np.arange(len(row)) + 0.07 * (k - (len(results) - 1) / 2)
        colour = COLOURS[state]
        axis.errorbar(x, value, 2 * error, fmt="none", ecolor=colour, elinewidth=1.3, capsize=2.5)
        style = "o--" if state == NULL else "o-"
        axis.plot(x, value, style, color=colour, lw=1.5, ms=4, label=state)
        axis.plot(x[hollow], value[hollow], "o", mfc="white", mec=colour, ms=4, zorder=3)


def draw(networks: list[Network], results: list[dict[str, Row]], n_points: int) -> Figure:
    """Draw a row of panels for each measure, and a column for each network."""
    figure = Figure(figsize=(2.0 + 3.4 * len(networks), 10), layout="constrained")
    widths = [len(network.layers) + 1 for network in networks]
    axes = figure.subplots(
        len(MEASURES), len(networks), sharey="row", sharex="col", squeeze=False, width_ratios=widths
    )
    for column, (network, found) in enumerate(zip(networks, results, strict=True)):
        for row, (name, title) in enumerate(MEASURES.items()):
            axis = axes[row, column]
            draw_panel(axis, name, found)
            axis.grid(axis="y", color=PALE, lw=0.8)
            axis.set_axisbelow(True)
            axis.spines[["top", "right"]].set_visible(False)
            axis.spines[["left", "bottom"]].set_color(GREY)
            axis.tick_params(color=GREY, labelcolor=INK, labelsize=9, length=3)
            axis.locator_params(axis="y", nbins=5)
            if column == 0:
                axis.set_ylabel(title, fontsize=10, color=INK)
        axes[0, column].set_title(network.title, fontsize=11, color=INK, loc="left", pad=10)
        axes[0, column].set_xlim(-0.5, len(network.layers) - 0.5)
        axes[-1, column].set_xticks(range(len(network.layers)), network.layers)
        axes[-1, column].tick_params(axis="x", rotation=35)
        axes[0, column].axhline(2 / n_points, color=INK, lw=1, ls=":")
    axes[0, 0].annotate(
        "2 / points: no structure",
        (1, 2 / n_points),
        (-2, 3),
        ("axes fraction", "data"),
        "offset points",
        ha="right",
        fontsize=8,
        color=INK,
    )
    for axis in axes[2:, 0]:
        axis.set_ylim(bottom=0)
    states = dict(zip(*reversed(axes[0, -1].get_legend_handles_labels()), strict=True))
    figure.legend(
        states.values(),
        states.keys(),
        loc="outside upper right",
        ncols=len(states),
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
    )
    figure.align_ylabels()
    caption = "bars: ± 2 standard errors; alignments: mean absolute cosines"
    if any(e.inseparable > 0.05 for found in results for row in found.values() for e in row):
        caption += "\nhollow: some dichotomies inseparable; absent: most of them"
    figure.supxlabel(caption, fontsize=8.5, color=GREY)
    return figure


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("NEUROGEOM_DATA"),
        help="folder with both archives",
    )
    parser.add_argument("--out", type=Path, default=Path("layers.png"), help="picture to write")
    parser.add_argument("--images", type=int, default=20, help="images of a class in a set (at most 60)")
    parser.add_argument("--reduced", action="store_true", help="few images and samples; the default in CI")
    parser.add_argument("--null", action="store_true", help="also with the labels shuffled")
    options = parser.parse_args()
    folder = options.data
    if folder and not all((folder / f"{name}_cifar10_public.npz").is_file() for name in ARCHIVES):
        parser.error(f"{folder} does not hold both archives")
    if folder is None:
        print("The CIFAR-10 activations are not there: sentence embeddings stand in for the images.")
    reduced = options.reduced or folder is None or bool(os.environ.get("CI"))
    n_points, n_samples = (min(12, options.images), 100) if reduced else (options.images, 400)
    networks = load_networks(folder) if folder else load_sentences()
    results = []
    for network in networks:
        results.append(analyse(network, n_points, n_samples, options.null))
        print_table(network, results[-1])
    draw(networks, results, n_points).savefig(options.out, dpi=150)
    print(f"\n{n_points} points of each manifold in a set, {n_samples} samples; wrote {options.out}")


if __name__ == "__main__":
    main()
