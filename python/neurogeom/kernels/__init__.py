"""Kernels of wide networks and of distances, prediction with them, what learning at finite width changes."""

from .networks import NNGP, NTK
from .prediction import GPPrediction, gp_predict
from .radial import RBF, Laplace
from .renormalization import RenormalizedKernel, renormalization

__all__ = [
    "NNGP",
    "NTK",
    "RBF",
    "GPPrediction",
    "Laplace",
    "RenormalizedKernel",
    "gp_predict",
    "renormalization",
]
