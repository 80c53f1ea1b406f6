"""Centred kernel alignment: the cosine between centred Gram matrices of two representations."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import FloatArray, as_array, as_number, require_finite, require_symmetric_values
from ..representations.blocks import UnitBlocks
from ..representations.checks import TooLittleDataError, as_flag, require_normal_range
from . import checks as check
from ._hsic import (
    LinearGram,
    in_range,
    packed_gram,
    packed_linear_gram,
    rbf_gram,
    repacked,
    resampled_without_copies,
)
from ._products import InnerProduct
from ._stimulus_distances import squared_distances, sum_squared_distances
from .base import Metric, Order, Part, Products, Tile
from .fitting import angles_of


class HasGram(Protocol):
    """A kernel object, such as those of :mod:`neurogeom.kernels`.

    It may have a `name`, by which results call it. A sweep can store a frozen dataclass.
    """

    def gram(self, X: FloatArray, *, n_threads: int) -> Any:
        """Return the symmetric matrix (n_stimuli, n_stimuli) of the rows of a read-only matrix."""


Kernel: TypeAlias = Literal["linear", "rbf"] | Callable[[FloatArray], Any] | HasGram
Estimator: TypeAlias = Literal["biased", "debiased", "lange", "minibatch"]

_KERNELS = ("linear", "rbf")
_ESTIMATORS = ("biased", "debiased", "lange", "minibatch")
_SCORES = ("similarity", "angular")
# U-centred matrices of fewer stimuli are all zero.
_LEAST_STIMULI = 4
# One minus a cosine below this is taken from the difference of the two vectors instead.
_NEARLY_EQUAL = 1e-6


@dataclasses.dataclass(frozen=True)
class GramPart(Part):
    """The centred Gram matrix of an item as a vector of norm 1: CKA is the inner product of two of them."""

    kernel: Any
    estimator: str
    bandwidth: float
    batch_size: int | None
    center: bool

    @property
    def needs_whole(self) -> bool:
        """True for a user's kernel, and for batches of an RBF kernel: each would read the data again."""
        return self.kernel != "linear" and (self.kernel != "rbf" or self.batch_size is not None)

    def prepare(self, data: UnitBlocks) -> FloatArray:
        n_stimuli, label = data.shape[0], data.label
        if self.estimator != "biased":
            check.require_stimuli(n_stimuli, _LEAST_STIMULI, label, f"CKA ({self.estimator})")
        if self.batch_size is not None and self.batch_size > n_stimuli:
            raise TooLittleDataError(
                f"batch_size ({self.batch_size}) is larger than the number of stimuli of {label} "
                f"({n_stimuli})"
            )
        if not data.is_divided:
            vector, noise = self._of_whole(data.whole(), label)
        elif self.kernel == "linear":
            vector, noise = self._summed(data)
        else:
            gram = rbf_gram(sum_squared_distances(data), self.bandwidth, self.center, label)
            vector, noise = packed_gram(gram, self.estimator, self.center)
        norm = float(np.linalg.norm(vector))
        if not norm > noise:
            check.require_spread(max(float(np.ptp(block, axis=0).max()) for block in data), label)
            check.refuse_zero_gram(label)
        vector /= norm
        return vector

    def reordered(self, record: FloatArray, order: Order) -> FloatArray | None:
        # Batches depend on the order, and so may a user's function, which is asked again.
        is_ours = self.kernel in _KERNELS or _is_object(self.kernel)
        return repacked(record, order) if is_ours and self.batch_size is None else None

    def resampled(self, record: FloatArray, stimuli: Order) -> FloatArray | None:
        """Leave out pairs of copies for the debiased estimator, which is one because it leaves out pairs."""
        if self.kernel != "linear" or self.estimator != "debiased":
            return None
        vector = resampled_without_copies(record, _count(len(record)), stimuli)
        different = len(np.unique(stimuli))
        norm = float(np.linalg.norm(vector))
        check.require_stimuli(different, _LEAST_STIMULI, "the resample", f"CKA ({self.estimator})")
        if not norm > 64 * different * np.finfo(np.float64).eps:
            check.refuse_zero_gram("the resample")
        return vector / norm

    def _of_whole(self, data: FloatArray, label: str) -> tuple[FloatArray, float]:
        if self.kernel in _KERNELS:
            data = in_range(data)
        if self.batch_size is None:
            return self._packed(data, self.estimator, label)
        return self._packed_batches(data, self.batch_size, label)

    def _summed(self, blocks: UnitBlocks) -> tuple[FloatArray, float]:
        """Sum the linear Gram matrices of the blocks, separately for each batch of stimuli."""
        n_stimuli = blocks.shape[0]
        batches = [slice(n_stimuli)] if self.batch_size is None else _batches(self.batch_size, n_stimuli)
        grams = [LinearGram(len(range(n_stimuli)[batch]), self.center) for batch in batches]
        for block in blocks:
            for gram, batch in zip(grams, batches, strict=True):
                gram.add(block[batch])
        size = max(gram.size for gram in grams)
        if size:
            for gram in grams:
                gram.rescale(size)
        if self.batch_size is None:
            return grams[0].finish(self.estimator)
        return _chained([gram.finish("debiased") for gram in grams], batches)

    def _packed(self, data: FloatArray, estimator: str, label: str) -> tuple[FloatArray, float]:
        if self.kernel == "linear":
            return packed_linear_gram(data, estimator, self.center)
        if self.kernel == "rbf":
            gram = rbf_gram(squared_distances(data), self.bandwidth, self.center, label)
        else:
            gram = gram_of_users_kernel(self.kernel, data, label)
        return packed_gram(gram, estimator, self.center)

    def _packed_batches(self, data: FloatArray, size: int, label: str) -> tuple[FloatArray, float]:
        """Chain the U-centred batches; the unbiased HSIC of each is weighted by its number of stimuli."""
        batches = _batches(size, len(data))
        found = [
            self._packed(data[batch], "debiased", f"{label}[{batch.start}:{batch.stop}]") for batch in batches
        ]
        return _chained(found, batches)


def _count(pairs: int) -> int:
    """Return of how many stimuli these are the pairs."""
    return round((1 + math.sqrt(1 + 8 * pairs)) / 2)


def _batches(size: int, n_stimuli: int) -> list[slice]:
    """Return consecutive batches; leftover stimuli too few for a batch join the last one."""
    starts = list(range(0, n_stimuli, size))
    if n_stimuli - starts[-1] < _LEAST_STIMULI:
        starts.pop()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], n_stimuli], strict=True)]


def _chained(found: Sequence[tuple[FloatArray, float]], batches: Sequence[slice]) -> tuple[FloatArray, float]:
    """Chain vectors of batches with their weights, and add up their noise."""
    weights = [1 / math.sqrt(batch.stop - batch.start - 3) for batch in batches]
    noise = sum((noise * weight) ** 2 for (_, noise), weight in zip(found, weights, strict=True))
    vectors = [vector * weight for (vector, _), weight in zip(found, weights, strict=True)]
    return np.concatenate(vectors), math.sqrt(noise)


def _is_object(kernel: Any) -> bool:
    return hasattr(kernel, "gram")


def as_kernel(value: Any) -> Any:
    """Take the name of a kernel, a function or a kernel object."""
    if isinstance(value, type):
        raise TypeError(f"kernel must be an object, not a class: write {value.__name__}(...)")
    if not _is_object(value) and not callable(value):
        return _validate.as_choice(value, "kernel", _KERNELS)
    if not isinstance(value, Hashable):  # equal kernels are computed once
        raise TypeError(f"kernel must be hashable, as a frozen dataclass is, but {value!r} is not")
    return value


def gram_of_users_kernel(kernel: Any, data: FloatArray, label: str) -> FloatArray:
    """Return what a function or an object gives for a matrix, which it may not change."""
    protected = data.view()
    protected.flags.writeable = False
    if not _is_object(kernel):
        found = kernel(protected)
    else:
        try:
            found = kernel.gram(protected, n_threads=1)  # items are prepared in threads already
        except ValueError as error:
            raise ValueError(f"the kernel of {label}: {error}") from error
    return _as_gram(found, len(data), f"the kernel's value for {label}")


def _as_gram(value: Any, count: int, name: str) -> FloatArray:
    """Take the Gram matrix that a user's kernel returned, as a float64 copy."""
    given = as_array(value, name)
    array = np.array(given, dtype=np.float64)
    if array.shape != (count, count):
        raise ValueError(f"{name} must have shape {(count, count)}, not {array.shape}")
    require_finite(array, name)
    require_normal_range(array, name)
    require_symmetric_values(array, given.dtype, name)
    return array


class CKA(Metric):
    r"""Centred kernel alignment: the cosine between the centred Gram matrices K and L of two representations.

    :math:`\mathrm{HSIC}(K, L) / \sqrt{\mathrm{HSIC}(K, K)\,\mathrm{HSIC}(L, L)}`; invariant to rotations,
    permutations and a common scale of the units, and to translations.

    Parameters
    ----------
    kernel : {"linear", "rbf"}, kernel object or callable, default "linear"
        ``K = X X'``; or ``K = exp(-d**2 / (2 s**2))`` with Euclidean distances d between stimuli and
        ``s = bandwidth * median(d)``, the median over the m (m - 1) / 2 pairs of stimuli; or the kernel of a
        wide network, such as ``ng.kernels.NTK(depth=3)``; or a function that takes a matrix (n_stimuli,
        n_units), read-only, and returns its symmetric Gram matrix (or an object whose method
        ``gram(X, n_threads=...)`` does).
    estimator : {"debiased", "biased", "lange", "minibatch"}, default "debiased"
        Which estimate of HSIC to use. "biased" (Gretton et al. 2005) is the CKA of most published numbers;
        between unrelated responses of n units to m stimuli it is about n / (m + n), so it grows with the
        number of units. "debiased" (Song et al. 2012) is about 0 there. "lange" leaves out the diagonal of
        the doubly centred matrices. "minibatch" (Nguyen et al. 2021) sums the debiased HSIC over batches of
        stimuli. All but "biased" need four stimuli or more.
    bandwidth : float, default 1.0
        Bandwidth of the RBF kernel, in units of the median distance. Others (the demo of Kornblith et al.)
        take the median of squared distances over the full matrix, its zero diagonal included, which is a
        little less: CKA then differs by up to 1e-2 for 20 stimuli, 1e-3 for 100.
    batch_size : int, optional
        For "minibatch": the number of consecutive stimuli in a batch. If fewer than four are left over they
        join the last batch; four or more form a batch of their own. A batch is weighted by its number of
        stimuli. Kernels see one batch at a time: the median of the RBF kernel is that of the batch.
    center : bool, default True
        False compares the Gram matrices as they are ("biased" only).
    score : {"similarity", "angular"}, default "similarity"
        CKA, at most 1, or the angle ``arccos(CKA)`` in radians, whose small values are accurate even if CKA
        rounds to 1. ``score="angular"`` with "biased" is what netrep calls LinearCKA.

    Notes
    -----
    Kornblith, Norouzi, Lee & Hinton, Similarity of neural network representations revisited, ICML 2019.
    The angle is a metric between (centred) Gram matrices, so it obeys the triangle inequality; 1 - CKA does
    not.

    Estimates other than "biased" may be negative if representations are unrelated (their angle is then above
    pi / 2), and so may any estimate with a kernel that is not positive semidefinite. Such entries are kept
    and marked with 1 in ``Pairwise.flags``; all others are 0.

    A representation whose centred Gram matrix is zero has no CKA and is refused: constant responses or, for
    "debiased", stimuli whose responses are all orthogonal to each other, such as one unit per stimulus.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> rotated = 3 * X @ np.linalg.qr(X[:8])[0] + 1
    >>> round(ng.CKA().similarity(X, rotated), 12)
    1.0
    >>> unrelated = np.random.default_rng(1).normal(size=(50, 200))
    >>> [round(ng.CKA(estimator=name).similarity(X, unrelated), 1) for name in ("debiased", "biased")]
    [0.1, 0.4]
    """

    def __init__(
        self,
        kernel: Kernel = "linear",
        estimator: Estimator = "debiased",
        *,
        bandwidth: float = 1.0,
        batch_size: int | None = None,
        center: bool = True,
        score: Literal["similarity", "angular"] = "similarity",
    ) -> None:
        self.kernel = as_kernel(kernel)
        self.estimator = _validate.as_choice(estimator, "estimator", _ESTIMATORS)
        self.bandwidth = as_number(bandwidth, "bandwidth")
        self.batch_size = (
            None
            if batch_size is None
            else _validate.as_count(batch_size, "batch_size", minimum=_LEAST_STIMULI)
        )
        self.center = as_flag(center, "center")
        self.score = _validate.as_choice(score, "score", _SCORES)
        self._require_fitting_options()
        self.is_similarity = self.score == "similarity"
        self.diagonal = 1.0 if self.is_similarity else 0.0
        self.name = self._name()

    def _require_fitting_options(self) -> None:
        """Refuse options that would be ignored or have no meaning together."""
        if self.bandwidth <= 0:
            raise ValueError(f"bandwidth must be positive, not {self.bandwidth}")
        if self.bandwidth != 1 and self.kernel != "rbf":
            raise ValueError(f"bandwidth is for kernel='rbf' only, but is {self.bandwidth}")
        if self.estimator == "minibatch" and self.batch_size is None:
            raise ValueError("estimator='minibatch' needs batch_size")
        if self.estimator != "minibatch" and self.batch_size is not None:
            raise ValueError(f"batch_size is for estimator='minibatch' only, not for {self.estimator!r}")
        if not self.center and self.estimator != "biased":
            raise ValueError(
                f"center=False is for estimator='biased' only: {self.estimator!r} is defined by its centring"
            )

    def _name(self) -> str:
        options = [] if self.estimator == "debiased" else [self.estimator]
        if self.kernel not in _KERNELS:
            own = (getattr(self.kernel, key, None) for key in ("name", "__name__"))
            options = [next(filter(None, own), type(self.kernel).__name__), *options]
        elif self.kernel == "rbf":
            width = "" if self.bandwidth == 1 else f" {self.bandwidth:g}"
            options = [f"rbf{width}", *options]
        if self.batch_size is not None:
            options[-1] += f" {self.batch_size}"
        options += [] if self.center else ["uncentered"]
        options += [] if self.is_similarity else ["angular"]
        return f"cka({', '.join(options)})" if options else "cka"

    def products(self) -> tuple[InnerProduct, ...]:
        return (InnerProduct(self._part()),)

    def _part(self) -> GramPart:
        return GramPart(self.kernel, self.estimator, self.bandwidth, self.batch_size, self.center)

    def _has_sign(self) -> bool:
        return self.estimator != "biased" or self.kernel not in _KERNELS

    def pair(self, tile: Tile, products: Products) -> FloatArray:
        """Return CKA, or one minus it for angles, of two blocks of items."""
        (product,) = self.products()
        cosine: FloatArray = np.clip(products[product], -1.0 if self._has_sign() else 0.0, 1.0)
        if self.is_similarity:
            return cosine
        gap = np.asarray(1.0 - cosine)
        for i, j in np.argwhere(tile.where & (gap < _NEARLY_EQUAL)):
            difference = tile.rows[i][product.part] - tile.columns[j][product.part]
            gap[i, j] = float(np.dot(difference, difference)) / 2
        return gap

    def finish(self, values: FloatArray) -> FloatArray:
        """Turn the values into angles if `score` says so."""
        return values if self.is_similarity else angles_of(values)

    def flags(self, values: FloatArray) -> NDArray[np.int8] | None:
        """Mark negative estimates by 1."""
        if not self._has_sign():
            return None
        return np.asarray(values < 0 if self.is_similarity else values > np.pi / 2, dtype=np.int8)

    def similarity(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the CKA of one pair of representations, whatever `score` is."""
        return self._with_score("similarity").compare(X, Y, n_threads=n_threads)

    def distance(self, X: Any, Y: Any, *, n_threads: int | None = None) -> float:
        """Return the angle arccos(CKA) of one pair of representations, whatever `score` is."""
        return self._with_score("angular").compare(X, Y, n_threads=n_threads)

    def _with_score(self, score: str) -> CKA:
        other = copy.copy(self)
        other.score = score
        other.is_similarity = score == "similarity"
        return other


def cka(
    X: Any,
    Y: Any,
    *,
    kernel: Kernel = "linear",
    estimator: Estimator = "debiased",
    bandwidth: float = 1.0,
    batch_size: int | None = None,
    center: bool = True,
) -> float:
    """Centred kernel alignment of two representations; see :class:`CKA`.

    Parameters
    ----------
    X, Y : array-like of shape (n_stimuli, n_units)
        Responses to the same stimuli; numbers of units may differ.
    kernel : {"linear", "rbf"}, kernel object or callable, default "linear"
        See :class:`CKA`, also for the parameters below.
    estimator : {"debiased", "biased", "lange", "minibatch"}, default "debiased"
        Most published numbers are "biased", which is larger the more units there are per stimulus.
    bandwidth : float, default 1.0
        Bandwidth of the RBF kernel, in units of the median distance between stimuli.
    batch_size : int, optional
        Stimuli in a batch, for "minibatch".
    center : bool, default True
        Centre the Gram matrices.

    Returns
    -------
    float
        At most 1; debiased estimates may be negative.

    Raises
    ------
    TypeError, ValueError
        If a representation cannot be read, holds NaN or infinity, or has a centred Gram matrix of zero; if
        the stimuli do not match or the options do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(40, 100)), rng.normal(size=(40, 100))
    >>> round(ng.cka(X, Y), 2), round(ng.cka(X, Y, estimator="biased"), 2)
    (-0.01, 0.71)
    """
    metric = CKA(kernel, estimator, bandwidth=bandwidth, batch_size=batch_size, center=center)
    return metric.compare(X, Y)
