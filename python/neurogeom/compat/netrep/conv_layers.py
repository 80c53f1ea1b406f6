"""Stands in for ``netrep.conv_layers``: distances of convolutional layers for all shifts of their maps."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..._base.checks import AnyArray, FloatArray
from ...metrics.convolutional import Convolutional
from ...representations.feature_maps import FeatureMaps
from ._estimator import require_equal_widths
from .metrics.linear import LinearMetric


def convolve_metric(metric: Any, X: Any, Y: Any) -> FloatArray:
    """Return the distance of two convolutional layers for each circular shift of the first.

    Parameters
    ----------
    metric : object
        :class:`~neurogeom.compat.netrep.metrics.LinearMetric`, which then runs on the engine of
        :class:`neurogeom.Convolutional`: all shifts at once. Anything else with ``fit(X, Y)`` and
        ``score(X, Y)``, or a LinearMetric with ``parity=True``, is called for each shift.
    X, Y : array-like of shape (n_images, height, width, n_channels)
        Responses to the same images. Numbers of channels may differ if the metric's `zero_pad` is True.

    Returns
    -------
    dists : ndarray of shape (height, width)
        Entry (i, j) has X shifted by (i - height // 2, j - width // 2). No minimum is taken.

    Raises
    ------
    TypeError, ValueError
        If they cannot be read, hold NaN or infinity, do not vary, or do not fit each other.

    Notes
    -----
    netrep also shows a progress bar.

    Examples
    --------
    >>> import numpy as np
    >>> from neurogeom.compat.netrep.metrics import LinearMetric
    >>> X = np.random.default_rng(0).normal(size=(10, 4, 4, 3))
    >>> dists = convolve_metric(LinearMetric(), X, np.roll(X, (1, -1), axis=(1, 2)))
    >>> np.argwhere(dists < 1e-6) - [2, 2]
    array([[ 1, -1]])
    """
    x, y = FeatureMaps(X), FeatureMaps(Y)
    require_equal_widths((x.n_channels, y.n_channels), getattr(metric, "zero_pad", True))
    if x.data.shape[:3] != y.data.shape[:3]:
        raise ValueError(
            f"X and Y must have the same images, height and width, not {x.data.shape[:3]} and "
            f"{y.data.shape[:3]}"
        )
    if isinstance(metric, LinearMetric) and not metric.parity:
        native = Convolutional(float(metric.alpha), metric.score_method, center=bool(metric.center_columns))
        return native.map(x, y).distances
    fixed = _padded(y.data, x.n_channels)
    dists = np.empty((x.height, x.width))
    for i, j in itertools.product(range(x.height), range(x.width)):
        shifted = np.roll(x.data, (i - x.height // 2, j - x.width // 2), axis=(1, 2))
        rows = _padded(shifted, y.n_channels)
        metric.fit(rows, fixed)
        dists[i, j] = metric.score(rows, fixed)
    return dists


def _padded(maps: AnyArray, n_channels: int) -> AnyArray:
    """Return maps as rows (position, channel), with silent channels up to a number."""
    rows = maps.reshape(-1, maps.shape[3])
    return np.pad(rows, ((0, 0), (0, max(0, n_channels - rows.shape[1]))))
