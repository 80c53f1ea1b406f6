"""How well new classes are learned from a few examples each, by trial."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray, explain_keywords, user_level
from .._base.isa import core
from .._base.progress import Progress, as_progress
from .._base.results import (
    Column,
    ConvergenceWarning,
    Result,
    columns_of_kind,
    columns_with_errors,
    warn_of_one,
)
from .._base.rng import RandomSource, as_generator, draw_key
from .._base.threads import resolve_threads, single_threaded_blas
from ..clouds.manifolds import Manifolds, ManifoldsLike, as_manifolds

_RULES = ("prototype", "nn", "exemplar")
_PRECISIONS = ("float64", "float32")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FewshotError(Result):
    """Measured few-shot errors; see :func:`fewshot_error`."""

    _headline: ClassVar[tuple[str, ...]] = ("n_classes", "mean_error", "n_shots", "rule")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_classes", "n_features", "n_shots", "n_episodes"),
        *columns_of_kind("setting", "rule"),
        *columns_with_errors("mean_error", over=("", "_points")),
    )

    names: AnyArray
    n_points: NDArray[np.intp]
    error: FloatArray
    error_se: FloatArray
    error_se_points: FloatArray
    mean_error: float
    mean_error_se: float
    mean_error_se_points: float
    n_shots: int
    rule: str
    n_episodes: int
    disjoint: bool
    n_features: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.n_points)


@explain_keywords
def fewshot_error(
    manifolds: ManifoldsLike,
    n_shots: int,
    *,
    rule: str = "prototype",
    n_episodes: int = 200,
    disjoint: bool = True,
    beta: float = 1.0,
    correct_radius: bool = False,
    precision: str = "float64",
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> FewshotError:
    r"""Errors of telling two classes apart after a few examples of each, measured over all pairs of classes.
    """
    clouds = as_manifolds(manifolds)
    n_shots = _validate.as_count(n_shots, "n_shots")
    rule = _validate.as_choice(rule, "rule", _RULES)
    n_episodes = _validate.as_count(n_episodes, "n_episodes")
    precision = _validate.as_choice(precision, "precision", _PRECISIONS)
    beta = _validate.as_number(beta, "beta")
    report = as_progress(progress, "few-shot error")
    found, mean, variance, point_variance = core.fewshot_errors(
        [np.ascontiguousarray(cloud, dtype=np.float64) for cloud in clouds],
        list(range(len(clouds))),
        len(clouds),
        rule,
        n_shots,
        n_episodes,
        bool(disjoint),
        bool(correct_radius),
        precision == "float32",
        beta,
        draw_key(as_generator(rng)),
        resolve_threads(n_threads),
        report,
    )
    error, error_se, error_se_points = found
    return FewshotError(
        names=clouds.names,
        n_points=clouds.n_points,
        error=error,
        error_se=np.sqrt(error_se),
        error_se_points=np.sqrt(error_se_points),
        mean_error=float(np.nanmean(error)),
        mean_error_se=math.sqrt(variance),
        mean_error_se_points=math.sqrt(point_variance),
        n_shots=n_shots,
        rule=rule,
        n_episodes=n_episodes,
        disjoint=bool(disjoint),
        n_features=clouds.n_features,
    )
