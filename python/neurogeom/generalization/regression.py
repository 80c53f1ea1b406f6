"""Stimuli and the responses to predict, as theory and trials of ridge regression take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import NO_EXTENT, power_of_two_above
from ..representations.checks import require_same_indices

MODES = ("per_sample", "total")


class Regression(NamedTuple):
    """The data of a regression, centred if asked for, in units of powers of two."""

    X: FloatArray | None  # (P, N); None with a kernel
    kernel_gram: FloatArray | None  # (P, P) with a kernel
    Y: FloatArray  # (P, C)
    repeats: FloatArray | None  # (R, P, C)
    unit: float  # of X; its square is that of Gram matrices
    is_centred: bool
    removed: float = 0.0  # eigenvalue that centring took from a kernel: its rounding stays, over P eps

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli."""
        return len(self.Y)

    def gram(self) -> FloatArray:
        """Return the Gram matrix of the stimuli."""
        if self.kernel_gram is not None:
            return self.kernel_gram
        assert self.X is not None
        half = linalg.blas.dsyrk(1.0, self.X.T, trans=1)  # the upper triangle
        gram: FloatArray = half + half.T
        gram.flat[:: len(gram) + 1] /= 2
        return gram


def as_regression(X: Any, Y: Any, *, center: bool, kernel: Any) -> Regression:
    """Check the data of a regression, and centre them if asked for."""
    if not isinstance(center, (bool, np.bool_)):
        raise TypeError(f"center must be a bool, not {_validate.shown(center)}")
    inputs = _validate.as_float_matrix(X, "X")
    responses = _as_responses(Y)
    P = len(inputs)
    if responses.shape[1] != P:
        raise ValueError(f"X and Y must have the same stimuli, not {P} and {responses.shape[1]}")
    if np.ndim(Y) < 3:
        require_same_indices([("X", _validate.row_index(X, "X")), ("Y", _validate.row_index(Y, "Y"))])
    _validate.as_count(P, "the number of stimuli (rows of X)", minimum=2)
    unit, scaled = _scaled(inputs, "X")
    _, targets = _scaled(responses, "Y")
    mean = targets.mean(axis=0)
    repeats = targets if len(targets) > 1 else None
    if center:
        mean = _centred(mean)
        if repeats is not None:
            repeats = np.stack([_centred(one) for one in repeats])
    if not mean.any():
        raise ValueError(f"Y does not vary{' over stimuli' if center else ''}: there is nothing to predict")
    if kernel is not None:
        gram = _kernel_gram(kernel, inputs)
        unit = float(np.sqrt(np.abs(gram).max())) or 1.0
        unit = power_of_two_above(unit)
        gram = gram / unit**2
        _require_nonnegative_eigenvalues(gram)
        removed = abs(float(gram.mean())) if center else 0.0
        if center:
            gram = _centred(_centred(gram).T)
        if np.abs(gram).max() <= max(NO_EXTENT, P * np.finfo(np.float64).eps * removed):
            raise ValueError("the kernel of X does not vary over stimuli: it predicts nothing")
        return Regression(None, gram, mean, repeats, unit, bool(center), removed)
    if center:
        scaled = _centred(scaled)
    if np.abs(scaled).max() <= NO_EXTENT:
        raise ValueError(f"X does not vary{' over stimuli' if center else ''}: it predicts nothing")
    return Regression(scaled, None, mean, repeats, unit, bool(center))


def _as_responses(Y: Any) -> FloatArray:
    """Take responses as (n_repeats, n_stimuli, n_targets)."""
    array = _validate.as_array(Y, "Y")
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise ValueError(
            "Y must be of shape (n_stimuli, n_targets), (n_stimuli,) or (n_repeats, n_stimuli, n_targets), "
            f"not {array.shape}"
        )
    if array.ndim == 1:
        array = array[:, None]
    responses = np.ascontiguousarray(array, dtype=np.float64)
    _validate.require_finite(responses, "Y")
    return responses if responses.ndim == 3 else responses[None]


def _scaled(array: FloatArray, name: str) -> tuple[float, FloatArray]:
    """Divide by a power of two, which is exact, so that squares stay in range."""
    size = float(np.abs(array).max())
    _validate.require_magnitude(size, name)
    unit = power_of_two_above(size)
    return unit, array / unit


def _centred(array: FloatArray) -> FloatArray:
    """Remove the mean over the first axis, twice: the first pass leaves the rounding of a large mean."""
    size = np.abs(array).max(axis=0)
    centred: FloatArray = array - array.mean(axis=0)
    centred -= centred.mean(axis=0)
    centred[:, np.abs(centred).max(axis=0) <= NO_EXTENT * size] = 0.0
    return centred


def _kernel_gram(kernel: Any, X: FloatArray) -> FloatArray:
    if not callable(getattr(kernel, "gram", None)):
        raise TypeError(f"kernel must have a method gram(X), which {type(kernel).__name__} has not")
    gram = _validate.as_float_matrix(kernel.gram(X), "kernel.gram(X)")
    if gram.shape != (len(X), len(X)):
        raise ValueError(f"kernel.gram(X) must be of shape {(len(X), len(X))}, not {gram.shape}")
    _validate.require_symmetric_values(gram, gram.dtype, "kernel.gram(X)")
    return (gram + gram.T) / 2


def _require_nonnegative_eigenvalues(gram: FloatArray) -> None:
    values = linalg.eigvalsh(gram, check_finite=False)
    # Kernels are often computed in single precision.
    if values[0] < -1e-6 * np.abs(values).max():
        raise ValueError(
            "kernel.gram(X) must have no negative eigenvalues, but its least and largest are "
            f"{values[0]:.3g} and {values[-1]:.3g} times a power of two"
        )


def as_training_sizes(n_train: int | Sequence[int], n_stimuli: int) -> tuple[NDArray[np.intp], bool]:
    """Take one or several numbers of training stimuli; return them, and whether they came as a sequence."""
    several = np.ndim(n_train) > 0
    sizes = [_validate.as_count(one, "n_train") for one in (n_train if several else [n_train])]  # type: ignore[union-attr]
    if not sizes:
        raise ValueError("n_train is empty")
    if max(sizes) > n_stimuli:
        raise ValueError(f"n_train must be at most the number of stimuli ({n_stimuli}), not {max(sizes)}")
    return np.array(sizes, dtype=np.intp), several


def as_penalties(ridge: float | Sequence[float]) -> tuple[FloatArray, bool]:
    """Take one or several ridges; return them, and whether they came as a sequence."""
    several = np.ndim(ridge) > 0
    ridges = [_validate.as_number(one, "ridge") for one in (ridge if several else [ridge])]  # type: ignore[union-attr]
    if not ridges:
        raise ValueError("ridge is empty")
    if min(ridges) < 0:
        raise ValueError(f"ridge must not be negative, but is {min(ridges)}")
    return np.array(ridges), several
