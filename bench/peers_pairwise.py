"""What pairwise distances are measured against: netrep, rsatoolbox, and the loops of a NumPy or SciPy user.

The loops find the Procrustes distance from the nuclear norm of X'Y, of responses that were centred and
divided by their norm before: by NumPy's singular values, or by SciPy's eigenvalues of the smaller Gram matrix
of X'Y, which squares the condition number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]


def family_time() -> float:
    """Processor time of this process and of its children that have ended: netrep works in a child."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclasses.dataclass(frozen=True)
class PairPeer:
    """One way of computing all pairs of items."""

    title: str
    # (name of the measure, prepared items) -> symmetric matrix
    compare: Callable[[str, list[Any]], Array]
    metrics: tuple[str, ...]
    # What is not timed; nothing where a package does it itself.
    prepare: Callable[[Array], Any] = lambda item: item

    def distances(self, metric: str, items: Sequence[Array]) -> Array:
        """All pairs."""
        return self.compare(metric, [self.prepare(item) for item in items])

    def measure(self, metric: str, items: Sequence[Array]) -> tuple[float, Array]:
        """Processor time for each pair, without what a call costs whatever it computes, and the matrix."""
        prepared = [self.prepare(item) for item in items]
        start = family_time()
        found = self.compare(metric, prepared)
        seconds = family_time() - start - self.seconds_of_nothing(metric)
        return seconds / (len(items) * (len(items) - 1) // 2), found

    def seconds_of_nothing(self, metric: str) -> float:
        """Processor time for one pair of tiny items, such as for starting a child."""
        tiny = np.random.default_rng(0).normal(size=(2, 5, 2))
        prepared = [self.prepare(item) for item in tiny]
        start = family_time()
        self.compare(metric, prepared)
        return family_time() - start


def _all_pairs(distance: Callable[[Any, Any], float], items: list[Any]) -> Array:
    out = np.zeros((len(items), len(items)))
    for i, j in itertools.combinations(range(len(items)), 2):
        out[i, j] = out[j, i] = distance(items[i], items[j])
    return out


def _normalized(item: Array) -> Array:
    centered = item - item.mean(axis=0)
    return np.asarray(centered / np.linalg.norm(centered))


def _angle(similarity: float) -> float:
    return float(np.arccos(np.clip(similarity, -1, 1)))


def _by_nuclear_norm(x: Array, y: Array) -> float:
    return _angle(float(np.linalg.norm(x.T @ y, "nuc")))


def _by_eigenvalues(x: Array, y: Array) -> float:
    core = x.T @ y
    gram = scipy.linalg.blas.dsyrk(1.0, core.T, trans=1, lower=1)
    values = scipy.linalg.eigvalsh(gram, check_finite=False, overwrite_a=True)
    return _angle(float(np.sqrt(np.maximum(values, 0)).sum()))


def _netrep_peers() -> dict[str, PairPeer]:
    import netrep.metrics
    import netrep.multiset

    def metric_of(name: str) -> Any:
        if name == "permutation":
            return netrep.metrics.PermutationMetric()
        return netrep.metrics.LinearMetric(alpha={"procrustes": 1.0, "cca": 0.0}[name])

    def in_child(name: str, items: list[Array]) -> Array:
        return np.asarray(metric_of(name).pairwise_distances(items, processes=1, verbose=False)[0])

    def cached(name: str, items: list[Array]) -> Array:
        return np.asarray(
            netrep.multiset.pairwise_distances(metric_of(name), items, verbose=False, enable_caching=True)
        )

    def alignment(name: str, items: list[Array]) -> Array:
        del name
        return _all_pairs(netrep.metrics.LinearCKA().score, items)

    linear = ("procrustes", "cca")
    return {
        "netrep": PairPeer("netrep pairwise_distances", in_child, (*linear, "permutation")),
        "netrep cached": PairPeer("netrep multiset, cached", cached, linear),
        "netrep cka": PairPeer("netrep LinearCKA", alignment, ("cka",)),
    }


def available_pair_peers() -> dict[str, PairPeer]:
    """Peers whose package is installed."""

    def loop(distance: Callable[[Array, Array], float]) -> Callable[[str, list[Array]], Array]:
        return lambda _, items: _all_pairs(distance, items)

    found: dict[str, PairPeer] = {}
    with contextlib.suppress(ImportError):
        found |= _netrep_peers()
    only = ("procrustes",)
    found["numpy"] = PairPeer("NumPy nuclear-norm loop", loop(_by_nuclear_norm), only, _normalized)
    found["scipy"] = PairPeer("SciPy eigvalsh loop", loop(_by_eigenvalues), only, _normalized)
    return found


@dataclasses.dataclass(frozen=True)
class RsaToolbox:
    """rsatoolbox's correlation RDMs and their comparisons."""

    datasets: Callable[[Sequence[Array]], Any]
    rdms: Callable[[Any], Any]
    compare: Callable[[Any, str], Array]

    # What it calls the comparisons, by the names of ours.
    methods = {"rsa-spearman": "spearman", "rsa-pearson": "corr", "rsa-cosine": "cosine"}  # noqa: RUF012


def available_rsatoolbox() -> RsaToolbox | None:
    """Give rsatoolbox if it is installed."""
    try:
        import rsatoolbox
    except ImportError:
        return None
    return RsaToolbox(
        lambda items: [rsatoolbox.data.Dataset(item) for item in items],
        lambda datasets: rsatoolbox.rdm.calc_rdm(datasets, method="correlation"),
        lambda rdms, method: np.asarray(rsatoolbox.rdm.compare(rdms, rdms, method)),
    )
