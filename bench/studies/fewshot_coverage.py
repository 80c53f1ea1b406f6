"""How often 95 % intervals of few-shot geometry hold the truth, for Gaussian classes of known moments.

    python bench/studies/fewshot_coverage.py [--points 30 60 200] [--sets 400]

Four classes of 20 features with random spectra and centres, five shots. A cell is the share of intervals
(estimate +- 1.96 standard errors) that hold the population's value, and in brackets the mean of (estimate -
truth) / error.
"""

from __future__ import annotations

import argparse
import itertools

import neurogeom as ng
import numpy as np
from scipy.special import ndtr

C, N, M = 4, 20, 5
OFF = ~np.eye(C, dtype=bool)


def truth(centres, variances):
    """Moments of the population; features are independent."""
    delta = centres[:, None] - centres
    squares, traces = variances.sum(axis=1), (variances**2).sum(axis=1)
    distances = (delta**2).sum(axis=-1)
    mean = distances / 2 + (squares - squares[:, None]) / (2 * M)
    variance = np.einsum("abk,ak->ab", delta**2, variances) + (traces + traces[:, None]) / (2 * M**2)
    variance += (np.einsum("abk,bk->ab", delta**2, variances) + variances @ variances.T) / M
    variance += traces[:, None] / M
    snr = mean / np.sqrt(variance)
    error = ndtr(-snr)
    return {
        "radius": np.sqrt(squares),
        "dimension": squares**2 / traces,
        "signal": distances / squares[:, None],
        "snr": snr,
        "error": error,
        "mean_error": error[OFF].mean(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, nargs="+", default=[30, 60, 200])
    parser.add_argument("--sets", type=int, default=400)
    given = parser.parse_args()
    rng = np.random.default_rng(3)
    centres, variances = 0.45 * rng.standard_normal((C, N)), rng.uniform(0.3, 1.5, (C, N)) ** 2
    known = truth(centres, variances)
    print("points", "corrected", *known, sep=" | ")
    for n_points, corrected in itertools.product(given.points, (True, False)):
        scores = {name: [] for name in known}
        for _ in range(given.sets):
            X = centres[:, None] + rng.standard_normal((C, n_points, N)) * np.sqrt(variances)[:, None]
            found = ng.fewshot_geometry(X, M, correct_dimension=corrected)
            for name, value in known.items():
                score = (getattr(found, name) - value) / getattr(found, f"{name}_se")
                scores[name].append(score[OFF] if np.ndim(score) == 2 else np.atleast_1d(score))
        cells = [f"{(np.abs(z) <= 1.96).mean():.3f} ({np.mean(z):+.2f})" for z in scores.values()]
        print(n_points, corrected, *cells, sep=" | ")


if __name__ == "__main__":
    main()
