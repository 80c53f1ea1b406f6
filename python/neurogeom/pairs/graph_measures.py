"""What network science computes from a graph of areas or networks: communicability and controllability."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from .._base import checks as _validate
from .._base.checks import FloatArray
from .._base.threads import single_threaded_blas
from .graphs import Graph

_SYSTEMS = ("discrete", "continuous")


def communicability(graph: Any, *, normalize: bool = True) -> FloatArray:
    """Return how well each pair of nodes is joined by walks of all lengths.

    Parameters
    ----------
    graph : Graph or array-like, shape (n_nodes, n_nodes)
        Symmetric weights, of which none is negative.
    normalize : bool, default True
        Divide each weight by the square root of the strengths of its two nodes, so that nodes of large
        strength do not dominate. False suits binary graphs. A node without edges has 1 on the diagonal and 0
        elsewhere.

    Returns
    -------
    ndarray, shape (n_nodes, n_nodes)
        exp(W) of the (normalised) weights: the sum over walks of k steps of the products of their weights,
        divided by k!. On the diagonal, the walks that return.

    Raises
    ------
    ValueError
        If weights are negative, not symmetric or not finite.

    References
    ----------
    Estrada & Hatano, Physical Review E 77, 036111 (2008); Crofts & Higham, J. R. Soc. Interface 6, 411
    (2009).

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.communicability([[0.0, 1.0], [1.0, 0.0]]).round(3)
    array([[1.543, 1.175],
           [1.175, 1.543]])
    """
    weights = _as_weights(graph)
    if (weights < 0).any():
        raise ValueError(f"weights must not be negative, as {weights.min():.4g} is")
    if normalize:
        strength = weights.sum(axis=1)
        root = np.sqrt(np.divide(1.0, strength, out=np.zeros_like(strength), where=strength > 0))
        weights = weights * np.outer(root, root)
    values, vectors = _spectrum(weights)
    with single_threaded_blas():
        return np.asarray((vectors * np.exp(values)) @ vectors.T)


def average_controllability(graph: Any, *, system: str = "discrete", c: float = 1.0) -> FloatArray:
    """Return how far one unit of input to each node moves the network.

    Parameters
    ----------
    graph : Graph or array-like, shape (n_nodes, n_nodes)
        Symmetric weights.
    system : {"discrete", "continuous"}, default "discrete"
        The linear dynamics that run on the graph: x(t+1) = A x(t) + B u(t) with A = W / (c + L), where L
        is the largest absolute eigenvalue of the weights W; or dx/dt = A x + B u with A = W / (c + L) - 1.
    c : float, default 1
        Makes the dynamics stable; larger than 0. Where weights are far below 1 it decides how much of the
        network an input reaches, so that graphs of different scales are not comparable.

    Returns
    -------
    ndarray, shape (n_nodes,)
        Trace of the controllability Gramian with the input at one node at a time.

    Raises
    ------
    ValueError
        If weights are not symmetric or not finite, or `c` is not positive.

    Notes
    -----
    For symmetric weights the traces are the diagonal of (1 - A^2)^(-1), or of (-2 A)^(-1), which is what is
    computed.

    References
    ----------
    Gu et al., Nature Communications 6, 8414 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> star = np.zeros((4, 4))
    >>> star[0, 1:] = star[1:, 0] = 1.0
    >>> ng.average_controllability(star).round(3)
    array([1.672, 1.224, 1.224, 1.224])
    """
    weights = _as_weights(graph)
    discrete = _validate.as_choice(system, "system", _SYSTEMS) == "discrete"
    shift = _validate.as_number(c, "c")
    if shift <= 0:
        raise ValueError(f"c must be positive, not {shift}")
    values, vectors = _spectrum(weights)
    rates = values / (shift + np.abs(values).max())
    gains = 1 / ((1 - rates) * (1 + rates)) if discrete else 1 / (2 * (1 - rates))
    return np.asarray((vectors**2 * gains).sum(axis=1))


def _as_weights(graph: Any) -> FloatArray:
    if isinstance(graph, Graph):
        return graph.weights
    weights = _validate.as_float_matrix(graph, "graph")
    if weights.shape[0] != weights.shape[1]:
        raise ValueError(f"graph must be square, not {weights.shape}")
    _validate.require_finite(weights, "graph")
    _validate.require_symmetric_values(weights, weights.dtype, "graph")
    return weights


def _spectrum(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    with single_threaded_blas():
        values, vectors = linalg.eigh(weights)
    return values, vectors
