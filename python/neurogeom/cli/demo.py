"""``neurogeom demo``: the main analyses on the real data that come with the package."""

from __future__ import annotations

import argparse
import math
import textwrap
import time
from collections.abc import Mapping

from .. import datasets
from .._base.estimates import mean_and_deviation
from .._base.threads import resolve_threads
from ..capacity.results import EffectiveGeometry, ManifoldCapacity
from ..clouds.manifolds import manifolds
from ..generalization.fewshot import FewshotGeometry, fewshot_geometry
from ..pairs.driver import pairwise
from ..pairs.result import Pairwise
from ..report import capacities as report
from ..report import figures as plot
from ..report.fewshot import fewshot_table
from ..report.pairs import extremes, pairwise_table
from .capacity import joint_geometry, mean_field
from .endings import check_plot, writing
from .options import add_common

_SHOTS = 5
_COMPARISONS = ("procrustes", "cca", "cka")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    add_common(parser)
    parser.set_defaults(margin=0.0, restarts=10, null=5, keep_correlations=False)
    parser.set_defaults(dichotomies="balanced", keep_origin=False, inactive="zero")


def run(args: argparse.Namespace) -> None:
    """Analyse both data sets and describe the results."""
    check_plot(args.plot)
    start = time.perf_counter()
    text, brain = datasets.load_minilm_clinc(), datasets.load_haxby()
    layers = {name: mean_field(name, X, text.labels, args) for name, X in text.layers.items()}
    fewshot = {
        name: fewshot_geometry(manifolds(X, text.labels), _SHOTS, n_threads=args.threads)
        for name, X in text.layers.items()
    }
    fmri = mean_field("fMRI", brain.X, brain.labels, args)
    joint = {name: joint_geometry(name, X, text.labels, args, null=0) for name, X in text.layers.items()}
    joint["fMRI"] = joint_geometry("fMRI", brain.X, brain.labels, args, null=0)
    compared = pairwise(text.layers, _COMPARISONS, n_threads=args.threads)
    seconds = time.perf_counter() - start
    if args.plot is not None:  # before the text, as stdout may be closed
        with writing(args.plot):
            plot.plot_capacity(layers, args.plot)

    print("Sentences in a language model: 20 intents x 25 sentences, 384 units")
    print("(CLINC150, Larson et al. 2019; all-MiniLM-L6-v2)\n")
    print(report.capacity_table(layers, shuffled=False))
    _explain(f"{_compare(layers, 'layer0', 'layer6')} {_against_chance(layers['layer6'])}")
    print(f"\nTwo intents told apart after {_SHOTS} examples of each (neurogeom fewshot)\n")
    print(fewshot_table(fewshot))
    _explain(_describe_fewshot(fewshot["layer0"], fewshot["layer6"]))
    print("\nObjects in a human brain: 8 categories x 72 volumes of fMRI, 530 voxels")
    print("(Haxby et al. 2001, subject 1)\n")
    print(report.capacity_table({"fMRI": fmri}, label="data", shuffled=False))
    _explain(
        f"{_against_chance(fmri)} Part of the difference is that volumes measured one after the "
        "other are alike."
    )
    print("\nAll manifolds at once, their correlations kept (--method joint)\n")
    print(report.geometry_table(joint, label="data"))
    _explain(_describe_alignments(joint, "layer0", "layer6"))
    print("\nThe layers of the language model compared with each other (neurogeom compare)")
    for result in compared.values():
        print(f"\n{pairwise_table(result)}")
    _explain(" ".join(_describe_comparison(result) for result in compared.values()))
    _explain(
        f"± one standard error over {args.samples} Gaussian samples. {seconds:.1f} s with "
        f"{resolve_threads(args.threads)} threads. Your data: neurogeom capacity FILE --labels KEY, "
        "neurogeom fewshot FILE --labels KEY, neurogeom compare FILE"
    )


def _explain(text: str) -> None:
    """Print a paragraph, wrapped for a plain terminal."""
    print("\n" + textwrap.fill(text, 78))


def _compare(results: Mapping[str, ManifoldCapacity], first: str, last: str) -> str:
    """Describe how capacity differs, as far as the errors allow."""
    a, b = results[first], results[last]
    change = b.mean_capacity - a.mean_capacity
    if abs(change) <= 2 * math.hypot(a.mean_capacity_se, b.mean_capacity_se):
        return f"Capacity is the same in {first} and {last} within two standard errors."
    return (
        f"{last} can hold {'more' if change > 0 else 'fewer'} classes per dimension than {first}: "
        f"capacity {b.mean_capacity:.2f} against {a.mean_capacity:.2f}, as radius goes from "
        f"{a.mean_radius:.2f} to {b.mean_radius:.2f} and dimension from "
        f"{a.mean_dimension:.1f} to {b.mean_dimension:.1f}."
    )


def _against_chance(result: ManifoldCapacity) -> str:
    """Compare capacity with that of points assigned at random."""
    chance, _ = mean_and_deviation(result.null.mean_capacity if result.null else ())
    return (
        f"Points assigned to classes at random give {chance:.3f}, the true classes "
        f"{result.mean_capacity / chance:.1f} times as much."
    )


def _describe_fewshot(first: FewshotGeometry, last: FewshotGeometry) -> str:
    """Describe how well classes are told apart after a few examples."""
    return (
        f"A sentence is taken for one of the other intent in {float(first.mean_error):.1%} of cases in "
        f"layer0, in {float(last.mean_error):.1%} in layer6. Signal is the squared distance of two intents "
        "over that of sentences from the mean of their intent. This dimension is a participation ratio: the "
        "larger, the fewer errors. That of the table above is one of anchors: the larger, the less capacity. "
        "± one standard error over sentences."
    )


def _describe_alignments(results: Mapping[str, EffectiveGeometry], first: str, last: str) -> str:
    """Describe how alike the directions are in which the manifolds lie and extend."""
    a, b = results[first], results[last]
    return (
        f"Mean absolute cosine between the centers of two manifolds: {a.center_alignment_abs:.3f} in "
        f"{first}, {b.center_alignment_abs:.3f} in {last}; between their axes: {a.axis_alignment_abs:.3f} "
        f"and {b.axis_alignment_abs:.3f}."
    )


def _describe_comparison(result: Pairwise) -> str:
    """Describe which items are most and least alike."""
    ends = extremes(result)
    near, far = reversed(ends) if result.is_similarity else ends
    return (
        f"By {result.metric}, {near.row} and {near.column} are most alike ({near.value:.2f}), {far.row} and "
        f"{far.column} least ({far.value:.2f})."
    )
