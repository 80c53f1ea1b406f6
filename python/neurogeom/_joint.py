"""Joint cones of a set of manifolds: points, draws and labels made ready, and their projections.

What :mod:`neurogeom.joint` and :mod:`neurogeom.correlated` share.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from . import _validate
from ._coordinates import mean_point, span_coordinates
from ._isa import core
from ._progress import ProgressFunction
from ._results import ConvergenceWarning
from ._rng import draw_key
from ._validate import FloatArray, user_level
from .dichotomies import Dichotomies, Signs, draw_dichotomies
from .manifolds import Manifolds

_DRAW_STREAM = 0


@dataclasses.dataclass(frozen=True)
class JointCones:
    """Points of all manifolds as rows, with a draw and a labeling for each sample."""

    points: FloatArray
    starts: list[int]
    draws: FloatArray
    labels: Signs

    @classmethod
    def prepare(
        cls,
        clouds: Manifolds,
        *,
        center: bool,
        dichotomies: Dichotomies,
        gaussians: Any,
        n_samples: int,
        generator: np.random.Generator,
    ) -> JointCones:
        """Read the points; labels and draws come from separate streams of the generator."""
        label_generator, draw_generator = generator.spawn(2)
        labels = draw_dichotomies(dichotomies, n_samples, len(clouds), label_generator)
        if gaussians is None:
            points = joint_coordinates(clouds, center=center, may_rotate=True)
            key = draw_key(draw_generator)
            draws = core.standard_normals(key, _DRAW_STREAM, 0, n_samples, points.shape[1])
        else:
            draws = _validate.as_float_matrix(gaussians, "gaussians")
            _validate.require_shape(draws, "gaussians", (n_samples, clouds.n_features))
            points = joint_coordinates(clouds, center=center, may_rotate=False)
        return cls(points, [0, *map(int, np.cumsum(clouds.n_points))], draws, labels)

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.starts) - 1

    def project(self, margin: float, n_threads: int, progress: ProgressFunction | None) -> JointProjections:
        """Project every draw on its joint cone."""
        n_samples = len(self.draws)
        squared, residual, status, inseparable, weights = core.project_joint(
            self.points,
            self.starts,
            self.draws,
            self.labels,
            margin,
            n_threads,
            progress and (lambda done, total: progress(done * n_samples // max(1, total), n_samples)),
        )
        shape = (n_samples, len(self.points))
        return JointProjections(
            squared, residual, status, inseparable, scipy.sparse.csr_array(weights, shape)
        )


@dataclasses.dataclass(frozen=True)
class JointProjections:
    """Squared lengths of the projections, how each solve ended, and the weights of the points."""

    squared: FloatArray
    residual: FloatArray
    status: NDArray[np.int8]
    inseparable: NDArray[np.bool_]
    weights: scipy.sparse.csr_array[np.float64, tuple[int, int]]

    def capacity(self, n_manifolds: int) -> tuple[float, float]:
        """Manifolds over the mean squared length, with its standard error; NaN if any sample failed."""
        square, error = mean_and_error(self.squared[:0] if self.status.any() else self.squared)
        if square == 0:
            return math.inf, math.nan
        return n_manifolds / square, n_manifolds / square * error / square

    def warn(self, what: str) -> None:
        """Say that samples have failed, if any have; which makes the estimates NaN."""
        n_limited = int(np.count_nonzero(self.status == 1))
        if n_limited:
            warnings.warn(
                f"{n_limited} of {len(self.status)} projections did not converge (status 1): {what} NaN",
                ConvergenceWarning,
                stacklevel=user_level(),
            )


def joint_coordinates(clouds: Manifolds, *, center: bool, may_rotate: bool) -> FloatArray:
    """Coordinates of all points, relative to their mean if `center`.

    Where there are more features than points, and `may_rotate`, they are in an orthonormal basis of a space
    of as many dimensions as there are points.
    """
    n_points, n_features = int(clouds.n_points.sum()), clouds.n_features
    _, mean = mean_point(clouds)
    origin = mean if center else np.zeros(n_features)

    def columns(start: int, stop: int) -> FloatArray:
        return clouds.features(start, stop) - origin[start:stop]

    if may_rotate and n_features > n_points:
        return span_coordinates(columns, n_features, n_points)
    return np.ascontiguousarray(columns(0, n_features))


def mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Mean over samples that have a value, and its standard error."""
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return math.nan, math.nan
    mean, n = float(values.mean()), len(values)
    return mean, root_sum_square(values - mean) / math.sqrt(n * (n - 1)) if n > 1 else math.nan


def root_sum_square(vector: FloatArray) -> float:
    """Root of the sum of squares, which may themselves be out of range."""
    largest = float(np.abs(vector).max())
    return largest * float(np.sqrt(((vector / largest) ** 2).sum())) if 0 < largest < math.inf else largest
