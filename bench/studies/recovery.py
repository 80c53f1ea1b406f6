"""Recovery study: known dimension and radius of spheres against effective dimension and radius.

    python bench/studies/recovery.py [--quick] [--out recovery.png]

A manifold is M points drawn uniformly from a (D - 1)-sphere of radius R about a centre of norm 1, in D random
orthonormal directions of 1,000; directions of centres are random too. Estimates are those of
``ng.effective_geometry`` from 200 samples, means over six sets of spheres; unless a table says otherwise for
two manifolds, not centred, and with ``inactive="zero"``. Takes two minutes on one core.

Crosses are a third party's numbers for P = 2, M = 200 and as many features. Its generator is not public;
neither is the D of its radii, for which 4 fits best.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import warnings
from collections.abc import Sequence
from pathlib import Path

import neurogeom as ng
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

N_FEATURES, N_SAMPLES = 1000, 200
POINTS = (50, 100, 200, 400, 800)
DIMENSIONS = (2, 4, 6, 8, 10)
RADII = (0.5, 0.8, 1.0, 1.4, 1.7, 2.0)
CONVENTIONS = ("zero", "exclude", "maxproj")
RADII_DIMENSION = 4
# Third party: M = 200; and D = 10 against M.
THEIR_DIMENSIONS = (2.25, 4.07, 5.60, 6.98, 8.17)
THEIR_RADII = (np.nan, 0.87, 1.03, 1.34, 1.56, 1.77)
THEIR_BIAS = (0.67, 0.75, 0.82, 0.87, 0.90)
INK, GREY, PALE = "#333333", "#8a8a8a", "#e8e8e8"
SHADES = ("#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
COLOURS = dict(zip(CONVENTIONS, ("#08519c", "#e08a1e", "#2e7d4f"), strict=True))


def spheres(n_manifolds: int, n_points: int, dimension: int, radius: float, seed: int) -> np.ndarray:
    """Draw the points (n_manifolds, n_points, N_FEATURES)."""
    rng = np.random.default_rng(seed)
    clouds = np.empty((n_manifolds, n_points, N_FEATURES))
    for cloud in clouds:
        center = rng.normal(size=N_FEATURES)
        axes = np.linalg.qr(rng.normal(size=(N_FEATURES, dimension)))[0]
        points = rng.normal(size=(n_points, dimension))
        points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
        cloud[:] = center / np.linalg.norm(center) + points @ axes.T
    return clouds


@dataclasses.dataclass(frozen=True)
class Case:
    """What is measured, and how."""

    n_points: int
    dimension: int
    radius: float
    n_manifolds: int = 2
    inactive: str = "zero"
    center: bool = False


class Study:
    """Estimates of cases, means over sets of spheres."""

    def __init__(self, n_sets: int) -> None:
        self.n_sets = n_sets
        self.estimates = functools.cache(self._estimates)

    def _estimates(self, case: Case) -> tuple[float, float]:
        found = []
        for seed in range(self.n_sets):
            clouds = spheres(case.n_manifolds, case.n_points, case.dimension, case.radius, seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ng.ConvergenceWarning)
                result = ng.effective_geometry(
                    clouds,
                    n_samples=N_SAMPLES,
                    center=case.center,
                    inactive=case.inactive,
                    rng=seed,
                    n_threads=1,
                )
            found.append((result.effective_dimension, result.effective_radius))
        dimension, radius = np.mean(found, axis=0)
        return float(dimension), float(radius)

    def dimensions(self, cases: Sequence[Case], *, ratio: bool = False) -> list[float]:
        """Effective dimensions, or their ratios to the true ones."""
        return [self.estimates(case)[0] / (case.dimension if ratio else 1) for case in cases]

    def radii(self, cases: Sequence[Case], *, ratio: bool = False) -> list[float]:
        """Effective radii, or their ratios to the true ones."""
        return [self.estimates(case)[1] / (case.radius if ratio else 1) for case in cases]


def print_rows(title: str, head: Sequence[object], rows: dict[str, Sequence[float]]) -> None:
    """Print a table of one title, one line of heads and named rows."""
    print(f"\n{title}\n{'':34}" + "".join(f"{value!s:>8}" for value in head))
    for name, values in rows.items():
        print(f"{name:34}" + "".join(" " * 8 if np.isnan(v) else f"{v:8.2f}" for v in values), flush=True)


def print_tables(study: Study, points: Sequence[int], sizes: Sequence[int]) -> None:
    """Bias against the number of points; recovery by convention."""
    rows = {f"D = {D}": study.dimensions([Case(M, D, 1) for M in points], ratio=True) for D in DIMENSIONS}
    print_rows("Effective dimension / D at R = 1, against M", points, rows)
    rows = {
        f"R = {R:g}": study.radii([Case(M, RADII_DIMENSION, R) for M in points], ratio=True) for R in RADII
    }
    print_rows(f"Effective radius / R at D = {RADII_DIMENSION}, against M", points, rows)
    rows = {"third party (P = 2)": [THEIR_BIAS[POINTS.index(M)] for M in points]}
    radii = {}
    for P in sizes:
        for center in (False, True):
            for inactive in CONVENTIONS:
                cases = [Case(M, 10, 1, P, inactive, center) for M in points]
                name = f"P = {P}, {inactive}, {'' if center else 'not '}centred"
                rows[name] = study.dimensions(cases, ratio=True)
                radii[name] = study.radii(cases, ratio=True)
    print_rows("Effective dimension / D at D = 10, R = 1, against M", points, rows)
    print_rows("Effective radius / R at D = 10, R = 1, against M", points, radii)
    rows, radii = {"third party": THEIR_DIMENSIONS}, {"third party": THEIR_RADII}
    for center in (False, True):
        for inactive in CONVENTIONS:
            name = f"{inactive}, {'' if center else 'not '}centred"
            options = {"inactive": inactive, "center": center}
            rows[name] = study.dimensions([Case(200, D, 1, **options) for D in DIMENSIONS])
            radii[name] = study.radii([Case(200, RADII_DIMENSION, R, **options) for R in RADII])
            for found, theirs in ((rows[name], THEIR_DIMENSIONS), (radii[name], THEIR_RADII)):
                off = np.nanmean((np.array(found) / theirs - 1) ** 2) ** 0.5
                found.append(100 * off)
    off = "off, %"  # root mean square difference from the third party
    print_rows("Effective dimension against D at P = 2, M = 200, R = 1", (*DIMENSIONS, off), rows)
    print_rows(f"Effective radius against R at P = 2, M = 200, D = {RADII_DIMENSION}", (*RADII, off), radii)


def style(axis: Axes, title: str, x_label: str, **legend: object) -> None:
    """Give a panel its title, a quiet frame and a legend."""
    axis.set_title(title, fontsize=10.5, color=INK, loc="left", pad=8)
    axis.set_xlabel(x_label, fontsize=9.5, color=INK)
    axis.grid(color=PALE, lw=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.tick_params(color=GREY, labelcolor=INK, labelsize=9, length=3)
    axis.legend(frameon=False, fontsize=8.5, labelcolor=INK, **legend)


def draw(study: Study, points: Sequence[int]) -> Figure:
    """Bias against the number of points above, recovery at 200 points below."""
    figure = Figure(figsize=(10.5, 7.2), layout="constrained")
    (top_left, top_right), (left, right) = figure.subplots(2, 2)
    for D, shade in zip(DIMENSIONS, SHADES, strict=False):
        values = study.dimensions([Case(M, D, 1) for M in points], ratio=True)
        top_left.plot(points, values, "o-", color=shade, ms=4, label=f"D = {D}")
    theirs = [THEIR_BIAS[POINTS.index(M)] for M in points]
    top_left.plot(points, theirs, "x", color=INK, ms=7, label="third party,\nD = 10", zorder=4)
    for R, shade in zip(RADII, SHADES, strict=True):
        values = study.radii([Case(M, RADII_DIMENSION, R) for M in points], ratio=True)
        top_right.plot(points, values, "o-", color=shade, ms=4, label=f"R = {R:g}")
    for axis in (top_left, top_right):
        axis.axhline(1, color=GREY, lw=1, ls="--")
        axis.set_xscale("log")
        axis.set_xticks(points, [str(M) for M in points])
        axis.minorticks_off()
    for k, (inactive, colour) in enumerate(COLOURS.items()):
        marks = {"color": colour, "ms": 4.5 - 0.5 * k, "label": f'inactive="{inactive}"'}
        cases = [Case(200, D, 1, inactive=inactive) for D in DIMENSIONS]
        left.plot(DIMENSIONS, study.dimensions(cases), "o-", **marks)
        cases = [Case(200, RADII_DIMENSION, R, inactive=inactive) for R in RADII]
        right.plot(RADII, study.radii(cases), "o-", **marks)
    for axis, true, theirs in ((left, DIMENSIONS, THEIR_DIMENSIONS), (right, RADII, THEIR_RADII)):
        axis.plot(true, theirs, "x", color=INK, ms=7, label="third party", zorder=4)
        axis.plot([0, true[-1]], [0, true[-1]], "--", color=GREY, lw=1)
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    style(top_left, "effective dimension / D,  R = 1", "points of each sphere", **beside)
    style(top_right, f"effective radius / R,  D = {RADII_DIMENSION}", "points of each sphere", **beside)
    style(left, "effective dimension,  R = 1, 200 points", "D")
    style(right, f"effective radius,  D = {RADII_DIMENSION}, 200 points", "R")
    return figure


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few points and sets: only shows that it works")
    parser.add_argument("--out", type=Path, default=Path("recovery.png"), help="picture to write")
    options = parser.parse_args()
    study = Study(1 if options.quick else 6)
    points = POINTS[:3] if options.quick else POINTS
    print_tables(study, points, (2,) if options.quick else (2, 10))
    draw(study, points).savefig(options.out, dpi=100)


if __name__ == "__main__":
    main()
