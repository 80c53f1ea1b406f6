"""Stands in for ``mftma.utils.make_manifold_data``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...._base import checks as _validate


def make_manifold_data(
    dataset: Sequence[tuple[Any, Any]],
    sampled_classes: int,
    examples_per_class: int,
    max_class: int | None = None,
    seed: int = 0,
) -> list[Any]:
    """Draw some examples of some classes of a data set.

    Same as the original: the classes, the examples and their order for `seed` = 0, and the seeding of
    NumPy's global generator (later draws depend on it). Different: `seed` is honoured (the original
    always uses 0), torch is not needed, and impossible requests raise a ``ValueError`` with the
    numbers (in the original an ``AssertionError``).

    Parameters
    ----------
    dataset : sequence of (input, label)
        Labels are 0, 1, ...
    sampled_classes : int
        Number of classes to draw.
    examples_per_class : int
        Number of examples of each.
    max_class : int, optional
        Classes are drawn from 0, ..., max_class - 1; by default `max_class` is `sampled_classes`.
    seed : int
        For ``numpy.random.seed``.

    Returns
    -------
    list of arrays or tensors
        The examples of each class stacked, in the order in which the classes were met. Tensors are
        stacked by their own library, all else by ``numpy.stack``.

    Raises
    ------
    ValueError
        If there are not enough classes or examples.

    Examples
    --------
    >>> dataset = [(np.full(3, float(i)), i % 4) for i in range(40)]
    >>> [batch.shape for batch in make_manifold_data(dataset, 2, 5, max_class=4)]
    [(5, 3), (5, 3)]
    """
    sampled_classes = _validate.as_count(sampled_classes, "sampled_classes")
    examples_per_class = _validate.as_count(examples_per_class, "examples_per_class")
    max_class = sampled_classes if max_class is None else _validate.as_count(max_class, "max_class")
    if sampled_classes > max_class:
        raise ValueError(f"sampled_classes ({sampled_classes}) exceeds max_class ({max_class})")
    if examples_per_class * max_class > len(dataset):
        raise ValueError(
            f"dataset has {len(dataset)} examples, fewer than examples_per_class * max_class "
            f"({examples_per_class} * {max_class})"
        )
    np.random.seed(seed)
    classes = np.random.choice(max_class, size=sampled_classes, replace=False)
    order = np.arange(len(dataset))
    np.random.shuffle(order)

    drawn: dict[int, list[Any]] = {}
    missing = sampled_classes * examples_per_class
    for i in order:
        sample, label = dataset[int(i)]
        match = np.flatnonzero(classes == np.asarray(label))
        if not match.size:
            continue
        batch = drawn.setdefault(int(match[0]), [])
        if len(batch) < examples_per_class:
            batch.append(sample)
            missing -= 1
            if missing == 0:
                return [_stack(batch) for batch in drawn.values()]
    raise ValueError(
        f"dataset has too few examples of the classes drawn ({sorted(classes.tolist())}): "
        f"{missing} of {sampled_classes} * {examples_per_class} are missing"
    )


def _stack(items: list[Any]) -> Any:
    """Stack with the items' own library, found without importing it."""
    for kind in type(items[0]).__mro__:
        library = sys.modules.get(kind.__module__.partition(".")[0])
        if library is not np and callable(getattr(library, "stack", None)):
            return library.stack(items)  # type: ignore[union-attr]
    return np.stack(items)
