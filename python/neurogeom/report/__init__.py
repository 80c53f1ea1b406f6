"""Results as text, files and pictures; pictures need Matplotlib (``pip install 'neurogeom[plot]'``)."""

from .capacities import alignment_table, capacity_table, geometry_table, simulated_table, write_csv
from .drawing import check_format
from .embeddings import plot_dendrogram, plot_embedding, plot_stress
from .fewshot import fewshot_table, plot_fewshot, write_fewshot_csv
from .figures import plot_capacity, plot_geometry
from .heatmaps import draw_pairwise, linkage_of, plot_pairwise
from .model_comparison import model_comparison
from .nulls import plot_null
from .pairs import embedding_table, pairwise_table, uncertainty_table, write_pairwise_csv
from .prediction import plot_prediction, prediction_table, write_prediction_csv
from .profiles import plot_profile, profile_table, write_profile_csv
from .shifts import plot_shift_map
from .text import format_estimate, format_table

__all__ = [
    "alignment_table",
    "capacity_table",
    "check_format",
    "draw_pairwise",
    "embedding_table",
    "fewshot_table",
    "format_estimate",
    "format_table",
    "geometry_table",
    "linkage_of",
    "model_comparison",
    "pairwise_table",
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
    "prediction_table",
    "profile_table",
    "simulated_table",
    "uncertainty_table",
    "write_csv",
    "write_fewshot_csv",
    "write_pairwise_csv",
    "write_prediction_csv",
    "write_profile_csv",
]
