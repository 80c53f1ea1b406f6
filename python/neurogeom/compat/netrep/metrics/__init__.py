"""Stands in for ``netrep.metrics``."""

from .cka import LinearCKA
from .linear import LinearMetric
from .perm import PermutationMetric
from .stochastic import EnergyStochasticMetric, GaussianStochasticMetric
from .stochastic_process import GPStochasticMetric

__all__ = [
    "EnergyStochasticMetric",
    "GPStochasticMetric",
    "GaussianStochasticMetric",
    "LinearCKA",
    "LinearMetric",
    "PermutationMetric",
]
