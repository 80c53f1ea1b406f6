"""Pictures of results, as in :mod:`neurogeom.report` (need Matplotlib: ``pip install 'neurogeom[plot]'``)."""

from .report.drawing import check_format
from .report.embeddings import plot_dendrogram, plot_embedding, plot_stress
from .report.fewshot import plot_fewshot
from .report.figures import plot_capacity, plot_geometry
from .report.heatmaps import draw_pairwise, linkage_of, plot_pairwise
from .report.model_comparison import model_comparison
from .report.nulls import plot_null
from .report.prediction import plot_prediction
from .report.profiles import plot_profile
from .report.shifts import plot_shift_map

__all__ = [
    "check_format",
    "draw_pairwise",
    "linkage_of",
    "model_comparison",
    "plot_capacity",
    "plot_dendrogram",
    "plot_embedding",
    "plot_fewshot",
    "plot_geometry",
    "plot_null",
    "plot_pairwise",
    "plot_prediction",
    "plot_profile",
    "plot_shift_map",
    "plot_stress",
]
