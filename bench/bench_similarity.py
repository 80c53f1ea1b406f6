"""Many measures of the registry on many representations: one pass against a loop over names and pairs.

The peer is the registry's own call, one pair and one name at a time: ``similarity`` where it is installed, or
else the libraries that it wraps (netrep, rsatoolbox), for the names that they offer; then both sides compute
these names. Asymmetric measures and the diagonal are left to us: the peer computes pairs above the diagonal,
as a user would.

    python bench/bench_similarity.py [--items 30] [--names 50] [--rounds 3]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import hold_to_one_thread, show, spent

_COMPARE = {"pearson": "corr", "rho_a": "rho-a", "tau_a": "tau-a", "tau_b": "tau-b"}
_RDM = {"squared_euclidean": "euclidean"}
_LINEAR = {"procrustes": 1.0, "nbs": 1.0, "cca": 0.0}

Measure = Callable[[Any, Any], float]


def registry(names: list[str]) -> dict[str, Measure]:
    """The registry's own callables."""
    import similarity

    found = {}
    for full in similarity.all_measures():
        name = full.rpartition("/")[2].replace("{sigma}", "1.0")
        found.setdefault(name, similarity.make(full))
    return {name: found[name] for name in names if name in found}


def wrapped(names: list[str]) -> dict[str, Measure]:
    """What netrep and rsatoolbox offer, called as the registry calls them."""
    found = {}
    for name in names:
        make = _rsatoolbox(name) or _netrep(name)
        if make is not None:
            found[name] = make
    return found


def _rsatoolbox(name: str) -> Measure | None:
    if not name.startswith("rsa-rdm="):
        return None
    try:
        import rsatoolbox
    except ImportError:
        return None
    rule, compare = name.removeprefix("rsa-rdm=").split("-compare=")
    if rule not in ("squared_euclidean", "correlation", "mahalanobis", "poisson") or compare == "euclidean":
        return None

    def measure(X: Any, Y: Any) -> float:
        rdms = [
            rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(data), method=_RDM.get(rule, rule))
            for data in (X, Y)
        ]
        return float(rsatoolbox.rdm.compare(*rdms, method=_COMPARE.get(compare, compare))[0, 0])

    return measure


def _netrep(name: str) -> Measure | None:
    try:
        from netrep.metrics import LinearMetric, PermutationMetric
    except ImportError:
        return None
    family, _, form = name.partition("-distance=")
    if form not in ("angular", "euclidean") or family not in (*_LINEAR, "permutation_metric"):
        return None
    if family == "permutation_metric":
        return lambda X, Y: float(PermutationMetric(score_method=form).fit_score(X, Y))
    return lambda X, Y: float(LinearMetric(alpha=_LINEAR[family], score_method=form).fit_score(X, Y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--names", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    from neurogeom.compat import similarity as ours

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    items = [rng.uniform(size=(60, 40)) for _ in range(chosen.items)]
    try:
        theirs, who = registry(ours.names()), "similarity"
    except ImportError:
        theirs, who = wrapped(ours.names()), "netrep and rsatoolbox"
    # Names are taken from all families in turn.
    names = sorted(theirs)[:: max(1, len(theirs) // chosen.names)][: chosen.names]
    pairs = list(itertools.combinations(items, 2))
    sample = pairs[:: max(1, len(pairs) // 20)]  # the peer's time is that of this share of the pairs
    ours.pairwise(names, items[:3], n_threads=1)
    for name in names:
        theirs[name](*sample[0])
    fast = statistics.median(
        spent(lambda: ours.pairwise(names, items, n_threads=1)) for _ in range(chosen.rounds)
    )
    slow = spent(lambda: [theirs[name](*pair) for name in names for pair in sample])
    slow *= len(pairs) / len(sample)
    print(f"{len(names)} names, {chosen.items} items of 60 stimuli and 40 units, one thread")
    print(f"ours {fast:.3g} s, a loop over {who} {slow:.3g} s: {show(slow / fast)}")


if __name__ == "__main__":
    hold_to_one_thread()
    main()
