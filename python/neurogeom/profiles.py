"""Capacity, few-shot geometry and what else is said to predict generalization, of layers, in one table."""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._base import checks as _validate
from ._base.checks import FloatArray
from ._base.progress import Progress, as_progress
from ._base.results import Column, Result, columns_of_kind, columns_with_errors
from ._base.rng import RandomSource, as_generator, draw_key, twin
from .capacity.joint import effective_geometry
from .capacity.mean_field import manifold_capacity
from .clouds.collapse import neural_collapse
from .clouds.dimensionality import dimensionality, participation_error
from .clouds.intrinsic import intrinsic_dimension
from .clouds.manifolds import Manifolds, as_manifolds
from .clouds.manifolds import manifolds as manifolds_of
from .generalization.fewshot import fewshot_geometry
from .logits.models import LogitSummary, summary

_Out = TypeVar("_Out")

# Of each layer one number, with its standard error.
MEASURES = (
    "capacity",
    "anchor_radius",
    "anchor_dimension",
    "fewshot_radius",
    "fewshot_dimension",
    "signal",
    "participation_ratio",
    "intrinsic_dimension",
    "nc1",
    "effective_dimension",
    "utility",
)
# Of layers that hold logits.
LOGITS = ("confidence", "entropy", "energy", "gap", "accuracy", "margin", "auroc")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RepresentationProfile(Result):
    """Measures of L layers (or areas, or epochs), one row each; see :func:`representation_profile`.

    Attributes
    ----------
    layer : ndarray of str, shape (L,)
        Names.
    n_manifolds, n_points, n_features : ndarray, shape (L,)
        Numbers of classes, of points of all classes, and of features.
    capacity, anchor_radius, anchor_dimension : ndarray, shape (L,)
        ``mean_capacity``, ``mean_radius`` and ``mean_dimension`` of :func:`manifold_capacity`: the dimension
        is a Gaussian width on anchor points, and capacity falls as it rises.
    fewshot_radius, fewshot_dimension, signal : ndarray, shape (L,)
        Means over classes (signal: over ordered pairs of classes) of :func:`fewshot_geometry`. The radius is
        in units of the data. The dimension is the participation ratio of a class; at the same signal and
        overlaps, the error falls as it rises.
    n_shots : ndarray, shape (S,)
        Numbers of examples.
    fewshot_error : ndarray, shape (L, S)
        ``mean_error`` of :func:`fewshot_geometry`: predicted, not measured.
    participation_ratio : ndarray, shape (L,)
        Of all points together (:func:`dimensionality`).
    intrinsic_dimension : ndarray, shape (L,)
        Of all points together (:func:`intrinsic_dimension`, by its defaults).
    nc1 : ndarray, shape (L,)
        Variability within classes relative to between (:func:`neural_collapse`).
    effective_dimension, utility : ndarray, shape (L,)
        Of :func:`effective_geometry`.
    n_used : ndarray, shape (L,)
        Draws behind these two, of `n_samples`: those whose dichotomy can be separated.
    logit_confidence, logit_entropy, logit_energy, logit_gap : ndarray, shape (L,)
        Means over samples (:func:`neurogeom.logits.summary`) for layers that hold logits; NaN for others.
    logit_accuracy, logit_margin, logit_auroc : ndarray, shape (L,)
        The same for measures that need the true class, where there is a column for each class.
    capacity_se, ... : ndarray
        The standard error of each of these: over draws for capacity, anchor and effective measures; over the
        points of each class for the others.
    n_samples : int
        Draws of each capacity.
    inactive : str
        As requested.
    """

    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("label", "layer", of_items=True),
        *columns_of_kind("count", "n_manifolds", "n_points", "n_features", of_items=True),
        *columns_with_errors("capacity", of_items=True),
        *columns_with_errors("anchor_radius", unit="center norm", of_items=True),
        *columns_with_errors("anchor_dimension", of_items=True),
        *columns_with_errors("fewshot_radius", unit="data", of_items=True),
        *columns_with_errors(*MEASURES[4:], of_items=True),
        *columns_with_errors("fewshot_error", of_items=True),
        *columns_of_kind("diagnostic", "n_used", of_items=True),
        *columns_with_errors(*(f"logit_{name}" for name in LOGITS), of_items=True),
    )

    layer: NDArray[Any]
    n_manifolds: NDArray[np.intp]
    n_points: NDArray[np.intp]
    n_features: NDArray[np.intp]
    capacity: FloatArray
    capacity_se: FloatArray
    anchor_radius: FloatArray
    anchor_radius_se: FloatArray
    anchor_dimension: FloatArray
    anchor_dimension_se: FloatArray
    fewshot_radius: FloatArray
    fewshot_radius_se: FloatArray
    fewshot_dimension: FloatArray
    fewshot_dimension_se: FloatArray
    signal: FloatArray
    signal_se: FloatArray
    n_shots: NDArray[np.intp]
    fewshot_error: FloatArray
    fewshot_error_se: FloatArray
    participation_ratio: FloatArray
    participation_ratio_se: FloatArray
    intrinsic_dimension: FloatArray
    intrinsic_dimension_se: FloatArray
    nc1: FloatArray
    nc1_se: FloatArray
    effective_dimension: FloatArray
    effective_dimension_se: FloatArray
    utility: FloatArray
    utility_se: FloatArray
    n_used: NDArray[np.intp]
    logit_confidence: FloatArray
    logit_confidence_se: FloatArray
    logit_entropy: FloatArray
    logit_entropy_se: FloatArray
    logit_energy: FloatArray
    logit_energy_se: FloatArray
    logit_gap: FloatArray
    logit_gap_se: FloatArray
    logit_accuracy: FloatArray
    logit_accuracy_se: FloatArray
    logit_margin: FloatArray
    logit_margin_se: FloatArray
    logit_auroc: FloatArray
    logit_auroc_se: FloatArray
    n_samples: int
    inactive: str

    def __repr__(self) -> str:
        shots = ", ".join(map(str, self.n_shots))
        return f"RepresentationProfile({len(self.layer)} layers, n_shots=[{shots}])"

    def _table(self) -> dict[str, Any]:
        """One row a layer; the errors for each number of shots in columns of their own.

        Measures of logits are there if a layer has any.
        """
        table: dict[str, Any] = {}
        without = set() if np.isfinite(self.logit_confidence).any() else {f"logit_{name}" for name in LOGITS}
        for column in self.columns:
            if column.name not in {"fewshot_error", *without}:
                table |= {name: getattr(self, name) for name in (column.name, *column.errors)}
        for k, m in enumerate(self.n_shots.tolist()):
            table[f"fewshot_error_{m}"] = self.fewshot_error[:, k]
            table[f"fewshot_error_{m}_se"] = self.fewshot_error_se[:, k]
        return table


@_validate.explain_keywords
def representation_profile(
    layers: Any,
    labels: Any = None,
    *,
    n_shots: int | Sequence[int] = (1, 5, 10),
    n_samples: int = 300,
    inactive: str = "drop",
    logits: str | Sequence[str] = (),
    correct_dimension: bool = False,
    rng: RandomSource = None,
    n_threads: int | None = None,
    progress: Progress = False,
) -> RepresentationProfile:
    """Measure layers or areas by all that relates their geometry to what can be learned from them.

    Parameters
    ----------
    layers : mapping, or what functions of manifolds take
        By name of the layer, either matrices (n_samples, n_features), of which `labels` says which samples
        belong together, or sets of manifolds. One set of manifolds, or one matrix with labels, makes one row.
        Numbers of features may differ, and so may classes if they are not given by `labels`.
    labels : array_like of shape (n_samples,), optional
        Class of each sample, the same in all layers.
    n_shots : int or sequence of int
        Numbers of examples for the predicted few-shot error.
    n_samples : int
        Draws of :func:`manifold_capacity` and of :func:`effective_geometry`.
    inactive : {"drop", "zero", "exclude", "maxproj"}
        Convention of :func:`effective_geometry`. Here the default is that of its authors, whose effective
        dimension and utility were found to predict performance on other data.
    logits : str or sequence of str
        Names of layers whose features are the logits of a classifier: they get the measures of
        :func:`neurogeom.logits.summary` too. Those that need the true class are given if there is a column
        for each class, and the classes are called 0, 1, ....
    correct_dimension : bool, default False
        Take the bias of few points out of the few-shot columns, as :func:`fewshot_geometry` does: with 60
        points a class, dimensions of wide layers are otherwise too small by a multiple.
    rng : None, int, SeedSequence or Generator
        Source of randomness. All layers, and both capacities, begin with the same state of it: differences
        between layers are then known better than each of their values.
    n_threads : int, optional
        Threads to use; see the README for the default. Results are the same bits for any number.
    progress : bool or callable
        True for a bar on stderr, or a function of (done, total).

    Returns
    -------
    RepresentationProfile
        An array for each measure, with its standard error, and one entry for each layer. Each is what the
        function that it comes from returns for this layer alone.

    Raises
    ------
    TypeError, ValueError
        As the single functions do; the text begins with the name of the layer.

    Warns
    -----
    ConvergenceWarning, UserWarning
        As the single functions do, with the name of the layer.

    Notes
    -----
    Two dimensions of a class stand side by side, and they are not alternatives: capacity falls as the anchor
    dimension rises, few-shot error falls as the few-shot dimension rises. The page on dimensions in the
    documentation says why, and which of all to use for what.

    Examples
    --------
    >>> import neurogeom as ng
    >>> data = ng.datasets.load_minilm_clinc()
    >>> layers = {name: data.layers[name] for name in ("layer0", "layer6")}
    >>> profile = ng.representation_profile(layers, data.labels, n_shots=(1, 5), n_samples=100, rng=0)
    >>> profile
    RepresentationProfile(2 layers, n_shots=[1, 5])
    >>> bool(profile.capacity[1] > profile.capacity[0]), profile.fewshot_error.shape
    (True, (2, 2))
    """
    named = isinstance(layers, Mapping)
    sets = _as_sets(layers if named else {"data": layers}, labels, named)
    listed: Any = [n_shots] if np.ndim(n_shots) == 0 else n_shots
    shots = [_validate.as_count(one, "n_shots") for one in listed]
    if not shots:
        raise ValueError("n_shots is empty")
    of_logits = {logits} if isinstance(logits, str) else set(logits)
    if not of_logits <= set(sets):
        unknown = sorted(map(str, of_logits - set(sets)))
        raise ValueError(f"logits names {unknown[0]!r}, which is none of the layers: {', '.join(sets)}")
    generator = as_generator(rng)
    report = as_progress(progress, "profile")
    rows: list[dict[str, Any]] = []
    for k, (name, clouds) in enumerate(sets.items()):
        measure = functools.partial(
            _row,
            clouds,
            shots,
            n_samples,
            inactive,
            name in of_logits,
            correct_dimension,
            generator,
            n_threads,
        )
        rows.append(_for_layer(name if named else None, measure))
        if report is not None:
            report(k + 1, len(sets))
    draw_key(generator)  # a Generator goes on
    return RepresentationProfile(
        layer=np.array(list(sets)),
        n_manifolds=np.array([len(clouds) for clouds in sets.values()]),
        n_points=np.array([clouds.n_points.sum() for clouds in sets.values()]),
        n_features=np.array([clouds.n_features for clouds in sets.values()]),
        n_shots=np.array(shots),
        n_samples=n_samples,
        inactive=inactive,
        **{name: np.array([row[name] for row in rows]) for name in rows[0]},
    )


def _as_sets(layers: Mapping[Any, Any], labels: Any, named: bool) -> dict[str, Manifolds]:
    """Manifolds of each layer, by name."""
    if not layers:
        raise ValueError("layers is empty")
    sets: dict[str, Manifolds] = {}
    for key, given in layers.items():
        name = _validate.as_text(key, "a key of layers")
        if name in sets:
            raise ValueError(f"two of the keys of layers are {name!r}")
        if labels is None and named and not isinstance(given, Manifolds) and np.ndim(given) == 2:
            raise ValueError(
                f"layers[{key!r}] is a matrix of shape {np.shape(given)}, which needs labels: pass "
                "representation_profile(layers, labels); for a mapping of classes, {name: classes}"
            )
        grouped = functools.partial(manifolds_of, given, labels)
        make = functools.partial(as_manifolds, given) if labels is None else grouped
        sets[name] = _for_layer(name if named else None, make)
    return sets


def _for_layer(layer: str | None, function: Callable[[], _Out]) -> _Out:
    """Call a function; its errors and warnings begin with the name of the layer."""
    if layer is None:
        return function()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function()
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"layers[{layer!r}]: {error}") from error
    for one in caught:
        warnings.warn(f"layers[{layer!r}]: {one.message}", one.category, stacklevel=_validate.user_level())
    return result


def _row(
    clouds: Manifolds,
    shots: list[int],
    n_samples: int,
    inactive: str,
    of_logits: bool,
    correct_dimension: bool,
    generator: np.random.Generator,
    n_threads: int | None,
) -> dict[str, Any]:
    """All measures of one layer, each with its error."""
    fields: dict[str, Any] = {}

    def add(name: str, value: Any, error: Any) -> None:
        fields[name], fields[f"{name}_se"] = value, error

    draws: dict[str, Any] = {"n_samples": n_samples, "n_threads": n_threads}
    alone = manifold_capacity(clouds, rng=twin(generator), **draws)
    add("capacity", alone.mean_capacity, alone.mean_capacity_se)
    add("anchor_radius", alone.mean_radius, alone.mean_radius_se)
    add("anchor_dimension", alone.mean_dimension, alone.mean_dimension_se)
    few = fewshot_geometry(clouds, shots, correct_dimension=correct_dimension, n_threads=n_threads)
    add("fewshot_radius", few.mean_radius, few.mean_radius_se)
    add("fewshot_dimension", few.mean_dimension, few.mean_dimension_se)
    add("signal", few.mean_signal, few.mean_signal_se)
    add("fewshot_error", few.mean_error, few.mean_error_se)
    points = np.concatenate([np.asarray(cloud, dtype=np.float64) for cloud in clouds])
    spread = dimensionality(points)
    add("participation_ratio", spread.participation_ratio, participation_error(points, clouds.n_points))
    local = intrinsic_dimension(points, n_threads=n_threads)
    add("intrinsic_dimension", local.dimension, local.dimension_se)
    collapse = neural_collapse(clouds)
    add("nc1", collapse.nc1, collapse.nc1_se)
    joint = effective_geometry(clouds, inactive=inactive, rng=twin(generator), **draws)
    add("effective_dimension", joint.effective_dimension, joint.effective_dimension_se)
    add("utility", joint.utility, joint.utility_se)
    fields["n_used"] = joint.n_used
    said = _summary_of_logits(points, clouds) if of_logits else None
    for name in LOGITS:
        add(f"logit_{name}", getattr(said, name, math.nan), getattr(said, f"{name}_se", math.nan))
    return fields


def _summary_of_logits(points: FloatArray, clouds: Manifolds) -> LogitSummary:
    """Summary of logits; with true classes if these are the columns, by their names."""
    columns = range(points.shape[1])
    classes = np.repeat(columns, clouds.n_points) if clouds.names.tolist() == [*columns] else None
    return summary(points, classes)
