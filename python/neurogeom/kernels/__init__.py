"""Kernels of infinitely wide networks, prediction with them, and what learning at finite width changes."""

from .networks import NNGP, NTK
from .prediction import GPPrediction, gp_predict
from .renormalization import RenormalizedKernel, renormalization

__all__ = ["NNGP", "NTK", "GPPrediction", "RenormalizedKernel", "gp_predict", "renormalization"]
