"""Affine-invariant Riemannian distance of covariances, or of Gram matrices."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import scipy.linalg

from .._base import checks as _validate
from .._base.checks import FloatArray, as_number
from .._base.codec import registered
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError
from ._reduction import lower_trapezoid, reduce_stimuli, reorder_stimuli
from .base import Distance, Order, Part, Products, Tile, map_pairs

_EPS = float(np.finfo(np.float64).eps)
_SHRINKAGE = {"gram": 0.1, "covariance": 0.0}


@registered
@dataclasses.dataclass(frozen=True, eq=False)
class Root:
    """The record of one item: its matrix is L L' times the square of a scale, L lower triangular."""

    label: str
    triangle: FloatArray
    scale: float


@dataclasses.dataclass(frozen=True)
class RootPart(Part):
    """A Cholesky factor of the shrunk covariance or Gram matrix, found without forming the matrix."""

    of: str
    regularization: float

    def prepare(self, data: UnitBlocks) -> Root:
        reduced = reduce_stimuli(data, center=True)
        n_rows, size = reduced.matrix.shape[0], data.shape[1]
        if self.of == "gram":
            # In the coordinates of the stimuli that centring leaves: one fewer than stimuli.
            matrix, size = reduced.matrix.T, n_rows
        else:
            matrix = np.zeros((n_rows, size))
            matrix[:, reduced.kept] = reduced.matrix / math.sqrt(n_rows)
        norm = float(np.linalg.norm(matrix))
        share = self.regularization
        root = math.sqrt(1.0 - share) * (matrix / norm)
        if share > 0:
            root = np.vstack([root, math.sqrt(share / size) * np.eye(size)])
        triangle = lower_trapezoid(root.T)
        self._require_regular(triangle, size, data.label)
        return Root(data.label, triangle, norm * reduced.size)

    def reordered(self, record: Root, order: Order) -> Root:
        if self.of == "covariance":
            return record
        # The multiple of the identity stays what it is.
        triangle = lower_trapezoid(reorder_stimuli(record.triangle, True, order))
        return dataclasses.replace(record, triangle=triangle)

    def _require_regular(self, triangle: FloatArray, size: int, label: str) -> None:
        singular = np.linalg.svd(triangle, compute_uv=False)
        rank = int((singular > size * _EPS * singular[0]).sum())
        if rank < size:
            what = {"gram": "centred Gram matrix", "covariance": "covariance"}[self.of]
            raise TooLittleDataError(
                f"the {what} of {label} is singular (rank {rank} of {size}), so that its distance to others "
                f"is infinite: use regularization > 0, not {self.regularization:g}"
            )


class AffineInvariant(Distance):
    r"""Affine-invariant Riemannian distance of covariances or Gram matrices.

    For positive definite matrices A and B, :math:`\sqrt{\sum \log^2 \lambda_i}` with the eigenvalues of
    :math:`A^{-1} B`. A metric between positive definite matrices. It does not change if both are transformed
    by the same congruence M A M', M B M'.

    Parameters
    ----------
    regularization : float, optional
        Share r of a multiple of the identity in each matrix: (1 - r) A + r (tr A / size) I. By default 0.1
        for Gram matrices and 0 for covariances.
    of : {"gram", "covariance"}, default "gram"
        The Gram matrix of the stimuli, for any numbers of units; or the covariance (divided by n_stimuli - 1)
        of the units, which must then be the same units in all items.

    Notes
    -----
    Responses are centred. The Gram matrix is taken in the space of n_stimuli - 1 dimensions that this leaves,
    where it is not singular if there are enough units. The distance of Gram matrices does not depend on
    rotations and translations of either representation. For covariances, without regularisation, it does not
    depend on a linear map of the units that is common to both. Scaling one representation by s moves its
    matrix by :math:`2 |\log s| \sqrt{size}`. Covariances do not depend on the order of the stimuli: a null
    that permutes these has p = 1.

    Factors of the matrices are computed from the responses, which keeps the digits that squaring loses.

    Examples
    --------
    >>> import neurogeom as ng
    >>> X = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> Y = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> round(ng.AffineInvariant(of="covariance").distance(X, Y), 6)  # log 4
    1.386294
    """

    name = "affine_invariant"

    def __init__(
        self, regularization: float | None = None, of: Literal["gram", "covariance"] = "gram"
    ) -> None:
        self.of = _validate.as_choice(of, "of", tuple(_SHRINKAGE))
        share = _SHRINKAGE[self.of] if regularization is None else as_number(regularization, "regularization")
        if not 0 <= share < 1:
            raise ValueError(f"regularization must be at least 0 and below 1, not {share:g}")
        self.regularization = share
        options = [] if self.of == "gram" else [self.of]
        options += [] if share == _SHRINKAGE[self.of] else [f"{share:g}"]
        self.name = f"affine_invariant({', '.join(options)})" if options else "affine_invariant"
        self._part = RootPart(self.of, share)

    def parts(self) -> tuple[Part, ...]:
        """Declare the factors of the matrices."""
        return (self._part,)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the distances of two blocks of items."""
        rows, columns = ([item[self._part] for item in side] for side in tile.sides)
        return map_pairs(_distance, rows, columns, tile.where, tile.n_threads)


def _distance(x: Root, y: Root) -> float:
    if len(x.triangle) != len(y.triangle):
        raise ValueError(
            f"covariances can be compared of the same units only, but {x.label} has {len(x.triangle)} and "
            f"{y.label} has {len(y.triangle)}"
        )
    # The eigenvalues of A^-1 B are the squared singular values of this.
    ratio = scipy.linalg.solve_triangular(x.triangle, y.triangle, lower=True, check_finite=False)
    singular = np.linalg.svd(ratio, compute_uv=False)
    return float(2.0 * np.linalg.norm(np.log(singular) + math.log(y.scale / x.scale)))
