"""Dichotomies: labelings of manifolds by +1 and -1, over which a capacity is averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base import checks as _validate
from .checks import require_fewer

Signs: TypeAlias = NDArray[np.int8]
DichotomyRule: TypeAlias = Callable[[np.random.Generator, int, int], ArrayLike]
Dichotomies: TypeAlias = str | ArrayLike | DichotomyRule

RULES = ("iid", "balanced", "one_vs_rest", "first_vs_rest")


def draw_dichotomies(
    dichotomies: Dichotomies, n_samples: int, n_manifolds: int, generator: np.random.Generator
) -> Signs:
    """Draw one labeling per sample; what users pass as ``dichotomies`` is checked here."""
    if callable(dichotomies):
        drawn = dichotomies(generator, n_samples, n_manifolds)
        return _as_signs(drawn, n_samples, n_manifolds, "what dichotomies returned")
    if not isinstance(dichotomies, str):
        return _as_signs(dichotomies, n_samples, n_manifolds, "dichotomies")
    rule = _validate.as_choice(dichotomies, "dichotomies", RULES)
    shape = (n_samples, n_manifolds)
    if rule == "iid":
        return (2 * generator.integers(0, 2, size=shape) - 1).astype(np.int8)
    if rule == "balanced":
        return _with_positives(n_manifolds // 2, shape, generator)
    if rule == "one_vs_rest":
        return _with_positives(1, shape, generator)
    signs = np.full(shape, -1, dtype=np.int8)
    signs[:, 0] = 1
    return signs


def _with_positives(count: int, shape: tuple[int, int], generator: np.random.Generator) -> Signs:
    """Draw rows with +1 at `count` random places."""
    order = generator.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
    return np.where(order < count, 1, -1).astype(np.int8)


def sparse_dichotomies(n_positive: int) -> DichotomyRule:
    """Labelings in which few manifolds are positive, for ``dichotomies=``.

    Parameters
    ----------
    n_positive : int
        Number of manifolds labelled +1 in each sample; 1 is the one-versus-rest limit (the rule
        ``"one_vs_rest"``), half the manifolds is the rule ``"balanced"``.

    Returns
    -------
    callable
        A rule (generator, n_samples, n_manifolds) -> (n_samples, n_manifolds) array.

    Raises
    ------
    TypeError, ValueError
        If n_positive is not a positive integer or, when used, not below the number of manifolds.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rule = ng.sparse_dichotomies(2)
    >>> rule(np.random.default_rng(0), 3, 6).sum(axis=1)  # 2 positive and 4 negative
    array([-2, -2, -2])
    """
    positives = _validate.as_count(n_positive, "n_positive")

    def rule(generator: np.random.Generator, n_samples: int, n_manifolds: int) -> Signs:
        require_fewer(positives, "n_positive", n_manifolds, "the number of manifolds")
        return _with_positives(positives, (n_samples, n_manifolds), generator)

    return rule


def tilted_dichotomies(reference: ArrayLike, strength: float) -> DichotomyRule:
    r"""Labelings that lean towards one task, for ``dichotomies=``.

    Parameters
    ----------
    reference : array_like of shape (n_manifolds,)
        The task: a label +1 or -1 for each manifold, or 0 where the task says nothing about it.
    strength : float
        Inverse temperature beta: 0 gives independent fair labels, large values the task itself (negative
        ones its opposite).

    Returns
    -------
    callable
        A rule (generator, n_samples, n_manifolds) -> (n_samples, n_manifolds) array.

    Raises
    ------
    TypeError, ValueError
        If the labels are not -1, 0 or 1, strength is not finite, or, when used, the number of manifolds
        differs.

    Notes
    -----
    Labels are drawn with :math:`P(y) \propto \exp(\beta\, y \cdot y_0)`, so that manifold mu has its
    reference label with probability :math:`1/(1 + e^{-2\beta})`. If the task depends on a context, write a
    rule of your own that draws a context for each sample and returns its labels; any function of (generator,
    n_samples, n_manifolds) will do.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> rule = ng.tilted_dichotomies([1, 1, -1, -1], 1.0)
    >>> labels = rule(np.random.default_rng(0), 10000, 4)
    >>> bool(abs((labels == [1, 1, -1, -1]).mean() - 1 / (1 + np.exp(-2))) < 0.01)
    True

    Two contexts, one of which splits animals from tools and one large things from small ones:

    >>> tasks = np.array([[1, 1, -1, -1], [1, -1, 1, -1]])
    >>> def contexts(generator, n_samples, n_manifolds):
    ...     return tasks[generator.integers(0, 2, size=n_samples)]
    >>> contexts(np.random.default_rng(0), 3, 4).shape
    (3, 4)
    """
    task = _as_task(reference, "reference")
    beta = _validate.as_number(strength, "strength")

    def rule(generator: np.random.Generator, n_samples: int, n_manifolds: int) -> Signs:
        if len(task) != n_manifolds:
            raise ValueError(
                f"reference must have one entry for each manifold ({n_manifolds}), not {len(task)}"
            )
        # tanh form: no overflow at any strength
        likely = 0.5 * (1 + np.tanh(beta * task))
        return np.where(generator.random((n_samples, n_manifolds)) < likely, 1, -1).astype(np.int8)

    return rule


def _as_signs(value: Any, n_rows: int, n_columns: int, name: str) -> NDArray[np.int8]:
    """Take labels +1 and -1, one row per sample and one column per manifold."""
    array = _validate.as_array(value, name)
    if array.shape != (n_rows, n_columns):
        raise ValueError(
            f"{name} must have shape (n_samples, n_manifolds) = {(n_rows, n_columns)}, not {array.shape}"
        )
    bad = (array != 1) & (array != -1) if array.dtype.kind in "fi" else np.ones(array.shape, dtype=bool)
    if bad.any():
        position, shown = _validate.first_of(bad, name)
        raise ValueError(f"{shown} is {array[position]}; labels must be +1 or -1")
    return np.array(array, dtype=np.int8, order="C")  # a copy: results and rules keep it


def _as_task(value: Any, name: str) -> NDArray[np.int8]:
    """Take one label -1, 0 or +1 for each manifold."""
    array = _validate.as_array(value, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one-dimensional and not empty, not of shape {array.shape}")
    bad = ~np.isin(array, (-1, 0, 1)) | (array.dtype.kind == "b")
    if bad.any():
        position, shown = _validate.first_of(bad, name)
        raise ValueError(f"{shown} is {array[position]}; labels must be -1, 0 or +1")
    return np.array(array, dtype=np.int8, order="C")  # a copy: results and rules keep it
