"""Adds items to a sweep; only their rows and columns are computed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._base.checks import AnyArray
from ..representations.checks import require_items
from ..representations.items import as_items, own_name
from .completeness import SweepStatus, status_of
from .files import names_in, one_at_a_time
from .items import describe_items
from .kinds import load_sweep, require_same_numbers, sweep_of
from .planning import opened
from .store import Store


def extend(
    store: str | os.PathLike[str],
    items: Any,
    *,
    names: Sequence[str] | None = None,
    test: Any = None,
    trust: Sequence[str] = (),
) -> SweepStatus:
    """Add items to a sweep. Finished tiles are kept; the next run computes what is new.

    Parameters
    ----------
    store : path-like
        The sweep, finished or not.
    items : path, pattern, or sequence or mapping of items
        New items (rows, in a sweep of rows with columns), as for :func:`plan`, with names that the sweep
        does not have yet.
    names : sequence of str, optional
        Names of the items; by default their own, else their numbers among all of them.
    test : sequence of arrays, optional
        Their held-out responses, if the sweep uses them.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    SweepStatus
        Its ``left`` counts the new tiles.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be used, or has other stimuli than the sweep.
    FileNotFoundError, SweepError
        If it is not a sweep of this version of the package.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> data = np.random.default_rng(0).normal(size=(7, 20, 4))
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(data[:5], store=store)
    >>> finished = ng.sweep.run(store)
    >>> ng.sweep.extend(store, data[5:]).left > 0
    True
    >>> finished = ng.sweep.run(store)
    >>> bool((ng.sweep.open(store).square == ng.pairwise(data).square).all())
    True
    """
    found = Store(store, trust)
    with one_at_a_time(found.path / "items"):  # two at once would write the same list of items
        _append(found, items, names, test)
    return status_of(Store(found.path, trust))


def _append(found: Store, items: Any, names: Sequence[str] | None, test: Any) -> None:
    """Check items and add them to an opened sweep."""
    sweep = load_sweep(found, is_extended=True)
    require_same_numbers(found, sweep)
    given = opened(items)
    known = [item["name"] for item in sweep.items if item["side"] == "rows"]
    there, count = set(known), len(known)
    new = as_items(given, "items", names)
    if names is None and not isinstance(given, Mapping):
        named = [own_name(item) for item in given]
        new = as_items(given, "items", [str(count + k) if n is None else n for k, n in enumerate(named)])
    require_items(len(new), "items")
    for item in new:
        if item.name in there:
            raise ValueError(f"the sweep already has an item {item.name!r}: give other names")
    sweep.require_common(new)
    tests = sweep.check_new(new, test)
    inputs: dict[int, AnyArray] = {}
    numbers = (name.removesuffix(".npy") for name in names_in(found.path / "inputs"))
    last = max((int(number) for number in numbers if number.isdigit()), default=-1)
    described = describe_items(new, "rows", tests, inputs, last + 1)
    parts = [*found.item_lists(), described]
    grid = sweep_of(found.plan, parts, found.arguments(), found.trust).grid
    found.append_items(described, inputs, grid.shape)
