"""The names of the registry: finding the measure that one means, and computing many of them in one pass."""

from __future__ import annotations

import copy
import dataclasses
import fnmatch
import functools
import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._base.checks import FloatArray
from ..._base.progress import Progress
from ...metrics.base import Metric, Part, Products, Tile
from ...pairs.driver import pairwise as _pairwise
from ...pairs.result import Pairwise
from ...representations.checks import did_you_mean
from ._transforms import MakeMetric, Transformed

_REPOSITORIES = (
    "brain_language_nlp",
    "brainscore",
    "contrasim",
    "correcting_cka_alignment",
    "deepdive",
    "diffscore",
    "drfrankenstein",
    "ensd",
    "fsd",
    "gs",
    "imd",
    "implicitdeclaration_similarity",
    "llm_repsim",
    "modelsym",
    "mouse_vision",
    "net2brain",
    "netrep",
    "neuroaimetrics",
    "nn_similarity_index",
    "nnsrm_neurips18",
    "platonic",
    "pyrcca",
    "pytorch_model_compare",
    "representation_similarity",
    "repsim",
    "resi",
    "rsatoolbox",
    "rtd",
    "sim_metric",
    "stir",
    "subspacematch",
    "survey_measures",
    "svcca",
    "thingsvision",
    "unsupervised_analysis",
    "xrsa_awes",
    "yuanli2333",
)


@functools.cache
def _measures() -> dict[str, MakeMetric]:
    """Merge the families: the modules of this folder that have `MEASURES`."""
    found: dict[str, MakeMetric] = {}
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name != "_registry":
            family = getattr(importlib.import_module(f"{package}.{module.name}"), "MEASURES", {})
            assert not set(family) & set(found), f"{module.name} offers a name twice"
            found.update(family)
    return found


def names() -> list[str]:
    """Return the names of all measures, without the repositories that offer them.

    Examples
    --------
    >>> from neurogeom.compat import similarity
    >>> [name for name in similarity.names() if name.startswith("nbs-s")]
    ['nbs-score']
    """
    return sorted(_measures())


def match(pattern: str) -> list[str]:
    """Return the names that fit a pattern, in which ``*`` stands for anything.

    Examples
    --------
    >>> from neurogeom.compat import similarity
    >>> similarity.match("measure/*/pwcca-*score")
    ['pwcca-distance=one_minus_score', 'pwcca-score']
    """
    return fnmatch.filter(names(), _plain(pattern, wild=True))


class Measure:
    """A measure of the registry, called with two representations; made by :func:`make`.

    Attributes
    ----------
    name : str
        Its name, without a repository.
    metric : Metric
        What computes it: for :func:`neurogeom.pairwise`, with its permutations and intervals.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.metric: Metric = _measures()[name]()

    def __call__(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the value for two representations (n_stimuli, n_units) of the same stimuli."""
        return self.metric.compare(X, Y, n_threads=n_threads)

    def __repr__(self) -> str:
        return f"<measure {self.name!r}>"


def make(id: str) -> Any:
    """Return the measure of a name.

    Parameters
    ----------
    id : str
        A name of the registry, "measure/<repository>/<name>", or the name alone; or a pattern of it with
        ``*``. Where the registry writes ``{sigma}``, its default 1.0 is meant.

    Returns
    -------
    Measure, or dict of str to Measure
        A callable on two representations (n_stimuli, n_units); for a pattern, all that it fits, by name.

    Raises
    ------
    TypeError, ValueError
        If there is no such measure, or no such repository.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.compat import similarity
    >>> X = np.random.default_rng(0).uniform(size=(30, 25))
    >>> measure = similarity.make("measure/netrep/procrustes-distance=angular")
    >>> round(measure(X, X @ np.linalg.qr(X[:25])[0]), 6)
    0.0
    """
    plain = _plain(id, wild=True)
    if "*" in plain:
        found = match(plain)
        if not found:
            raise ValueError(f"no measure fits {id!r}")
        return {name: Measure(name) for name in found}
    return Measure(_known(plain))


def _plain(name: Any, wild: bool = False) -> str:
    """Take a name, with or without its repository, and leave that out."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a measure must be a str, not {type(name).__name__}")
    plain: str = name.replace("{sigma}", "1.0")
    parts = plain.split("/")
    if len(parts) == 1:
        return plain
    if len(parts) != 3 or parts[0] != "measure":
        raise ValueError(f"a name must read 'measure/<repository>/<name>' or '<name>', not {name!r}")
    if parts[1] not in _REPOSITORIES and not (wild and "*" in parts[1]):
        raise ValueError(f"{name!r}: no such repository{did_you_mean(parts[1], _REPOSITORIES)}")
    return parts[2]


def _known(name: str) -> str:
    if name not in _measures():
        raise ValueError(f"no measure is called {name!r}{did_you_mean(name, _measures())}")
    return name


class _Size(Metric):
    """The size of the row items, or of the column items, at each pair."""

    symmetric = False
    diagonal = None

    def __init__(self, of: Transformed, side: int) -> None:
        self._of, self._side = of, side
        self.name = f"size {side} {of.size_part!r}"

    def parts(self) -> tuple[Part, ...]:
        return (self._of.size_part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the sizes as a tile."""
        del products
        sizes = self._of.sizes(tile.sides[self._side])
        return np.broadcast_to(np.expand_dims(sizes, 1 - self._side), tile.where.shape).copy()


def pairwise(
    names: Sequence[str],
    items: Any,
    *,
    others: Any = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> dict[str, Pairwise]:
    """Compute many measures of all pairs of representations in one pass.

    Whatever measures share is done once: each item is centred, decomposed and ranked once, a pair's products
    are computed once, and the forms of one measure (angle, score, Euclidean distance) follow from its values.

    Parameters
    ----------
    names : sequence of str
        Names of measures, as :func:`make` takes them.
    items : sequence or mapping of arrays (n_stimuli, n_units)
        Representations of the same stimuli; see :func:`neurogeom.pairwise`.
    others : sequence or mapping of arrays, optional
        Compare `items` (rows) with these (columns) instead of among themselves.
    n_threads : int, optional
        Threads; results do not depend on it.
    progress : bool or callable(done, total), default False
        Show a bar on stderr, or call a function from time to time.

    Returns
    -------
    dict of str to Pairwise
        One matrix for each name, by the name as it was given.

    Raises
    ------
    TypeError, ValueError
        If a name is not known, or items cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.compat import similarity
    >>> items = np.random.default_rng(0).normal(size=(3, 20, 5))
    >>> found = similarity.pairwise(["nbs-score", "measure/netrep/nbs-distance=angular"], items)
    >>> np.allclose(np.arccos(found["nbs-score"].values), found["measure/netrep/nbs-distance=angular"])
    True
    """
    if isinstance(names, (str, bytes)):
        raise TypeError("names must be a list of names, not one")
    wanted = {name: Measure(_known(_plain(name))).metric for name in names}
    engine: dict[Any, Metric] = {}
    for name, metric in wanted.items():
        base = metric.base if isinstance(metric, Transformed) else metric
        if _key(base) not in engine:
            engine[_key(base)] = copy.copy(base)
            engine[_key(base)].name = name  # distinct
        if isinstance(metric, Transformed):
            for side in (0, 1):
                engine.setdefault((metric.size_part, side), _Size(metric, side))
    results = _pairwise(items, list(engine.values()), others=others, n_threads=n_threads, progress=progress)
    by_key = {key: results[metric.name] for key, metric in engine.items()}
    return {name: _of(name, metric, by_key) for name, metric in wanted.items()}


def _key(metric: Metric) -> Any:
    """Equal for metrics that were made alike."""
    return type(metric), repr(metric.arguments)


def _of(name: str, metric: Metric, results: dict[Any, Pairwise]) -> Pairwise:
    """Return the result of a metric under its name, from those of what was computed."""
    if not isinstance(metric, Transformed):
        return dataclasses.replace(results[_key(metric)], metric=name)
    base = results[_key(metric.base)]
    left, right = (results[metric.size_part, side].values for side in (0, 1))
    values = metric.of(base.values, left[:, 0], right[0])
    return dataclasses.replace(base, metric=name, values=values, is_similarity=metric.is_similarity)
