"""Kernels of wide, fully connected networks, by depth."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeAlias

import numpy as np

from .._base.checks import FloatArray, as_choice, as_count, as_float_matrix, as_number
from .._base.codec import registered

Activation: TypeAlias = Literal["relu", "erf"]
_ACTIVATIONS = ("relu", "erf")


@dataclasses.dataclass(frozen=True)
class _NetworkKernel:
    depth: int = 1
    activation: Activation = "relu"
    weight_variance: float = 1.0
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        checked = {
            "depth": as_count(self.depth, "depth", minimum=0),
            "activation": as_choice(self.activation, "activation", _ACTIVATIONS),
            "weight_variance": as_number(self.weight_variance, "weight_variance"),
            "bias_variance": as_number(self.bias_variance, "bias_variance"),
        }
        if checked["weight_variance"] <= 0:
            raise ValueError(f"weight_variance must be positive, not {self.weight_variance}")
        if checked["bias_variance"] < 0:
            raise ValueError(f"bias_variance must not be negative, not {self.bias_variance}")
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    @property
    def name(self) -> str:
        options = [f"{self.activation} {self.depth}"]
        if self.weight_variance != 1:
            options.append(f"weights {self.weight_variance:g}")
        if self.bias_variance:
            options.append(f"biases {self.bias_variance:g}")
        return f"{type(self).__name__.lower()} {' '.join(options)}"

    def gram(self, X: Any, *, n_threads: int | None = None) -> FloatArray:
        X = as_float_matrix(X, "X")
        return self._between(X, X)

    def cross(self, X: Any, Z: Any, *, n_threads: int | None = None) -> FloatArray:
        return self._between(as_float_matrix(X, "X"), as_float_matrix(Z, "Z"))

    def diagonal(self, X: Any) -> FloatArray:
        return np.diagonal(self.gram(X)).copy()

    def _between(self, X: FloatArray, Z: FloatArray) -> FloatArray:
        weights, biases = self.weight_variance, self.bias_variance
        left, right, between = (
            weights * x / X.shape[1] + biases for x in ((X * X).sum(1), (Z * Z).sum(1), X @ Z.T)
        )
        tangent = between
        for _ in range(self.depth):
            if self.activation == "relu":
                size = np.sqrt(np.outer(left, right))
                cosine = np.clip(between / np.where(size > 0, size, 1), -1, 1)
                angle = np.arccos(cosine)
                slope = weights * (np.pi - angle) / (2 * np.pi)
                between = weights * size * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi) + biases
                left, right = (weights * x / 2 + biases for x in (left, right))
            else:
                size = np.outer(1 + 2 * left, 1 + 2 * right)
                slope = 4 * weights / np.pi / np.sqrt(size - 4 * between**2)
                between = 2 * weights / np.pi * np.arcsin(2 * between / np.sqrt(size)) + biases
                left, right = (
                    2 * weights / np.pi * np.arcsin(2 * x / (1 + 2 * x)) + biases for x in (left, right)
                )
            tangent = between + tangent * slope
        return tangent if isinstance(self, NTK) else between


@registered
@dataclasses.dataclass(frozen=True)
class NNGP(_NetworkKernel):
    """Covariance of the outputs of a wide network with random weights."""


@registered
@dataclasses.dataclass(frozen=True)
class NTK(_NetworkKernel):
    """Inner products of the gradients of a wide network's output."""
