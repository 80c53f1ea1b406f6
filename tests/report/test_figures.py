"""Pictures: drawn without global state, readable for few and for many data sets."""

from __future__ import annotations

import dataclasses
import itertools
import math
import subprocess
import sys

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.report import check_format, plot_capacity, plot_geometry


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(3)
    blocks = [rng.normal(rng.normal(size=20), 0.6, size=(10, 20)) for _ in range(6)]
    return ng.manifold_capacity(blocks, n_samples=40, rng=0, null=1)


@pytest.fixture(scope="module")
def geometry():
    rng = np.random.default_rng(3)
    blocks = [rng.normal(rng.normal(size=80), 0.6, size=(10, 80)) for _ in range(6)]
    return ng.effective_geometry(blocks, n_samples=40, rng=0)


def _boxes(axis):
    return [text.get_window_extent() for text in axis.get_xticklabels()]


@pytest.mark.parametrize("count", [1, 4, 7, 40])
def test_names_below_the_panels_do_not_overlap(result, count):
    figure = plot_capacity({f"layer{k}": result for k in range(count)})
    figure.draw_without_rendering()
    assert [axis.get_title("left") for axis in figure.axes] == ["capacity", "radius", "dimension"]
    page = figure.bbox
    for axis in figure.axes:
        boxes = _boxes(axis)
        assert 1 <= len(boxes) <= 16
        for box in boxes:
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= page.x1
        if axis.get_xticklabels()[0].get_rotation() == 0:
            for left, right in itertools.pairwise(boxes):
                assert left.x1 < right.x0


def test_long_and_odd_names(result):
    names = ["a" * 60, "cost $x_1$ of $y$", "", "Größe"]
    figure = plot_capacity(dict.fromkeys(names, result))
    figure.draw_without_rendering()
    shown = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert len(shown[0]) < 30
    assert shown[1] == r"cost \$x_1\$ of \$y\$"


def test_bars_are_two_standard_errors(result):
    figure = plot_capacity({"a": result, "b": result})
    container = figure.axes[0].containers[0]
    low, high = container.lines[2][0].get_segments()[0][:, 1]
    assert low == pytest.approx(result.mean_capacity - 2 * result.mean_capacity_se)
    assert high == pytest.approx(result.mean_capacity + 2 * result.mean_capacity_se)


@pytest.mark.parametrize("count", [1, 4, 30])
def test_geometry_has_four_panels_and_a_legend_beside_them(geometry, count):
    names = [f"layer{k}" for k in range(count)]
    figure = plot_geometry(dict.fromkeys(names, geometry), nulls={names[0]: [geometry, geometry]})
    figure.draw_without_rendering()
    titles = [axis.get_title("left") for axis in figure.axes]
    assert titles == ["joint capacity", "effective radius", "effective dimension", "mean |cosine|"]
    legend = figure.axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["centers", "axes", "center and axis"]
    box = legend.get_window_extent()
    assert box.x0 >= figure.axes[-1].get_window_extent().x1
    assert box.x1 <= figure.bbox.x1
    assert "grey" in figure.get_supxlabel()


def test_geometry_bars_are_two_standard_errors(geometry):
    figure = plot_geometry({"a": geometry})
    assert "grey" not in figure.get_supxlabel()
    fields = ("capacity", "effective_radius", "effective_dimension", "center_alignment_abs")
    for axis, field in zip(figure.axes, fields, strict=True):
        low, high = axis.containers[0].lines[2][0].get_segments()[0][:, 1]
        value, error = getattr(geometry, field), getattr(geometry, f"{field}_se")
        assert (low, high) == pytest.approx((value - 2 * error, value + 2 * error))


def test_geometry_with_missing_values_and_a_file(geometry, tmp_path):
    hole = dataclasses.replace(geometry, effective_radius=math.nan, effective_radius_se=math.nan)
    path = tmp_path / "geometry.png"
    plot_geometry({"a": geometry, "b": hole}, path, nulls={"a": [hole]})
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="results is empty"):
        plot_geometry({})


def test_missing_values_leave_a_gap(result):
    hole = dataclasses.replace(result, mean_capacity=math.nan, mean_capacity_se=math.nan, null=None)
    figure = plot_capacity({"a": result, "b": hole, "c": result})
    figure.draw_without_rendering()


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<")])
def test_saved_where_asked(result, tmp_path, ending, magic):
    path = tmp_path / f"capacity.{ending}"
    plot_capacity({"a": result, "b": result}, path)
    data = path.read_bytes()
    assert data.startswith(magic)
    assert len(data) > 5000


def test_neither_pyplot_nor_a_display_is_used(result):
    code = (
        "import sys, neurogeom.report as p; assert 'matplotlib' not in sys.modules; "
        "p.check_format('x.png'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="results is empty"):
        plot_capacity({})


def test_unknown_format_is_refused_early():
    with pytest.raises(ValueError, match=r"capacity\.docx must end in one of .*png"):
        check_format("capacity.docx")


def test_missing_matplotlib_names_the_extra(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'neurogeom\[plot\]'"):
        plot_capacity({"a": result})
