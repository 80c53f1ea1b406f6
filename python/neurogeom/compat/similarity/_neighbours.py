"""Neighbours, distances, HSIC and other single measures of the registry.

Three kinds of values of the registry's table are not reproduced; ours are right:

imd
    The table's 12.48 and 12.29 are estimates of the distance, 11.75, from random vectors drawn by the global
    generator of NumPy; with 100 of them, the default, one estimate scatters by 22.
linear_HSIC, kernel_HSIC, unbiased_linear_HSIC, linear_CKA, kernel_CKA
    (stir) The table's values are those of responses rounded to bfloat16, as matrix products of its single
    precision were on the machine that it comes from: for responses rounded so, ours are equal to them.
jaccard_similarity, rsm_norm_difference, correlation
    Two repositories differ, and both values are in the table. Ours are the first ones. For Jaccard,
    llm_repsim centres columns first and resi does not; the norm of the difference of RSMs is over pairs of
    stimuli in llm_repsim, and the spectral norm of the matrix in resi, which meant the same but does not have
    a vector; correlation is of units with the same index (brainscore), or of the best partner (mouse_vision).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import pdist, squareform

from ..._base.checks import FloatArray
from ...metrics import (
    CKA,
    ENSD,
    GULP,
    IMD,
    Bures,
    DistanceCorrelation,
    EigenspaceOverlap,
    GeometricDifference,
    Metric,
    Neighbours,
    RSMNormDifference,
)
from ...metrics.base import Products, Tile, map_pairs


class _OfPair(Metric):
    """A measure that is computed pair by pair from what `prepare` makes of each item."""

    diagonal: float | None = None

    def prepare(self, data: FloatArray, label: str) -> Any:
        """Keep the responses."""
        del label
        return data

    def value(self, x: Any, y: Any) -> float:
        """Return the value of one pair."""
        raise NotImplementedError

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values of two blocks of items."""
        del products
        rows, columns = ([item[self] for item in side] for side in tile.sides)
        return map_pairs(self.value, rows, columns, tile.where, tile.n_threads)


class _Responses(NamedTuple):
    matrix: FloatArray
    label: str


class _UnitByUnit(_OfPair):
    """A measure of representations whose units are matched by their index."""

    def prepare(self, data: FloatArray, label: str) -> _Responses:
        """Keep the responses."""
        return _Responses(data, label)

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return the values of two blocks of items with equal numbers of units."""
        rows, columns = ([item[self] for item in side] for side in tile.sides)
        for i, j in np.argwhere(tile.where):
            x, y = rows[i], columns[j]
            if x.matrix.shape[1] != y.matrix.shape[1]:
                raise ValueError(
                    f"{self.name} compares units one by one, but {x.label} has {x.matrix.shape[1]} units and "
                    f"{y.label} has {y.matrix.shape[1]}"
                )
        return super().pair(tile, products)


class FlatCosine(_UnitByUnit):
    """The cosine between two matrices of responses, unit by unit; nothing is centred or aligned."""

    name = "cosine"
    is_similarity = True

    def value(self, x: _Responses, y: _Responses) -> float:
        """Return the cosine of one pair."""
        return _cosine(x.matrix.ravel(), y.matrix.ravel())


class UpperCosine(_UnitByUnit):
    """The cosine between the entries of two matrices above the diagonal.

    The registry applies this comparison of dissimilarity matrices (zero-padded, if need be) to the responses
    themselves; it means something only for what are square matrices already.
    """

    name = "zero_diagonal-cosine"
    is_similarity = True

    def value(self, x: _Responses, y: _Responses) -> float:
        """Return the cosine of one pair."""
        above = np.triu_indices(x.matrix.shape[0], 1, x.matrix.shape[1])
        return _cosine(x.matrix[above], y.matrix[above])


class MedianCorrelation(_UnitByUnit):
    """The median over units of the correlation between units with the same index (brainscore)."""

    name = "correlation"
    is_similarity = True

    def value(self, x: _Responses, y: _Responses) -> float:
        """Return the median of one pair."""
        sides = [_standardised(side.matrix, side.label) for side in (x, y)]
        return float(np.median(np.einsum("ij,ij->j", *sides)))


class MeanCorrelation(_OfPair):
    """The mean correlation of all units of one representation with all units of the other.

    The registry calls it inter-subject correlation, which usually is that of corresponding units.
    """

    name = "isc"
    is_similarity = True

    def prepare(self, data: FloatArray, label: str) -> FloatArray:
        """Return the mean over units of standardised responses."""
        return np.asarray(_standardised(data, label).mean(axis=1))

    def value(self, x: FloatArray, y: FloatArray) -> float:
        """Return the mean of one pair."""
        return float(np.dot(x, y))


class GramDistance(_OfPair):
    """The Frobenius norm of the difference of two Gram matrices; nothing is centred."""

    name = "euclidean"
    diagonal = 0.0

    def prepare(self, data: FloatArray, label: str) -> FloatArray:
        """Return the Gram matrix."""
        del label
        return np.asarray(data @ data.T)

    def value(self, x: FloatArray, y: FloatArray) -> float:
        """Return the norm of one pair."""
        return float(np.linalg.norm(x - y))


class HSIC(_OfPair):
    """The sum of products of two centred Gram matrices, as stir has it: not divided by anything.

    Its "unbiased" variant removes the diagonal after centring, centres once more as Song's estimator does,
    and multiplies by m - 3 where that divides: it is not unbiased, and is kept for its name.
    """

    is_similarity = True

    def __init__(self, kernel: str = "linear", unbiased: bool = False) -> None:
        self.kernel, self.unbiased = kernel, unbiased
        self.name = f"{'unbiased_' if unbiased else ''}{'kernel' if kernel == 'rbf' else kernel}_HSIC"

    def prepare(self, data: FloatArray, label: str) -> FloatArray:
        """Return the centred Gram matrix."""
        del label
        gram: FloatArray = _KERNELS[self.kernel](data)
        gram -= gram.mean(axis=0)
        gram -= gram.mean(axis=1, keepdims=True)
        if self.unbiased:
            np.fill_diagonal(gram, 0.0)
        return gram

    def value(self, x: FloatArray, y: FloatArray) -> float:
        """Return the sum of one pair."""
        found = float(np.vdot(x, y))
        if not self.unbiased:
            return found
        count, sums = len(x), (x.sum(axis=0), y.sum(axis=0))
        found += float(sums[0].sum() * sums[1].sum()) / ((count - 1) * (count - 2))
        found -= 2 * float(np.dot(*sums)) / (count - 2)
        return found / count * (count - 3)


class KernelCKA(HSIC):
    """Biased CKA with the kernel ``exp(-d**2 / 2)``: the bandwidth is 1 in the units of the responses."""

    is_similarity = True
    diagonal = 1.0

    def __init__(self) -> None:
        super().__init__("rbf")
        self.name = "kernel_CKA"

    def value(self, x: FloatArray, y: FloatArray) -> float:
        """Return the cosine of one pair."""
        return _cosine(x.ravel(), y.ravel())


class SparseHSIC(_OfPair):
    """Products of the diagonals of two Gram matrices, each centred over its rows, by 1 / 500 and not 1 / m.

    The repository keeps the 500 nearest stimuli of each, here all there are if there are fewer, and divides
    by 499^2; off-diagonal products are dropped, unlike in HSIC.
    """

    is_similarity = True
    kept = 500

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel
        self.name = f"{kernel}_sparse_HSIC"

    def prepare(self, data: FloatArray, label: str) -> FloatArray:
        """Return the diagonal of the centred Gram matrix of the nearest stimuli."""
        if self.kernel == "cos":
            norms = np.linalg.norm(data, axis=1, keepdims=True)
            if not norms.all():
                raise ValueError(f"in {label}, stimulus {int(np.argmin(norms))} has no response in any unit")
            data = data / norms
        gram = _KERNELS["rbf" if self.kernel == "rbf" else "linear"](data)
        if len(gram) > self.kept:
            far = np.argsort(gram, axis=1, kind="stable")[:, : -self.kept]
            np.put_along_axis(gram, far, 0.0, axis=1)
        return np.asarray(np.diagonal(gram) - gram.sum(axis=0) / self.kept)

    def value(self, x: FloatArray, y: FloatArray) -> float:
        """Return the sum of products of one pair."""
        return float(np.dot(x, y)) / (self.kept - 1) ** 2


class SquaredGULP(GULP):
    """The square of :class:`~neurogeom.GULP` without a penalty, as resi gives it."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.name = "gulp(squared)"

    def finish(self, values: FloatArray) -> FloatArray:
        """Keep the squares."""
        return values


class NormalisedAngle(CKA):
    """The angle of biased linear CKA as a share of a right angle."""

    def __init__(self) -> None:
        super().__init__(estimator="biased", score="angular")
        self.name = "ensd(angle)"

    def finish(self, values: FloatArray) -> FloatArray:
        """Divide by a right angle."""
        return super().finish(values) / (np.pi / 2)


def _standardised(data: FloatArray, label: str) -> FloatArray:
    """Centre units and scale them to norm 1."""
    centred = data - data[0]
    centred -= centred.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    if not norms.all():
        raise ValueError(f"unit {int(np.argmin(norms))} of {label} does not vary over stimuli")
    return np.asarray(centred / norms)


def _cosine(x: FloatArray, y: FloatArray) -> float:
    return float(np.dot(x, y) / (np.linalg.norm(x) * np.linalg.norm(y)))


def _linear(data: FloatArray) -> FloatArray:
    return np.asarray(data @ data.T)


def _rbf(data: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-squareform(pdist(data, "sqeuclidean")) / 2))


_KERNELS: dict[str, Callable[[FloatArray], FloatArray]] = {"linear": _linear, "rbf": _rbf}


MEASURES: dict[str, Callable[[], Metric]] = {
    "bures_distance": Bures,
    "concentricity_difference": lambda: GeometricDifference("concentricity"),
    "correlation": MedianCorrelation,
    "cos_sparse_HSIC": lambda: SparseHSIC("cos"),
    "cosine": FlatCosine,
    "distance_correlation": DistanceCorrelation,
    "eigenspace_overlap_score": EigenspaceOverlap,
    "ensd": ENSD,
    "ensd-distance=angular_normalized": NormalisedAngle,
    "euclidean": GramDistance,
    "feature_space_linear_cka": lambda: CKA(estimator="biased"),
    "feature_space_linear_cka-debiased_True": CKA,
    "gulp": SquaredGULP,
    "imd": IMD,
    "isc": MeanCorrelation,
    "jaccard_similarity": lambda: Neighbours("jaccard", center=True),
    "kernel_CKA": KernelCKA,
    "kernel_HSIC": lambda: HSIC("rbf"),
    "linear_CKA": lambda: CKA(estimator="biased"),
    "linear_HSIC": HSIC,
    "linear_sparse_HSIC": lambda: SparseHSIC("linear"),
    "magnitude_difference": GeometricDifference,
    "rank_similarity": lambda: Neighbours("rank"),
    "rbf_sparse_HSIC": lambda: SparseHSIC("rbf"),
    "rsm_norm_difference": RSMNormDifference,
    "second_order_cosine_similarity": lambda: Neighbours("second_order_cosine"),
    "unbiased_linear_HSIC": lambda: HSIC(unbiased=True),
    "uniformity_difference": lambda: GeometricDifference("uniformity"),
    "zero_diagonal-cosine": UpperCosine,
}
