"""Few-shot learning as plain text, CSV files and pictures: what is predicted, beside what is measured."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from .curves import (
    COLOURS,
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

    from ..generalization.fewshot import FewshotGeometry
    from ..generalization.fewshot_error import FewshotError
    from ..generalization.fewshot_prediction import FewshotPrediction

Measured = Mapping[str, Sequence["FewshotError"]]
Predictions = Mapping[str, "FewshotPrediction"]
Predicted = Mapping[str, "FewshotGeometry | FewshotPrediction"]
_MOST_POINTS = 20_000  # more pairs of classes than this are thinned out in pictures
_MEANS = ("mean_signal", "mean_radius", "mean_dimension")


def fewshot_table(
    results: Mapping[str, FewshotGeometry],
    measured: Measured | None = None,
    *,
    predictions: Predictions | None = None,
    label: str = "layer",
) -> str:
    """Tabulate few-shot geometry and errors, one line per data set and number of shots.

    Parameters
    ----------
    results : mapping of str to FewshotGeometry
        Results by name of the data set (a layer, an area, an epoch), for one or several numbers of shots.
    measured : mapping of str to sequence of FewshotError, optional
        Measured errors by name, one for each number of shots.
    predictions : mapping of str to FewshotPrediction, optional
        Errors predicted from all points, for the same numbers of shots; by default those of the geometry.
    label : str
        Header of the column of names.

    Returns
    -------
    str
        A table of means over classes (radius, dimension) and over ordered pairs of classes (signal, errors) ±
        their standard errors.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import fewshot_table
    >>> data = ng.datasets.load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> print(fewshot_table({"layer6": ng.fewshot_geometry(groups, [1, 5])}))
    layer         signal           radius     dimension  shots              error
    ...
    """
    columns = [label, "signal", "radius", "dimension", "shots", "error" if measured is None else "predicted"]
    columns += ["measured"] * (measured is not None)
    rows = []
    errors: Predicted = results if predictions is None else predictions
    _require_shots(_shots_of(results), list(results), predictions, measured)
    for name, result in results.items():
        lead = [name, *(format_estimate(*_estimate(result, field)) for field in _MEANS)]
        for k, m in enumerate(_shots_of(results)):
            row = [
                *(lead if k == 0 else [""] * len(lead)),
                str(m),
                format_estimate(*_predicted(errors[name], k)),
            ]
            if measured is not None:
                found = measured[name][k]
                row.append(format_estimate(found.mean_error, found.mean_error_se))
            rows.append(row)
    return format_table(rows, columns)


def write_fewshot_csv(
    path: str | os.PathLike[str] | IO[str],
    results: Mapping[str, FewshotGeometry],
    measured: Measured | None = None,
    *,
    predictions: Predictions | None = None,
) -> None:
    """Write few-shot geometry and errors to a CSV file, one row per data set and number of shots.

    Parameters
    ----------
    path : path-like or text file
        The file, which is overwritten. With the extension .tsv it has tabs instead of commas, with .json it
        is a list of objects in which NaN is null.
    results : mapping of str to FewshotGeometry
        Results by name of the data set.
    measured : mapping of str to sequence of FewshotError, optional
        Measured errors by name, one for each number of shots.
    predictions : mapping of str to FewshotPrediction, optional
        Errors predicted from all points, for the same numbers of shots; by default those of the geometry.

    Examples
    --------
    >>> import io
    >>> import neurogeom as ng
    >>> from neurogeom.report import write_fewshot_csv
    >>> data = ng.datasets.load_minilm_clinc()
    >>> groups = ng.manifolds(data.layers["layer6"], data.labels)
    >>> out = io.StringIO()
    >>> write_fewshot_csv(out, {"layer6": ng.fewshot_geometry(groups, [1, 5])})
    >>> print(out.getvalue()[:44])
    data,n_manifolds,n_points,n_features,level,m
    """
    shots = _shots_of(results)
    _require_shots(shots, list(results), predictions, measured)
    numbers = [f"{name}{end}" for name in _MEANS for end in ("", "_se")]
    header = ["data", "n_manifolds", "n_points", "n_features", "level", *numbers]
    header += ["n_shots", "mean_error", "mean_error_se"]
    of_trials = ("n_episodes", "mean_error", "mean_error_se")
    if measured is not None:
        header += ["n_episodes", "measured_error", "measured_error_se"]
    rows: list[list[object]] = [[*header]]
    errors: Predicted = results if predictions is None else predictions
    for name, result in results.items():
        sizes: list[object] = [len(result.n_points), int(result.n_points.sum()), int(result.n_features)]
        sizes.append(result.level if predictions is None else "points")
        means = [float(value) for field in _MEANS for value in _estimate(result, field)]
        for k, m in enumerate(shots):
            trials = [] if measured is None else [_number(getattr(measured[name][k], f)) for f in of_trials]
            rows.append([name, *sizes, *means, m, *_predicted(errors[name], k), *trials])
    write_rows(path, rows)


def plot_fewshot(
    results: Mapping[str, FewshotGeometry],
    path: str | os.PathLike[str] | None = None,
    *,
    measured: Measured | None = None,
    predictions: Predictions | None = None,
) -> Figure:
    """Draw what sets the few-shot error of data sets, and the error itself.

    The first panels show signal, radius and dimension (means over classes and pairs), data sets in their
    order. The next shows the mean error against the number of shots, or of data sets where there is only one
    number. Where errors were measured too, they are points on it, and the last panel shows the predicted
    error of each ordered pair of classes against the measured one.

    Parameters
    ----------
    results : mapping of str to FewshotGeometry
        Results by name, in the order of the horizontal axis.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).
    measured : mapping of str to sequence of FewshotError, optional
        Measured errors by name, one for each number of shots.
    predictions : mapping of str to FewshotPrediction, optional
        Errors predicted from all points, for the same numbers of shots; by default those of the geometry.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If `results` is empty.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import plot_fewshot
    >>> data = ng.datasets.load_minilm_clinc()
    >>> results = {
    ...     name: ng.fewshot_geometry(ng.manifolds(X, data.labels), [1, 5])
    ...     for name, X in data.layers.items()
    ... }
    >>> figure = plot_fewshot(results)
    >>> [axis.get_title("left") for axis in figure.axes]
    ['signal', 'radius', 'dimension', 'few-shot error']
    """
    if not results:
        raise ValueError("results is empty")
    names, shots = list(results), _shots_of(results)
    count = 4 + (measured is not None)
    figure = new_figure((3.0 * count, 3.3 + room_for(names)), wspace=0.06, w_pad=0.08, h_pad=0.08)
    panels = new_panels(figure, count)
    for axis, field, colour in zip(panels, _MEANS, COLOURS, strict=False):
        place_names(axis, names)
        draw_by_name(axis, [_estimate(result, field) for result in results.values()], None, colour)
        write_title(axis, field.removeprefix("mean_"), pad=8)
    errors: Predicted = results if predictions is None else predictions
    _require_shots(shots, names, predictions, measured)
    predicted = {name: [_predicted(errors[name], k) for k in range(len(shots))] for name in names}
    found = None
    if measured is not None:
        found = {name: [(e.mean_error, e.mean_error_se) for e in measured[name]] for name in names}
    write_title(panels[3], "few-shot error", pad=8)
    if len(shots) > 1:
        draw_curves(panels[3], shots, predicted, found, "shots", is_log=True)
    else:
        place_names(panels[3], names)
        firsts = None if found is None else [found[name][0] for name in names]
        draw_by_name(panels[3], [line[0] for line in predicted.values()], firsts, COLOURS[3])
    if len(shots) > 1 or measured is not None:
        name_beside(panels[-1], names)
    caption = "bars: ± 2 standard errors"
    if measured is not None:
        _draw_pairs(panels[4], errors, shots, measured)
        caption += "    lines: predicted    " + ("points" if len(shots) > 1 else "crosses") + ": measured"
    return finish(figure, caption, path)


def _draw_pairs(
    axis: Axes,
    results: Predicted,
    shots: Sequence[int],
    measured: Measured,
) -> None:
    """Draw the predicted error of each ordered pair of classes against the measured one."""
    limit = 0.0
    total = sum(len(result.n_points) ** 2 * len(shots) for result in results.values())
    for k, (name, result) in enumerate(results.items()):
        error = np.asarray(result.error).reshape(len(shots), -1)
        trials = np.stack([found.error.ravel() for found in measured[name]])
        known = np.isfinite(error) & np.isfinite(trials)
        points = np.stack([trials[known], error[known]])[:, :: -(-total // _MOST_POINTS)]
        limit = max(limit, float(points.max(initial=0.0)))
        size = 9 if total < 2000 else 4
        axis.scatter(
            points[0],
            points[1],
            s=size,
            color=colour_of(k),
            alpha=0.45,
            lw=0,
            zorder=3,
            rasterized=True,
        )
    limit = 1.05 * limit or 1.0
    axis.plot([0, limit], [0, limit], color=GREY, lw=1, zorder=2)
    axis.set(xlim=(-0.02 * limit, limit), ylim=(-0.02 * limit, limit), aspect="equal")
    axis.locator_params(nbins=5)
    axis.set_xlabel("measured", fontsize=9, color=INK)
    axis.set_ylabel("predicted", fontsize=9, color=INK)
    write_title(axis, "error of each pair", pad=8)


# ---- numbers of one data set


def _shots_of(results: Mapping[str, FewshotGeometry]) -> list[int]:
    """Return the numbers of shots, which must be the same for all."""
    found = [np.atleast_1d(result.n_shots).tolist() for result in results.values()]
    if any(shots != found[0] for shots in found):
        raise ValueError("results must be for the same numbers of shots")
    return found[0] if found else []


def _require_shots(
    shots: Sequence[int], names: Sequence[str], predictions: Predicted | None, measured: Measured | None
) -> None:
    """Refuse predictions and trials that are not of the same data sets and numbers of shots."""
    found: dict[str, dict[str, list[int]]] = {}
    if predictions is not None:
        found["predictions"] = {k: np.atleast_1d(one.n_shots).tolist() for k, one in predictions.items()}
    if measured is not None:
        found["measured"] = {k: [each.n_shots for each in trials] for k, trials in measured.items()}
    for what, by_name in found.items():
        for name in names:
            if name not in by_name:
                raise ValueError(f"{what} has no {name!r}")
            if by_name[name] != list(shots):
                raise ValueError(f"{what}[{name!r}] is for {by_name[name]} shots, not for {list(shots)}")


def _estimate(result: FewshotGeometry, field: str) -> tuple[float, float]:
    return float(getattr(result, field)), float(getattr(result, f"{field}_se"))


def _predicted(result: FewshotGeometry | FewshotPrediction, k: int) -> tuple[float, float]:
    """Return the mean predicted error for the k-th number of shots, and its standard error."""
    value, error = (np.atleast_1d(x)[k] for x in (result.mean_error, result.mean_error_se))
    return float(value), float(error)


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)
