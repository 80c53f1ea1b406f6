"""Distances between brain areas, between layers of networks, and between layers and human cortex.

    python examples/areas_and_layers.py [--data FOLDER] [--out FOLDER]

1. areas.png: 18 populations of neurons in six visual areas of the mouse, 16 textures seen ten times each.
   Repeats are split into halves; the CKA of two populations is that of half the repeats of one with the other
   half of the other, so that it does not count fluctuations that simultaneous recordings share, and a
   population compared with itself gives its split-half reliability, which is what noise leaves of a perfect
   likeness. Spikes are averaged over the repeats of a half and over the 4 s of a stimulus, which leaves 16
   rows. That is fewer than neurons, where Procrustes and biased CKA mostly tell the number of neurons:
   "debiased" is near 0 for unrelated responses. With 0.5-s bins as rows of their own (16 x 8, the mean over
   stimuli taken off each bin) there are more rows but also more noise in each: printed as a check.
2. layers.png: the layers of EfficientNet-Lite0 and of a small CNN before training, after one epoch and
   trained, on the same 600 images of CIFAR-10.
3. human_it.png: dissimilarities of 92 images in the layers of EfficientNet-Lite0 against those measured in
   human inferotemporal cortex (Kriegeskorte et al. 2008).

What is seen: populations differ more in how reliable they are (-0.06 to 0.85) than by area, and among
reliable ones no difference between areas is established. Early layers of both networks correspond,
trained ones also later on, untrained ones do not. Human IT is most like stage6 where dissimilarity is 1 -
correlation, but not where it is the squared Euclidean distance.

The data (mouse_texture, effnetlite0_cifar10, smallcnn_cifar10, effnetlite0_stim92, rdm92) do not come with
the package. They are looked for in --data, in the folder that NEUROGEOM_DATA names, and in ../shared/data by
the clone. Where they are not found, the script compares the layers of the language model that does come with
the package, and says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from neurogeom.report import draw_pairwise, format_table, pairwise_table, plot_pairwise

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
ARCHIVES = ("mouse_texture", "effnetlite0_cifar10", "smallcnn_cifar10", "effnetlite0_stim92", "rdm92")
STATES = {"untrained": "init", "epoch 1": "e1", "trained": "final"}
AREAS = ("V1", "LM", "LI", "AL", "PM")  # of the texture recordings; AM was recorded with other stimuli only
N_SPLITS = 20
RELIABLE = 0.2  # below this split-half reliability a correction for it would be mostly noise
INK, GREY, PALE, BLUE, RED = "#333333", "#8a8a8a", "#e8e8e8", "#1f4e8c", "#b4472e"


def find_data(given: Path | None) -> dict[str, Path] | None:
    """Find the archives, if they are there."""
    named = os.environ.get("NEUROGEOM_DATA")
    for folder in (given,) if given else (Path(named) if named else BESIDE, BESIDE):
        paths = {name: folder / f"{name}_public.npz" for name in ARCHIVES}
        if all(path.is_file() for path in paths.values()):
            return paths
    return None


def save(figure: Figure, path: Path) -> None:
    """Write a picture and say so."""
    figure.savefig(path, dpi=150)
    print(f"\nwrote {path}")


# ---- the areas of the mouse


@dataclasses.dataclass
class Populations:
    """Spike counts (stimulus, repeat, bin, neuron) of populations, sorted by area."""

    counts: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        self.area = np.array([name.split()[0] for name in self.counts])
        session = np.array([name.split()[1] for name in self.counts])
        itself = np.eye(len(session), dtype=bool)
        same_area = self.area[:, None] == self.area
        together = session[:, None] == session
        self.groups = {
            "same area, other session": same_area & ~together,
            "other area, same session": ~same_area & together,
            "other area, other session": ~same_area & ~together,
        }
        self.itself, self.apart = itself, ~together


def load_populations(path: Path) -> Populations:
    """Read the recordings; 's00_V1' becomes 'V1 s00'."""
    archive = np.load(path)
    names = sorted(archive.files, key=lambda key: (AREAS.index(key.split("_")[1]), key))
    return Populations({" ".join(reversed(name.split("_"))): archive[name] for name in names})


def rows_of(counts: np.ndarray, repeats: np.ndarray, bins: bool) -> np.ndarray:
    """Mean responses over some repeats: a row for each stimulus, or for each stimulus and bin."""
    mean = counts[:, repeats].mean(axis=1)
    if not bins:
        return mean.mean(axis=1)
    return (mean - mean.mean(axis=0)).reshape(-1, mean.shape[-1])


def compare_halves(populations: Populations, metric: ng.Metric, bins: bool) -> tuple[ng.Pairwise, ...]:
    """Average over splits: half against other half, the same with stimuli shuffled, and the same half."""
    found: list[list[np.ndarray]] = [[], [], []]
    for split in range(N_SPLITS):
        rng = np.random.default_rng(split)
        order, shuffled = rng.permutation(10), rng.permutation(16)
        first = {name: rows_of(x, order[:5], bins) for name, x in populations.counts.items()}
        second = {name: rows_of(x, order[5:], bins) for name, x in populations.counts.items()}
        unrelated = {name: rows_of(x[shuffled], order[5:], bins) for name, x in populations.counts.items()}
        for values, others in zip(found, (second, unrelated, first), strict=True):
            result = ng.pairwise(first, metric, others=others)
            values.append((result.values + result.values.T) / 2)
    return tuple(dataclasses.replace(result, values=np.mean(v, axis=0)) for v in found)


def chance_of_areas(populations: Populations, values: np.ndarray, usable: np.ndarray) -> float:
    """How often areas dealt out at random make as much of a difference, among pairs of different sessions."""
    index = np.flatnonzero(usable)
    pairs = np.triu(populations.apart, 1)[np.ix_(index, index)]
    values, area = values[np.ix_(index, index)][pairs], populations.area[index]

    def difference(labels: np.ndarray) -> float:
        same = (labels[:, None] == labels)[pairs]
        return float(values[same].mean() - values[~same].mean())

    rng = np.random.default_rng(0)
    dealt = [difference(rng.permutation(area)) for _ in range(2000)]
    return float((1 + np.sum(np.array(dealt) >= difference(area))) / 2001)


def analyse_areas(populations: Populations, out: Path) -> None:
    """Print and draw part 1."""
    metrics = {
        "debiased CKA": (ng.CKA(), False),
        "biased CKA": (ng.CKA(estimator="biased"), False),
        "Procrustes": (ng.Procrustes(), False),
        "debiased CKA, 16 x 8 rows": (ng.CKA(), True),
    }
    rows = []
    for title, (metric, bins) in metrics.items():
        halves, unrelated, together = compare_halves(populations, metric, bins)
        means = [halves.values[populations.itself]]
        means += [halves.values[group] for group in populations.groups.values()]
        means += [together.values[populations.groups["other area, same session"]]]
        means += [unrelated.values[~populations.itself]]
        nearest = halves.values.argmax(axis=1) if title != "Procrustes" else halves.values.argmin(axis=1)
        rows.append([title, *(f"{x.mean():.3f}" for x in means), (nearest == np.arange(len(nearest))).sum()])
        if title == "debiased CKA":
            kept = halves, unrelated
    columns = [
        "",
        "itself",
        "same area\nother session",
        "other area\nsame session",
        "other area\nother session",
        "same session\nsame trials",
        "stimuli\nshuffled",
        "nearest\nis itself",
    ]
    count = len(populations.counts)
    print(
        f"1. Populations of mouse visual cortex: {count}; means over pairs, halves of the repeats compared\n"
    )
    print(format_table(rows, columns))
    halves, unrelated = kept
    reliability = halves.values[populations.itself]
    reliable = reliability > RELIABLE
    both = reliable[:, None] & reliable
    corrected = halves.values / np.sqrt(np.outer(reliability, reliability).clip(1e-12))
    low, high = reliability.min(), reliability.max()
    print(f"\nSplit-half reliability by debiased CKA: {low:.2f} to {high:.2f}. Below, the populations")
    print(f"above {RELIABLE} ({reliable.sum()}); corrected: by the geometric mean of both reliabilities\n")
    rows = [
        [
            title,
            (group & both).sum() // 2,
            *(f"{v[group & both].mean():.3f}" for v in (halves.values, corrected)),
        ]
        for title, group in populations.groups.items()
    ]
    print(format_table(rows, ["pairs", "number", "CKA", "corrected"]))
    print(
        "\nSame against other area, sessions apart, areas dealt out at random: "
        f"p = {chance_of_areas(populations, halves.values, reliable):.3f}, "
        f"corrected p = {chance_of_areas(populations, corrected, reliable):.3f}"
    )
    save(draw_areas(populations, halves, unrelated, corrected, reliable), out / "areas.png")


def draw_areas(
    populations: Populations,
    halves: ng.Pairwise,
    unrelated: ng.Pairwise,
    corrected: np.ndarray,
    reliable: np.ndarray,
) -> Figure:
    """Draw the matrix, and its values by kind of pair."""
    figure = Figure(figsize=(13.5, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    draw_pairwise(left, halves, "debiased CKA of halves of the repeats", cluster=False)
    for edge in np.flatnonzero(populations.area[1:] != populations.area[:-1]) + 0.5:
        left.axhline(edge, color="white", lw=2)
        left.axvline(edge, color="white", lw=2)
    up = np.triu(np.ones(halves.shape, dtype=bool), 1)
    groups = {"itself": populations.itself, **populations.groups}
    rng = np.random.default_rng(0)
    for x, (title, group) in enumerate(groups.items()):
        pairs = group & (up | populations.itself)
        for values, colour, shift in ((halves.values, BLUE, -0.18), (corrected, RED, 0.18)):
            if values is corrected:
                pairs = pairs & reliable[:, None] & reliable
                if title == "itself":
                    continue  # 1 by definition
            at = x + shift + rng.uniform(-0.09, 0.09, pairs.sum())
            right.plot(at, values[pairs], "o", ms=3.5, color=colour, alpha=0.45, mew=0)
            right.plot(x + shift + np.array([-0.15, 0.15]), [values[pairs].mean()] * 2, color=colour, lw=2.2)
    right.axhline(0, color=GREY, lw=0.8)
    chance = np.quantile(unrelated.values[up], [0.025, 0.975])
    right.axhspan(*chance, color=PALE, zorder=0)
    right.set_xticks(range(len(groups)), [title.replace(", ", "\n") for title in groups])
    right.set_ylim(top=1.2)
    right.set_title("by kind of pair", fontsize=11, color=INK, loc="left", pad=8)
    quiet(right)
    for y, colour, text in ((0.97, BLUE, "CKA"), (0.925, RED, "corrected for reliability (reliable ones)")):
        right.text(0.02, y, text, color=colour, fontsize=9, transform=right.transAxes)
    figure.supxlabel(
        "dots: pairs of populations, lines: their means; band: stimuli shuffled", fontsize=8.5, color=GREY
    )
    return figure


def quiet(axis: Axes) -> None:
    """Give a panel a quiet frame."""
    axis.grid(axis="y", color=PALE, lw=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.tick_params(color=GREY, labelcolor=INK, labelsize=9, length=3)


# ---- the layers of two networks


def load_layers(large: Path, small: Path) -> dict[str, np.ndarray]:
    """Read the activations of both networks to the same images."""
    effnet, cnn = np.load(large), np.load(small)
    if not np.array_equal(effnet["image_index"], cnn["image_index"]):
        raise ValueError("the two networks saw different images")
    layers = {
        f"EffNet {key}": effnet[key]
        for key in effnet.files
        if key not in ("labels", "classes", "image_index")
    }
    for state, prefix in STATES.items():
        keys = [key for key in cnn.files if key.startswith(f"{prefix}_")]
        layers |= {f"{state} {key.removeprefix(prefix + '_')}": cnn[key] for key in keys}
    return layers


def analyse_layers(layers: Mapping[str, np.ndarray], out: Path) -> None:
    """Print and draw part 2."""
    results = ng.pairwise(layers, ["procrustes", "cka"])
    names = list(layers)
    print(f"\n2. {len(layers)} layers, {len(layers[names[0]])} images; of the small CNN, the layer most like")
    print("each of EfficientNet's by debiased CKA, and the Procrustes angle to it\n")
    angle, likeness = (result.square for result in results.values())
    rows = []
    for i, name in enumerate(names):
        if not name.startswith("EffNet"):
            continue
        row = [name]
        for state in STATES:
            best = max((j for j, n in enumerate(names) if n.startswith(state)), key=lambda j: likeness[i, j])
            row.append(f"{names[best].removeprefix(state)} {likeness[i, best]:.3f} {angle[i, best]:.3f}")
        rows.append(row)
    print(format_table(rows, ["layer", *STATES]))
    print("\nThe same layer of the small CNN in two states: debiased CKA, Procrustes angle\n")
    rows = []
    pairs = [("untrained", "epoch 1"), ("epoch 1", "trained"), ("untrained", "trained")]
    for layer in (n.removeprefix("untrained ") for n in names if n.startswith("untrained")):
        at = [[names.index(f"{state} {layer}") for state in pair] for pair in pairs]
        rows.append([layer, *(f"{likeness[i, j]:.3f} {angle[i, j]:.3f}" for i, j in at)])
    print(format_table(rows, ["layer", *(f"{a},\n{b}" for a, b in pairs)]))
    save(plot_pairwise(results), out / "layers.png")


# ---- layers against human cortex


def analyse_cortex(layers: Mapping[str, np.ndarray], measured: Mapping[str, np.ndarray], out: Path) -> None:
    """Print and draw part 3."""
    human = measured["human_IT"].astype(np.float64)
    targets = {f"IT {k + 1}": ng.RDM(values) for k, values in enumerate(human)}
    targets["mean IT"] = ng.RDM(human.mean(axis=0))
    results = {
        kind: ng.pairwise(layers, ng.RSA(kind, "spearman"), others=targets)
        for kind in ("correlation", "sqeuclidean")
    }
    # How well the mean of the other measurements does for each: what a perfect model could reach, from below.
    rest = [ng.RDM(np.delete(human, k, axis=0).mean(axis=0)) for k in range(len(human))]
    ceiling = [ng.rsa(ng.RDM(values), other) for values, other in zip(human, rest, strict=True)]
    print(
        "\n3. Spearman correlation of dissimilarities of 92 images with human IT (2 subjects x 2 sessions)\n"
    )
    shown = results["correlation"]
    rows = [
        [name, *(f"{value:.3f}" for value in shown.values[i]), f"{results['sqeuclidean'].values[i, -1]:.3f}"]
        for i, name in enumerate(layers)
    ]
    print(format_table(rows, ["layer", *targets, "mean IT,\nsquared Euclidean"]))
    single = shown.values[:, :-1].mean(axis=1)
    best = int(shown.values[:, -1].argmax())
    print(
        f"\nBest: {shown.names[best]}, {shown.values[best, -1]:.3f} with the mean; {single[best]:.3f} on "
        f"average with one measurement, where the\nmean of the other three has {np.mean(ceiling):.3f}."
    )
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axis = figure.subplots()
    x = np.arange(len(layers))
    axis.axhline(0, color=GREY, lw=0.8)
    for k in range(len(human)):
        axis.plot(x, shown.values[:, k], color=BLUE, lw=0.9, alpha=0.45)
    axis.plot(x, shown.values[:, -1], "o-", color=BLUE, lw=2, ms=5)
    axis.plot(x, results["sqeuclidean"].values[:, -1], "s--", color=RED, lw=1.4, ms=4)
    axis.set_xticks(x, list(layers))
    axis.set_title("Spearman correlation with RDMs of human IT", fontsize=11, color=INK, loc="left", pad=8)
    quiet(axis)
    for y, colour, text in (
        (0.97, BLUE, "1 - correlation, mean RDM (thin: the four sessions)"),
        (0.91, RED, "squared Euclidean, mean RDM"),
    ):
        axis.text(0.02, y, text, color=colour, fontsize=9, transform=axis.transAxes)
    axis.set_ylim(top=1.35 * shown.values.max())
    save(figure, out / "human_it.png")


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the archives")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the pictures")
    options = parser.parse_args()
    paths = find_data(options.data)
    if options.data and paths is None:
        parser.error(f"{options.data} does not hold all archives: {', '.join(ARCHIVES)}")
    if paths is None:
        print("The recordings are not there: layers of a language model stand in for them.")
        analyse_sentences(options.out)
        return
    analyse_areas(load_populations(paths["mouse_texture"]), options.out)
    analyse_layers(load_layers(paths["effnetlite0_cifar10"], paths["smallcnn_cifar10"]), options.out)
    with np.load(paths["effnetlite0_stim92"]) as layers, np.load(paths["rdm92"]) as measured:
        analyse_cortex(dict(layers), dict(measured), options.out)


def analyse_sentences(out: Path) -> None:
    """Compare what comes with the package."""
    results = ng.pairwise(ng.datasets.load_minilm_clinc().layers, ["procrustes", "cka", "rsa"])
    for result in results.values():
        print(f"\n{pairwise_table(result)}")
    save(plot_pairwise(results), out / "layers.png")


if __name__ == "__main__":
    main()
