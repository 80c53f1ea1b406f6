"""Few-shot errors and geometry, learning curves and kernels against what people would write instead."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import neurogeom as ng
import numpy as np
from neurogeom._base.isa import core
from neurogeom._base.rng import as_generator, draw_key
from neurogeom._base.threads import blas_of

from bench import bench_fewshot, bench_kernels, bench_spectral
from bench.peers_fewshot import by_added_tiles, by_tiles, classes, loop_over_episodes
from bench.timing import hold_to_one_thread, print_markdown, show, spent

C, K, N, M, T = 12, 200, 1000, 5, 200
ROUNDS = 5

Call = Callable[[], object]


def ratio(peer: Call, ours: Call, share: float = 1.0) -> str:
    """Time of a peer, which does this share of the work, over ours: the median of interleaved runs."""
    ours()
    return show(statistics.median(spent(peer) / share / spent(ours) for _ in range(ROUNDS)))


def fewshot_rows() -> list[list[str]]:
    """Few-shot errors by trial."""
    points = classes(C, K, N)
    key = draw_key(as_generator(0))
    shots = np.stack([core.draw_shots(key, c, K, M, T) for c in range(C)]).astype(np.intp)

    def ours() -> ng.FewshotError:
        return ng.fewshot_error(points, M, n_episodes=T, rng=0, n_threads=1)

    for peer in (by_tiles, by_added_tiles):
        np.testing.assert_allclose(ours().error, peer(points, shots), rtol=1e-13)
    what = f"`fewshot_error`, {C} classes of {K} points, {N} units, {M} shots, {T} episodes"
    one_pair = 2 / (C * (C - 1))
    return [
        [
            what,
            "NumPy, loop over episodes and pairs",
            ratio(lambda: loop_over_episodes(points[:2], shots[:2]), ours, one_pair),
        ],
        [what, "NumPy, one product a pair, gathered shots", ratio(lambda: by_tiles(points, shots), ours)],
        [what, "NumPy, one product a pair, rows added", ratio(lambda: by_added_tiles(points, shots), ours)],
    ]


def geometry_rows() -> list[list[str]]:
    """Few-shot geometry: what of the time the products alone would take."""
    points = bench_fewshot.classes()
    centred = points - points.mean(axis=1, keepdims=True)
    share = ratio(
        lambda: bench_fewshot.products(centred), lambda: ng.fewshot_geometry(points, M, n_threads=1)
    )
    what = f"`fewshot_geometry`, {len(points)} classes of {points.shape[1]} points, {points.shape[2]} units"
    return [[what, "NumPy, the products of all pairs and nothing else", share]]


def curve_rows() -> list[list[str]]:
    """Learning curves, of sentences that come with the package and of made-up responses."""
    layers = ng.datasets.load_minilm_clinc().layers
    X, Y = (np.asarray(layers[name], dtype=np.float64) for name in ("layer4", "layer6"))
    problems = {"sentences, 500 x 384": (X, Y, (50, 150, 300), bench_spectral.ONE)}
    for case in ("wide", "wide, ridges", "narrow"):
        stimuli, units, *_ = bench_spectral.CASES[case]
        problems[f"{case}, {stimuli} x {units}"] = bench_spectral.problem(case)
    return [
        [
            f"`prediction_curve`, {name}",
            "scikit-learn, loop over `Ridge`",
            ratio(
                lambda given=given: bench_spectral.by_scikit_learn(*given),
                lambda given=given: bench_spectral.by_neurogeom(*given),
            ),
        ]
        for name, given in problems.items()
    ]


def kernel_rows() -> list[list[str]]:
    """Kernels of ten layers."""
    X = bench_kernels.stimuli()
    rows = []
    for activation in ("relu", "erf"):
        for make in (ng.kernels.NNGP, ng.kernels.NTK):
            kernel = make(bench_kernels.DEPTH, activation, weight_variance=1.5)
            found = ratio(
                lambda kernel=kernel: bench_kernels.recursion(X, kernel),
                lambda kernel=kernel: kernel.gram(X, n_threads=1),
            )
            rows.append(
                [f"`kernels.{make.__name__}`, {activation}, 10 layers, {len(X)} stimuli", "NumPy", found]
            )
    return rows


def main() -> None:
    """Print the table: processor time on one thread."""
    rows = [["ours", "theirs", "time over ours"]]
    for part in (fewshot_rows, geometry_rows, kernel_rows, curve_rows):
        try:
            rows += part()
        except Exception as error:  # scikit-learn may be missing
            print(f"left out: {error}")
    print_markdown(rows)
    print(f"\nNumPy {np.__version__} with {blas_of(np)}; module {ng.build_info()['isa']}; one thread each.")


if __name__ == "__main__":
    hold_to_one_thread()
    main()
