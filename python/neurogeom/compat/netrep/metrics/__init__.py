"""Stands in for ``netrep.metrics``."""

from .cka import LinearCKA
from .linear import LinearMetric
from .perm import PermutationMetric

__all__ = ["LinearCKA", "LinearMetric", "PermutationMetric"]
