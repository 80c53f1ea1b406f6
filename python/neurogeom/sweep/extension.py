"""Adds items to a sweep; only their rows and columns are computed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .. import io
from .._base.checks import AnyArray
from ..pairs.driver import as_tests
from ..representations.checks import require_items
from ..representations.representation import RDM, Representation, as_items, require_same_stimuli
from . import errors as check
from .completeness import SweepStatus, status_of
from .files import names_in, one_at_a_time
from .items import describe_items
from .kinds import CapacitySweep, load_sweep, sweep_of
from .planning import opened, stimuli_of
from .store import VERSION, Store


def extend(
    store: str | os.PathLike[str],
    items: Any,
    *,
    names: Sequence[str] | None = None,
    test: Any = None,
) -> SweepStatus:
    """Add items to a sweep. Finished tiles stay; the next run computes what is new.

    Parameters
    ----------
    store : path-like
        The sweep, finished or not.
    items : path, pattern, or sequence or mapping of items
        New items (of the rows, in a sweep of rows with columns), as for :func:`plan`, with other names than
        these have.
    names : sequence of str, optional
        Names of the items; by default their own, else their numbers among all of them.
    test : sequence of arrays, optional
        Their held-out responses, if the sweep has such.

    Returns
    -------
    SweepStatus
        With the new tiles left.

    Raises
    ------
    TypeError, ValueError
        If an item cannot be used, or has other stimuli than the sweep.
    FileNotFoundError, SweepError
        If it is no sweep of this version of the package.

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
    found = Store(store)
    with one_at_a_time(found.path / "items"):  # two at once would write the same list of items
        _append(found, items, names, test)
    return status_of(Store(found.path))


def _append(found: Store, items: Any, names: Sequence[str] | None, test: Any) -> None:
    """Check items and add them to an opened sweep."""
    sweep = load_sweep(found, is_extended=True)
    begun = found.plan["version"]
    check.require_same_numbers(begun, VERSION, found.path, sweep.has_numbers_of(begun))
    given = opened(items)
    known = [item["name"] for item in sweep.items if item["side"] == "rows"]
    count = len(known)
    new = as_items(given, "items", names)
    if names is None and not isinstance(given, Mapping):
        new = as_items(given, "items", [_name_of(item, count + k) for k, item in enumerate(given)])
    require_items(len(new), "items")
    check.require_new_names([item.name for item in new], known)
    require_same_stimuli(new)
    stimuli = stimuli_of(new)
    expected = found.plan["stimuli"]
    check.require_same_sweep_stimuli(
        (stimuli["count"], stimuli["ids"]), (expected["count"], expected["ids"]), new[0].label
    )
    tests = None
    if isinstance(sweep, CapacitySweep):
        for item in new:
            check.require_responses(not isinstance(item.source, RDM), item.label)
        check.require_test(test is not None, False)
    else:
        check.require_test(test is not None, sweep.held_out)
        tests, _ = as_tests(test, new, None, sweep.metrics)
        for item in tests or []:
            planned = sweep.items[0]["test"]["shape"][0]
            check.require_same_sweep_stimuli((item.n_stimuli, None), (planned, None), item.label)
    inputs: dict[int, AnyArray] = {}
    numbers = (name.removesuffix(".npy") for name in names_in(found.path / "inputs"))
    last = max((int(number) for number in numbers if number.isdigit()), default=-1)
    described = describe_items(new, "rows", tests, inputs, last + 1)
    parts = [*found.item_lists(), described]
    grid = sweep_of(found.plan, parts, found.arguments()).grid
    found.append_items(described, inputs, grid.shape)


def _name_of(item: Any, number: int) -> str:
    """Number those on that have no name of their own."""
    own = item.name if isinstance(item, (Representation, RDM, io.StoredItem)) else None
    return str(number) if own is None else own
