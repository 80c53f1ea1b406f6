"""A metric that tests hold up and have fail, from outside and in whatever process it runs."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import neurogeom as ng
import numpy as np


class Controlled(ng.Procrustes):
    """Procrustes distance that asks a folder, tile by tile, whether it may go on.

    With a file ``open`` it may. Otherwise it takes a file ``ticket-*`` away, one a tile; if there is none it
    says so with a file ``waiting-PID`` and waits. A file ``orders.json`` names a pair by its numbers of units
    and what happens there: "kill", "raise" or "nan". A file ``bad-item`` names a number of units that cannot
    be prepared ("5"), or that kills its process ("5 kill").
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def prepare(self, data, label):
        """Remember the number of units, which names an item in orders."""
        del label
        bad = Path(self.folder) / "bad-item"
        number, _, action = (bad.read_text() if bad.exists() else "").partition(" ")
        if number == str(np.asarray(data).shape[1]):
            if action == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("this item is poison")
        return np.asarray(data).shape[1]

    def pair(self, tile, products):
        """Give the distances, once the tile may be computed."""
        values = super().pair(tile, products)
        folder = Path(self.folder)
        (folder / f"threads-{tile.n_threads}").touch()
        _take_ticket(folder)
        if (folder / "orders.json").exists():
            orders = json.loads((folder / "orders.json").read_text())
            rows, columns = ([item[self] for item in side] for side in tile.sides)
            named = np.array([[{n, m} == set(orders["widths"]) for m in columns] for n in rows]) & tile.where
            if named.any():
                _obey(orders["action"], values, named)
        return values


def _take_ticket(folder):
    while not (folder / "open").exists():
        for ticket in folder.glob("ticket-*"):
            try:
                ticket.unlink()
            except FileNotFoundError:  # another process was faster
                continue
            return
        (folder / f"waiting-{os.getpid()}").touch()
        time.sleep(0.005)


def _obey(action, values, named):
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "raise":
        raise RuntimeError("this pair is poison")
    assert action == "nan"
    values[named] = np.nan
