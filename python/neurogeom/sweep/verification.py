"""Looks for damage in a store, and recomputes a sample of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from .._base import checks as _validate
from .._base.progress import Progress, as_progress
from .._base.rng import RandomSource, as_generator
from .._base.threads import resolve_threads
from ..pairs.tiles import TileKey
from .errors import SweepError
from .items import require_unchanged_inputs
from .store import tile_name
from .worker import Worker


@dataclasses.dataclass(frozen=True)
class Verification:
    """What :func:`verify` found.

    Attributes
    ----------
    n_tiles, n_items : int
        Finished tiles and prepared items whose checksums were checked.
    recomputed : list of tile
        Tiles that were recomputed from the inputs.
    damaged : dict of str to str
        Tiles ("tile 0-1") and items ("item 3") that cannot be read, and why.
    different : list of str
        Tiles and items that have other bits when recomputed.
    repaired : bool
        Whether these were removed, so that the next run recomputes them.
    """

    n_tiles: int
    n_items: int
    recomputed: list[TileKey]
    damaged: dict[str, str]
    different: list[str]
    repaired: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.damaged and not self.different

    def __str__(self) -> str:
        looked = (
            f"{self.n_tiles:,} tiles and {self.n_items:,} items read, {len(self.recomputed):,} recomputed"
        )
        if self.is_sound:
            return f"{looked}: all as they should be"
        bad = [f"{name} is damaged" for name in self.damaged] + [
            f"{n} has other bits" for n in self.different
        ]
        then = "removed; run the sweep to recompute them" if self.repaired else "not repaired"
        return f"{looked}: {', '.join(bad)} ({then})"


@_validate.explain_keywords
def verify(
    store: str | os.PathLike[str],
    sample: int = 20,
    *,
    rng: RandomSource = 0,
    repair: bool = False,
    n_threads: int | None = None,
    progress: Progress = False,
    trust: Sequence[str] = (),
) -> Verification:
    """Check all checksums of a sweep, and recompute a random sample of its tiles from the inputs.

    Parameters
    ----------
    store : path-like
        The sweep.
    sample : int, default 20
        Tiles to recompute and to compare bit by bit, with their items. Where an item has other bits, all its
        tiles are recomputed. With 0, only checksums are checked, also for a sweep of another version of the
        package.
    rng : None, int, SeedSequence or Generator, default 0
        Source of randomness that picks them.
    repair : bool, default False
        Remove what is damaged or different; :func:`run` then recomputes it.
    n_threads : int, optional
        Threads to use.
    progress : bool or callable(done, total), default False
        Show a bar of recomputed tiles.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    Verification
        What was found. Other bits are expected on a processor or with a BLAS other than those that the
        journal names.

    Raises
    ------
    SweepError
        If the plan, an input or the package changed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(np.random.default_rng(0).normal(size=(5, 20, 4)), store=store)
    >>> done = ng.sweep.run(store)
    >>> ng.sweep.verify(store).is_sound
    True
    """
    count = _validate.as_count(sample, "sample", minimum=0)
    worker = Worker(store, resolve_threads(n_threads), trust, is_reader=count == 0)
    require_unchanged_inputs(worker.store, enumerate(worker.sweep.items))
    report = as_progress(progress, "recomputed")
    damaged: dict[str, str] = {}
    different: list[str] = []
    sound = []
    tiles = sorted(set(worker.grid.tiles()) & worker.store.finished_tiles())
    for key in tiles:
        error = _error_of(worker.store.read_tile, key)
        if error is None:
            sound.append(key)
        else:
            damaged[_tile(key)] = error
    items = sorted(worker.store.prepared_items())
    notes = {"error": worker.store.notes("errors"), "remarks": worker.store.notes("remarks")}

    def read_item(number: int) -> None:
        header, _ = worker.store.read_prepared(number) or ({}, {})
        for kind, known in notes.items():  # written when the item is prepared
            if header.get(kind) and number not in known:
                raise SweepError(f"the note of the {kind} of item {number} is missing in {worker.store.path}")

    for number in items:
        error = _error_of(read_item, number)
        if error is not None:
            damaged[_item(number)] = error
    order = as_generator(rng).permutation(len(sound))[:count]
    again = sorted(sound[int(k)] for k in order)
    checked: dict[int, bool] = {}
    for done, key in enumerate(again):  # `again` grows in the loop
        if report is not None:
            report(done, len(again))
        for number in worker.sweep.items_of(key):
            if number in checked or _item(number) in damaged:
                continue
            checked[number] = worker.is_as_prepared(number)
            if not checked[number]:  # none of its tiles can be trusted
                different.append(_item(number))
                again += [k for k in sound if k not in again and number in worker.sweep.items_of(k)]
        stored = worker.store.read_tile(key)
        computed = worker.compute(key, from_inputs=True)
        assert stored is not None
        there = stored[tuple(slice(0, n) for n in computed.shape)]
        if there.tobytes() != computed.tobytes():
            different.append(_tile(key))
    if report is not None:
        report(len(again), len(again))
    if repair:
        for name in [*damaged, *different]:
            kind, _, which = name.partition(" ")
            if kind == "tile":
                worker.store.remove_tile(tuple(map(int, which.split("-"))))
            else:
                worker.store.remove_prepared(int(which))
    return Verification(
        len(tiles), len(items), again, damaged, different, repair and bool(damaged or different)
    )


def _error_of(read: Any, which: Any) -> str | None:
    try:
        read(which)
    except SweepError as error:
        return str(error)
    return None


def _tile(key: TileKey) -> str:
    return f"tile {tile_name(key)}"


def _item(number: int) -> str:
    return f"item {number}"
