"""Predictions of other responses as plain text, CSV files and pictures: theory, beside what is measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from .curves import (
    COLOURS,
    MARKERS,
    colour_of,
    draw_by_name,
    draw_curves,
    name_beside,
    new_panels,
    place_names,
    room_for,
)
from .drawing import GREY, INK, finish, new_figure, write_title
from .tables import write_rows
from .text import format_estimate, format_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..generalization.prediction_curve import PredictionCurve
    from ..generalization.spectral import SpectralPrediction

# What the theory says for each number of training stimuli, and of all of them.
_OF_TRAINING = ("error", "error_heldout", "training_error", "radius", "dimension")
_OF_DATA = ("effective_dimension", "task_dimension")
_MEASURED = ("error_heldout", "error_heldout_se", "error", "error_se")
_MOST_CONTOURS = 8  # below the largest error


def prediction_table(
    results: Mapping[str, SpectralPrediction],
    measured: Mapping[str, PredictionCurve] | None = None,
    *,
    label: str = "layer",
) -> str:
    """Tabulate how well data sets predict, one line per data set and number of training stimuli.

    Parameters
    ----------
    results : mapping of str to SpectralPrediction
        Results by name of the data set (a layer, an area), for one ridge and one or several ``n_train``.
    measured : mapping of str to PredictionCurve, optional
        Measured errors by name, for the same ``n_train``.
    label : str
        Header of the column of names.

    Returns
    -------
    str
        A table of the effective dimension, the predicted error for stimuli that were not learned from, radius
        and dimension of the error geometry, and the measured error ± its standard error over splits. Errors
        are shares of the power of the responses.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import prediction_table
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> result = ng.spectral_prediction(layers["layer0"], layers["layer6"], n_train=[100, 200], ridge=0.01)
    >>> print(prediction_table({"layer0": result}))
            effective  training  held-out    error      error
    layer   dimension   stimuli     error   radius  dimension
    ...
    """
    columns = [label, "effective\ndimension", "training\nstimuli", "held-out\nerror", "error\nradius"]
    columns.append("error\ndimension")
    _require_alike(results, measured)
    if measured is not None:
        columns[3] = "held-out\npredicted"
        columns.insert(4, "held-out\nmeasured")
    rows = []
    for name, result in results.items():
        fields = {field: np.atleast_1d(getattr(result, field)) for field in _OF_TRAINING}
        for k, count in enumerate(_counts(result)):
            row = [name, f"{result.effective_dimension:.4g}"] if k == 0 else ["", ""]
            row += [str(count)]
            row += [f"{fields[field][k]:.4g}" for field in ("error_heldout", "radius", "dimension")]
            if measured is not None:
                row.insert(4, format_estimate(*_measured(measured[name], k)))
            rows.append(row)
    return format_table(rows, columns)


def write_prediction_csv(
    path: str | os.PathLike[str] | IO[str],
    results: Mapping[str, SpectralPrediction],
    measured: Mapping[str, PredictionCurve] | None = None,
) -> None:
    """Write predictions to a CSV file, one row per data set and number of training stimuli.

    Parameters
    ----------
    path : path-like or text file
        The file, which is overwritten. With the extension .tsv it has tabs instead of commas, with .json it
        is a list of objects in which NaN is null.
    results : mapping of str to SpectralPrediction
        Results by name of the data set, for one ridge and one or several ``n_train``.
    measured : mapping of str to PredictionCurve, optional
        Measured errors by name, for the same ``n_train``.

    Examples
    --------
    >>> import io
    >>> import neurogeom as ng
    >>> from neurogeom.report import write_prediction_csv
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> result = ng.spectral_prediction(layers["layer0"], layers["layer6"], n_train=[100, 200], ridge=0.01)
    >>> out = io.StringIO()
    >>> write_prediction_csv(out, {"layer0": result})
    >>> print(out.getvalue()[:45])
    data,effective_dimension,task_dimension,n_tra
    """
    _require_alike(results, measured)
    header = ["data", *_OF_DATA, "n_train", *_OF_TRAINING]
    if measured is not None:
        header += ["n_splits", *(f"measured_{name}" for name in _MEASURED)]
    rows: list[list[object]] = [[*header]]
    for name, result in results.items():
        for k, count in enumerate(_counts(result)):
            row: list[object] = [name, *(float(getattr(result, field)) for field in _OF_DATA), count]
            row += [_at(result, field, k) for field in _OF_TRAINING]
            if measured is not None:
                curve = measured[name]
                row += [int(curve.n_splits), *(_at(curve, field, k) for field in _MEASURED)]
            rows.append(row)
    write_rows(path, rows)


def plot_prediction(
    results: Mapping[str, SpectralPrediction],
    path: str | os.PathLike[str] | None = None,
    *,
    measured: Mapping[str, PredictionCurve] | None = None,
) -> Figure:
    """Draw the geometry of prediction errors, and learning curves.

    The first panel shows the radius of the error geometry against the root of its dimension; their product is
    the error, which is the same along each grey line. Each data set has a point for each number of training
    stimuli, the largest for the most. The second panel shows the error for stimuli that were not learned from
    against the number of training stimuli (or of data sets, where there is only one number): lines as the
    theory gives it, points as it was measured.

    Parameters
    ----------
    results : mapping of str to SpectralPrediction
        Results by name, for one ridge and one or several ``n_train``.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).
    measured : mapping of str to PredictionCurve, optional
        Measured errors by name, for the same ``n_train``.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If `results` is empty, or `n_train` is not the same for all.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import plot_prediction
    >>> layers = ng.datasets.load_minilm_clinc().layers
    >>> results = {
    ...     name: ng.spectral_prediction(X, layers["layer6"], n_train=[50, 100, 200], ridge=0.01)
    ...     for name, X in layers.items() if name != "layer6"
    ... }
    >>> figure = plot_prediction(results)
    >>> [axis.get_title("left") for axis in figure.axes]
    ['error radius', 'held-out error']
    """
    if not results:
        raise ValueError("results is empty")
    _require_alike(results, measured)
    names = list(results)
    counts = _counts(results[names[0]])
    if any(_counts(result) != counts for result in results.values()):
        raise ValueError("results must be for the same n_train")
    below = room_for(names) if len(counts) == 1 else 0.0
    figure = new_figure((8.6, 3.6 + below), wspace=0.08, w_pad=0.08, h_pad=0.08)
    left, right = new_panels(figure, 2)
    _draw_geometry(left, results)
    predicted = {
        name: [(_at(result, "error_heldout", k), np.nan) for k in range(len(counts))]
        for name, result in results.items()
    }
    found = None
    if measured is not None:
        found = {name: [_measured(measured[name], k) for k in range(len(counts))] for name in names}
    write_title(right, "held-out error", pad=14)
    if len(counts) > 1:
        draw_curves(right, counts, predicted, found, "training stimuli")
    else:
        place_names(right, names)
        firsts = None if found is None else [found[name][0] for name in names]
        draw_by_name(right, [line[0] for line in predicted.values()], firsts, COLOURS[0])
    name_beside(right, names)
    caption = "grey: equal error over all stimuli"
    if measured is not None:
        kind = "points" if len(counts) > 1 else "crosses"
        caption += f"    lines: theory    {kind}: measured ± 2 standard errors over splits"
    return finish(figure, caption, path)


def _draw_geometry(axis: Axes, results: Mapping[str, SpectralPrediction]) -> None:
    """Draw radius against the root of the dimension, over contours of equal error."""
    points = {
        name: (np.sqrt(np.atleast_1d(result.dimension)), np.atleast_1d(result.radius))
        for name, result in results.items()
    }
    x, y = (np.concatenate([pair[k] for pair in points.values()]) for k in (0, 1))
    known = np.isfinite(x) & np.isfinite(y)
    right, top = (1.15 * float(values[known].max(initial=0.0)) or 1.0 for values in (x, y))
    largest = float((x * y)[known].max(initial=0.0)) or 1.0
    grid = np.linspace(right / 200, right, 400)
    for error in _contours(largest):
        line = error / grid
        axis.plot(grid[line <= top], line[line <= top], color="#c4c4c4", lw=0.9, zorder=1)
        at = max(error / top, right / 200)
        if at < right:
            ends = (at, top) if at > 0.04 * right else (right, error / right)
            axis.annotate(
                f"{error:.3g}", ends, (2, 2), textcoords="offset points", fontsize=7, color=GREY, va="bottom"
            )
    for k, (across, up) in enumerate(points.values()):
        colour, marker = colour_of(k), MARKERS[k % len(MARKERS)]
        axis.plot(across, up, color=colour, lw=1.0, alpha=0.6, zorder=3)
        sizes = np.linspace(16, 52, len(across)) if len(across) > 1 else 40
        axis.scatter(across, up, s=sizes, color=colour, marker=marker, lw=0, zorder=4)
    axis.set(xlim=(0, right), ylim=(0, top))
    axis.grid(False)
    axis.set_xlabel("√ error dimension", fontsize=9, color=INK)
    write_title(axis, "error radius", pad=14)


def _contours(largest: float) -> list[float]:
    """Choose round errors up to a bit more than the largest."""
    step = 10.0 ** np.floor(np.log10(largest / _MOST_CONTOURS))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step * _MOST_CONTOURS >= largest)
    return [step * k for k in range(1, int(1.3 * largest / step) + 1)]


# ---- numbers of one data set


def _counts(result: SpectralPrediction | PredictionCurve) -> list[int]:
    """Return the numbers of training stimuli."""
    return [int(count) for count in np.atleast_1d(result.n_train)]


def _require_alike(
    results: Mapping[str, SpectralPrediction], measured: Mapping[str, PredictionCurve] | None
) -> None:
    """Refuse several ridges, and trials that are not for the same numbers of stimuli and the same ridge."""
    for name, result in results.items():
        if np.size(result.ridge) > 1:
            raise ValueError(f"results[{name!r}] must be for one ridge, not {np.size(result.ridge)}")
        if measured is None:
            continue
        if name not in measured:
            raise ValueError(f"measured has no {name!r}")
        other = measured[name]
        asked, found = (
            (_counts(one), np.ravel(one.ridge).tolist(), one.ridge_mode) for one in (result, other)
        )
        if asked != found:
            raise ValueError(
                f"measured[{name!r}] is for n_train {found[0]} and ridge {found[1]} ({found[2]}), not for "
                f"{asked[0]} and {asked[1]} ({asked[2]})"
            )


def _at(result: Any, field: str, k: int) -> float:
    """Return a number for the k-th number of training stimuli."""
    return float(np.atleast_1d(getattr(result, field))[k])


def _measured(curve: PredictionCurve, k: int) -> tuple[float, float]:
    return _at(curve, "error_heldout", k), _at(curve, "error_heldout_se", k)
