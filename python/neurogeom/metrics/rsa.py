"""Representational similarity analysis: compares the dissimilarities of the same stimuli in two systems."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.isa import core
from .._base.threads import single_threaded_blas
from ..representations.checks import require_same_indices
from ..representations.items import Item, as_items
from ..representations.rdm import RDM, Dissimilarities
from ..representations.representation import Representation
from . import checks as check
from ._covariance import Covariance
from ._products import InnerProduct
from ._rdm import RDMRule
from ._rdm_comparisons import (
    COMPARISONS,
    KENDALL_COMPARISONS,
    WHITENED,
    WITH_ANGLE,
    KendallCounts,
    RDMRanks,
    RDMVector,
    averaged_form,
)
from .base import Product, Products, Similarity, Tile

RDMKind: TypeAlias = Literal[
    "sqeuclidean", "euclidean", "correlation", "cosine", "mahalanobis", "crossnobis", "poisson"
]
Comparison: TypeAlias = Literal[
    "pearson", "cosine", "spearman", "rho-a", "kendall", "tau-a", "cosine_cov", "corr_cov"
]

# Cosines beyond this lose digits of the angle.
_NEARLY_PARALLEL = 0.99


class RSA(Similarity):
    """Similarity of dissimilarity matrices (RDMs) of the same stimuli (Kriegeskorte et al. 2008).

    Items are responses (n_stimuli, n_units), whose dissimilarities are computed once each, or measured
    dissimilarities (:class:`RDM`), in any mixture.

    Parameters
    ----------
    rdm : str, default "correlation"
        How responses become dissimilarities; :func:`rdm` has the list.
    compare : str, default "spearman"
        How dissimilarities are compared: "pearson", "cosine", "spearman", "rho-a", "kendall", "tau-a",
        "cosine_cov" or "corr_cov"; see Notes.
    score : {"similarity", "angular"}, default "similarity"
        What :func:`pairwise` returns. "angular" is the arccosine, a metric between directions of
        dissimilarity vectors (or between their ranks); all comparisons but "rho-a" and "tau-a" have it.
    noise_covariance, folds, stimuli, prior_lambda, prior_weight
        See :func:`rdm`; the same for all items, except that a callable `noise_covariance` is called with
        each. With "crossnobis", rows are observations, so measured RDMs cannot be mixed in: compute RDMs with
        :func:`rdm` first and compare those.
    stimulus_covariance : array-like of shape (n_stimuli,) or (n_stimuli, n_stimuli), optional
        For "cosine_cov" and "corr_cov": (co)variance over stimuli of the noise in the patterns; by default
        equal and independent. Solved directly, once per item.
    name : str, optional
        How results call the measure.

    Raises
    ------
    TypeError, ValueError
        If an option is unknown, does not go with the others, or is not a covariance. On use: if all entries
        of an RDM are equal and the comparison correlates or ranks them, if a stimulus has no direction and
        the measure needs one, or if data and labels do not fit.

    Notes
    -----
    Dissimilarities are compared as vectors of the m (m - 1) / 2 pairs of stimuli:

    - ``"pearson"``, ``"cosine"``: correlation; cosine (for dissimilarities with a meaningful zero).
    - ``"spearman"``: correlation of ranks, with average ranks for ties.
    - ``"rho-a"``: expected Spearman correlation if ties are broken at random (Schütt et al. 2023), for
      models that predict ties; below 1 for an item with ties and itself.
    - ``"kendall"`` (tau-b), ``"tau-a"``: pairs of dissimilarities in the same order minus those in the
      opposite order, divided by the geometric mean of the numbers of pairs untied in each (tau-b) or by the
      number of all pairs (tau-a).
    - ``"cosine_cov"``, ``"corr_cov"``: cosine and correlation in the metric of the inverse covariance of
      dissimilarities under noise (Diedrichsen et al. 2021). "cosine_cov" of "sqeuclidean" is linear CKA.

    Dissimilarities that agree to 1e-13 of their size are ties: otherwise rounding would decide the order of
    those that are equal by construction, as for binary features or duplicate stimuli.

    If `stimulus_covariance` is a vector, rsatoolbox 0.3.2 centres as if variances were equal; here the metric
    follows its own definition, V_ab = (c_a' S c_b)^2, in that case too.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> V1 = np.array([[0.0, 1.0, 3.0], [2.0, 1.0, 0.0], [3.0, 4.0, 1.0], [1.0, 0.0, 2.0]])
    >>> IT = ng.RDM([0.9, 0.7, 0.2, 0.4, 0.8, 0.6], name="human IT")
    >>> metric = ng.RSA("correlation", "kendall")
    >>> round(metric.similarity(V1, IT), 3)
    0.501
    >>> round(metric.distance(V1, IT), 3)  # its arccosine
    1.046
    """

    def __init__(
        self,
        rdm: RDMKind = "correlation",
        compare: Comparison = "spearman",
        *,
        score: Literal["similarity", "angular"] = "similarity",
        noise_covariance: Any = None,
        folds: Any = None,
        stimuli: Any = None,
        prior_lambda: float = 1.0,
        prior_weight: float = 0.1,
        stimulus_covariance: Any = None,
        name: str | None = None,
    ) -> None:
        rule = RDMRule.from_user(rdm, "rdm", noise_covariance, folds, stimuli, prior_lambda, prior_weight)
        _validate.as_choice(compare, "compare", COMPARISONS)
        _validate.as_choice(score, "score", ("similarity", "angular"))
        covariance = None
        if stimulus_covariance is not None:
            if compare not in WHITENED:
                check.refuse_option(
                    "stimulus_covariance", "'cosine_cov' and 'corr_cov'", f"compare={compare!r}"
                )
            covariance = Covariance.from_user(stimulus_covariance, "stimulus_covariance")
        self._rule = rule
        self.rows_are_stimuli = rule.design is None
        self._compare = str(compare)
        self._covariance = covariance
        self._product: Product
        if compare in KENDALL_COMPARISONS:
            self._product = KendallCounts(RDMRanks(rule))
        else:
            self._product = InnerProduct(RDMVector(rule, compare, covariance))
        default = (rdm, compare) == ("correlation", "spearman")
        self._own_name = str(name) if name is not None else "rsa" if default else f"rsa-{rdm}-{compare}"
        self._named = name is not None
        self._set_score(score)

    def _set_score(self, score: str) -> None:
        self._angular = score == "angular"
        if self._angular and self._compare not in WITH_ANGLE:
            raise ValueError(
                f"compare={self._compare!r} is not a cosine, so it has no angle: use one of "
                f"{', '.join(map(repr, WITH_ANGLE))}"
            )
        self.name = self._own_name + ("-angular" if self._angular and not self._named else "")
        self.is_similarity = not self._angular
        # For the other comparisons, ties leave an item and itself below 1.
        self.diagonal = 0.0 if self._angular else 1.0 if self._compare in WITH_ANGLE else None

    def _with_score(self, score: str) -> RSA:
        other = copy.copy(self)
        other._set_score(score)
        return other

    def similarity(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the similarity of one pair of items, whatever `score` is."""
        return self._with_score("similarity").compare(X, Y, n_threads=n_threads)

    def distance(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the angular distance of one pair of items, whatever `score` is."""
        return self._with_score("angular").compare(X, Y, n_threads=n_threads)

    def products(self) -> tuple[Product, ...]:
        return (self._product,)

    def resamplable(self, item: Item) -> Item:
        """Return the dissimilarities of an item, measured or computed."""
        if self._covariance is not None:
            raise ValueError(
                "stimuli cannot be resampled with stimulus_covariance, which is of these stimuli"
            )
        item.require_kind(self._product.part.takes, self.name)
        opened: Any = item.open()
        return Dissimilarities(item.label, item.name, RDM(self._rule.condensed(opened)), item.ids)

    def pool(self, items: Sequence[Item], name: str) -> Item:
        """Return the mean of the items' dissimilarities, or of their ranks, each of the same weight."""
        rdms: Any = [self.resamplable(item).source for item in items]
        vectors = [
            averaged_form(rdm.condensed, self._compare, self._covariance, item.label)
            for rdm, item in zip(rdms, items, strict=True)
        ]
        return Dissimilarities(name, name, RDM(np.mean(vectors, axis=0)))

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return similarities or angles of two blocks of items."""
        part = self._product.part
        left, right = ([item[part] for item in side] for side in tile.sides)
        found = products[self._product]
        if self._compare in KENDALL_COMPARISONS:
            return np.where(tile.where, self._kendall(found, left, right), np.nan)
        cosines: FloatArray = np.clip(found, -1.0, 1.0)
        if not self._angular:
            return cosines
        angles = np.arccos(cosines)
        for i, j in np.argwhere(tile.where & (np.abs(cosines) > _NEARLY_PARALLEL)):
            x, y = left[i], right[j]
            angles[i, j] = 2 * math.atan2(_length(x - y), _length(x + y))
        return angles

    def _kendall(self, balances: NDArray[np.int64], left: list[Any], right: list[Any]) -> FloatArray:
        if self._compare == "tau-a":
            count = len(left[0].rank)
            taus: FloatArray = balances / (count * (count - 1) // 2)
            return taus
        rows, columns = ([item.untied for item in side] for side in (left, right))
        return core.kendall_taus(balances, rows, columns, self._angular)


def _length(vector: FloatArray) -> float:
    return math.sqrt(np.dot(vector, vector))


def rsa(
    X: Any,
    Y: Any,
    *,
    rdm: RDMKind = "correlation",
    compare: Comparison = "spearman",
    noise_covariance: Any = None,
    folds: Any = None,
    stimuli: Any = None,
    prior_lambda: float = 1.0,
    prior_weight: float = 0.1,
    stimulus_covariance: Any = None,
) -> float:
    """Compare two representations by the dissimilarities of their stimuli (RSA).

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units), Representation, or RDM
        The same stimuli in two systems; a measured :class:`RDM` is used as it is.
    rdm : str, default "correlation"
        How responses become dissimilarities; see :func:`rdm`.
    compare : str, default "spearman"
        How dissimilarities are compared; see :class:`RSA`.
    noise_covariance, folds, stimuli, prior_lambda, prior_weight : optional
        Options for the dissimilarities; see :func:`rdm`.
    stimulus_covariance : array-like, optional
        Noise of the patterns over stimuli, for whitened comparisons; see :class:`RSA`.

    Returns
    -------
    float
        The similarity.

    Raises
    ------
    TypeError, ValueError
        As for :class:`RSA`.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((20, 50))
    >>> Y = X + rng.standard_normal((20, 50))
    >>> round(ng.rsa(X, Y), 3), round(ng.rsa(X, Y, rdm="sqeuclidean", compare="cosine_cov"), 3)
    (0.42, 0.846)
    """
    metric = RSA(
        rdm,
        compare,
        noise_covariance=noise_covariance,
        folds=folds,
        stimuli=stimuli,
        prior_lambda=prior_lambda,
        prior_weight=prior_weight,
        stimulus_covariance=stimulus_covariance,
    )
    _require_same_rows(as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"]), folds, stimuli)
    return metric.similarity(X, Y)


def _require_same_rows(items: Sequence[Item], folds: Any, stimuli: Any) -> None:
    """Refuse labels of observations whose index is in another order than that of the items."""
    if folds is None and stimuli is None:
        return
    require_same_indices(
        [
            *((item.label, item.row_identity) for item in items),
            ("stimuli", _validate.row_index(stimuli, "stimuli")),
            ("folds", _validate.row_index(folds, "folds")),
        ]
    )


def rdm(
    X: Any,
    kind: RDMKind = "correlation",
    *,
    noise_covariance: Any = None,
    folds: Any = None,
    stimuli: Any = None,
    prior_lambda: float = 1.0,
    prior_weight: float = 0.1,
) -> RDM:
    r"""Compute the dissimilarities between all stimuli of one representation.

    Parameters
    ----------
    X : array-like of shape (n_stimuli, n_units), or Representation
        Responses; the ids and name of a :class:`Representation` are kept.
    kind : str, default "correlation"
        The measure: "sqeuclidean", "euclidean", "correlation", "cosine", "mahalanobis", "crossnobis" or
        "poisson"; see Notes.
    noise_covariance : array-like of shape (n_units, n_units) or (n_units,), or callable, optional
        For "mahalanobis" and "crossnobis": covariance (not precision) of the noise, or its variances, or a
        function of X that returns either. The default, for "crossnobis" only, is the identity.
    folds : array-like of shape (n_rows,), optional
        For "crossnobis": the fold of each row of X, whose rows are then observations. Each fold must contain
        each stimulus; several observations are averaged.
    stimuli : array-like of shape (n_rows,), optional
        For "crossnobis": the stimulus of each row; the result has them in order of first appearance. By
        default, row k of each fold is stimulus k.
    prior_lambda, prior_weight : float, default 1.0 and 0.1
        For "poisson": rates are (X + prior_weight * prior_lambda) / (1 + prior_weight).

    Returns
    -------
    RDM
        The dissimilarities.

    Raises
    ------
    TypeError, ValueError
        If X is not a finite matrix, a stimulus has no direction ("correlation", "cosine") or a negative rate
        ("poisson"), or options do not go together or do not fit X.

    Notes
    -----
    For patterns x, y of n units:

    - ``"sqeuclidean"``: :math:`|x - y|^2 / n`, which rsatoolbox calls "euclidean".
    - ``"euclidean"``: its root, :math:`|x - y| / \sqrt n`.
    - ``"correlation"``: 1 minus the correlation over units.
    - ``"cosine"``: 1 minus the cosine.
    - ``"mahalanobis"``: :math:`(x - y)' S^{-1} (x - y) / n`, S the noise covariance of units.
    - ``"crossnobis"``: :math:`(x - y)_k' S^{-1} (x - y)_l / n`, averaged over all pairs of different
      folds k, l (Walther et al. 2016). Unbiased: equal patterns give 0 on average, so single values are often
      negative.
    - ``"poisson"``: the symmetrised Kullback-Leibler divergence of Poisson variables,
      :math:`\sum (\lambda_x - \lambda_y)(\log\lambda_x - \log\lambda_y) / n` (Schütt et al. 2023).

    Computed from one matrix product of centred rows. Dissimilarities that would lose digits in it are
    computed from differences, so that each is accurate relative to itself; crossvalidated ones are accurate
    relative to the patterns.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.rdm([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]], "sqeuclidean").condensed
    array([12.5,  2. ,  6.5])
    """
    rule = RDMRule.from_user(kind, "kind", noise_covariance, folds, stimuli, prior_lambda, prior_weight)
    (item,) = as_items([X], "X", labels=["X"])
    _require_same_rows([item], folds, stimuli)
    item.require_kind(("responses",), "rdm")
    data: Any = item.open()
    with single_threaded_blas():
        condensed = rule.condensed(data.undivided() if rule.needs_whole else data)
    ids = item.ids
    if rule.design is not None:
        ids = rule.design.stimuli
    elif ids is not None and len(np.unique(ids)) < len(ids):
        ids = None  # an index that distinguishes categories, not stimuli
    return RDM(condensed, ids=ids, name=X.name if isinstance(X, Representation) else None)
