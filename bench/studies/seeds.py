"""What mean-field capacity varies by, over seeds and over machines, against its printed errors.

    python bench/studies/seeds.py [FILE.npz ...] [--labels labels] [--seeds 50]

A row is a matrix (samples x features) of a file, cut into manifolds by the file's labels; without files the
layers and the fMRI that come with the package. ``ratio`` is the standard deviation over seeds of the mean
capacity, radius and dimension over the root mean square of their printed errors: 1 but for the 10 % by which
a standard deviation of 50 values is uncertain. ``change`` is by how much, relative, the same seed gives
another number with other BLAS kernels and modules. The last columns are the ranks seen, in how many starts
of the search the directions were found, and the median processor time of a call on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import neurogeom as ng
import numpy as np

FIELDS = ("mean_capacity", "mean_radius", "mean_dimension")
SETTINGS = (
    {"NEUROGEOM_ISA": "baseline"},
    {"OPENBLAS_CORETYPE": "Haswell"},
    {"OPENBLAS_CORETYPE": "Nehalem", "NEUROGEOM_ISA": "baseline"},
)


def data_sets(files: list[str], labels: str) -> Iterator[tuple[str, ng.Manifolds]]:
    """Names and manifolds."""
    if not files:
        text, fmri = ng.datasets.load_minilm_clinc(), ng.datasets.load_haxby()
        for name, matrix in text.layers.items():
            yield name, ng.manifolds(matrix, text.labels)
        yield "fMRI", ng.manifolds(fmri.X, fmri.labels)
    for file in files:
        with np.load(file) as stored:
            for name in stored.files:
                if stored[name].ndim == 2 and len(stored[name]) == len(stored[labels]):
                    yield name, ng.manifolds(stored[name], stored[labels])


def values(result: ng.ManifoldCapacity) -> list[float]:
    """The three population means."""
    return [getattr(result, field) for field in FIELDS]


def in_other_settings(args: argparse.Namespace) -> list[dict[str, list[float]]]:
    """Population means at seed 0 in processes with other kernels and modules."""
    command = [sys.executable, __file__, *args.files, "--labels", args.labels, "--means"]
    runs = [
        subprocess.run(command, env={**os.environ, **setting}, check=True, capture_output=True, text=True)
        for setting in SETTINGS
    ]
    return [json.loads(run.stdout) for run in runs]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--labels", default="labels")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--means", action="store_true", help="only the means at seed 0, as JSON")
    args = parser.parse_args()
    sets = dict(data_sets(args.files, args.labels))
    if args.means:
        print(json.dumps({name: values(ng.manifold_capacity(x, rng=0)) for name, x in sets.items()}))
        return
    others = in_other_settings(args)
    print("| data | manifolds | ratio: capacity, radius, dimension | change | ranks | found | ms |")
    print("| :-- | --: | --: | --: | --: | --: | --: |")
    for name, clouds in sets.items():
        results, times = [], []
        for seed in range(args.seeds):
            start = time.process_time()
            results.append(ng.manifold_capacity(clouds, rng=seed, n_threads=1))
            times.append(time.process_time() - start)
        means = np.array([values(result) for result in results])
        errors = np.array([[getattr(result, f"{field}_se") for field in FIELDS] for result in results])
        ratios = means.std(axis=0, ddof=1) / np.sqrt((errors**2).mean(axis=0))
        change = max(np.abs(np.array(other[name]) / means[0] - 1).max() for other in others)
        ranks = ", ".join(map(str, sorted({result.rank_removed for result in results})))
        print(
            f"| {name} | {len(clouds)} | {ratios[0]:.2f}, {ratios[1]:.2f}, {ratios[2]:.2f} | {change:.0e} "
            f"| {ranks} | {results[0].search_found} of {results[0].search_starts} "
            f"| {1e3 * np.median(times):.0f} |"
        )


if __name__ == "__main__":
    main()
