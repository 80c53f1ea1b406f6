"""Learning classes without an example: prototypes that come from another modality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.special import ndtr

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.coordinates import power_of_two_above
from .._base.results import Column, Result, columns_of_kind, columns_with_errors
from .._base.threads import single_threaded_blas
from ..clouds.manifolds import Manifolds, ManifoldsLike, mean_point
from .checks import as_classes

_ALIGNS = ("procrustes", "none")
_SCALES = ("norm", "least_squares")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ZeroShotError(Result):
    """Errors of prototypes from another modality; see :func:`zero_shot_error`.

    Attributes
    ----------
    names : ndarray, shape (C,)
        The classes.
    n_points : ndarray of int, shape (C,)
        Number of points of each.
    error, error_se : ndarray, shape (C, C)
        Share of the points of class a that are nearer to the prototype of b, and its standard error over
        points; NaN on the diagonal.
    snr, predicted : ndarray, shape (C, C)
        Signal-to-noise ratio of the same decision, and the error of a Gaussian with it.
    mean_error, mean_error_se, mean_predicted : float
        Means over all entries; the error counts that entries share points.
    n_features : int
        Number of features.
    align, scale : str
        How prototypes were mapped.
    """

    _headline: ClassVar[tuple[str, ...]] = ("n_classes", "mean_error", "mean_predicted", "align")
    columns: ClassVar[tuple[Column, ...]] = (
        *columns_of_kind("count", "n_classes", "n_features"),
        *columns_of_kind("setting", "align", "scale"),
        *columns_with_errors("mean_error"),
        Column(name="mean_predicted"),
        *columns_of_kind("count", "n_points", of_items=True),
    )

    names: NDArray[Any]
    n_points: NDArray[np.intp]
    error: FloatArray
    error_se: FloatArray
    snr: FloatArray
    predicted: FloatArray
    mean_error: float
    mean_error_se: float
    mean_predicted: float
    n_features: int
    align: str
    scale: str

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.n_points)


def zero_shot_error(
    manifolds: ManifoldsLike,
    prototypes: ArrayLike | Mapping[Any, ArrayLike],
    *,
    align: Literal["procrustes", "none"] = "procrustes",
    scale: Literal["norm", "least_squares"] = "norm",
) -> ZeroShotError:
    r"""Error of telling two classes apart by prototypes that come from another modality.

    For instance, images by embeddings of the names of their classes. Each prototype is mapped into the space
    of the points by the rotation, scale and translation that take the other prototypes to the means of their
    classes.

    Parameters
    ----------
    manifolds : Manifolds, sequence or mapping of array_like (n_points, n_features), or array_like (P, M, N)
        The classes, points first. At least two, with ``align="procrustes"`` at least three.
    prototypes : array_like of shape (C, n_dimensions), or mapping of name to vector
        A prototype of each class, in the order of the classes or by their names; a DataFrame whose index
        names its rows counts as a mapping.
    align : {"procrustes", "none"}
        Map prototypes, each by a fit that leaves it out, or take them as they are.
    scale : {"norm", "least_squares"}
        Scale by the ratio of Frobenius norms, as the paper's code does, or by least squares.

    Returns
    -------
    ZeroShotError

    Raises
    ------
    TypeError, ValueError
        If the data are not finite real matrices, there are too few classes, prototypes do not fit the
        classes, or those to fit do not vary.

    Notes
    -----
    With mapped prototypes :math:`y_a, y_b`, class mean :math:`\mu_a` and covariance :math:`\Sigma_a`,

    .. math:: \mathrm{SNR} = \frac{\tfrac12 (|y_b-\mu_a|^2 - |y_a-\mu_a|^2)}
        {\sqrt{(y_a-y_b)'\Sigma_a(y_a-y_b)}},

    the exact mean over standard deviation of the score; that it is Gaussian is an approximation. Ties count
    one half. With fewer other classes than dimensions the rotation is known only in their span, and what a
    prototype has outside of it is dropped. Standard errors are over points, given the prototypes.

    References
    ----------
    Sorscher, Ganguli, Sompolinsky, "Neural representational geometry underlies few-shot concept learning",
    PNAS 2022.

    Examples
    --------
    Class means of one layer as prototypes for another:

    >>> import numpy as np
    >>> import neurogeom as ng
    >>> text = ng.datasets.load_minilm_clinc()
    >>> clouds, other = (ng.manifolds(text.layers[name], text.labels) for name in ("layer6", "layer4"))
    >>> found = ng.zero_shot_error(clouds, np.stack([cloud.mean(axis=0) for cloud in other]))
    >>> round(found.mean_error, 3), round(found.mean_predicted, 3)
    (0.199, 0.198)
    """
    clouds = as_classes(manifolds)
    align = _validate.as_choice(align, "align", _ALIGNS)  # type: ignore[assignment]
    scale = _validate.as_choice(scale, "scale", _SCALES)  # type: ignore[assignment]
    given = _as_prototypes(prototypes, clouds)
    n = len(clouds)
    size, middle = mean_point(clouds)
    if align == "none":
        if given.shape[1] != clouds.n_features:
            raise ValueError(
                f"prototypes have {given.shape[1]} dimensions, the classes {clouds.n_features}: "
                'align="procrustes" maps them'
            )
        size = max(size, float(np.abs(given).max()))
    elif n < 3:
        raise ValueError(f"there must be at least 3 classes to align prototypes without their own, not {n}")
    unit = power_of_two_above(size)
    with single_threaded_blas():
        points = [(np.asarray(cloud, dtype=np.float64) - middle) / unit for cloud in clouds]
        means = np.stack([cloud.mean(axis=0) for cloud in points])
        placed = (given - middle) / unit if align == "none" else _mapped(given, means, scale)
        error, error_se, snr = (np.full((n, n), np.nan) for _ in range(3))
        of_points = []
        for a, cloud in enumerate(points):
            distances = (placed**2).sum(axis=1) / 2 - cloud @ placed.T
            score = distances - distances[:, [a]]  # (K, C)
            # Rounding of the products and, for data far from zero, of what is left of their coordinates.
            extent = float(np.sqrt(max((cloud**2).sum(axis=1).max(), (placed**2).sum(axis=1).max())))
            tie = 8 * np.finfo(np.float64).eps * extent * math.sqrt(cloud.shape[1]) * (1 + extent)
            wrong = (score < -tie) + 0.5 * (np.abs(score) <= tie)
            towards = (cloud - means[a]) @ (placed - placed[a]).T
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = score.mean(axis=0) / np.sqrt((towards**2).mean(axis=0))
            others = np.arange(n) != a
            error[a, others] = wrong.mean(axis=0)[others]
            snr[a, others] = ratio[others]
            count = len(cloud)
            if count > 1:
                error_se[a, others] = (wrong.std(axis=0, ddof=1) / math.sqrt(count))[others]
                of_points.append(float(wrong[:, others].mean(axis=1).var(ddof=1)) / count)
            else:
                of_points.append(math.nan)
    predicted = ndtr(-snr)
    return ZeroShotError(
        names=clouds.names,
        n_points=clouds.n_points,
        error=error,
        error_se=error_se,
        snr=snr,
        predicted=predicted,
        mean_error=float(np.nanmean(error)),
        mean_error_se=math.sqrt(sum(of_points)) / n,
        mean_predicted=float(np.nanmean(predicted)) if np.isfinite(predicted).any() else math.nan,
        n_features=clouds.n_features,
        align=align,
        scale=scale,
    )


def _as_prototypes(prototypes: Any, clouds: Manifolds) -> FloatArray:
    """Take one prototype for each class, in their order."""
    index = None if isinstance(prototypes, Mapping) else _validate.row_index(prototypes, "prototypes")
    if index is not None and not index.counts:  # rows that have names
        prototypes = dict(zip(index.ids.tolist(), np.asarray(prototypes), strict=True))
    if isinstance(prototypes, Mapping):
        names = [str(name) for name in clouds.names]
        by_name = {str(name): value for name, value in prototypes.items()}
        if set(by_name) != set(names) or len(by_name) != len(prototypes):
            lacking = [name for name in names if name not in by_name][:3]
            extra = [name for name in by_name if name not in names][:3]
            raise ValueError(
                "prototypes must have the names of the classes"
                + (f"; {lacking} are missing" if lacking else "")
                + (f"; {extra} are no classes" if extra else "")
            )
        prototypes = [by_name[name] for name in names]
    given = _validate.as_float_matrix(prototypes, "prototypes")
    if len(given) != len(clouds):
        raise ValueError(
            f"prototypes must have a row for each of the {len(clouds)} classes, not {len(given)}"
        )
    _validate.require_magnitude(float(np.abs(given).max()), "prototypes")
    return given


def _mapped(given: FloatArray, means: FloatArray, scale: str) -> FloatArray:
    """Map each prototype by the Procrustes fit of all others to the means of their classes."""
    given = given / power_of_two_above(float(np.abs(given).max()))
    placed = np.empty_like(means)
    for k in range(len(given)):
        rest = np.arange(len(given)) != k
        start, end = given[rest].mean(axis=0), means[rest].mean(axis=0)
        source, target = given[rest] - start, means[rest] - end
        norm = math.sqrt(float((source**2).sum()))
        if norm == 0 or not target.any():
            which = "prototypes" if norm == 0 else "class means"
            raise ValueError(f"the {which} of all classes but {k} are the same: there is nothing to align")
        # Of the product source' target, through the few dimensions that its factors span.
        (basis, own), (other_basis, other) = (linalg.qr(x.T, mode="economic") for x in (source, target))
        left, values, right = linalg.svd(own @ other.T, full_matrices=False)
        left, right = basis @ left, right @ other_basis.T
        kept = values > len(source) * np.finfo(np.float64).eps * values[0]
        factor = math.sqrt(float((target**2).sum())) / norm
        if scale == "least_squares":
            factor = float(values.sum()) / norm**2
        placed[k] = end + factor * ((given[k] - start) @ left[:, kept]) @ right[kept]
    return placed
