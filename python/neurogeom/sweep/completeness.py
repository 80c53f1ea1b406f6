"""How far a sweep is."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._base.quantities import format_seconds
from ..pairs.tiles import TileKey
from .attempts import Attempts
from .journal import eta_of, read_journals
from .kinds import load_sweep
from .store import Store, sweep_command, tile_name


@dataclasses.dataclass(frozen=True)
class SweepStatus:
    """How far a sweep is; made by :func:`status`.

    Attributes
    ----------
    store : Path
        The sweep.
    n_tiles, done, left : int
        Tiles: all, finished, and still to be computed (without those that have failed).
    failed : dict of tile to list of str
        Tiles that were given up after three tries, and what went wrong.
    n_items, prepared : int
        Items, and those whose preparation is finished.
    errors : dict of int to dict
        Items (or capacity jobs) whose data do not allow the analysis, and why; what depends on them is NaN.
    remarks : dict of int to dict
        Remarks of metrics on single items, and warnings of jobs that have a result.
    eta : float or None
        Seconds that the processes now at work still need; None if there are none, or nothing is known yet.
    cpu_seconds : float
        Processor time so far.
    trust : tuple of str
        Packages from which the store may name classes; `resume_command` passes them on.
    """

    store: Path
    n_tiles: int
    done: int
    left: int
    failed: Mapping[TileKey, list[str]]
    n_items: int
    prepared: int
    errors: Mapping[int, Mapping[str, Any]]
    remarks: Mapping[int, Mapping[str, Any]]
    eta: float | None
    cpu_seconds: float
    trust: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all tiles are finished."""
        return self.done == self.n_tiles

    @property
    def resume_command(self) -> str:
        """The shell command that resumes it."""
        return sweep_command("run", self.store, self.trust)

    def __str__(self) -> str:
        parts = [f"{self.done:,} of {self.n_tiles:,} tiles", f"{self.left:,} left"]
        if self.failed:
            parts.append(f"{len(self.failed):,} failed")
        if self.prepared < self.n_items:
            parts.append(f"{self.prepared:,} of {self.n_items:,} items prepared")
        if self.errors:
            parts.append(f"{len(self.errors):,} without a result because of their data")
        if self.eta is not None and self.left:
            parts.append(f"{format_seconds(self.eta)} to go")
        return ", ".join(parts)


class SweepIncomplete(RuntimeError):  # noqa: N818 - named for what it says, like StopIteration
    """A run ended before all tiles were finished; what is finished is safe.

    Attributes
    ----------
    status : SweepStatus
        What is done, left and failed.
    """

    def __init__(self, reason: str, status: SweepStatus) -> None:
        self.status = status
        self._reason = reason
        failed = ""
        if status.failed:
            tile, errors = next(iter(status.failed.items()))
            failed = f"; tile {tile_name(tile)} failed {len(errors)} times, last: {errors[-1]}"
        retry = " --retry-failed" if status.failed and not status.left else ""
        ended = dataclasses.replace(status, eta=None)  # workers of a moment ago have stopped
        super().__init__(f"{reason}: {ended}{failed}. Resume with: {status.resume_command}{retry}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the status, which Exception alone would drop, so that other processes can raise it."""
        return type(self), (self._reason, self.status)


def status(store: str | os.PathLike[str], *, trust: Sequence[str] = ()) -> SweepStatus:
    """Tell how far a sweep is; this reads only file names and the journal, and writes nothing.

    Parameters
    ----------
    store : path-like
        The sweep.
    trust : sequence of str, optional
        See :func:`open`.

    Returns
    -------
    SweepStatus
        With ``done``, ``left``, ``failed`` and ``eta``.

    Raises
    ------
    FileNotFoundError, SweepError
        If it is not a sweep, or its plan was changed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> store = os.path.join(tempfile.mkdtemp(), "sweep.zarr")
    >>> plan = ng.sweep.plan(np.random.default_rng(0).normal(size=(5, 20, 4)), store=store)
    >>> ng.sweep.status(store).done
    0
    """
    return status_of(Store(store, trust))


def status_of(store: Store) -> SweepStatus:
    """Tell how far the sweep in an open store is."""
    sweep = load_sweep(store)
    tiles = sweep.grid.tiles()
    finished = store.finished_tiles()
    done = sum(key in finished for key in tiles)
    known = set(tiles) - finished  # items may be given up too, and then all of their tiles are
    failed = {k: v for k, v in Attempts(store.path).given_up().items() if k in known}
    left = len(tiles) - done - len(failed)
    lines = read_journals(store.path / "journal")
    return SweepStatus(
        store=store.path,
        n_tiles=len(tiles),
        done=done,
        left=left,
        failed=failed,
        n_items=len(sweep.items),
        prepared=len(store.prepared_items()) if sweep.prepares else len(sweep.items),
        errors=store.notes("errors"),
        remarks=store.notes("remarks"),
        eta=eta_of(lines, left),
        cpu_seconds=sum(line.get("cpu", 0.0) for process in lines.values() for line in process),
        trust=store.trust,
    )
