"""A sweep over real data: every layer and every population of neurons, where the stimuli match.

    python examples/sweep_real_data.py [--data FOLDER] [--out FOLDER]

One store for each set of stimuli, several metrics in one pass:

- cifar: 8 layers of EfficientNet-Lite0 and 16 of a small CNN (untrained, after one epoch, trained), 600
  images. cca would be 0 where units outnumber stimuli: SVCCA of 50 components. This run is interrupted:
  another process begins it and gets a SIGTERM when a third of the tiles is there.
- images92: layers of EfficientNet-Lite0 with 19 measured RDMs (Kriegeskorte et al. 2008), rsa.
- texture: 18 populations of mouse visual cortex, 16 textures. Rows are populations by even repeats, columns
  by odd ones, which does not count what simultaneous recordings share by chance; counts are averaged over
  bins. Stimuli are permuted for a p-value of each pair.
- rdk: 20 populations, 12 movies of dots, the same way with bins as rows, the mean over stimuli removed. Bins
  of a stimulus depend on each other, so that there is no such null.
- sentences: layers of MiniLM, 2000 sentences, with cca, as 384 units are fewer.

Each is planned, run, verified (two tiles computed anew) and compared with ``ng.pairwise`` bit by bit; the
script ends with an error if a run computes more or fewer tiles than were missing.

What is seen: early layers of EfficientNet are most like conv2 of the trained CNN. By cka and rsa the match
moves up with depth, by Procrustes it stays until the logits; SVCCA, a mean over the smaller number of
components, mostly prefers ten logits. All four RDMs of human IT are most like stage6. 12 of 18 populations
are like themselves for textures (cka, p <= 0.05), reliable ones like most others of any area
(sweep_texture.png); areas are most like areas with reliable populations, not themselves, but for V1 and
dots. Neighbouring layers of MiniLM are nearest.

The archives do not come with the package. They are looked for in --data, in the folder that NEUROGEOM_DATA
names, and in ../shared/data by the clone. Where they are not found, the script says so and takes what comes
with the package: layers of MiniLM for 500 sentences (interrupted, too), and human fMRI of 8 categories, odd
runs with even runs, of which few pairs stand out from permuted categories.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neurogeom as ng
import numpy as np
from matplotlib.figure import Figure
from neurogeom.report import draw_pairwise, format_table

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
ARCHIVES = ("effnetlite0_cifar10", "smallcnn_cifar10", "effnetlite0_stim92", "rdm92")
ARCHIVES += ("mouse_texture", "mouse_rdk", "minilm_clinc")
RUN = "import sys, neurogeom as ng; ng.sweep.run(sys.argv[1])"
N_PERMUTATIONS = 199
LIKELY = 0.05
INK, GREY, BLUE, RED = "#333333", "#8a8a8a", "#1f4e8c", "#d04a2b"
Results = dict[str, ng.Pairwise]


@dataclasses.dataclass
class StimulusSet:
    """Items that share their stimuli, and what is asked of them."""

    title: str
    items: Any
    metrics: list[Any]
    show: Callable[[Results], None]
    others: Any = None
    null: int = 0
    tile: Any = "auto"
    is_interrupted: bool = False


def find_data(given: Path | None) -> dict[str, Path] | None:
    """Find the archives, if they are there."""
    named = os.environ.get("NEUROGEOM_DATA")
    for folder in (given,) if given else (Path(named) if named else BESIDE, BESIDE):
        paths = {name: folder / f"{name}_public.npz" for name in ARCHIVES}
        if all(path.is_file() for path in paths.values()):
            return paths
    return None


# ---- one sweep


def sweep(stimuli: StimulusSet, store: Path) -> Results:
    """Plan, run, check and show one set of stimuli."""
    print(f"\n==== {stimuli.title}\n")
    plan = ng.sweep.plan(
        stimuli.items,
        stimuli.metrics,
        others=stimuli.others,
        null=stimuli.null,
        tile=stimuli.tile,
        store=store,
    )
    print(plan)
    done = run_and_interrupt(store, plan.n_tiles) if stimuli.is_interrupted else 0
    before = tiles_in_journals(store)
    finished = ng.sweep.run(store)
    computed = tiles_in_journals(store) - before
    print(
        f"\nran: {finished}; {computed} computed now, {finished.cpu_seconds:.1f} s of processor time in all"
    )
    if computed + done != plan.n_tiles:
        raise SystemExit(f"{done} tiles were there, {computed} were computed, of {plan.n_tiles}")
    print(f"verified: {ng.sweep.verify(store, sample=2)}")
    results: Results = ng.sweep.open(store)
    compare_bits(results, stimuli)
    print()
    stimuli.show(results)
    return results


def run_and_interrupt(store: Path, n_tiles: int) -> int:
    """Start the run in another process, and end it by SIGTERM when a third of the tiles are there."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(store)])
    try:
        while process.poll() is None and ng.sweep.status(store).done < n_tiles // 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    left = ng.sweep.status(store)
    print(f"\na process ran it and was interrupted (SIGTERM, exit code {process.returncode}): {left}")
    partial: Results = ng.sweep.open(store)
    known = np.isfinite(next(iter(partial.values())).condensed)
    print(f"its results so far can be read: {known.sum()} of {known.size} pairs; going on")
    return left.done


def tiles_in_journals(store: Path) -> int:
    """Count the tiles that were computed, as the journals of all processes have it."""
    lines = [line for path in (store / "journal").glob("*.jsonl") for line in path.read_text().splitlines()]
    return sum("tile" in json.loads(line) for line in lines)


def compare_bits(results: Results, stimuli: StimulusSet) -> None:
    """Compute the same in memory, without a store, and compare bit by bit."""
    memory = ng.pairwise(stimuli.items, stimuli.metrics, others=stimuli.others)
    same = all(result.values.tobytes() == memory[name].values.tobytes() for name, result in results.items())
    print(f"the same bits as ng.pairwise: {'yes' if same else 'NO'} ({', '.join(results)})")
    if not same:
        raise SystemExit("the store and ng.pairwise disagree")


# ---- what was found


def best(result: ng.Pairwise, row: int, among: list[int]) -> int:
    """Which of some columns is most like a row."""
    values = result.values[row, among]
    return among[int(values.argmax() if result.is_similarity else values.argmin())]


def nearest_layers(rows: str = "", columns: str = "") -> Callable[[Results], None]:
    """Make a table of the nearest layer of each, by each metric."""

    def show(results: Results) -> None:
        names = next(iter(results.values())).names.tolist()
        among = [k for k, name in enumerate(names) if name.startswith(columns)]
        table = []
        for i, name in enumerate(names):
            if name.startswith(rows):
                other = [k for k in among if k != i]
                found = [(r, best(r, i, other)) for r in results.values()]
                cells = [f"{names[k].removeprefix(columns)} {r.values[i, k]:.3f}" for r, k in found]
                table.append([name.removeprefix(rows), *cells])
        print(f"nearest {columns or 'other '}layer of each {rows}layer, by each metric\n")
        print(format_table(table, ["layer", *results]))

    return show


def nearest_to_measured(results: Results) -> None:
    """Print, for every measured RDM, the layer that is most like it."""
    (result,) = results.values()
    kinds = [name.rsplit(" ", 1)[0] for name in result.column_names]
    table = []
    for kind in dict.fromkeys(kinds):
        columns = [k for k, other in enumerate(kinds) if other == kind]
        layers = [str(result.names[k]) for k in result.values[:, columns].argmax(axis=0)]
        counts = sorted(((layers.count(name), name) for name in set(layers)), reverse=True)
        top = result.values[:, columns].max(axis=0)
        mean = result.values[:, columns].mean(axis=1)
        best_mean = f"{result.names[mean.argmax()].removeprefix('EffNet/')} {mean.max():.3f}"
        which = ", ".join(f"{name.removeprefix('EffNet/')} {count}x" for count, name in counts)
        table.append([kind, len(columns), which, f"{top.min():.3f} to {top.max():.3f}", best_mean])
    print("the layer that is most like each measured RDM\n")
    print(format_table(table, ["measured", "RDMs", "best layer", "Spearman there", "best on average"]))


def likeness_of_areas(results: Results) -> None:
    """Print how alike areas are, by populations of different sessions, and how like themselves."""
    result = results["cka"]
    names = result.names.tolist()
    area = np.array([name.split()[0] for name in names])
    session = np.array([name.split()[1] for name in names])
    both = (result.values + result.values.T) / 2
    apart = session[:, None] != session
    areas = list(dict.fromkeys(area))
    itself = np.diag(result.values)
    table = []
    for first in areas:
        row = [f"{first} ({(area == first).sum()})", f"{itself[area == first].mean():.2f}"]
        found = {}
        for second in areas:
            pairs = (area[:, None] == first) & (area == second) & apart
            if pairs.any():
                found[second] = float(both[pairs].mean())
        row += [f"{found[name]:.2f}" if name in found else "" for name in areas]
        table.append([*row, max(found, key=lambda name: found[name])])
    print(
        "debiased CKA of half the repeats with the other half; areas by populations of different sessions\n"
    )
    print(format_table(table, ["area", "itself", *areas, "most like"]))
    for name, one in results.items():
        nearest = [best(one, i, list(range(len(names)))) for i in range(len(names))]
        own = sum(i == k for i, k in enumerate(nearest))
        print(f"{name}: the nearest of {len(names)} other halves is the population's own for {own}")
    if result.p_value is not None:
        print(f"\nwith stimuli permuted {N_PERMUTATIONS} times, pairs with p <= {LIKELY}:\n")
        print(format_table(null_rows(results, apart), ["", *results]))


def null_rows(results: Results, apart: np.ndarray) -> list[list[str]]:
    """Count pairs that are more alike than with permuted stimuli."""
    own = np.eye(len(apart), dtype=bool)
    kinds = {"itself": own, "same session": ~apart & ~own, "other session": apart}
    counted = {kind: [(one.p_value <= LIKELY)[at] for one in results.values()] for kind, at in kinds.items()}
    return [[kind, *(f"{x.sum()} of {x.size}" for x in found)] for kind, found in counted.items()]


def draw_null(results: Results, path: Path) -> None:
    """Draw the likeness of populations, and how far each stands out from permuted stimuli."""
    result = results["cka"]
    assert result.p_value is not None
    figure = Figure(figsize=(13.5, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    title = f"debiased CKA, even repeats with odd; ringed: p <= {LIKELY}, stimuli permuted"
    draw_pairwise(left, result, title, cluster=False)
    rows, columns = np.nonzero(result.p_value <= LIKELY)
    left.scatter(columns, rows, s=150, facecolors="none", edgecolors=RED, linewidths=1.1)
    itself = np.diag(result.values)
    chance = LIKELY * len(itself)
    right.scatter(itself, (result.p_value <= LIKELY).sum(axis=1), s=36, color=BLUE)
    right.axhline(chance, color=GREY, lw=1, ls="--")
    right.text(itself.max(), chance + 0.15, "by chance", color=GREY, fontsize=9, ha="right")
    right.set_xlabel("debiased CKA of a population's even repeats with its odd ones", color=INK)
    right.set_ylabel(f"ringed in its row, of {len(itself)}", color=INK)
    right.set_title("reliable populations are like most others", fontsize=11, color=INK, loc="left")
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    print(f"\nwrote {path}")


# ---- the sets of stimuli


def named(path: Path, network: str) -> list[ng.io.StoredItem]:
    """Open the matrices of an archive, not reading them; 'stage2' becomes 'EffNet/stage2'."""
    items = ng.io.open_items(path)
    return ng.io.open_items({f"{network}/{item.name.rpartition('/')[2]}": item for item in items})


def halves(path: Path, rows_are_bins: bool) -> list[dict[str, np.ndarray]]:
    """Mean responses over the even and over the odd repeats; 's00_V1_deep' becomes 'V1 s00 deep'."""
    archive = np.load(path)
    found: list[dict[str, np.ndarray]] = [{}, {}]
    for key in sorted(archive.files, key=lambda key: (key.split("_")[1], key)):
        session, area, *rest = key.split("_")
        for first, half in enumerate(found):
            mean = archive[key][:, first::2].mean(axis=1)
            rows = (
                (mean - mean.mean(axis=0)).reshape(-1, mean.shape[-1]) if rows_are_bins else mean.mean(axis=1)
            )
            half[" ".join([area, session, *rest])] = rows
    return found


def real_sets(paths: dict[str, Path]) -> dict[str, StimulusSet]:
    """All sets of stimuli of the archives."""
    measured = np.load(paths["rdm92"])
    kinds = {"human_IT": "human IT", "behaviour": "behaviour", "model": "model"}
    rdms = {f"{kinds[key]} {k}": ng.RDM(v) for key in kinds for k, v in enumerate(measured[key])}
    texture, rdk = halves(paths["mouse_texture"], False), halves(paths["mouse_rdk"], True)
    svcca = ng.SVCCA(n_components=50)  # full rank in most layers: cca itself would be 0
    return {
        "cifar": StimulusSet(
            "600 images of CIFAR-10: layers of EfficientNet-Lite0 and of a small CNN in three states",
            named(paths["effnetlite0_cifar10"], "EffNet") + named(paths["smallcnn_cifar10"], "CNN"),
            ["procrustes", "cka", "rsa", svcca],
            nearest_layers("EffNet/", "CNN/"),
            tile=4,
            is_interrupted=True,
        ),
        "images92": StimulusSet(
            "92 images: layers of EfficientNet-Lite0, and measured RDMs",
            named(paths["effnetlite0_stim92"], "EffNet"),
            ["rsa"],
            nearest_to_measured,
            others=rdms,
        ),
        "texture": StimulusSet(
            "16 textures: populations of mouse visual cortex, even repeats with odd ones",
            texture[0],
            ["cka", "procrustes", "rsa"],
            likeness_of_areas,
            others=texture[1],
            null=N_PERMUTATIONS,
            tile=9,  # each tile prepares its permuted columns anew, so that few large tiles cost less
        ),
        "rdk": StimulusSet(
            "12 random-dot movies x 6 bins of 0.5 s: populations of mouse visual cortex, the same way",
            rdk[0],
            ["cka", "procrustes", "rsa"],
            likeness_of_areas,
            others=rdk[1],
        ),
        "sentences": StimulusSet(
            "2000 sentences of CLINC150: layers of MiniLM",
            named(paths["minilm_clinc"], "MiniLM"),
            ["procrustes", "cca", "cka", "rsa"],
            nearest_layers("MiniLM/", "MiniLM/"),
        ),
    }


def bundled_sets(folder: Path) -> dict[str, StimulusSet]:
    """What comes with the package: layers of a language model, and runs of human fMRI."""
    for name, layer in ng.datasets.load_minilm_clinc().layers.items():
        np.save(folder / name, layer)
    patterns = ng.datasets.load_haxby().patterns.astype(np.float64).mean(axis=2)  # category, run, voxel
    first, second = ({f"run{k + 1} r{k + 1}": patterns[:, k] for k in range(start, 8, 2)} for start in (0, 1))
    return {
        "sentences": StimulusSet(
            "500 sentences: layers of MiniLM",
            ng.io.open_items(folder),
            ["procrustes", "cca", "cka", "rsa"],
            nearest_layers(),
            tile=1,
            is_interrupted=True,
        ),
        "categories": StimulusSet(
            "8 categories of pictures: runs of human fMRI, odd runs with even ones",
            first,
            ["cka", "procrustes", "rsa"],
            likeness_of_runs,
            others=second,
            null=N_PERMUTATIONS,
        ),
    }


def likeness_of_runs(results: Results) -> None:
    """Print how alike runs are, and how often more so than with permuted stimuli."""
    print(f"odd runs with even runs; stimuli permuted {N_PERMUTATIONS} times\n")
    table = []
    for name, one in results.items():
        assert one.p_value is not None
        assert one.null_mean is not None
        count = f"{(one.p_value <= LIKELY).sum()} of {one.values.size}"
        table.append([name, f"{one.values.mean():.3f}", f"{one.null_mean.mean():.3f}", count])
    print(format_table(table, ["metric", "mean", "permuted", f"pairs with p <= {LIKELY}"]))


def main() -> None:
    """Sweep over all sets of stimuli."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the archives")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    paths = find_data(options.data)
    if options.data and paths is None:
        parser.error(f"{options.data} does not hold all archives: {', '.join(ARCHIVES)}")
    with tempfile.TemporaryDirectory() as folder:
        layers = Path(folder, "layers")
        layers.mkdir()
        if paths is None:
            print("The recordings are not there: what comes with the package stands in for them.")
        sets = bundled_sets(layers) if paths is None else real_sets(paths)
        for name, stimuli in sets.items():
            results = sweep(stimuli, Path(folder, f"{name}.zarr"))
            if name == "texture":
                draw_null(results, options.out / "sweep_texture.png")


if __name__ == "__main__":
    main()
