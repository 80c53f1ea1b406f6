"""Profiles of layers as plain text, as CSV files and as a picture."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..profiles import RepresentationProfile
from .drawing import INK, finish, write_title
from .figures import _draw_values, _panels
from .tables import write_rows
from .text import format_estimate, format_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _RED, _GREEN, _PURPLE = "#1f5fa8", "#b4472e", "#2e7d4f", "#6b4fa0"
# Panels: title, and what is drawn there. The first row is what capacities are made of.
_LINES = (
    ("capacity", (("capacity", _BLUE, "o", None),)),
    ("anchor radius", (("anchor_radius", _BLUE, "o", None),)),
    ("anchor dimension", (("anchor_dimension", _BLUE, "o", None),)),
    ("effective dimension", (("effective_dimension", _PURPLE, "o", None),)),
    ("utility", (("utility", _PURPLE, "o", None),)),
    ("few-shot error, predicted", ()),
    ("signal", (("signal", _RED, "o", None),)),
    ("few-shot dimension", (("fewshot_dimension", _RED, "o", None),)),
    (
        "dimension of all points",
        (
            ("participation_ratio", _GREEN, "o", "participation ratio"),
            ("intrinsic_dimension", _PURPLE, "s", "intrinsic"),
        ),
    ),
    ("NC1", (("nc1", _GREEN, "o", None),)),
)
_MARKERS = "osD^vP"


def profile_table(profile: RepresentationProfile, *, label: str = "layer") -> str:
    """Tabulate a profile with its standard errors, one line per layer.

    Parameters
    ----------
    profile : RepresentationProfile
        What :func:`neurogeom.representation_profile` returned.
    label : str
        Header of the column of names.

    Returns
    -------
    str
        Two tables, one below the other: capacity and few-shot geometry; measures of all points together and
        of the joint geometry. Values ± standard errors.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import profile_table
    >>> data = ng.datasets.load_minilm_clinc()
    >>> layers = {"layer6": data.layers["layer6"][:100]}
    >>> profile = ng.representation_profile(layers, data.labels[:100], n_shots=[5], n_samples=20, rng=0)
    >>> print(profile_table(profile))
                               anchor       anchor  ...  error,
    layer        capacity      radius    dimension  ...  5-shot
    ...
    """
    errors = [f"error,\n{m}-shot" for m in profile.n_shots.tolist()]
    first = {
        "capacity": "capacity",
        "anchor_radius": "anchor\nradius",
        "anchor_dimension": "anchor\ndimension",
        "fewshot_dimension": "few-shot\ndimension",
        "signal": "signal",
    }
    second = {
        "participation_ratio": "participation\nratio",
        "intrinsic_dimension": "intrinsic\ndimension",
        "nc1": "NC1",
        "effective_dimension": "effective\ndimension",
        "utility": "utility",
    }
    few = profile.fewshot_error, profile.fewshot_error_se
    tables = []
    for fields, more in ((first, errors), (second, [])):
        rows = []
        for k, name in enumerate(profile.layer.tolist()):
            cells = [
                format_estimate(getattr(profile, field)[k], getattr(profile, f"{field}_se")[k])
                for field in fields
            ]
            if more:
                cells += [format_estimate(*pair) for pair in zip(few[0][k], few[1][k], strict=True)]
            rows.append([name, *cells])
        tables.append(format_table(rows, [label, *fields.values(), *more]))
    return "\n\n".join(tables)


def write_profile_csv(path: str | os.PathLike[str] | IO[str], profile: RepresentationProfile) -> None:
    """Write a profile to a CSV file, one row per layer, every number to full precision.

    Parameters
    ----------
    path : path-like or text file
        The file, which is overwritten. With the extension .tsv it has tabs instead of commas, with .json it
        is a list of objects in which NaN is null.
    profile : RepresentationProfile
        What :func:`neurogeom.representation_profile` returned. Errors are in ``..._se``; few-shot errors have
        a column for each number of examples.

    Examples
    --------
    >>> import io
    >>> import neurogeom as ng
    >>> from neurogeom.report import write_profile_csv
    >>> data = ng.datasets.load_minilm_clinc()
    >>> layers = {"layer6": data.layers["layer6"][:100]}
    >>> profile = ng.representation_profile(layers, data.labels[:100], n_shots=[5], n_samples=20, rng=0)
    >>> out = io.StringIO()
    >>> write_profile_csv(out, profile)
    >>> print(out.getvalue()[:45])
    layer,n_manifolds,n_points,n_features,capacit
    """
    table = profile._table()
    rows = zip(*(values.tolist() for values in table.values()), strict=True)
    write_rows(path, [list(table), *rows])


def plot_profile(profile: RepresentationProfile, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw a profile: a panel for each measure, layers in their order.

    Bars are ± 2 standard errors.

    Parameters
    ----------
    profile : RepresentationProfile
        What :func:`neurogeom.representation_profile` returned.
    path : path-like, optional
        Save the figure there too; the ending gives the format (png, pdf, svg).

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot: it neither opens a window nor has to be closed.

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import neurogeom as ng
    >>> from neurogeom.report import plot_profile
    >>> data = ng.datasets.load_minilm_clinc()
    >>> layers = {name: data.layers[name][:100] for name in ("layer0", "layer6")}
    >>> profile = ng.representation_profile(layers, data.labels[:100], n_samples=20, rng=0)
    >>> figure = plot_profile(profile)
    >>> [axis.get_title("left") for axis in figure.axes][:3]
    ['capacity', 'anchor radius', 'anchor dimension']
    """
    figure, panels = _panels(profile.layer.tolist(), len(_LINES) // 2, rows=2)
    for axis, (title, lines) in zip(panels, _LINES, strict=True):
        for field, colour, marker, name in lines:
            _draw_values(axis, getattr(profile, field), getattr(profile, f"{field}_se"), colour, marker, name)
        if not lines:
            _draw_errors(axis, profile)
        write_title(axis, title, pad=8)
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=8, frameon=False, labelcolor=INK, handlelength=1.2)
    return finish(figure, "bars: ± 2 standard errors", path)


def _draw_errors(axis: Any, profile: RepresentationProfile) -> None:
    """Draw the few-shot error of each number of examples, the more the darker."""
    from matplotlib import colormaps

    shades = colormaps["OrRd"](np.linspace(0.45, 0.95, len(profile.n_shots)))
    for k, m in enumerate(profile.n_shots.tolist()):
        values, errors = profile.fewshot_error[:, k], profile.fewshot_error_se[:, k]
        _draw_values(axis, values, errors, shades[k], _MARKERS[k % len(_MARKERS)], f"{m}-shot")
    axis.set_ylim(bottom=0)
