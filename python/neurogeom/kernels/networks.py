"""Covariances and tangent kernels of wide, fully connected networks, by depth."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from .._base.checks import FloatArray, as_choice, as_count, as_float_matrix, as_number
from .._base.codec import registered
from .._base.isa import core
from .._base.threads import resolve_threads
from ..representations.checks import require_normal_range

Activation: TypeAlias = Literal["relu", "erf"]

_ACTIVATIONS = ("relu", "erf")


@dataclasses.dataclass(frozen=True)
class _NetworkKernel:
    """A network's hidden layers, and what their width makes of two inputs."""

    depth: int = 1
    activation: Activation = "relu"
    weight_variance: float = 1.0
    bias_variance: float = 0.0

    _is_tangent: ClassVar[bool]

    def __post_init__(self) -> None:
        weights = as_number(self.weight_variance, "weight_variance")
        biases = as_number(self.bias_variance, "bias_variance")
        if weights <= 0:
            raise ValueError(f"weight_variance must be positive, not {weights}")
        if biases < 0:
            raise ValueError(f"bias_variance must not be negative, not {biases}")
        checked = {
            "depth": as_count(self.depth, "depth", minimum=0),
            "activation": as_choice(self.activation, "activation", _ACTIVATIONS),
            "weight_variance": weights,
            "bias_variance": biases,
        }
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    @property
    def name(self) -> str:
        """What metrics and results call it."""
        weights = f" weights {self.weight_variance:g}" if self.weight_variance != 1 else ""
        biases = f" biases {self.bias_variance:g}" if self.bias_variance else ""
        return f"{type(self).__name__.lower()} {self.activation} {self.depth}{weights}{biases}"

    def gram(self, X: Any, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of all pairs of rows.

        Parameters
        ----------
        X : array-like of shape (n_stimuli, n_units)
            Inputs of the network.
        n_threads : int, optional
            Threads to use. The result does not depend on it.

        Returns
        -------
        ndarray of shape (n_stimuli, n_stimuli)
            Symmetric, to the bit, and positive semidefinite up to rounding. An entry depends on its two rows
            only.
        """
        found = core.wide_gram(_as_inputs(X, "X"), self._network, resolve_threads(n_threads))
        self._require_in_range(np.diagonal(found))
        return found

    def cross(self, X: Any, Z: Any, *, n_threads: int | None = None) -> FloatArray:
        """Return the kernel of each row of one matrix with each of another.

        Parameters
        ----------
        X, Z : array-like of shape (n_stimuli, n_units)
            Inputs of the network; numbers of stimuli may differ.
        n_threads : int, optional
            Threads to use. The result does not depend on it.

        Returns
        -------
        ndarray of shape (rows of X, rows of Z)
            ``cross(X, X)`` is ``gram(X)``, to the bit.
        """
        X, Z = _as_inputs(X, "X"), _as_inputs(Z, "Z")
        if X.shape[1] != Z.shape[1]:
            raise ValueError(f"X has {X.shape[1]} units and Z has {Z.shape[1]}: they must be the same")
        found = core.wide_cross(X, Z, self._network, resolve_threads(n_threads))
        self._require_in_range(found)
        return found

    def diagonal(self, X: Any) -> FloatArray:
        """Return the diagonal of ``gram(X)``, a vector, without the rest."""
        found = core.wide_diagonal(_as_inputs(X, "X"), self._network)
        self._require_in_range(found)
        return found

    def _require_in_range(self, values: FloatArray) -> None:
        if not np.isfinite(values).all():
            raise ValueError(
                f"the kernel leaves the range of float64 after {self.depth} layers at weight_variance "
                f"{self.weight_variance:g} and bias_variance {self.bias_variance:g}: use smaller variances"
            )

    @property
    def _network(self) -> tuple[bool, int, float, float, bool]:
        is_erf = self.activation == "erf"
        return is_erf, self.depth, self.weight_variance, self.bias_variance, self._is_tangent


def _as_inputs(value: Any, name: str) -> FloatArray:
    inputs = as_float_matrix(value, name)
    require_normal_range(inputs, name)
    return inputs


@registered
@dataclasses.dataclass(frozen=True)
class NNGP(_NetworkKernel):
    r"""Covariance of the outputs of a wide network with random weights, for two inputs.

    The kernel of Bayesian learning in infinitely wide networks ("neural network Gaussian process"). With
    :math:`K_0 = \sigma_w^2 X X' / n + \sigma_b^2` for inputs X of n units, each hidden layer gives
    :math:`K_{l+1} = \sigma_w^2\, E[\phi(u) \phi(v)] + \sigma_b^2` with (u, v) Gaussian of covariance
    :math:`K_l`.

    Parameters
    ----------
    depth : int, default 1
        Hidden layers. 0 is the kernel :math:`K_0` of a linear model.
    activation : {"relu", "erf"}, default "relu"
        :math:`\phi`: ``max(0, u)``, which gives the arc-cosine kernels, or the error function, a sigmoid like
        tanh.
    weight_variance : float, default 1.0
        :math:`\sigma_w^2`: the variance of a weight times the number of units that it sums over, the same
        for all layers, the read-out included. A ReLU layer halves variances, so that the kernel falls as
        ``2**-depth`` at 1; at 2 (He's initialisation) each row keeps its variance. Without biases
        this is a common factor of the kernel of a ReLU network, which CKA does not see.
    bias_variance : float, default 0.0
        :math:`\sigma_b^2`, the same for all layers, the read-out included.

    Notes
    -----
    All layers of a pair of rows are computed in one pass. Angles come from the difference of two directions
    where these are nearly parallel, so that no digits are lost there: errors are below 1e-15 for each
    layer, relative to the root of the product of the diagonal entries. An erf network of a large
    weight_variance (10 and more) drives inputs apart, and magnifies their rounding from layer to layer.

    Cho & Saul, Kernel methods for deep learning, NIPS 2009 (ReLU); Williams, Computing with infinite
    networks, NIPS 1996 (erf).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> ng.kernels.NNGP(depth=1, weight_variance=2.0).gram(X).round(3)
    array([[1.   , 0.318, 0.   ],
           [0.318, 1.   , 0.318],
           [0.   , 0.318, 1.   ]])

    CKA with the kernel of a network of three hidden layers on each representation:

    >>> Y = np.random.default_rng(0).normal(size=(40, 10))
    >>> linear = ng.cka(Y, np.abs(Y))
    >>> bool(ng.cka(Y, np.abs(Y), kernel=ng.kernels.NNGP(depth=3)) > linear)
    True
    """

    _is_tangent: ClassVar[bool] = False


@registered
@dataclasses.dataclass(frozen=True)
class NTK(_NetworkKernel):
    r"""Inner product of the gradients of a wide network's output with respect to all its parameters.

    The kernel of gradient descent in wide networks ("neural tangent kernel"):
    :math:`\Theta_0 = K_0`, :math:`\Theta_{l+1} = K_{l+1} + \Theta_l\, \sigma_w^2\, E[\phi'(u) \phi'(v)]`,
    with :math:`K_l` and the parameters of :class:`NNGP`. Weights are standard normal numbers that the network
    multiplies by the root of ``weight_variance / n``; gradients are with respect to these numbers.

    Parameters
    ----------
    depth : int, default 1
        Hidden layers. 0 is the kernel of a linear model.
    activation : {"relu", "erf"}, default "relu"
        See :class:`NNGP`.
    weight_variance : float, default 1.0
        See :class:`NNGP`.
    bias_variance : float, default 0.0
        See :class:`NNGP`; biases are trained like weights.

    Notes
    -----
    See :class:`NNGP`. Jacot, Gabriel & Hongler, Neural tangent kernel: convergence and generalization in
    neural networks, NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> ng.kernels.NTK(depth=1, weight_variance=2.0).gram(X).round(3)
    array([[2.   , 0.318, 0.   ],
           [0.318, 2.   , 0.318],
           [0.   , 0.318, 2.   ]])
    """

    _is_tangent: ClassVar[bool] = True
