"""Kernels of infinitely wide networks, prediction with them, and what learning does to them at finite width."""

from .networks import NNGP, NTK

__all__ = ["NNGP", "NTK"]
