"""Pictures of results, as in :mod:`neurogeom.report` (need Matplotlib: ``pip install 'neurogeom[plot]'``)."""

from .report.drawing import check_format
from .report.figures import plot_capacity, plot_geometry
from .report.heatmaps import draw_pairwise, linkage_of, plot_pairwise

__all__ = ["check_format", "draw_pairwise", "linkage_of", "plot_capacity", "plot_geometry", "plot_pairwise"]
