"""Do p-values of pairs keep their promise, and intervals their coverage? Prints two tables.

p-values of 500 pairs of unrelated items against the uniform distribution (Kolmogorov-Smirnov), with and
without ties. Intervals: pairs of items with a known value in the population (of 20,000 stimuli), sampled many
times; the share of intervals that hold it, at nominal 95 %.

    python bench/studies/pair_inference.py [samples]
"""

from __future__ import annotations

import sys

import neurogeom as ng
import numpy as np
import scipy.stats

METRICS = ["procrustes", "cca", "cka", "rsa", ng.RSA("sqeuclidean", "pearson"), ng.CKA(estimator="biased")]
N_NULL = 99
N_DRAWS = 400


def items(n_stimuli: int, rng: np.random.Generator, n_units: int = 5) -> list[np.ndarray]:
    """Two items that share some of their signals; the maps are those of one population."""
    fixed = np.random.default_rng(1)
    maps = [fixed.normal(size=(4, n_units)) for _ in range(2)]
    shared = rng.normal(size=(n_stimuli, 4))
    return [shared @ m + rng.normal(size=(n_stimuli, n_units)) for m in maps]


def uniform(metric: object, ties: bool, n_pairs: int = 500) -> float:
    """p-value of the Kolmogorov-Smirnov test of the p-values of pairs of unrelated items."""
    rng = np.random.default_rng(0)
    found = []
    for pair in range(n_pairs):
        data = rng.normal(size=(2, 16, 3))
        if ties:
            data = (data > 0.5) + 1e-3 * np.arange(3)  # equal stimuli, and few values of a measure
        try:
            result = ng.pairwise(list(data), metric, null=N_NULL, rng=pair)
        except ValueError:
            continue
        # Ties make p-values conservative; broken at random they would be uniform on steps of 1 / 100.
        found.append(result.p_value[0, 1])
    p = np.array(found)
    steps = np.arange(1, N_NULL + 2) / (N_NULL + 1)
    excess = max(float((p <= step).mean() - step) for step in steps)
    return (
        float(scipy.stats.kstwo.sf(max(excess, 0), len(p)))
        if ties
        else float(scipy.stats.kstest(p - rng.uniform(size=len(p)) / (N_NULL + 1), "uniform").pvalue)
    )


def coverage(metric: object, n_stimuli: int, interval: str, samples: int) -> tuple[float, float, float]:
    """Share of intervals that hold the population's value, mean bias of the value, and sd over mean se."""
    truth = population(metric)
    hits, values, errors = [], [], []
    for sample in range(samples):
        pair = items(n_stimuli, np.random.default_rng(1000 + sample))
        found = ng.pairwise(pair, metric, bootstrap=N_DRAWS, interval=interval, rng=sample)
        hits.append(found.lower[0, 1] <= truth <= found.upper[0, 1])
        values.append(found.values[0, 1])
        errors.append(found.se[0, 1])
    return float(np.mean(hits)), float(np.mean(values) - truth), float(np.std(values) / np.mean(errors))


def population(metric: object) -> float:
    """Value of all stimuli; of many samples where it needs all pairs of stimuli."""
    pairwise = "rsa" in str(metric) or "biased" in str(metric) or "cka" in str(metric)
    sizes = (10, 1500) if pairwise else (1, 20_000)
    rng = np.random.default_rng(5)
    return float(np.mean([ng.pairwise(items(sizes[1], rng), metric).values[0, 1] for _ in range(sizes[0])]))


def main() -> None:
    """Print both tables."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for metric in METRICS:
        print("KS", metric, [round(uniform(metric, ties), 3) for ties in (False, True)], flush=True)
    for metric in METRICS:
        for n_stimuli in (40, 100):
            for interval in ("basic", "bca"):
                share, bias, ratio = coverage(metric, n_stimuli, interval, samples)
                print(
                    f"{metric!s:40} m={n_stimuli:4} {interval:6} {100 * share:5.1f} % "
                    f"bias {bias:+.4f} sd/se {ratio:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
