"""Similarities of the nearest neighbours that stimuli have in two representations."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.codec import registered
from .._base.threads import map_threads
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError, as_flag
from . import checks as check
from ._nearest import NearestPart, NearestStimuli
from .base import Part, Products, Similarity, Tile

Kind: TypeAlias = Literal["mutual", "jaccard", "rank", "cknna", "cycle", "second_order_cosine"]

_DISTANCES = ("cosine", "correlation", "euclidean")
_DEFAULT_NEIGHBORS = 10

_Ranks: TypeAlias = NDArray[np.unsignedinteger]
_Codes: TypeAlias = NDArray[np.intp]


# ---- the similarity of x and y, given the ranks of all neighbours in x by their codes


def _mutual(x: NearestStimuli, y: NearestStimuli, ranks: _Ranks) -> float:
    del x
    return np.count_nonzero(ranks.take(y.codes)) / y.codes.size


def _jaccard(x: NearestStimuli, y: NearestStimuli, ranks: _Ranks) -> float:
    del x
    common = np.count_nonzero(ranks.take(y.codes), axis=1)
    return float(np.mean(common / (2 * y.codes.shape[1] - common)))


def _rank(x: NearestStimuli, y: NearestStimuli, ranks: _Ranks) -> float:
    del x
    of_x = ranks.take(y.codes)
    common = np.count_nonzero(of_x, axis=1)
    each = np.arange(y.codes.shape[1] + 1.0)
    scores = 2 / ((1 + np.abs(np.subtract.outer(each, each))) * np.maximum(np.add.outer(each, each), 1))
    scores[0] = 0.0  # not a neighbour in x
    most = np.concatenate([[1.0], np.cumsum(1 / each[1:])])
    return float(np.mean(scores[of_x, y.ranks].sum(axis=1) / most[common]))


def _cycle(x: NearestStimuli, y: NearestStimuli, ranks: _Ranks) -> float:
    del x
    return float(np.mean(ranks.take(y.reverse).any(axis=1)))


def _second_order_cosine(x: NearestStimuli, y: NearestStimuli, ranks: _Ranks) -> float:
    assert x.all_dissimilarities is not None
    assert y.all_dissimilarities is not None
    more = ranks.take(y.codes) == 0  # not counted with the neighbours in x
    left = np.hstack([x.dissimilarities, np.where(more, x.all_dissimilarities.take(y.codes), 0.0)])
    right = np.hstack([y.all_dissimilarities.take(x.codes), np.where(more, y.dissimilarities, 0.0)])
    norms = [np.sqrt(np.einsum("ij,ij->i", side, side)) for side in (left, right)]
    products = np.einsum("ij,ij->i", left, right)
    scale = norms[0] * norms[1]
    none = scale == 0
    cosines = np.where(none, np.equal(*norms), np.minimum(products / np.where(none, 1.0, scale), 1.0))
    return float(np.mean(cosines))


def _cknna(x: _Kernel, y: _Kernel, ranks: _Ranks) -> float:
    common = np.flatnonzero(ranks.take(y.codes))
    codes, reverse = y.codes.ravel()[common], y.reverse.ravel()[common]
    of_x = _similarities(x)[np.searchsorted(x.codes.ravel(), codes)]
    hsic = _masked_hsic(x.n_stimuli, codes, reverse, of_x, _similarities(y)[common])
    return min(hsic / (x.norm * y.norm), 1.0)


def _masked_hsic(count: int, codes: _Codes, reverse: _Codes, a: FloatArray, b: FloatArray) -> float:
    """The unbiased HSIC of two matrices that are zero elsewhere, the mean of both orders of the two."""
    if not len(codes):
        return 0.0
    places = np.minimum(np.searchsorted(codes, reverse), len(codes) - 1)
    mutual = codes[places] == reverse
    trace = float(np.dot(a[mutual], b[places[mutual]]))
    stimulus, neighbour = np.divmod(codes, count)
    row_a, row_b = (np.bincount(stimulus, side, count) for side in (a, b))
    column_a, column_b = (np.bincount(neighbour, side, count) for side in (a, b))
    cross = float(np.dot(column_a, row_b) + np.dot(row_a, column_b))
    sums = float(row_a.sum() * row_b.sum()) / ((count - 1) * (count - 2))
    return (trace + sums - cross / (count - 2)) / (count * (count - 3))


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class _Kernel(NearestStimuli):
    """With the root of the HSIC of the neighbours' similarities with themselves."""

    norm: float = 0.0


@dataclasses.dataclass(frozen=True)
class _KernelPart(NearestPart):
    """What CKNNA needs."""

    def prepare(self, data: UnitBlocks) -> _Kernel:
        """Find neighbours, and their HSIC."""
        check.require_stimuli(data.shape[0], 4, data.label, "CKNNA")
        found = super().prepare(data)
        codes, reverse, similarities = found.codes.ravel(), found.reverse.ravel(), _similarities(found)
        own = _masked_hsic(found.n_stimuli, codes, reverse, similarities, similarities)
        if not own > 0:
            raise TooLittleDataError(
                f"the HSIC of the {self.n_neighbors} nearest neighbours in {data.label} with themselves is "
                f"{own:.3g}, not positive, so that CKNNA with others is not defined"
            )
        return _Kernel(**vars(found), norm=math.sqrt(own))


def _similarities(x: NearestStimuli) -> FloatArray:
    return 1.0 - x.dissimilarities.ravel()


class _Rule(NamedTuple):
    name: str
    compare: Callable[[Any, Any, _Ranks], float]
    part: Callable[[str, int, bool], Part] = NearestPart
    symmetric: bool = True


_RULES: dict[str, _Rule] = {
    "mutual": _Rule("mutual_knn", _mutual),
    "jaccard": _Rule("knn_jaccard", _jaccard),
    "rank": _Rule("knn_rank", _rank),
    "cknna": _Rule("cknna", _cknna, _KernelPart),
    "cycle": _Rule("cycle_knn", _cycle, symmetric=False),
    "second_order_cosine": _Rule(
        "second_order_cosine", _second_order_cosine, functools.partial(NearestPart, keep_all=True)
    ),
}


class Neighbours(Similarity):
    """Similarity of the nearest neighbours that stimuli have in two representations.

    Each stimulus has k nearest neighbours N(i) among the others in either representation. It is never its own
    neighbour; of several at the same distance (to 13 digits), the one that comes first is nearer. Local
    structure decides, not distances between stimuli that are far apart.

    Parameters
    ----------
    kind : str, default "mutual"
        What is averaged over stimuli i:

        - "mutual": the share of the neighbours that are common, ``|N_X(i) & N_Y(i)| / k``. One minus it is a
          metric.
        - "jaccard": ``|N_X(i) & N_Y(i)| / |N_X(i) | N_Y(i)|``. One minus it is a metric.
        - "rank": the sum over common neighbours with ranks r and s of ``2 / ((1 + |r - s|) (r + s))``,
          divided by its largest possible value ``1 + 1/2 + ... + 1/n`` for n of them.
        - "cycle": whether i is a neighbour in X of one of its neighbours in Y. Asymmetric; not always 1 for
          a representation with itself.
        - "second_order_cosine": the cosine between the distances in X and in Y of i to all that are its
          neighbours in either. If all of them are zero it is 1 if they are in both, else 0.

        Or "cknna": debiased CKA of the cosines (or correlations) of those pairs (i, j) where j is a neighbour
        of i in both, divided by the root of the product of what each representation has with itself.
    n_neighbors : int, default 10
        k, less than the number of stimuli.
    distance : {"cosine", "correlation", "euclidean"}, default "cosine"
        Between responses. The first two are invariant to isotropic scaling, rotation ("cosine") and, stimulus
        by stimulus, to gain and offset ("correlation"); "euclidean" to translation, rotation and isotropic
        scaling. Not "euclidean" for "cknna".
    center : bool, default False
        Subtract the mean over stimuli from each unit first. Not for "euclidean", which that does not change.

    Notes
    -----
    Mutual and cycle k-NN, CKNNA: Huh, Cheung, Wang & Isola, The platonic representation hypothesis, ICML
    2024; they normalise responses to length 1, so that their inner products are cosines. In their code one
    term of CKNNA depends on the order of X and Y; here it is the mean of both orders. Values above 1, which
    CKNNA may have for small k, become 1; a representation whose own value is not positive is refused.
    Jaccard, rank and second-order cosine similarity are as in the survey of Klabunde, Schumacher, Strohmaier
    & Lemmerich, Similarity of neural network models, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> ng.Neighbours().similarity(X, 2 * X[:, ::-1])
    1.0
    >>> unrelated = np.random.default_rng(1).normal(size=(50, 8))
    >>> [round(ng.Neighbours(kind, 5).similarity(X, unrelated), 1) for kind in ("mutual", "jaccard")]
    [0.1, 0.1]
    """

    def __init__(
        self,
        kind: Kind = "mutual",
        n_neighbors: int = _DEFAULT_NEIGHBORS,
        *,
        distance: str = "cosine",
        center: bool = False,
    ) -> None:
        self.kind = _validate.as_choice(kind, "kind", tuple(_RULES))
        self.n_neighbors = _validate.as_count(n_neighbors, "n_neighbors")
        self.distance = _validate.as_choice(distance, "distance", _DISTANCES)
        if self.kind == "cknna" and self.distance == "euclidean":
            raise ValueError("kind='cknna' compares 'cosine' or 'correlation', not distance='euclidean'")
        self.center = as_flag(center, "center")
        if self.center and self.distance == "euclidean":
            check.refuse_option("center", "'cosine' and 'correlation'", "distance='euclidean'")
        self._rule = _RULES[self.kind]
        self.symmetric = self._rule.symmetric
        self.diagonal = 1.0 if self.symmetric else None
        options = [str(self.n_neighbors)] if self.n_neighbors != _DEFAULT_NEIGHBORS else []
        options += [self.distance] if self.distance != "cosine" else []
        options += ["centered"] if self.center else []
        self.name = self._rule.name + (f"({', '.join(options)})" if options else "")
        self._part = self._rule.part(self.distance, self.n_neighbors, self.center)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the similarities of two blocks of items."""
        del products
        rows, columns = ([item[self._part] for item in side] for side in tile.sides)
        values = np.full(tile.where.shape, np.nan)

        def fill(i: int) -> None:
            ranks = rows[i].rank_map()
            for j in np.flatnonzero(tile.where[i]):
                values[i, j] = self._rule.compare(rows[i], columns[j], ranks)

        map_threads(fill, range(len(rows)), tile.n_threads)
        return values
