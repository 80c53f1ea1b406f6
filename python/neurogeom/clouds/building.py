"""Making manifolds: repeats of a stochastic model, shifted images, projection, downsampling."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords
from .._base.rng import RandomSource, as_generator
from .._base.threads import single_threaded_blas
from .checks import require_fewer
from .manifolds import Manifolds, ManifoldsLike, as_manifolds

# Feature blocks of all points, and of the projection that goes with them, stay below this.
_BLOCK_BYTES = 1 << 25
# Responses that differ by no more than this many units in the last place are the same up to rounding.
_ROUNDING_UNITS = 4
_CHANNELS = (1, 3, 4)  # of pictures: grey, colours, colours and transparency
_BORDERS = {"edge": "edge", "zero": "constant", "wrap": "wrap"}


@explain_keywords
def exemplar_manifolds(
    respond: Callable[[Any], ArrayLike],
    stimuli: Any,
    n_repeats: int,
    *,
    perturb: Callable[[Any, np.random.Generator], Any] | None = None,
    rng: RandomSource = None,
) -> Manifolds:
    """Make one manifold per stimulus from repeated responses of a model.

    Parameters
    ----------
    respond : callable
        ``respond(stimuli)`` returns the responses, array_like (n_stimuli, n_features), to all stimuli at
        once. It is called `n_repeats` times and brings its own randomness (dropout, sampled noise).
    stimuli : array_like of shape (n_stimuli, ...) or sequence
        The stimuli, passed on as they are; a NumPy array is copied for each call, so that a model that
        writes to its input neither changes the user's data nor looks stochastic because of it.
    n_repeats : int
        Number of points of each manifold, at least 2.
    perturb : callable, optional
        ``perturb(stimuli, generator)`` returns the same number of perturbed stimuli, which are then passed to
        `respond`.
    rng : None, int, SeedSequence or Generator
        Source of the generator that `perturb` receives.

    Returns
    -------
    Manifolds
        Manifold m holds the `n_repeats` responses (n_repeats, n_features) to stimulus m, in the dtype of
        the responses.

    Raises
    ------
    TypeError
        If `respond` or `perturb` is not callable, or responses are not real numbers.
    ValueError
        If responses are not finite or of the wrong shape, or if the model is deterministic: the repeats of
        some stimulus are identical (in float32 and float64: to 4 units of rounding), so that its manifold
        would have zero radius.

    Notes
    -----
    The exemplar manifolds of Dapello, Feather et al., NeurIPS 2021: the stimuli are fixed, and the variation
    comes from the noise of the network, from perturbations of its input, or from both.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> noise = np.random.default_rng(0)
    >>> weights = noise.normal(size=(20, 50))
    >>> def respond(images):
    ...     return np.maximum(0, images @ weights + noise.normal(size=(len(images), 50)))
    >>> ng.exemplar_manifolds(respond, noise.normal(size=(8, 20)), 30)
    Manifolds(8 of 240 points, 50 features)
    """
    model = _as_function(respond, "respond")
    change = None if perturb is None else _as_function(perturb, "perturb")
    n_stimuli = _as_stimuli(stimuli)
    repeats = _validate.as_count(n_repeats, "n_repeats", minimum=2)
    generator = as_generator(rng)
    points: AnyArray | None = None
    for repeat in range(repeats):
        batch = stimuli.copy() if isinstance(stimuli, np.ndarray) else copy.copy(stimuli)
        if change is not None:
            batch = change(batch, generator)
        width = None if points is None else points.shape[2]
        responses = _as_model_output(model(batch), n_stimuli, width)
        if points is None:
            points = np.empty((n_stimuli, repeats, responses.shape[1]), responses.dtype)
        elif (wider := np.result_type(points, responses)) != points.dtype:
            points = points.astype(wider)
        points[:, repeat] = responses  # a copy: the model may use its output array again
    assert points is not None
    _require_stochastic(_identical(points), repeats, change is not None)
    return Manifolds(list(points), None, np.arange(n_stimuli))


def _identical(points: AnyArray) -> NDArray[np.bool_]:
    """Which of the manifolds (P, M, N) consist of a single point, up to rounding."""
    same = np.empty(len(points), dtype=bool)
    precise = points.dtype.kind == "f" and points.dtype.itemsize >= 4
    for m, cloud in enumerate(points):
        low, high = cloud.min(axis=0), cloud.max(axis=0)
        same[m] = (low == high).all()
        if precise and not same[m]:
            limit = _ROUNDING_UNITS * np.finfo(cloud.dtype).eps * max(-low.min(), high.max())
            same[m] = (high / 2 - low / 2).max() <= limit / 2  # halves cannot overflow
    return same


@explain_keywords
def translation_manifolds(
    images: ArrayLike, max_shift: int, n_views: int, rng: RandomSource = None, *, border: str = "edge"
) -> AnyArray:
    """Shift each image by random whole numbers of pixels: the views of an image make one manifold.

    Parameters
    ----------
    images : array_like of shape (P, H, W) or (P, H, W, C)
        Images; the channels, if any, last.
    max_shift : int
        Largest shift along each axis, in pixels, below H and W. For each image, shifts (down, right) are
        drawn without replacement from all (2 max_shift + 1)^2, which include no shift at all.
    n_views : int
        Number of views of each image, at most (2 max_shift + 1)^2; with that many, each shift occurs once.
    rng : None, int, SeedSequence or Generator
        Source of randomness.
    border : {"edge", "zero", "wrap"}
        What comes in from outside: the pixels of the image's edge, zeros, or what left at the other side.
        With ``"wrap"``, 2 max_shift must be below H and W, since larger shifts repeat others.

    Returns
    -------
    ndarray of shape (P, n_views, H, W) or (P, n_views, H, W, C)
        The views, in the dtype of the images. ``views.reshape(P, n_views, -1)`` is a set of manifolds in
        pixel space; for those of a network, see the example.

    Raises
    ------
    TypeError, ValueError
        If the images are not a finite real array of such a shape, or a count is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> images = np.random.default_rng(0).random((5, 16, 16))
    >>> views = ng.translation_manifolds(images, 3, 20, rng=0)
    >>> views.shape
    (5, 20, 16, 16)
    >>> network = lambda batch: batch.reshape(len(batch), -1)[:, ::2]  # (n, H, W) to (n, n_features)
    >>> responses = network(views.reshape(-1, 16, 16))
    >>> ng.manifolds(responses, np.repeat(np.arange(5), 20))
    Manifolds(5 of 100 points, 128 features)
    """
    pictures = _as_images(images)
    height, width = pictures.shape[1:3]
    shift = _validate.as_count(max_shift, "max_shift")
    mode = _BORDERS[_validate.as_choice(border, "border", tuple(_BORDERS))]
    if border == "wrap":
        require_fewer(2 * shift, "2 max_shift (with border 'wrap')", min(height, width), "H and W")
    require_fewer(shift, "max_shift", min(height, width), "H and W")
    side = 2 * shift + 1
    views = _validate.as_count(n_views, "n_views")
    _require_at_most(views, "n_views", side * side, "the number of shifts, (2 max_shift + 1)^2")
    generator = as_generator(rng)
    pad = ((shift, shift), (shift, shift), (0, 0))[: pictures.ndim - 1]
    out = np.empty((len(pictures), views, *pictures.shape[1:]), pictures.dtype)
    for picture, own in zip(pictures, out, strict=True):
        padded = np.pad(picture, pad, mode=mode)  # type: ignore[call-overload]
        for view, number in enumerate(generator.choice(side * side, size=views, replace=False)):
            down, right = divmod(int(number), side)
            own[view] = padded[side - 1 - down :, side - 1 - right :][:height, :width]
    return out


@explain_keywords
def random_projection(manifolds: ManifoldsLike, n_dims: int, rng: RandomSource = None) -> Manifolds:
    """Project all manifolds onto the same random directions.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first. Features are read in blocks.
    n_dims : int
        Number of directions, at most n_features.
    rng : None, int, SeedSequence or Generator
        Source of randomness.

    Returns
    -------
    Manifolds
        The projected points in float64, with the names of the manifolds.

    Raises
    ------
    TypeError, ValueError
        If the input is not finite, manifolds differ in their number of features, or n_dims is out of range.

    Notes
    -----
    A point x (a row) becomes x W with W of shape (n_features, n_dims): independent standard normal entries,
    each column then divided by its length. Every new feature is thus the coordinate along a unit vector drawn
    uniformly, and squared lengths shrink by n_dims / n_features on average. (The released code for the
    adversarial manifolds of Dapello, Feather et al. 2021 also normalises the columns; other code normalises
    the rows. None of the measures depends on the common factor between the two.)

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> clouds = np.random.default_rng(0).normal(size=(5, 20, 3000))
    >>> ng.random_projection(clouds, 500, rng=0)
    Manifolds(5 of 100 points, 500 features)
    """
    clouds = as_manifolds(manifolds)
    dims = _validate.as_count(n_dims, "n_dims")
    n_features, counts = clouds.n_features, clouds.n_points
    _require_at_most(dims, "n_dims", n_features, "the number of features")
    generator = as_generator(rng)
    total = int(counts.sum())
    projected: FloatArray = np.zeros((total, dims))
    squares = np.zeros(dims)
    step = max(1, _BLOCK_BYTES // (8 * max(total, dims)))
    with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_features, step):
            block = clouds.features(start, start + step)
            directions = generator.standard_normal((block.shape[1], dims))
            squares += (directions**2).sum(axis=0)
            projected += block @ directions
    if not np.isfinite(projected).all():
        clouds.require_finite()
        _validate.require_magnitude(float("inf"), "the projection of manifolds")
    projected /= np.sqrt(squares)
    return Manifolds(np.split(projected, np.cumsum(counts)[:-1]), None, clouds.names)


@explain_keywords
def downsample(manifolds: ManifoldsLike, n_points: int, rng: RandomSource = None) -> Manifolds:
    """Keep a random subset of the points of each manifold.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        One point cloud per manifold, points first.
    n_points : int
        Number of points to keep from each, drawn without replacement.
    rng : None, int, SeedSequence or Generator
        Source of randomness.

    Returns
    -------
    Manifolds
        The kept points in their original order, with the names of the manifolds. Nothing is copied.

    Raises
    ------
    TypeError, ValueError
        If the input is not a set of manifolds, or n_points exceeds the number of points of one of them.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> clouds = [np.eye(10)[:6], np.eye(10)]
    >>> ng.downsample(clouds, 4, rng=0)
    Manifolds(2 of 8 points, 10 features)
    """
    clouds = as_manifolds(manifolds)
    wanted = _validate.as_count(n_points, "n_points")
    generator = as_generator(rng)
    counts = clouds.n_points
    for m, count in enumerate(counts):
        _require_at_most(wanted, "n_points", int(count), f"the points of manifold {clouds.names[m]}")
    return clouds.subset([np.sort(generator.choice(n, size=wanted, replace=False)) for n in counts])


def _as_function(value: Any, name: str) -> Callable[..., Any]:
    """Take something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def _as_stimuli(value: Any, name: str = "stimuli") -> int:
    """Return the number of stimuli of a non-empty array or sequence."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or np.shape(value) == ():
        raise TypeError(f"{name} must be an array or a sequence of stimuli, not {type(value).__name__}")
    if len(value) == 0:
        raise ValueError(f"{name} is empty")
    return len(value)


def _as_model_output(value: Any, n_stimuli: int, width: int | None) -> AnyArray:
    """Take what a user's model returned: one finite row for each stimulus, always of one width."""
    array = _validate.as_matrix(value, "what respond returned")
    if len(array) != n_stimuli or width not in (None, array.shape[1]):
        raise ValueError(
            f"respond must return {n_stimuli} rows, one per stimulus, always of the same width"
            f"{f' ({width})' if width else ''}, not shape {array.shape}"
        )
    _validate.require_finite(array, "what respond returned")
    return array


def _require_stochastic(same: NDArray[np.bool_], n_repeats: int, perturbed: bool) -> None:
    """Refuse exemplar manifolds of zero radius."""
    if same.any():
        which = f"{int(same.sum())} of {len(same)} stimuli (first: {int(np.argmax(same))})"
        advice = "make perturb change these stimuli more" if perturbed else "pass perturb"
        raise ValueError(
            f"the model is deterministic: its {n_repeats} responses to {which} are identical to rounding, "
            f"which makes manifolds of zero radius; switch its noise on (dropout, sampling) or {advice}"
        )


def _as_images(value: Any, name: str = "images") -> AnyArray:
    """Take finite images (P, H, W) or (P, H, W, C)."""
    array = _validate.as_array(value, name)
    if array.ndim not in (3, 4) or array.size == 0:
        raise ValueError(f"{name} must have shape (P, H, W) or (P, H, W, C), not {array.shape}")
    if array.ndim == 4 and array.shape[1] in _CHANNELS and array.shape[3] not in _CHANNELS:
        raise ValueError(
            f"{name} of shape {array.shape} seem to have their channels first, as in torch: pass "
            f"np.moveaxis({name}, 1, -1), of shape (P, H, W, C)"
        )
    _validate.require_finite(array, name)
    return array


def _require_at_most(value: int, name: str, limit: int, limit_name: str) -> None:
    """Refuse a count above a limit."""
    if value > limit:
        raise ValueError(f"{name} must be at most {limit_name} ({limit}), not {value}")
