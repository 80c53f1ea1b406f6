"""From session to session
=======================

Does a representation stay the same, and does what was learned in one session still hold in another?::

    python examples/sessions.py [--out FOLDER]

Eight runs of an fMRI experiment that comes with the package stand for sessions: the same eight categories
were shown in each, to one person, within an hour. For every two runs, two questions: are the mean responses
to the categories arranged in the same way (angular Procrustes distance, which ignores rotations), and are
responses of one run told apart by the means of the other (share of volumes nearer to the wrong one of two
categories, over all pairs)?

`sessions.png`: the further apart two runs are in time, the more these differ, if the representation drifts.
Each dot is a pair of runs; lines are means, with bars of 2 standard errors by the jackknife over runs, since
pairs that share a run are not independent (there is none for the one pair that is farthest apart). Printed
with the correlation of a measure with the time between runs: how often it would be as large if runs came in
random order. Neither measure changes with time beyond what such orders do: an hour is short, and most of what
differs between two runs is noise, which two neighbours show as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.figure import Figure

BLUE, RED, INK = "#1f5fa8", "#b4472e", "#333333"


def transfer(train: list[np.ndarray], test: list[np.ndarray]) -> float:
    """Share of points of one session that are nearer to the other session's mean of another class."""
    means = np.stack([cloud.mean(axis=0) for cloud in train])
    middle = means.mean(axis=0)
    found = ng.zero_shot_error([cloud - middle for cloud in test], means - middle, align="none")
    return found.mean_error


def means_by_lag(matrix: np.ndarray, apart: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Mean over pairs of runs so far apart; NaN where there are none."""
    return np.array([matrix[apart == k].mean() if (apart == k).any() else np.nan for k in lags])


def errors_by_lag(matrix: np.ndarray, apart: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Standard errors of these means, by leaving out each run."""
    n = len(matrix)
    kept = [np.ix_(rest, rest) for rest in (np.delete(np.arange(n), k) for k in range(n))]
    without = np.array([means_by_lag(matrix[rows], apart[rows], lags) for rows in kept])
    return np.sqrt((n - 1) * without.var(axis=0))


def trend(matrix: np.ndarray, apart: np.ndarray, n_orders: int = 999) -> tuple[float, float]:
    """Correlation with the time between runs, and the share of random orders of runs that reach it."""
    one_way = np.triu_indices(len(matrix), 1)
    both = (matrix + matrix.T) / 2
    rng = np.random.default_rng(0)
    orders = [np.arange(len(matrix)), *(rng.permutation(len(matrix)) for _ in range(n_orders))]
    found = [np.corrcoef(apart[one_way], both[np.ix_(order, order)][one_way])[0, 1] for order in orders]
    return found[0], float(np.mean(np.array(found) >= found[0] - 1e-12))


def main() -> None:
    """Compare all pairs of runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    brain = ng.datasets.load_haxby()
    runs = np.unique(brain.runs)
    sessions = {
        run: list(ng.manifolds(brain.X[brain.runs == run], brain.labels[brain.runs == run])) for run in runs
    }
    centroids = {f"run {run}": np.stack([c.mean(axis=0) for c in sessions[run]]) for run in runs}
    distance = ng.pairwise(centroids, "procrustes").values
    error = np.array([[transfer(sessions[i], sessions[j]) for j in runs] for i in runs])
    apart = np.abs(np.subtract.outer(np.arange(len(runs)), np.arange(len(runs))))

    within = np.diagonal(error).mean()
    print(f"{len(runs)} runs, {len(sessions[runs[0]])} categories, {brain.X.shape[1]} voxels")
    print(f"means and volumes of the same run: {100 * within:.0f} % errors (which sees what it tests)")
    figure = Figure((8.6, 3.6), layout="constrained")
    panels = (
        ("Procrustes distance of the categories", "radians", distance, BLUE),
        ("errors with the means of the other run", "share of wrong decisions", error, RED),
    )
    for axis, (title, unit, matrix, colour) in zip(figure.subplots(1, 2), panels, strict=True):
        rng = np.random.default_rng(0)
        lags = np.arange(1, len(runs))
        means, errors = (f(matrix, apart, lags) for f in (means_by_lag, errors_by_lag))
        for lag in lags:
            # A distance is the same both ways, a transfer is not.
            values = np.diagonal(matrix, lag) if matrix is distance else matrix[apart == lag]
            places = lag + rng.uniform(-0.15, 0.15, len(values))
            axis.scatter(places, values, s=10, color=colour, alpha=0.5, lw=0)
        axis.errorbar(lags, means, 2 * errors, color=colour, lw=1.6, elinewidth=1.2, capsize=2.5)
        axis.set_title(title, loc="left", fontsize=10, color=INK)
        axis.set(xlabel="runs apart", ylabel=unit, xticks=lags)
        axis.spines[["top", "right"]].set_visible(False)
        rises, chance = trend(matrix, apart)
        print(
            f"{title}: {means[0]:.3f} ± {errors[0]:.3f} next to each other, "
            f"{means[3]:.3f} ± {errors[3]:.3f} four apart (correlation {rises:.2f}, p = {chance:.3f})"
        )
    figure.axes[1].set_ylim(top=0.54)
    figure.axes[1].axhline(0.5, color=INK, lw=0.8, ls=":")
    figure.axes[1].annotate("chance", (1, 0.5), (0, 3), textcoords="offset points", fontsize=8, color=INK)
    path = options.out / "sessions.png"
    figure.savefig(path, dpi=150)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
