"""One representation, several tasks
=================================

Which points make a manifold, and which dichotomies of the manifolds a readout has to separate::

    python examples/tasks_and_alignments.py

Sentence embeddings that come with the package (last layer of a small language model). First, which points
make a manifold: sentences of one intent, of one topic, or, as a control, of one length. Then, for the
intents, which dichotomies a readout has to separate: balanced ones, one intent against the rest, labelings
that lean towards a task (one topic against the rest), or those of several contexts, each of which asks for
another topic. Hyperplanes pass through the mean of all points, which is why one against the rest is hardest.
"""

from __future__ import annotations

from collections.abc import Callable

import neurogeom as ng
import numpy as np

N_SAMPLES = 400
TOPICS = {
    "work and time": ("alarm", "calendar", "pto_request", "pto_used", "time"),
    "money": ("credit_limit", "insurance", "taxes", "transfer", "shopping_list"),
    "on the way": ("directions", "find_phone", "lost_luggage", "restaurant_suggestion", "traffic"),
    "small talk": ("goodbye", "meaning_of_life", "no", "reset_settings", "who_do_you_work_for"),
}


def contexts(tasks: np.ndarray) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """Make the rule that draws one of the tasks, the rows, for each sample: any such function will do."""

    def rule(generator: np.random.Generator, n_samples: int, n_manifolds: int) -> np.ndarray:
        return tasks[generator.integers(len(tasks), size=n_samples)]

    return rule


def main() -> None:
    """Measure and print."""
    data = ng.datasets.load_minilm_clinc()
    X = data.layers["layer6"]
    intents = data.classes[data.labels]
    topic_of = {intent: topic for topic, members in TOPICS.items() for intent in members}
    lengths = np.array([len(sentence) for sentence in data.text])
    labelings = {
        "intent": intents,
        "topic": np.array([topic_of[intent] for intent in intents]),
        "length (control)": np.argsort(np.argsort(lengths, kind="stable")) // 25,  # 20 ranges of 25 sentences
    }

    print("Alignment of raw manifolds; in brackets the 95 % interval of shuffled labels")
    names = ("mean_abs_center_center", "mean_axis_axis", "mean_center_axis", "signal_noise")
    print(f"{'manifolds of one':18}" + "".join(f"{name.removeprefix('mean_'):>23}" for name in names))
    for title, labels in labelings.items():
        found = ng.alignment(ng.manifolds(X, labels), null=50, rng=0)
        cells = []
        for name in names:
            k = list(found.null.measure).index(name)
            interval = f"({found.null.lower[k]:.3f} {found.null.upper[k]:.3f})"
            cells.append(f"{getattr(found, name):9.3f} {interval}")
        print(f"{title:18}" + "".join(cells))

    clouds = ng.manifolds(X, intents)
    tasks = np.array([[1 if topic_of[name] == topic else -1 for name in clouds.names] for topic in TOPICS])
    rules = {
        "balanced": "balanced",
        "one versus rest": "one_vs_rest",
        "three versus rest": ng.sparse_dichotomies(3),
        "tilted, strength 0.5": ng.tilted_dichotomies(tasks[0], 0.5),
        "tilted, strength 2": ng.tilted_dichotomies(tasks[0], 2.0),
        "the task itself": np.tile(tasks[0], (N_SAMPLES, 1)),
        "four contexts": contexts(tasks),
    }
    print(
        f"\nJoint capacity of the {len(clouds)} intents, by dichotomy; "
        f"the task: {next(iter(TOPICS))} against the rest"
    )
    print(
        f"{'dichotomies':22}{'capacity':>17}{'radius':>9}{'dimension':>11}{'utility':>9}{'|center|':>10}{'|axis|':>8}"
    )
    for title, rule in rules.items():
        r = ng.effective_geometry(clouds, dichotomies=rule, n_samples=N_SAMPLES, rng=0)
        print(
            f"{title:22}{r.capacity:8.3f} ± {r.capacity_se:.4f}{r.effective_radius:9.3f}"
            f"{r.effective_dimension:11.2f}{r.utility:9.3f}"
            f"{r.center_alignment_abs:10.3f}{r.axis_alignment_abs:8.3f}"
        )


if __name__ == "__main__":
    main()
