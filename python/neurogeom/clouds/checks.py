"""Checks of stimuli and of what users' models return; continues :mod:`neurogeom._validate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, as_array, as_matrix, require_finite

_CHANNELS = (1, 3, 4)  # of pictures: grey, colours, colours and transparency


def as_function(value: Any, name: str) -> Callable[..., Any]:
    """Take something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def as_stimuli(value: Any, name: str = "stimuli") -> int:
    """Give the number of stimuli of a non-empty array or sequence."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or np.shape(value) == ():
        raise TypeError(f"{name} must be an array or a sequence of stimuli, not {type(value).__name__}")
    if len(value) == 0:
        raise ValueError(f"{name} is empty")
    return len(value)


def as_responses(value: Any, n_stimuli: int, width: int | None) -> AnyArray:
    """Take what a user's model returned: one finite row for each stimulus, always of one width."""
    array = as_matrix(value, "what respond returned")
    if len(array) != n_stimuli or width not in (None, array.shape[1]):
        raise ValueError(
            f"respond must return {n_stimuli} rows, one a stimulus, always of the same width"
            f"{f' ({width})' if width else ''}, not shape {array.shape}"
        )
    require_finite(array, "what respond returned")
    return array


def require_stochastic(same: NDArray[np.bool_], n_repeats: int, perturbed: bool) -> None:
    """Refuse exemplar manifolds of zero radius."""
    if same.any():
        which = f"{int(same.sum())} of {len(same)} stimuli (first: {int(np.argmax(same))})"
        advice = "perturb does not change these stimuli enough" if perturbed else "give perturb"
        raise ValueError(
            f"the model is deterministic: its {n_repeats} responses to {which} are identical to rounding, "
            f"which makes manifolds of zero radius; switch its noise on (dropout, sampling) or {advice}"
        )


def as_images(value: Any, name: str = "images") -> AnyArray:
    """Take finite images (P, H, W) or (P, H, W, C)."""
    array = as_array(value, name)
    if array.ndim not in (3, 4) or array.size == 0:
        raise ValueError(f"{name} must have shape (P, H, W) or (P, H, W, C), not {array.shape}")
    if array.ndim == 4 and array.shape[1] in _CHANNELS and array.shape[3] not in _CHANNELS:
        raise ValueError(
            f"{name} of shape {array.shape} seem to have their channels first, as torch has them: give "
            f"np.moveaxis({name}, 1, -1), of shape (P, H, W, C)"
        )
    require_finite(array, name)
    return array
