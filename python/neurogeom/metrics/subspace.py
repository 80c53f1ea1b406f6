"""Subspaces of stimulus space: principal angles, distances and overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.threads import single_threaded_blas
from ..representations.checks import as_flag
from ..representations.items import as_items, require_comparable
from ._products import WeightedSquares
from ._subspaces import (
    is_near,
    orthonormal,
    principal_angles,
    projector_distance,
    ranks_of,
    remark_full_rank,
    remark_ties,
    span_part,
)
from .base import (
    Distance,
    Part,
    Prepared,
    Product,
    Products,
    Similarity,
    Tile,
    map_pairs,
    prepare_item,
    warn_of,
)

_KINDS = ("grassmann", "chordal", "projection")


def subspace_angles(X: Any, Y: Any, *, center: bool = True, n_components: int | None = None) -> FloatArray:
    """Principal angles between the subspaces of stimulus space that two representations span.

    Their cosines are the canonical correlations (of centred responses). Invariant to invertible linear maps
    of either representation and, with `center`, to translations.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli.
    center : bool, default True
        Subtract the mean over stimuli. SciPy's ``subspace_angles`` does not.
    n_components : int, optional
        Use only the span of this many leading principal components (or all, if there are fewer).

    Returns
    -------
    ndarray of shape (min(rank_x, rank_y),)
        Angles in radians from 0 to pi / 2, largest first as in SciPy; small ones to full precision.

    Raises
    ------
    TypeError, ValueError
        If an input cannot be read, holds NaN or infinity, does not vary, or the stimuli differ.

    Notes
    -----
    Bjorck & Golub, Numerical methods for computing angles between linear subspaces, 1973. Linearly dependent
    units are allowed: the rank is found first.

    Examples
    --------
    >>> import neurogeom as ng
    >>> X, Y = [[1.0], [0.0], [0.0]], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> ng.subspace_angles(X, Y, center=False).round(4)
    array([0.7854])
    """
    return SubspaceDistance(center=center, n_components=n_components).angles(X, Y)


class SubspaceDistance(Distance):
    """Distance between the subspaces of stimulus space that two representations span.

    With principal angles theta, ranks k and l and projectors P and Q on the two subspaces:

    - "grassmann": ``sqrt(sum(theta^2) + |k - l| pi^2 / 4)``, the length of the shortest path;
    - "chordal": ``sqrt(sum(sin(theta)^2) + |k - l| / 2)``, the Frobenius norm of P - Q over sqrt(2);
    - "projection": the spectral norm of P - Q, the sine of the largest angle, 1 if ranks differ.

    Each is a metric between subspaces, including those of unequal dimension. Without `n_components` they are
    invariant to invertible linear maps and translations of either representation; with it, to rotation,
    isotropic scaling and translation.

    Parameters
    ----------
    kind : {"grassmann", "chordal", "projection"}, default "grassmann"
        Which distance.
    n_components : int, optional
        Compare the spans of this many leading principal components (or all, if there are fewer) instead of
        the whole column spaces.
    center : bool, default True
        Subtract the mean over stimuli.

    Notes
    -----
    Edelman, Arias & Smith, The geometry of algorithms with orthogonality constraints, 1998; for unequal
    dimensions Ye & Lim, Schubert varieties and distances between subspaces of different dimensions, 2016
    (their chordal distance has ``|k - l|`` where ours has half of it, as follows from the difference of
    projectors). Whole column spaces say little if there are as many units as stimuli: a warning says so.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(ng.SubspaceDistance("chordal").distance(X, X[:, :2]), 6)
    1.0
    """

    def __init__(
        self,
        kind: Literal["grassmann", "chordal", "projection"] = "grassmann",
        *,
        n_components: int | None = None,
        center: bool = True,
    ) -> None:
        self.kind = _validate.as_choice(kind, "kind", _KINDS)
        self.n_components = None if n_components is None else _validate.as_count(n_components, "n_components")
        self.center = as_flag(center, "center")
        self.name = _name(self.kind, self.n_components, self.center, centered=True)
        self._part = span_part(self.center, self.n_components)

    def parts(self) -> tuple[Part, ...]:
        return (self._part,)

    def products(self) -> tuple[Product, ...]:
        return (WeightedSquares(self._part),) if self.kind == "chordal" else ()

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return squared distances of two blocks of items, for "projection" distances."""
        left, right = ([orthonormal(item[self._part]) for item in side] for side in tile.sides)
        if self.kind == "grassmann":
            return map_pairs(_squared_length, left, right, tile.where, tile.n_threads)
        if self.kind == "projection":
            return map_pairs(_projector_gap, left, right, tile.where, tile.n_threads)
        ranks = [ranks_of(side, self._part) for side in tile.sides]
        total = ranks[0][:, None] + ranks[1]
        squared = total - 2.0 * products[self.products()[0]] * np.multiply.outer(*ranks)
        near = tile.where & is_near(squared, total)
        ones = [[(basis, np.ones(basis.shape[1])) for basis in side] for side in (left, right)]
        exact = map_pairs(projector_distance, ones[0], ones[1], near, tile.n_threads)
        return np.where(near, exact, squared) / 2.0

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn the values of `pair` into distances."""
        return values if self.kind == "projection" else np.sqrt(values)

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on subspaces that are all of the space, or not determined."""
        return _remark(items, self._part)

    def angles(self, X: Any, Y: Any) -> FloatArray:
        """Return the principal angles of one pair; see :func:`subspace_angles`."""
        items = as_items([X, Y], "representations", ["X", "Y"], labels=["X", "Y"])
        require_comparable(items)
        with single_threaded_blas():
            records = [prepare_item([self], item) for item in items]
            warn_of([self], records)
            bases = [orthonormal(record[self._part]) for record in records]
            return principal_angles(bases[0], bases[1])


class EigenspaceOverlap(Similarity):
    """Overlap of two subspaces of stimulus space: the squared Frobenius norm of U'V over the larger rank.

    U and V are orthonormal bases of the column spaces. From 0 to 1, and 1 only for equal subspaces; the sum
    of the squared cosines of principal angles over the larger rank. Invariant to invertible linear maps of
    either representation; with `n_components`, to rotation and isotropic scaling only. Not a metric, nor is
    one minus it; the chordal :class:`SubspaceDistance` is one.

    Parameters
    ----------
    n_components : int, optional
        Compare the spans of this many leading principal components (or all, if there are fewer).
    center : bool, default False
        Subtract the mean over stimuli, as most other measures do. The overlap is then also invariant to
        translations.

    Notes
    -----
    May, Zhang, Dao & Re, On the downstream performance of compressed word embeddings, NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(ng.EigenspaceOverlap().similarity(X, X[:, :1]), 6)
    0.25
    """

    def __init__(self, *, n_components: int | None = None, center: bool = False) -> None:
        self.n_components = None if n_components is None else _validate.as_count(n_components, "n_components")
        self.center = as_flag(center, "center")
        self.name = _name("eigenspace_overlap", self.n_components, self.center, centered=False)
        self._part = span_part(self.center, self.n_components)

    def products(self) -> tuple[Product, ...]:
        return (WeightedSquares(self._part),)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the overlaps of two blocks of items."""
        smaller = np.minimum.outer(*(ranks_of(side, self._part) for side in tile.sides))
        return np.asarray(np.minimum(products[self.products()[0]] * smaller, 1.0))

    def remark(self, items: Sequence[Prepared]) -> str | None:
        """Remark on subspaces that are all of the space, or not determined."""
        return _remark(items, self._part)


def _name(base: str, n_components: int | None, center: bool, *, centered: bool) -> str:
    options = [] if n_components is None else [f"{n_components} components"]
    if center != centered:
        options.append("centered" if center else "uncentered")
    return f"{base}({', '.join(options)})" if options else base


def _remark(items: Sequence[Prepared], part: Part) -> str | None:
    consequence = "it spans all of stimulus space"
    return remark_full_rank(items, part, consequence) or remark_ties(items, part)


def _squared_length(x: FloatArray, y: FloatArray) -> float:
    unmatched = abs(x.shape[1] - y.shape[1])
    return float(np.square(principal_angles(x, y)).sum() + unmatched * math.pi**2 / 4)


def _projector_gap(x: FloatArray, y: FloatArray) -> float:
    if x.shape[1] != y.shape[1]:
        return 1.0
    return math.sin(principal_angles(x, y)[0])
