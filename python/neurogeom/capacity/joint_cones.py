"""Joint cones of a set of manifolds: preparation of points, draws and labels, and projections.

Joint and correlated capacity share this, and drop-ins with their own points, draws and labels enter here.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from .. import _core
from .._base import checks as _validate
from .._base.checks import FloatArray, user_level
from .._base.coordinates import NO_EXTENT, span_coordinates
from .._base.estimates import mean_and_error
from .._base.isa import core
from .._base.progress import ProgressFunction
from .._base.results import ConvergenceWarning
from .._base.rng import draw_key
from ..clouds.dichotomies import Dichotomies, Signs, draw_dichotomies
from ..clouds.manifolds import Manifolds, mean_point

_DRAW_STREAM = 0
# Estimates from fewer samples have no error: each sample moves the mean anchor points that it is measured
# from, and two samples are equally far from their mean.
LEAST_FOR_ERRORS = 10
# Above this share of samples that are inseparable, or have no anchors, there is a warning.
MANY_INSEPARABLE = 0.05


@dataclasses.dataclass(frozen=True)
class JointCones:
    """Points of all manifolds as rows, with a draw and a labeling for each sample."""

    points: FloatArray
    starts: list[int]
    draws: FloatArray
    labels: Signs
    dead: NDArray[np.bool_] | None = None  # manifolds without any extent, if there are any

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
            points, size = joint_coordinates(clouds, center=center, may_rotate=True)
            key = draw_key(draw_generator)
            draws = core.standard_normals(key, _DRAW_STREAM, 0, n_samples, points.shape[1])
        else:
            draws = _validate.as_float_matrix(gaussians, "gaussians")
            if draws.shape != (n_samples, clouds.n_features):
                raise ValueError(
                    f"gaussians must have shape {(n_samples, clouds.n_features)}, not {draws.shape}"
                )
            points, size = joint_coordinates(clouds, center=center, may_rotate=False)
        starts = [0, *map(int, np.cumsum(clouds.n_points))]
        return cls(points, starts, draws, labels, _dead(points, starts, center, size))

    @property
    def n_manifolds(self) -> int:
        """Number of manifolds."""
        return len(self.starts) - 1

    def project(self, margin: float, n_threads: int, progress: ProgressFunction | None) -> JointProjections:
        """Project every draw on its joint cone; if a manifold is dead, project none (status 3)."""
        n_samples = len(self.draws)
        found = core.project_joint(
            self.points,
            self.starts,
            self.draws,
            self.labels,
            self.dead is not None,
            margin,
            n_threads,
            progress and (lambda done, total: progress(done * n_samples // max(1, total), n_samples)),
        )
        return JointProjections(found)


class JointProjections:
    """Squared lengths of the projections and how each solve ended; their components stay in the core.

    A sample has no anchors if it did not converge, or if its projection is the draw itself (in the span of
    the points), so that the weights are one choice of many.
    """

    def __init__(self, found: _core.JointProjections) -> None:
        self._found = found
        self.squared, self.residual, self.status = found.squared, found.residual, found.status
        self.inseparable, self.undetermined = found.inseparable, found.undetermined
        self.has_anchors: NDArray[np.bool_] = (self.status == 0) & ~self.undetermined

    def weights(self, n_points: int) -> scipy.sparse.csr_array[np.float64, tuple[int, int]]:
        """Weights of the points in each sample."""
        return scipy.sparse.csr_array(self._found.weights(), (len(self.status), n_points))

    def anchors(self, inactive: int, n_threads: int) -> dict[str, Any]:
        """Geometry of the anchor points, from the samples that have them; from none if any sample failed."""
        return self._found.anchors(inactive, n_threads, None)

    def parts(self, n_threads: int) -> FloatArray:
        """Parts of the squared length by sample (joint_anchors.hpp, Part); NaN where there are no anchors."""
        return self._found.parts(n_threads, None)

    def capacity(self, n_manifolds: int) -> tuple[float, float]:
        """Manifolds over the mean squared length, with its standard error; NaN if any sample failed."""
        square, error = mean_and_error(self.squared[:0] if self.status.any() else self.squared)
        if square == 0:
            return math.nan, math.nan
        return n_manifolds / square, n_manifolds / square * error / square

    def warn(self, what: str) -> None:
        """Warn if samples have failed, or all are zero, which makes the estimates NaN."""
        if not self.squared.any():
            warnings.warn(
                f"the projections of all {len(self.squared)} samples are zero, which leaves no estimate: "
                "capacity is NaN; take more samples",
                ConvergenceWarning,
                stacklevel=user_level(),
            )
        n_limited = int(np.count_nonzero(self.status == 1))
        if n_limited:
            warnings.warn(
                f"{n_limited} of {len(self.status)} projections did not converge (status 1): {what} NaN",
                ConvergenceWarning,
                stacklevel=user_level(),
            )


def _dead(points: FloatArray, starts: list[int], center: bool, size: float) -> NDArray[np.bool_] | None:
    """Manifolds whose points are all zero, or all manifolds if their points are one and the same."""
    rounding = NO_EXTENT * size * math.sqrt(points.shape[1])
    dead: NDArray[np.bool_] = np.maximum.reduceat(_lengths(points), starts[:-1]) <= (
        rounding if center else 0
    )
    if len(starts) > 2 and float(_lengths(points - points[0]).max()) <= rounding:
        dead[:] = True
    return dead if dead.any() else None


def _lengths(rows: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt((rows**2).sum(axis=1)))


def warn_of_dead(cones: JointCones, clouds: Manifolds, center: bool, what: str) -> None:
    """Name the manifolds that leave nothing to separate."""
    if cones.dead is None:
        return
    dead = np.flatnonzero(cones.dead)
    shown = ", ".join(str(clouds.names[m]) for m in dead[:5]) + (
        f" and {len(dead) - 5} more" if len(dead) > 5 else ""
    )
    origin = "the mean of all points" if center else "zero, or the same in all manifolds"
    warnings.warn(
        f"dead data: all points of manifold {shown} are {origin}, and no hyperplane separates them: "
        f"{what} NaN (status 3)",
        ConvergenceWarning,
        stacklevel=user_level(),
    )


def warn_of_few(found: JointProjections, what: str) -> None:
    """Warn if samples are inseparable or have no anchors, or if too few have anchors for errors."""
    if found.status.any():
        return
    n_samples, n_used = len(found.status), int(np.count_nonzero(found.has_anchors))
    left = "rest on the others" if n_used else "are NaN"
    cannot = "of the dichotomies cannot be separated by a hyperplane through the origin"
    for cases, text in (
        (
            found.inseparable & found.undetermined,
            f"{cannot}; they enter the capacity with the whole span of the points, while {what} {left}",
        ),
        (
            found.inseparable & ~found.undetermined,
            f"{cannot}, because manifolds share points or touch each other: {what} rest on one choice of "
            "many anchor points there",
        ),
        (
            ~found.inseparable & found.undetermined,
            "of the draws lie in their cone, although the dichotomy can be separated: they enter the "
            f"capacity, but their anchor points are not unique, and {what} {left}",
        ),
    ):
        share = float(cases.mean())
        if share > MANY_INSEPARABLE:
            warnings.warn(f"{share:.0%} {text}", ConvergenceWarning, stacklevel=user_level())
    if n_used < LEAST_FOR_ERRORS and n_samples > 1 and n_used:
        warnings.warn(
            f"{what} rest on {n_used} of {n_samples} samples: too few for standard errors, which are NaN",
            ConvergenceWarning,
            stacklevel=user_level(),
        )


def joint_coordinates(clouds: Manifolds, *, center: bool, may_rotate: bool) -> tuple[FloatArray, float]:
    """Coordinates of all points, relative to their mean if `center`, and the largest value of the data.

    With more features than points, and `may_rotate`, they refer to an orthonormal basis of a space with as
    many dimensions as there are points.
    """
    n_points, n_features = int(clouds.n_points.sum()), clouds.n_features
    size, mean = mean_point(clouds)
    origin = mean if center else np.zeros(n_features)

    def columns(start: int, stop: int) -> FloatArray:
        return clouds.features(start, stop) - origin[start:stop]

    if may_rotate and n_features > n_points:
        return span_coordinates(columns, n_features, n_points), size
    return np.ascontiguousarray(columns(0, n_features)), size
